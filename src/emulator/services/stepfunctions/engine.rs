//! What happens to executions on the agenda, and what they ask the account for.
//!
//! Main functions: [`start`], [`step`], [`stop`]. Invariant: an entry of the agenda whose stamp is not the
//! thread's own is void, so nothing happens twice and nothing to a thread that has gone on.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::execution::{Doing, Execution, Status};
use super::interpreter::{Hands, Moment, Todo};
use super::tasks::{self, Maker, Outcome, Resource, Wait};
use super::templates::Fault;
use super::{Due, api, notify};
use crate::emulator::account::Account;
use crate::emulator::services::lambda;
use crate::emulator::timing;

/// A thread of an execution goes on.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    execution: String,
    thread: u32,
    stamp: u64,
    what: Moment,
}

/// A task that waits for an execution that it started.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    execution: String,
    thread: u32,
    stamp: u64,
}

/// An execution begins.
pub(super) fn start(account: &mut Account, mut execution: Execution, input: Value) {
    let arn = execution.arn.clone();
    if let Some(seconds) = execution.machine.timeout {
        let limit = SignedDuration::from_secs(i64::from(seconds));
        execution.timeout = Some(account.schedule_in(limit, Due::TimedOut(arn.clone())));
    }
    account.services.stepfunctions.executions.insert(arn.clone(), execution);
    notify::changed(account, &arn);
    with(account, &arn, |execution, hands| execution.begin(input, hands));
}

/// Lets an execution do something, and does what it asks for.
fn with(account: &mut Account, arn: &str, work: impl FnOnce(&mut Execution, &mut Hands<'_>)) {
    let now = account.now();
    let Some(execution) = account.services.stepfunctions.executions.get_mut(arn) else { return };
    if execution.is_over() {
        return;
    }
    let mut hands = Hands { now, ids: &mut account.ids, todo: Vec::new() };
    work(execution, &mut hands);
    for todo in hands.todo {
        match todo {
            Todo::Later { thread, after, what } => later(account, arn, thread, after, what),
            Todo::Call { thread, timeout } => call(account, arn, thread, timeout),
            Todo::Ended => ended(account, arn),
        }
    }
}

fn later(account: &mut Account, arn: &str, thread: u32, after: SignedDuration, what: Moment) {
    let executions = &account.services.stepfunctions.executions;
    let Some(own) = executions.get(arn).and_then(|found| found.threads.get(&thread)) else {
        return;
    };
    let step = Step { execution: arn.to_owned(), thread, stamp: own.stamp, what };
    account.schedule_in(after, Due::Step(step));
}

/// Puts a call on the agenda. It is made at its end, when its effects can be seen.
fn call(account: &mut Account, arn: &str, thread: u32, timeout: Option<SignedDuration>) {
    let Some((_, Doing::Calling { resource, input })) = doing(account, arn, thread) else { return };
    let function = resource.function(&input).and_then(|name| lambda::duration(account, name));
    let lasts = function.unwrap_or(timing::STATE_TASK);
    later(account, arn, thread, lasts, Moment::Done);
    // At the same instant the answer wins: it was put on the agenda first.
    if let Some(limit) = timeout {
        later(account, arn, thread, limit, Moment::TooLong);
    }
}

/// What a thread does, and its stamp.
fn doing(account: &Account, arn: &str, thread: u32) -> Option<(u64, Doing)> {
    let execution = account.services.stepfunctions.executions.get(arn)?;
    let own = execution.threads.get(&thread)?;
    Some((own.stamp, own.doing.clone()))
}

/// A thread goes on, if it still stands where it stood.
pub(super) fn step(account: &mut Account, step: &Step) {
    let (arn, thread) = (step.execution.as_str(), step.thread);
    let Some((stamp, doing)) = doing(account, arn, thread) else { return };
    if stamp != step.stamp {
        return;
    }
    match (step.what, doing) {
        (Moment::Enter, _) => with(account, arn, |execution, hands| execution.enter(thread, hands)),
        (Moment::Again, _) => {
            with(account, arn, |execution, hands| execution.attempt(thread, hands));
        }
        (Moment::TooLong, _) => {
            let limit = "The task lasted longer than its TimeoutSeconds.";
            let fault = Fault::new("States.Timeout", limit);
            with(account, arn, |execution, hands| execution.task_done(thread, Err(fault), hands));
        }
        (Moment::Done, Doing::Calling { resource, input }) => {
            perform(account, arn, thread, stamp, &resource, &input);
        }
        (Moment::Done, Doing::Child { arn: child, wait }) => {
            let described = api::description(account, &child);
            let result = match described {
                Some(description) => tasks::ended(&description, wait),
                None => Err(Fault::new("States.TaskFailed", format!("{child} is gone"))),
            };
            with(account, arn, |execution, hands| execution.task_done(thread, result, hands));
        }
        (Moment::Done, Doing::Nothing) => {
            with(account, arn, |execution, hands| execution.waited(thread, hands));
        }
        (Moment::Done, Doing::Joining(_)) => {}
    }
}

fn perform(
    account: &mut Account,
    arn: &str,
    thread: u32,
    stamp: u64,
    resource: &Resource,
    input: &Value,
) {
    let Some(execution) = account.services.stepfunctions.executions.get(arn) else { return };
    let maker = Maker {
        role: execution.role.clone(),
        execution: execution.arn.clone(),
        machine: execution.machine_arn.clone(),
    };
    let result = match tasks::perform(account, &maker, resource, input) {
        Ok(Outcome::Waits(child)) => {
            wait_for(account, arn, thread, stamp, resource, &child);
            return;
        }
        Ok(Outcome::Done(value)) => Ok(value),
        Err(fault) => Err(fault),
    };
    with(account, arn, |execution, hands| execution.task_done(thread, result, hands));
}

fn wait_for(
    account: &mut Account,
    arn: &str,
    thread: u32,
    stamp: u64,
    resource: &Resource,
    child: &str,
) {
    let wait = match resource {
        Resource::StartExecution(wait) => *wait,
        Resource::Function(_)
        | Resource::Sdk { .. }
        | Resource::Invoke
        | Resource::Publish
        | Resource::SendMessage
        | Resource::PutEvents => Wait::Text,
    };
    let state = &mut account.services.stepfunctions;
    let own = state.executions.get_mut(arn).and_then(|found| found.threads.get_mut(&thread));
    if let Some(own) = own {
        own.doing = Doing::Child { arn: child.to_owned(), wait };
        let waiting = Waiting { execution: arn.to_owned(), thread, stamp };
        state.waiting.insert(child.to_owned(), waiting);
    }
}

/// An execution is over: it is told, and whoever waits for it goes on.
fn ended(account: &mut Account, arn: &str) {
    let state = &mut account.services.stepfunctions;
    let waiting = state.waiting.shift_remove(arn);
    let timeout = state.executions.get_mut(arn).and_then(|execution| execution.timeout.take());
    if let Some(ticket) = timeout {
        account.cancel(ticket);
    }
    notify::changed(account, arn);
    if let Some(Waiting { execution, thread, stamp }) = waiting {
        // By the agenda and not by a call: executions may wait for one another in a long chain.
        let step = Step { execution, thread, stamp, what: Moment::Done };
        account.schedule_in(timing::STATE_TRANSITION, Due::Step(step));
    }
}

/// Ends an execution from outside.
pub(super) fn stop(account: &mut Account, arn: &str, fault: Fault) {
    with(account, arn, |execution, hands| execution.end(Status::Aborted, Err(fault), hands));
}

/// An execution has lasted too long.
pub(super) fn timed_out(account: &mut Account, arn: &str) {
    let fault = Fault::new("States.Timeout", "");
    with(account, arn, |execution, hands| execution.end(Status::TimedOut, Err(fault), hands));
}

/// A new execution, not begun.
pub(super) fn new_execution(
    account: &Account,
    machine: &super::machines::StateMachine,
    name: &str,
    input: String,
) -> Execution {
    let arn = account.identity().arn("states", &format!("execution:{}:{name}", machine.name));
    Execution {
        arn,
        name: name.to_owned(),
        machine_arn: machine.arn.clone(),
        machine_name: machine.name.clone(),
        role: machine.role.clone(),
        machine: Arc::clone(&machine.machine),
        input,
        status: Status::Running,
        start: account.now(),
        stop: None,
        output: None,
        error: None,
        cause: None,
        threads: std::collections::BTreeMap::new(),
        next_thread: 0,
        history: Vec::new(),
        timeout: None,
    }
}
