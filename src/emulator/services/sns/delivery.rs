//! Publishing to SNS topics, and what each kind of endpoint receives.
//!
//! Main type: [`Message`]. Invariant: a delivery goes through the endpoint's own API as the principal
//! `sns.amazonaws.com` on behalf of the topic, so a queue or a function without permission hears nothing.
//! Envelopes are not signed: `Signature` is empty, because no key of AWS is here to sign with.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::subscriptions::{Protocol, Subscription};
use super::{Due, invalid, topic};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::Caller;
use crate::emulator::services::{Service, sqs};
use crate::emulator::timing;

/// The largest message: 256 KiB (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const LARGEST_MESSAGE: usize = 262_144;

/// A published message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    id: String,
    topic: String,
    subject: Option<String>,
    /// The text for everybody, or for the protocols that have no text of their own.
    text: String,
    /// Texts for single protocols (`MessageStructure: json`).
    by_protocol: IndexMap<String, String>,
    attributes: IndexMap<String, Attribute>,
    published: Timestamp,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Attribute {
    data_type: String,
    #[serde(default)]
    string_value: Option<String>,
    #[serde(default)]
    binary_value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Publish {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    target_arn: Option<String>,
    message: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: IndexMap<String, Attribute>,
}

/// `Publish` to a topic.
pub(super) fn publish(account: &mut Account, input: Publish) -> Answer {
    let arn = input
        .topic_arn
        .or(input.target_arn)
        .ok_or_else(|| invalid("Invalid parameter: TopicArn or TargetArn Reason: no value"))?;
    topic(account, &arn)?;
    if input.message.is_empty() {
        return Err(invalid("Invalid parameter: Empty message"));
    }
    if input.message.len() > LARGEST_MESSAGE {
        return Err(invalid("Invalid parameter: Message too long"));
    }
    check_subject(input.subject.as_deref())?;
    let (text, by_protocol) = match input.message_structure.as_deref() {
        None => (input.message, IndexMap::new()),
        Some("json") => structured(&input.message)?,
        Some(other) => {
            return Err(invalid(format!("Invalid parameter: MessageStructure {other:?}")));
        }
    };
    let id = account.ids.uuid();
    let message = Arc::new(Message {
        id: id.clone(),
        topic: arn.clone(),
        subject: input.subject,
        text,
        by_protocol,
        attributes: input.message_attributes,
        published: account.now(),
    });
    let attributes = attribute_document(&message.attributes);
    let subscriptions: Vec<String> = account
        .services
        .sns
        .subscriptions
        .iter()
        .filter(|(_, held)| held.topic == arn && held.confirmed)
        .filter(|(_, held)| wanted(held, &message, &attributes))
        .map(|(arn, _)| arn.clone())
        .collect();
    for subscription in subscriptions {
        let due = Due::Deliver { subscription, message: Arc::clone(&message) };
        account.schedule_in(timing::SNS_DELIVERY, due);
    }
    Ok(json!({ "MessageId": id }))
}

/// A subject is at most 100 characters, without line breaks and control characters.
fn check_subject(subject: Option<&str>) -> Result<(), ServiceError> {
    let bad = |subject: &str| {
        subject.is_empty() || subject.chars().count() > 100 || subject.chars().any(char::is_control)
    };
    if subject.is_some_and(bad) {
        return Err(invalid("Invalid parameter: Subject"));
    }
    Ok(())
}

fn structured(message: &str) -> Result<(String, IndexMap<String, String>), ServiceError> {
    let wrong = |why: &str| invalid(format!("Invalid parameter: Message Structure - {why}"));
    let texts: IndexMap<String, Value> =
        serde_json::from_str(message).map_err(|_| wrong("JSON message body failed to parse"))?;
    // AWS ignores entries whose value is not a string.
    let mut texts: IndexMap<String, String> = texts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect();
    let default = texts
        .shift_remove("default")
        .ok_or_else(|| wrong("No default entry in JSON message body"))?;
    Ok((default, texts))
}

/// Whether the subscription's filter lets the message pass.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html>
fn wanted(held: &Subscription, message: &Message, attributes: &str) -> bool {
    match &held.filter {
        None => true,
        Some(filter) if filter.on_body => filter.passes(&message.text),
        Some(filter) => filter.passes(attributes),
    }
}

/// The message's attributes as the JSON document that a filter policy looks at.
fn attribute_document(attributes: &IndexMap<String, Attribute>) -> String {
    let mut document = Map::new();
    for (name, attribute) in attributes {
        let Some(text) = &attribute.string_value else { continue };
        let as_json = serde_json::from_str(text);
        let value = match attribute.data_type.as_str() {
            "Number" | "String.Array" => as_json.unwrap_or_else(|_| text.as_str().into()),
            _ => text.as_str().into(),
        };
        document.insert(name.clone(), value);
    }
    Value::Object(document).to_string()
}

/// Hands the message to one endpoint; a refusal goes to the subscription's dead-letter queue.
pub(super) fn deliver(account: &mut Account, subscription: &str, message: &Message) {
    let Some(held) = account.services.sns.subscriptions.get(subscription).cloned() else {
        return;
    };
    let text = message.by_protocol.get(held.protocol.name()).unwrap_or(&message.text);
    let caller =
        Caller::Service { principal: "sns.amazonaws.com", source_arn: message.topic.clone() };
    let answer = match held.protocol {
        Protocol::Sqs => to_queue(account, &caller, &held.endpoint, text, message, held.raw),
        Protocol::Lambda => {
            let payload = records(account, subscription, message, text);
            let input = json!({
                "FunctionName": held.endpoint,
                "InvocationType": "Event",
                "Payload": payload.to_string(),
            });
            account.call_as(&caller, Service::Lambda, "Invoke", input)
        }
        // A person or a web endpoint: it is out of the account, and nothing comes back.
        Protocol::Email | Protocol::EmailJson | Protocol::Http | Protocol::Https => Ok(Value::Null),
    };
    let delivered = answer.is_ok();
    if let (false, Some(dead_letter)) = (delivered, &held.dead_letter) {
        // A dead-letter queue that refuses too loses the message, as on AWS.
        let _lost = to_queue(account, &caller, dead_letter, text, message, held.raw);
    }
    if let Some(held) = account.services.sns.subscriptions.get_mut(subscription) {
        if delivered {
            held.delivered += 1;
        } else {
            held.failed += 1;
        }
    }
}

fn to_queue(
    account: &mut Account,
    caller: &Caller,
    queue_arn: &str,
    text: &str,
    message: &Message,
    raw: bool,
) -> Answer {
    let url = sqs::url_of_arn(account, queue_arn).ok_or_else(|| {
        ServiceError::new("QueueDoesNotExist", format!("The queue {queue_arn} does not exist."))
    })?;
    let mut input = json!({ "QueueUrl": url });
    if raw {
        input["MessageBody"] = text.into();
        let attributes = message.attributes.iter().map(|(name, attribute)| {
            let mut shown = json!({ "DataType": attribute.data_type });
            if let Some(value) = &attribute.string_value {
                shown["StringValue"] = value.as_str().into();
            }
            if let Some(value) = &attribute.binary_value {
                shown["BinaryValue"] = value.clone();
            }
            (name.clone(), shown)
        });
        input["MessageAttributes"] = Value::Object(attributes.collect());
    } else {
        input["MessageBody"] = envelope(account, message, text).to_string().into();
    }
    account.call_as(caller, Service::Sqs, "SendMessage", input)
}

/// The JSON that a queue receives without raw delivery
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>).
fn envelope(account: &Account, message: &Message, text: &str) -> Value {
    let region = &account.identity.region;
    let mut body = json!({
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": message.topic,
    });
    if let Some(subject) = &message.subject {
        body["Subject"] = subject.as_str().into();
    }
    body["Message"] = text.into();
    body["Timestamp"] = milliseconds(message.published).into();
    body["SignatureVersion"] = "1".into();
    body["Signature"] = "".into();
    body["SigningCertURL"] = format!("https://sns.{region}.amazonaws.com/").into();
    body["UnsubscribeURL"] = format!("https://sns.{region}.amazonaws.com/").into();
    if !message.attributes.is_empty() {
        body["MessageAttributes"] = attribute_values(message);
    }
    body
}

/// What a Lambda function receives
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>).
fn records(account: &Account, subscription: &str, message: &Message, text: &str) -> Value {
    let region = &account.identity.region;
    json!({ "Records": [{
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "EventSource": "aws:sns",
        "Sns": {
            "SignatureVersion": "1",
            "Timestamp": milliseconds(message.published),
            "Signature": "",
            "SigningCertUrl": format!("https://sns.{region}.amazonaws.com/"),
            "MessageId": message.id,
            "Message": text,
            "MessageAttributes": attribute_values(message),
            "Type": "Notification",
            "UnsubscribeUrl": format!("https://sns.{region}.amazonaws.com/"),
            "TopicArn": message.topic,
            "Subject": message.subject,
        },
    }]})
}

fn attribute_values(message: &Message) -> Value {
    let values = message.attributes.iter().map(|(name, attribute)| {
        let value = match (&attribute.string_value, &attribute.binary_value) {
            (Some(text), _) => text.as_str().into(),
            (None, Some(binary)) => binary.clone(),
            (None, None) => Value::Null,
        };
        (name.clone(), json!({ "Type": attribute.data_type, "Value": value }))
    });
    Value::Object(values.collect())
}

fn milliseconds(at: Timestamp) -> String {
    format!("{at:.3}")
}
