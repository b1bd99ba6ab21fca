//! Runbooks, run from their text to their end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

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

/// Creates the document and starts it.
fn started(account: &mut Account, content: &str, parameters: Value) -> String {
    ssm(
        account,
        "CreateDocument",
        json!({"Name": "Runbook", "DocumentType": "Automation", "Content": content}),
    );
    let input = json!({"DocumentName": "Runbook", "Parameters": parameters});
    let answer = ssm(account, "StartAutomationExecution", input);
    answer["AutomationExecutionId"].as_str().unwrap().to_owned()
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

fn execution(account: &mut Account, id: &str) -> Value {
    let input = json!({"AutomationExecutionId": id});
    ssm(account, "GetAutomationExecution", input)["AutomationExecution"].take()
}

/// Runs a document for ten minutes and answers its execution.
fn run(content: &str, parameters: Value) -> Value {
    let mut account = account();
    let id = started(&mut account, content, parameters);
    pass(&mut account, 600);
    execution(&mut account, &id)
}

/// The steps that ran, with their status.
fn steps(execution: &Value) -> Vec<String> {
    execution["StepExecutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            format!(
                "{} {}",
                step["StepName"].as_str().unwrap(),
                step["StepStatus"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn an_api_call_and_its_outputs_show_in_the_whole_execution() {
    let execution = run(
        r#"
schemaVersion: "0.3"
description: Remembers a value and reads it back
parameters:
  Value: {type: String, default: forty-two}
mainSteps:
  - name: remember
    action: aws:executeAwsApi
    inputs: {Service: ssm, Api: PutParameter, Name: /drill/value, Value: "{{ Value }}", Type: String}
    outputs:
      - {Name: Version, Selector: $.Version, Type: Integer}
  - name: read
    action: aws:executeAwsApi
    timeoutSeconds: 60
    nextStep: check
    inputs: {Service: ssm, Api: get_parameter, Name: /drill/value}
    outputs:
      - {Name: Value, Selector: $.Parameter.Value}
      - {Name: Absent, Selector: $.Parameter.Absent}
  - name: check
    action: aws:assertAwsResourceProperty
    isEnd: true
    inputs:
      Service: ssm
      Api: GetParameter
      Name: /drill/value
      PropertySelector: $.Parameter.Value
      DesiredValues: ["{{ read.Value }}"]
  - name: never
    action: aws:sleep
    inputs: {Duration: PT1S}
outputs: [read.Value, never.Out]
"#,
        json!({"Value": ["blue"]}),
    );
    insta::assert_json_snapshot!(execution, @r##"
    {
      "AutomationExecutionId": "91727e70-8e59-4cc5-a08c-1e454bd7f438",
      "DocumentName": "Runbook",
      "DocumentVersion": "1",
      "AutomationExecutionStatus": "Success",
      "ExecutionStartTime": 1767607200.0,
      "ExecutionEndTime": 1767607204.0,
      "ExecutedBy": "arn:aws:iam::111122223333:root",
      "Mode": "Auto",
      "Outputs": {
        "read.Value": [
          "blue"
        ],
        "never.Out": [
          "No output available yet because the step is not successfully executed"
        ]
      },
      "Targets": [],
      "StepExecutions": [
        {
          "StepName": "remember",
          "Action": "aws:executeAwsApi",
          "OnFailure": "Abort",
          "MaxAttempts": 1,
          "ExecutionStartTime": 1767607201.0,
          "ExecutionEndTime": 1767607202.0,
          "StepStatus": "Success",
          "Inputs": {
            "Service": "\"ssm\"",
            "Api": "\"PutParameter\"",
            "Name": "\"/drill/value\"",
            "Value": "\"blue\"",
            "Type": "\"String\""
          },
          "Outputs": {
            "OutputPayload": [
              "{\"Version\":1,\"Tier\":\"Standard\"}"
            ],
            "Version": [
              "1"
            ]
          },
          "StepExecutionId": "73612167-58e1-41b7-91fd-a4a803222b7b",
          "OverriddenParameters": {},
          "IsEnd": false,
          "IsCritical": true
        },
        {
          "StepName": "read",
          "Action": "aws:executeAwsApi",
          "TimeoutSeconds": 60,
          "OnFailure": "Abort",
          "MaxAttempts": 1,
          "ExecutionStartTime": 1767607202.0,
          "ExecutionEndTime": 1767607203.0,
          "StepStatus": "Success",
          "Inputs": {
            "Service": "\"ssm\"",
            "Api": "\"get_parameter\"",
            "Name": "\"/drill/value\""
          },
          "Outputs": {
            "OutputPayload": [
              "{\"Parameter\":{\"Name\":\"/drill/value\",\"Type\":\"String\",\"Value\":\"blue\",\"Version\":1,\"LastModifiedDate\":1767607201.0,\"ARN\":\"arn:aws:ssm:eu-west-1:111122223333:parameter/drill/value\",\"DataType\":\"text\"}}"
            ],
            "Value": [
              "blue"
            ]
          },
          "StepExecutionId": "2cbdcbf9-08ac-411d-89e5-df38ae9f602a",
          "OverriddenParameters": {},
          "IsEnd": false,
          "NextStep": "check",
          "IsCritical": true
        },
        {
          "StepName": "check",
          "Action": "aws:assertAwsResourceProperty",
          "OnFailure": "Abort",
          "MaxAttempts": 1,
          "ExecutionStartTime": 1767607203.0,
          "ExecutionEndTime": 1767607204.0,
          "StepStatus": "Success",
          "Inputs": {
            "Service": "\"ssm\"",
            "Api": "\"GetParameter\"",
            "Name": "\"/drill/value\"",
            "PropertySelector": "\"$.Parameter.Value\"",
            "DesiredValues": "[\"blue\"]"
          },
          "Outputs": {},
          "StepExecutionId": "5d563103-783b-48ca-a898-068dbf6ab117",
          "OverriddenParameters": {},
          "IsEnd": true,
          "IsCritical": true
        },
        {
          "StepName": "never",
          "Action": "aws:sleep",
          "OnFailure": "Abort",
          "MaxAttempts": 1,
          "StepStatus": "Pending",
          "Inputs": {},
          "Outputs": {},
          "StepExecutionId": "a5b3e53a-5417-4323-b0b1-e399be4cb871",
          "OverriddenParameters": {},
          "IsEnd": false,
          "IsCritical": true
        }
      ],
      "StepExecutionsTruncated": false,
      "Parameters": {
        "Value": [
          "blue"
        ]
      },
      "ResolvedTargets": {
        "ParameterValues": [],
        "Truncated": false
      },
      "ProgressCounters": {
        "TotalSteps": 4,
        "SuccessSteps": 3,
        "FailedSteps": 0,
        "CancelledSteps": 0,
        "TimedOutSteps": 0
      }
    }
    "##);
}

#[test]
fn a_refused_call_fails_the_step_and_the_execution_in_the_words_of_aws() {
    let execution = run(
        r#"
schemaVersion: "0.3"
mainSteps:
  - name: read
    action: aws:executeAwsApi
    maxAttempts: 2
    inputs: {Service: ssm, Api: GetParameter, Name: /missing}
  - name: after
    action: aws:sleep
    inputs: {Duration: PT1S}
"#,
        json!({}),
    );
    insta::assert_json_snapshot!(execution, @r##"
    {
      "AutomationExecutionId": "91727e70-8e59-4cc5-a08c-1e454bd7f438",
      "DocumentName": "Runbook",
      "DocumentVersion": "1",
      "AutomationExecutionStatus": "Failed",
      "ExecutionStartTime": 1767607200.0,
      "ExecutionEndTime": 1767607204.0,
      "ExecutedBy": "arn:aws:iam::111122223333:root",
      "Mode": "Auto",
      "Outputs": {},
      "FailureMessage": "Step fails when it is Execute/Cancelling action. An error occurred (ParameterNotFound) when calling the GetParameter operation: Parameter /missing not found. Please refer to Automation Service Troubleshooting Guide for more diagnosis details.",
      "Targets": [],
      "StepExecutions": [
        {
          "StepName": "read",
          "Action": "aws:executeAwsApi",
          "OnFailure": "Abort",
          "MaxAttempts": 2,
          "ExecutionStartTime": 1767607201.0,
          "ExecutionEndTime": 1767607204.0,
          "StepStatus": "Failed",
          "Inputs": {
            "Service": "\"ssm\"",
            "Api": "\"GetParameter\"",
            "Name": "\"/missing\""
          },
          "Outputs": {},
          "FailureMessage": "Step fails when it is Execute/Cancelling action. An error occurred (ParameterNotFound) when calling the GetParameter operation: Parameter /missing not found. Please refer to Automation Service Troubleshooting Guide for more diagnosis details.",
          "FailureDetails": {
            "FailureStage": "Invocation",
            "FailureType": "Action",
            "Details": {
              "VerificationErrorMessage": [
                "Step fails when it is Execute/Cancelling action. An error occurred (ParameterNotFound) when calling the GetParameter operation: Parameter /missing not found. Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
              ]
            }
          },
          "StepExecutionId": "73612167-58e1-41b7-91fd-a4a803222b7b",
          "OverriddenParameters": {},
          "IsEnd": false,
          "IsCritical": true
        },
        {
          "StepName": "after",
          "Action": "aws:sleep",
          "OnFailure": "Abort",
          "MaxAttempts": 1,
          "StepStatus": "Pending",
          "Inputs": {},
          "Outputs": {},
          "StepExecutionId": "2cbdcbf9-08ac-411d-89e5-df38ae9f602a",
          "OverriddenParameters": {},
          "IsEnd": false,
          "IsCritical": true
        }
      ],
      "StepExecutionsTruncated": false,
      "Parameters": {},
      "ResolvedTargets": {
        "ParameterValues": [],
        "Truncated": false
      },
      "ProgressCounters": {
        "TotalSteps": 2,
        "SuccessSteps": 0,
        "FailedSteps": 1,
        "CancelledSteps": 0,
        "TimedOutSteps": 0
      }
    }
    "##);
}

#[test]
fn on_failure_and_is_critical_decide_how_an_execution_ends() {
    let failing = "{Service: ssm, Api: GetParameter, Name: /missing}";
    let table = [
        ("onFailure: Abort", "Failed", vec!["fail Failed", "next Pending", "last Pending"]),
        ("onFailure: Continue", "Success", vec!["fail Failed", "next Success", "last Success"]),
        (
            "{onFailure: Continue, isCritical: true}",
            "Failed",
            vec!["fail Failed", "next Success", "last Success"],
        ),
        ("onFailure: step:last", "Failed", vec!["fail Failed", "next Pending", "last Success"]),
        (
            "{onFailure: step:last, isCritical: false}",
            "Success",
            vec!["fail Failed", "next Pending", "last Success"],
        ),
        (
            "{onFailure: Continue, nextStep: last}",
            "Success",
            vec!["fail Failed", "next Pending", "last Success"],
        ),
        (
            "{onFailure: Continue, isEnd: true}",
            "Success",
            vec!["fail Failed", "next Pending", "last Pending"],
        ),
    ];
    for (settings, status, expected) in table {
        let settings = settings.trim_start_matches('{').trim_end_matches('}');
        let content = format!(
            "schemaVersion: '0.3'\nmainSteps:\n\
             - {{name: fail, action: 'aws:executeAwsApi', inputs: {failing}, {settings}}}\n\
             - {{name: next, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}\n\
             - {{name: last, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}\n"
        );
        let execution = run(&content, json!({}));
        assert_eq!(execution["AutomationExecutionStatus"], status, "{settings}");
        assert_eq!(steps(&execution), expected, "{settings}");
    }
}

#[test]
fn a_branch_goes_where_the_first_true_choice_leads() {
    let content = r#"
schemaVersion: "0.3"
parameters: {Os: {type: String}, Size: {type: Integer, default: 1}}
mainSteps:
  - name: choose
    action: aws:branch
    inputs:
      Choices:
        - {NextStep: windows, Variable: "{{ Os }}", EqualsIgnoreCase: windows}
        - NextStep: linux
          And:
            - {Variable: "{{ Os }}", StringEquals: Linux}
            - {Not: {Variable: "{{ Size }}", NumericGreater: 2}}
      Default: other
  - {name: windows, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
  - {name: linux, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
  - {name: other, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
"#;
    let table = [
        (json!({"Os": ["WINDOWS"]}), "windows"),
        (json!({"Os": ["Linux"]}), "linux"),
        (json!({"Os": ["Linux"], "Size": ["3"]}), "other"),
    ];
    for (parameters, taken) in table {
        let execution = run(content, parameters);
        let ran: Vec<String> =
            steps(&execution).into_iter().filter(|step| step.ends_with("Success")).collect();
        assert_eq!(ran, ["choose Success".to_owned(), format!("{taken} Success")]);
    }
}

#[test]
fn a_sleep_lasts_as_long_as_it_says() {
    let mut account = account();
    let content = r#"{"schemaVersion": "0.3", "mainSteps": [
        {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1M30S"}},
        {"name": "until", "action": "aws:sleep", "inputs": {"Timestamp": "2026-01-05T10:05:00Z"}}]}"#;
    let id = started(&mut account, content, json!({}));
    pass(&mut account, 299);
    assert_eq!(execution(&mut account, &id)["CurrentStepName"], "until");
    pass(&mut account, 1);
    let execution = execution(&mut account, &id);
    assert_eq!(execution["AutomationExecutionStatus"], "Success");
    let epoch = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    assert_eq!(
        execution["StepExecutions"][0]["ExecutionEndTime"].as_f64().unwrap(),
        f64::from(i32::try_from(epoch("2026-01-05T10:01:31Z")).unwrap())
    );
}

const APPROVAL: &str = r#"
schemaVersion: "0.3"
mainSteps:
  - name: ask
    action: aws:approve
    inputs: {Message: May I, MinRequiredApprovals: 2, Approvers: [ann, bob]}
  - {name: act, action: aws:sleep, inputs: {Duration: PT1S}}
"#;

#[test]
fn an_approval_waits_for_as_many_people_as_it_needs() {
    let mut account = account();
    let id = started(&mut account, APPROVAL, json!({}));
    pass(&mut account, 3600);
    let waiting = execution(&mut account, &id);
    assert_eq!(waiting["AutomationExecutionStatus"], "Waiting");
    assert_eq!(steps(&waiting), ["ask Waiting", "act Pending"]);
    let yes = json!({"AutomationExecutionId": id, "SignalType": "Approve"});
    ssm(&mut account, "SendAutomationSignal", yes.clone());
    assert_eq!(execution(&mut account, &id)["AutomationExecutionStatus"], "Waiting");
    ssm(&mut account, "SendAutomationSignal", yes.clone());
    pass(&mut account, 5);
    let done = execution(&mut account, &id);
    assert_eq!(steps(&done), ["ask Success", "act Success"]);
    assert_eq!(
        done["StepExecutions"][0]["Outputs"],
        json!({"ApprovalStatus": ["Approved"],
            "ApproverDecisions": ["{\"ann\":\"Approved\"}", "{\"bob\":\"Approved\"}"]})
    );
    let late = account.call(Service::Ssm, "SendAutomationSignal", yes).unwrap_err();
    assert_eq!(late.code, "InvalidAutomationSignalException");
}

#[test]
fn a_rejection_fails_and_silence_times_out() {
    let mut account = account();
    let id = started(&mut account, APPROVAL, json!({}));
    pass(&mut account, 60);
    let no = json!({"AutomationExecutionId": id, "SignalType": "Reject"});
    ssm(&mut account, "SendAutomationSignal", no);
    let rejected = execution(&mut account, &id);
    assert_eq!(rejected["AutomationExecutionStatus"], "Failed");
    assert_eq!(rejected["StepExecutions"][0]["Outputs"]["ApprovalStatus"], json!(["Rejected"]));

    let id = ssm(&mut account, "StartAutomationExecution", json!({"DocumentName": "Runbook"}));
    let id = id["AutomationExecutionId"].as_str().unwrap().to_owned();
    pass(&mut account, 8 * 24 * 3600);
    let silent = execution(&mut account, &id);
    assert_eq!(silent["AutomationExecutionStatus"], "TimedOut");
    assert_eq!(silent["StepExecutions"][0]["StepStatus"], "TimedOut");
    assert_eq!(silent["StepExecutions"][0]["TimeoutSeconds"], 604_800);
    assert_eq!(account.next_due(), None, "an execution that ended leaves nothing on the agenda");
}
