//! Findings of GuardDuty as they are now.
//!
//! Main functions: [`detectors`] and [`guardduty`]. Invariant: what is listed is read whole, in the limits
//! of the API: <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetFindings.html>.

use aws_sdk_guardduty::types::{Condition, Finding, FindingCriteria};

use super::{Aws, CallError, CallErrorKind};

/// The most ids that one GetFindings takes.
const BATCH: usize = 50;

/// The most findings that are looked at in one go; more is blindness, since the rest is not seen.
pub(crate) const MOST_FINDINGS: usize = 5_000;

/// The ids of the detectors of this account and region: one, or none where GuardDuty is off.
pub(crate) async fn detectors(aws: &Aws) -> Result<Vec<String>, CallError> {
    let mut pages = aws.guardduty.list_detectors().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(id) = pages.next().await {
        found.push(id.map_err(|error| CallError::of("guardduty:ListDetectors", &error))?);
    }
    Ok(found)
}

/// The findings of a detector that fit all of the criteria.
pub(crate) async fn guardduty(
    aws: &Aws,
    detector: &str,
    criteria: Vec<(&str, Condition)>,
) -> Result<Vec<Finding>, CallError> {
    let criterion = criteria.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
    let criteria = FindingCriteria::builder().set_criterion(Some(criterion)).build();
    let request = aws.guardduty.list_findings().detector_id(detector).finding_criteria(criteria);
    let mut pages = request.into_paginator().items().send();
    let mut ids = Vec::new();
    while let Some(id) = pages.next().await {
        ids.push(id.map_err(|error| CallError::of("guardduty:ListFindings", &error))?);
        if ids.len() > MOST_FINDINGS {
            return Err(too_many("guardduty:ListFindings"));
        }
    }
    let mut findings = Vec::new();
    for batch in ids.chunks(BATCH) {
        let request = aws.guardduty.get_findings().detector_id(detector);
        let sent = request.set_finding_ids(Some(batch.to_vec())).send().await;
        let answer = sent.map_err(|error| CallError::of("guardduty:GetFindings", &error))?;
        findings.extend(answer.findings.unwrap_or_default());
    }
    Ok(findings)
}

/// More findings than a look may take.
pub(crate) fn too_many(operation: &'static str) -> CallError {
    CallError {
        kind: CallErrorKind::Refused,
        operation,
        code: None,
        message: format!("more than {MOST_FINDINGS} findings moved since the drill began"),
    }
}

/// Whether GuardDuty itself says that a finding is a sample.
pub(crate) fn is_sample(finding: &Finding) -> bool {
    let info = finding.service().and_then(|service| service.additional_info());
    let flag = info.and_then(|info| info.value()).is_some_and(|text| {
        serde_json::from_str::<serde_json::Value>(text).is_ok_and(|info| info["sample"] == true)
    });
    flag || finding.title().is_some_and(|title| title.starts_with("[SAMPLE]"))
}
