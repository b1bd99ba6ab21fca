//! The limits of a drill, as they are written.
//!
//! Main types: [`Guardrails`] and [`Window`]. Invariant: when a window is open is decided here alone, from
//! the moment that is asked about and the time zones that the program carries; no clock is read.

use indexmap::IndexMap;
use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// The limits of a run on a real account; it refuses to start outside them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrails {
    /// Account ids that may be drilled. Required for a real account.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions that may be drilled. Required for a real account.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The drill is stopped and reverted when it takes longer than this.
    #[serde(default)]
    pub max_duration: Option<Duration>,
    /// Tags by which every target of every FIS experiment must be selected, such as `{chaos: allowed}`; a
    /// target that is selected in another way is refused.
    #[serde(default)]
    pub target_tags: IndexMap<String, String>,
    /// The most resources that the FIS experiments may have as targets, together. An experiment that skips
    /// its actions is run first to see how many there are.
    #[serde(default)]
    pub max_targets: Option<u32>,
    /// When a real drill may run: it must be over before the window closes. A rehearsal ignores it.
    #[serde(default)]
    pub window: Option<Window>,
    /// The name or ARN of an SSM Change Calendar that must be open for as long as the drill may take.
    #[serde(default)]
    pub change_calendar: Option<String>,
}

/// When a drill may run: business hours, or a maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it opens; default: every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// When it opens: HH:MM, such as 09:00.
    pub from: String,
    /// When it closes: HH:MM, at most 24:00; on the next day where that is not after `from`.
    pub to: String,
    /// The time zone, such as Europe/Berlin; default: UTC.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday
    Mon,
    /// Tuesday
    Tue,
    /// Wednesday
    Wed,
    /// Thursday
    Thu,
    /// Friday
    Fri,
    /// Saturday
    Sat,
    /// Sunday
    Sun,
}

impl Day {
    /// The day as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// One time that a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// From here on.
    pub opens: Timestamp,
    /// Until just before here.
    pub closes: Timestamp,
}

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// A time of day as `HH:MM`, in minutes from midnight; 24:00 is the end of the day.
pub fn time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= DAY).then_some(at)
}

/// The time zone of this name, from the data that the program carries: the same on every machine.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The names of every time zone.
pub fn time_zones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

impl Window {
    /// The name of the time zone.
    pub fn zone_name(&self) -> &str {
        self.time_zone.as_deref().unwrap_or("UTC")
    }

    /// How long it is open at a time, but for the hour that a change of the clock adds or takes; nothing
    /// where a time can't be read.
    pub fn length(&self) -> Option<SignedDuration> {
        let (from, to) = (time_of_day(&self.from)?, time_of_day(&self.to)?);
        let minutes = if to > from { to - from } else { DAY - from + to };
        Some(SignedDuration::from_mins(i64::from(minutes)))
    }

    /// The opening that `now` is in, or else the next one; nothing where the window can't be read.
    pub fn opening(&self, now: Timestamp) -> Option<Opening> {
        let zone = time_zone(self.zone_name())?;
        let (from, to) = (time_of_day(&self.from)?, time_of_day(&self.to)?);
        let today = now.to_zoned(zone.clone()).date();
        // Yesterday's may still be open; the same day of next week is the furthest that any can be.
        (-1..=7).find_map(|offset| {
            let date = today.checked_add(i64::from(offset).days()).ok()?;
            let is_day =
                self.days.is_empty() || self.days.iter().any(|day| day.weekday() == date.weekday());
            let closing = if to > from { date } else { date.tomorrow().ok()? };
            let opening =
                Opening { opens: at(date, from, &zone)?, closes: at(closing, to, &zone)? };
            (is_day && opening.closes > now).then_some(opening)
        })
    }
}

/// A time of a day in a zone; a time that the clock skips is the one after the gap.
fn at(date: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let (date, minutes) = if minutes == DAY { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
    let hour = i8::try_from(minutes / 60).ok()?;
    let minute = i8::try_from(minutes % 60).ok()?;
    let zoned = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str, zone: &str) -> Window {
        let (from, to) = (from.to_owned(), to.to_owned());
        Window { days: days.to_vec(), from, to, time_zone: Some(zone.to_owned()) }
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn opening(window: &Window, now: &str) -> (String, String) {
        let found = window.opening(moment(now)).expect("it opens");
        (found.opens.to_string(), found.closes.to_string())
    }

    #[test]
    fn office_hours_follow_the_zone_through_summer_and_winter() {
        use Day::{Fri, Mon, Thu, Tue, Wed};
        let office = window(&[Mon, Tue, Wed, Thu, Fri], "09:00", "17:00", "Europe/Berlin");
        let monday = ("2026-01-05T08:00:00Z".to_owned(), "2026-01-05T16:00:00Z".to_owned());
        assert_eq!(opening(&office, "2026-01-05T08:00:00Z"), monday);
        assert_eq!(opening(&office, "2026-01-05T15:59:59Z"), monday);
        // Closed at its last moment: the next one is on Tuesday.
        let tuesday = ("2026-01-06T08:00:00Z".to_owned(), "2026-01-06T16:00:00Z".to_owned());
        assert_eq!(opening(&office, "2026-01-05T16:00:00Z"), tuesday);
        // From Friday evening on it is Monday's.
        let next = ("2026-01-12T08:00:00Z".to_owned(), "2026-01-12T16:00:00Z".to_owned());
        assert_eq!(opening(&office, "2026-01-09T16:30:00Z"), next);
        let summer = ("2026-07-01T07:00:00Z".to_owned(), "2026-07-01T15:00:00Z".to_owned());
        assert_eq!(opening(&office, "2026-07-01T12:00:00Z"), summer);
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_opens() {
        let night = window(&[Day::Sat], "22:00", "02:00", "UTC");
        let expected = ("2026-01-10T22:00:00Z".to_owned(), "2026-01-11T02:00:00Z".to_owned());
        assert_eq!(opening(&night, "2026-01-11T01:59:00Z"), expected);
        assert_eq!(opening(&night, "2026-01-09T23:00:00Z"), expected);
        assert_eq!(opening(&night, "2026-01-11T02:00:00Z").0, "2026-01-17T22:00:00Z");
        assert_eq!(night.length(), Some(SignedDuration::from_hours(4)));
    }

    #[test]
    fn a_day_has_its_whole_length_and_no_time_is_made_up() {
        let day = window(&[], "00:00", "24:00", "America/New_York");
        let found = day.opening(moment("2026-03-08T12:00:00Z")).expect("it opens");
        // The day on which the clock is put forward has 23 hours.
        assert_eq!(found.closes.duration_since(found.opens), SignedDuration::from_hours(23));
        for (text, minutes) in
            [("00:00", Some(0)), ("9:05", Some(545)), ("23:59", Some(1439)), ("24:00", Some(1440))]
        {
            assert_eq!(time_of_day(text), minutes, "{text}");
        }
        for text in ["", "9", "24:01", "12:60", "+1:00", "12:5", "noon", "123:00", "１２:00"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
        assert_eq!(
            window(&[], "09:00", "17:00", "Mars/Olympus").opening(moment("2026-01-05T09:00:00Z")),
            None
        );
    }
}
