//! A state that must be back in force: the expectations of `recovery` over alarms and experiments.
//!
//! No type of its own: it reads the changes of a state for a [`Happening`]. Invariant: being in the
//! state at the start of the window counts only if it is never left before the deadline.

use jiff::SignedDuration;

use crate::timeline::Observation;

use super::VerdictKind;
use super::expectation::{Judged, Moment};
use super::facts::Facts;
use super::happening::{Happening, Hold};
use super::window::{end, later};
use super::words::human;

impl Happening<'_> {
    /// A state that must be back in force; `steady` is what the steady state saw.
    pub(super) fn returns(&self, steady: Option<bool>, facts: &Facts<'_>) -> Judged {
        let window = &self.window;
        let all = &window.seen.observations;
        let usable = |observation: &Observation| {
            observation.blocked.is_none()
                && (!observation.holds || observation.correlation >= window.expectation.correlation)
        };
        let first = all
            .iter()
            .position(|observation| end(observation) >= window.anchor)
            .unwrap_or(all.len());
        let before = all[..first].iter().rev().find(|observation| usable(observation));
        // A change away from the state implies that it was in force. Later than the window it must not
        // matter, or a verdict that is settled would change.
        let next = all[first..]
            .iter()
            .find(|observation| usable(observation) && observation.occurred_at <= window.closes);
        let in_force = before
            .map(|observation| observation.holds)
            .or(steady)
            .or(next.map(|observation| !observation.holds))
            .unwrap_or(false);
        let leaves = |observation: &&Observation| {
            !observation.holds
                && observation.blocked.is_none()
                && end(observation) >= window.anchor
                && observation.occurred_at <= window.deadline
        };
        if in_force && !all.iter().any(leaves) {
            let since_fault = facts.started.values().min().copied();
            let left_before = all[..first]
                .iter()
                .any(|observation| !observation.holds && Some(end(observation)) >= since_fault);
            return self.throughout(before.copied(), left_before);
        }
        self.first_lasting_return(first, in_force)
    }

    /// It was in force at the anchor and did not leave by the deadline.
    fn throughout(&self, baseline: Option<&Observation>, left_before: bool) -> Judged {
        let window = &self.window;
        let held_until = later(window.anchor, self.sustain);
        let needed = window.deadline.max(held_until);
        let leaving = window.seen.observations.iter().find(|observation| {
            !observation.holds
                && observation.blocked.is_none()
                && end(observation) >= window.anchor
                && observation.occurred_at < held_until
        });
        let (kind, settled, reason) = if let Some(leaving) = leaving {
            let words = || format!("did not hold for {}: {}", human(self.sustain), leaving.summary);
            let reason = window.word(words);
            (VerdictKind::Violated, true, reason)
        } else if !window.looked(needed) {
            let unseen = || format!("in force so far, but {}", window.unseen(needed));
            let reason = window.word(unseen);
            (VerdictKind::Inconclusive, false, reason)
        } else if left_before {
            let reason = "was back in this state before its window began".to_owned();
            (VerdictKind::Met, true, reason)
        } else {
            let reason =
                "never left this state: held throughout, nothing to recover from".to_owned();
            (VerdictKind::Met, true, reason)
        };
        let met = kind == VerdictKind::Met;
        let mut judged = window.judged(kind, settled, reason);
        judged.verdict.latency = met.then_some(SignedDuration::ZERO);
        judged.verdict.margin = met.then_some(window.within);
        judged.verdict.observation =
            baseline.or(leaving.copied()).and_then(|proof| window.proof(proof));
        let exact_to = window.may_be_later();
        judged.satisfied_at = met.then_some(Moment { at: window.anchor, exact_to });
        judged.closes_at = Some(needed);
        judged.verdict.held_throughout = met && !left_before;
        judged
    }

    fn first_lasting_return(&self, first: usize, in_force: bool) -> Judged {
        let window = &self.window;
        let mut away = !in_force;
        let mut broken = None;
        let all = window.seen.observations.iter().copied().enumerate();
        for (place, change) in all.skip(first).filter(|(_, change)| change.blocked.is_none()) {
            if change.occurred_at > window.closes {
                break;
            }
            if !change.holds {
                away = true;
            } else if away && window.counts(change) {
                away = false;
                match self.hold(place, change) {
                    Hold::Broken(_) => broken = Some((place, change)),
                    Hold::Held | Hold::Unclear(_) | Hold::Unproven => {
                        let mut judged = self.observed(place, change);
                        // Until it has lasted, a later return may take its place.
                        judged.satisfied_at = judged.satisfied_at.filter(|_| judged.settled);
                        return judged;
                    }
                }
            }
        }
        match broken {
            None => self.not_observed(),
            Some((place, last)) if window.looked(window.closes) => self.observed(place, last),
            Some((_, last)) => {
                let reason = window.word(|| {
                    let returned = human(window.since_anchor(last.occurred_at));
                    let unseen = window.unseen(window.closes);
                    format!("returned after {returned} but did not last, and {unseen}")
                });
                window.judged(VerdictKind::Inconclusive, false, reason)
            }
        }
    }
}
