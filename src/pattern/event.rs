//! One pass over an event's bytes that keeps the leaves at wanted paths and skips the rest.
//!
//! Main function: [`scan`]. Invariant: the whole text is checked to be one JSON object, also where
//! nothing is wanted; leaves come in the order of the text, later duplicates of a key included.

use std::borrow::Cow;

use super::condition::{Number, Scalar};
use super::error::EventError;
use super::paths::{NodeId, PathId, Paths};
use super::tokens::{flush, push_unit};

/// The deepest nesting that is read, as in the service's parser.
pub(crate) const MAX_DEPTH: usize = 1000;

/// The elements of arrays that contain a leaf, as a list that shares its tails: 0 is none.
pub(crate) type MembershipId = u32;

/// One step of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The elements further out.
    pub(crate) outer: MembershipId,
    /// Which array of the event.
    pub(crate) array: u32,
    /// Which element of it.
    pub(crate) index: u32,
}

/// One wanted leaf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf<'e> {
    pub(crate) path: PathId,
    pub(crate) value: Scalar<'e>,
    pub(crate) membership: MembershipId,
}

/// What a scan found.
#[derive(Debug, Clone)]
pub(crate) struct Leaves<'e> {
    pub(crate) leaves: Vec<Leaf<'e>>,
    memberships: Vec<Membership>,
}

impl Leaves<'_> {
    /// The step of a membership, or nothing at its end.
    pub(crate) fn membership(&self, id: MembershipId) -> Option<Membership> {
        (id > 0).then(|| self.memberships[id as usize - 1])
    }
}

/// Collects the leaves of `event` at `paths`.
pub(crate) fn scan<'e>(event: &'e str, paths: &Paths) -> Result<Leaves<'e>, EventError> {
    let mut scanner = Scanner {
        text: event,
        bytes: event.as_bytes(),
        at: 0,
        paths,
        arrays: 0,
        depth: 0,
        found: Leaves { leaves: Vec::new(), memberships: Vec::new() },
    };
    scanner.space();
    match scanner.peek() {
        Some(b'{') => scanner.object(Some(0), 0)?,
        Some(_) => {
            scanner.value(None, 0)?;
            return Err(EventError::NotAnObject);
        }
        None => return Err(scanner.syntax("nothing is there")),
    }
    scanner.space();
    if scanner.at < scanner.bytes.len() {
        return Err(scanner.syntax("more text follows the object"));
    }
    Ok(scanner.found)
}

struct Scanner<'e, 'p> {
    text: &'e str,
    bytes: &'e [u8],
    at: usize,
    paths: &'p Paths,
    arrays: u32,
    depth: usize,
    found: Leaves<'e>,
}

type Scan<T> = Result<T, EventError>;

impl<'e> Scanner<'e, '_> {
    fn syntax(&self, problem: &'static str) -> EventError {
        EventError::Syntax { problem, offset: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, problem: &'static str) -> Scan<()> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.syntax(problem));
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self) -> Scan<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(EventError::TooDeep { limit: MAX_DEPTH });
        }
        self.space();
        Ok(())
    }

    /// After a member: whether another one follows.
    fn more(&mut self, close: u8) -> Scan<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.syntax("a comma or a closing bracket is missing")),
        }
    }

    fn object(&mut self, node: Option<NodeId>, membership: MembershipId) -> Scan<()> {
        self.enter()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a key is missing"));
            }
            let below = match node {
                Some(node) => {
                    let key = self.string(true)?;
                    self.paths.step(node, &key)
                }
                None => {
                    self.skip_string()?;
                    None
                }
            };
            self.expect(b':', "a colon is missing")?;
            self.space();
            self.value(below, membership)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, node: Option<NodeId>, membership: MembershipId) -> Scan<()> {
        self.enter()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        let array = self.arrays;
        self.arrays += 1;
        let mut index = 0;
        loop {
            let inner = match (node, self.peek()) {
                (Some(_), Some(b'{' | b'[')) => {
                    let outer = membership;
                    self.found.memberships.push(Membership { outer, array, index });
                    MembershipId::try_from(self.found.memberships.len())
                        .expect("an event has fewer elements than 2^32")
                }
                _ => membership,
            };
            self.value(node, inner)?;
            index += 1;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    fn value(&mut self, node: Option<NodeId>, membership: MembershipId) -> Scan<()> {
        let wanted = node.and_then(|node| self.paths.path(node));
        let value = match self.peek() {
            Some(b'{') => return self.object(node, membership),
            Some(b'[') => return self.array(node, membership),
            Some(b'"') if wanted.is_none() => return self.skip_string(),
            Some(b'"') => Scalar::Text(self.string(false)?),
            Some(b't') => self.word("true", Scalar::True)?,
            Some(b'f') => self.word("false", Scalar::False)?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                if wanted.is_none() {
                    return Ok(());
                }
                Scalar::Number(Number::new(number))
            }
            _ => return Err(self.syntax("a value is missing")),
        };
        if let Some(path) = wanted {
            self.found.leaves.push(Leaf { path, value, membership });
        }
        Ok(())
    }

    fn word(&mut self, word: &str, value: Scalar<'e>) -> Scan<Scalar<'e>> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.syntax("a value is missing"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Scan<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { Err(self.syntax("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Scan<&'e str> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[from..self.at])
    }

    fn skip_string(&mut self) -> Scan<()> {
        self.string(false).map(drop)
    }

    /// Reads a string; borrows it unless it has escapes. `name` keeps lone surrogates apart.
    fn string(&mut self, name: bool) -> Scan<Cow<'e, [u8]>> {
        self.at += 1;
        let from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.bytes[from..self.at - 1]));
                }
                Some(b'\\') => return self.escaped(from, name).map(Cow::Owned),
                Some(0..=0x1f) => return Err(self.syntax("a control character is not escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.syntax("a string does not end")),
            }
        }
    }

    fn escaped(&mut self, from: usize, name: bool) -> Scan<Vec<u8>> {
        let mut out = self.bytes[from..self.at].to_vec();
        let mut high = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    flush(&mut out, &mut high, name);
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    let unit = self.escape()?;
                    push_unit(&mut out, &mut high, unit, name);
                }
                Some(0..=0x1f) => return Err(self.syntax("a control character is not escaped")),
                Some(byte) => {
                    flush(&mut out, &mut high, name);
                    out.push(byte);
                    self.at += 1;
                }
                None => return Err(self.syntax("a string does not end")),
            }
        }
    }

    fn escape(&mut self) -> Scan<u16> {
        let unit = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5);
                let unit = digits
                    .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                    .and_then(|digits| std::str::from_utf8(digits).ok())
                    .and_then(|digits| u16::from_str_radix(digits, 16).ok());
                let unit = unit.ok_or_else(|| self.syntax("a hex digit is missing"))?;
                self.at += 5;
                return Ok(unit);
            }
            _ => return Err(self.syntax("an escape is unknown")),
        };
        self.at += 1;
        Ok(u16::from(unit))
    }
}
