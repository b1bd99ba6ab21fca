//! Messages, log lines, replays, queues and metrics, resolved.
//!
//! No main type: one function per kind, for [`super::resolve`]. Invariant: whatever is sent carries the
//! run's marker.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use super::calls::LISTENER_PREFIX;
use super::resolve::signed;
use super::{FaultAction, Kind, Level, LogSearch, Message, Replay, Span};
use crate::scenario::types::{
    DisableRuleFault, LogExpectation, LogLineFault, PublishFault, QueueExpectation,
    SendMessageFault, StartReplayFault, StateValue,
};

/// The message attribute that carries the run id. Names of attributes are letters, digits, `-`, `_` and
/// `.`: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>.
pub const RUN_ATTRIBUTE: &str = "firedrill.run";

/// The longest deduplication id of a FIFO topic or queue:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
const MAX_DEDUPLICATION: usize = 128;

/// The longest name of a replay:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html>.
const MAX_REPLAY_NAME: usize = 64;

/// The most lines of one fault; the check refuses more.
const MAX_LINES: u32 = 1000;

pub(super) fn disable_rule(fault: &DisableRuleFault) -> FaultAction {
    FaultAction::DisableRule { bus: fault.bus.clone(), name: fault.name.clone() }
}

pub(super) fn publish(fault: &PublishFault, id: &str, run_id: &str) -> FaultAction {
    let message = message(&fault.message, &fault.attributes, run_id);
    FaultAction::Publish {
        topic: fault.topic.clone(),
        subject: fault.subject.clone(),
        message: grouped(message, &fault.topic, fault.group.as_ref(), id, run_id),
    }
}

pub(super) fn send_message(fault: &SendMessageFault, id: &str, run_id: &str) -> FaultAction {
    let message = message(&fault.message, &fault.attributes, run_id);
    FaultAction::SendMessage {
        queue: fault.queue.clone(),
        message: grouped(message, &fault.queue, fault.group.as_ref(), id, run_id),
    }
}

fn message(body: &Value, attributes: &IndexMap<String, String>, run_id: &str) -> Message {
    let mut attributes = attributes.clone();
    attributes.insert(RUN_ATTRIBUTE.to_owned(), run_id.to_owned());
    Message { body: body_text(body), attributes, group: None, deduplication: None }
}

/// The message in its group; only a FIFO topic or queue (known by its name) takes a deduplication id.
fn grouped(
    message: Message,
    name: &str,
    group: Option<&String>,
    id: &str,
    run_id: &str,
) -> Message {
    let deduplication = || format!("{run_id}-{id}").chars().take(MAX_DEDUPLICATION).collect();
    let deduplication = name.strip_suffix(".fifo").map(|_| deduplication());
    Message { group: group.cloned(), deduplication, ..message }
}

/// The run's own stream, named after the run and the fault.
pub(super) fn log_line(fault: &LogLineFault, id: &str, run_id: &str) -> FaultAction {
    FaultAction::LogLine {
        group: fault.group.clone(),
        stream: format!("{LISTENER_PREFIX}{run_id}-{id}"),
        line: body_text(&fault.message),
        count: fault.count.unwrap_or(1).clamp(1, MAX_LINES),
    }
}

pub(super) fn start_replay(
    fault: &StartReplayFault,
    id: &str,
    run_id: &str,
) -> Option<FaultAction> {
    let moment = |text: &String| text.parse::<Timestamp>().ok();
    let span = match (&fault.last, &fault.from, &fault.to) {
        (Some(last), None, None) => Span::Last(signed(*last)),
        (None, Some(from), None) => Span::Between { from: moment(from)?, to: None },
        (None, Some(from), Some(to)) => {
            Span::Between { from: moment(from)?, to: Some(moment(to)?) }
        }
        (_, _, _) => return None,
    };
    Some(FaultAction::StartReplay(Replay {
        name: replay_name(run_id, id),
        archive: fault.archive.clone(),
        span,
        rules: fault.rules.clone(),
    }))
}

/// A name of the run's own; one that would be too long ends in a number that is made of all of it.
fn replay_name(run_id: &str, id: &str) -> String {
    let name = format!("{LISTENER_PREFIX}{run_id}-{id}");
    if name.len() <= MAX_REPLAY_NAME {
        return name;
    }
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let start: String = name.chars().take(MAX_REPLAY_NAME - 9).collect();
    format!("{start}-{hash:08x}")
}

pub(super) fn log(log: &LogExpectation) -> Option<Kind> {
    let groups: Vec<String> = log.group.iter().chain(&log.groups).cloned().collect();
    let search = match (&log.pattern, &log.query) {
        (Some(pattern), None) => LogSearch::Pattern(pattern.clone()),
        (None, Some(query)) => LogSearch::Query(query.clone()),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    (!groups.is_empty()).then_some(Kind::Log { groups, search })
}

/// Text as it is, anything else as JSON.
pub(super) fn body_text(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a queue is asked: a message where something happens, none where it must have recovered.
pub(super) fn queue(queue: &QueueExpectation, natural: StateValue) -> Option<Kind> {
    let level = match (queue.at_least, queue.at_most, natural) {
        (Some(least), None, _) => Level::AtLeast(least),
        (None, Some(most), _) => Level::AtMost(most),
        (None, None, StateValue::Ok) => Level::AtMost(0),
        (None, None, StateValue::Alarm | StateValue::InsufficientData) => Level::AtLeast(1),
        (Some(_), Some(_), _) => return None,
    };
    Some(Kind::Queue { name: queue.name.clone(), messages: queue.messages, level })
}
