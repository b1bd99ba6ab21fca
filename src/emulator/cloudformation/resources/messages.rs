//! SNS topics and subscriptions, SQS queues, and their policies.
//!
//! Main items: the [`ResourceType`]s. Invariant: what both services call attributes is text, also where
//! CloudFormation has numbers, booleans and objects.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html>

use serde_json::{Value, json};

use super::shape::{Shape, TAG_LIST, TAG_MAP, TEXTS, accepted, attribute, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

/// A topic, with the subscriptions that are written inside it.
pub(super) const TOPIC: ResourceType = ResourceType {
    name: "AWS::SNS::Topic",
    properties: &[
        attribute("ArchivePolicy", Shape::JsonText),
        attribute("ContentBasedDeduplication", Shape::Boolean),
        is("DataProtectionPolicy", Shape::JsonText),
        accepted("DeliveryStatusLogging"),
        attribute("DisplayName", Shape::Text),
        attribute("FifoThroughputScope", Shape::Text),
        attribute("FifoTopic", Shape::Boolean),
        attribute("KmsMasterKeyId", Shape::Text),
        attribute("SignatureVersion", Shape::Text),
        own("Subscription", Shape::List(&Shape::Fields(&[text("Endpoint"), text("Protocol")]))),
        is("Tags", TAG_LIST),
        named("TopicName", "Name", Shape::Text),
        attribute("TracingConfig", Shape::Text),
    ],
    spelling: Spelling::Pascal,
    create: create_topic,
};

fn create_topic(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "Name", 256);
    let subscriptions = inputs.take_list("Subscription");
    let answer = maker.call(Service::Sns, "CreateTopic", inputs.input)?;
    let arn = text_at(&answer, &["TopicArn"]).unwrap_or_else(|| maker.arn("sns", &name));
    maker.undo(Service::Sns, "DeleteTopic", json!({ "TopicArn": arn }));
    for mut subscription in subscriptions {
        subscription["TopicArn"] = Value::from(arn.clone());
        maker.also(Service::Sns, "Subscribe", subscription);
    }
    Ok(Built::new(arn.clone()).with("TopicArn", arn).with("TopicName", name))
}

/// A subscription to a topic.
pub(super) const SUBSCRIPTION: ResourceType = ResourceType {
    name: "AWS::SNS::Subscription",
    properties: &[
        attribute("DeliveryPolicy", Shape::JsonText),
        text("Endpoint"),
        attribute("FilterPolicy", Shape::JsonText),
        attribute("FilterPolicyScope", Shape::Text),
        text("Protocol"),
        attribute("RawMessageDelivery", Shape::Boolean),
        attribute("RedrivePolicy", Shape::JsonText),
        accepted("Region"),
        attribute("ReplayPolicy", Shape::JsonText),
        attribute("SubscriptionRoleArn", Shape::Text),
        text("TopicArn"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        // Without this, the answer is `pending confirmation` instead of the ARN that `Ref` returns.
        inputs.input.insert("ReturnSubscriptionArn".to_owned(), Value::Bool(true));
        let answer = maker.call(Service::Sns, "Subscribe", inputs.input)?;
        let arn = text_at(&answer, &["SubscriptionArn"]).unwrap_or_default();
        maker.undo(Service::Sns, "Unsubscribe", json!({ "SubscriptionArn": arn }));
        Ok(Built::new(arn.clone()).with("Arn", arn))
    },
};

/// The policy of one or more topics.
pub(super) const TOPIC_POLICY: ResourceType = ResourceType {
    name: "AWS::SNS::TopicPolicy",
    properties: &[own("PolicyDocument", Shape::JsonText), own("Topics", TEXTS)],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let Some(policy) = inputs.take_text("PolicyDocument") else {
            return Err(maker.missing("PolicyDocument"));
        };
        for topic in inputs.take_list("Topics") {
            let input = json!({
                "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy,
            });
            maker.also(Service::Sns, "SetTopicAttributes", input);
        }
        let id = maker.generated(255);
        Ok(Built::new(id.clone()).with("Id", id))
    },
};

/// A queue.
pub(super) const QUEUE: ResourceType = ResourceType {
    name: "AWS::SQS::Queue",
    properties: &[
        attribute("ContentBasedDeduplication", Shape::Boolean),
        attribute("DeduplicationScope", Shape::Text),
        attribute("DelaySeconds", Shape::Integer),
        attribute("FifoQueue", Shape::Boolean),
        attribute("FifoThroughputLimit", Shape::Text),
        attribute("KmsDataKeyReusePeriodSeconds", Shape::Integer),
        attribute("KmsMasterKeyId", Shape::Text),
        attribute("MaximumMessageSize", Shape::Integer),
        attribute("MessageRetentionPeriod", Shape::Integer),
        text("QueueName"),
        attribute("ReceiveMessageWaitTimeSeconds", Shape::Integer),
        attribute("RedriveAllowPolicy", Shape::JsonText),
        attribute("RedrivePolicy", Shape::JsonText),
        attribute("SqsManagedSseEnabled", Shape::Boolean),
        named("Tags", "tags", TAG_MAP),
        attribute("VisibilityTimeout", Shape::Integer),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let fifo = inputs.input.get("Attributes").is_some_and(|all| all["FifoQueue"] == "true");
        if fifo && !inputs.input.contains_key("QueueName") {
            let name = format!("{}.fifo", maker.generated(75));
            inputs.input.insert("QueueName".to_owned(), Value::from(name));
        }
        let name = maker.name(&mut inputs.input, "QueueName", 80);
        let answer = maker.call(Service::Sqs, "CreateQueue", inputs.input)?;
        let url = text_at(&answer, &["QueueUrl"]).unwrap_or_default();
        maker.undo(Service::Sqs, "DeleteQueue", json!({ "QueueUrl": url }));
        let arn = maker.arn("sqs", &name);
        Ok(Built::new(url.clone()).with("Arn", arn).with("QueueName", name).with("QueueUrl", url))
    },
};

/// The policy of one or more queues.
pub(super) const QUEUE_POLICY: ResourceType = ResourceType {
    name: "AWS::SQS::QueuePolicy",
    properties: &[own("PolicyDocument", Shape::JsonText), own("Queues", TEXTS)],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let Some(policy) = inputs.take_text("PolicyDocument") else {
            return Err(maker.missing("PolicyDocument"));
        };
        for queue in inputs.take_list("Queues") {
            let input = json!({ "QueueUrl": queue, "Attributes": { "Policy": policy } });
            maker.also(Service::Sqs, "SetQueueAttributes", input);
        }
        let id = maker.generated(255);
        Ok(Built::new(id.clone()).with("Id", id))
    },
};
