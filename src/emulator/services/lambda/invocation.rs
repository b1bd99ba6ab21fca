//! Invocations: at once or queued, with retries, dead letters and destinations.
//!
//! Main type: [`Queued`]. Invariant: an asynchronous invocation ends as done, as dead-lettered, or as
//! dropped after its retries: one minute after the first failure, then two
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Due;
use super::behaviour::{Broken, FunctionBehaviour};
use super::functions::{self, Asynchronous, Function};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::Caller;
use crate::emulator::services::{Service, cloudwatch, sqs};
use crate::emulator::timing;

/// The largest payload of an asynchronous invocation: 1 MB; of a synchronous one, 6 MB.
const LARGEST_EVENT: usize = 1_048_576;
const LARGEST_REQUEST: usize = 6_291_456;
/// Functions that invoke each other synchronously: the depth at which AWS's own loop detection stops.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
const DEEPEST: u32 = 16;

/// One asynchronous invocation.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    function: String,
    request_id: String,
    event: Value,
    since: Timestamp,
    attempts: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Invoke {
    function_name: String,
    #[serde(default)]
    invocation_type: Option<String>,
    /// JSON text, or JSON as it is.
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    qualifier: Option<String>,
    // The tail of the log would be empty: functions write none here.
    #[serde(default, rename = "LogType")]
    _log_type: Option<String>,
    #[serde(default, rename = "ClientContext")]
    _client_context: Option<String>,
}

/// `Invoke`, in its three types.
pub(super) fn invoke(account: &mut Account, input: Invoke) -> Answer {
    let (name, _) = functions::find(account, &input.function_name, input.qualifier.as_deref())?;
    let name = name.to_owned();
    let kind = input.invocation_type.as_deref().unwrap_or("RequestResponse");
    let limit = if kind == "Event" { LARGEST_EVENT } else { LARGEST_REQUEST };
    let event = read(input.payload, limit)?;
    match kind {
        "DryRun" => Ok(json!({ "StatusCode": 204 })),
        "Event" => {
            let queued = Queued {
                function: name,
                request_id: account.ids.uuid(),
                event,
                since: account.now(),
                attempts: 0,
            };
            account.schedule_in(timing::LAMBDA_QUEUE, Due::Start(Box::new(queued)));
            Ok(json!({ "StatusCode": 202 }))
        }
        "RequestResponse" => at_once(account, &name, event),
        other => Err(ServiceError::new(
            "InvalidParameterValueException",
            format!("InvocationType {other:?} is not valid."),
        )),
    }
}

fn read(payload: Value, limit: usize) -> Result<Value, ServiceError> {
    let text = match payload {
        Value::Null => return Ok(json!({})),
        Value::String(text) if text.is_empty() => return Ok(json!({})),
        Value::String(text) => text,
        other => other.to_string(),
    };
    if text.len() > limit {
        let message = format!("{} byte payload is too large (limit {limit} bytes)", text.len());
        return Err(ServiceError {
            status: 413,
            ..ServiceError::new("RequestTooLargeException", message)
        });
    }
    serde_json::from_str(&text).map_err(|error| {
        ServiceError::new(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        )
    })
}

fn at_once(account: &mut Account, name: &str, event: Value) -> Answer {
    if account.services.lambda.depth >= DEEPEST {
        return Err(ServiceError::new(
            "RecursiveInvocationException",
            "Lambda has detected your function being invoked in a recursive loop.",
        ));
    }
    let (lasted, fate) = lasts(account, name);
    account.services.lambda.depth += 1;
    let outcome = run(account, name, event, fate);
    account.services.lambda.depth -= 1;
    measure(account, name, lasted, outcome.is_err());
    let mut answer = json!({ "StatusCode": 200, "ExecutedVersion": "$LATEST" });
    match outcome {
        Ok(value) => answer["Payload"] = value.to_string().into(),
        Err(broken) => {
            answer["FunctionError"] = "Unhandled".into();
            answer["Payload"] = error_payload(&broken).to_string().into();
        }
    }
    Ok(answer)
}

fn error_payload(broken: &Broken) -> Value {
    json!({ "errorMessage": broken.message, "errorType": broken.kind })
}

/// What is decided when an invocation starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The function does what it does.
    Runs,
    /// It is cut off by its timeout, and does nothing of what it would have done at its end.
    TimesOut,
    /// A fault injection makes it fail.
    Injected,
}

/// How long an invocation that starts now lasts, and what becomes of it.
pub(super) fn lasts(account: &Account, name: &str) -> (SignedDuration, Fate) {
    let state = &account.services.lambda;
    let declared = state.behaviours.get(name).map(|behaviour| behaviour.duration);
    let mut lasts = declared.unwrap_or(SignedDuration::ZERO);
    let mut fate = Fate::Runs;
    for fact in account.facts.iter().filter(|fact| fact.kind == "function-fault") {
        let of = fact.attributes.get("function").map(String::as_str).unwrap_or_default();
        if functions::name_of(of) != name {
            continue;
        }
        let effect = fact.attributes.get("effect").map(String::as_str).unwrap_or_default();
        if let Some(delay) = effect.strip_prefix("delay:").and_then(|ms| ms.parse().ok()) {
            lasts += SignedDuration::from_millis(delay);
        } else if effect == "error" {
            fate = Fate::Injected;
        }
    }
    let timeout = state.functions.get(name).map_or(900, |function| function.timeout);
    let timeout = SignedDuration::from_secs(i64::from(timeout));
    if lasts > timeout { (timeout, Fate::TimesOut) } else { (lasts, fate) }
}

/// Does what the function does.
fn run(account: &mut Account, name: &str, event: Value, fate: Fate) -> Result<Value, Broken> {
    let broken = |kind: &str, message: String| Broken { kind: kind.to_owned(), message };
    let Some(function) = account.services.lambda.functions.get(name) else {
        return Err(broken("ResourceNotFoundException", format!("Function not found: {name}")));
    };
    match fate {
        Fate::Runs => {}
        Fate::TimesOut => {
            let seconds = function.timeout;
            let message = format!("Task timed out after {seconds}.00 seconds");
            return Err(broken("Sandbox.Timedout", message));
        }
        Fate::Injected => {
            let message = "The invocation failed by a running fault injection.".to_owned();
            return Err(broken("FaultInjected", message));
        }
    }
    let Some(behaviour) = account.services.lambda.behaviours.get(name).cloned() else {
        let note = format!("no behaviour is declared for {name}, so it did nothing");
        return Ok(json!({ "emulator": note }));
    };
    let caller = caller_of(function);
    follow(account, name, &behaviour, &caller, event)
}

fn follow(
    account: &mut Account,
    name: &str,
    behaviour: &FunctionBehaviour,
    caller: &Caller,
    event: Value,
) -> Result<Value, Broken> {
    let failed_before = account.services.lambda.failures.get(name).copied().unwrap_or(0);
    let outcome = behaviour.follow(account, caller, event, failed_before);
    let declared = behaviour.fails.as_ref().map(|failure| failure.error.as_str());
    if let Err(broken) = &outcome
        && declared == Some(broken.kind.as_str())
    {
        *account.services.lambda.failures.entry(name.to_owned()).or_default() += 1;
    }
    outcome
}

fn caller_of(function: &Function) -> Caller {
    match &function.role {
        Some(arn) => Caller::Role { arn: arn.clone(), assumed_by: "lambda.amazonaws.com" },
        None => Caller::Administrator,
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
fn measure(account: &mut Account, name: &str, lasted: SignedDuration, failed: bool) {
    let dimensions = [("FunctionName", name)];
    let errors = if failed { 1.0 } else { 0.0 };
    let milliseconds = lasted.as_secs_f64() * 1000.0;
    cloudwatch::record(account, "AWS/Lambda", "Invocations", &dimensions, 1.0);
    cloudwatch::record(account, "AWS/Lambda", "Errors", &dimensions, errors);
    cloudwatch::record(account, "AWS/Lambda", "Duration", &dimensions, milliseconds);
}

/// An asynchronous invocation starts; what it does is done at its end.
pub(super) fn start(account: &mut Account, queued: Box<Queued>) {
    let (lasted, _) = lasts(account, &queued.function);
    account.schedule_in(lasted, Due::End(queued, lasted));
}

/// An asynchronous invocation ends: done, to be retried, or given up.
pub(super) fn end(account: &mut Account, mut queued: Box<Queued>, lasted: SignedDuration) {
    let name = queued.function.clone();
    // The delay was settled at the start; whether a fault is injected shows when the work is done.
    let (_, fate) = lasts(account, &name);
    let outcome = run(account, &name, queued.event.clone(), fate);
    measure(account, &name, lasted, outcome.is_err());
    let Some(function) = account.services.lambda.functions.get(&name) else { return };
    let settings = function.asynchronous.clone();
    queued.attempts += 1;
    match outcome {
        Ok(value) => {
            if let Some(to) = &settings.on_success {
                hand_over(account, &queued, to, "Success", &value);
            }
        }
        Err(broken) => {
            if let Some(wait) = next_wait(account.now(), &queued, &settings) {
                account.schedule_in(wait, Due::Start(queued));
            } else {
                give_up(account, &queued, &settings, &broken);
            }
        }
    }
}

/// How long until the next attempt; nothing if there is none.
fn next_wait(now: Timestamp, queued: &Queued, settings: &Asynchronous) -> Option<SignedDuration> {
    let retried = usize::try_from(queued.attempts).ok()?.checked_sub(1)?;
    if retried >= usize::from(settings.most_retries.unwrap_or(2)) {
        return None;
    }
    let wait = *timing::LAMBDA_RETRIES.get(retried)?;
    let age = now.duration_since(queued.since) + wait;
    // Six hours unless the function says otherwise.
    let longest = i64::from(settings.longest_age.unwrap_or(21_600));
    (age <= SignedDuration::from_secs(longest)).then_some(wait)
}

fn give_up(account: &mut Account, queued: &Queued, settings: &Asynchronous, broken: &Broken) {
    if let Some(to) = &settings.on_failure {
        hand_over(account, queued, to, "RetriesExhausted", &error_payload(broken));
    }
    let Some(function) = account.services.lambda.functions.get(&queued.function) else { return };
    let Some(dead_letter) = function.dead_letter.clone() else { return };
    let caller = caller_of(function);
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let attributes = json!({
        "RequestID": text(&queued.request_id),
        "ErrorCode": json!({ "DataType": "Number", "StringValue": "200" }),
        "ErrorMessage": text(&broken.message),
    });
    let sent = send(account, &caller, &dead_letter, &queued.event.to_string(), Some(attributes));
    if sent.is_err() {
        let dimensions = [("FunctionName", queued.function.as_str())];
        cloudwatch::record(account, "AWS/Lambda", "DeadLetterErrors", &dimensions, 1.0);
    }
}

/// Sends the record of an invocation to its destination
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>).
fn hand_over(account: &mut Account, queued: &Queued, to: &str, condition: &str, payload: &Value) {
    let Some(function) = account.services.lambda.functions.get(&queued.function) else { return };
    let caller = caller_of(function);
    let mut response = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
    if condition != "Success" {
        response["functionError"] = "Unhandled".into();
    }
    let record = json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", account.now()),
        "requestContext": {
            "requestId": queued.request_id,
            "functionArn": format!("{}:$LATEST", function.arn),
            "condition": condition,
            "approximateInvokeCount": queued.attempts,
        },
        "requestPayload": queued.event,
        "responseContext": response,
        "responsePayload": payload,
    });
    if send(account, &caller, to, &record.to_string(), None).is_err() {
        let dimensions = [("FunctionName", queued.function.as_str())];
        let metric = "DestinationDeliveryFailures";
        cloudwatch::record(account, "AWS/Lambda", metric, &dimensions, 1.0);
    }
}

/// Sends a text to a queue, a topic, a function or a bus, as the function's role.
fn send(
    account: &mut Account,
    caller: &Caller,
    to: &str,
    text: &str,
    attributes: Option<Value>,
) -> Answer {
    let attributes = attributes.unwrap_or_else(|| json!({}));
    match to.split(':').nth(2) {
        Some("sqs") => {
            let url = sqs::url_of_arn(account, to).ok_or_else(|| {
                ServiceError::new("QueueDoesNotExist", format!("The queue {to} does not exist."))
            })?;
            let input = json!({
                "QueueUrl": url, "MessageBody": text, "MessageAttributes": attributes,
            });
            account.call_as(caller, Service::Sqs, "SendMessage", input)
        }
        Some("sns") => {
            let input = json!({ "TopicArn": to, "Message": text, "MessageAttributes": attributes });
            account.call_as(caller, Service::Sns, "Publish", input)
        }
        Some("lambda") => {
            let input = json!({ "FunctionName": to, "InvocationType": "Event", "Payload": text });
            account.call_as(caller, Service::Lambda, "Invoke", input)
        }
        Some("events") => {
            let entry = json!({
                "Source": "lambda", "DetailType": "Lambda Function Invocation Result",
                "Detail": text, "EventBusName": to,
            });
            account.call_as(caller, Service::Events, "PutEvents", json!({ "Entries": [entry] }))
        }
        Some(_) | None => {
            Err(ServiceError::unsupported(format_args!("the function destination {to}")))
        }
    }
}
