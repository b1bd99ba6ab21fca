//! Values of metrics: one metric or an expression, period by period.
//!
//! Main function: [`poll`]. A period says nothing before its data must be there, so that only whole periods
//! that ended long enough ago are read; what happened, happened somewhere in its period, which is the
//! observation's resolution. Invariants: an answer that is not whole is no answer; a period without a value
//! is a blind spot unless the scenario says that it means nothing. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Seen, Watch};
use crate::aws::metrics::{Question, Series, Source, answers, period_of};
use crate::aws::{CallError, CallErrorKind};
use crate::plan::{Anchor, Kind, METRIC_LAG, MetricWatch, PlannedExpectation};
use crate::scenario::types::MissingData;
use crate::timeline::{Entry, EntryKind};
use crate::wakeup::Topic;

struct Subject<'a> {
    expectation: &'a PlannedExpectation,
    wanted: &'a MetricWatch,
    question: Question,
    /// Whether each period's value that was told fulfils the threshold.
    told: BTreeMap<Timestamp, bool>,
    /// It has been read once.
    readable: bool,
}

/// Watches every metric of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let mut subjects = watch.pick(|expectation| {
        let Kind::Metric(wanted) = &expectation.kind else { return None };
        let question = question(wanted, watch.since);
        Some(Subject { expectation, wanted, question, told: BTreeMap::new(), readable: false })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.id.clone()).collect();
    let longest = subjects.iter().map(|subject| subject.wanted.period).max().unwrap_or_default();
    let lag = METRIC_LAG + longest;
    watch
        .keep_looking("metrics", Topic::Metrics, lag, &expectations, async || {
            look(watch, &mut subjects).await
        })
        .await;
}

/// From the period on that is whole when the watch begins: what a later change is a change from.
fn question(wanted: &MetricWatch, since: Timestamp) -> Question {
    let metrics = wanted.metrics.iter().map(|(id, metric)| {
        let dimensions = metric.dimensions.iter();
        let source = Source {
            namespace: metric.namespace.clone(),
            name: metric.name.clone(),
            dimensions: dimensions.map(|(name, value)| (name.clone(), value.clone())).collect(),
            statistic: metric.statistic.clone(),
        };
        (id.clone(), source)
    });
    Question {
        expression: wanted.expression.clone(),
        metrics: metrics.collect(),
        period: wanted.period,
        from: period_of(since - METRIC_LAG - wanted.period, wanted.period),
    }
}

async fn look(watch: &Watch<'_>, subjects: &mut [Subject<'_>]) -> Result<(), CallError> {
    let now = watch.clock().now();
    let questions: Vec<Question> = subjects.iter().map(|one| one.question.clone()).collect();
    let answers = answers(watch.aws, &questions, now).await;
    let (mut failed, mut read) = (None, false);
    for (subject, answer) in subjects.iter_mut().zip(answers) {
        match answer {
            Ok(series) => {
                let settled = settled(series, subject.wanted.period, now);
                tell(watch, subject, &settled);
                veil(watch, subject, &settled, now);
                (subject.readable, read) = (true, true);
            }
            Err(error) => {
                let error = about(subject, error);
                watch.veil(std::slice::from_ref(&subject.expectation.id), &error);
                failed = Some(error);
            }
        }
    }
    match failed {
        // One that can't be read for now hides no other that can.
        Some(error) if !read || subjects.iter().any(|subject| !subject.readable) => Err(error),
        Some(_) | None => Ok(()),
    }
}

fn about(subject: &Subject<'_>, error: CallError) -> CallError {
    CallError { message: format!("{}: {}", subject.wanted.subject(), error.message), ..error }
}

/// The periods whose data must be there by now.
fn settled(series: Series, period: SignedDuration, now: Timestamp) -> Series {
    series.into_iter().filter(|(at, _)| *at + period + METRIC_LAG <= now).collect()
}

/// Tells each period that fulfils the threshold, and each change to one that does not.
fn tell(watch: &Watch<'_>, subject: &mut Subject<'_>, settled: &Series) {
    let mut before = None;
    for (at, value) in settled {
        let holds = subject.wanted.threshold.holds(*value);
        let changed = before.replace(holds) != Some(holds);
        let known = subject.told.insert(*at, holds) == Some(holds);
        if !known && (changed || holds) {
            watch.saw(seen(subject, *at, *value, holds), "");
        }
    }
}

fn seen(subject: &Subject<'_>, at: Timestamp, value: f64, holds: bool) -> Seen {
    let wanted = subject.wanted;
    let is = if holds { "" } else { "not " };
    let summary = format!("{} was {value}, {is}{}", wanted.subject(), wanted.threshold);
    let mut seen = Seen::new(&subject.expectation.id, at, summary)
        .with("value", value.to_string())
        .with("period", format!("{}s from {at}", wanted.period.as_secs()));
    seen.holds = holds;
    seen.resolution_ms = u64::try_from(wanted.period.as_millis()).unwrap_or(u64::MAX);
    // A value does not say whose doing it is.
    seen.correlation = Some(crate::scenario::types::Correlation::Window);
    seen
}

/// A period without a value, since the drill broke something, is one that nobody saw.
fn veil(watch: &Watch<'_>, subject: &Subject<'_>, settled: &Series, now: Timestamp) {
    let own = std::slice::from_ref(&subject.expectation.id);
    let begun = watch.recorder.read(|timeline| begun(watch, subject.expectation, timeline));
    let gap = begun.and_then(|begun| gap(settled, begun, subject.wanted.period, now));
    match gap.filter(|_| subject.wanted.missing == MissingData::Blind) {
        Some(at) => {
            let message =
                format!("{}: no value for the period from {at}", subject.wanted.subject());
            let error = CallError {
                kind: CallErrorKind::Unreachable,
                operation: "cloudwatch:GetMetricData",
                code: Some("MissingData".to_owned()),
                message,
            };
            watch.veil(own, &error);
        }
        None => watch.unveil(own),
    }
}

/// The first settled period since then without a value.
fn gap(
    settled: &Series,
    begun: Timestamp,
    period: SignedDuration,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut at = period_of(begun, period);
    // A drill lasts a day at the most, and a period a second at the least.
    while at + period + METRIC_LAG <= now {
        if !settled.contains_key(&at) {
            return Some(at);
        }
        at += period.max(SignedDuration::from_secs(1));
    }
    None
}

/// When the fault started that the expectation counts from, directly or through others.
fn begun(watch: &Watch<'_>, from: &PlannedExpectation, timeline: &[Entry]) -> Option<Timestamp> {
    let expectations = &watch.plan.expectations;
    let mut anchor = &from.anchor;
    for _ in 0..=expectations.len() {
        let fault = match anchor {
            Anchor::Fault(fault) => fault,
            Anchor::Expectation(id) => {
                anchor = &expectations.iter().find(|one| one.id == *id)?.anchor;
                continue;
            }
        };
        return timeline.iter().find_map(|entry| match &entry.kind {
            EntryKind::FaultStarted { fault: started, occurred_at, .. } if started == fault => {
                Some(*occurred_at)
            }
            _ => None,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_603_600 + second).expect("in range")
    }

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    #[test]
    fn a_period_counts_once_its_data_must_be_there() {
        let series: Series = [(at(0), 1.0), (at(60), 2.0)].into();
        let early = settled(series.clone(), MINUTE, at(60 + 179));
        assert_eq!(early.len(), 0);
        assert_eq!(settled(series.clone(), MINUTE, at(60 + 180)).len(), 1);
        assert_eq!(settled(series, MINUTE, at(120 + 180)).len(), 2);
    }

    #[test]
    fn a_gap_is_a_settled_period_without_a_value() {
        let series: Series = [(at(0), 1.0), (at(120), 2.0)].into();
        assert_eq!(gap(&series, at(30), MINUTE, at(60 + 180)), None);
        assert_eq!(gap(&series, at(30), MINUTE, at(120 + 180)), Some(at(60)));
        assert_eq!(gap(&series, at(120), MINUTE, at(180 + 180)), None);
    }
}
