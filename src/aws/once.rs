//! Calls that must not be made twice: AWS has no token that would tell the second one from the first.
//!
//! Main type: [`Once`]. The SDK asks again when an answer is lost, and an event that is put again is one
//! event more. Invariant: what AWS may have taken is never sent again; what it surely refused (an answer
//! with a status of 400 to 499, throttling among them) may be.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// Keeps the SDK from sending a call again that AWS may have taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

impl ClassifyRetry for Once {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response) if response.status().is_client_error() => RetryAction::NoActionIndicated,
            Some(_) | None => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "firedrill once"
    }
}
