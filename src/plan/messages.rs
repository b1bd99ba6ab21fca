//! Messages, log lines, replays, queues and metrics, resolved.
//!
//! No main type: one function per kind, for [`super::resolve`]. Invariant: whatever is sent carries the
//! run's marker.

use indexmap::IndexMap;
use serde_json::Value;

use super::{FaultAction, Kind, Level, Message};
use crate::scenario::types::{
    DisableRuleFault, PublishFault, QueueExpectation, SendMessageFault, StateValue,
};

/// The message attribute that carries the run id. Names of attributes are letters, digits, `-`, `_` and
/// `.`: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>.
pub const RUN_ATTRIBUTE: &str = "firedrill.run";

/// The longest deduplication id of a FIFO topic or queue:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
const MAX_DEDUPLICATION: usize = 128;

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
