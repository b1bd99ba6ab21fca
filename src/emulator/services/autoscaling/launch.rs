//! What a group launches: a launch configuration or a launch template.
//!
//! Main type: [`Source`]. Invariant: whatever it is, an instance is launched by EC2's `RunInstances`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::group::Group;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// A launch configuration: the members that `RunInstances` understands.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    launch: Map<String, Value>,
}

/// Where the parameters of a launch come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Configuration(String),
    Template(TemplateReference),
}

/// A launch template and its version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TemplateReference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    launch_template_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    launch_template_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Source {
    /// Of the two that a call may name, exactly one.
    pub(super) fn of(
        account: &Account,
        configuration: Option<String>,
        template: Option<TemplateReference>,
    ) -> Result<Option<Self>, ServiceError> {
        match (configuration, template) {
            (Some(name), None) => {
                if !account.services.autoscaling.configurations.contains_key(&name) {
                    return Err(ServiceError::new(
                        "ValidationError",
                        format!("Launch configuration name not found - {name}"),
                    ));
                }
                Ok(Some(Self::Configuration(name)))
            }
            (None, Some(template)) => Ok(Some(Self::Template(template))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(ServiceError::new(
                "ValidationError",
                "Valid requests must contain either LaunchTemplate or LaunchConfigurationName.",
            )),
        }
    }

    /// Shows it in a group or in a member.
    pub(super) fn render_into(&self, rendered: &mut Value) {
        match self {
            Self::Configuration(name) => rendered["LaunchConfigurationName"] = json!(name),
            Self::Template(template) => rendered["LaunchTemplate"] = json!(template),
        }
    }
}

/// The input of `RunInstances` for one instance of a group, in a subnet or in a zone.
pub(super) fn input(account: &Account, group: &Group) -> Value {
    let mut input = match &group.source {
        Source::Configuration(name) => account
            .services
            .autoscaling
            .configurations
            .get(name)
            .map(|found| found.launch.clone())
            .unwrap_or_default(),
        Source::Template(template) => {
            Map::from_iter([("LaunchTemplate".to_owned(), json!(template))])
        }
    };
    input.insert("MinCount".to_owned(), json!(1));
    input.insert("MaxCount".to_owned(), json!(1));
    // The place with the fewest members is next, so that the zones stay balanced.
    let launched = group.members.len();
    if let Some(subnet) = pick(&group.subnets, launched) {
        input.insert("SubnetId".to_owned(), json!(subnet));
    } else if let Some(zone) = pick_zone(group) {
        input.insert("Placement".to_owned(), json!({"AvailabilityZone": zone}));
    }
    let mut tags: Vec<Value> = group
        .tags
        .iter()
        .filter(|tag| tag.propagate_at_launch)
        .map(|tag| json!({"Key": tag.key, "Value": tag.value}))
        .collect();
    tags.push(json!({"Key": "aws:autoscaling:groupName", "Value": group.name}));
    let specification = json!([{"ResourceType": "instance", "Tags": tags}]);
    input.insert("TagSpecifications".to_owned(), specification);
    Value::Object(input)
}

fn pick(places: &[String], launched: usize) -> Option<&String> {
    if places.is_empty() { None } else { places.get(launched % places.len()) }
}

fn pick_zone(group: &Group) -> Option<&String> {
    let members =
        |zone: &&String| group.members.values().filter(|member| member.zone == **zone).count();
    group.zones.iter().min_by_key(members)
}

// --- Launch configurations ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateConfiguration {
    launch_configuration_name: String,
    image_id: String,
    #[serde(default)]
    instance_type: Option<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    #[serde(default)]
    iam_instance_profile: Option<String>,
    #[serde(default)]
    key_name: Option<String>,
    #[serde(default)]
    instance_monitoring: Option<Value>,
    // What follows changes nothing that the emulated account shows.
    #[serde(default)]
    user_data: Option<Value>,
    #[serde(default)]
    block_device_mappings: Option<Value>,
    #[serde(default)]
    associate_public_ip_address: Option<Value>,
    #[serde(default)]
    ebs_optimized: Option<Value>,
    #[serde(default)]
    metadata_options: Option<Value>,
}

pub(super) fn create_launch_configuration(
    account: &mut Account,
    input: CreateConfiguration,
) -> Answer {
    let name = input.launch_configuration_name;
    if account.services.autoscaling.configurations.contains_key(&name) {
        return Err(ServiceError::new(
            "AlreadyExists",
            format!("Launch Configuration by this name already exists - {name}"),
        ));
    }
    drop((input.user_data, input.block_device_mappings, input.associate_public_ip_address));
    drop((input.ebs_optimized, input.metadata_options));
    let groups = (!input.security_groups.is_empty()).then(|| json!(input.security_groups));
    let profile = input.iam_instance_profile.map(|profile| {
        let member = if profile.starts_with("arn:") { "Arn" } else { "Name" };
        json!({member: profile})
    });
    let members = [
        ("ImageId", Some(json!(input.image_id))),
        ("InstanceType", input.instance_type.map(Value::from)),
        ("SecurityGroupIds", groups),
        ("IamInstanceProfile", profile),
        ("KeyName", input.key_name.map(Value::from)),
        ("Monitoring", input.instance_monitoring),
    ];
    let launch = members
        .into_iter()
        .filter_map(|(member, value)| Some((member.to_owned(), value?)))
        .collect();
    account.services.autoscaling.configurations.insert(name, Configuration { launch });
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteConfiguration {
    launch_configuration_name: String,
}

pub(super) fn delete_launch_configuration(
    account: &mut Account,
    input: DeleteConfiguration,
) -> Answer {
    let name = input.launch_configuration_name;
    let uses =
        |group: &Group| matches!(&group.source, Source::Configuration(used) if *used == name);
    if account.services.autoscaling.groups.values().any(uses) {
        return Err(ServiceError::new(
            "ResourceInUse",
            format!("Cannot delete launch configuration {name} because it is attached to a group"),
        ));
    }
    account.services.autoscaling.configurations.shift_remove(&name);
    Ok(json!({}))
}
