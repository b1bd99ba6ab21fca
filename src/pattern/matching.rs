//! Whether the leaves of an event satisfy one alternative of a pattern, array by array.
//!
//! Main type: [`Binder`]. Invariant: two leaves may be bound together only if no array would have to
//! be in two elements at once; a field that must not exist is judged in the light of what is bound
//! to the fields before it in path order. Nothing else depends on the order of the fields.
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html>.

use super::Field;
use super::error::EventError;
use super::event::{Leaves, MembershipId};

/// How many pairs of leaves are tried directly before bindings are gathered and merged.
const MAX_TRIES: usize = 100_000;
/// How many bindings are followed for one alternative of one pattern, and a thousandth of how many
/// pairs of a binding and a leaf are tried. Only events with arrays of thousands of elements, or
/// ones that repeat a key with an array each time, come near.
const MAX_BINDINGS: usize = 100_000;

/// Binds leaves to fields; holds the room for it.
#[derive(Debug, Default)]
pub(crate) struct Binder {
    /// The memberships of the leaves that satisfy each constrained field.
    hits: Vec<MembershipId>,
    /// Where each constrained field's hits begin and end.
    ranges: Vec<(usize, usize)>,
    chosen: Vec<MembershipId>,
}

impl Binder {
    /// Whether all fields of an alternative can be bound consistently.
    pub(crate) fn satisfies(
        &mut self,
        fields: &[Field],
        leaves: &Leaves,
        event: &str,
    ) -> Result<bool, EventError> {
        self.hits.clear();
        self.ranges.clear();
        for field in fields {
            let start = self.hits.len();
            if !leaves.has(field.path) {
                if field.absent {
                    continue;
                }
                return Ok(false);
            }
            let free = self.collect(field, leaves, event, fields.len() == 1);
            if free {
                self.hits.truncate(start);
                continue;
            }
            if field.absent && leaves.of_path(field.path).all(|leaf| leaf.membership > 0) {
                // Whether it counts as absent depends on what is bound before it.
                return merged(fields, leaves, event);
            }
            if self.hits.len() == start {
                return Ok(false);
            }
            self.ranges.push((start, self.hits.len()));
        }
        if self.ranges.len() < 2 {
            return Ok(true);
        }
        let mut tries = MAX_TRIES;
        self.chosen.clear();
        match self.choose(0, leaves, &mut tries) {
            Some(possible) => Ok(possible),
            None => merged(fields, leaves, event),
        }
    }

    /// Collects the hits of a field. Whether one of them lies in no array, or one is enough.
    fn collect(&mut self, field: &Field, leaves: &Leaves, event: &str, one: bool) -> bool {
        let start = self.hits.len();
        for leaf in leaves.of_path(field.path) {
            if field.accepts(&leaves.value(leaf, event)) {
                if one || leaf.membership == 0 {
                    return true;
                }
                // Scalars of one array share their membership.
                if self.hits[start..].last() != Some(&leaf.membership) {
                    self.hits.push(leaf.membership);
                }
            }
        }
        false
    }

    /// Whether the fields from `at` on can be bound to what is chosen; nothing after too many tries.
    fn choose(&mut self, at: usize, leaves: &Leaves, tries: &mut usize) -> Option<bool> {
        let Some(&(start, end)) = self.ranges.get(at) else {
            return Some(true);
        };
        for index in start..end {
            *tries = tries.checked_sub(1)?;
            let hit = self.hits[index];
            if self.chosen.iter().all(|&chosen| leaves.consistent(chosen, hit)) {
                self.chosen.push(hit);
                let possible = self.choose(at + 1, leaves, tries)?;
                self.chosen.pop();
                if possible {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}

/// The elements bound so far: array and index, in array order.
type Binding = Vec<(u32, u32)>;

/// Whether all fields can be bound consistently, by gathering all bindings field after field.
fn merged(fields: &[Field], leaves: &Leaves, event: &str) -> Result<bool, EventError> {
    let mut fields: Vec<&Field> = fields.iter().collect();
    fields.sort_unstable_by_key(|field| field.order);
    let mut bindings: Vec<Binding> = vec![Vec::new()];
    let mut tries = 0;
    for (index, field) in fields.iter().enumerate() {
        let live = live_arrays(&fields[index + 1..], leaves);
        let all: Vec<MembershipId> =
            leaves.of_path(field.path).map(|leaf| leaf.membership).collect();
        let hits = hits(field, leaves, event);
        let mut next: Vec<Binding> = Vec::new();
        for binding in &bindings {
            tries += hits.len() + all.len();
            for &hit in &hits {
                if is_consistent(binding, hit, leaves) {
                    next.push(merge(binding, hit, &live, leaves));
                }
            }
            if field.absent && !all.iter().any(|&leaf| is_consistent(binding, leaf, leaves)) {
                next.push(merge(binding, 0, &live, leaves));
            }
            if next.len() > 2 * MAX_BINDINGS {
                next.sort_unstable();
                next.dedup();
            }
            if next.len() > MAX_BINDINGS || tries / 1000 > MAX_BINDINGS {
                return Err(EventError::TooManyCombinations { limit: MAX_BINDINGS });
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

/// The different memberships of the leaves that satisfy a field.
fn hits(field: &Field, leaves: &Leaves, event: &str) -> Vec<MembershipId> {
    let mut hits: Vec<MembershipId> = leaves
        .of_path(field.path)
        .filter(|leaf| field.accepts(&leaves.value(leaf, event)))
        .map(|leaf| leaf.membership)
        .collect();
    hits.sort_unstable();
    hits.dedup();
    hits
}

/// The arrays that a later field's leaves can still contradict, sorted.
fn live_arrays(later: &[&Field], leaves: &Leaves) -> Vec<u32> {
    let mut arrays = Vec::new();
    for leaf in later.iter().flat_map(|field| leaves.of_path(field.path)) {
        let mut at = leaf.membership;
        while let Some(step) = leaves.membership(at) {
            arrays.push(step.array);
            at = step.outer;
        }
    }
    arrays.sort_unstable();
    arrays.dedup();
    arrays
}

fn is_consistent(binding: &Binding, leaf: MembershipId, leaves: &Leaves) -> bool {
    let mut at = leaf;
    while let Some(step) = leaves.membership(at) {
        if let Ok(found) = binding.binary_search_by_key(&step.array, |(array, _)| *array)
            && binding[found].1 != step.index
        {
            return false;
        }
        at = step.outer;
    }
    true
}

/// `binding` with the elements of a leaf, without the arrays that no longer matter.
fn merge(binding: &Binding, leaf: MembershipId, live: &[u32], leaves: &Leaves) -> Binding {
    let mut merged = binding.clone();
    let mut at = leaf;
    while let Some(step) = leaves.membership(at) {
        if let Err(place) = merged.binary_search_by_key(&step.array, |(array, _)| *array) {
            merged.insert(place, (step.array, step.index));
        }
        at = step.outer;
    }
    merged.retain(|(array, _)| live.binary_search(array).is_ok());
    merged
}
