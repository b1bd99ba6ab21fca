//! Amazon ECS: clusters, task definitions, services, and the rolling deployments of services.
//!
//! Main types: [`State`] and [`DeclaredTasks`]. `clusters`, `definitions` and `services` are what people
//! make; `deployments` shows and stops service deployments; `rollout` is what happens to one in time;
//! `scheduler` starts and stops tasks. Invariants: a service has at most one deployment that goes on; tasks
//! are counts, and every task runs unless the environment declares that those of its definition fail; a
//! rollback pays no heed to alarms. There is always room for a task, and a task that is stopped is gone at
//! once. Only rolling deployments are emulated, and no load balancer asks a task for its health.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod clusters;
mod configuration;
mod definitions;
mod deployments;
mod notices;
mod rollout;
mod scheduler;
mod services;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The state of the service, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By name.
    clusters: IndexMap<String, clusters::Cluster>,
    /// By family, oldest revision first.
    definitions: IndexMap<String, Vec<definitions::Definition>>,
    services: IndexMap<Which, services::Service>,
    /// By ARN.
    deployments: IndexMap<String, deployments::Deployment>,
    /// By ARN.
    revisions: IndexMap<String, deployments::Revision>,
    declared: Vec<DeclaredTasks>,
}

/// Which service: the names of its cluster and its own.
pub(crate) type Which = (String, String);

/// What the tasks of a task definition come to, as the environment declares it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredTasks {
    /// `family:revision`; a revision that is registered later counts too.
    task_definition: String,
    /// Why they don't start.
    fails: String,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A deployment that was created begins; the text is its ARN.
    Begins(String),
    /// A deployment looks at its alarms.
    Polls(String),
    /// A deployment's bake time is over.
    Baked(String),
    /// A deployment that is to be rolled back begins to be.
    RollsBack(String),
    /// Tasks of a service revision that were launched have started, or failed to.
    Launched(Which, String, u32),
    /// Tasks of a service revision have run for long enough to count as healthy.
    Healthy(Which, String, u32),
    /// The scheduler looks at the service.
    Looks(Which),
    /// The service has had what it wants for a while.
    Steady(Which),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateCluster": clusters::CreateCluster => clusters::create,
    "DescribeClusters": clusters::DescribeClusters => clusters::describe,
    "ListClusters": clusters::ListClusters => clusters::list,
    "DeleteCluster": clusters::DeleteCluster => clusters::delete,
    "RegisterTaskDefinition": definitions::Register => definitions::register,
    "DescribeTaskDefinition": definitions::Describe => definitions::describe,
    "ListTaskDefinitions": definitions::List => definitions::list,
    "DeregisterTaskDefinition": definitions::Deregister => definitions::deregister,
    "CreateService": services::CreateService => services::create,
    "UpdateService": services::UpdateService => services::update,
    "DescribeServices": services::DescribeServices => services::describe,
    "ListServices": services::ListServices => services::list,
    "DeleteService": services::DeleteService => services::delete,
    "ListServiceDeployments": deployments::ListDeployments => deployments::list,
    "DescribeServiceDeployments": deployments::DescribeDeployments => deployments::describe,
    "DescribeServiceRevisions": deployments::DescribeRevisions => deployments::describe_revisions,
    "StopServiceDeployment": deployments::StopDeployment => deployments::stop,
];

/// Sets up what every account has: nothing.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Begins(arn) => rollout::begins(account, &arn),
        Due::Polls(arn) => rollout::polls(account, &arn),
        Due::Baked(arn) => rollout::baked(account, &arn),
        Due::RollsBack(arn) => rollout::rolls_back(account, &arn),
        Due::Launched(which, revision, tasks) => {
            scheduler::launched(account, &which, &revision, tasks);
        }
        Due::Healthy(which, revision, tasks) => {
            scheduler::healthy(account, &which, &revision, tasks);
        }
        Due::Looks(which) => scheduler::looks(account, &which),
        Due::Steady(which) => scheduler::steady(account, &which),
    }
}

/// Declares what the tasks of a definition come to.
///
/// # Errors
/// It names no revision of a family that is there.
pub(crate) fn declare(account: &mut Account, tasks: DeclaredTasks) -> Result<(), String> {
    let named = &tasks.task_definition;
    let parts = named.rsplit('/').next().unwrap_or(named).split_once(':');
    let Some((family, revision)) = parts.filter(|(_, number)| number.parse::<u32>().is_ok()) else {
        return Err(format!("`{named}` names no revision of a task definition, as `web:2` does"));
    };
    let known = &account.services.ecs.definitions;
    if !known.contains_key(family) {
        let families: Vec<&str> = known.keys().map(String::as_str).collect();
        return Err(format!(
            "there is no task definition family `{family}`; there are: {}",
            families.join(", ")
        ));
    }
    let task_definition = format!("{family}:{revision}");
    account.services.ecs.declared.push(DeclaredTasks { task_definition, fails: tasks.fails });
    Ok(())
}
