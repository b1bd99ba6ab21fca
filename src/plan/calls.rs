//! Every call that a run of a plan makes, in order: the one list behind the dry run and the IAM policy.
//!
//! Main function: [`Plan::calls`]. Invariant: the runner, the faults and the observers make no call whose
//! action is not here, so the policy is enough, and nothing here is not made, so it is the least.

mod listening;
mod records;

use super::{AutomationStart, CommandSend, Demand, FaultAction, Kind, Plan, RUN_MARKER};
use crate::scenario::names::at_target;
use crate::scenario::types::{RuleState, StateValue};
use listening::{bus_log_calls, listener_rule_calls, notification_calls, rule_of_ours_calls};
use records::{
    compliance_calls, deployment_calls, evaluation_calls, finding_calls, incident_calls, log_calls,
    log_group, replay_calls,
};

/// The beginning of the names of everything that a run creates to listen with.
pub const LISTENER_PREFIX: &str = "firedrill-";

/// The beginning of the id of every drill.
pub const DRILL_PREFIX: &str = "fd-";

/// What the names of the log groups begin with in which buses' logs are read: AWS's own prefix for them.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html>
pub const BUS_LOG_GROUPS: &str = "/aws/vendedlogs/events/";

/// The part of a run in which a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Looks at what must be as expected before anything else.
    Preflight,
    /// Creates what the run listens with.
    Listen,
    /// Breaks something.
    Inject,
    /// Looks, again and again.
    Observe,
    /// Takes back what the run changed.
    Revert,
}

/// One kind of call of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where: the name of a target; nothing for the home target.
    pub target: Option<String>,
    /// When in the run.
    pub step: Step,
    /// The action as IAM spells it, such as `events:PutEvents`.
    pub action: &'static str,
    /// Whom the call is for: a fault, an expectation, or the run itself.
    pub reason: String,
    /// What it touches.
    pub resource: Resource,
    /// What else must hold for IAM to allow it.
    pub condition: Option<Condition>,
}

/// What a call touches, as narrow as AWS allows a policy to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Everything; the words say why it can't be narrower.
    Any(&'static str),
    /// The end of an ARN in the run's account and region, after `arn:aws:SERVICE:REGION:ACCOUNT:`.
    Named {
        /// The service's name in ARNs.
        service: &'static str,
        /// What stands after the account.
        name: String,
    },
    /// The same, where AWS may own the resource, so that the account is empty.
    Shared {
        /// The service's name in ARNs.
        service: &'static str,
        /// What stands after the account.
        name: String,
    },
    /// The end of an ARN in the run's account, in no region: `arn:aws:SERVICE::ACCOUNT:`.
    Global {
        /// The service's name in ARNs.
        service: &'static str,
        /// What stands after the account.
        name: String,
    },
    /// A whole ARN that the scenario itself has.
    Arn(String),
}

/// A condition of a policy statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The operator, such as `StringEquals`.
    pub operator: &'static str,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

const COMPOSITE: &str =
    "composite alarms are invisible unless the permission is for every resource";
const NO_LEVEL: &str = "AWS has no resource-level permission for this action";

impl Plan {
    /// Every kind of call that a run makes, in order, without repeats.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Calls { all: Vec::new(), target: None };
        self.reach(&mut calls);
        self.alarms_before(&mut calls);
        self.locks(&mut calls);
        self.guardrails_before(&mut calls);
        self.woken(&mut calls);
        for fault in &self.faults {
            calls.turn_to(fault.target.as_deref());
            fault_calls(&mut calls, &fault.id, &fault.action);
        }
        for one in &self.expectations {
            let happens = matches!(one.demand, Demand::Happens { .. });
            calls.turn_to(one.target.as_deref());
            expectation_calls(&mut calls, &one.id, &one.kind, happens);
        }
        let (mut all, mut reverts): (Vec<Call>, Vec<Call>) =
            calls.all.into_iter().partition(|call| call.step != Step::Revert);
        all.sort_by_key(|call| call.step);
        // What was done last is taken back first.
        reverts.reverse();
        all.append(&mut reverts);
        all
    }

    /// The rules on each default bus that wake whoever looks there; a rehearsal needs none.
    fn woken(&self, calls: &mut Calls) {
        let others = self.targets.keys().map(|name| Some(name.as_str()));
        for target in std::iter::once(None).chain(others) {
            if !self.wake_up_rules(target).is_empty() {
                calls.turn_to(target);
                rule_of_ours_calls(calls, "wake-ups", "default");
            }
        }
    }

    /// Who we are at each target, and the roles that take us there.
    fn reach(&self, calls: &mut Calls) {
        calls.add(Step::Preflight, "sts:GetCallerIdentity", "guardrails", any(NO_LEVEL));
        for (name, target) in &self.targets {
            let reason = format!("target {name}");
            if let Some(role) = &target.role {
                calls.turn_to(None);
                let role = Resource::Arn(role.clone());
                calls.add(Step::Preflight, "sts:AssumeRole", &reason, role);
            }
            calls.turn_to(Some(name));
            calls.add(Step::Preflight, "sts:GetCallerIdentity", &reason, any(NO_LEVEL));
        }
    }

    /// The alarms that are looked at for the run itself.
    fn alarms_before(&self, calls: &mut Calls) {
        for steady in &self.steady_state {
            let at = at_target(steady.target.as_deref());
            let reason = format!("steady state of {}{at}", steady.alarm);
            calls.turn_to(steady.target.as_deref());
            calls.add(Step::Preflight, "cloudwatch:DescribeAlarms", &reason, any(COMPOSITE));
        }
        for stop in &self.stop_conditions {
            let at = at_target(stop.target.as_deref());
            let reason = format!("stop condition {}{at}", stop.alarm);
            calls.turn_to(stop.target.as_deref());
            calls.add(Step::Preflight, "cloudwatch:DescribeAlarms", &reason, any(COMPOSITE));
            calls.add(Step::Observe, "cloudwatch:DescribeAlarms", &reason, any(COMPOSITE));
            calls.add(Step::Observe, "cloudwatch:DescribeAlarmHistory", &reason, any(COMPOSITE));
        }
    }

    /// The lock of each place.
    fn locks(&self, calls: &mut Calls) {
        for place in
            std::iter::once(None).chain(self.targets.keys().map(|name| Some(name.as_str())))
        {
            calls.turn_to(place);
            lock_calls(calls);
        }
    }

    /// What is looked at for the guardrails' sake.
    fn guardrails_before(&self, calls: &mut Calls) {
        calls.turn_to(None);
        if let Some(calendar) = &self.guardrails.change_calendar {
            let resource = named("ssm", "document/", calendar);
            calls.add(Step::Preflight, "ssm:GetCalendarState", "change calendar", resource);
        }
        for fault in self.faults.iter().filter(|fault| fault.action.is_experiment()) {
            calls.turn_to(fault.target.as_deref());
            let lever = fis("safety-lever", "default");
            calls.add(Step::Preflight, "fis:GetSafetyLever", &fault.id, lever);
            let experiment = fis("experiment", "*");
            if let FaultAction::FisTemplate { template } = &fault.action
                && !self.guardrails.target_tags.is_empty()
            {
                let template = fis_template(template);
                calls.add(Step::Preflight, "fis:GetExperimentTemplate", &fault.id, template);
            }
            if self.guardrails.max_targets.is_some() {
                let template = if let FaultAction::FisTemplate { template } = &fault.action {
                    fis_template(template)
                } else {
                    let all = fis("experiment-template", "*");
                    let create = "fis:CreateExperimentTemplate";
                    calls.add(Step::Preflight, create, &fault.id, all.clone());
                    all
                };
                let start = "fis:StartExperiment";
                calls.add(Step::Preflight, start, &fault.id, template);
                calls.add(Step::Preflight, start, &fault.id, experiment.clone());
                let list = "fis:ListExperimentResolvedTargets";
                calls.add(Step::Preflight, list, &fault.id, experiment);
            }
        }
    }

    /// The name that the run's queue and rules begin with.
    pub fn listener_name(&self) -> String {
        format!("{LISTENER_PREFIX}{}", self.run_id)
    }
}

struct Calls {
    all: Vec<Call>,
    /// Where the calls that are added are made.
    target: Option<String>,
}

impl Calls {
    /// The calls that are added from here on are made at this target.
    fn turn_to(&mut self, target: Option<&str>) {
        self.target = target.map(str::to_owned);
    }

    fn add(&mut self, step: Step, action: &'static str, reason: &str, resource: Resource) {
        self.add_if(step, action, reason, resource, None);
    }

    fn add_if(
        &mut self,
        step: Step,
        action: &'static str,
        reason: &str,
        resource: Resource,
        condition: Option<Condition>,
    ) {
        let target = self.target.clone();
        let call = Call { target, step, action, reason: reason.to_owned(), resource, condition };
        if !self.all.contains(&call) {
            self.all.push(call);
        }
    }
}

fn any(why: &'static str) -> Resource {
    Resource::Any(why)
}

/// A resource by its name, or the ARN itself where the scenario has one.
fn named(service: &'static str, kind: &str, name: &str) -> Resource {
    if name.starts_with("arn:") {
        return Resource::Arn(name.to_owned());
    }
    Resource::Named { service, name: format!("{kind}{name}") }
}

/// A rule's ARN: rules of the default bus have no bus in it.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html>
fn rule(bus: &str, name: &str) -> Resource {
    let bus_name = crate::scenario::inventory::short_name(bus);
    let path = if bus_name == "default" { String::new() } else { format!("{bus_name}/") };
    Resource::Named { service: "events", name: format!("rule/{path}{name}") }
}

fn alarm(name: &str) -> Resource {
    named("cloudwatch", "alarm:", name)
}

fn queue() -> Resource {
    Resource::Named { service: "sqs", name: format!("{LISTENER_PREFIX}*") }
}

/// The lease that keeps other drills out of the account and region; a rehearsal needs none.
fn lock_calls(calls: &mut Calls) {
    let lock = || Resource::Named { service: "ssm", name: "parameter/firedrill/lock".to_owned() };
    calls.add(Step::Preflight, "ssm:PutParameter", "lock", lock());
    calls.add(Step::Revert, "ssm:GetParameter", "lock", lock());
    calls.add(Step::Revert, "ssm:DeleteParameter", "lock", lock());
}

/// What a drill names after itself. A policy is made before the drill has an id, and holds for the next one
/// too.
fn of_any_drill() -> String {
    format!("{LISTENER_PREFIX}*")
}

fn fault_calls(calls: &mut Calls, id: &str, action: &FaultAction) {
    match action {
        FaultAction::FisTemplate { template } => fis_template_calls(calls, id, template),
        FaultAction::FisInline { template } => fis_inline_calls(calls, id, template),
        FaultAction::PutEvents { bus, .. } => {
            let resource = named("events", "event-bus/", bus);
            calls.add(Step::Preflight, "events:DescribeEventBus", id, resource.clone());
            calls.add(Step::Inject, "events:PutEvents", id, resource);
        }
        FaultAction::SetAlarmState { alarm: name, .. } => {
            calls.add(Step::Preflight, "cloudwatch:DescribeAlarms", id, any(COMPOSITE));
            calls.add(Step::Inject, "cloudwatch:SetAlarmState", id, alarm(name));
            calls.add(Step::Inject, "cloudwatch:DescribeAlarmHistory", id, any(COMPOSITE));
            calls.add(Step::Revert, "cloudwatch:SetAlarmState", id, alarm(name));
        }
        FaultAction::PutMetricData { namespace, .. } => {
            let condition = Condition {
                operator: "StringEquals",
                key: "cloudwatch:namespace".to_owned(),
                value: namespace.clone(),
            };
            let resource = any(NO_LEVEL);
            calls.add_if(Step::Inject, "cloudwatch:PutMetricData", id, resource, Some(condition));
        }
        FaultAction::SsmAutomation(start) => automation_calls(calls, id, start),
        FaultAction::SsmCommand(send) => command_calls(calls, id, send),
        FaultAction::StartExecution(start) => execution_calls(calls, id, &start.state_machine),
        FaultAction::Invoke(invoke) => {
            let function = named("lambda", "function:", &invoke.function);
            calls.add(Step::Preflight, "lambda:GetFunctionConfiguration", id, function.clone());
            // A version or an alias is a resource of its own.
            let function = match &invoke.qualifier {
                Some(qualifier) => {
                    named("lambda", "function:", &format!("{}:{qualifier}", invoke.function))
                }
                None => function,
            };
            calls.add(Step::Inject, "lambda:InvokeFunction", id, function);
        }
        FaultAction::DisableRule { bus, name } => {
            calls.add(Step::Preflight, "events:DescribeRule", id, rule(bus, name));
            calls.add(Step::Inject, "events:DisableRule", id, rule(bus, name));
            calls.add(Step::Revert, "events:EnableRule", id, rule(bus, name));
        }
        FaultAction::Publish { topic, .. } => {
            let topic = named("sns", "", topic);
            calls.add(Step::Preflight, "sns:GetTopicAttributes", id, topic.clone());
            calls.add(Step::Inject, "sns:Publish", id, topic);
        }
        FaultAction::SendMessage { queue, .. } => {
            let queue = named("sqs", "", queue);
            calls.add(Step::Preflight, "sqs:GetQueueUrl", id, queue.clone());
            calls.add(Step::Inject, "sqs:SendMessage", id, queue);
        }
        FaultAction::SampleFindings { detector, .. } => {
            let name = format!("detector/{}", detector.as_deref().unwrap_or("*"));
            let detectors = Resource::Named { service: "guardduty", name };
            if detector.is_none() {
                calls.add(Step::Preflight, "guardduty:ListDetectors", id, any(NO_LEVEL));
                calls.add(Step::Inject, "guardduty:ListDetectors", id, any(NO_LEVEL));
            }
            calls.add(Step::Preflight, "guardduty:GetDetector", id, detectors.clone());
            calls.add(Step::Inject, "guardduty:ListFindings", id, detectors.clone());
            calls.add(Step::Inject, "guardduty:GetFindings", id, detectors.clone());
            calls.add(Step::Inject, "guardduty:CreateSampleFindings", id, detectors.clone());
            calls.add(Step::Revert, "guardduty:ArchiveFindings", id, detectors);
        }
        FaultAction::SecurityHubFindings { .. } => {
            let import = Resource::Named { service: "securityhub", name: "product/*".to_owned() };
            let hub = Resource::Named { service: "securityhub", name: "hub/default".to_owned() };
            calls.add(Step::Preflight, "securityhub:GetFindings", id, hub.clone());
            let call = "securityhub:BatchImportFindings";
            calls.add(Step::Inject, call, id, import.clone());
            calls.add(Step::Revert, call, id, import);
            calls.add(Step::Revert, "securityhub:GetFindings", id, hub.clone());
            calls.add(Step::Revert, "securityhub:BatchUpdateFindings", id, hub);
        }
        FaultAction::LogLine { group, .. } => {
            let own = log_group(group, &format!("log-stream:{}", of_any_drill()));
            calls.add(Step::Preflight, "logs:DescribeLogStreams", id, log_group(group, "*"));
            calls.add(Step::Inject, "logs:CreateLogStream", id, own.clone());
            calls.add(Step::Inject, "logs:PutLogEvents", id, own.clone());
            calls.add(Step::Revert, "logs:DescribeLogStreams", id, log_group(group, "*"));
            calls.add(Step::Revert, "logs:DeleteLogStream", id, own);
        }
        FaultAction::ConfigEvaluation { compliance, .. } => {
            evaluation_calls(calls, id, compliance.is_some());
        }
        FaultAction::StartReplay(replay) => replay_calls(calls, id, replay),
        // No API of AWS is called.
        FaultAction::Http { .. } | FaultAction::Command { .. } => {}
    }
}

fn fis(kind: &str, name: &str) -> Resource {
    Resource::Named { service: "fis", name: format!("{kind}/{name}") }
}

/// Whether a text is the id of an experiment template rather than a `Name` tag.
fn is_template_id(text: &str) -> bool {
    text.starts_with("EXT") && text.len() > 10 && text.chars().all(char::is_alphanumeric)
}

/// The template's id is looked up, since only a list shows `Name` tags and whether an id exists.
fn fis_template_calls(calls: &mut Calls, id: &str, template: &str) {
    calls.add(Step::Preflight, "fis:ListExperimentTemplates", id, any(NO_LEVEL));
    calls.add(Step::Inject, "fis:StartExperiment", id, fis_template(template));
    experiment_calls(calls, id);
}

/// A template's id is known to the plan only where the scenario names it by its id.
fn fis_template(template: &str) -> Resource {
    fis("experiment-template", if is_template_id(template) { template } else { "*" })
}

fn fis_inline_calls(calls: &mut Calls, id: &str, template: &serde_json::Value) {
    let all = fis("experiment-template", "*");
    let create = "fis:CreateExperimentTemplate";
    calls.add(Step::Inject, create, id, all.clone());
    let actions = template["actions"].as_object();
    for action in actions.into_iter().flat_map(serde_json::Map::values) {
        if let Some(action_id) = action["actionId"].as_str() {
            calls.add(Step::Inject, create, id, fis("action", action_id));
        }
    }
    if let Some(role) = template["roleArn"].as_str() {
        let condition = Condition {
            operator: "StringEquals",
            key: "iam:PassedToService".to_owned(),
            value: "fis.amazonaws.com".to_owned(),
        };
        let role = Resource::Arn(role.to_owned());
        calls.add_if(Step::Inject, "iam:PassRole", id, role, Some(condition));
    }
    calls.add(Step::Inject, "fis:TagResource", id, all.clone());
    calls.add(Step::Inject, "fis:StartExperiment", id, all.clone());
    experiment_calls(calls, id);
    let ours = Condition {
        operator: "StringLike",
        key: format!("aws:ResourceTag/{RUN_MARKER}"),
        value: format!("{DRILL_PREFIX}*"),
    };
    // After a crash the template is found again by its tags.
    calls.add(Step::Revert, "fis:ListExperimentTemplates", id, any(NO_LEVEL));
    calls.add_if(Step::Revert, "fis:DeleteExperimentTemplate", id, all, Some(ours));
}

/// What every experiment needs. Its id is known only once it runs.
fn experiment_calls(calls: &mut Calls, id: &str) {
    let experiment = fis("experiment", "*");
    calls.add(Step::Inject, "fis:StartExperiment", id, experiment.clone());
    calls.add(Step::Inject, "fis:TagResource", id, experiment.clone());
    calls.add(Step::Observe, "fis:GetExperiment", id, experiment.clone());
    // After a crash the experiment is found again by its tags.
    calls.add(Step::Revert, "fis:ListExperiments", id, any(NO_LEVEL));
    calls.add(Step::Revert, "fis:StopExperiment", id, experiment);
}

/// A document's ARN; AWS's own documents have no account in it.
fn document(kind: &str, name: &str) -> Resource {
    if name.starts_with("AWS") {
        return Resource::Shared { service: "ssm", name: format!("{kind}{name}") };
    }
    named("ssm", kind, name)
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>
fn automation_calls(calls: &mut Calls, id: &str, start: &AutomationStart) {
    let execution = named("ssm", "automation-execution/", "*");
    let name = crate::scenario::inventory::short_name(&start.document);
    let version = start.version.as_deref().unwrap_or("$DEFAULT");
    let definition = document("automation-definition/", &format!("{name}:{version}"));
    let described = document("document/", &start.document);
    calls.add(Step::Preflight, "ssm:DescribeDocument", id, described);
    calls.add(Step::Inject, "ssm:StartAutomationExecution", id, definition);
    calls.add(Step::Inject, "ssm:AddTagsToResource", id, execution.clone());
    if let Some(role) = start.parameters.get("AutomationAssumeRole").and_then(|roles| roles.first())
    {
        let condition = Condition {
            operator: "StringEquals",
            key: "iam:PassedToService".to_owned(),
            value: "ssm.amazonaws.com".to_owned(),
        };
        let role = Resource::Arn(role.clone());
        calls.add_if(Step::Inject, "iam:PassRole", id, role, Some(condition));
    }
    calls.add(Step::Observe, "ssm:GetAutomationExecution", id, execution.clone());
    // After a crash the execution is found again by its tag.
    calls.add(Step::Revert, "ssm:DescribeAutomationExecutions", id, any(NO_LEVEL));
    calls.add(Step::Revert, "ssm:StopAutomationExecution", id, execution);
}

/// A command needs the permission on its document and on each instance.
fn command_calls(calls: &mut Calls, id: &str, send: &CommandSend) {
    let described = document("document/", &send.document);
    calls.add(Step::Preflight, "ssm:DescribeDocument", id, described.clone());
    if send.looks_up_instances() {
        calls.add(Step::Preflight, "ssm:DescribeInstanceInformation", id, any(NO_LEVEL));
    }
    calls.add(Step::Inject, "ssm:SendCommand", id, described);
    for instance in &send.instances {
        let instance = named("ec2", "instance/", instance);
        calls.add(Step::Inject, "ssm:SendCommand", id, instance);
    }
    if send.instances.is_empty() {
        calls.add(Step::Inject, "ssm:SendCommand", id, named("ec2", "instance/", "*"));
    }
    calls.add(Step::Observe, "ssm:ListCommandInvocations", id, any(NO_LEVEL));
    calls.add(Step::Revert, "ssm:ListCommands", id, any(NO_LEVEL));
    calls.add(Step::Revert, "ssm:CancelCommand", id, any(NO_LEVEL));
}

/// The ends of the ARNs of a state machine and of its executions.
fn machine(state_machine: &str) -> (Resource, Resource) {
    let name = crate::scenario::inventory::short_name(state_machine);
    let executions = format!("execution:{name}:*");
    let executions = Resource::Named { service: "states", name: executions };
    (named("states", "stateMachine:", state_machine), executions)
}

fn execution_calls(calls: &mut Calls, id: &str, state_machine: &str) {
    let (machine, executions) = machine(state_machine);
    calls.add(Step::Preflight, "states:DescribeStateMachine", id, machine.clone());
    calls.add(Step::Inject, "states:StartExecution", id, machine);
    calls.add(Step::Observe, "states:DescribeExecution", id, executions.clone());
    calls.add(Step::Revert, "states:StopExecution", id, executions);
}

fn expectation_calls(calls: &mut Calls, id: &str, kind: &Kind, happens: bool) {
    match kind {
        Kind::Alarm { state, .. } => {
            calls.add(Step::Preflight, "cloudwatch:DescribeAlarms", id, any(COMPOSITE));
            if happens && *state == StateValue::Alarm {
                calls.add(Step::Preflight, "cloudwatch:ListAlarmMuteRules", id, any(NO_LEVEL));
            }
            calls.add(Step::Observe, "cloudwatch:DescribeAlarmHistory", id, any(COMPOSITE));
        }
        Kind::Rule { name, bus, state } => {
            calls.add(Step::Preflight, "events:DescribeRule", id, rule(bus, name));
            if happens && *state != RuleState::Matched {
                calls.add(Step::Preflight, "events:ListTargetsByRule", id, rule(bus, name));
            }
            bus_log_calls(calls, id, bus);
            // A rule of the run with the same pattern shows which event it was.
            listener_rule_calls(calls, id, bus);
            calls.add(Step::Observe, "cloudwatch:GetMetricData", id, any(NO_LEVEL));
        }
        Kind::Runbook { document, .. } => {
            let resource = if document.starts_with("arn:") {
                Resource::Arn(document.clone())
            } else if document.starts_with("AWS") {
                Resource::Shared { service: "ssm", name: format!("document/{document}") }
            } else {
                named("ssm", "document/", document)
            };
            let execution = named("ssm", "automation-execution/", "*");
            calls.add(Step::Preflight, "ssm:DescribeDocument", id, resource);
            calls.add(Step::Observe, "ssm:DescribeAutomationExecutions", id, any(NO_LEVEL));
            calls.add(Step::Observe, "ssm:GetAutomationExecution", id, execution);
        }
        Kind::CodeDeployRollback { application, group } => {
            let name = format!("deploymentgroup:{application}/{group}");
            let resource = Resource::Named { service: "codedeploy", name };
            calls.add(Step::Preflight, "codedeploy:GetDeploymentGroup", id, resource.clone());
            calls.add(Step::Observe, "codedeploy:ListDeployments", id, resource.clone());
            calls.add(Step::Observe, "codedeploy:GetDeployment", id, resource);
        }
        Kind::Event { bus, .. } => {
            let watched = named("events", "event-bus/", bus);
            calls.add(Step::Preflight, "events:DescribeEventBus", id, watched);
            listener_rule_calls(calls, id, bus);
        }
        Kind::Notification { topic, .. } => notification_calls(calls, id, topic),
        Kind::Experiment { .. } => {
            calls.add(Step::Observe, "fis:GetExperiment", id, fis("experiment", "*"));
        }
        Kind::Finding(finding) => finding_calls(calls, id, finding.source),
        Kind::OpsItem(_) => {
            let items = Resource::Named { service: "ssm", name: "opsitem/*".to_owned() };
            calls.add(Step::Observe, "ssm:DescribeOpsItems", id, any(NO_LEVEL));
            calls.add(Step::Observe, "ssm:GetOpsItem", id, items);
        }
        Kind::Incident(incident) => incident_calls(calls, id, incident),
        Kind::ApiCall(_) => {
            calls.add(Step::Observe, "cloudtrail:LookupEvents", id, any(NO_LEVEL));
        }
        Kind::Compliance { .. } => compliance_calls(calls, id),
        Kind::Metric(_) => {
            calls.add(Step::Observe, "cloudwatch:GetMetricData", id, any(NO_LEVEL));
        }
        Kind::Queue { name, .. } => {
            let queue = named("sqs", "", name);
            calls.add(Step::Preflight, "sqs:GetQueueUrl", id, queue.clone());
            calls.add(Step::Preflight, "sqs:GetQueueAttributes", id, queue.clone());
            calls.add(Step::Observe, "sqs:GetQueueAttributes", id, queue);
        }
        Kind::Deployment { release, .. } => deployment_calls(calls, id, release),
        Kind::Log { groups, search } => log_calls(calls, id, groups, search),
        Kind::Execution { state_machine, .. } => {
            let (machine, executions) = machine(state_machine);
            calls.add(Step::Preflight, "states:DescribeStateMachine", id, machine.clone());
            calls.add(Step::Observe, "states:ListExecutions", id, machine);
            calls.add(Step::Observe, "states:DescribeExecution", id, executions);
        }
        // No API of AWS is asked.
        Kind::Http { .. } => {}
    }
}
