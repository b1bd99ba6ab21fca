//! Signals: how faults reach metrics, as the environment declares it. Stub; its owner replaces this file.

use super::account::{Account, ApiCall};

/// The declared signals of an account and where each stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {}

/// What the signals have on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

impl From<Due> for super::services::Due {
    fn from(due: Due) -> Self {
        super::services::Due::Signals(due)
    }
}

/// Tells the signals that an API call was made in the account.
pub(crate) fn api_called(_account: &mut Account, _call: &ApiCall) {}

/// Tells the signals that an event reached an event bus.
pub(crate) fn event_arrived(_account: &mut Account, _event: &serde_json::Value) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}
