//! A rule that is switched off: what it starts does not start, and the drill shows who notices.
//!
//! It takes a short time until a disabled rule stops matching. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html>.

use aws_sdk_eventbridge::types::RuleState;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::{Aws, CallError};
use crate::plan::PlannedFault;
use crate::timeline::{Purpose, Undo};

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    bus: &str,
    name: &str,
) -> Result<Injected<'a>, ChangeError> {
    possible(context.aws, bus, name).await?;
    let sent_at = context.clock().now();
    disable(context, fault, bus, name).await?;
    let state = state(context.aws, bus, name).await?;
    if state.as_ref() != Some(&RuleState::Disabled) {
        return Err(ChangeError::NoEffect(format!(
            "rule `{name}` on bus `{bus}` was disabled, and reads {} after that",
            state.as_ref().map_or("nothing", RuleState::as_str)
        )));
    }
    started(
        context,
        fault,
        context.took_effect(sent_at),
        [("rule", name.to_owned()), ("bus", bus.to_owned())],
    );
    Ok(Injected { experiment: None, continuation: None })
}

/// Whether the rule can be disabled so that enabling it again restores it.
pub(crate) async fn possible(aws: &Aws, bus: &str, name: &str) -> Result<(), ChangeError> {
    let found = aws
        .events
        .describe_rule()
        .name(name)
        .event_bus_name(bus)
        .send()
        .await
        .map_err(|error| CallError::of("events:DescribeRule", &error))?;
    let rule = format!("rule `{name}` on bus `{bus}`");
    if let Some(service) = found.managed_by() {
        return Err(ChangeError::NoEffect(format!(
            "{rule} is managed by {service}: it is not ours to disable"
        )));
    }
    match found.state() {
        Some(RuleState::Enabled) => Ok(()),
        Some(RuleState::Disabled) => Err(ChangeError::NoEffect(format!(
            "{rule} is disabled already: disabling it again would do nothing; where a drill was killed, \
             `firedrill revert` takes back what it left"
        ))),
        other => Err(ChangeError::NoEffect(format!(
            "{rule} is {}: EnableRule could not bring that back",
            other.map_or("in no state", RuleState::as_str)
        ))),
    }
}

/// The state of a rule now.
pub(super) async fn state(
    aws: &Aws,
    bus: &str,
    name: &str,
) -> Result<Option<RuleState>, CallError> {
    let found = aws.events.describe_rule().name(name).event_bus_name(bus).send().await;
    let found = found.map_err(|error| CallError::of("events:DescribeRule", &error))?;
    Ok(found.state)
}

async fn disable(
    context: Context<'_>,
    fault: &PlannedFault,
    bus: &str,
    name: &str,
) -> Result<(), ChangeError> {
    const CALL: &str = "events:DisableRule";
    let undo = Undo::EnableRule { bus: bus.to_owned(), name: name.to_owned() };
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, Some(undo))?;
    context.recorder.heard(
        intent,
        CALL,
        context.aws.events.disable_rule().name(name).event_bus_name(bus).send().await,
    )?;
    context.recorder.receipt(intent, Ok(ids([("rule", name), ("bus", bus)])));
    Ok(())
}
