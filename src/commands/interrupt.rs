//! Ctrl-C and SIGTERM: the first ends the drills and reverts, the second says what is left, the third
//! gives up. A terminal that is closed ends and reverts as the first does, and never gives up.
//!
//! Main type: [`Interrupts`]. Invariant: no interrupt skips a revert silently.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::output::{Live, say};
use crate::cli::Exit;
use crate::faults::revert;
use crate::runner::StopSwitch;
use crate::timeline::{Entry, EntryKind, Purpose, StopReason};

/// Listens for interrupts and passes them to the drills that run.
#[derive(Debug, Clone)]
pub(super) struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    count: AtomicUsize,
    running: Mutex<Vec<Running>>,
    /// Where it is told: the progress lines would wipe out what is written across them.
    live: Live,
    /// What to do about what is left, once this process is gone; nothing for rehearsals.
    way_out: Option<String>,
}

/// A drill that runs, and what it has changed so far.
#[derive(Debug, Clone)]
struct Running {
    name: String,
    stop: StopSwitch,
    changes: Changes,
}

/// What a drill announced to change and what came of it: enough to say what is left of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Arc<Mutex<Vec<Entry>>>);

impl Changes {
    /// Notes an entry of the drill's timeline.
    pub(super) fn note(&self, entry: &Entry) {
        if matches!(entry.kind, EntryKind::Intent { .. } | EntryKind::Receipt { .. }) {
            self.0.lock().expect("nobody panics while noting").push(entry.clone());
        }
    }

    /// What is not taken back yet, in words.
    fn left(&self) -> Vec<String> {
        let entries = self.0.lock().expect("nobody panics while noting");
        Purpose::TO_TAKE_BACK
            .into_iter()
            .flat_map(|purpose| revert::pending(&entries, purpose))
            .map(|change| change.describe())
            .collect()
    }
}

/// A drill that is told of interrupts until this goes away.
#[derive(Debug)]
pub(super) struct Registered {
    shared: Arc<Shared>,
    name: String,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock().expect("nobody panics with the list");
        running.retain(|running| running.name != self.name);
    }
}

impl Interrupts {
    /// Starts to listen, on a thread of its own. When this returns, an interrupt is heard. `way_out` is told
    /// where something may be left behind.
    pub(super) fn listen(way_out: Option<String>, live: Live) -> Self {
        let (count, running) = (AtomicUsize::default(), Mutex::default());
        let shared = Arc::new(Shared { count, running, live, way_out });
        let heard = Arc::clone(&shared);
        let (ready, armed) = mpsc::channel();
        let spawned = thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    let signals = Signals::arm();
                    // Whoever listens may have given up; the signals are heard all the same.
                    let _waiting = ready.send(signals.is_some());
                    if let Some(signals) = signals {
                        hear(&heard, signals).await;
                    }
                });
            }
        });
        // Before the handlers stand, a signal would end the process without a revert.
        if spawned.is_err() || armed.recv() != Ok(true) {
            say("warning: interrupts can't be listened for; Ctrl-C ends this without a revert");
        }
        Self { shared }
    }

    /// Whether there was one.
    pub(super) fn pressed(&self) -> bool {
        self.shared.count.load(Ordering::SeqCst) > 0
    }

    /// Tells a drill of interrupts from here on.
    pub(super) fn register(&self, stop: &StopSwitch, name: &str, changes: &Changes) -> Registered {
        let mut running = self.shared.running.lock().expect("nobody panics with the list");
        running.push(Running {
            name: name.to_owned(),
            stop: stop.clone(),
            changes: changes.clone(),
        });
        if self.pressed() {
            stop.press(StopReason::Signal, "interrupted".to_owned());
        }
        Registered { shared: Arc::clone(&self.shared), name: name.to_owned() }
    }
}

async fn hear(shared: &Shared, mut signals: Signals) {
    loop {
        let signal = signals.next().await;
        // The system and the shell may both tell of one closed terminal: that is nobody who insists.
        if signal == HANG_UP && shared.count.load(Ordering::SeqCst) > 0 {
            continue;
        }
        let count = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        let running = shared.running.lock().expect("nobody panics with the list").clone();
        match count {
            1 => {
                let names: Vec<&str> = running.iter().map(|one| one.name.as_str()).collect();
                shared.live.line(&format!(
                    "{signal}: ending the drills and reverting ({})",
                    names.join(", ")
                ));
                for one in &running {
                    one.stop.press(StopReason::Signal, format!("interrupted by {signal}"));
                }
            }
            2 => shared.live.line(&format!(
                "{signal} again: still reverting; a third one gives up and leaves this behind\n{}",
                left(&running, shared.way_out.as_deref())
            )),
            _ => {
                shared.live.line(&format!(
                    "{signal} for the third time: giving up; a fault may still be active
{}",
                    left(&running, shared.way_out.as_deref())
                ));
                #[expect(clippy::exit, reason = "the person asked for the third time")]
                std::process::exit(Exit::Unreverted.code().into());
            }
        }
    }
}

/// What the drills have not taken back yet, a line each, and the way out.
fn left(running: &[Running], way_out: Option<&str>) -> String {
    let mut lines: Vec<String> = running
        .iter()
        .flat_map(|one| one.changes.left().into_iter().map(|words| (one.name.as_str(), words)))
        .map(|(name, words)| format!("  {name}: {words}"))
        .collect();
    if lines.is_empty() {
        return "  nothing is left".to_owned();
    }
    lines.extend(way_out.map(str::to_owned));
    lines.join("\n")
}

/// How a closed terminal is told.
const HANG_UP: &str = "hang-up";

/// The signals that ask a run to end, from the moment on at which they are armed.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// Nothing where it was to be ignored.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn arm() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        let terminate = signal(SignalKind::terminate()).ok()?;
        let hang_up = if hang_up_is_ignored() { None } else { signal(SignalKind::hangup()).ok() };
        Some(Self { interrupt, terminate, hang_up })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hung_up => HANG_UP,
        }
    }
}

/// Whether we are to outlive our terminal, as `nohup` says by having the hang-up ignored.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    // Only Linux tells it in a file. Elsewhere a closed terminal ends the drills: what is reverted too early
    // does no harm, and what is not reverted does.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1, the hang-up.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

/// The signal that asks a run to end.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn arm() -> Option<Self> {
        Some(Self)
    }

    pub(super) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "interrupt",
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use jiff::Timestamp;

    use super::*;
    use crate::timeline::Undo;

    fn entry(kind: EntryKind) -> Entry {
        Entry { at: Timestamp::UNIX_EPOCH, kind }
    }

    fn intent(intent: u32, purpose: Purpose) -> Entry {
        let undo = Some(Undo::DeleteQueue { name: "firedrill-fd-1".to_owned() });
        let call = "sqs:CreateQueue".to_owned();
        entry(EntryKind::Intent { intent, target: None, fault: None, purpose, call, undo })
    }

    fn receipt(intent: u32) -> Entry {
        entry(EntryKind::Receipt { intent, error: None, ids: IndexMap::new() })
    }

    #[test]
    fn what_is_left_is_named_until_it_is_taken_back() {
        let changes = Changes::default();
        let running = [Running {
            name: "vpn".to_owned(),
            stop: StopSwitch::default(),
            changes: changes.clone(),
        }];
        assert_eq!(left(&running, Some("way out")), "  nothing is left");
        changes.note(&intent(1, Purpose::Listen));
        changes.note(&receipt(1));
        assert_eq!(left(&running, None), "  vpn: queue `firedrill-fd-1` exists");
        let words = left(&running, Some("way out"));
        assert_eq!(words, "  vpn: queue `firedrill-fd-1` exists\nway out");
        changes.note(&intent(2, Purpose::Revert));
        changes.note(&receipt(2));
        assert_eq!(left(&running, Some("way out")), "  nothing is left");
    }
}
