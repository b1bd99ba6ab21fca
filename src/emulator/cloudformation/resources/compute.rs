//! EC2 instances, launch templates and volumes.
//!
//! Main items: the [`ResourceType`]s. Invariant: members are spelled as the EC2 API names them, not as
//! its query protocol does.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EC2.html>

use serde_json::{Map, Value, json};

use super::shape::{Property, Shape, TAG_LIST, TEXTS, accepted, is, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const DISK: &[Property] = &[
    is("DeleteOnTermination", Shape::Boolean),
    is("Encrypted", Shape::Boolean),
    is("Iops", Shape::Integer),
    text("KmsKeyId"),
    text("SnapshotId"),
    is("Throughput", Shape::Integer),
    is("VolumeSize", Shape::Integer),
    text("VolumeType"),
];

const DISKS: Shape = Shape::List(&Shape::Fields(&[
    text("DeviceName"),
    is("Ebs", Shape::Fields(DISK)),
    text("NoDevice"),
    text("VirtualName"),
]));

const LAUNCH_TEMPLATE_REFERENCE: Shape =
    Shape::Fields(&[text("LaunchTemplateId"), text("LaunchTemplateName"), text("Version")]);

/// An instance.
pub(super) const INSTANCE: ResourceType = ResourceType {
    name: "AWS::EC2::Instance",
    properties: &[
        accepted("AdditionalInfo"),
        own("AvailabilityZone", Shape::Text),
        is("BlockDeviceMappings", DISKS),
        accepted("CpuOptions"),
        accepted("CreditSpecification"),
        is("DisableApiTermination", Shape::Boolean),
        is("EbsOptimized", Shape::Boolean),
        accepted("EnclaveOptions"),
        accepted("HibernationOptions"),
        own("IamInstanceProfile", Shape::Text),
        text("ImageId"),
        text("InstanceInitiatedShutdownBehavior"),
        text("InstanceType"),
        text("KeyName"),
        is("LaunchTemplate", LAUNCH_TEMPLATE_REFERENCE),
        accepted("MetadataOptions"),
        own("Monitoring", Shape::Boolean),
        is("NetworkInterfaces", Shape::Json),
        text("PrivateIpAddress"),
        accepted("PropagateTagsToVolumeOnCreation"),
        is("SecurityGroupIds", TEXTS),
        is("SecurityGroups", TEXTS),
        accepted("SourceDestCheck"),
        text("SubnetId"),
        own("Tags", TAG_LIST),
        own("Tenancy", Shape::Text),
        text("UserData"),
        own("Volumes", Shape::List(&Shape::Fields(&[text("Device"), text("VolumeId")]))),
    ],
    spelling: Spelling::Pascal,
    create: run_instance,
};

/// Tags in the form in which EC2's create calls take them.
pub(super) fn tag_on_creation(inputs: &mut Inputs, resource_type: &str) {
    let tags = inputs.take_list("Tags");
    if !tags.is_empty() {
        let specification = json!([{ "ResourceType": resource_type, "Tags": tags }]);
        inputs.input.insert("TagSpecifications".to_owned(), specification);
    }
}

fn run_instance(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    tag_on_creation(&mut inputs, "instance");
    let mut placement = Map::new();
    for property in ["AvailabilityZone", "Tenancy"] {
        if let Some(value) = inputs.take(property) {
            placement.insert(property.to_owned(), value);
        }
    }
    let input = &mut inputs.input;
    if !placement.is_empty() {
        input.insert("Placement".to_owned(), Value::Object(placement));
    }
    if let Some(profile) = inputs.own.remove("IamInstanceProfile") {
        input.insert("IamInstanceProfile".to_owned(), json!({ "Name": profile }));
    }
    if let Some(detailed) = inputs.own.remove("Monitoring") {
        input.insert("Monitoring".to_owned(), json!({ "Enabled": detailed }));
    }
    for count in ["MinCount", "MaxCount"] {
        input.insert(count.to_owned(), Value::from(1));
    }
    let volumes = inputs.take_list("Volumes");
    let answer = maker.call(Service::Ec2, "RunInstances", inputs.input)?;
    let instance = &answer["Instances"][0];
    let id = text_at(instance, &["InstanceId"]).unwrap_or_default();
    maker.undo(Service::Ec2, "TerminateInstances", json!({ "InstanceIds": [id] }));
    for mut volume in volumes {
        volume["InstanceId"] = Value::from(id.clone());
        maker.also(Service::Ec2, "AttachVolume", volume);
    }
    let mut built = Built::new(id.clone()).with("InstanceId", id);
    let zone = text_at(instance, &["Placement", "AvailabilityZone"]);
    if let Some(zone) = zone {
        built = built.with("AvailabilityZone", zone);
    }
    for (attribute, member) in [
        ("PrivateDnsName", "PrivateDnsName"),
        ("PrivateIp", "PrivateIpAddress"),
        ("PublicDnsName", "PublicDnsName"),
        ("PublicIp", "PublicIpAddress"),
        ("VpcId", "VpcId"),
    ] {
        if let Some(value) = text_at(instance, &[member]) {
            built = built.with(attribute, value);
        }
    }
    Ok(built)
}

const TAG_SPECIFICATIONS: Shape =
    Shape::List(&Shape::Fields(&[text("ResourceType"), is("Tags", TAG_LIST)]));

const LAUNCH_DATA: &[Property] = &[
    is("BlockDeviceMappings", DISKS),
    accepted("CreditSpecification"),
    is("DisableApiTermination", Shape::Boolean),
    is("EbsOptimized", Shape::Boolean),
    is("IamInstanceProfile", Shape::Fields(&[text("Arn"), text("Name")])),
    text("ImageId"),
    text("InstanceInitiatedShutdownBehavior"),
    is("InstanceMarketOptions", Shape::Json),
    is("InstanceRequirements", Shape::Json),
    text("InstanceType"),
    text("KeyName"),
    accepted("MetadataOptions"),
    is("Monitoring", Shape::Fields(&[is("Enabled", Shape::Boolean)])),
    is("NetworkInterfaces", Shape::Json),
    is("Placement", Shape::Json),
    is("SecurityGroupIds", TEXTS),
    is("SecurityGroups", TEXTS),
    is("TagSpecifications", TAG_SPECIFICATIONS),
    text("UserData"),
];

/// A launch template.
pub(super) const LAUNCH_TEMPLATE: ResourceType = ResourceType {
    name: "AWS::EC2::LaunchTemplate",
    properties: &[
        is("LaunchTemplateData", Shape::Fields(LAUNCH_DATA)),
        text("LaunchTemplateName"),
        is("TagSpecifications", TAG_SPECIFICATIONS),
        text("VersionDescription"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        maker.name(&mut inputs.input, "LaunchTemplateName", 128);
        let answer = maker.call(Service::Ec2, "CreateLaunchTemplate", inputs.input)?;
        let made = &answer["LaunchTemplate"];
        let id = text_at(made, &["LaunchTemplateId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteLaunchTemplate", json!({ "LaunchTemplateId": id }));
        let version = |member: &str| made[member].as_i64().unwrap_or(1).to_string();
        Ok(Built::new(id.clone())
            .with("LaunchTemplateId", id)
            .with("LatestVersionNumber", version("LatestVersionNumber"))
            .with("DefaultVersionNumber", version("DefaultVersionNumber")))
    },
};

/// A volume.
pub(super) const VOLUME: ResourceType = ResourceType {
    name: "AWS::EC2::Volume",
    properties: &[
        accepted("AutoEnableIO"),
        text("AvailabilityZone"),
        is("Encrypted", Shape::Boolean),
        is("Iops", Shape::Integer),
        text("KmsKeyId"),
        is("MultiAttachEnabled", Shape::Boolean),
        text("OutpostArn"),
        is("Size", Shape::Integer),
        text("SnapshotId"),
        own("Tags", TAG_LIST),
        is("Throughput", Shape::Integer),
        text("VolumeType"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "volume");
        let answer = maker.call(Service::Ec2, "CreateVolume", inputs.input)?;
        let id = text_at(&answer, &["VolumeId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteVolume", json!({ "VolumeId": id }));
        Ok(Built::new(id.clone()).with("VolumeId", id))
    },
};
