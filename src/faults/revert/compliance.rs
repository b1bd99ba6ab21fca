//! A process check of AWS Config that was told how it is: it is told what it was before, and read back.
//!
//! Source: <https://docs.aws.amazon.com/config/latest/APIReference/API_PutExternalEvaluation.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, ids, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};
use crate::faults::config_evaluation::{Before, current, put, written_by};
use crate::timeline::{Undo, set_back_reason};

const CALL: &str = "config:PutExternalEvaluation";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    rule: &str,
    compliance: &str,
) -> Result<(), ChangeError> {
    let is_there = async || current(context, rule).await.map(|_| true);
    let work = async |_: &IndexMap<String, String>| {
        if current(context, rule).await? == compliance {
            return Ok(());
        }
        put(context, rule, compliance, &set_back_reason(context.run_id)).await?;
        let now = current(context, rule).await?;
        if now == compliance {
            return Ok(());
        }
        Err(CallError {
            kind: CallErrorKind::Unreachable,
            operation: CALL,
            code: None,
            message: format!("the rule `{rule}` was set back to {compliance} and still is {now}"),
        })
    };
    revert_unless_gone(context, change, CALL, work, is_there).await
}

/// The identifier of process checks, the only rules that can be told something:
/// <https://docs.aws.amazon.com/config/latest/developerguide/process-checks.html>.
const PROCESS_CHECK: &str = "AWS_CONFIG_PROCESS_CHECK";

/// The process checks that the context's drill told something, by their annotations.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let operation = "config:DescribeConfigRules";
    let mut rules = context.aws.config.describe_config_rules().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(rule) = rules.next().await {
        let rule = rule.map_err(|error| CallError::of(operation, &error))?;
        let identifier = rule.source().and_then(|source| source.source_identifier());
        let Some(name) = rule.config_rule_name().filter(|_| identifier == Some(PROCESS_CHECK))
        else {
            continue;
        };
        let Some(before) = told(context, name).await? else { continue };
        let undo = Undo::PutExternalEvaluation { rule: name.to_owned(), compliance: before };
        found.push((undo, ids([("rule", name)])));
    }
    Ok(found)
}

/// What a process check said before the context's drill told it something; nothing where it did not.
async fn told(context: Context<'_>, rule: &str) -> Result<Option<String>, CallError> {
    let operation = "config:GetComplianceDetailsByConfigRule";
    let request = context.aws.config.get_compliance_details_by_config_rule();
    let sent = request.config_rule_name(rule).send().await;
    let answer = sent.map_err(|error| CallError::of(operation, &error))?;
    let mut notes = answer.evaluation_results().iter().filter_map(|result| result.annotation());
    match notes.find_map(|note| written_by(note, context.run_id)) {
        Some(Before::Was(before)) => Ok(Some(before.to_owned())),
        Some(Before::Unknown) => Err(CallError {
            kind: CallErrorKind::Refused,
            operation,
            code: None,
            message: format!(
                "the process check `{rule}` was told something by this drill, and what it said before does not \
                 stand there: set it back by hand"
            ),
        }),
        None => Ok(None),
    }
}

/// What is left, in words.
pub(super) fn words(rule: &str, compliance: &str) -> String {
    format!("the Config rule `{rule}` may not be back in {compliance}")
}
