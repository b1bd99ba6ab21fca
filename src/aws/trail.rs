//! CloudTrail's event history by the name of the call, read whole or not at all.
//!
//! Main function: [`calls`]. LookupEvents takes two calls a second and one attribute, so that everybody who
//! asks for calls of one name at one moment is served by one lookup. Invariant: what is answered is
//! everything that the history shows since then; where there is more than is read, that is an error and
//! never a shorter answer. Source:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use jiff::Timestamp;

use super::shared::Shared;
use super::{Aws, CallError, CallErrorKind, date_time};

const OPERATION: &str = "cloudtrail:LookupEvents";

/// The most calls of one name that are looked at in one go; more is blindness, since the rest is not seen.
const MOST_EVENTS: usize = 2_000;

/// The events of one name, or why they are not known.
type Answer = Result<Arc<Vec<Event>>, CallError>;

/// The reader that everybody shares who looks for API calls.
pub(super) type Reader = Shared<(String, Timestamp), Arc<BTreeMap<String, Answer>>>;

/// The calls of this name that the history shows since then, in no order; whoever asks at the same moment
/// for more is answered too, so that some may be older.
pub(crate) async fn calls(aws: &Aws, name: &str, since: Timestamp) -> Answer {
    let reader = aws.readers.trails.clone();
    let client = aws.cloudtrail.clone();
    let read = reader
        .ask((name.to_owned(), since), aws.readers.moment, move |asks| async move {
            let mut wanted: BTreeMap<String, Timestamp> = BTreeMap::new();
            for (name, since) in asks {
                let first = wanted.entry(name).or_insert(since);
                *first = since.min(*first);
            }
            let mut answers = BTreeMap::new();
            for (name, since) in wanted {
                let answer = lookup(&client, &name, since).await;
                answers.insert(name, answer.map(Arc::new));
            }
            Arc::new(answers)
        })
        .await;
    let answer = read.get(name).cloned();
    answer.unwrap_or_else(|| Err(refused(format!("the calls of {name} were not read"))))
}

async fn lookup(
    client: &aws_sdk_cloudtrail::Client,
    name: &str,
    since: Timestamp,
) -> Result<Vec<Event>, CallError> {
    let attribute = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventName)
        .attribute_value(name)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let request = client.lookup_events().lookup_attributes(attribute);
    let mut pages = request.start_time(date_time(since)).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(event) = pages.next().await {
        found.push(event.map_err(|error| CallError::of(OPERATION, &error))?);
        if found.len() > MOST_EVENTS {
            return Err(refused(format!(
                "more than {MOST_EVENTS} calls of {name} since the drill began"
            )));
        }
    }
    Ok(found)
}

fn refused(message: String) -> CallError {
    CallError { kind: CallErrorKind::Refused, operation: OPERATION, code: None, message }
}
