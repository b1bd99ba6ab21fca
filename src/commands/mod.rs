//! The verbs of the command line: one file each. The composition root, and the only file I/O.
//!
//! Each verb is a function from its parsed arguments to an [`Exit`]. Invariant: what a
//! person reads goes to standard error; what a program reads goes to standard output.

pub mod check;
pub mod doctor;
pub mod drill;
mod drill_id;
pub mod emulate;
pub mod emulator;
pub mod help;
mod interrupt;
pub mod inventory;
pub mod match_events;
pub mod output;
mod outside;
pub mod plan;
pub mod prepare;
pub mod progress;
#[cfg(test)]
mod properties;
mod real;
pub mod report;
pub mod revert;
pub mod run;
pub mod schema;
pub mod values;

use std::io;

use crate::cli::Exit;

/// The end of a verb: a closed pipe is no failure (the reader has seen enough), anything else that can't
/// be written is told.
pub(crate) fn ended(result: io::Result<Exit>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Passed,
        Err(error) => {
            output::say(&format!("error: the output can't be written: {error}"));
            Exit::Usage
        }
    }
}
