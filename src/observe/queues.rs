//! Queues: how many messages they hold.
//!
//! Main function: [`poll`]. SQS has counts and no moments: a change is known to lie between the look that
//! did not show it and the one that did, and a count may be a minute old ("approximate"), so that the
//! first bound is a minute earlier still. The observation says so by its resolution. The messages
//! themselves are never received: that would hide them from those whom they are for. Source:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Seen, Shows, Watch};
use crate::aws::CallError;
use crate::aws::queues::{Depth, depth, url};
use crate::plan::{Kind, Level};
use crate::scenario::types::{Correlation, QueueMessages};
use crate::wakeup::Topic;

/// Counts "may not achieve consistency until at least 1 minute after the producers stop sending
/// messages" (the page above).
const LAG: SignedDuration = SignedDuration::from_mins(1);

struct Subject {
    expectation: String,
    queue: String,
    messages: QueueMessages,
    level: Level,
}

/// What the last look at a subject showed, and when.
#[derive(Default)]
struct Known {
    shown: BTreeMap<usize, (Timestamp, bool)>,
    /// The last look failed, so that a ring may have gone by unseen.
    failed: bool,
}

/// Watches every queue of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::Queue { name, messages, level } = &expectation.kind else { return None };
        Some(Subject {
            expectation: expectation.id.clone(),
            queue: name.clone(),
            messages: *messages,
            level: *level,
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut urls = BTreeMap::new();
    let mut known = Known::default();
    let shows = Shows::ThePresent;
    watch
        .keep_looking_at("queue depths", Topic::Queues, LAG, &expectations, shows, async || {
            let looked = look(watch, &subjects, &mut urls, &mut known).await;
            known.failed = looked.is_err();
            looked
        })
        .await;
}

/// One call for each queue, however many expectations look at it.
async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject],
    urls: &mut BTreeMap<String, String>,
    known: &mut Known,
) -> Result<(), CallError> {
    let mut depths: BTreeMap<&str, (Timestamp, Depth)> = BTreeMap::new();
    for subject in subjects {
        if depths.contains_key(subject.queue.as_str()) {
            continue;
        }
        if !urls.contains_key(&subject.queue) {
            urls.insert(subject.queue.clone(), url(watch.aws, &subject.queue).await?);
        }
        let found = depth(watch.aws, &urls[&subject.queue]).await?;
        depths.insert(&subject.queue, (watch.clock().now(), found));
    }
    for (index, subject) in subjects.iter().enumerate() {
        let (at, depth) = depths[subject.queue.as_str()];
        tell(watch, known, index, subject, at, depth);
    }
    Ok(())
}

/// Tells what the queue held when the watch began, and each change from there.
fn tell(
    watch: &Watch<'_>,
    known: &mut Known,
    index: usize,
    subject: &Subject,
    at: Timestamp,
    depth: Depth,
) {
    let count = subject.messages.of(depth.visible, depth.in_flight, depth.delayed);
    let holds = subject.level.holds(count);
    let before = known.shown.insert(index, (at, holds));
    if before.is_some_and(|(_, held)| held == holds) {
        return;
    }
    // What the first look shows was so before the watch began; a count may be as old as the lag.
    let since = match before {
        None => watch.since - LAG,
        Some((looked, _)) if known.failed => (looked - LAG).max(watch.since),
        Some((looked, _)) => watch.pace.changed_since(looked, at, LAG).max(watch.since),
    };
    let when = if before.is_none() { " when the watch begins" } else { "" };
    let queue = &subject.queue;
    let about = if count == 0 { "" } else { "about " };
    let summary = format!("queue {queue} holds {about}{}{when}", subject.messages.words(count));
    let mut seen = Seen::new(&subject.expectation, since, summary)
        .with("queue", queue)
        .with("visible (approximate)", depth.visible.to_string())
        .with("in flight (approximate)", depth.in_flight.to_string())
        .with("delayed (approximate)", depth.delayed.to_string());
    seen.holds = holds;
    if before.is_some() {
        seen.resolution_ms = u64::try_from(at.duration_since(since).as_millis()).unwrap_or(0);
    }
    // A count does not say whose messages they are.
    seen.correlation = Some(Correlation::Window);
    watch.saw(seen, "");
}
