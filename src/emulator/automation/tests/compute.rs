//! Steps that act on instances, commands, scripts and stacks.

use serde_json::{Value, json};

use super::{account, create, execution, masked, pass, run, ssm, start, statuses};
use crate::emulator::account::Account;
use crate::emulator::services::Service;
use crate::emulator::services::ssm::{CommandOutcome, declare_command, declare_script};

/// An instance that runs and has passed its status checks.
pub(super) fn instance(account: &mut Account) -> String {
    let input = json!({"ImageId": "ami-1", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "TagSpecifications": [{"ResourceType": "instance",
            "Tags": [{"Key": "Stage", "Value": "Test"}]}]});
    let answer = account.call(Service::Ec2, "RunInstances", input).unwrap();
    pass(account, 600);
    answer["Instances"][0]["InstanceId"].as_str().unwrap().to_owned()
}

fn state(account: &mut Account, id: &str) -> Value {
    let input = json!({"InstanceIds": [id]});
    let mut answer = account.call(Service::Ec2, "DescribeInstances", input).unwrap();
    answer["Reservations"][0]["Instances"][0]["State"]["Name"].take()
}

fn commands(account: &Account) -> usize {
    account.facts.iter().filter(|fact| fact.kind == "command").count()
}

#[test]
fn the_owned_restart_stops_and_starts_and_waits_for_the_status_checks() {
    let mut account = account();
    let id = instance(&mut account);
    let run = start(&mut account, "AWS-RestartEC2Instance", &json!({"InstanceId": [id]}));
    pass(&mut account, 3);
    assert_eq!(state(&mut account, &id), "stopping");
    pass(&mut account, 1200);
    assert_eq!(state(&mut account, &id), "running");
    let execution = execution(&mut account, &run);
    assert_eq!(statuses(&execution), ["stopInstances Success", "startInstances Success"]);
    assert_eq!(execution["StepExecutions"][1]["Outputs"], json!({"InstanceStates": ["running"]}));
}

#[test]
fn an_instance_that_is_not_there_fails_the_step_in_the_words_of_aws() {
    let mut account = account();
    let run = start(
        &mut account,
        "AWS-TerminateEC2Instance",
        &json!({"InstanceId": ["i-0123456789abcdef0"]}),
    );
    pass(&mut account, 60);
    let execution = execution(&mut account, &run);
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    let message = execution["FailureMessage"].as_str().unwrap();
    assert!(
        message.starts_with(
            "Step fails when it is Execute/Cancelling action. Get Exception from \
             TerminateInstances API of ec2 Service. Exception Message from TerminateInstances API: ["
        ) && message.contains("Error Code: InvalidInstanceID.NotFound"),
        "{message}"
    );
}

#[test]
fn waiting_for_a_property_polls_until_it_is_as_desired_or_time_is_over() {
    let content = r#"
schemaVersion: "0.3"
parameters: {Limit: {type: String, default: "600"}}
mainSteps:
  - name: wait
    action: aws:waitForAwsResourceProperty
    timeoutSeconds: "{{ Limit }}"
    inputs:
      Service: ssm
      Api: GetParameters
      Names: [state]
      PropertySelector: $.Parameters[0].Value
      DesiredValues: [ready, done]
"#;
    let mut account = account();
    create(&mut account, "Wait", content);
    let patient = start(&mut account, "Wait", &json!({}));
    let hasty = start(&mut account, "Wait", &json!({"Limit": ["30"]}));
    pass(&mut account, 60);
    let put = json!({"Name": "state", "Value": "done", "Type": "String"});
    ssm(&mut account, "PutParameter", put);
    pass(&mut account, 10);
    assert_eq!(execution(&mut account, &patient)["AutomationExecutionStatus"], "Success");
    let hasty = execution(&mut account, &hasty);
    assert_eq!(hasty["AutomationExecutionStatus"], "TimedOut");
    assert_eq!(statuses(&hasty), ["wait TimedOut"]);
    assert!(hasty["FailureMessage"].as_str().unwrap().starts_with("Step timed out while step is"));
}

const COMMAND: &str = r#"
schemaVersion: "0.3"
parameters: {Ids: {type: StringList}}
mainSteps:
  - name: patch
    action: aws:runCommand
    inputs:
      DocumentName: AWS-RunShellScript
      InstanceIds: ["{{ Ids }}"]
      Parameters: {commands: [yum -y update]}
"#;

#[test]
fn a_command_runs_as_long_as_declared_and_its_end_is_the_steps_end() {
    let mut account = account();
    let id = instance(&mut account);
    create(&mut account, "Patch", COMMAND);
    let run = start(&mut account, "Patch", &json!({"Ids": [id]}));
    pass(&mut account, 3);
    assert_eq!(commands(&account), 1, "the command is a fact while it runs");
    pass(&mut account, 30);
    assert_eq!(commands(&account), 0);
    let done = execution(&mut account, &run);
    let outputs = &done["StepExecutions"][0]["Outputs"];
    assert_eq!(outputs["Status"], json!(["Success"]));
    assert_eq!(outputs["ResponseCode"], json!(["0"]));

    let failing = json!({"document": "AWS-RunShellScript", "contains": "yum", "duration": "45s",
        "outcome": "failed", "output": "no space left"});
    declare_command(&mut account, serde_json::from_value(failing).unwrap());
    let run = start(&mut account, "Patch", &json!({"Ids": [id]}));
    pass(&mut account, 46);
    assert_eq!(execution(&mut account, &run)["AutomationExecutionStatus"], "InProgress");
    pass(&mut account, 10);
    let mut failed = execution(&mut account, &run);
    failed["StepExecutions"][0]["Inputs"].take();
    insta::assert_json_snapshot!(masked(&failed["StepExecutions"][0]), @r##"
    {
      "StepName": "patch",
      "Action": "aws:runCommand",
      "OnFailure": "Abort",
      "MaxAttempts": 1,
      "ExecutionStartTime": 1767607834.0,
      "ExecutionEndTime": 1767607880.0,
      "StepStatus": "Failed",
      "Inputs": null,
      "Outputs": {
        "CommandId": [
          "id-1"
        ],
        "Status": [
          "Failed"
        ],
        "ResponseCode": [
          "1"
        ],
        "Output": [
          "no space left"
        ]
      },
      "FailureMessage": "Step fails when it is Poll action status for completion. Command id-1 returns unexpected invocation result: {Status=[Failed], ResponseCode=[1], Output=[no space left], CommandId=[id-1]}. Please refer to Automation Service Troubleshooting Guide for more diagnosis details.",
      "FailureDetails": {
        "FailureStage": "PostVerification",
        "FailureType": "Verification",
        "Details": {
          "VerificationErrorMessage": [
            "Step fails when it is Poll action status for completion. Command id-1 returns unexpected invocation result: {Status=[Failed], ResponseCode=[1], Output=[no space left], CommandId=[id-1]}. Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
          ]
        }
      },
      "StepExecutionId": "id-2",
      "OverriddenParameters": {},
      "IsEnd": false,
      "IsCritical": true
    }
    "##);
    assert_eq!(CommandOutcome::default(), CommandOutcome::Success);
}

#[test]
fn stopping_a_runbook_cancels_its_command_and_runs_the_on_cancel_step() {
    let mut account = account();
    let id = instance(&mut account);
    let slow = json!({"document": "AWS-RunShellScript", "duration": "10m"});
    declare_command(&mut account, serde_json::from_value(slow).unwrap());
    let content = format!(
        "{}    onCancel: step:tidy\n    isEnd: true\n  - name: tidy\n    action: aws:sleep\n    \
         isEnd: true\n    inputs: {{Duration: PT2S}}\n",
        COMMAND.trim_start()
    );
    create(&mut account, "Slow", &content);
    let run = start(&mut account, "Slow", &json!({"Ids": [id]}));
    pass(&mut account, 30);
    ssm(&mut account, "StopAutomationExecution", json!({"AutomationExecutionId": run}));
    assert_eq!(execution(&mut account, &run)["AutomationExecutionStatus"], "Cancelling");
    pass(&mut account, 5);
    let stopped = execution(&mut account, &run);
    assert_eq!(stopped["AutomationExecutionStatus"], "Cancelled");
    assert_eq!(statuses(&stopped), ["patch Cancelled", "tidy Success"]);
    let listed = ssm(&mut account, "ListCommands", json!({}));
    assert_eq!(listed["Commands"][0]["Status"], "Cancelled");
    assert_eq!(commands(&account), 0);
    assert_eq!(account.next_due(), None);
}

#[test]
fn a_script_comes_to_what_is_declared_and_fails_where_nothing_is() {
    let content = r#"
schemaVersion: "0.3"
mainSteps:
  - name: parse
    action: aws:executeScript
    inputs:
      Runtime: python3.11
      Handler: main
      Script: |
        def main(events, context):
            return {"Version": f"{{ events }}"}
    outputs: [{Name: Version, Selector: $.Payload.Version, Type: Integer}]
  - name: use
    action: aws:branch
    inputs:
      Choices: [{NextStep: high, Variable: "{{ parse.Version }}", NumericGreater: 2}]
      Default: low
  - {name: high, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
  - {name: low, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
"#;
    let undeclared = run(content, &json!({}));
    assert_eq!(undeclared["AutomationExecutionStatus"], "Failed");
    let message = undeclared["FailureMessage"].as_str().unwrap();
    assert!(message.contains("The emulated account does not run scripts"), "{message}");

    let mut account = account();
    create(&mut account, "Script", content);
    let script = json!({"document": "Script", "step": "parse", "outputs": {"Version": 3},
        "duration": "20s"});
    declare_script(&mut account, serde_json::from_value(script).unwrap());
    let run = start(&mut account, "Script", &json!({}));
    pass(&mut account, 20);
    assert_eq!(execution(&mut account, &run)["CurrentStepName"], "parse");
    pass(&mut account, 20);
    let done = execution(&mut account, &run);
    assert_eq!(statuses(&done), ["parse Success", "use Success", "high Success", "low Pending"]);
}

#[test]
fn an_action_that_is_not_emulated_fails_its_step_and_is_named() {
    let execution = run(
        r#"{"schemaVersion": "0.3", "mainSteps": [
            {"name": "copy", "action": "aws:copyImage", "onFailure": "Continue", "inputs": {}},
            {"name": "call", "action": "aws:executeAwsApi",
             "inputs": {"Service": "rds", "Api": "DescribeDBInstances"}}]}"#,
        &json!({}),
    );
    assert_eq!(statuses(&execution), ["copy Failed", "call Failed"]);
    let message = |step: usize| execution["StepExecutions"][step]["FailureMessage"].to_string();
    assert!(message(0).contains("does not support the Automation action aws:copyImage"));
    assert!(message(1).contains("does not support the service rds (DescribeDBInstances)"));
}
