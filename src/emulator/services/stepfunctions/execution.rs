//! An execution: its status, its threads, its history.
//!
//! Main types: [`Execution`] and [`Thread`]. A thread stands in one state of one machine or branch; a
//! Parallel or Map state has a thread below it for each branch or item. Invariant: an execution that is
//! over has no threads, and never gets another status.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::definition::Machine;
use super::states::Definition;
use super::tasks::{Resource, Wait};
use crate::emulator::account::epoch_seconds;
use crate::emulator::agenda::Ticket;

/// The statuses of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    /// As the API spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// An execution of a state machine.
#[derive(Debug, Clone)]
pub(super) struct Execution {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) machine_arn: String,
    pub(super) machine_name: String,
    pub(super) role: String,
    pub(super) machine: Arc<Machine>,
    /// As it was given.
    pub(super) input: String,
    pub(super) status: Status,
    pub(super) start: Timestamp,
    pub(super) stop: Option<Timestamp>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) threads: BTreeMap<u32, Thread>,
    pub(super) next_thread: u32,
    pub(super) history: Vec<Value>,
    /// When it times out.
    pub(super) timeout: Option<Ticket>,
}

/// Where one line of an execution stands.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    /// The thread whose Parallel or Map state it belongs to, and its place there.
    pub(super) parent: Option<(u32, usize)>,
    pub(super) machine: Arc<Machine>,
    /// The state's name.
    pub(super) state: String,
    /// The state's input before `InputPath`.
    pub(super) raw: Value,
    pub(super) entered: Timestamp,
    /// Grows with everything that makes what is on the agenda for this thread void.
    pub(super) stamp: u64,
    /// How often each retrier of the state has retried.
    pub(super) attempts: Vec<u32>,
    pub(super) retries: u32,
    /// The item of a Map state: its index and its value.
    pub(super) item: Option<(usize, Value)>,
    /// The id of the last event of this thread.
    pub(super) event: usize,
    pub(super) doing: Doing,
}

/// What a thread waits for.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    /// Its next step.
    Nothing,
    /// The end of a call.
    Calling { resource: Resource, input: Value },
    /// The end of an execution that it started.
    Child { arn: String, wait: Wait },
    /// The threads below it.
    Joining(Box<Join>),
}

/// The threads below a Parallel or Map state.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub(super) results: Vec<Option<Value>>,
    /// The items of a Map state that have not begun, with their inputs.
    pub(super) waiting: VecDeque<(usize, Value, Value)>,
}

impl Thread {
    /// The state that it stands in.
    pub(super) fn definition(&self) -> Option<Arc<Definition>> {
        self.machine.states.get(&self.state).cloned()
    }
}

impl Execution {
    /// Whether nothing more happens to it.
    pub(super) fn is_over(&self) -> bool {
        self.status != Status::Running
    }

    /// The context object of a thread.
    ///
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>
    pub(super) fn context(&self, thread: u32) -> Value {
        let input: Value = serde_json::from_str(&self.input).unwrap_or_default();
        let mut context = json!({
            "Execution": {
                "Id": self.arn,
                "Input": input,
                "Name": self.name,
                "RoleArn": self.role,
                "StartTime": written(self.start),
                "RedriveCount": 0,
            },
            "StateMachine": { "Id": self.machine_arn, "Name": self.machine_name },
        });
        let Some(own) = self.threads.get(&thread) else { return context };
        context["State"] = json!({
            "EnteredTime": written(own.entered),
            "Name": own.state,
            "RetryCount": own.retries,
        });
        let mut above = Some(thread);
        while let Some(found) = above.and_then(|id| self.threads.get(&id)) {
            if let Some((index, value)) = &found.item {
                context["Map"] = json!({ "Item": { "Index": index, "Value": value } });
                break;
            }
            above = found.parent.map(|(parent, _)| parent);
        }
        context
    }

    /// Adds an event to the history; `thread` is whose event it is.
    pub(super) fn log(
        &mut self,
        now: Timestamp,
        thread: Option<u32>,
        kind: &str,
        details: Option<(&str, Value)>,
    ) {
        let id = self.history.len() + 1;
        let own = thread.and_then(|thread| self.threads.get_mut(&thread));
        let previous = match own {
            Some(own) => std::mem::replace(&mut own.event, id),
            None => self.history.len(),
        };
        let mut event = json!({
            "id": id,
            "previousEventId": previous,
            "timestamp": epoch_seconds(now),
            "type": kind,
        });
        if let Some((name, details)) = details {
            event[name] = details;
        }
        self.history.push(event);
    }

    /// A thread and every thread below it go.
    pub(super) fn remove(&mut self, thread: u32) {
        let mut gone = vec![thread];
        while let Some(next) = gone.pop() {
            self.threads.remove(&next);
            let below = self
                .threads
                .iter()
                .filter(|(_, own)| own.parent.is_some_and(|(parent, _)| parent == next));
            gone.extend(below.map(|(id, _)| *id));
        }
    }

    /// The threads right below a thread.
    pub(super) fn below(&self, thread: u32) -> Vec<u32> {
        let below = self
            .threads
            .iter()
            .filter(|(_, own)| own.parent.is_some_and(|(parent, _)| parent == thread));
        below.map(|(id, _)| *id).collect()
    }
}

/// A moment as the context object writes it.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
