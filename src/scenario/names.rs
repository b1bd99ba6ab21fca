//! The ids of faults and expectations, given or by position, and the words for a target.
//!
//! Main functions: [`fault`], [`expectation`], [`at_target`]. Invariant: the check and the plan name things the same way.

use super::types::{Expectation, Fault};

/// The id of the fault at `index` (from 0).
pub(crate) fn fault(fault: &Fault, index: usize) -> String {
    fault.id.clone().unwrap_or_else(|| format!("fault-{}", index + 1))
}

/// Words that tell a target from the home target: empty there, ` at security` elsewhere.
pub(crate) fn at_target(target: Option<&str>) -> String {
    target.map(|name| format!(" at {name}")).unwrap_or_default()
}

/// The id of the expectation at `index` (from 0) of `expect` or of `recovery`.
pub(crate) fn expectation(expectation: &Expectation, recovery: bool, index: usize) -> String {
    let list = if recovery { "recovery" } else { "expect" };
    expectation.id.clone().unwrap_or_else(|| format!("{list}-{}", index + 1))
}
