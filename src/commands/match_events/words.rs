//! Answers in words: for people, and as one line of JSON.
//!
//! Invariant: an answer is short and prints as one text, whatever stands in the event: long values are
//! cut, and control characters are shown as escapes.

use std::borrow::Cow;

use serde_json::json;

use super::Asked;
use crate::pattern::{Explanation, Mismatch, PatternError};

/// A field's value or condition is cut after so many characters.
const SHOWN: usize = 200;

/// Why a pattern does not match, in one line; empty on a match.
pub(super) fn why(explained: &Explanation) -> String {
    let fields: Vec<String> = mismatches(explained).map(|one| one.to_string()).collect();
    printable(&format!("{}{}", closest(explained), fields.join("; "))).into_owned()
}

/// The answer for people: a line, and one for each field that failed.
pub(super) fn text(explained: &Explanation) -> String {
    if explained.matched() {
        return "match".to_owned();
    }
    let closest = closest(explained);
    let mut text = match closest.strip_suffix(": ") {
        Some(closest) => format!("no match; the {closest}:"),
        None => "no match".to_owned(),
    };
    for one in mismatches(explained) {
        text.push_str("\n  ");
        text.push_str(&printable(&one.to_string()));
    }
    text
}

/// The answer as one line of JSON.
pub(super) fn json(explained: &Explanation) -> String {
    if explained.matched() {
        return json!({ "match": true }).to_string();
    }
    json!({ "match": false, "why": why(explained) }).to_string()
}

fn closest(explained: &Explanation) -> String {
    match explained.alternatives() {
        count if count > 1 && !explained.matched() => format!("closest of {count} alternatives: "),
        _ => String::new(),
    }
}

/// The fields that failed, with texts of bounded length.
fn mismatches(explained: &Explanation) -> impl Iterator<Item = Mismatch> {
    let cut_all = |all: &[String]| all.iter().map(|one| cut(one)).collect();
    explained.mismatches().iter().map(move |one| Mismatch {
        field: cut(&one.field),
        failure: one.failure.clone(),
        values: cut_all(&one.values),
        conditions: cut_all(&one.conditions),
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// AWS's refusal of a pattern: its code, its whole message, and the place.
pub(super) fn refused(asked: &Asked, error: &PatternError) -> String {
    let place = match error.position() {
        Some(position) => format!(", {position}"),
        None => String::new(),
    };
    format!("{}{place}: {}\n{}", asked.name, error.code(), error.message())
}

/// A text without control characters that a terminal would obey; line ends stay.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |letter: char| letter.is_control() && letter != '\n';
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if obeyed(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}
