//! What drills touch besides AWS: URLs and local programs; and what is read out of JSON.
//!
//! Main types: [`HttpFault`], [`CommandFault`], [`HttpExpectation`], [`ExecutionExpectation`],
//! [`JsonPredicate`]. Invariant: `${env.NAME}` below `http` and `command` stays as it is written until the
//! request is sent, so that no plan, timeline or report holds a secret.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// A request that breaks something, and the request that mends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpFault {
    /// The URL: `https://…` or `http://…`.
    pub url: String,
    /// The method; default POST.
    #[serde(default)]
    pub method: Option<String>,
    /// The headers. `${env.NAME}` in them is put in when the request is sent, and never shown.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The body: text as it is, anything else as JSON.
    #[serde(default)]
    pub body: serde_json::Value,
    /// The status that the answer must have; default: any from 200 to 299.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long the answer may take. Default 10s, at most 1m.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The request that takes it back, sent at the end of the drill.
    #[serde(default)]
    pub revert: Option<HttpRevert>,
}

/// The request that takes an `http` fault back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRevert {
    /// The URL.
    pub url: String,
    /// The method; default POST. A DELETE of what is gone already (404, 410) counts as done.
    #[serde(default)]
    pub method: Option<String>,
    /// The headers, as those of the fault.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The body, as that of the fault.
    #[serde(default)]
    pub body: serde_json::Value,
    /// The status that the answer must have; default: any from 200 to 299.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long the answer may take. Default 10s, at most 1m.
    #[serde(default)]
    pub timeout: Option<Duration>,
}

/// A local program that breaks something; it runs only with `--allow-commands`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFault {
    /// The program: a name on the PATH, or a path.
    pub program: String,
    /// Its arguments; no shell reads them.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment, beside PATH, HOME and a few more. `${env.NAME}` is put in when it starts.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// It is killed after this long, with everything that it started. Default 1m.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The program that takes it back, run at the end of the drill.
    #[serde(default)]
    pub revert: Option<CommandRevert>,
}

/// The program that takes a `command` fault back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandRevert {
    /// The program: a name on the PATH, or a path.
    pub program: String,
    /// Its arguments; no shell reads them.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment, as that of the fault.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// It is killed after this long. Default 1m.
    #[serde(default)]
    pub timeout: Option<Duration>,
}

/// What must be found in JSON: `path` alone, or one of `equals`, `matches` and `exists`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonPredicate {
    /// A JSONPath (RFC 9535), such as `$.tickets[0].state`.
    pub path: String,
    /// A value that it finds; numbers and their text are the same.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
    /// A regular expression that a value which it finds matches.
    #[serde(default)]
    pub matches: Option<String>,
    /// Whether it finds anything.
    #[serde(default)]
    pub exists: Option<bool>,
}

/// A Step Functions execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecutionExpectation {
    /// The name or ARN of the state machine.
    pub state_machine: String,
    /// The status; default SUCCEEDED.
    #[serde(default = "succeeded")]
    pub status: String,
    /// What must be found in its input.
    #[serde(default)]
    pub input: Option<JsonPredicate>,
    /// What must be found in its output; only an execution that succeeded has one.
    #[serde(default)]
    pub output: Option<JsonPredicate>,
}

fn succeeded() -> String {
    "SUCCEEDED".to_owned()
}

/// What a URL answers, looked at again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpExpectation {
    /// The URL: `https://…` or `http://…`. The answer is JSON.
    pub url: String,
    /// The method; default GET.
    #[serde(default)]
    pub method: Option<String>,
    /// The headers. `${env.NAME}` in them is put in when the request is sent, and never shown.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The body: text as it is, anything else as JSON.
    #[serde(default)]
    pub body: serde_json::Value,
    /// The status that the answer must have; default: any from 200 to 299.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long the answer may take. Default 10s, at most 1m.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// A JSONPath (RFC 9535) into the answer, such as `$.tickets[*].number`. Each value that fits is one
    /// occurrence.
    pub path: String,
    /// A value that it finds; numbers and their text are the same.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
    /// A regular expression that a value which it finds matches.
    #[serde(default)]
    pub matches: Option<String>,
    /// Whether it finds anything.
    #[serde(default)]
    pub exists: Option<bool>,
    /// A JSONPath to when it happened. Without it, it happened between two looks.
    #[serde(default)]
    pub time: Option<String>,
    /// One look every so often. Default 10s, 1s to 1m.
    #[serde(default)]
    pub every: Option<Duration>,
}

/// One request with everything filled in, as the plan and the record hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCall {
    /// The method, in capitals.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: IndexMap<String, String>,
    /// The body.
    pub body: Option<String>,
    /// The status that the answer must have; nothing for any from 200 to 299.
    pub status: Option<u16>,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl HttpCall {
    /// In a few words: `POST https://…`.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// One local program with everything filled in, as the plan and the record hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment.
    pub env: IndexMap<String, String>,
    /// It is killed after this long.
    pub timeout: Duration,
}

impl CommandRun {
    /// The command line, for people.
    pub(crate) fn words(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}
