//! What was deployed, read once for everybody who watches the same release.
//!
//! Main functions: [`of_group`] for CodeDeploy, whose deployments two kinds of expectations look at,
//! [`under_way`] for those of them that were begun before, and [`of_release`] for the states that releases of other services reached. How each service is read is the
//! observers' own matter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_codedeploy::types::{DeploymentInfo, DeploymentStatus, TimeRange};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::asked_for::deployment;
use super::shared::Since;
use super::{Aws, CallError, date_time, timestamp};

/// The reader that everybody shares who wants to know what a group of CodeDeploy deployed.
pub(super) type GroupReader = Since<Vec<String>>;

/// The reader that everybody shares who reads deployments of CodeDeploy.
pub(super) type OneReader = Since<Arc<DeploymentInfo>>;

/// The reader that everybody shares who watches releases, which are known by their words.
pub(super) type Reader = Since<Vec<Reached>>;

/// A state that a deployment reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The deployment's id in the service's own words.
    pub(crate) deployment: String,
    /// The service's own word.
    pub(crate) state: String,
    pub(crate) at: Timestamp,
    /// The deployment was taken back by the service, whole.
    pub(crate) rolled_back: bool,
    /// It won't leave this state.
    pub(crate) is_final: bool,
    /// Who or what brought it about, in the service's own word.
    pub(crate) triggered_by: String,
    /// The service's own words about it.
    pub(crate) reason: String,
}

/// The states that a release reached since then, as `read` finds them; one reading serves all who ask.
pub(crate) async fn of_release<Work>(
    aws: &Aws,
    release: String,
    since: Timestamp,
    read: impl Fn(Timestamp) -> Work + Send + Sync + 'static,
) -> Result<Vec<Reached>, CallError>
where
    Work: Future<Output = Result<Vec<Reached>, CallError>> + Send + 'static,
{
    aws.readers.deployments.read(release, since, aws.readers.moment, read).await
}

/// Deployments of CodeDeploy that are over, as they were read last: they need not be read again.
#[derive(Debug, Default)]
pub(crate) struct Over(Mutex<BTreeMap<String, Arc<DeploymentInfo>>>);

/// The deployments of CodeDeploy, by group, that were on the way when they were first asked for.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<BTreeMap<String, Vec<String>>>);

impl UnderWay {
    fn get(&self, group: &str) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned()
    }

    fn note(&self, group: String, ids: &[String]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(group, ids.to_vec());
    }
}

impl Over {
    fn get(&self, id: &str) -> Option<Arc<DeploymentInfo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn note(&self, id: &str, deployment: &Arc<DeploymentInfo>) {
        if is_over(deployment) && deployment.complete_time().is_some() {
            let mut over = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            over.insert(id.to_owned(), Arc::clone(deployment));
        }
    }
}

/// Whether a deployment won't leave its status.
pub(crate) fn is_over(deployment: &DeploymentInfo) -> bool {
    matches!(
        deployment.status(),
        Some(DeploymentStatus::Succeeded | DeploymentStatus::Failed | DeploymentStatus::Stopped)
    )
}

/// The deployments of a group of CodeDeploy that were created since then, by their ids, in the order that
/// CodeDeploy lists them in. What is over is read once.
pub(crate) async fn of_group(
    aws: &Aws,
    group: (&str, &str),
    since: Timestamp,
    over: &Over,
) -> Result<Vec<(String, Arc<DeploymentInfo>)>, CallError> {
    let ids = listed(aws, group, Listing::CreatedSince, since).await?;
    let mut found = read(aws, ids, over).await?;
    // Whoever asked along with us may have asked from an earlier moment on.
    found.retain(|(_, deployment)| created(deployment).is_none_or(|created| created >= since));
    Ok(found)
}

/// The deployments of a group of CodeDeploy that were created before then and were still on the way when
/// this was asked for the first time. They are listed once, and read until they are over.
pub(crate) async fn under_way(
    aws: &Aws,
    group: (&str, &str),
    since: Timestamp,
    over: &Over,
    known: &UnderWay,
) -> Result<Vec<(String, Arc<DeploymentInfo>)>, CallError> {
    let name = format!("{} {}", group.0, group.1);
    let ids = if let Some(ids) = known.get(&name) {
        ids
    } else {
        let ids = listed(aws, group, Listing::UnderWay, since).await?;
        known.note(name, &ids);
        ids
    };
    let mut found = read(aws, ids, over).await?;
    found.retain(|(_, deployment)| created(deployment).is_some_and(|created| created < since));
    Ok(found)
}

fn created(deployment: &DeploymentInfo) -> Option<Timestamp> {
    deployment.create_time().and_then(timestamp)
}

async fn read(
    aws: &Aws,
    ids: Vec<String>,
    over: &Over,
) -> Result<Vec<(String, Arc<DeploymentInfo>)>, CallError> {
    let read = join_all(ids.iter().map(|id| one(aws, id, over))).await;
    ids.into_iter().zip(read).map(|(id, deployment)| Ok((id, deployment?))).collect()
}

/// Which deployments of a group are listed.
#[derive(Debug, Clone, Copy)]
enum Listing {
    /// Those that were created from a moment on.
    CreatedSince,
    /// Those that are not over, whenever they were created.
    UnderWay,
}

/// The statuses that a deployment leaves again:
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html>.
const UNDER_WAY: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

async fn listed(
    aws: &Aws,
    (application, group): (&str, &str),
    which: Listing,
    since: Timestamp,
) -> Result<Vec<String>, CallError> {
    let key = format!("{which:?} {application} {group}");
    let client = aws.codedeploy.clone();
    let (application, group) = (application.to_owned(), group.to_owned());
    let read = move |since| {
        let listing = client.list_deployments().application_name(&application);
        let listing = listing.deployment_group_name(&group);
        let listing = match which {
            Listing::CreatedSince => {
                let range = TimeRange::builder().start(date_time(since)).build();
                listing.create_time_range(range)
            }
            Listing::UnderWay => listing.set_include_only_statuses(Some(UNDER_WAY.to_vec())),
        };
        async move {
            let mut pages = listing.into_paginator().items().send();
            let mut ids = Vec::new();
            while let Some(id) = pages.next().await {
                ids.push(id.map_err(|error| CallError::of("codedeploy:ListDeployments", &error))?);
            }
            Ok(ids)
        }
    };
    aws.readers.groups.read(key, since, aws.readers.moment, read).await
}

async fn one(aws: &Aws, id: &str, over: &Over) -> Result<Arc<DeploymentInfo>, CallError> {
    if let Some(known) = over.get(id) {
        return Ok(known);
    }
    let (ours, wanted) = (aws.clone(), id.to_owned());
    let read = move |_since| {
        let (ours, wanted) = (ours.clone(), wanted.clone());
        async move { deployment(&ours, &wanted).await.map(Arc::new) }
    };
    let (reader, moment) = (&aws.readers.group_deployments, aws.readers.moment);
    let found = reader.read(id.to_owned(), Timestamp::UNIX_EPOCH, moment, read).await?;
    over.note(id, &found);
    Ok(found)
}
