//! Rules about events and patterns: patterns that EventBridge takes, and events that some rule matches.

use serde_json::{Value, json};

use super::Check;
use crate::pattern::{Failure, Mismatch, Pattern};
use crate::scenario::inventory::{Inventory, Rule, short_name};
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::EventEntry;

/// How many values and conditions a hint shows.
const SHOWN: usize = 3;

pub(super) fn check(check: &mut Check<'_>) {
    for (index, fault) in check.scenario().faults.iter().enumerate() {
        let Some(put) = &fault.put_events else { continue };
        let Some(inventory) = check.turn_to(fault.target.as_deref()) else { continue };
        let bus = short_name(&put.bus);
        if !inventory.buses.iter().any(|known| known == bus) {
            continue; // The missing bus is reported by itself.
        }
        let rules = patterns(inventory, bus);
        for (number, entry) in put.entries.iter().enumerate() {
            let path = format!("faults/{index}/put_events/entries/{number}");
            if !entry.source.starts_with("aws.") {
                unmatched(check, &envelope(entry, inventory), bus, &rules, &path);
            }
        }
    }
}

/// The rules of a bus that have a pattern which can be read.
fn patterns<'a>(inventory: &'a Inventory, bus: &str) -> Vec<(&'a Rule, Pattern)> {
    let rules = inventory.rules.iter().filter(|rule| rule.bus == bus);
    rules.filter_map(|rule| Some((rule, Pattern::parse(rule.pattern.as_deref()?).ok()?))).collect()
}

/// Reports an event that starts nothing, with the rule that comes nearest.
fn unmatched(
    check: &mut Check<'_>,
    event: &str,
    bus: &str,
    rules: &[(&Rule, Pattern)],
    path: &str,
) {
    let mut nearest: Option<(&Rule, Vec<Mismatch>)> = None;
    for (rule, pattern) in rules {
        // An event that can't be read at all is AWS's to refuse; other rules speak of it.
        let Ok(explanation) = pattern.explain(event) else { return };
        if explanation.matched() {
            if rule.enabled {
                return;
            }
            let message = format!("only the disabled rule `{}` matches this event", rule.name);
            let hint = "enable the rule: its State is DISABLED".to_owned();
            check.warning(code::UNMATCHED_EVENT, path, message, hint);
            return;
        }
        let mismatches = explanation.mismatches();
        if nearest.as_ref().is_none_or(|(_, least)| mismatches.len() < least.len()) {
            nearest = Some((rule, mismatches.to_vec()));
        }
    }
    let message = format!("no rule on the bus `{bus}` matches this event");
    let hint = match nearest {
        None => format!("the bus `{bus}` has no rules with a pattern"),
        Some((rule, mismatches)) => {
            let why: Vec<String> = mismatches.iter().take(SHOWN).map(reason).collect();
            format!("`{}` comes nearest, but {}", rule.name, why.join(", and "))
        }
    };
    // A scenario with a never may put an event exactly because nothing must follow from it.
    let quiet = check.scenario().expect.iter().any(|one| one.never.is_some());
    if quiet {
        check.note(code::UNMATCHED_EVENT, path, message, hint);
    } else {
        check.warning(code::UNMATCHED_EVENT, path, message, hint);
    }
}

/// Why one field keeps a rule from matching.
fn reason(mismatch: &Mismatch) -> String {
    let some = |all: &[String]| {
        let mut words: Vec<String> = all.iter().take(SHOWN).map(|word| shortened(word)).collect();
        if all.len() > SHOWN {
            words.push(format!("{} more", all.len() - SHOWN));
        }
        words.join(", ")
    };
    let field = &mismatch.field;
    let wanted = some(&mismatch.conditions);
    match mismatch.failure {
        Failure::Missing => format!("the event has no `{field}` (it wants {wanted})"),
        Failure::Refused => format!("`{field}` is {}, not {wanted}", some(&mismatch.values)),
        Failure::Present => format!("`{field}` must not be there"),
        Failure::OtherElement => format!("`{field}` fits only in another element of its list"),
    }
}

/// The event as it arrives on the bus. The id and time stand for those of the run:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.
fn envelope(entry: &EventEntry, inventory: &Inventory) -> String {
    json!({
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": inventory.account,
        "time": "2026-01-01T00:00:00Z",
        "region": inventory.region,
        "resources": entry.resources,
        "detail": entry.sent_detail(),
    })
    .to_string()
}

/// The size of an entry as `PutEvents` counts it: the UTF-8 bytes of source, detail-type, detail and
/// resources. <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
pub(super) fn size(entry: &EventEntry) -> usize {
    let detail = entry.sent_detail().to_string().len();
    let resources: usize = entry.resources.iter().map(String::len).sum();
    entry.source.len() + entry.detail_type.len() + detail + resources
}

/// Holds a pattern against EventBridge's grammar.
pub(super) fn pattern(check: &mut Check<'_>, pattern: &Value, path: &str) {
    let text = match pattern {
        Value::String(text) => text.clone(),
        Value::Object(_) => pattern.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            let message = "an event pattern is a mapping".to_owned();
            let hint = "such as `pattern: {source: [my.app]}`".to_owned();
            check.error(code::BAD_PATTERN, path, message, hint);
            return;
        }
    };
    if let Err(error) = Pattern::parse(&text) {
        let message = format!("EventBridge refuses this pattern: {}", plain(error.message()));
        let place = leaf_without_list(pattern, path).unwrap_or_else(|| path.to_owned());
        let hint = "every leaf is a list: `source: [my.app]`; operators stand inside it: \
                    `amount: [{numeric: [\">\", 100]}]`";
        check.error(code::BAD_PATTERN, &place, message, hint.to_owned());
    }
}

/// AWS's reason without its preamble and without the quoted source, which the snippet shows.
fn plain(message: &str) -> String {
    let reason = message.strip_prefix("Event pattern is not valid. Reason: ").unwrap_or(message);
    let reason = reason.split("\n at [Source").next().unwrap_or(reason);
    let reason = reason.split(" at [Source").next().unwrap_or(reason);
    shortened_to(reason.trim(), 200)
}

fn shortened_to(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most).collect();
    format!("{head}…")
}

/// The commonest slip: a leaf that is not inside a list. Returns its path.
fn leaf_without_list(pattern: &Value, path: &str) -> Option<String> {
    pattern.as_object()?.iter().find_map(|(key, value)| {
        let below = format!("{path}/{key}");
        match value {
            Value::Object(_) => leaf_without_list(value, &below),
            Value::Array(_) => None,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(below),
        }
    })
}
