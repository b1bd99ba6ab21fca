//! Ends that the check normally keeps a drill from: the time limit, and events that AWS refuses in part.

use firedrill::commands::drill::rehearse;
use firedrill::judge::{Outcome, judge};
use firedrill::plan::FaultAction;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, StopReason};
use jiff::SignedDuration;

use crate::stage::prepared;
use crate::support::root;

fn reverted_clean(timeline: &[Entry]) -> bool {
    timeline
        .iter()
        .any(|entry| matches!(&entry.kind, EntryKind::Reverted { left } if left.is_empty()))
}

#[test]
fn a_drill_that_takes_longer_than_its_limit_is_stopped_and_reverted() {
    let (mut plan, account) = prepared(&root().join("scenarios/vpn-tunnel-down.yaml"));
    plan.max_duration = SignedDuration::from_mins(5);
    let done = rehearse(&plan, account, &StopSwitch::default(), Box::new(|_| Ok(())));
    let stopped = done.timeline.iter().any(|entry| {
        matches!(&entry.kind, EntryKind::Stopping { reason: StopReason::Guardrail, detail }
            if detail.contains("max_duration"))
    });
    assert!(stopped, "{:?}", done.timeline);
    assert!(reverted_clean(&done.timeline));
    assert_eq!(judge(&plan, &done.timeline).outcome, Outcome::Stopped);
}

#[test]
fn events_that_are_refused_in_part_are_a_failed_fault_with_awss_words() {
    let (mut plan, account) = prepared(&root().join("scenarios/guardduty-crypto-mining.yaml"));
    let FaultAction::PutEvents { entries, .. } = &mut plan.faults[0].action else {
        panic!("the first fault puts events");
    };
    let mut refused = entries[0].clone();
    refused.source = "aws.guardduty".to_owned();
    entries.push(refused);
    let done = rehearse(&plan, account, &StopSwitch::default(), Box::new(|_| Ok(())));
    let words = done.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultFailed { reason, blind: false, .. } => Some(reason.clone()),
        _ => None,
    });
    let words = words.expect("the fault failed");
    assert!(words.starts_with("1 of 2 events were refused"), "{words}");
    assert!(words.contains("`aws.guardduty`: NotAuthorizedForSourceException"), "{words}");
    assert!(reverted_clean(&done.timeline));
    assert_eq!(judge(&plan, &done.timeline).outcome, Outcome::Failed);
}
