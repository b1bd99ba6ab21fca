//! Deployments as the API shows them.
//!
//! Main functions: [`create_deployment`], [`stop_deployment`], [`list_deployments`]. Invariant: whatever
//! changes a deployment's state is in `rollout`; here it is only asked for and answered.

use serde::Deserialize;
use serde_json::{Value, json};

use super::groups::{self, application, group};
use super::rollout;
use super::types::{
    AlarmConfiguration, AutoRollback, Creator, Deployment, Platform, Revision, RollbackEvent,
    Status,
};
use crate::emulator::account::{Account, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateDeployment {
    application_name: String,
    deployment_group_name: String,
    #[serde(default)]
    revision: Option<Revision>,
    #[serde(default)]
    deployment_config_name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    auto_rollback_configuration: Option<AutoRollback>,
    #[serde(default)]
    override_alarm_configuration: Option<AlarmConfiguration>,
    #[serde(default)]
    ignore_application_stop_failures: Option<bool>,
    #[serde(default)]
    update_outdated_instances_only: Option<bool>,
    #[serde(default)]
    file_exists_behavior: Option<String>,
}

pub(super) fn create_deployment(account: &mut Account, input: CreateDeployment) -> Answer {
    if input.update_outdated_instances_only == Some(true) {
        return Err(ServiceError::unsupported("updateOutdatedInstancesOnly of CreateDeployment"));
    }
    // Both say what happens to files and hooks, which the emulated instances don't have.
    drop((input.ignore_application_stop_failures, input.file_exists_behavior));
    let platform = application(account, &input.application_name)?.platform;
    let group = group(account, &input.application_name, &input.deployment_group_name)?;
    let revision = input
        .revision
        .ok_or_else(|| ServiceError::new("RevisionRequiredException", "A revision is required."))?;
    if revision.text().is_none() {
        return Err(ServiceError::new(
            "InvalidRevisionException",
            "The revision's location does not go with its type.",
        ));
    }
    let config = input.deployment_config_name.unwrap_or_else(|| group.config.clone());
    groups::check_config(account, &config, platform)?;
    let overrides_alarms = input.override_alarm_configuration.is_some();
    let alarms = input.override_alarm_configuration.unwrap_or_else(|| group.alarms.clone());
    groups::check_alarms(&alarms)?;
    let auto_rollback =
        input.auto_rollback_configuration.unwrap_or_else(|| group.auto_rollback.clone());
    refuse_second(account, &input.application_name, &input.deployment_group_name)?;
    let order = Order {
        application: input.application_name,
        group: input.deployment_group_name,
        config,
        platform,
        revision,
        description: input.description,
        auto_rollback,
        alarms,
        overrides_alarms,
        creator: Creator::User,
    };
    let id = add(account, order);
    rollout::begin(account, &id);
    Ok(json!({"deploymentId": id}))
}

/// A group has at most one deployment under way.
fn refuse_second(account: &Account, application: &str, group: &str) -> Result<(), ServiceError> {
    let mut all = account.services.codedeploy.deployments.values().rev();
    let active = all
        .find(|one| one.application == application && one.group == group && one.status.is_active());
    match active {
        Some(active) => Err(ServiceError::new(
            "DeploymentLimitExceededException",
            format!(
                "The Deployment Group '{group}' already has an active Deployment '{}'",
                active.id
            ),
        )),
        None => Ok(()),
    }
}

/// What a new deployment is made of.
pub(super) struct Order {
    pub(super) application: String,
    pub(super) group: String,
    pub(super) config: String,
    pub(super) platform: Platform,
    pub(super) revision: Revision,
    pub(super) description: Option<String>,
    pub(super) auto_rollback: AutoRollback,
    pub(super) alarms: AlarmConfiguration,
    pub(super) overrides_alarms: bool,
    pub(super) creator: Creator,
}

/// Adds a deployment in the state `Created`.
pub(super) fn add(account: &mut Account, order: Order) -> String {
    let id = format!("d-{}", account.ids.upper(9));
    let previous = last_good(account, &order.application, &order.group).cloned();
    let deployment = Deployment {
        id: id.clone(),
        application: order.application,
        group: order.group,
        config: order.config,
        platform: order.platform,
        revision: order.revision,
        previous,
        status: Status::Created,
        creator: order.creator,
        description: order.description,
        auto_rollback: order.auto_rollback,
        alarms: order.alarms,
        overrides_alarms: order.overrides_alarms,
        error: None,
        rollback: None,
        created: account.now(),
        started: None,
        completed: None,
        targets: Vec::new(),
        least_healthy: 0,
        lasts: jiff::SignedDuration::ZERO,
        fact: None,
    };
    account.services.codedeploy.deployments.insert(id.clone(), deployment);
    id
}

/// The revision of the group's last deployment that succeeded.
pub(super) fn last_good<'a>(
    account: &'a Account,
    application: &str,
    group: &str,
) -> Option<&'a Revision> {
    let mut all = account.services.codedeploy.deployments.values().rev();
    all.find(|one| {
        one.application == application && one.group == group && one.status == Status::Succeeded
    })
    .map(|one| &one.revision)
}

// --- Reading ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ById {
    deployment_id: String,
}

fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Deployment, ServiceError> {
    account.services.codedeploy.deployments.get(id).ok_or_else(|| {
        ServiceError::new(
            "DeploymentDoesNotExistException",
            format!("The deployment {id} could not be found"),
        )
    })
}

pub(super) fn get_deployment(account: &mut Account, input: ById) -> Answer {
    let ById { deployment_id } = input;
    Ok(json!({"deploymentInfo": find(account, &deployment_id)?.render(account.now())}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGetDeployments {
    deployment_ids: Vec<String>,
}

/// How many deployments one batch answers:
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeployments.html>.
const MOST_IN_BATCH: usize = 25;

pub(super) fn batch_get_deployments(account: &mut Account, input: BatchGetDeployments) -> Answer {
    let BatchGetDeployments { deployment_ids } = input;
    if deployment_ids.len() > MOST_IN_BATCH {
        return Err(ServiceError::new(
            "BatchLimitExceededException",
            format!("At most {MOST_IN_BATCH} deployments can be requested at once."),
        ));
    }
    let known = &account.services.codedeploy.deployments;
    let infos: Vec<Value> = deployment_ids
        .iter()
        .filter_map(|id| known.get(id))
        .map(|one| one.render(account.now()))
        .collect();
    Ok(json!({"deploymentsInfo": infos}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListDeployments {
    #[serde(default)]
    application_name: Option<String>,
    #[serde(default)]
    deployment_group_name: Option<String>,
    #[serde(default)]
    include_only_statuses: Vec<Status>,
    #[serde(default)]
    create_time_range: Option<TimeRange>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimeRange {
    #[serde(default)]
    start: Option<f64>,
    #[serde(default)]
    end: Option<f64>,
}

/// How many ids one page holds (AWS publishes none; ours).
const PAGE: usize = 100;

/// The newest deployment comes first.
pub(super) fn list_deployments(account: &mut Account, input: ListDeployments) -> Answer {
    if let Some(name) = &input.application_name {
        application(account, name)?;
    }
    let start = input.create_time_range.as_ref().and_then(|range| range.start);
    let end = input.create_time_range.as_ref().and_then(|range| range.end);
    let (start, end) = (start.and_then(from_epoch_seconds), end.and_then(from_epoch_seconds));
    let statuses = &input.include_only_statuses;
    let matches = |one: &&Deployment| {
        input.application_name.as_ref().is_none_or(|name| *name == one.application)
            && input.deployment_group_name.as_ref().is_none_or(|name| *name == one.group)
            && (statuses.is_empty() || statuses.contains(&one.status))
            && start.is_none_or(|start| one.created >= start)
            && end.is_none_or(|end| one.created <= end)
    };
    let token = input.next_token.as_deref().unwrap_or("0");
    let skipped: usize = token.parse().map_err(|_| {
        ServiceError::new("InvalidNextTokenException", format!("`{token}` is not valid"))
    })?;
    let all = account.services.codedeploy.deployments.values().rev();
    let mut ids: Vec<&String> =
        all.filter(matches).map(|one| &one.id).skip(skipped).take(PAGE + 1).collect();
    let has_more = ids.len() > PAGE;
    ids.truncate(PAGE);
    let mut answer = json!({"deployments": ids});
    if has_more {
        answer["nextToken"] = json!((skipped + PAGE).to_string());
    }
    Ok(answer)
}

// --- Stopping ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopDeployment {
    deployment_id: String,
    #[serde(default)]
    auto_rollback_enabled: Option<bool>,
}

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_StopDeployment.html>.
pub(super) fn stop_deployment(account: &mut Account, input: StopDeployment) -> Answer {
    let StopDeployment { deployment_id, auto_rollback_enabled } = input;
    let found = find(account, &deployment_id)?;
    if !found.status.is_active() {
        return Err(ServiceError::new(
            "DeploymentAlreadyCompletedException",
            format!("The deployment {deployment_id} is already completed."),
        ));
    }
    let configured = rollout::wants(found, RollbackEvent::DeploymentStopOnRequest);
    let wants = auto_rollback_enabled.unwrap_or(configured);
    rollout::stop_on_request(account, &deployment_id, wants);
    Ok(json!({"status": "Succeeded", "statusMessage": "Deployment stopped."}))
}
