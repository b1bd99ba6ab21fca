//! A YAML or JSON document in which every value knows its line and column.
//!
//! Main type: [`Node`]. Invariant: a scalar keeps the text as it was written, because CloudFormation
//! decides by the property, not by the spelling, whether `080` is a number; [`Node::json`] is the
//! reading that the YAML core schema gives.

use serde_json::{Map, Value};

use crate::diagnostic::Span;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Text, as written; `plain` if it was written without quotes and so may mean a number.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Text that never means anything but itself.
    pub(crate) fn text(span: Span, text: impl Into<String>) -> Self {
        Self { span, kind: Kind::Scalar { text: text.into(), plain: false } }
    }

    /// A list.
    pub(crate) fn list(span: Span, items: Vec<Node>) -> Self {
        Self { span, kind: Kind::List(items) }
    }

    /// A JSON value as if it had been written at this place.
    pub(crate) fn from_json(span: Span, value: &Value) -> Self {
        let kind = match value {
            Value::String(text) => Kind::Scalar { text: text.clone(), plain: false },
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                Kind::Scalar { text: value.to_string(), plain: true }
            }
            Value::Array(items) => {
                Kind::List(items.iter().map(|item| Self::from_json(span, item)).collect())
            }
            Value::Object(members) => Kind::Map(
                members
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_span: span,
                        value: Self::from_json(span, value),
                    })
                    .collect(),
            ),
        };
        Self { span, kind }
    }

    /// The text of a scalar, as written.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            Kind::Scalar { .. } | Kind::Map(_) => None,
        }
    }

    /// The entries of a map.
    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }

    /// The value under this key; of a key that is there twice, the last.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of this key; of a key that is there twice, the last.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().rev().find(|entry| entry.key == key)
    }

    /// Whether nothing was written: `null`, `~` or an empty plain scalar.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for a message: `text`, `a list` or `a map`.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The JSON value that the YAML core schema reads here.
    pub(crate) fn json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, plain: false } => Value::String(text.clone()),
            Kind::Scalar { text, plain: true } => plain_scalar(text),
            Kind::List(items) => Value::Array(items.iter().map(Node::json).collect()),
            Kind::Map(entries) => {
                let members: Map<String, Value> =
                    entries.iter().map(|entry| (entry.key.clone(), entry.value.json())).collect();
                Value::Object(members)
            }
        }
    }

    /// Where a scalar that contains this text first stands.
    pub(crate) fn place_of(&self, wanted: &str) -> Option<Span> {
        match &self.kind {
            Kind::Scalar { text, .. } => text.contains(wanted).then_some(self.span),
            Kind::List(items) => items.iter().find_map(|item| item.place_of(wanted)),
            Kind::Map(entries) => entries.iter().find_map(|entry| entry.value.place_of(wanted)),
        }
    }

    /// How much memory it stands for, roughly in bytes: what limits on expansion count.
    pub(crate) fn weight(&self) -> usize {
        const NODE: usize = 16;
        NODE + match &self.kind {
            Kind::Scalar { text, .. } => text.len(),
            Kind::List(items) => items.iter().map(Node::weight).sum(),
            Kind::Map(entries) => {
                entries.iter().map(|entry| entry.key.len() + entry.value.weight()).sum()
            }
        }
    }
}

/// What an unquoted scalar means (YAML 1.2, section 10.3, without octal, hexadecimal, infinity and NaN).
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// A number, if the text is spelled like a JSON number (account ids with a leading zero are not).
fn number(text: &str) -> Option<Value> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || first == b'-') {
        return None;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Number(_)) => Some(value),
        Ok(_) | Err(_) => None,
    }
}
