//! Commands and invocations in the shapes of the API.
//!
//! Main functions: [`command`], [`invocation`], [`full_invocation`]. Invariant: members are spelled as
//! AWS spells them.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Invocation, SentCommand, Status};
use crate::emulator::account::epoch_seconds;

/// The `Command` shape.
pub(super) fn command(sent: &SentCommand) -> Value {
    let count = |test: &dyn Fn(Status) -> bool| {
        sent.invocations.values().filter(|invocation| test(invocation.status)).count()
    };
    json!({
        "CommandId": sent.id,
        "DocumentName": sent.document,
        "DocumentVersion": "$DEFAULT",
        "Comment": sent.comment,
        "ExpiresAfter": epoch_seconds(sent.requested + sent.delivery),
        "Parameters": sent.parameters,
        "InstanceIds": sent.instance_ids,
        "Targets": sent.targets,
        "RequestedDateTime": epoch_seconds(sent.requested),
        "Status": sent.status.name(),
        "StatusDetails": sent.status.details(),
        "TargetCount": sent.invocations.len(),
        "CompletedCount": count(&Status::is_final),
        "ErrorCount": count(&|status| matches!(status, Status::Failed | Status::TimedOut | Status::Undelivered)),
        "DeliveryTimedOutCount": count(&|status| status == Status::Undelivered),
        "TimeoutSeconds": sent.delivery.as_secs(),
    })
}

/// The `CommandInvocation` shape.
pub(super) fn invocation(
    sent: &SentCommand,
    instance: &str,
    invocation: &Invocation,
    details: bool,
) -> Value {
    let mut shape = json!({
        "CommandId": sent.id,
        "InstanceId": instance,
        "InstanceName": "",
        "Comment": sent.comment,
        "DocumentName": sent.document,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": epoch_seconds(sent.requested),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "CommandPlugins": [],
    });
    if details && let Some(start) = invocation.start {
        let mut one = json!({
            "Name": plugin(sent),
            "Status": invocation.status.name(),
            "StatusDetails": invocation.status.details(),
            "ResponseCode": code(invocation),
            "ResponseStartDateTime": epoch_seconds(start),
            "Output": invocation.output,
        });
        if let Some(end) = invocation.end {
            one["ResponseFinishDateTime"] = epoch_seconds(end);
        }
        shape["CommandPlugins"] = json!([one]);
    }
    shape
}

/// What `GetCommandInvocation` answers.
pub(super) fn full_invocation(
    sent: &SentCommand,
    instance: &str,
    invocation: &Invocation,
) -> Value {
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let elapsed = match (invocation.start, invocation.end) {
        (Some(start), Some(end)) => end.duration_since(start).to_string(),
        _ => String::new(),
    };
    let failed = invocation.code > 0;
    let written = if invocation.end.is_some() { invocation.output.as_str() } else { "" };
    json!({
        "CommandId": sent.id,
        "InstanceId": instance,
        "Comment": sent.comment,
        "DocumentName": sent.document,
        "DocumentVersion": "$DEFAULT",
        "PluginName": plugin(sent),
        "ResponseCode": code(invocation),
        "ExecutionStartDateTime": moment(invocation.start),
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": moment(invocation.end),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "StandardOutputContent": if failed { "" } else { written },
        "StandardOutputUrl": "",
        "StandardErrorContent": if failed { written } else { "" },
        "StandardErrorUrl": "",
    })
}

/// "If the response code is -1, then the command hasn't started running or hasn't finished."
fn code(invocation: &Invocation) -> i32 {
    if invocation.end.is_some() { invocation.code } else { -1 }
}

/// The name of the plugin that runs the command.
pub(super) fn plugin(sent: &SentCommand) -> &'static str {
    if sent.document.contains("PowerShell") {
        "aws:runPowerShellScript"
    } else {
        "aws:runShellScript"
    }
}
