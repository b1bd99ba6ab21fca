//! One page for each kind of fault and of expectation: what it is for, its keys, an example, its limits.
//!
//! Main functions: [`page`] and [`names`]. Invariant: the keys are made from the JSON Schema, and the IAM
//! actions, the stage and the delay from the plan of the example, so that they can't drift from the code.

mod faults;
mod observations;

use std::collections::BTreeSet;

use faults::{FAULTS, Fault};
use observations::{OBSERVATIONS, Observation};

use super::{language, wrapped};
use crate::plan::calls::Step;
use crate::plan::{Plan, PlannedExpectation, natural_stage, shown_late, text};
use crate::scenario::types::Stage;
use crate::scenario::{self, Values};

/// What a scenario must have beside an example, where the example does not have it.
const AROUND: [(&str, &str); 2] = [
    ("faults:", "faults:\n  - id: around\n    publish: {topic: around, message: around}\n"),
    ("expect:", "expect:\n  - id: around-too\n    notification: {topic: around}\n    within: 5m\n"),
];

/// How the scenario of an example begins.
const HEAD: &str = "version: 1\nname: example\n\
    guardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n";

/// The ids of what is put around an example.
const OURS: [&str; 2] = ["around", "around-too"];

/// The names of the pages, in the order of the language.
pub(super) fn names() -> Vec<&'static str> {
    let faults = FAULTS.iter().map(|one| one.kind);
    let seen = OBSERVATIONS.iter().map(|one| one.kind);
    let seen = seen.filter(|kind| FAULTS.iter().all(|fault| fault.kind != *kind));
    faults.chain(seen).collect()
}

/// The page of a kind; one that is both a fault and an expectation has two parts.
pub(super) fn page(kind: &str) -> Option<String> {
    let fault = FAULTS.iter().find(|one| one.kind == kind).map(fault_page);
    let seen = OBSERVATIONS.iter().find(|one| one.kind == kind).map(observation_page);
    let parts: Vec<String> = fault.into_iter().chain(seen).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n\n"))
}

fn fault_page(fault: &Fault) -> String {
    let mut page = Page::new(fault.kind, "a fault", "Fault");
    page.keys("Fault", "id, target, at, after and effect");
    page.part("Example", &indented(fault.example));
    page.part("Taken back", &wrapped(fault.reverted, 4));
    let plan = planned(fault.example);
    let ids = plan.faults.iter().map(|one| one.id.as_str());
    page.actions(&plan, &ids.filter(|id| !OURS.contains(id)).collect());
    page.limits(fault.limits);
    page.lines.join("\n")
}

fn observation_page(seen: &Observation) -> String {
    let mut page = Page::new(seen.kind, "an expectation", "Expectation");
    page.keys("Expectation", "id, target, within, after, sustain, count, stage and correlation");
    page.part("Example", &indented(seen.example));
    let plan = planned(seen.example);
    let ours: Vec<&PlannedExpectation> =
        plan.expectations.iter().filter(|one| !OURS.contains(&one.id.as_str())).collect();
    page.part("Evidence", &wrapped(seen.evidence, 4));
    let late = ours.iter().map(|one| shown_late(&one.kind)).max().unwrap_or_default();
    if !late.is_zero() {
        let words = format!(
            "AWS may show it {} late: only then is anything called missed, and the drill may last that much \
             longer.",
            text::duration(late)
        );
        page.lines.push(wrapped(&words, 4));
    }
    let stages: BTreeSet<Stage> =
        ours.iter().map(|one| natural_stage(one.phase, &one.kind, &one.demand)).collect();
    let stages: Vec<&str> = stages.into_iter().map(stage).collect();
    let words = format!("Its stage, unless `stage` says otherwise: {}.", stages.join(", or "));
    page.lines.push(wrapped(&words, 4));
    page.actions(&plan, &ours.iter().map(|one| one.id.as_str()).collect());
    page.limits(seen.limits);
    page.lines.join("\n")
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Detect => "detect",
        Stage::Act => "act",
        Stage::Mitigate => "mitigate",
        Stage::Recover => "recover",
    }
}

struct Page {
    kind: &'static str,
    lines: Vec<String>,
}

impl Page {
    /// The page's head: what the language says that the kind is for.
    fn new(kind: &'static str, what: &str, side: &str) -> Self {
        let [short, long] = language::purpose(side, kind);
        let purpose = wrapped(&format!("{short}\n\n{long}"), 0);
        Self { kind, lines: vec![format!("{kind}: {what}"), String::new(), purpose] }
    }

    fn part(&mut self, head: &str, body: &str) {
        self.lines.extend([String::new(), head.to_owned(), body.to_owned()]);
    }

    fn keys(&mut self, side: &str, beside: &str) {
        let keys = language::keys(side, self.kind);
        self.part(&format!("Keys of `{}`", self.kind), &keys.join("\n"));
        let beside = format!("Beside it stand {beside}: `firedrill help scenario`.");
        self.lines.push(wrapped(&beside, 4));
    }

    /// The actions that the plan needs for these faults or expectations, by the part of the run.
    fn actions(&mut self, plan: &Plan, ids: &BTreeSet<&str>) {
        let calls = plan.calls();
        let mut rows = Vec::new();
        for (step, words) in STEPS {
            let here = calls.iter().filter(|call| call.step == step);
            let ours = here.filter(|call| ids.contains(call.reason.as_str()));
            let mut actions: Vec<&str> = Vec::new();
            for call in ours {
                if !actions.contains(&call.action) {
                    actions.push(call.action);
                }
            }
            if !actions.is_empty() {
                rows.push(format!("    {words}\n{}", wrapped(&actions.join(", "), 8)));
            }
        }
        if rows.is_empty() {
            rows.push("    None: no API of AWS is called.".to_owned());
        }
        self.part("IAM actions of the example", &rows.join("\n"));
        let words = "Every run on a real account needs those of its lock and its guardrails too: \
                     `firedrill plan SCENARIO --iam` prints the whole policy, with its resources.";
        self.lines.push(wrapped(words, 4));
    }

    fn limits(&mut self, limits: &[&str]) {
        let limits: Vec<String> = limits.iter().map(|limit| bullet(limit)).collect();
        self.part("Limits", &limits.join("\n"));
    }
}

/// The parts of a run, in words.
const STEPS: [(Step, &str); 5] = [
    (Step::Preflight, "before anything is injected"),
    (Step::Listen, "to listen"),
    (Step::Inject, "to inject"),
    (Step::Observe, "to look"),
    (Step::Revert, "to take back"),
];

fn bullet(text: &str) -> String {
    let body = wrapped(text, 6);
    format!("    - {}", body.trim_start())
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// An example with what a scenario must have around it.
fn whole(example: &str) -> String {
    let mut scenario = HEAD.to_owned();
    scenario.push_str(example);
    for (key, around) in AROUND {
        if !example.lines().any(|line| line == key) {
            scenario.push_str(around);
        }
    }
    scenario
}

fn values() -> Values {
    let tokens = ["FLAGS_TOKEN", "TICKETS_TOKEN"];
    let env = tokens.into_iter().map(|name| (name.to_owned(), "example".to_owned())).collect();
    Values { env, run_id: "example".to_owned(), ..Values::default() }
}

fn planned(example: &str) -> Plan {
    let loaded = scenario::load("example.yaml", whole(example).as_bytes(), &values());
    let scenario = loaded.scenario.expect("a test loads every example");
    Plan::new(&scenario, "example.yaml", "example").expect("a test plans every example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_language_has_its_page() {
        let faults: Vec<&str> = FAULTS.iter().map(|one| one.kind).collect();
        assert_eq!(faults, scenario::FAULTS);
        let seen: Vec<&str> = OBSERVATIONS.iter().map(|one| one.kind).collect();
        assert_eq!(seen, scenario::HAPPENINGS);
        for name in names() {
            let page = page(name).expect("it has one");
            for head in ["Keys of", "Example", "IAM actions", "Limits"] {
                assert!(page.contains(&format!("\n{head}")), "{name} has no {head}:\n{page}");
            }
            let long = page.lines().find(|line| line.chars().count() > 100);
            assert_eq!(long, None, "a line of the page of {name} is too long");
        }
        assert_eq!(page("fys"), None);
    }

    #[test]
    fn the_check_has_nothing_to_say_about_any_example() {
        let faults = FAULTS.iter().map(|one| (one.kind, one.example));
        let seen = OBSERVATIONS.iter().map(|one| (one.kind, one.example));
        for (kind, example) in faults.chain(seen) {
            let file = format!("{kind}.yaml");
            let loaded = scenario::load(&file, whole(example).as_bytes(), &values());
            assert_eq!(loaded.check(None), [], "{}", whole(example));
            let plan = planned(example);
            let used = |kind: &str| example.contains(&format!("{kind}:"));
            assert!(used(kind) && !plan.calls().is_empty(), "{kind}");
        }
    }

    #[test]
    fn what_is_both_a_fault_and_an_expectation_has_both_parts() {
        let page = page("http").expect("it has one");
        assert!(page.starts_with("http: a fault\n"), "{page}");
        assert!(page.contains("\nhttp: an expectation\n"), "{page}");
        assert_eq!(names().iter().filter(|name| **name == "http").count(), 1);
    }

    #[test]
    fn pages_read_like_this() {
        insta::assert_snapshot!("ssm_automation", page("ssm_automation").expect("it has one"));
        insta::assert_snapshot!("api_call", page("api_call").expect("it has one"));
        insta::assert_snapshot!("http", page("http").expect("it has one"));
    }
}
