//! What drills start and run: runbooks, commands, executions, functions; as they are written.
//!
//! Main types: [`SsmAutomationFault`], [`SsmCommandFault`], [`StartExecutionFault`], [`InvokeFault`].
//! Invariant: what is JSON for AWS is YAML here, and is checked before it is sent.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// An SSM Automation runbook that breaks something; stopped at the end if it still runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsmAutomationFault {
    /// The name or ARN of the Automation document.
    pub document: String,
    /// The document's version; default: its default version.
    #[serde(default)]
    pub version: Option<String>,
    /// The document's parameters: text, or lists of text.
    #[serde(default)]
    pub parameters: IndexMap<String, serde_json::Value>,
}

/// A command on managed instances; cancelled at the end if it still runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsmCommandFault {
    /// The name or ARN of the command document, such as `AWS-RunShellScript`.
    pub document: String,
    /// The instances, by id. Either these or `targets`.
    #[serde(default)]
    pub instances: Vec<String>,
    /// The instances, by tags and the like.
    #[serde(default)]
    pub targets: Vec<CommandTarget>,
    /// The document's parameters: text, or lists of text.
    #[serde(default)]
    pub parameters: IndexMap<String, serde_json::Value>,
    /// An instance that has not begun by then never does. 30s or more; default 2m.
    #[serde(default)]
    pub delivery_timeout: Option<Duration>,
    /// The command is ended on the instance after this long: the document's `executionTimeout`. Default:
    /// the document's own (of `AWS-RunShellScript` an hour).
    #[serde(default)]
    pub execution_timeout: Option<Duration>,
}

/// Which instances a command goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTarget {
    /// Such as `tag:Service`.
    pub key: String,
    /// The values, one of which an instance has.
    pub values: Vec<String>,
}

/// An execution of a Step Functions state machine; stopped at the end if it still runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartExecutionFault {
    /// The name or ARN of the state machine.
    pub state_machine: String,
    /// The input, as YAML; default: an empty object. The execution's name holds the run's id.
    #[serde(default)]
    pub input: serde_json::Value,
}

/// An invocation of a Lambda function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvokeFault {
    /// The name or ARN of the function.
    pub function: String,
    /// A version or an alias; default: the unpublished version.
    #[serde(default)]
    pub qualifier: Option<String>,
    /// The payload, as YAML; default: an empty object.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// Whether the function's end is waited for; a function that fails is then a fault that failed.
    #[serde(default)]
    pub invocation: Invocation,
}

/// How a function is invoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Invocation {
    /// The answer is waited for (`RequestResponse`).
    #[default]
    RequestResponse,
    /// The event is queued (`Event`); Lambda itself tries again twice.
    Event,
}
