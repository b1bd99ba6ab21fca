//! How much of a quota is used up, where a drill could run into one.
//!
//! Main functions: [`Aws::active_experiments`] and [`Aws::rules_on`]. The default quotas stand here; an account may
//! have others, which Service Quotas would tell.

use aws_sdk_fis::types::ExperimentStatus;

use super::{Aws, CallError};

/// The most experiments that may be active at a time, by default:
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>.
pub const ACTIVE_EXPERIMENTS: usize = 5;

/// The most rules that a bus may have, by default:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
pub const RULES_PER_BUS: usize = 300;

impl Aws {
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
