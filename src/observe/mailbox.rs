//! The drill's own queue, read so that no message is lost: an answer that never arrived leaves a doubt
//! until what it held has come back.
//!
//! Main type: [`Mailbox`]. Invariant: a look that ends well has found the queue empty.

use std::time::Duration;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use aws_smithy_types::retry::RetryConfig;
use jiff::{SignedDuration, Timestamp};

use super::Watch;
use crate::aws::queues::is_whole;
use crate::aws::{CallError, CallErrorKind};

/// Long polling asks every server that holds a part of the queue; a short poll asks some of them, so that
/// its empty answer says nothing. This is the shortest of long polls, the longest is [`LONGEST_POLL`].
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>.
const SHORTEST_POLL: Duration = Duration::from_secs(1);

/// The longest that SQS waits for a message (the page above); well below the time that a call has.
pub(super) const LONGEST_POLL: Duration = Duration::from_secs(20);

/// How many receive calls one look makes at the most.
const RECEIVES: usize = 20;

/// The queue that a drill made for itself.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) url: String,
    /// Messages in it are evidence. Those that only say that it is time to look are not deleted: they stay
    /// hidden until the queue forgets them, and one that is lost costs nothing.
    pub(super) evidence: bool,
}

impl Mailbox {
    /// For how long a message stays hidden once it was given out. What was read is deleted; what was given
    /// out in an answer that never arrived comes back.
    const VISIBILITY_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

    /// The queue forgets messages after this long: what a crash leaves behind empties itself.
    pub(super) const RETENTION: SignedDuration = SignedDuration::from_hours(1);

    /// For how long a queue that holds evidence, or only wake-ups, hides what it gave out.
    pub(super) fn hides_for(evidence: bool) -> SignedDuration {
        if evidence { Self::VISIBILITY_TIMEOUT } else { Self::RETENTION }
    }

    /// Reads what the queue holds, and deletes what is evidence. Waits up to `wait` for a first message;
    /// answers whether there was any.
    pub(super) async fn receive(
        &self,
        watch: &Watch<'_>,
        wait: Duration,
        mut read: impl FnMut(&Message),
    ) -> Result<bool, CallError> {
        for number in 0..RECEIVES {
            let wait = if number == 0 { wait } else { wait.min(SHORTEST_POLL) };
            let messages = self.ask(watch, wait).await?;
            if messages.is_empty() {
                return Ok(number > 0);
            }
            // One that arrived in another shape than it was sent stays, and comes back.
            let (messages, torn): (Vec<Message>, Vec<Message>) =
                messages.into_iter().partition(is_whole);
            let deleted = if self.evidence && !messages.is_empty() {
                self.delete(watch, &messages).await
            } else {
                Ok(())
            };
            // Who may not delete would read the same messages for ever.
            if let Err(error) = &deleted
                && error.kind == CallErrorKind::Denied
            {
                return deleted.map(|()| true);
            }
            for message in &messages {
                read(message);
            }
            // What could not be deleted comes back, and is known by its id then.
            deleted?;
            if !torn.is_empty() && self.evidence {
                let why = "holds a message that is not the one its digest was made of";
                return Err(CallError::unusable("sqs:ReceiveMessage", why));
            }
        }
        Err(CallError {
            kind: CallErrorKind::Throttled,
            operation: "sqs:ReceiveMessage",
            code: None,
            message: format!("the drill's queue fills faster than {RECEIVES} calls a look read it"),
        })
    }

    async fn ask(&self, watch: &Watch<'_>, wait: Duration) -> Result<Vec<Message>, CallError> {
        // An answer that the SDK lost and asked for again would be lost on us, too.
        let once = aws_sdk_sqs::config::Config::builder().retry_config(RetryConfig::disabled());
        let answer = watch
            .aws
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(whole_seconds(wait))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(|error| CallError::of("sqs:ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete(&self, watch: &Watch<'_>, messages: &[Message]) -> Result<(), CallError> {
        let entries = messages.iter().enumerate().filter_map(|(index, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(message.receipt_handle()?).build().ok()
        });
        let entries = Some(entries.collect());
        let call = watch.aws.sqs.delete_message_batch().queue_url(&self.url);
        let deleted = call.set_entries(entries).send().await;
        deleted.map_err(|error| CallError::of("sqs:DeleteMessage", &error))?;
        Ok(())
    }
}

/// As SQS takes it: nothing, or whole seconds up to its longest.
fn whole_seconds(wait: Duration) -> i32 {
    let seconds = wait.min(LONGEST_POLL).as_secs_f64().ceil();
    #[expect(clippy::cast_possible_truncation, reason = "twenty at the most")]
    let seconds = seconds as i32;
    seconds
}

/// How long the next call waits: until the next window closes, and a long poll in any case.
pub(super) fn patience(
    watch: &Watch<'_>,
    lag: SignedDuration,
    looked: Option<Timestamp>,
) -> Duration {
    // The first look is what an injection waits for.
    let Some(through) = looked else { return SHORTEST_POLL };
    let (now, ahead) = (watch.clock().now(), watch.ahead());
    let patience = watch.pace.patience(now, lag + ahead, through - ahead, LONGEST_POLL);
    patience.max(SHORTEST_POLL)
}

/// After an answer that never arrived, nothing is called unseen until the messages that it may have held
/// have come back.
pub(super) fn without_doubt<T>(
    now: Timestamp,
    received: Result<T, CallError>,
    lost: &mut Option<(Timestamp, CallError)>,
) -> Result<T, CallError> {
    match received {
        Err(error) => {
            *lost = Some((now + Mailbox::VISIBILITY_TIMEOUT, error.clone()));
            Err(error)
        }
        Ok(received) => match lost.take() {
            Some((until, error)) if now <= until => {
                *lost = Some((until, error.clone()));
                Err(error)
            }
            Some(_) | None => Ok(received),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_that_sqs_takes() {
        let seconds = |milliseconds| whole_seconds(Duration::from_millis(milliseconds));
        assert_eq!([0, 1, 1_000, 4_200, 90_000].map(seconds), [0, 1, 1, 5, 20]);
    }
}
