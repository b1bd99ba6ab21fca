//! The kinds of an expectation side by side, and the one of them that is there, decided.
//!
//! Main type: [`Kinds`]. Invariant: none or several kinds are no kind.

use super::{Kind, deployments, messages, metrics, outside, records};
use crate::scenario::names;
use crate::scenario::types::{
    AlarmExpectation, ApiCallExpectation, ComplianceExpectation, DeploymentExpectation,
    EventExpectation, ExecutionExpectation, Expectation, ExperimentExpectation, FindingExpectation,
    HttpExpectation, IncidentExpectation, LogExpectation, MetricExpectation, Never,
    NotificationExpectation, OpsItemExpectation, QueueExpectation, RollbackExpectation,
    RuleExpectation, RunbookExpectation, Scenario, StateValue,
};

/// The kinds of an expectation or of a never, side by side.
pub(super) struct Kinds<'a> {
    alarm: Option<&'a AlarmExpectation>,
    rule: Option<&'a RuleExpectation>,
    runbook: Option<&'a RunbookExpectation>,
    rollback: Option<&'a RollbackExpectation>,
    event: Option<&'a EventExpectation>,
    notification: Option<&'a NotificationExpectation>,
    experiment: Option<&'a ExperimentExpectation>,
    finding: Option<&'a FindingExpectation>,
    ops_item: Option<&'a OpsItemExpectation>,
    incident: Option<&'a IncidentExpectation>,
    api_call: Option<&'a ApiCallExpectation>,
    metric: Option<&'a MetricExpectation>,
    compliance: Option<&'a ComplianceExpectation>,
    queue: Option<&'a QueueExpectation>,
    deployment: Option<&'a DeploymentExpectation>,
    log: Option<&'a LogExpectation>,
    execution: Option<&'a ExecutionExpectation>,
    http: Option<&'a HttpExpectation>,
}

impl<'a> Kinds<'a> {
    pub(super) fn of(one: &'a Expectation) -> Self {
        Self {
            alarm: one.alarm.as_ref(),
            rule: one.rule.as_ref(),
            runbook: one.runbook.as_ref(),
            rollback: one.rollback.as_ref(),
            event: one.event.as_ref(),
            notification: one.notification.as_ref(),
            experiment: one.experiment.as_ref(),
            finding: one.finding.as_ref(),
            ops_item: one.ops_item.as_ref(),
            incident: one.incident.as_ref(),
            api_call: one.api_call.as_ref(),
            metric: one.metric.as_ref(),
            compliance: one.compliance.as_ref(),
            queue: one.queue.as_ref(),
            deployment: one.deployment.as_ref(),
            log: one.log.as_ref(),
            execution: one.execution.as_ref(),
            http: one.http.as_ref(),
        }
    }

    pub(super) fn inside(never: &'a Never) -> Self {
        Self {
            alarm: never.alarm.as_ref(),
            rule: never.rule.as_ref(),
            runbook: never.runbook.as_ref(),
            rollback: never.rollback.as_ref(),
            event: never.event.as_ref(),
            notification: never.notification.as_ref(),
            experiment: never.experiment.as_ref(),
            finding: never.finding.as_ref(),
            ops_item: never.ops_item.as_ref(),
            incident: never.incident.as_ref(),
            api_call: never.api_call.as_ref(),
            metric: never.metric.as_ref(),
            compliance: never.compliance.as_ref(),
            queue: never.queue.as_ref(),
            deployment: never.deployment.as_ref(),
            log: never.log.as_ref(),
            execution: never.execution.as_ref(),
            http: never.http.as_ref(),
        }
    }

    pub(super) fn count(&self) -> usize {
        [
            self.alarm.is_some(),
            self.rule.is_some(),
            self.runbook.is_some(),
            self.rollback.is_some(),
            self.event.is_some(),
            self.notification.is_some(),
            self.experiment.is_some(),
            self.finding.is_some(),
            self.ops_item.is_some(),
            self.incident.is_some(),
            self.api_call.is_some(),
            self.metric.is_some(),
            self.compliance.is_some(),
            self.queue.is_some(),
            self.deployment.is_some(),
            self.log.is_some(),
            self.execution.is_some(),
            self.http.is_some(),
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    }

    /// The one kind that is there; nothing for none or several.
    pub(super) fn only(&self, natural: StateValue, scenario: &Scenario) -> Option<Kind> {
        if self.count() != 1 {
            return None;
        }
        if let Some(alarm) = self.alarm {
            return Some(Kind::Alarm {
                name: alarm.name.clone(),
                state: alarm.state.unwrap_or(natural),
                action: alarm.action.clone(),
            });
        }
        if let Some(rule) = self.rule {
            let (name, bus) = (rule.name.clone(), rule.bus.clone());
            return Some(Kind::Rule { name, bus, state: rule.state });
        }
        if let Some(runbook) = self.runbook {
            return Some(Kind::Runbook {
                document: runbook.document.clone(),
                status: runbook.status.clone(),
                steps: runbook.steps.clone(),
                parameters: runbook.parameters.clone(),
                outputs: runbook.outputs.clone(),
            });
        }
        if let Some(event) = self.event {
            return Some(Kind::Event { bus: event.bus.clone(), pattern: pattern_text(event) });
        }
        if let Some(message) = self.notification {
            return Some(Kind::Notification {
                topic: message.topic.clone(),
                contains: message.contains.clone(),
            });
        }
        if let Some(experiment) = self.experiment {
            let fault = experiment.fault.clone().or_else(|| first_fis(scenario))?;
            return Some(Kind::Experiment { fault, state: experiment.state.clone() });
        }
        if let Some(finding) = self.finding {
            return Some(Kind::Finding(finding.clone()));
        }
        if let Some(item) = self.ops_item {
            return Some(Kind::OpsItem(item.clone()));
        }
        if let Some(execution) = self.execution {
            return outside::execution(execution);
        }
        if let Some(http) = self.http {
            return outside::answer(http);
        }
        if let Some(incident) = self.incident {
            return Some(Kind::Incident(incident.clone()));
        }
        if let Some(call) = self.api_call {
            return Some(Kind::ApiCall(call.clone()));
        }
        if let Some(wanted) = self.compliance {
            return Some(records::compliance_kind(wanted, natural));
        }
        if let Some(metric) = self.metric {
            return metrics::metric(metric);
        }
        if let Some(queue) = self.queue {
            return messages::queue(queue, natural);
        }
        if let Some(log) = self.log {
            return messages::log(log);
        }
        match self.deployment {
            Some(deployment) => deployments::deployed(deployment),
            None => deployments::rolled_back(self.rollback?),
        }
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
