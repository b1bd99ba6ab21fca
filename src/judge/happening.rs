//! Something that must happen: in time, often enough, and for long enough.
//!
//! The main type is [`Happening`]. Invariant: missed is said only of what was looked at throughout, and
//! never of what waits for a human.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use crate::plan::Anchor;
use crate::timeline::Observation;

use super::VerdictKind;
use super::expectation::{Judged, Moment};
use super::window::{Window, end, exactness, later, ordinal};
use super::words::{correlation_word, human, span};

/// How an observation lies to the deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    InTime,
    Late,
    /// Across the deadline: it happened, in time or late.
    AcrossDeadline,
    /// Across the end of the grace period: it may count as missed.
    AcrossClose,
}

/// Whether what was observed then held.
pub(super) enum Hold<'a> {
    Held,
    /// It left inside the time that it had to hold.
    Broken(&'a Observation),
    /// It left around the end of that time.
    Unclear(&'a Observation),
    /// Not looked at for long enough.
    Unproven,
}

/// A demand that something happens.
pub(super) struct Happening<'a> {
    pub(super) window: Window<'a>,
    pub(super) count: u32,
    pub(super) sustain: SignedDuration,
}

impl<'a> Happening<'a> {
    /// The `count`-th occurrence decides.
    pub(super) fn happens(&self) -> Judged {
        match self.deciding() {
            Some((place, hit)) if hit.occurred_at <= self.window.closes => {
                self.observed(place, &hit)
            }
            Some(_) | None => self.not_observed(),
        }
    }

    /// The `count`-th occurrence, with its place. Where others are exact to another resolution, it can have
    /// been the end of any of them: it is as exact as all of them together.
    fn deciding(&self) -> Option<(usize, Cow<'a, Observation>)> {
        let nth = usize::try_from(self.count - 1).unwrap_or(usize::MAX);
        let (place, hit) = self.window.hits().nth(nth)?;
        let mut ends: Vec<Timestamp> = self.window.hits().map(|(_, hit)| end(hit)).collect();
        ends.sort_unstable();
        if ends[nth] == end(hit) {
            return Some((place, Cow::Borrowed(hit)));
        }
        let spread = ends[nth].duration_since(hit.occurred_at).as_nanos();
        let spread =
            u128::try_from(spread).expect("each ends at its start or later").div_ceil(1_000_000);
        let resolution_ms = u64::try_from(spread).expect("all of time has fewer milliseconds");
        Some((place, Cow::Owned(Observation { resolution_ms, ..hit.clone() })))
    }

    fn timing(&self, hit: &Observation) -> Timing {
        let deadline = self.window.deadline;
        let (earliest, latest) = (self.window.earliest(hit), self.window.latest(hit));
        if latest <= deadline {
            Timing::InTime
        } else if latest > self.window.grace_ends() {
            Timing::AcrossClose
        } else if earliest > deadline {
            Timing::Late
        } else {
            Timing::AcrossDeadline
        }
    }

    /// Whether it held after `hit`, the observation at `place`.
    pub(super) fn hold(&self, place: usize, hit: &Observation) -> Hold<'a> {
        if self.sustain <= SignedDuration::ZERO {
            return Hold::Held;
        }
        let (surely, needed) =
            (later(hit.occurred_at, self.sustain), later(end(hit), self.sustain));
        let after = self.window.seen.observations.iter().copied().skip(place + 1);
        let mut unclear = None;
        for leaving in after.filter(|later| !later.holds && later.blocked.is_none()) {
            if end(leaving) < surely {
                return Hold::Broken(leaving);
            }
            if leaving.occurred_at < needed {
                unclear = unclear.or(Some(leaving));
            }
        }
        match unclear {
            Some(leaving) => Hold::Unclear(leaving),
            None if self.window.looked(needed) => Hold::Held,
            None => Hold::Unproven,
        }
    }

    pub(super) fn observed(&self, place: usize, hit: &Observation) -> Judged {
        let window = &self.window;
        let timing = self.timing(hit);
        let latency = window.since_anchor(self.soonest(hit));
        let margin = window.within.saturating_sub(window.since_anchor(end(hit)));
        let needed = later(end(hit), self.sustain.max(SignedDuration::ZERO));
        let hold = self.hold(place, hit);
        let (kind, settled) = match (&hold, timing) {
            (Hold::Broken(_), _) => (VerdictKind::Violated, true),
            (_, Timing::AcrossDeadline | Timing::AcrossClose) => (VerdictKind::Inconclusive, true),
            (Hold::Unclear(_), Timing::InTime | Timing::Late) => {
                (VerdictKind::Inconclusive, window.looked(needed))
            }
            (Hold::Unproven, Timing::InTime | Timing::Late) => (VerdictKind::Inconclusive, false),
            (Hold::Held, Timing::InTime) => (VerdictKind::Met, true),
            (Hold::Held, Timing::Late) => (VerdictKind::Late, true),
        };
        // Across the deadline a broken hold is still worth waiting for.
        let settled = settled
            && (kind != VerdictKind::Inconclusive
                || self.sustain <= SignedDuration::ZERO
                || window.looked(needed));
        let reason = window.word(|| self.why_observed(hit, &hold, timing));
        let mut judged = window.judged(kind, settled, reason);
        judged.verdict.latency = Some(latency);
        judged.verdict.margin = matches!(timing, Timing::InTime | Timing::Late).then_some(margin);
        judged.verdict.observation = window.proof(hit);
        let at = hit.occurred_at.max(window.anchor);
        let exact_to = end(hit).duration_since(at).max(SignedDuration::ZERO);
        judged.satisfied_at = (timing != Timing::AcrossClose).then_some(Moment { at, exact_to });
        judged.closes_at = Some(needed);
        judged
    }

    fn why_observed(&self, hit: &Observation, hold: &Hold<'_>, timing: Timing) -> String {
        let window = &self.window;
        let sustain = human(self.sustain);
        match (hold, timing) {
            (Hold::Broken(leaving), _) => {
                let lasted = human(leaving.occurred_at.duration_since(hit.occurred_at));
                format!("held for {lasted} of the {sustain} asked for: {}", leaving.summary)
            }
            (_, Timing::AcrossDeadline) => {
                format!("met or late, it can't be told: {}", window.exactness(hit))
            }
            (_, Timing::AcrossClose) => {
                format!("late or missed, it can't be told: {}", window.exactness(hit))
            }
            (Hold::Unclear(leaving), Timing::InTime | Timing::Late) => {
                format!("may have held for {sustain} or less: {}", exactness(leaving))
            }
            (Hold::Unproven, Timing::InTime | Timing::Late) => {
                let unseen = window.unseen(later(end(hit), self.sustain));
                format!("observed, but whether it held for {sustain} is open: {unseen}")
            }
            (Hold::Held, Timing::InTime) => self.in_time(hit),
            (Hold::Held, Timing::Late) => {
                let late = |at| window.since_anchor(at).saturating_sub(window.within);
                let late = span(late(self.soonest(hit)), late(end(hit)));
                format!("late by {late}: observed after {}", self.after(hit))
            }
        }
    }

    /// The soonest after what it counts from, where that is an expectation: told by the anchor's first
    /// moment, as the end is. What is known of a fault's start is told beside it.
    fn soonest(&self, hit: &Observation) -> Timestamp {
        match self.window.expectation.anchor {
            Anchor::Fault(_) => hit.occurred_at,
            Anchor::Expectation(_) => self.window.earliest(hit),
        }
    }

    /// From the anchor, as exactly as the evidence is.
    fn after(&self, hit: &Observation) -> String {
        let window = &self.window;
        span(window.since_anchor(self.soonest(hit)), window.since_anchor(end(hit)))
    }

    fn in_time(&self, hit: &Observation) -> String {
        let margin = self.window.within.saturating_sub(self.window.since_anchor(end(hit)));
        let exact = self.soonest(hit) == end(hit);
        let least = if exact { "" } else { "at least " };
        let what = if self.count > 1 {
            format!("the {} observed after", ordinal(self.count))
        } else {
            "observed after".to_owned()
        };
        let held = if self.sustain > SignedDuration::ZERO {
            format!(", and held for {}", human(self.sustain))
        } else {
            String::new()
        };
        format!("{what} {}, {least}{} before the deadline{held}", self.after(hit), human(margin))
    }

    pub(super) fn not_observed(&self) -> Judged {
        let window = &self.window;
        let looked = window.looked(window.closes);
        let blocked = self.inside().rev().find_map(|observation| {
            let words = observation.blocked.as_deref()?;
            (observation.correlation >= window.expectation.correlation)
                .then_some((observation, words))
        });
        if let Some((observation, words)) = blocked {
            let reason = window.word(|| format!("blocked: {words}"));
            let mut judged = window.judged(VerdictKind::Inconclusive, looked, reason);
            judged.verdict.observation = window.proof(observation);
            return judged;
        }
        if !looked {
            let unseen = || {
                let seen = match window.occurrences() {
                    0 => "not observed".to_owned(),
                    seen => format!("observed {seen} of {} times", self.count),
                };
                format!("{seen}, and {}", window.unseen(window.closes))
            };
            return window.judged(VerdictKind::Inconclusive, false, window.word(unseen));
        }
        let lacking = usize::try_from(self.count.saturating_sub(window.occurrences()));
        let decides = lacking.unwrap_or(usize::MAX).saturating_sub(1);
        if let Some(near) = window.undecided().nth(decides) {
            return window.around_anchor(near);
        }
        window.judged(VerdictKind::Missed, true, window.word(|| self.why_missed()))
    }

    /// Everything that can have happened inside the window, whether it counts or not.
    fn inside(&self) -> impl DoubleEndedIterator<Item = &'a Observation> + '_ {
        let window = &self.window;
        window.seen.observations.iter().copied().filter(|observation| {
            end(observation) >= window.anchor && observation.occurred_at <= window.closes
        })
    }

    fn why_missed(&self) -> String {
        let window = &self.window;
        let found = window.occurrences();
        let missed = match window.hits().next() {
            Some(_) if found > 0 => {
                format!("observed {found} of {} times by the end of the grace period", self.count)
            }
            Some((_, first)) => {
                let after = human(window.since_anchor(first.occurred_at));
                format!("observed only after {after}, past the end of the grace period")
            }
            None => {
                let limit = human(window.grace_ends().duration_since(window.anchor));
                format!("not observed within {limit}, grace included{}", window.shown_late())
            }
        };
        match self.inside().rev().find(|near| !near.holds || !window.counts(near)) {
            Some(near) => format!("{missed}; nearest: {}", near_miss(near, window)),
            None => missed,
        }
    }
}

/// Words for something that was seen and does not count.
fn near_miss(observation: &Observation, window: &Window<'_>) -> String {
    let demanded = window.expectation.correlation;
    if observation.holds && observation.correlation < demanded {
        let (has, wants) = (correlation_word(observation.correlation), correlation_word(demanded));
        return format!("{} (correlation is {has}, {wants} is demanded)", observation.summary);
    }
    observation.summary.clone()
}
