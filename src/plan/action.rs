//! What a planned fault does.
//!
//! Main type: [`FaultAction`]. Invariant: nothing is left to be chosen when it is injected.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AutomationStart, CommandSend, ExecutionStart, FunctionInvoke, millis};
use crate::scenario::types::{
    CommandRun, ComplianceState, EventEntry, HttpCall, SecurityHubFinding, StateValue,
};

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// Starts an experiment from an existing template (id or `Name` tag).
    FisTemplate {
        /// The id or the `Name` tag.
        template: String,
    },
    /// Creates a template, starts it, deletes it afterwards.
    FisInline {
        /// The body of `CreateExperimentTemplate`, camelCase, without the client token.
        template: serde_json::Value,
    },
    /// Puts events.
    PutEvents {
        /// The bus.
        bus: String,
        /// The events.
        entries: Vec<EventEntry>,
    },
    /// Sets an alarm's state.
    SetAlarmState {
        /// The alarm.
        alarm: String,
        /// The state.
        state: StateValue,
        /// The reason, run id included.
        reason: String,
    },
    /// Publishes datapoints.
    PutMetricData {
        /// The namespace.
        namespace: String,
        /// The metric's name.
        metric: String,
        /// Its dimensions.
        dimensions: IndexMap<String, String>,
        /// The value of each datapoint.
        value: f64,
        /// Its unit.
        unit: Option<String>,
        /// The distance between datapoints.
        #[serde(with = "millis")]
        every: SignedDuration,
        /// How many.
        datapoints: u32,
    },
    /// Starts a runbook.
    SsmAutomation(AutomationStart),
    /// Sends a command.
    SsmCommand(CommandSend),
    /// Starts an execution.
    StartExecution(ExecutionStart),
    /// Invokes a function.
    Invoke(FunctionInvoke),
    /// Switches a rule off.
    DisableRule {
        /// Its bus.
        bus: String,
        /// The rule.
        name: String,
    },
    /// Publishes a message.
    Publish {
        /// The topic's name or ARN.
        topic: String,
        /// The subject.
        subject: Option<String>,
        /// What is sent.
        message: Message,
    },
    /// Sends a message.
    SendMessage {
        /// The queue's name or ARN.
        queue: String,
        /// What is sent.
        message: Message,
    },
    /// Creates sample findings of GuardDuty.
    SampleFindings {
        /// The detector's id; nothing for the only one.
        detector: Option<String>,
        /// The finding types.
        types: Vec<String>,
    },
    /// Imports findings into Security Hub.
    SecurityHubFindings {
        /// The findings, as the scenario has them.
        findings: Vec<SecurityHubFinding>,
    },
    /// Has a rule of AWS Config evaluated, or tells a process check how it is.
    ConfigEvaluation {
        /// The rule.
        rule: String,
        /// What a process check is told; nothing to have the rule evaluated.
        compliance: Option<ComplianceState>,
        /// Why.
        annotation: Option<String>,
    },
    /// Puts a line into a log group.
    LogLine {
        /// The log group.
        group: String,
        /// The run's own stream.
        stream: String,
        /// The line.
        line: String,
        /// How many times.
        count: u32,
    },
    /// Replays archived events.
    StartReplay(Replay),
    /// Sends a request.
    Http {
        /// The request.
        request: HttpCall,
        /// The request that takes it back.
        revert: Option<HttpCall>,
    },
    /// Runs a local program.
    Command {
        /// The program.
        run: CommandRun,
        /// The program that takes it back.
        revert: Option<CommandRun>,
        /// What marks everything that it starts.
        token: String,
    },
}

/// A message to a topic or a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The text.
    pub body: String,
    /// Attributes, the run's marker among them.
    pub attributes: IndexMap<String, String>,
    /// The message group.
    pub group: Option<String>,
    /// For a first-in-first-out topic or queue: the same for the same fault of the same drill, so that a
    /// call that is made again sends once.
    pub deduplication: Option<String>,
}

impl FaultAction {
    /// Whether this starts a FIS experiment.
    pub fn is_experiment(&self) -> bool {
        matches!(self, Self::FisTemplate { .. } | Self::FisInline { .. })
    }
}

/// A replay of archived events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The replay's own name; its events carry it.
    pub name: String,
    /// The archive.
    pub archive: String,
    /// Which of its events.
    pub span: Span,
    /// The names or ARNs of the rules that they are for; none for every rule.
    pub rules: Vec<String>,
}

/// A span of time, some of which is known only when the fault starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// This long, until the fault.
    Last(#[serde(with = "millis")] SignedDuration),
    /// From a moment to another, or until the fault.
    Between {
        /// The first moment.
        from: Timestamp,
        /// The last one.
        to: Option<Timestamp>,
    },
}

impl Replay {
    /// The first and the last moment, for a fault that starts now.
    pub fn span(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        match self.span {
            Span::Last(length) => (now.saturating_sub(length).unwrap_or(Timestamp::MIN), now),
            Span::Between { from, to } => (from, to.unwrap_or(now)),
        }
    }
}
