//! `aws:executeScript`: what the environment says that a script does.
//!
//! Main function: [`execute`]. Invariant: the emulator runs no code. A script whose result nobody
//! declared fails its step and says so; it never succeeds silently.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{Progress, StepCall};
use crate::emulator::account::Account;
use crate::emulator::automation::engine;
use crate::emulator::automation::execution::{Failure, Stage, Success};
use crate::emulator::timing;

/// `aws:executeScript`.
pub(super) fn execute(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let document = engine::get(account, &call.execution)
        .map(|execution| execution.document_name.clone())
        .unwrap_or_default();
    let declared = account.services.ssm.declared.script(&document, &call.step.name).cloned();
    let Some(script) = declared else {
        return Err(Failure::new(
            Stage::Invocation,
            format!(
                "The emulated account does not run scripts; declare the result of step {} of {} \
                 under `scripts:` in the environment",
                call.step.name, document
            ),
        ));
    };
    let after = script.duration.unwrap_or(timing::AUTOMATION_SCRIPT_STEP);
    if let Some(message) = script.failure {
        let result = Err(Failure::new(Stage::PostVerification, message));
        return Ok(Progress::Done { after, result });
    }
    let payload = Value::Object(script.outputs.into_iter().collect());
    let response = json!({"Payload": payload});
    let outputs = IndexMap::from([
        ("OutputPayload".to_owned(), response.clone()),
        ("Payload".to_owned(), payload),
    ]);
    let success = Success { outputs, response: Some(response), ..Success::default() };
    Ok(Progress::Done { after, result: Ok(success) })
}
