//! Every delay of the emulated account, as a named constant with its source.
//!
//! Invariant: no other emulator module holds a duration of its own that stands for how long AWS takes.
//! Where AWS publishes a figure, the constant cites it; where AWS only says "near real time", the
//! constant says that the figure is ours.

use jiff::SignedDuration;

/// From an event's arrival on a bus until a matching rule invokes its target.
///
/// AWS states a typical latency of about half a second:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html> gives no figure; ours.
pub(crate) const EVENT_TO_TARGET: SignedDuration = SignedDuration::from_millis(500);

/// From a service's state change until its event is on the default bus ("near real time"; ours).
pub(crate) const SERVICE_EVENT: SignedDuration = SignedDuration::from_millis(1000);

// --- EC2 ---

/// From `RunInstances` or `StartInstances` until the instance is `running` (AWS: "typically within a
/// minute"; the figure is ours).
pub(crate) const INSTANCE_STARTS: SignedDuration = SignedDuration::from_secs(20);

/// From `running` until both status checks have passed; they run every minute:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html>
/// gives the minute; that two of them are needed is ours.
pub(crate) const INSTANCE_STATUS_CHECKS: SignedDuration = SignedDuration::from_secs(120);

/// From `StopInstances` until the instance is `stopped` (ours).
pub(crate) const INSTANCE_STOPS: SignedDuration = SignedDuration::from_secs(40);

/// From `TerminateInstances` until the instance is `terminated` (ours).
pub(crate) const INSTANCE_TERMINATES: SignedDuration = SignedDuration::from_secs(40);

/// From `CreateSnapshot` until the snapshot is `completed` (depends on the volume on AWS; ours).
pub(crate) const SNAPSHOT_COMPLETES: SignedDuration = SignedDuration::from_secs(90);

// --- EC2 Auto Scaling ---

/// From a group's change until Auto Scaling acts on it ("within a few seconds"; ours).
pub(crate) const SCALING_REACTS: SignedDuration = SignedDuration::from_secs(5);

/// How often Auto Scaling looks at the health of a group's instances. AWS publishes no figure:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html>; ours.
pub(crate) const SCALING_HEALTH_CHECK: SignedDuration = SignedDuration::from_secs(30);

/// Group metrics are sampled at one-minute granularity:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html>.
pub(crate) const SCALING_METRICS: SignedDuration = SignedDuration::from_secs(60);

/// The cool-down of a simple scaling policy where none is given:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html>.
pub(crate) const SCALING_COOLDOWN_SECONDS: i64 = 300;

// --- FIS ---

/// From `StartExperiment` until the experiment is `initiating` (ours).
pub(crate) const EXPERIMENT_PENDING: SignedDuration = SignedDuration::from_secs(1);

/// How long an experiment initiates: roles, targets and stop conditions are looked at (ours).
pub(crate) const EXPERIMENT_INITIATES: SignedDuration = SignedDuration::from_secs(4);

/// How long one action initiates before it runs (ours).
pub(crate) const EXPERIMENT_ACTION_INITIATES: SignedDuration = SignedDuration::from_secs(1);

/// How often a running experiment looks at its stop conditions and at the work of its actions. AWS says
/// only that an experiment is stopped when its alarm is triggered; a halt a second after the alarm has
/// been reported; ours.
pub(crate) const EXPERIMENT_LOOKS: SignedDuration = SignedDuration::from_secs(2);

/// How long an experiment is `stopping` while its actions are undone (ours).
pub(crate) const EXPERIMENT_STOPS: SignedDuration = SignedDuration::from_secs(3);

/// The longest that an experiment runs: <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>.
pub(crate) const EXPERIMENT_LONGEST: SignedDuration = SignedDuration::from_hours(12);

// --- CodeDeploy ---

/// From `CreateDeployment` until the deployment is queued, and from there until it is in progress (ours).
pub(crate) const DEPLOYMENT_QUEUES: SignedDuration = SignedDuration::from_secs(1);

/// How long one batch of instances takes to install a revision, from `ApplicationStop` to
/// `ValidateService` (depends on the hooks on AWS; ours).
pub(crate) const DEPLOYMENT_BATCH: SignedDuration = SignedDuration::from_secs(60);

/// How long a Lambda or ECS deployment takes besides its traffic shift (depends on the hooks; ours).
pub(crate) const DEPLOYMENT_SHIFT: SignedDuration = SignedDuration::from_secs(10);

/// How often a running deployment looks at its alarms (AWS publishes no figure; ours).
pub(crate) const DEPLOYMENT_ALARM_POLL: SignedDuration = SignedDuration::from_secs(10);

/// From `StartAutomationExecution` until the first step begins (ours; AWS states no figure).
pub(crate) const AUTOMATION_START: SignedDuration = SignedDuration::from_secs(1);

/// How long an Automation step takes that makes one API call (ours; about what consoles show).
pub(crate) const AUTOMATION_API_STEP: SignedDuration = SignedDuration::from_secs(1);

/// How long an Automation step takes that only decides: `aws:branch`, `aws:updateVariable` (ours).
pub(crate) const AUTOMATION_CONTROL_STEP: SignedDuration = SignedDuration::from_millis(200);

/// How often Automation looks again at what it waits for (ours; AWS states no figure).
pub(crate) const AUTOMATION_POLL: SignedDuration = SignedDuration::from_secs(5);

/// From a failed attempt of an Automation step until the next one (ours).
pub(crate) const AUTOMATION_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// How long `aws:approve` and `aws:pause` wait where the step does not say: 7 days.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html>.
pub(crate) const AUTOMATION_APPROVAL_TIMEOUT: SignedDuration = SignedDuration::from_secs(604_800);

/// How long the waiting actions wait where the step does not say: one hour.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-changestate.html>.
pub(crate) const AUTOMATION_WAIT_TIMEOUT: SignedDuration = SignedDuration::from_secs(3600);

/// How long a script of an Automation step runs where the environment does not say (ours).
pub(crate) const AUTOMATION_SCRIPT_STEP: SignedDuration = SignedDuration::from_secs(3);

/// How long creating or deleting a small stack takes (ours; stacks of one function take about this).
pub(crate) const AUTOMATION_STACK_STEP: SignedDuration = SignedDuration::from_secs(20);

/// From `SendCommand` until the agent runs the command (ours).
pub(crate) const COMMAND_DELIVERY: SignedDuration = SignedDuration::from_secs(1);

/// How long a command runs where neither the document nor the environment says (ours).
pub(crate) const COMMAND_RUN: SignedDuration = SignedDuration::from_secs(5);

/// From `CancelCommand` until the invocation is cancelled (ours).
pub(crate) const COMMAND_CANCEL: SignedDuration = SignedDuration::from_secs(1);

/// The default `executionTimeout` of `AWS-RunShellScript`: one hour.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html>.
pub(crate) const COMMAND_EXECUTION_TIMEOUT: SignedDuration = SignedDuration::from_secs(3600);

/// The default delivery timeout of a command: one hour.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>.
pub(crate) const COMMAND_DELIVERY_TIMEOUT: SignedDuration = SignedDuration::from_secs(3600);

/// From the opening of an incident until its plan's messages and runbook are on their way (ours).
pub(crate) const INCIDENT_RESPONSE: SignedDuration = SignedDuration::from_secs(1);
