//! Stub of the lambda service; its owner replaces this file.

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The state of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}

/// Placeholder.
pub(crate) fn function_policy(
    _account: &Account,
    _name: &str,
) -> Option<(String, serde_json::Value)> {
    None
}
/// Placeholder.
pub(crate) fn arn_of(account: &Account, name: &str) -> String {
    account.identity.arn("lambda", &format!("function:{name}"))
}
