//! A process check of AWS Config that was told how it is: it is told what it was before.
//!
//! Source: <https://docs.aws.amazon.com/config/latest/APIReference/API_PutExternalEvaluation.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::config_evaluation::{current, put};
use crate::timeline::set_back_reason;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    rule: &str,
    compliance: &str,
) -> Result<(), ChangeError> {
    let work = async {
        if current(context, rule).await? == compliance {
            return Ok(());
        }
        put(context, rule, compliance, &set_back_reason(context.run_id)).await?;
        let now = current(context, rule).await?;
        if now == compliance {
            return Ok(());
        }
        Err(CallError {
            kind: CallErrorKind::Unreachable,
            operation: "config:PutExternalEvaluation",
            code: None,
            message: format!("the rule `{rule}` was set back to {compliance} and still is {now}"),
        })
    };
    revert(context, change, "config:PutExternalEvaluation", work).await
}

/// What is left, in words.
pub(super) fn words(rule: &str, compliance: &str) -> String {
    format!("the Config rule `{rule}` may not be back in {compliance}")
}
