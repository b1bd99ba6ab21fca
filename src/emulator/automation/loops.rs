//! `aws:loop`: steps that run again and again.
//!
//! Main functions: [`enter`] and [`iteration_over`]. Invariant: a loop runs at most [`MAX_ITERATIONS`]
//! times; each iteration's steps are runs of their own, with the loop as their parent.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-loop.html>.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::actions::StepCall;
use super::document::{Kind, Step};
use super::engine::{What, due_in, get, step_over};
use super::execution::{Execution, Failure, Frame, Parent, StepRun, Success};
use super::references::substitute_leniently;
use super::selector::OutputType;
use crate::emulator::account::Account;

/// "The maximum number of iterations is 100."
const MAX_ITERATIONS: u32 = 100;

/// Begins the first iteration; a loop over nothing is done at once.
pub(super) fn enter(account: &mut Account, call: &StepCall) -> Result<(), Failure> {
    let Kind::Loop { steps, condition } = &call.step.kind else {
        unreachable!("only loops are entered");
    };
    let items = match (condition, call.inputs.get("Iterators")) {
        (None, Some(iterators)) => Some(items(iterators, call)?),
        _ => None,
    };
    let max = match call.inputs.get("MaxIterations") {
        None => MAX_ITERATIONS,
        Some(value) => super::references::text(value)
            .trim()
            .parse::<u32>()
            .ok()
            .filter(|max| (1..=MAX_ITERATIONS).contains(max))
            .ok_or_else(|| Failure::input(format!("MaxIterations can't be {value}")))?,
    };
    let execution = get(account, &call.execution).expect("its step is being begun");
    execution.frames.push(Frame {
        run: call.run,
        steps: steps.clone(),
        items,
        iteration: 0,
        max_iterations: max,
        first_run: 0,
    });
    next_iteration(account, &call.execution);
    Ok(())
}

fn items(iterators: &Value, call: &StepCall) -> Result<Vec<Value>, Failure> {
    let items = match iterators {
        Value::Array(items) => items.clone(),
        other => return Err(Failure::input(format!("Iterators must be a list, not {other}"))),
    };
    if items.len() > MAX_ITERATIONS as usize {
        let reason = format!("{} iterators; the maximum is {MAX_ITERATIONS}", items.len());
        return Err(Failure::input(reason));
    }
    let kind = match call.inputs.get("IteratorDataType").and_then(Value::as_str) {
        None => OutputType::String,
        Some(name) => OutputType::parse(name).map_err(Failure::input)?,
    };
    items.into_iter().map(|item| kind.coerce(item).map_err(Failure::input)).collect()
}

/// Begins the next iteration, or ends the loop.
fn next_iteration(account: &mut Account, id: &str) {
    let ids: Vec<String> = {
        let Some(execution) = get(account, id) else { return };
        let count = execution.frames.last().map_or(0, |frame| frame.steps.len());
        (0..count).map(|_| account.ids.uuid()).collect()
    };
    let Some(execution) = get(account, id) else { return };
    let first_run = execution.runs.len();
    let Some(frame) = execution.frames.last_mut() else { return };
    let value = match &frame.items {
        Some(items) => match items.get(frame.iteration as usize) {
            Some(value) if frame.iteration < frame.max_iterations => Some(value.clone()),
            _ => {
                leave(account, id, Ok(Success::default()));
                return;
            }
        },
        None => None,
    };
    frame.iteration += 1;
    frame.first_run = first_run;
    let (iteration, parent_run) = (frame.iteration, frame.run);
    let steps: Vec<Arc<Step>> = frame.steps.to_vec();
    let parent = Parent { run: parent_run, iteration, value: value.clone() };
    for (step, id) in steps.into_iter().zip(ids) {
        execution.runs.push(StepRun::pending(id, step, Some(parent.clone())));
    }
    let own = &mut execution.runs[parent_run].outputs;
    own.insert("CurrentIteration".to_owned(), iteration.into());
    if let Some(value) = value {
        own.insert("CurrentIteratorValue".to_owned(), value);
    }
    execution.cursor = first_run;
    due_in(account, id, SignedDuration::ZERO, What::Begin);
}

/// The steps of an iteration are over.
pub(super) fn iteration_over(account: &mut Account, id: &str, aborted: Option<Failure>) {
    if let Some(failure) = aborted {
        leave(account, id, Err(failure));
        return;
    }
    let execution = &account.services.ssm.automations.executions[id];
    if goes_on(account, execution) {
        next_iteration(account, id);
    } else {
        leave(account, id, Ok(Success::default()));
    }
}

fn goes_on(account: &Account, execution: &Execution) -> bool {
    let Some(frame) = execution.frames.last() else { return false };
    if frame.items.is_some() {
        return true;
    }
    let Kind::Loop { condition: Some(condition), .. } = &execution.runs[frame.run].step.kind else {
        return false;
    };
    let resolve = |name: &str| execution.resolve(account, name);
    frame.iteration < frame.max_iterations
        && condition.holds(&|value| substitute_leniently(value, &resolve))
}

/// Goes back from the loop's steps to the loop itself, which is over.
fn leave(account: &mut Account, id: &str, result: Result<Success, Failure>) {
    let Some(execution) = get(account, id) else { return };
    let Some(frame) = execution.frames.pop() else { return };
    execution.cursor = frame.run;
    step_over(account, id, result);
}
