//! Statistics: what one period of a metric is condensed to.
//!
//! Main type: [`Statistic`]. Invariant: a statistic that needs raw values gives nothing where only
//! statistic sets are there, as AWS does; a name that is not understood is refused when it is given.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>.

/// A statistic, as `Average` or as `p99`, `tm90`, `TM(10%:90%)`, `PR(:300)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    Percentile(f64),
    Trimmed(Trim, Bounds),
    /// The share of values in a range, in percent.
    Rank {
        from: Option<f64>,
        to: Option<f64>,
    },
}

/// What is taken of the values inside the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trim {
    Mean,
    WinsorizedMean,
    Count,
    Sum,
}

/// Which values count: by their rank in percent, or by their value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bounds {
    Percent { from: f64, to: f64 },
    Values { from: Option<f64>, to: Option<f64> },
}

/// What a period holds: totals, and the raw values with their counts where all of them are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    /// Nothing where a statistic set hides the values, or where nobody asked for them.
    pub(super) raw: Option<Vec<(f64, f64)>>,
}

impl Statistic {
    /// Reads a statistic's name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "Average" => return Some(Self::Average),
            "Sum" => return Some(Self::Sum),
            "Minimum" => return Some(Self::Minimum),
            "Maximum" => return Some(Self::Maximum),
            "SampleCount" => return Some(Self::SampleCount),
            "IQM" => {
                return Some(Self::Trimmed(Trim::Mean, Bounds::Percent { from: 25.0, to: 75.0 }));
            }
            _ => {}
        }
        let split = text.find(|c: char| !c.is_ascii_alphabetic())?;
        let (name, rest) = text.split_at(split);
        let name = name.to_ascii_lowercase();
        let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        match (name.as_str(), inside) {
            ("p", None) => Some(Self::Percentile(percent(rest)?)),
            ("pr", Some(range)) => {
                let (from, to) = range.split_once(':')?;
                Some(Self::Rank { from: bound(from)?, to: bound(to)? })
            }
            (_, None) => {
                let to = percent(rest)?;
                Some(Self::Trimmed(trim(&name)?, Bounds::Percent { from: 0.0, to }))
            }
            (_, Some(range)) => Some(Self::Trimmed(trim(&name)?, bounds(range)?)),
        }
    }

    /// Whether the raw values are needed.
    pub(super) fn needs_values(self) -> bool {
        match self {
            Self::Average | Self::Sum | Self::Minimum | Self::Maximum | Self::SampleCount => false,
            Self::Percentile(_) | Self::Trimmed(..) | Self::Rank { .. } => true,
        }
    }

    /// The percentile between 0 and 100, if this is one.
    pub(super) fn percentile(self) -> Option<f64> {
        match self {
            Self::Percentile(percent) => Some(percent),
            Self::Average
            | Self::Sum
            | Self::Minimum
            | Self::Maximum
            | Self::SampleCount
            | Self::Trimmed(..)
            | Self::Rank { .. } => None,
        }
    }

    /// The statistic's value over a period, or nothing where it can't be told.
    pub(super) fn of(self, sample: &mut Sample) -> Option<f64> {
        if sample.count <= 0.0 {
            return None;
        }
        match self {
            Self::Average => Some(sample.sum / sample.count),
            Self::Sum => Some(sample.sum),
            Self::Minimum => Some(sample.minimum),
            Self::Maximum => Some(sample.maximum),
            Self::SampleCount => Some(sample.count),
            Self::Percentile(percent) => percentile(sorted(sample)?, percent),
            Self::Trimmed(trim, bounds) => trimmed(sorted(sample)?, trim, bounds),
            Self::Rank { from, to } => {
                let values = sorted(sample)?;
                let total: f64 = values.iter().map(|(_, count)| count).sum();
                let inside: f64 = values
                    .iter()
                    .filter(|(value, _)| above(*value, from) && to.is_none_or(|to| *value <= to))
                    .map(|(_, count)| count)
                    .sum();
                Some(inside / total * 100.0)
            }
        }
    }
}

fn sorted(sample: &mut Sample) -> Option<&[(f64, f64)]> {
    let raw = sample.raw.as_mut()?;
    raw.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(raw)
}

/// The smallest value that at least this share of all values does not exceed (nearest rank; ours, as
/// AWS does not publish how it interpolates).
fn percentile(values: &[(f64, f64)], percent: f64) -> Option<f64> {
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let rank = total * percent / 100.0;
    let mut seen = 0.0;
    for (value, count) in values {
        seen += count;
        if seen >= rank {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

fn trimmed(values: &[(f64, f64)], trim: Trim, bounds: Bounds) -> Option<f64> {
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let (mut count, mut sum, mut seen) = (0.0, 0.0, 0.0);
    let (mut lowest, mut highest): (Option<f64>, Option<f64>) = (None, None);
    for (value, weight) in values {
        let share = match bounds {
            Bounds::Percent { from, to } => {
                let start = seen / total * 100.0;
                let end = (seen + weight) / total * 100.0;
                (end.min(to) - start.max(from)).max(0.0) / 100.0 * total
            }
            Bounds::Values { from, to }
                if above(*value, from) && to.is_none_or(|t| *value <= t) =>
            {
                *weight
            }
            Bounds::Values { .. } => 0.0,
        };
        seen += weight;
        if share > 0.0 {
            count += share;
            sum += share * value;
            lowest = lowest.or(Some(*value));
            highest = Some(*value);
        }
    }
    match trim {
        Trim::Count => Some(count),
        Trim::Sum => Some(sum),
        Trim::Mean => (count > 0.0).then(|| sum / count),
        Trim::WinsorizedMean => {
            let (low, high) = (lowest?, highest?);
            let sum: f64 =
                values.iter().map(|(value, weight)| value.clamp(low, high) * weight).sum();
            Some(sum / total)
        }
    }
}

fn above(value: f64, from: Option<f64>) -> bool {
    from.is_none_or(|from| value > from)
}

fn trim(name: &str) -> Option<Trim> {
    match name {
        "tm" => Some(Trim::Mean),
        "wm" => Some(Trim::WinsorizedMean),
        "tc" => Some(Trim::Count),
        "ts" => Some(Trim::Sum),
        _ => None,
    }
}

fn percent(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value)
}

/// A bound that may be left out: the outer nothing is an error, the inner one means unbounded.
#[expect(clippy::option_option, reason = "unreadable and unbounded are two things")]
fn bound(text: &str) -> Option<Option<f64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

fn bounds(range: &str) -> Option<Bounds> {
    let (from, to) = range.split_once(':')?;
    if from.ends_with('%') || to.ends_with('%') {
        let side = |text: &str, open: f64| match text.strip_suffix('%') {
            Some(number) => percent(number),
            None if text.is_empty() => Some(open),
            None => None,
        };
        return Some(Bounds::Percent { from: side(from, 0.0)?, to: side(to, 100.0)? });
    }
    Some(Bounds::Values { from: bound(from)?, to: bound(to)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        let raw: Vec<(f64, f64)> = (1..=10).rev().map(|n| (f64::from(n), 1.0)).collect();
        Sample { count: 10.0, sum: 55.0, minimum: 1.0, maximum: 10.0, raw: Some(raw) }
    }

    #[test]
    fn every_documented_statistic_condenses_one_to_ten() {
        for (name, expected) in [
            ("Average", 5.5),
            ("Sum", 55.0),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("SampleCount", 10.0),
            ("p50", 5.0),
            ("p90", 9.0),
            ("p99.9", 10.0),
            ("p0", 1.0),
            ("tm90", 5.0),
            ("TM(10%:90%)", 5.5),
            ("IQM", 5.5),
            ("tc90", 9.0),
            ("ts90", 45.0),
            ("TS(20%:)", 52.0),
            ("TC(2:5)", 3.0),
            ("WM(20%:80%)", 5.5),
            ("PR(:3)", 30.0),
            ("PR(5:10)", 50.0),
        ] {
            let statistic = Statistic::parse(name).expect(name);
            let value = statistic.of(&mut sample()).expect(name);
            assert!((value - expected).abs() < 1e-9, "{name}: {value} is not {expected}");
        }
    }

    #[test]
    fn a_name_that_is_no_statistic_is_refused() {
        for name in ["", "p", "p101", "average", "xx90", "TM(1,2)", "PR()", "tm", "π"] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_percentile_over_a_statistic_set_is_unknown() {
        let mut set = Sample { raw: None, ..sample() };
        assert_eq!(Statistic::Percentile(50.0).of(&mut set), None);
        assert_eq!(Statistic::Average.of(&mut set), Some(5.5));
    }
}
