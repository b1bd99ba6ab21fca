//! Response plans: what an incident says and what it sets off.
//!
//! Main type: [`Plan`]. Invariant: a plan is kept as it was given, so that `GetResponsePlan` shows it.
//! Source: <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_CreateResponsePlan.html>.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::records::page;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// A response plan.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    pub(super) arn: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
    pub(super) incident_template: Template,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chat_channel: Option<ChatChannel>,
    pub(super) engagements: Vec<String>,
    pub(super) actions: Vec<Action>,
}

/// What an incident of the plan says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Template {
    pub(super) title: String,
    pub(super) impact: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dedupe_string: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
    #[serde(default)]
    pub(super) notification_targets: Vec<NotificationTarget>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(super) incident_tags: IndexMap<String, String>,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NotificationTarget {
    pub(super) sns_topic_arn: String,
}

/// Where people talk about the incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ChatChannel {
    /// The topics that the chat service listens to.
    ChatbotSns(Vec<String>),
    /// None.
    Empty {},
}

impl ChatChannel {
    /// The topics of the channel.
    pub(super) fn topics(&self) -> &[String] {
        match self {
            Self::ChatbotSns(topics) => topics,
            Self::Empty {} => &[],
        }
    }
}

/// What the plan does when an incident begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    /// Runs a runbook.
    SsmAutomation(Runbook),
}

/// The runbook of a plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Runbook {
    pub(super) document_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) document_version: Option<String>,
    pub(super) role_arn: String,
    #[serde(default)]
    pub(super) parameters: IndexMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) dynamic_parameters: IndexMap<String, Dynamic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target_account: Option<String>,
}

/// A parameter whose value the incident knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Dynamic {
    /// Taken from the incident.
    Variable(Variable),
}

/// What of the incident.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Variable {
    /// The incident's ARN.
    IncidentRecordArn,
    /// The ARNs of what is involved.
    InvolvedResources,
}

/// The input of `CreateResponsePlan`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    #[serde(default)]
    display_name: Option<String>,
    incident_template: Template,
    #[serde(default)]
    chat_channel: Option<ChatChannel>,
    #[serde(default)]
    engagements: Vec<String>,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default, rename = "clientToken")]
    _client_token: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
}

/// `CreateResponsePlan`.
pub(super) fn create(account: &mut Account, input: Create) -> Answer {
    let arn =
        account.identity().global_arn("ssm-incidents", &format!("response-plan/{}", input.name));
    if account.services.incidents.plans.contains_key(&arn) {
        let message = format!("The response plan {} already exists", input.name);
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new("ConflictException", message)
        });
    }
    if !(1..=5).contains(&input.incident_template.impact) {
        return Err(ServiceError::validation("The impact must be from 1 (critical) to 5"));
    }
    let plan = Plan {
        arn: arn.clone(),
        name: input.name,
        display_name: input.display_name,
        incident_template: input.incident_template,
        chat_channel: input.chat_channel,
        engagements: input.engagements,
        actions: input.actions,
    };
    account.services.incidents.plans.insert(arn.clone(), plan);
    Ok(json!({"arn": arn}))
}

/// AWS's refusal where there is no such thing.
pub(super) fn not_found(kind: &str, arn: &str) -> ServiceError {
    let message = format!("The {kind} {arn} does not exist");
    ServiceError { status: 404, ..ServiceError::new("ResourceNotFoundException", message) }
}

/// The input of `GetResponsePlan`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    arn: String,
}

/// `GetResponsePlan`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    match account.services.incidents.plans.get(&input.arn) {
        Some(plan) => Ok(json!(plan)),
        None => Err(not_found("response plan", &input.arn)),
    }
}

/// The input of `ListResponsePlans`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListResponsePlans`.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let plans = account.services.incidents.plans.values();
    let items: Vec<Value> = plans
        .map(|plan| {
            let mut shape = json!({"arn": plan.arn, "name": plan.name});
            if let Some(display_name) = &plan.display_name {
                shape["displayName"] = json!(display_name);
            }
            shape
        })
        .collect();
    page("responsePlanSummaries", items, input.max_results, input.next_token.as_deref())
}

/// The input of `DeleteResponsePlan`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    arn: String,
}

/// `DeleteResponsePlan`: incidents that it opened go on.
pub(super) fn delete(account: &mut Account, input: Delete) -> Answer {
    match account.services.incidents.plans.shift_remove(&input.arn) {
        Some(_) => Ok(json!({})),
        None => Err(not_found("response plan", &input.arn)),
    }
}
