//! Composite alarms: their creation, evaluation and the suppression of their actions.
//!
//! Main type: [`CompositeRule`]. Invariants: composite alarms form no cycle; a composite alarm is evaluated
//! when one of its children changes, never by itself; actions that were suppressed run at most once.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html>.

use serde::Deserialize;
use serde_json::json;

use super::alarm::{Actions, AlarmState, AlarmType, Rule, StateValue};
use super::put::{Header, Tag, store};
use super::reason::iso;
use super::rule::{self, RuleExpression, name_of};
use super::transition::{Change, transition};
use super::{Due, State, actions};
use crate::emulator::account::Account;
use crate::emulator::agenda::Ticket;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing::{ALARM_FIRST_EVALUATION, COMPOSITE_EVALUATION};

/// The rule of a composite alarm, and where the suppression of its actions stands.
#[derive(Debug, Clone)]
pub(super) struct CompositeRule {
    /// As given.
    pub(super) text: String,
    parsed: RuleExpression,
    pub(super) suppressor: Option<Suppressor>,
    pub(super) suppression: Option<Suppression>,
    /// The state before the transition whose actions are being suppressed.
    pending: Option<AlarmState>,
    /// Why the next evaluation happens.
    trigger: Trigger,
}

/// The alarm that suppresses a composite alarm's actions.
#[derive(Debug, Clone)]
pub(super) struct Suppressor {
    /// As given: a name or an ARN.
    pub(super) given: String,
    pub(super) name: String,
    /// In seconds.
    pub(super) wait: i64,
    /// In seconds.
    pub(super) extension: i64,
}

/// What holds the actions back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suppression {
    WaitPeriod(Ticket),
    ExtensionPeriod(Ticket),
    Alarm,
}

/// Why a composite alarm is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trigger {
    Created,
    Updated,
    Child(String),
}

impl CompositeRule {
    /// What suppresses the actions, as the API spells it.
    pub(super) fn suppressed_by(&self) -> Option<&'static str> {
        self.suppression.map(|suppression| match suppression {
            Suppression::WaitPeriod(_) => "WaitPeriod",
            Suppression::ExtensionPeriod(_) => "ExtensionPeriod",
            Suppression::Alarm => "Alarm",
        })
    }

    /// The alarms that the rule names.
    pub(super) fn children(&self) -> Vec<&str> {
        self.parsed.children()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutCompositeAlarmInput {
    alarm_name: String,
    alarm_rule: String,
    alarm_description: Option<String>,
    actions_enabled: Option<bool>,
    #[serde(rename = "OKActions", default)]
    ok_actions: Vec<String>,
    #[serde(default)]
    alarm_actions: Vec<String>,
    #[serde(default)]
    insufficient_data_actions: Vec<String>,
    actions_suppressor: Option<String>,
    actions_suppressor_wait_period: Option<i64>,
    actions_suppressor_extension_period: Option<i64>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// `PutCompositeAlarm`: every alarm that the rule names must exist, and none may depend on this one.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>.
pub(super) fn put_composite_alarm(account: &mut Account, input: PutCompositeAlarmInput) -> Answer {
    let parsed = rule::parse(&input.alarm_rule)
        .map_err(|why| validation(format!("Invalid AlarmRule '{}': {why}.", input.alarm_rule)))?;
    let state = &account.services.cloudwatch;
    let unknown: Vec<&str> =
        parsed.children().into_iter().filter(|name| !state.alarms.contains_key(*name)).collect();
    let itself = unknown == [input.alarm_name.as_str()];
    if !unknown.is_empty() && !itself {
        return Err(validation(format!(
            "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
            unknown.join(", ")
        )));
    }
    if depends_on(state, &parsed, &input.alarm_name) {
        return Err(ServiceError::unsupported(format_args!(
            "a cycle of composite alarms ({} depends on itself)",
            input.alarm_name
        )));
    }
    let suppressor = suppressor(state, &input)?;
    let header = Header {
        name: input.alarm_name.clone(),
        description: input.alarm_description,
        actions: Actions {
            enabled: input.actions_enabled.unwrap_or(true),
            ok: input.ok_actions,
            alarm: input.alarm_actions,
            insufficient_data: input.insufficient_data_actions,
        },
        tags: input.tags,
    };
    header.check(account, AlarmType::CompositeAlarm)?;
    discard_suppression(account, &input.alarm_name);
    let rule = CompositeRule {
        text: input.alarm_rule,
        parsed,
        suppressor,
        suppression: None,
        pending: None,
        trigger: Trigger::Created,
    };
    let created = store(account, header, Rule::Composite(Box::new(rule)));
    let trigger = if created { Trigger::Created } else { Trigger::Updated };
    evaluate_soon(account, &input.alarm_name, trigger, ALARM_FIRST_EVALUATION);
    Ok(json!({}))
}

fn suppressor(
    state: &State,
    input: &PutCompositeAlarmInput,
) -> Result<Option<Suppressor>, ServiceError> {
    let Some(given) = &input.actions_suppressor else { return Ok(None) };
    let name = name_of(given).to_owned();
    if !state.alarms.contains_key(&name) {
        return Err(validation(format!("The actions suppressor {given} does not exist.")));
    }
    let seconds = |given: Option<i64>, what: &str| match given {
        Some(seconds) if seconds >= 0 => Ok(seconds),
        Some(_) | None => {
            Err(validation(format!("{what} must be given, in seconds, with ActionsSuppressor.")))
        }
    };
    Ok(Some(Suppressor {
        given: given.clone(),
        name,
        wait: seconds(input.actions_suppressor_wait_period, "ActionsSuppressorWaitPeriod")?,
        extension: seconds(
            input.actions_suppressor_extension_period,
            "ActionsSuppressorExtensionPeriod",
        )?,
    }))
}

/// Whether the rule leads to this alarm, through any number of composite alarms.
fn depends_on(state: &State, rule: &RuleExpression, name: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut open = rule.children();
    while let Some(child) = open.pop() {
        if child == name {
            return true;
        }
        if seen.contains(&child) {
            continue;
        }
        seen.push(child);
        if let Some(rule) = state.alarms.get(child).and_then(|alarm| alarm.composite()) {
            open.extend(rule.children());
        }
    }
    false
}

fn evaluate_soon(account: &mut Account, name: &str, trigger: Trigger, delay: jiff::SignedDuration) {
    let due = account.services.cloudwatch.alarms.get(name).and_then(|alarm| alarm.ticket);
    if let Some(ticket) = due {
        account.cancel(ticket);
    }
    let ticket = account.schedule_in(delay, Due::EvaluateComposite(name.to_owned()));
    let Some(alarm) = account.services.cloudwatch.alarms.get_mut(name) else { return };
    alarm.ticket = Some(ticket);
    if let Some(rule) = alarm.composite_mut() {
        rule.trigger = trigger;
    }
}

/// Tells composite alarms that an alarm changed its state, or is gone.
pub(super) fn child_changed(account: &mut Account, child: &str) {
    let mut parents = Vec::new();
    let mut suppressed = Vec::new();
    for alarm in account.services.cloudwatch.alarms.values() {
        let Some(rule) = alarm.composite() else { continue };
        if rule.children().contains(&child) {
            parents.push(alarm.name.clone());
        }
        if rule.suppressor.as_ref().is_some_and(|suppressor| suppressor.name == child) {
            suppressed.push(alarm.name.clone());
        }
    }
    for parent in parents {
        evaluate_soon(account, &parent, Trigger::Child(child.to_owned()), COMPOSITE_EVALUATION);
    }
    for alarm in suppressed {
        suppressor_changed(account, &alarm);
    }
}

/// Evaluates a composite alarm: ALARM if its rule holds, otherwise OK.
pub(super) fn evaluate(account: &mut Account, name: &str) {
    let state = &mut account.services.cloudwatch;
    let Some(alarm) = state.alarms.get_mut(name) else { return };
    alarm.ticket = None;
    let Some(alarm) = state.alarms.get(name) else { return };
    let Some(rule) = alarm.composite() else { return };
    let states = |name: &str| state.alarms.get(name).map(|alarm| alarm.state.value);
    let value = if rule.parsed.holds(&states) { StateValue::Alarm } else { StateValue::Ok };
    if value == alarm.state.value {
        return;
    }
    let reason = match &rule.trigger {
        Trigger::Created => {
            let value = value.as_str();
            format!("{} was created and its alarm rule evaluates to {value}", alarm.arn)
        }
        Trigger::Updated => {
            let value = value.as_str();
            format!("{} was updated and its alarm rule evaluates to {value}", alarm.arn)
        }
        Trigger::Child(child) => child_reason(state, child),
    };
    let triggering: Vec<_> = rule
        .parsed
        .deciding(&states)
        .into_iter()
        .filter_map(|child| state.alarms.get(child))
        .map(|child| {
            let timestamp = iso(child.state.transitioned);
            json!({
                "arn": child.arn,
                "state": {"value": child.state.value.as_str(), "timestamp": timestamp},
            })
        })
        .collect();
    let reason_data = Some(json!({"triggeringAlarms": triggering}).to_string());
    transition(account, name, Change { value, reason, reason_data });
}

fn child_reason(state: &State, child: &str) -> String {
    match state.alarms.get(child) {
        Some(child) => format!(
            "{} transitioned to {} at {}",
            child.arn,
            child.state.value.as_str(),
            child.state.transitioned.strftime("%A %d %B, %Y %H:%M:%S UTC")
        ),
        None => format!("{child} was deleted"),
    }
}

/// Decides, right after a transition, what suppresses its actions: nothing, the suppressor's ALARM, or the
/// time that the suppressor has to get there. A period that was running is discarded.
pub(super) fn suppress(account: &mut Account, name: &str, previous: &AlarmState) {
    discard_suppression(account, name);
    let state = &account.services.cloudwatch;
    let Some(rule) = state.alarms.get(name).and_then(|alarm| alarm.composite()) else { return };
    let Some(suppressor) = &rule.suppressor else { return };
    let wait = suppressor.wait;
    let suppression = if in_alarm(state, &suppressor.name) {
        Suppression::Alarm
    } else if wait > 0 {
        Suppression::WaitPeriod(end_of_period(account, name, wait))
    } else {
        return;
    };
    let alarm = account.services.cloudwatch.alarms.get_mut(name);
    if let Some(rule) = alarm.and_then(|alarm| alarm.composite_mut()) {
        rule.suppression = Some(suppression);
        rule.pending = Some(previous.clone());
    }
}

fn in_alarm(state: &State, name: &str) -> bool {
    state.alarms.get(name).is_some_and(|alarm| alarm.state.value == StateValue::Alarm)
}

fn end_of_period(account: &mut Account, name: &str, seconds: i64) -> Ticket {
    let delay = jiff::SignedDuration::from_secs(seconds);
    account.schedule_in(delay, Due::SuppressionEnds(name.to_owned()))
}

fn discard_suppression(account: &mut Account, name: &str) {
    let alarm = account.services.cloudwatch.alarms.get_mut(name);
    let Some(rule) = alarm.and_then(|alarm| alarm.composite_mut()) else { return };
    rule.pending = None;
    match rule.suppression.take() {
        Some(Suppression::WaitPeriod(ticket) | Suppression::ExtensionPeriod(ticket)) => {
            account.cancel(ticket);
        }
        Some(Suppression::Alarm) | None => {}
    }
}

/// The suppressor changed: its ALARM takes over from a running period; when it leaves ALARM, the extension
/// period begins.
fn suppressor_changed(account: &mut Account, name: &str) {
    let state = &account.services.cloudwatch;
    let Some(rule) = state.alarms.get(name).and_then(|alarm| alarm.composite()) else { return };
    let (Some(suppression), Some(suppressor)) = (rule.suppression, &rule.suppressor) else {
        return;
    };
    let (alarmed, extension) = (in_alarm(state, &suppressor.name), suppressor.extension);
    let next = match (suppression, alarmed) {
        (Suppression::WaitPeriod(ticket) | Suppression::ExtensionPeriod(ticket), true) => {
            account.cancel(ticket);
            Suppression::Alarm
        }
        (Suppression::Alarm, false) if extension > 0 => {
            Suppression::ExtensionPeriod(end_of_period(account, name, extension))
        }
        (Suppression::Alarm, false) => return suppression_ends(account, name),
        (Suppression::Alarm, true)
        | (Suppression::WaitPeriod(_) | Suppression::ExtensionPeriod(_), false) => return,
    };
    let alarm = account.services.cloudwatch.alarms.get_mut(name);
    if let Some(rule) = alarm.and_then(|alarm| alarm.composite_mut()) {
        rule.suppression = Some(next);
    }
}

/// "Composite alarms take actions that are based on their current states when `ExtensionPeriod` and `WaitPeriod`
/// become inactive."
pub(super) fn suppression_ends(account: &mut Account, name: &str) {
    let Some(alarm) = account.services.cloudwatch.alarms.get_mut(name) else { return };
    let Some(rule) = alarm.composite_mut() else { return };
    rule.suppression = None;
    let Some(previous) = rule.pending.take() else { return };
    let alarm = alarm.clone();
    actions::schedule(account, &alarm, &previous);
}
