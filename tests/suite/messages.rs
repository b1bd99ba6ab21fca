//! Drills over messages: what is published, sent, logged and replayed is seen, and what was switched off
//! is on again.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::result::ConnectorError;
use firedrill::commands::drill::rehearse_through;
use firedrill::emulator::Account;
use firedrill::emulator::services::Service;
use firedrill::judge::{Judgement, Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::scenario::types::Correlation;
use firedrill::timeline::{Entry, EntryKind};
use serde_json::json;

use crate::between::between;
use crate::stage::{self, RUN_ID, built, drill, unheard};

const SHOP: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  PagerPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Pager]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sns:Publish", Resource: "*"}
  Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
  Letters: {Type: AWS::SQS::Queue, Properties: {QueueName: letters}}
  LettersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Letters]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sqs:SendMessage", Resource: "*"}
  Shop: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Kept:
    Type: AWS::Events::Archive
    Properties: {ArchiveName: kept, SourceArn: !GetAtt Shop.Arn}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop/orders}}
  Failures:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Log
      FilterPattern: '{ $.level = "error" }'
      MetricTransformations: [{MetricName: Failures, MetricNamespace: Shop, MetricValue: "1"}]
  TooManyFailures:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: failures, Namespace: Shop, MetricName: Failures, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 3, ComparisonOperator: GreaterThanOrEqualToThreshold, TreatMissingData: notBreaching}
  Placed:
    Type: AWS::Events::Rule
    DependsOn: Shop
    Properties:
      Name: placed
      EventBusName: shop
      EventPattern: {source: [shop.orders]}
      Targets: [{Id: pager, Arn: !Ref Pager, DeadLetterConfig: {Arn: !GetAtt Letters.Arn}}]
"#;

/// The plan and the account of a scenario on the shop, with an environment that is changed a little.
fn shop(scenario: &str, environment: &str) -> (Plan, Account) {
    let text = format!("version: 1\nname: shop\n{scenario}");
    built(&text, environment).expect("the scenario and the environment are in order")
}

/// Drills on the shop; nothing is left behind.
fn judged(scenario: &str, environment: &str) -> (Judgement, Vec<Entry>, Account) {
    let (plan, account) = shop(scenario, environment);
    let over = drill(&plan, account.clone(), &StopSwitch::default(), unheard());
    stage::assert_clean(&account, &over, scenario);
    (judge(&plan, &over.finished.timeline), over.finished.timeline, over.account)
}

#[track_caller]
fn assert_verdicts(judgement: &Judgement, timeline: &[Entry], expected: &[VerdictKind]) {
    let found: Vec<VerdictKind> =
        judgement.verdicts.iter().map(|verdict| verdict.verdict).collect();
    assert_eq!(found, expected, "{judgement:#?}\n{}", stage::tail(timeline));
}

#[test]
fn a_disabled_rule_matches_nothing_and_is_enabled_again_afterwards() {
    let scenario = "
faults:
  - {id: off, disable_rule: {name: placed, bus: shop}}
  - {id: order, at: 30s, put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}}
expect:
  - {id: nobody-told, never: {notification: {topic: pager}}, for: 5m}
  - {id: it-arrived, event: {bus: shop, pattern: {source: [shop.orders]}}, after: order, within: 1m}
";
    let (judgement, timeline, account) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met, VerdictKind::Met]);
    assert_eq!(judgement.outcome, Outcome::Passed);
    let asked = json!({"Name": "placed", "EventBusName": "shop"});
    let rule = account.clone().call(Service::Events, "DescribeRule", asked).unwrap();
    assert_eq!(rule["State"], "ENABLED");
}

#[test]
fn a_rule_that_is_disabled_already_is_found_before_anything_is_touched() {
    let disabled =
        SHOP.replace("      Name: placed\n", "      Name: placed\n      State: DISABLED\n");
    let scenario = "
faults: [{disable_rule: {name: placed, bus: shop}}]
expect: [{never: {notification: {topic: pager}}, for: 5m}]
";
    let (judgement, timeline, _) = judged(scenario, &disabled);
    assert_eq!(judgement.outcome, Outcome::Unsteady, "{}", stage::tail(&timeline));
    assert!(judgement.reasons[0].contains("is disabled already"), "{:?}", judgement.reasons);
    let touched = timeline.iter().any(|entry| matches!(entry.kind, EntryKind::Intent { .. }));
    assert!(!touched, "{}", stage::tail(&timeline));
}

#[test]
fn a_published_message_is_known_by_its_id() {
    let scenario = "
faults:
  - publish: {topic: pager, subject: Drill, message: {level: high}, attributes: {team: shop}}
expect:
  - {notification: {topic: pager, contains: high}, within: 10s, correlation: exact}
";
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met]);
    let seen = judgement.verdicts[0].observation.as_ref().unwrap();
    assert_eq!(seen.correlation, Correlation::Exact);
    assert_eq!(seen.summary, "message on pager: Drill");
}

#[test]
fn a_message_that_is_sent_carries_the_runs_marker_and_fills_the_queue() {
    let scenario = "
faults: [{send_message: {queue: orders, message: {order: A-1}}}]
expect:
  - {id: arrived, queue: {name: orders}, within: 3m}
  - {id: not-a-second, never: {queue: {name: orders, at_least: 2}}, for: 3m}
  - {id: nothing-dead, never: {queue: {name: letters}}, for: 3m}
recovery:
  - {id: drained, queue: {name: orders}, within: 4m}
";
    let (judgement, timeline, mut account) = judged(scenario, SHOP);
    let expected = [VerdictKind::Met, VerdictKind::Met, VerdictKind::Met, VerdictKind::Missed];
    assert_verdicts(&judgement, &timeline, &expected);
    // The count says that it arrived, and only that it was between two looks.
    let seen = judgement.verdicts[0].observation.as_ref().unwrap();
    assert_eq!(seen.summary, "queue orders holds about 1 message");
    assert!(seen.resolution_ms > 0, "{seen:?}");
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders";
    let asked = json!({"QueueUrl": url, "MessageAttributeNames": ["All"]});
    let received = account.call(Service::Sqs, "ReceiveMessage", asked).unwrap();
    let message = &received["Messages"][0];
    assert_eq!(message["Body"], r#"{"order":"A-1"}"#);
    assert_eq!(message["MessageAttributes"]["firedrill.run"]["StringValue"], RUN_ID);
}

#[test]
fn an_event_that_can_not_be_delivered_is_seen_in_the_dead_letter_queue() {
    let mute = SHOP.replace(
        "Principal: {Service: events.amazonaws.com}, Action: \"sns:Publish\"",
        "Principal: {Service: nobody.amazonaws.com}, Action: \"sns:Publish\"",
    );
    let scenario = "
faults:
  - put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}
expect:
  - {id: nothing-dead, never: {queue: {name: letters}}, for: 5m}
";
    let (judgement, timeline, _) = judged(scenario, &mute);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Violated]);
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met]);
}

#[test]
fn a_queue_that_holds_messages_already_is_refused_where_one_is_to_arrive() {
    let scenario = "
faults:
  - put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}
expect:
  - {id: nothing-dead, never: {queue: {name: letters}}, for: 5m}
";
    let (plan, mut account) = shop(scenario, SHOP);
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/letters";
    let old = json!({"QueueUrl": url, "MessageBody": "of last week"});
    account.call(Service::Sqs, "SendMessage", old).unwrap();
    let over = drill(&plan, account, &StopSwitch::default(), unheard());
    let judgement = judge(&plan, &over.finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Unsteady);
    let reason = &judgement.reasons[0];
    assert!(reason.contains("queue `letters` already holds about 1 message ("), "{reason}");
}

#[test]
fn a_line_in_a_log_is_found_and_what_watches_the_log_answers() {
    let scenario = "
faults:
  - log_line: {group: /shop/orders, message: {level: error, code: 7}, count: 3}
expect:
  - {id: alarmed, alarm: {name: failures}, within: 3m}
  - {id: found, log: {group: /shop/orders, pattern: '{ $.level = \"error\" && $.code < 10 }'}, within: 2m, count: 3}
  - {id: asked, log: {groups: [/shop/orders], query: 'fields @timestamp, code | filter level = \"error\"'}, within: 2m}
  - {id: nothing-worse, never: {log: {group: /shop/orders, pattern: FATAL}}, for: 3m}
";
    let (judgement, timeline, mut account) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met; 4]);
    let found = judgement.verdicts[1].observation.as_ref().unwrap();
    assert_eq!(found.summary, r#"log event: {"level":"error","code":7}"#);
    assert_eq!((found.correlation, found.is_own_doing()), (Correlation::Exact, true));
    let asked = judgement.verdicts[2].observation.as_ref().unwrap();
    assert!(asked.summary.contains("code=7"), "{}", asked.summary);
    // The stream was the drill's own, and is gone.
    let streams = json!({"logGroupName": "/shop/orders"});
    let left = account.call(Service::Logs, "DescribeLogStreams", streams).unwrap();
    assert_eq!(left["logStreams"], json!([]));
}

#[test]
fn a_log_line_that_is_not_written_is_missed() {
    let scenario = "
faults:
  - put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}
expect:
  - {id: found, log: {group: /shop/orders, pattern: placed}, within: 1m}
  - {id: asked, log: {group: /shop/orders, query: 'fields @timestamp | filter @message like /placed/'}, within: 1m}
";
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Missed; 2]);
}

#[test]
fn archived_events_are_replayed_and_known_by_the_replays_name() {
    let scenario = "
faults:
  - {id: order, put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}}
  - {id: again, at: 11m, start_replay: {archive: kept, last: 15m}}
expect:
  - {id: seen-again, event: {bus: shop, pattern: {source: [shop.orders], replay-name: [{exists: true}]}}, after: again, within: 2m, correlation: exact}
  - {id: told-again, notification: {topic: pager}, after: again, within: 2m}
  - {id: told-twice, notification: {topic: pager}, within: 13m, count: 2}
";
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met; 3]);
    let ended = timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultEnded { fault, state, .. } if fault == "again" => Some(state.as_str()),
        _ => None,
    });
    assert_eq!(ended, Some("completed"));
}

#[test]
fn a_replay_for_one_rule_reaches_no_other() {
    let scenario = "
faults:
  - {id: order, put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}}
  - {id: again, at: 11m, start_replay: {archive: kept, last: 15m, rules: [placed]}}
expect:
  - {id: told-again, notification: {topic: pager}, after: again, within: 2m}
  - {id: not-seen-again, never: {event: {bus: shop, pattern: {replay-name: [{exists: true}]}}}, after: again, for: 2m}
";
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_verdicts(&judgement, &timeline, &[VerdictKind::Met; 2]);
}

#[test]
fn a_replay_of_nothing_is_a_failed_fault_that_says_why() {
    let scenario = "
faults: [{id: again, start_replay: {archive: kept, last: 15m}}]
expect: [{notification: {topic: pager}, within: 1m}]
";
    let (judgement, timeline, _) = judged(scenario, SHOP);
    assert_eq!(judgement.outcome, Outcome::Failed, "{}", stage::tail(&timeline));
    let told = timeline.iter().any(|entry| {
        matches!(&entry.kind, EntryKind::FaultFailed { reason, blind: false, .. }
            if reason.contains("completed without an event"))
    });
    assert!(told, "{}", stage::tail(&timeline));
}

#[test]
fn what_was_made_although_its_answer_was_lost_takes_effect_and_is_taken_back() {
    let scenario = "
faults:
  - {id: order, put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}}
  - {id: line, log_line: {group: /shop/orders, message: lost and found}}
  - {id: again, at: 11m, start_replay: {archive: kept, last: 15m}}
expect:
  - {id: found, log: {group: /shop/orders, pattern: lost}, after: line, within: 2m}
  - {id: seen-again, event: {bus: shop, pattern: {source: [shop.orders], replay-name: [{exists: true}]}}, after: again, within: 2m}
";
    let (plan, account) = shop(scenario, SHOP);
    let before = stage::belongings(&account);
    let lost = std::sync::Mutex::new(vec!["CreateLogStream", "StartReplay"]);
    let (finished, after) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |name, request, inner| {
            let mut lost = lost.lock().expect("no panic");
            let Some(at) = lost.iter().position(|one| *one == name) else {
                return inner.call(request);
            };
            lost.remove(at);
            let answer = inner.call(request);
            HttpConnectorFuture::new(async move {
                let _lost = answer.await?;
                Err(ConnectorError::io("the connection was reset".into()))
            })
        })
    });
    let judgement = judge(&plan, &finished.timeline);
    assert_verdicts(&judgement, &finished.timeline, &[VerdictKind::Met; 2]);
    assert_eq!(judgement.outcome, Outcome::Passed, "{}", stage::tail(&finished.timeline));
    assert_eq!(stage::belongings(&after), before);
}
