//! What each Automation action does.
//!
//! Main types: [`StepCall`] (a step that runs, its inputs resolved) and [`Progress`] (how far it is).
//! Invariant: an action never reports success for something that it did not do; an action that the
//! emulator does not have fails its step and is named.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html>.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::document::Step;
use super::execution::{Failure, Stage, Success};
use super::{engine, flow, nested};
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;
use crate::emulator::timing;

mod api;
mod compute;
pub(crate) use compute::command_result;
mod script;
mod stack;

/// A step that runs.
#[derive(Debug, Clone)]
pub(crate) struct StepCall {
    /// The execution's id.
    pub(crate) execution: String,
    /// The index of the run.
    pub(crate) run: usize,
    pub(crate) step: Arc<Step>,
    /// The inputs, references resolved.
    pub(crate) inputs: Map<String, Value>,
    /// On whose behalf the step calls.
    pub(crate) caller: Caller,
}

/// How far an attempt is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It will be over after this time, with this result.
    Done { after: SignedDuration, result: Result<Success, Failure> },
    /// It must look again after this time.
    Poll { after: SignedDuration },
    /// Something else will say that it is over: a command, a child execution.
    WaitFor { key: String },
    /// Somebody must say how it goes on.
    WaitForPerson,
}

impl Progress {
    /// A success after this time.
    pub(crate) fn success(after: SignedDuration, outputs: IndexMap<String, Value>) -> Self {
        let success = Success { outputs, ..Success::default() };
        Self::Done { after, result: Ok(success) }
    }

    /// A failure after the time that a refused API call takes.
    pub(crate) fn failure(failure: Failure) -> Self {
        Self::Done { after: timing::AUTOMATION_API_STEP, result: Err(failure) }
    }
}

/// Starts one attempt.
pub(crate) fn start(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    match call.step.action.as_str() {
        "aws:executeAwsApi" => Ok(api::execute(account, call)),
        "aws:assertAwsResourceProperty" => api::assert_property(account, call),
        "aws:waitForAwsResourceProperty" => api::wait_for_property(account, call),
        "aws:changeInstanceState" => compute::change_instance_state(account, call),
        "aws:invokeLambdaFunction" => compute::invoke_function(account, call),
        "aws:runCommand" => compute::run_command(account, call),
        "aws:createStack" => stack::create(account, call),
        "aws:deleteStack" => stack::delete(account, call),
        "aws:executeScript" => script::execute(account, call),
        "aws:executeAutomation" => nested::start(account, call),
        "aws:sleep" => flow::sleep(account, call),
        "aws:pause" => Ok(Progress::WaitForPerson),
        "aws:approve" => flow::approve(account, call),
        "aws:updateVariable" => flow::update_variable(account, call),
        other => Err(Failure::new(
            Stage::Invocation,
            format!("The emulated account does not support the Automation action {other}"),
        )),
    }
}

/// Looks again for an action that polls.
pub(crate) fn poll(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    match call.step.action.as_str() {
        "aws:waitForAwsResourceProperty" => api::wait_for_property(account, call),
        "aws:changeInstanceState" => compute::instance_state(account, call),
        other => unreachable!("{other} never asks to be polled"),
    }
}

/// The step is given up (cancelled, timed out): what it waits for is let go.
pub(crate) fn abandon(account: &mut Account, execution: &str) {
    let Some(found) = engine::get(account, execution) else { return };
    let Some(key) = found.waits_for.clone() else { return };
    match found.current().step.action.as_str() {
        "aws:runCommand" => compute::abandon_command(account, &key),
        "aws:executeAutomation" => engine::cancel(account, &key),
        _ => {}
    }
}

/// The seconds after which a step times out that does not say so itself.
pub(crate) fn default_timeout(action: &str) -> Option<i64> {
    match action {
        "aws:approve" | "aws:pause" => Some(timing::AUTOMATION_APPROVAL_TIMEOUT.as_secs()),
        "aws:changeInstanceState" | "aws:waitForAwsResourceProperty" => {
            Some(timing::AUTOMATION_WAIT_TIMEOUT.as_secs())
        }
        _ => None,
    }
}

/// Reads an action's inputs; an input that is not known fails the step by name.
pub(crate) fn inputs<T: DeserializeOwned>(call: &StepCall) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(call.inputs.clone()))
        .map_err(|error| Failure::input(format!("{}: {error}", call.step.action)))
}

/// A service's refusal as the actions report it that call AWS for their author.
pub(crate) fn refused(service: Service, operation: &str, error: &ServiceError) -> Failure {
    let reason = format!(
        "Get Exception from {operation} API of {service} Service. Exception Message from \
         {operation} API: [{} (Service: {service}; Status Code: {}; Error Code: {})]",
        error.message,
        error.status,
        error.code,
        service = service.prefix(),
    );
    Failure { kind: failure_type(error), ..Failure::new(Stage::Invocation, reason) }
}

/// The `FailureDetails.FailureType` of a service's refusal.
fn failure_type(error: &ServiceError) -> &'static str {
    let code = error.code.as_str();
    if code.contains("AccessDenied") || code.contains("Unauthorized") {
        "Permission"
    } else if code.contains("Throttl") || code.contains("RequestLimitExceeded") {
        "Throttling"
    } else {
        "Action"
    }
}

/// Calls a service on the step's behalf.
pub(crate) fn ask(
    account: &mut Account,
    call: &StepCall,
    service: Service,
    operation: &str,
    input: Value,
) -> Result<Value, Failure> {
    account
        .call_as(&call.caller, service, operation, input)
        .map_err(|error| refused(service, operation, &error))
}
