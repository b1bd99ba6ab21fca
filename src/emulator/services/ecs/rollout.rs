//! The life of a service deployment: pending, in progress, and successful, stopped or rolled back.
//!
//! Main functions: [`create`], [`reached`], [`polls`] and [`tasks_failed`]. Invariants: a rollback is a part
//! of the deployment that it takes back, and never rolled back itself; alarms count from the first task that
//! runs until the end of the bake time, and not at all where one was in ALARM at the beginning. Sources:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>,
//! <https://aws.amazon.com/blogs/containers/automate-rollbacks-for-amazon-ecs-rolling-deployments-with-cloudwatch-alarms/>.

use super::configuration::threshold;
use super::deployments::{Deployment, Monitor, Revision, Rollback, Status};
use super::scheduler::{self, RolloutState, Run};
use super::services::{Good, say, service_mut};
use super::{Due, Which, notices};
use crate::emulator::account::Account;
use crate::emulator::services::cloudwatch;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// AWS's words where there is nothing to go back to.
const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";

fn deployment<'a>(account: &'a mut Account, arn: &str) -> Option<&'a mut Deployment> {
    account.services.ecs.deployments.get_mut(arn)
}

/// A number of nineteen digits, as ECS gives its deployments and revisions.
fn number(account: &mut Account) -> u64 {
    const LEAST: u64 = 1_000_000_000_000_000_000;
    LEAST + account.ids.below(9 * LEAST)
}

/// Changes a deployment's status.
fn enter(account: &mut Account, arn: &str, status: Status) {
    let now = account.now();
    let Some(found) = deployment(account, arn) else { return };
    found.status = status;
    found.updated = now;
    if status == Status::InProgress {
        found.started = Some(now);
    }
    if status == Status::Stopped {
        found.stopped = Some(now);
    }
    if !status.goes_on() {
        found.finished = Some(now);
        found.bakes = false;
        for monitor in [&mut found.breaker, &mut found.alarms] {
            if *monitor == Monitor::Monitoring {
                *monitor = Monitor::MonitoringComplete;
            }
        }
    }
    account.touch(Topic::Deployments);
}

/// A deployment of what the service is now told to be; one that goes on is asked to stop.
pub(super) fn create(account: &mut Account, which: &Which) {
    let (now, id) = (account.now(), account.ids.alphanumeric(21));
    let path = format!("{}/{}", which.0, which.1);
    let arn = account.identity().arn("ecs", &format!("service-deployment/{path}/{id}"));
    let number = number(account);
    let target = account.identity().arn("ecs", &format!("service-revision/{path}/{number}"));
    let state = &mut account.services.ecs;
    let service = &state.services[which];
    let is_on = |on: bool| if on { Monitor::Monitoring } else { Monitor::Disabled };
    let new = Deployment {
        arn: arn.clone(),
        which: which.clone(),
        status: Status::Pending,
        reason: None,
        created: now,
        started: None,
        finished: None,
        stopped: None,
        updated: now,
        sources: service.runs.iter().map(|run| run.revision.clone()).collect(),
        target: target.clone(),
        configuration: service.configuration.clone(),
        breaker: is_on(service.configuration.breaker().is_some()),
        failures: 0,
        threshold: threshold(service.desired),
        alarms: is_on(service.configuration.watched().is_some()),
        triggered: Vec::new(),
        polls: false,
        bakes: false,
        rollback: None,
    };
    state.revisions.insert(target.clone(), Revision::of(service, target, now));
    let others = state.deployments.values().filter(|one| one.which == *which);
    let others: Vec<String> =
        others.filter(|one| one.status.goes_on()).map(|one| one.arn.clone()).collect();
    state.deployments.insert(arn.clone(), new);
    for other in others {
        enter(account, &other, Status::StopRequested);
    }
    account.schedule_in(timing::ECS_DEPLOYMENT_BEGINS, Due::Begins(arn));
    account.touch(Topic::Deployments);
}

/// A deployment that was created begins; those that were asked to stop before it are over.
pub(super) fn begins(account: &mut Account, arn: &str) {
    let Some(found) = deployment(account, arn) else { return };
    let (which, target) = (found.which.clone(), found.target.clone());
    let is_pending = found.status == Status::Pending;
    let asked = account.services.ecs.deployments.values();
    let asked: Vec<String> = asked
        .filter(|one| one.which == which && one.status == Status::StopRequested)
        .map(|one| one.arn.clone())
        .collect();
    for other in asked {
        if let Some(other) = deployment(account, &other) {
            // AWS publishes no wording for this; ours.
            other.reason = Some("Service deployment stopped because of a new one.".to_owned());
        }
        enter(account, &other, Status::Stopped);
    }
    if !is_pending {
        return;
    }
    enter(account, arn, Status::InProgress);
    let alarms = alarming(account, arn);
    if let Some(found) = deployment(account, arn).filter(|_| !alarms.is_empty()) {
        // A deployment that is to mend what an alarm tells of must not fail because of it.
        found.alarms = Monitor::Disabled;
    }
    if let Some(service) = service_mut(account, &which) {
        service.current = Some(arn.to_owned());
    }
    let id = aim(account, &which, &target, None);
    let reason = format!("ECS deployment {id} in progress.");
    let what = ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS");
    notices::deployment(account, &which, what, &id, &reason);
    scheduler::act(account, &which);
}

/// Gives the scheduler another goal; answers the id of the rollout towards it.
fn aim(account: &mut Account, which: &Which, revision: &str, reason: Option<&str>) -> String {
    let (now, id) = (account.now(), format!("ecs-svc/{}", number(account)));
    let state = &mut account.services.ecs;
    let definition = state.revisions.get(revision).map(|one| one.definition.clone());
    let definition = definition.unwrap_or_default();
    let Some(service) = state.services.get_mut(which) else { return id };
    service.goal = Some(revision.to_owned());
    (service.halted, service.settled) = (false, false);
    service.definition.clone_from(&definition);
    let said = reason.map_or_else(|| format!("ECS deployment {id} in progress."), str::to_owned);
    if let Some(run) = service.run_mut(revision) {
        run.again(id.clone(), said, now);
    } else {
        let mut run = Run::new(revision.to_owned(), id.clone(), definition, now);
        run.reason = said;
        service.runs.push(run);
    }
    id
}

/// The deployment that goes on in a service.
fn current(account: &Account, which: &Which) -> Option<Deployment> {
    let state = &account.services.ecs;
    let arn = state.services.get(which)?.current.as_ref()?;
    state.deployments.get(arn).filter(|one| one.status.goes_on()).cloned()
}

/// Tasks of a service revision run: from now on the alarms count.
pub(super) fn runs(account: &mut Account, which: &Which, revision: &str) {
    let Some(found) = current(account, which) else { return };
    let is_watched = found.alarms == Monitor::Monitoring && !found.polls;
    if found.target != revision || found.status != Status::InProgress || !is_watched {
        return;
    }
    if let Some(found) = deployment(account, &found.arn) {
        found.polls = true;
    }
    polls(account, &found.arn);
}

/// The service has had for a while what its deployment wants.
pub(super) fn reached(account: &mut Account, which: &Which) {
    let Some(found) = current(account, which) else { return };
    match found.status {
        Status::InProgress if found.alarms == Monitor::Monitoring => {
            if let Some(found) = deployment(account, &found.arn) {
                found.bakes = true;
            }
            let lasts = bake_time(account, &found);
            account.schedule_in(lasts, Due::Baked(found.arn));
        }
        Status::InProgress => succeeds(account, &found, Status::Successful),
        Status::RollbackInProgress => succeeds(account, &found, Status::RollbackSuccessful),
        Status::Pending
        | Status::StopRequested
        | Status::RollbackRequested
        | Status::Stopped
        | Status::Successful
        | Status::RollbackSuccessful
        | Status::RollbackFailed => {}
    }
}

/// "Amazon ECS computes this time period based on the alarm configuration"; how is not said, so that it is
/// as long as the slowest of the alarms looks back, and two evaluations more, is ours: periods don't begin
/// with the tasks, and an alarm is evaluated some time after its period.
fn bake_time(account: &Account, found: &Deployment) -> jiff::SignedDuration {
    let names = found.configuration.watched().map(|alarms| alarms.alarm_names.as_slice());
    let windows = names.unwrap_or_default().iter();
    let windows = windows.filter_map(|name| cloudwatch::looks_back(account, name));
    windows.max().unwrap_or_default() + timing::ALARM_EVALUATION * 2
}

/// The bake time is over, and no alarm had anything to say.
pub(super) fn baked(account: &mut Account, arn: &str) {
    let Some(found) = deployment(account, arn).cloned() else { return };
    if found.status == Status::InProgress && found.bakes {
        succeeds(account, &found, Status::Successful);
    }
}

/// What was wanted runs: the new service revision, or the old one again.
fn succeeds(account: &mut Account, found: &Deployment, status: Status) {
    enter(account, &found.arn, status);
    let Some(service) = service_mut(account, &found.which) else { return };
    let goal = service.goal.clone().unwrap_or_default();
    let Some(run) = service.run_mut(&goal) else { return };
    let id = run.id.clone();
    run.state = RolloutState::Completed;
    run.reason = format!("ECS deployment {id} completed.");
    let reason = run.reason.clone();
    service.good = Some(Good { revision: goal, id: id.clone() });
    say(account, &found.which, &format!("(deployment {id}) deployment completed."));
    let what = ("INFO", "SERVICE_DEPLOYMENT_COMPLETED");
    notices::deployment(account, &found.which, what, &id, &reason);
}

// --- Alarms ---

/// Looks at the alarms, and again later.
pub(super) fn polls(account: &mut Account, arn: &str) {
    let Some(found) = deployment(account, arn).cloned() else { return };
    if found.status != Status::InProgress || found.alarms != Monitor::Monitoring {
        return;
    }
    let alarming = alarming(account, arn);
    if alarming.is_empty() {
        account.schedule_in(timing::ECS_ALARM_POLL, Due::Polls(arn.to_owned()));
        return;
    }
    let names = alarming.join(", ");
    if let Some(found) = deployment(account, arn) {
        found.alarms = Monitor::Triggered;
        found.triggered = alarming;
    }
    let wants = found.configuration.watched().is_some_and(|alarms| alarms.rollback);
    // AWS publishes no wording for alarms; these are ours, after those for the circuit breaker.
    let failure = Failure {
        failed: "ECS deployment failed: alarm detected.",
        why: format!("because of the alarm(s) [{names}]"),
    };
    fails(account, &found, &failure, wants);
}

/// The deployment's alarms that are in ALARM. One that is not there can't be.
fn alarming(account: &Account, arn: &str) -> Vec<String> {
    let found = &account.services.ecs.deployments[arn];
    let names = found.configuration.watched().map(|alarms| alarms.alarm_names.as_slice());
    let names = names.unwrap_or_default().iter();
    names.filter(|name| cloudwatch::alarm_state(account, name) == Some("ALARM")).cloned().collect()
}

// --- Ending badly ---

/// How a deployment failed, in words.
struct Failure {
    /// The sentence of the event and of the rollout that failed.
    failed: &'static str,
    /// What follows "Service deployment rolled back".
    why: String,
}

/// Tasks of a service revision failed to start: the circuit breaker may trip.
pub(super) fn tasks_failed(account: &mut Account, which: &Which, revision: &str, tasks: u32) {
    let Some(found) = current(account, which) else { return };
    let is_rollback = found.status == Status::RollbackInProgress;
    let back = found.rollback.as_ref().and_then(|rollback| rollback.revision.as_deref());
    let is_its = match found.status {
        Status::InProgress => found.target == revision,
        Status::RollbackInProgress => back == Some(revision),
        Status::Pending
        | Status::StopRequested
        | Status::RollbackRequested
        | Status::Stopped
        | Status::Successful
        | Status::RollbackSuccessful
        | Status::RollbackFailed => false,
    };
    if !is_its {
        return;
    }
    if let Some(known) = deployment(account, &found.arn) {
        known.failures = known.failures.saturating_add(tasks);
    }
    let Some(breaker) = found.configuration.breaker() else { return };
    let service = account.services.ecs.services.get(which);
    let in_a_row = service.and_then(|one| one.run(revision)).map_or(0, |run| run.failed);
    if in_a_row < found.threshold {
        return;
    }
    if let Some(known) = deployment(account, &found.arn) {
        known.breaker = Monitor::Triggered;
    }
    let failure = Failure {
        failed: "ECS deployment circuit breaker: tasks failed to start.",
        why: "because the circuit breaker threshold was exceeded".to_owned(),
    };
    if is_rollback {
        fail_run(account, &found, failure.failed);
        // AWS publishes no wording for a rollback whose tasks fail; ours.
        rollback_fails(account, &found, "The rollback failed: tasks failed to start.");
    } else {
        fails(account, &found, &failure, breaker.rollback);
    }
}

/// The rollout that the scheduler works on has failed.
fn fail_run(account: &mut Account, found: &Deployment, reason: &str) {
    let Some(service) = service_mut(account, &found.which) else { return };
    let Some(goal) = service.goal.clone() else { return };
    let Some(run) = service.run_mut(&goal) else { return };
    run.state = RolloutState::Failed;
    reason.clone_into(&mut run.reason);
    let id = run.id.clone();
    say(account, &found.which, &format!("(deployment {id}) deployment failed: {reason}"));
    let what = ("ERROR", "SERVICE_DEPLOYMENT_FAILED");
    notices::deployment(account, &found.which, what, &id, reason);
}

/// A deployment failed: it is taken back, or it ends here.
fn fails(account: &mut Account, found: &Deployment, failure: &Failure, wants_rollback: bool) {
    fail_run(account, found, failure.failed);
    if wants_rollback {
        let reason = format!("Service deployment rolled back {}.", failure.why);
        request_rollback(account, found, reason);
        return;
    }
    if let Some(found) = deployment(account, &found.arn) {
        found.reason = Some(format!("Service deployment stopped {}.", failure.why));
    }
    enter(account, &found.arn, Status::Stopped);
    halt(account, &found.which);
}

/// "A deployment in FAILED state doesn't launch any new tasks":
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>.
fn halt(account: &mut Account, which: &Which) {
    if let Some(service) = service_mut(account, which) {
        service.halted = true;
    }
}

/// Somebody asked for the deployment to be taken back, which needs no configuration.
pub(super) fn stop_on_request(account: &mut Account, arn: &str) {
    let Some(found) = deployment(account, arn).cloned() else { return };
    // AWS publishes no wording for this; ours.
    let reason = "Service deployment rolled back because of a StopServiceDeployment call.";
    request_rollback(account, &found, reason.to_owned());
}

fn request_rollback(account: &mut Account, found: &Deployment, reason: String) {
    let good = account.services.ecs.services.get(&found.which).and_then(|one| one.good.clone());
    let revision = good.map(|good| good.revision);
    let has_candidate = revision.is_some();
    if let Some(found) = deployment(account, &found.arn) {
        found.reason = Some(reason.clone());
        found.rollback = Some(Rollback { reason, started: None, revision });
    }
    if !has_candidate {
        rollback_fails(account, found, NO_CANDIDATE);
        return;
    }
    enter(account, &found.arn, Status::RollbackRequested);
    halt(account, &found.which);
    account.schedule_in(timing::ECS_ROLLBACK_BEGINS, Due::RollsBack(found.arn.clone()));
}

/// The service goes back to the revision of its last deployment that succeeded.
pub(super) fn rolls_back(account: &mut Account, arn: &str) {
    let now = account.now();
    let Some(found) = deployment(account, arn) else { return };
    if found.status != Status::RollbackRequested {
        return;
    }
    let which = found.which.clone();
    // The words for the circuit breaker are AWS's, the others are after them.
    let method = if found.breaker == Monitor::Triggered {
        "ECS deployment circuit breaker"
    } else if found.alarms == Monitor::Triggered {
        "ECS deployment alarms"
    } else {
        "ECS deployment stopped"
    };
    if let Some(rollback) = &mut found.rollback {
        rollback.started = Some(now);
    }
    enter(account, arn, Status::RollbackInProgress);
    let Some(service) = service_mut(account, &which) else { return };
    service.current = Some(arn.to_owned());
    let back = service.good.clone().expect("a rollback without a candidate has failed");
    let reason = format!("{method}: rolling back to deploymentId {}.", back.id);
    let id = aim(account, &which, &back.revision, Some(&reason));
    say(account, &which, &reason);
    let what = ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS");
    notices::deployment(account, &which, what, &id, &reason);
    scheduler::act(account, &which);
}

fn rollback_fails(account: &mut Account, found: &Deployment, why: &str) {
    if let Some(found) = deployment(account, &found.arn) {
        found.reason = Some(why.to_owned());
    }
    enter(account, &found.arn, Status::RollbackFailed);
    halt(account, &found.which);
}
