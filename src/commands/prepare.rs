//! From paths on the command line to scenarios that can run: find files, read, load, check.
//!
//! Main types: [`Sources`] and [`Prepared`]. Invariants: nothing is touched but files that are read; every
//! problem of every file is found before anything else happens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::inventory;
use crate::diagnostic::text::Colour;
use crate::diagnostic::{self, Diagnostic, Severity, has_errors};
use crate::emulator::Account;
use crate::emulator::environment::Environment;
use crate::scenario::inventory::Inventory;
use crate::scenario::{Scenario, Values, load};

/// No file that we read is larger than this, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// An emulated account that is ready to be drilled on, and what stands in it.
#[derive(Debug)]
pub struct Stage {
    /// The account, warmed up; each drill runs on a copy.
    pub account: Account,
    /// What stands in it.
    pub inventory: Inventory,
}

/// When a rehearsal begins: a Monday morning, the same for every run, so that reports can be compared.
pub fn epoch() -> Timestamp {
    Timestamp::from_second(1_767_603_600).expect("2026-01-05T09:00:00Z is a timestamp")
}

/// The text of every file that a diagnostic may point into.
#[derive(Debug, Default)]
pub struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    /// Remembers a file's text.
    pub fn add(&mut self, file: &str, bytes: &[u8]) {
        self.texts.insert(file.to_owned(), String::from_utf8_lossy(bytes).into_owned());
    }

    /// The text of a file, if it was read.
    pub fn get(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }
}

/// A scenario whose text is in order.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The file, as it is named to people.
    pub file: String,
    /// Its bytes, to be loaded again where the run id matters.
    pub bytes: Arc<Vec<u8>>,
    /// The scenario.
    pub scenario: Scenario,
    /// Its emulated account; nothing when it has none.
    pub stage: Option<Arc<Stage>>,
}

/// Finds the scenario files behind the paths: a file is itself, a folder is the YAML files directly in it,
/// by name.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !metadata.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| unreadable(path, &error))?.path();
            let yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
            if yaml && file.is_file() {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(problem(
                path,
                "no-scenarios",
                "the folder has no .yaml or .yml files directly in it",
                "name the folder that holds the scenarios, or a file",
            ));
        }
        files.sort();
        found.append(&mut files);
    }
    found.dedup();
    Ok(found)
}

/// Reads a file of a sane size.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.len() > MAX_FILE {
        let text = format!("the file has {} bytes; at most {MAX_FILE} are read", metadata.len());
        return Err(io::Error::other(text));
    }
    // A device or a pipe has no length, and may never end.
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("the file has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// A diagnostic about a path that can't be read.
pub fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    problem(path, "unreadable", &format!("can't be read: {error}"), "check the path")
}

fn problem(path: &Path, code: &str, message: &str, hint: &str) -> Diagnostic {
    Diagnostic {
        code: code.to_owned(),
        severity: Severity::Error,
        file: path.display().to_string(),
        span: None,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

/// Reads scenarios and their environments, and collects what is wrong with them.
#[derive(Debug)]
pub struct Workshop {
    /// All that was found, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Sources,
    seed: u64,
    stages: IndexMap<PathBuf, Option<Arc<Stage>>>,
}

impl Workshop {
    /// Emulated accounts are built from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { diagnostics: Vec::new(), sources: Sources::default(), seed, stages: IndexMap::new() }
    }

    /// Loads and checks one scenario. With `emulated`, its environment is loaded too, and the scenario is
    /// checked against what stands in it.
    pub fn prepare(&mut self, path: &Path, values: &Values, emulated: bool) -> Option<Prepared> {
        let file = path.display().to_string();
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.diagnostics.push(unreadable(path, &error));
                return None;
            }
        };
        self.sources.add(&file, &bytes);
        let loaded = load(&file, &bytes, values);
        let stage = match &loaded.scenario {
            Some(scenario) if emulated => self.stage_of(path, &file, scenario),
            Some(_) | None => None,
        };
        let inventory = stage.as_ref().map(|stage| &stage.inventory);
        let mut found = loaded.check(inventory);
        let mut broken = has_errors(&found);
        self.diagnostics.append(&mut found);
        let scenario = loaded.scenario?;
        if emulated && stage.is_none() {
            broken = true;
        }
        let bytes = Arc::new(bytes);
        (!broken).then_some(Prepared { file, bytes, scenario, stage })
    }

    /// The emulated account of a scenario, built once per environment.
    fn stage_of(&mut self, path: &Path, file: &str, scenario: &Scenario) -> Option<Arc<Stage>> {
        let Some(environment) = &scenario.environment else {
            self.diagnostics.push(
                Diagnostic::error(
                    "no-environment",
                    file,
                    None,
                    "the scenario names no environment, so there is no emulated account for it",
                )
                .with_hint("add `environment: environments/NAME.yaml`, or run with `--target aws`"),
            );
            return None;
        };
        let path = path.parent().unwrap_or(Path::new("")).join(environment);
        if let Some(known) = self.stages.get(&path) {
            return known.clone();
        }
        let built = self.build(&path);
        self.stages.insert(path, built.clone());
        built
    }

    fn build(&mut self, path: &Path) -> Option<Arc<Stage>> {
        let texts = RefCell::new(Vec::new());
        let reader = |file: &Path| {
            let bytes = read(file)?;
            texts.borrow_mut().push((file.display().to_string(), bytes.clone()));
            Ok(bytes)
        };
        let (environment, mut found) = Environment::load(path, &reader);
        for (file, bytes) in texts.into_inner() {
            self.sources.add(&file, &bytes);
        }
        let mut broken = has_errors(&found);
        self.diagnostics.append(&mut found);
        let environment = environment?;
        if broken {
            return None;
        }
        let (account, mut found) = environment.account(epoch(), self.seed);
        broken = has_errors(&found);
        self.diagnostics.append(&mut found);
        if broken {
            return None;
        }
        let inventory = inventory::of(&path.display().to_string(), &account);
        Some(Arc::new(Stage { account, inventory }))
    }

    /// What is to be told: problems of a severity from `least` on.
    pub fn told(&self, least: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |found| found.severity >= least)
    }

    /// One diagnostic as text with its source snippet.
    pub fn render_one(&self, found: &Diagnostic) -> String {
        diagnostic::text::render(found, self.sources.get(&found.file), Colour::Ansi)
    }

    /// The diagnostics from a severity on, as text with source snippets.
    pub fn render(&self, least: Severity) -> String {
        let rendered = self.told(least).map(|found| {
            diagnostic::text::render(found, self.sources.get(&found.file), Colour::Ansi)
        });
        rendered.collect()
    }
}
