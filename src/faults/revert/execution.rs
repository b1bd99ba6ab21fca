//! A Step Functions execution that a fault started: it is stopped if it still runs.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::start_execution::{describe, end_of};

const STOP: &str = "states:StopExecution";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    state_machine: &str,
    name: &str,
) -> Result<(), ChangeError> {
    let work = async |ids: &IndexMap<String, String>| {
        let arn = match ids.get("execution").cloned() {
            Some(arn) => arn,
            None => find(context, state_machine, name),
        };
        if end_of(&describe(context, &arn).await?.status).is_some() {
            return Ok(());
        }
        let stop = context.aws.sfn.stop_execution().execution_arn(&arn);
        let sent = stop.error("Firedrill").cause("the drill is over").send().await;
        sent.map_err(|error| CallError::of(STOP, &error))?;
        // Stopping takes effect at once, which is read back all the same.
        match end_of(&describe(context, &arn).await?.status) {
            Some(_) => Ok(()),
            None => Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation: STOP,
                code: None,
                message: format!("execution {arn} was told to stop and has not ended"),
            }),
        }
    };
    let runs = async || {
        let arn = find(context, state_machine, name);
        Ok(end_of(&describe(context, &arn).await?.status).is_none())
    };
    revert_unless_gone(context, change, STOP, work, runs).await
}

/// An execution's ARN is its machine's, with its own name.
fn find(context: Context<'_>, state_machine: &str, name: &str) -> String {
    let machine = context.place.state_machine_arn(state_machine);
    format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1))
}

/// What is left, in words.
pub(super) fn words(state_machine: &str, name: &str) -> String {
    format!("the execution `{name}` of state machine {state_machine} may still run")
}
