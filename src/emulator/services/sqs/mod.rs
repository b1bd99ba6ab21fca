//! SQS: standard queues, their policies and dead-letter queues.
//!
//! Main type: [`State`]. Invariant: a message leaves a queue only by being deleted, purged, moved to the
//! dead-letter queue or by outliving its retention; receiving only hides it. FIFO queues are refused by
//! name. Of the digests there is that of a body; that of its attributes is left out, which the output
//! shapes have as optional.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod messages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::document;
use crate::wakeup::Topic;

/// The queues of the account, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    queues: IndexMap<String, Queue>,
    /// Queues that tests make refuse for a while, as a busy service does.
    #[cfg(test)]
    throttled: std::collections::BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Queue {
    arn: String,
    created: Timestamp,
    attributes: BTreeMap<String, String>,
    policy: Option<Value>,
    redrive: Option<Redrive>,
    tags: IndexMap<String, String>,
    messages: IndexMap<String, messages::Message>,
}

#[derive(Debug, Clone)]
struct Redrive {
    queue_arn: String,
    max_receives: u64,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A delayed or hidden message can be received from now on.
    Visible,
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateQueue": CreateQueue => create_queue,
    "GetQueueUrl": GetQueueUrl => get_queue_url,
    "GetQueueAttributes": GetQueueAttributes => get_queue_attributes,
    "SetQueueAttributes": SetQueueAttributes => set_queue_attributes,
    "ListQueues": ListQueues => list_queues,
    "DeleteQueue": QueueOnly => delete_queue,
    "PurgeQueue": QueueOnly => messages::purge,
    "TagQueue": TagQueue => tag_queue,
    "ListQueueTags": QueueOnly => list_queue_tags,
    "SendMessage": messages::SendMessage => messages::send,
    "SendMessageBatch": messages::SendMessageBatch => messages::send_batch,
    "ReceiveMessage": messages::ReceiveMessage => messages::receive,
    "DeleteMessage": messages::DeleteMessage => messages::delete,
    "DeleteMessageBatch": messages::DeleteMessageBatch => messages::delete_batch,
    "ChangeMessageVisibility": messages::ChangeMessageVisibility => messages::change_visibility,
];

/// Sets up what every account has: no queue.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Visible => {
            account.touch(Topic::Messages);
            account.touch(Topic::Queues);
        }
    }
}

/// The ARN and the policy of the queue that a URL or an ARN names, if it exists.
pub(crate) fn queue_policy<'a>(
    account: &'a Account,
    queue: &str,
) -> Option<(&'a str, Option<&'a Value>)> {
    let queue = account.services.sqs.queues.get(name_of(queue))?;
    Some((&queue.arn, queue.policy.as_ref()))
}

/// Makes sending into a queue be throttled, or no longer.
#[cfg(test)]
pub(crate) fn throttle(account: &mut Account, queue: &str, throttled: bool) {
    if throttled {
        account.services.sqs.throttled.insert(queue.to_owned());
    } else {
        account.services.sqs.throttled.remove(queue);
    }
}

/// The KMS key that a queue names, if it names one.
pub(crate) fn queue_key<'a>(account: &'a Account, queue: &str) -> Option<&'a str> {
    let queue = account.services.sqs.queues.get(name_of(queue))?;
    queue.attributes.get("KmsMasterKeyId").map(String::as_str).filter(|key| !key.is_empty())
}

/// Every queue's ARN and the KMS key that it names.
pub(crate) fn keys(account: &Account) -> impl Iterator<Item = (&str, &str)> {
    account.services.sqs.queues.values().filter_map(|queue| {
        let key = queue.attributes.get("KmsMasterKeyId").filter(|key| !key.is_empty())?;
        Some((queue.arn.as_str(), key.as_str()))
    })
}

/// The URL of the queue that has this ARN, if there is one.
pub(crate) fn url_of_arn(account: &Account, arn: &str) -> Option<String> {
    let name = name_of(arn);
    let queue = account.services.sqs.queues.get(name)?;
    (queue.arn == arn).then(|| url(account, name))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: IndexMap<String, String>,
    // The API spells the tags of CreateQueue in lower case.
    #[serde(default, rename = "tags")]
    tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueUrl {
    queue_name: String,
    #[serde(default, rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetQueueAttributes {
    queue_url: String,
    attributes: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListQueues {
    #[serde(default)]
    queue_name_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueOnly {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagQueue {
    queue_url: String,
    tags: IndexMap<String, String>,
}

fn create_queue(account: &mut Account, input: CreateQueue) -> Answer {
    let name = input.queue_name;
    if name.strip_suffix(".fifo").is_some() || input.attributes.contains_key("FifoQueue") {
        return Err(ServiceError::unsupported("FIFO queues"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(legal) {
        return Err(ServiceError::new(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let queue_url = url(account, &name);
    if let Some(existing) = account.services.sqs.queues.get(&name) {
        let same =
            input.attributes.iter().all(|(key, value)| existing.attributes.get(key) == Some(value));
        return if same {
            Ok(json!({ "QueueUrl": queue_url }))
        } else {
            Err(ServiceError::new(
                "QueueNameExists",
                format!("A queue named {name} already exists with other values of its attributes."),
            ))
        };
    }
    let mut queue = Queue {
        arn: account.identity.arn("sqs", &name),
        created: account.now(),
        attributes: BTreeMap::new(),
        policy: None,
        redrive: None,
        tags: input.tags,
        messages: IndexMap::new(),
    };
    set_attributes(&mut queue, input.attributes)?;
    account.services.sqs.queues.insert(name, queue);
    Ok(json!({ "QueueUrl": queue_url }))
}

/// The attributes that may be set: name, default, smallest and largest value
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
const NUMBERS: &[(&str, u64, u64, u64)] = &[
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];

/// Attributes that are kept as they are. Encryption changes nothing that a receiver sees; what a key
/// means for a sender is decided in [`crate::emulator::policy`].
const KEPT: &[&str] = &[
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "RedriveAllowPolicy",
];

fn set_attributes(
    queue: &mut Queue,
    attributes: IndexMap<String, String>,
) -> Result<(), ServiceError> {
    for (name, value) in attributes {
        if let Some((_, _, least, most)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
            let number: Option<u64> = value.parse().ok();
            if !number.is_some_and(|number| (*least..=*most).contains(&number)) {
                return Err(invalid_value(&name, &value));
            }
        } else if name == "Policy" {
            queue.policy = if value.is_empty() {
                None
            } else {
                let text = Value::String(value.clone());
                Some(document::read(&text).map_err(|_| invalid_value(&name, &value))?)
            };
        } else if name == "RedrivePolicy" {
            queue.redrive = Some(redrive(&value).ok_or_else(|| invalid_value(&name, &value))?);
        } else if !KEPT.contains(&name.as_str()) {
            return Err(ServiceError::unsupported(format_args!("the queue attribute {name}")));
        }
        queue.attributes.insert(name, value);
    }
    Ok(())
}

fn redrive(text: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let max = &policy["maxReceiveCount"];
    let max_receives = max.as_u64().or_else(|| max.as_str()?.parse().ok())?;
    let queue_arn = policy["deadLetterTargetArn"].as_str()?.to_owned();
    (1..=1000).contains(&max_receives).then_some(Redrive { queue_arn, max_receives })
}

fn invalid_value(name: &str, value: &str) -> ServiceError {
    ServiceError::new(
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}. Reason: {value:?} is not accepted."),
    )
}

fn get_queue_url(account: &mut Account, input: GetQueueUrl) -> Answer {
    if input.owner.is_some_and(|owner| owner != account.identity.account) {
        return Err(no_such_queue());
    }
    find(account, &input.queue_name)?;
    Ok(json!({ "QueueUrl": url(account, &input.queue_name) }))
}

fn get_queue_attributes(account: &mut Account, input: GetQueueAttributes) -> Answer {
    let now = account.now();
    let queue = find(account, &input.queue_url)?;
    let counts = messages::counts(queue, now);
    let mut all: IndexMap<&str, String> = IndexMap::new();
    all.insert("QueueArn", queue.arn.clone());
    all.insert("CreatedTimestamp", queue.created.as_second().to_string());
    all.insert("ApproximateNumberOfMessages", counts.visible.to_string());
    all.insert("ApproximateNumberOfMessagesNotVisible", counts.hidden.to_string());
    all.insert("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
    for (name, default, ..) in NUMBERS {
        all.insert(name, default.to_string());
    }
    for (name, value) in &queue.attributes {
        all.insert(name, value.clone());
    }
    let wanted = &input.attribute_names;
    if !wanted.iter().any(|name| name == "All") {
        all.retain(|name, _| wanted.iter().any(|wanted| wanted == name));
    }
    if all.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({ "Attributes": all }))
}

fn set_queue_attributes(account: &mut Account, input: SetQueueAttributes) -> Answer {
    let queue = find_mut(account, &input.queue_url)?;
    set_attributes(queue, input.attributes)?;
    Ok(json!({}))
}

fn list_queues(account: &mut Account, input: ListQueues) -> Answer {
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let names = account.services.sqs.queues.keys().filter(|name| name.starts_with(&prefix));
    let urls: Vec<String> = names.map(|name| url(account, name)).collect();
    Ok(json!({ "QueueUrls": urls }))
}

fn delete_queue(account: &mut Account, input: QueueOnly) -> Answer {
    find(account, &input.queue_url)?;
    account.services.sqs.queues.shift_remove(name_of(&input.queue_url));
    Ok(json!({}))
}

fn tag_queue(account: &mut Account, input: TagQueue) -> Answer {
    find_mut(account, &input.queue_url)?.tags.extend(input.tags);
    Ok(json!({}))
}

fn list_queue_tags(account: &mut Account, input: QueueOnly) -> Answer {
    Ok(json!({ "Tags": find(account, &input.queue_url)?.tags }))
}

fn url(account: &Account, name: &str) -> String {
    let identity = &account.identity;
    format!("https://sqs.{}.amazonaws.com/{}/{name}", identity.region, identity.account)
}

/// The queue's name: the last part of its URL or of its ARN, or the name itself.
fn name_of(queue: &str) -> &str {
    queue.rsplit(['/', ':']).next().unwrap_or(queue)
}

fn find<'a>(account: &'a Account, queue: &str) -> Result<&'a Queue, ServiceError> {
    account.services.sqs.queues.get(name_of(queue)).ok_or_else(no_such_queue)
}

fn find_mut<'a>(account: &'a mut Account, queue: &str) -> Result<&'a mut Queue, ServiceError> {
    account.services.sqs.queues.get_mut(name_of(queue)).ok_or_else(no_such_queue)
}

fn no_such_queue() -> ServiceError {
    ServiceError::new("QueueDoesNotExist", "The specified queue does not exist.")
}
