//! Whether the leaves of an event satisfy one alternative of a pattern, array by array.
//!
//! Main function: [`satisfies`]. Invariant: fields are bound in path order; two leaves may be
//! bound together only if no array would have to be in two elements at once; a field that must not
//! exist is judged in the light of what is bound before it.
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html>.

use super::error::EventError;
use super::event::{Leaves, MembershipId};
use super::paths::PathId;

/// How many different array bindings are followed for one alternative of one pattern. Only an event
/// that repeats a key with an array each time can need more than it has leaves.
const MAX_BINDINGS: usize = 100_000;

/// One field of an alternative, as seen by one event.
#[derive(Debug, Clone)]
pub(crate) struct Bound<'l> {
    pub(crate) path: PathId,
    /// The memberships of the leaves that satisfy a condition.
    pub(crate) hits: Vec<MembershipId>,
    /// The memberships of all leaves of the path.
    pub(crate) all: &'l [MembershipId],
    /// Whether the field may be absent.
    pub(crate) absent: bool,
}

/// The elements bound so far: array and index, in array order.
type Binding = Vec<(u32, u32)>;

/// Whether all fields can be bound consistently.
pub(crate) fn satisfies(fields: &[Bound<'_>], event: &Leaves<'_>) -> Result<bool, EventError> {
    let mut bindings: Vec<Binding> = vec![Vec::new()];
    for (index, field) in fields.iter().enumerate() {
        let live = live_arrays(&fields[index + 1..], event);
        let mut next: Vec<Binding> = Vec::new();
        for binding in &bindings {
            for &hit in &field.hits {
                if let Some(mut merged) = merge(binding, hit, event) {
                    merged.retain(|(array, _)| live.binary_search(array).is_ok());
                    next.push(merged);
                }
            }
            let present = || field.all.iter().any(|&leaf| merge(binding, leaf, event).is_some());
            if field.absent && !present() {
                let mut kept = binding.clone();
                kept.retain(|(array, _)| live.binary_search(array).is_ok());
                next.push(kept);
            }
            if next.len() > MAX_BINDINGS {
                next.sort_unstable();
                next.dedup();
                if next.len() > MAX_BINDINGS {
                    return Err(EventError::TooManyCombinations { limit: MAX_BINDINGS });
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            return Ok(false);
        }
        bindings = next;
    }
    Ok(true)
}

/// The arrays that a later field's leaves can still contradict, sorted.
fn live_arrays(later: &[Bound<'_>], event: &Leaves<'_>) -> Vec<u32> {
    let mut arrays = Vec::new();
    for &leaf in later.iter().flat_map(|field| field.all) {
        let mut at = leaf;
        while let Some(step) = event.membership(at) {
            arrays.push(step.array);
            at = step.outer;
        }
    }
    arrays.sort_unstable();
    arrays.dedup();
    arrays
}

/// `binding` with the elements of a leaf, unless they contradict each other.
fn merge(binding: &Binding, leaf: MembershipId, event: &Leaves<'_>) -> Option<Binding> {
    let mut at = leaf;
    while let Some(step) = event.membership(at) {
        if let Ok(found) = binding.binary_search_by_key(&step.array, |(array, _)| *array)
            && binding[found].1 != step.index
        {
            return None;
        }
        at = step.outer;
    }
    let mut merged = binding.clone();
    let mut at = leaf;
    while let Some(step) = event.membership(at) {
        if let Err(place) = merged.binary_search_by_key(&step.array, |(array, _)| *array) {
            merged.insert(place, (step.array, step.index));
        }
        at = step.outer;
    }
    Some(merged)
}
