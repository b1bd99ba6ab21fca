//! What is due in the account, ordered by (time, sequence).
//!
//! Main type: [`Agenda`]. Invariant: two things due at the same instant happen in the order in which
//! they were scheduled, so that a run is a function of its inputs alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::services::Due;

/// An ordered list of what will happen by itself, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Due>,
    sequence: u64,
}

/// Names one entry, so that it can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(Timestamp, u64);

impl Agenda {
    /// Adds something that happens at `at`.
    pub(crate) fn schedule(&mut self, at: Timestamp, due: Due) -> Ticket {
        self.sequence += 1;
        self.due.insert((at, self.sequence), due);
        Ticket(at, self.sequence)
    }

    /// Takes an entry back; an entry that already happened is no error.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        self.due.remove(&(ticket.0, ticket.1));
    }

    /// When the next thing is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first entry that is due at or before `until`.
    pub(crate) fn pop(&mut self, until: Timestamp) -> Option<(Timestamp, Due)> {
        let entry = self.due.first_entry()?;
        if entry.key().0 > until {
            return None;
        }
        let ((at, _), due) = entry.remove_entry();
        Some((at, due))
    }
}
