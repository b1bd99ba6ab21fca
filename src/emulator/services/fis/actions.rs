//! What each action does when it begins, while it runs, and when it ends or is stopped.
//!
//! Main functions, in the order of an action's life: [`begin`], [`announce`], [`progress`], [`finish`] or
//! [`undo`], [`retract`]. Invariant: calls are made by the experiment's role; a refusal is a [`Failure`]
//! that names what the role may not do.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::catalog::{Kind, words};
use super::duration;
use super::experiment::{Experiment, Failure};
use super::faults::Injection;
use super::run::experiment;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::facts::Fact;
use crate::emulator::policy::{self, Caller};
use crate::emulator::services::{Service, cloudwatch, ec2};

/// What a running action has under way in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing besides its facts.
    Nothing,
    /// Instances that have to leave `running`.
    Leaving(Vec<String>),
    /// Stopped instances that are started again when the action ends.
    Stopped(Vec<String>),
    /// A Run Command.
    Command(String),
    /// An Automation execution.
    Automation(String),
}

impl Work {
    /// Whether it has to be looked at.
    pub(super) fn is_polled(&self) -> bool {
        match self {
            Self::Nothing | Self::Stopped(_) => false,
            Self::Leaving(_) | Self::Command(_) | Self::Automation(_) => true,
        }
    }
}

/// What an action began.
pub(super) struct Begun {
    pub(super) work: Work,
    /// When it ends by itself, if it does.
    pub(super) lasts: Option<SignedDuration>,
    /// Whether that was all.
    pub(super) is_done: bool,
}

/// What a look at a running action shows.
pub(super) enum Progress {
    Continues,
    Done,
}

/// What is needed to make an action's calls.
struct Context {
    kind: Kind,
    action: String,
    caller: Caller,
    parameters: IndexMap<String, String>,
    arns: Vec<String>,
    work: Work,
}

impl Context {
    fn of(account: &Account, id: &str, action: &str) -> Option<Self> {
        let found = account.services.fis.experiments.get(id)?;
        let run = found.actions.get(action)?;
        let resolved = run.action.target().and_then(|name| found.resolved.get(name));
        Some(Self {
            kind: run.action.spec().kind,
            action: action.to_owned(),
            caller: caller(found),
            parameters: run.action.parameters.clone(),
            arns: resolved.cloned().unwrap_or_default(),
            work: run.work.clone(),
        })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn duration(&self, name: &str) -> Option<SignedDuration> {
        self.parameter(name).and_then(|text| duration::parse(text).ok())
    }

    /// The ids at the end of the target ARNs.
    fn ids(&self) -> Vec<String> {
        self.arns.iter().map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned()).collect()
    }

    fn call(
        &self,
        account: &mut Account,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Answer {
        account.call_as(&self.caller, service, operation, input)
    }

    /// Refuses where the role may not do something that FIS does behind the scenes.
    fn needs(&self, account: &Account, service: Service, operations: &[&str]) -> Answer {
        for operation in operations {
            policy::authorize(account, &self.caller, service, operation, &json!({}))?;
        }
        Ok(Value::Null)
    }

    /// The failure that an error of a call means for the experiment.
    fn failure(&self, error: ServiceError) -> Failure {
        let code = if error.code.starts_with("AccessDenied") || error.status == 403 {
            "AuthorizationFailure"
        } else if error.code.contains("NotFound") || error.code == "InvalidInstanceId" {
            "InvalidTarget"
        } else if error.status >= 500 {
            "DependentServiceFailure"
        } else {
            "ConfigurationFailure"
        };
        Failure { code, location: format!("actions.{}", self.action), reason: error.message }
    }
}

/// FIS assumes the experiment's role.
fn caller(found: &Experiment) -> Caller {
    Caller::Role { arn: found.role_arn.clone(), assumed_by: "fis.amazonaws.com" }
}

// --- Beginning ---

/// Does what the action does at its start.
pub(super) fn begin(account: &mut Account, id: &str, action: &str) -> Result<Begun, Failure> {
    let Some(context) = Context::of(account, id, action) else {
        return Ok(Begun { work: Work::Nothing, lasts: None, is_done: true });
    };
    let begun = match context.kind {
        Kind::Wait => Ok(lasting(&context, "duration")),
        Kind::StopInstances => stop_instances(account, &context),
        Kind::TerminateInstances => leave(account, &context, "TerminateInstances"),
        Kind::RebootInstances => reboot_instances(account, &context),
        Kind::SendCommand => send_command(account, &context),
        Kind::StartAutomation => start_automation(account, &context),
        Kind::InternalError => inject(account, id, &context, "InjectApiInternalError"),
        Kind::ThrottleError => inject(account, id, &context, "InjectApiThrottleError"),
        Kind::UnavailableError => inject(account, id, &context, "InjectApiUnavailableError"),
        Kind::DisruptConnectivity => disrupt(account, &context),
        Kind::AddDelay | Kind::InvocationError => disturb_functions(account, &context),
        Kind::AssertAlarmState => assert_alarms(account, &context),
    };
    begun.map_err(|error| context.failure(error))
}

fn lasting(context: &Context, parameter: &str) -> Begun {
    let lasts = context.duration(parameter);
    Begun { work: Work::Nothing, lasts, is_done: lasts.is_none() }
}

fn leave(account: &mut Account, context: &Context, operation: &str) -> Result<Begun, ServiceError> {
    let ids = context.ids();
    context.call(account, Service::Ec2, operation, json!({"InstanceIds": ids}))?;
    Ok(Begun { work: Work::Leaving(ids), lasts: None, is_done: false })
}

fn stop_instances(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    let begun = leave(account, context, "StopInstances")?;
    let Some(lasts) = context.duration("startInstancesAfterDuration") else { return Ok(begun) };
    Ok(Begun { work: Work::Stopped(context.ids()), lasts: Some(lasts), is_done: false })
}

fn reboot_instances(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    let input = json!({"InstanceIds": context.ids()});
    context.call(account, Service::Ec2, "RebootInstances", input)?;
    Ok(Begun { work: Work::Nothing, lasts: None, is_done: true })
}

/// The parameters of an SSM document: each value is a list of texts.
fn document_parameters(context: &Context) -> Value {
    let text = context.parameter("documentParameters").unwrap_or("{}");
    let given: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let listed = given.into_iter().map(|(name, value)| match value {
        Value::Array(_) => (name, value),
        single => (name, Value::Array(vec![single])),
    });
    Value::Object(listed.collect())
}

/// The input that `SendCommand` and `StartAutomationExecution` share.
fn document_input(context: &Context) -> Value {
    let mut input = json!({
        "DocumentName": context.parameter("documentArn"),
        "Parameters": document_parameters(context),
    });
    if let Some(version) = context.parameter("documentVersion").filter(|text| !text.is_empty()) {
        input["DocumentVersion"] = json!(version);
    }
    input
}

fn send_command(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    let mut input = document_input(context);
    input["InstanceIds"] = json!(context.ids());
    let answer = context.call(account, Service::Ssm, "SendCommand", input)?;
    let command = answer["Command"]["CommandId"].as_str().unwrap_or_default().to_owned();
    Ok(Begun { work: Work::Command(command), lasts: context.duration("duration"), is_done: false })
}

fn start_automation(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    let input = document_input(context);
    let answer = context.call(account, Service::Ssm, "StartAutomationExecution", input)?;
    let execution = answer["AutomationExecutionId"].as_str().unwrap_or_default().to_owned();
    Ok(Begun {
        work: Work::Automation(execution),
        lasts: context.duration("maxDuration"),
        is_done: false,
    })
}

fn inject(
    account: &mut Account,
    id: &str,
    context: &Context,
    permission: &str,
) -> Result<Begun, ServiceError> {
    context.needs(account, Service::Fis, &[permission])?;
    let operations = words(context.parameter("operations").unwrap_or_default());
    let percentage = context.parameter("percentage").and_then(|text| text.parse().ok());
    account.services.fis.injections.push(Injection {
        experiment: id.to_owned(),
        action: context.action.clone(),
        kind: context.kind,
        roles: context.arns.clone(),
        service: context.parameter("service").unwrap_or_default().to_owned(),
        operations: operations.into_iter().map(str::to_owned).collect(),
        percentage: percentage.unwrap_or(100),
    });
    Ok(lasting(context, "duration"))
}

/// FIS clones the subnets' network ACL and denies the traffic in the copy; what that does to the account's
/// metrics is for the signals to say.
fn disrupt(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    let calls = ["CreateNetworkAcl", "CreateNetworkAclEntry", "ReplaceNetworkAclAssociation"];
    context.needs(account, Service::Ec2, &calls)?;
    Ok(lasting(context, "duration"))
}

fn disturb_functions(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    context.needs(account, Service::Lambda, &["GetFunction"])?;
    Ok(lasting(context, "duration"))
}

/// Point in time: whether the alarms are in one of the states right now.
fn assert_alarms(account: &mut Account, context: &Context) -> Result<Begun, ServiceError> {
    context.needs(account, Service::CloudWatch, &["DescribeAlarms"])?;
    let states = words(context.parameter("alarmStates").unwrap_or_default());
    for arn in words(context.parameter("alarmArns").unwrap_or_default()) {
        let Some(state) = cloudwatch::alarm_state(account, arn) else {
            return Err(ServiceError::new(
                "ResourceNotFound",
                format!("The alarm {arn} does not exist."),
            ));
        };
        if !states.contains(&state) {
            return Err(ServiceError::new(
                "AssertionFailed",
                format!("The alarm {arn} is in the state {state}, not in {}.", states.join(", ")),
            ));
        }
    }
    Ok(Begun { work: Work::Nothing, lasts: None, is_done: true })
}

// --- While it runs ---

/// Announces what goes on: one fact for each target, or one without a target.
pub(super) fn announce(account: &mut Account, id: &str, action: &str) {
    let Some(context) = Context::of(account, id, action) else { return };
    let Some(found) = account.services.fis.experiments.get(id) else { return };
    let action_id = found.actions[action].action.action_id.clone();
    let template = found.template.clone();
    let name = found.template_name.clone().unwrap_or_else(|| template.clone());
    let targets = if context.arns.is_empty() { vec![String::new()] } else { context.arns.clone() };
    let mut facts = Vec::new();
    for target in &targets {
        facts.push(account.facts.begin(Fact::new(
            "fis-action",
            [
                ("action", &action_id),
                ("name", action),
                ("target", target),
                ("experiment", id),
                ("template", &template),
                ("template-name", &name),
            ],
        )));
        if let Some(effect) = function_effect(&context) {
            let function =
                target.split_once(":function:").map_or(target.as_str(), |(_, name)| name);
            let fault = [("function", function), ("effect", effect.as_str())];
            facts.push(account.facts.begin(Fact::new("function-fault", fault)));
        }
    }
    if let Some(run) = experiment(account, id).and_then(|found| found.actions.get_mut(action)) {
        run.facts = facts;
    }
}

/// What a Lambda action does to the function, in the words of the fact `function-fault`.
fn function_effect(context: &Context) -> Option<String> {
    match context.kind {
        // FIS adds a second where no delay is given.
        Kind::AddDelay => {
            let delay = context.parameter("startupDelayMilliseconds").unwrap_or("1000");
            Some(format!("delay:{delay}"))
        }
        Kind::InvocationError => Some("error".to_owned()),
        Kind::Wait
        | Kind::StopInstances
        | Kind::TerminateInstances
        | Kind::RebootInstances
        | Kind::SendCommand
        | Kind::StartAutomation
        | Kind::InternalError
        | Kind::ThrottleError
        | Kind::UnavailableError
        | Kind::DisruptConnectivity
        | Kind::AssertAlarmState => None,
    }
}

/// Ends what [`announce`] and [`begin`] left standing.
pub(super) fn retract(account: &mut Account, id: &str, action: &str) {
    let run = experiment(account, id).and_then(|found| found.actions.get_mut(action));
    let facts = run.map(|run| std::mem::take(&mut run.facts)).unwrap_or_default();
    for fact in facts {
        account.facts.end(fact);
    }
    let injections = &mut account.services.fis.injections;
    injections.retain(|one| one.experiment != id || one.action != action);
}

/// Looks at the work of a running action.
pub(super) fn progress(account: &mut Account, id: &str, action: &str) -> Result<Progress, Failure> {
    let Some(context) = Context::of(account, id, action) else { return Ok(Progress::Continues) };
    match &context.work {
        Work::Nothing | Work::Stopped(_) => Ok(Progress::Continues),
        Work::Leaving(ids) => Ok(leaving(account, &context, ids)),
        Work::Command(command) => command_progress(account, &context, command),
        Work::Automation(execution) => automation_progress(account, &context, execution),
    }
}

/// An action that stops instances is done once they are stopped, one that terminates them at once.
fn leaving(account: &Account, context: &Context, ids: &[String]) -> Progress {
    let wanted = |state: ec2::InstanceState| {
        state.is_gone()
            || (context.kind == Kind::StopInstances && state == ec2::InstanceState::Stopped)
    };
    let all = ids.iter().all(|id| ec2::instance(account, id).is_none_or(|one| wanted(one.state)));
    if all { Progress::Done } else { Progress::Continues }
}

fn command_progress(
    account: &mut Account,
    context: &Context,
    command: &str,
) -> Result<Progress, Failure> {
    let input = json!({"CommandId": command});
    let answer = context.call(account, Service::Ssm, "ListCommands", input);
    let answer = answer.map_err(|error| context.failure(error))?;
    let status = answer["Commands"][0]["Status"].as_str().unwrap_or_default();
    outcome(context, &format!("The command {command}"), status)
}

fn automation_progress(
    account: &mut Account,
    context: &Context,
    execution: &str,
) -> Result<Progress, Failure> {
    let input = json!({"AutomationExecutionId": execution});
    let answer = context.call(account, Service::Ssm, "GetAutomationExecution", input);
    let answer = answer.map_err(|error| context.failure(error))?;
    let status = &answer["AutomationExecution"]["AutomationExecutionStatus"];
    outcome(
        context,
        &format!("The automation execution {execution}"),
        status.as_str().unwrap_or_default(),
    )
}

/// What the status of a command or of an execution means for the action.
fn outcome(context: &Context, what: &str, status: &str) -> Result<Progress, Failure> {
    match status {
        "Success" | "CompletedWithSuccess" => Ok(Progress::Done),
        "Failed" | "TimedOut" | "Cancelled" | "CompletedWithFailure" | "Rejected" | "Exited" => {
            Err(Failure {
                code: "DependentServiceFailure",
                location: format!("actions.{}", context.action),
                reason: format!("{what} ended with the status {status}."),
            })
        }
        _ => Ok(Progress::Continues),
    }
}

// --- Ending ---

/// Does what the action does when its duration is over.
pub(super) fn finish(account: &mut Account, id: &str, action: &str) -> Result<(), Failure> {
    let Some(context) = Context::of(account, id, action) else { return Ok(()) };
    match &context.work {
        Work::Nothing | Work::Leaving(_) => Ok(()),
        Work::Stopped(_) => restart(account, &context),
        Work::Command(command) => {
            // The command may have ended between two looks; then there is nothing to cancel.
            if matches!(command_progress(account, &context, command)?, Progress::Continues) {
                release(account, &context);
            }
            Ok(())
        }
        Work::Automation(execution) => {
            if matches!(automation_progress(account, &context, execution)?, Progress::Done) {
                return Ok(());
            }
            release(account, &context);
            Err(Failure {
                code: "DependentServiceFailure",
                location: format!("actions.{action}"),
                reason: format!(
                    "The automation execution {execution} did not end within maxDuration."
                ),
            })
        }
    }
}

/// Undoes what a stopped action did; what can't be undone (a termination) stays.
pub(super) fn undo(account: &mut Account, id: &str, action: &str) {
    let Some(context) = Context::of(account, id, action) else { return };
    match context.work {
        Work::Nothing | Work::Leaving(_) => {}
        // A refused restart must not keep the experiment from being stopped.
        Work::Stopped(_) => drop(restart(account, &context)),
        Work::Command(_) | Work::Automation(_) => release(account, &context),
    }
}

fn restart(account: &mut Account, context: &Context) -> Result<(), Failure> {
    let ids = context.ids();
    let is_left = |id: &String| {
        let found = ec2::instance(account, id);
        found.is_some_and(|one| !one.state.is_gone())
    };
    let (left, gone): (Vec<String>, Vec<String>) = ids.into_iter().partition(is_left);
    if !gone.is_empty() && context.parameter("completeIfInstancesTerminated") != Some("true") {
        return Err(context.failure(ServiceError::new(
            "InvalidInstanceID.NotFound",
            format!("The instances {} were terminated while they were stopped.", gone.join(", ")),
        )));
    }
    if left.is_empty() {
        return Ok(());
    }
    let answer =
        context.call(account, Service::Ec2, "StartInstances", json!({"InstanceIds": left}));
    answer.map(drop).map_err(|error| context.failure(error))
}

/// Cancels the command or the execution; one that has just ended can't be cancelled, which is no error.
fn release(account: &mut Account, context: &Context) {
    let (operation, input) = match &context.work {
        Work::Command(command) => ("CancelCommand", json!({"CommandId": command})),
        Work::Automation(execution) => (
            "StopAutomationExecution",
            json!({"AutomationExecutionId": execution, "Type": "Cancel"}),
        ),
        Work::Nothing | Work::Leaving(_) | Work::Stopped(_) => return,
    };
    drop(context.call(account, Service::Ssm, operation, input));
}
