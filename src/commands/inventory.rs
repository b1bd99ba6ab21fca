//! What stands in an environment, in the check's words.
//!
//! Main functions: [`of`], which translates, and [`Surroundings`], which loads each environment once. The
//! emulator and the scenario language know nothing of one another; this is where they meet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::emulator::Account;
use crate::emulator::environment::{self, Environment};
use crate::emulator::services::aws_owned_documents;
use crate::emulator::timing;
use crate::scenario::inventory::{
    Alarm, DeploymentGroup, Evaluation, ExperimentTemplate, Inventory, Rule,
};

/// The inventory of an account that was made from the environment called `name`.
pub fn of(name: &str, account: &Account) -> Inventory {
    let found = environment::Inventory::of(account);
    let identity = account.identity();
    let rules = found.buses.iter().flat_map(|(bus, contents)| {
        contents.rules.iter().map(|(name, rule)| Rule {
            name: name.clone(),
            bus: bus.clone(),
            pattern: rule.pattern.clone(),
            enabled: rule.state == "ENABLED",
            targets: rule.targets,
        })
    });
    let aws_owned = aws_owned_documents().map(str::to_owned);
    Inventory {
        name: name.to_owned(),
        account: identity.account.clone(),
        region: identity.region.clone(),
        rules: rules.collect(),
        alarms: found.alarms.iter().map(|(name, alarm)| (name.clone(), translate(alarm))).collect(),
        buses: found.buses.keys().cloned().collect(),
        documents: found.documents.keys().cloned().chain(aws_owned).collect(),
        topics: found.topics.keys().cloned().collect(),
        deployment_groups: found
            .deployment_groups
            .iter()
            .map(|group| DeploymentGroup {
                application: group.application.clone(),
                name: group.group.clone(),
            })
            .collect(),
        templates: found
            .experiment_templates
            .iter()
            .map(|template| ExperimentTemplate {
                id: Some(template.id.clone()),
                name: template.name.clone(),
                has_stop_condition: template.has_stop_condition,
            })
            .collect(),
    }
}

fn translate(alarm: &environment::inventory::Alarm) -> Alarm {
    let publish_delay = Duration::try_from(timing::SERVICE_METRIC).unwrap_or_default();
    let evaluation = Evaluation {
        period: Duration::from_secs(alarm.period.into()),
        datapoints_to_alarm: alarm.datapoints_to_alarm,
        publish_delay,
    };
    Alarm {
        evaluation: (!alarm.composite).then_some(evaluation),
        actions_enabled: alarm.actions_enabled,
        actions: alarm.actions.clone(),
    }
}

/// Environments by path, each loaded once.
#[derive(Debug, Default)]
pub struct Surroundings {
    loaded: IndexMap<PathBuf, Option<Inventory>>,
}

impl Surroundings {
    /// The inventory of an environment, and what is wrong with it the first time that it is asked for.
    ///
    /// # Panics
    /// Never: the epoch is a constant.
    pub fn inventory(&mut self, path: &Path) -> (Option<&Inventory>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        if !self.loaded.contains_key(path) {
            let (environment, mut found) = Environment::load(path, &super::prepare::read);
            diagnostics.append(&mut found);
            let inventory = environment.map(|environment| {
                let epoch = Timestamp::from_second(1_767_225_600)
                    .expect("the first of January 2026 is a timestamp");
                let (account, mut found) = environment.account(epoch, 0);
                diagnostics.append(&mut found);
                of(&path.to_string_lossy(), &account)
            });
            // What a broken environment lacks says nothing about the scenario.
            let sound = !crate::diagnostic::has_errors(&diagnostics);
            self.loaded.insert(path.to_owned(), inventory.filter(|_| sound));
        }
        (self.loaded.get(path).and_then(Option::as_ref), diagnostics)
    }
}
