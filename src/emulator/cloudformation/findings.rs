//! Collects what a loader finds in one file.
//!
//! Main type: [`Findings`]. Invariant: nothing here stops; whoever reads a file goes on after each
//! finding and the caller looks at the whole list. The list is bounded, so a file that is wrong in a
//! hundred thousand places does not drown its reader.

use crate::diagnostic::{Diagnostic, Severity, Span};

/// How many findings one file may raise before the rest is cut off.
const MAX_FINDINGS: usize = 500;

/// What was found in one file so far.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    file: String,
    list: Vec<Diagnostic>,
}

impl Findings {
    /// An empty list about this file.
    pub(crate) fn about(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// The file that this is about, as given.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Something that is worth knowing: what the emulator leaves out.
    pub(crate) fn note(&mut self, code: &str, span: Span, message: impl Into<String>) {
        self.push(code, Severity::Note, Some(span), message.into(), None);
    }

    /// A note with a way out.
    pub(crate) fn hinted_note(
        &mut self,
        code: &str,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(code, Severity::Note, Some(span), message.into(), hint);
    }

    /// Something that was probably not meant.
    pub(crate) fn warning(
        &mut self,
        code: &str,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(code, Severity::Warning, Some(span), message.into(), Some(hint.into()));
    }

    /// Something that can't be used as it is.
    pub(crate) fn error(
        &mut self,
        code: &str,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(code, Severity::Error, Some(span), message.into(), hint);
    }

    /// A problem with the file as a whole.
    pub(crate) fn whole_file(&mut self, code: &str, message: impl Into<String>, hint: &str) {
        self.push(code, Severity::Error, None, message.into(), Some(hint.to_owned()));
    }

    fn push(
        &mut self,
        code: &str,
        severity: Severity,
        span: Option<Span>,
        message: String,
        hint: Option<String>,
    ) {
        if self.list.len() > MAX_FINDINGS {
            return;
        }
        let mut finding = Diagnostic {
            code: code.to_owned(),
            severity,
            file: self.file.clone(),
            span,
            message,
            hint,
        };
        if self.list.len() == MAX_FINDINGS {
            finding = Diagnostic {
                code: "too-many-findings".to_owned(),
                severity: Severity::Error,
                message: format!("more than {MAX_FINDINGS} findings; the rest is not shown"),
                hint: None,
                ..finding
            };
        }
        // The same thing is said once, however often a definition is read.
        if !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }

    /// Whether anything found so far is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The messages of the errors, in one line.
    pub(crate) fn errors_in_one_line(&self) -> String {
        let errors: Vec<&str> = self
            .list
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.message.as_str())
            .collect();
        errors.join("; ")
    }

    /// All findings, in the order in which they were made.
    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

/// A hint that names the candidate which is most like `word`, where one is close enough.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        // The first of equally likely candidates wins, so the answer does not depend on float order.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            Some(_) | None => Some(next),
        })
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}
