//! Findings, OpsItems, incidents and API calls in words, the same in the dry run and in the reports.
//!
//! No main type: one function a kind. Invariant: what is said is what the observer compares.

use crate::scenario::types::{
    ApiCallExpectation, FindingExpectation, FindingSource, IncidentExpectation, OpsItemExpectation,
};

/// Parts that are there, joined; one word where none is.
fn joined(what: &str, parts: Vec<Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { format!("any {what}") } else { format!("{what} {}", parts.join(", ")) }
}

/// A finding: `GuardDuty finding CryptoCurrency:*, HIGH or worse`.
pub(crate) fn finding(finding: &FindingExpectation) -> String {
    let what = match finding.source {
        FindingSource::GuardDuty => "GuardDuty finding",
        FindingSource::SecurityHub => "Security Hub finding",
    };
    let parts = vec![
        finding.title.as_ref().map(|title| format!("\"{title}\"")),
        finding.kind.clone(),
        finding.severity.map(|severity| format!("{} or worse", severity.as_str())),
        finding.workflow.map(|status| status.as_str().to_owned()),
        finding.record.map(|state| state.as_str().to_owned()),
    ];
    joined(what, parts)
}

/// An OpsItem: `OpsItem "* was lost", severity 2, Open`.
pub(crate) fn ops_item(item: &OpsItemExpectation) -> String {
    let data =
        item.operational_data.iter().map(|(key, value)| Some(format!("{key} = \"{value}\"")));
    let mut parts = vec![
        item.title.as_ref().map(|title| format!("\"{title}\"")),
        item.source.as_ref().map(|source| format!("from {source}")),
        item.severity.map(|severity| format!("severity {severity}")),
        item.status.map(|status| status.as_str().to_owned()),
    ];
    parts.extend(data);
    joined("OpsItem", parts)
}

/// An incident: `incident "VPN *" of vpn-plan, impact 3, OPEN`.
pub(crate) fn incident(incident: &IncidentExpectation) -> String {
    let parts = vec![
        incident.title.as_ref().map(|title| format!("\"{title}\"")),
        incident.response_plan.as_ref().map(|plan| format!("of {plan}")),
        incident.impact.map(|impact| format!("impact {impact}")),
        incident.status.map(|status| status.as_str().to_owned()),
        incident.runbook.as_ref().map(|runbook| format!("with runbook {runbook}")),
    ];
    joined("incident", parts)
}

/// An API call: `API call ec2 TerminateInstances by Automation*`.
pub(crate) fn api_call(call: &ApiCallExpectation) -> String {
    let source = call.source.as_ref().map(|source| format!("{source} ")).unwrap_or_default();
    let user = call.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
    let resource = call.resource.as_ref().map(|on| format!(" on {on}")).unwrap_or_default();
    let error = call.error.as_ref().map(|code| format!(", failed with {code}")).unwrap_or_default();
    format!("API call {source}{}{user}{resource}{error}", call.name)
}
