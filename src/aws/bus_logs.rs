//! What a bus's own logs say of its rules, read once for everybody who watches rules of the bus.
//!
//! Main type: [`BusLogs`]. A bus logs only where it is told to, at a level, and to whichever places have a
//! delivery; of those, log groups with the prefix of vended logs of EventBridge are read. AWS delivers the
//! records as well as it can ("best effort"), so that one which is not there proves nothing: absence is
//! the metrics' to tell. That is why a group with more records than one look reads is no blind spot: the
//! next look reads on from there, and what is delivered later than that the metrics have told. Sources:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatchlogs::types::{DeliveryDestinationConfiguration, DeliveryDestinationType};
use aws_sdk_eventbridge::types::Level;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::shared::{Shared, Since};
use super::{Aws, CallError, CallErrorKind};

/// The most pages of one group that one look reads: the budget lets them through in a good quarter of a
/// minute, which the last look of a drill has.
const MOST_PAGES: usize = 20;

/// Once a group has more than a look reads, each look begins this long before where the last one ended.
/// What is delivered later than that is told by the rule's metric, which is there by then.
const OVERLAP: SignedDuration = SignedDuration::from_mins(4);

/// The most rules that a search names; for more, the steps of all rules are read.
const BY_NAME: usize = 5;

/// Where a bus logs what its rules do, and what of it.
#[derive(Debug, Clone)]
pub(crate) struct BusLogs {
    /// Names of log groups.
    groups: BTreeSet<String>,
    /// Failures alone are logged.
    pub(crate) failures_only: bool,
}

/// The reader that everybody shares who wants to know where a bus logs.
pub(super) type WhereReader = Since<Option<BusLogs>>;

/// The reader that everybody shares who reads what buses log.
pub(super) type Reader = Shared<Ask, Arc<BTreeMap<String, Result<Found, CallError>>>>;

/// What somebody wants to know of a log group.
pub(super) struct Ask {
    group: String,
    /// The ARNs of rules.
    rules: BTreeSet<String>,
    since: Timestamp,
}

/// The steps of a log group, each with its record's time.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    steps: BTreeSet<(Timestamp, Step)>,
    /// There is more than was read.
    cut_off: bool,
}

/// Where the next look at each log group begins, of those that had more than a look read.
pub(crate) type Places = BTreeMap<String, Timestamp>;

/// What a rule did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Did {
    Matched,
    Invoked,
    Failed,
}

/// A step that a bus logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    pub(crate) rule_arn: String,
    pub(crate) did: Did,
    pub(crate) event: String,
    /// The invocation's id; a match has none.
    pub(crate) invocation: String,
    pub(crate) target: String,
    pub(crate) error: String,
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
    /// Finds out where a bus logs, to groups whose names begin with `prefix`; nothing where it does not, or
    /// to no place that is read.
    ///
    /// # Errors
    /// It could not be found out; that the account does not have such logs at all is no error.
    pub(crate) async fn of(
        aws: &Aws,
        bus: &str,
        prefix: &'static str,
    ) -> Result<Option<Self>, CallError> {
        let (ours, wanted) = (aws.clone(), bus.to_owned());
        let read = move |_since| {
            let (ours, wanted) = (ours.clone(), wanted.clone());
            async move {
                match find(&ours, &wanted, prefix).await {
                    // A server that does not know of bus logs has none.
                    Err(error) if is_lacking(&error) => Ok(None),
                    found => found,
                }
            }
        };
        let (reader, moment) = (&aws.readers.bus_logs, aws.readers.moment);
        reader.read(bus.to_owned(), Timestamp::UNIX_EPOCH, moment, read).await
    }

    /// The steps of these rules that were logged since then, in order; from where `places` says on, where
    /// an earlier look did not come to the end.
    pub(crate) async fn steps(
        &self,
        aws: &Aws,
        rules: &BTreeSet<&str>,
        (since, now): (Timestamp, Timestamp),
        places: &mut Places,
    ) -> Result<Vec<Step>, CallError> {
        let from = self.groups.iter().map(|group| places.get(group).copied().unwrap_or(since));
        let from: Vec<Timestamp> = from.collect();
        let asks = self.groups.iter().zip(&from).map(|(group, from)| Ask {
            group: group.clone(),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            since: *from,
        });
        let read = join_all(asks.map(|ask| steps_of(aws, ask))).await;
        let mut steps = BTreeSet::new();
        for ((group, from), found) in self.groups.iter().zip(from).zip(read) {
            let found = found?;
            if found.cut_off || places.contains_key(group) {
                places.insert(group.clone(), next_place(from, now, &found));
            }
            let own = found.steps.into_iter().filter(|(at, _)| *at >= from);
            let own = own.map(|(_, step)| step);
            steps.extend(own.filter(|step| rules.contains(step.rule_arn.as_str())));
        }
        Ok(steps.into_iter().collect())
    }
}

fn is_lacking(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::Refused | CallErrorKind::Unsupported)
}

/// Where to read on after a look at `now` that began at `from`.
fn next_place(from: Timestamp, now: Timestamp, found: &Found) -> Timestamp {
    let newest = found.steps.last().map(|(at, _)| *at).filter(|newest| *newest > from);
    match newest.filter(|_| found.cut_off) {
        // So many in so little time: what is read twice would leave no room for what is new.
        Some(newest) if newest - OVERLAP <= from => newest,
        Some(newest) => newest - OVERLAP,
        // To the end; or pages full of what nobody asked for, which would be the same ones again.
        None => from.max(now - OVERLAP),
    }
}

/// What a log group has, read together with whoever else asks for it.
async fn steps_of(aws: &Aws, ask: Ask) -> Result<Found, CallError> {
    let (client, group) = (aws.logs.clone(), ask.group.clone());
    let read = |asks| async move { Arc::new(read_groups(&client, asks).await) };
    let found = aws.readers.bus_steps.ask(ask, aws.readers.moment, read).await;
    found.get(&group).cloned().expect("each group is answered")
}

async fn read_groups(
    client: &aws_sdk_cloudwatchlogs::Client,
    asks: Vec<Ask>,
) -> BTreeMap<String, Result<Found, CallError>> {
    let mut groups: BTreeMap<String, Ask> = BTreeMap::new();
    for ask in asks {
        match groups.get_mut(&ask.group) {
            Some(known) => {
                known.since = known.since.min(ask.since);
                known.rules.extend(ask.rules);
            }
            None => {
                groups.insert(ask.group.clone(), ask);
            }
        }
    }
    let mut found = BTreeMap::new();
    for (group, ask) in groups {
        found.insert(group, read_group(client, &ask).await);
    }
    found
}

async fn read_group(
    client: &aws_sdk_cloudwatchlogs::Client,
    ask: &Ask,
) -> Result<Found, CallError> {
    let mut pages = client
        .filter_log_events()
        .log_group_name(&ask.group)
        .start_time(ask.since.as_millisecond())
        .filter_pattern(pattern(&ask.rules))
        .into_paginator()
        .send();
    let (mut found, mut read) = (Found::default(), 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("logs:FilterLogEvents", &error))?;
        found.steps.extend(page.events().iter().filter_map(|event| {
            let at = event.timestamp().and_then(|at| Timestamp::from_millisecond(at).ok())?;
            Some((at, step(event.message()?)?))
        }));
        read += 1;
        if read >= MOST_PAGES && page.next_token().is_some() {
            found.cut_off = true;
            break;
        }
    }
    Ok(found)
}

async fn find(aws: &Aws, bus: &str, prefix: &str) -> Result<Option<BusLogs>, CallError> {
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
    let groups = groups(aws, &destinations, prefix).await?;
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

/// The names of the log groups behind destinations, as far as they begin with `prefix`.
async fn groups(
    aws: &Aws,
    destinations: &BTreeSet<String>,
    prefix: &str,
) -> Result<BTreeSet<String>, CallError> {
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
        found.extend(name.filter(|name| name.starts_with(prefix)).map(str::to_owned));
    }
    Ok(found)
}

/// The filter pattern of the steps that are of interest.
fn pattern(rules: &BTreeSet<String>) -> String {
    let any = |field: &str, values: &mut dyn Iterator<Item = &str>| {
        let alternatives = values.map(|value| format!("($.{field} = \"{value}\")"));
        format!("{{ {} }}", alternatives.collect::<Vec<_>>().join(" || "))
    };
    if rules.len() <= BY_NAME {
        return any("details.rule_arn", &mut rules.iter().map(String::as_str));
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
        let rules = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let few: BTreeSet<String> = rules(&["arn:a", "arn:b"]);
        let words = "{ ($.details.rule_arn = \"arn:a\") || ($.details.rule_arn = \"arn:b\") }";
        assert_eq!(pattern(&few), words);
        let many: BTreeSet<String> = rules(&["a", "b", "c", "d", "e", "f"]);
        assert!(pattern(&many).contains("$.message_type = \"INVOCATION_SUCCESS\""));
    }

    #[test]
    fn a_look_that_was_cut_off_is_read_on_from_and_never_stands_still() {
        let record = r#"{"event_id":"e","message_timestamp_ms":0,"message_type":"RULE_MATCH"}"#;
        let at =
            |minute: i64| Timestamp::from_second(1_767_603_600 + 60 * minute).expect("in range");
        let next = |from, cut_off, newest: Option<i64>| {
            let one = |minute| (at(minute), step(record).expect("it is one"));
            let steps = newest.map(one).into_iter().collect();
            next_place(at(from), at(30), &Found { steps, cut_off })
        };
        // What is delivered late is read again.
        assert_eq!(next(0, true, Some(10)), at(6));
        assert_eq!(next(6, true, Some(12)), at(8));
        // More than a look reads in less time than that.
        assert_eq!(next(6, true, Some(9)), at(9));
        // Read to the end, and nothing but what others ask for.
        assert_eq!(next(6, false, Some(29)), at(26));
        assert_eq!(next(6, true, None), at(26));
        assert_eq!(next(28, true, Some(20)), at(28));
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
