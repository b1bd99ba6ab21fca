//! What was deployed, read once for everybody who watches the same release.
//!
//! Main functions: [`of_group`] for CodeDeploy, whose deployments two kinds of expectations look at, and
//! [`of_release`] for the states that releases of other services reached. How each service is read is the
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
    (application, group): (&str, &str),
    since: Timestamp,
    over: &Over,
) -> Result<Vec<(String, Arc<DeploymentInfo>)>, CallError> {
    let ids = listed(aws, application, group, since).await?;
    let read = join_all(ids.iter().map(|id| one(aws, id, over))).await;
    let mut found = Vec::new();
    for (id, deployment) in ids.into_iter().zip(read) {
        let deployment = deployment?;
        // Whoever asked along with us may have asked from an earlier moment on.
        let created = deployment.create_time().and_then(timestamp);
        if created.is_none_or(|created| created >= since) {
            found.push((id, deployment));
        }
    }
    Ok(found)
}

async fn listed(
    aws: &Aws,
    application: &str,
    group: &str,
    since: Timestamp,
) -> Result<Vec<String>, CallError> {
    let key = format!("{application} {group}");
    let client = aws.codedeploy.clone();
    let (application, group) = (application.to_owned(), group.to_owned());
    let read = move |since| {
        let listing = client.list_deployments().application_name(&application);
        let range = TimeRange::builder().start(date_time(since)).build();
        let listing = listing.deployment_group_name(&group).create_time_range(range);
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
