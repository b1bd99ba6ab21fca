//! From paths on the command line to scenarios that can run: find files, read, load, check.
//!
//! Main types: [`Sources`] and [`Prepared`]. Invariants: nothing is touched but files that are read; every
//! problem of every file is found before anything else happens.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::emulator::Account;
use crate::scenario::inventory::Inventory;
use crate::scenario::load::load;
use crate::scenario::types::Scenario;
use crate::scenario::Values;

/// No file that we read is larger than this, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// An emulated account that is ready to be drilled on, and what stands in it.
#[derive(Debug)]
pub struct Stage {
    /// The account, warmed up; each drill runs on a copy.
    pub account: Account,
    /// What stands in it.
    pub inventory: Inventory,
    /// What its environment and templates say that we do not emulate.
    pub diagnostics: Vec<Diagnostic>,
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
    fs::read(path)
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

/// Everything that was read, and everything that is wrong with it.
#[derive(Debug, Default)]
pub struct Workshop {
    /// The texts that diagnostics point into.
    pub sources: Sources,
    /// All that was found.
    pub diagnostics: Vec<Diagnostic>,
    stages: IndexMap<PathBuf, Option<Arc<Stage>>>,
}
