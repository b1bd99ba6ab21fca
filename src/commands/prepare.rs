//! From paths on the command line to scenarios that are in order: find files, read, load, check.
//!
//! Main type: [`Workshop`], which `run`, `check` and `plan` share. Invariants: nothing is touched but files
//! that are read; every problem of every file is found, whatever is wrong with the others; an environment
//! is built once, however many scenarios name it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::inventory;
use crate::aws::secrets;
use crate::diagnostic::text::Colour;
use crate::diagnostic::{self, Diagnostic, Severity, has_errors};
use crate::emulator::environment::Environment;
use crate::emulator::{Account, Estate};
use crate::scenario::inventory::Inventory;
use crate::scenario::rules::code;
use crate::scenario::suggest::did_you_mean;
use crate::scenario::{Inventories, Loaded, MAX_BYTES, Scenario, Values, load};

/// No environment or template is read beyond this, in bytes: they may be larger than scenarios.
const MAX_SOURCE: u64 = 16 * 1024 * 1024;

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

/// The texts that diagnostics point into.
#[derive(Debug, Default)]
pub struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    fn add(&mut self, file: &str, bytes: &[u8]) {
        self.texts.insert(file.to_owned(), String::from_utf8_lossy(bytes).into_owned());
    }

    /// The text of a file, if it was read.
    pub fn get(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }
}

/// A scenario that is in order.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The file, as it is named to people.
    pub file: String,
    /// Its bytes, to be loaded again where the run id matters.
    pub bytes: Arc<Vec<u8>>,
    /// The scenario.
    pub scenario: Scenario,
    /// Its emulated account; nothing when it names none.
    pub stage: Option<Arc<Stage>>,
    /// The emulated accounts of its other targets, by name.
    pub targets: IndexMap<String, Arc<Stage>>,
}

impl Prepared {
    /// A copy of its emulated accounts, side by side; nothing when it names no environment.
    pub fn estate(&self) -> Option<Estate> {
        let others = self.targets.values().map(|stage| stage.account.clone()).collect();
        Some(Estate::new(self.stage.as_ref()?.account.clone(), others))
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
    /// When the accounts stand.
    epoch: Timestamp,
    stages: IndexMap<PathBuf, Option<Arc<Stage>>>,
    /// The scenarios' names, and the file that has each first.
    names: BTreeMap<String, String>,
    /// The variables that the scenarios use, and whether all of them could be read.
    used_vars: BTreeSet<String>,
    all_read: bool,
}

impl Workshop {
    /// Emulated accounts are built from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            diagnostics: Vec::new(),
            sources: Sources::default(),
            seed,
            epoch: epoch(),
            stages: IndexMap::new(),
            names: BTreeMap::new(),
            used_vars: BTreeSet::new(),
            all_read: true,
        }
    }

    /// Reports every value of `--var` that none of the scenarios uses: it is misspelt, or meant for others.
    pub fn tell_unused(&mut self, values: &Values) {
        for name in
            values.vars.keys().filter(|name| self.all_read && !self.used_vars.contains(*name))
        {
            let message = format!("`--var {name}=…` gives a value that no scenario here uses");
            let near = did_you_mean(name, self.used_vars.iter().map(String::as_str));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use it as `${{var.{name}}}`, or leave it out"),
            };
            let found = Diagnostic::error(code::UNDEFINED_VARIABLE, "--var", None, message);
            self.diagnostics.push(found.with_hint(&hint));
        }
    }

    /// Accounts stand at this moment instead of a rehearsal's.
    #[must_use]
    pub fn standing_at(self, epoch: Timestamp) -> Self {
        Self { epoch, ..self }
    }

    /// The scenario files behind the paths: a file is itself, a folder is the YAML files directly in it,
    /// by name; each once.
    pub fn find(&mut self, paths: &[PathBuf]) -> Vec<PathBuf> {
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

    /// Loads and checks one scenario. With `surroundings`, its environment is loaded too, and the scenario
    /// is held against what stands in it. Answers the scenario when neither has an error.
    pub fn prepare(
        &mut self,
        path: &Path,
        values: &Values,
        surroundings: bool,
    ) -> Option<Prepared> {
        let file = path.to_string_lossy().into_owned();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let bytes = match read_bounded(path, limit + 1) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.diagnostics.push(unreadable(path, &error));
                self.all_read = false;
                return None;
            }
        };
        self.sources.add(&file, &bytes);
        let loaded = load(&file, &bytes, values);
        let targets = loaded.partial().into_iter().flat_map(|scenario| scenario.targets.values());
        for id in targets.filter_map(|target| target.external_id.as_ref()) {
            secrets::remember(id.expose());
        }
        match loaded.used_vars() {
            Some(used) => self.used_vars.extend(used.iter().cloned()),
            None => self.all_read = false,
        }
        loaded.secrets.iter().for_each(|secret| secrets::remember(secret));
        let environment = loaded.partial().and_then(|scenario| scenario.environment.clone());
        let environment = environment.filter(|name| surroundings && !name.is_empty());
        let (stage, mut about_environment) = match &environment {
            Some(name) => {
                let folder = path.parent().unwrap_or_else(|| Path::new(""));
                self.stage(&folder.join(name))
            }
            None => (None, Vec::new()),
        };
        let targets = if environment.is_some() {
            self.target_stages(path, &loaded, &mut about_environment)
        } else {
            IndexMap::new()
        };
        let inventories = targets.iter().map(|(name, stage)| (name.clone(), &stage.inventory));
        let mut found = loaded.check_at(Inventories {
            home: stage.as_ref().map(|stage| &stage.inventory),
            targets: Some(&inventories.collect()),
        });
        found.extend(self.duplicate_name(&file, &loaded));
        let unusable = has_errors(&found)
            || has_errors(&about_environment)
            || (environment.is_some() && stage.is_none());
        self.diagnostics.append(&mut found);
        self.diagnostics.append(&mut about_environment);
        let scenario = loaded.scenario.filter(|_| !unusable)?;
        Some(Prepared { file, bytes: Arc::new(bytes), scenario, stage, targets })
    }

    /// Prepares the one scenario of a command, whose `--var`s are all for it; answers it when nothing has an
    /// error.
    pub fn prepare_alone(
        &mut self,
        path: &Path,
        values: &Values,
        surroundings: bool,
    ) -> Option<Prepared> {
        let prepared = self.prepare(path, values, surroundings);
        self.tell_unused(values);
        prepared.filter(|_| self.told(Severity::Error).next().is_none())
    }

    /// The emulated accounts of a scenario's other targets; what is wrong with them goes to `found`.
    fn target_stages(
        &mut self,
        path: &Path,
        loaded: &Loaded,
        found: &mut Vec<Diagnostic>,
    ) -> IndexMap<String, Arc<Stage>> {
        let mut stages = IndexMap::new();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let targets = loaded.partial().map(|scenario| scenario.targets.clone()).unwrap_or_default();
        for (name, target) in &targets {
            let file = path.to_string_lossy();
            let place = |key: &str| loaded.locate(&format!("targets/{name}{key}"));
            let wrong = |place, message: String, hint: String| {
                let code = code::TARGET_ENVIRONMENT;
                Diagnostic::error(code, &file, place, message).with_hint(hint)
            };
            let Some(environment) = target.environment.as_ref().filter(|name| !name.is_empty())
            else {
                let message = format!("the target `{name}` names no environment");
                let hint = "add `environment: environments/NAME.yaml`: in a rehearsal each target is an \
                            emulated account of its own";
                found.push(wrong(place(""), message, hint.to_owned()));
                continue;
            };
            let (stage, mut more) = self.stage(&folder.join(environment));
            found.append(&mut more);
            let Some(stage) = stage else {
                let message = format!("the environment of the target `{name}` can't be used");
                let hint = "mend what is wrong with it".to_owned();
                found.push(wrong(place("/environment"), message, hint));
                continue;
            };
            let identity = stage.account.identity();
            if (&identity.account, &identity.region) != (&target.account, &target.region) {
                let message = format!(
                    "this environment is account {} in {}, and the target is not",
                    identity.account, identity.region
                );
                let hint = format!("let both say account {} in {}", target.account, target.region);
                found.push(wrong(place("/environment"), message, hint));
                continue;
            }
            stages.insert(name.clone(), stage);
        }
        stages
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

    /// The emulated account of an environment alone; nothing when it has errors, which are then told.
    pub fn environment(&mut self, path: &Path) -> Option<Arc<Stage>> {
        let (stage, mut found) = self.stage(path);
        self.diagnostics.append(&mut found);
        stage
    }

    /// The emulated account of an environment, built once; what is wrong with it is told the first time.
    fn stage(&mut self, path: &Path) -> (Option<Arc<Stage>>, Vec<Diagnostic>) {
        if let Some(known) = self.stages.get(path) {
            return (known.clone(), Vec::new());
        }
        let texts = RefCell::new(Vec::new());
        let reader = |file: &Path| {
            let bytes = read_bounded(file, MAX_SOURCE)?;
            texts.borrow_mut().push((file.to_string_lossy().into_owned(), bytes.clone()));
            Ok(bytes)
        };
        let (environment, mut found) = Environment::load(path, &reader);
        for (file, bytes) in texts.into_inner() {
            self.sources.add(&file, &bytes);
        }
        let account = environment.filter(|_| !has_errors(&found)).map(|environment| {
            let (account, mut more) = environment.account(self.epoch, self.seed);
            found.append(&mut more);
            account
        });
        // What a broken environment lacks says nothing about the scenario.
        let stage = account.filter(|_| !has_errors(&found)).map(|account| {
            let inventory = inventory::of(&path.to_string_lossy(), &account);
            Arc::new(Stage { account, inventory })
        });
        self.stages.insert(path.to_owned(), stage.clone());
        (stage, found)
    }

    /// What is to be told: problems of a severity from `least` on.
    pub fn told(&self, least: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |found| found.severity >= least)
    }

    /// One diagnostic as text with its source snippet.
    pub fn render(&self, found: &Diagnostic) -> String {
        diagnostic::text::render(found, self.sources.get(&found.file), Colour::Ansi)
    }
}

/// Says that a scenario can't be rehearsed because it names no environment.
pub fn no_environment(file: &str) -> Diagnostic {
    let message = "the scenario names no environment, so there is no emulated account for it";
    Diagnostic::error(code::NO_ENVIRONMENT, file, None, message)
        .with_hint("add `environment: environments/NAME.yaml`, or run with `--target aws`")
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
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let name = path.to_string_lossy();
    let message = format!("the file can't be read: {error}");
    let problem = Diagnostic::error(code::UNREADABLE_FILE, &name, None, message);
    problem.with_hint("check the path and its permissions")
}
