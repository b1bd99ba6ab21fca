//! A replay of archived events to the bus that they came from, for all its rules or for some.
//!
//! An event can be replayed only once the archive holds it (AWS advises to wait ten minutes), and a
//! replay that finds none completes all the same: that is a fault without effect. Every replayed event
//! carries `replay-name`, so that what follows from it is known to be ours. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html>.

use aws_sdk_eventbridge::operation::describe_replay::DescribeReplayOutput;
use aws_sdk_eventbridge::types::{ReplayDestination, ReplayState};
use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, Context, Injected, ids, is_there_already, started};
use crate::aws::{Aws, CallError, CallErrorKind, date_time, timestamp};
use crate::plan::{PlannedFault, REPLAY_START, Replay};
use crate::timeline::{EntryKind, Purpose, Undo};
use crate::wakeup::Topic;

/// How long a replay may take until its first event is replayed.
const PATIENCE: SignedDuration = REPLAY_START;

/// How often a replay is looked at, although nothing rang.
const REST: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    replay: &'a Replay,
) -> Result<Injected<'a>, ChangeError> {
    let (archive, bus) = archive(context.aws, &replay.archive).await?;
    start(context, fault, replay, &archive, &bus).await?;
    let give_up = context.clock().now() + PATIENCE;
    let replayed = loop {
        let mark = context.pace.mark(Topic::Replays);
        let is_late = context.clock().now() >= give_up;
        match describe(context.aws, &replay.name).await {
            Ok(now) if now.event_last_replayed_time().is_some() => break now,
            Ok(now) => {
                if let Some(end) = ended(&now) {
                    return Err(ChangeError::NoEffect(nothing(replay, end, now.state_reason())));
                }
            }
            // It was started: one look that fails says nothing about it.
            Err(error) if is_late || !may_pass(&error) => return Err(error.into()),
            Err(_) => {}
        }
        if is_late {
            let reason = format!("replay `{}` has replayed nothing for five minutes", replay.name);
            return Err(ChangeError::NoEffect(reason));
        }
        let _elapsed = tokio::time::timeout(REST, context.pace.pause(Topic::Replays, mark)).await;
    };
    let at = replayed.replay_start_time().and_then(timestamp);
    let at = at.map_or_else(|| context.at_aws(context.clock().now()), Into::into);
    let evidence =
        [("replay", replay.name.clone()), ("archive", replay.archive.clone()), ("bus", bus)];
    started(context, fault, at, evidence);
    let continuation = Box::pin(follow(context, fault, &replay.name));
    Ok(Injected { experiment: None, continuation: Some(continuation) })
}

/// Whether another look may go better.
fn may_pass(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::Throttled | CallErrorKind::Unreachable)
}

/// The archive's ARN, and that of the bus that its events came from.
pub(crate) async fn archive(aws: &Aws, name: &str) -> Result<(String, String), CallError> {
    let found = aws.events.describe_archive().archive_name(name).send().await;
    let found = found.map_err(|error| CallError::of("events:DescribeArchive", &error))?;
    Ok((found.archive_arn.unwrap_or_default(), found.event_source_arn.unwrap_or_default()))
}

async fn start(
    context: Context<'_>,
    fault: &PlannedFault,
    replay: &Replay,
    archive: &str,
    bus: &str,
) -> Result<(), ChangeError> {
    const CALL: &str = "events:StartReplay";
    let now = context.clock().now();
    let (from, to) = replay.span(now);
    let rules: Vec<String> = replay.rules.iter().map(|rule| rule_arn(bus, rule)).collect();
    let destination = ReplayDestination::builder()
        .arn(bus)
        .set_filter_arns((!rules.is_empty()).then_some(rules))
        .build()
        .map_err(|error| ChangeError::NoEffect(error.to_string()))?;
    let undo = Undo::CancelReplay { name: replay.name.clone() };
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, Some(undo))?;
    let sent = context
        .aws
        .events
        .start_replay()
        .replay_name(&replay.name)
        .event_source_arn(archive)
        .event_start_time(date_time(from))
        .event_end_time(date_time(to))
        .destination(destination)
        .send()
        .await;
    match context.recorder.heard(intent, CALL, sent) {
        Ok(_) => context.recorder.receipt(intent, Ok(ids([("replay", &replay.name)]))),
        // It has the name of this drill and fault: the answer to our first try was lost.
        Err(error) if is_there_already(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// A rule's ARN on a bus: rules of the default bus have no bus in it.
fn rule_arn(bus: &str, rule: &str) -> String {
    if rule.starts_with("arn:") {
        return rule.to_owned();
    }
    let (place, name) = bus.split_once(":event-bus/").unwrap_or((bus, "default"));
    match name {
        "default" => format!("{place}:rule/{rule}"),
        custom => format!("{place}:rule/{custom}/{rule}"),
    }
}

/// A replay as it is now.
pub(super) async fn describe(aws: &Aws, name: &str) -> Result<DescribeReplayOutput, CallError> {
    let found = aws.events.describe_replay().replay_name(name).send().await;
    found.map_err(|error| CallError::of("events:DescribeReplay", &error))
}

/// The word of a replay's end, once it is over.
pub(super) fn ended(replay: &DescribeReplayOutput) -> Option<&'static str> {
    match replay.state() {
        Some(ReplayState::Completed) => Some("completed"),
        Some(ReplayState::Cancelled) => Some("cancelled"),
        Some(ReplayState::Failed) => Some("failed"),
        _ => None,
    }
}

fn nothing(replay: &Replay, end: &str, reason: Option<&str>) -> String {
    let why = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(
        "replay `{}` {end} without an event{why}: the archive `{}` holds none of that span yet; it takes up \
         to ten minutes until it does",
        replay.name, replay.archive
    )
}

/// Notes the replay's end.
async fn follow(context: Context<'_>, fault: &PlannedFault, name: &str) {
    loop {
        let mark = context.pace.mark(Topic::Replays);
        match describe(context.aws, name).await {
            Ok(replay) => {
                if let Some(state) = ended(&replay) {
                    let at = replay.replay_end_time().and_then(timestamp);
                    let reason = replay.state_reason().map(str::to_owned);
                    return end(context, fault, at, state, reason);
                }
            }
            Err(error) => return end(context, fault, None, "failed", Some(error.to_string())),
        }
        tokio::select! {
            biased;
            () = context.recorder.over() => {
                let reason = "the drill cancels what is left of it".to_owned();
                return end(context, fault, None, "stopped", Some(reason));
            }
            () = context.pace.pause(Topic::Replays, mark) => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

fn end(
    context: Context<'_>,
    fault: &PlannedFault,
    at: Option<Timestamp>,
    state: &str,
    reason: Option<String>,
) {
    context.recorder.record(EntryKind::FaultEnded {
        fault: fault.id.clone(),
        occurred_at: at.unwrap_or_else(|| context.clock().now()),
        state: state.to_owned(),
        reason,
    });
}
