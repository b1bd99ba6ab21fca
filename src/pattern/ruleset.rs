//! Many patterns at once: which of them match an event.
//!
//! Main type: [`RuleSet`]. Invariant: `matching` gives exactly the ids whose pattern matches alone.

use std::collections::BTreeMap;

use super::{EventError, Pattern};

/// Rules by id. Cheap to clone: patterns are shared.
#[derive(Debug, Clone, Default)]
pub struct RuleSet<Id> {
    rules: BTreeMap<Id, Pattern>,
}

impl<Id: Clone + Ord> RuleSet<Id> {
    /// An empty set.
    pub fn new() -> Self {
        Self { rules: BTreeMap::new() }
    }

    /// Adds a rule; an id that is already there gets the new pattern instead of its old one.
    pub fn add(&mut self, id: Id, pattern: &Pattern) {
        self.rules.insert(id, pattern.clone());
    }

    /// Removes a rule, and says whether it was there.
    pub fn remove(&mut self, id: &Id) -> bool {
        self.rules.remove(id).is_some()
    }

    /// The ids of the rules that match an event, in order.
    ///
    /// # Errors
    /// As [`Pattern::matches`].
    pub fn matching(&self, event: &str) -> Result<Vec<Id>, EventError> {
        let mut ids = Vec::new();
        for (id, pattern) in &self.rules {
            if pattern.matches(event)? {
                ids.push(id.clone());
            }
        }
        Ok(ids)
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
