//! Metric data: in, out, listed; and what AWS services report.

use serde_json::{Value, json};

use super::super::record;
use super::*;
use crate::wakeup::Topic;

const START_SECONDS: i64 = 1_795_168_800;

fn query(id: &str, stat: &str, period: i64) -> Value {
    let metric = json!({"Namespace": "Shop", "MetricName": "M"});
    json!({"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}})
}

fn filled() -> Account {
    let mut account = account();
    for minute in 0..5_u32 {
        until(&mut account, i64::from(minute) * 60);
        put(&mut account, f64::from(minute));
    }
    account
}

#[test]
fn metric_data_comes_newest_first_unless_told_otherwise() {
    let mut account = filled();
    let mut input = json!({
        "MetricDataQueries": [
            query("m1", "Sum", 60),
            {"Id": "e1", "Expression": "m1 * 2", "Label": "twice"},
            {"Id": "hidden", "Expression": "m1", "ReturnData": false},
        ],
        "StartTime": START_SECONDS,
        "EndTime": START_SECONDS + 180,
    });
    let answer = call(&mut account, "GetMetricData", input.clone());
    let results = answer["MetricDataResults"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["Values"], json!([2.0, 1.0, 0.0]));
    assert_eq!(results[0]["Timestamps"][0], json!(1_795_168_920.0));
    assert_eq!(results[0]["Label"], "M");
    assert_eq!(results[0]["StatusCode"], "Complete");
    assert_eq!(results[1]["Values"], json!([4.0, 2.0, 0.0]));
    assert_eq!(results[1]["Label"], "twice");
    input["ScanBy"] = json!("TimestampAscending");
    let answer = call(&mut account, "GetMetricData", input);
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([0.0, 1.0, 2.0]));
}

#[test]
fn metric_data_is_paged_by_datapoints() {
    let mut account = filled();
    let mut input = json!({
        "MetricDataQueries": [query("m1", "Sum", 60), query("m2", "Maximum", 120)],
        "StartTime": START_SECONDS,
        "EndTime": START_SECONDS + 300,
        "MaxDatapoints": 3,
    });
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let answer = call(&mut account, "GetMetricData", input.clone());
        for (index, into) in [(0, &mut first), (1, &mut second)] {
            let values = answer["MetricDataResults"][index]["Values"].as_array().unwrap();
            into.extend(values.iter().map(|value| value.as_f64().unwrap()));
        }
        input["NextToken"] = answer["NextToken"].clone();
    }
    assert_eq!(first, [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(second, [4.0, 3.0, 1.0]);
    assert_eq!(input["NextToken"], Value::Null);
}

#[test]
fn metric_statistics_tell_every_statistic_that_is_asked_for() {
    let mut account = filled();
    let input = json!({
        "Namespace": "Shop", "MetricName": "M", "Period": 300,
        "StartTime": START_SECONDS, "EndTime": START_SECONDS + 300,
        "Statistics": ["Average", "SampleCount"], "ExtendedStatistics": ["p50"],
    });
    let answer = call(&mut account, "GetMetricStatistics", input);
    assert_eq!(
        answer,
        json!({"Label": "M", "Datapoints": [{
            "Average": 2.0,
            "SampleCount": 5.0,
            "ExtendedStatistics": {"p50": 2.0},
            "Timestamp": 1_795_168_800.0,
            "Unit": "None",
        }]})
    );
}

#[test]
fn metrics_are_listed_once_they_have_data() {
    let mut account = filled();
    alarm(&mut account, "x", json!({"MetricName": "NoData"}));
    record(&mut account, "AWS/SNS", "NumberOfMessagesPublished", &[("TopicName", "oncall")], 1.0);
    until(&mut account, 400);
    let answer = call(&mut account, "ListMetrics", json!({}));
    let names: Vec<&Value> =
        answer["Metrics"].as_array().unwrap().iter().map(|metric| &metric["MetricName"]).collect();
    assert_eq!(names, ["M", "NumberOfMessagesPublished"]);
    let filter = json!({"Dimensions": [{"Name": "TopicName"}], "RecentlyActive": "PT3H"});
    let answer = call(&mut account, "ListMetrics", filter);
    assert_eq!(answer["Metrics"].as_array().unwrap().len(), 1);
}

#[test]
fn what_services_report_can_be_read_after_its_minute() {
    let mut account = account();
    until(&mut account, 20);
    for _ in 0..3 {
        record(&mut account, "AWS/Events", "Invocations", &[("RuleName", "page")], 1.0);
    }
    let metric = json!({
        "Namespace": "AWS/Events", "MetricName": "Invocations",
        "Dimensions": [{"Name": "RuleName", "Value": "page"}],
    });
    let stat = json!({"Metric": metric, "Period": 60, "Stat": "Sum", "Unit": "Count"});
    let input = json!({
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat}],
        "StartTime": START_SECONDS, "EndTime": START_SECONDS + 120,
    });
    until(&mut account, 69);
    let before = call(&mut account, "GetMetricData", input.clone());
    assert_eq!(before["MetricDataResults"][0]["Values"], json!([]));
    account.take_changes();
    until(&mut account, 70);
    assert_eq!(account.take_changes(), [Topic::Metrics, Topic::RuleMetrics]);
    let after = call(&mut account, "GetMetricData", input);
    assert_eq!(after["MetricDataResults"][0]["Values"], json!([3.0]));
    assert_eq!(after["MetricDataResults"][0]["Timestamps"], json!([1_795_168_800.0]));
}

#[test]
fn data_that_can_not_be_kept_is_refused_and_nothing_of_its_call_is_kept() {
    let mut account = account();
    let mut refused = |namespace: &str, datum: Value| {
        let good = json!({"MetricName": "good", "Value": 1});
        let input = json!({"Namespace": namespace, "MetricData": [good, datum]});
        try_call(&mut account, "PutMetricData", input).unwrap_err()
    };
    let old = json!({"MetricName": "M", "Value": 1, "Timestamp": START_SECONDS - 4 * 3600});
    assert_eq!(refused("Shop", old).code, "NotImplemented");
    let future = json!({"MetricName": "M", "Value": 1, "Timestamp": START_SECONDS + 8000});
    for (namespace, datum) in [
        ("AWS/EC2", json!({"MetricName": "M", "Value": 1})),
        ("Shop", future),
        ("Shop", json!({"MetricName": "M"})),
        ("Shop", json!({"MetricName": "M", "Value": 1, "Values": [1]})),
        ("Shop", json!({"MetricName": "M", "Values": [1, 2], "Counts": [1]})),
        ("Shop", json!({"MetricName": "M", "Value": 1, "Unit": "Furlong"})),
        ("Shop", json!({"MetricName": "M", "Value": 1, "StorageResolution": 7})),
    ] {
        assert_eq!(
            refused(namespace, datum.clone()).code,
            "InvalidParameterValueException",
            "{datum}"
        );
    }
    assert_eq!(call(&mut account, "ListMetrics", json!({}))["Metrics"], json!([]));
}

#[test]
fn a_request_for_too_much_is_refused() {
    let mut account = account();
    let huge = json!({
        "MetricDataQueries": [query("m1", "Sum", 1)],
        "StartTime": 0, "EndTime": START_SECONDS,
    });
    assert!(try_call(&mut account, "GetMetricData", huge).unwrap_err().message.contains("100800"));
    let mixed = json!({
        "MetricDataQueries": [
            query("m1", "Sum", 60), query("m2", "Sum", 120), {"Id": "e1", "Expression": "m1 + m2"},
        ],
        "StartTime": START_SECONDS, "EndTime": START_SECONDS + 60,
    });
    let error = try_call(&mut account, "GetMetricData", mixed).unwrap_err();
    assert!(error.message.contains("different periods"), "{}", error.message);
}
