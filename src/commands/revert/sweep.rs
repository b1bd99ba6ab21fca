//! `firedrill revert --sweep ID`: what carries a drill's id, when even its timeline is lost.
//!
//! Main function: [`run`]. Invariant: what is done is on a record of its own before it is done.

use std::fs::{self, File};

use super::super::output::{TimelineFile, say};
use super::super::real;
use super::super::run::Refusal;
use super::RevertArgs;
use crate::cli::Exit;
use crate::clock::Clock;
use crate::context::Context;
use crate::faults::revert::{sweep, undo};
use crate::recorder::Recorder;
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

/// Looks for what carries the id, and undoes it.
pub(super) fn run(arguments: &RevertArgs, id: &str) -> Result<Exit, Refusal> {
    let accounts = real::reconnect(&arguments.real)?;
    let target = accounts.target();
    say(&format!("looking for {id} in account {}, {}", target.account, target.region));
    let clock = Clock::system();
    let path = arguments
        .reports
        .join(format!("sweep-{id}-{}.jsonl", clock.now().strftime("%Y%m%dT%H%M%S%3fZ")));
    let failed = |error: std::io::Error| {
        let path = path.display();
        Refusal(format!("the record {path} can't be written: {error}; nothing was touched"))
    };
    fs::create_dir_all(&arguments.reports).map_err(failed)?;
    let file = File::create_new(&path).map_err(failed)?;
    let mut file = TimelineFile::resume(file, 0, false).map_err(failed)?;
    let recorder = Recorder::resume(clock, Vec::new(), Box::new(move |entry| file.append(entry)));
    let home = accounts.home();
    let (pace, _urgency) = Pace::paced();
    let context = Context::new(&home, &recorder, &pace, id);
    let (done, left) = accounts.runtime().block_on(async {
        let (found, mut left) = sweep(context).await;
        let mut done = 0;
        for change in &found {
            match undo(context, change).await {
                Ok(()) => done += 1,
                Err(error) => left.push(format!("{}: {error}", change.describe())),
            }
        }
        (done, left)
    });
    say(&format!("{done} of what carried {id} is taken back; record: {}", path.display()));
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
