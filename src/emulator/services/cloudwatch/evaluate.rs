//! M out of N: what state the datapoints of an alarm's range mean. Pure.
//!
//! Main function: [`assess`]. Invariant: it reproduces both tables of
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>.

use super::alarm::{MissingData, StateValue};

/// What the datapoints mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assessment {
    /// The state, or nothing where the current one is retained.
    pub(super) state: Option<StateValue>,
    /// The places of the real datapoints that counted, newest first.
    pub(super) considered: Vec<usize>,
    /// How many missing datapoints had to be filled in.
    pub(super) filled: usize,
}

/// Assesses the periods of the evaluation range, newest first; `breaching` is nothing where data is
/// missing. `n` periods are evaluated, `m` breaching ones mean ALARM.
pub(super) fn assess(
    breaching: &[Option<bool>],
    n: usize,
    m: usize,
    missing: MissingData,
) -> Assessment {
    let real = breaching.iter().enumerate().filter(|(_, slot)| slot.is_some());
    let considered: Vec<usize> = real.map(|(place, _)| place).take(n).collect();
    let filled = n - considered.len();
    let bad = considered.iter().filter(|place| breaching[**place] == Some(true)).count();
    let state = if filled == 0 {
        Some(told(bad >= m))
    } else {
        match missing {
            MissingData::Breaching => Some(told(bad + filled >= m)),
            MissingData::NotBreaching => Some(told(bad >= m)),
            MissingData::Missing if considered.is_empty() => Some(StateValue::InsufficientData),
            MissingData::Missing | MissingData::Ignore => {
                with_gaps(&considered, bad, m, missing == MissingData::Missing)
            }
        }
    };
    Assessment { state, considered, filled }
}

fn told(alarm: bool) -> StateValue {
    if alarm { StateValue::Alarm } else { StateValue::Ok }
}

/// Too few datapoints, and nothing to fill them with.
///
/// "Avoiding premature transitions to alarm state": a lone breaching datapoint waits for the next ones
/// until it is as old as "Datapoints to Alarm"; then, where all more recent ones are breaching or missing,
/// the alarm goes off "even if the total number of datapoints available is lower than M".
fn with_gaps(considered: &[usize], bad: usize, m: usize, premature: bool) -> Option<StateValue> {
    let all_bad = bad == considered.len();
    if bad >= m {
        Some(StateValue::Alarm)
    } else if !all_bad {
        Some(StateValue::Ok)
    } else if premature && considered.last().is_some_and(|oldest| oldest + 1 >= m) {
        Some(StateValue::Alarm)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a row of the page: oldest first, `0` fine, `X` breaching, `-` missing.
    fn row(text: &str) -> Vec<Option<bool>> {
        let slot = |c| match c {
            '0' => Some(false),
            'X' => Some(true),
            _ => None,
        };
        text.chars().filter(|c| *c != ' ').rev().map(slot).collect()
    }

    fn states(text: &str, m: usize) -> [&'static str; 4] {
        use MissingData::{Breaching, Ignore, Missing, NotBreaching};
        [Missing, Ignore, Breaching, NotBreaching].map(|treatment| {
            assess(&row(text), 3, m, treatment).state.map_or("retain", StateValue::as_str)
        })
    }

    #[test]
    fn three_out_of_three_decides_as_the_first_table_of_the_page() {
        for (datapoints, filled, expected) in [
            ("0 - X - X", 0, ["OK", "OK", "OK", "OK"]),
            ("0 - - - -", 2, ["OK", "OK", "OK", "OK"]),
            ("- - - - -", 3, ["INSUFFICIENT_DATA", "retain", "ALARM", "OK"]),
            ("0 X X - X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("- - X - -", 2, ["ALARM", "retain", "ALARM", "OK"]),
        ] {
            // The page says "0" for its first row although only three of five are there: 0, X and X.
            assert_eq!(states(datapoints, 3), expected, "{datapoints}");
            let missing = assess(&row(datapoints), 3, 3, MissingData::Missing);
            assert_eq!(missing.filled, filled, "{datapoints}");
        }
    }

    #[test]
    fn two_out_of_three_decides_as_the_second_table_of_the_page() {
        for (datapoints, expected) in [
            ("0 - X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 0 X 0 X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 - X - -", ["OK", "OK", "ALARM", "OK"]),
            ("- - - - 0", ["OK", "OK", "ALARM", "OK"]),
            ("- - - X -", ["ALARM", "retain", "ALARM", "OK"]),
        ] {
            assert_eq!(states(datapoints, 2), expected, "{datapoints}");
        }
    }

    #[test]
    fn a_lone_breaching_datapoint_waits_until_it_is_as_old_as_the_datapoints_to_alarm() {
        for datapoints in ["- - - - X", "- - - X -"] {
            assert_eq!(states(datapoints, 3)[0], "retain", "{datapoints}");
        }
        assert_eq!(states("- - X - -", 3)[0], "ALARM");
        assert_eq!(states("- - X - 0", 3)[0], "OK");
    }

    #[test]
    fn the_newest_real_datapoints_count_and_older_ones_only_make_up_for_gaps() {
        let found = assess(&row("0 X X - X"), 3, 3, MissingData::Breaching);
        assert_eq!(found.considered, vec![0, 2, 3]);
        assert_eq!(found.filled, 0);
    }
}
