//! `plan --iam` against an account that enforces it: the policy is enough for a drill and for the clean-up
//! after a crash at any intent, and without any of its statements, actions or resources one of them breaks.
//! What a run asks only where the account gives reason to (the mute rules of an alarm that has actions) is
//! tried on an account that gives it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use firedrill::aws::Aws;
use firedrill::clock::Clock;
use firedrill::commands::drill::{
    Finished, emulated_config, emulated_places, rehearse_as, rehearse_paced,
};
use firedrill::context::Context;
use firedrill::emulator::estate::access_key;
use firedrill::emulator::services::Service;
use firedrill::emulator::transport::Emulator;
use firedrill::emulator::{Estate, Identity};
use firedrill::faults::revert;
use firedrill::judge::{Outcome, judge};
use firedrill::plan::{Plan, iam};
use firedrill::recorder::{Recorder, Sink};
use firedrill::runner::{self, Conduct, Drill, StopSwitch};
use firedrill::scenario::{self, Values};
use firedrill::timeline::{Entry, EntryKind, Purpose};
use firedrill::wakeup::{Pace, Urgency};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::containers;
use crate::stage;
use crate::support::{root, scenarios};

/// As on a real account: the lock is part of the policy.
const LOCKED: Conduct = Conduct { lock: true, dry_run: false, no_safety_lever: false };

/// How a drill comes to look again.
#[derive(Debug, Clone, Copy)]
enum Looks {
    /// The account rings for every change. What such a drill calls, one on a real account calls, too.
    Rung,
    /// At the cadence of a real account, and woken as on one.
    Paced,
}

/// Drills with the lock.
fn locked(looks: Looks, plan: &Plan, accounts: Estate) -> Finished {
    let (stop, sink) = (StopSwitch::default(), stage::unheard());
    match looks {
        Looks::Rung => rehearse_as(LOCKED, plan, accounts, &stop, sink, |inner| inner, |_| ()).0,
        Looks::Paced => rehearse_paced(LOCKED, plan, accounts, |inner| inner).0,
    }
}

/// The policy of each place, by its target's name; nothing for home.
type Policies = BTreeMap<Option<String>, Value>;

/// Policies without one line, and what the line was.
struct Cut {
    without: String,
    policies: Policies,
}

/// The least policies of a plan.
fn least(plan: &Plan) -> Policies {
    let others = plan.targets.keys().map(|name| Some(name.clone()));
    let all = std::iter::once(None).chain(others);
    all.map(|name| (name.clone(), iam::policy_at(plan, name.as_deref()))).collect()
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// The policies without each of their statements, and without each action and resource of a statement.
fn cuts(policies: &Policies) -> Vec<Cut> {
    let mut all = Vec::new();
    for (target, policy) in policies {
        for (without, policy) in cuts_of(policy) {
            let without = format!("{without} at {}", target.as_deref().unwrap_or("home"));
            let mut policies = policies.clone();
            policies.insert(target.clone(), policy);
            all.push(Cut { without, policies });
        }
    }
    all
}

fn cuts_of(policy: &Value) -> Vec<(String, Value)> {
    let statements = items(&policy["Statement"]);
    let mut all = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let mut fewer = statements.clone();
        let whole = fewer.remove(index);
        let without = format!("statement {}", whole["Sid"]);
        all.push((without, json!({"Version": "2012-10-17", "Statement": fewer})));
        for key in ["Action", "Resource"] {
            let lines = items(&statement[key]);
            // Without its only line a statement is no statement; that cut is made above.
            for (at, line) in lines.iter().enumerate().filter(|_| lines.len() > 1) {
                let mut rest = lines.clone();
                rest.remove(at);
                let mut cut = statements.clone();
                cut[index][key] = Value::Array(rest);
                let without = format!("{key} {line} of {}", statement["Sid"]);
                let policy = json!({"Version": "2012-10-17", "Statement": cut});
                all.push((without, policy));
            }
        }
    }
    all
}

/// The accounts, where the callers at home and the roles elsewhere may do just this.
fn restricted(plan: &Plan, accounts: &Estate, policies: &Policies) -> Estate {
    let mut accounts = accounts.clone();
    for (target, policy) in policies {
        let Some(target) = target.as_ref().map(|name| &plan.targets[name]) else {
            accounts.home_mut().restrict_callers(policy).expect("the policy is well formed");
            continue;
        };
        let there = accounts.account_mut(&target.account, &target.region);
        let there = there.expect("each target of the plan is emulated");
        let role = target.role.as_ref().and_then(|role| role.rsplit('/').next());
        let role = role.expect("the target is reached by a role");
        let known = json!({"RoleName": role});
        let held = there.call(Service::Iam, "ListRolePolicies", known).expect("the role is there");
        let held = items(&held["PolicyNames"]);
        let [name] = held.as_slice() else { panic!("the role has one policy: {held:?}") };
        let may = json!({"RoleName": role, "PolicyName": name,
            "PolicyDocument": policy.to_string()});
        there.call(Service::Iam, "PutRolePolicy", may).expect("the policy is well formed");
    }
    accounts
}

/// What a whole drill comes to when its caller may do this.
fn drilled(
    looks: Looks,
    plan: &Plan,
    account: &Estate,
    policies: &Policies,
) -> (Outcome, Vec<Entry>) {
    let account = restricted(plan, account, policies);
    let finished = locked(looks, plan, account);
    (judge(plan, &finished.timeline).outcome, finished.timeline)
}

/// Lets calls through until it is armed; the answer of the next one is never heard.
#[derive(Debug, Clone)]
struct Crash {
    inner: SharedHttpClient,
    armed: Arc<AtomicBool>,
    crashed: Arc<Notify>,
}

#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    crash: Crash,
}

impl HttpClient for Crash {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Line { inner, crash: self.clone() })
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.inner.call(request);
        if self.crash.armed.load(Ordering::SeqCst) {
            self.crash.crashed.notify_one();
            return HttpConnectorFuture::new(std::future::pending());
        }
        answer
    }
}

/// Whether an entry announces a change that has to be taken back.
fn changes(entry: &Entry) -> bool {
    matches!(&entry.kind, EntryKind::Intent { undo: Some(_), purpose, .. } if *purpose != Purpose::Revert)
}

/// Crashes at the nth change, right after AWS made it, and takes everything back from the record alone.
/// Answers what could not be taken back.
fn crashed(
    looks: Looks,
    plan: &Plan,
    account: &Estate,
    policies: &Policies,
    nth: usize,
) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let account = restricted(plan, account, policies);
        let clock = Clock::starting_at(account.now());
        let (emulator, wakeups) = Emulator::new(account, clock);
        let pace = match looks {
            Looks::Rung => Pace::on_change(wakeups),
            Looks::Paced => Pace::paced(),
        };
        tokio::select! {
            biased;
            left = crash_and_revert(plan, &emulator, clock, pace, nth) => left,
            () = emulator.live() => unreachable!("the account lives on"),
        }
    })
}

async fn crash_and_revert(
    plan: &Plan,
    emulator: &Emulator,
    clock: Clock,
    (pace, urgency): (Pace, Urgency),
    nth: usize,
) -> Vec<String> {
    let identities = identities(&emulator.estate());
    let crash = Crash {
        inner: SharedHttpClient::new(emulator.clone()),
        armed: Arc::default(),
        crashed: Arc::default(),
    };
    let (armed, noticed) = (crash.armed.clone(), crash.crashed.clone());
    let mut seen = 0;
    let sink: Sink = Box::new(move |entry| {
        if changes(entry) {
            seen += 1;
            armed.fetch_or(seen == nth, Ordering::SeqCst);
        }
        Ok(())
    });
    let recorder = Recorder::new(clock, sink);
    let places =
        emulated_places(plan, &identities, |region| emulated_config(&crash, region, clock)).await;
    let drill = Drill {
        plan,
        places: &places,
        recorder: &recorder,
        pace: &pace,
        urgency: &urgency,
        stop: &StopSwitch::default(),
        settle: Duration::ZERO,
        conduct: LOCKED,
    };
    tokio::select! {
        biased;
        () = noticed.notified() => {}
        () = runner::run(drill) => panic!("the drill ended before its change {nth}"),
    }
    let record = recorder.into_entries();
    let places =
        emulated_places(plan, &identities, |region| emulated_config(emulator, region, clock)).await;
    let recorder = Recorder::new(clock, Box::new(|_| Ok(())));
    let mut left = Vec::new();
    for purpose in Purpose::TO_TAKE_BACK {
        for change in revert::pending(&record, purpose) {
            let here = places.find(change.target.as_deref()).expect("a place of the plan");
            let context = Context::new(here, &recorder, &pace, &plan.run_id);
            if let Err(error) = revert::undo(context, &change).await {
                left.push(error.to_string());
            }
        }
    }
    left
}

/// The same account, where every metric alarm tells a topic.
fn with_actions(accounts: &Estate) -> Estate {
    const KEPT: &[&str] = &[
        "AlarmName",
        "Namespace",
        "MetricName",
        "Dimensions",
        "Statistic",
        "ExtendedStatistic",
        "Period",
        "Unit",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "Threshold",
        "ComparisonOperator",
        "TreatMissingData",
        "Metrics",
        "OKActions",
        "ActionsEnabled",
    ];
    let mut accounts = accounts.clone();
    let account = accounts.home_mut();
    let topic = account
        .call(Service::Sns, "CreateTopic", json!({"Name": "told-of-alarms"}))
        .expect("a topic");
    let found = account.call(Service::CloudWatch, "DescribeAlarms", json!({})).expect("the alarms");
    for alarm in items(&found["MetricAlarms"]) {
        if alarm["AlarmActions"].as_array().is_some_and(|actions| !actions.is_empty()) {
            continue;
        }
        let kept =
            KEPT.iter().filter_map(|key| Some(((*key).to_owned(), alarm.get(*key)?.clone())));
        let mut input: serde_json::Map<String, Value> = kept.collect();
        input.insert("AlarmActions".to_owned(), json!([topic["TopicArn"]]));
        account
            .call(Service::CloudWatch, "PutMetricAlarm", Value::Object(input))
            .expect("the alarm as it was, with an action");
    }
    accounts
}

/// The same account, where every bus logs what its rules do.
fn with_bus_logs(accounts: &Estate) -> Estate {
    let mut accounts = accounts.clone();
    let account = accounts.home_mut();
    let mut call = |service, operation: &str, input: Value| {
        account.call(service, operation, input).expect("the account takes it")
    };
    let name = "/aws/vendedlogs/events/all";
    call(Service::Logs, "CreateLogGroup", json!({"logGroupName": name}));
    let group = format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}");
    let configuration = json!({"destinationResourceArn": group});
    let destination = json!({"name": "all", "deliveryDestinationConfiguration": configuration});
    let made = call(Service::Logs, "PutDeliveryDestination", destination);
    let destination = made["deliveryDestination"]["arn"].clone();
    let buses = call(Service::Events, "ListEventBuses", json!({}));
    for bus in items(&buses["EventBuses"]) {
        let config = json!({"Name": bus["Name"], "LogConfig": {"Level": "INFO"}});
        call(Service::Events, "UpdateEventBus", config);
        for log_type in ["INFO_LOGS", "ERROR_LOGS"] {
            let name = format!("{}-{log_type}", bus["Name"].as_str().expect("a name"));
            let source = json!({"name": name, "resourceArn": bus["Arn"], "logType": log_type});
            call(Service::Logs, "PutDeliverySource", source);
            let delivery =
                json!({"deliverySourceName": name, "deliveryDestinationArn": destination});
            call(Service::Logs, "CreateDelivery", delivery);
        }
    }
    accounts
}

/// What a drill comes to while its stop conditions lose their data for a minute, which is harmless: their
/// histories say that they were never in ALARM.
fn drilled_while_stops_move(plan: &Plan, accounts: &Estate, policies: &Policies) -> Outcome {
    let mut accounts = accounts.clone();
    let mut call = |operation: &str, input: Value| {
        accounts.home_mut().call(Service::Iam, operation, input).expect("IAM takes it")
    };
    call("CreateUser", json!({"UserName": "other"}));
    let all = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    call("PutUserPolicy", json!({"UserName": "other", "PolicyName": "all", "PolicyDocument": all}));
    let key = call("CreateAccessKey", json!({"UserName": "other"}));
    let key = key["AccessKey"]["AccessKeyId"].as_str().expect("an id").to_owned();
    let accounts = restricted(plan, &accounts, policies);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let clock = Clock::starting_at(accounts.now());
        let identities = identities(&accounts);
        let (emulator, wakeups) = Emulator::new(accounts, clock);
        let config_in = |region: &str| emulated_config(&emulator, region, clock);
        let places = emulated_places(plan, &identities, config_in).await;
        let somebody = |region: &str, key: String| {
            let other = Credentials::from_keys(key, "emulated", None);
            let other = SharedCredentialsProvider::new(other);
            Aws::new(&config_in(region).into_builder().credentials_provider(other).build())
        };
        let moving = async {
            clock.sleep_until(clock.now() + SignedDuration::from_mins(1)).await;
            for stop in &plan.stop_conditions {
                let other = match stop.target.as_ref().map(|name| &plan.targets[name]) {
                    None => somebody(&identities[0].region, key.clone()),
                    Some(there) => somebody(&there.region, access_key(&there.account)),
                };
                let set = other.cloudwatch.set_alarm_state().alarm_name(&stop.alarm);
                let set = set.state_value("INSUFFICIENT_DATA".into()).state_reason("no data");
                set.send().await.expect("somebody else may do anything");
            }
            std::future::pending::<()>().await;
        };
        let recorder = Recorder::new(clock, Box::new(|_| Ok(())));
        let (pace, urgency) = Pace::on_change(wakeups);
        let drill = Drill {
            plan,
            places: &places,
            recorder: &recorder,
            pace: &pace,
            urgency: &urgency,
            stop: &StopSwitch::default(),
            settle: Duration::ZERO,
            conduct: LOCKED,
        };
        tokio::select! {
            biased;
            () = runner::run(drill) => {}
            () = moving => unreachable!("it goes on for ever"),
            () = emulator.live() => unreachable!("the account lives on"),
        }
        judge(plan, &recorder.into_entries()).outcome
    })
}

/// Who the callers of these accounts are.
fn identities(accounts: &Estate) -> Vec<Identity> {
    accounts.accounts().iter().map(|account| account.identity().clone()).collect()
}

/// Holds a plan's policy against the account: enough, and nothing to spare.
fn hold(name: &str, plan: &Plan, account: &Estate) {
    let policy = least(plan);
    let points = |looks| {
        let (outcome, timeline) = drilled(looks, plan, account, &policy);
        assert_eq!(outcome, Outcome::Passed, "{name}: its own policy is not enough: {timeline:#?}");
        timeline.iter().filter(|entry| changes(entry)).count()
    };
    let [rung, paced] = [Looks::Rung, Looks::Paced].map(points);
    assert!(paced > 0, "{name} changes nothing");
    for nth in 1..=paced {
        let left = crashed(Looks::Paced, plan, account, &policy, nth);
        assert!(left.is_empty(), "{name}: after a crash at change {nth}: {left:?}");
    }
    for target in policy.keys() {
        let mut without = policy.clone();
        without.insert(target.clone(), json!({"Version": "2012-10-17", "Statement": []}));
        let (nothing, _) = drilled(Looks::Paced, plan, account, &without);
        assert_ne!(nothing, Outcome::Passed, "{name}: {target:?} enforces no policy");
    }
    let telling = with_actions(account);
    assert_eq!(
        drilled(Looks::Rung, plan, &telling, &policy).0,
        Outcome::Passed,
        "{name}: its alarms tell a topic"
    );
    let logging = with_bus_logs(account);
    let (outcome, timeline) = drilled(Looks::Rung, plan, &logging, &policy);
    assert_eq!(outcome, Outcome::Passed, "{name}: its buses log: {timeline:#?}");
    let guarded = !plan.stop_conditions.is_empty();
    if guarded {
        let outcome = drilled_while_stops_move(plan, account, &policy);
        assert_eq!(outcome, Outcome::Passed, "{name}: its stop conditions lose their data");
    }
    let mut spare = Vec::new();
    for cut in cuts(&policy) {
        let fails =
            |looks, account| drilled(looks, plan, account, &cut.policies).0 != Outcome::Passed;
        let leaves = |looks, points: usize| {
            (1..=points).any(|nth| !crashed(looks, plan, account, &cut.policies, nth).is_empty())
        };
        // The quickest first: a paced drill looks hundreds of times.
        let breaks = fails(Looks::Rung, account)
            || fails(Looks::Rung, &telling)
            || fails(Looks::Rung, &logging)
            || (guarded
                && drilled_while_stops_move(plan, account, &cut.policies) != Outcome::Passed)
            || leaves(Looks::Rung, rung)
            || fails(Looks::Paced, account)
            || leaves(Looks::Paced, paced);
        if !breaks {
            spare.push(cut.without);
        }
    }
    assert!(spare.is_empty(), "{name}: nothing breaks without {spare:#?}");
}

#[test]
fn the_least_policy_of_every_shipped_scenario_is_enough_and_has_no_line_to_spare() {
    let files = scenarios("scenarios");
    thread::scope(|scope| {
        for file in &files {
            scope.spawn(move || {
                let (plan, accounts) = stage::prepared_all(file);
                hold(&file.display().to_string(), &plan, &accounts);
            });
        }
    });
}

/// What no shipped scenario does: an inline experiment, an alarm set by hand, a metric put.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Drill:
    Type: AWS::IAM::Role
    Properties:
      RoleName: drill
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: fis.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: stop
          PolicyDocument: {Statement: {Effect: Allow, Action: ["ec2:StopInstances", "ec2:StartInstances", "ec2:DescribeInstances"], Resource: "*"}}
  Web:
    Type: AWS::EC2::Instance
    Properties: {ImageId: ami-0abc1234def567890, InstanceType: t3.micro, Tags: [{Key: Name, Value: web}]}
  Reviewed:
    Type: AWS::Config::ConfigRule
    Properties: {ConfigRuleName: reviewed, Source: {Owner: AWS, SourceIdentifier: AWS_CONFIG_PROCESS_CHECK}}
  Ssh:
    Type: AWS::Config::ConfigRule
    Properties: {ConfigRuleName: restricted-ssh, Source: {Owner: AWS, SourceIdentifier: INCOMING_SSH_DISABLED}}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
  Slow:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: slow, Namespace: Shop, MetricName: Slow, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

const SCENARIO: &str = r#"
version: 1
name: everything-else
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - id: stopped
    fis:
      inline:
        roleArn: "arn:aws:iam::111122223333:role/drill"
        stopConditions: [{source: none}]
        targets: {web: {resourceType: "aws:ec2:instance", resourceTags: {Name: web}, selectionMode: ALL}}
        actions: {stop: {actionId: "aws:ec2:stop-instances", parameters: {startInstancesAfterDuration: PT5M}, targets: {Instances: web}}}
  - id: slow
    set_alarm_state: {alarm: slow}
  - id: errors
    put_metric_data: {namespace: Shop, metric: Errors, value: 50, duration: 3m}
  - id: review
    config_evaluation: {rule: reviewed, compliance: NON_COMPLIANT}
  - id: look-again
    config_evaluation: {rule: restricted-ssh}
expect:
  - {id: seen, alarm: {name: errors}, within: 3m}
  - {id: was-slow, alarm: {name: slow}, within: 1m, after: slow}
  - {id: over, experiment: {state: completed}, within: 20m}
  - {id: counted, metric: {namespace: Shop, name: Errors, statistic: Sum, threshold: ">= 50", missing: ignore}, within: 4m}
  - {id: reviewed, compliance: {rule: reviewed}, within: 1m, after: review}
  - {id: called, api_call: {name: SetAlarmState, source: monitoring}, within: 1m, after: slow}
"#;

#[test]
fn the_least_policy_of_the_other_faults_is_enough_and_has_no_line_to_spare() {
    let (plan, account) = stage::built(SCENARIO, ENVIRONMENT).expect("both are in order");
    hold("everything-else", &plan, &account.into());
}

/// Whoever prints a policy prints it before the drill has its id, and for every drill to come.
#[test]
fn the_policy_that_is_printed_is_enough_for_every_kind_of_fault_whatever_the_drills_id() {
    let file = root().join("tests/data/every-fault/scenario.yaml");
    let (plan, account) = stage::prepared(&file);
    let text = std::fs::read(&file).expect("it is there");
    let values = Values { run_id: "dry-run".to_owned(), ..Values::default() };
    let scenario = scenario::load("scenario.yaml", &text, &values).scenario.expect("in order");
    let printed = Plan::new(&scenario, "scenario.yaml", "dry-run").expect("it can be planned");
    assert_ne!(printed.run_id, plan.run_id);
    let accounts = Estate::from(account);
    let free = locked(Looks::Rung, &plan, accounts.clone());
    let held = locked(Looks::Rung, &plan, restricted(&plan, &accounts, &least(&printed)));
    let outcome = |finished: &Finished| judge(&plan, &finished.timeline).outcome;
    let tail = stage::tail(&held.timeline);
    assert_eq!(outcome(&held), outcome(&free), "{tail}");
    assert!(!format!("{:?}", held.timeline).contains("AccessDenied"), "{tail}");
}

#[test]
fn the_least_policy_of_an_ecs_deployment_is_enough_and_has_no_line_to_spare() {
    let (plan, account) =
        stage::built(containers::SCENARIO, containers::ENVIRONMENT).expect("both are in order");
    hold("containers", &plan, &account.into());
}

#[test]
fn an_environment_says_what_its_callers_may_do() {
    let caller = "\ncaller: {policies: [{Version: \"2012-10-17\", Statement: [{Effect: Allow, Action: \
        \"cloudwatch:DescribeAlarms\", Resource: \"*\"}]}]}\n";
    let (plan, account) =
        stage::built(SCENARIO, &format!("{ENVIRONMENT}{caller}")).expect("in order");
    let finished = locked(Looks::Rung, &plan, account.into());
    let judged = judge(&plan, &finished.timeline);
    assert_eq!(judged.outcome, Outcome::Inconclusive, "{:#?}", finished.timeline);
    let words = format!("{:?}", finished.timeline);
    assert!(
        words.contains("User: arn:aws:iam::111122223333:user/firedrill is not authorized"),
        "{words}"
    );
}
