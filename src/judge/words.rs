//! Times and durations in words, the same in every reason and every report.
//!
//! No main type: [`human`] and [`stamp`]. Invariant: the same value always gives the same text.

use jiff::{SignedDuration, Timestamp};

use crate::scenario::types::Correlation;

/// A duration for people: `850ms`, `48s`, `48.250s`, `1m 12s`, `2h 5m`; `-42s` when negative.
///
/// Exact to the millisecond below a minute, to the second from there on (rounded down).
pub(crate) fn human(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let total = duration.as_millis().unsigned_abs();
    let (seconds, rest) = (total / 1000, total % 1000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let text = if total == 0 {
        "0s".to_owned()
    } else if seconds == 0 {
        format!("{rest}ms")
    } else if seconds < 60 && rest > 0 {
        format!("{seconds}.{rest:03}s")
    } else {
        [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")]
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count}{unit}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!("{sign}{text}")
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
            (48_250, "48.250s"),
            (60_000, "1m"),
            (72_999, "1m 12s"),
            (3_600_000, "1h"),
            (7_500_000, "2h 5m"),
            (90_061_000, "1d 1h 1m 1s"),
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
