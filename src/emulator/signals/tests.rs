//! Signals in an account: through facts, calls and events to datapoints and alarms.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::emulator::account::Identity;
use crate::emulator::services::Service;

const START: i64 = 1_795_168_800;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, Timestamp::from_second(START).unwrap(), 3)
}

fn signal(yaml: &str) -> Signal {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

fn until(account: &mut Account, seconds: i64) {
    account.advance(Timestamp::from_second(START + seconds).unwrap());
}

/// One statistic of the metric `N/m` for every minute after the start, oldest first.
fn minutes(account: &mut Account, stat: &str) -> Vec<f64> {
    let stat = json!({
        "Metric": {"Namespace": "N", "MetricName": "m"},
        "Period": 60,
        "Stat": stat,
    });
    let input = json!({
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat}],
        "StartTime": START + 1,
        "EndTime": START + 86_400,
        "ScanBy": "TimestampAscending",
    });
    let answer = account.call(Service::CloudWatch, "GetMetricData", input).unwrap();
    let values = &answer["MetricDataResults"][0]["Values"];
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

const CPU: &str = "
metric: {namespace: N, name: m}
every: 1m
baseline: 4
effects:
  - while: {fact: fis-action, action: 'aws:ec2:*', target: '*i-0abc*'}
    value: 98
    after: 30s
  - from: {event: {source: [aws.codedeploy], detail: {state: [SUCCESS]}}}
    until: {event: {source: [shop], detail-type: [fixed]}}
    value: 12
  - from: {api_call: {service: ec2, operation: DescribeInstances, input: {InstanceIds: [i-1]}}}
    for: 2m
    value: null
";

#[test]
fn a_datapoint_lands_at_every_multiple_and_shows_what_the_effects_say() {
    let mut account = account();
    install(&mut account, vec![signal(CPU)]);
    until(&mut account, 95);
    let target = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc";
    let fact = Fact::new("fis-action", [("action", "aws:ec2:stop-instances"), ("target", target)]);
    let fact = account.facts.begin(fact);
    // The effect shows 30 seconds after its cause: not yet at 120.
    until(&mut account, 239);
    account.facts.end(fact);
    until(&mut account, 241);
    assert_eq!(minutes(&mut account, "Average"), [4.0, 4.0, 4.0, 98.0, 4.0]);
}

#[test]
fn an_event_begins_an_effect_and_another_ends_it() {
    let mut account = account();
    install(&mut account, vec![signal(CPU)]);
    let event = |source: &str, detail_type: &str| json!({"source": source, "detail-type": detail_type, "detail": {"state": "SUCCESS"}});
    until(&mut account, 61);
    event_arrived(&mut account, &event("aws.codedeploy", "CodeDeploy Deployment State-change"));
    until(&mut account, 181);
    event_arrived(&mut account, &event("shop", "fixed"));
    until(&mut account, 241);
    assert_eq!(minutes(&mut account, "Average"), [4.0, 4.0, 12.0, 12.0, 4.0]);
}

#[test]
fn a_successful_call_with_at_least_the_input_silences_the_metric_for_its_time() {
    let mut account = account();
    install(&mut account, vec![signal(CPU)]);
    let call = |input: Value, error: Option<&str>| ApiCall {
        at: Timestamp::from_second(START).unwrap(),
        service: Service::Ec2,
        operation: "DescribeInstances".to_owned(),
        input,
        error: error.map(str::to_owned),
    };
    until(&mut account, 61);
    api_called(&mut account, &call(json!({"InstanceIds": ["i-2"]}), None));
    api_called(&mut account, &call(json!({"InstanceIds": ["i-1"]}), Some("AccessDenied")));
    until(&mut account, 121);
    let input = json!({"InstanceIds": ["i-1", "i-2"], "MaxResults": 5});
    api_called(&mut account, &call(input, None));
    until(&mut account, 361);
    // Minutes 3 and 4 are silent.
    assert_eq!(minutes(&mut account, "Average"), [4.0, 4.0, 4.0, 4.0, 4.0]);
    assert_eq!(minutes(&mut account, "SampleCount").len(), 5);
}

#[test]
fn a_new_alarm_finds_the_baseline_of_the_hour_before() {
    let mut account = account();
    install(&mut account, vec![signal(CPU)]);
    let alarm = json!({
        "AlarmName": "high", "Namespace": "N", "MetricName": "m", "Statistic": "Average",
        "Period": 300, "EvaluationPeriods": 3, "Threshold": 50,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    account.call(Service::CloudWatch, "PutMetricAlarm", alarm).unwrap();
    until(&mut account, 2);
    assert_eq!(cloudwatch::alarm_state(&account, "high"), Some("OK"));
}

#[test]
fn a_percentile_alarm_over_a_spread_signal_fires_and_the_spread_is_the_seeds_alone() {
    let run = || {
        let mut account = account();
        let yaml = "
metric: {namespace: N, name: m, unit: Milliseconds, dimensions: {}}
every: 10s
delay: 5s
baseline: 100
samples: 200
spread: 20
effects:
  - while: {fact: instance, state: stopped}
    value: 900
";
        install(&mut account, vec![signal(yaml)]);
        let alarm = json!({
            "AlarmName": "slow", "Namespace": "N", "MetricName": "m",
            "ExtendedStatistic": "p99", "Period": 60, "EvaluationPeriods": 2,
            "DatapointsToAlarm": 1, "Threshold": 500,
            "EvaluateLowSampleCountPercentile": "ignore",
            "ComparisonOperator": "GreaterThanThreshold", "Unit": "Milliseconds",
        });
        account.call(Service::CloudWatch, "PutMetricAlarm", alarm).unwrap();
        until(&mut account, 60);
        assert_eq!(cloudwatch::alarm_state(&account, "slow"), Some("OK"));
        account.facts.begin(Fact::new("instance", [("instance", "i-1"), ("state", "stopped")]));
        // Calls in between must not change what the metric shows.
        until(&mut account, 240);
        assert_eq!(cloudwatch::alarm_state(&account, "slow"), Some("ALARM"));
        minutes(&mut account, "p50")
    };
    let values = run();
    assert!(values.iter().all(|value| (80.0..=120.0).contains(value) || *value > 880.0));
    assert_eq!(values, run());
}

#[test]
fn an_alarm_can_be_told_whether_its_metric_has_a_signal() {
    let mut account = account();
    let yaml = "
metric: {namespace: N, name: m, dimensions: {b: '2', a: '1'}}
every: 1m
baseline: null
";
    install(&mut account, vec![signal(yaml)]);
    let dimensions = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert!(watches(&account, "N", "m", &dimensions(&[("a", "1"), ("b", "2")])));
    assert!(!watches(&account, "N", "m", &dimensions(&[("a", "1")])));
    assert!(!watches(&account, "N", "other", &[]));
}

#[test]
fn what_can_never_work_is_an_error_of_the_file() {
    let effect = |effect: &str| {
        format!(
            "{{metric: {{namespace: N, name: m}}, every: 1m, baseline: 1, effects: [{effect}]}}"
        )
    };
    for (yaml, word) in [
        (effect("{while: {fact: nope}, value: 1}"), "no fact `nope`"),
        (effect("{while: {fact: instance, colour: red}, value: 1}"), "has no `colour`"),
        (effect("{while: {fact: instance}, for: 1m, value: 1}"), "belong to `from`"),
        (effect("{value: 1}"), "exactly one of `while` and `from`"),
        (effect("{while: {fact: instance}}"), "missing field `value`"),
        (effect("{from: {event: {source: shop}}, value: 1}"), "Event pattern is not valid"),
        (effect("{from: {api_call: {service: s3, operation: X}}, value: 1}"), "no service `s3`"),
        (effect("{from: {}, value: 1}"), "exactly one of `event` and `api_call`"),
        ("{metric: {namespace: N, name: m}, every: 0s, baseline: 1}".to_owned(), "at least 1s"),
        ("{metric: {namespace: N, name: m}, every: soon, baseline: 1}".to_owned(), "no duration"),
        (
            "{metric: {namespace: N, name: m, unit: Furlong}, every: 1m, baseline: 1}".to_owned(),
            "no unit",
        ),
        ("{metric: {namespace: N, name: m}, every: 1m}".to_owned(), "missing field `baseline`"),
        (
            "{metric: {namespace: N, name: m}, every: 1m, baseline: 1, x: 1}".to_owned(),
            "unknown field",
        ),
    ] {
        let error = serde_yaml::from_str::<Signal>(&yaml).unwrap_err().to_string();
        assert!(error.contains(word), "{yaml}: {error}");
    }
}

#[test]
fn globs_match_whole_texts() {
    for (glob, text, matches) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*i-0*", "instance/i-0abc", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*a*b*a", "xaybza", true),
    ] {
        assert_eq!(matches_glob(glob, text), matches, "{glob} {text}");
    }
}
