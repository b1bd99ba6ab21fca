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
/// templates), `running_experiments` (ids) and `alarms` (name, and whether its actions are enabled). The
/// states of alarms change by themselves, so they stand in [`alarm_states`].
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
