//! The one door between `EventBridge` and the event patterns: parse, match one, match many.
//!
//! Main types: [`EventPattern`], [`RuleIndex`]. Invariant: both answer alike for the same pattern.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

/// A parsed event pattern, and the text that it came from.
#[derive(Debug, Clone)]
pub(crate) struct EventPattern(Arc<Value>);

impl EventPattern {
    /// Reads a pattern; the error is the message for a person.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        check(&value)?;
        Ok(Self(Arc::new(value)))
    }

    /// Whether an event (JSON text) matches; text that is no JSON object matches nothing.
    pub(crate) fn matches(&self, event: &str) -> bool {
        serde_json::from_str(event).is_ok_and(|event: Value| object(&self.0, Some(&event)))
    }
}

/// The enabled patterns of one bus, by rule name.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleIndex {
    rules: IndexMap<String, EventPattern>,
}

impl RuleIndex {
    /// Adds or replaces a rule's pattern.
    pub(crate) fn add(&mut self, rule: &str, pattern: &EventPattern) {
        self.rules.insert(rule.to_owned(), pattern.clone());
    }

    /// Takes a rule out; one that is not there is no error.
    pub(crate) fn remove(&mut self, rule: &str) {
        self.rules.shift_remove(rule);
    }

    /// The names of the rules that match.
    pub(crate) fn matching(&self, event: &str) -> Vec<String> {
        let matched = self.rules.iter().filter(|(_, pattern)| pattern.matches(event));
        matched.map(|(name, _)| name.clone()).collect()
    }
}

fn check(pattern: &Value) -> Result<(), String> {
    let Some(fields) = pattern.as_object() else { return Err("not an object".to_owned()) };
    if fields.is_empty() {
        return Err("Event pattern is empty".to_owned());
    }
    for (name, value) in fields {
        match value {
            Value::Array(_) => {}
            Value::Object(_) => check(value)?,
            _ => return Err(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

fn object(pattern: &Value, event: Option<&Value>) -> bool {
    pattern.as_object().into_iter().flatten().all(|(key, wanted)| {
        let actual = event.and_then(|event| event.get(key));
        match wanted {
            Value::Array(options) => options.iter().any(|option| one(option, actual)),
            nested => object(nested, actual),
        }
    })
}

fn one(option: &Value, actual: Option<&Value>) -> bool {
    if let Some(prefix) = option.get("prefix").and_then(Value::as_str) {
        return actual.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix));
    }
    if let Some(exists) = option.get("exists").and_then(Value::as_bool) {
        return actual.is_some() == exists;
    }
    match actual {
        Some(Value::Array(items)) => items.contains(option),
        actual => actual == Some(option),
    }
}
