//! A Step Functions execution that a fault started: it is stopped if it still runs.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html>.

use aws_sdk_sfn::types::{ExecutionStatus, StateMachineType};
use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::context::ids;
use crate::faults::start_execution::{describe, end_of};
use crate::timeline::Undo;

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

/// The executions of the context's drill that run, of every state machine, by their names.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut machines = context.aws.sfn.list_state_machines().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(machine) = machines.next().await {
        let machine = machine.map_err(|error| CallError::of("states:ListStateMachines", &error))?;
        // Those of an express machine can't be listed, and last five minutes at the most.
        if machine.r#type == StateMachineType::Express {
            continue;
        }
        let running = context.aws.sfn.list_executions().status_filter(ExecutionStatus::Running);
        let request = running.state_machine_arn(&machine.state_machine_arn);
        let mut pages = request.into_paginator().items().send();
        while let Some(execution) = pages.next().await {
            let execution =
                execution.map_err(|error| CallError::of("states:ListExecutions", &error))?;
            if execution.name.starts_with(context.run_id) {
                let state_machine = machine.state_machine_arn.clone();
                let undo = Undo::StopExecution { state_machine, name: execution.name };
                found.push((undo, ids([("execution", &execution.execution_arn)])));
            }
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(state_machine: &str, name: &str) -> String {
    format!("the execution `{name}` of state machine {state_machine} may still run")
}
