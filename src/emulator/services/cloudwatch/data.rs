//! Metric data: `PutMetricData`, `GetMetricData`, `GetMetricStatistics`, `ListMetrics`.
//!
//! Invariant: what is put can be read at once (AWS: within two minutes); what is older than the store keeps
//! is refused, not dropped in silence.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::history::{ScanBy, page_start};
use super::math::Kind;
use super::metric::{Dimension, Measure, MetricKey, Span, Store, Unit, key_of};
use super::query::{Grid, MetricStat, Queries, Query, QueryInput, Slot, Source};
use super::visible;
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// The most values of one datum (AWS: 150).
const MAX_VALUES: usize = 150;

/// The most datapoints of one answer, and of one request's grid (AWS: 100,800).
const MAX_DATAPOINTS: usize = 100_800;

/// How far in the future a datapoint may be, in milliseconds (AWS: two hours).
const MAX_FUTURE: i64 = 2 * 3_600_000;

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutMetricDataInput {
    namespace: String,
    metric_data: Vec<Datum>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<f64>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

/// `PutMetricData`: all of it, or nothing where one datum is wrong.
pub(super) fn put_metric_data(account: &mut Account, input: PutMetricDataInput) -> Answer {
    if input.namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    if input.metric_data.len() > 1000 {
        return Err(invalid("A request can hold at most 1000 metrics."));
    }
    let now = account.now();
    let retention = account.services.cloudwatch.metrics.retention();
    let mut accepted = Vec::new();
    for datum in input.metric_data {
        let unit = unit_of(datum.unit.as_deref())?;
        let at = moment(&datum, now, retention)?;
        let key = key_of(&input.namespace, &datum.metric_name, datum.dimensions.clone());
        accepted.push((key, at, unit, measure(datum)?));
    }
    let store = &mut account.services.cloudwatch.metrics;
    for (key, at, unit, measure) in accepted {
        let series = store.intern(&key);
        store.add(series, at, now, unit, measure);
    }
    visible(account, &input.namespace);
    Ok(json!({}))
}

fn unit_of(unit: Option<&str>) -> Result<Unit, ServiceError> {
    match unit {
        None => Ok(Unit::NONE),
        Some(unit) => {
            Unit::parse(unit).ok_or_else(|| invalid(format!("{unit} is not a valid unit.")))
        }
    }
}

/// When the datum counts; standard resolution knows whole minutes only.
fn moment(datum: &Datum, now: Timestamp, retention: i64) -> Result<Timestamp, ServiceError> {
    let at = match datum.timestamp {
        None => now,
        Some(seconds) => {
            from_epoch_seconds(seconds).ok_or_else(|| invalid("A timestamp is out of range."))?
        }
    };
    let age = now.as_millisecond() - at.as_millisecond();
    if age > retention {
        return Err(ServiceError::unsupported(format_args!(
            "a datapoint of {} that is older than {} hours",
            datum.metric_name,
            retention / 3_600_000
        )));
    }
    if age < -MAX_FUTURE {
        return Err(invalid("A timestamp is more than two hours in the future."));
    }
    match datum.storage_resolution {
        Some(1) => Ok(at),
        None | Some(60) => Ok(whole_minute(at)),
        Some(_) => Err(invalid("StorageResolution must be 1 or 60.")),
    }
}

/// The minute that a moment is in.
pub(super) fn whole_minute(at: Timestamp) -> Timestamp {
    let minute = at.as_millisecond().div_euclid(60_000) * 60_000;
    Timestamp::from_millisecond(minute).unwrap_or(at)
}

fn measure(datum: Datum) -> Result<Measure, ServiceError> {
    let finite = |value: f64| {
        if value.is_finite() { Ok(value) } else { Err(invalid("A value is not a number.")) }
    };
    match (datum.value, datum.statistic_values, datum.values.is_empty()) {
        (Some(value), None, true) => Ok(Measure::Value { value: finite(value)?, count: 1.0 }),
        (None, Some(set), true) => {
            if set.sample_count <= 0.0 || set.minimum > set.maximum {
                return Err(invalid("The statistic set contradicts itself."));
            }
            Ok(Measure::Set {
                count: finite(set.sample_count)?,
                sum: finite(set.sum)?,
                minimum: finite(set.minimum)?,
                maximum: finite(set.maximum)?,
            })
        }
        (None, None, false) => {
            let counts = &datum.counts;
            if datum.values.len() > MAX_VALUES
                || !(counts.is_empty() || counts.len() == datum.values.len())
                || counts.iter().any(|count| *count <= 0.0)
            {
                return Err(invalid("Values and Counts must match, with at most 150 members."));
            }
            let count = |place: usize| counts.get(place).copied().unwrap_or(1.0);
            let values = datum.values.iter().enumerate();
            let values: Result<Vec<_>, _> =
                values.map(|(place, value)| Ok((finite(*value)?, count(place)))).collect();
            Ok(Measure::Values(values?))
        }
        _ => Err(invalid(format!(
            "Exactly one of Value, Values and StatisticValues must be given for {}.",
            datum.metric_name
        ))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetMetricDataInput {
    metric_data_queries: Vec<QueryInput>,
    start_time: f64,
    end_time: f64,
    scan_by: Option<ScanBy>,
    next_token: Option<String>,
    max_datapoints: Option<usize>,
}

/// `GetMetricData`: newest first, unless told otherwise.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.
pub(super) fn get_metric_data(account: &mut Account, input: GetMetricDataInput) -> Answer {
    let range = time_range(input.start_time, input.end_time)?;
    let store = &mut account.services.cloudwatch.metrics;
    let queries = Queries::accept(store, input.metric_data_queries)?;
    let ascending = input.scan_by == Some(ScanBy::TimestampAscending);
    let mut page = Page {
        skip: page_start(input.next_token.as_deref())?,
        left: input.max_datapoints.unwrap_or(MAX_DATAPOINTS).clamp(1, MAX_DATAPOINTS),
        taken: 0,
        cut: false,
    };
    let start = page.skip;
    let mut results = Vec::new();
    for query in queries.iter().filter(|query| query.return_data) {
        if queries.kind(query)? == Kind::Scalar {
            let message = format!("The result of '{}' is not a time series.", query.id);
            return Err(ServiceError::new("ValidationError", message));
        }
        let grid = grid(range, period_of(&queries, query)?)?;
        for series in queries.values(store, query, grid) {
            results.push(result(query, grid, &series, ascending, &mut page));
        }
    }
    let mut answer = json!({"MetricDataResults": results, "Messages": []});
    if page.cut {
        answer["NextToken"] = json!((start + page.taken).to_string());
    }
    Ok(answer)
}

/// Which of all datapoints, counted through all results, this answer holds.
struct Page {
    skip: usize,
    left: usize,
    taken: usize,
    cut: bool,
}

fn result(query: &Query, grid: Grid, series: &[Slot], ascending: bool, page: &mut Page) -> Value {
    let present = series.iter().enumerate().filter_map(|(slot, v)| Some((slot, v.value?)));
    let mut points: Vec<(usize, f64)> = present.collect();
    if !ascending {
        points.reverse();
    }
    let skipped = page.skip.min(points.len());
    page.skip -= skipped;
    let shown: Vec<_> = points[skipped..].iter().take(page.left).collect();
    page.left -= shown.len();
    page.taken += shown.len();
    let complete = skipped + shown.len() == points.len();
    page.cut |= !complete;
    let time = |slot: usize| from_milliseconds(grid.at(slot));
    json!({
        "Id": query.id,
        "Label": query.label.clone().unwrap_or_else(|| default_label(query)),
        "Timestamps": shown.iter().map(|(slot, _)| time(*slot)).collect::<Vec<_>>(),
        "Values": shown.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "StatusCode": if complete { "Complete" } else { "PartialData" },
    })
}

fn from_milliseconds(at: i64) -> Value {
    Timestamp::from_millisecond(at).map(epoch_seconds).unwrap_or_default()
}

fn default_label(query: &Query) -> String {
    match &query.source {
        Source::Metric(stat) => stat.key.name.clone(),
        Source::Expression { .. } => query.id.clone(),
    }
}

/// The period of a query's result, in seconds.
fn period_of(queries: &Queries, query: &Query) -> Result<i64, ServiceError> {
    if let Source::Metric(stat) = &query.source {
        return Ok(stat.period);
    }
    let own = match &query.source {
        Source::Metric(_) => None,
        Source::Expression { period, .. } => *period,
    };
    let mut periods = queries.metrics_of(query).into_iter().map(|stat| stat.period);
    let first = periods.next().or(own).unwrap_or(60);
    if periods.any(|period| period != first) || own.is_some_and(|own| own != first) {
        return Err(ServiceError::unsupported(format_args!(
            "metric math over metrics of different periods ('{}')",
            query.id
        )));
    }
    Ok(first)
}

fn time_range(start: f64, end: f64) -> Result<Span, ServiceError> {
    let moment = |seconds: f64| {
        from_epoch_seconds(seconds)
            .map(Timestamp::as_millisecond)
            .ok_or_else(|| invalid("A time is out of range."))
    };
    let span = Span { from: moment(start)?, to: moment(end)? };
    if span.from >= span.to {
        return Err(ServiceError::new(
            "ValidationError",
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    Ok(span)
}

/// The whole periods of a time range; the first one begins on a multiple of the period.
fn grid(range: Span, period: i64) -> Result<Grid, ServiceError> {
    let length = period * 1000;
    let start = range.from.div_euclid(length) * length;
    let slots = usize::try_from((range.to - start + length - 1) / length).unwrap_or(usize::MAX);
    if slots > MAX_DATAPOINTS {
        return Err(ServiceError::new(
            "ValidationError",
            format!("You have requested up to {slots} datapoints, which exceeds 100800."),
        ));
    }
    Ok(Grid { start, period, slots })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetMetricStatisticsInput {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: f64,
    end_time: f64,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

/// `GetMetricStatistics`.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>.
pub(super) fn get_metric_statistics(
    account: &mut Account,
    input: GetMetricStatisticsInput,
) -> Answer {
    let range = time_range(input.start_time, input.end_time)?;
    let grid = grid(range, input.period.max(1))?;
    if grid.slots > 1_440 {
        let message = "You have requested more than 1,440 datapoints.";
        return Err(ServiceError::new("InvalidParameterCombinationException", message));
    }
    if input.statistics.is_empty() && input.extended_statistics.is_empty() {
        let message = "Statistics or ExtendedStatistics must be given.";
        return Err(ServiceError::new("MissingRequiredParameterException", message));
    }
    let store = &mut account.services.cloudwatch.metrics;
    let key = key_of(&input.namespace, &input.metric_name, input.dimensions);
    let unit = input.unit.as_deref();
    let names = input.statistics.iter().chain(&input.extended_statistics);
    let mut stats = Vec::new();
    for name in names {
        stats.push(MetricStat::new(store, key.clone(), input.period, name, unit)?);
    }
    let columns: Vec<Vec<Slot>> = stats.iter().map(|stat| stat.slots(store, grid)).collect();
    let datapoints: Vec<Value> =
        (0..grid.slots).filter_map(|slot| datapoint(store, &stats, &columns, grid, slot)).collect();
    Ok(json!({"Label": input.metric_name, "Datapoints": datapoints}))
}

fn datapoint(
    store: &Store,
    stats: &[MetricStat],
    columns: &[Vec<Slot>],
    grid: Grid,
    slot: usize,
) -> Option<Value> {
    let mut told = Map::new();
    let mut extended = Map::new();
    for (stat, column) in stats.iter().zip(columns) {
        let Some(value) = column[slot].value else { continue };
        let place = if stat.statistic.needs_values() { &mut extended } else { &mut told };
        place.insert(stat.stat.clone(), json!(value));
    }
    if told.is_empty() && extended.is_empty() {
        return None;
    }
    if !extended.is_empty() {
        told.insert("ExtendedStatistics".to_owned(), Value::Object(extended));
    }
    let span = Span { from: grid.at(slot), to: grid.at(slot + 1) };
    let unit = stats.first().and_then(|stat| stat.unit.or(store.unit(stat.series, span)));
    told.insert("Timestamp".to_owned(), from_milliseconds(span.from));
    told.insert("Unit".to_owned(), json!(unit.unwrap_or(Unit::NONE).as_str()));
    Some(Value::Object(told))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListMetricsInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<DimensionFilter>,
    next_token: Option<String>,
    recently_active: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DimensionFilter {
    name: String,
    value: Option<String>,
}

/// `ListMetrics`: 500 a page.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>.
pub(super) fn list_metrics(account: &mut Account, input: ListMetricsInput) -> Answer {
    const PAGE: usize = 500;
    let ListMetricsInput { namespace, metric_name, dimensions, next_token, recently_active } =
        input;
    let active_since = match recently_active.as_deref() {
        None => i64::MIN,
        Some("PT3H") => account.now().as_millisecond() - 3 * 3_600_000,
        Some(other) => return Err(invalid(format!("RecentlyActive must be PT3H, not {other}."))),
    };
    let skip = page_start(next_token.as_deref())?;
    let wanted = |(key, latest): &(&MetricKey, i64)| {
        *latest >= active_since
            && namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && metric_name.as_ref().is_none_or(|name| *name == key.name)
            && dimensions.iter().all(|filter| has(key, filter))
    };
    let store = &account.services.cloudwatch.metrics;
    let found: Vec<_> = store.with_data().filter(wanted).skip(skip).take(PAGE + 1).collect();
    let told = |(key, _): &(&MetricKey, i64)| {
        json!({
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": key.dimensions_json(),
        })
    };
    let metrics: Vec<Value> = found.iter().take(PAGE).map(told).collect();
    let mut answer = json!({"Metrics": metrics});
    if found.len() > PAGE {
        answer["NextToken"] = json!((skip + PAGE).to_string());
    }
    Ok(answer)
}

fn has(key: &MetricKey, filter: &DimensionFilter) -> bool {
    let fits = |(name, value): &(String, String)| {
        *name == filter.name && filter.value.as_ref().is_none_or(|wanted| wanted == value)
    };
    key.dimensions.iter().any(fits)
}
