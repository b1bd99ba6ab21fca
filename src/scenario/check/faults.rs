//! Rules about faults: one kind each, and nothing that AWS would refuse.

use serde_json::Value;

use super::whole::{not_too_long, positive};
use super::{Check, events, findings, machines, messages, outside};
use crate::scenario::FAULTS;
use crate::scenario::rules::code;
use crate::scenario::suggest::{hint_for, list, one_of, shortened};
use crate::scenario::types::{EventEntry, Fault, FisFault, PutEventsFault, PutMetricDataFault};

/// The largest entry of `PutEvents`, in bytes:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>. The guide speaks of a
/// megabyte for newer accounts; the model of the API says 256 KB, which always holds.
const MAX_ENTRY: usize = 256 * 1024;

/// The dimensions that a datapoint may have:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
const MAX_DIMENSIONS: usize = 30;

/// The units of CloudWatch, from the same page.
const UNITS: &[&str] = &[
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
    "None",
];

/// The keys of `CreateExperimentTemplate`.
const TEMPLATE_KEYS: &[&str] = &[
    "description",
    "stopConditions",
    "targets",
    "actions",
    "roleArn",
    "tags",
    "logConfiguration",
    "experimentOptions",
    "experimentReportConfiguration",
    "clientToken",
];

pub(super) fn check(check: &mut Check<'_>) {
    for (index, fault) in check.scenario().faults.iter().enumerate() {
        let path = format!("faults/{index}");
        check.turn_to(fault.target.as_deref());
        one(check, fault, &path);
    }
}

fn one(check: &mut Check<'_>, fault: &Fault, path: &str) {
    let kinds: Vec<&str> = [
        ("fis", fault.fis.is_some()),
        ("put_events", fault.put_events.is_some()),
        ("set_alarm_state", fault.set_alarm_state.is_some()),
        ("put_metric_data", fault.put_metric_data.is_some()),
        ("ssm_automation", fault.ssm_automation.is_some()),
        ("ssm_command", fault.ssm_command.is_some()),
        ("start_execution", fault.start_execution.is_some()),
        ("invoke", fault.invoke.is_some()),
        ("disable_rule", fault.disable_rule.is_some()),
        ("publish", fault.publish.is_some()),
        ("send_message", fault.send_message.is_some()),
        ("guardduty_sample_findings", fault.guardduty_sample_findings.is_some()),
        ("securityhub_findings", fault.securityhub_findings.is_some()),
        ("config_evaluation", fault.config_evaluation.is_some()),
        ("log_line", fault.log_line.is_some()),
        ("start_replay", fault.start_replay.is_some()),
        ("http", fault.http.is_some()),
        ("command", fault.command.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, present)| present.then_some(name))
    .collect();
    if kinds.is_empty() {
        let hint = format!("add {}", one_of(FAULTS));
        check.error(code::NOT_ONE_KIND, path, "the fault does nothing".to_owned(), hint);
    } else if kinds.len() > 1 {
        let message = format!("the fault has {} kinds: {}", kinds.len(), list(&kinds));
        let hint = "make them faults of their own; `at` and `after` order them".to_owned();
        check.error_at_key(code::NOT_ONE_KIND, &format!("{path}/{}", kinds[1]), message, hint);
    }
    not_too_long(check, &format!("{path}/at"), fault.at);
    if let Some(fis) = &fault.fis {
        fis_fault(check, fis, &format!("{path}/fis"));
    }
    if let Some(put) = &fault.put_events {
        put_events(check, put, &format!("{path}/put_events"));
    }
    if let Some(put) = &fault.put_metric_data {
        put_metric_data(check, put, &format!("{path}/put_metric_data"));
    }
    machines::check(check, fault, path);
    messages::fault(check, fault, path);
    if let Some(samples) = &fault.guardduty_sample_findings {
        findings::samples(check, samples, &format!("{path}/guardduty_sample_findings"));
    }
    if let Some(import) = &fault.securityhub_findings {
        findings::import(check, import, &format!("{path}/securityhub_findings"));
    }
    outside::fault(check, fault, path);
}

fn fis_fault(check: &mut Check<'_>, fis: &FisFault, path: &str) {
    match (&fis.template, &fis.inline) {
        (None, None) | (Some(_), Some(_)) => {
            let message = "a FIS fault has either `template` or `inline`".to_owned();
            let hint =
                "`template` names one that exists, `inline` is created for the run".to_owned();
            check.error(code::NOT_ONE_KIND, path, message, hint);
        }
        (None, Some(inline)) => {
            inline_template(check, inline, &format!("{path}/inline"));
            if !stops(inline) {
                no_stop_condition(check, path, "the inline template names no alarm either");
                unwatched_stop(check, inline, &format!("{path}/inline"));
            }
        }
        (Some(wanted), None) => {
            let known = check.inventory.and_then(|inventory| inventory.template(wanted));
            match known {
                Some(template) if template.has_stop_condition => {}
                Some(_) => no_stop_condition(check, path, "the template has none either"),
                None => no_stop_condition(check, path, "the template can't be seen from here"),
            }
        }
    }
}

fn no_stop_condition(check: &mut Check<'_>, path: &str, why: &str) {
    if check.scenario().stop_conditions.is_empty() {
        let message = format!("nothing stops this experiment early, and {why}");
        let hint = "add `stop_conditions: [{alarm: …}]` to the scenario".to_owned();
        check.warning(code::NO_STOP_CONDITION, path, message, hint);
    }
}

/// Warns that FIS itself watches none of the scenario's stop conditions. The template is the user's own text, and
/// its role needs a permission for that, so that nothing is added silently.
fn unwatched_stop(check: &mut Check<'_>, template: &Value, path: &str) {
    let stops: Vec<&str> =
        check.scenario().stop_conditions.iter().map(|stop| stop.alarm.as_str()).collect();
    if stops.is_empty() || !template["stopConditions"].is_array() {
        return;
    }
    let lines = stops.iter().map(|alarm| {
        format!("{{source: \"aws:cloudwatch:alarm\", value: \"arn:aws:cloudwatch:REGION:ACCOUNT:alarm:{alarm}\"}}")
    });
    let hint = format!(
        "write stopConditions: [{}], and allow the experiment's role cloudwatch:DescribeAlarms",
        lines.collect::<Vec<_>>().join(", ")
    );
    let message = format!(
        "only firedrill stops this experiment on {}: FIS itself watches no alarm",
        stops.join(", ")
    );
    check.warning(code::UNWATCHED_STOP, &format!("{path}/stopConditions"), message, hint);
}

/// Whether an inline template names an alarm that stops it.
fn stops(template: &Value) -> bool {
    let conditions = template["stopConditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["source"] == "aws:cloudwatch:alarm"))
}

fn inline_template(check: &mut Check<'_>, template: &Value, path: &str) {
    let Some(body) = template.as_object() else {
        let message = "the inline template is not a mapping".to_owned();
        let hint = format!("its keys are {}", list(&TEMPLATE_KEYS[..5]));
        check.error(code::BAD_TEMPLATE, path, message, hint);
        return;
    };
    for key in body.keys().filter(|key| !TEMPLATE_KEYS.contains(&key.as_str())) {
        let message = format!("`{}` is no key of CreateExperimentTemplate", shortened(key));
        let hint = hint_for(key, TEMPLATE_KEYS.iter().copied());
        check.error_at_key(code::BAD_TEMPLATE, &format!("{path}/{key}"), message, hint);
    }
    for key in ["description", "roleArn", "actions"] {
        if !body.contains_key(key) {
            let message = format!("the inline template has no `{key}`");
            let hint = "CreateExperimentTemplate needs it".to_owned();
            check.error(code::BAD_TEMPLATE, path, message, hint);
        }
    }
    if body.get("tags").is_some_and(|tags| !tags.is_object()) {
        let message = "`tags` of the inline template are names and values".to_owned();
        check.error(code::BAD_TEMPLATE, &format!("{path}/tags"), message, None);
    }
    if let Some(actions) = body.get("actions") {
        actions_of(check, actions, &body["actions"], body.get("targets"), path);
    }
}

fn actions_of(
    check: &mut Check<'_>,
    actions: &Value,
    all: &Value,
    targets: Option<&Value>,
    path: &str,
) {
    let Some(actions) = actions.as_object().filter(|actions| !actions.is_empty()) else {
        let message = "`actions` must name at least one action".to_owned();
        let hint = "such as `stop: {actionId: aws:ec2:stop-instances, targets: {Instances: web}}`";
        check.error(code::BAD_TEMPLATE, &format!("{path}/actions"), message, hint.to_owned());
        return;
    };
    let named = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_object).into_iter().flat_map(|o| o.keys().cloned()).collect()
    };
    let (target_names, action_names) = (named(targets), named(Some(all)));
    for (name, action) in actions {
        let place = format!("{path}/actions/{name}");
        if !action["actionId"].as_str().is_some_and(|id| id.starts_with("aws:")) {
            let message = format!("the action `{name}` has no `actionId`");
            let hint = "such as `actionId: aws:ec2:stop-instances`".to_owned();
            check.error(code::BAD_TEMPLATE, &place, message, hint);
        }
        for (kind, target) in action["targets"].as_object().into_iter().flatten() {
            let Some(target) = target.as_str() else { continue };
            if !target_names.iter().any(|known| known == target) {
                let message =
                    format!("the action `{name}` names the target `{target}`, which is not there");
                let hint = hint_for(target, target_names.iter().map(String::as_str));
                check.error(code::BAD_TEMPLATE, &format!("{place}/targets/{kind}"), message, hint);
            }
        }
        for (index, before) in action["startAfter"].as_array().into_iter().flatten().enumerate() {
            let Some(before) = before.as_str() else { continue };
            if !action_names.iter().any(|known| known == before) {
                let message =
                    format!("the action `{name}` starts after `{before}`, which is not there");
                let hint = hint_for(before, action_names.iter().map(String::as_str));
                check.error(
                    code::BAD_TEMPLATE,
                    &format!("{place}/startAfter/{index}"),
                    message,
                    hint,
                );
            }
        }
    }
}

fn put_events(check: &mut Check<'_>, put: &PutEventsFault, path: &str) {
    if put.entries.is_empty() {
        let hint = "add at least one: `- {source: my.app, detail-type: Order Failed, detail: {}}`";
        let message = "there are no events to put".to_owned();
        check.error(code::EMPTY_ENTRIES, &format!("{path}/entries"), message, hint.to_owned());
    }
    for (index, entry) in put.entries.iter().enumerate() {
        let place = format!("{path}/entries/{index}");
        entry_rules(check, entry, &place);
    }
}

fn entry_rules(check: &mut Check<'_>, entry: &EventEntry, place: &str) {
    if entry.source.starts_with("aws.") {
        let message = format!("EventBridge refuses the source `{}`", shortened(&entry.source));
        let hint = format!(
            "only AWS may use `aws.*`: use `set_alarm_state` so that AWS sends the event itself, or give the \
             rule a second source for drills, such as [\"{0}\", \"drill.{1}\"]",
            entry.source,
            entry.source.trim_start_matches("aws.")
        );
        check.error(code::AWS_SOURCE, &format!("{place}/source"), message, hint);
    }
    if !entry.detail.is_object() && !entry.detail.is_null() {
        let message = "the detail of an event is a mapping".to_owned();
        let hint = "such as `detail: {orderId: \"17\"}`".to_owned();
        check.error(code::BAD_DETAIL, &format!("{place}/detail"), message, hint);
    }
    let size = events::size(entry);
    if size > MAX_ENTRY {
        let message = format!("the event has {size} bytes; PutEvents takes {MAX_ENTRY}");
        let hint = "put the bulk into S3 and refer to it".to_owned();
        check.error(code::EVENT_TOO_LARGE, place, message, hint);
    }
}

fn put_metric_data(check: &mut Check<'_>, put: &PutMetricDataFault, path: &str) {
    let at = |key: &str| format!("{path}/{key}");
    if put.namespace.starts_with("AWS/") {
        let message = format!("CloudWatch refuses the namespace `{}`", shortened(&put.namespace));
        let hint = "`AWS/…` belongs to AWS services: use the application's own namespace, or FIS"
            .to_owned();
        check.error(code::AWS_NAMESPACE, &at("namespace"), message, hint);
    }
    if !put.value.is_finite() {
        let message = "a datapoint is a finite number".to_owned();
        check.error(code::BAD_METRIC, &at("value"), message, None);
    }
    if let Some(unit) = put.unit.as_ref().filter(|unit| !UNITS.contains(&unit.as_str())) {
        let message = format!("`{}` is not a unit of CloudWatch", shortened(unit));
        check.error(code::BAD_METRIC, &at("unit"), message, hint_for(unit, UNITS.iter().copied()));
    }
    if put.dimensions.len() > MAX_DIMENSIONS || put.dimensions.values().any(String::is_empty) {
        let message =
            format!("a metric has at most {MAX_DIMENSIONS} dimensions, each with a value");
        check.error(code::BAD_METRIC, &at("dimensions"), message, None);
    }
    if put.every.is_some_and(|every| every.0 < std::time::Duration::from_secs(1)) {
        let message = "datapoints are at least a second apart".to_owned();
        check.error(code::BAD_METRIC, &at("every"), message, "write `1s` or more".to_owned());
    }
    not_too_long(check, &at("every"), put.every);
    positive(check, &at("duration"), put.duration);
}
