//! The ids of a scenario's faults and expectations, and what each stands for.
//!
//! Main type: [`Ids`]. Invariant: no two things have one id.

use std::collections::BTreeMap;

use super::Unplannable;
use crate::scenario::names;
use crate::scenario::types::Scenario;

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Fault,
    Expectation,
}

pub(super) struct Ids(BTreeMap<String, Named>);

impl Ids {
    pub(super) fn new(scenario: &Scenario) -> Result<Self, Unplannable> {
        let mut ids = BTreeMap::new();
        let faults = scenario.faults.iter().enumerate();
        let expect = scenario.expect.iter().enumerate();
        let recovery = scenario.recovery.iter().enumerate();
        let all = faults
            .map(|(index, fault)| (names::fault(fault, index), Named::Fault))
            .chain(expect.map(|(at, one)| (names::expectation(one, false, at), Named::Expectation)))
            .chain(
                recovery.map(|(at, one)| (names::expectation(one, true, at), Named::Expectation)),
            );
        for (id, named) in all {
            if ids.insert(id.clone(), named).is_some() {
                return Err(Unplannable::DuplicateId { id });
            }
        }
        Ok(Self(ids))
    }

    pub(super) fn find(&self, id: &str, target: &str) -> Result<Named, Unplannable> {
        self.0.get(target).copied().ok_or_else(|| Unplannable::UnknownReference {
            id: id.to_owned(),
            target: target.to_owned(),
        })
    }

    pub(super) fn expect(&self, id: &str, target: &str, wanted: Named) -> Result<(), Unplannable> {
        if self.find(id, target)? == wanted {
            return Ok(());
        }
        Err(Unplannable::UnknownReference { id: id.to_owned(), target: target.to_owned() })
    }
}
