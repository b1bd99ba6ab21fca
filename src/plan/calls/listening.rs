//! The calls over what a run listens with: its queue, its rules and its subscriptions.
//!
//! Invariant: whatever is made to listen with is taken away again.

use super::{Calls, LISTENER_PREFIX, NO_LEVEL, Step, any, named, queue, rule};

/// The run's own rule on a bus, which delivers to its queue.
pub(super) fn listener_rule_calls(calls: &mut Calls, id: &str, bus: &str) {
    let ours = rule(bus, &format!("{LISTENER_PREFIX}*"));
    queue_calls(calls, id);
    calls.add(Step::Listen, "events:PutRule", id, ours.clone());
    calls.add(Step::Listen, "events:TagResource", id, ours.clone());
    calls.add(Step::Listen, "events:PutTargets", id, ours.clone());
    calls.add(Step::Revert, "events:DeleteRule", id, ours.clone());
    calls.add(Step::Revert, "events:RemoveTargets", id, ours.clone());
    calls.add(Step::Revert, "events:DescribeRule", id, ours);
}

pub(super) fn notification_calls(calls: &mut Calls, id: &str, topic: &str) {
    let watched = named("sns", "", topic);
    calls.add(Step::Preflight, "sns:GetTopicAttributes", id, watched.clone());
    queue_calls(calls, id);
    calls.add(Step::Listen, "sns:Subscribe", id, watched.clone());
    calls.add(Step::Revert, "sns:Unsubscribe", id, any(NO_LEVEL));
    // After a crash the subscription is found again by its endpoint.
    calls.add(Step::Revert, "sns:ListSubscriptionsByTopic", id, watched);
}

/// The run's own queue, which listener rules and topics deliver to.
pub(super) fn queue_calls(calls: &mut Calls, id: &str) {
    calls.add(Step::Listen, "sqs:CreateQueue", id, queue());
    calls.add(Step::Listen, "sqs:TagQueue", id, queue());
    calls.add(Step::Observe, "sqs:ReceiveMessage", id, queue());
    calls.add(Step::Observe, "sqs:DeleteMessage", id, queue());
    calls.add(Step::Revert, "sqs:DeleteQueue", id, queue());
    // After a crash only the name is known.
    calls.add(Step::Revert, "sqs:GetQueueUrl", id, queue());
}
