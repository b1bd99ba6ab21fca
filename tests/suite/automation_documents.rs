//! Automation documents that AWS publishes as samples load as they stand and run step by step.
//!
//! Two of them create a stack whose template AWS's own build puts in the place of a placeholder: those
//! end where the placeholder is, with the template's error, and nowhere earlier. The third asks a person
//! and then runs an AWS-owned runbook, which it finds only where somebody brought it.

use std::fs;

use firedrill::emulator::automation::declare_document;
use firedrill::emulator::services::Service;
use firedrill::emulator::{Account, Identity};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::shared;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T10:00:00Z".parse().unwrap(), 7)
}

fn call(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

/// Creates a published document under its own name; AWS reserves names that start with `aws`.
fn create(account: &mut Account, file: &str) -> Option<String> {
    let content = fs::read_to_string(shared()?.join("templates/automation").join(file)).unwrap();
    let name = file.trim_start_matches("aws-").trim_end_matches(".json").to_owned();
    let input = json!({"Name": name, "DocumentType": "Automation", "Content": content});
    call(account, Service::Ssm, "CreateDocument", input);
    Some(name)
}

fn start(account: &mut Account, name: &str, parameters: Value) -> String {
    let input = json!({"DocumentName": name, "Parameters": parameters});
    let answer = call(account, Service::Ssm, "StartAutomationExecution", input);
    answer["AutomationExecutionId"].as_str().unwrap().to_owned()
}

fn execution(account: &mut Account, id: &str) -> Value {
    let input = json!({"AutomationExecutionId": id});
    call(account, Service::Ssm, "GetAutomationExecution", input)["AutomationExecution"].take()
}

fn statuses(execution: &Value) -> Vec<String> {
    let steps = execution["StepExecutions"].as_array().unwrap().iter();
    steps
        .map(|step| format!("{} {}", step["StepName"], step["StepStatus"]).replace('"', ""))
        .collect()
}

fn failure(execution: &Value) -> &str {
    execution["FailureMessage"].as_str().unwrap()
}

#[test]
fn every_published_document_loads_as_it_stands() {
    let Some(folder) = shared() else { return };
    let mut account = account();
    let mut count = 0;
    for entry in fs::read_dir(folder.join("templates/automation")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        create(&mut account, &file);
        count += 1;
    }
    let listed = call(&mut account, Service::Ssm, "ListDocuments", json!({}));
    assert_eq!(listed["DocumentIdentifiers"].as_array().unwrap().len(), count);
    assert!(count > 0, "the folder holds no documents");
}

/// `"TemplateBody": "{0}"` and `"..."` stand for a template that AWS's build puts there.
#[test]
fn a_placeholder_for_a_template_fails_at_the_step_that_would_create_the_stack() {
    let table = [
        (
            "aws-ASGChangeStandbyState.json",
            json!({"InstanceId": ["i-0123456789abcdef0"]}),
            [
                "deployChangeStateLambda Failed",
                "changeState Pending",
                "deleteChangeStateLambda Pending",
            ],
        ),
        (
            "aws-CopySnapshot.json",
            json!({"SnapshotId": ["snap-1"], "SourceRegion": ["eu-west-1"]}),
            [
                "createDocumentStack Failed",
                "copySnapshot Pending",
                "deleteCloudFormationTemplate Pending",
            ],
        ),
    ];
    for (file, parameters, expected) in table {
        let mut account = account();
        let Some(name) = create(&mut account, file) else { return };
        let id = start(&mut account, &name, parameters);
        pass(&mut account, 600);
        let execution = execution(&mut account, &id);
        assert_eq!(execution["AutomationExecutionStatus"], "Failed", "{file}");
        assert_eq!(statuses(&execution), expected, "{file}");
        let message = failure(&execution);
        assert!(
            message.contains("Get Exception from CreateStack API of cloudformation Service")
                && message.contains("Template")
                && message.contains("Error Code: ValidationError"),
            "{file}: {message}"
        );
    }
}

const ENTER_STANDBY: &str = r#"
schemaVersion: "0.3"
description: Stands in for the AWS-owned document of this name
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  InstanceId: {type: String}
  LambdaRoleArn: {type: String, default: ""}
  AutomationAssumeRole: {type: String, default: ""}
mainSteps:
  - name: note
    action: aws:executeAwsApi
    inputs: {Service: ssm, Api: PutParameter, Name: standby, Value: "{{ InstanceId }}", Type: String}
"#;

/// Runs the document with the approval up to where a person is asked.
fn asked(account: &mut Account) -> Option<String> {
    let name = create(account, "aws-ASGEnterStandbyWithApproval.json")?;
    let topic = call(account, Service::Sns, "CreateTopic", json!({"Name": "Automation-approvals"}));
    let parameters = json!({
        "InstanceId": ["i-0123456789abcdef0"],
        "Approvers": ["arn:aws:iam::111122223333:user/ann"],
        "SNSTopicArn": [topic["TopicArn"]],
    });
    let id = start(account, &name, parameters);
    pass(account, 3600);
    let waiting = execution(account, &id);
    assert_eq!(waiting["AutomationExecutionStatus"], "Waiting", "{waiting:#}");
    assert_eq!(
        statuses(&waiting),
        ["approveStateChange Waiting", "changeASGInstanceStateAutomation Pending"]
    );
    let yes = json!({"AutomationExecutionId": id, "SignalType": "Approve"});
    call(account, Service::Ssm, "SendAutomationSignal", yes);
    pass(account, 60);
    Some(id)
}

#[test]
fn an_approved_runbook_runs_the_child_that_the_account_has() {
    let mut account = account();
    declare_document(&mut account, "AWS-ASGEnterStandby", ENTER_STANDBY).unwrap();
    let Some(id) = asked(&mut account) else { return };
    let done = execution(&mut account, &id);
    assert_eq!(done["AutomationExecutionStatus"], "Success", "{done:#}");
    let noted = call(&mut account, Service::Ssm, "GetParameter", json!({"Name": "standby"}));
    assert_eq!(noted["Parameter"]["Value"], "i-0123456789abcdef0");
}

#[test]
fn an_approved_runbook_fails_where_its_child_is_not_there_and_names_it() {
    let mut account = account();
    let Some(id) = asked(&mut account) else { return };
    let failed = execution(&mut account, &id);
    assert_eq!(failed["AutomationExecutionStatus"], "Failed");
    assert_eq!(
        statuses(&failed),
        ["approveStateChange Success", "changeASGInstanceStateAutomation Failed"]
    );
    let message = failure(&failed);
    assert!(message.contains("AutomationDefinitionNotFoundException"), "{message}");
    assert!(message.contains("AWS-ASGEnterStandby"), "{message}");
}
