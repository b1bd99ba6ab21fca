//! Launching: from a call and a launch template to instances that are pending.
//!
//! Main functions: [`run_instances`], [`plan_launch`]. Invariant: what a call names wins over what its
//! launch template holds; a member of either that is not known is refused by name.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, TagSpecification, Tags};
use super::instances::{Instance, InstanceState, enter, will_arrive};
use super::templates::{LaunchTemplateSpecification, resolve};
use super::{groups, network, storage};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::parse;
use crate::emulator::timing;

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
    security_groups: Vec<String>,
    #[serde(default)]
    network_interfaces: Vec<Interface>,
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
    // What follows changes nothing that the emulated account shows: a script that it can't run, the
    // sizes of volumes, the performance of a machine.
    #[serde(default)]
    user_data: Option<Value>,
    #[serde(default)]
    block_device_mappings: Option<Value>,
    #[serde(default)]
    ebs_optimized: Option<Value>,
    #[serde(default)]
    instance_initiated_shutdown_behavior: Option<Value>,
}

/// What a launch template may hold. Members that change nothing in the emulated account (a script that
/// it can't run, the sizes of volumes) are read and left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct LaunchData {
    image_id: Option<String>,
    instance_type: Option<String>,
    security_group_ids: Vec<String>,
    security_groups: Vec<String>,
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
    instance_initiated_shutdown_behavior: Option<Value>,
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
    #[serde(default)]
    #[expect(dead_code, reason = "no hardware is shared or dedicated here")]
    tenancy: Option<String>,
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
    drop((input.user_data, input.block_device_mappings));
    drop((input.ebs_optimized, input.instance_initiated_shutdown_behavior));
    let template: LaunchData = match &input.launch_template {
        Some(specification) => {
            parse("RunInstances", Value::Object(resolve(account, specification)?))?
        }
        None => LaunchData::default(),
    };
    let interfaces = input.network_interfaces.into_iter().chain(template.network_interfaces);
    let interface = { interfaces }.next();
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
        let named = [input.security_groups, template.security_groups].concat();
        security = groups::by_name(account, &subnet.vpc, &named)?;
    }
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
