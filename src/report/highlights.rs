//! The timeline for people: what happened, in the order of the moments, without the bookkeeping.
//!
//! The main type is [`Highlight`]. Invariant: what AWS dates is shown by AWS's clock and what only we know
//! by ours, and each says which; repeated blindness is told once with its count, and what several
//! expectations saw is told once with all of them; the list is bounded.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::judge::words::human;
use crate::plan::millis;
use crate::recovery::first_fault;
use crate::scenario::names::at_target;
use crate::timeline::{Entry, EntryKind, LEVER_WAIVED, Observation, Purpose};

/// More than this many are cut off; the whole record is `timeline.jsonl`.
const LIMIT: usize = 500;

/// One moment of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highlight {
    /// When.
    pub at: Timestamp,
    /// By whose clock.
    pub clock: Clock,
    /// From the start of the first fault; negative before it.
    #[serde(rename = "offset_ms", with = "millis::option")]
    pub offset: Option<SignedDuration>,
    /// What sort of moment, in a word.
    pub topic: String,
    /// What happened.
    pub text: String,
}

/// Whose clock a moment is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// AWS's.
    Aws,
    /// Ours.
    Ours,
}

impl Clock {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Ours => "ours",
        }
    }
}

/// The highlights of a timeline, in the order of their moments.
pub(super) fn highlights(timeline: &[Entry]) -> Vec<Highlight> {
    let start = first_fault(timeline);
    let began = timeline.first().map(|entry| entry.at);
    let mut found: Vec<Highlight> = Vec::new();
    let mut blind: Option<(String, usize, usize)> = None;
    let mut seen: Seen = BTreeMap::new();
    for entry in timeline {
        if let EntryKind::Blind { reason, .. } = &entry.kind
            && let Some((told, index, times)) = &mut blind
            && told == reason
        {
            *times += 1;
            found[*index].text = format!("could not look, {times} times: {reason}");
            continue;
        }
        let Some((at, clock, topic, mut text)) = moment(entry, began) else { continue };
        if let EntryKind::Observation(Observation { expectation, .. }) = &entry.kind {
            let row = seen.entry((at, text.clone())).or_default();
            let told = row.whose(expectation, found.len());
            text = format!("{}: {text}", row.expectations.join(", "));
            if told {
                found[row.index].text = text;
                continue;
            }
        }
        if let EntryKind::Blind { reason, .. } = &entry.kind {
            blind = Some((reason.clone(), found.len(), 1));
        }
        let offset = start.map(|start| at.duration_since(start));
        found.push(Highlight { at, clock, offset, topic: topic.to_owned(), text });
    }
    found.sort_by_key(|highlight| highlight.at);
    if found.len() > LIMIT {
        let more = found.len() - LIMIT;
        found.truncate(LIMIT);
        let last = found.last().expect("the limit is not zero");
        let text = format!("{more} more moments are in the timeline itself");
        found.push(Highlight { topic: "more".to_owned(), text, ..last.clone() });
    }
    found
}

/// The moments that expectations saw, by their words.
type Seen = BTreeMap<(Timestamp, String), Row>;

/// Where a moment is told already, and for which expectations.
#[derive(Debug, Default)]
struct Row {
    index: usize,
    expectations: Vec<String>,
}

impl Row {
    /// One more expectation saw it: whether it is told already. What one expectation saw twice happened
    /// twice, and is told in a row of its own.
    fn whose(&mut self, expectation: &str, next: usize) -> bool {
        let expectation = format!("`{expectation}`");
        let told = !self.expectations.is_empty() && !self.expectations.contains(&expectation);
        if !told {
            *self = Self { index: next, expectations: Vec::new() };
        }
        self.expectations.push(expectation);
        told
    }
}

type Moment = (Timestamp, Clock, &'static str, String);

fn moment(entry: &Entry, began: Option<Timestamp>) -> Option<Moment> {
    let ours = |topic, text| Some((entry.at, Clock::Ours, topic, text));
    match &entry.kind {
        EntryKind::DrillStarted { scenario, .. } => {
            ours("drill", format!("drill of `{scenario}` began"))
        }
        EntryKind::Preflight { subject, problem: Some(problem) } => {
            ours("preflight", format!("{subject}: {}", problem.message))
        }
        // A reader of the report was not there when the command line said so.
        EntryKind::Preflight { subject, problem: None } if subject.contains(LEVER_WAIVED) => {
            ours("preflight", subject.clone())
        }
        EntryKind::SteadyState { target, alarm, expected, found, reason } => {
            let alarm = format!("alarm `{alarm}`{}", at_target(target.as_deref()));
            let text = match (found, reason) {
                (Some(found), _) if found == expected => format!("{alarm} is {found}"),
                (Some(found), _) => format!("{alarm} is {found}, it must be {expected}"),
                (None, Some(reason)) => format!("could not look at {alarm}: {reason}"),
                (None, None) => format!("could not look at {alarm}"),
            };
            ours("steady state", text)
        }
        EntryKind::Intent { target, purpose: Purpose::Inject, call, .. } => {
            ours("inject", format!("{call} is called{}", at_target(target.as_deref())))
        }
        EntryKind::Intent { target, purpose: Purpose::Revert, call, .. } => {
            ours("revert", format!("{call} is called{}", at_target(target.as_deref())))
        }
        EntryKind::Receipt { error: Some(error), .. } => {
            ours("error", format!("the call failed: {error}"))
        }
        EntryKind::FaultStarted { fault, occurred_at, uncertain_ms: 0, .. } => {
            Some((*occurred_at, Clock::Aws, "fault", format!("fault `{fault}` took effect")))
        }
        EntryKind::FaultStarted { fault, occurred_at, uncertain_ms, .. } => {
            let within = human(milliseconds(*uncertain_ms));
            let text = format!("fault `{fault}` took effect (exact to {within})");
            Some((*occurred_at, Clock::Ours, "fault", text))
        }
        EntryKind::FaultFailed { fault, reason, .. } => {
            ours("fault", format!("fault `{fault}` could not be injected: {reason}"))
        }
        EntryKind::FaultEnded { fault, occurred_at, state, reason } => {
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some((*occurred_at, Clock::Aws, "fault", format!("fault `{fault}` {state}{why}")))
        }
        EntryKind::Observation(observation) => observed(observation, began),
        EntryKind::Blind { reason, .. } => ours("blind", format!("could not look: {reason}")),
        EntryKind::Stopping { detail, .. } => {
            ours("stop", format!("the drill is stopped: {detail}"))
        }
        EntryKind::Reverting => ours("revert", "reverting begins".to_owned()),
        EntryKind::Reverted { left } if left.is_empty() => {
            ours("revert", "everything is reverted".to_owned())
        }
        EntryKind::Reverted { left } => ours("revert", format!("left behind: {}", left.join("; "))),
        EntryKind::DrillEnded => ours("drill", "drill ended".to_owned()),
        EntryKind::Preflight { problem: None, .. }
        | EntryKind::ObserverArmed { .. }
        | EntryKind::Intent { purpose: Purpose::Guard | Purpose::Listen, .. }
        | EntryKind::Receipt { error: None, .. }
        | EntryKind::ClockSkew { .. }
        | EntryKind::Calls { .. }
        | EntryKind::Looked { .. } => None,
    }
}

fn milliseconds(count: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(count).unwrap_or(i64::MAX))
}

/// An observation, without who expects it; what was so long before the drill is its baseline and no moment
/// of it.
fn observed(observation: &Observation, began: Option<Timestamp>) -> Option<Moment> {
    if Some(observation.occurred_at) < began {
        return None;
    }
    let mut text = format!("{}{}", observation.summary, at_target(observation.target.as_deref()));
    if let Some(blocked) = &observation.blocked {
        text = format!("{text} (blocked: {blocked})");
    }
    if observation.resolution_ms > 0 {
        text = format!("{text} (exact to {})", human(milliseconds(observation.resolution_ms)));
    }
    Some((observation.occurred_at, Clock::Aws, "observed", text))
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::scenario::types::Correlation;

    fn seen(expectation: &str, second: i64) -> Entry {
        let at = Timestamp::from_second(1_800_000_000 + second).unwrap();
        let kind = EntryKind::Observation(Observation {
            expectation: expectation.to_owned(),
            target: None,
            holds: true,
            occurred_at: at,
            resolution_ms: 0,
            seen_at: at,
            correlation: Correlation::Window,
            summary: "alarm `errors` went to ALARM".to_owned(),
            blocked: None,
            evidence: IndexMap::new(),
        });
        Entry { at, kind }
    }

    #[test]
    fn what_several_expectations_saw_is_one_row_and_what_one_saw_twice_is_two() {
        let timeline = [
            seen("fires", 1),
            seen("quiet", 1),
            seen("fires", 2),
            seen("fires", 2),
            seen("quiet", 2),
        ];
        let texts: Vec<String> = highlights(&timeline).into_iter().map(|one| one.text).collect();
        assert_eq!(
            texts,
            [
                "`fires`, `quiet`: alarm `errors` went to ALARM",
                "`fires`: alarm `errors` went to ALARM",
                "`fires`, `quiet`: alarm `errors` went to ALARM",
            ]
        );
    }
}
