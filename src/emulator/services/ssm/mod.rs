//! Systems Manager: documents, Automation, Run Command, `OpsCenter` and Parameter Store.
//!
//! Main type: [`State`]. Runbooks run in [`crate::emulator::automation`]; this module owns the API and
//! everything around it. Invariant: an operation or a parameter that is not listed in [`OPERATIONS`] is
//! refused by name.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/Welcome.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the operation table hands every operation its input by value"
)]

use crate::emulator::account::Account;
use crate::emulator::automation::{self, Automations};
use crate::emulator::operation::{Operation, operations};

mod automations;
mod calendars;
mod commands;
mod declared;
mod documents;
mod instances;
mod ops_items;
pub(crate) mod owned;
mod paging;
mod parameters;

#[cfg(test)]
mod tests;

pub(crate) use declared::{CommandOutcome, declare_command, declare_script};
pub(crate) use documents::{Kind as DocumentKind, automation_document, declare_document};
pub(crate) use instances::instances_of;
pub(crate) use ops_items::{DataValue, NewOpsItem, create_ops_item};
pub(crate) use paging::page;
pub(crate) use parameters::parameter_value;

/// The state of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) documents: documents::Documents,
    pub(crate) automations: Automations,
    pub(crate) declared: declared::Declared,
    commands: commands::Commands,
    ops_items: ops_items::OpsItems,
    parameters: parameters::Parameters,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A step of a runbook.
    Automation(automation::engine::Due),
    /// An invocation of a command.
    Command(commands::Due),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateDocument": documents::CreateDocument => documents::create,
    "DescribeDocument": documents::DescribeDocument => documents::describe,
    "GetDocument": documents::GetDocument => documents::get,
    "ListDocuments": documents::ListDocuments => documents::list,
    "DeleteDocument": documents::DeleteDocument => documents::delete,
    "StartAutomationExecution": automations::Start => automations::start,
    "GetAutomationExecution": automations::Get => automations::get,
    "DescribeAutomationExecutions": automations::Describe => automations::describe,
    "DescribeAutomationStepExecutions": automations::DescribeSteps => automations::describe_steps,
    "SendAutomationSignal": automations::SendSignal => automations::send_signal,
    "StopAutomationExecution": automations::Stop => automations::stop,
    "SendCommand": commands::Send => commands::send,
    "ListCommands": commands::List => commands::list,
    "ListCommandInvocations": commands::ListInvocations => commands::list_invocations,
    "GetCommandInvocation": commands::GetInvocation => commands::get_invocation,
    "CancelCommand": commands::Cancel => commands::cancel,
    "CreateOpsItem": ops_items::Create => ops_items::create,
    "GetOpsItem": ops_items::Get => ops_items::get,
    "UpdateOpsItem": ops_items::Update => ops_items::update,
    "DescribeOpsItems": ops_items::Describe => ops_items::describe,
    "GetCalendarState": calendars::GetState => calendars::get_state,
    "PutParameter": parameters::Put => parameters::put,
    "GetParameter": parameters::Get => parameters::get,
    "GetParameters": parameters::GetMany => parameters::get_many,
    "GetParametersByPath": parameters::GetByPath => parameters::get_by_path,
    "DeleteParameter": parameters::Delete => parameters::delete,
    "DescribeInstanceInformation": instances::Describe => instances::describe,
];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Automation(due) => automation::engine::happen(account, due),
        Due::Command(due) => commands::happen(account, due),
    }
}
