//! The interpreter: what happens to an execution when one of its threads goes on.
//!
//! Main type: [`Hands`], through which an execution asks for what it can't do itself (wait, call, end).
//! Invariants: nothing here reaches outside of the execution; every step leaves the thread with something
//! on the agenda, waiting for others, or gone; a history that is full ends the execution.
//! Source: <https://states-language.net/spec.html>.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::definition::Machine;
use super::execution::{Doing, Execution, Join, Status, Thread};
use super::states::{Catcher, Kind, Placement, Retrier, Seconds, Selection, Until, Words};
use super::templates::{Fault, Scope, Template};
use crate::emulator::ids::Ids;
use crate::emulator::timing;

/// The most events in a history, and the most bytes in an input or output:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const MOST_EVENTS: usize = 25_000;
const LARGEST_DATA: usize = 256 * 1024;

/// What an execution asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Todo {
    /// A thread goes on later.
    Later { thread: u32, after: SignedDuration, what: Moment },
    /// A thread's call is to be made, and may take this long at most.
    Call { thread: u32, timeout: Option<SignedDuration> },
    /// The execution is over.
    Ended,
}

/// How a thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It enters its state.
    Enter,
    /// It tries its state again.
    Again,
    /// What it waited for is over.
    Done,
    /// Its task has lasted as long as it may.
    TooLong,
}

/// What an execution works with.
pub(super) struct Hands<'a> {
    pub(super) now: Timestamp,
    pub(super) ids: &'a mut Ids,
    pub(super) todo: Vec<Todo>,
}

impl Hands<'_> {
    fn later(&mut self, thread: u32, after: SignedDuration, what: Moment) {
        self.todo.push(Todo::Later { thread, after, what });
    }
}

impl Execution {
    /// The first thread begins.
    pub(super) fn begin(&mut self, input: Value, hands: &mut Hands<'_>) {
        let details = json!({
            "input": self.input, "inputDetails": { "truncated": false }, "roleArn": self.role,
        });
        self.log(
            hands.now,
            None,
            "ExecutionStarted",
            Some(("executionStartedEventDetails", details)),
        );
        let machine = Arc::clone(&self.machine);
        self.spawn(None, machine, input, None, hands);
    }

    fn spawn(
        &mut self,
        parent: Option<(u32, usize)>,
        machine: Arc<Machine>,
        raw: Value,
        item: Option<(usize, Value)>,
        hands: &mut Hands<'_>,
    ) {
        let id = self.next_thread;
        self.next_thread += 1;
        let event = parent.and_then(|(above, _)| Some(self.threads.get(&above)?.event));
        let thread = Thread {
            parent,
            state: machine.start_at.clone(),
            machine,
            raw,
            entered: hands.now,
            stamp: 0,
            attempts: Vec::new(),
            retries: 0,
            item,
            event: event.unwrap_or(self.history.len()),
            doing: Doing::Nothing,
        };
        self.threads.insert(id, thread);
        hands.later(id, timing::STATE_TRANSITION, Moment::Enter);
    }

    /// A thread enters its state.
    pub(super) fn enter(&mut self, id: u32, hands: &mut Hands<'_>) {
        if self.history.len() >= MOST_EVENTS {
            let cause = "The execution reached the maximum number of history events (25000).";
            self.end(Status::Failed, Err(Fault::runtime(cause)), hands);
            return;
        }
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let Some(definition) = thread.definition() else { return };
        thread.entered = hands.now;
        thread.retries = 0;
        let retriers = definition.work().map_or(0, |work| work.retry.len());
        thread.attempts = vec![0; retriers];
        let details = json!({
            "name": thread.state, "input": thread.raw.to_string(),
            "inputDetails": { "truncated": false },
        });
        let kind = format!("{}StateEntered", definition.type_name());
        self.log(hands.now, Some(id), &kind, Some(("stateEnteredEventDetails", details)));
        self.attempt(id, hands);
    }

    /// A thread does what its state says.
    pub(super) fn attempt(&mut self, id: u32, hands: &mut Hands<'_>) {
        let Some(definition) = self.threads.get(&id).and_then(Thread::definition) else { return };
        let context = self.context(id);
        let Some(thread) = self.threads.get(&id) else { return };
        let raw = thread.raw.clone();
        let input = match select(&definition.input_path, &raw, &context, "InputPath") {
            Ok(input) => input,
            Err(fault) => return self.failed(id, fault, hands),
        };
        let scope = &mut Scope { input: &input, context: &context, ids: &mut *hands.ids };
        match &definition.kind {
            Kind::Pass { result, parameters, place } => {
                let made = match (result, parameters) {
                    (Some(result), _) => Ok(result.clone()),
                    (None, Some(parameters)) => parameters.fill(scope),
                    (None, None) => Ok(input.clone()),
                };
                let output = made.and_then(|made| placed(place, raw, made));
                self.settle(id, output, hands);
            }
            Kind::Wait(until) => match wait(until, scope, hands.now) {
                Ok(time) => hands.later(id, time, Moment::Done),
                Err(fault) => self.failed(id, fault, hands),
            },
            Kind::Choice { rules, default } => {
                let mut next = Ok(default.clone());
                for (rule, target) in rules {
                    match rule.holds(&input, &context) {
                        Ok(false) => continue,
                        Ok(true) => next = Ok(Some(target.clone())),
                        Err(fault) => next = Err(fault),
                    }
                    break;
                }
                let output = select(&definition.output_path, &input, &context, "OutputPath");
                match next.and_then(|next| Ok((next, output?))) {
                    Ok((Some(next), output)) => self.leave(id, Some(&next), output, hands),
                    Ok((None, _)) => {
                        let cause = "No choice matched, and there is no Default";
                        self.failed(id, Fault::new("States.NoChoiceMatched", cause), hands);
                    }
                    Err(fault) => self.failed(id, fault, hands),
                }
            }
            Kind::Succeed => {
                match select(&definition.output_path, &input, &context, "OutputPath") {
                    Ok(output) => self.leave(id, None, output, hands),
                    Err(fault) => self.failed(id, fault, hands),
                }
            }
            Kind::Fail { error, cause } => {
                let fault = words(error, scope, "ErrorPath").and_then(|error| {
                    Ok(Fault { error, cause: words(cause, scope, "CausePath")? })
                });
                self.failed(id, fault.unwrap_or_else(|fault| fault), hands);
            }
            Kind::Task { resource, timeout, work } => {
                let filled = parameters(work.parameters.as_ref(), scope);
                let limit = timeout.as_ref().map(|limit| seconds(limit, scope)).transpose();
                match filled.and_then(|filled| Ok((filled, limit?))) {
                    Ok((input, timeout)) => {
                        self.scheduled(id, resource.parts(), &input, hands.now);
                        let calling = Doing::Calling { resource: resource.clone(), input };
                        if let Some(thread) = self.threads.get_mut(&id) {
                            thread.doing = calling;
                        }
                        hands.todo.push(Todo::Call { thread: id, timeout });
                    }
                    Err(fault) => self.stumble(id, fault, hands),
                }
            }
            Kind::Parallel { branches, work } => {
                match parameters(work.parameters.as_ref(), scope) {
                    Ok(input) => self.fork(id, branches, &input, hands),
                    Err(fault) => self.stumble(id, fault, hands),
                }
            }
            Kind::Map { items, processor, most, work } => {
                let found = items
                    .as_ref()
                    .map_or_else(|| Some(input.clone()), |path| path.find(&input, &context));
                let Some(Value::Array(items)) = found else {
                    let cause = "Reference path of ItemsPath must point to an array.";
                    return self.failed(id, Fault::runtime(cause), hands);
                };
                let template = work.parameters.as_ref();
                match item_inputs(items, template, &input, &context, hands.ids) {
                    Ok(waiting) => self.map(id, processor, waiting, *most, hands),
                    Err(fault) => self.stumble(id, fault, hands),
                }
            }
        }
    }

    /// What a task returned, or how it failed.
    pub(super) fn task_done(
        &mut self,
        id: u32,
        result: Result<Value, Fault>,
        hands: &mut Hands<'_>,
    ) {
        let Some(thread) = self.threads.get_mut(&id) else { return };
        thread.stamp += 1;
        thread.doing = Doing::Nothing;
        let Some(definition) = thread.definition() else { return };
        if let Kind::Task { resource, .. } = &definition.kind {
            self.returned(id, resource.parts(), result.as_ref(), hands.now);
        }
        match result {
            Ok(value) => self.finish(id, value, hands),
            Err(fault) => self.stumble(id, fault, hands),
        }
    }

    /// A state that waited goes on.
    pub(super) fn waited(&mut self, id: u32, hands: &mut Hands<'_>) {
        let context = self.context(id);
        let Some(thread) = self.threads.get(&id) else { return };
        let Some(definition) = thread.definition() else { return };
        let input = select(&definition.input_path, &thread.raw, &context, "InputPath");
        self.settle(id, input, hands);
    }

    /// A result of work: selected, placed, and handed on.
    fn finish(&mut self, id: u32, result: Value, hands: &mut Hands<'_>) {
        let context = self.context(id);
        let Some(thread) = self.threads.get(&id) else { return };
        let Some(definition) = thread.definition() else { return };
        let Some(work) = definition.work() else { return };
        let raw = thread.raw.clone();
        let selected = match &work.selector {
            Some(selector) => {
                let scope = &mut Scope { input: &result, context: &context, ids: &mut *hands.ids };
                selector.fill(scope)
            }
            None => Ok(result),
        };
        match selected.and_then(|selected| placed(&work.place, raw, selected)) {
            Ok(output) => self.settle(id, Ok(output), hands),
            Err(fault) => self.stumble(id, fault, hands),
        }
    }

    /// The output of a state that goes on by its `Next` or `End`.
    fn settle(&mut self, id: u32, output: Result<Value, Fault>, hands: &mut Hands<'_>) {
        let context = self.context(id);
        let Some(definition) = self.threads.get(&id).and_then(Thread::definition) else { return };
        let selected = output
            .and_then(|output| select(&definition.output_path, &output, &context, "OutputPath"));
        match selected {
            Ok(output) => self.leave(id, definition.next.as_deref(), output, hands),
            Err(fault) => self.failed(id, fault, hands),
        }
    }

    fn leave(&mut self, id: u32, next: Option<&str>, output: Value, hands: &mut Hands<'_>) {
        let text = output.to_string();
        if text.len() > LARGEST_DATA {
            let cause = "The state's output is larger than the limit of 262144 bytes.";
            return self.failed(id, Fault::new("States.DataLimitExceeded", cause), hands);
        }
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let Some(definition) = thread.definition() else { return };
        let details = json!({
            "name": thread.state, "output": text, "outputDetails": { "truncated": false },
        });
        let kind = format!("{}StateExited", definition.type_name());
        thread.stamp += 1;
        if let Some(next) = next {
            next.clone_into(&mut thread.state);
            thread.raw.clone_from(&output);
        }
        self.log(hands.now, Some(id), &kind, Some(("stateExitedEventDetails", details)));
        match next {
            Some(_) => hands.later(id, timing::STATE_TRANSITION, Moment::Enter),
            None => self.done(id, output, hands),
        }
    }

    /// A thread is through its machine.
    fn done(&mut self, id: u32, output: Value, hands: &mut Hands<'_>) {
        let Some(thread) = self.threads.remove(&id) else { return };
        let Some((above, slot)) = thread.parent else {
            return self.end(Status::Succeeded, Ok(output), hands);
        };
        if let Some((index, _)) = &thread.item {
            self.iteration(above, *index, "MapIterationSucceeded", hands.now);
        }
        let Some(parent) = self.threads.get_mut(&above) else { return };
        let Doing::Joining(join) = &mut parent.doing else { return };
        if let Some(place) = join.results.get_mut(slot) {
            *place = Some(output);
        }
        if let Some((index, input, value)) = join.waiting.pop_front() {
            self.item(above, &thread.machine, (index, input, value), hands);
            return;
        }
        if join.results.iter().all(Option::is_some) {
            let results: Vec<Value> = join.results.drain(..).flatten().collect();
            self.joined(above, results.into(), hands);
        }
    }

    /// All threads below a state are through.
    fn joined(&mut self, id: u32, results: Value, hands: &mut Hands<'_>) {
        let Some(thread) = self.threads.get_mut(&id) else { return };
        thread.doing = Doing::Nothing;
        let Some(definition) = thread.definition() else { return };
        let kind = format!("{}StateSucceeded", definition.type_name());
        self.log(hands.now, Some(id), &kind, None);
        self.finish(id, results, hands);
    }

    fn fork(&mut self, id: u32, branches: &[Arc<Machine>], input: &Value, hands: &mut Hands<'_>) {
        self.log(hands.now, Some(id), "ParallelStateStarted", None);
        let join = Join { results: vec![None; branches.len()], waiting: VecDeque::new() };
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.doing = Doing::Joining(Box::new(join));
        }
        for (slot, branch) in branches.iter().enumerate() {
            self.spawn(Some((id, slot)), Arc::clone(branch), input.clone(), None, hands);
        }
    }

    fn map(
        &mut self,
        id: u32,
        processor: &Arc<Machine>,
        mut waiting: VecDeque<(usize, Value, Value)>,
        most: usize,
        hands: &mut Hands<'_>,
    ) {
        let details = json!({ "length": waiting.len() });
        let details = Some(("mapStateStartedEventDetails", details));
        self.log(hands.now, Some(id), "MapStateStarted", details);
        if waiting.is_empty() {
            return self.joined(id, json!([]), hands);
        }
        let results = vec![None; waiting.len()];
        let first: Vec<_> = waiting.drain(..most.min(waiting.len())).collect();
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.doing = Doing::Joining(Box::new(Join { results, waiting }));
        }
        for item in first {
            self.item(id, processor, item, hands);
        }
    }

    fn item(
        &mut self,
        id: u32,
        processor: &Arc<Machine>,
        (index, input, value): (usize, Value, Value),
        hands: &mut Hands<'_>,
    ) {
        self.iteration(id, index, "MapIterationStarted", hands.now);
        let machine = Arc::clone(processor);
        self.spawn(Some((id, index)), machine, input, Some((index, value)), hands);
    }

    /// A state's work failed: it is tried again, caught, or the thread fails.
    pub(super) fn stumble(&mut self, id: u32, fault: Fault, hands: &mut Hands<'_>) {
        for below in self.below(id) {
            self.remove(below);
        }
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let Some(definition) = thread.definition() else { return };
        thread.stamp += 1;
        thread.doing = Doing::Nothing;
        let Some(work) = definition.work() else { return self.failed(id, fault, hands) };
        let matching = |errors: &[String]| errors.iter().any(|name| catches(name, &fault.error));
        let retrier = work.retry.iter().position(|retrier| matching(&retrier.errors));
        if let Some(index) = retrier {
            let (retrier, done) = (&work.retry[index], thread.attempts[index]);
            if done < retrier.most {
                thread.attempts[index] += 1;
                thread.retries += 1;
                let delay = delay(retrier, done, hands.ids);
                hands.later(id, delay, Moment::Again);
                return;
            }
        }
        match work.catch.iter().find(|catcher| matching(&catcher.errors)) {
            Some(catcher) => self.caught(id, catcher, &fault, hands),
            None => self.failed(id, fault, hands),
        }
    }

    fn caught(&mut self, id: u32, catcher: &Catcher, fault: &Fault, hands: &mut Hands<'_>) {
        let Some(thread) = self.threads.get(&id) else { return };
        let told = json!({ "Error": fault.error, "Cause": fault.cause });
        match placed(&catcher.place, thread.raw.clone(), told) {
            Ok(output) => self.leave(id, Some(&catcher.next), output, hands),
            Err(fault) => self.failed(id, fault, hands),
        }
    }

    /// A thread fails: with it the state above it, or the execution.
    fn failed(&mut self, id: u32, fault: Fault, hands: &mut Hands<'_>) {
        let Some(thread) = self.threads.get(&id) else { return };
        let Some((above, _)) = thread.parent else {
            return self.end(Status::Failed, Err(fault), hands);
        };
        let (item, parent) = (thread.item.clone(), self.threads.get(&above));
        let Some(definition) = parent.and_then(Thread::definition) else { return };
        if let Some((index, _)) = item {
            self.iteration(above, index, "MapIterationFailed", hands.now);
        }
        let kind = format!("{}StateFailed", definition.type_name());
        self.log(hands.now, Some(above), &kind, None);
        self.stumble(above, fault, hands);
    }

    /// The execution is over.
    pub(super) fn end(
        &mut self,
        status: Status,
        result: Result<Value, Fault>,
        hands: &mut Hands<'_>,
    ) {
        if self.is_over() {
            return;
        }
        self.status = status;
        self.stop = Some(hands.now);
        self.threads.clear();
        let (kind, details) = match &result {
            Ok(output) => {
                let text = output.to_string();
                let details = json!({ "output": text, "outputDetails": { "truncated": false } });
                self.output = Some(text);
                ("Succeeded", details)
            }
            Err(fault) => {
                let mut details = json!({});
                let parts = [("error", &fault.error), ("cause", &fault.cause)];
                for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
                    details[name] = text.as_str().into();
                }
                let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
                (self.error, self.cause) = (some(&fault.error), some(&fault.cause));
                let kind = match status {
                    Status::TimedOut => "TimedOut",
                    Status::Aborted => "Aborted",
                    Status::Running | Status::Succeeded | Status::Failed => "Failed",
                };
                (kind, details)
            }
        };
        let member = format!("execution{kind}EventDetails");
        let kind = format!("Execution{kind}");
        self.log(hands.now, None, &kind, Some((&member, details)));
        hands.todo.push(Todo::Ended);
    }
}

/// Whether a name in `ErrorEquals` covers an error.
///
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
fn catches(name: &str, error: &str) -> bool {
    let terminal = matches!(error, "States.Runtime" | "States.DataLimitExceeded");
    match name {
        "States.ALL" => !terminal,
        "States.TaskFailed" => name == error || (!terminal && error != "States.Timeout"),
        "States.Timeout" => matches!(error, "States.Timeout" | "States.HeartbeatTimeout"),
        // Runtime errors always end the execution.
        _ => name == error && error != "States.Runtime",
    }
}

fn delay(retrier: &Retrier, done: u32, ids: &mut Ids) -> SignedDuration {
    let exponent = i32::try_from(done).unwrap_or(i32::MAX);
    let grown = f64::from(retrier.interval) * retrier.rate.powi(exponent);
    let longest = retrier.longest.map_or(31_622_400.0, f64::from);
    let full = grown.min(longest);
    let seconds = if retrier.jitter { full * ids.fraction() } else { full };
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::from_hours(24 * 366))
}

fn select(
    selection: &Selection,
    from: &Value,
    context: &Value,
    field: &str,
) -> Result<Value, Fault> {
    match selection {
        Selection::All => Ok(from.clone()),
        Selection::Nothing => Ok(json!({})),
        Selection::At(path) => path.find(from, context).ok_or_else(|| {
            Fault::runtime(format!("Invalid path '{}' of {field}: it finds nothing", path.text()))
        }),
    }
}

fn placed(place: &Placement, raw: Value, result: Value) -> Result<Value, Fault> {
    match place {
        Placement::Replace => Ok(result),
        Placement::Discard => Ok(raw),
        Placement::At(path) => path
            .put(raw, result)
            .map_err(|cause| Fault::new("States.ResultPathMatchFailure", cause)),
    }
}

fn parameters(template: Option<&Template>, scope: &mut Scope<'_>) -> Result<Value, Fault> {
    template.map_or_else(|| Ok(scope.input.clone()), |template| template.fill(scope))
}

/// The input of each item, beside the item itself.
fn item_inputs(
    items: Vec<Value>,
    template: Option<&Template>,
    input: &Value,
    context: &Value,
    ids: &mut Ids,
) -> Result<VecDeque<(usize, Value, Value)>, Fault> {
    let mut inputs = VecDeque::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let made = match template {
            None => item.clone(),
            Some(template) => {
                let mut context = context.clone();
                context["Map"] = json!({ "Item": { "Index": index, "Value": item } });
                let scope = &mut Scope { input, context: &context, ids: &mut *ids };
                template.fill(scope)?
            }
        };
        inputs.push_back((index, made, item));
    }
    Ok(inputs)
}

fn seconds(seconds: &Seconds, scope: &Scope<'_>) -> Result<SignedDuration, Fault> {
    let seconds = match seconds {
        Seconds::Fixed(seconds) => i64::from(*seconds),
        Seconds::At(path) => {
            let found = path.find(scope.input, scope.context);
            let number = found.and_then(|found| found.as_i64()).filter(|number| *number >= 0);
            number.filter(|number| *number <= 99_999_999).ok_or_else(|| {
                let cause = format!("{} is not a whole number of seconds", path.text());
                Fault::runtime(cause)
            })?
        }
    };
    Ok(SignedDuration::from_secs(seconds))
}

fn wait(until: &Until, scope: &Scope<'_>, now: Timestamp) -> Result<SignedDuration, Fault> {
    let written = match until {
        Until::Seconds(written) => return seconds(written, scope),
        Until::Timestamp(written) => Some(written.clone()),
        Until::TimestampAt(path) => path.find(scope.input, scope.context),
    };
    let at = written.as_ref().and_then(Value::as_str).and_then(|text| text.parse().ok());
    let at: Timestamp = at.ok_or_else(|| Fault::runtime("The wait's timestamp is not one."))?;
    Ok(at.duration_since(now).max(SignedDuration::ZERO))
}

fn words(words: &Words, scope: &Scope<'_>, field: &str) -> Result<String, Fault> {
    match words {
        Words::None => Ok(String::new()),
        Words::Fixed(text) => Ok(text.clone()),
        Words::At(path) => match path.find(scope.input, scope.context) {
            Some(Value::String(text)) => Ok(text),
            Some(_) | None => Err(Fault::runtime(format!(
                "The path '{}' of {field} does not find text",
                path.text()
            ))),
        },
    }
}
