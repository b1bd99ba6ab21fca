//! Runbooks, commands, executions and functions as faults: what they are marked with, what counts as their
//! failure, and what is left of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpConnector as _, HttpConnectorFuture, SharedHttpClient,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use firedrill::commands::drill::rehearse_through;
use firedrill::emulator::Account;
use firedrill::judge::{Outcome, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};

use crate::between::between;
use crate::stage::{Over, assert_clean, belongings, drill, prepared, tail, unheard};
use crate::support::{root, scratch};

/// The environment of every-fault, with other words where a test needs them.
fn environment(changes: &[(&str, &str)]) -> String {
    let file = root().join("tests/data/every-fault/environment.yaml");
    let mut text = std::fs::read_to_string(file).expect("it is there");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

fn scenario(fault: &str) -> String {
    format!(
        "version: 1\nname: machines\nenvironment: environment.yaml\nfaults:\n  - id: broken\n    {fault}\n  \
         - {{id: errors, at: 30s, put_metric_data: {{namespace: Shop, metric: Errors, value: 50, duration: 3m}}}}\n\
         expect:\n  - {{id: alarm, alarm: {{name: errors}}, within: 4m}}\n"
    )
}

fn in_folder(folder: &Path, fault: &str, changes: &[(&str, &str)]) -> (Plan, Account) {
    std::fs::write(folder.join("environment.yaml"), environment(changes)).expect("written");
    std::fs::write(folder.join("scenario.yaml"), scenario(fault)).expect("written");
    prepared(&folder.join("scenario.yaml"))
}

/// Drills one fault beside a metric that fires an alarm.
fn run(fault: &str, changes: &[(&str, &str)]) -> (Plan, Account, Over) {
    let folder = scratch();
    let (plan, account) = in_folder(folder.path(), fault, changes);
    let over = drill(&plan, account.clone(), &StopSwitch::default(), unheard());
    (plan, account, over)
}

fn started(timeline: &[Entry]) -> Option<&indexmap::IndexMap<String, String>> {
    timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultStarted { fault, evidence, .. } if fault == "broken" => Some(evidence),
        _ => None,
    })
}

fn failure(timeline: &[Entry]) -> String {
    let found = timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultFailed { fault, reason, .. } if fault == "broken" => Some(reason.clone()),
        EntryKind::FaultEnded { fault, state, reason, .. } if fault == "broken" => {
            Some(format!("{state}: {}", reason.clone().unwrap_or_default()))
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("it did not fail: {}", tail(timeline)))
}

const FAULTS: [&str; 3] = [
    "ssm_automation: {document: Break, parameters: {Service: web}}",
    "ssm_command: {document: AWS-RunShellScript, targets: [{key: \"tag:Service\", values: [web]}], parameters: {commands: [stop]}}",
    "start_execution: {state_machine: slow}",
];

#[test]
fn what_a_fault_started_is_stopped_at_the_end_of_the_drill() {
    for fault in FAULTS {
        let (plan, account, over) = run(fault, &[]);
        let timeline = &over.finished.timeline;
        assert!(started(timeline).is_some(), "{fault}: {}", tail(timeline));
        assert_eq!(judge(&plan, timeline).outcome, Outcome::Passed, "{fault}: {}", tail(timeline));
        assert_clean(&account, &over, fault);
    }
}

#[test]
fn what_failed_by_itself_is_a_failed_fault_with_its_own_words() {
    let sleep = "{name: break, action: \"aws:sleep\", inputs: {Duration: PT1H}}";
    let broken = "{name: break, action: \"aws:executeAwsApi\", inputs: {Service: sqs, Api: GetQueueUrl, QueueName: none}}";
    let wait = "Wait: {Type: Wait, Seconds: 3600, End: true}";
    let fail = "Wait: {Type: Fail, Error: Refused, Cause: the order is gone}";
    let hour = "{document: AWS-RunShellScript, duration: 1h}";
    let failed =
        "{document: AWS-RunShellScript, duration: 1s, outcome: failed, output: no such unit}";
    let cases = [
        (FAULTS[0], (sleep, broken), "QueueDoesNotExist"),
        (FAULTS[1], (hour, failed), "no such unit"),
        (FAULTS[2], (wait, fail), "failed: Refused: the order is gone"),
        (
            "invoke: {function: breaker}",
            ("returns: {broken: true}", "fails: {error: Boom, message: out of paper}"),
            "out of paper",
        ),
    ];
    for (fault, change, words) in cases {
        let (plan, account, over) = run(fault, &[change]);
        let timeline = &over.finished.timeline;
        let told = failure(timeline);
        assert!(told.contains(words), "{fault}: {told}");
        let judgement = judge(&plan, timeline);
        assert_eq!(judgement.outcome, Outcome::Failed, "{fault}: {}", tail(timeline));
        assert!(!judgement.reasons.iter().any(|reason| reason.contains("experiment")));
        assert_clean(&account, &over, fault);
    }
}

#[test]
fn a_command_that_no_instance_takes_is_never_sent() {
    let (plan, _, over) =
        run(FAULTS[1], &[("- {document: AWS-RunShellScript, duration: 1h}", "[]")]);
    // The instance runs what nobody declared anything about: it succeeds, and the drill goes on.
    assert_eq!(judge(&plan, &over.finished.timeline).outcome, Outcome::Passed);
    let nobody = FAULTS[1].replace("[web]", "[nobody]");
    let (plan, account, over) = run(&nobody, &[]);
    let judged = judge(&plan, &over.finished.timeline);
    assert_eq!(judged.outcome, Outcome::Unsteady);
    let reasons = judged.reasons.join(" ");
    assert!(reasons.contains("the command goes to nobody"), "{reasons}");
    assert_clean(&account, &over, "no instance");
}

/// Loses the answers to one operation: the account has done it, and nobody is told.
fn lose(
    operation: &'static str,
    seen: Arc<AtomicUsize>,
    inner: SharedHttpClient,
) -> SharedHttpClient {
    between(inner, move |name, request, account| {
        let answer = account.call(request);
        if name != operation {
            return answer;
        }
        seen.fetch_add(1, Ordering::SeqCst);
        HttpConnectorFuture::new(async move {
            let _lost = answer.await;
            Err(ConnectorError::io("the line is cut".into()))
        })
    })
}

#[test]
fn what_was_started_and_never_answered_is_found_by_its_mark_and_stopped() {
    for (fault, operation, calls) in [
        (FAULTS[0], "StartAutomationExecution", 3),
        // A command and an invocation are never sent twice.
        (FAULTS[1], "SendCommand", 1),
        (FAULTS[2], "StartExecution", 3),
        ("invoke: {function: breaker}", "invocations", 1),
    ] {
        let folder = scratch();
        let (plan, account) = in_folder(folder.path(), fault, &[]);
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let stop = StopSwitch::default();
        let (finished, left) = rehearse_through(&plan, account.clone(), &stop, move |inner| {
            lose(operation, counted, inner)
        });
        let timeline = &finished.timeline;
        assert_eq!(seen.load(Ordering::SeqCst), calls, "{fault}: {}", tail(timeline));
        assert!(started(timeline).is_none(), "{fault}: {}", tail(timeline));
        assert_eq!(belongings(&left), belongings(&account), "{fault}: {}", tail(timeline));
        assert_eq!(judge(&plan, timeline).outcome, Outcome::Failed, "{fault}: {}", tail(timeline));
    }
}

#[test]
fn an_experiment_that_a_lost_answer_has_stopped_already_is_stopped_and_not_left_behind() {
    let (plan, account) = prepared(&root().join("tests/data/every-fault/scenario.yaml"));
    let twice = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&twice);
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |_, request, inner| {
            let stops = request.method() == "DELETE" && request.uri().contains("/experiments/");
            let Some(again) = request.try_clone().filter(|_| stops) else {
                return inner.call(request);
            };
            counted.fetch_add(1, Ordering::SeqCst);
            HttpConnectorFuture::new(async move {
                inner.call(again).await?;
                // By then the account has it stopped; time is virtual here.
                tokio::time::sleep(std::time::Duration::from_secs(20)).await;
                inner.call(request).await
            })
        })
    });
    assert!(twice.load(Ordering::SeqCst) > 0, "an experiment was stopped");
    let left = finished.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::Reverted { left } => Some(left.clone()),
        _ => None,
    });
    assert_eq!(left, Some(Vec::new()), "{}", tail(&finished.timeline));
}
