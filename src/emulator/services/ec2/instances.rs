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

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::templates::{LaunchTemplateSpecification, resolve};
use super::{Due, groups, network, storage};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::agenda::Ticket;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::facts::{Fact, FactId};
use crate::emulator::operation::parse;
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
    subnet: String,
    vpc: String,
    reservation: String,
    image: String,
    instance_type: String,
    private_ip: Ipv4Addr,
    volume: String,
    key_name: Option<String>,
    is_monitored: bool,
    is_protected: bool,
    launched: Timestamp,
    /// Since when it runs, for the status checks.
    running_since: Timestamp,
    /// Who stopped it and when, in EC2's words.
    reason: Option<String>,
    fact: Option<FactId>,
    coming: Option<Ticket>,
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
fn enter(account: &mut Account, id: &str, state: InstanceState) {
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
fn will_arrive(account: &mut Account, id: &str, state: InstanceState, delay: SignedDuration) {
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
        storage::delete_root(account, &volume);
    }
    enter(account, id, state);
}

// --- Launching ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RunInstances {
    min_count: u32,
    max_count: u32,
    #[serde(default)]
    launch_template: Option<LaunchTemplateSpecification>,
    #[serde(default)]
    image_id: Option<String>,
    #[serde(default)]
    instance_type: Option<String>,
    #[serde(default)]
    subnet_id: Option<String>,
    #[serde(default)]
    security_group_ids: Vec<String>,
    #[serde(default)]
    iam_instance_profile: Option<Profile>,
    #[serde(default)]
    placement: Option<Placement>,
    #[serde(default)]
    monitoring: Option<Monitoring>,
    #[serde(default)]
    key_name: Option<String>,
    #[serde(default)]
    disable_api_termination: Option<bool>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
    #[serde(default)]
    user_data: Option<Value>,
}

/// What a launch template may hold. Members that change nothing in the emulated account (a script that
/// it can't run, the sizes of volumes) are read and left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct LaunchData {
    image_id: Option<String>,
    instance_type: Option<String>,
    security_group_ids: Vec<String>,
    iam_instance_profile: Option<Profile>,
    placement: Option<Placement>,
    monitoring: Option<Monitoring>,
    key_name: Option<String>,
    disable_api_termination: Option<bool>,
    tag_specifications: Vec<TagSpecification>,
    network_interfaces: Vec<Interface>,
    user_data: Option<Value>,
    block_device_mappings: Option<Value>,
    metadata_options: Option<Value>,
    ebs_optimized: Option<Value>,
    credit_specification: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Interface {
    #[serde(default)]
    subnet_id: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "an instance has one interface in the emulated account")]
    device_index: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "there is no internet outside the emulated account")]
    associate_public_ip_address: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "an interface lives as long as its instance")]
    delete_on_termination: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Profile {
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Placement {
    #[serde(default)]
    availability_zone: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Monitoring {
    enabled: bool,
}

/// The most instances that one call launches; the default quota of an account is smaller still.
const MOST_INSTANCES: u32 = 100;

pub(super) fn run_instances(account: &mut Account, input: RunInstances) -> Answer {
    let count = input.max_count;
    if input.min_count == 0 || input.min_count > count || count > MOST_INSTANCES {
        return Err(ServiceError::new(
            "InvalidParameterValue",
            format!("MinCount {} and MaxCount {count} are not a valid range", input.min_count),
        ));
    }
    let mut launch = plan_launch(account, input)?;
    launch.reservation = format!("r-{}", account.ids.hex(17));
    let launched: Vec<Value> = (0..count)
        .map(|_| {
            let id = launch_one(account, &launch);
            account.services.ec2.instances[&id].render(account)
        })
        .collect();
    Ok(json!({
        "ReservationId": launch.reservation,
        "OwnerId": account.identity().account,
        "Groups": [],
        "Instances": launched,
    }))
}

/// Everything that is decided before the first instance of a call is launched.
struct Launch {
    reservation: String,
    image: String,
    instance_type: String,
    subnet: network::Subnet,
    groups: Vec<String>,
    profile: Option<String>,
    key_name: Option<String>,
    is_monitored: bool,
    is_protected: bool,
    tags: Tags,
    volume_tags: Tags,
}

fn plan_launch(account: &Account, input: RunInstances) -> Result<Launch, ServiceError> {
    // A script can't run here; that it was given changes nothing that the emulated account shows.
    drop(input.user_data);
    let template: LaunchData = match &input.launch_template {
        Some(specification) => {
            parse("RunInstances", Value::Object(resolve(account, specification)?))?
        }
        None => LaunchData::default(),
    };
    let interface = template.network_interfaces.first().cloned();
    let (interface_subnet, interface_groups) =
        interface.map_or((None, Vec::new()), |one| (one.subnet_id, one.groups));
    let zone = input.placement.or(template.placement).and_then(|place| place.availability_zone);
    let wanted = input.subnet_id.or(interface_subnet);
    let subnet = network::place(account, wanted.as_deref(), zone.as_deref())?;
    let mut security = [input.security_group_ids, template.security_group_ids, interface_groups]
        .into_iter()
        .find(|groups| !groups.is_empty())
        .unwrap_or_default();
    groups::check(account, &security)?;
    if security.is_empty() {
        security.extend(groups::default_of(account, &subnet.vpc));
    }
    let image = input.image_id.or(template.image_id).ok_or_else(|| {
        ServiceError::new("MissingParameter", "The request must contain the parameter ImageId")
    })?;
    let mut tags = filter::tags_for(&template.tag_specifications, "instance");
    tags.extend(filter::tags_for(&input.tag_specifications, "instance"));
    let mut volume_tags = filter::tags_for(&template.tag_specifications, "volume");
    volume_tags.extend(filter::tags_for(&input.tag_specifications, "volume"));
    let profile = input.iam_instance_profile.or(template.iam_instance_profile);
    Ok(Launch {
        reservation: String::new(),
        image,
        instance_type: input
            .instance_type
            .or(template.instance_type)
            .unwrap_or_else(|| "m1.small".to_owned()),
        subnet,
        groups: security,
        profile: profile.and_then(|profile| profile_arn(account, profile)),
        key_name: input.key_name.or(template.key_name),
        is_monitored: input.monitoring.or(template.monitoring).is_some_and(|set| set.enabled),
        is_protected: input
            .disable_api_termination
            .or(template.disable_api_termination)
            .unwrap_or(false),
        tags,
        volume_tags,
    })
}

fn profile_arn(account: &Account, profile: Profile) -> Option<String> {
    let by_name =
        |name: String| account.identity().global_arn("iam", &format!("instance-profile/{name}"));
    profile.arn.or_else(|| profile.name.map(by_name))
}

fn launch_one(account: &mut Account, launch: &Launch) -> String {
    let id = format!("i-{}", account.ids.hex(17));
    let zone = &launch.subnet.zone;
    let volume = storage::attach_root(account, &id, zone, launch.volume_tags.clone());
    let state = &mut account.services.ec2;
    state.launched += 1;
    // The first addresses of a subnet are AWS's own; an address is never given twice.
    let private_ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 0, 9)) + state.launched);
    let now = account.now();
    let instance = Instance {
        id: id.clone(),
        state: InstanceState::Pending,
        tags: launch.tags.clone(),
        zone: zone.clone(),
        groups: launch.groups.clone(),
        profile: launch.profile.clone(),
        subnet: launch.subnet.id.clone(),
        vpc: launch.subnet.vpc.clone(),
        reservation: launch.reservation.clone(),
        image: launch.image.clone(),
        instance_type: launch.instance_type.clone(),
        private_ip,
        volume,
        key_name: launch.key_name.clone(),
        is_monitored: launch.is_monitored,
        is_protected: launch.is_protected,
        launched: now,
        running_since: now,
        reason: None,
        fact: None,
        coming: None,
    };
    account.services.ec2.instances.insert(id.clone(), instance);
    enter(account, &id, InstanceState::Pending);
    will_arrive(account, &id, InstanceState::Running, timing::INSTANCE_STARTS);
    id
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
