//! Evidence for a rule that no event shows, from what its targets did; and by the metrics where that is not
//! looked at.

use firedrill::commands::drill::rehearse_through;
use firedrill::judge::{Judgement, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, Observation};

use crate::blindness::deny_after;
use crate::stage;

/// Rules on a schedule, with a runbook and a state machine that the drill looks at, and a queue.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: starter
      AssumeRolePolicyDocument:
        Statement:
          Effect: Allow
          Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com, states.amazonaws.com]}
          Action: "sts:AssumeRole"
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Sweep:
    Type: AWS::SSM::Document
    Properties:
      Name: Sweep
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps: [{name: rest, action: "aws:sleep", inputs: {Duration: PT10S}}]
  Triage:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: triage
      RoleArn: !GetAtt Role.Arn
      DefinitionString: '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
  Inbox: {Type: AWS::SQS::Queue, Properties: {QueueName: inbox}}
  InboxPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Inbox]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sqs:SendMessage", Resource: !GetAtt Inbox.Arn}
  Nightly:
    Type: AWS::Events::Rule
    Properties:
      Name: nightly
      ScheduleExpression: rate(2 minutes)
      Targets:
        - Id: sweep
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Sweep}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
  Hourly:
    Type: AWS::Events::Rule
    Properties:
      Name: hourly
      ScheduleExpression: rate(3 minutes)
      Targets: [{Id: triage, Arn: !Ref Triage, RoleArn: !GetAtt Role.Arn}]
  Plain:
    Type: AWS::Events::Rule
    Properties:
      Name: plain
      ScheduleExpression: rate(2 minutes)
      Targets: [{Id: inbox, Arn: !GetAtt Inbox.Arn}]
"#;

const SCENARIO: &str = r"
version: 1
name: on-a-schedule
faults:
  - id: order
    put_events: {entries: [{source: shop, detail-type: Order, detail: {}}]}
expect:
  - {id: swept, runbook: {document: Sweep}, within: 5m, correlation: window}
  - {id: triaged, execution: {state_machine: triage}, within: 5m, correlation: window}
  - {id: nightly, rule: {name: nightly, state: invoked}, within: 5m, count: 2, correlation: window}
  - {id: hourly, rule: {name: hourly, state: invoked}, within: 5m, correlation: window}
  - {id: plain, rule: {name: plain, state: invoked}, within: 5m, correlation: window}
  - {id: at-most-three, never: {rule: {name: nightly, state: invoked}, more_than: 3}, for: 5m}
";

const BY_EFFECT: &str = "the rule's metric in AWS/Events, and what its target did";
const BY_METRIC: &str = "the rule's metric in AWS/Events alone, exact to its minute";

/// The drill, with an operation that is denied from some call on.
fn drilled(denied: &'static str, after: usize) -> (Judgement, Vec<Entry>) {
    let (plan, account) = stage::built(SCENARIO, ENVIRONMENT).expect("in order");
    let between = |inner| deny_after(after, denied, inner);
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    (judge(&plan, &finished.timeline), finished.timeline)
}

fn seen<'t>(timeline: &'t [Entry], expectation: &str) -> Vec<&'t Observation> {
    let seen = timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Observation(seen) if seen.expectation == expectation => Some(seen),
        _ => None,
    });
    seen.collect()
}

/// How an observation was made, and to how many milliseconds it is exact.
fn ways<'t>(timeline: &'t [Entry], expectation: &str) -> Vec<(&'t str, u64)> {
    let seen = seen(timeline, expectation);
    assert!(!seen.is_empty(), "{}", stage::tail(timeline));
    seen.iter().map(|one| (one.evidence["seen by"].as_str(), one.resolution_ms)).collect()
}

#[test]
fn a_rule_on_a_schedule_is_seen_by_what_its_targets_did() {
    let (judgement, timeline) = drilled("NoSuchOperation", 0);
    for verdict in &judgement.verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?}\n{}", stage::tail(&timeline));
    }
    for (rule, target) in [("nightly", "swept"), ("hourly", "triaged")] {
        for (way, resolution) in ways(&timeline, rule) {
            assert_eq!((way, resolution), (BY_EFFECT, 0), "{rule}");
        }
        // The same execution is the evidence of both.
        let of_rule = &seen(&timeline, rule)[0].evidence["execution"];
        let of_target = &seen(&timeline, target)[0].evidence["execution"];
        assert_eq!(of_rule, of_target);
    }
    // Nobody looks at the queue, and nobody may ask for the targets of a rule that is to keep quiet.
    for rule in ["plain", "at-most-three"] {
        assert!(ways(&timeline, rule).iter().all(|way| *way == (BY_METRIC, 60_000)), "{rule}");
    }
}

#[test]
fn where_the_targets_can_not_be_asked_for_the_metric_alone_speaks() {
    // The first three calls are those of the preflight.
    let (judgement, timeline) = drilled("ListTargetsByRule", 3);
    for verdict in &judgement.verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?}\n{}", stage::tail(&timeline));
    }
    assert!(ways(&timeline, "nightly").iter().all(|way| *way == (BY_METRIC, 60_000)));
}
