//! `CloudWatch` Logs: groups, streams, lines and resource policies; the part that targets write to.
//!
//! Main type: [`State`]. Invariant: the lines of a stream stand in the order in which they were put.
//! Filter patterns are plain terms (all must occur) and quoted phrases; anything richer is refused.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

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
/// Lines on one page of `FilterLogEvents` (documented).
const MOST_ON_A_PAGE: usize = 10_000;
/// Resource policies in an account and region (documented quota).
const MOST_POLICIES: usize = 10;

/// The log groups of the account, by name, and the resource policies.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    groups: IndexMap<String, Group>,
    policies: IndexMap<String, Policy>,
}

#[derive(Debug, Clone)]
struct Group {
    retention_days: Option<i64>,
    streams: IndexMap<String, Vec<Line>>,
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

/// What the service has on the agenda: nothing; lines can be read at once.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateLogGroup": CreateLogGroup => create_log_group,
    "DeleteLogGroup": GroupOnly => delete_log_group,
    "PutRetentionPolicy": PutRetention => put_retention,
    "CreateLogStream": Stream => create_log_stream,
    "PutLogEvents": PutLogEvents => put_log_events,
    "FilterLogEvents": FilterLogEvents => filter_log_events,
    "PutResourcePolicy": PutResourcePolicy => put_resource_policy,
    "DeleteResourcePolicy": PolicyOnly => delete_resource_policy,
    "DescribeResourcePolicies": Nothing => describe_resource_policies,
];

/// Sets up what every account has: no log group.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
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
struct Stream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputLine>,
    // Ignored by AWS since 2023.
    #[serde(default, rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputLine {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilterLogEvents {
    log_group_name: String,
    #[serde(default)]
    log_stream_names: Vec<String>,
    #[serde(default)]
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    filter_pattern: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
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
    account
        .services
        .logs
        .groups
        .insert(name, Group { retention_days: None, streams: IndexMap::new() });
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

fn create_log_stream(account: &mut Account, input: Stream) -> Answer {
    let group = group_mut(account, &input.log_group_name)?;
    if group.streams.contains_key(&input.log_stream_name) {
        return Err(exists("log stream"));
    }
    group.streams.insert(input.log_stream_name, Vec::new());
    Ok(json!({}))
}

fn put_log_events(account: &mut Account, input: PutLogEvents) -> Answer {
    let ingested = account.now().as_millisecond();
    let group = group_mut(account, &input.log_group_name)?;
    let lines =
        group.streams.get_mut(&input.log_stream_name).ok_or_else(|| missing("log stream"))?;
    for line in input.log_events {
        let id = lines.last().map_or(0, |last| last.id + 1);
        if lines.len() >= MOST_LINES {
            lines.remove(0);
        }
        lines.push(Line { id, at: line.timestamp, ingested, message: line.message });
    }
    Ok(json!({}))
}

fn filter_log_events(account: &mut Account, input: FilterLogEvents) -> Answer {
    let terms = terms(input.filter_pattern.as_deref().unwrap_or_default())?;
    let limit = input.limit.unwrap_or(MOST_ON_A_PAGE).min(MOST_ON_A_PAGE);
    let now = account.now().as_millisecond();
    let group = group_mut(account, &input.log_group_name)?;
    let oldest = group.retention_days.map_or(i64::MIN, |days| now - days * 86_400_000);
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let streams = group.streams.iter().filter(|(name, _)| {
        name.starts_with(prefix)
            && (input.log_stream_names.is_empty() || input.log_stream_names.contains(name))
    });
    let mut found: Vec<(&str, &Line)> = Vec::new();
    for (name, lines) in streams {
        let wanted = lines.iter().filter(|line| {
            line.at >= oldest
                && input.start_time.is_none_or(|start| line.at >= start)
                && input.end_time.is_none_or(|end| line.at < end)
                && terms.iter().all(|term| line.message.contains(term.as_str()))
        });
        found.extend(wanted.map(|line| (name.as_str(), line)));
    }
    found.sort_by_key(|(_, line)| line.at);
    if found.len() > limit {
        return Err(ServiceError::unsupported(format_args!(
            "a second page of FilterLogEvents: {} lines match and {limit} fit on one",
            found.len()
        )));
    }
    let events: Vec<Value> = found
        .into_iter()
        .map(|(stream, line)| {
            json!({
                "logStreamName": stream,
                "timestamp": line.at,
                "message": line.message,
                "ingestionTime": line.ingested,
                "eventId": format!("{stream}-{}", line.id),
            })
        })
        .collect();
    Ok(json!({ "events": events, "searchedLogStreams": [] }))
}

/// The terms of a plain filter pattern
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>).
fn terms(pattern: &str) -> Result<Vec<String>, ServiceError> {
    let pattern = pattern.trim();
    if pattern.starts_with(['{', '[', '%', '?', '-']) {
        return Err(ServiceError::unsupported(format_args!("the filter pattern {pattern}")));
    }
    let mut terms = Vec::new();
    for (position, part) in pattern.split('"').enumerate() {
        // Every second part stands inside of quotes.
        if position % 2 == 1 {
            terms.push(part.to_owned());
        } else {
            terms.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    Ok(terms)
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

    #[test]
    fn lines_are_found_by_terms_and_by_time() {
        let mut account = account();
        let stream = json!({"logGroupName": "app", "logStreamName": "a"});
        account.call(Service::Logs, "CreateLogGroup", json!({"logGroupName": "app"})).expect("ok");
        account.call(Service::Logs, "CreateLogStream", stream.clone()).expect("ok");
        let mut put = stream;
        put["logEvents"] = json!([
            {"timestamp": 1000, "message": "ERROR could not connect"},
            {"timestamp": 2000, "message": "ok"},
            {"timestamp": 3000, "message": "ERROR disk full"},
        ]);
        account.call(Service::Logs, "PutLogEvents", put).expect("ok");
        let mut ask = |pattern: &str, start: i64| {
            let input =
                json!({"logGroupName": "app", "filterPattern": pattern, "startTime": start});
            let answer = account.call(Service::Logs, "FilterLogEvents", input).expect("ok");
            answer["events"].as_array().expect("a list").len()
        };
        assert_eq!((ask("ERROR", 0), ask("ERROR \"disk full\"", 0), ask("ERROR", 1500)), (2, 1, 1));
        assert_eq!(ask("", 0), 3);
        let json_pattern = json!({"logGroupName": "app", "filterPattern": "{ $.a = 1 }"});
        let error = account.call(Service::Logs, "FilterLogEvents", json_pattern);
        assert_eq!(error.expect_err("refused").code, "NotImplemented");
    }
}
