//! Targets of rules: what may be one, and with which input.
//!
//! Main type: [`Target`]. Invariant: a target that is kept can be delivered to: its kind is known, its
//! input is well-formed, and a role is there where its kind needs one. All others are refused by name.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::buses::{find, find_mut, limit};
use super::invoke::Kind;
use super::rules::no_rule;
use super::transform::{self, Template};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// Targets of a rule (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
const MOST_TARGETS: usize = 5;

/// A target as the API carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Definition {
    pub(super) id: String,
    pub(super) arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input_transformer: Option<InputTransformer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_policy: Option<RetryPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run_command_parameters: Option<RunCommandParameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sqs_parameters: Option<SqsParameters>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InputTransformer {
    #[serde(default)]
    pub(super) input_paths_map: IndexMap<String, String>,
    pub(super) input_template: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RetryPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) maximum_retry_attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) maximum_event_age_in_seconds: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RunCommandParameters {
    pub(super) run_command_targets: Vec<RunCommandTarget>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RunCommandTarget {
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SqsParameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_group_id: Option<String>,
}

/// A target, with what was read out of its definition.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) definition: Definition,
    pub(super) kind: Kind,
    pub(super) template: Option<Template>,
}

impl Target {
    /// How often a failed delivery is tried again: 185 times unless the target says otherwise.
    pub(super) fn most_retries(&self) -> u32 {
        let policy = self.definition.retry_policy;
        policy.and_then(|policy| policy.maximum_retry_attempts).unwrap_or(185)
    }

    /// For how many seconds a failed delivery is tried again: a day unless the target says otherwise.
    pub(super) fn longest_age(&self) -> u32 {
        let policy = self.definition.retry_policy;
        policy.and_then(|policy| policy.maximum_event_age_in_seconds).unwrap_or(86_400)
    }

    /// The dead-letter queue's ARN.
    pub(super) fn dead_letter(&self) -> Option<&str> {
        self.definition.dead_letter_config.as_ref()?.arn.as_deref()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutTargets {
    rule: String,
    #[serde(default)]
    event_bus_name: Option<String>,
    targets: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTargets {
    rule: String,
    #[serde(default)]
    event_bus_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemoveTargets {
    rule: String,
    #[serde(default)]
    event_bus_name: Option<String>,
    ids: Vec<String>,
    #[serde(default, rename = "Force")]
    _force: bool,
}

/// `PutTargets`: adds targets, or replaces those that have the same id.
pub(super) fn put(account: &mut Account, input: PutTargets) -> Answer {
    let mut read = Vec::with_capacity(input.targets.len());
    for definition in input.targets {
        read.push(check(definition)?);
    }
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    let missing = no_rule(bus, &input.rule);
    let rule = bus.rules.get_mut(&input.rule).ok_or(missing)?;
    let mut targets = rule.targets.clone();
    for target in read {
        targets.insert(target.definition.id.clone(), Arc::new(target));
    }
    if targets.len() > MOST_TARGETS {
        return Err(limit());
    }
    rule.targets = targets;
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

fn check(definition: Definition) -> Result<Target, ServiceError> {
    let (id, arn) = (&definition.id, &definition.arn);
    let kind = Kind::of(arn)
        .ok_or_else(|| ServiceError::unsupported(format_args!("rule targets such as {arn}")))?;
    if kind.needs_role() && definition.role_arn.is_none() {
        return Err(ServiceError::validation(format!("RoleArn is required for target {arn}.")));
    }
    let shapes = [
        definition.input.is_some(),
        definition.input_path.is_some(),
        definition.input_transformer.is_some(),
    ];
    if shapes.into_iter().filter(|given| *given).count() > 1 {
        return Err(ServiceError::validation(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        )));
    }
    if let Some(input) = &definition.input
        && serde_json::from_str::<Value>(input).is_err()
    {
        return Err(ServiceError::validation(format!(
            "JSON syntax error in input for target {id}"
        )));
    }
    if let Some(path) = &definition.input_path
        && transform::Path::parse(path).is_none()
    {
        return Err(ServiceError::validation(format!("Invalid InputPath for target {id}: {path}")));
    }
    let template = definition
        .input_transformer
        .as_ref()
        .map(|transformer| {
            Template::parse(&transformer.input_paths_map, &transformer.input_template).map_err(
                |why| {
                    ServiceError::validation(format!(
                        "Invalid InputTemplate for target {id} : {why}"
                    ))
                },
            )
        })
        .transpose()?;
    check_parameters(&definition, kind)?;
    Ok(Target { definition, kind, template })
}

fn check_parameters(definition: &Definition, kind: Kind) -> Result<(), ServiceError> {
    let id = &definition.id;
    if kind == Kind::Command && definition.run_command_parameters.is_none() {
        return Err(ServiceError::validation(format!(
            "RunCommandParameters is required for target {id}."
        )));
    }
    if let Some(policy) = definition.retry_policy {
        let attempts = policy.maximum_retry_attempts.unwrap_or(0);
        let age = policy.maximum_event_age_in_seconds.unwrap_or(60);
        if attempts > 185 || !(60..=86_400).contains(&age) {
            return Err(ServiceError::validation(format!(
                "RetryPolicy of target {id}: at most 185 attempts, and an age from 60 to 86400 seconds."
            )));
        }
    }
    if let Some(dead_letter) = definition.dead_letter_config.as_ref().and_then(|it| it.arn.as_ref())
        && Kind::of(dead_letter) != Some(Kind::Queue)
    {
        return Err(ServiceError::validation(format!(
            "The dead-letter queue of target {id} is not an SQS queue: {dead_letter}"
        )));
    }
    Ok(())
}

/// `ListTargetsByRule`, on one page.
pub(super) fn list(account: &mut Account, input: ListTargets) -> Answer {
    let bus = find(account, input.event_bus_name.as_deref())?;
    let rule = bus.rules.get(&input.rule).ok_or_else(|| no_rule(bus, &input.rule))?;
    let shown: Vec<Value> = rule.targets.values().map(|target| json!(target.definition)).collect();
    Ok(json!({ "Targets": shown }))
}

/// `RemoveTargets`: an id that is not there is a failed entry.
pub(super) fn remove(account: &mut Account, input: RemoveTargets) -> Answer {
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    let missing = no_rule(bus, &input.rule);
    let rule = bus.rules.get_mut(&input.rule).ok_or(missing)?;
    let mut failed = Vec::new();
    for id in input.ids {
        if rule.targets.shift_remove(&id).is_none() {
            failed.push(json!({
                "TargetId": id,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": format!("Target {id} does not exist."),
            }));
        }
    }
    Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
}
