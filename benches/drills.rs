//! How fast drills run on the emulated account: drills a second on one core and on two, virtual seconds a
//! wall second, API calls a drill, and peak memory.
//!
//! `cargo bench --bench drills`. Figures of one run are compared with each other; between machines only
//! their ratios mean something.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use firedrill::commands::drill::rehearse;
use firedrill::commands::prepare::{Prepared, Workshop};
use firedrill::judge::{self, Outcome};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::scenario::Values;

/// What was measured of many drills of one scenario.
struct Measured {
    wall: Duration,
    virtual_seconds: f64,
    calls: u64,
    drills: usize,
}

fn main() {
    println!(
        "| scenario | cores | drills | wall | drills/s | virtual s / wall s | API calls / drill |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, drills) in [("vpn-tunnel-down", 300), ("guardduty-crypto-mining", 300)] {
        let prepared = prepare(name);
        measure(&prepared, 10, 1);
        for cores in [1, 2] {
            tell(name, cores, &measure(&prepared, drills, cores));
        }
    }
    let prepared = prepare("vpn-tunnel-down");
    let thousand = measure(&prepared, 1000, 2);
    tell("vpn-tunnel-down", 2, &thousand);
    println!("\n1,000 drills on two cores: {:.2} s wall", thousand.wall.as_secs_f64());
    println!("peak memory: {}", peak_memory());
}

fn prepare(name: &str) -> Prepared {
    let file = format!("{}/scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let mut workshop = Workshop::new(0);
    let values = Values { run_id: "fd-bench".to_owned(), ..Values::default() };
    workshop.prepare(file.as_ref(), &values, true).expect("the shipped scenario is in order")
}

/// Runs many drills, each judged, and adds up what they took.
fn measure(prepared: &Prepared, drills: usize, cores: usize) -> Measured {
    let stage = prepared.stage.as_ref().expect("a shipped scenario has an environment");
    let plan = Plan::new(&prepared.scenario, &prepared.file, "fd-bench").expect("it is planned");
    let (next, calls, milliseconds) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    #[expect(clippy::disallowed_methods, reason = "a bench measures wall time")]
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    if index >= drills {
                        break;
                    }
                    let mut account = stage.account.clone();
                    account.reseed(index as u64);
                    let stop = StopSwitch::default();
                    let done = rehearse(&plan, account, &stop, Box::new(|_| Ok(())));
                    let judgement = judge::judge(&plan, &done.timeline);
                    assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
                    let ends = done.timeline.first().zip(done.timeline.last());
                    let (first, last) = ends.expect("a drill leaves a timeline");
                    let took = last.at.duration_since(first.at).as_millis();
                    milliseconds.fetch_add(u64::try_from(took).unwrap_or(0), Ordering::SeqCst);
                    calls.fetch_add(done.calls.unwrap_or(0), Ordering::SeqCst);
                }
            });
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let virtual_seconds = milliseconds.into_inner() as f64 / 1000.0;
    Measured { wall: begun.elapsed(), virtual_seconds, calls: calls.into_inner(), drills }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn tell(name: &str, cores: usize, measured: &Measured) {
    let wall = measured.wall.as_secs_f64();
    let drills = measured.drills as f64;
    println!(
        "| {name} | {cores} | {} | {wall:.2} s | {:.0} | {:.0} | {:.1} |",
        measured.drills,
        drills / wall,
        measured.virtual_seconds / wall,
        measured.calls as f64 / drills,
    );
}

/// The largest resident set of this process so far, as the kernel counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known on this system".to_owned(), |figure| figure.trim().to_owned())
}
