//! A YAML document as a tree in which every key and value knows its place.
//!
//! Main type: [`Node`]. Made from the events of a parser that keeps marks, with a limit on depth, on the
//! number of values and on what aliases expand to. Invariant: a tree is at most [`MAX_DEPTH`] deep, so
//! walking it by recursion is safe.

use std::collections::{BTreeMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, Tag};

use super::rules::code;
use super::suggest::shortened;
use crate::diagnostic::{Diagnostic, Span};

/// The deepest nesting that is taken.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most values that a document may have, aliases expanded.
pub(crate) const MAX_NODES: usize = 50_000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// What it is.
    pub(crate) content: Content,
    /// Where it begins; for text also how long it is.
    pub(crate) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Text, a number, a word or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file.
    Mapping(Vec<Entry>),
}

/// A scalar as written, quotes removed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text.
    pub(crate) text: String,
    /// Not quoted, so that it may be a number or a word of YAML.
    pub(crate) plain: bool,
    /// A substitution stood in it.
    pub(crate) substituted: bool,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) value: Node,
}

/// What a plain scalar means in YAML 1.2's core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning<'a> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i128),
    /// Another number.
    Number(f64),
    /// Text.
    Text(&'a str),
}

impl Scalar {
    /// What it means. Numbers with leading zeros are text, so that an account id keeps its digits.
    pub(crate) fn meaning(&self) -> Meaning<'_> {
        if !self.plain {
            return Meaning::Text(&self.text);
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
            "true" | "True" | "TRUE" => return Meaning::Flag(true),
            "false" | "False" | "FALSE" => return Meaning::Flag(false),
            ".inf" | ".Inf" | ".INF" | "+.inf" => return Meaning::Number(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Meaning::Number(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => return Meaning::Number(f64::NAN),
            _ => {}
        }
        number(&self.text).unwrap_or(Meaning::Text(&self.text))
    }
}

fn number(text: &str) -> Option<Meaning<'static>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok().map(Meaning::Integer);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i128::from_str_radix(digits, 8).ok().map(Meaning::Integer);
    }
    let first = unsigned.bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && first == b'0' {
            return None;
        }
        return text.parse().ok().map(Meaning::Integer);
    }
    let known = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
    if !unsigned.bytes().all(known) || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Meaning::Number)
}

impl Node {
    /// The value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            Content::Scalar(_) | Content::Sequence(_) => None,
        }
    }

    /// The place of a path such as `expect/2/after`: of the value itself where it is text, of the key
    /// where it is more than that; of the nearest thing above it where the path does not exist.
    pub(crate) fn locate(&self, path: &str) -> Span {
        let mut node = self;
        let mut place = self.span;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let next = match &node.content {
                Content::Mapping(_) => node.get(segment).map(|entry| {
                    let scalar = matches!(entry.value.content, Content::Scalar(_));
                    let visible = scalar && entry.value.span.length > 0;
                    (&entry.value, if visible { entry.value.span } else { entry.key_span })
                }),
                Content::Sequence(items) => segment
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item, item.first_key())),
                Content::Scalar(_) => None,
            };
            let Some((found, span)) = next else { return place };
            (node, place) = (found, span);
        }
        place
    }

    /// The place of the key at the end of a path, whatever its value is.
    pub(crate) fn locate_key(&self, path: &str) -> Span {
        let (above, key) = path.rsplit_once('/').unwrap_or(("", path));
        match self.descend(above).and_then(|node| node.get(key)) {
            Some(entry) => entry.key_span,
            None => self.locate(path),
        }
    }

    /// The node at a path.
    pub(crate) fn descend(&self, path: &str) -> Option<&Node> {
        let mut node = self;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            node = match &node.content {
                Content::Mapping(_) => &node.get(segment)?.value,
                Content::Sequence(items) => items.get(segment.parse::<usize>().ok()?)?,
                Content::Scalar(_) => return None,
            };
        }
        Some(node)
    }

    /// Where it begins: its first key for a mapping.
    fn first_key(&self) -> Span {
        match &self.content {
            Content::Mapping(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
            Content::Scalar(_) | Content::Sequence(_) => self.span,
        }
    }
}

/// Parses a text into a tree. Without a tree there is at least one error among the diagnostics.
pub(crate) fn parse(file: &str, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut builder = Builder::new(file, text);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, marks)) => {
                if !builder.take(event, marks) {
                    break;
                }
            }
            Err(error) => {
                let mark = error.marker();
                builder.syntax(mark.line(), mark.col() + 1, error.info());
                break;
            }
        }
    }
    builder.finish()
}

/// A collection that is being read.
struct Frame {
    anchor: usize,
    span: Span,
    content: Open,
    height: usize,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: HashSet<String>, key: Option<(String, Span)> },
}

struct Builder<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, (Node, usize, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    failed: bool,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            lines: text.lines().collect(),
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
            failed: false,
            diagnostics: Vec::new(),
        }
    }

    /// The part of a mark's range that stands on its first line.
    fn span(&self, marks: Marks) -> Span {
        let (start, end) = (marks.start, marks.end);
        let line = start.line().max(1);
        let length = if end.line() == start.line() {
            end.col().saturating_sub(start.col())
        } else if end.index() > start.index() {
            let written = self.lines.get(line - 1).copied().unwrap_or_default();
            written.trim_end().chars().count().saturating_sub(start.col())
        } else {
            0
        };
        Span { line, column: start.col() + 1, length }
    }

    fn error(&mut self, code: &str, span: Span, message: impl Into<String>, hint: &str) {
        self.diagnostics.push(Diagnostic::error(code, self.file, span, message).with_hint(hint));
    }

    /// Reports and gives up: what follows can't be trusted.
    fn fatal(&mut self, code: &str, span: Span, message: impl Into<String>, hint: &str) -> bool {
        self.failed = true;
        self.error(code, span, message, hint);
        false
    }

    fn syntax(&mut self, line: usize, column: usize, info: &str) {
        let span = Span { line: line.max(1), column, length: 1 };
        // The scanner stops at, or on the line after, the tab; it names it as something else.
        let lines = (line.saturating_sub(1).max(1)..=line.max(1)).rev();
        for number in lines {
            let written = self.lines.get(number - 1).copied().unwrap_or_default();
            let indent = written.len() - written.trim_start_matches([' ', '\t']).len();
            if let Some(at) = written[..indent].find('\t') {
                let span = Span { line: number, column: at + 1, length: 1 };
                self.fatal(code::TAB_INDENTATION, span, "a tab indents this line", "use spaces");
                return;
            }
        }
        let message = format!("the text is not YAML: {info}");
        self.fatal(
            code::YAML_SYNTAX,
            span,
            message,
            "look at the indentation, quotes and brackets here and on the line before",
        );
    }

    /// Takes one event. Returns whether to go on.
    fn take(&mut self, event: Event<'_>, marks: Marks) -> bool {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(_) => self.document(marks),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !forces_text(tag.as_deref());
                let span = self.span(marks);
                self.tag(tag.as_deref(), span);
                let scalar = Scalar { text: text.into_owned(), plain, substituted: false };
                let size = weight(&scalar.text);
                self.value(Node { content: Content::Scalar(scalar), span }, anchor, size, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), marks, Open::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let mapping =
                    Open::Mapping { entries: Vec::new(), seen: HashSet::new(), key: None };
                self.open(anchor, tag.as_deref(), marks, mapping)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, self.span(marks)),
        }
    }

    fn document(&mut self, marks: Marks) -> bool {
        self.documents += 1;
        if self.documents == 1 {
            return true;
        }
        let span = self.span(marks);
        self.error(
            code::SEVERAL_DOCUMENTS,
            Span { length: span.length.max(3), ..span },
            "a second YAML document begins here",
            "one file is one scenario: split the file at the `---`",
        );
        false
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let message =
                format!("the tag `{}` means nothing in a scenario", shortened(&tag.to_string()));
            self.error(code::WRONG_TYPE, span, message, "remove the tag, or quote the text");
        }
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, marks: Marks, content: Open) -> bool {
        let span = self.span(marks);
        self.tag(tag, span);
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("the nesting is deeper than {MAX_DEPTH} levels");
            return self.fatal(code::TOO_DEEP, span, message, "no scenario needs this; flatten it");
        }
        self.stack.push(Frame { anchor, span, content, height: 0 });
        true
    }

    fn close(&mut self) -> bool {
        let Some(frame) = self.stack.pop() else { return true };
        let content = match frame.content {
            Open::Sequence(items) => Content::Sequence(items),
            Open::Mapping { entries, .. } => Content::Mapping(entries),
        };
        self.value(Node { content, span: frame.span }, frame.anchor, 1, frame.height + 1)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> bool {
        let Some((node, size, height)) = self.anchors.get(&anchor) else {
            return self.fatal(
                code::BAD_ALIAS,
                span,
                "this alias refers to the value that contains it",
                "write the value out",
            );
        };
        let (mut node, size, height) = (node.clone(), *size, *height);
        if self.stack.len() + height > MAX_DEPTH {
            let message = format!("with its aliases the nesting is deeper than {MAX_DEPTH} levels");
            return self.fatal(code::TOO_DEEP, span, message, "no scenario needs this; flatten it");
        }
        node.span = span;
        self.value(node, 0, size, height)
    }

    /// Puts a finished value where it belongs; `size` values are new, `height` levels are below it.
    fn value(&mut self, node: Node, anchor: usize, size: usize, height: usize) -> bool {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            let message = format!("the document has more than {MAX_NODES} values");
            return self.fatal(code::TOO_MANY_NODES, node.span, message, "use fewer aliases");
        }
        if anchor != 0 {
            let total = count(&node);
            self.anchors.insert(anchor, (node.clone(), total, height));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return true;
        };
        frame.height = frame.height.max(height);
        let Open::Mapping { entries, seen, key } = &mut frame.content else {
            if let Open::Sequence(items) = &mut frame.content {
                items.push(node);
            }
            return true;
        };
        let Some((name, key_span)) = key.take() else {
            let span = node.span;
            if let Content::Scalar(scalar) = node.content {
                *key = Some((scalar.text, span));
                return true;
            }
            return self.fatal(
                code::WRONG_TYPE,
                span,
                "a list or mapping is used as a key",
                "keys are text; quote `{`, `[` and `*` where they are meant as text",
            );
        };
        if seen.insert(name.clone()) {
            entries.push(Entry { key: name, key_span, value: node });
            return true;
        }
        let first = entries.iter().find(|entry| entry.key == name);
        let line = first.map_or(0, |entry| entry.key_span.line);
        let message = format!("the key `{}` stands twice in this mapping", shortened(&name));
        let hint = format!("it is already on line {line}; remove one of the two");
        self.error(code::DUPLICATE_KEY, key_span, message, &hint);
        true
    }

    fn finish(mut self) -> (Option<Node>, Vec<Diagnostic>) {
        if self.failed {
            return (None, self.diagnostics);
        }
        let empty = |node: &Node| matches!(&node.content, Content::Scalar(scalar) if scalar.meaning() == Meaning::Null);
        if self.root.as_ref().is_none_or(empty) {
            let hint = "the shortest scenario has `version`, `name`, `faults` and `expect`";
            let message = "the file holds no scenario";
            let found = Diagnostic::error(code::EMPTY_FILE, self.file, None, message);
            self.diagnostics.push(found.with_hint(hint));
            return (None, self.diagnostics);
        }
        (self.root, self.diagnostics)
    }
}

fn forces_text(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str")
}

/// What a text counts for: long ones count for more, so that aliases can't multiply them either.
fn weight(text: &str) -> usize {
    1 + text.len() / 256
}

/// What a node and everything below it count for.
fn count(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(scalar) => weight(&scalar.text),
        Content::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Content::Mapping(entries) => {
            1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>()
        }
    }
}
