//! The life of a stack update: it runs, is monitored, and is complete, or is rolled back.
//!
//! Main functions: [`begin`], [`polls`] and [`roll_back`]. Invariant: every change of a status is an event of
//! the stack, and one on the default bus
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge.html>).

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{DeclaredUpdate, Due};
use crate::emulator::account::Account;
use crate::emulator::facts::{Fact, FactId};
use crate::emulator::services::{cloudwatch, events};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The type of the events of a stack itself.
const STACK: &str = "AWS::CloudFormation::Stack";

/// What is known of a stack besides what it made.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) created: Timestamp,
    pub(super) updated: Option<Timestamp>,
    /// What updates set; those of the environment are not known here.
    pub(super) parameters: IndexMap<String, String>,
    /// Oldest first.
    pub(super) events: Vec<StackEvent>,
    /// The update that goes on or went on last.
    operation: Option<Running>,
    operations: u32,
}

/// One event of a stack or of one of its resources.
#[derive(Debug, Clone)]
pub(crate) struct StackEvent {
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) kind: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) token: Option<String>,
    pub(super) at: Timestamp,
}

/// What an update is asked to do.
pub(super) struct Order {
    pub(super) update: DeclaredUpdate,
    pub(super) parameters: IndexMap<String, String>,
    pub(super) triggers: Vec<String>,
    pub(super) monitoring: u32,
    pub(super) token: Option<String>,
}

#[derive(Debug, Clone)]
struct Running {
    update: DeclaredUpdate,
    before: IndexMap<String, String>,
    triggers: Vec<String>,
    monitoring: SignedDuration,
    token: Option<String>,
    began: Timestamp,
    facts: Vec<FactId>,
}

/// The record of a stack that is there; one that nobody asked about is made with its creation in it.
pub(super) fn record<'a>(account: &'a mut Account, name: &str) -> &'a mut Record {
    let stack = &account.stacks.by_name[name];
    let created = account.services.stacks.opened;
    let creation = StackEvent {
        id: format!("{name}-CREATE_COMPLETE"),
        logical_id: name.to_owned(),
        physical_id: stack.id.clone(),
        kind: STACK.to_owned(),
        status: "CREATE_COMPLETE",
        reason: None,
        token: None,
        at: created,
    };
    account.services.stacks.records.entry(name.to_owned()).or_insert_with(|| Record {
        status: "CREATE_COMPLETE",
        reason: None,
        created,
        updated: None,
        parameters: IndexMap::new(),
        events: vec![creation],
        operation: None,
        operations: 0,
    })
}

/// The operation of this number, while it goes on.
fn running<'a>(account: &'a Account, name: &str, number: u32) -> Option<(&'a Record, &'a Running)> {
    let record = account.services.stacks.records.get(name)?;
    let running = record.operation.as_ref()?;
    (record.operations == number).then_some((record, running))
}

/// The stack enters a status: an event of its own, and one on the default bus.
fn enter(account: &mut Account, name: &str, status: &'static str, reason: Option<String>) {
    let Some(stack) = account.stacks.by_name.get(name) else { return };
    let (id, now, event_id) = (stack.id.clone(), account.now(), account.ids.uuid());
    let entry = record(account, name);
    let token = entry.operation.as_ref().and_then(|running| running.token.clone());
    entry.status = status;
    entry.reason.clone_from(&reason);
    entry.events.push(StackEvent {
        id: event_id,
        logical_id: name.to_owned(),
        physical_id: id.clone(),
        kind: STACK.to_owned(),
        status,
        reason: reason.clone(),
        token: token.clone(),
        at: now,
    });
    let detail = json!({
        "stack-id": id,
        "status-details": {"status": status, "status-reason": reason.unwrap_or_default()},
        "client-request-token": token,
    });
    let kind = "CloudFormation Stack Status Change";
    events::emit(account, "aws.cloudformation", kind, vec![id], detail);
    account.touch(Topic::Deployments);
}

/// The resources of the update enter a status; the last of them may have a reason.
fn resources(
    account: &mut Account,
    name: &str,
    status: &'static str,
    last: Option<(&'static str, String)>,
) {
    let Some(stack) = account.stacks.by_name.get(name) else { return };
    let Some(running) = record_of(account, name).and_then(|record| record.operation.clone()) else {
        return;
    };
    let made: Vec<(String, String, String)> = running
        .update
        .resources
        .iter()
        .filter_map(|id| {
            let made = stack.resources.get(id)?;
            Some((id.clone(), made.reference.clone(), made.type_name.clone()))
        })
        .collect();
    let now = account.now();
    let count = made.len();
    for (index, (logical_id, physical_id, kind)) in made.into_iter().enumerate() {
        let (status, reason) = match &last {
            Some((status, reason)) if index + 1 == count => (*status, Some(reason.clone())),
            Some(_) | None => (status, None),
        };
        let event = StackEvent {
            id: format!("{logical_id}-{status}-{}", account.ids.uuid()),
            logical_id,
            physical_id,
            kind,
            status,
            reason,
            token: running.token.clone(),
            at: now,
        };
        record(account, name).events.push(event);
    }
}

fn record_of<'a>(account: &'a Account, name: &str) -> Option<&'a Record> {
    account.services.stacks.records.get(name)
}

/// The update begins.
pub(super) fn begin(account: &mut Account, name: &str, order: Order) {
    let now = account.now();
    let facts: Vec<FactId> = order
        .update
        .parameters
        .iter()
        .map(|(key, value)| {
            let attributes =
                [("stack", name), ("parameter", key.as_str()), ("value", value.as_str())];
            Fact::new("stack-update", attributes)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|fact| account.facts.begin(fact))
        .collect();
    let lasts = order.update.lasts;
    let entry = record(account, name);
    entry.operations += 1;
    entry.updated = Some(now);
    let before = std::mem::replace(&mut entry.parameters, order.parameters);
    let earlier = entry.operation.take().map(|old| old.facts).unwrap_or_default();
    entry.operation = Some(Running {
        update: order.update,
        before,
        triggers: order.triggers,
        monitoring: SignedDuration::from_mins(i64::from(order.monitoring)),
        token: order.token,
        began: now,
        facts,
    });
    let number = entry.operations;
    // What the last update set is replaced by this one.
    for fact in earlier {
        account.facts.end(fact);
    }
    enter(account, name, "UPDATE_IN_PROGRESS", Some("User Initiated".to_owned()));
    resources(account, name, "UPDATE_IN_PROGRESS", None);
    account.schedule_in(lasts, Due::Updated(name.to_owned(), number));
    polls(account, name, number);
}

/// The resources are updated, or the last of them failed.
pub(super) fn updated(account: &mut Account, name: &str, number: u32) {
    let Some((record, running)) = running(account, name, number) else { return };
    if record.status != "UPDATE_IN_PROGRESS" {
        return;
    }
    let (fails, monitoring) = (running.update.fails.clone(), running.monitoring);
    let last = running.update.resources.last().cloned().unwrap_or_default();
    if let Some(reason) = fails {
        resources(account, name, "UPDATE_COMPLETE", Some(("UPDATE_FAILED", reason)));
        let why = format!("The following resource(s) failed to update: [{last}]. ");
        roll_back(account, name, why);
        return;
    }
    resources(account, name, "UPDATE_COMPLETE", None);
    account.schedule_in(monitoring, Due::Monitored(name.to_owned(), number));
}

/// The monitoring time is over, and no trigger fired.
pub(super) fn monitored(account: &mut Account, name: &str, number: u32) {
    let Some((record, _)) = running(account, name, number) else { return };
    if record.status == "UPDATE_IN_PROGRESS" {
        enter(account, name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        account.schedule_in(timing::STACK_CLEANUP, Due::Cleaned(name.to_owned(), number));
    }
}

/// Looks at the rollback triggers, and again later.
pub(super) fn polls(account: &mut Account, name: &str, number: u32) {
    let Some((record, running)) = running(account, name, number) else { return };
    if record.status != "UPDATE_IN_PROGRESS" || running.triggers.is_empty() {
        return;
    }
    let state =
        |arn: &String| cloudwatch::alarm_state(account, arn.rsplit(':').next().unwrap_or(arn));
    // AWS publishes no wording for either; ours.
    let missing = running.triggers.iter().find(|arn| state(arn).is_none());
    let why = if let Some(arn) = missing {
        Some(format!("The rollback trigger {arn} does not exist."))
    } else {
        let fired = running.triggers.iter().find(|arn| state(arn) == Some("ALARM"));
        fired.map(|arn| format!("Rollback trigger {arn} is in ALARM."))
    };
    match why {
        Some(why) => roll_back(account, name, why),
        None => {
            account.schedule_in(timing::STACK_TRIGGER_POLL, Due::Polls(name.to_owned(), number));
        }
    }
}

/// The update is taken back; that takes as long as it has been running.
pub(super) fn roll_back(account: &mut Account, name: &str, reason: String) {
    let now = account.now();
    let Some(record) = record_of(account, name) else { return };
    let Some(running) = &record.operation else { return };
    let (number, took) = (record.operations, now.duration_since(running.began));
    let takes = took.min(running.update.lasts).max(timing::STACK_CLEANUP);
    enter(account, name, "UPDATE_ROLLBACK_IN_PROGRESS", Some(reason));
    resources(account, name, "UPDATE_IN_PROGRESS", None);
    account.schedule_in(takes, Due::IsBack(name.to_owned(), number));
}

/// The resources are as they were.
pub(super) fn is_back(account: &mut Account, name: &str, number: u32) {
    if running(account, name, number).is_none() {
        return;
    }
    resources(account, name, "UPDATE_COMPLETE", None);
    let entry = record(account, name);
    let facts = match &mut entry.operation {
        Some(running) => {
            entry.parameters = std::mem::take(&mut running.before);
            std::mem::take(&mut running.facts)
        }
        None => Vec::new(),
    };
    for fact in facts {
        account.facts.end(fact);
    }
    enter(account, name, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
    account.schedule_in(timing::STACK_CLEANUP, Due::Cleaned(name.to_owned(), number));
}

/// What was replaced is gone.
pub(super) fn cleaned(account: &mut Account, name: &str, number: u32) {
    let Some((record, _)) = running(account, name, number) else { return };
    let end = match record.status {
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => "UPDATE_ROLLBACK_COMPLETE",
        _ => return,
    };
    enter(account, name, end, None);
}
