//! The scenario language, version 1, exactly as it is written in YAML.
//!
//! The main type is [`Scenario`]. Every struct denies unknown keys; nothing is flattened or untagged,
//! so that an error can name the key. An expectation carries exactly one kind; since serde can't say
//! that, the kinds are options here and [`crate::scenario::Loaded::check`] holds the rule; [`crate::plan`] turns
//! them into enums.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the language: 1.
    pub version: u32,
    /// The scenario's name, unique in a run: lower-case letters, digits and dashes.
    pub name: String,
    /// One line for reports.
    #[serde(default)]
    pub title: Option<String>,
    /// What is believed to be true of the system, in words.
    #[serde(default)]
    pub hypothesis: Option<String>,
    /// Who answers for the scenario.
    #[serde(default)]
    pub owner: Option<String>,
    /// The severity of the incident that is drilled: 1 (critical) to 5.
    #[serde(default)]
    pub severity: Option<u8>,
    /// Labels to select scenarios by (`--tag`).
    #[serde(default)]
    pub tags: Vec<String>,
    /// The environment file of the emulated account, relative to this file; ignored on a real account.
    #[serde(default)]
    pub environment: Option<String>,
    /// Values for `${var.NAME}`, with their defaults; `--var NAME=VALUE` overrides.
    #[serde(default)]
    pub vars: IndexMap<String, String>,
    /// Where and how far a real run may go.
    #[serde(default)]
    pub guardrails: Guardrails,
    /// What ends the drill early: the fault is reverted, the outcome is `stopped`.
    #[serde(default)]
    pub stop_conditions: Vec<StopCondition>,
    /// What must hold before anything is injected.
    #[serde(default)]
    pub steady_state: Vec<SteadyState>,
    /// What is broken, in order.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What must (or must never) happen in answer.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// What must hold again at the end, and by when (counted from the fault).
    #[serde(default)]
    pub recovery: Vec<Expectation>,
    /// How long to keep looking after a deadline, so that late can be told from missed. Default 1m.
    #[serde(default)]
    pub grace: Option<Duration>,
    /// The objectives that the MTTR report holds the drill against.
    #[serde(default)]
    pub objectives: Objectives,
    /// The weakest correlation that counts as an observation of ours. Default `window`.
    #[serde(default)]
    pub correlation: Option<Correlation>,
}

/// A duration as humantime writes it: `90s`, `5m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            serde::de::Error::custom(format!(
                "`{text}` is not a duration such as `90s` or `5m`: {error}"
            ))
        })
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A duration: 90s, 5m, 1h 30m.",
            "examples": ["90s", "5m", "1h 30m"]
        })
    }
}

/// The limits of a run on a real account; it refuses to start outside them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrails {
    /// Account ids that may be drilled. Required for a real account.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions that may be drilled. Required for a real account.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The drill is stopped and reverted when it takes longer than this.
    #[serde(default)]
    pub max_duration: Option<Duration>,
}

/// What ends a drill early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopCondition {
    /// The name of a CloudWatch alarm; the drill stops when it is in ALARM.
    pub alarm: String,
}

/// Something that must hold before injection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadyState {
    /// An alarm in a state (default OK).
    pub alarm: AlarmState,
}

/// An alarm and a state that it must be in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    /// The alarm's name.
    pub name: String,
    /// The state; default OK.
    #[serde(default = "StateValue::ok")]
    pub state: StateValue,
}

/// A CloudWatch alarm state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateValue {
    /// `OK`
    Ok,
    /// `ALARM`
    Alarm,
    /// `INSUFFICIENT_DATA`
    InsufficientData,
}

impl StateValue {
    fn ok() -> Self {
        Self::Ok
    }

    fn alarm() -> Self {
        Self::Alarm
    }

    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// Reads the API's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// One fault: exactly one of the kinds, started at an offset or after another fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The fault's name in `after` and in reports; default `fault-N`.
    #[serde(default)]
    pub id: Option<String>,
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

fn default_bus() -> String {
    "default".to_owned()
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

/// One expectation: exactly one kind, and by when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The expectation's name in `after` and in reports; default `expect-N` or `recovery-N`.
    #[serde(default)]
    pub id: Option<String>,
    /// A CloudWatch alarm (metric or composite) enters a state, read from its history.
    #[serde(default)]
    pub alarm: Option<AlarmExpectation>,
    /// An EventBridge rule matched, invoked or failed.
    #[serde(default)]
    pub rule: Option<RuleExpectation>,
    /// An SSM Automation execution.
    #[serde(default)]
    pub runbook: Option<RunbookExpectation>,
    /// A rollback by the system itself.
    #[serde(default)]
    pub rollback: Option<RollbackExpectation>,
    /// An event that matches a pattern arrives on a bus.
    #[serde(default)]
    pub event: Option<EventExpectation>,
    /// A message is published to an SNS topic.
    #[serde(default)]
    pub notification: Option<NotificationExpectation>,
    /// The FIS experiment of a fault reaches a state.
    #[serde(default)]
    pub experiment: Option<ExperimentExpectation>,
    /// Something that must not happen; needs `for`.
    #[serde(default)]
    pub never: Option<Never>,
    /// The deadline, counted from the fault or from `after`.
    #[serde(default)]
    pub within: Option<Duration>,
    /// The id of the expectation or fault that the deadline counts from; default: the first fault.
    #[serde(default)]
    pub after: Option<String>,
    /// What was observed must hold for this long.
    #[serde(default)]
    pub sustain: Option<Duration>,
    /// At least this many occurrences; the latency is that of the last one needed. Default 1.
    #[serde(default)]
    pub count: Option<u32>,
    /// How long a `never` is watched, counted like `within`.
    #[serde(default, rename = "for")]
    pub watch_for: Option<Duration>,
    /// Which part of the response this belongs to; each kind has a natural default.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// The weakest correlation that counts here; default: the scenario's.
    #[serde(default)]
    pub correlation: Option<Correlation>,
}

/// A part of the response to an incident.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Somebody or something noticed.
    Detect,
    /// The response began.
    Act,
    /// The harm was contained.
    Mitigate,
    /// Steady state again.
    Recover,
}

/// How we know that an observation was ours, weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Correlation {
    /// The same resource, after the fault.
    Window,
    /// The run id is inside the payload.
    Marker,
    /// An id chain: event id, execution id, client token, state reason.
    Exact,
}

/// An alarm that enters a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmExpectation {
    /// The alarm's name.
    pub name: String,
    /// The state; default ALARM in `expect`, OK in `recovery`.
    #[serde(default)]
    pub state: Option<StateValue>,
    /// The alarm's action must have run too: an ARN, or `*` for any.
    #[serde(default)]
    pub action: Option<String>,
}

/// A rule and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleExpectation {
    /// The rule's name.
    pub name: String,
    /// Its bus; default `default`.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// What it did; default `invoked`.
    #[serde(default = "RuleState::invoked")]
    pub state: RuleState,
}

/// What a rule did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleState {
    /// An event matched.
    Matched,
    /// A target was invoked; AWS counts an invocation that failed, too.
    Invoked,
    /// An invocation failed for good.
    Failed,
}

impl RuleState {
    fn invoked() -> Self {
        Self::Invoked
    }
}

/// A runbook execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunbookExpectation {
    /// The name of the Automation document.
    pub document: String,
    /// The execution status; default `Success`.
    #[serde(default = "success")]
    pub status: String,
    /// Steps that must have succeeded.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Parameters that the execution must have been started with.
    #[serde(default)]
    pub parameters: IndexMap<String, String>,
    /// Outputs (`step.Name`) that the execution must have, by value.
    #[serde(default)]
    pub outputs: IndexMap<String, String>,
}

fn success() -> String {
    "Success".to_owned()
}

/// A rollback by one of AWS's deployment services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackExpectation {
    /// A CodeDeploy rollback deployment: created by CodeDeploy itself, and succeeded.
    #[serde(default)]
    pub codedeploy: Option<CodeDeployRollback>,
}

/// The deployment group that must roll back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeDeployRollback {
    /// The application's name.
    pub application: String,
    /// The deployment group's name.
    pub group: String,
}

/// An event on a bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventExpectation {
    /// The name of the bus; default `default`.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// The event pattern, in EventBridge's language.
    pub pattern: serde_json::Value,
}

/// A message on a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationExpectation {
    /// The topic's name or ARN.
    pub topic: String,
    /// Text that the message or its subject must contain.
    #[serde(default)]
    pub contains: Option<String>,
}

/// A FIS experiment of this drill and its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentExpectation {
    /// The id of the fault; default: the only FIS fault.
    #[serde(default)]
    pub fault: Option<String>,
    /// The state: `running`, `completed`, `stopped`, `failed` or `cancelled`.
    pub state: String,
}

/// What must not happen: exactly one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Never {
    /// An alarm enters a state.
    #[serde(default)]
    pub alarm: Option<AlarmExpectation>,
    /// A rule matched, invoked or failed.
    #[serde(default)]
    pub rule: Option<RuleExpectation>,
    /// A runbook execution has the status.
    #[serde(default)]
    pub runbook: Option<RunbookExpectation>,
    /// A rollback.
    #[serde(default)]
    pub rollback: Option<RollbackExpectation>,
    /// An event on a bus.
    #[serde(default)]
    pub event: Option<EventExpectation>,
    /// A message on a topic.
    #[serde(default)]
    pub notification: Option<NotificationExpectation>,
    /// The experiment reaches a state.
    #[serde(default)]
    pub experiment: Option<ExperimentExpectation>,
    /// This many occurrences are still fine. Default 0.
    #[serde(default)]
    pub more_than: u32,
}

/// Objectives for the response, counted from the fault's own start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Time to detect.
    #[serde(default)]
    pub detect: Option<Duration>,
    /// Time to act.
    #[serde(default)]
    pub act: Option<Duration>,
    /// Time to mitigate.
    #[serde(default)]
    pub mitigate: Option<Duration>,
    /// Time to recover.
    #[serde(default)]
    pub recover: Option<Duration>,
}
