//! Findings of GuardDuty and of Security Hub that appear or move during the drill.
//!
//! Main functions: [`guardduty`] and [`securityhub`], a poller each. Invariants: a finding counts once for
//! an expectation, when it first is what the expectation looks for; neither service says when a finding
//! was archived or its workflow moved, so that such a change lies between two looks. What a product tells
//! Security Hub comes minutes after the time that the product gives it: only what lies further back can be
//! called absent. Sources:
//! <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListFindings.html>,
//! <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty::types::{Condition, Finding, Service};
use aws_sdk_securityhub::types::{AwsSecurityFinding, AwsSecurityFindingFilters, DateFilter};
use jiff::{SignedDuration, Timestamp};

use super::{Seen, USUAL_GAP, Watch};
use crate::aws::findings::{self as aws, MOST_FINDINGS, too_many};
use crate::aws::{CallError, CallErrorKind};
use crate::pattern::glob;
use crate::plan::{Kind, SECURITY_HUB_LAG};
use crate::scenario::types::{FindingExpectation, FindingSeverity, FindingSource};
use crate::timeline::{EntryKind, Purpose, Undo};
use crate::wakeup::Topic;

/// How far ahead of ours the clock of a product may be that imports findings.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);

struct Subject<'a> {
    expectation: &'a str,
    wanted: &'a FindingExpectation,
}

fn subjects<'a>(watch: &Watch<'a>, source: FindingSource) -> Vec<Subject<'a>> {
    watch.pick(|expectation| {
        let Kind::Finding(wanted) = &expectation.kind else { return None };
        let ours = wanted.source == source;
        ours.then_some(Subject { expectation: &expectation.id, wanted })
    })
}

/// A finding of either service, as far as an expectation may ask.
#[derive(Debug, Clone)]
struct Found {
    id: String,
    kinds: Vec<String>,
    title: String,
    severity: FindingSeverity,
    /// The service's own words for how grave it is.
    grade: String,
    workflow: Option<String>,
    record: &'static str,
    updated: Timestamp,
    resources: Vec<String>,
    payload: String,
}

/// A finding's last change, its workflow and its record state.
type State = (Timestamp, Option<String>, &'static str);

/// What has been read and told so far.
#[derive(Default)]
struct Progress {
    /// Each finding's state, and when we last saw it.
    read: BTreeMap<String, (State, Timestamp)>,
    /// Expectation, finding, and whether it was what the expectation looks for.
    told: BTreeSet<(String, String, bool)>,
    /// When we last could look.
    looked: Option<Timestamp>,
    /// Why we could not since then.
    blind: Option<String>,
}

impl Progress {
    /// Notes what came of a look: where one was long in coming, `of_now` may have passed unseen.
    fn note(
        &mut self,
        watch: &Watch<'_>,
        of_now: &[String],
        asked_at: Timestamp,
        looked: Result<(), CallError>,
    ) -> Result<(), CallError> {
        if let Err(error) = &looked {
            self.blind = Some(error.to_string());
            return looked;
        }
        let from = self.looked.replace(asked_at).unwrap_or(watch.since);
        if let Some(why) = self.blind.take()
            && asked_at.duration_since(from) > USUAL_GAP
        {
            for expectation in of_now {
                watch.passed_over(expectation, from, asked_at, why.clone());
            }
        }
        looked
    }
}

/// The expectations; and those of them that ask for what a finding shows only while it is so: where it stands
/// in its workflow, and whether it is archived.
fn names(subjects: &[Subject<'_>]) -> (Vec<String>, Vec<String>) {
    let name = |subject: &Subject<'_>| subject.expectation.to_owned();
    let is_of_now = |subject: &&Subject<'_>| {
        subject.wanted.workflow.is_some() || subject.wanted.record.is_some()
    };
    (subjects.iter().map(name).collect(), subjects.iter().filter(is_of_now).map(name).collect())
}

/// Watches GuardDuty for every finding of the plan. Never returns.
pub(super) async fn guardduty(watch: &Watch<'_>) {
    let subjects = subjects(watch, FindingSource::GuardDuty);
    let (expectations, of_now) = names(&subjects);
    let mut progress = Progress::default();
    let observer = "GuardDuty findings";
    watch
        .keep_looking(observer, Topic::Findings, SignedDuration::ZERO, &expectations, async || {
            let asked_at = watch.clock().now();
            let looked = look_at_guardduty(watch, &subjects, asked_at, &mut progress).await;
            progress.note(watch, &of_now, asked_at, looked)
        })
        .await;
}

async fn look_at_guardduty(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    asked_at: Timestamp,
    progress: &mut Progress,
) -> Result<(), CallError> {
    let detectors = aws::detectors(watch.aws).await?;
    if detectors.is_empty() {
        return Err(CallError {
            kind: CallErrorKind::Refused,
            operation: "guardduty:ListDetectors",
            code: None,
            message: "GuardDuty is off: there is no detector to look at".to_owned(),
        });
    }
    for detector in detectors {
        let since = watch.since.as_millisecond();
        let condition = Condition::builder().greater_than_or_equal(since).build();
        let criteria = vec![("updatedAt", condition)];
        for finding in aws::guardduty(watch.aws, &detector, criteria).await? {
            let found = of_guardduty(watch, &finding);
            tell(watch, subjects, &found, asked_at, progress);
        }
    }
    Ok(())
}

fn of_guardduty(watch: &Watch<'_>, finding: &Finding) -> Found {
    let severity = finding.severity().unwrap_or_default();
    let archived = finding.service().and_then(Service::archived).unwrap_or(false);
    let resource = finding.resource();
    let instance = resource.and_then(|resource| resource.instance_details()?.instance_id());
    let id = finding.id().unwrap_or_default().to_owned();
    let updated = finding.updated_at().and_then(|at| at.parse().ok());
    Found {
        payload: format!("{id} {}", finding.arn().unwrap_or_default()),
        id,
        kinds: finding.r#type().map(str::to_owned).into_iter().collect(),
        title: finding.title().unwrap_or_default().to_owned(),
        severity: FindingSeverity::of_guardduty(severity),
        grade: severity.to_string(),
        workflow: None,
        record: if archived { "ARCHIVED" } else { "ACTIVE" },
        updated: updated.unwrap_or_else(|| watch.clock().now()),
        resources: instance.map(str::to_owned).into_iter().collect(),
    }
}

/// Watches Security Hub for every finding of the plan. Never returns.
pub(super) async fn securityhub(watch: &Watch<'_>) {
    let subjects = subjects(watch, FindingSource::SecurityHub);
    let (expectations, of_now) = names(&subjects);
    let mut progress = Progress::default();
    let (observer, lag) = ("Security Hub findings", SECURITY_HUB_LAG);
    watch
        .keep_looking(observer, Topic::Findings, lag, &expectations, async || {
            let asked_at = watch.clock().now();
            let looked = imported(watch, asked_at).await.map(|findings| {
                for finding in findings {
                    let found = of_securityhub(watch, &finding);
                    tell(watch, &subjects, &found, asked_at, &mut progress);
                }
            });
            progress.note(watch, &of_now, asked_at, looked)
        })
        .await;
}

/// The findings that some product updated since the drill began, oldest first.
async fn imported(watch: &Watch<'_>, now: Timestamp) -> Result<Vec<AwsSecurityFinding>, CallError> {
    let updated = DateFilter::builder()
        .start(format!("{:.3}", watch.since))
        .end(format!("{:.3}", now + CLOCKS))
        .build();
    let filters = AwsSecurityFindingFilters::builder().updated_at(updated).build();
    let request = watch.aws.securityhub.get_findings().filters(filters);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(finding) = pages.next().await {
        found.push(finding.map_err(|error| CallError::of("securityhub:GetFindings", &error))?);
        if found.len() > MOST_FINDINGS {
            return Err(too_many("securityhub:GetFindings"));
        }
    }
    found.sort_by(|a, b| (&a.updated_at, &a.id).cmp(&(&b.updated_at, &b.id)));
    Ok(found)
}

fn of_securityhub(watch: &Watch<'_>, finding: &AwsSecurityFinding) -> Found {
    let label = finding.severity().and_then(|severity| severity.label());
    let label = label.map(|label| label.as_str().to_owned()).unwrap_or_default();
    let workflow = finding.workflow().and_then(|workflow| workflow.status());
    let archived = finding.record_state().is_some_and(|state| state.as_str() == "ARCHIVED");
    let id = finding.id().unwrap_or_default().to_owned();
    let mut words = vec![id.clone(), finding.description().unwrap_or_default().to_owned()];
    let mut fields: Vec<&String> =
        finding.product_fields().into_iter().flat_map(|map| map.values()).collect();
    fields.sort();
    words.extend(fields.into_iter().cloned());
    let updated = finding.updated_at().and_then(|at| at.parse().ok());
    Found {
        id,
        kinds: finding.types().to_vec(),
        title: finding.title().unwrap_or_default().to_owned(),
        severity: FindingSeverity::parse(&label).unwrap_or(FindingSeverity::Informational),
        grade: label,
        workflow: workflow.map(|status| status.as_str().to_owned()),
        record: if archived { "ARCHIVED" } else { "ACTIVE" },
        updated: updated.unwrap_or_else(|| watch.clock().now()),
        resources: finding.resources().iter().filter_map(|one| one.id.clone()).collect(),
        payload: words.join(" "),
    }
}

fn tell(
    watch: &Watch<'_>,
    subjects: &[Subject<'_>],
    found: &Found,
    asked_at: Timestamp,
    progress: &mut Progress,
) {
    if is_own_doing(watch, found) {
        return;
    }
    let now = (found.updated, found.workflow.clone(), found.record);
    let before = progress.read.insert(found.id.clone(), (now.clone(), asked_at));
    if before.as_ref().is_some_and(|(known, _)| *known == now) {
        return;
    }
    // A new state of the finding has its own time; its workflow and its archiving have none.
    let (at, resolution_ms) = match before {
        Some((known, looked)) if known.0 == found.updated => {
            let span = asked_at.duration_since(looked).as_millis();
            (looked, u64::try_from(span).unwrap_or(u64::MAX))
        }
        Some(_) | None => (found.updated, 0),
    };
    for subject in subjects {
        tell_one(watch, subject, found, at, resolution_ms, &mut progress.told);
    }
}

fn tell_one(
    watch: &Watch<'_>,
    subject: &Subject<'_>,
    found: &Found,
    at: Timestamp,
    resolution_ms: u64,
    told: &mut BTreeSet<(String, String, bool)>,
) {
    let wanted = subject.wanted;
    let is_kind = |pattern: &String| found.kinds.iter().any(|kind| glob::matches(pattern, kind));
    let fits = wanted.title.as_ref().is_none_or(|title| glob::matches(title, &found.title))
        && wanted.kind.as_ref().is_none_or(is_kind);
    if !fits {
        return;
    }
    let differences = differences(wanted, found);
    let holds = differences.is_empty();
    if !told.insert((subject.expectation.to_owned(), found.id.clone(), holds)) {
        return;
    }
    let workflow = found.workflow.as_ref().map(|status| format!(", {status}")).unwrap_or_default();
    let mut summary = format!(
        "{} finding \"{}\" of severity {} is {}{workflow}",
        wanted.source.as_str(),
        found.title,
        found.grade,
        found.record
    );
    if !holds {
        summary.push_str(", but ");
        summary.push_str(&differences.join("; "));
    }
    let mut seen = Seen::new(subject.expectation, at, summary)
        .with("finding", &found.id)
        .with("title", &found.title)
        .with("type", found.kinds.join(", "))
        .with("severity", &found.grade)
        .with("workflow", found.workflow.as_deref().unwrap_or_default())
        .with("record state", found.record)
        .with("resources", found.resources.join(" "));
    seen.resolution_ms = resolution_ms;
    seen.holds = holds;
    watch.saw(seen, &found.payload);
}

/// Whether we are taking this finding back: what it then shows is no answer of the system.
fn is_own_doing(watch: &Watch<'_>, found: &Found) -> bool {
    let takes_back = |undo: &Undo| {
        if let Undo::ArchiveSampleFindings { types, keep, .. } = undo {
            return found.kinds.iter().any(|kind| types.contains(kind))
                && !keep.contains(&found.id);
        }
        matches!(undo, Undo::ArchiveFindings { ids, .. } if ids.contains(&found.id))
    };
    watch.recorder.read(|timeline| {
        timeline.iter().any(|entry| match &entry.kind {
            EntryKind::Intent { purpose: Purpose::Revert, undo: Some(undo), .. } => {
                takes_back(undo)
            }
            _ => false,
        })
    })
}

/// What the expectation wants and the finding does not have.
fn differences(wanted: &FindingExpectation, found: &Found) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(severity) = wanted.severity.filter(|severity| found.severity < *severity) {
        differences.push(format!("not {} at the least", severity.as_str()));
    }
    if let Some(status) = wanted.workflow
        && found.workflow.as_deref() != Some(status.as_str())
    {
        differences.push(format!("not {}", status.as_str()));
    }
    if let Some(state) = wanted.record.filter(|state| found.record != state.as_str()) {
        differences.push(format!("not {}", state.as_str()));
    }
    differences
}
