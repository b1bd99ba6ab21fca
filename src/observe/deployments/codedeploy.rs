//! CodeDeploy's deployments of one group.
//!
//! Main function: [`look`]. Source:
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>.

use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, DeploymentStatus, TimeRange};
use jiff::Timestamp;

use crate::aws::asked_for::deployment;
use crate::aws::deployments::Reached;
use crate::aws::{Aws, CallError, date_time, timestamp};

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    application: &str,
    group: &str,
) -> Result<Vec<Reached>, CallError> {
    let range = TimeRange::builder().start(date_time(since)).build();
    let mut pages = aws
        .codedeploy
        .list_deployments()
        .application_name(application)
        .deployment_group_name(group)
        .create_time_range(range)
        .into_paginator()
        .items()
        .send();
    let mut reached = Vec::new();
    while let Some(id) = pages.next().await {
        let id = id.map_err(|error| CallError::of("codedeploy:ListDeployments", &error))?;
        let deployment = deployment(aws, &id).await?;
        add(&id, &deployment, &mut reached);
    }
    Ok(reached)
}

fn add(id: &str, deployment: &DeploymentInfo, reached: &mut Vec<Reached>) {
    let creator = deployment.creator().map(DeploymentCreator::as_str).unwrap_or_default();
    let error = deployment.error_information();
    let reason = error.and_then(|error| error.message()).unwrap_or_default();
    let mut entered = |state: &str, at: Option<&aws_smithy_types::DateTime>, is_final: bool| {
        let Some(at) = at.and_then(timestamp) else { return };
        reached.push(Reached {
            deployment: id.to_owned(),
            state: state.to_owned(),
            at,
            rolled_back: false,
            is_final,
            triggered_by: creator.to_owned(),
            reason: if is_final { reason.to_owned() } else { String::new() },
        });
    };
    entered("Created", deployment.create_time(), false);
    entered("InProgress", deployment.start_time(), false);
    if let Some(
        status @ (DeploymentStatus::Succeeded
        | DeploymentStatus::Failed
        | DeploymentStatus::Stopped),
    ) = deployment.status()
    {
        entered(status.as_str(), deployment.complete_time(), true);
    }
}
