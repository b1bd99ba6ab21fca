//! Incident Manager: response plans, incidents and their timelines.
//!
//! Main types: [`plans::Plan`] (what to do) and [`records::Record`] (what happened). Invariants: while an
//! incident is open, the same alarm, rule or dedupe string opens no second one; what a plan starts it
//! starts with the plan's own permissions. Contacts are not emulated: a plan's engagements are kept and
//! shown, and nobody is paged.
//! Source: <https://docs.aws.amazon.com/incident-manager/latest/userguide/what-is-incident-manager.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the operation table hands every operation its input by value"
)]

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

mod plans;
mod records;
mod respond;
mod timeline;

#[cfg(test)]
mod tests;

/// The state of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By ARN.
    plans: IndexMap<String, plans::Plan>,
    /// By ARN, oldest first.
    records: IndexMap<String, records::Record>,
    /// Client tokens that were used, and the incidents that they opened.
    tokens: IndexMap<String, String>,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The plan of this incident is carried out.
    Respond(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateResponsePlan": plans::Create => plans::create,
    "GetResponsePlan": plans::Get => plans::get,
    "ListResponsePlans": plans::List => plans::list,
    "DeleteResponsePlan": plans::Delete => plans::delete,
    "StartIncident": records::Start => records::start,
    "GetIncidentRecord": records::Get => records::get,
    "ListIncidentRecords": records::List => records::list,
    "UpdateIncidentRecord": records::Update => records::update,
    "ListRelatedItems": records::ListRelated => records::list_related,
    "ListTimelineEvents": timeline::List => timeline::list,
    "GetTimelineEvent": timeline::Get => timeline::get,
];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Respond(arn) => respond::respond(account, &arn),
    }
}
