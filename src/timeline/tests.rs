//! Entries are read back as they were written.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const CALL: &str =
    r#"{"method": "PUT", "url": "", "headers": {}, "body": null, "status": 204, "timeout": "9s"}"#;

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64, any::<bool>()).prop_map(|(milliseconds, finer)| {
        let at = Timestamp::from_millisecond(milliseconds).expect("in range");
        if finer { at + SignedDuration::from_nanos(7) } else { at }
    })
}

fn pairs() -> impl Strategy<Value = IndexMap<String, String>> {
    prop::collection::vec((".{0,8}", ".{0,8}"), 0..3).prop_map(IndexMap::from_iter)
}

fn undo() -> impl Strategy<Value = Undo> {
    (0..18_u8, ".{0,8}", ".{0,8}").prop_map(|(kind, one, two)| match kind {
        0 => Undo::StopExperiment { client_token: one },
        1 => Undo::DeleteExperimentTemplate { client_token: one },
        2 => Undo::SetAlarmState { alarm: one, state: two },
        3 => Undo::DeleteQueue { name: one },
        4 => Undo::DeleteRule { bus: one, name: two },
        5 => Undo::Unsubscribe { topic: one, endpoint: two },
        6 => Undo::StopAutomation { token: one },
        7 => Undo::CancelCommand { document: one, comment: two },
        8 => Undo::StopExecution { state_machine: one, name: two },
        16 => Undo::PutExternalEvaluation { rule: one, compliance: two },
        15 => Undo::Unlock { parameter: one },
        9 => Undo::DeleteLogStream { group: one, stream: two },
        10 => Undo::CancelReplay { name: one },
        11 => Undo::SendRequest {
            request: HttpCall { url: one, ..serde_json::from_str(CALL).expect("a request") },
        },
        12 => Undo::EndCommand { token: one, revert: None },
        13 => Undo::ArchiveSampleFindings { detector: one, types: vec![two], keep: Vec::new() },
        14 => Undo::ArchiveFindings { product: one, ids: vec![two] },
        _ => Undo::EnableRule { bus: one, name: two },
    })
}

fn observation() -> impl Strategy<Value = EntryKind> {
    let correlation =
        prop::sample::select(vec![Correlation::Window, Correlation::Marker, Correlation::Exact]);
    let blocked = prop::option::of(".{0,8}");
    let flat = (".{0,8}", any::<bool>(), moment(), any::<u64>(), moment(), ".{0,8}");
    (flat, correlation, blocked, pairs()).prop_map(|(flat, correlation, blocked, evidence)| {
        let (expectation, holds, occurred_at, resolution_ms, seen_at, summary) = flat;
        EntryKind::Observation(Observation {
            target: (!holds).then(|| expectation.clone()),
            expectation,
            holds,
            occurred_at,
            resolution_ms,
            seen_at,
            correlation,
            summary,
            blocked,
            evidence,
        })
    })
}

/// Every kind of entry.
fn kind() -> impl Strategy<Value = EntryKind> {
    let texts = (".{0,8}", ".{0,8}", prop::option::of(".{0,8}"));
    let plain = (0..17_u8, texts, any::<bool>(), any::<u32>(), moment(), pairs());
    let plain = plain.prop_map(|(kind, (one, two, maybe), flag, number, at, pairs)| match kind {
        0 => EntryKind::DrillStarted {
            scenario: one,
            run_id: two.clone(),
            target: Target { account: two, region: "r".to_owned(), kind: TargetKind::Endpoint },
            targets: IndexMap::new(),
            dry_run: flag,
        },
        1 => EntryKind::Preflight {
            subject: one,
            problem: maybe.map(|message| Problem { message, hint: two, blind: flag }),
        },
        2 => EntryKind::ObserverArmed { observer: one, expectations: vec![two] },
        3 => EntryKind::SteadyState {
            target: flag.then(|| one.clone()),
            alarm: one,
            expected: two,
            found: maybe.clone(),
            reason: maybe,
        },
        4 => EntryKind::Receipt { intent: number, error: maybe, ids: pairs },
        5 => EntryKind::FaultStarted {
            fault: one,
            occurred_at: at,
            uncertain_ms: u64::from(number),
            evidence: pairs,
        },
        6 => EntryKind::FaultFailed { fault: one, reason: two, blind: flag },
        7 => EntryKind::FaultEnded { fault: one, occurred_at: at, state: two, reason: maybe },
        8 => EntryKind::Looked {
            expectations: vec![one, two],
            through: at,
            gap: (number % 2 == 0).then_some(Gap { from: at, to: at }),
        },
        9 => EntryKind::Blind { expectations: vec![one], reason: two },
        10 => EntryKind::Stopping { reason: StopReason::ExperimentStopped, detail: one },
        11 => EntryKind::Reverting,
        12 => EntryKind::Reverted { left: vec![one, two] },
        14 => EntryKind::ClockSkew {
            target: maybe,
            offset_ms: -i64::from(number),
            uncertainty_ms: 500,
            samples: 3,
        },
        15 => EntryKind::Calls { counts: IndexMap::from([(one, u64::from(number))]) },
        13 => EntryKind::Stopping { reason: StopReason::FailFast, detail: two },
        _ => EntryKind::DrillEnded,
    });
    let purpose = prop::sample::select(vec![
        Purpose::Guard,
        Purpose::Listen,
        Purpose::Inject,
        Purpose::Revert,
    ]);
    let fault = prop::option::of(".{0,8}");
    let intent = (any::<u32>(), fault, purpose, ".{0,8}", prop::option::of(undo()));
    let intent = intent.prop_map(|(intent, fault, purpose, call, undo)| EntryKind::Intent {
        intent,
        target: fault.clone(),
        fault,
        purpose,
        call,
        undo,
    });
    prop_oneof![3 => plain, 1 => intent, 1 => observation()]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (moment(), kind()).prop_map(|(at, kind)| Entry { at, kind });
    prop::collection::vec(entry, 0..12)
}

proptest! {
    #[test]
    fn what_is_written_reads_back(entries in entries()) {
        let text: String = entries.iter().map(Entry::to_line).collect();
        prop_assert_eq!(text.lines().count(), entries.len());
        let lines = parse_lines(text.as_bytes()).expect("our own lines");
        prop_assert_eq!(lines, Lines { entries, cut_off: None });
    }

    #[test]
    fn a_timeline_cut_anywhere_loses_at_most_one_entry(
        entries in entries(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text: String = entries.iter().map(Entry::to_line).collect();
        let cut = cut.index(text.len() + 1);
        let feeds = text.match_indices('\n');
        let whole = feeds.filter(|(place, _)| *place < cut).count();
        let lines = parse_lines(&text.as_bytes()[..cut]).expect("a crash is tolerated");
        prop_assert!(lines.entries.len() >= whole);
        prop_assert_eq!(&lines.entries[..], &entries[..lines.entries.len()]);
        prop_assert!(lines.cut_off.is_none_or(|line| line == whole + 1));
    }
}

#[test]
fn a_corrupt_line_is_an_error_with_its_number() {
    let good = Entry { at: Timestamp::UNIX_EPOCH, kind: EntryKind::Reverting }.to_line();
    let text = format!("{good}\n{{\"at\":1}}\n{good}");
    let error = parse_lines(text.as_bytes()).expect_err("refused");
    assert_eq!(error.line, 3);
    assert!(parse_lines(b"\xff\xfe\n").is_err());
    assert_eq!(parse_lines(b"\xff\xfe").expect("cut off").cut_off, Some(1));
    assert_eq!(parse_lines(b"").expect("empty").entries, []);
}
