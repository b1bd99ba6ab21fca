//! Tables for every verdict and every outcome, and what must be true of any timeline.

mod uncertain;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{Judgement, Outcome, Verdict, VerdictKind, judge, open};
use crate::plan::{
    About, Anchor, Demand, FaultAction, Kind, Phase, Plan, PlannedExpectation, PlannedFault,
    PlannedSteadyState, Start,
};
use crate::scenario::types::{Correlation, Guardrails, Objectives, Stage, StateValue};
use crate::timeline::{Entry, EntryKind, Gap, Observation, Problem, Purpose, StopReason, Undo};

const T0: i64 = 1_767_225_600;

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Seconds after the start of the fault, by AWS's clock.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(T0 + seconds).expect("in range")
}

pub(super) fn plan(expectations: Vec<PlannedExpectation>) -> Plan {
    Plan {
        scenario: About {
            name: "drill".to_owned(),
            file: "drill.yaml".to_owned(),
            title: None,
            hypothesis: None,
            owner: None,
            severity: None,
            tags: vec![],
        },
        run_id: "run-1".to_owned(),
        targets: IndexMap::new(),
        guardrails: Guardrails::default(),
        max_duration: secs(1800),
        stop_conditions: vec![],
        steady_state: vec![PlannedSteadyState {
            target: None,
            alarm: "status".to_owned(),
            state: StateValue::Ok,
        }],
        faults: vec![fault("down", None)],
        expectations,
        grace: secs(60),
        objectives: Objectives::default(),
    }
}

pub(super) fn fault(id: &str, effect: Option<&str>) -> PlannedFault {
    PlannedFault {
        target: None,
        id: id.to_owned(),
        start: Start::At(SignedDuration::ZERO),
        effect: effect.map(str::to_owned),
        action: FaultAction::FisTemplate { template: "outage".to_owned() },
    }
}

fn alarm(state: StateValue) -> Kind {
    Kind::Alarm { name: "status".to_owned(), state, action: None }
}

fn expectation(id: &str, phase: Phase, kind: Kind, demand: Demand) -> PlannedExpectation {
    PlannedExpectation {
        target: None,
        id: id.to_owned(),
        phase,
        kind,
        demand,
        anchor: Anchor::Fault("down".to_owned()),
        stage: Stage::Detect,
        correlation: Correlation::Window,
    }
}

/// Alarm in ALARM within 120 s.
pub(super) fn detected(sustain: i64, count: u32) -> PlannedExpectation {
    let demand = Demand::Happens { within: secs(120), count, sustain: secs(sustain) };
    expectation("detected", Phase::Expect, alarm(StateValue::Alarm), demand)
}

pub(super) fn after(
    mut expectation: PlannedExpectation,
    id: &str,
    anchor: &str,
) -> PlannedExpectation {
    id.clone_into(&mut expectation.id);
    expectation.anchor = Anchor::Expectation(anchor.to_owned());
    expectation
}

pub(super) fn never(more_than: u32) -> PlannedExpectation {
    let kind = Kind::Notification { topic: "oncall".to_owned(), contains: None };
    let demand = Demand::Never { watch_for: secs(600), more_than };
    expectation("quiet", Phase::Expect, kind, demand)
}

/// Alarm back in OK within 300 s.
pub(super) fn recovered(sustain: i64) -> PlannedExpectation {
    let demand = Demand::Happens { within: secs(300), count: 1, sustain: secs(sustain) };
    expectation("recovered", Phase::Recovery, alarm(StateValue::Ok), demand)
}

pub(super) fn entry(kind: EntryKind) -> Entry {
    Entry { at: at(0), kind }
}

pub(super) fn started(fault: &str) -> Entry {
    entry(EntryKind::FaultStarted {
        fault: fault.to_owned(),
        occurred_at: at(0),
        uncertain_ms: 0,
        evidence: IndexMap::new(),
    })
}

pub(super) fn observation(id: &str, seconds: i64, holds: bool) -> Observation {
    Observation {
        target: None,
        expectation: id.to_owned(),
        holds,
        occurred_at: at(seconds),
        resolution_ms: 0,
        seen_at: at(seconds + 5),
        correlation: Correlation::Window,
        summary: format!("{id} {holds} at {seconds}"),
        blocked: None,
        evidence: IndexMap::new(),
    }
}

fn seen(id: &str, seconds: i64, holds: bool) -> Entry {
    entry(EntryKind::Observation(observation(id, seconds, holds)))
}

fn coarse(id: &str, seconds: i64, resolution: u64) -> Entry {
    let resolution_ms = resolution * 1000;
    entry(EntryKind::Observation(Observation { resolution_ms, ..observation(id, seconds, true) }))
}

pub(super) fn looked(id: &str, seconds: i64) -> Entry {
    entry(EntryKind::Looked { expectations: vec![id.to_owned()], through: at(seconds), gap: None })
}

pub(super) fn blind(id: &str, reason: &str) -> Entry {
    entry(EntryKind::Blind { expectations: vec![id.to_owned()], reason: reason.to_owned() })
}

pub(super) fn reverted(left: &[&str]) -> Entry {
    entry(EntryKind::Reverted { left: left.iter().map(|what| (*what).to_owned()).collect() })
}

fn verdict(judgement: &Judgement, id: &str) -> Verdict {
    judgement.verdicts.iter().find(|verdict| verdict.expectation == id).expect("judged").clone()
}

/// Judges one expectation over a fault that started at 0.
fn one(expectation: &PlannedExpectation, entries: Vec<Entry>) -> (Verdict, bool) {
    let id = expectation.id.clone();
    let plan = plan(vec![expectation.clone()]);
    let mut timeline = vec![started("down")];
    timeline.extend(entries);
    let still_open = open(&plan, &timeline, at(0)).iter().any(|open| open.expectation == id);
    (verdict(&judge(&plan, &timeline), &id), still_open)
}

/// What happened, the verdict, whether it is still open, and a part of the reason.
type Happens = (&'static str, PlannedExpectation, Vec<Entry>, VerdictKind, bool, &'static str);
/// How many are fine, and how many were seen.
type Nevers = (&'static str, u32, Vec<Entry>, VerdictKind, bool, u32);
/// The sustain in seconds, and the latency.
type Returns = (&'static str, i64, Vec<Entry>, VerdictKind, bool, Option<i64>);
/// The outcome, and a part of the reasons.
type Outcomes = (&'static str, Vec<PlannedExpectation>, Vec<Entry>, Outcome, &'static str);

#[test]
fn every_verdict_of_something_that_must_happen() {
    use VerdictKind::{Inconclusive, Late, Met, Missed, Violated};
    let once = || detected(0, 1);
    let blocked = |seconds| {
        let words = Some("an approval by `oncall`".to_owned());
        entry(EntryKind::Observation(Observation {
            blocked: words,
            ..observation("detected", seconds, true)
        }))
    };
    #[rustfmt::skip]
    let cases: Vec<Happens> = vec![
        ("in time", once(), vec![seen("detected", 48, true)], Met, false, "observed after 48s, 1m 12s before"),
        ("at the deadline", once(), vec![seen("detected", 120, true)], Met, false, "0s before"),
        ("late", once(), vec![seen("detected", 162, true)], Late, false, "late by 42s"),
        ("not looked", once(), vec![], Inconclusive, true, "before it was looked through"),
        ("half looked", once(), vec![looked("detected", 179)], Inconclusive, true, "the drill ended before"),
        ("looked throughout", once(), vec![looked("detected", 180)], Missed, false, "not observed within 3m"),
        ("blind", once(), vec![looked("detected", 60), blind("detected", "throttled")], Inconclusive, true, "could not look: throttled"),
        ("blind and back", once(), vec![blind("detected", "throttled"), looked("detected", 180)], Missed, false, "not observed"),
        ("past the grace", once(), vec![seen("detected", 181, true), looked("detected", 200)], Missed, false, "only after 3m 1s"),
        ("before the fault", once(), vec![seen("detected", -10, true), looked("detected", 180)], Missed, false, "not observed"),
        ("coarse, reaching the fault", once(), vec![coarse("detected", -10, 60)], Met, false, "observed after 0s to 50s, at least 1m 10s before the deadline"),
        ("coarse, wholly before", once(), vec![coarse("detected", -61, 60), looked("detected", 180)], Missed, false, "not observed"),
        ("coarse, across the deadline", once(), vec![coarse("detected", 90, 60)], Inconclusive, false, "only exact to 1m"),
        ("coarse, inside the grace", once(), vec![coarse("detected", 121, 59)], Late, false, "late by 1s to 1m: observed after 2m 1s to 3m"),
        ("the second is no later than both can be", detected(0, 2), vec![coarse("detected", 0, 60), seen("detected", 50, true)], Met, false, "the 2nd observed after 50s to 1m, at least 1m before"),
        ("the second may be the coarse one", detected(0, 2), vec![coarse("detected", 90, 60), seen("detected", 100, true)], Inconclusive, false, "only exact to 50s"),
        ("the first is no later than either", once(), vec![coarse("detected", 90, 60), seen("detected", 100, true)], Met, false, "observed after 1m 30s to 1m 40s, at least 20s before"),
        ("coarse, across the close", once(), vec![coarse("detected", 150, 60)], Inconclusive, false, "late or missed"),
        ("blocked", once(), vec![blocked(50), looked("detected", 180)], Inconclusive, false, "blocked: an approval by `oncall`"),
        ("blocked and open", once(), vec![blocked(50)], Inconclusive, true, "blocked"),
        ("blocked, then done", once(), vec![blocked(50), seen("detected", 70, true)], Met, false, "observed"),
        ("left, not entered", once(), vec![seen("detected", 50, false), looked("detected", 180)], Missed, false, "nearest: detected false at 50"),
        ("three times", detected(0, 3), vec![seen("detected", 10, true), seen("detected", 20, true), seen("detected", 30, true)], Met, false, "the 3rd observed after 30s"),
        ("twice of three", detected(0, 3), vec![seen("detected", 10, true), seen("detected", 20, true), looked("detected", 180)], Missed, false, "2 of 3 times"),
        ("sustained", detected(60, 1), vec![seen("detected", 10, true), looked("detected", 70)], Met, false, "held for 1m"),
        ("sustain open", detected(60, 1), vec![seen("detected", 10, true), looked("detected", 69)], Inconclusive, true, "whether it held"),
        ("sustain broken", detected(60, 1), vec![seen("detected", 10, true), seen("detected", 40, false)], Violated, false, "held for 30s of the 1m"),
        ("left afterwards", detected(60, 1), vec![seen("detected", 10, true), seen("detected", 70, false), looked("detected", 70)], Met, false, "held for 1m"),
        ("late and sustained", detected(60, 1), vec![seen("detected", 130, true), looked("detected", 190)], Late, false, "late by 10s"),
    ];
    for (name, expectation, entries, kind, is_open, words) in cases {
        let (verdict, still_open) = one(&expectation, entries);
        assert_eq!((verdict.verdict, still_open), (kind, is_open), "{name}: {}", verdict.reason);
        assert!(verdict.reason.contains(words), "{name}: {}", verdict.reason);
    }
}

#[test]
fn every_verdict_of_something_that_must_never_happen() {
    use VerdictKind::{Inconclusive, Met, Violated};
    #[rustfmt::skip]
    let cases: Vec<Nevers> = vec![
        ("quiet", 0, vec![looked("quiet", 600)], Met, false, 0),
        ("quiet so far", 0, vec![looked("quiet", 599)], Inconclusive, true, 0),
        ("loud at once", 0, vec![seen("quiet", 5, true)], Violated, false, 1),
        ("one is fine", 1, vec![seen("quiet", 5, true), looked("quiet", 600)], Met, false, 1),
        ("two are not", 1, vec![seen("quiet", 5, true), seen("quiet", 6, true)], Violated, false, 2),
        ("after the window", 0, vec![looked("quiet", 600), seen("quiet", 601, true)], Met, false, 0),
        ("before the fault", 0, vec![seen("quiet", -1, true), looked("quiet", 600)], Met, false, 0),
        ("across the end", 0, vec![coarse("quiet", 590, 60), looked("quiet", 600)], Inconclusive, false, 1),
    ];
    for (name, more_than, entries, kind, is_open, times) in cases {
        let (verdict, still_open) = one(&never(more_than), entries);
        assert_eq!((verdict.verdict, still_open), (kind, is_open), "{name}: {}", verdict.reason);
        assert_eq!(verdict.occurrences, times, "{name}");
    }
}

#[test]
fn every_verdict_of_a_state_that_must_be_back() {
    use VerdictKind::{Inconclusive, Late, Met, Missed, Violated};
    let baseline = || seen("recovered", -600, true);
    let left = |seconds| seen("recovered", seconds, false);
    let back = |seconds| seen("recovered", seconds, true);
    let through = |seconds| looked("recovered", seconds);
    #[rustfmt::skip]
    let cases: Vec<Returns> = vec![
        ("never left", 0, vec![baseline(), through(300)], Met, false, Some(0)),
        ("never left so far", 0, vec![baseline(), through(299)], Inconclusive, true, None),
        ("left and returned", 0, vec![baseline(), left(50), back(200)], Met, false, Some(200)),
        ("no baseline, left and returned", 0, vec![left(50), back(200)], Met, false, Some(200)),
        ("left only", 0, vec![baseline(), left(50), through(360)], Missed, false, None),
        ("left, open", 0, vec![baseline(), left(50), through(300)], Inconclusive, true, None),
        ("returned late", 0, vec![left(50), back(310)], Late, false, Some(310)),
        ("no evidence at all", 0, vec![through(360)], Missed, false, None),
        ("sustained", 60, vec![left(50), back(200), through(260)], Met, false, Some(200)),
        ("sustain open", 60, vec![left(50), back(200), through(259)], Inconclusive, true, Some(200)),
        ("a flap is forgiven", 60, vec![left(50), back(100), left(120), back(200), through(260)], Met, false, Some(200)),
        ("a flap, open", 60, vec![left(50), back(100), left(120), through(200)], Inconclusive, true, None),
        ("a flap that stays away", 60, vec![left(50), back(100), left(120), through(360)], Violated, false, Some(100)),
        ("left after the deadline", 0, vec![baseline(), left(301), through(360)], Met, false, Some(0)),
    ];
    for (name, sustain, entries, kind, is_open, latency) in cases {
        let (verdict, still_open) = one(&recovered(sustain), entries);
        assert_eq!((verdict.verdict, still_open), (kind, is_open), "{name}: {}", verdict.reason);
        assert_eq!(verdict.latency, latency.map(secs), "{name}: {}", verdict.reason);
    }
    let (verdict, _) = one(&recovered(0), vec![baseline(), through(300)]);
    assert!(verdict.reason.contains("never left"), "{}", verdict.reason);
}

#[test]
fn a_steady_alarm_without_history_held_throughout() {
    let plan = plan(vec![recovered(0)]);
    let steady = steady_state(Some("OK"), None);
    let timeline = [steady, started("down"), looked("recovered", 300)];
    let verdict = verdict(&judge(&plan, &timeline), "recovered");
    assert_eq!((verdict.verdict, verdict.latency), (VerdictKind::Met, Some(SignedDuration::ZERO)));
}

pub(super) fn steady_state(found: Option<&str>, reason: Option<&str>) -> Entry {
    entry(EntryKind::SteadyState {
        target: None,
        alarm: "status".to_owned(),
        expected: "OK".to_owned(),
        found: found.map(str::to_owned),
        reason: reason.map(str::to_owned),
    })
}

#[test]
fn a_chain_counts_from_the_moment_its_link_was_satisfied() {
    let plan = plan(vec![
        after(detected(0, 1), "paged", "detected"),
        detected(0, 1),
        after(detected(0, 1), "acted", "paged"),
    ]);
    let timeline = [
        started("down"),
        seen("detected", 150, true),
        seen("paged", 160, true),
        seen("acted", 200, true),
    ];
    let judgement = judge(&plan, &timeline);
    let paged = verdict(&judgement, "paged");
    assert_eq!(verdict(&judgement, "detected").verdict, VerdictKind::Late);
    assert_eq!((paged.anchor_at, paged.latency), (Some(at(150)), Some(secs(10))));
    assert_eq!(verdict(&judgement, "acted").latency, Some(secs(40)));
}

#[test]
fn a_broken_chain_names_its_first_broken_link() {
    let plan = plan(vec![
        after(detected(0, 1), "acted", "paged"),
        after(detected(0, 1), "paged", "detected"),
        detected(0, 1),
        after(never(0), "silent", "acted"),
    ]);
    let timeline = [started("down"), looked("detected", 180), looked("silent", 9999)];
    let judgement = judge(&plan, &timeline);
    for id in ["acted", "paged", "silent"] {
        let verdict = verdict(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Skipped, "{id}");
        assert_eq!(verdict.broken_link.as_deref(), Some("detected"), "{id}: {}", verdict.reason);
    }
    assert!(open(&plan, &timeline, at(0)).is_empty());
    assert_eq!(open(&plan, &timeline[..1], at(0)).len(), 4);
    assert_eq!(judgement.outcome, Outcome::Unreverted);
}

#[test]
fn open_says_when_a_window_closes_and_what_is_overdue() {
    let plan = plan(vec![
        detected(0, 1),
        never(0),
        after(detected(0, 1), "paged", "detected"),
        recovered(60),
    ]);
    let timeline = [started("down"), seen("recovered", 10, false), seen("recovered", 290, true)];
    let found = open(&plan, &timeline, at(200));
    let closes: Vec<_> = found
        .iter()
        .map(|open| (open.expectation.as_str(), open.closes_at, open.overdue))
        .collect();
    assert_eq!(
        closes,
        [
            ("detected", Some(at(180)), true),
            ("quiet", Some(at(600)), false),
            ("paged", None, false),
            ("recovered", Some(at(350)), false),
        ]
    );
}

#[test]
fn a_cycle_is_skipped_and_does_not_hang() {
    let plan = plan(vec![
        after(detected(0, 1), "a", "b"),
        after(detected(0, 1), "b", "a"),
        after(detected(0, 1), "c", "nobody"),
    ]);
    let judgement = judge(&plan, &[started("down"), reverted(&[])]);
    assert!(judgement.verdicts.iter().all(|verdict| verdict.verdict == VerdictKind::Skipped));
    assert_eq!(judgement.outcome, Outcome::Inconclusive);
}

#[test]
fn a_long_chain_does_not_overflow_the_stack() {
    let mut chain = vec![after(detected(0, 1), "e19999", "e0")];
    chain.extend(
        (0..19_999)
            .map(|link| after(detected(0, 1), &format!("e{link}"), &format!("e{}", link + 1))),
    );
    let judgement = judge(&plan(chain), &[]);
    assert_eq!(judgement.verdicts.len(), 20_000);
}

#[test]
fn an_observation_weaker_than_demanded_does_not_count_and_is_named() {
    let mut strict = detected(0, 1);
    strict.correlation = Correlation::Exact;
    let entries = vec![seen("detected", 10, true), looked("detected", 180)];
    let (verdict, _) = one(&strict, entries);
    assert_eq!(verdict.verdict, VerdictKind::Missed);
    assert!(
        verdict.reason.contains("correlation is window, exact is demanded"),
        "{}",
        verdict.reason
    );
}

pub(super) fn preflight(blind: bool) -> Entry {
    let problem = Problem { message: "is in ALARM".to_owned(), hint: "wait".to_owned(), blind };
    entry(EntryKind::Preflight { subject: "alarm status".to_owned(), problem: Some(problem) })
}

pub(super) fn stopping(reason: StopReason) -> Entry {
    entry(EntryKind::Stopping { reason, detail: "because".to_owned() })
}

pub(super) fn failed(blind: bool) -> Entry {
    let (fault, reason) = ("down".to_owned(), "AccessDenied".to_owned());
    entry(EntryKind::FaultFailed { fault, reason, blind })
}

pub(super) fn ended(state: &str) -> Entry {
    entry(EntryKind::FaultEnded {
        fault: "down".to_owned(),
        occurred_at: at(100),
        state: state.to_owned(),
        reason: Some("the target went away".to_owned()),
    })
}

pub(super) fn inject() -> Entry {
    entry(EntryKind::Intent {
        intent: 1,
        target: None,
        fault: Some("down".to_owned()),
        purpose: Purpose::Inject,
        call: "fis:StartExperiment".to_owned(),
        undo: Some(Undo::StopExperiment { client_token: "token".to_owned() }),
    })
}

/// An expectation that the experiment ends in this state.
fn experiment(state: &str) -> PlannedExpectation {
    let kind = Kind::Experiment { fault: "down".to_owned(), state: state.to_owned() };
    let demand = Demand::Happens { within: secs(180), count: 1, sustain: SignedDuration::ZERO };
    expectation("halted", Phase::Expect, kind, demand)
}

#[test]
fn every_outcome_of_a_drill() {
    use Outcome::{Failed, Inconclusive, Passed, Stopped, Unreverted, Unsteady};
    let once = || vec![detected(0, 1)];
    let good = || seen("detected", 48, true);
    let with =
        |kinds: Vec<Entry>| [vec![inject(), started("down")], kinds, vec![reverted(&[])]].concat();
    #[rustfmt::skip]
    let cases: Vec<Outcomes> = vec![
        ("all met", once(), with(vec![good()]), Passed, ""),
        ("all met, experiment completed", once(), with(vec![good(), ended("completed")]), Passed, ""),
        ("late", once(), with(vec![seen("detected", 162, true)]), Failed, ""),
        ("missed", once(), with(vec![looked("detected", 180)]), Failed, "nothing shows"),
        ("not looked", once(), with(vec![]), Inconclusive, "nothing shows"),
        ("no expectations", vec![], with(vec![]), Inconclusive, "expects nothing"),
        ("only a never", vec![never(0)], with(vec![looked("quiet", 600)]), Inconclusive, "nothing shows that the fault took effect"),
        ("only held throughout", vec![recovered(0)], with(vec![seen("recovered", -1, true), looked("recovered", 300)]), Inconclusive, "nothing shows"),
        ("left and came back", vec![recovered(0)], with(vec![seen("recovered", 10, false), seen("recovered", 99, true)]), Passed, ""),
        ("nothing recorded", once(), vec![], Inconclusive, "never injected"),
        ("preflight", once(), vec![preflight(false)], Unsteady, "preflight: alarm status: is in ALARM (wait)"),
        ("blind preflight", once(), vec![preflight(true)], Inconclusive, "preflight"),
        ("unsteady", once(), vec![steady_state(Some("ALARM"), None)], Unsteady, "was ALARM, it must be OK"),
        ("blind to the steady state", once(), vec![steady_state(None, Some("throttled"))], Inconclusive, "throttled"),
        ("unsteady, then steady", once(), [vec![steady_state(Some("ALARM"), None), steady_state(Some("OK"), None)], with(vec![good()])].concat(), Passed, ""),
        ("fault refused", once(), vec![inject(), failed(false), reverted(&[])], Failed, "AccessDenied"),
        ("fault blind", once(), vec![inject(), failed(true), reverted(&[])], Inconclusive, "AccessDenied"),
        ("second fault blind", once(), with(vec![good(), failed(true)]), Failed, "AccessDenied"),
        ("experiment failed", once(), with(vec![good(), ended("failed")]), Failed, "failed: the target went away"),
        ("experiment cancelled", once(), with(vec![good(), ended("cancelled")]), Failed, "cancelled"),
        ("experiment failed as expected", vec![experiment("failed")], with(vec![seen("halted", 90, true), ended("failed")]), Passed, ""),
        ("stopped by a signal", once(), with(vec![good(), stopping(StopReason::Signal)]), Stopped, "interrupted: because"),
        ("experiment halted", once(), with(vec![good(), stopping(StopReason::ExperimentStopped), ended("stopped")]), Stopped, "stopped early"),
        ("experiment halted, unannounced", once(), with(vec![good(), ended("stopped")]), Stopped, "stopped"),
        ("experiment halted as expected", vec![experiment("stopped")], with(vec![seen("halted", 90, true), ended("stopped"), stopping(StopReason::ExperimentStopped)]), Passed, ""),
        ("we stopped it", once(), [vec![inject(), started("down"), good(), entry(EntryKind::Reverting), ended("stopped")], vec![reverted(&[])]].concat(), Passed, ""),
        ("a signal, though a halt is expected", vec![experiment("stopped")], with(vec![seen("halted", 90, true), stopping(StopReason::Signal)]), Stopped, "interrupted"),
        ("left behind", once(), vec![inject(), started("down"), good(), reverted(&["experiment EXP1"])], Unreverted, "left behind: experiment EXP1"),
        ("left behind, then found", once(), vec![inject(), started("down"), good(), reverted(&["experiment EXP1"]), reverted(&[])], Passed, ""),
        ("killed after the intent", once(), vec![inject()], Unreverted, "nothing says that it was reverted"),
        ("killed after the start", once(), vec![started("down"), good()], Unreverted, "nothing says"),
        ("stopped and left behind", once(), vec![inject(), started("down"), stopping(StopReason::Signal), reverted(&["x"])], Unreverted, "left behind"),
    ];
    for (name, expectations, timeline, outcome, words) in cases {
        let judgement = judge(&plan(expectations), &timeline);
        assert_eq!(judgement.outcome, outcome, "{name}: {:?}", judgement.reasons);
        let told = judgement.reasons.join("\n");
        assert!(told.contains(words), "{name}: {told}");
        assert!(!words.is_empty() || told.is_empty(), "{name}: {told}");
    }
}

#[test]
fn a_refused_drill_skips_every_verdict_with_the_reason_and_nothing_is_open() {
    let paged = after(detected(0, 1), "paged", "detected");
    let plan = plan(vec![detected(0, 1), never(0), recovered(0), paged]);
    let timeline = [steady_state(Some("ALARM"), None), looked("quiet", 600)];
    for verdict in judge(&plan, &timeline).verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Skipped);
        assert!(verdict.reason.contains("was ALARM, it must be OK"), "{}", verdict.reason);
    }
    assert!(open(&plan, &timeline, at(0)).is_empty());
}

#[test]
fn a_fault_whose_effect_was_not_seen_is_never_passed() {
    let mut plan = plan(vec![detected(0, 1), never(0)]);
    plan.faults = vec![fault("down", Some("quiet"))];
    let timeline =
        [started("down"), seen("detected", 9, true), looked("quiet", 600), reverted(&[])];
    let judgement = judge(&plan, &timeline);
    assert_eq!(judgement.outcome, Outcome::Inconclusive);
    assert_eq!(judgement.reasons, ["fault `down` had no proven effect: `quiet` was met"]);
}

#[test]
fn an_absurd_timeline_does_not_overflow() {
    let mut plan = plan(vec![detected(0, 1), never(u32::MAX), recovered(9)]);
    plan.grace = SignedDuration::MAX;
    if let Demand::Happens { within, sustain, .. } = &mut plan.expectations[0].demand {
        (*within, *sustain) = (SignedDuration::MIN, SignedDuration::MAX);
    }
    let far = Observation {
        occurred_at: Timestamp::MAX,
        resolution_ms: u64::MAX,
        ..observation("detected", 0, true)
    };
    let timeline = [started("down"), entry(EntryKind::Observation(far)), looked("detected", 1)];
    assert_eq!(judge(&plan, &timeline).verdicts.len(), 3);
}
