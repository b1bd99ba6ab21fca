//! Targets as calls: which operation, as whom, with which input.
//!
//! Main types: [`Kind`], [`Call`]. Invariant: a target is reached only through the API of its service, as
//! the rule's role or as the service principal `events.amazonaws.com` on behalf of the rule.

use serde_json::{Value, json};

use super::delivery::Invocation;
use super::targets::Definition;
use super::transform::{Path, Predefined};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::Caller;
use crate::emulator::services::{Service, sqs};

/// The principal that invokes targets.
pub(super) const PRINCIPAL: &str = "events.amazonaws.com";

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Queue,
    Topic,
    Function,
    /// An SSM Automation document.
    Automation,
    /// A Run Command document.
    Command,
    LogGroup,
    Bus,
    /// An Incident Manager response plan.
    ResponsePlan,
    /// A Step Functions state machine.
    StateMachine,
}

impl Kind {
    /// The kind of target that an ARN names; nothing for what is not emulated.
    pub(super) fn of(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, _, resource] = parts.as_slice() else { return None };
        match *service {
            // FIFO queues and topics are not emulated.
            "sqs" | "sns" if resource.strip_suffix(".fifo").is_some() => None,
            "sqs" => Some(Self::Queue),
            "sns" => Some(Self::Topic),
            "lambda" if resource.starts_with("function:") => Some(Self::Function),
            "ssm" if resource.starts_with("automation-definition/") => Some(Self::Automation),
            "ssm" if resource.starts_with("document/") => Some(Self::Command),
            "logs" if resource.starts_with("log-group:") => Some(Self::LogGroup),
            "events" if resource.starts_with("event-bus/") => Some(Self::Bus),
            "ssm-incidents" if resource.starts_with("response-plan/") => Some(Self::ResponsePlan),
            "states" if resource.starts_with("stateMachine:") => Some(Self::StateMachine),
            _ => None,
        }
    }

    /// Whether AWS demands a role for such a target
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html>).
    pub(super) fn needs_role(self) -> bool {
        match self {
            Self::Automation | Self::Command | Self::ResponsePlan | Self::StateMachine => true,
            Self::Queue | Self::Topic | Self::Function | Self::LogGroup | Self::Bus => false,
        }
    }
}

/// One call that delivers an event.
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) operation: &'static str,
    pub(super) input: Value,
}

/// What the target receives, as text; the refusal is for the dead-letter queue.
pub(super) fn shape(invocation: &Invocation) -> Result<String, ServiceError> {
    let event = &invocation.event;
    let definition = &invocation.target.definition;
    let broken = |what: &str| ServiceError::new("INVALID_JSON", what.to_owned());
    if let Some(input) = &definition.input {
        return Ok(input.clone());
    }
    if let Some(path) = &definition.input_path {
        let found = Path::parse(path).and_then(|path| path.find(&event.value));
        let found = found.ok_or_else(|| broken(&format!("InputPath {path} finds nothing")))?;
        return Ok(found.to_string());
    }
    let Some(template) = &invocation.target.template else {
        return Ok(event.text.clone());
    };
    let ingestion_time = format!("{:.0}", event.received);
    let predefined = Predefined {
        rule_arn: &invocation.rule_arn,
        rule_name: &invocation.rule,
        ingestion_time: &ingestion_time,
    };
    template
        .fill(&event.value, predefined)
        .ok_or_else(|| broken("the transformed input is not valid JSON"))
}

/// The call that delivers this input.
pub(super) fn call(
    account: &mut Account,
    invocation: &Invocation,
    input: String,
) -> Result<Call, ServiceError> {
    let definition = &invocation.target.definition;
    let arn = definition.arn.as_str();
    let (service, operation, input) = match invocation.target.kind {
        Kind::Queue => {
            let url = sqs::url_of_arn(account, arn).ok_or_else(|| no_resource(arn))?;
            let mut message = json!({ "QueueUrl": url, "MessageBody": input });
            let group = definition.sqs_parameters.as_ref();
            if let Some(group) = group.and_then(|parameters| parameters.message_group_id.as_ref()) {
                message["MessageGroupId"] = group.as_str().into();
            }
            (Service::Sqs, "SendMessage", message)
        }
        Kind::Topic => (Service::Sns, "Publish", json!({ "TopicArn": arn, "Message": input })),
        Kind::Function => {
            let payload =
                json!({ "FunctionName": arn, "InvocationType": "Event", "Payload": input });
            (Service::Lambda, "Invoke", payload)
        }
        Kind::Automation => {
            (Service::Ssm, "StartAutomationExecution", automation(definition, &input)?)
        }
        Kind::Command => (Service::Ssm, "SendCommand", command(definition, &input)?),
        Kind::LogGroup => (Service::Logs, "PutLogEvents", log_events(account, invocation, &input)),
        Kind::Bus => (Service::Events, "PutEvents", forwarded(invocation, arn)),
        Kind::ResponsePlan => {
            (Service::Incidents, "StartIncident", incident(account, invocation, &input))
        }
        Kind::StateMachine => {
            (Service::StepFunctions, "StartExecution", execution(account, invocation, input))
        }
    };
    Ok(Call { service, operation, input })
}

/// As whom the target is invoked.
pub(super) fn caller(invocation: &Invocation) -> Caller {
    match &invocation.target.definition.role_arn {
        // A log group is opened by its resource policy alone.
        Some(arn) if invocation.target.kind != Kind::LogGroup => {
            Caller::Role { arn: arn.clone(), assumed_by: PRINCIPAL }
        }
        Some(_) | None => as_service(&invocation.rule_arn),
    }
}

/// The service itself, on behalf of a rule.
pub(super) fn as_service(rule_arn: &str) -> Caller {
    Caller::Service { principal: PRINCIPAL, source_arn: rule_arn.to_owned() }
}

/// Makes the call; a log group's stream is made on its first use.
pub(super) fn make(account: &mut Account, caller: &Caller, call: Call) -> Answer {
    if call.service == Service::Logs {
        let stream = json!({
            "logGroupName": call.input["logGroupName"],
            "logStreamName": call.input["logStreamName"],
        });
        match account.call_as(caller, Service::Logs, "CreateLogStream", stream) {
            Err(error) if error.code != "ResourceAlreadyExistsException" => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    account.call_as(caller, call.service, call.operation, call.input)
}

fn no_resource(arn: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("The target {arn} does not exist."))
}

/// `NAME` and `VERSION` of `…/NAME:VERSION`.
fn document(arn: &str) -> (&str, Option<&str>) {
    let name = arn.split_once('/').map_or(arn, |(_, name)| name);
    match name.split_once(':') {
        Some((name, "$DEFAULT")) => (name, None),
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}

/// An SSM target takes its parameters from the input; without an own input there are none, because the
/// matched event is never a document's parameters.
fn parameters(definition: &Definition, input: &str) -> Result<Option<Value>, ServiceError> {
    if definition.input.is_none()
        && definition.input_path.is_none()
        && definition.input_transformer.is_none()
    {
        return Ok(None);
    }
    let parameters: Value = serde_json::from_str(input).map_err(|error| {
        ServiceError::new("INVALID_JSON", format!("the input is not JSON: {error}"))
    })?;
    let lists = parameters
        .as_object()
        .is_some_and(|fields| fields.values().all(|value| value.is_array() || value.is_object()));
    if !lists {
        return Err(ServiceError::new(
            "INVALID_PARAMETER",
            format!("the parameters of a document are an object of lists, not {parameters}"),
        ));
    }
    Ok(Some(parameters))
}

fn automation(definition: &Definition, input: &str) -> Result<Value, ServiceError> {
    let (name, version) = document(&definition.arn);
    let mut start = json!({ "DocumentName": name });
    if let Some(version) = version {
        start["DocumentVersion"] = version.into();
    }
    if let Some(parameters) = parameters(definition, input)? {
        start["Parameters"] = parameters;
    }
    Ok(start)
}

fn command(definition: &Definition, input: &str) -> Result<Value, ServiceError> {
    let (name, _) = document(&definition.arn);
    let mut send = json!({ "DocumentName": name });
    let targets = definition.run_command_parameters.as_ref();
    let targets = targets.map(|given| given.run_command_targets.as_slice()).unwrap_or_default();
    if let [only] = targets
        && only.key == "InstanceIds"
    {
        send["InstanceIds"] = json!(only.values);
    } else {
        send["Targets"] = json!(targets);
    }
    if let Some(parameters) = parameters(definition, input)? {
        send["Parameters"] = parameters;
    }
    Ok(send)
}

/// A log group receives the input as one line; a transformed input says time and message itself
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>).
fn log_events(account: &Account, invocation: &Invocation, input: &str) -> Value {
    let arn = &invocation.target.definition.arn;
    let group = arn.splitn(7, ':').nth(6).unwrap_or(arn).trim_end_matches(":*");
    let own: Option<Value> = serde_json::from_str(input).ok();
    let transformed = invocation.target.template.is_some();
    let message = own.filter(|_| transformed).and_then(|own| match &own["message"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let message = message.unwrap_or_else(|| input.to_owned());
    json!({
        "logGroupName": group,
        "logStreamName": invocation.rule,
        "logEvents": [{ "timestamp": account.now().as_millisecond(), "message": message }],
    })
}

/// Only used to ask for permission: the event itself goes on in its own envelope.
fn forwarded(invocation: &Invocation, bus: &str) -> Value {
    let event = &invocation.event.value;
    json!({ "Entries": [{
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": event["detail"].to_string(),
        "EventBusName": bus,
    }]})
}

/// <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_StartIncident.html>
fn incident(account: &Account, invocation: &Invocation, input: &str) -> Value {
    json!({
        "responsePlanArn": invocation.target.definition.arn,
        "triggerDetails": {
            "source": "aws.events",
            "triggerArn": invocation.rule_arn,
            "timestamp": epoch_seconds(account.now()),
            "rawData": input,
        },
    })
}

/// The name of an execution that a rule starts begins with the event's id (no page says so; seen on AWS).
fn execution(account: &mut Account, invocation: &Invocation, input: String) -> Value {
    let event = invocation.event.value["id"].as_str().unwrap_or_default();
    json!({
        "stateMachineArn": invocation.target.definition.arn,
        "name": format!("{event}_{}", account.ids.uuid()),
        "input": input,
    })
}
