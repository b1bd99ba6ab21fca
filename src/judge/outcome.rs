//! The outcome of a drill, from its verdicts and from what else the timeline says; the worst wins.
//!
//! The main type is [`Weighing`]. Invariant: a drill is passed only if something positive was met that
//! shows the fault; every step below can make the outcome worse, none can make it better.

use crate::plan::{Demand, FaultAction, Kind, Plan};
use crate::timeline::StopReason;

use super::expectation::{Judged, refusals};
use super::facts::{Facts, Revert};
use super::{Outcome, VerdictKind};

/// The worst so far, and why.
struct Weighing {
    outcome: Outcome,
    reasons: Vec<String>,
}

impl Weighing {
    fn at_least(&mut self, outcome: Outcome) {
        self.outcome = self.outcome.max(outcome);
    }

    fn because(&mut self, outcome: Outcome, reason: String) {
        self.at_least(outcome);
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// The outcome, and the reasons that the verdicts alone do not tell, gravest topic first.
pub(super) fn decide(plan: &Plan, facts: &Facts<'_>, judged: &[Judged]) -> (Outcome, Vec<String>) {
    let mut weighing = Weighing { outcome: Outcome::Passed, reasons: Vec::new() };
    weigh_revert(facts, &mut weighing);
    weigh_stop(plan, facts, &mut weighing);
    weigh_refusals(facts, &mut weighing);
    weigh_faults(plan, facts, &mut weighing);
    weigh_effects(plan, facts, judged, &mut weighing);
    weigh_verdicts(judged, &mut weighing);
    weigh_substance(plan, facts, judged, &mut weighing);
    (weighing.outcome, weighing.reasons)
}

fn weigh_revert(facts: &Facts<'_>, weighing: &mut Weighing) {
    match facts.revert {
        Revert::NotNeeded => {}
        Revert::Owed => weighing.because(
            Outcome::Unreverted,
            "something was injected and nothing says that it was reverted".to_owned(),
        ),
        Revert::Done(left) => {
            for what in left {
                weighing.because(Outcome::Unreverted, format!("left behind: {what}"));
            }
        }
    }
}

/// Whether the plan expects the experiment of `fault` to reach `state`.
fn expects_state(plan: &Plan, fault: Option<&str>, state: &str) -> bool {
    plan.expectations.iter().any(|expectation| {
        matches!(expectation.demand, Demand::Happens { .. })
            && matches!(
                &expectation.kind,
                Kind::Experiment { fault: expected, state: expected_state }
                    if expected_state == state && fault.is_none_or(|fault| fault == expected)
            )
    })
}

fn weigh_stop(plan: &Plan, facts: &Facts<'_>, weighing: &mut Weighing) {
    let Some((reason, detail)) = facts.stopping else { return };
    let label = match reason {
        StopReason::FailFast => "another drill failed",
        StopReason::Guardrail => "guardrail",
        StopReason::StopCondition => "stop condition",
        StopReason::ExperimentStopped => "the experiment was stopped",
        StopReason::Signal => "interrupted",
        StopReason::Gone => "firedrill was gone before the end",
    };
    let mut halted =
        facts.ended.iter().filter(|end| matches!(end.state, "stopped" | "cancelled")).peekable();
    let expected = reason == StopReason::ExperimentStopped
        && if halted.peek().is_some() {
            halted.all(|end| expects_state(plan, Some(end.fault), end.state))
        } else {
            expects_state(plan, None, "stopped")
        };
    if !expected {
        weighing.because(Outcome::Stopped, format!("stopped early: {label}: {detail}"));
    }
}

fn weigh_refusals(facts: &Facts<'_>, weighing: &mut Weighing) {
    for refusal in refusals(facts) {
        // A drill that injected all the same is judged by its verdicts, under suspicion.
        let outcome = if refusal.blind || facts.injected() {
            Outcome::Inconclusive
        } else {
            Outcome::Unsteady
        };
        weighing.because(outcome, refusal.reason);
    }
}

fn weigh_faults(plan: &Plan, facts: &Facts<'_>, weighing: &mut Weighing) {
    for (fault, failure) in &facts.failed {
        let outcome = if failure.blind && !facts.injected() {
            Outcome::Inconclusive
        } else {
            Outcome::Failed
        };
        let reason = failure.reason;
        weighing.because(outcome, format!("fault `{fault}` could not be injected: {reason}"));
    }
    for end in &facts.ended {
        let outcome = match end.state {
            "failed" | "cancelled" => Outcome::Failed,
            "stopped" if end.unprompted && facts.stopping.is_none() => Outcome::Stopped,
            _ => continue,
        };
        if !expects_state(plan, Some(end.fault), end.state) {
            let why = end.reason.unwrap_or("AWS gives no reason");
            let reason = format!("{} `{}` {}: {why}", thing(plan, end.fault), end.fault, end.state);
            weighing.because(outcome, reason);
        }
    }
    let explained = facts.stopping.is_some() || (!facts.injected() && !refusals(facts).is_empty());
    for fault in &plan.faults {
        let id = fault.id.as_str();
        if !explained && !facts.started.contains_key(id) && !facts.failed.contains_key(id) {
            weighing.because(Outcome::Inconclusive, format!("fault `{id}` was never injected"));
        }
    }
}

/// What it is that ended: only FIS runs experiments.
fn thing(plan: &Plan, fault: &str) -> &'static str {
    let planned = plan.faults.iter().find(|planned| planned.id == fault);
    match planned.map(|planned| &planned.action) {
        Some(
            FaultAction::PutEvents { .. }
            | FaultAction::SetAlarmState { .. }
            | FaultAction::PutMetricData { .. }
            | FaultAction::SsmAutomation(_)
            | FaultAction::SsmCommand(_)
            | FaultAction::StartExecution(_)
            | FaultAction::Invoke(_)
            | FaultAction::DisableRule { .. }
            | FaultAction::Publish { .. }
            | FaultAction::SendMessage { .. }
            | FaultAction::SampleFindings { .. }
            | FaultAction::SecurityHubFindings { .. }
            | FaultAction::ConfigEvaluation { .. }
            | FaultAction::LogLine { .. }
            | FaultAction::StartReplay(_)
            | FaultAction::Http { .. }
            | FaultAction::Command { .. },
        ) => "what was started by fault",
        Some(FaultAction::FisTemplate { .. } | FaultAction::FisInline { .. }) | None => {
            "the experiment of fault"
        }
    }
}

fn weigh_effects(plan: &Plan, facts: &Facts<'_>, judged: &[Judged], weighing: &mut Weighing) {
    for fault in &plan.faults {
        let Some(effect) = &fault.effect else { continue };
        if !facts.started.contains_key(fault.id.as_str()) {
            continue;
        }
        let proof = facts.position.get(effect.as_str()).map(|index| &judged[*index]);
        let lacking = match proof {
            Some(proof) if proof.satisfied_at.is_some() && !proof.verdict.held_throughout => {
                continue;
            }
            Some(proof) => format!("`{effect}` was {}", proof.verdict.verdict.as_str()),
            None => format!("`{effect}` is not in the plan"),
        };
        let reason = format!("fault `{}` had no proven effect: {lacking}", fault.id);
        weighing.because(Outcome::Inconclusive, reason);
    }
}

fn weigh_verdicts(judged: &[Judged], weighing: &mut Weighing) {
    for one in judged {
        weighing.at_least(match one.verdict.verdict {
            VerdictKind::Met => Outcome::Passed,
            // What broke the chain weighs by itself; being skipped only keeps a drill from passing.
            VerdictKind::Skipped | VerdictKind::Inconclusive => Outcome::Inconclusive,
            VerdictKind::Late | VerdictKind::Missed | VerdictKind::Violated => Outcome::Failed,
        });
    }
}

/// No vacuous green.
fn weigh_substance(plan: &Plan, facts: &Facts<'_>, judged: &[Judged], weighing: &mut Weighing) {
    if plan.expectations.is_empty() {
        weighing.because(Outcome::Inconclusive, "the scenario expects nothing".to_owned());
        return;
    }
    let shown = plan.expectations.iter().zip(judged).any(|(expectation, judged)| {
        matches!(expectation.demand, Demand::Happens { .. })
            && judged.satisfied_at.is_some()
            && !judged.verdict.held_throughout
    });
    if facts.injected() && !shown {
        let reason = "nothing shows that the fault took effect".to_owned();
        weighing.because(Outcome::Inconclusive, reason);
    } else if !shown {
        weighing.at_least(Outcome::Inconclusive);
    }
}
