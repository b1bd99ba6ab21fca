//! Rollbacks by `CodeDeploy` itself: a new deployment that `CodeDeploy` created, and that succeeded.
//!
//! Main function: [`poll`]. Groups are read together with whoever else watches them. The chain of ids is followed from the failed deployment to the one that rolls
//! back. Source: <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RollbackInfo.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, DeploymentStatus};
use futures_util::future::join_all;
use jiff::SignedDuration;

use super::{Seen, Watch};
use crate::aws::deployments::{Over, is_over, of_group};
use crate::aws::{CallError, timestamp};
use crate::plan::Kind;
use crate::wakeup::Topic;

/// `GetDeployment` shows a change at once.
const LAG: SignedDuration = SignedDuration::ZERO;

struct Subject<'a> {
    expectation: String,
    /// The application and its deployment group.
    group: (&'a str, &'a str),
}

/// Watches every deployment group of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::CodeDeployRollback { application, group } = &expectation.kind else {
            return None;
        };
        Some(Subject { expectation: expectation.id.clone(), group: (application, group) })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let (mut told, over) = (BTreeSet::new(), Over::default());
    watch
        .keep_looking("deployments", Topic::Deployments, LAG, &expectations, async || {
            look(watch, &subjects, &over, &mut told).await
        })
        .await;
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    over: &Over,
    told: &mut BTreeSet<(String, String)>,
) -> Result<(), CallError> {
    let groups: BTreeSet<(&str, &str)> = subjects.iter().map(|subject| subject.group).collect();
    let reads = groups.iter().map(|group| of_group(watch.aws, *group, watch.since, over));
    let reads = join_all(reads).await;
    let found: BTreeMap<(&str, &str), _> = groups.into_iter().zip(reads).collect();
    for subject in subjects {
        for (id, deployment) in found[&subject.group].as_ref().map_err(Clone::clone)? {
            let news =
                is_over(deployment) && told.insert((subject.expectation.clone(), id.clone()));
            if news && deployment.creator() == Some(&DeploymentCreator::CodeDeployRollback) {
                tell(watch, subject, id, deployment);
            }
        }
    }
    Ok(())
}

fn tell(watch: &Watch<'_>, subject: &Subject<'_>, id: &str, deployment: &DeploymentInfo) {
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
