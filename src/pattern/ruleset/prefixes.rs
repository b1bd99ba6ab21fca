//! Which of many prefixes a text starts with.
//!
//! Main type: [`Prefixes`]. Invariant: entries are sorted, and each knows the longest other entry
//! that is a prefix of it. All entries that a text starts with are then found from the last entry
//! that does not follow the text: they are that entry and the ones above it, from some one on.

use super::postings::{AltId, Postings};

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    length: u32,
    /// The longest other entry that is a prefix of this one.
    above: u32,
}

const NONE: u32 = u32::MAX;
/// Up to so many entries are simply tried one after the other.
const FEW: usize = 6;

/// The prefixes of one field.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefixes {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    postings: Postings,
}

impl Prefixes {
    pub(super) fn new(mut given: Vec<(Vec<u8>, AltId)>) -> Self {
        given.sort_unstable();
        given.dedup();
        let number = |count: usize| u32::try_from(count).expect("fewer than 2^32 bytes");
        let mut this = Self::default();
        let mut numbered = Vec::with_capacity(given.len());
        // The entries that the current one starts with, shortest first.
        let mut open: Vec<usize> = Vec::new();
        for (at, (prefix, id)) in given.iter().enumerate() {
            if at == 0 || *prefix != given[at - 1].0 {
                while let Some(&last) = open.last() {
                    if prefix.starts_with(this.bytes(last)) {
                        break;
                    }
                    open.pop();
                }
                let above = open.last().map_or(NONE, |&last| number(last));
                let start = number(this.bytes.len());
                open.push(this.entries.len());
                this.entries.push(Entry { start, length: number(prefix.len()), above });
                this.bytes.extend_from_slice(prefix);
            }
            numbered.push((this.entries.len() - 1, *id));
        }
        this.postings = Postings::new(this.entries.len(), numbered.into_iter());
        this
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn bytes(&self, entry: usize) -> &[u8] {
        let Entry { start, length, .. } = self.entries[entry];
        &self.bytes[start as usize..][..length as usize]
    }

    /// Gives the alternatives of every prefix that `text` starts with.
    #[inline]
    pub(super) fn find(&self, text: &[u8], found: &mut impl FnMut(&[AltId])) {
        if self.entries.len() <= FEW {
            for entry in 0..self.entries.len() {
                if text.starts_with(self.bytes(entry)) {
                    found(self.postings.list(entry));
                }
            }
            return;
        }
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.bytes(middle) <= text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut at = number_before(low);
        let mut within = false;
        while at != NONE {
            let entry = at as usize;
            within = within || text.starts_with(self.bytes(entry));
            if within {
                found(self.postings.list(entry));
            }
            at = self.entries[entry].above;
        }
    }
}

fn number_before(count: usize) -> u32 {
    count.checked_sub(1).map_or(NONE, |last| u32::try_from(last).expect("fewer than 2^32"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_text_is_found() {
        let given = ["", "a", "ab", "abc", "abd", "b", "ba", "c", "ca", "cab"];
        let numbered = given.iter().zip(0..).map(|(text, id)| (text.as_bytes().to_vec(), id));
        for few in [given.len(), 4] {
            let prefixes = Prefixes::new(numbered.clone().take(few).collect());
            for text in ["", "a", "abcd", "abe", "bz", "d", "cab"] {
                let mut found = Vec::new();
                prefixes.find(text.as_bytes(), &mut |ids| found.extend_from_slice(ids));
                found.sort_unstable();
                let expected: Vec<u32> = (0..)
                    .zip(&given[..few])
                    .filter(|(_, prefix)| text.starts_with(**prefix))
                    .map(|(id, _)| id)
                    .collect();
                assert_eq!(found, expected, "{text}");
            }
        }
    }
}
