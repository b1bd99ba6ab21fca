//! Metric alarms: when they are evaluated, what they make of their data, what they say.

use serde_json::{Value, json};

use super::*;
use crate::wakeup::Topic;

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
    assert_eq!(found["StateUpdatedTimestamp"], found["StateTransitionedTimestamp"]);
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.
#[test]
fn alarms_are_evaluated_on_the_documented_schedule_each_at_an_instant_of_its_own() {
    let mut account = account();
    alarm(&mut account, "minute", json!({"Period": 300}));
    alarm(&mut account, "fast", json!({"Period": 10}));
    alarm(&mut account, "daily", json!({"Period": 3600, "EvaluationPeriods": 25}));
    let mut turns: Vec<(String, i64)> = Vec::new();
    let start: jiff::Timestamp = START.parse().unwrap();
    for _ in 0..2_000 {
        let next = account.next_due().expect("alarms are evaluated again and again");
        account.advance(next);
        for (name, alarm) in &account.services.cloudwatch.alarms {
            let rule = alarm.metric().unwrap();
            let due = rule.next_evaluation(next).as_second() - start.as_second();
            if !turns.contains(&(name.clone(), due)) {
                turns.push((name.clone(), due));
            }
        }
    }
    for (name, interval) in [("minute", 60), ("fast", 10), ("daily", 3600)] {
        let at: Vec<i64> = turns.iter().filter(|turn| turn.0 == name).map(|turn| turn.1).collect();
        assert!(at.len() > 3, "{name}");
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] == interval), "{name}: {at:?}");
    }
    let phases: Vec<i64> = turns.iter().map(|turn| turn.1.rem_euclid(60)).take(3).collect();
    assert_ne!(phases[0], phases[2]);
}

#[test]
fn a_window_of_five_minutes_slides_by_the_minute() {
    let mut account = account();
    alarm(&mut account, "high", json!({"Period": 300, "Statistic": "Maximum"}));
    until(&mut account, 61);
    put(&mut account, 99.0);
    until(&mut account, 180);
    assert_eq!(state(&mut account, "high"), "ALARM", "the minute has ended, not the five");
    let data = describe(&mut account, "high")["StateReasonData"].clone();
    let data: Value = serde_json::from_str(data.as_str().unwrap()).unwrap();
    assert_eq!(data["startDate"], "2026-11-20T09:57:00.000+0000");
}

/// The four treatments when the data stops after one good datapoint: it is made up for as long as it is in
/// the evaluation range, then the treatment decides.
#[test]
fn data_that_stops_is_treated_as_the_alarm_says() {
    for (treatment, after, reason) in [
        (json!("missing"), "INSUFFICIENT_DATA", "Insufficient Data: 1 datapoint was unknown."),
        (
            json!("breaching"),
            "ALARM",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was \
             treated as [Breaching] (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (json!("notBreaching"), "OK", "treated as [NonBreaching] (minimum 1 datapoint for ALARM"),
        (json!("ignore"), "OK", "[4.0 (20/11/26 10:00:00)] was not greater than"),
    ] {
        let mut account = account();
        alarm(&mut account, "high", json!({"TreatMissingData": treatment}));
        put(&mut account, 4.0);
        until(&mut account, 240);
        assert_eq!(state(&mut account, "high"), "OK", "{treatment}: still within three periods");
        until(&mut account, 360);
        let found = describe(&mut account, "high");
        assert_eq!(found["StateValue"], after, "{treatment}");
        assert!(found["StateReason"].as_str().unwrap().contains(reason), "{found}");
    }
}

#[test]
fn alarms_on_dynamodb_ignore_missing_data_unless_told_otherwise() {
    let mut account = account();
    alarm(&mut account, "table", json!({"Namespace": "AWS/DynamoDB"}));
    let forced = json!({"AlarmName": "table", "StateValue": "ALARM", "StateReason": "x"});
    call(&mut account, "SetAlarmState", forced);
    until(&mut account, 600);
    assert_eq!(state(&mut account, "table"), "ALARM");
}

#[test]
fn every_comparison_decides_at_the_threshold() {
    for (comparison, expected) in [
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("GreaterThanThreshold", "OK"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
    ] {
        let mut account = account();
        alarm(&mut account, "at", json!({"ComparisonOperator": comparison}));
        put(&mut account, 50.0);
        until(&mut account, 120);
        assert_eq!(state(&mut account, "at"), expected, "{comparison}");
    }
}

#[test]
fn the_reason_of_two_out_of_three_lists_the_datapoints_that_crossed() {
    let mut account = account();
    let more = json!({"EvaluationPeriods": 3, "DatapointsToAlarm": 2});
    alarm(&mut account, "high", more);
    for (at, value) in [(0, 4.0), (60, 5.0), (120, 60.0), (180, 70.5)] {
        until(&mut account, at);
        put(&mut account, value);
    }
    until(&mut account, 299);
    assert_eq!(
        describe(&mut account, "high")["StateReason"],
        "Threshold Crossed: 2 out of the last 3 datapoints [70.5 (20/11/26 10:03:00), 60.0 \
         (20/11/26 10:02:00)] were greater than or equal to the threshold (50.0) (minimum 2 \
         datapoints for OK -> ALARM transition)."
    );
    let before = &history(&mut account, "high")[1].2["newState"]["stateReason"];
    assert!(
        before.as_str().unwrap().ends_with("(minimum 2 datapoints for ALARM -> OK transition).")
    );
}

#[test]
fn an_alarm_without_datapoints_to_alarm_words_its_reason_the_short_way() {
    let mut account = account();
    alarm(&mut account, "high", json!({"DatapointsToAlarm": null}));
    put(&mut account, 134_217_728.0);
    until(&mut account, 120);
    assert_eq!(
        describe(&mut account, "high")["StateReason"],
        "Threshold Crossed: 1 datapoint [1.34217728E8 (20/11/26 10:00:00)] was greater than or equal \
         to the threshold (50.0)."
    );
}

#[test]
fn more_than_five_datapoints_are_not_all_listed() {
    let mut account = account();
    alarm(&mut account, "high", json!({"EvaluationPeriods": 7, "DatapointsToAlarm": 7}));
    for minute in 0..8 {
        until(&mut account, minute * 60);
        put(&mut account, 60.0);
    }
    until(&mut account, 540);
    let reason = describe(&mut account, "high")["StateReason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with(
            "Threshold Crossed: 7 out of the last 7 datapoints were greater than or equal to the \
             threshold (50.0). The most recent datapoints which crossed the threshold: [60.0 ("
        ),
        "{reason}"
    );
    assert_eq!(reason.matches("60.0 (").count(), 5);
}

#[test]
fn a_math_alarm_watches_its_expression() {
    let mut account = account();
    let metric = |id: &str, name: &str| {
        let metric = json!({"Namespace": "Shop", "MetricName": name});
        let stat = json!({"Metric": metric, "Period": 60, "Stat": "Sum"});
        json!({"Id": id, "MetricStat": stat, "ReturnData": false})
    };
    let rate = json!({"Id": "e1", "Expression": "m1/m2*100", "Label": "Error rate"});
    let input = json!({
        "AlarmName": "rate",
        "Metrics": [rate, metric("m1", "Errors"), metric("m2", "Requests")],
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    });
    call(&mut account, "PutMetricAlarm", input);
    let data = json!({"Namespace": "Shop", "MetricData": [
        {"MetricName": "Errors", "Value": 3, "Unit": "Count"},
        {"MetricName": "Requests", "Values": [10, 20], "Counts": [2, 1]},
    ]});
    call(&mut account, "PutMetricData", data);
    until(&mut account, 120);
    let found = describe(&mut account, "rate");
    assert_eq!(
        found["StateReason"],
        "Threshold Crossed: 1 datapoint [7.5 (20/11/26 10:00:00)] was greater than the threshold (5.0)."
    );
    assert_eq!(found["Metrics"][0]["Expression"], "m1/m2*100");
    assert_eq!(found.get("Period"), None);
    let data: Value = serde_json::from_str(found["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data.get("statistic"), None);
    assert_eq!(data["recentDatapoints"], json!([7.5]));
}

#[test]
fn a_percentile_alarm_may_wait_for_enough_samples() {
    for (setting, samples, expected) in [
        ("evaluate", 5.0, "ALARM"),
        ("ignore", 5.0, "INSUFFICIENT_DATA"),
        ("ignore", 100.0, "ALARM"),
    ] {
        let mut account = account();
        let more = json!({
            "Statistic": null,
            "ExtendedStatistic": "p90",
            "EvaluateLowSampleCountPercentile": setting,
        });
        alarm(&mut account, "slow", more);
        let datum = json!({"MetricName": "M", "Values": [99.0], "Counts": [samples]});
        call(&mut account, "PutMetricData", json!({"Namespace": "Shop", "MetricData": [datum]}));
        until(&mut account, 120);
        assert_eq!(state(&mut account, "slow"), expected, "{setting} {samples}");
    }
}

#[test]
fn a_forced_state_runs_the_actions_and_returns_at_the_next_evaluation() {
    let mut account = account();
    alarm(&mut account, "high", json!({"AlarmActions": [TOPIC]}));
    for minute in 0..3 {
        until(&mut account, minute * 60);
        put(&mut account, 4.0);
    }
    until(&mut account, 130);
    account.take_changes();
    let reason = "firedrill run 42";
    let forced = json!({"AlarmName": "high", "StateValue": "ALARM", "StateReason": reason});
    call(&mut account, "SetAlarmState", forced.clone());
    assert_eq!(describe(&mut account, "high")["StateReason"], reason);
    // The same state once more is no transition.
    call(&mut account, "SetAlarmState", forced);
    assert!(account.take_changes().contains(&Topic::Alarms));
    until(&mut account, 190);
    assert_eq!(state(&mut account, "high"), "OK");
    let told = history(&mut account, "high");
    // Nobody made the topic: what its owner answers stands behind the first sentence.
    let first = |summary: &str| summary.split(". ").next().unwrap_or_default().to_owned();
    let summaries: Vec<String> = told.iter().map(|item| first(&item.1)).collect();
    assert_eq!(
        summaries,
        [
            "Alarm \"high\" created",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Failed to execute action arn:aws:sns:eu-west-1:111122223333:oncall",
            "Alarm updated from ALARM to OK",
        ]
    );
    assert_eq!(told[2].2["newState"]["stateReason"], reason);
    assert_eq!(told[4].2["oldState"]["stateReason"], reason);
}

#[test]
fn an_update_keeps_the_state_and_says_what_changed() {
    let mut account = account();
    alarm(&mut account, "high", json!({"Tags": [{"Key": "team", "Value": "shop"}]}));
    put(&mut account, 99.0);
    until(&mut account, 120);
    alarm(&mut account, "high", json!({"Threshold": 200}));
    assert_eq!(state(&mut account, "high"), "ALARM");
    let (_, summary, data) = history(&mut account, "high").pop().unwrap();
    assert_eq!(summary, "Alarm \"high\" updated");
    assert_eq!(data["type"], "Update");
    assert_eq!(data["originalUpdatedFields"]["threshold"], 50.0);
    assert_eq!(data["updatedAlarm"]["threshold"], 200.0);
    let arn = describe(&mut account, "high")["AlarmArn"].clone();
    let tags = call(&mut account, "ListTagsForResource", json!({"ResourceARN": arn}));
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "shop"}]));
}

#[test]
fn a_deleted_alarm_is_evaluated_no_more_and_keeps_its_history() {
    let mut account = account();
    alarm(&mut account, "high", json!({}));
    call(&mut account, "DeleteAlarms", json!({"AlarmNames": ["high"]}));
    assert_eq!(account.next_due(), None);
    assert_eq!(summaries(&mut account, "high").last().unwrap(), "Alarm \"high\" deleted");
    let error = try_call(&mut account, "DeleteAlarms", json!({"AlarmNames": ["high"]}));
    assert_eq!(error.unwrap_err().code, "ResourceNotFound");
}

#[test]
fn what_can_not_be_evaluated_is_refused_by_name_when_the_alarm_is_put() {
    let refused = |more: Value| {
        let mut account = account();
        let mut input = json!({
            "AlarmName": "x", "Namespace": "Shop", "MetricName": "M", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        try_call(&mut account, "PutMetricAlarm", input).unwrap_err()
    };
    for (more, word) in [
        (json!({"ThresholdMetricId": "ad1"}), "ThresholdMetricId"),
        (json!({"ComparisonOperator": "GreaterThanUpperThreshold"}), "anomaly detection"),
        (json!({"AlarmActions": ["arn:aws:aiops:eu-west-1:1:investigation-group/x"]}), "aiops"),
        (json!({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:hibernate"]}), "hibernate"),
        (json!({"EvaluationInterval": 10}), "EvaluationInterval"),
    ] {
        let error = refused(more);
        assert_eq!(error.code, "NotImplemented", "{word}");
        assert!(error.message.contains(word), "{}", error.message);
    }
    let stat = |name: &str, period: i64| {
        let metric = json!({"Namespace": "Shop", "MetricName": name});
        json!({"Metric": metric, "Period": period, "Stat": "Sum"})
    };
    let math = |expression: &str, period: i64| {
        json!({
            "Namespace": null, "MetricName": null, "Statistic": null, "Period": null,
            "Metrics": [
                {"Id": "e1", "Expression": expression},
                {"Id": "e2", "Expression": "m1 + e1", "ReturnData": false},
                {"Id": "m1", "MetricStat": stat("a", 60), "ReturnData": false},
                {"Id": "m2", "MetricStat": stat("b", period), "ReturnData": false},
            ],
        })
    };
    for (more, word) in [
        (math("SUM(m1)", 60), "single time series"),
        (math("METRICS()", 60), "single time series"),
        (math("m1+m9", 60), "'m9' is not defined"),
        (math("e2", 60), "refers to itself"),
        (math("m1+m2", 120), "same period"),
        (json!({"Statistic": "Median"}), "Median"),
        (json!({"Period": 90}), "90"),
        (json!({"Period": 86_400, "EvaluationPeriods": 8}), "seven days"),
        (json!({"DatapointsToAlarm": 2}), "DatapointsToAlarm"),
        (json!({"EvaluationPeriods": 0}), "EvaluationPeriods"),
        (json!({"AlarmActions": ["oncall"]}), "Invalid arn"),
        (json!({"Threshold": null}), "Threshold"),
    ] {
        let error = refused(more);
        assert_ne!(error.code, "NotImplemented", "{word}");
        assert!(error.message.contains(word), "{word}: {}", error.message);
    }
}

#[test]
fn alarms_and_histories_are_listed_page_by_page() {
    let mut account = account();
    for number in 0..7 {
        alarm(&mut account, &format!("shop-{number}"), json!({}));
    }
    alarm(&mut account, "other", json!({}));
    let mut names = Vec::new();
    let mut input = json!({"AlarmNamePrefix": "shop-", "MaxRecords": 3});
    for _ in 0..3 {
        let answer = call(&mut account, "DescribeAlarms", input.clone());
        for alarm in answer["MetricAlarms"].as_array().unwrap() {
            names.push(alarm["AlarmName"].as_str().unwrap().to_owned());
        }
        input["NextToken"] = answer["NextToken"].clone();
    }
    assert_eq!(names.len(), 7);
    assert_eq!(input["NextToken"], Value::Null);
    let answer = call(&mut account, "DescribeAlarmHistory", json!({"MaxRecords": 8}));
    assert_eq!(answer.get("NextToken"), None);
    let newest = &answer["AlarmHistoryItems"][0];
    assert_eq!(newest["HistorySummary"], "Alarm \"other\" created");
    let filtered = json!({"HistoryItemType": "StateUpdate"});
    let answer = call(&mut account, "DescribeAlarmHistory", filtered);
    assert_eq!(answer["AlarmHistoryItems"], json!([]));
    let wrong = try_call(&mut account, "DescribeAlarms", json!({"NextToken": "x"}));
    assert_eq!(wrong.unwrap_err().code, "InvalidNextToken");
}

#[test]
fn two_accounts_with_one_seed_tell_the_same_story() {
    let story = || {
        let mut account = account();
        alarm(&mut account, "high", json!({"AlarmActions": [TOPIC]}));
        for minute in 0..30 {
            until(&mut account, minute * 60);
            put(&mut account, if minute % 7 == 3 { 99.0 } else { 4.0 });
        }
        call(&mut account, "DescribeAlarmHistory", json!({})).to_string()
    };
    let told = story();
    assert!(told.contains("to ALARM"));
    assert_eq!(told, story());
}
