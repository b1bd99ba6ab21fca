//! What the event bus hears of runbooks and commands, and functions that a step invokes.

use serde_json::{Value, json};

use super::{account, create, execution, masked, pass, ssm, start, statuses};
use crate::emulator::account::Account;
use crate::emulator::services::{Service, lambda};

fn call(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// A queue that hears every event of Systems Manager.
fn listen(account: &mut Account) -> String {
    let queue = call(account, Service::Sqs, "CreateQueue", json!({"QueueName": "heard"}));
    let url = queue["QueueUrl"].as_str().unwrap().to_owned();
    let arn = "arn:aws:sqs:eu-west-1:111122223333:heard";
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn}]});
    let attributes = json!({"QueueUrl": url, "Attributes": {"Policy": policy.to_string()}});
    call(account, Service::Sqs, "SetQueueAttributes", attributes);
    let rule = json!({"Name": "all", "EventPattern": r#"{"source": ["aws.ssm"]}"#});
    call(account, Service::Events, "PutRule", rule);
    let targets = json!({"Rule": "all", "Targets": [{"Id": "queue", "Arn": arn}]});
    call(account, Service::Events, "PutTargets", targets);
    url
}

/// The events that the queue has heard since it was last asked.
fn heard(account: &mut Account, url: &str) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
        let answer = call(account, Service::Sqs, "ReceiveMessage", input);
        let Some(messages) = answer["Messages"].as_array().filter(|list| !list.is_empty()) else {
            return events;
        };
        for message in messages {
            events.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
            let input = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
            call(account, Service::Sqs, "DeleteMessage", input);
        }
    }
}

fn brief(event: &Value) -> String {
    let detail = &event["detail"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let status = if detail["Status"].is_string() { &detail["Status"] } else { &detail["status"] };
    format!("{} {} {}", text(&event["detail-type"]), text(&detail["StepName"]), text(status))
}

#[test]
fn each_change_of_a_status_is_one_event_in_the_documented_shape() {
    let mut account = account();
    let url = listen(&mut account);
    let content = r#"{"schemaVersion": "0.3",
        "mainSteps": [{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT9S"}}]}"#;
    create(&mut account, "Nap", content);
    start(&mut account, "Nap", &json!({}));
    pass(&mut account, 60);
    let events = heard(&mut account, &url);
    let said: Vec<String> = events.iter().map(brief).collect();
    assert_eq!(
        said,
        [
            "EC2 Automation Execution Status-change Notification  InProgress",
            "EC2 Automation Step Status-change Notification nap InProgress",
            "EC2 Automation Step Status-change Notification nap Success",
            "EC2 Automation Execution Status-change Notification  Success",
        ]
    );
    insta::assert_json_snapshot!(masked(&json!(events[2..])), @r##"
    [
      {
        "version": "0",
        "id": "id-1",
        "detail-type": "EC2 Automation Step Status-change Notification",
        "source": "aws.ssm",
        "account": "111122223333",
        "time": "2026-01-05T10:00:10Z",
        "region": "eu-west-1",
        "resources": [
          "arn:aws:ssm:eu-west-1:111122223333:automation-execution/id-2",
          "arn:aws:ssm:eu-west-1:111122223333:automation-definition/Nap:1"
        ],
        "detail": {
          "ExecutionId": "id-2",
          "Definition": "Nap",
          "DefinitionVersion": 1.0,
          "Status": "Success",
          "StartTime": "Jan 5, 2026 10:00:01 AM",
          "EndTime": "Jan 5, 2026 10:00:10 AM",
          "Time": 9000.0,
          "StepName": "nap",
          "Action": "aws:sleep"
        }
      },
      {
        "version": "0",
        "id": "id-3",
        "detail-type": "EC2 Automation Execution Status-change Notification",
        "source": "aws.ssm",
        "account": "111122223333",
        "time": "2026-01-05T10:00:10Z",
        "region": "eu-west-1",
        "resources": [
          "arn:aws:ssm:eu-west-1:111122223333:automation-execution/id-2",
          "arn:aws:ssm:eu-west-1:111122223333:automation-definition/Nap:1"
        ],
        "detail": {
          "ExecutionId": "id-2",
          "Definition": "Nap",
          "DefinitionVersion": 1.0,
          "Status": "Success",
          "StartTime": "Jan 5, 2026 10:00:00 AM",
          "EndTime": "Jan 5, 2026 10:00:10 AM",
          "Time": 10000.0,
          "ExecutedBy": "arn:aws:iam::111122223333:root"
        }
      }
    ]
    "##);
}

#[test]
fn a_commands_events_name_its_instance() {
    let mut account = account();
    let url = listen(&mut account);
    let id = super::compute::instance(&mut account);
    heard(&mut account, &url);
    let send = json!({"DocumentName": "AWS-RunShellScript", "InstanceIds": [id],
        "Parameters": {"commands": ["date"]}});
    ssm(&mut account, "SendCommand", send);
    pass(&mut account, 60);
    let events = heard(&mut account, &url);
    let said: Vec<String> = events.iter().map(brief).collect();
    assert_eq!(
        said,
        [
            "EC2 Command Invocation Status-change Notification  InProgress",
            "EC2 Command Status-change Notification  InProgress",
            "EC2 Command Invocation Status-change Notification  Success",
            "EC2 Command Status-change Notification  Success",
        ]
    );
    assert_eq!(
        events[2]["resources"],
        json!([format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}")])
    );
    assert_eq!(events[2]["detail"]["instance-id"], id.as_str());
}

#[test]
fn an_ops_item_is_announced_when_it_is_created_and_when_it_changes() {
    let mut account = account();
    let url = listen(&mut account);
    let new = json!({"Title": "Lost", "Description": "Gone", "Source": "EC2"});
    let item = ssm(&mut account, "CreateOpsItem", new);
    pass(&mut account, 10);
    let input = json!({"OpsItemId": item["OpsItemId"], "Status": "Resolved"});
    ssm(&mut account, "UpdateOpsItem", input);
    pass(&mut account, 10);
    let events = heard(&mut account, &url);
    assert_eq!(events[0]["detail-type"], "OpsItem Create");
    assert_eq!(
        events[0]["detail"],
        json!({"created-by": "arn:aws:iam::111122223333:root", "created-time": "2026-01-05T10:00:00Z",
            "source": "EC2", "status": "Open", "ops-item-id": item["OpsItemId"], "title": "Lost",
            "ops-item-type": "/aws/issue", "description": "Gone"})
    );
    assert_eq!(events[1]["detail-type"], "OpsItem Update");
    assert_eq!(events[1]["detail"]["modified-time"], "2026-01-05T10:00:10Z");
}

#[test]
fn an_approval_asks_through_its_topic() {
    let mut account = account();
    let url = listen(&mut account);
    let topic = call(&mut account, Service::Sns, "CreateTopic", json!({"Name": "Automation-ask"}));
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "*"}]});
    let attributes = json!({"QueueUrl": url, "Attributes": {"Policy": policy.to_string()}});
    call(&mut account, Service::Sqs, "SetQueueAttributes", attributes);
    let subscribe = json!({"TopicArn": topic["TopicArn"], "Protocol": "sqs",
        "Endpoint": "arn:aws:sqs:eu-west-1:111122223333:heard"});
    call(&mut account, Service::Sns, "Subscribe", subscribe);
    let content = json!({"schemaVersion": "0.3", "mainSteps": [{"name": "ask",
        "action": "aws:approve", "inputs": {"NotificationArn": topic["TopicArn"],
            "Message": "Terminate it?", "Approvers": ["ann"]}}]});
    create(&mut account, "Ask", &content.to_string());
    let id = start(&mut account, "Ask", &json!({}));
    pass(&mut account, 30);
    let messages = heard(&mut account, &url);
    assert_eq!(messages.len(), 1, "{messages:#?}");
    let message: Value = serde_json::from_str(messages[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(
        message,
        json!({"executionId": id, "stepName": "ask", "message": "Terminate it?",
            "approvers": ["ann"]})
    );
}

const INVOKE: &str = r#"
schemaVersion: "0.3"
mainSteps:
  - name: triage
    action: aws:invokeLambdaFunction
    inputs: {FunctionName: triage, Payload: {severity: 8}}
    outputs: [{Name: Verdict, Selector: $.Payload.verdict}]
"#;

#[test]
fn an_invoked_function_takes_its_time_and_its_answer_can_be_selected() {
    let mut account = account();
    create(&mut account, "Triage", INVOKE);
    let behaviour = json!({"duration": "12s", "returns": {"verdict": "isolate"}});
    lambda::declare(&mut account, "triage", serde_json::from_value(behaviour).unwrap()).unwrap();
    let id = start(&mut account, "Triage", &json!({}));
    pass(&mut account, 12);
    assert_eq!(statuses(&execution(&mut account, &id)), ["triage InProgress"]);
    pass(&mut account, 12);
    let done = execution(&mut account, &id);
    assert_eq!(statuses(&done), ["triage Success"]);
    assert_eq!(done["StepExecutions"][0]["Outputs"]["Verdict"], json!(["isolate"]));
}

#[test]
fn a_function_that_is_not_there_fails_its_step() {
    let mut account = account();
    create(&mut account, "Triage", INVOKE);
    let id = start(&mut account, "Triage", &json!({}));
    pass(&mut account, 60);
    let failed = execution(&mut account, &id);
    let message = failed["FailureMessage"].as_str().unwrap();
    assert!(message.contains("Exception from Invoke API of lambda Service"), "{message}");
    assert!(message.contains("Error Code: ResourceNotFoundException"), "{message}");
}
