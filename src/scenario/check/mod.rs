//! The named rules: what a scenario that reads well can still have wrong.
//!
//! Main function: [`Loaded::check`]. One file per subject; every rule has a code in
//! [`super::rules`]. Invariant: a rule never speaks about a part whose shape is already reported, so one
//! slip is one diagnostic, and the answer depends on the text and the inventory alone.

mod deployments;
mod environment;
mod events;
mod expectations;
mod faults;
mod findings;
mod guardrails;
mod machines;
mod messages;
mod outside;
mod readings;
mod records;
mod references;
mod targets;
mod whole;

use indexmap::IndexMap;

use super::inventory::Inventory;
use super::load::{Loaded, Partial, ordered};
use super::shape::is_top_level_key;
use super::types::Scenario;
use crate::diagnostic::Diagnostic;

/// What stands at each target of a scenario, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inventories<'a> {
    /// At the home target.
    pub home: Option<&'a Inventory>,
    /// At the others, by name.
    pub targets: Option<&'a IndexMap<String, &'a Inventory>>,
}

/// The longest duration that a drill may name: a FIS experiment lasts 12 hours at most, and what is
/// longer than a day is no drill.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(24);

impl Loaded {
    /// Everything that is wrong: the problems of the text, and the named rules where there is enough of a
    /// scenario to hold them against. With an inventory the rules about resources apply too.
    pub fn check(&self, inventory: Option<&Inventory>) -> Vec<Diagnostic> {
        self.check_at(Inventories { home: inventory, targets: None })
    }

    /// The same, with what stands at each target.
    pub fn check_at(&self, inventories: Inventories<'_>) -> Vec<Diagnostic> {
        let mut all = self.diagnostics.clone();
        all.extend(self.rules(inventories));
        ordered(&self.file, all)
    }

    /// The named rules alone.
    fn rules(&self, inventories: Inventories<'_>) -> Vec<Diagnostic> {
        let Some(partial) = &self.partial else { return Vec::new() };
        let mut check = Check {
            file: &self.file,
            partial,
            homes: inventories,
            inventory: inventories.home,
            found: Vec::new(),
        };
        if !whole::check(&mut check) {
            return check.found;
        }
        targets::check(&mut check);
        faults::check(&mut check);
        expectations::check(&mut check);
        outside::expectations(&mut check);
        references::check(&mut check);
        environment::check(&mut check);
        events::check(&mut check);
        records::check(&mut check);
        readings::check(&mut check);
        check.found
    }
}

/// What the rules look at and write to.
struct Check<'a> {
    file: &'a str,
    partial: &'a Partial,
    homes: Inventories<'a>,
    /// What stands at the target of the part that is looked at.
    inventory: Option<&'a Inventory>,
    found: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    fn scenario(&self) -> &'a Scenario {
        &self.partial.scenario
    }

    /// Turns to what stands at a target; answers it.
    fn turn_to(&mut self, target: Option<&str>) -> Option<&'a Inventory> {
        self.inventory = match target {
            None => self.homes.home,
            Some(name) => self.homes.targets.and_then(|targets| targets.get(name)).copied(),
        };
        self.inventory
    }

    /// An error at the value of a path (at the first key of an element).
    fn error(&mut self, code: &str, path: &str, message: String, hint: impl Into<Option<String>>) {
        let span = self.partial.tree.locate(path);
        self.push(Diagnostic::error(code, self.file, span, message), path, hint.into());
    }

    /// A warning, likewise.
    fn warning(
        &mut self,
        code: &str,
        path: &str,
        message: String,
        hint: impl Into<Option<String>>,
    ) {
        let span = self.partial.tree.locate(path);
        self.push(Diagnostic::warning(code, self.file, span, message), path, hint.into());
    }

    /// A note, likewise.
    fn note(&mut self, code: &str, path: &str, message: String, hint: impl Into<Option<String>>) {
        let span = self.partial.tree.locate(path);
        self.push(Diagnostic::note(code, self.file, span, message), path, hint.into());
    }

    /// An error at the key of a path.
    fn error_at_key(
        &mut self,
        code: &str,
        path: &str,
        message: String,
        hint: impl Into<Option<String>>,
    ) {
        let span = self.partial.tree.locate_key(path);
        self.push(Diagnostic::error(code, self.file, span, message), path, hint.into());
    }

    fn push(&mut self, mut found: Diagnostic, path: &str, hint: Option<String>) {
        if !self.is_broken(path) {
            found.hint = hint;
            self.found.push(found);
        }
    }

    /// Whether the shape of something at, above or below the path is already reported.
    fn is_broken(&self, path: &str) -> bool {
        let inside = |part: &str, whole: &str| {
            part.strip_prefix(whole)
                .is_some_and(|rest| whole.is_empty() || rest.is_empty() || rest.starts_with('/'))
        };
        let mut broken = self.partial.broken.iter();
        broken.any(|broken| inside(path, broken) || inside(broken, path))
    }

    /// Whether the file itself has keys that nobody knows, one of which may be the missing one.
    fn has_stray_keys(&self) -> bool {
        let stray = |path: &String| !path.contains('/') && !is_top_level_key(path);
        self.partial.broken.iter().any(stray)
    }
}

#[cfg(test)]
mod tests;
