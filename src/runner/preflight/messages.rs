//! What faults and observations over messages need before anything is injected.
//!
//! Main type: [`Subject`]. Invariant: what would make an answer meaningless (a queue that already holds
//! what is to be seen arriving, a rule that is disabled already) is found here, before the drill.

use super::{Finding, failed, wrong};
use crate::aws::{Aws, CallError, queues};
use crate::context::ChangeError;
use crate::faults::{disable_rule, start_replay};
use crate::plan::{FaultAction, Kind, Level};
use crate::scenario::types::QueueMessages;

/// Something that a fault or an observation over messages names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A rule that is to be disabled.
    Disabled { bus: String, name: String },
    /// A queue; where messages are awaited in it, it must not hold them yet.
    Queue { name: String, awaited: Option<(QueueMessages, Level)> },
    /// Log groups.
    LogGroups(Vec<String>),
    /// An archive of events.
    Archive(String),
}

impl Subject {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Disabled { bus, name } => format!("rule {name} on bus {bus}, to be disabled"),
            Self::Queue { name, .. } => format!("queue {name}"),
            Self::LogGroups(groups) => format!("log group {}", groups.join(", ")),
            Self::Archive(name) => format!("archive {name}"),
        }
    }
}

/// What a fault names.
pub(super) fn of_fault(action: &FaultAction) -> Option<super::Subject> {
    if let FaultAction::DisableRule { bus, name } = action {
        let (bus, name) = (bus.clone(), name.clone());
        return Some(super::Subject::Message(Subject::Disabled { bus, name }));
    }
    if let FaultAction::Publish { topic, .. } = action {
        return Some(super::Subject::Topic(topic.clone()));
    }
    if let FaultAction::LogLine { group, .. } = action {
        return Some(super::Subject::Message(Subject::LogGroups(vec![group.clone()])));
    }
    if let FaultAction::StartReplay(replay) = action {
        let archive = replay.archive.clone();
        return Some(super::Subject::Message(Subject::Archive(archive)));
    }
    let FaultAction::SendMessage { queue, .. } = action else { return None };
    let subject = Subject::Queue { name: queue.clone(), awaited: None };
    Some(super::Subject::Message(subject))
}

/// What an observation names.
pub(super) fn of_kind(kind: &Kind, in_expect: bool) -> Option<super::Subject> {
    if let Kind::Log { groups, .. } = kind {
        return Some(super::Subject::Message(Subject::LogGroups(groups.clone())));
    }
    let Kind::Queue { name, messages, level } = kind else { return None };
    // What is there from the beginning can't be seen arriving; what is to leave may well be away before
    // the fault brings it.
    let arrives = in_expect && matches!(level, Level::AtLeast(_));
    let awaited = arrives.then_some((*messages, *level));
    Some(super::Subject::Message(Subject::Queue { name: name.clone(), awaited }))
}

pub(super) async fn look(aws: &Aws, subject: &Subject) -> Finding {
    let words = subject.words();
    match subject {
        Subject::Disabled { bus, name } => {
            let hint = "disable a rule that is enabled and of this account's own";
            possible(disable_rule::possible(aws, bus, name).await, &words, hint)
        }
        Subject::Queue { name, awaited } => {
            let url = queues::url(aws, name).await;
            let url = url.map_err(|error| failed(&words, &error))?;
            let Some((messages, level)) = awaited else { return Ok(()) };
            let depth = queues::depth(aws, &url).await;
            let depth = depth.map_err(|error| failed(&words, &error))?;
            let count = messages.of(depth.visible, depth.in_flight, depth.delayed);
            if level.holds(count) {
                return wrong(
                    format!("queue `{name}` already holds about {}", messages.words(count)),
                    "what is there can't be seen arriving: empty the queue, or raise `at_least`",
                );
            }
            Ok(())
        }
        Subject::Archive(name) => {
            let found = start_replay::archive(aws, name).await;
            found.map(|_| ()).map_err(|error| failed(&words, &error))
        }
        Subject::LogGroups(groups) => {
            for group in groups {
                let request = aws.logs.describe_log_streams().limit(1);
                let request = if group.starts_with("arn:") {
                    request.log_group_identifier(group)
                } else {
                    request.log_group_name(group)
                };
                let sent = request.send().await;
                sent.map_err(|error| CallError::of("logs:DescribeLogStreams", &error))
                    .map_err(|error| failed(&format!("log group {group}"), &error))?;
            }
            Ok(())
        }
    }
}

/// What a fault says of itself, as a finding.
fn possible(said: Result<(), ChangeError>, words: &str, hint: &str) -> Finding {
    match said {
        Ok(()) => Ok(()),
        Err(ChangeError::Call(error)) => Err(failed(words, &error)),
        Err(error @ (ChangeError::NoEffect(_) | ChangeError::Record(_))) => {
            wrong(error.to_string(), hint)
        }
    }
}
