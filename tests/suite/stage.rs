//! Drills inside this process: an account from a text or a file, a drill on it, and what it left behind.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use firedrill::commands::drill::{Finished, rehearse_and};
use firedrill::commands::prepare::{Workshop, epoch};
use firedrill::emulator::belongings::alarm_states;
pub(crate) use firedrill::emulator::belongings::belongings;
use firedrill::emulator::environment::Environment;
use firedrill::emulator::transport::Emulator;
use firedrill::emulator::{Account, Estate};
use firedrill::plan::Plan;
use firedrill::recorder::Sink;
use firedrill::runner::StopSwitch;
use firedrill::scenario::{self, Values};
use firedrill::timeline::{Entry, EntryKind, Purpose};

/// The drill's id in everything that runs in this process.
pub(crate) const RUN_ID: &str = "fd-suite";

/// No drill of these tests takes this long, by the clock on the wall: a drill that does hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// The clock on the wall.
#[expect(clippy::disallowed_methods, reason = "what is bounded is how long a person waits")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A plan and the (home) account for it, from a scenario's file.
pub(crate) fn prepared(file: &Path) -> (Plan, Account) {
    let (plan, accounts) = prepared_all(file);
    (plan, accounts.home().clone())
}

/// A plan and every account that it spans, from a scenario's file.
pub(crate) fn prepared_all(file: &Path) -> (Plan, Estate) {
    let mut workshop = Workshop::new(0);
    let values = Values { run_id: RUN_ID.to_owned(), ..Values::default() };
    let prepared = workshop.prepare(file, &values, true);
    let prepared = prepared.unwrap_or_else(|| panic!("{}: not in order", file.display()));
    let plan = Plan::new(&prepared.scenario, &prepared.file, RUN_ID).expect("it can be planned");
    (plan, prepared.estate().expect("it has an environment"))
}

/// A plan and the account for it, from two texts; nothing where the check would refuse them.
pub(crate) fn built(scenario: &str, environment: &str) -> Option<(Plan, Account)> {
    let read = |_: &Path| Ok(environment.as_bytes().to_vec());
    let (environment, _) = Environment::load("environment.yaml".as_ref(), &read);
    let (account, _) = environment?.account(epoch(), 0);
    let values = Values { run_id: RUN_ID.to_owned(), ..Values::default() };
    let loaded = scenario::load("scenario.yaml", scenario.as_bytes(), &values);
    let plan = Plan::new(&loaded.scenario?, "scenario.yaml", RUN_ID).ok()?;
    Some((plan, account))
}

/// A drill that is over, and the account right after it.
pub(crate) struct Over {
    pub(crate) finished: Finished,
    pub(crate) account: Account,
}

/// Drills; a drill that never ends fails the test instead of hanging it.
pub(crate) fn drill(plan: &Plan, account: Account, stop: &StopSwitch, sink: Sink) -> Over {
    let (plan, stop) = (plan.clone(), stop.clone());
    let (done, ended) = mpsc::channel();
    let thread = thread::Builder::new().stack_size(firedrill::commands::drill::STACK);
    let spawned = thread.spawn(move || {
        let (finished, account) = rehearse_and(&plan, account, &stop, sink, Emulator::account);
        // Nobody listens any more only when the test has already failed.
        let _unheard = done.send(Over { finished, account });
    });
    spawned.expect("a thread");
    ended.recv_timeout(PATIENCE).expect("a drill ends, and does not panic")
}

/// A sink that keeps nothing.
pub(crate) fn unheard() -> Sink {
    Box::new(|_| Ok(()))
}

/// Alarms that still show a state which the drill set by hand and did not set back.
pub(crate) fn set_by_hand(account: &Account) -> Vec<String> {
    let states = alarm_states(account);
    let states = states.as_object().expect("an object of alarms");
    let ours = states.iter().filter(|(_, alarm)| {
        let reason = alarm["reason"].as_str().unwrap_or_default();
        reason.contains(RUN_ID) && !reason.contains("set back")
    });
    ours.map(|(name, alarm)| format!("{name} is {}", alarm["state"])).collect()
}

/// The number of the last entry that announces a call which breaks something, from 0.
pub(crate) fn last_injection(timeline: &[Entry]) -> Option<usize> {
    timeline
        .iter()
        .rposition(|entry| matches!(entry.kind, EntryKind::Intent { purpose: Purpose::Inject, .. }))
}

/// The last entries, for the words of a failure.
pub(crate) fn tail(timeline: &[Entry]) -> String {
    let skipped = timeline.len().saturating_sub(25);
    let lines: String = timeline[skipped..].iter().map(Entry::to_line).collect();
    format!("(after {skipped} entries)\n{lines}")
}

/// What holds after every drill, whatever ended it: it ended, and nothing of it is left.
pub(crate) fn assert_clean(before: &Account, over: &Over, words: &str) {
    let timeline = &over.finished.timeline;
    let told = || tail(timeline);
    let last = timeline.last().map(|entry| &entry.kind);
    assert_eq!(last, Some(&EntryKind::DrillEnded), "{words}: {}", told());
    assert_eq!(belongings(&over.account), belongings(before), "{words}: {}", told());
    assert_eq!(set_by_hand(&over.account), Vec::<String>::new(), "{words}: {}", told());
    let reverting = timeline.iter().position(|entry| matches!(entry.kind, EntryKind::Reverting));
    if let (Some(reverting), Some(injection)) = (reverting, last_injection(timeline)) {
        assert!(injection < reverting, "{words}: injected after the revert began: {}", told());
    }
    for entry in timeline {
        if let EntryKind::Reverted { left } = &entry.kind {
            assert_eq!(left, &Vec::<String>::new(), "{words}: {}", told());
        }
    }
}
