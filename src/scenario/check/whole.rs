//! Rules about the scenario as a whole: its name, its words, its limits and its variables.

use super::{Check, LONGEST, guardrails};
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::Duration;

/// The most faults and expectations together; the plan holds itself to the same number.
const MAX_PARTS: usize = 500;

/// Returns whether the scenario is of a size that the other rules are made for.
pub(super) fn check(check: &mut Check<'_>) -> bool {
    version(check);
    name(check);
    words(check);
    let fits = contents(check);
    guardrails::check(check);
    durations(check);
    variables(check);
    fits
}

fn version(check: &mut Check<'_>) {
    let version = check.scenario().version;
    if version != 1 {
        let message = format!("version {version} of the language is not known");
        check.error(
            code::UNSUPPORTED_VERSION,
            "version",
            message,
            "this firedrill reads `version: 1`".to_owned(),
        );
    }
}

fn name(check: &mut Check<'_>) {
    let name = &check.scenario().name;
    let well_formed = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !well_formed {
        let message = format!("`{}` is not a name for a scenario", shortened(name));
        let hint =
            format!("lower-case letters, digits and dashes, such as `{}`", suggested_name(name));
        check.error(code::BAD_NAME, "name", message, hint);
    }
}

/// A well-formed name that is close to what was written.
fn suggested_name(name: &str) -> String {
    let mut result = String::new();
    for c in name.chars().take(64) {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || (c.is_ascii_digit() && !result.is_empty()) {
            result.push(c);
        } else if !result.is_empty() && !result.ends_with('-') {
            result.push('-');
        }
    }
    let result = result.trim_end_matches('-');
    if result.is_empty() { "vpn-tunnel-down".to_owned() } else { result.to_owned() }
}

fn words(check: &mut Check<'_>) {
    if let Some(severity) = check.scenario().severity
        && !(1..=5).contains(&severity)
    {
        let message = format!("the severity {severity} is outside 1 to 5");
        let hint = "1 is critical, 5 is the least".to_owned();
        check.error(code::BAD_SEVERITY, "severity", message, hint);
    }
    let tags = &check.scenario().tags;
    for (index, tag) in tags.iter().enumerate() {
        let path = format!("tags/{index}");
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if tag.is_empty() || tag.len() > 32 || !tag.chars().all(known) {
            let message = format!("`{}` is not a tag", shortened(tag));
            let hint = "lower-case letters, digits, dashes and underscores, at most 32".to_owned();
            check.error(code::BAD_TAG, &path, message, hint);
        } else if tags[..index].contains(tag) {
            let message = format!("the tag `{tag}` stands twice");
            check.warning(code::BAD_TAG, &path, message, "remove one".to_owned());
        }
    }
}

fn contents(check: &mut Check<'_>) -> bool {
    let scenario = check.scenario();
    let parts = scenario.faults.len() + scenario.expect.len() + scenario.recovery.len();
    if parts > MAX_PARTS {
        let message = format!("there are {parts} faults and expectations; at most {MAX_PARTS} fit");
        check.error(code::TOO_MANY, "expect", message, "split the scenario".to_owned());
        return false;
    }
    if check.has_stray_keys() {
        return true;
    }
    if scenario.faults.is_empty() {
        let hint =
            "add `faults:` with a `fis`, `put_events`, `set_alarm_state` or `put_metric_data`";
        let message = "the scenario injects nothing".to_owned();
        check.error(code::NO_FAULTS, "faults", message, hint.to_owned());
    }
    if scenario.expect.is_empty() {
        let hint = "add `expect:` with what must follow the fault, and by when".to_owned();
        if scenario.recovery.is_empty() {
            let message = "the scenario expects nothing, so it would prove nothing".to_owned();
            check.error(code::NO_EXPECTATIONS, "expect", message, hint);
        } else {
            let message = "the scenario expects a recovery, but nothing that answers the fault";
            check.warning(code::NO_EXPECTATIONS, "recovery", message.to_owned(), hint);
        }
    }
    true
}

fn durations(check: &mut Check<'_>) {
    let scenario = check.scenario();
    let objectives = &scenario.objectives;
    positive(check, "guardrails/max_duration", scenario.guardrails.max_duration);
    positive(check, "objectives/detect", objectives.detect);
    positive(check, "objectives/act", objectives.act);
    positive(check, "objectives/mitigate", objectives.mitigate);
    positive(check, "objectives/recover", objectives.recover);
    not_too_long(check, "grace", scenario.grace);
}

/// Reports a duration that is zero or too long.
pub(super) fn positive(check: &mut Check<'_>, path: &str, duration: Option<Duration>) {
    if duration.is_some_and(|duration| duration.0.is_zero()) {
        let key = path.rsplit('/').next().unwrap_or(path);
        let message = format!("`{key}` is zero");
        check.error(code::ZERO_DURATION, path, message, "give it some time".to_owned());
    }
    not_too_long(check, path, duration);
}

/// Reports a duration that is longer than a drill can be.
pub(super) fn not_too_long(check: &mut Check<'_>, path: &str, duration: Option<Duration>) {
    if let Some(duration) = duration.filter(|duration| duration.0 > LONGEST) {
        let key = path.rsplit('/').next().unwrap_or(path);
        let written = humantime::format_duration(duration.0);
        let message = format!("`{key}` is {written}, which is longer than a day");
        check.error(code::DURATION_TOO_LONG, path, message, "at most `24h`".to_owned());
    }
}

fn variables(check: &mut Check<'_>) {
    let declared: Vec<&String> = check.scenario().vars.keys().collect();
    for name in declared {
        let path = format!("vars/{name}");
        let in_file =
            check.partial.tree.get("vars").is_some_and(|vars| vars.value.get(name).is_some());
        if in_file && !check.partial.used_vars.contains(name) {
            let message = format!("the variable `{name}` is never used");
            let hint = format!("use it as `${{var.{name}}}`, or remove it");
            let span = check.partial.tree.locate_key(&path);
            let found = crate::diagnostic::Diagnostic::warning(
                code::UNUSED_VARIABLE,
                check.file,
                span,
                message,
            );
            check.push(found, &path, Some(hint));
        }
    }
}
