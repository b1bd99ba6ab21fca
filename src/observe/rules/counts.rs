//! What the metrics of a rule count, minute by minute.
//!
//! Main type: [`Counts`]. An invocation is done when it succeeded: `Invocations` counts the failed ones too,
//! so that what was invoked is `SuccessfulInvocationAttempts`, and what was not is `FailedInvocations`. An
//! attempt that is made again is neither, and shows all the same that the rule has acted. Invariant: the
//! metrics of a rule are answered together or not at all. Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{MINUTE, Subject};
use crate::aws::metrics::{self, Question, Series, Source};
use crate::aws::{Aws, CallError};
use crate::scenario::types::RuleState;

/// More occurrences in one minute than this are told as this many.
const MOST_PER_MINUTE: u32 = 50;

/// What a rule did in each minute that has a count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// What is expected of it.
    done: Series,
    /// For a rule that is to invoke a target: how often it could not.
    failed: Series,
    /// For a rule that is to invoke a target, or to fail to: how often it tried.
    tried: Series,
}

impl Counts {
    /// The minutes in which anything was counted, in order.
    pub(super) fn minutes(&self) -> BTreeSet<Timestamp> {
        self.done.keys().chain(self.failed.keys()).copied().collect()
    }

    /// How often it did in a minute what is expected of it.
    pub(super) fn done(&self, minute: Timestamp) -> u32 {
        whole(self.done.get(&minute))
    }

    /// How often it tried to in a minute, and failed for good.
    pub(super) fn failed(&self, minute: Timestamp) -> u32 {
        whole(self.failed.get(&minute))
    }

    /// Whether anything was counted in a minute.
    pub(super) fn any(&self, minute: Timestamp) -> bool {
        let all = [&self.done, &self.failed, &self.tried];
        all.iter().any(|series| whole(series.get(&minute)) > 0)
    }

    /// The minutes up to this one.
    pub(super) fn until(&self, last: Timestamp) -> Self {
        let until = |series: &Series| series.range(..=last).map(|(at, n)| (*at, *n)).collect();
        Self { done: until(&self.done), failed: until(&self.failed), tried: until(&self.tried) }
    }
}

/// What the metrics of each of these count since then, or why that is not known.
pub(super) async fn read(
    aws: &Aws,
    subjects: &[Subject],
    (from, until): (Timestamp, Timestamp),
) -> Vec<Result<Counts, CallError>> {
    let mut asked = Vec::new();
    for subject in subjects {
        asked.extend(metrics_of(subject.state).iter().map(|name| question(subject, name, from)));
    }
    let mut answers = metrics::answers(aws, &asked, until).await.into_iter();
    let mut of_subject = |subject: &Subject| {
        let metrics = metrics_of(subject.state).len();
        let own: Vec<_> = answers.by_ref().take(metrics).collect();
        let mut own = own.into_iter().collect::<Result<Vec<Series>, CallError>>()?.into_iter();
        let mut next = || own.next().unwrap_or_default();
        Ok(match subject.state {
            RuleState::Matched => Counts { done: next(), ..Counts::default() },
            RuleState::Invoked => Counts { done: next(), failed: next(), tried: next() },
            RuleState::Failed => Counts { done: next(), tried: next(), ..Counts::default() },
        })
    };
    subjects.iter().map(&mut of_subject).collect()
}

/// What counts that, what counts that it could not be done, and what counts that it was tried.
fn metrics_of(state: RuleState) -> &'static [&'static str] {
    match state {
        RuleState::Matched => &["TriggeredRules"],
        RuleState::Invoked => {
            &["SuccessfulInvocationAttempts", "FailedInvocations", "InvocationAttempts"]
        }
        RuleState::Failed => &["FailedInvocations", "InvocationAttempts"],
    }
}

/// The rule's count in each minute since then.
fn question(subject: &Subject, metric: &str, from: Timestamp) -> Question {
    let mut dimensions = Vec::new();
    // A rule of the default bus is known by its name alone.
    if subject.bus != "default" {
        let bus = subject.bus.rsplit('/').next().unwrap_or(&subject.bus);
        dimensions.push(("EventBusName".to_owned(), bus.to_owned()));
    }
    dimensions.push(("RuleName".to_owned(), subject.rule.clone()));
    let source = Source {
        namespace: "AWS/Events".to_owned(),
        name: metric.to_owned(),
        dimensions,
        statistic: "Sum".to_owned(),
    };
    let metrics = vec![("count".to_owned(), source)];
    Question { expression: None, metrics, period: MINUTE, from }
}

/// A count of a metric, bounded on both sides.
fn whole(count: Option<&f64>) -> u32 {
    let count = count.copied().unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, bounded on both sides"
    )]
    let count = count.clamp(0.0, f64::from(MOST_PER_MINUTE)).round() as u32;
    count
}
