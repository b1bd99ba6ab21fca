//! Rules about expectations: one kind each, a deadline, and words that AWS knows.

use super::whole::{not_too_long, positive};
use super::{Check, deployments, events, messages};
use crate::scenario::HAPPENINGS;
use crate::scenario::names;
use crate::scenario::rules::code;
use crate::scenario::suggest::{hint_for, list, one_of, shortened};
use crate::scenario::types::{
    Correlation, Expectation, Kinds, Scenario, SetAlarmStateFault, StateValue,
};

/// The statuses of an Automation execution:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>.
const RUNBOOK_STATUSES: &[&str] = &[
    "Pending",
    "InProgress",
    "Waiting",
    "Success",
    "TimedOut",
    "Cancelling",
    "Cancelled",
    "Failed",
    "PendingApproval",
    "Approved",
    "Rejected",
    "Scheduled",
    "RunbookInProgress",
    "PendingChangeCalendarOverride",
    "ChangeCalendarOverrideApproved",
    "ChangeCalendarOverrideRejected",
    "CompletedWithSuccess",
    "CompletedWithFailure",
    "Exited",
];

/// The states of an experiment:
/// <https://docs.aws.amazon.com/fis/latest/APIReference/API_ExperimentState.html>.
const EXPERIMENT_STATES: &[&str] = &[
    "pending",
    "initiating",
    "running",
    "completed",
    "stopping",
    "stopped",
    "failed",
    "cancelled",
];

/// One expectation where it stands.
pub(super) struct Placed<'a> {
    /// Its id, given or by position.
    pub(super) id: String,
    /// Its path, such as `expect/2`.
    pub(super) path: String,
    /// Whether it stands in `recovery`.
    pub(super) recovery: bool,
    /// The expectation.
    pub(super) one: &'a Expectation,
}

impl<'a> Placed<'a> {
    /// What it looks at: its own kinds, or those inside its never.
    pub(super) fn kinds(&self) -> Kinds<'a> {
        match &self.one.never {
            Some(never) => Kinds::inside(never),
            None => Kinds::of(self.one),
        }
    }

    /// Where these stand.
    pub(super) fn kinds_path(&self) -> String {
        match self.one.never {
            Some(_) => format!("{}/never", self.path),
            None => self.path.clone(),
        }
    }
}

/// All expectations, in file order.
pub(super) fn all(scenario: &Scenario) -> Vec<Placed<'_>> {
    let lists = [("expect", false, &scenario.expect), ("recovery", true, &scenario.recovery)];
    lists
        .into_iter()
        .flat_map(|(list, recovery, all)| {
            all.iter().enumerate().map(move |(index, one)| Placed {
                id: names::expectation(one, recovery, index),
                path: format!("{list}/{index}"),
                recovery,
                one,
            })
        })
        .collect()
}

pub(super) fn check(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        kinds(check, &placed);
        deployments::check(check, &placed);
        timing(check, &placed);
        correlation(check, &placed);
        words(check, &placed);
    }
}

fn kinds(check: &mut Check<'_>, placed: &Placed<'_>) {
    let kinds = placed.kinds().names();
    let path = placed.kinds_path();
    let thing = if placed.one.never.is_some() { "never" } else { "expectation" };
    if kinds.is_empty() {
        let hint = format!("add {}", one_of(HAPPENINGS));
        let message = format!("the {thing} says nothing of what to look at");
        check.error(code::NOT_ONE_KIND, &path, message, hint);
    } else if kinds.len() > 1 {
        let message = format!("the {thing} has {} kinds: {}", kinds.len(), list(&kinds));
        let hint = "make them expectations of their own; `after` chains them".to_owned();
        let second = format!("{path}/{}", kinds[1]);
        check.error_at_key(code::NOT_ONE_KIND, &second, message, hint);
    }
    let outside = Kinds::of(placed.one).names();
    if placed.one.never.is_some() && !outside.is_empty() {
        let message = format!("{} stands beside `never`", list(&outside));
        let hint = "a never holds its kind inside: `never: {alarm: {…}}`".to_owned();
        let path = format!("{}/{}", placed.path, outside[0]);
        check.error_at_key(code::NOT_ONE_KIND, &path, message, hint);
    }
}

fn timing(check: &mut Check<'_>, placed: &Placed<'_>) {
    let one = placed.one;
    let at = |key: &str| format!("{}/{key}", placed.path);
    positive(check, &at("within"), one.within);
    positive(check, &at("for"), one.watch_for);
    not_too_long(check, &at("sustain"), one.sustain);
    if one.never.is_some() {
        if one.watch_for.is_none() {
            let message = "the never does not say how long to watch".to_owned();
            let hint = "add `for: 10m`, counted like a deadline".to_owned();
            check.error(code::NEVER_NEEDS_FOR, &placed.path, message, hint);
        }
        for (key, present) in [
            ("within", one.within.is_some()),
            ("sustain", one.sustain.is_some()),
            ("count", one.count.is_some()),
        ] {
            if present {
                let message = format!("a never has no `{key}`");
                let hint = match key {
                    "count" => "use `more_than` inside the never",
                    _ => "use `for`: the length of the watch",
                };
                check.error_at_key(code::NEVER_WITH_WITHIN, &at(key), message, hint.to_owned());
            }
        }
        return;
    }
    if one.within.is_none() {
        let message = format!("`{}` has no deadline", shortened(&placed.id));
        let hint = "add `within: 2m`, counted from the fault or from `after`".to_owned();
        check.error(code::WITHIN_MISSING, &placed.path, message, hint);
    }
    if one.watch_for.is_some() {
        let message = "`for` belongs to a never".to_owned();
        let hint = "use `sustain` for a state that must hold, `within` for a deadline".to_owned();
        check.error_at_key(code::FOR_WITHOUT_NEVER, &at("for"), message, hint);
    }
    sustain_and_count(check, placed);
}

/// An alarm that follows a metric carries no id and no marker, so a stronger correlation than the time is
/// never had: the expectation could not be met, and a never could not be violated.
fn correlation(check: &mut Check<'_>, placed: &Placed<'_>) {
    let scenario = check.scenario();
    let (demanded, path) = match placed.one.correlation {
        Some(own) => (own, format!("{}/correlation", placed.path)),
        None => (scenario.correlation.unwrap_or(Correlation::Window), placed.path.clone()),
    };
    let kinds = placed.kinds();
    let Some(alarm) = kinds.alarm.filter(|_| demanded > Correlation::Window) else { return };
    let set_by_hand = scenario
        .faults
        .iter()
        .any(|fault| fault.set_alarm_state.as_ref().is_some_and(|fault| fault.alarm == alarm.name));
    if set_by_hand {
        return;
    }
    let never = if placed.one.never.is_some() { "violated" } else { "met" };
    let message = format!(
        "nothing in the history of alarm `{}` says whose doing it was, so this can't be {never}",
        shortened(&alarm.name)
    );
    let hint = "use `correlation: window` here, and demand more of what follows from the alarm";
    check.warning(code::CORRELATION_NEVER_HAD, &path, message, hint.to_owned());
}

fn sustain_and_count(check: &mut Check<'_>, placed: &Placed<'_>) {
    let one = placed.one;
    let kinds = placed.kinds();
    let &[kind] = kinds.names().as_slice() else { return };
    if one.sustain.is_some()
        && !["alarm", "experiment", "queue", "http", "metric", "compliance"].contains(&kind)
    {
        let message = format!("a {kind} happens; it has no state that could hold");
        let hint = "remove `sustain`, or expect an alarm's state".to_owned();
        let path = format!("{}/sustain", placed.path);
        check.error_at_key(code::SUSTAIN_MISUSE, &path, message, hint);
    }
    let path = format!("{}/count", placed.path);
    match one.count {
        Some(0) => {
            let message = "a count of 0 would always be met".to_owned();
            let hint = format!("for nothing at all, write `never: {{{kind}: …}}` with `for`");
            check.error(code::COUNT_MISUSE, &path, message, hint);
        }
        Some(count) if count > 1 && ["rollback", "experiment"].contains(&kind) => {
            let message = format!("a drill has one {kind}, not {count}");
            check.error(code::COUNT_MISUSE, &path, message, "remove `count`".to_owned());
        }
        Some(_) | None => {}
    }
}

fn words(check: &mut Check<'_>, placed: &Placed<'_>) {
    let kinds = placed.kinds();
    if let Some(runbook) = kinds.runbook
        && !RUNBOOK_STATUSES.contains(&runbook.status.as_str())
    {
        let message = format!("`{}` is not a status of an execution", shortened(&runbook.status));
        let hint = hint_for(&runbook.status, RUNBOOK_STATUSES.iter().copied());
        check.error(
            code::UNKNOWN_STATUS,
            &format!("{}/runbook/status", placed.kinds_path()),
            message,
            hint,
        );
    }
    if let Some(experiment) = kinds.experiment
        && !EXPERIMENT_STATES.contains(&experiment.state.as_str())
    {
        let message = format!("`{}` is not a state of an experiment", shortened(&experiment.state));
        let hint = hint_for(&experiment.state, EXPERIMENT_STATES.iter().copied());
        let path = format!("{}/experiment/state", placed.kinds_path());
        check.error(code::UNKNOWN_STATE, &path, message, hint);
    }
    if let Some(event) = kinds.event {
        events::pattern(check, &event.pattern, &format!("{}/event/pattern", placed.kinds_path()));
    }
    messages::expectation(check, &kinds, placed);
    if placed.one.never.is_none() {
        set_by_the_fault(check, &kinds, placed);
    }
}

/// An alarm that the fault itself sets proves nothing, unless it is there to prove the fault's effect or
/// to see the alarm's action.
fn set_by_the_fault(check: &mut Check<'_>, kinds: &Kinds<'_>, placed: &Placed<'_>) {
    let Some(alarm) = kinds.alarm.filter(|alarm| alarm.action.is_none()) else { return };
    let faults = &check.scenario().faults;
    if faults.iter().any(|fault| fault.effect.as_deref() == Some(placed.id.as_str())) {
        return;
    }
    let sound = |index: usize| !check.is_broken(&format!("faults/{index}"));
    let set = faults
        .iter()
        .enumerate()
        .filter(|(index, fault)| sound(*index) && fault.target == placed.one.target)
        .filter_map(|(_, fault)| fault.set_alarm_state.as_ref());
    let natural = if placed.recovery { "OK" } else { "ALARM" };
    let wanted = alarm.state.map_or(natural, StateValue::as_str);
    let same = |set: &SetAlarmStateFault| set.alarm == alarm.name && set.state.as_str() == wanted;
    if set.into_iter().any(same) {
        let message = format!("the fault itself sets `{}` to {wanted}", shortened(&alarm.name));
        let hint =
            "expect what follows from it, add `action`, or name this as the fault's `effect`";
        let path = format!("{}/alarm", placed.path);
        check.note(code::STATE_NEVER_CHANGES, &path, message, hint.to_owned());
    }
}
