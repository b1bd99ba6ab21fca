//! By which of its fields an alternative is brought up.
//!
//! Main function: [`atoms`]. Invariant: a leaf that satisfies a field satisfies one of the field's
//! atoms; the reverse need not hold, because every alternative that comes up is checked.

use std::collections::{HashMap, HashSet};

use super::super::Field;
use super::super::cidr::AddressRange;
use super::super::condition::{Condition, NumericRange};
use super::super::fold::{Fold, Unit};
use super::super::paths::PathId;
use super::super::wildcard::Wildcard;
use super::texts;

/// Something that can be looked up for a leaf.
#[derive(Debug, Clone)]
pub(super) enum Atom {
    Text(Vec<u8>),
    Prefix(Vec<u8>),
    /// A reversed suffix.
    Suffix(Vec<u8>),
    /// A prefix in ASCII lower case.
    FoldedPrefix(Vec<u8>),
    /// A reversed suffix in ASCII lower case.
    FoldedSuffix(Vec<u8>),
    Contains(Vec<u8>),
    Number(f64),
    Range(NumericRange),
    Address(AddressRange),
    True,
    False,
    Null,
    AnyText,
    AnyNumber,
    Any,
}

/// The atoms of a field, or nothing when it can be satisfied without any leaf.
pub(super) fn atoms(field: &Field) -> Option<Vec<Atom>> {
    if field.absent {
        return None;
    }
    if field.quirk.is_some() {
        return Some(vec![Atom::Any]);
    }
    Some(field.conditions.iter().map(atom).collect())
}

fn atom(condition: &Condition) -> Atom {
    match condition {
        Condition::Text(text) | Condition::Exactly(text) => Atom::Text(text.to_vec()),
        Condition::Number { value: Some(value), .. } => Atom::Number(*value),
        Condition::Number { value: None, .. } => Atom::AnyNumber,
        Condition::True => Atom::True,
        Condition::False => Atom::False,
        Condition::Null => Atom::Null,
        // A quote at the inner end may also be the text's own closing or opening one.
        Condition::Prefix(text) => {
            some(text.strip_suffix(b"\"").unwrap_or(text).to_vec(), Atom::Prefix)
        }
        Condition::Suffix(text) => {
            some(reversed(text.strip_prefix(b"\"").unwrap_or(text)), Atom::Suffix)
        }
        Condition::Folded(fold) | Condition::PrefixFolded(fold) => {
            some(lower(fold.units().iter()), Atom::FoldedPrefix)
        }
        Condition::SuffixFolded(fold) => folded_suffix(fold),
        Condition::Wildcard(wildcard) => of_wildcard(wildcard),
        Condition::Numeric(range, _) => Atom::Range(*range),
        Condition::Address(range) => Atom::Address((**range).clone()),
        Condition::Exists
        | Condition::Absent
        | Condition::NotTexts(_)
        | Condition::NotNumbers(..)
        | Condition::NotPrefixes(_)
        | Condition::NotSuffixes(_)
        | Condition::NotFolded(_)
        | Condition::NotWildcards(_) => Atom::Any,
    }
}

fn some(bytes: Vec<u8>, atom: fn(Vec<u8>) -> Atom) -> Atom {
    if bytes.is_empty() { Atom::AnyText } else { atom(bytes) }
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// The longest literal of a wildcard, where it must stand.
fn of_wildcard(wildcard: &Wildcard) -> Atom {
    let parts = wildcard.parts();
    let (first, last) = (&parts[0], &parts[parts.len() - 1]);
    if parts.len() == 1 {
        return Atom::Text(first.to_vec());
    }
    let middle = parts[1..parts.len() - 1].iter().max_by_key(|part| part.len());
    let middle = middle.map_or(&[][..], |part| &part[..]);
    if first.len() >= last.len() && first.len() >= middle.len() {
        some(first.to_vec(), Atom::Prefix)
    } else if last.len() >= middle.len() {
        some(reversed(last), Atom::Suffix)
    } else {
        some(middle.to_vec(), Atom::Contains)
    }
}

/// The leading units whose two cases are one ASCII letter, or that have no case; in lower case.
fn lower<'u>(units: impl Iterator<Item = &'u Unit>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in units {
        match (&*unit.lower, &*unit.upper) {
            (b"\"", _) => break,
            (same, upper) if same == upper => bytes.extend_from_slice(same),
            ([letter], [upper]) if letter.eq_ignore_ascii_case(upper) => bytes.push(*letter),
            _ => break,
        }
    }
    bytes
}

fn folded_suffix(fold: &Fold) -> Atom {
    let mut units: Vec<Unit> = fold.units().to_vec();
    for unit in &mut units {
        unit.lower.reverse();
        unit.upper.reverse();
    }
    some(lower(units.iter().rev()), Atom::FoldedSuffix)
}

impl Atom {
    /// What kind of atom it is, and its literal.
    fn literal(&self) -> Option<(u8, &[u8])> {
        match self {
            Self::Text(text) => Some((0, text)),
            Self::Prefix(text) => Some((1, text)),
            Self::Suffix(text) => Some((2, text)),
            Self::FoldedPrefix(text) => Some((3, text)),
            Self::FoldedSuffix(text) => Some((4, text)),
            Self::Contains(text) => Some((5, text)),
            Self::Address(range) if range.is_literal() => Some((6, range.source().as_bytes())),
            Self::Number(_)
            | Self::Range(_)
            | Self::Address(_)
            | Self::True
            | Self::False
            | Self::Null
            | Self::AnyText
            | Self::AnyNumber
            | Self::Any => None,
        }
    }
}

/// How many different literals the rules ask for, by path and kind.
#[derive(Debug, Default)]
pub(super) struct Census {
    seen: HashSet<u64>,
    distinct: HashMap<(PathId, u8), u32>,
}

impl Census {
    /// Counts the atoms of a field.
    pub(super) fn count(&mut self, path: PathId, atoms: &[Atom]) {
        for atom in atoms {
            let number = |value: &f64| value.to_bits().to_le_bytes();
            let (kind, hash) = match (atom, atom.literal()) {
                (Atom::Number(value), _) => (7, texts::hash(&number(value))),
                (_, Some((kind, text))) => (kind, texts::hash(text)),
                _ => continue,
            };
            let whole = hash ^ (u64::from(path) << 8 | u64::from(kind)).rotate_left(32);
            if self.seen.insert(whole) {
                *self.distinct.entry((path, kind)).or_default() += 1;
            }
        }
    }

    /// A guess of how likely an event satisfies one of the atoms.
    pub(super) fn likelihood(&self, path: PathId, atoms: &[Atom]) -> f64 {
        let distinct = |kind: u8| {
            let count = self.distinct.get(&(path, kind)).copied().unwrap_or(0);
            1.0 / (1.0 + f64::from(count))
        };
        let literal = |kind: u8, text: &[u8]| {
            let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
            distinct(kind).max(0.3_f64.powi(length)) * 1.2
        };
        let one = |atom: &Atom| match atom {
            Atom::Text(_) => distinct(0),
            Atom::Number(_) => distinct(7),
            Atom::Contains(text) => 2.0 * literal(5, text),
            Atom::Prefix(_) | Atom::Suffix(_) | Atom::FoldedPrefix(_) | Atom::FoldedSuffix(_) => {
                let (kind, text) = atom.literal().expect("it has a literal");
                literal(kind, text)
            }
            Atom::Address(range) => {
                if range.is_literal() {
                    distinct(6)
                } else {
                    0.1
                }
            }
            Atom::Range(range) => match (range.low <= f64::MIN, range.high >= f64::MAX) {
                (false, false) if range.low >= range.high => distinct(7),
                (false, false) => 0.25,
                _ => 0.5,
            },
            Atom::Null => 0.2,
            Atom::True | Atom::False => 0.5,
            Atom::AnyText | Atom::AnyNumber => 0.9,
            Atom::Any => 0.95,
        };
        atoms.iter().map(one).sum()
    }
}
