//! Diagnostics: a code, a severity, where, what, and the way out.
//!
//! Main type: [`Diagnostic`]. One finding, several renderings (text with a source snippet, JSON).
//! Invariant: a diagnostic about a file names its line and column, both counted from 1.

use serde::{Deserialize, Serialize};

/// One finding about something that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// A stable name, such as `unknown-key`; documented under `firedrill help diagnostics`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as given.
    pub file: String,
    /// Where in the file; nothing for a problem with the file as a whole.
    pub span: Option<Span>,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

/// How bad a finding is. Only errors stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing (what an environment does not emulate).
    Note,
    /// Probably not meant.
    Warning,
    /// The scenario can't run.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters on that line.
    pub length: usize,
}

impl Diagnostic {
    /// An error: what is written can't run.
    pub fn error(
        code: &str,
        file: &str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, file, span.into(), message.into())
    }

    /// A warning: probably not meant.
    pub fn warning(
        code: &str,
        file: &str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, file, span.into(), message.into())
    }

    /// A note: worth knowing.
    pub fn note(
        code: &str,
        file: &str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, code, file, span.into(), message.into())
    }

    fn new(
        severity: Severity,
        code: &str,
        file: &str,
        span: Option<Span>,
        message: String,
    ) -> Self {
        Self { code: code.to_owned(), severity, file: file.to_owned(), span, message, hint: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether any of these stops a run.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
