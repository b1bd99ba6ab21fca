//! The shape of the language, and the walk that holds a tree against it.
//!
//! Main functions: [`language`], made from the JSON Schema of the types (so that there is no second table
//! to keep), and [`fit`]. Invariant: `fit` reports every unknown key, wrong type and missing key at
//! once, and what it returns always deserializes: what is broken is left out or stands as an empty
//! placeholder, and its element is named in [`Fitted::broken`].

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde_json::Value as Json;
use serde_yaml::{Mapping, Value};

use super::rules::code;
use super::suggest::{hint_for, list, shortened};
use super::tree::{Content, Entry, Meaning, Node, Scalar};
use super::types::Scenario;
use crate::diagnostic::{Diagnostic, Span};

/// What a value must look like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// Anything that JSON can say.
    Any,
    /// Text.
    Text,
    /// A duration.
    Duration,
    /// One of some words.
    Words(Vec<String>),
    /// A whole number in a range.
    Integer {
        /// The least.
        least: i128,
        /// The greatest.
        greatest: i128,
    },
    /// A number.
    Number,
    /// A list.
    List(Box<Shape>),
    /// Names and values.
    Map(Box<Shape>),
    /// Fixed keys.
    Struct(IndexMap<String, Field>),
}

/// A key of a struct.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    shape: Shape,
    required: bool,
    nullable: bool,
    about: String,
}

/// The JSON Schema of the language as the types have it.
pub(crate) fn schema() -> Json {
    serde_json::to_value(schemars::schema_for!(Scenario)).expect("a JSON Schema is JSON")
}

/// Whether the language has this key at its top level.
pub(crate) fn is_top_level_key(key: &str) -> bool {
    matches!(language(), Shape::Struct(fields) if fields.contains_key(key))
}

/// The shape of a scenario.
pub(crate) fn language() -> &'static Shape {
    static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
        let schema = schema();
        compile(&schema, &schema["$defs"])
    });
    &SHAPE
}

fn compile(schema: &Json, definitions: &Json) -> Shape {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return if name == "Duration" {
            Shape::Duration
        } else {
            compile(&definitions[name], definitions)
        };
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let some = options.iter().find(|option| option["type"] != "null");
        return some.map_or(Shape::Any, |option| compile(option, definitions));
    }
    if let Some(words) = words(schema) {
        return Shape::Words(words);
    }
    let kind = match &schema["type"] {
        Json::String(kind) => kind.as_str(),
        Json::Array(kinds) => {
            kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    };
    match kind {
        "string" => Shape::Text,
        "integer" => Shape::Integer {
            least: schema["minimum"].as_i64().map_or(i128::from(i64::MIN), i128::from),
            greatest: schema["maximum"].as_i64().map_or(i128::from(u32::MAX), i128::from),
        },
        "number" => Shape::Number,
        "array" => Shape::List(Box::new(compile(&schema["items"], definitions))),
        "object" if schema["properties"].is_object() => Shape::Struct(fields(schema, definitions)),
        "object" => Shape::Map(Box::new(compile(&schema["additionalProperties"], definitions))),
        _ => Shape::Any,
    }
}

fn fields(schema: &Json, definitions: &Json) -> IndexMap<String, Field> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let about = property["description"].as_str().unwrap_or_default();
            let field = Field {
                shape: compile(property, definitions),
                required: required.contains(&name.as_str()),
                nullable: nullable(property),
                about: about.lines().next().unwrap_or_default().trim_end_matches('.').to_owned(),
            };
            (name.clone(), field)
        })
        .collect()
}

fn nullable(schema: &Json) -> bool {
    let has_null = |kinds: &Vec<Json>| kinds.iter().any(|kind| kind == "null");
    schema["type"].as_array().is_some_and(has_null)
        || schema["anyOf"]
            .as_array()
            .is_some_and(|options| options.iter().any(|option| option["type"] == "null"))
}

fn words(schema: &Json) -> Option<Vec<String>> {
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Json::as_str).map(str::to_owned).collect());
    }
    let options = schema["oneOf"].as_array()?;
    options.iter().map(|option| option["const"].as_str().map(str::to_owned)).collect()
}

/// What became of a tree.
pub(crate) struct Fitted {
    /// What deserializes.
    pub(crate) value: Value,
    /// The paths of the elements (`expect/2`) and keys (`expect`) that have a problem of shape; rules
    /// don't look at them, so that one slip is one diagnostic.
    pub(crate) broken: Vec<String>,
}

/// Holds a tree against the language.
pub(crate) fn fit(file: &str, root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Fitted {
    let mut walk = Walk { file, broken: Vec::new(), diagnostics };
    let value = walk.node(root, language(), "", root.span, "");
    let value = value.unwrap_or_else(|| placeholder(language()));
    Fitted { value, broken: walk.broken }
}

/// An empty value of a shape, which deserializes.
fn placeholder(shape: &Shape) -> Value {
    match shape {
        Shape::Any => Value::Null,
        Shape::Text => Value::String(String::new()),
        Shape::Duration => Value::String("0s".to_owned()),
        Shape::Words(words) => Value::String(words.first().cloned().unwrap_or_default()),
        Shape::Integer { least, .. } => integer((*least).max(0)).unwrap_or(Value::Null),
        Shape::Number => Value::Number(0.0.into()),
        Shape::List(_) => Value::Sequence(Vec::new()),
        Shape::Map(_) => Value::Mapping(Mapping::new()),
        Shape::Struct(fields) => {
            let required = fields.iter().filter(|(_, field)| field.required);
            let pair = |(name, field): (&String, &Field)| {
                (Value::String(name.clone()), placeholder(&field.shape))
            };
            Value::Mapping(required.map(pair).collect())
        }
    }
}

struct Walk<'a> {
    file: &'a str,
    broken: Vec<String>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    /// The value of a node in a shape; nothing when it does not fit. `place` is where to point when the
    /// node itself has no visible place, `about` what the key is for.
    fn node(
        &mut self,
        node: &Node,
        shape: &Shape,
        path: &str,
        place: Span,
        about: &str,
    ) -> Option<Value> {
        match (shape, &node.content) {
            (Shape::Any, _) => self.any(node, path, place),
            (Shape::Struct(fields), Content::Mapping(entries)) => {
                Some(self.structure(entries, fields, path, place))
            }
            (Shape::Map(inner), Content::Mapping(entries)) => {
                let mut mapping = Mapping::new();
                for entry in entries {
                    let below = join(path, &entry.key);
                    let place = visible(&entry.value, entry.key_span);
                    if let Some(value) = self.node(&entry.value, inner, &below, place, "") {
                        mapping.insert(Value::String(entry.key.clone()), value);
                    }
                }
                Some(Value::Mapping(mapping))
            }
            (Shape::List(inner), Content::Sequence(items)) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let below = join(path, &index.to_string());
                    let place = first_place(item, place);
                    let value = self.node(item, inner, &below, place, "");
                    list.push(value.unwrap_or_else(|| placeholder(inner)));
                }
                Some(Value::Sequence(list))
            }
            (_, Content::Scalar(scalar)) => self.scalar(scalar, shape, path, place, about),
            (_, Content::Sequence(_) | Content::Mapping(_)) => {
                self.wrong(node, shape, path, place, about);
                None
            }
        }
    }

    fn structure(
        &mut self,
        entries: &[Entry],
        fields: &IndexMap<String, Field>,
        path: &str,
        place: Span,
    ) -> Value {
        let mut mapping = Mapping::new();
        for entry in entries {
            let Some(field) = fields.get(&entry.key) else {
                self.unknown_key(entry, fields, path);
                continue;
            };
            let below = join(path, &entry.key);
            if field.nullable && is_null(&entry.value) {
                continue;
            }
            let place = visible(&entry.value, entry.key_span);
            let value = self.node(&entry.value, &field.shape, &below, place, &field.about);
            if let Some(value) = value {
                mapping.insert(Value::String(entry.key.clone()), value);
            }
        }
        for (name, field) in fields.iter().filter(|(_, field)| field.required) {
            if !entries.iter().any(|entry| entry.key == *name) {
                // A misspelt key is reported as unknown; that it is missing too would say it twice.
                let meant = |entry: &Entry| {
                    !fields.contains_key(&entry.key)
                        && super::suggest::did_you_mean(&entry.key, [name.as_str()]).is_some()
                };
                if !entries.iter().any(meant) {
                    let place = entries.first().map_or(place, |entry| entry.key_span);
                    let message = format!("the key `{name}` is missing{}", within(path));
                    let hint = format!("add `{name}: {}` ({})", example(&field.shape), field.about);
                    self.report(code::MISSING_KEY, place, &join(path, name), message, Some(hint));
                }
            }
            let key = Value::String(name.clone());
            if !mapping.contains_key(&key) {
                mapping.insert(key, placeholder(&field.shape));
            }
        }
        Value::Mapping(mapping)
    }

    fn unknown_key(&mut self, entry: &Entry, fields: &IndexMap<String, Field>, path: &str) {
        let key = &entry.key;
        let message = format!("the key `{}` is unknown{}", shortened(key), within(path));
        let hint = if key == "<<" {
            Some("merge keys are not part of the language; write the keys out".to_owned())
        } else {
            hint_for(key, fields.keys().map(String::as_str))
        };
        self.report(code::UNKNOWN_KEY, entry.key_span, &join(path, key), message, hint);
    }

    fn scalar(
        &mut self,
        scalar: &Scalar,
        shape: &Shape,
        path: &str,
        place: Span,
        about: &str,
    ) -> Option<Value> {
        // What a substitution puts in is text, unless a number is wanted there.
        let meaning = scalar.meaning();
        let text = match meaning {
            Meaning::Text(text) => Some(text),
            _ if scalar.substituted => Some(scalar.text.as_str()),
            Meaning::Null | Meaning::Flag(_) | Meaning::Integer(_) | Meaning::Number(_) => None,
        };
        let found = match (shape, meaning) {
            (Shape::Text, _) => text.map(|text| Value::String(text.to_owned())),
            (Shape::Duration, _) => match text {
                Some(text) => return self.duration(text, path, place),
                None => None,
            },
            (Shape::Words(words), _) => match text {
                Some(text) => return self.word(text, words, path, place),
                None => None,
            },
            (Shape::Integer { least, greatest }, Meaning::Integer(number)) => {
                if (*least..=*greatest).contains(&number) {
                    integer(number)
                } else {
                    let message = format!("{number} is out of range{}", named(path));
                    let hint = format!("write a whole number from {least} to {greatest}");
                    self.report(code::WRONG_TYPE, place, path, message, Some(hint));
                    return None;
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a metric's value is a double anyway")]
            (Shape::Number, Meaning::Integer(number)) => {
                Some(Value::Number((number as f64).into()))
            }
            (Shape::Number, Meaning::Number(number)) => Some(Value::Number(number.into())),
            _ => None,
        };
        if found.is_none() {
            let node = Node { content: Content::Scalar(scalar.clone()), span: place };
            self.wrong(&node, shape, path, place, about);
        }
        found
    }

    fn duration(&mut self, text: &str, path: &str, place: Span) -> Option<Value> {
        match humantime::parse_duration(text) {
            Ok(_) => Some(Value::String(text.to_owned())),
            Err(error) => {
                let message = format!("`{}` is not a duration: {error}", shortened(text));
                let hint = "write a number with a unit, such as `90s`, `5m` or `1h 30m`".to_owned();
                self.report(code::BAD_DURATION, place, path, message, Some(hint));
                None
            }
        }
    }

    fn word(&mut self, text: &str, words: &[String], path: &str, place: Span) -> Option<Value> {
        if words.iter().any(|word| word == text) {
            return Some(Value::String(text.to_owned()));
        }
        let message = format!("`{}` is not known{}", shortened(text), named(path));
        let hint = hint_for(text, words.iter().map(String::as_str));
        self.report(code::UNKNOWN_WORD, place, path, message, hint);
        None
    }

    fn wrong(&mut self, node: &Node, shape: &Shape, path: &str, place: Span, about: &str) {
        let message = format!("expected {}{}, found {}", wanted(shape), named(path), found(node));
        let hint = match (&node.content, shape) {
            (Content::Scalar(scalar), Shape::Text) if !scalar.text.is_empty() => {
                format!("quote it: `\"{}\"`", shortened(&scalar.text))
            }
            (Content::Scalar(scalar), Shape::Duration)
                if matches!(scalar.meaning(), Meaning::Integer(_) | Meaning::Number(_)) =>
            {
                format!("say the unit: `{0}s` or `{0}m`", shortened(&scalar.text))
            }
            (Content::Scalar(scalar), Shape::List(_)) if !scalar.text.is_empty() => {
                format!("write a list: `[{}]`", shortened(&scalar.text))
            }
            (Content::Mapping(_), Shape::List(_)) => {
                "put a dash before each element: `- …`".to_owned()
            }
            (_, Shape::Struct(fields)) => {
                let keys: Vec<&str> = fields.keys().map(String::as_str).collect();
                format!("its keys are {}", list(&keys))
            }
            _ if about.is_empty() => format!("write it like `{}`", example(shape)),
            _ => format!("write it like `{}` ({about})", example(shape)),
        };
        self.report(code::WRONG_TYPE, place, path, message, Some(hint));
    }

    /// Any value, as JSON has it.
    fn any(&mut self, node: &Node, path: &str, place: Span) -> Option<Value> {
        match &node.content {
            Content::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => Some(Value::Null),
                Meaning::Flag(flag) => Some(Value::Bool(flag)),
                Meaning::Integer(number) => integer(number).or_else(|| {
                    let message = format!("{number} is too large for a JSON number");
                    self.report(code::WRONG_TYPE, place, path, message, Some("quote it".into()));
                    None
                }),
                Meaning::Number(number) if number.is_finite() => Some(Value::Number(number.into())),
                Meaning::Number(_) => {
                    let message = format!("`{}` is not a JSON number", shortened(&scalar.text));
                    let hint = "quote it if text is meant".to_owned();
                    self.report(code::WRONG_TYPE, place, path, message, Some(hint));
                    None
                }
                Meaning::Text(text) => Some(Value::String(text.to_owned())),
            },
            Content::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let below = join(path, &index.to_string());
                    list.push(self.any(item, &below, first_place(item, place))?);
                }
                Some(Value::Sequence(list))
            }
            Content::Mapping(entries) => {
                let mut mapping = Mapping::new();
                for entry in entries {
                    let below = join(path, &entry.key);
                    let place = visible(&entry.value, entry.key_span);
                    let value = self.any(&entry.value, &below, place)?;
                    mapping.insert(Value::String(entry.key.clone()), value);
                }
                Some(Value::Mapping(mapping))
            }
        }
    }

    fn report(
        &mut self,
        code: &str,
        span: Span,
        path: &str,
        message: String,
        hint: Option<String>,
    ) {
        let mut found = Diagnostic::error(code, self.file, span, message);
        found.hint = hint;
        self.diagnostics.push(found);
        self.broken.push(path.to_owned());
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.meaning() == Meaning::Null)
}

fn integer(number: i128) -> Option<Value> {
    if let Ok(number) = u64::try_from(number) {
        return Some(Value::Number(number.into()));
    }
    i64::try_from(number).ok().map(|number| Value::Number(number.into()))
}

fn join(path: &str, segment: &str) -> String {
    if path.is_empty() { segment.to_owned() } else { format!("{path}/{segment}") }
}

/// Where to point for a value: at a scalar itself, at the key of anything that goes over lines.
fn visible(node: &Node, key_span: Span) -> Span {
    match node.content {
        Content::Scalar(_) if node.span.length > 0 => node.span,
        Content::Scalar(_) | Content::Sequence(_) | Content::Mapping(_) => key_span,
    }
}

/// Where to point for an element of a list.
fn first_place(node: &Node, fallback: Span) -> Span {
    match &node.content {
        Content::Mapping(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        Content::Scalar(_) if node.span.length == 0 => fallback,
        Content::Scalar(_) | Content::Sequence(_) => node.span,
    }
}

/// ` in expect[2]`, for a struct that is not the whole file.
fn within(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in `{}`", dotted(path)) }
}

fn named(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" for `{}`", dotted(path)) }
}

/// A path as people write it: `expect[2].alarm`.
pub(crate) fn dotted(path: &str) -> String {
    let mut text = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            text.extend(["[", segment, "]"]);
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&shortened(segment));
        }
    }
    text
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "a value",
        Shape::Text => "text",
        Shape::Duration => "a duration",
        Shape::Words(_) => "a word",
        Shape::Integer { .. } => "a whole number",
        Shape::Number => "a number",
        Shape::List(_) => "a list",
        Shape::Map(_) => "names and values",
        Shape::Struct(_) => "a mapping",
    }
}

fn example(shape: &Shape) -> String {
    match shape {
        Shape::Any | Shape::Struct(_) => "{…}".to_owned(),
        Shape::Text => "…".to_owned(),
        Shape::Duration => "2m".to_owned(),
        Shape::Words(words) => words.first().cloned().unwrap_or_default(),
        Shape::Integer { .. } => "1".to_owned(),
        Shape::Number => "0.5".to_owned(),
        Shape::List(_) => "[…]".to_owned(),
        Shape::Map(_) => "{name: value}".to_owned(),
    }
}

fn found(node: &Node) -> String {
    match &node.content {
        Content::Sequence(_) => "a list".to_owned(),
        Content::Mapping(_) => "a mapping".to_owned(),
        Content::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => "nothing".to_owned(),
            Meaning::Flag(flag) => format!("`{flag}`"),
            Meaning::Integer(_) | Meaning::Number(_) => {
                format!("the number {}", shortened(&scalar.text))
            }
            Meaning::Text(text) => format!("the text `{}`", shortened(text)),
        },
    }
}
