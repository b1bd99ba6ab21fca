//! Deployments and their rollbacks, resolved: which service, which deployment, and what must become of it.
//!
//! Main functions: [`deployed`] and [`rolled_back`]. Invariant: what names no service has no kind.

use super::{Becomes, Kind, Release};
use crate::scenario::types::{DeploymentExpectation, RollbackExpectation};

/// A deployment that reaches a state; nothing where it names no service.
pub(super) fn deployed(wanted: &DeploymentExpectation) -> Option<Kind> {
    let (release, succeeded) = if let Some(group) = &wanted.codedeploy {
        let (application, group) = (group.application.clone(), group.group.clone());
        (Release::CodeDeploy { application, group }, "Succeeded")
    } else if let Some(stack) = &wanted.cloudformation {
        (Release::CloudFormation { stack: stack.stack.clone() }, "UPDATE_COMPLETE")
    } else if let Some(one) = &wanted.appconfig {
        let (application, environment) = (one.application.clone(), one.environment.clone());
        (Release::AppConfig { application, environment }, "COMPLETE")
    } else {
        let one = wanted.ecs.as_ref()?;
        let (cluster, service) = (one.cluster.clone(), one.service.clone());
        (Release::Ecs { cluster, service }, "SUCCESSFUL")
    };
    let state = wanted.state.clone().unwrap_or_else(|| succeeded.to_owned());
    Some(Kind::Deployment { release, becomes: Becomes::State { state } })
}

/// A rollback; nothing where it names no service.
pub(super) fn rolled_back(wanted: &RollbackExpectation) -> Option<Kind> {
    if let Some(rollback) = &wanted.codedeploy {
        return Some(Kind::CodeDeployRollback {
            application: rollback.application.clone(),
            group: rollback.group.clone(),
        });
    }
    let mut triggered_by = None;
    let release = if let Some(stack) = &wanted.cloudformation {
        Release::CloudFormation { stack: stack.stack.clone() }
    } else if let Some(one) = &wanted.appconfig {
        triggered_by.clone_from(&one.triggered_by);
        let (application, environment) = (one.application.clone(), one.environment.clone());
        Release::AppConfig { application, environment }
    } else {
        let one = wanted.ecs.as_ref()?;
        let (cluster, service) = (one.cluster.clone(), one.service.clone());
        Release::Ecs { cluster, service }
    };
    Some(Kind::Deployment { release, becomes: Becomes::RolledBack { triggered_by } })
}
