//! Alarms, metric and composite: read from their history, so that a flap between two looks is seen.
//!
//! Main function: [`poll`]. One DescribeAlarms for up to a hundred names says which alarms changed; only
//! those are asked for their history. Invariant: an alarm that CloudWatch itself can't evaluate is a blind
//! spot: it neither meets nor misses anything until it is evaluated again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{AlarmHistoryItem, HistoryItemType};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Seen, Watch};
use crate::aws::alarms::{Snapshot, describe};
use crate::aws::history::history;
use crate::aws::{CallError, timestamp};
use crate::plan::Kind;
use crate::scenario::types::{Correlation, StateValue};
use crate::timeline::{Observation, is_set_back};
use crate::wakeup::Topic;

/// For how long the stop conditions may stay unseen while a drill is running; longer, and it is stopped.
const UNGUARDED: SignedDuration = SignedDuration::from_secs(60);

/// For how long after a transition to OK its action is looked for.
const ACTION_FOLLOWS: SignedDuration = SignedDuration::from_mins(2);

/// A state's time in the alarm and in its history are of one moment (ours; AWS's own are milliseconds
/// apart).
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(5);

/// The history shows a change at once.
const LAG: SignedDuration = SignedDuration::ZERO;

/// Whether the plan looks at any alarm here.
pub(super) fn wanted(watch: &Watch<'_>) -> bool {
    watch.stop_conditions().next().is_some() || watch.has(|kind| matches!(kind, Kind::Alarm { .. }))
}

/// One expectation about an alarm.
struct Subject {
    expectation: String,
    alarm: String,
    state: StateValue,
    action: Option<String>,
}

/// Watches every alarm of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, stop: &dyn Fn(String)) {
    let subjects = watch.pick(|expectation| {
        let Kind::Alarm { name, state, action } = &expectation.kind else { return None };
        Some(Subject {
            expectation: expectation.id.clone(),
            alarm: name.clone(),
            state: *state,
            action: action.clone(),
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let names: BTreeSet<String> = subjects
        .iter()
        .map(|subject| subject.alarm.clone())
        .chain(watch.stop_conditions().map(str::to_owned))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let guarding = watch.stop_conditions().next().is_some();
    let mut state = Progress::default();
    watch
        .keep_looking("alarm history", Topic::Alarms, LAG, &expectations, async || {
            let looked = look(watch, &subjects, &names, &mut state, stop).await;
            let unseen = watch.clock().now().duration_since(state.guarded.unwrap_or(watch.since));
            match looked.as_ref().err().or(state.unguarded.as_ref()) {
                Some(error) if guarding && unseen >= UNGUARDED => {
                    let at = watch.place.suffix();
                    stop(format!("the stop conditions{at} can't be seen: {error}"));
                }
                Some(_) | None => {}
            }
            looked
        })
        .await;
}

/// Ends the drill if a stop condition is in ALARM, or is not there any more and so can't guard.
fn guard(watch: &Watch<'_>, found: &[Snapshot], stop: &dyn Fn(String)) {
    let at = watch.place.suffix();
    for name in watch.stop_conditions() {
        match found.iter().find(|alarm| alarm.name == *name) {
            Some(alarm) if alarm.state == "ALARM" => {
                stop(format!("alarm `{name}`{at} is in ALARM: {}", alarm.reason));
            }
            Some(_) => {}
            None => stop(format!("alarm `{name}`{at} does not exist any more")),
        }
    }
}

/// Ends the drill if a stop condition was in ALARM between two looks and is not any more: its history
/// says so, and is read only where the alarm has changed its state since the last look.
async fn guard_between(
    watch: &Watch<'_>,
    found: &[Snapshot],
    progress: &mut Progress,
    stop: &dyn Fn(String),
) -> Result<(), CallError> {
    let at = watch.place.suffix();
    for name in watch.stop_conditions() {
        let Some(alarm) = found.iter().find(|alarm| alarm.name == *name) else { continue };
        let now = (alarm.state.clone(), alarm.since);
        // The first time too: whether it can be read at all is known before anything is injected.
        let moved = progress.harmless.get(&alarm.name) != Some(&now);
        if moved && let Some((since, reason)) = was_in_alarm(watch, alarm).await? {
            stop(format!(
                "alarm `{name}`{at} was in ALARM at {since}, between two looks: {reason}"
            ));
        }
        // Only now: a history that could not be read is read again at the next look.
        progress.harmless.insert(alarm.name.clone(), now);
    }
    Ok(())
}

/// The first time since the watch began that an alarm entered ALARM, and why.
async fn was_in_alarm(
    watch: &Watch<'_>,
    alarm: &Snapshot,
) -> Result<Option<(Timestamp, String)>, CallError> {
    let items = history_of(watch, &alarm.name).await?;
    tells_of(&items, watch.since, alarm)?;
    for item in items {
        let Some(at) = item.timestamp().and_then(timestamp) else { continue };
        let update = state_update(&item).filter(|_| at >= watch.since);
        if let Some(update) = update.filter(|update| update.new_state.state_value == "ALARM") {
            return Ok(Some((at, update.new_state.state_reason)));
        }
    }
    Ok(None)
}

/// An alarm's history since the watch began, oldest first.
async fn history_of(watch: &Watch<'_>, alarm: &str) -> Result<Vec<AlarmHistoryItem>, CallError> {
    history(watch.aws, alarm, watch.since, watch.clock().now()).await
}

/// What has been seen so far.
#[derive(Default)]
struct Progress {
    latest: BTreeMap<String, (String, Option<Timestamp>)>,
    /// The state of each alarm when it was first seen.
    first: BTreeMap<String, String>,
    items: BTreeSet<(Timestamp, String)>,
    /// Why a stop condition does not guard now.
    unguarded: Option<CallError>,
    /// When the stop conditions were last seen.
    guarded: Option<Timestamp>,
    /// The state of each stop condition up to which its history is known to be harmless.
    harmless: BTreeMap<String, (String, Option<Timestamp>)>,
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject],
    names: &[String],
    progress: &mut Progress,
    stop: &dyn Fn(String),
) -> Result<(), CallError> {
    let found = describe(watch.aws, names).await?;
    // First of all, so that nothing that goes wrong below can hide it.
    guard(watch, &found, stop);
    guard_between(watch, &found, progress, stop).await?;
    let mut guards =
        found.iter().filter(|alarm| watch.stop_conditions().any(|name| name == alarm.name));
    progress.unguarded = guards.find_map(impairment);
    if progress.unguarded.is_none() {
        progress.guarded = Some(watch.clock().now());
    }
    let gone = subjects.iter().find(|subject| found.iter().all(|one| one.name != subject.alarm));
    if let Some(gone) = gone {
        return Err(unanswered(&gone.alarm));
    }
    for alarm in found {
        let of_alarm: Vec<&Subject> =
            subjects.iter().filter(|subject| subject.alarm == alarm.name).collect();
        if of_alarm.is_empty() || !is_readable(watch, &of_alarm, &alarm) {
            continue;
        }
        let now = (alarm.state.clone(), alarm.since);
        let Some(before) = progress.latest.get(&alarm.name) else {
            progress.latest.insert(alarm.name.clone(), now);
            progress.first.insert(alarm.name.clone(), alarm.state.clone());
            baseline(watch, &of_alarm, &alarm);
            continue;
        };
        let wants_action = of_alarm.iter().any(|subject| subject.action.is_some());
        // An action follows its transition; a suppressor or a mute rule may hold it back for long.
        let recent = alarm.since.is_none_or(|since| watch.clock().now() < since + ACTION_FOLLOWS);
        if *before != now || (wants_action && (alarm.state != "OK" || recent)) {
            let changed = *before != now;
            let items = history_of(watch, &alarm.name).await?;
            if changed {
                tells_of(&items, watch.since, &alarm)?;
            }
            read_history(watch, &of_alarm, &alarm.name, &items, progress)?;
        }
        // Only now: a history that could not be read is read again at the next look.
        progress.latest.insert(alarm.name.clone(), now);
    }
    Ok(())
}

/// An answer without the alarm that was asked for says nothing about it.
fn unanswered(alarm: &str) -> CallError {
    CallError {
        kind: crate::aws::CallErrorKind::NotFound,
        operation: "cloudwatch:DescribeAlarms",
        code: None,
        message: format!("alarm `{alarm}` is not in the answer"),
    }
}

/// Why an alarm's state says nothing now: CloudWatch can't evaluate it, or only on a part of its data.
///
/// Source, `EvaluationState`:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>.
fn impairment(alarm: &Snapshot) -> Option<CallError> {
    let state = alarm.impaired.as_ref()?;
    Some(CallError {
        kind: crate::aws::CallErrorKind::Unreachable,
        operation: "cloudwatch:DescribeAlarms",
        code: Some(state.clone()),
        message: format!(
            "alarm `{}` is in evaluation state {state}: CloudWatch can't evaluate it on all of its data",
            alarm.name
        ),
    })
}

/// Whether the alarm can be read now. An alarm that CloudWatch can't evaluate is a blind spot; what it did
/// meanwhile is read from its history once it is evaluated again.
fn is_readable(watch: &Watch<'_>, subjects: &[&Subject], alarm: &Snapshot) -> bool {
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    match impairment(alarm) {
        Some(error) => watch.veil(&expectations, &error),
        None => watch.unveil(&expectations),
    }
    alarm.impaired.is_none()
}

/// What the state was when the watch began: what a later change is a change from.
fn baseline(watch: &Watch<'_>, subjects: &[&Subject], alarm: &Snapshot) {
    for subject in subjects.iter().filter(|subject| subject.action.is_none()) {
        let since = alarm.since.unwrap_or(watch.since).min(watch.since);
        let mut seen = Seen::new(
            &subject.expectation,
            since,
            format!("alarm {} is {} when the watch begins", alarm.name, alarm.state),
        )
        .with("alarm", &alarm.name)
        .with("state", &alarm.state);
        seen.holds = alarm.state == subject.state.as_str();
        seen.correlation = Some(Correlation::Window);
        watch.saw(seen, "");
    }
}

/// Refuses a history that does not tell how the alarm came into its state: the change is not there yet, or
/// something on the way here has touched it. A history tells of it at the very moment that the alarm gives,
/// or moments before. `from` is where the history begins.
fn tells_of(
    items: &[AlarmHistoryItem],
    from: Timestamp,
    alarm: &Snapshot,
) -> Result<(), CallError> {
    let Some(since) = alarm.since.filter(|since| alarm.entered && *since >= from) else {
        return Ok(());
    };
    let told = items.iter().any(|item| {
        let at = item.timestamp().and_then(timestamp);
        let entered = state_update(item).map(|update| update.new_state.state_value);
        at.is_some_and(|at| at.duration_since(since).abs() <= SAME_MOMENT)
            && entered.as_deref() == Some(&alarm.state)
    });
    if told {
        return Ok(());
    }
    let why = format!(
        "does not tell how alarm `{}` came to be in {} at {since}",
        alarm.name, alarm.state
    );
    Err(CallError::unusable("cloudwatch:DescribeAlarmHistory", &why))
}

fn read_history(
    watch: &Watch<'_>,
    subjects: &[&Subject],
    alarm: &str,
    items: &[AlarmHistoryItem],
    progress: &mut Progress,
) -> Result<(), CallError> {
    // An action is that of the state which the alarm entered last.
    let mut state = progress.first.get(alarm).cloned().unwrap_or_default();
    for item in items {
        let at = item.timestamp().and_then(timestamp);
        let at = at.ok_or_else(|| {
            CallError::unusable("cloudwatch:DescribeAlarmHistory", "has an item without a time")
        })?;
        if let Some(update) = state_update(item) {
            state = update.new_state.state_value;
        }
        // AWS may show one change more than once.
        let identity = format!("{alarm} {}", item.history_summary().unwrap_or_default());
        if at >= watch.since && progress.items.insert((at, identity)) {
            tell(watch, subjects, (alarm, &state), at, item);
        }
    }
    Ok(())
}

/// `HistoryData` of a state update.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateUpdate {
    old_state: State,
    new_state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    state_value: String,
    #[serde(default)]
    state_reason: String,
}

/// `HistoryData` of an action.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    #[serde(rename = "actionState")]
    state: String,
    notification_resource: Option<String>,
    error: Option<String>,
}

fn state_update(item: &AlarmHistoryItem) -> Option<StateUpdate> {
    let update = item.history_item_type() == Some(&HistoryItemType::StateUpdate);
    let data = item.history_data().filter(|_| update)?;
    serde_json::from_str(data).ok()
}

/// Tells what a history item says; `state` is the one that the alarm was in.
fn tell(
    watch: &Watch<'_>,
    subjects: &[&Subject],
    (alarm, state): (&str, &str),
    at: Timestamp,
    item: &AlarmHistoryItem,
) {
    match item.history_item_type() {
        Some(HistoryItemType::StateUpdate) => {
            if let Some(update) = state_update(item) {
                tell_state(watch, subjects, alarm, at, &update);
            }
        }
        Some(HistoryItemType::Action) => {
            let data = item.history_data().unwrap_or_default();
            if let Ok(action) = serde_json::from_str::<Action>(data) {
                let summary = item.history_summary().unwrap_or_default();
                tell_action(watch, subjects, (alarm, state), at, &action, summary);
            }
        }
        // Configuration changes and the per-series items of contributors answer no expectation.
        Some(_) | None => {}
    }
}

fn tell_state(
    watch: &Watch<'_>,
    subjects: &[&Subject],
    alarm: &str,
    at: Timestamp,
    update: &StateUpdate,
) {
    for subject in subjects.iter().filter(|subject| subject.action.is_none()) {
        let summary = format!(
            "alarm {alarm} went from {} to {}",
            update.old_state.state_value, update.new_state.state_value
        );
        let mut seen = Seen::new(&subject.expectation, at, summary)
            .with("alarm", alarm)
            .with("from", &update.old_state.state_value)
            .with("state", &update.new_state.state_value)
            .with("reason", &update.new_state.state_reason);
        seen.holds = update.new_state.state_value == subject.state.as_str();
        // Our run id in the state reason is as good as an id: only we set that reason.
        if update.new_state.state_reason.contains(&watch.plan.run_id) {
            let (name, value) = Observation::own_doing();
            seen = seen.with(name, value);
            seen.correlation = Some(Correlation::Exact);
        }
        // An alarm that we set back has not come back: nobody but us did anything.
        if is_set_back(&watch.plan.run_id, &update.new_state.state_reason) {
            seen.summary.push_str(", set back by the drill");
            // Nobody knows whether it would have come back by itself.
            seen.blocked = seen.holds.then(|| "the drill itself set the alarm back".to_owned());
            seen.holds = false;
        }
        watch.saw(seen, &update.new_state.state_reason);
    }
}

fn tell_action(
    watch: &Watch<'_>,
    subjects: &[&Subject],
    (alarm, state): (&str, &str),
    at: Timestamp,
    action: &Action,
    summary: &str,
) {
    let resource = action.notification_resource.as_deref().unwrap_or_default();
    for subject in subjects {
        let Some(wanted) = &subject.action else { continue };
        // The action of another state (an OK action, say) is not the one that is asked for.
        if (wanted != "*" && wanted != resource) || state != subject.state.as_str() {
            continue;
        }
        let mut seen = Seen::new(&subject.expectation, at, format!("alarm {alarm}: {summary}"))
            .with("alarm", alarm)
            .with("action", resource)
            .with("action state", &action.state)
            .with("error", action.error.as_deref().unwrap_or_default());
        seen.holds = action.state == "Succeeded";
        watch.saw(seen, summary);
    }
}
