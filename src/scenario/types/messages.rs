//! Messages, log lines, archived events, queues and metrics, as they are written.
//!
//! Main types: [`PublishFault`] and [`QueueExpectation`] with their neighbours. Invariant: names or ARNs
//! stand where AWS takes either; a message is text, or a mapping that is sent as JSON.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, default_bus};

/// A rule that is switched off for the length of the drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableRuleFault {
    /// The rule's name. It must be enabled, and not one that an AWS service manages.
    pub name: String,
    /// Its bus; default `default`.
    #[serde(default = "default_bus")]
    pub bus: String,
}

/// A message published to a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishFault {
    /// The topic's name or ARN.
    pub topic: String,
    /// The message: text, or a mapping that is sent as JSON.
    pub message: serde_json::Value,
    /// The subject, at most 100 characters.
    #[serde(default)]
    pub subject: Option<String>,
    /// Message attributes, as text; the run's own marker (firedrill.run) is always added.
    #[serde(default)]
    pub attributes: IndexMap<String, String>,
    /// The message group of a FIFO topic.
    #[serde(default)]
    pub group: Option<String>,
}

/// A message sent to a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessageFault {
    /// The queue's name or ARN.
    pub queue: String,
    /// The message: text, or a mapping that is sent as JSON.
    pub message: serde_json::Value,
    /// Message attributes, as text; the run's own marker (firedrill.run) is always added.
    #[serde(default)]
    pub attributes: IndexMap<String, String>,
    /// The message group of a FIFO queue.
    #[serde(default)]
    pub group: Option<String>,
}

/// A line put into a log group, in a stream of the run's own that is deleted afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLineFault {
    /// The name of the log group.
    pub group: String,
    /// The line: text, or a mapping that is put as JSON.
    pub message: serde_json::Value,
    /// How many times, at once; default 1, at most 1000.
    #[serde(default)]
    pub count: Option<u32>,
}

/// Events of an archive, replayed to the bus that they came from (AWS allows no other).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartReplayFault {
    /// The archive's name. It holds an event about ten minutes after it arrived.
    pub archive: String,
    /// Replays what arrived in this long before the fault.
    #[serde(default)]
    pub last: Option<Duration>,
    /// Replays from this moment instead: RFC 3339, such as `2026-01-05T09:00:00Z`.
    #[serde(default)]
    pub from: Option<String>,
    /// Until this moment; default: until the fault.
    #[serde(default)]
    pub to: Option<String>,
    /// The names or ARNs of the rules that the events are for; default: every rule of the bus.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// A log event, found by a filter pattern or by an Insights query. It is told a minute after its own time
/// (two with a query), when what came in late is there too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogExpectation {
    /// The name or ARN of the log group.
    #[serde(default)]
    pub group: Option<String>,
    /// Several log groups instead of one.
    #[serde(default)]
    pub groups: Vec<String>,
    /// A CloudWatch Logs filter pattern, such as `ERROR` or `{ $.level = "error" }`.
    #[serde(default)]
    pub pattern: Option<String>,
    /// A Logs Insights query instead; each row needs `@timestamp`. It costs by the bytes that it scans,
    /// and is asked once a minute.
    #[serde(default)]
    pub query: Option<String>,
}

/// How many messages a queue holds. SQS counts approximately: within a minute of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueExpectation {
    /// The queue's name or ARN.
    pub name: String,
    /// It holds this many messages or more; default 1 in `expect` and in a never.
    #[serde(default)]
    pub at_least: Option<u32>,
    /// It holds this many messages or fewer; default 0 in `recovery`.
    #[serde(default)]
    pub at_most: Option<u32>,
    /// Which of its messages are counted; default `all`.
    #[serde(default)]
    pub messages: QueueMessages,
}

/// Which messages of a queue are counted.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum QueueMessages {
    /// Whatever is in the queue: visible, in flight and delayed.
    #[default]
    All,
    /// What can be received.
    Visible,
    /// What was received and is not deleted yet.
    InFlight,
    /// What is delayed.
    Delayed,
}

impl QueueMessages {
    /// How many of the messages of a queue these are.
    pub fn of(self, visible: u64, in_flight: u64, delayed: u64) -> u64 {
        match self {
            Self::All => visible.saturating_add(in_flight).saturating_add(delayed),
            Self::Visible => visible,
            Self::InFlight => in_flight,
            Self::Delayed => delayed,
        }
    }

    /// So many of them in words, such as `2 visible messages`.
    pub fn words(self, count: u64) -> String {
        let plural = if count == 1 { "" } else { "s" };
        let count = if count == 0 { "no".to_owned() } else { count.to_string() };
        match self {
            Self::All => format!("{count} message{plural}"),
            Self::Visible => format!("{count} visible message{plural}"),
            Self::InFlight => format!("{count} message{plural} in flight"),
            Self::Delayed => format!("{count} delayed message{plural}"),
        }
    }
}
