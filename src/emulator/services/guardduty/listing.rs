//! Findings, listed by their criteria and read whole.
//!
//! Main functions: [`list`] and [`get`]. Invariant: a criterion that is not emulated is refused by name.
//! Source: <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListFindings.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Finding, find, moment, refused};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ssm;

/// The most ids that one call takes and one page has.
pub(super) const MOST_IDS: usize = 50;

/// The input of `ListFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListFindings {
    detector_id: String,
    #[serde(default)]
    finding_criteria: Criteria,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Criteria {
    #[serde(default)]
    criterion: IndexMap<String, Condition>,
}

/// A condition; the short names are the older ones.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Condition {
    #[serde(default, alias = "eq")]
    equals: Option<Vec<String>>,
    #[serde(default, alias = "neq")]
    not_equals: Option<Vec<String>>,
    #[serde(default, alias = "gte")]
    greater_than_or_equal: Option<i64>,
    #[serde(default, alias = "lte")]
    less_than_or_equal: Option<i64>,
}

impl Condition {
    fn text(&self, text: &str) -> bool {
        let named = |list: &Vec<String>| list.iter().any(|one| one == text);
        self.equals.as_ref().is_none_or(named) && !self.not_equals.as_ref().is_some_and(named)
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double exactly")]
    fn number(&self, number: f64) -> bool {
        self.greater_than_or_equal.is_none_or(|least| number >= least as f64)
            && self.less_than_or_equal.is_none_or(|most| number <= most as f64)
    }
}

/// `ListFindings`: the ids of those that fit every criterion.
pub(super) fn list(account: &mut Account, input: ListFindings) -> Answer {
    let detector = find(account, &input.detector_id)?;
    let mut ids = Vec::new();
    for (id, finding) in &detector.findings {
        let mut fits = true;
        for (attribute, condition) in &input.finding_criteria.criterion {
            fits &= holds(attribute, condition, id, finding)?;
        }
        if fits {
            ids.push(json!(id));
        }
    }
    let (max, token) = (input.max_results, input.next_token.as_deref());
    let token = token.filter(|token| !token.is_empty());
    let (ids, next) = ssm::page(ids, max, token, MOST_IDS)?;
    // "" says that there is no more.
    Ok(json!({"findingIds": ids, "nextToken": next.unwrap_or_default()}))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double exactly")]
fn holds(
    attribute: &str,
    condition: &Condition,
    id: &str,
    finding: &Finding,
) -> Result<bool, ServiceError> {
    Ok(match attribute {
        "id" => condition.text(id),
        "type" => condition.text(finding.sample.kind),
        "severity" => condition.number(finding.sample.severity),
        "updatedAt" => condition.number(finding.updated.as_millisecond() as f64),
        "service.archived" => condition.text(if finding.archived { "true" } else { "false" }),
        other => {
            return Err(ServiceError::unsupported(format_args!(
                "the finding criterion {other} of ListFindings"
            )));
        }
    })
}

/// The input of `GetFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetFindings {
    detector_id: String,
    finding_ids: Vec<String>,
}

/// `GetFindings`: ids that nothing has are left out.
pub(super) fn get(account: &mut Account, input: GetFindings) -> Answer {
    if input.finding_ids.len() > MOST_IDS {
        return Err(refused("The request is rejected because too many finding ids are given."));
    }
    let findings = find(account, &input.detector_id)?.findings.clone();
    let found = input.finding_ids.iter().filter_map(|id| Some((id, findings.get(id)?)));
    let shapes: Vec<Value> =
        found.map(|(id, finding)| shape(account, &input.detector_id, id, finding)).collect();
    Ok(json!({"findings": shapes}))
}

/// A finding as AWS shows it.
pub(super) fn shape(account: &Account, detector: &str, id: &str, finding: &Finding) -> Value {
    let identity = account.identity();
    let sample = finding.sample;
    let title = format!("[SAMPLE] {}", sample.title);
    json!({
        "schemaVersion": "2.0",
        "accountId": identity.account,
        "region": identity.region,
        "partition": identity.partition,
        "id": id,
        "arn": identity.arn("guardduty", &format!("detector/{detector}/finding/{id}")),
        "type": sample.kind,
        "resource": sample.resource.shape(),
        "service": {
            "serviceName": "guardduty",
            "detectorId": detector,
            "eventFirstSeen": moment(finding.created),
            "eventLastSeen": moment(finding.updated),
            "archived": finding.archived,
            "count": finding.count,
            "resourceRole": "TARGET",
            "additionalInfo": {"value": json!({"sample": true}).to_string(), "type": "default"},
        },
        "severity": sample.severity,
        "createdAt": moment(finding.created),
        "updatedAt": moment(finding.updated),
        "title": title,
        "description": title,
    })
}
