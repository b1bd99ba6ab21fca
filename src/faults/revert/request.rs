//! The request that takes an `http` fault back.
//!
//! Sending it again must do no harm: after a crash nobody knows whether it was sent. A DELETE of what is
//! gone already counts as done.

use super::{ChangeError, Context, Pending, revert};
use crate::faults::http::send;
use crate::outside::OPERATION;
use crate::scenario::types::HttpCall;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    request: &HttpCall,
) -> Result<(), ChangeError> {
    let work = async {
        match send(context, request).await {
            Ok(_) => Ok(()),
            // Only what is deleted may be gone already.
            Err(error) if error.is_not_found() && request.method == "DELETE" => Ok(()),
            Err(error) => Err(error),
        }
    };
    revert(context, change, OPERATION, work).await
}

/// What is left, in words.
pub(super) fn words(request: &HttpCall) -> String {
    format!("what `{}` was to take back may not be taken back", request.words())
}
