//! A rule that the drill disabled: it is enabled again, and read back.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EnableRule.html>.

use aws_sdk_eventbridge::types::RuleState;
use indexmap::IndexMap;

use super::{ChangeError, Context, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::disable_rule::state;

const CALL: &str = "events:EnableRule";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    bus: &str,
    name: &str,
) -> Result<(), ChangeError> {
    let is_there = async || Ok(state(context.aws, bus, name).await?.is_some());
    let work = async |_: &IndexMap<String, String>| {
        let enabled = context.aws.events.enable_rule().name(name).event_bus_name(bus).send().await;
        enabled.map_err(|error| CallError::of(CALL, &error))?;
        match state(context.aws, bus, name).await? {
            Some(RuleState::Enabled) => Ok(()),
            other => Err(CallError {
                kind: CallErrorKind::Refused,
                operation: CALL,
                code: None,
                message: format!(
                    "the rule was enabled, and reads {} after that",
                    other.as_ref().map_or("nothing", RuleState::as_str)
                ),
            }),
        }
    };
    revert_unless_gone(context, change, CALL, work, is_there).await
}

/// What is left, in words.
pub(super) fn words(bus: &str, name: &str) -> String {
    format!("rule `{name}` on bus `{bus}` may still be disabled")
}
