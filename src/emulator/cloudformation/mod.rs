//! CloudFormation templates, deployed into the emulated account.
//!
//! The main types are `template::Template` (as written) and `stack::Stack` (as deployed);
//! `stack::deploy` leads from one to the other by calling the account's own services as an
//! administrator would. Invariant: nothing that the emulator does not know is fatal. It is a note that
//! names the type, property or function and its line; what AWS itself would refuse is an error.
//!
//! Deployment takes no virtual time: a drill starts long after its stacks are up.

pub(crate) mod decode;
pub(crate) mod document;
pub(crate) mod findings;
mod functions;
mod json;
pub(crate) mod node;
mod parameters;
pub(crate) mod references;
mod registry;
pub(crate) mod resources;
pub(crate) mod stack;
pub(crate) mod template;

pub(crate) use registry::{Stacks, create_stack, delete_stack, is_stack_name};

#[cfg(test)]
mod tests;
