//! Archives of events, and their replays.
//!
//! Main types: [`Archive`], [`Replay`]. Invariants: a replayed event carries `replay-name` and is not
//! archived again; an event can be replayed only once the archive holds it, `ARCHIVE_DELAY` after it
//! arrived (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html>).

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::buses::arn_of_bus;
use super::delivery::Event;
use super::ingest;
use super::matcher::EventPattern;
use super::rules::read_pattern;
use super::{Due, Moment};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// How many events one archive holds here; the oldest make room.
const MOST_EVENTS: usize = 100_000;
/// Replays that run at the same time (documented quota).
const MOST_REPLAYS: usize = 10;

/// An archive of what reached one bus.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    arn: String,
    source: String,
    description: Option<String>,
    pattern: Option<EventPattern>,
    retention_days: u32,
    created: Timestamp,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

/// A replay of a part of an archive.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    arn: String,
    archive: String,
    description: Option<String>,
    destination: String,
    filters: Arc<Vec<String>>,
    from: Timestamp,
    to: Timestamp,
    started: Timestamp,
    ended: Option<Timestamp>,
    last_replayed: Option<Timestamp>,
    running: bool,
    cancelled: bool,
    left: VecDeque<Arc<Event>>,
}

impl Replay {
    fn state(&self) -> &'static str {
        match (self.ended, self.running) {
            (Some(_), _) if self.cancelled => "CANCELLED",
            (Some(_), _) => "COMPLETED",
            (None, true) => "RUNNING",
            (None, false) => "STARTING",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateArchive {
    archive_name: String,
    event_source_arn: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    event_pattern: Option<String>,
    #[serde(default)]
    retention_days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeArchive {
    archive_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StartReplay {
    replay_name: String,
    event_source_arn: String,
    event_start_time: Moment,
    event_end_time: Moment,
    destination: Destination,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    arn: String,
    #[serde(default)]
    filter_arns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeReplay {
    replay_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListReplays {
    #[serde(default)]
    name_prefix: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    event_source_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListArchives {
    #[serde(default)]
    name_prefix: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    event_source_arn: Option<String>,
}

/// `CreateArchive`.
pub(super) fn create(account: &mut Account, input: CreateArchive) -> Answer {
    let name = input.archive_name;
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 48 || !name.chars().all(legal) {
        return Err(ServiceError::validation(format!("The archive name {name:?} is invalid.")));
    }
    let source = arn_of_bus(account, &input.event_source_arn);
    if !account.services.events.buses.contains_key(&source) {
        return Err(not_found(&format!("Event bus {source}")));
    }
    if account.services.events.archives.contains_key(&name) {
        return Err(ServiceError::new(
            "ResourceAlreadyExistsException",
            format!("Archive {name} already exists."),
        ));
    }
    let archive = Archive {
        arn: account.identity.arn("events", &format!("archive/{name}")),
        source,
        description: input.description,
        pattern: input.event_pattern.as_deref().map(read_pattern).transpose()?,
        retention_days: input.retention_days,
        created: account.now(),
        events: VecDeque::new(),
        bytes: 0,
    };
    let answer = json!({
        "ArchiveArn": archive.arn,
        "State": "ENABLED",
        "CreationTime": epoch_seconds(archive.created),
    });
    account.services.events.archives.insert(name, archive);
    Ok(answer)
}

/// `DescribeArchive`.
pub(super) fn describe(account: &mut Account, input: DescribeArchive) -> Answer {
    let name = input.archive_name;
    let archives = &account.services.events.archives;
    let archive = archives.get(&name).ok_or_else(|| not_found(&format!("Archive {name}")))?;
    let mut shown = json!({
        "ArchiveArn": archive.arn,
        "ArchiveName": name,
        "EventSourceArn": archive.source,
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "SizeBytes": archive.bytes,
        "EventCount": archive.events.len(),
        "CreationTime": epoch_seconds(archive.created),
    });
    if let Some(description) = &archive.description {
        shown["Description"] = description.as_str().into();
    }
    if let Some(pattern) = &archive.pattern {
        shown["EventPattern"] = pattern.text().into();
    }
    Ok(shown)
}

/// `DeleteArchive`.
pub(super) fn delete(account: &mut Account, input: DescribeArchive) -> Answer {
    let name = input.archive_name;
    match account.services.events.archives.shift_remove(&name) {
        Some(_) => Ok(json!({})),
        None => Err(not_found(&format!("Archive {name}"))),
    }
}

/// Keeps an event in the archives of its bus.
pub(super) fn keep(account: &mut Account, bus_arn: &str, event: &Arc<Event>) {
    let now = account.now();
    if event.is_replayed() {
        return;
    }
    for archive in account.services.events.archives.values_mut() {
        let wanted = archive.source == bus_arn
            && archive.pattern.as_ref().is_none_or(|pattern| pattern.matches(&event.text));
        if !wanted {
            continue;
        }
        archive.bytes += event.text.len();
        archive.events.push_back(Arc::clone(event));
        let retention = SignedDuration::from_hours(24 * i64::from(archive.retention_days));
        // Zero days of retention mean forever.
        let outlived = |oldest: &Event| {
            archive.retention_days > 0 && now.duration_since(oldest.received) > retention
        };
        while let Some(oldest) = archive.events.front()
            && (archive.events.len() > MOST_EVENTS || outlived(oldest))
        {
            archive.bytes -= oldest.text.len();
            archive.events.pop_front();
        }
    }
}

/// `StartReplay`: only what the archive holds by now is replayed.
pub(super) fn start(account: &mut Account, input: StartReplay) -> Answer {
    let now = account.now();
    let name = input.replay_name;
    let (from, to) = (input.event_start_time.timestamp(), input.event_end_time.timestamp());
    if to <= from {
        return Err(ServiceError::validation("EventEndTime must be after EventStartTime."));
    }
    let events = &account.services.events;
    if events.replays.contains_key(&name) {
        return Err(ServiceError::new(
            "ResourceAlreadyExistsException",
            format!("Replay {name} already exists."),
        ));
    }
    if events.replays.values().filter(|replay| replay.ended.is_none()).count() >= MOST_REPLAYS {
        return Err(super::buses::limit());
    }
    let archive = events.archives.values().find(|archive| archive.arn == input.event_source_arn);
    let archive = archive.ok_or_else(|| not_found(&input.event_source_arn))?;
    if archive.source != input.destination.arn {
        return Err(ServiceError::validation(
            "Cross event bus replay is not permitted: the destination is not the archive's event bus.",
        ));
    }
    let held = |event: &&Arc<Event>| {
        let sent = event_time(event);
        sent >= from && sent <= to && event.received + timing::ARCHIVE_DELAY <= now
    };
    let replay = Replay {
        arn: account.identity.arn("events", &format!("replay/{name}")),
        archive: archive.arn.clone(),
        description: input.description,
        destination: input.destination.arn,
        filters: Arc::new(input.destination.filter_arns),
        from,
        to,
        started: now,
        ended: None,
        last_replayed: None,
        running: false,
        cancelled: false,
        left: archive.events.iter().filter(held).cloned().collect(),
    };
    let answer = json!({
        "ReplayArn": replay.arn,
        "State": replay.state(),
        "ReplayStartTime": epoch_seconds(now),
    });
    account.services.events.replays.insert(name.clone(), replay);
    account.schedule_in(timing::REPLAY_START, Due::Replay(name));
    Ok(answer)
}

fn event_time(event: &Event) -> Timestamp {
    event.value["time"].as_str().and_then(|time| time.parse().ok()).unwrap_or(event.received)
}

/// Puts the replay's next event back on its bus.
pub(super) fn go_on(account: &mut Account, name: &str) {
    let now = account.now();
    account.touch(Topic::Replays);
    let Some(replay) = account.services.events.replays.get_mut(name) else { return };
    if replay.ended.is_some() {
        return;
    }
    replay.running = true;
    let Some(event) = replay.left.pop_front() else {
        replay.ended = Some(now);
        return;
    };
    replay.last_replayed = Some(event_time(&event));
    let (bus, filters) = (replay.destination.clone(), Arc::clone(&replay.filters));
    let mut value = event.value.clone();
    value["replay-name"] = name.into();
    account.schedule_in(timing::REPLAY_PACE, Due::Replay(name.to_owned()));
    let replayed = Event::replayed(value, now, filters);
    ingest::accept_event(account, &bus, Arc::new(replayed));
}

/// `CancelReplay`: what was not replayed yet never is. On AWS it is `CANCELLING` for a moment.
pub(super) fn cancel(account: &mut Account, input: DescribeReplay) -> Answer {
    let (now, name) = (account.now(), input.replay_name);
    let replay = account.services.events.replays.get_mut(&name);
    let replay = replay.ok_or_else(|| not_found(&format!("Replay {name}")))?;
    if replay.ended.is_some() {
        return Err(ServiceError::new(
            "IllegalStatusException",
            format!("Replay {name} is not in a valid state for this operation."),
        ));
    }
    (replay.cancelled, replay.ended) = (true, Some(now));
    replay.left.clear();
    let answer = json!({ "ReplayArn": replay.arn, "State": "CANCELLING" });
    account.touch(Topic::Replays);
    Ok(answer)
}

/// `ListReplays`, by the beginning of a name, by state or by archive; all on one page.
pub(super) fn list_replays(account: &mut Account, input: ListReplays) -> Answer {
    let prefix = input.name_prefix.unwrap_or_default();
    let wanted = |(name, replay): &(&String, &Replay)| {
        name.starts_with(&prefix)
            && input.state.as_deref().is_none_or(|state| state == replay.state())
            && input.event_source_arn.as_deref().is_none_or(|archive| archive == replay.archive)
    };
    let replays = account.services.events.replays.iter().filter(wanted);
    let shown: Vec<Value> = replays.map(|(name, replay)| show_replay(name, replay)).collect();
    Ok(json!({ "Replays": shown }))
}

/// `ListArchives`, by the beginning of a name, by state or by bus; all on one page.
pub(super) fn list(account: &mut Account, input: ListArchives) -> Answer {
    let prefix = input.name_prefix.unwrap_or_default();
    let wanted = |(name, archive): &(&String, &Archive)| {
        name.starts_with(&prefix)
            && input.state.as_deref().is_none_or(|state| state == "ENABLED")
            && input.event_source_arn.as_deref().is_none_or(|source| source == archive.source)
    };
    let archives = account.services.events.archives.iter().filter(wanted);
    let shown: Vec<Value> = archives
        .map(|(name, archive)| {
            json!({
                "ArchiveName": name,
                "EventSourceArn": archive.source,
                "State": "ENABLED",
                "RetentionDays": archive.retention_days,
                "SizeBytes": archive.bytes,
                "EventCount": archive.events.len(),
                "CreationTime": epoch_seconds(archive.created),
            })
        })
        .collect();
    Ok(json!({ "Archives": shown }))
}

fn show_replay(name: &str, replay: &Replay) -> Value {
    let mut shown = json!({
        "ReplayName": name,
        "EventSourceArn": replay.archive,
        "State": replay.state(),
        "EventStartTime": epoch_seconds(replay.from),
        "EventEndTime": epoch_seconds(replay.to),
        "ReplayStartTime": epoch_seconds(replay.started),
    });
    let times = [("EventLastReplayedTime", replay.last_replayed), ("ReplayEndTime", replay.ended)];
    for (key, time) in times {
        if let Some(time) = time {
            shown[key] = epoch_seconds(time);
        }
    }
    shown
}

/// `DescribeReplay`.
pub(super) fn describe_replay(account: &mut Account, input: DescribeReplay) -> Answer {
    let name = input.replay_name;
    let replays = &account.services.events.replays;
    let replay = replays.get(&name).ok_or_else(|| not_found(&format!("Replay {name}")))?;
    let mut destination = json!({ "Arn": replay.destination });
    if !replay.filters.is_empty() {
        destination["FilterArns"] = json!(*replay.filters);
    }
    let mut shown = show_replay(&name, replay);
    shown["ReplayArn"] = replay.arn.as_str().into();
    shown["Destination"] = destination;
    if let Some(description) = &replay.description {
        shown["Description"] = Value::from(description.as_str());
    }
    Ok(shown)
}

fn not_found(what: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("{what} does not exist."))
}
