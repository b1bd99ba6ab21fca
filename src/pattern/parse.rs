//! From a pattern's text to its alternatives: fields, nesting and `$or`.
//!
//! Main function: [`parse`]. Invariant: errors come in the order in which the service finds them,
//! because only the first one is ever shown.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::condition::Condition;
use super::error::PatternError;
use super::operators;
use super::tokens::{Token, Tokens};

/// The longest pattern of the API model, in characters.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>.
pub(crate) const MAX_LENGTH: usize = 4096;
/// How many alternatives `$or` may multiply out to.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
const MAX_ALTERNATIVES: usize = 1000;
/// How many fields one alternative may have; the service's matcher takes no more.
const MAX_FIELDS: usize = 256;

/// Names that cannot be fields anywhere inside `$or`.
const RESERVED: [&str; 25] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
    "$or",
];

/// One field of an alternative: its conditions in the order of the text.
pub(crate) type Conditions = Rc<[Condition]>;
/// One alternative of a pattern: path to conditions.
pub(crate) type Alternative = BTreeMap<Vec<u8>, Conditions>;

type Read<T> = Result<T, PatternError>;

/// Parses a pattern into its alternatives.
pub(crate) fn parse(text: &str) -> Read<Vec<Alternative>> {
    if text.len() > MAX_LENGTH && text.chars().count() > MAX_LENGTH {
        return Err(PatternError::too_long(MAX_LENGTH));
    }
    let mut parser = Parser { tokens: Tokens::new(text), path: Vec::new(), overflow: false };
    if parser.tokens.next()? != Token::ObjectStart {
        return Err(parser.tokens.error("Filter is not an object"));
    }
    let mut alternatives = Vec::new();
    parser.object(&mut alternatives, false)?;
    if parser.overflow {
        return Err(PatternError::without_position(
            "Or operator is producing over 1000 rule combinations",
        ));
    }
    if let Some(fields) = alternatives.iter().map(BTreeMap::len).find(|&fields| fields > MAX_FIELDS)
    {
        return Err(PatternError::without_position(&format!(
            "Size of rule ({fields} fields) exceeds max value of {MAX_FIELDS}"
        )));
    }
    Ok(alternatives)
}

struct Parser<'p> {
    tokens: Tokens<'p>,
    path: Vec<Vec<u8>>,
    /// More alternatives than allowed: the rest is still checked, but not multiplied out.
    overflow: bool,
}

impl Parser<'_> {
    fn object(&mut self, alternatives: &mut Vec<Alternative>, inside_or: bool) -> Read<()> {
        let mut empty = true;
        while self.tokens.next()? != Token::ObjectEnd {
            empty = false;
            let name = self.tokens.name().to_vec();
            if name == b"$or" {
                self.or(alternatives)?;
                continue;
            }
            if inside_or && RESERVED.iter().any(|reserved| reserved.as_bytes() == name) {
                return Err(self.tokens.error(&format!(
                    "{} is Ruler reserved fieldName which cannot be used inside $or.",
                    String::from_utf8_lossy(&name)
                )));
            }
            match self.tokens.next()? {
                Token::ObjectStart => {
                    self.path.push(name);
                    self.object(alternatives, inside_or)?;
                    self.path.pop();
                }
                Token::ArrayStart => self.field(alternatives, &name)?,
                _ => {
                    return Err(self.tokens.error(&format!(
                        "\"{}\" must be an object or an array",
                        String::from_utf8_lossy(&name)
                    )));
                }
            }
        }
        if empty {
            return Err(self.tokens.error("Empty objects are not allowed"));
        }
        Ok(())
    }

    fn or(&mut self, alternatives: &mut Vec<Alternative>) -> Read<()> {
        let mut before = std::mem::take(alternatives);
        if before.is_empty() {
            before.push(Alternative::new());
        }
        if self.tokens.next()? != Token::ArrayStart {
            return Err(self.tokens.error("It must be an Array followed with $or."));
        }
        let mut branches = 0;
        loop {
            match self.tokens.next()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => {
                    branches += 1;
                    let mut branch = if self.overflow { Vec::new() } else { before.clone() };
                    self.object(&mut branch, true)?;
                    alternatives.append(&mut branch);
                    if alternatives.len() > MAX_ALTERNATIVES {
                        self.overflow = true;
                    }
                    if self.overflow {
                        alternatives.clear();
                        before.clear();
                    }
                }
                _ => {
                    return Err(self
                        .tokens
                        .error("Only JSON object is allowed in array of $or relationship."));
                }
            }
        }
        if branches < 2 {
            return Err(self
                .tokens
                .error("There must have at least 2 Objects in $or relationship."));
        }
        Ok(())
    }

    fn field(&mut self, alternatives: &mut Vec<Alternative>, name: &[u8]) -> Read<()> {
        let conditions: Conditions = operators::list(&mut self.tokens)?.into();
        let mut path = self.path.join(&b'.');
        if !path.is_empty() {
            path.push(b'.');
        }
        path.extend_from_slice(name);
        if alternatives.is_empty() {
            alternatives.push(Alternative::new());
        }
        for alternative in alternatives {
            alternative.insert(path.clone(), Rc::clone(&conditions));
        }
        Ok(())
    }
}
