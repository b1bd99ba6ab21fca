//! What alarms tell others: events, SNS messages, Lambda payloads, configuration records.
//!
//! Invariant: keys and their order are AWS's; whoever parses the real messages can parse these.
//! Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html>.

use serde_json::{Map, Value, json};

use super::alarm::{Alarm, AlarmState, MetricRule, Rule, Watched};
use super::composite::CompositeRule;
use super::metric::Unit;
use super::mute::Window;
use super::query::{MetricStat, Queries, Source};
use super::reason::iso;
use crate::emulator::account::Identity;

/// The longest subject that SNS takes.
const MAX_SUBJECT: usize = 100;

/// An alarm's state as events tell it.
fn state(state: &AlarmState, suppressed_by: Option<&str>) -> Value {
    let mut told = Map::new();
    if let Some(suppressed_by) = suppressed_by {
        told.insert("actionsSuppressedBy".to_owned(), json!(suppressed_by));
        let reason = format!("Actions suppressed by {suppressed_by}");
        told.insert("actionsSuppressedReason".to_owned(), json!(reason));
    }
    told.insert("value".to_owned(), json!(state.value.as_str()));
    told.insert("reason".to_owned(), json!(state.reason));
    if let Some(data) = &state.reason_data {
        told.insert("reasonData".to_owned(), json!(data));
    }
    told.insert("timestamp".to_owned(), json!(iso(state.transitioned)));
    Value::Object(told)
}

/// The detail of "CloudWatch Alarm State Change".
pub(super) fn event_detail(alarm: &Alarm, previous: &AlarmState, muted: Option<&Window>) -> Value {
    let suppressed_by = alarm.composite().and_then(CompositeRule::suppressed_by);
    let mut detail = json!({
        "alarmName": alarm.name,
        "state": state(&alarm.state, suppressed_by),
        "previousState": state(previous, None),
        "configuration": configuration(alarm),
    });
    if let Some(muted) = muted {
        detail["muteDetail"] = muted.detail();
    }
    detail
}

/// The payload of a Lambda action.
pub(super) fn lambda_payload(identity: &Identity, alarm: &Alarm, previous: &AlarmState) -> Value {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": identity.account,
        "time": iso(alarm.state.transitioned),
        "region": identity.region,
        "alarmData": event_detail(alarm, previous, None),
    })
}

/// The alarm's configuration as events and Lambda payloads tell it.
fn configuration(alarm: &Alarm) -> Value {
    let mut told = Map::new();
    if let Some(description) = &alarm.description {
        told.insert("description".to_owned(), json!(description));
    }
    match &alarm.rule {
        Rule::Metric(rule) => {
            told.insert("metrics".to_owned(), event_metrics(rule));
        }
        Rule::Composite(rule) => {
            told.insert("alarmRule".to_owned(), json!(rule.text));
            if let Some(suppressor) = &rule.suppressor {
                told.insert("actionsSuppressor".to_owned(), json!(suppressor.given));
                told.insert("actionsSuppressorWaitPeriod".to_owned(), json!(suppressor.wait));
                told.insert(
                    "actionsSuppressorExtensionPeriod".to_owned(),
                    json!(suppressor.extension),
                );
            }
        }
    }
    Value::Object(told)
}

fn event_metrics(rule: &MetricRule) -> Value {
    match &rule.watched {
        Watched::Metric { id, stat } => {
            json!([{"id": id, "metricStat": event_stat(stat), "returnData": true}])
        }
        Watched::Math(queries) => queries
            .iter()
            .map(|query| {
                let mut told = Map::new();
                told.insert("id".to_owned(), json!(query.id));
                match &query.source {
                    Source::Metric(stat) => {
                        told.insert("metricStat".to_owned(), event_stat(stat));
                    }
                    Source::Expression { text, period, .. } => {
                        told.insert("expression".to_owned(), json!(text));
                        if let Some(period) = period {
                            told.insert("period".to_owned(), json!(period));
                        }
                    }
                }
                if let Some(label) = &query.label {
                    told.insert("label".to_owned(), json!(label));
                }
                told.insert("returnData".to_owned(), json!(query.return_data));
                Value::Object(told)
            })
            .collect(),
    }
}

fn event_stat(stat: &MetricStat) -> Value {
    let dimensions: Map<String, Value> =
        stat.key.dimensions.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut told = json!({
        "metric": {
            "namespace": stat.key.namespace,
            "name": stat.key.name,
            "dimensions": dimensions,
        },
        "period": stat.period,
        "stat": stat.stat,
    });
    if let Some(unit) = stat.unit {
        told["unit"] = json!(unit.as_str());
    }
    told
}

/// The subject of an SNS message: `ALARM: "name" in EU (Ireland)`, cut to what SNS takes.
pub(super) fn subject(identity: &Identity, alarm: &Alarm) -> String {
    let region = region_name(&identity.region);
    let subject = format!("{}: \"{}\" in {region}", alarm.state.value.as_str(), alarm.name);
    if subject.chars().count() <= MAX_SUBJECT {
        return subject;
    }
    let cut: String = subject.chars().take(MAX_SUBJECT - 3).collect();
    format!("{cut}...")
}

/// The body of an SNS message.
pub(super) fn sns_message(identity: &Identity, alarm: &Alarm, previous: &AlarmState) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Value| told.insert(key.to_owned(), value);
    put("AlarmName", json!(alarm.name));
    put("AlarmDescription", json!(alarm.description));
    put("AWSAccountId", json!(identity.account));
    put("AlarmConfigurationUpdatedTimestamp", json!(iso(alarm.configured)));
    put("NewStateValue", json!(alarm.state.value.as_str()));
    put("NewStateReason", json!(alarm.state.reason));
    put("StateChangeTime", json!(iso(alarm.state.transitioned)));
    put("Region", json!(region_name(&identity.region)));
    put("AlarmArn", json!(alarm.arn));
    put("OldStateValue", json!(previous.value.as_str()));
    put("OKActions", json!(alarm.actions.ok));
    put("AlarmActions", json!(alarm.actions.alarm));
    put("InsufficientDataActions", json!(alarm.actions.insufficient_data));
    match &alarm.rule {
        Rule::Metric(rule) => {
            put("Trigger", trigger(rule));
        }
        Rule::Composite(rule) => {
            put("AlarmRule", json!(rule.text));
            let data = alarm.state.reason_data.as_deref().unwrap_or("{}");
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            put("TriggeringChildren", triggering_children(&data));
        }
    }
    Value::Object(told)
}

/// The children as composite messages list them: `Arn` and `State` with `Value` and `Timestamp`.
fn triggering_children(data: &Value) -> Value {
    let alarms = data.get("triggeringAlarms").and_then(Value::as_array);
    let child = |child: &Value| {
        json!({
            "Arn": child["arn"],
            "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]},
        })
    };
    alarms.map_or_else(|| json!([]), |alarms| alarms.iter().map(child).collect())
}

fn trigger(rule: &MetricRule) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Value| told.insert(key.to_owned(), value);
    match &rule.watched {
        Watched::Metric { stat, .. } => {
            put("MetricName", json!(stat.key.name));
            put("Namespace", json!(stat.key.namespace));
            if stat.statistic.needs_values() {
                put("StatisticType", json!("ExtendedStatistic"));
                put("ExtendedStatistic", json!(stat.stat));
            } else {
                put("StatisticType", json!("Statistic"));
                put("Statistic", json!(statistic_name(&stat.stat)));
            }
            put("Unit", json!(stat.unit.map(Unit::as_str)));
            put("Dimensions", lower_dimensions(stat));
            put("Period", json!(rule.period));
        }
        Watched::Math(_) => {
            put("Period", json!(rule.period));
        }
    }
    put("EvaluationPeriods", json!(rule.evaluation_periods));
    if let Some(m) = rule.datapoints_to_alarm {
        put("DatapointsToAlarm", json!(m));
    }
    put("ComparisonOperator", json!(rule.comparison.as_str()));
    put("Threshold", json!(rule.threshold));
    put("TreatMissingData", json!(rule.missing_data().as_str()));
    put("EvaluateLowSampleCountPercentile", json!(rule.low_samples.as_deref().unwrap_or("")));
    if let Watched::Math(queries) = &rule.watched {
        put("Metrics", trigger_metrics(queries));
    }
    Value::Object(told)
}

/// `SampleCount` is `SAMPLE_COUNT` in these messages.
fn statistic_name(stat: &str) -> String {
    if stat == "SampleCount" { "SAMPLE_COUNT".to_owned() } else { stat.to_ascii_uppercase() }
}

fn lower_dimensions(stat: &MetricStat) -> Value {
    let pair = |(name, value): &(String, String)| json!({"value": value, "name": name});
    stat.key.dimensions.iter().map(pair).collect()
}

fn trigger_metrics(queries: &Queries) -> Value {
    queries
        .iter()
        .map(|query| {
            let mut told = Map::new();
            match &query.source {
                Source::Metric(stat) => {
                    told.insert("Id".to_owned(), json!(query.id));
                    told.insert(
                        "MetricStat".to_owned(),
                        json!({
                            "Metric": {
                                "Dimensions": lower_dimensions(stat),
                                "MetricName": stat.key.name,
                                "Namespace": stat.key.namespace,
                            },
                            "Period": stat.period,
                            "Stat": stat.stat,
                        }),
                    );
                }
                Source::Expression { text, .. } => {
                    told.insert("Expression".to_owned(), json!(text));
                    told.insert("Id".to_owned(), json!(query.id));
                }
            }
            if let Some(label) = &query.label {
                told.insert("Label".to_owned(), json!(label));
            }
            told.insert("ReturnData".to_owned(), json!(query.return_data));
            Value::Object(told)
        })
        .collect()
}

/// The region's name as alarm messages print it; the code itself where we do not know the name.
/// <https://docs.aws.amazon.com/general/latest/gr/cw_region.html>.
fn region_name(region: &str) -> &str {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "ca-central-1" => "Canada (Central)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-north-1" => "EU (Stockholm)",
        "eu-south-1" => "EU (Milan)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "ap-northeast-2" => "Asia Pacific (Seoul)",
        "ap-northeast-3" => "Asia Pacific (Osaka)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "sa-east-1" => "South America (Sao Paulo)",
        other => other,
    }
}

/// An alarm's configuration as the history's `createdAlarm` and `updatedAlarm` tell it.
pub(super) fn configuration_record(alarm: &Alarm) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Value| told.insert(key.to_owned(), value);
    put("alarmName", json!(alarm.name));
    if let Some(description) = &alarm.description {
        put("alarmDescription", json!(description));
    }
    put("alarmArn", json!(alarm.arn));
    put("alarmConfigurationUpdatedTimestamp", json!(iso(alarm.configured)));
    match &alarm.rule {
        Rule::Metric(rule) => {
            match &rule.watched {
                Watched::Metric { stat, .. } => {
                    put("namespace", json!(stat.key.namespace));
                    put("metricName", json!(stat.key.name));
                    put("statistic", json!(stat.stat));
                    put("period", json!(rule.period));
                    put("dimensions", lower_dimensions(stat));
                }
                Watched::Math(_) => {
                    put("metrics", event_metrics(rule));
                }
            }
            put("threshold", json!(rule.threshold));
            put("comparisonOperator", json!(rule.comparison.as_str()));
            put("evaluationPeriods", json!(rule.evaluation_periods));
            if let Some(m) = rule.datapoints_to_alarm {
                put("datapointsToAlarm", json!(m));
            }
            if let Some(missing) = rule.treat_missing_data {
                put("treatMissingData", json!(missing.as_str()));
            }
        }
        Rule::Composite(rule) => {
            put("alarmRule", json!(rule.text));
            if let Some(suppressor) = &rule.suppressor {
                put("actionsSuppressor", json!(suppressor.given));
                put("actionsSuppressorWaitPeriod", json!(suppressor.wait));
                put("actionsSuppressorExtensionPeriod", json!(suppressor.extension));
            }
        }
    }
    put("stateValue", json!(alarm.state.value.as_str()));
    put("stateUpdatedTimestamp", json!(iso(alarm.state.updated)));
    put("actionsEnabled", json!(alarm.actions.enabled));
    put("alarmActions", json!(alarm.actions.alarm));
    put("insufficientDataActions", json!(alarm.actions.insufficient_data));
    put("okactions", json!(alarm.actions.ok));
    Value::Object(told)
}
