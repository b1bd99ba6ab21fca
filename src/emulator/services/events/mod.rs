//! Stub of the events service; its owner replaces this file.

use serde_json::Value;

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

/// An AWS service puts an event onto the default bus, after the usual short delay.
///
/// `resources` are ARNs; id, time, account and region are filled in here.
pub(crate) fn emit(
    _account: &mut Account,
    _source: &str,
    _detail_type: &str,
    _resources: Vec<String>,
    _detail: Value,
) {
}
