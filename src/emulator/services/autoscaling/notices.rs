//! What a group tells others: events on the default bus and notifications to topics.
//!
//! Main function: [`announce`]. Invariant: it only reads the group.
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::group::{Activity, Group};
use super::groups::find;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::{Service, ec2, events};

/// How an activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Launched,
    LaunchFailed,
    Terminated,
}

impl Outcome {
    fn detail_type(self) -> &'static str {
        match self {
            Self::Launched => "EC2 Instance Launch Successful",
            Self::LaunchFailed => "EC2 Instance Launch Unsuccessful",
            Self::Terminated => "EC2 Instance Terminate Successful",
        }
    }

    fn notification(self) -> &'static str {
        match self {
            Self::Launched => "autoscaling:EC2_INSTANCE_LAUNCH",
            Self::LaunchFailed => "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
            Self::Terminated => "autoscaling:EC2_INSTANCE_TERMINATE",
        }
    }
}

/// Tells that an activity ended.
pub(super) fn announce(
    account: &mut Account,
    name: &str,
    activity: &str,
    instance: &str,
    outcome: Outcome,
) {
    let Some(group) = account.services.autoscaling.groups.get(name) else { return };
    let Some(activity) = group.activities.iter().rev().find(|one| one.id == activity) else {
        return;
    };
    let detail = detail(group, activity, instance, outcome);
    let topics: Vec<String> = group
        .notifications
        .iter()
        .filter(|(_, kinds)| kinds.iter().any(|kind| kind == outcome.notification()))
        .map(|(topic, _)| topic.clone())
        .collect();
    let mut resources = vec![group.arn.clone()];
    if !instance.is_empty() {
        resources.push(ec2::instance_arn(account, instance));
    }
    let message = notification(account, group, activity, &detail, outcome.notification());
    events::emit(account, "aws.autoscaling", outcome.detail_type(), resources, detail);
    for topic in topics {
        publish(account, name, &topic, outcome.detail_type(), &message);
    }
}

fn detail(group: &Group, activity: &Activity, instance: &str, outcome: Outcome) -> Value {
    let (origin, destination) = match outcome {
        Outcome::Launched | Outcome::LaunchFailed => ("EC2", "AutoScalingGroup"),
        Outcome::Terminated => ("AutoScalingGroup", "EC2"),
    };
    let status = if outcome == Outcome::LaunchFailed { "Failed" } else { "InProgress" };
    json!({
        "StatusCode": status,
        "Description": activity.description,
        "AutoScalingGroupName": group.name,
        "ActivityId": activity.id,
        "Details": {"Availability Zone": activity.zone},
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "EndTime": activity.ended.map(|at| at.to_string()),
        "EC2InstanceId": instance,
        "StartTime": activity.started.to_string(),
        "Cause": activity.cause,
        "Origin": origin,
        "Destination": destination,
    })
}

/// The message of a notification.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html>.
fn notification(
    account: &Account,
    group: &Group,
    activity: &Activity,
    detail: &Value,
    event: &str,
) -> Value {
    let mut message = detail.clone();
    message["Service"] = json!("AWS Auto Scaling");
    message["Time"] = json!(account.now().to_string());
    message["AccountId"] = json!(account.identity().account);
    message["AutoScalingGroupARN"] = json!(group.arn);
    message["Event"] = json!(event);
    message["Progress"] = json!(if activity.ended.is_some() { 100 } else { 50 });
    message
}

/// Auto Scaling publishes with its service-linked role, which no policy of the account takes away; a topic
/// that is gone loses the message.
fn publish(account: &mut Account, group: &str, topic: &str, what: &str, message: &Value) {
    let subject = format!("Auto Scaling: {what} for group \"{group}\"");
    // SNS takes subjects of at most 100 characters.
    let subject: String = subject.chars().take(99).collect();
    let input = json!({"TopicArn": topic, "Subject": subject, "Message": message.to_string()});
    drop(account.call(Service::Sns, "Publish", input));
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutNotification {
    auto_scaling_group_name: String,
    #[serde(rename = "TopicARN")]
    topic_arn: String,
    notification_types: Vec<String>,
}

/// The notification types that there are.
const KINDS: &[&str] = &[
    "autoscaling:EC2_INSTANCE_LAUNCH",
    "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
    "autoscaling:EC2_INSTANCE_TERMINATE",
    "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
    "autoscaling:TEST_NOTIFICATION",
];

/// Tells a topic about the group from now on, beginning with a test notification, as AWS does.
pub(super) fn put_notification_configuration(
    account: &mut Account,
    input: PutNotification,
) -> Answer {
    let PutNotification { auto_scaling_group_name: name, topic_arn, notification_types } = input;
    if let Some(kind) = notification_types.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(ServiceError::new(
            "ValidationError",
            format!("\"{kind}\" is not a valid Notification Type"),
        ));
    }
    let group = find(account, &name)?;
    group.notifications.insert(topic_arn.clone(), notification_types);
    let message = json!({
        "AccountId": account.identity().account,
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": account.services.autoscaling.groups[&name].arn,
        "Event": "autoscaling:TEST_NOTIFICATION",
        "Service": "AWS Auto Scaling",
        "Time": account.now().to_string(),
    });
    publish(account, &name, &topic_arn, "test notification", &message);
    Ok(json!({}))
}
