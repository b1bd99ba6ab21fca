//! What reverting may touch besides AWS: asked for on the command line, as for a run.
//!
//! Main functions: [`allow`] and [`asked_for`]. Invariants: without `--allow-commands` no program of a
//! timeline is run; without `--allow-http` nothing is sent for a rehearsal, which sent nothing without it
//! either. Processes that a fault left running are ended in any case: they are the drill's own.

use std::collections::BTreeSet;

use super::RevertArgs;
use crate::faults::revert::Pending;
use crate::outside;
use crate::timeline::{TargetKind, Undo};

/// Lets the process do what the arguments allow.
pub(super) fn allow(arguments: &RevertArgs) {
    if arguments.allow_commands {
        outside::allow_commands();
    }
    if arguments.allow_http {
        outside::allow_requests();
    }
}

/// The flags that what is left asks for and that were not given, in words, a line each.
pub(super) fn asked_for(left: &[Pending], kind: TargetKind) -> BTreeSet<String> {
    left.iter().filter_map(|change| lacking(&change.undo, kind)).collect()
}

fn lacking(undo: &Undo, kind: TargetKind) -> Option<String> {
    if let Undo::EndCommand { revert: Some(back), .. } = undo
        && !outside::may_run_commands()
    {
        let words = back.words();
        return Some(format!("`{words}` takes it back, and was not run: add --allow-commands"));
    }
    if let Undo::SendRequest { request } = undo
        && kind == TargetKind::Emulator
        && !outside::may_send_requests()
    {
        let words = request.words();
        return Some(format!("`{words}` takes it back, and was not sent: add --allow-http"));
    }
    None
}

/// Whether something is changed beside the account, so that it outlives even an emulated one.
pub(super) fn is_outside(undo: &Undo) -> bool {
    matches!(undo, Undo::EndCommand { .. } | Undo::SendRequest { .. })
}
