//! FIS experiments: an existing template, or an inline one that is created, tagged and deleted afterwards.
//!
//! The fault's start is the start of the first action that breaks something, by FIS's own clock; `stopped`
//! and `cancelled` are not success. Source:
//! <https://docs.aws.amazon.com/fis/latest/APIReference/API_Experiment.html>.

use std::collections::BTreeSet;

use aws_sdk_fis::types::{ActionsMode, Experiment, StartExperimentExperimentOptionsInput};
use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::experiments::{alarm_name, ended, get};
use crate::aws::{CallError, CallErrorKind, timestamp};
use crate::plan::{FaultAction, PlannedFault};
use crate::scenario::suggest::did_you_mean;
use crate::timeline::{EntryKind, Purpose, Undo};
use crate::wakeup::Topic;

/// Actions that break nothing: they never are a fault's start.
const HARMLESS: [&str; 2] = ["aws:fis:wait", "aws:cloudwatch:assert-alarm-state"];

/// How long an experiment that was started may stay unseen until its fault counts as failed.
const UNSEEN: SignedDuration = SignedDuration::from_secs(60);

/// How long to rest after a look at an experiment that failed.
const AFTER_FAILURE: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) async fn inject_template<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    template: &str,
) -> Result<Injected<'a>, ChangeError> {
    let id = find_template(context, template).await?;
    start(context, fault, &id).await
}

pub(super) async fn inject_inline<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    template: &serde_json::Value,
) -> Result<Injected<'a>, ChangeError> {
    let token = token(context, fault);
    let id = create(context, fault, template, &token, Purpose::Inject).await?;
    start(context, fault, &id).await
}

/// Creates the template of an inline fault, tagged so that it can be found again; answers its id.
pub(super) async fn create(
    context: Context<'_>,
    fault: &PlannedFault,
    template: &serde_json::Value,
    token: &str,
    purpose: Purpose,
) -> Result<String, ChangeError> {
    let request = super::inline::template(template)
        .map_err(ChangeError::NoEffect)?
        .client_token(token)
        .tags("firedrill:run", context.run_id)
        .tags("firedrill:token", token);
    let undo = Undo::DeleteExperimentTemplate { client_token: token.to_owned() };
    let call = "fis:CreateExperimentTemplate";
    let intent = context.recorder.intent(Some(&fault.id), purpose, call, Some(undo))?;
    let answer = context.recorder.heard(
        intent,
        "fis:CreateExperimentTemplate",
        request.send_with(&context.aws.fis).await,
    )?;
    let id = answer.experiment_template.and_then(|template| template.id).unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("template", &id)])));
    Ok(id)
}

/// The token that makes the calls of a fault idempotent and findable.
pub(super) fn token(context: Context<'_>, fault: &PlannedFault) -> String {
    format!("{}-{}", context.run_id, fault.id)
}

/// Resolves a template's id or `Name` tag.
pub(crate) async fn find_template(
    context: Context<'_>,
    template: &str,
) -> Result<String, ChangeError> {
    let mut pages = context.aws.fis.list_experiment_templates().into_paginator().items().send();
    let (mut found, mut names) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let summary = page.map_err(|error| CallError::of("fis:ListExperimentTemplates", &error))?;
        if summary.id() == Some(template) {
            return Ok(template.to_owned());
        }
        let name = summary.tags().and_then(|tags| tags.get("Name")).cloned();
        if name.as_deref() == Some(template) {
            found.extend(summary.id);
        }
        names.extend(name);
    }
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => {
            let meant = did_you_mean(template, names.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            Err(ChangeError::NoEffect(format!(
                "no experiment template has the id or the Name tag `{template}`{meant}"
            )))
        }
        several => Err(ChangeError::NoEffect(format!(
            "{} experiment templates have the Name tag `{template}` ({}): name one by its id",
            several.len(),
            several.join(", ")
        ))),
    }
}

/// The names of the alarms that FIS itself watches in an experiment of this fault; none for another fault.
///
/// Source: <https://docs.aws.amazon.com/fis/latest/userguide/stop-conditions.html>.
pub(crate) async fn stop_alarms(
    context: Context<'_>,
    action: &FaultAction,
) -> Result<BTreeSet<String>, ChangeError> {
    if let FaultAction::FisInline { template } = action {
        let conditions = template["stopConditions"].as_array().into_iter().flatten();
        let arns = conditions.filter_map(|one| one["value"].as_str());
        return Ok(arns.map(|arn| alarm_name(arn).to_owned()).collect());
    }
    let FaultAction::FisTemplate { template } = action else { return Ok(BTreeSet::new()) };
    let id = find_template(context, template).await?;
    let sent = context.aws.fis.get_experiment_template().id(id).send().await;
    let answer = sent.map_err(|error| CallError::of("fis:GetExperimentTemplate", &error))?;
    let template = answer.experiment_template();
    let conditions =
        template.map(aws_sdk_fis::types::ExperimentTemplate::stop_conditions).unwrap_or_default();
    Ok(conditions
        .iter()
        .filter_map(|one| one.value())
        .map(|arn| alarm_name(arn).to_owned())
        .collect())
}

async fn start<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    template: &str,
) -> Result<Injected<'a>, ChangeError> {
    let token = token(context, fault);
    let id = launch(context, fault, template, &token, Purpose::Inject, None).await?;
    follow_to_effect(context, fault, template, &id).await
}

/// Starts an experiment, tagged so that it can be found again; answers its id.
pub(super) async fn launch(
    context: Context<'_>,
    fault: &PlannedFault,
    template: &str,
    token: &str,
    purpose: Purpose,
    mode: Option<ActionsMode>,
) -> Result<String, ChangeError> {
    let undo = Undo::StopExperiment { client_token: token.to_owned() };
    let call = "fis:StartExperiment";
    let intent = context.recorder.intent(Some(&fault.id), purpose, call, Some(undo))?;
    let options = mode
        .map(|mode| StartExperimentExperimentOptionsInput::builder().actions_mode(mode).build());
    let sent = context
        .aws
        .fis
        .start_experiment()
        .client_token(token)
        .experiment_template_id(template)
        .set_experiment_options(options)
        .tags("firedrill:run", context.run_id)
        .tags("firedrill:token", token)
        .send()
        .await;
    let answer = context.recorder.heard(intent, "fis:StartExperiment", sent)?;
    let id = answer.experiment.and_then(|experiment| experiment.id).unwrap_or_default();
    let ids = ids([("experiment", &id), ("template", template)]);
    context.recorder.receipt(intent, Ok(ids));
    Ok(id)
}

/// Waits until an action that breaks something runs.
async fn follow_to_effect<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    template: &str,
    id: &str,
) -> Result<Injected<'a>, ChangeError> {
    let mut seen_at = context.clock().now();
    let mut lacked = false;
    loop {
        let mark = context.pace.mark(Topic::Experiments);
        let experiment = match get(context.aws, id).await {
            Ok(experiment) => experiment,
            // It runs: a look that failed says nothing about it.
            Err(error)
                if !error.is_not_found()
                    && (!lacked || error.kind != CallErrorKind::Unsupported)
                    && context.clock().now().duration_since(seen_at) < UNSEEN =>
            {
                lacked = error.kind == CallErrorKind::Unsupported;
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        seen_at = context.clock().now();
        if let Some((action, at)) = first_effect(&experiment) {
            started(
                context,
                fault,
                at,
                [
                    ("experiment", id.to_owned()),
                    ("template", template.to_owned()),
                    ("action", action),
                ],
            );
            return Ok(Injected { experiment: Some(id.to_owned()), continuation: None });
        }
        if let Some((state, reason, at)) = ended(&experiment) {
            context.recorder.record(EntryKind::FaultEnded {
                fault: fault.id.clone(),
                occurred_at: at.unwrap_or_else(|| context.clock().now()),
                state: state.clone(),
                reason: reason.clone(),
            });
            return Err(ChangeError::NoEffect(format!(
                "experiment {id} is {state} and none of its actions took effect: {}",
                reason.as_deref().unwrap_or("FIS gives no reason")
            )));
        }
        context.pace.pause(Topic::Experiments, mark).await;
    }
}

/// The earliest start of an action that breaks something, with the action's name.
fn first_effect(experiment: &Experiment) -> Option<(String, Timestamp)> {
    let actions = experiment.actions()?;
    actions
        .iter()
        .filter(|(_, action)| !action.action_id().is_some_and(|id| HARMLESS.contains(&id)))
        .filter_map(|(name, action)| Some((timestamp(action.start_time()?)?, name)))
        .min()
        .map(|(at, name)| (name.clone(), at))
}
