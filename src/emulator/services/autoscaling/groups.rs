//! Groups as the API shows them: create, update, describe, delete, and their activities.
//!
//! Main function: [`create_auto_scaling_group`]. Invariant: the desired capacity lies between the least
//! and the most; whatever moves one of the three lets the group reconcile.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::group::{Group, GroupTag};
use super::launch::{Source, TemplateReference};
use super::{Due, scaling};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ec2;
use crate::emulator::timing;

/// The most instances of one emulated group; AWS limits it by the account's EC2 quotas.
const MOST_MEMBERS: u32 = 100;

/// AWS's `ValidationError`.
pub(super) fn invalid(message: String) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// The group with this name.
pub(super) fn find<'a>(
    account: &'a mut Account,
    name: &str,
) -> Result<&'a mut Group, ServiceError> {
    let found = account.services.autoscaling.groups.get_mut(name);
    found.ok_or_else(|| invalid(format!("AutoScalingGroup name not found - {name}")))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateGroup {
    auto_scaling_group_name: String,
    min_size: u32,
    max_size: u32,
    #[serde(default)]
    desired_capacity: Option<u32>,
    #[serde(default)]
    default_cooldown: Option<i64>,
    #[serde(default)]
    launch_configuration_name: Option<String>,
    #[serde(default)]
    launch_template: Option<TemplateReference>,
    #[serde(default)]
    availability_zones: Vec<String>,
    #[serde(default, rename = "VPCZoneIdentifier")]
    vpc_zone_identifier: Option<String>,
    #[serde(default)]
    health_check_type: Option<String>,
    #[serde(default)]
    health_check_grace_period: Option<i64>,
    #[serde(default)]
    load_balancer_names: Vec<String>,
    #[serde(default, rename = "TargetGroupARNs")]
    target_group_arns: Vec<String>,
    #[serde(default)]
    tags: Vec<GroupTag>,
}

fn check_sizes(least: u32, desired: u32, most: u32) -> Result<(), ServiceError> {
    if most > MOST_MEMBERS {
        return Err(ServiceError::unsupported(format_args!(
            "groups of more than {MOST_MEMBERS} instances"
        )));
    }
    if least > most || desired < least || desired > most {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{least} and max \
             size:{most}"
        )));
    }
    Ok(())
}

pub(super) fn create_auto_scaling_group(account: &mut Account, input: CreateGroup) -> Answer {
    let name = input.auto_scaling_group_name;
    if account.services.autoscaling.groups.contains_key(&name) {
        return Err(ServiceError::new(
            "AlreadyExists",
            format!("AutoScalingGroup by this name already exists - {name}"),
        ));
    }
    let desired = input.desired_capacity.unwrap_or(input.min_size);
    check_sizes(input.min_size, desired, input.max_size)?;
    let source = Source::of(account, input.launch_configuration_name, input.launch_template)?;
    let Some(source) = source else {
        return Err(invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, \
             InstanceId or MixedInstancesPolicy parameter."
                .to_owned(),
        ));
    };
    let subnets = subnets_of(account, input.vpc_zone_identifier.as_deref())?;
    let zones = if input.availability_zones.is_empty() {
        zones_of(account, &subnets)
    } else {
        input.availability_zones
    };
    let arn = format!("autoScalingGroup:{}:autoScalingGroupName/{name}", account.ids.uuid());
    let group = Group {
        name: name.clone(),
        arn: account.identity().arn("autoscaling", &arn),
        least: input.min_size,
        most: input.max_size,
        desired,
        source,
        zones,
        subnets,
        health_check_type: input.health_check_type.unwrap_or_else(|| "EC2".to_owned()),
        grace_seconds: input.health_check_grace_period.unwrap_or(0),
        cooldown_seconds: input.default_cooldown.unwrap_or(timing::SCALING_COOLDOWN_SECONDS),
        target_groups: input.target_group_arns,
        load_balancers: input.load_balancer_names,
        tags: input.tags,
        created: account.now(),
        members: IndexMap::new(),
        activities: Vec::new(),
        policies: IndexMap::new(),
        notifications: IndexMap::new(),
        scaled: None,
        is_reconciling: false,
        is_checking: false,
    };
    account.services.autoscaling.groups.insert(name.clone(), group);
    scaling::touch(account, &name);
    account.schedule_in(timing::SCALING_METRICS, Due::Measures(name));
    Ok(json!({}))
}

fn subnets_of(account: &Account, listed: Option<&str>) -> Result<Vec<String>, ServiceError> {
    let listed = listed.unwrap_or_default().split(',').map(str::trim);
    let subnets: Vec<String> = listed.filter(|id| !id.is_empty()).map(str::to_owned).collect();
    let known = |id: &String| ec2::subnets(account).any(|subnet| subnet.id == *id);
    match subnets.iter().find(|id| !known(id)) {
        Some(id) => Err(invalid(format!("The subnet ID '{id}' does not exist"))),
        None => Ok(subnets),
    }
}

/// The zones of the subnets, or of the default network.
fn zones_of(account: &Account, subnets: &[String]) -> Vec<String> {
    let mut zones: Vec<String> = Vec::new();
    for subnet in ec2::subnets(account) {
        let is_wanted = subnets.is_empty() || subnets.contains(&subnet.id);
        if is_wanted && !zones.contains(&subnet.zone) {
            zones.push(subnet.zone.clone());
        }
    }
    zones
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateGroup {
    auto_scaling_group_name: String,
    #[serde(default)]
    min_size: Option<u32>,
    #[serde(default)]
    max_size: Option<u32>,
    #[serde(default)]
    desired_capacity: Option<u32>,
    #[serde(default)]
    default_cooldown: Option<i64>,
    #[serde(default)]
    launch_configuration_name: Option<String>,
    #[serde(default)]
    launch_template: Option<TemplateReference>,
    #[serde(default)]
    health_check_type: Option<String>,
    #[serde(default)]
    health_check_grace_period: Option<i64>,
}

pub(super) fn update_auto_scaling_group(account: &mut Account, input: UpdateGroup) -> Answer {
    let source = Source::of(account, input.launch_configuration_name, input.launch_template)?;
    let group = find(account, &input.auto_scaling_group_name)?;
    let least = input.min_size.unwrap_or(group.least);
    let most = input.max_size.unwrap_or(group.most);
    // A new least or most moves the desired capacity with it, unless the call names one.
    let wanted = input.desired_capacity.unwrap_or_else(|| group.desired.max(least).min(most));
    check_sizes(least, wanted, most)?;
    (group.least, group.desired, group.most) = (least, wanted, most);
    group.cooldown_seconds = input.default_cooldown.unwrap_or(group.cooldown_seconds);
    group.grace_seconds = input.health_check_grace_period.unwrap_or(group.grace_seconds);
    if let Some(source) = source {
        group.source = source;
    }
    if let Some(kind) = input.health_check_type {
        group.health_check_type = kind;
    }
    scaling::touch(account, &input.auto_scaling_group_name);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteGroup {
    auto_scaling_group_name: String,
    #[serde(default)]
    force_delete: bool,
}

/// Deletes a group; with `ForceDelete` its instances go with it.
pub(super) fn delete_auto_scaling_group(account: &mut Account, input: DeleteGroup) -> Answer {
    let name = input.auto_scaling_group_name;
    let members: Vec<String> = find(account, &name)?.members.keys().cloned().collect();
    if !members.is_empty() && !input.force_delete {
        return Err(ServiceError::new(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot \
             instance request(s) still in the group.",
        ));
    }
    account.services.autoscaling.groups.shift_remove(&name);
    for instance in members {
        account.services.autoscaling.owners.remove(&instance);
        scaling::terminate_quietly(account, &instance);
    }
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeGroups {
    #[serde(default)]
    auto_scaling_group_names: Vec<String>,
}

pub(super) fn describe_auto_scaling_groups(account: &mut Account, input: DescribeGroups) -> Answer {
    let names = input.auto_scaling_group_names;
    let groups = account.services.autoscaling.groups.values();
    let found: Vec<Value> = groups
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .map(Group::render)
        .collect();
    Ok(json!({"AutoScalingGroups": found}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetDesiredCapacity {
    auto_scaling_group_name: String,
    desired_capacity: u32,
    #[serde(default)]
    honor_cooldown: bool,
}

pub(super) fn set_desired_capacity(account: &mut Account, input: SetDesiredCapacity) -> Answer {
    let now = account.now();
    let group = find(account, &input.auto_scaling_group_name)?;
    check_sizes(group.least, input.desired_capacity, group.most)?;
    if input.honor_cooldown && scaling::is_cooling(group, None, now) {
        return Err(ServiceError::new(
            "ScalingActivityInProgress",
            "The group is in its cooldown period.",
        ));
    }
    group.desired = input.desired_capacity;
    group.scaled = Some(now);
    scaling::touch(account, &input.auto_scaling_group_name);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeActivities {
    #[serde(default)]
    auto_scaling_group_name: Option<String>,
    #[serde(default)]
    activity_ids: Vec<String>,
    #[serde(default)]
    max_records: Option<usize>,
}

/// The newest activity comes first.
pub(super) fn describe_scaling_activities(
    account: &mut Account,
    input: DescribeActivities,
) -> Answer {
    if let Some(name) = &input.auto_scaling_group_name {
        find(account, name)?;
    }
    let wanted = input.auto_scaling_group_name;
    let groups = account.services.autoscaling.groups.values();
    let mut found: Vec<(jiff::Timestamp, Value)> = groups
        .filter(|group| wanted.as_ref().is_none_or(|name| *name == group.name))
        .flat_map(|group| {
            let activities = group.activities.iter().rev();
            activities
                .filter(|one| input.activity_ids.is_empty() || input.activity_ids.contains(&one.id))
                .map(|one| (one.started, one.render(group)))
        })
        .collect();
    found.sort_by_key(|(started, _)| std::cmp::Reverse(*started));
    let most = input.max_records.unwrap_or(100);
    let activities: Vec<Value> =
        found.into_iter().take(most).map(|(_, rendered)| rendered).collect();
    Ok(json!({"Activities": activities}))
}
