//! CloudTrail: the event history of management events, which every account has without a trail.
//!
//! Main type: [`Event`]. Invariants: only calls that the account itself answered or refused are shown, each
//! after CloudTrail's delay; data events are never in the history; the history is bounded.
//! Sources: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

mod lookup;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::emulator::account::{Account, ApiCall};
use crate::emulator::ids::Ids;
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The most events that are kept; AWS keeps those of 90 days.
const MOST_EVENTS: usize = 20_000;

/// The event history.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Oldest first.
    events: VecDeque<Arc<Event>>,
    /// The source of event ids: its own, so that the history changes no other id.
    ids: Option<Ids>,
    /// Somebody looks at the history, and is told when it shows more.
    watched: bool,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An event that changed something can be looked up.
    Shown,
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] =
    operations!["LookupEvents": lookup::LookupEvents => lookup::lookup];

/// Sets up what every account has.
pub(crate) fn open(account: &mut Account) {
    let ids = account.ids.apart("cloudtrail");
    account.services.cloudtrail.ids = Some(ids);
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Shown => account.touch(Topic::ApiCalls),
    }
}

/// One management event.
#[derive(Debug)]
struct Event {
    id: String,
    at: Timestamp,
    name: String,
    source: String,
    read_only: bool,
    /// Nothing where a service made the call by itself.
    user: Option<String>,
    /// Types and names.
    resources: Vec<(&'static str, String)>,
    /// The whole event, as text.
    text: String,
}

/// The operations that CloudTrail logs as data events, if at all, and never in the event history:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>.
/// `PutEvents` is none of EventBridge's management events:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/logging-using-cloudtrail.html>.
fn is_data_event(service: Service, operation: &str) -> bool {
    let data: &[&str] = match service {
        Service::Sns => &["Publish", "PublishBatch"],
        Service::Sqs => &[
            "SendMessage",
            "SendMessageBatch",
            "ReceiveMessage",
            "DeleteMessage",
            "DeleteMessageBatch",
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
        ],
        Service::Lambda => &["Invoke"],
        Service::CloudWatch => &["PutMetricData", "GetMetricData"],
        Service::Events => &["PutEvents"],
        Service::Logs => &["PutLogEvents", "GetLogEvents", "FilterLogEvents"],
        _ => &[],
    };
    data.contains(&operation)
}

/// The service's name in events.
fn source(service: Service) -> String {
    let name = match service {
        Service::CloudWatch => "monitoring",
        other => other.prefix(),
    };
    format!("{name}.amazonaws.com")
}

fn is_read_only(operation: &str) -> bool {
    const READING: &[&str] =
        &["Describe", "Get", "List", "Lookup", "BatchGet", "Search", "Test", "Simulate"];
    READING.iter().any(|word| operation.starts_with(word))
}

/// Puts a call into the history, on behalf of whoever made it.
pub(crate) fn record(account: &mut Account, caller: &Caller, call: &ApiCall) {
    let elsewhere = is_global(call.service) && account.identity().region != GLOBAL_REGION;
    if elsewhere || is_data_event(call.service, &call.operation) {
        return;
    }
    let state = &mut account.services.cloudtrail;
    let Some(id) = state.ids.as_mut().map(Ids::uuid) else { return };
    let read_only = is_read_only(&call.operation);
    let mut event = Event {
        id,
        at: call.at,
        name: call.operation.clone(),
        source: source(call.service),
        read_only,
        user: user(caller),
        resources: resources(&call.input),
        text: String::new(),
    };
    event.text = text(account, caller, call, &event);
    let events = &mut account.services.cloudtrail.events;
    if events.len() >= MOST_EVENTS {
        events.pop_front();
    }
    events.push_back(Arc::new(event));
    // What only looked rings no bell, or each look would be followed by another one.
    if !read_only && account.services.cloudtrail.watched {
        account.schedule_in(timing::CLOUDTRAIL, Due::Shown);
    }
}

/// From the first look on, it is told when the history shows more; also of what is under way already.
fn watch(account: &mut Account) {
    if std::mem::replace(&mut account.services.cloudtrail.watched, true) {
        return;
    }
    let events = account.services.cloudtrail.events.iter();
    let shown = events.filter(|event| !event.read_only).map(|event| event.at + timing::CLOUDTRAIL);
    let now = account.now();
    let coming: BTreeSet<Timestamp> = shown.filter(|at| *at > now).collect();
    for at in coming {
        account.schedule(at, Due::Shown);
    }
}

/// Where the calls of global services are written down, whichever region they were made from:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>.
const GLOBAL_REGION: &str = "us-east-1";

fn is_global(service: Service) -> bool {
    matches!(service, Service::Iam)
}

/// The name that LookupEvents shows: a role's is that of its session.
fn user(caller: &Caller) -> Option<String> {
    let last = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    match caller {
        Caller::Administrator => Some("root".to_owned()),
        Caller::Service { .. } => None,
        Caller::Role { assumed_by, .. } => assumed_by.split('.').next().map(str::to_owned),
        Caller::User { arn } => Some(last(arn)),
        Caller::Session { name, .. } => Some(name.clone()),
    }
}

/// Who made the call, as an event tells it:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
fn identity(account: &Account, caller: &Caller) -> Value {
    let own = &account.identity().account;
    match caller {
        Caller::Administrator => json!({
            "type": "Root",
            "arn": account.identity().global_arn("iam", "root"),
            "accountId": own,
        }),
        Caller::Service { principal, .. } => json!({"type": "AWSService", "invokedBy": principal}),
        Caller::Role { arn, assumed_by } => json!({
            "type": "AssumedRole",
            "accountId": own,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": arn}},
            "invokedBy": assumed_by,
        }),
        Caller::User { arn } => json!({"type": "IAMUser", "arn": arn, "accountId": own}),
        Caller::Session { role, .. } => json!({
            "type": "AssumedRole",
            "accountId": own,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
        }),
    }
}

fn text(account: &Account, caller: &Caller, call: &ApiCall, event: &Event) -> String {
    let mut whole = json!({
        "eventVersion": "1.10",
        "userIdentity": identity(account, caller),
        "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": event.source,
        "eventName": event.name,
        "awsRegion": account.identity().region,
        "requestParameters": lowered(&call.input),
        "responseElements": null,
        "eventID": event.id,
        "readOnly": event.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": account.identity().account,
        "eventCategory": "Management",
    });
    if let Some(code) = &call.error {
        whole["errorCode"] = json!(code);
    }
    whole.to_string()
}

/// CloudTrail writes the names of parameters with a small first letter.
fn lowered(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect::<String>(), lowered(value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

/// The resources that an event lists. AWS lists more for other services; they stand in the request
/// parameters all the same.
fn resources(input: &Value) -> Vec<(&'static str, String)> {
    const KINDS: &[(&str, &str)] = &[
        ("InstanceId", "AWS::EC2::Instance"),
        ("InstanceIds", "AWS::EC2::Instance"),
        ("GroupId", "AWS::EC2::SecurityGroup"),
        ("RoleName", "AWS::IAM::Role"),
    ];
    let mut found = Vec::new();
    for (member, kind) in KINDS {
        match &input[member] {
            Value::String(name) => found.push((*kind, name.clone())),
            Value::Array(names) => {
                let names = names.iter().filter_map(Value::as_str);
                found.extend(names.map(|name| (*kind, name.to_owned())));
            }
            _ => {}
        }
    }
    found
}
