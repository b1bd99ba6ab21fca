//! A command on managed instances as a fault, followed to its end.
//!
//! The fault's start is the first instance's; a command that fails on any of them is a fault that failed.
//! `SendCommand` has neither tags nor a client token: the comment finds the command after a crash, and the
//! call is never made twice. The delivery timeout ends what no instance has taken. Source:
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html>.

use aws_sdk_ssm::types::{Command, CommandInvocation, CommandInvocationStatus, Target};
use aws_smithy_types::retry::RetryConfig;
use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, Context, Injected, ended, ids, parameters, started};
use crate::aws::{CallError, secrets, timestamp};
use crate::plan::{CommandSend, PlannedFault};
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// The call that sends it.
const SEND: &str = "ssm:SendCommand";

/// How much of what a command wrote goes into the record, in characters.
const MOST_OUTPUT: usize = 400;

/// How long a command may stay unseen past its delivery timeout until its fault counts as failed.
const UNSEEN: SignedDuration = SignedDuration::from_mins(1);

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    send: &'a CommandSend,
) -> Result<Injected<'a>, ChangeError> {
    let id = send_it(context, fault, send).await?;
    let give_up = context.clock().now() + send.delivery_timeout + UNSEEN;
    loop {
        let mark = context.pace.mark(Topic::Automations);
        let seen = match look(context, &id).await {
            Ok(seen) => seen,
            Err(error) if context.clock().now() >= give_up => return Err(error.into()),
            Err(_) => Seen::default(),
        };
        if let Some(why) = seen.failure {
            return Err(ChangeError::NoEffect(format!("command {id} failed: {why}")));
        }
        if let Some(at) = seen.began {
            let evidence = [
                ("command", id.clone()),
                ("document", send.document.clone()),
                ("instances", seen.instances.join(" ")),
            ];
            started(context, fault, at, evidence);
            let continuation = Box::pin(async move { follow(context, fault, &id).await });
            return Ok(Injected { experiment: None, continuation: Some(continuation) });
        }
        if context.clock().now() >= give_up {
            let words = "no instance has begun it: are they managed, and is their agent running?";
            return Err(ChangeError::NoEffect(format!("command {id}: {words}")));
        }
        let clock = context.clock();
        tokio::select! {
            biased;
            () = context.pace.pause(Topic::Automations, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

async fn send_it(
    context: Context<'_>,
    fault: &PlannedFault,
    send: &CommandSend,
) -> Result<String, ChangeError> {
    let undo =
        Undo::CancelCommand { document: send.document.clone(), comment: send.comment.clone() };
    let parameters = parameters(&send.parameters)?;
    let targets = send.targets.iter().map(|target| {
        Target::builder().key(&target.key).set_values(Some(target.values.clone())).build()
    });
    let delivery = i32::try_from(send.delivery_timeout.as_secs()).unwrap_or(i32::MAX);
    let request = context
        .aws
        .ssm
        .send_command()
        .document_name(&send.document)
        .set_instance_ids((!send.instances.is_empty()).then(|| send.instances.clone()))
        .set_targets((!send.targets.is_empty()).then(|| targets.collect()))
        .set_parameters((!parameters.is_empty()).then_some(parameters))
        .timeout_seconds(delivery)
        .comment(&send.comment);
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, SEND, Some(undo))?;
    // An answer that was lost must not send the command a second time.
    let once = aws_sdk_ssm::config::Builder::new().retry_config(RetryConfig::disabled());
    let answer = context.recorder.heard(
        intent,
        SEND,
        request.customize().config_override(once).send().await,
    )?;
    let command = answer.command.unwrap_or_else(|| Command::builder().build());
    let id = command.command_id.unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("command", &id)])));
    Ok(id)
}

/// A command as it is now.
#[derive(Default)]
struct Seen {
    instances: Vec<String>,
    /// When the first instance began.
    began: Option<Timestamp>,
    /// When the last instance ended, once all have.
    over: Option<Timestamp>,
    /// Where it did not succeed, and why.
    failure: Option<String>,
    cancelled: bool,
}

async fn look(context: Context<'_>, id: &str) -> Result<Seen, CallError> {
    let mut pages = context
        .aws
        .ssm
        .list_command_invocations()
        .command_id(id)
        .details(true)
        .into_paginator()
        .items()
        .send();
    let mut invocations = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.map_err(|error| CallError::of("ssm:ListCommandInvocations", &error))?;
        invocations.push(one);
    }
    let mut seen = Seen::default();
    let mut ends = Vec::new();
    for one in &invocations {
        let instance = one.instance_id().unwrap_or_default();
        seen.instances.push(instance.to_owned());
        let plugins = one.command_plugins();
        let began = plugins.iter().filter_map(|plugin| plugin.response_start_date_time());
        let began = began.filter_map(timestamp).min();
        seen.began = [seen.began, began].into_iter().flatten().min();
        let at = plugins.iter().filter_map(|plugin| plugin.response_finish_date_time());
        let at = at.filter_map(timestamp).max();
        match one.status() {
            Some(CommandInvocationStatus::Success) => ends.push(at),
            Some(CommandInvocationStatus::Cancelled) => {
                seen.cancelled = true;
                ends.push(at);
            }
            Some(CommandInvocationStatus::Failed | CommandInvocationStatus::TimedOut) => {
                ends.push(at);
                seen.failure.get_or_insert_with(|| failure(instance, one));
            }
            Some(_) | None => {}
        }
    }
    if !ends.is_empty() && ends.len() == invocations.len() {
        seen.over = ends.into_iter().flatten().max().or_else(|| Some(context.clock().now()));
    }
    Ok(seen)
}

/// Where and why a command failed, with the end of what it wrote.
fn failure(instance: &str, one: &CommandInvocation) -> String {
    let details = one.status_details().unwrap_or("it gives no reason");
    let written = one.command_plugins().iter().filter_map(|plugin| plugin.output());
    let written = written.collect::<Vec<_>>().join("\n");
    let written = secrets::scrub(written.trim());
    if written.is_empty() {
        return format!("{details} on {instance}");
    }
    let length = written.chars().count();
    let tail: String = written.chars().skip(length.saturating_sub(MOST_OUTPUT)).collect();
    format!("{details} on {instance}: {tail}")
}

/// Follows the command to its end.
async fn follow(context: Context<'_>, fault: &PlannedFault, id: &str) {
    loop {
        let mark = context.pace.mark(Topic::Automations);
        // A look that failed says nothing about it; the undo looks again.
        if let Ok(seen) = look(context, id).await
            && let Some(at) = seen.over
        {
            return match seen.failure {
                Some(why) => ended(context, fault, at, "failed", Some(why)),
                None if seen.cancelled => {
                    ended(context, fault, at, "stopped", Some("it was cancelled".to_owned()));
                }
                None => ended(context, fault, at, "completed", None),
            };
        }
        context.pace.pause(Topic::Automations, mark).await;
    }
}
