//! The command line as its users meet it: help, exit codes, selection, streams.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use firedrill::cli::Cli;
use serde_json::Value;

use crate::support::{Said, command, firedrill, said, scratch};

const EXITS: &str = "tests/data/exits";

/// Runs what `arguments` select, with its reports in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Said {
    let reports = folder.display().to_string();
    let all = [&["run"], arguments, &["--reports", &reports, "--run-id", "r"]].concat();
    firedrill(&all)
}

fn report(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("r/report.json")).expect("a report");
    serde_json::from_str(&text).expect("it is JSON")
}

fn drills(folder: &Path) -> Vec<String> {
    let report = report(folder);
    let names = report["run"]["drills"].as_array().expect("the drills are named");
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn help(arguments: &[&str]) -> String {
    let mut command = command(arguments);
    let said = said(&command.env_remove("COLUMNS").output().expect("the binary starts"));
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
    said.out
}

#[test]
fn the_help_of_the_program_and_of_each_verb_reads_like_a_manual() {
    insta::assert_snapshot!("help", help(&["--help"]));
    for verb in Cli::command().get_subcommands() {
        let name = verb.get_name();
        insta::assert_snapshot!(format!("help-{name}"), help(&[name, "--help"]));
    }
}

#[test]
fn the_version_is_one_line() {
    let said = firedrill(&["--version"]);
    assert_eq!(said.code, 0);
    assert_eq!(said.out, format!("firedrill {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_told_with_the_way_out() {
    let table: [(&str, &[&str]); 8] = [
        ("wrong-verb", &["rnu"]),
        ("wrong-flag", &["run", "--fliter", "vpn"]),
        ("wrong-format", &["run", "--format", "xml"]),
        ("no-repeat", &["run", "--repeat", "0"]),
        ("wrong-var", &["run", "--var", "order"]),
        ("run-id-with-a-slash", &["run", "--run-id", "../elsewhere"]),
        ("check-without-files", &["check"]),
        ("wrong-shell", &["completions", "cmd"]),
    ];
    for (name, arguments) in table {
        let said = firedrill(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.err);
        insta::assert_snapshot!(name, said.err);
    }
}

#[test]
fn each_outcome_has_its_exit_code() {
    let table = [("passed", 0), ("failed", 1), ("unsteady", 3), ("inconclusive", 6)];
    for (name, code) in table {
        let folder = scratch();
        let said = run(folder.path(), &[&format!("{EXITS}/{name}.yaml")]);
        assert_eq!(said.code, code, "{name}: {}", said.err);
        assert_eq!(said.out, "", "people read standard error");
        assert_eq!(report(folder.path())["totals"]["outcome"], name);
    }
    let folder = scratch();
    let said = run(folder.path(), &["tests/data/no-such-file.yaml"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(!folder.path().join("r").exists());
}

#[test]
fn the_worst_drill_decides_the_exit_code() {
    let folder = scratch();
    let said = run(folder.path(), &[EXITS]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert_eq!(drills(folder.path()), ["failed", "inconclusive", "passed", "unsteady"]);
    insta::assert_snapshot!(
        "verdict-lines",
        said.err.replace(&folder.path().display().to_string(), "DIR")
    );
}

#[test]
fn selecting_nothing_proves_nothing_and_is_refused() {
    for arguments in [["--filter", "no-such-name"], ["--tag", "no-such-tag"]] {
        let folder = scratch();
        let said = run(folder.path(), &[&[EXITS][..], &arguments[..]].concat());
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("no scenario is selected"), "{}", said.err);
        assert!(!folder.path().join("r").exists(), "nothing was touched");
    }
}

#[test]
fn filters_and_tags_select_by_name_and_by_label() {
    let table: [(&[&str], &[&str]); 4] = [
        (&["--filter", "asse"], &["passed"]),
        (&["--filter", "passed", "--filter", "failed"], &["failed", "passed"]),
        (&["--tag", "good", "--tag", "unclear"], &["inconclusive", "passed"]),
        (&["--tag", "bad", "--filter", "fail"], &["failed"]),
    ];
    for (arguments, expected) in table {
        let folder = scratch();
        run(folder.path(), &[&[EXITS][..], arguments].concat());
        assert_eq!(drills(folder.path()), expected, "{arguments:?}");
    }
}

#[test]
fn fail_fast_starts_no_further_drill() {
    let folder = scratch();
    let said = run(folder.path(), &[EXITS, "--fail-fast", "--jobs", "1"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert_eq!(drills(folder.path()), ["failed"]);
    assert!(said.err.contains("3 of 4 drills were not started"), "{}", said.err);
    let folder = scratch();
    let said = run(folder.path(), &[EXITS, "--fail-fast", "--jobs", "1", "--tag", "good"]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn repeating_runs_each_scenario_so_many_times_under_names_and_ids_of_their_own() {
    let folder = scratch();
    let said = run(folder.path(), &[&format!("{EXITS}/passed.yaml"), "--repeat", "3"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(drills(folder.path()), ["passed-1", "passed-2", "passed-3"]);
    let ids: BTreeSet<String> = drills(folder.path())
        .iter()
        .map(|name| {
            let plan = fs::read_to_string(folder.path().join("r").join(name).join("plan.json"));
            let plan: Value = serde_json::from_str(&plan.expect("a plan")).expect("it is JSON");
            plan["run_id"].as_str().expect("a text").to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn two_runs_without_a_name_do_not_collide() {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    for _ in 0..3 {
        let said = firedrill(&["run", &format!("{EXITS}/passed.yaml"), "--reports", &reports]);
        assert_eq!(said.code, 0, "{}", said.err);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 3);
}

#[test]
fn the_json_format_is_the_timelines_line_by_line_and_nothing_else() {
    let folder = scratch();
    let said = run(folder.path(), &[EXITS, "--format", "json", "--jobs", "2"]);
    assert_eq!(said.code, 3, "{}", said.err);
    let mut streamed = BTreeMap::<String, Vec<Value>>::new();
    for line in said.out.lines() {
        let mut entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let drill = entry.as_object_mut().and_then(|entry| entry.remove("drill"));
        let drill = drill.expect("each line names its drill");
        streamed.entry(drill.as_str().expect("a name").to_owned()).or_default().push(entry);
    }
    assert_eq!(streamed.len(), 4);
    for (drill, entries) in streamed {
        let file = folder.path().join("r").join(&drill).join("timeline.jsonl");
        let text = fs::read_to_string(file).expect("a timeline");
        let written: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(entries, written, "{drill}");
    }
}

#[test]
fn output_that_is_no_terminal_has_no_escape_sequences_unless_they_are_asked_for() {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let broken = folder.path().join("broken.yaml").display().to_string();
    fs::write(&broken, "version: 1\nname: 7\nfaults: []\n").expect("there is room");
    let calls: [&[&str]; 4] = [
        &["run", EXITS, "--reports", &reports],
        &["check", &broken],
        &["plan", "scenarios/vpn-tunnel-down.yaml"],
        &["--help"],
    ];
    for arguments in calls {
        let plain = command(arguments).env_remove("NO_COLOR").output().expect("it starts");
        let forced = command(arguments).env("CLICOLOR_FORCE", "1").output().expect("it starts");
        for output in [plain, forced] {
            let Said { out, err, .. } = said(&output);
            assert!(
                !out.contains('\u{1b}') && !err.contains('\u{1b}'),
                "{arguments:?}: {out}{err}"
            );
        }
    }
    let coloured = command(&["check", &broken])
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .expect("it starts");
    assert!(said(&coloured).out.contains('\u{1b}'), "colour can be asked for");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let passed = format!("{EXITS}/passed.yaml");
    let calls: [&[&str]; 6] = [
        &["run", &passed, "--format", "json", "--reports", &reports, "--run-id", "r"],
        &["check", "--format", "json", "scenarios"],
        &["plan", &passed],
        &["plan", "--iam", &passed],
        &["schema"],
        &["emulator", "--coverage"],
    ];
    for arguments in calls {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let output = command(arguments).stdout(writer).output().expect("it starts");
        let said = said(&output);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{arguments:?}: {}", said.err);
    }
    assert_eq!(report(folder.path())["totals"]["outcome"], "passed", "the drill went on");
    let timeline = fs::read_to_string(folder.path().join("r/passed/timeline.jsonl"));
    assert!(timeline.expect("a timeline").contains("drill_ended"));
}

#[test]
fn a_check_in_json_is_one_diagnostic_a_line_with_its_place() {
    let folder = scratch();
    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, "version: 1\nname: a\nfautls: []\nexpect:\n  - {within: 1m}\n")
        .expect("room");
    let said = firedrill(&["check", "--format", "json", &broken.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (2, ""));
    let found: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    assert!(found.len() >= 2, "it never stops at the first: {}", said.out);
    for one in &found {
        assert_eq!(one["file"], broken.display().to_string(), "{one}");
        assert!(one["code"].is_string() && one["severity"].is_string(), "{one}");
        assert!(one["message"].is_string(), "{one}");
    }
    let unknown = found.iter().find(|one| one["code"] == "unknown-key").expect("it is told");
    assert_eq!(unknown["span"]["line"], 3, "{unknown}");
}

#[test]
fn a_plan_says_what_a_run_would_do_and_touches_nothing() {
    let said = firedrill(&["plan", &format!("{EXITS}/passed.yaml")]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!("plan", said.out);
}

/// One or several texts, as policies write them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_least_policy_is_a_valid_policy_that_covers_each_planned_call() {
    for file in crate::support::scenarios("scenarios") {
        let file = file.display().to_string();
        let said = firedrill(&["plan", "--iam", &file]);
        assert_eq!(said.code, 0, "{}", said.err);
        let policy: Value = serde_json::from_str(&said.out).expect("the policy is JSON");
        // A scenario that spans several targets has a policy for each.
        let policies: Vec<&Value> = match policy.get("home") {
            Some(_) => policy.as_object().expect("policies by target").values().collect(),
            None => vec![&policy],
        };
        assert!(policies.iter().all(|policy| policy["Version"] == "2012-10-17"), "{policy}");
        let statements =
            policies.iter().flat_map(|policy| policy["Statement"].as_array().expect("statements"));
        let mut allowed = BTreeSet::new();
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow", "{statement}");
            let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
            assert!(!actions.is_empty() && !resources.is_empty(), "{statement}");
            assert!(
                resources.iter().all(|arn| *arn == "*" || arn.starts_with("arn:")),
                "{statement}"
            );
            for action in actions {
                let (service, name) = action.split_once(':').expect("service:Action");
                let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric());
                let prefix = service.replace('-', "");
                assert!(plain(&prefix) && plain(name) && !name.is_empty(), "{action}");
                allowed.insert(action.to_owned());
            }
        }
        // What a rehearsal really announces must be allowed.
        let folder = scratch();
        let said = run(folder.path(), &[&file, "--format", "json"]);
        for line in said.out.lines() {
            let entry: Value = serde_json::from_str(line).expect("JSON");
            if entry["entry"] == "intent" {
                let call = entry["call"].as_str().expect("a call");
                assert!(allowed.contains(call), "{file}: {call} is not in {allowed:?}");
            }
        }
    }
}

#[test]
fn a_value_that_no_scenario_uses_is_misspelt_and_refused() {
    let folder = scratch();
    let scenario = "scenarios/order-saga-compensates.yaml";
    let verbs: [&[&str]; 3] = [&["check", scenario], &["plan", scenario], &["doctor", scenario]];
    let mut all: Vec<Said> =
        verbs.iter().map(|verb| firedrill(&[verb, &["--var", "ordr=5"][..]].concat())).collect();
    all.push(run(folder.path(), &[scenario, "--var", "ordr=5"]));
    for said in all {
        assert_eq!(said.code, 2, "{}{}", said.out, said.err);
        let words = format!("{}{}", said.out, said.err);
        assert!(
            words.contains("`--var ordr=…` gives a value that no scenario here uses"),
            "{words}"
        );
        assert!(words.contains("did you mean `order`?"), "{words}");
    }
    assert!(!folder.path().join("r").exists(), "nothing was run");
}

#[test]
#[cfg(target_os = "linux")]
fn a_standard_output_that_is_full_stops_no_drill() {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let mut command = command(&[
        "run",
        "scenarios/vpn-tunnel-down.yaml",
        "--format",
        "json",
        "--reports",
        &reports,
        "--run-id",
        "r",
    ]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let said = said(&command.stdout(full).output().expect("the binary starts"));
    assert_eq!(said.code, 0, "{}", said.err);
    let words = "vpn-tunnel-down: standard output can't be written: No space left on device";
    assert_eq!(said.err.matches(words).count(), 1, "{}", said.err);
    assert_eq!(drills(folder.path()), ["vpn-tunnel-down"]);
}
