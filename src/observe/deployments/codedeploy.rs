//! CodeDeploy's deployments of one group.
//!
//! Main function: [`look`]. Source:
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>.

use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, DeploymentStatus};
use jiff::Timestamp;

use super::in_order;
use crate::aws::deployments::{Over, Reached, of_group};
use crate::aws::{Aws, CallError, timestamp};

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    group: (&str, &str),
    over: &Over,
) -> Result<Vec<Reached>, CallError> {
    let mut reached = Vec::new();
    for (id, deployment) in of_group(aws, group, since, over).await? {
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
