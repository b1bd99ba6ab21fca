//! Whether what the drill listens with still stands: a clean-up job or AWS Config may disable its rule, close
//! its queue or cancel its subscription while the drill runs, and what is then not heard is not absent.
//!
//! Main types: [`Standing`], what was made, and [`Hearing`], what is known of it. It is read back when it
//! was made and whenever a look reaches the end of a window; what was heard needs none of it. Invariants:
//! nothing counts as not heard up to a moment unless what would have heard it was read back after that
//! moment; what was found changed once counts as deaf for the rest of the drill. What is changed and
//! changed back between two ends of windows is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::join;
use jiff::Timestamp;
use serde_json::Value;

use super::super::{After, Watch, told};
use crate::aws::{Aws, CallError, CallErrorKind, subscriptions};
use crate::context::{ChangeError, Place};
use crate::timeline::TargetKind;

/// What decides whether a message gets into the queue, and is still there when it is read.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
const SETTINGS: &[QueueAttributeName] = &[
    QueueAttributeName::Policy,
    QueueAttributeName::DelaySeconds,
    QueueAttributeName::KmsMasterKeyId,
    QueueAttributeName::MaximumMessageSize,
    QueueAttributeName::MessageRetentionPeriod,
    QueueAttributeName::RedrivePolicy,
    QueueAttributeName::VisibilityTimeout,
];

/// How often what was just made is looked for, and the pause between: reads may be behind a little.
const TRIES: u32 = 5;

const PAUSE: Duration = Duration::from_secs(2);

/// A topic with more pages of subscriptions than this is not searched to its end.
const MOST_PAGES: usize = 100;

/// What was made to listen with.
#[derive(Debug)]
pub(super) struct Standing {
    url: String,
    queue_arn: String,
    settings: Settings,
    parts: Vec<Part>,
    /// Until here it surely stood.
    since: Timestamp,
}

/// The queue's attributes that matter, by name; one that is empty is not set.
type Settings = BTreeMap<&'static str, String>;

/// A rule or a subscription.
#[derive(Debug)]
struct Part {
    source: Source,
    /// The expectations of which it alone shows that nothing happened.
    serves: Vec<String>,
}

/// What feeds the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A rule of ours.
    Rule { bus: String, name: String, pattern: String },
    /// A subscription of ours.
    Subscription { topic: String, arn: String },
}

impl Standing {
    pub(super) fn new(url: &str, queue_arn: String, since: Timestamp) -> Self {
        let (url, settings) = (url.to_owned(), Settings::new());
        Self { url, queue_arn, settings, parts: Vec::new(), since }
    }

    /// The expectations of which it shows that nothing happened.
    fn all(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().flat_map(|part| &part.serves)
    }

    /// This feeds the queue, and shows this expectation where one is given.
    pub(super) fn add(&mut self, source: Source, serves: Option<&str>) {
        let known = self.parts.iter().position(|part| part.source == source);
        let part = known.unwrap_or_else(|| {
            self.parts.push(Part { source, serves: Vec::new() });
            self.parts.len() - 1
        });
        self.parts[part].serves.extend(serves.map(str::to_owned));
    }

    /// Makes sure that what was made stands, before anything is injected. A server that lacks what reads it
    /// back may still show what does happen.
    pub(super) async fn make_sure(
        &mut self,
        place: &Place,
        policy: &str,
    ) -> Result<(), ChangeError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match self.found_as_made(place, policy).await {
                Ok(None) => return Ok(()),
                Err(error) if error.kind == CallErrorKind::Unsupported => return Ok(()),
                Err(error) if error.kind == CallErrorKind::Denied => return Err(error.into()),
                Ok(Some(why)) => ChangeError::NoEffect(format!("{why}, right after it was made")),
                Err(error) => error.into(),
            };
            if tries == TRIES {
                return Err(failed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads everything back for the first time; answers what is not as it was made.
    async fn found_as_made(
        &mut self,
        place: &Place,
        policy: &str,
    ) -> Result<Option<String>, CallError> {
        let aws = &place.aws;
        self.settings = settings(aws, &self.url).await?;
        // A server that only speaks like SQS may keep no policy, and then heeds none.
        let keeps_none = place.target.kind == TargetKind::Endpoint;
        let kept = self.settings.get(QueueAttributeName::Policy.as_str());
        if !kept.map_or(keeps_none, |kept| is_same(kept, policy)) {
            return Ok(Some("the Policy of the drill's queue was changed".to_owned()));
        }
        for part in &self.parts {
            if let Some(why) = self.changed(aws, &part.source).await? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// What each part is like now, with the expectations that it shows. The queue shows them all.
    async fn read_back(&self, aws: &Aws) -> Vec<(Vec<String>, Result<Option<String>, CallError>)> {
        let serving = || self.parts.iter().filter(|part| !part.serves.is_empty());
        let all = self.all().cloned().collect();
        let mut found = Vec::new();
        for part in serving() {
            found.push((part.serves.clone(), self.changed(aws, &part.source).await));
        }
        found.push((all, self.queue_changed(aws).await));
        found
    }

    /// What somebody changed about the queue, if anything.
    async fn queue_changed(&self, aws: &Aws) -> Result<Option<String>, CallError> {
        let found = settings(aws, &self.url).await?;
        let (before, none) = (&self.settings, String::new());
        let names = SETTINGS.iter().map(QueueAttributeName::as_str);
        let changed: Vec<&str> = names
            .filter(|name| {
                let [was, is] = [before, &found].map(|known| known.get(name).unwrap_or(&none));
                !is_same(was, is)
            })
            .collect();
        let words = changed.join(" and the ");
        let told = || format!("the {words} of the drill's queue was changed");
        Ok((!changed.is_empty()).then(told))
    }

    /// What somebody changed about a rule or a subscription, if anything.
    async fn changed(&self, aws: &Aws, source: &Source) -> Result<Option<String>, CallError> {
        match source {
            Source::Rule { bus, name, pattern } => {
                let what = self.rule_changed(aws, (bus, name), pattern).await?;
                Ok(what.map(|what| format!("the listener's rule {name} {what}")))
            }
            Source::Subscription { topic, arn } => self.subscription_changed(aws, topic, arn).await,
        }
    }

    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html>,
    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html>.
    async fn rule_changed(
        &self,
        aws: &Aws,
        (bus, name): (&str, &str),
        pattern: &str,
    ) -> Result<Option<&'static str>, CallError> {
        let targets = aws.events.list_targets_by_rule().rule(name).event_bus_name(bus).send();
        let (rule, targets) = join(aws.rule(bus, name), targets).await;
        let rule = match rule {
            Ok(rule) => rule,
            Err(error) if error.is_not_found() => return Ok(Some("was deleted")),
            Err(error) => return Err(error),
        };
        let targets = targets.map_err(|error| CallError::of("events:ListTargetsByRule", &error))?;
        let ours = targets.targets().iter().find(|target| target.arn() == self.queue_arn);
        let is_same = |found: String| is_same(&found, pattern);
        Ok(if !rule.enabled {
            Some("was disabled")
        } else if !rule.pattern.is_some_and(is_same) {
            Some("was given another event pattern")
        } else {
            match ours {
                None => Some("was kept from delivering to the drill's queue"),
                Some(target) if is_altered(target) => Some("was made to alter what it delivers"),
                Some(_) => None,
            }
        })
    }

    /// A topic that was deleted is no longer that of its subscriptions, even where it was made again; they
    /// themselves may still be found for a while.
    ///
    /// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>.
    async fn subscription_changed(
        &self,
        aws: &Aws,
        topic: &str,
        arn: &str,
    ) -> Result<Option<String>, CallError> {
        let subscribed = subscriptions::of_endpoint(aws, topic, &self.queue_arn, MOST_PAGES);
        let found = match subscribed.await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => {
                return Ok(Some(format!("the topic {topic} was deleted")));
            }
            Err(error) => return Err(error),
        };
        let of = |what: &str| Some(format!("the listener's subscription to {topic} {what}"));
        let Some(found) = found.filter(|found| arn.is_empty() || found == arn) else {
            return Ok(of("was cancelled"));
        };
        let sent = aws.sns.get_subscription_attributes().subscription_arn(found).send().await;
        let answer = sent.map_err(|error| CallError::of("sns:GetSubscriptionAttributes", &error));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_not_found() => return Ok(of("was cancelled")),
            Err(error) => return Err(error),
        };
        let attribute = |name: &str| {
            let value = answer.attributes().and_then(|attributes| attributes.get(name));
            value.map(|value| value.trim().to_lowercase()).unwrap_or_default()
        };
        let filter = attribute("FilterPolicy");
        Ok(if attribute("PendingConfirmation") == "true" {
            of("was made to wait for a confirmation")
        } else if !filter.is_empty() && filter != "{}" {
            of("was given a filter policy")
        } else if attribute("RawMessageDelivery") == "true" {
            of("was made raw")
        } else {
            None
        })
    }
}

/// What is known of what the drill listens with.
#[derive(Debug)]
pub(super) struct Hearing<'a> {
    /// Nothing where nothing that is heard is evidence.
    standing: Option<&'a Standing>,
    /// What was not heard up to here did not come.
    pub(super) through: Timestamp,
    /// Expectations of which something may not have been heard.
    deaf: BTreeSet<String>,
    /// How many times in a row something could not be read back.
    failures: u32,
}

impl<'a> Hearing<'a> {
    /// It stood when it was made.
    pub(super) fn new(standing: Option<&'a Standing>, since: Timestamp) -> Self {
        let through = standing.map_or(since, |standing| standing.since);
        Self { standing, through, deaf: BTreeSet::new(), failures: 0 }
    }

    /// Reads back what is listened with, where somebody waits for a look that reaches a moment up to
    /// `through`: what it does not show to stand is blind.
    pub(super) async fn confirm(&mut self, watch: &Watch<'_>, through: Timestamp) -> After {
        let Some(standing) = self.standing else {
            self.through = through;
            return After::Success;
        };
        // Windows close by AWS's clock.
        let by_aws = |at: Timestamp| at - watch.ahead();
        let is_awaited = watch.pace.awaits(Some(by_aws(self.through)), by_aws(through));
        if self.failures == 0 && !is_awaited {
            return After::Success;
        }
        let mut unknown = BTreeSet::new();
        let mut again = false;
        for (serves, found) in standing.read_back(watch.aws).await {
            match found {
                Ok(None) => {}
                Ok(Some(what)) => {
                    let way_out =
                        "keep clean-up jobs and the like away from what is named firedrill-*";
                    let why = format!("{what} by somebody during the drill ({way_out})");
                    watch.deafen(&serves, why);
                    self.deaf.extend(serves);
                }
                Err(error) => {
                    watch.deafen(&serves, told(&error));
                    again |= error.kind != CallErrorKind::Unsupported;
                    unknown.extend(serves);
                }
            }
        }
        let heard = |one: &&String| !self.deaf.contains(*one) && !unknown.contains(*one);
        let heard: Vec<String> = standing.all().filter(heard).cloned().collect();
        watch.set_deaf(&heard, false);
        self.through = through;
        self.failures = if again { self.failures + 1 } else { 0 };
        if again { After::Failures(self.failures) } else { After::Success }
    }
}

impl Watch<'_> {
    /// Notes that these are blind until they are heard again, whatever else looks at them.
    fn deafen(&self, expectations: &[String], reason: String) {
        self.blind_because(expectations, || reason);
        self.set_deaf(expectations, true);
    }

    fn set_deaf(&self, expectations: &[String], deaf: bool) {
        self.set_sight(expectations, |entry| entry.deaf = deaf);
    }
}

/// The attributes of the queue that matter.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
async fn settings(aws: &Aws, url: &str) -> Result<Settings, CallError> {
    let asked = aws.sqs.get_queue_attributes().queue_url(url);
    let sent = asked.attribute_names(QueueAttributeName::All).send().await;
    let answer = sent.map_err(|error| CallError::of("sqs:GetQueueAttributes", &error))?;
    let found = answer.attributes.unwrap_or_default();
    let of = |name: &QueueAttributeName| found.get(name).filter(|value| !value.is_empty()).cloned();
    Ok(SETTINGS.iter().filter_map(|name| Some((name.as_str(), of(name)?))).collect())
}

/// Whether it no longer gets the event as it is.
fn is_altered(target: &Target) -> bool {
    target.input().is_some()
        || target.input_path().is_some()
        || target.input_transformer().is_some()
}

/// The same text, or the same JSON.
fn is_same(one: &str, other: &str) -> bool {
    let json = |text| serde_json::from_str::<Value>(text).ok();
    one == other || json(one).is_some_and(|one| Some(one) == json(other))
}
