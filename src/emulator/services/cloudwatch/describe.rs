//! Listing alarms: `DescribeAlarms` and `DescribeAlarmsForMetric`.
//!
//! Invariant: alarms are listed by name, metric alarms before composite ones, so that pages are stable.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::alarm::{Alarm, AlarmType, MetricRule, Rule, StateValue, Watched};
use super::history::{page_size, page_start};
use super::metric::{Dimension, Unit, key_of};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeAlarmsInput {
    #[serde(default)]
    alarm_names: Vec<String>,
    alarm_name_prefix: Option<String>,
    alarm_types: Option<Vec<AlarmType>>,
    children_of_alarm_name: Option<String>,
    parents_of_alarm_name: Option<String>,
    state_value: Option<StateValue>,
    action_prefix: Option<String>,
    max_records: Option<usize>,
    next_token: Option<String>,
}

/// `DescribeAlarms`: metric alarms only, unless types are given.
pub(super) fn describe_alarms(account: &mut Account, mut input: DescribeAlarmsInput) -> Answer {
    if input.alarm_names.len() > 100 {
        return Err(ServiceError::new(
            "ValidationError",
            "AlarmNames may have at most 100 members.",
        ));
    }
    let relatives = relatives(account, &input)?;
    let default = if relatives.is_some() {
        vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm]
    } else {
        vec![AlarmType::MetricAlarm]
    };
    let types = input.alarm_types.take().unwrap_or(default);
    let limit = page_size(input.max_records)?;
    let skip = page_start(input.next_token.as_deref())?;
    let wanted = |alarm: &&Alarm| {
        relatives.as_ref().is_none_or(|names| names.contains(&alarm.name))
            && types.contains(&alarm.alarm_type())
            && fits(alarm, &input)
    };
    let alarms = &account.services.cloudwatch.alarms;
    let mut found: Vec<&Alarm> = alarms.values().filter(wanted).collect();
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    let more = found.len() > skip + limit;
    let (mut metric, mut composite) = (Vec::new(), Vec::new());
    for alarm in found.into_iter().skip(skip).take(limit) {
        let told = if relatives.is_some() { brief(alarm) } else { describe(alarm) };
        match alarm.alarm_type() {
            AlarmType::MetricAlarm => metric.push(told),
            AlarmType::CompositeAlarm => composite.push(told),
        }
    }
    let mut answer = json!({"MetricAlarms": metric, "CompositeAlarms": composite});
    if more {
        answer["NextToken"] = json!((skip + limit).to_string());
    }
    Ok(answer)
}

fn order(alarm: &Alarm) -> (bool, &str) {
    (alarm.alarm_type() == AlarmType::CompositeAlarm, &alarm.name)
}

fn fits(alarm: &Alarm, input: &DescribeAlarmsInput) -> bool {
    let acts = |prefix: &String| {
        let actions = &alarm.actions;
        let mut all = actions.ok.iter().chain(&actions.alarm).chain(&actions.insufficient_data);
        all.any(|arn| arn.starts_with(prefix))
    };
    (input.alarm_names.is_empty() || input.alarm_names.contains(&alarm.name))
        && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix))
        && input.state_value.is_none_or(|state| alarm.state.value == state)
        && input.action_prefix.as_ref().is_none_or(acts)
}

/// The names of the children or the parents that are asked for.
fn relatives(
    account: &Account,
    input: &DescribeAlarmsInput,
) -> Result<Option<Vec<String>>, ServiceError> {
    let alarms = &account.services.cloudwatch.alarms;
    let unknown = || ServiceError::new("ResourceNotFound", "Alarm not found");
    match (&input.children_of_alarm_name, &input.parents_of_alarm_name) {
        (None, None) => Ok(None),
        (Some(name), None) => {
            let rule = alarms.get(name).ok_or_else(unknown)?.composite();
            let children =
                rule.map(|rule| rule.children().into_iter().map(str::to_owned).collect());
            Ok(Some(children.unwrap_or_default()))
        }
        (None, Some(name)) => {
            alarms.get(name).ok_or_else(unknown)?;
            let has = |alarm: &&Alarm| {
                alarm.composite().is_some_and(|rule| rule.children().contains(&name.as_str()))
            };
            Ok(Some(alarms.values().filter(has).map(|alarm| alarm.name.clone()).collect()))
        }
        (Some(_), Some(_)) => Err(ServiceError::new(
            "ValidationError",
            "Only one of ChildrenOfAlarmName and ParentsOfAlarmName can be given.",
        )),
    }
}

/// What is told of children and parents: name, ARN and state.
fn brief(alarm: &Alarm) -> Value {
    json!({
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "StateValue": alarm.state.value.as_str(),
        "StateUpdatedTimestamp": epoch_seconds(alarm.state.updated),
    })
}

fn describe(alarm: &Alarm) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Value| told.insert(key.to_owned(), value);
    put("AlarmName", json!(alarm.name));
    put("AlarmArn", json!(alarm.arn));
    if let Some(description) = &alarm.description {
        put("AlarmDescription", json!(description));
    }
    put("AlarmConfigurationUpdatedTimestamp", epoch_seconds(alarm.configured));
    put("ActionsEnabled", json!(alarm.actions.enabled));
    put("OKActions", json!(alarm.actions.ok));
    put("AlarmActions", json!(alarm.actions.alarm));
    put("InsufficientDataActions", json!(alarm.actions.insufficient_data));
    put("StateValue", json!(alarm.state.value.as_str()));
    put("StateReason", json!(alarm.state.reason));
    if let Some(data) = &alarm.state.reason_data {
        put("StateReasonData", json!(data));
    }
    put("StateUpdatedTimestamp", epoch_seconds(alarm.state.updated));
    put("StateTransitionedTimestamp", epoch_seconds(alarm.state.transitioned));
    match &alarm.rule {
        Rule::Metric(rule) => {
            if let Some(state) = alarm.impaired {
                put("EvaluationState", json!(state.as_str()));
            }
            describe_metric(rule, &mut put);
        }
        Rule::Composite(rule) => {
            put("AlarmRule", json!(rule.text));
            if let Some(by) = rule.suppressed_by() {
                put("ActionsSuppressedBy", json!(by));
                put("ActionsSuppressedReason", json!(format!("Actions suppressed by {by}")));
            }
            if let Some(suppressor) = &rule.suppressor {
                put("ActionsSuppressor", json!(suppressor.given));
                put("ActionsSuppressorWaitPeriod", json!(suppressor.wait));
                put("ActionsSuppressorExtensionPeriod", json!(suppressor.extension));
            }
        }
    }
    Value::Object(told)
}

fn describe_metric(rule: &MetricRule, put: &mut dyn FnMut(&str, Value) -> Option<Value>) {
    match &rule.watched {
        Watched::Metric { stat, .. } => {
            put("MetricName", json!(stat.key.name));
            put("Namespace", json!(stat.key.namespace));
            let extended = stat.statistic.needs_values();
            put(if extended { "ExtendedStatistic" } else { "Statistic" }, json!(stat.stat));
            put("Dimensions", stat.key.dimensions_json());
            put("Period", json!(rule.period));
            if let Some(unit) = stat.unit {
                put("Unit", json!(unit.as_str()));
            }
        }
        Watched::Math(queries) => {
            put("Metrics", queries.describe());
        }
    }
    put("EvaluationPeriods", json!(rule.evaluation_periods));
    if let Some(m) = rule.datapoints_to_alarm {
        put("DatapointsToAlarm", json!(m));
    }
    put("Threshold", json!(rule.threshold));
    put("ComparisonOperator", json!(rule.comparison.as_str()));
    if let Some(missing) = rule.treat_missing_data {
        put("TreatMissingData", json!(missing.as_str()));
    }
    if let Some(low) = &rule.low_samples {
        put("EvaluateLowSampleCountPercentile", json!(low));
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeAlarmsForMetricInput {
    metric_name: String,
    namespace: String,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<i64>,
    unit: Option<String>,
}

/// `DescribeAlarmsForMetric`: the alarms on exactly this metric, metric math included.
pub(super) fn describe_alarms_for_metric(
    account: &mut Account,
    input: DescribeAlarmsForMetricInput,
) -> Answer {
    let key = key_of(&input.namespace, &input.metric_name, input.dimensions);
    let stat_name = input.statistic.or(input.extended_statistic);
    let unit = match input.unit {
        None => None,
        Some(unit) => Some(Unit::parse(&unit).ok_or_else(|| {
            let message = format!("{unit} is not a valid unit.");
            ServiceError::new("InvalidParameterValueException", message)
        })?),
    };
    let watches = |alarm: &&Alarm| {
        alarm.metric().is_some_and(|rule| {
            rule.metrics().any(|stat| {
                stat.key == key
                    && stat_name.as_ref().is_none_or(|name| *name == stat.stat)
                    && input.period.is_none_or(|period| period == stat.period)
                    && unit.is_none_or(|unit| stat.unit == Some(unit))
            })
        })
    };
    let alarms = &account.services.cloudwatch.alarms;
    let mut found: Vec<&Alarm> = alarms.values().filter(watches).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let found: Vec<Value> = found.into_iter().map(describe).collect();
    Ok(json!({"MetricAlarms": found}))
}
