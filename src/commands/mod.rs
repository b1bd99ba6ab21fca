//! The verbs of the command line: one file each. The composition root, and the only file I/O.
//!
//! Each verb is a function from its parsed arguments to an [`Exit`]. Invariant: what a person reads goes
//! to standard error; what a program reads goes to standard output.

pub mod drill;
pub mod inventory;
pub mod values;
