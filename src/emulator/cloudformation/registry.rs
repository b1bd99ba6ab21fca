//! The account's stacks: creating and deleting them while a drill runs.
//!
//! Main type: [`Stacks`]; [`create_stack`] and [`delete_stack`] are what `aws:createStack` and
//! `aws:deleteStack` call. Invariant: a stack is there with all that it declares or not at all; one that
//! can't be made takes back what it had made.

use indexmap::IndexMap;

use super::findings::Findings;
use super::stack::{Given, Stack, deploy, undo};
use super::template::Template;
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;

/// The stacks of an account, and what can be imported from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stacks {
    /// By name, in the order in which they were made.
    pub(crate) by_name: IndexMap<String, Stack>,
    /// What the environment declares as exported by stacks that it does not load.
    pub(crate) declared_exports: IndexMap<String, String>,
    /// SSM parameters that only templates see: AWS's public ones.
    pub(crate) public_parameters: IndexMap<String, String>,
}

impl Stacks {
    /// Everything that `Fn::ImportValue` finds.
    pub(crate) fn exports(&self) -> IndexMap<String, String> {
        let mut exports = self.declared_exports.clone();
        for stack in self.by_name.values() {
            exports.extend(stack.exports.clone());
        }
        exports
    }
}

/// Makes a stack, whole or not at all, and answers its id.
///
/// It takes no time. The errors are those of
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>.
pub(crate) fn create_stack(
    account: &mut Account,
    name: &str,
    template_body: &str,
    parameters: &[(String, String)],
) -> Result<String, ServiceError> {
    if !is_stack_name(name) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    if account.stacks.by_name.contains_key(name) {
        let message = format!("Stack [{name}] already exists");
        return Err(ServiceError::new("AlreadyExistsException", message));
    }
    let mut findings = Findings::about(name);
    let template = Template::parse(template_body, &mut findings);
    let template = match template {
        Some(template) if !findings.has_errors() => template,
        Some(_) | None => {
            let errors = findings.errors_in_one_line();
            return Err(invalid(format!("Template format error: {errors}")));
        }
    };
    let parameters: IndexMap<String, String> = parameters.iter().cloned().collect();
    check_parameters(&template, &parameters)?;
    let exports = account.stacks.exports();
    let stored = account.stacks.public_parameters.clone();
    let given = Given { parameters: &parameters, exports: &exports, stored: &stored };
    let (stack, findings) = deploy(account, &template, name, given);
    if findings.has_errors() {
        undo(account, &stack);
        let errors = findings.errors_in_one_line();
        return Err(invalid(format!("Stack {name} could not be created: {errors}")));
    }
    let id = stack.id.clone();
    account.stacks.by_name.insert(name.to_owned(), stack);
    Ok(id)
}

/// Deletes a stack and what it made, newest first; a stack that is not there is no error.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html>
pub(crate) fn delete_stack(account: &mut Account, name: &str) -> Result<(), ServiceError> {
    let by_id = |stack: &Stack| stack.id == name;
    let found = account.stacks.by_name.get_full(name).map(|(at, _, _)| at);
    let Some(at) = found.or_else(|| account.stacks.by_name.values().position(by_id)) else {
        return Ok(());
    };
    let (name, stack) = account.stacks.by_name.shift_remove_index(at).expect("the index was found");
    match undo(account, &stack) {
        None => Ok(()),
        Some(refusal) => Err(invalid(format!("Stack {name} could not be deleted: {refusal}"))),
    }
}

/// Whether `CloudFormation` takes this as a stack's name.
pub(crate) fn is_stack_name(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_parameters(
    template: &Template,
    given: &IndexMap<String, String>,
) -> Result<(), ServiceError> {
    let unknown: Vec<&str> = given
        .keys()
        .filter(|name| !template.parameters.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Err(invalid(format!("Parameters: [{names}] do not exist in the template")));
    }
    let missing: Vec<&str> = template
        .parameters
        .iter()
        .filter(|(name, parameter)| parameter.default.is_none() && !given.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(invalid(format!("Parameters: [{}] must have values", missing.join(", "))));
    }
    Ok(())
}

/// `CloudFormation`'s own code for what is wrong with a request.
fn invalid(message: String) -> ServiceError {
    ServiceError::new("ValidationError", message)
}
