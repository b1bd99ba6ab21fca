//! AWS CodeDeploy: applications, deployment groups, deployments and their automatic rollbacks.
//!
//! Main type: [`State`]. Invariants: a rollback is a deployment of its own, tied to the one that it rolls
//! back on both ends; a group has at most one deployment under way; what a group serves is a fact, and
//! while a revision is being rolled out two facts may stand side by side.
#![expect(
    clippy::struct_field_names,
    clippy::enum_variant_names,
    reason = "the members of an AWS shape keep AWS's names"
)]
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod configs;
mod deployments;
mod groups;
mod notices;
mod rollout;
mod types;

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The state of the service, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    applications: IndexMap<String, types::Application>,
    /// By application and group name.
    groups: IndexMap<(String, String), types::Group>,
    deployments: IndexMap<String, types::Deployment>,
    /// Configurations that somebody created; AWS's own are a table.
    configs: IndexMap<String, configs::Config>,
}

/// What the service has on the agenda; the text is a deployment's id.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A created deployment is queued.
    Queues(String),
    /// A queued deployment is in progress.
    Starts(String),
    /// The new revision serves its first share.
    Serves(String),
    /// All of it is rolled out.
    Ends(String),
    /// A deployment looks at its alarms.
    Polls(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateApplication": groups::CreateApplication => groups::create_application,
    "GetApplication": groups::ByApplication => groups::get_application,
    "ListApplications": groups::Nothing => groups::list_applications,
    "DeleteApplication": groups::ByApplication => groups::delete_application,
    "CreateDeploymentGroup": groups::CreateDeploymentGroup => groups::create_deployment_group,
    "GetDeploymentGroup": groups::ByGroup => groups::get_deployment_group,
    "UpdateDeploymentGroup": groups::UpdateDeploymentGroup => groups::update_deployment_group,
    "ListDeploymentGroups": groups::ByApplication => groups::list_deployment_groups,
    "DeleteDeploymentGroup": groups::ByGroup => groups::delete_deployment_group,
    "CreateDeployment": deployments::CreateDeployment => deployments::create_deployment,
    "GetDeployment": deployments::ById => deployments::get_deployment,
    "BatchGetDeployments": deployments::BatchGetDeployments => deployments::batch_get_deployments,
    "ListDeployments": deployments::ListDeployments => deployments::list_deployments,
    "StopDeployment": deployments::StopDeployment => deployments::stop_deployment,
    "CreateDeploymentConfig": configs::CreateDeploymentConfig => configs::create_deployment_config,
    "GetDeploymentConfig": configs::ByConfig => configs::get_deployment_config,
    "DeleteDeploymentConfig": configs::ByConfig => configs::delete_deployment_config,
    "ListDeploymentConfigs": groups::Nothing => configs::list_deployment_configs,
];

/// The application and the group that a deployment goes to.
pub(crate) fn group_of<'a>(account: &'a Account, deployment: &str) -> Option<(&'a str, &'a str)> {
    let found = account.services.codedeploy.deployments.get(deployment)?;
    Some((&found.application, &found.group))
}

/// Sets up what every account has: nothing, AWS's configurations are a table.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Queues(id) => rollout::queues(account, &id),
        Due::Starts(id) => rollout::starts(account, &id),
        Due::Serves(id) => rollout::serves(account, &id),
        Due::Ends(id) => rollout::ends(account, &id),
        Due::Polls(id) => rollout::polls(account, &id),
    }
}

#[cfg(test)]
mod tests;
