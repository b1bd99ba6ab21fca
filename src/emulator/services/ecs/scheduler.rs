//! The service scheduler: it starts and stops tasks until a service has what it wants.
//!
//! Main type: [`Run`]; main function: [`act`]. Invariants: never more tasks than the maximum percentage
//! lets run, and no healthy task is stopped below the minimum percentage; tasks that fail to start are
//! started again later and later.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::services::{Service, say, service_mut};
use super::{Due, Which, definitions, notices, rollout};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::facts::{Fact, FactId};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The tasks of one service revision: what `DescribeServices` calls a deployment.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) revision: String,
    /// Such as `ecs-svc/1234567890123456789`.
    pub(super) id: String,
    /// The ARN of the task definition.
    pub(super) definition: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// Launched, and not running yet.
    pub(super) pending: u32,
    /// Running, but not for long enough to count.
    pub(super) running: u32,
    pub(super) healthy: u32,
    /// Tasks that failed one after the other.
    pub(super) failed: u32,
    /// How often tasks failed to start.
    rounds: u32,
    /// Tasks that failed are not started again yet.
    waits: bool,
    pub(super) state: RolloutState,
    pub(super) reason: String,
    /// That tasks of it run.
    pub(super) fact: Option<FactId>,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

impl Run {
    /// The tasks of a revision that is about to be rolled out.
    pub(super) fn new(revision: String, id: String, definition: String, now: Timestamp) -> Self {
        let reason = format!("ECS deployment {id} in progress.");
        Self {
            revision,
            id,
            definition,
            created: now,
            updated: now,
            pending: 0,
            running: 0,
            healthy: 0,
            failed: 0,
            rounds: 0,
            waits: false,
            state: RolloutState::InProgress,
            reason,
            fact: None,
        }
    }

    /// Begins to be rolled out again, with the tasks that it still has.
    pub(super) fn again(&mut self, id: String, reason: String, now: Timestamp) {
        (self.id, self.reason, self.updated) = (id, reason, now);
        (self.failed, self.rounds, self.waits) = (0, 0, false);
        self.state = RolloutState::InProgress;
    }

    fn total(&self) -> u32 {
        self.pending + self.running + self.healthy
    }

    /// Stops up to `tasks`, of which `spare` may be healthy; answers how many were stopped.
    fn stop(&mut self, tasks: u32, spare: &mut u32) -> u32 {
        let mut left = tasks;
        for count in [&mut self.pending, &mut self.running] {
            let stopped = left.min(*count);
            *count -= stopped;
            left -= stopped;
        }
        let stopped = left.min(self.healthy).min(*spare);
        self.healthy -= stopped;
        *spare -= stopped;
        tasks - (left - stopped)
    }

    /// As `DescribeServices` shows it.
    pub(super) fn render(&self, desired: u32, is_primary: bool) -> Value {
        json!({
            "id": self.id,
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": self.definition,
            "desiredCount": if is_primary { desired } else { 0 },
            "pendingCount": self.pending,
            "runningCount": self.running + self.healthy,
            "failedTasks": self.failed,
            "createdAt": epoch_seconds(self.created),
            "updatedAt": epoch_seconds(self.updated),
            "rolloutState": self.state,
            "rolloutStateReason": self.reason,
        })
    }
}

impl Service {
    /// Stops what may be stopped; answers how many tasks of the goal may be launched.
    fn step(&mut self) -> u32 {
        let Some(at) = self.runs.iter().position(|run| Some(&run.revision) == self.goal.as_ref())
        else {
            return 0;
        };
        let (most, least) =
            (self.configuration.most(self.desired), self.configuration.least(self.desired));
        let mut unlimited = u32::MAX;
        let surplus = self.runs[at].total().saturating_sub(self.desired);
        self.runs[at].stop(surplus, &mut unlimited);
        let missing = self.desired - self.runs[at].total();
        let all: u32 = self.runs.iter().map(Run::total).sum();
        let mut wanted = (all + missing).saturating_sub(most);
        let healthy: u32 = self.runs.iter().map(|run| run.healthy).sum();
        let mut spare = healthy.saturating_sub(least);
        if self.runs[at].healthy >= self.desired {
            (wanted, spare) = (u32::MAX, u32::MAX);
        }
        for run in self.runs.iter_mut().filter(|run| Some(&run.revision) != self.goal.as_ref()) {
            wanted -= run.stop(wanted.min(run.total()), &mut spare);
        }
        let all: u32 = self.runs.iter().map(Run::total).sum();
        if self.runs[at].waits { 0 } else { missing.min(most.saturating_sub(all)) }
    }

    /// Whether it has the tasks that it wants, and no others.
    fn is_steady(&self) -> bool {
        let [run] = self.runs.as_slice() else { return false };
        Some(&run.revision) == self.goal.as_ref()
            && (run.pending, run.running, run.healthy) == (0, 0, self.desired)
    }

    /// The facts of the revisions of which no task runs any more; a revision without a task is gone
    /// unless it is the goal.
    fn over(&mut self) -> Vec<FactId> {
        let idle = |run: &&mut Run| run.running + run.healthy == 0;
        let facts = self.runs.iter_mut().filter(idle).filter_map(|run| run.fact.take()).collect();
        let goal = self.goal.clone();
        self.runs.retain(|run| run.total() > 0 || Some(&run.revision) == goal.as_ref());
        facts
    }
}

/// Does what the service needs next.
pub(super) fn act(account: &mut Account, which: &Which) {
    let Some(service) = service_mut(account, which) else { return };
    if service.halted || !service.active {
        return;
    }
    let launched = service.step();
    let goal = service.goal.clone();
    if let Some(run) = goal.as_ref().and_then(|goal| service.run_mut(goal)) {
        run.pending += launched;
    }
    let facts = service.over();
    let is_steady = service.is_steady();
    service.settled &= is_steady;
    let is_news = is_steady && !service.settled;
    for fact in facts {
        account.facts.end(fact);
    }
    if let Some(goal) = goal.filter(|_| launched > 0) {
        say(account, which, &format!("has started {launched} tasks."));
        let starts = match failure(account, which, &goal) {
            None => timing::ECS_TASK_STARTS,
            Some(_) => timing::ECS_TASK_FAILS,
        };
        account.schedule_in(starts, Due::Launched(which.clone(), goal, launched));
    }
    if is_news {
        account.schedule_in(timing::ECS_STEADY, Due::Steady(which.clone()));
    }
}

/// Why the tasks of a service revision don't start, where the environment says so.
fn failure(account: &Account, which: &Which, revision: &str) -> Option<String> {
    let state = &account.services.ecs;
    let definition = &state.services.get(which)?.run(revision)?.definition;
    let name = definitions::short_name(definition);
    let declared = state.declared.iter().find(|one| one.task_definition == name)?;
    Some(declared.fails.clone())
}

/// Tasks that were launched run, or have failed to start.
pub(super) fn launched(account: &mut Account, which: &Which, revision: &str, tasks: u32) {
    let failure = failure(account, which, revision);
    let now = account.now();
    let Some(run) = service_mut(account, which).and_then(|one| one.run_mut(revision)) else {
        return;
    };
    let tasks = tasks.min(run.pending);
    if tasks == 0 {
        return;
    }
    run.pending -= tasks;
    run.updated = now;
    if let Some(why) = failure {
        run.failed = run.failed.saturating_add(tasks);
        run.rounds += 1;
        run.waits = true;
        failed(account, which, revision, tasks, &why);
    } else {
        run.running += tasks;
        let name = definitions::short_name(&run.definition).to_owned();
        if run.fact.is_none() {
            let attributes = [
                ("cluster", which.0.as_str()),
                ("service", which.1.as_str()),
                ("task-definition", name.as_str()),
            ];
            let fact = account.facts.begin(Fact::new("tasks", attributes));
            let run = service_mut(account, which).and_then(|one| one.run_mut(revision));
            run.expect("it was just found").fact = Some(fact);
        }
        let due = Due::Healthy(which.clone(), revision.to_owned(), tasks);
        account.schedule_in(timing::ECS_TASK_COUNTS, due);
        rollout::runs(account, which, revision);
    }
    account.touch(Topic::Deployments);
}

/// Tasks failed to start: the circuit breaker may trip, or they are started again later.
fn failed(account: &mut Account, which: &Which, revision: &str, tasks: u32, why: &str) {
    say(account, which, &format!("{tasks} tasks failed to start: {why}"));
    rollout::tasks_failed(account, which, revision, tasks);
    let Some(service) = service_mut(account, which) else { return };
    let is_goal = service.goal.as_deref() == Some(revision) && !service.halted;
    let rounds = service.run(revision).map_or(0, |run| run.rounds);
    if !is_goal {
        return;
    }
    if rounds > 1 {
        notices::action(account, which, "WARN", "SERVICE_TASK_START_IMPAIRED", None);
    }
    account.schedule_in(retry(rounds), Due::Looks(which.clone()));
}

/// How long until tasks are started again that failed so many times: each time twice as long.
fn retry(rounds: u32) -> SignedDuration {
    let doublings = rounds.saturating_sub(1).min(16);
    let wait = timing::ECS_RETRY_FIRST * (1_i32 << doublings);
    wait.min(timing::ECS_RETRY_LONGEST)
}

/// Tasks have run for long enough to count.
pub(super) fn healthy(account: &mut Account, which: &Which, revision: &str, tasks: u32) {
    let now = account.now();
    let Some(run) = service_mut(account, which).and_then(|one| one.run_mut(revision)) else {
        return;
    };
    let tasks = tasks.min(run.running);
    run.running -= tasks;
    run.healthy += tasks;
    run.updated = now;
    (run.failed, run.rounds) = (0, 0);
    act(account, which);
}

/// What failed may be started again.
pub(super) fn looks(account: &mut Account, which: &Which) {
    if let Some(service) = service_mut(account, which) {
        for run in &mut service.runs {
            run.waits = false;
        }
    }
    act(account, which);
}

/// The service has had what it wants for a while.
pub(super) fn steady(account: &mut Account, which: &Which) {
    let Some(service) = service_mut(account, which) else { return };
    if service.settled || service.halted || !service.is_steady() {
        return;
    }
    service.settled = true;
    say(account, which, "has reached a steady state.");
    notices::action(account, which, "INFO", "SERVICE_STEADY_STATE", None);
    rollout::reached(account, which);
}
