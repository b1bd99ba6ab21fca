//! Compliance with rules of AWS Config: a state of a rule, or of one resource under it.
//!
//! Main function: [`poll`]. The results of a rule carry the time at which Config recorded them; Config keeps
//! only the last of each resource, so a state that came and went between two looks is not seen: where one could
//! not be made, the time until the next is a gap. Source:
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_GetComplianceDetailsByConfigRule.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_config::types::EvaluationResult;
use jiff::{SignedDuration, Timestamp};

use super::{Seen, Shows, Watch};
use crate::aws::{CallError, timestamp};
use crate::plan::Kind;
use crate::scenario::types::{ComplianceExpectation, ComplianceState, Correlation};
use crate::timeline::{EntryKind, Purpose, Undo};
use crate::wakeup::Topic;

/// A result is shown at once, once Config has recorded it.
const LAG: SignedDuration = SignedDuration::ZERO;

/// What a rule or a resource is called that has no result.
const NO_RESULT: &str = "INSUFFICIENT_DATA";

struct Subject<'a> {
    expectation: &'a str,
    wanted: &'a ComplianceExpectation,
    state: ComplianceState,
}

/// Watches every rule of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::Compliance { wanted, state } = &expectation.kind else { return None };
        Some(Subject { expectation: &expectation.id, wanted, state: *state })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.to_owned()).collect();
    let rules: BTreeSet<&str> = subjects.iter().map(|one| one.wanted.rule.as_str()).collect();
    let mut known: BTreeMap<&str, (String, Timestamp)> = BTreeMap::new();
    let (topic, shows) = (Topic::Compliance, Shows::ThePresent);
    watch
        .keep_looking_at("rule compliance", topic, LAG, &expectations, shows, async || {
            for rule in &rules {
                let asked_at = watch.clock().now();
                let results = results(watch, rule).await?;
                for subject in subjects.iter().filter(|one| one.wanted.rule == *rule) {
                    let now = state(subject, &results);
                    let new = (now.clone(), asked_at);
                    let before = known.insert(subject.expectation, new);
                    tell(watch, subject, &results, &now, asked_at, before);
                }
            }
            Ok(())
        })
        .await;
}

/// Every result of a rule.
async fn results(watch: &Watch<'_>, rule: &str) -> Result<Vec<EvaluationResult>, CallError> {
    let request = watch.aws.config.get_compliance_details_by_config_rule();
    let mut pages = request.config_rule_name(rule).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(result) = pages.next().await {
        let result = result
            .map_err(|error| CallError::of("config:GetComplianceDetailsByConfigRule", &error))?;
        found.push(result);
    }
    Ok(found)
}

fn compliance(result: &EvaluationResult) -> &str {
    result.compliance_type().map_or(NO_RESULT, |compliance| compliance.as_str())
}

/// The type and the id of the resource that a result is about.
fn resource(result: &EvaluationResult) -> (&str, &str) {
    let qualifier = result
        .evaluation_result_identifier()
        .and_then(|identifier| identifier.evaluation_result_qualifier());
    qualifier.map_or(("", ""), |one| {
        (one.resource_type().unwrap_or_default(), one.resource_id().unwrap_or_default())
    })
}

/// The results that an expectation is about.
fn about<'r>(
    subject: &Subject<'_>,
    results: &'r [EvaluationResult],
) -> impl Iterator<Item = &'r EvaluationResult> {
    let wanted = subject.wanted.resource.clone();
    results.iter().filter(move |result| wanted.as_ref().is_none_or(|id| resource(result).1 == id))
}

/// One resource that does not comply is enough, as Config itself says it of a rule.
fn state(subject: &Subject<'_>, results: &[EvaluationResult]) -> String {
    let any = |state: &str| about(subject, results).any(|result| compliance(result) == state);
    let states = ["NON_COMPLIANT", "COMPLIANT", "NOT_APPLICABLE"];
    states.into_iter().find(|state| any(state)).unwrap_or(NO_RESULT).to_owned()
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    results: &[EvaluationResult],
    now: &str,
    asked_at: Timestamp,
    before: Option<(String, Timestamp)>,
) {
    let rule = &subject.wanted.rule;
    let what = match &subject.wanted.resource {
        Some(resource) => format!("{resource} under the rule {rule}"),
        None => format!("the rule {rule}"),
    };
    let responsible: Vec<&EvaluationResult> =
        about(subject, results).filter(|result| compliance(result) == now).collect();
    let Some((state, looked)) = before else {
        // What a later change is a change from.
        let summary = format!("{what} is {now} when the watch begins");
        let mut seen = Seen::new(subject.expectation, watch.since, summary)
            .with("rule", rule)
            .with("compliance", now);
        seen.holds = now == subject.state.as_str();
        seen.correlation = Some(Correlation::Window);
        watch.saw(seen, "");
        return;
    };
    if state == now || is_own_doing(watch, rule) {
        return;
    }
    let (at, resolution_ms) = moment(&responsible, now, looked, asked_at);
    let names: Vec<&str> = responsible.iter().take(10).map(|one| resource(one).1).collect();
    let notes = responsible.iter().filter_map(|one| one.annotation());
    let notes = notes.take(10).collect::<Vec<_>>().join("; ");
    let mut seen = Seen::new(subject.expectation, at, format!("{what} is {now}, was {state}"))
        .with("rule", rule)
        .with("compliance", now)
        .with("resources", names.join(" "))
        .with("annotation", &notes);
    seen.holds = now == subject.state.as_str();
    seen.resolution_ms = resolution_ms;
    watch.saw(seen, &format!("{} {notes}", names.join(" ")));
}

/// When the state changed: by the results that Config recorded since the last look. The first that does not
/// comply breaks a rule, the last one that complies mends it.
fn moment(
    responsible: &[&EvaluationResult],
    now: &str,
    looked: Timestamp,
    asked_at: Timestamp,
) -> (Timestamp, u64) {
    let recorded = responsible
        .iter()
        .filter_map(|result| timestamp(result.result_recorded_time()?))
        .filter(|at| *at >= looked);
    let at = if now == "NON_COMPLIANT" { recorded.min() } else { recorded.max() };
    let Some(at) = at else {
        let span = asked_at.duration_since(looked).as_millis();
        return (looked, u64::try_from(span).unwrap_or(u64::MAX));
    };
    (at, 0)
}

/// Whether we are taking back what we told this rule: that is no answer of the system.
fn is_own_doing(watch: &Watch<'_>, rule: &str) -> bool {
    watch.recorder.read(|timeline| {
        timeline.iter().any(|entry| match &entry.kind {
            EntryKind::Intent {
                purpose: Purpose::Revert,
                undo: Some(Undo::PutExternalEvaluation { rule: taken_back, .. }),
                ..
            } => taken_back == rule,
            _ => false,
        })
    })
}
