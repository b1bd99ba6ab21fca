//! Samples of GuardDuty: those that were not there before are archived; GuardDuty has no way to delete a
//! finding, and forgets it after 90 days.
//!
//! Source: <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ArchiveFindings.html>.

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{ChangeError, Context, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::guardduty_samples::{id, is_archived, samples, without};
use crate::wakeup::Topic;

/// How long samples that were asked for may take to turn up (ours; they are there within seconds).
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The most ids that one ArchiveFindings takes.
const BATCH: usize = 50;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    detector: &str,
    types: &[String],
    keep: &[String],
) -> Result<(), ChangeError> {
    // Where the detector is gone, so are its findings.
    let are_there = async || Ok(!samples(context, detector, types).await?.is_empty());
    let work = async |ids: &IndexMap<String, String>| {
        let clock = context.clock();
        let give_up = clock.now() + PATIENCE;
        loop {
            let mark = context.pace.mark(Topic::Findings);
            let all = samples(context, detector, types).await?;
            let unseen = without(types, &all);
            let mut active = all.clone();
            active.retain(|finding| !is_archived(finding));
            let all_there = without(types, &active).is_empty();
            let ours: Vec<String> =
                active.iter().filter_map(id).filter(|id| !keep.contains(id)).collect();
            archive(context, detector, &ours).await?;
            // A type without a sample: none was made, or it is still on its way.
            if all_there || clock.now() >= give_up {
                archived(context, detector, types, keep).await?;
                // GuardDuty took the call, so that there is one somewhere.
                return if unseen.is_empty() || !ids.contains_key("detector") {
                    Ok(())
                } else {
                    let why =
                        format!("shows no sample of {}, and some were made", unseen.join(", "));
                    Err(CallError::unusable("guardduty:GetFindings", &why))
                };
            }
            tokio::select! {
                biased;
                () = context.pace.pause(Topic::Findings, mark) => {}
                () = clock.sleep_until(give_up) => {}
            }
        }
    };
    revert_unless_gone(context, change, "guardduty:ArchiveFindings", work, are_there).await
}

async fn archive(context: Context<'_>, detector: &str, ids: &[String]) -> Result<(), CallError> {
    for batch in ids.chunks(BATCH) {
        let request = context.aws.guardduty.archive_findings().detector_id(detector);
        let sent = request.set_finding_ids(Some(batch.to_vec())).send().await;
        sent.map_err(|error| CallError::of("guardduty:ArchiveFindings", &error))?;
    }
    Ok(())
}

/// Reads back that none of ours is left.
async fn archived(
    context: Context<'_>,
    detector: &str,
    types: &[String],
    keep: &[String],
) -> Result<(), CallError> {
    let left = samples(context, detector, types).await?;
    let left: Vec<String> = left
        .iter()
        .filter(|finding| !is_archived(finding))
        .filter_map(id)
        .filter(|id| !keep.contains(id))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(CallError {
        kind: CallErrorKind::Unreachable,
        operation: "guardduty:ArchiveFindings",
        code: None,
        message: format!("still not archived: {}", left.join(", ")),
    })
}

/// What is left, in words.
pub(super) fn words(detector: &str, types: &[String]) -> String {
    format!(
        "samples of {} of the GuardDuty detector {detector} may not be archived",
        types.join(", ")
    )
}
