//! How events come in: `PutEvents`, and the one way onto a bus for all of them.
//!
//! Main function: [`accept`]. Invariant: whatever reaches a bus goes through it, in AWS's envelope.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::buses::arn_of_bus;
use super::delivery::{self, Event};
use super::metrics::{self, Counter};
use super::rules::read_pattern;
use super::{Moment, archives, envelope, foreign};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::{self, Caller};
use crate::emulator::signals;

/// Entries in one request (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
const MOST_ENTRIES: usize = 10;
/// The size of all entries together. The user guide says 1 MB since 2026, the API reference 256 KB; the
/// smaller one is what works with both.
const LARGEST_REQUEST: usize = 262_144;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    time: Option<Moment>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail_type: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    event_bus_name: Option<String>,
    // For X-Ray, which is not emulated; it does not change the event.
    #[serde(default, rename = "TraceHeader")]
    _trace_header: Option<String>,
}

impl Entry {
    /// The size of an entry, as
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html> counts it.
    fn size(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = if self.time.is_some() { 14 } else { 0 };
        let resources: usize = self.resources.iter().map(String::len).sum();
        time + length(&self.source) + length(&self.detail_type) + length(&self.detail) + resources
    }
}

/// `PutEvents`: each entry is accepted or refused by itself.
///
/// A bus that does not exist is no error: the entry gets an id and the event is gone, as on AWS
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>).
pub(super) fn put_events(account: &mut Account, input: PutEvents) -> Answer {
    if input.entries.is_empty() || input.entries.len() > MOST_ENTRIES {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and {MOST_ENTRIES}"
        )));
    }
    if input.entries.iter().map(Entry::size).sum::<usize>() > LARGEST_REQUEST {
        return Err(ServiceError::validation(
            "Total size of the entries in the request is over the limit.",
        ));
    }
    for entry in &input.entries {
        admitted(account, entry)?;
    }
    let mut failed = 0;
    let mut answers = Vec::with_capacity(input.entries.len());
    for entry in input.entries {
        answers.push(match put(account, entry) {
            Ok(id) => json!({ "EventId": id }),
            Err((code, message)) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": message })
            }
        });
    }
    Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
}

/// A bus of another account lets in whom its own policy names
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html>). Services and
/// the roles that they assume were asked for both already.
fn admitted(account: &Account, entry: &Entry) -> Result<(), ServiceError> {
    let Some(bus) = entry.event_bus_name.as_deref().filter(|bus| bus.starts_with("arn:")) else {
        return Ok(());
    };
    if foreign::owns(account, bus) {
        return Ok(());
    }
    match account.caller() {
        Caller::Service { .. } | Caller::Role { .. } => Ok(()),
        Caller::Administrator | Caller::User { .. } | Caller::Session { .. } => {
            policy::admits_account(account, bus)
        }
    }
}

type Refusal = (&'static str, String);

fn put(account: &mut Account, entry: Entry) -> Result<Value, Refusal> {
    let required = |name: &str| {
        let message =
            format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", message)
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let source = given(entry.source).ok_or_else(|| required("Source"))?;
    let detail_type = given(entry.detail_type).ok_or_else(|| required("DetailType"))?;
    let detail = given(entry.detail).ok_or_else(|| required("Detail"))?;
    if source.starts_with("aws.") {
        return Err((
            "NotAuthorizedForSourceException",
            format!(
                "Not authorized for the source {source}: sources of AWS services are reserved."
            ),
        ));
    }
    let detail: Value = serde_json::from_str(&detail)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
    let time = entry.time.map(Moment::timestamp);
    let event = envelope(account, &source, &detail_type, time, entry.resources, detail);
    let id = event["id"].clone();
    accept(account, entry.event_bus_name.as_deref().unwrap_or("default"), event);
    Ok(id)
}

/// Puts a complete event onto a bus: archives it, tells the signals, and starts its delivery.
pub(super) fn accept(account: &mut Account, bus: &str, event: Value) {
    let event = Event::new(event, account.now());
    accept_event(account, bus, Arc::new(event));
}

/// Like [`accept`], for an event that already carries where it came from.
pub(super) fn accept_event(account: &mut Account, bus: &str, event: Arc<Event>) {
    let arn = arn_of_bus(account, bus);
    let Some(found) = account.services.events.buses.get_mut(&arn) else {
        return;
    };
    let matched = found.index.matching(&event.text);
    if let Some(arrivals) = &mut found.arrivals {
        arrivals.record(&event, matched);
        return;
    }
    let metric_name = found.metric_name().map(str::to_owned);
    signals::event_arrived(account, &event.value);
    archives::keep(account, &arn, &event);
    if matched.is_empty() {
        super::bus_logs::unmatched(account, &arn, &event);
    }
    for rule in matched.iter().filter(|rule| event.is_meant_for(&arn, rule)) {
        metrics::count(account, metric_name.as_deref(), rule, Counter::MatchedEvents);
        metrics::count(account, metric_name.as_deref(), rule, Counter::TriggeredRules);
        delivery::invoke_targets(account, &arn, rule, &event);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TestEventPattern {
    event_pattern: String,
    event: String,
}

/// `TestEventPattern`: the event needs AWS's mandatory fields.
pub(super) fn test_event_pattern(_account: &mut Account, input: TestEventPattern) -> Answer {
    let pattern = read_pattern(&input.event_pattern)?;
    let event: Value = serde_json::from_str(&input.event)
        .map_err(|_| ServiceError::validation("Parameter Event is not valid."))?;
    for field in ["id", "account", "source", "time", "region", "resources", "detail-type"] {
        if event.get(field).is_none() {
            return Err(ServiceError::validation(format!(
                "Parameter Event is not valid. Reason: the field {field} is missing."
            )));
        }
    }
    Ok(json!({ "Result": pattern.matches(&input.event) }))
}
