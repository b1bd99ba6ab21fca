//! AppConfig's deployments to one environment, read from their event logs.
//!
//! Main function: [`look`]. The log says who brought a rollback about (a person, AppConfig, an alarm).
//! Source: <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_DeploymentEvent.html>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_appconfig::types::{DeploymentEvent, DeploymentEventType, TriggeredBy};
use jiff::Timestamp;

use crate::aws::deployments::Reached;
use crate::aws::{Aws, CallError, configurations, timestamp};

/// The ids of applications and environments, once they are known by their names.
pub(super) type Names = Arc<Mutex<BTreeMap<(String, String), configurations::Ids>>>;

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    application: &str,
    environment: &str,
    names: &Names,
) -> Result<Vec<Reached>, CallError> {
    let key = (application.to_owned(), environment.to_owned());
    let known = names.lock().expect("nobody panics while they look").get(&key).cloned();
    let ids = match known {
        Some(ids) => ids,
        None => configurations::ids(aws, application, environment).await?,
    };
    names.lock().expect("nobody panics while they note").insert(key, ids.clone());
    let mut pages = aws
        .appconfig
        .list_deployments()
        .application_id(&ids.application)
        .environment_id(&ids.environment)
        .into_paginator()
        .items()
        .send();
    let mut reached = Vec::new();
    while let Some(summary) = pages.next().await {
        let summary =
            summary.map_err(|error| CallError::of("appconfig:ListDeployments", &error))?;
        let over = summary.completed_at().and_then(timestamp);
        // The newest come first: what was over before the watch began has nothing to add.
        if over.is_some_and(|over| over < since) {
            break;
        }
        let number = summary.deployment_number();
        let answer = aws
            .appconfig
            .get_deployment()
            .application_id(&ids.application)
            .environment_id(&ids.environment)
            .deployment_number(number)
            .send()
            .await
            .map_err(|error| CallError::of("appconfig:GetDeployment", &error))?;
        let log = answer.event_log();
        let what = format!("deployment {number}");
        reached.extend(log.iter().filter_map(|event| entered(&what, event, log)));
    }
    Ok(reached)
}

/// The state that an event of the log is the beginning of.
fn entered(what: &str, event: &DeploymentEvent, log: &[DeploymentEvent]) -> Option<Reached> {
    let (state, is_final) = match event.event_type()? {
        DeploymentEventType::DeploymentStarted => ("DEPLOYING", false),
        DeploymentEventType::BakeTimeStarted => ("BAKING", false),
        DeploymentEventType::DeploymentCompleted => ("COMPLETE", true),
        DeploymentEventType::RollbackStarted => ("ROLLING_BACK", false),
        DeploymentEventType::RollbackCompleted => ("ROLLED_BACK", true),
        DeploymentEventType::RevertCompleted => ("REVERTED", true),
        // A share that grew is no state of its own.
        DeploymentEventType::PercentageUpdated | _ => return None,
    };
    let rolled_back = state == "ROLLED_BACK";
    // Why it was rolled back stands where the rollback starts.
    let why = log.iter().filter(|_| rolled_back);
    let why =
        why.into_iter().find(|one| one.event_type() == Some(&DeploymentEventType::RollbackStarted));
    let source = why.unwrap_or(event);
    Some(Reached {
        deployment: what.to_owned(),
        state: state.to_owned(),
        at: timestamp(event.occurred_at()?)?,
        rolled_back,
        is_final,
        triggered_by: source.triggered_by().map(TriggeredBy::as_str).unwrap_or_default().to_owned(),
        reason: source.description().unwrap_or_default().to_owned(),
    })
}
