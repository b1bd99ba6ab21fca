//! Amazon EC2 Auto Scaling: groups that launch, replace and terminate instances.
//!
//! Main type: [`State`]. Invariants: a group changes its members only in `scaling`, one activity for each
//! change; an instance belongs to at most one group; instances come from and go through EC2's own API.
//!
//! Absent: lifecycle hooks, warm pools, instance refresh, target tracking, load balancer health checks.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod group;
mod groups;
mod launch;
mod members;
mod notices;
mod policies;
mod scaling;

use std::collections::HashMap;

use indexmap::IndexMap;

use super::ec2::{self, InstanceState};
use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The state of the service, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    groups: IndexMap<String, group::Group>,
    configurations: IndexMap<String, launch::Configuration>,
    /// Which group an instance belongs to; only looked up, never iterated.
    owners: HashMap<String, String>,
}

/// What the service has on the agenda; the text is a group's name.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The group compares what it has with what it should have.
    Reconciles(String),
    /// The group looks at the health of its instances.
    Checks(String),
    /// The group publishes its metrics.
    Measures(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateAutoScalingGroup": groups::CreateGroup => groups::create_auto_scaling_group,
    "UpdateAutoScalingGroup": groups::UpdateGroup => groups::update_auto_scaling_group,
    "DeleteAutoScalingGroup": groups::DeleteGroup => groups::delete_auto_scaling_group,
    "DescribeAutoScalingGroups": groups::DescribeGroups => groups::describe_auto_scaling_groups,
    "DescribeAutoScalingInstances": members::DescribeInstances => members::describe_auto_scaling_instances,
    "SetDesiredCapacity": groups::SetDesiredCapacity => groups::set_desired_capacity,
    "TerminateInstanceInAutoScalingGroup": members::TerminateInstance => members::terminate_instance,
    "DetachInstances": members::ChangeInstances => members::detach_instances,
    "EnterStandby": members::ChangeInstances => members::enter_standby,
    "ExitStandby": members::LeaveStandby => members::exit_standby,
    "SetInstanceHealth": members::SetInstanceHealth => members::set_instance_health,
    "PutScalingPolicy": policies::PutScalingPolicy => policies::put_scaling_policy,
    "ExecutePolicy": policies::ExecutePolicy => policies::execute_policy,
    "DeletePolicy": policies::DeletePolicy => policies::delete_policy,
    "DescribeScalingActivities": groups::DescribeActivities => groups::describe_scaling_activities,
    "CreateLaunchConfiguration": launch::CreateConfiguration => launch::create_launch_configuration,
    "DeleteLaunchConfiguration": launch::DeleteConfiguration => launch::delete_launch_configuration,
    "PutNotificationConfiguration": notices::PutNotification => notices::put_notification_configuration,
];

/// Sets up what every account has: nothing.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Reconciles(group) => scaling::reconciles(account, &group),
        Due::Checks(group) => scaling::checks(account, &group),
        Due::Measures(group) => scaling::measures(account, &group),
    }
}

/// EC2 tells that an instance changed its state.
pub(crate) fn instance_changed(account: &mut Account, instance: &str, state: InstanceState) {
    if let Some(group) = account.services.autoscaling.owners.get(instance).cloned() {
        scaling::member_changed(account, &group, instance, state);
    }
}

/// The instances of a group that run in service; a lost one no longer counts, noticed or not.
pub(crate) fn in_service(account: &Account, group: &str) -> Vec<String> {
    let Some(found) = account.services.autoscaling.groups.get(group) else { return Vec::new() };
    let is_running = |id: &str| {
        let state = ec2::instance(account, id).map(|instance| instance.state);
        state == Some(InstanceState::Running)
    };
    let members = found.members.iter();
    members
        .filter(|(id, member)| member.lifecycle == group::Lifecycle::InService && is_running(id))
        .map(|(id, _)| id.clone())
        .collect()
}

#[cfg(test)]
mod tests;
