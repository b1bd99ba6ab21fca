//! The Run Command part of the API: requests.
//!
//! Main functions: [`send`], [`list`], [`get_invocation`], [`cancel`]. Invariant: a command that nobody
//! could run (unknown document, unknown instance) is refused and leaves nothing behind.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{documents, owned, paging};
use super::{
    Invocation, SentCommand, Status, Target, What, cancel_invocation, due_in, resolve, shapes,
};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing;

/// "You can specify up to 50 managed node IDs."
const MAX_INSTANCES: usize = 50;

/// The input of `SendCommand`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Send {
    document_name: String,
    #[serde(default)]
    document_version: Option<String>,
    #[serde(default)]
    instance_ids: Vec<String>,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    parameters: IndexMap<String, Vec<String>>,
    #[serde(default)]
    timeout_seconds: Option<i64>,
    #[serde(default)]
    comment: Option<String>,
}

/// `SendCommand`.
pub(crate) fn send(account: &mut Account, input: Send) -> Answer {
    if input
        .document_version
        .as_deref()
        .is_some_and(|version| !["1", "$DEFAULT", "$LATEST"].contains(&version))
    {
        return Err(ServiceError::new(
            "InvalidDocumentVersion",
            "The document version isn't valid or doesn't exist.",
        ));
    }
    let name = document_name(&input.document_name).to_owned();
    check_parameters(account, &name, &input.parameters)?;
    if input.instance_ids.is_empty() == input.targets.is_empty() {
        return Err(ServiceError::validation(
            "Either InstanceIds or Targets must be specified, but not both",
        ));
    }
    if input.instance_ids.len() > MAX_INSTANCES {
        return Err(ServiceError::validation("InstanceIds can name at most 50 instances"));
    }
    let instances = resolve(account, &input.instance_ids, &input.targets)?;
    let id = account.ids.uuid();
    let delivery =
        input.timeout_seconds.map_or(timing::COMMAND_DELIVERY_TIMEOUT, SignedDuration::from_secs);
    let pending = Invocation {
        status: Status::Pending,
        start: None,
        end: None,
        code: -1,
        output: String::new(),
        fact: None,
        ticket: None,
    };
    let sent = SentCommand {
        id: id.clone(),
        document: name,
        comment: input.comment.unwrap_or_default(),
        parameters: input.parameters,
        instance_ids: input.instance_ids,
        targets: input.targets,
        requested: account.now(),
        delivery,
        // A command without an instance has nothing left to do.
        status: if instances.is_empty() { Status::Success } else { Status::Pending },
        invocations: instances.iter().map(|one| (one.clone(), pending.clone())).collect(),
    };
    let shape = shapes::command(&sent);
    account.services.ssm.commands.sent.insert(id.clone(), sent);
    for instance in &instances {
        due_in(account, &id, instance, timing::COMMAND_DELIVERY, What::Begin);
    }
    Ok(json!({"Command": shape}))
}

/// The name in a document's name or ARN.
fn document_name(reference: &str) -> &str {
    if reference.starts_with("arn:") {
        reference.rsplit('/').next().unwrap_or(reference)
    } else {
        reference
    }
}

fn check_parameters(
    account: &Account,
    name: &str,
    given: &IndexMap<String, Vec<String>>,
) -> Result<(), ServiceError> {
    let invalid = |message: String| ServiceError::new("InvalidParameters", message);
    let missing =
        |parameter: &str| invalid(format!("Document {name} requires the parameter {parameter}"));
    if let Some(tree) = documents::command_document(account, name) {
        let declared = tree["parameters"].as_object();
        for parameter in given.keys() {
            if declared.is_none_or(|declared| !declared.contains_key(parameter)) {
                let message = format!("Document {name} does not support parameter {parameter}");
                return Err(invalid(message));
            }
        }
        for (parameter, declaration) in declared.into_iter().flatten() {
            if declaration.get("default").is_none() && !given.contains_key(parameter) {
                return Err(missing(parameter));
            }
        }
        return Ok(());
    }
    if let Some(owned) = owned::command(name) {
        return match owned.required.iter().find(|parameter| !given.contains_key(**parameter)) {
            Some(parameter) => Err(missing(parameter)),
            None => Ok(()),
        };
    }
    if account.services.ssm.declared.knows(name) {
        return Ok(());
    }
    Err(ServiceError::new(
        "InvalidDocument",
        format!(
            "Document with name {name} does not exist (the environment may declare what it does \
             under `commands:`)"
        ),
    ))
}

/// A filter of commands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    key: String,
    value: String,
}

/// The input of `ListCommands`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct List {
    #[serde(default)]
    command_id: Option<String>,
    #[serde(default)]
    instance_id: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListCommands`: newest first.
pub(crate) fn list(account: &mut Account, input: List) -> Answer {
    let mut items = Vec::new();
    for sent in account.services.ssm.commands.sent.values().rev() {
        let fits = input.command_id.as_ref().is_none_or(|id| sent.id == *id)
            && input.instance_id.as_ref().is_none_or(|id| sent.invocations.contains_key(id));
        if fits && filters_fit(&input.filters, sent, sent.status)? {
            items.push(shapes::command(sent));
        }
    }
    paging::answer("Commands", items, input.max_results, input.next_token.as_deref())
}

fn filters_fit(
    filters: &[Filter],
    sent: &SentCommand,
    status: Status,
) -> Result<bool, ServiceError> {
    for filter in filters {
        let moment = || {
            filter.value.parse::<Timestamp>().map_err(|_| {
                ServiceError::new("InvalidFilterKey", format!("{} isn't a date", filter.value))
            })
        };
        let fits = match filter.key.as_str() {
            "Status" => status.name() == filter.value,
            "DocumentName" => sent.document == filter.value,
            "InvokedAfter" => sent.requested > moment()?,
            "InvokedBefore" => sent.requested < moment()?,
            other => {
                return Err(ServiceError::unsupported(format_args!(
                    "the filter key {other} of commands"
                )));
            }
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The input of `ListCommandInvocations`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ListInvocations {
    #[serde(default)]
    command_id: Option<String>,
    #[serde(default)]
    instance_id: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    details: bool,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListCommandInvocations`.
pub(crate) fn list_invocations(account: &mut Account, input: ListInvocations) -> Answer {
    let mut items: Vec<Value> = Vec::new();
    for sent in account.services.ssm.commands.sent.values().rev() {
        if input.command_id.as_ref().is_some_and(|id| sent.id != *id) {
            continue;
        }
        for (instance, invocation) in &sent.invocations {
            let fits = input.instance_id.as_ref().is_none_or(|id| id == instance);
            if fits && filters_fit(&input.filters, sent, invocation.status)? {
                items.push(shapes::invocation(sent, instance, invocation, input.details));
            }
        }
    }
    paging::answer("CommandInvocations", items, input.max_results, input.next_token.as_deref())
}

/// The input of `GetCommandInvocation`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetInvocation {
    command_id: String,
    instance_id: String,
    #[serde(default)]
    plugin_name: Option<String>,
}

/// `GetCommandInvocation`.
pub(crate) fn get_invocation(account: &mut Account, input: GetInvocation) -> Answer {
    let does_not_exist = || {
        ServiceError::new(
            "InvocationDoesNotExist",
            "The command ID and managed node ID you \
             specified didn't match any invocations.",
        )
    };
    let sent =
        account.services.ssm.commands.sent.get(&input.command_id).ok_or_else(does_not_exist)?;
    let invocation = sent.invocations.get(&input.instance_id).ok_or_else(does_not_exist)?;
    let plugin = shapes::plugin(sent);
    if input.plugin_name.as_deref().is_some_and(|name| name != plugin) {
        return Err(ServiceError::new("InvalidPluginName", "The plugin name isn't valid."));
    }
    Ok(shapes::full_invocation(sent, &input.instance_id, invocation))
}

/// The input of `CancelCommand`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Cancel {
    command_id: String,
    #[serde(default)]
    instance_ids: Vec<String>,
}

/// `CancelCommand`: on the named instances, or on all.
pub(crate) fn cancel(account: &mut Account, input: Cancel) -> Answer {
    let sent = account.services.ssm.commands.sent.get(&input.command_id).ok_or_else(|| {
        ServiceError::new("InvalidCommandId", "The specified command ID isn't valid.")
    })?;
    if let Some(unknown) = input.instance_ids.iter().find(|id| !sent.invocations.contains_key(*id))
    {
        return Err(ServiceError::new(
            "InvalidInstanceId",
            format!("Instance {unknown} has no invocation of this command"),
        ));
    }
    let instances = if input.instance_ids.is_empty() {
        sent.invocations.keys().cloned().collect()
    } else {
        input.instance_ids
    };
    for instance in instances {
        cancel_invocation(account, &input.command_id, &instance);
    }
    Ok(json!({}))
}
