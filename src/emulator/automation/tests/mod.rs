//! Runbooks, run from their text to their end.

use indexmap::IndexSet;
use jiff::SignedDuration;
use regex::Regex;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

mod compute;
mod control;
mod events;
mod loops;
mod roles;
mod shapes;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T10:00:00Z".parse().unwrap(), 7)
}

fn ssm(account: &mut Account, operation: &str, input: Value) -> Value {
    account
        .call(Service::Ssm, operation, input)
        .unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn create(account: &mut Account, name: &str, content: &str) {
    let input = json!({"Name": name, "DocumentType": "Automation", "Content": content});
    ssm(account, "CreateDocument", input);
}

fn start(account: &mut Account, name: &str, parameters: &Value) -> String {
    let input = json!({"DocumentName": name, "Parameters": parameters});
    let answer = ssm(account, "StartAutomationExecution", input);
    answer["AutomationExecutionId"].as_str().unwrap().to_owned()
}

/// Creates the document and starts it.
fn started(account: &mut Account, content: &str, parameters: &Value) -> String {
    create(account, "Runbook", content);
    start(account, "Runbook", parameters)
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

fn execution(account: &mut Account, id: &str) -> Value {
    let input = json!({"AutomationExecutionId": id});
    ssm(account, "GetAutomationExecution", input)["AutomationExecution"].take()
}

/// Runs a document for ten minutes and answers its execution.
fn run(content: &str, parameters: &Value) -> Value {
    let mut account = account();
    let id = started(&mut account, content, parameters);
    pass(&mut account, 600);
    execution(&mut account, &id)
}

/// Every step with its status.
fn statuses(execution: &Value) -> Vec<String> {
    let steps = execution["StepExecutions"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let (name, status) = (step["StepName"].as_str(), step["StepStatus"].as_str());
            format!("{} {}", name.unwrap(), status.unwrap())
        })
        .collect()
}

/// The same with ids numbered: which ids come out of the generator is nobody's business here.
fn masked(value: &Value) -> Value {
    let uuid = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let text = value.to_string();
    let mut seen = IndexSet::new();
    let numbered = uuid.replace_all(&text, |found: &regex::Captures<'_>| {
        let (index, _) = seen.insert_full(found[0].to_owned());
        format!("id-{}", index + 1)
    });
    serde_json::from_str(&numbered).unwrap()
}
