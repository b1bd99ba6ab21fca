//! Deployment configurations: how fast a revision is rolled out, and how long that takes.
//!
//! Main type: [`Config`]. Invariant: AWS's own configurations are a table and can't be changed.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html>.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::groups::Nothing;
use super::types::Platform;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing;

/// A deployment configuration.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) name: String,
    pub(super) pace: Pace,
    /// Nothing for AWS's own.
    created: Option<(String, Timestamp)>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// On servers: how many instances stay healthy.
    Hosts(Healthy),
    /// On Lambda or ECS: how the traffic shifts.
    Traffic(Platform, Shift),
}

/// The instances that stay healthy while others are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Healthy {
    Count(usize),
    Percent(usize),
    /// All but one: `OneAtATime`.
    AllButOne,
}

/// How traffic shifts; minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    AllAtOnce,
    Canary { percent: u8, minutes: u16 },
    Linear { percent: u8, minutes: u16 },
}

/// When a rollout reaches its first share and its end, counted from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) first: SignedDuration,
    pub(super) total: SignedDuration,
}

const fn canary(minutes: u16) -> Shift {
    Shift::Canary { percent: 10, minutes }
}

const fn linear(minutes: u16) -> Shift {
    Shift::Linear { percent: 10, minutes }
}

/// AWS's own configurations, without their prefix `CodeDeployDefault.`.
const PREDEFINED: &[(&str, Pace)] = &[
    ("AllAtOnce", Pace::Hosts(Healthy::Count(0))),
    ("HalfAtATime", Pace::Hosts(Healthy::Percent(50))),
    ("OneAtATime", Pace::Hosts(Healthy::AllButOne)),
    ("LambdaAllAtOnce", Pace::Traffic(Platform::Lambda, Shift::AllAtOnce)),
    ("LambdaCanary10Percent5Minutes", Pace::Traffic(Platform::Lambda, canary(5))),
    ("LambdaCanary10Percent10Minutes", Pace::Traffic(Platform::Lambda, canary(10))),
    ("LambdaCanary10Percent15Minutes", Pace::Traffic(Platform::Lambda, canary(15))),
    ("LambdaCanary10Percent30Minutes", Pace::Traffic(Platform::Lambda, canary(30))),
    ("LambdaLinear10PercentEvery1Minute", Pace::Traffic(Platform::Lambda, linear(1))),
    ("LambdaLinear10PercentEvery2Minutes", Pace::Traffic(Platform::Lambda, linear(2))),
    ("LambdaLinear10PercentEvery3Minutes", Pace::Traffic(Platform::Lambda, linear(3))),
    ("LambdaLinear10PercentEvery10Minutes", Pace::Traffic(Platform::Lambda, linear(10))),
    ("ECSAllAtOnce", Pace::Traffic(Platform::Ecs, Shift::AllAtOnce)),
    ("ECSCanary10Percent5Minutes", Pace::Traffic(Platform::Ecs, canary(5))),
    ("ECSCanary10Percent15Minutes", Pace::Traffic(Platform::Ecs, canary(15))),
    ("ECSLinear10PercentEvery1Minutes", Pace::Traffic(Platform::Ecs, linear(1))),
    ("ECSLinear10PercentEvery3Minutes", Pace::Traffic(Platform::Ecs, linear(3))),
];

/// The prefix of AWS's own configurations.
const PREFIX: &str = "CodeDeployDefault.";

/// What a group uses that names no configuration.
pub(super) fn default_for(platform: Platform) -> String {
    let name = match platform {
        Platform::Server => "OneAtATime",
        Platform::Lambda => "LambdaAllAtOnce",
        Platform::Ecs => "ECSAllAtOnce",
    };
    format!("{PREFIX}{name}")
}

/// The configuration with this name.
pub(super) fn find(account: &Account, name: &str) -> Result<Config, ServiceError> {
    if let Some(config) = account.services.codedeploy.configs.get(name) {
        return Ok(config.clone());
    }
    let short = name.strip_prefix(PREFIX).unwrap_or("");
    let known = PREDEFINED.iter().find(|(known, _)| *known == short);
    known.map(|(_, pace)| Config { name: name.to_owned(), pace: *pace, created: None }).ok_or_else(
        || {
            ServiceError::new(
                "DeploymentConfigDoesNotExistException",
                format!("No deployment configuration found for name: {name}"),
            )
        },
    )
}

impl Config {
    /// What it is for.
    pub(super) fn platform(&self) -> Platform {
        match self.pace {
            Pace::Hosts(_) => Platform::Server,
            Pace::Traffic(platform, _) => platform,
        }
    }

    /// How many of `hosts` stay healthy.
    pub(super) fn least_healthy(&self, hosts: usize) -> usize {
        match self.pace {
            Pace::Hosts(Healthy::Count(count)) => count.min(hosts),
            // AWS rounds up fractions of an instance.
            Pace::Hosts(Healthy::Percent(percent)) => (hosts * percent).div_ceil(100),
            Pace::Hosts(Healthy::AllButOne) => hosts.saturating_sub(1),
            Pace::Traffic(..) => 0,
        }
    }

    /// When the first share and when all is rolled out, to so many hosts.
    pub(super) fn course(&self, hosts: usize) -> Course {
        match self.pace {
            Pace::Hosts(_) => {
                let batch = (hosts - self.least_healthy(hosts)).max(1);
                let batches = i32::try_from(hosts.div_ceil(batch).max(1)).unwrap_or(i32::MAX);
                let total = timing::DEPLOYMENT_BATCH.saturating_mul(batches);
                Course { first: timing::DEPLOYMENT_BATCH, total }
            }
            Pace::Traffic(_, shift) => {
                let first = timing::DEPLOYMENT_SHIFT;
                Course { first, total: first + shift.lasts() }
            }
        }
    }
}

impl Shift {
    /// From the first share of the traffic to all of it.
    fn lasts(self) -> SignedDuration {
        let (steps, minutes) = match self {
            Self::AllAtOnce => (0, 0),
            Self::Canary { minutes, .. } => (1, minutes),
            Self::Linear { percent, minutes } => {
                (100_u16.div_ceil(u16::from(percent.max(1))) - 1, minutes)
            }
        };
        SignedDuration::from_mins(i64::from(steps) * i64::from(minutes))
    }
}

// --- The API ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateDeploymentConfig {
    deployment_config_name: String,
    #[serde(default)]
    minimum_healthy_hosts: Option<MinimumHealthyHosts>,
    #[serde(default)]
    traffic_routing_config: Option<TrafficRouting>,
    #[serde(default)]
    compute_platform: Platform,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MinimumHealthyHosts {
    #[serde(rename = "type")]
    kind: HostsKind,
    value: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum HostsKind {
    HostCount,
    FleetPercent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrafficRouting {
    #[serde(rename = "type")]
    kind: TrafficKind,
    #[serde(default)]
    time_based_canary: Option<Canary>,
    #[serde(default)]
    time_based_linear: Option<Linear>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
enum TrafficKind {
    AllAtOnce,
    TimeBasedCanary,
    TimeBasedLinear,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Canary {
    canary_percentage: u8,
    canary_interval: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Linear {
    linear_percentage: u8,
    linear_interval: u16,
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::new(
        "InvalidTrafficRoutingConfigurationException",
        format!("The configuration is not valid: {what}."),
    )
}

fn pace_of(input: &CreateDeploymentConfig) -> Result<Pace, ServiceError> {
    if input.compute_platform == Platform::Server {
        let Some(hosts) = &input.minimum_healthy_hosts else {
            return Err(ServiceError::new(
                "InvalidMinimumHealthyHostValueException",
                "minimumHealthyHosts is required for the compute platform Server.",
            ));
        };
        return Ok(Pace::Hosts(match hosts.kind {
            HostsKind::HostCount => Healthy::Count(hosts.value),
            HostsKind::FleetPercent => Healthy::Percent(hosts.value.min(100)),
        }));
    }
    let Some(traffic) = &input.traffic_routing_config else {
        return Err(invalid("trafficRoutingConfig is missing"));
    };
    let shift = match (traffic.kind, &traffic.time_based_canary, &traffic.time_based_linear) {
        (TrafficKind::AllAtOnce, None, None) => Shift::AllAtOnce,
        (TrafficKind::TimeBasedCanary, Some(canary), None) => {
            Shift::Canary { percent: canary.canary_percentage, minutes: canary.canary_interval }
        }
        (TrafficKind::TimeBasedLinear, None, Some(linear)) => {
            Shift::Linear { percent: linear.linear_percentage, minutes: linear.linear_interval }
        }
        (
            TrafficKind::AllAtOnce | TrafficKind::TimeBasedCanary | TrafficKind::TimeBasedLinear,
            _,
            _,
        ) => return Err(invalid("its type and its members don't go together")),
    };
    match shift {
        Shift::Canary { percent: 1..=99, .. }
        | Shift::Linear { percent: 1..=99, .. }
        | Shift::AllAtOnce => Ok(Pace::Traffic(input.compute_platform, shift)),
        Shift::Canary { .. } | Shift::Linear { .. } => {
            Err(invalid("the percentage is not 1 to 99"))
        }
    }
}

pub(super) fn create_deployment_config(
    account: &mut Account,
    input: CreateDeploymentConfig,
) -> Answer {
    if find(account, &input.deployment_config_name).is_ok() {
        return Err(ServiceError::new(
            "DeploymentConfigAlreadyExistsException",
            format!("{} already exists", input.deployment_config_name),
        ));
    }
    let pace = pace_of(&input)?;
    let id = account.ids.uuid();
    let created = Some((id.clone(), account.now()));
    let name = input.deployment_config_name;
    let config = Config { name: name.clone(), pace, created };
    account.services.codedeploy.configs.insert(name, config);
    Ok(json!({"deploymentConfigId": id}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ByConfig {
    deployment_config_name: String,
}

pub(super) fn get_deployment_config(account: &mut Account, input: ByConfig) -> Answer {
    let ByConfig { deployment_config_name: name } = input;
    Ok(json!({"deploymentConfigInfo": render(&find(account, &name)?)}))
}

/// A configuration that is not there is no error, as on AWS.
pub(super) fn delete_deployment_config(account: &mut Account, input: ByConfig) -> Answer {
    let ByConfig { deployment_config_name: name } = input;
    account.services.codedeploy.configs.shift_remove(&name);
    Ok(json!({}))
}

pub(super) fn list_deployment_configs(account: &mut Account, input: Nothing) -> Answer {
    let Nothing {} = input;
    let predefined = PREDEFINED.iter().map(|(name, _)| format!("{PREFIX}{name}"));
    let all: Vec<String> =
        predefined.chain(account.services.codedeploy.configs.keys().cloned()).collect();
    Ok(json!({"deploymentConfigsList": all}))
}

fn render(config: &Config) -> Value {
    let mut info = Map::new();
    info.insert("deploymentConfigName".to_owned(), json!(config.name));
    info.insert("computePlatform".to_owned(), json!(config.platform()));
    if let Some((id, created)) = &config.created {
        info.insert("deploymentConfigId".to_owned(), json!(id));
        info.insert("createTime".to_owned(), epoch_seconds(*created));
    }
    match config.pace {
        Pace::Hosts(healthy) => {
            let (kind, value) = match healthy {
                Healthy::Count(count) => ("HOST_COUNT", count),
                Healthy::Percent(percent) => ("FLEET_PERCENT", percent),
                Healthy::AllButOne => ("FLEET_PERCENT", 99),
            };
            let hosts = json!({"type": kind, "value": value});
            info.insert("minimumHealthyHosts".to_owned(), hosts);
        }
        Pace::Traffic(_, shift) => {
            let routing = match shift {
                Shift::AllAtOnce => json!({"type": "AllAtOnce"}),
                Shift::Canary { percent, minutes } => json!({"type": "TimeBasedCanary",
                    "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes}}),
                Shift::Linear { percent, minutes } => json!({"type": "TimeBasedLinear",
                    "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes}}),
            };
            info.insert("trafficRoutingConfig".to_owned(), routing);
        }
    }
    Value::Object(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_lasts_as_long_as_its_configuration_says() {
        let batch = timing::DEPLOYMENT_BATCH.as_secs();
        let shift = timing::DEPLOYMENT_SHIFT.as_secs();
        let cases = [
            ("AllAtOnce", 6, batch),
            ("HalfAtATime", 6, 2 * batch),
            ("HalfAtATime", 5, 3 * batch),
            ("OneAtATime", 6, 6 * batch),
            ("OneAtATime", 1, batch),
            ("LambdaAllAtOnce", 0, shift),
            ("LambdaCanary10Percent5Minutes", 0, shift + 300),
            ("LambdaLinear10PercentEvery1Minute", 0, shift + 540),
            ("ECSCanary10Percent15Minutes", 0, shift + 900),
        ];
        for (name, hosts, seconds) in cases {
            let pace = PREDEFINED.iter().find(|(known, _)| *known == name).unwrap().1;
            let config = Config { name: name.to_owned(), pace, created: None };
            assert_eq!(config.course(hosts).total.as_secs(), seconds, "{name} to {hosts} hosts");
        }
    }
}
