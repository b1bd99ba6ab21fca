//! A local program as a fault, only with `--allow-commands`.
//!
//! It takes effect when it starts, and goes on until it ends, its timeout, or the drill's end: then it is
//! killed, with everything that it started. A program that fails is a fault that failed.

use std::sync::atomic::Ordering;

use super::{ChangeError, Context, Injected, ended, ids, started};
use crate::aws::{CallError, CallErrorKind};
use crate::outside::{self, Running};
use crate::plan::PlannedFault;
use crate::scenario::types::CommandRun;
use crate::timeline::{Purpose, Undo};

/// What a program is called in the record.
pub(super) const RUN: &str = "command:run";

pub(super) fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    run: &'a CommandRun,
    revert: Option<&CommandRun>,
    token: &'a str,
) -> Result<Injected<'a>, ChangeError> {
    let undo = Undo::EndCommand { token: token.to_owned(), revert: revert.cloned() };
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, RUN, Some(undo))?;
    let occurred_at = context.clock().now();
    let running = match outside::spawn(run, token) {
        Ok(running) => running,
        Err(why) => {
            let error = not_started(&why);
            context.recorder.receipt(intent, Err(&error));
            return Err(error.into());
        }
    };
    let process = running.id().to_string();
    context.recorder.receipt(intent, Ok(ids([("process", &process)])));
    let occurred_at = context.at_aws(occurred_at);
    started(context, fault, occurred_at, [("command", run.words()), ("process", process)]);
    let continuation = Box::pin(async move { follow(context, fault, running).await });
    Ok(Injected { experiment: None, continuation: Some(continuation) })
}

/// Whether a program is there and may be started, with the search path that it is given.
pub(crate) fn can_start(program: &str, path: Option<&str>) -> Result<(), String> {
    outside::can_start(program, path)
}

/// Worded like a refusal: a program that never began has left nothing behind.
fn not_started(why: &str) -> CallError {
    CallError {
        kind: CallErrorKind::Refused,
        operation: RUN,
        code: None,
        message: format!("NotStarted: {why}"),
    }
}

/// Waits for the program's end, or ends it when the drill is over.
async fn follow(context: Context<'_>, fault: &PlannedFault, running: Running) {
    let stop = running.stop_switch();
    let end = running.wait();
    tokio::pin!(end);
    let end = tokio::select! {
        biased;
        end = &mut end => end,
        () = context.recorder.over() => {
            stop.store(true, Ordering::SeqCst);
            end.await
        }
    };
    let now = context.clock().now();
    match end {
        Ok(end) if end.success => ended(context, fault, now, "completed", Some(end.words())),
        Ok(end) if stop.load(Ordering::SeqCst) => {
            ended(context, fault, now, "stopped", Some(end.words()));
        }
        Ok(end) => ended(context, fault, now, "failed", Some(end.words())),
        Err(why) => ended(context, fault, now, "failed", Some(why)),
    }
}
