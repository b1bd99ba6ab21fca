//! What alarms call and tell, as whole values.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::super::alarm::{Alarm, AlarmState, StateValue};
use super::super::message;
use super::*;

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The alarm as it stands, and as if it had been OK before.
fn alarm_and_previous(account: &Account, name: &str) -> (Alarm, AlarmState) {
    let alarm = account.services.cloudwatch.alarms[name].clone();
    let previous = AlarmState {
        value: StateValue::Ok,
        reason: "fine".to_owned(),
        reason_data: None,
        ..alarm.state.clone()
    };
    (alarm, previous)
}

fn in_alarm() -> Account {
    let mut account = account();
    let more = json!({
        "AlarmActions": [TOPIC],
        "AlarmDescription": "The shop is slow.",
        "Dimensions": [{"Name": "Stage", "Value": "prod"}, {"Name": "Cell", "Value": "1"}],
        "Unit": "Milliseconds",
    });
    alarm(&mut account, "high", more);
    let dimensions = json!([{"Name": "Cell", "Value": "1"}, {"Name": "Stage", "Value": "prod"}]);
    let datum = json!({
        "MetricName": "M", "Value": 99, "Unit": "Milliseconds", "Dimensions": dimensions,
    });
    call(&mut account, "PutMetricData", json!({"Namespace": "Shop", "MetricData": [datum]}));
    until(&mut account, 120);
    account
}

#[test]
fn the_history_tells_of_a_creation_as_aws_does() {
    let mut account = in_alarm();
    let items = history(&mut account, "high");
    assert_eq!(items.len(), 3);
    assert_snapshot!(pretty(&items[0].2), @r#"
{
  "version": "1.0",
  "type": "Create",
  "createdAlarm": {
    "alarmName": "high",
    "alarmDescription": "The shop is slow.",
    "alarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:high",
    "alarmConfigurationUpdatedTimestamp": "2026-11-20T10:00:00.000+0000",
    "namespace": "Shop",
    "metricName": "M",
    "statistic": "Average",
    "period": 60,
    "dimensions": [
      {
        "value": "1",
        "name": "Cell"
      },
      {
        "value": "prod",
        "name": "Stage"
      }
    ],
    "threshold": 50.0,
    "comparisonOperator": "GreaterThanOrEqualToThreshold",
    "evaluationPeriods": 1,
    "datapointsToAlarm": 1,
    "stateValue": "INSUFFICIENT_DATA",
    "stateUpdatedTimestamp": "2026-11-20T10:00:00.000+0000",
    "actionsEnabled": true,
    "alarmActions": [
      "arn:aws:sns:eu-west-1:111122223333:oncall"
    ],
    "insufficientDataActions": [],
    "okactions": []
  }
}
"#);
}

#[test]
fn the_history_tells_of_a_state_update_as_aws_does() {
    let mut account = in_alarm();
    let items = history(&mut account, "high");
    assert_snapshot!(pretty(&items[1].2), @r#"
{
  "version": "1.0",
  "oldState": {
    "stateValue": "INSUFFICIENT_DATA",
    "stateReason": "Unchecked: Initial alarm creation"
  },
  "newState": {
    "stateValue": "ALARM",
    "stateReason": "Threshold Crossed: 1 out of the last 1 datapoints [99.0 (20/11/26 10:00:00)] was greater than or equal to the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).",
    "stateReasonData": {
      "version": "1.0",
      "queryDate": "2026-11-20T10:01:19.000+0000",
      "startDate": "2026-11-20T10:00:00.000+0000",
      "unit": "Milliseconds",
      "statistic": "Average",
      "period": 60,
      "recentDatapoints": [
        99.0
      ],
      "threshold": 50.0,
      "evaluatedDatapoints": [
        {
          "timestamp": "2026-11-20T10:00:00.000+0000",
          "sampleCount": 1.0,
          "value": 99.0
        }
      ]
    }
  }
}
"#);
}

#[test]
fn the_history_tells_of_a_failed_action_and_what_it_wanted_to_publish() {
    let mut account = in_alarm();
    let items = history(&mut account, "high");
    let mut action = items[2].2.clone();
    let published: Value =
        serde_json::from_str(action["publishedMessage"].as_str().unwrap()).unwrap();
    let body: Value = serde_json::from_str(published["default"].as_str().unwrap()).unwrap();
    assert!(action["error"].is_string(), "the topic does not exist");
    action["publishedMessage"] = json!("…");
    action["error"] = json!("…");
    assert_snapshot!(pretty(&action), @r#"
{
  "actionState": "Failed",
  "stateUpdateTimestamp": 1795168879000,
  "notificationResource": "arn:aws:sns:eu-west-1:111122223333:oncall",
  "publishedMessage": "…",
  "error": "…"
}
"#);
    assert_snapshot!(pretty(&body), @r#"
{
  "AlarmName": "high",
  "AlarmDescription": "The shop is slow.",
  "AWSAccountId": "111122223333",
  "AlarmConfigurationUpdatedTimestamp": "2026-11-20T10:00:00.000+0000",
  "NewStateValue": "ALARM",
  "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [99.0 (20/11/26 10:00:00)] was greater than or equal to the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).",
  "StateChangeTime": "2026-11-20T10:01:19.000+0000",
  "Region": "EU (Ireland)",
  "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:high",
  "OldStateValue": "INSUFFICIENT_DATA",
  "OKActions": [],
  "AlarmActions": [
    "arn:aws:sns:eu-west-1:111122223333:oncall"
  ],
  "InsufficientDataActions": [],
  "Trigger": {
    "MetricName": "M",
    "Namespace": "Shop",
    "StatisticType": "Statistic",
    "Statistic": "AVERAGE",
    "Unit": "Milliseconds",
    "Dimensions": [
      {
        "value": "1",
        "name": "Cell"
      },
      {
        "value": "prod",
        "name": "Stage"
      }
    ],
    "Period": 60,
    "EvaluationPeriods": 1,
    "DatapointsToAlarm": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 50.0,
    "TreatMissingData": "missing",
    "EvaluateLowSampleCountPercentile": ""
  }
}
"#);
}

#[test]
fn the_state_change_event_has_the_documented_detail() {
    let account = in_alarm();
    let (mut alarm, previous) = alarm_and_previous(&account, "high");
    if let super::super::alarm::Rule::Metric(rule) = &mut alarm.rule
        && let super::super::alarm::Watched::Metric { id, .. } = &mut rule.watched
    {
        "30b6c6b2-a864-43a2-4877-c09a1afc3b87".clone_into(id);
    }
    assert_snapshot!(pretty(&message::event_detail(&alarm, &previous, None)), @r#"
{
  "alarmName": "high",
  "state": {
    "value": "ALARM",
    "reason": "Threshold Crossed: 1 out of the last 1 datapoints [99.0 (20/11/26 10:00:00)] was greater than or equal to the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).",
    "reasonData": "{\"version\":\"1.0\",\"queryDate\":\"2026-11-20T10:01:19.000+0000\",\"startDate\":\"2026-11-20T10:00:00.000+0000\",\"unit\":\"Milliseconds\",\"statistic\":\"Average\",\"period\":60,\"recentDatapoints\":[99.0],\"threshold\":50.0,\"evaluatedDatapoints\":[{\"timestamp\":\"2026-11-20T10:00:00.000+0000\",\"sampleCount\":1.0,\"value\":99.0}]}",
    "timestamp": "2026-11-20T10:01:19.000+0000"
  },
  "previousState": {
    "value": "OK",
    "reason": "fine",
    "timestamp": "2026-11-20T10:01:19.000+0000"
  },
  "configuration": {
    "description": "The shop is slow.",
    "metrics": [
      {
        "id": "30b6c6b2-a864-43a2-4877-c09a1afc3b87",
        "metricStat": {
          "metric": {
            "namespace": "Shop",
            "name": "M",
            "dimensions": {
              "Cell": "1",
              "Stage": "prod"
            }
          },
          "period": 60,
          "stat": "Average",
          "unit": "Milliseconds"
        },
        "returnData": true
      }
    ]
  }
}
"#);
    let payload = message::lambda_payload(account.identity(), &alarm, &previous);
    assert_eq!(payload["alarmData"], message::event_detail(&alarm, &previous, None));
    let keys: Vec<&String> = payload.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["source", "alarmArn", "accountId", "time", "region", "alarmData"]);
    assert_eq!(message::subject(account.identity(), &alarm), "ALARM: \"high\" in EU (Ireland)");
}

#[test]
fn a_long_name_is_cut_to_what_a_subject_holds() {
    let mut account = account();
    let name = "n".repeat(200);
    alarm(&mut account, &name, json!({}));
    let (alarm, _) = alarm_and_previous(&account, &name);
    let subject = message::subject(account.identity(), &alarm);
    assert_eq!(subject.chars().count(), 100);
    assert!(subject.ends_with("..."));
}

#[test]
fn no_action_runs_while_actions_are_disabled() {
    let mut account = account();
    alarm(&mut account, "high", json!({"AlarmActions": [TOPIC]}));
    call(&mut account, "DisableAlarmActions", json!({"AlarmNames": ["high", "unknown"]}));
    assert_eq!(describe(&mut account, "high")["ActionsEnabled"], false);
    put(&mut account, 99.0);
    until(&mut account, 120);
    assert_eq!(state(&mut account, "high"), "ALARM");
    let last = summaries(&mut account, "high").pop().unwrap();
    assert_eq!(last, "Alarm updated from INSUFFICIENT_DATA to ALARM");
    call(&mut account, "EnableAlarmActions", json!({"AlarmNames": ["high"]}));
    assert_eq!(describe(&mut account, "high")["ActionsEnabled"], true);
}

#[test]
fn each_kind_of_action_is_tried_and_told_in_the_history() {
    for arn in [
        TOPIC,
        "arn:aws:lambda:eu-west-1:111122223333:function:page:live",
        "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:5a:autoScalingGroupName/web:policyName/up",
        "arn:aws:ssm-incidents::111122223333:response-plan/shop",
        "arn:aws:ssm:eu-west-1:111122223333:opsitem:2#CATEGORY=Availability",
        "arn:aws:automate:eu-west-1:ec2:stop",
    ] {
        let mut account = account();
        let dimensions = json!([{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}]);
        let more = json!({"AlarmActions": [arn], "Dimensions": dimensions});
        alarm(&mut account, "high", more);
        let forced = json!({"AlarmName": "high", "StateValue": "ALARM", "StateReason": "drill"});
        call(&mut account, "SetAlarmState", forced);
        until(&mut account, 1);
        let (kind, summary, data) = history(&mut account, "high").pop().unwrap();
        assert_eq!(kind, "Action", "{arn}");
        assert_eq!(data["notificationResource"], arn);
        let executed = data["actionState"] == "Succeeded";
        let words = if executed { "Successfully executed" } else { "Failed to execute" };
        assert!(summary.starts_with(&format!("{words} action {arn}")), "{summary}");
        assert_eq!(data["error"].is_string(), !executed, "{data}");
    }
}

#[test]
fn an_instance_action_without_an_instance_fails_and_says_why() {
    let mut account = account();
    alarm(&mut account, "high", json!({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:reboot"]}));
    let forced = json!({"AlarmName": "high", "StateValue": "ALARM", "StateReason": "drill"});
    call(&mut account, "SetAlarmState", forced);
    until(&mut account, 1);
    let (_, _, data) = history(&mut account, "high").pop().unwrap();
    assert_eq!(data["actionState"], "Failed");
    assert_eq!(data["error"], "The alarm's metric has no InstanceId dimension.");
}

/// A group `web` of one instance with a policy that adds one, and the policy's ARN.
fn scaling_group(account: &mut Account) -> String {
    let mut scale = |operation: &str, input: Value| {
        account.call(Service::AutoScaling, operation, input).unwrap()
    };
    let launch = json!({
        "LaunchConfigurationName": "web", "ImageId": "ami-1", "InstanceType": "t3.micro",
    });
    scale("CreateLaunchConfiguration", launch);
    let group = json!({
        "AutoScalingGroupName": "web", "LaunchConfigurationName": "web",
        "MinSize": 1, "MaxSize": 6, "DesiredCapacity": 1,
    });
    scale("CreateAutoScalingGroup", group);
    let policy = json!({
        "AutoScalingGroupName": "web", "PolicyName": "up", "AdjustmentType": "ChangeInCapacity",
        "ScalingAdjustment": 1, "Cooldown": 90,
    });
    scale("PutScalingPolicy", policy)["PolicyARN"].as_str().unwrap().to_owned()
}

fn capacity(account: &mut Account) -> i64 {
    let answer =
        account.call(Service::AutoScaling, "DescribeAutoScalingGroups", json!({})).unwrap();
    answer["AutoScalingGroups"][0]["DesiredCapacity"].as_i64().unwrap()
}

#[test]
fn an_auto_scaling_action_is_repeated_while_the_state_lasts_and_heeds_the_cooldown() {
    let mut account = account();
    let policy = scaling_group(&mut account);
    alarm(&mut account, "high", json!({"AlarmActions": [policy, TOPIC]}));
    let mut capacities = Vec::new();
    for minute in 0..6 {
        until(&mut account, minute * 60);
        put(&mut account, if minute < 4 { 99.0 } else { 4.0 });
        until(&mut account, minute * 60 + 59);
        capacities.push(capacity(&mut account));
    }
    assert_eq!(capacities, [1, 2, 2, 3, 3, 3]);
    let told = summaries(&mut account, "high");
    let count = |text: &str| told.iter().filter(|summary| summary.contains(text)).count();
    assert_eq!(count(&policy), 1, "{told:?}");
    assert_eq!(count(TOPIC), 1);
}

#[test]
fn actions_reach_the_services_that_they_name() {
    let mut account = account();
    account.call(Service::Sns, "CreateTopic", json!({"Name": "oncall"})).unwrap();
    let plan = json!({"name": "shop", "incidentTemplate": {"title": "Shop down", "impact": 1}});
    let plan = account.call(Service::Incidents, "CreateResponsePlan", plan).unwrap()["arn"].clone();
    let launch = json!({"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1});
    let launched = account.call(Service::Ec2, "RunInstances", launch).unwrap();
    let instance = launched["Instances"][0]["InstanceId"].clone();
    until(&mut account, 300);
    let dimensions = json!([{"Name": "InstanceId", "Value": instance}]);
    let actions = json!([
        TOPIC,
        plan,
        "arn:aws:ssm:eu-west-1:111122223333:opsitem:2#CATEGORY=Availability",
        "arn:aws:automate:eu-west-1:ec2:stop",
    ]);
    alarm(&mut account, "high", json!({"AlarmActions": actions, "Dimensions": dimensions}));
    let forced = json!({"AlarmName": "high", "StateValue": "ALARM", "StateReason": "drill"});
    call(&mut account, "SetAlarmState", forced);
    until(&mut account, 301);
    for (kind, summary, _) in history(&mut account, "high").into_iter().skip(2) {
        assert_eq!(kind, "Action");
        assert!(summary.starts_with("Successfully executed action arn:"), "{summary}");
    }
    let records = account.call(Service::Incidents, "ListIncidentRecords", json!({})).unwrap();
    assert_eq!(records["incidentRecordSummaries"][0]["title"], "Shop down");
    let items = account.call(Service::Ssm, "DescribeOpsItems", json!({})).unwrap();
    let titles: Vec<&str> = items["OpsItemSummaries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["Title"].as_str().unwrap())
        .collect();
    assert!(titles.contains(&"CloudWatch alarm - 'high' is in ALARM state"), "{titles:?}");
    let found = account
        .call(Service::Ec2, "DescribeInstances", json!({"InstanceIds": [instance]}))
        .unwrap();
    assert_eq!(found["Reservations"][0]["Instances"][0]["State"]["Name"], "stopping");
}

fn mute(account: &mut Account, name: &str, expression: &str, duration: &str) {
    let schedule = json!({"Expression": expression, "Duration": duration});
    let input = json!({
        "Name": name,
        "Rule": {"Schedule": schedule},
        "MuteTargets": {"AlarmNames": ["high"]},
    });
    call(account, "PutAlarmMuteRule", input);
}

#[test]
fn a_muted_alarm_changes_its_state_and_acts_when_the_window_ends() {
    let mut account = account();
    alarm(&mut account, "high", json!({"AlarmActions": [TOPIC], "TreatMissingData": "ignore"}));
    mute(&mut account, "drill", "at(2026-11-20T10:01)", "PT5M");
    let statuses = |account: &mut Account| {
        let answer = call(account, "ListAlarmMuteRules", json!({"AlarmName": "high"}));
        answer["AlarmMuteRuleSummaries"][0]["Status"].as_str().unwrap().to_owned()
    };
    assert_eq!(statuses(&mut account), "SCHEDULED");
    until(&mut account, 90);
    assert_eq!(statuses(&mut account), "ACTIVE");
    let forced = json!({"AlarmName": "high", "StateValue": "ALARM", "StateReason": "drill"});
    call(&mut account, "SetAlarmState", forced);
    until(&mut account, 359);
    assert_eq!(state(&mut account, "high"), "ALARM");
    let arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm-mute-rule:drill";
    let last = summaries(&mut account, "high").pop().unwrap();
    assert_eq!(last, format!("Muted action {TOPIC} by {arn}"));
    until(&mut account, 361);
    assert_eq!(statuses(&mut account), "EXPIRED");
    let last = summaries(&mut account, "high").pop().unwrap();
    assert!(last.starts_with("Failed to execute action"), "{last}");
}

#[test]
fn a_recurring_mute_comes_back_and_a_state_that_passed_does_not_act_later() {
    let mut account = account();
    let more = json!({
        "AlarmActions": [TOPIC], "TreatMissingData": "ignore",
    });
    alarm(&mut account, "high", more);
    mute(&mut account, "hourly", "cron(5 * * * *)", "PT10M");
    let force = |account: &mut Account, value: &str| {
        let input = json!({"AlarmName": "high", "StateValue": value, "StateReason": "drill"});
        call(account, "SetAlarmState", input);
    };
    until(&mut account, 6 * 60);
    force(&mut account, "ALARM");
    until(&mut account, 7 * 60);
    force(&mut account, "OK");
    until(&mut account, 20 * 60);
    let told = summaries(&mut account, "high");
    assert!(!told.iter().any(|summary| summary.contains("execute")), "{told:?}");
    until(&mut account, 66 * 60);
    force(&mut account, "ALARM");
    call(&mut account, "DeleteAlarmMuteRule", json!({"AlarmMuteRuleName": "hourly"}));
    until(&mut account, 67 * 60);
    let last = summaries(&mut account, "high").pop().unwrap();
    assert!(last.contains("execute"), "{last}");
}

#[test]
fn a_mute_rule_that_can_not_be_followed_is_refused() {
    let mut account = account();
    for (expression, duration, zone, word) in [
        ("at(2026-11-20T10:00)", "PT30S", "UTC", "duration"),
        ("at(2026-11-20T10:00)", "P16D", "UTC", "duration"),
        ("at(noon)", "PT1H", "UTC", "expression"),
        ("cron(0 25 * * *)", "PT1H", "UTC", "expression"),
        ("rate(1 hour)", "PT1H", "UTC", "expression"),
        ("cron(0 2 * * *)", "PT1H", "Europe/London", "Europe/London"),
    ] {
        let schedule = json!({"Expression": expression, "Duration": duration, "Timezone": zone});
        let input = json!({"Name": "x", "Rule": {"Schedule": schedule}});
        let error = try_call(&mut account, "PutAlarmMuteRule", input).unwrap_err();
        assert!(error.message.contains(word), "{expression}: {}", error.message);
    }
}
