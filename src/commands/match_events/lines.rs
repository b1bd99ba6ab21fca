//! `--jsonl`: many questions, one a line, and one answer a line, in order.
//!
//! Main function: [`answer`]. Invariants: each line has exactly one answer, whatever is wrong with it; no
//! more than one line, of bounded length, and one pattern are in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{input, words};
use crate::cli::Exit;
use crate::commands::output::say;
use crate::pattern::{Pattern, PatternError};

/// The longest line, in bytes, without its end.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// How much is read at once, in bytes.
const READ_AT_ONCE: usize = 64 * 1024;

/// A line's question; the texts are as they were written.
#[derive(Deserialize)]
struct Question<'l> {
    #[serde(borrow)]
    pattern: &'l RawValue,
    #[serde(borrow)]
    event: &'l RawValue,
}

/// The pattern that was read last: a month of events is often held against one.
#[derive(Default)]
struct Last(Option<(String, Result<Pattern, PatternError>)>);

/// What was read.
enum Line {
    Text,
    TooLong,
    End,
}

/// Answers the questions of a file, or of standard input.
pub(super) fn answer(path: &Path) -> io::Result<Exit> {
    let source: Box<dyn Read> = if input::is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        match File::open(path) {
            Ok(file) => Box::new(file),
            Err(error) => return Ok(unreadable(path, &error)),
        }
    };
    let out = BufWriter::with_capacity(READ_AT_ONCE, io::stdout().lock());
    match answer_all(BufReader::with_capacity(READ_AT_ONCE, source), out)? {
        Ok(()) => Ok(Exit::Passed),
        Err(error) => Ok(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Exit {
    let name = input::name(path);
    let words = format!("error: {name}: the questions can't be read: {error}");
    say(&words::printable(&words));
    Exit::Usage
}

/// Answers every line. The outer error is the output's, the inner one the input's.
fn answer_all<R: Read>(
    mut questions: BufReader<R>,
    mut out: impl Write,
) -> io::Result<io::Result<()>> {
    let mut line = Vec::new();
    let mut last = Last::default();
    loop {
        let answer = match next(&mut questions, &mut line, MAX_LINE) {
            Ok(Line::Text) => answered(&line, &mut last),
            Ok(Line::TooLong) => error(&format!("the line is longer than {} MiB", MAX_LINE >> 20)),
            Ok(Line::End) => break,
            Err(problem) => {
                out.flush()?;
                return Ok(Err(problem));
            }
        };
        writeln!(out, "{answer}")?;
        // Whoever asks line by line has the answer before they are waited for.
        if questions.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()?;
    Ok(Ok(()))
}

/// Reads a line without its end; of one that is too long only the rest is skipped.
fn next(questions: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Line> {
    line.clear();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    questions.take(most).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Line::Text);
    }
    if line.len() <= limit {
        return Ok(Line::Text);
    }
    line.clear();
    questions.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

/// One line's answer.
fn answered(line: &[u8], last: &mut Last) -> String {
    match explained(line, last) {
        Ok(answer) => answer,
        Err(problem) => error(&problem),
    }
}

fn error(problem: &str) -> String {
    json!({ "error": problem }).to_string()
}

fn explained(line: &[u8], last: &mut Last) -> Result<String, String> {
    let line = std::str::from_utf8(line)
        .map_err(|error| format!("the line is not UTF-8: see byte {}", error.valid_up_to()))?;
    let question: Question<'_> = serde_json::from_str(line)
        .map_err(|error| format!("the line is not {{\"pattern\":…,\"event\":…}}: {error}"))?;
    let pattern = text("pattern", question.pattern.get())?;
    let event = text("event", question.event.get())?;
    let pattern = last.pattern(pattern.as_ref()).map_err(|error| error.message().to_owned())?;
    let explained = pattern.explain(&event).map_err(|error| error.to_string())?;
    Ok(words::json(&explained))
}

/// The JSON text that a member stands for: its own, or the one inside a string.
fn text<'l>(member: &str, raw: &'l str) -> Result<std::borrow::Cow<'l, str>, String> {
    match raw.as_bytes().first() {
        Some(b'{') => Ok(raw.into()),
        Some(b'"') => serde_json::from_str::<String>(raw)
            .map(Into::into)
            .map_err(|error| format!("`{member}` is a string that can't be read: {error}")),
        _ => Err(format!("`{member}` is neither an object nor a string that holds JSON")),
    }
}

impl Last {
    fn pattern(&mut self, text: &str) -> Result<&Pattern, &PatternError> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            self.0 = Some((text.to_owned(), Pattern::parse(text)));
        }
        let (_, parsed) = self.0.as_ref().expect("it was just put there");
        parsed.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(questions: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        answer_all(BufReader::with_capacity(7, questions), &mut out).unwrap().unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let mut questions = BufReader::with_capacity(3, &b"1234\n12345\n123456789\n1\n123456"[..]);
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            match next(&mut questions, &mut line, 4).unwrap() {
                Line::Text => seen.push(String::from_utf8(line.clone()).unwrap()),
                Line::TooLong => seen.push("too long".to_owned()),
                Line::End => break,
            }
        }
        assert_eq!(seen, ["1234", "too long", "too long", "1", "too long"]);
    }

    #[test]
    fn a_last_line_needs_no_end_and_an_empty_line_is_a_line() {
        let question = r#"{"pattern":{"a":[1]},"event":{"a":1}}"#;
        let both = format!("{question}\r\n\n{question}");
        let answers = said(both.as_bytes());
        assert_eq!((answers.len(), answers[0].as_str()), (3, r#"{"match":true}"#));
        assert!(answers[1].starts_with(r#"{"error":"the line is not"#), "{}", answers[1]);
        assert_eq!(answers[2], answers[0]);
        assert!(said(b"").is_empty());
    }

    #[test]
    fn a_pattern_that_is_refused_is_refused_each_time() {
        let question = "{\"pattern\":{\"a\":1},\"event\":{}}\n".repeat(3);
        let answers = said(question.as_bytes());
        assert_eq!(answers.len(), 3);
        assert!(answers[0].contains("Event pattern is not valid"), "{}", answers[0]);
        assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    }
}
