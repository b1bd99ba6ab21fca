//! Stacks: a template deployed into the account.
//!
//! Main types: [`Stack`] and [`Made`]. Invariants: resources are made in the order of their references;
//! a resource that fails is reported once and what refers to it is left out quietly; deleting a stack
//! undoes its calls newest first. A generated physical name depends on the stack's name and the logical
//! id alone, so that it is the same in every run and with every seed.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::findings::{Findings, did_you_mean};
use super::functions::Resolver;
use super::node::Node;
use super::parameters::{self, Parameter, ParameterKind};
use super::resources::{self, Maker};
use super::template::{Resource, Template};
use crate::diagnostic::Span;
use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

/// A template as it stands in the account.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) resources: IndexMap<String, Made>,
    pub(crate) outputs: IndexMap<String, String>,
    /// What it exports to other stacks.
    pub(crate) exports: IndexMap<String, String>,
}

/// What became of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) type_name: String,
    /// What `Ref` returns.
    pub(crate) reference: String,
    /// What `Fn::GetAtt` returns.
    pub(crate) attributes: BTreeMap<&'static str, Value>,
    /// Whether it stands in the account; if not, its values are stand-ins.
    pub(crate) emulated: bool,
    /// The template and the place of the logical id.
    pub(crate) file: String,
    pub(crate) span: Span,
    /// The calls that remove it, newest first.
    pub(crate) undo: Vec<Call>,
    stand_in_arn: String,
}

/// One API call that is yet to be made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
    pub(crate) input: Value,
}

impl Made {
    /// A value in place of an attribute that nobody computes.
    pub(crate) fn stand_in(&self, attribute: &str) -> String {
        if attribute.ends_with("Arn") {
            self.stand_in_arn.clone()
        } else {
            format!("{}.{attribute}", self.reference)
        }
    }

    /// What `${LogicalId}` or `${LogicalId.Attribute}` stands for in an environment.
    pub(crate) fn value(&self, attribute: Option<&str>) -> String {
        let Some(attribute) = attribute else { return self.reference.clone() };
        match self.attributes.get(attribute) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => self.stand_in(attribute),
        }
    }
}

/// What a deployment is given beside the template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// Values of the template's parameters.
    pub(crate) parameters: &'a IndexMap<String, String>,
    /// What other stacks export.
    pub(crate) exports: &'a IndexMap<String, String>,
    /// SSM parameters that stand beside those of the account.
    pub(crate) stored: &'a IndexMap<String, String>,
}

/// Makes everything that the template declares; problems are collected and never stop it.
pub(crate) fn deploy(
    account: &mut Account,
    template: &Template,
    name: &str,
    given: Given<'_>,
) -> (Stack, Findings) {
    let identity = account.identity().clone();
    let id = identity.arn("cloudformation", &format!("stack/{name}/{}", account.ids.uuid()));
    let mut resolver = Resolver::new(template, identity.clone(), (name, &id), given.exports);
    for (parameter_name, parameter) in &template.parameters {
        if let Some(value) =
            parameter_value(account, parameter_name, parameter, given, &mut resolver.findings)
        {
            resolver.parameters.insert(parameter_name.clone(), value);
        }
    }
    for logical_id in &template.order {
        let resource = &template.resources[logical_id];
        if let Some(condition) = &resource.condition
            && resolver.holds(condition, resource.span) != Some(true)
        {
            continue;
        }
        if let Some(made) = make(account, &identity, name, logical_id, resource, &mut resolver) {
            resolver.made.insert(logical_id.clone(), made);
        }
    }
    let (outputs, exports) = outputs(template, &mut resolver);
    let stack = Stack { name: name.to_owned(), id, resources: resolver.made, outputs, exports };
    (stack, resolver.findings)
}

/// Takes back what a stack made, newest first; the first refusal's message, if there was one.
pub(crate) fn undo(account: &mut Account, stack: &Stack) -> Option<String> {
    let mut refusal = None;
    for made in stack.resources.values().rev() {
        for call in &made.undo {
            if let Err(error) = account.call(call.service, call.operation, call.input.clone()) {
                refusal.get_or_insert_with(|| format!("{}: {error}", made.type_name));
            }
        }
    }
    refusal
}

fn make(
    account: &mut Account,
    identity: &Identity,
    stack: &str,
    logical_id: &str,
    resource: &Resource,
    resolver: &mut Resolver<'_>,
) -> Option<Made> {
    let properties = resource.properties.as_ref().and_then(|node| resolver.resolve(node));
    let generated = physical_name(stack, logical_id, 255);
    let stand_in_arn = stand_in_arn(identity, &resource.type_name, &generated);
    let by_arn = resources::is_referred_by_arn(&resource.type_name);
    let mut made = Made {
        type_name: resource.type_name.clone(),
        reference: if by_arn { stand_in_arn.clone() } else { generated },
        attributes: BTreeMap::new(),
        emulated: false,
        file: resolver.findings.file().to_owned(),
        span: resource.span,
        undo: Vec::new(),
        stand_in_arn,
    };
    let Some(kind) = resources::find(&resource.type_name) else {
        unknown_type(resource, &mut resolver.findings);
        return Some(made);
    };
    let mut maker = Maker::new(account, &mut resolver.findings, stack, logical_id, resource);
    let inputs = maker.read(kind, properties.as_ref());
    let built = (kind.create)(&mut maker, inputs);
    let (undo, refused) = maker.finish();
    match built {
        Ok(built) => {
            made.reference = built.reference;
            made.attributes = built.attributes;
            made.emulated = built.emulated;
            made.undo = undo;
            Some(made)
        }
        // What the account does not emulate has stand-in values; what it refused has none.
        Err(resources::Stopped) if refused => None,
        Err(resources::Stopped) => Some(made),
    }
}

fn unknown_type(resource: &Resource, findings: &mut Findings) {
    let name = &resource.type_name;
    if name.split("::").count() < 2 {
        let message = format!("`{name}` is no resource type");
        findings.error("resource-type", resource.type_span, message, None);
        return;
    }
    findings.hinted_note(
        "not-emulated-type",
        resource.type_span,
        format!(
            "resources of type {name} are not emulated; references to this one get stand-in values"
        ),
        did_you_mean(name, resources::TYPES.iter().map(|kind| kind.name))
            .filter(|hint| looks_misspelled(name, hint)),
    );
}

/// Whether the suggestion is of the same AWS service; a real type of another service is no misspelling.
fn looks_misspelled(name: &str, hint: &str) -> bool {
    let service = name.rsplit_once("::").map_or(name, |(service, _)| service);
    hint.contains(&format!("`{service}::")) && strsim::levenshtein(name, hint) < 20
}

fn stand_in_arn(identity: &Identity, type_name: &str, name: &str) -> String {
    let service = type_name.split("::").nth(1).unwrap_or("unknown").to_ascii_lowercase();
    identity.arn(&service, name)
}

/// `stack-LogicalId-HASH`, as CloudFormation names what has no name of its own.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html>
pub(crate) fn physical_name(stack: &str, logical_id: &str, max: usize) -> String {
    const HASH: usize = 13;
    // Two hyphens and the hash have to fit, then the stack's name gives way before the logical id.
    let room = max.saturating_sub(HASH + 2);
    let logical: String = logical_id.chars().take(room.max(2) - room.max(2) / 3).collect();
    let stack: String = stack.chars().take(room.saturating_sub(logical.len())).collect();
    format!("{stack}-{logical}-{}", hash(&stack, logical_id))
}

/// FNV-1a over two texts.
fn fingerprint(first: &str, second: &str) -> u64 {
    let bytes = first.bytes().chain([0]).chain(second.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Thirteen characters of `A-Z2-7`, so that a name depends on nothing but what is named.
fn hash(stack: &str, logical_id: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let state = fingerprint(stack, logical_id);
    let digit = |n: u32| ALPHABET[usize::try_from((state >> (n * 5)) & 31).expect("below 32")];
    (0..13).map(|n| char::from(digit(n))).collect()
}

fn parameter_value(
    account: &mut Account,
    name: &str,
    parameter: &Parameter,
    given: Given<'_>,
    findings: &mut Findings,
) -> Option<Node> {
    let span = parameter.span;
    let default = parameter.default.as_ref().and_then(Node::as_text).map(str::to_owned);
    let Some(value) = given.parameters.get(name).cloned().or(default) else {
        findings.error(
            "parameter-without-value",
            span,
            format!("the parameter `{name}` has no default and no value"),
            Some(format!("give it where the template is listed: `parameters: {{{name}: …}}`")),
        );
        return None;
    };
    let accepted = parameter.accept(name, &value, span, findings)?;
    match parameter.kind {
        ParameterKind::Text
        | ParameterKind::Number
        | ParameterKind::TextList
        | ParameterKind::NumberList => Some(accepted),
        ParameterKind::Stored { list } => {
            let stored = stored_value(account, &value, span, given, findings)?;
            Some(if list { parameters::list(span, &stored) } else { Node::text(span, stored) })
        }
    }
}

/// The value of the SSM parameter that an `AWS::SSM::Parameter::Value<…>` names.
fn stored_value(
    account: &mut Account,
    name: &str,
    span: Span,
    given: Given<'_>,
    findings: &mut Findings,
) -> Option<String> {
    if let Some(value) = given.stored.get(name) {
        return Some(value.clone());
    }
    let input = serde_json::json!({ "Name": name });
    if let Ok(answer) = account.call(Service::Ssm, "GetParameter", input)
        && let Some(value) = answer["Parameter"]["Value"].as_str()
    {
        return Some(value.to_owned());
    }
    if name.starts_with("/aws/service/") && name.to_ascii_lowercase().contains("ami") {
        let image = format!("ami-0{:016x}", fingerprint("aws", name));
        let message =
            format!("the public parameter {name} is not emulated; `{image}` stands in for it");
        findings.note("not-emulated-parameter", span, message);
        return Some(image);
    }
    findings.error(
        "unknown-ssm-parameter",
        span,
        format!("there is no SSM parameter `{name}`"),
        Some(format!("declare it in the environment: `parameters: {{\"{name}\": …}}`")),
    );
    None
}

/// The values of the outputs, and of those the exported ones.
fn outputs(
    template: &Template,
    resolver: &mut Resolver<'_>,
) -> (IndexMap<String, String>, IndexMap<String, String>) {
    let (mut outputs, mut exports) = (IndexMap::new(), IndexMap::new());
    for (name, output) in &template.outputs {
        if let Some(condition) = &output.condition
            && resolver.holds(condition, output.value.span) != Some(true)
        {
            continue;
        }
        let Some(value) = resolver.resolve_text(&output.value) else { continue };
        if let Some(export) = &output.export
            && let Some(export) = resolver.resolve_text(export)
        {
            exports.insert(export, value.clone());
        }
        outputs.insert(name.clone(), value);
    }
    (outputs, exports)
}
