//! The timeline of an incident.
//!
//! Main type: [`Event`]. Invariant: events are kept in the order in which they happened; their data is
//! the text of a JSON object, as the API carries it.
//! Source: <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_ListTimelineEvents.html>.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::plans::not_found;
use super::records::{Filter, page, unknown_filter};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::Answer;
use crate::wakeup::Topic;

/// Something that happened to an incident.
#[derive(Debug, Clone)]
pub(super) struct Event {
    id: String,
    kind: String,
    at: Timestamp,
    data: String,
}

/// Adds an event that happens now.
pub(super) fn add(account: &mut Account, incident: &str, kind: &str, data: &Value) {
    account.touch(Topic::Incidents);
    let (id, at) = (account.ids.uuid(), account.now());
    if let Some(record) = account.services.incidents.records.get_mut(incident) {
        let event = Event { id: id.clone(), kind: kind.to_owned(), at, data: data.to_string() };
        record.events.insert(id, event);
    }
}

impl Event {
    fn shape(&self, incident: &str) -> Value {
        json!({
            "incidentRecordArn": incident,
            "eventId": self.id,
            "eventTime": epoch_seconds(self.at),
            "eventUpdatedTime": epoch_seconds(self.at),
            "eventType": self.kind,
        })
    }
}

/// The input of `ListTimelineEvents`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    incident_record_arn: String,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default, rename = "sortBy")]
    _sort_by: Option<SortBy>,
    #[serde(default)]
    sort_order: Option<SortOrder>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum SortBy {
    #[serde(rename = "EVENT_TIME")]
    EventTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SortOrder {
    Ascending,
    Descending,
}

/// `ListTimelineEvents`: oldest first unless asked otherwise.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let incident = &input.incident_record_arn;
    let Some(record) = account.services.incidents.records.get(incident) else {
        return Err(not_found("incident record", incident));
    };
    let mut items = Vec::new();
    for event in record.events.values() {
        let mut fits = true;
        for filter in &input.filters {
            fits &= match filter.key.as_str() {
                "eventType" => filter.condition.text(&event.kind),
                "eventTime" => filter.condition.moment(event.at),
                other => return Err(unknown_filter(other)),
            };
        }
        if fits {
            items.push(event.shape(incident));
        }
    }
    if input.sort_order == Some(SortOrder::Descending) {
        items.reverse();
    }
    page("eventSummaries", items, input.max_results, input.next_token.as_deref())
}

/// The input of `GetTimelineEvent`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Get {
    event_id: String,
    incident_record_arn: String,
}

/// `GetTimelineEvent`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    let records = &account.services.incidents.records;
    let Some(record) = records.get(&input.incident_record_arn) else {
        return Err(not_found("incident record", &input.incident_record_arn));
    };
    let Some(event) = record.events.get(&input.event_id) else {
        return Err(not_found("timeline event", &input.event_id));
    };
    let mut shape = event.shape(&record.arn);
    shape["eventData"] = json!(event.data);
    Ok(json!({"event": shape}))
}
