//! Drills whose calls are denied on the way to the account: what could not be seen is never called seen,
//! and what could not be made leaves nothing behind.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpClient};
use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::emulator::Account;
use firedrill::judge::{Judgement, Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, Purpose};

use crate::between::{between, refuse};
use crate::stage;

/// Denies every call of this operation (or whose path ends with it) after the first few of it.
pub(crate) fn deny_after(
    after: usize,
    operation: &'static str,
    inner: SharedHttpClient,
) -> SharedHttpClient {
    deny_for(after, usize::MAX - after, operation, inner)
}

/// Denies so many calls of this operation after the first few of it.
pub(crate) fn deny_for(
    after: usize,
    count: usize,
    operation: &'static str,
    inner: SharedHttpClient,
) -> SharedHttpClient {
    let seen = AtomicUsize::new(0);
    between(inner, move |name, request, account| {
        let named = name == operation || request.uri().ends_with(operation);
        if !named || !(after..after + count).contains(&seen.fetch_add(1, Ordering::SeqCst)) {
            return account.call(request);
        }
        refuse(&request, 400, "AccessDeniedException")
    })
}

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: errors
      Namespace: Shop
      MetricName: Errors
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 50
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
  Critical:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: critical
      Namespace: Shop
      MetricName: Errors
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 500
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
  Any:
    Type: AWS::CloudWatch::CompositeAlarm
    DependsOn: [Errors, Critical]
    Properties:
      AlarmName: any
      AlarmRule: ALARM("errors") OR ALARM("critical")
signals:
  - metric: {namespace: Shop, name: Errors}
    every: 1m
    baseline: 1
"#;

const SCENARIO: &str = r"
version: 1
name: errors-rise
environment: environment.yaml
stop_conditions: [{alarm: critical}]
faults:
  - id: errors
    put_metric_data: {namespace: Shop, metric: Errors, value: 90, every: 30s, duration: 8m}
expect:
  - id: alarm
    alarm: {name: errors}
    within: 4m
  - id: arrived
    event: {pattern: {source: [aws.cloudwatch]}}
    within: 5m
";

fn drilled(
    scenario: &str,
    operation: &'static str,
    after: usize,
) -> (Account, Plan, Finished, Account) {
    let (plan, account) = stage::built(scenario, ENVIRONMENT).expect("in order");
    let before = account.clone();
    let between = |inner| deny_after(after, operation, inner);
    let (finished, account) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    (before, plan, finished, account)
}

fn verdict(judgement: &Judgement, id: &str) -> VerdictKind {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged").verdict
}

fn injected(timeline: &[Entry]) -> bool {
    timeline
        .iter()
        .any(|entry| matches!(entry.kind, EntryKind::Intent { purpose: Purpose::Inject, .. }))
}

fn left(timeline: &[Entry]) -> Vec<String> {
    let last = timeline.iter().rev().find_map(|entry| {
        let EntryKind::Reverted { left } = &entry.kind else { return None };
        Some(left.clone())
    });
    last.unwrap_or_default()
}

#[test]
fn nothing_denied_passes() {
    let (before, plan, finished, account) = drilled(SCENARIO, "NoSuchOperation", 0);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
}

#[test]
fn an_observer_that_never_sees_anything_keeps_the_fault_from_being_injected() {
    let (before, plan, finished, account) = drilled(SCENARIO, "ReceiveMessage", 0);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Inconclusive, "{:?}", judgement.reasons);
    assert!(!injected(&finished.timeline), "{}", stage::tail(&finished.timeline));
    assert!(judgement.reasons.iter().any(|reason| reason.contains("sqs:ReceiveMessage")));
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
}

#[test]
fn an_observer_that_goes_blind_makes_its_expectations_inconclusive_and_no_others() {
    let (before, plan, finished, account) = drilled(SCENARIO, "ReceiveMessage", 1);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Inconclusive, "{:?}", judgement.reasons);
    assert_eq!(verdict(&judgement, "arrived"), VerdictKind::Inconclusive);
    assert_eq!(verdict(&judgement, "alarm"), VerdictKind::Met);
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
}

#[test]
fn a_drill_whose_stop_conditions_can_not_be_seen_is_stopped() {
    // The first two looks are the preflight's and the observer's own first one.
    let (before, plan, finished, account) = drilled(SCENARIO, "DescribeAlarms", 2);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Stopped, "{:?}", judgement.reasons);
    assert!(judgement.reasons[0].contains("cloudwatch:DescribeAlarms"), "{:?}", judgement.reasons);
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
}

#[test]
fn a_listener_rule_without_its_target_is_not_left_behind() {
    let (before, plan, finished, account) = drilled(SCENARIO, "PutTargets", 0);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Inconclusive, "{:?}", judgement.reasons);
    assert!(!injected(&finished.timeline));
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
}

#[test]
fn what_can_not_be_deleted_is_named_as_left_behind() {
    let (_, plan, finished, _) = drilled(SCENARIO, "DeleteQueue", 0);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Unreverted, "{:?}", judgement.reasons);
    assert_eq!(
        left(&finished.timeline),
        ["queue `firedrill-fd-suite` exists: sqs:DeleteQueue: AccessDeniedException: by the test"]
    );
}

const BY_HAND: &str = r"
version: 1
name: by-hand
environment: environment.yaml
faults:
  - id: set
    set_alarm_state: {alarm: any}
expect:
  - id: in-alarm
    alarm: {name: any}
    within: 1m
recovery:
  - id: back
    alarm: {name: any}
    within: 5m
";

#[test]
fn an_alarm_that_the_drill_sets_back_itself_has_not_recovered() {
    let (before, plan, finished, account) = drilled(BY_HAND, "NoSuchOperation", 0);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(verdict(&judgement, "in-alarm"), VerdictKind::Met);
    // Nor has it failed to: it might have come back by itself.
    assert_eq!(verdict(&judgement, "back"), VerdictKind::Inconclusive);
    let times = firedrill::recovery::recovery(&plan, &finished.timeline, &judgement);
    assert_eq!(times.detect.time, None, "nobody detected what the drill set by hand");
    assert_eq!(times.recover.time, None);
    assert_eq!(stage::set_by_hand(&account), stage::set_by_hand(&before));
}

#[test]
fn an_alarm_that_can_not_be_set_back_is_named() {
    let (_, plan, finished, _) = drilled(BY_HAND, "SetAlarmState", 1);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Unreverted, "{:?}", judgement.reasons);
    assert_eq!(
        left(&finished.timeline),
        [
            "alarm `any` may not be back in OK: cloudwatch:SetAlarmState: AccessDeniedException: by the test"
        ]
    );
}

const OK_ACTION: &str = r"
version: 1
name: ok-action
environment: environment.yaml
faults:
  - id: set
    set_alarm_state: {alarm: errors}
expect:
  - id: acted-in-alarm
    alarm: {name: errors, action: '*'}
    within: 4m
recovery:
  - id: acted-in-ok
    alarm: {name: errors, action: '*'}
    within: 4m
";

#[test]
fn the_action_of_another_state_is_not_the_one_that_is_asked_for() {
    let action = "TreatMissingData: notBreaching\n      OKActions: [!Ref Topic]\n  Topic: {Type: AWS::SNS::Topic}";
    let environment = ENVIRONMENT.replacen("TreatMissingData: notBreaching", action, 1);
    let (plan, account) = stage::built(OK_ACTION, &environment).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| inner);
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(verdict(&judgement, "acted-in-alarm"), VerdictKind::Missed);
    assert_eq!(verdict(&judgement, "acted-in-ok"), VerdictKind::Met, "{:?}", judgement.verdicts);
}
