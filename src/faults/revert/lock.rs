//! The lock that keeps other drills out: it is given back, if it is still ours.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>.

use super::{ChangeError, Context, Found, Pending, revert};
use crate::aws::CallError;
use crate::context::ids;
use crate::faults::lock;
use crate::timeline::Undo;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    parameter: &str,
) -> Result<(), ChangeError> {
    let work = lock::release(context, parameter);
    revert(context, change, "ssm:DeleteParameter", work).await
}

/// The lock, if the context's drill holds it.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let held = lock::is_held(context, lock::PARAMETER).await?;
    let undo = Undo::Unlock { parameter: lock::PARAMETER.to_owned() };
    Ok(held.then(|| (undo, ids([]))).into_iter().collect())
}

/// What is left, in words.
pub(super) fn words(parameter: &str) -> String {
    format!("the lock `{parameter}` may be held until it runs out")
}
