//! Messages of SQS queues: sending, receiving, hiding, deleting, and the move to a dead-letter queue.
//!
//! Main type: [`Message`]. Invariant: a message can be received if and only if its `visible_at` is not
//! in the future. `WaitTimeSeconds` is waited for at the account's edge ([`crate::emulator::transport`]):
//! the account's time stands still during a call.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Due, Queue, QueueOnly, find_mut, name_of, no_such_queue};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::wakeup::Topic;

/// The largest body, with its attributes (1 MiB since August 2025;
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const LARGEST_MESSAGE: usize = 1_048_576;
/// The largest number of messages in flight: 120,000 on AWS, and the emulator's bound for a whole queue.
const MOST_MESSAGES: usize = 120_000;
/// Entries in one batch request.
const MOST_ENTRIES: usize = 10;

/// One message in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    body: String,
    attributes: IndexMap<String, Value>,
    sent: Timestamp,
    visible_at: Timestamp,
    first_received: Option<Timestamp>,
    receives: u64,
}

/// How many messages a queue holds, as its attributes tell.
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) hidden: usize,
    pub(super) delayed: usize,
}

/// Counts a queue's messages.
pub(super) fn counts(queue: &Queue, now: Timestamp) -> Counts {
    let mut counts = Counts { visible: 0, hidden: 0, delayed: 0 };
    let oldest = oldest_kept(queue, now);
    for message in queue.messages.values().filter(|message| message.sent >= oldest) {
        if message.visible_at <= now {
            counts.visible += 1;
        } else if message.receives > 0 {
            counts.hidden += 1;
        } else {
            counts.delayed += 1;
        }
    }
    counts
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessage {
    queue_url: String,
    message_body: String,
    #[serde(default)]
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: IndexMap<String, Value>,
    // Fair queues: it only spreads the work of noisy tenants, which one receiver never notices.
    #[serde(default, rename = "MessageGroupId")]
    _message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<SendEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEntry {
    id: String,
    message_body: String,
    #[serde(default)]
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: IndexMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReceiveMessage {
    queue_url: String,
    #[serde(default)]
    max_number_of_messages: Option<usize>,
    #[serde(default)]
    visibility_timeout: Option<i64>,
    #[serde(default)]
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessageBatch {
    queue_url: String,
    entries: Vec<DeleteEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

/// `PurgeQueue`.
pub(super) fn purge(account: &mut Account, input: QueueOnly) -> Answer {
    find_mut(account, &input.queue_url)?.messages.clear();
    account.touch(Topic::Queues);
    Ok(json!({}))
}

/// `SendMessage`.
pub(super) fn send(account: &mut Account, input: SendMessage) -> Answer {
    let digest = digest(&input.message_body);
    let id = put(
        account,
        &input.queue_url,
        input.message_body,
        input.delay_seconds,
        input.message_attributes,
    )?;
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": digest }))
}

/// The digest that SQS gives with a body, so that a client can tell whether it is whole.
fn digest(body: &str) -> String {
    let digest = Md5::digest(body.as_bytes());
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// `SendMessageBatch`: each entry succeeds or fails by itself.
pub(super) fn send_batch(account: &mut Account, input: SendMessageBatch) -> Answer {
    check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
    find_mut(account, &input.queue_url)?;
    let mut answers = BatchAnswers::default();
    for entry in input.entries {
        let (delay, attributes) = (entry.delay_seconds, entry.message_attributes);
        let digest = digest(&entry.message_body);
        let sent = put(account, &input.queue_url, entry.message_body, delay, attributes);
        answers
            .add(entry.id, sent.map(|id| json!({ "MessageId": id, "MD5OfMessageBody": digest })));
    }
    Ok(answers.into_value())
}

fn put(
    account: &mut Account,
    queue_url: &str,
    body: String,
    delay: Option<i64>,
    attributes: IndexMap<String, Value>,
) -> Result<String, ServiceError> {
    let now = account.now();
    #[cfg(test)]
    if account.services.sqs.throttled.contains(name_of(queue_url)) {
        return Err(ServiceError {
            status: 403,
            ..ServiceError::new("RequestThrottled", "Request is throttled.")
        });
    }
    let queue = find_mut(account, queue_url)?;
    let largest = number(queue, "MaximumMessageSize", LARGEST_MESSAGE);
    if body.is_empty() {
        return Err(ServiceError::new(
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ));
    }
    if body.len() > largest {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes."
        )));
    }
    check_attributes(&attributes)?;
    if queue.messages.len() >= MOST_MESSAGES {
        return Err(ServiceError::new("OverLimit", "The emulated queue holds 120000 messages."));
    }
    let default_delay = i64::try_from(number(queue, "DelaySeconds", 0)).expect("at most 900");
    let delay = delay.unwrap_or(default_delay);
    if !(0..=900).contains(&delay) {
        return Err(invalid(format!("Value {delay} for parameter DelaySeconds is invalid.")));
    }
    let visible_at = now + SignedDuration::from_secs(delay);
    let message =
        Message { body, attributes, sent: now, visible_at, first_received: None, receives: 0 };
    let id = account.ids.uuid();
    find_mut(account, queue_url)?.messages.insert(id.clone(), message);
    announce(account, visible_at);
    Ok(id)
}

/// Message attributes need a data type and a value of it, at most ten
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).
fn check_attributes(attributes: &IndexMap<String, Value>) -> Result<(), ServiceError> {
    if attributes.len() > 10 {
        return Err(invalid("Number of message attributes exceeds the allowed maximum [10]."));
    }
    for (name, value) in attributes {
        let kind = value.get("DataType").and_then(Value::as_str).unwrap_or_default();
        let has_value = match kind.split('.').next().unwrap_or_default() {
            "String" | "Number" => value.get("StringValue").is_some_and(Value::is_string),
            "Binary" => value.get("BinaryValue").is_some(),
            _ => false,
        };
        if !has_value {
            return Err(invalid(format!(
                "The message attribute '{name}' must contain a non-empty message attribute value of its type."
            )));
        }
    }
    Ok(())
}

/// `ReceiveMessage`: the oldest visible messages, which are hidden for the visibility timeout.
pub(super) fn receive(account: &mut Account, input: ReceiveMessage) -> Answer {
    let now = account.now();
    let most = input.max_number_of_messages.unwrap_or(1);
    if !(1..=MOST_ENTRIES).contains(&most) {
        return Err(invalid(format!(
            "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        )));
    }
    if let Some(wait) = input.wait_time_seconds.filter(|wait| !(0..=20).contains(wait)) {
        return Err(invalid(format!(
            "Value {wait} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        )));
    }
    forget_expired(account, &input.queue_url)?;
    bury_poison(account, &input.queue_url, most)?;
    let queue = find_mut(account, &input.queue_url)?;
    let default = i64::try_from(number(queue, "VisibilityTimeout", 30)).expect("at most 43200");
    let hide = input.visibility_timeout.unwrap_or(default);
    if !(0..=43_200).contains(&hide) {
        return Err(invalid(format!("Value {hide} for parameter VisibilityTimeout is invalid.")));
    }
    let visible_again = now + SignedDuration::from_secs(hide);
    let mut received = Vec::new();
    let visible = queue.messages.iter_mut().filter(|(_, message)| message.visible_at <= now);
    for (id, message) in visible.take(most) {
        message.receives += 1;
        message.first_received.get_or_insert(now);
        message.visible_at = visible_again;
        received.push(show(id, message, &input));
    }
    if received.is_empty() {
        return Ok(json!({}));
    }
    announce(account, visible_again);
    Ok(json!({ "Messages": received }))
}

fn show(id: &str, message: &Message, input: &ReceiveMessage) -> Value {
    let mut shown = Map::new();
    shown.insert("MessageId".to_owned(), id.into());
    shown.insert("ReceiptHandle".to_owned(), format!("{id}#{}", message.receives).into());
    shown.insert("Body".to_owned(), message.body.as_str().into());
    shown.insert("MD5OfBody".to_owned(), digest(&message.body).into());
    let first = message.first_received.unwrap_or(message.sent);
    let system = [
        ("SentTimestamp", message.sent.as_millisecond().to_string()),
        ("ApproximateReceiveCount", message.receives.to_string()),
        ("ApproximateFirstReceiveTimestamp", first.as_millisecond().to_string()),
    ];
    let asked = |name: &str| {
        let mut names = input.attribute_names.iter().chain(&input.message_system_attribute_names);
        names.any(|wanted| wanted == "All" || wanted == name)
    };
    let system: Map<String, Value> = system
        .into_iter()
        .filter(|(name, _)| asked(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if !system.is_empty() {
        shown.insert("Attributes".to_owned(), system.into());
    }
    let own: Map<String, Value> = message
        .attributes
        .iter()
        .filter(|(name, _)| named(&input.message_attribute_names, name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        shown.insert("MessageAttributes".to_owned(), own.into());
    }
    shown.into()
}

/// `All`, `.*`, a name, or a prefix such as `foo.*`.
fn named(wanted: &[String], name: &str) -> bool {
    wanted.iter().any(|wanted| {
        wanted == "All"
            || wanted == name
            || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
    })
}

/// Drops what outlived the queue's retention; the oldest messages stand first.
fn forget_expired(account: &mut Account, queue_url: &str) -> Result<(), ServiceError> {
    let now = account.now();
    let queue = find_mut(account, queue_url)?;
    let oldest = oldest_kept(queue, now);
    if queue.messages.first().is_some_and(|(_, message)| message.sent < oldest) {
        queue.messages.retain(|_, message| message.sent >= oldest);
    }
    Ok(())
}

/// What was sent before this has outlived the queue's retention.
fn oldest_kept(queue: &Queue, now: Timestamp) -> Timestamp {
    let seconds =
        i64::try_from(number(queue, "MessageRetentionPeriod", 345_600)).expect("at most 1209600");
    now - SignedDuration::from_secs(seconds)
}

/// Moves messages that were received too often to the dead-letter queue.
///
/// A dead-letter queue that does not exist leaves them where they are, as on AWS.
fn bury_poison(account: &mut Account, queue_url: &str, most: usize) -> Result<(), ServiceError> {
    let now = account.now();
    let queue = find_mut(account, queue_url)?;
    let Some(redrive) = queue.redrive.clone() else { return Ok(()) };
    let poison: Vec<String> = queue
        .messages
        .iter()
        .filter(|(_, message)| {
            message.visible_at <= now && message.receives >= redrive.max_receives
        })
        .take(most)
        .map(|(id, _)| id.clone())
        .collect();
    if !account.services.sqs.queues.contains_key(name_of(&redrive.queue_arn)) {
        return Ok(());
    }
    for id in poison {
        let queue = find_mut(account, queue_url)?;
        let mut message = queue.messages.shift_remove(&id).ok_or_else(no_such_queue)?;
        message.visible_at = now;
        message.receives = 0;
        find_mut(account, &redrive.queue_arn)?.messages.insert(id, message);
        account.touch(Topic::Messages);
        account.touch(Topic::Queues);
    }
    Ok(())
}

/// `DeleteMessage`: deleting twice is no error.
pub(super) fn delete(account: &mut Account, input: DeleteMessage) -> Answer {
    remove(account, &input.queue_url, &input.receipt_handle)?;
    Ok(json!({}))
}

/// `DeleteMessageBatch`: each entry succeeds or fails by itself.
pub(super) fn delete_batch(account: &mut Account, input: DeleteMessageBatch) -> Answer {
    check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
    find_mut(account, &input.queue_url)?;
    let mut answers = BatchAnswers::default();
    for entry in input.entries {
        let removed = remove(account, &input.queue_url, &entry.receipt_handle);
        answers.add(entry.id, removed.map(|()| json!({})));
    }
    Ok(answers.into_value())
}

fn remove(account: &mut Account, queue_url: &str, handle: &str) -> Result<(), ServiceError> {
    let queue = find_mut(account, queue_url)?;
    let id = message_of(handle)?;
    queue.messages.shift_remove(id);
    account.touch(Topic::Queues);
    Ok(())
}

/// `ChangeMessageVisibility`.
pub(super) fn change_visibility(account: &mut Account, input: ChangeMessageVisibility) -> Answer {
    let now = account.now();
    let queue = find_mut(account, &input.queue_url)?;
    let id = message_of(&input.receipt_handle)?;
    let message = queue.messages.get_mut(id).filter(|message| message.visible_at > now);
    let Some(message) = message else {
        return Err(ServiceError::new(
            "MessageNotInflight",
            "The specified message isn't in flight.",
        ));
    };
    let timeout = input.visibility_timeout;
    if !(0..=43_200).contains(&timeout) {
        return Err(invalid(format!(
            "Value {timeout} for parameter VisibilityTimeout is invalid."
        )));
    }
    let visible_at = now + SignedDuration::from_secs(timeout);
    message.visible_at = visible_at;
    announce(account, visible_at);
    Ok(json!({}))
}

/// Whoever watches queues looks again when the message can be received.
fn announce(account: &mut Account, visible_at: Timestamp) {
    account.touch(Topic::Queues);
    if visible_at <= account.now() {
        account.touch(Topic::Messages);
    } else {
        account.schedule(visible_at, Due::Visible);
    }
}

/// A receipt handle is the message's id and how often it was received then.
fn message_of(handle: &str) -> Result<&str, ServiceError> {
    handle.split_once('#').map(|(id, _)| id).ok_or_else(|| {
        ServiceError::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

fn number(queue: &Queue, name: &str, default: usize) -> usize {
    queue.attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValue", message)
}

fn check_batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), ServiceError> {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        return Err(ServiceError::new("EmptyBatchRequest", "The batch request has no entries."));
    }
    if ids.len() > MOST_ENTRIES {
        return Err(ServiceError::new(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        ));
    }
    let distinct: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    if distinct.len() < ids.len() {
        return Err(ServiceError::new(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        ));
    }
    Ok(())
}

#[derive(Default)]
struct BatchAnswers {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl BatchAnswers {
    fn add(&mut self, id: String, answer: Result<Value, ServiceError>) {
        match answer {
            Ok(mut entry) => {
                entry["Id"] = id.into();
                self.successful.push(entry);
            }
            Err(error) => self.failed.push(json!({
                "Id": id, "SenderFault": error.status < 500,
                "Code": error.code, "Message": error.message,
            })),
        }
    }

    fn into_value(self) -> Value {
        json!({ "Successful": self.successful, "Failed": self.failed })
    }
}
