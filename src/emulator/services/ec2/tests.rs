//! What runbooks and faults see of EC2.

use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;
use crate::emulator::timing;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 7)
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::Ec2, operation, input).unwrap()
}

fn launch(account: &mut Account) -> String {
    let input = json!({"ImageId": "ami-1", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]});
    let answer = call(account, "RunInstances", input);
    answer["Instances"][0]["InstanceId"].as_str().unwrap().to_owned()
}

fn state_of(account: &mut Account, id: &str) -> String {
    let answer = call(account, "DescribeInstances", json!({"InstanceIds": [id]}));
    answer["Reservations"][0]["Instances"][0]["State"]["Name"].as_str().unwrap().to_owned()
}

fn pass(account: &mut Account, delay: jiff::SignedDuration) {
    let to = account.now() + delay;
    account.advance(to);
}

#[test]
fn an_instance_lives_through_its_states_in_virtual_time() {
    let mut account = account();
    let id = launch(&mut account);
    assert_eq!(state_of(&mut account, &id), "pending");
    pass(&mut account, timing::INSTANCE_STARTS);
    assert_eq!(state_of(&mut account, &id), "running");
    call(&mut account, "StopInstances", json!({"InstanceIds": [id]}));
    assert_eq!(state_of(&mut account, &id), "stopping");
    pass(&mut account, timing::INSTANCE_STOPS);
    assert_eq!(state_of(&mut account, &id), "stopped");
    call(&mut account, "StartInstances", json!({"InstanceIds": [id]}));
    pass(&mut account, timing::INSTANCE_STARTS);
    assert_eq!(state_of(&mut account, &id), "running");
    let answer = call(&mut account, "TerminateInstances", json!({"InstanceIds": [id]}));
    assert_eq!(answer["TerminatingInstances"][0]["CurrentState"]["Name"], "shutting-down");
    pass(&mut account, timing::INSTANCE_TERMINATES);
    assert_eq!(state_of(&mut account, &id), "terminated");
}

#[test]
fn terminating_an_instance_that_is_starting_takes_its_arrival_back() {
    let mut account = account();
    let id = launch(&mut account);
    call(&mut account, "TerminateInstances", json!({"InstanceIds": [id]}));
    pass(&mut account, timing::INSTANCE_STARTS + timing::INSTANCE_TERMINATES);
    assert_eq!(state_of(&mut account, &id), "terminated");
}

#[test]
fn the_state_of_an_instance_is_one_fact() {
    let mut account = account();
    let id = launch(&mut account);
    pass(&mut account, timing::INSTANCE_STARTS);
    let states: Vec<_> = account
        .facts
        .iter()
        .filter(|fact| fact.kind == "instance" && fact.attributes["instance"] == id)
        .map(|fact| fact.attributes["state"].clone())
        .collect();
    assert_eq!(states, ["running"]);
}

#[test]
fn a_quarantine_moves_the_instance_into_its_group_and_snapshots_its_volume() {
    let mut account = account();
    let id = launch(&mut account);
    let group = call(
        &mut account,
        "CreateSecurityGroup",
        json!({"GroupName": "quarantine", "Description": "nothing in, nothing out"}),
    );
    let group = group["GroupId"].clone();
    call(&mut account, "ModifyInstanceAttribute", json!({"InstanceId": id, "Groups": [group]}));
    let described = call(&mut account, "DescribeInstances", json!({"InstanceIds": [id]}));
    let instance = &described["Reservations"][0]["Instances"][0];
    assert_eq!(instance["SecurityGroups"][0]["GroupId"], group);
    let volume = &instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"];
    let snapshot = call(&mut account, "CreateSnapshot", json!({"VolumeId": volume}));
    assert_eq!(snapshot["State"], "pending");
    pass(&mut account, timing::SNAPSHOT_COMPLETES);
    let wanted = json!({"SnapshotIds": [snapshot["SnapshotId"]]});
    let snapshots = call(&mut account, "DescribeSnapshots", wanted);
    assert_eq!(snapshots["Snapshots"][0]["State"], "completed");
}

#[test]
fn rules_are_kept_once_and_revoked_once() {
    let mut account = account();
    let group = call(
        &mut account,
        "CreateSecurityGroup",
        json!({"GroupName": "web", "Description": "web"}),
    );
    let rule = json!({"GroupId": group["GroupId"], "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]});
    call(&mut account, "AuthorizeSecurityGroupIngress", rule.clone());
    let again = account.call(Service::Ec2, "AuthorizeSecurityGroupIngress", rule.clone());
    assert_eq!(again.unwrap_err().code, "InvalidPermission.Duplicate");
    call(&mut account, "RevokeSecurityGroupIngress", rule.clone());
    let gone = account.call(Service::Ec2, "RevokeSecurityGroupIngress", rule);
    assert_eq!(gone.unwrap_err().code, "InvalidPermission.NotFound");
}

#[test]
fn what_does_not_exist_is_refused_as_ec2_does() {
    let cases = [
        ("DescribeInstances", json!({"InstanceIds": ["i-0"]}), "InvalidInstanceID.NotFound"),
        ("TerminateInstances", json!({"InstanceIds": ["i-0"]}), "InvalidInstanceID.NotFound"),
        ("CreateSnapshot", json!({"VolumeId": "vol-0"}), "InvalidVolume.NotFound"),
        ("DescribeSecurityGroups", json!({"GroupIds": ["sg-0"]}), "InvalidGroup.NotFound"),
        ("DescribeInstances", json!({"DryRun": true}), "NotImplemented"),
        (
            "DescribeInstances",
            json!({"Filters": [{"Name": "hypervisor", "Values": ["xen"]}]}),
            "NotImplemented",
        ),
    ];
    for (operation, input, code) in cases {
        let mut account = account();
        launch(&mut account);
        let error = account.call(Service::Ec2, operation, input).unwrap_err();
        assert_eq!(error.code, code, "{operation}: {error}");
    }
}

#[test]
fn launch_templates_fill_what_the_call_leaves_out() {
    let mut account = account();
    call(
        &mut account,
        "CreateLaunchTemplate",
        json!({"LaunchTemplateName": "web",
            "LaunchTemplateData": {"ImageId": "ami-9", "InstanceType": "m5.large"}}),
    );
    let answer = call(
        &mut account,
        "RunInstances",
        json!({"MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano",
            "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}}),
    );
    assert_eq!(answer["Instances"][0]["ImageId"], "ami-9");
    assert_eq!(answer["Instances"][0]["InstanceType"], "t3.nano");
}
