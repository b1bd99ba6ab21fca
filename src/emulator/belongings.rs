//! What a drill may leave behind in an account, as one text that can be compared.
//!
//! Main function: [`belongings`]. It asks through the account's own API, on a copy, so that asking changes
//! nothing. Invariant: whatever a fault, a listener or a lock makes and has to take back is in it, as far as
//! it can be taken back: a finding can't be deleted, so it is in it until it is archived (and resolved), and a
//! replay until it has ended. Histories, metrics, messages and executions that ended are not, because no undo
//! can take those back.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ServiceError;
use super::services::Service;

/// How many pages of one list are read.
const MAX_PAGES: usize = 1_000;

/// The states that an experiment ends in.
const OVER: &[&str] = &["completed", "stopped", "failed", "cancelled"];

/// The states that a replay ends in.
const REPLAYED: &[&str] = &["COMPLETED", "CANCELLED", "FAILED"];

/// What the names of a drill's own things begin with.
const PREFIX: &str = "firedrill-";

/// Beneath this stand the parameters that keep other drills out.
const PARAMETERS: &str = "/firedrill";

/// The rules of AWS Config that say what they were told.
const PROCESS_CHECK: &str = "AWS_CONFIG_PROCESS_CHECK";

/// What a drill could leave behind.
///
/// `queues` (URLs), `rules` (each with its targets), `subscriptions`, `templates` (ids of experiment
/// templates), `running_experiments` (ids), `alarms` (name, and whether its actions are enabled), `started`
/// (what drills started and still runs: runbooks, commands, executions, replays), `locks` (parameters and
/// their values), `log_streams` (drills' own, with their groups), `process_checks` (each with what it says)
/// and `findings` (of GuardDuty: those that are not archived; of Security Hub: those that are not both
/// archived and resolved). The states of alarms change by themselves, so they stand in [`alarm_states`].
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
        "locks": locks(account),
        "log_streams": log_streams(account),
        "process_checks": process_checks(account),
        "findings": {"guardduty": samples(account), "securityhub": imported(account)},
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
    input: Value,
) -> Vec<Value> {
    let rows = pages(account, service, operation, key, input);
    rows.expect("an administrator may list what is there")
}

fn pages(
    account: &mut Account,
    service: Service,
    operation: &str,
    key: &str,
    mut input: Value,
) -> Result<Vec<Value>, ServiceError> {
    let mut rows = Vec::new();
    for _ in 0..MAX_PAGES {
        let answer = account.call(service, operation, input.clone())?;
        rows.extend(answer[key].as_array().cloned().unwrap_or_default());
        let token = ["NextToken", "nextToken"].iter().find_map(|name| {
            // GuardDuty says with an empty text that there is no more.
            let token = answer[*name].as_str().filter(|token| !token.is_empty())?;
            Some((*name, token.to_owned()))
        });
        let Some((name, token)) = token else { break };
        input[name] = token.into();
    }
    Ok(rows)
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
    let ours = json!({"NamePrefix": PREFIX});
    let replays = all(account, Service::Events, "ListReplays", "Replays", ours).into_iter();
    let replays = replays.filter(|one| !REPLAYED.iter().any(|state| one["State"] == *state));
    let replays: Vec<Value> = replays.map(|one| one["ReplayName"].clone()).collect();
    json!({"runbooks": runbooks, "commands": commands, "executions": executions, "replays": replays})
}

fn locks(account: &mut Account) -> Vec<Value> {
    let input = json!({"Path": PARAMETERS, "Recursive": true});
    all(account, Service::Ssm, "GetParametersByPath", "Parameters", input)
        .into_iter()
        .map(|one| json!([one["Name"], one["Value"]]))
        .collect()
}

/// Other streams are made by what logs, at any time.
fn log_streams(account: &mut Account) -> Vec<Value> {
    let mut found = Vec::new();
    for group in all(account, Service::Logs, "DescribeLogGroups", "logGroups", json!({})) {
        let group = &group["logGroupName"];
        let input = json!({"logGroupName": group, "logStreamNamePrefix": PREFIX});
        let streams = all(account, Service::Logs, "DescribeLogStreams", "logStreams", input);
        found.extend(streams.iter().map(|stream| json!([group, stream["logStreamName"]])));
    }
    found
}

/// Other rules look for themselves.
fn process_checks(account: &mut Account) -> Vec<Value> {
    let mut found = Vec::new();
    for rule in all(account, Service::Config, "DescribeConfigRules", "ConfigRules", json!({})) {
        if rule["Source"]["SourceIdentifier"] != PROCESS_CHECK {
            continue;
        }
        let name = &rule["ConfigRuleName"];
        let (operation, key) = ("GetComplianceDetailsByConfigRule", "EvaluationResults");
        let told = all(account, Service::Config, operation, key, json!({ "ConfigRuleName": name }));
        // A check that was never told anything does not apply.
        let says =
            told.first().map_or("NOT_APPLICABLE".into(), |one| one["ComplianceType"].clone());
        found.push(json!([name, says]));
    }
    found
}

/// The findings of GuardDuty's detectors that are not archived.
fn samples(account: &mut Account) -> Vec<Value> {
    let service = Service::GuardDuty;
    let mut found = Vec::new();
    for detector in all(account, service, "ListDetectors", "detectorIds", json!({})) {
        let active = json!({"criterion": {"service.archived": {"equals": ["false"]}}});
        let input = json!({"detectorId": detector, "findingCriteria": active});
        found.extend(all(account, service, "ListFindings", "findingIds", input));
    }
    found
}

/// The findings of Security Hub that somebody may still act on.
fn imported(account: &mut Account) -> Vec<Value> {
    let service = Service::SecurityHub;
    let findings = match pages(account, service, "GetFindings", "Findings", json!({})) {
        Ok(findings) => findings,
        // Where Security Hub is off, there are none.
        Err(error) if error.code == "InvalidAccessException" => Vec::new(),
        Err(error) => panic!("an administrator may list what is there: {error:?}"),
    };
    findings
        .into_iter()
        .map(|one| json!([one["Id"], one["RecordState"], one["Workflow"]["Status"]]))
        .filter(|one| one[1] != "ARCHIVED" || one[2] != "RESOLVED")
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
