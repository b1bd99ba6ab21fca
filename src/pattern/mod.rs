//! EventBridge event patterns: parse, match one, match many. Pure.
//!
//! Main types: [`Pattern`], [`RuleSet`], [`Explanation`]. Invariant: the answer is the managed
//! service's, also where it is surprising; one pattern's answer and a rule set's never differ.
//!
//! # The service and the library
//! The service is built on the public library event-ruler. Where the two differ, this module does
//! what the service does:
//! - a malformed `$or` is refused, where the library silently takes `$or` for a field name;
//! - a pattern is refused above a wildcard complexity of 10;
//! - `$or` may multiply out to at most 1,000 alternatives;
//! - an event's numbers with a fraction or an exponent pass through a double before they are
//!   matched, so `1.0000000000000001` in an event matches `1`;
//! - messages start with `Event pattern is not valid. Reason: `.
//!
//! What looks like a slip of the library is kept where it can be observed, because it is the
//! service's answer, too:
//! - wildcards share states with texts in any case (and with suffixes of several bytes a character)
//!   in one field, and such a field then accepts more than its conditions say;
//! - a surrogate pair in `equals-ignore-case` is two question marks;
//! - a prefix that ends in a quote also matches the text that ends there, and a suffix that starts
//!   with one the text that starts there;
//! - addresses are compared as hexadecimal text, so that blocks reach into the other family, and a
//!   block can accept a number, unless the field also compares numbers;
//! - of several bad members of a list, the first one in the order of a Java hash set is refused.
//!
//! Deviations, none of which any captured answer shows:
//! - event-ruler can take the bytes of an encoded double for a suffix, if the same field also has a
//!   numeric condition, and the digits of an address for an 8-digit integer literal; this module
//!   does not reproduce those collisions;
//! - event-ruler does not look below a key `""` that ends a path (`{"a":{"":1}}`); this module does;
//! - Java before version 19 prints a few doubles with a digit too many, and then does not compare
//!   the shorter spelling;
//! - an event whose arrays combine in more ways than can be followed is an [`EventError`].
//!
//! # Limits
//! A pattern has at most 4,096 characters, the API model's limit (an account's own quota, 2,048
//! unless raised, is not checked); it nests at most 1,000 levels, as in the service's parser, has at
//! most 1,000 alternatives of at most 256 fields, and a wildcard complexity of at most 10. An event
//! nests at most 1,000 levels. What a match may cost is bounded by those and by the event's length,
//! except for the combinations of arrays, which are counted.
//!
//! # Shape
//! `tokens`, `parse` and `operators` read a pattern as the service's parser does; `machine` is the
//! service's own layout of it, for the complexity limit and the quirks; `event` finds the wanted
//! leaves in one pass; `condition` judges one leaf and `matching` binds leaves to fields; `ruleset`
//! is the index over many patterns.
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>.

mod cidr;
mod condition;
mod error;
mod event;
mod explain;
mod fold;
pub(crate) mod glob;
mod javahash;
mod machine;
mod matching;
mod number;
mod operators;
mod parse;
mod paths;
mod ruleset;
mod tokens;
mod wildcard;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use condition::{Condition, Modes, Scalar};
use event::Leaves;
use machine::Quirk;
use matching::Binder;
use paths::{PathId, Paths};

pub use error::{EventError, PatternError, Position};
pub use explain::{Explanation, Failure, Mismatch};
pub use ruleset::RuleSet;

/// The largest wildcard complexity that the service accepts.
const MAX_COMPLEXITY: usize = 10;
/// The service's refusal above that.
const TOO_COMPLEX: &str = "Rule is too complex - try using fewer wildcard characters or fewer \
                           repeating character sequences after a wildcard character";

/// The wildcard complexity that the service counts for a pattern, at most `cap`; it accepts
/// patterns up to 10.
///
/// # Errors
/// As [`Pattern::parse`], except for the complexity itself.
pub fn complexity(text: &str, cap: usize) -> Result<usize, PatternError> {
    Ok(Compiled::new(text)?.complexity(cap))
}

/// An event pattern that the service accepts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pattern {
    compiled: Arc<Compiled>,
}

/// A pattern's paths and alternatives.
#[derive(Debug)]
struct Compiled {
    source: Box<str>,
    /// The paths' names, by number.
    names: Vec<Box<[u8]>>,
    /// The paths as an event's scan looks them up, made when the pattern is first matched alone.
    paths: OnceLock<Paths>,
    alternatives: Vec<Box<[Field]>>,
}

/// One field of an alternative; an alternative's fields are in the service's path order.
#[derive(Debug, Clone)]
struct Field {
    path: PathId,
    /// Its place in the service's path order.
    order: u32,
    modes: Modes,
    /// One of the conditions is that the field is absent.
    absent: bool,
    conditions: Arc<[Condition]>,
    /// The field's texts are matched by the service's own layout, which accepts more.
    quirk: Option<Arc<Quirk>>,
}

impl Pattern {
    /// Parses a pattern, or refuses it as `PutRule` and `TestEventPattern` do.
    ///
    /// # Errors
    /// The service's code, message and position.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut compiled = Compiled::new(text)?;
        if compiled.complexity(MAX_COMPLEXITY + 1) > MAX_COMPLEXITY {
            return Err(PatternError::without_position(TOO_COMPLEX));
        }
        compiled.share_modes();
        compiled.add_quirks();
        Ok(Self { compiled: Arc::new(compiled) })
    }

    /// The pattern's text.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// Whether the pattern matches an event.
    ///
    /// # Errors
    /// The event is not a JSON object, or breaks a limit of [`EventError`].
    pub fn matches(&self, event: &str) -> Result<bool, EventError> {
        self.compiled.matches(event, &self.compiled.scan(event)?)
    }

    /// Whether the pattern matches an event, and if not, why not.
    ///
    /// # Errors
    /// As [`Pattern::matches`].
    pub fn explain(&self, event: &str) -> Result<Explanation, EventError> {
        explain::explain(&self.compiled, event, &self.compiled.scan(event)?)
    }
}

impl Compiled {
    /// Everything but the complexity limit.
    fn new(text: &str) -> Result<Self, PatternError> {
        let alternatives = parse::parse(text)?;
        let broken = alternatives.iter().flat_map(BTreeMap::values).flat_map(|list| list.iter());
        if broken.into_iter().any(breaks_the_service) {
            return Err(PatternError::internal());
        }
        let mut numbers: BTreeMap<&[u8], PathId> = BTreeMap::new();
        for path in alternatives.iter().flat_map(BTreeMap::keys) {
            let next = PathId::try_from(numbers.len()).expect("a pattern is short");
            numbers.entry(path).or_insert(next);
        }
        let mut names = vec![Box::default(); numbers.len()];
        for (name, path) in &numbers {
            names[*path as usize] = (*name).into();
        }
        let mut shared: HashMap<*const Condition, Arc<[Condition]>> = HashMap::new();
        let mut compile = |(path, conditions): (&Vec<u8>, &parse::Conditions)| {
            let path = numbers[path.as_slice()];
            let list = shared.entry(conditions.as_ptr());
            let conditions = Arc::clone(list.or_insert_with(|| (**conditions).into()));
            let absent = conditions.contains(&Condition::Absent);
            let modes = Modes { numeric: conditions.iter().any(Condition::is_numeric) };
            Field { path, order: 0, modes, absent, conditions, quirk: None }
        };
        let mut fields = |alternative: &parse::Alternative| {
            let mut fields: Vec<_> = alternative.iter().collect();
            fields.sort_by_cached_key(|(path, _)| utf16(path));
            let ordered = |(order, field)| Field { order, ..field };
            (0..).zip(fields.into_iter().map(&mut compile)).map(ordered).collect()
        };
        let alternatives = alternatives.iter().map(&mut fields).collect();
        Ok(Self { source: text.into(), names, paths: OnceLock::new(), alternatives })
    }

    fn fields(&self) -> Vec<Vec<(PathId, Arc<[Condition]>)>> {
        let field = |field: &'_ Field| (field.path, Arc::clone(&field.conditions));
        self.alternatives.iter().map(|fields| fields.iter().map(field).collect()).collect()
    }

    fn complexity(&self, cap: usize) -> usize {
        if self.any(|one| matches!(one, Condition::Wildcard(_) | Condition::NotWildcards(_))) {
            machine::complexity(&self.fields(), cap)
        } else {
            0
        }
    }

    /// Whether any condition is of a kind.
    fn any(&self, kind: impl Fn(&Condition) -> bool) -> bool {
        let fields = self.alternatives.iter().flatten();
        fields.flat_map(|field| field.conditions.iter()).any(kind)
    }

    /// Alternatives share the reading of a field's numbers, which matters to address ranges only.
    fn share_modes(&mut self) {
        let address = |one: &Condition| matches!(one, Condition::Address(_));
        if self.alternatives.len() < 2 || !self.any(address) || !self.any(Condition::is_numeric) {
            return;
        }
        let numeric = machine::numeric(&self.fields());
        for (fields, numeric) in self.alternatives.iter_mut().zip(numeric) {
            for (field, numeric) in fields.iter_mut().zip(numeric) {
                field.modes.numeric |= numeric;
            }
        }
    }

    fn add_quirks(&mut self) {
        let wide = |list: &[Box<[u8]>]| list.iter().any(|text| !text.is_ascii());
        let confuses = |one: &Condition| match one {
            Condition::Folded(_)
            | Condition::PrefixFolded(_)
            | Condition::SuffixFolded(_)
            | Condition::NotFolded(_) => true,
            Condition::Suffix(text) => !text.is_ascii(),
            Condition::NotSuffixes(list) => wide(list),
            _ => false,
        };
        let wild =
            |one: &Condition| matches!(one, Condition::Wildcard(_) | Condition::NotWildcards(_));
        if !self.any(wild) || !self.any(confuses) {
            return;
        }
        let quirks = machine::quirks(&self.fields());
        for (fields, quirks) in self.alternatives.iter_mut().zip(quirks) {
            for (field, quirk) in fields.iter_mut().zip(quirks) {
                field.quirk = quirk.map(Arc::new);
            }
        }
    }

    fn paths(&self) -> &Paths {
        self.paths.get_or_init(|| {
            let mut paths = Paths::new();
            for name in &self.names {
                paths.insert(name);
            }
            paths
        })
    }

    /// Scans an event with a close look at all of it.
    fn scan(&self, event: &str) -> Result<Leaves, EventError> {
        let mut leaves = Leaves::default();
        event::scan(event, self.paths(), &mut leaves)?;
        Ok(leaves)
    }

    fn matches(&self, event: &str, leaves: &Leaves) -> Result<bool, EventError> {
        let mut binder = Binder::default();
        for fields in &self.alternatives {
            if binder.satisfies(fields, leaves, event)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Field {
    /// Whether a leaf satisfies one of the conditions.
    fn accepts(&self, value: &Scalar<'_>) -> bool {
        match (&self.quirk, value) {
            (Some(quirk), Scalar::Text(text)) => {
                let mut apart = self.conditions.iter().filter(|one| !one.is_textual());
                quirk.accepts(text) || apart.any(|one| one.accepts(value, self.modes))
            }
            _ => self.conditions.iter().any(|one| one.accepts(value, self.modes)),
        }
    }
}

/// Whether the service fails (with its generic error) on a condition that it parsed.
fn breaks_the_service(condition: &Condition) -> bool {
    match condition {
        Condition::NotPrefixes(list) | Condition::NotSuffixes(list) => list.is_empty(),
        Condition::NotFolded(list) => list.is_empty(),
        Condition::NotWildcards(list) => list.is_empty(),
        // A range from the largest double up, or from the smallest down, has no second bound.
        Condition::Numeric(range, shown) => range.low >= range.high && !shown.starts_with("[\"=\""),
        Condition::Text(_)
        | Condition::Exactly(_)
        | Condition::Number { .. }
        | Condition::True
        | Condition::False
        | Condition::Null
        | Condition::Prefix(_)
        | Condition::Suffix(_)
        | Condition::Folded(_)
        | Condition::PrefixFolded(_)
        | Condition::SuffixFolded(_)
        | Condition::Wildcard(_)
        | Condition::Address(_)
        | Condition::Exists
        | Condition::Absent
        | Condition::NotTexts(_)
        | Condition::NotNumbers(..) => false,
    }
}

/// A path's UTF-16 units, in whose order the service binds fields.
fn utf16(path: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let first = u32::from(path[at]);
        let length = match first {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        let lead = if length == 1 { first } else { first & (0x7f >> length) };
        let rest = path.get(at + 1..at + length).unwrap_or_default();
        let code = rest.iter().fold(lead, |code, byte| (code << 6) | u32::from(byte & 0x3f));
        if code >= 0x1_0000 {
            let offset = code - 0x1_0000;
            units.push(0xd800 | u16::try_from(offset >> 10).unwrap_or(0));
            units.push(0xdc00 | u16::try_from(offset & 0x3ff).unwrap_or(0));
        } else {
            units.push(u16::try_from(code).unwrap_or(0));
        }
        at += length;
    }
    units
}
