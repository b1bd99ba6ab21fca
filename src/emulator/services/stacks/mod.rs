//! AWS CloudFormation's stack operations: updates that run for a time, and are rolled back on an alarm.
//!
//! Main types: [`State`] and [`DeclaredUpdate`]. `api` starts and shows; `operation` is what happens in time.
//! The stacks themselves are made by [`crate::emulator::cloudformation`]. Invariants: an update does what the
//! environment declares of it (how long it takes, which resources it goes through, whether it fails) and
//! changes no resource of the account; one that nobody declared is refused. Rollback triggers count while
//! the update runs and for its monitoring time, and never while it is rolled back.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html>
#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

mod api;
mod operation;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// What is known of the stacks besides what they made.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By name; a stack that nobody asked about or updated has no record yet.
    records: IndexMap<String, operation::Record>,
    declared: Vec<DeclaredUpdate>,
    /// When the account was made, and its stacks with it.
    opened: Timestamp,
}

/// What an update of a stack comes to, as the environment declares it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredUpdate {
    /// The stack's name.
    stack: String,
    /// The parameters that this update sets; an update with other values is another one.
    parameters: IndexMap<String, String>,
    /// The logical ids that it goes through.
    resources: Vec<String>,
    /// How long it takes, without the monitoring time.
    #[serde(deserialize_with = "duration")]
    lasts: SignedDuration,
    /// Why its last resource fails, where it does.
    #[serde(default)]
    fails: Option<String>,
}

/// What the service has on the agenda: the stack's name, and which of its operations.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The resources are updated.
    Updated(String, u32),
    /// The monitoring time is over.
    Monitored(String, u32),
    /// An operation looks at its rollback triggers.
    Polls(String, u32),
    /// The resources are as they were.
    IsBack(String, u32),
    /// What was replaced is removed.
    Cleaned(String, u32),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "DescribeStacks": api::DescribeStacks => api::describe_stacks,
    "DescribeStackEvents": api::DescribeStackEvents => api::describe_stack_events,
    "UpdateStack": api::UpdateStack => api::update_stack,
    "CancelUpdateStack": api::CancelUpdateStack => api::cancel_update_stack,
];

/// Notes when the account's stacks were made.
pub(crate) fn open(account: &mut Account) {
    account.services.stacks.opened = account.now();
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Updated(stack, number) => operation::updated(account, &stack, number),
        Due::Monitored(stack, number) => operation::monitored(account, &stack, number),
        Due::Polls(stack, number) => operation::polls(account, &stack, number),
        Due::IsBack(stack, number) => operation::is_back(account, &stack, number),
        Due::Cleaned(stack, number) => operation::cleaned(account, &stack, number),
    }
}

/// Declares what an update comes to.
///
/// # Errors
/// There is no such stack, or it has no such resource.
pub(crate) fn declare(account: &mut Account, update: DeclaredUpdate) -> Result<(), String> {
    let Some(stack) = account.stacks.by_name.get(&update.stack) else {
        return Err(format!("there is no stack `{}`", update.stack));
    };
    if let Some(other) = update.resources.iter().find(|id| !stack.resources.contains_key(*id)) {
        return Err(format!("the stack `{}` has no resource `{other}`", update.stack));
    }
    if update.resources.is_empty() {
        return Err("an update goes through one resource at the least".to_owned());
    }
    account.services.stacks.declared.push(update);
    Ok(())
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = humantime::parse_duration(&text)
        .map_err(|error| de::Error::custom(format!("`{text}` is no duration: {error}")))?;
    SignedDuration::try_from(parsed).map_err(de::Error::custom)
}
