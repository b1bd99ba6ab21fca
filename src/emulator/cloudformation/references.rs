//! Who refers to whom in a template: unknown names, and the order of making.
//!
//! Main functions: [`check`] and [`order`]. Invariant: references count wherever they stand, also in the
//! branch of an `Fn::If` that is not taken, because CloudFormation counts them so.

use std::collections::{BTreeSet, HashMap};

use indexmap::{IndexMap, IndexSet};

use super::findings::{Findings, did_you_mean};
use super::node::{Kind, Node};
use super::template::Template;
use crate::diagnostic::Span;

/// What a template can refer to without declaring it.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>
pub(crate) const PSEUDO_PARAMETERS: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// One mention of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention {
    name: String,
    span: Span,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// `Ref` or `${Name}`: a parameter, a pseudo parameter or a resource.
    Value,
    /// `Fn::GetAtt` or `${Name.Attribute}`: a resource.
    Attribute,
    /// The first argument of `Fn::If`, or a `Condition`.
    Condition,
}

/// One piece of an `Fn::Sub` text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// `${Name}` or `${Name.Attribute}`.
    Variable(&'a str),
}

/// Takes an `Fn::Sub` text apart; `${!Name}` stands for the text `${Name}`.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let inner = &rest[start + 2..start + length];
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        if let Some(literal) = inner.strip_prefix('!') {
            pieces.push(Piece::Text("${"));
            pieces.push(Piece::Text(literal));
            pieces.push(Piece::Text("}"));
        } else {
            pieces.push(Piece::Variable(inner.trim()));
        }
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Reports every mention of something that the template does not have.
pub(super) fn check(template: &Template, findings: &mut Findings) {
    let mut mentions = Vec::new();
    for condition in template.conditions.values() {
        collect(condition, &mut mentions);
    }
    for resource in template.resources.values() {
        if let Some(properties) = &resource.properties {
            collect(properties, &mut mentions);
        }
        for (name, span) in &resource.depends_on {
            mentions.push(Mention { name: name.clone(), span: *span, what: What::Attribute });
        }
        if let Some(name) = &resource.condition {
            let what = What::Condition;
            mentions.push(Mention { name: name.clone(), span: resource.span, what });
        }
    }
    for output in template.outputs.values() {
        collect(&output.value, &mut mentions);
        if let Some(export) = &output.export {
            collect(export, &mut mentions);
        }
        if let Some(name) = &output.condition {
            let (name, what) = (name.clone(), What::Condition);
            mentions.push(Mention { name, span: output.value.span, what });
        }
    }
    for mention in mentions {
        check_one(template, &mention, findings);
    }
}

fn check_one(template: &Template, mention: &Mention, findings: &mut Findings) {
    let name = mention.name.as_str();
    let resources = || template.resources.keys().map(String::as_str);
    let (known, what, hint) = match mention.what {
        What::Value => (
            template.resources.contains_key(name)
                || template.parameters.contains_key(name)
                || PSEUDO_PARAMETERS.contains(&name),
            "parameter or resource",
            did_you_mean(
                name,
                resources()
                    .chain(template.parameters.keys().map(String::as_str))
                    .chain(PSEUDO_PARAMETERS.iter().copied()),
            ),
        ),
        What::Attribute => {
            (template.resources.contains_key(name), "resource", did_you_mean(name, resources()))
        }
        What::Condition => (
            template.conditions.contains_key(name),
            "condition",
            did_you_mean(name, template.conditions.keys().map(String::as_str)),
        ),
    };
    if !known {
        let message = format!("the template has no {what} `{name}`");
        findings.error("unknown-reference", mention.span, message, hint);
    }
}

/// The order in which resources are made; resources on a cycle are reported and come last.
pub(super) fn order(template: &Template, findings: &mut Findings) -> Vec<String> {
    let mut waits: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for (id, resource) in &template.resources {
        let mut mentions = Vec::new();
        if let Some(properties) = &resource.properties {
            collect(properties, &mut mentions);
        }
        let mut on: IndexSet<String> = mentions
            .into_iter()
            .filter(|mention| mention.what != What::Condition)
            .map(|mention| mention.name)
            .collect();
        on.extend(resource.depends_on.iter().map(|(name, _)| name.clone()));
        on.retain(|name| template.resources.contains_key(name));
        waits.insert(id, on);
    }
    let done = sorted(&waits);
    let stuck: Vec<&str> = waits.keys().copied().filter(|id| !done.contains(*id)).collect();
    if let Some(first) = stuck.first() {
        findings.error(
            "reference-cycle",
            template.resources[*first].span,
            format!(
                "circular dependency between resources: {}",
                cycle(&waits, &stuck).join(" -> ")
            ),
            Some(
                "break it with a resource of its own, such as a policy apart from its queue"
                    .to_owned(),
            ),
        );
    }
    done.into_iter().collect()
}

/// Sorts ids so that each comes after what it waits for, otherwise as they are written.
fn sorted(waits: &IndexMap<&str, IndexSet<String>>) -> IndexSet<String> {
    let mut missing: Vec<usize> = waits.values().map(IndexSet::len).collect();
    let mut ready: BTreeSet<usize> = (0..waits.len()).filter(|at| missing[*at] == 0).collect();
    let mut waiting: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, on) in waits.values().enumerate() {
        for name in on {
            waiting.entry(name).or_default().push(at);
        }
    }
    let mut done = IndexSet::new();
    while let Some(at) = ready.pop_first() {
        let (id, _) = waits.get_index(at).expect("the index came from the same map");
        for waiter in waiting.get(id).into_iter().flatten() {
            missing[*waiter] -= 1;
            if missing[*waiter] == 0 {
                ready.insert(*waiter);
            }
        }
        done.insert((*id).to_owned());
    }
    done
}

/// One way round among resources that wait on each other.
fn cycle<'a>(waits: &'a IndexMap<&str, IndexSet<String>>, stuck: &[&'a str]) -> Vec<&'a str> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = stuck[0];
    for _ in 0..=stuck.len() {
        if let Some(start) = path.iter().position(|id| *id == at) {
            let mut round = path.split_off(start);
            round.push(at);
            return round;
        }
        path.push(at);
        let next = waits[at].iter().find(|name| stuck.contains(&name.as_str()));
        match next {
            Some(name) => at = name,
            None => break,
        }
    }
    path
}

/// Collects what a value mentions.
fn collect(node: &Node, into: &mut Vec<Mention>) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => {
            for item in items {
                collect(item, into);
            }
        }
        Kind::Map(entries) => {
            if let [only] = entries.as_slice() {
                collect_call(&only.key, &only.value, into);
            }
            for entry in entries {
                collect(&entry.value, into);
            }
        }
    }
}

fn collect_call(function: &str, argument: &Node, into: &mut Vec<Mention>) {
    let span = argument.span;
    let mut mention = |name: &str, what| into.push(Mention { name: name.to_owned(), span, what });
    match function {
        "Ref" => {
            if let Some(name) = argument.as_text() {
                mention(name, What::Value);
            }
        }
        "Condition" => {
            if let Some(name) = argument.as_text() {
                mention(name, What::Condition);
            }
        }
        "Fn::GetAtt" => {
            if let Some((name, _)) = attribute_of(argument) {
                mention(name, What::Attribute);
            }
        }
        "Fn::If" => {
            let condition = argument.as_list().and_then(<[Node]>::first);
            if let Some(name) = condition.and_then(Node::as_text) {
                mention(name, What::Condition);
            }
        }
        "Fn::Sub" => {
            let (text, own) = match argument.as_list() {
                Some(items) => (items.first().and_then(Node::as_text), items.get(1)),
                None => (argument.as_text(), None),
            };
            for piece in pieces(text.unwrap_or_default()) {
                let Piece::Variable(name) = piece else { continue };
                if own.is_some_and(|own| own.get(name).is_some()) {
                    continue;
                }
                match name.split_once('.') {
                    Some((resource, _)) => mention(resource, What::Attribute),
                    None => mention(name, What::Value),
                }
            }
        }
        _ => {}
    }
}

/// The resource and the attribute of an `Fn::GetAtt`, in either form; the attribute may be a function.
pub(super) fn attribute_of(argument: &Node) -> Option<(&str, Option<&str>)> {
    match argument.as_list() {
        Some([resource, attribute]) => Some((resource.as_text()?, attribute.as_text())),
        Some(_) => None,
        None => argument.as_text()?.split_once('.').map(|(resource, rest)| (resource, Some(rest))),
    }
}
