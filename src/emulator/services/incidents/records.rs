//! Incidents: opened, folded into one another, updated, resolved.
//!
//! Main type: [`Record`]. Invariant: an incident's timeline holds everything that happened to it.
//! Source: <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_StartIncident.html>.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Due;
use super::plans::{ChatChannel, NotificationTarget, not_found};
use super::respond;
use super::timeline::{self, Event};
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::Caller;
use crate::emulator::timing;

/// One incident.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) arn: String,
    pub(super) plan: String,
    pub(super) title: String,
    pub(super) summary: Option<String>,
    pub(super) impact: u8,
    pub(super) dedupe_string: String,
    pub(super) created: Timestamp,
    pub(super) resolved: Option<Timestamp>,
    modified: Timestamp,
    modified_by: String,
    created_by: String,
    invoked_by: Option<&'static str>,
    source: String,
    /// The alarm or the rule that opened it.
    pub(super) trigger: Option<String>,
    pub(super) notification_targets: Vec<NotificationTarget>,
    pub(super) chat_channel: Option<ChatChannel>,
    /// The ARNs of the runbooks that it started.
    pub(super) executions: Vec<String>,
    /// What belongs to it, as `ListRelatedItems` shows it.
    pub(super) related: Vec<Value>,
    pub(super) events: IndexMap<String, Event>,
}

impl Record {
    fn status(&self) -> &'static str {
        if self.resolved.is_some() { "RESOLVED" } else { "OPEN" }
    }

    fn source_shape(&self) -> Value {
        let mut shape = json!({"createdBy": self.created_by, "source": self.source});
        if let Some(invoked_by) = self.invoked_by {
            shape["invokedBy"] = json!(invoked_by);
        }
        if let Some(trigger) = &self.trigger {
            shape["resourceArn"] = json!(trigger);
        }
        shape
    }

    fn summary_shape(&self) -> Value {
        let mut shape = json!({
            "arn": self.arn,
            "title": self.title,
            "status": self.status(),
            "impact": self.impact,
            "creationTime": epoch_seconds(self.created),
            "incidentRecordSource": self.source_shape(),
        });
        if let Some(resolved) = self.resolved {
            shape["resolvedTime"] = epoch_seconds(resolved);
        }
        shape
    }

    fn shape(&self) -> Value {
        let mut shape = self.summary_shape();
        shape["dedupeString"] = json!(self.dedupe_string);
        shape["lastModifiedBy"] = json!(self.modified_by);
        shape["lastModifiedTime"] = epoch_seconds(self.modified);
        shape["notificationTargets"] = json!(self.notification_targets);
        let executions = self.executions.iter();
        shape["automationExecutions"] =
            executions.map(|arn| json!({"ssmExecutionArn": arn})).collect();
        if let Some(chat_channel) = &self.chat_channel {
            shape["chatChannel"] = json!(chat_channel);
        }
        if let Some(summary) = &self.summary {
            shape["summary"] = json!(summary);
        }
        shape
    }
}

/// The input of `StartIncident`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Start {
    response_plan_arn: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    impact: Option<u8>,
    #[serde(default)]
    trigger_details: Option<Trigger>,
    #[serde(default)]
    client_token: Option<String>,
}

/// What opened an incident.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Trigger {
    source: String,
    timestamp: f64,
    #[serde(default, rename = "triggerArn")]
    arn: Option<String>,
    #[serde(default)]
    raw_data: Option<String>,
}

/// `StartIncident`: opens an incident, or folds the trigger into one that is open.
pub(super) fn start(account: &mut Account, input: Start) -> Answer {
    let incidents = &account.services.incidents;
    let Some(plan) = incidents.plans.get(&input.response_plan_arn).cloned() else {
        return Err(not_found("response plan", &input.response_plan_arn));
    };
    if let Some(arn) = input.client_token.as_ref().and_then(|token| incidents.tokens.get(token)) {
        return Ok(json!({"incidentRecordArn": arn}));
    }
    if input.impact.is_some_and(|impact| !(1..=5).contains(&impact)) {
        return Err(ServiceError::validation("The impact must be from 1 (critical) to 5"));
    }
    let trigger = input.trigger_details;
    let dedupe = plan.incident_template.dedupe_string.clone().unwrap_or_default();
    let trigger_arn = trigger.as_ref().and_then(|trigger| trigger.arn.clone());
    if let Some(arn) = open_incident(account, &dedupe, trigger_arn.as_deref()) {
        timeline::add(account, &arn, "SSM Incident Trigger", &trigger_data(trigger.as_ref()));
        return Ok(json!({"incidentRecordArn": arn}));
    }
    let (id, now, by) = (account.ids.uuid(), account.now(), account.caller_arn());
    let resource = format!("incident-record/{}/{id}", plan.name);
    let arn = account.identity().global_arn("ssm-incidents", &resource);
    let record = Record {
        arn: arn.clone(),
        plan: plan.arn,
        title: input.title.unwrap_or(plan.incident_template.title),
        summary: plan.incident_template.summary,
        impact: input.impact.unwrap_or(plan.incident_template.impact),
        dedupe_string: dedupe,
        created: now,
        resolved: None,
        modified: now,
        modified_by: by.clone(),
        created_by: by,
        invoked_by: invoked_by(account),
        source: trigger.as_ref().map_or_else(
            || "aws.ssm-incidents.custom".to_owned(),
            |trigger| trigger.source.clone(),
        ),
        trigger: trigger_arn,
        notification_targets: plan.incident_template.notification_targets,
        chat_channel: plan.chat_channel,
        executions: Vec::new(),
        related: Vec::new(),
        events: IndexMap::new(),
    };
    account.services.incidents.records.insert(arn.clone(), record);
    if let Some(token) = input.client_token {
        account.services.incidents.tokens.insert(token, arn.clone());
    }
    // An incident that a person starts has no trigger in its timeline.
    let kind = if trigger.is_some() { "SSM Incident Trigger" } else { "SSM Incident Start" };
    timeline::add(account, &arn, kind, &trigger_data(trigger.as_ref()));
    account.schedule_in(timing::INCIDENT_RESPONSE, Due::Respond(arn.clone()));
    Ok(json!({"incidentRecordArn": arn}))
}

/// The service principal on whose behalf the incident is opened.
fn invoked_by(account: &Account) -> Option<&'static str> {
    match account.caller() {
        Caller::Administrator | Caller::User { .. } | Caller::Session { .. } => None,
        Caller::Service { principal, .. } => Some(principal),
        Caller::Role { assumed_by, .. } => Some(assumed_by),
    }
}

/// The open incident that this one would duplicate: the same dedupe string, or the same alarm or rule.
fn open_incident(account: &Account, dedupe: &str, trigger: Option<&str>) -> Option<String> {
    let mut open =
        account.services.incidents.records.values().filter(|record| record.resolved.is_none());
    let same = open.find(|record| {
        (!dedupe.is_empty() && record.dedupe_string == dedupe)
            || (trigger.is_some() && record.trigger.as_deref() == trigger)
    });
    same.map(|record| record.arn.clone())
}

fn trigger_data(trigger: Option<&Trigger>) -> Value {
    let Some(trigger) = trigger else { return json!({}) };
    let mut data = json!({"source": trigger.source});
    if let Some(at) = from_epoch_seconds(trigger.timestamp) {
        data["timestamp"] = json!(at.to_string());
    }
    if let Some(arn) = &trigger.arn {
        data["triggerArn"] = json!(arn);
    }
    if let Some(raw) = &trigger.raw_data {
        data["rawData"] = json!(raw);
    }
    data
}

/// The input of `GetIncidentRecord`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    arn: String,
}

/// `GetIncidentRecord`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    match account.services.incidents.records.get(&input.arn) {
        Some(record) => Ok(json!({"incidentRecord": record.shape()})),
        None => Err(not_found("incident record", &input.arn)),
    }
}

/// A filter of incidents or of timeline events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) key: String,
    pub(super) condition: Condition,
}

/// What a filter asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Condition {
    /// Later than this, in epoch seconds.
    After(f64),
    /// Earlier than this, in epoch seconds.
    Before(f64),
    /// One of these.
    Equals(Values),
}

/// The values of a filter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Values {
    /// Texts.
    StringValues(Vec<String>),
    /// Numbers.
    IntegerValues(Vec<i64>),
}

impl Condition {
    pub(super) fn text(&self, text: &str) -> bool {
        match self {
            Self::Equals(Values::StringValues(values)) => values.iter().any(|value| value == text),
            Self::Equals(Values::IntegerValues(_)) | Self::After(_) | Self::Before(_) => false,
        }
    }

    fn number(&self, number: u8) -> bool {
        match self {
            Self::Equals(Values::IntegerValues(values)) => values.contains(&i64::from(number)),
            Self::Equals(Values::StringValues(_)) | Self::After(_) | Self::Before(_) => false,
        }
    }

    pub(super) fn moment(&self, at: Timestamp) -> bool {
        match self {
            Self::After(limit) => from_epoch_seconds(*limit).is_some_and(|limit| at > limit),
            Self::Before(limit) => from_epoch_seconds(*limit).is_some_and(|limit| at < limit),
            Self::Equals(_) => false,
        }
    }
}

/// The input of `ListIncidentRecords`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListIncidentRecords`: newest first.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let mut items = Vec::new();
    for record in account.services.incidents.records.values().rev() {
        let mut fits = true;
        for filter in &input.filters {
            fits &= match filter.key.as_str() {
                "creationTime" => filter.condition.moment(record.created),
                "impact" => filter.condition.number(record.impact),
                "status" => filter.condition.text(record.status()),
                "createdBy" => filter.condition.text(&record.created_by),
                other => return Err(unknown_filter(other)),
            };
        }
        if fits {
            items.push(record.summary_shape());
        }
    }
    page("incidentRecordSummaries", items, input.max_results, input.next_token.as_deref())
}

/// AWS's refusal of a filter key.
pub(super) fn unknown_filter(key: &str) -> ServiceError {
    ServiceError::validation(format!("The filter key {key} is not supported"))
}

/// One page of a list, in the way of this API.
pub(super) fn page(
    name: &str,
    items: Vec<Value>,
    max: Option<usize>,
    token: Option<&str>,
) -> Answer {
    let (items, next) = crate::emulator::services::ssm::page(items, max, token, 50)?;
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(items));
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(answer))
}

/// The input of `UpdateIncidentRecord`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Update {
    arn: String,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    impact: Option<u8>,
    #[serde(default)]
    notification_targets: Option<Vec<NotificationTarget>>,
    #[serde(default)]
    chat_channel: Option<ChatChannel>,
    #[serde(default, rename = "clientToken")]
    _client_token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Open,
    Resolved,
}

/// `UpdateIncidentRecord`; resolving is setting the status.
pub(super) fn update(account: &mut Account, input: Update) -> Answer {
    let (now, by) = (account.now(), account.caller_arn());
    let Some(record) = account.services.incidents.records.get_mut(&input.arn) else {
        return Err(not_found("incident record", &input.arn));
    };
    let mut changes: Vec<Value> = Vec::new();
    let mut note = |name: &str, old: Value, new: Value| {
        if old != new {
            changes.push(json!({"attributeName": name, "oldValue": old, "newValue": new}));
        }
    };
    let before = record.status();
    match input.status {
        Some(Status::Resolved) => record.resolved = record.resolved.or(Some(now)),
        Some(Status::Open) => record.resolved = None,
        None => {}
    }
    note("status", json!(before), json!(record.status()));
    if let Some(title) = input.title {
        note("title", json!(record.title), json!(title));
        record.title = title;
    }
    if let Some(summary) = input.summary {
        note("summary", json!(record.summary), json!(summary));
        record.summary = Some(summary);
    }
    if let Some(impact) = input.impact {
        note("impact", json!(record.impact), json!(impact));
        record.impact = impact;
    }
    if let Some(targets) = input.notification_targets {
        note("notificationTargets", json!(record.notification_targets), json!(targets));
        record.notification_targets = targets;
    }
    if let Some(channel) = input.chat_channel {
        note("chatChannel", json!(record.chat_channel), json!(channel));
        record.chat_channel = Some(channel);
    }
    record.modified = now;
    record.modified_by = by;
    if !changes.is_empty() {
        let data = json!({"modifiedAttributes": changes});
        timeline::add(account, &input.arn, "SSM Incident Record Update", &data);
        respond::tell(account, &input.arn);
    }
    Ok(json!({}))
}

/// The input of `ListRelatedItems`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListRelated {
    incident_record_arn: String,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListRelatedItems`.
pub(super) fn list_related(account: &mut Account, input: ListRelated) -> Answer {
    let records = &account.services.incidents.records;
    let Some(record) = records.get(&input.incident_record_arn) else {
        return Err(not_found("incident record", &input.incident_record_arn));
    };
    let items = record.related.clone();
    page("relatedItems", items, input.max_results, input.next_token.as_deref())
}
