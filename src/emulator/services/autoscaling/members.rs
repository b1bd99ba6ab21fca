//! What can be done to the instances of a group: terminate, detach, stand by, report their health.
//!
//! Main functions: [`terminate_instance`], [`detach_instances`]. Invariant: an instance that is named must
//! belong to the group.

use serde::Deserialize;
use serde_json::{Value, json};

use super::group::Lifecycle;
use super::groups::{find, invalid};
use super::scaling;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstances {
    #[serde(default)]
    instance_ids: Vec<String>,
}

pub(super) fn describe_auto_scaling_instances(
    account: &mut Account,
    input: DescribeInstances,
) -> Answer {
    let ids = input.instance_ids;
    let mut found = Vec::new();
    for group in account.services.autoscaling.groups.values() {
        for (id, member) in &group.members {
            if ids.is_empty() || ids.contains(id) {
                let mut rendered = group.render_member(id, member);
                rendered["AutoScalingGroupName"] = json!(group.name);
                // This operation spells the health in capitals.
                rendered["HealthStatus"] =
                    json!(if member.is_healthy { "HEALTHY" } else { "UNHEALTHY" });
                found.push(rendered);
            }
        }
    }
    Ok(json!({"AutoScalingInstances": found}))
}

/// The name of the group that an instance belongs to.
fn owner(account: &Account, instance: &str) -> Result<String, ServiceError> {
    let owner = account.services.autoscaling.owners.get(instance).cloned();
    owner.ok_or_else(|| {
        invalid(format!("Instance Id not found - No managed instance found for {instance}"))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TerminateInstance {
    instance_id: String,
    should_decrement_desired_capacity: bool,
}

pub(super) fn terminate_instance(account: &mut Account, input: TerminateInstance) -> Answer {
    let name = owner(account, &input.instance_id)?;
    if input.should_decrement_desired_capacity {
        shrink(account, &name, 1)?;
    }
    let cause = format!(
        "At {} instance {} was taken out of service in response to a user request.",
        account.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        input.instance_id
    );
    scaling::terminate_member(account, &name, &input.instance_id, &cause);
    let activity = scaling::render_last(account, &name);
    scaling::touch(account, &name);
    Ok(json!({"Activity": activity}))
}

/// Lowers the desired capacity, which may not go below the least.
fn shrink(account: &mut Account, name: &str, by: u32) -> Result<(), ServiceError> {
    let group = find(account, name)?;
    let left = group.desired.checked_sub(by).filter(|left| *left >= group.least);
    let least = group.least;
    group.desired = left.ok_or_else(|| {
        invalid(format!(
            "Currently, desiredSize equals minSize ({least}). Terminating instance without \
             replacement will violate group's min size constraint."
        ))
    })?;
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeInstances {
    auto_scaling_group_name: String,
    instance_ids: Vec<String>,
    should_decrement_desired_capacity: bool,
}

/// Checks that the instances are members in one of these states.
fn check(
    account: &mut Account,
    name: &str,
    ids: &[String],
    allowed: &[Lifecycle],
) -> Result<(), ServiceError> {
    let group = find(account, name)?;
    for id in ids {
        match group.members.get(id) {
            Some(member) if allowed.contains(&member.lifecycle) => {}
            Some(member) => {
                return Err(invalid(format!(
                    "The instance {id} is not in a correct state ({:?}).",
                    member.lifecycle
                )));
            }
            None => {
                return Err(invalid(format!(
                    "The instance {id} is not part of Auto Scaling group {name}."
                )));
            }
        }
    }
    Ok(())
}

/// Takes instances out of the group; they run on, and the group replaces them unless its desired
/// capacity goes down with them.
pub(super) fn detach_instances(account: &mut Account, input: ChangeInstances) -> Answer {
    let ChangeInstances { auto_scaling_group_name: name, instance_ids: ids, .. } = &input;
    check(account, name, ids, &[Lifecycle::InService, Lifecycle::Standby])?;
    if input.should_decrement_desired_capacity {
        shrink(account, name, u32::try_from(ids.len()).unwrap_or(u32::MAX))?;
    }
    for id in ids {
        find(account, name)?.members.shift_remove(id);
        account.services.autoscaling.owners.remove(id);
    }
    scaling::touch(account, name);
    Ok(json!({"Activities": activities(account, ids, "Detaching EC2 instance")}))
}

pub(super) fn enter_standby(account: &mut Account, input: ChangeInstances) -> Answer {
    let ChangeInstances { auto_scaling_group_name: name, instance_ids: ids, .. } = &input;
    check(account, name, ids, &[Lifecycle::InService])?;
    if input.should_decrement_desired_capacity {
        shrink(account, name, u32::try_from(ids.len()).unwrap_or(u32::MAX))?;
    }
    set(account, name, ids, Lifecycle::Standby)?;
    scaling::touch(account, name);
    Ok(json!({"Activities": activities(account, ids, "Moving EC2 instance to Standby")}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LeaveStandby {
    auto_scaling_group_name: String,
    instance_ids: Vec<String>,
}

/// Puts instances back into service; the desired capacity goes up with them.
pub(super) fn exit_standby(account: &mut Account, input: LeaveStandby) -> Answer {
    let LeaveStandby { auto_scaling_group_name: name, instance_ids: ids } = input;
    check(account, &name, &ids, &[Lifecycle::Standby])?;
    let group = find(account, &name)?;
    let back = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    group.desired = group.capacity().saturating_add(back).max(group.desired).min(group.most);
    set(account, &name, &ids, Lifecycle::InService)?;
    scaling::check_soon(account, &name);
    Ok(json!({"Activities": activities(account, &ids, "Moving EC2 instance out of Standby")}))
}

fn set(
    account: &mut Account,
    name: &str,
    ids: &[String],
    lifecycle: Lifecycle,
) -> Result<(), ServiceError> {
    let group = find(account, name)?;
    for id in ids {
        if let Some(member) = group.members.get_mut(id) {
            member.lifecycle = lifecycle;
        }
    }
    Ok(())
}

/// What the operation answers for each instance: the change is done at once.
fn activities(account: &mut Account, ids: &[String], what: &str) -> Vec<Value> {
    let now = crate::emulator::account::epoch_seconds(account.now());
    ids.iter()
        .map(|id| {
            json!({
                "ActivityId": account.ids.uuid(),
                "Description": format!("{what}: {id}"),
                "StatusCode": "InProgress",
                "Progress": 50,
                "StartTime": now,
            })
        })
        .collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetInstanceHealth {
    instance_id: String,
    health_status: Health,
    #[serde(default)]
    should_respect_grace_period: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Health {
    Healthy,
    Unhealthy,
}

pub(super) fn set_instance_health(account: &mut Account, input: SetInstanceHealth) -> Answer {
    if input.should_respect_grace_period == Some(true) {
        return Err(ServiceError::unsupported("ShouldRespectGracePeriod of SetInstanceHealth"));
    }
    let name = owner(account, &input.instance_id)?;
    if let Some(member) = find(account, &name)?.members.get_mut(&input.instance_id) {
        member.is_healthy = input.health_status == Health::Healthy;
    }
    if input.health_status == Health::Unhealthy {
        scaling::check_soon(account, &name);
    }
    Ok(json!({}))
}
