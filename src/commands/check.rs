//! `firedrill check`: everything that is wrong with scenarios, without running them.
//!
//! Main function: [`check`]. Invariant: every problem of every file is told, whatever is wrong with the
//! others, and nothing but files is read.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::prepare::Workshop;
use super::values::{parse_var, values};
use crate::cli::Exit;
use crate::diagnostic::{Severity, json, summary};

/// Says what is wrong with scenarios, without running them.
///
/// Every problem of every file is told at once, with its line, the source and the way out. Where a
/// scenario names an environment, that is loaded too, and the scenario is held against what stands in
/// it: alarms, rules, documents, topics that are missing, deadlines that an alarm can't meet, events that
/// no rule matches.
///
/// Errors stop a run; warnings and notes don't. `firedrill help diagnostics` explains each code.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Scenario files, or folders whose .yaml and .yml files are taken (not those in folders below).
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A value for `${var.NAME}`, as NAME=VALUE; may be given more than once.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub vars: Vec<(String, String)>,
    /// How to print what was found: for people, or one JSON object a line.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: CheckFormat,
    /// Ends with exit code 2 for warnings too.
    #[arg(long)]
    pub deny_warnings: bool,
}

/// How diagnostics are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Checks, and prints to the standard streams.
pub fn run(arguments: &CheckArgs) -> Exit {
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr().lock();
    super::ended(check(arguments, &mut out, &mut err))
}

/// Checks all files; diagnostics go to `out`, the line that counts them to `err`.
pub fn check(arguments: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut workshop = Workshop::new(0);
    let values = values(&arguments.vars, "check");
    let files = workshop.find(&arguments.paths);
    for file in &files {
        workshop.prepare(file, &values, true);
    }
    workshop.tell_unused(&values);
    for found in &workshop.diagnostics {
        let printed = match arguments.format {
            CheckFormat::Json => json::render(found),
            CheckFormat::Text => workshop.render(found),
        };
        out.write_all(printed.as_bytes())?;
    }
    let told = &workshop.diagnostics;
    if arguments.format == CheckFormat::Text {
        let plural = if files.len() == 1 { "" } else { "s" };
        writeln!(err, "{} in {} file{plural}", summary(told), files.len())?;
    }
    let limit = if arguments.deny_warnings { Severity::Warning } else { Severity::Error };
    let bad = told.iter().any(|found| found.severity >= limit);
    Ok(if bad { Exit::Usage } else { Exit::Passed })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnostic::Diagnostic;
    use crate::scenario::MAX_BYTES;

    fn checked(paths: &[PathBuf], format: CheckFormat) -> (Exit, String, String) {
        let arguments =
            CheckArgs { paths: paths.to_vec(), vars: Vec::new(), format, deny_warnings: false };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(&arguments, &mut out, &mut err).unwrap();
        let plain = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            anstream::adapter::strip_str(&text).to_string()
        };
        (exit, plain(out), plain(err))
    }

    const SOUND: &str = "version: 1\nname: sound\nfaults:\n  - set_alarm_state: {alarm: a}\n\
        expect:\n  - notification: {topic: t}\n    within: 1m\n";

    #[test]
    fn every_file_is_told_of_whatever_is_wrong_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        write("a.yaml", SOUND.as_bytes());
        write("b.yml", SOUND.as_bytes());
        write("c.yaml", b"name: \xff");
        write("d.yaml", b"");
        write("e.yaml", &vec![b' '; MAX_BYTES + 10]);
        write("f.txt", b"not a scenario");
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let paths = [
            folder.path().to_owned(),
            folder.path().join("a.yaml"),
            folder.path().join("missing.yaml"),
            folder.path().join("empty"),
        ];
        let (exit, out, err) = checked(&paths, CheckFormat::Json);
        assert_eq!(exit, Exit::Usage);
        assert_eq!(err, "");
        let told: Vec<(String, String)> = out
            .lines()
            .map(|line| serde_json::from_str::<Diagnostic>(line).unwrap())
            .filter(|found| found.severity == Severity::Error)
            .map(|found| {
                let file = Path::new(&found.file).file_name().unwrap().to_string_lossy();
                (file.into_owned(), found.code)
            })
            .collect();
        let told: Vec<(&str, &str)> =
            told.iter().map(|(file, code)| (file.as_str(), code.as_str())).collect();
        assert_eq!(
            told,
            [
                ("empty", "no-scenarios"),
                ("b.yml", "duplicate-name"),
                ("c.yaml", "not-utf8"),
                ("d.yaml", "empty-file"),
                ("e.yaml", "file-too-large"),
                ("missing.yaml", "unreadable-file"),
            ]
        );
    }

    #[test]
    fn a_sound_scenario_passes_and_the_line_at_the_end_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let guarded =
            format!("{SOUND}guardrails: {{accounts: [\"111122223333\"], regions: [eu-west-1]}}\n");
        std::fs::write(&path, guarded).unwrap();
        let (exit, out, err) = checked(&[path], CheckFormat::Text);
        assert_eq!(
            (exit, out.as_str(), err.as_str()),
            (Exit::Passed, "", "no problems in 1 file\n")
        );
    }

    #[test]
    fn a_missing_environment_is_a_problem_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, format!("{SOUND}environment: nowhere.yaml\n")).unwrap();
        let (exit, out, _) = checked(&[path], CheckFormat::Text);
        assert_eq!(exit, Exit::Usage);
        assert!(out.contains("nowhere.yaml"), "{out}");
    }

    #[test]
    fn warnings_can_be_denied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, format!("{SOUND}vars: {{unused: x}}\n")).unwrap();
        let mut arguments = CheckArgs {
            paths: vec![path],
            vars: Vec::new(),
            format: CheckFormat::Text,
            deny_warnings: false,
        };
        let mut told = Vec::new();
        assert_eq!(check(&arguments, &mut told, &mut Vec::new()).unwrap(), Exit::Passed);
        arguments.deny_warnings = true;
        assert_eq!(check(&arguments, &mut told, &mut Vec::new()).unwrap(), Exit::Usage);
    }
}
