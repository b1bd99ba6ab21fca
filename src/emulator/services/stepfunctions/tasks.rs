//! What a Task state calls: functions, the SDK integrations, and the optimized ones that are emulated.
//!
//! Main types: [`Resource`] and [`Outcome`]. Invariant: a task reaches another service only through that
//! service's API, as the machine's role; a resource that can't be reached that way is refused when the
//! machine is created.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html>.

use serde_json::{Map, Value, json};

use super::definition::{invalid, unsupported};
use super::templates::Fault;
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::policy::Caller;
use crate::emulator::services::{self, Service};

/// The principal that assumes a machine's role.
pub(super) const PRINCIPAL: &str = "states.amazonaws.com";

/// What a task calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// A function, by its ARN; it receives the task's input as it is.
    Function(String),
    /// Any operation that the account has.
    Sdk { sdk: &'static Sdk, operation: String },
    /// `lambda:invoke`
    Invoke,
    /// `sns:publish`
    Publish,
    /// `sqs:sendMessage`
    SendMessage,
    /// `events:putEvents`
    PutEvents,
    /// `states:startExecution`, and whether the task waits for the execution's end.
    StartExecution(Wait),
}

/// Whether a task waits for the execution that it starts, and in which form it gets the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all.
    No,
    /// `.sync`: input and output are text.
    Text,
    /// `.sync:2`: input and output are JSON.
    Json,
}

/// A service of the SDK integrations.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sdk {
    /// Its name in a resource.
    name: &'static str,
    service: Service,
    /// What its errors begin with.
    errors: &'static str,
    /// Whether its API spells members `likeThis`; a task spells them `LikeThis`.
    camel: bool,
}

const fn sdk(name: &'static str, service: Service, errors: &'static str, camel: bool) -> Sdk {
    Sdk { name, service, errors, camel }
}

const SDKS: &[Sdk] = &[
    sdk("autoscaling", Service::AutoScaling, "AutoScaling", false),
    sdk("cloudwatch", Service::CloudWatch, "CloudWatch", false),
    sdk("cloudwatchlogs", Service::Logs, "CloudWatchLogs", true),
    sdk("codedeploy", Service::CodeDeploy, "CodeDeploy", true),
    sdk("ec2", Service::Ec2, "Ec2", false),
    sdk("ecs", Service::Ecs, "Ecs", true),
    sdk("eventbridge", Service::Events, "EventBridge", false),
    sdk("fis", Service::Fis, "Fis", true),
    sdk("iam", Service::Iam, "Iam", false),
    sdk("lambda", Service::Lambda, "Lambda", false),
    sdk("sfn", Service::StepFunctions, "Sfn", true),
    sdk("sns", Service::Sns, "Sns", false),
    sdk("sqs", Service::Sqs, "Sqs", false),
    sdk("ssm", Service::Ssm, "Ssm", false),
    sdk("ssmincidents", Service::Incidents, "SsmIncidents", true),
    sdk("sts", Service::Sts, "Sts", false),
];

impl Resource {
    /// Reads a task's `Resource`.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, ServiceError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", _, service, region, _, rest] = parts.as_slice() else {
            return Err(invalid(place, &format!("`{text}` is not an ARN")));
        };
        let refused = || unsupported(&format!("the task resource {text}"), place);
        match (*service, *region, *rest) {
            ("lambda", _, rest) if rest.starts_with("function:") => {
                Ok(Self::Function(text.to_owned()))
            }
            ("states", "", rest) => match rest {
                "lambda:invoke" => Ok(Self::Invoke),
                "sns:publish" => Ok(Self::Publish),
                "sqs:sendMessage" => Ok(Self::SendMessage),
                "events:putEvents" => Ok(Self::PutEvents),
                "states:startExecution" => Ok(Self::StartExecution(Wait::No)),
                "states:startExecution.sync" => Ok(Self::StartExecution(Wait::Text)),
                "states:startExecution.sync:2" => Ok(Self::StartExecution(Wait::Json)),
                _ => sdk_resource(rest).ok_or_else(refused),
            },
            _ => Err(refused()),
        }
    }

    /// The parts of the resource as a history shows them.
    pub(super) fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Function(arn) => ("lambda", arn.clone()),
            Self::Sdk { sdk, operation } => {
                let mut letters = operation.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                (sdk.name, first.into_iter().chain(letters).collect())
            }
            Self::Invoke => ("lambda", "invoke".to_owned()),
            Self::Publish => ("sns", "publish".to_owned()),
            Self::SendMessage => ("sqs", "sendMessage".to_owned()),
            Self::PutEvents => ("events", "putEvents".to_owned()),
            Self::StartExecution(Wait::No) => ("states", "startExecution".to_owned()),
            Self::StartExecution(Wait::Text) => ("states", "startExecution.sync".to_owned()),
            Self::StartExecution(Wait::Json) => ("states", "startExecution.sync:2".to_owned()),
        }
    }

    /// The function whose duration the task has, if it calls one and waits for it.
    pub(super) fn function<'v>(&'v self, input: &'v Value) -> Option<&'v str> {
        match self {
            Self::Function(arn) => Some(arn),
            Self::Invoke if input["InvocationType"] != "Event" => input["FunctionName"].as_str(),
            Self::Sdk { sdk, operation } if sdk.name == "lambda" && operation == "Invoke" => {
                let waits = input["InvocationType"] != "Event";
                input["FunctionName"].as_str().filter(|_| waits)
            }
            Self::Invoke
            | Self::Sdk { .. }
            | Self::Publish
            | Self::SendMessage
            | Self::PutEvents
            | Self::StartExecution(_) => None,
        }
    }
}

fn sdk_resource(rest: &str) -> Option<Resource> {
    let (name, api) = rest.strip_prefix("aws-sdk:")?.split_once(':')?;
    let sdk = SDKS.iter().find(|sdk| sdk.name == name)?;
    let mut letters = api.chars();
    let first = letters.next()?.to_ascii_uppercase();
    let operation: String = std::iter::once(first).chain(letters).collect();
    let known = services::operations(sdk.service).iter().any(|known| known.name == operation);
    known.then_some(Resource::Sdk { sdk, operation })
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Done(Value),
    /// An execution was started whose end is waited for: its ARN.
    Waits(String),
}

/// Who makes a call.
#[derive(Debug, Clone)]
pub(super) struct Maker {
    pub(super) role: String,
    pub(super) execution: String,
    pub(super) machine: String,
}

/// Makes the call.
pub(super) fn perform(
    account: &mut Account,
    maker: &Maker,
    resource: &Resource,
    input: &Value,
) -> Result<Outcome, Fault> {
    let caller = Caller::Role { arn: maker.role.clone(), assumed_by: PRINCIPAL };
    match resource {
        Resource::Function(arn) => {
            let input = json!({ "FunctionName": arn, "Payload": input.to_string() });
            let answer = call(account, &caller, "Lambda", Service::Lambda, "Invoke", input)?;
            payload(&answer).map(Outcome::Done)
        }
        Resource::Invoke => invoke(account, &caller, input).map(Outcome::Done),
        Resource::Sdk { sdk, operation } => {
            let input = if sdk.camel { respelled(input, camel) } else { input.clone() };
            let answer = call(account, &caller, sdk.errors, sdk.service, operation, input)?;
            Ok(Outcome::Done(if sdk.camel { respelled(&answer, pascal) } else { answer }))
        }
        Resource::Publish => {
            let input = with_text(input, "Message");
            call(account, &caller, "SNS", Service::Sns, "Publish", input).map(Outcome::Done)
        }
        Resource::SendMessage => {
            let input = with_text(input, "MessageBody");
            call(account, &caller, "SQS", Service::Sqs, "SendMessage", input).map(Outcome::Done)
        }
        Resource::PutEvents => put_events(account, &caller, maker, input).map(Outcome::Done),
        Resource::StartExecution(wait) => start_execution(account, &caller, *wait, input),
    }
}

fn call(
    account: &mut Account,
    caller: &Caller,
    errors: &str,
    service: Service,
    operation: &str,
    input: Value,
) -> Result<Value, Fault> {
    account.call_as(caller, service, operation, input).map_err(|error| {
        // Java's names: an exception says that it is one.
        let code = error.code.rsplit('.').next().unwrap_or(&error.code);
        let ending = if code.ends_with("Exception") { "" } else { "Exception" };
        Fault::new(&format!("{errors}.{code}{ending}"), error.message)
    })
}

/// What a function returned, or threw.
fn payload(answer: &Value) -> Result<Value, Fault> {
    let text = answer["Payload"].as_str().unwrap_or_default();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    if answer.get("FunctionError").is_some() {
        let kind = value["errorType"].as_str().unwrap_or("Lambda.Unknown");
        return Err(Fault::new(kind, text));
    }
    Ok(value)
}

/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>
fn invoke(account: &mut Account, caller: &Caller, input: &Value) -> Result<Value, Fault> {
    let mut answer =
        call(account, caller, "Lambda", Service::Lambda, "Invoke", with_text(input, "Payload"))?;
    if answer.get("Payload").is_some() {
        answer["Payload"] = payload(&answer)?;
    }
    Ok(answer)
}

/// A member that the API wants as text, which a task may give as JSON.
fn with_text(input: &Value, member: &str) -> Value {
    let mut input = input.clone();
    if let Some(value) = input.get_mut(member).filter(|value| !value.is_string()) {
        *value = value.to_string().into();
    }
    input
}

/// Each event also names the execution and its machine
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html>).
fn put_events(
    account: &mut Account,
    caller: &Caller,
    maker: &Maker,
    input: &Value,
) -> Result<Value, Fault> {
    let mut input = input.clone();
    for entry in input["Entries"].as_array_mut().into_iter().flatten() {
        *entry = with_text(entry, "Detail");
        let given = entry.get("Resources").and_then(Value::as_array).cloned();
        let mut resources = given.unwrap_or_default();
        resources.extend([json!(maker.execution), json!(maker.machine)]);
        entry["Resources"] = resources.into();
    }
    let answer = call(account, caller, "EventBridge", Service::Events, "PutEvents", input)?;
    if answer["FailedEntryCount"].as_u64().is_some_and(|failed| failed > 0) {
        return Err(Fault::new("EventBridge.FailedEntry", answer.to_string()));
    }
    Ok(answer)
}

fn start_execution(
    account: &mut Account,
    caller: &Caller,
    wait: Wait,
    input: &Value,
) -> Result<Outcome, Fault> {
    let input = respelled(&with_text(input, "Input"), camel);
    let service = Service::StepFunctions;
    let answer = call(account, caller, "StepFunctions", service, "StartExecution", input)?;
    match wait {
        Wait::No => Ok(Outcome::Done(respelled(&answer, pascal))),
        Wait::Text | Wait::Json => {
            let arn = answer["executionArn"].as_str().unwrap_or_default();
            Ok(Outcome::Waits(arn.to_owned()))
        }
    }
}

/// What a task gets that waited for an execution, from its description.
pub(super) fn ended(description: &Value, wait: Wait) -> Result<Value, Fault> {
    let mut described = respelled(description, pascal);
    if wait == Wait::Json {
        for member in ["Input", "Output"] {
            let text = described[member].as_str();
            if let Some(value) = text.and_then(|text| serde_json::from_str(text).ok()) {
                described[member] = value;
            }
        }
    }
    if description["status"] == "SUCCEEDED" {
        return Ok(described);
    }
    Err(Fault::new("States.TaskFailed", described.to_string()))
}

/// Spells every member of every structure another way; the names of tags and attributes are values.
fn respelled(value: &Value, spell: fn(char) -> char) -> Value {
    match value {
        Value::Object(fields) => {
            let mut spelled = Map::new();
            for (key, value) in fields {
                let mut letters = key.chars();
                let first = letters.next().map(spell);
                let name: String = first.into_iter().chain(letters).collect();
                let own_names = ["tags", "dynamicParameters", "Tags", "DynamicParameters"];
                let below = match value {
                    Value::Object(_) if own_names.contains(&key.as_str()) => value.clone(),
                    _ => respelled(value, spell),
                };
                spelled.insert(name, below);
            }
            spelled.into()
        }
        Value::Array(items) => items.iter().map(|item| respelled(item, spell)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn camel(letter: char) -> char {
    letter.to_ascii_lowercase()
}

fn pascal(letter: char) -> char {
    letter.to_ascii_uppercase()
}
