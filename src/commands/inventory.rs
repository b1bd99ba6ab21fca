//! What stands in an environment, in the check's words.
//!
//! Main function: [`of`]. The emulator and the scenario language know nothing of one another; this is where
//! they meet.

use std::time::Duration;

use crate::emulator::Account;
use crate::emulator::environment;
use crate::emulator::services::aws_owned_documents;
use crate::scenario::inventory::{
    Alarm, DeploymentGroup, Evaluation, ExperimentTemplate, Inventory, Rule,
};

/// The inventory of an account that was made from the environment called `name`.
pub fn of(name: &str, account: &Account) -> Inventory {
    let found = environment::Inventory::of(account);
    let identity = account.identity();
    let rules = found.buses.iter().flat_map(|(bus, contents)| {
        contents.rules.iter().map(|(name, rule)| Rule {
            name: name.clone(),
            bus: bus.clone(),
            pattern: rule.pattern.clone(),
            enabled: rule.state == "ENABLED",
            targets: rule.targets,
        })
    });
    let aws_owned = aws_owned_documents().map(str::to_owned);
    Inventory {
        name: name.to_owned(),
        account: identity.account.clone(),
        region: identity.region.clone(),
        rules: rules.collect(),
        alarms: found.alarms.iter().map(|(name, alarm)| (name.clone(), translate(alarm))).collect(),
        buses: found.buses.keys().cloned().collect(),
        documents: found.documents.keys().cloned().chain(aws_owned).collect(),
        topics: found.topics.keys().cloned().collect(),
        deployment_groups: found
            .deployment_groups
            .iter()
            .map(|group| DeploymentGroup {
                application: group.application.clone(),
                name: group.group.clone(),
            })
            .collect(),
        templates: found
            .experiment_templates
            .iter()
            .map(|template| ExperimentTemplate {
                id: Some(template.id.clone()),
                name: template.name.clone(),
                has_stop_condition: template.has_stop_condition,
            })
            .collect(),
        response_plans: found.response_plans.clone(),
        config_rules: found.config_rules.clone(),
        state_machines: found.state_machines.keys().cloned().collect(),
        functions: found.functions.keys().cloned().collect(),
        queues: found.queues.keys().cloned().collect(),
        log_groups: found.log_groups.clone(),
    }
}

fn translate(alarm: &environment::inventory::Alarm) -> Alarm {
    let publish_delay = Duration::try_from(alarm.publish_delay).unwrap_or_default();
    let evaluation = Evaluation {
        period: Duration::from_secs(alarm.period.into()),
        datapoints_to_alarm: alarm.datapoints_to_alarm,
        publish_delay,
    };
    Alarm {
        evaluation: (!alarm.composite).then_some(evaluation),
        actions_enabled: alarm.actions_enabled,
        actions: alarm.actions.clone(),
    }
}
