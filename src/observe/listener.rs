//! The drill's own queue: events that match a pattern, messages on a topic, and events that say that it is
//! time to look.
//!
//! Main types: [`Listener`] (what stands in the account while a drill runs) and [`Matches`]. One queue per
//! drill and place, fed by one temporary rule per pattern, one subscription per topic, and one rule for all
//! wake-ups where looks come at a cadence; everything is named after the run id and announced before it is
//! made. A listener rule proves that an event matched the pattern on that bus, not that the real rule
//! acted: the rule's own metrics say that. Where the account has no such thing as a rule or a queue, what
//! only wakes is done without; where it is denied, the drill is refused, since the policy has it.

mod build;
mod standing;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use self::build::{Builder, Names, create_queue, known_rules};
use self::standing::{Hearing, Standing};
use super::mailbox::{self, Mailbox};
use super::wakeups::WakeUps;
use super::{After, Looking, Seen, Watch};
use crate::aws::{CallError, CallErrorKind};
use crate::context::{ChangeError, Context};
use crate::pattern::Pattern;
use crate::plan::{Kind, PlannedExpectation, WakeUpRule};
use crate::scenario::types::Correlation;
use crate::timeline::TargetKind;
use crate::wakeup::Topic;

/// What the record calls the poller of the queue.
const OBSERVER: &str = "listener queue";

/// Delivery from a bus or a topic to the queue takes up to this long.
const LAG: SignedDuration = SignedDuration::from_secs(5);

/// What the drill listens with.
#[derive(Debug)]
pub struct Listener {
    mailbox: Mailbox,
    subjects: Vec<Subject>,
    wake_ups: WakeUps,
    /// What is read back; nothing where all that comes only wakes.
    standing: Option<Standing>,
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

impl Wanted {
    /// Whether what does not come counts: the count of a rule's metric shows less of a rule than the event
    /// does, and no less than an expectation asks for that is content with it.
    fn is_proof_for(&self, expectation: &PlannedExpectation) -> bool {
        match self {
            Self::Event(_) | Self::Message { .. } => true,
            Self::RuleMatch(_) => expectation.correlation > METRIC_CORRELATION,
        }
    }
}

/// Events that matched the pattern of a rule under watch.
#[derive(Debug, Default)]
pub(super) struct Matches {
    found: Mutex<Vec<RuleMatch>>,
    sight: Mutex<Sight>,
}

/// How far the queue has been read.
#[derive(Debug, Default)]
struct Sight {
    /// A look is on its way.
    looking: bool,
    /// Everything before this has been read; nothing before the first look.
    through: Option<Timestamp>,
    /// Why the last look failed.
    blind: Option<CallError>,
}

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
        self.found.lock().expect("no poller panics while it adds").push(found);
    }

    /// Why an event of before this moment may still turn up, if it may.
    pub(super) fn may_lack(&self, watch: &Watch<'_>, moment: Timestamp) -> Option<CallError> {
        let sight = self.sight.lock().expect("no poller panics while it reads");
        if let Some(blind) = &sight.blind {
            return Some(blind.clone());
        }
        // Where nobody rings, nothing is known of a moment until a look after it; where somebody does, a
        // look that is not on its way has nothing to show.
        let behind = if watch.pace.is_paced() {
            sight.through.is_some_and(|through| through < moment)
        } else {
            sight.looking
        };
        let why = "has not shown yet which event it was";
        behind.then(|| CallError::unusable("sqs:ReceiveMessage", why))
    }

    fn looks(&self) {
        self.sight.lock().expect("no poller panics while it notes").looking = true;
    }

    fn looked(&self, through: Timestamp, outcome: Result<(), &CallError>) {
        let mut sight = self.sight.lock().expect("no poller panics while it notes");
        sight.looking = false;
        sight.blind = outcome.err().cloned();
        if sight.blind.is_none() {
            sight.through = Some(through);
        }
    }

    /// Everything that matched for this expectation, as it came.
    pub(super) fn of(&self, expectation: &str) -> Vec<RuleMatch> {
        let matches = self.found.lock().expect("no poller panics while it reads");
        matches.iter().filter(|found| found.expectation == expectation).cloned().collect()
    }

    /// What an event held that matched for this expectation.
    pub(super) fn of_event(&self, expectation: &str, event: &str) -> Option<String> {
        let matches = self.found.lock().expect("no poller panics while it reads");
        let mut of_it = matches.iter().filter(|found| found.expectation == expectation);
        of_it.find(|found| found.event == event).map(|found| found.payload.clone())
    }

    /// The matches of this expectation that belong to a minute of the rule's metrics, in order. One that
    /// was given to an earlier minute is not given again.
    pub(super) fn of_minute(&self, expectation: &str, minute: Timestamp) -> Vec<RuleMatch> {
        let until = minute + SignedDuration::from_mins(1) + LAG;
        let mut matches = self.found.lock().expect("no poller panics while it reads");
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

/// Whether an expectation is seen through the queue.
fn listens(expectation: &PlannedExpectation) -> bool {
    matches!(expectation.kind, Kind::Event { .. } | Kind::Notification { .. } | Kind::Rule { .. })
}

impl Listener {
    /// Builds what the plan needs to listen with here; nothing if it needs nothing.
    ///
    /// # Errors
    /// A call failed or the record could not be written; what was made so far is in the record.
    pub async fn arm(watch: &Watch<'_>, context: Context<'_>) -> Result<Option<Self>, ChangeError> {
        let expectations: Vec<&PlannedExpectation> =
            watch.expectations().filter(|expectation| listens(expectation)).collect();
        let rules = if watch.pace.is_paced() {
            watch.plan.wake_up_rules(watch.place.name.as_deref())
        } else {
            Vec::new()
        };
        if !expectations.is_empty() {
            return Self::arm_for(context, &expectations, &rules).await.map(Some);
        }
        if rules.is_empty() {
            return Ok(None);
        }
        // Nothing but wake-ups: what the account does not have is done without.
        match Self::arm_for(context, &[], &rules).await {
            Ok(listener) => Ok((!listener.wake_ups.is_empty()).then_some(listener)),
            Err(error) if is_not_offered(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether anything is seen through the queue alone, so that injecting waits until it delivers.
    pub fn is_evidence(&self) -> bool {
        self.mailbox.evidence
    }

    async fn arm_for(
        context: Context<'_>,
        expectations: &[&PlannedExpectation],
        rules: &[WakeUpRule],
    ) -> Result<Self, ChangeError> {
        let names = Names::new(&context);
        let topics: BTreeSet<String> = expectations
            .iter()
            .filter_map(|expectation| {
                let Kind::Notification { topic, .. } = &expectation.kind else { return None };
                Some(names.topic_arn(topic))
            })
            .collect();
        let topics: Vec<String> = topics.into_iter().collect();
        let evidence = !expectations.is_empty();
        let url = create_queue(context, &names, &topics, evidence).await?;
        let mailbox = Mailbox { url, evidence };
        let known = known_rules(&context, expectations).await;
        let mut standing = Standing::new(&mailbox.url, names.queue_arn(), context.clock().now());
        let policy = names.policy(&topics);
        let mut builder = Builder { context, names, rules: Vec::new(), topics: Vec::new(), known };
        let mut subjects = Vec::new();
        for expectation in expectations {
            if let Some((wanted, source)) = builder.listen_for(expectation).await? {
                let is_proof = wanted.is_proof_for(expectation);
                standing.add(source, is_proof.then_some(expectation.id.as_str()));
                subjects.push(Subject { expectation: expectation.id.clone(), wanted });
            }
        }
        let mut wake_ups = WakeUps::default();
        for rule in rules {
            match builder.add_rule("default", &rule.pattern).await {
                Ok(_rule) => wake_ups.add(&rule.wake_ups)?,
                // The receipt says why; the cadence goes on.
                Err(error) if is_not_offered(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if evidence {
            standing.make_sure(context.place, &policy).await?;
        }
        let standing = evidence.then_some(standing);
        Ok(Self { mailbox, subjects, wake_ups, standing })
    }
}

/// Whether the account does not have what was asked for, rather than keeping it from us.
fn is_not_offered(error: &ChangeError) -> bool {
    match error {
        ChangeError::Call(error) => match error.kind {
            CallErrorKind::Refused | CallErrorKind::Unsupported | CallErrorKind::NotFound => true,
            CallErrorKind::Throttled | CallErrorKind::Denied | CallErrorKind::Unreachable => false,
        },
        ChangeError::Record(_) | ChangeError::NoEffect(_) => false,
    }
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
    let look = async |wait: Duration| {
        let read = |message: &Message| read(watch, listener, matches, &mut told, message);
        matches.looks();
        let received = listener.mailbox.receive(watch, wait, read).await;
        let now = watch.clock().now();
        let sure = mailbox::without_doubt(now, received, &mut lost);
        matches.looked(now - LAG, sure.as_ref().map(|_any| ()));
        sure
    };
    keep_waiting(watch, listener, &expectations, look).await;
}

/// One look after the other: at the pace of an account that rings by itself and shows all that it holds at
/// once, else one long poll after the other, so that a message is read when it comes. Never returns.
async fn keep_waiting(
    watch: &Watch<'_>,
    listener: &Listener,
    expectations: &[String],
    mut look: impl AsyncFnMut(Duration) -> Result<bool, CallError>,
) {
    let is_paced = watch.pace.is_paced();
    let (mut looking, mut looked) = (Looking::default(), None);
    let mut hearing = Hearing::new(listener.standing.as_ref(), watch.since);
    loop {
        let mark = watch.pace.mark(Topic::Messages);
        let wait = if is_paced { mailbox::patience(watch, LAG, looked) } else { Duration::ZERO };
        let asked = watch.clock().now();
        let received = look(wait).await;
        let now = watch.clock().now();
        let any = received.as_ref().is_ok_and(|any| *any);
        let confirmed = hearing.confirm(watch, now - LAG).await;
        let through = hearing.through;
        let noted = watch.note(OBSERVER, expectations, &mut looking, received.map(|_any| through));
        match (noted, confirmed) {
            (After::Success, After::Success) => {
                looked = Some(through);
                // A server that answers before the time is up does not wait for messages: it is asked at
                // the cadence.
                let waited = Duration::try_from(now.duration_since(asked)).unwrap_or_default();
                if !is_paced || (!any && waited < wait / 2) {
                    watch.rest(Topic::Messages, mark, LAG, through).await;
                }
            }
            (After::Success, after) | (after, _) => watch.recover(after).await,
        }
    }
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
    let topics = listener.wake_ups.told_by(body);
    watch.pace.ring(&topics);
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
        let mut seen = Seen::new(&subject.expectation, sent, summary)
            .with("event", text("id"))
            .with("source", text("source"))
            .with("detail-type", text("detail-type"))
            .with("time", text("time"));
        seen.resolution_ms = resolution_of(watch.place.target.kind, sent);
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
        let mut seen = Seen::new(&subject.expectation, envelope.timestamp, summary)
            .with("message", &envelope.message_id)
            .with("topic", topic)
            .with("subject", subject_line);
        seen.resolution_ms = resolution_of(watch.place.target.kind, envelope.timestamp);
        // A message that the drill published itself is known by its id, or by the marker among its
        // attributes.
        let correlated = format!(
            "{} {subject_line} {} {}",
            envelope.message_id, envelope.message, envelope.message_attributes
        );
        watch.saw(seen, &correlated);
    }
}

/// How exact a message's time is, in milliseconds. AWS tells milliseconds; a server that speaks like it may
/// have cut a whole second down, which is then all that is known.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
/// (`SentTimestamp`), <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>.
fn resolution_of(kind: TargetKind, at: Timestamp) -> u64 {
    match kind {
        TargetKind::Emulator | TargetKind::Aws => 0,
        TargetKind::Endpoint => u64::from(at.subsec_nanosecond() == 0) * 1000,
    }
}

/// The last part of an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The weakest correlation is all that a shared metric can give.
pub(super) const METRIC_CORRELATION: Correlation = Correlation::Window;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cuts_its_times_down_is_exact_to_a_second() {
        let exact = |kind, text: &str| resolution_of(kind, text.parse().expect("a timestamp"));
        let (whole, finer) = ("2026-01-05T09:00:07.000Z", "2026-01-05T09:00:07.001Z");
        assert_eq!(exact(TargetKind::Endpoint, whole), 1000);
        assert_eq!(exact(TargetKind::Endpoint, finer), 0);
        assert_eq!(exact(TargetKind::Aws, whole), 0, "AWS tells milliseconds");
        assert_eq!(exact(TargetKind::Emulator, whole), 0);
    }
}
