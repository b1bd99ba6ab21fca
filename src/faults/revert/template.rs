//! An experiment template that a fault created: it is deleted.
//!
//! Source: <https://docs.aws.amazon.com/fis/latest/APIReference/API_DeleteExperimentTemplate.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, sought, until_gone};
use crate::aws::CallError;
use crate::context::ids;
use crate::timeline::Undo;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    token: &str,
) -> Result<(), ChangeError> {
    let is_there = async || Ok(find(context, token).await?.is_some());
    // By its tag, whatever id was recorded: nobody else's template is deleted.
    let work = async |_: &IndexMap<String, String>| {
        let id = sought(async || find(context, token).await).await?;
        let Some(id) = id else { return Ok(()) };
        let deleted = context.aws.fis.delete_experiment_template().id(id).send().await;
        deleted.map_err(|error| CallError::of("fis:DeleteExperimentTemplate", &error))?;
        until_gone(context, "fis:DeleteExperimentTemplate", is_there).await
    };
    revert_unless_gone(context, change, "fis:DeleteExperimentTemplate", work, is_there).await
}

async fn find(context: Context<'_>, token: &str) -> Result<Option<String>, CallError> {
    let mut pages = context.aws.fis.list_experiment_templates().into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperimentTemplates", &error))?;
        let tagged = summary.tags().and_then(|tags| tags.get("firedrill:token"));
        if tagged.is_some_and(|tag| tag == token) {
            return Ok(summary.id);
        }
    }
    Ok(None)
}

/// The templates of the context's drill, by their tags.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut pages = context.aws.fis.list_experiment_templates().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperimentTemplates", &error))?;
        let Some(tags) = summary.tags() else { continue };
        if tags.get("firedrill:run").is_some_and(|tag| tag == context.run_id) {
            let client_token = tags.get("firedrill:token").cloned().unwrap_or_default();
            let undo = Undo::DeleteExperimentTemplate { client_token };
            found.push((undo, ids([("template", summary.id().unwrap_or_default())])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(client_token: &str) -> String {
    format!("the FIS experiment template with tag firedrill:token={client_token} exists")
}
