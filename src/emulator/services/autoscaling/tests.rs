//! Groups in virtual time, through the API as a caller sees it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;
use crate::emulator::timing;

fn call_to(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).unwrap()
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    call_to(account, Service::AutoScaling, operation, input)
}

fn pass(account: &mut Account, delay: SignedDuration) {
    let to = account.now() + delay;
    account.advance(to);
}

/// A group `web` of so many instances, at least one and at most six, all in service.
fn account(desired: u32) -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 3);
    call(
        &mut account,
        "CreateLaunchConfiguration",
        json!({
        "LaunchConfigurationName": "web", "ImageId": "ami-1", "InstanceType": "t3.micro"}),
    );
    call(
        &mut account,
        "CreateAutoScalingGroup",
        json!({
        "AutoScalingGroupName": "web", "LaunchConfigurationName": "web", "MinSize": 1, "MaxSize": 6,
        "DesiredCapacity": desired,
        "Tags": [{"Key": "app", "Value": "web", "PropagateAtLaunch": true}]}),
    );
    pass(&mut account, timing::SCALING_REACTS + timing::INSTANCE_STARTS);
    account
}

fn group(account: &mut Account) -> Value {
    let input = json!({"AutoScalingGroupNames": ["web"]});
    call(account, "DescribeAutoScalingGroups", input)["AutoScalingGroups"][0].clone()
}

fn members(account: &mut Account, lifecycle: &str) -> Vec<String> {
    let group = group(account);
    let members = group["Instances"].as_array().unwrap();
    members
        .iter()
        .filter(|member| member["LifecycleState"] == lifecycle)
        .map(|member| member["InstanceId"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_group_launches_what_it_should_have_over_its_zones() {
    let mut account = account(3);
    assert_eq!(members(&mut account, "InService").len(), 3);
    let described = call_to(
        &mut account,
        Service::Ec2,
        "DescribeInstances",
        json!({
        "Filters": [{"Name": "tag:app", "Values": ["web"]}]}),
    );
    let mut zones: Vec<String> = described["Reservations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["Instances"][0]["Placement"]["AvailabilityZone"].to_string())
        .collect();
    zones.sort();
    zones.dedup();
    assert_eq!(zones.len(), 3);
}

#[test]
fn a_lost_instance_is_replaced_after_the_health_check() {
    let mut account = account(2);
    let lost = members(&mut account, "InService")[0].clone();
    call_to(&mut account, Service::Ec2, "TerminateInstances", json!({"InstanceIds": [lost]}));
    // The group's metric shows the loss at once, the group itself only at its health check.
    assert_eq!(super::in_service(&account, "web").len(), 1);
    pass(&mut account, timing::SCALING_HEALTH_CHECK - SignedDuration::from_secs(1));
    assert_eq!(members(&mut account, "Pending"), Vec::<String>::new());
    pass(&mut account, SignedDuration::from_secs(1));
    assert_eq!(members(&mut account, "Pending").len(), 1);
    assert_eq!(members(&mut account, "InService").len(), 1);
    pass(&mut account, timing::INSTANCE_STARTS);
    let serving = members(&mut account, "InService");
    assert_eq!(serving.len(), 2);
    assert!(!serving.contains(&lost));
    let activities = call(
        &mut account,
        "DescribeScalingActivities",
        json!({"AutoScalingGroupName": "web", "MaxRecords": 2}),
    );
    let causes = activities["Activities"].to_string();
    assert!(causes.contains("an EC2 health check indicating it has been terminated"), "{causes}");
    assert!(
        causes.contains("in response to an unhealthy instance needing to be replaced"),
        "{causes}"
    );
}

#[test]
fn a_detached_instance_runs_on_and_is_replaced() {
    let mut account = account(2);
    let taken = members(&mut account, "InService")[0].clone();
    call(
        &mut account,
        "DetachInstances",
        json!({"AutoScalingGroupName": "web",
        "InstanceIds": [taken], "ShouldDecrementDesiredCapacity": false}),
    );
    pass(&mut account, timing::SCALING_REACTS + timing::INSTANCE_STARTS);
    let serving = members(&mut account, "InService");
    assert_eq!(serving.len(), 2);
    assert!(!serving.contains(&taken));
    let described =
        call_to(&mut account, Service::Ec2, "DescribeInstances", json!({"InstanceIds": [taken]}));
    assert_eq!(described["Reservations"][0]["Instances"][0]["State"]["Name"], "running");
    // Its end is no longer the group's concern.
    call_to(&mut account, Service::Ec2, "TerminateInstances", json!({"InstanceIds": [taken]}));
    pass(&mut account, timing::SCALING_HEALTH_CHECK * 3);
    assert_eq!(members(&mut account, "InService"), serving);
}

#[test]
fn a_smaller_group_lets_the_oldest_of_the_fullest_zone_go() {
    let mut account = account(4);
    let before = members(&mut account, "InService");
    call(
        &mut account,
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 3}),
    );
    pass(&mut account, timing::SCALING_REACTS);
    // The first and the fourth share a zone; the first is the older.
    assert_eq!(members(&mut account, "Terminating"), [before[0].clone()]);
    pass(&mut account, timing::INSTANCE_TERMINATES);
    assert_eq!(group(&mut account)["Instances"].as_array().unwrap().len(), 3);
}

#[test]
fn standby_takes_an_instance_out_and_puts_it_back() {
    let mut account = account(2);
    let one = members(&mut account, "InService")[0].clone();
    call(
        &mut account,
        "EnterStandby",
        json!({"AutoScalingGroupName": "web", "InstanceIds": [one],
        "ShouldDecrementDesiredCapacity": true}),
    );
    pass(&mut account, timing::SCALING_REACTS);
    assert_eq!(members(&mut account, "InService").len(), 1);
    assert_eq!(group(&mut account)["DesiredCapacity"], 1);
    call(&mut account, "ExitStandby", json!({"AutoScalingGroupName": "web", "InstanceIds": [one]}));
    pass(&mut account, timing::SCALING_HEALTH_CHECK + timing::SCALING_REACTS);
    assert_eq!(members(&mut account, "InService").len(), 2);
    assert_eq!(group(&mut account)["DesiredCapacity"], 2);
}

#[test]
fn policies_move_the_desired_capacity_within_the_limits() {
    let policy = |kind: &str, adjustment: i64| {
        json!({"AutoScalingGroupName": "web", "PolicyName": "p", "AdjustmentType": kind,
            "ScalingAdjustment": adjustment})
    };
    let steps = json!({"AutoScalingGroupName": "web", "PolicyName": "p", "PolicyType": "StepScaling",
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [
            {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3}]});
    let cases = [
        (policy("ChangeInCapacity", 2), json!({}), 4),
        (policy("ChangeInCapacity", 20), json!({}), 6),
        (policy("ChangeInCapacity", -5), json!({}), 1),
        (policy("ExactCapacity", 5), json!({}), 5),
        (policy("PercentChangeInCapacity", 50), json!({}), 3),
        (policy("PercentChangeInCapacity", 10), json!({}), 3),
        (steps.clone(), json!({"MetricValue": 59.0, "BreachThreshold": 50.0}), 3),
        (steps, json!({"MetricValue": 75.0, "BreachThreshold": 50.0}), 5),
    ];
    for (policy, values, expected) in cases {
        let mut account = account(2);
        call(&mut account, "PutScalingPolicy", policy.clone());
        let mut input = values;
        input["AutoScalingGroupName"] = json!("web");
        input["PolicyName"] = json!("p");
        call(&mut account, "ExecutePolicy", input);
        assert_eq!(group(&mut account)["DesiredCapacity"], expected, "{policy}");
    }
}

#[test]
fn a_cool_down_refuses_the_second_execution() {
    let mut account = account(2);
    call(
        &mut account,
        "PutScalingPolicy",
        json!({"AutoScalingGroupName": "web", "PolicyName": "p",
        "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1, "Cooldown": 60}),
    );
    let execute = json!({"AutoScalingGroupName": "web", "PolicyName": "p", "HonorCooldown": true});
    call(&mut account, "ExecutePolicy", execute.clone());
    let again = account.call(Service::AutoScaling, "ExecutePolicy", execute.clone());
    assert_eq!(again.unwrap_err().code, "ScalingActivityInProgress");
    pass(&mut account, SignedDuration::from_secs(60));
    call(&mut account, "ExecutePolicy", execute);
    assert_eq!(group(&mut account)["DesiredCapacity"], 4);
}

#[test]
fn a_launch_that_is_refused_is_a_failed_activity_and_is_tried_again() {
    let mut account = account(1);
    call(
        &mut account,
        "CreateLaunchConfiguration",
        json!({"LaunchConfigurationName": "bad",
        "ImageId": "ami-1", "SecurityGroups": ["sg-nothing"]}),
    );
    call(
        &mut account,
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web",
        "LaunchConfigurationName": "bad", "DesiredCapacity": 2}),
    );
    pass(&mut account, timing::SCALING_REACTS);
    let newest = |account: &mut Account| {
        let input = json!({"AutoScalingGroupName": "web", "MaxRecords": 1});
        call(account, "DescribeScalingActivities", input)["Activities"][0].clone()
    };
    let failed = newest(&mut account);
    assert_eq!(failed["StatusCode"], "Failed");
    assert!(failed["StatusMessage"].as_str().unwrap().contains("sg-nothing"), "{failed}");
    call(
        &mut account,
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "LaunchConfigurationName": "web"}),
    );
    pass(
        &mut account,
        timing::SCALING_HEALTH_CHECK + timing::SCALING_REACTS + timing::INSTANCE_STARTS,
    );
    assert_eq!(members(&mut account, "InService").len(), 2);
}

#[test]
fn the_same_seed_gives_the_same_group() {
    let run = || {
        let mut account = account(3);
        let lost = members(&mut account, "InService")[1].clone();
        call_to(&mut account, Service::Ec2, "TerminateInstances", json!({"InstanceIds": [lost]}));
        pass(&mut account, SignedDuration::from_mins(5));
        (group(&mut account).to_string(), lost)
    };
    assert_eq!(run(), run());
}
