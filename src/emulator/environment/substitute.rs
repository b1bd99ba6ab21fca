//! `${LogicalId}` in an environment: from names as written to physical ids.
//!
//! Main type: [`Names`]. Invariant: an unknown name is an error with its line, and text without `${` is
//! never touched.

use indexmap::IndexMap;

use super::written::OWN_STACK;
use crate::diagnostic::Span;
use crate::emulator::account::Identity;
use crate::emulator::cloudformation::findings::{Findings, did_you_mean};
use crate::emulator::cloudformation::node::{Entry, Kind, Node};
use crate::emulator::cloudformation::references::{Piece, pieces};
use crate::emulator::cloudformation::stack::{Made, Stack};

/// What names stand for in one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) identity: &'a Identity,
    pub(super) stacks: &'a IndexMap<String, Stack>,
}

/// What is wrong with a name, and the way out.
type Unknown = (String, Option<String>);

impl<'a> Names<'a> {
    /// A value with every `${…}` in its texts replaced; nothing if one of them is unknown.
    pub(super) fn node(self, node: &Node, findings: &mut Findings) -> Option<Node> {
        let kind = match &node.kind {
            Kind::Scalar { text, .. } if text.contains("${") => {
                Kind::Scalar { text: self.text(text, node.span, findings)?, plain: false }
            }
            Kind::Scalar { .. } => node.kind.clone(),
            Kind::List(items) => {
                let items: Vec<Option<Node>> =
                    items.iter().map(|item| self.node(item, findings)).collect();
                Kind::List(items.into_iter().collect::<Option<_>>()?)
            }
            Kind::Map(entries) => {
                let entries: Vec<Option<Entry>> =
                    entries.iter().map(|entry| self.entry(entry, findings)).collect();
                Kind::Map(entries.into_iter().collect::<Option<_>>()?)
            }
        };
        Some(Node { span: node.span, kind })
    }

    fn entry(self, entry: &Entry, findings: &mut Findings) -> Option<Entry> {
        let key = self.text(&entry.key, entry.key_span, findings);
        let value = self.node(&entry.value, findings);
        Some(Entry { key: key?, key_span: entry.key_span, value: value? })
    }

    /// A text with every `${…}` replaced.
    pub(super) fn text(self, text: &str, span: Span, findings: &mut Findings) -> Option<String> {
        let mut result = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Variable(name) => match self.value(name) {
                    Ok(value) => result.push_str(&value),
                    Err((message, hint)) => {
                        findings.error("unknown-reference", span, message, hint);
                        return None;
                    }
                },
            }
        }
        Some(result)
    }

    fn value(self, name: &str) -> Result<String, Unknown> {
        match name {
            "AWS::AccountId" => return Ok(self.identity.account.clone()),
            "AWS::Region" => return Ok(self.identity.region.clone()),
            "AWS::Partition" => return Ok(self.identity.partition.clone()),
            _ => {}
        }
        let (stack, rest) = match name.split_once('/') {
            Some((stack, rest)) => (Some(stack), rest),
            None => (None, name),
        };
        let (logical_id, attribute) = match rest.split_once('.') {
            Some((logical_id, attribute)) => (logical_id, Some(attribute)),
            None => (rest, None),
        };
        if let Some(stack) = stack
            && !self.stacks.contains_key(stack)
        {
            let hint = did_you_mean(stack, self.stacks.keys().map(String::as_str));
            return Err((format!("there is no stack `{stack}`"), hint));
        }
        if let (Some(stack), None) = (stack, attribute)
            && let Some(output) = self.stacks[stack].outputs.get(logical_id)
            && !self.stacks[stack].resources.contains_key(logical_id)
        {
            return Ok(output.clone());
        }
        self.find(stack, logical_id)?.map_or_else(
            || {
                let all = self.stacks.values().flat_map(|stack| stack.resources.keys());
                let hint = did_you_mean(logical_id, all.map(String::as_str));
                Err((format!("no template has made a resource `{logical_id}`"), hint))
            },
            |made| Ok(made.value(attribute)),
        )
    }

    /// The one resource of this name; the environment's own come first.
    fn find(self, stack: Option<&str>, logical_id: &str) -> Result<Option<&'a Made>, Unknown> {
        let made = |stack: &'a Stack| stack.resources.get(logical_id);
        if let Some(stack) = stack {
            return Ok(self.stacks.get(stack).and_then(made));
        }
        if let Some(own) = self.stacks.get(OWN_STACK).and_then(made) {
            return Ok(Some(own));
        }
        let found: Vec<&Stack> =
            self.stacks.values().filter(|stack| made(stack).is_some()).collect();
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(made(only)),
            [first, ..] => Err((
                format!("several stacks have a resource `{logical_id}`"),
                Some(format!("say which: `${{{}/{logical_id}}}`", first.name)),
            )),
        }
    }
}
