//! AWS Config: what a rule says, and a fault that has it say something.
//!
//! Main types: [`ComplianceExpectation`] and [`ConfigEvaluationFault`]. Invariant: a rule is named as Config
//! names it, never by its ARN.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rule of AWS Config says of everything that it looks at, or of one resource. Config keeps the last
/// result of each resource: a state that came and went between two looks is not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComplianceExpectation {
    /// The rule's name.
    pub rule: String,
    /// The id of one resource, such as `sg-0123456789abcdef0`; default: all that the rule looks at.
    #[serde(default)]
    pub resource: Option<String>,
    /// What the rule says; default `NON_COMPLIANT`, in `recovery` `COMPLIANT`.
    #[serde(default)]
    pub state: Option<ComplianceState>,
}

/// Whether what a rule looks at is as it must be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComplianceState {
    /// It is.
    Compliant,
    /// It is not.
    NonCompliant,
}

impl ComplianceState {
    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
        }
    }
}

/// Has a rule of AWS Config evaluated now; or, with `compliance`, tells a rule that is a process check
/// (`AWS_CONFIG_PROCESS_CHECK`) how it is, and sets it back at the end. Nobody else can be told from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigEvaluationFault {
    /// The rule's name.
    pub rule: String,
    /// What a process check is told.
    #[serde(default)]
    pub compliance: Option<ComplianceState>,
    /// Why, in the result of a process check, in at most 190 characters; the run's id and what the check said
    /// before are added.
    #[serde(default)]
    pub annotation: Option<String>,
}
