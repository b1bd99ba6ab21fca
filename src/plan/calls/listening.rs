//! The calls of what a run makes to listen with, and of the logs that it reads instead.
//!
//! Invariant: everything that is made is named after the run, so that the policy names nothing else.

use super::records::log_group;
use super::{BUS_LOG_GROUPS, Calls, LISTENER_PREFIX, NO_LEVEL, Step, any, named, queue, rule};

/// A bus that logs what its rules do shows it best.
pub(super) fn bus_log_calls(calls: &mut Calls, id: &str, bus: &str) {
    calls.add(Step::Observe, "events:DescribeEventBus", id, named("events", "event-bus/", bus));
    calls.add(Step::Observe, "logs:DescribeDeliverySources", id, any(NO_LEVEL));
    calls.add(Step::Observe, "logs:DescribeDeliveries", id, any(NO_LEVEL));
    calls.add(Step::Observe, "logs:DescribeDeliveryDestinations", id, any(NO_LEVEL));
    let groups = log_group(&format!("{BUS_LOG_GROUPS}*"), "*");
    calls.add(Step::Observe, "logs:FilterLogEvents", id, groups);
}

/// The run's own rule on a bus, which shows what an expectation asks for.
pub(super) fn listener_rule_calls(calls: &mut Calls, id: &str, bus: &str) {
    let ours = rule(bus, &format!("{LISTENER_PREFIX}*"));
    rule_of_ours_calls(calls, id, bus);
    evidence_calls(calls, id);
    calls.add(Step::Observe, "events:DescribeRule", id, ours.clone());
    calls.add(Step::Observe, "events:ListTargetsByRule", id, ours);
}

/// What is read from the run's own queue, where it is evidence: what it lets in is read back, too.
fn evidence_calls(calls: &mut Calls, id: &str) {
    calls.add(Step::Observe, "sqs:DeleteMessage", id, queue());
    calls.add(Step::Observe, "sqs:GetQueueAttributes", id, queue());
}

/// The run's own rule on a bus, which delivers to its queue.
pub(super) fn rule_of_ours_calls(calls: &mut Calls, id: &str, bus: &str) {
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
    evidence_calls(calls, id);
    calls.add(Step::Listen, "sns:Subscribe", id, watched.clone());
    calls.add(Step::Observe, "sns:ListSubscriptionsByTopic", id, watched.clone());
    calls.add(Step::Observe, "sns:GetSubscriptionAttributes", id, any(NO_LEVEL));
    calls.add(Step::Revert, "sns:Unsubscribe", id, any(NO_LEVEL));
    // After a crash the subscription is found again by its endpoint.
    calls.add(Step::Revert, "sns:ListSubscriptionsByTopic", id, watched);
}

/// The run's own queue, which listener rules and topics deliver to.
pub(super) fn queue_calls(calls: &mut Calls, id: &str) {
    calls.add(Step::Listen, "sqs:CreateQueue", id, queue());
    calls.add(Step::Listen, "sqs:TagQueue", id, queue());
    calls.add(Step::Observe, "sqs:ReceiveMessage", id, queue());
    calls.add(Step::Revert, "sqs:DeleteQueue", id, queue());
    // After a crash only the name is known.
    calls.add(Step::Revert, "sqs:GetQueueUrl", id, queue());
}
