//! From an environment as written to an account that has settled.
//!
//! Main function: [`account`]. Invariant: what is built follows the order parameters, buses of others,
//! own resources, exports, templates, declared behaviour, setup calls in time; each sees what came before.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::Fields;
use super::inventory::Alarm;
use super::substitute::Names;
use super::written::{OWN_STACK, Setup};
use super::{Environment, Inventory, WARM_UP, declared};
use crate::diagnostic::{Diagnostic, Span};
use crate::emulator::account::Account;
use crate::emulator::cloudformation::findings::{Findings, did_you_mean};
use crate::emulator::cloudformation::node::{Kind, Node};
use crate::emulator::cloudformation::stack::{Given, deploy};
use crate::emulator::cloudformation::template::Template;
use crate::emulator::policy;
use crate::emulator::services::{Service, iam, lambda};

/// The state of a build.
struct Builder<'a> {
    environment: &'a Environment,
    account: Account,
    findings: Findings,
    diagnostics: Vec<Diagnostic>,
}

/// Builds the account of an environment.
pub(super) fn account(
    environment: &Environment,
    epoch: Timestamp,
    seed: u64,
) -> (Account, Vec<Diagnostic>) {
    let identity = environment.written.identity.clone();
    let mut builder = Builder {
        environment,
        account: Account::new(identity, epoch - WARM_UP, seed),
        findings: Findings::about(&environment.file),
        diagnostics: Vec::new(),
    };
    if let Some(organization) = &environment.written.organization {
        iam::set_organization(&mut builder.account, organization);
    }
    builder.parameters();
    declared::install_buses(&mut builder.account, &environment.written, &mut builder.findings);
    builder.own_resources();
    builder.exports();
    builder.templates();
    declared::install(&mut builder.account, &environment.written, &mut builder.findings);
    builder.setup(epoch);
    builder.account.advance(epoch);
    builder.policies();
    builder.idle_functions();
    builder.unpublished_metrics();
    builder.caller();
    // What changed while nobody looked is no news.
    builder.account.take_changes();
    let mut diagnostics = builder.findings.into_list();
    diagnostics.extend(builder.diagnostics);
    (builder.account, diagnostics)
}

impl Builder<'_> {
    fn parameters(&mut self) {
        for (name, node) in &self.environment.written.parameters {
            let value = match &node.kind {
                Kind::Scalar { text, .. } => text.clone(),
                Kind::List(items) => {
                    items.iter().filter_map(Node::as_text).collect::<Vec<_>>().join(",")
                }
                Kind::Map(_) => {
                    let message =
                        format!("the SSM parameter `{name}` is text or a list, not a map");
                    self.findings.error("wrong-shape", node.span, message, None);
                    continue;
                }
            };
            let kind = if node.as_list().is_some() { "StringList" } else { "String" };
            // Public parameters (`/aws/service/…`) can't be put; templates find them here all the same.
            if name.starts_with("/aws/") {
                self.account.stacks.public_parameters.insert(name.clone(), value);
            } else {
                let input = json!({ "Name": name, "Value": value, "Type": kind });
                if let Err(error) = self.account.call(Service::Ssm, "PutParameter", input) {
                    let message = format!("the SSM parameter `{name}` was refused: {error}");
                    self.findings.error("ssm-parameter", node.span, message, None);
                }
            }
        }
    }

    fn own_resources(&mut self) {
        if let Some(template) = &self.environment.written.resources {
            self.deploy(template, OWN_STACK, &IndexMap::new());
        }
    }

    fn exports(&mut self) {
        for (name, node) in &self.environment.written.exports {
            if let Some(value) = self.resolved(node) {
                let value = plain_text(&value);
                self.account.stacks.declared_exports.insert(name.clone(), value);
            }
        }
    }

    fn templates(&mut self) {
        let environment = self.environment;
        for entry in &environment.written.templates {
            let Some(template) = environment.templates.get(&entry.stack) else { continue };
            let mut parameters = IndexMap::new();
            for (name, node) in &entry.parameters {
                if let Some(value) = self.resolved(node) {
                    parameters.insert(name.clone(), plain_text(&value));
                }
            }
            self.deploy(template, &entry.stack, &parameters);
        }
    }

    fn deploy(&mut self, template: &Template, name: &str, parameters: &IndexMap<String, String>) {
        let exports = self.account.stacks.exports();
        let stored = self.account.stacks.public_parameters.clone();
        let given = Given { parameters, exports: &exports, stored: &stored };
        let (stack, findings) = deploy(&mut self.account, template, name, given);
        self.diagnostics.extend(findings.into_list());
        self.account.stacks.by_name.insert(name.to_owned(), stack);
    }

    fn setup(&mut self, epoch: Timestamp) {
        let environment = self.environment;
        let mut calls: Vec<&Setup> = environment.written.setup.iter().collect();
        // Stable: calls at the same time are made in the order in which they are written.
        calls.sort_by_key(|call| std::cmp::Reverse(call.before));
        for call in calls {
            self.account.advance(epoch - call.before);
            let input = match &call.input {
                Some(node) => match self.resolved(node) {
                    Some(node) => node.json(),
                    None => continue,
                },
                None => Value::Null,
            };
            if let Err(error) = self.account.call(call.service, &call.operation, input) {
                let message = format!("{} was refused: {error}", call.operation);
                self.findings.error("setup-refused", call.span, message, None);
            }
        }
    }

    /// Gives whoever calls from outside the policies of `caller:`; without it, that is the administrator.
    fn caller(&mut self) {
        let environment = self.environment;
        let Some(written) = &environment.written.caller else { return };
        let known = ["name", "policies"];
        let Some(fields) = Fields::of(written, "`caller`", &known, &mut self.findings) else {
            return;
        };
        let name = fields.text("name", &mut self.findings).map_or("firedrill", |(name, _)| name);
        let nodes = fields.list("policies", &mut self.findings);
        let resolved = nodes.iter().filter_map(|node| self.resolved(node));
        let policies: Vec<Value> = resolved.map(|node| node.json()).collect();
        if let Err(error) = iam::users::restrict(&mut self.account, name, &policies) {
            let hint = "`policies:` is a list of IAM policy documents".to_owned();
            let message = format!("the caller's policies were refused: {error}");
            self.findings.error("caller", written.span, message, Some(hint));
        }
    }

    /// Warns of functions that do nothing, because no behaviour is declared for them.
    fn idle_functions(&mut self) {
        let declared = &self.environment.written.functions;
        for name in lambda::undeclared(&self.account) {
            let (file, span) = self.place_of("AWS::Lambda::Function", name);
            let names = declared.iter().map(|(name, _)| name.as_str());
            let hint = did_you_mean(name, names).map_or_else(
                || format!("declare what it does: `functions: {{{name}: {{calls: […]}}}}`"),
                |hint| format!("`functions:` has another name: {hint}"),
            );
            let mut finding = Findings::about(&file);
            let message =
                format!("no behaviour is declared for the function {name}: it does nothing");
            finding.warning("function-without-behaviour", span, message, hint);
            self.diagnostics.extend(finding.into_list());
        }
    }

    /// Warns of alarms whose metrics nothing publishes: they can never change.
    fn unpublished_metrics(&mut self) {
        let inventory = Inventory::of(&self.account);
        for (name, alarm) in &inventory.alarms {
            self.no_data(name, alarm);
            for metric in alarm.metrics.iter().filter(|metric| !metric.published) {
                let dimensions: Vec<String> = metric
                    .dimensions
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let (namespace, metric) = (&metric.namespace, &metric.name);
                let message = format!(
                    "nothing publishes {namespace} {metric} {{{}}}, which the alarm {name} watches",
                    dimensions.join(", ")
                );
                let hint = format!(
                    "declare it: `signals: [{{metric: {{namespace: {namespace}, name: {metric}, …}}, …}}]`"
                );
                let (file, span) = self.place_of_alarm(name);
                let mut finding = Findings::about(&file);
                finding.warning("alarm-without-signal", span, message, hint);
                self.diagnostics.extend(finding.into_list());
            }
        }
    }

    /// Notes an alarm that had no data in the whole warm-up although its metrics are published.
    fn no_data(&mut self, name: &str, alarm: &Alarm) {
        let published = alarm.metrics.iter().all(|metric| metric.published);
        if alarm.composite || !published || alarm.state != "INSUFFICIENT_DATA" {
            return;
        }
        let (file, span) = self.place_of_alarm(name);
        let mut finding = Findings::about(&file);
        finding.hinted_note(
            "alarm-without-data",
            span,
            format!("the alarm {name} has INSUFFICIENT_DATA after the warm-up"),
            Some("its signal has no baseline, or another unit than the alarm asks for".to_owned()),
        );
        self.diagnostics.extend(finding.into_list());
    }

    /// Where an alarm's resource stands; one that a setup call made has no place of its own.
    fn place_of_alarm(&self, name: &str) -> (String, Span) {
        self.place_of("AWS::CloudWatch::Alarm", name)
    }

    fn place_of(&self, type_name: &str, reference: &str) -> (String, Span) {
        let stacks = self.account.stacks.by_name.values();
        let mut made = stacks.flat_map(|stack| stack.resources.values());
        let start = Span { line: 1, column: 1, length: 1 };
        made.find(|made| made.type_name == type_name && made.reference == reference)
            .map_or((self.environment.file.clone(), start), |made| (made.file.clone(), made.span))
    }

    /// Names the policies that nobody evaluates, where a template names them.
    fn policies(&mut self) {
        let environment = self.environment;
        let own = environment.written.resources.as_ref();
        let templates: Vec<&Template> = environment.templates.values().chain(own).collect();
        for policy in policy::unevaluated(&self.account) {
            let name = policy.rsplit('/').next().unwrap_or(&policy);
            let place = templates
                .iter()
                .find_map(|template| Some((template.file.as_str(), template.place_of(name)?)));
            let start = Span { line: 1, column: 1, length: 1 };
            let (file, span) = place.unwrap_or((&environment.file, start));
            let mut finding = Findings::about(file);
            let message = format!("the policy {policy} is not evaluated: it counts as allowing");
            finding.note("not-emulated-policy", span, message);
            self.diagnostics.extend(finding.into_list());
        }
    }

    /// A value with its `${…}` replaced.
    fn resolved(&mut self, node: &Node) -> Option<Node> {
        let names = Names {
            identity: &self.environment.written.identity,
            stacks: &self.account.stacks.by_name,
        };
        names.node(node, &mut self.findings)
    }
}

/// A scalar's text, or a list's items joined by commas.
fn plain_text(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, .. } => text.clone(),
        Kind::List(items) => items.iter().map(plain_text).collect::<Vec<_>>().join(","),
        Kind::Map(_) => node.json().to_string(),
    }
}
