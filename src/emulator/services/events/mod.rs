//! `EventBridge`: event buses, rules, targets, delivery with retries and dead letters, archives, replays.
//!
//! Main type: [`State`]. Invariants: an event that a bus accepted meets each rule that was enabled at
//! that moment exactly once; each matched target ends as delivered, dead-lettered or failed, and the
//! `AWS/Events` metrics say which. Rules of other accounts' buses stand in the state only as far as the
//! environment declares them, so that what arrived there can be looked at.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod archives;
mod bus_logs;
mod buses;
mod delivery;
mod foreign;
mod ingest;
mod invoke;
pub(crate) mod matcher;
mod metrics;
mod rules;
mod schedule;
mod targets;
#[cfg(test)]
mod tests;
mod transform;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

pub(crate) use self::buses::{arn_of_bus, bus_policy};
pub(crate) use self::foreign::{
    ForeignBus, arrive, declare_foreign, leaving, owns, see_buses, shown_buses,
};
pub(crate) use self::transform::Path;
use crate::emulator::account::{Account, from_epoch_seconds};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::timing;
pub(in crate::emulator::services) use rules::MOST_RULES;

/// The buses, with their rules, and the archives of the account.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By ARN; the default bus stands first, other accounts' buses among the rest.
    buses: IndexMap<String, buses::Bus>,
    archives: IndexMap<String, archives::Archive>,
    replays: IndexMap<String, archives::Replay>,
    metrics: metrics::Minute,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An event of an AWS service reaches the default bus.
    Emitted(Box<Value>),
    /// A target is invoked, for the first time or again.
    Attempt(Box<delivery::Invocation>),
    /// A bus's record arrives where it is delivered.
    Logged(Box<bus_logs::Record>),
    /// A rule's schedule has come round.
    Scheduled {
        /// The bus that holds the rule.
        bus: String,
        /// The rule's name.
        rule: String,
        /// The state of the rule when this was put down; a rule that changed since has a newer one.
        generation: u64,
    },
    /// The minute ends and its metrics are published.
    Minute,
    /// A replay puts its next event back on the bus.
    Replay(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "PutEvents": ingest::PutEvents => ingest::put_events,
    "TestEventPattern": ingest::TestEventPattern => ingest::test_event_pattern,
    "CreateEventBus": buses::CreateEventBus => buses::create,
    "DescribeEventBus": buses::DescribeEventBus => buses::describe,
    "ListEventBuses": buses::ListEventBuses => buses::list,
    "DeleteEventBus": buses::DeleteEventBus => buses::delete,
    "UpdateEventBus": buses::UpdateEventBus => buses::update,
    "PutPermission": buses::PutPermission => buses::put_permission,
    "RemovePermission": buses::RemovePermission => buses::remove_permission,
    "PutRule": rules::PutRule => rules::put,
    "DescribeRule": rules::RuleName => rules::describe,
    "ListRules": rules::ListRules => rules::list,
    "EnableRule": rules::RuleName => rules::enable,
    "DisableRule": rules::RuleName => rules::disable,
    "DeleteRule": rules::DeleteRule => rules::delete,
    "TagResource": rules::TagResource => rules::tag,
    "ListTagsForResource": rules::ListTags => rules::list_tags,
    "PutTargets": targets::PutTargets => targets::put,
    "ListTargetsByRule": targets::ListTargets => targets::list,
    "RemoveTargets": targets::RemoveTargets => targets::remove,
    "CreateArchive": archives::CreateArchive => archives::create,
    "DescribeArchive": archives::DescribeArchive => archives::describe,
    "DeleteArchive": archives::DescribeArchive => archives::delete,
    "StartReplay": archives::StartReplay => archives::start,
    "DescribeReplay": archives::DescribeReplay => archives::describe_replay,
    "CancelReplay": archives::DescribeReplay => archives::cancel,
    "ListArchives": archives::ListArchives => archives::list,
    "ListReplays": archives::ListReplays => archives::list_replays,
];

/// Sets up what every account has: the default event bus.
pub(crate) fn open(account: &mut Account) {
    buses::open_default(account);
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Emitted(event) => accept(account, "default", *event),
        Due::Attempt(invocation) => delivery::attempt(account, invocation),
        Due::Scheduled { bus, rule, generation } => {
            rules::come_round(account, &bus, &rule, generation);
        }
        Due::Minute => metrics::publish(account),
        Due::Logged(record) => bus_logs::arrive(account, &record),
        Due::Replay(name) => archives::go_on(account, &name),
    }
}

/// An AWS service puts an event onto the default bus, after the usual short delay.
///
/// `resources` are ARNs; id, time, account and region are filled in here.
pub(crate) fn emit(
    account: &mut Account,
    source: &str,
    detail_type: &str,
    resources: Vec<String>,
    detail: Value,
) {
    let event = envelope(account, source, detail_type, None, resources, detail);
    account.schedule_in(timing::SERVICE_EVENT, Due::Emitted(Box::new(event)));
}

/// Puts a complete event onto a bus, named or given by its ARN, right now.
pub(crate) fn accept(account: &mut Account, bus: &str, event: Value) {
    ingest::accept(account, bus, event);
}

/// A moment as a caller writes it: a number on the wire, or text where a runbook's step makes the call.
#[derive(Debug, Clone, Copy)]
struct Moment(Timestamp);

impl Moment {
    fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_f64().and_then(from_epoch_seconds),
            _ => None,
        };
        read.map(Self).ok_or_else(|| serde::de::Error::custom("a timestamp was expected"))
    }
}

/// An event in AWS's order of keys; `time` has whole seconds, as on AWS
/// (<https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>).
fn envelope(
    account: &mut Account,
    source: &str,
    detail_type: &str,
    time: Option<Timestamp>,
    resources: Vec<String>,
    detail: Value,
) -> Value {
    let time = whole_seconds(time.unwrap_or(account.now()));
    let mut event = Map::with_capacity(9);
    event.insert("version".to_owned(), "0".into());
    event.insert("id".to_owned(), account.ids.uuid().into());
    event.insert("detail-type".to_owned(), detail_type.into());
    event.insert("source".to_owned(), source.into());
    event.insert("account".to_owned(), account.identity.account.as_str().into());
    event.insert("time".to_owned(), time.into());
    event.insert("region".to_owned(), account.identity.region.as_str().into());
    event.insert("resources".to_owned(), json!(resources));
    event.insert("detail".to_owned(), detail);
    Value::Object(event)
}

fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
