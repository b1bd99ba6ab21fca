//! Which of many intervals contain a value.
//!
//! Main type: [`Intervals`], a segment tree. Invariant: an interval is held by a logarithmic number
//! of nodes, whatever the others are, and a search visits one path of the tree.

use super::postings::{AltId, Postings};

/// An interval; a bound is open when it does not belong to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval<K> {
    pub(super) low: K,
    pub(super) low_open: bool,
    pub(super) high: K,
    pub(super) high_open: bool,
}

/// The intervals of one field.
#[derive(Debug, Clone)]
pub(super) struct Intervals<K> {
    /// The bounds, sorted. Slot `2 * n + 1` is bound `n` itself, slot `2 * n` is just below it.
    bounds: Vec<K>,
    postings: Postings,
}

impl<K: Copy + Ord> Intervals<K> {
    pub(super) fn new(given: &[(Interval<K>, AltId)]) -> Self {
        let mut bounds: Vec<K> =
            given.iter().flat_map(|(interval, _)| [interval.low, interval.high]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let this = Self { bounds, postings: Postings::default() };
        let slots = this.slots();
        let mut entries = Vec::new();
        for (interval, id) in given {
            let mut from = slots + this.slot(interval.low) + usize::from(interval.low_open);
            let mut to = slots + this.slot(interval.high) + usize::from(!interval.high_open);
            while from < to {
                if from % 2 == 1 {
                    entries.push((from, *id));
                    from += 1;
                }
                if to % 2 == 1 {
                    to -= 1;
                    entries.push((to, *id));
                }
                from /= 2;
                to /= 2;
            }
        }
        entries.sort_unstable();
        let postings = Postings::new(2 * slots, entries.into_iter());
        Self { postings, ..this }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    fn slots(&self) -> usize {
        2 * self.bounds.len() + 1
    }

    /// The slot of a value.
    #[inline]
    pub(super) fn slot(&self, value: K) -> usize {
        let below = self.bounds.partition_point(|bound| *bound < value);
        2 * below + usize::from(self.bounds.get(below) == Some(&value))
    }

    /// Gives the alternatives of every interval that contains the values of a slot.
    #[inline]
    pub(super) fn find(&self, slot: usize, found: &mut impl FnMut(&[AltId])) {
        let mut at = self.slots() + slot;
        while at > 0 {
            let ids = self.postings.list(at);
            if !ids.is_empty() {
                found(ids);
            }
            at /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interval_that_contains_a_value_is_found() {
        let mut given = Vec::new();
        for low in 0..8_u32 {
            for high in low..8 {
                for (low_open, high_open) in
                    [(false, false), (true, false), (false, true), (true, true)]
                {
                    if low < high || !(low_open || high_open) {
                        let id = u32::try_from(given.len()).unwrap();
                        given.push((
                            Interval { low: 2 * low, low_open, high: 2 * high, high_open },
                            id,
                        ));
                    }
                }
            }
        }
        let intervals = Intervals::new(&given);
        for value in 0..20 {
            let mut found = Vec::new();
            intervals.find(intervals.slot(value), &mut |ids| found.extend_from_slice(ids));
            found.sort_unstable();
            let contains = |one: &Interval<u32>| {
                (one.low < value || (one.low == value && !one.low_open))
                    && (value < one.high || (value == one.high && !one.high_open))
            };
            let expected: Vec<u32> =
                given.iter().filter(|(one, _)| contains(one)).map(|(_, id)| *id).collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
