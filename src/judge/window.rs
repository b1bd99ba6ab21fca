//! The window of one expectation over a firm anchor, and what counts inside it.
//!
//! The main type is [`Window`]. Invariant: every instant of evidence is an interval (`occurred_at` plus
//! its resolution); a verdict that depends on where inside it the thing happened is inconclusive.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Anchor, Kind, PlannedExpectation};
use crate::scenario::types::Correlation;
use crate::timeline::{Gap, Observation};

use super::expectation::Judged;
use super::facts::{Facts, Seen};
use super::words::{human, often, stamp};
use super::{Verdict, VerdictKind};

pub(super) fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(if duration.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The latest instant at which it can have happened.
pub(super) fn end(observation: &Observation) -> Timestamp {
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    later(observation.occurred_at, SignedDuration::from_millis(resolution))
}

/// "The evidence is only exact to 60 s", where it is not exact.
pub(super) fn exactness(observation: &Observation) -> String {
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    format!("the evidence is only exact to {}", human(SignedDuration::from_millis(resolution)))
}

/// As far before its fault as an effect of it may be dated: many a service tells whole seconds, cut down, and
/// its clock need not be that of the service which dated the fault.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(2);

/// One expectation over a firm anchor.
pub(super) struct Window<'a> {
    pub(super) expectation: &'a PlannedExpectation,
    pub(super) seen: &'a Seen<'a>,
    pub(super) anchor: Timestamp,
    pub(super) within: SignedDuration,
    pub(super) deadline: Timestamp,
    /// When the grace period is surely over.
    pub(super) closes: Timestamp,
    /// By how much the anchor may be earlier than it is told.
    early: SignedDuration,
    /// By how much the anchor may be later than it is told.
    late: SignedDuration,
    /// The anchor is a fault's start, which no effect of it comes before, whatever the clocks say.
    is_fault: bool,
    facts: &'a Facts<'a>,
}

impl<'a> Window<'a> {
    pub(super) fn new(
        expectation: &'a PlannedExpectation,
        (seen, facts): (&'a Seen<'a>, &'a Facts<'a>),
        anchor: Timestamp,
        within: SignedDuration,
        grace: SignedDuration,
    ) -> Self {
        let deadline = later(anchor, within);
        let closes = later(deadline, grace.max(SignedDuration::ZERO));
        let (early, late) = (SignedDuration::ZERO, SignedDuration::ZERO);
        let is_fault = matches!(expectation.anchor, Anchor::Fault(_));
        Self { expectation, seen, anchor, within, deadline, closes, early, late, is_fault, facts }
    }

    /// The same window over an anchor that may be off by this much, either way: it is looked at for that
    /// much longer, and what happens within that of its ends is not decided by them.
    pub(super) fn uncertain(self, by: SignedDuration) -> Self {
        let by = by.max(SignedDuration::ZERO);
        Self { early: by, ..self.no_earlier(by) }
    }

    /// The same window over an anchor that may be up to this much later.
    pub(super) fn no_earlier(self, by: SignedDuration) -> Self {
        let late = by.max(SignedDuration::ZERO);
        Self { late, closes: later(self.closes, late), ..self }
    }

    /// By how much the anchor may be later than it is told.
    pub(super) fn may_be_later(&self) -> SignedDuration {
        self.late
    }

    /// The end of the grace period, as far as the anchor is known.
    pub(super) fn grace_ends(&self) -> Timestamp {
        later(self.closes, -self.late)
    }

    /// Until when it must be looked at, so that its deadline has surely passed.
    fn surely_over(&self) -> Timestamp {
        later(self.deadline, self.late)
    }

    /// The latest, towards this window, that it can have happened.
    pub(super) fn latest(&self, observation: &Observation) -> Timestamp {
        later(end(observation), self.early)
    }

    /// The earliest, towards this window, that it can have happened.
    pub(super) fn earliest(&self, observation: &Observation) -> Timestamp {
        later(observation.occurred_at, -self.late)
    }

    /// How exact what is known of an observation in this window is, in words.
    pub(super) fn exactness(&self, observation: &Observation) -> String {
        if self.late.is_zero() || observation.resolution_ms > 0 {
            return exactness(observation);
        }
        let late = human(self.late);
        match &self.expectation.anchor {
            Anchor::Fault(_) => format!("the fault's start is by our clock, exact to {late}"),
            Anchor::Expectation(id) => {
                format!("the moment of `{id}`, which it counts from, is only exact to {late}")
            }
        }
    }

    /// Words, unless nobody reads them.
    pub(super) fn word(&self, words: impl FnOnce() -> String) -> String {
        self.facts.word(words)
    }

    /// The observation as proof, unless nobody reads it.
    pub(super) fn proof(&self, observation: &Observation) -> Option<Observation> {
        self.facts.told.then(|| observation.clone())
    }

    /// Whether everything from the anchor through this moment was looked at.
    pub(super) fn looked(&self, through: Timestamp) -> bool {
        self.reached(through) && self.gap(through).is_none()
    }

    /// Whether we looked at this moment or later.
    fn reached(&self, moment: Timestamp) -> bool {
        self.seen.looked_through.is_some_and(|looked| looked >= moment)
    }

    /// A time between the anchor and this moment that no look shows.
    fn gap(&self, through: Timestamp) -> Option<&(Gap, &'a str)> {
        let begins = later(self.anchor, -self.early);
        self.seen.gaps.iter().find(|(gap, _)| gap.to > begins && gap.from < through)
    }

    /// Strong enough, not blocked, and not wholly before the anchor.
    pub(super) fn counts(&self, observation: &Observation) -> bool {
        self.is_strong(observation)
            && (end(observation) >= self.anchor
                || self.is_around(observation) && self.is_an_effect(observation))
    }

    fn is_strong(&self, observation: &Observation) -> bool {
        observation.correlation >= self.expectation.correlation && observation.blocked.is_none()
    }

    /// Before the anchor as it is told, but not as far as the anchor may be off.
    fn is_around(&self, observation: &Observation) -> bool {
        end(observation) < self.anchor && self.latest(observation) >= self.anchor
    }

    /// What carries an id of ours was brought about by a fault. With none started before this one it can't
    /// have come first, whatever the clocks say: many a service tells whole seconds.
    fn is_an_effect(&self, observation: &Observation) -> bool {
        observation.correlation == Correlation::Exact
            && self.facts.started.values().all(|started| *started >= self.anchor)
    }

    /// Ours, and dated a little earlier than its fault can have begun: a clock that tells whole seconds does
    /// that to an effect, and an effect is never called absent for it.
    fn is_dated_early(&self, observation: &Observation) -> bool {
        let latest = self.latest(observation);
        self.is_fault
            && observation.correlation == Correlation::Exact
            && latest < self.anchor
            && later(latest, CLOCK_STEP) >= self.anchor
    }

    /// What may have happened just after the anchor or just before it: nobody can say.
    pub(super) fn undecided(&self) -> impl Iterator<Item = &'a Observation> + '_ {
        self.seen.observations.iter().copied().filter(|observation| {
            let around = self.is_around(observation) && !self.is_an_effect(observation);
            observation.holds
                && self.is_strong(observation)
                && (around || self.is_dated_early(observation))
        })
    }

    /// Whether it may have come before what the window counts from, which is exact to less.
    fn may_precede(&self, hit: &Observation) -> bool {
        !self.is_fault && hit.occurred_at < later(self.anchor, self.late)
    }

    /// What satisfies the expectation, in order, with its place among all observations.
    pub(super) fn hits(&self) -> impl Iterator<Item = (usize, &'a Observation)> + '_ {
        let all = self.seen.observations.iter().copied().enumerate();
        all.filter(|(_, observation)| observation.holds && self.counts(observation))
    }

    pub(super) fn occurrences(&self) -> u32 {
        let inside = self.hits().filter(|(_, hit)| hit.occurred_at <= self.closes).count();
        u32::try_from(inside).unwrap_or(u32::MAX)
    }

    pub(super) fn since_anchor(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.anchor).max(SignedDuration::ZERO)
    }

    pub(super) fn judged(&self, kind: VerdictKind, settled: bool, reason: String) -> Judged {
        Judged {
            verdict: Verdict {
                expectation: self.expectation.id.clone(),
                verdict: kind,
                anchor_at: Some(self.anchor),
                deadline_at: Some(self.deadline),
                latency: None,
                margin: None,
                occurrences: self.occurrences(),
                observation: None,
                held_throughout: false,
                broken_link: None,
                reason,
            },
            satisfied_at: None,
            settled,
            closes_at: Some(self.closes),
        }
    }

    /// Why a look that was needed through `needed` is missing.
    pub(super) fn unseen(&self, needed: Timestamp) -> String {
        let gap = self.gap(needed).filter(|_| self.reached(needed));
        if let Some((Gap { from, to }, reason)) = gap {
            return format!("could not look from {} to {}: {reason}", stamp(*from), stamp(*to));
        }
        if let Some(blind) = self.seen.blind {
            return format!("could not look: {blind}");
        }
        match self.seen.looked_through {
            Some(through) => format!(
                "the drill ended before it was looked through: seen up to {}, needed up to {}",
                stamp(through),
                stamp(needed)
            ),
            None => "the drill ended before it was looked through".to_owned(),
        }
    }

    /// The judgement where something that may have come just before the anchor would decide.
    pub(super) fn around_anchor(&self, near: &Observation) -> Judged {
        let words = || {
            if self.is_dated_early(near) {
                let early = human(self.anchor.duration_since(end(near)));
                return format!(
                    "it is ours, and dated {early} before its fault: whether it came in time can't be told \
                     by clocks that may tell whole seconds"
                );
            }
            format!("may have happened before the window: {}", self.exactness(near))
        };
        let mut judged = self.judged(VerdictKind::Inconclusive, true, self.word(words));
        judged.verdict.observation = self.proof(near);
        judged
    }

    pub(super) fn never(&self, more_than: u32) -> Judged {
        let mut certain = Vec::new();
        let mut unclear = None;
        for (_, hit) in self.hits().filter(|(_, hit)| self.earliest(hit) <= self.deadline) {
            if self.latest(hit) <= self.deadline && !self.may_precede(hit) {
                certain.push(hit);
            } else {
                unclear = unclear.or(Some(hit));
            }
        }
        let limit = usize::try_from(more_than).unwrap_or(usize::MAX);
        let mut judged = if let Some(one_too_many) = certain.get(limit) {
            let latency = self.since_anchor(one_too_many.occurred_at);
            let reason = self.word(|| one_too_many_words(latency, more_than, one_too_many));
            let mut judged = self.judged(VerdictKind::Violated, true, reason);
            judged.verdict.latency = Some(latency);
            judged.verdict.observation = self.proof(one_too_many);
            judged
        } else if !self.looked(self.surely_over()) {
            let needed = self.surely_over();
            let unseen = || format!("not seen so far, but {}", self.unseen(needed));
            let reason = self.word(unseen);
            self.judged(VerdictKind::Inconclusive, false, reason)
        } else if let Some(hit) = unclear.filter(|_| certain.len() == limit) {
            let side = if self.may_precede(hit) { "before" } else { "after" };
            let unclear =
                || format!("may have happened {side} the window: {}", self.exactness(hit));
            let reason = self.word(unclear);
            let mut judged = self.judged(VerdictKind::Inconclusive, true, reason);
            judged.verdict.observation = self.proof(hit);
            judged
        } else if let Some(near) = self.undecided().next().filter(|_| certain.len() == limit) {
            self.around_anchor(near)
        } else {
            let times = certain.len() + usize::from(unclear.is_some());
            let reason = self.word(|| match times {
                0 => format!("did not happen for {}{}", human(self.within), self.shown_late()),
                times => format!(
                    "happened {} in {}, at most {} is fine",
                    often(u32::try_from(times).unwrap_or(u32::MAX)),
                    human(self.within),
                    often(more_than)
                ),
            });
            self.judged(VerdictKind::Met, true, reason)
        };
        let inside = self.hits().filter(|(_, hit)| hit.occurred_at <= self.deadline).count();
        judged.verdict.occurrences = u32::try_from(inside).unwrap_or(u32::MAX);
        // A grace tells late from missed; a `never` has neither.
        judged.closes_at = Some(self.surely_over());
        judged
    }

    /// Words about evidence that is shown late, for what is called absent.
    pub(super) fn shown_late(&self) -> &'static str {
        if let Kind::ApiCall(_) = self.expectation.kind {
            return ", as CloudTrail shows it 15 minutes later";
        }
        let late = matches!(self.expectation.kind, Kind::Metric(_));
        if late { ", by the periods whose data must be there three minutes later" } else { "" }
    }
}

fn one_too_many_words(latency: SignedDuration, more_than: u32, hit: &Observation) -> String {
    let often = match more_than {
        0 => String::new(),
        fine => {
            let nth = ordinal(fine.saturating_add(1));
            format!(" for the {nth} time, {} is fine", often(fine))
        }
    };
    format!("happened after {}{often}: {}", human(latency), hit.summary)
}

pub(super) fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        (_, _) => "th",
    };
    format!("{number}{suffix}")
}
