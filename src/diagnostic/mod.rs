//! Diagnostics: a code, a severity, where, what, and the way out.
//!
//! Main type: [`Diagnostic`]. One finding, several renderings (text with a source snippet, JSON).
//! Invariant: a diagnostic about a file names its line and column, both counted from 1.

pub mod json;
pub mod text;

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

impl Severity {
    /// The word that stands before the code.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One line that counts the findings, such as `2 errors, 1 warning`; `no problems` for none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let counted: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let count = diagnostics.iter().filter(|found| found.severity == severity).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", severity.word()))
        })
        .collect();
    if counted.is_empty() { "no problems".to_owned() } else { counted.join(", ") }
}

/// Whether any of these stops a run.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::text::Colour;
    use super::*;

    const SOURCE: &str = "name: x\nexpect:\n  - withn: 2m\n";

    fn found() -> Vec<Diagnostic> {
        let span = Span { line: 3, column: 5, length: 5 };
        vec![
            Diagnostic::error("unknown-key", "a.yaml", span, "the key `withn` is unknown")
                .with_hint("did you mean `within`?"),
            Diagnostic::warning("unused-variable", "a.yaml", None, "a \u{1b}[31m variable"),
            Diagnostic::note(
                "no-guardrails",
                "a.yaml",
                Span { line: 9, column: 9, length: 9 },
                "no",
            ),
        ]
    }

    #[test]
    fn the_text_shows_the_place_and_the_way_out() {
        let text: String =
            found().iter().map(|one| text::render(one, Some(SOURCE), Colour::Plain)).collect();
        insta::assert_snapshot!(text, @r#"
        error[unknown-key]: the key `withn` is unknown
         --> a.yaml:3:5
          |
        3 |   - withn: 2m
          |     ^^^^^
          = hint: did you mean `within`?

        warning[unused-variable]: a \u{1b}[31m variable
         --> a.yaml

        note[no-guardrails]: no
         --> a.yaml:9:9
        "#);
    }

    #[test]
    fn the_lines_of_json_carry_the_same() {
        let text: String = found().iter().map(json::render).collect();
        insta::assert_snapshot!(text, @r#"
        {"code":"unknown-key","severity":"error","file":"a.yaml","span":{"line":3,"column":5,"length":5},"message":"the key `withn` is unknown","hint":"did you mean `within`?"}
        {"code":"unused-variable","severity":"warning","file":"a.yaml","span":null,"message":"a \u001b[31m variable","hint":null}
        {"code":"no-guardrails","severity":"note","file":"a.yaml","span":{"line":9,"column":9,"length":9},"message":"no","hint":null}
        "#);
        for (line, one) in text.lines().zip(found()) {
            assert_eq!(serde_json::from_str::<Diagnostic>(line).unwrap(), one);
        }
    }

    #[test]
    fn colour_adds_nothing_to_the_words() {
        for one in found() {
            let coloured = text::render(&one, Some(SOURCE), Colour::Ansi);
            let plain = text::render(&one, Some(SOURCE), Colour::Plain);
            assert_ne!(coloured, plain);
            assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}here{}", "a".repeat(300), "b".repeat(300));
        let span = Span { line: 1, column: 301, length: 4 };
        let one = Diagnostic::error("x", "f", span, "m");
        let text = text::render(&one, Some(&source), Colour::Plain);
        let lines: Vec<&str> = text.lines().collect();
        let at = lines[4].find('^').unwrap();
        let shown: String = lines[3].chars().skip(at).take(4).collect();
        assert_eq!(shown, "here");
        assert!(lines[3].chars().count() < 140);
    }

    #[test]
    fn the_summary_counts_by_severity() {
        assert_eq!(summary(&found()), "1 error, 1 warning, 1 note");
        assert_eq!(summary(&[]), "no problems");
        assert!(has_errors(&found()));
    }
}
