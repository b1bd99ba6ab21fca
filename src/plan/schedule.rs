//! The worst case of a plan: when each fault starts and each window closes at the latest.
//!
//! Main function: [`Plan::schedule`]. Offsets count from the beginning of the injection. Invariant: an
//! expectation that is judged at all is judged before its `closes`, so the end of the schedule bounds
//! the drill.

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{
    Anchor, Demand, FaultAction, Kind, METRIC_LAG, Plan, PlannedExpectation, Start, Unplannable,
};
use crate::scenario::lag;
use crate::scenario::types::FindingSource;

/// What a drill needs besides its windows: arming the observers, the steady state, and reverting.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// How long FIS may take from `StartExperiment` to the start of the first action. AWS gives no figure
/// except that the first use of a log destination delays it by about 15 seconds; a minute is ours.
/// <https://docs.aws.amazon.com/fis/latest/userguide/monitoring-logging.html>
pub const FIS_START: SignedDuration = SignedDuration::from_mins(1);

/// How long GuardDuty may take from `CreateSampleFindings` until the samples are listed. AWS gives no
/// figure; ours.
pub(super) const SAMPLES_START: SignedDuration = SignedDuration::from_mins(2);

/// How long EventBridge may take from `StartReplay` until the first event is replayed. AWS gives no figure;
/// five minutes are ours.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html>
pub const REPLAY_START: SignedDuration = SignedDuration::from_mins(5);

/// How late CloudTrail's event history may show a call; the check counts with the same.
pub const CLOUDTRAIL_LAG: SignedDuration = lag::CLOUDTRAIL;

/// How late a product's finding may come into Security Hub; the check counts with the same.
pub const SECURITY_HUB_LAG: SignedDuration = lag::SECURITY_HUB;

/// How much later than it happens AWS may show what this looks at, where that is published and is minutes.
pub fn shown_late(kind: &Kind) -> SignedDuration {
    if let Kind::ApiCall(_) = kind {
        return CLOUDTRAIL_LAG;
    }
    if let Kind::Finding(finding) = kind
        && finding.source == FindingSource::SecurityHub
    {
        return SECURITY_HUB_LAG;
    }
    let Kind::Metric(metric) = kind else { return SignedDuration::ZERO };
    METRIC_LAG.saturating_add(metric.period)
}

/// The latest moments of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// By which offset each fault has started at the latest.
    pub faults: IndexMap<String, SignedDuration>,
    /// The windows of the expectations, in the plan's order.
    pub windows: IndexMap<String, Window>,
    /// When everything is judged at the latest.
    pub end: SignedDuration,
}

/// The latest window of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it begins.
    pub opens: SignedDuration,
    /// The deadline, or the end of the watch of a never.
    pub deadline: SignedDuration,
    /// When it is judged: grace, `sustain` and what AWS shows late included.
    pub closes: SignedDuration,
}

impl Plan {
    /// The latest moments. A plan that [`Plan::new`] made always has them.
    pub fn schedule(&self) -> Result<Schedule, Unplannable> {
        schedule(self)
    }
}

pub(super) fn schedule(plan: &Plan) -> Result<Schedule, Unplannable> {
    let mut solver = Solver {
        plan,
        faults: IndexMap::new(),
        windows: IndexMap::new(),
        // Every fault and expectation may be on the way once; more is a cycle.
        depth_left: plan.faults.len() + plan.expectations.len() + 1,
    };
    let mut faults = IndexMap::new();
    let mut end = SignedDuration::ZERO;
    for fault in &plan.faults {
        let start = solver.fault(&fault.id)?;
        let length = match &fault.action {
            FaultAction::PutMetricData { every, datapoints, .. } => {
                every.saturating_mul(i32::try_from(*datapoints).unwrap_or(i32::MAX) - 1)
            }
            FaultAction::FisTemplate { .. }
            | FaultAction::FisInline { .. }
            | FaultAction::PutEvents { .. }
            | FaultAction::SetAlarmState { .. }
            | FaultAction::SsmAutomation(_)
            | FaultAction::SsmCommand(_)
            | FaultAction::StartExecution(_)
            | FaultAction::Invoke(_)
            | FaultAction::DisableRule { .. }
            | FaultAction::Publish { .. }
            | FaultAction::SendMessage { .. }
            | FaultAction::SampleFindings { .. }
            | FaultAction::SecurityHubFindings { .. }
            | FaultAction::ConfigEvaluation { .. }
            | FaultAction::LogLine { .. }
            | FaultAction::StartReplay(_)
            | FaultAction::Http { .. }
            | FaultAction::Command { .. } => SignedDuration::ZERO,
        };
        end = end.max(start.saturating_add(length));
        faults.insert(fault.id.clone(), start);
    }
    let mut windows = IndexMap::new();
    for one in &plan.expectations {
        let mut window = solver.window(one)?;
        // What is shown late is judged late; what follows from it is counted from when it happened.
        window.closes = window.closes.saturating_add(shown_late(&one.kind));
        end = end.max(window.closes);
        windows.insert(one.id.clone(), window);
    }
    Ok(Schedule { faults, windows, end })
}

struct Solver<'a> {
    plan: &'a Plan,
    faults: IndexMap<&'a str, SignedDuration>,
    windows: IndexMap<&'a str, Window>,
    depth_left: usize,
}

impl<'a> Solver<'a> {
    fn fault(&mut self, id: &str) -> Result<SignedDuration, Unplannable> {
        if let Some(start) = self.faults.get(id) {
            return Ok(*start);
        }
        let plan: &'a Plan = self.plan;
        let fault = plan.faults.iter().find(|fault| fault.id == id);
        let fault = fault.ok_or_else(|| unknown(id))?;
        self.descend(id)?;
        let start = match &fault.start {
            Start::At(at) => *at,
            Start::After { fault: other, delay } => self.effect(other)?.saturating_add(*delay),
        };
        self.depth_left += 1;
        let start = match &fault.action {
            FaultAction::FisTemplate { .. } | FaultAction::FisInline { .. } => {
                start.saturating_add(FIS_START)
            }
            FaultAction::StartReplay(_) => start.saturating_add(REPLAY_START),
            FaultAction::PutEvents { .. }
            | FaultAction::SetAlarmState { .. }
            | FaultAction::PutMetricData { .. }
            | FaultAction::SsmAutomation(_)
            | FaultAction::StartExecution(_)
            | FaultAction::Invoke(_)
            | FaultAction::DisableRule { .. }
            | FaultAction::Publish { .. }
            | FaultAction::SendMessage { .. }
            | FaultAction::SecurityHubFindings { .. }
            | FaultAction::ConfigEvaluation { .. }
            | FaultAction::LogLine { .. }
            | FaultAction::Http { .. }
            | FaultAction::Command { .. } => start,
            // An instance that has not begun by then never does.
            FaultAction::SsmCommand(send) => start.saturating_add(send.delivery_timeout),
            FaultAction::SampleFindings { .. } => start.saturating_add(SAMPLES_START),
        };
        self.faults.insert(&fault.id, start);
        Ok(start)
    }

    /// When a fault has taken effect at the latest.
    fn effect(&mut self, id: &str) -> Result<SignedDuration, Unplannable> {
        let plan: &'a Plan = self.plan;
        let fault = plan.faults.iter().find(|fault| fault.id == id);
        match fault.and_then(|fault| fault.effect.as_deref()) {
            Some(effect) => self.satisfied(effect),
            None => self.fault(id),
        }
    }

    /// When an expectation is satisfied at the latest, if it is: inside the grace period.
    fn satisfied(&mut self, id: &str) -> Result<SignedDuration, Unplannable> {
        let plan: &'a Plan = self.plan;
        let one = plan.expectations.iter().find(|one| one.id == id).ok_or_else(|| unknown(id))?;
        let window = self.window(one)?;
        Ok(match one.demand {
            Demand::Happens { .. } => window.deadline.saturating_add(self.plan.grace),
            Demand::Never { .. } => window.deadline,
        })
    }

    fn window(&mut self, one: &'a PlannedExpectation) -> Result<Window, Unplannable> {
        if let Some(window) = self.windows.get(one.id.as_str()) {
            return Ok(*window);
        }
        self.descend(&one.id)?;
        let opens = match &one.anchor {
            Anchor::Fault(fault) => self.fault(fault)?,
            Anchor::Expectation(other) => self.satisfied(other)?,
        };
        self.depth_left += 1;
        let window = match &one.demand {
            Demand::Happens { within, sustain, .. } => {
                let deadline = opens.saturating_add(*within);
                let closes = deadline.saturating_add(self.plan.grace).saturating_add(*sustain);
                Window { opens, deadline, closes }
            }
            Demand::Never { watch_for, .. } => {
                let deadline = opens.saturating_add(*watch_for);
                Window { opens, deadline, closes: deadline }
            }
        };
        self.windows.insert(&one.id, window);
        Ok(window)
    }

    fn descend(&mut self, id: &str) -> Result<(), Unplannable> {
        self.depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or_else(|| Unplannable::Cycle { id: id.to_owned() })?;
        Ok(())
    }
}

fn unknown(id: &str) -> Unplannable {
    Unplannable::UnknownReference { id: "plan".to_owned(), target: id.to_owned() }
}
