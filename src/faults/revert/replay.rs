//! A replay that still runs: cancelled, and waited for until it has ended.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Pending, revert_unless_gone, until_over};
use crate::aws::CallError;
use crate::faults::start_replay::{describe, ended};
use crate::wakeup::Topic;

const CALL: &str = "events:CancelReplay";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    name: &str,
) -> Result<(), ChangeError> {
    let runs = async || Ok(ended(&describe(context.aws, name).await?).is_none());
    let work = async |_: &IndexMap<String, String>| {
        if ended(&describe(context.aws, name).await?).is_some() {
            return Ok(());
        }
        let cancelled = context.aws.events.cancel_replay().replay_name(name).send().await;
        match cancelled.map_err(|error| CallError::of(CALL, &error)) {
            Ok(_) => {}
            // It ended between the two calls; what it reads below says so.
            Err(error) if error.code.as_deref() == Some("IllegalStatusException") => {}
            Err(error) => return Err(error),
        }
        let is_over = async || Ok(ended(&describe(context.aws, name).await?).is_some());
        let still = || format!("replay {name} was cancelled and has not ended");
        until_over(context, Topic::Replays, CALL, is_over, still).await
    };
    revert_unless_gone(context, change, CALL, work, runs).await
}

/// What is left, in words.
pub(super) fn words(name: &str) -> String {
    format!("replay `{name}` may still run")
}
