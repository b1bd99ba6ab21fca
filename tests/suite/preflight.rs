//! Alarms that can't show what is expected of them: they are refused, and nothing is touched.

use firedrill::judge::{Outcome, judge};
use firedrill::runner::StopSwitch;

use crate::stage::{self, built};
use crate::support::root;

/// The outcome of a drill on the environment that has one of each thing, changed; and every reason.
fn drilled(faults_and_expectations: &str, change: impl Fn(String) -> String) -> (Outcome, String) {
    let environment = root().join("tests/data/every-fault/environment.yaml");
    let environment = change(std::fs::read_to_string(environment).expect("it is there"));
    let scenario = format!(
        "version: 1\nname: refused\nenvironment: environment.yaml\n{faults_and_expectations}\n"
    );
    let (plan, account) = built(&scenario, &environment).expect("in order");
    let over = stage::drill(&plan, account.clone(), &StopSwitch::default(), stage::unheard());
    stage::assert_clean(&account, &over, &scenario);
    let judgement = judge(&plan, &over.finished.timeline);
    let injected = stage::last_injection(&over.finished.timeline).is_some();
    assert_eq!(injected, judgement.outcome != Outcome::Unsteady, "{:?}", judgement.reasons);
    let reasons = judgement.verdicts.into_iter().map(|one| one.reason);
    let reasons: Vec<String> = judgement.reasons.into_iter().chain(reasons).collect();
    (judgement.outcome, reasons.join("; "))
}

fn as_it_is(environment: String) -> String {
    environment
}

#[test]
fn an_alarm_that_must_not_ring_and_rings_already_is_refused() {
    let ringing = |environment: String| {
        format!(
            "{environment}\nsetup:\n  - {{at: -1m, service: cloudwatch, operation: SetAlarmState, \
             input: {{AlarmName: either, StateValue: ALARM, StateReason: by hand}}}}\n"
        )
    };
    let never = "faults: [{put_events: {bus: shop, entries: [{source: shop.orders, detail-type: a}]}}]\n\
        expect: [{id: quiet, never: {alarm: {name: either}}, for: 2m}, \
        {id: heard, event: {bus: shop, pattern: {source: [shop.orders]}}, within: 1m}]";
    assert_eq!(drilled(never, as_it_is).0, Outcome::Passed);
    let (outcome, reason) = drilled(never, ringing);
    assert_eq!(outcome, Outcome::Unsteady, "{reason}");
    assert!(reason.contains("alarm `either` is already in ALARM"), "{reason}");
}

#[test]
fn an_alarm_that_a_fault_sets_and_that_may_tell_nobody_is_refused() {
    let disabled = |environment: String| {
        environment.replace("AlarmName: errors", "AlarmName: errors\n      ActionsEnabled: false")
    };
    let told = "faults: [{set_alarm_state: {alarm: errors}}]\n\
        expect: [{id: told, notification: {topic: pager}, within: 1m}]";
    assert_eq!(drilled(told, as_it_is).0, Outcome::Passed);
    let (outcome, reason) = drilled(told, disabled);
    assert_eq!(outcome, Outcome::Unsteady, "{reason}");
    assert!(reason.contains("the actions of alarm `errors` are disabled"), "{reason}");
    // Its change is an event all the same.
    let event = "faults: [{set_alarm_state: {alarm: errors}}]\n\
        expect: [{id: heard, event: {pattern: {source: [aws.cloudwatch]}}, within: 1m}]";
    assert_eq!(drilled(event, disabled).0, Outcome::Passed);
}

#[test]
fn an_alarm_that_only_the_drill_set_back_has_neither_recovered_nor_failed_to() {
    let recovering = "faults: [{set_alarm_state: {alarm: either}}]\n\
        expect: [{id: rang, event: {pattern: {source: [aws.cloudwatch]}}, within: 1m}]\n\
        recovery: [{id: back, alarm: {name: either, state: OK}, within: 2m}]";
    let (outcome, reason) = drilled(recovering, as_it_is);
    assert_eq!(outcome, Outcome::Inconclusive, "{reason}");
    assert!(reason.contains("the drill itself set the alarm back"), "{reason}");
}
