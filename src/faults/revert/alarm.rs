//! An alarm state that was set by hand: it is set back, unless the alarm has moved on by itself.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.

use super::{ChangeError, Context, Found, Pending, revert};
use crate::aws::alarms::{self, Snapshot};
use crate::aws::{CallError, CallErrorKind};
use crate::context::ids;
use crate::timeline::{Undo, is_set_back, set_back_reason};

/// Sets the alarm back only while it still shows what we set: otherwise the system has moved on.
pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    alarm: &str,
    state: &str,
) -> Result<(), ChangeError> {
    let now = alarms::describe(context.aws, &[alarm.to_owned()]).await;
    let moved_on = match &now {
        Ok(found) => !found.iter().any(|now| now.state != state && is_ours(context, now)),
        Err(_) => false,
    };
    if moved_on {
        // Gone, back by itself, or in a state of its own: all of it is read, and nothing is to be done.
        return revert(context, change, "cloudwatch:DescribeAlarms", async { Ok(()) }).await;
    }
    let work = async {
        now?;
        let sent = context
            .aws
            .cloudwatch
            .set_alarm_state()
            .alarm_name(alarm)
            .state_value(state.into())
            .state_reason(set_back_reason(context.run_id))
            .send()
            .await;
        sent.map_err(|error| CallError::of("cloudwatch:SetAlarmState", &error))?;
        let read_back = alarms::describe(context.aws, &[alarm.to_owned()]).await?;
        match read_back.iter().find(|now| now.state != state && is_ours(context, now)) {
            None => Ok(()),
            Some(now) => Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation: "cloudwatch:SetAlarmState",
                code: None,
                message: format!("alarm `{alarm}` was set back and still shows {}", now.state),
            }),
        }
    };
    revert(context, change, "cloudwatch:SetAlarmState", work).await
}

/// Whether the state that an alarm shows is the one that this drill set.
fn is_ours(context: Context<'_>, alarm: &Snapshot) -> bool {
    alarm.reason.contains(context.run_id) && !is_set_back(context.run_id, &alarm.reason)
}

/// The alarms that show a state which the context's drill set, with the state that they had before.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut found = Vec::new();
    for alarm in alarms::all(context.aws).await? {
        if is_ours(context, &alarm) {
            let before =
                alarms::state_before(context.aws, &alarm.name, &alarm.reason, context.run_id)
                    .await?;
            // An alarm that nothing is known of is better off judged anew.
            let state = before.unwrap_or_else(|| "INSUFFICIENT_DATA".to_owned());
            found.push((Undo::SetAlarmState { alarm: alarm.name, state }, ids([])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(alarm: &str, state: &str) -> String {
    format!("alarm `{alarm}` may not be back in {state}")
}
