//! Synthetic events: PutEvents in batches of ten.
//!
//! AWS answers success for a bus that does not exist, so the bus is looked up first; an entry that AWS
//! refuses is an error of the fault. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::CallError;
use crate::aws::once::Once;
use crate::outside::payload;
use crate::plan::PlannedFault;
use crate::scenario::types::EventEntry;
use crate::timeline::Purpose;

/// The most entries that one call takes.
const BATCH: usize = 10;

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    bus: &str,
    entries: &[EventEntry],
) -> Result<Injected<'a>, ChangeError> {
    context
        .aws
        .events
        .describe_event_bus()
        .name(bus)
        .send()
        .await
        .map_err(|error| CallError::of("events:DescribeEventBus", &error))?;
    // AWS gives no time of its own; an event is accepted after it was sent.
    let sent_at = context.clock().now();
    let mut event_ids = Vec::new();
    for batch in entries.chunks(BATCH) {
        event_ids.extend(put(context, fault, bus, batch).await?);
    }
    started(
        context,
        fault,
        context.took_effect(sent_at),
        [("events", event_ids.join(" ")), ("bus", bus.to_owned())],
    );
    Ok(Injected { experiment: None, continuation: None })
}

async fn put(
    context: Context<'_>,
    fault: &PlannedFault,
    bus: &str,
    batch: &[EventEntry],
) -> Result<Vec<String>, ChangeError> {
    let requests = batch.iter().map(|entry| request(bus, entry)).collect::<Result<_, _>>();
    let requests = requests.map_err(ChangeError::NoEffect)?;
    let intent =
        context.recorder.intent(Some(&fault.id), Purpose::Inject, "events:PutEvents", None)?;
    let call = context.aws.events.put_events().set_entries(Some(requests)).customize();
    let once = aws_sdk_eventbridge::config::Builder::new().retry_classifier(Once);
    let sent = call.config_override(once).send().await;
    let answer = context.recorder.heard(intent, "events:PutEvents", sent)?;
    let results = answer.entries.unwrap_or_default();
    let accepted: Vec<String> =
        results.iter().filter_map(|result| result.event_id.clone()).collect();
    context.recorder.receipt(intent, Ok(ids([("events", &accepted.join(" "))])));
    let refused = results.iter().zip(batch).find(|(result, _)| result.error_code.is_some());
    if let Some((result, entry)) = refused {
        return Err(ChangeError::NoEffect(format!(
            "{} of {} events were refused; the first, from `{}`: {}: {}",
            answer.failed_entry_count,
            batch.len(),
            entry.source,
            result.error_code.as_deref().unwrap_or_default(),
            result.error_message.as_deref().unwrap_or_default(),
        )));
    }
    if accepted.len() != batch.len() {
        return Err(ChangeError::NoEffect(format!(
            "AWS accounted for {} of {} events",
            accepted.len(),
            batch.len()
        )));
    }
    Ok(accepted)
}

fn request(bus: &str, entry: &EventEntry) -> Result<PutEventsRequestEntry, String> {
    Ok(PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(&entry.source)
        .detail_type(&entry.detail_type)
        .detail(payload(&entry.sent_detail().to_string())?)
        .set_resources((!entry.resources.is_empty()).then(|| entry.resources.clone()))
        .build())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_without_detail_is_sent_with_an_empty_one() {
        let entry = |detail: Value| EventEntry {
            source: "my.app".to_owned(),
            detail_type: "Done".to_owned(),
            detail,
            resources: Vec::new(),
        };
        let sent = |detail: Value| request("default", &entry(detail)).expect("nothing to fill in");
        assert_eq!(sent(Value::Null).detail(), Some("{}"));
        assert_eq!(sent(json!({"a": 1})).detail(), Some("{\"a\":1}"));
    }
}
