//! The lock of a running drill: taken in every place before anything is changed, renewed while the drill runs.
//!
//! Main functions: [`take`] and [`keep`]. Invariants: a drill that can't have the lock of one of its places
//! makes no other change; one that loses it is stopped and reverted; no renewal is on its way when the
//! lock is given back.

use std::time::Duration;

use tokio::sync::watch;

use super::Drill;
use super::preflight::{Here, tell};
use crate::context::{ChangeError, Place};
use crate::faults::lock::{self, Held, MARGIN, NotOurs};
use crate::timeline::{Problem, StopReason};

/// How often a lease is renewed: several times before it runs out.
const RENEWAL: Duration = Duration::from_mins(1);

/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// A place and our lease there.
pub(super) type Leases<'a> = Vec<(&'a Place, Held)>;

/// Takes the lock of every place, where this drill is to lock; nothing if one of them can't be had. Nobody
/// waits for another, so drills that span several places can't wait for each other for ever.
pub(super) async fn take<'a>(drill: &'a Drill<'a>) -> Option<Leases<'a>> {
    let mut leases = Vec::new();
    if !drill.conduct.lock {
        return Some(leases);
    }
    for place in drill.places.all() {
        let taken = lock::acquire(drill.context(place), &drill.plan.scenario.name).await;
        let (lease, finding) = match taken {
            Ok(held) => (Some((place, held)), Ok(())),
            Err(error) => (None, Err(problem(place, &error))),
        };
        let subject = format!("lock {}", lock::PARAMETER);
        if !tell(Here::new(drill, place), subject, finding) {
            return None;
        }
        leases.extend(lease);
    }
    Some(leases)
}

fn problem(place: &Place, error: &NotOurs) -> Problem {
    let place = format!("account {} in {}", place.target.account, place.target.region);
    let (hint, blind) = match error {
        NotOurs::Held { .. } => (
            "wait until it is over; after a crash `firedrill revert` of its folder gives the lock back, or it \
             runs out by itself two minutes after that; --no-lock drills all the same"
                .to_owned(),
            false,
        ),
        NotOurs::Raced | NotOurs::Lost(_) => ("try again in a few minutes".to_owned(), false),
        NotOurs::Unreadable => (
            format!("see who wrote it and delete it (aws ssm delete-parameter --name {}), or use --no-lock", lock::PARAMETER),
            false,
        ),
        NotOurs::Failed(ChangeError::Call(error)) => (
            format!("{}; or drill without the lock: --no-lock", error.hint()),
            true,
        ),
        NotOurs::Failed(ChangeError::Record(_) | ChangeError::NoEffect(_)) => {
            ("see the reason".to_owned(), true)
        }
    };
    Problem { message: format!("{place} can't be locked: {error}"), hint, blind }
}

/// Does the drill's work, and renews the leases while it lasts.
pub(super) async fn keep(
    drill: &Drill<'_>,
    mut leases: Leases<'_>,
    work: impl Future<Output = ()>,
) {
    if leases.is_empty() {
        return work.await;
    }
    let (done, mut over) = watch::channel(false);
    let work = async {
        work.await;
        done.send_replace(true);
    };
    let renewing = async {
        let mut rest = RENEWAL;
        loop {
            tokio::select! {
                biased;
                _done = over.wait_for(|over| *over) => break,
                () = tokio::time::sleep(rest) => {}
            }
            rest = renew_all(drill, &mut leases).await;
        }
        for (place, held) in &leases {
            // What can't be written over now runs out by itself, and the release says what it finds.
            let scenario = &drill.plan.scenario.name;
            let _told = lock::reassert(drill.context(place), scenario, held).await;
        }
    };
    tokio::join!(work, renewing);
}

/// Renews every lease; answers how long to rest. A lease that is lost, or can't be renewed in time, stops
/// the drill.
async fn renew_all(drill: &Drill<'_>, leases: &mut Leases<'_>) -> Duration {
    let mut rest = RENEWAL;
    for (place, held) in leases {
        match lock::renew(drill.context(place), &drill.plan.scenario.name, held).await {
            Ok(renewed) => *held = renewed,
            // There is time to try again; the record has the error where it was a change.
            Err(NotOurs::Failed(_)) if drill.clock().now() + MARGIN < held.until => {
                rest = RETRY;
            }
            Err(error) => {
                drill.stop.press(StopReason::Guardrail, error.to_string());
            }
        }
    }
    rest
}
