//! The error that an emulated service answers: an AWS error code, its message and its HTTP status.
//!
//! Main type: [`ServiceError`]. Invariant: whatever is refused because the emulator does not support it
//! says so in its message and names the operation, parameter or property, so that nobody mistakes a
//! limit of the emulator for an answer of AWS.

use serde_json::Value;

/// An AWS-shaped refusal: what the SDK's error parser sees.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The error code, such as `ResourceNotFoundException`.
    pub code: String,
    /// The message for a person.
    pub message: String,
    /// The HTTP status: 400 for the caller's faults, 500 for the service's.
    pub status: u16,
    /// Further members of the error shape, where AWS sends them.
    pub details: Option<Value>,
}

/// What a service operation answers: the JSON form of its output shape.
pub(crate) type Answer = Result<Value, ServiceError>;

impl ServiceError {
    /// A caller's fault: status 400 with this code.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400, details: None }
    }

    /// The refusal of an operation, a parameter or a property that the emulator does not support.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self {
            code: "NotImplemented".to_owned(),
            message: format!("the emulated account does not support {what}"),
            status: 501,
            details: None,
        }
    }

    /// AWS's `ValidationException` (most JSON services).
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// AWS's `AccessDeniedException`, in the wording that names principal, action and resource.
    pub(crate) fn access_denied(principal: &str, action: &str, resource: &str) -> Self {
        Self {
            code: "AccessDeniedException".to_owned(),
            message: format!(
                "User: {principal} is not authorized to perform: {action} on resource: {resource}"
            ),
            status: 403,
            details: None,
        }
    }
}
