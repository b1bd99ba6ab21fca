//! `firedrill revert`: takes back what drills left behind, from their timelines alone.
//!
//! Main function: [`run`]. Invariants: nothing is touched unless the home target of every drill that was named
//! is reached with these credentials; another target that is not reached is told, and counts as left behind;
//! what is done is written into the drill's own timeline, intent first; a drill that still runs is left alone.

mod permission;
mod record;
mod rehearsal;
mod sweep;

use std::path::PathBuf;

use self::record::{Record, State};
use super::output::say;
use super::real::reach::Secret;
use super::real::{self, Accounts, RealArgs};
use super::run::Refusal;
use super::values::parse_var;
use crate::cli::Exit;
use crate::clock::Clock;
use crate::context::{Context, Place, Places};
use crate::faults::revert::{Pending, pending, undo};
use crate::plan::PlannedTarget;
use crate::recorder::Recorder;
use crate::scenario::types::ExternalId;
use crate::timeline::{EntryKind, Purpose, StopReason, Target, TargetKind};
use crate::wakeup::Pace;

/// Takes back what drills left behind.
///
/// A drill writes into its timeline what it is about to change, before it changes it. When its process was
/// killed, or could not take everything back, this does it from the timeline: running experiments are
/// stopped, alarm states that were set by hand are set back, and templates, rules, subscriptions and queues
/// that firedrill made are deleted. Whatever is gone by now counts as done, each is read back, and all of it
/// is written into the same timeline, so that a second revert has nothing to do and `firedrill report` tells
/// it.
///
/// Events that were put, datapoints, and what runbooks and experiments did on their own (a terminated
/// instance) can't be taken back.
///
/// The account is reached as by `firedrill run`; it must be the account and region where the drill ran. The
/// other targets of its scenario are reached from there, by the role or profile that plan.json names, and must
/// be the accounts that they were. A rehearsal's account is gone with it; only what its requests and programs
/// did is taken back, without any account.
///
/// The programs that take `command` faults back run only with --allow-commands, and the requests that take
/// `http` faults of a rehearsal back are sent only with --allow-http: as when they were injected.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RevertArgs {
    /// Folders of drills or of whole runs, such as reports/RUN.
    #[arg(value_name = "DIR", required_unless_present_any = ["all", "sweep"])]
    pub dirs: Vec<PathBuf>,

    /// Every run in the folder for reports.
    #[arg(long, conflicts_with = "dirs")]
    pub all: bool,

    /// Without any timeline: look through the account for what carries this drill's id, such as
    /// fd-0123456789, in its name, a tag, a comment, a field or a reason: queues, rules, subscriptions,
    /// experiments, templates, alarm states, runbooks, commands, executions, replays, findings in Security
    /// Hub, process checks of AWS Config, and the lock. Not while the drill still runs: while it holds the
    /// lock, nothing is touched. What carries no id is not found this way: a rule that a fault disabled,
    /// samples of GuardDuty, log lines, and what a request or a program changed.
    ///
    /// One account and region is looked through: that of the credentials. With --scenario, each of the
    /// scenario's other targets too.
    #[arg(long, value_name = "ID", value_parser = sweep::drill_id, conflicts_with_all = ["dirs", "all"])]
    pub sweep: Option<String>,

    /// The drill that is swept after is surely gone: do not wait until the lock that it left has run out.
    #[arg(long, requires = "sweep")]
    pub break_lock: bool,

    /// The scenario of the drill that is swept after: its other targets are looked through as well, each
    /// reached by its role or profile.
    #[arg(long, value_name = "FILE", requires = "sweep")]
    pub scenario: Option<PathBuf>,

    /// A value for `${var.NAME}` in that scenario, as NAME=VALUE; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_var, requires = "scenario")]
    pub var: Vec<(String, String)>,

    /// The folder for reports.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,

    /// Run the local programs that take `command` faults back.
    #[arg(long)]
    pub allow_commands: bool,

    /// Send the requests that take `http` faults of a rehearsal back. Those of a drill on a real account are
    /// sent without it, as the drill sent its own.
    #[arg(long)]
    pub allow_http: bool,

    /// How to reach the account.
    #[command(flatten)]
    pub real: RealArgs,

    /// The external id that the role of another target asks for, as NAME=ID; may be given more than once. No
    /// file of a run has it.
    #[arg(long, value_name = "NAME=ID", value_parser = named_secret, help_heading = "Target")]
    pub target_external_id: Vec<(String, Secret)>,
}

/// Reads a target's name and its secret.
fn named_secret(text: &str) -> Result<(String, Secret), String> {
    match text.split_once('=') {
        Some((name, id)) if !name.is_empty() && !id.is_empty() => {
            Ok((name.to_owned(), Secret::from(id.to_owned())))
        }
        _ => Err("write it as NAME=ID, such as security=agreed".to_owned()),
    }
}

/// Runs the verb.
pub fn run(arguments: &RevertArgs) -> Exit {
    permission::allow(arguments);
    let reverted = match &arguments.sweep {
        Some(id) => sweep::run(arguments, id),
        None => from_timelines(arguments),
    };
    reverted.unwrap_or_else(|Refusal(words)| {
        say(&words);
        Exit::Usage
    })
}

fn from_timelines(arguments: &RevertArgs) -> Result<Exit, Refusal> {
    let records = if arguments.all {
        record::all(&arguments.reports)?
    } else {
        record::in_folders(&arguments.dirs)?
    };
    let accounts = connect(arguments, &records)?;
    let mut exit = Exit::Passed;
    for record in records {
        let name = record.name.clone();
        let left = match record.state() {
            State::Rehearsal => {
                say(&format!("{name}: a rehearsal has nothing to revert"));
                continue;
            }
            State::Clean => {
                say(&format!("{name}: nothing is left"));
                continue;
            }
            State::Running => {
                vec![
                    "the drill still runs: end it there, with Ctrl-C, and it reverts itself".into(),
                ]
            }
            State::OwedOutside(target) => rehearsal::take_back(record, target)?,
            State::Open => close(record)?,
            State::Owed(target) => match accounts.iter().find(|(of, _)| *of == target) {
                Some((_, Ok(accounts))) => take_back(arguments, record, accounts)?,
                Some((_, Err(Refusal(words)))) => vec![words.clone()],
                None => unreachable!("each target was connected to"),
            },
        };
        if left.is_empty() {
            say(&format!("{name}: reverted, nothing is left"));
        } else {
            exit = Exit::Unreverted;
            say(&format!("{name}: not everything is reverted\n  {}", left.join("\n  ")));
        }
    }
    Ok(exit)
}

type Reached = Vec<(Target, Result<Accounts, Refusal>)>;

/// The home account of each drill that owes something. Where the drills were named, all must fit;
/// of all runs, those that do not are told and left.
fn connect(arguments: &RevertArgs, records: &[Record]) -> Result<Reached, Refusal> {
    let mut reached: Reached = Vec::new();
    for record in records {
        let State::Owed(target) = record.state() else { continue };
        if reached.iter().any(|(known, _)| *known == target) {
            continue;
        }
        let account = reach(&arguments.real, &target)
            .map_err(|Refusal(words)| Refusal(format!("{}: {words}", record.name)));
        match account {
            Err(refusal) if !arguments.all => return Err(refusal),
            account => reached.push((target, account)),
        }
    }
    Ok(reached)
}

/// Connects to where a drill ran; refuses any other place.
fn reach(real: &RealArgs, target: &Target) -> Result<Accounts, Refusal> {
    let refuse = |words: String| Err(Refusal(format!("{words}; nothing was touched")));
    let Target { account, region, kind } = target;
    match (kind, &real.endpoint_url) {
        (TargetKind::Endpoint, None) => {
            return refuse(
                "the drill ran on an AWS-compatible server: give its --endpoint-url".into(),
            );
        }
        (TargetKind::Aws, Some(_)) => {
            return refuse("the drill ran on AWS itself: leave out --endpoint-url".into());
        }
        (TargetKind::Aws, None) | (TargetKind::Endpoint, Some(_)) => {}
        (TargetKind::Emulator, _) => unreachable!("a rehearsal owes nothing"),
    }
    if real.region.as_ref().is_some_and(|given| given != region) {
        return refuse(format!("the drill ran in {region}: give that --region, or none"));
    }
    let here = RealArgs { region: Some(region.clone()), ..real.clone() };
    let reached = real::reconnect(&here)?;
    if reached.target().account != *account {
        return refuse(format!(
            "the drill ran on account {account}, and these credentials belong to {}: check --profile \
             and --role-arn",
            reached.target().account
        ));
    }
    Ok(reached)
}

/// Undoes what the drill owes; answers what is left, in words.
fn take_back(
    arguments: &RevertArgs,
    record: Record,
    accounts: &Accounts,
) -> Result<Vec<String>, Refusal> {
    let clock = Clock::system();
    let run_id = record.run_id().unwrap_or_default();
    let (others, unreached) = elsewhere(arguments, &record, accounts);
    let recorder = record.resume(clock)?;
    say_gone(&recorder);
    let places = Places::new(accounts.home(), others);
    let (pace, _urgency) = Pace::paced();
    accounts.runtime().block_on(async {
        for change in owed(&recorder) {
            // A target that is not reached stays pending, and is told.
            let Some(here) = places.find(change.target.as_deref()) else { continue };
            let context = Context::new(here, &recorder, &pace, &run_id);
            // A failed undo is in the record; the others are tried all the same.
            let _recorded = undo(context, &change).await;
        }
    });
    let still = owed(&recorder);
    let mut left = finish(&recorder, &still);
    left.extend(unreached);
    left.extend(permission::asked_for(&still, accounts.target().kind));
    Ok(left)
}

/// What is to be taken back, in the order in which that is done.
fn owed(recorder: &Recorder) -> Vec<Pending> {
    let all = Purpose::TO_TAKE_BACK.iter();
    recorder.read(|timeline| all.flat_map(|purpose| pending(timeline, *purpose)).collect())
}

/// The other targets to which a drill owes something, and why some are not reached, in words.
fn elsewhere(
    arguments: &RevertArgs,
    record: &Record,
    accounts: &Accounts,
) -> (Vec<Place>, Vec<String>) {
    let (mut places, mut unreached) = (Vec::new(), Vec::new());
    for name in record.owing_elsewhere() {
        let reached = way_to(arguments, record, &name)
            .and_then(|target| accounts.reach(&arguments.real, &name, &target));
        match reached {
            Ok(place) => places.push(place),
            Err(refusal) => unreached.push(self::unreached(&name, &refusal)),
        }
    }
    (places, unreached)
}

fn unreached(name: &str, Refusal(words): &Refusal) -> String {
    let words = words.replace("nothing was touched", "nothing was touched there");
    format!("the target `{name}` is not reached: {words}")
}

/// How a target is reached: as the drill's plan says, if that is where its timeline says that it was.
fn way_to(arguments: &RevertArgs, record: &Record, name: &str) -> Result<PlannedTarget, Refusal> {
    let plan = record.plan()?;
    let (Some(planned), Some(was)) = (plan.targets.get(name), record.target(name)) else {
        let words = "the drill's plan.json or timeline does not have it\n  revert what is there with \
                     `firedrill revert --sweep ID` and that account's credentials";
        return Err(Refusal(words.to_owned()));
    };
    if planned.account != was.account || planned.region != was.region {
        return Err(Refusal(format!(
            "its plan.json says account {} in {}, and the drill was in {} in {}; nothing was touched",
            planned.account, planned.region, was.account, was.region
        )));
    }
    with_external_id(arguments, name, planned)
}

/// A target with the external id that was given for it, or else that of its scenario.
fn with_external_id(
    arguments: &RevertArgs,
    name: &str,
    planned: &PlannedTarget,
) -> Result<PlannedTarget, Refusal> {
    let mut target = planned.clone();
    if let Some((_, id)) = arguments.target_external_id.iter().find(|(of, _)| of == name) {
        target.external_id = Some(ExternalId::from(id.expose().to_owned()));
    }
    if target.asks_external_id && target.external_id.is_none() {
        return Err(Refusal(format!(
            "its role asks for an external id, which no file of the run has\n  \
             give it with --target-external-id {name}=ID; nothing was touched"
        )));
    }
    Ok(target)
}

/// Ends the record of a drill that owes nothing and was gone before it could say so.
fn close(record: Record) -> Result<Vec<String>, Refusal> {
    let recorder = record.resume(Clock::system())?;
    say_gone(&recorder);
    Ok(finish(&recorder, &owed(&recorder)))
}

/// Notes that the drill's own process did not end it, once.
fn say_gone(recorder: &Recorder) {
    let ended = |kind: &EntryKind| {
        matches!(kind, EntryKind::DrillEnded | EntryKind::Stopping { reason: StopReason::Gone, .. })
    };
    if !recorder.read(|timeline| timeline.iter().any(|entry| ended(&entry.kind))) {
        let detail = "its process was killed or crashed; reverted afterwards".to_owned();
        recorder.record(EntryKind::Stopping { reason: StopReason::Gone, detail });
    }
}

/// Writes down what is left, and that the drill is over; answers what is left.
fn finish(recorder: &Recorder, still: &[Pending]) -> Vec<String> {
    let mut left: Vec<String> =
        recorder.read(|timeline| still.iter().map(|change| change.told(timeline)).collect());
    recorder.record(EntryKind::Reverted { left: left.clone() });
    let ended = |timeline: &[crate::timeline::Entry]| {
        timeline.iter().any(|entry| matches!(entry.kind, EntryKind::DrillEnded))
    };
    if !recorder.read(ended) {
        recorder.record(EntryKind::DrillEnded);
    }
    if let Some(failure) = recorder.failure() {
        left.push(format!("the timeline can't be written: {failure}"));
    }
    left
}
