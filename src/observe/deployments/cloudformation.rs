//! What CloudFormation does to one stack, read from its events.
//!
//! Main function: [`look`]. Only events of the stack itself count, not those of its resources. Source:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html>.

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent};
use jiff::Timestamp;

use crate::aws::deployments::Reached;
use crate::aws::{Aws, CallError, timestamp};

/// The type of the events of a stack itself.
const STACK: &str = "AWS::CloudFormation::Stack";

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    stack: &str,
) -> Result<Vec<Reached>, CallError> {
    let mut pages = aws
        .cloudformation
        .describe_stack_events()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send();
    let mut events = Vec::new();
    // The newest come first.
    while let Some(event) = pages.next().await {
        let event =
            event.map_err(|error| CallError::of("cloudformation:DescribeStackEvents", &error))?;
        let at = event.timestamp().and_then(timestamp);
        if at.is_some_and(|at| at < since) {
            break;
        }
        if event.resource_type() == Some(STACK) && event.physical_resource_id() == event.stack_id()
        {
            events.push(event);
        }
    }
    events.reverse();
    let reached = events.iter().enumerate();
    Ok(reached.filter_map(|(index, event)| entered(event, &events[..index])).collect())
}

fn entered(event: &StackEvent, before: &[StackEvent]) -> Option<Reached> {
    let state = event.resource_status().map(ResourceStatus::as_str)?;
    let rolled_back = matches!(state, "UPDATE_ROLLBACK_COMPLETE" | "ROLLBACK_COMPLETE");
    let own = event.resource_status_reason().unwrap_or_default();
    // Why it was rolled back stands where the rollback starts.
    let start = before.iter().rev().find(|one| {
        let state = one.resource_status().map(ResourceStatus::as_str);
        matches!(state, Some("UPDATE_ROLLBACK_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS"))
    });
    let why = start.filter(|_| rolled_back).and_then(StackEvent::resource_status_reason);
    let token = event.client_request_token().unwrap_or_default();
    let operation = event.operation_id().unwrap_or(token);
    let name = event.stack_name().unwrap_or_default();
    Some(Reached {
        deployment: if operation.is_empty() {
            format!("stack {name}")
        } else {
            format!("stack {name}, operation {operation}")
        },
        state: state.to_owned(),
        at: timestamp(event.timestamp()?)?,
        rolled_back,
        is_final: !state.ends_with("IN_PROGRESS"),
        triggered_by: String::new(),
        reason: format!("{} {token}", why.unwrap_or(own)).trim().to_owned(),
    })
}
