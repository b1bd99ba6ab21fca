//! Rules about OpsItems and incidents: numbers that AWS has, and names that the environment has.

use super::environment::{document, known};
use super::expectations::all;
use super::{Check, findings};
use crate::scenario::rules::code;

/// The severities of an OpsItem, 1 the gravest:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html>.
const OPS_ITEM_SEVERITIES: std::ops::RangeInclusive<u8> = 1..=4;

/// The impacts of an incident, 1 the gravest:
/// <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_StartIncident.html>.
const INCIDENT_IMPACTS: std::ops::RangeInclusive<u8> = 1..=5;

pub(super) fn check(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        let kinds = placed.kinds();
        let path = &placed.kinds_path();
        if let Some(finding) = kinds.finding {
            findings::finding(check, finding, &format!("{path}/finding"));
        }
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

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, inventory, told};

    #[test]
    fn severities_impacts_plans_and_runbooks_of_records_are_known() {
        let inventory = inventory();
        let codes = |kind: &str| -> Vec<String> {
            let text = BASE.replace("notification: {topic: oncall}", kind);
            told(&text, Some(&inventory)).into_iter().map(|(code, _)| code).collect()
        };
        let none = Vec::<String>::new();
        assert_eq!(codes("ops_item: {title: \"a *\", severity: 4}"), none);
        assert_eq!(codes("ops_item: {severity: 5}"), ["unknown-level"]);
        assert_eq!(codes("ops_item: {severity: 2, status: Closed}"), ["unknown-word"]);
        assert_eq!(
            codes("incident: {response_plan: vpn-down, impact: 5, runbook: Diagnose}"),
            none
        );
        assert_eq!(codes("incident: {impact: 0}"), ["unknown-level"]);
        assert_eq!(codes("incident: {response_plan: vpn-up}"), ["unknown-resource"]);
        assert_eq!(codes("incident: {runbook: Diagnoze}"), ["unknown-resource"]);
    }

    #[test]
    fn findings_are_ones_that_aws_takes() {
        let codes = |fault: &str, kind: &str| -> Vec<String> {
            let text = BASE
                .replace("set_alarm_state: {alarm: cpu}", fault)
                .replace("notification: {topic: oncall}", kind);
            told(&text, None).into_iter().map(|(code, _)| code).collect()
        };
        let (fine, none) = ("notification: {topic: oncall}", Vec::<String>::new());
        assert_eq!(codes("guardduty_sample_findings: {types: [\"A:B/C\"]}", fine), none);
        assert_eq!(codes("guardduty_sample_findings: {types: []}", fine), ["bad-findings"]);
        let import = |finding: &str| format!("securityhub_findings: {{findings: [{finding}]}}");
        assert_eq!(codes(&import("{title: a, severity: high}"), fine), none);
        assert_eq!(codes(&import(""), fine), ["bad-findings"]);
        assert_eq!(codes(&import("{title: \"\", severity: high}"), fine), ["bad-findings"]);
        assert_eq!(codes(&import("{title: a, severity: grave}"), fine), ["unknown-word"]);
        let samples = "guardduty_sample_findings: {types: [\"A:B/C\"]}";
        assert_eq!(codes(samples, "finding: {source: guardduty, severity: high}"), none);
        let worked_on = "finding: {source: guardduty, workflow: RESOLVED}";
        assert_eq!(codes(samples, worked_on), ["workflow-of-guardduty"]);
    }
}
