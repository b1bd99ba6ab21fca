//! Vended logs: which service's logs are delivered to which group.
//!
//! Main function: [`vended`]. A source is what a resource logs, a destination is where to, and a delivery
//! puts the two together. Of the resources that log on AWS, event buses do here. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Line, MOST_LINES, exists, invalid, metrics, missing, name_of};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::wakeup::Topic;

/// The types of logs that an event bus has.
const LOG_TYPES: &[&str] = &["ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS"];

/// Sources, destinations and deliveries, by name or id.
#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    sources: IndexMap<String, Source>,
    destinations: IndexMap<String, String>,
    /// Sources with their destinations.
    joined: IndexMap<String, Delivery>,
}

#[derive(Debug, Clone)]
struct Source {
    resource: String,
    log_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Delivery {
    source: String,
    destination_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutSource {
    name: String,
    resource_arn: String,
    log_type: String,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutDestination {
    name: String,
    delivery_destination_configuration: Configuration,
    // One record is one line of JSON whatever it is called.
    #[serde(default, rename = "outputFormat")]
    _output_format: Option<String>,
    #[serde(default, rename = "deliveryDestinationType")]
    _delivery_destination_type: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Configuration {
    destination_resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    delivery_source_name: String,
    delivery_destination_arn: String,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ById {
    id: String,
}

/// Everything is on one page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default, rename = "limit")]
    _limit: Option<u32>,
}

/// `PutDeliverySource`.
pub(super) fn put_source(account: &mut Account, input: PutSource) -> Answer {
    if !input.resource_arn.contains(":event-bus/") {
        return Err(ServiceError::unsupported("vended logs of anything but event buses"));
    }
    if !LOG_TYPES.contains(&input.log_type.as_str()) {
        return Err(invalid(format!("logType must be one of {}", LOG_TYPES.join(", "))));
    }
    let source = Source { resource: input.resource_arn, log_type: input.log_type };
    let shown = show_source(account, &input.name, &source);
    account.services.logs.deliveries.sources.insert(input.name, source);
    Ok(json!({ "deliverySource": shown }))
}

/// `PutDeliveryDestination`: a log group.
pub(super) fn put_destination(account: &mut Account, input: PutDestination) -> Answer {
    let group = input.delivery_destination_configuration.destination_resource_arn;
    if !group.contains(":log-group:") {
        return Err(ServiceError::unsupported("deliveries of logs to anything but log groups"));
    }
    let shown = show_destination(account, &input.name, &group);
    account.services.logs.deliveries.destinations.insert(input.name, group);
    Ok(json!({ "deliveryDestination": shown }))
}

/// `CreateDelivery`.
pub(super) fn create(account: &mut Account, input: Create) -> Answer {
    let deliveries = &account.services.logs.deliveries;
    if !deliveries.sources.contains_key(&input.delivery_source_name) {
        return Err(missing("delivery source"));
    }
    let name = input.delivery_destination_arn.rsplit(':').next().unwrap_or_default();
    if !deliveries.destinations.contains_key(name) {
        return Err(missing("delivery destination"));
    }
    let delivery = Delivery {
        source: input.delivery_source_name,
        destination_arn: input.delivery_destination_arn,
    };
    if deliveries.joined.values().any(|one| *one == delivery) {
        return Err(exists("delivery"));
    }
    let id = account.ids.hex(16);
    let shown = show_delivery(account, &id, &delivery);
    account.services.logs.deliveries.joined.insert(id, delivery);
    Ok(json!({ "delivery": shown }))
}

/// `DescribeDeliverySources`.
pub(super) fn describe_sources(account: &mut Account, _input: Page) -> Answer {
    let sources = account.services.logs.deliveries.sources.iter();
    let shown: Vec<Value> =
        sources.map(|(name, source)| show_source(account, name, source)).collect();
    Ok(json!({ "deliverySources": shown }))
}

/// `DescribeDeliveryDestinations`.
pub(super) fn describe_destinations(account: &mut Account, _input: Page) -> Answer {
    let destinations = account.services.logs.deliveries.destinations.iter();
    let shown: Vec<Value> =
        destinations.map(|(name, group)| show_destination(account, name, group)).collect();
    Ok(json!({ "deliveryDestinations": shown }))
}

/// `DescribeDeliveries`.
pub(super) fn describe(account: &mut Account, _input: Page) -> Answer {
    let deliveries = account.services.logs.deliveries.joined.iter();
    let shown: Vec<Value> =
        deliveries.map(|(id, delivery)| show_delivery(account, id, delivery)).collect();
    Ok(json!({ "deliveries": shown }))
}

/// `DeleteDeliverySource`.
pub(super) fn delete_source(account: &mut Account, input: Named) -> Answer {
    let gone = account.services.logs.deliveries.sources.shift_remove(&input.name);
    gone.map(|_| json!({})).ok_or_else(|| missing("delivery source"))
}

/// `DeleteDeliveryDestination`.
pub(super) fn delete_destination(account: &mut Account, input: Named) -> Answer {
    let gone = account.services.logs.deliveries.destinations.shift_remove(&input.name);
    gone.map(|_| json!({})).ok_or_else(|| missing("delivery destination"))
}

/// `DeleteDelivery`.
pub(super) fn delete(account: &mut Account, input: ById) -> Answer {
    let gone = account.services.logs.deliveries.joined.shift_remove(&input.id);
    gone.map(|_| json!({})).ok_or_else(|| missing("delivery"))
}

fn show_source(account: &Account, name: &str, source: &Source) -> Value {
    json!({
        "name": name,
        "arn": account.identity.arn("logs", &format!("delivery-source:{name}")),
        "resourceArns": [source.resource],
        "service": "eventbridge",
        "logType": source.log_type,
    })
}

fn destination_arn(account: &Account, name: &str) -> String {
    account.identity.arn("logs", &format!("delivery-destination:{name}"))
}

fn show_destination(account: &Account, name: &str, group: &str) -> Value {
    json!({
        "name": name,
        "arn": destination_arn(account, name),
        "deliveryDestinationType": "CWL",
        "deliveryDestinationConfiguration": {"destinationResourceArn": group},
    })
}

fn show_delivery(account: &Account, id: &str, delivery: &Delivery) -> Value {
    json!({
        "id": id,
        "arn": account.identity.arn("logs", &format!("delivery:{id}")),
        "deliverySourceName": delivery.source,
        "deliveryDestinationArn": delivery.destination_arn,
        "deliveryDestinationType": "CWL",
    })
}

/// Delivers a record of a resource to every group that has a delivery of it.
pub(crate) fn vended(
    account: &mut Account,
    resource: &str,
    log_type: &str,
    at: i64,
    message: &str,
) {
    let now = account.now().as_millisecond();
    for name in groups(account, resource, log_type) {
        let Some(group) = account.services.logs.groups.get_mut(&name) else { continue };
        let stream = resource.rsplit('/').next().unwrap_or(resource);
        let lines = group.streams.entry(stream.to_owned()).or_default();
        if lines.len() >= MOST_LINES {
            lines.remove(0);
        }
        let id = lines.last().map_or(0, |last| last.id + 1);
        lines.push(Line { id, at, ingested: now, message: message.to_owned() });
        metrics::ingested(account, &name, &[(at, message.to_owned())]);
        account.touch(Topic::Logs);
    }
}

/// The names of the groups that a resource's logs of this type are delivered to.
fn groups(account: &Account, resource: &str, log_type: &str) -> Vec<String> {
    let all = &account.services.logs.deliveries;
    let of_it = |delivery: &&Delivery| {
        let source = all.sources.get(&delivery.source);
        source.is_some_and(|source| source.resource == resource && source.log_type == log_type)
    };
    let destinations = all.joined.values().filter(of_it);
    let groups = destinations.filter_map(|delivery| {
        let mut found = all.destinations.iter();
        found
            .find(|(name, _)| destination_arn(account, name) == delivery.destination_arn)
            .map(|(_, group)| name_of(group).to_owned())
    });
    groups.collect()
}
