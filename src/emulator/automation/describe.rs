//! Executions and steps in the shapes of the API.
//!
//! Main functions: [`execution`], [`metadata`], [`step`]. Invariant: members are spelled as AWS spells
//! them, and what is not known yet is left out rather than empty.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StepExecution.html>.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::engine;
use super::execution::{Execution, Failure, Status, StepRun};
use super::parameters::wire;
use super::references::text;
use crate::emulator::account::epoch_seconds;

/// How many steps `GetAutomationExecution` lists before it says that the list is cut.
const MAX_LISTED_STEPS: usize = 100;

/// The `AutomationExecution` of `GetAutomationExecution`.
pub(crate) fn execution(execution: &Execution) -> Value {
    let mut shape = header(execution);
    let listed: Vec<Value> =
        execution.runs.iter().take(MAX_LISTED_STEPS).map(|run| step(execution, run)).collect();
    shape.insert("StepExecutions".to_owned(), json!(listed));
    let cut = execution.runs.len() > MAX_LISTED_STEPS;
    shape.insert("StepExecutionsTruncated".to_owned(), json!(cut));
    shape.insert("Parameters".to_owned(), lists(&execution.parameters));
    if !execution.variables.is_empty() {
        shape.insert("Variables".to_owned(), lists(&execution.variables));
    }
    shape.insert("ResolvedTargets".to_owned(), json!({"ParameterValues": [], "Truncated": false}));
    let count = |status: Status| execution.runs.iter().filter(|run| run.status == status).count();
    shape.insert(
        "ProgressCounters".to_owned(),
        json!({
            "TotalSteps": execution.runs.len(),
            "SuccessSteps": count(Status::Success),
            "FailedSteps": count(Status::Failed),
            "CancelledSteps": count(Status::Cancelled),
            "TimedOutSteps": count(Status::TimedOut),
        }),
    );
    Value::Object(shape)
}

/// The `AutomationExecutionMetadata` of `DescribeAutomationExecutions`.
pub(crate) fn metadata(execution: &Execution) -> Value {
    let mut shape = header(execution);
    shape.insert("AutomationType".to_owned(), json!("Local"));
    Value::Object(shape)
}

/// What both shapes carry.
fn header(execution: &Execution) -> Map<String, Value> {
    let mut shape = Map::new();
    let mut put = |name: &str, value: Value| {
        shape.insert(name.to_owned(), value);
    };
    put("AutomationExecutionId", json!(execution.id));
    put("DocumentName", json!(execution.document_name));
    put("DocumentVersion", json!(execution.document_version));
    put("AutomationExecutionStatus", json!(execution.status.name()));
    put("ExecutionStartTime", epoch_seconds(execution.start));
    if let Some(end) = execution.end {
        put("ExecutionEndTime", epoch_seconds(end));
    }
    put("ExecutedBy", json!(execution.executed_by));
    put("Mode", json!("Auto"));
    if let Some((parent, _)) = &execution.parent {
        put("ParentAutomationExecutionId", json!(parent));
    }
    if !execution.status.is_final() && execution.begun > 0 {
        let run = execution.current();
        put("CurrentStepName", json!(run.step.name));
        put("CurrentAction", json!(run.step.action));
    }
    put("Outputs", json!(engine::outputs(execution)));
    if let Some(failure) = &execution.failure {
        put("FailureMessage", json!(failure.message()));
    }
    put("Targets", json!([]));
    shape
}

/// The `StepExecution` of one run of a step.
pub(crate) fn step(execution: &Execution, run: &StepRun) -> Value {
    let definition = &run.step;
    let mut shape = Map::new();
    let mut put = |name: &str, value: Value| {
        shape.insert(name.to_owned(), value);
    };
    put("StepName", json!(definition.name));
    put("Action", json!(definition.action));
    if let Some(seconds) = run.timeout {
        put("TimeoutSeconds", json!(seconds));
    }
    put("OnFailure", json!(definition.on_failure.text()));
    put("MaxAttempts", json!(definition.max_attempts));
    if let Some(start) = run.start {
        put("ExecutionStartTime", epoch_seconds(start));
    }
    if let Some(end) = run.end {
        put("ExecutionEndTime", epoch_seconds(end));
    }
    put("StepStatus", json!(run.status.name()));
    if let Some(code) = &run.code {
        put("ResponseCode", json!(code));
    }
    // The API carries each input as the JSON text of its value.
    let inputs: Map<String, Value> =
        run.inputs.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect();
    put("Inputs", Value::Object(inputs));
    put("Outputs", lists(&run.outputs));
    if let (Some(_), Some(output)) = (&run.code, run.outputs.get("Output")) {
        put("Response", json!(text(output)));
    }
    if let Some(failure) = &run.failure {
        put("FailureMessage", json!(failure.message()));
        put("FailureDetails", details(failure));
    }
    put("StepExecutionId", json!(run.id));
    put("OverriddenParameters", json!({}));
    put("IsEnd", json!(definition.is_end));
    if let Some(next) = &definition.next {
        put("NextStep", json!(next));
    }
    put("IsCritical", json!(definition.is_critical));
    if let Some(parent) = &run.parent {
        let owner = &execution.runs[parent.run];
        let mut details = json!({
            "StepExecutionId": owner.id,
            "StepName": owner.step.name,
            "Action": owner.step.action,
            "Iteration": parent.iteration,
        });
        if let Some(value) = &parent.value {
            details["IteratorValue"] = json!(text(value));
        }
        put("ParentStepDetails", details);
    }
    Value::Object(shape)
}

fn details(failure: &Failure) -> Value {
    let kind = if failure.timed_out { "Verification" } else { failure.kind };
    json!({
        "FailureStage": failure.stage_name(),
        "FailureType": kind,
        "Details": {"VerificationErrorMessage": [failure.message()]},
    })
}

/// Values as the API carries them: each a list of strings.
fn lists(values: &IndexMap<String, Value>) -> Value {
    Value::Object(values.iter().map(|(name, value)| (name.clone(), json!(wire(value)))).collect())
}
