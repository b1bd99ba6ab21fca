//! `${env.NAME}`, `${var.NAME}` and `${run.id}`: the only substitutions of the language.
//!
//! Main type: [`Values`], which the caller fills; nothing here reads the environment. Invariant: a
//! substitution without a value is an error at its own place, and what is put in is never looked at
//! again, so values can't smuggle substitutions in.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::rules::code;
use super::suggest::{did_you_mean, shortened};
use super::tree::{Content, Node, Scalar};
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

/// So many substitutions that fail are shown at their very place; what follows points at the value.
const MAX_PLACED: usize = 100;

/// Replaces everything in the tree. Returns the effective variables and which of them were used.
pub(crate) fn apply(
    file: &str,
    text: &str,
    root: &mut Node,
    values: &Values,
    diagnostics: &mut Vec<Diagnostic>,
) -> (IndexMap<String, String>, BTreeSet<String>) {
    let mut pass = Pass {
        file,
        lines: text.lines().collect(),
        values,
        vars: IndexMap::new(),
        inside_vars: true,
        keeps_env: false,
        used: BTreeSet::new(),
        reported: 0,
        diagnostics,
    };
    let Content::Mapping(entries) = &mut root.content else {
        return (IndexMap::new(), BTreeSet::new());
    };
    let mut vars = IndexMap::new();
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == "vars")
        && let Content::Mapping(defaults) = &mut entry.value.content
    {
        for default in defaults {
            let given = values.vars.get(&default.key);
            if let Content::Scalar(scalar) = &mut default.value.content {
                match given {
                    Some(value) => {
                        *scalar = Scalar { text: value.clone(), plain: false, substituted: true };
                    }
                    None => pass.scalar(scalar, default.value.span),
                }
                vars.insert(default.key.clone(), scalar.text.clone());
            }
        }
    }
    for (name, value) in &values.vars {
        vars.insert(name.clone(), value.clone());
    }
    pass.vars = vars;
    pass.inside_vars = false;
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
    (pass.vars, pass.used)
}

struct Pass<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    values: &'a Values,
    vars: IndexMap<String, String>,
    inside_vars: bool,
    /// Below `http` and `command`: a variable of the environment stays as it is written.
    keeps_env: bool,
    used: BTreeSet<String>,
    reported: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Pass<'_> {
    /// A fault, an expectation or a never. What it sends or runs keeps `${env.NAME}` until then, so that
    /// no plan and no record holds the value.
    fn part(&mut self, node: &mut Node) {
        let Content::Mapping(entries) = &mut node.content else { return self.node(node) };
        for entry in entries {
            match entry.key.as_str() {
                "never" => self.part(&mut entry.value),
                "http" | "command" => {
                    self.keeps_env = true;
                    self.node(&mut entry.value);
                    self.keeps_env = false;
                }
                _ => self.node(&mut entry.value),
            }
        }
    }

    fn node(&mut self, node: &mut Node) {
        match &mut node.content {
            Content::Scalar(scalar) => self.scalar(scalar, node.span),
            Content::Sequence(items) => items.iter_mut().for_each(|item| self.node(item)),
            Content::Mapping(entries) => {
                for entry in entries {
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
            if self.keeps_env && token.starts_with("${env.") {
                result.push_str(token);
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
