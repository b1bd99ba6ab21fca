//! Alarms of both types as they are now, asked for in batches.
//!
//! Main function: [`describe`]. `AlarmTypes` of DescribeAlarms defaults to metric alarms alone, so both are
//! asked for. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::types::{AlarmMuteRuleStatus, AlarmType, HistoryItemType, ScanBy};
use jiff::Timestamp;
use serde_json::Value;

use super::shared::Shared;
use super::{Aws, CallError, timestamp};

/// The most names that one DescribeAlarms takes.
const BATCH: usize = 100;

/// An alarm as DescribeAlarms shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) actions_enabled: bool,
    /// How many actions it has for ALARM.
    pub(crate) actions: usize,
    /// When `state` was entered; where AWS does not say, when it was last evaluated to it.
    pub(crate) since: Option<Timestamp>,
    /// Whether `since` is the moment of the transition itself.
    pub(crate) entered: bool,
    /// CloudWatch says that it can't evaluate the alarm fully.
    pub(crate) impaired: Option<String>,
}

/// The mute rules that keep an alarm from acting right now, by name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListAlarmMuteRules.html>.
pub(crate) async fn active_mutes(aws: &Aws, alarm: &str) -> Result<Vec<String>, CallError> {
    let mut pages = aws
        .cloudwatch
        .list_alarm_mute_rules()
        .alarm_name(alarm)
        .statuses(AlarmMuteRuleStatus::Active)
        .into_paginator()
        .send();
    let mut rules = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("cloudwatch:ListAlarmMuteRules", &error))?;
        let found = page.alarm_mute_rule_summaries.unwrap_or_default();
        let arns = found.into_iter().filter_map(|rule| rule.alarm_mute_rule_arn);
        rules.extend(arns.map(|arn| arn.rsplit(':').next().unwrap_or(&arn).to_owned()));
    }
    Ok(rules)
}

/// Reads what both types of alarm show; the SDK gives them the same accessors and no common trait.
macro_rules! snapshot {
    ($alarm:expr) => {
        Snapshot {
            name: $alarm.alarm_name().unwrap_or_default().to_owned(),
            state: $alarm.state_value().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            reason: $alarm.state_reason().unwrap_or_default().to_owned(),
            actions_enabled: $alarm.actions_enabled().unwrap_or(true),
            actions: $alarm.alarm_actions().len(),
            since: $alarm
                .state_transitioned_timestamp()
                .or($alarm.state_updated_timestamp())
                .and_then(timestamp),
            entered: $alarm.state_transitioned_timestamp().is_some(),
            impaired: None,
        }
    };
}

/// The reader that everybody shares who looks at alarms.
pub(super) type Reader = Shared<Vec<String>, Arc<Described>>;

/// What one round of calls said about all the alarms that were asked for.
#[derive(Debug, Default)]
pub(super) struct Described {
    found: BTreeMap<String, Snapshot>,
    /// Names whose call failed.
    failed: BTreeMap<String, CallError>,
}

/// Asks for alarms of both types by name, together with whoever else asks at this moment.
pub(crate) async fn describe(aws: &Aws, names: &[String]) -> Result<Vec<Snapshot>, CallError> {
    let reader = aws.readers.alarms.clone();
    let client = aws.cloudwatch.clone();
    let moment = aws.readers.moment;
    let described = reader
        .ask(names.to_vec(), moment, move |asks| async move {
            let names: BTreeSet<String> = asks.into_iter().flatten().collect();
            Arc::new(describe_all(&client, names).await)
        })
        .await;
    let mut found = Vec::new();
    for name in names {
        if let Some(error) = described.failed.get(name) {
            return Err(error.clone());
        }
        found.extend(described.found.get(name).cloned());
    }
    Ok(found)
}

async fn describe_all(client: &aws_sdk_cloudwatch::Client, names: BTreeSet<String>) -> Described {
    let names: Vec<String> = names.into_iter().collect();
    let mut described = Described::default();
    for batch in names.chunks(BATCH) {
        match describe_batch(client, batch).await {
            Ok(found) => {
                let alarms = found.into_iter().map(|alarm| (alarm.name.clone(), alarm));
                described.found.extend(alarms);
            }
            Err(error) => {
                let failed = batch.iter().map(|name| (name.clone(), error.clone()));
                described.failed.extend(failed);
            }
        }
    }
    described
}

async fn describe_batch(
    client: &aws_sdk_cloudwatch::Client,
    names: &[String],
) -> Result<Vec<Snapshot>, CallError> {
    let answer = listing(client)
        .set_alarm_names(Some(names.to_vec()))
        .send()
        .await
        .map_err(|error| CallError::of("cloudwatch:DescribeAlarms", &error))?;
    let metric = answer.metric_alarms().iter().map(|alarm| {
        let impaired = alarm.evaluation_state().map(|state| state.as_str().to_owned());
        Snapshot { impaired, ..snapshot!(alarm) }
    });
    let composite = answer.composite_alarms().iter().map(|alarm| snapshot!(alarm));
    Ok(metric.chain(composite).collect())
}

/// A list of alarms of both types, a hundred on a page.
fn listing(client: &aws_sdk_cloudwatch::Client) -> DescribeAlarmsFluentBuilder {
    client
        .describe_alarms()
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .max_records(100)
}

/// Every alarm of both types in the account.
pub(crate) async fn all(aws: &Aws) -> Result<Vec<Snapshot>, CallError> {
    let mut pages = listing(&aws.cloudwatch).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("cloudwatch:DescribeAlarms", &error))?;
        found.extend(page.metric_alarms().iter().map(|alarm| snapshot!(alarm)));
        found.extend(page.composite_alarms().iter().map(|alarm| snapshot!(alarm)));
    }
    Ok(found)
}

/// The state that an alarm had before the latest change with this reason, as its history has it, and before
/// those in a row before it whose reason names the same drill.
pub(crate) async fn state_before(
    aws: &Aws,
    alarm: &str,
    reason: &str,
    run_id: &str,
) -> Result<Option<String>, CallError> {
    let history = aws
        .cloudwatch
        .describe_alarm_history()
        .alarm_name(alarm)
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .history_item_type(HistoryItemType::StateUpdate)
        .scan_by(ScanBy::TimestampDescending)
        .max_records(100)
        .send()
        .await
        .map_err(|error| CallError::of("cloudwatch:DescribeAlarmHistory", &error))?;
    let changes = history.alarm_history_items().iter().filter_map(|item| item.history_data());
    let changes = changes.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let latest = changes.skip_while(|data| data["newState"]["stateReason"] != reason);
    let is_ours = |data: &Value| {
        data["newState"]["stateReason"].as_str().is_some_and(|reason| reason.contains(run_id))
    };
    let first = latest.take_while(is_ours).last();
    Ok(first.and_then(|data| data["oldState"]["stateValue"].as_str().map(str::to_owned)))
}

/// The names of the account's first alarms, for a guess at what was meant; none where they can't be had.
pub(crate) async fn names(aws: &Aws) -> Vec<String> {
    let Ok(answer) = listing(&aws.cloudwatch).send().await else { return Vec::new() };
    let metric = answer.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name());
    let composite = answer.composite_alarms().iter().filter_map(|alarm| alarm.alarm_name());
    metric.chain(composite).map(str::to_owned).collect()
}
