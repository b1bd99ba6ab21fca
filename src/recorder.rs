//! Writes the timeline of one drill while it happens.
//!
//! Main type: [`Recorder`]. Every part of a running drill records through one recorder, so the record is
//! one ordered list. Invariants: an intent is in the sink before [`Recorder::intent`] returns; if it can't
//! be written, the call that it announces must not be made, unless it takes a change back; nothing is
//! injected once the record says that the drill is stopping or reverting.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard};

use indexmap::IndexMap;
use tokio::sync::Notify;

use crate::aws::{CallError, secrets};
use crate::clock::Clock;
use crate::timeline::{Entry, EntryKind, Purpose, Undo};

/// Where entries go as they happen: a file that is flushed line by line, a terminal, a test.
pub type Sink = Box<dyn FnMut(&Entry) -> io::Result<()> + Send>;

/// The timeline of a drill that is still running.
pub struct Recorder {
    clock: Clock,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    entries: Vec<Entry>,
    intents: u32,
    sink: Sink,
    failure: Option<String>,
    /// The drill is stopping or reverting.
    over: bool,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.lock().entries.len();
        formatter.debug_struct("Recorder").field("entries", &entries).finish_non_exhaustive()
    }
}

impl Recorder {
    /// An empty timeline that is written to `sink`.
    pub fn new(clock: Clock, sink: Sink) -> Self {
        let state = State { entries: Vec::new(), intents: 0, sink, failure: None, over: false };
        Self { clock, state: Mutex::new(state), changed: Notify::new() }
    }

    /// A timeline that goes on where an earlier process left it: nothing more is injected, and further
    /// intents are numbered on. `sink` gets what is new.
    pub fn resume(clock: Clock, entries: Vec<Entry>, sink: Sink) -> Self {
        let numbers = entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Intent { intent, .. } => Some(*intent),
            _ => None,
        });
        let intents = numbers.max().unwrap_or_default();
        let state = State { entries, intents, sink, failure: None, over: true };
        Self { clock, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Our clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records something that happened. A sink that fails is remembered ([`Recorder::failure`]).
    pub fn record(&self, kind: EntryKind) {
        self.lock().push(self.clock, kind);
        self.changed.notify_waiters();
    }

    /// Announces a call that changes something at a target, before it is made; no name stands for the
    /// home target.
    ///
    /// What takes a change back is let through even when it can't be written: a full disk must not keep a
    /// fault alive.
    ///
    /// # Errors
    /// The record could not be written, or injection is over: the call must not be made.
    pub fn intent(
        &self,
        target: Option<&str>,
        fault: Option<&str>,
        purpose: Purpose,
        call: &str,
        undo: Option<Undo>,
    ) -> Result<u32, RecordError> {
        let mut state = self.lock();
        if purpose == Purpose::Inject && state.over {
            return Err(RecordError::Over);
        }
        let intent = state.intents + 1;
        let kind = EntryKind::Intent {
            intent,
            target: target.map(str::to_owned),
            fault: fault.map(str::to_owned),
            purpose,
            call: call.to_owned(),
            undo,
        };
        state.intents = intent;
        state.push(self.clock, kind);
        let failure = state.failure.clone().filter(|_| purpose != Purpose::Revert);
        if let Some(reason) = &failure {
            // Worded like a refusal: whoever reverts has nothing to take back here.
            let error = format!("{call}: NotMade: the timeline can't be written: {reason}");
            let receipt = EntryKind::Receipt { intent, error: Some(error), ids: IndexMap::new() };
            state.push(self.clock, receipt);
        }
        drop(state);
        self.changed.notify_waiters();
        failure.map_or(Ok(intent), |reason| Err(RecordError::Unwritable { reason }))
    }

    /// Records what came of an announced call.
    pub fn receipt(&self, intent: u32, result: Result<IndexMap<String, String>, &CallError>) {
        let (error, ids) = match result {
            Ok(ids) => (None, ids),
            Err(error) => (Some(error.to_string()), IndexMap::new()),
        };
        self.record(EntryKind::Receipt { intent, error, ids });
    }

    /// Reads the timeline as it stands.
    pub fn read<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.lock().entries)
    }

    /// Why the record could not be written, if it could not.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// Waits until `done` says something about the timeline.
    pub async fn until<T>(&self, mut done: impl FnMut(&[Entry]) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listening starts before the look, so that nothing recorded in between is missed.
            changed.as_mut().enable();
            if let Some(answer) = self.read(&mut done) {
                return answer;
            }
            changed.await;
        }
    }

    /// Waits until injection is over: the drill is stopping or reverting.
    pub async fn over(&self) {
        self.until_state(|state| state.over.then_some(())).await;
    }

    /// Waits until the record can't be written; answers why.
    pub async fn broken(&self) -> String {
        self.until_state(|state| state.failure.clone()).await
    }

    async fn until_state<T>(&self, done: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = done(&self.lock()) {
                return answer;
            }
            changed.await;
        }
    }

    /// Waits for the next entry.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The finished timeline.
    pub fn into_entries(self) -> Vec<Entry> {
        self.state.into_inner().expect("no thread panics while it records").entries
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it records")
    }
}

impl State {
    fn push(&mut self, clock: Clock, kind: EntryKind) {
        let entry = clean(Entry { at: clock.now(), kind });
        self.over |= matches!(entry.kind, EntryKind::Stopping { .. } | EntryKind::Reverting);
        if let Err(error) = (self.sink)(&entry) {
            self.failure.get_or_insert_with(|| error.to_string());
        }
        self.entries.push(entry);
    }
}

/// The entry without secrets: what AWS says may repeat what it was sent.
fn clean(entry: Entry) -> Entry {
    if !secrets::any() {
        return entry;
    }
    match secrets::scrub(&entry.to_line()) {
        Cow::Borrowed(_) => entry,
        // A secret that is a word of the format itself leaves no entry behind, and is no secret.
        Cow::Owned(line) => serde_json::from_str(&line).unwrap_or(entry),
    }
}

/// A call that changes something could not be announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The timeline could not be written.
    #[error("the timeline can't be written: {reason}")]
    Unwritable {
        /// Why.
        reason: String,
    },
    /// The drill is stopping or reverting.
    #[error("the drill is being reverted: nothing more is injected")]
    Over,
}
