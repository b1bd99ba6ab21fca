//! Scenarios as written: the types of the language, loading with spans, and the named rules of the check.
//!
//! The main type is [`Scenario`]. Invariant: nothing here does I/O, reads a clock or the environment;
//! text comes in, a scenario and diagnostics go out, and loading never stops at the first problem.

pub mod types;

pub use types::Scenario;
