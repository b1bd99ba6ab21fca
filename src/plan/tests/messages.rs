//! The plan of every fault and observation over messages: what is sent is marked, what is called is known.

use super::plan;
use crate::plan::{FaultAction, Kind, Level, iam, text};
use crate::scenario::types::QueueMessages;

/// Every kind over messages once.
pub(crate) const MESSAGES: &str = r#"
version: 1
name: messages
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - id: off
    disable_rule: {name: placed, bus: shop}
  - id: told
    publish: {topic: pager.fifo, subject: Drill, message: {level: high}, attributes: {team: shop}, group: drill}
  - id: sent
    send_message: {queue: orders, message: "17", group: fair}
  - id: logged
    log_line: {group: /shop/orders, message: ERROR, count: 3}
  - id: again
    at: 12m
    start_replay: {archive: kept, last: 15m, rules: [placed]}
expect:
  - id: arrived
    queue: {name: orders}
    within: 3m
  - id: nothing-dead
    never: {queue: {name: "arn:aws:sqs:eu-west-1:111122223333:letters"}}
    for: 5m
  - id: found
    log: {group: /shop/orders, pattern: ERROR}
    within: 2m
  - id: asked
    log: {groups: [/shop/orders, /shop/payments], query: "fields @timestamp | filter @message like /ERROR/"}
    within: 3m
recovery:
  - id: drained
    queue: {name: orders, messages: visible}
    within: 10m
    sustain: 1m
"#;

#[test]
fn what_is_sent_is_marked_and_grouped() {
    let plan = plan(MESSAGES);
    let FaultAction::Publish { message, .. } = &plan.faults[1].action else { panic!("publishes") };
    assert_eq!(message.body, r#"{"level":"high"}"#);
    assert_eq!(message.attributes["firedrill.run"], "run-1");
    assert_eq!(message.deduplication.as_deref(), Some("run-1-told"));
    let FaultAction::SendMessage { message, .. } = &plan.faults[2].action else { panic!("sends") };
    assert_eq!((message.body.as_str(), message.group.as_deref()), ("17", Some("fair")));
    assert_eq!(message.deduplication, None);
    let level = |index: usize| match plan.expectations[index].kind {
        Kind::Queue { level, messages, .. } => (level, messages),
        _ => panic!("a queue"),
    };
    assert_eq!(level(0), (Level::AtLeast(1), QueueMessages::All));
    assert_eq!(level(1), (Level::AtLeast(1), QueueMessages::All));
    assert_eq!(level(4), (Level::AtMost(0), QueueMessages::Visible));
}

#[test]
fn the_plan_says_what_is_sent_to_whom_and_what_is_called() {
    insta::assert_snapshot!(text::render(&plan(MESSAGES)));
    insta::assert_snapshot!(serde_json::to_string_pretty(&iam::policy(&plan(MESSAGES))).unwrap());
}

#[test]
fn what_a_fault_makes_is_named_after_the_run_and_the_fault() {
    let first = plan(MESSAGES);
    let FaultAction::LogLine { stream, .. } = &first.faults[3].action else { panic!("logs") };
    assert_eq!(stream, "firedrill-run-1-logged");
    let FaultAction::StartReplay(replay) = &first.faults[4].action else { panic!("replays") };
    assert_eq!(replay.name, "firedrill-run-1-again");
    let long = plan(&MESSAGES.replace("id: again", &format!("id: {}", "a".repeat(64))));
    let FaultAction::StartReplay(replay) = &long.faults[4].action else { panic!("replays") };
    assert_eq!(replay.name.len(), 64);
}
