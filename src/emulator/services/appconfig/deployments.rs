//! Deployments as the API shows them.
//!
//! Main type: [`Deployment`]. Invariant: whatever changes a deployment's state is in `rollout`; here it is
//! only asked for and answered. The event log is told newest first, as on AWS.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::rollout;
use super::things::{self, Strategy, bad_request, not_found};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::facts::FactId;

/// One deployment of one version to one environment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(super) number: u32,
    pub(super) application: String,
    pub(super) environment: String,
    pub(super) profile: String,
    pub(super) profile_name: String,
    pub(super) location: String,
    pub(super) version: String,
    pub(super) strategy: Strategy,
    pub(super) description: Option<String>,
    pub(super) state: DeploymentState,
    pub(super) percentage: f64,
    /// How many steps of growth were made.
    pub(super) steps: u32,
    pub(super) started: Timestamp,
    pub(super) completed: Option<Timestamp>,
    /// Oldest first.
    pub(super) log: Vec<LogEntry>,
    pub(super) fact: Option<FactId>,
}

/// The states that the emulated account uses:
/// <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_GetDeployment.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum DeploymentState {
    Deploying,
    Baking,
    Complete,
    RollingBack,
    RolledBack,
}

/// One line of a deployment's event log.
#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    pub(super) kind: &'static str,
    pub(super) triggered_by: &'static str,
    pub(super) description: String,
    pub(super) at: Timestamp,
}

impl Deployment {
    /// Whether it grows or bakes.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.state, DeploymentState::Deploying | DeploymentState::Baking)
    }

    /// The state of its environment while this is the latest deployment.
    pub(super) fn of_environment(&self) -> &'static str {
        match self.state {
            DeploymentState::Deploying | DeploymentState::Baking => "DEPLOYING",
            DeploymentState::Complete => "READY_FOR_DEPLOYMENT",
            DeploymentState::RollingBack => "ROLLING_BACK",
            DeploymentState::RolledBack => "ROLLED_BACK",
        }
    }

    fn summary(&self) -> Value {
        json!({
            "DeploymentNumber": self.number,
            "ConfigurationProfileId": self.profile,
            "ConfigurationName": self.profile_name,
            "ConfigurationVersion": self.version,
            "DeploymentDurationInMinutes": self.strategy.minutes,
            "GrowthType": self.strategy.growth,
            "GrowthFactor": self.strategy.factor,
            "FinalBakeTimeInMinutes": self.strategy.bake_minutes,
            "State": self.state,
            "PercentageComplete": self.percentage,
            "StartedAt": self.started.to_string(),
            "CompletedAt": self.completed.map(|at| at.to_string()),
        })
    }

    fn whole(&self) -> Value {
        let mut shown = self.summary();
        shown["ApplicationId"] = json!(self.application);
        shown["EnvironmentId"] = json!(self.environment);
        shown["DeploymentStrategyId"] = json!(self.strategy.id);
        shown["ConfigurationLocationUri"] = json!(self.location);
        shown["Description"] = json!(self.description);
        let told = self.log.iter().rev().map(|entry| {
            json!({
                "EventType": entry.kind,
                "TriggeredBy": entry.triggered_by,
                "Description": entry.description,
                "OccurredAt": entry.at.to_string(),
            })
        });
        shown["EventLog"] = told.collect();
        shown
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StartDeployment {
    application_id: String,
    environment_id: String,
    deployment_strategy_id: String,
    configuration_profile_id: String,
    configuration_version: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByNumber {
    application_id: String,
    environment_id: String,
    #[serde(deserialize_with = "number")]
    deployment_number: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDeployments {
    #[serde(rename = "ApplicationId")]
    application_id: String,
    #[serde(rename = "EnvironmentId")]
    environment_id: String,
    #[serde(default, rename = "max_results")]
    _max_results: Option<Value>,
}

/// A number that may stand in a path, where it is text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| serde::de::Error::custom(format!("{value} is no deployment number")))
}

/// `StartDeployment`: one at a time in an environment.
pub(super) fn start(account: &mut Account, input: StartDeployment) -> Answer {
    let profile =
        things::profile(account, &input.application_id, &input.configuration_profile_id)?.clone();
    let strategy = things::strategy(account, &input.deployment_strategy_id)?.clone();
    let found = things::environment(account, &input.application_id, &input.environment_id)?;
    if found
        .deployments
        .last()
        .is_some_and(|last| last.goes_on() || last.state == DeploymentState::RollingBack)
    {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new(
                "ConflictException",
                "Deployment cannot be started: another deployment is in progress in the environment.",
            )
        });
    }
    let version = version(&profile, &input.configuration_version)?;
    let number = u32::try_from(found.deployments.len()).unwrap_or(u32::MAX).saturating_add(1);
    let deployment = Deployment {
        number,
        application: found.application.clone(),
        environment: found.id.clone(),
        profile: profile.id.clone(),
        profile_name: profile.name.clone(),
        location: profile.location.clone(),
        version,
        strategy,
        description: input.description,
        state: DeploymentState::Deploying,
        percentage: 0.0,
        steps: 0,
        started: account.now(),
        completed: None,
        log: Vec::new(),
        fact: None,
    };
    let which = (deployment.environment.clone(), number);
    let environments = &mut account.services.appconfig.environments;
    environments.get_mut(&which.0).expect("it was just found").deployments.push(deployment);
    rollout::begin(account, &which);
    Ok(rollout::deployment(account, &which).map_or(Value::Null, Deployment::whole))
}

/// A version of the hosted store has to be there; other stores are not looked into.
fn version(profile: &things::Profile, wanted: &str) -> Result<String, ServiceError> {
    if profile.location != "hosted" {
        return Ok(wanted.to_owned());
    }
    let by_number = wanted.parse::<u32>().ok().filter(|n| (1..=profile.versions).contains(n));
    let known = by_number.is_some() || profile.labels.contains_key(wanted);
    if known { Ok(wanted.to_owned()) } else { Err(not_found("HostedConfigurationVersion", wanted)) }
}

pub(super) fn get(account: &mut Account, input: ByNumber) -> Answer {
    Ok(find(account, &input)?.whole())
}

pub(super) fn list(account: &mut Account, input: ListDeployments) -> Answer {
    let found = things::environment(account, &input.application_id, &input.environment_id)?;
    let items: Vec<Value> = found.deployments.iter().rev().map(Deployment::summary).collect();
    Ok(json!({ "Items": items }))
}

/// `StopDeployment`: a person rolls it back.
pub(super) fn stop(account: &mut Account, input: ByNumber) -> Answer {
    let found = find(account, &input)?;
    if !found.goes_on() {
        return Err(bad_request("Only a deployment that is in progress can be stopped."));
    }
    let which = (found.environment.clone(), found.number);
    rollout::roll_back(account, &which, "USER", "The deployment was stopped.".to_owned());
    Ok(rollout::deployment(account, &which).map_or(Value::Null, Deployment::whole))
}

fn find<'a>(account: &'a Account, input: &ByNumber) -> Result<&'a Deployment, ServiceError> {
    let found = things::environment(account, &input.application_id, &input.environment_id)?;
    let number = input.deployment_number;
    let deployment = found.deployments.iter().find(|one| one.number == number);
    deployment.ok_or_else(|| not_found("Deployment", &number.to_string()))
}
