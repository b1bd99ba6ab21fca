//! From a scenario to its plan: defaults filled in, references resolved, nothing left to choose.
//!
//! Main function: [`Plan::new`]. Invariant: it is pure, and a scenario that the check passes always has a
//! plan; what the check refuses is an [`Unplannable`] here, never a panic.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::ids::{Ids, Named};
use super::kinds::only;
use super::{
    About, Anchor, Becomes, Demand, FaultAction, Kind, Phase, Plan, PlannedExpectation,
    PlannedFault, PlannedSteadyState, PlannedStop, Start, machines, messages, outside, schedule,
    target,
};
use crate::scenario::names;
use crate::scenario::types::{
    ComplianceState, Correlation, Duration, Expectation, Fault, FisFault, Kinds,
    PutMetricDataFault, Scenario, SetAlarmStateFault, Stage, StateValue,
};

/// How long to look past a deadline where the scenario does not say.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_secs(60);
/// The distance between datapoints where the scenario does not say.
pub const DEFAULT_SPACING: SignedDuration = SignedDuration::from_secs(60);
/// The key of the tag, and the marker in texts, that carries the run id.
pub const RUN_MARKER: &str = "firedrill:run";
/// The longest `StateReason` of `SetAlarmState`, in characters:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.
const MAX_REASON: usize = 1023;
/// No plan sends more datapoints than this (a day at one a second).
const MAX_DATAPOINTS: i64 = 86_400;
/// No duration of a plan is longer than this; the check refuses longer ones.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(24 * 366);

/// The most faults and expectations that a drill may have together.
pub const MAX_PARTS: usize = 500;

/// Why a scenario has no plan. The check finds the same, with the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// There is nothing that windows could count from.
    #[error("the scenario has no fault")]
    NoFault,
    /// A fault or an expectation without exactly one kind.
    #[error("`{id}` must have exactly one kind")]
    NotOneKind {
        /// Its id.
        id: String,
    },
    /// An expectation without a deadline, or a never without a window.
    #[error("`{id}` has no `{key}`")]
    Missing {
        /// Its id.
        id: String,
        /// The missing key.
        key: &'static str,
    },
    /// A reference to nothing.
    #[error("`{id}` refers to `{target}`, which does not exist")]
    UnknownReference {
        /// Who refers.
        id: String,
        /// To what.
        target: String,
    },
    /// A target that the scenario does not have.
    #[error("there is no target `{target}`")]
    UnknownTarget {
        /// Its name.
        target: String,
    },
    /// Two things have one id.
    #[error("two things have the id `{id}`")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// More faults and expectations than a drill may have.
    #[error("the scenario has more than {MAX_PARTS} faults and expectations")]
    TooMany,
    /// Things wait for one another.
    #[error("`{id}` waits for itself")]
    Cycle {
        /// One of them.
        id: String,
    },
}

impl Plan {
    /// The plan of a scenario. `file` is the scenario's file as given, `run_id` marks everything that the
    /// drill creates.
    pub fn new(scenario: &Scenario, file: &str, run_id: &str) -> Result<Self, Unplannable> {
        if scenario.faults.len() + scenario.expect.len() + scenario.recovery.len() > MAX_PARTS {
            return Err(Unplannable::TooMany);
        }
        let ids = Ids::new(scenario)?;
        let faults = faults(scenario, &ids, run_id)?;
        let first = faults.first().ok_or(Unplannable::NoFault)?.id.clone();
        let expectations = expectations(scenario, &ids, &first)?;
        let grace = scenario.grace.map_or(DEFAULT_GRACE, signed);
        let mut plan = Self {
            scenario: about(scenario, file),
            run_id: run_id.to_owned(),
            targets: target::planned(scenario),
            guardrails: scenario.guardrails.clone(),
            max_duration: SignedDuration::ZERO,
            stop_conditions: scenario
                .stop_conditions
                .iter()
                .map(|stop| PlannedStop { target: stop.target.clone(), alarm: stop.alarm.clone() })
                .collect(),
            steady_state: scenario
                .steady_state
                .iter()
                .map(|steady| PlannedSteadyState {
                    target: steady.target.clone(),
                    alarm: steady.alarm.name.clone(),
                    state: steady.alarm.state,
                })
                .collect(),
            faults,
            expectations,
            grace,
            objectives: scenario.objectives.clone(),
        };
        plan.know_targets()?;
        let worst = schedule::schedule(&plan)?;
        plan.max_duration = match scenario.guardrails.max_duration {
            Some(limit) => signed(limit),
            None => worst.end.saturating_add(schedule::MARGIN),
        };
        Ok(plan)
    }
}

fn about(scenario: &Scenario, file: &str) -> About {
    About {
        name: scenario.name.clone(),
        file: file.to_owned(),
        title: scenario.title.clone(),
        hypothesis: scenario.hypothesis.clone(),
        owner: scenario.owner.clone(),
        severity: scenario.severity,
        tags: scenario.tags.clone(),
    }
}

/// The faults in the order of their start: by offset, those that wait for another after it.
fn faults(scenario: &Scenario, ids: &Ids, run_id: &str) -> Result<Vec<PlannedFault>, Unplannable> {
    let mut planned = Vec::with_capacity(scenario.faults.len());
    for (index, fault) in scenario.faults.iter().enumerate() {
        let id = names::fault(fault, index);
        let delay = fault.at.map_or(SignedDuration::ZERO, signed);
        let start = match &fault.after {
            Some(other) => {
                ids.expect(&id, other, Named::Fault)?;
                Start::After { fault: other.clone(), delay }
            }
            None => Start::At(delay),
        };
        if let Some(effect) = &fault.effect {
            ids.expect(&id, effect, Named::Expectation)?;
        }
        let action = action(fault, &id, run_id)?;
        planned.push(PlannedFault {
            id,
            target: fault.target.clone(),
            start,
            effect: fault.effect.clone(),
            action,
        });
    }
    let mut keys = BTreeMap::new();
    for fault in &planned {
        keys.insert(fault.id.clone(), start_key(fault, &planned)?);
    }
    planned.sort_by_key(|fault| keys[&fault.id]);
    Ok(planned)
}

/// The least offset at which a fault may start, and how many faults it waits for.
fn start_key(
    fault: &PlannedFault,
    all: &[PlannedFault],
) -> Result<(SignedDuration, usize), Unplannable> {
    let (mut offset, mut depth) = (SignedDuration::ZERO, 0);
    let mut current = fault;
    loop {
        match &current.start {
            Start::At(at) => return Ok((offset.saturating_add(*at), depth)),
            Start::After { fault: other, delay } => {
                offset = offset.saturating_add(*delay);
                depth += 1;
                if depth > all.len() {
                    return Err(Unplannable::Cycle { id: fault.id.clone() });
                }
                current = all
                    .iter()
                    .find(|candidate| candidate.id == *other)
                    .expect("references of faults are checked before they are ordered");
            }
        }
    }
}

/// The one action of a fault: each kind that is there is resolved, and there must be one.
fn action(fault: &Fault, id: &str, run_id: &str) -> Result<FaultAction, Unplannable> {
    let kinds = [
        fault.fis.as_ref().map(|fis| fis_action(fis, run_id)),
        fault.put_events.as_ref().map(|put| {
            Some(FaultAction::PutEvents { bus: put.bus.clone(), entries: put.entries.clone() })
        }),
        fault.set_alarm_state.as_ref().map(|set| Some(alarm_action(set, run_id))),
        fault.put_metric_data.as_ref().map(|put| Some(metric_action(put))),
        fault.ssm_automation.as_ref().map(|start| Some(machines::automation(start))),
        fault.ssm_command.as_ref().map(|send| Some(machines::command(send, id, run_id))),
        fault.start_execution.as_ref().map(|start| Some(machines::execution(start, id, run_id))),
        fault.invoke.as_ref().map(|invoke| Some(machines::invoke(invoke))),
        fault.disable_rule.as_ref().map(|rule| Some(messages::disable_rule(rule))),
        fault.publish.as_ref().map(|publish| Some(messages::publish(publish, id, run_id))),
        fault.send_message.as_ref().map(|send| Some(messages::send_message(send, id, run_id))),
        fault.guardduty_sample_findings.as_ref().map(|samples| {
            let (detector, types) = (samples.detector.clone(), samples.types.clone());
            Some(FaultAction::SampleFindings { detector, types })
        }),
        fault.securityhub_findings.as_ref().map(|import| {
            Some(FaultAction::SecurityHubFindings { findings: import.findings.clone() })
        }),
        fault.config_evaluation.as_ref().map(|told| {
            Some(FaultAction::ConfigEvaluation {
                rule: told.rule.clone(),
                compliance: told.compliance,
                annotation: told.annotation.clone(),
            })
        }),
        fault.log_line.as_ref().map(|line| Some(messages::log_line(line, id, run_id))),
        fault.start_replay.as_ref().map(|replay| messages::start_replay(replay, id, run_id)),
        fault.http.as_ref().map(|http| Some(outside::http(http))),
        fault.command.as_ref().map(|command| Some(outside::command(command, id, run_id))),
    ];
    let mut there = kinds.into_iter().flatten();
    match (there.next(), there.next()) {
        (Some(Some(action)), None) => Ok(action),
        (_, _) => Err(Unplannable::NotOneKind { id: id.to_owned() }),
    }
}

fn fis_action(fis: &FisFault, run_id: &str) -> Option<FaultAction> {
    match (&fis.template, &fis.inline) {
        (Some(template), None) => Some(FaultAction::FisTemplate { template: template.clone() }),
        (None, Some(inline)) => {
            let mut template = inline.clone();
            let body = template.as_object_mut()?;
            let tags = body
                .entry("tags")
                .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()))
                .as_object_mut()?;
            tags.insert(RUN_MARKER.to_owned(), run_id.into());
            body.shift_remove("clientToken");
            Some(FaultAction::FisInline { template })
        }
        _ => None,
    }
}

/// The run id stands in the reason, so that the alarm's history shows whose doing it was.
fn alarm_action(set: &SetAlarmStateFault, run_id: &str) -> FaultAction {
    let marker = format!("[{RUN_MARKER}={run_id}]");
    let words = set.reason.as_deref().unwrap_or("set by a fire drill");
    let room = MAX_REASON.saturating_sub(marker.chars().count() + 1);
    let words: String = words.chars().take(room).collect();
    FaultAction::SetAlarmState {
        alarm: set.alarm.clone(),
        state: set.state,
        reason: format!("{words} {marker}"),
    }
}

fn metric_action(put: &PutMetricDataFault) -> FaultAction {
    let every = put.every.map_or(DEFAULT_SPACING, signed).max(SignedDuration::from_secs(1));
    let length = put.duration.map_or(SignedDuration::ZERO, signed);
    let (length_ms, every_ms) = (length.as_millis(), every.as_millis());
    let count = (length_ms + every_ms - 1) / every_ms;
    let count = count.clamp(1, i128::from(MAX_DATAPOINTS));
    FaultAction::PutMetricData {
        namespace: put.namespace.clone(),
        metric: put.metric.clone(),
        dimensions: put.dimensions.clone(),
        value: put.value,
        unit: put.unit.clone(),
        every,
        datapoints: u32::try_from(count).expect("clamped to a day of seconds"),
    }
}

fn expectations(
    scenario: &Scenario,
    ids: &Ids,
    first: &str,
) -> Result<Vec<PlannedExpectation>, Unplannable> {
    let lists = [(Phase::Expect, &scenario.expect), (Phase::Recovery, &scenario.recovery)];
    let mut planned = Vec::new();
    for (phase, list) in lists {
        for (index, one) in list.iter().enumerate() {
            let id = names::expectation(one, phase == Phase::Recovery, index);
            planned.push(expectation(scenario, ids, first, phase, id, one)?);
        }
    }
    Ok(planned)
}

fn expectation(
    scenario: &Scenario,
    ids: &Ids,
    first: &str,
    phase: Phase,
    id: String,
    one: &Expectation,
) -> Result<PlannedExpectation, Unplannable> {
    let kinds = Kinds::of(one);
    let missing = |key| Unplannable::Missing { id: id.clone(), key };
    let (kind, demand) = if let Some(never) = &one.never {
        // A never looks for the bad state, in `recovery` as well.
        let inner = only(&Kinds::inside(never), StateValue::Alarm, scenario);
        let watch_for = signed(one.watch_for.ok_or_else(|| missing("for"))?);
        let demand = Demand::Never { watch_for, more_than: never.more_than };
        (inner.filter(|_| kinds.names().is_empty()), demand)
    } else {
        let natural = match phase {
            Phase::Expect => StateValue::Alarm,
            Phase::Recovery => StateValue::Ok,
        };
        let within = signed(one.within.ok_or_else(|| missing("within"))?);
        let sustain = one.sustain.map_or(SignedDuration::ZERO, signed);
        let count = one.count.unwrap_or(1).max(1);
        (only(&kinds, natural, scenario), Demand::Happens { within, count, sustain })
    };
    let kind = kind.ok_or_else(|| Unplannable::NotOneKind { id: id.clone() })?;
    let anchor = match &one.after {
        None => Anchor::Fault(first.to_owned()),
        Some(target) => match ids.find(&id, target)? {
            Named::Fault => Anchor::Fault(target.clone()),
            Named::Expectation => Anchor::Expectation(target.clone()),
        },
    };
    if let Kind::Experiment { fault, .. } = &kind {
        ids.expect(&id, fault, Named::Fault)?;
    }
    let target = place_of(scenario, one, &kind);
    Ok(PlannedExpectation {
        stage: one.stage.unwrap_or_else(|| natural_stage(phase, &kind, &demand)),
        correlation: one.correlation.or(scenario.correlation).unwrap_or(Correlation::Window),
        id,
        target,
        phase,
        kind,
        demand,
        anchor,
    })
}

/// Where an expectation looks: an experiment is where its fault is.
fn place_of(scenario: &Scenario, one: &Expectation, kind: &Kind) -> Option<String> {
    let Kind::Experiment { fault: wanted, .. } = kind else { return one.target.clone() };
    let mut faults = scenario.faults.iter().enumerate();
    let fault = faults.find(|(index, fault)| names::fault(fault, *index) == *wanted);
    fault.and_then(|(_, fault)| fault.target.clone())
}

/// The part of the response that an expectation belongs to where the scenario does not say:
///
/// | kind | stage |
/// |---|---|
/// | anything in `recovery` | recover |
/// | alarm, finding | detect |
/// | rule, runbook, event, notification, ops_item, incident, api_call, deployment, execution, http, and every never | act |
/// | rollback, and an experiment that ends | mitigate (a time only if it is `stopped`) |
/// | an experiment that runs | act |
/// | queue, log, metric | detect |
/// | compliance | detect; mitigate where it is to comply again |
pub fn natural_stage(phase: Phase, kind: &Kind, demand: &Demand) -> Stage {
    if phase == Phase::Recovery {
        return Stage::Recover;
    }
    if matches!(demand, Demand::Never { .. }) {
        return Stage::Act;
    }
    match kind {
        Kind::Alarm { .. }
        | Kind::Queue { .. }
        | Kind::Finding(_)
        | Kind::Log { .. }
        | Kind::Metric(_) => Stage::Detect,
        Kind::Compliance { state, .. } => match state {
            ComplianceState::NonCompliant => Stage::Detect,
            ComplianceState::Compliant => Stage::Mitigate,
        },
        Kind::Rule { .. }
        | Kind::Runbook { .. }
        | Kind::Event { .. }
        | Kind::Notification { .. }
        | Kind::OpsItem(_)
        | Kind::Incident(_)
        | Kind::ApiCall(_)
        | Kind::Execution { .. }
        | Kind::Http { .. } => Stage::Act,
        Kind::CodeDeployRollback { .. } => Stage::Mitigate,
        Kind::Deployment { becomes, .. } => match becomes {
            Becomes::State { .. } => Stage::Act,
            Becomes::RolledBack { .. } => Stage::Mitigate,
        },
        Kind::Experiment { state, .. } => match state.as_str() {
            "pending" | "initiating" | "running" => Stage::Act,
            _ => Stage::Mitigate,
        },
    }
}

/// A duration of the language as a signed one, held inside what a plan can add up.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration.0).unwrap_or(MAX_DURATION).min(MAX_DURATION)
}
