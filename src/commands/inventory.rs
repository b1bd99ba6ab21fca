//! What stands in an emulated account, in the words of the scenario check.
//!
//! Main function: [`of`]. The check must not know the emulator and the emulator must not know the check,
//! so this is where one's inventory becomes the other's.

use std::time::Duration;

use crate::emulator::Account;
use crate::emulator::environment::inventory as found;
use crate::emulator::services::aws_owned_documents;
use crate::scenario::inventory as wanted;

/// Until a datapoint of a period that is over can be read; the emulated account publishes at once.
const PUBLISH_DELAY: Duration = Duration::ZERO;

/// The inventory of an account; `name` is what messages call it.
pub fn of(account: &Account, name: &str) -> wanted::Inventory {
    let inventory = found::Inventory::of(account);
    let alarms = inventory.alarms.iter().map(|(name, found)| (name.clone(), alarm(found)));
    let rules = inventory.buses.iter().flat_map(|(bus, content)| {
        content.rules.iter().map(|(name, found)| wanted::Rule {
            name: name.clone(),
            bus: bus.clone(),
            pattern: found.pattern.clone(),
            enabled: found.state != "DISABLED",
            targets: found.targets,
        })
    });
    let aws_owned = aws_owned_documents().map(str::to_owned);
    wanted::Inventory {
        name: name.to_owned(),
        account: account.identity().account.clone(),
        region: account.identity().region.clone(),
        alarms: alarms.collect(),
        rules: rules.collect(),
        buses: inventory.buses.keys().cloned().collect(),
        documents: inventory.documents.keys().cloned().chain(aws_owned).collect(),
        topics: inventory.topics.keys().cloned().collect(),
        deployment_groups: inventory.deployment_groups.iter().map(group).collect(),
        templates: inventory.experiment_templates.iter().map(template).collect(),
    }
}

fn alarm(found: &found::Alarm) -> wanted::Alarm {
    let evaluation = (!found.composite).then(|| wanted::Evaluation {
        period: Duration::from_secs(found.period.into()),
        datapoints_to_alarm: found.datapoints_to_alarm,
        publish_delay: PUBLISH_DELAY,
    });

    wanted::Alarm {
        evaluation,
        actions_enabled: found.actions_enabled,
        actions: found.actions.clone(),
    }
}

fn group(found: &found::DeploymentGroup) -> wanted::DeploymentGroup {
    wanted::DeploymentGroup { application: found.application.clone(), name: found.group.clone() }
}

fn template(found: &found::ExperimentTemplate) -> wanted::ExperimentTemplate {
    wanted::ExperimentTemplate {
        id: Some(found.id.clone()),
        name: found.name.clone(),
        has_stop_condition: found.has_stop_condition,
    }
}
