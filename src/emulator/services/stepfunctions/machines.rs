//! State machines: created, shown, changed, deleted.
//!
//! Main type: [`StateMachine`]. Invariant: a machine that stands has a definition that can run and a role
//! that Step Functions can assume; express machines are refused by name.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::definition::Machine;
use super::tasks::PRINCIPAL;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy;
use crate::emulator::services::ssm;

/// A state machine.
#[derive(Debug, Clone)]
pub(super) struct StateMachine {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) machine: Arc<Machine>,
    definition: String,
    created: Timestamp,
    revision: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    definition: String,
    role_arn: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    // Tags are kept nowhere: no call of the emulated account shows them.
    #[serde(default, rename = "tags")]
    _tags: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MachineOnly {
    state_machine_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Update {
    state_machine_arn: String,
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    role_arn: Option<String>,
}

/// `CreateStateMachine`: the same again answers the machine that stands.
pub(super) fn create(account: &mut Account, input: Create) -> Answer {
    if !is_name(&input.name) {
        let message = format!("Invalid Name: '{}'", input.name);
        return Err(ServiceError::new("InvalidName", message));
    }
    match input.kind.as_deref() {
        None | Some("STANDARD") => {}
        Some(other) => {
            let what = format_args!("state machines of type {other}");
            return Err(ServiceError::unsupported(what));
        }
    }
    let machine = Arc::new(Machine::parse(&input.definition)?);
    check_role(account, &input.role_arn)?;
    let arn = account.identity().arn("states", &format!("stateMachine:{}", input.name));
    if let Some(there) = account.services.stepfunctions.machines.get(&arn) {
        if there.definition == input.definition && there.role == input.role_arn {
            return Ok(created(there));
        }
        let message = format!("State Machine Already Exists: '{arn}'");
        return Err(ServiceError::new("StateMachineAlreadyExists", message));
    }
    let machine = StateMachine {
        arn: arn.clone(),
        name: input.name,
        role: input.role_arn,
        machine,
        definition: input.definition,
        created: account.now(),
        revision: account.ids.uuid(),
    };
    let answer = created(&machine);
    account.services.stepfunctions.machines.insert(arn, machine);
    Ok(answer)
}

fn created(machine: &StateMachine) -> Value {
    json!({ "stateMachineArn": machine.arn, "creationDate": epoch_seconds(machine.created) })
}

/// A name of up to 80 characters without white space, brackets, wildcards and the like.
pub(super) fn is_name(name: &str) -> bool {
    let bad = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(letter)
    };
    !name.is_empty() && name.chars().count() <= 80 && !name.chars().any(bad)
}

fn check_role(account: &Account, role: &str) -> Result<(), ServiceError> {
    if policy::may_assume(account, role, PRINCIPAL) {
        return Ok(());
    }
    let region = &account.identity().region;
    Err(ServiceError::new(
        "AccessDeniedException",
        format!(
            "Neither the global service principal {PRINCIPAL}, nor the regional one \
             states.{region}.amazonaws.com is authorized to assume the provided role. ({role})"
        ),
    ))
}

/// The machine of an ARN; versions and aliases are not emulated.
pub(super) fn find<'a>(account: &'a Account, arn: &str) -> Result<&'a StateMachine, ServiceError> {
    let machines = &account.services.stepfunctions.machines;
    machines.get(arn).ok_or_else(|| {
        let message = format!("State Machine Does Not Exist: '{arn}'");
        ServiceError::new("StateMachineDoesNotExist", message)
    })
}

/// `DescribeStateMachine`.
pub(super) fn describe(account: &mut Account, input: MachineOnly) -> Answer {
    let machine = find(account, &input.state_machine_arn)?;
    Ok(json!({
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "status": "ACTIVE",
        "definition": machine.definition,
        "roleArn": machine.role,
        "type": "STANDARD",
        "creationDate": epoch_seconds(machine.created),
        "revisionId": machine.revision,
    }))
}

/// `ListStateMachines`.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let machines = account.services.stepfunctions.machines.values();
    let items = machines.map(|machine| {
        json!({
            "stateMachineArn": machine.arn, "name": machine.name, "type": "STANDARD",
            "creationDate": epoch_seconds(machine.created),
        })
    });
    page("stateMachines", items.collect(), input.max_results, input.next_token.as_deref())
}

/// One page of a list.
pub(super) fn page(
    name: &str,
    items: Vec<Value>,
    max: Option<usize>,
    token: Option<&str>,
) -> Answer {
    let (items, next) = ssm::page(items, max, token, 100).map_err(|_| {
        let message = format!("Invalid Token: '{}'", token.unwrap_or_default());
        ServiceError::new("InvalidToken", message)
    })?;
    let mut answer = json!({ name: items });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// `UpdateStateMachine`: executions that run go on with what they began with.
pub(super) fn update(account: &mut Account, input: Update) -> Answer {
    find(account, &input.state_machine_arn)?;
    let parsed = input.definition.as_deref().map(Machine::parse).transpose()?;
    if let Some(role) = &input.role_arn {
        check_role(account, role)?;
    }
    if input.definition.is_none() && input.role_arn.is_none() {
        let message = "Either the definition, the role ARN, or both must be specified";
        return Err(ServiceError::new("MissingRequiredParameter", message));
    }
    let (now, revision) = (account.now(), account.ids.uuid());
    let machines = &mut account.services.stepfunctions.machines;
    if let Some(machine) = machines.get_mut(&input.state_machine_arn) {
        if let (Some(definition), Some(parsed)) = (input.definition, parsed) {
            (machine.definition, machine.machine) = (definition, Arc::new(parsed));
        }
        machine.role = input.role_arn.unwrap_or_else(|| machine.role.clone());
        machine.revision.clone_from(&revision);
    }
    Ok(json!({ "updateDate": epoch_seconds(now), "revisionId": revision }))
}

/// `DeleteStateMachine`: a machine that is not there is no error, as on AWS.
#[expect(clippy::unnecessary_wraps, reason = "every operation of the table answers a result")]
pub(super) fn delete(account: &mut Account, input: MachineOnly) -> Answer {
    account.services.stepfunctions.machines.shift_remove(&input.state_machine_arn);
    Ok(json!({}))
}
