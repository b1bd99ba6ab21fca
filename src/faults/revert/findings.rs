//! Findings that were imported into Security Hub: resolved first, so that no rule on new findings answers
//! to what follows, then imported again as archived. Security Hub deletes archived findings by itself.
//!
//! Sources: <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html>,
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings.html>.

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, AwsSecurityFindingFilters, AwsSecurityFindingIdentifier, MapFilter,
    MapFilterComparison, RecordState, Severity, StringFilter, StringFilterComparison,
    WorkflowStatus, WorkflowUpdate,
};
use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::plan::RUN_MARKER;
use crate::timeline::Undo;
use crate::wakeup::Topic;

/// How long an import may take until its findings can be changed and read (ours; AWS gives no figure).
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    product: &str,
    ids: &[String],
) -> Result<(), ChangeError> {
    // Where Security Hub is off, so are its findings.
    let are_there = async || Ok(!read(context, product, ids).await?.is_empty());
    let work = async |_: &IndexMap<String, String>| {
        let clock = context.clock();
        let give_up = clock.now() + PATIENCE;
        // What was never imported is never found; what was is found once it is processed.
        until(context, give_up, async || {
            Ok(resolve(context, product, ids).await?.is_empty().then_some(()))
        })
        .await?;
        let stand = read(context, product, ids).await?;
        archive(context, stand).await?;
        let give_up = clock.now() + PATIENCE;
        let gone = until(context, give_up, async || {
            let left = read(context, product, ids).await?;
            let active = left.iter().any(|one| one.record_state() != Some(&RecordState::Archived));
            Ok((!active).then_some(()))
        })
        .await?;
        gone.ok_or_else(|| failed("securityhub:BatchImportFindings", "still active".to_owned()))
    };
    revert_unless_gone(context, change, "securityhub:BatchUpdateFindings", work, are_there).await
}

/// Asks again until there is an answer; nothing where there is none in time.
async fn until<T>(
    context: Context<'_>,
    give_up: jiff::Timestamp,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, CallError>,
) -> Result<Option<T>, CallError> {
    let clock = context.clock();
    loop {
        let mark = context.pace.mark(Topic::Findings);
        let answer = ask().await?;
        if answer.is_some() || clock.now() >= give_up {
            return Ok(answer);
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Findings, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

fn failed(operation: &'static str, message: String) -> CallError {
    CallError { kind: CallErrorKind::Unreachable, operation, code: None, message }
}

/// Sets the workflow to RESOLVED; answers the ids that Security Hub does not know.
async fn resolve(
    context: Context<'_>,
    product: &str,
    ids: &[String],
) -> Result<Vec<String>, CallError> {
    let identifiers = ids
        .iter()
        .map(|id| AwsSecurityFindingIdentifier::builder().id(id).product_arn(product).build());
    let workflow = WorkflowUpdate::builder().status(WorkflowStatus::Resolved).build();
    let request = context.aws.securityhub.batch_update_findings().workflow(workflow);
    let sent = request.set_finding_identifiers(Some(identifiers.collect())).send().await;
    let answer = sent.map_err(|error| CallError::of("securityhub:BatchUpdateFindings", &error))?;
    let mut unknown = Vec::new();
    for one in answer.unprocessed_findings() {
        let id = one.finding_identifier().and_then(|known| known.id()).unwrap_or_default();
        match one.error_code() {
            Some("FindingNotFound") => unknown.push(id.to_owned()),
            code => {
                let words = one.error_message().unwrap_or_default();
                let message = format!("{}: {words} ({id})", code.unwrap_or_default());
                return Err(failed("securityhub:BatchUpdateFindings", message));
            }
        }
    }
    Ok(unknown)
}

/// Those of the findings that stand in Security Hub.
async fn read(
    context: Context<'_>,
    product: &str,
    ids: &[String],
) -> Result<Vec<AwsSecurityFinding>, CallError> {
    let text = |comparison: StringFilterComparison, value: &str| {
        StringFilter::builder().comparison(comparison).value(value).build()
    };
    // The ids of a fault differ in what stands behind the last slash.
    let prefix = ids.first().and_then(|id| id.rsplit_once('/')).map_or("", |(prefix, _)| prefix);
    let filters = AwsSecurityFindingFilters::builder()
        .product_arn(text(StringFilterComparison::Equals, product))
        .id(text(StringFilterComparison::Prefix, &format!("{prefix}/")))
        .build();
    let request = context.aws.securityhub.get_findings().filters(filters);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(finding) = pages.next().await {
        let finding = finding.map_err(|error| CallError::of("securityhub:GetFindings", &error))?;
        if finding.id().is_some_and(|id| ids.iter().any(|known| known == id)) {
            found.push(finding);
        }
    }
    Ok(found)
}

/// Imports the findings again, as archived.
async fn archive(context: Context<'_>, findings: Vec<AwsSecurityFinding>) -> Result<(), CallError> {
    if findings.is_empty() {
        return Ok(());
    }
    let now = format!("{:.3}", context.clock().now());
    let findings: Vec<AwsSecurityFinding> =
        findings.into_iter().map(|finding| as_archived(finding, &now)).collect();
    let request = context.aws.securityhub.batch_import_findings();
    let sent = request.set_findings(Some(findings)).send().await;
    let answer = sent.map_err(|error| CallError::of("securityhub:BatchImportFindings", &error))?;
    match answer.failed_findings().first() {
        None => Ok(()),
        Some(first) => {
            let (code, words) = (first.error_code(), first.error_message());
            let message = format!("{}: {}", code.unwrap_or_default(), words.unwrap_or_default());
            Err(failed("securityhub:BatchImportFindings", message))
        }
    }
}

/// What a provider may send of a finding; Security Hub adds the rest by itself.
fn as_archived(finding: AwsSecurityFinding, now: &str) -> AwsSecurityFinding {
    let label = finding.severity().and_then(|severity| severity.label()).cloned();
    let mut fields = finding.product_fields.unwrap_or_default();
    fields.retain(|name, _| !name.starts_with("aws/"));
    AwsSecurityFinding::builder()
        .set_schema_version(finding.schema_version)
        .set_id(finding.id)
        .set_product_arn(finding.product_arn)
        .set_generator_id(finding.generator_id)
        .set_aws_account_id(finding.aws_account_id)
        .set_types(finding.types)
        .set_created_at(finding.created_at)
        .updated_at(now)
        .severity(Severity::builder().set_label(label).build())
        .set_title(finding.title)
        .set_description(finding.description)
        .set_product_fields(Some(fields))
        .set_resources(finding.resources)
        .record_state(RecordState::Archived)
        .build()
}

/// The findings of the context's drill that are active, by the mark among their product fields.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let ours = MapFilter::builder()
        .key(RUN_MARKER)
        .value(context.run_id)
        .comparison(MapFilterComparison::Equals)
        .build();
    let active = StringFilter::builder()
        .value(RecordState::Active.as_str())
        .comparison(StringFilterComparison::Equals)
        .build();
    let filters =
        AwsSecurityFindingFilters::builder().product_fields(ours).record_state(active).build();
    let request = context.aws.securityhub.get_findings().filters(filters);
    let mut pages = request.into_paginator().items().send();
    let mut products: IndexMap<String, Vec<String>> = IndexMap::new();
    while let Some(finding) = pages.next().await {
        match finding.map_err(|error| CallError::of("securityhub:GetFindings", &error)) {
            Ok(finding) => products
                .entry(finding.product_arn.unwrap_or_default())
                .or_default()
                .extend(finding.id),
            // An account without Security Hub has no findings of ours.
            Err(error) if error.code.as_deref() == Some("InvalidAccessException") => break,
            Err(error) => return Err(error),
        }
    }
    let undo = |(product, ids)| Undo::ArchiveFindings { product, ids };
    Ok(products.into_iter().map(|product| (undo(product), crate::context::ids([]))).collect())
}

/// What is left, in words.
pub(super) fn words(ids: &[String]) -> String {
    format!("the Security Hub findings {} may not be archived", ids.join(", "))
}
