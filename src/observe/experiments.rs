//! The FIS experiment of a fault, followed to its end.
//!
//! Main function: [`follow`]. Invariants: a final state is recorded once, with FIS's own time and reason;
//! `stopped` and `cancelled` are told apart from `completed`; a state that FIS dates is told though it was over
//! at the first look, and one that it does not date is never called absent for that.

use aws_sdk_fis::types::Experiment;
use jiff::Timestamp;

use super::{Seen, Watch};
use jiff::SignedDuration;

use crate::aws::CallErrorKind;
use crate::aws::experiments::{Passed, ended, get, passed};
use crate::plan::{Kind, PlannedFault};
use crate::scenario::types::Correlation;
use crate::timeline::EntryKind;
use crate::wakeup::Topic;

/// How an experiment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) state: String,
    pub(crate) reason: String,
}

/// Follows an experiment until it ends, telling each state to the expectations about it.
pub(crate) async fn follow(watch: &Watch<'_>, fault: &PlannedFault, experiment: &str) -> End {
    let mut telling = Telling::new(watch, fault, experiment);
    let expectations: Vec<String> =
        telling.subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let (mut failures, mut lacked) = (0, false);
    loop {
        let mark = watch.pace.mark(Topic::Experiments);
        let asked_at = watch.clock().now();
        match get(watch.aws, experiment).await {
            Ok(now) => {
                (failures, lacked) = (0, false);
                let ended = ended(&now);
                let status = now.state().and_then(|state| state.status());
                let status = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
                let reason = match &ended {
                    Some((_, reason, _)) => reason.as_deref(),
                    None => now.state().and_then(|state| state.reason()),
                };
                let reason = reason.unwrap_or_default();
                let at = match &ended {
                    Some((_, _, at)) => at.unwrap_or(asked_at),
                    None => asked_at,
                };
                telling.hear(&now, &status, reason, at);
                telling.looked = asked_at;
                watch.looked(&expectations, asked_at);
                if ended.is_some() {
                    watch.recorder.record(EntryKind::FaultEnded {
                        fault: fault.id.clone(),
                        occurred_at: at,
                        state: status.clone(),
                        reason: (!reason.is_empty()).then(|| reason.to_owned()),
                    });
                    // A final state is the last one: nothing else can turn up until the drill ends.
                    watch.looked(&expectations, watch.since + watch.plan.max_duration);
                    return End { state: status, reason: reason.to_owned() };
                }
                watch.rest(Topic::Experiments, mark, SignedDuration::ZERO, asked_at).await;
            }
            Err(error) => {
                watch.blind(&expectations, &error);
                if error.kind == CallErrorKind::NotFound {
                    return End { state: "gone".to_owned(), reason: error.to_string() };
                }
                failures += 1;
                let lacks = error.kind == CallErrorKind::Unsupported;
                if lacks && std::mem::replace(&mut lacked, lacks) {
                    return End { state: "unseen".to_owned(), reason: error.to_string() };
                }
                watch.pace.back_off(failures).await;
            }
        }
    }
}

struct Subject {
    expectation: String,
    /// The state that is looked for.
    wanted: String,
    /// That state has been told.
    told: bool,
}

/// Tells the states of one experiment, each once.
struct Telling<'a> {
    watch: &'a Watch<'a>,
    experiment: &'a str,
    subjects: Vec<Subject>,
    /// The state that the last look showed.
    last: String,
    /// When that look was.
    looked: Timestamp,
    /// When the fault began: the experiment was running.
    began: Option<Timestamp>,
}

impl<'a> Telling<'a> {
    fn new(watch: &'a Watch<'a>, fault: &PlannedFault, experiment: &'a str) -> Self {
        let subjects = watch.pick(|expectation| {
            let Kind::Experiment { fault: id, state } = &expectation.kind else { return None };
            let (expectation, wanted) = (expectation.id.clone(), state.clone());
            (*id == fault.id).then_some(Subject { expectation, wanted, told: false })
        });
        let began = watch.recorder.read(|timeline| {
            timeline.iter().find_map(|entry| match &entry.kind {
                EntryKind::FaultStarted { fault: id, occurred_at, .. } if *id == fault.id => {
                    Some(*occurred_at)
                }
                _ => None,
            })
        });
        Self { watch, experiment, subjects, last: String::new(), looked: watch.since, began }
    }

    /// Tells what the experiment is now, and what it was on the way there.
    fn hear(&mut self, experiment: &Experiment, state: &str, reason: &str, at: Timestamp) {
        if state == self.last {
            return;
        }
        let on_the_way = passed(experiment);
        let mut subjects = std::mem::take(&mut self.subjects);
        for subject in &mut subjects {
            let wanted = on_the_way.iter().find(|one| one.state == subject.wanted);
            if let Some(passed) = wanted
                && !std::mem::replace(&mut subject.told, true)
            {
                self.tell(subject, passed.state, "", self.moment(passed));
            }
            if subject.wanted == "stopping" && state == "stopped" && self.last != "stopping" {
                self.may_have_been_stopping(subject, at);
            }
            if wanted.is_none_or(|wanted| wanted.state != state) {
                let now = on_the_way.iter().find(|one| one.state == state);
                let moment = now.map_or((at, at), |now| self.moment(now));
                self.tell(subject, state, reason, moment);
            }
        }
        self.subjects = subjects;
        state.clone_into(&mut self.last);
    }

    /// The moment that is told of a state: it ran when its fault began, which may be later than its first action.
    fn moment(&self, passed: &Passed) -> (Timestamp, Timestamp) {
        let began = self.began.filter(|_| passed.state == "running");
        (passed.from.max(began.unwrap_or(passed.from)), passed.to.max(began.unwrap_or(passed.to)))
    }

    /// FIS gives no time at which an experiment began to stop, and none shows that it did not.
    fn may_have_been_stopping(&self, subject: &Subject, at: Timestamp) {
        let experiment = self.experiment;
        let why = format!("experiment {experiment} stopped, and no look shows it stopping");
        self.watch.passed_over(&subject.expectation, self.looked, at, why);
    }

    fn tell(
        &self,
        subject: &Subject,
        state: &str,
        reason: &str,
        (from, to): (Timestamp, Timestamp),
    ) {
        let summary = format!("experiment {} is {state}", self.experiment);
        let mut seen = Seen::new(&subject.expectation, from, summary)
            .with("experiment", self.experiment)
            .with("state", state)
            .with("reason", reason);
        seen.resolution_ms = u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0);
        seen.holds = state == subject.wanted;
        // The experiment is the one that we started, known by its id.
        seen.correlation = Some(Correlation::Exact);
        self.watch.saw(seen, "");
    }
}
