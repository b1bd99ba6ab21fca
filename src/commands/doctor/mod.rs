//! `firedrill doctor`: whether a scenario could be drilled here, with the way out for whatever is in the way.
//!
//! Main function: [`doctor`]. Invariant: nothing is changed: every call only reads. The looks are those of a
//! run's own preflight and more, so what the doctor passes does not end a run before its first fault.

mod named;
mod rows;
mod visit;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::drill::{emulated_config, emulated_places, virtual_time};
use super::prepare::{Prepared, Workshop};
use super::real::{self, RealArgs};
use super::run::{Refusal, TargetArg};
use super::values::{parse_var, values};
use crate::cli::Exit;
use crate::clock::Clock;
use crate::context::Places;
use crate::diagnostic::Severity;
use crate::emulator::Estate;
use crate::emulator::transport::Emulator;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::runner::{Conduct, Drill, StopSwitch};
use crate::wakeup::{Pace, Urgency};

pub use rows::{Health, Row};

/// The run id of a visit; nothing carries it.
const RUN_ID: &str = "doctor";

/// Checks whether a scenario could be drilled: credentials, guardrails, permissions, quotas, the clock, and
/// everything that the scenario names. Nothing is changed.
///
/// Permissions are looked at by harmless calls, and where the caller may ask, by IAM's simulator with the
/// least policy of `firedrill plan --iam`. Exit codes: 0 all is fine, 3 something is wrong (a run would not
/// inject), 6 something could not be looked at, 2 the scenario itself is not in order.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A value for `${var.NAME}`, as NAME=VALUE; may be given more than once.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub vars: Vec<(String, String)>,
    /// Where to look: the emulated account of the scenario's environment (the default), or a real one.
    #[arg(long, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<TargetArg>,
    /// How to reach a real account.
    #[command(flatten)]
    pub real: RealArgs,
    /// How to print the table: for people, or as JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: DoctorFormat,
}

/// How the table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    Text,
    /// A list of rows.
    Json,
}

/// Looks, and prints to the standard streams.
pub fn run(arguments: &DoctorArgs) -> Exit {
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr().lock();
    super::ended(doctor(arguments, &mut out, &mut err))
}

/// Prints the table to `out`; problems of the scenario go to `err`.
pub fn doctor(
    arguments: &DoctorArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let is_emulated = match arguments.real.is_emulated(arguments.target) {
        Ok(is_emulated) => is_emulated,
        Err(Refusal(words)) => {
            writeln!(err, "error: {words}")?;
            return Ok(Exit::Usage);
        }
    };
    let mut workshop = Workshop::new(0);
    let values = values(&arguments.vars, RUN_ID);
    let Some(prepared) = workshop.prepare_alone(&arguments.file, &values, is_emulated) else {
        for found in workshop.told(Severity::Error) {
            err.write_all(workshop.render(found).as_bytes())?;
        }
        return Ok(Exit::Usage);
    };
    let plan = match Plan::new(&prepared.scenario, &prepared.file, RUN_ID) {
        Ok(plan) => plan,
        Err(problem) => {
            writeln!(err, "error: {problem}")?;
            return Ok(Exit::Usage);
        }
    };
    let rows = if is_emulated {
        rehearsed(&plan, &prepared)
    } else {
        real::visit(&arguments.real, &plan, async |places| visit_real(&plan, &places).await)
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(Refusal(words)) => {
            writeln!(err, "error: {words}")?;
            return Ok(Exit::Usage);
        }
    };
    match arguments.format {
        DoctorFormat::Text => out.write_all(rows::table(&rows).as_bytes())?,
        DoctorFormat::Json => {
            let json = serde_json::to_string_pretty(&rows).map_err(io::Error::from)?;
            writeln!(out, "{json}")?;
        }
    }
    Ok(rows::exit(&rows))
}

fn rehearsed(plan: &Plan, prepared: &Prepared) -> Result<Vec<Row>, Refusal> {
    let Some(accounts) = prepared.estate() else {
        let words = "the scenario names no environment to look at\n  \
                     add `environment: FILE`, or look at a real account with --target aws";
        return Err(Refusal(words.to_owned()));
    };
    Ok(examined(plan, accounts).0)
}

/// Looks at emulated accounts in virtual time, and answers them as they are afterwards.
///
/// # Panics
/// Never: a runtime without I/O needs nothing that could be missing.
pub fn examined(plan: &Plan, accounts: impl Into<Estate>) -> (Vec<Row>, Estate) {
    let accounts: Estate = accounts.into();
    virtual_time().block_on(async {
        let clock = Clock::starting_at(accounts.now());
        let identities = accounts.identities();
        let (emulator, wakeups) = Emulator::new(accounts, clock);
        let config = |region: &str| emulated_config(&emulator, region, clock);
        let places = emulated_places(plan, &identities, config).await;
        let (pace, urgency) = Pace::on_change(wakeups);
        let recorder = Recorder::new(clock, Box::new(|_| Ok(())));
        let rows = tokio::select! {
            biased;
            rows = examine(plan, &places, &recorder, &pace, &urgency) => rows,
            () = emulator.live() => unreachable!("an account lives for ever"),
        };
        (rows, emulator.estate())
    })
}

async fn examine(
    plan: &Plan,
    places: &Places,
    recorder: &Recorder,
    pace: &Pace,
    urgency: &Urgency,
) -> Vec<Row> {
    visit::visit(&Drill {
        plan,
        places,
        recorder,
        pace,
        urgency,
        stop: &StopSwitch::default(),
        settle: Duration::ZERO,
        conduct: Conduct::default(),
    })
    .await
}

async fn visit_real(plan: &Plan, places: &Places) -> Vec<Row> {
    let (pace, urgency) = Pace::paced();
    let recorder = Recorder::new(Clock::system(), Box::new(|_| Ok(())));
    examine(plan, places, &recorder, &pace, &urgency).await
}
