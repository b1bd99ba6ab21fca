//! `aws:executeAutomation`: a runbook that runs another.
//!
//! Main functions: [`start`] and [`child_over`]. Invariant: a child runs on behalf of whoever started
//! its parent, and runbooks nest no deeper than [`MAX_DEPTH`], so a runbook that starts itself ends.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeAutomation.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Progress, StepCall, inputs};
use super::engine::{self, get};
use super::execution::{Failure, Stage, Status, Success};
use super::references::text;
use super::{Request, parameters};
use crate::emulator::account::Account;
use crate::emulator::policy;
use crate::emulator::services::Service;

/// The operation that starts a child, with the permissions of the parent's step.
const START: &str = "StartAutomationExecution";

/// How deep runbooks may start runbooks; ours.
const MAX_DEPTH: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Input {
    document_name: String,
    #[serde(default)]
    document_version: Option<Value>,
    #[serde(default)]
    runtime_parameters: IndexMap<String, Value>,
}

/// `aws:executeAutomation`: starts the child; the step ends with it.
pub(super) fn start(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Input = inputs(call)?;
    let refused = |error: &crate::emulator::error::ServiceError| {
        super::actions::refused(Service::Ssm, START, error)
    };
    let asked = json!({"DocumentName": input.document_name});
    policy::authorize(account, &call.caller, Service::Ssm, START, &asked)
        .map_err(|error| refused(&error))?;
    let execution = get(account, &call.execution).expect("its step is being run");
    let depth = execution.depth + 1;
    if depth > MAX_DEPTH {
        let reason = format!("runbooks are nested deeper than {MAX_DEPTH}");
        return Err(Failure::new(Stage::Invocation, reason));
    }
    // The child inherits who started the parent, not the parent's role.
    let (executed_by, starter) = (execution.executed_by.clone(), execution.starter.clone());
    let request = Request {
        document: input.document_name,
        version: input.document_version.as_ref().map(text),
        parameters: input
            .runtime_parameters
            .iter()
            .map(|(name, value)| (name.clone(), parameters::wire(value)))
            .collect(),
        executed_by,
        starter,
        parent: Some((call.execution.clone(), call.run)),
        depth,
        tags: Vec::new(),
    };
    let id = super::start(account, request).map_err(|error| refused(&error))?;
    Ok(Progress::WaitFor { key: id })
}

/// An execution has ended: the step that waits for it, if any, is told.
pub(super) fn child_over(account: &mut Account, id: &str) {
    let Some(child) = get(account, id) else { return };
    if child.parent.is_none() {
        return;
    }
    let status = child.status;
    let output: Vec<String> = engine::outputs(child).into_values().flatten().collect();
    let outputs = IndexMap::from([
        ("ExecutionId".to_owned(), json!(id)),
        ("Status".to_owned(), json!(status.name())),
        ("Output".to_owned(), json!(output)),
    ]);
    let reason = child.failure.as_ref().map(Failure::message).unwrap_or_default();
    let result = if status == Status::Success {
        Ok(Success { outputs, ..Success::default() })
    } else {
        let reason = format!(
            "Secondary automation execution {id} ended with status {}. {reason}",
            status.name()
        );
        Err(Failure { outputs, ..Failure::new(Stage::PostVerification, reason) })
    };
    engine::finish_waiting(account, id, result);
}
