//! Ctrl-C and SIGTERM: the first ends the drills and reverts, the second says what is left, the third
//! gives up.
//!
//! Main type: [`Interrupts`]. Invariant: no interrupt skips a revert silently.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::output::say;
use crate::cli::Exit;
use crate::runner::StopSwitch;
use crate::timeline::StopReason;

/// Listens for interrupts and passes them to the drills that run.
#[derive(Debug, Clone)]
pub(super) struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    running: Mutex<Vec<(String, StopSwitch)>>,
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
        running.retain(|(name, _)| *name != self.name);
    }
}

impl Interrupts {
    /// Starts to listen, on a thread of its own.
    pub(super) fn listen() -> Self {
        let shared = Arc::new(Shared::default());
        let heard = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(hear(&heard));
            }
        });
        if let Err(error) = spawned {
            say(&format!("interrupts can't be listened for: {error}"));
        }
        Self { shared }
    }

    /// Whether there was one.
    pub(super) fn pressed(&self) -> bool {
        self.shared.count.load(Ordering::SeqCst) > 0
    }

    /// Tells a drill of interrupts from here on.
    pub(super) fn register(&self, stop: &StopSwitch, name: &str) -> Registered {
        let mut running = self.shared.running.lock().expect("nobody panics with the list");
        running.push((name.to_owned(), stop.clone()));
        if self.pressed() {
            stop.press(StopReason::Signal, "interrupted".to_owned());
        }
        Registered { shared: Arc::clone(&self.shared), name: name.to_owned() }
    }
}

async fn hear(shared: &Shared) {
    loop {
        let signal = next().await;
        let count = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        let running = shared.running.lock().expect("nobody panics with the list").clone();
        let names: Vec<&str> = running.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        match count {
            1 => {
                say(&format!("{signal}: ending the drills and reverting ({names})"));
                for (_, stop) in &running {
                    stop.press(StopReason::Signal, format!("interrupted by {signal}"));
                }
            }
            2 => say(&format!(
                "{signal} again: still reverting {names}; a third one gives up and leaves it as it is"
            )),
            _ => {
                say(&format!(
                    "{signal} for the third time: giving up. A fault may still be active in: {names}.\n\
                     Each drill's timeline.jsonl names what was changed (the entries `intent` without \
                     a revert)."
                ));
                #[expect(clippy::exit, reason = "the person asked for the third time")]
                std::process::exit(Exit::Unreverted.code().into());
            }
        }
    }
}

#[cfg(unix)]
async fn next() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => "interrupt",
            Err(_) => std::future::pending().await,
        },
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(not(unix))]
async fn next() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "interrupt",
        Err(_) => std::future::pending().await,
    }
}
