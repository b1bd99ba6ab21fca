//! One condition of a field, and whether one leaf of an event satisfies it.
//!
//! Main types: [`Condition`], [`Scalar`]. Invariant: a condition never depends on anything but the
//! leaf and the field's [`Modes`].

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::cidr::{self, AddressRange};
use super::fold::Fold;
use super::number;
use super::wildcard::Wildcard;

/// A leaf of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'e> {
    Text(&'e [u8]),
    Number(Number<'e>),
    True,
    False,
    Null,
}

/// A number of an event: its source text and, when the service can compare it, its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number<'e> {
    pub(crate) text: &'e str,
    pub(crate) value: Option<f64>,
}

impl<'e> Number<'e> {
    /// The service keeps an integer's text and reads anything else as a double.
    pub(crate) fn new(text: &'e str) -> Self {
        let value = if is_integer(text) {
            number::comparable(text)
        } else {
            text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value + 0.0)
        };
        Self { text, value }
    }

    /// The text that the service matches as text.
    fn rendered(&self) -> Cow<'e, str> {
        if is_integer(self.text) {
            Cow::Borrowed(self.text)
        } else {
            Cow::Owned(number::java_text(self.text.parse().unwrap_or(f64::INFINITY)))
        }
    }
}

fn is_integer(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// What a field's other conditions change about how the service reads its leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Modes {
    /// Some condition compares numbers: a comparable number is then compared only as one.
    pub(crate) numeric: bool,
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NumericRange {
    pub(crate) low: f64,
    pub(crate) low_open: bool,
    pub(crate) high: f64,
    pub(crate) high_open: bool,
}

impl NumericRange {
    pub(crate) fn contains(&self, value: f64) -> bool {
        let above = if self.low_open { value > self.low } else { value >= self.low };
        let below = if self.high_open { value < self.high } else { value <= self.high };
        above && below
    }
}

/// A list of texts that must not match, as the pattern lists them.
pub(crate) type Texts = Box<[Box<[u8]>]>;

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Text(Box<[u8]>),
    /// Written as `{"exactly": …}`; the same as `Text`, but never an address.
    Exactly(Box<[u8]>),
    Number {
        text: Box<str>,
        value: Option<f64>,
    },
    True,
    False,
    Null,
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Folded(Fold),
    PrefixFolded(Fold),
    SuffixFolded(Fold),
    Wildcard(Wildcard),
    /// A numeric range with the text of its list, for explanations.
    Numeric(NumericRange, Box<str>),
    Address(Box<AddressRange>),
    Exists,
    Absent,
    NotTexts(Texts),
    NotNumbers(Box<[f64]>, Box<str>),
    NotPrefixes(Texts),
    NotSuffixes(Texts),
    NotFolded(Box<[Fold]>),
    NotWildcards(Box<[Wildcard]>),
}

impl Condition {
    /// Whether the condition makes the service read the field's numbers as numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        match self {
            Self::Number { value, .. } => value.is_some(),
            Self::Numeric(..) | Self::NotNumbers(..) => true,
            Self::Text(_)
            | Self::Exactly(_)
            | Self::True
            | Self::False
            | Self::Null
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Folded(_)
            | Self::PrefixFolded(_)
            | Self::SuffixFolded(_)
            | Self::Wildcard(_)
            | Self::Address(_)
            | Self::Exists
            | Self::Absent
            | Self::NotTexts(_)
            | Self::NotPrefixes(_)
            | Self::NotSuffixes(_)
            | Self::NotFolded(_)
            | Self::NotWildcards(_) => false,
        }
    }

    /// Whether the condition is about the characters of texts.
    pub(crate) fn is_textual(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::Exactly(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Folded(_)
            | Self::PrefixFolded(_)
            | Self::SuffixFolded(_)
            | Self::Wildcard(_)
            | Self::NotTexts(_)
            | Self::NotPrefixes(_)
            | Self::NotSuffixes(_)
            | Self::NotFolded(_)
            | Self::NotWildcards(_) => true,
            Self::Number { .. }
            | Self::True
            | Self::False
            | Self::Null
            | Self::Numeric(..)
            | Self::Address(_)
            | Self::Exists
            | Self::Absent
            | Self::NotNumbers(..) => false,
        }
    }

    /// Whether a leaf satisfies the condition. `Absent` is satisfied by no leaf.
    pub(crate) fn accepts(&self, leaf: &Scalar<'_>, modes: Modes) -> bool {
        match (self, leaf) {
            (Self::Exists, _)
            | (Self::True, Scalar::True)
            | (Self::False, Scalar::False)
            | (Self::Null, Scalar::Null) => true,
            (Self::Absent, _) => false,
            (_, Scalar::Text(text)) => self.accepts_text(text),
            (_, Scalar::Number(number)) => self.accepts_number(number, modes),
            (_, Scalar::True | Scalar::False | Scalar::Null) => self.is_negative(),
        }
    }

    /// Whether the condition names what must not match.
    fn is_negative(&self) -> bool {
        matches!(
            self,
            Self::NotTexts(_)
                | Self::NotNumbers(..)
                | Self::NotPrefixes(_)
                | Self::NotSuffixes(_)
                | Self::NotFolded(_)
                | Self::NotWildcards(_)
        )
    }

    fn accepts_text(&self, text: &[u8]) -> bool {
        match self {
            Self::Text(wanted) | Self::Exactly(wanted) => **wanted == *text,
            Self::Prefix(prefix) => starts(text, prefix),
            Self::Suffix(suffix) => ends(text, suffix),
            Self::Folded(fold) => fold.equals(text),
            Self::PrefixFolded(fold) => fold.starts(text),
            Self::SuffixFolded(fold) => fold.ends(text),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::Address(range) => {
                cidr::hex(text).is_some_and(|hex| range.contains(hex.as_bytes()))
            }
            Self::NotTexts(texts) => !texts.iter().any(|not| **not == *text),
            Self::NotPrefixes(texts) => !texts.iter().any(|not| starts(text, not)),
            Self::NotSuffixes(texts) => !texts.iter().any(|not| ends(text, not)),
            Self::NotFolded(folds) => !folds.iter().any(|not| not.equals(text)),
            Self::NotWildcards(list) => !list.iter().any(|not| not.matches(text)),
            Self::NotNumbers(..) | Self::Exists => true,
            Self::Number { .. }
            | Self::True
            | Self::False
            | Self::Null
            | Self::Numeric(..)
            | Self::Absent => false,
        }
    }

    fn accepts_number(&self, number: &Number<'_>, modes: Modes) -> bool {
        match self {
            Self::Number { text, value: None } => is_integer(number.text) && **text == *number.text,
            Self::Number { value, .. } => *value == number.value,
            Self::Numeric(range, _) => number.value.is_some_and(|value| range.contains(value)),
            Self::NotNumbers(list, _) => !number.value.is_some_and(|value| list.contains(&value)),
            Self::Address(range) => {
                let as_number = modes.numeric && number.value.is_some();
                !as_number && range.contains(number.rendered().as_bytes())
            }
            _ => self.is_negative() || matches!(self, Self::Exists),
        }
    }
}

/// Whether `text` starts with `prefix`. The service matches the text with its quotes, so a prefix
/// that ends in a quote also matches the text that ends there.
pub(crate) fn starts(text: &[u8], prefix: &[u8]) -> bool {
    text.starts_with(prefix) || prefix.strip_suffix(b"\"") == Some(text)
}

/// Whether `text` ends with `suffix`, with the same reach into the quotes.
pub(crate) fn ends(text: &[u8], suffix: &[u8]) -> bool {
    text.ends_with(suffix) || suffix.strip_prefix(b"\"") == Some(text)
}

/// Writes bytes as a JSON string.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_control() => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a string takes any text");
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

fn list<'t>(texts: impl ExactSizeIterator<Item = &'t [u8]>) -> String {
    let many = texts.len() != 1;
    let joined = texts.map(quoted).collect::<Vec<_>>().join(",");
    if many { format!("[{joined}]") } else { joined }
}

impl fmt::Display for Condition {
    /// The condition as the pattern spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |texts: &Texts| list(texts.iter().map(|text| &**text));
        match self {
            Self::Text(text) => write!(f, "{}", quoted(text)),
            Self::Exactly(text) => write!(f, "{{\"exactly\":{}}}", quoted(text)),
            Self::Number { text, .. } => write!(f, "{text}"),
            Self::True => write!(f, "true"),
            Self::False => write!(f, "false"),
            Self::Null => write!(f, "null"),
            Self::Prefix(text) => write!(f, "{{\"prefix\":{}}}", quoted(text)),
            Self::Suffix(text) => write!(f, "{{\"suffix\":{}}}", quoted(text)),
            Self::Folded(fold) => {
                write!(f, "{{\"equals-ignore-case\":{}}}", quoted(fold.source()))
            }
            Self::PrefixFolded(fold) => {
                write!(f, "{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", quoted(fold.source()))
            }
            Self::SuffixFolded(fold) => {
                write!(f, "{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", quoted(fold.source()))
            }
            Self::Wildcard(wildcard) => {
                write!(f, "{{\"wildcard\":{}}}", quoted(wildcard.source()))
            }
            Self::Numeric(_, text) => write!(f, "{{\"numeric\":{text}}}"),
            Self::Address(range) if range.is_literal() => {
                write!(f, "{}", quoted(range.source().as_bytes()))
            }
            Self::Address(range) => {
                write!(f, "{{\"cidr\":{}}}", quoted(range.source().as_bytes()))
            }
            Self::Exists => write!(f, "{{\"exists\":true}}"),
            Self::Absent => write!(f, "{{\"exists\":false}}"),
            Self::NotTexts(list) => write!(f, "{{\"anything-but\":{}}}", texts(list)),
            Self::NotNumbers(_, text) => write!(f, "{{\"anything-but\":{text}}}"),
            Self::NotPrefixes(list) => {
                write!(f, "{{\"anything-but\":{{\"prefix\":{}}}}}", texts(list))
            }
            Self::NotSuffixes(list) => {
                write!(f, "{{\"anything-but\":{{\"suffix\":{}}}}}", texts(list))
            }
            Self::NotFolded(folds) => write!(
                f,
                "{{\"anything-but\":{{\"equals-ignore-case\":{}}}}}",
                list(folds.iter().map(Fold::source))
            ),
            Self::NotWildcards(wildcards) => write!(
                f,
                "{{\"anything-but\":{{\"wildcard\":{}}}}}",
                list(wildcards.iter().map(Wildcard::source))
            ),
        }
    }
}
