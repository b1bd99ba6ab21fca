//! What a URL answers, looked at again and again: how a ticket in another system is seen.
//!
//! Main function: [`poll`]. Each value of the answer that fits is one occurrence; those that were there at
//! the first look are no answer to the drill. A thing happened between the look that did not show it and
//! the one that did, unless the answer itself says when. Invariant: an answer that is not JSON, or has
//! another status than the one that is wanted, is no answer: we could not look.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Seen, Watch};
use crate::aws::{CallError, CallErrorKind, secrets};
use crate::outside::{self, OPERATION};
use crate::plan::{Kind, Phase, Predicate};
use crate::scenario::types::HttpCall;
use crate::timeline::{EntryKind, TargetKind};

/// No more occurrences of one look are told.
const MOST_OCCURRENCES: usize = 50;

/// How much of a value stands in the evidence, in characters.
const MOST_TEXT: usize = 200;

/// The name of this observer, whose URLs are looked at side by side.
const OBSERVER: &str = "URLs";

struct Subject<'a> {
    expectation: String,
    request: &'a HttpCall,
    predicate: &'a Predicate,
    time: Option<&'a str>,
    every: Duration,
    recovery: bool,
}

/// Watches every URL of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::Http { request, predicate, time, every } = &expectation.kind else { return None };
        Some(Subject {
            expectation: expectation.id.clone(),
            request,
            predicate,
            time: time.as_deref(),
            every: Duration::try_from(*every).unwrap_or_default(),
            recovery: expectation.phase == Phase::Recovery,
        })
    });
    let waiting = Cell::new(subjects.len());
    let all: Vec<String> = subjects.iter().map(|one| one.expectation.clone()).collect();
    // The observers are ready when each URL has answered once.
    let seen_once = || {
        waiting.set(waiting.get().saturating_sub(1));
        if waiting.get() == 0 {
            watch.recorder.record(EntryKind::ObserverArmed {
                observer: OBSERVER.to_owned(),
                expectations: all.clone(),
            });
            watch.armed(OBSERVER);
        }
    };
    join_all(subjects.iter().map(|subject| keep_looking(watch, subject, &seen_once))).await;
}

/// What the last look showed.
struct Last {
    at: Timestamp,
    count: usize,
}

async fn keep_looking(watch: &Watch<'_>, subject: &Subject<'_>, seen_once: &impl Fn()) {
    let expectations = [subject.expectation.clone()];
    let mut last: Option<Last> = None;
    let mut failures = 0;
    loop {
        let asked_at = watch.clock().now();
        match look(watch, subject).await {
            Ok(answer) => {
                let count = tell(watch, subject, &answer, last.as_ref());
                if last.is_none() {
                    seen_once();
                }
                last = Some(Last { at: asked_at, count });
                failures = 0;
                // A look that failed and was soon made good is no gap.
                let usual =
                    SignedDuration::try_from(subject.every * 2).unwrap_or(SignedDuration::MAX);
                watch.looked_now(&expectations, asked_at, usual);
                tokio::time::sleep(subject.every).await;
            }
            Err(error) => {
                watch.blind(&expectations, &error);
                if last.is_none() {
                    watch.not_armed(OBSERVER, &error, false);
                }
                failures += 1;
                watch.pace.back_off(failures).await;
            }
        }
    }
}

/// What one look showed: the values that fit, and when it was by the answer's own word.
struct Answer {
    fitting: Vec<String>,
    time: Option<Timestamp>,
}

async fn look(watch: &Watch<'_>, subject: &Subject<'_>) -> Result<Answer, CallError> {
    let failed = |message: String| CallError {
        kind: CallErrorKind::Unreachable,
        operation: OPERATION,
        code: None,
        message: format!("{}: {message}", subject.request.words()),
    };
    if watch.place.target.kind == TargetKind::Emulator && !outside::may_send_requests() {
        return Err(failed("a rehearsal sends no requests without --allow-http".to_owned()));
    }
    let answer = outside::send(subject.request).await.map_err(|error| match error.kind {
        // A page that is not there says nothing about what would stand on it.
        CallErrorKind::NotFound => CallError { kind: CallErrorKind::Unreachable, ..error },
        CallErrorKind::Throttled
        | CallErrorKind::Denied
        | CallErrorKind::Unreachable
        | CallErrorKind::Unsupported
        | CallErrorKind::Refused => error,
    })?;
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| failed(format!("the answer is not JSON: {error}")))?;
    let fitting = subject.predicate.fitting(&document).map_err(failed)?;
    Ok(Answer { fitting, time: subject.time.and_then(|path| time(path, &document)) })
}

/// The latest moment that a path finds: RFC 3339, or seconds or milliseconds since 1970.
fn time(path: &str, document: &Value) -> Option<Timestamp> {
    let path = JsonPath::parse(path).ok()?;
    let found = path.query(document).all();
    found.into_iter().filter_map(moment).max()
}

fn moment(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => return Some(at),
            Err(_) => text.parse::<i64>().ok()?,
        },
        other => other.as_i64()?,
    };
    // Seconds reach this only in the year 5138.
    if number.abs() >= 100_000_000_000 {
        return Timestamp::from_millisecond(number).ok();
    }
    Timestamp::from_second(number).ok()
}

/// Tells what is new since the last look; answers how many values fit.
fn tell(watch: &Watch<'_>, subject: &Subject<'_>, answer: &Answer, last: Option<&Last>) -> usize {
    let count = answer.fitting.len();
    let now = watch.clock().now();
    let Some(last) = last else {
        // What must be back in force is known before the fault; the rest was there before anybody asked.
        if subject.recovery {
            let value = answer.fitting.first().map_or("", String::as_str);
            watch.saw(seen(subject, now, count > 0, value), "");
        }
        return count;
    };
    let new = count.saturating_sub(last.count).min(MOST_OCCURRENCES);
    if count == 0 && last.count > 0 {
        watch.saw(between(seen(subject, last.at, false, ""), last.at, now), "");
    }
    for value in answer.fitting.iter().skip(count - new) {
        // A moment from before the last look is that of something else.
        let told = answer.time.filter(|at| *at <= now && *at >= last.at - SLACK);
        let one = match told {
            Some(at) => seen(subject, at, true, value).with("time", "the answer's own"),
            None => between(seen(subject, last.at, true, value), last.at, now),
        };
        watch.saw(one, &format!("{value} {}", subject.request.url));
    }
    count
}

/// How far the other side's clock may be behind ours (ours; clocks that are kept differ by less).
const SLACK: SignedDuration = SignedDuration::from_mins(5);

fn seen(subject: &Subject<'_>, at: Timestamp, holds: bool, value: &str) -> Seen {
    let words = if holds { "" } else { "not: " };
    let mut seen =
        Seen::new(&subject.expectation, at, format!("{words}{}", subject.predicate.words()))
            .with("request", subject.request.words())
            .with("value", secrets::excerpt(value, MOST_TEXT));
    seen.holds = holds;
    seen
}

/// It happened after the one look and before the other.
fn between(mut seen: Seen, from: Timestamp, to: Timestamp) -> Seen {
    seen.resolution_ms = u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default();
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_is_read_in_the_usual_ways() {
        let at: Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let document = json!({
            "text": "2026-01-05T10:00:00+01:00", "seconds": 1_767_603_600, "ms": 1_767_603_600_000_i64,
            "quoted": "1767603600", "list": ["2026-01-04T09:00:00Z", "2026-01-05T09:00:00Z"], "words": "soon"
        });
        for path in ["$.text", "$.seconds", "$.ms", "$.quoted", "$.list[*]"] {
            assert_eq!(time(path, &document), Some(at), "{path}");
        }
        assert_eq!(time("$.words", &document), None);
        assert_eq!(time("$.none", &document), None);
        assert_eq!(time("none", &document), None);
    }
}
