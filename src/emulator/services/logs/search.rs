//! `FilterLogEvents`: the events of a group that match a filter pattern, oldest first, by pages.
//!
//! Main function: [`filter_log_events`]. Invariant: the token of a page says where the next one begins, so
//! that what arrives between two pages is neither shown twice nor lost.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use super::{Group, Line, group_mut, invalid};
use crate::emulator::account::Account;
use crate::emulator::error::Answer;

/// Events on one page (documented).
const MOST_ON_A_PAGE: usize = 10_000;
/// Bytes on one page (documented).
const MOST_BYTES: usize = 1_048_576;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterLogEvents {
    #[serde(default)]
    log_group_name: Option<String>,
    #[serde(default)]
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    #[serde(default)]
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    filter_pattern: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    // Always true since 2019.
    #[serde(default, rename = "interleaved")]
    _interleaved: Option<bool>,
}

/// A line with its stream.
pub(super) type Placed<'a> = (&'a str, &'a Line);

/// The lines of a group that are still kept, oldest first.
pub(super) fn lines(group: &Group, now: i64) -> Vec<Placed<'_>> {
    let kept_from = group.retention_days.map_or(i64::MIN, |days| now - days * 86_400_000);
    let mut all: Vec<Placed<'_>> = group
        .streams
        .iter()
        .flat_map(|(name, lines)| lines.iter().map(move |line| (name.as_str(), line)))
        .filter(|(_, line)| line.at >= kept_from)
        .collect();
    all.sort_by_key(|(stream, line)| (line.at, *stream, line.id));
    all
}

/// The id that AWS makes unique for an event.
pub(super) fn event_id(stream: &str, line: &Line) -> String {
    format!("{stream}-{}", line.id)
}

/// `FilterLogEvents`.
pub(super) fn filter_log_events(account: &mut Account, input: FilterLogEvents) -> Answer {
    let now = account.now().as_millisecond();
    let name = match (&input.log_group_name, &input.log_group_identifier) {
        (Some(name), None) => name,
        (None, Some(identifier)) => super::name_of(identifier),
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("Specify either logGroupName or logGroupIdentifier."));
        }
    };
    let filter = Filter::parse(input.filter_pattern.as_deref().unwrap_or_default())
        .map_err(|why| invalid(format!("Invalid filter pattern: {why}")))?;
    let limit = input.limit.unwrap_or(MOST_ON_A_PAGE).clamp(1, MOST_ON_A_PAGE);
    let group = group_mut(account, name)?;
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let after = input.next_token.as_deref().map(place).transpose()?;
    let mut found: Vec<Placed<'_>> = lines(group, now);
    found.retain(|(stream, line)| {
        stream.starts_with(prefix)
            && (input.log_stream_names.is_empty()
                || input.log_stream_names.iter().any(|name| name == stream))
            && input.start_time.is_none_or(|start| line.at >= start)
            && input.end_time.is_none_or(|end| line.at <= end)
            && after.is_none_or(|after| (line.at, *stream, line.id) > after)
            && filter.matches(&line.message)
    });
    let mut bytes = 0;
    let page = found.iter().take(limit).take_while(|(_, line)| {
        bytes += line.message.len();
        bytes <= MOST_BYTES
    });
    let page = page.count().max(1).min(found.len());
    let events: Vec<Value> =
        found[..page].iter().map(|(stream, line)| show(stream, line)).collect();
    let mut answer = json!({ "events": events, "searchedLogStreams": [] });
    if page < found.len() {
        let (stream, line) = found[page - 1];
        answer["nextToken"] = format!("{}/{}/{stream}", line.at, line.id).into();
    }
    Ok(answer)
}

fn place(token: &str) -> Result<(i64, &str, u64), crate::emulator::error::ServiceError> {
    let read = || {
        let (at, rest) = token.split_once('/')?;
        let (id, stream) = rest.split_once('/')?;
        Some((at.parse().ok()?, stream, id.parse().ok()?))
    };
    read().ok_or_else(|| invalid("The specified nextToken is invalid."))
}

fn show(stream: &str, line: &Line) -> Value {
    json!({
        "logStreamName": stream,
        "timestamp": line.at,
        "message": line.message,
        "ingestionTime": line.ingested,
        "eventId": event_id(stream, line),
    })
}
