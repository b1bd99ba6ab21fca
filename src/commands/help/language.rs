//! The page about the scenario language, key by key, made from its JSON Schema.
//!
//! Main functions: [`page`], and [`keys`] and [`purpose`] for the pages of the kinds. Invariant: every key
//! stands on the page or on that of its kind, with the words of its type's documentation.

use serde_json::Value;

use super::wrapped;
use crate::scenario;

const OPENING: &str = "\
A scenario is one YAML file. It says what is normal, what is broken on purpose, and what must answer it, \
by when. Every key is checked: an unknown one is an error.

Durations are written as 90s, 5m, 1h 30m. `${var.NAME}`, `${env.NAME}` and `${run.id}` are replaced \
wherever text stands; one without a value is an error. In what faults send (details, messages, inputs, \
parameters, requests) and in what `http` asks, `${env.NAME}` is put in when it is sent: no plan, record or report \
holds its value, and where AWS shows it again it is taken out.

A fault has exactly one kind. An expectation has exactly one kind and `within`, or it has `never` and `for`. \
In `recovery` stands what must be back after the faults. Each kind has a page of its own, with its keys, an \
example, its IAM actions and its limits: `firedrill help KIND`.";

/// How deep the language is at most; a schema that refers to itself would have no end.
const DEEPEST: usize = 8;

/// The page.
pub(super) fn page() -> String {
    let schema = scenario::schema();
    let mut lines = vec!["The scenario language, version 1".to_owned(), String::new()];
    lines.push(wrapped(OPENING, 0));
    let definitions = &schema["$defs"];
    let elsewhere = paged(definitions);
    let mut writer = Writer { definitions, elsewhere, told: Vec::new(), lines };
    writer.object(&schema, 0);
    for (head, kinds) in [("Faults", scenario::FAULTS), ("Expectations", scenario::HAPPENINGS)] {
        let head = format!("{head}, each with its page (`firedrill help KIND`)");
        writer.lines.extend([String::new(), head, wrapped(&kinds.join(", "), 4)]);
    }
    writer.lines.push(String::new());
    writer.lines.push(wrapped(
        "`firedrill schema` prints the same as a JSON Schema, for editors. `firedrill help diagnostics` lists \
         what the check refuses.",
        0,
    ));
    writer.lines.join("\n")
}

/// The keys of a kind, each with its type and its words. `side` is the definition in which the kind stands.
pub(super) fn keys(side: &str, kind: &str) -> Vec<String> {
    let schema = scenario::schema();
    let definitions = &schema["$defs"];
    let name = reference(&definitions[side]["properties"][kind]).unwrap_or_default();
    let mut writer =
        Writer { definitions, elsewhere: Vec::new(), told: Vec::new(), lines: Vec::new() };
    writer.object(&definitions[name], 1);
    writer.lines
}

/// What a kind is for: the words of its key, and those of its type.
pub(super) fn purpose(side: &str, kind: &str) -> [String; 2] {
    let schema = scenario::schema();
    let definitions = &schema["$defs"];
    let property = &definitions[side]["properties"][kind];
    let own = &definitions[reference(property).unwrap_or_default()];
    [property, own].map(|one| one["description"].as_str().unwrap_or_default().to_owned())
}

/// The definitions whose keys stand on a page of their own.
fn paged(definitions: &Value) -> Vec<&str> {
    let kinds = |side: &'static str, kinds: &'static [&'static str]| {
        kinds.iter().filter_map(move |kind| reference(&definitions[side]["properties"][*kind]))
    };
    kinds("Fault", scenario::FAULTS).chain(kinds("Expectation", scenario::HAPPENINGS)).collect()
}

struct Writer<'a> {
    definitions: &'a Value,
    /// The definitions whose keys stand on pages of their own.
    elsewhere: Vec<&'a str>,
    /// The definitions whose keys stand on the page already, each with the key that it stood under.
    told: Vec<(&'a str, String)>,
    lines: Vec<String>,
}

impl<'a> Writer<'a> {
    /// The keys of an object, each with its type, its words, and the keys below it.
    fn object(&mut self, object: &'a Value, depth: usize) {
        let required: Vec<&str> =
            object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, property) in object["properties"].as_object().into_iter().flatten() {
            if depth == 0 {
                self.lines.push(String::new());
            }
            let must = if required.contains(&key.as_str()) { ", required" } else { "" };
            let indent = depth * 4;
            let head = format!("{key} ({}{must})", self.type_of(property));
            self.lines.push(format!("{}{head}", " ".repeat(indent)));
            let words = property["description"].as_str().unwrap_or_default();
            self.lines.push(wrapped(words, indent + 4));
            self.below(key, property, depth);
        }
    }

    /// The keys below a key, unless they stand on the page already.
    fn below(&mut self, key: &str, property: &'a Value, depth: usize) {
        let Some(name) = reference(property) else { return };
        if self.elsewhere.contains(&name) {
            let line = format!("{}Its keys: `firedrill help {key}`.", " ".repeat(depth * 4 + 4));
            self.lines.push(line);
            return;
        }
        let definition = &self.definitions[name];
        if definition["properties"].is_null() || depth >= DEEPEST {
            return;
        }
        if let Some((_, before)) = self.told.iter().find(|(told, _)| *told == name) {
            let line = format!("{}The keys are those of `{before}`.", " ".repeat(depth * 4 + 4));
            self.lines.push(line);
            return;
        }
        self.told.push((name, key.to_owned()));
        self.object(definition, depth + 1);
    }

    fn type_of(&self, property: &Value) -> String {
        if let Some(name) = reference(property) {
            let item = self.named(name);
            let several = if is_list(property) { "list: " } else { "map: " };
            let one = !is_list(property) && property["additionalProperties"].is_null();
            return if one { item } else { format!("{several}{item}") };
        }
        let kinds: Vec<&str> = match &property["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match kinds.iter().find(|kind| **kind != "null") {
            Some(&"array") => match property["items"]["type"].as_str() {
                Some(item) => format!("list: {}", simple(item)),
                None => "list".to_owned(),
            },
            Some(kind) => simple(kind).to_owned(),
            None => "YAML".to_owned(),
        }
    }

    /// What a definition is called in a type: its words, or keys.
    fn named(&self, name: &str) -> String {
        let definition = &self.definitions[name];
        if name == "Duration" {
            return "duration".to_owned();
        }
        let constants: Vec<&str> = definition["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["const"].as_str())
            .collect();
        if constants.is_empty() { "keys".to_owned() } else { constants.join(" | ") }
    }
}

fn is_list(property: &Value) -> bool {
    property["type"] == "array"
}

/// The name of the definition that a property, its items, its values or its alternatives refer to.
fn reference(property: &Value) -> Option<&str> {
    let of = |part: &'static str| property[part]["$ref"].as_str();
    let direct = property["$ref"].as_str().or_else(|| of("items"));
    let direct = direct.or_else(|| of("additionalProperties"));
    let either = || property["anyOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str());
    direct.or_else(either)?.strip_prefix("#/$defs/")
}

/// A JSON type in the words of this page.
fn simple(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "object" => "map",
        other => other,
    }
}
