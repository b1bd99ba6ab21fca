//! Undo: takes back what the timeline says was changed, newest first, and reads back that it is gone.
//!
//! Main functions: [`pending`] (pure: what is still to undo) and [`undo`]. Invariants: undoing is
//! idempotent; something that is already gone counts as done; nothing is needed but the timeline, so it
//! works after a crash as well.

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{ChangeError, Context, ids, set_alarm_state};
use crate::aws::experiments::{ended, get};
use crate::aws::{CallError, CallErrorKind};
use crate::context::LISTENER_TARGET;
use crate::timeline::{Entry, EntryKind, Purpose, Undo, set_back_reason};
use crate::wakeup::Topic;

/// One change that is still to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Why it was made.
    pub purpose: Purpose,
    /// The fault that it served.
    pub fault: Option<String>,
    /// What undoes it.
    pub undo: Undo,
    /// Ids from its receipt.
    pub ids: IndexMap<String, String>,
}

/// How long a stopped experiment may take to end before it counts as left behind.
const STOP_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What is still to undo, newest first.
///
/// A change that AWS refused outright was not made; one whose answer never came may have been.
pub fn pending(timeline: &[Entry], purpose: Purpose) -> Vec<Pending> {
    let mut changes: IndexMap<u32, Pending> = IndexMap::new();
    let mut reverts: IndexMap<u32, Undo> = IndexMap::new();
    for entry in timeline {
        match &entry.kind {
            EntryKind::Intent { intent, purpose: Purpose::Revert, undo: Some(undo), .. } => {
                reverts.insert(*intent, undo.clone());
            }
            EntryKind::Intent { intent, fault, purpose, undo: Some(undo), .. } => {
                let (purpose, fault, undo) = (*purpose, fault.clone(), undo.clone());
                changes.insert(*intent, Pending { purpose, fault, undo, ids: IndexMap::new() });
            }
            EntryKind::Receipt { intent, error, ids } => match (error, reverts.get(intent)) {
                (None, Some(done)) => changes.retain(|_, change| change.undo != *done),
                (None, None) => {
                    if let Some(change) = changes.get_mut(intent) {
                        change.ids.clone_from(ids);
                    }
                }
                (Some(error), None) if was_refused(error) => {
                    changes.shift_remove(intent);
                }
                (Some(_), _) => {}
            },
            EntryKind::Intent { undo: None, .. }
            | EntryKind::DrillStarted { .. }
            | EntryKind::Preflight { .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::SteadyState { .. }
            | EntryKind::FaultStarted { .. }
            | EntryKind::FaultFailed { .. }
            | EntryKind::FaultEnded { .. }
            | EntryKind::Observation(_)
            | EntryKind::Looked { .. }
            | EntryKind::Blind { .. }
            | EntryKind::Stopping { .. }
            | EntryKind::Reverting
            | EntryKind::Reverted { .. }
            | EntryKind::DrillEnded => {}
        }
    }
    changes.into_values().rev().filter(|change| change.purpose == purpose).collect()
}

/// Whether a receipt's error says that AWS answered and refused: `service:Operation: Code: message`.
fn was_refused(error: &str) -> bool {
    let code = error.split(": ").nth(1).unwrap_or_default();
    let unsure = ["Internal", "ServiceUnavailable", "Timeout"];
    !code.is_empty()
        && code.chars().all(char::is_alphanumeric)
        && !unsure.iter().any(|word| code.contains(word))
}

/// Undoes one change.
pub async fn undo(context: Context<'_>, change: &Pending) -> Result<(), ChangeError> {
    match &change.undo {
        Undo::StopExperiment { client_token } => {
            stop_experiment(context, change, client_token).await
        }
        Undo::DeleteExperimentTemplate { client_token } => {
            delete_template(context, change, client_token).await
        }
        Undo::SetAlarmState { alarm, state } => set_alarm_back(context, change, alarm, state).await,
        Undo::DeleteQueue { name } => delete_queue(context, change, name).await,
        Undo::DeleteRule { bus, name } => delete_rule(context, change, bus, name).await,
        Undo::Unsubscribe { topic, endpoint } => {
            unsubscribe(context, change, topic, endpoint).await
        }
    }
}

/// Words for a change that could not be taken back.
pub fn describe(undo: &Undo) -> String {
    match undo {
        Undo::StopExperiment { client_token } => {
            format!("the FIS experiment with tag firedrill:token={client_token} may still run")
        }
        Undo::DeleteExperimentTemplate { client_token } => {
            format!("the FIS experiment template with tag firedrill:token={client_token} exists")
        }
        Undo::SetAlarmState { alarm, state } => {
            format!("alarm `{alarm}` may not be back in {state}")
        }
        Undo::DeleteQueue { name } => format!("queue `{name}` exists"),
        Undo::DeleteRule { bus, name } => format!("rule `{name}` on bus `{bus}` exists"),
        Undo::Unsubscribe { topic, endpoint } => {
            format!("topic `{topic}` may still deliver to `{endpoint}`")
        }
    }
}

/// Announces, calls, receipts; "not found" is done.
async fn revert(
    context: Context<'_>,
    change: &Pending,
    call: &str,
    work: impl Future<Output = Result<(), CallError>>,
) -> Result<(), ChangeError> {
    let intent = context.recorder.intent(
        change.fault.as_deref(),
        Purpose::Revert,
        call,
        Some(change.undo.clone()),
    )?;
    match work.await {
        Ok(()) => context.recorder.receipt(intent, Ok(ids([]))),
        Err(error) if error.kind == CallErrorKind::NotFound => {
            context.recorder.receipt(intent, Ok(ids([("already", "gone")])));
        }
        Err(error) => {
            context.recorder.receipt(intent, Err(&error));
            return Err(error.into());
        }
    }
    Ok(())
}

async fn stop_experiment(
    context: Context<'_>,
    change: &Pending,
    token: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let known = change.ids.get("experiment").cloned();
        let id = match known {
            Some(id) => Some(id),
            None => find_experiment(context, token).await?,
        };
        let Some(id) = id else { return Ok(()) };
        if ended(&get(context.aws, &id).await?).is_some() {
            return Ok(());
        }
        let stopped = context.aws.fis.stop_experiment().id(&id).send().await;
        stopped.map_err(|error| CallError::of("fis:StopExperiment", &error))?;
        wait_until_ended(context, &id).await
    };
    revert(context, change, "fis:StopExperiment", work).await
}

async fn find_experiment(context: Context<'_>, token: &str) -> Result<Option<String>, CallError> {
    let mut pages = context.aws.fis.list_experiments().into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperiments", &error))?;
        let tagged = summary.tags().and_then(|tags| tags.get("firedrill:token"));
        if tagged.is_some_and(|tag| tag == token) {
            return Ok(summary.id);
        }
    }
    Ok(None)
}

/// Reads back that the experiment is over, within a bound.
async fn wait_until_ended(context: Context<'_>, id: &str) -> Result<(), CallError> {
    let clock = context.clock();
    let give_up = clock.now() + STOP_PATIENCE;
    loop {
        let mark = context.pace.mark(Topic::Experiments);
        if ended(&get(context.aws, id).await?).is_some() {
            return Ok(());
        }
        if clock.now() >= give_up {
            return Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation: "fis:StopExperiment",
                code: None,
                message: format!("experiment {id} was told to stop and has not ended"),
            });
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Experiments, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

async fn delete_template(
    context: Context<'_>,
    change: &Pending,
    token: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let id = match change.ids.get("template").cloned() {
            Some(id) => Some(id),
            None => find_tagged_template(context, token).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let deleted = context.aws.fis.delete_experiment_template().id(id).send().await;
        deleted.map_err(|error| CallError::of("fis:DeleteExperimentTemplate", &error))?;
        Ok(())
    };
    revert(context, change, "fis:DeleteExperimentTemplate", work).await
}

async fn find_tagged_template(
    context: Context<'_>,
    token: &str,
) -> Result<Option<String>, CallError> {
    let mut pages = context.aws.fis.list_experiment_templates().into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperimentTemplates", &error))?;
        let tagged = summary.tags().and_then(|tags| tags.get("firedrill:token"));
        if tagged.is_some_and(|tag| tag == token) {
            return Ok(summary.id);
        }
    }
    Ok(None)
}

/// Sets the alarm back only while it still shows what we set: otherwise the system has moved on.
async fn set_alarm_back(
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

async fn delete_queue(
    context: Context<'_>,
    change: &Pending,
    name: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let url = if let Some(url) = change.ids.get("url") {
            url.clone()
        } else {
            let found = context.aws.sqs.get_queue_url().queue_name(name).send().await;
            let found = found.map_err(|error| CallError::of("sqs:GetQueueUrl", &error))?;
            found.queue_url.unwrap_or_default()
        };
        let deleted = context.aws.sqs.delete_queue().queue_url(url).send().await;
        deleted.map_err(|error| CallError::of("sqs:DeleteQueue", &error))?;
        Ok(())
    };
    revert(context, change, "sqs:DeleteQueue", work).await
}

async fn delete_rule(
    context: Context<'_>,
    change: &Pending,
    bus: &str,
    name: &str,
) -> Result<(), ChangeError> {
    let events = &context.aws.events;
    let work = async {
        let removed = events
            .remove_targets()
            .rule(name)
            .event_bus_name(bus)
            .ids(LISTENER_TARGET)
            .send()
            .await;
        removed.map_err(|error| CallError::of("events:RemoveTargets", &error))?;
        let deleted = events.delete_rule().name(name).event_bus_name(bus).send().await;
        deleted.map_err(|error| CallError::of("events:DeleteRule", &error))?;
        Ok(())
    };
    revert(context, change, "events:DeleteRule", work).await
}

async fn unsubscribe(
    context: Context<'_>,
    change: &Pending,
    topic: &str,
    endpoint: &str,
) -> Result<(), ChangeError> {
    let work = async {
        let arn = match change.ids.get("subscription").cloned() {
            Some(arn) => Some(arn),
            None => find_subscription(context, topic, endpoint).await?,
        };
        let Some(arn) = arn else { return Ok(()) };
        let done = context.aws.sns.unsubscribe().subscription_arn(arn).send().await;
        done.map_err(|error| CallError::of("sns:Unsubscribe", &error))?;
        Ok(())
    };
    revert(context, change, "sns:Unsubscribe", work).await
}

async fn find_subscription(
    context: Context<'_>,
    topic: &str,
    endpoint: &str,
) -> Result<Option<String>, CallError> {
    let mut pages =
        context.aws.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("sns:ListSubscriptionsByTopic", &error))?;
        let found = page
            .subscriptions
            .unwrap_or_default()
            .into_iter()
            .find(|subscription| subscription.endpoint() == Some(endpoint));
        if let Some(subscription) = found {
            return Ok(subscription.subscription_arn);
        }
    }
    Ok(None)
}
