//! What the doctor tells of things that a run does not look at before it begins: metrics, URLs, local programs,
//! resource groups, and which alarms FIS itself watches.
//!
//! Main function: [`rows`]. Invariant: none of these rows is `wrong`: a run begins whatever they say.

use std::collections::BTreeSet;

use super::rows::{Health, Row};
use crate::aws::{CallError, CallErrorKind, metrics};
use crate::context::{ChangeError, Context, Place};
use crate::faults::fis;
use crate::plan::{FaultAction, Kind, PlannedFault};
use crate::runner::Drill;
use crate::scenario::names::at_target;
use crate::scenario::types::MetricSource;

/// The rows of a place.
pub(super) async fn rows(drill: &Drill<'_>, place: &Place) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut metrics: Vec<&MetricSource> = Vec::new();
    for one in drill.plan.expectations.iter().filter(|one| one.target == place.name) {
        if let Kind::Metric(watch) = &one.kind {
            let new = watch.metrics.values().filter(|metric| !metrics.contains(metric));
            metrics.extend(new.collect::<Vec<_>>());
        }
        if let Kind::Http { request, .. } = &one.kind {
            rows.push(url(&request.words()));
        }
    }
    for metric in metrics {
        rows.push(listed(place, metric).await);
    }
    for fault in drill.plan.faults.iter().filter(|fault| fault.target == place.name) {
        rows.extend(of_fault(fault));
        if fault.action.is_experiment() {
            rows.push(stops(drill, place, fault).await);
        }
    }
    rows
}

fn of_fault(fault: &PlannedFault) -> Vec<Row> {
    if let FaultAction::Http { request, revert } = &fault.action {
        return std::iter::once(request).chain(revert).map(|one| url(&one.words())).collect();
    }
    if let FaultAction::Command { run, .. } = &fault.action {
        return vec![Row::not(
            Health::Note,
            format!("local program of fault {}", fault.id),
            format!("a run of this scenario starts `{}` on this machine", run.words()),
            "give the run --allow-commands if that is meant; without it, it does not begin",
        )];
    }
    if let FaultAction::SsmCommand(send) = &fault.action
        && !send.looks_up_instances()
    {
        return vec![Row::not(
            Health::Skipped,
            format!("instances of fault {}", fault.id),
            "not looked at: Systems Manager does not tell what is in a resource group",
            "see `aws resource-groups list-group-resources`",
        )];
    }
    Vec::new()
}

fn url(words: &str) -> Row {
    Row::not(
        Health::Skipped,
        words,
        "not asked: the doctor sends nothing to anybody but AWS",
        "ask it yourself from where the drill runs; a rehearsal asks it only with --allow-http",
    )
}

/// Whether CloudWatch lists a metric. One that is not listed may come to be with the fault.
async fn listed(place: &Place, metric: &MetricSource) -> Row {
    let dimensions = metric.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
    let dimensions = dimensions.collect::<Vec<_>>().join(", ");
    let of = if dimensions.is_empty() { String::new() } else { format!(" of {dimensions}") };
    let (namespace, name) = (&metric.namespace, &metric.name);
    let subject = format!("metric {name} in {namespace}{of}{}", place.suffix());
    let pairs: Vec<_> = metric.dimensions.iter().collect();
    match metrics::is_listed(&place.aws, namespace, name, &pairs).await {
        Ok(true) => Row::ok(subject, "there: it has had values in the last two weeks"),
        Ok(false) => Row::not(
            Health::Note,
            subject,
            "not listed: CloudWatch has had no value of it in the last two weeks, or not for 15 minutes yet",
            "fine if the fault makes it begin; otherwise check its namespace, name and dimensions",
        ),
        Err(error) => unlooked(subject, &error),
    }
}

/// A look that a run does not need: a caller that may not make it may drill all the same.
fn unlooked(subject: String, error: &CallError) -> Row {
    match error.kind {
        CallErrorKind::Denied | CallErrorKind::Unsupported => Row::not(
            Health::Skipped,
            subject,
            format!("not looked at: {error}"),
            format!("allow {} to have it looked at; a run does not need it", error.operation),
        ),
        CallErrorKind::Throttled
        | CallErrorKind::NotFound
        | CallErrorKind::Unreachable
        | CallErrorKind::Refused => {
            Row::not(Health::Unseen, subject, error.to_string(), error.hint())
        }
    }
}

/// Which alarms FIS watches, and which of the scenario's stop conditions only firedrill does.
async fn stops(drill: &Drill<'_>, place: &Place, fault: &PlannedFault) -> Row {
    let subject = format!("stop conditions of fault {}{}", fault.id, place.suffix());
    let context = Context::new(place, drill.recorder, drill.pace, &drill.plan.run_id);
    let watched = match fis::stop_alarms(context, &fault.action).await {
        Ok(watched) => watched,
        Err(ChangeError::Call(error)) => return unlooked(subject, &error),
        // The row of the template says why.
        Err(error @ (ChangeError::NoEffect(_) | ChangeError::Record(_))) => {
            let found = format!("not looked at: {error}");
            return Row::not(Health::Skipped, subject, found, "name a template that is there");
        }
    };
    let by_fis = if watched.is_empty() {
        "FIS watches no alarm".to_owned()
    } else {
        format!("FIS stops by itself on {}", watched.iter().cloned().collect::<Vec<_>>().join(", "))
    };
    let stops = &drill.plan.stop_conditions;
    if stops.is_empty() {
        let found = format!("{by_fis}; the scenario has no stop conditions");
        return if watched.is_empty() {
            let way_out = "add `stop_conditions: [{alarm: …}]`, so that something ends it early";
            Row::not(Health::Note, subject, found, way_out)
        } else {
            Row::ok(subject, found)
        };
    }
    let told = |alone: bool| {
        let these = stops
            .iter()
            .filter(|stop| !alone || stop.target != fault.target || !watched.contains(&stop.alarm));
        let words =
            these.map(|stop| format!("{}{}", stop.alarm, at_target(stop.target.as_deref())));
        words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let (all, alone) = (told(false), told(true));
    if alone.is_empty() {
        return Row::ok(subject, format!("{by_fis}; firedrill stops the drill on {all}"));
    }
    let found = format!(
        "{by_fis}; firedrill stops the drill on {all}: should firedrill be gone, {alone} stops nobody"
    );
    let way_out = format!(
        "add {alone} to the template's stopConditions, {{source: \"aws:cloudwatch:alarm\", value: ARN}}; the \
         experiment's role then needs cloudwatch:DescribeAlarms"
    );
    Row::not(Health::Note, subject, found, way_out)
}
