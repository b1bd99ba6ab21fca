//! `LookupEvents`: the history by one attribute and a span of time.
//!
//! Main function: [`lookup`]. Invariant: an event that is younger than CloudTrail's delay is not shown.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Event;
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ssm;
use crate::emulator::timing;

/// The most events of one page.
const PAGE: usize = 50;

/// The input of `LookupEvents`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LookupEvents {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    #[serde(default)]
    start_time: Option<f64>,
    #[serde(default)]
    end_time: Option<f64>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

impl Attribute {
    fn fits(&self, event: &Event) -> Result<bool, ServiceError> {
        let value = self.attribute_value.as_str();
        Ok(match self.attribute_key.as_str() {
            "EventId" => event.id == value,
            "EventName" => event.name == value,
            "EventSource" => event.source == value,
            "ReadOnly" => event.read_only.to_string() == value,
            "Username" => event.user.as_deref() == Some(value),
            "ResourceName" => event.resources.iter().any(|(_, name)| name == value),
            "ResourceType" => event.resources.iter().any(|(kind, _)| *kind == value),
            other => {
                return Err(ServiceError::unsupported(format_args!(
                    "the lookup attribute {other} of LookupEvents"
                )));
            }
        })
    }
}

/// `LookupEvents`: newest first.
pub(super) fn lookup(account: &mut Account, input: LookupEvents) -> Answer {
    if input.lookup_attributes.len() > 1 {
        return Err(ServiceError::new(
            "InvalidLookupAttributesException",
            "You can only specify one lookup attribute.",
        ));
    }
    if input.max_results.is_some_and(|max| !(1..=PAGE).contains(&max)) {
        return Err(ServiceError::new(
            "InvalidMaxResultsException",
            format!("The maximum number of results must be from 1 to {PAGE}."),
        ));
    }
    let start = input.start_time.and_then(from_epoch_seconds);
    let end = input.end_time.and_then(from_epoch_seconds);
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(ServiceError::new(
            "InvalidTimeRangeException",
            "The start time must be before the end time.",
        ));
    }
    super::watch(account);
    let shown = account.now() - timing::CLOUDTRAIL;
    let mut found = Vec::new();
    for event in account.services.cloudtrail.events.iter().rev() {
        let in_time = event.at <= shown
            && start.is_none_or(|start| event.at >= start)
            && end.is_none_or(|end| event.at <= end);
        if in_time && input.lookup_attributes.first().map_or(Ok(true), |one| one.fits(event))? {
            found.push(shape(event));
        }
    }
    let (events, next) = ssm::page(found, input.max_results, input.next_token.as_deref(), PAGE)?;
    let mut answer = json!({"Events": events});
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn shape(event: &Event) -> Value {
    let resources: Vec<Value> = event
        .resources
        .iter()
        .map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name}))
        .collect();
    let mut shape = json!({
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": event.read_only.to_string(),
        "EventTime": epoch_seconds(event.at),
        "EventSource": event.source,
        "Resources": resources,
        "CloudTrailEvent": event.text,
    });
    if let Some(user) = &event.user {
        shape["Username"] = json!(user);
    }
    shape
}
