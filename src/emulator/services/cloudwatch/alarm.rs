//! Alarms as they stand: configuration and state of metric and composite alarms.
//!
//! Main types: [`Alarm`], [`MetricRule`], [`StateValue`]. Invariant: an alarm is always in one of three
//! states, and `transitioned` is the moment at which it got there.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::composite::CompositeRule;
use super::metric::Store;
use super::query::{Grid, MetricStat, Queries, Query, Slot, Source};
use crate::emulator::agenda::Ticket;
use crate::emulator::timing::{
    ALARM_EVALUATION, ALARM_EVALUATION_HIGH_RESOLUTION, ALARM_EVALUATION_MULTI_DAY,
};

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum StateValue {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl StateValue {
    /// The state as the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// The two types of alarms that are emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum AlarmType {
    MetricAlarm,
    CompositeAlarm,
}

impl AlarmType {
    /// The type as the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MetricAlarm => "MetricAlarm",
            Self::CompositeAlarm => "CompositeAlarm",
        }
    }
}

/// A state with its reason: what the history, the events and the messages tell.
#[derive(Debug, Clone)]
pub(super) struct AlarmState {
    pub(super) value: StateValue,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
    /// When the value, or the evaluation's own state, last changed.
    pub(super) updated: Timestamp,
    /// When the value last changed.
    pub(super) transitioned: Timestamp,
}

/// What runs when the alarm gets into each state.
#[derive(Debug, Clone, Default)]
pub(super) struct Actions {
    pub(super) enabled: bool,
    pub(super) ok: Vec<String>,
    pub(super) alarm: Vec<String>,
    pub(super) insufficient_data: Vec<String>,
}

impl Actions {
    /// The actions of a transition into this state.
    pub(super) fn on(&self, state: StateValue) -> &[String] {
        match state {
            StateValue::Ok => &self.ok,
            StateValue::Alarm => &self.alarm,
            StateValue::InsufficientData => &self.insufficient_data,
        }
    }
}

/// One alarm.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) actions: Actions,
    pub(super) state: AlarmState,
    pub(super) configured: Timestamp,
    pub(super) tags: IndexMap<String, String>,
    /// The next evaluation.
    pub(super) ticket: Option<Ticket>,
    /// What keeps it from being evaluated as it should.
    pub(super) impaired: Option<EvaluationState>,
    pub(super) rule: Rule,
}

/// What keeps a metric alarm from being evaluated as it should.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationState {
    /// Only a part of its data could be read; it is evaluated on that.
    PartialData,
    /// Its configuration can't be evaluated.
    EvaluationError,
    /// CloudWatch can't evaluate it for now.
    EvaluationFailure,
}

impl EvaluationState {
    /// The state as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PartialData => "PARTIAL_DATA",
            Self::EvaluationError => "EVALUATION_ERROR",
            Self::EvaluationFailure => "EVALUATION_FAILURE",
        }
    }

    /// Whether the alarm is evaluated at all.
    pub(super) fn evaluates(self) -> bool {
        match self {
            Self::PartialData => true,
            Self::EvaluationError | Self::EvaluationFailure => false,
        }
    }
}

/// What decides about the state.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Metric(Box<MetricRule>),
    Composite(Box<CompositeRule>),
}

impl Alarm {
    /// Which type of alarm this is.
    pub(super) fn alarm_type(&self) -> AlarmType {
        match self.rule {
            Rule::Metric(_) => AlarmType::MetricAlarm,
            Rule::Composite(_) => AlarmType::CompositeAlarm,
        }
    }

    /// The rule of a metric alarm.
    pub(super) fn metric(&self) -> Option<&MetricRule> {
        match &self.rule {
            Rule::Metric(rule) => Some(rule),
            Rule::Composite(_) => None,
        }
    }

    /// The rule of a composite alarm.
    pub(super) fn composite(&self) -> Option<&CompositeRule> {
        match &self.rule {
            Rule::Metric(_) => None,
            Rule::Composite(rule) => Some(rule),
        }
    }

    /// The rule of a composite alarm, to be changed.
    pub(super) fn composite_mut(&mut self) -> Option<&mut CompositeRule> {
        match &mut self.rule {
            Rule::Metric(_) => None,
            Rule::Composite(rule) => Some(rule),
        }
    }
}

/// How a value is held against the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Comparison {
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    GreaterOrEqual,
    #[serde(rename = "GreaterThanThreshold")]
    Greater,
    #[serde(rename = "LessThanThreshold")]
    Less,
    #[serde(rename = "LessThanOrEqualToThreshold")]
    LessOrEqual,
}

impl Comparison {
    /// Whether the value breaches the threshold.
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// The operator as the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "GreaterThanOrEqualToThreshold",
            Self::Greater => "GreaterThanThreshold",
            Self::Less => "LessThanThreshold",
            Self::LessOrEqual => "LessThanOrEqualToThreshold",
        }
    }

    /// The operator as a state reason words it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// What stands in for data that is missing.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum MissingData {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl MissingData {
    /// The treatment as the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}

/// What a metric alarm watches.
#[derive(Debug, Clone)]
pub(super) enum Watched {
    /// One statistic of one metric; the id is what events call it.
    Metric { id: String, stat: MetricStat },
    /// Metric math: one of the queries returns the data.
    Math(Queries),
}

/// The rule of a metric alarm.
#[derive(Debug, Clone)]
pub(super) struct MetricRule {
    pub(super) watched: Watched,
    /// In seconds.
    pub(super) period: i64,
    /// N of "M out of N".
    pub(super) evaluation_periods: usize,
    /// M, where it was given.
    pub(super) datapoints_to_alarm: Option<usize>,
    pub(super) threshold: f64,
    pub(super) comparison: Comparison,
    /// As given; see [`MetricRule::missing_data`].
    pub(super) treat_missing_data: Option<MissingData>,
    /// Whether an alarm on a percentile waits until there are enough samples.
    pub(super) ignore_low_samples: bool,
    /// As given: `evaluate` or `ignore`.
    pub(super) low_samples: Option<String>,
    /// Where in each minute (or ten seconds, or hour) the alarm is evaluated, in seconds.
    pub(super) phase: i64,
}

/// How many periods beyond the evaluation periods an alarm fetches.
///
/// The page's examples fetch 5 for 3; AWS does not say how the number depends on the period.
const EXTRA_PERIODS: usize = 2;

const DAY: i64 = 86_400;

impl MetricRule {
    /// M of "M out of N".
    pub(super) fn needed(&self) -> usize {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// How many periods are fetched, so that late data can be made up for.
    pub(super) fn range(&self) -> usize {
        self.evaluation_periods + EXTRA_PERIODS
    }

    /// How far back the alarm looks, in milliseconds.
    pub(super) fn window(&self) -> i64 {
        let periods = i64::try_from(self.range()).expect("checked when the alarm was put");
        (periods + 1) * self.period * 1000
    }

    /// The periods that an evaluation looks at, one after the other.
    pub(super) fn looks_back(&self) -> SignedDuration {
        let periods = i64::try_from(self.evaluation_periods).unwrap_or(i64::MAX);
        SignedDuration::from_secs(periods.saturating_mul(self.period))
    }

    /// The treatment of missing data: "Alarms that evaluate metrics in the AWS/DynamoDB namespace default
    /// to ignore missing data", all others to `missing`.
    pub(super) fn missing_data(&self) -> MissingData {
        let dynamo = || self.metrics().any(|stat| stat.key.namespace == "AWS/DynamoDB");
        self.treat_missing_data
            .unwrap_or_else(|| if dynamo() { MissingData::Ignore } else { MissingData::Missing })
    }

    /// The statistics of metrics that the alarm watches.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &MetricStat> {
        let (one, many) = match &self.watched {
            Watched::Metric { stat, .. } => (Some(stat), None),
            Watched::Math(queries) => (None, Some(queries.metrics().map(|(_, stat)| stat))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The single statistic of an alarm that is not on metric math.
    pub(super) fn single(&self) -> Option<&MetricStat> {
        match &self.watched {
            Watched::Metric { stat, .. } => Some(stat),
            Watched::Math(_) => None,
        }
    }

    /// Whether the window is longer than a day.
    fn multi_day(&self) -> bool {
        i64::try_from(self.evaluation_periods).is_ok_and(|periods| periods * self.period > DAY)
    }

    /// How often the alarm is evaluated, in seconds.
    pub(super) fn interval(&self) -> i64 {
        if self.multi_day() {
            ALARM_EVALUATION_MULTI_DAY.as_secs()
        } else if self.period < 60 {
            ALARM_EVALUATION_HIGH_RESOLUTION.as_secs()
        } else {
            ALARM_EVALUATION.as_secs()
        }
    }

    /// The first evaluation after `now`.
    pub(super) fn next_evaluation(&self, now: Timestamp) -> Timestamp {
        let interval = self.interval() * 1000;
        let phase = self.phase * 1000;
        let turn = (now.as_millisecond() - phase).div_euclid(interval) + 1;
        Timestamp::from_millisecond(turn * interval + phase).unwrap_or(Timestamp::MAX)
    }

    /// The periods to look at, newest first. The last one has ended: the window's end is on the minute
    /// (ten seconds for high resolution, the hour for a window beyond a day).
    pub(super) fn slots(&self, store: &Store, now: Timestamp) -> (Grid, Vec<Slot>) {
        let step = self.interval() * 1000;
        let end = now.as_millisecond().div_euclid(step) * step;
        let grid = Grid::ending(end, self.period, self.range());
        let mut slots = match &self.watched {
            Watched::Metric { stat, .. } => stat.slots(store, grid),
            Watched::Math(queries) => {
                let returned = queries.iter().find(|query| query.return_data);
                let values = returned.map(|query| queries.values(store, query, grid));
                values.and_then(|mut values| values.pop()).unwrap_or_default()
            }
        };
        slots.resize(grid.slots, Slot::default());
        slots.reverse();
        (grid, slots)
    }
}

/// The period of a math alarm: that of its metrics, which must agree.
pub(super) fn common_period(queries: &Queries) -> Option<i64> {
    let mut periods = queries.iter().filter_map(query_period);
    let first = periods.next()?;
    periods.all(|period| period == first).then_some(first)
}

fn query_period(query: &Query) -> Option<i64> {
    match &query.source {
        Source::Metric(stat) => Some(stat.period),
        Source::Expression { period, .. } => *period,
    }
}
