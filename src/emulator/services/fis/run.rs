//! The life of an experiment: pending, initiating, running, and one of five ends.
//!
//! Main functions: [`runs`] (targets are resolved, actions begin), [`looks`] (alarms and work are looked
//! at), [`halt`] (the experiment is stopped) and [`fail`]. Invariants: an action begins only when all that
//! it starts after have ended well; when the experiment ends, no action is running and none of their
//! facts is left. <https://docs.aws.amazon.com/fis/latest/userguide/experiments.html>.

use serde_json::json;

use super::actions::{self, Begun, Progress, Work};
use super::experiment::{ActionStatus, ActionsMode, Experiment, Failure, Status};
use super::safety::Position;
use super::template::EmptyTargets;
use super::{Due, targets};
use crate::emulator::account::Account;
use crate::emulator::services::{cloudwatch, events};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// AWS's reason for an experiment that its alarm stopped.
const HALTED: &str = "Experiment halted by stop condition.";

pub(super) fn experiment<'a>(account: &'a mut Account, id: &str) -> Option<&'a mut Experiment> {
    account.services.fis.experiments.get_mut(id)
}

fn status(account: &Account, id: &str) -> Option<Status> {
    account.services.fis.experiments.get(id).map(|found| found.status)
}

/// Changes an experiment's state and says so.
/// <https://docs.aws.amazon.com/fis/latest/userguide/monitoring-eventbridge.html>.
fn enter(account: &mut Account, id: &str, status: Status, reason: &str) {
    let now = account.now();
    let Some(found) = experiment(account, id) else { return };
    let old = json!({"status": found.status, "reason": found.reason});
    found.status = status;
    reason.clone_into(&mut found.reason);
    if !status.is_active() {
        found.ended = Some(now);
    }
    let detail = json!({
        "experiment-id": found.id,
        "experiment-template-id": found.template,
        "new-state": {"status": status, "reason": reason},
        "old-state": old,
    });
    let arn = account.services.fis.experiments[id].arn(account);
    events::emit(account, "aws.fis", "FIS Experiment State Change", vec![arn], detail);
    account.touch(Topic::Experiments);
}

fn set_action(
    account: &mut Account,
    id: &str,
    action: &str,
    status: ActionStatus,
    reason: impl Into<String>,
) {
    let now = account.now();
    let Some(run) = experiment(account, id).and_then(|found| found.actions.get_mut(action)) else {
        return;
    };
    run.status = status;
    run.reason = reason.into();
    match status {
        ActionStatus::Initiating => run.started = Some(now),
        ActionStatus::Completed | ActionStatus::Stopped | ActionStatus::Failed => {
            run.ended = Some(now);
        }
        ActionStatus::Pending
        | ActionStatus::Running
        | ActionStatus::Cancelled
        | ActionStatus::Stopping
        | ActionStatus::Skipped => {}
    }
    account.touch(Topic::Experiments);
}

fn actions_with(account: &Account, id: &str, status: ActionStatus) -> Vec<String> {
    account.services.fis.experiments.get(id).map_or_else(Vec::new, |found| {
        let matching = found.actions.iter().filter(|(_, run)| run.status == status);
        matching.map(|(name, _)| name.clone()).collect()
    })
}

// --- Beginning ---

/// The experiment was created: it will initiate.
pub(super) fn begin(account: &mut Account, id: &str) {
    account.schedule_in(timing::EXPERIMENT_PENDING, Due::Initiates(id.to_owned()));
    account.touch(Topic::Experiments);
}

pub(super) fn initiates(account: &mut Account, id: &str) {
    if status(account, id) != Some(Status::Pending) {
        return;
    }
    if account.services.fis.lever.position == Position::Engaged {
        cancel(account, id);
        return;
    }
    let now = account.now();
    if let Some(found) = experiment(account, id) {
        found.started = Some(now);
    }
    enter(account, id, Status::Initiating, "Experiment is initiating.");
    account.schedule_in(timing::EXPERIMENT_INITIATES, Due::Runs(id.to_owned()));
}

/// The safety lever is engaged: the experiment never runs.
fn cancel(account: &mut Account, id: &str) {
    for action in actions_with(account, id, ActionStatus::Pending) {
        set_action(account, id, &action, ActionStatus::Cancelled, "Action was cancelled.");
    }
    enter(account, id, Status::Cancelled, "Experiment cancelled: the safety lever is engaged.");
}

/// Looks at the stop conditions, resolves the targets and begins the first actions.
pub(super) fn runs(account: &mut Account, id: &str) {
    if status(account, id) != Some(Status::Initiating) {
        return;
    }
    if account.services.fis.lever.position == Position::Engaged {
        cancel(account, id);
        return;
    }
    if let Some(failure) = missing_alarm(account, id) {
        fail(account, id, failure);
        return;
    }
    // AWS documents no refusal for an alarm that is already in ALARM: the stop condition is simply met.
    if is_alarmed(account, id) {
        halt(account, id, HALTED);
        return;
    }
    if let Err(failure) = resolve(account, id) {
        fail(account, id, failure);
        return;
    }
    if account.services.fis.experiments[id].mode == ActionsMode::SkipAll {
        for action in actions_with(account, id, ActionStatus::Pending) {
            let reason = "Action was skipped: the actions mode is skip-all.";
            set_action(account, id, &action, ActionStatus::Skipped, reason);
        }
    }
    enter(account, id, Status::Running, "Experiment is running.");
    account.schedule_in(timing::EXPERIMENT_LONGEST, Due::Expires(id.to_owned()));
    proceed(account, id);
}

fn missing_alarm(account: &Account, id: &str) -> Option<Failure> {
    let found = account.services.fis.experiments.get(id)?;
    let missing = found.alarms().find(|arn| cloudwatch::alarm_state(account, arn).is_none())?;
    Some(Failure {
        code: "ConfigurationFailure",
        location: "stopConditions".to_owned(),
        reason: format!("The alarm {missing} of a stop condition does not exist."),
    })
}

fn is_alarmed(account: &Account, id: &str) -> bool {
    let Some(found) = account.services.fis.experiments.get(id) else { return false };
    found.alarms().any(|arn| cloudwatch::alarm_state(account, arn) == Some("ALARM"))
}

/// Resolves every target; an empty one fails the experiment, or skips its actions.
fn resolve(account: &mut Account, id: &str) -> Result<(), Failure> {
    let Some(found) = experiment(account, id) else { return Ok(()) };
    let mode = found.options.empty_target_resolution_mode;
    let wanted: Vec<_> = found.targets.clone().into_iter().collect();
    for (name, target) in wanted {
        let arns = targets::resolve(account, &target);
        let is_short = arns.is_empty() || is_partly_missing(&target, &arns);
        if is_short && mode == EmptyTargets::Fail {
            return Err(Failure {
                code: "InvalidTarget",
                location: format!("targets.{name}"),
                reason: "Target resolution returned empty set.".to_owned(),
            });
        }
        if let Some(found) = experiment(account, id) {
            found.resolved.insert(name, arns);
        }
    }
    Ok(())
}

/// Whether every resource was named and some of them are not there.
fn is_partly_missing(target: &super::template::Target, arns: &[String]) -> bool {
    target.selection_mode == "ALL"
        && target.resource_arns.iter().any(|wanted| !arns.contains(wanted))
}

/// Begins every action whose turn it is; ends the experiment when nothing is left.
fn proceed(account: &mut Account, id: &str) {
    loop {
        let ready = ready(account, id);
        if ready.is_empty() {
            break;
        }
        for action in ready {
            initiate_action(account, id, &action);
        }
    }
    let Some(found) = account.services.fis.experiments.get(id) else { return };
    let is_over = found
        .actions
        .values()
        .all(|run| matches!(run.status, ActionStatus::Completed | ActionStatus::Skipped));
    if found.status == Status::Running && is_over {
        enter(account, id, Status::Completed, "Experiment completed.");
    } else {
        watch(account, id);
    }
}

/// The pending actions for which everything that they start after has ended well.
fn ready(account: &Account, id: &str) -> Vec<String> {
    let Some(found) = account.services.fis.experiments.get(id) else { return Vec::new() };
    let is_done = |name: &String| {
        matches!(found.actions[name].status, ActionStatus::Completed | ActionStatus::Skipped)
    };
    let pending = found.actions.iter().filter(|(_, run)| {
        run.status == ActionStatus::Pending && run.action.start_after.iter().all(is_done)
    });
    pending.map(|(name, _)| name.clone()).collect()
}

fn initiate_action(account: &mut Account, id: &str, action: &str) {
    let found = &account.services.fis.experiments[id];
    let target = found.actions[action].action.target();
    let is_empty = target.is_some_and(|name| found.resolved.get(name).is_none_or(Vec::is_empty));
    if is_empty {
        let reason = "Action was skipped: its target resolved to no resource.";
        set_action(account, id, action, ActionStatus::Skipped, reason);
        return;
    }
    set_action(account, id, action, ActionStatus::Initiating, "Action is initiating.");
    let due = Due::ActionRuns(id.to_owned(), action.to_owned());
    account.schedule_in(timing::EXPERIMENT_ACTION_INITIATES, due);
}

// --- Running ---

fn is_in(account: &Account, id: &str, action: &str, wanted: ActionStatus) -> bool {
    let run = account.services.fis.experiments.get(id).and_then(|found| found.actions.get(action));
    run.is_some_and(|run| run.status == wanted)
}

pub(super) fn action_runs(account: &mut Account, id: &str, action: &str) {
    if !is_in(account, id, action, ActionStatus::Initiating) {
        return;
    }
    match actions::begin(account, id, action) {
        Ok(Begun { work, lasts, is_done }) => {
            if let Some(run) = experiment(account, id).and_then(|one| one.actions.get_mut(action)) {
                run.work = work;
            }
            set_action(account, id, action, ActionStatus::Running, "Action is running.");
            actions::announce(account, id, action);
            if let Some(lasts) = lasts {
                account.schedule_in(lasts, Due::ActionEnds(id.to_owned(), action.to_owned()));
            }
            if is_done {
                complete_action(account, id, action);
            } else {
                watch(account, id);
            }
        }
        Err(failure) => fail_action(account, id, action, failure),
    }
}

fn complete_action(account: &mut Account, id: &str, action: &str) {
    actions::retract(account, id, action);
    set_action(account, id, action, ActionStatus::Completed, "Action was completed.");
    proceed(account, id);
}

fn fail_action(account: &mut Account, id: &str, action: &str, failure: Failure) {
    actions::retract(account, id, action);
    set_action(account, id, action, ActionStatus::Failed, failure.reason.clone());
    fail(account, id, failure);
}

/// An action's duration is over.
pub(super) fn action_ends(account: &mut Account, id: &str, action: &str) {
    if !is_in(account, id, action, ActionStatus::Running) {
        return;
    }
    match actions::finish(account, id, action) {
        Ok(()) => complete_action(account, id, action),
        Err(failure) => fail_action(account, id, action, failure),
    }
}

/// Puts the next look on the agenda, where there is something to look at.
fn watch(account: &mut Account, id: &str) {
    let Some(found) = experiment(account, id) else { return };
    let has_work = found
        .actions
        .values()
        .any(|run| run.status == ActionStatus::Running && run.work.is_polled());
    let has_alarm = found.alarms().next().is_some();
    if found.status == Status::Running && !found.is_watched && (has_work || has_alarm) {
        found.is_watched = true;
        account.schedule_in(timing::EXPERIMENT_LOOKS, Due::Looks(id.to_owned()));
    }
}

pub(super) fn looks(account: &mut Account, id: &str) {
    if let Some(found) = experiment(account, id) {
        found.is_watched = false;
    }
    if status(account, id) != Some(Status::Running) {
        return;
    }
    if is_alarmed(account, id) {
        halt(account, id, HALTED);
        return;
    }
    for action in actions_with(account, id, ActionStatus::Running) {
        if !is_in(account, id, &action, ActionStatus::Running) {
            continue;
        }
        match actions::progress(account, id, &action) {
            Ok(Progress::Continues) => {}
            Ok(Progress::Done) => complete_action(account, id, &action),
            Err(failure) => fail_action(account, id, &action, failure),
        }
    }
    watch(account, id);
}

// --- Ending ---

/// Stops an experiment: nothing new begins, what runs is undone.
pub(super) fn halt(account: &mut Account, id: &str, reason: &str) {
    enter(account, id, Status::Stopping, reason);
    wind_down(account, id, ActionStatus::Stopping);
    account.schedule_in(timing::EXPERIMENT_STOPS, Due::Stops(id.to_owned()));
}

/// The stopping experiment is stopped.
pub(super) fn stops(account: &mut Account, id: &str) {
    let Some(found) = account.services.fis.experiments.get(id) else { return };
    if found.status != Status::Stopping {
        return;
    }
    let reason = found.reason.clone();
    for action in actions_with(account, id, ActionStatus::Stopping) {
        set_action(account, id, &action, ActionStatus::Stopped, "Action was stopped.");
    }
    enter(account, id, Status::Stopped, &reason);
}

/// An experiment that has run for as long as one may is stopped.
pub(super) fn expires(account: &mut Account, id: &str) {
    if status(account, id) == Some(Status::Running) {
        halt(account, id, "Experiment stopped: it ran for the longest time that one may.");
    }
}

/// Ends an experiment in failure: the actions that run are undone, the rest are cancelled.
pub(super) fn fail(account: &mut Account, id: &str, failure: Failure) {
    wind_down(account, id, ActionStatus::Stopped);
    let reason = failure.reason.clone();
    if let Some(found) = experiment(account, id) {
        found.failure = Some(failure);
    }
    enter(account, id, Status::Failed, &reason);
}

/// Undoes what runs and cancels what has not begun.
fn wind_down(account: &mut Account, id: &str, running_becomes: ActionStatus) {
    for action in actions_with(account, id, ActionStatus::Running) {
        actions::undo(account, id, &action);
        actions::retract(account, id, &action);
        set_action(account, id, &action, running_becomes, "Action was stopped.");
    }
    for status in [ActionStatus::Initiating, ActionStatus::Pending] {
        for action in actions_with(account, id, status) {
            set_action(account, id, &action, ActionStatus::Cancelled, "Action was cancelled.");
        }
    }
    if let Some(found) = experiment(account, id) {
        found.actions.values_mut().for_each(|run| run.work = Work::Nothing);
    }
}
