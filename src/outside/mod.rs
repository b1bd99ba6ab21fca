//! What a drill touches besides AWS: URLs and local programs, and only where that is allowed.
//!
//! Main functions: `send` (one request) and `run` (one program). Invariants: no program runs in a
//! process that was not told `--allow-commands`, and no request leaves a rehearsal that was not told
//! `--allow-http`; a request is sent once; a secret is put in at the last moment and never comes back out;
//! what is waited for, read and kept is bounded.
//!
//! Both work beside the drill's own runtime, on a thread of their own: a rehearsal's virtual time stands
//! still until they are done.

mod http;
mod process;
mod values;

use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use http::{Answer, OPERATION, send};
pub(crate) use process::{Running, can_start, end_marked, spawn};
pub(crate) use values::payload;

static COMMANDS: AtomicBool = AtomicBool::new(false);
static REQUESTS: AtomicBool = AtomicBool::new(false);

/// Lets this process run local programs: `--allow-commands`.
pub fn allow_commands() {
    COMMANDS.store(true, Ordering::SeqCst);
}

/// Lets the rehearsals of this process send requests: `--allow-http`.
pub fn allow_requests() {
    REQUESTS.store(true, Ordering::SeqCst);
}

/// Whether this process may run local programs.
pub fn may_run_commands() -> bool {
    COMMANDS.load(Ordering::SeqCst)
}

/// Whether the rehearsals of this process may send requests.
pub fn may_send_requests() -> bool {
    REQUESTS.load(Ordering::SeqCst)
}
