//! Which events reach which rules: buses, patterns, schedules, archives, refusals.

use serde_json::{Value, json};

use super::*;
use crate::emulator::services::events::emit;
use crate::emulator::services::events::foreign::{
    ForeignBus, ForeignRule, arrived, declare_foreign, matched,
};

#[test]
fn an_event_reaches_its_target_in_the_documented_envelope() {
    let mut account = account();
    rule(&mut account, "page", json!({"Id": "q", "Arn": QUEUE}));
    let id = put(&mut account, "default", &json!({"b": 1, "a": 2}));
    account.advance(account.now() + SignedDuration::from_millis(499));
    assert!(bodies(&mut account, "inbox").is_empty());
    account.advance(account.now() + SignedDuration::from_millis(1));
    let expected = format!(
        r#"{{"version":"0","id":"{id}","detail-type":"test","source":"app","account":"111122223333","time":"2026-03-02T09:00:10Z","region":"eu-west-1","resources":[],"detail":{{"b":1,"a":2}}}}"#
    );
    assert_eq!(bodies(&mut account, "inbox"), [expected]);
}

#[test]
fn a_disabled_rule_a_missing_pattern_and_a_missing_bus_are_silent() {
    let mut account = account();
    rule(&mut account, "page", json!({"Id": "q", "Arn": QUEUE}));
    call(&mut account, "DisableRule", json!({"Name": "page"}));
    put(&mut account, "default", &json!({}));
    // A bus that does not exist answers success, and the event is gone.
    put(&mut account, "nowhere", &json!({}));
    wait(&mut account, 5);
    assert!(bodies(&mut account, "inbox").is_empty());
    call(&mut account, "EnableRule", json!({"Name": "page"}));
    put(&mut account, "default", &json!({}));
    wait(&mut account, 5);
    assert_eq!(bodies(&mut account, "inbox").len(), 1);
}

#[test]
fn each_entry_is_accepted_or_refused_by_itself() {
    let mut account = account();
    let entry = |source: Value, detail: Value| json!({"Source": source, "DetailType": "t", "Detail": detail});
    let entries = json!([
        entry(json!("app"), json!("{}")),
        entry(json!("aws.ec2"), json!("{}")),
        entry(json!("app"), json!("{broken")),
        entry(json!("app"), json!("[]")),
        entry(Value::Null, json!("{}")),
    ]);
    let answer = call(&mut account, "PutEvents", json!({"Entries": entries}));
    assert_eq!(answer["FailedEntryCount"], 4);
    let codes: Vec<&Value> =
        answer["Entries"].as_array().expect("a list").iter().map(|it| &it["ErrorCode"]).collect();
    assert_eq!(codes[0], &Value::Null);
    let expected = [
        "NotAuthorizedForSourceException",
        "MalformedDetail",
        "MalformedDetail",
        "InvalidArgument",
    ];
    assert_eq!(codes[1..], expected);
}

#[test]
fn too_many_and_too_large_requests_are_refused_whole() {
    let mut account = account();
    let entry = json!({"Source": "app", "DetailType": "t", "Detail": "{}"});
    let eleven: Vec<Value> = vec![entry; 11];
    for entries in [json!([]), json!(eleven)] {
        let error = refused(&mut account, "PutEvents", json!({"Entries": entries}));
        assert_eq!(error.code, "ValidationException");
    }
    let large = json!({"x": "y".repeat(262_144)}).to_string();
    let entry = json!({"Source": "app", "DetailType": "t", "Detail": large});
    let error = refused(&mut account, "PutEvents", json!({"Entries": [entry]}));
    assert!(error.message.contains("over the limit"));
}

#[test]
fn a_service_event_arrives_on_the_default_bus_after_its_delay() {
    let mut account = account();
    let pattern = json!({"source": ["aws.ec2"], "detail": {"state": ["stopped"]}}).to_string();
    call(&mut account, "PutRule", json!({"Name": "lost", "EventPattern": pattern}));
    let target = json!({"Id": "q", "Arn": QUEUE, "InputPath": "$.detail"});
    call(&mut account, "PutTargets", json!({"Rule": "lost", "Targets": [target]}));
    let detail = json!({"state": "stopped"});
    emit(&mut account, "aws.ec2", "EC2 Instance State-change Notification", vec![], detail);
    wait(&mut account, 1);
    assert!(bodies(&mut account, "inbox").is_empty());
    wait(&mut account, 1);
    assert_eq!(bodies(&mut account, "inbox"), [r#"{"state":"stopped"}"#]);
}

#[test]
fn a_rule_cannot_be_deleted_while_it_has_targets_nor_a_bus_with_rules() {
    let mut account = account();
    call(&mut account, "CreateEventBus", json!({"Name": "orders"}));
    let input =
        json!({"Name": "r", "EventBusName": "orders", "EventPattern": "{\"source\":[\"a\"]}"});
    let answer = call(&mut account, "PutRule", input);
    assert_eq!(answer["RuleArn"], "arn:aws:events:eu-west-1:111122223333:rule/orders/r");
    let on_bus = json!({"Rule": "r", "EventBusName": "orders",
        "Targets": [{"Id": "q", "Arn": QUEUE}]});
    call(&mut account, "PutTargets", on_bus);
    let delete = json!({"Name": "r", "EventBusName": "orders"});
    let error = refused(&mut account, "DeleteRule", delete.clone());
    assert!(error.message.contains("has targets"));
    let remove = json!({"Rule": "r", "EventBusName": "orders", "Ids": ["q", "other"]});
    let answer = call(&mut account, "RemoveTargets", remove);
    assert_eq!(answer["FailedEntryCount"], 1);
    refused(&mut account, "DeleteEventBus", json!({"Name": "orders"}));
    call(&mut account, "DeleteRule", delete);
    call(&mut account, "DeleteEventBus", json!({"Name": "orders"}));
    refused(&mut account, "DescribeEventBus", json!({"Name": "orders"}));
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let mut account = account();
    let bad_pattern = json!({"Name": "r", "EventPattern": "{\"source\": \"app\"}"});
    let error = refused(&mut account, "PutRule", bad_pattern);
    assert_eq!(error.code, "InvalidEventPatternException");
    rule(&mut account, "page", json!({"Id": "q", "Arn": QUEUE}));
    let automation = "arn:aws:ssm:eu-west-1:111122223333:automation-definition/Fix:$DEFAULT";
    let table = [
        (json!({"Arn": "arn:aws:kinesis:eu-west-1:1:stream/s"}), "NotImplemented", "kinesis"),
        (json!({"Arn": QUEUE, "EcsParameters": {}}), "NotImplemented", "EcsParameters"),
        (json!({"Arn": automation}), "ValidationException", "RoleArn"),
        (json!({"Arn": QUEUE, "Input": "{"}), "ValidationException", "JSON syntax"),
        (json!({"Arn": QUEUE, "Input": "{}", "InputPath": "$"}), "ValidationException", "Only one"),
        (
            json!({"Arn": QUEUE, "InputTransformer": {"InputTemplate": "{\"a\": <b>}"}}),
            "ValidationException",
            "<b>",
        ),
        (
            json!({"Arn": QUEUE, "RetryPolicy": {"MaximumRetryAttempts": 186}}),
            "ValidationException",
            "185",
        ),
        (
            json!({"Arn": QUEUE, "DeadLetterConfig": {"Arn": automation}}),
            "ValidationException",
            "dead-letter",
        ),
    ];
    for (mut target, code, named) in table {
        target["Id"] = "x".into();
        let input = json!({"Rule": "page", "Targets": [target]});
        let error = refused(&mut account, "PutTargets", input);
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(named), "{}", error.message);
    }
    let many: Vec<Value> = (0..5).map(|id| json!({"Id": id.to_string(), "Arn": QUEUE})).collect();
    let error = refused(&mut account, "PutTargets", json!({"Rule": "page", "Targets": many}));
    assert_eq!(error.code, "LimitExceededException");
}

#[test]
fn a_schedule_comes_round_until_the_rule_is_disabled() {
    let mut account = account();
    call(&mut account, "PutRule", json!({"Name": "tick", "ScheduleExpression": "rate(1 minute)"}));
    let target = json!({"Id": "q", "Arn": QUEUE, "InputTransformer": {
        "InputPathsMap": {"at": "$.time"}, "InputTemplate": "\"<at> <aws.events.rule-name>\""}});
    call(&mut account, "PutTargets", json!({"Rule": "tick", "Targets": [target]}));
    wait(&mut account, 125);
    let expected = ["\"2026-03-02T09:01:10Z tick\"", "\"2026-03-02T09:02:10Z tick\""];
    assert_eq!(bodies(&mut account, "inbox"), expected);
    call(&mut account, "DisableRule", json!({"Name": "tick"}));
    wait(&mut account, 600);
    assert_eq!(bodies(&mut account, "inbox").len(), 2);
    // A replaced rule starts anew and leaves nothing of the old one behind.
    for expression in ["rate(1 minute)", "cron(5 * * * ? *)"] {
        call(&mut account, "PutRule", json!({"Name": "tick", "ScheduleExpression": expression}));
    }
    wait(&mut account, 3600);
    assert_eq!(bodies(&mut account, "inbox").len(), 3);
    call(&mut account, "CreateEventBus", json!({"Name": "orders"}));
    let on_custom =
        json!({"Name": "t", "EventBusName": "orders", "ScheduleExpression": "rate(1 day)"});
    assert_eq!(refused(&mut account, "PutRule", on_custom).code, "ValidationException");
}

#[test]
fn a_replay_reaches_the_named_rules_again_and_is_not_archived_again() {
    let mut account = account();
    let first = rule(&mut account, "first", json!({"Id": "q", "Arn": QUEUE}));
    rule(&mut account, "second", json!({"Id": "q", "Arn": QUEUE}));
    let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/default";
    let archive = call(
        &mut account,
        "CreateArchive",
        json!({"ArchiveName": "all", "EventSourceArn": bus, "EventPattern": "{\"source\":[\"app\"]}"}),
    );
    let start = account.now();
    put(&mut account, "default", &json!({"n": 1}));
    wait(&mut account, 60);
    assert_eq!(bodies(&mut account, "inbox").len(), 2);
    let replay = |name: &str| {
        json!({"ReplayName": name, "EventSourceArn": archive["ArchiveArn"],
            "EventStartTime": start.as_second(), "EventEndTime": "2026-03-02T10:00:00Z",
            "Destination": {"Arn": bus, "FilterArns": [first]}})
    };
    // Too early: the archive does not hold the event yet.
    call(&mut account, "StartReplay", replay("early"));
    wait(&mut account, 600);
    assert_eq!(bodies(&mut account, "inbox").len(), 2);
    let answer = call(&mut account, "StartReplay", replay("again"));
    assert_eq!(answer["State"], "STARTING");
    wait(&mut account, 60);
    let bodies = bodies(&mut account, "inbox");
    assert_eq!(bodies.len(), 3);
    let event: Value = serde_json::from_str(&bodies[2]).expect("JSON");
    assert_eq!(event["replay-name"], "again");
    let described = call(&mut account, "DescribeReplay", json!({"ReplayName": "again"}));
    assert_eq!(described["State"], "COMPLETED");
    let described = call(&mut account, "DescribeArchive", json!({"ArchiveName": "all"}));
    assert_eq!(described["EventCount"], 1);
}

#[test]
fn another_accounts_bus_receives_what_its_policy_and_the_role_allow() {
    let mut account = account();
    let bus = "arn:aws:events:eu-west-1:444455556666:event-bus/partner";
    let declared = |principal: &str| ForeignBus {
        arn: bus.to_owned(),
        policy: Some(json!({"Statement": {"Effect": "Allow", "Action": "events:PutEvents",
            "Principal": {"AWS": principal}, "Resource": bus}})),
        rules: vec![ForeignRule { name: "in".to_owned(), pattern: json!({"source": ["app"]}) }],
    };
    declare_foreign(&mut account, &declared("arn:aws:iam::111122223333:root")).expect("declared");
    let sender = role(&mut account, "sender", &json!("events:PutEvents"));
    let target =
        json!({"Id": "b", "Arn": bus, "RoleArn": sender, "DeadLetterConfig": {"Arn": DEAD}});
    rule(&mut account, "forward", target);
    put(&mut account, "default", &json!({"n": 1}));
    wait(&mut account, 1);
    assert_eq!(arrived(&account, bus)[0]["detail"], json!({"n": 1}));
    assert_eq!(matched(&account, bus, "in"), 1);
    assert!(messages(&mut account, "dead").is_empty());
    declare_foreign(&mut account, &declared("arn:aws:iam::777788889999:root")).expect("declared");
    put(&mut account, "default", &json!({"n": 2}));
    wait(&mut account, 1);
    assert!(arrived(&account, bus).is_empty());
    let dead = messages(&mut account, "dead");
    assert_eq!(dead[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS");
    let own = ForeignBus {
        arn: "arn:aws:events:eu-west-1:111122223333:event-bus/x".to_owned(),
        policy: None,
        rules: Vec::new(),
    };
    assert!(declare_foreign(&mut account, &own).is_err());
}

#[test]
fn an_event_does_not_travel_to_a_third_bus() {
    let mut account = account();
    let sender = role(&mut account, "sender", &json!("events:PutEvents"));
    let arn = |bus: &str| format!("arn:aws:events:eu-west-1:111122223333:event-bus/{bus}");
    for (bus, next) in [("second", "third"), ("third", "default")] {
        call(&mut account, "CreateEventBus", json!({"Name": bus}));
        let pattern = "{\"source\":[\"app\"]}";
        let input = json!({"Name": "on", "EventBusName": bus, "EventPattern": pattern});
        call(&mut account, "PutRule", input);
        let targets = json!([{"Id": "b", "Arn": arn(next), "RoleArn": sender},
            {"Id": "q", "Arn": QUEUE, "Input": format!("\"{bus}\"")}]);
        let input = json!({"Rule": "on", "EventBusName": bus, "Targets": targets});
        call(&mut account, "PutTargets", input);
    }
    rule(&mut account, "on", json!({"Id": "b", "Arn": arn("second"), "RoleArn": sender}));
    put(&mut account, "default", &json!({}));
    wait(&mut account, 10);
    assert_eq!(bodies(&mut account, "inbox"), ["\"second\""]);
}

#[test]
fn a_bus_policy_is_put_and_removed_by_statement() {
    let mut account = account();
    let input = json!({"Action": "events:PutEvents", "Principal": "444455556666",
        "StatementId": "partner"});
    call(&mut account, "PutPermission", input);
    let bus = call(&mut account, "DescribeEventBus", json!({}));
    let policy: Value =
        serde_json::from_str(bus["Policy"].as_str().expect("a policy")).expect("JSON");
    assert_eq!(policy["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::444455556666:root");
    call(&mut account, "RemovePermission", json!({"StatementId": "partner"}));
    let bus = call(&mut account, "DescribeEventBus", json!({}));
    assert!(bus.get("Policy").is_none());
    refused(&mut account, "RemovePermission", json!({"StatementId": "partner"}));
}

#[test]
fn tags_of_a_rule_are_listed() {
    let mut account = account();
    let arn = rule(&mut account, "page", json!({"Id": "q", "Arn": QUEUE}));
    let tag = json!({"ResourceARN": arn, "Tags": [{"Key": "owner", "Value": "oncall"}]});
    call(&mut account, "TagResource", tag);
    let answer = call(&mut account, "ListTagsForResource", json!({"ResourceARN": arn}));
    assert_eq!(answer["Tags"], json!([{"Key": "owner", "Value": "oncall"}]));
}

#[test]
fn a_pattern_is_tried_on_an_event_as_the_api_does() {
    let mut account = account();
    let event = json!({"id": "1", "account": "1", "source": "app", "time": "t", "region": "r",
        "resources": [], "detail-type": "t"});
    let mut ask = |pattern: &str, event: &Value| {
        let input = json!({"EventPattern": pattern, "Event": event.to_string()});
        account.call(Service::Events, "TestEventPattern", input)
    };
    assert_eq!(ask("{\"source\":[\"app\"]}", &event).expect("ok")["Result"], true);
    assert_eq!(ask("{\"source\":[\"b\"]}", &event).expect("ok")["Result"], false);
    assert!(ask("{\"source\":[\"app\"]}", &json!({"source": "app"})).is_err());
}
