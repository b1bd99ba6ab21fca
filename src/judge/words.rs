//! Times and durations in words, the same in every reason and every report.
//!
//! No main type: [`human`], [`span`], [`stamp`] and [`often`]. Invariant: the same value always gives the same text.

use jiff::{SignedDuration, Timestamp};

use crate::scenario::types::Correlation;

/// A duration for people, exact to the millisecond: `850ms`, `48s`, `48.25s`, `1m 12s`, `2h 5m 0.5s`; `-42s`
/// when negative.
pub(crate) fn human(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let total = duration.as_millis().unsigned_abs();
    let (whole, rest) = (total / 1000, total % 1000);
    if whole == 0 {
        let text = if rest == 0 { "0s".to_owned() } else { format!("{rest}ms") };
        return format!("{sign}{text}");
    }
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    let mut parts: Vec<String> = [(days, "d"), (hours, "h"), (minutes, "m")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    let seconds = whole % 60;
    if rest > 0 {
        let fraction = format!("{rest:03}");
        parts.push(format!("{seconds}.{}s", fraction.trim_end_matches('0')));
    } else if seconds > 0 {
        parts.push(format!("{seconds}s"));
    }
    format!("{sign}{}", parts.join(" "))
}

/// A duration that is only known to lie between two: `0s to 1m`; one word where they are the same.
pub(crate) fn span(least: SignedDuration, most: SignedDuration) -> String {
    if least == most { human(least) } else { format!("{} to {}", human(least), human(most)) }
}

/// How often: `once`, `twice`, `3 times`.
pub(crate) fn often(times: u32) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    }
}

/// A timestamp for people and files: UTC with milliseconds.
pub(crate) fn stamp(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

/// The word for how we know that an observation was ours.
pub(crate) fn correlation_word(correlation: Correlation) -> &'static str {
    match correlation {
        Correlation::Window => "window",
        Correlation::Marker => "marker",
        Correlation::Exact => "exact",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_stopwatch() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (850, "850ms"),
            (48_000, "48s"),
            (48_250, "48.25s"),
            (60_000, "1m"),
            (72_000, "1m 12s"),
            (60_850, "1m 0.85s"),
            (3_600_000, "1h"),
            (7_500_000, "2h 5m"),
            (90_061_000, "1d 1h 1m 1s"),
            (7_200_001, "2h 0.001s"),
            (-42_000, "-42s"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(human(SignedDuration::from_millis(milliseconds)), text);
        }
        assert!(human(SignedDuration::MAX).ends_with('s'));
        assert!(human(SignedDuration::MIN).starts_with('-'));
    }

    #[test]
    fn timestamps_are_utc_with_milliseconds() {
        let second = Timestamp::from_second(1_767_225_600).expect("in range");
        assert_eq!(stamp(second), "2026-01-01T00:00:00.000Z");
        let sub = Timestamp::from_millisecond(1_767_225_600_042).expect("in range");
        assert_eq!(stamp(sub), "2026-01-01T00:00:00.042Z");
    }
}
