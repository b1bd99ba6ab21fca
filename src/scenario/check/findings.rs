//! Rules about findings: nothing that AWS would refuse, and no workflow where there is none.

use super::Check;
use crate::scenario::rules::code;
use crate::scenario::types::{
    FindingExpectation, FindingSource, SampleFindingsFault, SecurityHubFault,
};

/// <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateSampleFindings.html>.
const MOST_TYPES: usize = 50;

/// <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html>.
const MOST_FINDINGS: usize = 100;

/// The limits of one finding:
/// <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html>.
const LONGEST_TITLE: usize = 256;
const LONGEST_DESCRIPTION: usize = 1024;
const MOST_RESOURCES: usize = 32;

pub(super) fn samples(check: &mut Check<'_>, fault: &SampleFindingsFault, path: &str) {
    if fault.types.is_empty() || fault.types.len() > MOST_TYPES {
        let message =
            format!("there are {} finding types; 1 to {MOST_TYPES} are taken", fault.types.len());
        let hint = "such as `types: [\"CryptoCurrency:EC2/BitcoinTool.B!DNS\"]`".to_owned();
        check.error(code::BAD_FINDINGS, &format!("{path}/types"), message, hint);
    }
}

pub(super) fn import(check: &mut Check<'_>, fault: &SecurityHubFault, path: &str) {
    let count = fault.findings.len();
    if count == 0 || count > MOST_FINDINGS {
        let message = format!("there are {count} findings; 1 to {MOST_FINDINGS} are taken");
        let hint = "add one: `- {title: …, severity: high}`".to_owned();
        check.error(code::BAD_FINDINGS, &format!("{path}/findings"), message, hint);
    }
    for (index, finding) in fault.findings.iter().enumerate() {
        let description = finding.description.as_deref().unwrap_or_default();
        for (key, length, most) in [
            ("title", finding.title.chars().count(), LONGEST_TITLE),
            ("description", description.chars().count(), LONGEST_DESCRIPTION),
            ("types", finding.types.len(), MOST_TYPES),
            ("resources", finding.resources.len(), MOST_RESOURCES),
        ] {
            let empty = key == "title" && length == 0;
            if empty || length > most {
                let message = format!("`{key}` has a length of {length}");
                let hint = format!("Security Hub takes 1 to {most}");
                let place = format!("{path}/findings/{index}/{key}");
                check.error(code::BAD_FINDINGS, &place, message, hint);
            }
        }
    }
}

pub(super) fn finding(check: &mut Check<'_>, wanted: &FindingExpectation, path: &str) {
    if wanted.source == FindingSource::GuardDuty && wanted.workflow.is_some() {
        let message = "a finding of GuardDuty has no workflow".to_owned();
        let hint = "use `record: ARCHIVED`, or expect the finding in Security Hub".to_owned();
        let path = format!("{path}/workflow");
        check.error_at_key(code::WORKFLOW_OF_GUARDDUTY, &path, message, hint);
    }
}
