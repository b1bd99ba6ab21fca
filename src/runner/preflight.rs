//! What must be true before anything is injected: everything that the plan names is there and could
//! answer, and the steady state holds.
//!
//! Main functions: [`holds`] and [`steady`]. Invariants: each condition is recorded; a condition that we
//! could not look at is told apart from one that does not hold; nothing here changes the account.

mod config;
mod messages;
mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use super::Drill;
use crate::aws::alarms::{self, Snapshot};
use crate::aws::existing::is_there;
use crate::aws::rules::{Named, rules};
use crate::aws::{CallError, CallErrorKind, RuleFound, configurations};
use crate::context::{ChangeError, Place};
use crate::faults;
use crate::plan::{
    AutomationStart, CommandSend, Demand, FaultAction, Kind, Phase, PlannedExpectation,
    PlannedFault, PlannedSteadyState, Release,
};
use crate::scenario::suggest::did_you_mean;
use crate::scenario::types::{RuleState, StateValue};
use crate::timeline::{EntryKind, Problem};
use config::Use;

const DOCUMENT: &str = "ssm:DescribeDocument";
const GROUP: &str = "codedeploy:GetDeploymentGroup";

/// A drill as it looks from one of its places.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    drill: &'a Drill<'a>,
    place: &'a Place,
}

impl<'a> Deref for Here<'a> {
    type Target = Drill<'a>;

    fn deref(&self) -> &Drill<'a> {
        self.drill
    }
}

impl<'a> Here<'a> {
    pub(super) fn new(drill: &'a Drill<'a>, place: &'a Place) -> Self {
        Self { drill, place }
    }

    pub(super) fn place(self) -> &'a Place {
        self.place
    }

    /// Whether something of the plan with this target is here.
    fn has(self, target: Option<&str>) -> bool {
        self.place.name.as_deref() == target
    }

    pub(super) fn faults(self) -> impl Iterator<Item = &'a PlannedFault> {
        self.drill.plan.faults.iter().filter(move |fault| self.has(fault.target.as_deref()))
    }

    fn expectations(self) -> impl Iterator<Item = &'a PlannedExpectation> {
        let all = self.drill.plan.expectations.iter();
        all.filter(move |expectation| self.has(expectation.target.as_deref()))
    }

    fn steady_state(self) -> impl Iterator<Item = &'a PlannedSteadyState> {
        self.drill.plan.steady_state.iter().filter(move |one| self.has(one.target.as_deref()))
    }

    fn stop_conditions(self) -> impl Iterator<Item = &'a str> {
        let all = self.drill.plan.stop_conditions.iter();
        let here = all.filter(move |stop| self.has(stop.target.as_deref()));
        here.map(|stop| stop.alarm.as_str())
    }
}

/// A condition that does not hold, or that we could not look at.
pub(super) type Finding = Result<(), Problem>;

pub(super) fn wrong(message: String, hint: &str) -> Finding {
    Err(Problem { message, hint: hint.to_owned(), blind: false })
}

/// A failed look: a thing that is not there is wrong, anything else is blindness.
pub(super) fn failed(subject: &str, error: &CallError) -> Problem {
    let blind = !error.is_not_found();
    let message =
        if blind { error.to_string() } else { format!("{subject} does not exist: {error}") };
    Problem { message, hint: error.hint(), blind }
}

/// Looks at everything that the plan names, place by place; true when all of it could answer.
pub(super) async fn holds(drill: &Drill<'_>) -> bool {
    let unknown = drill.plan.targets.keys().find(|name| drill.places.find(Some(name)).is_none());
    if let Some(name) = unknown {
        let message = format!("there is no way to the target `{name}` from here");
        let finding = wrong(message, "run the drill through `firedrill run`, which connects to it");
        return tell(Here { drill, place: drill.places.home() }, format!("target {name}"), finding);
    }
    let mut fine = true;
    for place in drill.places.all() {
        fine &= holds_at(Here { drill, place }).await;
    }
    fine
}

async fn holds_at(drill: Here<'_>) -> bool {
    let mut fine = alarms_hold(drill).await;
    let mut subjects = BTreeSet::new();
    for fault in drill.faults() {
        subjects.extend(reach::of_fault(&fault.action));
        match &fault.action {
            FaultAction::FisTemplate { template } => {
                let found = template_exists(drill, template).await;
                fine &= tell(drill, format!("experiment template {template}"), found);
            }
            FaultAction::PutEvents { bus, .. } => {
                subjects.insert(Subject::Bus(bus.clone()));
            }
            FaultAction::SsmAutomation(AutomationStart { document, .. })
            | FaultAction::SsmCommand(CommandSend { document, .. }) => {
                subjects.insert(Subject::Document(document.clone()));
            }
            FaultAction::StartExecution(start) => {
                subjects.insert(Subject::Machine(start.state_machine.clone()));
            }
            FaultAction::Invoke(invoke) => {
                subjects.insert(Subject::Function(invoke.function.clone()));
            }
            FaultAction::ConfigEvaluation { rule, compliance, .. } => {
                let used = if compliance.is_some() { Use::Tell } else { Use::Evaluate };
                subjects.insert(Subject::ConfigRule(rule.clone(), used));
            }
            FaultAction::FisInline { .. }
            | FaultAction::SetAlarmState { .. }
            | FaultAction::PutMetricData { .. }
            | FaultAction::SampleFindings { .. }
            | FaultAction::SecurityHubFindings { .. }
            | FaultAction::Http { .. }
            | FaultAction::Command { .. } => {}
            FaultAction::DisableRule { .. }
            | FaultAction::Publish { .. }
            | FaultAction::SendMessage { .. }
            | FaultAction::LogLine { .. }
            | FaultAction::StartReplay(_) => {
                subjects.extend(messages::of_fault(&fault.action));
            }
        }
    }
    for expectation in drill.expectations() {
        let happens = matches!(expectation.demand, Demand::Happens { .. });
        let in_expect = expectation.phase == Phase::Expect;
        subjects.extend(subject(&expectation.kind, happens, in_expect));
    }
    let rules = rules(&drill.place.aws, subjects.iter().filter_map(Subject::rule).collect()).await;
    for subject in subjects {
        let finding = look(drill, &subject, &rules).await;
        fine &= tell(drill, subject.words(), finding);
    }
    fine
}

pub(super) fn tell(drill: Here<'_>, subject: String, finding: Finding) -> bool {
    let subject = subject + &drill.place.suffix();
    let problem = finding.err();
    let fine = problem.is_none();
    drill.recorder.record(EntryKind::Preflight { subject, problem });
    fine
}

/// Something that the plan names, other than alarms and templates.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Bus(String),
    Rule { bus: String, name: String, must_invoke: bool, must_match: bool },
    Document(String),
    Topic(String),
    Group { application: String, group: String },
    ResponsePlan(String),
    ConfigRule(String, Use),
    Machine(String),
    Function(String),
    Message(messages::Subject),
    Released(Release),
    Reach(reach::Subject),
}

impl Subject {
    /// The rule that this is.
    fn rule(&self) -> Option<Named> {
        let Self::Rule { bus, name, .. } = self else { return None };
        Some((bus.clone(), name.clone()))
    }

    fn words(&self) -> String {
        match self {
            Self::Bus(bus) => format!("event bus {bus}"),
            Self::Rule { bus, name, .. } => format!("rule {name} on bus {bus}"),
            Self::Document(name) => format!("document {name}"),
            Self::Topic(topic) => format!("topic {topic}"),
            Self::Group { application, group } => {
                format!("deployment group {group} of {application}")
            }
            Self::ResponsePlan(plan) => format!("response plan {plan}"),
            Self::ConfigRule(rule, _) => format!("Config rule {rule}"),
            Self::Machine(name) => format!("state machine {name}"),
            Self::Function(name) => format!("function {name}"),
            Self::Message(subject) => subject.words(),
            Self::Released(release) => release.words(),
            Self::Reach(subject) => subject.words(),
        }
    }
}

fn subject(kind: &Kind, happens: bool, in_expect: bool) -> Option<Subject> {
    match kind {
        Kind::Rule { name, bus, state } => Some(Subject::Rule {
            bus: bus.clone(),
            name: name.clone(),
            must_match: happens,
            must_invoke: happens && *state != RuleState::Matched,
        }),
        Kind::Runbook { document, .. } => Some(Subject::Document(document.clone())),
        Kind::Event { bus, .. } => Some(Subject::Bus(bus.clone())),
        Kind::Notification { topic, .. } => Some(Subject::Topic(topic.clone())),
        Kind::Incident(incident) => incident.response_plan.clone().map(Subject::ResponsePlan),
        Kind::CodeDeployRollback { application, group }
        | Kind::Deployment { release: Release::CodeDeploy { application, group }, .. } => {
            Some(Subject::Group { application: application.clone(), group: group.clone() })
        }
        Kind::Deployment { release, .. } => Some(Subject::Released(release.clone())),
        Kind::Execution { state_machine, .. } => Some(Subject::Machine(state_machine.clone())),
        Kind::Compliance { wanted, .. } => {
            Some(Subject::ConfigRule(wanted.rule.clone(), Use::Read))
        }
        Kind::Finding(_) => reach::of_kind(kind),
        Kind::Alarm { .. }
        | Kind::Http { .. }
        | Kind::Experiment { .. }
        | Kind::OpsItem(_)
        | Kind::ApiCall(_)
        | Kind::Metric(_) => None,
        Kind::Queue { .. } | Kind::Log { .. } => messages::of_kind(kind, in_expect),
    }
}

/// What is known of the rules that the plan names.
type Rules = BTreeMap<Named, Result<RuleFound, CallError>>;

async fn look(drill: Here<'_>, subject: &Subject, rules: &Rules) -> Finding {
    let aws = &drill.place.aws;
    let words = subject.words();
    match subject {
        Subject::Bus(bus) => {
            let sent = aws.events.describe_event_bus().name(bus).send().await;
            let sent = sent.map_err(|error| CallError::of("events:DescribeEventBus", &error));
            sent.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::Rule { bus, name, must_match, must_invoke } => {
            let known = &rules[&(bus.clone(), name.clone())];
            let found = known.as_ref().map_err(|error| failed(&rule_words(bus, name), error));
            rule_can_act(drill, (bus, name), found?, *must_match, *must_invoke).await
        }
        Subject::Document(name) => {
            let request = aws.ssm.describe_document().name(name);
            let asked = is_there(aws, &words, move || {
                let sent = request.clone().send();
                async { sent.await.map(|_| ()).map_err(|error| CallError::of(DOCUMENT, &error)) }
            });
            asked.await.map_err(|error| failed(&words, &error))
        }
        Subject::ConfigRule(rule, used) => config::look(aws, rule, *used, &words).await,
        Subject::Topic(topic) => {
            let arn = drill.place.topic_arn(topic);
            let sent = aws.sns.get_topic_attributes().topic_arn(arn).send().await;
            let sent = sent.map_err(|error| CallError::of("sns:GetTopicAttributes", &error));
            sent.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::Group { application, group } => {
            let request = aws.codedeploy.get_deployment_group().application_name(application);
            let request = request.deployment_group_name(group);
            let asked = is_there(aws, &words, move || {
                let sent = request.clone().send();
                async { sent.await.map(|_| ()).map_err(|error| CallError::of(GROUP, &error)) }
            });
            asked.await.map_err(|error| failed(&words, &error))
        }
        Subject::ResponsePlan(plan) => {
            let (partition, account) = (&drill.place.partition, &drill.place.target.account);
            let arn = if plan.starts_with("arn:") {
                plan.clone()
            } else {
                format!("arn:{partition}:ssm-incidents::{account}:response-plan/{plan}")
            };
            let sent = aws.incidents.get_response_plan().arn(arn).send().await;
            let sent = sent.map_err(|error| CallError::of("ssm-incidents:GetResponsePlan", &error));
            sent.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::Machine(name) => {
            let arn = drill.place.state_machine_arn(name);
            let sent = aws.sfn.describe_state_machine().state_machine_arn(arn).send().await;
            let sent = sent.map_err(|error| CallError::of("states:DescribeStateMachine", &error));
            sent.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::Function(name) => {
            let sent = aws.lambda.get_function_configuration().function_name(name).send().await;
            let sent =
                sent.map_err(|error| CallError::of("lambda:GetFunctionConfiguration", &error));
            sent.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::Message(subject) => messages::look(aws, subject).await,
        Subject::Reach(subject) => reach::look(aws, subject).await,
        Subject::Released(release) => {
            let found = released(drill, release).await;
            found.map_err(|error| failed(&words, &error))
        }
    }
}

/// Whether what is deployed to is there.
async fn released(drill: Here<'_>, release: &Release) -> Result<(), CallError> {
    let aws = &drill.place.aws;
    match release {
        // A deployment group is a subject of its own.
        Release::CodeDeploy { .. } => Ok(()),
        Release::CloudFormation { stack } => {
            let sent = aws.cloudformation.describe_stacks().stack_name(stack).send().await;
            sent.map(|_| ()).map_err(|error| {
                let error = CallError::of("cloudformation:DescribeStacks", &error);
                // CloudFormation has no code of its own for a stack that is not there.
                let gone = error.message.contains("does not exist");
                let kind = if gone { CallErrorKind::NotFound } else { error.kind };
                CallError { kind, ..error }
            })
        }
        Release::AppConfig { application, environment } => {
            configurations::ids(aws, application, environment).await.map(|_| ())
        }
        Release::Ecs { cluster, service } => {
            let sent = aws.ecs.describe_services().cluster(cluster).services(service).send().await;
            let answer = sent.map_err(|error| CallError::of("ecs:DescribeServices", &error))?;
            if answer.services().iter().any(|one| one.status() == Some("ACTIVE")) {
                return Ok(());
            }
            Err(CallError {
                kind: CallErrorKind::NotFound,
                operation: "ecs:DescribeServices",
                code: None,
                message: format!("the cluster `{cluster}` has no active service `{service}`"),
            })
        }
    }
}

fn rule_words(bus: &str, name: &str) -> String {
    format!("rule `{name}` on bus `{bus}`")
}

async fn rule_can_act(
    drill: Here<'_>,
    (bus, name): (&str, &str),
    rule: &RuleFound,
    must_match: bool,
    must_invoke: bool,
) -> Finding {
    let events = &drill.place.aws.events;
    let words = rule_words(bus, name);
    if must_match && !rule.enabled {
        return wrong(
            format!("{words} is disabled: it can't match"),
            "enable the rule, or expect with `never` that it stays quiet",
        );
    }
    if must_invoke {
        let sent = events.list_targets_by_rule().rule(name).event_bus_name(bus).send().await;
        let targets = sent
            .map_err(|error| CallError::of("events:ListTargetsByRule", &error))
            .map_err(|error| failed(&words, &error))?;
        if targets.targets().is_empty() {
            return wrong(format!("{words} has no targets: it can't invoke any"), "add a target");
        }
    }
    Ok(())
}

async fn template_exists(drill: Here<'_>, template: &str) -> Finding {
    match faults::fis::find_template(drill.context(drill.place), template).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Call(error)) => {
            Err(failed(&format!("experiment template `{template}`"), &error))
        }
        Err(error @ (ChangeError::NoEffect(_) | ChangeError::Record(_))) => {
            wrong(error.to_string(), "name a template by its id (EXT…) or by its Name tag")
        }
    }
}

/// Looks at every alarm of the plan with one batched call.
async fn alarms_hold(drill: Here<'_>) -> bool {
    let names = alarm_names(drill);
    if names.is_empty() {
        return true;
    }
    let found = match alarms::describe(&drill.place.aws, &names).await {
        Ok(found) => found,
        Err(error) => {
            let problem = Problem { blind: true, ..failed("alarms", &error) };
            return tell(drill, "alarms".to_owned(), Err(problem));
        }
    };
    let mut fine = true;
    for name in &names {
        let finding = match found.iter().find(|alarm| alarm.name == *name) {
            Some(alarm) => match alarm_can_act(drill, alarm) {
                Ok(()) => not_muted(drill, alarm).await,
                problem @ Err(_) => problem,
            },
            None => no_such_alarm(drill, name).await,
        };
        fine &= tell(drill, format!("alarm {name}"), finding);
    }
    fine
}

/// An alarm that is not there, and the one of the account that may have been meant.
async fn no_such_alarm(drill: Here<'_>, name: &str) -> Finding {
    let known = alarms::names(&drill.place.aws).await;
    let hint = match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "check the name, the account and the region; composite alarms are only visible \
                 with cloudwatch:DescribeAlarms on all resources"
            .to_owned(),
    };
    wrong(format!("alarm `{name}` does not exist in this account and region"), &hint)
}

fn alarm_names(drill: Here<'_>) -> Vec<String> {
    let expected = drill.expectations().filter_map(|expectation| {
        let Kind::Alarm { name, .. } = &expectation.kind else { return None };
        Some(name.clone())
    });
    let steady = drill.steady_state().map(|steady| steady.alarm.clone());
    let stops = drill.stop_conditions().map(str::to_owned);
    let set = drill.faults().filter_map(|fault| {
        let FaultAction::SetAlarmState { alarm, .. } = &fault.action else { return None };
        Some(alarm.clone())
    });
    let names: BTreeSet<String> = expected.chain(steady).chain(stops).chain(set).collect();
    names.into_iter().collect()
}

fn alarm_can_act(drill: Here<'_>, alarm: &Snapshot) -> Finding {
    let name = &alarm.name;
    if drill.stop_conditions().any(|stop| stop == name) && alarm.state == "ALARM" {
        return wrong(
            format!("stop condition `{name}` is already in ALARM: {}", alarm.reason),
            "an incident may be going on; drill when it is over",
        );
    }
    for expectation in drill.expectations() {
        let Kind::Alarm { name: expected, state, .. } = &expectation.kind else { continue };
        if expected != name || expectation.phase == Phase::Recovery {
            continue;
        }
        // For a `never` as well: that it did not enter ALARM would say nothing.
        if *state == StateValue::Alarm && alarm.state == "ALARM" {
            return wrong(
                format!("alarm `{name}` is already in ALARM: {}", alarm.reason),
                "it can't enter a state that it is in; drill when it is OK",
            );
        }
        let happens = matches!(expectation.demand, Demand::Happens { .. });
        if happens && *state == StateValue::Alarm && !alarm.actions_enabled {
            return actions_disabled(name);
        }
    }
    if is_set_to_tell(drill, alarm) && !alarm.actions_enabled {
        return actions_disabled(name);
    }
    Ok(())
}

fn actions_disabled(name: &str) -> Finding {
    wrong(
        format!("the actions of alarm `{name}` are disabled: nobody would be told"),
        "enable them (aws cloudwatch enable-alarm-actions)",
    )
}

/// Whether a fault sets an alarm that has actions, and the drill expects what actions bring about. Its changes
/// are events as well, and a composite alarm may follow it: neither needs its actions.
fn is_set_to_tell(drill: Here<'_>, alarm: &Snapshot) -> bool {
    let is_set = drill.faults().any(|fault| {
        matches!(&fault.action, FaultAction::SetAlarmState { alarm: set, .. } if *set == alarm.name)
    });
    let is_told = drill.expectations().any(|expectation| {
        let tells = matches!(
            expectation.kind,
            Kind::Notification { .. } | Kind::OpsItem(_) | Kind::Incident(_)
        );
        tells && matches!(expectation.demand, Demand::Happens { .. })
    });
    is_set && is_told && alarm.actions > 0
}

/// A muted alarm changes its state and tells nobody, so nothing can follow from it.
async fn not_muted(drill: Here<'_>, alarm: &Snapshot) -> Finding {
    let must_act = drill.expectations().any(|expectation| {
        matches!(&expectation.kind, Kind::Alarm { name, state: StateValue::Alarm, .. } if *name == alarm.name)
            && matches!(expectation.demand, Demand::Happens { .. })
    });
    let must_act = must_act || is_set_to_tell(drill, alarm);
    // An alarm without actions answers through its events alone, and those are never muted.
    if !must_act || alarm.actions == 0 {
        return Ok(());
    }
    let words = format!("the mute rules of alarm `{}`", alarm.name);
    match alarms::active_mutes(&drill.place.aws, &alarm.name).await {
        Ok(rules) if rules.is_empty() => Ok(()),
        Ok(rules) => wrong(
            format!(
                "alarm `{}` is muted by {}: nobody would be told",
                alarm.name,
                rules.join(", ")
            ),
            "wait for the mute window to end, or delete the mute rule",
        ),
        Err(error) => Err(failed(&words, &error)),
    }
}

/// Looks at the steady state, place by place; true when it holds.
pub(super) async fn steady(drill: &Drill<'_>) -> bool {
    let mut holds = true;
    for place in drill.places.all() {
        holds &= steady_at(Here { drill, place }).await;
    }
    holds
}

async fn steady_at(drill: Here<'_>) -> bool {
    let names: Vec<String> = drill.steady_state().map(|steady| steady.alarm.clone()).collect();
    if names.is_empty() {
        return true;
    }
    let looked = alarms::describe(&drill.place.aws, &names).await;
    let mut holds = true;
    for condition in drill.steady_state() {
        let (found, reason) = match &looked {
            Ok(alarms) => {
                let alarm = alarms.iter().find(|alarm| alarm.name == condition.alarm);
                (alarm.map(|alarm| alarm.state.clone()), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        holds &= found.as_deref() == Some(condition.state.as_str());
        drill.recorder.record(EntryKind::SteadyState {
            target: condition.target.clone(),
            alarm: condition.alarm.clone(),
            expected: condition.state.as_str().to_owned(),
            found,
            reason,
        });
    }
    holds
}
