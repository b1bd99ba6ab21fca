//! Rolling deployments in virtual time, through the API as a caller sees it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{DeclaredTasks, declare};
use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::Ecs, operation, input).expect(operation)
}

fn refused(account: &mut Account, operation: &str, input: Value) -> String {
    account.call(Service::Ecs, operation, input).expect_err(operation).code
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

fn set_alarm(account: &mut Account, state: &str) {
    let input = json!({"AlarmName": "errors", "StateValue": state, "StateReason": "test"});
    account.call(Service::CloudWatch, "SetAlarmState", input).expect("SetAlarmState");
}

/// An account with the alarm `errors`, the cluster `shop` and the family `web` in three revisions.
fn empty() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a time"), 7);
    let alarm = json!({"AlarmName": "errors", "Namespace": "Shop", "MetricName": "Errors",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 2, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"});
    account.call(Service::CloudWatch, "PutMetricAlarm", alarm).expect("an alarm");
    set_alarm(&mut account, "OK");
    call(&mut account, "CreateCluster", json!({"clusterName": "shop"}));
    for image in ["web:a", "web:b", "web:c"] {
        let containers = json!([{"name": "web", "image": image}]);
        let family = json!({"family": "web", "containerDefinitions": containers});
        call(&mut account, "RegisterTaskDefinition", family);
    }
    account
}

/// The service `web` with so many tasks of `web:1`.
fn served(desired: u32, configuration: Value) -> Account {
    let mut account = empty();
    let service = json!({"cluster": "shop", "serviceName": "web", "taskDefinition": "web:1",
        "desiredCount": desired, "deploymentConfiguration": configuration});
    call(&mut account, "CreateService", service);
    pass(&mut account, 900);
    assert_eq!(latest(&mut account)["status"], "SUCCESSFUL");
    account
}

fn update(account: &mut Account, definition: &str) {
    let input = json!({"cluster": "shop", "service": "web", "taskDefinition": definition});
    call(account, "UpdateService", input);
}

/// What the deployments of the service are, newest first.
fn all(account: &mut Account) -> Vec<Value> {
    let asked = json!({"cluster": "shop", "service": "web"});
    let listed = call(account, "ListServiceDeployments", asked);
    let listed = listed["serviceDeployments"].as_array().expect("a list").clone();
    let arns: Vec<Value> = listed.iter().map(|one| one["serviceDeploymentArn"].clone()).collect();
    let found = call(account, "DescribeServiceDeployments", json!({"serviceDeploymentArns": arns}));
    found["serviceDeployments"].as_array().expect("a list").clone()
}

fn latest(account: &mut Account) -> Value {
    all(account).remove(0)
}

fn service(account: &mut Account) -> Value {
    let asked = json!({"cluster": "shop", "services": ["web"]});
    call(account, "DescribeServices", asked)["services"][0].clone()
}

fn statuses(account: &mut Account) -> Vec<Value> {
    all(account).into_iter().map(|one| one["status"].clone()).collect()
}

fn definitions(account: &Account) -> Vec<String> {
    let tasks = account.facts.iter().filter(|fact| fact.kind == "tasks");
    tasks.map(|fact| fact.attributes["task-definition"].clone()).collect()
}

fn fail(account: &mut Account, task_definition: &str) {
    let fails = "CannotPullContainerError".to_owned();
    let tasks = DeclaredTasks { task_definition: task_definition.to_owned(), fails };
    declare(account, tasks).expect("the family is there");
}

fn breaker(rollback: bool) -> Value {
    json!({"deploymentCircuitBreaker": {"enable": true, "rollback": rollback}})
}

fn alarmed(rollback: bool) -> Value {
    json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": rollback}})
}

#[test]
fn new_tasks_run_and_count_before_the_old_ones_are_stopped() {
    let mut account = served(2, json!({}));
    assert_eq!(definitions(&account), ["web:1"]);
    update(&mut account, "web:2");
    assert_eq!(latest(&mut account)["status"], "PENDING");
    pass(&mut account, 2);
    let found = latest(&mut account);
    assert_eq!(
        (&found["status"], &found["targetServiceRevision"]["pendingTaskCount"]),
        (&json!("IN_PROGRESS"), &json!(2))
    );
    assert_eq!(found["alarms"]["status"], "DISABLED");
    pass(&mut account, 30);
    assert_eq!(definitions(&account), ["web:1", "web:2"]);
    pass(&mut account, 39);
    assert_eq!(service(&mut account)["runningCount"], 4);
    pass(&mut account, 1);
    assert_eq!(definitions(&account), ["web:2"]);
    assert_eq!(latest(&mut account)["status"], "IN_PROGRESS");
    pass(&mut account, 10);
    let found = latest(&mut account);
    assert_eq!(found["status"], "SUCCESSFUL");
    assert_eq!(found["finishedAt"].as_f64(), found["createdAt"].as_f64().map(|at| at + 82.0));
    let shown = service(&mut account);
    assert_eq!(shown["deployments"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["deployments"][0]["rolloutState"], "COMPLETED");
    let revision = json!({"serviceRevisionArns": [found["targetServiceRevision"]["arn"]]});
    let revision = call(&mut account, "DescribeServiceRevisions", revision);
    assert_eq!(revision["serviceRevisions"][0]["containerImages"][0]["image"], "web:b");
}

#[test]
fn never_more_tasks_than_the_maximum_and_never_fewer_healthy_ones_than_the_minimum() {
    let percent = json!({"maximumPercent": 125, "minimumHealthyPercent": 75});
    let mut account = served(4, percent);
    update(&mut account, "web:2");
    let mut seen = Vec::new();
    while latest(&mut account)["status"] != "SUCCESSFUL" {
        let shown = service(&mut account);
        let (running, pending) = (shown["runningCount"].as_u64(), shown["pendingCount"].as_u64());
        let pair = (running.expect("a count"), pending.expect("a count"));
        assert!(pair.0 + pair.1 <= 5 && pair.0 >= 3, "{pair:?}");
        seen.push(pair);
        assert!(seen.len() < 100, "it goes on for ever: {seen:?}");
        pass(&mut account, 5);
    }
    assert!(seen.contains(&(3, 2)), "one old task makes room: {seen:?}");
    assert_eq!(definitions(&account), ["web:2"]);
}

#[test]
fn an_alarm_in_the_bake_time_takes_the_deployment_back() {
    let mut account = served(2, alarmed(true));
    update(&mut account, "web:2");
    // Two periods of a minute, and two evaluations: 240 seconds of bake time after 82.
    pass(&mut account, 310);
    let found = latest(&mut account);
    assert_eq!(
        (&found["status"], &found["alarms"]["status"]),
        (&json!("IN_PROGRESS"), &json!("MONITORING"))
    );
    set_alarm(&mut account, "ALARM");
    pass(&mut account, 10);
    let found = latest(&mut account);
    assert_eq!(found["alarms"]["triggeredAlarmNames"], json!(["errors"]));
    assert!(
        ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"].iter().any(|one| found["status"] == *one)
    );
    pass(&mut account, 3);
    assert_eq!(latest(&mut account)["status"], "ROLLBACK_IN_PROGRESS");
    pass(&mut account, 100);
    let found = latest(&mut account);
    assert_eq!(found["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(found["alarms"]["status"], "TRIGGERED");
    assert_eq!(found["rollback"]["serviceRevisionArn"], found["sourceServiceRevisions"][0]["arn"]);
    assert!(found["rollback"]["reason"].as_str().is_some_and(|why| why.contains("[errors]")));
    assert_eq!(definitions(&account), ["web:1"]);
    assert!(
        service(&mut account)["taskDefinition"].as_str().is_some_and(|one| one.ends_with(":1"))
    );
}

#[test]
fn an_alarm_counts_neither_after_the_deployment_nor_where_it_stood_before_it() {
    let mut account = served(1, alarmed(true));
    update(&mut account, "web:2");
    pass(&mut account, 321);
    assert_eq!(latest(&mut account)["status"], "IN_PROGRESS");
    pass(&mut account, 1);
    assert_eq!(latest(&mut account)["status"], "SUCCESSFUL");
    set_alarm(&mut account, "ALARM");
    pass(&mut account, 60);
    assert_eq!(latest(&mut account)["status"], "SUCCESSFUL");
    update(&mut account, "web:3");
    pass(&mut account, 82);
    let found = latest(&mut account);
    assert_eq!(
        (&found["status"], &found["alarms"]["status"]),
        (&json!("SUCCESSFUL"), &json!("DISABLED"))
    );
}

#[test]
fn an_alarm_without_rollback_stops_the_deployment_where_it_is() {
    let mut account = served(2, alarmed(false));
    update(&mut account, "web:2");
    pass(&mut account, 40);
    set_alarm(&mut account, "ALARM");
    pass(&mut account, 300);
    let found = latest(&mut account);
    assert_eq!(found["status"], "STOPPED");
    assert!(found["stoppedAt"].is_number() && found["rollback"].is_null());
    assert_eq!(definitions(&account), ["web:1", "web:2"]);
    assert_eq!(service(&mut account)["deployments"][0]["rolloutState"], "FAILED");
}

#[test]
fn the_circuit_breaker_trips_at_half_of_the_tasks_but_not_below_three() {
    let mut account = served(2, breaker(true));
    fail(&mut account, "web:2");
    update(&mut account, "web:2");
    pass(&mut account, 42);
    let found = latest(&mut account);
    assert_eq!(found["status"], "IN_PROGRESS");
    assert_eq!(
        found["deploymentCircuitBreaker"],
        json!({"status": "MONITORING", "failureCount": 2, "threshold": 3})
    );
    assert_eq!(service(&mut account)["deployments"][0]["failedTasks"], 2);
    pass(&mut account, 50);
    assert_eq!(latest(&mut account)["status"], "ROLLBACK_REQUESTED");
    assert_eq!(service(&mut account)["runningCount"], 2);
    pass(&mut account, 12);
    let found = latest(&mut account);
    assert_eq!(found["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        found["deploymentCircuitBreaker"],
        json!({"status": "TRIGGERED", "failureCount": 4, "threshold": 3})
    );
    assert_eq!(
        found["statusReason"],
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    );
    let reasons: Vec<u32> =
        [1, 6, 7, 600].into_iter().map(super::configuration::threshold).collect();
    assert_eq!(reasons, [3, 3, 4, 200]);
}

#[test]
fn without_a_rollback_the_circuit_breaker_stops_the_deployment_and_no_task_is_started_any_more() {
    let mut account = served(2, breaker(false));
    fail(&mut account, "web:2");
    update(&mut account, "web:2");
    pass(&mut account, 600);
    let found = latest(&mut account);
    assert_eq!(
        (&found["status"], &found["deploymentCircuitBreaker"]["failureCount"]),
        (&json!("STOPPED"), &json!(4))
    );
    assert_eq!(definitions(&account), ["web:1"]);
    update(&mut account, "web:3");
    pass(&mut account, 100);
    assert_eq!(latest(&mut account)["status"], "SUCCESSFUL");
}

#[test]
fn without_a_circuit_breaker_tasks_are_started_again_later_and_later() {
    let mut account = served(1, json!({}));
    fail(&mut account, "web:2");
    update(&mut account, "web:2");
    // Begins at 2; fails at 42, 92, 152, 232, 352: 40 seconds each, after 10, 20, 40, 80.
    for (seconds, failed) in [(42, 1), (50, 2), (60, 3), (80, 4), (120, 5)] {
        pass(&mut account, seconds);
        assert_eq!(service(&mut account)["deployments"][0]["failedTasks"], failed);
    }
    pass(&mut account, 86_400);
    assert_eq!(latest(&mut account)["status"], "IN_PROGRESS");
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let mut account = empty();
    fail(&mut account, "web:1");
    let service = json!({"cluster": "shop", "serviceName": "web", "taskDefinition": "web",
        "desiredCount": 2, "deploymentConfiguration": breaker(true)});
    fail(&mut account, "web:3");
    call(&mut account, "CreateService", service);
    pass(&mut account, 600);
    let found = latest(&mut account);
    assert_eq!(found["status"], "ROLLBACK_FAILED");
    assert_eq!(found["statusReason"], "No rollback candidate was found to run the rollback.");
}

#[test]
fn a_rollback_whose_tasks_fail_too_has_failed() {
    let both = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true},
        "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}});
    let mut account = served(3, both);
    update(&mut account, "web:2");
    pass(&mut account, 100);
    fail(&mut account, "web:1");
    set_alarm(&mut account, "ALARM");
    pass(&mut account, 100);
    assert_eq!(latest(&mut account)["status"], "ROLLBACK_FAILED");
}

#[test]
fn a_new_deployment_stops_the_one_that_goes_on() {
    let mut account = served(2, json!({}));
    update(&mut account, "web:2");
    pass(&mut account, 40);
    update(&mut account, "web:3");
    assert_eq!(statuses(&mut account), ["PENDING", "STOP_REQUESTED", "SUCCESSFUL"]);
    pass(&mut account, 2);
    assert_eq!(statuses(&mut account), ["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]);
    update(&mut account, "web:1");
    update(&mut account, "web:2");
    pass(&mut account, 200);
    let told = ["SUCCESSFUL", "STOPPED", "STOPPED", "STOPPED", "SUCCESSFUL"];
    assert_eq!(statuses(&mut account), told);
    assert_eq!(definitions(&account), ["web:2"]);
}

#[test]
fn a_person_takes_a_deployment_back_before_and_while_it_runs_but_not_after() {
    for seconds in [0, 60] {
        let mut account = served(2, json!({}));
        update(&mut account, "web:2");
        pass(&mut account, seconds);
        let arn = latest(&mut account)["serviceDeploymentArn"].clone();
        let stop = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
        call(&mut account, "StopServiceDeployment", stop.clone());
        assert_eq!(latest(&mut account)["status"], "ROLLBACK_REQUESTED");
        call(&mut account, "StopServiceDeployment", stop.clone());
        pass(&mut account, 12);
        assert_eq!(latest(&mut account)["status"], "ROLLBACK_SUCCESSFUL", "after {seconds} s");
        assert_eq!(definitions(&account), ["web:1"]);
        assert_eq!(refused(&mut account, "StopServiceDeployment", stop), "ConflictException");
    }
}

#[test]
fn another_count_is_no_deployment_and_a_forced_one_is() {
    let mut account = served(2, json!({}));
    let count = json!({"cluster": "shop", "service": "web", "desiredCount": 5});
    call(&mut account, "UpdateService", count);
    pass(&mut account, 100);
    assert_eq!(
        (service(&mut account)["runningCount"].clone(), all(&mut account).len()),
        (json!(5), 1)
    );
    let forced =
        json!({"cluster": "shop", "service": "web", "desiredCount": 1, "forceNewDeployment": true});
    call(&mut account, "UpdateService", forced);
    pass(&mut account, 100);
    assert_eq!(statuses(&mut account), ["SUCCESSFUL", "SUCCESSFUL"]);
    assert_eq!(service(&mut account)["runningCount"], 1);
}

#[test]
fn deployments_are_listed_by_status_and_time_page_by_page() {
    let mut account = served(1, json!({}));
    let between = account.now().as_second();
    update(&mut account, "web:2");
    let mut ask = |more: Value| {
        let mut input = json!({"cluster": "shop", "service": "web"});
        input.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let found = call(&mut account, "ListServiceDeployments", input);
        let rows = found["serviceDeployments"].as_array().expect("a list");
        let rows: Vec<Value> = rows.iter().map(|one| one["status"].clone()).collect();
        (rows, found["nextToken"].clone())
    };
    assert_eq!(ask(json!({"createdAt": {"after": between}})).0, ["PENDING"]);
    assert_eq!(ask(json!({"status": ["SUCCESSFUL"]})).0, ["SUCCESSFUL"]);
    let (first, token) = ask(json!({"maxResults": 1}));
    assert_eq!(first, ["PENDING"]);
    assert_eq!(
        ask(json!({"maxResults": 1, "nextToken": token})),
        (vec![json!("SUCCESSFUL")], Value::Null)
    );
}

#[test]
fn what_is_not_emulated_or_not_there_is_refused() {
    let mut account = served(1, json!({}));
    let base = json!({"cluster": "shop", "serviceName": "new", "taskDefinition": "web", "desiredCount": 1});
    let with = |key: &str, value: Value| {
        let mut input = base.clone();
        input[key] = value;
        input
    };
    for (key, value, code) in [
        ("deploymentController", json!({"type": "CODE_DEPLOY"}), "NotImplemented"),
        ("schedulingStrategy", json!("DAEMON"), "NotImplemented"),
        ("deploymentConfiguration", json!({"strategy": "BLUE_GREEN"}), "NotImplemented"),
        ("deploymentConfiguration", json!({"bakeTimeInMinutes": 5}), "NotImplemented"),
        ("serviceConnectConfiguration", json!({"enabled": true}), "NotImplemented"),
        ("taskDefinition", json!("api"), "ClientException"),
        ("cluster", json!("other"), "ClusterNotFoundException"),
        ("serviceName", json!("web"), "InvalidParameterException"),
        ("desiredCount", json!(5001), "InvalidParameterException"),
    ] {
        assert_eq!(refused(&mut account, "CreateService", with(key, value)), code, "{key}");
    }
    let gone = json!({"cluster": "shop", "service": "gone"});
    assert_eq!(refused(&mut account, "UpdateService", gone.clone()), "ServiceNotFoundException");
    assert_eq!(refused(&mut account, "ListServiceDeployments", gone), "ServiceNotFoundException");
    let asked = json!({"cluster": "shop", "services": ["gone"]});
    let answer = call(&mut account, "DescribeServices", asked);
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
}

#[test]
fn a_deleted_service_takes_its_tasks_and_its_deployments_with_it() {
    let mut account = served(2, json!({}));
    let web = json!({"cluster": "shop", "service": "web"});
    assert_eq!(refused(&mut account, "DeleteService", web), "InvalidParameterException");
    let cluster = json!({"cluster": "shop"});
    let code = refused(&mut account, "DeleteCluster", cluster.clone());
    assert_eq!(code, "ClusterContainsServicesException");
    call(
        &mut account,
        "DeleteService",
        json!({"cluster": "shop", "service": "web", "force": true}),
    );
    assert_eq!(definitions(&account), Vec::<String>::new());
    assert_eq!(service(&mut account)["status"], "INACTIVE");
    assert!(
        account.services.ecs.deployments.is_empty() && account.services.ecs.revisions.is_empty()
    );
    call(&mut account, "DeleteCluster", cluster);
}

#[test]
fn tasks_are_declared_of_a_revision_of_a_family_that_is_there() {
    let mut account = empty();
    let mut declared = |name: &str| {
        let tasks = DeclaredTasks { task_definition: name.to_owned(), fails: "no".to_owned() };
        declare(&mut account, tasks).err().unwrap_or_default()
    };
    assert!(declared("web").contains("names no revision"));
    assert!(declared("wep:1").contains("there are: web"));
    assert_eq!(declared("web:9"), "");
    assert_eq!(declared("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:2"), "");
}
