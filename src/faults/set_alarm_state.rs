//! An alarm state set by hand: the alarm's actions run as in a real incident.
//!
//! A metric alarm returns to its own state at its next evaluation, often within seconds, and then only
//! its history shows what happened; a composite alarm stays until a child changes. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.

use aws_sdk_cloudwatch::types::{AlarmHistoryItem, AlarmType, HistoryItemType, ScanBy};
use jiff::Timestamp;
use serde_json::Value;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::alarms::{self, Snapshot};
use crate::aws::timestamp;
use crate::context::Moment;
use crate::outside::payload;
use crate::plan::PlannedFault;
use crate::scenario::types::StateValue;
use crate::timeline::{Entry, EntryKind, Purpose, Undo};

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
    let undo =
        Undo::SetAlarmState { alarm: alarm.to_owned(), state: to_return_to(context, &before) };
    let sent_at = context.clock().now();
    let sent = payload(reason).map_err(ChangeError::NoEffect)?;
    set(context, Some(&fault.id), Purpose::Inject, alarm, state.as_str(), &sent, undo).await?;
    let occurred_at = transition(context, alarm, state, sent_at).await;
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

/// The state that the alarm is to return to: what it showed before the drill, also where it still shows what an
/// earlier fault of the drill set.
fn to_return_to(context: Context<'_>, before: &Snapshot) -> String {
    let here = context.place.name.as_deref();
    let earlier = |entry: &Entry| match &entry.kind {
        EntryKind::Intent {
            purpose: Purpose::Inject,
            undo: Some(Undo::SetAlarmState { alarm, state }),
            target,
            ..
        } if *alarm == before.name && target.as_deref() == here => Some(state.clone()),
        _ => None,
    };
    let is_ours = before.reason.contains(context.run_id);
    let earlier =
        is_ours.then(|| context.recorder.read(|timeline| timeline.iter().rev().find_map(earlier)));
    earlier.flatten().unwrap_or_else(|| before.state.clone())
}

/// When the alarm changed: by the item of its history that carries our run id. The alarm is set by now,
/// whatever becomes of this look; without the item it changed between the call and its answer.
async fn transition(
    context: Context<'_>,
    alarm: &str,
    state: StateValue,
    sent_at: Timestamp,
) -> Moment {
    let took_effect = context.took_effect(sent_at);
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
        .await;
    let Ok(history) = history else { return took_effect };
    let items = history.alarm_history_items().iter();
    let ours = items.filter(|item| is_change(item, context.run_id, state));
    let mut moments = ours.filter_map(|item| item.timestamp().and_then(timestamp));
    // An earlier fault may have set the same alarm.
    let earliest = took_effect.at - took_effect.uncertain;
    moments.find(|at| *at >= earliest).map_or(took_effect, Moment::from)
}

/// Whether an item of an alarm's history says that the drill brought it into this state.
fn is_change(item: &AlarmHistoryItem, run_id: &str, state: StateValue) -> bool {
    let data = item.history_data().filter(|data| data.contains(run_id));
    let read = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
    read.is_some_and(|data| data["newState"]["stateValue"] == state.as_str())
}
