//! Service deployments and service revisions as the API shows them.
//!
//! Main types: [`Deployment`] and [`Revision`]. Invariant: whatever changes a deployment's status is in
//! `rollout`; here it is only asked for and answered.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::clusters::{self, invalid, missing};
use super::configuration::Configuration;
use super::services::{self, Service};
use super::{Which, definitions, rollout};
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// One deployment of a service.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) arn: String,
    pub(super) which: Which,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
    pub(super) stopped: Option<Timestamp>,
    pub(super) updated: Timestamp,
    /// The service revisions that had tasks when it was created.
    pub(super) sources: Vec<String>,
    pub(super) target: String,
    pub(super) configuration: Configuration,
    pub(super) breaker: Monitor,
    /// Tasks that failed.
    pub(super) failures: u32,
    /// How many failed tasks trip the circuit breaker.
    pub(super) threshold: u32,
    pub(super) alarms: Monitor,
    pub(super) triggered: Vec<String>,
    /// Its alarms are looked at.
    pub(super) polls: bool,
    /// All its tasks run, and its alarms are still looked at.
    pub(super) bakes: bool,
    pub(super) rollback: Option<Rollback>,
}

/// How a deployment was taken back.
#[derive(Debug, Clone)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) started: Option<Timestamp>,
    /// Where it goes back to.
    pub(super) revision: Option<String>,
}

/// The status of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    Pending,
    InProgress,
    StopRequested,
    Stopped,
    Successful,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    /// Whether the deployment goes on.
    pub(super) fn goes_on(self) -> bool {
        match self {
            Self::Pending
            | Self::InProgress
            | Self::StopRequested
            | Self::RollbackRequested
            | Self::RollbackInProgress => true,
            Self::Stopped | Self::Successful | Self::RollbackSuccessful | Self::RollbackFailed => {
                false
            }
        }
    }
}

/// What watches over a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Monitor {
    Disabled,
    Monitoring,
    MonitoringComplete,
    Triggered,
}

/// What is deployed: a task definition, and how its tasks run.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    arn: String,
    pub(super) which: Which,
    /// The ARN of the task definition.
    pub(super) definition: String,
    created: Timestamp,
    given: Vec<(&'static str, Value)>,
}

/// The members of a service that its revisions show too.
const SHARED: &[&str] = &[
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
];

impl Revision {
    /// What a service is now told to be.
    pub(super) fn of(service: &Service, arn: String, now: Timestamp) -> Self {
        let given =
            SHARED.iter().filter_map(|name| Some((*name, service.given.get(name)?.clone())));
        Self {
            arn,
            which: service.which.clone(),
            definition: service.definition.clone(),
            created: now,
            given: given.collect(),
        }
    }
}

/// How many tasks a service revision has, as a deployment tells it.
fn summary(account: &Account, which: &Which, revision: &str) -> Value {
    let service = &account.services.ecs.services[which];
    let run = service.run(revision);
    let is_goal = service.goal.as_deref() == Some(revision);
    json!({
        "arn": revision,
        "requestedTaskCount": if is_goal { service.desired } else { 0 },
        "runningTaskCount": run.map_or(0, |run| run.running + run.healthy),
        "pendingTaskCount": run.map_or(0, |run| run.pending),
    })
}

impl Deployment {
    fn service_arn(&self, account: &Account) -> String {
        account.identity().arn("ecs", &format!("service/{}/{}", self.which.0, self.which.1))
    }

    /// The times, the status and whose deployment it is.
    fn brief(&self, account: &Account) -> Value {
        json!({
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service_arn(account),
            "clusterArn": clusters::arn(account, &self.which.0),
            "createdAt": epoch_seconds(self.created),
            "startedAt": self.started.map(epoch_seconds),
            "finishedAt": self.finished.map(epoch_seconds),
            "status": self.status,
            "statusReason": self.reason,
        })
    }

    fn whole(&self, account: &Account) -> Value {
        let mut shown = self.brief(account);
        let sources = self.sources.iter().map(|source| summary(account, &self.which, source));
        shown["stoppedAt"] = json!(self.stopped.map(epoch_seconds));
        shown["updatedAt"] = epoch_seconds(self.updated);
        shown["sourceServiceRevisions"] = sources.collect();
        shown["targetServiceRevision"] = summary(account, &self.which, &self.target);
        shown["deploymentConfiguration"] = json!(self.configuration);
        shown["deploymentCircuitBreaker"] = json!({
            "status": self.breaker,
            "failureCount": self.failures,
            "threshold": self.threshold,
        });
        let names = self.configuration.alarms.as_ref().map(|alarms| &alarms.alarm_names);
        shown["alarms"] = json!({
            "status": self.alarms,
            "alarmNames": names,
            "triggeredAlarmNames": self.triggered,
        });
        if let Some(rollback) = &self.rollback {
            shown["rollback"] = json!({
                "reason": rollback.reason,
                "startedAt": rollback.started.map(epoch_seconds),
                "serviceRevisionArn": rollback.revision,
            });
        }
        shown
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListDeployments {
    service: String,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    status: Vec<Status>,
    #[serde(default)]
    created_at: Option<Range>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    max_results: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default, deserialize_with = "moment")]
    before: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    after: Option<Timestamp>,
}

/// A moment as a number on the wire, or as text where a runbook's step makes the call.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let read = match &value {
        Value::Number(seconds) => seconds.as_f64().and_then(from_epoch_seconds),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    read.map(Some).ok_or_else(|| serde::de::Error::custom(format!("{value} is no time")))
}

/// How many deployments a page has, and at most:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html>.
const PAGE: (usize, usize) = (20, 100);

/// The newest comes first.
pub(super) fn list(account: &mut Account, input: ListDeployments) -> Answer {
    let which = services::which(account, input.cluster.as_deref(), &input.service)?;
    if !account.services.ecs.services.contains_key(&which) {
        return Err(ServiceError::new("ServiceNotFoundException", "Service not found."));
    }
    let size = input.max_results.unwrap_or(PAGE.0);
    if size == 0 || size > PAGE.1 {
        return Err(invalid(format!("maxResults is from 1 to {}.", PAGE.1)));
    }
    let token = input.next_token.as_deref().unwrap_or("0");
    let skipped: usize = token.parse().map_err(|_| invalid("Invalid token."))?;
    let range = input.created_at.as_ref();
    let (after, before) = (range.and_then(|one| one.after), range.and_then(|one| one.before));
    let matches = |one: &&Deployment| {
        one.which == which
            && (input.status.is_empty() || input.status.contains(&one.status))
            && after.is_none_or(|after| one.created >= after)
            && before.is_none_or(|before| one.created <= before)
    };
    let all = account.services.ecs.deployments.values().rev();
    let mut shown: Vec<Value> = all
        .filter(matches)
        .skip(skipped)
        .take(size + 1)
        .map(|one| {
            let mut brief = one.brief(account);
            brief["targetServiceRevisionArn"] = json!(one.target);
            brief
        })
        .collect();
    let has_more = shown.len() > size;
    shown.truncate(size);
    let mut answer = json!({"serviceDeployments": shown});
    if has_more {
        answer["nextToken"] = json!((skipped + size).to_string());
    }
    Ok(answer)
}

/// How many deployments or revisions one call describes:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html>.
const MOST_DESCRIBED: usize = 20;

fn check_batch(arns: &[String]) -> Result<(), ServiceError> {
    if arns.is_empty() || arns.len() > MOST_DESCRIBED {
        return Err(invalid(format!("1 to {MOST_DESCRIBED} ARNs can be described at once.")));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeDeployments {
    service_deployment_arns: Vec<String>,
}

pub(super) fn describe(account: &mut Account, input: DescribeDeployments) -> Answer {
    check_batch(&input.service_deployment_arns)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in &input.service_deployment_arns {
        match account.services.ecs.deployments.get(arn) {
            Some(deployment) => found.push(deployment.whole(account)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeRevisions {
    service_revision_arns: Vec<String>,
}

pub(super) fn describe_revisions(account: &mut Account, input: DescribeRevisions) -> Answer {
    check_batch(&input.service_revision_arns)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in &input.service_revision_arns {
        let Some(revision) = account.services.ecs.revisions.get(arn) else {
            failures.push(missing(arn));
            continue;
        };
        let (cluster, service) = &revision.which;
        let images =
            definitions::find(account, &revision.definition).map(definitions::Definition::images);
        let mut shown = json!({
            "serviceRevisionArn": revision.arn,
            "serviceArn": account.identity().arn("ecs", &format!("service/{cluster}/{service}")),
            "clusterArn": clusters::arn(account, cluster),
            "taskDefinition": revision.definition,
            "containerImages": images.unwrap_or_default(),
            "createdAt": epoch_seconds(revision.created),
        });
        for (name, value) in &revision.given {
            shown[*name] = value.clone();
        }
        found.push(shown);
    }
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopDeployment {
    service_deployment_arn: String,
    #[serde(default)]
    stop_type: Option<String>,
}

/// `StopServiceDeployment`: a person takes the deployment back.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html>
pub(super) fn stop(account: &mut Account, input: StopDeployment) -> Answer {
    if let Some(other) = input.stop_type.as_deref().filter(|kind| *kind != "ROLLBACK") {
        return Err(ServiceError::unsupported(format_args!("the stopType {other}")));
    }
    let arn = input.service_deployment_arn;
    let Some(found) = account.services.ecs.deployments.get(&arn) else {
        return Err(ServiceError::new(
            "ServiceDeploymentNotFoundException",
            "Service deployment not found.",
        ));
    };
    match found.status {
        Status::Pending | Status::InProgress => rollout::stop_on_request(account, &arn),
        // These go on as they are, as documented.
        Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress => {}
        Status::Stopped
        | Status::Successful
        | Status::RollbackSuccessful
        | Status::RollbackFailed => {
            return Err(ServiceError::new(
                "ConflictException",
                "The service deployment has completed and can't be stopped.",
            ));
        }
    }
    Ok(json!({"serviceDeploymentArn": arn}))
}
