//! Whether a drill that injects nothing (a dry run) found everything as it must be.
//!
//! Main function: [`readiness`]. Invariant: it says nothing of any expectation: [`Outcome::Passed`] means
//! ready here, and that a problem, a blind look or a stop was met is never ready.

use super::Outcome;
use crate::timeline::{Entry, EntryKind};

/// How ready everything was, worst finding first; a record without its end is [`Outcome::Inconclusive`].
pub fn readiness(timeline: &[Entry]) -> Outcome {
    let ended = timeline.last().is_some_and(|entry| entry.kind == EntryKind::DrillEnded);
    let unfinished = if ended { Outcome::Passed } else { Outcome::Inconclusive };
    timeline.iter().map(|entry| finding(&entry.kind)).fold(unfinished, Outcome::max)
}

fn finding(kind: &EntryKind) -> Outcome {
    match kind {
        EntryKind::Preflight { problem: Some(problem), .. } if problem.blind => {
            Outcome::Inconclusive
        }
        EntryKind::Preflight { problem: Some(_), .. } => Outcome::Unsteady,
        EntryKind::SteadyState { expected, found, .. } => match found {
            None => Outcome::Inconclusive,
            Some(found) if found == expected => Outcome::Passed,
            Some(_) => Outcome::Unsteady,
        },
        EntryKind::Stopping { .. } => Outcome::Stopped,
        EntryKind::Reverted { left } if !left.is_empty() => Outcome::Unreverted,
        EntryKind::Blind { .. } => Outcome::Inconclusive,
        EntryKind::FaultFailed { .. } => Outcome::Failed,
        EntryKind::DrillStarted { .. }
        | EntryKind::Preflight { problem: None, .. }
        | EntryKind::ObserverArmed { .. }
        | EntryKind::Intent { .. }
        | EntryKind::Receipt { .. }
        | EntryKind::FaultStarted { .. }
        | EntryKind::FaultEnded { .. }
        | EntryKind::Observation(_)
        | EntryKind::Looked { .. }
        | EntryKind::Reverting
        | EntryKind::Reverted { .. }
        | EntryKind::Calls { .. }
        | EntryKind::ClockSkew { .. }
        | EntryKind::DrillEnded => Outcome::Passed,
    }
}
