//! Delivery: attempts on targets, retries, dead letters.
//!
//! Main types: [`Event`], [`Invocation`]. Invariant: an invocation is on the agenda once, until it ends as
//! delivered, dead-lettered or failed. Errors that pass by themselves (throttling, a service's fault) are
//! retried within the target's policy; a missing permission or a missing target is not, as
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html> says.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::buses::arn_of_bus;
use super::invoke::{self, Kind};
use super::metrics::{self, Counter};
use super::targets::Target;
use super::{Due, bus_logs, ingest};
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::policy::{self, ASSUME_ROLE};
use crate::emulator::services::{Service, sqs};
use crate::emulator::timing;

/// An event that a bus accepted, shared by all that it is delivered to.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) value: Value,
    /// The same as JSON text: what patterns match and targets receive.
    pub(super) text: String,
    /// When it reached its (first) bus.
    pub(super) received: Timestamp,
    /// Whether another bus sent it here; a bus does not pass it on to a third.
    forwarded: bool,
    /// A replay may be meant for some rules only (their ARNs).
    only: Option<Arc<Vec<String>>>,
}

impl Event {
    /// A new event.
    pub(super) fn new(value: Value, received: Timestamp) -> Self {
        let text = value.to_string();
        Self { value, text, received, forwarded: false, only: None }
    }

    /// A replayed event, for these rules only if there are any.
    pub(super) fn replayed(value: Value, received: Timestamp, only: Arc<Vec<String>>) -> Self {
        let only = (!only.is_empty()).then_some(only);
        Self { only, ..Self::new(value, received) }
    }

    /// Whether a rule of a bus may see the event.
    pub(super) fn is_meant_for(&self, bus_arn: &str, rule: &str) -> bool {
        let Some(only) = &self.only else { return true };
        let (prefix, bus) = bus_arn.split_once(":event-bus/").unwrap_or((bus_arn, ""));
        let arn = if bus == "default" {
            format!("{prefix}:rule/{rule}")
        } else {
            format!("{prefix}:rule/{bus}/{rule}")
        };
        only.contains(&arn)
    }

    /// Whether it came out of an archive.
    pub(super) fn is_replayed(&self) -> bool {
        self.value.get("replay-name").is_some()
    }
}

/// One event on its way to one target.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(super) rule: String,
    pub(super) rule_arn: String,
    /// The custom bus's name; nothing for the default bus.
    pub(super) bus: Option<String>,
    /// Its id in the bus's logs, where there are any.
    pub(super) id: Option<String>,
    pub(super) target: Arc<Target>,
    pub(super) event: Arc<Event>,
    /// When the rule matched: from here the target's age limit counts.
    matched: Timestamp,
    pub(super) retries: u32,
}

/// Puts one invocation for each target of a rule on the agenda.
pub(super) fn invoke_targets(account: &mut Account, bus_arn: &str, rule: &str, event: &Arc<Event>) {
    let matched = account.now();
    let Some(bus) = account.services.events.buses.get(bus_arn) else { return };
    let Some(found) = bus.rules.get(rule) else { return };
    let mut invocations: Vec<Invocation> = found
        .targets
        .values()
        .map(|target| Invocation {
            rule: found.name.clone(),
            rule_arn: found.arn.clone(),
            bus: bus.metric_name().map(str::to_owned),
            id: None,
            target: Arc::clone(target),
            event: Arc::clone(event),
            matched,
            retries: 0,
        })
        .collect();
    if bus_logs::level(account, bus_arn) > bus_logs::Level::Off {
        for invocation in &mut invocations {
            invocation.id = Some(account.ids.uuid());
        }
        bus_logs::matched(account, bus_arn, event, &invocations);
    }
    for invocation in invocations {
        account.schedule_in(timing::EVENT_TO_TARGET, Due::Attempt(Box::new(invocation)));
    }
}

/// Tries to deliver, and settles what comes of it.
pub(super) fn attempt(account: &mut Account, mut invocation: Box<Invocation>) {
    if invocation.target.kind == Kind::Bus && invocation.event.forwarded {
        // "EventBridge can't route events received from a sender event bus to a third event bus":
        // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html.
        count(account, &invocation, Counter::DeadLetterInvocations);
        return;
    }
    count(account, &invocation, Counter::InvocationAttempts);
    if invocation.retries > 0 {
        count(account, &invocation, Counter::RetryInvocationAttempts);
    }
    let Err(error) = deliver(account, &invocation) else {
        count(account, &invocation, Counter::Invocations);
        count(account, &invocation, Counter::SuccessfulInvocationAttempts);
        bus_logs::invoked(account, &invocation);
        return;
    };
    if !is_transient(&error) {
        give_up(account, &invocation, &error, None);
        return;
    }
    let wait = backoff(invocation.retries);
    let next_age = account.now() + wait - invocation.matched.as_duration();
    let most_age = i64::from(invocation.target.longest_age());
    if invocation.retries >= invocation.target.most_retries() {
        give_up(account, &invocation, &error, Some("MaximumRetryAttempts"));
    } else if next_age.as_second() > most_age {
        give_up(account, &invocation, &error, Some("MaximumEventAgeInSeconds"));
    } else {
        invocation.retries += 1;
        account.schedule_in(wait, Due::Attempt(invocation));
    }
}

/// Exponential: each wait is twice the one before, up to the longest.
fn backoff(retries: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(retries).filter(|factor| *factor > 0).unwrap_or(i32::MAX);
    timing::TARGET_RETRY_FIRST.saturating_mul(factor).min(timing::TARGET_RETRY_LONGEST)
}

fn deliver(account: &mut Account, invocation: &Invocation) -> Result<(), ServiceError> {
    let input = invoke::shape(invocation)?;
    let call = invoke::call(account, invocation, input)?;
    let caller = invoke::caller(invocation);
    if invocation.target.kind == Kind::Bus {
        policy::authorize(account, &caller, call.service, call.operation, &call.input)?;
        return forward(account, invocation);
    }
    invoke::make(account, &caller, call).map(drop)
}

/// Sends the event on to another bus, in the envelope that it has.
fn forward(account: &mut Account, invocation: &Invocation) -> Result<(), ServiceError> {
    let bus = arn_of_bus(account, &invocation.target.definition.arn);
    if !account.services.events.buses.contains_key(&bus) {
        return Err(ServiceError::new(
            "ResourceNotFoundException",
            format!("Event bus {bus} does not exist."),
        ));
    }
    let event = Event { forwarded: true, only: None, ..(*invocation.event).clone() };
    ingest::accept_event(account, &bus, Arc::new(event));
    Ok(())
}

/// What passes by itself: throttling, and the fault of the called service. A refusal of the emulator
/// (501) never does.
fn is_transient(error: &ServiceError) -> bool {
    let throttled = ["Throttl", "TooManyRequests", "ServiceUnavailable", "InternalError"];
    let passing = throttled.iter().any(|mark| error.code.contains(mark));
    passing || (error.status >= 500 && error.status != 501)
}

fn give_up(
    account: &mut Account,
    invocation: &Invocation,
    error: &ServiceError,
    exhausted: Option<&str>,
) {
    count(account, invocation, Counter::Invocations);
    count(account, invocation, Counter::FailedInvocations);
    bus_logs::failed(account, invocation, error);
    let Some(queue) = invocation.target.dead_letter() else { return };
    let sent = bury(account, invocation, queue, error, exhausted);
    let counter = if sent.is_ok() {
        Counter::InvocationsSentToDlq
    } else {
        Counter::InvocationsFailedToBeSentToDlq
    };
    count(account, invocation, counter);
}

/// Sends the event to the dead-letter queue, whose own policy has to let `EventBridge` in.
fn bury(
    account: &mut Account,
    invocation: &Invocation,
    queue: &str,
    error: &ServiceError,
    exhausted: Option<&str>,
) -> Result<(), ServiceError> {
    let url = sqs::url_of_arn(account, queue).ok_or_else(|| {
        ServiceError::new("QueueDoesNotExist", format!("The queue {queue} does not exist."))
    })?;
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let mut attributes = json!({
        "RULE_ARN": text(&invocation.rule_arn),
        "TARGET_ARN": text(&invocation.target.definition.arn),
        "ERROR_CODE": text(error_code(error)),
        "ERROR_MESSAGE": text(&error.message),
        "RETRY_ATTEMPTS":
            json!({ "DataType": "Number", "StringValue": invocation.retries.to_string() }),
    });
    if let Some(exhausted) = exhausted {
        attributes["EXHAUSTED_RETRY_CONDITION"] = text(exhausted);
    }
    let input = json!({
        "QueueUrl": url,
        "MessageBody": invocation.event.text,
        "MessageAttributes": attributes,
    });
    let caller = invoke::as_service(&invocation.rule_arn);
    account.call_as(&caller, Service::Sqs, "SendMessage", input).map(drop)
}

/// The error code that a dead letter carries, from the list on the page above.
fn error_code(error: &ServiceError) -> &str {
    let code = error.code.as_str();
    if code.starts_with("AccessDenied") {
        let about_role = error.message.contains(ASSUME_ROLE);
        return if about_role { "FAILED_TO_ASSUME_ROLE" } else { "NO_PERMISSIONS" };
    }
    if matches!(code, "INVALID_JSON" | "INVALID_PARAMETER") {
        return code;
    }
    if code.contains("NotFound")
        || code.contains("DoesNotExist")
        || code.contains("InvalidDocument")
    {
        return "NO_RESOURCE";
    }
    if code.contains("Throttl") || code.contains("TooManyRequests") {
        return "THROTTLING";
    }
    if code.contains("Validation") || code.contains("Invalid") {
        return "INVALID_PARAMETER";
    }
    if code.contains("LimitExceeded") {
        return "RESOURCE_LIMIT_EXCEEDED";
    }
    if error.status >= 500 { "ERROR_FROM_TARGET" } else { "SDK_CLIENT_ERROR" }
}

fn count(account: &mut Account, invocation: &Invocation, counter: Counter) {
    metrics::count(account, invocation.bus.as_deref(), &invocation.rule, counter);
}
