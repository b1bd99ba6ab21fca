//! The actions that only steer: branch, sleep, pause, approve, variables; and the signals to them.
//!
//! Main functions: [`branch`], [`approve`], [`signal`]. Invariant: a step that waits for a person goes
//! on by a signal or by its time limit, by nothing else.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendAutomationSignal.html>.

use indexmap::IndexMap;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Progress, StepCall, ask, inputs};
use super::condition::Condition;
use super::engine::{self, get};
use super::execution::{Failure, Stage, Status, Success};
use super::notify;
use super::references::{substitute_leniently, text};
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::services::Service;
use crate::emulator::timing;

/// The longest `aws:sleep`: "The maximum value is 604799 seconds (7 days)."
const MAX_SLEEP: SignedDuration = SignedDuration::from_secs(604_799);

/// `aws:branch`: the first choice that holds says where to go, then the default.
pub(super) fn branch(
    account: &mut Account,
    call: &StepCall,
    choices: &[(Condition, String)],
    default: Option<&str>,
) -> Progress {
    let execution = &account.services.ssm.automations.executions[&call.execution];
    let resolve = |name: &str| execution.resolve(account, name);
    let target = choices
        .iter()
        .find(|(condition, _)| condition.holds(&|value| substitute_leniently(value, &resolve)))
        .map(|(_, target)| target.as_str())
        .or(default)
        .map(str::to_owned);
    let success = Success { jump: target, ..Success::default() };
    Progress::Done { after: timing::AUTOMATION_CONTROL_STEP, result: Ok(success) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sleep {
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
}

/// `aws:sleep`: for an ISO 8601 duration, or until a moment.
pub(super) fn sleep(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Sleep = inputs(call)?;
    let after = match (input.duration, input.timestamp) {
        (Some(text), None) => duration(&text)?,
        (None, Some(text)) => {
            let until: Timestamp = text
                .parse()
                .map_err(|_| Failure::input(format!("{text} is not an ISO 8601 timestamp")))?;
            until.duration_since(account.now()).max(SignedDuration::ZERO)
        }
        _ => return Err(Failure::input("aws:sleep needs either a Duration or a Timestamp")),
    };
    if after > MAX_SLEEP {
        return Err(Failure::input("aws:sleep can't sleep longer than 604799 seconds"));
    }
    Ok(Progress::success(after, IndexMap::new()))
}

fn duration(text: &str) -> Result<SignedDuration, Failure> {
    let wrong = || Failure::input(format!("{text} is not an ISO 8601 duration"));
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration =
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if duration.is_negative() { Err(wrong()) } else { Ok(duration) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Approve {
    #[serde(default)]
    notification_arn: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    min_required_approvals: Option<Value>,
    approvers: Vec<String>,
}

impl Approve {
    fn required(&self) -> Result<usize, Failure> {
        let Some(value) = &self.min_required_approvals else { return Ok(1) };
        text(value)
            .trim()
            .parse::<usize>()
            .ok()
            .filter(|required| (1..=self.approvers.len()).contains(required))
            .ok_or_else(|| {
                Failure::input(format!(
                    "MinRequiredApprovals must be from 1 to the number of approvers, not {value}"
                ))
            })
    }
}

/// `aws:approve`: tells the topic, then waits for the approvers.
pub(super) fn approve(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Approve = inputs(call)?;
    if input.approvers.is_empty() || input.approvers.len() > 10 {
        return Err(Failure::input("Approvers must name 1 to 10 principals"));
    }
    input.required()?;
    if let Some(topic) = input.notification_arn.filter(|arn| !arn.is_empty()) {
        let message = json!({
            "executionId": call.execution,
            "stepName": call.step.name,
            "message": input.message.unwrap_or_default(),
            "approvers": input.approvers,
        });
        let request = json!({
            "TopicArn": topic,
            "Subject": "Approval required to continue the Automation",
            "Message": message.to_string(),
        });
        ask(account, call, Service::Sns, "Publish", request)?;
    }
    if let Some(execution) = get(account, &call.execution) {
        let run = execution.current_mut();
        run.decisions.clear();
        run.outputs.insert("ApprovalStatus".to_owned(), json!("Waiting"));
    }
    Ok(Progress::WaitForPerson)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    name: String,
    value: Value,
}

/// `aws:updateVariable`.
pub(super) fn update_variable(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Update = inputs(call)?;
    let name = input.name.strip_prefix("variable:").unwrap_or(&input.name);
    let execution = get(account, &call.execution).expect("its step is being run");
    let Some(variable) = execution.variables.get_mut(name) else {
        return Err(Failure::input(format!("the variable {name} is not declared")));
    };
    *variable = input.value;
    Ok(Progress::success(timing::AUTOMATION_CONTROL_STEP, IndexMap::new()))
}

/// What somebody tells a waiting execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// An approver says yes.
    Approve,
    /// An approver says no.
    Reject,
    /// A paused step may go on.
    Resume,
}

/// Sends a signal to an execution.
///
/// The emulated account does not know who calls, so each decision counts for the next approver of the
/// list who has not decided yet.
pub(crate) fn signal(account: &mut Account, id: &str, signal: Signal) -> Result<(), ServiceError> {
    let Some(execution) = get(account, id) else { return Err(super::not_found(id)) };
    let cursor = execution.cursor;
    let run = execution.current_mut();
    let wanted = match signal {
        Signal::Approve | Signal::Reject => "aws:approve",
        Signal::Resume => "aws:pause",
    };
    if run.status != Status::Waiting || run.step.action != wanted {
        return Err(ServiceError::new(
            "InvalidAutomationSignalException",
            format!("The automation execution {id} is not waiting for this signal"),
        ));
    }
    if signal == Signal::Resume {
        engine::attempt_over(account, id, Ok(Success::default()));
        return Ok(());
    }
    let approve: Approve = serde_json::from_value(Value::Object(run.inputs.clone()))
        .expect("the step read these inputs when it began");
    let name = approve.approvers.get(run.decisions.len()).cloned().unwrap_or_default();
    run.decisions.push((name, signal == Signal::Approve));
    let decisions: Vec<Value> = run
        .decisions
        .iter()
        .map(|(approver, yes)| json!({approver: if *yes { "Approved" } else { "Rejected" }}))
        .collect();
    let approved = run.decisions.iter().filter(|(_, yes)| *yes).count();
    let outputs = |status: &str| {
        IndexMap::from([
            ("ApprovalStatus".to_owned(), json!(status)),
            ("ApproverDecisions".to_owned(), json!(decisions)),
        ])
    };
    if signal == Signal::Reject {
        let reason = "The approval request was rejected";
        let failure = Failure::new(Stage::PostVerification, reason);
        let failure = Failure { outputs: outputs("Rejected"), ..failure };
        engine::attempt_over(account, id, Err(failure));
    } else if approve.required().is_ok_and(|required| approved >= required) {
        let success = Success { outputs: outputs("Approved"), ..Success::default() };
        engine::attempt_over(account, id, Ok(success));
    } else {
        run.outputs.extend(outputs("Waiting"));
        notify::step_changed(account, id, cursor);
    }
    Ok(())
}
