//! A subscription of ours to somebody's topic: it is cancelled.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, sought, until_gone};
use crate::aws::{CallError, subscriptions};
use crate::context::ids;
use crate::timeline::Undo;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    topic: &str,
    endpoint: &str,
) -> Result<(), ChangeError> {
    let is_there = async || Ok(find(context, topic, endpoint).await?.is_some());
    let work = async |ids: &IndexMap<String, String>| {
        // The ARN of a subscription begins with its topic's: nobody else's is cancelled.
        let recorded = ids.get("subscription").filter(|arn| arn.starts_with(topic));
        let arn = match recorded.cloned() {
            Some(arn) => Some(arn),
            None => sought(async || find(context, topic, endpoint).await).await?,
        };
        let Some(arn) = arn else { return Ok(()) };
        let done = context.aws.sns.unsubscribe().subscription_arn(arn).send().await;
        done.map_err(|error| CallError::of("sns:Unsubscribe", &error))?;
        until_gone(context, "sns:Unsubscribe", is_there).await
    };
    revert_unless_gone(context, change, "sns:Unsubscribe", work, is_there).await
}

/// An undo looks to the list's end.
async fn find(
    context: Context<'_>,
    topic: &str,
    endpoint: &str,
) -> Result<Option<String>, CallError> {
    let found = subscriptions::of_endpoint(context.aws, topic, endpoint, usize::MAX).await?;
    Ok(found.filter(|arn| !arn.is_empty()))
}

/// The subscriptions of the context's drill to any topic, by the queue that they deliver to.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let queue = format!(":firedrill-{}", context.run_id);
    let mut pages = context.aws.sns.list_subscriptions().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let one = page.map_err(|error| CallError::of("sns:ListSubscriptions", &error))?;
        let (Some(topic), Some(endpoint)) = (one.topic_arn(), one.endpoint()) else { continue };
        if one.protocol() == Some("sqs") && endpoint.ends_with(&queue) {
            let (topic, endpoint) = (topic.to_owned(), endpoint.to_owned());
            let arn = one.subscription_arn().unwrap_or_default();
            found.push((Undo::Unsubscribe { topic, endpoint }, ids([("subscription", arn)])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(topic: &str, endpoint: &str) -> String {
    format!("topic `{topic}` may still deliver to `{endpoint}`")
}
