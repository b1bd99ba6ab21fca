//! A queue of ours: it is deleted.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::CallError;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    name: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let url = if let Some(url) = change.ids.get("url") {
            url.clone()
        } else {
            let found = context.aws.sqs.get_queue_url().queue_name(name).send().await;
            let found = found.map_err(|error| CallError::of("sqs:GetQueueUrl", &error))?;
            found.queue_url.unwrap_or_default()
        };
        let deleted = context.aws.sqs.delete_queue().queue_url(url).send().await;
        deleted.map_err(|error| CallError::of("sqs:DeleteQueue", &error))?;
        Ok(())
    };
    revert(context, change, "sqs:DeleteQueue", work).await
}

/// What is left, in words.
pub(super) fn words(name: &str) -> String {
    format!("queue `{name}` exists")
}
