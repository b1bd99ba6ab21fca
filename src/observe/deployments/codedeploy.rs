//! CodeDeploy's deployments of one group.
//!
//! Main function: [`look`]. Invariant: a deployment that was on the way when the watch began is looked at
//! too, because the fault may be what ends it. Source:
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>.

use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, DeploymentStatus};
use futures_util::future::try_join;
use jiff::Timestamp;

use super::in_order;
use crate::aws::deployments::{Over, Reached, UnderWay, of_group, under_way};
use crate::aws::{Aws, CallError, timestamp};

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    group: (&str, &str),
    over: &Over,
    known: &UnderWay,
) -> Result<Vec<Reached>, CallError> {
    let mut reached = Vec::new();
    let before = under_way(aws, group, since, over, known);
    let (before, since) = try_join(before, of_group(aws, group, since, over)).await?;
    for (id, deployment) in before.into_iter().chain(since) {
        add(&id, &deployment, &mut reached);
    }
    Ok(in_order(reached))
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
