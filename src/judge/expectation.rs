//! One expectation: its anchor, its window, and what was seen inside it.
//!
//! The main type is [`Judged`]: a verdict, and whether more observation could still change it.
//! Invariant: every instant of evidence is an interval (`occurred_at` plus its resolution); a verdict
//! that depends on where inside the interval it happened is inconclusive.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Anchor, Demand, Kind, Phase, Plan, PlannedExpectation};
use crate::timeline::Observation;

use super::facts::{Facts, Seen};
use super::words::{human, stamp};
use super::{Verdict, VerdictKind};

/// A verdict, and what else follows from the evidence.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// When it was first satisfied: what others may count from.
    pub(super) satisfied_at: Option<Timestamp>,
    /// No further observation can change the verdict.
    pub(super) settled: bool,
    /// When the window closes, grace included.
    pub(super) closes_at: Option<Timestamp>,
    /// A recovery state that never left: satisfied, but no proof that the fault did anything.
    pub(super) held_throughout: bool,
}

/// Judges every expectation, each after the one that it waits for.
pub(super) fn judge_all(plan: &Plan, facts: &Facts<'_>) -> Vec<Judged> {
    let mut judged: Vec<Option<Judged>> = plan.expectations.iter().map(|_| None).collect();
    for index in 0..plan.expectations.len() {
        // Walks up to the first link that is judged already, then back down. A plan with a cycle is
        // refused by the check; here it only must not hang, so the walk stops where it meets itself.
        let mut chain = vec![index];
        while let Some(next) = waits_for(plan, facts, chain[chain.len() - 1]) {
            if judged[next].is_some() || chain.contains(&next) {
                break;
            }
            chain.push(next);
        }
        for link in chain.into_iter().rev() {
            if judged[link].is_none() {
                let ground = ground(plan, facts, &judged, &plan.expectations[link]);
                judged[link] = Some(judge_one(plan, facts, link, ground));
            }
        }
    }
    judged.into_iter().map(|judged| judged.expect("the loop above judges every index")).collect()
}

fn waits_for(plan: &Plan, facts: &Facts<'_>, index: usize) -> Option<usize> {
    match &plan.expectations[index].anchor {
        Anchor::Fault(_) => None,
        Anchor::Expectation(id) => facts.position.get(id.as_str()).copied(),
    }
}

/// What a window stands on.
enum Ground {
    /// The anchor happened.
    Firm(Timestamp),
    /// It did not.
    Missing {
        /// The first broken link of the chain.
        link: String,
        reason: String,
        /// It can't happen any more.
        settled: bool,
    },
}

fn ground(
    plan: &Plan,
    facts: &Facts<'_>,
    judged: &[Option<Judged>],
    expectation: &PlannedExpectation,
) -> Ground {
    let missing = |link: &str, reason: String, settled: bool| Ground::Missing {
        link: link.to_owned(),
        reason,
        settled,
    };
    match &expectation.anchor {
        Anchor::Fault(fault) => match facts.started.get(fault.as_str()) {
            Some(started) => Ground::Firm(*started),
            None => {
                let (reason, settled) = why_not_injected(plan, facts, fault);
                missing(fault, reason, settled)
            }
        },
        Anchor::Expectation(id) => {
            let position = facts.position.get(id.as_str());
            let Some(before) = position.and_then(|index| judged[*index].as_ref()) else {
                let reason =
                    format!("waits for `{id}`, which no order of judging can come before it");
                return missing(id, reason, true);
            };
            if let Some(at) = before.satisfied_at {
                return Ground::Firm(at);
            }
            let word = before.verdict.verdict.as_str();
            match &before.verdict.broken_link {
                Some(link) => {
                    let reason =
                        format!("waits for `{id}`, which was skipped: the chain broke at `{link}`");
                    missing(link, reason, before.settled)
                }
                None if before.verdict.verdict == VerdictKind::Met => {
                    let reason =
                        format!("waits for `{id}`, a `never`, which has no moment to count from");
                    missing(id, reason, before.settled)
                }
                None => missing(id, format!("waits for `{id}`, which was {word}"), before.settled),
            }
        }
    }
}

/// Why a fault did not start, and whether it still can.
fn why_not_injected(plan: &Plan, facts: &Facts<'_>, fault: &str) -> (String, bool) {
    if let Some(failure) = facts.failed.get(fault) {
        return (format!("fault `{fault}` could not be injected: {}", failure.reason), true);
    }
    if !facts.injected()
        && let Some(refusal) = refusals(facts).into_iter().next()
    {
        return (format!("nothing was injected: {}", refusal.reason), true);
    }
    if !plan.faults.iter().any(|planned| planned.id == fault) {
        return (format!("counts from fault `{fault}`, which is not in the plan"), true);
    }
    match facts.stopping {
        Some((_, detail)) => {
            (format!("the drill was stopped before fault `{fault}` started: {detail}"), true)
        }
        None => (format!("fault `{fault}` did not start"), facts.injection_over),
    }
}

/// Why a drill must not inject.
pub(super) struct Refusal {
    pub(super) reason: String,
    /// We could not see, rather than saw that it is wrong.
    pub(super) blind: bool,
}

/// Every preflight problem and every steady-state condition that did not hold, what we saw first.
pub(super) fn refusals(facts: &Facts<'_>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (subject, problem) in &facts.preflight {
        if let Some(problem) = problem {
            let reason = format!("preflight: {subject}: {} ({})", problem.message, problem.hint);
            refusals.push(Refusal { reason, blind: problem.blind });
        }
    }
    for (alarm, steady) in &facts.steady {
        let expected = steady.expected;
        match steady.found {
            Some(found) if found == expected => {}
            Some(found) => {
                let reason =
                    format!("steady state: alarm `{alarm}` was {found}, it must be {expected}");
                refusals.push(Refusal { reason, blind: false });
            }
            None => {
                let why = steady.reason.unwrap_or("no reason is recorded");
                let reason = format!(
                    "steady state: could not look whether alarm `{alarm}` is {expected}: {why}"
                );
                refusals.push(Refusal { reason, blind: true });
            }
        }
    }
    refusals.sort_by_key(|refusal| refusal.blind);
    refusals
}

fn judge_one(plan: &Plan, facts: &Facts<'_>, index: usize, ground: Ground) -> Judged {
    let expectation = &plan.expectations[index];
    let anchor = match ground {
        Ground::Firm(anchor) => anchor,
        Ground::Missing { link, reason, settled } => {
            return skipped(&expectation.id, link, reason, settled);
        }
    };
    let seen = &facts.seen[index];
    match expectation.demand {
        Demand::Happens { within, count, sustain } => {
            let window = Window::new(expectation, seen, anchor, within, plan.grace);
            let demand = Happening { window, count: count.max(1), sustain };
            match state_sought(expectation) {
                Some(_) if demand.count == 1 => {
                    demand.returns(steady_before(facts, expectation), facts)
                }
                Some(_) | None => demand.happens(),
            }
        }
        Demand::Never { watch_for, more_than } => {
            Window::new(expectation, seen, anchor, watch_for, plan.grace).never(more_than)
        }
    }
}

/// The state that must be back in force, where this expectation asks for that.
fn state_sought(expectation: &PlannedExpectation) -> Option<&str> {
    match (expectation.phase, &expectation.kind) {
        (Phase::Recovery, Kind::Alarm { state, .. }) => Some(state.as_str()),
        (Phase::Recovery, Kind::Experiment { state, .. }) => Some(state),
        (Phase::Recovery | Phase::Expect, _) => None,
    }
}

/// Whether the steady state saw the sought state in force just before injection.
fn steady_before(facts: &Facts<'_>, expectation: &PlannedExpectation) -> Option<bool> {
    let Kind::Alarm { name, state, .. } = &expectation.kind else { return None };
    let found = facts.steady.get(name.as_str())?.found?;
    Some(found == state.as_str())
}

fn skipped(id: &str, link: String, reason: String, settled: bool) -> Judged {
    Judged {
        verdict: Verdict {
            expectation: id.to_owned(),
            verdict: VerdictKind::Skipped,
            anchor_at: None,
            deadline_at: None,
            latency: None,
            margin: None,
            occurrences: 0,
            observation: None,
            broken_link: Some(link),
            reason,
        },
        satisfied_at: None,
        settled,
        closes_at: None,
        held_throughout: false,
    }
}

fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(if duration.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The latest instant at which it can have happened.
fn end(observation: &Observation) -> Timestamp {
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    later(observation.occurred_at, SignedDuration::from_millis(resolution))
}

/// "The evidence is only exact to 60 s", where it is not exact.
fn exactness(observation: &Observation) -> String {
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    format!("the evidence is only exact to {}", human(SignedDuration::from_millis(resolution)))
}

/// One expectation over a firm anchor.
struct Window<'a> {
    expectation: &'a PlannedExpectation,
    seen: &'a Seen<'a>,
    anchor: Timestamp,
    within: SignedDuration,
    deadline: Timestamp,
    closes: Timestamp,
}

impl<'a> Window<'a> {
    fn new(
        expectation: &'a PlannedExpectation,
        seen: &'a Seen<'a>,
        anchor: Timestamp,
        within: SignedDuration,
        grace: SignedDuration,
    ) -> Self {
        let deadline = later(anchor, within);
        let closes = later(deadline, grace.max(SignedDuration::ZERO));
        Self { expectation, seen, anchor, within, deadline, closes }
    }

    fn looked(&self, through: Timestamp) -> bool {
        self.seen.looked_through.is_some_and(|looked| looked >= through)
    }

    /// Strong enough, not blocked, and not wholly before the anchor.
    fn counts(&self, observation: &Observation) -> bool {
        observation.correlation >= self.expectation.correlation
            && observation.blocked.is_none()
            && end(observation) >= self.anchor
    }

    /// What satisfies the expectation, in order, with its place among all observations.
    fn hits(&self) -> impl Iterator<Item = (usize, &'a Observation)> + '_ {
        let all = self.seen.observations.iter().copied().enumerate();
        all.filter(|(_, observation)| observation.holds && self.counts(observation))
    }

    fn occurrences(&self) -> u32 {
        let inside = self.hits().filter(|(_, hit)| hit.occurred_at <= self.closes).count();
        u32::try_from(inside).unwrap_or(u32::MAX)
    }

    fn since_anchor(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.anchor).max(SignedDuration::ZERO)
    }

    fn judged(&self, kind: VerdictKind, settled: bool, reason: String) -> Judged {
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
                broken_link: None,
                reason,
            },
            satisfied_at: None,
            settled,
            closes_at: Some(self.closes),
            held_throughout: false,
        }
    }

    /// Why a look that was needed through `needed` is missing.
    fn unseen(&self, needed: Timestamp) -> String {
        if let Some(blind) = self.seen.blind {
            return format!("could not look: {blind}");
        }
        match self.seen.looked_through {
            Some(through) => format!(
                "the drill ended before it was looked through: seen up to {}, needed up to {}",
                stamp(through),
                stamp(needed)
            ),
            None => "the drill ended before anything was looked at".to_owned(),
        }
    }

    fn never(&self, more_than: u32) -> Judged {
        let mut certain = Vec::new();
        let mut unclear = None;
        for (_, hit) in self.hits().filter(|(_, hit)| hit.occurred_at <= self.deadline) {
            if end(hit) <= self.deadline {
                certain.push(hit);
            } else {
                unclear = unclear.or(Some(hit));
            }
        }
        let limit = usize::try_from(more_than).unwrap_or(usize::MAX);
        let mut judged = if let Some(one_too_many) = certain.get(limit) {
            let latency = self.since_anchor(one_too_many.occurred_at);
            let often = if limit == 0 {
                String::new()
            } else {
                format!(
                    " for the {} time, {limit} would be fine",
                    ordinal(more_than.saturating_add(1))
                )
            };
            let reason =
                format!("happened after {}{often}: {}", human(latency), one_too_many.summary);
            let mut judged = self.judged(VerdictKind::Violated, true, reason);
            judged.verdict.latency = Some(latency);
            judged.verdict.observation = Some((*one_too_many).clone());
            judged
        } else if !self.looked(self.deadline) {
            let reason = format!("not seen so far, but {}", self.unseen(self.deadline));
            self.judged(VerdictKind::Inconclusive, false, reason)
        } else if let Some(hit) = unclear.filter(|_| certain.len() == limit) {
            let reason = format!("may have happened after the window: {}", exactness(hit));
            let mut judged = self.judged(VerdictKind::Inconclusive, true, reason);
            judged.verdict.observation = Some(hit.clone());
            judged
        } else {
            let times = certain.len() + usize::from(unclear.is_some());
            let reason = match times {
                0 => format!("did not happen for {}", human(self.within)),
                times => format!(
                    "happened {times} times in {}, up to {more_than} are fine",
                    human(self.within)
                ),
            };
            self.judged(VerdictKind::Met, true, reason)
        };
        let inside = self.hits().filter(|(_, hit)| hit.occurred_at <= self.deadline).count();
        judged.verdict.occurrences = u32::try_from(inside).unwrap_or(u32::MAX);
        judged
    }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        (_, _) => "th",
    };
    format!("{number}{suffix}")
}

/// How an observation lies to the deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Timing {
    InTime,
    Late,
    /// Across the deadline: it happened, in time or late.
    AcrossDeadline,
    /// Across the end of the grace period: it may count as missed.
    AcrossClose,
}

/// Whether what was observed then held.
enum Hold<'a> {
    Held,
    /// It left inside the time that it had to hold.
    Broken(&'a Observation),
    /// It left around the end of that time.
    Unclear(&'a Observation),
    /// Not looked at for long enough.
    Unproven,
}

/// A demand that something happens.
struct Happening<'a> {
    window: Window<'a>,
    count: u32,
    sustain: SignedDuration,
}

impl<'a> Happening<'a> {
    /// The `count`-th occurrence decides.
    fn happens(&self) -> Judged {
        let nth = usize::try_from(self.count - 1).unwrap_or(usize::MAX);
        match self.window.hits().nth(nth) {
            Some((place, hit)) if hit.occurred_at <= self.window.closes => {
                self.observed(place, hit)
            }
            Some(_) | None => self.not_observed(),
        }
    }

    fn timing(&self, hit: &Observation) -> Timing {
        let Window { deadline, closes, .. } = self.window;
        if end(hit) <= deadline {
            Timing::InTime
        } else if end(hit) > closes {
            Timing::AcrossClose
        } else if hit.occurred_at > deadline {
            Timing::Late
        } else {
            Timing::AcrossDeadline
        }
    }

    /// Whether it held after `hit`, the observation at `place`.
    fn hold(&self, place: usize, hit: &Observation) -> Hold<'a> {
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

    fn observed(&self, place: usize, hit: &'a Observation) -> Judged {
        let window = &self.window;
        let timing = self.timing(hit);
        let latency = window.since_anchor(hit.occurred_at);
        let margin = window.within.saturating_sub(latency);
        let needed = later(end(hit), self.sustain.max(SignedDuration::ZERO));
        let sustain = human(self.sustain);
        let (kind, settled, reason) = match (self.hold(place, hit), timing) {
            (Hold::Broken(leaving), _) => {
                let lasted = human(leaving.occurred_at.duration_since(hit.occurred_at));
                let reason =
                    format!("held for {lasted} of the {sustain} asked for: {}", leaving.summary);
                (VerdictKind::Violated, true, reason)
            }
            (_, Timing::AcrossDeadline) => {
                let reason = format!("met or late, it can't be told: {}", exactness(hit));
                (VerdictKind::Inconclusive, true, reason)
            }
            (_, Timing::AcrossClose) => {
                let reason = format!("late or missed, it can't be told: {}", exactness(hit));
                (VerdictKind::Inconclusive, true, reason)
            }
            (Hold::Unclear(leaving), Timing::InTime | Timing::Late) => {
                let reason = format!("may have held for {sustain} or less: {}", exactness(leaving));
                (VerdictKind::Inconclusive, window.looked(needed), reason)
            }
            (Hold::Unproven, Timing::InTime | Timing::Late) => {
                let unseen = window.unseen(needed);
                let reason =
                    format!("observed, but whether it held for {sustain} is open: {unseen}");
                (VerdictKind::Inconclusive, false, reason)
            }
            (Hold::Held, Timing::InTime) => (VerdictKind::Met, true, self.in_time(latency, margin)),
            (Hold::Held, Timing::Late) => {
                let late = human(SignedDuration::ZERO.saturating_sub(margin));
                (
                    VerdictKind::Late,
                    true,
                    format!("late by {late}: observed after {}", human(latency)),
                )
            }
        };
        // Across the deadline a broken hold is still worth waiting for.
        let settled = settled
            && (kind != VerdictKind::Inconclusive
                || self.sustain <= SignedDuration::ZERO
                || window.looked(needed));
        let mut judged = window.judged(kind, settled, reason);
        judged.verdict.latency = Some(latency);
        judged.verdict.margin = matches!(timing, Timing::InTime | Timing::Late).then_some(margin);
        judged.verdict.observation = Some(hit.clone());
        judged.satisfied_at = (timing != Timing::AcrossClose).then_some(hit.occurred_at);
        let grace = window.closes.duration_since(window.deadline);
        judged.closes_at = Some(window.closes.max(later(needed, grace)));
        judged
    }

    fn in_time(&self, latency: SignedDuration, margin: SignedDuration) -> String {
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
        format!("{what} {}, {} before the deadline{held}", human(latency), human(margin))
    }

    fn not_observed(&self) -> Judged {
        let window = &self.window;
        let inside = |observation: &&&Observation| {
            end(observation) >= window.anchor && observation.occurred_at <= window.closes
        };
        let all = &window.seen.observations;
        let looked = window.looked(window.closes);
        let blocked = all.iter().rev().filter(inside).find_map(|observation| {
            let words = observation.blocked.as_deref()?;
            (observation.correlation >= window.expectation.correlation)
                .then_some((*observation, words))
        });
        if let Some((observation, words)) = blocked {
            let mut judged =
                window.judged(VerdictKind::Inconclusive, looked, format!("blocked: {words}"));
            judged.verdict.observation = Some(observation.clone());
            return judged;
        }
        if !looked {
            let reason = format!("not observed, and {}", window.unseen(window.closes));
            return window.judged(VerdictKind::Inconclusive, false, reason);
        }
        let mut reason = if window.hits().next().is_some() {
            let found = window.occurrences();
            if self.count > 1 && found > 0 {
                format!("observed {found} of {} times by the end of the grace period", self.count)
            } else {
                let (_, first) = window.hits().next().expect("checked just above");
                let after = human(window.since_anchor(first.occurred_at));
                format!("observed only after {after}, past the end of the grace period")
            }
        } else {
            let limit = human(window.closes.duration_since(window.anchor));
            format!("not observed within {limit}, grace included")
        };
        if let Some(near) =
            all.iter().rev().filter(inside).find(|near| !near.holds || !window.counts(near))
        {
            reason = format!("{reason}; nearest: {}", near_miss(near, window));
        }
        window.judged(VerdictKind::Missed, true, reason)
    }

    /// A state that must be back in force; `steady` is what the steady state saw.
    fn returns(&self, steady: Option<bool>, facts: &Facts<'_>) -> Judged {
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
            let reason = format!("did not hold for {}: {}", human(self.sustain), leaving.summary);
            (VerdictKind::Violated, true, reason)
        } else if !window.looked(needed) {
            let reason = format!("in force so far, but {}", window.unseen(needed));
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
        judged.verdict.observation = baseline.or(leaving.copied()).cloned();
        judged.satisfied_at = met.then_some(window.anchor);
        judged.closes_at = Some(window.closes.max(needed));
        judged.held_throughout = !left_before;
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
                let returned = human(window.since_anchor(last.occurred_at));
                let unseen = window.unseen(window.closes);
                let reason = format!("returned after {returned} but did not last, and {unseen}");
                window.judged(VerdictKind::Inconclusive, false, reason)
            }
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

/// The word for how we know that an observation was ours.
pub(crate) fn correlation_word(correlation: crate::scenario::types::Correlation) -> &'static str {
    use crate::scenario::types::Correlation;
    match correlation {
        Correlation::Window => "window",
        Correlation::Marker => "marker",
        Correlation::Exact => "exact",
    }
}
