//! What the service's byte machine is fed: bytes, stars and characters with two cases.
//!
//! Main types: [`Key`], [`Char`]. Invariant: a key's values include the quotes of the texts that
//! they match, and suffixes are reversed.

use super::super::condition::Condition;
use super::super::fold::{Fold, Unit};
use super::super::javahash;
use super::super::wildcard::Wildcard;

/// One step of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Char {
    Byte(u8),
    /// Any run of bytes.
    Star,
    /// Either of two byte strings.
    Either(Box<[u8]>, Box<[u8]>),
}

/// How the service classifies a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Exact,
    Prefix,
    PrefixFolded,
    Suffix,
    SuffixFolded,
    Folded,
    Wildcard,
    NotTexts,
    NotPrefixes,
    NotSuffixes,
    NotFolded,
    NotWildcards,
    /// Anything that never shares a state with a text.
    Apart,
    /// The same, and it makes the service compare the field's numbers as numbers.
    Number,
}

impl Kind {
    pub(super) fn is_suffix(self) -> bool {
        matches!(self, Self::Suffix | Self::SuffixFolded | Self::NotSuffixes)
    }

    pub(super) fn is_apart(self) -> bool {
        matches!(self, Self::Apart | Self::Number)
    }

    pub(super) fn is_wild(self) -> bool {
        matches!(self, Self::Wildcard | Self::NotWildcards)
    }

    pub(super) fn is_folded(self) -> bool {
        matches!(self, Self::Folded | Self::PrefixFolded | Self::SuffixFolded | Self::NotFolded)
    }
}

/// A pattern as the service identifies it: its kind and its texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// The patterns' texts, without quotes, in the order in which they are laid out.
    pub(crate) texts: Vec<Vec<u8>>,
}

impl Key {
    /// The patterns that a condition becomes: two for a number, one for anything else, none for
    /// `exists: false`, which is no value's pattern.
    pub(crate) fn of(condition: &Condition) -> Vec<Self> {
        let one = |kind, text: &[u8]| vec![Self { kind, texts: vec![text.to_vec()] }];
        let many = |kind, texts: Vec<Vec<u8>>| vec![Self { kind, texts: stored(kind, texts) }];
        let texts = |list: &[Box<[u8]>]| list.iter().map(|text| text.to_vec()).collect();
        match condition {
            Condition::Text(text) | Condition::Exactly(text) => one(Kind::Exact, text),
            Condition::Prefix(text) => one(Kind::Prefix, text),
            Condition::Suffix(text) => one(Kind::Suffix, text),
            Condition::Folded(fold) => one(Kind::Folded, fold.source()),
            Condition::PrefixFolded(fold) => one(Kind::PrefixFolded, fold.source()),
            Condition::SuffixFolded(fold) => one(Kind::SuffixFolded, fold.source()),
            Condition::Wildcard(wildcard) => one(Kind::Wildcard, wildcard.source()),
            Condition::NotTexts(list) => many(Kind::NotTexts, texts(list)),
            Condition::NotPrefixes(list) => many(Kind::NotPrefixes, texts(list)),
            Condition::NotSuffixes(list) => many(Kind::NotSuffixes, texts(list)),
            Condition::NotFolded(list) => {
                many(Kind::NotFolded, list.iter().map(|fold| fold.source().to_vec()).collect())
            }
            Condition::NotWildcards(list) => many(
                Kind::NotWildcards,
                list.iter().map(|wildcard| wildcard.source().to_vec()).collect(),
            ),
            Condition::Number { text, value } => {
                let literal = Self { kind: Kind::Apart, texts: vec![text.as_bytes().to_vec()] };
                let number = value.map(|value| Self {
                    kind: Kind::Number,
                    texts: vec![b"=".to_vec(), value.to_bits().to_be_bytes().to_vec()],
                });
                number.into_iter().chain([literal]).collect()
            }
            Condition::True
            | Condition::False
            | Condition::Null
            | Condition::Address(_)
            | Condition::Exists => one(Kind::Apart, condition.to_string().as_bytes()),
            Condition::Numeric(..) | Condition::NotNumbers(..) => {
                one(Kind::Number, condition.to_string().as_bytes())
            }
            Condition::Absent => Vec::new(),
        }
    }

    /// Whether the service can take some of the pattern's characters for a star's.
    pub(super) fn confuses(&self) -> bool {
        let wide = self.texts.iter().any(|text| !text.is_ascii());
        self.kind.is_folded() || (self.kind.is_suffix() && wide)
    }

    /// The steps of each text.
    pub(super) fn chars(&self) -> Vec<Vec<Char>> {
        self.texts.iter().map(|text| steps(self.kind, text)).collect()
    }
}

/// The distinct texts of a list in the order of the service's hash set.
fn stored(kind: Kind, texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut distinct: Vec<Vec<u8>> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    let (before, after, reversed) = match kind {
        Kind::NotPrefixes => (true, false, false),
        Kind::NotSuffixes => (false, true, true),
        _ => (true, true, false),
    };
    javahash::order(distinct, before, after, reversed)
}

fn steps(kind: Kind, text: &[u8]) -> Vec<Char> {
    let bytes = |text: &[u8]| text.iter().copied().map(Char::Byte).collect::<Vec<_>>();
    let quote = [Char::Byte(b'"')];
    match kind {
        Kind::Exact | Kind::NotTexts | Kind::Apart | Kind::Number => {
            [&quote[..], &bytes(text), &quote[..]].concat()
        }
        Kind::Prefix | Kind::NotPrefixes => [&quote[..], &bytes(text)].concat(),
        Kind::Suffix | Kind::NotSuffixes => {
            let mut reversed = text.to_vec();
            reversed.reverse();
            [&quote[..], &bytes(&reversed)].concat()
        }
        Kind::Folded | Kind::NotFolded => [&quote[..], &folded(text, false), &quote[..]].concat(),
        Kind::PrefixFolded => [&quote[..], &folded(text, false)].concat(),
        Kind::SuffixFolded => [&quote[..], &folded(text, true)].concat(),
        Kind::Wildcard | Kind::NotWildcards => {
            let wildcard = Wildcard::parse(text).expect("it was parsed before");
            let mut steps = quote.to_vec();
            for (index, part) in wildcard.parts().iter().enumerate() {
                if index > 0 {
                    steps.push(Char::Star);
                }
                steps.extend(bytes(part));
            }
            steps.extend(quote);
            steps
        }
    }
}

fn folded(text: &[u8], reversed: bool) -> Vec<Char> {
    let fold = Fold::new(text);
    let mut units: Vec<Unit> = fold.units().to_vec();
    if reversed {
        units.reverse();
        for unit in &mut units {
            unit.lower.reverse();
            unit.upper.reverse();
        }
    }
    let mut steps = Vec::new();
    for unit in units {
        if unit.has_case() {
            steps.push(Char::Either(unit.lower, unit.upper));
        } else {
            steps.extend(unit.lower.iter().copied().map(Char::Byte));
        }
    }
    steps
}
