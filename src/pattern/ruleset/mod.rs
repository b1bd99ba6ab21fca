//! Many patterns at once: which of them match an event.
//!
//! Main type: [`RuleSet`]. Invariant: `matching` gives exactly the ids whose pattern matches alone,
//! in order. An event's bytes are read once; then only those rules are looked at that an index over
//! their most selective fields brings up, so that the cost follows what matches.
//!
//! The index is built when it is first needed. A few later changes are kept beside it (changed
//! rules are then matched one by one) until they are worth building it anew.

mod access;
mod guard;
mod index;
mod intervals;
mod lookup;
mod postings;
mod prefixes;
mod substrings;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::{EventError, Pattern};
use index::Index;

/// How many changed rules are matched beside the index, at least.
const FEW: usize = 16;
/// Which part of all rules may be matched beside the index (one in this many).
const PART: usize = 64;

/// Rules by id. Cheap to clone: patterns and index are shared.
#[derive(Debug, Clone)]
pub struct RuleSet<Id> {
    rules: Arc<BTreeMap<Id, Pattern>>,
    index: OnceLock<Arc<Index<Id>>>,
    /// The ids that were added, changed or removed since the index was built.
    changed: BTreeSet<Id>,
}

impl<Id: Clone + Ord> Default for RuleSet<Id> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Id: Clone + Ord> RuleSet<Id> {
    /// An empty set.
    pub fn new() -> Self {
        Self { rules: Arc::default(), index: OnceLock::new(), changed: BTreeSet::new() }
    }

    /// Adds a rule; an id that is already there gets the new pattern instead of its old one.
    pub fn add(&mut self, id: Id, pattern: &Pattern) {
        self.note(&id);
        Arc::make_mut(&mut self.rules).insert(id, pattern.clone());
    }

    /// Removes a rule, and says whether it was there.
    pub fn remove(&mut self, id: &Id) -> bool {
        if !self.rules.contains_key(id) {
            return false;
        }
        self.note(id);
        Arc::make_mut(&mut self.rules).remove(id).is_some()
    }

    /// Notes a change beside the index, or gives the index up.
    fn note(&mut self, id: &Id) {
        if self.index.get().is_none() {
            return;
        }
        self.changed.insert(id.clone());
        if self.changed.len() > FEW + self.rules.len() / PART {
            self.index = OnceLock::new();
            self.changed.clear();
        }
    }

    /// The ids of the rules that match an event, in order.
    ///
    /// The event is trusted to be JSON where no rule looks: what is skipped is read for its quotes
    /// and brackets only. Use [`Pattern::matches`] where the text itself is in doubt.
    ///
    /// # Errors
    /// As [`Pattern::matches`], as far as the event is read.
    pub fn matching(&self, event: &str) -> Result<Vec<Id>, EventError> {
        let index = self.index.get_or_init(|| Arc::new(Index::new(&self.rules)));
        let mut ids = index.matching(event)?;
        if self.changed.is_empty() {
            return Ok(ids);
        }
        ids.retain(|id| !self.changed.contains(id));
        for id in &self.changed {
            if let Some(pattern) = self.rules.get(id)
                && pattern.matches(event)?
            {
                ids.push(id.clone());
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// A rule's pattern.
    pub fn get(&self, id: &Id) -> Option<&Pattern> {
        self.rules.get(id)
    }

    /// The rules in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Id, &Pattern)> {
        self.rules.iter()
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
