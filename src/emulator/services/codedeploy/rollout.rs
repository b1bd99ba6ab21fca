//! The life of a deployment: created, queued, in progress, and succeeded, failed or stopped.
//!
//! Main functions: [`begin`], [`polls`] (the alarms are looked at) and [`roll_back`]. Invariants: a
//! deployment that ends badly is rolled back at most once; the rollback pays no heed to alarms, because
//! the alarm that caused it still stands.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html>.

use serde_json::json;

use super::deployments::{Order, add, last_good};
use super::types::{
    AlarmConfiguration, AutoRollback, Creator, Deployment, ErrorInformation, Group, Platform,
    RollbackEvent, RollbackInfo, Status, TagFilter,
};
use super::{Due, configs, notices};
use crate::emulator::account::Account;
use crate::emulator::facts::Fact;
use crate::emulator::policy::{self, Caller};
use crate::emulator::services::{Service, autoscaling, cloudwatch, ec2};
use crate::emulator::timing;
use crate::wakeup::Topic;

fn deployment<'a>(account: &'a mut Account, id: &str) -> Option<&'a mut Deployment> {
    account.services.codedeploy.deployments.get_mut(id)
}

fn status(account: &Account, id: &str) -> Option<Status> {
    account.services.codedeploy.deployments.get(id).map(|found| found.status)
}

fn group_of<'a>(account: &'a mut Account, id: &str) -> Option<&'a mut Group> {
    let found = account.services.codedeploy.deployments.get(id)?;
    let key = (found.application.clone(), found.group.clone());
    account.services.codedeploy.groups.get_mut(&key)
}

/// Changes a deployment's state and says so.
fn enter(account: &mut Account, id: &str, status: Status) {
    let now = account.now();
    let Some(found) = deployment(account, id) else { return };
    found.status = status;
    if status == Status::InProgress {
        found.started = Some(now);
    }
    if !status.is_active() {
        found.completed = Some(now);
        if let Some(fact) = found.fact.take() {
            account.facts.end(fact);
        }
    }
    notices::announce(account, id);
    account.touch(Topic::Deployments);
}

/// The deployment was created: it will be queued.
pub(super) fn begin(account: &mut Account, id: &str) {
    account.schedule_in(timing::DEPLOYMENT_QUEUES, Due::Queues(id.to_owned()));
    account.touch(Topic::Deployments);
}

pub(super) fn queues(account: &mut Account, id: &str) {
    if status(account, id) == Some(Status::Created) {
        enter(account, id, Status::Queued);
        account.schedule_in(timing::DEPLOYMENT_QUEUES, Due::Starts(id.to_owned()));
    }
}

/// Finds the targets and begins to roll out.
pub(super) fn starts(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    if found.status != Status::Queued {
        return;
    }
    let targets = targets(account, found);
    let config = configs::find(account, &found.config);
    let hosts = targets.len();
    let (is_server, is_rollback) =
        (found.platform == Platform::Server, found.creator == Creator::CodeDeployRollback);
    let Ok(config) = config else {
        fail(account, id, "INTERNAL_ERROR", "The deployment configuration is gone.".to_owned());
        return;
    };
    if is_server && hosts == 0 {
        fail(account, id, "NO_INSTANCES", NO_INSTANCES.to_owned());
        return;
    }
    let mut course = config.course(hosts);
    // Traffic goes back to what it was in one step.
    if is_rollback && !is_server {
        course.total = course.first;
    }
    if let Some(found) = deployment(account, id) {
        found.targets = targets;
        found.least_healthy = config.least_healthy(hosts);
        found.lasts = course.total;
    }
    enter(account, id, Status::InProgress);
    begin_fact(account, id);
    if course.first < course.total {
        account.schedule_in(course.first, Due::Serves(id.to_owned()));
    }
    account.schedule_in(course.total, Due::Ends(id.to_owned()));
    polls(account, id);
}

/// AWS's message where a group matches no instance.
const NO_INSTANCES: &str = "The deployment failed because no instances were found for your deployment \
    group. Check your deployment group settings to make sure the tags for your Amazon EC2 instances or \
    Auto Scaling groups correctly identify the instances you want to deploy to, and then try again.";

/// AWS's message where too few instances are left.
const TOO_FEW: &str = "The overall deployment failed because too many individual instances failed \
    deployment, too few healthy instances are available for deployment, or some instances in your \
    deployment group are experiencing problems.";

/// The running instances that a group's tag filters and Auto Scaling groups identify.
fn targets(account: &Account, deployment: &Deployment) -> Vec<String> {
    let key = (deployment.application.clone(), deployment.group.clone());
    let Some(group) = account.services.codedeploy.groups.get(&key) else { return Vec::new() };
    let members: Vec<String> = group
        .auto_scaling_groups
        .iter()
        .flat_map(|name| autoscaling::in_service(account, name))
        .collect();
    ec2::instances(account)
        .filter(|instance| instance.state == ec2::InstanceState::Running)
        .filter(|instance| {
            let matches =
                |filters: &Vec<TagFilter>| filters.iter().any(|filter| has_tag(instance, filter));
            members.contains(&instance.id)
                || matches(&group.ec2_tag_filters)
                || (!group.tag_set.is_empty() && group.tag_set.iter().all(matches))
        })
        .map(|instance| instance.id.clone())
        .collect()
}

/// The type of a filter says what counts: the key, the value, or both.
fn has_tag(instance: &ec2::Instance, filter: &TagFilter) -> bool {
    let key = filter.key.as_deref().unwrap_or_default();
    match filter.kind.as_deref() {
        Some("KEY_ONLY") => instance.tags.contains_key(key),
        Some("VALUE_ONLY") => {
            instance.tags.values().any(|value| Some(value) == filter.value.as_ref())
        }
        Some(_) | None => instance.tags.get(key) == filter.value.as_ref(),
    }
}

/// While a revision is rolled out, that is a fact.
fn begin_fact(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let attributes = [
        ("application", found.application.as_str()),
        ("group", found.group.as_str()),
        ("revision", found.revision.text().unwrap_or_default()),
    ];
    let fact = account.facts.begin(Fact::new("deployment", attributes));
    if let Some(found) = deployment(account, id) {
        found.fact = Some(fact);
    }
}

/// The new revision serves beside the old one.
pub(super) fn serves(account: &mut Account, id: &str) {
    if status(account, id) == Some(Status::InProgress) {
        serve(account, id);
    }
}

/// Announces that the group runs the deployment's revision too.
fn serve(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let revision = found.revision.text().unwrap_or_default().to_owned();
    let attributes = [
        ("application", found.application.as_str()),
        ("group", found.group.as_str()),
        ("revision", revision.as_str()),
    ];
    let fact = Fact::new("serving", attributes);
    let Some(group) = group_of(account, id) else { return };
    if group.serving.iter().any(|(known, _)| *known == revision) {
        return;
    }
    let fact = account.facts.begin(fact);
    if let Some(group) = group_of(account, id) {
        group.serving.push((revision, fact));
    }
}

/// The group runs the deployment's revision and nothing else.
fn serve_only(account: &mut Account, id: &str) {
    serve(account, id);
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let revision = found.revision.text().unwrap_or_default().to_owned();
    let Some(group) = group_of(account, id) else { return };
    let serving = std::mem::take(&mut group.serving);
    let (kept, gone): (Vec<_>, Vec<_>) =
        serving.into_iter().partition(|(known, _)| *known == revision);
    group.serving = kept;
    for (_, fact) in gone {
        account.facts.end(fact);
    }
}

/// The last share is rolled out.
pub(super) fn ends(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    if found.status != Status::InProgress {
        return;
    }
    let is_running = |target: &&String| {
        let state = ec2::instance(account, target).map(|instance| instance.state);
        state == Some(ec2::InstanceState::Running)
    };
    let healthy = found.targets.iter().filter(is_running).count();
    if found.platform == Platform::Server && healthy < found.least_healthy.max(1) {
        fail(account, id, "HEALTH_CONSTRAINTS", TOO_FEW.to_owned());
        return;
    }
    serve_only(account, id);
    enter(account, id, Status::Succeeded);
}

// --- Alarms ---

/// Looks at the alarms, and again later.
pub(super) fn polls(account: &mut Account, id: &str) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let is_watched = found.alarms.enabled && found.creator != Creator::CodeDeployRollback;
    if found.status != Status::InProgress || !is_watched {
        return;
    }
    let alarms = found.alarms.clone();
    match active_alarms(account, id, &alarms) {
        Ok(active) if active.is_empty() => {
            account.schedule_in(timing::DEPLOYMENT_ALARM_POLL, Due::Polls(id.to_owned()));
        }
        Ok(active) => {
            let named: Vec<String> = active.iter().map(|name| format!("<{name}>")).collect();
            let message = format!(
                "One or more alarms have been activated according to the Amazon CloudWatch metrics \
                 you selected, and the affected deployments have been stopped. Activated alarms: {}",
                named.join(" ")
            );
            stop_on_alarm(account, id, "ALARM_ACTIVE", message);
        }
        Err(_) if alarms.ignore_poll_alarm_failure => {
            account.schedule_in(timing::DEPLOYMENT_ALARM_POLL, Due::Polls(id.to_owned()));
        }
        Err(message) => stop_on_alarm(account, id, "IAM_ROLE_PERMISSIONS", message),
    }
}

/// The alarms in ALARM; an error if one can't be looked at (it is gone, or the service role may not).
fn active_alarms(
    account: &Account,
    id: &str,
    alarms: &AlarmConfiguration,
) -> Result<Vec<String>, String> {
    let found = &account.services.codedeploy.deployments[id];
    let key = (found.application.clone(), found.group.clone());
    let role = account.services.codedeploy.groups.get(&key).map(|group| &group.service_role);
    let caller = Caller::Role {
        arn: role.cloned().unwrap_or_default(),
        assumed_by: "codedeploy.amazonaws.com",
    };
    let names: Vec<&str> = alarms.alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    let input = json!({"AlarmNames": names});
    policy::authorize(account, &caller, Service::CloudWatch, "DescribeAlarms", &input)
        .map_err(|error| error.message)?;
    let mut active = Vec::new();
    for name in names {
        match cloudwatch::alarm_state(account, name) {
            Some("ALARM") => active.push(name.to_owned()),
            Some(_) => {}
            None => return Err(format!("The alarm {name} could not be found.")),
        }
    }
    Ok(active)
}

// --- Ending badly ---

/// Whether a deployment is to be rolled back by itself on this event.
pub(super) fn wants(deployment: &Deployment, event: RollbackEvent) -> bool {
    deployment.auto_rollback.enabled && deployment.auto_rollback.events.contains(&event)
}

fn end_badly(
    account: &mut Account,
    id: &str,
    status: Status,
    error: ErrorInformation,
    wants_rollback: bool,
) {
    if let Some(found) = deployment(account, id) {
        found.error = Some(error);
    }
    // A rollback that fails is not rolled back: that would go on forever.
    let is_rollback = account
        .services
        .codedeploy
        .deployments
        .get(id)
        .is_some_and(|found| found.creator == Creator::CodeDeployRollback);
    let rollback = if wants_rollback && !is_rollback { roll_back(account, id) } else { None };
    enter(account, id, status);
    if let Some(rollback) = rollback {
        begin(account, &rollback);
    }
}

fn stop_on_alarm(account: &mut Account, id: &str, code: &'static str, message: String) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let wants = wants(found, RollbackEvent::DeploymentStopOnAlarm);
    end_badly(account, id, Status::Stopped, ErrorInformation { code, message }, wants);
}

/// Somebody asked for the deployment to be stopped.
pub(super) fn stop_on_request(account: &mut Account, id: &str, wants_rollback: bool) {
    let message = format!("Deployment {id} was stopped by a StopDeployment call.");
    let error = ErrorInformation { code: "MANUAL_STOP", message };
    end_badly(account, id, Status::Stopped, error, wants_rollback);
}

fn fail(account: &mut Account, id: &str, code: &'static str, message: String) {
    let Some(found) = account.services.codedeploy.deployments.get(id) else { return };
    let wants = wants(found, RollbackEvent::DeploymentFailure);
    end_badly(account, id, Status::Failed, ErrorInformation { code, message }, wants);
}

/// Creates the rollback of a deployment and ties the two together; nothing if there is nothing to go
/// back to, which the deployment then says.
fn roll_back(account: &mut Account, id: &str) -> Option<String> {
    let found = account.services.codedeploy.deployments.get(id)?;
    let Some(revision) = last_good(account, &found.application, &found.group).cloned() else {
        // AWS publishes no wording for this; ours.
        let message = format!(
            "Deployment {id} terminated. Automatic rollback is not possible: the deployment group has no \
             previous successful deployment."
        );
        let info = RollbackInfo { rollback_message: Some(message), ..RollbackInfo::default() };
        deployment(account, id)?.rollback = Some(info);
        return None;
    };
    let order = Order {
        application: found.application.clone(),
        group: found.group.clone(),
        config: found.config.clone(),
        platform: found.platform,
        revision,
        description: None,
        auto_rollback: AutoRollback::default(),
        alarms: AlarmConfiguration::default(),
        overrides_alarms: false,
        creator: Creator::CodeDeployRollback,
    };
    let rollback = add(account, order);
    let info = RollbackInfo {
        rollback_deployment_id: Some(rollback.clone()),
        rollback_message: Some(format!(
            "Deployment {id} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."
        )),
        ..RollbackInfo::default()
    };
    deployment(account, id)?.rollback = Some(info);
    let info = RollbackInfo {
        rollback_triggering_deployment_id: Some(id.to_owned()),
        rollback_message: Some(format!(
            "Deployment {rollback} is triggered to roll back deployment {id}."
        )),
        ..RollbackInfo::default()
    };
    deployment(account, &rollback)?.rollback = Some(info);
    Some(rollback)
}
