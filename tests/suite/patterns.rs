//! Event patterns against answers captured from EventBridge and the project's own table.
//!
//! Invariant: the shared vectors are read when their folder is there (`FIREDRILL_SHARED`, or
//! `../shared` beside the project), and their absence is said aloud.

mod bad_input;
mod random;
mod reference;
mod table;

use std::path::PathBuf;

use firedrill::pattern::{Pattern, RuleSet};
use serde_json::Value;

/// The folder of the shared vectors, when it is there.
fn vectors() -> Option<PathBuf> {
    // With FIREDRILL_REQUIRE_SHARED, as in the gate, they may not be absent.
    Some(crate::support::shared()?.join("vectors"))
}

/// The lines of one file of vectors; none when the folder is absent.
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
fn lines(file: &str) -> Vec<Value> {
    let Some(folder) = vectors() else {
        eprintln!("the shared vectors are absent: {file} is not checked (set FIREDRILL_SHARED)");
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(file)).expect("the vectors are readable");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(lines.len() > 30, "{file} has hardly any vectors");
    lines
}

fn text<'v>(vector: &'v Value, key: &str) -> &'v str {
    vector[key].as_str().expect("a string")
}

/// What is wrong with our answer to one vector, if anything.
fn disagreement(vector: &Value) -> Option<String> {
    let (pattern, event) = (text(vector, "pattern"), text(vector, "event"));
    let answer = match (&vector["expected"], Pattern::parse(pattern)) {
        (Value::String(_), Ok(_)) => "accepted".to_owned(),
        (Value::String(_), Err(error)) => {
            let expected = vector["error"].as_str().unwrap_or(error.message());
            if error.message() == expected {
                return None;
            }
            format!("{}\n  instead of {expected}", error.message())
        }
        (_, Err(error)) => error.message().to_owned(),
        (expected, Ok(pattern)) => {
            let matched = pattern.matches(event).expect("the events are JSON");
            let explained = pattern.explain(event).expect("the events are JSON");
            let mut rules = RuleSet::new();
            rules.add(1, &pattern);
            let of_set = !rules.matching(event).expect("the events are JSON").is_empty();
            if (matched, explained.matched(), of_set) == (of_set, matched, matched)
                && *expected == Value::Bool(matched)
            {
                return None;
            }
            format!("{matched}, by the set {of_set}: {explained}")
        }
    };
    Some(format!("{}: {pattern}\n  {event}\n  {answer}", vector["id"]))
}

fn check(file: &str) {
    let wrong: Vec<String> = lines(file).iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn answers_captured_from_aws_are_given() {
    check("localstack_aws_validated.jsonl");
    check("gopherstack_tests.jsonl");
}

#[test]
fn random_patterns_are_answered_as_the_service_answers_them() {
    check("random_patterns.jsonl");
}

#[test]
fn complexity_is_the_services_number() {
    let mut wrong = Vec::new();
    for vector in lines("complexity.jsonl") {
        let pattern = text(&vector, "pattern");
        let number = |key: &str| {
            usize::try_from(vector[key].as_u64().expect("a number")).expect("a small number")
        };
        let complexity = firedrill::pattern::complexity(pattern, number("cap"));
        let complexity = complexity.expect("a pattern");
        let accepted = vector["accepted"].as_bool().expect("a boolean");
        if complexity != number("complexity") || Pattern::parse(pattern).is_ok() != accepted {
            wrong.push(format!("{complexity} for {vector}"));
        }
    }
    assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
}
