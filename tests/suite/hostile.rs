//! Drills in bad weather: whatever the network does to the calls, nothing is called met or missed that was
//! not, no drill hangs, and what is left behind is named.
//!
//! The truth is what the same drill finds in fair weather: the emulated account answers a fault in the
//! same way, whoever is able to see it. Some of the drills go about it as on a real account: they look at
//! its cadence, are woken by their own queue, and hold the lock. Set `FIREDRILL_HOSTILE_DRILLS` for more
//! drills, `FIREDRILL_HOSTILE_PATH` to `emulated` or `real` for one of the two paths alone, and
//! `FIREDRILL_HOSTILE_SEED` for one drill again.

mod sockets;
mod weather;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firedrill::commands::drill::{Finished, STACK, rehearse_paced, rehearse_through};
use firedrill::emulator::Account;
use firedrill::judge::{Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::{Conduct, StopSwitch};
use firedrill::timeline::{Entry, EntryKind};

use crate::{stage, support};
use weather::Weather;

/// How many drills there are unless the environment says more.
const DRILLS: u64 = 150;

/// By the clock on the wall: a drill that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// How a drill goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// The account rings for every change, and there is nobody to keep out.
    Emulated,
    /// As on a real account: at a cadence, with the lock.
    Real,
}

/// What a run on a real account does unless it is told otherwise.
const LOCKED: Conduct = Conduct { lock: true, dry_run: false, no_safety_lever: false };

/// Of so many rounds through the scenarios, one goes about it as on a real account: such a drill costs four to
/// five times as much.
const REAL_ROUNDS: u64 = 20;

/// Of so many drills on one path, some pass and some see too little.
const ENOUGH: usize = 100;

impl Path {
    fn of(seed: u64) -> Self {
        match std::env::var("FIREDRILL_HOSTILE_PATH").as_deref() {
            Ok("emulated") => Self::Emulated,
            Ok("real") => Self::Real,
            Ok(other) => panic!("FIREDRILL_HOSTILE_PATH is `{other}`, not `emulated` or `real`"),
            Err(_) if (seed / SCENARIOS.len() as u64).is_multiple_of(REAL_ROUNDS) => Self::Real,
            Err(_) => Self::Emulated,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Emulated => "emulated",
            Self::Real => "real",
        }
    }

    /// Drills through what stands between.
    fn drill(
        self,
        plan: &Plan,
        account: Account,
        between: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
    ) -> (Finished, Account) {
        match self {
            Self::Emulated => rehearse_through(plan, account, &StopSwitch::default(), between),
            Self::Real => rehearse_paced(LOCKED, plan, account, between),
        }
    }
}

/// A scenario, the account before it, and what it finds in fair weather, either way.
struct Known {
    name: &'static str,
    plan: Plan,
    account: Account,
    emulated: Vec<(String, VerdictKind)>,
    real: Vec<(String, VerdictKind)>,
}

impl Known {
    fn verdicts(&self, path: Path) -> &[(String, VerdictKind)] {
        match path {
            Path::Emulated => &self.emulated,
            Path::Real => &self.real,
        }
    }
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
    let fair = |path: Path| {
        let (copy, before) = (plan.clone(), account.clone());
        let spawned = thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || path.drill(&copy, before, |inner| inner));
        let (finished, after) = spawned.expect("a thread").join().expect("no panic");
        assert_eq!(stage::belongings(&after), stage::belongings(&account), "{name}");
        let judgement = judge(&plan, &finished.timeline);
        let verdicts = judgement.verdicts.iter();
        verdicts.map(|one| (one.expectation.clone(), one.verdict)).collect()
    };
    let (emulated, real) = (fair(Path::Emulated), fair(Path::Real));
    Known { name, plan, account, emulated, real }
}

/// One drill in the weather of a seed; nothing when it does not end.
fn drilled(known: &Known, seed: u64) -> Option<(Weather, Finished, Account)> {
    let (plan, account) = (known.plan.clone(), known.account.clone());
    let (done, ended) = mpsc::channel();
    let spawned = thread::Builder::new().stack_size(STACK).spawn(move || {
        let weather = Weather::new(seed);
        let between = weather.clone();
        let (finished, account) = Path::of(seed).drill(&plan, account, |inner| between.over(inner));
        // Nobody listens any more only when the test has already failed.
        let _unheard = done.send((weather, finished, account));
    });
    spawned.expect("a thread");
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
    let path = Path::of(seed);
    let Some((weather, finished, account)) = drilled(known, seed) else {
        return (format!("seed {seed}: {} hangs ({path:?})\n", known.name), None);
    };
    let timeline = &finished.timeline;
    let judgement = judge(&known.plan, timeline);
    let mut words = String::new();
    let started = |entry: &&Entry| matches!(entry.kind, EntryKind::FaultStarted { .. });
    let started = timeline.iter().filter(started).count();
    let whole = started == known.plan.faults.len();
    for (verdict, (id, truth)) in judgement.verdicts.iter().zip(known.verdicts(path)) {
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
        words = format!("seed {seed}, {}, {path:?}:\n{words}the weather:\n{log}{tail}", known.name);
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
    let began = stage::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= drills {
                        break;
                    }
                    let (words, outcome) = wrong(pick(seed), seed);
                    let outcome = format!("{} {outcome:?}", Path::of(seed).as_str());
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
    let seconds = began.elapsed().as_secs();
    eprintln!("{drills} drills in bad weather in {seconds} s: {outcomes:?}");
    assert!(
        failures.is_empty(),
        "{} of {drills} drills lie\n{}",
        failures.len(),
        failures.join("\n")
    );
    // A network that lets nothing through proves nothing.
    for path in [Path::Emulated, Path::Real] {
        let of_path = (0..drills).filter(|seed| Path::of(*seed) == path).count();
        for outcome in [Outcome::Passed, Outcome::Inconclusive] {
            let key = format!("{} {:?}", path.as_str(), Some(outcome));
            assert!(of_path < ENOUGH || outcomes.contains_key(&key), "no drill was {key}");
        }
    }
}
