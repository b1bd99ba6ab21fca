//! The sections that declare what the emulator can't know: signals, functions, commands, scripts, buses of
//! others.
//!
//! Main function: [`install`]. The types are those of the services that use them; here is only the way
//! from the file to them. Invariant: an entry that does not fit is an error on its own line and the
//! others are installed all the same.

use serde::de::DeserializeOwned;

use super::substitute::Names;
use super::written::Written;
use crate::diagnostic::Span;
use crate::emulator::account::Account;
use crate::emulator::cloudformation::decode::{Misfit, decode};
use crate::emulator::cloudformation::findings::{Findings, did_you_mean};
use crate::emulator::cloudformation::node::Node;
use crate::emulator::services::ecs::{self, DeclaredTasks};
use crate::emulator::services::events::{ForeignBus, declare_foreign};
use crate::emulator::services::lambda::{self, FunctionBehaviour};
use crate::emulator::services::ssm::{declare_command, declare_script};
use crate::emulator::services::stacks::{self, DeclaredUpdate};
use crate::emulator::signals::{self, Signal};

/// Declares the event buses of other accounts: rules of the templates may name them.
pub(super) fn install_buses(account: &mut Account, written: &Written, findings: &mut Findings) {
    for node in &written.buses {
        let Some(bus) = read::<ForeignBus>(account, node, findings) else { continue };
        if let Err(message) = declare_foreign(account, &bus) {
            findings.error("foreign-bus", node.span, message, None);
        }
    }
}

/// Declares what scripts and commands come to.
pub(super) fn install(account: &mut Account, written: &Written, findings: &mut Findings) {
    for node in &written.commands {
        if let Some(command) = read(account, node, findings) {
            declare_command(account, command);
        }
    }
    for node in &written.scripts {
        if let Some(script) = read(account, node, findings) {
            declare_script(account, script);
        }
    }
    for (name, node) in &written.functions {
        install_function(account, name, node, findings);
    }
    for node in &written.updates {
        let Some(update) = read::<DeclaredUpdate>(account, node, findings) else { continue };
        if let Err(message) = stacks::declare(account, update) {
            findings.error("stack-update", node.span, message, None);
        }
    }
    for node in &written.tasks {
        let Some(tasks) = read::<DeclaredTasks>(account, node, findings) else { continue };
        if let Err(message) = ecs::declare(account, tasks) {
            findings.error("tasks", node.span, message, None);
        }
    }
    let read = |node| read::<Signal>(account, node, findings);
    let signals = written.signals.iter().filter_map(read).collect();
    signals::install(account, signals);
}

/// Declares what a function does; its name may be `${LogicalId}`.
fn install_function(account: &mut Account, name: &str, node: &Node, findings: &mut Findings) {
    let names = Names { identity: account.identity(), stacks: &account.stacks.by_name };
    let name = names.text(name, node.span, findings);
    let behaviour = read::<FunctionBehaviour>(account, node, findings);
    if let (Some(name), Some(behaviour)) = (name, behaviour)
        && let Err(message) = lambda::declare(account, &name, behaviour)
    {
        let message = format!("the function {name} can't do this: {message}");
        findings.error("function-behaviour", node.span, message, None);
    }
}

/// Reads one entry, with its `${…}` replaced.
fn read<T: DeserializeOwned>(account: &Account, node: &Node, findings: &mut Findings) -> Option<T> {
    let names = Names { identity: account.identity(), stacks: &account.stacks.by_name };
    let node = names.node(node, findings)?;
    match decode(&node) {
        Ok(value) => Some(value),
        Err(misfit) => {
            report(misfit, node.span, findings);
            None
        }
    }
}

/// Reports what did not fit, and what was probably meant.
fn report(misfit: Misfit, entry: Span, findings: &mut Findings) {
    let span = misfit.span.unwrap_or(entry);
    let hint = suggestion(&misfit.message);
    findings.error("does-not-fit", span, misfit.message, hint);
}

/// Serde's message quotes the unknown word first and what it knows after.
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let word = quoted.next()?;
    did_you_mean(word, quoted)
}
