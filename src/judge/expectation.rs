//! Each expectation after the one that it waits for, and why one has nothing to count from.
//!
//! The main type is [`Judged`]: a verdict, and whether more observation could still change it.
//! Invariant: every expectation is judged once, and a chain of any length or a cycle ends.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Anchor, Demand, Kind, Phase, Plan, PlannedExpectation};
use crate::scenario::names::at_target;

use super::facts::Facts;
use super::happening::Happening;
use super::window::Window;
use super::{Verdict, VerdictKind};

/// A verdict, and what else follows from the evidence.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// When it was first satisfied: what others may count from.
    pub(super) satisfied_at: Option<Moment>,
    /// No further observation can change the verdict.
    pub(super) settled: bool,
    /// When the window closes, grace included.
    pub(super) closes_at: Option<Timestamp>,
}

/// A moment, as exactly as the evidence for it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    /// By how much it may have been later.
    pub(super) exact_to: SignedDuration,
}

/// Judges every expectation, each after the one that it waits for.
pub(super) fn judge_all(plan: &Plan, facts: &Facts<'_>) -> Vec<Judged> {
    let mut judged: Vec<Option<Judged>> = plan.expectations.iter().map(|_| None).collect();
    let mut visiting = vec![false; judged.len()];
    for index in 0..plan.expectations.len() {
        // Walks up to the first link that is judged already, then back down. A plan with a cycle is
        // refused by the check; here it only must not hang, so the walk stops where it meets itself.
        let mut chain = vec![index];
        visiting[index] = true;
        while let Some(next) = waits_for(plan, facts, chain[chain.len() - 1]) {
            if judged[next].is_some() || visiting[next] {
                break;
            }
            chain.push(next);
            visiting[next] = true;
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
    Firm(Moment),
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
        Anchor::Fault(fault) => {
            if let Some(started) = facts.started.get(fault.as_str()) {
                return Ground::Firm(Moment { at: *started, exact_to: SignedDuration::ZERO });
            }
            let (reason, settled) = why_not_injected(plan, facts, fault);
            missing(fault, reason, settled)
        }
        Anchor::Expectation(id) => {
            let position = facts.position.get(id.as_str());
            let Some(before) = position.and_then(|index| judged[*index].as_ref()) else {
                let reason =
                    facts.word(|| format!("waits for `{id}`, which no order can judge before it"));
                return missing(id, reason, true);
            };
            if let Some(at) = before.satisfied_at {
                return Ground::Firm(at);
            }
            let link = before.verdict.broken_link.as_deref();
            let reason = facts.word(|| match refusal(facts) {
                Some(refusal) => refusal,
                None => why_unsatisfied(id, before),
            });
            missing(link.unwrap_or(id), reason, before.settled)
        }
    }
}

/// Why the expectation that another waits for gives it no moment to count from.
fn why_unsatisfied(id: &str, before: &Judged) -> String {
    match (&before.verdict.broken_link, before.verdict.verdict) {
        (Some(link), _) => {
            format!("waits for `{id}`, which was skipped: the chain broke at `{link}`")
        }
        (None, VerdictKind::Met) => {
            format!("waits for `{id}`, a `never`, which has no moment to count from")
        }
        (
            None,
            verdict @ (VerdictKind::Skipped
            | VerdictKind::Inconclusive
            | VerdictKind::Late
            | VerdictKind::Missed
            | VerdictKind::Violated),
        ) => format!("waits for `{id}`, which was {}", verdict.as_str()),
    }
}

/// Why a fault did not start, and whether it still can.
fn why_not_injected(plan: &Plan, facts: &Facts<'_>, fault: &str) -> (String, bool) {
    if let Some(failure) = facts.failed.get(fault) {
        return (format!("fault `{fault}` could not be injected: {}", failure.reason), true);
    }
    if let Some(refusal) = refusal(facts) {
        return (refusal, true);
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

/// Why nothing was injected, where a refusal is why.
fn refusal(facts: &Facts<'_>) -> Option<String> {
    if facts.injected() {
        return None;
    }
    let first = refusals(facts).into_iter().next()?;
    Some(format!("nothing was injected: {}", first.reason))
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
            // Most messages name their subject themselves.
            let name = subject.split_whitespace().last().unwrap_or_default();
            let about =
                if problem.message.contains(name) { String::new() } else { format!("{subject}: ") };
            let reason = format!("preflight: {about}{} ({})", problem.message, problem.hint);
            refusals.push(Refusal { reason, blind: problem.blind });
        }
    }
    for ((target, alarm), steady) in &facts.steady {
        let (expected, at) = (steady.expected, at_target(*target));
        match steady.found {
            Some(found) if found == expected => {}
            Some(found) => {
                let reason =
                    format!("steady state: alarm `{alarm}`{at} was {found}, it must be {expected}");
                refusals.push(Refusal { reason, blind: false });
            }
            None => {
                let why = steady.reason.unwrap_or("no reason is recorded");
                let reason = format!(
                    "steady state: could not look whether alarm `{alarm}`{at} is {expected}: {why}"
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
    let sight = (&facts.seen[index], facts);
    let over = |length| {
        let window = Window::new(expectation, sight, anchor.at, length, plan.grace);
        match &expectation.anchor {
            // By our clock.
            Anchor::Fault(fault) => {
                let uncertain = facts.uncertain.get(fault.as_str()).copied();
                window.uncertain(uncertain.unwrap_or_default())
            }
            // Counted from what AWS dated, as exactly as it did.
            Anchor::Expectation(_) => window.no_earlier(anchor.exact_to),
        }
    };
    match expectation.demand {
        Demand::Happens { within, count, sustain } => {
            let demand = Happening { window: over(within), count: count.max(1), sustain };
            match state_sought(expectation) {
                Some(_) if demand.count == 1 => {
                    demand.returns(steady_before(facts, expectation), facts)
                }
                Some(_) | None => demand.happens(),
            }
        }
        Demand::Never { watch_for, more_than } => over(watch_for).never(more_than),
    }
}

/// The state that must be back in force, where this expectation asks for that.
fn state_sought(expectation: &PlannedExpectation) -> Option<&str> {
    match (expectation.phase, &expectation.kind) {
        (Phase::Recovery, Kind::Alarm { state, action: None, .. }) => Some(state.as_str()),
        (Phase::Recovery, Kind::Experiment { state, .. }) => Some(state),
        (Phase::Recovery, Kind::Queue { name, .. }) => Some(name),
        (Phase::Recovery, Kind::Compliance { wanted, .. }) => Some(&wanted.rule),
        (Phase::Recovery, Kind::Metric(metric)) => {
            Some(metric.expression.as_deref().unwrap_or("value"))
        }
        (Phase::Recovery, Kind::Http { predicate, .. }) => Some(&predicate.path),
        (
            Phase::Recovery,
            // An alarm whose action must have run is an occurrence, not a state.
            Kind::Alarm { action: Some(_), .. }
            | Kind::Rule { .. }
            | Kind::Runbook { .. }
            | Kind::CodeDeployRollback { .. }
            | Kind::Event { .. }
            | Kind::Notification { .. }
            | Kind::Finding(_)
            | Kind::OpsItem(_)
            | Kind::Incident(_)
            | Kind::ApiCall(_)
            | Kind::Deployment { .. }
            | Kind::Log { .. }
            | Kind::Execution { .. },
        )
        | (Phase::Expect, _) => None,
    }
}

/// Whether the steady state saw the sought state in force just before injection.
fn steady_before(facts: &Facts<'_>, expectation: &PlannedExpectation) -> Option<bool> {
    let Kind::Alarm { name, state, .. } = &expectation.kind else { return None };
    let found = facts.steady.get(&(expectation.target.as_deref(), name.as_str()))?.found?;
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
            held_throughout: false,
            broken_link: Some(link),
            reason,
        },
        satisfied_at: None,
        settled,
        closes_at: None,
    }
}
