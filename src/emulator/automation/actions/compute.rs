//! The actions on instances and functions: states, commands, invocations.
//!
//! Main functions: [`change_instance_state`], [`run_command`], [`invoke_function`]. Invariant: a step
//! ends when what it started has ended, not before.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-changestate.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-runcommand.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-lamb.html>.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Progress, StepCall, ask, inputs};
use crate::emulator::account::Account;
use crate::emulator::automation::engine::truth;
use crate::emulator::automation::execution::{Failure, Stage, Success};
use crate::emulator::automation::references::text;
use crate::emulator::services::{Service, lambda, ssm};
use crate::emulator::timing;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ChangeState {
    instance_ids: Vec<String>,
    desired_state: String,
    #[serde(default)]
    check_state_only: Option<Value>,
    #[serde(default)]
    force: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "reserved by AWS")]
    additional_info: Option<Value>,
}

/// `aws:changeInstanceState`: asks for the state, then waits for it.
pub(super) fn change_instance_state(
    account: &mut Account,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let input: ChangeState = inputs(call)?;
    if input.instance_ids.is_empty() {
        return Err(Failure::input("InstanceIds is empty"));
    }
    if !truth(input.check_state_only.as_ref()) {
        let ids = json!(input.instance_ids);
        let (operation, request) = match input.desired_state.as_str() {
            "running" => ("StartInstances", json!({"InstanceIds": ids})),
            "stopped" if truth(input.force.as_ref()) => {
                ("StopInstances", json!({"InstanceIds": ids, "Force": true}))
            }
            "stopped" => ("StopInstances", json!({"InstanceIds": ids})),
            "terminated" => ("TerminateInstances", json!({"InstanceIds": ids})),
            other => return Err(Failure::input(format!("DesiredState can't be {other}"))),
        };
        ask(account, call, Service::Ec2, operation, request)?;
    }
    instance_state(account, call)
}

/// Looks whether the instances are in the desired state.
pub(super) fn instance_state(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: ChangeState = inputs(call)?;
    let request = json!({"InstanceIds": input.instance_ids});
    let response = ask(account, call, Service::Ec2, "DescribeInstances", request)?;
    let states: Vec<(String, String)> = ssm::instances_of(&response)
        .map(|instance| (instance.id.to_owned(), instance.state.to_owned()))
        .collect();
    // What is terminated will never run or stop again.
    if input.desired_state != "terminated"
        && let Some((id, state)) = states.iter().find(|(_, state)| state == "terminated")
    {
        let reason = format!("Instance {id} entered unexpected state: {state}");
        return Err(Failure::new(Stage::PostVerification, reason));
    }
    let reached = states.len() == input.instance_ids.len()
        && states.iter().all(|(_, state)| *state == input.desired_state);
    let healthy = input.desired_state != "running" || healthy(account, call, &input.instance_ids)?;
    if !reached || !healthy {
        return Ok(Progress::Poll { after: timing::AUTOMATION_POLL });
    }
    let states: Vec<String> = states.into_iter().map(|(_, state)| state).collect();
    let outputs = IndexMap::from([("InstanceStates".to_owned(), json!(states))]);
    Ok(Progress::success(timing::AUTOMATION_API_STEP, outputs))
}

/// "When set to running, this action waits for the Amazon EC2 state to be Running, the Instance Status to
/// be OK, and the System Status to be OK."
fn healthy(account: &mut Account, call: &StepCall, ids: &[String]) -> Result<bool, Failure> {
    let request = json!({"InstanceIds": ids});
    let response = ask(account, call, Service::Ec2, "DescribeInstanceStatus", request)?;
    let statuses = response["InstanceStatuses"].as_array().map_or(&[][..], Vec::as_slice);
    let ok = |one: &&Value| {
        one["InstanceStatus"]["Status"] == "ok" && one["SystemStatus"]["Status"] == "ok"
    };
    Ok(statuses.iter().filter(ok).count() == ids.len())
}

/// `aws:runCommand`: sends the command and waits for its end.
pub(super) fn run_command(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let mut request = call.inputs.clone();
    normalize_parameters(&mut request);
    let response = ask(account, call, Service::Ssm, "SendCommand", Value::Object(request))?;
    let id = response["Command"]["CommandId"].as_str().unwrap_or_default().to_owned();
    Ok(Progress::WaitFor { key: id })
}

/// The parameters of a command are lists of strings; runbooks also write single values.
fn normalize_parameters(request: &mut Map<String, Value>) {
    let Some(Value::Object(parameters)) = request.get_mut("Parameters") else { return };
    for value in parameters.values_mut() {
        *value = match value.take() {
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| text(item).into()).collect())
            }
            single => Value::Array(vec![text(&single).into()]),
        };
    }
}

/// Nobody waits for the command any more: it is cancelled.
pub(super) fn abandon_command(account: &mut Account, command: &str) {
    // A command that has ended meanwhile can't be cancelled; that is no failure of the step.
    let _ended = account.call(Service::Ssm, "CancelCommand", json!({"CommandId": command}));
}

/// What a command has come to, told to the step that sent it.
pub(crate) fn command_result(
    command: &str,
    status: &str,
    code: i32,
    output: &str,
) -> Result<Success, Failure> {
    let outputs = IndexMap::from([
        ("CommandId".to_owned(), json!(command)),
        ("Status".to_owned(), json!(status)),
        ("ResponseCode".to_owned(), json!(code.to_string())),
        ("Output".to_owned(), json!(output)),
    ]);
    if status == "Success" {
        let code = Some(code.to_string());
        return Ok(Success { outputs, code, ..Success::default() });
    }
    let reason = format!(
        "Command {command} returns unexpected invocation result: {{Status=[{status}], \
         ResponseCode=[{code}], Output=[{output}], CommandId=[{command}]}}"
    );
    Err(Failure { outputs, ..Failure::new(Stage::PostVerification, reason) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Invoke {
    function_name: String,
    #[serde(default)]
    payload: Option<Value>,
    #[serde(default)]
    input_payload: Option<Value>,
    #[serde(default)]
    qualifier: Option<String>,
    #[serde(default)]
    invocation_type: Option<String>,
    #[serde(default)]
    log_type: Option<String>,
    #[serde(default)]
    client_context: Option<String>,
}

/// `aws:invokeLambdaFunction`.
pub(super) fn invoke_function(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Invoke = inputs(call)?;
    let mut request = json!({"FunctionName": input.function_name});
    let payload = match input.payload.or(input.input_payload) {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(tree) => Some(tree.to_string()),
    };
    let members = [
        ("Payload", payload),
        ("Qualifier", input.qualifier),
        ("InvocationType", input.invocation_type),
        ("LogType", input.log_type),
        ("ClientContext", input.client_context),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            request[name] = Value::String(value);
        }
    }
    let response = ask(account, call, Service::Lambda, "Invoke", request)?;
    let after = function_duration(account, &input.function_name).max(timing::AUTOMATION_API_STEP);
    Ok(Progress::Done { after, result: invocation_result(&response) })
}

fn invocation_result(response: &Value) -> Result<Success, Failure> {
    let payload = match &response["Payload"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        tree => tree.to_string(),
    };
    let mut outputs = IndexMap::new();
    for name in ["StatusCode", "FunctionError", "LogResult"] {
        if let Some(value) = response.get(name).filter(|value| !value.is_null()) {
            outputs.insert(name.to_owned(), value.clone());
        }
    }
    outputs.insert("Payload".to_owned(), json!(payload));
    if let Some(error) = response.get("FunctionError").and_then(Value::as_str) {
        let reason = format!("Function returned error: {error}. Payload: {payload}");
        return Err(Failure { outputs, ..Failure::new(Stage::PostVerification, reason) });
    }
    // Selectors look into what the function returned, and under `$.Payload` too.
    let parsed: Value = serde_json::from_str(&payload).unwrap_or(Value::Null);
    let mut response = match &parsed {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    response.insert("Payload".to_owned(), parsed);
    Ok(Success { outputs, response: Some(Value::Object(response)), ..Success::default() })
}

/// How long the function runs, as the environment declares it.
fn function_duration(account: &Account, function: &str) -> SignedDuration {
    lambda::duration(account, function).unwrap_or(timing::AUTOMATION_API_STEP)
}
