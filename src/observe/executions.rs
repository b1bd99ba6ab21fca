//! Step Functions executions: their status, their input and their output.
//!
//! Main function: [`poll`]. An execution that ends otherwise than expected is told too, with its error.
//! One that was over at the first look was `RUNNING` from its start on all the same. An execution that a rule
//! started carries the event's id in its name. Source:
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use jiff::SignedDuration;

use super::rules::{Acts, Effect, Effects};
use super::{Seen, Watch};
use crate::aws::asked_for::the_one;
use crate::aws::{CallError, secrets, timestamp};
use crate::plan::{Kind, Predicate};
use crate::wakeup::Topic;

/// `ListExecutions` is eventually consistent and gives no figure:
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>; ours.
const LAG: SignedDuration = SignedDuration::from_secs(5);

/// How much of an input or output stands in the evidence, in characters.
const MOST_TEXT: usize = 300;

struct Subject<'a> {
    expectation: String,
    machine: String,
    name: &'a str,
    status: &'a str,
    input: Option<&'a Predicate>,
    output: Option<&'a Predicate>,
}

/// Watches every state machine of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, effects: &Effects) {
    let subjects = watch.pick(|expectation| {
        let Kind::Execution { state_machine, status, input, output } = &expectation.kind else {
            return None;
        };
        Some(Subject {
            expectation: expectation.id.clone(),
            machine: watch.place.state_machine_arn(state_machine),
            name: crate::scenario::inventory::short_name(state_machine),
            status,
            input: input.as_ref(),
            output: output.as_ref(),
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let machines: BTreeSet<&str> = subjects.iter().map(|one| one.machine.as_str()).collect();
    let mut progress = Progress::default();
    watch
        .keep_looking(
            "state machine executions",
            Topic::Executions,
            LAG,
            &expectations,
            async || {
                for machine in &machines {
                    look(watch, &subjects, machine, effects, &mut progress).await?;
                }
                Ok(())
            },
        )
        .await;
}

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    /// The status of each execution when it was last read whole.
    read: BTreeMap<String, String>,
    told: BTreeSet<(String, String, String)>,
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    machine: &str,
    effects: &Effects,
    progress: &mut Progress,
) -> Result<(), CallError> {
    for item in list(watch, machine).await? {
        note(effects, machine, &item);
        let (arn, status) = (item.execution_arn, item.status.as_str().to_owned());
        if progress.read.get(&arn) == Some(&status) {
            continue;
        }
        let sent = watch.aws.sfn.describe_execution().execution_arn(&arn).send().await;
        let whole = sent.map_err(|error| CallError::of("states:DescribeExecution", &error))?;
        let whole = the_one("states:DescribeExecution", &arn, Some(whole), |one| {
            Some(one.execution_arn())
        })?;
        // It may have gone on since it was listed.
        progress.read.insert(arn, whole.status.as_str().to_owned());
        for subject in subjects.iter().filter(|subject| subject.machine == machine) {
            tell(watch, subject, &whole, &mut progress.told);
        }
    }
    Ok(())
}

/// Notes what a rule may have started: it would carry the event's id in its name.
fn note(effects: &Effects, machine: &str, item: &ExecutionListItem) {
    let Some(at) = timestamp(&item.start_date) else { return };
    effects.add(Effect {
        of: Acts::StateMachine(machine.to_owned()),
        at,
        execution: item.execution_arn.clone(),
        by: None,
        payload: item.name.clone(),
    });
}

/// The executions that began since the drill began to look, oldest first.
async fn list(watch: &Watch<'_>, machine: &str) -> Result<Vec<ExecutionListItem>, CallError> {
    let request = watch.aws.sfn.list_executions().state_machine_arn(machine);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|error| CallError::of("states:ListExecutions", &error))?;
        let start = timestamp(&item.start_date);
        // The newest come first: behind the first that is older there are only older ones.
        if start.is_some_and(|start| start < watch.since) {
            break;
        }
        found.push(item);
    }
    found.reverse();
    Ok(found)
}

/// Tells what the execution has become. Every execution is `RUNNING` from its start on, whether a look showed
/// it in time or not.
fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    execution: &DescribeExecutionOutput,
    told: &mut BTreeSet<(String, String, String)>,
) {
    if subject.status == ExecutionStatus::Running.as_str() {
        tell_status(watch, subject, execution, &ExecutionStatus::Running, told);
    }
    if execution.status != ExecutionStatus::Running {
        tell_status(watch, subject, execution, &execution.status, told);
    }
}

fn tell_status(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    execution: &DescribeExecutionOutput,
    status: &ExecutionStatus,
    told: &mut BTreeSet<(String, String, String)>,
) {
    let (running, status) = (*status == ExecutionStatus::Running, status.as_str());
    // What runs has no output and no error yet, though what has become of it since may have.
    let now = if running { None } else { Some(execution) };
    let output = now.and_then(|now| now.output());
    let differences = differences(subject, execution.input(), output);
    let holds = status == subject.status && differences.is_empty();
    let arn = execution.execution_arn.as_str();
    if !told.insert((subject.expectation.clone(), arn.to_owned(), status.to_owned())) {
        return;
    }
    let mut summary = format!("execution of {} is {status}", subject.name);
    let words = now.map(|now| now.error().into_iter().chain(now.cause()).collect::<Vec<_>>());
    let words = words.unwrap_or_default().join(": ");
    if !words.is_empty() {
        summary.push_str(": ");
        summary.push_str(&secrets::excerpt(&words, MOST_TEXT));
    }
    if status == subject.status && !holds {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let began = timestamp(&execution.start_date);
    let at = if running { began } else { execution.stop_date().and_then(timestamp) };
    let at = at.unwrap_or_else(|| watch.clock().now());
    let name = execution.name().unwrap_or_default();
    let input = execution.input().unwrap_or_default();
    let cut = |text: &str| secrets::excerpt(text, MOST_TEXT);
    let mut seen = Seen::new(&subject.expectation, at, summary)
        .with("execution", arn)
        .with("state machine", subject.name)
        .with("status", status)
        .with("began", began.map(|at| at.to_string()).unwrap_or_default())
        .with("input", cut(input))
        .with("output", cut(output.unwrap_or_default()));
    seen.holds = holds;
    watch.saw(seen, &format!("{arn} {name} {input}"));
}

/// What the expectation wants and the execution does not have.
fn differences(subject: &Subject<'_>, input: Option<&str>, output: Option<&str>) -> Vec<String> {
    let parts = [("input", subject.input, input), ("output", subject.output, output)];
    let mut differences = Vec::new();
    for (part, predicate, text) in parts {
        let Some(predicate) = predicate else { continue };
        let document = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        match predicate.fitting(&document) {
            Ok(found) if found.is_empty() => {
                differences.push(format!("its {part} does not have {}", predicate.words()));
            }
            Ok(_) => {}
            Err(why) => differences.push(why),
        }
    }
    differences
}
