//! Incidents, from the alarm to the resolution.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

const ALARM: &str = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:vpn-status";
const PLAN: &str = "arn:aws:ssm-incidents::111122223333:response-plan/vpn";

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T10:00:00Z".parse().unwrap(), 7)
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account
        .call(Service::Incidents, operation, input)
        .unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

/// The role that starts the plan's runbook.
fn role(account: &mut Account) {
    let statement = |action: &str, more: (&str, Value)| {
        let mut statement = json!({"Effect": "Allow", "Action": action});
        statement[more.0] = more.1;
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let principal = ("Principal", json!({"Service": "ssm-incidents.amazonaws.com"}));
    let create = json!({"RoleName": "incidents",
        "AssumeRolePolicyDocument": statement("sts:AssumeRole", principal)});
    account.call(Service::Iam, "CreateRole", create).unwrap();
    let allow = statement("ssm:StartAutomationExecution", ("Resource", json!("*")));
    let put = json!({"RoleName": "incidents", "PolicyName": "start", "PolicyDocument": allow});
    account.call(Service::Iam, "PutRolePolicy", put).unwrap();
}

/// A plan whose runbook takes the incident's ARN.
fn plan(account: &mut Account, dedupe: Option<&str>) {
    let content = r#"{"schemaVersion": "0.3", "parameters": {"Incident": {"type": "String"},
        "Resources": {"type": "StringList"}, "Kind": {"type": "String"}},
        "mainSteps": [{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT5S"}}]}"#;
    let document = json!({"Name": "Diagnose", "DocumentType": "Automation", "Content": content});
    account.call(Service::Ssm, "CreateDocument", document).unwrap();
    role(account);
    let mut template = json!({"title": "VPN down", "impact": 3, "summary": "A tunnel is down",
        "notificationTargets": []});
    if let Some(dedupe) = dedupe {
        template["dedupeString"] = json!(dedupe);
    }
    let input = json!({
        "name": "vpn",
        "incidentTemplate": template,
        "actions": [{"ssmAutomation": {
            "documentName": "Diagnose",
            "roleArn": "arn:aws:iam::111122223333:role/incidents",
            "parameters": {"Kind": ["vpn"]},
            "dynamicParameters": {
                "Incident": {"variable": "INCIDENT_RECORD_ARN"},
                "Resources": {"variable": "INVOLVED_RESOURCES"},
            },
        }}],
    });
    assert_eq!(call(account, "CreateResponsePlan", input), json!({"arn": PLAN}));
}

fn trigger(account: &mut Account, arn: &str) -> String {
    let input = json!({"responsePlanArn": PLAN, "triggerDetails": {"source": "aws.cloudwatch",
        "timestamp": 1_767_607_200.0, "triggerArn": arn, "rawData": "{}"}});
    let answer = call(account, "StartIncident", input);
    answer["incidentRecordArn"].as_str().unwrap().to_owned()
}

fn timeline(account: &mut Account, arn: &str) -> Vec<String> {
    let answer = call(account, "ListTimelineEvents", json!({"incidentRecordArn": arn}));
    let events = answer["eventSummaries"].as_array().unwrap().iter();
    events.map(|event| event["eventType"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_alarm_opens_one_incident_with_a_parent_item_and_a_runbook() {
    let mut account = account();
    plan(&mut account, None);
    let arn = trigger(&mut account, ALARM);
    assert!(arn.starts_with("arn:aws:ssm-incidents::111122223333:incident-record/vpn/"), "{arn}");
    pass(&mut account, 10);
    let record = call(&mut account, "GetIncidentRecord", json!({"arn": arn}));
    let record = &record["incidentRecord"];
    assert_eq!(
        (&record["title"], &record["status"], &record["impact"]),
        (&json!("VPN down"), &json!("OPEN"), &json!(3))
    );
    assert_eq!(record["incidentRecordSource"]["resourceArn"], ALARM);
    let execution = record["automationExecutions"][0]["ssmExecutionArn"].as_str().unwrap();
    let id = execution.rsplit('/').next().unwrap();
    let input = json!({"AutomationExecutionId": id});
    let execution = account.call(Service::Ssm, "GetAutomationExecution", input).unwrap();
    let execution = &execution["AutomationExecution"];
    assert_eq!(execution["AutomationExecutionStatus"], "Success");
    assert_eq!(
        execution["Parameters"],
        json!({"Incident": [arn], "Resources": [ALARM], "Kind": ["vpn"]})
    );
    assert_eq!(
        execution["ExecutedBy"],
        "arn:aws:sts::111122223333:assumed-role/incidents/ssm-incidents"
    );
    let items = account.call(Service::Ssm, "DescribeOpsItems", json!({})).unwrap();
    assert_eq!(items["OpsItemSummaries"][0]["Title"], "VPN down");
    let related = call(&mut account, "ListRelatedItems", json!({"incidentRecordArn": arn}));
    let kinds: Vec<&Value> = related["relatedItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["identifier"]["type"])
        .collect();
    assert_eq!(kinds, ["PARENT", "INVOLVED_RESOURCE", "AUTOMATION"]);
}

#[test]
fn the_same_alarm_or_dedupe_string_opens_no_second_incident_while_one_is_open() {
    let other = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:other";
    let table = [(None, ALARM, true), (None, other, false), (Some("vpn"), other, true)];
    for (dedupe, second, folded) in table {
        let mut account = account();
        plan(&mut account, dedupe);
        let first = trigger(&mut account, ALARM);
        pass(&mut account, 10);
        assert_eq!(trigger(&mut account, second) == first, folded, "{dedupe:?} {second}");
        let list = call(&mut account, "ListIncidentRecords", json!({}));
        let count = list["incidentRecordSummaries"].as_array().unwrap().len();
        assert_eq!(count, if folded { 1 } else { 2 });
        if folded {
            assert_eq!(timeline(&mut account, &first), ["SSM Incident Trigger"; 2]);
            let resolve = json!({"arn": first, "status": "RESOLVED"});
            call(&mut account, "UpdateIncidentRecord", resolve);
            assert_ne!(trigger(&mut account, second), first, "a resolved one is not open");
        }
    }
}

#[test]
fn an_incident_is_resolved_and_its_timeline_says_so() {
    let mut account = account();
    plan(&mut account, None);
    let arn = trigger(&mut account, ALARM);
    pass(&mut account, 60);
    call(&mut account, "UpdateIncidentRecord", json!({"arn": arn, "status": "RESOLVED"}));
    assert_eq!(
        timeline(&mut account, &arn),
        ["SSM Incident Trigger", "SSM Incident Record Update"]
    );
    let filter = |status: &str| {
        json!({"filters": [{"key": "status",
            "condition": {"equals": {"stringValues": [status]}}}]})
    };
    let open = call(&mut account, "ListIncidentRecords", filter("OPEN"));
    assert_eq!(open["incidentRecordSummaries"], json!([]));
    let resolved = call(&mut account, "ListIncidentRecords", filter("RESOLVED"));
    assert_eq!(resolved["incidentRecordSummaries"][0]["resolvedTime"], 1_767_607_260.0);
    let filter = json!({"incidentRecordArn": arn, "filters": [{"key": "eventType",
        "condition": {"equals": {"stringValues": ["SSM Incident Record Update"]}}}]});
    let events = call(&mut account, "ListTimelineEvents", filter);
    let ask = json!({"incidentRecordArn": arn, "eventId": events["eventSummaries"][0]["eventId"]});
    let event = call(&mut account, "GetTimelineEvent", ask);
    assert_eq!(
        event["event"]["eventData"],
        r#"{"modifiedAttributes":[{"attributeName":"status","oldValue":"OPEN","newValue":"RESOLVED"}]}"#
    );
}

#[test]
fn a_runbook_that_is_not_there_or_not_allowed_leaves_a_note_and_no_execution() {
    let gone = (Service::Ssm, "DeleteDocument", json!({"Name": "Diagnose"}));
    let denied =
        (Service::Iam, "DeleteRolePolicy", json!({"RoleName": "incidents", "PolicyName": "start"}));
    for (service, operation, input) in [gone, denied] {
        let mut account = account();
        plan(&mut account, None);
        account.call(service, operation, input).unwrap();
        let arn = trigger(&mut account, ALARM);
        pass(&mut account, 10);
        assert_eq!(timeline(&mut account, &arn), ["SSM Incident Trigger", "Custom Event"]);
        let record = call(&mut account, "GetIncidentRecord", json!({"arn": arn}));
        assert_eq!(record["incidentRecord"]["automationExecutions"], json!([]), "{operation}");
    }
}

#[test]
fn what_is_not_there_or_not_emulated_is_refused() {
    let mut account = account();
    let table = [
        ("StartIncident", json!({"responsePlanArn": PLAN}), "ResourceNotFoundException"),
        ("GetIncidentRecord", json!({"arn": "x"}), "ResourceNotFoundException"),
        ("CreateReplicationSet", json!({}), "NotImplemented"),
        (
            "CreateResponsePlan",
            json!({"name": "a", "incidentTemplate": {"title": "t", "impact": 9}}),
            "ValidationException",
        ),
    ];
    for (operation, input, code) in table {
        let error = account.call(Service::Incidents, operation, input).unwrap_err();
        assert_eq!(error.code, code, "{operation}");
    }
}
