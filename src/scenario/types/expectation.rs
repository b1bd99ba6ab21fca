//! Expectations as they are written: exactly one kind each, and by when.
//!
//! Main types: [`Expectation`] and [`Never`]. Invariant: a kind is one optional key of both and one
//! struct of its own.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApiCallExpectation, ComplianceExpectation, Duration, ExecutionExpectation, FindingExpectation,
    HttpExpectation, IncidentExpectation, LogExpectation, MetricExpectation, OpsItemExpectation,
    QueueExpectation, StateValue, default_bus,
};

/// One expectation: exactly one kind, and by when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The expectation's name in `after` and in reports; default `expect-N` or `recovery-N`.
    #[serde(default)]
    pub id: Option<String>,
    /// Where: the name of one of `targets`; default: the home target.
    #[serde(default)]
    pub target: Option<String>,
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
    /// A finding of GuardDuty or Security Hub appears, or moves.
    #[serde(default)]
    pub finding: Option<FindingExpectation>,
    /// An OpsItem is created in OpsCenter.
    #[serde(default)]
    pub ops_item: Option<OpsItemExpectation>,
    /// An incident is opened in Incident Manager.
    #[serde(default)]
    pub incident: Option<IncidentExpectation>,
    /// An API call was made, as CloudTrail shows it.
    #[serde(default)]
    pub api_call: Option<ApiCallExpectation>,
    /// A rule of AWS Config says that something does not comply, or that it does again.
    #[serde(default)]
    pub compliance: Option<ComplianceExpectation>,
    /// A metric, or an expression over metrics, has a value.
    #[serde(default)]
    pub metric: Option<MetricExpectation>,
    /// An SQS queue holds so many messages.
    #[serde(default)]
    pub queue: Option<QueueExpectation>,
    /// A deployment or a stack operation reaches a state.
    #[serde(default)]
    pub deployment: Option<DeploymentExpectation>,
    /// A log event that matches.
    #[serde(default)]
    pub log: Option<LogExpectation>,
    /// A Step Functions execution reaches a status.
    #[serde(default)]
    pub execution: Option<ExecutionExpectation>,
    /// A URL answers with JSON in which something is found.
    #[serde(default)]
    pub http: Option<HttpExpectation>,
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
    /// A target was invoked, and took it; an invocation that failed is none.
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

/// A rollback by one of AWS's deployment services: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackExpectation {
    /// A CodeDeploy rollback deployment: created by CodeDeploy itself, and succeeded.
    #[serde(default)]
    pub codedeploy: Option<CodeDeployRollback>,
    /// A CloudFormation stack that is rolled back whole (`UPDATE_ROLLBACK_COMPLETE`, `ROLLBACK_COMPLETE`), by
    /// a rollback trigger's alarm or because a resource failed.
    #[serde(default)]
    pub cloudformation: Option<StackName>,
    /// An AppConfig deployment that is rolled back (`ROLLED_BACK`).
    #[serde(default)]
    pub appconfig: Option<AppConfigRollback>,
    /// An ECS service whose deployment is rolled back (`ROLLBACK_SUCCESSFUL`), by an alarm or the circuit
    /// breaker.
    #[serde(default)]
    pub ecs: Option<EcsService>,
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

/// The stack that CloudFormation works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackName {
    /// The stack's name.
    pub stack: String,
}

/// The environment that AppConfig deploys to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppConfigEnvironment {
    /// The application's name or id.
    pub application: String,
    /// The environment's name or id.
    pub environment: String,
}

/// The environment that AppConfig must roll back, and because of whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppConfigRollback {
    /// The application's name or id.
    pub application: String,
    /// The environment's name or id.
    pub environment: String,
    /// Who brought it about: `CLOUDWATCH_ALARM`, `USER`, `APPCONFIG` or `INTERNAL_ERROR`; default: anybody.
    #[serde(default)]
    pub triggered_by: Option<String>,
}

/// The ECS service that is deployed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EcsService {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
}

/// A deployment by one of AWS's deployment services, exactly one, that reaches a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentExpectation {
    /// A CodeDeploy deployment: `Created`, `InProgress`, `Succeeded` (default), `Failed` or `Stopped`.
    #[serde(default)]
    pub codedeploy: Option<CodeDeployRollback>,
    /// A stack operation: `UPDATE_COMPLETE` (default), `CREATE_COMPLETE`, `UPDATE_ROLLBACK_COMPLETE` and so on.
    #[serde(default)]
    pub cloudformation: Option<StackName>,
    /// An AppConfig deployment: `DEPLOYING`, `BAKING`, `COMPLETE` (default), `ROLLING_BACK`, `ROLLED_BACK` or
    /// `REVERTED`.
    #[serde(default)]
    pub appconfig: Option<AppConfigEnvironment>,
    /// An ECS service deployment: `PENDING`, `IN_PROGRESS`, `SUCCESSFUL` (default), `STOPPED`,
    /// `ROLLBACK_IN_PROGRESS`, `ROLLBACK_SUCCESSFUL` or `ROLLBACK_FAILED`.
    #[serde(default)]
    pub ecs: Option<EcsService>,
    /// The state, in the service's own word; default: that it succeeded.
    #[serde(default)]
    pub state: Option<String>,
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
    /// A finding of GuardDuty or Security Hub appears, or moves.
    #[serde(default)]
    pub finding: Option<FindingExpectation>,
    /// An OpsItem is created in OpsCenter.
    #[serde(default)]
    pub ops_item: Option<OpsItemExpectation>,
    /// An incident is opened in Incident Manager.
    #[serde(default)]
    pub incident: Option<IncidentExpectation>,
    /// An API call was made, as CloudTrail shows it.
    #[serde(default)]
    pub api_call: Option<ApiCallExpectation>,
    /// A rule of AWS Config says that something does not comply, or that it does again.
    #[serde(default)]
    pub compliance: Option<ComplianceExpectation>,
    /// A metric, or an expression over metrics, has a value.
    #[serde(default)]
    pub metric: Option<MetricExpectation>,
    /// An SQS queue holds so many messages.
    #[serde(default)]
    pub queue: Option<QueueExpectation>,
    /// A deployment or a stack operation reaches a state.
    #[serde(default)]
    pub deployment: Option<DeploymentExpectation>,
    /// A log event that matches.
    #[serde(default)]
    pub log: Option<LogExpectation>,
    /// A Step Functions execution reaches a status.
    #[serde(default)]
    pub execution: Option<ExecutionExpectation>,
    /// A URL answers with JSON in which something is found.
    #[serde(default)]
    pub http: Option<HttpExpectation>,
    /// This many occurrences are still fine. Default 0.
    #[serde(default)]
    pub more_than: u32,
}
