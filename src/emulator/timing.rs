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

/// From a step of a bus until its record is in the log group: "best effort", without a figure
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html>); ours.
pub(crate) const BUS_LOG: SignedDuration = SignedDuration::from_secs(5);

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
pub(crate) const SCALING_HEALTH_CHECK: SignedDuration = SignedDuration::from_secs(60);

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
/// only that an experiment is stopped when its alarm is triggered; ours.
pub(crate) const EXPERIMENT_LOOKS: SignedDuration = SignedDuration::from_secs(5);

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

// --- AppConfig ---

/// How often a deployment that goes on looks at its environment's monitors (AWS publishes no figure; ours).
pub(crate) const CONFIGURATION_ALARM_POLL: SignedDuration = SignedDuration::from_secs(10);

/// From the start of a rollback until every client has the previous version (depends on how often clients
/// ask; ours).
pub(crate) const CONFIGURATION_ROLLBACK: SignedDuration = SignedDuration::from_secs(15);

// --- ECS ---

/// From `UpdateService` until the service deployment is in progress (ours).
pub(crate) const ECS_DEPLOYMENT_BEGINS: SignedDuration = SignedDuration::from_secs(2);

/// From the launch of a task until it is `RUNNING` (depends on its image and network on AWS; ours).
pub(crate) const ECS_TASK_STARTS: SignedDuration = SignedDuration::from_secs(30);

/// From the launch of a task that can't start until it is stopped (depends on why on AWS; ours).
pub(crate) const ECS_TASK_FAILS: SignedDuration = SignedDuration::from_secs(40);

/// From `RUNNING` until a task without health checks counts as healthy:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>.
pub(crate) const ECS_TASK_COUNTS: SignedDuration = SignedDuration::from_secs(40);

/// From the last task that a service needed until it is in a steady state (AWS publishes no figure; ours).
pub(crate) const ECS_STEADY: SignedDuration = SignedDuration::from_secs(10);

/// How long the scheduler waits before it first starts tasks again that failed; it doubles each time (ours).
pub(crate) const ECS_RETRY_FIRST: SignedDuration = SignedDuration::from_secs(10);

/// The longest wait before tasks are started again:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>.
pub(crate) const ECS_RETRY_LONGEST: SignedDuration = SignedDuration::from_mins(27);

/// How often a running deployment looks at its alarms (AWS publishes no figure; ours).
pub(crate) const ECS_ALARM_POLL: SignedDuration = SignedDuration::from_secs(10);

/// From the failure of a deployment until its rollback is in progress (ours).
pub(crate) const ECS_ROLLBACK_BEGINS: SignedDuration = SignedDuration::from_secs(2);

// --- CloudFormation ---

/// How often a stack operation looks at its rollback triggers (AWS publishes no figure; ours).
pub(crate) const STACK_TRIGGER_POLL: SignedDuration = SignedDuration::from_secs(15);

/// How long a stack cleans up what was replaced (depends on the resources; ours).
pub(crate) const STACK_CLEANUP: SignedDuration = SignedDuration::from_secs(5);

// --- CloudWatch ---

/// How often an alarm is evaluated whose period is a minute or longer.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.
pub(crate) const ALARM_EVALUATION: SignedDuration = SignedDuration::from_secs(60);

/// How often an alarm is evaluated whose period is 10, 20 or 30 seconds (same page).
pub(crate) const ALARM_EVALUATION_HIGH_RESOLUTION: SignedDuration = SignedDuration::from_secs(10);

/// How often an alarm is evaluated that looks back over more than a day (same page).
pub(crate) const ALARM_EVALUATION_MULTI_DAY: SignedDuration = SignedDuration::from_secs(3600);

/// From an alarm's creation or update until its first evaluation ("shortly after"; the figure is ours).
pub(crate) const ALARM_FIRST_EVALUATION: SignedDuration = SignedDuration::from_secs(2);

/// From an alarm's state change until its actions run (AWS publishes no figure; ours).
pub(crate) const ALARM_ACTION: SignedDuration = SignedDuration::from_millis(100);

/// From a child alarm's state change until a composite alarm is evaluated again (ours).
pub(crate) const COMPOSITE_EVALUATION: SignedDuration = SignedDuration::from_secs(1);

/// From the end of a minute until the metrics that AWS services sent in it can be read.
///
/// `EventBridge` "sends metrics to CloudWatch every minute"; when they can be read is not said; ours.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>.
pub(crate) const SERVICE_METRIC: SignedDuration = SignedDuration::from_secs(10);

/// How long datapoints are kept at least; a longer alarm window keeps them longer (ours; AWS keeps months).
pub(crate) const METRIC_RETENTION: SignedDuration = SignedDuration::from_hours(3);

/// From a signal's datapoint until it can be read, where the environment gives no delay (none; ours).
pub(crate) const SIGNAL_DELAY: SignedDuration = SignedDuration::ZERO;

/// How far back a signal's baseline reaches when it is installed, so that alarms find a past (ours).
pub(crate) const SIGNAL_PAST: SignedDuration = SignedDuration::from_hours(1);
/// From a publication on an SNS topic until its delivery to a subscribed endpoint.
///
/// AWS says "typically under 30 milliseconds" and promises no figure
/// (<https://aws.amazon.com/sns/faqs/>); ours is a cautious 100 ms.
pub(crate) const SNS_DELIVERY: SignedDuration = SignedDuration::from_millis(100);

/// The wait before `EventBridge` first retries a target; it doubles with each attempt (ours).
///
/// AWS only says "exponential back off and jitter":
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>.
pub(crate) const TARGET_RETRY_FIRST: SignedDuration = SignedDuration::from_secs(1);

/// The longest wait between two attempts on a target, so that the documented 185 attempts fill the
/// documented 24 hours (ours).
pub(crate) const TARGET_RETRY_LONGEST: SignedDuration = SignedDuration::from_secs(480);

/// From `StartReplay` until its first event is on the bus again (ours).
pub(crate) const REPLAY_START: SignedDuration = SignedDuration::from_secs(10);

/// Between two events of a replay (ours; AWS replays minute by minute, and faster than they came).
pub(crate) const REPLAY_PACE: SignedDuration = SignedDuration::from_millis(100);

/// From an event's arrival until an archive holds it; AWS advises to wait ten minutes before a replay.
///
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html>
pub(crate) const ARCHIVE_DELAY: SignedDuration = SignedDuration::from_secs(600);

/// From an asynchronous Lambda invocation until the function starts: the internal queue (ours).
pub(crate) const LAMBDA_QUEUE: SignedDuration = SignedDuration::from_millis(50);

/// The waits before Lambda retries a failed asynchronous invocation: one minute, then two.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
pub(crate) const LAMBDA_RETRIES: [SignedDuration; 2] =
    [SignedDuration::from_secs(60), SignedDuration::from_secs(120)];
/// How long a Logs Insights query runs (ours; it depends on what is scanned on AWS).
pub(crate) const LOGS_QUERY: SignedDuration = SignedDuration::from_secs(2);

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

// --- Step Functions ---

/// From one state of an execution to the next (AWS publishes no figure; ours).
pub(crate) const STATE_TRANSITION: SignedDuration = SignedDuration::from_millis(50);

/// How long a task takes that makes one API call; one that waits for a function takes as long as the
/// function (ours).
pub(crate) const STATE_TASK: SignedDuration = SignedDuration::from_millis(200);

// --- Findings ---

/// From `CreateSampleFindings` until the samples can be listed (AWS publishes no figure; ours).
pub(crate) const GUARDDUTY_SAMPLE: SignedDuration = SignedDuration::from_secs(3);

/// From a new finding until its event. AWS says "near real-time", and said "within 5 minutes" before:
/// <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>; ours lies between.
pub(crate) const GUARDDUTY_EVENT: SignedDuration = SignedDuration::from_secs(60);

/// From `BatchImportFindings` until a finding can be read and its event is sent (AWS says "near
/// real-time"; the figure is ours).
pub(crate) const SECURITY_HUB_IMPORT: SignedDuration = SignedDuration::from_secs(3);

/// From a call until CloudTrail's event history shows it: "an average of about 5 minutes", not guaranteed.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>
pub(crate) const CLOUDTRAIL: SignedDuration = SignedDuration::from_mins(5);

// --- Config ---

/// From a change of a resource until AWS Config has recorded it and evaluates the rules about it. AWS says
/// "usually … immediately … or within a few minutes": <https://docs.aws.amazon.com/config/latest/developerguide/config-concepts.html>;
/// ours lies between.
pub(crate) const CONFIG_RECORDS: SignedDuration = SignedDuration::from_secs(90);

/// From a new rule, or from `StartConfigRulesEvaluation`, until the rule has been evaluated (AWS publishes no
/// figure; ours).
pub(crate) const CONFIG_EVALUATES: SignedDuration = SignedDuration::from_secs(20);
