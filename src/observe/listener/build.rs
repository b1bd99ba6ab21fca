//! What a drill makes to listen with: its queue, a rule for each pattern, a subscription for each topic.
//!
//! Main type: [`Builder`]. Invariant: each thing is announced with what undoes it before it is made, and is
//! named after the run id.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::super::mailbox::Mailbox;
use super::standing::Source;
use super::{Wanted, parse};
use crate::aws::rules::{Named, rules};
use crate::aws::{CallError, CallErrorKind, RuleFound};
use crate::context::{ChangeError, Context, LISTENER_TARGET, ids, topic_arn};
use crate::plan::{Kind, PlannedExpectation};
use crate::timeline::{Purpose, Undo};

/// What a queue, its policy, its rules and its subscriptions are named after.
pub(super) struct Names<'a> {
    run_id: &'a str,
    account: &'a str,
    region: &'a str,
    partition: &'a str,
}

impl<'a> Names<'a> {
    pub(super) fn new(context: &Context<'a>) -> Self {
        let place = context.place;
        Names {
            run_id: context.run_id,
            account: &place.target.account,
            region: &place.target.region,
            partition: &place.partition,
        }
    }

    fn queue(&self) -> String {
        format!("firedrill-{}", self.run_id)
    }

    pub(super) fn queue_arn(&self) -> String {
        let Names { account, region, partition, .. } = self;
        format!("arn:{partition}:sqs:{region}:{account}:{}", self.queue())
    }

    pub(super) fn topic_arn(&self, topic: &str) -> String {
        topic_arn(self.partition, self.region, self.account, topic)
    }

    /// Only the drill's own rules and the topics that it listens to may send to the queue.
    pub(super) fn policy(&self, topics: &[String]) -> String {
        let Names { account, region, partition, run_id } = self;
        let rules = format!("arn:{partition}:events:{region}:{account}:rule/*firedrill-{run_id}-*");
        let may_send = |service: &str, condition: Value| {
            json!({
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sqs:SendMessage",
                "Resource": self.queue_arn(),
                "Condition": condition,
            })
        };
        let mut statements =
            vec![may_send("events.amazonaws.com", json!({"ArnLike": {"aws:SourceArn": rules}}))];
        if !topics.is_empty() {
            let condition = json!({"ArnEquals": {"aws:SourceArn": topics}});
            statements.push(may_send("sns.amazonaws.com", condition));
        }
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }
}

/// Makes the queue.
pub(super) async fn create_queue(
    context: Context<'_>,
    names: &Names<'_>,
    topics: &[String],
    evidence: bool,
) -> Result<String, ChangeError> {
    let undo = Undo::DeleteQueue { name: names.queue() };
    let intent = context.recorder.intent(None, Purpose::Listen, "sqs:CreateQueue", Some(undo))?;
    let hidden = Mailbox::hides_for(evidence).as_secs().to_string();
    let kept = Mailbox::RETENTION.as_secs().to_string();
    let sent = context
        .aws
        .sqs
        .create_queue()
        .queue_name(names.queue())
        .attributes(QueueAttributeName::Policy, names.policy(topics))
        .attributes(QueueAttributeName::VisibilityTimeout, hidden)
        .attributes(QueueAttributeName::MessageRetentionPeriod, kept)
        .tags("firedrill:run", context.run_id)
        .send()
        .await;
    let answer = context.recorder.heard(intent, "sqs:CreateQueue", sent)?;
    let url = answer.queue_url.unwrap_or_default();
    // What is read from it is deleted: an answer about somebody else's queue must not be believed.
    if url.rsplit('/').next() != Some(names.queue().as_str()) {
        let error = CallError::unusable("sqs:CreateQueue", &format!("is about the queue {url}"));
        context.recorder.receipt(intent, Err(&error));
        return Err(error.into());
    }
    context.recorder.receipt(intent, Ok(ids([("url", &url)])));
    Ok(url)
}

/// Adds rules and subscriptions, each once.
pub(super) struct Builder<'a> {
    pub(super) context: Context<'a>,
    pub(super) names: Names<'a>,
    /// Bus and pattern of the rules so far.
    pub(super) rules: Vec<(String, String)>,
    /// The topics so far, each with the ARN of its subscription.
    pub(super) topics: Vec<(String, String)>,
    /// What is known of the real rules that are under watch.
    pub(super) known: BTreeMap<Named, Result<RuleFound, CallError>>,
}

/// Asks what the real rules of these expectations are like, each once.
pub(super) async fn known_rules(
    context: &Context<'_>,
    expectations: &[&PlannedExpectation],
) -> BTreeMap<Named, Result<RuleFound, CallError>> {
    let named = expectations.iter().filter_map(|expectation| {
        let Kind::Rule { name, bus, .. } = &expectation.kind else { return None };
        Some((bus.clone(), name.clone()))
    });
    rules(context.aws, named.collect()).await
}

impl Builder<'_> {
    /// Makes what shows this expectation, and what feeds the queue for it; nothing for a rule on a schedule.
    pub(super) async fn listen_for(
        &mut self,
        expectation: &PlannedExpectation,
    ) -> Result<Option<(Wanted, Source)>, ChangeError> {
        match &expectation.kind {
            Kind::Event { bus, pattern } => {
                let parsed = parse(pattern)?;
                let source = self.add_rule(bus, pattern).await?;
                Ok(Some((Wanted::Event(Box::new(parsed)), source)))
            }
            Kind::Rule { name, bus, .. } => {
                let Some(pattern) = self.pattern_of(name, bus)? else { return Ok(None) };
                let parsed = parse(&pattern)?;
                let source = self.add_rule(bus, &pattern).await?;
                Ok(Some((Wanted::RuleMatch(Box::new(parsed)), source)))
            }
            Kind::Notification { topic, contains } => {
                let topic = self.names.topic_arn(topic);
                let arn = self.subscribe(&topic).await?;
                let source = Source::Subscription { topic: topic.clone(), arn };
                Ok(Some((Wanted::Message { topic, contains: contains.clone() }, source)))
            }
            Kind::Alarm { .. }
            | Kind::Runbook { .. }
            | Kind::CodeDeployRollback { .. }
            | Kind::Experiment { .. }
            | Kind::Finding(_)
            | Kind::OpsItem(_)
            | Kind::Incident(_)
            | Kind::ApiCall(_)
            | Kind::Metric(_)
            | Kind::Compliance { .. }
            | Kind::Queue { .. }
            | Kind::Deployment { .. }
            | Kind::Log { .. }
            | Kind::Execution { .. }
            | Kind::Http { .. } => Ok(None),
        }
    }

    /// The pattern of a real rule; nothing for a scheduled one.
    fn pattern_of(&self, name: &str, bus: &str) -> Result<Option<String>, CallError> {
        let found = &self.known[&(bus.to_owned(), name.to_owned())];
        found.clone().map(|found| found.pattern)
    }

    /// A rule of the drill's own, which delivers to the queue.
    pub(super) async fn add_rule(
        &mut self,
        bus: &str,
        pattern: &str,
    ) -> Result<Source, ChangeError> {
        let wanted = (bus.to_owned(), pattern.to_owned());
        let known = self.rules.iter().position(|known| *known == wanted);
        let number = known.unwrap_or(self.rules.len()) + 1;
        let name = format!("firedrill-{}-{number}", self.context.run_id);
        let (bus_name, pattern_text) = wanted.clone();
        let source = Source::Rule { bus: bus_name, name: name.clone(), pattern: pattern_text };
        if known.is_some() {
            return Ok(source);
        }
        self.rules.push(wanted);
        let undo = Undo::DeleteRule { bus: bus.to_owned(), name: name.clone() };
        let recorder = self.context.recorder;
        let ids = || ids([("rule", &name), ("bus", bus)]);
        let intent = recorder.intent(None, Purpose::Listen, "events:PutRule", Some(undo))?;
        let put = self.put_rule(&name, bus, pattern).await;
        recorder.receipt(intent, put.as_ref().map(|()| ids()));
        put?;
        // An intent of its own: were its refusal the answer to the rule, the rule would be left behind.
        let intent = recorder.intent(None, Purpose::Listen, "events:PutTargets", None)?;
        let put = self.put_target(&name, bus).await;
        recorder.receipt(intent, put.as_ref().map(|()| ids()));
        put?;
        Ok(source)
    }

    async fn put_rule(&self, name: &str, bus: &str, pattern: &str) -> Result<(), CallError> {
        let events = &self.context.aws.events;
        let tag = Tag::builder().key("firedrill:run").value(self.context.run_id).build();
        let tag = tag.map_err(|error| incomplete("events:PutRule", &error))?;
        let sent = events
            .put_rule()
            .name(name)
            .event_bus_name(bus)
            .event_pattern(pattern)
            .state(RuleState::Enabled)
            .tags(tag)
            .send()
            .await;
        sent.map_err(|error| CallError::of("events:PutRule", &error))?;
        Ok(())
    }

    async fn put_target(&self, name: &str, bus: &str) -> Result<(), CallError> {
        let events = &self.context.aws.events;
        let target = Target::builder().id(LISTENER_TARGET).arn(self.names.queue_arn()).build();
        let target = target.map_err(|error| incomplete("events:PutTargets", &error))?;
        let answer = events
            .put_targets()
            .rule(name)
            .event_bus_name(bus)
            .targets(target)
            .send()
            .await
            .map_err(|error| CallError::of("events:PutTargets", &error))?;
        match answer.failed_entries().first() {
            None => Ok(()),
            Some(entry) => Err(CallError {
                kind: CallErrorKind::Refused,
                operation: "events:PutTargets",
                code: entry.error_code.clone(),
                message: entry.error_message.clone().unwrap_or_default(),
            }),
        }
    }

    /// Answers the subscription's ARN.
    async fn subscribe(&mut self, topic: &str) -> Result<String, ChangeError> {
        if let Some((_, arn)) = self.topics.iter().find(|(known, _)| known == topic) {
            return Ok(arn.clone());
        }
        let endpoint = self.names.queue_arn();
        let undo = Undo::Unsubscribe { topic: topic.to_owned(), endpoint: endpoint.clone() };
        let recorder = self.context.recorder;
        let intent = recorder.intent(None, Purpose::Listen, "sns:Subscribe", Some(undo))?;
        let sent = self
            .context
            .aws
            .sns
            .subscribe()
            .topic_arn(topic)
            .protocol("sqs")
            .endpoint(endpoint)
            .return_subscription_arn(true)
            .send()
            .await;
        let answer = recorder.heard(intent, "sns:Subscribe", sent)?;
        let arn = answer.subscription_arn.unwrap_or_default();
        recorder.receipt(intent, Ok(ids([("subscription", &arn)])));
        self.topics.push((topic.to_owned(), arn.clone()));
        Ok(arn)
    }
}

fn incomplete(operation: &'static str, error: &dyn std::error::Error) -> CallError {
    let message = error.to_string();
    CallError { kind: CallErrorKind::Refused, operation, code: None, message }
}
