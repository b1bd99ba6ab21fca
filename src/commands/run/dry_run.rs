//! What a dry run says: what was found, what the experiments would touch, and what would have been done.
//!
//! Main function: [`words`]. Invariant: it tells no verdict: nothing was injected, so nothing is proven.

use std::fmt::Write as _;

use crate::judge::{Outcome, readiness};
use crate::plan::text::{describe_fault, duration};
use crate::plan::{Plan, Start};
use crate::timeline::{Entry, EntryKind};

/// The file of a drill's folder that has the same words.
pub(in crate::commands) const FILE: &str = "dry-run.txt";

/// What one drill's dry run came to.
pub(super) fn words(plan: &Plan, name: &str, timeline: &[Entry]) -> String {
    let outcome = readiness(timeline);
    let head = match outcome {
        Outcome::Passed => "ready",
        Outcome::Inconclusive => "could not look at everything",
        Outcome::Failed | Outcome::Unsteady => "not ready",
        Outcome::Stopped => "stopped",
        Outcome::Unreverted => "something may be left behind",
    };
    let mut text = format!("dry run of {name}: {head}\n");
    for entry in timeline {
        told(&mut text, &entry.kind);
    }
    for fault in &plan.faults {
        let start = match &fault.start {
            Start::At(at) => format!("+{}", duration(*at)),
            Start::After { fault, delay } if delay.is_zero() => format!("after {fault}"),
            Start::After { fault, delay } => format!("{} after {fault}", duration(*delay)),
        };
        let what = describe_fault(&fault.action);
        line(&mut text, "would", &format!("{} {start}  {what}", fault.id));
    }
    text.push_str("  nothing was injected, so nothing is proven\n");
    text
}

fn told(text: &mut String, kind: &EntryKind) {
    match kind {
        EntryKind::Preflight { subject, problem: None } => line(text, "fine", subject),
        EntryKind::Preflight { subject, problem: Some(problem) } => {
            let label = if problem.blind { "unseen" } else { "wrong" };
            line(text, label, &format!("{subject}: {}", problem.message));
            line(text, "", &problem.hint);
        }
        EntryKind::SteadyState { alarm, expected, found, reason, .. } => match found {
            Some(found) if found == expected => {
                line(text, "fine", &format!("steady state: alarm {alarm} is {found}"));
            }
            Some(found) => {
                let words =
                    format!("steady state: alarm {alarm} is {found}, it must be {expected}");
                line(text, "wrong", &words);
            }
            None => {
                let why = reason.as_deref().unwrap_or("it is not there");
                line(text, "unseen", &format!("steady state: alarm {alarm}: {why}"));
            }
        },
        EntryKind::Stopping { detail, .. } => line(text, "stopped", detail),
        EntryKind::Reverted { left } => {
            for left in left {
                line(text, "left", left);
            }
        }
        EntryKind::DrillStarted { .. }
        | EntryKind::ObserverArmed { .. }
        | EntryKind::Intent { .. }
        | EntryKind::Receipt { .. }
        | EntryKind::FaultStarted { .. }
        | EntryKind::FaultFailed { .. }
        | EntryKind::FaultEnded { .. }
        | EntryKind::Observation(_)
        | EntryKind::Looked { .. }
        | EntryKind::Blind { .. }
        | EntryKind::Calls { .. }
        | EntryKind::ClockSkew { .. }
        | EntryKind::Reverting
        | EntryKind::DrillEnded => {}
    }
}

fn line(text: &mut String, label: &str, words: &str) {
    writeln!(text, "  {label:7}  {words}").expect("writing to a String does not fail");
}
