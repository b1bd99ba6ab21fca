//! Faults as they are written: exactly one kind each.
//!
//! Main type: [`Fault`]. Invariant: a kind is one optional key of it and one struct of its own.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CommandFault, ConfigEvaluationFault, DisableRuleFault, Duration, HttpFault, InvokeFault,
    LogLineFault, PublishFault, SampleFindingsFault, SecurityHubFault, SendMessageFault,
    SsmAutomationFault, SsmCommandFault, StartExecutionFault, StartReplayFault, StateValue,
    default_bus,
};

/// One fault: exactly one of the kinds, started at an offset or after another fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The fault's name in `after` and in reports; default `fault-N`.
    #[serde(default)]
    pub id: Option<String>,
    /// Where: the name of one of `targets`; default: the home target.
    #[serde(default)]
    pub target: Option<String>,
    /// Starts this long after the first fault may start. Default 0s.
    #[serde(default)]
    pub at: Option<Duration>,
    /// Starts when this other fault has taken effect.
    #[serde(default)]
    pub after: Option<String>,
    /// The id of the expectation that proves that the fault took effect.
    #[serde(default)]
    pub effect: Option<String>,
    /// Runs an AWS FIS experiment.
    #[serde(default)]
    pub fis: Option<FisFault>,
    /// Puts events onto an event bus.
    #[serde(default)]
    pub put_events: Option<PutEventsFault>,
    /// Sets an alarm's state by hand.
    #[serde(default)]
    pub set_alarm_state: Option<SetAlarmStateFault>,
    /// Publishes datapoints of a metric.
    #[serde(default)]
    pub put_metric_data: Option<PutMetricDataFault>,
    /// Starts an SSM Automation runbook.
    #[serde(default)]
    pub ssm_automation: Option<SsmAutomationFault>,
    /// Runs a command on managed instances.
    #[serde(default)]
    pub ssm_command: Option<SsmCommandFault>,
    /// Starts a Step Functions execution.
    #[serde(default)]
    pub start_execution: Option<StartExecutionFault>,
    /// Invokes a Lambda function.
    #[serde(default)]
    pub invoke: Option<InvokeFault>,
    /// Switches an EventBridge rule off.
    #[serde(default)]
    pub disable_rule: Option<DisableRuleFault>,
    /// Publishes a message to an SNS topic.
    #[serde(default)]
    pub publish: Option<PublishFault>,
    /// Sends a message to an SQS queue.
    #[serde(default)]
    pub send_message: Option<SendMessageFault>,
    /// Creates sample findings of GuardDuty.
    #[serde(default)]
    pub guardduty_sample_findings: Option<SampleFindingsFault>,
    /// Imports findings into Security Hub.
    #[serde(default)]
    pub securityhub_findings: Option<SecurityHubFault>,
    /// Has a rule of AWS Config evaluated, or tells a process check how it is.
    #[serde(default)]
    pub config_evaluation: Option<ConfigEvaluationFault>,
    /// Puts a line into a log group.
    #[serde(default)]
    pub log_line: Option<LogLineFault>,
    /// Replays events of an EventBridge archive.
    #[serde(default)]
    pub start_replay: Option<StartReplayFault>,
    /// Sends an HTTP request.
    #[serde(default)]
    pub http: Option<HttpFault>,
    /// Runs a local program; only with `--allow-commands`.
    #[serde(default)]
    pub command: Option<CommandFault>,
}

/// A FIS experiment: an existing template or an inline one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FisFault {
    /// An existing experiment template: its id (`EXT…`) or the value of its `Name` tag.
    #[serde(default)]
    pub template: Option<String>,
    /// A template in the shape of `CreateExperimentTemplate` (camelCase keys); it is created, tagged with
    /// the run id, and deleted afterwards.
    #[serde(default)]
    pub inline: Option<serde_json::Value>,
}

/// Synthetic events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutEventsFault {
    /// The name or ARN of the bus; default `default`.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// The events, in order; more than 10 go in several calls.
    pub entries: Vec<EventEntry>,
}

/// One event to put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventEntry {
    /// The event's source; AWS refuses `aws.*`.
    pub source: String,
    /// The event's `detail-type`.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// The event's `detail` object.
    #[serde(default)]
    pub detail: serde_json::Value,
    /// ARNs for the event's `resources`.
    #[serde(default)]
    pub resources: Vec<String>,
}

impl EventEntry {
    /// The detail as it is sent: AWS wants an object, and an event that says nothing more has an empty one.
    pub(crate) fn sent_detail(&self) -> serde_json::Value {
        if self.detail.is_null() { serde_json::json!({}) } else { self.detail.clone() }
    }
}

/// An alarm state set by hand; reverted, and aware that a metric alarm returns by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAlarmStateFault {
    /// The alarm's name.
    pub alarm: String,
    /// The state to set; default ALARM.
    #[serde(default = "StateValue::alarm")]
    pub state: StateValue,
    /// Words for the state reason; the run id is always added.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Datapoints published as a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMetricDataFault {
    /// The metric's namespace; AWS refuses `AWS/…`.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// The metric's dimensions.
    #[serde(default)]
    pub dimensions: IndexMap<String, String>,
    /// The value of each datapoint.
    pub value: f64,
    /// The unit, such as `Count`.
    #[serde(default)]
    pub unit: Option<String>,
    /// One datapoint every so often. Default 60s.
    #[serde(default)]
    pub every: Option<Duration>,
    /// For this long. Default: one datapoint.
    #[serde(default)]
    pub duration: Option<Duration>,
}
