//! A command that a fault sent: it is cancelled where it still runs.
//!
//! Cancelling is an attempt (an agent that is gone can't be told); the command's own timeouts are its
//! dead-man limits. Source:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CancelCommand.html>.

use aws_sdk_ssm::types::{Command, CommandFilter, CommandFilterKey, CommandStatus};
use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, sought, until_over};
use crate::aws::{CallError, CallErrorKind};
use crate::context::ids;
use crate::timeline::Undo;
use crate::wakeup::Topic;

const CANCEL: &str = "ssm:CancelCommand";
const LIST: &str = "ssm:ListCommands";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    document: &str,
    comment: &str,
) -> Result<(), ChangeError> {
    let work = async |ids: &IndexMap<String, String>| {
        let id = match ids.get("command").cloned() {
            Some(id) => Some(id),
            None => sought(async || find(context, document, comment).await).await?,
        };
        let Some(id) = id else { return Ok(()) };
        if is_over(context, &id).await? {
            return Ok(());
        }
        let sent = context.aws.ssm.cancel_command().command_id(&id).send().await;
        sent.map_err(|error| CallError::of(CANCEL, &error))?;
        let still = || format!("command {id} was cancelled and has not ended");
        let is_over = async || is_over(context, &id).await;
        until_over(context, Topic::Automations, CANCEL, is_over, still).await
    };
    let runs = async || match find(context, document, comment).await? {
        Some(id) => Ok(!is_over(context, &id).await?),
        None => Ok(false),
    };
    revert_unless_gone(context, change, CANCEL, work, runs).await
}

async fn is_over(context: Context<'_>, id: &str) -> Result<bool, CallError> {
    let sent = context.aws.ssm.list_commands().command_id(id).send().await;
    let answer = sent.map_err(|error| CallError::of(LIST, &error))?;
    let status = answer.commands().first().and_then(Command::status);
    // A command that was just sent may not be listed yet, and a status that we don't know is no end.
    Ok(matches!(
        status,
        Some(
            CommandStatus::Success
                | CommandStatus::Cancelled
                | CommandStatus::Failed
                | CommandStatus::TimedOut
        )
    ))
}

/// Only the document's name can be asked for; the comment is looked for among its commands.
async fn find(
    context: Context<'_>,
    document: &str,
    comment: &str,
) -> Result<Option<String>, CallError> {
    let name = document.rsplit('/').next().unwrap_or(document);
    let filter = CommandFilter::builder().key(CommandFilterKey::DocumentName).value(name).build();
    let filter = filter.map_err(|error| CallError {
        kind: CallErrorKind::Refused,
        operation: LIST,
        code: None,
        message: error.to_string(),
    })?;
    let request = context.aws.ssm.list_commands().filters(filter);
    let mut pages = request.into_paginator().items().send();
    while let Some(command) = pages.next().await {
        let command = command.map_err(|error| CallError::of(LIST, &error))?;
        if command.comment() == Some(comment) {
            return Ok(command.command_id);
        }
    }
    Ok(None)
}

/// The commands of the context's drill that are not over, by their comments.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let wanted = format!("firedrill:token={}", context.run_id);
    let mut found = Vec::new();
    for status in ["Pending", "InProgress"] {
        let filter = CommandFilter::builder().key(CommandFilterKey::Status).value(status).build();
        let filter = filter.expect("a key and a value");
        let request = context.aws.ssm.list_commands().filters(filter);
        let mut pages = request.into_paginator().items().send();
        while let Some(command) = pages.next().await {
            let command = command.map_err(|error| CallError::of(LIST, &error))?;
            let (Some(comment), Some(id)) = (command.comment(), command.command_id()) else {
                continue;
            };
            if comment.starts_with(&wanted) {
                let document = command.document_name().unwrap_or_default().to_owned();
                let undo = Undo::CancelCommand { document, comment: comment.to_owned() };
                found.push((undo, ids([("command", id)])));
            }
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(document: &str, comment: &str) -> String {
    format!("the command of {document} with the comment `{comment}` may still run")
}
