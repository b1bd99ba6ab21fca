//! What stands in the emulated account: the environment file of a scenario.
//!
//! The main type is [`Environment`]: read once ([`Environment::load`]), built into an
//! [`Account`] that has settled ([`Environment::account`]), and asked what there is
//! ([`Environment::inventory`]). Invariants: loading reads files only through the reader it is given;
//! building is deterministic in the epoch and the seed; problems are collected and never stop either.
//!
//! ```yaml
//! version: 1
//! account: "111122223333"
//! region: eu-west-1
//! resources:                       # CloudFormation resources around the templates, made first
//!   Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
//! exports: {network-vpc: "${Vpc}"} # what Fn::ImportValue finds, beside the templates' own exports
//! parameters: {/app/mode: normal}  # SSM parameters
//! templates:                       # in this order
//!   - {path: templates/vpn.yaml, stack: vpn, parameters: {Owner: network-oncall}}
//! signals: []                      # how faults move metrics, and what restores them
//! functions: {}                    # what Lambda functions do
//! setup:                           # API calls while the account warms up
//!   - {at: -20m, service: cloudwatch, operation: DisableAlarmActions, input: {AlarmNames: [noisy]}}
//! ```

mod build;
mod declared;
mod fields;
pub mod inventory;
mod substitute;
mod written;

use std::io;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

pub use inventory::Inventory;
#[cfg(test)]
pub(crate) use written::SECTIONS;

use self::written::Written;
use super::account::Account;
use super::cloudformation::document::MAX_BYTES;
use super::cloudformation::findings::Findings;
use super::cloudformation::template::Template;
use crate::diagnostic::{Diagnostic, Severity};

/// How long an account stands before the drill begins, so that its alarms have settled. Ours.
pub(crate) const WARM_UP: SignedDuration = SignedDuration::from_mins(30);

/// When the account of an inventory stands: the first of January 2026.
const ANY_DAY: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Reads a file; the environment names its templates by path.
pub type Reader<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The contents of an emulated account, as an environment file declares them.
#[derive(Debug, Clone)]
pub struct Environment {
    file: String,
    written: Written,
    /// The templates that could be read, by stack.
    templates: IndexMap<String, Template>,
}

impl Environment {
    /// Reads an environment's file and the templates that it names.
    ///
    /// Nothing is returned where the file is no environment at all. Otherwise everything that can be
    /// used is there, and the diagnostics say what can't; an error among them means that a drill should
    /// not start.
    pub fn load(path: &Path, reader: Reader<'_>) -> (Option<Self>, Vec<Diagnostic>) {
        let file = path.to_string_lossy().into_owned();
        let mut findings = Findings::about(&file);
        let Some(text) = read_text(path, reader, &mut findings) else {
            return (None, findings.into_list());
        };
        let Some(written) = Written::read(&text, &mut findings) else {
            return (None, findings.into_list());
        };
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut templates = IndexMap::new();
        let mut diagnostics = Vec::new();
        for entry in &written.templates {
            let path = plain(&folder.join(&entry.path));
            let mut about_template = Findings::about(&path.to_string_lossy());
            let text = read_text(&path, reader, &mut about_template);
            let template = text.and_then(|text| Template::parse(&text, &mut about_template));
            match template {
                Some(template) => {
                    written::check_parameters(entry, &template, &mut findings);
                    templates.insert(entry.stack.clone(), template);
                }
                None => findings.error(
                    "template",
                    entry.span,
                    format!("the template {} can't be used", entry.path),
                    None,
                ),
            }
            diagnostics.extend(about_template.into_list());
        }
        let mut all = findings.into_list();
        all.extend(diagnostics);
        (Some(Self { file, written, templates }), all)
    }

    /// Builds the account as it stands at `epoch`, after its warm-up in virtual time.
    ///
    /// The diagnostics are those that only show when things are made: values of functions, properties
    /// that a service does not know, names that nothing has. Clone the account for each drill.
    pub fn account(&self, epoch: Timestamp, seed: u64) -> (Account, Vec<Diagnostic>) {
        build::account(self, epoch, seed)
    }

    /// What there is in the account: the names that a scenario may use.
    ///
    /// Physical names do not depend on the epoch or the seed, ids that a service draws do.
    pub fn inventory(&self) -> Inventory {
        let (account, _) = self.account(ANY_DAY, 0);
        Inventory::of(&account)
    }
}

/// Whether any of the diagnostics is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// A path without `folder/..`, so that findings name a file as a person would.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        let up = component == Component::ParentDir;
        if up && matches!(plain.components().next_back(), Some(Component::Normal(_))) {
            plain.pop();
        } else if component != Component::CurDir {
            plain.push(component);
        }
    }
    plain
}

fn read_text(path: &Path, reader: Reader<'_>, findings: &mut Findings) -> Option<String> {
    let bytes = match reader(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("the file can't be read: {error}");
            findings.whole_file(
                "unreadable",
                message,
                "the path is relative to the file that names it",
            );
            return None;
        }
    };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; the limit is {MAX_BYTES}", bytes.len());
        findings.whole_file("file-too-large", message, "split it");
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
            let message = format!("the file is not UTF-8: line {line}, byte {at}");
            findings.whole_file("not-utf8", message, "save it as UTF-8");
            None
        }
    }
}

#[cfg(test)]
mod tests;
