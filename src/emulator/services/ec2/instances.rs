//! Instances and their life in virtual time.
//!
//! Main type: [`Instance`]. Invariants: every change of state goes through `enter`, which announces it
//! (an EC2 event, the fact `instance`, the Auto Scaling group that owns it); an instance has at most one
//! change on the agenda. States and their order are AWS's:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filter::{Filter, Tags, passes, render_tags};
use super::{Due, groups, storage};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::agenda::Ticket;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::facts::{Fact, FactId};
use crate::emulator::services::{autoscaling, events};
use crate::emulator::timing;

/// A state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstanceState {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl InstanceState {
    /// The name that the API uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    fn render(self) -> Value {
        json!({"Code": self.code(), "Name": self.name()})
    }

    /// Whether the instance is on its way out or gone.
    pub(crate) fn is_gone(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// One instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) state: InstanceState,
    pub(crate) tags: Tags,
    pub(crate) zone: String,
    pub(crate) groups: Vec<String>,
    /// The ARN of its instance profile.
    pub(crate) profile: Option<String>,
    pub(super) subnet: String,
    pub(super) vpc: String,
    pub(super) reservation: String,
    pub(super) image: String,
    pub(super) instance_type: String,
    pub(super) private_ip: Ipv4Addr,
    pub(super) volume: String,
    pub(super) key_name: Option<String>,
    pub(super) is_monitored: bool,
    pub(super) is_protected: bool,
    pub(super) launched: Timestamp,
    /// Since when it runs, for the status checks.
    pub(super) running_since: Timestamp,
    /// Who stopped it and when, in EC2's words.
    pub(super) reason: Option<String>,
    pub(super) fact: Option<FactId>,
    pub(super) coming: Option<Ticket>,
}

impl Instance {
    /// The instance as `DescribeInstances` answers it; also what FIS filters look into.
    pub(crate) fn render(&self, account: &Account) -> Value {
        let mut rendered = json!({
            "InstanceId": self.id,
            "ImageId": self.image,
            "InstanceType": self.instance_type,
            "State": self.state.render(),
            "StateTransitionReason": self.reason.as_deref().unwrap_or_default(),
            "LaunchTime": epoch_seconds(self.launched),
            "Placement": {"AvailabilityZone": self.zone, "GroupName": "", "Tenancy": "default"},
            "Monitoring": {"State": if self.is_monitored { "enabled" } else { "disabled" }},
            "SecurityGroups": self.groups.iter().map(|id| json!({
                "GroupId": id,
                "GroupName": groups::name_of(account, id),
            })).collect::<Vec<_>>(),
            "RootDeviceName": storage::ROOT_DEVICE,
            "RootDeviceType": "ebs",
            "Architecture": "x86_64",
            "Tags": render_tags(&self.tags),
        });
        let members = rendered.as_object_mut().expect("it was just built as an object");
        if let Some(key) = &self.key_name {
            members.insert("KeyName".to_owned(), json!(key));
        }
        if let Some(profile) = &self.profile {
            members.insert("IamInstanceProfile".to_owned(), json!({"Arn": profile}));
        }
        if self.state != InstanceState::Terminated {
            self.render_attachments(members);
        }
        rendered
    }

    /// What a terminated instance no longer has: its place in a network and its volumes.
    fn render_attachments(&self, members: &mut Map<String, Value>) {
        members.insert("SubnetId".to_owned(), json!(self.subnet));
        members.insert("VpcId".to_owned(), json!(self.vpc));
        members.insert("PrivateIpAddress".to_owned(), json!(self.private_ip.to_string()));
        let volume = json!([{
            "DeviceName": storage::ROOT_DEVICE,
            "Ebs": {
                "VolumeId": self.volume,
                "Status": "attached",
                "DeleteOnTermination": true,
                "AttachTime": epoch_seconds(self.launched),
            },
        }]);
        members.insert("BlockDeviceMappings".to_owned(), volume);
    }
}

/// The instance with this id.
pub(crate) fn instance<'a>(account: &'a Account, id: &str) -> Option<&'a Instance> {
    account.services.ec2.instances.get(id)
}

/// Every instance, in the order of their launch; terminated ones stay listed.
pub(crate) fn instances(account: &Account) -> impl Iterator<Item = &Instance> {
    account.services.ec2.instances.values()
}

/// The ARN of an instance.
pub(crate) fn arn(account: &Account, id: &str) -> String {
    account.identity().arn("ec2", &format!("instance/{id}"))
}

fn not_found(id: &str) -> ServiceError {
    ServiceError::new(
        "InvalidInstanceID.NotFound",
        format!("The instance ID '{id}' does not exist"),
    )
}

// --- The life of an instance ---

/// Enters a state and says so.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html>.
pub(super) fn enter(account: &mut Account, id: &str, state: InstanceState) {
    let now = account.now();
    let Some(instance) = account.services.ec2.instances.get_mut(id) else { return };
    instance.state = state;
    if state == InstanceState::Running {
        instance.running_since = now;
    }
    if let Some(fact) = instance.fact.take() {
        account.facts.end(fact);
    }
    let fact = Fact::new("instance", [("instance", id), ("state", state.name())]);
    instance.fact = Some(account.facts.begin(fact));
    let detail = json!({"instance-id": id, "state": state.name()});
    let resources = vec![arn(account, id)];
    events::emit(account, "aws.ec2", "EC2 Instance State-change Notification", resources, detail);
    autoscaling::instance_changed(account, id, state);
}

/// Puts the arrival in a state onto the agenda; an earlier one is taken back.
pub(super) fn will_arrive(
    account: &mut Account,
    id: &str,
    state: InstanceState,
    delay: SignedDuration,
) {
    let ticket = account.schedule_in(delay, Due::Arrives(id.to_owned(), state));
    let Some(instance) = account.services.ec2.instances.get_mut(id) else { return };
    if let Some(earlier) = instance.coming.replace(ticket) {
        account.cancel(earlier);
    }
}

/// The state that was on the agenda is reached.
pub(super) fn arrive(account: &mut Account, id: &str, state: InstanceState) {
    let Some(instance) = account.services.ec2.instances.get_mut(id) else { return };
    instance.coming = None;
    let volume = (state == InstanceState::Terminated).then(|| instance.volume.clone());
    if let Some(volume) = volume {
        storage::delete_root(account, &volume, id);
    }
    enter(account, id, state);
}

// --- Describing ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstances {
    #[serde(default)]
    instance_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_instances(account: &mut Account, input: DescribeInstances) -> Answer {
    let DescribeInstances { instance_ids, filters } = input;
    let mut reservations: indexmap::IndexMap<&str, Vec<Value>> = indexmap::IndexMap::new();
    for instance in select(account, &instance_ids, &filters)? {
        let rendered = instance.render(account);
        reservations.entry(&instance.reservation).or_default().push(rendered);
    }
    let owner = &account.identity().account;
    let reservations: Vec<Value> = reservations
        .into_iter()
        .map(|(id, instances)| {
            json!({"ReservationId": id, "OwnerId": owner, "Groups": [], "Instances": instances})
        })
        .collect();
    Ok(json!({"Reservations": reservations}))
}

fn select<'a>(
    account: &'a Account,
    ids: &[String],
    filters: &[Filter],
) -> Result<Vec<&'a Instance>, ServiceError> {
    let known = &account.services.ec2.instances;
    if let Some(id) = ids.iter().find(|id| !known.contains_key(*id)) {
        return Err(not_found(id));
    }
    let mut selected = Vec::new();
    for instance in known.values() {
        let named = ids.is_empty() || ids.contains(&instance.id);
        if passes(filters, &instance.tags, |name| attribute(account, instance, name))? && named {
            selected.push(instance);
        }
    }
    Ok(selected)
}

/// An instance's values under the name of a filter.
fn attribute(account: &Account, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let one = |value: &str| Some(vec![value.to_owned()]);
    match name {
        "instance-id" => one(&instance.id),
        "instance-state-name" => one(instance.state.name()),
        "instance-state-code" => one(&instance.state.code().to_string()),
        "instance-type" => one(&instance.instance_type),
        "image-id" => one(&instance.image),
        "availability-zone" => one(&instance.zone),
        "subnet-id" | "network-interface.subnet-id" => one(&instance.subnet),
        "vpc-id" => one(&instance.vpc),
        "private-ip-address" => one(&instance.private_ip.to_string()),
        "reservation-id" => one(&instance.reservation),
        "key-name" => Some(instance.key_name.iter().cloned().collect()),
        "iam-instance-profile.arn" => Some(instance.profile.iter().cloned().collect()),
        "instance.group-id" | "network-interface.group-id" => Some(instance.groups.clone()),
        "instance.group-name" => {
            let names = instance.groups.iter();
            Some(names.map(|id| groups::name_of(account, id).to_owned()).collect())
        }
        _ => None,
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstanceStatus {
    #[serde(default)]
    instance_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    include_all_instances: bool,
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html>.
pub(super) fn describe_instance_status(
    account: &mut Account,
    input: DescribeInstanceStatus,
) -> Answer {
    let DescribeInstanceStatus { instance_ids, filters, include_all_instances } = input;
    let statuses: Vec<Value> = select(account, &instance_ids, &filters)?
        .into_iter()
        .filter(|one| include_all_instances || one.state == InstanceState::Running)
        .map(|one| render_status(account, one))
        .collect();
    Ok(json!({"InstanceStatuses": statuses}))
}

fn render_status(account: &Account, instance: &Instance) -> Value {
    let checked = account.now() >= instance.running_since + timing::INSTANCE_STATUS_CHECKS;
    let status = match instance.state {
        InstanceState::Running if checked => "ok",
        InstanceState::Pending | InstanceState::Running => "initializing",
        InstanceState::Stopping
        | InstanceState::Stopped
        | InstanceState::ShuttingDown
        | InstanceState::Terminated => "not-applicable",
    };
    let reachability = if status == "ok" { "passed" } else { "initializing" };
    let summary = json!({
        "Status": status,
        "Details": [{"Name": "reachability", "Status": reachability}],
    });
    json!({
        "InstanceId": instance.id,
        "AvailabilityZone": instance.zone,
        "InstanceState": instance.state.render(),
        "InstanceStatus": summary,
        "SystemStatus": summary,
        "Events": [],
    })
}

// --- Changing ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InstanceIds {
    instance_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StopInstances {
    instance_ids: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "an instance stops the same way, forced or not")]
    force: Option<bool>,
}

/// Every instance with its state, or the error for the first that does not exist.
fn states(account: &Account, ids: &[String]) -> Result<Vec<(String, InstanceState)>, ServiceError> {
    ids.iter()
        .map(|id| match instance(account, id) {
            Some(found) => Ok((id.clone(), found.state)),
            None => Err(not_found(id)),
        })
        .collect()
}

fn incorrect_state(id: &str, operation: &str) -> ServiceError {
    ServiceError::new(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in a state from which it can be {operation}."),
    )
}

fn change_of(account: &Account, id: &str, before: InstanceState) -> Value {
    let after = instance(account, id).map_or(before, |found| found.state);
    json!({"InstanceId": id, "CurrentState": after.render(), "PreviousState": before.render()})
}

pub(super) fn start_instances(account: &mut Account, input: InstanceIds) -> Answer {
    let InstanceIds { instance_ids } = input;
    let before = states(account, &instance_ids)?;
    for (id, state) in &before {
        match state {
            InstanceState::Stopped | InstanceState::Pending | InstanceState::Running => {}
            InstanceState::Stopping | InstanceState::ShuttingDown | InstanceState::Terminated => {
                return Err(incorrect_state(id, "started"));
            }
        }
    }
    let changes = before.iter().map(|(id, state)| {
        if *state == InstanceState::Stopped {
            enter(account, id, InstanceState::Pending);
            will_arrive(account, id, InstanceState::Running, timing::INSTANCE_STARTS);
        }
        change_of(account, id, *state)
    });
    let changes: Vec<Value> = changes.collect();
    Ok(json!({"StartingInstances": changes}))
}

pub(super) fn stop_instances(account: &mut Account, input: StopInstances) -> Answer {
    let StopInstances { instance_ids, .. } = input;
    let before = states(account, &instance_ids)?;
    if let Some((id, _)) = before.iter().find(|(_, state)| state.is_gone()) {
        return Err(incorrect_state(id, "stopped"));
    }
    let changes = before.iter().map(|(id, state)| {
        if matches!(state, InstanceState::Pending | InstanceState::Running) {
            leave(account, id);
            enter(account, id, InstanceState::Stopping);
            will_arrive(account, id, InstanceState::Stopped, timing::INSTANCE_STOPS);
        }
        change_of(account, id, *state)
    });
    let changes: Vec<Value> = changes.collect();
    Ok(json!({"StoppingInstances": changes}))
}

/// Reboots: the instance stays `running` all the while, as on AWS; only its status checks start again.
pub(super) fn reboot_instances(account: &mut Account, input: InstanceIds) -> Answer {
    let InstanceIds { instance_ids } = input;
    let before = states(account, &instance_ids)?;
    if let Some((id, _)) = before.iter().find(|(_, state)| *state != InstanceState::Running) {
        return Err(incorrect_state(id, "rebooted"));
    }
    let now = account.now();
    for (id, _) in &before {
        if let Some(instance) = account.services.ec2.instances.get_mut(id) {
            instance.running_since = now;
        }
    }
    Ok(json!({}))
}

pub(super) fn terminate_instances(account: &mut Account, input: InstanceIds) -> Answer {
    let InstanceIds { instance_ids } = input;
    let before = states(account, &instance_ids)?;
    let protected = |id: &String| instance(account, id).is_some_and(|found| found.is_protected);
    if let Some(id) = instance_ids.iter().find(|id| protected(id)) {
        return Err(ServiceError::new(
            "OperationNotPermitted",
            format!(
                "The instance '{id}' may not be terminated. Modify its \
                 'disableApiTermination' instance attribute and try again."
            ),
        ));
    }
    let changes = before.iter().map(|(id, state)| {
        if !state.is_gone() {
            leave(account, id);
            enter(account, id, InstanceState::ShuttingDown);
            will_arrive(account, id, InstanceState::Terminated, timing::INSTANCE_TERMINATES);
        }
        change_of(account, id, *state)
    });
    let changes: Vec<Value> = changes.collect();
    Ok(json!({"TerminatingInstances": changes}))
}

/// Notes why an instance leaves `running`, as `StateTransitionReason` tells it.
fn leave(account: &mut Account, id: &str) {
    let at = account.now().strftime("%Y-%m-%d %H:%M:%S GMT").to_string();
    if let Some(instance) = account.services.ec2.instances.get_mut(id) {
        instance.reason = Some(format!("User initiated ({at})"));
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ModifyInstanceAttribute {
    instance_id: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    disable_api_termination: Option<BooleanValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BooleanValue {
    value: bool,
}

pub(super) fn modify_instance_attribute(
    account: &mut Account,
    input: ModifyInstanceAttribute,
) -> Answer {
    groups::check(account, &input.groups)?;
    let Some(instance) = account.services.ec2.instances.get_mut(&input.instance_id) else {
        return Err(not_found(&input.instance_id));
    };
    if instance.state.is_gone() {
        return Err(incorrect_state(&input.instance_id, "modified"));
    }
    if !input.groups.is_empty() {
        instance.groups = input.groups;
    }
    if let Some(set) = input.disable_api_termination {
        instance.is_protected = set.value;
    }
    Ok(json!({}))
}
