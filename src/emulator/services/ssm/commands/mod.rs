//! Run Command: commands that run on instances.
//!
//! Main types: [`SentCommand`] and [`Invocation`]. Invariant: an invocation that is in progress is also
//! a fact (`command`), and the fact ends with it, however it ends.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Due as SsmDue, instances, owned};
use crate::emulator::account::Account;
use crate::emulator::agenda::Ticket;
use crate::emulator::automation;
use crate::emulator::error::ServiceError;
use crate::emulator::facts::{Fact, FactId};
use crate::emulator::services::{ec2, events};
use crate::emulator::timing;
use crate::wakeup::Topic;

mod api;
mod shapes;

pub(super) use api::{
    Cancel, GetInvocation, List, ListInvocations, Send, cancel, get_invocation, list,
    list_invocations, send,
};

/// The commands of an account, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commands {
    sent: IndexMap<String, SentCommand>,
}

/// One command that was sent.
#[derive(Debug, Clone)]
pub(super) struct SentCommand {
    id: String,
    document: String,
    comment: String,
    parameters: IndexMap<String, Vec<String>>,
    instance_ids: Vec<String>,
    targets: Vec<Target>,
    requested: Timestamp,
    delivery: SignedDuration,
    status: Status,
    invocations: IndexMap<String, Invocation>,
}

/// A command on one instance.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    status: Status,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    code: i32,
    output: String,
    fact: Option<FactId>,
    ticket: Option<Ticket>,
}

/// Which instances a command goes to.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Target {
    key: String,
    values: Vec<String>,
}

/// The status of a command or an invocation, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// On its way to the instance.
    Pending,
    /// Running.
    InProgress,
    /// Done.
    Success,
    /// Failed.
    Failed,
    /// Ran longer than its execution timeout, or its instance went away.
    TimedOut,
    /// The instance did not take it in time.
    Undelivered,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Cancelled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::TimedOut | Self::Undelivered => "TimedOut",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
        }
    }

    fn details(self) -> &'static str {
        match self {
            Self::TimedOut => "Execution Timed Out",
            Self::Undelivered => "Delivery Timed Out",
            Self::Pending
            | Self::InProgress
            | Self::Success
            | Self::Failed
            | Self::Cancelling
            | Self::Cancelled => self.name(),
        }
    }

    fn is_final(self) -> bool {
        match self {
            Self::Success | Self::Failed | Self::TimedOut | Self::Undelivered | Self::Cancelled => {
                true
            }
            Self::Pending | Self::InProgress | Self::Cancelling => false,
        }
    }
}

/// Something that is due for an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    command: String,
    instance: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Begin,
    End(Status),
}

/// Lets one thing happen.
pub(super) fn happen(account: &mut Account, due: Due) {
    match due.what {
        What::Begin => begin(account, &due.command, &due.instance),
        What::End(status) => {
            let done = status == Status::Success || status == Status::Failed;
            if done && !runs(account, &due.instance) {
                outlive(account, &due.command, &due.instance);
            } else {
                end(account, &due.command, &due.instance, status);
            }
        }
    }
}

/// Whether the instance runs: its agent is there.
fn runs(account: &Account, instance: &str) -> bool {
    ec2::instance(account, instance).is_some_and(|found| found.state == ec2::InstanceState::Running)
}

/// Nobody is left to say how the command ended: it runs into its execution timeout.
fn outlive(account: &mut Account, command: &str, instance: &str) {
    let now = account.now();
    let Some(sent) = account.services.ssm.commands.sent.get(command) else { return };
    let start = sent.invocations.get(instance).and_then(|invocation| invocation.start);
    let limit = start.unwrap_or(now) + execution_timeout(sent);
    let left = limit.duration_since(now).max(SignedDuration::ZERO);
    due_in(account, command, instance, left, What::End(Status::TimedOut));
}

/// The `executionTimeout` parameter, in seconds, or its default.
fn execution_timeout(sent: &SentCommand) -> SignedDuration {
    sent.seconds("executionTimeout").unwrap_or(timing::COMMAND_EXECUTION_TIMEOUT)
}

impl SentCommand {
    /// A parameter that counts seconds.
    fn seconds(&self, name: &str) -> Option<SignedDuration> {
        let seconds = self.parameters.get(name)?.first()?.trim().parse::<i64>().ok()?;
        Some(SignedDuration::from_secs(seconds.max(0)))
    }
}

fn invocation<'a>(
    account: &'a mut Account,
    command: &str,
    instance: &str,
) -> Option<&'a mut Invocation> {
    account.services.ssm.commands.sent.get_mut(command)?.invocations.get_mut(instance)
}

fn due_in(account: &mut Account, command: &str, instance: &str, delay: SignedDuration, what: What) {
    let due = Due { command: command.to_owned(), instance: instance.to_owned(), what };
    let ticket = account.schedule_in(delay, SsmDue::Command(due));
    if let Some(invocation) = invocation(account, command, instance) {
        invocation.ticket = Some(ticket);
    }
}

/// How long a command runs on an instance, and how it ends.
struct Course {
    duration: SignedDuration,
    status: Status,
    code: i32,
    output: String,
}

/// What the environment declares, else what the document says, else the default; cut by the execution
/// timeout.
fn course(account: &Account, command: &SentCommand, instance: &str) -> Course {
    let text = command.parameters.get("commands").map(|lines| lines.join("\n")).unwrap_or_default();
    let declared = account.services.ssm.declared.command(&command.document, &text, instance);
    let duration = declared
        .and_then(|declared| declared.duration)
        .or_else(|| command.seconds(owned::DURATION))
        .unwrap_or(timing::COMMAND_RUN);
    let limit = execution_timeout(command);
    if duration > limit {
        return Course {
            duration: limit,
            status: Status::TimedOut,
            code: -1,
            output: String::new(),
        };
    }
    let failed = declared.is_some_and(|declared| declared.outcome == super::CommandOutcome::Failed);
    let (status, code) = if failed { (Status::Failed, 1) } else { (Status::Success, 0) };
    let output = declared.map(|declared| declared.output.clone()).unwrap_or_default();
    Course { duration, status, code, output }
}

/// The agent on the instance begins to run the command; an instance that does not run takes none.
fn begin(account: &mut Account, command: &str, instance: &str) {
    let now = account.now();
    let Some(sent) = account.services.ssm.commands.sent.get(command) else { return };
    if !runs(account, instance) {
        let left = (sent.requested + sent.delivery).duration_since(now).max(SignedDuration::ZERO);
        due_in(account, command, instance, left, What::End(Status::Undelivered));
        return;
    }
    let document = sent.document.clone();
    let course = course(account, sent, instance);
    let fact = account
        .facts
        .begin(Fact::new("command", [("document", &document), ("instance", instance)]));
    let Some(found) = invocation(account, command, instance) else { return };
    found.status = Status::InProgress;
    found.start = Some(now);
    found.fact = Some(fact);
    found.code = course.code;
    found.output = course.output;
    due_in(account, command, instance, course.duration, What::End(course.status));
    changed(account, command, instance);
}

/// An invocation ends.
fn end(account: &mut Account, command: &str, instance: &str, status: Status) {
    let now = account.now();
    let Some(found) = invocation(account, command, instance) else { return };
    found.status = status;
    found.end = Some(now);
    found.ticket = None;
    if status == Status::Cancelled {
        found.code = -1;
    }
    if let Some(fact) = found.fact.take() {
        account.facts.end(fact);
    }
    changed(account, command, instance);
}

/// Stops what is still going on of a command.
fn cancel_invocation(account: &mut Account, command: &str, instance: &str) {
    let Some(found) = invocation(account, command, instance) else { return };
    if found.status.is_final() || found.status == Status::Cancelling {
        return;
    }
    found.status = Status::Cancelling;
    if let Some(ticket) = found.ticket.take() {
        account.cancel(ticket);
    }
    due_in(account, command, instance, timing::COMMAND_CANCEL, What::End(Status::Cancelled));
    changed(account, command, instance);
}

/// An invocation's status changed: the events, the command's own status, and whoever waits for it.
fn changed(account: &mut Account, command: &str, instance: &str) {
    account.touch(Topic::Automations);
    let Some(sent) = account.services.ssm.commands.sent.get_mut(command) else { return };
    let Some(invocation) = sent.invocations.get(instance) else { return };
    let detail = json!({
        "command-id": sent.id,
        "document-name": sent.document,
        "instance-id": instance,
        "requested-date-time": sent.requested.to_string(),
        "status": invocation.status.name(),
    });
    let before = sent.status;
    sent.status = overall(sent);
    let (status, sent) = (sent.status, sent.clone());
    let resource = |instance: &str, account: &Account| {
        account.identity().arn("ec2", &format!("instance/{instance}"))
    };
    let resources = vec![resource(instance, account)];
    let title = "EC2 Command Invocation Status-change Notification";
    events::emit(account, "aws.ssm", title, resources, detail);
    if status == before {
        return;
    }
    let detail = json!({
        "command-id": sent.id,
        "document-name": sent.document,
        "expire-after": (sent.requested + sent.delivery).to_string(),
        "parameters": sent.parameters,
        "requested-date-time": sent.requested.to_string(),
        "status": status.name(),
    });
    let resources = sent.invocations.keys().map(|id| resource(id, account)).collect();
    events::emit(account, "aws.ssm", "EC2 Command Status-change Notification", resources, detail);
    if status.is_final() {
        tell_runbook(account, &sent);
    }
}

/// The command's status: the worst of its invocations, once all are over.
fn overall(sent: &SentCommand) -> Status {
    let any =
        |status: Status| sent.invocations.values().any(|invocation| invocation.status == status);
    if sent.invocations.values().all(|invocation| invocation.status.is_final()) {
        let worst = [Status::Cancelled, Status::TimedOut, Status::Undelivered, Status::Failed];
        worst.into_iter().find(|status| any(*status)).unwrap_or(Status::Success)
    } else if any(Status::Cancelling) {
        Status::Cancelling
    } else if sent.invocations.values().all(|one| one.status == Status::Pending) {
        Status::Pending
    } else {
        Status::InProgress
    }
}

/// Tells the runbook step that waits for the command, if any.
fn tell_runbook(account: &mut Account, sent: &SentCommand) {
    let code = sent.invocations.values().map(|one| one.code).find(|code| *code != 0).unwrap_or(0);
    let output: Vec<&str> = sent.invocations.values().map(|one| one.output.as_str()).collect();
    let result =
        automation::actions::command_result(&sent.id, sent.status.name(), code, &output.join("\n"));
    automation::engine::finish_waiting(account, &sent.id, result);
}

/// The instances that a command goes to, or why it can't.
fn resolve(
    account: &mut Account,
    ids: &[String],
    targets: &[Target],
) -> Result<Vec<String>, ServiceError> {
    let response = instances::all(account)?;
    let running: Vec<_> =
        instances::instances_of(&response).filter(|instance| instance.state == "running").collect();
    if !ids.is_empty() {
        if let Some(unknown) = ids.iter().find(|id| !running.iter().any(|one| one.id == **id)) {
            return Err(ServiceError::new(
                "InvalidInstanceId",
                format!(
                    "Instances [[{unknown}]] not in a valid state for account {}",
                    account.identity().account
                ),
            ));
        }
        return Ok(ids.to_vec());
    }
    let mut found = Vec::new();
    for instance in running {
        let mut fits = true;
        for target in targets {
            fits &= match target.key.as_str() {
                "InstanceIds" | "instanceids" => {
                    target.values.iter().any(|id| id == instance.id || id == "*")
                }
                "tag-key" => target.values.iter().any(|key| instance.has_tag(key, &[])),
                key => match key.strip_prefix("tag:") {
                    Some(key) => instance.has_tag(key, &target.values),
                    None => {
                        return Err(ServiceError::unsupported(format_args!(
                            "the target key {key} of SendCommand"
                        )));
                    }
                },
            };
        }
        if fits {
            found.push(instance.id.to_owned());
        }
    }
    Ok(found)
}
