//! On whose behalf the steps of a runbook call.

use serde_json::{Value, json};

use super::{account, create, execution, pass, ssm, start};
use crate::emulator::account::Account;
use crate::emulator::services::Service;

const ROLE: &str = "arn:aws:iam::111122223333:role/runbook";

fn role(account: &mut Account, trusted: &str, allowed: &[&str]) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}]});
    let create = json!({"RoleName": "runbook", "AssumeRolePolicyDocument": trust.to_string()});
    account.call(Service::Iam, "CreateRole", create).unwrap();
    let allow = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": allowed, "Resource": "*"}]});
    let put =
        json!({"RoleName": "runbook", "PolicyName": "p", "PolicyDocument": allow.to_string()});
    account.call(Service::Iam, "PutRolePolicy", put).unwrap();
}

const RUNBOOK: &str = r#"
schemaVersion: "0.3"
assumeRole: "{{ Role }}"
parameters: {Role: {type: String, default: ""}}
mainSteps:
  - name: put
    action: aws:executeAwsApi
    inputs: {Service: ssm, Api: PutParameter, Name: n, Value: v, Type: String}
  - name: delegate
    action: aws:executeAutomation
    inputs: {DocumentName: Nap}
"#;

const NAP: &str = r#"{"schemaVersion": "0.3",
    "mainSteps": [{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}]}"#;

fn run(account: &mut Account, parameters: &Value) -> Value {
    create(account, "Runbook", RUNBOOK);
    create(account, "Nap", NAP);
    let id = start(account, "Runbook", parameters);
    pass(account, 60);
    execution(account, &id)
}

#[test]
fn a_step_may_do_what_the_assumed_role_may_do_and_no_more() {
    let table: [(&[&str], &str); 3] = [
        (&["ssm:*"], ""),
        (&["ssm:PutParameter"], "ssm:StartAutomationExecution"),
        (&["ssm:GetParameter"], "ssm:PutParameter"),
    ];
    for (allowed, refused) in table {
        let mut account = account();
        role(&mut account, "ssm.amazonaws.com", allowed);
        let execution = run(&mut account, &json!({"Role": [ROLE]}));
        let status = if refused.is_empty() { "Success" } else { "Failed" };
        assert_eq!(execution["AutomationExecutionStatus"], status, "{allowed:?}");
        if !refused.is_empty() {
            let message = execution["FailureMessage"].as_str().unwrap();
            assert!(message.contains("AccessDenied"), "{message}");
            assert!(
                message.contains(&format!("not authorized to perform: {refused}")),
                "{message}"
            );
        }
    }
}

#[test]
fn without_a_role_the_starter_counts() {
    let mut account = account();
    assert_eq!(run(&mut account, &json!({}))["AutomationExecutionStatus"], "Success");
}

#[test]
fn a_role_that_ssm_can_not_assume_refuses_the_start() {
    let mut account = account();
    role(&mut account, "lambda.amazonaws.com", &["ssm:*"]);
    create(&mut account, "Runbook", RUNBOOK);
    let table = [
        (ROLE, "The defined assume role is unable to be assumed."),
        ("arn:aws:iam::111122223333:role/none", "The defined assume role is unable to be assumed."),
        ("runbook", "The format of the supplied assume role ARN is invalid."),
    ];
    for (role, message) in table {
        let input = json!({"DocumentName": "Runbook", "Parameters": {"Role": [role]}});
        let error = account.call(Service::Ssm, "StartAutomationExecution", input).unwrap_err();
        assert_eq!(error.code, "InvalidAutomationExecutionParametersException");
        assert_eq!(error.message, message);
    }
    let none = ssm(&mut account, "DescribeAutomationExecutions", json!({}));
    assert_eq!(none["AutomationExecutionMetadataList"], json!([]));
}
