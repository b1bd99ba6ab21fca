//! The one door between `EventBridge` and the event patterns: parse, match one, match many.
//!
//! Main types: [`EventPattern`], [`RuleIndex`]. Invariant: both answer alike for the same pattern. An event
//! that can't be matched at all (not an object, nested too deep) matches nothing.

use crate::emulator::error::ServiceError;
use crate::pattern::{Pattern, PatternError, RuleSet};

/// A parsed event pattern, and the text that it came from.
#[derive(Debug, Clone)]
pub(crate) struct EventPattern(Pattern);

impl EventPattern {
    /// Reads a pattern, or refuses it as the service does.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        Pattern::parse(text).map(Self)
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        self.0.source()
    }

    /// Whether an event (JSON text) matches.
    pub(crate) fn matches(&self, event: &str) -> bool {
        self.0.matches(event).unwrap_or(false)
    }
}

/// AWS's refusal of a pattern.
pub(crate) fn refusal(error: &PatternError) -> ServiceError {
    let status = if error.code() == "InternalFailure" { 500 } else { 400 };
    ServiceError { status, ..ServiceError::new(error.code(), error.message()) }
}

/// The enabled patterns of one bus, by rule name.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleIndex {
    rules: RuleSet<String>,
}

impl RuleIndex {
    /// Adds or replaces a rule's pattern.
    pub(crate) fn add(&mut self, rule: &str, pattern: &EventPattern) {
        self.rules.add(rule.to_owned(), &pattern.0);
    }

    /// Takes a rule out; one that is not there is no error.
    pub(crate) fn remove(&mut self, rule: &str) {
        self.rules.remove(&rule.to_owned());
    }

    /// The names of the rules that match, in the order of their names.
    pub(crate) fn matching(&self, event: &str) -> Vec<String> {
        self.rules.matching(event).unwrap_or_default()
    }
}
