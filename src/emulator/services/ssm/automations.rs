//! The Automation part of the API.
//!
//! Main functions: [`start`], [`get`], [`describe`], [`send_signal`], [`stop`]. Invariant: what runs is
//! in [`crate::emulator::automation`]; here requests are read and answers are shaped.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html>.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::documents::{Filter, Tag};
use super::paging;
use crate::emulator::account::Account;
use crate::emulator::automation::execution::{Execution, StepRun};
use crate::emulator::automation::flow::{self, Signal};
use crate::emulator::automation::{self, Request, describe as shape, engine};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::Caller;

/// The input of `StartAutomationExecution`; targets and rate control are not emulated.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Start {
    document_name: String,
    #[serde(default)]
    document_version: Option<String>,
    #[serde(default)]
    parameters: IndexMap<String, Vec<String>>,
    #[serde(default)]
    client_token: Option<String>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `StartAutomationExecution`.
pub(super) fn start(account: &mut Account, input: Start) -> Answer {
    if let Some(mode) = input.mode.as_deref().filter(|mode| *mode != "Auto") {
        return Err(ServiceError::unsupported(format_args!("the Mode {mode} of an Automation")));
    }
    if let Some(token) = &input.client_token
        && let Some(id) = account.services.ssm.automations.tokens.get(token)
    {
        return Ok(json!({"AutomationExecutionId": id}));
    }
    let request = Request {
        document: input.document_name,
        version: input.document_version,
        parameters: input.parameters,
        executed_by: account.caller_arn(),
        starter: match account.caller() {
            // A service that starts a runbook lends it no permissions of its own.
            Caller::Administrator | Caller::Service { .. } => Caller::Administrator,
            own @ (Caller::Role { .. } | Caller::User { .. } | Caller::Session { .. }) => {
                own.clone()
            }
        },
        parent: None,
        depth: 0,
        tags: input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
    };
    let id = automation::start(account, request)?;
    if let Some(token) = input.client_token {
        account.services.ssm.automations.tokens.insert(token, id.clone());
    }
    Ok(json!({"AutomationExecutionId": id}))
}

/// The input of `GetAutomationExecution`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    automation_execution_id: String,
}

/// `GetAutomationExecution`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    let execution = find(account, &input.automation_execution_id)?;
    Ok(json!({"AutomationExecution": shape::execution(execution)}))
}

fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Execution, ServiceError> {
    let executions = &account.services.ssm.automations.executions;
    executions.get(id).ok_or_else(|| automation::not_found(id))
}

/// The input of `DescribeAutomationExecutions`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `DescribeAutomationExecutions`: newest first.
pub(super) fn describe(account: &mut Account, input: Describe) -> Answer {
    let filters = input.filters.iter().map(execution_filter).collect::<Result<Vec<_>, _>>()?;
    let items: Vec<Value> = account
        .services
        .ssm
        .automations
        .executions
        .values()
        .rev()
        .filter(|execution| filters.iter().all(|fits| fits(execution)))
        .map(shape::metadata)
        .collect();
    paging::answer(
        "AutomationExecutionMetadataList",
        items,
        input.max_results,
        input.next_token.as_deref(),
    )
}

type Fits<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;

fn execution_filter(filter: &Filter) -> Result<Fits<'_, Execution>, ServiceError> {
    let values = &filter.values;
    let is = move |text: &str| values.iter().any(|value| value == text);
    Ok(match filter.key.as_str() {
        "DocumentNamePrefix" => Box::new(move |execution| {
            values.iter().any(|prefix| execution.document_name.starts_with(prefix.as_str()))
        }),
        "ExecutionStatus" => Box::new(move |execution| is(execution.status.name())),
        "ExecutionId" => Box::new(move |execution| is(&execution.id)),
        "ParentExecutionId" => Box::new(move |execution| {
            execution.parent.as_ref().is_some_and(|(parent, _)| is(parent))
        }),
        "CurrentAction" => Box::new(move |execution| {
            !execution.status.is_final() && is(&execution.current().step.action)
        }),
        "StartTimeAfter" => {
            let at = moment(filter)?;
            Box::new(move |execution| execution.start > at)
        }
        "StartTimeBefore" => {
            let at = moment(filter)?;
            Box::new(move |execution| execution.start < at)
        }
        "AutomationType" => Box::new(move |_| is("Local")),
        "TagKey" => Box::new(move |execution| execution.tags.iter().any(|(key, _)| is(key))),
        known @ ("OpsItemId" | "TargetResourceGroup" | "AutomationSubtype") => {
            return Err(ServiceError::unsupported(format_args!(
                "the filter key {known} of DescribeAutomationExecutions"
            )));
        }
        other => return Err(invalid_key(other)),
    })
}

fn invalid_key(key: &str) -> ServiceError {
    ServiceError::new("InvalidFilterKey", format!("The specified key isn't valid: {key}"))
}

fn moment(filter: &Filter) -> Result<Timestamp, ServiceError> {
    let value = filter.values.first().map(String::as_str).unwrap_or_default();
    value.parse().map_err(|_| {
        ServiceError::new(
            "InvalidFilterValue",
            format!("The filter value isn't valid: {} {value}", filter.key),
        )
    })
}

/// The input of `DescribeAutomationStepExecutions`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSteps {
    automation_execution_id: String,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    reverse_order: bool,
}

/// `DescribeAutomationStepExecutions`.
pub(super) fn describe_steps(account: &mut Account, input: DescribeSteps) -> Answer {
    let execution = find(account, &input.automation_execution_id)?;
    let filters = input
        .filters
        .iter()
        .map(|filter| step_filter(execution, filter))
        .collect::<Result<Vec<_>, _>>()?;
    let mut items: Vec<Value> = execution
        .runs
        .iter()
        .filter(|run| filters.iter().all(|fits| fits(run)))
        .map(|run| shape::step(execution, run))
        .collect();
    if input.reverse_order {
        items.reverse();
    }
    paging::answer("StepExecutions", items, input.max_results, input.next_token.as_deref())
}

fn step_filter<'a>(
    execution: &'a Execution,
    filter: &'a Filter,
) -> Result<Fits<'a, StepRun>, ServiceError> {
    let values = &filter.values;
    let is = move |text: &str| values.iter().any(|value| value == text);
    Ok(match filter.key.as_str() {
        "StepName" => Box::new(move |run| is(&run.step.name)),
        "Action" => Box::new(move |run| is(&run.step.action)),
        "StepExecutionId" => Box::new(move |run| is(&run.id)),
        "StepExecutionStatus" => Box::new(move |run| is(run.status.name())),
        "ParentStepExecutionId" => Box::new(move |run| {
            run.parent.as_ref().is_some_and(|parent| is(&execution.runs[parent.run].id))
        }),
        "ParentStepIteration" => Box::new(move |run| {
            run.parent.as_ref().is_some_and(|parent| is(&parent.iteration.to_string()))
        }),
        "StartTimeAfter" => {
            let at = moment(filter)?;
            Box::new(move |run| run.start.is_some_and(|start| start > at))
        }
        "StartTimeBefore" => {
            let at = moment(filter)?;
            Box::new(move |run| run.start.is_some_and(|start| start < at))
        }
        "ParentStepIteratorValue" => {
            return Err(ServiceError::unsupported(
                "the filter key ParentStepIteratorValue of DescribeAutomationStepExecutions",
            ));
        }
        other => return Err(invalid_key(other)),
    })
}

/// The input of `SendAutomationSignal`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendSignal {
    automation_execution_id: String,
    signal_type: String,
    #[serde(default)]
    payload: IndexMap<String, Vec<String>>,
}

/// `SendAutomationSignal`: approvals and resumes; `StartStep` and `StopStep` belong to the interactive
/// mode, which is not emulated.
pub(super) fn send_signal(account: &mut Account, input: SendSignal) -> Answer {
    let id = &input.automation_execution_id;
    let execution = find(account, id)?;
    let signal = match input.signal_type.as_str() {
        "Approve" => Signal::Approve,
        "Reject" => Signal::Reject,
        "Resume" => Signal::Resume,
        other => {
            return Err(ServiceError::unsupported(format_args!(
                "the SignalType {other} of SendAutomationSignal"
            )));
        }
    };
    if signal == Signal::Resume
        && let Some(name) = input.payload.get("StepName").and_then(|names| names.first())
        && execution.current().step.name != *name
    {
        return Err(ServiceError::new(
            "AutomationStepNotFoundException",
            format!("The step {name} is not waiting in the automation execution {id}"),
        ));
    }
    flow::signal(account, id, signal)?;
    Ok(json!({}))
}

/// The input of `StopAutomationExecution`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Stop {
    automation_execution_id: String,
    #[serde(default)]
    r#type: Option<String>,
}

/// `StopAutomationExecution`: `Cancel` stops the current step, `Complete` lets it finish.
pub(super) fn stop(account: &mut Account, input: Stop) -> Answer {
    let id = &input.automation_execution_id;
    let running = !find(account, id)?.status.is_final();
    match input.r#type.as_deref() {
        None | Some("Cancel") if running => engine::cancel(account, id),
        Some("Complete") if running => engine::complete(account, id),
        None | Some("Cancel" | "Complete") => {
            return Err(ServiceError::new(
                "InvalidAutomationStatusUpdateException",
                format!("The automation execution {id} has already ended"),
            ));
        }
        Some(other) => {
            return Err(ServiceError::validation(format!("the stop type {other} is not known")));
        }
    }
    Ok(json!({}))
}
