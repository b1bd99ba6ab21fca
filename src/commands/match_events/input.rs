//! The texts that a question is made of: files or standard input, UTF-8, of bounded size.
//!
//! Main type: [`Text`]. Invariant: never more than the limit is read, however long a file is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::value::RawValue;

use super::words;
use crate::pattern::EventError;

/// The largest pattern file that is read, in bytes. EventBridge itself takes 4,096 characters.
const MAX_PATTERN: u64 = 1024 * 1024;

/// The largest event file that is read, in bytes: sixteen times what `PutEvents` takes.
const MAX_EVENT: u64 = 16 * 1024 * 1024;

/// What every event on a bus has
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>).
const ENVELOPE: [&str; 3] = ["source", "detail-type", "detail"];

/// A text and where it is from.
#[derive(Debug)]
pub(super) struct Text {
    /// The file as it was named, or `standard input`.
    pub(super) name: String,
    pub(super) text: String,
}

impl Text {
    pub(super) fn pattern(path: &Path) -> Result<Self, String> {
        Self::read(path, "pattern", MAX_PATTERN)
    }

    pub(super) fn event(path: &Path) -> Result<Self, String> {
        Self::read(path, "event", MAX_EVENT)
    }

    fn read(path: &Path, kind: &str, limit: u64) -> Result<Self, String> {
        let name = name(path);
        let bytes = bounded(path, limit + 1).map_err(|error| unreadable(&name, kind, &error))?;
        if bytes.len() as u64 > limit {
            return Err(format!("{name}: the {kind} is larger than {} MiB", limit >> 20));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            format!("{name}: the {kind} is not UTF-8: see byte {offset}\n  save the file as UTF-8")
        })?;
        // A byte order mark says how the file is encoded; it is no part of the text.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { name, text })
    }

    /// What is wrong with this text as an event.
    pub(super) fn refused(&self, error: &EventError) -> String {
        format!("{}: {error}", self.name)
    }

    /// Says that an event lacks what every event on a bus has.
    pub(super) fn envelope_note(&self) -> Option<String> {
        let keys: BTreeMap<String, &RawValue> = serde_json::from_str(&self.text).ok()?;
        let missing: Vec<String> = ENVELOPE
            .into_iter()
            .filter(|key| !keys.contains_key(*key))
            .map(|key| format!("`{key}`"))
            .collect();
        let name = words::printable(&self.name);
        (!missing.is_empty()).then(|| {
            format!(
                "note: {name}: the event has no {}, which every event on a bus has",
                missing.join(" and no ")
            )
        })
    }
}

/// What to call a file.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn unreadable(name: &str, kind: &str, error: &io::Error) -> String {
    let way_out = if kind == "pattern" && error.kind() == io::ErrorKind::NotFound {
        "check the path; a rule's name needs --environment, --target aws or --endpoint-url"
    } else {
        "check the path and its permissions"
    };
    format!("{name}: the {kind} can't be read: {error}\n  {way_out}")
}
