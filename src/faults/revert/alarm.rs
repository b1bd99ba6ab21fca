//! An alarm state that was set by hand: it is set back, unless the alarm has moved on by itself.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::faults::set_alarm_state;
use crate::timeline::{Purpose, set_back_reason};

/// Sets the alarm back only while it still shows what we set: otherwise the system has moved on.
pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    alarm: &str,
    state: &str,
) -> Result<(), ChangeError> {
    let now = set_alarm_state::current(context, alarm).await?;
    let ours = now.reason.contains(context.run_id);
    if now.state == state || !ours {
        let returned = async { Ok(()) };
        return revert(context, change, "cloudwatch:DescribeAlarms", returned).await;
    }
    let reason = set_back_reason(context.run_id);
    set_alarm_state::set(
        context,
        change.fault.as_deref(),
        Purpose::Revert,
        alarm,
        state,
        &reason,
        change.undo.clone(),
    )
    .await
}

/// What is left, in words.
pub(super) fn words(alarm: &str, state: &str) -> String {
    format!("alarm `{alarm}` may not be back in {state}")
}
