//! A subscription of ours to somebody's topic: it is cancelled.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::CallError;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    topic: &str,
    endpoint: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let arn = match change.ids.get("subscription").cloned() {
            Some(arn) => Some(arn),
            None => find(context, topic, endpoint).await?,
        };
        let Some(arn) = arn else { return Ok(()) };
        let done = context.aws.sns.unsubscribe().subscription_arn(arn).send().await;
        done.map_err(|error| CallError::of("sns:Unsubscribe", &error))?;
        Ok(())
    };
    revert(context, change, "sns:Unsubscribe", work).await
}

async fn find(
    context: Context<'_>,
    topic: &str,
    endpoint: &str,
) -> Result<Option<String>, CallError> {
    let mut pages =
        context.aws.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("sns:ListSubscriptionsByTopic", &error))?;
        let found = page
            .subscriptions
            .unwrap_or_default()
            .into_iter()
            .find(|subscription| subscription.endpoint() == Some(endpoint));
        if let Some(subscription) = found {
            return Ok(subscription.subscription_arn);
        }
    }
    Ok(None)
}

/// What is left, in words.
pub(super) fn words(topic: &str, endpoint: &str) -> String {
    format!("topic `{topic}` may still deliver to `{endpoint}`")
}
