//! Alarms from the outside: through the account's API and its agenda.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::error::ServiceError;
use crate::emulator::services::Service;
use crate::wakeup::Topic;

const START: &str = "2026-11-20T10:00:00Z";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:oncall";

pub(super) fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, START.parse().unwrap(), 7)
}

pub(super) fn try_call(
    account: &mut Account,
    operation: &str,
    input: Value,
) -> Result<Value, ServiceError> {
    account.call(Service::CloudWatch, operation, input)
}

pub(super) fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    try_call(account, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// Lets time pass, in seconds after the start.
pub(super) fn until(account: &mut Account, seconds: i64) {
    let start: Timestamp = START.parse().unwrap();
    account.advance(start + SignedDuration::from_secs(seconds));
}

/// Puts an alarm on the metric `M` of the namespace `Shop`; `more` overrides.
pub(super) fn alarm(account: &mut Account, name: &str, more: Value) {
    let mut input = json!({
        "AlarmName": name,
        "Namespace": "Shop",
        "MetricName": "M",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": 50,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    let Value::Object(more) = more else { panic!("an object is wanted") };
    for (key, value) in more {
        input[key] = value;
    }
    call(account, "PutMetricAlarm", input);
}

pub(super) fn put(account: &mut Account, value: f64) {
    let datum = json!({"MetricName": "M", "Value": value});
    call(account, "PutMetricData", json!({"Namespace": "Shop", "MetricData": [datum]}));
}

pub(super) fn describe(account: &mut Account, name: &str) -> Value {
    let types = ["MetricAlarm", "CompositeAlarm"];
    let input = json!({"AlarmNames": [name], "AlarmTypes": types});
    let answer = call(account, "DescribeAlarms", input);
    let found = answer["MetricAlarms"].as_array().unwrap().first();
    found.or(answer["CompositeAlarms"].as_array().unwrap().first()).unwrap().clone()
}

pub(super) fn state(account: &mut Account, name: &str) -> String {
    describe(account, name)["StateValue"].as_str().unwrap().to_owned()
}

/// The history of an alarm, oldest first: type, summary, data.
pub(super) fn history(account: &mut Account, name: &str) -> Vec<(String, String, Value)> {
    let input = json!({
        "AlarmName": name,
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
        "ScanBy": "TimestampAscending",
        "MaxRecords": 100,
    });
    let answer = call(account, "DescribeAlarmHistory", input);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let item = |item: &Value| {
        let data = serde_json::from_str(item["HistoryData"].as_str().unwrap()).unwrap();
        (text(&item["HistoryItemType"]), text(&item["HistorySummary"]), data)
    };
    answer["AlarmHistoryItems"].as_array().unwrap().iter().map(item).collect()
}

fn summaries(account: &mut Account, name: &str) -> Vec<String> {
    history(account, name).into_iter().map(|(_, summary, _)| summary).collect()
}

#[test]
fn an_alarm_goes_off_when_the_period_of_a_bad_datapoint_has_ended() {
    let mut account = account();
    alarm(&mut account, "high", json!({}));
    assert_eq!(state(&mut account, "high"), "INSUFFICIENT_DATA");
    until(&mut account, 10);
    put(&mut account, 4.0);
    until(&mut account, 59);
    assert_eq!(state(&mut account, "high"), "INSUFFICIENT_DATA");
    until(&mut account, 70);
    put(&mut account, 99.0);
    until(&mut account, 119);
    assert_eq!(state(&mut account, "high"), "OK");
    until(&mut account, 180);
    let found = describe(&mut account, "high");
    assert_eq!(found["StateValue"], "ALARM");
    assert_eq!(
        found["StateReason"],
        "Threshold Crossed: 1 out of the last 1 datapoints [99.0 (20/11/26 10:01:00)] was greater \
         than or equal to the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
    );
}

#[test]
fn a_state_update_and_a_failed_action_are_in_the_history_as_aws_writes_them() {
    let mut account = account();
    alarm(&mut account, "high", json!({"AlarmActions": [TOPIC]}));
    put(&mut account, 99.0);
    until(&mut account, 120);
    let items = history(&mut account, "high");
    println!("{}", serde_json::to_string_pretty(&items).unwrap());
    assert_eq!(items.len(), 3);
}
