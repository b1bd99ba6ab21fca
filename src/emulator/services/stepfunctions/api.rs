//! Executions, as the API shows them: started, described, listed, stopped, told event by event.
//!
//! Main functions: [`start`], [`describe`], [`stop`], [`history`]. Invariant: a name belongs to one
//! execution of a machine; the same start again answers that execution while it runs, and is refused
//! otherwise.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::execution::{Execution, Status};
use super::machines::{find, is_name, page};
use super::templates::Fault;
use super::{State, engine};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// The largest input, in bytes (documented quota).
const LARGEST_INPUT: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Start {
    state_machine_arn: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<String>,
    // A trace changes nothing that an API of the account shows.
    #[serde(default, rename = "traceHeader")]
    _trace_header: Option<String>,
}

/// `StartExecution`.
pub(super) fn start(account: &mut Account, input: Start) -> Answer {
    let machine = find(account, &input.state_machine_arn)?.clone();
    let text = input.input.unwrap_or_else(|| "{}".to_owned());
    let value: Value = serde_json::from_str(&text)
        .ok()
        .filter(|_| text.len() <= LARGEST_INPUT)
        .ok_or_else(|| {
            let message = "Invalid State Machine Execution Input: it is not JSON, or too large";
            ServiceError::new("InvalidExecutionInput", message)
        })?;
    let name = match input.name {
        Some(name) => name,
        None => account.ids.uuid(),
    };
    if !is_name(&name) {
        return Err(ServiceError::new("InvalidName", format!("Invalid Name: '{name}'")));
    }
    let execution = engine::new_execution(account, &machine, &name, text);
    if let Some(there) = account.services.stepfunctions.executions.get(&execution.arn) {
        if there.status == Status::Running && there.input == execution.input {
            return Ok(started(there));
        }
        let message = format!("Execution Already Exists: '{}'", execution.arn);
        return Err(ServiceError::new("ExecutionAlreadyExists", message));
    }
    let answer = started(&execution);
    engine::start(account, execution, value);
    Ok(answer)
}

fn started(execution: &Execution) -> Value {
    json!({ "executionArn": execution.arn, "startDate": epoch_seconds(execution.start) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    execution_arn: String,
    // Everything is included, encrypted or not: nothing is encrypted here.
    #[serde(default, rename = "includedData")]
    _included_data: Option<String>,
}

fn find_execution<'a>(state: &'a State, arn: &str) -> Result<&'a Execution, ServiceError> {
    state.executions.get(arn).ok_or_else(|| {
        let message = format!("Execution Does Not Exist: '{arn}'");
        ServiceError::new("ExecutionDoesNotExist", message)
    })
}

/// `DescribeExecution`.
pub(super) fn describe(account: &mut Account, input: Describe) -> Answer {
    find_execution(&account.services.stepfunctions, &input.execution_arn).map(shown)
}

/// The description of an execution that exists.
pub(super) fn description(account: &Account, arn: &str) -> Option<Value> {
    account.services.stepfunctions.executions.get(arn).map(shown)
}

fn shown(execution: &Execution) -> Value {
    let mut shown = summary(execution);
    shown["input"] = execution.input.as_str().into();
    shown["inputDetails"] = json!({ "included": true });
    if let Some(output) = &execution.output {
        shown["output"] = output.as_str().into();
        shown["outputDetails"] = json!({ "included": true });
    }
    for (member, text) in [("error", &execution.error), ("cause", &execution.cause)] {
        if let Some(text) = text {
            shown[member] = text.as_str().into();
        }
    }
    shown["redriveStatus"] = "NOT_REDRIVABLE".into();
    shown
}

fn summary(execution: &Execution) -> Value {
    let mut summary = json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status.name(),
        "startDate": epoch_seconds(execution.start),
        "redriveCount": 0,
    });
    if let Some(stop) = execution.stop {
        summary["stopDate"] = epoch_seconds(stop);
    }
    summary
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    state_machine_arn: String,
    #[serde(default)]
    status_filter: Option<String>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListExecutions`: newest first.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    find(account, &input.state_machine_arn)?;
    let wanted = input.status_filter.as_deref();
    let items = account
        .services
        .stepfunctions
        .executions
        .values()
        .rev()
        .filter(|execution| execution.machine_arn == input.state_machine_arn)
        .filter(|execution| wanted.is_none_or(|status| execution.status.name() == status))
        .map(summary)
        .collect();
    page("executions", items, input.max_results, input.next_token.as_deref())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stop {
    execution_arn: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    cause: Option<String>,
}

/// `StopExecution`: one that is over stays as it is.
pub(super) fn stop(account: &mut Account, input: Stop) -> Answer {
    let arn = &input.execution_arn;
    find_execution(&account.services.stepfunctions, arn)?;
    let fault =
        Fault { error: input.error.unwrap_or_default(), cause: input.cause.unwrap_or_default() };
    engine::stop(account, arn, fault);
    let execution = find_execution(&account.services.stepfunctions, arn)?;
    Ok(json!({ "stopDate": execution.stop.map(epoch_seconds) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct History {
    execution_arn: String,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    reverse_order: bool,
    // Inputs and outputs are always included.
    #[serde(default, rename = "includeExecutionData")]
    _include_execution_data: Option<bool>,
}

/// `GetExecutionHistory`.
pub(super) fn history(account: &mut Account, input: History) -> Answer {
    let execution = find_execution(&account.services.stepfunctions, &input.execution_arn)?;
    let mut events = execution.history.clone();
    if input.reverse_order {
        events.reverse();
    }
    page("events", events, input.max_results, input.next_token.as_deref())
}
