//! Every shipped scenario, through the real binary: those that must pass do, and those that are broken on
//! purpose fail with the outcome and the verdict that their header names.

use std::fs;

use firedrill::commands::drill::rehearse;
use firedrill::commands::prepare::Workshop;
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::scenario::Values;
use serde_json::Value;

use crate::support::{firedrill, root, scenarios, scratch};

fn report_of(file: &str) -> (i32, Value, String) {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let said = firedrill(&["run", file, "--reports", &reports, "--run-id", "test"]);
    let path = folder.path().join("test/report.json");
    let text = fs::read_to_string(path).unwrap_or_else(|_| panic!("no report: {}", said.err));
    (said.code, serde_json::from_str(&text).expect("the report is JSON"), said.err)
}

#[test]
fn every_shipped_scenario_passes_on_the_emulated_account() {
    for file in scenarios("scenarios") {
        let (code, report, words) = report_of(&file.display().to_string());
        assert_eq!(code, 0, "{}: {words}", file.display());
        assert_eq!(report["totals"]["outcome"], "passed", "{}: {words}", file.display());
    }
}

/// What a broken scenario's header says must come of it: `# Broken: outcome OUTCOME, EXPECTATION VERDICT`.
fn promise(text: &str) -> (String, Option<(String, String)>) {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("# Broken: outcome "))
        .expect("a broken scenario says in its header what must come of it");
    let mut words = line.split([',', ' ', '.']).filter(|word| !word.is_empty());
    let outcome = words.next().expect("the header names an outcome").to_owned();
    let verdict = words.next().zip(words.next());
    (outcome, verdict.map(|(id, verdict)| (id.to_owned(), verdict.to_owned())))
}

#[test]
fn every_broken_scenario_fails_with_the_verdict_that_its_header_names() {
    let files = scenarios("scenarios/broken");
    assert!(files.len() >= 5, "five broken variants are shipped at the least");
    for file in files {
        let text = fs::read_to_string(&file).expect("it is UTF-8");
        let (outcome, verdict) = promise(&text);
        let (code, report, words) = report_of(&file.display().to_string());
        assert_ne!(code, 0, "{}: {words}", file.display());
        assert_eq!(report["totals"]["outcome"], outcome, "{}: {words}", file.display());
        let Some((expectation, verdict)) = verdict else { continue };
        let found = report["drills"][0]["expectations"]
            .as_array()
            .expect("the drill tells its expectations")
            .iter()
            .map(|told| &told["verdict"])
            .find(|told| told["expectation"] == expectation)
            .unwrap_or_else(|| panic!("{}: no expectation {expectation}", file.display()));
        assert_eq!(found["verdict"], verdict, "{}: {words}", file.display());
    }
}

#[test]
fn a_drill_costs_fewer_than_ninety_api_calls() {
    for file in scenarios("scenarios") {
        let mut workshop = Workshop::new(0);
        let values = Values { run_id: "fd-calls".to_owned(), ..Values::default() };
        let prepared = workshop.prepare(&file, &values, true).expect("it is in order");
        let plan =
            Plan::new(&prepared.scenario, &prepared.file, "fd-calls").expect("it is planned");
        let accounts = prepared.estate().expect("it has an environment");
        let finished = rehearse(&plan, accounts, &StopSwitch::default(), Box::new(|_| Ok(())));
        let calls = finished.calls.expect("the emulated account counts");
        assert!(calls < 90, "{} costs {calls} API calls", file.display());
    }
}

#[test]
fn the_schema_that_is_shipped_is_the_schema_of_the_types() {
    let said = firedrill(&["schema"]);
    let shipped = fs::read_to_string(root().join("scenarios/schema.json")).expect("it is shipped");
    assert_eq!(said.out, shipped, "run `firedrill schema > scenarios/schema.json`");
}
