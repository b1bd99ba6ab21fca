//! What a group does by itself: launch what is missing, replace what is lost, terminate what is too much.
//!
//! Main functions: [`reconciles`], [`checks`], [`member_changed`]. Invariants: every launch and every
//! termination is one activity, announced when it ends; a group reconciles at most once at a time.
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html>.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Due;
use super::group::{Activity, ActivityStatus, Group, Lifecycle, Member};
use super::launch;
use super::notices::{self, Outcome};
use crate::emulator::account::Account;
use crate::emulator::services::{Service, cloudwatch, ec2};
use crate::emulator::timing;

/// How many activities a group keeps; AWS keeps them for six weeks.
const MOST_ACTIVITIES: usize = 1000;

fn group<'a>(account: &'a mut Account, name: &str) -> Option<&'a mut Group> {
    account.services.autoscaling.groups.get_mut(name)
}

/// Lets the group reconcile soon.
pub(super) fn touch(account: &mut Account, name: &str) {
    let Some(found) = group(account, name) else { return };
    if !found.is_reconciling {
        found.is_reconciling = true;
        account.schedule_in(timing::SCALING_REACTS, Due::Reconciles(name.to_owned()));
    }
}

/// Lets the group look at its members at its next health check.
pub(super) fn check_soon(account: &mut Account, name: &str) {
    let Some(found) = group(account, name) else { return };
    if !found.is_checking {
        found.is_checking = true;
        account.schedule_in(timing::SCALING_HEALTH_CHECK, Due::Checks(name.to_owned()));
    }
}

/// Whether a cool-down keeps the group from scaling; the policy's own, or the group's.
pub(super) fn is_cooling(group: &Group, own_seconds: Option<i64>, now: Timestamp) -> bool {
    let seconds = own_seconds.unwrap_or(group.cooldown_seconds);
    group.scaled.is_some_and(|at| now < at + SignedDuration::from_secs(seconds))
}

/// Compares what the group has with what it should have.
pub(super) fn reconciles(account: &mut Account, name: &str) {
    let at = stamp(account.now());
    let Some(found) = group(account, name) else { return };
    found.is_reconciling = false;
    let (capacity, desired) = (found.capacity(), found.desired);
    let difference = format!(
        "At {at} an instance was started in response to a difference between desired and actual \
         capacity, increasing the capacity from {capacity} to {desired}."
    );
    for _ in capacity..desired {
        launch_one(account, name, &difference);
    }
    let surplus = format!(
        "At {at} an instance was taken out of service in response to a difference between desired and \
         actual capacity, shrinking the capacity from {capacity} to {desired}."
    );
    for _ in desired..capacity {
        let Some(victim) = surplus_member(account, name) else { return };
        terminate_member(account, name, &victim, &surplus);
    }
}

/// The member that goes first: the oldest in the fullest zone, as the default termination policy has it
/// where all members were launched alike.
fn surplus_member(account: &Account, name: &str) -> Option<String> {
    let found = account.services.autoscaling.groups.get(name)?;
    let counts =
        |member: &Member| matches!(member.lifecycle, Lifecycle::Pending | Lifecycle::InService);
    let crowd =
        |zone: &str| found.members.values().filter(|one| counts(one) && one.zone == zone).count();
    let candidates = found.members.iter().filter(|(_, member)| counts(member));
    // The first of the largest: members stand in the order of their launch.
    let mut best: Option<(&String, usize)> = None;
    for (id, member) in candidates {
        let crowd = crowd(&member.zone);
        if best.is_none_or(|(_, most)| crowd > most) {
            best = Some((id, crowd));
        }
    }
    best.map(|(id, _)| id.clone())
}

/// A time as Auto Scaling writes it into a cause.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

// --- Activities ---

fn begin_activity(account: &mut Account, name: &str, description: String, cause: &str) -> String {
    let id = account.ids.uuid();
    let activity = Activity {
        id: id.clone(),
        description,
        cause: cause.to_owned(),
        started: account.now(),
        ended: None,
        status: ActivityStatus::InProgress,
        message: String::new(),
        zone: String::new(),
    };
    if let Some(found) = group(account, name) {
        if found.activities.len() == MOST_ACTIVITIES {
            found.activities.remove(0);
        }
        found.activities.push(activity);
    }
    id
}

fn end_activity(account: &mut Account, name: &str, id: &str, status: ActivityStatus) {
    let now = account.now();
    let Some(found) = group(account, name) else { return };
    if let Some(activity) = found.activities.iter_mut().rev().find(|one| one.id == id) {
        activity.status = status;
        activity.ended = Some(now);
    }
}

/// Launches one instance; a refused launch is a failed activity, tried again at the next health check.
pub(super) fn launch_one(account: &mut Account, name: &str, cause: &str) {
    let Some(found) = account.services.autoscaling.groups.get(name) else { return };
    let input = launch::input(account, found);
    let activity = begin_activity(account, name, "Launching a new EC2 instance".to_owned(), cause);
    let answer = account.call(Service::Ec2, "RunInstances", input);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            fail_launch(account, name, &activity, error.message);
            return;
        }
    };
    let launched = &answer["Instances"][0];
    let id = launched["InstanceId"].as_str().unwrap_or_default().to_owned();
    let zone = launched["Placement"]["AvailabilityZone"].as_str().unwrap_or_default().to_owned();
    let Some(found) = group(account, name) else { return };
    if let Some(begun) = found.activities.iter_mut().rev().find(|one| one.id == activity) {
        begun.description = format!("Launching a new EC2 instance: {id}");
        begun.zone.clone_from(&zone);
    }
    let member =
        Member { zone, lifecycle: Lifecycle::Pending, is_healthy: true, activity: Some(activity) };
    found.members.insert(id.clone(), member);
    account.services.autoscaling.owners.insert(id, name.to_owned());
}

fn fail_launch(account: &mut Account, name: &str, activity: &str, message: String) {
    end_activity(account, name, activity, ActivityStatus::Failed);
    if let Some(found) = group(account, name)
        && let Some(failed) = found.activities.iter_mut().rev().find(|one| one.id == activity)
    {
        failed.message = message;
    }
    notices::announce(account, name, activity, "", Outcome::LaunchFailed);
    check_soon(account, name);
}

/// Takes a member out of service and terminates its instance.
pub(super) fn terminate_member(account: &mut Account, name: &str, instance: &str, cause: &str) {
    let description = format!("Terminating EC2 instance: {instance}");
    let activity = begin_activity(account, name, description, cause);
    let Some(found) = group(account, name) else { return };
    let Some(member) = found.members.get_mut(instance) else { return };
    member.lifecycle = Lifecycle::Terminating;
    let zone = member.zone.clone();
    // A member that goes before it was in service takes its launch with it.
    let launch = member.activity.replace(activity.clone());
    if let Some(begun) = found.activities.iter_mut().rev().find(|one| one.id == activity) {
        begun.zone = zone;
    }
    if let Some(launch) = launch {
        end_activity(account, name, &launch, ActivityStatus::Failed);
    }
    let state = ec2::instance(account, instance).map(|one| one.state);
    if state.is_none_or(|state| state == ec2::InstanceState::Terminated) {
        member_gone(account, name, instance);
    } else {
        terminate_quietly(account, instance);
    }
}

/// Terminates an instance; one that is protected or gone stays as it is.
pub(super) fn terminate_quietly(account: &mut Account, instance: &str) {
    drop(account.call(Service::Ec2, "TerminateInstances", json!({"InstanceIds": [instance]})));
}

fn member_gone(account: &mut Account, name: &str, instance: &str) {
    account.services.autoscaling.owners.remove(instance);
    let member = group(account, name).and_then(|found| found.members.shift_remove(instance));
    if let Some(activity) = member.and_then(|member| member.activity) {
        end_activity(account, name, &activity, ActivityStatus::Successful);
        notices::announce(account, name, &activity, instance, Outcome::Terminated);
    }
    touch(account, name);
}

// --- Health ---

/// EC2 tells that a member changed its state.
pub(super) fn member_changed(
    account: &mut Account,
    name: &str,
    instance: &str,
    state: ec2::InstanceState,
) {
    let Some(found) = group(account, name) else { return };
    let Some(member) = found.members.get_mut(instance) else { return };
    match (member.lifecycle, state) {
        (Lifecycle::Pending, ec2::InstanceState::Running) => {
            member.lifecycle = Lifecycle::InService;
            if let Some(activity) = member.activity.take() {
                end_activity(account, name, &activity, ActivityStatus::Successful);
                notices::announce(account, name, &activity, instance, Outcome::Launched);
            }
        }
        (Lifecycle::Terminating, ec2::InstanceState::Terminated) => {
            member_gone(account, name, instance);
        }
        (
            Lifecycle::Pending | Lifecycle::InService,
            ec2::InstanceState::Stopping
            | ec2::InstanceState::Stopped
            | ec2::InstanceState::ShuttingDown
            | ec2::InstanceState::Terminated,
        ) => check_soon(account, name),
        (
            Lifecycle::Pending | Lifecycle::InService | Lifecycle::Standby | Lifecycle::Terminating,
            _,
        ) => {}
    }
}

/// Replaces the members that are not healthy, and launches again what could not be launched.
pub(super) fn checks(account: &mut Account, name: &str) {
    let at = stamp(account.now());
    let Some(found) = group(account, name) else { return };
    found.is_checking = false;
    for (instance, why) in unhealthy(account, name) {
        if let Some(member) = group(account, name).and_then(|one| one.members.get_mut(&instance)) {
            member.is_healthy = false;
        }
        let cause = format!("At {at} an instance was taken out of service in response to {why}.");
        terminate_member(account, name, &instance, &cause);
        let is_short = account
            .services
            .autoscaling
            .groups
            .get(name)
            .is_some_and(|found| found.capacity() < found.desired);
        if is_short {
            let cause = format!(
                "At {at} an instance was launched in response to an unhealthy instance needing to be \
                 replaced."
            );
            launch_one(account, name, &cause);
        }
    }
    touch(account, name);
}

/// The members that are lost or were reported unhealthy, and why.
fn unhealthy(account: &Account, name: &str) -> Vec<(String, &'static str)> {
    let Some(found) = account.services.autoscaling.groups.get(name) else { return Vec::new() };
    let mut unhealthy = Vec::new();
    for (id, member) in &found.members {
        if !matches!(member.lifecycle, Lifecycle::Pending | Lifecycle::InService) {
            continue;
        }
        let state = ec2::instance(account, id).map(|one| one.state);
        let is_up =
            matches!(state, Some(ec2::InstanceState::Pending | ec2::InstanceState::Running));
        if !is_up {
            let why = "an EC2 health check indicating it has been terminated or stopped";
            unhealthy.push((id.clone(), why));
        } else if !member.is_healthy {
            unhealthy.push((id.clone(), "a user health-check"));
        }
    }
    unhealthy
}

// --- Metrics ---

/// Publishes the group's metrics.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html>.
pub(super) fn measures(account: &mut Account, name: &str) {
    let Some(found) = account.services.autoscaling.groups.get(name) else { return };
    let total = u32::try_from(found.members.len()).unwrap_or(u32::MAX);
    let in_service = u32::try_from(super::in_service(account, name).len()).unwrap_or(u32::MAX);
    let metrics = [
        ("GroupMinSize", found.least),
        ("GroupMaxSize", found.most),
        ("GroupDesiredCapacity", found.desired),
        ("GroupInServiceInstances", in_service),
        ("GroupPendingInstances", found.count(Lifecycle::Pending)),
        ("GroupStandbyInstances", found.count(Lifecycle::Standby)),
        ("GroupTerminatingInstances", found.count(Lifecycle::Terminating)),
        ("GroupTotalInstances", total),
    ];
    for (metric, value) in metrics {
        let dimensions = [("AutoScalingGroupName", name)];
        cloudwatch::record(account, "AWS/AutoScaling", metric, &dimensions, f64::from(value));
    }
    account.schedule_in(timing::SCALING_METRICS, Due::Measures(name.to_owned()));
}

/// An activity as an operation that begins one answers it.
pub(super) fn render_last(account: &Account, name: &str) -> Value {
    let found = account.services.autoscaling.groups.get(name);
    let last = found.and_then(|found| Some((found, found.activities.last()?)));
    last.map_or(Value::Null, |(found, activity)| activity.render(found))
}
