//! Event buses and their policies.
//!
//! Main type: [`Bus`]. Invariant: a bus is known by its ARN; a name means a bus of this account.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bus_logs::LogConfig;
use super::foreign::Arrivals;
use super::matcher::RuleIndex;
use super::rules::{Rule, Tag};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::document;

/// Buses in an account (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
const MOST_BUSES: usize = 100;

/// An event bus.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    pub(super) name: String,
    pub(super) arn: String,
    description: Option<String>,
    /// Only used by AWS for buses with keys of the customer's own; kept because templates set it.
    dead_letter: Option<String>,
    pub(super) log_config: Option<LogConfig>,
    pub(super) policy: Option<Value>,
    pub(super) rules: IndexMap<String, Rule>,
    /// The patterns of the enabled rules.
    pub(super) index: RuleIndex,
    pub(super) tags: Vec<Tag>,
    created: Timestamp,
    /// What arrived, if the bus is another account's.
    pub(super) arrivals: Option<Arrivals>,
}

impl Bus {
    /// A bus without rules.
    pub(super) fn new(name: &str, arn: String, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            arn,
            description: None,
            dead_letter: None,
            log_config: None,
            policy: None,
            rules: IndexMap::new(),
            index: RuleIndex::default(),
            tags: Vec::new(),
            created,
            arrivals: None,
        }
    }

    /// The name that metrics carry: the default bus has none.
    pub(super) fn metric_name(&self) -> Option<&str> {
        (self.name != "default").then_some(self.name.as_str())
    }
}

/// Puts the default bus into a new account.
pub(super) fn open_default(account: &mut Account) {
    let arn = account.identity.arn("events", "event-bus/default");
    let bus = Bus::new("default", arn.clone(), account.now());
    account.services.events.buses.insert(arn, bus);
}

/// The ARN that a bus name or ARN means.
pub(crate) fn arn_of_bus(account: &Account, bus: &str) -> String {
    if bus.starts_with("arn:") {
        bus.to_owned()
    } else {
        account.identity.arn("events", &format!("event-bus/{bus}"))
    }
}

/// The ARN and the policy of a bus that exists.
pub(crate) fn bus_policy<'a>(
    account: &'a Account,
    bus: &str,
) -> Option<(&'a str, Option<&'a Value>)> {
    let bus = account.services.events.buses.get(&arn_of_bus(account, bus))?;
    Some((&bus.arn, bus.policy.as_ref()))
}

/// The bus, or AWS's refusal.
pub(super) fn find<'a>(account: &'a Account, bus: Option<&str>) -> Result<&'a Bus, ServiceError> {
    let name = bus.unwrap_or("default");
    account.services.events.buses.get(&arn_of_bus(account, name)).ok_or_else(|| no_bus(name))
}

/// The bus of this account, to be changed; other accounts' buses are not ours to change.
pub(super) fn find_mut<'a>(
    account: &'a mut Account,
    bus: Option<&str>,
) -> Result<&'a mut Bus, ServiceError> {
    let name = bus.unwrap_or("default");
    let arn = arn_of_bus(account, name);
    let found = account.services.events.buses.get_mut(&arn).ok_or_else(|| no_bus(name))?;
    if found.arrivals.is_some() {
        return Err(ServiceError::unsupported("changes on the event bus of another account"));
    }
    Ok(found)
}

fn no_bus(name: &str) -> ServiceError {
    let name = name.rsplit('/').next().unwrap_or(name);
    ServiceError::new("ResourceNotFoundException", format!("Event bus {name} does not exist."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterConfig {
    #[serde(default)]
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateEventBus {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default)]
    log_config: Option<LogConfig>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateEventBus {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default)]
    log_config: Option<LogConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeEventBus {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListEventBuses {
    #[serde(default)]
    name_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteEventBus {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutPermission {
    #[serde(default)]
    event_bus_name: Option<String>,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    statement_id: Option<String>,
    #[serde(default)]
    condition: Option<OrganizationCondition>,
    #[serde(default)]
    policy: Option<String>,
}

/// The one condition that the short form of `PutPermission` knows.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OrganizationCondition {
    r#type: String,
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemovePermission {
    #[serde(default)]
    statement_id: Option<String>,
    #[serde(default)]
    remove_all_permissions: bool,
    #[serde(default)]
    event_bus_name: Option<String>,
}

/// `CreateEventBus`.
pub(super) fn create(account: &mut Account, input: CreateEventBus) -> Answer {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if input.name.is_empty() || input.name.len() > 256 || !input.name.chars().all(legal) {
        return Err(ServiceError::validation(format!(
            "Event bus name {:?} is invalid.",
            input.name
        )));
    }
    let arn = arn_of_bus(account, &input.name);
    let buses = &account.services.events.buses;
    if buses.contains_key(&arn) {
        return Err(ServiceError::new(
            "ResourceAlreadyExistsException",
            format!("Event bus {} already exists.", input.name),
        ));
    }
    if buses.values().filter(|bus| bus.arrivals.is_none()).count() >= MOST_BUSES {
        return Err(limit());
    }
    let mut bus = Bus::new(&input.name, arn.clone(), account.now());
    bus.description = input.description;
    bus.dead_letter = input.dead_letter_config.and_then(|config| config.arn);
    bus.log_config = input.log_config.map(LogConfig::check).transpose()?;
    bus.tags = input.tags;
    let mut answer = json!({ "EventBusArn": arn });
    if let Some(description) = &bus.description {
        answer["Description"] = description.as_str().into();
    }
    account.services.events.buses.insert(arn, bus);
    Ok(answer)
}

/// `UpdateEventBus`: what is given replaces what was.
pub(super) fn update(account: &mut Account, input: UpdateEventBus) -> Answer {
    let log_config = input.log_config.map(LogConfig::check).transpose()?;
    let bus = find_mut(account, input.name.as_deref())?;
    bus.description = input.description.or(bus.description.take());
    bus.dead_letter =
        input.dead_letter_config.and_then(|config| config.arn).or(bus.dead_letter.take());
    bus.log_config = log_config.or(bus.log_config);
    let mut answer = json!({ "Arn": bus.arn, "Name": bus.name });
    if let Some(config) = bus.log_config {
        answer["LogConfig"] = config.show();
    }
    Ok(answer)
}

/// `DescribeEventBus`; without a name, the default bus.
pub(super) fn describe(account: &mut Account, input: DescribeEventBus) -> Answer {
    Ok(show(find(account, input.name.as_deref())?))
}

/// `ListEventBuses`: this account's, on one page.
pub(super) fn list(account: &mut Account, input: ListEventBuses) -> Answer {
    let prefix = input.name_prefix.unwrap_or_default();
    let buses = account.services.events.buses.values();
    let shown: Vec<Value> = buses
        .filter(|bus| bus.arrivals.is_none() && bus.name.starts_with(&prefix))
        .map(show)
        .collect();
    Ok(json!({ "EventBuses": shown }))
}

fn show(bus: &Bus) -> Value {
    let mut shown = json!({
        "Name": bus.name,
        "Arn": bus.arn,
        "CreationTime": epoch_seconds(bus.created),
    });
    if let Some(description) = &bus.description {
        shown["Description"] = description.as_str().into();
    }
    if let Some(policy) = &bus.policy {
        shown["Policy"] = policy.to_string().into();
    }
    if let Some(arn) = &bus.dead_letter {
        shown["DeadLetterConfig"] = json!({ "Arn": arn });
    }
    if let Some(config) = bus.log_config {
        shown["LogConfig"] = config.show();
    }
    shown
}

/// `DeleteEventBus`: not the default one, and not one that still has rules.
pub(super) fn delete(account: &mut Account, input: DeleteEventBus) -> Answer {
    if input.name == "default" {
        return Err(ServiceError::validation("Cannot delete event bus default."));
    }
    // Deleting a bus that is not there is no error.
    if account.services.events.buses.contains_key(&arn_of_bus(account, &input.name)) {
        let bus = find_mut(account, Some(&input.name))?;
        if !bus.rules.is_empty() {
            return Err(ServiceError::validation(
                "Cannot delete event bus because it still has rules.",
            ));
        }
        let arn = bus.arn.clone();
        account.services.events.buses.shift_remove(&arn);
    }
    Ok(json!({}))
}

/// `PutPermission`: a whole policy, or one statement in its short form.
pub(super) fn put_permission(account: &mut Account, input: PutPermission) -> Answer {
    if let Some(text) = &input.policy {
        let policy = read(&Value::String(text.clone()))?;
        find_mut(account, input.event_bus_name.as_deref())?.policy = Some(policy);
        return Ok(json!({}));
    }
    let (Some(action), Some(principal), Some(sid)) =
        (input.action, input.principal, input.statement_id)
    else {
        return Err(ServiceError::validation(
            "PutPermission needs a Policy, or Action, Principal and StatementId.",
        ));
    };
    let arn = find_mut(account, input.event_bus_name.as_deref())?.arn.clone();
    let partition = &account.identity.partition;
    let principal = if principal == "*" {
        json!("*")
    } else {
        json!({ "AWS": format!("arn:{partition}:iam::{principal}:root") })
    };
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": arn,
    });
    if let Some(condition) = input.condition {
        let mut keys = serde_json::Map::new();
        keys.insert(condition.key, condition.value.into());
        let mut operators = serde_json::Map::new();
        operators.insert(condition.r#type, keys.into());
        statement["Condition"] = operators.into();
    }
    put_statement(account, &arn, &sid, statement)?;
    Ok(json!({}))
}

/// Puts one statement into a bus's policy, in place of the one with the same id.
///
/// This is what the short form of `PutPermission` does.
fn put_statement(
    account: &mut Account,
    bus: &str,
    sid: &str,
    mut statement: Value,
) -> Result<(), ServiceError> {
    statement["Sid"] = sid.into();
    read(&json!({ "Statement": statement }))?;
    let bus = find_mut(account, Some(bus))?;
    let policy =
        bus.policy.get_or_insert_with(|| json!({"Version": "2012-10-17", "Statement": []}));
    let mut statements = statements_of(policy);
    statements.retain(|held| held["Sid"] != sid);
    statements.push(statement);
    policy["Statement"] = statements.into();
    Ok(())
}

/// `RemovePermission`.
pub(super) fn remove_permission(account: &mut Account, input: RemovePermission) -> Answer {
    let bus = find_mut(account, input.event_bus_name.as_deref())?;
    if input.remove_all_permissions {
        bus.policy = None;
        return Ok(json!({}));
    }
    let sid = input.statement_id.unwrap_or_default();
    let missing = || {
        ServiceError::new(
            "ResourceNotFoundException",
            "Statement with the provided id does not exist.",
        )
    };
    let policy = bus.policy.as_mut().ok_or_else(missing)?;
    let mut statements = statements_of(policy);
    let before = statements.len();
    statements.retain(|held| held["Sid"] != sid);
    if statements.len() == before {
        return Err(missing());
    }
    if statements.is_empty() {
        bus.policy = None;
    } else {
        policy["Statement"] = statements.into();
    }
    Ok(json!({}))
}

fn statements_of(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn read(policy: &Value) -> Result<Value, ServiceError> {
    document::read(policy).map_err(|why| ServiceError::validation(format!("Invalid policy: {why}")))
}

/// A quota is used up.
pub(super) fn limit() -> ServiceError {
    ServiceError::new(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
}
