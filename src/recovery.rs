//! Time to detect, act, mitigate, recover, and their statistics.
//!
//! The main type is [`Recovery`]: the four times of one drill. The definitions, which every report that
//! shows a figure refers to:
//!
//! - Every time counts from the start of the drill's **first fault**, by AWS's clock, to an instant by
//!   AWS's clock: the satisfying observation's `occurred_at`. So MTTR here counts from the injection, not
//!   from the detection.
//! - **Time to detect** ends with the first satisfied expectation of the stage `detect`, **time to act**
//!   with the first of `act`.
//! - **Time to mitigate** ends with the last expectation of `mitigate`, **time to recover** with the last
//!   of `recover`; all of them must be satisfied. A state counts from its return, which is the start of
//!   its `sustain`, not the end.
//! - Satisfied is met or late; to detect and act also what was seen and did not last.
//! - A recovery state that was never left is no recovery: it gives no value.
//! - An alarm whose state the drill itself set by hand was not detected by anybody: it gives no value.
//!   Neither does the course of our own FIS experiment, unless one of its stop conditions halts it.
//! - **MTTD, MTTA, MTTM, MTTR** are the means over the drills that have a value, and are never given
//!   without n, the median (of an even n the mean of the middle two) and the 90th percentile (nearest
//!   rank: the smallest value that at least 90 % of the values do not exceed).
//!
//! Invariant: a time that was not observed is absent, with the reason; it is never zero and never counted.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::judge::{Judgement, Verdict, VerdictKind};
use crate::plan::{Demand, Kind, Plan, PlannedExpectation, millis};
use crate::scenario::types::{Objectives, Stage};
use crate::timeline::{Entry, EntryKind, Observation};

/// The four times of one drill.
pub type Recovery = PerStage<StageTime>;

/// One value for each stage of the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerStage<T> {
    /// Somebody or something noticed.
    pub detect: T,
    /// The response began.
    pub act: T,
    /// The harm was contained.
    pub mitigate: T,
    /// Steady state again.
    pub recover: T,
}

/// The stages, in the order of an incident.
pub const STAGES: [Stage; 4] = [Stage::Detect, Stage::Act, Stage::Mitigate, Stage::Recover];

impl<T> PerStage<T> {
    /// Makes one value for each stage.
    pub fn each(mut make: impl FnMut(Stage) -> T) -> Self {
        Self {
            detect: make(Stage::Detect),
            act: make(Stage::Act),
            mitigate: make(Stage::Mitigate),
            recover: make(Stage::Recover),
        }
    }

    /// The value of a stage.
    pub fn get(&self, stage: Stage) -> &T {
        match stage {
            Stage::Detect => &self.detect,
            Stage::Act => &self.act,
            Stage::Mitigate => &self.mitigate,
            Stage::Recover => &self.recover,
        }
    }

    /// The values, in the order of an incident.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, &T)> {
        STAGES.into_iter().map(|stage| (stage, self.get(stage)))
    }
}

/// One time of one drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// From the start of the first fault; nothing where it was not reached.
    #[serde(rename = "time_ms", with = "millis::option")]
    pub time: Option<SignedDuration>,
    /// The expectation that ended it.
    pub by: Option<String>,
    /// Why there is no time.
    pub absent: Option<Absence>,
    /// The objective of the scenario.
    #[serde(rename = "objective_ms", with = "millis::option")]
    pub objective: Option<SignedDuration>,
    /// How the time stands to the objective.
    pub standing: Standing,
}

/// Why a drill has no value for a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// No fault started.
    NotInjected,
    /// The scenario expects nothing of this stage.
    NotExpected,
    /// It was expected and did not happen.
    NotObserved,
    /// It could not be seen whether it happened.
    Inconclusive,
    /// The state was never left: nothing to recover from.
    HeldThroughout,
}

impl Absence {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInjected => "nothing injected",
            Self::NotExpected => "not expected",
            Self::NotObserved => "not observed",
            Self::Inconclusive => "inconclusive",
            Self::HeldThroughout => "held throughout",
        }
    }
}

/// How a time stands to its objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not above it.
    Inside,
    /// Above it, or not reached at all.
    Outside,
    /// There is an objective, and no time to hold against it.
    Unproven,
    /// The scenario states none.
    NoObjective,
}

impl Standing {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Unproven => "unproven",
            Self::NoObjective => "no objective",
        }
    }
}

/// The figures of one stage over several drills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistic {
    /// How many drills have a value.
    pub n: usize,
    /// Of how many.
    pub drills: usize,
    /// The mean: MTTD, MTTA, MTTM or MTTR.
    #[serde(rename = "mean_ms", with = "millis::option")]
    pub mean: Option<SignedDuration>,
    /// The median; of an even n, the mean of the middle two.
    #[serde(rename = "median_ms", with = "millis::option")]
    pub median: Option<SignedDuration>,
    /// The 90th percentile by nearest rank.
    #[serde(rename = "p90_ms", with = "millis::option")]
    pub p90: Option<SignedDuration>,
    /// The largest.
    #[serde(rename = "max_ms", with = "millis::option")]
    pub max: Option<SignedDuration>,
    /// How many drills are inside their objective.
    pub inside: usize,
    /// How many are outside.
    pub outside: usize,
    /// How many have an objective and nothing to hold against it.
    pub unproven: usize,
}

/// The four times of a drill.
pub fn recovery(plan: &Plan, timeline: &[Entry], judgement: &Judgement) -> Recovery {
    let start = first_fault(timeline);
    PerStage::each(|stage| {
        let objective = objective(&plan.objectives, stage);
        let reached = match start {
            Some(start) => reach(plan, judgement, stage, start),
            None => Err(Absence::NotInjected),
        };
        let (time, by, absent) = match reached {
            Ok((time, by)) => (Some(time), Some(by), None),
            Err(absence) => (None, None, Some(absence)),
        };
        StageTime { time, by, absent, objective, standing: stand(time, absent, objective) }
    })
}

/// When the first fault started, by AWS's clock: what every time counts from.
pub fn first_fault(timeline: &[Entry]) -> Option<Timestamp> {
    let starts = timeline.iter().filter_map(|entry| {
        let EntryKind::FaultStarted { occurred_at, .. } = &entry.kind else { return None };
        Some(*occurred_at)
    });
    starts.min()
}

fn objective(objectives: &Objectives, stage: Stage) -> Option<SignedDuration> {
    let objective = match stage {
        Stage::Detect => objectives.detect,
        Stage::Act => objectives.act,
        Stage::Mitigate => objectives.mitigate,
        Stage::Recover => objectives.recover,
    };
    objective.map(|duration| SignedDuration::try_from(duration.0).unwrap_or(SignedDuration::MAX))
}

fn stand(
    time: Option<SignedDuration>,
    absent: Option<Absence>,
    objective: Option<SignedDuration>,
) -> Standing {
    let Some(objective) = objective else { return Standing::NoObjective };
    match (time, absent) {
        (Some(time), _) if time <= objective => Standing::Inside,
        (Some(_), _) | (None, Some(Absence::NotObserved)) => Standing::Outside,
        (
            None,
            Some(
                Absence::NotInjected
                | Absence::NotExpected
                | Absence::Inconclusive
                | Absence::HeldThroughout,
            )
            | None,
        ) => Standing::Unproven,
    }
}

fn reach(
    plan: &Plan,
    judgement: &Judgement,
    stage: Stage,
    start: Timestamp,
) -> Result<(SignedDuration, String), Absence> {
    let expected: Vec<&Verdict> = plan
        .expectations
        .iter()
        .zip(&judgement.verdicts)
        .filter(|(expectation, _)| expectation.stage == stage && answers(expectation))
        .map(|(_, verdict)| verdict)
        .filter(|verdict| !verdict.observation.as_ref().is_some_and(Observation::is_own_doing))
        .collect();
    let all_must = match stage {
        Stage::Detect | Stage::Act => false,
        Stage::Mitigate | Stage::Recover => true,
    };
    let lasting = |verdict: &&Verdict| satisfied(verdict, all_must);
    let moments: Vec<(SignedDuration, &str)> = expected
        .iter()
        .copied()
        .filter(|verdict| lasting(verdict) && !verdict.held_throughout)
        .filter_map(|verdict| Some((moment(verdict, start)?, verdict.expectation.as_str())))
        .collect();
    let lacking: Vec<&Verdict> =
        expected.iter().copied().filter(|verdict| !lasting(verdict)).collect();
    if expected.is_empty() {
        return Err(Absence::NotExpected);
    }
    if moments.is_empty() && lacking.is_empty() {
        return Err(Absence::HeldThroughout);
    }
    if (all_must && !lacking.is_empty()) || moments.is_empty() {
        let blind = |verdict: &&Verdict| was_unseen(judgement, verdict);
        let unseen = if all_must { lacking.iter().all(blind) } else { lacking.iter().any(blind) };
        return Err(if unseen { Absence::Inconclusive } else { Absence::NotObserved });
    }
    // Of several at one instant, the first in the file: deterministic, and what a reader expects.
    let mut chosen = moments[0];
    for moment in &moments[1..] {
        let better = if all_must { moment.0 > chosen.0 } else { moment.0 < chosen.0 };
        if better {
            chosen = *moment;
        }
    }
    Ok((chosen.0, chosen.1.to_owned()))
}

/// Whether it asks for something that the system does. The course of our own experiment is none of the
/// system's, unless the system halts it.
fn answers(expectation: &PlannedExpectation) -> bool {
    match (&expectation.demand, &expectation.kind) {
        (Demand::Happens { .. }, Kind::Experiment { state, .. }) => state == "stopped",
        (
            Demand::Happens { .. },
            Kind::Alarm { .. }
            | Kind::Rule { .. }
            | Kind::Runbook { .. }
            | Kind::CodeDeployRollback { .. }
            | Kind::Event { .. }
            | Kind::Notification { .. }
            | Kind::Finding(_)
            | Kind::OpsItem(_)
            | Kind::Incident(_)
            | Kind::ApiCall(_)
            | Kind::Queue { .. }
            | Kind::Deployment { .. }
            | Kind::Log { .. }
            | Kind::Execution { .. }
            | Kind::Http { .. },
        ) => true,
        (Demand::Never { .. }, _) => false,
    }
}

/// Whether it is open because we could not see it, or could not see what it waits for.
fn was_unseen(judgement: &Judgement, verdict: &Verdict) -> bool {
    match verdict.verdict {
        VerdictKind::Inconclusive => true,
        VerdictKind::Skipped => judgement.verdicts.iter().any(|link| {
            Some(&link.expectation) == verdict.broken_link.as_ref()
                && link.verdict == VerdictKind::Inconclusive
        }),
        VerdictKind::Met | VerdictKind::Late | VerdictKind::Missed | VerdictKind::Violated => false,
    }
}

fn satisfied(verdict: &Verdict, must_last: bool) -> bool {
    match verdict.verdict {
        VerdictKind::Met | VerdictKind::Late => true,
        VerdictKind::Violated => !must_last && verdict.latency.is_some(),
        VerdictKind::Skipped | VerdictKind::Inconclusive | VerdictKind::Missed => false,
    }
}

fn moment(verdict: &Verdict, start: Timestamp) -> Option<SignedDuration> {
    let seen = verdict.observation.as_ref()?;
    // Coarse evidence counts from its latest possible moment: a time must never be told too short.
    let resolution =
        SignedDuration::from_millis(i64::try_from(seen.resolution_ms).unwrap_or(i64::MAX));
    let latest = seen.occurred_at.checked_add(resolution).unwrap_or(seen.occurred_at);
    Some(latest.duration_since(start).max(SignedDuration::ZERO))
}

/// The figures of each stage over drills.
pub fn statistics(drills: &[&Recovery]) -> PerStage<Statistic> {
    PerStage::each(|stage| {
        let times: Vec<&StageTime> = drills.iter().map(|drill| drill.get(stage)).collect();
        statistic(&times)
    })
}

fn statistic(times: &[&StageTime]) -> Statistic {
    let mut values: Vec<SignedDuration> = times.iter().filter_map(|time| time.time).collect();
    values.sort_unstable();
    let n = values.len();
    let standing = |standing| times.iter().filter(|time| time.standing == standing).count();
    let mut statistic = Statistic {
        n,
        drills: times.len(),
        mean: None,
        median: None,
        p90: None,
        max: values.last().copied(),
        inside: standing(Standing::Inside),
        outside: standing(Standing::Outside),
        unproven: standing(Standing::Unproven),
    };
    if n > 0 {
        statistic.mean = Some(mean(&values));
        statistic.median = Some(mean(&values[(n - 1) / 2..=n / 2]));
        statistic.p90 = Some(values[(n * 9).div_ceil(10) - 1]);
    }
    statistic
}

/// The mean of at least one value, in whole milliseconds.
fn mean(values: &[SignedDuration]) -> SignedDuration {
    let sum: i128 = values.iter().map(SignedDuration::as_millis).sum();
    let count = i128::try_from(values.len()).expect("a slice is shorter than that");
    SignedDuration::from_millis(i64::try_from(sum / count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(milliseconds: Option<i64>, standing: Standing) -> StageTime {
        StageTime {
            time: milliseconds.map(SignedDuration::from_millis),
            by: None,
            absent: milliseconds.is_none().then_some(Absence::NotObserved),
            objective: None,
            standing,
        }
    }

    fn figures(values: &[i64]) -> [Option<i64>; 4] {
        let times: Vec<StageTime> =
            values.iter().map(|value| time(Some(*value), Standing::NoObjective)).collect();
        let statistic = statistic(&times.iter().collect::<Vec<_>>());
        assert_eq!((statistic.n, statistic.drills), (values.len(), values.len()));
        [statistic.mean, statistic.median, statistic.p90, statistic.max]
            .map(|figure| figure.map(|figure| i64::try_from(figure.as_millis()).expect("small")))
    }

    #[test]
    fn figures_over_drills_are_mean_median_p90_by_nearest_rank_and_max() {
        assert_eq!(figures(&[]), [None; 4]);
        assert_eq!(figures(&[7]), [Some(7); 4]);
        assert_eq!(figures(&[30, 10]), [Some(20), Some(20), Some(30), Some(30)]);
        assert_eq!(figures(&[30, 10, 11]), [Some(17), Some(11), Some(30), Some(30)]);
        let ten: Vec<i64> = (1..=10).map(|value| value * 10).collect();
        assert_eq!(figures(&ten), [Some(55), Some(55), Some(90), Some(100)]);
        let eleven: Vec<i64> = (1..=11).map(|value| value * 10).collect();
        assert_eq!(figures(&eleven), [Some(60), Some(60), Some(100), Some(110)]);
    }

    #[test]
    fn a_drill_without_a_value_is_not_counted_in_the_figures_and_is_counted_in_the_drills() {
        let times = [
            time(Some(10), Standing::Inside),
            time(None, Standing::Outside),
            time(None, Standing::Unproven),
        ];
        let statistic = statistic(&times.iter().collect::<Vec<_>>());
        assert_eq!((statistic.n, statistic.drills), (1, 3));
        assert_eq!(statistic.mean, Some(SignedDuration::from_millis(10)));
        assert_eq!((statistic.inside, statistic.outside, statistic.unproven), (1, 1, 1));
    }

    #[test]
    fn a_time_stands_inside_outside_or_unproven() {
        let seconds = |seconds| Some(SignedDuration::from_secs(seconds));
        let cases = [
            (seconds(60), None, seconds(60), Standing::Inside),
            (seconds(61), None, seconds(60), Standing::Outside),
            (None, Some(Absence::NotObserved), seconds(60), Standing::Outside),
            (None, Some(Absence::Inconclusive), seconds(60), Standing::Unproven),
            (None, Some(Absence::NotExpected), seconds(60), Standing::Unproven),
            (seconds(61), None, None, Standing::NoObjective),
        ];
        for (time, absent, objective, standing) in cases {
            assert_eq!(stand(time, absent, objective), standing, "{time:?} {absent:?}");
        }
    }

    /// A drill whose one stage has these expectations: the verdict, and the seconds of the observation.
    fn drill(stage: Stage, verdicts: &[(VerdictKind, Option<i64>, bool)]) -> StageTime {
        drill_of(None, stage, verdicts)
    }

    fn drill_of(
        kind: Option<Kind>,
        stage: Stage,
        verdicts: &[(VerdictKind, Option<i64>, bool)],
    ) -> StageTime {
        let (mut plan, timeline) = crate::report::fixture::vpn();
        let mut template = plan.expectations.swap_remove(0);
        template.stage = stage;
        template.kind = kind.unwrap_or(template.kind);
        let mut judgement = crate::judge::judge(&plan, &timeline);
        let sample = judgement.verdicts.swap_remove(0);
        let start = first_fault(&timeline).expect("it started");
        plan.expectations.clear();
        judgement.verdicts.clear();
        for (number, (kind, seconds, held)) in verdicts.iter().enumerate() {
            let id = format!("e{number}");
            plan.expectations.push(PlannedExpectation { id: id.clone(), ..template.clone() });
            let mut verdict = Verdict { expectation: id, verdict: *kind, ..sample.clone() };
            verdict.held_throughout = *held;
            verdict.latency = seconds.map(SignedDuration::from_secs);
            verdict.broken_link = (*kind == VerdictKind::Skipped).then(|| "e0".to_owned());
            let observation = sample.observation.clone().expect("there is one to take");
            verdict.observation = seconds.map(|seconds| crate::timeline::Observation {
                occurred_at: start + SignedDuration::from_secs(seconds),
                ..observation
            });
            judgement.verdicts.push(verdict);
        }
        recovery(&plan, &timeline, &judgement).get(stage).clone()
    }

    #[test]
    fn each_stage_ends_with_its_own_moment_or_says_why_not() {
        use VerdictKind::{Inconclusive, Late, Met, Missed, Skipped, Violated};
        let seen = |kind, seconds| (kind, Some(seconds), false);
        let unseen = |kind| (kind, None, false);
        let held = (Met, Some(0), true);
        #[rustfmt::skip]
        let cases = [
            ("the first detection", Stage::Detect, vec![seen(Late, 90), seen(Met, 30)], Ok((30, "e1"))),
            ("one of two is enough to detect", Stage::Detect, vec![unseen(Missed), seen(Met, 30)], Ok((30, "e1"))),
            ("seen, then gone", Stage::Detect, vec![seen(Violated, 20)], Ok((20, "e0"))),
            ("before the fault by its resolution", Stage::Act, vec![seen(Met, -20)], Ok((0, "e0"))),
            ("a tie is the first in the file", Stage::Act, vec![seen(Met, 20), seen(Met, 20)], Ok((20, "e0"))),
            ("the last mitigation", Stage::Mitigate, vec![seen(Met, 60), seen(Met, 30)], Ok((60, "e0"))),
            ("all must be mitigated", Stage::Mitigate, vec![seen(Met, 60), unseen(Missed)], Err(Absence::NotObserved)),
            ("a recovery that did not last", Stage::Recover, vec![seen(Violated, 60)], Err(Absence::NotObserved)),
            ("held beside a return", Stage::Recover, vec![held, seen(Met, 300)], Ok((300, "e1"))),
            ("held throughout", Stage::Recover, vec![held], Err(Absence::HeldThroughout)),
            ("not expected", Stage::Recover, vec![], Err(Absence::NotExpected)),
            ("unseen", Stage::Detect, vec![unseen(Inconclusive)], Err(Absence::Inconclusive)),
            ("waits for the unseen", Stage::Recover, vec![unseen(Inconclusive), unseen(Skipped)], Err(Absence::Inconclusive)),
            ("waits for the missed", Stage::Recover, vec![unseen(Missed), unseen(Skipped)], Err(Absence::NotObserved)),
        ];
        for (name, stage, verdicts, expected) in cases {
            let found = drill(stage, &verdicts);
            let wanted = match expected {
                Ok((seconds, by)) => {
                    (Some(SignedDuration::from_secs(seconds)), Some(by.to_owned()), None)
                }
                Err(absence) => (None, None, Some(absence)),
            };
            assert_eq!((found.time, found.by, found.absent), wanted, "{name}");
        }
    }

    #[test]
    fn an_experiment_mitigates_only_if_it_is_halted() {
        for (state, expected) in [("completed", None), ("stopped", Some(60))] {
            let kind = Kind::Experiment { fault: "f".to_owned(), state: state.to_owned() };
            let verdicts = [(VerdictKind::Met, Some(60), false)];
            let found = drill_of(Some(kind), Stage::Mitigate, &verdicts);
            assert_eq!(found.time, expected.map(SignedDuration::from_secs), "{state}");
        }
    }

    #[test]
    fn without_a_fault_nothing_counts() {
        let (plan, _) = crate::report::fixture::vpn();
        let judgement = crate::judge::judge(&plan, &[]);
        for (stage, time) in recovery(&plan, &[], &judgement).iter() {
            assert_eq!(time.absent, Some(Absence::NotInjected), "{stage:?}");
        }
    }
}
