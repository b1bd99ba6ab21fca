//! The drill's own queue, read so that no message is lost: an answer that never arrived leaves a doubt
//! until what it held has come back.
//!
//! Main function: [`receive`]. Invariant: a look that ends well has found the queue empty.

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;

use super::Watch;
use super::listener::VISIBILITY_TIMEOUT;
use crate::aws::{CallError, CallErrorKind};

/// Long polling asks every server that holds a part of the queue; a short poll asks some of them, so that
/// its empty answer says nothing. In seconds.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>.
const LONG_POLL: i32 = 1;

/// How many receive calls one look makes at the most.
const RECEIVES: usize = 20;

/// After an answer that never arrived, nothing is called unseen until the messages that it may have held
/// have come back.
pub(super) fn without_doubt(
    now: Timestamp,
    received: Result<(), CallError>,
    lost: &mut Option<(Timestamp, CallError)>,
) -> Result<(), CallError> {
    match received {
        Err(error) => {
            *lost = Some((now + VISIBILITY_TIMEOUT, error.clone()));
            Err(error)
        }
        Ok(()) => match lost.take() {
            Some((until, error)) if now <= until => {
                *lost = Some((until, error.clone()));
                Err(error)
            }
            Some(_) | None => Ok(()),
        },
    }
}

/// Reads and deletes what the queue holds.
pub(super) async fn receive(
    watch: &Watch<'_>,
    queue: &str,
    mut read: impl FnMut(&Message),
) -> Result<(), CallError> {
    // An answer that the SDK lost and asked for again would be lost on us, too.
    let once = aws_sdk_sqs::config::Config::builder().retry_config(RetryConfig::disabled());
    for _ in 0..RECEIVES {
        let answer = watch
            .aws
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .wait_time_seconds(LONG_POLL)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(once.clone())
            .send()
            .await
            .map_err(|error| CallError::of("sqs:ReceiveMessage", &error))?;
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(());
        }
        let deleted = delete(watch, queue, &messages).await;
        // Who may not delete would read the same messages for ever.
        if let Err(error) = &deleted
            && error.kind == CallErrorKind::Denied
        {
            return deleted;
        }
        for message in &messages {
            read(message);
        }
        // What could not be deleted comes back, and is known by its id then.
        deleted?;
    }
    Err(CallError {
        kind: CallErrorKind::Throttled,
        operation: "sqs:ReceiveMessage",
        code: None,
        message: format!("the drill's queue fills faster than {RECEIVES} calls a look read it"),
    })
}

async fn delete(watch: &Watch<'_>, queue: &str, messages: &[Message]) -> Result<(), CallError> {
    let entries = messages.iter().enumerate().filter_map(|(index, message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
        entry.receipt_handle(message.receipt_handle()?).build().ok()
    });
    let entries = Some(entries.collect());
    let sqs = &watch.aws.sqs;
    let deleted = sqs.delete_message_batch().queue_url(queue).set_entries(entries).send().await;
    deleted.map_err(|error| CallError::of("sqs:DeleteMessage", &error))?;
    Ok(())
}
