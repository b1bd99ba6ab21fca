//! The emulated AWS account that a rehearsal runs against.
//!
//! The main type is [`Account`]: plain data (state, an agenda of what is due, a seeded generator) with
//! two verbs, [`Account::call`] and [`Account::advance`]. It is sans-IO: it never reads a clock,
//! spawns a task or opens a socket, it can be cloned, and two runs with one seed are byte-equal.
//! [`transport`] puts it under the real SDK, so serializers, signer, retries and error parser all run;
//! [`served`] puts it behind HTTP on loopback, for whole processes and other people's clients.
//!
//! Deliberately absent: any knowledge of scenarios, plans, runners or judges. The emulator cannot know
//! what is expected of it. What it does not support it refuses with an AWS-shaped error that names the
//! operation or the parameter; it never pretends.

pub mod account;
pub(crate) mod agenda;
pub mod automation;
pub mod belongings;
pub mod cloudformation;
pub mod coverage;
pub mod environment;
pub(crate) mod error;
pub mod estate;
pub(crate) mod facts;
pub(crate) mod ids;
mod long_poll;
pub(crate) mod operation;
pub(crate) mod policy;
pub mod served;
pub mod services;
pub(crate) mod signals;
pub(crate) mod timing;
pub mod transport;
pub(crate) mod wire;

pub use account::{Account, Identity};
pub use error::ServiceError;
pub use estate::Estate;
pub use services::cloudwatch::EvaluationState;
