//! Rules about AWS Config: what a rule is expected to say, and what a fault has it say.

use super::{BASE, found, inventory, told};
use crate::diagnostic::text::{Colour, render};
use crate::scenario::inventory::Inventory;

const FAULT: &str = "set_alarm_state: {alarm: cpu}";
const EXPECTATION: &str = "notification: {topic: oncall}";

fn with_rules() -> Inventory {
    let config_rules = vec!["reviewed".to_owned(), "restricted-ssh".to_owned()];
    Inventory { config_rules, ..inventory() }
}

#[test]
fn what_config_can_be_asked_and_told_is_in_order() {
    let rules = with_rules();
    let silent = |text: &str| assert_eq!(told(text, Some(&rules)), [], "\n{text}");
    for fault in [
        "config_evaluation: {rule: restricted-ssh}",
        "config_evaluation: {rule: reviewed, compliance: NON_COMPLIANT}",
        "config_evaluation: {rule: reviewed, compliance: COMPLIANT, annotation: reviewed at last}",
    ] {
        silent(&BASE.replace(FAULT, fault));
    }
    for expectation in [
        "compliance: {rule: reviewed}",
        "compliance: {rule: reviewed, state: COMPLIANT}",
        "compliance: {rule: restricted-ssh, resource: sg-0123456789abcdef0}",
    ] {
        silent(&BASE.replace(EXPECTATION, expectation));
        silent(&BASE.replace(EXPECTATION, &format!("{expectation}\n    sustain: 1m")));
    }
}

/// Each mistake, as whoever wrote it is told.
#[test]
fn a_mistake_is_told_with_its_place_and_the_way_out() {
    let long = format!(
        "config_evaluation: {{rule: reviewed, compliance: COMPLIANT, annotation: {}}}",
        "a".repeat(191)
    );
    let mistakes = [
        (FAULT, "config_evaluation: {compliance: COMPLIANT}"),
        (FAULT, "config_evaluation: {rule: reviewd}"),
        (FAULT, "config_evaluation: {rule: reviewed, complience: COMPLIANT}"),
        (FAULT, "config_evaluation: {rule: reviewed, compliance: NONCOMPLIANT}"),
        (FAULT, "config_evaluation: {rule: reviewed, annotation: why}"),
        (FAULT, long.as_str()),
        (EXPECTATION, "compliance: {state: COMPLIANT}"),
        (EXPECTATION, "compliance: {rule: nothing-like-it}"),
        (EXPECTATION, "compliance: {rule: reviewed, state: NOT_APPLICABLE}"),
        (EXPECTATION, "compliance: {rule: reviewed, compliance: COMPLIANT}"),
        (EXPECTATION, "compliance: reviewed"),
        (EXPECTATION, "compliance: {rule: reviewed}\n    count: 0"),
    ];
    let rules = with_rules();
    let mut page = String::new();
    for (from, to) in mistakes {
        let text = BASE.replace(from, to);
        let found = found(&text, Some(&rules));
        assert!(!found.is_empty(), "nothing is told of\n{text}");
        for one in found {
            assert!(one.span.is_some() && one.hint.is_some(), "{one:?}");
            page.push_str(&render(&one, Some(&text), Colour::Plain));
        }
    }
    insta::assert_snapshot!(page);
}
