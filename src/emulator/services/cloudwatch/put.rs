//! Creating, changing and deleting alarms: `PutMetricAlarm` and its neighbours.
//!
//! Invariant: an alarm that was accepted can be evaluated; everything else was refused by name.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alarm::{
    Actions, Alarm, AlarmState, AlarmType, Comparison, MetricRule, MissingData, Rule, StateValue,
    Watched, common_period,
};
use super::history::{self, ItemType};
use super::math::Kind;
use super::metric::{Dimension, key_of};
use super::query::{MetricStat, Queries, QueryInput};
use super::transition::{Change, transition};
use super::{Due, actions, composite, message, mute, reason};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing::ALARM_FIRST_EVALUATION;

/// The longest window of an alarm: seven days.
const MAX_WINDOW: i64 = 7 * 86_400;

/// The most alarms that one call names.
const MAX_NAMES: usize = 100;

/// A tag in an input.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: String,
    value: String,
}

impl Tag {
    /// Key and value.
    pub(super) fn into_pair(self) -> (String, String) {
        (self.key, self.value)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutMetricAlarmInput {
    alarm_name: String,
    alarm_description: Option<String>,
    actions_enabled: Option<bool>,
    #[serde(rename = "OKActions", default)]
    ok_actions: Vec<String>,
    #[serde(default)]
    alarm_actions: Vec<String>,
    #[serde(default)]
    insufficient_data_actions: Vec<String>,
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<i64>,
    unit: Option<String>,
    evaluation_periods: Option<i64>,
    datapoints_to_alarm: Option<i64>,
    threshold: Option<f64>,
    comparison_operator: String,
    treat_missing_data: Option<MissingData>,
    evaluate_low_sample_count_percentile: Option<String>,
    #[serde(default)]
    metrics: Vec<QueryInput>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// `PutMetricAlarm`: a new alarm starts in `INSUFFICIENT_DATA`; an update keeps the state.
pub(super) fn put_metric_alarm(account: &mut Account, mut input: PutMetricAlarmInput) -> Answer {
    let header = Header {
        name: input.alarm_name.clone(),
        description: input.alarm_description.take(),
        actions: Actions {
            enabled: input.actions_enabled.unwrap_or(true),
            ok: std::mem::take(&mut input.ok_actions),
            alarm: std::mem::take(&mut input.alarm_actions),
            insufficient_data: std::mem::take(&mut input.insufficient_data_actions),
        },
        tags: std::mem::take(&mut input.tags),
    };
    header.check(account, AlarmType::MetricAlarm)?;
    let rule = metric_rule(account, input)?;
    account.services.cloudwatch.metrics.keep(rule.window());
    let name = header.name.clone();
    store(account, header, Rule::Metric(Box::new(rule)));
    let ticket = account.schedule_in(ALARM_FIRST_EVALUATION, Due::Evaluate(name.clone()));
    account.services.cloudwatch.alarms[&name].ticket = Some(ticket);
    Ok(json!({}))
}

fn metric_rule(
    account: &mut Account,
    input: PutMetricAlarmInput,
) -> Result<MetricRule, ServiceError> {
    let comparison = comparison(&input.comparison_operator)?;
    let evaluation_periods = periods(input.evaluation_periods, "EvaluationPeriods")?
        .ok_or_else(|| validation("EvaluationPeriods must be given."))?;
    let datapoints_to_alarm = periods(input.datapoints_to_alarm, "DatapointsToAlarm")?;
    if datapoints_to_alarm.is_some_and(|m| m > evaluation_periods) {
        return Err(validation("DatapointsToAlarm must not be more than EvaluationPeriods."));
    }
    let threshold = input.threshold.ok_or_else(|| validation("Threshold must be given."))?;
    let low_samples = input.evaluate_low_sample_count_percentile.clone();
    let ignore_low_samples = match low_samples.as_deref() {
        None | Some("evaluate") => false,
        Some("ignore") => true,
        Some(other) => {
            return Err(validation(format!(
                "EvaluateLowSampleCountPercentile must be evaluate or ignore, not {other}."
            )));
        }
    };
    let name = input.alarm_name.clone();
    let treat_missing_data = input.treat_missing_data;
    let (watched, period) = watched(account, input)?;
    let window = i64::try_from(evaluation_periods).ok().and_then(|n| n.checked_mul(period));
    if window.is_none_or(|window| window > MAX_WINDOW) {
        return Err(validation(
            "EvaluationPeriods multiplied by Period must not be longer than seven days.",
        ));
    }
    let mut rule = MetricRule {
        watched,
        period,
        evaluation_periods,
        datapoints_to_alarm,
        threshold,
        comparison,
        treat_missing_data,
        ignore_low_samples,
        low_samples,
        phase: 0,
    };
    // AWS evaluates each alarm at an instant of its own, which stays the same. It belongs to the account's
    // seed and the alarm's name, so that other alarms do not move it.
    let number = i64::try_from(account.ids.number(&name) >> 8).expect("56 bits fit");
    rule.phase = number % rule.interval();
    Ok(rule)
}

fn comparison(operator: &str) -> Result<Comparison, ServiceError> {
    match operator {
        "GreaterThanOrEqualToThreshold" => Ok(Comparison::GreaterOrEqual),
        "GreaterThanThreshold" => Ok(Comparison::Greater),
        "LessThanThreshold" => Ok(Comparison::Less),
        "LessThanOrEqualToThreshold" => Ok(Comparison::LessOrEqual),
        "LessThanLowerOrGreaterThanUpperThreshold"
        | "LessThanLowerThreshold"
        | "GreaterThanUpperThreshold" => Err(ServiceError::unsupported(format_args!(
            "the comparison {operator} (anomaly detection)"
        ))),
        _ => Err(validation(format!("ComparisonOperator {operator} is not valid."))),
    }
}

fn periods(given: Option<i64>, what: &str) -> Result<Option<usize>, ServiceError> {
    match given {
        None => Ok(None),
        Some(n) => match usize::try_from(n) {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(validation(format!("{what} must be at least 1."))),
        },
    }
}

/// What the alarm watches, and its period in seconds.
fn watched(
    account: &mut Account,
    input: PutMetricAlarmInput,
) -> Result<(Watched, i64), ServiceError> {
    let store = &mut account.services.cloudwatch.metrics;
    if !input.metrics.is_empty() {
        if input.metric_name.is_some() || input.namespace.is_some() || input.period.is_some() {
            return Err(validation(
                "Metrics can't be given together with MetricName, Namespace or Period.",
            ));
        }
        return math(Queries::accept(store, input.metrics)?);
    }
    let (Some(namespace), Some(name)) = (&input.namespace, &input.metric_name) else {
        return Err(validation("Either Metrics, or Namespace and MetricName must be given."));
    };
    let ((Some(stat), None) | (None, Some(stat))) = (&input.statistic, &input.extended_statistic)
    else {
        return Err(validation("Exactly one of Statistic and ExtendedStatistic must be given."));
    };
    let period = input.period.ok_or_else(|| validation("Period must be given."))?;
    if matches!(period, 1 | 5) {
        return Err(validation("The period of an alarm must be 10, 20, 30 or a multiple of 60."));
    }
    let key = key_of(namespace, name, input.dimensions);
    let stat = MetricStat::new(store, key, period, stat, input.unit.as_deref())?;
    let id = account.ids.uuid();
    Ok((Watched::Metric { id, stat }, period))
}

fn math(queries: Queries) -> Result<(Watched, i64), ServiceError> {
    let returned: Vec<_> = queries.iter().filter(|query| query.return_data).collect();
    let [returned] = returned.as_slice() else {
        return Err(validation("Exactly one element of Metrics must return data."));
    };
    if queries.kind(returned)? != Kind::Series {
        return Err(validation(format!(
            "The result of '{}' must be a single time series.",
            returned.id
        )));
    }
    let period = common_period(&queries)
        .ok_or_else(|| validation("All metrics of an alarm must have the same period."))?;
    Ok((Watched::Math(queries), period))
}

/// What metric and composite alarms have in common in their inputs.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) actions: Actions,
    pub(super) tags: Vec<Tag>,
}

impl Header {
    /// Refuses a bad name, an action that can't be called, and a change of the alarm's type.
    pub(super) fn check(
        &self,
        account: &Account,
        alarm_type: AlarmType,
    ) -> Result<(), ServiceError> {
        if self.name.is_empty() || self.name.chars().count() > 255 {
            return Err(validation("AlarmName must have 1 to 255 characters."));
        }
        let existing = account.services.cloudwatch.alarms.get(&self.name);
        if existing.is_some_and(|alarm| alarm.alarm_type() != alarm_type) {
            return Err(validation(format!(
                "An alarm of another type with the name {} already exists.",
                self.name
            )));
        }
        for list in [&self.actions.ok, &self.actions.alarm, &self.actions.insufficient_data] {
            actions::check(list, alarm_type)?;
        }
        Ok(())
    }
}

/// Creates or overwrites an alarm and notes it in the history. Says whether it is new.
pub(super) fn store(account: &mut Account, header: Header, rule: Rule) -> bool {
    let now = account.now();
    let alarms = &mut account.services.cloudwatch.alarms;
    let old = alarms.get(&header.name);
    let created = old.is_none();
    let (state, tags, ticket) = match old {
        // "If you are using this operation to update an existing alarm, any tags you specify in this
        // parameter are ignored."
        Some(old) => (old.state.clone(), old.tags.clone(), old.ticket),
        None => (initial_state(now), tag_map(header.tags), None),
    };
    let arn = account.identity.arn("cloudwatch", &format!("alarm:{}", header.name));
    let alarm = Alarm {
        name: header.name.clone(),
        arn,
        description: header.description,
        actions: header.actions,
        state,
        configured: now,
        tags,
        ticket: None,
        impaired: None,
        rule,
    };
    let alarm_type = alarm.alarm_type();
    let record = message::configuration_record(&alarm);
    let old = alarms.insert(header.name.clone(), alarm);
    if let Some(ticket) = ticket {
        account.cancel(ticket);
    }
    let (word, kind, key) = if created {
        ("created", "Create", "createdAlarm")
    } else {
        ("updated", "Update", "updatedAlarm")
    };
    let mut data = json!({"version": "1.0", "type": kind, key: record});
    if let Some(old) = old {
        data["originalUpdatedFields"] = changed(&message::configuration_record(&old), &data[key]);
    }
    let summary = format!("Alarm \"{}\" {word}", header.name);
    let who = (header.name.as_str(), alarm_type);
    history::note(account, who, ItemType::ConfigurationUpdate, summary, &data);
    created
}

/// The members of a configuration, as they were, that differ now.
fn changed(before: &Value, after: &Value) -> Value {
    let members = before.as_object().into_iter().flatten();
    let differing = members.filter(|(key, value)| after.get(key.as_str()) != Some(*value));
    Value::Object(differing.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn initial_state(now: Timestamp) -> AlarmState {
    AlarmState {
        value: StateValue::InsufficientData,
        reason: reason::INITIAL.to_owned(),
        reason_data: None,
        updated: now,
        transitioned: now,
    }
}

fn tag_map(tags: Vec<Tag>) -> IndexMap<String, String> {
    tags.into_iter().map(Tag::into_pair).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AlarmNamesInput {
    alarm_names: Vec<String>,
}

/// `DeleteAlarms`: all of them, or none where one does not exist or is still watched by a composite alarm
/// that stays. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>.
pub(super) fn delete_alarms(account: &mut Account, input: AlarmNamesInput) -> Answer {
    let state = &account.services.cloudwatch;
    for name in &input.alarm_names {
        if !state.alarms.contains_key(name) {
            return Err(ServiceError::new("ResourceNotFound", format!("Unknown alarm: {name}")));
        }
    }
    for name in input.alarm_names {
        let Some(alarm) = account.services.cloudwatch.alarms.shift_remove(&name) else { continue };
        if let Some(ticket) = alarm.ticket {
            account.cancel(ticket);
        }
        let record = message::configuration_record(&alarm);
        let data = json!({"version": "1.0", "type": "Delete", "deletedAlarm": record});
        let summary = format!("Alarm \"{name}\" deleted");
        let who = (name.as_str(), alarm.alarm_type());
        history::note(account, who, ItemType::ConfigurationUpdate, summary, &data);
        composite::child_changed(account, &name);
    }
    Ok(json!({}))
}

/// `EnableAlarmActions`.
pub(super) fn enable_alarm_actions(account: &mut Account, input: AlarmNamesInput) -> Answer {
    set_actions_enabled(account, input, true)?;
    Ok(json!({}))
}

/// `DisableAlarmActions`.
pub(super) fn disable_alarm_actions(account: &mut Account, input: AlarmNamesInput) -> Answer {
    set_actions_enabled(account, input, false)?;
    Ok(json!({}))
}

/// Names that do not exist are passed over, as AWS does.
fn set_actions_enabled(
    account: &mut Account,
    input: AlarmNamesInput,
    enabled: bool,
) -> Result<(), ServiceError> {
    if input.alarm_names.len() > MAX_NAMES {
        return Err(validation("AlarmNames may have at most 100 members."));
    }
    let now = account.now();
    for name in input.alarm_names {
        let Some(alarm) = account.services.cloudwatch.alarms.get_mut(&name) else { continue };
        if alarm.actions.enabled == enabled {
            continue;
        }
        let before = message::configuration_record(alarm);
        alarm.actions.enabled = enabled;
        alarm.configured = now;
        let after = message::configuration_record(alarm);
        let data = json!({
            "version": "1.0",
            "type": "Update",
            "originalUpdatedFields": changed(&before, &after),
            "updatedAlarm": after,
        });
        let who = (name.as_str(), alarm.alarm_type());
        let summary = format!("Alarm \"{name}\" updated");
        history::note(account, who, ItemType::ConfigurationUpdate, summary, &data);
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetAlarmStateInput {
    alarm_name: String,
    state_value: StateValue,
    state_reason: String,
    state_reason_data: Option<String>,
}

/// `SetAlarmState`: a real change runs the actions; "metric alarms returns to their actual state quickly",
/// at their next evaluation, and a composite alarm stays until one of its children changes.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.
pub(super) fn set_alarm_state(account: &mut Account, input: SetAlarmStateInput) -> Answer {
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<Value>(data).is_err()
    {
        return Err(ServiceError::new(
            "InvalidFormatFault",
            "StateReasonData was not syntactically valid JSON.",
        ));
    }
    let Some(alarm) = account.services.cloudwatch.alarms.get_mut(&input.alarm_name) else {
        return Err(ServiceError::new("ResourceNotFound", "Alarm not found"));
    };
    if alarm.state.value == input.state_value {
        alarm.state.reason = input.state_reason;
        alarm.state.reason_data = input.state_reason_data;
        return Ok(json!({}));
    }
    let change = Change {
        value: input.state_value,
        reason: input.state_reason,
        reason_data: input.state_reason_data,
    };
    transition(account, &input.alarm_name, change);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

/// `TagResource`, for alarms and mute rules.
pub(super) fn tag_resource(account: &mut Account, input: TagResourceInput) -> Answer {
    tagged(account, &input.resource_arn)?.extend(tag_map(input.tags));
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UntagResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

/// `UntagResource`, for alarms and mute rules.
pub(super) fn untag_resource(account: &mut Account, input: UntagResourceInput) -> Answer {
    let UntagResourceInput { resource_arn, tag_keys } = input;
    tagged(account, &resource_arn)?.retain(|key, _| !tag_keys.contains(key));
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTagsForResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
}

/// `ListTagsForResource`, for alarms and mute rules.
pub(super) fn list_tags_for_resource(
    account: &mut Account,
    input: ListTagsForResourceInput,
) -> Answer {
    let ListTagsForResourceInput { resource_arn } = input;
    let tags = tagged(account, &resource_arn)?;
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"Tags": tags}))
}

fn tagged<'a>(
    account: &'a mut Account,
    arn: &str,
) -> Result<&'a mut IndexMap<String, String>, ServiceError> {
    let state = &mut account.services.cloudwatch;
    let found = if let Some((_, name)) = arn.split_once(":alarm:") {
        state.alarms.get_mut(name).map(|alarm| &mut alarm.tags)
    } else if arn.contains(":alarm-mute-rule:") {
        mute::tags(state, arn)
    } else {
        return Err(ServiceError::unsupported(format_args!("tags of {arn}")));
    };
    found.ok_or_else(|| ServiceError::new("ResourceNotFoundException", format!("Unknown: {arn}")))
}
