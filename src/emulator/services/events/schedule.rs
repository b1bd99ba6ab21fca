//! Schedule expressions of rules: `rate(…)` and `cron(…)`.
//!
//! Main type: [`Schedule`]. Invariant: times are in UTC and on whole minutes for `cron`; a rate counts
//! from the moment at which the rule was put or enabled. The forms are those of
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// When a rule comes round.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rate(SignedDuration),
    Cron(Box<Cron>),
}

impl Schedule {
    /// Reads an expression; nothing where AWS would refuse it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let kind = match (inside("rate"), inside("cron")) {
            (Some(rate), _) => Kind::Rate(parse_rate(rate)?),
            (None, Some(cron)) => Kind::Cron(Box::new(parse_cron(cron)?)),
            (None, None) => return None,
        };
        Some(Self { text: text.to_owned(), kind })
    }

    /// The expression as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first time after `now`; nothing if there is none any more.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(every) => now.checked_add(*every).ok(),
            Kind::Cron(cron) => {
                let now = now.to_zoned(TimeZone::UTC);
                cron.find_next_occurrence(&now, false).ok().map(|next| next.timestamp())
            }
        }
    }
}

/// `5 minutes`: a positive number, and a unit in the singular only after 1.
fn parse_rate(rate: &str) -> Option<SignedDuration> {
    let mut words = rate.split_whitespace();
    let (count, unit) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let count: i64 = count.parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
    let (singular, minutes) = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => (unit == "minute", 1),
        "hour" => (unit == "hour", 60),
        "day" => (unit == "day", 24 * 60),
        _ => return None,
    };
    ((count == 1) == singular).then(|| SignedDuration::from_mins(count * minutes))
}

/// Six fields: minutes, hours, day of month, month, day of week (1 is Sunday), year. One of the two
/// days must be `?`.
fn parse_cron(cron: &str) -> Option<Cron> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields.as_slice() else { return None };
    if (*day == "?") == (*weekday == "?") {
        return None;
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    // In AWS's dialect a bare L is the last day of the week; croner writes it as a plain Saturday.
    let weekday = if *weekday == "L" { "7" } else { weekday };
    parser.parse(&format!("0 {minutes} {hours} {day} {month} {weekday} {year}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, now: &str) -> Option<String> {
        let schedule = Schedule::parse(text).expect("a valid expression");
        schedule.next(now.parse().expect("a timestamp")).map(|at| at.to_string())
    }

    #[test]
    fn expressions_come_round_as_the_documentation_says() {
        // 2026-03-02 is a Monday.
        let now = "2026-03-02T09:00:00Z";
        let table = [
            ("rate(5 minutes)", "2026-03-02T09:05:00Z"),
            ("rate(1 hour)", "2026-03-02T10:00:00Z"),
            ("rate(7 days)", "2026-03-09T09:00:00Z"),
            ("cron(15 10 * * ? *)", "2026-03-02T10:15:00Z"),
            ("cron(0 18 ? * MON-FRI *)", "2026-03-02T18:00:00Z"),
            ("cron(0 8 1 * ? *)", "2026-04-01T08:00:00Z"),
            ("cron(0/15 * * * ? *)", "2026-03-02T09:15:00Z"),
            ("cron(0/5 8-17 ? * MON-FRI *)", "2026-03-02T09:05:00Z"),
            ("cron(0 12 ? * 1 *)", "2026-03-08T12:00:00Z"),
            ("cron(0 12 ? * 7 *)", "2026-03-07T12:00:00Z"),
            ("cron(0 12 ? * SUN *)", "2026-03-08T12:00:00Z"),
            ("cron(0 9 ? * 2#1 *)", "2026-04-06T09:00:00Z"),
            ("cron(0 0 L * ? *)", "2026-03-31T00:00:00Z"),
            ("cron(0 0 1 1 ? 2030)", "2030-01-01T00:00:00Z"),
        ];
        for (text, expected) in table {
            assert_eq!(next(text, now).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_expression_that_aws_refuses_is_refused() {
        for text in [
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(5 weeks)",
            "rate(-1 hours)",
            "cron(* * * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 8 * * ?)",
            "cron(61 8 * * ? *)",
            "every day",
        ] {
            assert!(Schedule::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_schedule_in_the_past_never_comes() {
        assert_eq!(next("cron(0 0 1 1 ? 2020)", "2026-03-02T09:00:00Z"), None);
    }
}
