//! Lambda: functions whose behaviour the environment declares.
//!
//! Main types: [`State`], [`FunctionBehaviour`]. Invariant: no code runs. What a function does is what its
//! declaration says (calls, result, failure, duration); one without a declaration does nothing, and says
//! so in its result. Work is done at the end of the declared duration.
//!
//! A caller of `Invoke` with `RequestResponse` gets the result at once, because time stands still during a
//! call; whoever stands for a waiting caller asks [`duration`] first, waits that long, and then invokes.
#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

mod behaviour;
mod functions;
mod invocation;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(crate) use self::behaviour::FunctionBehaviour;
use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

/// The functions of the account, by name, and what the environment declares about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    functions: IndexMap<String, functions::Function>,
    behaviours: IndexMap<String, FunctionBehaviour>,
    /// How often each function has failed as declared, for `first`.
    failures: IndexMap<String, u32>,
    /// How many synchronous invocations are inside of each other right now.
    depth: u32,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An asynchronous invocation starts.
    Start(Box<invocation::Queued>),
    /// An asynchronous invocation has lasted as long as it lasts.
    End(Box<invocation::Queued>, SignedDuration),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "Invoke": invocation::Invoke => invocation::invoke,
    "CreateFunction": functions::CreateFunction => functions::create,
    "GetFunction": functions::FunctionOnly => functions::get,
    "GetFunctionConfiguration": functions::FunctionOnly => functions::get_configuration,
    "ListFunctions": functions::List => functions::list,
    "DeleteFunction": functions::FunctionOnly => functions::delete,
    "AddPermission": functions::AddPermission => functions::add_permission,
    "RemovePermission": functions::RemovePermission => functions::remove_permission,
    "GetPolicy": functions::FunctionOnly => functions::get_policy,
    "PutFunctionEventInvokeConfig": functions::PutEventInvokeConfig => functions::put_event_invoke_config,
    "DeleteFunctionEventInvokeConfig": functions::FunctionOnly => functions::delete_event_invoke_config,
];

/// Sets up what every account has: no function.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Start(queued) => invocation::start(account, queued),
        Due::End(queued, lasted) => invocation::end(account, queued, lasted),
    }
}

/// Declares what a function does; the error says what is wrong with the declaration.
///
/// The function stands from now on, whether or not a template creates it too. Without a `role` of its own
/// or of its template, its calls are made as the account's administrator.
pub(crate) fn declare(
    account: &mut Account,
    name: &str,
    behaviour: FunctionBehaviour,
) -> Result<(), String> {
    behaviour.check()?;
    functions::declare(account, name, behaviour.role.clone());
    account.services.lambda.behaviours.insert(name.to_owned(), behaviour);
    Ok(())
}

/// The functions that stand without a declared behaviour: they do nothing when they are invoked.
pub(crate) fn undeclared(account: &Account) -> Vec<&str> {
    let state = &account.services.lambda;
    let names = state.functions.keys().filter(|name| !state.behaviours.contains_key(*name));
    names.map(String::as_str).collect()
}

/// How long an invocation lasts that starts now, with injected delays and at most the timeout; nothing
/// if there is no such function.
pub(crate) fn duration(account: &Account, function: &str) -> Option<SignedDuration> {
    let name = functions::name_of(function);
    account.services.lambda.functions.get(name)?;
    Some(invocation::lasts(account, name).0)
}

/// The ARN that a function's name, partial ARN or ARN means, without a version or alias.
pub(crate) fn arn_of(account: &Account, function: &str) -> String {
    let name = functions::name_of(function);
    if function.starts_with("arn:") {
        let prefix: Vec<&str> = function.splitn(7, ':').take(6).collect();
        return format!("{}:{name}", prefix.join(":"));
    }
    account.identity.arn("lambda", &format!("function:{name}"))
}

/// The ARN and the policy of a function that exists.
pub(crate) fn function_policy(account: &Account, function: &str) -> Option<(String, Value)> {
    let found = account.services.lambda.functions.get(functions::name_of(function))?;
    let statements: Vec<&Value> = found.policy.values().collect();
    Some((found.arn.clone(), json!({ "Statement": statements })))
}
