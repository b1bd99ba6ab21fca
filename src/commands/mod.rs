//! The verbs of the command line: one file each. The composition root, and the only file I/O.
//!
//! Each verb is a function from its parsed arguments to an [`Exit`](crate::cli::Exit). Invariant: what a
//! person reads goes to standard error; what a program reads goes to standard output.

pub mod check;
pub mod drill;
pub mod emulator;
mod interrupt;
mod inventory;
pub mod output;
pub mod prepare;
mod real;
pub mod run;
pub mod plan;
pub mod schema;
pub mod values;
