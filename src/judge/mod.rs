//! The only place that says pass or fail: `(Plan, Timeline) -> Judgement`, pure.
//!
//! The main type is [`Judgement`]: one [`Verdict`] per expectation, in the plan's order, and the drill's
//! [`Outcome`]. Invariants: it is total (any plan, any timeline, also half of one), it reads no clock,
//! what was not looked at is never called met or missed, and a drill that proves nothing is never passed.
//!
//! It relies on two promises of the observers: what they record for one expectation arrives in the order
//! in which it occurred, and [`Looked`](crate::timeline::EntryKind::Looked) means that nothing older can
//! still turn up. Under them a `violated` never becomes `met`, whatever comes later.
//!
//! How a state in `recovery` is read: it must be *back* in force. An alarm that never left the state
//! until the deadline held throughout (latency zero, and no proof that the fault did anything). One that
//! left counts from its first return that lasts for `sustain`; a return that does not last is forgiven if
//! a later one inside the window does.

mod expectation;
mod facts;
mod happening;
mod outcome;
#[cfg(test)]
mod properties;
mod readiness;
mod returning;
#[cfg(test)]
mod tests;
mod window;
pub(crate) mod words;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::{Phase, Plan, millis};
use crate::timeline::{Entry, Observation};
use facts::Facts;

pub use readiness::readiness;

/// What became of one expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// Observed inside the deadline; for a `never`, not observed and looked at throughout.
    Met,
    /// What it waits for did not happen.
    Skipped,
    /// We could not look, or it is stuck on a human.
    Inconclusive,
    /// Observed after the deadline, inside the grace period.
    Late,
    /// Not observed by the end of the grace period, and we looked throughout.
    Missed,
    /// A `never` was observed, or a `sustain` broke.
    Violated,
}

impl VerdictKind {
    /// Every verdict, mildest first.
    pub const ALL: [Self; 6] =
        [Self::Met, Self::Skipped, Self::Inconclusive, Self::Late, Self::Missed, Self::Violated];

    /// The word that people and files read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Skipped => "skipped",
            Self::Inconclusive => "inconclusive",
            Self::Late => "late",
            Self::Missed => "missed",
            Self::Violated => "violated",
        }
    }
}

/// What became of one expectation, with its figures and its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expectation's id.
    pub expectation: String,
    /// The verdict.
    pub verdict: VerdictKind,
    /// What the window counted from, by AWS's clock.
    pub anchor_at: Option<Timestamp>,
    /// The deadline, by AWS's clock; for a `never`, the end of its window.
    pub deadline_at: Option<Timestamp>,
    /// From the anchor to the satisfying observation; the earliest that it can have been, where the
    /// observation has a resolution.
    #[serde(rename = "latency_ms", with = "millis::option")]
    pub latency: Option<SignedDuration>,
    /// Deadline minus the [latest](Self::latest) that it can have been; negative when late.
    #[serde(rename = "margin_ms", with = "millis::option")]
    pub margin: Option<SignedDuration>,
    /// How many occurrences were seen inside the window.
    pub occurrences: u32,
    /// The observation that decided.
    pub observation: Option<Observation>,
    /// A recovery state that was never left: met, but no proof that the fault did anything.
    #[serde(default)]
    pub held_throughout: bool,
    /// For `skipped`: the first broken link of the chain.
    pub broken_link: Option<String>,
    /// One sentence that says why, for people.
    pub reason: String,
}

impl Verdict {
    /// The latest that the satisfying observation can have happened, counted from the anchor: more than
    /// the latency where the evidence is only exact to its resolution.
    pub fn latest(&self) -> Option<SignedDuration> {
        let latency = self.latency?;
        let (Some(anchor), Some(observation)) = (self.anchor_at, &self.observation) else {
            return Some(latency);
        };
        Some(window::end(observation).duration_since(anchor).max(latency))
    }

    /// How late it was, at least and at most; nothing where it was not late.
    pub fn lateness(&self) -> Option<(SignedDuration, SignedDuration)> {
        let late = SignedDuration::ZERO.saturating_sub(self.margin?);
        let spread = self.latest()?.saturating_sub(self.latency?);
        late.is_positive().then(|| (late.saturating_sub(spread), late))
    }
}

/// What became of one drill; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every expectation met, the fault took effect, everything reverted.
    Passed,
    /// Nothing failed, but something could not be seen.
    Inconclusive,
    /// An expectation was late, missed or violated, or a fault could not be injected.
    Failed,
    /// The steady state did not hold; nothing was injected.
    Unsteady,
    /// Ended early, and reverted.
    Stopped,
    /// A fault may still be active.
    Unreverted,
}

impl Outcome {
    /// Every outcome, mildest first.
    pub const ALL: [Self; 6] = [
        Self::Passed,
        Self::Inconclusive,
        Self::Failed,
        Self::Unsteady,
        Self::Stopped,
        Self::Unreverted,
    ];

    /// The word that people and files read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Unsteady => "unsteady",
            Self::Stopped => "stopped",
            Self::Unreverted => "unreverted",
        }
    }
}

/// The judgement of one drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, where the verdicts alone do not say it (steady state, stop, what is left behind).
    pub reasons: Vec<String>,
    /// One verdict per expectation, in the plan's order.
    pub verdicts: Vec<Verdict>,
}

/// An expectation whose verdict is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The expectation's id.
    pub expectation: String,
    /// Which list it stands in.
    pub phase: Phase,
    /// It is decided, as things stand, once it was looked at through this moment: the end of its window
    /// (with the grace of a deadline, or the sustain that runs). Nothing while its anchor has not happened.
    pub closes_at: Option<Timestamp>,
    /// Its window has closed: only the look at what is already past is missing.
    pub overdue: bool,
}

/// Judges a drill.
pub fn judge(plan: &Plan, timeline: &[Entry]) -> Judgement {
    let facts = Facts::new(plan, timeline, true);
    let judged = expectation::judge_all(plan, &facts);
    let (outcome, reasons) = outcome::decide(plan, &facts, &judged);
    let verdicts = judged.into_iter().map(|judged| judged.verdict).collect();
    Judgement { outcome, reasons, verdicts }
}

/// Which expectations are still open at `now` (AWS's clock): more observation could change their verdict.
///
/// An expectation is closed when its verdict is final: decided by an observation, looked through to the
/// end of its window, or waiting for something that can no longer happen. Nothing is closed by `now`
/// alone, because AWS shows things late; `now` only tells which ones are [overdue](Open::overdue).
pub fn open(plan: &Plan, timeline: &[Entry], now: Timestamp) -> Vec<Open> {
    let facts = Facts::new(plan, timeline, false);
    let judged = expectation::judge_all(plan, &facts);
    plan.expectations
        .iter()
        .zip(judged)
        .filter(|(_, judged)| !judged.settled)
        .map(|(planned, judged)| Open {
            expectation: planned.id.clone(),
            phase: planned.phase,
            closes_at: judged.closes_at,
            overdue: judged.closes_at.is_some_and(|closes_at| closes_at <= now),
        })
        .collect()
}
