//! A local program that a fault started: it is ended with everything that it started, and then the program
//! that takes it back is run.
//!
//! Its processes are found by the mark in their environment, so it works after a crash as well.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::command::RUN;
use crate::outside::{end_marked, spawn};
use crate::scenario::types::CommandRun;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    token: &str,
    back: Option<&CommandRun>,
) -> Result<(), ChangeError> {
    let failed = |message: String| CallError {
        kind: CallErrorKind::Unreachable,
        operation: RUN,
        code: None,
        message,
    };
    let work = async {
        let own = token.to_owned();
        let ended = tokio::task::spawn_blocking(move || end_marked(&own)).await;
        ended.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
        let Some(back) = back else { return Ok(()) };
        let running = spawn(back, &format!("{token}-revert")).map_err(failed)?;
        let end = running.wait().await.map_err(failed)?;
        if end.success {
            return Ok(());
        }
        Err(failed(format!("`{}`: {}", back.words(), end.words())))
    };
    revert(context, change, RUN, work).await
}

/// What is left, in words.
pub(super) fn words(token: &str, back: Option<&CommandRun>) -> String {
    match back {
        Some(back) => format!(
            "processes with FIREDRILL_TOKEN={token} may run, and `{}` has not succeeded",
            back.words()
        ),
        None => format!("processes with FIREDRILL_TOKEN={token} may run"),
    }
}
