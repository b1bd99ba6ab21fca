//! Events that a rule must have seen, and that its metrics do not count: no absence, and not fine.
//!
//! Main function: [`look_for`]. The metrics come as well as AWS can deliver them: "A data point for a given
//! minute might be delayed before being available through CloudWatch, or it might not be delivered at all"
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>). Where the drill's own
//! listener has an event that the rule's pattern matches, and nothing counts anything in its minute, nobody
//! knows what the rule did from then on. Invariant: a rule that is disabled did nothing, and no count says
//! just that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::counts::Counts;
use super::{LAG, SLACK, Subject, Witnesses, correlation, minute_of};
use crate::aws::{CallError, CallErrorKind, rules};
use crate::observe::Watch;
use crate::observe::listener::RuleMatch;

/// Whether a rule was enabled when an event was first found uncounted, by subject and event.
pub(super) type Asked = BTreeMap<(usize, String), bool>;

/// Takes an expectation's sight from the first event on that must be counted by now and is not; gives it
/// back where every event is. `shown` says which events the bus's logs show.
pub(super) async fn look_for(
    watch: &Watch<'_>,
    (index, subject): (usize, &Subject),
    witnesses: Witnesses<'_>,
    (counts, shown): (&Counts, &BTreeSet<&str>),
    asked: &mut Asked,
) {
    let must_be_there = watch.clock().now() - LAG;
    let own = std::slice::from_ref(&subject.expectation);
    for event in witnesses.matches.of(&subject.expectation) {
        let known = counts_any(counts, event.at) || shown.contains(event.event.as_str());
        if known || event.at > must_be_there || correlation(watch, &event) < subject.correlation {
            continue;
        }
        let key = (index, event.event.clone());
        let enabled = match asked.get(&key) {
            Some(enabled) => *enabled,
            None => is_enabled(watch, subject).await,
        };
        asked.insert(key, enabled);
        if enabled {
            watch.veil(own, &uncounted(subject, &event));
            return;
        }
    }
    watch.unveil(own);
}

/// Whether anything was counted in the minute of an event, or in the next one where it is close to that.
fn counts_any(counts: &Counts, at: Timestamp) -> bool {
    let around = [SignedDuration::ZERO, SLACK, SignedDuration::ZERO - SLACK];
    around.iter().any(|step| counts.any(minute_of(at + *step)))
}

/// Whether the rule is enabled, as far as is known: who may not ask can't call it disabled.
async fn is_enabled(watch: &Watch<'_>, subject: &Subject) -> bool {
    let named = (subject.bus.clone(), subject.rule.clone());
    let found = rules::rules(watch.aws, BTreeSet::from([named])).await;
    found.into_values().all(|found| found.is_ok_and(|rule| rule.enabled))
}

fn uncounted(subject: &Subject, event: &RuleMatch) -> CallError {
    let message = format!(
        "rule `{}`: an event that its pattern matches came at {}, and its metrics in AWS/Events have nothing of that \
         minute: a data point may come late or never, so that nothing is known from then on",
        subject.rule, event.at
    );
    let kind = CallErrorKind::Refused;
    CallError { kind, operation: "cloudwatch:GetMetricData", code: None, message }
}
