//! How a service is deployed: how many tasks may run meanwhile, and what makes a deployment fail.
//!
//! Main type: [`Configuration`]. Invariant: a configuration of a strategy other than a rolling update is
//! refused, and so is every member that the emulated rollout would not heed.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>

use serde::{Deserialize, Serialize};

use super::clusters::invalid;
use crate::emulator::error::ServiceError;

/// A service's deployment configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Configuration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deployment_circuit_breaker: Option<CircuitBreaker>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) maximum_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) minimum_healthy_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alarms: Option<Alarms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) strategy: Option<String>,
}

/// Whether tasks that fail to start fail the deployment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CircuitBreaker {
    pub(super) enable: bool,
    pub(super) rollback: bool,
}

/// The alarms that fail a deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Alarms {
    pub(super) alarm_names: Vec<String>,
    pub(super) enable: bool,
    pub(super) rollback: bool,
}

/// The share of the desired count that may run during a deployment, where nothing is said, in percent.
const MAXIMUM_PERCENT: u32 = 200;
/// The share that has to stay healthy, in percent.
const MINIMUM_HEALTHY_PERCENT: u32 = 100;
/// The least and the most failed tasks that trip the circuit breaker.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>.
const THRESHOLD: std::ops::RangeInclusive<u32> = 3..=200;

impl Configuration {
    /// This configuration, where `later` says nothing else.
    pub(super) fn changed_by(self, later: Self) -> Self {
        Self {
            deployment_circuit_breaker: later
                .deployment_circuit_breaker
                .or(self.deployment_circuit_breaker),
            maximum_percent: later.maximum_percent.or(self.maximum_percent),
            minimum_healthy_percent: later.minimum_healthy_percent.or(self.minimum_healthy_percent),
            alarms: later.alarms.or(self.alarms),
            strategy: later.strategy.or(self.strategy),
        }
    }

    /// The configuration with AWS's defaults.
    pub(super) fn completed(self) -> Self {
        let off = CircuitBreaker { enable: false, rollback: false };
        Self {
            deployment_circuit_breaker: self.deployment_circuit_breaker.or(Some(off)),
            maximum_percent: self.maximum_percent.or(Some(MAXIMUM_PERCENT)),
            minimum_healthy_percent: self.minimum_healthy_percent.or(Some(MINIMUM_HEALTHY_PERCENT)),
            alarms: self.alarms,
            strategy: self.strategy.or_else(|| Some("ROLLING".to_owned())),
        }
    }

    /// Whether it can be followed.
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        if let Some(other) = self.strategy.as_deref().filter(|strategy| *strategy != "ROLLING") {
            return Err(ServiceError::unsupported(format_args!(
                "ECS deployments with the strategy {other}"
            )));
        }
        let upper = self.maximum_percent.unwrap_or(MAXIMUM_PERCENT);
        let lower = self.minimum_healthy_percent.unwrap_or(MINIMUM_HEALTHY_PERCENT);
        if lower > 100 || upper == 0 || upper < lower {
            return Err(invalid("maximumPercent and minimumHealthyPercent do not go together."));
        }
        let alarms = self.alarms.as_ref();
        if alarms.is_some_and(|alarms| alarms.enable && alarms.alarm_names.is_empty()) {
            return Err(invalid("alarmNames must not be empty while alarms are enabled."));
        }
        Ok(())
    }

    /// How many tasks may run at once during a deployment; rounded down.
    pub(super) fn most(&self, desired: u32) -> u32 {
        share(desired, self.maximum_percent.unwrap_or(MAXIMUM_PERCENT), 0)
    }

    /// How many tasks have to stay healthy during a deployment; rounded up.
    pub(super) fn least(&self, desired: u32) -> u32 {
        share(desired, self.minimum_healthy_percent.unwrap_or(MINIMUM_HEALTHY_PERCENT), 99)
    }

    /// The circuit breaker, where it is on.
    pub(super) fn breaker(&self) -> Option<CircuitBreaker> {
        self.deployment_circuit_breaker.filter(|breaker| breaker.enable)
    }

    /// The alarms, where they count.
    pub(super) fn watched(&self) -> Option<&Alarms> {
        self.alarms.as_ref().filter(|alarms| alarms.enable)
    }
}

fn share(desired: u32, percent: u32, round: u64) -> u32 {
    let share = (u64::from(desired) * u64::from(percent) + round) / 100;
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// How many failed tasks trip the circuit breaker: half of the desired count, rounded up.
pub(super) fn threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(*THRESHOLD.start(), *THRESHOLD.end())
}
