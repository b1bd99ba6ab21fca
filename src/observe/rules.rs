//! `EventBridge` rules: whether the real rule matched, invoked its targets or failed to.
//!
//! Main function: [`poll`]. AWS has no API that says which rule fired for an event, so two means are put
//! together: the rule's own metrics in AWS/Events (they prove that it was this rule, once a minute) and
//! the drill's listener, which has the event itself with its id and time (it proves that the pattern
//! matched). Where no event can be paired with a minute's count, the evidence is only exact to that
//! minute, and says so. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::listener::{METRIC_CORRELATION, Matches, RuleMatch};
use super::{Seen, Watch};
use crate::aws::CallError;
use crate::aws::metrics::{self, Series};
use crate::plan::Kind;
use crate::scenario::types::RuleState;
use crate::wakeup::Topic;

/// A minute's count is published within about two minutes of its end (no figure is published; ours).
pub(super) const LAG: SignedDuration = SignedDuration::from_mins(3);

/// Metrics come by the minute.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// More occurrences in one minute than this are told as this many.
const MOST_PER_MINUTE: u32 = 50;

/// How it is known that a rule acted, where an event could be paired with its metric.
const BY_BOTH: &str =
    "the rule's metric in AWS/Events, and the event itself by the drill's listener";

/// The same where none could.
const BY_METRIC: &str = "the rule's metric in AWS/Events alone, exact to its minute";

struct Subject {
    expectation: String,
    rule: String,
    bus: String,
    state: RuleState,
}

/// Watches the metrics of every rule of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, matches: &Matches) {
    let subjects = watch.pick(|expectation| {
        let Kind::Rule { name, bus, state } = &expectation.kind else { return None };
        Some(Subject {
            expectation: expectation.id.clone(),
            rule: name.clone(),
            bus: bus.clone(),
            state: *state,
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut counted = BTreeMap::new();
    watch
        .keep_looking("rule metrics", Topic::RuleMetrics, LAG, &expectations, async || {
            look(watch, &subjects, matches, &mut counted).await
        })
        .await;
}

/// How many occurrences were told, by subject and minute.
type Counted = BTreeMap<(usize, Timestamp), u32>;

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject],
    matches: &Matches,
    counted: &mut Counted,
) -> Result<(), CallError> {
    let start = minute_of(watch.since);
    let end = minute_of(watch.clock().now()) + MINUTE;
    let series: BTreeSet<Series> = subjects.iter().map(series).collect();
    let answers = metrics::sums(watch.aws, &series, start, end).await;
    let mut failed = None;
    for (index, subject) in subjects.iter().enumerate() {
        match &answers[&self::series(subject)] {
            Ok(sums) => {
                for (minute, count) in sums {
                    tell(watch, subjects, matches, counted, index, *minute, *count);
                }
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.clone()))
}

/// The metric of what a rule did.
fn series(subject: &Subject) -> Series {
    let metric = match subject.state {
        RuleState::Matched => "TriggeredRules",
        RuleState::Invoked => "Invocations",
        RuleState::Failed => "FailedInvocations",
    };
    let mut dimensions = Vec::new();
    // A rule of the default bus is known by its name alone.
    if subject.bus != "default" {
        let bus = subject.bus.rsplit('/').next().unwrap_or(&subject.bus);
        dimensions.push(("EventBusName", bus.to_owned()));
    }
    dimensions.push(("RuleName", subject.rule.clone()));
    Series { namespace: "AWS/Events", metric, dimensions }
}

fn minute_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).expect("earlier by less than a minute")
}

fn tell(
    watch: &Watch<'_>,
    subjects: &[Subject],
    matches: &Matches,
    counted: &mut Counted,
    index: usize,
    minute: Timestamp,
    count: f64,
) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, bounded on both sides"
    )]
    let count = count.clamp(0.0, f64::from(MOST_PER_MINUTE)).round() as u32;
    let told = counted.entry((index, minute)).or_insert(0);
    if *told >= count {
        return;
    }
    let subject = &subjects[index];
    let events = matches.of_minute(&subject.expectation, minute);
    for position in *told..count {
        // A rule with several targets invokes each of them for each event: the events are dealt out
        // evenly over the invocations, in order.
        let event = events.get(position as usize * events.len() / count as usize);
        tell_one(watch, subject, minute, event);
    }
    *told = count;
}

fn tell_one(watch: &Watch<'_>, subject: &Subject, minute: Timestamp, paired: Option<&RuleMatch>) {
    let did = match subject.state {
        RuleState::Matched => "matched",
        RuleState::Invoked => "invoked a target",
        RuleState::Failed => "failed to invoke a target",
    };
    let (at, payload, event) = match paired {
        Some(found) => (found.at, found.payload.as_str(), found.event.as_str()),
        None => (minute, "", ""),
    };
    let mut seen = Seen::new(&subject.expectation, at, format!("rule {} {did}", subject.rule))
        .with("rule", &subject.rule)
        .with("bus", &subject.bus)
        .with("metric minute", minute.to_string())
        .with("event", event)
        .with("seen by", if paired.is_some() { BY_BOTH } else { BY_METRIC });
    if paired.is_none() {
        seen.resolution_ms = 60_000;
        seen.correlation = Some(METRIC_CORRELATION);
    }
    watch.saw(seen, payload);
}
