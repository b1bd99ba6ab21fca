//! From bytes to a scenario, with every problem of the text on the way.
//!
//! Main function: [`load`]. Invariant: it never panics and never stops at the first problem, and
//! [`Loaded::scenario`] is there exactly when no diagnostic of the text is an error; the named rules come
//! after it, in [`Loaded::check`].

use std::collections::BTreeSet;

use super::rules::code;
use super::substitute::{self, Values};
use super::tree::Node;
use super::types::Scenario;
use super::{shape, tree};
use crate::diagnostic::{Diagnostic, Span, has_errors};

/// The largest file that is taken, in bytes.
pub const MAX_BYTES: usize = 1_000_000;

/// So many diagnostics of one file are kept; one more counts the rest.
const MAX_DIAGNOSTICS: usize = 1_000;

/// What became of a text.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The scenario, when nothing is wrong with the text.
    pub scenario: Option<Scenario>,
    /// What is wrong with the text, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    pub(crate) file: String,
    pub(crate) partial: Option<Partial>,
}

/// As much of a scenario as can be made out; the rules look at it.
#[derive(Debug, Clone)]
pub(crate) struct Partial {
    pub(crate) scenario: Scenario,
    pub(crate) tree: Node,
    /// Elements with a problem of shape.
    pub(crate) broken: Vec<String>,
    pub(crate) used_vars: BTreeSet<String>,
}

impl Loaded {
    /// Where a path such as `name` or `expect/2/within` stands in the file, when the text could be parsed.
    pub fn locate(&self, path: &str) -> Option<Span> {
        self.partial.as_ref().map(|partial| partial.tree.locate(path))
    }

    /// The scenario as far as it can be made out, for what is worth saying about a broken one.
    pub fn partial(&self) -> Option<&Scenario> {
        self.partial.as_ref().map(|partial| &partial.scenario)
    }
}

/// Loads a scenario. `file` is what diagnostics call it.
pub fn load(file: &str, bytes: &[u8], values: &Values) -> Loaded {
    let mut diagnostics = Vec::new();
    let partial = text_of(file, bytes, &mut diagnostics)
        .and_then(|text| partial(file, text, values, &mut diagnostics));
    let scenario = match &partial {
        Some(partial) if !has_errors(&diagnostics) => Some(partial.scenario.clone()),
        Some(_) | None => None,
    };
    let diagnostics = ordered(file, diagnostics);
    Loaded { scenario, diagnostics, file: file.to_owned(), partial }
}

/// Diagnostics in the order of the file, and no more of them than anybody reads.
pub(crate) fn ordered(file: &str, mut all: Vec<Diagnostic>) -> Vec<Diagnostic> {
    all.sort_by_key(|found| found.span.map(|span| (span.line, span.column)));
    if all.len() > MAX_DIAGNOSTICS {
        let cut = all.split_off(MAX_DIAGNOSTICS);
        let message = format!("there are {} more problems in this file", cut.len());
        let mut rest = Diagnostic::note(code::MORE_PROBLEMS, file, None, message);
        rest.severity = cut.iter().map(|found| found.severity).max().unwrap_or(rest.severity);
        all.push(rest.with_hint("solve the ones above first"));
    }
    all
}

/// Says so in one diagnostic where a file is an environment or a template, and not in one per key.
fn something_else(file: &str, tree: &Node) -> Option<Diagnostic> {
    let has = |keys: &[&str]| keys.iter().find_map(|key| tree.get(key));
    if has(&["name", "faults", "expect"]).is_some() {
        return None;
    }
    let environment = has(&["account", "templates", "resources", "signals"]);
    let (what, entry, hint) = match (environment, has(&["Resources"])) {
        (Some(entry), _) => (
            "an environment",
            entry,
            "name it from a scenario, `environment: FILE`, and check that",
        ),
        (None, Some(entry)) => {
            ("a CloudFormation template", entry, "name it in the `templates:` of an environment")
        }
        (None, None) => return None,
    };
    let message = format!("this is {what} and not a scenario");
    let problem = Diagnostic::error(code::NOT_A_SCENARIO, file, Some(entry.key_span), message);
    Some(problem.with_hint(hint))
}

fn text_of<'a>(file: &str, bytes: &'a [u8], found: &mut Vec<Diagnostic>) -> Option<&'a str> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        let problem = Diagnostic::error(code::FILE_TOO_LARGE, file, None, message);
        found.push(problem.with_hint("a scenario is a page of text; is this the right file?"));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let line = valid.split(|byte| *byte == b'\n').count();
            let message = format!("the file is not UTF-8: line {line} has bytes that are no text");
            let problem = Diagnostic::error(code::NOT_UTF8, file, None, message);
            found.push(problem.with_hint("save the file as UTF-8"));
            None
        }
    }
}

fn partial(
    file: &str,
    text: &str,
    values: &Values,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Partial> {
    let (tree, mut found) = tree::parse(file, text);
    diagnostics.append(&mut found);
    let mut tree = tree?;
    if let Some(problem) = something_else(file, &tree) {
        diagnostics.push(problem);
        return None;
    }
    let (vars, used_vars) = substitute::apply(file, text, &mut tree, values, diagnostics);
    let fitted = shape::fit(file, &tree, diagnostics);
    match serde_yaml::from_value::<Scenario>(fitted.value) {
        Ok(mut scenario) => {
            scenario.vars = vars;
            Some(Partial { scenario, tree, broken: fitted.broken, used_vars })
        }
        Err(error) => {
            // The walk lets nothing through that the types refuse; should it ever, this says so.
            let message = format!("the scenario can't be read: {error}");
            diagnostics.push(Diagnostic::error(code::WRONG_TYPE, file, tree.span, message));
            None
        }
    }
}
