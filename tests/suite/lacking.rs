//! Drills on an account that lacks one operation: what could not be done or seen for it is inconclusive and
//! names it, at once; nothing is called missed for it.
//!
//! Every operation that a drill calls in fair weather is taken away once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector as _, HttpConnectorFuture, SharedHttpClient,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::emulator::Account;
use firedrill::judge::{Judgement, Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{EntryKind, Purpose};

use crate::between::{between, operation, refuse};
use crate::{stage, support};

/// Drills that pass, and that reach most services between them.
const SCENARIOS: [&str; 7] = [
    "vpn-tunnel-down",
    "guardduty-crypto-mining",
    "custom-application-event",
    "bad-deployment-rolls-back",
    "order-saga-compensates",
    "feature-flag-rolls-back",
    "noncompliant-security-group",
];

/// How long a drill may last at the most that has found out before it injected anything, in seconds: an
/// operation that is lacking is not asked for until a minute is over.
const AT_ONCE: f64 = 15.0;

/// The operations of REST services, by method and path; `*` is any one part of a path.
const REST: &[(&str, &str, &str)] = &[
    ("GET", "experimentTemplates", "ListExperimentTemplates"),
    ("POST", "experimentTemplates", "CreateExperimentTemplate"),
    ("GET", "experimentTemplates/*", "GetExperimentTemplate"),
    ("DELETE", "experimentTemplates/*", "DeleteExperimentTemplate"),
    ("GET", "experiments", "ListExperiments"),
    ("POST", "experiments", "StartExperiment"),
    ("GET", "experiments/*", "GetExperiment"),
    ("DELETE", "experiments/*", "StopExperiment"),
    ("GET", "safetyLevers/*", "GetSafetyLever"),
    ("POST", "listIncidentRecords", "ListIncidentRecords"),
    ("GET", "getIncidentRecord", "GetIncidentRecord"),
    ("POST", "listTimelineEvents", "ListTimelineEvents"),
    ("POST", "listRelatedItems", "ListRelatedItems"),
    ("GET", "getResponsePlan", "GetResponsePlan"),
    ("GET", "detector", "ListDetectors"),
    ("POST", "detector/*/findings", "ListFindings"),
    ("POST", "detector/*/findings/get", "GetFindings"),
    ("POST", "detector/*/findings/create", "CreateSampleFindings"),
    ("POST", "detector/*/findings/archive", "ArchiveFindings"),
    ("GET", "applications", "ListApplications"),
    ("GET", "applications/*/environments", "ListEnvironments"),
    ("GET", "applications/*/environments/*/deployments", "ListDeployments"),
    ("GET", "applications/*/environments/*/deployments/*", "GetDeployment"),
    ("POST", "findings", "GetFindings"),
    ("POST", "findings/import", "BatchImportFindings"),
    ("PATCH", "findings/batchupdate", "BatchUpdateFindings"),
];

/// The operation's name in any protocol.
fn called(request: &HttpRequest) -> String {
    let path = request.uri().split('?').next().unwrap_or_default();
    let path = path.splitn(4, '/').nth(3).unwrap_or_default().trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let is_it = |(method, pattern, _): &&(&str, &str, &str)| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        *method == request.method()
            && pattern.len() == parts.len()
            && pattern.iter().zip(&parts).all(|(one, part)| *one == "*" || one == part)
    };
    match REST.iter().find(is_it) {
        Some((_, _, name)) => (*name).to_owned(),
        None => operation(request),
    }
}

/// As a server answers that has no such operation, each in its own words.
fn lacks(how: usize, request: &HttpRequest) -> HttpConnectorFuture {
    match how % 3 {
        0 => refuse(request, 501, "InternalFailure"),
        1 => refuse(request, 400, "UnknownOperationException"),
        _ => {
            let status = StatusCode::try_from(501).expect("a status");
            let page = SdkBody::from("<html>Not Implemented</html>");
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status, page)))
        }
    }
}

fn drilled(
    plan: &Plan,
    account: &Account,
    between: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
) -> (Judgement, Finished) {
    let (finished, _) = rehearse_through(plan, account.clone(), &StopSwitch::default(), between);
    (judge(plan, &finished.timeline), finished)
}

/// The operations that a drill calls.
fn operations(plan: &Plan, account: &Account) -> (Judgement, Vec<String>) {
    let called_names = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let seen = Arc::clone(&called_names);
    let (fair, _) = drilled(plan, account, move |inner| {
        between(inner, move |_, request, account| {
            *seen.lock().expect("no call panics").entry(called(&request)).or_default() += 1;
            account.call(request)
        })
    });
    let names = called_names.lock().expect("no call panics").keys().cloned().collect();
    (fair, names)
}

/// What is wrong with a drill that lacks an operation; nothing when nothing is.
fn wrong(
    plan: &Plan,
    fair: &Judgement,
    (judgement, finished): &(Judgement, Finished),
    name: &str,
) -> String {
    let mut words = String::new();
    let timeline = &finished.timeline;
    let started = |kind: &EntryKind| matches!(kind, EntryKind::FaultStarted { .. });
    let started = timeline.iter().filter(|entry| started(&entry.kind)).count();
    // What only a part of the faults brings about is known for what it can't be: met.
    let whole = started == 0 || started == plan.faults.len();
    for (one, truth) in judgement.verdicts.iter().zip(&fair.verdicts) {
        let blind = matches!(one.verdict, VerdictKind::Inconclusive | VerdictKind::Skipped);
        let lies = whole || one.verdict == VerdictKind::Met;
        if !blind && lies && one.verdict != truth.verdict {
            words +=
                &format!("`{}` is {}: {}\n", one.expectation, one.verdict.as_str(), one.reason);
        }
    }
    if judgement.outcome == fair.outcome {
        return words;
    }
    let mut told: Vec<String> =
        judgement.verdicts.iter().map(|verdict| verdict.reason.clone()).collect();
    told.extend(judgement.reasons.iter().cloned());
    // An operation is told by its IAM action, and a batch has that of its single call.
    let action = name.trim_end_matches("Batch");
    if !told.iter().any(|one| one.contains(&format!(":{action}"))) {
        words += &format!("nobody says that it is {name} that is lacking: {told:#?}\n");
    }
    let honest = matches!(
        judgement.outcome,
        Outcome::Inconclusive | Outcome::Unsteady | Outcome::Stopped | Outcome::Unreverted
    );
    if !honest && whole {
        words += &format!("the drill is {:?}: {told:#?}\n", judgement.outcome);
    }
    let injects =
        |kind: &EntryKind| matches!(kind, EntryKind::Intent { purpose: Purpose::Inject, .. });
    if !timeline.iter().any(|entry| injects(&entry.kind))
        && let (Some(first), Some(last)) = (timeline.first(), timeline.last())
    {
        let lasted = last.at.duration_since(first.at).as_secs_f64();
        if lasted > AT_ONCE {
            words += &format!("it took {lasted} s to find out: {told:#?}\n");
        }
    }
    words
}

#[test]
fn what_a_server_lacks_is_inconclusive_at_once_and_named() {
    let mut failures = String::new();
    let mut count = 0;
    for scenario in SCENARIOS {
        let file = support::root().join("scenarios").join(format!("{scenario}.yaml"));
        let (plan, account) = stage::prepared(&file);
        let (fair, names) = operations(&plan, &account);
        assert_eq!(fair.outcome, Outcome::Passed, "{scenario}: {:?}", fair.reasons);
        for (number, name) in names.iter().enumerate() {
            let lacking = name.clone();
            let over = drilled(&plan, &account, move |inner| {
                between(inner, move |_, request, account| {
                    if called(&request) == lacking {
                        return lacks(number, &request);
                    }
                    account.call(request)
                })
            });
            count += 1;
            let words = wrong(&plan, &fair, &over, name);
            if !words.is_empty() {
                failures += &format!("{scenario} without {name}:\n{words}");
            }
        }
    }
    assert!(count > 50, "{count} operations were taken away: that proves little");
    assert!(failures.is_empty(), "of {count} drills these are wrong:\n{failures}");
}
