//! The stack operations' API: what is asked for, and what is shown.
//!
//! Main function: [`update_stack`]. Invariant: what the emulated account can't do (another template, change
//! sets) is a parameter that is refused by name.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::operation::{self, Order, Record};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// The most rollback triggers, and the longest monitoring time in minutes:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html>.
const MOST_TRIGGERS: usize = 5;
const LONGEST_MONITORING: u32 = 180;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeStacks {
    #[serde(default)]
    stack_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeStackEvents {
    stack_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateStack {
    stack_name: String,
    use_previous_template: Flag,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    rollback_configuration: RollbackConfiguration,
    #[serde(default)]
    client_request_token: Option<String>,
    #[serde(default, rename = "Capabilities")]
    _capabilities: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CancelUpdateStack {
    stack_name: String,
    #[serde(default, rename = "ClientRequestToken")]
    _client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameter {
    #[serde(rename = "ParameterKey")]
    key: String,
    #[serde(default, rename = "ParameterValue")]
    value: Option<String>,
    #[serde(default)]
    use_previous_value: Option<Flag>,
}

/// A boolean, or the text of one, as forms have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Is(bool),
    Text(String),
}

impl Flag {
    fn is_true(&self) -> bool {
        match self {
            Self::Is(flag) => *flag,
            Self::Text(text) => text == "true",
        }
    }
}

/// A number, or the text of one, as forms have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Is(u32),
    Text(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RollbackConfiguration {
    #[serde(default)]
    rollback_triggers: Vec<Trigger>,
    #[serde(default)]
    monitoring_time_in_minutes: Option<Count>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Trigger {
    arn: String,
    #[serde(rename = "Type")]
    kind: String,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// The name of the stack with this name or id.
fn find(account: &Account, wanted: &str) -> Result<String, ServiceError> {
    let mut stacks = account.stacks.by_name.values();
    let found = stacks.find(|stack| stack.name == wanted || stack.id == wanted);
    let missing = || invalid(format!("Stack with id {wanted} does not exist"));
    found.map(|stack| stack.name.clone()).ok_or_else(missing)
}

/// `DescribeStacks`.
pub(super) fn describe_stacks(account: &mut Account, input: DescribeStacks) -> Answer {
    let names: Vec<String> = match input.stack_name {
        Some(wanted) => vec![find(account, &wanted)?],
        None => account.stacks.by_name.keys().cloned().collect(),
    };
    let shown: Vec<Value> = names.iter().map(|name| show(account, name)).collect();
    Ok(json!({ "Stacks": shown }))
}

fn show(account: &mut Account, name: &str) -> Value {
    let record = operation::record(account, name).clone();
    let stack = &account.stacks.by_name[name];
    let outputs = stack.outputs.iter();
    let outputs: Vec<Value> =
        outputs.map(|(key, value)| json!({"OutputKey": key, "OutputValue": value})).collect();
    let parameters = record.parameters.iter();
    let parameters: Vec<Value> = parameters
        .map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}))
        .collect();
    whole(json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": record.created.to_string(),
        "LastUpdatedTime": record.updated.map(|at| at.to_string()),
        "StackStatus": record.status,
        "StackStatusReason": record.reason,
        "DisableRollback": false,
        "Parameters": parameters,
        "Outputs": outputs,
    }))
}

/// An answer without the members that have no value: a form's empty element would be one.
fn whole(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    answer
}

/// `DescribeStackEvents`: newest first.
pub(super) fn describe_stack_events(account: &mut Account, input: DescribeStackEvents) -> Answer {
    let name = find(account, &input.stack_name)?;
    let record = operation::record(account, &name).clone();
    let id = account.stacks.by_name[&name].id.clone();
    let events = record.events.iter().rev().map(|event| {
        whole(json!({
            "StackId": id,
            "StackName": name,
            "EventId": event.id,
            "LogicalResourceId": event.logical_id,
            "PhysicalResourceId": event.physical_id,
            "ResourceType": event.kind,
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ClientRequestToken": event.token,
            "Timestamp": event.at.to_string(),
        }))
    });
    Ok(json!({ "StackEvents": events.collect::<Vec<_>>() }))
}

/// `UpdateStack` with the template that the stack has, and other parameters.
pub(super) fn update_stack(account: &mut Account, input: UpdateStack) -> Answer {
    let name = find(account, &input.stack_name)?;
    if !input.use_previous_template.is_true() {
        return Err(ServiceError::unsupported("UpdateStack without UsePreviousTemplate"));
    }
    let record = operation::record(account, &name).clone();
    if record.status.ends_with("_IN_PROGRESS") {
        let status = record.status;
        let message = format!("Stack:{name} is in {status} state and can not be updated.");
        return Err(invalid(message));
    }
    let parameters = wanted(&record, input.parameters)?;
    let (triggers, monitoring) = rollback(input.rollback_configuration)?;
    let declared = account.services.stacks.declared.iter();
    let same = |values: &IndexMap<String, String>| {
        values.iter().all(|(key, value)| parameters.get(key) == Some(value))
    };
    let found = declared.rev().find(|one| one.stack == name && same(&one.parameters)).cloned();
    let Some(update) = found else {
        return Err(ServiceError::unsupported(format_args!(
            "an update of the stack {name} that the environment does not declare under `updates:`"
        )));
    };
    let token = input.client_request_token;
    operation::begin(account, &name, Order { update, parameters, triggers, monitoring, token });
    Ok(json!({ "StackId": account.stacks.by_name[&name].id }))
}

/// The parameters that the stack is to have.
fn wanted(
    record: &Record,
    given: Vec<Parameter>,
) -> Result<IndexMap<String, String>, ServiceError> {
    let mut wanted = IndexMap::new();
    for parameter in given {
        let key = parameter.key;
        let keeps = parameter.use_previous_value.is_some_and(|flag| flag.is_true());
        match (parameter.value, record.parameters.get(&key)) {
            (Some(value), _) if !keeps => {
                wanted.insert(key, value);
            }
            (_, Some(value)) if keeps => {
                wanted.insert(key, value.clone());
            }
            (_, _) => return Err(invalid(format!("Parameters: [{key}] must have values"))),
        }
    }
    Ok(wanted)
}

/// The alarms that roll back, and for how many minutes they count afterwards.
fn rollback(configuration: RollbackConfiguration) -> Result<(Vec<String>, u32), ServiceError> {
    let triggers = configuration.rollback_triggers;
    if triggers.len() > MOST_TRIGGERS {
        return Err(invalid(format!("At most {MOST_TRIGGERS} rollback triggers are allowed")));
    }
    let known = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    if let Some(other) = triggers.iter().find(|trigger| !known.contains(&trigger.kind.as_str())) {
        return Err(invalid(format!("{} is no type of a rollback trigger", other.kind)));
    }
    let minutes = match configuration.monitoring_time_in_minutes {
        None => Some(0),
        Some(Count::Is(minutes)) => Some(minutes),
        Some(Count::Text(text)) => text.parse().ok(),
    };
    let minutes = minutes.filter(|minutes| *minutes <= LONGEST_MONITORING).ok_or_else(|| {
        invalid(format!("MonitoringTimeInMinutes is between 0 and {LONGEST_MONITORING}"))
    })?;
    Ok((triggers.into_iter().map(|trigger| trigger.arn).collect(), minutes))
}

/// `CancelUpdateStack`: rolls a running update back.
pub(super) fn cancel_update_stack(account: &mut Account, input: CancelUpdateStack) -> Answer {
    let name = find(account, &input.stack_name)?;
    if operation::record(account, &name).status != "UPDATE_IN_PROGRESS" {
        return Err(invalid("CancelUpdateStack cannot be called from current stack status"));
    }
    operation::roll_back(account, &name, "User Initiated".to_owned());
    Ok(json!({}))
}
