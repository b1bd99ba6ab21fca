//! A plain evaluator of event patterns, written for the tests: no index, no scan, no sharing.
//!
//! Main types: [`Event`], [`PatternTree`]. Invariant: it shares no code with the crate and works on
//! trees, from which the texts that the crate reads are printed.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A value of an event.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Text(String),
    /// The text of a number.
    Number(&'static str),
    /// `true`, `false` or `null`.
    Word(&'static str),
    Array(Vec<Event>),
    Object(Vec<(String, Event)>),
}

/// One condition of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Text(String),
    Number(&'static str),
    Word(&'static str),
    Prefix(String),
    Suffix(String),
    Folded(String),
    PrefixFolded(String),
    SuffixFolded(String),
    Wildcard(String),
    /// Bounds with their operators.
    Numeric(Vec<(&'static str, &'static str)>),
    Cidr(&'static str),
    Exists(bool),
    /// The operator (empty for plain values) and its texts.
    Not(&'static str, Vec<String>),
    NotNumbers(Vec<&'static str>),
}

/// A pattern.
#[derive(Debug, Clone)]
pub(super) struct PatternTree(pub(super) Vec<(String, Part)>);

/// What a key of a pattern holds.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Conditions(Vec<Condition>),
    Nested(PatternTree),
    /// The branches of `$or`.
    Or(Vec<PatternTree>),
}

/// A leaf of an event with the array elements that it lies in.
struct Leaf {
    path: String,
    value: Event,
    elements: BTreeMap<usize, usize>,
}

type Alternative = BTreeMap<String, Vec<Condition>>;

impl PatternTree {
    /// Whether the pattern matches an event.
    pub(super) fn matches(&self, event: &Event) -> bool {
        let mut leaves = Vec::new();
        flatten(event, "", &BTreeMap::new(), &mut 0, &mut leaves);
        let mut alternatives = Vec::new();
        self.expand("", &mut alternatives);
        alternatives.iter().any(|fields| {
            let fields: Vec<_> = fields.iter().collect();
            bind(&fields, &leaves, &BTreeMap::new())
        })
    }

    fn expand(&self, path: &str, alternatives: &mut Vec<Alternative>) {
        for (key, part) in &self.0 {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match part {
                Part::Nested(tree) => tree.expand(&below, alternatives),
                Part::Conditions(conditions) => {
                    if alternatives.is_empty() {
                        alternatives.push(Alternative::new());
                    }
                    for alternative in alternatives.iter_mut() {
                        alternative.insert(below.clone(), conditions.clone());
                    }
                }
                Part::Or(branches) => {
                    let before = std::mem::take(alternatives);
                    for branch in branches {
                        let mut inside = before.clone();
                        if inside.is_empty() {
                            inside.push(Alternative::new());
                        }
                        branch.expand(path, &mut inside);
                        alternatives.append(&mut inside);
                    }
                }
            }
        }
    }
}

fn flatten(
    value: &Event,
    path: &str,
    elements: &BTreeMap<usize, usize>,
    arrays: &mut usize,
    leaves: &mut Vec<Leaf>,
) {
    match value {
        Event::Object(members) => {
            for (key, member) in members {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(member, &below, elements, arrays, leaves);
            }
        }
        Event::Array(members) => {
            let array = *arrays;
            *arrays += 1;
            for (index, member) in members.iter().enumerate() {
                let mut inner = elements.clone();
                if matches!(member, Event::Array(_) | Event::Object(_)) {
                    inner.insert(array, index);
                }
                flatten(member, path, &inner, arrays, leaves);
            }
        }
        scalar => leaves.push(Leaf {
            path: path.to_owned(),
            value: scalar.clone(),
            elements: elements.clone(),
        }),
    }
}

/// Both together, unless an array would be in two elements.
fn join(
    one: &BTreeMap<usize, usize>,
    other: &BTreeMap<usize, usize>,
) -> Option<BTreeMap<usize, usize>> {
    let mut joined = one.clone();
    for (array, index) in other {
        if *joined.entry(*array).or_insert(*index) != *index {
            return None;
        }
    }
    Some(joined)
}

fn bind(
    fields: &[(&String, &Vec<Condition>)],
    leaves: &[Leaf],
    bound: &BTreeMap<usize, usize>,
) -> bool {
    let Some(((path, conditions), rest)) = fields.split_first() else {
        return true;
    };
    let here = || leaves.iter().filter(|leaf| leaf.path == **path);
    let by_value = here().any(|leaf| {
        conditions.iter().any(|one| one.accepts(&leaf.value, conditions))
            && join(bound, &leaf.elements).is_some_and(|bound| bind(rest, leaves, &bound))
    });
    let may_miss = conditions.iter().any(|one| matches!(one, Condition::Exists(false)));
    by_value
        || (may_miss
            && here().all(|leaf| join(bound, &leaf.elements).is_none())
            && bind(rest, leaves, bound))
}

/// The number of a literal that the service can compare, by hand for the odd ones.
fn comparable(text: &str) -> Option<f64> {
    match text {
        "9007199254740993"
        | "1.0000000000000001"
        | "123456789012345678901234567890"
        | "-122.422003528252475"
        | "1e309" => None,
        plain => Some(plain.parse().expect("a number")),
    }
}

/// An event's number: with a fraction or an exponent it passes through a double first.
fn of_event(text: &str) -> Option<f64> {
    if text.contains(['.', 'e', 'E']) {
        Some(text.parse::<f64>().expect("a number")).filter(|value| value.is_finite())
    } else {
        comparable(text)
    }
}

fn hex(text: &str) -> Option<String> {
    if text.contains(':') && text.contains('.') {
        // The service knows no IPv6 address that ends like an IPv4 one.
        return None;
    }
    match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(four) => Some(format!("{:08X}", u32::from(four))),
        IpAddr::V6(six) => Some(format!("{:032X}", u128::from(six))),
    }
}

/// Whether a text's digits decide that it is in a block.
fn in_block(text: &str, block: &str) -> bool {
    let (address, bits) = block.split_once('/').expect("a block");
    let bits: u32 = bits.parse().expect("a number");
    let (low, high) = match address.parse::<IpAddr>().expect("an address") {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            let low = u32::from(four) & mask;
            (format!("{low:08X}"), format!("{:08X}", low | !mask))
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            let low = u128::from(six) & mask;
            (format!("{low:032X}"), format!("{:032X}", low | !mask))
        }
    };
    let digits: String =
        text.chars().take_while(|digit| matches!(digit, '0'..='9' | 'A'..='F')).collect();
    let lead = &digits[..digits.len().min(low.len())];
    let whole = lead.len() == low.len();
    let above = *lead > low[..lead.len()] || (whole && lead == low);
    let below = *lead < high[..lead.len()] || (whole && lead == high);
    above && below
}

fn folds(pattern: char, text: char) -> bool {
    text == pattern.to_ascii_lowercase() || text == pattern.to_ascii_uppercase()
}

fn folded_start(pattern: &str, text: &str) -> bool {
    let mut text = text.chars();
    pattern.chars().all(|one| text.next().is_some_and(|other| folds(one, other)))
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

fn wild(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| wild(rest, &text[skip..])),
        Some(('\\', rest)) => text.first() == Some(&rest[0]) && wild(&rest[1..], &text[1..]),
        Some((one, rest)) => text.first() == Some(one) && wild(rest, &text[1..]),
    }
}

fn is_wild(pattern: &str, text: &str) -> bool {
    wild(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

impl Condition {
    fn is_numeric(&self) -> bool {
        match self {
            Self::Number(text) => comparable(text).is_some(),
            other => matches!(other, Self::Numeric(_) | Self::NotNumbers(_)),
        }
    }

    fn accepts(&self, leaf: &Event, all: &[Condition]) -> bool {
        match (self, leaf) {
            (Self::Exists(wanted), _) => *wanted,
            (Self::Word(wanted), Event::Word(word)) => wanted == word,
            (_, Event::Text(text)) => self.accepts_text(text),
            (_, Event::Number(text)) => self.accepts_number(text, all),
            (Self::Not(..) | Self::NotNumbers(_), _) => true,
            _ => false,
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        let quoted = format!("\"{text}\"");
        let excluded = |operator: &str, not: &str| match operator {
            "" => not == text,
            "prefix" => quoted.starts_with(&format!("\"{not}")),
            "suffix" => quoted.ends_with(&format!("{not}\"")),
            "wildcard" => is_wild(not, text),
            _ => not.chars().count() == text.chars().count() && folded_start(not, text),
        };
        match self {
            Self::Text(wanted) => {
                wanted == text || hex(wanted).zip(hex(text)).is_some_and(|(a, b)| b.starts_with(&a))
            }
            Self::Prefix(prefix) => quoted.starts_with(&format!("\"{prefix}")),
            Self::Suffix(suffix) => quoted.ends_with(&format!("{suffix}\"")),
            Self::Folded(wanted) => {
                wanted.chars().count() == text.chars().count() && folded_start(wanted, text)
            }
            Self::PrefixFolded(prefix) => folded_start(&format!("\"{prefix}"), &quoted),
            Self::SuffixFolded(suffix) => {
                folded_start(&format!("\"{}", reversed(suffix)), &reversed(&quoted))
            }
            Self::Wildcard(pattern) => is_wild(pattern, text),
            Self::Cidr(block) => hex(text).is_some_and(|hex| in_block(&hex, block)),
            Self::Not(operator, list) => !list.iter().any(|not| excluded(operator, not)),
            Self::NotNumbers(_) => true,
            _ => false,
        }
    }

    #[expect(clippy::float_cmp, reason = "the service compares doubles for equality")]
    fn accepts_number(&self, text: &str, all: &[Condition]) -> bool {
        let value = of_event(text);
        let holds = |operator: &str, value: f64, bound: f64| match operator {
            "=" => value == bound,
            "<" => value < bound,
            "<=" => value <= bound,
            ">" => value > bound,
            _ => value >= bound,
        };
        match self {
            Self::Number(wanted) => match (comparable(wanted), value) {
                (Some(wanted), Some(value)) => wanted == value,
                // A double beyond all doubles is no longer the text that it was.
                (None, None) => *wanted == text && !text.contains(['.', 'e', 'E']),
                _ => false,
            },
            Self::Numeric(bounds) => value.is_some_and(|value| {
                bounds.iter().all(|(operator, bound)| {
                    holds(operator, value, comparable(bound).expect("comparable"))
                })
            }),
            Self::NotNumbers(list) => {
                !value.is_some_and(|value| list.iter().any(|not| comparable(not) == Some(value)))
            }
            Self::Cidr(block) => {
                let as_number = value.is_some() && all.iter().any(Self::is_numeric);
                let is_double = text.contains(['.', 'e', 'E']);
                let double = || format!("{:?}", text.parse::<f64>().expect("a number"));
                let text = if is_double { double() } else { text.to_owned() };
                !as_number && in_block(&text, block)
            }
            Self::Not(..) => true,
            _ => false,
        }
    }
}
