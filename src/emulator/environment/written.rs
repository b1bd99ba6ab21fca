//! An environment as written: its sections, read and checked without building anything.
//!
//! Main type: [`Written`]. Invariant: reading never stops at the first problem; what depends on physical
//! ids (`${LogicalId}`) stays unread until the account is built.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::WARM_UP;
use super::fields::{Fields, entries};
use crate::diagnostic::Span;
use crate::emulator::account::Identity;
use crate::emulator::cloudformation::findings::{Findings, did_you_mean};
use crate::emulator::cloudformation::node::Node;
use crate::emulator::cloudformation::template::Template;
use crate::emulator::cloudformation::{document, is_stack_name};
use crate::emulator::services::{self, Service};

/// The stack that holds the environment's own `resources:`.
pub(super) const OWN_STACK: &str = "environment";

/// How many entries any list of an environment may have.
const MAX_ENTRIES: usize = 1000;

/// What an environment's file says.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) identity: Identity,
    /// The organization that the account belongs to.
    pub(super) organization: Option<String>,
    pub(super) templates: Vec<WrittenTemplate>,
    pub(super) resources: Option<Template>,
    pub(super) exports: IndexMap<String, Node>,
    pub(super) parameters: IndexMap<String, Node>,
    pub(super) signals: Vec<Node>,
    pub(super) functions: Vec<(String, Node)>,
    pub(super) commands: Vec<Node>,
    pub(super) scripts: Vec<Node>,
    pub(super) buses: Vec<Node>,
    pub(super) setup: Vec<Setup>,
    /// The policies of whoever calls from outside; nothing for the administrator.
    pub(super) caller: Option<Node>,
    /// What updates of stacks come to.
    pub(super) updates: Vec<Node>,
    /// What tasks of ECS come to.
    pub(super) tasks: Vec<Node>,
}

/// A template that the environment deploys.
#[derive(Debug, Clone)]
pub(super) struct WrittenTemplate {
    /// Relative to the environment's file.
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) stack: String,
    pub(super) parameters: IndexMap<String, Node>,
}

/// One API call that is made while the account warms up.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// Before the drill begins; at most the whole warm-up.
    pub(super) before: SignedDuration,
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) input: Option<Node>,
    pub(super) span: Span,
}

/// Every section that an environment may have.
pub(crate) const SECTIONS: &[&str] = &[
    "version",
    "account",
    "region",
    "partition",
    "organization",
    "templates",
    "resources",
    "exports",
    "parameters",
    "signals",
    "functions",
    "commands",
    "scripts",
    "setup",
    "buses",
    "caller",
    "updates",
    "tasks",
];

impl Written {
    /// Reads an environment's text; nothing if it is no environment at all.
    pub(super) fn read(text: &str, findings: &mut Findings) -> Option<Self> {
        let root = document::read(text, findings)?;
        let fields = Fields::of(&root, "an environment", SECTIONS, findings)?;
        check_version(fields, findings);
        let identity = identity(fields, findings);
        let templates = templates(fields, findings);
        let resources =
            fields.get("resources").map(|resources| Template::of_resources(resources, findings));
        let map = |key: &str, findings: &mut Findings| -> IndexMap<String, Node> {
            fields
                .map(key, findings)
                .iter()
                .take(MAX_ENTRIES)
                .map(|entry| (entry.key.clone(), entry.value.clone()))
                .collect()
        };
        let organization = fields.text("organization", findings).map(|(id, _)| id.to_owned());
        Some(Self {
            identity,
            organization,
            templates,
            resources,
            exports: map("exports", findings),
            parameters: map("parameters", findings),
            signals: list(fields, "signals", findings),
            functions: map("functions", findings).into_iter().collect(),
            commands: list(fields, "commands", findings),
            scripts: list(fields, "scripts", findings),
            buses: list(fields, "buses", findings),
            setup: list(fields, "setup", findings)
                .iter()
                .filter_map(|node| setup(node, findings))
                .collect(),
            caller: fields.get("caller").cloned(),
            updates: list(fields, "updates", findings),
            tasks: list(fields, "tasks", findings),
        })
    }
}

fn check_version(fields: Fields<'_>, findings: &mut Findings) {
    if let Some((version, span)) = fields.required("version", findings)
        && version != "1"
    {
        let message = format!("version {version} of the environment language is not known");
        findings.error("version", span, message, Some("write `version: 1`".to_owned()));
    }
}

fn identity(fields: Fields<'_>, findings: &mut Findings) -> Identity {
    let account = fields.required("account", findings);
    let account = account.map_or(String::from("111122223333"), |(account, span)| {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("`{account}` is no account id");
            let hint = "twelve digits, in quotes: \"111122223333\"".to_owned();
            findings.error("account-id", span, message, Some(hint));
        }
        account.to_owned()
    });
    let region = fields.required("region", findings);
    let region = region.map_or(String::from("us-east-1"), |(region, span)| {
        if region.split('-').count() < 3 || !region.ends_with(|last: char| last.is_ascii_digit()) {
            let message = format!("`{region}` is no region");
            findings.error("region", span, message, Some("such as `eu-west-1`".to_owned()));
        }
        region.to_owned()
    });
    let partition = match fields.text("partition", findings) {
        Some((partition, _)) => partition.to_owned(),
        None if region.starts_with("cn-") => "aws-cn".to_owned(),
        None if region.starts_with("us-gov-") => "aws-us-gov".to_owned(),
        None => "aws".to_owned(),
    };
    Identity { account, region, partition }
}

fn list(fields: Fields<'_>, key: &str, findings: &mut Findings) -> Vec<Node> {
    let items = fields.list(key, findings);
    if items.len() > MAX_ENTRIES {
        let message = format!("`{key}` has {} entries; the limit is {MAX_ENTRIES}", items.len());
        findings.error("too-many-entries", fields.span(), message, None);
    }
    items.iter().take(MAX_ENTRIES).cloned().collect()
}

fn templates(fields: Fields<'_>, findings: &mut Findings) -> Vec<WrittenTemplate> {
    let mut templates: Vec<WrittenTemplate> = Vec::new();
    for node in list(fields, "templates", findings) {
        let Some(template) = template(&node, findings) else { continue };
        let taken = templates.iter().any(|other| other.stack == template.stack);
        if taken || template.stack == OWN_STACK {
            findings.error(
                "duplicate-stack",
                template.span,
                format!("there is already a stack `{}`", template.stack),
                Some("give it a name of its own: `stack: NAME`".to_owned()),
            );
            continue;
        }
        templates.push(template);
    }
    templates
}

fn template(node: &Node, findings: &mut Findings) -> Option<WrittenTemplate> {
    if let Some(path) = node.as_text() {
        let (path, span) = (path.to_owned(), node.span);
        let stack = stack_of(&path);
        return Some(WrittenTemplate { path, span, stack, parameters: IndexMap::new() });
    }
    let fields = Fields::of(node, "a template", &["path", "stack", "parameters"], findings)?;
    let (path, span) = fields.required("path", findings)?;
    let stack = match fields.text("stack", findings) {
        Some((stack, span)) => {
            if !is_stack_name(stack) {
                let message = format!("`{stack}` is no stack name");
                let hint = "letters, digits and hyphens, a letter first, at most 128".to_owned();
                findings.error("stack-name", span, message, Some(hint));
            }
            stack.to_owned()
        }
        None => stack_of(path),
    };
    let parameters = fields
        .map("parameters", findings)
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.clone()))
        .collect();
    Some(WrittenTemplate { path: path.to_owned(), span, stack, parameters })
}

/// A stack's name made from its template's file name.
fn stack_of(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    let name: String = stem
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .take(128)
        .collect();
    if is_stack_name(&name) { name } else { format!("stack-{}", name.trim_start_matches('-')) }
}

fn setup(node: &Node, findings: &mut Findings) -> Option<Setup> {
    let known = ["at", "service", "operation", "input"];
    let fields = Fields::of(node, "a setup call", &known, findings)?;
    let (name, name_span) = fields.required("service", findings)?;
    let (operation, operation_span) = fields.required("operation", findings)?;
    let Some(service) = Service::from_prefix(name) else {
        let prefixes = Service::ALL.iter().map(|service| service.prefix());
        let hint = did_you_mean(name, prefixes.clone())
            .unwrap_or_else(|| format!("one of {}", prefixes.collect::<Vec<_>>().join(", ")));
        let message = format!("the emulated account has no service `{name}`");
        findings.error("unknown-service", name_span, message, Some(hint));
        return None;
    };
    let operations = services::operations(service);
    if !operations.iter().any(|entry| entry.name == operation) {
        let hint = did_you_mean(operation, operations.iter().map(|entry| entry.name));
        let message = format!("the emulated {} has no operation `{operation}`", service.title());
        findings.error("unknown-operation", operation_span, message, hint);
        return None;
    }
    if let Some(input) = fields.get("input") {
        entries(input, "input", findings);
    }
    let before = match fields.text("at", findings) {
        Some((at, span)) => before(at, span, findings)?,
        None => WARM_UP,
    };
    let (operation, input) = (operation.to_owned(), fields.get("input").cloned());
    Some(Setup { before, service, operation, input, span: name_span })
}

/// `-20m` or `0s`: how long before the drill begins.
fn before(at: &str, span: Span, findings: &mut Findings) -> Option<SignedDuration> {
    let text = at.strip_prefix('-').unwrap_or(at).trim();
    let duration = humantime::parse_duration(text).ok();
    let early = at.starts_with('-') || duration == Some(Duration::ZERO);
    let duration = duration.and_then(|duration| SignedDuration::try_from(duration).ok());
    match duration {
        Some(duration) if early && duration <= WARM_UP => Some(duration),
        Some(_) | None => {
            findings.error(
                "setup-time",
                span,
                format!("`{at}` is not a time in the warm-up"),
                Some("from -30m to 0s, before the drill begins: `at: -20m`".to_owned()),
            );
            None
        }
    }
}

/// Reports values for parameters that the template does not have.
pub(super) fn check_parameters(
    entry: &WrittenTemplate,
    template: &Template,
    findings: &mut Findings,
) {
    for (name, value) in &entry.parameters {
        if !template.parameters.contains_key(name) {
            let message = format!("the template {} has no parameter `{name}`", entry.path);
            let hint = did_you_mean(name, template.parameters.keys().map(String::as_str));
            findings.error("unknown-parameter", value.span, message, hint);
        }
    }
}
