//! What a refused pattern or event says, in AWS's own words.
//!
//! Main types: [`PatternError`] and [`EventError`]. Invariant: a [`PatternError`]'s message is
//! byte for byte the one `PutRule` and `TestEventPattern` answer, location included.

use std::fmt::{self, Write as _};

use thiserror::Error;

/// The code of the service's refusal of a pattern.
pub(crate) const INVALID: &str = "InvalidEventPatternException";
/// The code of the generic failure that a few malformed patterns provoke in the service (HTTP 500).
pub(crate) const INTERNAL: &str = "InternalFailure";
/// The code of the API model's own constraints, checked before the pattern is read.
pub(crate) const VALIDATION: &str = "ValidationException";

/// How many UTF-16 units of the pattern the service quotes in a location.
const QUOTED_UNITS: usize = 500;

/// A place in a pattern's text, counted as the service counts: from one, in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in UTF-16 code units.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset` (which must be a character boundary) in `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let bytes = before.as_bytes();
        let mut line = 1;
        let mut start = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let ends_line =
                byte == b'\n' || (byte == b'\r' && text.as_bytes().get(at + 1) != Some(&b'\n'));
            if ends_line {
                line += 1;
                start = at + 1;
            }
        }
        Self { line, column: before[start..].encode_utf16().count() + 1 }
    }
}

/// Why the service refuses a pattern.
///
/// See <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html>.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PatternError {
    code: &'static str,
    message: String,
    position: Option<Position>,
}

impl PatternError {
    /// An `InvalidEventPatternException` without a location.
    pub(crate) fn without_position(reason: &str) -> Self {
        Self {
            code: INVALID,
            message: format!("Event pattern is not valid. Reason: {reason}"),
            position: None,
        }
    }

    /// An `InvalidEventPatternException` at the byte `offset` of `text`.
    pub(crate) fn at(reason: &str, text: &str, offset: usize) -> Self {
        let mut error = Self::without_position(reason);
        error.locate(text, offset);
        error
    }

    /// Adds a location to the message, as the service does each time that an error is raised.
    pub(crate) fn locate(&mut self, text: &str, offset: usize) {
        let position = Position::of(text, offset);
        self.message.push_str("\n at ");
        self.message.push_str(&location(text, position));
        self.position = Some(position);
    }

    /// The service's generic failure, which some accepted-looking patterns end in.
    pub(crate) fn internal() -> Self {
        Self {
            code: INTERNAL,
            message: "The request processing has failed because of an unknown error, exception \
                      or failure."
                .to_owned(),
            position: None,
        }
    }

    /// The API model's refusal of a pattern that is too long.
    pub(crate) fn too_long(limit: usize) -> Self {
        Self {
            code: VALIDATION,
            message: format!(
                "1 validation error detected: Value at 'eventPattern' failed to satisfy \
                 constraint: Member must have length less than or equal to {limit}"
            ),
            position: None,
        }
    }

    /// The error code: `InvalidEventPatternException`, or for the two cases that the service
    /// answers otherwise `InternalFailure` and `ValidationException`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The service's message, with the location that it quotes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where in the pattern, when the service says where.
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

/// The location as the service prints it: the text (500 units of it), the line and the column.
pub(crate) fn location(text: &str, position: Position) -> String {
    let mut quoted = String::new();
    let mut units = 0;
    for character in text.chars() {
        units += character.len_utf16();
        if units > QUOTED_UNITS {
            break;
        }
        match character {
            '\n' | '\r' => quoted.push(character),
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control)).expect("a string takes any text");
            }
            plain => quoted.push(plain),
        }
    }
    let total = text.encode_utf16().count();
    let cut = if total > QUOTED_UNITS {
        format!("[truncated {} chars]", total - QUOTED_UNITS)
    } else {
        String::new()
    };
    let Position { line, column } = position;
    format!("[Source: (String)\"{quoted}\"{cut}; line: {line}, column: {column}]")
}

/// Why an event cannot be matched at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// The text is not JSON.
    #[error("the event is not JSON: {problem} at byte {offset}")]
    Syntax {
        /// What was found or missed.
        problem: &'static str,
        /// The byte offset, from 0.
        offset: usize,
    },
    /// The text is JSON, but not an object.
    #[error("the event is not a JSON object")]
    NotAnObject,
    /// Arrays and objects are nested deeper than the service reads.
    #[error("the event is nested deeper than {limit} levels")]
    TooDeep {
        /// The deepest level that is read.
        limit: usize,
    },
    /// The text is longer than is ever read.
    #[error("the event is longer than {limit} bytes")]
    TooLong {
        /// The longest text that is read.
        limit: u32,
    },
    /// The event repeats keys with arrays so often that array consistency has too many ways out.
    #[error("the event's arrays combine in more than {limit} ways for one pattern")]
    TooManyCombinations {
        /// How many combinations are tried.
        limit: usize,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
