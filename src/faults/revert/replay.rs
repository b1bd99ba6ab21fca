//! A replay that still runs: cancelled, and waited for until it has ended.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, until_over};
use crate::aws::CallError;
use crate::context::ids;
use crate::faults::start_replay::{describe, ended};
use crate::timeline::Undo;
use crate::wakeup::Topic;

/// How many pages of a list are read.
const MAX_PAGES: usize = 1_000;

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

/// The replays of the context's drill that are not over, by their names.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let (mut found, mut token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let listing = context.aws.events.list_replays().set_next_token(token);
        let listing = listing.name_prefix(format!("firedrill-{}-", context.run_id));
        let page = listing.send().await;
        let page = page.map_err(|error| CallError::of("events:ListReplays", &error))?;
        for name in page.replays().iter().filter_map(|replay| replay.replay_name()) {
            if ended(&describe(context.aws, name).await?).is_none() {
                found.push((Undo::CancelReplay { name: name.to_owned() }, ids([])));
            }
        }
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(name: &str) -> String {
    format!("replay `{name}` may still run")
}
