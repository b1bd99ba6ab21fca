//! A queue of ours: it is deleted.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, until_gone};
use crate::aws::CallError;
use crate::context::ids;
use crate::timeline::Undo;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    name: &str,
) -> Result<(), ChangeError> {
    let is_there = async || find(context, name).await.map(|_| true);
    let work = async |ids: &IndexMap<String, String>| {
        let url = match ids.get("url").filter(|url| is_of(url, name)) {
            Some(url) => url.clone(),
            None => find(context, name).await?,
        };
        let deleted = context.aws.sqs.delete_queue().queue_url(url).send().await;
        deleted.map_err(|error| CallError::of("sqs:DeleteQueue", &error))?;
        until_gone(context, "sqs:DeleteQueue", is_there).await
    };
    revert_unless_gone(context, change, "sqs:DeleteQueue", work, is_there).await
}

async fn find(context: Context<'_>, name: &str) -> Result<String, CallError> {
    let found = context.aws.sqs.get_queue_url().queue_name(name).send().await;
    let found = found.map_err(|error| CallError::of("sqs:GetQueueUrl", &error))?;
    let url = found.queue_url.unwrap_or_default();
    if is_of(&url, name) {
        return Ok(url);
    }
    let why = format!("is about {url}, and {name} was asked for");
    Err(CallError::unusable("sqs:GetQueueUrl", &why))
}

/// Whether a URL is that of the queue with this name: nobody else's queue is deleted, whatever an answer
/// says.
fn is_of(url: &str, name: &str) -> bool {
    url.rsplit('/').next() == Some(name)
}

/// The queues of the context's drill, by their names.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let wanted = format!("firedrill-{}", context.run_id);
    let listing = context.aws.sqs.list_queues().queue_name_prefix(&wanted);
    let mut pages = listing.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let url = page.map_err(|error| CallError::of("sqs:ListQueues", &error))?;
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        if name == wanted {
            found.push((Undo::DeleteQueue { name }, ids([("url", &url)])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(name: &str) -> String {
    format!("queue `{name}` exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_elses_queue_is_taken_for_ours() {
        let of = |url| is_of(url, "firedrill-fd-1");
        assert!(of("https://sqs.eu-west-1.amazonaws.com/111122223333/firedrill-fd-1"));
        for url in
            ["", "https://sqs.eu-west-1.amazonaws.com/111122223333/orders", "x/firedrill-fd-12"]
        {
            assert!(!of(url), "{url}");
        }
    }
}
