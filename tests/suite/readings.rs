//! Drills over what an account writes down about itself, late: API calls in CloudTrail's event history.

use firedrill::commands::drill::rehearse_through;
use firedrill::judge::{Judgement, Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};
use jiff::SignedDuration;

use crate::blindness::deny_after;
use crate::stage;

/// A rule whose runbook opens an OpsItem with a call of its own.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: runbook
      AssumeRolePolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com]}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Open:
    Type: AWS::SSM::Document
    Properties:
      Name: Open-OpsItem
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps:
          - name: open
            action: aws:executeAwsApi
            inputs: {Service: ssm, Api: CreateOpsItem, Title: "Order A-17 is stuck", Description: Look., Source: shop}
  Stuck:
    Type: AWS::Events::Rule
    Properties:
      Name: stuck
      EventPattern: {source: [shop.orders]}
      Targets:
        - Id: open
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Open}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
"#;

const API_CALLS: &str = r"
version: 1
name: api-calls
environment: environment.yaml
faults:
  - id: order
    put_events: {entries: [{source: shop.orders, detail-type: OrderStuck, detail: {}}]}
expect:
  - {id: called, api_call: {name: CreateOpsItem, source: ssm}, within: 1m}
  - {id: by-somebody-else, api_call: {name: CreateOpsItem, user: alice}, within: 1m}
  - {id: of-another-service, api_call: {name: CreateOpsItem, source: ec2}, within: 1m}
  - {id: failed, api_call: {name: CreateOpsItem, error: AccessDenied*}, within: 1m}
  - {id: started, api_call: {name: StartAutomationExecution, source: ssm, resource: Open-OpsItem}, within: 1m}
  - {id: never-two, never: {api_call: {name: CreateOpsItem}, more_than: 1}, for: 5m}
  - {id: never-any, never: {api_call: {name: CreateOpsItem}}, for: 5m}
";

fn drilled(scenario: &str, denied: &'static str, after: usize) -> (Judgement, Vec<Entry>) {
    let (plan, account) = stage::built(scenario, ENVIRONMENT).expect("in order");
    let before = account.clone();
    let between = |inner| deny_after(after, denied, inner);
    let (finished, account) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
    (judge(&plan, &finished.timeline), finished.timeline)
}

fn of<'j>(judgement: &'j Judgement, id: &str) -> &'j Verdict {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged")
}

/// How long the injection was ago when the drill was over.
fn lasted(timeline: &[Entry]) -> SignedDuration {
    let started =
        timeline.iter().find(|entry| matches!(entry.kind, EntryKind::FaultStarted { .. }));
    let (first, last) = (started.expect("injected"), timeline.last().expect("it ended"));
    last.at.duration_since(first.at)
}

#[test]
fn an_api_call_is_seen_minutes_later_with_the_moment_at_which_it_was_made() {
    let (judgement, timeline) = drilled(API_CALLS, "NoSuchOperation", 0);
    for id in ["called", "started", "never-two"] {
        assert_eq!(of(&judgement, id).verdict, VerdictKind::Met, "{:?}", of(&judgement, id));
    }
    assert_eq!(of(&judgement, "never-any").verdict, VerdictKind::Violated);
    let seen = of(&judgement, "called").observation.as_ref().expect("it was seen");
    assert_eq!(seen.resolution_ms, 1000, "events have whole seconds");
    let late = seen.seen_at.duration_since(seen.occurred_at);
    assert!(late >= SignedDuration::from_mins(5), "{late}");
    assert_eq!(seen.summary, "ssm called ssm.amazonaws.com CreateOpsItem");
    assert!(lasted(&timeline) > SignedDuration::from_mins(20), "a never is judged that much later");
}

#[test]
fn an_api_call_is_missed_only_once_the_history_must_show_it() {
    let (judgement, timeline) = drilled(API_CALLS, "NoSuchOperation", 0);
    for (id, words) in [
        ("by-somebody-else", "not by alice"),
        ("failed", "not with the error AccessDenied*"),
        ("of-another-service", "as CloudTrail shows it 15 minutes later"),
    ] {
        let verdict = of(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Missed, "{verdict:?}");
        assert!(verdict.reason.contains(words), "{}", verdict.reason);
    }
    assert!(lasted(&timeline) > SignedDuration::from_mins(20));
}

#[test]
fn a_history_that_can_not_be_read_is_inconclusive() {
    let (judgement, _) = drilled(API_CALLS, "LookupEvents", 2);
    for verdict in &judgement.verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?}");
        assert!(verdict.reason.contains("cloudtrail:LookupEvents"), "{}", verdict.reason);
    }
}

#[test]
fn calls_that_another_regions_history_shows_are_never_called_absent() {
    let scenario = "version: 1\nname: elsewhere\nenvironment: environment.yaml\nfaults:\n  - put_events: {entries: \
        [{source: shop.orders, detail-type: OrderStuck, detail: {}}]}\nexpect:\n  - {never: {api_call: {name: \
        DeleteRole, source: iam}}, for: 1m}\n";
    let (judgement, timeline) = drilled(scenario, "NoSuchOperation", 0);
    assert_ne!(judgement.verdicts[0].verdict, VerdictKind::Met, "{}", stage::tail(&timeline));
    let words = format!("{timeline:?}");
    assert!(words.contains("shows the calls of iam.amazonaws.com in us-east-1 alone"), "{words}");
    assert!(!words.contains("FaultStarted"), "nothing is injected that nobody would see");
}
