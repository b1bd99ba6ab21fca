//! The tree that every format tells.
//!
//! The main type is [`Report`]. Invariant: it holds everything that a format shows, so that a renderer
//! needs nothing else, and nothing that depends on when or where it was made.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::highlights::{Highlight, highlights};
use super::words;
use crate::judge::{Outcome, Verdict, VerdictKind, judge};
use crate::plan::{About, Anchor, Phase, Plan, millis};
use crate::recovery::{PerStage, Recovery, Statistic, recovery, statistics};
use crate::scenario::names::at_target;
use crate::scenario::types::Stage;
use crate::timeline::{Entry, EntryKind, Problem, Purpose, Target};

/// The version of `report.json`.
pub const VERSION: u32 = 1;

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this tree.
    pub version: u32,
    /// The run.
    pub run: RunInfo,
    /// Counts over the drills.
    pub totals: Totals,
    /// The figures over the drills.
    pub statistics: PerStage<Statistic>,
    /// The drills, in the order of the run.
    pub drills: Vec<Drill>,
}

/// What is known of a run besides its drills; `run.json` is this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run's id.
    pub id: String,
    /// When it began, by our clock.
    pub started: Timestamp,
    /// When it ended; nothing after a crash.
    pub ended: Option<Timestamp>,
    /// Where it took place.
    pub target: Target,
    /// What took part, by name: `firedrill`, the scenario language.
    pub versions: IndexMap<String, String>,
    /// The seed of the emulated account.
    pub seed: Option<u64>,
    /// The directory of each drill inside the run's, in the order of the run.
    #[serde(default)]
    pub drills: Vec<String>,
}

/// Counts over the drills of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The worst outcome; a run without drills is inconclusive.
    pub outcome: Outcome,
    /// How many drills had each outcome, mildest first; those that none had are left out.
    pub outcomes: IndexMap<Outcome, usize>,
    /// How many expectations had each verdict, mildest first; those that none had are left out.
    pub verdicts: IndexMap<VerdictKind, usize>,
}

/// One drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// The scenario.
    pub about: About,
    /// The drill's id.
    pub run_id: String,
    /// When it began, by our clock.
    pub started: Option<Timestamp>,
    /// When it ended, by our clock; nothing where the record stops short.
    pub ended: Option<Timestamp>,
    /// The outcome.
    pub outcome: Outcome,
    /// Why, where the verdicts alone do not say it.
    pub reasons: Vec<String>,
    /// Where it took place, by the name of the target; nothing where that is the home target alone.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub places: IndexMap<String, Target>,
    /// What was found before injection.
    pub preflight: Vec<PreflightProblem>,
    /// The steady state, as it was looked at.
    pub steady_state: Vec<SteadyLook>,
    /// The faults, in the order of the plan.
    pub faults: Vec<FaultTold>,
    /// The expectations, in the order of the plan.
    pub expectations: Vec<ExpectationTold>,
    /// The times of the response.
    pub recovery: Recovery,
    /// Every call that took a change back.
    pub reverts: Vec<RevertTold>,
    /// What is left behind.
    pub left: Vec<String>,
    /// How far our clock was from AWS's, a place each; nothing where no answer said it.
    #[serde(default)]
    pub clocks: Vec<ClockTold>,
    /// How many API calls the drill made, by action, retries included.
    #[serde(default)]
    pub calls: IndexMap<String, u64>,
    /// The timeline, for people.
    pub highlights: Vec<Highlight>,
}

/// How far our clock was from AWS's, as the last word on it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockTold {
    /// Where: the name of a target; nothing for the home target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// AWS's clock minus ours: positive where ours is behind.
    #[serde(rename = "offset_ms", with = "millis")]
    pub offset: SignedDuration,
    /// The offset is off by this much at the most.
    #[serde(rename = "uncertainty_ms", with = "millis")]
    pub uncertainty: SignedDuration,
    /// How many answers it was read from.
    pub samples: usize,
}

impl ClockTold {
    /// Whether the clocks are so far apart that whoever runs drills should set theirs.
    pub fn is_off(&self) -> bool {
        self.offset.abs().saturating_sub(self.uncertainty) > CLOCK_TOLERANCE
    }
}

/// A clock that is surely further from AWS's than this is warned of. Deadlines are seconds or more, and a
/// clock that is kept by NTP is off by milliseconds.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// Something that was wrong before injection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightProblem {
    /// What was looked at.
    pub subject: String,
    /// What is wrong.
    pub problem: Problem,
}

/// The last look at one alarm of the steady state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteadyLook {
    /// Where: the name of a target; nothing for the home target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The alarm.
    pub alarm: String,
    /// The state that it must be in.
    pub expected: String,
    /// The state that it was in; nothing where we could not look, or did not.
    pub found: Option<String>,
    /// Why we could not look.
    pub reason: Option<String>,
}

impl SteadyLook {
    /// Whether it was as it must be.
    pub fn held(&self) -> bool {
        self.found.as_ref() == Some(&self.expected)
    }
}

/// One fault and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultTold {
    /// Its id.
    pub id: String,
    /// What it does, in words.
    pub what: String,
    /// When the plan starts it, in words.
    pub start: String,
    /// When it took effect, by AWS's clock.
    pub started: Option<Timestamp>,
    /// By how much that may be off, where it is our clock's time, corrected.
    #[serde(default, rename = "uncertain_ms", with = "millis::option")]
    pub uncertain: Option<SignedDuration>,
    /// What proves that.
    pub evidence: IndexMap<String, String>,
    /// Why it could not be injected.
    pub failed: Option<String>,
    /// How it ended by itself.
    pub ended: Option<FaultEnd>,
}

/// How a fault ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultEnd {
    /// When, by AWS's clock.
    pub at: Timestamp,
    /// The final state.
    pub state: String,
    /// AWS's reason.
    pub reason: Option<String>,
}

/// One expectation and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectationTold {
    /// What is looked at, in words.
    pub what: String,
    /// What is demanded, in words.
    pub demand: String,
    /// What the deadline counts from, where that is not a fault.
    pub after: Option<String>,
    /// Which list it stands in.
    pub phase: Phase,
    /// Which part of the response it belongs to.
    pub stage: Stage,
    /// The verdict, with its figures and its proof.
    pub verdict: Verdict,
}

/// One call that took a change back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertTold {
    /// When, by our clock.
    pub at: Timestamp,
    /// The fault that it takes back; nothing for our own listeners.
    pub fault: Option<String>,
    /// The call, and the target where it is not the home target.
    pub call: String,
    /// What became of it: nothing for success.
    pub error: Option<String>,
}

impl Report {
    /// Judges and tells the drills of a run, from their plans and timelines only.
    pub fn new(run: RunInfo, drills: Vec<(Plan, Vec<Entry>)>) -> Self {
        let drills: Vec<Drill> =
            drills.into_iter().map(|(plan, timeline)| Drill::new(&plan, &timeline)).collect();
        let recoveries: Vec<&Recovery> = drills.iter().map(|drill| &drill.recovery).collect();
        Self {
            version: VERSION,
            run,
            totals: Totals::new(&drills),
            statistics: statistics(&recoveries),
            drills,
        }
    }

    /// The names of the drills: those of their folders, or else the scenario's, numbered where it was
    /// drilled more than once.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.run.drills.len() == self.drills.len() {
            return self.run.drills.clone();
        }
        let mut seen: IndexMap<&str, usize> = IndexMap::new();
        let mut names = Vec::with_capacity(self.drills.len());
        for drill in &self.drills {
            let times = seen.entry(&drill.about.name).or_default();
            *times += 1;
            names.push(match times {
                1 => drill.about.name.clone(),
                times => format!("{} #{times}", drill.about.name),
            });
        }
        names
    }
}

impl Totals {
    fn new(drills: &[Drill]) -> Self {
        let worst = drills.iter().map(|drill| drill.outcome).max();
        let outcomes = Outcome::ALL.into_iter().map(|outcome| {
            (outcome, drills.iter().filter(|drill| drill.outcome == outcome).count())
        });
        let verdicts = VerdictKind::ALL
            .into_iter()
            .map(|kind| (kind, drills.iter().map(|drill| drill.count(kind)).sum::<usize>()));
        Self {
            outcome: worst.unwrap_or(Outcome::Inconclusive),
            outcomes: outcomes.filter(|(_, count)| *count > 0).collect(),
            verdicts: verdicts.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Drill {
    /// Judges and tells one drill.
    pub fn new(plan: &Plan, timeline: &[Entry]) -> Self {
        let judgement = judge(plan, timeline);
        let recovery = recovery(plan, timeline, &judgement);
        let mut drill = Self {
            about: plan.scenario.clone(),
            run_id: plan.run_id.clone(),
            started: None,
            ended: None,
            outcome: judgement.outcome,
            reasons: judgement.reasons,
            places: IndexMap::new(),
            preflight: Vec::new(),
            steady_state: planned_steady_state(plan),
            faults: planned_faults(plan),
            expectations: told(plan, judgement.verdicts),
            recovery,
            reverts: Vec::new(),
            left: Vec::new(),
            clocks: Vec::new(),
            calls: IndexMap::new(),
            highlights: highlights(timeline),
        };
        let mut revert_of = IndexMap::new();
        for entry in timeline {
            drill.add(entry, &mut revert_of);
        }
        drill
    }

    /// How many expectations have this verdict.
    pub fn count(&self, kind: VerdictKind) -> usize {
        self.expectations.iter().filter(|told| told.verdict.verdict == kind).count()
    }

    /// From its first entry to its last, by our clock.
    pub fn duration(&self) -> Option<SignedDuration> {
        Some(self.ended?.duration_since(self.started?))
    }

    fn add(&mut self, entry: &Entry, revert_of: &mut IndexMap<u32, usize>) {
        match &entry.kind {
            EntryKind::DrillStarted { target, targets, .. } => {
                self.started = self.started.or(Some(entry.at));
                if !targets.is_empty() {
                    self.places.insert("home".to_owned(), target.clone());
                    self.places.extend(targets.clone());
                }
            }
            EntryKind::DrillEnded => self.ended = Some(entry.at),
            EntryKind::Preflight { subject, problem: Some(problem) } => {
                let (subject, problem) = (subject.clone(), problem.clone());
                self.preflight.push(PreflightProblem { subject, problem });
            }
            EntryKind::SteadyState { target, alarm, found, reason, .. } => {
                let same = |look: &&mut SteadyLook| look.alarm == *alarm && look.target == *target;
                for look in self.steady_state.iter_mut().filter(same) {
                    look.found.clone_from(found);
                    look.reason.clone_from(reason);
                }
            }
            EntryKind::FaultStarted { fault, occurred_at, uncertain_ms, evidence } => {
                let uncertain = i64::try_from(*uncertain_ms).unwrap_or(i64::MAX);
                let uncertain = SignedDuration::from_millis(uncertain);
                for told in self.faults.iter_mut().filter(|told| told.id == *fault) {
                    told.started = told.started.or(Some(*occurred_at));
                    told.uncertain = Some(uncertain).filter(|most| !most.is_zero());
                    told.evidence.clone_from(evidence);
                }
            }
            EntryKind::FaultFailed { fault, reason, .. } => {
                for told in self.faults.iter_mut().filter(|told| told.id == *fault) {
                    told.failed = Some(reason.clone());
                }
            }
            EntryKind::FaultEnded { fault, occurred_at, state, reason } => {
                for told in self.faults.iter_mut().filter(|told| told.id == *fault) {
                    let (state, reason) = (state.clone(), reason.clone());
                    told.ended = Some(FaultEnd { at: *occurred_at, state, reason });
                }
            }
            EntryKind::Intent { intent, target, fault, purpose: Purpose::Revert, call, .. } => {
                revert_of.insert(*intent, self.reverts.len());
                self.reverts.push(RevertTold {
                    at: entry.at,
                    fault: fault.clone(),
                    call: call.clone() + &at_target(target.as_deref()),
                    error: Some("no answer is recorded".to_owned()),
                });
            }
            EntryKind::Receipt { intent, error, .. } => {
                if let Some(index) = revert_of.get(intent) {
                    self.reverts[*index].error.clone_from(error);
                }
            }
            EntryKind::Reverted { left } => self.left.clone_from(left),
            EntryKind::ClockSkew { target, offset_ms, uncertainty_ms, samples } => {
                let uncertainty = i64::try_from(*uncertainty_ms).unwrap_or(i64::MAX);
                self.clocks.retain(|clock| clock.target != *target);
                self.clocks.push(ClockTold {
                    target: target.clone(),
                    offset: SignedDuration::from_millis(*offset_ms),
                    uncertainty: SignedDuration::from_millis(uncertainty),
                    samples: *samples,
                });
            }
            EntryKind::Calls { counts } => self.calls.clone_from(counts),
            EntryKind::Preflight { problem: None, .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::Intent { .. }
            | EntryKind::Observation(_)
            | EntryKind::Looked { .. }
            | EntryKind::Blind { .. }
            | EntryKind::Stopping { .. }
            | EntryKind::Reverting => {}
        }
    }
}

fn planned_steady_state(plan: &Plan) -> Vec<SteadyLook> {
    let looks = plan.steady_state.iter().map(|planned| SteadyLook {
        target: planned.target.clone(),
        alarm: planned.alarm.clone(),
        expected: planned.state.as_str().to_owned(),
        found: None,
        reason: None,
    });
    looks.collect()
}

fn planned_faults(plan: &Plan) -> Vec<FaultTold> {
    let faults = plan.faults.iter().map(|fault| FaultTold {
        id: fault.id.clone(),
        what: words::action(&fault.action) + &at_target(fault.target.as_deref()),
        start: words::start(&fault.start),
        started: None,
        uncertain: None,
        evidence: IndexMap::new(),
        failed: None,
        ended: None,
    });
    faults.collect()
}

fn told(plan: &Plan, verdicts: Vec<Verdict>) -> Vec<ExpectationTold> {
    let pairs = plan.expectations.iter().zip(verdicts);
    let told = pairs.map(|(expectation, verdict)| ExpectationTold {
        what: words::kind(&expectation.kind) + &at_target(expectation.target.as_deref()),
        demand: words::demand(&expectation.demand),
        after: match &expectation.anchor {
            Anchor::Fault(_) => None,
            Anchor::Expectation(_) => Some(words::anchor(&expectation.anchor)),
        },
        phase: expectation.phase,
        stage: expectation.stage,
        verdict,
    });
    told.collect()
}
