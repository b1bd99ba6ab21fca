//! What a timeline says, indexed for judging.
//!
//! The main type is [`Facts`]: one pass over the entries, borrowed from them. Invariant: it only
//! collects; every decision is taken elsewhere.

use std::collections::HashMap;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use crate::plan::Plan;
use crate::timeline::{Entry, EntryKind, Gap, Observation, Problem, Purpose, StopReason};

/// What was seen for one expectation.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    /// In order of `occurred_at`; where equal, in the order of the record.
    pub(super) observations: Vec<&'a Observation>,
    /// Everything up to here has been seen.
    pub(super) looked_through: Option<Timestamp>,
    /// Why we can't look, unless we looked again since.
    pub(super) blind: Option<&'a str>,
    /// Times that no look shows any more, and why.
    pub(super) gaps: Vec<(Gap, &'a str)>,
}

/// Why a fault could not be injected.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    pub(super) reason: &'a str,
    pub(super) blind: bool,
}

/// How a fault ended by itself.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) fault: &'a str,
    pub(super) state: &'a str,
    pub(super) reason: Option<&'a str>,
    /// It ended before we began to end the drill.
    pub(super) unprompted: bool,
}

/// A look at a steady-state condition.
#[derive(Debug)]
pub(super) struct Steady<'a> {
    pub(super) expected: &'a str,
    pub(super) found: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// Whether the changes have been taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revert<'a> {
    /// Nothing to take back so far.
    NotNeeded,
    /// Something was injected, and nothing says that it was taken back.
    Owed,
    /// The last word on what is left.
    Done(&'a [String]),
}

/// A timeline, indexed.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// One per expectation, in the plan's order.
    pub(super) seen: Vec<Seen<'a>>,
    /// Where an expectation stands in the plan.
    pub(super) position: HashMap<&'a str, usize>,
    /// The start of each fault, by AWS's clock.
    pub(super) started: IndexMap<&'a str, Timestamp>,
    /// By how much the start of a fault may be off; only of those whose start is by our clock.
    pub(super) uncertain: IndexMap<&'a str, SignedDuration>,
    pub(super) failed: IndexMap<&'a str, Failure<'a>>,
    pub(super) ended: Vec<End<'a>>,
    /// The last word on each preflight subject, before injection.
    pub(super) preflight: IndexMap<&'a str, Option<&'a Problem>>,
    /// The last word on each target's alarms of the steady state, before injection.
    pub(super) steady: IndexMap<(Option<&'a str>, &'a str), Steady<'a>>,
    pub(super) stopping: Option<(StopReason, &'a str)>,
    pub(super) revert: Revert<'a>,
    /// Injection is over: a fault that has not started will not start any more.
    pub(super) injection_over: bool,
    injecting: bool,
    /// Whether anybody will read the reasons: what is still open is asked often, and needs no words.
    pub(super) told: bool,
}

impl<'a> Facts<'a> {
    /// Indexes a timeline.
    pub(super) fn new(plan: &'a Plan, timeline: &'a [Entry], told: bool) -> Self {
        let ids = plan.expectations.iter().map(|expectation| expectation.id.as_str());
        let mut facts = Self {
            seen: plan.expectations.iter().map(|_| Seen::default()).collect(),
            position: ids.enumerate().map(|(index, id)| (id, index)).collect(),
            started: IndexMap::new(),
            uncertain: IndexMap::new(),
            failed: IndexMap::new(),
            ended: Vec::new(),
            preflight: IndexMap::new(),
            steady: IndexMap::new(),
            stopping: None,
            revert: Revert::NotNeeded,
            injection_over: false,
            injecting: false,
            told,
        };
        for entry in timeline {
            facts.add(&entry.kind);
        }
        for seen in &mut facts.seen {
            seen.observations.sort_by_key(|observation| observation.occurred_at);
        }
        facts
    }

    /// Whether any fault took effect.
    pub(super) fn injected(&self) -> bool {
        !self.started.is_empty()
    }

    /// Words, unless nobody reads them.
    pub(super) fn word(&self, words: impl FnOnce() -> String) -> String {
        if self.told { words() } else { String::new() }
    }

    fn add(&mut self, kind: &'a EntryKind) {
        match kind {
            EntryKind::Observation(_) | EntryKind::Looked { .. } | EntryKind::Blind { .. } => {
                self.add_sight(kind);
            }
            EntryKind::Preflight { subject, problem } if !self.injecting => {
                self.preflight.insert(subject, problem.as_ref());
            }
            EntryKind::SteadyState { target, alarm, expected, found, reason }
                if !self.injecting =>
            {
                let (found, reason) = (found.as_deref(), reason.as_deref());
                self.steady.insert((target.as_deref(), alarm), Steady { expected, found, reason });
            }
            EntryKind::Intent { purpose: Purpose::Inject, .. } => self.owe(),
            EntryKind::FaultStarted { fault, occurred_at, uncertain_ms, .. } => {
                self.owe();
                if *uncertain_ms > 0 && !self.started.contains_key(fault.as_str()) {
                    let most = i64::try_from(*uncertain_ms).unwrap_or(i64::MAX);
                    self.uncertain.insert(fault, SignedDuration::from_millis(most));
                }
                self.started.entry(fault).or_insert(*occurred_at);
            }
            EntryKind::FaultFailed { fault, reason, blind } => {
                self.failed.insert(fault, Failure { reason, blind: *blind });
            }
            EntryKind::FaultEnded { fault, state, reason, .. } => {
                let unprompted = !self.injection_over;
                let reason = reason.as_deref();
                self.ended.push(End { fault, state, reason, unprompted });
            }
            EntryKind::Stopping { reason, detail } => {
                self.injection_over = true;
                // The gravest reason is the one that is told.
                if self.stopping.is_none_or(|(known, _)| known < *reason) {
                    self.stopping = Some((*reason, detail));
                }
            }
            EntryKind::Reverting | EntryKind::DrillEnded => self.injection_over = true,
            EntryKind::Reverted { left } => {
                self.injection_over = true;
                self.revert = Revert::Done(left);
            }
            EntryKind::DrillStarted { .. }
            | EntryKind::Preflight { .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::SteadyState { .. }
            | EntryKind::Intent { .. }
            | EntryKind::Receipt { .. }
            | EntryKind::ClockSkew { .. }
            | EntryKind::Calls { .. } => {}
        }
    }

    fn owe(&mut self) {
        self.injecting = true;
        self.revert = Revert::Owed;
    }

    fn add_sight(&mut self, kind: &'a EntryKind) {
        match kind {
            EntryKind::Observation(observation) => {
                if let Some(&index) = self.position.get(observation.expectation.as_str()) {
                    self.seen[index].observations.push(observation);
                }
            }
            EntryKind::Looked { expectations, through, gap } => self.each(expectations, |seen| {
                let reason = seen.blind.unwrap_or("it is not known why");
                seen.gaps.extend(gap.map(|gap| (gap, reason)));
                seen.looked_through = seen.looked_through.max(Some(*through));
                seen.blind = None;
            }),
            EntryKind::Blind { expectations, reason } => {
                self.each(expectations, |seen| seen.blind = Some(reason));
            }
            EntryKind::DrillStarted { .. }
            | EntryKind::Preflight { .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::SteadyState { .. }
            | EntryKind::Intent { .. }
            | EntryKind::Receipt { .. }
            | EntryKind::FaultStarted { .. }
            | EntryKind::FaultFailed { .. }
            | EntryKind::FaultEnded { .. }
            | EntryKind::Stopping { .. }
            | EntryKind::ClockSkew { .. }
            | EntryKind::Calls { .. }
            | EntryKind::Reverting
            | EntryKind::Reverted { .. }
            | EntryKind::DrillEnded => {}
        }
    }

    fn each(&mut self, expectations: &[String], change: impl Fn(&mut Seen<'a>)) {
        for id in expectations {
            if let Some(&index) = self.position.get(id.as_str()) {
                change(&mut self.seen[index]);
            }
        }
    }
}
