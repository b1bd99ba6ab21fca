//! Step Functions: state machines and their executions, as an interpreter of the Amazon States Language.
//!
//! Main types: `definition::Machine` (what is written) and `execution::Execution` (what happens).
//! Invariants: what the interpreter can't do is refused by name when the machine is created, never when it
//! runs; a task calls the account's own services, with the permissions of the machine's role; every
//! execution ends, by its states, its timeout, or the limit on its history.
//! Sources: <https://states-language.net/spec.html>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the operation table hands every operation its input by value"
)]

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

mod api;
mod choice;
mod definition;
mod engine;
mod execution;
mod history;
mod interpreter;
mod intrinsics;
mod machines;
mod notify;
mod paths;
mod states;
mod tasks;
mod templates;

#[cfg(test)]
mod tests;

/// The state of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By ARN.
    machines: IndexMap<String, machines::StateMachine>,
    /// By ARN, oldest first.
    executions: IndexMap<String, execution::Execution>,
    /// Which task waits for which child execution, by the child's ARN.
    waiting: IndexMap<String, engine::Waiting>,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A thread of an execution goes on.
    Step(engine::Step),
    /// An execution has lasted as long as its machine's `TimeoutSeconds`.
    TimedOut(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateStateMachine": machines::Create => machines::create,
    "DescribeStateMachine": machines::MachineOnly => machines::describe,
    "ListStateMachines": machines::List => machines::list,
    "UpdateStateMachine": machines::Update => machines::update,
    "DeleteStateMachine": machines::MachineOnly => machines::delete,
    "StartExecution": api::Start => api::start,
    "DescribeExecution": api::Describe => api::describe,
    "ListExecutions": api::List => api::list,
    "StopExecution": api::Stop => api::stop,
    "GetExecutionHistory": api::History => api::history,
];

/// Sets up what every account has: no state machine.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Step(step) => engine::step(account, &step),
        Due::TimedOut(arn) => engine::timed_out(account, &arn),
    }
}
