//! The one kind of an expectation that is there, decided.
//!
//! Main function: [`only`]. Invariant: none or several kinds are no kind.

use super::{Kind, deployments, messages, metrics, outside, records};
use crate::scenario::names;
use crate::scenario::types::{EventExpectation, Kinds, Scenario, StateValue};

/// The one kind that is there; nothing for none or several.
pub(super) fn only(kinds: &Kinds<'_>, natural: StateValue, scenario: &Scenario) -> Option<Kind> {
    if kinds.names().len() != 1 {
        return None;
    }
    if let Some(alarm) = kinds.alarm {
        return Some(Kind::Alarm {
            name: alarm.name.clone(),
            state: alarm.state.unwrap_or(natural),
            action: alarm.action.clone(),
        });
    }
    if let Some(rule) = kinds.rule {
        let (name, bus) = (rule.name.clone(), rule.bus.clone());
        return Some(Kind::Rule { name, bus, state: rule.state });
    }
    if let Some(runbook) = kinds.runbook {
        return Some(Kind::Runbook {
            document: runbook.document.clone(),
            status: runbook.status.clone(),
            steps: runbook.steps.clone(),
            parameters: runbook.parameters.clone(),
            outputs: runbook.outputs.clone(),
        });
    }
    if let Some(event) = kinds.event {
        return Some(Kind::Event { bus: event.bus.clone(), pattern: pattern_text(event) });
    }
    if let Some(message) = kinds.notification {
        return Some(Kind::Notification {
            topic: message.topic.clone(),
            contains: message.contains.clone(),
        });
    }
    if let Some(experiment) = kinds.experiment {
        let fault = experiment.fault.clone().or_else(|| first_fis(scenario))?;
        return Some(Kind::Experiment { fault, state: experiment.state.clone() });
    }
    if let Some(finding) = kinds.finding {
        return Some(Kind::Finding(finding.clone()));
    }
    if let Some(item) = kinds.ops_item {
        return Some(Kind::OpsItem(item.clone()));
    }
    if let Some(execution) = kinds.execution {
        return outside::execution(execution);
    }
    if let Some(http) = kinds.http {
        return outside::answer(http);
    }
    if let Some(incident) = kinds.incident {
        return Some(Kind::Incident(incident.clone()));
    }
    if let Some(call) = kinds.api_call {
        return Some(Kind::ApiCall(call.clone()));
    }
    if let Some(wanted) = kinds.compliance {
        return Some(records::compliance_kind(wanted, natural));
    }
    if let Some(metric) = kinds.metric {
        return metrics::metric(metric);
    }
    if let Some(queue) = kinds.queue {
        return messages::queue(queue, natural);
    }
    if let Some(log) = kinds.log {
        return messages::log(log);
    }
    match kinds.deployment {
        Some(deployment) => deployments::deployed(deployment),
        None => deployments::rolled_back(kinds.rollback?),
    }
}

/// The id of the first FIS fault of the file.
pub(super) fn first_fis(scenario: &Scenario) -> Option<String> {
    let mut faults = scenario.faults.iter().enumerate();
    faults.find(|(_, fault)| fault.fis.is_some()).map(|(index, fault)| names::fault(fault, index))
}

/// A pattern as JSON text; it may be written as text in the first place.
pub(super) fn pattern_text(event: &EventExpectation) -> String {
    match &event.pattern {
        serde_json::Value::String(text) => text.clone(),
        pattern => pattern.to_string(),
    }
}
