//! `firedrill report DIR`: makes the reports of an earlier run again, offline, to the byte.
//!
//! Main function: [`remake`]. A run's directory holds `run.json`, and per drill a folder with `plan.json`
//! and `timeline.jsonl`; everything else is made from them by [`report::files`], here and by the run
//! itself. Invariant: only these three are read, only the report's own files are written, and nothing is
//! written unless all of them could be made.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::say;
use super::outside;
use super::run::dry_run;
use crate::cli::Exit;
use crate::judge::Outcome;
use crate::plan::Plan;
use crate::report::{self, Report, RunInfo};
use crate::timeline::{Entry, EntryKind, LineError, TargetKind, parse_lines};

/// What is known of a run besides its drills.
pub const RUN_FILE: &str = "run.json";
/// The plan of a drill, in its own folder.
pub const PLAN_FILE: &str = "plan.json";
/// The timeline of a drill, in its own folder.
pub const TIMELINE_FILE: &str = "timeline.jsonl";

/// A larger file is not read: the timeline of a day-long drill is a few megabytes.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Makes the reports of an earlier run again from its plans and timelines.
///
/// The run's directory (`reports/<run>`) holds what happened: `run.json`, and a folder per drill with
/// `plan.json` and `timeline.jsonl`. From these alone, without an account, `report.json`, `report.md`,
/// `junit.xml` and `mttr.md` are written again, byte for byte the same. Use it after an upgrade, after a
/// crash, or to check a report that somebody hands you.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ReportArgs {
    /// The directory of the run.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Runs the verb.
pub fn run(arguments: &ReportArgs) -> Exit {
    match remake(arguments) {
        Ok(remade) => {
            for note in &remade.notes {
                say(&format!("note: {note}"));
            }
            for file in &remade.files {
                say(&format!("wrote {}", file.display()));
            }
            say(report::console::summary(&remade.report).trim_end());
            say(&remade.way_out.unwrap_or_default());
            Exit::Passed
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            say(&format!("error: {error}{}\n  {}", cause.unwrap_or_default(), error.hint()));
            Exit::Usage
        }
    }
}

/// What was made again.
#[derive(Debug)]
pub struct Remade {
    /// The report.
    pub report: Report,
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// What a person should know: a record that a crash cut off, a drill that left none.
    pub notes: Vec<String>,
    /// How to take back what a drill left behind, where one did.
    pub way_out: Option<String>,
}

/// Why the reports could not be made again.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file can't be read.
    #[error("`{}` can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any that firedrill writes.
    #[error("`{}` has {size} bytes, more than the {LARGEST_FILE} that are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A file is not what it should be.
    #[error("`{}` is not what firedrill writes: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A timeline has a line that is not an entry.
    #[error("`{}` is corrupt", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        source: LineError,
    },
    /// The run names a drill folder that is not inside its directory.
    #[error("`{}` names the drill folder `{name}`, which is not a plain name", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The run was a dry run.
    #[error("this was a dry run: nothing was injected, so there is nothing to report; it is told in `{}`", path.display())]
    DryRun {
        /// Its words.
        path: PathBuf,
    },
    /// The run was a dry run that was killed before it could tell what it saw.
    #[error("this was a dry run that was gone before its end: nothing was injected, so there is nothing to report; what it saw is in `{}`", path.display())]
    DryRunCutShort {
        /// The timeline of a drill that began.
        path: PathBuf,
    },
    /// A file can't be written.
    #[error("`{}` can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ReportError {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { path, source }
                if path.ends_with(RUN_FILE) && source.kind() == io::ErrorKind::NotFound =>
            {
                "point at the directory of one run, such as `reports/<run>`: it holds `run.json`"
            }
            Self::DryRun { .. } => {
                "read that file; `firedrill run` without --dry-run makes what can be reported"
            }
            Self::DryRunCutShort { .. } => {
                "run it again; `firedrill revert` takes back what it may have left, such as its lock"
            }
            Self::Read { .. } => "check that the file is there and may be read",
            Self::TooLarge { .. } | Self::Malformed { .. } | Self::Folder { .. } => {
                "restore the file as the run wrote it; firedrill does not guess what happened"
            }
            Self::Line { .. } => {
                "only a last line may be cut off; restore the file as the run wrote it"
            }
            Self::Write { .. } => {
                "check that the directory may be written and the disk is not full"
            }
        }
    }
}

/// Reads a run, makes its report and writes the files.
///
/// # Errors
/// A file can't be read, is not what firedrill writes, or can't be written.
pub fn remake(args: &ReportArgs) -> Result<Remade, ReportError> {
    let (run, drills, notes) = read(&args.dir)?;
    let rehearsed = run.target.kind == TargetKind::Emulator;
    let way_out = outside::way_out(&args.dir, drills.iter().map(|(plan, _)| plan), rehearsed);
    let report = Report::new(run, drills);
    let files = write(&args.dir, &report)?;
    let way_out = way_out.filter(|_| report.totals.outcome == Outcome::Unreverted);
    Ok(Remade { report, files, notes, way_out })
}

/// Writes every file of a report into a run's directory; answers their paths.
///
/// # Errors
/// A file can't be written.
pub fn write(dir: &Path, report: &Report) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = Vec::new();
    for (name, text) in report::files(report) {
        let path = dir.join(name);
        fs::write(&path, text)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
        paths.push(path);
    }
    Ok(paths)
}

/// Writes `run.json` or `plan.json`, as [`remake`] reads it.
///
/// # Errors
/// The file can't be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ReportError> {
    let written = serde_json::to_string_pretty(value)
        .map_err(io::Error::from)
        .and_then(|text| fs::write(path, text + "\n"));
    written.map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

type Run = (RunInfo, Vec<(Plan, Vec<Entry>)>, Vec<String>);

fn read(dir: &Path) -> Result<Run, ReportError> {
    let mut notes = Vec::new();
    let path = dir.join(RUN_FILE);
    let known: Option<RunInfo> = match bytes(&path) {
        Ok(text) => Some(parse(&path, &text)?),
        Err(ReportError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let names = match &known {
        Some(run) => run.drills.clone(),
        None => folders(dir)?,
    };
    let (mut drills, mut told) = (Vec::new(), Vec::new());
    for name in names {
        let mut components = Path::new(&name).components();
        if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
            return Err(ReportError::Folder { path, name });
        }
        let folder = dir.join(&name);
        let words = folder.join(dry_run::FILE);
        if words.is_file() {
            return Err(ReportError::DryRun { path: words });
        }
        let Some(text) = if_there(bytes(&folder.join(PLAN_FILE)))? else {
            notes.push(format!("drill `{name}` left no plan: it did not start, and is not told"));
            continue;
        };
        let plan: Plan = parse(&folder.join(PLAN_FILE), &text)?;
        let path = folder.join(TIMELINE_FILE);
        let entries = timeline(&path, &name, &mut notes)?;
        if entries
            .iter()
            .any(|entry| matches!(entry.kind, EntryKind::DrillStarted { dry_run: true, .. }))
        {
            return Err(ReportError::DryRunCutShort { path });
        }
        drills.push((plan, entries));
        told.push(name);
    }
    let run = if let Some(run) = known {
        RunInfo { drills: told, ..run }
    } else {
        notes.push(format!("there is no `{RUN_FILE}`, as after a crash: told from its drills"));
        let missing = || ReportError::Read { path, source: io::ErrorKind::NotFound.into() };
        salvage(dir, told, &drills).ok_or_else(missing)?
    };
    Ok((run, drills, notes))
}

/// The drill folders of a run that a crash kept from writing `run.json`, by name.
fn folders(dir: &Path) -> Result<Vec<String>, ReportError> {
    let failed = |source| ReportError::Read { path: dir.join(RUN_FILE), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().join(PLAN_FILE).is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What the timelines themselves say of the run; nothing where no drill began.
fn salvage(dir: &Path, told: Vec<String>, drills: &[(Plan, Vec<Entry>)]) -> Option<RunInfo> {
    let first = drills.iter().filter_map(|(_, timeline)| timeline.first());
    let started = first.map(|entry| entry.at).min()?;
    let target = drills.iter().flat_map(|(_, timeline)| timeline).find_map(|entry| {
        let EntryKind::DrillStarted { target, .. } = &entry.kind else { return None };
        Some(target.clone())
    })?;
    let id = dir.file_name().map_or("run".into(), |name| name.to_string_lossy()).into_owned();
    let (versions, seed) = (IndexMap::new(), None);
    Some(RunInfo { id, started, ended: None, target, versions, seed, drills: told })
}

fn timeline(path: &Path, name: &str, notes: &mut Vec<String>) -> Result<Vec<Entry>, ReportError> {
    let Some(text) = if_there(bytes(path))? else {
        notes.push(format!("drill `{name}` left no timeline: nothing is known of it"));
        return Ok(Vec::new());
    };
    let lines =
        parse_lines(&text).map_err(|source| ReportError::Line { path: path.to_owned(), source })?;
    if let Some(line) = lines.cut_off {
        let path = path.display();
        notes
            .push(format!("`{path}` is cut off in line {line}, as by a crash: that entry is lost"));
    }
    Ok(lines.entries)
}

fn bytes(path: &Path) -> Result<Vec<u8>, ReportError> {
    let failed = |source| ReportError::Read { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_FILE {
        return Err(ReportError::TooLarge { path: path.to_owned(), size });
    }
    fs::read(path).map_err(failed)
}

fn if_there(bytes: Result<Vec<u8>, ReportError>) -> Result<Option<Vec<u8>>, ReportError> {
    match bytes {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReportError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, ReportError> {
    serde_json::from_slice(text).map_err(|error| ReportError::Malformed {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// A run's directory as a run leaves it.
    fn run_directory() -> (tempfile::TempDir, ReportArgs) {
        let dir = tempfile::tempdir().expect("a directory");
        let run = fixture::run();
        write_json(&dir.path().join(RUN_FILE), &run).expect("written");
        for (name, (plan, entries)) in
            run.drills.iter().zip([fixture::vpn(), fixture::deployment()])
        {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).expect("created");
            write_json(&folder.join(PLAN_FILE), &plan).expect("written");
            let lines: String = entries.iter().map(Entry::to_line).collect();
            fs::write(folder.join(TIMELINE_FILE), lines).expect("written");
        }
        let args = ReportArgs { dir: dir.path().to_owned() };
        (dir, args)
    }

    #[test]
    fn a_report_made_again_is_the_same_bytes() {
        let (dir, args) = run_directory();
        let first = fixture::report();
        write(dir.path(), &first).expect("written");
        let before: Vec<Vec<u8>> = report::files(&first)
            .iter()
            .map(|(name, _)| fs::read(dir.path().join(name)).expect("there"))
            .collect();
        let remade = remake(&args).expect("made again");
        assert_eq!(remade.report, first);
        assert_eq!(remade.notes, Vec::<String>::new());
        assert_eq!(remade.way_out, None, "a rehearsal leaves nothing in an account");
        assert_eq!(remade.files.len(), before.len());
        for (path, before) in remade.files.iter().zip(before) {
            assert_eq!(fs::read(path).expect("there"), before, "{}", path.display());
        }
    }

    #[test]
    fn what_a_drill_left_in_an_account_is_told_with_the_way_out() {
        let (dir, args) = run_directory();
        let mut run = fixture::run();
        run.target.kind = TargetKind::Aws;
        write_json(&dir.path().join(RUN_FILE), &run).expect("written");
        let remade = remake(&args).expect("made again");
        assert_eq!(remade.report.totals.outcome, Outcome::Unreverted);
        let way_out = remade.way_out.expect("it is told");
        let command = format!("`firedrill revert {}` takes back", dir.path().display());
        assert!(way_out.starts_with(&command), "{way_out}");
    }

    #[test]
    fn a_timeline_that_a_crash_cut_off_is_told_and_judged_as_it_stands() {
        let (dir, args) = run_directory();
        let path = dir.path().join("vpn-tunnel-down").join(TIMELINE_FILE);
        let mut text = fs::read(&path).expect("there");
        text.truncate(text.len() - 7);
        fs::write(&path, text).expect("written");
        let remade = remake(&args).expect("made again");
        assert_eq!(remade.notes.len(), 1);
        assert!(remade.notes[0].contains("is cut off in line"), "{:?}", remade.notes);
        assert_eq!(remade.report.drills[0].ended, None);
    }

    #[test]
    fn a_corrupt_line_is_an_error_with_its_number_and_nothing_is_written() {
        let (dir, args) = run_directory();
        let path = dir.path().join("bad-deployment").join(TIMELINE_FILE);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text.replacen('{', "[", 1)).expect("written");
        let error = remake(&args).expect_err("refused");
        let cause = std::error::Error::source(&error).expect("the line").to_string();
        assert!(cause.starts_with("line 1 of the timeline is not an entry"), "{cause}");
        assert!(!dir.path().join("report.json").exists());
    }

    #[test]
    fn a_drill_without_a_record_is_named() {
        let (dir, args) = run_directory();
        fs::remove_dir_all(dir.path().join("vpn-tunnel-down")).expect("removed");
        fs::remove_file(dir.path().join("bad-deployment").join(TIMELINE_FILE)).expect("removed");
        let remade = remake(&args).expect("made again");
        assert_eq!(remade.notes.len(), 2);
        assert_eq!(remade.report.drills.len(), 1);
        assert_ne!(remade.report.totals.outcome, crate::judge::Outcome::Passed);
    }

    #[test]
    fn a_run_that_crashed_before_its_end_is_told_from_its_drills() {
        let (dir, args) = run_directory();
        fs::remove_file(dir.path().join(RUN_FILE)).expect("removed");
        let remade = remake(&args).expect("made again");
        assert_eq!(remade.notes.len(), 1);
        assert_eq!(remade.report.run.drills, ["bad-deployment", "vpn-tunnel-down"]);
        assert_eq!(remade.report.run.ended, None);
        assert_eq!(remade.report.totals.outcome, fixture::report().totals.outcome);
    }

    #[test]
    fn a_folder_outside_the_run_is_refused() {
        for name in ["..", "../elsewhere", "/etc", "a/b", ""] {
            let (dir, args) = run_directory();
            let run = RunInfo { drills: vec![name.to_owned()], ..fixture::run() };
            write_json(&dir.path().join(RUN_FILE), &run).expect("written");
            let error = remake(&args).expect_err("refused");
            assert!(matches!(error, ReportError::Folder { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_directory_that_is_no_run_says_what_to_point_at() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = remake(&ReportArgs { dir: dir.path().to_owned() }).expect_err("refused");
        assert!(error.hint().contains("reports/<run>"));
        fs::write(dir.path().join(RUN_FILE), "{").expect("written");
        let error = remake(&ReportArgs { dir: dir.path().to_owned() }).expect_err("refused");
        assert!(matches!(error, ReportError::Malformed { .. }), "{error}");
    }
}
