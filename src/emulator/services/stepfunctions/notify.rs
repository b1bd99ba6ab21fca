//! What the account says about executions: wake-ups, events and metrics.
//!
//! Main function: [`changed`]. Invariant: each change of status is one event in the documented shape and
//! one count in the documented metrics.
//! Sources: <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html>.

use serde_json::{Value, json};

use super::execution::Status;
use crate::emulator::account::Account;
use crate::emulator::services::{cloudwatch, events};
use crate::wakeup::Topic;

/// An execution's status changed.
pub(super) fn changed(account: &mut Account, arn: &str) {
    account.touch(Topic::Executions);
    let Some(execution) = account.services.stepfunctions.executions.get(arn) else { return };
    let output = execution.output.is_some().then(|| json!({ "included": true }));
    let detail = json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status.name(),
        "startDate": execution.start.as_millisecond(),
        "stopDate": execution.stop.map(jiff::Timestamp::as_millisecond),
        "input": execution.input,
        "output": execution.output,
        "stateMachineVersionArn": Value::Null,
        "stateMachineAliasArn": Value::Null,
        "redriveCount": 0,
        "redriveDate": Value::Null,
        "redriveStatus": "NOT_REDRIVABLE",
        "error": execution.error,
        "cause": execution.cause,
        "inputDetails": { "included": true },
        "outputDetails": output,
    });
    let machine = execution.machine_arn.clone();
    let name = match execution.status {
        Status::Running => "ExecutionsStarted",
        Status::Succeeded => "ExecutionsSucceeded",
        Status::Failed => "ExecutionsFailed",
        Status::TimedOut => "ExecutionsTimedOut",
        Status::Aborted => "ExecutionsAborted",
    };
    let lasted = execution.stop.map(|stop| stop.duration_since(execution.start));
    let title = "Step Functions Execution Status Change";
    events::emit(account, "aws.states", title, vec![arn.to_owned()], detail);
    let dimensions = [("StateMachineArn", machine.as_str())];
    cloudwatch::record(account, "AWS/States", name, &dimensions, 1.0);
    if let Some(lasted) = lasted {
        let milliseconds = lasted.as_secs_f64() * 1000.0;
        cloudwatch::record(account, "AWS/States", "ExecutionTime", &dimensions, milliseconds);
    }
}
