//! The service's byte machine for one field: how it lays out texts, prefixes and wildcards.
//!
//! Main type: [`Machine`]. Invariant: states are shared and split exactly where the service shares
//! and splits them. That is observable twice: the complexity limit counts these states, and in a
//! few mixtures of wildcards with ignored case, sharing makes a condition accept more than it says.
//!
//! The layout is that of event-ruler's byte machine, described in its documentation; ranges of
//! numbers and addresses, which never meet a wildcard's states, are left out.

mod chars;
mod complexity;
mod insert;
mod names;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use names::{complexity, numeric, quirks};
pub(crate) use walk::Quirk;

/// A state of a machine.
type StateId = u32;
/// A pattern in a machine, numbered per event pattern.
pub(crate) type KeyId = u32;
/// A state of the machine of fields.
type NameId = u32;

/// A pattern that is satisfied, and the fields' state that it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Match {
    key: KeyId,
    name: NameId,
}

/// What one byte leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Single {
    /// Another state.
    State(StateId),
    /// A match and nothing more.
    Match(Match),
    /// A match and a state at once; each has an identity of its own.
    Both { id: u32, next: StateId, found: Match },
    /// The rest of one exact text, not laid out yet.
    Shortcut { id: u32, found: Match },
}

impl Single {
    fn next(self) -> Option<StateId> {
        match self {
            Self::State(next) | Self::Both { next, .. } => Some(next),
            Self::Match(_) | Self::Shortcut { .. } => None,
        }
    }

    fn found(self) -> Option<Match> {
        match self {
            Self::Match(found) | Self::Both { found, .. } | Self::Shortcut { found, .. } => {
                Some(found)
            }
            Self::State(_) => None,
        }
    }
}

/// A set of targets, in the order in which they were added.
type Targets = Vec<Single>;

fn add_to(targets: &mut Targets, single: Single) {
    if !targets.contains(&single) {
        targets.push(single);
    }
}

#[derive(Debug, Clone, Default)]
struct State {
    /// More than one text leads here, so that it may not be shared by a plain text.
    indeterminate: bool,
    /// What single bytes lead to, by byte.
    bytes: Vec<(u8, Targets)>,
    /// What every byte leads to.
    every: Targets,
}

impl State {
    fn own(&self, byte: u8) -> &[Single] {
        match self.bytes.binary_search_by_key(&byte, |(byte, _)| *byte) {
            Ok(at) => &self.bytes[at].1,
            Err(_) => &[],
        }
    }

    fn add(&mut self, byte: u8, single: Single) {
        match self.bytes.binary_search_by_key(&byte, |(byte, _)| *byte) {
            Ok(at) => add_to(&mut self.bytes[at].1, single),
            Err(at) => self.bytes.insert(at, (byte, vec![single])),
        }
    }

    fn remove(&mut self, byte: u8, single: Single) {
        if let Ok(at) = self.bytes.binary_search_by_key(&byte, |(byte, _)| *byte) {
            self.bytes[at].1.retain(|one| *one != single);
            if self.bytes[at].1.is_empty() {
                self.bytes.remove(at);
            }
        }
    }

    /// Everything that `byte` leads to. The service keeps these in hash sets, whose order decides
    /// in rare cases which state is shared; a byte's own targets first is what it was seen to do.
    fn targets(&self, byte: u8) -> Targets {
        let mut targets = self.own(byte).to_vec();
        for &single in &self.every {
            add_to(&mut targets, single);
        }
        targets
    }
}

/// One field's machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    states: Vec<State>,
    identities: u32,
    /// Some suffix is laid out; from then on the service looks at texts from their end, too.
    has_suffix: bool,
    /// Patterns that are kept apart from the states, and where they lead.
    apart: Vec<Match>,
}

impl Machine {
    fn new() -> Self {
        Self { states: vec![State::default()], identities: 0, has_suffix: false, apart: Vec::new() }
    }

    fn state(&self, id: StateId) -> &State {
        &self.states[id as usize]
    }

    fn state_mut(&mut self, id: StateId) -> &mut State {
        &mut self.states[id as usize]
    }

    /// A new state that is as indeterminate as `like`.
    fn new_state(&mut self, like: StateId) -> StateId {
        let indeterminate = self.state(like).indeterminate;
        let id = StateId::try_from(self.states.len()).expect("fewer states than 2^32");
        self.states.push(State { indeterminate, ..State::default() });
        id
    }

    fn identity(&mut self) -> u32 {
        self.identities += 1;
        self.identities
    }
}
