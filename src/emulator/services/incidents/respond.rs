//! What a response plan does once its incident is open.
//!
//! Main function: [`respond`]. Invariants: topics are told as Incident Manager itself, under the topics'
//! policies; the runbook is started with the plan's own role. What is refused is lost, as on AWS; a
//! runbook that could not be started leaves a note in the timeline.
//! Sources: <https://docs.aws.amazon.com/incident-manager/latest/userguide/incident-creation.html>,
//! <https://docs.aws.amazon.com/incident-manager/latest/userguide/tutorials-runbooks.html>.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::plans::{Action, Dynamic, Runbook, Variable};
use super::records::Record;
use super::timeline;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::policy::Caller;
use crate::emulator::services::{Service, ssm};
use crate::wakeup::Topic;

/// The principal that Incident Manager acts as.
const PRINCIPAL: &str = "ssm-incidents.amazonaws.com";

/// Carries out the plan of an incident: parent item, messages, runbooks.
pub(super) fn respond(account: &mut Account, arn: &str) {
    let Some(record) = account.services.incidents.records.get(arn).cloned() else { return };
    create_parent(account, &record);
    tell(account, arn);
    let Some(plan) = account.services.incidents.plans.get(&record.plan) else { return };
    for action in plan.actions.clone() {
        match action {
            Action::SsmAutomation(runbook) => start_runbook(account, &record, &runbook),
        }
    }
}

/// "When you create an incident, Incident Manager creates a parent `OpsItem` in `OpsCenter`."
///
/// AWS documents no type of its own for it; `/aws/issue` is the type of every `OpsItem` that is neither a
/// change request nor an insight.
fn create_parent(account: &mut Account, record: &Record) {
    let resources = json!([{"arn": record.arn}]).to_string();
    let data =
        ssm::DataValue { value: Some(resources), r#type: Some("SearchableString".to_owned()) };
    let (_, item) = ssm::create_ops_item(
        account,
        ssm::NewOpsItem {
            title: record.title.clone(),
            description: record.summary.clone().unwrap_or_else(|| record.title.clone()),
            source: "Incident Manager".to_owned(),
            operational_data: IndexMap::from([("/aws/resources".to_owned(), data)]),
            ..ssm::NewOpsItem::default()
        },
    );
    relate(account, &record.arn, "PARENT", &item);
    if let Some(trigger) = &record.trigger {
        relate(account, &record.arn, "INVOLVED_RESOURCE", trigger);
    }
}

fn relate(account: &mut Account, incident: &str, kind: &str, arn: &str) {
    account.touch(Topic::Incidents);
    let generated = format!("related-item/{kind}/{}", account.ids.hex(32).to_ascii_uppercase());
    if let Some(record) = account.services.incidents.records.get_mut(incident) {
        record.related.push(json!({
            "identifier": {"type": kind, "value": {"arn": arn}},
            "generatedId": generated,
        }));
    }
}

/// Publishes the incident's present state to its notification targets and to its chat channel.
pub(super) fn tell(account: &mut Account, arn: &str) {
    let Some(record) = account.services.incidents.records.get(arn) else { return };
    let chat = record.chat_channel.as_ref().map_or(&[][..], |channel| channel.topics());
    let mut topics: Vec<String> = Vec::new();
    for topic in record.notification_targets.iter().map(|one| &one.sns_topic_arn).chain(chat) {
        if !topics.contains(topic) {
            topics.push(topic.clone());
        }
    }
    let state = if record.resolved.is_some() { "resolved" } else { "open" };
    let subject = format!("Incident {state}: {}", record.title);
    let message = json!({
        "incidentRecordArn": record.arn,
        "title": record.title,
        "status": state.to_ascii_uppercase(),
        "impact": record.impact,
        "summary": record.summary,
        "creationTime": epoch_seconds(record.created),
    });
    let caller = Caller::Service { principal: PRINCIPAL, source_arn: record.arn.clone() };
    // A subject has at most 100 characters.
    let subject: String = subject.chars().take(100).collect();
    for topic in topics {
        let input = json!({"TopicArn": topic, "Subject": subject, "Message": message.to_string()});
        let _lost = account.call_as(&caller, Service::Sns, "Publish", input);
    }
}

/// Starts the plan's runbook with the plan's role.
fn start_runbook(account: &mut Account, record: &Record, runbook: &Runbook) {
    let mut parameters = runbook.parameters.clone();
    for (name, Dynamic::Variable(variable)) in &runbook.dynamic_parameters {
        let values = match variable {
            Variable::IncidentRecordArn => vec![record.arn.clone()],
            Variable::InvolvedResources => record.trigger.iter().cloned().collect(),
        };
        parameters.insert(name.clone(), values);
    }
    let mut input = json!({"DocumentName": runbook.document_name, "Parameters": parameters});
    if let Some(version) = &runbook.document_version {
        input["DocumentVersion"] = json!(version);
    }
    let caller = Caller::Role { arn: runbook.role_arn.clone(), assumed_by: PRINCIPAL };
    match account.call_as(&caller, Service::Ssm, "StartAutomationExecution", input) {
        Ok(answer) => {
            let id = answer["AutomationExecutionId"].as_str().unwrap_or_default();
            let execution = account.identity().arn("ssm", &format!("automation-execution/{id}"));
            if let Some(record) = account.services.incidents.records.get_mut(&record.arn) {
                record.executions.push(execution.clone());
            }
            relate(account, &record.arn, "AUTOMATION", &execution);
        }
        Err(error) => {
            let data: Value = json!({
                "title": format!("The runbook {} could not be started", runbook.document_name),
                "error": error.to_string(),
            });
            timeline::add(account, &record.arn, "Custom Event", &data);
        }
    }
}
