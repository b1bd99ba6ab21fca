//! A process check of AWS Config that was told how it is: it is told what it was before, and read back.
//!
//! Source: <https://docs.aws.amazon.com/config/latest/APIReference/API_PutExternalEvaluation.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::config_evaluation::{current, put};
use crate::timeline::set_back_reason;

const CALL: &str = "config:PutExternalEvaluation";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    rule: &str,
    compliance: &str,
) -> Result<(), ChangeError> {
    let is_there = async || current(context, rule).await.map(|_| true);
    let work = async |_: &IndexMap<String, String>| {
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
            operation: CALL,
            code: None,
            message: format!("the rule `{rule}` was set back to {compliance} and still is {now}"),
        })
    };
    revert_unless_gone(context, change, CALL, work, is_there).await
}

/// What is left, in words.
pub(super) fn words(rule: &str, compliance: &str) -> String {
    format!("the Config rule `{rule}` may not be back in {compliance}")
}
