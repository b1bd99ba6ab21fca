//! `CloudWatch` Logs: groups, streams, log events, metric filters, searches, queries, resource policies.
//!
//! Main type: [`State`]. Invariants: the lines of a stream stand in the order in which they were put, and
//! can be read at once; one implementation of filter patterns serves searches and metric filters.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod deliveries;
mod filter;
mod insights;
mod metrics;
mod query;
mod search;
mod streams;
mod values;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::document;

/// Lines that one stream keeps here; the oldest make room.
const MOST_LINES: usize = 100_000;
/// Groups on a page of `DescribeLogGroups` (documented).
const MOST_GROUPS: usize = 50;
/// Resource policies in an account and region (documented quota).
const MOST_POLICIES: usize = 10;

/// The log groups of the account, by name, and the resource policies.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    groups: IndexMap<String, Group>,
    policies: IndexMap<String, Policy>,
    /// Where other services' logs are delivered to.
    deliveries: deliveries::Deliveries,
    /// Insights queries, by id.
    queries: IndexMap<String, insights::Running>,
}

#[derive(Debug, Clone)]
struct Group {
    retention_days: Option<i64>,
    streams: IndexMap<String, Vec<Line>>,
    filters: IndexMap<String, metrics::MetricFilter>,
}

#[derive(Debug, Clone)]
struct Line {
    id: u64,
    at: i64,
    ingested: i64,
    message: String,
}

#[derive(Debug, Clone)]
struct Policy {
    document: Value,
    updated: Timestamp,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An Insights query is done.
    QueryDone(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateLogGroup": CreateLogGroup => create_log_group,
    "DeleteLogGroup": GroupOnly => delete_log_group,
    "PutRetentionPolicy": PutRetention => put_retention,
    "DescribeLogGroups": DescribeLogGroups => describe_log_groups,
    "CreateLogStream": streams::Stream => streams::create,
    "DeleteLogStream": streams::Stream => streams::delete,
    "DescribeLogStreams": streams::DescribeLogStreams => streams::describe,
    "PutLogEvents": streams::PutLogEvents => streams::put,
    "FilterLogEvents": search::FilterLogEvents => search::filter_log_events,
    "StartQuery": insights::StartQuery => insights::start,
    "GetQueryResults": insights::QueryOnly => insights::results,
    "StopQuery": insights::QueryOnly => insights::stop,
    "PutMetricFilter": metrics::PutMetricFilter => metrics::put,
    "DeleteMetricFilter": metrics::FilterOnly => metrics::delete,
    "DescribeMetricFilters": metrics::DescribeMetricFilters => metrics::describe,
    "PutDeliverySource": deliveries::PutSource => deliveries::put_source,
    "DescribeDeliverySources": deliveries::Page => deliveries::describe_sources,
    "DeleteDeliverySource": deliveries::Named => deliveries::delete_source,
    "PutDeliveryDestination": deliveries::PutDestination => deliveries::put_destination,
    "DescribeDeliveryDestinations": deliveries::Page => deliveries::describe_destinations,
    "DeleteDeliveryDestination": deliveries::Named => deliveries::delete_destination,
    "CreateDelivery": deliveries::Create => deliveries::create,
    "DescribeDeliveries": deliveries::Page => deliveries::describe,
    "DeleteDelivery": deliveries::ById => deliveries::delete,
    "PutResourcePolicy": PutResourcePolicy => put_resource_policy,
    "DeleteResourcePolicy": PolicyOnly => delete_resource_policy,
    "DescribeResourcePolicies": Nothing => describe_resource_policies,
];

pub(crate) use deliveries::vended;

/// Sets up what every account has: no log group.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::QueryDone(id) => insights::done(account, &id),
    }
}

/// The resource policies of the account, which decide who may write to which group.
pub(crate) fn resource_policies(account: &Account) -> impl Iterator<Item = &Value> {
    account.services.logs.policies.values().map(|policy| &policy.document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateLogGroup {
    log_group_name: String,
    // Standard and infrequent access differ in price and in queries that are not emulated.
    #[serde(default, rename = "logGroupClass")]
    _log_group_class: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
    // Encryption changes nothing that a reader of the lines sees.
    #[serde(default, rename = "kmsKeyId")]
    _kms_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupOnly {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutRetention {
    log_group_name: String,
    retention_in_days: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyOnly {
    policy_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeLogGroups {
    #[serde(default)]
    log_group_name_prefix: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutResourcePolicy {
    policy_name: String,
    policy_document: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn create_log_group(account: &mut Account, input: CreateLogGroup) -> Answer {
    let name = input.log_group_name;
    if account.services.logs.groups.contains_key(&name) {
        return Err(exists("log group"));
    }
    account.services.logs.groups.insert(
        name,
        Group { retention_days: None, streams: IndexMap::new(), filters: IndexMap::new() },
    );
    Ok(json!({}))
}

fn delete_log_group(account: &mut Account, input: GroupOnly) -> Answer {
    group_mut(account, &input.log_group_name)?;
    account.services.logs.groups.shift_remove(&input.log_group_name);
    Ok(json!({}))
}

fn put_retention(account: &mut Account, input: PutRetention) -> Answer {
    if input.retention_in_days < 1 {
        return Err(ServiceError::new("InvalidParameterException", "retentionInDays is invalid"));
    }
    group_mut(account, &input.log_group_name)?.retention_days = Some(input.retention_in_days);
    Ok(json!({}))
}

/// By name, in pages; the token is the last name of the page before.
fn describe_log_groups(account: &mut Account, input: DescribeLogGroups) -> Answer {
    let prefix = input.log_group_name_prefix.unwrap_or_default();
    let after = input.next_token.unwrap_or_default();
    let groups = &account.services.logs.groups;
    let mut names: Vec<&String> = groups.keys().collect();
    names.sort();
    names.retain(|name| name.starts_with(&prefix) && **name > after);
    let more = names.len() > MOST_GROUPS;
    names.truncate(MOST_GROUPS);
    let shown: Vec<Value> = names
        .iter()
        .map(|name| {
            let arn = account.identity.arn("logs", &format!("log-group:{name}"));
            let mut shown = json!({
                "logGroupName": name,
                "arn": format!("{arn}:*"),
                "logGroupArn": arn,
                "metricFilterCount": groups[*name].filters.len(),
            });
            if let Some(days) = groups[*name].retention_days {
                shown["retentionInDays"] = json!(days);
            }
            shown
        })
        .collect();
    let mut answer = json!({ "logGroups": shown });
    if let Some(last) = names.last().filter(|_| more) {
        answer["nextToken"] = json!(last);
    }
    Ok(answer)
}

fn put_resource_policy(account: &mut Account, input: PutResourcePolicy) -> Answer {
    let document = document::read(&Value::String(input.policy_document))
        .map_err(|why| ServiceError::new("InvalidParameterException", why))?;
    let policies = &account.services.logs.policies;
    if !policies.contains_key(&input.policy_name) && policies.len() >= MOST_POLICIES {
        return Err(ServiceError::new("LimitExceededException", "Resource limit exceeded."));
    }
    let policy = Policy { document, updated: account.now() };
    let shown = show_policy(&input.policy_name, &policy);
    account.services.logs.policies.insert(input.policy_name, policy);
    Ok(json!({ "resourcePolicy": shown }))
}

fn delete_resource_policy(account: &mut Account, input: PolicyOnly) -> Answer {
    match account.services.logs.policies.shift_remove(&input.policy_name) {
        Some(_) => Ok(json!({})),
        None => Err(missing("resource policy")),
    }
}

fn describe_resource_policies(account: &mut Account, _input: Nothing) -> Answer {
    let policies = account.services.logs.policies.iter();
    let shown: Vec<Value> = policies.map(|(name, policy)| show_policy(name, policy)).collect();
    Ok(json!({ "resourcePolicies": shown }))
}

fn show_policy(name: &str, policy: &Policy) -> Value {
    json!({
        "policyName": name,
        "policyDocument": policy.document.to_string(),
        "lastUpdatedTime": policy.updated.as_millisecond(),
    })
}

fn group_mut<'a>(account: &'a mut Account, name: &str) -> Result<&'a mut Group, ServiceError> {
    account.services.logs.groups.get_mut(name).ok_or_else(|| missing("log group"))
}

/// The name of a group that is given by its name or its ARN.
fn name_of(group: &str) -> &str {
    let name = group.split_once(":log-group:").map_or(group, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterException", message)
}

fn missing(kind: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("The specified {kind} does not exist."))
}

fn exists(kind: &str) -> ServiceError {
    ServiceError::new(
        "ResourceAlreadyExistsException",
        format!("The specified {kind} already exists"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::account::Identity;
    use crate::emulator::services::Service;

    fn account() -> Account {
        let identity = Identity {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        };
        Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7)
    }

    /// A group with a stream, and the calls on it.
    fn logged(account: &mut Account, events: &[(i64, &str)]) -> Value {
        let now = account.now().as_millisecond();
        let stream = json!({"logGroupName": "app", "logStreamName": "a"});
        let _there = account.call(Service::Logs, "CreateLogGroup", json!({"logGroupName": "app"}));
        let _there = account.call(Service::Logs, "CreateLogStream", stream.clone());
        let mut put = stream;
        let event =
            |(at, message): &(i64, &str)| json!({"timestamp": now + at, "message": message});
        put["logEvents"] = events.iter().map(event).collect();
        account.call(Service::Logs, "PutLogEvents", put).expect("accepted")
    }

    fn messages(answer: &Value) -> Vec<String> {
        let events = answer["events"].as_array().expect("a list");
        events.iter().map(|one| one["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn lines_are_found_by_terms_and_by_time_and_in_pages() {
        let mut account = account();
        let now = account.now().as_millisecond();
        let lines = [(-3000, "ERROR could not connect"), (-2000, "ok"), (-1000, "ERROR disk full")];
        logged(&mut account, &lines);
        let mut ask = |mut input: Value| {
            input["logGroupName"] = "app".into();
            account.call(Service::Logs, "FilterLogEvents", input).expect("ok")
        };
        assert_eq!(messages(&ask(json!({"filterPattern": "ERROR"}))).len(), 2);
        let late = json!({"filterPattern": "ERROR", "startTime": now - 1500});
        assert_eq!(messages(&ask(late)), ["ERROR disk full"]);
        let first = ask(json!({"limit": 2}));
        assert_eq!(messages(&first), ["ERROR could not connect", "ok"]);
        let second = ask(json!({"limit": 2, "nextToken": first["nextToken"]}));
        assert_eq!(messages(&second), ["ERROR disk full"]);
        assert!(second.get("nextToken").is_none());
    }

    #[test]
    fn events_outside_of_the_window_are_rejected_by_their_place() {
        let mut account = account();
        let hour = 3_600_000;
        let answer = logged(&mut account, &[(0, "now"), (3 * hour, "tomorrow")]);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 1}));
        let answer = logged(&mut account, &[(-15 * 24 * hour, "old"), (-15 * 24 * hour, "old")]);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 2}));
        let retention = json!({"logGroupName": "app", "retentionInDays": 1});
        account.call(Service::Logs, "PutRetentionPolicy", retention).expect("ok");
        let answer = logged(&mut account, &[(-25 * hour, "expired"), (-2 * hour, "kept")]);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 1}));
        let all = json!({"logGroupName": "app"});
        let found = account.call(Service::Logs, "FilterLogEvents", all).expect("ok");
        assert_eq!(messages(&found), ["kept", "now"]);
    }

    #[test]
    fn a_query_is_complete_after_a_while_and_shows_what_was_there_when_it_began() {
        let mut account = account();
        logged(&mut account, &[(-2000, r#"{"level":"error","code":7}"#), (-1000, "fine")]);
        let now = account.now().as_second();
        let start = json!({
            "logGroupNames": ["app"], "startTime": now - 60, "endTime": now + 60,
            "queryString": "fields @timestamp, code | filter level = 'error'",
        });
        let id = account.call(Service::Logs, "StartQuery", start).expect("ok")["queryId"].clone();
        let ask = |account: &mut Account| {
            let input = json!({"queryId": id});
            account.call(Service::Logs, "GetQueryResults", input).expect("ok")
        };
        assert_eq!(ask(&mut account)["status"], "Running");
        account.advance(account.now() + crate::emulator::timing::LOGS_QUERY);
        let answer = ask(&mut account);
        assert_eq!(answer["status"], "Complete");
        let row = &answer["results"][0];
        assert_eq!(row[0], json!({"field": "@timestamp", "value": "2026-03-02 08:59:58.000"}));
        assert_eq!(row[1], json!({"field": "code", "value": "7"}));
        assert_eq!(
            (row[2]["field"].as_str(), answer["results"][1].is_null()),
            (Some("@ptr"), true)
        );
    }

    #[test]
    fn a_metric_filter_publishes_what_matches_and_its_default_for_a_minute_without() {
        let mut account = account();
        logged(&mut account, &[(-1000, "before the filter: ERROR")]);
        let filter = json!({
            "logGroupName": "app", "filterName": "errors", "filterPattern": "ERROR",
            "metricTransformations": [{
                "metricName": "Errors", "metricNamespace": "App", "metricValue": "1", "defaultValue": 0.0,
            }],
        });
        account.call(Service::Logs, "PutMetricFilter", filter).expect("ok");
        logged(&mut account, &[(0, "ERROR one"), (1, "ERROR two"), (61_000, "fine")]);
        let start = account.now().as_second();
        let metric = json!({"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"});
        let input = json!({
            "MetricDataQueries": [{"Id": "m", "MetricStat": metric}],
            "StartTime": start, "EndTime": start + 120, "ScanBy": "TimestampAscending",
        });
        let answer = account.call(Service::CloudWatch, "GetMetricData", input).expect("ok");
        assert_eq!(answer["MetricDataResults"][0]["Values"], json!([2.0, 0.0]));
    }
}
