//! Faults: how each kind is injected, and how what was injected is taken back.
//!
//! Main function: [`inject`]. One file per kind; [`revert`] undoes from the timeline alone. Invariants:
//! each changing call is announced in the timeline first; a fault's start is AWS's own time where AWS
//! gives one; a fault that had no effect is a failure, never a success.

pub(crate) mod command;
pub(crate) mod config_evaluation;
pub(crate) mod disable_rule;
pub(crate) mod fis;
mod guardduty_samples;
mod http;
mod inline;
mod invoke;
pub(crate) mod lock;
mod log_line;
pub(crate) mod preview;
mod publish;
mod put_events;
mod put_metric_data;
pub mod revert;
mod securityhub_findings;
mod send_message;
mod set_alarm_state;
mod ssm_automation;
mod ssm_command;
mod start_execution;
pub(crate) mod start_replay;

use std::collections::HashMap;

use futures_util::future::LocalBoxFuture;
use indexmap::IndexMap;

use crate::aws::CallError;
pub(crate) use crate::context::{ChangeError, ids};
use crate::context::{Context, Moment};
use crate::outside::payload;
use crate::plan::{FaultAction, PlannedFault};
use crate::timeline::EntryKind;

/// What goes on after a fault took effect (the rest of its datapoints), until it ends by itself.
pub type Continuation<'a> = LocalBoxFuture<'a, ()>;

/// An injection that took effect.
pub struct Injected<'a> {
    /// The FIS experiment, where there is one to follow.
    pub experiment: Option<String>,
    /// What goes on.
    pub continuation: Option<Continuation<'a>>,
}

/// Injects one fault and returns once it took effect, which is recorded with AWS's own time.
pub async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
) -> Result<Injected<'a>, ChangeError> {
    match &fault.action {
        FaultAction::FisTemplate { template } => {
            fis::inject_template(context, fault, template).await
        }
        FaultAction::FisInline { template } => fis::inject_inline(context, fault, template).await,
        FaultAction::PutEvents { bus, entries } => {
            put_events::inject(context, fault, bus, entries).await
        }
        FaultAction::SetAlarmState { alarm, state, reason } => {
            set_alarm_state::inject(context, fault, alarm, *state, reason).await
        }
        FaultAction::PutMetricData { .. } => put_metric_data::inject(context, fault).await,
        FaultAction::SsmAutomation(start) => ssm_automation::inject(context, fault, start).await,
        FaultAction::SsmCommand(send) => ssm_command::inject(context, fault, send).await,
        FaultAction::StartExecution(start) => start_execution::inject(context, fault, start).await,
        FaultAction::Invoke(invoke) => invoke::inject(context, fault, invoke).await,
        FaultAction::DisableRule { bus, name } => {
            disable_rule::inject(context, fault, bus, name).await
        }
        FaultAction::Publish { topic, subject, message } => {
            publish::inject(context, fault, topic, subject.as_deref(), message).await
        }
        FaultAction::SendMessage { queue, message } => {
            send_message::inject(context, fault, queue, message).await
        }
        FaultAction::SampleFindings { detector, types } => {
            guardduty_samples::inject(context, fault, detector.as_deref(), types).await
        }
        FaultAction::SecurityHubFindings { findings } => {
            securityhub_findings::inject(context, fault, findings).await
        }
        FaultAction::ConfigEvaluation { rule, compliance, annotation } => {
            let told = compliance.map(|compliance| (compliance, annotation.as_deref()));
            config_evaluation::inject(context, fault, rule, told).await
        }
        FaultAction::StartReplay(replay) => start_replay::inject(context, fault, replay).await,
        FaultAction::LogLine { group, stream, line, count } => {
            log_line::inject(context, fault, (group, stream), line, *count).await
        }
        FaultAction::Http { request, revert } => {
            http::inject(context, fault, request, revert.as_ref()).await
        }
        FaultAction::Command { run, revert, token } => {
            command::inject(context, fault, run, revert.as_ref(), token)
        }
    }
}

/// Whether AWS says that something of this name is there already. Where the name is this drill's and fault's
/// alone, it is what our own first try made: its answer was lost, and the SDK asked again.
fn is_there_already(error: &CallError) -> bool {
    error.code.as_deref().is_some_and(|code| code.contains("AlreadyExists"))
}

/// The parameters of a document, with the values of the environment in them.
fn parameters(
    planned: &IndexMap<String, Vec<String>>,
) -> Result<HashMap<String, Vec<String>>, ChangeError> {
    let list = |values: &Vec<String>| {
        values.iter().map(|value| payload(value)).collect::<Result<Vec<String>, String>>()
    };
    let filled = planned.iter().map(|(name, values)| Ok((name.clone(), list(values)?)));
    filled.collect::<Result<_, String>>().map_err(ChangeError::NoEffect)
}

/// Announces a fault's start, by AWS's clock; [`Context::at_aws`] is for what AWS gives no time of.
fn started<const N: usize>(
    context: Context<'_>,
    fault: &PlannedFault,
    occurred_at: impl Into<Moment>,
    evidence: [(&str, String); N],
) {
    let Moment { at: occurred_at, uncertain } = occurred_at.into();
    let evidence: IndexMap<String, String> =
        evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    context.recorder.record(EntryKind::FaultStarted {
        fault: fault.id.clone(),
        occurred_at,
        uncertain_ms: u64::try_from(uncertain.as_millis()).unwrap_or_default(),
        evidence,
    });
}

/// Announces a fault's end by itself, by AWS's clock.
fn ended(
    context: Context<'_>,
    fault: &PlannedFault,
    occurred_at: jiff::Timestamp,
    state: &str,
    reason: Option<String>,
) {
    context.recorder.record(EntryKind::FaultEnded {
        fault: fault.id.clone(),
        occurred_at,
        state: state.to_owned(),
        reason,
    });
}
