//! `firedrill emulator`: what the emulated account supports.
//!
//! Main function: [`run`]. The table is made from the code that answers the calls, so it can't drift.

use super::output::{print, say};
use crate::cli::Exit;
use crate::emulator::coverage;

/// Says what the emulated account supports.
///
/// Prints every operation with its parameters, every CloudFormation resource type with
/// its properties, every FIS action and every Automation action that the emulated account understands.
/// Whatever is not in the table is refused by name.
#[derive(Debug, Clone, clap::Args)]
pub struct EmulatorArgs {
    /// Print the table of what is supported, as Markdown.
    #[arg(long)]
    pub coverage: bool,
}

/// Runs the verb.
pub fn run(arguments: &EmulatorArgs) -> Exit {
    if !arguments.coverage {
        say("nothing was asked for\n  try `firedrill emulator --coverage`");
        return Exit::Usage;
    }
    match print(coverage::markdown().trim_end()) {
        // A closed pipe means that the reader has seen enough.
        Ok(()) | Err(_) => Exit::Passed,
    }
}
