//! The alarm history: every state change, action and configuration change.
//!
//! Main type: [`Item`]. Invariant: items are kept in the order in which they happened, also after their
//! alarm was deleted, up to a fixed number.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::alarm::{AlarmState, AlarmType};
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::wakeup::Topic;

/// The most items that are kept (ours; AWS keeps 30 days).
const MAX_ITEMS: usize = 100_000;

/// The kinds of items that are emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemType {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl ItemType {
    fn as_str(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// One item of the history.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) alarm: String,
    pub(super) alarm_type: AlarmType,
    pub(super) at: Timestamp,
    pub(super) kind: ItemType,
    pub(super) summary: String,
    /// A JSON text.
    pub(super) data: String,
}

/// The items in the order in which they happened.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    items: VecDeque<Item>,
}

/// Adds an item, stamped now, and says that alarms changed.
pub(super) fn note(
    account: &mut Account,
    (alarm, alarm_type): (&str, AlarmType),
    kind: ItemType,
    summary: String,
    data: &Value,
) {
    let at = account.now();
    let alarm = alarm.to_owned();
    let item = Item { alarm, alarm_type, at, kind, summary, data: data.to_string() };
    let items = &mut account.services.cloudwatch.history.items;
    if items.len() == MAX_ITEMS {
        items.pop_front();
    }
    items.push_back(item);
    account.touch(Topic::Alarms);
}

/// A state as history data tells it.
pub(super) fn state_data(state: &AlarmState, suppressed_by: Option<&str>) -> Value {
    let mut data = Map::new();
    data.insert("stateValue".to_owned(), json!(state.value.as_str()));
    data.insert("stateReason".to_owned(), json!(state.reason));
    if let Some(text) = &state.reason_data {
        // What a caller gave to SetAlarmState need not be JSON; then it is told as the text that it is.
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        data.insert("stateReasonData".to_owned(), value);
    }
    if let Some(suppressed_by) = suppressed_by {
        data.insert("actionsSuppressedBy".to_owned(), json!(suppressed_by));
        let reason = format!("Actions suppressed by {suppressed_by}");
        data.insert("actionsSuppressedReason".to_owned(), json!(reason));
    }
    Value::Object(data)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeAlarmHistoryInput {
    alarm_name: Option<String>,
    alarm_types: Option<Vec<AlarmType>>,
    history_item_type: Option<String>,
    start_date: Option<f64>,
    end_date: Option<f64>,
    max_records: Option<usize>,
    next_token: Option<String>,
    scan_by: Option<ScanBy>,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum ScanBy {
    TimestampDescending,
    TimestampAscending,
}

/// `DescribeAlarmHistory`: metric alarms only, unless types are given; newest first, unless told otherwise.
pub(super) fn describe_alarm_history(
    account: &mut Account,
    input: DescribeAlarmHistoryInput,
) -> Answer {
    let types = input.alarm_types.unwrap_or_else(|| vec![AlarmType::MetricAlarm]);
    let moment = |seconds: Option<f64>| seconds.and_then(from_epoch_seconds);
    let (start, end) = (moment(input.start_date), moment(input.end_date));
    let limit = page_size(input.max_records)?;
    let skip = page_start(input.next_token.as_deref())?;
    let wanted = |item: &&Item| {
        input.alarm_name.as_ref().is_none_or(|name| *name == item.alarm)
            && types.contains(&item.alarm_type)
            && input.history_item_type.as_ref().is_none_or(|t| t == item.kind.as_str())
            && start.is_none_or(|start| item.at >= start)
            && end.is_none_or(|end| item.at <= end)
    };
    let items = &account.services.cloudwatch.history.items;
    let found: Vec<&Item> = match input.scan_by.unwrap_or(ScanBy::TimestampDescending) {
        ScanBy::TimestampAscending => {
            items.iter().filter(wanted).skip(skip).take(limit + 1).collect()
        }
        ScanBy::TimestampDescending => {
            items.iter().rev().filter(wanted).skip(skip).take(limit + 1).collect()
        }
    };
    let more = found.len() > limit;
    let page: Vec<Value> = found.into_iter().take(limit).map(item_json).collect();
    let mut answer = json!({"AlarmHistoryItems": page});
    if more {
        answer["NextToken"] = json!((skip + limit).to_string());
    }
    Ok(answer)
}

fn item_json(item: &Item) -> Value {
    json!({
        "AlarmName": item.alarm,
        "AlarmType": item.alarm_type.as_str(),
        "Timestamp": epoch_seconds(item.at),
        "HistoryItemType": item.kind.as_str(),
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    })
}

/// How many records a page holds: 1 to 100, 50 unless given.
pub(super) fn page_size(max_records: Option<usize>) -> Result<usize, ServiceError> {
    match max_records {
        None => Ok(50),
        Some(records) if (1..=100).contains(&records) => Ok(records),
        Some(records) => Err(ServiceError::new(
            "ValidationError",
            format!("MaxRecords must be between 1 and 100, not {records}."),
        )),
    }
}

/// Where a page starts: the token is the number of records before it.
pub(super) fn page_start(token: Option<&str>) -> Result<usize, ServiceError> {
    let Some(token) = token else { return Ok(0) };
    token.parse().map_err(|_| ServiceError::new("InvalidNextToken", "The next token is invalid."))
}
