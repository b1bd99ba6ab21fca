//! What a bus logs of each event that it routes, if it is told to.
//!
//! Main type: [`LogConfig`]. Invariant: a step is logged only where the bus's level asks for it, and
//! delivered only where CloudWatch Logs has a delivery for the bus and that level. Of what the records may
//! hold (`IncludeDetail`), the events themselves and the targets' inputs are left out. Sources:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Due;
use super::buses::arn_of_bus;
use super::delivery::{Event, Invocation};
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::services::logs;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// Which steps are logged; each level has those of the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Level {
    Off,
    Error,
    Info,
    Trace,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::Trace => "TRACE",
        }
    }

    /// What CloudWatch Logs calls the logs of this level.
    fn log_type(self) -> String {
        format!("{}_LOGS", self.as_str())
    }
}

/// Whether records have what the event and the target's input hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum IncludeDetail {
    None,
    Full,
}

/// What a bus logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LogConfig {
    #[serde(default)]
    level: Option<Level>,
    #[serde(default)]
    include_detail: Option<IncludeDetail>,
}

impl LogConfig {
    /// What is not emulated is refused.
    pub(super) fn check(self) -> Result<Self, ServiceError> {
        match self.include_detail {
            Some(IncludeDetail::Full) => {
                Err(ServiceError::unsupported("IncludeDetail FULL of an event bus's LogConfig"))
            }
            Some(IncludeDetail::None) | None => Ok(self),
        }
    }

    pub(super) fn show(self) -> Value {
        json!({ "Level": self.level().as_str(), "IncludeDetail": "NONE" })
    }

    fn level(self) -> Level {
        self.level.unwrap_or(Level::Off)
    }
}

/// A record on its way to wherever it is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    bus: String,
    log_type: String,
    at: i64,
    text: String,
}

/// What a bus logs.
pub(super) fn level(account: &Account, bus: &str) -> Level {
    let found = account.services.events.buses.get(bus);
    found.and_then(|bus| bus.log_config).map_or(Level::Off, LogConfig::level)
}

/// A rule matched; each of its targets is invoked.
pub(super) fn matched(account: &mut Account, bus: &str, event: &Event, invocations: &[Invocation]) {
    let Some(first) = invocations.first() else { return };
    let targets = invocations.iter().map(|one| one.target.definition.arn.as_str());
    let ids = invocations.iter().filter_map(|one| one.id.as_deref());
    let details = json!({
        "rule_arn": first.rule_arn,
        "target_arns": targets.collect::<Vec<_>>(),
        "invocation_ids": ids.collect::<Vec<_>>(),
    });
    write(account, bus, (Level::Info, "RULE_MATCH"), event, json!({ "details": details }));
}

/// No rule matched. Events of AWS's services are not logged then.
pub(super) fn unmatched(account: &mut Account, bus: &str, event: &Event) {
    let ours = event.value["source"].as_str().is_some_and(|source| !source.starts_with("aws."));
    if ours {
        let step = (Level::Info, "NO_STANDARD_RULES_MATCHED");
        write(account, bus, step, event, json!({ "details": {} }));
    }
}

/// A target took the event.
pub(super) fn invoked(account: &mut Account, invocation: &Invocation) {
    let mut details = details(account, invocation, "SUCCESS");
    details["ingestion_to_success_latency_ms"] = age(account, invocation).into();
    let more = json!({ "invocation_id": invocation.id, "details": details });
    let bus = bus_of(account, invocation);
    write(account, &bus, (Level::Info, "INVOCATION_SUCCESS"), &invocation.event, more);
}

/// A target did not take the event, and will not be asked again.
pub(super) fn failed(account: &mut Account, invocation: &Invocation, error: &ServiceError) {
    let more = json!({
        "invocation_id": invocation.id,
        "details": details(account, invocation, "FAILURE"),
        "error": {"http_status_code": error.status, "error_message": error.message},
    });
    let bus = bus_of(account, invocation);
    write(account, &bus, (Level::Error, "INVOCATION_FAILURE"), &invocation.event, more);
}

fn bus_of(account: &Account, invocation: &Invocation) -> String {
    arn_of_bus(account, invocation.bus.as_deref().unwrap_or("default"))
}

fn age(account: &Account, invocation: &Invocation) -> i64 {
    account.now().as_millisecond() - invocation.event.received.as_millisecond()
}

fn details(account: &Account, invocation: &Invocation, status: &str) -> Value {
    json!({
        "rule_arn": invocation.rule_arn,
        "target_arn": invocation.target.definition.arn,
        "total_attempts": invocation.retries + 1,
        "final_invocation_status": status,
        "ingestion_to_complete_latency_ms": age(account, invocation),
    })
}

/// Sends a record on its way, if the bus logs such steps.
fn write(
    account: &mut Account,
    bus: &str,
    (step_level, step): (Level, &str),
    event: &Event,
    more: Value,
) {
    if level(account, bus) < step_level {
        return;
    }
    let at = account.now().as_millisecond();
    let mut record = json!({
        "resource_arn": bus,
        "request_id": account.ids.uuid(),
        "event_id": event.value["id"],
        "message_timestamp_ms": at,
        "message_type": step,
        "log_level": step_level.as_str(),
    });
    if let (Value::Object(record), Value::Object(more)) = (&mut record, more) {
        record.extend(more);
    }
    let log_type = step_level.log_type();
    let record = Record { bus: bus.to_owned(), log_type, at, text: record.to_string() };
    account.schedule_in(timing::BUS_LOG, Due::Logged(Box::new(record)));
}

/// A record arrives where it is delivered.
pub(super) fn arrive(account: &mut Account, record: &Record) {
    logs::vended(account, &record.bus, &record.log_type, record.at, &record.text);
    account.touch(Topic::RuleMetrics);
}
