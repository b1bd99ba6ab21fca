//! One pass over an event's bytes that keeps the leaves at wanted paths and skips the rest.
//!
//! Main functions: [`scan`], [`scan_trusting`]. Invariant: leaves come in the order of the text,
//! later duplicates of a key included. `scan` checks the whole text; `scan_trusting` reads what is
//! not wanted only for its quotes and brackets, and finds the same leaves in any valid event.

mod leaves;
mod skip;

use super::error::EventError;
use super::paths::{NodeId, Paths, Segment};
use super::tokens::{flush, push_unit};
use leaves::Place;

pub(crate) use leaves::{Leaves, MembershipId, Raw};
pub(crate) use skip::Wanted;

/// The deepest nesting that is read, as in the service's parser.
pub(crate) const MAX_DEPTH: usize = 1000;

/// Collects the leaves of `event` at `paths`, and checks that the event is one JSON object.
pub(crate) fn scan(event: &str, paths: &Paths, leaves: &mut Leaves) -> Result<(), EventError> {
    Scanner::<true>::new(event, paths, leaves)?.event()
}

/// Collects the leaves of `event` at `paths`, without a close look at anything else.
pub(crate) fn scan_trusting(
    event: &str,
    paths: &Paths,
    leaves: &mut Leaves,
) -> Result<(), EventError> {
    Scanner::<false>::new(event, paths, leaves)?.event()
}

struct Scanner<'e, 'p, const STRICT: bool> {
    bytes: &'e [u8],
    at: usize,
    paths: &'p Paths,
    arrays: u32,
    depth: usize,
    found: &'p mut Leaves,
}

type Scan<T> = Result<T, EventError>;

/// A string of the event: where it lies, and whether it has escapes.
#[derive(Debug, Clone, Copy)]
struct Text {
    start: usize,
    end: usize,
    escaped: bool,
}

impl<'e, 'p, const STRICT: bool> Scanner<'e, 'p, STRICT> {
    fn new(event: &'e str, paths: &'p Paths, found: &'p mut Leaves) -> Scan<Self> {
        if u32::try_from(event.len()).is_err() {
            return Err(EventError::TooLong { limit: u32::MAX });
        }
        found.clear(paths.len());
        Ok(Self { bytes: event.as_bytes(), at: 0, paths, arrays: 0, depth: 0, found })
    }

    fn event(mut self) -> Scan<()> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(0, 0)?,
            Some(_) => {
                self.skip_value()?;
                return Err(EventError::NotAnObject);
            }
            None => return Err(self.syntax("nothing is there")),
        }
        self.space();
        if self.at < self.bytes.len() {
            return Err(self.syntax("more text follows the object"));
        }
        Ok(())
    }

    #[cold]
    fn syntax(&self, problem: &'static str) -> EventError {
        EventError::Syntax { problem, offset: self.at }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        // Events as the service writes them have no space at all.
        if let Some(0..=b' ') = self.peek() {
            self.pass_space();
        }
    }

    #[cold]
    fn pass_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
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

    /// Leaves an object or array that ends here.
    fn leave_if(&mut self, close: u8) -> bool {
        let ends = self.peek() == Some(close);
        if ends {
            self.at += 1;
            self.depth -= 1;
        }
        ends
    }

    /// After a member: whether another one follows.
    #[inline]
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

    #[inline]
    fn colon(&mut self) -> Scan<()> {
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.syntax("a colon is missing"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn object(&mut self, node: NodeId, membership: MembershipId) -> Scan<()> {
        self.enter()?;
        if self.leave_if(b'}') {
            return Ok(());
        }
        let wanted = self.paths.wanted(node);
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a key is missing"));
            }
            if !STRICT {
                self.at = skip::unwanted(self.bytes, self.at, wanted);
                if self.leave_if(b'}') {
                    return Ok(());
                }
            }
            let below = self.key(node)?;
            self.colon()?;
            match below {
                Some(below) => self.value(below, membership)?,
                None => self.skip_value()?,
            }
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a key and looks it up below `node`.
    #[inline]
    fn key(&mut self, node: NodeId) -> Scan<Option<NodeId>> {
        let word = skip::word(self.bytes, self.at + 1);
        let text = self.string()?;
        let bytes = &self.bytes[text.start..text.end];
        if text.escaped {
            let mut key = Vec::new();
            unescape(bytes, true, &mut key);
            return Ok(self.paths.step(node, Segment::new(&key)));
        }
        let segment = match word {
            Some(word) => Segment::with_word(word, bytes),
            None => Segment::new(bytes),
        };
        Ok(self.paths.step(node, segment))
    }

    fn array(&mut self, node: NodeId, membership: MembershipId) -> Scan<()> {
        self.enter()?;
        if self.leave_if(b']') {
            return Ok(());
        }
        let array = self.arrays;
        self.arrays += 1;
        let mut index = 0;
        loop {
            let inner = match self.peek() {
                Some(b'{' | b'[') => self.found.member(membership, array, index),
                _ => membership,
            };
            self.value(node, inner)?;
            index += 1;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    fn value(&mut self, node: NodeId, membership: MembershipId) -> Scan<()> {
        let start = self.at;
        let place = match self.peek() {
            Some(b'{') if STRICT || self.paths.leads_on(node) => {
                return self.object(node, membership);
            }
            Some(b'{') => return self.skip_value(),
            Some(b'[') => return self.array(node, membership),
            Some(b'"') => {
                let text = self.string()?;
                Place::text(text.start, text.end, text.escaped)
            }
            Some(b't') => self.word(b"true", Place::TRUE)?,
            Some(b'f') => self.word(b"false", Place::FALSE)?,
            Some(b'n') => self.word(b"null", Place::NULL)?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Place::number(start, self.at)
            }
            _ => return Err(self.syntax("a value is missing")),
        };
        if let Some(path) = self.paths.path(node) {
            self.found.push(self.bytes, path, place, membership);
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8], place: Place) -> Scan<Place> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.syntax("a value is missing"));
        }
        self.at += word.len();
        Ok(place)
    }

    fn digits(&mut self) -> Scan<()> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == from { Err(self.syntax("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Scan<()> {
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
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Reads a string from its opening quote on.
    #[inline]
    fn string(&mut self) -> Scan<Text> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            let Some(stop) = skip::quote_or_backslash(self.bytes, at) else {
                self.at = self.bytes.len();
                return Err(self.syntax("a string does not end"));
            };
            if self.bytes[stop] == b'"' {
                let text = Text { start, end: stop, escaped };
                if STRICT {
                    self.check(text)?;
                }
                self.at = stop + 1;
                return Ok(text);
            }
            escaped = true;
            // A wanted string's escapes must be sound even where the rest is trusted.
            let Some(after) = skip::escape(self.bytes, stop) else {
                self.at = stop;
                return Err(self.syntax("an escape is unknown"));
            };
            at = after;
        }
    }

    fn check(&mut self, text: Text) -> Scan<()> {
        let control = self.bytes[text.start..text.end].iter().position(|byte| *byte < 0x20);
        if let Some(at) = control {
            self.at = text.start + at;
            return Err(self.syntax("a control character is not escaped"));
        }
        Ok(())
    }

    /// Passes over a value that nothing asks for.
    fn skip_value(&mut self) -> Scan<()> {
        if STRICT { self.check_value() } else { self.pass_value() }
    }

    fn check_value(&mut self) -> Scan<()> {
        match self.peek() {
            Some(b'{') => {
                self.enter()?;
                if self.leave_if(b'}') {
                    return Ok(());
                }
                loop {
                    if self.peek() != Some(b'"') {
                        return Err(self.syntax("a key is missing"));
                    }
                    self.string()?;
                    self.colon()?;
                    self.check_value()?;
                    if !self.more(b'}')? {
                        return Ok(());
                    }
                }
            }
            Some(b'[') => {
                self.enter()?;
                if self.leave_if(b']') {
                    return Ok(());
                }
                loop {
                    self.check_value()?;
                    if !self.more(b']')? {
                        return Ok(());
                    }
                }
            }
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.word(b"true", Place::TRUE).map(drop),
            Some(b'f') => self.word(b"false", Place::FALSE).map(drop),
            Some(b'n') => self.word(b"null", Place::NULL).map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.syntax("a value is missing")),
        }
    }

    #[inline]
    fn pass_value(&mut self) -> Scan<()> {
        if self.peek() == Some(b'"')
            && let Some(end) = skip::string(self.bytes, self.at)
        {
            self.at = end;
            return Ok(());
        }
        self.pass_other()
    }

    fn pass_other(&mut self) -> Scan<()> {
        let end = match self.peek() {
            Some(b'{' | b'[') => match skip::container(self.bytes, self.at, self.depth) {
                Ok(end) => end,
                Err(()) => return Err(EventError::TooDeep { limit: MAX_DEPTH }),
            },
            Some(b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => skip::scalar(self.bytes, self.at),
            _ => None,
        };
        match end {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(self.syntax("a value is missing or does not end")),
        }
    }
}

/// Resolves the escapes of a string that [`skip::escape`] has accepted. `name` keeps lone
/// surrogates apart.
fn unescape(bytes: &[u8], name: bool, out: &mut Vec<u8>) {
    let mut high = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            flush(out, &mut high, name);
            out.push(byte);
            at += 1;
            continue;
        }
        let kind = bytes.get(at + 1).copied().unwrap_or(b'\\');
        let unit = match kind {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let digits = bytes.get(at + 2..at + 6).unwrap_or_default();
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
                let unit = digits.iter().fold(0, |unit, byte| unit * 16 + digit(byte));
                at += 4;
                u16::try_from(unit).unwrap_or(0)
            }
            other => u16::from(other),
        };
        at += 2;
        push_unit(out, &mut high, unit, name);
    }
    flush(out, &mut high, name);
}
