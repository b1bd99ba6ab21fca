//! The integration suite: one binary (linking the SDK is the cost), one module a subject.

#![allow(missing_docs, unused_crate_dependencies)]

mod automation_documents;
mod bad_input;
mod cli;
mod determinism;
mod goldens;
mod interrupts;
mod patterns;
mod properties;
mod real_input;
mod reports;
mod scenarios;
mod stage;
mod support;
mod templates;
mod tidy;
