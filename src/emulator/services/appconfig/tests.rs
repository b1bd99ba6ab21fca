//! Tests of AppConfig: growth in time, the bake, and the rollback on an alarm.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

const ALARM: &str = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors";

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::AppConfig, operation, input).expect(operation)
}

fn minutes(account: &mut Account, minutes: i64) {
    account.advance(account.now() + SignedDuration::from_mins(minutes));
}

fn set_alarm(account: &mut Account, state: &str) {
    let input = json!({"AlarmName": "errors", "StateValue": state, "StateReason": "test"});
    account.call(Service::CloudWatch, "SetAlarmState", input).expect("SetAlarmState");
}

/// An application with one environment under the alarm `errors`, and a deployment of version 1 on the way:
/// 25 percent every 5 minutes for 20 minutes, then 10 minutes of bake time.
fn deploying(actions_enabled: bool) -> (Account, Value) {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a time"), 7);
    // A composite of nothing that changes keeps the state that it is set to.
    let alarm =
        json!({"AlarmName": "errors", "AlarmRule": "FALSE", "ActionsEnabled": actions_enabled});
    account.call(Service::CloudWatch, "PutCompositeAlarm", alarm).expect("an alarm");
    minutes(&mut account, 1);
    let application =
        call(&mut account, "CreateApplication", json!({"Name": "shop"}))["Id"].clone();
    let environment = json!({"ApplicationId": application, "Name": "prod",
        "Monitors": [{"AlarmArn": ALARM}]});
    let environment = call(&mut account, "CreateEnvironment", environment)["Id"].clone();
    let profile = json!({"ApplicationId": application, "Name": "flags", "LocationUri": "hosted"});
    let profile = call(&mut account, "CreateConfigurationProfile", profile)["Id"].clone();
    let version = json!({"ApplicationId": application, "ConfigurationProfileId": profile,
        "Content": "{}", "ContentType": "application/json"});
    call(&mut account, "CreateHostedConfigurationVersion", version);
    let strategy = json!({"Name": "slow", "DeploymentDurationInMinutes": 20, "GrowthFactor": 25,
        "FinalBakeTimeInMinutes": 10});
    let strategy = call(&mut account, "CreateDeploymentStrategy", strategy)["Id"].clone();
    let start = json!({"ApplicationId": application, "EnvironmentId": environment,
        "ConfigurationProfileId": profile, "ConfigurationVersion": "1", "DeploymentStrategyId": strategy});
    let number = call(&mut account, "StartDeployment", start.clone())["DeploymentNumber"].clone();
    assert_eq!(number, 1);
    let again = account.call(Service::AppConfig, "StartDeployment", start).unwrap_err();
    assert_eq!(again.code, "ConflictException");
    let which = json!({"ApplicationId": application, "EnvironmentId": environment,
        "DeploymentNumber": number});
    (account, which)
}

fn shown(account: &mut Account, which: &Value) -> (String, f64, Vec<String>) {
    let told = call(account, "GetDeployment", which.clone());
    let log = told["EventLog"].as_array().expect("a log").iter().rev();
    let line =
        |entry: &Value| format!("{} {}", entry["EventType"], entry["TriggeredBy"]).replace('"', "");
    let state = told["State"].as_str().expect("a state").to_owned();
    (state, told["PercentageComplete"].as_f64().expect("a share"), log.map(line).collect())
}

#[test]
fn a_deployment_grows_bakes_and_is_complete() {
    let (mut account, which) = deploying(true);
    assert_eq!(format!("{}", shown(&mut account, &which).1), "25");
    minutes(&mut account, 5);
    assert_eq!(format!("{}", shown(&mut account, &which).1), "50");
    minutes(&mut account, 15);
    let (state, share, _) = shown(&mut account, &which);
    assert_eq!((state.as_str(), share), ("BAKING", 100.0));
    minutes(&mut account, 10);
    let (state, _, log) = shown(&mut account, &which);
    assert_eq!(state, "COMPLETE");
    let expected = [
        "DEPLOYMENT_STARTED USER",
        "PERCENTAGE_UPDATED APPCONFIG",
        "PERCENTAGE_UPDATED APPCONFIG",
        "PERCENTAGE_UPDATED APPCONFIG",
        "PERCENTAGE_UPDATED APPCONFIG",
        "BAKE_TIME_STARTED APPCONFIG",
        "DEPLOYMENT_COMPLETED APPCONFIG",
    ];
    assert_eq!(log, expected);
    // An alarm after the bake takes nothing back.
    set_alarm(&mut account, "ALARM");
    minutes(&mut account, 5);
    assert_eq!(shown(&mut account, &which).0, "COMPLETE");
}

#[test]
fn an_alarm_in_the_bake_rolls_it_back_and_the_log_says_so() {
    for state in ["ALARM", "INSUFFICIENT_DATA"] {
        let (mut account, which) = deploying(true);
        minutes(&mut account, 22);
        set_alarm(&mut account, state);
        minutes(&mut account, 2);
        let (state, share, log) = shown(&mut account, &which);
        assert_eq!((state.as_str(), share), ("ROLLED_BACK", 0.0));
        let tail = ["ROLLBACK_STARTED CLOUDWATCH_ALARM", "ROLLBACK_COMPLETED CLOUDWATCH_ALARM"];
        assert_eq!(log[log.len() - 2..], tail);
    }
}

#[test]
fn an_alarm_whose_actions_are_disabled_takes_nothing_back() {
    let (mut account, which) = deploying(false);
    set_alarm(&mut account, "ALARM");
    minutes(&mut account, 5);
    assert_eq!(shown(&mut account, &which).0, "DEPLOYING");
}

#[test]
fn a_person_who_stops_it_is_named_in_the_log() {
    let (mut account, which) = deploying(true);
    call(&mut account, "StopDeployment", which.clone());
    minutes(&mut account, 1);
    let (state, _, log) = shown(&mut account, &which);
    assert_eq!(
        (state.as_str(), log.last().expect("a line").as_str()),
        ("ROLLED_BACK", "ROLLBACK_COMPLETED USER")
    );
}
