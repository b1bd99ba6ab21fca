//! Whole executions, as `GetAutomationExecution` shows them.

use serde_json::json;

use super::{masked, run};

#[test]
#[expect(clippy::too_many_lines, reason = "a whole execution is long")]
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
        &json!({"Value": ["blue"]}),
    );
    insta::assert_json_snapshot!(masked(&execution), @r##"
    {
      "AutomationExecutionId": "id-1",
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
          "StepExecutionId": "id-2",
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
          "StepExecutionId": "id-3",
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
          "StepExecutionId": "id-4",
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
          "StepExecutionId": "id-5",
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
        &json!({}),
    );
    insta::assert_json_snapshot!(masked(&execution), @r##"
    {
      "AutomationExecutionId": "id-1",
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
          "StepExecutionId": "id-2",
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
          "StepExecutionId": "id-3",
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
