//! Rules about events and patterns: patterns that EventBridge takes, and events that some rule matches.

use serde_json::{Value, json};

use super::Check;
use crate::scenario::rules::code;
use crate::scenario::types::EventEntry;

pub(super) fn check(check: &mut Check<'_>) {
    let _ = check;
}

/// The size of an entry as `PutEvents` counts it: the UTF-8 bytes of source, detail-type, detail and
/// resources. <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
pub(super) fn size(entry: &EventEntry) -> usize {
    let detail = if entry.detail.is_null() { 2 } else { entry.detail.to_string().len() };
    let resources: usize = entry.resources.iter().map(String::len).sum();
    entry.source.len() + entry.detail_type.len() + detail + resources
}

/// Holds a pattern against EventBridge's grammar.
pub(super) fn pattern(check: &mut Check<'_>, pattern: &Value, path: &str) {
    let _ = json!({});
    if !pattern.is_object() && !pattern.is_string() {
        let message = "an event pattern is a mapping".to_owned();
        let hint = "such as `pattern: {source: [my.app]}`".to_owned();
        check.error(code::BAD_PATTERN, path, message, hint);
    }
}
