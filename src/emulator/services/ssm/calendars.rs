//! Change Calendar: documents that say when changes are welcome, and the question whether now is such a
//! time.
//!
//! Main types: [`Calendar`] and [`GetState`]. Invariant: what can't be worked out exactly (an event that
//! repeats) is refused when the calendar is made, so that an answer is never a guess.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-change-calendar.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html>, RFC 5545.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;
use serde_json::{Value, json};

use super::documents;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// How the text of a calendar made by AWS begins.
const PRODUCT: &str = "-//AWS//Change Calendar 1.0//EN";

/// How a local time is written, and one in UTC.
const LOCAL: &str = "%Y%m%dT%H%M%S";

/// No calendar has more events than this here.
const MOST_EVENTS: usize = 1000;

/// A change calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    open_by_default: bool,
    /// When it is the other way round: from, and until just before.
    events: Vec<(Timestamp, Timestamp)>,
}

impl Calendar {
    /// Reads a calendar's text; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = unfolded(text);
        if lines.first().map(String::as_str) != Some("BEGIN:VCALENDAR") {
            return Err("a calendar begins with BEGIN:VCALENDAR".to_owned());
        }
        let mut calendar = Self { open_by_default: true, events: Vec::new() };
        let (mut product, mut kind) = (false, false);
        let mut within: Vec<String> = Vec::new();
        let (mut start, mut end) = (None, None);
        for line in &lines {
            let (head, value) =
                line.split_once(':').ok_or_else(|| format!("`{line}` is no property"))?;
            let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
            match (name, within.last().map(String::as_str)) {
                ("BEGIN", _) => within.push(value.to_owned()),
                ("END", _) => {
                    if within.pop().as_deref() != Some(value) {
                        return Err(format!("END:{value} without its BEGIN"));
                    }
                    if value == "VEVENT" {
                        calendar.events.push(event(start.take(), end.take())?);
                    }
                    if calendar.events.len() > MOST_EVENTS {
                        return Err(format!("more than {MOST_EVENTS} events"));
                    }
                }
                ("PRODID", Some("VCALENDAR")) => product = value == PRODUCT,
                ("X-CALENDAR-TYPE", Some("VCALENDAR")) => {
                    kind = true;
                    calendar.open_by_default = match value {
                        "DEFAULT_OPEN" => true,
                        "DEFAULT_CLOSED" => false,
                        other => return Err(format!("the X-CALENDAR-TYPE {other} is not known")),
                    };
                }
                ("DTSTART", Some("VEVENT")) => start = Some(moment(parameters, value)?),
                ("DTEND", Some("VEVENT")) => end = Some(moment(parameters, value)?),
                ("RRULE" | "RDATE" | "EXDATE" | "DURATION", Some("VEVENT")) => {
                    return Err(format!(
                        "the emulated account does not support {name} of an event"
                    ));
                }
                _ => {}
            }
        }
        if !within.is_empty() || !product || !kind {
            return Err(format!("a change calendar has PRODID:{PRODUCT} and X-CALENDAR-TYPE"));
        }
        Ok(calendar)
    }

    fn is_open(&self, at: Timestamp) -> bool {
        let inside = self.events.iter().any(|(from, to)| (*from..*to).contains(&at));
        inside != self.open_by_default
    }
}

/// The lines, with those that continue the one before joined to it.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(before)) => before.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn event(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<(Timestamp, Timestamp), String> {
    match (start, end) {
        (Some(start), Some(end)) if start < end => Ok((start, end)),
        _ => Err("an event has a DTSTART and a later DTEND".to_owned()),
    }
}

/// A moment: in UTC, or in the zone that `TZID` names.
fn moment(parameters: &str, value: &str) -> Result<Timestamp, String> {
    let unreadable = || format!("`{value}` is no time such as 20260105T090000Z");
    let (local, zone) = if let Some(local) = value.strip_suffix('Z') {
        (local, TimeZone::UTC)
    } else {
        let name = parameters
            .split(';')
            .find_map(|parameter| parameter.strip_prefix("TZID="))
            .ok_or_else(|| format!("`{value}` has no time zone"))?;
        let zone = TimeZoneDatabase::bundled().get(name);
        (value, zone.map_err(|_| format!("the time zone `{name}` is not known"))?)
    };
    let local = DateTime::strptime(LOCAL, local).map_err(|_| unreadable())?;
    Ok(local.to_zoned(zone).map_err(|_| unreadable())?.timestamp())
}

/// The input of `GetCalendarState`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetState {
    calendar_names: Vec<String>,
    #[serde(default)]
    at_time: Option<String>,
}

/// `GetCalendarState`: open where every calendar is.
pub(super) fn get_state(account: &mut Account, input: GetState) -> Answer {
    if input.calendar_names.is_empty() {
        return Err(ServiceError::validation("CalendarNames must not be empty."));
    }
    let at = match &input.at_time {
        None => account.now(),
        Some(text) => text
            .parse()
            .map_err(|_| ServiceError::validation(format!("AtTime `{text}` is not ISO 8601.")))?,
    };
    let mut calendars = Vec::new();
    for name in &input.calendar_names {
        calendars.push(documents::calendar(account, name)?);
    }
    let is_open = |at: Timestamp| calendars.iter().all(|calendar| calendar.is_open(at));
    let open = is_open(at);
    let ends = calendars.iter().flat_map(|calendar| &calendar.events);
    let next = ends
        .flat_map(|(from, to)| [*from, *to])
        .filter(|moment| *moment > at && is_open(*moment) != open)
        .min();
    let mut answer: Value =
        json!({"State": if open { "OPEN" } else { "CLOSED" }, "AtTime": at.to_string()});
    if let Some(next) = next {
        answer["NextTransitionTime"] = json!(next.to_string());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(kind: &str, events: &str) -> Result<Calendar, String> {
        Calendar::parse(&format!(
            "BEGIN:VCALENDAR\r\nPRODID:{PRODUCT}\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\n{events}END:VCALENDAR\r\n"
        ))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    const FREEZE: &str = "BEGIN:VEVENT\r\nDTSTART;TZID=Europe/Berlin:20261224T\r\n 000000\r\n\
                          DTEND:20270102T080000Z\r\nSUMMARY:freeze\r\nEND:VEVENT\r\n";

    #[test]
    fn an_event_turns_the_calendar_round() {
        for (kind, outside) in [("DEFAULT_OPEN", true), ("DEFAULT_CLOSED", false)] {
            let calendar = calendar(kind, FREEZE).expect("it reads");
            assert_eq!(calendar.is_open(at("2026-12-23T22:59:59Z")), outside);
            assert_eq!(calendar.is_open(at("2026-12-23T23:00:00Z")), !outside);
            assert_eq!(calendar.is_open(at("2027-01-02T07:59:59Z")), !outside);
            assert_eq!(calendar.is_open(at("2027-01-02T08:00:00Z")), outside);
        }
    }

    #[test]
    fn what_can_not_be_worked_out_is_refused() {
        for events in [
            "BEGIN:VEVENT\r\nDTSTART:20261224T000000Z\r\nRRULE:FREQ=DAILY\r\nDTEND:20261225T000000Z\r\nEND:VEVENT\r\n",
            "BEGIN:VEVENT\r\nDTSTART:20261224T000000\r\nDTEND:20261225T000000Z\r\nEND:VEVENT\r\n",
            "BEGIN:VEVENT\r\nDTSTART:20261226T000000Z\r\nDTEND:20261225T000000Z\r\nEND:VEVENT\r\n",
            "BEGIN:VEVENT\r\n",
            "nonsense\r\n",
        ] {
            assert!(calendar("DEFAULT_OPEN", events).is_err(), "{events}");
        }
        assert!(calendar("SOMETIMES", "").is_err());
        assert!(Calendar::parse("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n").is_err());
        assert!(Calendar::parse("").is_err());
    }
}
