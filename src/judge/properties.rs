//! What must be true of the judge for any timeline.

use proptest::prelude::*;

use super::tests::{
    after, at, blind, detected, ended, entry, failed, fault, inject, looked, never, observation,
    plan, preflight, recovered, reverted, started, steady_state, stopping,
};
use super::{Outcome, VerdictKind, judge, open};
use crate::plan::Plan;
use crate::scenario::types::Correlation;
use crate::timeline::{Entry, EntryKind, Observation, StopReason};

const IDS: [&str; 6] = ["detected", "paged", "quiet", "recovered", "settled", "silent"];

fn any_plan() -> Plan {
    let mut plan = plan(vec![
        detected(30, 1),
        after(detected(0, 2), "paged", "detected"),
        never(1),
        recovered(30),
        after(recovered(0), "settled", "recovered"),
        after(never(0), "silent", "recovered"),
    ]);
    plan.faults.push(fault("second", Some("detected")));
    plan
}

/// One step: what happens for which expectation, and how far the clock moves.
#[derive(Debug, Clone)]
enum Step {
    Sees { id: usize, holds: bool, resolution: u64, blocked: bool, exact: bool },
    Looks(usize),
    Blind(usize),
    Other(u8),
}

fn any_step() -> impl Strategy<Value = (i64, Step)> {
    let step = prop_oneof![
        4 => (0..IDS.len(), any::<bool>(), 0..3_u64, prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(id, holds, resolution, blocked, exact)| Step::Sees { id, holds, resolution: resolution * 20, blocked, exact }),
        4 => (0..IDS.len()).prop_map(Step::Looks),
        1 => (0..IDS.len()).prop_map(Step::Blind),
        1 => (0..9_u8).prop_map(Step::Other),
    ];
    (0..60_i64, step)
}

fn other(number: u8) -> Entry {
    match number {
        0 => failed(true),
        1 => ended("stopped"),
        2 => stopping(StopReason::Guardrail),
        3 => reverted(&[]),
        4 => reverted(&["x"]),
        5 => inject(),
        6 => steady_state(Some("ALARM"), None),
        7 => preflight(true),
        _ => started("second"),
    }
}

/// A timeline as observers promise it: observations of an expectation in order, nothing older than a look.
fn timeline_of(steps: &[(i64, Step)]) -> Vec<Entry> {
    let (mut clock, mut timeline) = (-30, vec![started("down")]);
    for (seconds, step) in steps {
        clock += seconds;
        timeline.push(match step {
            Step::Sees { id, holds, resolution, blocked, exact } => {
                entry(EntryKind::Observation(Observation {
                    resolution_ms: resolution * 1000,
                    blocked: blocked.then(|| "a person".to_owned()),
                    correlation: if *exact { Correlation::Exact } else { Correlation::Window },
                    ..observation(IDS[*id], clock, *holds)
                }))
            }
            Step::Looks(id) => looked(IDS[*id], clock),
            Step::Blind(id) => blind(IDS[*id], "throttled"),
            Step::Other(number) => other(*number),
        });
    }
    timeline
}

fn shuffled() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(any_step(), 0..40).prop_map(|steps| timeline_of(&steps)).prop_shuffle()
}

proptest! {
    #[test]
    fn judging_is_total_and_repeatable(timeline in shuffled()) {
        let plan = any_plan();
        let judgement = judge(&plan, &timeline);
        prop_assert_eq!(judgement.verdicts.len(), plan.expectations.len());
        prop_assert_eq!(&judgement, &judge(&plan, &timeline));
        let met_all = judgement.verdicts.iter().all(|verdict| verdict.verdict == VerdictKind::Met);
        prop_assert!(judgement.outcome != Outcome::Passed || met_all);
    }

    #[test]
    fn what_was_violated_is_never_met_later(
        steps in prop::collection::vec(any_step(), 0..60),
        cut in 0..60_usize,
    ) {
        let plan = any_plan();
        let timeline = timeline_of(&steps);
        let earlier = judge(&plan, &timeline[..cut.min(timeline.len())]);
        let later = judge(&plan, &timeline);
        for (before, after) in earlier.verdicts.iter().zip(&later.verdicts) {
            prop_assert!(
                before.verdict != VerdictKind::Violated || after.verdict != VerdictKind::Met,
                "{} -> {}", before.reason, after.reason
            );
        }
    }

    #[test]
    fn a_closed_expectation_does_not_change_by_looking_on(
        steps in prop::collection::vec(any_step(), 0..60),
        on in prop::collection::vec((0..IDS.len(), 0..5000_i64), 1..10),
    ) {
        let plan = any_plan();
        let mut timeline = timeline_of(&steps);
        let still_open: Vec<String> =
            open(&plan, &timeline, at(0)).into_iter().map(|open| open.expectation).collect();
        let before = judge(&plan, &timeline);
        timeline.extend(on.into_iter().map(|(id, seconds)| looked(IDS[id], seconds)));
        let after = judge(&plan, &timeline);
        for (one, two) in before.verdicts.iter().zip(&after.verdicts) {
            if !still_open.contains(&one.expectation) {
                prop_assert_eq!(one, two);
            }
        }
        prop_assert!(!still_open.is_empty() || before == after);
    }

    #[test]
    fn a_closed_expectation_keeps_its_verdict_whatever_comes(
        steps in prop::collection::vec(any_step(), 0..80),
        cut in 0..80_usize,
    ) {
        let plan = any_plan();
        let timeline = timeline_of(&steps);
        let prefix = &timeline[..cut.min(timeline.len())];
        let still_open: Vec<String> =
            open(&plan, prefix, at(0)).into_iter().map(|open| open.expectation).collect();
        let (before, after) = (judge(&plan, prefix), judge(&plan, &timeline));
        for (one, two) in before.verdicts.iter().zip(&after.verdicts) {
            if !still_open.contains(&one.expectation) && one.verdict != VerdictKind::Skipped {
                prop_assert_eq!(one.verdict, two.verdict, "{} -> {}", one.reason, two.reason);
            }
        }
    }
}
