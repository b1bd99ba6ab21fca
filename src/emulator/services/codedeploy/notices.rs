//! What CodeDeploy tells others: events on the default bus and messages to topics.
//!
//! Main function: [`announce`]. Invariant: it only reads the deployment; a topic that refuses a message
//! changes nothing in it.

use serde_json::json;

use super::types::{Creator, Deployment, Status};
use crate::emulator::account::Account;
use crate::emulator::policy::Caller;
use crate::emulator::services::{Service, events};

/// Tells of the state that a deployment has just entered.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>.
pub(super) fn announce(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let found = found.clone();
    if let Some(state) = found.status.event() {
        emit(account, &found, state);
    }
    if let Some(event) = trigger_event(&found) {
        publish(account, &found, event);
    }
}

fn emit(account: &mut Account, found: &Deployment, state: &str) {
    let identity = account.identity();
    let resources = vec![
        identity.arn("codedeploy", &format!("application:{}", found.application)),
        identity
            .arn("codedeploy", &format!("deploymentgroup:{}/{}", found.application, found.group)),
    ];
    let key = (found.application.clone(), found.group.clone());
    let group = account.services.codedeploy.groups.get(&key).map(|group| group.id.clone());
    let detail = json!({
        "region": identity.region,
        "deploymentId": found.id,
        "instanceGroupId": group,
        "deploymentGroup": found.group,
        "state": state,
        "application": found.application,
    });
    let kind = "CodeDeploy Deployment State-change Notification";
    events::emit(account, "aws.codedeploy", kind, resources, detail);
}

/// The trigger event of a state: a rollback announces itself when it starts.
fn trigger_event(found: &Deployment) -> Option<&'static str> {
    match found.status {
        Status::InProgress if found.creator == Creator::CodeDeployRollback => {
            Some("DeploymentRollback")
        }
        Status::InProgress => Some("DeploymentStart"),
        Status::Succeeded => Some("DeploymentSuccess"),
        Status::Failed => Some("DeploymentFailure"),
        Status::Stopped => Some("DeploymentStop"),
        Status::Ready => Some("DeploymentReady"),
        Status::Created | Status::Queued | Status::Baking => None,
    }
}

/// Publishes to the topics of the group's triggers, as its service role.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications.html>.
fn publish(account: &mut Account, found: &Deployment, event: &str) {
    let key = (found.application.clone(), found.group.clone());
    let Some(group) = account.services.codedeploy.groups.get(&key) else { return };
    let role = group.service_role.clone();
    let triggers = group.triggers.clone();
    let identity = account.identity().clone();
    for trigger in triggers.iter().filter(|one| one.trigger_events.iter().any(|name| name == event))
    {
        let message = json!({
            "region": identity.region,
            "accountId": identity.account,
            "eventTriggerName": trigger.trigger_name,
            "applicationName": found.application,
            "deploymentId": found.id,
            "deploymentGroupName": found.group,
            "createTime": found.created.to_string(),
            "completeTime": found.completed.map(|at| at.to_string()),
            "status": found.status,
        });
        let word = if event == "DeploymentRollback" { "ROLLBACK" } else { "NOTIFICATION" };
        let input = json!({
            "TopicArn": trigger.trigger_target_arn,
            "Subject": format!("{word}: AWS CodeDeploy {} in {}", found.id, identity.region),
            "Message": message.to_string(),
        });
        let caller = Caller::Role { arn: role.clone(), assumed_by: "codedeploy.amazonaws.com" };
        // A topic that is gone or closed loses the message, as on AWS; the deployment goes on.
        drop(account.call_as(&caller, Service::Sns, "Publish", input));
    }
}
