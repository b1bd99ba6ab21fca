//! IAM policies: who may do what, in the part that delivery and runbooks depend on. Stub of `authorize`.

use serde_json::Value;

use super::account::Account;
use super::error::ServiceError;
use super::services::Service;

/// On whose behalf a call is made inside the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The account's administrator: nothing is refused.
    Administrator,
    /// An AWS service on behalf of one resource: resource policies decide.
    Service {
        /// The service principal, such as `events.amazonaws.com`.
        principal: &'static str,
        /// The resource on whose behalf it acts (a rule's or an alarm's ARN).
        source_arn: String,
    },
    /// A role that a service assumed: the role's trust policy and its permission policies decide.
    Role {
        /// The role's ARN.
        arn: String,
        /// The service principal that assumed it, such as `ssm.amazonaws.com`.
        assumed_by: &'static str,
    },
}

/// Whether the caller may make this call; the refusal names principal, action and resource.
pub(crate) fn authorize(
    _account: &Account,
    _caller: &Caller,
    _service: Service,
    _operation: &str,
    _input: &Value,
) -> Result<(), ServiceError> {
    Ok(())
}
