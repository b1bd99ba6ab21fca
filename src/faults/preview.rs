//! A look at what an experiment would touch: it is run with every action skipped, and FIS says which
//! resources its targets resolved to.
//!
//! Main function: [`preview`]. Invariants: nothing is broken (`actionsMode` is `skip-all`); the preview's
//! own experiment and template are on the record like any change, and are taken back by whoever asked.
//! Sources: <https://docs.aws.amazon.com/fis/latest/userguide/generate-target-preview.html>,
//! <https://docs.aws.amazon.com/fis/latest/APIReference/API_ListExperimentResolvedTargets.html>.

use std::collections::BTreeSet;

use aws_sdk_fis::types::ActionsMode;
use jiff::SignedDuration;

use super::{ChangeError, Context, fis};
use crate::aws::experiments::{ended, get};
use crate::aws::{CallError, CallErrorKind};
use crate::plan::{FaultAction, PlannedFault};
use crate::timeline::Purpose;
use crate::wakeup::Topic;

/// How long FIS may take to resolve the targets.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// No experiment resolves more targets than this; FIS's own quotas are far below:
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>.
const MOST: usize = 10_000;

/// One resource that an experiment would touch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resolved {
    /// What it is, such as `aws:ec2:instance`.
    pub(crate) kind: String,
    /// Its ARN, or whatever FIS tells it by.
    pub(crate) resource: String,
}

/// What an experiment would touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// Whether its actions have targets at all: one that starts a runbook has none.
    pub(crate) has_targets: bool,
    /// What the targets resolved to.
    pub(crate) resolved: BTreeSet<Resolved>,
}

/// Runs the experiment of a fault with its actions skipped; answers what it would touch. A fault that is
/// no experiment touches nothing that FIS could resolve. It is given up once `stopped` says so.
pub(crate) async fn preview(
    context: Context<'_>,
    fault: &PlannedFault,
    stopped: &dyn Fn() -> bool,
) -> Result<Preview, ChangeError> {
    let token = format!("{}-preview", fis::token(context, fault));
    let id = if let FaultAction::FisTemplate { template } = &fault.action {
        fis::find_template(context, template).await?
    } else if let FaultAction::FisInline { template } = &fault.action {
        fis::create(context, fault, template, &token, Purpose::Guard).await?
    } else {
        return Ok(Preview::default());
    };
    let mode = Some(ActionsMode::SkipAll);
    let experiment = fis::launch(context, fault, &id, &token, Purpose::Guard, mode).await?;
    let has_targets = wait(context, &experiment, stopped).await?;
    let mut pages = context
        .aws
        .fis
        .list_experiment_resolved_targets()
        .experiment_id(&experiment)
        .into_paginator()
        .items()
        .send();
    let mut resolved = BTreeSet::new();
    while let Some(target) = pages.next().await {
        let target =
            target.map_err(|error| CallError::of("fis:ListExperimentResolvedTargets", &error))?;
        let information = target.target_information().into_iter().flatten();
        let mut parts: Vec<String> =
            information.map(|(key, value)| format!("{key}={value}")).collect();
        parts.sort();
        let kind = target.resource_type().unwrap_or_default().to_owned();
        let resource = parts.join(" ");
        let resource = resource.strip_prefix("arn=").unwrap_or(&resource).to_owned();
        resolved.insert(Resolved { kind, resource });
        if resolved.len() > MOST {
            break;
        }
    }
    Ok(Preview { has_targets, resolved })
}

/// Waits until the preview's experiment has ended as it should, within a bound; answers whether it has targets.
async fn wait(
    context: Context<'_>,
    id: &str,
    stopped: &dyn Fn() -> bool,
) -> Result<bool, ChangeError> {
    let clock = context.clock();
    let give_up = clock.now() + PATIENCE;
    loop {
        let mark = context.pace.mark(Topic::Experiments);
        let experiment = get(context.aws, id).await?;
        if let Some((state, reason, _)) = ended(&experiment) {
            if state == "completed" {
                return Ok(experiment.targets().is_some_and(|targets| !targets.is_empty()));
            }
            return Err(ChangeError::NoEffect(format!(
                "the preview {id} is {state}: {}",
                reason.as_deref().unwrap_or("FIS gives no reason")
            )));
        }
        if stopped() {
            return Err(ChangeError::NoEffect(format!(
                "the preview {id} is given up: the drill ends"
            )));
        }
        if clock.now() >= give_up {
            let message = format!("the preview {id} has not ended in time");
            let (kind, operation) = (CallErrorKind::Unreachable, "fis:GetExperiment");
            return Err(CallError { kind, operation, code: None, message }.into());
        }
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Experiments, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}
