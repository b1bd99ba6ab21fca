//! One run of a template: its state, its actions and what they were aimed at.
//!
//! Main type: [`Experiment`]. Invariant: an experiment is a copy of its template as it stood at the start;
//! a later update of the template changes nothing in it.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::actions::Work;
use super::template::{Action, Options, StopCondition, Target, Template};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::facts::FactId;

/// The state of an experiment.
/// <https://docs.aws.amazon.com/fis/latest/APIReference/API_ExperimentState.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Pending,
    Initiating,
    Running,
    Completed,
    Stopping,
    Stopped,
    Failed,
    Cancelled,
}

impl Status {
    /// Whether it still counts against the quota of active experiments.
    pub(super) fn is_active(self) -> bool {
        match self {
            Self::Pending | Self::Initiating | Self::Running | Self::Stopping => true,
            Self::Completed | Self::Stopped | Self::Failed | Self::Cancelled => false,
        }
    }
}

/// The state of one action.
/// <https://docs.aws.amazon.com/fis/latest/APIReference/API_ExperimentActionState.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ActionStatus {
    Pending,
    Initiating,
    Running,
    Completed,
    Cancelled,
    Stopping,
    Stopped,
    Failed,
    Skipped,
}

/// Whether the actions run at all, or only the targets are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActionsMode {
    SkipAll,
    #[default]
    RunAll,
}

/// Why an experiment failed, as the API tells it.
/// <https://docs.aws.amazon.com/fis/latest/userguide/troubleshooting.html#error-codes>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    /// The part of the template, such as `targets.instances`.
    pub(super) location: String,
    pub(super) reason: String,
}

/// An experiment.
#[derive(Debug, Clone)]
pub(super) struct Experiment {
    pub(super) id: String,
    pub(super) template: String,
    /// The template's tag `Name`: what people and environments call it.
    pub(super) template_name: Option<String>,
    pub(super) role_arn: String,
    pub(super) status: Status,
    pub(super) reason: String,
    pub(super) failure: Option<Failure>,
    pub(super) targets: IndexMap<String, Target>,
    pub(super) actions: IndexMap<String, ActionRun>,
    pub(super) stop_conditions: Vec<StopCondition>,
    pub(super) resolved: IndexMap<String, Vec<String>>,
    pub(super) options: Options,
    pub(super) mode: ActionsMode,
    pub(super) tags: IndexMap<String, String>,
    log_configuration: Option<Value>,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) client_token: String,
    /// Whether the next look at it is on the agenda.
    pub(super) is_watched: bool,
}

/// One action of an experiment.
#[derive(Debug, Clone)]
pub(super) struct ActionRun {
    pub(super) action: Action,
    pub(super) status: ActionStatus,
    pub(super) reason: String,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) work: Work,
    pub(super) facts: Vec<FactId>,
}

impl Experiment {
    /// A new experiment of this template.
    pub(super) fn new(
        id: String,
        template: &Template,
        mode: ActionsMode,
        tags: IndexMap<String, String>,
        client_token: String,
        now: Timestamp,
    ) -> Self {
        let pending = |action: &Action| ActionRun {
            action: action.clone(),
            status: ActionStatus::Pending,
            reason: "Initial state".to_owned(),
            started: None,
            ended: None,
            work: Work::Nothing,
            facts: Vec::new(),
        };
        let actions = template.actions.iter().map(|(name, action)| (name.clone(), pending(action)));
        Self {
            id,
            template: template.id.clone(),
            template_name: template.tags.get("Name").cloned(),
            role_arn: template.role_arn.clone(),
            status: Status::Pending,
            reason: "Experiment is pending.".to_owned(),
            failure: None,
            targets: template.targets.clone(),
            actions: actions.collect(),
            stop_conditions: template.stop_conditions.clone(),
            resolved: IndexMap::new(),
            options: template.options,
            mode,
            tags,
            log_configuration: template.log_configuration.clone(),
            created: now,
            started: None,
            ended: None,
            client_token,
            is_watched: false,
        }
    }

    /// The ARN.
    pub(super) fn arn(&self, account: &Account) -> String {
        account.identity().arn("fis", &format!("experiment/{}", self.id))
    }

    /// The alarms that stop it.
    pub(super) fn alarms(&self) -> impl Iterator<Item = &str> {
        self.stop_conditions
            .iter()
            .filter(|condition| condition.source == "aws:cloudwatch:alarm")
            .filter_map(|condition| condition.value.as_deref())
    }

    /// The experiment as `GetExperiment` answers it.
    pub(super) fn render(&self, account: &Account) -> Value {
        let mut rendered = self.summary(account);
        let actions: Map<String, Value> =
            self.actions.iter().map(|(name, run)| (name.clone(), run.render())).collect();
        rendered["roleArn"] = json!(self.role_arn);
        rendered["targets"] = json!(self.targets);
        rendered["actions"] = Value::Object(actions);
        rendered["stopConditions"] = json!(self.stop_conditions);
        rendered["targetAccountConfigurationsCount"] = json!(0);
        if let Some(started) = self.started {
            rendered["startTime"] = epoch_seconds(started);
        }
        if let Some(ended) = self.ended {
            rendered["endTime"] = epoch_seconds(ended);
        }
        if let Some(log) = &self.log_configuration {
            rendered["logConfiguration"] = log.clone();
        }
        rendered
    }

    /// The experiment as `ListExperiments` answers it.
    pub(super) fn summary(&self, account: &Account) -> Value {
        let mut state = json!({"status": self.status, "reason": self.reason});
        if let Some(failure) = &self.failure {
            state["error"] = json!({
                "accountId": account.identity().account,
                "code": failure.code,
                "location": failure.location,
            });
        }
        json!({
            "id": self.id,
            "arn": self.arn(account),
            "experimentTemplateId": self.template,
            "state": state,
            "creationTime": epoch_seconds(self.created),
            "tags": self.tags,
            "experimentOptions": {
                "accountTargeting": self.options.account_targeting,
                "emptyTargetResolutionMode": self.options.empty_target_resolution_mode,
                "actionsMode": self.mode,
            },
        })
    }
}

impl ActionRun {
    fn render(&self) -> Value {
        let mut rendered = json!(self.action);
        rendered["state"] = json!({"status": self.status, "reason": self.reason});
        if let Some(started) = self.started {
            rendered["startTime"] = epoch_seconds(started);
        }
        if let Some(ended) = self.ended {
            rendered["endTime"] = epoch_seconds(ended);
        }
        rendered
    }
}
