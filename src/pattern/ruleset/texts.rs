//! A hash table from whole texts to alternatives.
//!
//! Main type: [`Texts`]. Invariant: the table is at most half full, so that a lookup ends.

use super::postings::{AltId, Postings};

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    length: u32,
    start: u32,
    /// The list of its alternatives, or nothing in an empty slot.
    list: u32,
}

const EMPTY: Slot = Slot { hash: 0, length: 0, start: 0, list: u32::MAX };

/// The table.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    slots: Box<[Slot]>,
    bytes: Vec<u8>,
    postings: Postings,
}

/// A hash that is good enough for keys that nobody chooses against it.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut mix = |word: u64| {
        let product = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded together")]
        let folded = (product >> 64) as u64 ^ product as u64;
        hash = folded;
    };
    let mut rest = bytes;
    while let Some((word, more)) = rest.split_first_chunk() {
        mix(u64::from_le_bytes(*word));
        rest = more;
    }
    mix(short(rest));
    hash
}

/// Up to seven bytes as one number. Two halves that overlap are read faster than byte by byte.
fn short(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn low(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).expect("masked")
}

fn place(hash: u64) -> usize {
    usize::try_from(hash >> 32).expect("32 bits fit")
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 bytes of texts")
}

impl Texts {
    pub(super) fn new(mut entries: Vec<(Vec<u8>, AltId)>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        let mut lists = 0;
        let mut numbered = Vec::with_capacity(entries.len());
        for (at, (text, id)) in entries.iter().enumerate() {
            if at > 0 && *text != entries[at - 1].0 {
                lists += 1;
            }
            numbered.push((lists, *id));
        }
        let count = if entries.is_empty() { 0 } else { lists + 1 };
        let postings = Postings::new(count, numbered.iter().copied());
        if count == 0 {
            return Self::default();
        }
        let mut slots = vec![EMPTY; (2 * count).next_power_of_two()].into_boxed_slice();
        let mut bytes = Vec::new();
        let mut next = 0;
        for ((text, _), (list, _)) in entries.iter().zip(&numbered) {
            if *list < next {
                continue;
            }
            next = list + 1;
            let hash = hash(text);
            let mask = slots.len() - 1;
            let mut at = place(hash);
            while slots[at & mask].list != u32::MAX {
                at += 1;
            }
            let start = number(bytes.len());
            let length = number(text.len());
            slots[at & mask] = Slot { hash: low(hash), length, start, list: number(*list) };
            bytes.extend_from_slice(text);
        }
        Self { slots, bytes, postings }
    }

    /// The alternatives of a text.
    #[inline]
    pub(super) fn get(&self, text: &[u8]) -> &[AltId] {
        if self.slots.is_empty() {
            return &[];
        }
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let mut at = place(hash);
        loop {
            let slot = &self.slots[at & mask];
            if slot.list == u32::MAX {
                return &[];
            }
            if slot.hash == low(hash) && slot.length as usize == text.len() {
                let start = slot.start as usize;
                if &self.bytes[start..start + text.len()] == text {
                    return self.postings.list(slot.list as usize);
                }
            }
            at += 1;
        }
    }
}
