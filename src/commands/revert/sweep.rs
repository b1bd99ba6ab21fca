//! `firedrill revert --sweep ID`: what carries a drill's id, when even its timeline is lost.
//!
//! Main function: [`run`]. Invariants: what is done is on a record of its own before it is done; a place that
//! could not be looked through is named and counts as left behind; nothing of a drill that may still run is
//! touched, as long as its lock says so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::output::{TimelineFile, say};
use super::super::prepare::Workshop;
use super::super::real::{self, Accounts};
use super::super::run::Refusal;
use super::super::values::values;
use super::RevertArgs;
use crate::cli::Exit;
use crate::clock::Clock;
use crate::context::{Context, Place};
use crate::diagnostic::Severity;
use crate::faults::lock::held_until;
use crate::faults::revert::{sweep, undo};
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::timeline::Target;
use crate::wakeup::Pace;

/// Reads a drill's id: `fd-` and ten hexadecimal digits, as names and tags have it.
pub(super) fn drill_id(text: &str) -> Result<String, String> {
    let plain = |letter: u8| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase();
    let fits =
        text.strip_prefix("fd-").is_some_and(|rest| rest.len() == 10 && rest.bytes().all(plain));
    if fits {
        return Ok(text.to_owned());
    }
    Err("a drill's id is like fd-0123456789: queues and rules have it in their names, experiments in \
         their tag `firedrill:run`"
        .to_owned())
}

/// Looks for what carries the id at every place, and undoes it.
pub(super) fn run(arguments: &RevertArgs, id: &str) -> Result<Exit, Refusal> {
    let plan = arguments.scenario.as_ref().map(|file| planned(arguments, file, id)).transpose()?;
    let accounts = real::reconnect(&arguments.real)?;
    let (places, mut left) = places(arguments, plan.as_ref(), &accounts)?;
    let (recorder, path) = record(arguments, id)?;
    let mut done = 0;
    for place in &places {
        let Target { account, region, .. } = &place.target;
        say(&format!("looking for {id} in account {account}, {region}{}", place.suffix()));
        let swept = swept(place, &recorder, (id, arguments.break_lock));
        let (more, still) = accounts.runtime().block_on(swept);
        done += more;
        left.extend(still);
    }
    say(&format!("{done} of what carried {id} is taken back; record: {}", path.display()));
    if plan.is_none() {
        say(
            "no other account or region was looked through; --scenario FILE adds the drill's other targets",
        );
    }
    say(
        "what carries no id was not looked for: a rule that a fault disabled, samples of GuardDuty, log \
         lines, and what a request or a program changed",
    );
    if left.is_empty() {
        say("nothing else is left");
        return Ok(Exit::Passed);
    }
    say(&format!("not everything is reverted\n  {}", left.join("\n  ")));
    Ok(Exit::Unreverted)
}

/// The plan of the drill that is swept after, for its targets.
fn planned(arguments: &RevertArgs, file: &Path, id: &str) -> Result<Plan, Refusal> {
    let mut workshop = Workshop::new(0);
    let Some(prepared) = workshop.prepare(file, &values(&arguments.var, id), false) else {
        let told: String =
            workshop.told(Severity::Error).map(|found| workshop.render(found)).collect();
        return Err(Refusal(format!("{told}nothing was touched: mend the errors above first")));
    };
    Plan::new(&prepared.scenario, &prepared.file, id)
        .map_err(|problem| Refusal(format!("{}: {problem}; nothing was touched", prepared.file)))
}

/// The places to look through: home, and the plan's other targets; and why some are not reached, in words.
fn places(
    arguments: &RevertArgs,
    plan: Option<&Plan>,
    accounts: &Accounts,
) -> Result<(Vec<Place>, Vec<String>), Refusal> {
    let (mut places, mut unreached) = (vec![accounts.home()], Vec::new());
    let Some(plan) = plan else { return Ok((places, unreached)) };
    let Target { account, region, .. } = accounts.target();
    let guardrails = &plan.guardrails;
    if !guardrails.accounts.contains(&account) || !guardrails.regions.contains(&region) {
        return Err(Refusal(format!(
            "account {account} in {region} is none that the guardrails of {} name, so the drill was not there\n  \
             check --profile, --role-arn and --region, or leave out --scenario; nothing was touched",
            plan.scenario.file
        )));
    }
    for (name, target) in &plan.targets {
        let reached = super::with_external_id(arguments, name, target)
            .and_then(|target| accounts.reach(&arguments.real, name, &target));
        match reached {
            Ok(place) => places.push(place),
            Err(refusal) => unreached.push(super::unreached(name, &refusal)),
        }
    }
    Ok((places, unreached))
}

/// A record of its own, in the folder for reports; and where it is.
fn record(arguments: &RevertArgs, id: &str) -> Result<(Recorder, PathBuf), Refusal> {
    let clock = Clock::system();
    let name = format!("sweep-{id}-{}.jsonl", clock.now().strftime("%Y%m%dT%H%M%S%3fZ"));
    let path = arguments.reports.join(name);
    let failed = |error: std::io::Error| {
        let path = path.display();
        Refusal(format!("the record {path} can't be written: {error}; nothing was touched"))
    };
    fs::create_dir_all(&arguments.reports).map_err(failed)?;
    let file = File::create_new(&path).map_err(failed)?;
    let mut file = TimelineFile::resume(file, 0, false).map_err(failed)?;
    let sink = Box::new(move |entry: &_| file.append(entry));
    Ok((Recorder::resume(clock, Vec::new(), sink), path))
}

/// Looks through one place: how much is taken back, and what is left or could not be looked for.
async fn swept(
    here: &Place,
    recorder: &Recorder,
    (id, break_lock): (&str, bool),
) -> (usize, Vec<String>) {
    let (pace, _urgency) = Pace::paced();
    let context = Context::new(here, recorder, &pace, id);
    // A lock that can't be read is told by the sweep itself; drills without one are nobody's to know.
    if !break_lock && let Ok(Some(until)) = held_until(context).await {
        let words = format!(
            "{id} may still run{}: it holds the lock until {until}; wait until then, or add --break-lock if the \
             drill is surely gone",
            here.suffix()
        );
        return (0, vec![words]);
    }
    let (found, unseen) = sweep(context).await;
    let mut left: Vec<String> =
        unseen.into_iter().map(|words| format!("{words}{}", here.suffix())).collect();
    let mut done = 0;
    for change in &found {
        match undo(context, change).await {
            Ok(()) => done += 1,
            Err(error) => left.push(format!("{}: {error}", change.describe())),
        }
    }
    (done, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_drills_id_is_swept() {
        assert_eq!(drill_id("fd-0123456789"), Ok("fd-0123456789".to_owned()));
        for wrong in
            ["", "fd-", "fd-*", "firedrill", "fd-0123456789a", "fd-012345678G", "FD-0123456789"]
        {
            assert!(drill_id(wrong).is_err(), "{wrong}");
        }
    }
}
