//! `firedrill check`: everything that is wrong with scenarios, without running them.
//!
//! Main function: [`check`]. Invariant: every problem of every file is told, whatever is wrong with the
//! others, and nothing but files is read.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::inventory::Surroundings;
use super::values::{parse_var, values};
use crate::cli::Exit;
use crate::diagnostic::text::Colour;
use crate::diagnostic::{Diagnostic, Severity, json, summary, text};
use crate::scenario::rules::code;
use crate::scenario::{Loaded, MAX_BYTES, load};

/// No file is read beyond this, in bytes: templates may be larger than scenarios.
const MAX_SOURCE: u64 = 16 * 1024 * 1024;

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
    /// Scenario files, or folders whose .yaml and .yml files are scenarios.
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Sets the value of `${var.NAME}`; may be given several times.
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
    let mut checked = Checked::default();
    let files = checked.files(&arguments.paths);
    for file in &files {
        checked.file(file, arguments);
    }
    for found in &checked.diagnostics {
        let printed = match arguments.format {
            CheckFormat::Json => json::render(found),
            CheckFormat::Text => {
                let source = checked.sources.source(&found.file);
                text::render(found, source, Colour::Ansi)
            }
        };
        out.write_all(printed.as_bytes())?;
    }
    let told = &checked.diagnostics;
    if arguments.format == CheckFormat::Text {
        let plural = if files.len() == 1 { "" } else { "s" };
        writeln!(err, "{} in {} file{plural}", summary(told), files.len())?;
    }
    let limit = if arguments.deny_warnings { Severity::Warning } else { Severity::Error };
    let bad = told.iter().any(|found| found.severity >= limit);
    Ok(if bad { Exit::Usage } else { Exit::Passed })
}

/// The texts that diagnostics point into: the scenarios that were read, and on demand the environments
/// and templates behind them.
#[derive(Debug, Default)]
pub struct Sources {
    texts: BTreeMap<String, Option<String>>,
}

impl Sources {
    /// Remembers the text of a file.
    pub fn add(&mut self, file: &str, bytes: &[u8]) {
        self.texts.insert(file.to_owned(), Some(String::from_utf8_lossy(bytes).into_owned()));
    }

    /// The text of a file, read now if it was not yet.
    pub fn source(&mut self, file: &str) -> Option<&str> {
        let read = || read_bounded(Path::new(file), MAX_SOURCE).ok();
        let text = self
            .texts
            .entry(file.to_owned())
            .or_insert_with(|| read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        text.as_deref()
    }
}

#[derive(Debug, Default)]
struct Checked {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    surroundings: Surroundings,
    /// The scenarios' names, and where they stand first.
    names: BTreeMap<String, String>,
}

impl Checked {
    /// The files behind the paths: a file is itself, a folder is the YAML files directly in it, by name.
    fn files(&mut self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for path in paths {
            let found = if path.is_dir() { yaml_files(path) } else { Ok(vec![path.clone()]) };
            match found {
                Ok(found) if found.is_empty() => {
                    let message = "the folder has no .yaml or .yml files directly in it";
                    let name = path.to_string_lossy();
                    let problem = Diagnostic::error(code::NO_SCENARIOS, &name, None, message);
                    let hint = "name the folder that holds the scenarios, or a file";
                    self.diagnostics.push(problem.with_hint(hint));
                }
                Ok(found) => {
                    for file in found {
                        if !files.contains(&file) {
                            files.push(file);
                        }
                    }
                }
                Err(error) => self.diagnostics.push(unreadable(path, &error)),
            }
        }
        files
    }

    fn file(&mut self, path: &Path, arguments: &CheckArgs) {
        let name = path.to_string_lossy().into_owned();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let bytes = match read_bounded(path, limit + 1) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.diagnostics.push(unreadable(path, &error));
                return;
            }
        };
        self.sources.add(&name, &bytes);
        let loaded = load(&name, &bytes, &values(&arguments.vars, "check"));
        let environment = loaded.partial().and_then(|scenario| scenario.environment.as_ref());
        let environment = environment.filter(|path| !path.is_empty());
        let (inventory, mut about_environment) = match environment {
            Some(environment) => {
                let folder = path.parent().unwrap_or_else(|| Path::new(""));
                self.surroundings.inventory(&folder.join(environment))
            }
            None => (None, Vec::new()),
        };
        let mut found = loaded.check(inventory);
        found.extend(self.duplicate_name(&name, &loaded));
        self.diagnostics.append(&mut found);
        self.diagnostics.append(&mut about_environment);
    }

    fn duplicate_name(&mut self, file: &str, loaded: &Loaded) -> Option<Diagnostic> {
        let name = loaded.partial()?.name.clone();
        if name.is_empty() {
            return None;
        }
        let Some(first) = self.names.get(&name) else {
            self.names.insert(name, file.to_owned());
            return None;
        };
        let message = format!("the name `{name}` is taken by {first}");
        let place = loaded.locate("name");
        let found = Diagnostic::error(code::DUPLICATE_NAME, file, place, message);
        Some(found.with_hint("reports go by name; give each scenario its own"))
    }
}

fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads at most `limit` bytes, so that neither a huge file nor an endless one exhausts memory.
fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let name = path.to_string_lossy();
    let message = format!("the file can't be read: {error}");
    let problem = Diagnostic::error(code::UNREADABLE_FILE, &name, None, message);
    problem.with_hint("check the path and its permissions")
}

#[cfg(test)]
mod tests {
    use super::*;

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
