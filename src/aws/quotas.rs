//! How much of a quota is used up, where a drill could run into one.
//!
//! Main functions: [`Aws::active_experiments`], [`Aws::rules_on`] and [`Aws::most_rules`]. The default quotas stand here; an account may
//! have others, which Service Quotas tells to whoever may ask.

use aws_sdk_fis::types::ExperimentStatus;

use super::{Aws, CallError};

/// The most experiments that may be active at a time, by default:
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>.
pub const ACTIVE_EXPERIMENTS: usize = 5;

/// The most rules that a bus may have, by default:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
pub const RULES_PER_BUS: usize = 300;

/// The quota behind [`RULES_PER_BUS`]: <https://docs.aws.amazon.com/general/latest/gr/ev.html>.
const RULES_PER_BUS_CODE: &str = "L-244521F2";

impl Aws {
    /// How many rules a bus of this account may have; nothing where the account does not say.
    ///
    /// Source: <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>.
    pub async fn most_rules(&self) -> Option<usize> {
        let ask = self.quotas.get_service_quota().service_code("events");
        // Whoever may not ask is told AWS's default, and that it is no more than that.
        let answer = ask.quota_code(RULES_PER_BUS_CODE).send().await.ok()?;
        let value = answer.quota()?.value()?;
        // A count of rules, far below where a float is no longer exact.
        format!("{value:.0}").parse().ok()
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
