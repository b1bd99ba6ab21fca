//! API errors that a running experiment injects into the calls of a role.
//!
//! Main function: [`injected_error`], which [`Account::call_as`] asks before it makes a call. Invariant: an
//! injection lasts exactly as long as its action runs.

use super::catalog::Kind;
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;

/// One running `aws:fis:inject-api-*` action.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    pub(super) experiment: String,
    pub(super) action: String,
    pub(super) kind: Kind,
    pub(super) roles: Vec<String>,
    pub(super) service: String,
    pub(super) operations: Vec<String>,
    pub(super) percentage: u32,
}

/// The error that a running experiment wants this call to end with, if any.
///
/// Only calls of a role that the experiment targets fail, and of those the percentage that its action
/// says; the service's own calls and the administrator's never do.
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#fis-actions-reference-fis>.
pub(crate) fn injected_error(
    account: &mut Account,
    caller: &Caller,
    service: Service,
    operation: &str,
) -> Option<ServiceError> {
    let role = match caller {
        Caller::Role { arn, .. } | Caller::Session { role: arn, .. } => arn,
        Caller::Administrator | Caller::Service { .. } | Caller::User { .. } => return None,
    };
    let mut error = None;
    for injection in &account.services.fis.injections {
        let is_aimed = injection.service == service.prefix()
            && injection.roles.contains(role)
            && injection.operations.iter().any(|one| one.eq_ignore_ascii_case(operation));
        if is_aimed && account.ids.below(100) < u64::from(injection.percentage) {
            error = Some(error_of(injection.kind));
            break;
        }
    }
    error
}

/// EC2's own codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
fn error_of(kind: Kind) -> ServiceError {
    let (code, message, status) = match kind {
        Kind::ThrottleError => ("RequestLimitExceeded", "Request limit exceeded.", 503),
        Kind::UnavailableError => {
            ("Unavailable", "The service is unavailable. Please try again shortly.", 503)
        }
        Kind::InternalError
        | Kind::Wait
        | Kind::StopInstances
        | Kind::TerminateInstances
        | Kind::RebootInstances
        | Kind::SendCommand
        | Kind::StartAutomation
        | Kind::DisruptConnectivity
        | Kind::AddDelay
        | Kind::InvocationError
        | Kind::AssertAlarmState => ("InternalError", "An internal error has occurred", 500),
    };
    let mut error = ServiceError::new(code, message);
    error.status = status;
    error
}
