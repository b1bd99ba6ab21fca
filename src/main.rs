//! The process edge: parse the command line, run the verb, exit with its code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use firedrill::cli::{Cli, Exit, Verb};
use firedrill::commands::{
    check, doctor, emulate, emulator, help, match_events, plan, report, revert, run, schema,
};

fn main() -> ExitCode {
    let exit = match Cli::parse().verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Match(arguments) => match_events::run(&arguments),
        Verb::Revert(arguments) => revert::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Schema(arguments) => schema::run(&arguments),
        Verb::Emulate(arguments) => emulate::run(&arguments),
        Verb::Emulator(arguments) => emulator::run(&arguments),
        Verb::Help(arguments) => help::run(&arguments),
        Verb::Completions(arguments) => {
            let mut out = std::io::stdout();
            clap_complete::generate(arguments.shell, &mut Cli::command(), "firedrill", &mut out);
            Exit::Passed
        }
    };
    ExitCode::from(exit.code())
}
