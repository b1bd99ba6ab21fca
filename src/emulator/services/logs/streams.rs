//! Streams of a log group: made, filled, listed and deleted.
//!
//! Main function: [`put`]. Invariant: a log event that AWS would reject (too old, too new, expired) is not
//! kept, and the answer says which.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Line, MOST_LINES, exists, group_mut, invalid, metrics, missing};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::wakeup::Topic;

/// Log events in one call.
const MOST_EVENTS: usize = 10_000;
/// Bytes in one call: of each event its UTF-8 and 26 more.
const MOST_BYTES: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
/// The longest that the events of one call may lie apart.
const LONGEST_BATCH: i64 = 24 * 3_600_000;
/// An event may be this far in the future, or in the past.
const FUTURE: i64 = 2 * 3_600_000;
const PAST: i64 = 14 * 24 * 3_600_000;
/// Streams on a page of `DescribeLogStreams` (documented).
const MOST_STREAMS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputLine>,
    // Ignored by AWS since 2023.
    #[serde(default, rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputLine {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeLogStreams {
    log_group_name: String,
    #[serde(default)]
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `CreateLogStream`.
pub(super) fn create(account: &mut Account, input: Stream) -> Answer {
    let name = input.log_stream_name;
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
        return Err(invalid("Value at 'logStreamName' failed to satisfy constraint: [^:*]*"));
    }
    let group = group_mut(account, &input.log_group_name)?;
    if group.streams.contains_key(&name) {
        return Err(exists("log stream"));
    }
    group.streams.insert(name, Vec::new());
    Ok(json!({}))
}

/// `DeleteLogStream`: the stream and all its events.
pub(super) fn delete(account: &mut Account, input: Stream) -> Answer {
    let group = group_mut(account, &input.log_group_name)?;
    let gone = group.streams.shift_remove(&input.log_stream_name);
    gone.ok_or_else(|| missing("log stream"))?;
    account.touch(Topic::Logs);
    Ok(json!({}))
}

/// `DescribeLogStreams`, by name; the token is the last name of the page before.
pub(super) fn describe(account: &mut Account, input: DescribeLogStreams) -> Answer {
    let group = group_mut(account, &input.log_group_name)?;
    let prefix = input.log_stream_name_prefix.unwrap_or_default();
    let limit = input.limit.unwrap_or(MOST_STREAMS).clamp(1, MOST_STREAMS);
    let after = input.next_token.unwrap_or_default();
    let mut names: Vec<&String> = group.streams.keys().collect();
    names.sort();
    names.retain(|name| name.starts_with(&prefix) && **name > after);
    let more = names.len() > limit;
    names.truncate(limit);
    let shown: Vec<Value> = names.iter().map(|name| json!({"logStreamName": name})).collect();
    let mut answer = json!({ "logStreams": shown });
    if let Some(last) = names.last().filter(|_| more) {
        answer["nextToken"] = json!(last);
    }
    Ok(answer)
}

/// `PutLogEvents`.
pub(super) fn put(account: &mut Account, input: PutLogEvents) -> Answer {
    let now = account.now().as_millisecond();
    check(&input.log_events)?;
    let group = group_mut(account, &input.log_group_name)?;
    let kept_from = group.retention_days.map_or(i64::MIN, |days| now - days * 86_400_000);
    let lines =
        group.streams.get_mut(&input.log_stream_name).ok_or_else(|| missing("log stream"))?;
    let events = &input.log_events;
    let too_old = events.partition_point(|event| event.timestamp < now - PAST);
    let expired = events.partition_point(|event| event.timestamp < kept_from);
    let too_new = events.partition_point(|event| event.timestamp <= now + FUTURE);
    let mut rejected = serde_json::Map::new();
    if too_old > 0 {
        rejected.insert("tooOldLogEventEndIndex".to_owned(), too_old.into());
    }
    if expired > 0 {
        rejected.insert("expiredLogEventEndIndex".to_owned(), expired.into());
    }
    if too_new < events.len() {
        rejected.insert("tooNewLogEventStartIndex".to_owned(), too_new.into());
    }
    let first = too_old.max(expired).min(too_new);
    let mut kept = Vec::new();
    for event in &events[first..too_new] {
        let id = lines.last().map_or(0, |last| last.id + 1);
        if lines.len() >= MOST_LINES {
            lines.remove(0);
        }
        let message = event.message.clone();
        kept.push((event.timestamp, message.clone()));
        lines.push(Line { id, at: event.timestamp, ingested: now, message });
    }
    metrics::ingested(account, &input.log_group_name, &kept);
    account.touch(Topic::Logs);
    if rejected.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({ "rejectedLogEventsInfo": rejected }))
}

fn check(events: &[InputLine]) -> Result<(), ServiceError> {
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if events.is_empty() || events.len() > MOST_EVENTS {
        return Err(invalid("logEvents must have between 1 and 10000 members"));
    }
    if events.iter().any(|event| event.message.is_empty()) {
        return Err(invalid("Log event message must not be empty"));
    }
    if bytes > MOST_BYTES {
        return Err(invalid("Upload too large: the batch exceeds 1048576 bytes"));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        let message = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(invalid(message));
    }
    let span = events.last().zip(events.first());
    if span.is_some_and(|(last, first)| last.timestamp - first.timestamp > LONGEST_BATCH) {
        let message = "The batch of log events in a single PutLogEvents request cannot span more \
                       than 24 hours.";
        return Err(invalid(message));
    }
    Ok(())
}
