//! Findings imported into Security Hub: BatchImportFindings, as a product of the account's own.
//!
//! A finding that AWS refuses is an error of the fault, in AWS's words. Sources:
//! <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html>,
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html>.

use aws_sdk_securityhub::types::{AwsSecurityFinding, Resource, Severity};

use super::{ChangeError, Context, Injected, ids, started};
use crate::outside::payload;
use crate::plan::{PlannedFault, RUN_MARKER};
use crate::scenario::types::SecurityHubFinding;
use crate::timeline::{Purpose, Undo};

/// The version of the format, the only one there is.
const SCHEMA: &str = "2018-10-08";

/// The ARN of the account's own product.
fn product(context: Context<'_>) -> String {
    let place = context.place;
    let (partition, region, account) =
        (&place.partition, &place.target.region, &place.target.account);
    format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
}

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    written: &[SecurityHubFinding],
) -> Result<Injected<'a>, ChangeError> {
    let product = product(context);
    let occurred_at = context.clock().now();
    let mut findings = Vec::new();
    for (index, one) in written.iter().enumerate() {
        let id = format!("firedrill/{}/{}/{}", context.run_id, fault.id, index + 1);
        let one = finding(context, one, &id, &product, occurred_at);
        findings.push(one.map_err(ChangeError::NoEffect)?);
    }
    let all: Vec<String> = findings.iter().filter_map(|finding| finding.id.clone()).collect();
    let undo = Undo::ArchiveFindings { product: product.clone(), ids: all.clone() };
    let intent = context.recorder.intent(
        Some(&fault.id),
        Purpose::Inject,
        "securityhub:BatchImportFindings",
        Some(undo),
    )?;
    let request = context.aws.securityhub.batch_import_findings();
    let answer = context.recorder.heard(
        intent,
        "securityhub:BatchImportFindings",
        request.set_findings(Some(findings)).send().await,
    )?;
    context.recorder.receipt(intent, Ok(ids([("finding", &all.join(" "))])));
    let failed = answer.failed_count().unwrap_or_default();
    if failed > 0 {
        let first = answer.failed_findings().first();
        let code = first.and_then(|error| error.error_code()).unwrap_or_default();
        let message = first.and_then(|error| error.error_message()).unwrap_or_default();
        return Err(ChangeError::NoEffect(format!(
            "{failed} of {} findings were refused; the first: {code}: {message}",
            written.len()
        )));
    }
    let taken = usize::try_from(answer.success_count().unwrap_or_default()).unwrap_or_default();
    if taken != written.len() {
        return Err(ChangeError::NoEffect(format!(
            "AWS accounted for {taken} of {} findings",
            written.len()
        )));
    }
    let evidence = [("finding", all.join(" ")), ("product", product)];
    started(context, fault, context.took_effect(occurred_at), evidence);
    Ok(Injected { experiment: None, continuation: None })
}

fn finding(
    context: Context<'_>,
    written: &SecurityHubFinding,
    id: &str,
    product: &str,
    now: jiff::Timestamp,
) -> Result<AwsSecurityFinding, String> {
    let account = &context.place.target.account;
    let now = format!("{now:.3}");
    let severity = Severity::builder().label(written.severity.as_str().into()).build();
    let mut finding = AwsSecurityFinding::builder()
        .schema_version(SCHEMA)
        .id(id)
        .product_arn(product)
        .generator_id(written.generator.as_deref().unwrap_or("firedrill"))
        .aws_account_id(account)
        .created_at(&now)
        .updated_at(&now)
        .severity(severity)
        .title(payload(&written.title)?)
        .description(payload(written.description.as_ref().unwrap_or(&written.title))?)
        .product_fields(RUN_MARKER, context.run_id)
        .set_types((!written.types.is_empty()).then(|| written.types.clone()));
    for (key, value) in &written.product_fields {
        finding = finding.product_fields(payload(key)?, payload(value)?);
    }
    if written.resources.is_empty() {
        let whole = format!("AWS::::Account:{account}");
        finding = finding.resources(Resource::builder().r#type("AwsAccount").id(whole).build());
    }
    for resource in &written.resources {
        let resource = Resource::builder().r#type(&resource.kind).id(&resource.id);
        finding = finding.resources(resource.build());
    }
    Ok(finding.build())
}
