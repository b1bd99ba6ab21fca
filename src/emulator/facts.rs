//! What is going on in the account right now: running FIS actions, running commands, deployments.
//!
//! Main type: [`Fact`]. Services announce what goes on and when it ends; signals read it to decide what
//! a metric shows. Invariant: a fact says what is, never what somebody expects of it.

use std::collections::BTreeMap;

/// Something that goes on.
///
/// Kinds and their attributes: `fis-action` (action, target, experiment, template; one fact per resolved
/// target ARN), `command` (document, instance), `deployment` (application, group, revision; while it is
/// being rolled out), `serving` (application, group, revision; what the group runs), `instance`
/// (instance, state), `function-fault` (function, effect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) kind: &'static str,
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

impl Fact {
    /// A fact of this kind with these attributes.
    pub(crate) fn new<const N: usize>(
        kind: &'static str,
        attributes: [(&'static str, &str); N],
    ) -> Self {
        let attributes =
            attributes.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        Self { kind, attributes }
    }
}

/// Names a fact that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FactId(u64);

/// All that goes on, in the order in which it began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    ongoing: BTreeMap<FactId, Fact>,
    next: u64,
}

impl Facts {
    /// Announces that something began.
    pub(crate) fn begin(&mut self, fact: Fact) -> FactId {
        self.next += 1;
        let id = FactId(self.next);
        self.ongoing.insert(id, fact);
        id
    }

    /// Announces that it ended; ending twice is no error.
    pub(crate) fn end(&mut self, id: FactId) {
        self.ongoing.remove(&id);
    }

    /// What goes on now.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.ongoing.values()
    }
}
