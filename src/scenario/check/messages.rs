//! Rules about messages, log lines, replays, queues and metrics: nothing that AWS would refuse, and
//! nothing that would be met by itself.

use indexmap::IndexMap;
use serde_json::Value;

use super::Check;
use super::expectations::Placed;
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::{
    Fault, Kinds, LogExpectation, PublishFault, QueueExpectation, StartReplayFault,
};

/// The largest message of SNS with its attributes, in bytes; that of SQS is larger:
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const MAX_MESSAGE: usize = 256 * 1024;

/// The attributes that a message may have beside the run's own (ten in all):
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const MAX_ATTRIBUTES: usize = 9;

/// The longest subject, in characters (the first page).
const MAX_SUBJECT: usize = 100;

/// The most lines of one fault.
const MAX_LINES: u32 = 1000;

/// The longest filter pattern:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
const MAX_PATTERN: usize = 1024;

pub(super) fn fault(check: &mut Check<'_>, fault: &Fault, path: &str) {
    if let Some(publish) = &fault.publish {
        let path = format!("{path}/publish");
        subject(check, publish, &path);
        message(check, &publish.message, &publish.attributes, &path);
        fifo(check, &publish.topic, "topic", publish.group.is_some(), &path);
    }
    if let Some(send) = &fault.send_message {
        let path = format!("{path}/send_message");
        message(check, &send.message, &send.attributes, &path);
        fifo(check, &send.queue, "queue", send.group.is_some(), &path);
    }
    if let Some(replay) = &fault.start_replay {
        replay_span(check, replay, &format!("{path}/start_replay"));
    }
    if let Some(line) = &fault.log_line {
        let path = format!("{path}/log_line");
        message(check, &line.message, &IndexMap::new(), &path);
        if line.count.is_some_and(|count| count == 0 || count > MAX_LINES) {
            let message = format!("a fault puts 1 to {MAX_LINES} lines");
            check.error(code::BAD_LOG, &format!("{path}/count"), message, None);
        }
    }
}

fn replay_span(check: &mut Check<'_>, replay: &StartReplayFault, path: &str) {
    let hint = "such as `last: 1h`, or `from: 2026-01-05T09:00:00Z` with or without `to`";
    if replay.last.is_some() == replay.from.is_some()
        || (replay.to.is_some() && replay.from.is_none())
    {
        let message = "a replay has either `last`, or `from` and perhaps `to`".to_owned();
        check.error(code::BAD_REPLAY, path, message, hint.to_owned());
    }
    super::whole::positive(check, &format!("{path}/last"), replay.last);
    let mut moments = Vec::new();
    for (key, text) in [("from", &replay.from), ("to", &replay.to)] {
        let Some(text) = text else { continue };
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            moments.push(moment);
        } else {
            let message = format!("`{}` is not a moment", shortened(text));
            check.error(code::BAD_REPLAY, &format!("{path}/{key}"), message, hint.to_owned());
        }
    }
    if let [from, to] = moments.as_slice()
        && from >= to
    {
        let message = "the replay ends before it begins".to_owned();
        check.error(code::BAD_REPLAY, &format!("{path}/to"), message, None);
    }
}

/// SNS takes one line of ASCII as a subject.
fn subject(check: &mut Check<'_>, publish: &PublishFault, path: &str) {
    let Some(subject) = &publish.subject else { return };
    let printable = subject.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if subject.is_empty() || subject.chars().count() > MAX_SUBJECT || !printable {
        let message = format!("a subject is one line of ASCII, 1 to {MAX_SUBJECT} characters");
        let hint = "put the rest into the message".to_owned();
        check.error(code::BAD_MESSAGE, &format!("{path}/subject"), message, hint);
    }
}

fn message(
    check: &mut Check<'_>,
    message: &Value,
    attributes: &IndexMap<String, String>,
    path: &str,
) {
    let size = match message {
        Value::String(text) => text.len(),
        Value::Object(_) | Value::Array(_) => message.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    if size == 0 {
        let words = "a message is text that is not empty, or a mapping that is sent as JSON";
        let hint = "such as `message: {orderId: \"17\"}`".to_owned();
        check.error(code::BAD_MESSAGE, &format!("{path}/message"), words.to_owned(), hint);
    }
    let all: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size + all > MAX_MESSAGE {
        let words = format!("the message has {} bytes; {MAX_MESSAGE} are taken", size + all);
        let hint = "put the bulk into S3 and refer to it".to_owned();
        check.error(code::BAD_MESSAGE, &format!("{path}/message"), words, hint);
    }
    if attributes.len() > MAX_ATTRIBUTES {
        let words =
            format!("a message has at most {MAX_ATTRIBUTES} attributes beside the run's own");
        check.error(code::BAD_MESSAGE, &format!("{path}/attributes"), words, None);
    }
    for (name, value) in attributes {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let reserved = ["aws.", "amazon.", "firedrill."];
        let lower = name.to_ascii_lowercase();
        let fits = !name.is_empty()
            && name.len() <= 256
            && name.chars().all(legal)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && !reserved.iter().any(|prefix| lower.starts_with(prefix));
        if !fits || value.is_empty() {
            let words = format!("the attribute `{}` is not one that AWS takes", shortened(name));
            let hint = "a name of letters, digits, dots, dashes and underscores that does not begin with \
                        AWS., Amazon. or firedrill., and a value that is not empty";
            let place = format!("{path}/attributes/{name}");
            check.error(code::BAD_MESSAGE, &place, words, hint.to_owned());
        }
    }
}

fn fifo(check: &mut Check<'_>, name: &str, what: &str, group: bool, path: &str) {
    let first_in_first_out = name.strip_suffix(".fifo").is_some();
    if first_in_first_out && !group {
        let message = format!("the {what} `{}` needs a message group", shortened(name));
        let hint = "add `group: drill`".to_owned();
        check.error(code::BAD_MESSAGE, &format!("{path}/{what}"), message, hint);
    } else if !first_in_first_out && group && what == "topic" {
        // A standard queue takes a group too (fair queues); a standard topic does not.
        let message = format!("`{}` is no FIFO topic: it has no message groups", shortened(name));
        let hint = "remove `group`; the name of a FIFO topic ends in `.fifo`".to_owned();
        check.error_at_key(code::BAD_MESSAGE, &format!("{path}/group"), message, hint);
    }
}

pub(super) fn expectation(check: &mut Check<'_>, kinds: &Kinds<'_>, placed: &Placed<'_>) {
    if let Some(wanted) = kinds.log {
        log(check, wanted, &format!("{}/log", placed.kinds_path()));
    }
    if let Some(queue) = kinds.queue {
        level(check, queue, &format!("{}/queue", placed.kinds_path()));
        if placed.one.count.is_some_and(|count| count > 1) {
            let message = "a queue has a number of messages, it does not happen".to_owned();
            let hint = "for several messages use `at_least` inside the queue".to_owned();
            let path = format!("{}/count", placed.path);
            check.error(code::COUNT_MISUSE, &path, message, hint);
        }
    }
}

fn log(check: &mut Check<'_>, log: &LogExpectation, path: &str) {
    if log.group.is_some() != log.groups.is_empty() {
        let message = "log events are looked for in a `group` or in several `groups`".to_owned();
        let hint = "add `group: /my/app`".to_owned();
        check.error(code::BAD_LOG, path, message, hint);
    }
    match (&log.pattern, &log.query) {
        (Some(_), Some(_)) | (None, None) => {
            let message = "log events are found by a `pattern` or by a `query`".to_owned();
            let hint = "such as `pattern: ERROR`; a pattern costs nothing by itself".to_owned();
            check.error(code::BAD_LOG, path, message, hint);
        }
        (None, Some(query)) => {
            let aggregates =
                query.split('|').any(|command| command.trim_start().starts_with("stats"));
            if aggregates || !query.contains("@timestamp") {
                let message =
                    "the rows of this query have no @timestamp: nothing says when it happened";
                let hint =
                    "begin it with `fields @timestamp, @message`, and leave `stats` to `count`";
                let path = format!("{path}/query");
                check.error(code::BAD_LOG, &path, message.to_owned(), hint.to_owned());
            }
        }
        (Some(pattern), None) if pattern.len() > MAX_PATTERN => {
            let message = format!("a filter pattern has at most {MAX_PATTERN} characters");
            check.error(code::BAD_LOG, &format!("{path}/pattern"), message, None);
        }
        (Some(_), None) => {}
    }
}

fn level(check: &mut Check<'_>, queue: &QueueExpectation, path: &str) {
    if queue.at_least.is_some() && queue.at_most.is_some() {
        let message = "a queue is asked for `at_least` or for `at_most`, not both".to_owned();
        let hint = "make them expectations of their own".to_owned();
        check.error_at_key(code::BAD_LEVEL, &format!("{path}/at_most"), message, hint);
    }
    if queue.at_least == Some(0) {
        let message = "every queue holds at least 0 messages".to_owned();
        let hint = "write `at_most: 0` for an empty queue".to_owned();
        check.error(code::BAD_LEVEL, &format!("{path}/at_least"), message, hint);
    }
}
