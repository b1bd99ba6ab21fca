//! Stub of the cloudwatch service; its owner replaces this file.

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

/// An AWS service publishes one datapoint, stamped now.
pub(crate) fn record(
    _account: &mut Account,
    _namespace: &str,
    _metric: &str,
    _dimensions: &[(&str, &str)],
    _value: f64,
) {
}

/// The state of an alarm by name or ARN: `OK`, `ALARM` or `INSUFFICIENT_DATA`; nothing if there is none.
pub(crate) fn alarm_state(_account: &Account, _alarm: &str) -> Option<&'static str> {
    None
}
