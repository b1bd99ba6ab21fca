//! Sample findings of GuardDuty: CreateSampleFindings, whose answer is empty, so the samples are looked
//! for until they are there.
//!
//! A type that has a sample already gets no finding of its own but one more occurrence, which keeps its
//! id. Source: <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateSampleFindings.html>.

use aws_sdk_guardduty::types::{Condition, Finding, Service};
use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::CallError;
use crate::aws::findings::{detectors, guardduty, is_sample};
use crate::plan::PlannedFault;
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// How long the samples may take to be listed until the fault counts as failed. AWS gives no figure; ours.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// How long a new finding of a type may be there without a sample of that type (ours; samples are there
/// within seconds): from then on it counts as one that is not marked.
const UNMARKED: SignedDuration = SignedDuration::from_secs(30);

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    detector: Option<&str>,
    types: &[String],
) -> Result<Injected<'a>, ChangeError> {
    let detector = match detector {
        Some(detector) => detector.to_owned(),
        None => only_detector(context).await?,
    };
    let before = of_types(context, &detector, types).await?;
    let keep = |one: &&Finding| is_sample(one) && !is_archived(one);
    let undo = Undo::ArchiveSampleFindings {
        detector: detector.clone(),
        types: types.to_vec(),
        keep: before.iter().filter(keep).filter_map(id).collect(),
    };
    let intent = context.recorder.intent(
        Some(&fault.id),
        Purpose::Inject,
        "guardduty:CreateSampleFindings",
        Some(undo),
    )?;
    let request = context.aws.guardduty.create_sample_findings().detector_id(&detector);
    let sent = request.set_finding_types(Some(types.to_vec())).send().await;
    context.recorder.heard(intent, "guardduty:CreateSampleFindings", sent)?;
    context.recorder.receipt(intent, Ok(ids([("detector", &detector)])));
    let new = wait_for(context, &detector, types, &before).await?;
    let occurred_at = new.iter().filter_map(updated).min();
    let found: Vec<String> = new.iter().filter_map(id).collect();
    // Only the first occurrence of a finding is published soon.
    let again: Vec<String> = new.iter().filter(|one| count(one) > 1).filter_map(id).collect();
    started(
        context,
        fault,
        occurred_at.unwrap_or_else(|| context.clock().now()),
        [
            ("finding", found.join(" ")),
            ("detector", detector),
            ("types", types.join(" ")),
            ("occurred before", again.join(" ")),
        ],
    );
    Ok(Injected { experiment: None, continuation: None })
}

async fn only_detector(context: Context<'_>) -> Result<String, ChangeError> {
    let found = detectors(context.aws).await?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(ChangeError::NoEffect(
            "GuardDuty is off in this account and region: it has no detector".to_owned(),
        )),
        several => Err(ChangeError::NoEffect(format!(
            "there are {} detectors: name one ({})",
            several.len(),
            several.join(", ")
        ))),
    }
}

/// The samples of these types, archived ones included.
pub(super) async fn samples(
    context: Context<'_>,
    detector: &str,
    types: &[String],
) -> Result<Vec<Finding>, CallError> {
    let mut found = of_types(context, detector, types).await?;
    found.retain(is_sample);
    Ok(found)
}

/// The findings of these types, samples and others, archived ones included.
async fn of_types(
    context: Context<'_>,
    detector: &str,
    types: &[String],
) -> Result<Vec<Finding>, CallError> {
    let of_types = Condition::builder().set_equals(Some(types.to_vec())).build();
    guardduty(context.aws, detector, vec![("type", of_types)]).await
}

/// Those of the types that none of these findings is of.
pub(super) fn without<'t>(types: &'t [String], found: &[Finding]) -> Vec<&'t str> {
    let types = types.iter().map(String::as_str);
    types.filter(|kind| !found.iter().any(|finding| finding.r#type() == Some(kind))).collect()
}

/// Waits until each type has a sample that is new or has one more occurrence. A finding that is not marked as
/// a sample is never taken for one: it would be archived in the end.
async fn wait_for(
    context: Context<'_>,
    detector: &str,
    types: &[String],
    before: &[Finding],
) -> Result<Vec<Finding>, ChangeError> {
    let clock = context.clock();
    let mut give_up = clock.now() + PATIENCE;
    let stood = |finding: &Finding| {
        let same =
            |known: &Finding| known.id == finding.id && known.updated_at == finding.updated_at;
        before.iter().any(same)
    };
    loop {
        let mark = context.pace.mark(Topic::Findings);
        let mut new = of_types(context, detector, types).await?;
        new.retain(|finding| !stood(finding));
        let is_unmarked = without(types, &new).is_empty();
        new.retain(is_sample);
        let missing = without(types, &new);
        if missing.is_empty() {
            return Ok(new);
        }
        if is_unmarked {
            give_up = give_up.min(clock.now() + UNMARKED);
        }
        if clock.now() >= give_up && is_unmarked {
            let why = format!(
                "has new findings of {}, and none says that it is a sample: it can't be told from a real one",
                missing.join(", ")
            );
            return Err(CallError::unusable("guardduty:GetFindings", &why).into());
        }
        if clock.now() >= give_up {
            return Err(ChangeError::NoEffect(format!(
                "AWS took the call, but no new sample of {} was there after {} seconds",
                missing.join(", "),
                PATIENCE.as_secs()
            )));
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Findings, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

pub(super) fn id(finding: &Finding) -> Option<String> {
    finding.id().map(str::to_owned)
}

pub(super) fn is_archived(finding: &Finding) -> bool {
    finding.service().and_then(Service::archived).unwrap_or(false)
}

fn updated(finding: &Finding) -> Option<Timestamp> {
    finding.updated_at()?.parse().ok()
}

fn count(finding: &Finding) -> i32 {
    finding.service().and_then(Service::count).unwrap_or(1)
}
