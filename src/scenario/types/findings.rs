//! Findings: as faults (samples of GuardDuty, imports into Security Hub) and as expectations.
//!
//! Main types: one struct a kind, as it is written. Invariant: a severity is one of Security Hub's labels
//! for both services; GuardDuty's numbers are read as the labels that its documentation gives them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sample findings of GuardDuty. Their titles begin with `[SAMPLE]` and they are about AWS's placeholders
/// (`i-99999999`), so a response that looks the resource up finds nothing. A type that has a sample
/// already only gets one more occurrence of it, which GuardDuty publishes at the detector's frequency, up
/// to six hours later. Archived afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleFindingsFault {
    /// The detector's id; default: the only one of the account and region.
    #[serde(default)]
    pub detector: Option<String>,
    /// The finding types, such as `CryptoCurrency:EC2/BitcoinTool.B!DNS`; at most 50.
    pub types: Vec<String>,
}

/// Findings imported into Security Hub as a product of the account's own. The run id stands in their ids
/// and product fields. Resolved and archived afterwards, which Security Hub tells as events, too: a rule
/// that must not answer those asks for `Workflow.Status` NEW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityHubFault {
    /// The findings; at most 100.
    pub findings: Vec<SecurityHubFinding>,
}

/// One finding to import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityHubFinding {
    /// Its title, at most 256 characters.
    pub title: String,
    /// What is wrong; default: the title.
    #[serde(default)]
    pub description: Option<String>,
    /// How grave it is.
    pub severity: FindingSeverity,
    /// Its types, such as `Software and Configuration Checks/Vulnerabilities/CVE`.
    #[serde(default)]
    pub types: Vec<String>,
    /// What would have found it; default `firedrill`.
    #[serde(default)]
    pub generator: Option<String>,
    /// What it is about; default: the account.
    #[serde(default)]
    pub resources: Vec<FindingResource>,
    /// Fields of the product's own.
    #[serde(default)]
    pub product_fields: IndexMap<String, String>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingResource {
    /// The resource's type, such as `AwsEc2Instance`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource's ARN or id.
    pub id: String,
}

/// A finding of GuardDuty or Security Hub that appears or moves during the drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingExpectation {
    /// Whose finding it is.
    pub source: FindingSource,
    /// Its type; `*` stands for any text.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Its title; `*` stands for any text.
    #[serde(default)]
    pub title: Option<String>,
    /// The least severity that counts.
    #[serde(default)]
    pub severity: Option<FindingSeverity>,
    /// The status of its workflow; Security Hub only.
    #[serde(default)]
    pub workflow: Option<WorkflowStatus>,
    /// Whether it is archived; default: either.
    #[serde(default)]
    pub record: Option<RecordState>,
}

/// Whose finding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingSource {
    /// GuardDuty's
    GuardDuty,
    /// Security Hub's, whichever product imported it.
    SecurityHub,
}

impl FindingSource {
    /// The service's name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GuardDuty => "GuardDuty",
            Self::SecurityHub => "Security Hub",
        }
    }
}

/// How grave a finding is, mildest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// No issue was found.
    Informational,
    /// Of GuardDuty below 4.
    Low,
    /// Of GuardDuty from 4.
    Medium,
    /// Of GuardDuty from 7.
    High,
    /// Of GuardDuty from 9.
    Critical,
}

impl FindingSeverity {
    /// The label in the Security Finding Format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Reads the label.
    pub fn parse(label: &str) -> Option<Self> {
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str() == label)
    }

    /// Reads GuardDuty's number:
    /// <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html>.
    pub fn of_guardduty(severity: f64) -> Self {
        if severity >= 9.0 {
            Self::Critical
        } else if severity >= 7.0 {
            Self::High
        } else if severity >= 4.0 {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// How far the work on a finding of Security Hub is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowStatus {
    /// Nobody has looked at it.
    New,
    /// The owner of the resource was told.
    Notified,
    /// It needs no action.
    Suppressed,
    /// It is done.
    Resolved,
}

impl WorkflowStatus {
    /// The status's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Notified => "NOTIFIED",
            Self::Suppressed => "SUPPRESSED",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// Whether a finding is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordState {
    /// It is not.
    Active,
    /// It is.
    Archived,
}

impl RecordState {
    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
        }
    }
}
