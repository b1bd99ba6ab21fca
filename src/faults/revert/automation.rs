//! A runbook that a fault started: it is stopped if it still runs.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StopAutomationExecution.html>.

use aws_sdk_ssm::types::{AutomationExecutionFilter, AutomationExecutionFilterKey, StopType};
use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, sought, until_over};
use crate::aws::{CallError, CallErrorKind};
use crate::context::ids;
use crate::faults::ssm_automation::{TOKEN_TAG, end_of, get, run_tag};
use crate::timeline::Undo;
use crate::wakeup::Topic;

const STOP: &str = "ssm:StopAutomationExecution";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    token: &str,
) -> Result<(), ChangeError> {
    let work = async |ids: &IndexMap<String, String>| {
        let id = match ids.get("execution").cloned() {
            Some(id) => Some(id),
            None => sought(async || find(context, token).await).await?,
        };
        let Some(id) = id else { return Ok(()) };
        if is_over(context, &id).await? {
            return Ok(());
        }
        let request = context.aws.ssm.stop_automation_execution();
        let sent = request.automation_execution_id(&id).r#type(StopType::Cancel).send().await;
        if let Err(error) = sent {
            let error = CallError::of(STOP, &error);
            // It may have ended by itself between the look and the stop.
            if !is_over(context, &id).await? {
                return Err(error);
            }
        }
        let still = || format!("execution {id} was told to stop and has not ended");
        let is_over = async || is_over(context, &id).await;
        until_over(context, Topic::Automations, STOP, is_over, still).await
    };
    let runs = async || match find(context, token).await? {
        Some(id) => Ok(!is_over(context, &id).await?),
        None => Ok(false),
    };
    revert_unless_gone(context, change, STOP, work, runs).await
}

async fn is_over(context: Context<'_>, id: &str) -> Result<bool, CallError> {
    let execution = get(context, id).await?;
    Ok(execution.automation_execution_status().is_some_and(|status| end_of(status).is_some()))
}

async fn find(context: Context<'_>, token: &str) -> Result<Option<String>, CallError> {
    Ok(tagged(context, &format!("{TOKEN_TAG}{token}")).await?.pop())
}

/// The ids of the executions that have a tag with this key.
async fn tagged(context: Context<'_>, key: &str) -> Result<Vec<String>, CallError> {
    let operation = "ssm:DescribeAutomationExecutions";
    let filter = AutomationExecutionFilter::builder()
        .key(AutomationExecutionFilterKey::TagKey)
        .values(key)
        .build()
        .map_err(|error| CallError {
            kind: CallErrorKind::Refused,
            operation,
            code: None,
            message: error.to_string(),
        })?;
    let request = context.aws.ssm.describe_automation_executions().filters(filter);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(execution) = pages.next().await {
        let execution = execution.map_err(|error| CallError::of(operation, &error))?;
        found.extend(execution.automation_execution_id);
    }
    Ok(found)
}

/// The executions of the context's drill that are not over, by their tags.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut found = Vec::new();
    for id in tagged(context, &run_tag(context.run_id)).await? {
        if !is_over(context, &id).await? {
            let token = context.run_id.to_owned();
            found.push((Undo::StopAutomation { token }, ids([("execution", &id)])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(token: &str) -> String {
    format!("the runbook execution with the tag {TOKEN_TAG}{token} may still run")
}
