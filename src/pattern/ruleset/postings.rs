//! Lists of alternatives, packed one behind the other.
//!
//! Main type: [`Postings`]. Invariant: list `n` lies between `starts[n]` and `starts[n + 1]`.

/// The number of an alternative of a rule.
pub(super) type AltId = u32;

/// Packed lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Postings {
    starts: Vec<u32>,
    ids: Vec<AltId>,
}

impl Postings {
    /// Packs `entries`, which name a list and a member of it and are sorted by list; there are
    /// `lists` lists.
    pub(super) fn new(lists: usize, entries: impl Iterator<Item = (usize, AltId)>) -> Self {
        let mut starts = vec![0; lists + 1];
        let mut ids = Vec::new();
        for (list, id) in entries {
            starts[list + 1] += 1;
            ids.push(id);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { starts, ids }
    }

    /// The members of one list.
    pub(super) fn list(&self, list: usize) -> &[AltId] {
        &self.ids[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}
