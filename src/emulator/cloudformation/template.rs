//! A template as written: its sections, read and checked without deploying anything.
//!
//! Main type: [`Template`]. Invariant: reading never stops at the first problem, and what the emulator
//! does not know (sections, attributes, transforms) is a note, while what AWS itself would refuse
//! (unknown references, cycles, too many resources) is an error.

use indexmap::IndexMap;

use super::document;
use super::findings::{Findings, did_you_mean};
use super::node::{Entry, Node};
use super::parameters::Parameter;
use super::references;
use crate::diagnostic::Span;

/// How many resources a template may hold.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub(crate) const MAX_RESOURCES: usize = 500;

/// How many parameters, mappings, conditions or outputs a template may hold (AWS: 200).
const MAX_ENTRIES: usize = 200;

/// A CloudFormation template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) file: String,
    pub(crate) parameters: IndexMap<String, Parameter>,
    pub(crate) mappings: IndexMap<String, Node>,
    pub(crate) conditions: IndexMap<String, Node>,
    pub(crate) resources: IndexMap<String, Resource>,
    pub(crate) outputs: IndexMap<String, Output>,
    /// The order in which resources are made: what is referred to comes first.
    pub(crate) order: Vec<String>,
}

/// A resource as written.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Where its logical id stands.
    pub(crate) span: Span,
    pub(crate) type_name: String,
    pub(crate) type_span: Span,
    pub(crate) condition: Option<String>,
    pub(crate) depends_on: Vec<(String, Span)>,
    pub(crate) properties: Option<Node>,
}

/// An output as written.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) condition: Option<String>,
    pub(crate) value: Node,
    pub(crate) export: Option<Node>,
}

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
];

/// Attributes of a resource that only matter to stack updates and to people, not to a fresh stack.
const SILENT_ATTRIBUTES: &[&str] =
    &["Metadata", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy"];

impl Template {
    /// Reads a template's text; nothing if it is no template at all.
    pub(crate) fn parse(text: &str, findings: &mut Findings) -> Option<Self> {
        let root = document::read(text, findings)?;
        if root.as_map().is_none() {
            findings.error("not-a-template", root.span, "a template is a map of sections", None);
            return None;
        }
        for entry in root.as_map().unwrap_or_default() {
            check_section(entry, findings);
        }
        let resources = root.get("Resources");
        if resources.is_none() {
            findings.error(
                "not-a-template",
                root.span,
                "the template has no `Resources`",
                Some("at least one resource is required".to_owned()),
            );
        }
        Some(Self::assemble(&root, resources, findings))
    }

    /// A template that consists of resources alone, as an environment holds it inline.
    pub(crate) fn of_resources(resources: &Node, findings: &mut Findings) -> Self {
        let nothing = Node::list(resources.span, Vec::new());
        Self::assemble(&nothing, Some(resources), findings)
    }

    /// Where a text first stands in the properties of a resource.
    pub(crate) fn place_of(&self, text: &str) -> Option<Span> {
        let mut properties = self.resources.values().filter_map(|one| one.properties.as_ref());
        properties.find_map(|node| node.place_of(text))
    }

    fn assemble(root: &Node, resources: Option<&Node>, findings: &mut Findings) -> Self {
        let mut template = Self {
            file: findings.file().to_owned(),
            parameters: IndexMap::new(),
            mappings: IndexMap::new(),
            conditions: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
            order: Vec::new(),
        };
        for entry in entries(root.get("Parameters"), "Parameters", MAX_ENTRIES, findings) {
            let parameter = Parameter::read(entry, findings);
            template.parameters.insert(entry.key.clone(), parameter);
        }
        for entry in entries(root.get("Mappings"), "Mappings", MAX_ENTRIES, findings) {
            template.mappings.insert(entry.key.clone(), entry.value.clone());
        }
        for entry in entries(root.get("Conditions"), "Conditions", MAX_ENTRIES, findings) {
            template.conditions.insert(entry.key.clone(), entry.value.clone());
        }
        for entry in entries(resources, "Resources", MAX_RESOURCES, findings) {
            if let Some(resource) = read_resource(entry, findings) {
                template.resources.insert(entry.key.clone(), resource);
            }
        }
        for entry in entries(root.get("Outputs"), "Outputs", MAX_ENTRIES, findings) {
            if let Some(output) = read_output(entry, findings) {
                template.outputs.insert(entry.key.clone(), output);
            }
        }
        references::check(&template, findings);
        template.order = references::order(&template, findings);
        template
    }
}

fn check_section(entry: &Entry, findings: &mut Findings) {
    match entry.key.as_str() {
        "Transform" => {
            let names: Vec<&str> = match entry.value.as_list() {
                Some(items) => items.iter().filter_map(Node::as_text).collect(),
                None => entry.value.as_text().into_iter().collect(),
            };
            let names = if names.is_empty() { "a transform".to_owned() } else { names.join(", ") };
            findings.note(
                "not-emulated-transform",
                entry.key_span,
                format!("{names}: transforms are not run; Fn::Length, Fn::ToJsonString and a default in Fn::FindInMap are understood without"),
            );
        }
        "Rules" => findings.note(
            "not-emulated-section",
            entry.key_span,
            "`Rules` are not evaluated: parameters are checked by their own constraints only",
        ),
        name if SECTIONS.contains(&name) => {}
        name => findings.error(
            "unknown-section",
            entry.key_span,
            format!("a template has no section `{name}`"),
            did_you_mean(name, SECTIONS.iter().copied()),
        ),
    }
}

/// The entries of one section, with its shape and its size checked.
fn entries<'a>(
    section: Option<&'a Node>,
    name: &str,
    limit: usize,
    findings: &mut Findings,
) -> &'a [Entry] {
    let Some(section) = section.filter(|section| !section.is_null()) else { return &[] };
    let Some(entries) = section.as_map() else {
        let message = format!("`{name}` is a map, not {}", section.what());
        findings.error("wrong-shape", section.span, message, None);
        return &[];
    };
    if entries.len() > limit {
        findings.error(
            "too-many-entries",
            section.span,
            format!("`{name}` has {} entries; the limit is {limit}", entries.len()),
            Some("split the template".to_owned()),
        );
        return &entries[..limit];
    }
    for entry in entries {
        if !entry.key.starts_with("Fn::") && !is_logical_id(&entry.key) && name != "Mappings" {
            findings.error(
                "logical-id",
                entry.key_span,
                format!("`{}` is no logical id: letters and digits only", entry.key),
                None,
            );
        }
    }
    entries
}

fn is_logical_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn read_resource(entry: &Entry, findings: &mut Findings) -> Option<Resource> {
    if entry.key.starts_with("Fn::") {
        let message = format!("`{}` is not understood; what it makes is left out", entry.key);
        findings.note("not-emulated-function", entry.key_span, message);
        return None;
    }
    let id = &entry.key;
    let Some(type_name) = entry.value.get("Type").and_then(Node::as_text) else {
        findings.error(
            "resource-without-type",
            entry.key_span,
            format!("the resource `{id}` has no `Type`"),
            None,
        );
        return None;
    };
    let mut resource = Resource {
        span: entry.key_span,
        type_name: type_name.to_owned(),
        type_span: entry.value.get("Type").map_or(entry.key_span, |node| node.span),
        condition: None,
        depends_on: Vec::new(),
        properties: None,
    };
    for attribute in entry.value.as_map().unwrap_or_default() {
        match attribute.key.as_str() {
            "Type" => {}
            "Condition" => resource.condition = attribute.value.as_text().map(str::to_owned),
            "DependsOn" => resource.depends_on = depends_on(&attribute.value),
            "Properties" => resource.properties = properties(attribute, findings),
            name if SILENT_ATTRIBUTES.contains(&name) => {}
            name => findings.error(
                "unknown-attribute",
                attribute.key_span,
                format!("the resource `{id}` has an attribute `{name}` that CloudFormation does not know"),
                did_you_mean(name, ["Type", "Condition", "DependsOn", "Properties", "Metadata"]),
            ),
        }
    }
    Some(resource)
}

fn properties(attribute: &Entry, findings: &mut Findings) -> Option<Node> {
    if attribute.value.is_null() {
        return None;
    }
    if attribute.value.as_map().is_none() {
        let message = format!("`Properties` is a map, not {}", attribute.value.what());
        findings.error("wrong-shape", attribute.value.span, message, None);
        return None;
    }
    Some(attribute.value.clone())
}

fn depends_on(node: &Node) -> Vec<(String, Span)> {
    let single = std::slice::from_ref(node);
    node.as_list()
        .unwrap_or(single)
        .iter()
        .filter_map(|item| Some((item.as_text()?.to_owned(), item.span)))
        .collect()
}

fn read_output(entry: &Entry, findings: &mut Findings) -> Option<Output> {
    let Some(value) = entry.value.get("Value") else {
        let message = format!("the output `{}` has no `Value`", entry.key);
        findings.error("output-without-value", entry.key_span, message, None);
        return None;
    };
    Some(Output {
        condition: entry.value.get("Condition").and_then(Node::as_text).map(str::to_owned),
        value: value.clone(),
        export: entry.value.get("Export").and_then(|export| export.get("Name")).cloned(),
    })
}
