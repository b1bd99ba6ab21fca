//! Volumes and snapshots: what a forensic runbook takes before an instance is terminated.
//!
//! Main types: [`Volume`], [`Snapshot`]. Invariant: a volume exists because an instance was launched; a
//! snapshot is of a volume that exists.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Due;
use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::network::no_such;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::Answer;
use crate::emulator::services::events;
use crate::emulator::timing;

/// The root volume of an instance.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    id: String,
    /// The instance that it is attached to, until that is terminated.
    instance: Option<String>,
    zone: String,
    created: Timestamp,
    pub(super) tags: Tags,
}

/// A snapshot of a volume.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    id: String,
    volume: String,
    description: String,
    started: Timestamp,
    is_complete: bool,
    pub(super) tags: Tags,
}

/// The device of a root volume on Amazon Linux.
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

/// The size of every root volume, in GiB: what Amazon Linux images come with.
const ROOT_SIZE: u8 = 8;

/// Creates the root volume of an instance that is being launched.
pub(super) fn attach_root(account: &mut Account, instance: &str, zone: &str, tags: Tags) -> String {
    let id = format!("vol-{}", account.ids.hex(17));
    let volume = Volume {
        id: id.clone(),
        instance: Some(instance.to_owned()),
        zone: zone.to_owned(),
        created: account.now(),
        tags,
    };
    account.services.ec2.volumes.insert(id.clone(), volume);
    id
}

/// The root volume goes with its instance (`DeleteOnTermination`).
pub(super) fn delete_root(account: &mut Account, volume: &str) {
    account.services.ec2.volumes.shift_remove(volume);
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
            "attachment.instance-id" => Some(volume.instance.iter().cloned().collect()),
            "attachment.device" => Some(vec![ROOT_DEVICE.to_owned()]),
            "availability-zone" => Some(vec![volume.zone.clone()]),
            "status" => Some(vec!["in-use".to_owned()]),
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
        "State": "in-use",
        "Size": ROOT_SIZE,
        "VolumeType": "gp3",
        "AvailabilityZone": volume.zone,
        "CreateTime": epoch_seconds(volume.created),
        "Attachments": volume.instance.iter().map(|instance| json!({
            "InstanceId": instance,
            "Device": ROOT_DEVICE,
            "State": "attached",
            "VolumeId": volume.id,
            "DeleteOnTermination": true,
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
    if !account.services.ec2.volumes.contains_key(&input.volume_id) {
        return Err(no_such("volume", "InvalidVolume", &input.volume_id));
    }
    let id = format!("snap-{}", account.ids.hex(17));
    let snapshot = Snapshot {
        id: id.clone(),
        volume: input.volume_id,
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
        "VolumeSize": ROOT_SIZE,
        "Description": snapshot.description,
        "State": snapshot_state(snapshot),
        "Progress": if snapshot.is_complete { "100%" } else { "" },
        "StartTime": epoch_seconds(snapshot.started),
        "OwnerId": account.identity().account,
        "Encrypted": false,
        "Tags": render_tags(&snapshot.tags),
    })
}
