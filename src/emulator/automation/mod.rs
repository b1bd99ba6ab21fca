//! SSM Automation: runbooks and their executions.
//!
//! Main types: `document::Document` (what is written) and `execution::Execution` (what happens). The
//! `ssm` service owns the API and the documents; this module owns what happens between
//! `StartAutomationExecution` and the end. Invariant: a step calls the account's own services and nothing
//! else; what an action can't do fails its step, honestly.

use indexmap::IndexMap;
use serde_json::Value;

use super::account::Account;
use super::error::ServiceError;
use super::policy::{self, Caller};
use super::services::ssm;

pub(crate) mod actions;
pub(crate) mod condition;
pub(crate) mod describe;
pub(crate) mod document;
pub(crate) mod engine;
pub(crate) mod execution;
pub(crate) mod flow;
mod loops;
mod nested;
mod notify;
pub(crate) mod parameters;
pub(crate) mod references;
pub(crate) mod selector;

#[cfg(test)]
mod tests;

use execution::{Execution, Status, StepRun};

/// How many executions may run at once: "Concurrently running automations: 100", and 1,000 more may
/// wait in the queue: <https://docs.aws.amazon.com/general/latest/gr/ssm.html>.
const MAX_RUNNING: usize = 1100;

/// The principal that assumes a runbook's role.
const PRINCIPAL: &str = "ssm.amazonaws.com";

/// The executions of an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Automations {
    /// By id, oldest first.
    pub(crate) executions: IndexMap<String, Execution>,
    /// Client tokens that were used, and what they started.
    pub(crate) tokens: IndexMap<String, String>,
    /// Who waits for which command or child execution, and under which stamp.
    pub(crate) waiting: IndexMap<String, (String, u64)>,
    pub(crate) running: usize,
}

/// What starts an execution.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The document's name or ARN.
    pub(crate) document: String,
    pub(crate) version: Option<String>,
    pub(crate) parameters: IndexMap<String, Vec<String>>,
    /// The ARN of who starts it.
    pub(crate) executed_by: String,
    /// Whose permissions count where the document assumes no role.
    pub(crate) starter: Caller,
    pub(crate) parent: Option<(String, usize)>,
    pub(crate) depth: usize,
    pub(crate) tags: Vec<(String, String)>,
}

/// Starts an execution and answers its id.
pub(crate) fn start(account: &mut Account, request: Request) -> Result<String, ServiceError> {
    let (name, version, document) =
        ssm::automation_document(account, &request.document, request.version.as_deref())?;
    if account.services.ssm.automations.running >= MAX_RUNNING {
        return Err(ServiceError::new(
            "AutomationExecutionLimitExceededException",
            "The number of simultaneously running Automation executions exceeded the allowable \
             limit.",
        ));
    }
    let wrong = |message: String| {
        ServiceError::new("InvalidAutomationExecutionParametersException", message)
    };
    let parameters = parameters::bind(&document.parameters, &request.parameters).map_err(wrong)?;
    let id = account.ids.uuid();
    let runs = document
        .steps
        .iter()
        .map(|step| StepRun::pending(account.ids.uuid(), step.clone(), None))
        .collect();
    let mut execution = Execution {
        id: id.clone(),
        document_name: name,
        document_version: version,
        variables: document.variables.clone(),
        parameters,
        status: Status::InProgress,
        start: account.now(),
        end: None,
        executed_by: request.executed_by,
        caller: request.starter.clone(),
        starter: request.starter,
        parent: request.parent,
        depth: request.depth,
        tags: request.tags,
        runs,
        latest: IndexMap::new(),
        cursor: 0,
        frames: Vec::new(),
        failure: None,
        critical: None,
        cancelled: false,
        completing: false,
        begun: 0,
        stamp: 0,
        tickets: Vec::new(),
        result: None,
        waits_for: None,
        document,
    };
    if let Some(role) = assumed_role(account, &execution).map_err(wrong)? {
        execution.caller = Caller::Role { arn: role, assumed_by: PRINCIPAL };
    }
    engine::start(account, execution);
    Ok(id)
}

/// Brings the text of an AWS-owned runbook that the emulator does not have, under its own name.
///
/// `CreateDocument` refuses such names, here as on AWS. The content is JSON or YAML, at most 64 KB; what
/// can't be a runbook is refused with `InvalidDocumentContent`.
pub fn declare_document(
    account: &mut Account,
    name: &str,
    content: &str,
) -> Result<(), ServiceError> {
    ssm::declare_document(account, name, content, ssm::DocumentKind::Automation)
}

/// The role that the document assumes; an empty one is none.
fn assumed_role(account: &Account, execution: &Execution) -> Result<Option<String>, String> {
    let Some(written) = &execution.document.assume_role else { return Ok(None) };
    let resolve = |name: &str| execution.resolve(account, name);
    let role = references::substitute(&Value::String(written.clone()), &resolve)?;
    let role = references::text(&role);
    if role.is_empty() {
        return Ok(None);
    }
    if !role.starts_with("arn:") || !role.contains(":role/") {
        return Err("The format of the supplied assume role ARN is invalid.".to_owned());
    }
    if !policy::may_assume(account, &role, PRINCIPAL) {
        return Err("The defined assume role is unable to be assumed.".to_owned());
    }
    Ok(Some(role))
}

/// AWS's refusal where no execution has this id.
pub(crate) fn not_found(id: &str) -> ServiceError {
    ServiceError::new(
        "AutomationExecutionNotFoundException",
        format!("Automation execution {id} not found"),
    )
}
