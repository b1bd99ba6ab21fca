//! The command line and the exit codes: types only, no behaviour.
//!
//! Main types: [`Cli`] and [`Exit`]. The exit codes are a public contract.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::commands::{
    check, doctor, emulate, emulator, help, match_events, plan, report, revert, run, schema,
};
use crate::judge::Outcome;

/// What the process says when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: every drill passed; nothing is wrong.
    Passed,
    /// 1: an expectation was late, missed, violated or skipped.
    Failed,
    /// 2: bad arguments or a bad scenario; nothing was touched.
    Usage,
    /// 3: the steady state did not hold; nothing was injected.
    Unsteady,
    /// 4: ended early by a stop condition, a guardrail or a signal, and reverted.
    Stopped,
    /// 5: a fault may still be active.
    Unreverted,
    /// 6: something could not be seen, and nothing failed.
    Inconclusive,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unsteady => 3,
            Self::Stopped => 4,
            Self::Unreverted => 5,
            Self::Inconclusive => 6,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Failed => Self::Failed,
            Outcome::Unsteady => Self::Unsteady,
            Outcome::Stopped => Self::Stopped,
            Outcome::Unreverted => Self::Unreverted,
        }
    }
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The exit codes, for people.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  passed
  1  failed: an expectation was late, missed, violated or skipped
  2  bad arguments or a bad scenario; nothing was touched
  3  unsteady: the steady state or a precondition did not hold; nothing was injected
  4  stopped early (stop condition, guardrail, signal) and reverted
  5  a fault may still be active
  6  inconclusive: something could not be seen, and nothing failed";

const TOPICS: &str = "\
Start with `firedrill run scenarios/`. More: `firedrill help TOPIC`, where TOPIC is
  scenario     the scenario language, key by key; or one of its kinds, such as put_events
  environment  what stands in the emulated account
  verdicts     verdicts and outcomes
  exit-codes   the exit codes
  diagnostics  every code that the check knows; or one of them";

/// Fire drills for AWS incident automation.
///
/// firedrill loads a scenario file, injects a fault (through AWS FIS, a synthetic EventBridge event or
/// another injector), and proves that the alarm, the rule, the runbook and the rollback that should
/// answer it each fired, in order, before their deadlines. It writes JUnit for a pipeline and MTTD, MTTA,
/// MTTM and MTTR for a review.
///
/// Without further words it drills on an account that is emulated inside the process, in virtual time,
/// with no credentials: a rehearsal. The same scenario runs against a real account.
#[derive(Debug, Parser)]
#[command(
    name = "firedrill",
    version,
    styles = STYLES,
    after_help = format!("{EXIT_CODES}\n\n{TOPICS}"),
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What firedrill can do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "each verb's help stands at its arguments, in its own file")]
pub enum Verb {
    Run(run::RunArgs),
    Check(check::CheckArgs),
    Plan(plan::PlanArgs),
    Doctor(doctor::DoctorArgs),
    Match(match_events::MatchArgs),
    Report(report::ReportArgs),
    Revert(revert::RevertArgs),
    Schema(schema::SchemaArgs),
    Emulate(emulate::EmulateArgs),
    Emulator(emulator::EmulatorArgs),
    Completions(CompletionsArgs),
    Help(help::HelpArgs),
}

/// Prints completions for a shell.
///
/// For bash, for example: firedrill completions bash > ~/.local/share/bash-completion/completions/firedrill
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}
