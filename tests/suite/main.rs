//! The integration suite: one binary (linking the SDK is the cost), one module a subject.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::needless_for_each,
    clippy::needless_pass_by_value,
    reason = "tests fail loudly, say why they skip, bound real time, and document themselves by name"
)]

mod automation_documents;
mod bad_input;
mod between;
mod blind_spots;
mod blindness;
mod bus_logs;
mod cli;
mod clocks;
mod containers;
mod crashes;
mod deployments;
mod determinism;
mod doctor;
mod effects;
mod findings;
mod goldens;
mod guardrails;
mod histories;
mod hostile;
mod interrupts;
mod lacking;
mod least_policy;
mod limits;
mod listener_deaf;
mod machines;
mod match_command;
mod messages;
mod outside;
mod passed;
mod patterns;
mod payload_secrets;
mod preflight;
mod properties;
mod readings;
mod readme;
mod real_account;
mod real_input;
mod records;
mod reports;
mod revert;
mod rule_metrics;
mod scenarios;
mod served;
mod sign_in;
mod spans;
mod stage;
mod support;
mod templates;
#[cfg(unix)]
mod terminal;
mod tidy;
mod undoing;
mod watching;
