//! The only place that says pass or fail: `(Plan, Timeline) -> Judgement`, pure.
//!
//! Stub; its owner replaces the bodies and keeps these types.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::{Phase, Plan, millis};
use crate::timeline::{Entry, Observation};

/// What became of one expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// What became of one expectation, with its figures and its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expectation's id.
    pub expectation: String,
    /// The verdict.
    pub verdict: VerdictKind,
    /// What the window counted from, by AWS's clock.
    pub anchor_at: Option<Timestamp>,
    /// The deadline, by AWS's clock.
    pub deadline_at: Option<Timestamp>,
    /// From the anchor to the satisfying observation.
    #[serde(rename = "latency_ms", with = "millis::option")]
    pub latency: Option<SignedDuration>,
    /// Deadline minus latency; negative when late.
    #[serde(rename = "margin_ms", with = "millis::option")]
    pub margin: Option<SignedDuration>,
    /// How many occurrences were seen inside the window.
    pub occurrences: u32,
    /// The observation that decided.
    pub observation: Option<Observation>,
    /// For `skipped`: the first broken link of the chain.
    pub broken_link: Option<String>,
    /// One sentence that says why, for people.
    pub reason: String,
}

/// What became of one drill; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every expectation met, the fault took effect, everything reverted.
    Passed,
    /// Nothing failed, but something could not be seen.
    Inconclusive,
    /// An expectation was late, missed, violated or skipped.
    Failed,
    /// The steady state did not hold; nothing was injected.
    Unsteady,
    /// Ended early, and reverted.
    Stopped,
    /// A fault may still be active.
    Unreverted,
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
    /// When its window (grace included) closes; nothing while its anchor has not happened.
    pub closes_at: Option<Timestamp>,
}

/// Judges a drill.
pub fn judge(_plan: &Plan, _timeline: &[Entry]) -> Judgement {
    todo!("owned by the judge helper")
}

/// Which expectations are still open at `now` (AWS's clock): more observation could change their verdict.
pub fn open(_plan: &Plan, _timeline: &[Entry], _now: Timestamp) -> Vec<Open> {
    todo!("owned by the judge helper")
}
