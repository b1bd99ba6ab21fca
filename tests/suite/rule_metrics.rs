//! What the metrics of a rule prove, and what they do not: a count of attempts is no success, and a count
//! that never came is no absence.

use std::fmt::Write as _;

use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::judge::{Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{EntryKind, Observation};

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::between::between;
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

/// The same question for metrics that nobody ever writes: what CloudWatch answers where the data points are
/// lost.
fn lost(mut request: HttpRequest) -> HttpRequest {
    let mut body = request.body().bytes().expect("it is in memory").to_vec();
    for name in ["TriggeredRules", "FailedInvocations", "InvocationAttempts"] {
        for at in 0..body.len() {
            if body[at..].starts_with(name.as_bytes()) {
                body[at..at + name.len()].fill(b'X');
            }
        }
    }
    *request.body_mut() = SdkBody::from(body);
    request
}

/// A drill none of whose metrics come.
fn without_metrics(scenario: &str) -> (Vec<Verdict>, Finished) {
    let environment = ENVIRONMENT.replace("EFFECT", "Allow");
    let (plan, account) = stage::built(scenario, &environment).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, |name, request, inner| match name {
            "GetMetricData" => inner.call(lost(request)),
            _ => inner.call(request),
        })
    });
    (judge(&plan, &finished.timeline).verdicts, finished)
}

#[test]
fn an_event_that_a_rule_must_have_seen_and_no_metric_counts_is_no_absence() {
    let mut expect = String::new();
    for state in ["matched", "invoked", "failed"] {
        write!(
            expect,
            "  - {{id: {state}, rule: {{name: single, state: {state}}}, within: 1m}}\n  \
             - {{id: never-{state}, never: {{rule: {{name: single, state: {state}}}}}, for: 1m}}\n"
        )
        .expect("a text grows");
    }
    let (verdicts, finished) = without_metrics(&format!("{FAULT}{expect}"));
    for verdict in &verdicts {
        let words = stage::tail(&finished.timeline);
        assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?}\n{words}");
        assert!(verdict.reason.contains("AWS/Events have nothing of that minute"), "{verdict:?}");
    }
}

#[test]
fn a_rule_that_is_disabled_is_absent_though_its_events_come() {
    let scenario = "
version: 1
name: disabled
faults:
  - {id: off, disable_rule: {name: single}}
  - {id: order, at: 30s, put_events: {entries: [{source: shop, detail-type: Order, detail: {}}]}}
expect:
  - {id: arrived, event: {pattern: {source: [shop]}}, after: order, within: 1m}
  - {id: matched, rule: {name: single, state: matched}, after: order, within: 1m}
  - {id: never, never: {rule: {name: single, state: invoked}}, after: order, for: 1m}
";
    let (verdicts, finished) = without_metrics(scenario);
    let found: Vec<VerdictKind> = verdicts.iter().map(|verdict| verdict.verdict).collect();
    let expected = [VerdictKind::Met, VerdictKind::Missed, VerdictKind::Met];
    assert_eq!(found, expected, "{}", stage::tail(&finished.timeline));
}
