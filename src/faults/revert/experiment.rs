//! A FIS experiment that may still run: it is stopped, and seen to have ended.
//!
//! Source: <https://docs.aws.amazon.com/fis/latest/APIReference/API_StopExperiment.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, sought, until_over};
use crate::aws::experiments::{ended, get};
use crate::aws::{CallError, CallErrorKind};
use crate::context::ids;
use crate::timeline::Undo;
use crate::wakeup::Topic;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    token: &str,
) -> Result<(), ChangeError> {
    let work = async |ids: &IndexMap<String, String>| {
        let id = match ids.get("experiment").cloned() {
            Some(id) => Some(id),
            None => sought(async || find(context, token).await).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let experiment = get(context.aws, &id).await?;
        // Nobody else's experiment is stopped, whatever id was recorded.
        let tagged = experiment.tags().and_then(|tags| tags.get("firedrill:token"));
        if tagged.is_none_or(|tag| tag != token) {
            let error =
                CallError::unusable("fis:GetExperiment", &format!("shows that {id} is not ours"));
            return Err(CallError { kind: CallErrorKind::NotFound, ..error });
        }
        if ended(&experiment).is_some() {
            return Ok(());
        }
        let is_over = async || Ok(ended(&get(context.aws, &id).await?).is_some());
        let stopped = context.aws.fis.stop_experiment().id(&id).send().await;
        if let Err(error) = stopped {
            let error = CallError::of("fis:StopExperiment", &error);
            // It may have ended by itself since the look, or by a first call whose answer was lost.
            if !is_over().await? {
                return Err(error);
            }
        }
        let still = || format!("experiment {id} was told to stop and has not ended");
        until_over(context, Topic::Experiments, "fis:StopExperiment", is_over, still).await
    };
    let runs = async || match find(context, token).await? {
        Some(id) => Ok(ended(&get(context.aws, &id).await?).is_none()),
        None => Ok(false),
    };
    revert_unless_gone(context, change, "fis:StopExperiment", work, runs).await
}

async fn find(context: Context<'_>, token: &str) -> Result<Option<String>, CallError> {
    let mut pages = context.aws.fis.list_experiments().into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperiments", &error))?;
        let tagged = summary.tags().and_then(|tags| tags.get("firedrill:token"));
        if tagged.is_some_and(|tag| tag == token) {
            return Ok(summary.id);
        }
    }
    Ok(None)
}

/// The experiments of the context's drill that are not over, by their tags.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut pages = context.aws.fis.list_experiments().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperiments", &error))?;
        let (Some(tags), Some(id)) = (summary.tags(), summary.id()) else { continue };
        let ours = tags.get("firedrill:run").is_some_and(|tag| tag == context.run_id);
        if ours && ended(&get(context.aws, id).await?).is_none() {
            let client_token = tags.get("firedrill:token").cloned().unwrap_or_default();
            found.push((Undo::StopExperiment { client_token }, ids([("experiment", id)])));
        }
    }
    Ok(found)
}

/// What is left, in words.
pub(super) fn words(client_token: &str) -> String {
    format!("the FIS experiment with tag firedrill:token={client_token} may still run")
}
