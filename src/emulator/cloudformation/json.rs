//! Reads JSON with marks.
//!
//! Main function: [`read`]. JSON is not quite a part of YAML (tabs, surrogate pairs), so it has its own
//! reader. Invariant: `serde_json` has accepted the text before this walks over it, so the walk only keeps
//! track of places and of depth.

use std::collections::HashSet;

use super::document::{Duplicates, MAX_DEPTH, SyntaxError};
use super::node::{Entry, Kind, Node};
use crate::diagnostic::Span;

/// Whether the text is one JSON object, as opposed to YAML in flow style.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Reads a text that [`is_json`].
pub(super) fn read(text: &str) -> Result<(Node, Duplicates), SyntaxError> {
    let mut walk = Walk { text, at: 0, line: 1, column: 1, duplicates: Vec::new() };
    let node = walk.value(0)?;
    Ok((node, walk.duplicates))
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
    duplicates: Duplicates,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes over one byte; only the first byte of a character counts as a column.
    fn step(&mut self) {
        match self.peek() {
            Some(b'\n') => {
                self.line += 1;
                self.column = 1;
            }
            Some(byte) if byte & 0b1100_0000 != 0b1000_0000 => self.column += 1,
            Some(_) | None => {}
        }
        self.at += 1;
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.step();
        }
    }

    fn space(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace());
    }

    fn here(&self) -> Span {
        Span { line: self.line, column: self.column, length: 1 }
    }

    fn broken(&self) -> SyntaxError {
        SyntaxError { span: self.here(), message: "this is not JSON".to_owned() }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.space();
        let mut span = self.here();
        if depth > MAX_DEPTH {
            let message = format!("lists and maps nest deeper than {MAX_DEPTH}");
            return Err(SyntaxError { span, message });
        }
        let kind = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => {
                let text = self.string()?;
                span.length = self.column.saturating_sub(span.column).max(1);
                Kind::Scalar { text, plain: false }
            }
            Some(_) => {
                let start = self.at;
                self.skip(|byte| {
                    !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace()
                });
                span.length = (self.at - start).max(1);
                Kind::Scalar { text: self.text[start..self.at].to_owned(), plain: true }
            }
            None => return Err(self.broken()),
        };
        Ok(Node { span, kind })
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.step();
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                break;
            }
            if byte == b'\\' {
                self.step();
            }
            self.step();
        }
        self.step();
        self.text
            .get(start..self.at)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| self.broken())
    }

    fn list(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.step();
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b']') => {
                    self.step();
                    return Ok(Kind::List(items));
                }
                Some(b',') => self.step(),
                Some(_) => items.push(self.value(depth + 1)?),
                None => return Err(self.broken()),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.step();
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'}') => {
                    self.step();
                    return Ok(Kind::Map(entries));
                }
                Some(b',') => self.step(),
                Some(b'"') => {
                    let mut key_span = self.here();
                    let key = self.string()?;
                    key_span.length = self.column.saturating_sub(key_span.column).max(1);
                    if !seen.insert(key.clone()) {
                        self.duplicates.push((key.clone(), key_span));
                    }
                    self.space();
                    self.step();
                    let value = self.value(depth + 1)?;
                    entries.push(Entry { key, key_span, value });
                }
                Some(_) | None => return Err(self.broken()),
            }
        }
    }
}
