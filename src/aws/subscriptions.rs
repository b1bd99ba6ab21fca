//! The subscriptions of a topic, as its own list shows them.
//!
//! Main function: [`of_endpoint`], for the listener that reads its subscription back and for the undo that
//! cancels it. Invariant: a list that was not read to its end is an error, never "not there". Source:
//! <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>.

use super::{Aws, CallError};

const OPERATION: &str = "sns:ListSubscriptionsByTopic";

/// The ARN of an endpoint's subscription to a topic, which may be empty where it waits for its confirmation;
/// nothing where the topic has none. At most so many pages of 100 are read.
pub(crate) async fn of_endpoint(
    aws: &Aws,
    topic: &str,
    endpoint: &str,
    most_pages: usize,
) -> Result<Option<String>, CallError> {
    let mut pages = aws.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    for _ in 0..most_pages {
        let Some(page) = pages.next().await else { return Ok(None) };
        let page = page.map_err(|error| CallError::of(OPERATION, &error))?;
        let ours = page.subscriptions().iter().find(|one| one.endpoint() == Some(endpoint));
        if let Some(ours) = ours {
            return Ok(Some(ours.subscription_arn().unwrap_or_default().to_owned()));
        }
    }
    Err(CallError::unusable(OPERATION, "has no end"))
}
