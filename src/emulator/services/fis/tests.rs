//! Experiments in virtual time, through the API as a caller sees it.

use std::fmt::Write as _;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;

const ROLE: &str = "arn:aws:iam::111122223333:role/fis";

fn account(seed: u64) -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), seed);
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let all = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    call_to(
        &mut account,
        Service::Iam,
        "CreateRole",
        json!({"RoleName": "fis", "AssumeRolePolicyDocument": trust.to_string()}),
    );
    call_to(
        &mut account,
        Service::Iam,
        "PutRolePolicy",
        json!({"RoleName": "fis", "PolicyName": "all", "PolicyDocument": all.to_string()}),
    );
    account
}

fn call_to(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).unwrap()
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    call_to(account, Service::Fis, operation, input)
}

fn pass(account: &mut Account, seconds: i64) {
    let to = account.now() + SignedDuration::from_secs(seconds);
    account.advance(to);
}

/// Launches so many running instances with the tag `drill=yes`.
fn fleet(account: &mut Account, count: u32) -> Vec<String> {
    let answer = call_to(
        account,
        Service::Ec2,
        "RunInstances",
        json!({
            "ImageId": "ami-1", "MinCount": count, "MaxCount": count,
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "drill", "Value": "yes"}]}],
        }),
    );
    pass(account, 60);
    let instances = answer["Instances"].as_array().unwrap();
    instances.iter().map(|one| one["InstanceId"].as_str().unwrap().to_owned()).collect()
}

fn state_of(account: &mut Account, instance: &str) -> String {
    let answer =
        call_to(account, Service::Ec2, "DescribeInstances", json!({"InstanceIds": [instance]}));
    answer["Reservations"][0]["Instances"][0]["State"]["Name"].as_str().unwrap().to_owned()
}

/// A template of these actions, with a target `fleet` of the tagged running instances.
fn template(actions: Value) -> Value {
    json!({
        "clientToken": "template",
        "description": "a test",
        "roleArn": ROLE,
        "stopConditions": [{"source": "none"}],
        "targets": {"fleet": {"resourceType": "aws:ec2:instance", "resourceTags": {"drill": "yes"},
            "filters": [{"path": "State.Name", "values": ["running"]}], "selectionMode": "ALL"}},
        "actions": actions,
        "tags": {"Name": "test"},
    })
}

fn start(account: &mut Account, template: Value) -> String {
    let created = call(account, "CreateExperimentTemplate", template);
    let id = &created["experimentTemplate"]["id"];
    let input = json!({"clientToken": "start", "experimentTemplateId": id});
    let started = call(account, "StartExperiment", input);
    started["experiment"]["id"].as_str().unwrap().to_owned()
}

fn get(account: &mut Account, id: &str) -> Value {
    call(account, "GetExperiment", json!({"id": id}))["experiment"].clone()
}

/// One line for each change that a caller can see, with the seconds since the first.
fn timeline(account: &mut Account, id: &str, seconds: i64) -> String {
    let (begin, mut lines, mut last) = (account.now(), String::new(), String::new());
    let end = begin + SignedDuration::from_secs(seconds);
    for _ in 0..10_000 {
        let experiment = get(account, id);
        let mut line = experiment["state"]["status"].as_str().unwrap().to_owned();
        for (name, action) in experiment["actions"].as_object().unwrap() {
            write!(line, " {name}={}", action["state"]["status"].as_str().unwrap()).unwrap();
        }
        if line != last {
            let at = account.now().duration_since(begin).as_secs();
            writeln!(lines, "{at:>3} {line}").unwrap();
            last = line;
        }
        match account.next_due().filter(|due| *due <= end) {
            Some(due) => account.advance(due),
            None => break,
        }
    }
    lines
}

/// An alarm with this name; it has no data of its own.
fn alarm(account: &mut Account, name: &str) -> String {
    call_to(
        account,
        Service::CloudWatch,
        "PutMetricAlarm",
        json!({
            "AlarmName": name, "Namespace": "Test", "MetricName": "Errors", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
        }),
    );
    set_alarm(account, name, "OK");
    account.identity().arn("cloudwatch", &format!("alarm:{name}"))
}

fn set_alarm(account: &mut Account, name: &str, state: &str) {
    let input = json!({"AlarmName": name, "StateValue": state, "StateReason": "test"});
    call_to(account, Service::CloudWatch, "SetAlarmState", input);
}

fn facts(account: &Account, kind: &str) -> Vec<String> {
    let ongoing = account.facts.iter().filter(|fact| fact.kind == kind);
    ongoing.map(|fact| fact.attributes["target"].clone()).collect()
}

#[test]
fn actions_run_in_the_order_of_their_graph() {
    let mut account = account(1);
    fleet(&mut account, 1);
    let id = start(
        &mut account,
        template(json!({
            "last": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"},
                "startAfter": ["left", "right"]},
            "left": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}},
            "right": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT2M"}},
            "stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "fleet"},
                "parameters": {"startInstancesAfterDuration": "PT1M"}, "startAfter": ["left"]},
        })),
    );
    insta::assert_snapshot!(timeline(&mut account, &id, 600), @"
  0 pending last=pending left=pending right=pending stop=pending
  1 initiating last=pending left=pending right=pending stop=pending
  5 running last=pending left=initiating right=initiating stop=pending
  6 running last=pending left=running right=running stop=pending
 66 running last=pending left=completed right=running stop=initiating
 67 running last=pending left=completed right=running stop=running
126 running last=initiating left=completed right=completed stop=running
127 running last=running left=completed right=completed stop=completed
187 completed last=completed left=completed right=completed stop=completed
");
}

#[test]
fn an_alarm_that_fires_stops_the_experiment_and_undoes_what_runs() {
    let mut account = account(1);
    let instances = fleet(&mut account, 2);
    let arn = alarm(&mut account, "guard");
    let mut input = template(json!({
        "stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "fleet"},
            "parameters": {"startInstancesAfterDuration": "PT10M"}},
        "wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"},
            "startAfter": ["stop"]},
    }));
    input["stopConditions"] = json!([{"source": "aws:cloudwatch:alarm", "value": arn}]);
    let id = start(&mut account, input);
    pass(&mut account, 100);
    assert_eq!(facts(&account, "fis-action").len(), 2);
    assert_eq!(state_of(&mut account, &instances[0]), "stopped");
    set_alarm(&mut account, "guard", "ALARM");
    insta::assert_snapshot!(timeline(&mut account, &id, 60), @"
0 running stop=running wait=pending
5 stopping stop=stopping wait=cancelled
8 stopped stop=stopped wait=cancelled
");
    let experiment = get(&mut account, &id);
    assert_eq!(experiment["state"]["reason"], "Experiment halted by stop condition.");
    assert_eq!(facts(&account, "fis-action"), Vec::<String>::new());
    assert_eq!(state_of(&mut account, &instances[0]), "running");
}

#[test]
fn an_alarm_that_stands_already_lets_nothing_begin() {
    let mut account = account(1);
    let instances = fleet(&mut account, 1);
    let arn = alarm(&mut account, "guard");
    set_alarm(&mut account, "guard", "ALARM");
    let mut input = template(json!({
        "end": {"actionId": "aws:ec2:terminate-instances", "targets": {"Instances": "fleet"}},
    }));
    input["stopConditions"] = json!([{"source": "aws:cloudwatch:alarm", "value": arn}]);
    let id = start(&mut account, input);
    insta::assert_snapshot!(timeline(&mut account, &id, 60), @"
0 pending end=pending
1 initiating end=pending
5 stopping end=cancelled
8 stopped end=cancelled
");
    assert_eq!(state_of(&mut account, &instances[0]), "running");
}

#[test]
fn a_missing_stop_alarm_fails_the_experiment() {
    let mut account = account(1);
    let mut input =
        template(json!({"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}}));
    input["targets"] = json!({});
    let arn = account.identity().arn("cloudwatch", "alarm:nothing");
    input["stopConditions"] = json!([{"source": "aws:cloudwatch:alarm", "value": arn}]);
    let id = start(&mut account, input);
    pass(&mut account, 60);
    let state = &get(&mut account, &id)["state"];
    assert_eq!(state["error"]["code"], "ConfigurationFailure");
}

#[test]
fn terminating_half_of_a_fleet_takes_the_same_half_for_the_same_seed() {
    let run = |seed| {
        let mut account = account(seed);
        let instances = fleet(&mut account, 4);
        let mut input = template(json!({
            "end": {"actionId": "aws:ec2:terminate-instances", "targets": {"Instances": "fleet"}},
        }));
        input["targets"]["fleet"]["selectionMode"] = json!("PERCENT(50)");
        let id = start(&mut account, input);
        let lines = timeline(&mut account, &id, 120);
        assert!(lines.trim_end().ends_with("completed end=completed"), "{lines}");
        let resolved =
            call(&mut account, "ListExperimentResolvedTargets", json!({"experimentId": id}));
        assert_eq!(resolved["resolvedTargets"].as_array().unwrap().len(), 2);
        let states: Vec<String> = instances.iter().map(|one| state_of(&mut account, one)).collect();
        assert_eq!(states.iter().filter(|state| *state == "terminated").count(), 2);
        (lines, states, get(&mut account, &id).to_string())
    };
    assert_eq!(run(5), run(5));
}

#[test]
fn no_target_fails_the_experiment_or_skips_its_action() {
    for (mode, status, action) in
        [("fail", "failed", "cancelled"), ("skip", "completed", "skipped")]
    {
        let mut account = account(1);
        let mut input = template(json!({
            "end": {"actionId": "aws:ec2:terminate-instances", "targets": {"Instances": "fleet"}},
        }));
        input["experimentOptions"] = json!({"emptyTargetResolutionMode": mode});
        let id = start(&mut account, input);
        pass(&mut account, 60);
        let experiment = get(&mut account, &id);
        assert_eq!(experiment["state"]["status"], status);
        assert_eq!(experiment["actions"]["end"]["state"]["status"], action);
        if mode == "fail" {
            assert_eq!(experiment["state"]["reason"], "Target resolution returned empty set.");
            assert_eq!(experiment["state"]["error"]["code"], "InvalidTarget");
            assert_eq!(experiment["state"]["error"]["location"], "targets.fleet");
        }
    }
}

#[test]
fn skipping_all_actions_still_shows_the_targets() {
    let mut account = account(1);
    let instances = fleet(&mut account, 1);
    let created = call(
        &mut account,
        "CreateExperimentTemplate",
        template(json!({
            "end": {"actionId": "aws:ec2:terminate-instances", "targets": {"Instances": "fleet"}},
        })),
    );
    let started = call(
        &mut account,
        "StartExperiment",
        json!({
            "clientToken": "dry", "experimentTemplateId": created["experimentTemplate"]["id"],
            "experimentOptions": {"actionsMode": "skip-all"},
        }),
    );
    let id = started["experiment"]["id"].as_str().unwrap().to_owned();
    pass(&mut account, 60);
    let experiment = get(&mut account, &id);
    assert_eq!(experiment["state"]["status"], "completed");
    assert_eq!(experiment["actions"]["end"]["state"]["status"], "skipped");
    assert_eq!(state_of(&mut account, &instances[0]), "running");
    let resolved = call(&mut account, "ListExperimentResolvedTargets", json!({"experimentId": id}));
    let arn = resolved["resolvedTargets"][0]["targetInformation"]["arn"].as_str().unwrap();
    assert!(arn.ends_with(&instances[0]), "{arn}");
}

#[test]
fn the_safety_lever_stops_what_runs_and_cancels_what_is_new() {
    let mut account = account(1);
    fleet(&mut account, 1);
    let id = start(
        &mut account,
        template(json!({
            "wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT10M"}},
        })),
    );
    pass(&mut account, 30);
    let pull = json!({"id": "default", "state": {"status": "engaged", "reason": "sale day"}});
    let lever = call(&mut account, "UpdateSafetyLeverState", pull);
    assert_eq!(lever["safetyLever"]["state"]["status"], "engaging");
    pass(&mut account, 30);
    assert_eq!(get(&mut account, &id)["state"]["status"], "stopped");
    let lever = call(&mut account, "GetSafetyLever", json!({"id": "default"}));
    assert_eq!(lever["safetyLever"]["state"]["status"], "engaged");
    let template = get(&mut account, &id)["experimentTemplateId"].clone();
    let next = json!({"clientToken": "next", "experimentTemplateId": template});
    let next = call(&mut account, "StartExperiment", next);
    pass(&mut account, 30);
    let next = get(&mut account, next["experiment"]["id"].as_str().unwrap());
    assert_eq!(next["state"]["status"], "cancelled");
}

#[test]
fn an_action_that_is_refused_fails_the_experiment_and_cancels_the_rest() {
    let mut account = account(1);
    let instances = fleet(&mut account, 1);
    let id = start(
        &mut account,
        template(json!({
            "wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT2M"}},
            "reboot": {"actionId": "aws:ec2:reboot-instances", "targets": {"Instances": "fleet"},
                "startAfter": ["wait"]},
            "last": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"},
                "startAfter": ["reboot"]},
        })),
    );
    pass(&mut account, 30);
    let input = json!({"InstanceIds": [instances[0]]});
    call_to(&mut account, Service::Ec2, "TerminateInstances", input);
    pass(&mut account, 200);
    let experiment = get(&mut account, &id);
    assert_eq!(experiment["state"]["status"], "failed");
    assert_eq!(experiment["state"]["error"]["location"], "actions.reboot");
    assert_eq!(experiment["actions"]["wait"]["state"]["status"], "completed");
    assert_eq!(experiment["actions"]["reboot"]["state"]["status"], "failed");
    assert_eq!(experiment["actions"]["last"]["state"]["status"], "cancelled");
}

#[test]
fn injected_errors_hit_the_targeted_role_and_operation_and_end_with_the_action() {
    let mut account = account(1);
    let mut input = template(json!({
        "throttle": {"actionId": "aws:fis:inject-api-throttle-error", "targets": {"Roles": "app"},
            "parameters": {"duration": "PT2M", "service": "ec2", "percentage": "100",
                "operations": "DescribeInstances,DescribeVolumes"}},
    }));
    input["targets"] = json!({"app": {"resourceType": "aws:iam:role", "resourceArns": [ROLE],
        "selectionMode": "ALL"}});
    start(&mut account, input);
    let role = |arn: &str| Caller::Role { arn: arn.to_owned(), assumed_by: "fis.amazonaws.com" };
    let describe = |account: &mut Account, caller: &Caller, operation: &str| {
        account.call_as(caller, Service::Ec2, operation, json!({})).map_err(|error| error.code)
    };
    pass(&mut account, 30);
    let hit = describe(&mut account, &role(ROLE), "DescribeInstances");
    assert_eq!(hit.unwrap_err(), "RequestLimitExceeded");
    assert!(describe(&mut account, &role(ROLE), "DescribeVpcs").is_ok());
    assert!(describe(&mut account, &Caller::Administrator, "DescribeInstances").is_ok());
    pass(&mut account, 120);
    assert!(describe(&mut account, &role(ROLE), "DescribeInstances").is_ok());
}

#[test]
fn a_client_token_makes_a_start_idempotent_and_five_are_the_most() {
    let mut account = account(1);
    let mut input =
        template(json!({"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}}));
    input["targets"] = json!({});
    let first = start(&mut account, input);
    let template = get(&mut account, &first)["experimentTemplateId"].clone();
    let mut begin = |token: &str| {
        let input = json!({"clientToken": token, "experimentTemplateId": template});
        account.call(Service::Fis, "StartExperiment", input)
    };
    assert_eq!(begin("start").unwrap()["experiment"]["id"], first);
    for token in ["b", "c", "d", "e"] {
        begin(token).unwrap();
    }
    assert_eq!(begin("f").unwrap_err().code, "ServiceQuotaExceededException");
}

#[test]
fn a_template_that_can_not_work_is_refused_when_it_is_created() {
    let wait = |after: Value| json!({"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}, "startAfter": after});
    let many: serde_json::Map<String, Value> =
        (0..21).map(|index| (format!("w{index}"), wait(json!([])))).collect();
    let cases = [
        ("a cycle", json!({"a": wait(json!(["b"])), "b": wait(json!(["a"]))}), "in a cycle"),
        ("an unknown name", json!({"a": wait(json!(["z"]))}), "which is unknown"),
        (
            "an unknown action",
            json!({"a": {"actionId": "aws:rds:failover-db-cluster"}}),
            "aws:rds:failover-db-cluster",
        ),
        ("no duration", json!({"a": {"actionId": "aws:fis:wait"}}), "`duration`"),
        (
            "a short wait",
            json!({"a": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT5S"}}}),
            "PT5S",
        ),
        (
            "an unknown parameter",
            json!({"a": {"actionId": "aws:ec2:reboot-instances",
            "parameters": {"force": "true"}, "targets": {"Instances": "fleet"}}}),
            "`force`",
        ),
        (
            "a share of the invocations",
            json!({"a": {"actionId": "aws:lambda:invocation-error",
                "parameters": {"duration": "PT1M", "preventExecution": "true",
                    "invocationPercentage": "50"}}}),
            "`50` is not supported",
        ),
        ("no target", json!({"a": {"actionId": "aws:ec2:reboot-instances"}}), "`Instances`"),
        (
            "an unknown target",
            json!({"a": {"actionId": "aws:ec2:reboot-instances",
            "targets": {"Instances": "nothing"}}}),
            "`Instances`",
        ),
        ("too many actions", Value::Object(many), "at most 20"),
    ];
    for (what, actions, expected) in cases {
        let mut account = account(1);
        let refused = account.call(Service::Fis, "CreateExperimentTemplate", template(actions));
        let error = refused.expect_err(what);
        assert!(error.message.contains(expected), "{what}: {error}");
    }
}

#[test]
fn a_lambda_delay_is_a_fact_about_the_function_while_it_lasts() {
    let mut account = account(1);
    let function = account.identity().arn("lambda", "function:checkout");
    let created = json!({"FunctionName": "checkout", "Role": ROLE});
    call_to(&mut account, Service::Lambda, "CreateFunction", created);
    let mut input = template(json!({
        "delay": {"actionId": "aws:lambda:invocation-add-delay", "targets": {"Functions": "f"},
            "parameters": {"duration": "PT2M", "startupDelayMilliseconds": "3000"}},
    }));
    input["targets"] = json!({"f": {"resourceType": "aws:lambda:function",
        "resourceArns": [function], "selectionMode": "ALL"}});
    start(&mut account, input);
    pass(&mut account, 30);
    let effect = |account: &Account| {
        let mut ongoing = account.facts.iter().filter(|fact| fact.kind == "function-fault");
        ongoing.next().map(|fact| fact.attributes["effect"].clone())
    };
    assert_eq!(effect(&account).as_deref(), Some("delay:3000"));
    pass(&mut account, 120);
    assert_eq!(effect(&account), None);
}
