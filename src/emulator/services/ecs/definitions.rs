//! Task definitions: families of numbered revisions.
//!
//! Main type: [`Definition`]. Invariant: a revision's number is never used again, not even after it was
//! deregistered; what a definition says of its containers is answered as it was given.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clusters::{invalid, short};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// One revision of a family.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) arn: String,
    revision: u32,
    active: bool,
    registered: Value,
    tags: Value,
    /// The containers and all the rest.
    given: IndexMap<String, Value>,
}

impl Definition {
    /// The names and images of its containers.
    pub(super) fn images(&self) -> Vec<Value> {
        let containers = self.given.get("containerDefinitions").and_then(Value::as_array);
        let shown = |one: &Value| json!({"containerName": one["name"], "image": one["image"]});
        containers.map(|all| all.iter().map(shown).collect()).unwrap_or_default()
    }

    fn render(&self) -> Value {
        let status = if self.active { "ACTIVE" } else { "INACTIVE" };
        let mut shown = json!({
            "taskDefinitionArn": self.arn,
            "revision": self.revision,
            "status": status,
            "registeredAt": self.registered,
        });
        for (name, value) in &self.given {
            shown[name.as_str()] = value.clone();
        }
        shown
    }
}

/// `family:revision` of a definition's ARN.
pub(super) fn short_name(arn: &str) -> &str {
    short(arn)
}

/// A definition by ARN, `family:revision`, or the newest active one of `family`.
pub(super) fn find<'a>(account: &'a Account, named: &str) -> Result<&'a Definition, ServiceError> {
    let name = short(named);
    let (family, revision) = match name.split_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (name, None),
    };
    let revisions = account.services.ecs.definitions.get(family);
    let mut newest_first = revisions.into_iter().flatten().rev();
    let found = newest_first.find(|one| match revision {
        Some(number) => one.revision.to_string() == number,
        None => one.active,
    });
    // AWS's code for a definition that is not there is that of the caller's fault.
    found.ok_or_else(|| ServiceError::new("ClientException", "Unable to describe task definition."))
}

/// A definition that a service may use.
pub(super) fn usable(account: &Account, named: &str) -> Result<String, ServiceError> {
    let missing = || ServiceError::new("ClientException", "TaskDefinition not found.");
    let found = find(account, named).map_err(|_| missing())?;
    if found.active { Ok(found.arn.clone()) } else { Err(missing()) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Register {
    family: String,
    container_definitions: Vec<Value>,
    #[serde(default)]
    task_role_arn: Option<Value>,
    #[serde(default)]
    execution_role_arn: Option<Value>,
    #[serde(default)]
    network_mode: Option<Value>,
    #[serde(default)]
    volumes: Option<Value>,
    #[serde(default)]
    placement_constraints: Option<Value>,
    #[serde(default)]
    requires_compatibilities: Option<Value>,
    #[serde(default)]
    cpu: Option<Value>,
    #[serde(default)]
    memory: Option<Value>,
    #[serde(default)]
    tags: Option<Value>,
    #[serde(default)]
    pid_mode: Option<Value>,
    #[serde(default)]
    ipc_mode: Option<Value>,
    #[serde(default)]
    proxy_configuration: Option<Value>,
    #[serde(default)]
    ephemeral_storage: Option<Value>,
    #[serde(default)]
    runtime_platform: Option<Value>,
    #[serde(default)]
    enable_fault_injection: Option<Value>,
}

pub(super) fn register(account: &mut Account, input: Register) -> Answer {
    let family = input.family;
    if family.is_empty() || family.contains(['/', ':']) {
        return Err(invalid("The family is not valid."));
    }
    let unnamed = |one: &Value| one["name"].as_str().is_none() || one["image"].as_str().is_none();
    if input.container_definitions.is_empty() || input.container_definitions.iter().any(unnamed) {
        return Err(ServiceError::new(
            "ClientException",
            "Container definitions need a name and an image each.",
        ));
    }
    let given = [
        ("family", Some(json!(family))),
        ("containerDefinitions", Some(json!(input.container_definitions))),
        ("taskRoleArn", input.task_role_arn),
        ("executionRoleArn", input.execution_role_arn),
        ("networkMode", input.network_mode),
        ("volumes", input.volumes),
        ("placementConstraints", input.placement_constraints),
        ("requiresCompatibilities", input.requires_compatibilities),
        ("cpu", input.cpu),
        ("memory", input.memory),
        ("pidMode", input.pid_mode),
        ("ipcMode", input.ipc_mode),
        ("proxyConfiguration", input.proxy_configuration),
        ("ephemeralStorage", input.ephemeral_storage),
        ("runtimePlatform", input.runtime_platform),
        ("enableFaultInjection", input.enable_fault_injection),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let given = given.collect();
    let registered = epoch_seconds(account.now());
    let count = account.services.ecs.definitions.get(&family).map_or(0, Vec::len);
    let revision = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    let arn = account.identity().arn("ecs", &format!("task-definition/{family}:{revision}"));
    let tags = input.tags.unwrap_or_else(|| json!([]));
    let definition = Definition { arn, revision, active: true, registered, tags, given };
    let answer = json!({"taskDefinition": definition.render(), "tags": definition.tags});
    account.services.ecs.definitions.entry(family).or_default().push(definition);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(account: &mut Account, input: Describe) -> Answer {
    let found = find(account, &input.task_definition)?;
    let mut answer = json!({"taskDefinition": found.render()});
    if input.include.iter().any(|wanted| wanted == "TAGS") {
        answer["tags"] = found.tags.clone();
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    family_prefix: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    sort: Option<String>,
}

pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let wants_active = input.status.as_deref() != Some("INACTIVE");
    let of_family = |family: &String| input.family_prefix.as_ref().is_none_or(|one| one == family);
    let families = account.services.ecs.definitions.iter();
    let mut arns: Vec<&String> = families
        .filter(|(family, _)| of_family(family))
        .flat_map(|(_, revisions)| revisions)
        .filter(|one| one.active == wants_active)
        .map(|one| &one.arn)
        .collect();
    if input.sort.as_deref() == Some("DESC") {
        arns.reverse();
    }
    Ok(json!({"taskDefinitionArns": arns}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deregister {
    task_definition: String,
}

/// Services that use it go on.
pub(super) fn deregister(account: &mut Account, input: Deregister) -> Answer {
    if !short(&input.task_definition).contains(':') {
        return Err(invalid("The task definition needs a revision."));
    }
    let arn = find(account, &input.task_definition)?.arn.clone();
    let all = account.services.ecs.definitions.values_mut().flatten();
    let found = all.into_iter().find(|one| one.arn == arn).expect("it was just found");
    found.active = false;
    Ok(json!({"taskDefinition": found.render()}))
}
