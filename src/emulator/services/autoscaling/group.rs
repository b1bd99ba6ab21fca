//! A group, its members and what it did.
//!
//! Main type: [`Group`]. Invariant: capacity counts the members that are or will be in service; one that
//! stands by, leaves or is gone does not count.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::launch::Source;
use super::policies::Policy;
use crate::emulator::account::epoch_seconds;

/// An Auto Scaling group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) least: u32,
    pub(super) most: u32,
    pub(super) desired: u32,
    pub(super) source: Source,
    pub(super) zones: Vec<String>,
    pub(super) subnets: Vec<String>,
    pub(super) health_check_type: String,
    pub(super) grace_seconds: i64,
    pub(super) cooldown_seconds: i64,
    pub(super) target_groups: Vec<String>,
    pub(super) load_balancers: Vec<String>,
    pub(super) tags: Vec<GroupTag>,
    pub(super) created: Timestamp,
    pub(super) members: IndexMap<String, Member>,
    pub(super) activities: Vec<Activity>,
    pub(super) policies: IndexMap<String, Policy>,
    /// Topics and the notification types that each wants.
    pub(super) notifications: IndexMap<String, Vec<String>>,
    /// When the last simple scaling began, for its cool-down.
    pub(super) scaled: Option<Timestamp>,
    pub(super) is_reconciling: bool,
    pub(super) is_checking: bool,
}

/// A tag of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GroupTag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
    #[serde(default)]
    pub(super) propagate_at_launch: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
}

/// Where a member stands.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Lifecycle {
    Pending,
    InService,
    Standby,
    Terminating,
}

/// One instance of a group.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) zone: String,
    pub(super) lifecycle: Lifecycle,
    pub(super) is_healthy: bool,
    /// The activity that is under way for it.
    pub(super) activity: Option<String>,
}

/// One change of a group.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) cause: String,
    pub(super) started: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) status: ActivityStatus,
    pub(super) message: String,
    pub(super) zone: String,
}

/// How far an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum ActivityStatus {
    InProgress,
    Successful,
    Failed,
}

impl Group {
    /// The members that count as capacity.
    pub(super) fn capacity(&self) -> u32 {
        let counts = |member: &&Member| {
            matches!(member.lifecycle, Lifecycle::Pending | Lifecycle::InService)
        };
        u32::try_from(self.members.values().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// How many members are in a state.
    pub(super) fn count(&self, lifecycle: Lifecycle) -> u32 {
        let members = self.members.values();
        let count = members.filter(|member| member.lifecycle == lifecycle).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The group as `DescribeAutoScalingGroups` answers it.
    pub(super) fn render(&self) -> Value {
        let members: Vec<Value> =
            self.members.iter().map(|(id, member)| self.render_member(id, member)).collect();
        let tags: Vec<Value> = self.tags.iter().map(|tag| self.render_tag(tag)).collect();
        let mut rendered = json!({
            "AutoScalingGroupName": self.name,
            "AutoScalingGroupARN": self.arn,
            "MinSize": self.least,
            "MaxSize": self.most,
            "DesiredCapacity": self.desired,
            "DefaultCooldown": self.cooldown_seconds,
            "AvailabilityZones": self.zones,
            "VPCZoneIdentifier": self.subnets.join(","),
            "HealthCheckType": self.health_check_type,
            "HealthCheckGracePeriod": self.grace_seconds,
            "LoadBalancerNames": self.load_balancers,
            "TargetGroupARNs": self.target_groups,
            "CreatedTime": epoch_seconds(self.created),
            "Instances": members,
            "SuspendedProcesses": [],
            "EnabledMetrics": [],
            "TerminationPolicies": ["Default"],
            "NewInstancesProtectedFromScaleIn": false,
            "Tags": tags,
        });
        self.source.render_into(&mut rendered);
        rendered
    }

    fn render_tag(&self, tag: &GroupTag) -> Value {
        json!({
            "Key": tag.key,
            "Value": tag.value,
            "PropagateAtLaunch": tag.propagate_at_launch,
            "ResourceId": self.name,
            "ResourceType": "auto-scaling-group",
        })
    }

    /// A member as the group shows it.
    pub(super) fn render_member(&self, id: &str, member: &Member) -> Value {
        let mut rendered = json!({
            "InstanceId": id,
            "AvailabilityZone": member.zone,
            "LifecycleState": member.lifecycle,
            "HealthStatus": if member.is_healthy { "Healthy" } else { "Unhealthy" },
            "ProtectedFromScaleIn": false,
        });
        self.source.render_into(&mut rendered);
        rendered
    }
}

impl Activity {
    /// The activity as `DescribeScalingActivities` answers it.
    pub(super) fn render(&self, group: &Group) -> Value {
        let progress = if self.ended.is_some() { 100 } else { 50 };
        let mut rendered = json!({
            "ActivityId": self.id,
            "AutoScalingGroupName": group.name,
            "AutoScalingGroupARN": group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": epoch_seconds(self.started),
            "StatusCode": self.status,
            "Progress": progress,
            "Details": json!({"Availability Zone": self.zone}).to_string(),
        });
        if let Some(ended) = self.ended {
            rendered["EndTime"] = epoch_seconds(ended);
        }
        if !self.message.is_empty() {
            rendered["StatusMessage"] = json!(self.message);
        }
        rendered
    }
}
