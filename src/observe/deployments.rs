//! Deployments and stack operations: which states they reached, and whether AWS took them back by itself.
//!
//! Main function: [`poll`]. Every service keeps a log with its own times (CodeDeploy's deployments,
//! AppConfig's event log, CloudFormation's stack events, ECS's service deployments), so a state that was
//! passed between two looks is seen all the same. Invariant: a state is told once for each expectation.
//! What is on the way when the watch begins counts only for what it reaches after that.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::{Seen, Watch};
use crate::aws::CallError;
use crate::aws::deployments::{Over, Reached, UnderWay, of_release};
use crate::plan::{Becomes, Kind, Release};
use crate::wakeup::Topic;

mod appconfig;
mod cloudformation;
mod codedeploy;
mod ecs;

/// The services show a change at once.
const LAG: SignedDuration = SignedDuration::ZERO;

struct Subject<'a> {
    expectation: String,
    release: &'a Release,
    becomes: &'a Becomes,
}

/// Watches everything of the plan that is deployed. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::Deployment { release, becomes } = &expectation.kind else { return None };
        Some(Subject { expectation: expectation.id.clone(), release, becomes })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut releases: Vec<&Release> = Vec::new();
    for subject in &subjects {
        if !releases.contains(&subject.release) {
            releases.push(subject.release);
        }
    }
    let mut told = BTreeSet::new();
    let known = Known::default();
    watch
        .keep_looking("deployment states", Topic::Deployments, LAG, &expectations, async || {
            let looks = releases.iter().map(|release| look(watch, release, &known));
            for (release, reached) in releases.iter().zip(join_all(looks).await) {
                for one in reached?.iter().filter(|one| one.at >= watch.since) {
                    for subject in subjects.iter().filter(|subject| subject.release == *release) {
                        tell(watch, subject, one, &mut told);
                    }
                }
            }
            Ok(())
        })
        .await;
}

/// What need not be asked for again.
#[derive(Default)]
struct Known {
    names: appconfig::Names,
    over: Over,
    under_way: UnderWay,
}

/// The states that were reached, oldest first; read together with whoever else asks for this release.
async fn look(
    watch: &Watch<'_>,
    release: &Release,
    known: &Known,
) -> Result<Vec<Reached>, CallError> {
    let (aws, since) = (watch.aws, watch.since);
    let words = release.words();
    match release {
        Release::CodeDeploy { application, group } => {
            let of = (application.as_str(), group.as_str());
            codedeploy::look(aws, since, of, &known.over, &known.under_way).await
        }
        Release::CloudFormation { stack } => {
            let (ours, stack) = (aws.clone(), stack.clone());
            let read = move |since| {
                let (ours, stack) = (ours.clone(), stack.clone());
                async move { cloudformation::look(&ours, since, &stack).await.map(in_order) }
            };
            of_release(aws, words, since, read).await
        }
        Release::AppConfig { application, environment } => {
            let to = (application.clone(), environment.clone());
            let (ours, names) = (aws.clone(), known.names.clone());
            let read = move |since| {
                let (ours, to, names) = (ours.clone(), to.clone(), names.clone());
                async move { appconfig::look(&ours, since, &to.0, &to.1, &names).await.map(in_order) }
            };
            of_release(aws, words, since, read).await
        }
        Release::Ecs { cluster, service } => {
            let (ours, cluster, service) = (aws.clone(), cluster.clone(), service.clone());
            let read = move |since| {
                let (ours, of) = (ours.clone(), (cluster.clone(), service.clone()));
                async move { ecs::look(&ours, since, &of.0, &of.1).await.map(in_order) }
            };
            of_release(aws, words, since, read).await
        }
    }
}

fn in_order(mut reached: Vec<Reached>) -> Vec<Reached> {
    reached.sort_by_key(|one| one.at);
    reached
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    reached: &Reached,
    told: &mut BTreeSet<(String, String, String)>,
) {
    let holds = match subject.becomes {
        Becomes::State { state } => *state == reached.state,
        Becomes::RolledBack { triggered_by } => {
            let by = triggered_by.as_ref().is_none_or(|wanted| *wanted == reached.triggered_by);
            reached.rolled_back && by
        }
    };
    // Another state on the way says nothing; one that is final says that this is not what became of it.
    if !holds && !reached.is_final {
        return;
    }
    let key = (subject.expectation.clone(), reached.deployment.clone(), reached.state.clone());
    if !told.insert(key) {
        return;
    }
    let by = match reached.triggered_by.as_str() {
        "" => String::new(),
        by => format!(", by {by}"),
    };
    let what = subject.release.words();
    let summary = format!("{what}: {} is {}{by}", reached.deployment, reached.state);
    let mut seen = Seen::new(&subject.expectation, reached.at, summary)
        .with("what", what)
        .with("deployed", &reached.deployment)
        .with("state", &reached.state)
        .with("triggered by", &reached.triggered_by)
        .with("reason", &reached.reason);
    seen.holds = holds;
    watch.saw(seen, &format!("{} {}", reached.deployment, reached.reason));
}
