//! Applications and deployment groups.
//!
//! Main functions: [`create_application`], [`create_deployment_group`]. Invariant: a group belongs to an
//! application that exists and uses a configuration of that application's platform.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::configs;
use super::types::{
    AlarmConfiguration, Application, AutoRollback, Deployment, Group, Platform, Status, TagFilter,
    Trigger,
};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// How many alarms a group takes:
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html>.
pub(super) const MOST_ALARMS: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateApplication {
    application_name: String,
    #[serde(default)]
    compute_platform: Platform,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ByApplication {
    application_name: String,
}

pub(super) fn application<'a>(
    account: &'a Account,
    name: &str,
) -> Result<&'a Application, ServiceError> {
    account.services.codedeploy.applications.get(name).ok_or_else(|| {
        ServiceError::new(
            "ApplicationDoesNotExistException",
            format!("No application found for name: {name}"),
        )
    })
}

pub(super) fn create_application(account: &mut Account, input: CreateApplication) -> Answer {
    let CreateApplication { application_name: name, compute_platform: platform, tags } = input;
    // Tags of CodeDeploy's resources are read by nothing here.
    drop(tags);
    if application(account, &name).is_ok() {
        return Err(ServiceError::new(
            "ApplicationAlreadyExistsException",
            format!("An application named {name} already exists"),
        ));
    }
    let id = account.ids.uuid();
    let created = account.now();
    let application = Application { id: id.clone(), name: name.clone(), platform, created };
    account.services.codedeploy.applications.insert(name, application);
    Ok(json!({"applicationId": id}))
}

pub(super) fn get_application(account: &mut Account, input: ByApplication) -> Answer {
    let ByApplication { application_name: name } = input;
    let found = application(account, &name)?;
    Ok(json!({"application": {
        "applicationId": found.id,
        "applicationName": found.name,
        "createTime": epoch_seconds(found.created),
        "linkedToGitHub": false,
        "computePlatform": found.platform,
    }}))
}

pub(super) fn list_applications(account: &mut Account, input: Nothing) -> Answer {
    let Nothing {} = input;
    let names: Vec<&String> = account.services.codedeploy.applications.keys().collect();
    Ok(json!({"applications": names}))
}

pub(super) fn delete_application(account: &mut Account, input: ByApplication) -> Answer {
    let ByApplication { application_name: name } = input;
    let groups: Vec<String> = group_names(account, &name);
    for group in groups {
        remove_group(account, &name, &group);
    }
    account.services.codedeploy.applications.shift_remove(&name);
    Ok(json!({}))
}

// --- Groups ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateDeploymentGroup {
    application_name: String,
    deployment_group_name: String,
    service_role_arn: String,
    #[serde(default)]
    deployment_config_name: Option<String>,
    #[serde(default)]
    ec2_tag_filters: Vec<TagFilter>,
    #[serde(default)]
    auto_scaling_groups: Vec<String>,
    #[serde(default)]
    alarm_configuration: AlarmConfiguration,
    #[serde(default)]
    auto_rollback_configuration: AutoRollback,
    #[serde(default)]
    trigger_configurations: Vec<Trigger>,
    #[serde(default)]
    deployment_style: Option<Value>,
    #[serde(default)]
    blue_green_deployment_configuration: Option<Value>,
    #[serde(default)]
    load_balancer_info: Option<Value>,
    #[serde(default)]
    ecs_services: Option<Value>,
    #[serde(default)]
    ec2_tag_set: Option<Ec2TagSet>,
    #[serde(default)]
    outdated_instances_strategy: Option<Value>,
    #[serde(default)]
    termination_hook_enabled: Option<Value>,
    #[serde(default)]
    tags: Vec<Value>,
}

/// Lists of filters: an instance must match one filter of each list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ec2TagSet {
    #[serde(default)]
    ec2_tag_set_list: Vec<Vec<TagFilter>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ByGroup {
    application_name: String,
    deployment_group_name: String,
}

pub(super) fn group<'a>(
    account: &'a Account,
    application_name: &str,
    name: &str,
) -> Result<&'a Group, ServiceError> {
    application(account, application_name)?;
    let key = (application_name.to_owned(), name.to_owned());
    account.services.codedeploy.groups.get(&key).ok_or_else(|| {
        ServiceError::new(
            "DeploymentGroupDoesNotExistException",
            format!("No Deployment Group found for name: {name}"),
        )
    })
}

/// Whether the configuration is one of the application's platform; the error names both.
pub(super) fn check_config(
    account: &Account,
    config: &str,
    platform: Platform,
) -> Result<(), ServiceError> {
    if configs::find(account, config)?.platform() == platform {
        return Ok(());
    }
    Err(ServiceError::new(
        "InvalidDeploymentConfigNameException",
        format!("{config} is not a configuration for the compute platform {platform:?}"),
    ))
}

pub(super) fn check_alarms(alarms: &AlarmConfiguration) -> Result<(), ServiceError> {
    if alarms.alarms.len() > MOST_ALARMS {
        return Err(ServiceError::new(
            "AlarmsLimitExceededException",
            format!("At most {MOST_ALARMS} alarms can be specified for a deployment group."),
        ));
    }
    if alarms.enabled && alarms.alarms.is_empty() {
        return Err(ServiceError::new(
            "InvalidAlarmConfigException",
            "An enabled alarm configuration names at least one alarm.",
        ));
    }
    Ok(())
}

/// Instances are replaced in place: a blue/green fleet of servers is not emulated.
fn check_style(style: Option<&Value>, platform: Platform) -> Result<(), ServiceError> {
    let is_blue_green =
        style.is_some_and(|style| style["deploymentType"].as_str() == Some("BLUE_GREEN"));
    if is_blue_green && platform == Platform::Server {
        return Err(ServiceError::unsupported("blue/green CodeDeploy deployments to instances"));
    }
    Ok(())
}

pub(super) fn create_deployment_group(
    account: &mut Account,
    input: CreateDeploymentGroup,
) -> Answer {
    let platform = application(account, &input.application_name)?.platform;
    let key = (input.application_name.clone(), input.deployment_group_name.clone());
    if account.services.codedeploy.groups.contains_key(&key) {
        return Err(ServiceError::new(
            "DeploymentGroupAlreadyExistsException",
            format!(
                "Failed to create the deployment group: A deployment group with the name {} \
                 already exists for the application {}.",
                key.1, key.0
            ),
        ));
    }
    let config = input.deployment_config_name.unwrap_or_else(|| configs::default_for(platform));
    check_config(account, &config, platform)?;
    check_alarms(&input.alarm_configuration)?;
    check_style(input.deployment_style.as_ref(), platform)?;
    drop(input.tags);
    let tag_set = input.ec2_tag_set.map(|set| set.ec2_tag_set_list).unwrap_or_default();
    let given = [
        ("outdatedInstancesStrategy", input.outdated_instances_strategy),
        ("terminationHookEnabled", input.termination_hook_enabled),
        ("deploymentStyle", input.deployment_style),
        ("blueGreenDeploymentConfiguration", input.blue_green_deployment_configuration),
        ("loadBalancerInfo", input.load_balancer_info),
        ("ecsServices", input.ecs_services),
    ];
    let style: IndexMap<&'static str, Value> =
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let id = account.ids.uuid();
    let group = Group {
        application: key.0.clone(),
        name: key.1.clone(),
        id: id.clone(),
        config,
        service_role: input.service_role_arn,
        ec2_tag_filters: input.ec2_tag_filters,
        tag_set,
        auto_scaling_groups: input.auto_scaling_groups,
        alarms: input.alarm_configuration,
        auto_rollback: input.auto_rollback_configuration,
        triggers: input.trigger_configurations,
        style,
        serving: Vec::new(),
    };
    account.services.codedeploy.groups.insert(key, group);
    Ok(json!({"deploymentGroupId": id}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateDeploymentGroup {
    application_name: String,
    current_deployment_group_name: String,
    #[serde(default)]
    service_role_arn: Option<String>,
    #[serde(default)]
    deployment_config_name: Option<String>,
    #[serde(default)]
    ec2_tag_filters: Option<Vec<TagFilter>>,
    #[serde(default)]
    auto_scaling_groups: Option<Vec<String>>,
    #[serde(default)]
    alarm_configuration: Option<AlarmConfiguration>,
    #[serde(default)]
    auto_rollback_configuration: Option<AutoRollback>,
    #[serde(default)]
    trigger_configurations: Option<Vec<Trigger>>,
}

pub(super) fn update_deployment_group(
    account: &mut Account,
    input: UpdateDeploymentGroup,
) -> Answer {
    let platform = application(account, &input.application_name)?.platform;
    let found = group(account, &input.application_name, &input.current_deployment_group_name)?;
    let mut changed = found.clone();
    if let Some(config) = input.deployment_config_name {
        check_config(account, &config, platform)?;
        changed.config = config;
    }
    if let Some(alarms) = input.alarm_configuration {
        check_alarms(&alarms)?;
        changed.alarms = alarms;
    }
    changed.service_role = input.service_role_arn.unwrap_or(changed.service_role);
    changed.ec2_tag_filters = input.ec2_tag_filters.unwrap_or(changed.ec2_tag_filters);
    changed.auto_scaling_groups = input.auto_scaling_groups.unwrap_or(changed.auto_scaling_groups);
    changed.auto_rollback = input.auto_rollback_configuration.unwrap_or(changed.auto_rollback);
    changed.triggers = input.trigger_configurations.unwrap_or(changed.triggers);
    let key = (changed.application.clone(), changed.name.clone());
    account.services.codedeploy.groups.insert(key, changed);
    Ok(json!({"hooksNotCleanedUp": []}))
}

pub(super) fn get_deployment_group(account: &mut Account, input: ByGroup) -> Answer {
    let ByGroup { application_name, deployment_group_name } = input;
    let platform = application(account, &application_name)?.platform;
    let found = group(account, &application_name, &deployment_group_name)?;
    Ok(json!({"deploymentGroupInfo": render(account, found, platform)}))
}

fn render(account: &Account, group: &Group, platform: Platform) -> Value {
    let scaling: Vec<Value> =
        group.auto_scaling_groups.iter().map(|name| json!({"name": name})).collect();
    let mut info = json!({
        "applicationName": group.application,
        "deploymentGroupId": group.id,
        "deploymentGroupName": group.name,
        "deploymentConfigName": group.config,
        "serviceRoleArn": group.service_role,
        "computePlatform": platform,
        "ec2TagFilters": group.ec2_tag_filters,
        "onPremisesInstanceTagFilters": [],
        "autoScalingGroups": scaling,
        "triggerConfigurations": group.triggers,
        "alarmConfiguration": group.alarms,
        "autoRollbackConfiguration": group.auto_rollback,
    });
    if !group.tag_set.is_empty() {
        info["ec2TagSet"] = json!({"ec2TagSetList": group.tag_set});
    }
    for (name, value) in &group.style {
        info[*name] = value.clone();
    }
    let all = account.services.codedeploy.deployments.values();
    let mut ours =
        all.filter(|one| one.application == group.application && one.group == group.name).rev();
    if let Some(last) = ours.clone().next() {
        info["lastAttemptedDeployment"] = brief(last);
    }
    if let Some(last) = ours.find(|one| one.status == Status::Succeeded) {
        info["lastSuccessfulDeployment"] = brief(last);
        info["targetRevision"] = json!(last.revision);
    }
    info
}

fn brief(deployment: &Deployment) -> Value {
    let mut brief = json!({
        "deploymentId": deployment.id,
        "status": deployment.status,
        "createTime": epoch_seconds(deployment.created),
    });
    if let Some(completed) = deployment.completed {
        brief["endTime"] = epoch_seconds(completed);
    }
    brief
}

fn group_names(account: &Account, application_name: &str) -> Vec<String> {
    let keys = account.services.codedeploy.groups.keys();
    keys.filter(|(application, _)| application == application_name)
        .map(|(_, name)| name.clone())
        .collect()
}

pub(super) fn list_deployment_groups(account: &mut Account, input: ByApplication) -> Answer {
    let ByApplication { application_name: name } = input;
    application(account, &name)?;
    Ok(json!({"applicationName": name, "deploymentGroups": group_names(account, &name)}))
}

pub(super) fn delete_deployment_group(account: &mut Account, input: ByGroup) -> Answer {
    let ByGroup { application_name, deployment_group_name } = input;
    remove_group(account, &application_name, &deployment_group_name);
    Ok(json!({"hooksNotCleanedUp": []}))
}

/// Removes a group; what it served is no longer a fact.
fn remove_group(account: &mut Account, application_name: &str, name: &str) {
    let key = (application_name.to_owned(), name.to_owned());
    let Some(group) = account.services.codedeploy.groups.shift_remove(&key) else { return };
    for (_, fact) in group.serving {
        account.facts.end(fact);
    }
}
