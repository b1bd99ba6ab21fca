//! What is going on in the account right now: running FIS actions, running commands, deployments.
//!
//! Main type: [`Fact`]. Services announce what goes on and when it ends; signals read it to decide what
//! a metric shows. Invariant: a fact says what is, never what somebody expects of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Something that goes on.
///
/// Kinds and their attributes: `fis-action` (action, target, experiment, template; one fact per resolved
/// target ARN), `command` (document, instance), `deployment` (application, group, revision; while it is
/// being rolled out), `serving` (application, group, revision; what the group runs), `instance`
/// (instance, state), `function-fault` (function, effect), `configuration` (application, environment,
/// profile, version; from the first share of its deployment until it is rolled back or replaced),
/// `stack-update` (stack, parameter, value; from the update on, until it is rolled back or replaced),
/// `tasks` (cluster, service, task-definition; while tasks of that definition run in an ECS service).
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

/// Every kind of fact with its attributes, so that whoever asks for one that never comes can be told.
pub(crate) const KINDS: &[(&str, &[&str])] = &[
    ("fis-action", &["action", "name", "target", "experiment", "template", "template-name"]),
    ("command", &["document", "instance"]),
    ("deployment", &["application", "group", "revision"]),
    ("serving", &["application", "group", "revision"]),
    ("instance", &["instance", "state"]),
    ("function-fault", &["function", "effect"]),
    ("configuration", &["application", "environment", "profile", "version"]),
    ("stack-update", &["stack", "parameter", "value"]),
    ("tasks", &["cluster", "service", "task-definition"]),
];

/// Names a fact that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FactId(u64);

/// All that goes on, in the order in which it began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    ongoing: BTreeMap<FactId, (Fact, Timestamp)>,
    next: u64,
    now: Timestamp,
}

impl Facts {
    /// Announces that something began.
    pub(crate) fn begin(&mut self, fact: Fact) -> FactId {
        self.next += 1;
        let id = FactId(self.next);
        self.ongoing.insert(id, (fact, self.now));
        id
    }

    /// Announces that it ended; ending twice is no error.
    pub(crate) fn end(&mut self, id: FactId) {
        self.ongoing.remove(&id);
    }

    /// What goes on now.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.ongoing.values().map(|(fact, _)| fact)
    }

    /// What goes on now, and since when.
    pub(crate) fn iter_since(&self) -> impl Iterator<Item = (&Fact, Timestamp)> {
        self.ongoing.values().map(|(fact, since)| (fact, *since))
    }

    /// The account's clock moved: what begins now begins at this moment.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.now = now;
    }
}
