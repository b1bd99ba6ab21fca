//! Queues by name or ARN, and how many messages they hold.
//!
//! Main functions: [`url`] and [`depth`]. Sources:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html> and
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use md5::{Digest as _, Md5};

use super::{Aws, CallError, CallErrorKind};

/// How many messages a queue holds, as SQS counts them: approximately, until a minute has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    /// What can be received.
    pub(crate) visible: u64,
    /// What was received and is not deleted yet.
    pub(crate) in_flight: u64,
    /// What is delayed.
    pub(crate) delayed: u64,
}

/// Whether a message arrived as it was sent, by the digest that SQS gives with its body; one without a digest
/// counts as whole.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html>.
pub(crate) fn is_whole(message: &Message) -> bool {
    let Some(wanted) = message.md5_of_body() else { return true };
    let digest = Md5::digest(message.body().unwrap_or_default().as_bytes());
    let found = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    found.eq_ignore_ascii_case(wanted)
}

/// The URL of a queue that is given by its name or its ARN.
pub(crate) async fn url(aws: &Aws, queue: &str) -> Result<String, CallError> {
    let mut request = aws.sqs.get_queue_url();
    request = match queue.strip_prefix("arn:").map(|arn| arn.split(':').collect::<Vec<_>>()) {
        // arn:PARTITION:sqs:REGION:ACCOUNT:NAME
        Some(parts) => {
            let owner = parts.get(3).filter(|owner| !owner.is_empty());
            request
                .queue_name(parts.last().copied().unwrap_or_default())
                .set_queue_owner_aws_account_id(owner.map(|owner| (*owner).to_owned()))
        }
        None => request.queue_name(queue),
    };
    let found = request.send().await.map_err(|error| CallError::of("sqs:GetQueueUrl", &error))?;
    Ok(found.queue_url.unwrap_or_default())
}

/// How many messages the queue holds.
pub(crate) async fn depth(aws: &Aws, url: &str) -> Result<Depth, CallError> {
    const OPERATION: &str = "sqs:GetQueueAttributes";
    const COUNTS: [QueueAttributeName; 3] = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let request = aws.sqs.get_queue_attributes().queue_url(url);
    let sent = request.set_attribute_names(Some(COUNTS.to_vec())).send().await;
    let answer = sent.map_err(|error| CallError::of(OPERATION, &error))?;
    let count = |name: &QueueAttributeName| {
        let text = answer.attributes().and_then(|attributes| attributes.get(name));
        // No count is no answer: to read it as zero would be to say that the queue is empty.
        text.and_then(|text| text.parse().ok()).ok_or_else(|| CallError {
            kind: CallErrorKind::Unreachable,
            operation: OPERATION,
            code: None,
            message: format!("the answer has no {}", name.as_str()),
        })
    };
    let [visible, in_flight, delayed] = &COUNTS;
    Ok(Depth { visible: count(visible)?, in_flight: count(in_flight)?, delayed: count(delayed)? })
}
