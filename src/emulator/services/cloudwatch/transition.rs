//! What happens when an alarm changes its state: history, event, actions, composite alarms.
//!
//! Main function: [`transition`]. Invariant: every change of a state goes through it, exactly once.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>.

use serde_json::json;

use super::alarm::{Alarm, AlarmState, StateValue};
use super::{actions, composite, history, message, mute};
use crate::emulator::account::Account;
use crate::emulator::services::events;

/// A state that an alarm gets into, and why.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) value: StateValue,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
}

/// Puts an alarm into another state. The alarm exists and the state differs from its own.
pub(super) fn transition(account: &mut Account, name: &str, change: Change) {
    let now = account.now();
    let new = AlarmState {
        value: change.value,
        reason: change.reason,
        reason_data: change.reason_data,
        updated: now,
        transitioned: now,
    };
    let Some(alarm) = account.services.cloudwatch.alarms.get_mut(name) else { return };
    let previous = std::mem::replace(&mut alarm.state, new);
    composite::suppress(account, name, &previous);
    let Some(alarm) = account.services.cloudwatch.alarms.get(name).cloned() else { return };
    note_update(account, &alarm, &previous);
    let muted = mute::muting(&account.services.cloudwatch, name, now);
    let detail = message::event_detail(&alarm, &previous, muted.as_ref());
    let resources = vec![alarm.arn.clone()];
    events::emit(account, "aws.cloudwatch", "CloudWatch Alarm State Change", resources, detail);
    if alarm.composite().is_none_or(|rule| rule.suppression.is_none()) {
        actions::schedule(account, &alarm, &previous);
    }
    composite::child_changed(account, name);
}

fn note_update(account: &mut Account, alarm: &Alarm, previous: &AlarmState) {
    let suppressed_by = alarm.composite().and_then(composite::CompositeRule::suppressed_by);
    let summary =
        format!("Alarm updated from {} to {}", previous.value.as_str(), alarm.state.value.as_str());
    let data = json!({
        "version": "1.0",
        "oldState": history::state_data(previous, None),
        "newState": history::state_data(&alarm.state, suppressed_by),
    });
    let who = (alarm.name.as_str(), alarm.alarm_type());
    history::note(account, who, history::ItemType::StateUpdate, summary, &data);
}
