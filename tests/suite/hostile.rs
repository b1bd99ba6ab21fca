//! Drills in bad weather: whatever the network does to the calls, nothing is called met or missed that was
//! not, no drill hangs, and what is left behind is named.
//!
//! The truth is what the same drill finds in fair weather: the emulated account answers a fault in the
//! same way, whoever is able to see it. Set `FIREDRILL_HOSTILE_DRILLS` for more drills, and
//! `FIREDRILL_HOSTILE_SEED` for one drill again.

mod weather;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::emulator::Account;
use firedrill::judge::{Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};

use crate::{stage, support};
use weather::Weather;

/// How many drills there are unless the environment says more.
const DRILLS: u64 = 150;

/// By the clock on the wall: a drill that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A scenario, what it finds in fair weather, and the account before it.
struct Known {
    name: &'static str,
    plan: Plan,
    account: Account,
    verdicts: Vec<(String, VerdictKind)>,
}

/// Scenarios that pass, and some that fail for a reason that bad weather must not hide or imitate.
const SCENARIOS: [&str; 6] = [
    "vpn-tunnel-down",
    "guardduty-crypto-mining",
    "custom-application-event",
    "bad-deployment-rolls-back",
    "broken/pattern-misses",
    "broken/runbook-step-fails",
];

fn known(name: &'static str) -> Known {
    let file = support::root().join("scenarios").join(format!("{name}.yaml"));
    let (plan, account) = stage::prepared(&file);
    let over = stage::drill(&plan, account.clone(), &StopSwitch::default(), stage::unheard());
    let judgement = judge(&plan, &over.finished.timeline);
    let verdicts = judgement.verdicts.iter();
    let verdicts = verdicts.map(|one| (one.expectation.clone(), one.verdict)).collect();
    Known { name, plan, account, verdicts }
}

/// One drill in the weather of a seed; nothing when it does not end.
fn drilled(known: &Known, seed: u64) -> Option<(Weather, Finished, Account)> {
    let (plan, account) = (known.plan.clone(), known.account.clone());
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let weather = Weather::new(seed);
        let between = weather.clone();
        let (finished, account) =
            rehearse_through(&plan, account, &StopSwitch::default(), |inner| between.over(inner));
        // Nobody listens any more only when the test has already failed.
        let _unheard = done.send((weather, finished, account));
    });
    ended.recv_timeout(PATIENCE).ok()
}

/// Whether a verdict in bad weather is one that may be given where fair weather finds `truth`.
fn is_honest(truth: VerdictKind, verdict: VerdictKind) -> bool {
    match verdict {
        // What could not be seen, and what waits for something that could not be seen.
        VerdictKind::Inconclusive | VerdictKind::Skipped => true,
        VerdictKind::Met | VerdictKind::Late | VerdictKind::Missed | VerdictKind::Violated => {
            verdict == truth
        }
    }
}

/// What is wrong with one drill; empty when nothing is.
fn wrong(known: &Known, seed: u64) -> (String, Option<Outcome>) {
    let Some((weather, finished, account)) = drilled(known, seed) else {
        return (format!("seed {seed}: {} hangs\n", known.name), None);
    };
    let timeline = &finished.timeline;
    let judgement = judge(&known.plan, timeline);
    let mut words = String::new();
    let started = |entry: &&Entry| matches!(entry.kind, EntryKind::FaultStarted { .. });
    let started = timeline.iter().filter(started).count();
    let whole = started == known.plan.faults.len();
    for (verdict, (id, truth)) in judgement.verdicts.iter().zip(&known.verdicts) {
        // What only a part of the faults brings about is known for what it can't be: met.
        let lies = whole || verdict.verdict == VerdictKind::Met;
        if started > 0 && lies && !is_honest(*truth, verdict.verdict) {
            let (is, was) = (verdict.verdict.as_str(), truth.as_str());
            writeln!(words, "`{id}` is {is} and in fair weather {was}: {}", verdict.reason)
                .unwrap();
        }
        if started == 0 && matches!(verdict.verdict, VerdictKind::Met | VerdictKind::Missed) {
            writeln!(words, "`{id}` is {} without a fault", verdict.verdict.as_str()).unwrap();
        }
    }
    if timeline.last().map(|entry| &entry.kind) != Some(&EntryKind::DrillEnded) {
        words.push_str("the drill did not end\n");
    }
    let left = stage::belongings(&account) != stage::belongings(&known.account)
        || !stage::set_by_hand(&account).is_empty();
    if left && judgement.outcome != Outcome::Unreverted {
        writeln!(words, "something is left behind, and the outcome is {:?}", judgement.outcome)
            .unwrap();
        writeln!(words, "before {}", stage::belongings(&known.account)).unwrap();
        writeln!(words, "after  {}", stage::belongings(&account)).unwrap();
    }
    if !words.is_empty() {
        let (log, tail) = (weather.log(), stage::tail(timeline));
        words = format!("seed {seed}, {}:\n{words}the weather:\n{log}{tail}", known.name);
    }
    (words, Some(judgement.outcome))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_weather_makes_a_drill_say_what_is_not_so() {
    let known: Vec<Known> = SCENARIOS.iter().map(|name| known(name)).collect();
    let pick = |seed: u64| &known[usize::try_from(seed).expect("it fits") % known.len()];
    if let Some(seed) = number("FIREDRILL_HOSTILE_SEED") {
        let (words, outcome) = wrong(pick(seed), seed);
        assert!(words.is_empty(), "{outcome:?}: {words}");
        return;
    }
    let drills = number("FIREDRILL_HOSTILE_DRILLS").unwrap_or(DRILLS);
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let outcomes = Mutex::new(std::collections::BTreeMap::<String, u32>::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= drills {
                        break;
                    }
                    let (words, outcome) = wrong(pick(seed), seed);
                    let outcome = format!("{outcome:?}");
                    *outcomes.lock().expect("no panic").entry(outcome).or_default() += 1;
                    if !words.is_empty() {
                        failures.lock().expect("no panic").push(words);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    let outcomes = outcomes.into_inner().expect("no panic");
    eprintln!("{drills} drills in bad weather: {outcomes:?}");
    assert!(
        failures.is_empty(),
        "{} of {drills} drills lie\n{}",
        failures.len(),
        failures.join("\n")
    );
    // A network that lets nothing through proves nothing.
    assert!(outcomes.contains_key("Some(Passed)") && outcomes.contains_key("Some(Inconclusive)"));
}
