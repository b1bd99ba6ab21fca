//! The progress of a drill in words, and in plain lines where there is no terminal.
//!
//! Main functions and types: [`words`] and [`Plain`]. Invariant: while a drill goes on, a line is written at
//! least once a minute, and no more than [`MOST_LINES`] for what is observed.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::output::say;
use crate::clock::Clock;
use crate::timeline::{Entry, EntryKind};

/// The longest silence.
const SILENCE: Duration = Duration::from_mins(1);

/// No more lines than this for the observations of one drill: an event that comes a thousand times is told in
/// the report.
pub const MOST_LINES: usize = 200;

/// What an entry says about how far a drill is; nothing where it is no progress.
pub fn words(entry: &EntryKind) -> Option<String> {
    Some(match entry {
        EntryKind::DrillStarted { .. } => "looking at the steady state".to_owned(),
        EntryKind::FaultStarted { fault, .. } => format!("fault {fault} took effect"),
        EntryKind::FaultFailed { fault, reason, .. } => format!("fault {fault} failed: {reason}"),
        EntryKind::FaultEnded { fault, state, .. } => format!("fault {fault} is {state}"),
        EntryKind::Observation(seen) => seen.summary.clone(),
        EntryKind::Blind { reason, .. } => format!("can't look: {reason}"),
        EntryKind::Stopping { detail, .. } => format!("stopping: {detail}"),
        EntryKind::Reverting => "reverting".to_owned(),
        EntryKind::DrillEnded
        | EntryKind::Preflight { .. }
        | EntryKind::ObserverArmed { .. }
        | EntryKind::SteadyState { .. }
        | EntryKind::Intent { .. }
        | EntryKind::Receipt { .. }
        | EntryKind::Looked { .. }
        | EntryKind::ClockSkew { .. }
        | EntryKind::Calls { .. }
        | EntryKind::Reverted { .. } => return None,
    })
}

/// The plain lines of one drill.
#[derive(Debug)]
pub struct Plain {
    name: String,
    started: Option<Timestamp>,
    last: String,
    observed: usize,
    /// Each line puts the next sign of life off; without the drill there is none.
    alive: mpsc::Sender<Timestamp>,
}

impl Plain {
    /// The lines of this drill.
    pub fn new(name: &str) -> Self {
        let (alive, heard) = mpsc::channel();
        let shown = name.to_owned();
        let beat = thread::Builder::new().name("progress".to_owned());
        // Without a thread for it there is no sign of life, and the drill goes on all the same.
        let _silent = beat.spawn(move || signs_of_life(&shown, &heard));
        Self { name: name.to_owned(), started: None, last: String::new(), observed: 0, alive }
    }

    /// Tells what an entry says, if it is notable.
    pub fn show(&mut self, entry: &Entry) {
        let started = *self.started.get_or_insert(entry.at);
        let Some(line) = self.line(entry) else { return };
        say(&format!("{} {} {line}", self.name, offset(entry.at.duration_since(started))));
        // Nobody is left to be told once the thread is gone.
        let _unheard = self.alive.send(started);
    }

    /// The words of an entry that are told: not twice in a row, and not without end.
    fn line(&mut self, entry: &Entry) -> Option<String> {
        let words = words(&entry.kind)?;
        if words == self.last {
            return None;
        }
        self.last.clone_from(&words);
        if matches!(entry.kind, EntryKind::Observation(_) | EntryKind::Blind { .. }) {
            self.observed += 1;
            return match self.observed {
                ..=MOST_LINES => Some(words),
                _ if self.observed == MOST_LINES + 1 => {
                    Some("more is observed, and told in the report".to_owned())
                }
                _ => None,
            };
        }
        Some(words)
    }
}

/// Says that the drill goes on whenever nothing else was said for a while, until the drill is over.
fn signs_of_life(name: &str, heard: &mpsc::Receiver<Timestamp>) {
    let clock = Clock::system();
    let mut started = clock.now();
    loop {
        match heard.recv_timeout(SILENCE) {
            Ok(known) => started = known,
            Err(RecvTimeoutError::Timeout) => {
                say(&format!("{name} {} goes on", offset(clock.now().duration_since(started))));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How far into the drill: `+7m 3s`.
fn offset(since: SignedDuration) -> String {
    let seconds = u64::try_from(since.as_secs()).unwrap_or_default();
    format!("+{}", humantime::format_duration(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind) -> Entry {
        Entry { at: Timestamp::UNIX_EPOCH, kind }
    }

    fn blind(reason: &str) -> Entry {
        let line = serde_json::json!({
            "at": Timestamp::UNIX_EPOCH, "entry": "fault_failed", "fault": reason, "reason": reason,
        });
        serde_json::from_value(line).expect("it is an entry")
    }

    #[test]
    fn notable_moments_are_told_and_none_twice_in_a_row() {
        let mut plain = Plain::new("drill");
        assert_eq!(plain.line(&entry(EntryKind::Reverting)), Some("reverting".to_owned()));
        assert_eq!(plain.line(&entry(EntryKind::Reverting)), None);
        assert_eq!(plain.line(&blind("a")), Some("fault a failed: a".to_owned()));
        assert_eq!(plain.line(&entry(EntryKind::DrillEnded)), None);
        assert_eq!(plain.line(&entry(EntryKind::Reverting)), Some("reverting".to_owned()));
    }

    #[test]
    fn a_flood_of_observations_ends_in_one_line_that_says_so() {
        let mut plain = Plain::new("drill");
        let mut told = Vec::new();
        for (_, timeline) in [crate::report::fixture::vpn()] {
            let seen = timeline.into_iter().find_map(|entry| match entry.kind {
                EntryKind::Observation(seen) => Some(seen),
                _ => None,
            });
            let seen = seen.expect("something was seen");
            for number in 0..MOST_LINES + 10 {
                let mut seen = seen.clone();
                seen.summary = format!("event {number}");
                told.extend(plain.line(&entry(EntryKind::Observation(seen))));
            }
        }
        assert_eq!(told.len(), MOST_LINES + 1);
        assert_eq!(
            told.last().map(String::as_str),
            Some("more is observed, and told in the report")
        );
    }

    #[test]
    fn an_offset_is_whole_seconds() {
        assert_eq!(offset(SignedDuration::from_millis(423_900)), "+7m 3s");
        assert_eq!(offset(SignedDuration::from_millis(-5)), "+0s");
    }
}
