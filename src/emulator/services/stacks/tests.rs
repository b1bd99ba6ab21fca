//! Tests of stack updates: what they go through, and what rolls them back.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::Account;
use crate::emulator::environment::Environment;
use crate::emulator::services::Service;

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
templates: [{path: shop.yaml, stack: shop}]
updates:
  - {stack: shop, parameters: {Release: "42"}, resources: [Topic], lasts: 3m}
  - {stack: shop, parameters: {Release: broken}, resources: [Topic], lasts: 1m, fails: out of capacity}
"#;

const TEMPLATE: &str = r#"
Parameters: {Release: {Type: String, Default: "41"}}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: shop}}
  Errors:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmName: errors, AlarmRule: "FALSE"}
"#;

fn account() -> Account {
    let read = |path: &std::path::Path| {
        let text = if path.ends_with("shop.yaml") { TEMPLATE } else { ENVIRONMENT };
        Ok(text.as_bytes().to_vec())
    };
    let (environment, problems) = Environment::load("e.yaml".as_ref(), &read);
    assert!(problems.is_empty(), "{problems:?}");
    let epoch = "2026-03-02T09:00:00Z".parse().expect("a timestamp");
    let (account, problems) = environment.expect("an environment").account(epoch, 0);
    assert!(problems.is_empty(), "{problems:?}");
    account
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::CloudFormation, operation, input).expect(operation)
}

fn update(account: &mut Account, release: &str, monitoring: u32) {
    let alarm = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors";
    let input = json!({"StackName": "shop", "UsePreviousTemplate": true,
        "Parameters": [{"ParameterKey": "Release", "ParameterValue": release}],
        "ClientRequestToken": "token-1",
        "RollbackConfiguration": {"MonitoringTimeInMinutes": monitoring,
            "RollbackTriggers": [{"Arn": alarm, "Type": "AWS::CloudWatch::CompositeAlarm"}]}});
    call(account, "UpdateStack", input);
}

fn minutes(account: &mut Account, minutes: i64) {
    account.advance(account.now() + SignedDuration::from_mins(minutes));
}

fn alarm(account: &mut Account, state: &str) {
    let input = json!({"AlarmName": "errors", "StateValue": state, "StateReason": "test"});
    account.call(Service::CloudWatch, "SetAlarmState", input).expect("SetAlarmState");
}

fn status(account: &mut Account) -> String {
    let shown = call(account, "DescribeStacks", json!({"StackName": "shop"}));
    shown["Stacks"][0]["StackStatus"].as_str().expect("a status").to_owned()
}

/// The events of the stack itself since its creation, oldest first.
fn events(account: &mut Account) -> Vec<String> {
    let shown = call(account, "DescribeStackEvents", json!({"StackName": "shop"}));
    let events = shown["StackEvents"].as_array().expect("events").iter().rev();
    let own = events.filter(|event| event["LogicalResourceId"] == "shop").skip(1);
    own.map(|event| {
        let reason = event["ResourceStatusReason"].as_str().unwrap_or_default();
        format!("{} {reason}", event["ResourceStatus"].as_str().unwrap_or_default())
            .trim()
            .to_owned()
    })
    .collect()
}

#[test]
fn an_update_runs_is_monitored_and_is_complete() {
    let mut account = account();
    assert_eq!(status(&mut account), "CREATE_COMPLETE");
    update(&mut account, "42", 5);
    let again = json!({"StackName": "shop", "UsePreviousTemplate": true});
    let error = account.call(Service::CloudFormation, "UpdateStack", again).unwrap_err();
    assert!(error.message.contains("UPDATE_IN_PROGRESS"), "{error}");
    minutes(&mut account, 7);
    assert_eq!(status(&mut account), "UPDATE_IN_PROGRESS");
    minutes(&mut account, 2);
    let expected = [
        "UPDATE_IN_PROGRESS User Initiated",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ];
    assert_eq!(events(&mut account), expected);
    // Afterwards the trigger counts no more.
    alarm(&mut account, "ALARM");
    minutes(&mut account, 5);
    assert_eq!(status(&mut account), "UPDATE_COMPLETE");
}

#[test]
fn a_trigger_in_the_monitoring_time_rolls_it_back() {
    let mut account = account();
    update(&mut account, "42", 5);
    minutes(&mut account, 5);
    // Only ALARM counts.
    alarm(&mut account, "INSUFFICIENT_DATA");
    minutes(&mut account, 1);
    assert_eq!(status(&mut account), "UPDATE_IN_PROGRESS");
    alarm(&mut account, "ALARM");
    minutes(&mut account, 5);
    let told = events(&mut account);
    assert!(told[1].starts_with("UPDATE_ROLLBACK_IN_PROGRESS Rollback trigger arn:"), "{told:?}");
    assert_eq!(
        told[2..],
        ["UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
    );
}

#[test]
fn a_resource_that_fails_rolls_it_back_and_is_named() {
    let mut account = account();
    update(&mut account, "broken", 0);
    minutes(&mut account, 5);
    let told = events(&mut account);
    assert!(told[1].contains("The following resource(s) failed to update: [Topic]"), "{told:?}");
    assert_eq!(status(&mut account), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn an_update_that_nobody_declared_is_refused_by_name() {
    let mut account = account();
    let input = json!({"StackName": "shop", "UsePreviousTemplate": true,
        "Parameters": [{"ParameterKey": "Release", "ParameterValue": "43"}]});
    let error = account.call(Service::CloudFormation, "UpdateStack", input).unwrap_err();
    assert_eq!(error.code, "NotImplemented");
    assert!(error.message.contains("`updates:`"), "{error}");
    let missing = json!({"StackName": "shopp"});
    let error = account.call(Service::CloudFormation, "DescribeStacks", missing).unwrap_err();
    assert_eq!(error.message, "Stack with id shopp does not exist");
}
