//! AWS Fault Injection Service: templates, experiments and the actions of the pipelines.
//!
//! Main type: [`State`]. Invariants: an experiment changes its state only in [`run`], which announces each
//! change (an event on the default bus, a wake-up); whatever an action began ends with it, however it ends.
//! The calls that an action makes are made by the experiment's role, so that a missing permission fails it.
//!
//! Log delivery and experiment reports are absent: a log configuration is kept and answered, not used.
#![expect(clippy::struct_field_names, reason = "the members of an AWS shape keep AWS's names")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

mod actions;
mod api;
mod catalog;
mod duration;
mod experiment;
mod faults;
mod run;
mod safety;
mod targets;
mod template;

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

pub(in crate::emulator::services) use api::MOST_ACTIVE;
pub(crate) use faults::injected_error;

/// The state of the service; templates and experiments in the order of their creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    templates: IndexMap<String, template::Template>,
    experiments: IndexMap<String, experiment::Experiment>,
    injections: Vec<faults::Injection>,
    lever: safety::Lever,
}

/// What the service has on the agenda; the first text is an experiment's id.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A pending experiment initiates.
    Initiates(String),
    /// An initiating experiment resolves its targets and runs.
    Runs(String),
    /// An initiating action begins its work.
    ActionRuns(String, String),
    /// An action's duration is over.
    ActionEnds(String, String),
    /// A running experiment looks at its alarms and at the work of its actions.
    Looks(String),
    /// A stopping experiment is stopped.
    Stops(String),
    /// An experiment has run for as long as one may.
    Expires(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateExperimentTemplate": api::CreateExperimentTemplate => api::create_experiment_template,
    "GetExperimentTemplate": api::ById => api::get_experiment_template,
    "ListExperimentTemplates": api::Listing => api::list_experiment_templates,
    "UpdateExperimentTemplate": api::UpdateExperimentTemplate => api::update_experiment_template,
    "DeleteExperimentTemplate": api::ById => api::delete_experiment_template,
    "StartExperiment": api::StartExperiment => api::start_experiment,
    "GetExperiment": api::ById => api::get_experiment,
    "ListExperiments": api::ListExperiments => api::list_experiments,
    "StopExperiment": api::ById => api::stop_experiment,
    "ListExperimentResolvedTargets": api::ListResolvedTargets => api::list_resolved_targets,
    "TagResource": api::TagResource => api::tag_resource,
    "UntagResource": api::UntagResource => api::untag_resource,
    "ListTagsForResource": api::ListTagsForResource => api::list_tags_for_resource,
    "GetSafetyLever": api::ById => safety::get_safety_lever,
    "UpdateSafetyLeverState": safety::UpdateSafetyLeverState => safety::update_safety_lever_state,
    "GetAction": api::ById => api::get_action,
    "ListActions": api::Listing => api::list_actions,
];

/// The tags of an experiment template.
pub(crate) fn template_tags<'a>(
    account: &'a Account,
    id: &str,
) -> Option<&'a IndexMap<String, String>> {
    account.services.fis.templates.get(id).map(|template| &template.tags)
}

/// Sets up what every account has: a safety lever, disengaged.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Initiates(id) => run::initiates(account, &id),
        Due::Runs(id) => run::runs(account, &id),
        Due::ActionRuns(id, action) => run::action_runs(account, &id, &action),
        Due::ActionEnds(id, action) => run::action_ends(account, &id, &action),
        Due::Looks(id) => run::looks(account, &id),
        Due::Stops(id) => run::stops(account, &id),
        Due::Expires(id) => run::expires(account, &id),
    }
}

#[cfg(test)]
mod tests;
