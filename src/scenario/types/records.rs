//! Expectations over what AWS writes down about trouble: OpsItems and incidents.
//!
//! Main types: one struct a kind, as it is written. Invariant: a text that may hold `*` says so; all
//! others are compared whole.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An OpsItem of OpsCenter that was created during the drill. One that stood before is no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpsItemExpectation {
    /// The title; `*` stands for any text.
    #[serde(default)]
    pub title: Option<String>,
    /// Where it comes from, such as `EC2` or `SSM`.
    #[serde(default)]
    pub source: Option<String>,
    /// From 1 (critical) to 4 (low).
    #[serde(default)]
    pub severity: Option<u8>,
    /// The status that it must have, such as `Resolved`; default: any.
    #[serde(default)]
    pub status: Option<OpsItemStatus>,
    /// Operational data by key; in the values, `*` stands for any text.
    #[serde(default)]
    pub operational_data: IndexMap<String, String>,
}

/// The status of an OpsItem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpsItemStatus {
    /// Nobody works on it yet.
    Open,
    /// Somebody works on it.
    InProgress,
    /// It is done.
    Resolved,
}

impl OpsItemStatus {
    /// The status's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::InProgress => "InProgress",
            Self::Resolved => "Resolved",
        }
    }
}

/// An incident of Incident Manager that was opened during the drill. A trigger that is folded into an
/// incident which stood open before opens none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentExpectation {
    /// The title; `*` stands for any text.
    #[serde(default)]
    pub title: Option<String>,
    /// The name or ARN of the response plan that opened it.
    #[serde(default)]
    pub response_plan: Option<String>,
    /// From 1 (critical) to 5 (no impact).
    #[serde(default)]
    pub impact: Option<u8>,
    /// The status that it must have; default: any.
    #[serde(default)]
    pub status: Option<IncidentStatus>,
    /// The name of the Automation document that the incident must have started.
    #[serde(default)]
    pub runbook: Option<String>,
}

/// The status of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentStatus {
    /// It goes on.
    Open,
    /// It is over.
    Resolved,
}

impl IncidentStatus {
    /// The status's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// An API call, as CloudTrail's event history shows it: management events of this account and region. It
/// shows a call up to 15 minutes late, so that a missed call, and a `never`, is judged that much later.
/// Calls of IAM and of other global services are shown in us-east-1 alone: in another region a call without
/// `source` can be seen, and is never called absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiCallExpectation {
    /// The name of the operation, such as `TerminateInstances`.
    pub name: String,
    /// The service as events name it: `ec2.amazonaws.com`, or `ec2` for short.
    #[serde(default)]
    pub source: Option<String>,
    /// The user, or the name of the role's session; `*` stands for any text.
    #[serde(default)]
    pub user: Option<String>,
    /// What the call names, whole: a resource of the event, or a value among its parameters.
    #[serde(default)]
    pub resource: Option<String>,
    /// The error code that it must have failed with; `*` stands for any text. Default: it did not fail.
    #[serde(default)]
    pub error: Option<String>,
}

/// Whether a region's event history shows a call that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShownHere {
    /// It does.
    Always,
    /// It may: there are calls like it that it does not show.
    Perhaps,
    /// It never does.
    Never,
}

/// Where the calls of global services are written down, whichever region they were made from:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>.
pub(crate) const GLOBAL_REGION: &str = "us-east-1";

/// Services whose calls are written down there and nowhere else.
const GLOBAL: &[&str] = &["cloudfront", "iam", "organizations", "route53"];

/// Services whose calls are written down there where they were made at the global endpoint, and else where
/// they were made: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html>,
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html>.
const GLOBAL_OR_REGIONAL: &[&str] = &["signin", "sts"];

impl ApiCallExpectation {
    /// Whether the history of this region shows such a call.
    pub(crate) fn shown_in(&self, region: &str) -> ShownHere {
        if region == GLOBAL_REGION {
            return ShownHere::Always;
        }
        let Some(source) = &self.source else { return ShownHere::Perhaps };
        let service = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        if GLOBAL.contains(&service) {
            ShownHere::Never
        } else if GLOBAL_OR_REGIONAL.contains(&service) {
            ShownHere::Perhaps
        } else {
            ShownHere::Always
        }
    }
}
