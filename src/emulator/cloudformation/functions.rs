//! Intrinsic functions: from a value as written to the value that a resource gets.
//!
//! Main type: [`Resolver`]. Invariant: resolving never stops at the first problem; a value that can't be
//! had is left out after its finding was made, so one bad line is one finding and not ten. What is
//! produced is bounded, because `Fn::Sub` can multiply text.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>

use std::collections::HashMap;

use base64::Engine as _;
use indexmap::IndexMap;
use serde_json::Value;

use super::findings::{Findings, did_you_mean};
use super::node::{Entry, Kind, Node};
use super::references::{Piece, attribute_of, pieces};
use super::stack::Made;
use super::template::Template;
use crate::diagnostic::Span;
use crate::emulator::account::Identity;

/// How many bytes all values of one stack together may come to.
const MAX_PRODUCED: usize = 16 * 1024 * 1024;

/// How deep functions may nest once conditions and mappings are followed.
const MAX_DEPTH: usize = 128;

/// Turns the values of one stack's template into what its resources get.
pub(crate) struct Resolver<'a> {
    template: &'a Template,
    identity: Identity,
    stack_name: String,
    stack_id: String,
    /// The values of the template's parameters; a missing one was reported.
    pub(super) parameters: IndexMap<String, Node>,
    /// The resources that were made so far.
    pub(super) made: IndexMap<String, Made>,
    exports: &'a IndexMap<String, String>,
    conditions: HashMap<String, Option<bool>>,
    produced: usize,
    pub(crate) findings: Findings,
}

impl<'a> Resolver<'a> {
    /// A resolver for one stack, before anything is made.
    pub(super) fn new(
        template: &'a Template,
        identity: Identity,
        stack: (&str, &str),
        exports: &'a IndexMap<String, String>,
    ) -> Self {
        Self {
            template,
            identity,
            stack_name: stack.0.to_owned(),
            stack_id: stack.1.to_owned(),
            parameters: IndexMap::new(),
            made: IndexMap::new(),
            exports,
            conditions: HashMap::new(),
            produced: 0,
            findings: Findings::about(&template.file),
        }
    }

    /// The value of a node; nothing for `AWS::NoValue` and for what was reported as unusable.
    pub(crate) fn resolve(&mut self, node: &Node) -> Option<Node> {
        self.value(node, 0)
    }

    /// The value of a node as one text.
    pub(super) fn resolve_text(&mut self, node: &Node) -> Option<String> {
        let value = self.resolve(node)?;
        self.text_of(&value)
    }

    /// Whether a named condition holds; nothing if it can't be told, which was reported.
    pub(crate) fn holds(&mut self, name: &str, span: Span) -> Option<bool> {
        if let Some(known) = self.conditions.get(name) {
            if known.is_none() {
                let message = format!("the condition `{name}` depends on itself, or can't be told");
                self.findings.error("condition", span, message, None);
            }
            return *known;
        }
        // An unknown condition was reported when the template was read.
        let node = self.template.conditions.get(name)?;
        self.conditions.insert(name.to_owned(), None);
        let value = self.condition(node, 0);
        self.conditions.insert(name.to_owned(), value);
        value
    }

    fn fail(&mut self, span: Span, message: impl Into<String>) -> Option<Node> {
        self.findings.error("function", span, message, None);
        None
    }

    /// Counts what is produced; past the limit nothing more is.
    fn charge(&mut self, span: Span, bytes: usize) -> Option<()> {
        self.produced = self.produced.saturating_add(bytes);
        if self.produced > MAX_PRODUCED {
            let message = format!("the values of the stack come to more than {MAX_PRODUCED} bytes");
            self.findings.error("stack-too-large", span, message, None);
            return None;
        }
        Some(())
    }

    fn value(&mut self, node: &Node, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return self.fail(node.span, format!("functions nest deeper than {MAX_DEPTH}"));
        }
        let span = node.span;
        match &node.kind {
            Kind::Scalar { text, .. } => {
                self.charge(span, text.len())?;
                Some(node.clone())
            }
            Kind::List(items) => {
                let items = items.iter().filter_map(|item| self.value(item, depth + 1)).collect();
                Some(Node::list(span, items))
            }
            Kind::Map(entries) => {
                if let [only] = entries.as_slice()
                    && is_function(&only.key)
                {
                    return self.call(only, depth + 1);
                }
                let entries = entries
                    .iter()
                    .filter_map(|entry| {
                        let value = self.value(&entry.value, depth + 1)?;
                        let key = entry.key.clone();
                        Some(Entry { key, key_span: entry.key_span, value })
                    })
                    .collect();
                Some(Node { span, kind: Kind::Map(entries) })
            }
        }
    }

    fn call(&mut self, entry: &Entry, depth: usize) -> Option<Node> {
        let (argument, span) = (&entry.value, entry.key_span);
        match entry.key.as_str() {
            "Ref" => self.reference(argument),
            "Fn::GetAtt" => self.attribute(argument, depth),
            "Fn::Sub" => self.substitute(argument, depth),
            "Fn::Join" => self.join(argument, depth),
            "Fn::Split" => self.split(argument, depth),
            "Fn::Select" => self.select(argument, depth),
            "Fn::If" => self.choose(argument, depth),
            "Fn::FindInMap" => self.find_in_map(argument, depth),
            "Fn::ImportValue" => self.import(argument, depth),
            "Fn::Base64" => {
                let text = self.text(argument, depth)?;
                Some(Node::text(span, base64::engine::general_purpose::STANDARD.encode(text)))
            }
            "Fn::GetAZs" => self.zones(argument, depth),
            "Fn::Cidr" => self.cidr(argument, depth),
            "Fn::Length" => {
                let list = self.list(argument, depth)?;
                Some(Node::from_json(span, &Value::from(list.len())))
            }
            "Fn::ToJsonString" => {
                let value = self.value(argument, depth)?.json().to_string();
                self.charge(span, value.len())?;
                Some(Node::text(span, value))
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                let whole = Node { span, kind: Kind::Map(vec![entry.clone()]) };
                let holds = self.condition(&whole, depth)?;
                Some(Node::text(span, holds.to_string()))
            }
            other => {
                let message =
                    format!("the function `{other}` is not understood; its value is left out");
                self.findings.note("not-emulated-function", span, message);
                None
            }
        }
    }

    fn reference(&mut self, argument: &Node) -> Option<Node> {
        let span = argument.span;
        let Some(name) = argument.as_text() else {
            return self.fail(span, "`Ref` takes one name");
        };
        self.named(name, span)
    }

    /// What `Ref` returns for a name.
    fn named(&mut self, name: &str, span: Span) -> Option<Node> {
        let value = match name {
            "AWS::NoValue" => return None,
            "AWS::NotificationARNs" => return Some(Node::list(span, Vec::new())),
            "AWS::AccountId" => self.identity.account.clone(),
            "AWS::Partition" => self.identity.partition.clone(),
            "AWS::Region" => self.identity.region.clone(),
            "AWS::StackId" => self.stack_id.clone(),
            "AWS::StackName" => self.stack_name.clone(),
            "AWS::URLSuffix" if self.identity.partition == "aws-cn" => {
                "amazonaws.com.cn".to_owned()
            }
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                if let Some(value) = self.parameters.get(name) {
                    let mut value = value.clone();
                    self.charge(span, value.weight())?;
                    place(&mut value, span);
                    return Some(value);
                }
                self.made_resource(name, span)?.reference.clone()
            }
        };
        self.charge(span, value.len())?;
        Some(Node::text(span, value))
    }

    /// A resource that was made; if its condition left it out, that is reported.
    fn made_resource(&mut self, name: &str, span: Span) -> Option<&Made> {
        if !self.made.contains_key(name) {
            let condition = self.template.resources.get(name)?.condition.clone();
            if let Some(condition) = condition
                && self.holds(&condition, span) == Some(false)
            {
                self.findings.error(
                    "unresolved-reference",
                    span,
                    format!("the resource `{name}` is not made, because its condition `{condition}` is false"),
                    Some("guard the reference with the same condition in Fn::If".to_owned()),
                );
            }
            // Anything else that is missing failed to be made, or its name is unknown: both are reported.
            return None;
        }
        self.made.get(name)
    }

    fn attribute(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some((resource, attribute)) = attribute_of(argument) else {
            return self.fail(span, "`Fn::GetAtt` takes a resource and an attribute");
        };
        let attribute = match (attribute, argument.as_list()) {
            (Some(attribute), _) => attribute.to_owned(),
            (None, Some([_, written])) => self.text(written, depth)?,
            (None, _) => return self.fail(span, "`Fn::GetAtt` takes a resource and an attribute"),
        };
        self.attribute_value(resource, &attribute, span)
    }

    fn attribute_value(&mut self, resource: &str, attribute: &str, span: Span) -> Option<Node> {
        let made = self.made_resource(resource, span)?;
        if let Some(value) = made.attributes.get(attribute) {
            return Some(Node::from_json(span, value));
        }
        let stand_in = made.stand_in(attribute);
        if made.emulated {
            let message = format!(
                "{} has no attribute `{attribute}` here; `{stand_in}` stands in for it",
                made.type_name
            );
            self.findings.note("not-emulated-attribute", span, message);
        }
        Some(Node::text(span, stand_in))
    }

    fn substitute(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let (text, own) = match argument.as_list() {
            Some([text, own]) => (text.as_text(), Some(own)),
            Some(_) => (None, None),
            None => (argument.as_text(), None),
        };
        let Some(text) = text else {
            return self.fail(span, "`Fn::Sub` takes a text, or a text and a map");
        };
        let mut result = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Variable(name) => {
                    let value = self.variable(name, own, span, depth)?;
                    self.charge(span, value.len())?;
                    result.push_str(&value);
                }
            }
        }
        self.charge(span, result.len())?;
        Some(Node::text(span, result))
    }

    fn variable(
        &mut self,
        name: &str,
        own: Option<&Node>,
        span: Span,
        depth: usize,
    ) -> Option<String> {
        let value = if let Some(node) = own.and_then(|own| own.get(name)) {
            self.value(node, depth + 1)?
        } else if let Some((resource, attribute)) = name.split_once('.') {
            self.attribute_value(resource, attribute, span)?
        } else {
            self.named(name, span)?
        };
        self.text_of(&value)
    }

    fn join(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some([delimiter, items]) = argument.as_list() else {
            return self.fail(span, "`Fn::Join` takes a delimiter and a list");
        };
        let delimiter = self.text(delimiter, depth)?;
        let items = self.list(items, depth)?;
        let mut texts = Vec::new();
        for item in &items {
            let text = self.text_of(item)?;
            self.charge(span, text.len() + delimiter.len())?;
            texts.push(text);
        }
        Some(Node::text(span, texts.join(&delimiter)))
    }

    fn split(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some([delimiter, text]) = argument.as_list() else {
            return self.fail(span, "`Fn::Split` takes a delimiter and a text");
        };
        let (delimiter, text) = (self.text(delimiter, depth)?, self.text(text, depth)?);
        if delimiter.is_empty() {
            return self.fail(span, "the delimiter of `Fn::Split` is empty");
        }
        let items: Vec<Node> = text.split(&delimiter).map(|item| Node::text(span, item)).collect();
        self.charge(span, items.len() * size_of::<Node>())?;
        Some(Node::list(span, items))
    }

    fn select(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some([index, items]) = argument.as_list() else {
            return self.fail(span, "`Fn::Select` takes an index and a list");
        };
        let index = self.text(index, depth)?;
        let items = self.list(items, depth)?;
        let Ok(at) = index.parse::<usize>() else {
            return self.fail(span, format!("`{index}` is no index"));
        };
        match items.get(at) {
            Some(item) => Some(item.clone()),
            None => self.fail(span, format!("index {at} of a list with {} items", items.len())),
        }
    }

    fn choose(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some([condition, yes, no]) = argument.as_list() else {
            return self.fail(span, "`Fn::If` takes a condition and two values");
        };
        let holds = match condition.as_text() {
            Some(name) => self.holds(name, span)?,
            None => self.condition(condition, depth)?,
        };
        self.value(if holds { yes } else { no }, depth)
    }

    fn find_in_map(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let (map, keys, default) = match argument.as_list() {
            Some([map, first, second]) => (map, [first, second], None),
            Some([map, first, second, more]) => (map, [first, second], more.get("DefaultValue")),
            Some(_) | None => {
                return self.fail(span, "`Fn::FindInMap` takes a mapping and two keys");
            }
        };
        let map = self.text(map, depth)?;
        let first = self.text(keys[0], depth)?;
        let second = self.text(keys[1], depth)?;
        let template = self.template;
        let found = template.mappings.get(&map).and_then(|map| map.get(&first)?.get(&second));
        match (found, default) {
            (Some(value), _) => self.value(value, depth),
            (None, Some(default)) => self.value(default, depth),
            (None, None) => {
                let hint = match template.mappings.get(&map) {
                    None => did_you_mean(&map, template.mappings.keys().map(String::as_str)),
                    Some(_) => Some("add the key to the mapping".to_owned()),
                };
                let message = format!("the mapping `{map}` has no value for `{first}`, `{second}`");
                self.findings.error("unknown-mapping", span, message, hint);
                None
            }
        }
    }

    fn import(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let name = self.text(argument, depth)?;
        let exports = self.exports;
        if let Some(value) = exports.get(&name) {
            return Some(Node::text(argument.span, value.clone()));
        }
        let hint = did_you_mean(&name, exports.keys().map(String::as_str)).unwrap_or_else(|| {
            format!("give it in the environment: `exports: {{{name}: …}}`, or load the stack that exports it first")
        });
        let message = format!("no stack exports `{name}`");
        self.findings.error("unknown-export", argument.span, message, Some(hint));
        None
    }

    fn zones(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let region = self.text(argument, depth)?;
        let region = if region.is_empty() { self.identity.region.clone() } else { region };
        let zones =
            ["a", "b", "c"].iter().map(|zone| Node::text(argument.span, format!("{region}{zone}")));
        Some(Node::list(argument.span, zones.collect()))
    }

    /// IPv4 blocks only.
    fn cidr(&mut self, argument: &Node, depth: usize) -> Option<Node> {
        let span = argument.span;
        let Some([block, count, rest @ ..]) = argument.as_list() else {
            return self.fail(span, "`Fn::Cidr` takes a block, a count and a number of bits");
        };
        let block = self.text(block, depth)?;
        let count = self.text(count, depth)?;
        let bits = match rest.first() {
            Some(bits) => self.text(bits, depth)?,
            None => "8".to_owned(),
        };
        match subnets(&block, &count, &bits) {
            Some(blocks) => {
                let blocks = blocks.into_iter().map(|block| Node::text(span, block));
                Some(Node::list(span, blocks.collect()))
            }
            None => self.fail(
                span,
                format!("`Fn::Cidr` can't cut {count} blocks with {bits} host bits out of {block} (IPv4 only)"),
            ),
        }
    }

    fn text(&mut self, node: &Node, depth: usize) -> Option<String> {
        let value = self.value(node, depth)?;
        self.text_of(&value)
    }

    /// A scalar's text; a list of text is joined by commas, as a `List<…>` parameter is in `Fn::Sub`.
    fn text_of(&mut self, value: &Node) -> Option<String> {
        match &value.kind {
            Kind::Scalar { text, .. } => Some(text.clone()),
            Kind::List(items) if items.iter().all(|item| item.as_text().is_some()) => {
                Some(items.iter().filter_map(Node::as_text).collect::<Vec<_>>().join(","))
            }
            Kind::List(_) | Kind::Map(_) => {
                self.fail(value.span, format!("text is wanted here, not {}", value.what()));
                None
            }
        }
    }

    fn list(&mut self, node: &Node, depth: usize) -> Option<Vec<Node>> {
        let value = self.value(node, depth)?;
        match value.kind {
            Kind::List(items) => Some(items),
            Kind::Scalar { .. } | Kind::Map(_) => {
                let message = format!("a list is wanted here, not {}", value.what());
                self.findings.error("function", value.span, message, None);
                None
            }
        }
    }

    /// Whether a condition function holds.
    fn condition(&mut self, node: &Node, depth: usize) -> Option<bool> {
        let only = match node.as_map() {
            Some([only]) if depth <= MAX_DEPTH => only,
            Some(_) | None => {
                self.findings.error(
                    "condition",
                    node.span,
                    "a condition is one of Fn::Equals, Fn::Not, Fn::And, Fn::Or and Condition",
                    None,
                );
                return None;
            }
        };
        let arguments = only.value.as_list();
        match (only.key.as_str(), arguments) {
            ("Condition", _) => {
                let name = only.value.as_text()?.to_owned();
                self.holds(&name, only.value.span)
            }
            ("Fn::Equals", Some([left, right])) => {
                let left = self.value(left, depth + 1)?;
                let right = self.value(right, depth + 1)?;
                Some(same(&left, &right))
            }
            ("Fn::Not", Some([inner])) => self.condition(inner, depth + 1).map(|holds| !holds),
            // Every argument is told before the answer is given, so that each one's problem is seen.
            ("Fn::And", Some(inner @ [_, ..])) => {
                let told: Vec<_> =
                    inner.iter().map(|inner| self.condition(inner, depth + 1)).collect();
                told.into_iter().try_fold(true, |all, one| Some(all && one?))
            }
            ("Fn::Or", Some(inner @ [_, ..])) => {
                let told: Vec<_> =
                    inner.iter().map(|inner| self.condition(inner, depth + 1)).collect();
                told.into_iter().try_fold(false, |any, one| Some(any || one?))
            }
            (other, _) => {
                let message = format!(
                    "`{other}` is no condition function, or has the wrong number of arguments"
                );
                self.findings.error("condition", only.key_span, message, None);
                None
            }
        }
    }
}

/// Whether a one-entry map with this key is a call.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::") || key.starts_with('!')
}

/// Whether two values are equal in a condition: text by its characters, whatever its quotes.
fn same(left: &Node, right: &Node) -> bool {
    match (&left.kind, &right.kind) {
        (Kind::Scalar { text: left, .. }, Kind::Scalar { text: right, .. }) => left == right,
        (_, _) => left.json() == right.json(),
    }
}

/// Gives a value the place where it is used.
fn place(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => items.iter_mut().for_each(|item| place(item, span)),
        Kind::Map(entries) => entries.iter_mut().for_each(|entry| place(&mut entry.value, span)),
    }
}

/// The first `count` blocks with `bits` host bits inside a block (at most 256, as AWS has it).
fn subnets(block: &str, count: &str, bits: &str) -> Option<Vec<String>> {
    let (address, prefix) = block.split_once('/')?;
    let address = u32::from(address.parse::<std::net::Ipv4Addr>().ok()?);
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    let count: u64 = count.parse().ok().filter(|count| (1..=256).contains(count))?;
    let bits: u32 = bits.parse().ok().filter(|bits| (1..=31).contains(bits))?;
    let room = 1_u64 << (32 - prefix);
    if count << bits > room {
        return None;
    }
    let mask = u32::try_from(room - 1).unwrap_or(u32::MAX);
    let base = u64::from(address & !mask);
    let block = |n: u64| {
        let start = u32::try_from(base + (n << bits)).expect("the block lies inside its parent");
        format!("{}/{}", std::net::Ipv4Addr::from(start), 32 - bits)
    };
    Some((0..count).map(block).collect())
}
