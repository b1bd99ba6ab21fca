//! The integration suite: one binary (linking the SDK is the cost), one module a subject.

#![allow(missing_docs, unused_crate_dependencies)]

mod automation_documents;
mod determinism;
mod goldens;
mod patterns;
mod scenarios;
mod support;
mod templates;
mod tidy;
