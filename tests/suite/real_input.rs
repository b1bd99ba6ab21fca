//! A template that AWS publishes, drilled end to end and unchanged.

use std::fs;

use serde_json::Value;

use crate::support::{firedrill, root, scratch, shared};

/// Copies the scenario and its environment into a folder, with the place of the published template in it.
fn stage(folder: &std::path::Path, shared: &std::path::Path) -> String {
    let data = root().join("tests/data/fis-cpu-stress");
    let shared = shared.canonicalize().expect("the folder is there");
    let environment = fs::read_to_string(data.join("environment.yaml")).expect("it is shipped");
    assert_eq!(environment.matches("SHARED/").count(), 1);
    let environment = environment.replace("SHARED/", &format!("{}/", shared.display()));
    fs::write(folder.join("environment.yaml"), environment).expect("there is room");
    let scenario = folder.join("scenario.yaml");
    fs::copy(data.join("scenario.yaml"), &scenario).expect("there is room");
    scenario.display().to_string()
}

fn verdict<'r>(drill: &'r Value, id: &str) -> &'r Value {
    let told = drill["expectations"].as_array().expect("they are told");
    told.iter().map(|told| &told["verdict"]).find(|told| told["expectation"] == id).expect(id)
}

#[test]
fn a_published_cpu_stress_experiment_is_halted_by_its_own_stop_condition() {
    let Some(shared) = shared() else { return };
    let folder = scratch();
    let scenario = stage(folder.path(), &shared);
    let reports = folder.path().join("reports").display().to_string();
    let said = firedrill(&["run", &scenario, "--reports", &reports, "--run-id", "cpu"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let text = fs::read_to_string(folder.path().join("reports/cpu/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("it is JSON");
    let drill = &report["drills"][0];
    assert_eq!(drill["outcome"], "passed");
    for id in ["cpu-high", "halted", "halted-by-the-alarm", "never-completed", "cpu-normal"] {
        assert_eq!(verdict(drill, id)["verdict"], "met", "{id}: {drill:#}");
    }
    let timeline =
        fs::read_to_string(folder.path().join("reports/cpu/fis-cpu-stress/timeline.jsonl"));
    let timeline = timeline.expect("a timeline");
    let entries = timeline.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ends: Vec<Value> = entries.filter(|entry| entry["entry"] == "fault_ended").collect();
    assert_eq!(ends.len(), 1, "{timeline}");
    assert_eq!(ends[0]["state"], "stopped");
    let reason = ends[0]["reason"].as_str().expect("FIS gives a reason");
    assert!(reason.to_lowercase().contains("stop condition"), "{reason}");
    // FIS does not say which alarm it was; the experiment says which it watches.
    assert!(reason.contains(". It watches "), "{reason}");
}

/// The same experiment where nothing expects it to be stopped: that is no success.
#[test]
fn being_halted_is_a_success_only_where_a_scenario_expects_it() {
    let Some(shared) = shared() else { return };
    let folder = scratch();
    let scenario = stage(folder.path(), &shared);
    let text = fs::read_to_string(&scenario).expect("it was copied");
    let expected = "  - id: halted\n    experiment: {state: stopped}\n    within: 3m\n  \
                    - id: halted-by-the-alarm\n    experiment: {state: stopped}\n    after: cpu-high\n    within: 30s\n";
    assert!(text.contains(expected), "the scenario has changed");
    fs::write(&scenario, text.replace(expected, "")).expect("there is room");
    let reports = folder.path().join("reports").display().to_string();
    let said = firedrill(&["run", &scenario, "--reports", &reports]);
    assert_eq!(said.code, 4, "{}", said.err);
}
