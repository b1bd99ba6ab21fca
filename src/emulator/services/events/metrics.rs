//! The `AWS/Events` metrics of rules, gathered over a minute and published at its end.
//!
//! Main type: [`Minute`]. Invariant: a count is published in the minute in which it happened, with the
//! documented dimensions: `RuleName` alone for the default bus, `EventBusName` and `RuleName` for others
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>). Metrics that the page
//! lists without dimensions (sums over all rules) are not published.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Due;
use crate::emulator::account::Account;
use crate::emulator::services::cloudwatch;
use crate::wakeup::Topic;

/// The counters that rules have. Those that the page says are only sent if they aren't zero are all of
/// them here: a rule that did nothing publishes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counter {
    MatchedEvents,
    TriggeredRules,
    Invocations,
    InvocationAttempts,
    SuccessfulInvocationAttempts,
    RetryInvocationAttempts,
    FailedInvocations,
    DeadLetterInvocations,
    InvocationsSentToDlq,
    InvocationsFailedToBeSentToDlq,
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Self::MatchedEvents => "MatchedEvents",
            Self::TriggeredRules => "TriggeredRules",
            Self::Invocations => "Invocations",
            Self::InvocationAttempts => "InvocationAttempts",
            Self::SuccessfulInvocationAttempts => "SuccessfulInvocationAttempts",
            Self::RetryInvocationAttempts => "RetryInvocationAttempts",
            Self::FailedInvocations => "FailedInvocations",
            Self::DeadLetterInvocations => "DeadLetterInvocations",
            Self::InvocationsSentToDlq => "InvocationsSentToDlq",
            Self::InvocationsFailedToBeSentToDlq => "InvocationsFailedToBeSentToDlq",
        }
    }
}

/// The counts of the minute that is running.
#[derive(Debug, Clone, Default)]
pub(super) struct Minute {
    counts: BTreeMap<(Option<String>, String, Counter), u32>,
}

/// Counts one thing for a rule; `bus` is the custom bus's name, nothing for the default one.
pub(super) fn count(account: &mut Account, bus: Option<&str>, rule: &str, counter: Counter) {
    let counts = &mut account.services.events.metrics.counts;
    let first_of_minute = counts.is_empty();
    *counts.entry((bus.map(str::to_owned), rule.to_owned(), counter)).or_default() += 1;
    if first_of_minute {
        let at = end_of_minute(account.now());
        account.schedule(at, Due::Minute);
    }
}

/// The last millisecond of the minute, so that the datapoint's stamp still lies in it.
fn end_of_minute(now: Timestamp) -> Timestamp {
    let into_minute = now.as_millisecond().rem_euclid(60_000);
    let left = if into_minute < 59_999 { 59_999 - into_minute } else { 60_000 };
    now + SignedDuration::from_millis(left)
}

/// Publishes the minute: one sample per thing that happened, so `Sum` and `SampleCount` both count.
pub(super) fn publish(account: &mut Account) {
    let counts = std::mem::take(&mut account.services.events.metrics.counts);
    for ((bus, rule, counter), times) in counts {
        let mut dimensions = Vec::with_capacity(2);
        if let Some(bus) = &bus {
            dimensions.push(("EventBusName", bus.as_str()));
        }
        dimensions.push(("RuleName", rule.as_str()));
        for _ in 0..times {
            cloudwatch::record(account, "AWS/Events", counter.name(), &dimensions, 1.0);
        }
    }
    account.touch(Topic::RuleMetrics);
}
