//! Volumes and snapshots: what a forensic runbook takes before an instance is terminated.
//!
//! Main types: [`Volume`], [`Snapshot`]. Invariant: a root volume comes and goes with its instance; a
//! snapshot is of a volume that existed when it was taken.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Due;
use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::network::no_such;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::events;
use crate::emulator::timing;

/// A volume: the root of an instance, or one of its own.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    id: String,
    /// The instance and the device that it is attached to.
    attached: Option<(String, String)>,
    size: u32,
    zone: String,
    created: Timestamp,
    pub(super) tags: Tags,
}

/// A snapshot of a volume.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    id: String,
    volume: String,
    size: u32,
    description: String,
    started: Timestamp,
    is_complete: bool,
    pub(super) tags: Tags,
}

/// The device of a root volume on Amazon Linux.
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

/// The size of every root volume, in GiB: what Amazon Linux images come with.
const ROOT_SIZE: u32 = 8;

impl Volume {
    fn state(&self) -> &'static str {
        if self.attached.is_some() { "in-use" } else { "available" }
    }
}

/// Creates the root volume of an instance that is being launched.
pub(super) fn attach_root(account: &mut Account, instance: &str, zone: &str, tags: Tags) -> String {
    let id = format!("vol-{}", account.ids.hex(17));
    let volume = Volume {
        id: id.clone(),
        attached: Some((instance.to_owned(), ROOT_DEVICE.to_owned())),
        size: ROOT_SIZE,
        zone: zone.to_owned(),
        created: account.now(),
        tags,
    };
    account.services.ec2.volumes.insert(id.clone(), volume);
    id
}

/// The root volume goes with its instance (`DeleteOnTermination`); others are let go.
pub(super) fn delete_root(account: &mut Account, volume: &str, instance: &str) {
    let volumes = &mut account.services.ec2.volumes;
    volumes.shift_remove(volume);
    for other in volumes.values_mut() {
        if other.attached.as_ref().is_some_and(|(attached, _)| attached == instance) {
            other.attached = None;
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateVolume {
    availability_zone: String,
    #[serde(default)]
    size: Option<u32>,
    #[serde(default)]
    snapshot_id: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
    // What follows changes nothing that the emulated account shows.
    #[serde(default)]
    volume_type: Option<String>,
    #[serde(default)]
    encrypted: Option<bool>,
    #[serde(default)]
    iops: Option<u32>,
    #[serde(default)]
    throughput: Option<u32>,
}

pub(super) fn create_volume(account: &mut Account, input: CreateVolume) -> Answer {
    drop((input.volume_type, input.encrypted, input.iops, input.throughput));
    let snapshots = &account.services.ec2.snapshots;
    let source = input.snapshot_id.as_ref().and_then(|id| snapshots.get(id));
    let Some(size) = input.size.or_else(|| source.map(|snapshot| snapshot.size)) else {
        return Err(ServiceError::new(
            "MissingParameter",
            "The request must contain the parameter size or snapshotId",
        ));
    };
    let id = format!("vol-{}", account.ids.hex(17));
    let volume = Volume {
        id: id.clone(),
        attached: None,
        size,
        zone: input.availability_zone,
        created: account.now(),
        tags: filter::tags_for(&input.tag_specifications, "volume"),
    };
    let answer = render_volume(&volume);
    account.services.ec2.volumes.insert(id, volume);
    Ok(answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AttachVolume {
    device: String,
    instance_id: String,
    volume_id: String,
}

pub(super) fn attach_volume(account: &mut Account, input: AttachVolume) -> Answer {
    let AttachVolume { device, instance_id, volume_id } = input;
    if super::instance(account, &instance_id).is_none() {
        return Err(no_such("instance", "InvalidInstanceID", &instance_id));
    }
    let Some(volume) = account.services.ec2.volumes.get_mut(&volume_id) else {
        return Err(no_such("volume", "InvalidVolume", &volume_id));
    };
    if volume.attached.is_some() {
        return Err(ServiceError::new(
            "VolumeInUse",
            format!("{volume_id} is already attached to an instance"),
        ));
    }
    let answer = json!({"VolumeId": volume_id, "InstanceId": instance_id, "Device": device,
        "State": "attached"});
    volume.attached = Some((instance_id, device));
    Ok(answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteVolume {
    volume_id: String,
}

pub(super) fn delete_volume(account: &mut Account, input: DeleteVolume) -> Answer {
    let DeleteVolume { volume_id } = input;
    let found = account.services.ec2.volumes.get(&volume_id);
    if found.is_some_and(|volume| volume.attached.is_some()) {
        return Err(ServiceError::new(
            "VolumeInUse",
            format!("Volume {volume_id} is currently attached to an instance"),
        ));
    }
    match account.services.ec2.volumes.shift_remove(&volume_id) {
        Some(_) => Ok(json!({"Return": true})),
        None => Err(no_such("volume", "InvalidVolume", &volume_id)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeVolumes {
    #[serde(default)]
    volume_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_volumes(account: &mut Account, input: DescribeVolumes) -> Answer {
    let DescribeVolumes { volume_ids, filters } = input;
    let volumes = &account.services.ec2.volumes;
    if let Some(id) = volume_ids.iter().find(|id| !volumes.contains_key(*id)) {
        return Err(no_such("volume", "InvalidVolume", id));
    }
    let mut found = Vec::new();
    for volume in volumes.values() {
        let wanted = passes(&filters, &volume.tags, |name| match name {
            "volume-id" => Some(vec![volume.id.clone()]),
            "attachment.instance-id" => {
                Some(volume.attached.iter().map(|(instance, _)| instance.clone()).collect())
            }
            "attachment.device" => {
                Some(volume.attached.iter().map(|(_, device)| device.clone()).collect())
            }
            "availability-zone" => Some(vec![volume.zone.clone()]),
            "status" => Some(vec![volume.state().to_owned()]),
            _ => None,
        })?;
        if wanted && (volume_ids.is_empty() || volume_ids.contains(&volume.id)) {
            found.push(render_volume(volume));
        }
    }
    Ok(json!({"Volumes": found}))
}

fn render_volume(volume: &Volume) -> Value {
    json!({
        "VolumeId": volume.id,
        "State": volume.state(),
        "Size": volume.size,
        "VolumeType": "gp3",
        "AvailabilityZone": volume.zone,
        "CreateTime": epoch_seconds(volume.created),
        "Attachments": volume.attached.iter().map(|(instance, device)| json!({
            "InstanceId": instance,
            "Device": device,
            "State": "attached",
            "VolumeId": volume.id,
            "DeleteOnTermination": device == ROOT_DEVICE,
        })).collect::<Vec<_>>(),
        "Tags": render_tags(&volume.tags),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateSnapshot {
    volume_id: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_snapshot(account: &mut Account, input: CreateSnapshot) -> Answer {
    let Some(volume) = account.services.ec2.volumes.get(&input.volume_id) else {
        return Err(no_such("volume", "InvalidVolume", &input.volume_id));
    };
    let size = volume.size;
    let id = format!("snap-{}", account.ids.hex(17));
    let snapshot = Snapshot {
        id: id.clone(),
        volume: input.volume_id,
        size,
        description: input.description.unwrap_or_default(),
        started: account.now(),
        is_complete: false,
        tags: filter::tags_for(&input.tag_specifications, "snapshot"),
    };
    let answer = render_snapshot(account, &snapshot);
    account.services.ec2.snapshots.insert(id.clone(), snapshot);
    account.schedule_in(timing::SNAPSHOT_COMPLETES, Due::SnapshotCompletes(id));
    Ok(answer)
}

/// The snapshot is complete: EC2 says so in an event.
/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html>.
pub(super) fn snapshot_completes(account: &mut Account, id: &str) {
    let now = account.now();
    let Some(snapshot) = account.services.ec2.snapshots.get_mut(id) else { return };
    snapshot.is_complete = true;
    let (source, started) = (snapshot.volume.clone(), snapshot.started);
    let identity = account.identity().clone();
    let snapshot_arn = format!("arn:{}:ec2::{}:snapshot/{id}", identity.partition, identity.region);
    let volume_arn = format!("arn:{}:ec2::{}:volume/{source}", identity.partition, identity.region);
    let detail = json!({
        "event": "createSnapshot",
        "result": "succeeded",
        "cause": "",
        "request-id": "",
        "snapshot_id": snapshot_arn,
        "source": volume_arn,
        "startTime": started.to_string(),
        "endTime": now.to_string(),
    });
    events::emit(account, "aws.ec2", "EBS Snapshot Notification", vec![snapshot_arn], detail);
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSnapshots {
    #[serde(default)]
    snapshot_ids: Vec<String>,
    #[serde(default)]
    owner_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_snapshots(account: &mut Account, input: DescribeSnapshots) -> Answer {
    let DescribeSnapshots { snapshot_ids, owner_ids, filters } = input;
    let snapshots = &account.services.ec2.snapshots;
    if let Some(id) = snapshot_ids.iter().find(|id| !snapshots.contains_key(*id)) {
        return Err(no_such("snapshot", "InvalidSnapshot", id));
    }
    let owner = &account.identity().account;
    let is_ours = owner_ids.is_empty() || owner_ids.iter().any(|id| id == "self" || id == owner);
    let mut found = Vec::new();
    for snapshot in snapshots.values().filter(|_| is_ours) {
        let wanted = passes(&filters, &snapshot.tags, |name| match name {
            "snapshot-id" => Some(vec![snapshot.id.clone()]),
            "volume-id" => Some(vec![snapshot.volume.clone()]),
            "status" => Some(vec![snapshot_state(snapshot).to_owned()]),
            "description" => Some(vec![snapshot.description.clone()]),
            _ => None,
        })?;
        if wanted && (snapshot_ids.is_empty() || snapshot_ids.contains(&snapshot.id)) {
            found.push(render_snapshot(account, snapshot));
        }
    }
    Ok(json!({"Snapshots": found}))
}

fn snapshot_state(snapshot: &Snapshot) -> &'static str {
    if snapshot.is_complete { "completed" } else { "pending" }
}

fn render_snapshot(account: &Account, snapshot: &Snapshot) -> Value {
    json!({
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume,
        "VolumeSize": snapshot.size,
        "Description": snapshot.description,
        "State": snapshot_state(snapshot),
        "Progress": if snapshot.is_complete { "100%" } else { "" },
        "StartTime": epoch_seconds(snapshot.started),
        "OwnerId": account.identity().account,
        "Encrypted": false,
        "Tags": render_tags(&snapshot.tags),
    })
}
