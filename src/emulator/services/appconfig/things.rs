//! Applications, environments, configuration profiles with their hosted versions, deployment strategies.
//!
//! Main types: [`Environment`] and [`Strategy`]. Invariant: what refers to something else refers to
//! something that is there. Ids are seven characters, as on AWS.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deployments::Deployment;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// The most monitors of an environment:
/// <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_CreateEnvironment.html>.
const MOST_MONITORS: usize = 5;

#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(super) id: String,
    pub(super) application: String,
    pub(super) name: String,
    pub(super) monitors: Vec<Monitor>,
    /// Newest last; the number is the place, counted from one.
    pub(super) deployments: Vec<Deployment>,
}

/// An alarm that an environment's deployments look at, and the role that may.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Monitor {
    pub(super) alarm_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alarm_role_arn: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(super) id: String,
    pub(super) application: String,
    pub(super) name: String,
    pub(super) location: String,
    /// How many hosted versions there are; they are numbered from one.
    pub(super) versions: u32,
    pub(super) labels: IndexMap<String, u32>,
}

/// How a share of the targets grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Growth {
    Linear,
    Exponential,
}

#[derive(Debug, Clone)]
pub(crate) struct Strategy {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) minutes: u32,
    pub(super) growth: Growth,
    pub(super) factor: f64,
    pub(super) bake_minutes: u32,
}

/// The strategies that AWS brings:
/// <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-deployment-strategy-predefined.html>.
pub(super) fn predefined() -> IndexMap<String, Strategy> {
    const ALL: &[(&str, u32, Growth, f64, u32)] = &[
        ("AppConfig.AllAtOnce", 0, Growth::Linear, 100.0, 10),
        ("AppConfig.Linear50PercentEvery30Seconds", 1, Growth::Linear, 50.0, 1),
        ("AppConfig.Linear20PercentEvery6Minutes", 30, Growth::Linear, 20.0, 30),
        ("AppConfig.Canary10Percent20Minutes", 20, Growth::Exponential, 10.0, 10),
    ];
    let strategy = |&(name, minutes, growth, factor, bake_minutes): &(&str, _, _, _, _)| {
        let (id, name) = (name.to_owned(), name.to_owned());
        (id.clone(), Strategy { id, name, minutes, growth, factor, bake_minutes })
    };
    ALL.iter().map(strategy).collect()
}

/// Something is not there.
pub(super) fn not_found(kind: &str, id: &str) -> ServiceError {
    ServiceError {
        status: 404,
        ..ServiceError::new("ResourceNotFoundException", format!("{kind} not found: {id}"))
    }
}

pub(super) fn bad_request(message: impl Into<String>) -> ServiceError {
    ServiceError::new("BadRequestException", message)
}

/// An id, or a name that one thing has: AppConfig takes both in most places.
fn find<'a, T>(
    all: impl Iterator<Item = &'a T>,
    wanted: &str,
    id: impl Fn(&'a T) -> &'a str,
    name: impl Fn(&'a T) -> &'a str,
) -> Option<&'a T> {
    let all: Vec<&T> = all.collect();
    let by_id = all.iter().find(|one| id(one) == wanted).copied();
    by_id.or_else(|| all.iter().find(|one| name(one) == wanted).copied())
}

pub(super) fn application<'a>(
    account: &'a Account,
    id: &str,
) -> Result<&'a Application, ServiceError> {
    let all = account.services.appconfig.applications.values();
    find(all, id, |one| &one.id, |one| &one.name).ok_or_else(|| not_found("Application", id))
}

pub(super) fn environment<'a>(
    account: &'a Account,
    application_id: &str,
    id: &str,
) -> Result<&'a Environment, ServiceError> {
    let owner = &application(account, application_id)?.id;
    let all = account.services.appconfig.environments.values();
    let of_application = all.filter(|one| one.application == *owner);
    find(of_application, id, |one| &one.id, |one| &one.name)
        .ok_or_else(|| not_found("Environment", id))
}

pub(super) fn profile<'a>(
    account: &'a Account,
    application_id: &str,
    id: &str,
) -> Result<&'a Profile, ServiceError> {
    let owner = &application(account, application_id)?.id;
    let all = account.services.appconfig.profiles.values();
    let of_application = all.filter(|one| one.application == *owner);
    find(of_application, id, |one| &one.id, |one| &one.name)
        .ok_or_else(|| not_found("ConfigurationProfile", id))
}

pub(super) fn strategy<'a>(account: &'a Account, id: &str) -> Result<&'a Strategy, ServiceError> {
    let found = account.services.appconfig.strategies.get(id);
    found.ok_or_else(|| not_found("DeploymentStrategy", id))
}

fn new_id(account: &mut Account) -> String {
    account.ids.alphanumeric(7).to_ascii_lowercase()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateApplication {
    name: String,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByApplication {
    application_id: String,
}

/// `NextToken` is never given out: all there is stands on one page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    #[serde(default, rename = "max_results")]
    _max_results: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InApplication {
    #[serde(rename = "ApplicationId")]
    application_id: String,
    #[serde(default, rename = "max_results")]
    _max_results: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateEnvironment {
    application_id: String,
    name: String,
    #[serde(default)]
    monitors: Vec<Monitor>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByEnvironment {
    application_id: String,
    environment_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateProfile {
    application_id: String,
    name: String,
    location_uri: String,
    #[serde(default, rename = "Type")]
    _kind: Option<String>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByProfile {
    application_id: String,
    configuration_profile_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateVersion {
    application_id: String,
    configuration_profile_id: String,
    #[serde(rename = "Content")]
    _content: Value,
    content_type: String,
    #[serde(default)]
    version_label: Option<String>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateStrategy {
    name: String,
    deployment_duration_in_minutes: u32,
    growth_factor: f64,
    #[serde(default)]
    growth_type: Option<Growth>,
    #[serde(default)]
    final_bake_time_in_minutes: u32,
    #[serde(default, rename = "ReplicateTo")]
    _replicate_to: Option<String>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByStrategy {
    deployment_strategy_id: String,
}

pub(super) fn create_application(account: &mut Account, input: CreateApplication) -> Answer {
    let id = new_id(account);
    let application = Application { id: id.clone(), name: input.name };
    let answer = show_application(&application);
    account.services.appconfig.applications.insert(id, application);
    Ok(answer)
}

pub(super) fn get_application(account: &mut Account, input: ByApplication) -> Answer {
    Ok(show_application(application(account, &input.application_id)?))
}

pub(super) fn list_applications(account: &mut Account, _input: Listing) -> Answer {
    let all = account.services.appconfig.applications.values();
    Ok(json!({ "Items": all.map(show_application).collect::<Vec<_>>() }))
}

pub(super) fn delete_application(account: &mut Account, input: ByApplication) -> Answer {
    let id = application(account, &input.application_id)?.id.clone();
    let state = &mut account.services.appconfig;
    let in_use = state.environments.values().any(|one| one.application == id)
        || state.profiles.values().any(|one| one.application == id);
    if in_use {
        return Err(bad_request("The application has environments or configuration profiles."));
    }
    state.applications.shift_remove(&id);
    Ok(json!({}))
}

fn show_application(application: &Application) -> Value {
    json!({ "Id": application.id, "Name": application.name })
}

pub(super) fn create_environment(account: &mut Account, input: CreateEnvironment) -> Answer {
    if input.monitors.len() > MOST_MONITORS {
        let message = format!("An environment has at most {MOST_MONITORS} monitors.");
        return Err(bad_request(message));
    }
    let application = application(account, &input.application_id)?.id.clone();
    let id = new_id(account);
    let environment = Environment {
        id: id.clone(),
        application,
        name: input.name,
        monitors: input.monitors,
        deployments: Vec::new(),
    };
    let answer = show_environment(&environment);
    account.services.appconfig.environments.insert(id, environment);
    Ok(answer)
}

pub(super) fn get_environment(account: &mut Account, input: ByEnvironment) -> Answer {
    let found = environment(account, &input.application_id, &input.environment_id)?;
    Ok(show_environment(found))
}

pub(super) fn list_environments(account: &mut Account, input: InApplication) -> Answer {
    let owner = application(account, &input.application_id)?.id.clone();
    let all = account.services.appconfig.environments.values();
    let shown: Vec<Value> =
        all.filter(|one| one.application == owner).map(show_environment).collect();
    Ok(json!({ "Items": shown }))
}

pub(super) fn delete_environment(account: &mut Account, input: ByEnvironment) -> Answer {
    let id = environment(account, &input.application_id, &input.environment_id)?.id.clone();
    account.services.appconfig.environments.shift_remove(&id);
    Ok(json!({}))
}

/// <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Environment.html>.
fn show_environment(environment: &Environment) -> Value {
    json!({
        "ApplicationId": environment.application,
        "Id": environment.id,
        "Name": environment.name,
        "State": environment.deployments.last().map_or("READY_FOR_DEPLOYMENT", Deployment::of_environment),
        "Monitors": environment.monitors,
    })
}

pub(super) fn create_profile(account: &mut Account, input: CreateProfile) -> Answer {
    let application = application(account, &input.application_id)?.id.clone();
    let id = new_id(account);
    let profile = Profile {
        id: id.clone(),
        application,
        name: input.name,
        location: input.location_uri,
        versions: 0,
        labels: IndexMap::new(),
    };
    let answer = json!({"ApplicationId": profile.application, "Id": profile.id,
        "Name": profile.name, "LocationUri": profile.location});
    account.services.appconfig.profiles.insert(id, profile);
    Ok(answer)
}

pub(super) fn delete_profile(account: &mut Account, input: ByProfile) -> Answer {
    let id = profile(account, &input.application_id, &input.configuration_profile_id)?.id.clone();
    account.services.appconfig.profiles.shift_remove(&id);
    Ok(json!({}))
}

/// `CreateHostedConfigurationVersion`: the content is nobody's but the application's, so it is not kept.
pub(super) fn create_version(account: &mut Account, input: CreateVersion) -> Answer {
    let found = profile(account, &input.application_id, &input.configuration_profile_id)?;
    if found.location != "hosted" {
        return Err(bad_request("The configuration profile is not of the hosted store."));
    }
    let id = found.id.clone();
    let found = account.services.appconfig.profiles.get_mut(&id).expect("it was just found");
    if let Some(label) = &input.version_label
        && found.labels.contains_key(label)
    {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new("ConflictException", format!("The label {label} is taken."))
        });
    }
    found.versions += 1;
    if let Some(label) = input.version_label {
        found.labels.insert(label, found.versions);
    }
    Ok(json!({"ApplicationId": found.application, "ConfigurationProfileId": id,
        "VersionNumber": found.versions, "ContentType": input.content_type}))
}

pub(super) fn create_strategy(account: &mut Account, input: CreateStrategy) -> Answer {
    if !(1.0..=100.0).contains(&input.growth_factor) {
        return Err(bad_request("GrowthFactor is between 1 and 100."));
    }
    if input.deployment_duration_in_minutes > 1440 || input.final_bake_time_in_minutes > 1440 {
        return Err(bad_request("A duration is at most 1440 minutes."));
    }
    let id = new_id(account);
    let strategy = Strategy {
        id: id.clone(),
        name: input.name,
        minutes: input.deployment_duration_in_minutes,
        growth: input.growth_type.unwrap_or(Growth::Linear),
        factor: input.growth_factor,
        bake_minutes: input.final_bake_time_in_minutes,
    };
    let answer = show_strategy(&strategy);
    account.services.appconfig.strategies.insert(id, strategy);
    Ok(answer)
}

pub(super) fn list_strategies(account: &mut Account, _input: Listing) -> Answer {
    let all = account.services.appconfig.strategies.values();
    Ok(json!({ "Items": all.map(show_strategy).collect::<Vec<_>>() }))
}

pub(super) fn delete_strategy(account: &mut Account, input: ByStrategy) -> Answer {
    strategy(account, &input.deployment_strategy_id)?;
    account.services.appconfig.strategies.shift_remove(&input.deployment_strategy_id);
    Ok(json!({}))
}

fn show_strategy(strategy: &Strategy) -> Value {
    json!({
        "Id": strategy.id,
        "Name": strategy.name,
        "DeploymentDurationInMinutes": strategy.minutes,
        "GrowthType": strategy.growth,
        "GrowthFactor": strategy.factor,
        "FinalBakeTimeInMinutes": strategy.bake_minutes,
        "ReplicateTo": "NONE",
    })
}
