//! A listener rule: its target is removed, then the rule is deleted.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::CallError;
use crate::context::LISTENER_TARGET;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    bus: &str,
    name: &str,
) -> Result<(), ChangeError> {
    let events = &context.aws.events;
    let work = async {
        let removed = events
            .remove_targets()
            .rule(name)
            .event_bus_name(bus)
            .ids(LISTENER_TARGET)
            .send()
            .await;
        removed.map_err(|error| CallError::of("events:RemoveTargets", &error))?;
        let deleted = events.delete_rule().name(name).event_bus_name(bus).send().await;
        deleted.map_err(|error| CallError::of("events:DeleteRule", &error))?;
        Ok(())
    };
    revert(context, change, "events:DeleteRule", work).await
}

/// What is left, in words.
pub(super) fn words(bus: &str, name: &str) -> String {
    format!("rule `{name}` on bus `{bus}` exists")
}
