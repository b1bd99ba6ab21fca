//! Stub of the autoscaling service; its owner replaces this file.

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

pub(crate) fn instance_changed(
    _account: &mut Account,
    _instance: &str,
    _state: super::ec2::InstanceState,
) {
}

pub(crate) fn in_service(_account: &Account, _group: &str) -> Vec<String> {
    Vec::new()
}
