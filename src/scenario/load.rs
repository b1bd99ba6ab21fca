//! From bytes to a scenario, with every problem of the text on the way.
//!
//! Main function: [`load`]. Invariants: it never panics and never stops at the first problem;
//! [`Loaded::scenario`] is there exactly when no diagnostic of the text is an error, and it holds no value
//! of the environment in what faults send; the named rules come after it, in [`Loaded::check`].

use std::collections::BTreeSet;

use super::rules::code;
use super::substitute::{self, Payloads, Values};
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
    /// The scenario, when nothing is wrong with the text. What its faults send keeps `${env.NAME}` as it is
    /// written (and `$${` for `${`), until it is sent.
    pub scenario: Option<Scenario>,
    /// The values that are put in only when something is sent: whoever writes anything down keeps them out.
    /// What the scenario says elsewhere, and the names of regions and accounts, are none.
    pub secrets: Vec<String>,
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
    /// The scenario with what its faults send as it is written, and the values left out of that; nothing
    /// where there is no difference.
    planned: Option<(Scenario, Vec<String>)>,
}

impl Loaded {
    /// Where a path such as `name` or `expect/2/within` stands in the file, when the text could be parsed.
    pub fn locate(&self, path: &str) -> Option<Span> {
        self.partial.as_ref().map(|partial| partial.tree.locate(path))
    }

    /// The variables that the scenario uses; nothing when it can't be made out.
    pub(crate) fn used_vars(&self) -> Option<&BTreeSet<String>> {
        self.partial.as_ref().map(|partial| &partial.used_vars)
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
    let planned = partial.as_ref().and_then(|partial| partial.planned.as_ref());
    let secrets = planned.map(|(_, secrets)| secrets.clone()).unwrap_or_default();
    let scenario = match &partial {
        Some(partial) if !has_errors(&diagnostics) => {
            Some(planned.map_or(&partial.scenario, |(planned, _)| planned).clone())
        }
        Some(_) | None => None,
    };
    let diagnostics = ordered(file, diagnostics);
    Loaded { scenario, secrets, diagnostics, file: file.to_owned(), partial }
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
    let written = text.contains("${").then(|| tree.clone());
    let applied = substitute::apply(file, text, &mut tree, values, Payloads::Filled, diagnostics);
    let fitted = shape::fit(file, &tree, diagnostics);
    let planned = written.map(|tree| planned(file, text, tree, values)).transpose();
    match serde_yaml::from_value::<Scenario>(fitted.value).and_then(|read| Ok((read, planned?))) {
        Ok((mut scenario, planned)) => {
            scenario.vars = applied.vars;
            let (broken, used_vars) = (fitted.broken, applied.used);
            Some(Partial { scenario, tree, broken, used_vars, planned })
        }
        Err(error) => {
            // The walk lets nothing through that the types refuse; should it ever, this says so.
            let message = format!("the scenario can't be read: {error}");
            diagnostics.push(Diagnostic::error(code::WRONG_TYPE, file, tree.span, message));
            None
        }
    }
}

/// The scenario with what its faults send as it is written, and the values that are thereby left out. What is
/// wrong with the text is told by the other reading.
fn planned(
    file: &str,
    text: &str,
    mut tree: Node,
    values: &Values,
) -> Result<(Scenario, Vec<String>), serde_yaml::Error> {
    let mut told = Vec::new();
    let applied = substitute::apply(file, text, &mut tree, values, Payloads::Kept, &mut told);
    let fitted = shape::fit(file, &tree, &mut told);
    let mut scenario = serde_yaml::from_value::<Scenario>(fitted.value)?;
    // The variables' defaults are no part of a plan.
    scenario.vars.clear();
    // What the scenario says elsewhere is no secret, and to take it out would garble what it says.
    let said = serde_json::to_string(&scenario).unwrap_or_default();
    let left_out = applied.kept.iter().filter_map(|name| values.env.get(name));
    let secret = |value: &&String| !said.contains(value.as_str()) && !is_public(value);
    let secrets = left_out.filter(secret).cloned().collect();
    scenario.vars = applied.vars;
    Ok((scenario, secrets))
}

/// Whether a value is a region such as `eu-west-1`, or the id of an account: they stand in every ARN.
pub(crate) fn is_public(value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let parts: Vec<&str> = value.split('-').collect();
    let region = if let [area, middle @ .., number] = parts.as_slice() {
        let named = area.len() == 2 && word(area) && middle.iter().all(|part| word(part));
        named && !middle.is_empty() && number.len() == 1 && digits(number)
    } else {
        false
    };
    region || (value.len() == 12 && digits(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_accounts_are_no_secrets() {
        for open in ["eu-west-1", "us-gov-east-1", "ap-southeast-4", "111122223333"] {
            assert!(is_public(open), "{open}");
        }
        for secret in
            ["hunter2", "eu-west", "a-b-1", "eu--1", "1111222233334", "", "-", "to-day-11"]
        {
            assert!(!is_public(secret), "{secret}");
        }
    }

    #[test]
    fn what_is_sent_is_planned_as_it_is_written_and_looked_at_as_it_will_be() {
        let text = "version: 1\nname: a\nvars: {t: \"x ${env.TOKEN}\"}\nfaults:\n  \
            - put_events: {entries: [{source: \"${env.WORD}\", detail-type: d, \
              detail: {t: \"${var.t}\", w: \"${env.WORD}\", \"${k}\": \"$${q} ${run.id}\"}}]}\n";
        let env = [("TOKEN", "s3cr3t-value"), ("WORD", "openly-said")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let values = Values { env, run_id: "run".to_owned(), ..Values::default() };
        let loaded = load("x.yaml", text.as_bytes(), &values);
        assert_eq!(loaded.diagnostics, []);
        assert_eq!(loaded.secrets, ["s3cr3t-value"]);
        let entry = |scenario: &Scenario| {
            scenario.faults[0].put_events.as_ref().expect("it is one").entries[0].clone()
        };
        let planned = entry(loaded.scenario.as_ref().expect("it is sound"));
        assert_eq!(planned.source, "openly-said");
        assert_eq!(planned.detail["t"], "x ${env.TOKEN}");
        assert_eq!(planned.detail["w"], "${env.WORD}");
        assert_eq!(planned.detail["$${k}"], "$${q} run");
        let looked_at = entry(loaded.partial().expect("it is sound"));
        assert_eq!(looked_at.detail["t"], "x s3cr3t-value");
        assert_eq!(looked_at.detail["${k}"], "${q} run");
    }
}
