//! Drills during which somebody else changes what the drill listens with: what it then does not hear is
//! never called absent, whatever was changed, and the reason says what was.

use std::ops::AsyncFn;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eventbridge::types::{InputTransformer, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use firedrill::aws::Aws;
use firedrill::clock::Clock;
use firedrill::commands::drill::{Finished, emulated_config, emulated_places, rehearse_through};
use firedrill::emulator::Account;
use firedrill::emulator::services::Service;
use firedrill::emulator::transport::Emulator;
use firedrill::judge::{Judgement, Outcome, Verdict, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::recorder::Recorder;
use firedrill::runner::{self, Conduct, Drill, StopSwitch};
use firedrill::wakeup::Pace;
use jiff::SignedDuration;
use serde_json::json;

use crate::between::{between, refuse};
use crate::blindness::deny_after;
use crate::stage;

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  PagerPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Pager]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sns:Publish", Resource: "*"}
  Page:
    Type: AWS::Events::Rule
    Properties: {Name: page, EventPattern: {source: [shop]}, Targets: [{Id: pager, Arn: !Ref Pager}]}
"#;

/// The event of the second fault comes after what somebody else does in the second minute.
const SCENARIO: &str = r"
version: 1
name: somebody-else
faults:
  - {id: before, put_events: {entries: [{source: before, detail-type: opened}]}}
  - {id: sent, at: 3m, put_events: {entries: [{source: SOURCE, detail-type: sold}]}}
expect:
  - {id: came, event: {pattern: {source: [shop]}}, within: 2m, after: sent}
  - {id: never-came, never: {event: {pattern: {source: [shop], detail-type: [sold]}}}, for: 2m, after: sent}
  - {id: told, notification: {topic: pager}, within: 2m, after: sent}
  - {id: never-told, never: {notification: {topic: pager, contains: shop}}, for: 2m, after: sent}
  - {id: matched, rule: {name: page, state: matched}, within: 2m, after: sent, correlation: exact}
";

/// What is seen through a rule of the listener's.
const BY_RULE: [&str; 3] = ["came", "never-came", "matched"];

/// What is seen through its subscription.
const BY_TOPIC: [&str; 2] = ["told", "never-told"];

fn planned(source: &str) -> (Plan, Account) {
    stage::built(&SCENARIO.replace("SOURCE", source), ENVIRONMENT).expect("in order")
}

/// How a drill comes to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Rung,
    Paced,
}

/// Drills while somebody else does this, two minutes in.
fn disturbed(looks: Looks, source: &str, change: impl AsyncFn(&Aws)) -> Judgement {
    let (plan, account) = planned(source);
    let mut accounts = account;
    let mut iam = |operation: &str, input| {
        accounts.call(Service::Iam, operation, input).expect("IAM takes it")
    };
    iam("CreateUser", json!({"UserName": "other"}));
    let all = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    iam("PutUserPolicy", json!({"UserName": "other", "PolicyName": "all", "PolicyDocument": all}));
    let key = iam("CreateAccessKey", json!({"UserName": "other"}));
    let key = key["AccessKey"]["AccessKeyId"].as_str().expect("an id").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    let finished = runtime.block_on(async {
        let clock = Clock::starting_at(accounts.now());
        let identities = [accounts.identity().clone()];
        let (emulator, wakeups) = Emulator::new(accounts, clock);
        let config = |region: &str| emulated_config(&emulator, region, clock);
        let places = emulated_places(&plan, &identities, config).await;
        let other = SharedCredentialsProvider::new(Credentials::from_keys(key, "emulated", None));
        let other = config(&identities[0].region).into_builder().credentials_provider(other);
        let other = Aws::new(&other.build());
        let recorder = Recorder::new(clock, Box::new(|_| Ok(())));
        let (pace, urgency) = match looks {
            Looks::Rung => Pace::on_change(wakeups),
            Looks::Paced => Pace::paced(),
        };
        let drill = Drill {
            plan: &plan,
            places: &places,
            recorder: &recorder,
            pace: &pace,
            urgency: &urgency,
            stop: &StopSwitch::default(),
            settle: Duration::ZERO,
            conduct: Conduct::default(),
        };
        let somebody = async {
            clock.sleep_until(clock.now() + SignedDuration::from_mins(2)).await;
            change(&other).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = Box::pin(runner::run(drill)) => {}
            () = somebody => unreachable!("it goes on for ever"),
            () = emulator.live() => unreachable!("the account lives on"),
        }
        Finished { timeline: recorder.into_entries(), calls: None, failure: None }
    });
    judge(&plan, &finished.timeline)
}

fn verdict<'a>(judgement: &'a Judgement, id: &str) -> &'a Verdict {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged")
}

/// Nothing that is seen through what was changed is decided, and the reason says what was; the rest is.
fn deaf(source: &str, ids: &[&str], words: &str, change: impl AsyncFn(&Aws)) {
    for looks in [Looks::Rung, Looks::Paced] {
        let judgement = disturbed(looks, source, &change);
        for id in ids {
            let found = verdict(&judgement, id);
            assert_eq!(found.verdict, VerdictKind::Inconclusive, "{looks:?} {id}: {found:#?}");
            assert!(found.reason.contains(words), "{looks:?} {id}: {}", found.reason);
        }
        let rest = BY_RULE.iter().chain(&BY_TOPIC).filter(|id| !ids.contains(id));
        for id in rest {
            let found = verdict(&judgement, id);
            assert_ne!(found.verdict, VerdictKind::Inconclusive, "{looks:?} {id}: {found:#?}");
        }
    }
}

/// The names of the listener's rules.
async fn rules(other: &Aws) -> Vec<String> {
    let found = other.events.list_rules().name_prefix("firedrill-").send().await.expect("a list");
    let names = found.rules().iter().map(|rule| rule.name().expect("a name").to_owned());
    names.collect()
}

async fn each_rule(other: &Aws, change: impl AsyncFn(String)) {
    let rules = rules(other).await;
    assert!(!rules.is_empty(), "the drill listens with rules");
    for rule in rules {
        change(rule).await;
    }
}

async fn remove_targets(other: &Aws, rule: &str) {
    let found = other.events.list_targets_by_rule().rule(rule).send().await.expect("its targets");
    let ids = found.targets().iter().map(|target| target.id().to_owned()).collect();
    other.events.remove_targets().rule(rule).set_ids(Some(ids)).send().await.expect("removed");
}

/// Changes the target of each of the listener's rules.
async fn retarget(other: &Aws, change: impl Fn(&mut Target)) {
    each_rule(other, async |rule| {
        let found = other.events.list_targets_by_rule().rule(&rule).send().await.expect("some");
        let mut target = found.targets()[0].clone();
        change(&mut target);
        other.events.put_targets().rule(&rule).targets(target).send().await.expect("put");
    })
    .await;
}

async fn set_queue(other: &Aws, name: QueueAttributeName, value: &str) {
    let url = other.sqs.get_queue_url().queue_name("firedrill-fd-suite").send().await;
    let url = url.expect("it is there").queue_url.expect("a URL");
    let set = other.sqs.set_queue_attributes().queue_url(url).attributes(name, value);
    set.send().await.expect("set");
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:pager";

async fn subscription(other: &Aws) -> String {
    let found = other.sns.list_subscriptions_by_topic().topic_arn(TOPIC).send().await;
    let found = found.expect("a list").subscriptions.expect("some");
    found.into_iter().find_map(|one| one.subscription_arn).expect("ours")
}

async fn set_subscription(other: &Aws, name: &str, value: &str) {
    let arn = subscription(other).await;
    let set = other.sns.set_subscription_attributes().subscription_arn(arn);
    set.attribute_name(name).attribute_value(value).send().await.expect("set");
}

#[test]
fn a_drill_that_nobody_disturbs_decides_everything() {
    for looks in [Looks::Rung, Looks::Paced] {
        let kind = |source| {
            let judgement = disturbed(looks, source, async |_| {});
            BY_RULE.iter().chain(&BY_TOPIC).map(|id| verdict(&judgement, id).verdict).collect()
        };
        let (happens, not): (Vec<VerdictKind>, Vec<VerdictKind>) = (kind("shop"), kind("other"));
        let (met, missed, violated) =
            (VerdictKind::Met, VerdictKind::Missed, VerdictKind::Violated);
        assert_eq!(happens, [met, violated, met, met, violated], "{looks:?}");
        assert_eq!(not, [missed, met, missed, missed, met], "{looks:?}");
    }
}

#[test]
fn a_disabled_rule_hears_nothing() {
    let words = "the listener's rule firedrill-fd-suite-";
    deaf("shop", &BY_RULE, words, async |other| {
        each_rule(other, async |rule| {
            other.events.disable_rule().name(rule).send().await.expect("disabled");
        })
        .await;
    });
}

#[test]
fn a_deleted_rule_hears_nothing() {
    deaf("shop", &BY_RULE, "was deleted by somebody", async |other| {
        each_rule(other, async |rule| {
            remove_targets(other, &rule).await;
            other.events.delete_rule().name(rule).send().await.expect("deleted");
        })
        .await;
    });
}

#[test]
fn a_rule_without_its_target_tells_nothing() {
    let words = "was kept from delivering to the drill's queue by somebody";
    deaf("shop", &BY_RULE, words, async |other| {
        each_rule(other, async |rule| remove_targets(other, &rule).await).await;
    });
    deaf("shop", &BY_RULE, words, async |other| {
        retarget(other, |target| target.arn = target.arn.replace("firedrill-fd-suite", "other"))
            .await;
    });
}

#[test]
fn a_target_that_is_told_something_else_than_the_event_tells_nothing() {
    let words = "was made to alter what it delivers by somebody";
    deaf("shop", &BY_RULE, words, async |other| {
        retarget(other, |target| target.input = Some("{}".to_owned())).await;
    });
    deaf("shop", &BY_RULE, words, async |other| {
        retarget(other, |target| target.input_path = Some("$.detail".to_owned())).await;
    });
    deaf("shop", &BY_RULE, words, async |other| {
        let template = InputTransformer::builder().input_template("\"something\"");
        let template = template.build().expect("it is whole");
        retarget(other, |target| target.input_transformer = Some(template.clone())).await;
    });
}

#[test]
fn a_rule_with_another_pattern_hears_something_else() {
    deaf("shop", &BY_RULE, "was given another event pattern by somebody", async |other| {
        each_rule(other, async |rule| {
            let put = other.events.put_rule().name(rule).event_pattern(r#"{"source": ["none"]}"#);
            put.send().await.expect("put");
        })
        .await;
    });
}

#[test]
fn a_queue_that_lets_nobody_in_hears_nothing() {
    let all: Vec<&str> = BY_RULE.into_iter().chain(BY_TOPIC).collect();
    for (name, value) in [
        (QueueAttributeName::Policy, ""),
        (QueueAttributeName::DelaySeconds, "900"),
        (QueueAttributeName::KmsMasterKeyId, "alias/theirs"),
        (QueueAttributeName::MaximumMessageSize, "1024"),
        (QueueAttributeName::MessageRetentionPeriod, "60"),
        (QueueAttributeName::VisibilityTimeout, "43200"),
    ] {
        let words = format!("the {} of the drill's queue was changed by somebody", name.as_str());
        // What was changed need not keep everything out: nobody knows what it did.
        deaf("other", &all, &words, async |other| set_queue(other, name.clone(), value).await);
    }
}

#[test]
fn a_subscription_that_is_gone_or_filters_hears_nothing() {
    deaf("shop", &BY_TOPIC, "was cancelled by somebody", async |other| {
        let arn = subscription(other).await;
        other.sns.unsubscribe().subscription_arn(arn).send().await.expect("cancelled");
    });
    deaf("shop", &BY_TOPIC, "was given a filter policy by somebody", async |other| {
        set_subscription(other, "FilterPolicy", r#"{"team": ["nobody"]}"#).await;
    });
    deaf("shop", &BY_TOPIC, "was made raw by somebody", async |other| {
        set_subscription(other, "RawMessageDelivery", "true").await;
    });
}

#[test]
fn a_subscription_that_was_made_again_may_have_lost_a_message() {
    deaf("other", &BY_TOPIC, "was cancelled by somebody", async |other| {
        let arn = subscription(other).await;
        other.sns.unsubscribe().subscription_arn(arn).send().await.expect("cancelled");
        let queue = "arn:aws:sqs:eu-west-1:111122223333:firedrill-fd-suite";
        let again = other.sns.subscribe().topic_arn(TOPIC).protocol("sqs").endpoint(queue);
        again.send().await.expect("subscribed");
    });
}

#[test]
fn a_topic_that_is_deleted_and_made_again_is_another_one() {
    deaf("shop", &BY_TOPIC, "was deleted by somebody", async |other| {
        other.sns.delete_topic().topic_arn(TOPIC).send().await.expect("deleted");
    });
    deaf("shop", &BY_TOPIC, "was cancelled by somebody", async |other| {
        other.sns.delete_topic().topic_arn(TOPIC).send().await.expect("deleted");
        other.sns.create_topic().name("pager").send().await.expect("made");
    });
}

#[test]
fn what_was_heard_before_is_heard() {
    let heard = async |other: &Aws| {
        each_rule(other, async |rule| {
            other.events.disable_rule().name(rule).send().await.expect("disabled");
        })
        .await;
    };
    for looks in [Looks::Rung, Looks::Paced] {
        let late = async |other: &Aws| {
            tokio::time::sleep(Duration::from_secs(75)).await;
            heard(other).await;
        };
        let judgement = disturbed(looks, "shop", late);
        assert_eq!(verdict(&judgement, "came").verdict, VerdictKind::Met, "{looks:?}");
        assert_eq!(verdict(&judgement, "never-came").verdict, VerdictKind::Violated, "{looks:?}");
    }
}

#[test]
fn a_server_that_can_not_say_what_stands_shows_what_happens_and_nothing_else() {
    for (source, kind) in [("shop", VerdictKind::Met), ("other", VerdictKind::Inconclusive)] {
        let (plan, account) = planned(source);
        let lacks = |inner| {
            between(inner, |name, request, account| match name {
                "GetQueueAttributes" => refuse(&request, 400, "UnknownOperationException"),
                _ => account.call(request),
            })
        };
        let (over, _) = rehearse_through(&plan, account, &StopSwitch::default(), lacks);
        let judgement = judge(&plan, &over.timeline);
        for id in ["came", "told", "matched"] {
            let found = verdict(&judgement, id);
            assert_eq!(found.verdict, kind, "{id}: {found:#?}");
        }
    }
}

/// What reads back what the listener is made of, how often before the fault, and what is seen through it.
const READS: [(&str, usize, &[&str]); 5] = [
    ("DescribeRule", 4, &BY_RULE),
    ("ListTargetsByRule", 3, &BY_RULE),
    ("GetQueueAttributes", 1, &["came", "never-told"]),
    ("ListSubscriptionsByTopic", 1, &BY_TOPIC),
    ("GetSubscriptionAttributes", 1, &BY_TOPIC),
];

#[test]
fn what_can_not_be_read_back_is_not_called_absent() {
    let (plan, account) = planned("other");
    for (operation, before, ids) in READS {
        let drilled = |after| {
            let between = |inner| deny_after(after, operation, inner);
            let (over, _) =
                rehearse_through(&plan, account.clone(), &StopSwitch::default(), between);
            (judge(&plan, &over.timeline), over)
        };
        let (judgement, over) = drilled(before);
        for id in ids {
            let found = verdict(&judgement, id);
            let told =
                found.verdict == VerdictKind::Inconclusive && found.reason.contains(operation);
            assert!(told, "{operation} {id}: {found:#?} {}", stage::tail(&over.timeline));
        }
        // Where it is denied from the beginning, nothing is injected.
        let (judgement, over) = drilled(before.saturating_sub(3));
        // What undoes them may need the same action.
        let refused = [Outcome::Inconclusive, Outcome::Unreverted].contains(&judgement.outcome);
        assert!(refused, "{operation}: {:?}", judgement.outcome);
        assert_eq!(stage::last_injection(&over.timeline), None, "{operation}");
    }
}
