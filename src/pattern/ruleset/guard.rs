//! A quick look at a second field of an alternative, before any of its conditions is read.
//!
//! Main types: [`Guard`], [`Marks`]. Invariant: a guard turns away only alternatives that do not
//! match. It is a set of 64 bits beside the alternative, so that most of what a common value brings
//! up in a large set costs one look at memory.

use super::super::event::Raw;
use super::super::paths::PathId;
use super::access::Atom;
use super::texts;

/// How many bytes of a text's beginning are marked.
const LEAD: usize = 3;

/// What one field must at least look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    path: PathId,
    /// The bits are of the beginnings of texts, and not of whole texts.
    leading: bool,
    bits: u64,
}

/// What the leaves of each path look like.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// By path: bits of whole texts and words, bits of beginnings.
    bits: Vec<(u64, u64)>,
}

fn bit(bytes: &[u8]) -> u64 {
    1 << (texts::hash(bytes) >> 58)
}

fn leading_bit(text: &[u8]) -> Option<u64> {
    let lead = text.get(..LEAD)?;
    Some(bit(&[lead[0] | 0x20, lead[1] | 0x20, lead[2] | 0x20]))
}

impl Guard {
    /// Lets everything pass.
    pub(super) const NONE: Self = Self { path: PathId::MAX, leading: false, bits: 0 };

    /// A guard for a field with these atoms, if they can be told from a glance.
    pub(super) fn new(path: PathId, atoms: &[Atom]) -> Option<Self> {
        let whole = |atom: &Atom| match atom {
            Atom::Text(text) => Some(bit(text)),
            Atom::True => Some(bit(b"true")),
            Atom::False => Some(bit(b"false")),
            Atom::Null => Some(bit(b"null")),
            _ => None,
        };
        let lead = |atom: &Atom| match atom {
            Atom::Text(text) | Atom::Prefix(text) | Atom::FoldedPrefix(text) => leading_bit(text),
            _ => None,
        };
        let all = |bits: &dyn Fn(&Atom) -> Option<u64>| {
            atoms.iter().map(bits).try_fold(0, |all, bits| Some(all | bits?))
        };
        if let Some(bits) = all(&whole) {
            return Some(Self { path, leading: false, bits });
        }
        all(&lead).map(|bits| Self { path, leading: true, bits })
    }

    /// Whether the alternative is worth a look.
    #[inline]
    pub(super) fn admits(self, marks: &Marks) -> bool {
        match marks.bits.get(self.path as usize) {
            Some((whole, lead)) => self.bits & if self.leading { *lead } else { *whole } != 0,
            None => true,
        }
    }
}

impl Marks {
    pub(super) fn clear(&mut self, paths: usize) {
        self.bits.clear();
        self.bits.resize(paths, (0, 0));
    }

    #[inline]
    pub(super) fn add(&mut self, path: PathId, value: Raw<'_>) {
        let (whole, lead) = &mut self.bits[path as usize];
        match value {
            Raw::Text(text) => {
                *whole |= bit(text);
                *lead |= leading_bit(text).unwrap_or(0);
            }
            Raw::True => *whole |= bit(b"true"),
            Raw::False => *whole |= bit(b"false"),
            Raw::Null => *whole |= bit(b"null"),
            Raw::Number(_) => {}
        }
    }
}
