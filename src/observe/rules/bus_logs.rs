//! What a bus's own logs say of its rules: the best evidence there is, by the id of the event.
//!
//! Main type: [`BusLogs`]. A bus logs only where it is told to, at a level, and to whichever places have a
//! delivery; of those, log groups with the prefix of vended logs of EventBridge are read. AWS delivers the
//! records as well as it can ("best effort"), so that one which is not there proves nothing: absence is
//! the metrics' to tell. Sources:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html>.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::{DeliveryDestinationConfiguration, DeliveryDestinationType};
use aws_sdk_eventbridge::types::Level;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::Watch;
use crate::aws::{Aws, CallError, CallErrorKind};
use crate::plan::BUS_LOG_GROUPS;
use crate::scenario::types::RuleState;

/// Pages of one search, or of one list; more is an answer that was cut off.
const MOST_PAGES: usize = 50;

/// The most rules that a search names; for more, the steps of all rules are read.
const BY_NAME: usize = 5;

/// Where a bus logs what its rules do, and what of it.
#[derive(Debug, Clone)]
pub(super) struct BusLogs {
    /// Names of log groups.
    groups: BTreeSet<String>,
    /// Failures alone are logged.
    failures_only: bool,
}

/// What a rule did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Did {
    Matched,
    Invoked,
    Failed,
}

/// A step that a bus logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) rule_arn: String,
    pub(super) did: Did,
    pub(super) event: String,
    /// The invocation's id; a match has none.
    pub(super) invocation: String,
    pub(super) target: String,
    pub(super) error: String,
}

/// A record, as far as it is read.
#[derive(Deserialize)]
struct Record {
    event_id: String,
    #[serde(default)]
    invocation_id: Option<String>,
    message_timestamp_ms: i64,
    message_type: String,
    #[serde(default)]
    details: Details,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    rule_arn: String,
    #[serde(default)]
    target_arn: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    error_message: Option<String>,
}

impl BusLogs {
    /// Whether what is expected of a rule would be in these logs.
    pub(super) fn show(&self, state: RuleState) -> bool {
        match state {
            RuleState::Failed => true,
            RuleState::Matched | RuleState::Invoked => !self.failures_only,
        }
    }

    /// Finds out where a bus logs; nothing where it does not, or to no place that is read.
    ///
    /// # Errors
    /// It could not be found out; that the account does not have such logs at all is no error.
    pub(super) async fn of(aws: &Aws, bus: &str) -> Result<Option<Self>, CallError> {
        match find(aws, bus).await {
            // A server that does not know of bus logs has none.
            Err(error)
                if matches!(error.kind, CallErrorKind::Refused | CallErrorKind::Unsupported) =>
            {
                Ok(None)
            }
            found => found,
        }
    }

    /// The steps of these rules since then, in order.
    pub(super) async fn steps(
        &self,
        watch: &Watch<'_>,
        rules: &BTreeSet<&str>,
        since: Timestamp,
    ) -> Result<Vec<Step>, CallError> {
        let pattern = pattern(rules);
        let mut steps = BTreeSet::new();
        for group in &self.groups {
            let mut pages = watch
                .aws
                .logs
                .filter_log_events()
                .log_group_name(group)
                .start_time(since.as_millisecond())
                .filter_pattern(&pattern)
                .into_paginator()
                .send();
            let mut read = 0;
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| CallError::of("logs:FilterLogEvents", &error))?;
                let messages = page.events().iter().filter_map(|event| event.message());
                let found = messages.filter_map(step);
                steps.extend(found.filter(|step| rules.contains(step.rule_arn.as_str())));
                read += 1;
                if read >= MOST_PAGES {
                    return Err(CallError {
                        kind: CallErrorKind::Unreachable,
                        operation: "logs:FilterLogEvents",
                        code: None,
                        message: format!("`{group}` has more than {MOST_PAGES} pages of steps"),
                    });
                }
            }
        }
        Ok(steps.into_iter().collect())
    }
}

async fn find(aws: &Aws, bus: &str) -> Result<Option<BusLogs>, CallError> {
    let sent = aws.events.describe_event_bus().name(bus).send().await;
    let described = sent.map_err(|error| CallError::of("events:DescribeEventBus", &error))?;
    let level = described.log_config().and_then(|config| config.level()).cloned();
    let failures_only = match level {
        None | Some(Level::Off) => return Ok(None),
        Some(Level::Error) => true,
        Some(_) => false,
    };
    let bus = described.arn.unwrap_or_default();
    let sources = sources(aws, &bus).await?;
    if sources.is_empty() {
        return Ok(None);
    }
    let destinations = destinations(aws, &sources).await?;
    let groups = groups(aws, &destinations).await?;
    Ok((!groups.is_empty()).then_some(BusLogs { groups, failures_only }))
}

/// The names of what delivers a bus's logs.
async fn sources(aws: &Aws, bus: &str) -> Result<BTreeSet<String>, CallError> {
    let mut pages = aws.logs.describe_delivery_sources().into_paginator().items().send();
    let mut found = BTreeSet::new();
    while let Some(source) = pages.next().await {
        let source =
            source.map_err(|error| CallError::of("logs:DescribeDeliverySources", &error))?;
        if source.resource_arns().iter().any(|resource| resource == bus) {
            found.extend(source.name);
        }
    }
    Ok(found)
}

/// The ARNs of where sources deliver to in CloudWatch Logs.
async fn destinations(
    aws: &Aws,
    sources: &BTreeSet<String>,
) -> Result<BTreeSet<String>, CallError> {
    let mut pages = aws.logs.describe_deliveries().into_paginator().items().send();
    let mut found = BTreeSet::new();
    while let Some(delivery) = pages.next().await {
        let delivery =
            delivery.map_err(|error| CallError::of("logs:DescribeDeliveries", &error))?;
        let of_ours = delivery.delivery_source_name().is_some_and(|name| sources.contains(name));
        let to_logs = delivery.delivery_destination_type() == Some(&DeliveryDestinationType::Cwl);
        if of_ours && to_logs {
            found.extend(delivery.delivery_destination_arn);
        }
    }
    Ok(found)
}

/// The names of the log groups behind destinations.
async fn groups(aws: &Aws, destinations: &BTreeSet<String>) -> Result<BTreeSet<String>, CallError> {
    let mut pages = aws.logs.describe_delivery_destinations().into_paginator().items().send();
    let mut found = BTreeSet::new();
    while let Some(destination) = pages.next().await {
        let destination = destination
            .map_err(|error| CallError::of("logs:DescribeDeliveryDestinations", &error))?;
        if !destination.arn().is_some_and(|arn| destinations.contains(arn)) {
            continue;
        }
        let configuration = destination.delivery_destination_configuration();
        let group = configuration.map(DeliveryDestinationConfiguration::destination_resource_arn);
        let name = group.and_then(|arn| Some(arn.split_once(":log-group:")?.1));
        let name = name.map(|name| name.strip_suffix(":*").unwrap_or(name));
        found.extend(name.filter(|name| name.starts_with(BUS_LOG_GROUPS)).map(str::to_owned));
    }
    Ok(found)
}

/// The filter pattern of the steps that are of interest.
fn pattern(rules: &BTreeSet<&str>) -> String {
    let any = |field: &str, values: &mut dyn Iterator<Item = &str>| {
        let alternatives = values.map(|value| format!("($.{field} = \"{value}\")"));
        format!("{{ {} }}", alternatives.collect::<Vec<_>>().join(" || "))
    };
    if rules.len() <= BY_NAME {
        return any("details.rule_arn", &mut rules.iter().copied());
    }
    let steps = ["RULE_MATCH", "INVOCATION_SUCCESS", "INVOCATION_FAILURE"];
    any("message_type", &mut steps.into_iter())
}

/// A record as a step; nothing if it is of no interest.
fn step(message: &str) -> Option<Step> {
    let record: Record = serde_json::from_str(message).ok()?;
    let did = match record.message_type.as_str() {
        "RULE_MATCH" => Did::Matched,
        "INVOCATION_SUCCESS" => Did::Invoked,
        "INVOCATION_FAILURE" => Did::Failed,
        _ => return None,
    };
    Some(Step {
        at: Timestamp::from_millisecond(record.message_timestamp_ms).ok()?,
        rule_arn: record.details.rule_arn,
        did,
        event: record.event_id,
        invocation: record.invocation_id.unwrap_or_default(),
        target: record.details.target_arn.unwrap_or_default(),
        error: record.error.and_then(|error| error.error_message).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rules_are_searched_by_name_and_many_by_what_they_did() {
        let few = BTreeSet::from(["arn:a", "arn:b"]);
        let words = "{ ($.details.rule_arn = \"arn:a\") || ($.details.rule_arn = \"arn:b\") }";
        assert_eq!(pattern(&few), words);
        let many = BTreeSet::from(["a", "b", "c", "d", "e", "f"]);
        assert!(pattern(&many).contains("$.message_type = \"INVOCATION_SUCCESS\""));
    }

    #[test]
    fn a_record_is_read_as_the_step_that_it_tells_of() {
        let record = r#"{"resource_arn":"arn:aws:events:eu-west-1:1:event-bus/orders","request_id":"r",
            "event_id":"e-1","invocation_id":"i-1","message_timestamp_ms":1767603600123,
            "message_type":"INVOCATION_FAILURE","log_level":"ERROR","details":{"rule_arn":"arn:rule",
            "target_arn":"arn:target","total_attempts":1},"error":{"http_status_code":403,
            "error_message":"not allowed","aws_service":"SQS","request_id":"s"}}"#;
        let read = step(record).expect("it is one");
        assert_eq!((read.did, read.event.as_str()), (Did::Failed, "e-1"));
        assert_eq!((read.rule_arn.as_str(), read.target.as_str()), ("arn:rule", "arn:target"));
        assert_eq!(
            (read.error.as_str(), read.at.as_millisecond()),
            ("not allowed", 1_767_603_600_123)
        );
        assert_eq!(step(&record.replace("INVOCATION_FAILURE", "INVOCATION_START")), None);
        assert_eq!(step("no record"), None);
    }
}
