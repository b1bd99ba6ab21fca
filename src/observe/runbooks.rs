//! Runbooks: SSM Automation executions, their steps, parameters and outputs.
//!
//! Main function: [`poll`]. An execution that waits for a human is told apart: it fired and is blocked,
//! which is neither done nor missing. AWS shows one status, that of now: what surely was in progress is told by
//! the start that AWS gives, and what may have been passed is no absence. Source:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ssm::types::{
    AutomationExecution, AutomationExecutionMetadata, AutomationExecutionStatus, ExecutionMode,
    StepExecution,
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

/// What an execution is while its steps run.
const IN_PROGRESS: &str = "InProgress";

/// What an execution is while a step of [`WAITS`] runs, or where a person starts each step.
const WAITING: &str = "Waiting";

/// The actions whose steps make an execution wait:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html>,
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-pause.html>.
const WAITS: &[&str] = &["aws:approve", "aws:pause"];

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
            let asked_at = watch.clock().now();
            // All at once, so that one list serves them.
            let lists = documents.iter();
            let lists = lists.map(|document| automations::list(watch.aws, document, watch.since));
            for (document, found) in documents.iter().zip(join_all(lists).await) {
                let found = found?;
                note(effects, document, &found);
                look(watch, &subjects, document, (asked_at, found), &mut progress).await?;
            }
            Ok(())
        })
        .await;
}

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    read: BTreeMap<String, Read>,
    told: BTreeSet<(String, String, String)>,
}

/// An execution when it was last read whole.
struct Read {
    /// Its status and its step.
    now: (String, String),
    /// The last look at which it was still so.
    looked: Timestamp,
}

/// An execution as it is now.
struct Found<'a> {
    id: &'a str,
    whole: &'a AutomationExecution,
    /// The last look at which it stood somewhere else.
    last_look: Option<Timestamp>,
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

/// Whether an execution in this status stays there by itself.
fn is_resting(status: &str) -> bool {
    FINAL.contains(&status) || ON_A_HUMAN.contains(&status)
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    document: &str,
    (asked_at, found): (Timestamp, Vec<AutomationExecutionMetadata>),
    progress: &mut Progress,
) -> Result<(), CallError> {
    for execution in found {
        let Some(id) = execution.automation_execution_id() else { continue };
        let status = execution.automation_execution_status();
        let status = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        let step = execution.current_step_name().unwrap_or_default().to_owned();
        let now = (status, step);
        // Steps matter once the execution stands where an expectation may want it, and on the way to a
        // status that may be passed between two looks.
        let resting = is_resting(&now.0);
        let wanted = subjects.iter().any(|subject| {
            subject.document == document
                && (subject.status == now.0 || !FINAL.contains(&subject.status))
        });
        if let Some(read) = progress.read.get_mut(id).filter(|read| read.now == now) {
            read.looked = asked_at;
            continue;
        }
        if !(resting || wanted) {
            continue;
        }
        let whole = automations::get(watch.aws, id).await?;
        let before = progress.read.insert(id.to_owned(), Read { now, looked: asked_at });
        let last_look = before.map(|before| before.looked);
        let found = Found { id, whole: &whole, last_look };
        for subject in subjects.iter().filter(|subject| subject.document == document) {
            tell(watch, subject, &found, &mut progress.told);
        }
    }
    Ok(())
}

/// Tells what the execution has become, and what it was on the way there.
fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    found: &Found<'_>,
    told: &mut BTreeSet<(String, String, String)>,
) {
    let status = found.whole.automation_execution_status();
    let status = status.map(AutomationExecutionStatus::as_str).unwrap_or_default();
    if subject.status == IN_PROGRESS && status != IN_PROGRESS && has_run(found.whole, status) {
        tell_status(watch, subject, found, IN_PROGRESS, told);
    }
    let key = |words: String| (subject.expectation.clone(), found.id.to_owned(), words);
    let held = told.contains(&key(format!("{} true", subject.status)));
    if status != subject.status && !held {
        for (from, to, why) in passed(watch, subject, found) {
            if told.insert(key(format!("{} unseen from {from}", subject.status))) {
                watch.passed_over(&subject.expectation, from, to, why);
            }
        }
    }
    // What is on the way says nothing, unless it is what comes after the status that is looked for.
    if held || status == subject.status || is_resting(status) {
        tell_status(watch, subject, found, status, told);
    }
}

fn tell_status(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    found: &Found<'_>,
    status: &str,
    told: &mut BTreeSet<(String, String, String)>,
) {
    let (id, execution) = (found.id, found.whole);
    let (at, resolution_ms) = moment(watch, subject, found, status);
    let mut differences = compared(subject, execution);
    if status == subject.status
        && differences.is_empty()
        && let Some(step) = cut_off(subject, execution)
    {
        let why = format!(
            "AWS cut the steps of execution {id} off, and no look shows whether step {step} ran"
        );
        if told.insert((subject.expectation.clone(), id.to_owned(), why.clone())) {
            watch.passed_over(&subject.expectation, at, watch.clock().now(), why);
        }
        return;
    }
    differences.splice(..0, steps_lacking(subject, execution));
    let on_human = ON_A_HUMAN.contains(&status);
    let holds = status == subject.status && differences.is_empty();
    let key = (subject.expectation.clone(), id.to_owned(), format!("{status} {holds}"));
    if !told.insert(key) {
        return;
    }
    let mut summary = format!("runbook {} is {status}", subject.document);
    if status != IN_PROGRESS
        && let Some(step) = stopped_at(execution, status)
    {
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
    seen.resolution_ms = resolution_ms;
    if on_human && !holds && status != subject.status {
        let step = execution.current_step_name().unwrap_or("its current step");
        seen.blocked = Some(format!("execution {id} is {status} at step {step}"));
    }
    watch.saw(seen, &payload(id, execution));
}

/// Whether steps of the execution have run, so that it was surely in progress.
fn has_run(execution: &AutomationExecution, status: &str) -> bool {
    let began = |step: &StepExecution| step.execution_start_time().is_some();
    matches!(status, "Success" | "CompletedWithSuccess")
        || execution.step_executions().iter().any(began)
}

/// When the execution may have had the status that is looked for, without a look that shows it; and why.
fn passed(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    found: &Found<'_>,
) -> Vec<(Timestamp, Timestamp, String)> {
    let (id, execution, wanted) = (found.id, found.whole, subject.status);
    let has_time = wanted == IN_PROGRESS || FINAL.contains(&wanted);
    let mut differences = Vec::new();
    compare("parameter", subject.parameters, execution.parameters(), &mut differences);
    // A step that has not succeeded by now had not before, either.
    let lacking =
        cut_off(subject, execution).is_none() && !steps_lacking(subject, execution).is_empty();
    if has_time || lacking || !differences.is_empty() {
        return Vec::new();
    }
    let in_steps = execution.mode() != Some(&ExecutionMode::Interactive)
        && !execution.step_executions_truncated();
    if wanted != WAITING || !in_steps {
        let began = execution.execution_start_time().and_then(timestamp);
        let from = found.last_look.or(began).unwrap_or(watch.since);
        let why = format!("execution {id} went on, and no look shows whether it was {wanted}");
        return vec![(from, watch.clock().now(), why)];
    }
    let steps = execution.step_executions().iter();
    let pauses = steps.filter(|step| step.action().is_some_and(|action| WAITS.contains(&action)));
    let stretch = |step: &StepExecution| {
        let from = timestamp(step.execution_start_time()?)?;
        let to = timestamp(step.execution_end_time()?)?;
        let name = step.step_name().unwrap_or_default();
        let why = format!(
            "execution {id} has left step {name}, and no look shows whether it was {wanted} there"
        );
        Some((from, to, why))
    };
    pauses.filter_map(stretch).collect()
}

/// When the execution came to stand in this status, and how exactly that is known.
fn moment(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    found: &Found<'_>,
    status: &str,
) -> (Timestamp, u64) {
    let (execution, now) = (found.whole, watch.clock().now());
    let ended = execution.execution_end_time().and_then(timestamp);
    if FINAL.contains(&status)
        && let Some(ended) = ended
    {
        return (ended, 0);
    }
    let began = execution.execution_start_time().and_then(timestamp);
    let steps = || execution.step_executions().iter();
    let end = |step: &StepExecution| step.execution_end_time().and_then(timestamp);
    if status == IN_PROGRESS && subject.status == IN_PROGRESS {
        let is_wanted = |step: &&StepExecution| {
            step.step_name().is_some_and(|name| subject.steps.iter().any(|one| one == name))
        };
        let done = steps().filter(is_wanted).filter_map(end).max();
        return (began.max(done).unwrap_or(now), 0);
    }
    let start = |step: &StepExecution| step.execution_start_time().and_then(timestamp);
    let waiting = steps().filter(|step| end(step).is_none()).filter_map(start).max();
    if let Some(waiting) = waiting {
        return (waiting, 0);
    }
    // Nothing that AWS dates explains the status: it came since the last thing that is known.
    let known = steps().filter_map(end).max().max(began).max(found.last_look);
    let from = known.unwrap_or(now).min(now);
    (from, u64::try_from(now.duration_since(from).as_millis()).unwrap_or(u64::MAX))
}

/// The parameters and outputs that the expectation wants and the execution does not have.
fn compared(subject: &Subject<'_>, execution: &AutomationExecution) -> Vec<String> {
    let mut differences = Vec::new();
    compare("parameter", subject.parameters, execution.parameters(), &mut differences);
    compare("output", subject.outputs, execution.outputs(), &mut differences);
    differences
}

fn step_named<'e>(execution: &'e AutomationExecution, name: &str) -> Option<&'e StepExecution> {
    execution.step_executions().iter().find(|step| step.step_name() == Some(name))
}

/// The first step that decides and may be among those which AWS left out of the list.
fn cut_off<'s>(subject: &'s Subject<'_>, execution: &AutomationExecution) -> Option<&'s String> {
    let listed = |name: &&String| step_named(execution, name).is_some();
    let known = subject.steps.iter().filter(listed);
    let succeeded = |name: &String| step_named(execution, name).map(step_status) == Some("Success");
    if !execution.step_executions_truncated() || !known.into_iter().all(succeeded) {
        return None;
    }
    subject.steps.iter().find(|name| !listed(name))
}

/// The steps that are looked for and did not succeed.
fn steps_lacking(subject: &Subject<'_>, execution: &AutomationExecution) -> Vec<String> {
    let mut lacking = Vec::new();
    for name in subject.steps {
        match step_named(execution, name).map(step_status) {
            Some("Success") => {}
            Some(status) => lacking.push(format!("step {name} is {status}")),
            None if execution.step_executions_truncated() => {
                lacking.push(format!("step {name} is not in the list, which AWS cut off"));
            }
            None => lacking.push(format!("step {name} did not run")),
        }
    }
    lacking
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
