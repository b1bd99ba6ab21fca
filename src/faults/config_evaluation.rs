//! Evaluations of AWS Config: a rule is evaluated now, or a process check is told how it is.
//!
//! A caller who is not a rule's own Lambda function has no result token, so PutEvaluations is closed to us.
//! What is left are these two: StartConfigRulesEvaluation finds what is true, sooner, and
//! PutExternalEvaluation is taken for process checks alone. Sources:
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html>,
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_StartConfigRulesEvaluation.html>,
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_PutExternalEvaluation.html>.

use aws_sdk_config::types::{ConfigRuleEvaluationStatus, ExternalEvaluation};
use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::{CallError, CallErrorKind, date_time, timestamp};
use crate::outside::payload;
use crate::plan::{PlannedFault, RUN_MARKER};
use crate::scenario::types::ComplianceState;
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// How long an evaluation may take until the fault counts as failed. AWS gives no figure; ours.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What an external evaluation is about: nothing else is taken.
const ACCOUNT: &str = "AWS::::Account";

/// The longest annotation:
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_ExternalEvaluation.html>.
const LONGEST_ANNOTATION: usize = 256;

/// Has a rule evaluated, or tells it how it is.
pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    rule: &str,
    told: Option<(ComplianceState, Option<&str>)>,
) -> Result<Injected<'a>, ChangeError> {
    match told {
        Some((compliance, annotation)) => tell(context, fault, rule, compliance, annotation).await,
        None => evaluate(context, fault, rule).await,
    }
}

/// Evaluates a rule, and waits until that is done.
async fn evaluate<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    rule: &str,
) -> Result<Injected<'a>, ChangeError> {
    let before = invoked(&status(context, rule).await?);
    let call = "config:StartConfigRulesEvaluation";
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, call, None)?;
    let request = context.aws.config.start_config_rules_evaluation().config_rule_names(rule);
    context.recorder.heard(intent, call, request.send().await)?;
    context.recorder.receipt(intent, Ok(ids([("rule", rule)])));
    let clock = context.clock();
    let give_up = clock.now() + PATIENCE;
    loop {
        let mark = context.pace.mark(Topic::Compliance);
        let now = status(context, rule).await?;
        if let Some(at) = invoked(&now).filter(|at| before.is_none_or(|before| *at > before)) {
            started(context, fault, at, [("rule", rule.to_owned())]);
            return Ok(Injected { experiment: None, continuation: None });
        }
        if clock.now() >= give_up {
            let why = now.last_error_message().unwrap_or("Config gives no reason");
            return Err(ChangeError::NoEffect(format!(
                "the rule `{rule}` was not evaluated within {} seconds: {why}",
                PATIENCE.as_secs()
            )));
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Compliance, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

async fn status(context: Context<'_>, rule: &str) -> Result<ConfigRuleEvaluationStatus, CallError> {
    let call = "config:DescribeConfigRuleEvaluationStatus";
    let request = context.aws.config.describe_config_rule_evaluation_status();
    let sent = request.config_rule_names(rule).send().await;
    let answer = sent.map_err(|error| CallError::of(call, &error))?;
    answer.config_rules_evaluation_status.unwrap_or_default().pop().ok_or_else(|| CallError {
        kind: CallErrorKind::Unreachable,
        operation: call,
        code: None,
        message: format!("the answer holds no status of the rule `{rule}`"),
    })
}

fn invoked(status: &ConfigRuleEvaluationStatus) -> Option<Timestamp> {
    status.last_successful_invocation_time().and_then(timestamp)
}

/// Tells a process check how it is.
async fn tell<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    rule: &str,
    compliance: ComplianceState,
    annotation: Option<&str>,
) -> Result<Injected<'a>, ChangeError> {
    let before = current(context, rule).await?;
    if before == compliance.as_str() {
        return Err(ChangeError::NoEffect(format!(
            "the rule `{rule}` already is {before}: telling it again would do nothing"
        )));
    }
    let undo = Undo::PutExternalEvaluation { rule: rule.to_owned(), compliance: before.clone() };
    let marker = marker(context.run_id, &before);
    let room = LONGEST_ANNOTATION.saturating_sub(marker.chars().count() + 1);
    let words = annotation.unwrap_or("told by a fire drill");
    let sent = payload(words).map_err(ChangeError::NoEffect)?;
    let sent: String = sent.chars().take(room).collect();
    let sent = format!("{sent} {marker}");
    let call = "config:PutExternalEvaluation";
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, call, Some(undo))?;
    let told_at = context.clock().now();
    if let Err(error) = put(context, rule, compliance.as_str(), &sent).await {
        context.recorder.receipt(intent, Err(&error));
        return Err(error.into());
    }
    context.recorder.receipt(intent, Ok(ids([("rule", rule)])));
    started(
        context,
        fault,
        context.took_effect(told_at),
        [("rule", rule.to_owned()), ("from", before), ("annotation", format!("{words} {marker}"))],
    );
    Ok(Injected { experiment: None, continuation: None })
}

/// The key that says in an annotation what a process check said before a drill told it something else.
const WAS: &str = "firedrill:was";

/// The end of an annotation: whose it is, and what undoes it, so that it can be undone without a timeline.
fn marker(run_id: &str, before: &str) -> String {
    format!("[{RUN_MARKER}={run_id}] [{WAS}={before}]")
}

/// What a process check said before a drill told it something else.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Before<'a> {
    /// This, as the annotation says.
    Was(&'a str),
    /// The annotation does not say.
    Unknown,
}

/// What an annotation says that was before; nothing for one that the drill did not write.
pub(super) fn written_by<'a>(annotation: &'a str, run_id: &str) -> Option<Before<'a>> {
    let (_, rest) = annotation.split_once(&format!("[{RUN_MARKER}={run_id}]"))?;
    let was = rest.split_once(&format!("[{WAS}=")).and_then(|(_, was)| was.split_once(']'));
    let was = was.map(|(was, _)| was).filter(|was| STATES.contains(was));
    Some(was.map_or(Before::Unknown, Before::Was))
}

/// What a process check may say.
const STATES: [&str; 3] = ["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"];

/// What a process check says of the account now.
pub(super) async fn current(context: Context<'_>, rule: &str) -> Result<String, CallError> {
    let request = context.aws.config.get_compliance_details_by_config_rule();
    let sent = request.config_rule_name(rule).send().await;
    let answer =
        sent.map_err(|error| CallError::of("config:GetComplianceDetailsByConfigRule", &error))?;
    let first = answer.evaluation_results().first().and_then(|result| result.compliance_type());
    // A check that was never told anything does not apply.
    Ok(first.map_or("NOT_APPLICABLE", |compliance| compliance.as_str()).to_owned())
}

/// Puts an evaluation about the account.
pub(super) async fn put(
    context: Context<'_>,
    rule: &str,
    compliance: &str,
    annotation: &str,
) -> Result<(), CallError> {
    let refused = |message: String| CallError {
        kind: CallErrorKind::Refused,
        operation: "config:PutExternalEvaluation",
        code: None,
        message,
    };
    let evaluation = ExternalEvaluation::builder()
        .compliance_resource_type(ACCOUNT)
        .compliance_resource_id(&context.place.target.account)
        .compliance_type(compliance.into())
        .annotation(annotation)
        .ordering_timestamp(date_time(context.clock().now()))
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let request = context.aws.config.put_external_evaluation().config_rule_name(rule);
    let sent = request.external_evaluation(evaluation).send().await;
    sent.map_err(|error| CallError::of("config:PutExternalEvaluation", &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_says_whose_it_is_and_what_was_before() {
        let ours = format!("late {}", marker("fd-0123456789", "COMPLIANT"));
        assert_eq!(written_by(&ours, "fd-0123456789"), Some(Before::Was("COMPLIANT")));
        assert_eq!(written_by(&ours, "fd-9999999999"), None);
        assert_eq!(written_by("the review is late", "fd-0123456789"), None);
        for unknown in ["", " [firedrill:was=", " [firedrill:was=gone]"] {
            let text = format!("late [firedrill:run=fd-0123456789]{unknown}");
            assert_eq!(written_by(&text, "fd-0123456789"), Some(Before::Unknown), "{text}");
        }
    }
}
