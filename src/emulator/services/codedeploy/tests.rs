//! Deployments and rollbacks in virtual time, through the API as a caller sees it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;
use crate::emulator::timing;

const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

fn call_to(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).unwrap()
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    call_to(account, Service::CodeDeploy, operation, input)
}

fn pass(account: &mut Account, delay: SignedDuration) {
    let to = account.now() + delay;
    account.advance(to);
}

/// An account with the application `shop` on a platform, its group `live`, the alarm `errors` on it, and
/// automatic rollback on these events.
fn account(platform: &str, config: &str, events: &[&str]) -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 3);
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let all = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    call_to(
        &mut account,
        Service::Iam,
        "CreateRole",
        json!({"RoleName": "deploy", "AssumeRolePolicyDocument": trust.to_string()}),
    );
    call_to(
        &mut account,
        Service::Iam,
        "PutRolePolicy",
        json!({"RoleName": "deploy", "PolicyName": "all", "PolicyDocument": all.to_string()}),
    );
    call_to(
        &mut account,
        Service::CloudWatch,
        "PutMetricAlarm",
        json!({
            "AlarmName": "errors", "Namespace": "Test", "MetricName": "Errors", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
        }),
    );
    set_alarm(&mut account, "OK");
    call(
        &mut account,
        "CreateApplication",
        json!({"applicationName": "shop", "computePlatform": platform}),
    );
    call(
        &mut account,
        "CreateDeploymentGroup",
        json!({
            "applicationName": "shop", "deploymentGroupName": "live", "serviceRoleArn": ROLE,
            "deploymentConfigName": format!("CodeDeployDefault.{config}"),
            "ec2TagFilters": [{"Key": "app", "Value": "shop", "Type": "KEY_AND_VALUE"}],
            "alarmConfiguration": {"enabled": true, "alarms": [{"name": "errors"}]},
            "autoRollbackConfiguration": {"enabled": !events.is_empty(), "events": events},
        }),
    );
    account
}

fn set_alarm(account: &mut Account, state: &str) {
    let input = json!({"AlarmName": "errors", "StateValue": state, "StateReason": "test"});
    call_to(account, Service::CloudWatch, "SetAlarmState", input);
}

fn fleet(account: &mut Account, count: u32) {
    call_to(
        account,
        Service::Ec2,
        "RunInstances",
        json!({
            "ImageId": "ami-1", "MinCount": count, "MaxCount": count,
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "shop"}]}],
        }),
    );
    pass(account, timing::INSTANCE_STARTS);
}

fn revision(key: &str) -> Value {
    json!({"revisionType": "S3", "s3Location": {"bucket": "builds", "key": key, "bundleType": "zip"}})
}

fn deploy(account: &mut Account, key: &str) -> String {
    let answer = call(
        account,
        "CreateDeployment",
        json!({
        "applicationName": "shop", "deploymentGroupName": "live", "revision": revision(key)}),
    );
    answer["deploymentId"].as_str().unwrap().to_owned()
}

/// Deploys a revision and waits until it serves.
fn serve(account: &mut Account, key: &str) {
    let id = deploy(account, key);
    pass(account, MINUTE * 15);
    assert_eq!(get(account, &id)["status"], "Succeeded");
}

fn get(account: &mut Account, id: &str) -> Value {
    call(account, "GetDeployment", json!({"deploymentId": id}))["deploymentInfo"].clone()
}

fn facts(account: &Account, kind: &str) -> Vec<String> {
    let ongoing = account.facts.iter().filter(|fact| fact.kind == kind);
    ongoing.map(|fact| fact.attributes["revision"].clone()).collect()
}

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

#[test]
fn a_deployment_goes_through_its_states_and_then_serves() {
    let mut account = account("Server", "HalfAtATime", &[]);
    fleet(&mut account, 4);
    serve(&mut account, "v1.zip");
    assert_eq!(facts(&account, "serving"), ["v1.zip"]);
    let id = deploy(&mut account, "v2.zip");
    let mut seen = Vec::new();
    for _ in 0..2 * timing::DEPLOYMENT_BATCH.as_secs() + 5 {
        let status = get(&mut account, &id)["status"].as_str().unwrap().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        pass(&mut account, SignedDuration::from_secs(1));
    }
    assert_eq!(seen, ["Created", "Queued", "InProgress", "Succeeded"]);
    assert_eq!(facts(&account, "serving"), ["v2.zip"]);
    assert_eq!(facts(&account, "deployment"), Vec::<String>::new());
    let overview = &get(&mut account, &id)["deploymentOverview"];
    assert_eq!(overview["Succeeded"], 4);
}

#[test]
fn while_it_rolls_out_both_revisions_serve() {
    let mut account = account("Lambda", "LambdaCanary10Percent5Minutes", &[]);
    serve(&mut account, "v1.zip");
    deploy(&mut account, "v2.zip");
    pass(&mut account, MINUTE);
    assert_eq!(facts(&account, "serving"), ["v1.zip", "v2.zip"]);
    assert_eq!(facts(&account, "deployment"), ["v2.zip"]);
    pass(&mut account, MINUTE * 5);
    assert_eq!(facts(&account, "serving"), ["v2.zip"]);
}

#[test]
fn an_alarm_stops_the_deployment_and_the_rollback_is_tied_to_it_on_both_ends() {
    let mut account =
        account("Lambda", "LambdaCanary10Percent5Minutes", &["DEPLOYMENT_STOP_ON_ALARM"]);
    serve(&mut account, "v1.zip");
    let id = deploy(&mut account, "v2.zip");
    pass(&mut account, MINUTE);
    set_alarm(&mut account, "ALARM");
    pass(&mut account, timing::DEPLOYMENT_ALARM_POLL);
    let stopped = get(&mut account, &id);
    assert_eq!(stopped["status"], "Stopped");
    assert_eq!(stopped["errorInformation"]["code"], "ALARM_ACTIVE");
    let message = stopped["errorInformation"]["message"].as_str().unwrap();
    assert!(message.ends_with("Activated alarms: <errors>"), "{message}");
    let rollback = stopped["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap().to_owned();
    assert_eq!(
        stopped["rollbackInfo"]["rollbackMessage"],
        format!(
            "Deployment {id} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."
        )
    );
    // Until the rollback is through, a part of the traffic meets the bad revision.
    assert_eq!(facts(&account, "serving"), ["v1.zip", "v2.zip"]);
    pass(&mut account, MINUTE);
    let rollback = get(&mut account, &rollback);
    assert_eq!(rollback["status"], "Succeeded");
    assert_eq!(rollback["creator"], "codeDeployRollback");
    assert_eq!(rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"], id);
    assert_eq!(rollback["revision"], revision("v1.zip"));
    assert_eq!(facts(&account, "serving"), ["v1.zip"]);
}

#[test]
fn nothing_is_rolled_back_where_nothing_was_configured_or_nothing_went_before() {
    for (events, seeded) in [(&[][..], true), (&["DEPLOYMENT_STOP_ON_ALARM"][..], false)] {
        let mut account = account("Lambda", "LambdaCanary10Percent5Minutes", events);
        if seeded {
            serve(&mut account, "v1.zip");
        }
        let id = deploy(&mut account, "v2.zip");
        pass(&mut account, MINUTE);
        set_alarm(&mut account, "ALARM");
        pass(&mut account, MINUTE);
        let stopped = get(&mut account, &id);
        assert_eq!(stopped["status"], "Stopped");
        assert_eq!(stopped["rollbackInfo"]["rollbackDeploymentId"], Value::Null);
        assert_eq!(stopped["rollbackInfo"].is_null(), seeded);
    }
}

#[test]
fn stopping_rolls_back_when_it_is_asked_to() {
    let mut account = account("Lambda", "LambdaCanary10Percent5Minutes", &[]);
    serve(&mut account, "v1.zip");
    let id = deploy(&mut account, "v2.zip");
    pass(&mut account, MINUTE);
    call(&mut account, "StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": true}));
    let stopped = get(&mut account, &id);
    assert_eq!(stopped["errorInformation"]["code"], "MANUAL_STOP");
    assert!(stopped["rollbackInfo"]["rollbackDeploymentId"].is_string());
    let again = account.call(Service::CodeDeploy, "StopDeployment", json!({"deploymentId": id}));
    assert_eq!(again.unwrap_err().code, "DeploymentAlreadyCompletedException");
}

#[test]
fn a_group_without_instances_fails_the_deployment() {
    let mut account = account("Server", "OneAtATime", &["DEPLOYMENT_FAILURE"]);
    fleet(&mut account, 1);
    serve(&mut account, "v1.zip");
    let fleet = call_to(&mut account, Service::Ec2, "DescribeInstances", json!({}));
    let lost = &fleet["Reservations"][0]["Instances"][0]["InstanceId"];
    call_to(&mut account, Service::Ec2, "TerminateInstances", json!({"InstanceIds": [lost]}));
    let id = deploy(&mut account, "v2.zip");
    pass(&mut account, MINUTE);
    let failed = get(&mut account, &id);
    assert_eq!(failed["status"], "Failed");
    assert_eq!(failed["errorInformation"]["code"], "NO_INSTANCES");
    // Its rollback finds no instances either, and is not rolled back in turn.
    let all = call(&mut account, "ListDeployments", json!({"applicationName": "shop"}));
    assert_eq!(all["deployments"].as_array().unwrap().len(), 3);
}

#[test]
fn deployments_are_listed_newest_first_by_time_and_status() {
    let mut account = account("Lambda", "LambdaAllAtOnce", &[]);
    let first = deploy(&mut account, "v1.zip");
    pass(&mut account, MINUTE);
    let between = account.now();
    let second = deploy(&mut account, "v2.zip");
    let refused = account.call(
        Service::CodeDeploy,
        "CreateDeployment",
        json!({
        "applicationName": "shop", "deploymentGroupName": "live", "revision": revision("v3.zip")}),
    );
    assert_eq!(refused.unwrap_err().code, "DeploymentLimitExceededException");
    let list = |account: &mut Account, input: Value| {
        call(account, "ListDeployments", input)["deployments"].clone()
    };
    assert_eq!(list(&mut account, json!({})), json!([second, first]));
    let later = json!({"createTimeRange": {"start": between.as_second()}});
    assert_eq!(list(&mut account, later), json!([second]));
    let done = json!({"includeOnlyStatuses": ["Succeeded"]});
    assert_eq!(list(&mut account, done), json!([first]));
}
