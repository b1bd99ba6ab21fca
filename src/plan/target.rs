//! The other accounts and regions of a plan.
//!
//! Main type: [`PlannedTarget`]. Invariant: the external id of its role is never written with the plan.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Plan, Unplannable};
use crate::scenario::types::{ExternalId, Scenario, TargetAccount};

/// Another account or region that the drill spans. The external id of its role is a secret: it is not
/// written with the plan, and one that was read back has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// The account id.
    pub account: String,
    /// The region.
    pub region: String,
    /// The role that the home target's credentials assume.
    pub role: Option<String>,
    /// What the role's trust policy asks for.
    #[serde(skip)]
    pub external_id: Option<ExternalId>,
    /// Whether the role's trust policy asks for an external id, which is given again for a revert.
    #[serde(default, skip_serializing_if = "is_false")]
    pub asks_external_id: bool,
    /// The profile whose credentials are used instead.
    pub profile: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The targets of a scenario, by name.
pub(super) fn planned(scenario: &Scenario) -> IndexMap<String, PlannedTarget> {
    let of = |target: &TargetAccount| PlannedTarget {
        account: target.account.clone(),
        region: target.region.clone(),
        role: target.role.clone(),
        asks_external_id: target.external_id.is_some(),
        external_id: target.external_id.clone(),
        profile: target.profile.clone(),
    };
    scenario.targets.iter().map(|(name, target)| (name.clone(), of(target))).collect()
}

impl Plan {
    /// Refuses a part that is at a target which the plan does not have.
    pub(super) fn know_targets(&self) -> Result<(), Unplannable> {
        let stops = self.stop_conditions.iter().map(|stop| &stop.target);
        let steady = self.steady_state.iter().map(|steady| &steady.target);
        let faults = self.faults.iter().map(|fault| &fault.target);
        let expectations = self.expectations.iter().map(|expectation| &expectation.target);
        let mut named = stops.chain(steady).chain(faults).chain(expectations).flatten();
        match named.find(|name| !self.targets.contains_key(*name)) {
            Some(name) => Err(Unplannable::UnknownTarget { target: name.clone() }),
            None => Ok(()),
        }
    }
}
