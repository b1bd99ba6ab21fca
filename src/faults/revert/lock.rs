//! The lock that keeps other drills out: it is given back, if it is still ours.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::faults::lock;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    parameter: &str,
) -> Result<(), ChangeError> {
    let work = lock::release(context, parameter);
    revert(context, change, "ssm:DeleteParameter", work).await
}

/// What is left, in words.
pub(super) fn words(parameter: &str) -> String {
    format!("the lock `{parameter}` may be held until it runs out")
}
