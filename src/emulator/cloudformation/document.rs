//! Reads YAML and JSON text into [`Node`]s, with marks and with limits.
//!
//! Main function: [`read`]. Invariant: work and memory are bounded by the size of the text: nesting,
//! bytes and what aliases expand to are limited, so a billion laughs are one error.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::findings::Findings;
use super::json;
use super::node::{Entry, Kind, Node};
use crate::diagnostic::Span;

/// The largest document, in bytes: what CloudFormation takes from S3.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// How deep lists and maps may nest.
pub(super) const MAX_DEPTH: usize = 64;

/// How much all aliases of a document together may expand to ([`Node::weight`]).
const MAX_ALIAS_WEIGHT: usize = 1024 * 1024;

/// What is wrong with a document's syntax, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxError {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Reads one document; what is wrong with it goes to `findings`.
pub(crate) fn read(text: &str, findings: &mut Findings) -> Option<Node> {
    if text.len() > MAX_BYTES {
        findings.whole_file(
            "file-too-large",
            format!("the file has {} bytes; the limit is {MAX_BYTES}", text.len()),
            "split it into several templates",
        );
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = if json::is_json(text) { json::read(text) } else { read_yaml(text) };
    match read {
        Ok((node, duplicates)) => {
            for (key, span) in duplicates {
                findings.warning(
                    "duplicate-key",
                    span,
                    format!("the key `{key}` is there twice; the last one counts"),
                    "remove one of them",
                );
            }
            Some(node)
        }
        Err(error) => {
            findings.error("syntax", error.span, error.message, None);
            None
        }
    }
}

/// Keys that were there twice in one map, and where the second stood.
pub(super) type Duplicates = Vec<(String, Span)>;

fn read_yaml(text: &str) -> Result<(Node, Duplicates), SyntaxError> {
    let mut reader = YamlReader {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        alias_weight: 0,
        duplicates: Vec::new(),
    };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            event if root.is_none() => root = Some(reader.node(event, span, 0)?),
            _ => {
                return Err(SyntaxError {
                    span,
                    message: "a second document starts here; a file holds one".to_owned(),
                });
            }
        }
    }
    let empty = Span { line: 1, column: 1, length: 1 };
    let root =
        root.ok_or_else(|| SyntaxError { span: empty, message: "the file is empty".to_owned() })?;
    Ok((root, reader.duplicates))
}

struct YamlReader<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    alias_weight: usize,
    duplicates: Duplicates,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), SyntaxError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span))),
            Some(Err(error)) => Err(SyntaxError {
                span: Span {
                    line: error.marker().line(),
                    column: error.marker().col() + 1,
                    length: 1,
                },
                message: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, Span { line: 1, column: 1, length: 1 })),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(SyntaxError {
                span,
                message: format!("lists and maps nest deeper than {MAX_DEPTH}"),
            });
        }
        let (anchor, tag, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string_tag(tag.as_deref());
                (anchor, tag, Kind::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag, self.list(depth)?),
            Event::MappingStart(anchor, tag) => (anchor, tag, self.map(depth)?),
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(SyntaxError { span, message: "a value is missing here".to_owned() });
            }
        };
        let node = tagged(tag.as_deref(), Node { span, kind });
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(items));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(entries));
            }
            let key = self.node(event, key_span, depth + 1)?;
            let Kind::Scalar { text: key, .. } = key.kind else {
                return Err(SyntaxError {
                    span: key_span,
                    message: format!("a key must be text, this one is {}", key.what()),
                });
            };
            if !seen.insert(key.clone()) {
                self.duplicates.push((key.clone(), key_span));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, key_span, value });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, SyntaxError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(SyntaxError {
                span,
                message: "this alias names an anchor that is not complete yet".to_owned(),
            });
        };
        self.alias_weight += node.weight();
        if self.alias_weight > MAX_ALIAS_WEIGHT {
            return Err(SyntaxError {
                span,
                message: format!("the file's aliases expand to more than {MAX_ALIAS_WEIGHT} bytes"),
            });
        }
        Ok(node.clone())
    }
}

fn is_string_tag(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str")
}

/// The functions that have a short form, each `!Name` for `Fn::Name`.
const SHORT_FORMS: &[&str] = &[
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
];

/// Turns `!Sub x` into `{Fn::Sub: x}`; a tag that CloudFormation does not have keeps its spelling as the
/// key, so that whoever resolves it can name it.
fn tagged(tag: Option<&Tag>, node: Node) -> Node {
    let Some(tag) = tag else { return node };
    if tag.is_yaml_core_schema() || tag.suffix.is_empty() {
        return node;
    }
    let name = tag.suffix.as_str();
    let key = if matches!(name, "Ref" | "Condition") {
        name.to_owned()
    } else if SHORT_FORMS.contains(&name) {
        format!("Fn::{name}")
    } else {
        tag.to_string()
    };
    let span = node.span;
    Node { span, kind: Kind::Map(vec![Entry { key, key_span: span, value: node }]) }
}

fn place(span: saphyr_parser::Span) -> Span {
    let (start, end) = (span.start, span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span { line: start.line().max(1), column: start.col() + 1, length: length.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_it(text: &str) -> (Option<Node>, Vec<crate::diagnostic::Diagnostic>) {
        let mut findings = Findings::about("t.yaml");
        let node = read(text, &mut findings);
        (node, findings.into_list())
    }

    #[test]
    fn yaml_and_json_read_the_same() {
        let (yaml, _) = read_it("a: [1, \"2\", yes, 007, 1.5]\nb: {c: null, d: true}\n");
        let (from_json, _) =
            read_it(r#"{"a": [1, "2", "yes", "007", 1.5], "b": {"c": null, "d": true}}"#);
        let expected = json!({"a": [1, "2", "yes", "007", 1.5], "b": {"c": null, "d": true}});
        assert_eq!(yaml.unwrap().json(), expected);
        assert_eq!(from_json.unwrap().json(), expected);
    }

    #[test]
    fn short_forms_become_functions_and_strange_tags_keep_their_name() {
        let (node, _) =
            read_it("a: !GetAtt X.Y\nb: !Rain::Embed f\nc: !Ref Z\nd: !Sub\n  - t\n  - {}\n");
        assert_eq!(
            node.unwrap().json(),
            json!({"a": {"Fn::GetAtt": "X.Y"}, "b": {"!Rain::Embed": "f"}, "c": {"Ref": "Z"}, "d": {"Fn::Sub": ["t", {}]}})
        );
    }

    #[test]
    fn every_value_knows_its_place() {
        for text in ["x: 1\nabc:\n  de: [f]\n", "{\"x\": 1,\n\"abc\":\n {\"de\": [\"f\"]}}"] {
            let (node, _) = read_it(text);
            let node = node.unwrap();
            assert_eq!(node.entry("abc").unwrap().key_span.line, 2, "{text}");
            assert_eq!(node.get("abc").unwrap().entry("de").unwrap().key_span.line, 3, "{text}");
            assert_eq!(node.get("abc").unwrap().entry("de").unwrap().key_span.column, 3, "{text}");
        }
    }

    #[test]
    fn a_billion_laughs_are_one_error() {
        let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for level in 1..12 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 8].join(", ");
            text = format!("{text}a{level}: &a{level} [{items}]\n");
        }
        let (node, findings) = read_it(&text);
        assert!(node.is_none());
        assert!(findings[0].message.contains("aliases expand"), "{findings:?}");
    }

    #[test]
    fn deep_nesting_bad_syntax_and_emptiness_are_errors_with_a_place() {
        for text in [
            "[".repeat(5000),
            "[".repeat(200) + &"]".repeat(200),
            "a: [1\nb: 2".to_owned(),
            "{\"a\": 1,}x".to_owned(),
            String::new(),
            "a: 1\n---\nb: 2\n".to_owned(),
            "a: *nobody\n".to_owned(),
            "{\"a\":".repeat(3000) + "1" + &"}".repeat(3000),
        ] {
            let (node, findings) = read_it(&text);
            assert!(node.is_none(), "{}", &text[..text.len().min(40)]);
            assert_eq!(findings.len(), 1);
            assert!(findings[0].span.is_some());
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_a_warning_and_the_last_counts() {
        for text in ["a: 1\na: 2\n", "{\"a\": 1, \"a\": 2}"] {
            let (node, findings) = read_it(text);
            assert_eq!(node.unwrap().get("a").unwrap().json(), json!(2));
            assert_eq!(findings[0].code, "duplicate-key");
        }
    }
}
