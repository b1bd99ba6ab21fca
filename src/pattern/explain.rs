//! Why a pattern does not match: which field failed, what was there, what refused it.
//!
//! Main type: [`Explanation`]. Invariant: it says "matches" exactly when [`super::Pattern::matches`]
//! does; for a pattern with `$or` it explains the alternative that came closest.

use std::fmt::{self, Write as _};

use super::condition::{Condition, Scalar, quoted};
use super::error::EventError;
use super::event::Leaves;
use super::matching::Binder;
use super::{Compiled, Field};

/// How many values and conditions one line shows before it says how many more there are.
const SHOWN: usize = 5;

/// Why one field of a pattern failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The event has no value at the field's path.
    Missing,
    /// Values are there, and no condition accepts any of them.
    Refused,
    /// The field must not exist, and it does.
    Present,
    /// The field's own values would do, but in another element of an array than the fields before
    /// it.
    OtherElement,
}

/// One field that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The field's path, its keys joined with dots.
    pub field: String,
    /// How it failed.
    pub failure: Failure,
    /// The values that were there, as JSON.
    pub values: Vec<String>,
    /// The conditions that refused them, as the pattern spells them.
    pub conditions: Vec<String>,
}

/// The answer to why a pattern does or does not match an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    matched: bool,
    mismatches: Vec<Mismatch>,
    alternatives: usize,
}

impl Explanation {
    /// Whether the pattern matches.
    pub fn matched(&self) -> bool {
        self.matched
    }

    /// The fields that failed in the alternative that came closest; empty on a match.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// How many alternatives `$or` gave the pattern; 1 without.
    pub fn alternatives(&self) -> usize {
        self.alternatives
    }
}

/// Explains a pattern's answer to an event.
pub(crate) fn explain(
    pattern: &Compiled,
    event: &str,
    leaves: &Leaves,
) -> Result<Explanation, EventError> {
    let alternatives = pattern.alternatives.len();
    if pattern.matches(event, leaves)? {
        return Ok(Explanation { matched: true, mismatches: Vec::new(), alternatives });
    }
    let seen = Seen { pattern, event, leaves };
    let mut closest: Option<Vec<Mismatch>> = None;
    for fields in &pattern.alternatives {
        let mismatches = seen.mismatches(fields)?;
        if closest.as_ref().is_none_or(|best| mismatches.len() < best.len()) {
            closest = Some(mismatches);
        }
    }
    Ok(Explanation { matched: false, mismatches: closest.unwrap_or_default(), alternatives })
}

/// A pattern that looks at an event's leaves.
struct Seen<'s> {
    pattern: &'s Compiled,
    event: &'s str,
    leaves: &'s Leaves,
}

impl Seen<'_> {
    fn mismatches(&self, fields: &[Field]) -> Result<Vec<Mismatch>, EventError> {
        let mut failed = Vec::new();
        for field in fields {
            let mut leaves = self.leaves.of_path(field.path);
            let hit = leaves.any(|leaf| field.accepts(&self.leaves.value(leaf, self.event)));
            let failure = match (self.leaves.has(field.path), field.absent) {
                _ if hit => continue,
                (false, true) => continue,
                (false, false) => Failure::Missing,
                // Its leaves may all lie in other elements than those bound before it.
                (true, true) if fields.len() > 1 && self.in_arrays(field) => continue,
                (true, true) => Failure::Present,
                (true, false) => Failure::Refused,
            };
            failed.push(self.mismatch(field, failure));
        }
        if failed.is_empty() {
            let field = self.first_inconsistent(fields)?;
            let absent_only = field.conditions.iter().all(|one| *one == Condition::Absent);
            let failure = if absent_only { Failure::Present } else { Failure::OtherElement };
            failed.push(self.mismatch(field, failure));
        }
        Ok(failed)
    }

    fn in_arrays(&self, field: &Field) -> bool {
        self.leaves.of_path(field.path).all(|leaf| leaf.membership > 0)
    }

    /// The first field that cannot be bound together with those before it.
    fn first_inconsistent<'f>(&self, fields: &'f [Field]) -> Result<&'f Field, EventError> {
        let mut binder = Binder::default();
        for count in 1..=fields.len() {
            if !binder.satisfies(&fields[..count], self.leaves, self.event)? {
                return Ok(&fields[count - 1]);
            }
        }
        Ok(fields.last().expect("an alternative has a field"))
    }

    fn mismatch(&self, field: &Field, failure: Failure) -> Mismatch {
        let of_path = self.leaves.all().iter().filter(|leaf| leaf.path == field.path);
        let name = &self.pattern.names[field.path as usize];
        Mismatch {
            field: String::from_utf8_lossy(name).into_owned(),
            failure,
            values: of_path.map(|leaf| json(&self.leaves.value(leaf, self.event))).collect(),
            conditions: field.conditions.iter().map(ToString::to_string).collect(),
        }
    }
}

fn json(value: &Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => quoted(text),
        Scalar::Number(number) => number.text.to_owned(),
        Scalar::True => "true".into(),
        Scalar::False => "false".into(),
        Scalar::Null => "null".into(),
    }
}

fn some(list: &[String], joint: &str) -> String {
    let mut shown = list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(joint);
    if list.len() > SHOWN {
        write!(shown, "{joint}{} more", list.len() - SHOWN).expect("a string takes any text");
    }
    shown
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, failure, values, conditions } = self;
        let (values, conditions) = (some(values, ", "), some(conditions, " or "));
        match failure {
            Failure::Missing => write!(f, "{field}: no value is there, {conditions} is wanted"),
            Failure::Refused => write!(f, "{field}: {values} is not {conditions}"),
            Failure::Present => write!(f, "{field}: must not exist, but is {values}"),
            Failure::OtherElement => write!(
                f,
                "{field}: {conditions} is not met in the array element that meets the fields \
                 before it (values: {values})"
            ),
        }
    }
}

impl fmt::Display for Explanation {
    /// `match`, or one line: each failed field with its values and conditions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.matched {
            return write!(f, "match");
        }
        write!(f, "no match: ")?;
        if self.alternatives > 1 {
            write!(f, "closest of {} alternatives: ", self.alternatives)?;
        }
        let lines: Vec<String> = self.mismatches.iter().map(ToString::to_string).collect();
        write!(f, "{}", lines.join("; "))
    }
}
