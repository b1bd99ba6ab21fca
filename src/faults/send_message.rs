//! A message sent to a queue, with the run's marker among its attributes.
//!
//! Whoever receives it deletes it; the drill does not take it back, since that would be to receive what is
//! another's. Source:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.

use std::collections::HashMap;

use aws_sdk_sqs::types::MessageAttributeValue;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::once::Once;
use crate::aws::queues;
use crate::outside::payload;
use crate::plan::{Message, PlannedFault};
use crate::timeline::Purpose;

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    queue: &str,
    message: &Message,
) -> Result<Injected<'a>, ChangeError> {
    const CALL: &str = "sqs:SendMessage";
    let url = queues::url(context.aws, queue).await?;
    let attributes = attributes(message)?;
    let body = payload(&message.body).map_err(ChangeError::NoEffect)?;
    let sent_at = context.clock().now();
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, None)?;
    let sent = context
        .aws
        .sqs
        .send_message()
        .queue_url(url)
        .message_body(body)
        .set_message_attributes(Some(attributes))
        .set_message_group_id(message.group.clone())
        .set_message_deduplication_id(message.deduplication.clone())
        .customize()
        .config_override(aws_sdk_sqs::config::Builder::new().retry_classifier(Once))
        .send()
        .await;
    let answer = context.recorder.heard(intent, CALL, sent)?;
    let id = answer.message_id.unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("message", &id)])));
    started(
        context,
        fault,
        context.took_effect(sent_at),
        [("message", id), ("queue", queue.to_owned())],
    );
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
