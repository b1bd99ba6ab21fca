//! How we know that an observation was ours: ids that the faults returned, and ids that follow from them.
//!
//! Main function: [`of`]. Invariant: an id counts only if AWS gave it to this drill, or if it was seen in
//! something that already counted as exact (an id chain).

use crate::scenario::types::Correlation;
use crate::timeline::{Entry, EntryKind};

/// Pieces of evidence that hold ids which AWS made unique.
const IDS: &[&str] = &[
    "events",
    "event",
    "experiment",
    "execution",
    "deployment",
    "message",
    "finding",
    "replay",
    "stream",
];

/// The strongest correlation between a payload and this drill.
pub(super) fn of(timeline: &[Entry], run_id: &str, payload: &str) -> Correlation {
    if known_ids(timeline).any(|id| payload.contains(id)) {
        Correlation::Exact
    } else if payload.contains(run_id) {
        Correlation::Marker
    } else {
        Correlation::Window
    }
}

fn known_ids(timeline: &[Entry]) -> impl Iterator<Item = &str> {
    timeline
        .iter()
        .filter_map(|entry| match &entry.kind {
            EntryKind::FaultStarted { evidence, .. } => Some(evidence),
            EntryKind::Observation(seen) if seen.correlation == Correlation::Exact => {
                Some(&seen.evidence)
            }
            EntryKind::Observation(_)
            | EntryKind::DrillStarted { .. }
            | EntryKind::Preflight { .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::SteadyState { .. }
            | EntryKind::Intent { .. }
            | EntryKind::Receipt { .. }
            | EntryKind::FaultFailed { .. }
            | EntryKind::FaultEnded { .. }
            | EntryKind::Looked { .. }
            | EntryKind::Blind { .. }
            | EntryKind::Stopping { .. }
            | EntryKind::ClockSkew { .. }
            | EntryKind::Calls { .. }
            | EntryKind::Reverting
            | EntryKind::Reverted { .. }
            | EntryKind::DrillEnded => None,
        })
        .flat_map(|evidence| IDS.iter().filter_map(|name| evidence.get(*name)))
        .flat_map(|ids| ids.split_whitespace())
        .filter(|id| !id.is_empty())
}
