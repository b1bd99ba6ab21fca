//! The metric store: every datapoint that an alarm or a reader may still need.
//!
//! Main types: [`Store`], [`MetricKey`], [`Series`]. Invariants: a series is ordered by time; what is
//! older than the retention is forgotten, and no series grows beyond a fixed number of datapoints.
//! A metric is its namespace, name and dimensions together:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>.

use std::collections::VecDeque;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::statistic::{Sample, Statistic};
use crate::emulator::timing::METRIC_RETENTION;

/// The most datapoints that one series keeps.
const MAX_POINTS: usize = 100_000;

/// Which metric: namespace, name and dimensions, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MetricKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: Vec<(String, String)>,
}

impl MetricKey {
    /// A key; the order in which the dimensions are given does not matter.
    pub(crate) fn new(
        namespace: &str,
        name: &str,
        dimensions: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut dimensions: Vec<_> = dimensions.into_iter().collect();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    /// The dimensions as the API lists them.
    pub(super) fn dimensions_json(&self) -> Value {
        self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
    }
}

/// A dimension in an input.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) value: String,
}

/// The key that an input's members name.
pub(super) fn key_of(namespace: &str, name: &str, dimensions: Vec<Dimension>) -> MetricKey {
    MetricKey::new(namespace, name, dimensions.into_iter().map(|d| (d.name, d.value)))
}

/// Every unit that CloudWatch knows.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
const UNITS: &[&str] = &[
    "None",
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
];

/// A unit, by its place in the table of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit(u8);

impl Unit {
    /// No unit.
    pub(crate) const NONE: Unit = Unit(0);

    /// Reads a unit's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let place = UNITS.iter().position(|unit| *unit == text)?;
        Some(Self(u8::try_from(place).expect("the table of units is short")))
    }

    /// The unit's name.
    pub(super) fn as_str(self) -> &'static str {
        UNITS[usize::from(self.0)]
    }
}

/// What was reported at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measure {
    /// One value that stands for this many samples.
    Value { value: f64, count: f64 },
    /// Several values, each with its count.
    Values(Vec<(f64, f64)>),
    /// A statistic set: the values themselves are gone.
    Set { count: f64, sum: f64, minimum: f64, maximum: f64 },
}

/// One datapoint.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    at: i64,
    unit: Unit,
    measure: Measure,
}

/// One metric's datapoints, ordered by time.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    points: VecDeque<Point>,
}

/// Names a series of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeriesId(usize);

/// A stretch of time, in milliseconds since the epoch; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// All metrics of the account.
#[derive(Debug, Clone)]
pub(super) struct Store {
    series: IndexMap<MetricKey, Series>,
    retention: i64,
}

impl Default for Store {
    fn default() -> Self {
        let retention = i64::try_from(METRIC_RETENTION.as_millis()).expect("a few hours");
        Self { series: IndexMap::new(), retention }
    }
}

impl Store {
    /// The series of a metric; an alarm may watch one before it has data.
    pub(super) fn intern(&mut self, key: &MetricKey) -> SeriesId {
        if let Some(place) = self.series.get_index_of(key) {
            return SeriesId(place);
        }
        SeriesId(self.series.insert_full(key.clone(), Series::default()).0)
    }

    /// Keeps datapoints at least this long, in milliseconds.
    pub(super) fn keep(&mut self, milliseconds: i64) {
        self.retention = self.retention.max(milliseconds);
    }

    /// How old a datapoint may be, in milliseconds.
    pub(super) fn retention(&self) -> i64 {
        self.retention
    }

    /// Adds a datapoint; what is now too old is forgotten.
    pub(super) fn add(
        &mut self,
        id: SeriesId,
        at: Timestamp,
        now: Timestamp,
        unit: Unit,
        measure: Measure,
    ) {
        let oldest = now.as_millisecond() - self.retention;
        let points = &mut self.series[id.0].points;
        let at = at.as_millisecond();
        let place = points.iter().rposition(|point| point.at <= at).map_or(0, |place| place + 1);
        points.insert(place, Point { at, unit, measure });
        while points.front().is_some_and(|point| point.at < oldest) || points.len() > MAX_POINTS {
            points.pop_front();
        }
    }

    /// What was reported in a span; raw values only where the statistic needs them.
    pub(super) fn sample(
        &self,
        id: SeriesId,
        span: Span,
        unit: Option<Unit>,
        statistic: Statistic,
    ) -> Sample {
        let points = &self.series[id.0].points;
        let first = points.partition_point(|point| point.at < span.from);
        let mut sample = Sample {
            raw: statistic.needs_values().then(Vec::new),
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            ..Sample::default()
        };
        for point in points.range(first..).take_while(|point| point.at < span.to) {
            if unit.is_none_or(|unit| unit == point.unit) {
                fold(&mut sample, &point.measure);
            }
        }
        sample
    }

    /// The unit of the latest datapoint in a span.
    pub(super) fn unit(&self, id: SeriesId, span: Span) -> Option<Unit> {
        let points = &self.series[id.0].points;
        let end = points.partition_point(|point| point.at < span.to);
        points.range(..end).next_back().filter(|point| point.at >= span.from).map(|p| p.unit)
    }

    /// Every metric that has data, in the order in which it was first named, with its latest datapoint.
    pub(super) fn with_data(&self) -> impl Iterator<Item = (&MetricKey, i64)> {
        self.series
            .iter()
            .filter_map(|(key, series)| series.points.back().map(|point| (key, point.at)))
    }

    /// How many datapoints a metric has.
    #[cfg(test)]
    pub(super) fn len(&self, key: &MetricKey) -> usize {
        self.series.get(key).map_or(0, |series| series.points.len())
    }
}

fn fold(sample: &mut Sample, measure: &Measure) {
    match measure {
        Measure::Value { value, count } => add_value(sample, *value, *count),
        Measure::Values(values) => {
            for (value, count) in values {
                add_value(sample, *value, *count);
            }
        }
        Measure::Set { count, sum, minimum, maximum } => {
            sample.count += count;
            sample.sum += sum;
            sample.minimum = sample.minimum.min(*minimum);
            sample.maximum = sample.maximum.max(*maximum);
            // AWS can still tell percentiles of a set whose values are all the same.
            #[expect(clippy::float_cmp, reason = "the same number given twice")]
            let uniform = minimum == maximum;
            if !uniform {
                sample.raw = None;
            } else if let Some(raw) = &mut sample.raw {
                raw.push((*minimum, *count));
            }
        }
    }
}

fn add_value(sample: &mut Sample, value: f64, count: f64) {
    sample.count += count;
    sample.sum += value * count;
    sample.minimum = sample.minimum.min(value);
    sample.maximum = sample.maximum.max(value);
    if let Some(raw) = &mut sample.raw {
        raw.push((value, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn key() -> MetricKey {
        let dimensions = [("b", "2"), ("a", "1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        MetricKey::new("N", "m", dimensions)
    }

    #[test]
    fn datapoints_that_arrive_late_are_put_into_their_period() {
        let mut store = Store::default();
        let id = store.intern(&key());
        for second in [61, 0, 59, 120] {
            let measure = Measure::Value { value: 1.0, count: 1.0 };
            store.add(id, at(second), at(130), Unit::NONE, measure);
        }
        let span = Span { from: at(0).as_millisecond(), to: at(60).as_millisecond() };
        assert!((store.sample(id, span, None, Statistic::Sum).count - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_older_than_the_retention_is_forgotten() {
        let mut store = Store::default();
        let id = store.intern(&key());
        let measure = Measure::Value { value: 1.0, count: 1.0 };
        store.add(id, at(0), at(0), Unit::NONE, measure.clone());
        store.add(id, at(3 * 3600 + 1), at(3 * 3600 + 1), Unit::NONE, measure);
        assert_eq!(store.len(&key()), 1);
    }

    #[test]
    fn the_order_of_dimensions_does_not_matter() {
        let dimensions = [("a", "1"), ("b", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(key(), MetricKey::new("N", "m", dimensions));
    }

    #[test]
    fn a_unit_filters_and_a_statistic_set_keeps_its_extremes() {
        let mut store = Store::default();
        let id = store.intern(&key());
        let set = Measure::Set { count: 4.0, sum: 10.0, minimum: 1.0, maximum: 4.0 };
        store.add(id, at(0), at(0), Unit::parse("Count").unwrap(), set);
        store.add(id, at(1), at(1), Unit::NONE, Measure::Value { value: 9.0, count: 1.0 });
        let span = Span { from: at(0).as_millisecond(), to: at(60).as_millisecond() };
        let sample = store.sample(id, span, Unit::parse("Count"), Statistic::Sum);
        assert_eq!((sample.count, sample.maximum), (4.0, 4.0));
        let all = store.sample(id, span, None, Statistic::Sum);
        assert_eq!((all.count, all.maximum), (5.0, 9.0));
    }
}
