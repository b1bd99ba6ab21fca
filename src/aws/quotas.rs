//! How much of a quota is used up, where a drill could run into one.
//!
//! Main functions: [`Aws::allowance`], [`Aws::active_experiments`] and [`Aws::rules_on`]. An account may have other
//! quotas than AWS's defaults, which Service Quotas tells to whoever may ask. Invariant: a figure goes with
//! whose it is.

use aws_sdk_fis::types::ExperimentStatus;
use aws_sdk_servicequotas::types::ServiceQuota;

use super::{Aws, CallError};

/// A quota, by the codes that Service Quotas knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    service: &'static str,
    code: &'static str,
    /// AWS's default, as its pages have it.
    documented: usize,
}

/// The most experiments that may be active at a time:
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html> ("Active experiments").
pub const ACTIVE_EXPERIMENTS: Quota = Quota { service: "fis", code: "L-F5FCA485", documented: 5 };

/// The most rules that a bus may have:
/// <https://docs.aws.amazon.com/general/latest/gr/ev.html> ("Number of rules").
pub const RULES_PER_BUS: Quota = Quota { service: "events", code: "L-244521F2", documented: 300 };

/// How much an account may have of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The most.
    pub most: usize,
    /// Whose figure that is.
    pub whose: Whose,
}

/// Whose figure a quota's is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The account's own, as Service Quotas tells it.
    Account,
    /// AWS's default, as Service Quotas tells it: it has no figure of the account's own.
    Default,
    /// AWS's default, as its pages have it, because Service Quotas did not tell.
    Documented(CallError),
}

impl Aws {
    /// How much this account may have of something, here.
    ///
    /// "If the applied quota value is not available for a quota, the quota is not retrieved": then it is AWS's
    /// default that holds. Source:
    /// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>.
    pub async fn allowance(&self, quota: Quota) -> Allowance {
        let told = match self.applied(quota).await {
            Ok(Some(most)) => Ok((most, Whose::Account)),
            Ok(None) => self.default_of(quota).await.map(|most| (most, Whose::Default)),
            Err(error) => Err(error),
        };
        let documented = |error| (quota.documented, Whose::Documented(error));
        let (most, whose) = told.unwrap_or_else(documented);
        Allowance { most, whose }
    }

    /// The account's own figure; nothing where it has none.
    async fn applied(&self, quota: Quota) -> Result<Option<usize>, CallError> {
        let ask = self.quotas.get_service_quota().service_code(quota.service);
        match ask.quota_code(quota.code).send().await {
            Ok(answer) => Ok(answer.quota().and_then(ServiceQuota::value).and_then(count)),
            Err(error) => match CallError::of("servicequotas:GetServiceQuota", &error) {
                error if error.is_not_found() => Ok(None),
                error => Err(error),
            },
        }
    }

    /// AWS's default, as Service Quotas tells it.
    ///
    /// Source: <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html>.
    async fn default_of(&self, quota: Quota) -> Result<usize, CallError> {
        let operation = "servicequotas:GetAWSDefaultServiceQuota";
        let ask = self.quotas.get_aws_default_service_quota().service_code(quota.service);
        let sent = ask.quota_code(quota.code).send().await;
        let answer = sent.map_err(|error| CallError::of(operation, &error))?;
        let value = answer.quota().and_then(ServiceQuota::value).and_then(count);
        value.ok_or_else(|| CallError::unusable(operation, "holds no value"))
    }

    /// How many FIS experiments are on the way now.
    ///
    /// # Errors
    /// FIS could not be asked.
    pub async fn active_experiments(&self) -> Result<usize, CallError> {
        let mut pages = self.fis.list_experiments().into_paginator().items().send();
        let mut active = 0;
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| CallError::of("fis:ListExperiments", &error))?;
            let status = one.state().and_then(|state| state.status());
            if matches!(
                status,
                Some(
                    ExperimentStatus::Pending
                        | ExperimentStatus::Initiating
                        | ExperimentStatus::Running
                        | ExperimentStatus::Stopping
                )
            ) {
                active += 1;
            }
        }
        Ok(active)
    }

    /// How many rules a bus has.
    ///
    /// # Errors
    /// EventBridge could not be asked.
    pub async fn rules_on(&self, bus: &str) -> Result<usize, CallError> {
        let mut next = None;
        let mut rules = 0;
        loop {
            let sent = self.events.list_rules().event_bus_name(bus).set_next_token(next).send();
            let answer = sent.await.map_err(|error| CallError::of("events:ListRules", &error))?;
            rules += answer.rules().len();
            next = answer.next_token;
            if next.is_none() {
                return Ok(rules);
            }
        }
    }
}

/// A count, far below where a float is no longer exact.
fn count(value: f64) -> Option<usize> {
    format!("{value:.0}").parse().ok()
}
