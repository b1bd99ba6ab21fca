//! Events that say that it is time to look: which topics an event on the default bus is about.
//!
//! Main type: [`WakeUps`]. Invariant: nothing is observed here; whoever is woken asks an API.

use crate::context::ChangeError;
use crate::pattern::Pattern;
use crate::plan::{Subject, WakeUp};
use crate::wakeup::Topic;

/// What each event that wakes is about.
#[derive(Debug, Default)]
pub(super) struct WakeUps(Vec<(Topic, Pattern)>);

impl WakeUps {
    /// Adds what a rule brings.
    pub(super) fn add(&mut self, wake_ups: &[WakeUp]) -> Result<(), ChangeError> {
        for one in wake_ups {
            let text = one.pattern.to_string();
            let pattern = Pattern::parse(&text)
                .map_err(|error| ChangeError::NoEffect(format!("event pattern {text}: {error}")))?;
            self.0.push((topic(one.subject), pattern));
        }
        Ok(())
    }

    /// Whether nothing wakes.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What may have changed if this is an event that wakes.
    pub(super) fn told_by(&self, event: &str) -> Vec<Topic> {
        let told = self.0.iter().filter(|(_, pattern)| pattern.matches(event).unwrap_or(false));
        told.map(|(topic, _)| *topic).collect()
    }
}

fn topic(subject: Subject) -> Topic {
    match subject {
        Subject::Alarms => Topic::Alarms,
        Subject::Compliance => Topic::Compliance,
        Subject::Automations => Topic::Automations,
        Subject::Deployments => Topic::Deployments,
        Subject::Executions => Topic::Executions,
        Subject::Experiments => Topic::Experiments,
        Subject::Findings => Topic::Findings,
        Subject::OpsItems => Topic::OpsItems,
    }
}
