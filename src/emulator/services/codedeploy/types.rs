//! The shapes of CodeDeploy: what is read, kept and answered.
//!
//! Main types: [`Application`], [`Group`], [`Deployment`], [`Revision`]. Invariant: the names of the
//! members are AWS's (camelCase), because the real SDK parses them.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::emulator::account::epoch_seconds;
use crate::emulator::facts::FactId;

/// What a revision is deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Platform {
    #[default]
    Server,
    Lambda,
    #[serde(rename = "ECS")]
    Ecs,
}

/// An application: a name and a platform.
#[derive(Debug, Clone)]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) platform: Platform,
    pub(super) created: Timestamp,
}

/// Where a revision is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Revision {
    pub(super) revision_type: RevisionType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_location: Option<S3Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git_hub_location: Option<GitHubLocation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_spec_content: Option<Content>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RevisionType {
    S3,
    GitHub,
    String,
    AppSpecContent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct S3Location {
    bucket: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e_tag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GitHubLocation {
    repository: String,
    commit_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Revision {
    /// What people call the revision: the S3 key, the commit id, or the content itself.
    pub(super) fn text(&self) -> Option<&str> {
        match self.revision_type {
            RevisionType::S3 => self.s3_location.as_ref().map(|one| one.key.as_str()),
            RevisionType::GitHub => {
                self.git_hub_location.as_ref().map(|one| one.commit_id.as_str())
            }
            RevisionType::String => self.string.as_ref().map(|one| one.content.as_str()),
            RevisionType::AppSpecContent => {
                self.app_spec_content.as_ref().map(|one| one.content.as_str())
            }
        }
    }
}

/// The alarms that stop a deployment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AlarmConfiguration {
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) ignore_poll_alarm_failure: bool,
    #[serde(default)]
    pub(super) alarms: Vec<Alarm>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Alarm {
    pub(super) name: String,
}

/// When a deployment is rolled back by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AutoRollback {
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) events: Vec<RollbackEvent>,
}

/// What starts an automatic rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RollbackEvent {
    DeploymentFailure,
    DeploymentStopOnAlarm,
    DeploymentStopOnRequest,
}

/// A topic that is told about deployments.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Trigger {
    pub(super) trigger_name: String,
    pub(super) trigger_target_arn: String,
    pub(super) trigger_events: Vec<String>,
}

/// One tag that an instance must have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TagFilter {
    #[serde(rename = "Key", default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(rename = "Value", default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
}

/// A deployment group: what is deployed to, how, and what watches over it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) application: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) config: String,
    pub(super) service_role: String,
    pub(super) ec2_tag_filters: Vec<TagFilter>,
    /// Lists of filters, of which an instance must match one each.
    pub(super) tag_set: Vec<Vec<TagFilter>>,
    pub(super) auto_scaling_groups: Vec<String>,
    pub(super) alarms: AlarmConfiguration,
    pub(super) auto_rollback: AutoRollback,
    pub(super) triggers: Vec<Trigger>,
    /// The style and what goes with it; answered as it was given.
    pub(super) style: IndexMap<&'static str, Value>,
    /// What the group runs: a revision's text and the fact that says so.
    pub(super) serving: Vec<(String, FactId)>,
}

/// The state of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Created,
    Queued,
    InProgress,
    Baking,
    Succeeded,
    Failed,
    Stopped,
    Ready,
}

impl Status {
    /// Whether the deployment is under way.
    pub(super) fn is_active(self) -> bool {
        match self {
            Self::Created | Self::Queued | Self::InProgress | Self::Baking | Self::Ready => true,
            Self::Succeeded | Self::Failed | Self::Stopped => false,
        }
    }

    /// The state in events and triggers.
    /// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>.
    pub(super) fn event(self) -> Option<&'static str> {
        match self {
            Self::InProgress => Some("START"),
            Self::Succeeded => Some("SUCCESS"),
            Self::Failed => Some("FAILURE"),
            Self::Stopped => Some("STOP"),
            Self::Ready => Some("READY"),
            Self::Created | Self::Queued | Self::Baking => None,
        }
    }
}

/// Who created a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Creator {
    User,
    CodeDeployRollback,
}

/// How two deployments are tied, seen from one of them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RollbackInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollback_deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollback_triggering_deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollback_message: Option<String>,
}

/// Why a deployment did not succeed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ErrorInformation {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// One deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) application: String,
    pub(super) group: String,
    pub(super) config: String,
    pub(super) platform: Platform,
    pub(super) revision: Revision,
    pub(super) previous: Option<Revision>,
    pub(super) status: Status,
    pub(super) creator: Creator,
    pub(super) description: Option<String>,
    pub(super) auto_rollback: AutoRollback,
    pub(super) alarms: AlarmConfiguration,
    pub(super) overrides_alarms: bool,
    pub(super) error: Option<ErrorInformation>,
    pub(super) rollback: Option<RollbackInfo>,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
    /// The instances that it goes to, on the platform `Server`.
    pub(super) targets: Vec<String>,
    /// How many of them must stay healthy.
    pub(super) least_healthy: usize,
    pub(super) lasts: SignedDuration,
    pub(super) fact: Option<FactId>,
}

impl Deployment {
    /// How many targets there are: instances, or the one function or service.
    fn size(&self) -> usize {
        if self.platform == Platform::Server { self.targets.len() } else { 1 }
    }

    /// How many targets are in which state, estimated from the time that has passed.
    fn overview(&self, now: Timestamp) -> Value {
        let size = self.size();
        let (pending, running, done, failed, skipped) = match self.status {
            Status::Created | Status::Queued | Status::Ready => (size, 0, 0, 0, 0),
            Status::InProgress | Status::Baking => {
                let done = self.done(now).min(size.saturating_sub(1));
                (size - done - usize::from(size > done), usize::from(size > done), done, 0, 0)
            }
            Status::Succeeded => (0, 0, size, 0, 0),
            Status::Failed => (0, 0, 0, size, 0),
            Status::Stopped => {
                let done = self.done(self.completed.unwrap_or(now)).min(size);
                (0, 0, done, 0, size - done)
            }
        };
        json!({"Pending": pending, "InProgress": running, "Succeeded": done, "Failed": failed,
            "Skipped": skipped, "Ready": 0})
    }

    fn done(&self, at: Timestamp) -> usize {
        let Some(started) = self.started else { return 0 };
        let (passed, lasts) = (at.duration_since(started).as_secs(), self.lasts.as_secs().max(1));
        let share = passed.clamp(0, lasts);
        let size = i64::try_from(self.size()).unwrap_or(i64::MAX);
        usize::try_from(size.saturating_mul(share) / lasts).unwrap_or(0)
    }

    /// The deployment as `GetDeployment` answers it.
    pub(super) fn render(&self, now: Timestamp) -> Value {
        let mut info = json!({
            "applicationName": self.application,
            "deploymentGroupName": self.group,
            "deploymentConfigName": self.config,
            "deploymentId": self.id,
            "revision": self.revision,
            "status": self.status,
            "createTime": epoch_seconds(self.created),
            "creator": self.creator,
            "computePlatform": self.platform,
            "ignoreApplicationStopFailures": false,
            "updateOutdatedInstancesOnly": false,
            "instanceTerminationWaitTimeStarted": false,
            "autoRollbackConfiguration": self.auto_rollback,
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                info[name] = value;
            }
        };
        add("previousRevision", self.previous.as_ref().map(|one| json!(one)));
        add("description", self.description.as_ref().map(|one| json!(one)));
        add("errorInformation", self.error.as_ref().map(|one| json!(one)));
        add("rollbackInfo", self.rollback.as_ref().map(|one| json!(one)));
        add("startTime", self.started.map(epoch_seconds));
        add("completeTime", self.completed.map(epoch_seconds));
        add("deploymentOverview", self.started.map(|_| self.overview(now)));
        add("overrideAlarmConfiguration", self.overrides_alarms.then(|| json!(self.alarms)));
        info
    }
}
