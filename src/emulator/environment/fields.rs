//! Reads a map with known keys, and names the others.
//!
//! Main type: [`Fields`]. Invariant: a key that is not known is an error with its line and, where one is
//! close, the key that was probably meant.

use crate::diagnostic::Span;
use crate::emulator::cloudformation::findings::{Findings, did_you_mean};
use crate::emulator::cloudformation::node::{Entry, Node};

/// A map whose keys were checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    node: &'a Node,
}

impl<'a> Fields<'a> {
    /// The map, if it is one; `what` names it in messages.
    pub(super) fn of(
        node: &'a Node,
        what: &str,
        known: &[&str],
        findings: &mut Findings,
    ) -> Option<Self> {
        let Some(entries) = node.as_map() else {
            let message = format!("{what} is a map, not {}", node.what());
            findings.error("wrong-shape", node.span, message, None);
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let hint = did_you_mean(&entry.key, known.iter().copied())
                    .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
                let message = format!("{what} has no key `{}`", entry.key);
                findings.error("unknown-key", entry.key_span, message, Some(hint));
            }
        }
        Some(Self { node })
    }

    /// Where the map stands.
    pub(super) fn span(self) -> Span {
        self.node.span
    }

    /// The value of a key; `null` is none.
    pub(super) fn get(self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// The text of a key.
    pub(super) fn text(self, key: &str, findings: &mut Findings) -> Option<(&'a str, Span)> {
        let node = self.get(key)?;
        let text = node.as_text();
        if text.is_none() {
            let message = format!("`{key}` is text, not {}", node.what());
            findings.error("wrong-shape", node.span, message, None);
        }
        text.map(|text| (text, node.span))
    }

    /// The text of a key that has to be there.
    pub(super) fn required(self, key: &str, findings: &mut Findings) -> Option<(&'a str, Span)> {
        if self.get(key).is_none() {
            let message = format!("the key `{key}` is missing");
            findings.error("missing-key", self.span(), message, None);
        }
        self.text(key, findings)
    }

    /// The items of a key that holds a list.
    pub(super) fn list(self, key: &str, findings: &mut Findings) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        node.as_list().unwrap_or_else(|| {
            let message = format!("`{key}` is a list, not {}", node.what());
            findings.error("wrong-shape", node.span, message, None);
            &[]
        })
    }

    /// The entries of a key that holds a map.
    pub(super) fn map(self, key: &str, findings: &mut Findings) -> &'a [Entry] {
        let Some(node) = self.get(key) else { return &[] };
        entries(node, key, findings)
    }
}

/// The entries of a map; `what` names it in messages.
pub(super) fn entries<'a>(node: &'a Node, what: &str, findings: &mut Findings) -> &'a [Entry] {
    node.as_map().unwrap_or_else(|| {
        let message = format!("`{what}` is a map, not {}", node.what());
        findings.error("wrong-shape", node.span, message, None);
        &[]
    })
}
