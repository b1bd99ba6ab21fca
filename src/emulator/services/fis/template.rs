//! Experiment templates: what they hold, and what is wrong with one before it is ever run.
//!
//! Main type: [`Template`]. Invariant: a template that is kept was checked: its actions exist and form a
//! graph without a cycle, its targets are of the types that the actions take, its numbers are within
//! AWS's quotas (<https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>).

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalog::{self, Spec};
use super::targets::{self, Selection};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::ServiceError;

/// An experiment template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) targets: IndexMap<String, Target>,
    pub(super) actions: IndexMap<String, Action>,
    pub(super) stop_conditions: Vec<StopCondition>,
    pub(super) role_arn: String,
    pub(super) tags: IndexMap<String, String>,
    pub(super) log_configuration: Option<Value>,
    pub(super) options: Options,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) client_token: Option<String>,
}

/// What an action acts on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Target {
    pub(super) resource_type: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_arns: Vec<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(super) resource_tags: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) filters: Vec<TargetFilter>,
    pub(super) selection_mode: String,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(super) parameters: IndexMap<String, String>,
}

/// An attribute of a resource, as a path into what its `Describe` operation answers, and its values.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TargetFilter {
    pub(super) path: String,
    pub(super) values: Vec<String>,
}

/// One action of the graph.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Action {
    pub(super) action_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) parameters: IndexMap<String, String>,
    #[serde(default)]
    pub(super) targets: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) start_after: Vec<String>,
}

impl Action {
    /// The entry of the catalog.
    pub(super) fn spec(&self) -> &'static Spec {
        catalog::find(&self.action_id).expect("a template is checked before it is kept")
    }

    /// The name of its target, where it takes one.
    pub(super) fn target(&self) -> Option<&str> {
        let (key, _) = self.spec().target?;
        self.targets.get(key).map(String::as_str)
    }
}

/// An alarm that stops the experiment, or `none`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopCondition {
    pub(super) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
}

/// What happens where a target resolves to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EmptyTargets {
    #[default]
    Fail,
    Skip,
}

/// One account or several; the emulator has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AccountTargeting {
    #[default]
    SingleAccount,
    MultiAccount,
}

/// <https://docs.aws.amazon.com/fis/latest/userguide/experiment-options.html>.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Options {
    #[serde(default)]
    pub(super) account_targeting: AccountTargeting,
    #[serde(default)]
    pub(super) empty_target_resolution_mode: EmptyTargets,
}

const MOST_ACTIONS: usize = 20;
const MOST_STOP_CONDITIONS: usize = 5;
const MOST_TARGET_ARNS: usize = 5;

/// AWS's `ServiceQuotaExceededException`, status 402.
pub(super) fn quota(message: String) -> ServiceError {
    let mut error = ServiceError::new("ServiceQuotaExceededException", message);
    error.status = 402;
    error
}

/// AWS's `ResourceNotFoundException`, status 404.
pub(super) fn not_found(what: &str, id: &str) -> ServiceError {
    let mut error =
        ServiceError::new("ResourceNotFoundException", format!("{what} {id} not found."));
    error.status = 404;
    error
}

impl Template {
    /// The ARN.
    pub(super) fn arn(&self, account: &Account) -> String {
        account.identity().arn("fis", &format!("experiment-template/{}", self.id))
    }

    /// The template as `GetExperimentTemplate` answers it.
    pub(super) fn render(&self, account: &Account) -> Value {
        let mut rendered = self.summary(account);
        rendered["targets"] = json!(self.targets);
        rendered["actions"] = json!(self.actions);
        rendered["stopConditions"] = json!(self.stop_conditions);
        rendered["roleArn"] = json!(self.role_arn);
        rendered["experimentOptions"] = json!(self.options);
        rendered["targetAccountConfigurationsCount"] = json!(0);
        if let Some(log) = &self.log_configuration {
            rendered["logConfiguration"] = log.clone();
        }
        rendered
    }

    /// The template as `ListExperimentTemplates` answers it.
    pub(super) fn summary(&self, account: &Account) -> Value {
        json!({
            "id": self.id,
            "arn": self.arn(account),
            "description": self.description,
            "creationTime": epoch_seconds(self.created),
            "lastUpdateTime": epoch_seconds(self.updated),
            "tags": self.tags,
        })
    }

    /// Refuses a template that AWS refuses, and one that the emulator can't run.
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        if self.description.is_empty() || self.description.len() > 512 {
            return Err(ServiceError::validation("description must have 1 to 512 characters."));
        }
        if !self.role_arn.contains(":role/") {
            return Err(ServiceError::validation(format!(
                "roleArn `{}` is not the ARN of a role.",
                self.role_arn
            )));
        }
        if self.options.account_targeting == AccountTargeting::MultiAccount {
            return Err(ServiceError::unsupported("FIS experiments over several accounts"));
        }
        self.check_stop_conditions()?;
        for (name, target) in &self.targets {
            check_target(name, target)?;
        }
        if self.actions.is_empty() {
            return Err(ServiceError::validation("An experiment template needs an action."));
        }
        if self.actions.len() > MOST_ACTIONS {
            return Err(quota(format!(
                "An experiment template has at most {MOST_ACTIONS} actions."
            )));
        }
        for (name, action) in &self.actions {
            self.check_action(name, action)?;
        }
        self.check_order()
    }

    fn check_stop_conditions(&self) -> Result<(), ServiceError> {
        if self.stop_conditions.is_empty() {
            return Err(ServiceError::validation(
                "stopConditions must name an alarm, or the source `none`.",
            ));
        }
        if self.stop_conditions.len() > MOST_STOP_CONDITIONS {
            return Err(quota(format!(
                "An experiment template has at most {MOST_STOP_CONDITIONS} stop conditions."
            )));
        }
        for condition in &self.stop_conditions {
            let arn = condition.value.as_deref().unwrap_or_default();
            match condition.source.as_str() {
                "none" => {}
                "aws:cloudwatch:alarm" if arn.contains(":alarm:") => {}
                "aws:cloudwatch:alarm" => {
                    return Err(ServiceError::validation(format!(
                        "The stop condition value `{arn}` is not the ARN of an alarm."
                    )));
                }
                source => {
                    return Err(ServiceError::validation(format!(
                        "The stop condition source `{source}` is not valid."
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_action(&self, name: &str, action: &Action) -> Result<(), ServiceError> {
        let refuse = |why: String| ServiceError::validation(format!("Action {name}: {why}."));
        let Some(spec) = catalog::find(&action.action_id) else {
            return Err(ServiceError::unsupported(format_args!(
                "the FIS action `{}` (action {name})",
                action.action_id
            )));
        };
        spec.check(&action.parameters).map_err(refuse)?;
        let expected = spec.target.map(|(key, _)| key);
        if let Some(key) = action.targets.keys().find(|key| Some(key.as_str()) != expected) {
            return Err(refuse(format!("the target key `{key}` is not known to {}", spec.id)));
        }
        if let Some((key, kind)) = spec.target {
            let named = action.targets.get(key);
            let target = named.and_then(|name| self.targets.get(name)).ok_or_else(|| {
                refuse(format!("its target `{key}` does not name a target of the template"))
            })?;
            if target.resource_type != kind {
                return Err(refuse(format!(
                    "its target `{key}` must be of the type {kind}, not {}",
                    target.resource_type
                )));
            }
        }
        match action.start_after.iter().find(|before| !self.actions.contains_key(*before)) {
            Some(unknown) => {
                Err(refuse(format!("startAfter names the action `{unknown}`, which is unknown")))
            }
            None => Ok(()),
        }
    }

    /// Refuses a cycle: takes away what depends on nothing that is left, until nothing can be taken.
    fn check_order(&self) -> Result<(), ServiceError> {
        let mut left: Vec<&str> = self.actions.keys().map(String::as_str).collect();
        while !left.is_empty() {
            let before = left.len();
            let waiting = left.clone();
            left.retain(|name| {
                self.actions[*name].start_after.iter().any(|one| waiting.contains(&one.as_str()))
            });
            if left.len() == before {
                return Err(ServiceError::validation(format!(
                    "The actions {} start after each other in a cycle.",
                    left.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn check_target(name: &str, target: &Target) -> Result<(), ServiceError> {
    let refuse = |why: String| ServiceError::validation(format!("Target {name}: {why}."));
    if !targets::is_supported(&target.resource_type) {
        return Err(ServiceError::unsupported(format_args!(
            "the FIS resource type `{}` (target {name})",
            target.resource_type
        )));
    }
    Selection::parse(&target.selection_mode).map_err(refuse)?;
    if target.resource_arns.len() > MOST_TARGET_ARNS {
        return Err(quota(format!("A target names at most {MOST_TARGET_ARNS} ARNs.")));
    }
    let by_arn = !target.resource_arns.is_empty();
    let by_tag = !target.resource_tags.is_empty();
    if by_arn && (by_tag || !target.filters.is_empty()) {
        return Err(refuse("resourceArns excludes resourceTags and filters".to_owned()));
    }
    if !by_arn && !by_tag && target.parameters.is_empty() {
        return Err(refuse("it needs resourceArns or resourceTags".to_owned()));
    }
    targets::check(target)
        .map_err(|what| ServiceError::unsupported(format_args!("{what} of the FIS target {name}")))
}
