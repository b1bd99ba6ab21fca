//! What the emulated account supports, as a table made from the code.
//!
//! Main function: [`markdown`]; [`rows`] is the same as data. Invariant: every row is read off the tables
//! that the emulator itself runs by, so the document can't drift from what is accepted.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::{Account, Identity};
use super::cloudformation::resources::{self, Place};
use super::services::{self, Service};

/// The Automation actions that AWS documents; which of them run is found out by running them.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html>
const AUTOMATION_ACTIONS: &[&str] = &[
    "aws:approve",
    "aws:assertAwsResourceProperty",
    "aws:branch",
    "aws:changeInstanceState",
    "aws:copyImage",
    "aws:createImage",
    "aws:createStack",
    "aws:createTags",
    "aws:deleteImage",
    "aws:deleteStack",
    "aws:executeAutomation",
    "aws:executeAwsApi",
    "aws:executeScript",
    "aws:executeStateMachine",
    "aws:invokeLambdaFunction",
    "aws:invokeWebhook",
    "aws:loop",
    "aws:pause",
    "aws:runCommand",
    "aws:runInstances",
    "aws:sleep",
    "aws:updateVariable",
    "aws:waitForAwsResourceProperty",
];

/// One thing that is supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind of thing: `operation`, `resource type`, …
    pub kind: Kind,
    /// Whose it is: a service's name for people; of a resource type its service's namespace.
    pub group: String,
    /// Its name, as AWS spells it.
    pub name: String,
    /// Its parameters or properties, as AWS spells them.
    pub members: Vec<String>,
    /// Properties that are accepted and change nothing in a drill.
    pub without_effect: Vec<&'static str>,
}

/// A kind of thing that the emulated account supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API operation, with its top-level parameters.
    Operation,
    /// A `CloudFormation` resource type, with its properties.
    ResourceType,
    /// A FIS action, with its parameters.
    FisAction,
    /// An action of an SSM Automation document.
    AutomationAction,
}

/// Everything that is supported, in the order of the printed table.
pub fn rows() -> Vec<Row> {
    let mut rows = operations();
    rows.extend(fis_actions());
    rows.extend(automation_actions());
    rows.extend(resource_types());
    rows
}

fn operations() -> Vec<Row> {
    let mut rows = Vec::new();
    for service in Service::ALL {
        for operation in services::operations(*service) {
            let mut members: Vec<String> =
                (operation.parameters)().iter().map(|name| (*name).to_owned()).collect();
            members.sort_unstable();
            rows.push(Row {
                kind: Kind::Operation,
                group: format!("{} (`{}`)", service.title(), service.prefix()),
                name: operation.name.to_owned(),
                members,
                without_effect: Vec::new(),
            });
        }
    }
    rows
}

fn resource_types() -> Vec<Row> {
    let row = |kind: &&resources::ResourceType| {
        let (mut members, mut without_effect) = (Vec::new(), Vec::new());
        for property in kind.properties {
            if property.place == Place::Accepted {
                without_effect.push(property.name);
            } else {
                members.push(property.name.to_owned());
            }
        }
        Row {
            kind: Kind::ResourceType,
            group: kind.name.rsplit_once("::").map_or("", |(group, _)| group).to_owned(),
            name: kind.name.to_owned(),
            members,
            without_effect,
        }
    };
    resources::TYPES.iter().map(row).collect()
}

/// An account to ask; nothing in it matters.
fn scratch() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24), 0)
}

/// What FIS itself lists.
fn fis_actions() -> Vec<Row> {
    let mut account = scratch();
    let Ok(listed) = account.call(Service::Fis, "ListActions", json!({})) else {
        return Vec::new();
    };
    let ids = listed["actions"].as_array().into_iter().flatten();
    ids.filter_map(|action| action["id"].as_str())
        .map(|id| {
            let input = json!({ "id": id });
            let answer = account.call(Service::Fis, "GetAction", input).unwrap_or_default();
            let parameters = answer["action"]["parameters"].as_object();
            Row {
                kind: Kind::FisAction,
                group: "Actions of experiments".to_owned(),
                name: id.to_owned(),
                members: parameters.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
                without_effect: Vec::new(),
            }
        })
        .collect()
}

/// The actions that a runbook gets to run, found out by a runbook of one step for each.
fn automation_actions() -> Vec<Row> {
    let runs = |action: &&&str| !is_refused(action);
    let row = |action: &&str| Row {
        kind: Kind::AutomationAction,
        group: "Actions of Automation documents".to_owned(),
        name: (*action).to_owned(),
        members: Vec::new(),
        without_effect: Vec::new(),
    };
    AUTOMATION_ACTIONS.iter().filter(runs).map(row).collect()
}

/// Whether the emulator says of an action that it does not have it, when a step comes to it.
fn is_refused(action: &str) -> bool {
    const REFUSAL: &str = "does not support";
    let mut account = scratch();
    let content = json!({
        "schemaVersion": "0.3",
        "mainSteps": [{ "name": "step", "action": action, "inputs": {} }],
    });
    let document = json!({
        "Name": "Coverage", "DocumentType": "Automation", "Content": content.to_string(),
    });
    if let Err(error) = account.call(Service::Ssm, "CreateDocument", document) {
        // Actions that shape the flow are read with the document, which says what their inputs lack.
        return error.message.contains(REFUSAL);
    }
    let start = json!({ "DocumentName": "Coverage" });
    let started = account.call(Service::Ssm, "StartAutomationExecution", start);
    let Ok(started) = started else { return true };
    account.advance(account.now() + SignedDuration::from_mins(1));
    let input = json!({ "AutomationExecutionId": started["AutomationExecutionId"] });
    let answer = account.call(Service::Ssm, "GetAutomationExecution", input).unwrap_or_default();
    let message = |of: &Value| of["FailureMessage"].as_str().unwrap_or_default().to_owned();
    let execution = &answer["AutomationExecution"];
    let step = &execution["StepExecutions"][0];
    message(step).contains(REFUSAL) || message(execution).contains(REFUSAL)
}

/// The table for people, as Markdown.
pub fn markdown() -> String {
    let rows = rows();
    let mut text = String::from(
        "# What the emulated account supports\n\n\
         Made from the code by `firedrill emulator --coverage`. An operation, a parameter or a property \
         that is not here is refused, or listed by the check, by name.\n",
    );
    section(&mut text, "Operations", "operation | parameters", &rows, Kind::Operation);
    section(&mut text, "Fault Injection Service", "action | parameters", &rows, Kind::FisAction);
    text.push_str("\n## Systems Manager Automation\n\n");
    for row in rows.iter().filter(|row| row.kind == Kind::AutomationAction) {
        let _ = writeln!(text, "- `{}`", row.name);
    }
    let title = "CloudFormation resource types";
    section(&mut text, title, "type | properties", &rows, Kind::ResourceType);
    text
}

fn section(text: &mut String, title: &str, columns: &str, rows: &[Row], kind: Kind) {
    let _ = writeln!(text, "\n## {title}");
    let mut group = None;
    for row in rows.iter().filter(|row| row.kind == kind) {
        if group != Some(&row.group) {
            let _ = writeln!(text, "\n### {}\n\n| {columns} |\n|---|---|", row.group);
            group = Some(&row.group);
        }
        let mut members = row.members.join(", ");
        if !row.without_effect.is_empty() {
            let _ = write!(members, "; without effect: {}", row.without_effect.join(", "));
        }
        let _ = writeln!(text, "| `{}` | {} |", row.name, members.trim_start_matches("; "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_type_and_every_operation_has_its_row() {
        let text = markdown();
        for kind in resources::TYPES {
            assert!(text.contains(&format!("| `{}` |", kind.name)), "{}", kind.name);
        }
        for service in Service::ALL {
            for operation in services::operations(*service) {
                assert!(text.contains(&format!("| `{}` |", operation.name)), "{}", operation.name);
            }
        }
    }

    #[test]
    fn properties_are_listed_once_and_those_without_effect_apart() {
        let rows = rows();
        let topic = rows.iter().find(|row| row.name == "AWS::SNS::Topic").unwrap();
        assert!(topic.members.iter().any(|name| name == "DisplayName"));
        assert_eq!(topic.without_effect, ["DeliveryStatusLogging"]);
        for row in &rows {
            let mut all: Vec<&str> = row.members.iter().map(String::as_str).collect();
            all.extend(&row.without_effect);
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "{}", row.name);
        }
    }

    #[test]
    fn actions_that_the_emulator_refuses_have_no_row() {
        let rows = rows();
        let has = |name: &str| rows.iter().any(|row| row.name == name);
        for name in
            ["aws:executeAwsApi", "aws:branch", "aws:loop", "aws:approve", "aws:createStack"]
        {
            assert!(has(name), "{name}");
        }
        assert!(!has("aws:invokeWebhook"));
        let stop = rows.iter().find(|row| row.name == "aws:ec2:stop-instances").unwrap();
        assert!(stop.members.iter().any(|name| name == "startInstancesAfterDuration"));
    }
}
