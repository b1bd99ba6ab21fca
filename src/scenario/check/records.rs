//! Rules about OpsItems and incidents: numbers that AWS has, and names that the environment has.

use super::Check;
use super::environment::{document, known};
use super::expectations::{Kinds, all};
use crate::scenario::rules::code;

/// The severities of an OpsItem, 1 the gravest:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html>.
const OPS_ITEM_SEVERITIES: std::ops::RangeInclusive<u8> = 1..=4;

/// The impacts of an incident, 1 the gravest:
/// <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_StartIncident.html>.
const INCIDENT_IMPACTS: std::ops::RangeInclusive<u8> = 1..=5;

pub(super) fn check(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        let kinds = Kinds::of(&placed);
        let path = &kinds.path;
        if let Some(item) = kinds.ops_item {
            let place = format!("{path}/ops_item/severity");
            level(check, &place, "severity", item.severity, OPS_ITEM_SEVERITIES);
        }
        if let Some(incident) = kinds.incident {
            let place = format!("{path}/incident/impact");
            level(check, &place, "impact", incident.impact, INCIDENT_IMPACTS);
            let Some(inventory) = check.inventory else { continue };
            if let Some(plan) = &incident.response_plan {
                let names = inventory.response_plans.iter().map(String::as_str);
                let place = format!("{path}/incident/response_plan");
                known(check, "response plan", plan, &place, names);
            }
            if let Some(runbook) = &incident.runbook {
                document(check, inventory, runbook, &format!("{path}/incident/runbook"));
            }
        }
    }
}

/// Reports a number that AWS does not have.
fn level(
    check: &mut Check<'_>,
    path: &str,
    what: &str,
    number: Option<u8>,
    known: std::ops::RangeInclusive<u8>,
) {
    let Some(number) = number.filter(|number| !known.contains(number)) else { return };
    let message = format!("there is no {what} {number}");
    let hint = format!("from {} (the gravest) to {}", known.start(), known.end());
    check.error(code::UNKNOWN_LEVEL, path, message, hint);
}
