//! API calls, read from CloudTrail's event history.
//!
//! Main function: [`poll`]. The history shows a call up to 15 minutes late, so that only what lies further
//! back can be called absent; it takes two lookups a second, so that calls of one name are one lookup.
//! Sources: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Seen, Watch};
use crate::aws::{CallError, CallErrorKind, timestamp, trail};
use crate::pattern::glob;
use crate::plan::{CLOUDTRAIL_LAG, Kind};
use crate::scenario::types::{ApiCallExpectation, GLOBAL_REGION, ShownHere};
use crate::wakeup::Topic;

/// How coarse the times of events are: whole seconds.
const RESOLUTION_MS: u64 = 1000;

struct Subject<'a> {
    expectation: &'a str,
    wanted: &'a ApiCallExpectation,
}

/// Watches for every API call of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::ApiCall(wanted) = &expectation.kind else { return None };
        Some(Subject { expectation: &expectation.id, wanted })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.to_owned()).collect();
    let names: BTreeSet<&str> =
        subjects.iter().map(|subject| subject.wanted.name.as_str()).collect();
    // Events have whole seconds: one of this second began it.
    let since = watch.since - SignedDuration::from_millis(watch.since.as_millisecond() % 1000);
    let mut told = BTreeSet::new();
    watch
        .keep_looking("API calls", Topic::ApiCalls, CLOUDTRAIL_LAG, &expectations, async || {
            shown_here(watch, &subjects)?;
            for name in &names {
                for (at, event) in dated(&trail::calls(watch.aws, name, since).await?)? {
                    for subject in subjects.iter().filter(|one| one.wanted.name == *name) {
                        if at >= since {
                            tell(watch, subject, at, event, &mut told);
                        }
                    }
                }
            }
            Ok(())
        })
        .await;
}

/// What the region's history can't show of these, however long one looks: where it may show the call, it is
/// told if it is there, and nobody says that it is not.
fn shown_here(watch: &Watch<'_>, subjects: &[Subject<'_>]) -> Result<(), CallError> {
    let region = &watch.place.target.region;
    for Subject { expectation, wanted } in subjects {
        let source = wanted.source.as_deref().map(whole_source);
        let message = match (wanted.shown_in(region), source) {
            (ShownHere::Always, _) => continue,
            (ShownHere::Never, source) => {
                let source = source.unwrap_or_default();
                return Err(unreadable(format!(
                    "CloudTrail shows the calls of {source} in {GLOBAL_REGION} alone, and this is {region}"
                )));
            }
            (ShownHere::Perhaps, Some(source)) => format!(
                "CloudTrail shows calls of {source} at its global endpoint in {GLOBAL_REGION}, and this is \
                 {region}: that none is shown here is no absence; look at a target in {GLOBAL_REGION} as well"
            ),
            (ShownHere::Perhaps, None) => format!(
                "CloudTrail shows the calls of global services in {GLOBAL_REGION}, and this is {region}: that \
                 no {} is shown here is no absence; name its `source`, or look for it at a target in \
                 {GLOBAL_REGION}",
                wanted.name
            ),
        };
        let refused = CallErrorKind::Refused;
        watch.veil(
            &[(*expectation).to_owned()],
            &CallError { kind: refused, ..unreadable(message) },
        );
    }
    Ok(())
}

/// The events with their times, oldest first.
fn dated(events: &[Event]) -> Result<Vec<(Timestamp, &Event)>, CallError> {
    let mut dated = Vec::new();
    for event in events {
        let at = event.event_time().and_then(timestamp);
        dated.push((at.ok_or_else(|| unreadable("an event has no time".to_owned()))?, event));
    }
    dated.sort_by_key(|(at, event)| (*at, event.event_id.as_deref()));
    Ok(dated)
}

fn unreadable(message: String) -> CallError {
    let operation = "cloudtrail:LookupEvents";
    CallError { kind: CallErrorKind::Unreachable, operation, code: None, message }
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    at: Timestamp,
    event: &Event,
    told: &mut BTreeSet<(String, String)>,
) {
    let wanted = subject.wanted;
    let source = event.event_source().unwrap_or_default();
    if wanted.source.as_ref().is_some_and(|wanted| whole_source(wanted) != source) {
        return;
    }
    let Some(id) = event.event_id() else { return };
    if !told.insert((subject.expectation.to_owned(), id.to_owned())) {
        return;
    }
    let text = event.cloud_trail_event().unwrap_or_default();
    let whole: Value = serde_json::from_str(text).unwrap_or_default();
    let error = whole["errorCode"].as_str();
    let user = event.username().or_else(|| whole["userIdentity"]["invokedBy"].as_str());
    let differences = differences(wanted, event, &whole, user, error);
    let name = event.event_name().unwrap_or_default();
    let who = user.unwrap_or("nobody that is named");
    let outcome = error.map_or_else(String::new, |code| format!(", which failed with {code}"));
    let mut summary = format!("{who} called {source} {name}{outcome}");
    if !differences.is_empty() {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let resources = event.resources().iter().filter_map(|one| one.resource_name());
    let mut seen = Seen::new(subject.expectation, at, summary)
        .with("api call", id)
        .with("user", user.unwrap_or_default())
        .with("error", error.unwrap_or_default())
        .with("resources", resources.collect::<Vec<_>>().join(" "));
    seen.resolution_ms = RESOLUTION_MS;
    seen.holds = differences.is_empty();
    watch.saw(seen, text);
}

/// A service's name in events, as it stands there: `ec2` is `ec2.amazonaws.com`.
fn whole_source(source: &str) -> String {
    if source.contains('.') { source.to_owned() } else { format!("{source}.amazonaws.com") }
}

/// What the expectation wants and the call does not have.
fn differences(
    wanted: &ApiCallExpectation,
    event: &Event,
    whole: &Value,
    user: Option<&str>,
    error: Option<&str>,
) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(pattern) = &wanted.user
        && !user.is_some_and(|user| glob::matches(pattern, user))
    {
        differences.push(format!("not by {pattern}"));
    }
    if let Some(resource) = &wanted.resource {
        let listed = event.resources().iter().filter_map(|one| one.resource_name());
        let is_listed = listed.into_iter().any(|name| name == resource);
        let parts = [&whole["requestParameters"], &whole["responseElements"]];
        if !is_listed && !parts.iter().any(|part| names(part, resource)) {
            differences.push(format!("not on {resource}"));
        }
    }
    match (&wanted.error, error) {
        (None, None) => {}
        (None, Some(code)) => differences.push(format!("it failed with {code}")),
        (Some(pattern), Some(code)) if glob::matches(pattern, code) => {}
        (Some(pattern), _) => differences.push(format!("not with the error {pattern}")),
    }
    differences
}

/// Whether a text is one of the values, however deep: recursion is bounded by the parser's own depth.
fn names(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| names(item, wanted)),
        Value::Object(members) => members.values().any(|member| names(member, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
