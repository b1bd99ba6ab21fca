//! The record of a drill that may be over, crashed or still going on: found, read, gone on with.
//!
//! Main type: [`Record`]. Invariants: a record that another process holds is only looked at; what is whole
//! in it is never changed, only what a crash cut off at its end is taken away before anything is added.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::output::TimelineFile;
use super::super::report::{PLAN_FILE, TIMELINE_FILE};
use super::super::run::Refusal;
use super::permission::is_outside;
use crate::clock::Clock;
use crate::faults::revert::{Pending, pending};
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::timeline::{Entry, EntryKind, Purpose, Target, TargetKind, parse_lines};

/// A larger timeline is not read, in bytes: that of a day-long drill is a few megabytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The most drills that are looked at in one go.
const MOST: usize = 10_000;

/// The record of one drill.
#[derive(Debug)]
pub(super) struct Record {
    /// The drill's folder, as people are told.
    pub(super) name: String,
    folder: PathBuf,
    file: File,
    entries: Vec<Entry>,
    /// How long the part is that can be read, and whether a line feed is missing after it.
    whole: u64,
    unended: bool,
    running: bool,
}

/// What a drill owes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It ran on the emulated account, which is gone.
    Rehearsal,
    /// It ran there, and what its requests or programs changed outside is not taken back.
    OwedOutside(Target),
    /// Its process is still there.
    Running,
    /// Changes that are not taken back, in this account and region.
    Owed(Target),
    /// Nothing, but it was gone before it could say so.
    Open,
    /// Nothing.
    Clean,
}

/// The records in every run of a folder for reports.
pub(super) fn all(reports: &Path) -> Result<Vec<Record>, Refusal> {
    let mut records = Vec::new();
    for run in folders(reports).map_err(|error| unreadable(reports, &error))? {
        records.extend(in_run(&run)?);
    }
    Ok(records)
}

/// The records in these folders, each of a drill or of a run.
pub(super) fn in_folders(dirs: &[PathBuf]) -> Result<Vec<Record>, Refusal> {
    let mut records: Vec<Record> = Vec::new();
    for dir in dirs {
        let found = if dir.join(TIMELINE_FILE).is_file() { vec![open(dir)?] } else { in_run(dir)? };
        if found.is_empty() {
            return Err(Refusal(format!(
                "{}: neither it nor a folder in it has a {TIMELINE_FILE}\n  name the folder of a run or \
                 of a drill, such as reports/RUN; where the timeline is lost, look for what carries the \
                 drill's id with --sweep",
                dir.display()
            )));
        }
        for one in found {
            if !records.iter().any(|known| known.name == one.name) {
                records.push(one);
            }
        }
    }
    Ok(records)
}

fn in_run(run: &Path) -> Result<Vec<Record>, Refusal> {
    let drills = folders(run).map_err(|error| unreadable(run, &error))?;
    drills
        .iter()
        .filter(|drill| drill.join(TIMELINE_FILE).is_file())
        .map(|drill| open(drill))
        .collect()
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && found.len() < MOST {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: &io::Error) -> Refusal {
    let path = path.display();
    Refusal(format!("{path} can't be read: {error}\n  check the path and its permissions"))
}

/// Opens the record of a drill, and holds it if nobody else does.
fn open(folder: &Path) -> Result<Record, Refusal> {
    let path = folder.join(TIMELINE_FILE);
    let failed = |error: &io::Error| {
        let path = path.display();
        Refusal(format!(
            "{path} can't be read and written: {error}\n  what is undone must go on the record: check \
             its permissions; nothing was touched"
        ))
    };
    let mut file =
        OpenOptions::new().read(true).append(true).open(&path).map_err(|error| failed(&error))?;
    let running = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    let mut text = Vec::new();
    file.by_ref().take(LARGEST).read_to_end(&mut text).map_err(|error| failed(&error))?;
    let lines = parse_lines(&text).map_err(|error| {
        let path = path.display();
        Refusal(format!(
            "{path} is corrupt: {error}\n  only a last line may be cut off; restore the file as the run \
             wrote it, or look for what carries the drill's id with --sweep"
        ))
    })?;
    let ended = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = if lines.cut_off.is_some() { ended } else { text.len() };
    Ok(Record {
        name: folder.display().to_string(),
        folder: folder.to_owned(),
        file,
        entries: lines.entries,
        whole: whole as u64,
        unended: whole != ended,
        running,
    })
}

/// Whether an entry announces a change beside the account.
fn changes_outside(entry: &Entry) -> bool {
    matches!(&entry.kind, EntryKind::Intent { undo: Some(undo), .. } if is_outside(undo))
}

/// What is to be taken back beside the account, newest first.
pub(super) fn owed_outside(timeline: &[Entry]) -> impl Iterator<Item = Pending> + use<> {
    pending(timeline, Purpose::Inject).into_iter().filter(|change| is_outside(&change.undo))
}

impl Record {
    /// When the last entry was written.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.entries.last().map(|entry| entry.at)
    }

    /// The drill's id; nothing where it had not even begun.
    pub(super) fn run_id(&self) -> Option<String> {
        self.entries.iter().find_map(|entry| match &entry.kind {
            EntryKind::DrillStarted { run_id, .. } => Some(run_id.clone()),
            _ => None,
        })
    }

    /// The drill's plan.
    pub(super) fn plan(&self) -> Result<Plan, Refusal> {
        let path = self.folder.join(PLAN_FILE);
        let unreadable = |why: String| {
            let path = path.display();
            Refusal(format!(
                "{path} can't be read: {why}\n  without it nobody knows the way; revert what is there with \
                 `firedrill revert --sweep ID` and that account's credentials"
            ))
        };
        let mut text = Vec::new();
        let file = File::open(&path).map_err(|error| unreadable(error.to_string()))?;
        file.take(LARGEST).read_to_end(&mut text).map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))
    }

    /// Where one of the drill's other targets was.
    pub(super) fn target(&self, name: &str) -> Option<&Target> {
        self.entries.iter().find_map(|entry| match &entry.kind {
            EntryKind::DrillStarted { targets, .. } => targets.get(name),
            _ => None,
        })
    }

    /// The names of the other targets where a change is not taken back.
    pub(super) fn owing_elsewhere(&self) -> BTreeSet<String> {
        let all = Purpose::TO_TAKE_BACK.iter();
        all.flat_map(|purpose| pending(&self.entries, *purpose))
            .filter_map(|change| change.target)
            .collect()
    }

    /// What the drill owes.
    pub(super) fn state(&self) -> State {
        let begun = self.entries.iter().find_map(|entry| match &entry.kind {
            EntryKind::DrillStarted { target, .. } => Some(target),
            _ => None,
        });
        // Nothing is announced before the drill has begun, so nothing was changed.
        let Some(target) = begun else { return State::Clean };
        let rehearsed = target.kind == TargetKind::Emulator;
        if rehearsed && !self.entries.iter().any(changes_outside) {
            return State::Rehearsal;
        }
        if self.running {
            return State::Running;
        }
        if rehearsed {
            let owes = owed_outside(&self.entries).next().is_some();
            return if owes { State::OwedOutside(target.clone()) } else { State::Clean };
        }
        let owes = |purpose: &Purpose| !pending(&self.entries, *purpose).is_empty();
        if Purpose::TO_TAKE_BACK.iter().any(owes) {
            return State::Owed(target.clone());
        }
        let ended = |entry: &Entry| matches!(entry.kind, EntryKind::DrillEnded);
        let says_left = self.entries.iter().rev().find_map(|entry| match &entry.kind {
            EntryKind::Reverted { left } => Some(!left.is_empty()),
            _ => None,
        });
        if self.entries.iter().any(ended) && says_left != Some(true) {
            State::Clean
        } else {
            State::Open
        }
    }

    /// Goes on with the record: what a crash cut off is taken away, and what is new is added on disk.
    pub(super) fn resume(self, clock: Clock) -> Result<Recorder, Refusal> {
        let Self { name, file, entries, whole, unended, .. } = self;
        let failed = |error: io::Error| {
            Refusal(format!("{name}: the timeline can't be written: {error}; nothing was touched"))
        };
        let mut file = TimelineFile::resume(file, whole, unended).map_err(failed)?;
        Ok(Recorder::resume(clock, entries, Box::new(move |entry| file.append(entry))))
    }
}
