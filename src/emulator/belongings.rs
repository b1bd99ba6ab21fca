//! What a drill may leave behind in an account, as one text that can be compared.
//!
//! Main function: [`belongings`]. It asks through the account's own API, on a copy, so that asking changes
//! nothing. Invariant: whatever a fault or a listener makes and has to take back is in it; histories,
//! metrics, messages and executions that ended are not, because no undo can take those back.

use serde_json::{Value, json};

use super::account::Account;
use super::services::Service;

/// How many pages of one list are read.
const MAX_PAGES: usize = 1_000;

/// The states that an experiment ends in.
const OVER: &[&str] = &["completed", "stopped", "failed", "cancelled"];

/// What a drill could leave behind.
///
/// `queues` (URLs), `rules` (each with its targets), `subscriptions`, `templates` (ids of experiment
/// templates), `running_experiments` (ids), `alarms` (name, and whether its actions are enabled) and
/// `started` (what drills started and still runs: runbooks, commands, executions). The states of alarms change by themselves, so they stand in [`alarm_states`].
///
/// # Panics
/// Never: an administrator may list what is there.
pub fn belongings(account: &Account) -> Value {
    let account = &mut account.clone();
    let alarms: Vec<Value> = alarms(account)
        .iter()
        .map(|alarm| json!([alarm["AlarmName"], alarm["ActionsEnabled"]]))
        .collect();
    json!({
        "queues": all(account, Service::Sqs, "ListQueues", "QueueUrls", json!({})),
        "rules": rules(account),
        "subscriptions": subscriptions(account),
        "templates": templates(account),
        "running_experiments": running(account),
        "alarms": alarms,
        "started": started(account),
    })
}

/// The alarms of both types, each with its `state` and `reason`: who set one by hand stands in the reason.
///
/// # Panics
/// Never: an administrator may list what is there.
pub fn alarm_states(account: &Account) -> Value {
    let states = alarms(&mut account.clone()).into_iter().map(|alarm| {
        let name = alarm["AlarmName"].as_str().unwrap_or_default().to_owned();
        (name, json!({"state": alarm["StateValue"], "reason": alarm["StateReason"]}))
    });
    Value::Object(states.collect())
}

/// Every row of a list, page by page.
fn all(
    account: &mut Account,
    service: Service,
    operation: &str,
    key: &str,
    mut input: Value,
) -> Vec<Value> {
    let mut rows = Vec::new();
    for _ in 0..MAX_PAGES {
        let answer = account.call(service, operation, input.clone());
        let answer = answer.expect("an administrator may list what is there");
        rows.extend(answer[key].as_array().cloned().unwrap_or_default());
        let token = ["NextToken", "nextToken"].iter().find_map(|name| {
            let token = answer.get(*name).filter(|token| token.is_string())?;
            Some((*name, token.clone()))
        });
        let Some((name, token)) = token else { break };
        input[name] = token;
    }
    rows
}

fn rules(account: &mut Account) -> Vec<Value> {
    let mut found = Vec::new();
    for bus in all(account, Service::Events, "ListEventBuses", "EventBuses", json!({})) {
        let on_bus = json!({"EventBusName": bus["Name"]});
        for rule in all(account, Service::Events, "ListRules", "Rules", on_bus) {
            let of_rule = json!({"EventBusName": bus["Name"], "Rule": rule["Name"]});
            let targets = all(account, Service::Events, "ListTargetsByRule", "Targets", of_rule);
            found.push(json!({"rule": rule, "targets": targets}));
        }
    }
    found
}

fn subscriptions(account: &mut Account) -> Vec<Value> {
    let mut found = Vec::new();
    for topic in all(account, Service::Sns, "ListTopics", "Topics", json!({})) {
        let of_topic = json!({"TopicArn": topic["TopicArn"]});
        let operation = "ListSubscriptionsByTopic";
        found.extend(all(account, Service::Sns, operation, "Subscriptions", of_topic));
    }
    found
}

fn templates(account: &mut Account) -> Vec<Value> {
    let key = "experimentTemplates";
    let found = all(account, Service::Fis, "ListExperimentTemplates", key, json!({}));
    found.into_iter().map(|template| template["id"].clone()).collect()
}

fn running(account: &mut Account) -> Vec<Value> {
    all(account, Service::Fis, "ListExperiments", "experiments", json!({}))
        .into_iter()
        .filter(|one| !OVER.iter().any(|state| one["state"]["status"] == *state))
        .map(|one| one["id"].clone())
        .collect()
}

/// What carries a drill's mark and still runs: what the system itself started is its own affair.
fn started(account: &mut Account) -> Value {
    let is_over = |status: &Value| {
        ["Success", "Failed", "Cancelled", "TimedOut"].iter().any(|over| status == over)
    };
    let tagged = json!({"Filters": [{"Key": "TagKey", "Values": ["firedrill:run"]}]});
    let key = "AutomationExecutionMetadataList";
    let runbooks = all(account, Service::Ssm, "DescribeAutomationExecutions", key, tagged);
    let runbooks = runbooks.into_iter().filter(|one| !is_over(&one["AutomationExecutionStatus"]));
    let runbooks: Vec<Value> = runbooks.map(|one| one["AutomationExecutionId"].clone()).collect();
    let marked = |one: &Value| {
        one["Comment"].as_str().is_some_and(|comment| comment.starts_with("firedrill:token="))
    };
    let commands = all(account, Service::Ssm, "ListCommands", "Commands", json!({}));
    let commands = commands.into_iter().filter(|one| marked(one) && !is_over(&one["Status"]));
    let commands: Vec<Value> = commands.map(|one| one["CommandId"].clone()).collect();
    let service = Service::StepFunctions;
    let mut executions = Vec::new();
    for machine in all(account, service, "ListStateMachines", "stateMachines", json!({})) {
        let running =
            json!({"stateMachineArn": machine["stateMachineArn"], "statusFilter": "RUNNING"});
        let found = all(account, service, "ListExecutions", "executions", running);
        // A drill's id begins so, and the name of what it starts begins with its id.
        let names = found.into_iter().map(|one| one["name"].clone());
        executions
            .extend(names.filter(|name| name.as_str().is_some_and(|name| name.starts_with("fd-"))));
    }
    json!({"runbooks": runbooks, "commands": commands, "executions": executions})
}

fn alarms(account: &mut Account) -> Vec<Value> {
    let kinds = [("MetricAlarm", "MetricAlarms"), ("CompositeAlarm", "CompositeAlarms")];
    kinds
        .iter()
        .flat_map(|(kind, key)| {
            let of_kind = json!({"AlarmTypes": [kind]});
            all(account, Service::CloudWatch, "DescribeAlarms", key, of_kind)
        })
        .collect()
}
