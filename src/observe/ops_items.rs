//! OpsItems of OpsCenter that were created during the drill.
//!
//! Main function: [`poll`]. One DescribeOpsItems asks for what was changed since the drill began; only
//! those that moved are read whole, because only then their version says whether a change was missed. That an
//! item was created shows for good; its status, severity and data are those of now, so that a time in which
//! nobody could look is a gap for what asks for them.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeOpsItems.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_OpsItem.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{OpsItem, OpsItemFilter, OpsItemFilterKey, OpsItemFilterOperator};
use jiff::{SignedDuration, Timestamp};

use super::{Seen, USUAL_GAP, Watch};
use crate::aws::asked_for::the_one;
use crate::aws::{CallError, CallErrorKind, secrets, timestamp};
use crate::pattern::glob;
use crate::plan::Kind;
use crate::scenario::types::{OpsItemExpectation, OpsItemStatus};
use crate::wakeup::Topic;

/// A new item is shown at once.
const LAG: SignedDuration = SignedDuration::ZERO;

struct Subject<'a> {
    expectation: &'a str,
    wanted: &'a OpsItemExpectation,
}

/// Watches for every OpsItem of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::OpsItem(wanted) = &expectation.kind else { return None };
        Some(Subject { expectation: &expectation.id, wanted })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.to_owned()).collect();
    let of_now: Vec<String> = subjects
        .iter()
        .filter(|subject| asks_for_now(subject.wanted))
        .map(|subject| subject.expectation.to_owned())
        .collect();
    let mut progress = Progress::default();
    watch
        .keep_looking("OpsItems", Topic::OpsItems, LAG, &expectations, async || {
            let asked_at = watch.clock().now();
            for (id, modified) in changed(watch).await? {
                if progress.read.get(&id).is_some_and(|read| read.modified == modified) {
                    continue;
                }
                let item = get(watch, &id).await?;
                let read = Read { version: version(&item), modified };
                let before = progress.read.insert(id.clone(), read);
                for subject in &subjects {
                    tell(watch, subject, &id, &item, before, &mut progress.told);
                }
            }
            watch.looked_now(&of_now, asked_at - LAG, USUAL_GAP);
            Ok(())
        })
        .await;
}

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    read: BTreeMap<String, Read>,
    /// Expectation, item, and whether it was what the expectation looks for.
    told: BTreeSet<(String, String, bool)>,
}

/// An item when it was last read.
#[derive(Clone, Copy)]
struct Read {
    version: Option<u64>,
    modified: Option<Timestamp>,
}

/// The items that were created in the drill, oldest first, each with its last change.
async fn changed(watch: &Watch<'_>) -> Result<Vec<(String, Option<Timestamp>)>, CallError> {
    let since = watch.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let filter = OpsItemFilter::builder()
        .key(OpsItemFilterKey::CreatedTime)
        .operator(OpsItemFilterOperator::GreaterThan)
        .values(since)
        .build()
        .map_err(|error| CallError {
            kind: CallErrorKind::Refused,
            operation: "ssm:DescribeOpsItems",
            code: None,
            message: error.to_string(),
        })?;
    let request = watch.aws.ssm.describe_ops_items().ops_item_filters(filter);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|error| CallError::of("ssm:DescribeOpsItems", &error))?;
        let created = item.created_time().and_then(timestamp);
        // The filter has whole seconds; what stood a moment before is none of the drill's.
        if created.is_some_and(|at| at < watch.since) {
            continue;
        }
        if let Some(id) = item.ops_item_id() {
            found.push((created, id.to_owned(), item.last_modified_time().and_then(timestamp)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id, modified)| (id, modified)).collect())
}

async fn get(watch: &Watch<'_>, id: &str) -> Result<OpsItem, CallError> {
    let sent = watch.aws.ssm.get_ops_item().ops_item_id(id).send().await;
    let answer = sent.map_err(|error| CallError::of("ssm:GetOpsItem", &error))?;
    the_one("ssm:GetOpsItem", id, answer.ops_item, aws_sdk_ssm::types::OpsItem::ops_item_id)
}

/// Whether it asks for what an item shows only while it is so.
fn asks_for_now(wanted: &OpsItemExpectation) -> bool {
    wanted.status.is_some() || wanted.severity.is_some() || !wanted.operational_data.is_empty()
}

fn version(item: &OpsItem) -> Option<u64> {
    item.version()?.parse().ok()
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    id: &str,
    item: &OpsItem,
    before: Option<Read>,
    told: &mut BTreeSet<(String, String, bool)>,
) {
    let wanted = subject.wanted;
    let title = item.title().unwrap_or_default();
    let source = item.source().unwrap_or_default();
    let fits = wanted.title.as_ref().is_none_or(|pattern| glob::matches(pattern, title))
        && wanted.source.as_ref().is_none_or(|wanted| wanted == source);
    if !fits {
        return;
    }
    let status = item.status().map(aws_sdk_ssm::types::OpsItemStatus::as_str).unwrap_or_default();
    let open = OpsItemStatus::Open.as_str();
    if wanted.status == Some(OpsItemStatus::Open)
        && (status != open || before.is_none())
        && let Some(moment) = when_open(item, wanted)
    {
        tell_status(watch, subject, (id, item), open, moment, told);
    }
    let seen = told.contains(&(subject.expectation.to_owned(), id.to_owned(), true));
    if !seen && let Some((from, to)) = may_have_been_in_progress(wanted, item, before) {
        let why = format!("OpsItem {id} was edited several times, and no look shows it InProgress");
        watch.passed_over(subject.expectation, from, to, why);
    }
    let created = item.created_time().and_then(timestamp);
    let moment = match created.filter(|_| before.is_none() && !asks_for_now(wanted)) {
        Some(created) => (created, 0),
        None => moment(watch, item, before),
    };
    tell_status(watch, subject, (id, item), status, moment, told);
}

/// When an item that is resolved may have been in progress without a look that shows it: that takes two edits.
fn may_have_been_in_progress(
    wanted: &OpsItemExpectation,
    item: &OpsItem,
    before: Option<Read>,
) -> Option<(Timestamp, Timestamp)> {
    let in_progress = OpsItemStatus::InProgress;
    let is_wanted = wanted.status == Some(in_progress)
        && item.status() == Some(&aws_sdk_ssm::types::OpsItemStatus::Resolved)
        && differences(wanted, item, in_progress.as_str()).is_empty();
    let known = before.map_or(Some(1), |read| read.version);
    let edited = version(item).zip(known).is_none_or(|(now, known)| now >= known + 2);
    let created = item.created_time().and_then(timestamp);
    let from = before.and_then(|read| read.modified).or(created)?;
    let to = item.last_modified_time().and_then(timestamp)?;
    (is_wanted && edited).then_some((from, to))
}

fn tell_status(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    (id, item): (&str, &OpsItem),
    status: &str,
    (at, resolution_ms): (Timestamp, u64),
    told: &mut BTreeSet<(String, String, bool)>,
) {
    let (title, source) = (item.title().unwrap_or_default(), item.source().unwrap_or_default());
    let differences = differences(subject.wanted, item, status);
    let holds = differences.is_empty();
    if !told.insert((subject.expectation.to_owned(), id.to_owned(), holds)) {
        return;
    }
    let mut summary = format!("OpsItem {id} \"{title}\" is {status}");
    if !holds {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let mut seen = Seen::new(subject.expectation, at, summary)
        .with("ops item", id)
        .with("title", title)
        .with("source", source)
        .with("severity", item.severity().unwrap_or_default())
        .with("status", status)
        .with("created by", item.created_by().unwrap_or_default());
    seen.resolution_ms = resolution_ms;
    seen.holds = holds;
    watch.saw(seen, &payload(id, item));
}

/// When the item was open: every item begins so. What else is asked for may have come later, but not after
/// its last change.
fn when_open(item: &OpsItem, wanted: &OpsItemExpectation) -> Option<(Timestamp, u64)> {
    let created = item.created_time().and_then(timestamp)?;
    let changed = item.last_modified_time().and_then(timestamp).unwrap_or(created);
    if wanted.severity.is_none() && wanted.operational_data.is_empty() {
        return Some((created, 0));
    }
    let span = changed.duration_since(created).as_millis();
    Some((created, u64::try_from(span).unwrap_or(0)))
}

/// When the item came to be as it is: exact where no change was missed, else a span from the last
/// moment at which it is known to have been otherwise.
fn moment(watch: &Watch<'_>, item: &OpsItem, before: Option<Read>) -> (Timestamp, u64) {
    let now = watch.clock().now();
    let created = item.created_time().and_then(timestamp);
    let latest = item.last_modified_time().and_then(timestamp).or(created).unwrap_or(now);
    let exact = match before {
        None => version(item) == Some(1),
        Some(read) => read.version.is_some_and(|known| version(item) == Some(known + 1)),
    };
    if exact {
        return (latest, 0);
    }
    let earliest = before.and_then(|read| read.modified).or(created).unwrap_or(latest).min(latest);
    let span = latest.duration_since(earliest).as_millis();
    (earliest, u64::try_from(span).unwrap_or(u64::MAX))
}

/// What the expectation wants and the item does not have.
fn differences(wanted: &OpsItemExpectation, item: &OpsItem, status: &str) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(severity) = wanted.severity {
        match item.severity() {
            Some(found) if found == severity.to_string() => {}
            Some(found) => {
                differences.push(format!("its severity is {found} and not {severity}"));
            }
            None => differences.push(format!("it has no severity, not {severity}")),
        }
    }
    if let Some(wanted) = wanted.status
        && status != wanted.as_str()
    {
        differences.push(format!("not {}", wanted.as_str()));
    }
    for (key, pattern) in &wanted.operational_data {
        match item.operational_data().and_then(|data| data.get(key)?.value()) {
            Some(value) if glob::matches(pattern, value) => {}
            Some(value) => {
                let short = secrets::excerpt(value, 80);
                differences.push(format!("its {key} is {short} and not {pattern}"));
            }
            None => differences.push(format!("it has no {key}")),
        }
    }
    differences
}

/// Everything of an item that could carry an id of ours.
fn payload(id: &str, item: &OpsItem) -> String {
    let mut words = vec![id.to_owned()];
    words.extend(item.title().map(str::to_owned));
    words.extend(item.description().map(str::to_owned));
    words.extend(item.created_by().map(str::to_owned));
    if let Some(data) = item.operational_data() {
        let mut values: Vec<String> =
            data.values().filter_map(|value| value.value().map(str::to_owned)).collect();
        values.sort();
        words.extend(values);
    }
    words.join(" ")
}
