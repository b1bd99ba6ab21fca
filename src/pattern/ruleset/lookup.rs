//! What a leaf of one path brings up.
//!
//! Main type: [`Lookup`]. Invariant: it brings up every alternative one of whose atoms the leaf
//! satisfies, and for most kinds of atoms no other.

use super::super::cidr::{self, Value};
use super::super::condition::Number;
use super::super::event::Raw;
use super::super::number;
use super::access::Atom;
use super::intervals::{Interval, Intervals};
use super::postings::AltId;
use super::prefixes::Prefixes;
use super::substrings::Substrings;
use super::texts::Texts;

/// Room for a text's other forms.
#[derive(Debug, Default)]
pub(super) struct Forms {
    lower: Vec<u8>,
    reversed: Vec<u8>,
}

/// The entries of a lookup while it is gathered.
#[derive(Debug, Default)]
pub(super) struct Entries {
    entries: Vec<(Atom, AltId)>,
}

impl Entries {
    pub(super) fn push(&mut self, atom: Atom, id: AltId) {
        self.entries.push((atom, id));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A path's lookup tables.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    texts: Texts,
    prefixes: Prefixes,
    suffixes: Prefixes,
    folded_prefixes: Prefixes,
    folded_suffixes: Prefixes,
    substrings: Substrings,
    numbers: Intervals<u64>,
    four: Intervals<u32>,
    six: Intervals<u128>,
    /// By kind of leaf: texts, numbers, true, false, null, any.
    kinds: [Vec<AltId>; 6],
    /// The address ranges, for the rare leaves that are numbers.
    addresses: Vec<AltId>,
}

const TEXT: usize = 0;
const NUMBER: usize = 1;
const TRUE: usize = 2;
const FALSE: usize = 3;
const NULL: usize = 4;
const ANY: usize = 5;

/// A double's bits in the order of the doubles.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

impl Lookup {
    pub(super) fn new(entries: Entries) -> Self {
        let mut bytes: [Vec<(Vec<u8>, AltId)>; 6] = Default::default();
        let mut numbers = Vec::new();
        let (mut four, mut six, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        let mut kinds: [Vec<AltId>; 6] = Default::default();
        for (atom, id) in entries.entries {
            match atom {
                Atom::Text(text) => bytes[0].push((text, id)),
                Atom::Prefix(text) => bytes[1].push((text, id)),
                Atom::Suffix(text) => bytes[2].push((text, id)),
                Atom::FoldedPrefix(text) => bytes[3].push((text, id)),
                Atom::FoldedSuffix(text) => bytes[4].push((text, id)),
                Atom::Contains(text) => bytes[5].push((text, id)),
                Atom::Number(value) => {
                    let (low, high) = (key(value), key(value));
                    numbers.push((Interval { low, low_open: false, high, high_open: false }, id));
                }
                Atom::Range(range) => {
                    let (low, high) = (key(range.low), key(range.high));
                    let (low_open, high_open) = (range.low_open, range.high_open);
                    numbers.push((Interval { low, low_open, high, high_open }, id));
                }
                Atom::Address(range) => {
                    if let Some((low, high)) = range.four() {
                        let interval = Interval { low, low_open: false, high, high_open: false };
                        four.push((interval, id));
                    }
                    let (low, high) = range.six();
                    six.push((Interval { low, low_open: false, high, high_open: false }, id));
                    addresses.push(id);
                }
                Atom::AnyText => kinds[TEXT].push(id),
                Atom::AnyNumber => kinds[NUMBER].push(id),
                Atom::True => kinds[TRUE].push(id),
                Atom::False => kinds[FALSE].push(id),
                Atom::Null => kinds[NULL].push(id),
                Atom::Any => kinds[ANY].push(id),
            }
        }
        let [texts, prefixes, suffixes, folded_prefixes, folded_suffixes, substrings] = bytes;
        Self {
            texts: Texts::new(texts),
            prefixes: Prefixes::new(prefixes),
            suffixes: Prefixes::new(suffixes),
            folded_prefixes: Prefixes::new(folded_prefixes),
            folded_suffixes: Prefixes::new(folded_suffixes),
            substrings: Substrings::new(&substrings),
            numbers: Intervals::new(&numbers),
            four: Intervals::new(&four),
            six: Intervals::new(&six),
            kinds,
            addresses,
        }
    }

    /// Gives what a leaf brings up.
    #[inline]
    pub(super) fn find(&self, leaf: Raw<'_>, forms: &mut Forms, found: &mut impl FnMut(&[AltId])) {
        if !self.kinds[ANY].is_empty() {
            found(&self.kinds[ANY]);
        }
        match leaf {
            Raw::Text(text) => self.find_text(text, forms, found),
            Raw::Number(text) => self.find_number(text, found),
            Raw::True => found(&self.kinds[TRUE]),
            Raw::False => found(&self.kinds[FALSE]),
            Raw::Null => found(&self.kinds[NULL]),
        }
    }

    fn find_text(&self, text: &[u8], forms: &mut Forms, found: &mut impl FnMut(&[AltId])) {
        found(self.texts.get(text));
        found(&self.kinds[TEXT]);
        if !self.prefixes.is_empty() {
            self.prefixes.find(text, found);
        }
        if !self.suffixes.is_empty() {
            forms.reversed.clear();
            forms.reversed.extend(text.iter().rev());
            self.suffixes.find(&forms.reversed, found);
        }
        if !self.folded_prefixes.is_empty() {
            forms.lower.clear();
            forms.lower.extend(text.iter().map(u8::to_ascii_lowercase));
            self.folded_prefixes.find(&forms.lower, found);
        }
        if !self.folded_suffixes.is_empty() {
            forms.reversed.clear();
            forms.reversed.extend(text.iter().rev().map(u8::to_ascii_lowercase));
            self.folded_suffixes.find(&forms.reversed, found);
        }
        if !self.substrings.is_empty() {
            self.substrings.find(text, found);
        }
        if !self.addresses.is_empty()
            && let Some(hex) = cidr::hex(text)
        {
            match hex.value() {
                Value::Four(value) => self.four.find(self.four.slot(value), found),
                Value::Six(value) => self.six.find(self.six.slot(value), found),
            }
        }
    }

    fn find_number(&self, text: &str, found: &mut impl FnMut(&[AltId])) {
        found(&self.kinds[NUMBER]);
        found(&self.addresses);
        if self.numbers.is_empty() {
            return;
        }
        // Most numbers lie far enough from every bound for a rough reading to tell their slot.
        if let Some((low, high)) = number::rough(text) {
            let slot = self.numbers.slot(key(low));
            if slot == self.numbers.slot(key(high)) {
                self.numbers.find(slot, found);
                return;
            }
        }
        if let Some(value) = Number::new(text).value {
            self.numbers.find(self.numbers.slot(key(value)), found);
        }
    }
}
