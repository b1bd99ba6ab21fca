//! Rollbacks by `CodeDeploy` itself: a new deployment that `CodeDeploy` created, and that succeeded.
//!
//! Main function: [`poll`]. The chain of ids is followed from the failed deployment to the one that rolls
//! back. Source: <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RollbackInfo.html>.

use std::collections::BTreeSet;

use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, DeploymentStatus, TimeRange};
use jiff::SignedDuration;

use super::{Seen, Watch};
use crate::aws::asked_for::deployment;
use crate::aws::{CallError, date_time, timestamp};
use crate::plan::Kind;
use crate::wakeup::Topic;

/// `GetDeployment` shows a change at once.
const LAG: SignedDuration = SignedDuration::ZERO;

struct Subject {
    expectation: String,
    application: String,
    group: String,
}

/// Watches every deployment group of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::CodeDeployRollback { application, group } = &expectation.kind else {
            return None;
        };
        Some(Subject {
            expectation: expectation.id.clone(),
            application: application.clone(),
            group: group.clone(),
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut told = BTreeSet::new();
    watch
        .keep_looking("deployments", Topic::Deployments, LAG, &expectations, async || {
            for subject in &subjects {
                look(watch, subject, &mut told).await?;
            }
            Ok(())
        })
        .await;
}

async fn look(
    watch: &Watch<'_>,
    subject: &Subject,
    told: &mut BTreeSet<(String, String)>,
) -> Result<(), CallError> {
    let range = TimeRange::builder().start(date_time(watch.since)).build();
    let mut pages = watch
        .aws
        .codedeploy
        .list_deployments()
        .application_name(&subject.application)
        .deployment_group_name(&subject.group)
        .create_time_range(range)
        .into_paginator()
        .items()
        .send();
    let mut ids = Vec::new();
    while let Some(id) = pages.next().await {
        ids.push(id.map_err(|error| CallError::of("codedeploy:ListDeployments", &error))?);
    }
    for id in ids {
        if told.contains(&(subject.expectation.clone(), id.clone())) {
            continue;
        }
        let deployment = deployment(watch.aws, &id).await?;
        if is_final(&deployment) {
            told.insert((subject.expectation.clone(), id.clone()));
            if deployment.creator() == Some(&DeploymentCreator::CodeDeployRollback) {
                tell(watch, subject, &id, &deployment);
            }
        }
    }
    Ok(())
}

fn is_final(deployment: &DeploymentInfo) -> bool {
    matches!(
        deployment.status(),
        Some(DeploymentStatus::Succeeded | DeploymentStatus::Failed | DeploymentStatus::Stopped)
    )
}

fn tell(watch: &Watch<'_>, subject: &Subject, id: &str, deployment: &DeploymentInfo) {
    let status = deployment.status().map(DeploymentStatus::as_str).unwrap_or_default();
    let occurred_at =
        deployment.complete_time().and_then(timestamp).unwrap_or_else(|| watch.clock().now());
    let info = deployment.rollback_info();
    let triggering = info.and_then(|info| info.rollback_triggering_deployment_id());
    let created = deployment.create_time().and_then(timestamp);
    let mut seen = Seen::new(
        &subject.expectation,
        occurred_at,
        format!("rollback deployment {id} is {status}, created by CodeDeploy"),
    )
    .with("deployment", id)
    .with("status", status)
    .with("creator", "codeDeployRollback")
    .with("rolled back from", triggering.unwrap_or_default())
    .with("created", created.map(|at| at.to_string()).unwrap_or_default());
    seen.holds = deployment.status() == Some(&DeploymentStatus::Succeeded);
    let payload = format!("{id} {}", triggering.unwrap_or_default());
    watch.saw(seen, &payload);
}
