//! What the account says about executions: wake-ups and events.
//!
//! Main functions: [`execution_changed`] and [`step_changed`]. Invariant: each change of status is one
//! event in the documented shape.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::engine;
use super::execution::Execution;
use crate::emulator::account::Account;
use crate::emulator::services::events;

/// An execution's status changed.
pub(super) fn execution_changed(account: &mut Account, id: &str) {
    let Some(execution) = account.services.ssm.automations.executions.get(id) else { return };
    let mut detail = detail(execution, execution.status.name());
    times(&mut detail, Some(execution.start), execution.end);
    detail["ExecutedBy"] = json!(execution.executed_by);
    let resources = resources(account, execution);
    events::emit(
        account,
        "aws.ssm",
        "EC2 Automation Execution Status-change Notification",
        resources,
        detail,
    );
    engine::touch(account);
}

/// A step's status changed.
pub(super) fn step_changed(account: &mut Account, id: &str, run: usize) {
    let Some(execution) = account.services.ssm.automations.executions.get(id) else { return };
    let run = &execution.runs[run];
    let mut detail = detail(execution, run.status.name());
    times(&mut detail, run.start, run.end);
    detail["StepName"] = json!(run.step.name);
    detail["Action"] = json!(run.step.action);
    let resources = resources(account, execution);
    events::emit(
        account,
        "aws.ssm",
        "EC2 Automation Step Status-change Notification",
        resources,
        detail,
    );
    engine::touch(account);
}

fn detail(execution: &Execution, status: &str) -> Value {
    json!({
        "ExecutionId": execution.id,
        "Definition": execution.document_name,
        "DefinitionVersion": execution.document_version.parse::<f64>().unwrap_or(1.0),
        "Status": status,
    })
}

fn times(detail: &mut Value, start: Option<Timestamp>, end: Option<Timestamp>) {
    let Some(start) = start else { return };
    detail["StartTime"] = json!(written(start));
    if let Some(end) = end {
        detail["EndTime"] = json!(written(end));
        #[expect(clippy::cast_precision_loss, reason = "a run lasts days, not ages")]
        let milliseconds = end.duration_since(start).as_millis() as f64;
        detail["Time"] = json!(milliseconds);
    }
}

/// A moment as these events write it, without a zone: `Nov 29, 2024 7:43:25 PM`.
fn written(at: Timestamp) -> String {
    at.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}

fn resources(account: &Account, execution: &Execution) -> Vec<String> {
    let identity = account.identity();
    let definition =
        format!("automation-definition/{}:{}", execution.document_name, execution.document_version);
    vec![execution.arn(identity), identity.arn("ssm", &definition)]
}
