//! Scenarios as written: the types of the language, loading with spans, and the named rules of the check.
//!
//! The main type is [`Scenario`]. Invariant: nothing here does I/O, reads a clock or the environment;
//! text comes in, a scenario and diagnostics go out, and loading never stops at the first problem.

mod check;
pub mod inventory;
mod load;
pub(crate) mod names;
pub mod rules;
mod shape;
mod substitute;
pub(crate) mod suggest;
mod tree;
pub mod types;

#[cfg(test)]
mod tests;

pub use inventory::Inventory;
pub use load::{Loaded, MAX_BYTES, load};
pub use rules::RULES;
pub use substitute::Values;
pub use types::Scenario;
