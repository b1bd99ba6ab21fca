//! The safety lever: one switch that stops every experiment and lets no new one run.
//!
//! Main type: [`Lever`]. Invariant: while it is engaged, no experiment is running.
//! <https://docs.aws.amazon.com/fis/latest/userguide/safety-lever.html>.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::ById;
use super::experiment::Status;
use super::run;
use super::template::not_found;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// The lever's state.
#[derive(Debug, Clone, Default)]
pub(super) struct Lever {
    pub(super) position: Position,
    reason: Option<String>,
}

/// Engaged or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Position {
    #[default]
    Disengaged,
    Engaged,
}

/// The only lever that there is.
const ID: &str = "default";

fn render(account: &Account) -> Value {
    let lever = &account.services.fis.lever;
    let experiments = account.services.fis.experiments.values();
    let stopping = experiments.filter(|one| one.status == Status::Stopping).count();
    let status = match lever.position {
        Position::Disengaged => "disengaged",
        Position::Engaged if stopping > 0 => "engaging",
        Position::Engaged => "engaged",
    };
    let mut state = json!({"status": status});
    if let Some(reason) = &lever.reason {
        state["reason"] = json!(reason);
    }
    let arn = account.identity().arn("fis", &format!("safety-lever/{ID}"));
    json!({"safetyLever": {"id": ID, "arn": arn, "state": state}})
}

fn check(id: &str) -> Result<(), ServiceError> {
    if id == ID { Ok(()) } else { Err(not_found("Safety lever", id)) }
}

pub(super) fn get_safety_lever(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    check(&id)?;
    Ok(render(account))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateSafetyLeverState {
    id: String,
    state: LeverState,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LeverState {
    status: Position,
    reason: String,
}

pub(super) fn update_safety_lever_state(
    account: &mut Account,
    input: UpdateSafetyLeverState,
) -> Answer {
    check(&input.id)?;
    if input.state.reason.is_empty() {
        return Err(ServiceError::validation("state.reason must not be empty."));
    }
    let lever = &mut account.services.fis.lever;
    lever.position = input.state.status;
    lever.reason = Some(input.state.reason);
    if input.state.status == Position::Engaged {
        let running: Vec<String> = account
            .services
            .fis
            .experiments
            .values()
            .filter(|one| one.status == Status::Running)
            .map(|one| one.id.clone())
            .collect();
        for id in running {
            run::halt(account, &id, "Experiment stopped by the safety lever.");
        }
    }
    Ok(render(account))
}
