//! The other accounts and regions that a drill spans, as they are written.
//!
//! Main type: [`TargetAccount`]. Invariant: its external id is shown to nobody.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// One more account or region that the drill spans. Faults, expectations, steady states and stop conditions
/// name it (`target: security`); without a name they mean the home target, that of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetAccount {
    /// The account id.
    pub account: String,
    /// The region.
    pub region: String,
    /// The ARN of a role there, which the home target's credentials assume.
    #[serde(default)]
    pub role: Option<String>,
    /// The external id that the role's trust policy asks for; a secret, so write it as `${env.NAME}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub external_id: Option<ExternalId>,
    /// The profile of the AWS configuration files whose credentials are used there, instead of a role.
    #[serde(default)]
    pub profile: Option<String>,
    /// The environment file of the emulated account, relative to this file; ignored on a real account.
    #[serde(default)]
    pub environment: Option<String>,
}

/// What a role's trust policy asks for beside the right principal. It is shown to nobody.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ExternalId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl Serialize for ExternalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}
