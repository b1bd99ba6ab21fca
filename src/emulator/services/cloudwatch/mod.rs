//! The emulated CloudWatch: metrics, alarms and their history.
//!
//! Main type: [`State`]. Invariants: every alarm is evaluated on the documented schedule, each at an instant
//! of its own; every change of a state is in the history, in an event and in the alarm's actions alike.
//! Deliberately absent: anomaly detection, Metrics Insights, log alarms, dashboards, streams; all of them
//! are refused by name.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.

mod actions;
mod alarm;
mod composite;
mod data;
mod describe;
mod evaluate;
mod history;
mod math;
mod message;
mod metric;
mod mute;
mod put;
mod query;
mod reason;
mod rule;
mod statistic;
#[cfg(test)]
mod tests;
mod transition;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};
use crate::emulator::timing::SERVICE_METRIC;
use crate::wakeup::Topic;
pub use alarm::EvaluationState;
use alarm::{Alarm, MetricRule, StateValue};
use evaluate::assess;
pub(crate) use metric::{Measure, MetricKey, Unit};
use metric::{SeriesId, Store};
use query::Slot;
use reason::Reason;
use transition::Change;

/// The state of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    metrics: Store,
    /// By name.
    alarms: IndexMap<String, Alarm>,
    history: history::History,
    /// By name.
    mutes: IndexMap<String, mute::MuteRule>,
    /// What AWS services reported in a minute that has not been published yet, by the minute's end.
    unpublished: BTreeMap<Timestamp, Vec<(SeriesId, String, f64)>>,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A metric alarm is evaluated.
    Evaluate(String),
    /// A composite alarm is evaluated.
    EvaluateComposite(String),
    /// A composite alarm's wait or extension period ends.
    SuppressionEnds(String),
    /// The actions of a transition run.
    Act(Box<actions::Dispatch>),
    /// A window of a mute rule ends.
    MuteEnds(String),
    /// A metric alarm can't be evaluated as it should any more, or can again.
    Impair(String, Option<EvaluationState>),
    /// What AWS services reported in the minute that ended here can be read.
    Publish(Timestamp),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "PutMetricData": data::PutMetricDataInput => data::put_metric_data,
    "GetMetricData": data::GetMetricDataInput => data::get_metric_data,
    "GetMetricStatistics": data::GetMetricStatisticsInput => data::get_metric_statistics,
    "ListMetrics": data::ListMetricsInput => data::list_metrics,
    "PutMetricAlarm": put::PutMetricAlarmInput => put::put_metric_alarm,
    "PutCompositeAlarm": composite::PutCompositeAlarmInput => composite::put_composite_alarm,
    "DescribeAlarms": describe::DescribeAlarmsInput => describe::describe_alarms,
    "DescribeAlarmsForMetric": describe::DescribeAlarmsForMetricInput => describe::describe_alarms_for_metric,
    "DescribeAlarmHistory": history::DescribeAlarmHistoryInput => history::describe_alarm_history,
    "SetAlarmState": put::SetAlarmStateInput => put::set_alarm_state,
    "EnableAlarmActions": put::AlarmNamesInput => put::enable_alarm_actions,
    "DisableAlarmActions": put::AlarmNamesInput => put::disable_alarm_actions,
    "DeleteAlarms": put::AlarmNamesInput => put::delete_alarms,
    "PutAlarmMuteRule": mute::PutAlarmMuteRuleInput => mute::put_alarm_mute_rule,
    "GetAlarmMuteRule": mute::AlarmMuteRuleNameInput => mute::get_alarm_mute_rule,
    "DeleteAlarmMuteRule": mute::AlarmMuteRuleNameInput => mute::delete_alarm_mute_rule,
    "ListAlarmMuteRules": mute::ListAlarmMuteRulesInput => mute::list_alarm_mute_rules,
    "TagResource": put::TagResourceInput => put::tag_resource,
    "UntagResource": put::UntagResourceInput => put::untag_resource,
    "ListTagsForResource": put::ListTagsForResourceInput => put::list_tags_for_resource,
];

/// An account begins without metrics and alarms.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Evaluate(name) => evaluate_metric(account, &name),
        Due::EvaluateComposite(name) => composite::evaluate(account, &name),
        Due::SuppressionEnds(name) => composite::suppression_ends(account, &name),
        Due::Act(dispatch) => actions::act(account, &dispatch),
        Due::MuteEnds(name) => mute::window_ends(account, &name),
        Due::Impair(name, state) => {
            if let Some(alarm) = account.services.cloudwatch.alarms.get_mut(&name) {
                alarm.impaired = state;
                account.touch(Topic::Alarms);
            }
        }
        Due::Publish(minute) => publish(account, minute),
    }
}

/// Lets a metric alarm come into an evaluation state `after` this, for `lasting`.
pub(crate) fn impair(
    account: &mut Account,
    alarm: &str,
    state: EvaluationState,
    after: SignedDuration,
    lasting: SignedDuration,
) {
    account.schedule_in(after, super::Due::CloudWatch(Due::Impair(alarm.to_owned(), Some(state))));
    let ends = Due::Impair(alarm.to_owned(), None);
    account.schedule_in(after + lasting, super::Due::CloudWatch(ends));
}

/// Evaluates a metric alarm and puts its next evaluation onto the agenda.
fn evaluate_metric(account: &mut Account, name: &str) {
    let now = account.now();
    let state = &account.services.cloudwatch;
    let Some(alarm) = state.alarms.get(name) else { return };
    let Some(rule) = alarm.metric() else { return };
    let change = match alarm.impaired {
        Some(impaired) if !impaired.evaluates() => None,
        Some(_) | None => judge(&state.metrics, rule, alarm.state.value, now),
    };
    let next = rule.next_evaluation(now);
    match change {
        Some(change) => transition::transition(account, name, change),
        None => actions::repeat(account, name),
    }
    if account.services.cloudwatch.alarms.contains_key(name) {
        let ticket = account.schedule(next, Due::Evaluate(name.to_owned()));
        account.services.cloudwatch.alarms[name].ticket = Some(ticket);
    }
}

/// The change that the datapoints mean, if they mean one.
fn judge(
    metrics: &Store,
    rule: &MetricRule,
    current: StateValue,
    now: Timestamp,
) -> Option<Change> {
    let (grid, slots) = rule.slots(metrics, now);
    if rule.ignore_low_samples && too_few_samples(rule, &slots) {
        return None;
    }
    let breaching: Vec<Option<bool>> = slots
        .iter()
        .map(|slot| slot.value.map(|value| rule.comparison.breaches(value, rule.threshold)))
        .collect();
    let found = assess(&breaching, rule.evaluation_periods, rule.needed(), rule.missing_data());
    let value = found.state.filter(|value| *value != current)?;
    let reason = Reason { rule, grid, slots: &slots, found: &found, state: value, now };
    Some(Change { value, reason: reason.text(), reason_data: Some(reason.data()) })
}

/// "For percentiles between 0.5 and 1.00, this setting is used when there are fewer than 10/(1-percentile)
/// data points during the evaluation period", below that when there are fewer than 10/percentile.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html>.
fn too_few_samples(rule: &MetricRule, slots: &[Slot]) -> bool {
    let Some(percent) = rule.single().and_then(|stat| stat.statistic.percentile()) else {
        return false;
    };
    let samples: f64 =
        slots.iter().take(rule.evaluation_periods).filter_map(|slot| slot.samples).sum();
    let needed = 1000.0 / if percent >= 50.0 { 100.0 - percent } else { percent };
    samples > 0.0 && samples < needed
}

/// An AWS service publishes one datapoint, stamped now.
///
/// Services send their metrics every minute; the datapoint can be read a little after its minute ended.
pub(crate) fn record(
    account: &mut Account,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
    value: f64,
) {
    let minute = data::whole_minute(account.now()) + SignedDuration::from_secs(60);
    let pairs = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let key = MetricKey::new(namespace, metric, pairs);
    let state = &mut account.services.cloudwatch;
    let series = state.metrics.intern(&key);
    let first = !state.unpublished.contains_key(&minute);
    state.unpublished.entry(minute).or_default().push((series, key.namespace, value));
    if first {
        account.schedule(minute + SERVICE_METRIC, Due::Publish(minute));
    }
}

/// Puts what services reported in a minute into the store.
fn publish(account: &mut Account, minute: Timestamp) {
    let now = account.now();
    let state = &mut account.services.cloudwatch;
    let reported = state.unpublished.remove(&minute).unwrap_or_default();
    let at = minute - SignedDuration::from_secs(60);
    let unit = Unit::parse("Count").expect("a known unit");
    let mut namespaces: Vec<String> = Vec::new();
    for (series, namespace, value) in reported {
        state.metrics.add(series, at, now, unit, Measure::Value { value, count: 1.0 });
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    for namespace in namespaces {
        visible(account, &namespace);
    }
}

/// Says that datapoints of a namespace can be read.
fn visible(account: &mut Account, namespace: &str) {
    account.touch(Topic::Metrics);
    if namespace == "AWS/Events" {
        account.touch(Topic::RuleMetrics);
    }
}

/// Puts a datapoint of any metric into the store, as what publishes it outside of this account would.
pub(crate) fn observe(
    account: &mut Account,
    key: &MetricKey,
    at: Timestamp,
    unit: Unit,
    measure: Measure,
) {
    let now = account.now();
    let metrics = &mut account.services.cloudwatch.metrics;
    let series = metrics.intern(key);
    metrics.add(series, at, now, unit, measure);
    visible(account, &key.namespace);
}

/// The state of an alarm by name or ARN: `OK`, `ALARM` or `INSUFFICIENT_DATA`; nothing if there is none.
pub(crate) fn alarm_state(account: &Account, alarm: &str) -> Option<&'static str> {
    let alarm = account.services.cloudwatch.alarms.get(rule::name_of(alarm))?;
    Some(alarm.state.value.as_str())
}

/// How far back a metric alarm looks: its periods, one after the other. Nothing for a composite alarm.
pub(crate) fn looks_back(account: &Account, alarm: &str) -> Option<SignedDuration> {
    let alarm = account.services.cloudwatch.alarms.get(rule::name_of(alarm))?;
    alarm.metric().map(alarm::MetricRule::looks_back)
}

/// Whether an alarm's actions are enabled; not if there is no such alarm.
pub(crate) fn actions_enabled(account: &Account, alarm: &str) -> bool {
    let alarm = account.services.cloudwatch.alarms.get(rule::name_of(alarm));
    alarm.is_some_and(|alarm| alarm.actions.enabled)
}
