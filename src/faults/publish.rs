//! A message published to a topic, with the run's marker among its attributes.
//!
//! Nothing can take a message back, so there is nothing to undo. Source:
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use std::collections::HashMap;

use aws_sdk_sns::types::MessageAttributeValue;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::once::Once;
use crate::outside::payload;
use crate::plan::{Message, PlannedFault};
use crate::timeline::Purpose;

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    topic: &str,
    subject: Option<&str>,
    message: &Message,
) -> Result<Injected<'a>, ChangeError> {
    const CALL: &str = "sns:Publish";
    let topic = context.place.topic_arn(topic);
    let attributes = attributes(message)?;
    let body = payload(&message.body).map_err(ChangeError::NoEffect)?;
    let subject = subject.map(payload).transpose().map_err(ChangeError::NoEffect)?;
    let sent_at = context.clock().now();
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, None)?;
    let sent = context
        .aws
        .sns
        .publish()
        .topic_arn(&topic)
        .message(body)
        .set_subject(subject)
        .set_message_attributes(Some(attributes))
        .set_message_group_id(message.group.clone())
        .set_message_deduplication_id(message.deduplication.clone())
        .customize()
        .config_override(aws_sdk_sns::config::Builder::new().retry_classifier(Once))
        .send()
        .await;
    let answer = context.recorder.heard(intent, CALL, sent)?;
    let id = answer.message_id.unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("message", &id)])));
    started(context, fault, context.took_effect(sent_at), [("message", id), ("topic", topic)]);
    Ok(Injected { experiment: None, continuation: None })
}

fn attributes(message: &Message) -> Result<HashMap<String, MessageAttributeValue>, ChangeError> {
    let text = |value: &String| {
        let value = payload(value)?;
        let built =
            MessageAttributeValue::builder().data_type("String").string_value(value).build();
        built.map_err(|error| error.to_string())
    };
    let pairs = message.attributes.iter().map(|(name, value)| Ok((name.clone(), text(value)?)));
    pairs.collect::<Result<_, String>>().map_err(ChangeError::NoEffect)
}
