//! Incidents of Incident Manager that were opened during the drill, and the runbooks that they started.
//!
//! Main function: [`poll`]. One ListIncidentRecords asks for what was opened since the drill began; each
//! is read whole, since only the record itself shows its last change and its runbooks. That an incident was
//! opened or resolved, and what it started, shows for good; its impact is that of now, so that a time in which
//! nobody could look is a gap for what asks for it or for a status. Sources:
//! <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_ListIncidentRecords.html>,
//! <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_IncidentRecord.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssmincidents::types::{Condition, Filter, IncidentRecord};
use jiff::{SignedDuration, Timestamp};

use super::{Seen, USUAL_GAP, Watch};
use crate::aws::asked_for::{automation_execution, the_one};
use crate::aws::{CallError, CallErrorKind, date_time, timestamp};
use crate::pattern::glob;
use crate::plan::Kind;
use crate::scenario::types::{IncidentExpectation, IncidentStatus};
use crate::wakeup::Topic;

/// A new incident is shown at once.
const LAG: SignedDuration = SignedDuration::ZERO;

struct Subject<'a> {
    expectation: &'a str,
    wanted: &'a IncidentExpectation,
}

/// Watches for every incident of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = watch.pick(|expectation| {
        let Kind::Incident(wanted) = &expectation.kind else { return None };
        Some(Subject { expectation: &expectation.id, wanted })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.to_owned()).collect();
    let of_now: Vec<String> = subjects
        .iter()
        .filter(|subject| subject.wanted.status.is_some() || subject.wanted.impact.is_some())
        .map(|subject| subject.expectation.to_owned())
        .collect();
    let mut progress = Progress::default();
    watch
        .keep_looking("incidents", Topic::Incidents, LAG, &expectations, async || {
            let asked_at = watch.clock().now();
            for arn in opened(watch).await? {
                let record = get(watch, &arn).await?;
                let modified = timestamp(record.last_modified_time());
                let executions = executions(&record);
                let now = (modified, executions.len());
                let before = progress.read.get(&arn).copied();
                if before.is_some_and(|(known, _)| known == now) {
                    continue;
                }
                let runbooks = runbooks(watch, &executions, &mut progress.runbooks).await?;
                progress.read.insert(arn.clone(), (now, asked_at));
                let last_look = before.map(|(_, at)| at);
                for subject in &subjects {
                    let incident = Incident { record: &record, runbooks: &runbooks, last_look };
                    tell(watch, subject, &incident, &mut progress.told);
                }
            }
            watch.looked_now(&of_now, asked_at - LAG, USUAL_GAP);
            Ok(())
        })
        .await;
}

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    /// The last change and the number of runbooks of each incident, and when we saw that.
    read: BTreeMap<String, ((Option<Timestamp>, usize), Timestamp)>,
    /// The document and the start of each execution.
    runbooks: BTreeMap<String, Runbook>,
    /// Expectation, incident, and whether it was what the expectation looks for.
    told: BTreeSet<(String, String, bool)>,
}

/// An execution that an incident started.
#[derive(Clone)]
struct Runbook {
    execution: String,
    document: String,
    started: Option<Timestamp>,
}

/// An incident as it is now.
struct Incident<'a> {
    record: &'a IncidentRecord,
    runbooks: &'a [Runbook],
    /// When it was last read before.
    last_look: Option<Timestamp>,
}

/// The ARNs of the incidents that were opened in the drill, oldest first.
async fn opened(watch: &Watch<'_>) -> Result<Vec<String>, CallError> {
    // The filter asks for what is later; an incident in the drill's first instant counts.
    let just_before = watch.since - SignedDuration::from_millis(1);
    let filter = Filter::builder()
        .key("creationTime")
        .condition(Condition::After(date_time(just_before)))
        .build()
        .map_err(|error| CallError {
            kind: CallErrorKind::Refused,
            operation: "ssm-incidents:ListIncidentRecords",
            code: None,
            message: error.to_string(),
        })?;
    let request = watch.aws.incidents.list_incident_records().filters(filter);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(record) = pages.next().await {
        let record =
            record.map_err(|error| CallError::of("ssm-incidents:ListIncidentRecords", &error))?;
        found.push((timestamp(&record.creation_time), record.arn));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, arn)| arn).collect())
}

async fn get(watch: &Watch<'_>, arn: &str) -> Result<IncidentRecord, CallError> {
    let sent = watch.aws.incidents.get_incident_record().arn(arn).send().await;
    let answer = sent.map_err(|error| CallError::of("ssm-incidents:GetIncidentRecord", &error))?;
    the_one("ssm-incidents:GetIncidentRecord", arn, answer.incident_record, |one| Some(one.arn()))
}

/// The ids of the executions that an incident started.
fn executions(record: &IncidentRecord) -> Vec<String> {
    let executions = record.automation_executions().iter();
    executions
        .filter_map(|execution| execution.as_ssm_execution_arn().ok())
        .filter_map(|arn| arn.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// The document behind each execution; each is asked for once.
async fn runbooks(
    watch: &Watch<'_>,
    executions: &[String],
    known: &mut BTreeMap<String, Runbook>,
) -> Result<Vec<Runbook>, CallError> {
    let wanted = watch.expectations().any(|expectation| {
        matches!(&expectation.kind, Kind::Incident(incident) if incident.runbook.is_some())
    });
    let mut found = Vec::new();
    for id in executions.iter().filter(|_| wanted) {
        if !known.contains_key(id) {
            let execution = automation_execution(watch.aws, id).await?;
            let started = execution.execution_start_time().and_then(timestamp);
            let document = execution.document_name.unwrap_or_default();
            let runbook = Runbook { execution: id.clone(), document, started };
            known.insert(id.clone(), runbook);
        }
        found.extend(known.get(id).cloned());
    }
    Ok(found)
}

/// The name of the response plan in an incident's ARN: `incident-record/PLAN/ID`.
fn plan_of(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or_default()
}

fn tell(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    incident: &Incident<'_>,
    told: &mut BTreeSet<(String, String, bool)>,
) {
    let (wanted, record) = (subject.wanted, incident.record);
    let plan = plan_of(&record.arn);
    let fits = wanted.title.as_ref().is_none_or(|title| glob::matches(title, &record.title))
        && wanted
            .response_plan
            .as_ref()
            .is_none_or(|wanted| wanted.rsplit('/').next() == Some(plan));
    if !fits {
        return;
    }
    // Every incident begins open.
    if wanted.status == Some(IncidentStatus::Open) {
        tell_status(watch, subject, incident, IncidentStatus::Open.as_str(), told);
    }
    tell_status(watch, subject, incident, record.status.as_str(), told);
}

fn tell_status(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    incident: &Incident<'_>,
    status: &str,
    told: &mut BTreeSet<(String, String, bool)>,
) {
    let (wanted, record) = (subject.wanted, incident.record);
    let differences = differences(wanted, incident, status);
    let holds = differences.is_empty();
    if !told.insert((subject.expectation.to_owned(), record.arn.clone(), holds)) {
        return;
    }
    let mut summary =
        format!("incident \"{}\" is {status}, impact {}", record.title, record.impact);
    if !holds {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let (at, resolution_ms) = moment(watch, wanted, incident);
    let ran: Vec<&str> = incident.runbooks.iter().map(|one| one.execution.as_str()).collect();
    let mut seen = Seen::new(subject.expectation, at, summary)
        .with("incident", &record.arn)
        .with("title", &record.title)
        .with("response plan", plan_of(&record.arn))
        .with("status", status)
        .with("impact", record.impact.to_string())
        .with("execution", ran.join(" "));
    seen.resolution_ms = resolution_ms;
    seen.holds = holds;
    watch.saw(seen, &payload(record));
}

/// When the incident came to be as it is. Its opening, its resolution and the start of its runbook have
/// times of their own; another change happened between two looks.
fn moment(
    watch: &Watch<'_>,
    wanted: &IncidentExpectation,
    incident: &Incident<'_>,
) -> (Timestamp, u64) {
    let record = incident.record;
    let opened = timestamp(&record.creation_time).unwrap_or(watch.since);
    let resolved = record.resolved_time.as_ref().and_then(timestamp);
    let of_status = match wanted.status {
        Some(IncidentStatus::Resolved) => resolved,
        Some(IncidentStatus::Open) | None => None,
    };
    let of_runbook = incident
        .runbooks
        .iter()
        .filter(|runbook| wanted.runbook.as_ref() == Some(&runbook.document))
        .filter_map(|runbook| runbook.started)
        .min();
    let exact = [Some(opened), of_status, of_runbook].into_iter().flatten().max();
    let exact = exact.unwrap_or(opened);
    match incident.last_look {
        // It was otherwise at the last look, and nothing with a time of its own explains the change.
        Some(looked) if exact < looked => {
            let latest = timestamp(&record.last_modified_time).unwrap_or(looked).max(looked);
            let span = latest.duration_since(looked).as_millis();
            (looked, u64::try_from(span).unwrap_or(u64::MAX))
        }
        Some(_) | None => (exact, 0),
    }
}

/// What the expectation wants and the incident does not have.
fn differences(wanted: &IncidentExpectation, incident: &Incident<'_>, status: &str) -> Vec<String> {
    let mut differences = Vec::new();
    let record = incident.record;
    if let Some(impact) = wanted.impact
        && record.impact != i32::from(impact)
    {
        differences.push(format!("not impact {impact}"));
    }
    if let Some(wanted) = wanted.status
        && status != wanted.as_str()
    {
        differences.push(format!("not {}", wanted.as_str()));
    }
    if let Some(document) = &wanted.runbook
        && !incident.runbooks.iter().any(|runbook| runbook.document == *document)
    {
        let started: Vec<&str> =
            incident.runbooks.iter().map(|runbook| runbook.document.as_str()).collect();
        differences.push(if started.is_empty() {
            format!("it started no runbook, not {document}")
        } else {
            format!("it started {} and not {document}", started.join(", "))
        });
    }
    differences
}

/// Everything of an incident that could carry an id of ours.
fn payload(record: &IncidentRecord) -> String {
    let mut words = vec![record.arn.clone(), record.title.clone(), record.dedupe_string.clone()];
    words.extend(record.summary.clone());
    let source = record.incident_record_source();
    words.extend(source.and_then(|source| source.resource_arn()).map(str::to_owned));
    words.join(" ")
}
