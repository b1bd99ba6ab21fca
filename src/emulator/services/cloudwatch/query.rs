//! Queries: metrics and expressions over them, as an alarm and as `GetMetricData` ask for them.
//!
//! Main types: [`Queries`], [`Grid`]. Invariant: what was accepted can be evaluated; ids are unique,
//! expressions refer to what exists and never to themselves.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::math::{self, Expression, Kind, MathValue, Scope, ScopeMetric};
use super::metric::{Dimension, MetricKey, SeriesId, Span, Store, Unit, key_of};
use super::statistic::Statistic;
use crate::emulator::error::ServiceError;

/// The most queries of one request or alarm (AWS: 500 a request).
const MAX_QUERIES: usize = 500;

/// One `MetricDataQuery` in an input.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct QueryInput {
    id: String,
    metric_stat: Option<MetricStatInput>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<bool>,
    period: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStatInput {
    metric: MetricInput,
    period: i64,
    stat: String,
    unit: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricInput {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

/// One statistic of one metric over periods.
#[derive(Debug, Clone)]
pub(super) struct MetricStat {
    pub(super) key: MetricKey,
    pub(super) series: SeriesId,
    /// In seconds.
    pub(super) period: i64,
    pub(super) statistic: Statistic,
    /// The statistic's name, as given.
    pub(super) stat: String,
    pub(super) unit: Option<Unit>,
}

/// Where a query's values come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Metric(MetricStat),
    Expression { text: String, parsed: Expression, period: Option<i64> },
}

/// One accepted query.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) id: String,
    pub(super) label: Option<String>,
    pub(super) return_data: bool,
    pub(super) source: Source,
}

/// Accepted queries, by id.
#[derive(Debug, Clone)]
pub(super) struct Queries(IndexMap<String, Query>);

/// Consecutive periods, oldest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Where the oldest period begins, in milliseconds since the epoch.
    pub(super) start: i64,
    /// The length of a period in seconds.
    pub(super) period: i64,
    pub(super) slots: usize,
}

impl Grid {
    /// The grid whose last period ends at `end` (milliseconds).
    pub(super) fn ending(end: i64, period: i64, slots: usize) -> Self {
        let length = i64::try_from(slots).unwrap_or(i64::MAX / 1_000_000) * period * 1000;
        Self { start: end - length, period, slots }
    }

    /// Where a period begins, in milliseconds since the epoch.
    pub(super) fn at(&self, slot: usize) -> i64 {
        self.start + i64::try_from(slot).unwrap_or(0) * self.period * 1000
    }

    fn span(&self, slot: usize) -> Span {
        Span { from: self.at(slot), to: self.at(slot + 1) }
    }
}

/// A value of one period, with the samples behind it where they can be told.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Slot {
    pub(super) value: Option<f64>,
    pub(super) samples: Option<f64>,
}

impl MetricStat {
    /// Checks and builds a statistic of a metric.
    pub(super) fn new(
        store: &mut Store,
        key: MetricKey,
        period: i64,
        stat: &str,
        unit: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let Some(statistic) = Statistic::parse(stat) else {
            return Err(invalid(format!("The statistic {stat} is not a valid statistic.")));
        };
        let unit = match unit {
            Some(unit) => Some(
                Unit::parse(unit).ok_or_else(|| invalid(format!("{unit} is not a valid unit.")))?,
            ),
            None => None,
        };
        let valid = matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0);
        if !valid {
            return Err(invalid(format!(
                "The period {period} is not valid: it must be 1, 5, 10, 20, 30 or a multiple of 60."
            )));
        }
        let series = store.intern(&key);
        Ok(Self { key, series, period, statistic, stat: stat.to_owned(), unit })
    }

    /// The values of a grid's periods.
    pub(super) fn slots(&self, store: &Store, grid: Grid) -> Vec<Slot> {
        (0..grid.slots)
            .map(|slot| {
                let span = grid.span(slot);
                let mut sample = store.sample(self.series, span, self.unit, self.statistic);
                let value = self.statistic.of(&mut sample);
                Slot { value, samples: value.map(|_| sample.count) }
            })
            .collect()
    }

    /// As the API describes it.
    fn describe(&self) -> Value {
        let mut stat = json!({
            "Metric": {
                "Namespace": self.key.namespace,
                "MetricName": self.key.name,
                "Dimensions": self.key.dimensions_json(),
            },
            "Period": self.period,
            "Stat": self.stat,
        });
        if let Some(unit) = self.unit {
            stat["Unit"] = json!(unit.as_str());
        }
        stat
    }
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message)
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

impl Queries {
    /// Checks and accepts queries.
    pub(super) fn accept(store: &mut Store, inputs: Vec<QueryInput>) -> Result<Self, ServiceError> {
        if inputs.is_empty() || inputs.len() > MAX_QUERIES {
            return Err(validation("There must be between 1 and 500 metric data queries."));
        }
        let mut queries = IndexMap::new();
        for input in inputs {
            let query = accept_one(store, input)?;
            if queries.contains_key(&query.id) {
                return Err(validation(format!("The id '{}' is not unique.", query.id)));
            }
            queries.insert(query.id.clone(), query);
        }
        let queries = Self(queries);
        queries.check_references()?;
        Ok(queries)
    }

    /// Every query in the order in which it was given.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Query> {
        self.0.values()
    }

    /// The statistics of metrics among the queries.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (&Query, &MetricStat)> {
        self.iter().filter_map(|query| match &query.source {
            Source::Metric(stat) => Some((query, stat)),
            Source::Expression { .. } => None,
        })
    }

    /// The statistics that a query is computed from, through other expressions too.
    pub(super) fn metrics_of<'a>(&'a self, query: &'a Query) -> Vec<&'a MetricStat> {
        let (mut waiting, mut seen, mut found) = (vec![query], Vec::new(), Vec::new());
        while let Some(next) = waiting.pop() {
            if seen.contains(&next.id.as_str()) {
                continue;
            }
            seen.push(&next.id);
            match &next.source {
                Source::Metric(stat) => found.push(stat),
                Source::Expression { parsed, .. } => {
                    if parsed.takes_all() {
                        waiting.extend(self.metrics().map(|(query, _)| query));
                    }
                    parsed.references(&mut |id| waiting.extend(self.0.get(id)));
                }
            }
        }
        found
    }

    /// The kind of a query's result: a series, an array of series, or a bare number.
    pub(super) fn kind(&self, query: &Query) -> Result<Kind, ServiceError> {
        self.kind_at(query, 0)
            .map_err(|why| validation(format!("Error in expression '{}': {why}", query.id)))
    }

    fn kind_at(&self, query: &Query, depth: usize) -> Result<Kind, String> {
        let Source::Expression { parsed, .. } = &query.source else {
            return Ok(Kind::Series);
        };
        if depth > self.0.len() {
            return Err("it refers to itself".to_owned());
        }
        parsed.kind(&|id| self.kind_at(self.0.get(id)?, depth + 1).ok())
    }

    /// Refuses references to nothing and cycles, walking depth first over each query once.
    fn check_references(&self) -> Result<(), ServiceError> {
        let mut done: Vec<&str> = Vec::new();
        for query in self.iter() {
            let mut path: Vec<&str> = Vec::new();
            self.walk(query, &mut path, &mut done)?;
        }
        Ok(())
    }

    fn walk<'a>(
        &'a self,
        query: &'a Query,
        path: &mut Vec<&'a str>,
        done: &mut Vec<&'a str>,
    ) -> Result<(), ServiceError> {
        let Source::Expression { parsed, .. } = &query.source else { return Ok(()) };
        if done.contains(&query.id.as_str()) {
            return Ok(());
        }
        if path.contains(&query.id.as_str()) {
            return Err(validation(format!("The expression '{}' refers to itself.", query.id)));
        }
        path.push(&query.id);
        let mut ids = Vec::new();
        parsed.references(&mut |id| ids.push(id.to_owned()));
        for id in ids {
            let Some(next) = self.0.get(&id) else {
                let message =
                    format!("Error in expression '{}': the id '{id}' is not defined.", query.id);
                return Err(validation(message));
            };
            self.walk(next, path, done)?;
        }
        path.pop();
        done.push(&query.id);
        Ok(())
    }

    /// The values of one query over a grid: one list for a series, several for an array.
    pub(super) fn values(&self, store: &Store, query: &Query, grid: Grid) -> Vec<Vec<Slot>> {
        let parsed = match &query.source {
            Source::Metric(stat) => return vec![stat.slots(store, grid)],
            Source::Expression { parsed, .. } => parsed,
        };
        let metrics = self.metrics().map(|(query, stat)| ScopeMetric {
            id: &query.id,
            period: stat.period,
            values: stat.slots(store, grid).into_iter().map(|slot| slot.value).collect(),
        });
        let expressions = self.iter().filter_map(|query| match &query.source {
            Source::Metric(_) => None,
            Source::Expression { parsed, .. } => Some((query.id.as_str(), parsed)),
        });
        let scope = Scope {
            metrics: metrics.collect(),
            expressions: expressions.collect(),
            slots: grid.slots,
            period: grid.period,
        };
        let series = match scope.evaluate(parsed) {
            Some(MathValue::Series(series)) => vec![series],
            Some(MathValue::Array(array)) => array,
            Some(MathValue::Scalar(_)) | None => Vec::new(),
        };
        let slots = |series: math::Values| {
            series.into_iter().map(|value| Slot { value, samples: None }).collect()
        };
        series.into_iter().map(slots).collect()
    }

    /// The queries as `DescribeAlarms` lists them.
    pub(super) fn describe(&self) -> Value {
        self.iter().map(describe_query).collect()
    }
}

fn describe_query(query: &Query) -> Value {
    let mut described = Map::new();
    described.insert("Id".to_owned(), json!(query.id));
    match &query.source {
        Source::Metric(stat) => {
            described.insert("MetricStat".to_owned(), stat.describe());
        }
        Source::Expression { text, period, .. } => {
            described.insert("Expression".to_owned(), json!(text));
            if let Some(period) = period {
                described.insert("Period".to_owned(), json!(period));
            }
        }
    }
    if let Some(label) = &query.label {
        described.insert("Label".to_owned(), json!(label));
    }
    described.insert("ReturnData".to_owned(), json!(query.return_data));
    Value::Object(described)
}

fn accept_one(store: &mut Store, input: QueryInput) -> Result<Query, ServiceError> {
    let valid = input.id.starts_with(|c: char| c.is_ascii_lowercase())
        && input.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return Err(validation(format!(
            "The id '{}' must start with a lowercase letter and hold letters, digits and '_'.",
            input.id
        )));
    }
    let source = match (input.metric_stat, input.expression) {
        (Some(stat), None) => {
            let key =
                key_of(&stat.metric.namespace, &stat.metric.metric_name, stat.metric.dimensions);
            let unit = stat.unit.as_deref();
            Source::Metric(MetricStat::new(store, key, stat.period, &stat.stat, unit)?)
        }
        (None, Some(text)) => {
            let parsed = math::parse(&text)?;
            Source::Expression { text, parsed, period: input.period }
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(validation(format!(
                "Exactly one of MetricStat and Expression must be given for '{}'.",
                input.id
            )));
        }
    };
    let return_data = input.return_data.unwrap_or(true);
    Ok(Query { id: input.id, label: input.label, return_data, source })
}
