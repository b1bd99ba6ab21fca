//! Diagnostics for people: message, place, source snippet and hint.
//!
//! Main function: [`render`]. Invariant: colour repeats what the words say and never adds to it; control
//! characters of a file never reach the terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{Diagnostic, Severity, Span};

/// The longest part of a source line that is shown.
const WIDTH: usize = 120;
/// How much of a long line is shown before the place.
const LEAD: usize = 40;

/// Whether the text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Escape sequences of a terminal; a stream of `anstream` takes them out again where needed.
    Ansi,
    /// None.
    Plain,
}

/// One diagnostic, followed by an empty line. `source` is the text of its file, where there is one.
pub fn render(diagnostic: &Diagnostic, source: Option<&str>, colour: Colour) -> String {
    let palette = Palette::new(colour);
    let mut text = String::new();
    let strong = palette.severity(diagnostic.severity);
    let word = diagnostic.severity.word();
    let code = &diagnostic.code;
    line(
        &mut text,
        format_args!(
            "{strong}{word}[{code}]{strong:#}{bold}: {}{bold:#}",
            clean(&diagnostic.message),
            bold = palette.bold,
        ),
    );
    let frame = palette.frame;
    let file = clean(&diagnostic.file);
    match diagnostic.span {
        None => line(&mut text, format_args!(" {frame}-->{frame:#} {file}")),
        Some(span) => {
            let digits = span.line.to_string();
            let pad = " ".repeat(digits.len());
            let (row, column) = (span.line, span.column);
            line(&mut text, format_args!("{pad}{frame}-->{frame:#} {file}:{row}:{column}"));
            if let Some((written, lead, length)) = snippet(source, span) {
                let carets = "^".repeat(length);
                let space = " ".repeat(lead);
                line(&mut text, format_args!("{pad} {frame}|{frame:#}"));
                line(&mut text, format_args!("{frame}{digits} |{frame:#} {written}"));
                line(
                    &mut text,
                    format_args!("{pad} {frame}|{frame:#} {space}{strong}{carets}{strong:#}"),
                );
            }
        }
    }
    if let Some(hint) = &diagnostic.hint {
        let pad = diagnostic.span.map_or(0, |span| span.line.to_string().len());
        let pad = " ".repeat(pad);
        let style = palette.hint;
        line(
            &mut text,
            format_args!("{pad} {frame}={frame:#} {style}hint{style:#}: {}", clean(hint)),
        );
    }
    text.push('\n');
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String does not fail");
    while text.ends_with(' ') {
        text.pop();
    }
    text.push('\n');
}

/// The source line, how far in the place begins, and how long it is.
fn snippet(source: Option<&str>, span: Span) -> Option<(String, usize, usize)> {
    let source = source?;
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let written = source.lines().nth(span.line.checked_sub(1)?)?;
    let characters: Vec<char> = written.chars().collect();
    let start = span.column.saturating_sub(1).min(characters.len());
    let (from, mut shown) = if characters.len() <= WIDTH {
        (0, String::new())
    } else {
        let from = start.saturating_sub(LEAD);
        (from, if from > 0 { "…".to_owned() } else { String::new() })
    };
    let cut = usize::from(from > 0);
    let visible = &characters[from..characters.len().min(from + WIDTH)];
    shown.extend(visible.iter().map(|c| if c.is_control() { ' ' } else { *c }));
    if from + visible.len() < characters.len() {
        shown.push('…');
    }
    let lead = start - from + cut;
    let length = span.length.clamp(1, (visible.len() + cut).saturating_sub(lead).max(1));
    Some((shown, lead, length))
}

/// Text without control characters, which could otherwise steer the reader's terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

struct Palette {
    error: Style,
    warning: Style,
    note: Style,
    frame: Style,
    hint: Style,
    bold: Style,
}

impl Palette {
    fn new(colour: Colour) -> Self {
        let plain = Style::new();
        match colour {
            Colour::Plain => Self {
                error: plain,
                warning: plain,
                note: plain,
                frame: plain,
                hint: plain,
                bold: plain,
            },
            Colour::Ansi => Self {
                error: AnsiColor::Red.on_default().bold(),
                warning: AnsiColor::Yellow.on_default().bold(),
                note: AnsiColor::Blue.on_default().bold(),
                frame: AnsiColor::Blue.on_default(),
                hint: AnsiColor::Cyan.on_default().bold(),
                bold: plain.bold(),
            },
        }
    }

    fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
            Severity::Note => self.note,
        }
    }
}
