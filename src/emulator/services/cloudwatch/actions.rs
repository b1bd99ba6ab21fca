//! Alarm actions: what CloudWatch calls when an alarm changes its state.
//!
//! Main types: [`Target`], [`Dispatch`]. Invariant: an action is a call that can be refused, and the
//! history says which it was; an ARN that can't be called is refused when the alarm is put.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Acting_Alarm_Changes.html>.

use serde_json::{Map, Value, json};

use super::alarm::{Alarm, AlarmState, AlarmType};
use super::history::{self, ItemType};
use super::reason::iso;
use super::{Due, message, mute};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::ServiceError;
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;
use crate::emulator::timing::ALARM_ACTION;

/// What an action's ARN calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    /// `arn:aws:sns:REGION:ACCOUNT:TOPIC`
    Topic,
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`
    Function,
    /// `arn:aws:autoscaling:…:scalingPolicy:ID:autoScalingGroupName/GROUP:policyName/POLICY`
    ScalingPolicy { group: &'a str, policy: &'a str },
    /// `arn:aws:ssm-incidents::ACCOUNT:response-plan/NAME`
    ResponsePlan,
    /// `arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY[#CATEGORY=NAME]`
    OpsItem { severity: &'a str, category: Option<&'a str> },
    /// `arn:aws:automate:REGION:ec2:stop|terminate|reboot|recover`, on the alarm's own instance.
    Instance { operation: &'static str },
}

impl<'a> Target<'a> {
    /// Reads an action's ARN.
    fn parse(arn: &'a str) -> Result<Self, ServiceError> {
        let unsupported = || ServiceError::unsupported(format_args!("the alarm action {arn}"));
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, account, rest] = parts.as_slice() else {
            let message = format!("Invalid arn syntax: {arn}");
            return Err(ServiceError::new("ValidationError", message));
        };
        match *service {
            "sns" => Ok(Self::Topic),
            "lambda" if rest.starts_with("function:") => Ok(Self::Function),
            "autoscaling" => {
                let (_, names) =
                    rest.split_once("autoScalingGroupName/").ok_or_else(unsupported)?;
                let (group, policy) = names.split_once(":policyName/").ok_or_else(unsupported)?;
                Ok(Self::ScalingPolicy { group, policy })
            }
            "ssm-incidents" if rest.starts_with("response-plan/") => Ok(Self::ResponsePlan),
            "ssm" => {
                let rest = rest.strip_prefix("opsitem:").ok_or_else(unsupported)?;
                let (severity, category) = match rest.split_once("#CATEGORY=") {
                    Some((severity, category)) => (severity, Some(category)),
                    None => (rest, None),
                };
                Ok(Self::OpsItem { severity, category })
            }
            "automate" if *account == "ec2" => {
                // A recovered instance keeps its id and comes up again: for its callers, a restart.
                let operation = match *rest {
                    "stop" => "StopInstances",
                    "terminate" => "TerminateInstances",
                    "reboot" | "recover" => "RebootInstances",
                    _ => return Err(unsupported()),
                };
                Ok(Self::Instance { operation })
            }
            _ => Err(unsupported()),
        }
    }
}

/// Refuses an action that can't be called. Composite alarms do not act on instances or groups:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>.
pub(super) fn check(arns: &[String], alarm_type: AlarmType) -> Result<(), ServiceError> {
    if arns.len() > 5 {
        return Err(ServiceError::new(
            "ValidationError",
            "An alarm can have at most 5 actions for each state.",
        ));
    }
    for arn in arns {
        let target = Target::parse(arn)?;
        let metric_only = matches!(target, Target::ScalingPolicy { .. } | Target::Instance { .. });
        if metric_only && alarm_type == AlarmType::CompositeAlarm {
            let message = format!("A composite alarm can't have the action {arn}.");
            return Err(ServiceError::new("ValidationError", message));
        }
    }
    Ok(())
}

/// The actions of one transition, with the alarm as it stood then.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    alarm: Alarm,
    previous: AlarmState,
    arns: Vec<String>,
    /// Whether the state is the same as before: then only the calls are made.
    repeated: bool,
}

/// Puts the actions of the alarm's state onto the agenda, if it has any and they are enabled.
pub(super) fn schedule(account: &mut Account, alarm: &Alarm, previous: &AlarmState) {
    let arns = alarm.actions.on(alarm.state.value).to_vec();
    if !alarm.actions.enabled || arns.is_empty() {
        return;
    }
    let now = account.now();
    if let Some(window) = mute::muting(&account.services.cloudwatch, &alarm.name, now) {
        return mute::hold(account, alarm, previous, &window);
    }
    let (alarm, previous) = (alarm.clone(), previous.clone());
    let dispatch = Dispatch { alarm, previous, arns, repeated: false };
    account.schedule_in(ALARM_ACTION, Due::Act(Box::new(dispatch)));
}

/// An alarm that stays in its state repeats its Auto Scaling actions at every evaluation: "for Auto
/// Scaling actions, the alarm continues to invoke the action for every minute that it remains in the new
/// state" (the page above). The history tells of the first time only.
pub(super) fn repeat(account: &mut Account, name: &str) {
    let Some(alarm) = account.services.cloudwatch.alarms.get(name) else { return };
    let scales = |arn: &&String| matches!(Target::parse(arn), Ok(Target::ScalingPolicy { .. }));
    let actions = alarm.actions.on(alarm.state.value);
    if !alarm.actions.enabled || !actions.iter().any(|arn| scales(&arn)) {
        return;
    }
    let arns: Vec<String> = actions.iter().filter(scales).cloned().collect();
    let now = account.now();
    if mute::muting(&account.services.cloudwatch, name, now).is_some() {
        return;
    }
    let alarm = alarm.clone();
    let previous = alarm.state.clone();
    let dispatch = Dispatch { alarm, previous, arns, repeated: true };
    account.schedule_in(ALARM_ACTION, Due::Act(Box::new(dispatch)));
}

/// Calls every action of a transition.
pub(super) fn act(account: &mut Account, dispatch: &Dispatch) {
    for arn in &dispatch.arns {
        let (published, answer) = call(account, dispatch, arn);
        if dispatch.repeated {
            continue;
        }
        let mut data = Map::new();
        let state = if answer.is_ok() { "Succeeded" } else { "Failed" };
        data.insert("actionState".to_owned(), json!(state));
        let updated = dispatch.alarm.state.updated.as_millisecond();
        data.insert("stateUpdateTimestamp".to_owned(), json!(updated));
        data.insert("notificationResource".to_owned(), json!(arn));
        if let Some(published) = published {
            data.insert("publishedMessage".to_owned(), json!(published));
        }
        let summary = match answer {
            Ok(_) => format!("Successfully executed action {arn}"),
            Err(error) => {
                data.insert("error".to_owned(), json!(error.message));
                format!("Failed to execute action {arn}. Received error: \"{}\"", error.message)
            }
        };
        let who = (dispatch.alarm.name.as_str(), dispatch.alarm.alarm_type());
        history::note(account, who, ItemType::Action, summary, &Value::Object(data));
    }
}

/// Makes the call; also answers what was published, where the history records it.
fn call(
    account: &mut Account,
    dispatch: &Dispatch,
    arn: &str,
) -> (Option<String>, Result<Value, ServiceError>) {
    let alarm = &dispatch.alarm;
    let target = match Target::parse(arn) {
        Ok(target) => target,
        Err(error) => return (None, Err(error)),
    };
    let mut published = None;
    let (service, operation, input) = match target {
        Target::Topic => {
            let body =
                message::sns_message(&account.identity, alarm, &dispatch.previous).to_string();
            published = Some(json!({"default": body}).to_string());
            let subject = message::subject(&account.identity, alarm);
            let input = json!({"TopicArn": arn, "Subject": subject, "Message": body});
            (Service::Sns, "Publish", input)
        }
        Target::Function => {
            let payload = message::lambda_payload(&account.identity, alarm, &dispatch.previous);
            let payload = payload.to_string();
            published = Some(payload.clone());
            let input = json!({"FunctionName": arn, "InvocationType": "Event", "Payload": payload});
            (Service::Lambda, "Invoke", input)
        }
        Target::ScalingPolicy { group, policy } => {
            (Service::AutoScaling, "ExecutePolicy", scaling_input(alarm, group, policy))
        }
        Target::ResponsePlan => (Service::Incidents, "StartIncident", incident_input(alarm, arn)),
        Target::OpsItem { severity, category } => {
            (Service::Ssm, "CreateOpsItem", ops_item_input(alarm, severity, category))
        }
        Target::Instance { operation } => {
            let Some(id) = instance(alarm) else {
                let message = "The alarm's metric has no InstanceId dimension.";
                return (None, Err(ServiceError::new("ValidationError", message)));
            };
            (Service::Ec2, operation, json!({"InstanceIds": [id]}))
        }
    };
    let caller = Caller::Service { principal: principal(target), source_arn: alarm.arn.clone() };
    let answer = account.call_as(&caller, service, operation, input);
    (published, answer.or_else(cooling_down))
}

/// A group in its cooldown took note of the alarm and lets it pass: for the alarm, the action ran.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html>.
fn cooling_down(error: ServiceError) -> Result<Value, ServiceError> {
    if error.code == "ScalingActivityInProgress" { Ok(Value::Null) } else { Err(error) }
}

/// Who calls: functions are invoked by a principal of their own.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html>.
fn principal(target: Target<'_>) -> &'static str {
    match target {
        Target::Function => "lambda.alarms.cloudwatch.amazonaws.com",
        Target::Topic
        | Target::ScalingPolicy { .. }
        | Target::ResponsePlan
        | Target::OpsItem { .. }
        | Target::Instance { .. } => "cloudwatch.amazonaws.com",
    }
}

/// The instance that the alarm's metric is about.
fn instance(alarm: &Alarm) -> Option<String> {
    let rule = alarm.metric()?;
    let mut dimensions = rule.metrics().flat_map(|stat| stat.key.dimensions.iter());
    dimensions.find(|(name, _)| name == "InstanceId").map(|(_, value)| value.clone())
}

/// "Auto Scaling policies need the state reason data": the metric's value decides the step.
fn scaling_input(alarm: &Alarm, group: &str, policy: &str) -> Value {
    let mut input =
        json!({"AutoScalingGroupName": group, "PolicyName": policy, "HonorCooldown": true});
    let data: Option<Value> =
        alarm.state.reason_data.as_deref().and_then(|data| serde_json::from_str(data).ok());
    let recent =
        data.as_ref().and_then(|data| data["recentDatapoints"].as_array()?.last()?.as_f64());
    if let (Some(value), Some(rule)) = (recent, alarm.metric()) {
        input["MetricValue"] = json!(value);
        input["BreachThreshold"] = json!(rule.threshold);
    }
    input
}

/// The incident takes its title from the response plan; what triggered it is the alarm.
fn incident_input(alarm: &Alarm, plan: &str) -> Value {
    json!({
        "responsePlanArn": plan,
        "triggerDetails": {
            "source": "aws.cloudwatch",
            "timestamp": epoch_seconds(alarm.state.transitioned),
            "triggerArn": alarm.arn,
            "rawData": json!({
                "alarmName": alarm.name,
                "state": alarm.state.value.as_str(),
                "reason": alarm.state.reason,
                "timestamp": iso(alarm.state.transitioned),
            })
            .to_string(),
        },
    })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/OpsCenter-create-OpsItems-from-CloudWatch-Alarms.html>.
fn ops_item_input(alarm: &Alarm, severity: &str, category: Option<&str>) -> Value {
    let searchable = |value: Value| json!({"Type": "SearchableString", "Value": value.to_string()});
    let name = &alarm.name;
    let mut input = json!({
        "Title": format!("CloudWatch alarm - '{name}' is in {} state", alarm.state.value.as_str()),
        "Description": format!(
            "CloudWatch alarm '{name}' is in {} state. Reason: {}",
            alarm.state.value.as_str(),
            alarm.state.reason
        ),
        "Source": "CloudWatch",
        "Severity": severity,
        "OperationalData": {
            "/aws/dedup": searchable(json!({"dedupString": format!("CloudWatch alarm - {name}")})),
            "/aws/resources": searchable(json!([{"arn": alarm.arn}])),
        },
    });
    if let Some(category) = category {
        input["Category"] = json!(category);
    }
    input
}
