//! What becomes of an invocation: permissions, retries, dead letters, metrics, kinds of targets.

use serde_json::{Value, json};

use super::*;
use crate::emulator::services::lambda;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:oncall";

fn dead_letter(account: &mut Account) -> (Value, String) {
    let dead = messages(account, "dead");
    let [letter] = dead.as_slice() else { panic!("one dead letter, not {dead:?}") };
    let code = &letter["MessageAttributes"]["ERROR_CODE"]["StringValue"];
    (letter["MessageAttributes"].clone(), code.as_str().expect("a code").to_owned())
}

#[test]
fn a_target_without_permission_is_dead_lettered_at_once() {
    let mut account = account();
    account.call(Service::Sns, "CreateTopic", json!({"Name": "oncall"})).expect("a topic");
    let target = json!({"Id": "t", "Arn": TOPIC, "DeadLetterConfig": {"Arn": DEAD}});
    let arn = rule(&mut account, "page", target);
    put(&mut account, "default", &json!({"n": 1}));
    wait(&mut account, 1);
    let (attributes, code) = dead_letter(&mut account);
    assert_eq!(code, "NO_PERMISSIONS");
    assert_eq!(attributes["RULE_ARN"]["StringValue"], arn);
    assert_eq!(attributes["TARGET_ARN"]["StringValue"], TOPIC);
    assert_eq!(attributes["RETRY_ATTEMPTS"]["StringValue"], "0");
    assert!(attributes.get("EXHAUSTED_RETRY_CONDITION").is_none());
    let body: Value = serde_json::from_str(&bodies(&mut account, "dead")[0]).expect("JSON");
    assert_eq!(body["detail"], json!({"n": 1}));
    let allow = json!({"Statement": {"Effect": "Allow", "Action": "sns:Publish",
        "Principal": {"Service": "events.amazonaws.com"}, "Resource": TOPIC,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}}}});
    let input = json!({"TopicArn": TOPIC, "AttributeName": "Policy",
        "AttributeValue": allow.to_string()});
    account.call(Service::Sns, "SetTopicAttributes", input).expect("set");
    put(&mut account, "default", &json!({"n": 2}));
    wait(&mut account, 60);
    assert_eq!(messages(&mut account, "dead").len(), 1);
    let rule = [("RuleName", "page")];
    let expected = [
        ("MatchedEvents", 2.0),
        ("TriggeredRules", 2.0),
        ("Invocations", 2.0),
        ("InvocationAttempts", 2.0),
        ("SuccessfulInvocationAttempts", 1.0),
        ("FailedInvocations", 1.0),
        ("InvocationsSentToDlq", 1.0),
        ("RetryInvocationAttempts", 0.0),
    ];
    for (metric, times) in expected {
        assert!((sum(&mut account, &rule, metric) - times).abs() < 0.01, "{metric}");
    }
}

#[test]
fn a_dead_letter_queue_needs_a_policy_of_its_own() {
    let mut account = account();
    let input = json!({"QueueUrl": "dead", "Attributes": {"Policy": ""}});
    account.call(Service::Sqs, "SetQueueAttributes", input).expect("set");
    let gone = "arn:aws:sqs:eu-west-1:111122223333:gone";
    let target = json!({"Id": "q", "Arn": gone, "DeadLetterConfig": {"Arn": DEAD}});
    rule(&mut account, "page", target);
    put(&mut account, "default", &json!({}));
    wait(&mut account, 60);
    assert!(messages(&mut account, "dead").is_empty());
    let rule = [("RuleName", "page")];
    assert!((sum(&mut account, &rule, "InvocationsFailedToBeSentToDlq") - 1.0).abs() < 0.01);
}

#[test]
fn a_refusal_is_named_in_the_dead_letter() {
    let automation = "arn:aws:ssm:eu-west-1:111122223333:automation-definition/Fix:$DEFAULT";
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:gone";
    let role_arn = "arn:aws:iam::111122223333:role/none";
    let other = "arn:aws:iam::444455556666:role/other";
    let broken =
        json!({"InputPathsMap": {"x": "$.detail.quote"}, "InputTemplate": "{\"a\": \"<x>\"}"});
    let table = [
        (json!({"Arn": function}), "NO_RESOURCE"),
        (json!({"Arn": automation, "RoleArn": role_arn}), "FAILED_TO_ASSUME_ROLE"),
        (json!({"Arn": automation, "RoleArn": other}), "FAILED_TO_ASSUME_ROLE"),
        (json!({"Arn": QUEUE, "InputTransformer": broken}), "INVALID_JSON"),
        (json!({"Arn": QUEUE, "InputPath": "$.detail.nowhere"}), "INVALID_JSON"),
    ];
    for (mut target, expected) in table {
        let mut account = account();
        target["Id"] = "t".into();
        target["DeadLetterConfig"] = json!({"Arn": DEAD});
        rule(&mut account, "page", target);
        put(&mut account, "default", &json!({"quote": "say \"hi\""}));
        wait(&mut account, 1);
        assert_eq!(dead_letter(&mut account).1, expected);
    }
}

#[test]
fn a_passing_error_is_retried_with_growing_waits_until_the_policy_is_used_up() {
    let mut account = account();
    let sender = role(&mut account, "sender", &json!("sqs:SendMessage"));
    let policy = json!({"MaximumRetryAttempts": 3});
    let target = json!({"Id": "q", "Arn": QUEUE, "RoleArn": sender, "RetryPolicy": policy,
        "DeadLetterConfig": {"Arn": DEAD}});
    rule(&mut account, "page", target);
    // A full queue throttles nobody on AWS; here the role's calls are made to fail as a FIS experiment
    // does, through the service's own fault.
    fail_calls(&mut account, true);
    put(&mut account, "default", &json!({}));
    // Attempts at 0.5 s, and 1, 2 and 4 seconds after one another.
    wait(&mut account, 7);
    assert!(messages(&mut account, "dead").is_empty());
    wait(&mut account, 1);
    let (attributes, code) = dead_letter(&mut account);
    assert_eq!(code, "THROTTLING");
    assert_eq!(attributes["RETRY_ATTEMPTS"]["StringValue"], "3");
    let exhausted = &attributes["EXHAUSTED_RETRY_CONDITION"]["StringValue"];
    assert_eq!(exhausted, "MaximumRetryAttempts");
}

#[test]
fn a_retried_invocation_that_succeeds_counts_once_and_leaves_no_dead_letter() {
    let mut account = account();
    let target = json!({"Id": "q", "Arn": QUEUE, "DeadLetterConfig": {"Arn": DEAD}});
    rule(&mut account, "page", target);
    fail_calls(&mut account, true);
    put(&mut account, "default", &json!({}));
    wait(&mut account, 2);
    fail_calls(&mut account, false);
    wait(&mut account, 60);
    assert_eq!(bodies(&mut account, "inbox").len(), 1);
    assert!(messages(&mut account, "dead").is_empty());
    let rule = [("RuleName", "page")];
    assert!((sum(&mut account, &rule, "Invocations") - 1.0).abs() < 0.01);
    assert!(sum(&mut account, &rule, "RetryInvocationAttempts") > 0.5);
    assert!(sum(&mut account, &rule, "FailedInvocations") < 0.5);
}

#[test]
fn a_retry_that_would_be_too_old_is_given_up() {
    let mut account = account();
    let policy = json!({"MaximumEventAgeInSeconds": 60});
    let target = json!({"Id": "q", "Arn": QUEUE, "RetryPolicy": policy,
        "DeadLetterConfig": {"Arn": DEAD}});
    rule(&mut account, "page", target);
    fail_calls(&mut account, true);
    put(&mut account, "default", &json!({}));
    wait(&mut account, 3600);
    let (attributes, _) = dead_letter(&mut account);
    let exhausted = &attributes["EXHAUSTED_RETRY_CONDITION"]["StringValue"];
    assert_eq!(exhausted, "MaximumEventAgeInSeconds");
    // 1 + 2 + 4 + 8 + 16 seconds fit into a minute, another 32 do not.
    assert_eq!(attributes["RETRY_ATTEMPTS"]["StringValue"], "5");
}

#[test]
fn a_custom_bus_names_itself_in_its_metrics() {
    let mut account = account();
    call(&mut account, "CreateEventBus", json!({"Name": "orders"}));
    let input =
        json!({"Name": "r", "EventBusName": "orders", "EventPattern": "{\"source\":[\"app\"]}"});
    call(&mut account, "PutRule", input);
    let input = json!({"Rule": "r", "EventBusName": "orders",
        "Targets": [{"Id": "q", "Arn": QUEUE}]});
    call(&mut account, "PutTargets", input);
    put(&mut account, "orders", &json!({}));
    wait(&mut account, 49);
    assert!(account.take_changes().contains(&crate::wakeup::Topic::Messages));
    wait(&mut account, 1);
    assert!(account.take_changes().contains(&crate::wakeup::Topic::RuleMetrics));
    // CloudWatch shows a datapoint a little later than it is stamped.
    wait(&mut account, 60);
    let custom = [("EventBusName", "orders"), ("RuleName", "r")];
    assert!((sum(&mut account, &custom, "Invocations") - 1.0).abs() < 0.01);
    assert!(sum(&mut account, &[("RuleName", "r")], "Invocations") < 0.5);
}

#[test]
fn a_function_needs_a_permission_for_the_rule_and_then_runs() {
    let mut account = account();
    let behaviour = json!({"calls": [{"service": "sqs", "operation": "SendMessage",
        "input": {"QueueUrl": "inbox", "MessageBody": "{{ event.detail.n }}!"}}]});
    let behaviour = serde_json::from_value(behaviour).expect("a behaviour");
    lambda::declare(&mut account, "triage", behaviour).expect("declared");
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:triage";
    let target = json!({"Id": "f", "Arn": function, "DeadLetterConfig": {"Arn": DEAD}});
    let arn = rule(&mut account, "page", target);
    put(&mut account, "default", &json!({"n": 1}));
    wait(&mut account, 1);
    assert_eq!(dead_letter(&mut account).1, "NO_PERMISSIONS");
    let input = json!({"FunctionName": "triage", "StatementId": "s", "SourceArn": arn,
        "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"});
    account.call(Service::Lambda, "AddPermission", input).expect("a permission");
    put(&mut account, "default", &json!({"n": 2}));
    wait(&mut account, 1);
    assert_eq!(bodies(&mut account, "inbox"), ["2!"]);
}

#[test]
fn a_log_group_is_written_to_as_its_resource_policy_allows() {
    let mut account = account();
    account
        .call(Service::Logs, "CreateLogGroup", json!({"logGroupName": "/aws/events/all"}))
        .expect("ok");
    let group = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/all:*";
    let transformer = json!({"InputPathsMap": {"at": "$.time", "n": "$.detail.n"},
        "InputTemplate": "{\"timestamp\": <at>, \"message\": \"n is <n>\"}"});
    let target = json!({"Id": "l", "Arn": group, "InputTransformer": transformer});
    rule(&mut account, "log", target);
    put(&mut account, "default", &json!({"n": 1}));
    wait(&mut account, 1);
    let policy = json!({"Statement": {"Effect": "Allow", "Resource": group,
        "Action": ["logs:PutLogEvents", "logs:CreateLogStream"],
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}}});
    let input = json!({"policyName": "events", "policyDocument": policy.to_string()});
    account.call(Service::Logs, "PutResourcePolicy", input).expect("a policy");
    for n in [2, 3] {
        put(&mut account, "default", &json!({"n": n}));
    }
    wait(&mut account, 1);
    let input = json!({"logGroupName": "/aws/events/all"});
    let answer = account.call(Service::Logs, "FilterLogEvents", input).expect("lines");
    let lines: Vec<&Value> =
        answer["events"].as_array().expect("a list").iter().map(|it| &it["message"]).collect();
    assert_eq!(lines, ["n is 2", "n is 3"]);
}

/// Makes every delivery into the queue `inbox` be throttled, or stops doing so.
fn fail_calls(account: &mut Account, fail: bool) {
    crate::emulator::services::sqs::throttle(account, "inbox", fail);
}
