//! AWS AppConfig: configuration that is deployed step by step, and rolled back on an alarm.
//!
//! Main type: [`State`]. `things` has applications, environments, profiles and strategies; `deployments`
//! starts, shows and stops deployments; `rollout` is what happens to one in time. Invariants: an environment
//! has at most one deployment that goes on; a deployment rolls back while it grows or bakes and never after.
//! Nothing here serves configuration: whom a share of the targets is stays a number. No events are sent:
//! on AWS they come from an extension that has to be associated, and extensions are not emulated.
//!
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/deploying-feature-flags.html>
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod deployments;
mod rollout;
#[cfg(test)]
mod tests;
mod things;

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The state of the service, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    applications: IndexMap<String, things::Application>,
    /// By the environment's id.
    environments: IndexMap<String, things::Environment>,
    /// By the profile's id.
    profiles: IndexMap<String, things::Profile>,
    strategies: IndexMap<String, things::Strategy>,
}

/// Which deployment: the environment's id and the deployment's number.
pub(crate) type Which = (String, u32);

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The next share of the targets gets the new version.
    Grows(Which),
    /// All targets have it, and the time to grow is over.
    Bakes(Which),
    /// Nothing went wrong while it baked.
    Completes(Which),
    /// A running deployment looks at its environment's monitors.
    Polls(Which),
    /// A deployment that is rolled back is back.
    IsBack(Which),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateApplication": things::CreateApplication => things::create_application,
    "GetApplication": things::ByApplication => things::get_application,
    "ListApplications": things::Listing => things::list_applications,
    "DeleteApplication": things::ByApplication => things::delete_application,
    "CreateEnvironment": things::CreateEnvironment => things::create_environment,
    "GetEnvironment": things::ByEnvironment => things::get_environment,
    "ListEnvironments": things::InApplication => things::list_environments,
    "DeleteEnvironment": things::ByEnvironment => things::delete_environment,
    "CreateConfigurationProfile": things::CreateProfile => things::create_profile,
    "DeleteConfigurationProfile": things::ByProfile => things::delete_profile,
    "CreateHostedConfigurationVersion": things::CreateVersion => things::create_version,
    "CreateDeploymentStrategy": things::CreateStrategy => things::create_strategy,
    "ListDeploymentStrategies": things::Listing => things::list_strategies,
    "DeleteDeploymentStrategy": things::ByStrategy => things::delete_strategy,
    "StartDeployment": deployments::StartDeployment => deployments::start,
    "GetDeployment": deployments::ByNumber => deployments::get,
    "ListDeployments": deployments::ListDeployments => deployments::list,
    "StopDeployment": deployments::ByNumber => deployments::stop,
];

/// Sets up what every account has: the predefined strategies.
pub(crate) fn open(account: &mut Account) {
    account.services.appconfig.strategies = things::predefined();
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Grows(which) => rollout::grows(account, &which),
        Due::Bakes(which) => rollout::bakes(account, &which),
        Due::Completes(which) => rollout::completes(account, &which),
        Due::Polls(which) => rollout::polls(account, &which),
        Due::IsBack(which) => rollout::is_back(account, &which),
    }
}
