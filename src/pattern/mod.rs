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
//! Known and deliberate deviations, none of which any captured answer shows:
//! - event-ruler can take the bytes of an encoded double for a suffix, if the same field also has a
//!   numeric condition, and the digits of an address for an 8-digit integer literal; this module
//!   does not reproduce those collisions;
//! - an event that repeats a key with an array each time can combine in more ways than can be
//!   followed; from 100,000 ways on that is an [`EventError`].
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>.

mod cidr;
mod condition;
mod error;
mod event;
mod explain;
mod fold;
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
use std::sync::Arc;

use condition::{Condition, Modes, Scalar};
use event::{Leaves, MembershipId};
use machine::Quirk;
use matching::Bound;
use paths::{PathId, Paths};

pub use error::{EventError, PatternError, Position};
pub use explain::{Explanation, Failure, Mismatch};
pub use ruleset::RuleSet;

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
    paths: Paths,
    /// The paths' names, by number.
    names: Vec<Box<[u8]>>,
    /// How each path's leaves are read, by number.
    modes: Vec<Modes>,
    alternatives: Vec<Vec<Field>>,
}

/// One field of an alternative; an alternative's fields are in the service's path order.
#[derive(Debug, Clone)]
struct Field {
    path: PathId,
    conditions: Arc<[Condition]>,
    /// The field's texts are matched by the service's own layout, which accepts more.
    quirk: Option<Quirk>,
}

/// The largest wildcard complexity that the service accepts.
const MAX_COMPLEXITY: usize = 10;

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
        let leaves = event::scan(event, &self.compiled.paths)?;
        self.compiled.matches(&leaves)
    }

    /// Whether the pattern matches an event, and if not, why not.
    ///
    /// # Errors
    /// As [`Pattern::matches`].
    pub fn explain(&self, event: &str) -> Result<Explanation, EventError> {
        let leaves = event::scan(event, &self.compiled.paths)?;
        explain::explain(&self.compiled, &leaves)
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
        let mut compiled = Self {
            source: text.into(),
            paths: Paths::new(),
            names: Vec::new(),
            modes: Vec::new(),
            alternatives: Vec::new(),
        };
        let mut shared: HashMap<*const Condition, Arc<[Condition]>> = HashMap::new();
        for alternative in &alternatives {
            let mut fields: Vec<_> = alternative.iter().collect();
            fields.sort_by_cached_key(|(path, _)| utf16(path));
            let mut compile = |(path, conditions): (&Vec<u8>, &parse::Conditions)| {
                let list =
                    shared.entry(conditions.as_ptr()).or_insert_with(|| (**conditions).into());
                compiled.field(path, Arc::clone(list))
            };
            let fields = fields.into_iter().map(&mut compile).collect();
            compiled.alternatives.push(fields);
        }
        Ok(compiled)
    }

    fn fields(&self) -> Vec<Vec<(PathId, Arc<[Condition]>)>> {
        let field = |field: &'_ Field| (field.path, Arc::clone(&field.conditions));
        self.alternatives.iter().map(|fields| fields.iter().map(field).collect()).collect()
    }

    fn complexity(&self, cap: usize) -> usize {
        machine::complexity(&self.fields(), cap)
    }

    fn add_quirks(&mut self) {
        let quirks = machine::quirks(&self.fields());
        for (fields, quirks) in self.alternatives.iter_mut().zip(quirks) {
            for (field, quirk) in fields.iter_mut().zip(quirks) {
                field.quirk = quirk;
            }
        }
    }

    fn field(&mut self, path: &[u8], conditions: Arc<[Condition]>) -> Field {
        let path_id = self.paths.insert(path);
        if self.names.len() < self.paths.len() {
            self.names.push(path.into());
            self.modes.push(Modes::default());
        }
        let numeric = conditions.iter().any(Condition::is_numeric);
        self.modes[path_id as usize].numeric |= numeric;
        Field { path: path_id, conditions, quirk: None }
    }

    fn matches(&self, leaves: &Leaves<'_>) -> Result<bool, EventError> {
        let all = self.memberships(leaves);
        for alternative in &self.alternatives {
            if let Some(bound) = self.bind(alternative, leaves, &all)
                && matching::satisfies(&bound, leaves)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The memberships of all leaves, by path.
    fn memberships(&self, leaves: &Leaves<'_>) -> Vec<Vec<MembershipId>> {
        let mut all = vec![Vec::new(); self.paths.len()];
        for leaf in &leaves.leaves {
            all[leaf.path as usize].push(leaf.membership);
        }
        all
    }

    /// Which leaves satisfy each field, or nothing when some field has none.
    fn bind<'l>(
        &self,
        fields: &[Field],
        leaves: &Leaves<'_>,
        all: &'l [Vec<MembershipId>],
    ) -> Option<Vec<Bound<'l>>> {
        let bound = |field: &Field| {
            let absent = field.conditions.contains(&Condition::Absent);
            let hits = self.hits(field, leaves);
            let path = field.path;
            (absent || !hits.is_empty()).then(|| Bound {
                path,
                hits,
                all: &all[path as usize],
                absent,
            })
        };
        fields.iter().map(bound).collect()
    }

    fn hits(&self, field: &Field, leaves: &Leaves<'_>) -> Vec<MembershipId> {
        let modes = self.modes[field.path as usize];
        let of_path = leaves.leaves.iter().filter(|leaf| leaf.path == field.path);
        of_path
            .filter(|leaf| field.accepts(&leaf.value, modes))
            .map(|leaf| leaf.membership)
            .collect()
    }
}

impl Field {
    fn accepts(&self, value: &Scalar<'_>, modes: Modes) -> bool {
        match (&self.quirk, value) {
            (Some(quirk), Scalar::Text(text)) => {
                let apart = self.conditions.iter().filter(|one| !one.is_textual());
                quirk.accepts(text) || apart.into_iter().any(|one| one.accepts(value, modes))
            }
            _ => self.conditions.iter().any(|one| one.accepts(value, modes)),
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
