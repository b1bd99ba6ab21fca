//! A replay that still runs: cancelled, and waited for until it has ended.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html>.

use jiff::SignedDuration;

use super::{ChangeError, Context, Pending, revert};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::start_replay::{describe, ended};
use crate::wakeup::Topic;

const CALL: &str = "events:CancelReplay";

/// How long a cancelled replay may take to end before it counts as left behind.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    name: &str,
) -> Result<(), ChangeError> {
    let work = async {
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
        wait_until_ended(context, name).await
    };
    revert(context, change, CALL, work).await
}

async fn wait_until_ended(context: Context<'_>, name: &str) -> Result<(), CallError> {
    let clock = context.clock();
    let give_up = clock.now() + PATIENCE;
    loop {
        let mark = context.pace.mark(Topic::Replays);
        if ended(&describe(context.aws, name).await?).is_some() {
            return Ok(());
        }
        if clock.now() >= give_up {
            return Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation: CALL,
                code: None,
                message: format!("replay {name} was cancelled and has not ended"),
            });
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Replays, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

/// What is left, in words.
pub(super) fn words(name: &str) -> String {
    format!("replay `{name}` may still run")
}
