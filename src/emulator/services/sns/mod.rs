//! SNS: topics, their policies, subscriptions and deliveries.
//!
//! Main type: [`State`]. Invariants: a published message reaches every confirmed subscription that was
//! there at the moment of the publication, after `SNS_DELIVERY`, and only if the endpoint's own policy
//! lets SNS in. Email and web endpoints are people: a delivery to them is counted and has no effect.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod delivery;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use self::subscriptions::Subscription;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::document;

/// The topics and the subscriptions of the account, by ARN.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    topics: IndexMap<String, Topic>,
    subscriptions: IndexMap<String, Subscription>,
}

#[derive(Debug, Clone)]
struct Topic {
    display_name: String,
    policy: Option<Value>,
    /// The KMS key that encrypts it; what that means for a sender is decided in
    /// [`crate::emulator::policy`].
    key: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A message reaches one subscription.
    Deliver {
        /// The subscription's ARN.
        subscription: String,
        /// The message, shared by all subscriptions.
        message: Arc<delivery::Message>,
    },
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateTopic": CreateTopic => create_topic,
    "DeleteTopic": TopicOnly => delete_topic,
    "GetTopicAttributes": TopicOnly => get_topic_attributes,
    "SetTopicAttributes": SetTopicAttributes => set_topic_attributes,
    "ListTopics": ListTopics => list_topics,
    "ListTagsForResource": ListTags => list_tags,
    "Subscribe": subscriptions::Subscribe => subscriptions::subscribe,
    "Unsubscribe": subscriptions::SubscriptionOnly => subscriptions::unsubscribe,
    "ListSubscriptions": ListTopics => subscriptions::list,
    "ListSubscriptionsByTopic": subscriptions::ListByTopic => subscriptions::list_by_topic,
    "GetSubscriptionAttributes": subscriptions::SubscriptionOnly => subscriptions::get_attributes,
    "SetSubscriptionAttributes": subscriptions::SetAttributes => subscriptions::set_attributes,
    "Publish": delivery::Publish => delivery::publish,
];

/// Sets up what every account has: no topic.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Deliver { subscription, message } => {
            delivery::deliver(account, &subscription, &message);
        }
    }
}

/// The policy of a topic, if the topic exists: the one that was set, or AWS's default.
pub(crate) fn topic_policy<'a>(account: &'a Account, arn: &str) -> Option<Cow<'a, Value>> {
    let topic = account.services.sns.topics.get(arn)?;
    Some(match &topic.policy {
        Some(policy) => Cow::Borrowed(policy),
        None => Cow::Owned(default_policy(account, arn)),
    })
}

/// The KMS key that a topic names, if it names one.
pub(crate) fn topic_key<'a>(account: &'a Account, arn: &str) -> Option<&'a str> {
    account.services.sns.topics.get(arn)?.key.as_deref()
}

/// Every topic's ARN and the KMS key that it names.
pub(crate) fn keys(account: &Account) -> impl Iterator<Item = (&str, &str)> {
    let topics = account.services.sns.topics.iter();
    topics.filter_map(|(arn, topic)| Some((arn.as_str(), topic.key.as_deref()?)))
}

/// What a topic's policy says until somebody sets one: only the owner's own account.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>
fn default_policy(account: &Account, arn: &str) -> Value {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission",
                "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe",
                "SNS:ListSubscriptionsByTopic", "SNS:Publish",
            ],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": account.identity.account}},
        }],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateTopic {
    name: String,
    #[serde(default)]
    attributes: IndexMap<String, String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TopicOnly {
    topic_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetTopicAttributes {
    topic_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTopics {
    // There is one page only, so there is no token that could continue.
    #[serde(default, rename = "NextToken")]
    _next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTags {
    resource_arn: String,
}

fn create_topic(account: &mut Account, input: CreateTopic) -> Answer {
    if input.name.strip_suffix(".fifo").is_some() || input.attributes.contains_key("FifoTopic") {
        return Err(ServiceError::unsupported("FIFO topics"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if input.name.is_empty() || input.name.len() > 256 || !input.name.chars().all(legal) {
        return Err(invalid("Invalid parameter: Topic Name"));
    }
    let arn = account.identity.arn("sns", &input.name);
    // Creating a topic that is there answers its ARN.
    if !account.services.sns.topics.contains_key(&arn) {
        let mut topic =
            Topic { display_name: String::new(), policy: None, key: None, tags: input.tags };
        for (name, value) in &input.attributes {
            set_attribute(&mut topic, name, value)?;
        }
        account.services.sns.topics.insert(arn.clone(), topic);
    }
    Ok(json!({ "TopicArn": arn }))
}

fn set_attribute(topic: &mut Topic, name: &str, value: &str) -> Result<(), ServiceError> {
    match name {
        "DisplayName" => value.clone_into(&mut topic.display_name),
        "KmsMasterKeyId" => topic.key = (!value.is_empty()).then(|| value.to_owned()),
        "Policy" => {
            let text = Value::String(value.to_owned());
            let policy = document::read(&text)
                .map_err(|why| invalid(format!("Invalid parameter: Policy Error: {why}")))?;
            topic.policy = Some(policy);
        }
        other => {
            return Err(ServiceError::unsupported(format_args!("the topic attribute {other}")));
        }
    }
    Ok(())
}

/// Deleting a topic that is not there is no error, as on AWS.
fn delete_topic(account: &mut Account, input: TopicOnly) -> Answer {
    account.services.sns.topics.shift_remove(&input.topic_arn);
    account.services.sns.subscriptions.retain(|_, held| held.topic != input.topic_arn);
    Ok(json!({}))
}

fn get_topic_attributes(account: &mut Account, input: TopicOnly) -> Answer {
    let arn = input.topic_arn;
    let found = topic(account, &arn)?;
    let (display_name, key) = (found.display_name.clone(), found.key.clone());
    let policy = topic_policy(account, &arn).ok_or_else(no_topic)?.to_string();
    let held = account.services.sns.subscriptions.values().filter(|held| held.topic == arn);
    let (confirmed, pending): (Vec<_>, Vec<_>) = held.partition(|held| held.confirmed);
    let mut attributes = json!({
        "TopicArn": arn,
        "Owner": account.identity.account,
        "DisplayName": display_name,
        "Policy": policy,
        "SubscriptionsConfirmed": confirmed.len().to_string(),
        "SubscriptionsPending": pending.len().to_string(),
        "SubscriptionsDeleted": "0",
    });
    if let Some(key) = key {
        attributes["KmsMasterKeyId"] = key.into();
    }
    Ok(json!({ "Attributes": attributes }))
}

fn set_topic_attributes(account: &mut Account, input: SetTopicAttributes) -> Answer {
    let topic = account.services.sns.topics.get_mut(&input.topic_arn).ok_or_else(no_topic)?;
    set_attribute(topic, &input.attribute_name, &input.attribute_value)?;
    Ok(json!({}))
}

fn list_topics(account: &mut Account, _input: ListTopics) -> Answer {
    let arns = account.services.sns.topics.keys();
    let topics: Vec<Value> = arns.map(|arn| json!({ "TopicArn": arn })).collect();
    Ok(json!({ "Topics": topics }))
}

fn list_tags(account: &mut Account, input: ListTags) -> Answer {
    let tags = topic(account, &input.resource_arn)?.tags.iter();
    let shown: Vec<Value> = tags.map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect();
    Ok(json!({ "Tags": shown }))
}

fn topic<'a>(account: &'a Account, arn: &str) -> Result<&'a Topic, ServiceError> {
    account.services.sns.topics.get(arn).ok_or_else(no_topic)
}

fn no_topic() -> ServiceError {
    ServiceError { status: 404, ..ServiceError::new("NotFound", "Topic does not exist") }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameter", message)
}
