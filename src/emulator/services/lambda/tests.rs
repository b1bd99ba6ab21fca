//! Tests of functions: what they do, when, and how they fail.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{FunctionBehaviour, declare, duration};
use crate::emulator::account::{Account, Identity};
use crate::emulator::facts::Fact;
use crate::emulator::services::Service;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account =
        Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7);
    call(&mut account, Service::Sqs, "CreateQueue", json!({"QueueName": "inbox"}));
    account
}

fn call(account: &mut Account, service: Service, operation: &str, input: Value) -> Value {
    account.call(service, operation, input).expect(operation)
}

fn behaviour(account: &mut Account, name: &str, text: Value) {
    let read: FunctionBehaviour = serde_json::from_value(text).expect("a behaviour");
    declare(account, name, read).expect("a sound behaviour");
}

fn role(account: &mut Account, allowed: &str) -> String {
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"}}});
    let input = json!({"RoleName": "fn", "AssumeRolePolicyDocument": trust});
    let arn = call(account, Service::Iam, "CreateRole", input)["Role"]["Arn"].clone();
    let document = json!({"Statement": {"Effect": "Allow", "Action": allowed, "Resource": "*"}});
    let input = json!({"RoleName": "fn", "PolicyName": "p", "PolicyDocument": document});
    call(account, Service::Iam, "PutRolePolicy", input);
    arn.as_str().expect("an ARN").to_owned()
}

fn invoke(account: &mut Account, name: &str, kind: &str, event: &Value) -> Value {
    let input = json!({"FunctionName": name, "InvocationType": kind, "Payload": event.to_string()});
    call(account, Service::Lambda, "Invoke", input)
}

fn bodies(account: &mut Account) -> Vec<String> {
    let input = json!({"QueueUrl": "https://sqs/1/inbox", "MaxNumberOfMessages": 10,
        "VisibilityTimeout": 0});
    let answer = call(account, Service::Sqs, "ReceiveMessage", input);
    let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|it| it["Body"].as_str().expect("a body").to_owned()).collect()
}

fn tell(text: &str) -> Value {
    json!({"service": "sqs", "operation": "SendMessage",
        "input": {"QueueUrl": "https://sqs/1/inbox", "MessageBody": text}})
}

fn wait(account: &mut Account, milliseconds: i64) {
    account.advance(account.now() + SignedDuration::from_millis(milliseconds));
}

#[test]
fn calls_see_the_event_and_what_was_saved_before() {
    let mut account = account();
    let mut second = tell("queue {{ found.Attributes.QueueArn }} for {{ event.detail.items[1] }}");
    second["when"] = json!({"pattern": {"detail": {"severity": [{"numeric": [">=", 7]}]}}});
    let mut third = tell("never");
    third["when"] = json!({"pattern": {"Attributes": {"QueueArn": ["other"]}}, "over": "found"});
    let calls = json!([
        {"service": "sqs", "operation": "GetQueueAttributes", "save_as": "found",
         "input": {"QueueUrl": "https://sqs/1/inbox", "AttributeNames": ["QueueArn"]}},
        second, third,
    ]);
    let returns =
        json!({"severity": "{{ event.detail.severity }}", "text": "s{{ event.detail.severity }}"});
    behaviour(
        &mut account,
        "triage",
        json!({"duration": "2s", "calls": calls, "returns": returns}),
    );
    let event = json!({"detail": {"severity": 8, "items": ["a", "b"]}});
    let answer = invoke(&mut account, "triage", "RequestResponse", &event);
    assert_eq!(answer["Payload"], r#"{"severity":8,"text":"s8"}"#);
    assert_eq!(bodies(&mut account), ["queue arn:aws:sqs:eu-west-1:111122223333:inbox for b"]);
}

#[test]
fn an_asynchronous_invocation_does_its_work_at_the_end_of_its_duration() {
    let mut account = account();
    behaviour(&mut account, "slow", json!({"duration": "2s", "calls": [tell("done")]}));
    assert_eq!(duration(&account, "slow"), Some(SignedDuration::from_secs(2)));
    let answer = invoke(&mut account, "slow", "Event", &json!({}));
    assert_eq!(answer["StatusCode"], 202);
    wait(&mut account, 2000);
    assert!(bodies(&mut account).is_empty());
    wait(&mut account, 50);
    assert_eq!(bodies(&mut account), ["done"]);
}

#[test]
fn a_failing_function_is_retried_after_one_and_two_minutes_and_then_dead_lettered() {
    let mut account = account();
    let role = role(&mut account, "sqs:SendMessage");
    let queue = "arn:aws:sqs:eu-west-1:111122223333:inbox";
    let input = json!({"FunctionName": "bad", "Role": role, "Timeout": 10,
        "DeadLetterConfig": {"TargetArn": queue}});
    call(&mut account, Service::Lambda, "CreateFunction", input);
    let fails = json!({"error": "RuntimeError", "message": "no {{ event.what }}"});
    behaviour(&mut account, "bad", json!({"duration": "1s", "fails": fails}));
    invoke(&mut account, "bad", "Event", &json!({"what": "luck"}));
    // Three attempts of a second each, with waits of one and two minutes, and the queue's 50 ms.
    wait(&mut account, 183_000);
    assert!(bodies(&mut account).is_empty());
    wait(&mut account, 50);
    assert_eq!(bodies(&mut account), [r#"{"what":"luck"}"#]);
}

#[test]
fn a_function_that_fails_twice_succeeds_on_its_last_retry() {
    let mut account = account();
    let config = json!({"duration": "1s", "calls": [tell("tried")], "returns": "fine",
        "fails": {"error": "Flaky", "first": 2}});
    behaviour(&mut account, "flaky", config);
    let destination =
        json!({"OnSuccess": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:inbox"}});
    let input = json!({"FunctionName": "flaky", "DestinationConfig": destination});
    call(&mut account, Service::Lambda, "PutFunctionEventInvokeConfig", input);
    invoke(&mut account, "flaky", "Event", &json!({}));
    wait(&mut account, 400_000);
    let bodies = bodies(&mut account);
    assert_eq!(&bodies[..3], ["tried", "tried", "tried"]);
    let record: Value = serde_json::from_str(&bodies[3]).expect("a record");
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responsePayload"], "fine");
}

#[test]
fn a_role_without_permission_fails_the_function() {
    let mut account = account();
    let role = role(&mut account, "sns:Publish");
    let input = json!({"FunctionName": "triage", "Role": role});
    call(&mut account, Service::Lambda, "CreateFunction", input);
    behaviour(&mut account, "triage", json!({"calls": [tell("hello")]}));
    let answer = invoke(&mut account, "triage", "RequestResponse", &json!({}));
    assert_eq!(answer["FunctionError"], "Unhandled");
    let payload: Value =
        serde_json::from_str(answer["Payload"].as_str().expect("text")).expect("JSON");
    assert_eq!(payload["errorType"], "AccessDeniedException");
    assert!(payload["errorMessage"].as_str().expect("text").contains("sqs:SendMessage"));
}

#[test]
fn faults_and_timeouts_decide_before_the_declaration_does() {
    let mut account = account();
    let role = role(&mut account, "*");
    call(
        &mut account,
        Service::Lambda,
        "CreateFunction",
        json!({"FunctionName": "f", "Role": role}),
    );
    behaviour(&mut account, "f", json!({"duration": "1s", "returns": "fine"}));
    let fault = |account: &mut Account, effect: &str| {
        account.facts.begin(Fact::new("function-fault", [("function", "f"), ("effect", effect)]))
    };
    let delay = fault(&mut account, "delay:1500");
    assert_eq!(duration(&account, "f"), Some(SignedDuration::from_millis(2500)));
    assert_eq!(invoke(&mut account, "f", "RequestResponse", &json!({}))["Payload"], "\"fine\"");
    account.facts.end(delay);
    let error = fault(&mut account, "error");
    let answer = invoke(&mut account, "f", "RequestResponse", &json!({}));
    assert!(answer["Payload"].as_str().expect("text").contains("FaultInjected"));
    account.facts.end(error);
    fault(&mut account, "delay:2500");
    // The default timeout is three seconds.
    let answer = invoke(&mut account, "f", "RequestResponse", &json!({}));
    assert!(
        answer["Payload"].as_str().expect("text").contains("Task timed out after 3.00 seconds")
    );
}

#[test]
fn a_function_without_a_declaration_says_that_it_did_nothing() {
    let mut account = account();
    let role = role(&mut account, "*");
    call(
        &mut account,
        Service::Lambda,
        "CreateFunction",
        json!({"FunctionName": "f", "Role": role}),
    );
    let answer = invoke(&mut account, "f", "RequestResponse", &json!({}));
    assert!(answer["Payload"].as_str().expect("text").contains("no behaviour is declared"));
    assert_eq!(super::undeclared(&account), ["f"]);
}

#[test]
fn a_function_that_invokes_itself_is_stopped() {
    let mut account = account();
    let again = json!({"service": "lambda", "operation": "Invoke", "save_as": "inner",
        "input": {"FunctionName": "loop", "Payload": "{}"}});
    let returns = json!("{{ inner.StatusCode }}");
    behaviour(&mut account, "loop", json!({"calls": [again], "returns": returns}));
    let answer = invoke(&mut account, "loop", "RequestResponse", &json!({}));
    assert_eq!(answer["StatusCode"], 200);
    assert_eq!(account.services.lambda.depth, 0);
}

#[test]
fn a_declaration_that_cannot_be_followed_is_refused() {
    let mut account = account();
    for (text, named) in [
        (json!({"calls": [{"service": "s4", "operation": "Get"}]}), "s4"),
        (json!({"calls": [{"service": "sqs", "operation": "Teleport"}]}), "Teleport"),
        (json!({"fails": {"error": "E", "when": {"pattern": {"a": "not a list"}}}}), "\"a\""),
        (json!({"duration": "20m"}), "15 minutes"),
    ] {
        let read: FunctionBehaviour = serde_json::from_value(text).expect("a behaviour");
        let error = declare(&mut account, "f", read).expect_err(named);
        assert!(error.contains(named), "{error}");
    }
    assert!(serde_json::from_value::<FunctionBehaviour>(json!({"colour": "red"})).is_err());
}

#[test]
fn a_permission_becomes_a_statement_with_its_conditions() {
    let mut account = account();
    behaviour(&mut account, "f", json!({}));
    let rule = "arn:aws:events:eu-west-1:111122223333:rule/page";
    let input = json!({"FunctionName": "f", "StatementId": "rule", "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com", "SourceArn": rule});
    call(&mut account, Service::Lambda, "AddPermission", input);
    let answer = call(&mut account, Service::Lambda, "GetPolicy", json!({"FunctionName": "f"}));
    let policy: Value =
        serde_json::from_str(answer["Policy"].as_str().expect("text")).expect("JSON");
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Principal"]["Service"], "events.amazonaws.com");
    assert_eq!(statement["Condition"]["ArnLike"]["AWS:SourceArn"], rule);
    let remove = json!({"FunctionName": "f", "StatementId": "rule"});
    call(&mut account, Service::Lambda, "RemovePermission", remove);
    let error = account.call(Service::Lambda, "GetPolicy", json!({"FunctionName": "f"}));
    assert_eq!(error.expect_err("no policy").code, "ResourceNotFoundException");
}
