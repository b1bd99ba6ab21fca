//! An alarm state set by hand: the alarm's actions run as in a real incident.
//!
//! A metric alarm returns to its own state at its next evaluation, often within seconds, and then only
//! its history shows what happened; a composite alarm stays until a child changes. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.

use aws_sdk_cloudwatch::types::{AlarmType, HistoryItemType, ScanBy};

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::CallError;
use crate::aws::alarms::{self, Snapshot};
use crate::outside::payload;
use crate::plan::PlannedFault;
use crate::scenario::types::StateValue;
use crate::timeline::{Purpose, Undo};

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    alarm: &str,
    state: StateValue,
    reason: &str,
) -> Result<Injected<'a>, ChangeError> {
    let before = current(context, alarm).await?;
    if before.state == state.as_str() {
        return Err(ChangeError::NoEffect(format!(
            "alarm `{alarm}` is already in {}: setting it again would do nothing",
            before.state
        )));
    }
    let undo = Undo::SetAlarmState { alarm: alarm.to_owned(), state: before.state.clone() };
    let sent = payload(reason).map_err(ChangeError::NoEffect)?;
    set(context, Some(&fault.id), Purpose::Inject, alarm, state.as_str(), &sent, undo).await?;
    let occurred_at = transition(context, alarm).await?;
    started(
        context,
        fault,
        occurred_at,
        [("alarm", alarm.to_owned()), ("from", before.state), ("reason", reason.to_owned())],
    );
    Ok(Injected { experiment: None, continuation: None })
}

/// Sets the state, announced and receipted.
pub(super) async fn set(
    context: Context<'_>,
    fault: Option<&str>,
    purpose: Purpose,
    alarm: &str,
    state: &str,
    reason: &str,
    undo: Undo,
) -> Result<(), ChangeError> {
    let intent = context.recorder.intent(fault, purpose, "cloudwatch:SetAlarmState", Some(undo))?;
    let sent = context
        .aws
        .cloudwatch
        .set_alarm_state()
        .alarm_name(alarm)
        .state_value(state.into())
        .state_reason(reason)
        .send()
        .await;
    context.recorder.heard(intent, "cloudwatch:SetAlarmState", sent)?;
    context.recorder.receipt(intent, Ok(ids([("alarm", alarm)])));
    Ok(())
}

/// The alarm as it is now.
pub(super) async fn current(context: Context<'_>, alarm: &str) -> Result<Snapshot, ChangeError> {
    let found = alarms::describe(context.aws, &[alarm.to_owned()]).await?;
    found.into_iter().next().ok_or_else(|| {
        ChangeError::NoEffect(format!("alarm `{alarm}` does not exist in this account and region"))
    })
}

/// When the alarm changed, by AWS's clock: the history item that carries our run id.
async fn transition(context: Context<'_>, alarm: &str) -> Result<jiff::Timestamp, ChangeError> {
    let history = context
        .aws
        .cloudwatch
        .describe_alarm_history()
        .alarm_name(alarm)
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .history_item_type(HistoryItemType::StateUpdate)
        .scan_by(ScanBy::TimestampDescending)
        .max_records(10)
        .send()
        .await
        .map_err(|error| CallError::of("cloudwatch:DescribeAlarmHistory", &error))?;
    let ours = history
        .alarm_history_items()
        .iter()
        .find(|item| item.history_data().is_some_and(|data| data.contains(context.run_id)));
    // The history may lag behind on a real account; our own clock is then the nearest we have.
    Ok(ours
        .and_then(|item| item.timestamp())
        .and_then(crate::aws::timestamp)
        .unwrap_or_else(|| context.clock().now()))
}
