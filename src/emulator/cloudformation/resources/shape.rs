//! The shapes of properties, and reading them by a table.
//!
//! Main types: [`Property`], [`Shape`] and [`Reader`]. Invariant: CloudFormation decides the type of a
//! value by the property and not by its spelling, so `"60"` and `60` are the same number here, and a
//! value that does not fit is an error on its own line.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Inputs, Spelling, similar_property};
use crate::diagnostic::Span;
use crate::emulator::cloudformation::findings::Findings;
use crate::emulator::cloudformation::node::{Entry, Kind, Node};

/// One property of a resource type or of a structure inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    /// As CloudFormation spells it.
    pub(crate) name: &'static str,
    /// As the API spells it, where that is not the type's usual spelling.
    member: Option<&'static str>,
    shape: Shape,
    pub(crate) place: Place,
}

/// Where a property goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the main call's input.
    Input,
    /// Into the map of text attributes of the main call's input (SNS, SQS).
    Attribute,
    /// Into another call, which the type makes itself.
    Own,
    /// It only matters to CloudFormation, or to a part of AWS that no drill reaches.
    Accepted,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Integer,
    Number,
    Boolean,
    /// Any JSON, as it is.
    Json,
    /// An object, or the text of one; the API wants the text.
    JsonText,
    List(&'static Shape),
    Map(&'static Shape),
    Fields(&'static [Property]),
    /// A list of `{Key, Value}` that the API wants as an object.
    Pairs {
        key: &'static str,
        value: &'static str,
        shape: &'static Shape,
    },
    /// An object that the API wants as a list of `{Key, Value}`.
    PairList,
}

/// A list of text.
pub(super) const TEXTS: Shape = Shape::List(&Shape::Text);
/// `[{Key, Value}]`, in the API too, whatever its usual spelling.
pub(super) const TAG_LIST: Shape =
    Shape::List(&Shape::Fields(&[exactly("Key", Shape::Text), exactly("Value", Shape::Text)]));
/// `[{Key, Value}]`, an object in the API.
pub(super) const TAG_MAP: Shape = Shape::Pairs { key: "Key", value: "Value", shape: &Shape::Text };

/// A property with the usual spelling.
pub(super) const fn is(name: &'static str, shape: Shape) -> Property {
    Property { name, member: None, shape, place: Place::Input }
}

/// A text property with the usual spelling.
pub(super) const fn text(name: &'static str) -> Property {
    is(name, Shape::Text)
}

/// A property that the API spells as CloudFormation does, although the rest is spelled otherwise.
pub(super) const fn exactly(name: &'static str, shape: Shape) -> Property {
    Property { name, member: Some(name), shape, place: Place::Input }
}

/// A property with another name in the API.
pub(super) const fn named(name: &'static str, member: &'static str, shape: Shape) -> Property {
    Property { name, member: Some(member), shape, place: Place::Input }
}

/// A property that is one of the text attributes.
pub(super) const fn attribute(name: &'static str, shape: Shape) -> Property {
    Property { name, member: None, shape, place: Place::Attribute }
}

/// A property that belongs to another call.
pub(super) const fn own(name: &'static str, shape: Shape) -> Property {
    Property { name, member: None, shape, place: Place::Own }
}

/// A property that is accepted and changes nothing in a drill.
pub(super) const fn accepted(name: &'static str) -> Property {
    Property { name, member: None, shape: Shape::Json, place: Place::Accepted }
}

/// Reads properties by their table.
pub(super) struct Reader<'a> {
    pub(super) type_name: &'a str,
    pub(super) spelling: Spelling,
    pub(super) findings: &'a mut Findings,
    /// Where each member was written; of one that is there twice, the first.
    pub(super) places: &'a mut HashMap<String, Span>,
}

impl Reader<'_> {
    /// Reads a resource's properties.
    pub(super) fn properties(&mut self, node: &Node, table: &[Property], inputs: &mut Inputs) {
        let mut attributes = Map::new();
        for entry in node.as_map().unwrap_or_default() {
            let Some(property) = self.property(entry, table) else { continue };
            if property.place == Place::Accepted {
                continue;
            }
            let Some(value) = self.value(&entry.value, property.shape, &entry.key) else {
                continue;
            };
            let member = self.member(property, entry.key_span);
            match property.place {
                Place::Input => inputs.input.insert(member, value),
                Place::Attribute => attributes.insert(member, Value::String(plain(value))),
                Place::Own => inputs.own.insert(property.name.to_owned(), value),
                Place::Accepted => None,
            };
        }
        if !attributes.is_empty() {
            inputs.input.insert("Attributes".to_owned(), Value::Object(attributes));
        }
    }

    /// The table's row for an entry; that there is none is noted.
    fn property(&mut self, entry: &Entry, table: &[Property]) -> Option<Property> {
        let found = table.iter().copied().find(|property| property.name == entry.key);
        if found.is_none() {
            self.findings.hinted_note(
                "not-emulated-property",
                entry.key_span,
                format!(
                    "{}: the property `{}` is not understood; it is left out",
                    self.type_name, entry.key
                ),
                similar_property(&entry.key, table),
            );
        }
        found
    }

    /// The API's name of a property, whose place is remembered.
    fn member(&mut self, property: Property, span: Span) -> String {
        let member = match (property.member, self.spelling) {
            (Some(member), _) => member.to_owned(),
            (None, Spelling::Pascal) => property.name.to_owned(),
            (None, Spelling::Camel) => camel(property.name),
        };
        self.places.entry(member.clone()).or_insert(span);
        self.places.entry(property.name.to_owned()).or_insert(span);
        member
    }

    fn value(&mut self, node: &Node, shape: Shape, name: &str) -> Option<Value> {
        if node.is_null() {
            return None;
        }
        let value = match (shape, &node.kind) {
            (Shape::Text | Shape::JsonText, Kind::Scalar { text, .. }) => {
                Some(Value::from(text.as_str()))
            }
            (Shape::Integer, Kind::Scalar { text, .. }) => text.parse::<i64>().ok().map(Value::from),
            (Shape::Number, Kind::Scalar { text, .. }) => number(text),
            (Shape::Boolean, Kind::Scalar { text, .. }) => boolean(text).map(Value::from),
            (Shape::Json, _) => Some(node.json()),
            (Shape::JsonText, Kind::Map(_) | Kind::List(_)) => Some(Value::from(node.json().to_string())),
            (Shape::List(inner), Kind::List(items)) => Some(Value::Array(
                items.iter().filter_map(|item| self.value(item, *inner, name)).collect(),
            )),
            (Shape::Map(inner), Kind::Map(entries)) => Some(Value::Object(
                entries
                    .iter()
                    .filter_map(|entry| Some((entry.key.clone(), self.value(&entry.value, *inner, &entry.key)?)))
                    .collect(),
            )),
            (Shape::Fields(table), Kind::Map(entries)) => Some(self.fields(entries, table)),
            (Shape::Pairs { key, value, shape }, Kind::List(items)) => {
                Some(self.pairs(items, (key, value), *shape))
            }
            // CloudFormation takes an object for tags where the API takes one.
            (Shape::Pairs { shape, .. }, Kind::Map(_)) => self.value(node, Shape::Map(shape), name),
            (Shape::PairList, Kind::Map(entries)) => Some(Value::Array(
                entries
                    .iter()
                    .map(|entry| serde_json::json!({"Key": entry.key, "Value": plain(entry.value.json())}))
                    .collect(),
            )),
            (Shape::PairList, Kind::List(_)) => self.value(node, TAG_LIST, name),
            (_, _) => None,
        };
        if value.is_none() {
            let message =
                format!("{}: `{name}` is {}, not {}", self.type_name, wanted(shape), shown(node));
            self.findings.error("property-type", node.span, message, None);
        }
        value
    }

    fn fields(&mut self, entries: &[Entry], table: &[Property]) -> Value {
        let mut members = Map::new();
        for entry in entries {
            let Some(property) = self.property(entry, table) else { continue };
            if property.place == Place::Accepted {
                continue;
            }
            if let Some(value) = self.value(&entry.value, property.shape, &entry.key) {
                members.insert(self.member(property, entry.key_span), value);
            }
        }
        Value::Object(members)
    }

    fn pairs(&mut self, items: &[Node], keys: (&str, &str), shape: Shape) -> Value {
        let mut members = Map::new();
        for item in items {
            let key = item.get(keys.0).and_then(Node::as_text);
            let value = item.get(keys.1).and_then(|value| self.value(value, shape, keys.1));
            if let (Some(key), Some(value)) = (key, value) {
                members.insert(key.to_owned(), value);
            } else {
                let message =
                    format!("{}: an entry needs `{}` and `{}`", self.type_name, keys.0, keys.1);
                self.findings.error("property-type", item.span, message, None);
            }
        }
        Value::Object(members)
    }
}

fn wanted(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "text",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "true or false",
        Shape::Json | Shape::JsonText => "JSON",
        Shape::List(_) | Shape::Pairs { .. } => "a list",
        Shape::Map(_) | Shape::Fields(_) | Shape::PairList => "a map",
    }
}

fn shown(node: &Node) -> String {
    match node.as_text() {
        Some(text) => format!("`{text}`"),
        None => node.what().to_owned(),
    }
}

/// `LikeThis` as `likeThis`.
pub(super) fn camel(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A value as the text that an attribute map holds.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
