//! `firedrill revert`, as whoever cleans up meets it: what it takes back, and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};

use firedrill::timeline::{Entry, EntryKind, Purpose, Target, TargetKind, Undo};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use crate::served::{Served, reaching, sdk, serve};
use crate::support::{Said, firedrill, said, scratch};

const RUN_ID: &str = "fd-0123456789";

/// A drill's folder whose timeline a killed process left behind.
fn left_behind(reports: &Path, drill: &str, target: &Target, changes: Vec<EntryKind>) -> PathBuf {
    let folder = reports.join("r").join(drill);
    fs::create_dir_all(&folder).expect("there is room");
    let started = EntryKind::DrillStarted {
        scenario: drill.to_owned(),
        run_id: RUN_ID.to_owned(),
        target: target.clone(),
        targets: IndexMap::new(),
        dry_run: false,
    };
    let lines: String = std::iter::once(started)
        .chain(changes)
        .map(|kind| Entry { at: Timestamp::UNIX_EPOCH, kind }.to_line())
        .collect();
    fs::write(folder.join("timeline.jsonl"), lines).expect("there is room");
    folder
}

fn here(kind: TargetKind) -> Target {
    Target { account: "111122223333".to_owned(), region: "eu-west-1".to_owned(), kind }
}

fn queue(target: Option<&str>) -> EntryKind {
    EntryKind::Intent {
        intent: 1,
        target: target.map(str::to_owned),
        fault: None,
        purpose: Purpose::Listen,
        call: "sqs:CreateQueue".to_owned(),
        undo: Some(Undo::DeleteQueue { name: format!("firedrill-{RUN_ID}") }),
    }
}

fn revert(served: &Served, arguments: &[&str]) -> Said {
    let all = [&["revert"], arguments].concat();
    said(&reaching(&all, &served.url).output().expect("the binary starts"))
}

fn queues(served: &Served) -> usize {
    served.account()["belongings"]["queues"].as_array().map_or(0, Vec::len)
}

/// Makes a queue in a served account, as a drill does.
fn make_queue(served: &Served, name: &str) {
    sdk(served, async |aws| {
        aws.sqs.create_queue().queue_name(name).send().await.expect("it is made");
    });
}

#[test]
fn what_a_killed_drill_left_is_taken_back_once_and_its_cut_off_line_does_not_matter() {
    let served = serve(&[]);
    make_queue(&served, &format!("firedrill-{RUN_ID}"));
    make_queue(&served, "firedrill-fd-9999999999");
    let folder = scratch();
    let drill = left_behind(folder.path(), "vpn", &here(TargetKind::Endpoint), vec![queue(None)]);
    let file = drill.join("timeline.jsonl");
    let whole = fs::read_to_string(&file).expect("it was written");
    fs::write(&file, format!("{whole}{{\"at\":\"1970-01-01T0")).expect("there is room");
    let said = revert(&served, &[&drill.display().to_string()]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("reverted, nothing is left"), "{}", said.err);
    assert_eq!(queues(&served), 1, "another drill's queue is none of its business");
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.starts_with(&whole), "what was whole is not changed: {text}");
    let entries: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    let expected =
        ["drill_started", "intent", "stopping", "intent", "receipt", "reverted", "drill_ended"];
    assert_eq!(kinds, expected);
    assert_eq!(entries[2]["reason"], "gone");
    assert_eq!(entries[3]["intent"], 2, "intents are numbered on");
    let again = revert(&served, &[&folder.path().join("r").display().to_string()]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("nothing is left"), "{}", again.err);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
}

#[test]
fn a_place_where_the_drill_did_not_run_is_refused_and_nothing_is_touched() {
    let served = serve(&[]);
    make_queue(&served, &format!("firedrill-{RUN_ID}"));
    let folder = scratch();
    let elsewhere = |account: &str, region: &str, kind| Target {
        account: account.to_owned(),
        region: region.to_owned(),
        kind,
    };
    let table = [
        (
            elsewhere("444455556666", "eu-west-1", TargetKind::Endpoint),
            "ran on account 444455556666",
        ),
        (elsewhere("111122223333", "us-east-1", TargetKind::Endpoint), "ran in us-east-1"),
        (elsewhere("111122223333", "eu-west-1", TargetKind::Aws), "leave out --endpoint-url"),
    ];
    for (index, (target, words)) in table.iter().enumerate() {
        let drill = left_behind(folder.path(), &format!("d{index}"), target, vec![queue(None)]);
        let before = fs::read(drill.join("timeline.jsonl")).expect("it was written");
        let said = revert(&served, &[&drill.display().to_string()]);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(
            said.err.contains(words) && said.err.contains("nothing was touched"),
            "{}",
            said.err
        );
        assert_eq!(fs::read(drill.join("timeline.jsonl")).expect("it is there"), before);
    }
    let drill = left_behind(folder.path(), "d", &here(TargetKind::Endpoint), vec![queue(None)]);
    let said = firedrill(&["revert", &drill.display().to_string()]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("give its --endpoint-url"), "{}", said.err);
    assert_eq!(queues(&served), 1);
    // Of all runs, what can't be reverted with these credentials is told and left.
    let reports = folder.path().display().to_string();
    let said = revert(&served, &["--all", "--reports", &reports]);
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(said.err.contains("ran on account 444455556666"), "{}", said.err);
    assert_eq!(queues(&served), 0, "the one that can be is: {}", said.err);
}

#[test]
fn what_can_not_be_taken_back_is_named_with_exit_code_5() {
    let served = serve(&[]);
    let folder = scratch();
    let target = here(TargetKind::Endpoint);
    let drill = left_behind(folder.path(), "d", &target, vec![queue(Some("security"))]);
    let drill = drill.display().to_string();
    for _ in 0..2 {
        let said = revert(&served, &[&drill]);
        assert_eq!(said.code, 5, "{}", said.err);
        let named = format!("queue `firedrill-{RUN_ID}` exists");
        assert!(said.err.contains(&named) && said.err.contains("security"), "{}", said.err);
    }
}

#[test]
fn a_drill_that_still_runs_is_left_alone() {
    let served = serve(&[]);
    make_queue(&served, &format!("firedrill-{RUN_ID}"));
    let folder = scratch();
    let target = here(TargetKind::Endpoint);
    let drill = left_behind(folder.path(), "d", &target, vec![queue(None)]);
    let held = fs::File::open(drill.join("timeline.jsonl")).expect("it was written");
    held.lock().expect("this file system has locks");
    let said = revert(&served, &[&drill.display().to_string()]);
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(said.err.contains("still runs"), "{}", said.err);
    assert_eq!(queues(&served), 1);
}

#[test]
fn a_rehearsal_a_folder_without_a_drill_and_a_corrupt_record_are_told_apart() {
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let arguments = ["--reports", &reports, "--run-id", "r"];
    let passed = "tests/data/exits/passed.yaml";
    assert_eq!(firedrill(&[&["run", passed], &arguments[..]].concat()).code, 0);
    let run = folder.path().join("r").display().to_string();
    let said = firedrill(&["revert", &run]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("a rehearsal has nothing to revert"), "{}", said.err);
    let said = firedrill(&["revert", "tests"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("timeline.jsonl") && said.err.contains("--sweep"), "{}", said.err);
    let said = firedrill(&["revert", "no/such/folder"]);
    assert_eq!(said.code, 2, "{}", said.err);
    fs::write(folder.path().join("r/passed/timeline.jsonl"), "{}\n{}\n").expect("there is room");
    let said = firedrill(&["revert", &run]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("corrupt"), "{}", said.err);
    for arguments in [&["revert"][..], &["revert", "--sweep", "*"], &["revert", "--all", "x"]] {
        assert_eq!(firedrill(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_sweep_finds_by_name_and_tag_what_one_drill_left_and_nothing_else() {
    let served = serve(&["tests/data/every-fault/environment.yaml", "--speed", "20"]);
    let before = served.account()["belongings"].clone();
    sdk(&served, async |aws| {
        for id in [RUN_ID, "fd-9999999999"] {
            let name = format!("firedrill-{id}");
            aws.sqs.create_queue().queue_name(&name).send().await.expect("a queue");
            let rule = aws.events.put_rule().name(format!("{name}-1")).event_bus_name("shop");
            rule.event_pattern(r#"{"source":["a"]}"#).send().await.expect("a rule");
            let topic = "arn:aws:sns:eu-west-1:111122223333:pager";
            let queue = format!("arn:aws:sqs:eu-west-1:111122223333:{name}");
            let subscribe = aws.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue);
            subscribe.send().await.expect("a subscription");
            let templates = aws.fis.list_experiment_templates().send().await.expect("a list");
            let template = templates.experiment_templates()[0].id().expect("an id").to_owned();
            let start =
                aws.fis.start_experiment().experiment_template_id(template).client_token(id);
            let start = start.tags("firedrill:run", id).tags("firedrill:token", id);
            start.send().await.expect("an experiment");
        }
        let set = aws.cloudwatch.set_alarm_state().alarm_name("either");
        let set = set.state_value("ALARM".into()).state_reason(format!("firedrill {RUN_ID}"));
        set.send().await.expect("the alarm is there");
    });
    let folder = scratch();
    let reports = folder.path().display().to_string();
    let said = revert(&served, &["--sweep", RUN_ID, "--reports", &reports]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("nothing else is left"), "{}", said.err);
    let after = served.account();
    let belongings = after["belongings"].to_string();
    assert!(!belongings.contains(RUN_ID), "{belongings}");
    for kind in ["queues", "rules", "subscriptions", "running_experiments"] {
        let count = |shown: &Value| shown[kind].as_array().map_or(0, Vec::len);
        let other = count(&after["belongings"]);
        assert_eq!(other, count(&before) + 1, "{kind}: the other drill's is there: {belongings}");
    }
    let reason = after["alarm_states"]["either"]["reason"].as_str().expect("a reason");
    assert!(!reason.contains(RUN_ID) || reason.contains("set back"), "{reason}");
    let record = fs::read_dir(folder.path()).expect("it is there").next().expect("a record");
    let record = fs::read_to_string(record.expect("it can be listed").path()).expect("a record");
    assert!(record.contains("\"intent\"") && record.contains("\"receipt\""), "{record}");
    let again = revert(&served, &["--sweep", RUN_ID, "--reports", &reports]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("0 of what carried"), "{}", again.err);
}
