//! What faults start and run, resolved: runbooks, commands, executions, functions.
//!
//! Main types: [`AutomationStart`], [`CommandSend`], [`ExecutionStart`], [`FunctionInvoke`]. Invariant:
//! whatever marks the thing as this drill's (a token, a comment, a name) is decided here, so that it can
//! be found again from the plan alone.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resolve::signed;
use super::{FaultAction, millis};
use crate::scenario::types::{
    CommandTarget, Invocation, InvokeFault, SsmAutomationFault, SsmCommandFault,
    StartExecutionFault,
};

/// How long an instance may take until it begins a command, where the scenario does not say: a command
/// that comes later would break something that nobody watches any more.
const DELIVERY_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);

/// The longest comment of a command and the longest name of an execution, in characters:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>,
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.
const LONGEST_COMMENT: usize = 100;
const LONGEST_NAME: usize = 80;

/// A runbook to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationStart {
    /// The document's name or ARN.
    pub document: String,
    /// Its version; nothing for the default one.
    pub version: Option<String>,
    /// Its parameters.
    pub parameters: IndexMap<String, Vec<String>>,
}

/// A command to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSend {
    /// The document's name or ARN.
    pub document: String,
    /// The instances, by id.
    pub instances: Vec<String>,
    /// The instances, by tags and the like.
    pub targets: Vec<CommandTarget>,
    /// Its parameters, the execution timeout among them.
    pub parameters: IndexMap<String, Vec<String>>,
    /// An instance that has not begun by then never does.
    #[serde(with = "millis")]
    pub delivery_timeout: SignedDuration,
    /// The comment by which the command is found again.
    pub comment: String,
}

impl CommandSend {
    /// Whether Systems Manager can be asked for the instances. A resource group is another service's.
    pub(crate) fn looks_up_instances(&self) -> bool {
        !self.targets.iter().any(|target| target.key.starts_with("resource-groups:"))
    }
}

/// An execution to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionStart {
    /// The state machine's name or ARN.
    pub state_machine: String,
    /// The execution's name, which holds the run's id.
    pub name: String,
    /// The input, as JSON text.
    pub input: String,
}

/// A function to invoke.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionInvoke {
    /// The function's name or ARN.
    pub function: String,
    /// A version or an alias.
    pub qualifier: Option<String>,
    /// The payload, as JSON text.
    pub payload: String,
    /// How it is invoked.
    pub invocation: Invocation,
}

/// The token that finds what a fault made: unique to the drill and the fault.
pub(crate) fn token(run_id: &str, fault: &str) -> String {
    format!("{run_id}-{fault}")
}

fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most { text } else { text.chars().take(most).collect() }
}

pub(super) fn automation(written: &SsmAutomationFault) -> FaultAction {
    FaultAction::SsmAutomation(AutomationStart {
        document: written.document.clone(),
        version: written.version.clone(),
        parameters: parameters(&written.parameters),
    })
}

pub(super) fn command(written: &SsmCommandFault, fault: &str, run_id: &str) -> FaultAction {
    let mut parameters = parameters(&written.parameters);
    if let Some(timeout) = written.execution_timeout {
        let seconds = signed(timeout).as_secs().to_string();
        parameters.insert("executionTimeout".to_owned(), vec![seconds]);
    }
    FaultAction::SsmCommand(CommandSend {
        document: written.document.clone(),
        instances: written.instances.clone(),
        targets: written.targets.clone(),
        parameters,
        delivery_timeout: written.delivery_timeout.map_or(DELIVERY_TIMEOUT, signed),
        comment: cut(format!("firedrill:token={}", token(run_id, fault)), LONGEST_COMMENT),
    })
}

pub(super) fn execution(written: &StartExecutionFault, fault: &str, run_id: &str) -> FaultAction {
    FaultAction::StartExecution(ExecutionStart {
        state_machine: written.state_machine.clone(),
        name: cut(token(run_id, fault), LONGEST_NAME),
        input: json_text(&written.input),
    })
}

pub(super) fn invoke(written: &InvokeFault) -> FaultAction {
    FaultAction::Invoke(FunctionInvoke {
        function: written.function.clone(),
        qualifier: written.qualifier.clone(),
        payload: json_text(&written.payload),
        invocation: written.invocation,
    })
}

/// YAML as JSON text; nothing is an empty object.
fn json_text(value: &Value) -> String {
    if value.is_null() { "{}".to_owned() } else { value.to_string() }
}

/// Parameters of documents are lists of text; one text is a list of one.
fn parameters(written: &IndexMap<String, Value>) -> IndexMap<String, Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    };
    written.iter().map(|(name, value)| (name.clone(), list(value))).collect()
}

/// What such a fault does, in a few words; the same in the dry run and in reports.
pub(crate) fn words(action: &FaultAction) -> Option<String> {
    let name = crate::scenario::inventory::short_name;
    Some(match action {
        FaultAction::SsmAutomation(start) => format!("runbook {} started", start.document),
        FaultAction::SsmCommand(send) => {
            format!("command {} on {}", send.document, command_targets(send))
        }
        FaultAction::StartExecution(start) => {
            format!("execution of state machine {} started", name(&start.state_machine))
        }
        FaultAction::Invoke(invoke) => match invoke.invocation {
            Invocation::RequestResponse => format!("function {} invoked", name(&invoke.function)),
            Invocation::Event => {
                format!("function {} invoked, without waiting", name(&invoke.function))
            }
        },
        FaultAction::FisTemplate { .. }
        | FaultAction::FisInline { .. }
        | FaultAction::PutEvents { .. }
        | FaultAction::SetAlarmState { .. }
        | FaultAction::PutMetricData { .. }
        | FaultAction::DisableRule { .. }
        | FaultAction::Publish { .. }
        | FaultAction::SendMessage { .. }
        | FaultAction::SampleFindings { .. }
        | FaultAction::SecurityHubFindings { .. }
        | FaultAction::ConfigEvaluation { .. }
        | FaultAction::LogLine { .. }
        | FaultAction::StartReplay(_)
        | FaultAction::Http { .. }
        | FaultAction::Command { .. } => return None,
    })
}

/// Where a command goes: `i-1, i-2` or `tag:Service=web`.
pub(crate) fn command_targets(send: &CommandSend) -> String {
    if !send.instances.is_empty() {
        return send.instances.join(", ");
    }
    let one = |target: &CommandTarget| format!("{}={}", target.key, target.values.join("|"));
    send.targets.iter().map(one).collect::<Vec<_>>().join(", ")
}
