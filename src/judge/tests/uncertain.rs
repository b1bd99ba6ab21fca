//! What is not exactly known: when a fault began, and what was so while nobody could look.

use super::*;

/// The fault's start is by our clock, exact to two seconds.
fn about_started(fault: &str) -> Entry {
    let mut entry = started(fault);
    if let EntryKind::FaultStarted { uncertain_ms, .. } = &mut entry.kind {
        *uncertain_ms = 2000;
    }
    entry
}

/// A server that tells whole seconds dates an effect before its fault, which is exact to more than that.
#[test]
fn what_may_have_come_after_an_uncertain_start_is_never_called_missed() {
    use VerdictKind::{Inconclusive, Met, Missed};
    let exact = |seconds| {
        let correlation = Correlation::Exact;
        let seen = Observation { correlation, ..observation("detected", seconds, true) };
        entry(EntryKind::Observation(seen))
    };
    let cases = [
        (seen("detected", -1, true), Inconclusive),
        (seen("detected", -3, true), Missed),
        // It carries the id of what we injected, so it did not come first.
        (exact(-1), Met),
        (exact(-4), Inconclusive),
        (exact(-5), Missed),
    ];
    for (near, kind) in cases {
        let looked = looked("detected", 182);
        let timeline = [about_started("down"), near, looked, reverted(&[])];
        let judged = verdict(&judge(&plan(vec![detected(0, 1)]), &timeline), "detected");
        assert_eq!(judged.verdict, kind, "{:?}", timeline[1]);
    }
    let near = seen("quiet", -1, true);
    let timeline = [about_started("down"), near, looked("quiet", 602), reverted(&[])];
    let judged = verdict(&judge(&plan(vec![never(0)]), &timeline), "quiet");
    assert_eq!(judged.verdict, Inconclusive, "{judged:?}");
    assert!(judged.reason.starts_with("may have happened before the window"), "{judged:?}");
}

/// A service that cuts its times down to the second dates an effect before its fault, which is exact.
#[test]
fn an_effect_that_is_dated_a_little_before_its_fault_is_never_called_missed() {
    use VerdictKind::{Inconclusive, Met, Missed};
    let ours = |id: &str, milliseconds: i64| {
        let correlation = Correlation::Exact;
        let occurred_at = at(0) + SignedDuration::from_millis(milliseconds);
        let seen = Observation { occurred_at, correlation, ..observation(id, 0, true) };
        entry(EntryKind::Observation(seen))
    };
    let cases = [
        (ours("detected", -1), Inconclusive),
        (ours("detected", -999), Inconclusive),
        (ours("detected", -2000), Inconclusive),
        (ours("detected", -2001), Missed),
        (ours("detected", 0), Met),
        // A marker may stand in an earlier message of the same drill.
        (seen("detected", -1, true), Missed),
    ];
    for (near, kind) in cases {
        let timeline = [started("down"), near, looked("detected", 182), reverted(&[])];
        let judged = verdict(&judge(&plan(vec![detected(0, 1)]), &timeline), "detected");
        assert_eq!(judged.verdict, kind, "{:?}", timeline[1]);
        if kind == Inconclusive {
            let words = "it is ours, and dated ";
            assert!(judged.reason.starts_with(words), "{}", judged.reason);
        }
    }
    // What counts from another expectation is ordered by what AWS dated.
    let chained = plan(vec![detected(0, 1), after(detected(0, 1), "paged", "detected")]);
    let detected_late = seen("detected", 5, true);
    let early = ours("paged", 4500);
    let timeline = [started("down"), detected_late, early, looked("paged", 400), reverted(&[])];
    assert_eq!(verdict(&judge(&chained, &timeline), "paged").verdict, Missed);
    // One too many is not called fine either.
    let timeline = [started("down"), ours("quiet", -500), looked("quiet", 602), reverted(&[])];
    let judged = verdict(&judge(&plan(vec![never(0)]), &timeline), "quiet");
    assert_eq!(judged.verdict, Inconclusive, "{judged:?}");
    let judged = verdict(&judge(&plan(vec![never(1)]), &timeline), "quiet");
    assert_eq!(judged.verdict, Met, "{judged:?}");
}

/// It waits for something that is only exact to a minute: somewhere between 10 s and 70 s.
#[test]
fn what_counts_from_a_coarse_moment_is_as_uncertain_as_that() {
    use VerdictKind::{Inconclusive, Met, Missed, Violated};
    let judged = |one: PlannedExpectation, entry: Entry| {
        let plan = plan(vec![detected(0, 1), after(one, "then", "detected")]);
        let timeline = [started("down"), coarse("detected", 10, 60), entry, reverted(&[])];
        verdict(&judge(&plan, &timeline), "then")
    };
    let cases = [
        (seen("then", 30, true), Met),
        (seen("then", 130, true), Met),
        (seen("then", 131, true), Inconclusive),
        (seen("then", 240, true), Inconclusive),
        (looked("then", 249), Inconclusive),
        (looked("then", 250), Missed),
    ];
    for (entry, kind) in cases {
        let verdict = judged(detected(0, 1), entry.clone());
        assert_eq!(verdict.verdict, kind, "{entry:?}: {}", verdict.reason);
    }
    let met = judged(detected(0, 1), seen("then", 120, true));
    let words = "observed after 50s to 1m 50s, at least 10s before the deadline";
    assert_eq!(met.reason, words);
    assert_eq!((met.latency, met.latest()), (Some(secs(50)), Some(secs(110))));
    let open = judged(detected(0, 1), seen("then", 131, true));
    let words = "the moment of `detected`, which it counts from, is only exact to 1m";
    assert!(open.reason.ends_with(words), "{}", open.reason);
    let looked_on = |id: &str, seconds| {
        let plan = plan(vec![detected(0, 1), after(never(0), "then", "detected")]);
        let look = looked("then", 670);
        let timeline = [
            started("down"),
            coarse("detected", 10, 60),
            seen(id, seconds, true),
            look,
            reverted(&[]),
        ];
        verdict(&judge(&plan, &timeline), "then")
    };
    for (seconds, kind, words) in [
        (40, Inconclusive, "may have happened before the window"),
        (80, Violated, "happened after"),
        (620, Inconclusive, "may have happened after the window"),
        (671, Met, "did not happen"),
    ] {
        let verdict = looked_on("then", seconds);
        assert_eq!(verdict.verdict, kind, "{seconds}: {}", verdict.reason);
        assert!(verdict.reason.starts_with(words), "{}", verdict.reason);
    }
}

#[test]
fn what_has_no_history_is_not_called_missed_for_a_time_in_which_we_could_not_look() {
    let once = || detected(0, 1);
    let blind = || blind("detected", "no answer");
    let again = |from: i64, to: i64| {
        let gap = Some(Gap { from: at(from), to: at(to) });
        entry(EntryKind::Looked { expectations: vec!["detected".into()], through: at(to), gap })
    };
    let inside = vec![looked("detected", 20), blind(), again(20, 70), looked("detected", 400)];
    let (verdict, _) = one(&once(), inside);
    assert_eq!(verdict.verdict, VerdictKind::Inconclusive);
    assert!(verdict.reason.contains("could not look from"), "{}", verdict.reason);
    assert!(verdict.reason.contains("no answer"), "{}", verdict.reason);
    let after = vec![looked("detected", 400), blind(), again(400, 500)];
    assert_eq!(one(&once(), after).0.verdict, VerdictKind::Missed, "the gap is outside the window");
    let seen_later = vec![blind(), again(0, 50), seen("detected", 60, true)];
    assert_eq!(one(&once(), seen_later).0.verdict, VerdictKind::Met, "what was seen was seen");
}

#[test]
fn what_happens_at_the_ends_of_a_window_over_an_uncertain_start_is_not_decided() {
    use VerdictKind::{Inconclusive, Late, Met, Missed};
    let cases = [
        (seen("detected", 118, true), Met),
        (seen("detected", 119, true), Inconclusive),
        (seen("detected", 122, true), Inconclusive),
        (seen("detected", 123, true), Late),
        (seen("detected", 178, true), Late),
        (seen("detected", 181, true), Inconclusive),
        (looked("detected", 180), Inconclusive),
        (looked("detected", 182), Missed),
    ];
    for (entry, kind) in cases {
        let timeline = [about_started("down"), entry, reverted(&[])];
        let judged = verdict(&judge(&plan(vec![detected(0, 1)]), &timeline), "detected");
        assert_eq!(judged.verdict, kind, "{:?}", timeline[1]);
    }
    let across = [about_started("down"), seen("detected", 119, true), reverted(&[])];
    let judged = verdict(&judge(&plan(vec![detected(0, 1)]), &across), "detected");
    assert!(
        judged.reason.ends_with("the fault's start is by our clock, exact to 2s"),
        "{judged:?}"
    );
    let cases = [
        (seen("quiet", 598, true), VerdictKind::Violated),
        (seen("quiet", 601, true), Inconclusive),
        (seen("quiet", 603, true), Met),
    ];
    for (entry, kind) in cases {
        let timeline = [about_started("down"), entry, looked("quiet", 602), reverted(&[])];
        let judged = verdict(&judge(&plan(vec![never(0)]), &timeline), "quiet");
        assert_eq!(judged.verdict, kind, "{:?}", timeline[1]);
    }
}
