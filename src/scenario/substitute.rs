//! `${env.NAME}`, `${var.NAME}` and `${run.id}`: the only substitutions of the language.
//!
//! Main type: [`Values`], which the caller fills; nothing here reads the environment. Invariants: a
//! substitution without a value is an error at its own place; what is put in is never looked at again, so
//! values can't smuggle substitutions in; what a fault sends keeps `${env.NAME}` where it is planned, so
//! that no plan and no record holds the value.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::rules::code;
use super::suggest::{did_you_mean, shortened};
use super::tree::{Content, Entry, Node, Scalar};
use crate::diagnostic::{Diagnostic, Span};

/// What substitutions are replaced with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// The environment variables, as `${env.NAME}`.
    pub env: BTreeMap<String, String>,
    /// The values of `--var NAME=VALUE`; they win over those under `vars:`.
    pub vars: IndexMap<String, String>,
    /// The id of this run, as `${run.id}`.
    pub run_id: String,
}

/// What becomes of `${env.NAME}` in what faults send. Requests and local programs keep it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// The value is put in, to be looked at by the rules.
    Filled,
    /// It stays as it is written until it is sent, and so does whatever escapes one.
    Kept,
}

/// What replacing answered.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The effective variables.
    pub(crate) vars: IndexMap<String, String>,
    /// Which of them were used.
    pub(crate) used: BTreeSet<String>,
    /// The variables of the environment that stay as they are written.
    pub(crate) kept: BTreeSet<String>,
}

/// A kind of fault that sends something.
struct Sends {
    kind: &'static str,
    /// Under which of its keys it stands.
    keys: &'static [&'static str],
    /// What stands below those and is said openly: the words by which rules choose an event or a finding, and
    /// the role of a runbook, which the policy names.
    said: &'static [&'static str],
}

/// Every kind of fault that sends something.
const SENT: &[Sends] = &[
    Sends { kind: "put_events", keys: &["entries"], said: &["source", "detail-type", "resources"] },
    Sends { kind: "publish", keys: &["message", "subject", "attributes"], said: &[] },
    Sends { kind: "send_message", keys: &["message", "attributes"], said: &[] },
    Sends { kind: "invoke", keys: &["payload"], said: &[] },
    Sends { kind: "start_execution", keys: &["input"], said: &[] },
    Sends { kind: "ssm_automation", keys: &["parameters"], said: &["AutomationAssumeRole"] },
    Sends { kind: "ssm_command", keys: &["parameters"], said: &[] },
    Sends { kind: "log_line", keys: &["message"], said: &[] },
    Sends { kind: "set_alarm_state", keys: &["reason"], said: &[] },
    Sends { kind: "config_evaluation", keys: &["annotation"], said: &[] },
    Sends {
        kind: "securityhub_findings",
        keys: &["findings"],
        said: &["severity", "types", "generator", "resources"],
    },
];

/// So many substitutions that fail are shown at their very place; what follows points at the value.
const MAX_PLACED: usize = 100;

/// Replaces everything in the tree.
pub(crate) fn apply(
    file: &str,
    text: &str,
    root: &mut Node,
    values: &Values,
    payloads: Payloads,
    diagnostics: &mut Vec<Diagnostic>,
) -> Applied {
    let mut pass = Pass {
        file,
        lines: text.lines().collect(),
        values,
        payloads,
        vars: IndexMap::new(),
        written: IndexMap::new(),
        inside_vars: true,
        keeps_env: false,
        used: BTreeSet::new(),
        kept: BTreeSet::new(),
        reported: 0,
        diagnostics,
    };
    let Content::Mapping(entries) = &mut root.content else { return Applied::default() };
    let vars = pass.variables(entries);
    pass.vars = vars;
    pass.inside_vars = false;
    pass.kept.clear();
    for entry in entries.iter_mut().filter(|entry| entry.key != "vars") {
        if ["faults", "expect", "recovery"].contains(&entry.key.as_str())
            && let Content::Sequence(items) = &mut entry.value.content
        {
            for item in items {
                pass.part(item);
            }
        } else {
            pass.node(&mut entry.value);
        }
    }
    Applied { vars: pass.vars, used: pass.used, kept: pass.kept }
}

struct Pass<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    values: &'a Values,
    payloads: Payloads,
    vars: IndexMap<String, String>,
    /// The variables as they stand where a variable of the environment stays as it is written.
    written: IndexMap<String, String>,
    inside_vars: bool,
    /// Below `http`, `command` and payloads: a variable of the environment stays as it is written.
    keeps_env: bool,
    used: BTreeSet<String>,
    kept: BTreeSet<String>,
    reported: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Pass<'_> {
    /// The effective variables: their defaults, and what is given in their place.
    fn variables(&mut self, entries: &mut [Entry]) -> IndexMap<String, String> {
        let mut vars = IndexMap::new();
        let declared = entries.iter_mut().find(|entry| entry.key == "vars");
        if let Some(Content::Mapping(defaults)) = declared.map(|entry| &mut entry.value.content) {
            for default in defaults {
                let Content::Scalar(scalar) = &mut default.value.content else { continue };
                let span = default.value.span;
                if let Some(value) = self.values.vars.get(&default.key) {
                    *scalar = Scalar { text: value.clone(), plain: false, substituted: true };
                } else {
                    let mut written = scalar.clone();
                    self.scalar(scalar, span);
                    if written.text.contains("${") {
                        let before = (self.reported, self.diagnostics.len());
                        self.keeping(|pass| pass.scalar(&mut written, span));
                        // What is wrong with it is told once.
                        self.reported = before.0;
                        self.diagnostics.truncate(before.1);
                        self.written.insert(default.key.clone(), written.text);
                    }
                }
                vars.insert(default.key.clone(), scalar.text.clone());
            }
        }
        for (name, value) in &self.values.vars {
            vars.insert(name.clone(), value.clone());
        }
        vars
    }

    /// A fault, an expectation or a never. What it sends or runs keeps `${env.NAME}` until then, so that
    /// no plan and no record holds the value.
    fn part(&mut self, node: &mut Node) {
        let Content::Mapping(entries) = &mut node.content else { return self.node(node) };
        for Entry { key, value, .. } in entries {
            let sends = SENT.iter().find(|sends| sends.kind == *key);
            match (key.as_str(), sends, self.payloads) {
                ("never", _, _) => self.part(value),
                ("http" | "command", _, _) => self.keeping(|pass| pass.node(value)),
                (_, Some(sends), Payloads::Kept) => self.fault(value, sends),
                (_, _, _) => self.node(value),
            }
        }
    }

    /// A fault that sends something.
    fn fault(&mut self, node: &mut Node, sends: &Sends) {
        let Content::Mapping(entries) = &mut node.content else { return self.node(node) };
        for Entry { key, value, .. } in entries {
            if !sends.keys.contains(&key.as_str()) {
                self.node(value);
            } else if let Content::Sequence(items) = &mut value.content {
                for item in items {
                    self.payload(item, sends.said);
                }
            } else {
                self.payload(value, sends.said);
            }
        }
    }

    /// What is sent, but for what is said openly with it.
    fn payload(&mut self, node: &mut Node, said: &[&str]) {
        let Content::Mapping(entries) = &mut node.content else {
            return self.keeping(|pass| pass.node(node));
        };
        for Entry { key, value, .. } in entries {
            if said.contains(&key.as_str()) {
                self.node(value);
            } else {
                escape(key);
                self.keeping(|pass| pass.node(value));
            }
        }
    }

    /// Does something where variables of the environment stay as they are written.
    fn keeping(&mut self, act: impl FnOnce(&mut Self)) {
        self.keeps_env = true;
        act(self);
        self.keeps_env = false;
    }

    fn node(&mut self, node: &mut Node) {
        match &mut node.content {
            Content::Scalar(scalar) => self.scalar(scalar, node.span),
            Content::Sequence(items) => items.iter_mut().for_each(|item| self.node(item)),
            Content::Mapping(entries) => {
                for entry in entries {
                    if self.keeps_env && self.payloads == Payloads::Kept {
                        escape(&mut entry.key);
                    }
                    self.node(&mut entry.value);
                }
            }
        }
    }

    fn scalar(&mut self, scalar: &mut Scalar, span: Span) {
        if !scalar.text.contains("${") {
            return;
        }
        let mut result = String::with_capacity(scalar.text.len());
        let mut rest = scalar.text.as_str();
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                result.push_str(before);
                // Where a substitution is kept, so is what escapes one.
                result.push_str(if self.keeps_env { "$${" } else { "${" });
                rest = &from[2..];
                continue;
            }
            result.push_str(before);
            let Some(end) = from.find('}') else {
                let message = "this `${` is never closed";
                let token: String = from.chars().take(20).collect();
                self.report(code::BAD_SUBSTITUTION, &token, span, message, None);
                rest = "";
                break;
            };
            let token = &from[..=end];
            let value = self.value(token, span).unwrap_or_default();
            let variable = token.strip_prefix("${var.").and_then(|rest| rest.strip_suffix('}'));
            if let Some(name) = token.strip_prefix("${env.").filter(|_| self.keeps_env) {
                self.kept.insert(name.trim_end_matches('}').to_owned());
                result.push_str(token);
            } else if self.keeps_env
                && let Some(written) = variable.and_then(|name| self.written.get(name)).cloned()
            {
                self.kept.extend(variables_of(&written));
                result.push_str(&written);
            } else if self.keeps_env {
                // What a variable holds is never looked at again.
                result.push_str(&value.replace("${", "$${"));
            } else {
                result.push_str(&value);
            }
            rest = &from[end + 1..];
        }
        result.push_str(rest);
        scalar.text = result;
        scalar.substituted = true;
    }

    /// The value of `${…}`.
    fn value(&mut self, token: &str, span: Span) -> Option<String> {
        let inner = &token[2..token.len() - 1];
        if inner == "run.id" {
            return Some(self.values.run_id.clone());
        }
        if let Some(name) = inner.strip_prefix("env.") {
            let found = self.values.env.get(name).cloned();
            if found.is_none() {
                let name = shortened(name);
                let message = format!("the environment variable `{name}` is not set");
                let hint = format!("set it: `{name}=… firedrill …`");
                self.report(code::UNDEFINED_VARIABLE, token, span, &message, Some(hint));
            }
            return found;
        }
        let Some(name) = inner.strip_prefix("var.") else {
            let message = format!("`{}` is not a substitution", shortened(token));
            let hint = "there are `${env.NAME}`, `${var.NAME}` and `${run.id}`; write `$${` for a \
                        literal `${`";
            self.report(code::BAD_SUBSTITUTION, token, span, &message, Some(hint.to_owned()));
            return None;
        };
        if self.inside_vars {
            let hint = "use `${env.NAME}` here, or repeat the text".to_owned();
            let message = "a variable's default can't use another variable";
            self.report(code::BAD_SUBSTITUTION, token, span, message, Some(hint));
            return None;
        }
        self.used.insert(name.to_owned());
        let found = self.vars.get(name).cloned();
        if found.is_none() {
            let near = did_you_mean(name, self.vars.keys().map(String::as_str));
            let hint = near.map_or_else(
                || {
                    let name = shortened(name);
                    format!("give it a default under `vars:`, or pass `--var {name}=…`")
                },
                |near| format!("did you mean `${{var.{}}}`?", shortened(near)),
            );
            let message = format!("the variable `{}` has no value", shortened(name));
            self.report(code::UNDEFINED_VARIABLE, token, span, &message, Some(hint));
        }
        found
    }

    /// Reports, with the place of the token inside the scalar. Finding the place takes time by the length
    /// of the line, so it is done for a bounded number of them.
    fn report(&mut self, code: &str, token: &str, span: Span, message: &str, hint: Option<String>) {
        self.reported += 1;
        let place = if self.reported <= MAX_PLACED { self.place(token, span) } else { span };
        let mut found = Diagnostic::error(code, self.file, place, message);
        found.hint = hint;
        self.diagnostics.push(found);
    }

    /// Where the token stands: looked for from the scalar's first character on, over a bounded number of
    /// lines, since a block of text carries no marks of its own.
    fn place(&self, token: &str, span: Span) -> Span {
        const LINES: usize = 200;
        let token = token.lines().next().unwrap_or_default();
        for (index, line) in self.lines.iter().enumerate().skip(span.line - 1).take(LINES) {
            let skip = if index + 1 == span.line { span.column - 1 } else { 0 };
            let from = line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at);
            if let Some(at) = line[from..].find(token) {
                let column = line[..from + at].chars().count() + 1;
                return Span { line: index + 1, column, length: token.chars().count() };
            }
        }
        span
    }
}

/// Keys are no place for substitutions: what looks like one stays text when the rest is filled in.
fn escape(key: &mut String) {
    if key.contains("${") {
        *key = key.replace("${", "$${");
    }
}

/// The variables of the environment that a text names which keeps them.
fn variables_of(written: &str) -> Vec<String> {
    let tokens = written.split("${env.").skip(1).filter_map(|rest| rest.split_once('}'));
    tokens.map(|(name, _)| name.to_owned()).collect()
}
