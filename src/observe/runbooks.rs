//! Runbooks: SSM Automation executions, their steps, parameters and outputs.
//!
//! Main function: [`poll`]. An execution that waits for a human is told apart: it fired and is blocked,
//! which is neither done nor missing. Source:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ssm::types::{
    AutomationExecution, AutomationExecutionMetadata, AutomationExecutionStatus, StepExecution,
};
use futures_util::future::join_all;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::rules::{Acts, Effect, Effects};
use super::{Seen, Watch};
use crate::aws::{CallError, automations, timestamp};
use crate::plan::Kind;
use crate::wakeup::Topic;

/// `GetAutomationExecution` shows a change at once.
const LAG: SignedDuration = SignedDuration::ZERO;

/// Statuses in which an execution stands still until somebody decides.
const ON_A_HUMAN: &[&str] = &["Waiting", "PendingApproval", "PendingChangeCalendarOverride"];

/// Statuses that an execution never leaves.
const FINAL: &[&str] = &[
    "Success",
    "Failed",
    "TimedOut",
    "Cancelled",
    "Rejected",
    "CompletedWithSuccess",
    "CompletedWithFailure",
    "Exited",
    "ChangeCalendarOverrideRejected",
];

struct Subject<'a> {
    expectation: String,
    document: &'a str,
    status: &'a str,
    steps: &'a [String],
    parameters: &'a IndexMap<String, String>,
    outputs: &'a IndexMap<String, String>,
}

/// Watches every runbook of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, effects: &Effects) {
    let subjects = watch.pick(|expectation| {
        let Kind::Runbook { document, status, steps, parameters, outputs } = &expectation.kind
        else {
            return None;
        };
        Some(Subject {
            expectation: expectation.id.clone(),
            document,
            status,
            steps,
            parameters,
            outputs,
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let documents: BTreeSet<&str> = subjects.iter().map(|subject| subject.document).collect();
    let mut progress = Progress::default();
    watch
        .keep_looking("runbook executions", Topic::Automations, LAG, &expectations, async || {
            // All at once, so that one list serves them.
            let lists = documents.iter();
            let lists = lists.map(|document| automations::list(watch.aws, document, watch.since));
            for (document, found) in documents.iter().zip(join_all(lists).await) {
                let found = found?;
                note(effects, document, &found);
                look(watch, &subjects, document, found, &mut progress).await?;
            }
            Ok(())
        })
        .await;
}

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    /// Status and step of each execution when it was last read whole.
    read: BTreeMap<String, (String, String)>,
    told: BTreeSet<(String, String, String)>,
}

/// Notes what a rule may have started; what another runbook started is that one's doing.
fn note(effects: &Effects, document: &str, found: &[AutomationExecutionMetadata]) {
    for one in found.iter().filter(|one| one.parent_automation_execution_id().is_none()) {
        let id = one.automation_execution_id();
        let began = one.execution_start_time().and_then(timestamp);
        let Some((id, at)) = id.zip(began) else { continue };
        effects.add(Effect {
            of: Acts::runbook(document),
            at,
            execution: id.to_owned(),
            by: one.executed_by().map(str::to_owned),
            payload: id.to_owned(),
        });
    }
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    document: &str,
    found: Vec<AutomationExecutionMetadata>,
    progress: &mut Progress,
) -> Result<(), CallError> {
    for execution in found {
        let Some(id) = execution.automation_execution_id() else { continue };
        let status = execution.automation_execution_status();
        let status = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        let step = execution.current_step_name().unwrap_or_default().to_owned();
        let now = (status, step);
        // Steps matter only once the execution stands where an expectation may want it.
        let resting = FINAL.contains(&now.0.as_str()) || ON_A_HUMAN.contains(&now.0.as_str());
        let wanted = subjects.iter().any(|subject| subject.status == now.0);
        if progress.read.get(id) == Some(&now) || !(resting || wanted) {
            continue;
        }
        let whole = automations::get(watch.aws, id).await?;
        progress.read.insert(id.to_owned(), now);
        for subject in subjects.iter().filter(|subject| subject.document == document) {
            tell(watch, subject, id, &whole, &mut progress.told);
        }
    }
    Ok(())
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    id: &str,
    execution: &AutomationExecution,
    told: &mut BTreeSet<(String, String, String)>,
) {
    let status = execution.automation_execution_status();
    let status = status.map(AutomationExecutionStatus::as_str).unwrap_or_default();
    let at = moment(watch, execution, status);
    let differences = differences(subject, execution);
    let on_human = ON_A_HUMAN.contains(&status);
    let holds = status == subject.status && differences.is_empty();
    let key = (subject.expectation.clone(), id.to_owned(), format!("{status} {holds}"));
    if !told.insert(key) {
        return;
    }
    let mut summary = format!("runbook {} is {status}", subject.document);
    if let Some(step) = stopped_at(execution, status) {
        summary.push_str(&step);
    }
    if status == subject.status && !differences.is_empty() {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let mut seen = Seen::new(&subject.expectation, at, summary)
        .with("execution", id)
        .with("document", subject.document)
        .with("status", status)
        .with("executed by", execution.executed_by().unwrap_or_default())
        .with("steps", steps_line(execution));
    seen.holds = holds;
    if on_human && !holds && status != subject.status {
        let step = execution.current_step_name().unwrap_or("its current step");
        seen.blocked = Some(format!("execution {id} is {status} at step {step}"));
    }
    watch.saw(seen, &payload(id, execution));
}

/// When the execution came to stand in this status.
fn moment(watch: &Watch<'_>, execution: &AutomationExecution, status: &str) -> Timestamp {
    let ended = execution.execution_end_time().and_then(timestamp);
    if FINAL.contains(&status)
        && let Some(ended) = ended
    {
        return ended;
    }
    let waiting = execution
        .step_executions()
        .iter()
        .filter(|step| step.execution_end_time().is_none())
        .filter_map(|step| step.execution_start_time().and_then(timestamp))
        .max();
    waiting
        .or_else(|| execution.execution_start_time().and_then(timestamp))
        .unwrap_or_else(|| watch.clock().now())
}

/// What the expectation wants and the execution does not have.
fn differences(subject: &Subject<'_>, execution: &AutomationExecution) -> Vec<String> {
    let mut differences = Vec::new();
    for name in subject.steps {
        let step = execution.step_executions().iter().find(|step| step.step_name() == Some(name));
        match step.map(step_status) {
            Some("Success") => {}
            Some(status) => differences.push(format!("step {name} is {status}")),
            None => differences.push(format!("step {name} did not run")),
        }
    }
    compare("parameter", subject.parameters, execution.parameters(), &mut differences);
    compare("output", subject.outputs, execution.outputs(), &mut differences);
    differences
}

fn compare(
    what: &str,
    wanted: &IndexMap<String, String>,
    found: Option<&HashMap<String, Vec<String>>>,
    differences: &mut Vec<String>,
) {
    for (name, value) in wanted {
        match found.and_then(|found| found.get(name)) {
            Some(values) if values.iter().any(|item| item == value) => {}
            Some(values) => {
                differences.push(format!("{what} {name} is {} and not {value}", values.join(", ")));
            }
            None => differences.push(format!("there is no {what} {name}")),
        }
    }
}

fn step_status(step: &StepExecution) -> &str {
    step.step_status().map(AutomationExecutionStatus::as_str).unwrap_or_default()
}

/// Where an execution that did not succeed came to a halt, with AWS's words.
fn stopped_at(execution: &AutomationExecution, status: &str) -> Option<String> {
    if status == "Success" {
        return None;
    }
    let step = execution.step_executions().iter().find(|step| {
        matches!(step_status(step), "Failed" | "TimedOut" | "Cancelled" | "Waiting")
    })?;
    let name = step.step_name().unwrap_or_default();
    Some(match step.failure_message() {
        Some(message) => format!(" at step {name}: {message}"),
        None => format!(" at step {name}"),
    })
}

fn steps_line(execution: &AutomationExecution) -> String {
    let steps = execution
        .step_executions()
        .iter()
        .map(|step| format!("{}={}", step.step_name().unwrap_or_default(), step_status(step)));
    steps.collect::<Vec<_>>().join(" ")
}

/// Everything of an execution that could carry an id of ours.
fn payload(id: &str, execution: &AutomationExecution) -> String {
    let mut words = vec![id.to_owned()];
    if let Some(parameters) = execution.parameters() {
        words.extend(parameters.values().flatten().cloned());
    }
    words.extend(execution.parent_automation_execution_id().map(str::to_owned));
    words.sort();
    words.join(" ")
}
