//! Template parameters: what a template asks for, and whether a value will do.
//!
//! Main type: [`Parameter`]. Invariant: a value is checked against the declared constraints before
//! anything is made, and a value of a `NoEcho` parameter never appears in a finding.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>

use regex::Regex;

use super::findings::{Findings, did_you_mean};
use super::node::{Entry, Node};
use crate::diagnostic::Span;

/// How long a parameter's value may be, in bytes.
pub(crate) const MAX_VALUE: usize = 4096;

/// A parameter as declared.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) span: Span,
    pub(crate) kind: ParameterKind,
    pub(crate) default: Option<Node>,
    no_echo: bool,
    allowed_values: Vec<String>,
    allowed_pattern: Option<Regex>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    constraint: Option<String>,
}

/// What kind of value a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    /// `String`, or one of the AWS-specific types.
    Text,
    Number,
    /// `CommaDelimitedList`, or a `List<…>` of text.
    TextList,
    /// `List<Number>`.
    NumberList,
    /// `AWS::SSM::Parameter::Value<…>`: the name of an SSM parameter that holds the value.
    Stored {
        /// Whether the stored value is a list.
        list: bool,
    },
}

const KEYS: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

impl Parameter {
    /// Reads one entry of `Parameters`.
    pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let node = &entry.value;
        for key in node.as_map().unwrap_or_default() {
            if !KEYS.contains(&key.key.as_str()) {
                findings.error(
                    "unknown-attribute",
                    key.key_span,
                    format!("a parameter has no attribute `{}`", key.key),
                    did_you_mean(&key.key, KEYS.iter().copied()),
                );
            }
        }
        let text = |key: &str| node.get(key).and_then(Node::as_text);
        let count = |key: &str| text(key).and_then(|text| text.parse::<usize>().ok());
        let limit = |key: &str| text(key).and_then(|text| text.parse::<f64>().ok());
        Self {
            span: entry.key_span,
            kind: kind(entry, findings),
            default: node.get("Default").cloned(),
            no_echo: text("NoEcho").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            allowed_values: node
                .get("AllowedValues")
                .and_then(Node::as_list)
                .unwrap_or_default()
                .iter()
                .filter_map(|value| value.as_text().map(str::to_owned))
                .collect(),
            allowed_pattern: allowed_pattern(node.get("AllowedPattern"), findings),
            min_length: count("MinLength"),
            max_length: count("MaxLength"),
            min_value: limit("MinValue"),
            max_value: limit("MaxValue"),
            constraint: text("ConstraintDescription").map(str::to_owned),
        }
    }

    /// The value as `Ref` returns it; reports at `span` if it is not allowed.
    pub(super) fn accept(
        &self,
        name: &str,
        value: &str,
        span: Span,
        findings: &mut Findings,
    ) -> Option<Node> {
        let refused = self.refusal(value);
        if let Some(why) = refused {
            let shown = if self.no_echo { "****" } else { value };
            let message = format!("the parameter `{name}` can't be `{shown}`: {why}");
            findings.error("parameter-value", span, message, self.constraint.clone());
            return None;
        }
        Some(match self.kind {
            ParameterKind::TextList | ParameterKind::NumberList => list(span, value),
            ParameterKind::Text | ParameterKind::Number | ParameterKind::Stored { .. } => {
                Node::text(span, value)
            }
        })
    }

    fn refusal(&self, value: &str) -> Option<String> {
        if value.len() > MAX_VALUE {
            return Some(format!("it is longer than {MAX_VALUE} bytes"));
        }
        let items: Vec<&str> = match self.kind {
            ParameterKind::TextList | ParameterKind::NumberList => {
                value.split(',').map(str::trim).collect()
            }
            ParameterKind::Text | ParameterKind::Number | ParameterKind::Stored { .. } => {
                vec![value]
            }
        };
        items.into_iter().find_map(|item| self.refusal_of_item(item))
    }

    fn refusal_of_item(&self, value: &str) -> Option<String> {
        if matches!(self.kind, ParameterKind::Number | ParameterKind::NumberList) {
            let Ok(number) = value.parse::<f64>() else {
                return Some("it is not a number".to_owned());
            };
            if let Some(limit) = self.min_value.filter(|limit| number < *limit) {
                return Some(format!("it is below the minimum of {limit}"));
            }
            if let Some(limit) = self.max_value.filter(|limit| number > *limit) {
                return Some(format!("it is above the maximum of {limit}"));
            }
        }
        if !self.allowed_values.is_empty()
            && !self.allowed_values.iter().any(|allowed| same_value(allowed, value))
        {
            return Some(format!("the allowed values are {}", self.allowed_values.join(", ")));
        }
        let length = value.chars().count();
        if let Some(limit) = self.min_length.filter(|limit| length < *limit) {
            return Some(format!("it is shorter than {limit} characters"));
        }
        if let Some(limit) = self.max_length.filter(|limit| length > *limit) {
            return Some(format!("it is longer than {limit} characters"));
        }
        match &self.allowed_pattern {
            Some(pattern) if !pattern.is_match(value) => {
                Some(format!("it does not match the pattern {}", inner_pattern(pattern)))
            }
            Some(_) | None => None,
        }
    }
}

/// A comma-separated text as a list, each item trimmed.
pub(super) fn list(span: Span, value: &str) -> Node {
    let items = value.split(',').map(|item| Node::text(span, item.trim())).collect();
    Node::list(span, items)
}

/// Whether a value is one of the allowed: a YAML boolean is the same in all its spellings.
fn same_value(allowed: &str, value: &str) -> bool {
    let boolean = |text: &str| match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" => Some(false),
        _ => None,
    };
    allowed == value || (boolean(allowed).is_some() && boolean(allowed) == boolean(value))
}

fn kind(entry: &Entry, findings: &mut Findings) -> ParameterKind {
    let Some(node) = entry.value.get("Type") else {
        let message = format!("the parameter `{}` has no `Type`", entry.key);
        findings.error("parameter-type", entry.key_span, message, None);
        return ParameterKind::Text;
    };
    let text = node.as_text().unwrap_or_default();
    let inside = |outer: &str| text.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("AWS::SSM::Parameter::Value<") {
        let list = inner.starts_with("List<") || inner == "CommaDelimitedList";
        return ParameterKind::Stored { list };
    }
    if let Some(inner) = inside("List<") {
        return if inner == "Number" { ParameterKind::NumberList } else { ParameterKind::TextList };
    }
    match text {
        "Number" => ParameterKind::Number,
        "CommaDelimitedList" => ParameterKind::TextList,
        "String" => ParameterKind::Text,
        aws if aws.starts_with("AWS::") => ParameterKind::Text,
        _ => {
            findings.error(
                "parameter-type",
                node.span,
                format!("`{text}` is no parameter type"),
                did_you_mean(text, ["String", "Number", "CommaDelimitedList", "List<Number>"]),
            );
            ParameterKind::Text
        }
    }
}

/// The pattern has to match the whole value.
fn allowed_pattern(node: Option<&Node>, findings: &mut Findings) -> Option<Regex> {
    let node = node?;
    let text = node.as_text()?;
    if let Ok(pattern) = compile(text).or_else(|_| compile(&with_literal_hyphens(text))) {
        Some(pattern)
    } else {
        findings.note(
            "not-emulated-pattern",
            node.span,
            format!("the pattern `{text}` uses what this regular expression engine does not have; it is not applied"),
        );
        None
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build()
}

/// Java reads `[\w-\+]` as three alternatives; this engine wants the hyphen escaped.
fn with_literal_hyphens(text: &str) -> String {
    text.replace(r"\w-", r"\w\-").replace(r"\d-", r"\d\-").replace(r"\s-", r"\s\-")
}

fn inner_pattern(pattern: &Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(text)
}
