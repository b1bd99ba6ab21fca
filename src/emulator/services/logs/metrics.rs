//! Metric filters: datapoints from the log events of a group as they are ingested.
//!
//! Main type: [`MetricFilter`]. Invariant: a metric filter sees what is ingested after it was made, with
//! the patterns of `FilterLogEvents`. Where a minute of one call has events and none matches, the default
//! value stands for it.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use super::{group_mut, invalid, missing};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::cloudwatch::{self, Measure, MetricKey, Unit};

/// Metric filters of a group (documented quota).
const MOST_FILTERS: usize = 100;

/// A metric filter of a log group.
#[derive(Debug, Clone)]
pub(super) struct MetricFilter {
    pattern: String,
    filter: Filter,
    transformation: Transformation,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Transformation {
    metric_name: String,
    metric_namespace: String,
    metric_value: String,
    #[serde(default)]
    default_value: Option<f64>,
    #[serde(default)]
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutMetricFilter {
    log_group_name: String,
    filter_name: String,
    filter_pattern: String,
    metric_transformations: Vec<Transformation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterOnly {
    log_group_name: String,
    filter_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeMetricFilters {
    log_group_name: String,
}

/// `PutMetricFilter`: makes one, or replaces it.
pub(super) fn put(account: &mut Account, input: PutMetricFilter) -> Answer {
    let filter = Filter::parse(&input.filter_pattern)
        .map_err(|why| invalid(format!("Invalid filter pattern: {why}")))?;
    let mut transformations = input.metric_transformations;
    let (Some(transformation), true) = (transformations.pop(), transformations.is_empty()) else {
        return Err(invalid("metricTransformations must have exactly one member"));
    };
    unit(&transformation)?;
    let value = &transformation.metric_value;
    if !value.starts_with('$') && value.parse::<f64>().is_err() {
        return Err(invalid(format!("Invalid metric transformation: metricValue {value}")));
    }
    let group = group_mut(account, &input.log_group_name)?;
    if !group.filters.contains_key(&input.filter_name) && group.filters.len() >= MOST_FILTERS {
        return Err(ServiceError::new("LimitExceededException", "Resource limit exceeded."));
    }
    let made = MetricFilter { pattern: input.filter_pattern, filter, transformation };
    group.filters.insert(input.filter_name, made);
    Ok(json!({}))
}

/// `DeleteMetricFilter`.
pub(super) fn delete(account: &mut Account, input: FilterOnly) -> Answer {
    let group = group_mut(account, &input.log_group_name)?;
    let gone = group.filters.shift_remove(&input.filter_name);
    gone.map(|_| json!({})).ok_or_else(|| missing("metric filter"))
}

/// `DescribeMetricFilters` of a group.
pub(super) fn describe(account: &mut Account, input: DescribeMetricFilters) -> Answer {
    let group = group_mut(account, &input.log_group_name)?;
    let shown: Vec<Value> = group
        .filters
        .iter()
        .map(|(name, filter)| {
            let to = &filter.transformation;
            let mut transformation = json!({
                "metricName": to.metric_name,
                "metricNamespace": to.metric_namespace,
                "metricValue": to.metric_value,
            });
            if let Some(default) = to.default_value {
                transformation["defaultValue"] = json!(default);
            }
            if let Some(unit) = &to.unit {
                transformation["unit"] = json!(unit);
            }
            json!({
                "filterName": name,
                "filterPattern": filter.pattern,
                "logGroupName": input.log_group_name,
                "metricTransformations": [transformation],
            })
        })
        .collect();
    Ok(json!({ "metricFilters": shown }))
}

fn unit(transformation: &Transformation) -> Result<Unit, ServiceError> {
    let name = transformation.unit.as_deref().unwrap_or("None");
    Unit::parse(name).ok_or_else(|| invalid(format!("{name} is not a unit")))
}

/// Publishes what the group's metric filters make of log events.
pub(super) fn ingested(account: &mut Account, group: &str, events: &[(i64, String)]) {
    let Ok(found) = group_mut(account, group) else { return };
    let mut points = Vec::new();
    for filter in found.filters.values() {
        let to = &filter.transformation;
        let key = MetricKey::new(&to.metric_namespace, &to.metric_name, Vec::new());
        let unit = unit(to).expect("it was accepted with this unit");
        for (at, value) in values(filter, events) {
            points.push((key.clone(), unit, at, value));
        }
    }
    for (key, unit, at, value) in points {
        let Ok(at) = Timestamp::from_millisecond(at) else { continue };
        cloudwatch::observe(account, &key, at, unit, Measure::Value { value, count: 1.0 });
    }
}

/// The datapoints of one filter: one for each match, and the default value for a minute without any.
fn values(filter: &MetricFilter, events: &[(i64, String)]) -> Vec<(i64, f64)> {
    let to = &filter.transformation;
    let mut minutes: BTreeMap<i64, bool> = BTreeMap::new();
    let mut values = Vec::new();
    for (at, message) in events {
        let matched = minutes.entry(at.div_euclid(60_000) * 60_000).or_insert(false);
        if !filter.filter.matches(message) {
            continue;
        }
        *matched = true;
        let value = match to.metric_value.parse() {
            Ok(fixed) => Some(fixed),
            Err(_) => filter.filter.value(message, &to.metric_value),
        };
        values.extend(value.map(|value| (*at, value)));
    }
    if let Some(default) = to.default_value {
        let without = minutes.into_iter().filter(|(_, matched)| !matched);
        values.extend(without.map(|(minute, _)| (minute, default)));
    }
    values
}
