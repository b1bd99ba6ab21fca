//! Rules against the environment: resources that are not there, and alarms that can't fire in time.
//!
//! Without an inventory nothing here speaks. A resource that is missing is an error; a resource that is
//! there but won't act (a disabled rule, a long period) is a warning, since showing exactly that may be
//! what the drill is for.

use std::time::Duration;

use super::Check;
use super::expectations::{Placed, all};
use crate::scenario::inventory::{Evaluation, Inventory, short_name};
use crate::scenario::rules::code;
use crate::scenario::suggest::{hint_for, shortened};
use crate::scenario::types::{DisableRuleFault, Fault, Kinds, RuleExpectation, StateValue};

/// How often CloudWatch evaluates an alarm whose period is a minute or longer, and a shorter one:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.
const EVALUATION_INTERVAL: Duration = Duration::from_mins(1);
const EVALUATION_INTERVAL_SHORT: Duration = Duration::from_secs(10);

pub(super) fn check(check: &mut Check<'_>) {
    faults(check);
    safety(check);
    for placed in all(check.scenario()) {
        if let Some(inventory) = check.turn_to(placed.one.target.as_deref()) {
            expectation(check, inventory, &placed);
        }
    }
    check.turn_to(None);
}

/// Reports a resource that the environment does not have.
pub(super) fn known<'a>(
    check: &mut Check<'_>,
    what: &str,
    wanted: &str,
    path: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> bool {
    let name = short_name(wanted);
    if names.clone().any(|known| known == name) {
        return true;
    }
    let environment = check.inventory.map_or("", |inventory| inventory.name.as_str());
    // "rule `x` on the bus `y`" reads better than "rule on the bus `y` `x`".
    let (kind, place) = what.find(" on ").map_or((what, ""), |at| what.split_at(at));
    let message = format!("the environment has no {kind} `{}`{place}", shortened(wanted));
    let hint = hint_for(name, names)
        .unwrap_or_else(|| format!("nothing in `{environment}` makes {}", any(what)));
    check.error(code::UNKNOWN_RESOURCE, path, message, hint);
    false
}

/// "an alarm", "a rule".
fn any(what: &str) -> String {
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {what}")
}

fn alarm_names(inventory: &Inventory) -> impl Iterator<Item = &str> + Clone {
    inventory.alarms.keys().map(String::as_str)
}

fn faults(check: &mut Check<'_>) {
    for (index, fault) in check.scenario().faults.iter().enumerate() {
        let Some(inventory) = check.turn_to(fault.target.as_deref()) else { continue };
        let path = format!("faults/{index}");
        if let Some(wanted) = fault.fis.as_ref().and_then(|fis| fis.template.as_ref())
            && inventory.template(wanted).is_none()
        {
            let names = inventory.templates.iter().filter_map(|template| template.name.as_deref());
            known(check, "experiment template", wanted, &format!("{path}/fis/template"), names);
        }
        if let Some(set) = &fault.set_alarm_state {
            let at = format!("{path}/set_alarm_state/alarm");
            known(check, "alarm", &set.alarm, &at, alarm_names(inventory));
        }
        if let Some(put) = &fault.put_events {
            let names = inventory.buses.iter().map(String::as_str);
            known(check, "event bus", &put.bus, &format!("{path}/put_events/bus"), names);
        }
        started(check, inventory, fault, &path);
        messages(check, inventory, fault, &path);
    }
}

/// What a fault starts or runs.
fn started(check: &mut Check<'_>, inventory: &Inventory, fault: &Fault, path: &str) {
    if let Some(start) = &fault.ssm_automation {
        let at = format!("{path}/ssm_automation/document");
        document(check, inventory, &start.document, &at);
    }
    if let Some(send) = &fault.ssm_command
        && !short_name(&send.document).starts_with("AWS-")
    {
        document(check, inventory, &send.document, &format!("{path}/ssm_command/document"));
    }
    if let Some(start) = &fault.start_execution {
        let names = inventory.state_machines.iter().map(String::as_str);
        let at = format!("{path}/start_execution/state_machine");
        known(check, "state machine", &start.state_machine, &at, names);
    }
    if let Some(invoke) = &fault.invoke {
        let names = inventory.functions.iter().map(String::as_str);
        known(check, "function", &invoke.function, &format!("{path}/invoke/function"), names);
    }
}

/// What faults over messages name.
fn messages(check: &mut Check<'_>, inventory: &Inventory, fault: &Fault, path: &str) {
    if let Some(wanted) = &fault.disable_rule {
        let at = format!("{path}/disable_rule");
        let buses = inventory.buses.iter().map(String::as_str);
        if known(check, "event bus", &wanted.bus, &format!("{at}/bus"), buses) {
            to_disable(check, inventory, wanted, &format!("{at}/name"));
        }
    }
    if let Some(publish) = &fault.publish {
        let names = inventory.topics.iter().map(String::as_str);
        known(check, "topic", &publish.topic, &format!("{path}/publish/topic"), names);
    }
    if let Some(send) = &fault.send_message {
        let names = inventory.queues.iter().map(String::as_str);
        known(check, "queue", &send.queue, &format!("{path}/send_message/queue"), names);
    }
    if let Some(line) = &fault.log_line {
        let names = inventory.log_groups.iter().map(String::as_str);
        known(check, "log group", &line.group, &format!("{path}/log_line/group"), names);
    }
}

fn to_disable(check: &mut Check<'_>, inventory: &Inventory, wanted: &DisableRuleFault, path: &str) {
    match inventory.rule(&wanted.name, &wanted.bus) {
        Some(rule) if rule.enabled => {}
        Some(_) => {
            let message = format!("the rule `{}` is disabled already", shortened(&wanted.name));
            let hint = "disabling it again would do nothing, and the drill refuses it".to_owned();
            check.warning(code::RULE_DISABLED, path, message, hint);
        }
        None => {
            let bus = short_name(&wanted.bus);
            let names = inventory.rules.iter().filter(|rule| rule.bus == bus);
            let names = names.map(|rule| rule.name.as_str());
            known(check, &format!("rule on the bus `{bus}`"), &wanted.name, path, names);
        }
    }
}

/// The alarms of the stop conditions and of the steady state.
fn safety(check: &mut Check<'_>) {
    for (index, stop) in check.scenario().stop_conditions.iter().enumerate() {
        let Some(inventory) = check.turn_to(stop.target.as_deref()) else { continue };
        let path = format!("stop_conditions/{index}/alarm");
        known(check, "alarm", &stop.alarm, &path, alarm_names(inventory));
    }
    for (index, steady) in check.scenario().steady_state.iter().enumerate() {
        let Some(inventory) = check.turn_to(steady.target.as_deref()) else { continue };
        let path = format!("steady_state/{index}/alarm/name");
        known(check, "alarm", &steady.alarm.name, &path, alarm_names(inventory));
    }
}

fn expectation(check: &mut Check<'_>, inventory: &Inventory, placed: &Placed<'_>) {
    let kinds = placed.kinds();
    let path = &placed.kinds_path();
    if kinds.alarm.is_some() {
        alarm(check, inventory, placed, &kinds);
    }
    if let Some(wanted) = kinds.rule {
        rule(check, inventory, placed, wanted, &format!("{path}/rule"));
    }
    if let Some(runbook) = kinds.runbook {
        document(check, inventory, &runbook.document, &format!("{path}/runbook/document"));
    }
    if let Some(event) = kinds.event {
        let names = inventory.buses.iter().map(String::as_str);
        known(check, "event bus", &event.bus, &format!("{path}/event/bus"), names);
    }
    if let Some(message) = kinds.notification {
        let names = inventory.topics.iter().map(String::as_str);
        known(check, "topic", &message.topic, &format!("{path}/notification/topic"), names);
    }
    if let Some(queue) = kinds.queue {
        let names = inventory.queues.iter().map(String::as_str);
        known(check, "queue", &queue.name, &format!("{path}/queue/name"), names);
    }
    if let Some(log) = kinds.log {
        let names = inventory.log_groups.iter().map(String::as_str);
        if let Some(group) = log.group.as_ref().filter(|group| !group.starts_with("arn:")) {
            known(check, "log group", group, &format!("{path}/log/group"), names.clone());
        }
        for (index, group) in log.groups.iter().enumerate() {
            if !group.starts_with("arn:") {
                known(
                    check,
                    "log group",
                    group,
                    &format!("{path}/log/groups/{index}"),
                    names.clone(),
                );
            }
        }
    }
    if let Some(rollback) = kinds.rollback.and_then(|rollback| rollback.codedeploy.as_ref()) {
        let at = format!("{path}/rollback/codedeploy");
        let groups = &inventory.deployment_groups;
        let applications = groups.iter().map(|group| group.application.as_str());
        let place = format!("{at}/application");
        if known(check, "CodeDeploy application", &rollback.application, &place, applications) {
            let names = groups
                .iter()
                .filter(|group| group.application == rollback.application)
                .map(|group| group.name.as_str());
            known(check, "deployment group", &rollback.group, &format!("{at}/group"), names);
        }
    }
}

/// Documents whose name begins with AWS are there in every account, if not always in an environment.
pub(super) fn document(check: &mut Check<'_>, inventory: &Inventory, wanted: &str, path: &str) {
    let names = inventory.documents.iter().map(String::as_str);
    let name = short_name(wanted);
    if name.starts_with("AWS") && !inventory.documents.iter().any(|known| known == name) {
        let message = format!("the environment does not say what `{}` does", shortened(wanted));
        let hint = hint_for(name, names).unwrap_or_else(|| {
            "add the document to the environment's templates; on a real account AWS owns it".into()
        });
        check.warning(code::UNKNOWN_RESOURCE, path, message, hint);
        return;
    }
    known(check, "document", wanted, path, names);
}

fn rule(
    check: &mut Check<'_>,
    inventory: &Inventory,
    placed: &Placed<'_>,
    wanted: &RuleExpectation,
    path: &str,
) {
    let buses = inventory.buses.iter().map(String::as_str);
    if !known(check, "event bus", &wanted.bus, &format!("{path}/bus"), buses) {
        return;
    }
    let Some(found) = inventory.rule(&wanted.name, &wanted.bus) else {
        let bus = short_name(&wanted.bus);
        let names = inventory.rules.iter().filter(|rule| rule.bus == bus);
        let what = format!("rule on the bus `{bus}`");
        let names = names.map(|rule| rule.name.as_str());
        known(check, &what, &wanted.name, &format!("{path}/name"), names);
        return;
    };
    if placed.one.never.is_some() {
        return;
    }
    let place = format!("{path}/name");
    if !found.enabled {
        let message = format!("the rule `{}` is disabled", shortened(&wanted.name));
        let hint = "it will match nothing; set its State to ENABLED".to_owned();
        check.warning(code::RULE_DISABLED, &place, message, hint);
    }
    if found.targets == 0 {
        let message = format!("the rule `{}` has no targets", shortened(&wanted.name));
        let hint = "it may match, and nothing will follow".to_owned();
        check.warning(code::RULE_WITHOUT_TARGETS, &place, message, hint);
    }
}

fn alarm(check: &mut Check<'_>, inventory: &Inventory, placed: &Placed<'_>, kinds: &Kinds<'_>) {
    let Some(wanted) = kinds.alarm else { return };
    let path = format!("{}/alarm", placed.kinds_path());
    let place = format!("{path}/name");
    if !known(check, "alarm", &wanted.name, &place, alarm_names(inventory)) {
        return;
    }
    if placed.one.never.is_some() {
        return;
    }
    let Some(found) = inventory.alarms.get(short_name(&wanted.name)) else { return };
    let natural = if placed.recovery { StateValue::Ok } else { StateValue::Alarm };
    let state = wanted.state.unwrap_or(natural);
    if !found.actions_enabled && !found.actions.values().all(Vec::is_empty) {
        let message = format!("the actions of `{}` are disabled", shortened(&wanted.name));
        let hint = "it changes its state and tells nobody; set ActionsEnabled to true".to_owned();
        check.warning(code::ACTIONS_DISABLED, &place, message, hint);
    }
    if let Some(action) = &wanted.action
        && let Some(actions) = found.actions.get(state.as_str())
    {
        let there = if action == "*" { !actions.is_empty() } else { actions.contains(action) };
        if !there {
            let message =
                format!("`{}` has no such action for {}", shortened(&wanted.name), state.as_str());
            let hint = hint_for(action, actions.iter().map(String::as_str))
                .unwrap_or_else(|| format!("it has no actions for {} at all", state.as_str()));
            check.error(code::NO_SUCH_ACTION, &format!("{path}/action"), message, hint);
        }
    }
    if let Some(evaluation) = &found.evaluation
        && state == StateValue::Alarm
    {
        deadline(check, placed, &wanted.name, evaluation);
    }
}

/// Whether an alarm can fire before its deadline.
///
/// The least that it takes is when the fault strikes at the very end of a period: its datapoint already
/// breaches, and only the other datapoints and the publication have to be waited for. A deadline under
/// that is never met. One that is under the full sum is met only with luck, which is a note.
fn deadline(check: &mut Check<'_>, placed: &Placed<'_>, name: &str, evaluation: &Evaluation) {
    let Some(within) = placed.one.within else { return };
    if !counts_from_a_fault(check, placed) || set_by_hand(check, placed, name) {
        return;
    }
    let (period, needed) = (evaluation.period, evaluation.datapoints_to_alarm.max(1));
    let interval =
        if period < EVALUATION_INTERVAL { EVALUATION_INTERVAL_SHORT } else { EVALUATION_INTERVAL };
    let publish = evaluation.publish_delay;
    let least = period.saturating_mul(needed - 1).saturating_add(publish);
    let full = period.saturating_mul(needed).saturating_add(publish).saturating_add(interval);
    let say = |duration: Duration| humantime::format_duration(duration).to_string();
    let sum = format!(
        "{needed} x {} of data + {} to publish + {} to evaluate = {}",
        say(period),
        say(publish),
        say(interval),
        say(full)
    );
    let path = format!("{}/within", placed.path);
    let within_text = say(within.0);
    let hint = format!("give it `{}`, or shorten the alarm's period", say(full));
    if within.0 < least {
        let message = format!("`{}` can't fire within {within_text}: {sum}", shortened(name));
        check.warning(code::DEADLINE_NEVER_MET, &path, message, hint);
    } else if within.0 < full {
        let message = format!("`{}` may need more than {within_text}: {sum}", shortened(name));
        check.note(code::DEADLINE_TIGHT, &path, message, hint);
    }
}

/// Whether the deadline counts from a fault rather than from an expectation.
fn counts_from_a_fault(check: &Check<'_>, placed: &Placed<'_>) -> bool {
    let Some(after) = &placed.one.after else { return true };
    let mut faults = check.scenario().faults.iter().enumerate();
    faults.any(|(index, fault)| crate::scenario::names::fault(fault, index) == *after)
}

/// Whether a fault sets the alarm by hand, so that no datapoints are needed.
fn set_by_hand(check: &Check<'_>, placed: &Placed<'_>, name: &str) -> bool {
    let faults = check.scenario().faults.iter();
    let mut faults = faults.filter(|fault| fault.target == placed.one.target);
    faults.any(|fault| fault.set_alarm_state.as_ref().is_some_and(|set| set.alarm == name))
}
