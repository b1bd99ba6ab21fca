//! Scenarios as written: the types of the language, loading with spans, and the named rules of the check.
//!
//! The main type is [`Scenario`]. Invariant: nothing here does I/O, reads a clock or the environment;
//! text comes in, a scenario and diagnostics go out, and loading never stops at the first problem.

mod check;
pub mod inventory;
pub(crate) mod lag;
pub mod load;
pub(crate) mod names;
pub mod rules;
mod schema;
mod shape;
mod substitute;
pub(crate) mod suggest;
mod tree;
pub mod types;

#[cfg(test)]
mod tests;

pub use check::Inventories;
pub use inventory::Inventory;
pub use load::{Loaded, MAX_BYTES, load};
pub use rules::RULES;
pub use schema::schema;
pub(crate) use schema::{FAULTS, HAPPENINGS};
pub use substitute::Values;
pub use types::Scenario;

/// The scenario of the design page, for the tests of the modules around.
#[cfg(test)]
pub(crate) const VPN_EXAMPLE: &str = r#"version: 1
name: vpn-tunnel-down
title: A VPN tunnel drops; the on-call is paged and the troubleshooting runbook runs
hypothesis: The status alarm fires within two minutes.
owner: network-oncall
severity: 2
tags: [network, vpn]
environment: environments/vpn.yaml

guardrails:
  accounts: ["111122223333"]
  regions: [eu-west-1]
  max_duration: 30m
stop_conditions:
  - alarm: checkout-errors-critical

steady_state:
  - alarm: {name: vpn-status, state: OK}

faults:
  - id: tunnel-down
    fis: {template: vpn-tunnel-outage}

expect:
  - id: detected
    alarm: {name: vpn-status, state: ALARM}
    within: 2m
  - id: paged
    notification: {topic: oncall}
    after: detected
    within: 30s
  - id: diagnosed
    runbook: {document: Diagnose-Vpn, status: Success, steps: [describe-tunnels]}
    after: detected
    within: 5m
  - id: no-second-page
    never: {notification: {topic: oncall}, more_than: 1}
    for: 10m

recovery:
  - alarm: {name: vpn-status, state: OK}
    within: 20m
    sustain: 2m
"#;
