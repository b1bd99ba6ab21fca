//! Runs Automation executions step by step on the account's agenda.
//!
//! Main functions: [`start`], [`happen`], [`finish_waiting`], [`cancel`]. Invariants: an execution has
//! at most one step running; everything that happens later is on the agenda under the stamp of the
//! attempt that it belongs to, so what an earlier attempt left behind does nothing; an execution begins
//! at most [`MAX_BEGUN`] steps.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html>.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::actions::{self, Progress, StepCall};
use super::document::{Kind, OnFailure};
use super::execution::{Execution, Failure, Status, StepRun, Success};
use super::references::{substitute, substitute_leniently};
use super::{Automations, flow, loops, notify};
use crate::emulator::account::Account;
use crate::emulator::services::ssm::Due as SsmDue;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// How many steps an execution may begin, iterations and jumps included; ours, so that a runbook that
/// jumps back for ever ends.
const MAX_BEGUN: usize = 1000;

/// Something that is due for one attempt of one step.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) execution: String,
    pub(crate) stamp: u64,
    pub(crate) what: What,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The current step (or its next attempt) begins.
    Begin,
    /// The attempt is over; its result lies ready.
    Finish,
    /// Time to look again.
    Poll,
    /// The step's time is over.
    TimeOut,
}

/// The executions of an account.
pub(crate) fn automations(account: &mut Account) -> &mut Automations {
    &mut account.services.ssm.automations
}

/// One execution; nothing if there is none of this id.
pub(crate) fn get<'a>(account: &'a mut Account, id: &str) -> Option<&'a mut Execution> {
    account.services.ssm.automations.executions.get_mut(id)
}

/// Puts a new execution on its way.
pub(crate) fn start(account: &mut Account, execution: Execution) {
    let id = execution.id.clone();
    let automations = automations(account);
    automations.running += 1;
    automations.executions.insert(id.clone(), execution);
    notify::execution_changed(account, &id);
    due_in(account, &id, timing::AUTOMATION_START, What::Begin);
}

/// Puts something on the agenda for the present attempt.
pub(super) fn due_in(account: &mut Account, id: &str, delay: SignedDuration, what: What) {
    let Some(stamp) = get(account, id).map(|execution| execution.stamp) else { return };
    let due = Due { execution: id.to_owned(), stamp, what };
    let ticket = account.schedule_in(delay, SsmDue::Automation(due));
    if let Some(execution) = get(account, id) {
        execution.tickets.push(ticket);
    }
}

/// Ends the present attempt: whatever is on the agenda for it will not happen.
fn next_stamp(account: &mut Account, id: &str) {
    let Some(execution) = get(account, id) else { return };
    execution.stamp += 1;
    execution.result = None;
    let tickets = std::mem::take(&mut execution.tickets);
    let waits_for = execution.waits_for.take();
    for ticket in tickets {
        account.cancel(ticket);
    }
    if let Some(waits_for) = waits_for {
        automations(account).waiting.shift_remove(&waits_for);
    }
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    let id = due.execution;
    let Some(execution) = get(account, &id) else { return };
    if execution.stamp != due.stamp || execution.status.is_final() {
        return;
    }
    match due.what {
        What::Begin => begin(account, &id),
        What::Finish => {
            if let Some(result) = execution.result.take() {
                attempt_over(account, &id, result);
            }
        }
        What::Poll => {
            let call = call(account, &id);
            match actions::poll(account, &call) {
                Ok(progress) => proceed(account, &id, progress),
                Err(failure) => attempt_over(account, &id, Err(failure)),
            }
        }
        What::TimeOut => {
            actions::abandon(account, &id);
            attempt_over(account, &id, Err(Failure::timeout()));
        }
    }
}

/// What an action needs to know of the step that it runs for.
fn call(account: &mut Account, id: &str) -> StepCall {
    let execution = get(account, id).expect("the caller has just looked it up");
    let run = execution.current();
    StepCall {
        execution: execution.id.clone(),
        run: execution.cursor,
        step: run.step.clone(),
        inputs: run.inputs.clone(),
        caller: execution.caller.clone(),
    }
}

/// Begins the current step, or its next attempt.
fn begin(account: &mut Account, id: &str) {
    next_stamp(account, id);
    let now = account.now();
    let fresh = account.ids.uuid();
    let Some(execution) = get(account, id) else { return };
    execution.begun += 1;
    if execution.begun > MAX_BEGUN {
        let reason = format!("the execution began more than {MAX_BEGUN} steps");
        let failure = Failure::input(reason);
        end(account, id, Status::Failed, Some(failure));
        return;
    }
    let cursor = execution.cursor;
    let run = execution.current_mut();
    if run.status != Status::InProgress {
        // A step that a jump leads to a second time is a run of its own.
        let run_id = if run.status == Status::Pending { run.id.clone() } else { fresh };
        *run = StepRun::pending(run_id, run.step.clone(), run.parent.clone());
        run.status = Status::InProgress;
        run.start = Some(now);
        let name = run.step.name.clone();
        execution.latest.insert(name, cursor);
        notify::step_changed(account, id, cursor);
    }
    let outcome = prepare(account, id).and_then(|timeout| {
        if let Some(seconds) = timeout {
            due_in(account, id, SignedDuration::from_secs(seconds), What::TimeOut);
        }
        run_action(account, id)
    });
    match outcome {
        Ok(Some(progress)) => proceed(account, id, progress),
        Ok(None) => {}
        Err(failure) => attempt_over(account, id, Err(failure)),
    }
}

/// Resolves the inputs and the time limit of the step that begins.
fn prepare(account: &mut Account, id: &str) -> Result<Option<i64>, Failure> {
    let execution = &account.services.ssm.automations.executions[id];
    let step = execution.current().step.clone();
    let resolve = |name: &str| execution.resolve(account, name);
    let mut inputs = Map::new();
    for (name, value) in &step.inputs {
        let value = match (&step.kind, name.as_str()) {
            _ if step.is_verbatim(name) => value.clone(),
            (Kind::Branch { .. }, _) | (Kind::Loop { .. }, "LoopCondition") => {
                substitute_leniently(value, &resolve)
            }
            (Kind::Loop { .. } | Kind::Plain, _) => {
                substitute(value, &resolve).map_err(Failure::input)?
            }
        };
        inputs.insert(name.clone(), value);
    }
    let timeout = match &step.timeout {
        None => None,
        Some(value) => {
            let value = substitute(value, &resolve).map_err(Failure::input)?;
            let seconds = super::references::text(&value).trim().parse::<i64>().ok();
            let wrong = || Failure::input(format!("timeoutSeconds can't be {value}"));
            Some(seconds.filter(|seconds| *seconds > 0).ok_or_else(wrong)?)
        }
    };
    let timeout = timeout.or_else(|| actions::default_timeout(&step.action));
    let execution = get(account, id).expect("it was indexed above");
    let run = execution.current_mut();
    run.inputs = inputs;
    run.timeout = timeout;
    run.attempts += 1;
    Ok(timeout)
}

/// Starts the action; nothing is left to wait for where the step leads into a loop.
fn run_action(account: &mut Account, id: &str) -> Result<Option<Progress>, Failure> {
    let call = call(account, id);
    match &call.step.kind {
        Kind::Plain => actions::start(account, &call).map(Some),
        Kind::Branch { choices, default } => {
            Ok(Some(flow::branch(account, &call, choices, default.as_deref())))
        }
        Kind::Loop { .. } => loops::enter(account, &call).map(|()| None),
    }
}

/// Takes note of how far an attempt is.
fn proceed(account: &mut Account, id: &str, progress: Progress) {
    match progress {
        Progress::Done { after, result } => {
            if let Some(execution) = get(account, id) {
                execution.result = Some(result);
            }
            due_in(account, id, after, What::Finish);
        }
        Progress::Poll { after } => due_in(account, id, after, What::Poll),
        Progress::WaitFor { key } => {
            let Some(execution) = get(account, id) else { return };
            execution.waits_for = Some(key.clone());
            let stamp = execution.stamp;
            automations(account).waiting.insert(key, (id.to_owned(), stamp));
        }
        Progress::WaitForPerson => {
            let Some(execution) = get(account, id) else { return };
            let cursor = execution.cursor;
            execution.status = Status::Waiting;
            execution.current_mut().status = Status::Waiting;
            notify::step_changed(account, id, cursor);
            notify::execution_changed(account, id);
        }
    }
}

/// Something that a step waited for (a command, a child execution, a person) has ended.
pub(crate) fn finish_waiting(account: &mut Account, key: &str, result: Result<Success, Failure>) {
    let Some((id, stamp)) = automations(account).waiting.shift_remove(key) else { return };
    if get(account, &id).is_some_and(|execution| execution.stamp == stamp) {
        attempt_over(account, &id, result);
    }
}

/// One attempt is over: another one, or the step is over.
pub(crate) fn attempt_over(account: &mut Account, id: &str, result: Result<Success, Failure>) {
    next_stamp(account, id);
    let Some(execution) = get(account, id) else { return };
    let run = execution.current_mut();
    if result.is_err() && run.attempts < run.step.max_attempts && !execution.cancelled {
        execution.current_mut().status = Status::InProgress;
        execution.status = Status::InProgress;
        due_in(account, id, timing::AUTOMATION_RETRY, What::Begin);
        return;
    }
    let result = result.and_then(|success| select_outputs(execution.current(), success));
    step_over(account, id, result);
}

/// Adds the outputs that the step declares to those of its action.
fn select_outputs(run: &StepRun, mut success: Success) -> Result<Success, Failure> {
    let Some(response) = &success.response else { return Ok(success) };
    for output in &run.step.outputs {
        if let Some(value) = output.selector.select(response) {
            let value = output.kind.coerce(value).map_err(|error| {
                Failure::new(
                    super::execution::Stage::PostVerification,
                    format!("Failed to get the output {}: {error}", output.name),
                )
            })?;
            success.outputs.insert(output.name.clone(), value);
        }
    }
    Ok(success)
}

/// The current step is over; decides where the execution goes.
pub(super) fn step_over(account: &mut Account, id: &str, result: Result<Success, Failure>) {
    let now = account.now();
    let Some(execution) = get(account, id) else { return };
    if execution.status == Status::Waiting {
        execution.status = Status::InProgress;
    }
    let cursor = execution.cursor;
    let run = execution.current_mut();
    run.end = Some(now);
    let mut jump = None;
    let failure = match result {
        Ok(success) => {
            run.status = Status::Success;
            run.code = success.code;
            run.outputs.extend(success.outputs);
            jump = success.jump;
            None
        }
        Err(failure) => {
            run.status = if failure.timed_out { Status::TimedOut } else { Status::Failed };
            run.outputs.extend(failure.outputs.clone());
            run.failure = Some(failure.clone());
            Some(failure)
        }
    };
    notify::step_changed(account, id, cursor);
    go_on(account, id, failure, jump);
}

/// Where an execution goes after a step.
fn go_on(account: &mut Account, id: &str, failure: Option<Failure>, jump: Option<String>) {
    let Some(execution) = get(account, id) else { return };
    let step = execution.current().step.clone();
    if let Some(failure) = &failure
        && step.is_critical
        && execution.critical.is_none()
    {
        execution.critical = Some(failure.clone());
    }
    if execution.completing {
        finish(account, id);
        return;
    }
    if step.is_end && jump.is_none() {
        list_over(account, id, failure.filter(|_| step.on_failure == OnFailure::Abort));
        return;
    }
    let target = match (&failure, &step.on_failure) {
        (Some(failure), OnFailure::Abort) => {
            let failure = failure.clone();
            list_over(account, id, Some(failure));
            return;
        }
        (Some(_), OnFailure::Step(name)) => Some(name.clone()),
        (Some(_), OnFailure::Continue) | (None, _) => jump.or_else(|| step.next.clone()),
    };
    let next = match target {
        Some(name) => execution.find(&name),
        None => execution.following(),
    };
    match next {
        Some(next) => {
            execution.cursor = next;
            due_in(account, id, SignedDuration::ZERO, What::Begin);
        }
        None => list_over(account, id, None),
    }
}

/// The last step of the current list is over: the loop goes on, or the execution ends.
fn list_over(account: &mut Account, id: &str, aborted: Option<Failure>) {
    let Some(execution) = get(account, id) else { return };
    if !execution.frames.is_empty() && !execution.cancelled {
        loops::iteration_over(account, id, aborted);
        return;
    }
    finish(account, id);
}

/// Ends an execution with the status that its steps have earned.
fn finish(account: &mut Account, id: &str) {
    let Some(execution) = get(account, id) else { return };
    let critical = execution.critical.clone();
    let status = match &critical {
        _ if execution.cancelled => Status::Cancelled,
        Some(failure) if failure.timed_out => Status::TimedOut,
        Some(_) => Status::Failed,
        None => Status::Success,
    };
    end(account, id, status, critical);
}

/// Ends an execution, and tells the step that waits for it.
fn end(account: &mut Account, id: &str, status: Status, failure: Option<Failure>) {
    next_stamp(account, id);
    let now = account.now();
    let Some(execution) = get(account, id) else { return };
    execution.status = status;
    execution.end = Some(now);
    execution.failure = failure;
    automations(account).running -= 1;
    notify::execution_changed(account, id);
    super::nested::child_over(account, id);
}

/// Stops an execution: its current step is cancelled, its `onCancel` step still runs.
pub(crate) fn cancel(account: &mut Account, id: &str) {
    let now = account.now();
    actions::abandon(account, id);
    next_stamp(account, id);
    let Some(execution) = get(account, id) else { return };
    if execution.status.is_final() {
        return;
    }
    execution.cancelled = true;
    let cursor = execution.cursor;
    let on_cancel = execution.current().step.on_cancel.clone();
    let mut stopped: Vec<usize> = execution.frames.iter().map(|frame| frame.run).collect();
    stopped.push(cursor);
    for index in &stopped {
        let run = &mut execution.runs[*index];
        if !run.status.is_final() && run.status != Status::Pending {
            run.status = Status::Cancelled;
            run.end = Some(now);
        }
    }
    if let Some(next) = on_cancel.and_then(|name| execution.find(&name)) {
        execution.status = Status::Cancelling;
        execution.cursor = next;
        notify::step_changed(account, id, cursor);
        notify::execution_changed(account, id);
        due_in(account, id, SignedDuration::ZERO, What::Begin);
    } else {
        notify::step_changed(account, id, cursor);
        end(account, id, Status::Cancelled, None);
    }
}

/// Lets the current step finish and then ends the execution; one that waits for a person ends at once.
pub(crate) fn complete(account: &mut Account, id: &str) {
    let Some(execution) = get(account, id) else { return };
    execution.completing = true;
    if execution.status == Status::Waiting {
        cancel(account, id);
    }
}

/// Says that something about the executions changed.
pub(super) fn touch(account: &mut Account) {
    account.touch(Topic::Automations);
}

/// The top-level outputs of an execution: what the document lists, by `step.Output`.
pub(crate) fn outputs(execution: &Execution) -> IndexMap<String, Vec<String>> {
    let mut outputs = IndexMap::new();
    for name in &execution.document.outputs {
        let value = name.split_once('.').and_then(|(step, output)| {
            let run = execution.latest.get(step).map(|index| &execution.runs[*index])?;
            run.outputs.get(output)
        });
        let text = match value {
            Some(value) => super::parameters::wire(value),
            None => vec![
                "No output available yet because the step is not successfully executed".to_owned(),
            ],
        };
        outputs.insert(name.clone(), text);
    }
    outputs
}

/// Whether a value is `true`, however it is written.
pub(super) fn truth(value: Option<&Value>) -> bool {
    value.is_some_and(|value| super::references::text(value).eq_ignore_ascii_case("true"))
}
