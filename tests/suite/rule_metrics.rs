//! What the metrics of a rule prove, and what they do not: a count of attempts is no success, and a count
//! that never came is no absence.

use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::judge::{Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{EntryKind, Observation};

use crate::stage;

/// Two rules of the default bus, which logs nothing: one reaches its one target, the other one of two. What
/// is `EFFECT` for the first is so for the second's one, too.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Inbox: {Type: AWS::SQS::Queue, Properties: {QueueName: inbox}}
  Closed: {Type: AWS::SQS::Queue, Properties: {QueueName: closed}}
  InboxPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Inbox]
      PolicyDocument:
        Statement: {Effect: EFFECT, Principal: {Service: events.amazonaws.com}, Action: "sqs:SendMessage", Resource: !GetAtt Inbox.Arn}
  Single:
    Type: AWS::Events::Rule
    Properties: {Name: single, EventPattern: {source: [shop]}, Targets: [{Id: inbox, Arn: !GetAtt Inbox.Arn}]}
  Double:
    Type: AWS::Events::Rule
    Properties:
      Name: double
      EventPattern: {source: [shop]}
      Targets: [{Id: inbox, Arn: !GetAtt Inbox.Arn}, {Id: closed, Arn: !GetAtt Closed.Arn}]
"#;

const FAULT: &str = r"
version: 1
name: an-order
faults:
  - {id: orders, put_events: {entries: [{source: shop, detail-type: Order, detail: {}}]}}
expect:
";

fn drilled(expect: &str, effect: &str) -> (Vec<Verdict>, Finished) {
    let environment = ENVIRONMENT.replace("EFFECT", effect);
    let (plan, account) =
        stage::built(&format!("{FAULT}{expect}"), &environment).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| inner);
    (judge(&plan, &finished.timeline).verdicts, finished)
}

fn seen<'f>(finished: &'f Finished, expectation: &str) -> Vec<&'f Observation> {
    let seen = finished.timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Observation(seen) if seen.expectation == expectation => Some(seen),
        _ => None,
    });
    seen.collect()
}

#[test]
fn a_rule_whose_target_could_not_be_invoked_has_invoked_none() {
    let expect = "  - {id: invoked, rule: {name: single, state: invoked}, within: 1m}\n  \
        - {id: failed, rule: {name: single, state: failed}, within: 1m}\n  \
        - {id: quiet, never: {rule: {name: single, state: invoked}}, for: 1m}\n";
    let (verdicts, finished) = drilled(expect, "Deny");
    let words = stage::tail(&finished.timeline);
    assert_eq!(verdicts[0].verdict, VerdictKind::Missed, "{words}");
    assert_eq!(verdicts[1].verdict, VerdictKind::Met, "{words}");
    assert_eq!(verdicts[2].verdict, VerdictKind::Met, "{words}");
    let seen = seen(&finished, "invoked");
    assert!(seen.iter().all(|one| !one.holds), "{words}");
    assert!(verdicts[0].reason.contains("1 of 1 invocations failed"), "{}", verdicts[0].reason);
}

#[test]
fn of_several_targets_those_that_were_invoked_count_and_those_that_failed_are_told() {
    let expect = "  - {id: once, rule: {name: double, state: invoked}, within: 1m}\n  \
        - {id: twice, rule: {name: double, state: invoked}, count: 2, within: 1m}\n";
    let (verdicts, finished) = drilled(expect, "Allow");
    let words = stage::tail(&finished.timeline);
    assert_eq!(verdicts[0].verdict, VerdictKind::Met, "{words}");
    assert_eq!(verdicts[1].verdict, VerdictKind::Missed, "{words}");
    let reason = &verdicts[1].reason;
    assert!(reason.contains("observed 1 of 2 times"), "{reason}");
    assert!(reason.contains("1 of 2 invocations failed"), "{reason}");
    let holding: Vec<bool> = seen(&finished, "once").iter().map(|one| one.holds).collect();
    assert_eq!(holding.iter().filter(|holds| **holds).count(), 1, "{words}");
}
