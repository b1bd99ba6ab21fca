//! CloudWatch from the outside: through the account's API and its agenda.
//!
//! Main type: none; the helpers here are shared by the files beside it, one per part of the service.

mod actions;
mod composite;
mod data;
mod metric_alarms;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::error::ServiceError;
use crate::emulator::services::Service;

const START: &str = "2026-11-20T10:00:00Z";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:oncall";

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, START.parse().unwrap(), 7)
}

fn try_call(account: &mut Account, operation: &str, input: Value) -> Result<Value, ServiceError> {
    account.call(Service::CloudWatch, operation, input)
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    try_call(account, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// Lets time pass, in seconds after the start.
fn until(account: &mut Account, seconds: i64) {
    let start: Timestamp = START.parse().unwrap();
    account.advance(start + SignedDuration::from_secs(seconds));
}

/// Puts an alarm on the metric `M` of the namespace `Shop`; `more` overrides.
fn alarm(account: &mut Account, name: &str, more: Value) {
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

fn put(account: &mut Account, value: f64) {
    let datum = json!({"MetricName": "M", "Value": value});
    call(account, "PutMetricData", json!({"Namespace": "Shop", "MetricData": [datum]}));
}

fn describe(account: &mut Account, name: &str) -> Value {
    let types = ["MetricAlarm", "CompositeAlarm"];
    let input = json!({"AlarmNames": [name], "AlarmTypes": types});
    let answer = call(account, "DescribeAlarms", input);
    let found = answer["MetricAlarms"].as_array().unwrap().first();
    found.or(answer["CompositeAlarms"].as_array().unwrap().first()).unwrap().clone()
}

fn state(account: &mut Account, name: &str) -> String {
    describe(account, name)["StateValue"].as_str().unwrap().to_owned()
}

/// The history of an alarm, oldest first: type, summary, data.
fn history(account: &mut Account, name: &str) -> Vec<(String, String, Value)> {
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

/// Only the summaries of an alarm's history, oldest first.
fn summaries(account: &mut Account, name: &str) -> Vec<String> {
    history(account, name).into_iter().map(|(_, summary, _)| summary).collect()
}
