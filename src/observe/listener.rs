//! The drill's own queue: events that match a pattern, and messages on a topic.
//!
//! Main types: [`Listener`] (what stands in the account while a drill runs) and [`Matches`]. One queue per
//! drill, fed by one temporary rule per pattern and one subscription per topic; everything is named after
//! the run id and announced before it is made. Messages are left in the queue (it goes away with the
//! drill), so nothing is lost between reading and recording. A listener rule proves that an event matched
//! the pattern on that bus, not that the real rule acted: the rule's own metrics say that.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Seen, Watch, mailbox};
use crate::aws::CallError;
use crate::context::{ChangeError, Context, LISTENER_TARGET, ids, topic_arn};
use crate::pattern::Pattern;
use crate::plan::{Kind, PlannedExpectation};
use crate::scenario::types::Correlation;
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// Delivery from a bus or a topic to the queue takes up to this long.
const LAG: SignedDuration = SignedDuration::from_secs(5);

/// The queue keeps a message hidden for this long once it was given out. What was read is deleted; what
/// was given out in an answer that never arrived comes back.
pub(super) const VISIBILITY_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

/// The queue forgets messages after this long: what a crash leaves behind empties itself.
const RETENTION_SECONDS: &str = "3600";

/// What the drill listens with.
#[derive(Debug)]
pub struct Listener {
    queue: String,
    subjects: Vec<Subject>,
}

/// One expectation that is seen through the queue.
#[derive(Debug)]
struct Subject {
    expectation: String,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// An event that matches.
    Event(Box<Pattern>),
    /// An event that matches a real rule's pattern: evidence for the rule's poller.
    RuleMatch(Box<Pattern>),
    /// A message on a topic.
    Message { topic: String, contains: Option<String> },
}

/// Events that matched the pattern of a rule under watch.
#[derive(Debug, Default)]
pub(super) struct Matches(Mutex<Vec<RuleMatch>>);

/// One event that matched a rule's pattern.
#[derive(Debug, Clone)]
pub(super) struct RuleMatch {
    pub(super) expectation: String,
    pub(super) at: Timestamp,
    pub(super) event: String,
    pub(super) payload: String,
    /// The minute of the rule's metrics that it was counted in.
    minute: Option<Timestamp>,
}

impl Matches {
    fn add(&self, found: RuleMatch) {
        self.0.lock().expect("no poller panics while it adds").push(found);
    }

    /// The matches of this expectation that belong to a minute of the rule's metrics, in order. One that
    /// was given to an earlier minute is not given again.
    pub(super) fn of_minute(&self, expectation: &str, minute: Timestamp) -> Vec<RuleMatch> {
        let until = minute + SignedDuration::from_mins(1) + LAG;
        let mut matches = self.0.lock().expect("no poller panics while it reads");
        for found in matches.iter_mut() {
            let fits = found.at >= minute && found.at < until;
            if found.expectation == expectation && fits && found.minute.is_none() {
                found.minute = Some(minute);
            }
        }
        let of_minute =
            |found: &&RuleMatch| found.expectation == expectation && found.minute == Some(minute);
        matches.iter().filter(of_minute).cloned().collect()
    }
}

/// What a queue, its policy, its rules and its subscriptions are named after.
struct Names<'a> {
    run_id: &'a str,
    account: &'a str,
    region: &'a str,
    partition: &'a str,
}

impl<'a> Names<'a> {
    fn new(context: &Context<'a>) -> Self {
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

    fn queue_arn(&self) -> String {
        let Names { account, region, partition, .. } = self;
        format!("arn:{partition}:sqs:{region}:{account}:{}", self.queue())
    }

    fn topic_arn(&self, topic: &str) -> String {
        topic_arn(self.partition, self.region, self.account, topic)
    }

    /// Only the drill's own rules and the topics that it listens to may send to the queue.
    fn policy(&self, topics: &[String]) -> String {
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

/// Whether an expectation is seen through the queue.
fn listens(expectation: &PlannedExpectation) -> bool {
    match expectation.kind {
        Kind::Event { .. } | Kind::Notification { .. } | Kind::Rule { .. } => true,
        Kind::Alarm { .. }
        | Kind::Runbook { .. }
        | Kind::CodeDeployRollback { .. }
        | Kind::Experiment { .. }
        | Kind::Finding(_)
        | Kind::OpsItem(_)
        | Kind::Incident(_)
        | Kind::Queue { .. }
        | Kind::Deployment { .. }
        | Kind::Log { .. }
        | Kind::Execution { .. }
        | Kind::Http { .. } => false,
    }
}

impl Listener {
    /// Builds what the plan needs to listen with here; nothing if it needs nothing.
    ///
    /// # Errors
    /// A call failed or the record could not be written; what was made so far is in the record.
    pub async fn arm(watch: &Watch<'_>, context: Context<'_>) -> Result<Option<Self>, ChangeError> {
        let expectations: Vec<&PlannedExpectation> =
            watch.expectations().filter(|expectation| listens(expectation)).collect();
        if expectations.is_empty() {
            return Ok(None);
        }
        let names = Names::new(&context);
        let topics: BTreeSet<String> = expectations
            .iter()
            .filter_map(|expectation| {
                let Kind::Notification { topic, .. } = &expectation.kind else { return None };
                Some(names.topic_arn(topic))
            })
            .collect();
        let topics: Vec<String> = topics.into_iter().collect();
        let queue = create_queue(context, &names, &topics).await?;
        let mut builder = Builder { context, names, rules: Vec::new(), topics: Vec::new() };
        let mut subjects = Vec::new();
        for expectation in &expectations {
            if let Some(wanted) = builder.listen_for(expectation).await? {
                subjects.push(Subject { expectation: expectation.id.clone(), wanted });
            }
        }
        Ok(Some(Self { queue, subjects }))
    }
}

async fn create_queue(
    context: Context<'_>,
    names: &Names<'_>,
    topics: &[String],
) -> Result<String, ChangeError> {
    let undo = Undo::DeleteQueue { name: names.queue() };
    let intent = context.recorder.intent(None, Purpose::Listen, "sqs:CreateQueue", Some(undo))?;
    let hidden = VISIBILITY_TIMEOUT.as_secs().to_string();
    let sent = context
        .aws
        .sqs
        .create_queue()
        .queue_name(names.queue())
        .attributes(QueueAttributeName::Policy, names.policy(topics))
        .attributes(QueueAttributeName::VisibilityTimeout, hidden)
        .attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS)
        .tags("firedrill:run", context.run_id)
        .send()
        .await;
    let answer = context.recorder.heard(intent, "sqs:CreateQueue", sent)?;
    let url = answer.queue_url.unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("url", &url)])));
    Ok(url)
}

/// Adds rules and subscriptions, each once.
struct Builder<'a> {
    context: Context<'a>,
    names: Names<'a>,
    /// Bus and pattern of the rules so far.
    rules: Vec<(String, String)>,
    topics: Vec<String>,
}

impl Builder<'_> {
    async fn listen_for(
        &mut self,
        expectation: &PlannedExpectation,
    ) -> Result<Option<Wanted>, ChangeError> {
        match &expectation.kind {
            Kind::Event { bus, pattern } => {
                let parsed = parse(pattern)?;
                self.add_rule(bus, pattern).await?;
                Ok(Some(Wanted::Event(Box::new(parsed))))
            }
            Kind::Rule { name, bus, .. } => {
                let Some(pattern) = self.pattern_of(name, bus).await? else { return Ok(None) };
                let parsed = parse(&pattern)?;
                self.add_rule(bus, &pattern).await?;
                Ok(Some(Wanted::RuleMatch(Box::new(parsed))))
            }
            Kind::Notification { topic, contains } => {
                let topic = self.names.topic_arn(topic);
                self.subscribe(&topic).await?;
                Ok(Some(Wanted::Message { topic, contains: contains.clone() }))
            }
            Kind::Alarm { .. }
            | Kind::Runbook { .. }
            | Kind::CodeDeployRollback { .. }
            | Kind::Experiment { .. }
            | Kind::Finding(_)
            | Kind::OpsItem(_)
            | Kind::Incident(_)
            | Kind::Queue { .. }
            | Kind::Deployment { .. }
            | Kind::Log { .. }
            | Kind::Execution { .. }
            | Kind::Http { .. } => Ok(None),
        }
    }

    /// The pattern of a real rule; nothing for a scheduled one.
    async fn pattern_of(&self, name: &str, bus: &str) -> Result<Option<String>, ChangeError> {
        let answer = self
            .context
            .aws
            .events
            .describe_rule()
            .name(name)
            .event_bus_name(bus)
            .send()
            .await
            .map_err(|error| CallError::of("events:DescribeRule", &error))?;
        Ok(answer.event_pattern)
    }

    async fn add_rule(&mut self, bus: &str, pattern: &str) -> Result<(), ChangeError> {
        let wanted = (bus.to_owned(), pattern.to_owned());
        if self.rules.contains(&wanted) {
            return Ok(());
        }
        self.rules.push(wanted);
        let name = format!("firedrill-{}-{}", self.context.run_id, self.rules.len());
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
        Ok(put?)
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
                kind: crate::aws::CallErrorKind::Refused,
                operation: "events:PutTargets",
                code: entry.error_code.clone(),
                message: entry.error_message.clone().unwrap_or_default(),
            }),
        }
    }

    async fn subscribe(&mut self, topic: &str) -> Result<(), ChangeError> {
        if self.topics.iter().any(|known| known == topic) {
            return Ok(());
        }
        self.topics.push(topic.to_owned());
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
        Ok(())
    }
}

fn incomplete(operation: &'static str, error: &dyn std::error::Error) -> CallError {
    let message = error.to_string();
    CallError { kind: crate::aws::CallErrorKind::Refused, operation, code: None, message }
}

fn parse(pattern: &str) -> Result<Pattern, ChangeError> {
    Pattern::parse(pattern)
        .map_err(|error| ChangeError::NoEffect(format!("event pattern {pattern}: {error}")))
}

/// Reads the queue. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, listener: &Listener, matches: &Matches) {
    let expectations: Vec<String> = listener
        .subjects
        .iter()
        .filter(|subject| !matches!(subject.wanted, Wanted::RuleMatch(_)))
        .map(|subject| subject.expectation.clone())
        .collect();
    let mut told = BTreeSet::new();
    let mut lost = None;
    watch
        .keep_looking("listener queue", Topic::Messages, LAG, &expectations, async || {
            let read = |message: &Message| read(watch, listener, matches, &mut told, message);
            let received = mailbox::receive(watch, &listener.queue, read).await;
            mailbox::without_doubt(watch.clock().now(), received, &mut lost)
        })
        .await;
}

/// The envelope that SNS puts around a message for a queue.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: Timestamp,
    #[serde(default)]
    message_attributes: Value,
}

fn read(
    watch: &Watch<'_>,
    listener: &Listener,
    matches: &Matches,
    told: &mut BTreeSet<(String, String)>,
    message: &Message,
) {
    let body = message.body().unwrap_or_default();
    if let Ok(envelope) = serde_json::from_str::<Envelope>(body)
        && envelope.kind == "Notification"
    {
        read_notification(watch, listener, told, &envelope);
        return;
    }
    let sent = message
        .attributes()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|text| text.parse::<i64>().ok())
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .unwrap_or_else(|| watch.clock().now());
    read_event(watch, listener, matches, told, body, sent);
}

fn read_event(
    watch: &Watch<'_>,
    listener: &Listener,
    matches: &Matches,
    told: &mut BTreeSet<(String, String)>,
    body: &str,
    sent: Timestamp,
) {
    let Ok(event) = serde_json::from_str::<Value>(body) else { return };
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    for subject in &listener.subjects {
        let (pattern, for_rule) = match &subject.wanted {
            Wanted::Event(pattern) => (pattern, false),
            Wanted::RuleMatch(pattern) => (pattern, true),
            Wanted::Message { .. } => continue,
        };
        // One event arrives once per listener rule that it matches; it is told once per expectation.
        if !pattern.matches(body).unwrap_or(false)
            || !told.insert((subject.expectation.clone(), text("id")))
        {
            continue;
        }
        if for_rule {
            matches.add(RuleMatch {
                expectation: subject.expectation.clone(),
                at: sent,
                event: text("id"),
                payload: body.to_owned(),
                minute: None,
            });
            continue;
        }
        let summary = format!("event {} from {} arrived", text("detail-type"), text("source"));
        let seen = Seen::new(&subject.expectation, sent, summary)
            .with("event", text("id"))
            .with("source", text("source"))
            .with("detail-type", text("detail-type"))
            .with("time", text("time"));
        watch.saw(seen, body);
    }
}

fn read_notification(
    watch: &Watch<'_>,
    listener: &Listener,
    told: &mut BTreeSet<(String, String)>,
    envelope: &Envelope,
) {
    let subject_line = envelope.subject.as_deref().unwrap_or_default();
    for subject in &listener.subjects {
        let Wanted::Message { topic, contains } = &subject.wanted else { continue };
        let wanted = contains
            .as_deref()
            .is_none_or(|text| envelope.message.contains(text) || subject_line.contains(text));
        if *topic != envelope.topic_arn
            || !wanted
            || !told.insert((subject.expectation.clone(), envelope.message_id.clone()))
        {
            continue;
        }
        let summary = match subject_line {
            "" => format!("message on {}", short(topic)),
            line => format!("message on {}: {line}", short(topic)),
        };
        let seen = Seen::new(&subject.expectation, envelope.timestamp, summary)
            .with("message", &envelope.message_id)
            .with("topic", topic)
            .with("subject", subject_line);
        // A message that the drill published itself is known by its id, or by the marker among its
        // attributes.
        let correlated = format!(
            "{} {subject_line} {} {}",
            envelope.message_id, envelope.message, envelope.message_attributes
        );
        watch.saw(seen, &correlated);
    }
}

/// The last part of an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The weakest correlation is all that a shared metric can give.
pub(super) const METRIC_CORRELATION: Correlation = Correlation::Window;
