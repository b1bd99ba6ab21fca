//! Rules: patterns and schedules, enabled or not.
//!
//! Main type: [`Rule`]. Invariant: a rule is in its bus's index if and only if it is enabled and has a
//! pattern, and it has exactly one entry on the agenda if and only if it is enabled and has a schedule.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::buses::{Bus, find, find_mut, limit};
use super::delivery::{self, Event};
use super::matcher::{self, EventPattern};
use super::metrics::{self, Counter};
use super::schedule::Schedule;
use super::targets::Target;
use super::{Due, envelope};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// Rules on a bus (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
pub(in crate::emulator::services) const MOST_RULES: usize = 300;

/// A rule on a bus.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) arn: String,
    pattern: Option<EventPattern>,
    schedule: Option<Schedule>,
    enabled: bool,
    description: Option<String>,
    role_arn: Option<String>,
    pub(super) targets: IndexMap<String, Arc<Target>>,
    tags: Vec<Tag>,
    /// Grows with each change, so that what an older state put on the agenda no longer counts.
    generation: u64,
}

/// A tag, as `EventBridge` spells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRule {
    name: String,
    #[serde(default)]
    schedule_expression: Option<String>,
    #[serde(default)]
    event_pattern: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    event_bus_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RuleName {
    name: String,
    #[serde(default)]
    event_bus_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListRules {
    #[serde(default)]
    name_prefix: Option<String>,
    #[serde(default)]
    event_bus_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteRule {
    name: String,
    #[serde(default)]
    event_bus_name: Option<String>,
    // Only managed rules need it, and there are none here.
    #[serde(default, rename = "Force")]
    _force: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTags {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
}

/// `PutRule`: creates a rule, or replaces everything of it but its targets.
pub(super) fn put(account: &mut Account, input: PutRule) -> Answer {
    check_name(&input.name)?;
    let enabled = state(input.state.as_deref())?;
    let pattern = input.event_pattern.as_deref().map(read_pattern).transpose()?;
    let schedule = input
        .schedule_expression
        .map(|text| {
            Schedule::parse(&text).ok_or_else(|| {
                ServiceError::validation("Parameter ScheduleExpression is not valid.")
            })
        })
        .transpose()?;
    if pattern.is_none() && schedule.is_none() {
        return Err(ServiceError::validation(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    }
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    if schedule.is_some() && bus.metric_name().is_some() {
        return Err(ServiceError::validation(
            "ScheduleExpression is supported only on the default event bus.",
        ));
    }
    if !bus.rules.contains_key(&input.name) && bus.rules.len() >= MOST_RULES {
        return Err(limit());
    }
    let arn = rule_arn(bus, &input.name);
    let bus_arn = bus.arn.clone();
    let rule = bus.rules.entry(input.name.clone()).or_insert_with(|| Rule {
        name: input.name.clone(),
        arn: arn.clone(),
        pattern: None,
        schedule: None,
        enabled: false,
        description: None,
        role_arn: None,
        targets: IndexMap::new(),
        tags: input.tags,
        generation: 0,
    });
    rule.pattern = pattern;
    rule.schedule = schedule;
    rule.enabled = enabled;
    rule.description = input.description;
    rule.role_arn = input.role_arn;
    settle(account, &bus_arn, &input.name);
    Ok(json!({ "RuleArn": arn }))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return Err(ServiceError::validation(format!("The rule name {name:?} is invalid.")));
    }
    Ok(())
}

fn state(state: Option<&str>) -> Result<bool, ServiceError> {
    match state {
        None | Some("ENABLED") => Ok(true),
        Some("DISABLED") => Ok(false),
        Some(other) => Err(ServiceError::unsupported(format_args!("the rule state {other}"))),
    }
}

/// Reads an event pattern or refuses it as AWS does.
pub(super) fn read_pattern(text: &str) -> Result<EventPattern, ServiceError> {
    EventPattern::parse(text).map_err(|error| matcher::refusal(&error))
}

/// A rule's ARN names its bus unless that is the default one.
fn rule_arn(bus: &Bus, rule: &str) -> String {
    let prefix = bus.arn.split(":event-bus/").next().unwrap_or(&bus.arn);
    match bus.metric_name() {
        None => format!("{prefix}:rule/{rule}"),
        Some(name) => format!("{prefix}:rule/{name}/{rule}"),
    }
}

/// Brings the bus's index and the agenda in line with the rule.
fn settle(account: &mut Account, bus_arn: &str, name: &str) {
    let now = account.now();
    let Some(bus) = account.services.events.buses.get_mut(bus_arn) else { return };
    bus.index.remove(name);
    let Some(rule) = bus.rules.get_mut(name) else { return };
    rule.generation += 1;
    if !rule.enabled {
        return;
    }
    if let Some(pattern) = &rule.pattern {
        bus.index.add(name, pattern);
    }
    let generation = rule.generation;
    if let Some(at) = rule.schedule.as_ref().and_then(|schedule| schedule.next(now)) {
        let due = Due::Scheduled { bus: bus_arn.to_owned(), rule: name.to_owned(), generation };
        account.schedule(at, due);
    }
}

/// A schedule has come round: the rule's targets are invoked, and the next time is put down.
///
/// The event is a `Scheduled Event` of `aws.events` with an empty detail
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>).
pub(super) fn come_round(account: &mut Account, bus_arn: &str, name: &str, generation: u64) {
    let now = account.now();
    let Some(bus) = account.services.events.buses.get(bus_arn) else { return };
    let Some(rule) = bus.rules.get(name).filter(|rule| rule.generation == generation) else {
        return;
    };
    let arn = rule.arn.clone();
    if let Some(at) = rule.schedule.as_ref().and_then(|schedule| schedule.next(now)) {
        let (bus, rule) = (bus_arn.to_owned(), name.to_owned());
        account.schedule(at, Due::Scheduled { bus, rule, generation });
    }
    let event = envelope(account, "aws.events", "Scheduled Event", None, vec![arn], json!({}));
    let event = Arc::new(Event::new(event, now));
    metrics::count(account, None, name, Counter::TriggeredRules);
    delivery::invoke_targets(account, bus_arn, name, &event);
}

/// `DescribeRule`.
pub(super) fn describe(account: &mut Account, input: RuleName) -> Answer {
    let bus = find(account, input.event_bus_name.as_deref())?;
    let rule = bus.rules.get(&input.name).ok_or_else(|| no_rule(bus, &input.name))?;
    let mut shown = show(bus, rule);
    shown["CreatedBy"] = account.identity.account.as_str().into();
    Ok(shown)
}

/// `ListRules`, on one page.
pub(super) fn list(account: &mut Account, input: ListRules) -> Answer {
    let prefix = input.name_prefix.unwrap_or_default();
    let bus = find(account, input.event_bus_name.as_deref())?;
    let rules = bus.rules.values().filter(|rule| rule.name.starts_with(&prefix));
    let shown: Vec<Value> = rules.map(|rule| show(bus, rule)).collect();
    Ok(json!({ "Rules": shown }))
}

fn show(bus: &Bus, rule: &Rule) -> Value {
    let mut shown = json!({
        "Name": rule.name,
        "Arn": rule.arn,
        "State": if rule.enabled { "ENABLED" } else { "DISABLED" },
        "EventBusName": bus.name,
    });
    let texts = [
        ("EventPattern", rule.pattern.as_ref().map(EventPattern::text)),
        ("ScheduleExpression", rule.schedule.as_ref().map(Schedule::text)),
        ("Description", rule.description.as_deref()),
        ("RoleArn", rule.role_arn.as_deref()),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            shown[key] = text.into();
        }
    }
    shown
}

/// `EnableRule`.
pub(super) fn enable(account: &mut Account, input: RuleName) -> Answer {
    switch(account, &input, true)
}

/// `DisableRule`.
pub(super) fn disable(account: &mut Account, input: RuleName) -> Answer {
    switch(account, &input, false)
}

fn switch(account: &mut Account, input: &RuleName, enabled: bool) -> Answer {
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    let bus_arn = bus.arn.clone();
    let missing = no_rule(bus, &input.name);
    let rule = bus.rules.get_mut(&input.name).ok_or(missing)?;
    // Switching on what is on leaves a running schedule as it is.
    if rule.enabled != enabled {
        rule.enabled = enabled;
        settle(account, &bus_arn, &input.name);
    }
    Ok(json!({}))
}

/// `DeleteRule`: refuses while targets exist; a rule that is not there is no error.
pub(super) fn delete(account: &mut Account, input: DeleteRule) -> Answer {
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    if bus.rules.get(&input.name).is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(ServiceError::validation("Rule can't be deleted since it has targets."));
    }
    bus.rules.shift_remove(&input.name);
    bus.index.remove(&input.name);
    Ok(json!({}))
}

/// `TagResource` on a rule or a bus.
pub(super) fn tag(account: &mut Account, input: TagResource) -> Answer {
    let held = tags_of(account, &input.resource_arn)?;
    for tag in input.tags {
        match held.iter_mut().find(|held| held.key == tag.key) {
            Some(held) => held.value = tag.value,
            None => held.push(tag),
        }
    }
    Ok(json!({}))
}

/// `ListTagsForResource` of a rule or a bus.
pub(super) fn list_tags(account: &mut Account, input: ListTags) -> Answer {
    let held = tags_of(account, &input.resource_arn)?;
    let shown: Vec<Value> =
        held.iter().map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect();
    Ok(json!({ "Tags": shown }))
}

fn tags_of<'a>(account: &'a mut Account, arn: &str) -> Result<&'a mut Vec<Tag>, ServiceError> {
    let missing = || {
        let message = format!("The resource {arn} does not exist.");
        ServiceError::new("ResourceNotFoundException", message)
    };
    let Some((prefix, rule)) = arn.split_once(":rule/") else {
        let bus = account.services.events.buses.get_mut(arn).ok_or_else(missing)?;
        return Ok(&mut bus.tags);
    };
    let (bus, rule) = rule.split_once('/').unwrap_or(("default", rule));
    let bus = account.services.events.buses.get_mut(&format!("{prefix}:event-bus/{bus}"));
    let rule = bus.and_then(|bus| bus.rules.get_mut(rule)).ok_or_else(missing)?;
    Ok(&mut rule.tags)
}

/// A rule that is not on the bus.
pub(super) fn no_rule(bus: &Bus, rule: &str) -> ServiceError {
    ServiceError::new(
        "ResourceNotFoundException",
        format!("Rule {rule} does not exist on EventBus {}.", bus.name),
    )
}
