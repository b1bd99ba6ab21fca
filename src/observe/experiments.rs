//! The FIS experiment of a fault, followed to its end.
//!
//! Main function: [`follow`]. Invariant: a final state is recorded once, with FIS's own time and reason;
//! `stopped` and `cancelled` are told apart from `completed`.

use super::{Seen, Watch};
use jiff::SignedDuration;

use crate::aws::CallErrorKind;
use crate::aws::experiments::{ended, get};
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
    let subjects = subjects(watch, fault);
    let expectations: Vec<String> = subjects.iter().map(|(id, _)| id.clone()).collect();
    let (mut last, mut failures, mut lacked) = (String::new(), 0, false);
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
                if status != last {
                    tell(watch, &subjects, experiment, &status, reason, at);
                    last.clone_from(&status);
                }
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

fn subjects(watch: &Watch<'_>, fault: &PlannedFault) -> Vec<(String, String)> {
    watch.pick(|expectation| {
        let Kind::Experiment { fault: id, state } = &expectation.kind else { return None };
        (*id == fault.id).then(|| (expectation.id.clone(), state.clone()))
    })
}

fn tell(
    watch: &Watch<'_>,
    subjects: &[(String, String)],
    experiment: &str,
    status: &str,
    reason: &str,
    at: jiff::Timestamp,
) {
    for (expectation, wanted) in subjects {
        let mut seen = Seen::new(expectation, at, format!("experiment {experiment} is {status}"))
            .with("experiment", experiment)
            .with("state", status)
            .with("reason", reason);
        seen.holds = status == wanted;
        // The experiment is the one that we started, known by its id.
        seen.correlation = Some(Correlation::Exact);
        watch.saw(seen, "");
    }
}
