//! Guardrails: what keeps a drill from beginning, and what ends it, on accounts that misbehave on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use firedrill::aws::Aws;
use firedrill::clock::Clock;
use firedrill::commands::drill::{Finished, emulated_config, rehearse_as};
use firedrill::commands::prepare::epoch;
use firedrill::emulator::Account;
use firedrill::emulator::services::Service;
use firedrill::emulator::transport::Emulator;
use firedrill::judge::{Outcome, judge, readiness};
use firedrill::plan::Plan;
use firedrill::runner::{Conduct, StopSwitch};
use firedrill::timeline::{Entry, EntryKind, Purpose};
use serde_json::json;

use crate::between::between;
use crate::stage;

/// Somebody else's calls, made just before the drill's first call of one operation.
#[derive(Clone)]
struct Meddler<F> {
    inner: SharedHttpClient,
    operation: &'static str,
    /// How many calls of the operation go by first.
    after: usize,
    seen: Arc<AtomicUsize>,
    calls: F,
}

impl<F> std::fmt::Debug for Meddler<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Meddler")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

struct Line<F> {
    inner: SharedHttpConnector,
    meddler: Meddler<F>,
}

impl<F> std::fmt::Debug for Line<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.meddler.fmt(formatter)
    }
}

impl<F, D> HttpClient for Meddler<F>
where
    F: Fn(Aws) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Line { inner, meddler: self.clone() })
    }
}

impl<F, D> HttpConnector for Line<F>
where
    F: Fn(Aws) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = self.meddler.operation;
        let named = [target, request.uri()].iter().any(|text| text.ends_with(operation));
        let meddler = &self.meddler;
        if !named || meddler.seen.fetch_add(1, Ordering::SeqCst) != meddler.after {
            return self.inner.call(request);
        }
        let clock = Clock::starting_at(epoch());
        let aws = Aws::new(&emulated_config(&self.meddler.inner, "eu-west-1", clock));
        let (calls, inner) = ((self.meddler.calls)(aws), self.inner.clone());
        HttpConnectorFuture::new(async move {
            calls.await;
            inner.call(request).await
        })
    }
}

/// Drills while somebody else makes calls of their own just before the drill's call of `operation` that
/// comes after so many of it.
fn meddled<F, D>(
    (scenario, environment): (&str, &str),
    conduct: Conduct,
    (operation, after): (&'static str, usize),
    calls: F,
) -> (Account, Plan, Finished, Account)
where
    F: Fn(Aws) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let (plan, account) = stage::built(scenario, environment).expect("in order");
    let before = account.clone();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let between = move |inner| {
        SharedHttpClient::new(Meddler { inner, operation, after, seen, calls: calls.clone() })
    };
    let stop = StopSwitch::default();
    let (sink, look) = (stage::unheard(), Emulator::account);
    let (finished, left) = rehearse_as(conduct, &plan, account, &stop, sink, between, look);
    assert!(counted.load(Ordering::SeqCst) > after, "{operation} was called too seldom");
    (before, plan, finished, left)
}

const SHOP: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 50, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
  Critical:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: critical, Namespace: Shop, MetricName: Critical, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 50, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

const BURST: &str = r"
version: 1
name: burst
environment: environment.yaml
stop_conditions: [{alarm: critical}]
faults:
  - id: burst
    put_metric_data: {namespace: Shop, metric: Errors, value: 90, every: 30s, duration: 4m}
expect:
  - {id: alarm, alarm: {name: errors}, within: 4m}
  - {id: no-more, never: {alarm: {name: critical}}, for: 5m}
";

async fn set(aws: &Aws, state: &str) {
    let call = aws.cloudwatch.set_alarm_state().alarm_name("critical").state_reason("by hand");
    call.state_value(state.into()).send().await.expect("the alarm is there");
}

#[test]
fn a_stop_condition_that_flaps_between_two_looks_still_stops_the_drill() {
    let (before, plan, finished, after) =
        meddled((BURST, SHOP), Conduct::default(), ("PutMetricData", 0), async |aws: Aws| {
            set(&aws, "ALARM").await;
            set(&aws, "OK").await;
        });
    let judgement = judge(&plan, &finished.timeline);
    let words = stage::tail(&finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Stopped, "{words}");
    assert!(judgement.reasons[0].contains("between two looks"), "{:?}", judgement.reasons);
    assert_eq!(stage::belongings(&after), stage::belongings(&before));
}

/// A drill that cuts subnets off, with these guardrails and faults.
fn cut(guardrails: &str, fault: &str) -> String {
    format!(
        "version: 1\nname: cut\nenvironment: environment.yaml\nguardrails: {{{guardrails}}}\n\
         faults: [{{id: cut, fis: {fault}}}]\n\
         expect: [{{id: down, alarm: {{name: reachable}}, within: 4m}}]\n"
    )
}

const TEMPLATE: &str = "{template: cut}";

const INLINE: &str = r#"{inline: {
  targets: {subnets: {resourceType: "aws:ec2:subnet", resourceTags: {chaos: allowed}, selectionMode: ALL}},
  actions: {cut: {actionId: "aws:network:disrupt-connectivity", parameters: {scope: all, duration: PT4M},
                  targets: {Subnets: subnets}}},
  stopConditions: [{source: none}], roleArn: "arn:aws:iam::111122223333:role/drill"}}"#;

/// The account of these tests: a freeze that begins then, and the safety lever.
fn network(freeze_from: &str, lever: &str) -> String {
    let text = include_str!("../data/guardrails.yaml");
    text.replace("FREEZE_FROM", freeze_from).replace("LEVER", lever)
}

/// Long after every drill.
const LATER: &str = "20260131T000000Z";

/// The outcome of a drill and the first reason; nothing of it may be left.
fn outcome(scenario: &str, environment: &str) -> (Outcome, String) {
    let (plan, account) = stage::built(scenario, environment).expect("in order");
    let before = account.clone();
    let over = stage::drill(&plan, account, &StopSwitch::default(), stage::unheard());
    stage::assert_clean(&before, &over, scenario);
    let judgement = judge(&plan, &over.finished.timeline);
    let injected = stage::last_injection(&over.finished.timeline).is_some();
    assert_eq!(injected, judgement.outcome == Outcome::Passed, "{:?}", judgement.reasons);
    (judgement.outcome, judgement.reasons.first().cloned().unwrap_or_default())
}

#[track_caller]
fn refused(guardrails: &str, fault: &str, environment: &str, words: &str) {
    let (outcome, reason) = outcome(&cut(guardrails, fault), environment);
    assert_eq!(outcome, Outcome::Unsteady, "{guardrails}: {reason}");
    assert!(reason.contains(words), "{guardrails}: {reason}");
}

#[track_caller]
fn passes(guardrails: &str, fault: &str, environment: &str) {
    let (outcome, reason) = outcome(&cut(guardrails, fault), environment);
    assert_eq!(outcome, Outcome::Passed, "{guardrails}: {reason}");
}

#[test]
fn an_engaged_safety_lever_refuses_the_drill() {
    passes("", TEMPLATE, &network(LATER, "disengaged"));
    refused("", TEMPLATE, &network(LATER, "engaged"), "a major incident is open");
    refused("", INLINE, &network(LATER, "engaged"), "the safety lever of FIS is engaged");
}

#[test]
fn a_drill_touches_no_more_targets_than_its_guardrails_allow() {
    for fault in [TEMPLATE, INLINE] {
        passes("max_targets: 2", fault, &network(LATER, "disengaged"));
        refused(
            "max_targets: 1",
            fault,
            &network(LATER, "disengaged"),
            "the experiments would touch 2 resources (arn:aws:ec2:",
        );
    }
}

#[test]
fn every_target_is_selected_by_the_required_tags() {
    for fault in [TEMPLATE, INLINE] {
        passes("target_tags: {chaos: allowed}", fault, &network(LATER, "disengaged"));
    }
    refused(
        "target_tags: {chaos: allowed, team: shop}",
        TEMPLATE,
        &network(LATER, "disengaged"),
        "the targets subnets are not selected by chaos=allowed, team=shop",
    );
}

#[test]
fn a_change_calendar_is_open_for_as_long_as_the_drill_may_take() {
    let calendar = "change_calendar: freeze";
    passes(calendar, TEMPLATE, &network(LATER, "disengaged"));
    let closed = network("20260101T000000Z", "disengaged");
    refused(calendar, TEMPLATE, &closed, "`freeze` is closed until 2026-02-01T00:00:00Z");
    // The drills of these tests begin on 2026-01-05 at 09:00.
    let soon = network("20260105T090500Z", "disengaged");
    refused(calendar, TEMPLATE, &soon, "closes at 2026-01-05T09:05:00Z");
    let network = network(LATER, "disengaged");
    refused("change_calendar: frieze", TEMPLATE, &network, "`frieze` does not exist");
}

#[test]
fn a_rehearsal_ignores_the_window_and_says_so() {
    let scenario = cut("window: {days: [sun], from: 03:00, to: 04:00}", TEMPLATE);
    let (plan, account) = stage::built(&scenario, &network(LATER, "disengaged")).expect("in order");
    let over = stage::drill(&plan, account, &StopSwitch::default(), stage::unheard());
    let told = over.finished.timeline.iter().map(firedrill::timeline::Entry::to_line);
    let said = "window sun 03:00 to 04:00 UTC, ignored in a rehearsal";
    assert_eq!(told.filter(|line| line.contains(said)).count(), 1);
    assert_eq!(judge(&plan, &over.finished.timeline).outcome, Outcome::Passed);
}

/// As on a real account.
const LOCKED: Conduct = Conduct { lock: true, dry_run: false, no_safety_lever: false };

/// What stands in the lock's parameter.
fn lock(account: &Account) -> Option<String> {
    let input = json!({"Name": "/firedrill/lock"});
    let answer = account.clone().call(Service::Ssm, "GetParameter", input).ok()?;
    answer["Parameter"]["Value"].as_str().map(str::to_owned)
}

fn lease(run: &str, until: &str) -> String {
    json!({"run": run, "scenario": "other", "until": until}).to_string()
}

/// The shop, with this in the lock's parameter.
fn shop_with(lock: &str) -> String {
    format!("{SHOP}parameters: {{/firedrill/lock: '{lock}'}}\n")
}

fn locked(environment: &str) -> (Account, Plan, Finished, Account) {
    // Nobody meddles: the drill makes no such call.
    let (plan, account) = stage::built(BURST, environment).expect("in order");
    let (before, stop) = (account.clone(), StopSwitch::default());
    let (sink, look) = (stage::unheard(), Emulator::account);
    let (finished, left) = rehearse_as(LOCKED, &plan, account, &stop, sink, |inner| inner, look);
    (before, plan, finished, left)
}

fn changes(timeline: &[Entry], wanted: &str) -> usize {
    let is_it =
        |entry: &&Entry| matches!(&entry.kind, EntryKind::Intent { call, .. } if call == wanted);
    timeline.iter().filter(is_it).count()
}

/// Everything that a preflight problem says.
fn problems(timeline: &[Entry]) -> String {
    timeline
        .iter()
        .filter_map(|entry| match &entry.kind {
            EntryKind::Preflight { problem: Some(problem), .. } => {
                Some(format!("{}\n{}\n", problem.message, problem.hint))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_drill_holds_the_lock_while_it_runs_and_gives_it_back() {
    let (_, plan, finished, after) = locked(SHOP);
    assert_eq!(judge(&plan, &finished.timeline).outcome, Outcome::Passed);
    // It takes five minutes, so the lease is renewed at least twice.
    assert!(changes(&finished.timeline, "ssm:PutParameter") >= 3);
    assert_eq!(changes(&finished.timeline, "ssm:DeleteParameter"), 1);
    assert_eq!(lock(&after), None);
}

#[test]
fn a_lock_that_another_drill_holds_refuses_this_one_and_names_it() {
    let theirs = lease("fd-other", "2026-01-05T09:03:00Z");
    let (_, plan, finished, after) = locked(&shop_with(&theirs));
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Unsteady, "{:?}", judgement.reasons);
    let problems = problems(&finished.timeline);
    for words in ["fd-other", "2026-01-05T09:03:00Z", "firedrill revert", "--no-lock"] {
        assert!(problems.contains(words), "{words}: {problems}");
    }
    assert_eq!(stage::last_injection(&finished.timeline), None);
    assert_eq!(lock(&after), Some(theirs));
    // Its clock may be a little behind ours.
    let (_, _, finished, _) = locked(&shop_with(&lease("fd-other", "2026-01-05T08:59:00Z")));
    assert_eq!(stage::last_injection(&finished.timeline), None);
}

#[test]
fn a_lock_that_a_crash_left_behind_runs_out() {
    let (_, plan, finished, after) =
        locked(&shop_with(&lease("fd-crashed", "2026-01-05T08:50:00Z")));
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
    assert_eq!(lock(&after), None);
    let (_, _, finished, after) = locked(&shop_with("something else"));
    assert!(problems(&finished.timeline).contains("holds no lease"));
    assert_eq!(lock(&after).as_deref(), Some("something else"));
}

async fn overwrite(aws: Aws, lease: String) {
    let call = aws.ssm.put_parameter().name("/firedrill/lock").value(lease).overwrite(true);
    call.r#type("String".into()).send().await.expect("it is written");
}

#[test]
fn of_two_drills_that_take_over_one_lock_the_first_gets_it() {
    let environment = shop_with(&lease("fd-crashed", "2026-01-05T08:50:00Z"));
    let rival = lease("fd-rival", "2026-01-05T09:05:00Z");
    let theirs = rival.clone();
    // The first PutParameter is the attempt to create it, the second the taking over.
    let (_, plan, finished, after) =
        meddled((BURST, &environment), LOCKED, ("PutParameter", 1), move |aws| {
            overwrite(aws, theirs.clone())
        });
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Unsteady, "{:?}", judgement.reasons);
    assert!(problems(&finished.timeline).contains("at the same moment"));
    assert_eq!(stage::last_injection(&finished.timeline), None);
    assert_eq!(lock(&after), Some(rival), "the rival's lease stands");
}

#[test]
fn a_lock_that_is_released_and_taken_again_in_between_is_not_taken_over() {
    let environment = shop_with(&lease("fd-crashed", "2026-01-05T08:50:00Z"));
    let rival = lease("fd-rival", "2026-01-05T09:05:00Z");
    let theirs = rival.clone();
    let (_, plan, finished, after) =
        meddled((BURST, &environment), LOCKED, ("PutParameter", 1), move |aws: Aws| {
            let theirs = theirs.clone();
            async move {
                let delete = aws.ssm.delete_parameter().name("/firedrill/lock");
                delete.send().await.expect("it is there");
                overwrite(aws, theirs).await;
            }
        });
    assert_eq!(judge(&plan, &finished.timeline).outcome, Outcome::Unsteady);
    assert_eq!(stage::last_injection(&finished.timeline), None);
    assert_eq!(lock(&after), Some(rival));
}

/// Drills with the lock while something happens to the answers of SSM.
fn touched(environment: &str, touch: fn(&str, &str, usize) -> Touch) -> (Plan, Finished, Account) {
    let (plan, account) = stage::built(BURST, environment).expect("in order");
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeMap::<String, usize>::new()));
    let through = move |inner| {
        between(inner, move |name, request, inner| {
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
            let mut seen = seen.lock().expect("no panic");
            let number = seen.entry(format!("{name} {}", body.contains("lock:"))).or_default();
            let touch = touch(name, &body, *number);
            *number += 1;
            let answer = inner.call(request.try_clone().expect("its body is bytes"));
            HttpConnectorFuture::new(async move {
                let mut response = answer.await?;
                match touch {
                    Touch::Nothing => {}
                    Touch::Lose => {
                        return Err(ConnectorError::io("the connection was reset".into()));
                    }
                    Touch::Rename => {
                        let body = response.body().bytes().unwrap_or_default();
                        let body = String::from_utf8_lossy(body).replace(stage::RUN_ID, "fd-other");
                        *response.body_mut() = SdkBody::from(body);
                    }
                }
                Ok(response)
            })
        })
    };
    let (stop, sink, look) = (StopSwitch::default(), stage::unheard(), Emulator::account);
    let (finished, after) = rehearse_as(LOCKED, &plan, account, &stop, sink, through, look);
    (plan, finished, after)
}

/// What happens to an answer, by its operation, its request and how often the operation was called before.
type Touching = fn(&str, &str, usize) -> Touch;

/// What happens to an answer.
enum Touch {
    Nothing,
    /// It never comes.
    Lose,
    /// It tells of another drill.
    Rename,
}

#[test]
fn a_lock_whose_answer_is_lost_is_the_drills_own_and_given_back() {
    let crashed = shop_with(&lease("fd-crashed", "2026-01-05T08:50:00Z"));
    let first = |name: &str, _: &str, number| match (name, number) {
        ("PutParameter", 0) => Touch::Lose,
        _ => Touch::Nothing,
    };
    // The first is the attempt to create it, the second the taking over.
    let second = |name: &str, _: &str, number| match (name, number) {
        ("PutParameter", 1) => Touch::Lose,
        _ => Touch::Nothing,
    };
    let ways: [(&str, Touching); 2] = [(SHOP, first), (&crashed, second)];
    for (environment, touch) in ways {
        let (plan, finished, after) = touched(environment, touch);
        let judgement = judge(&plan, &finished.timeline);
        assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
        assert_eq!(lock(&after), None);
    }
}

#[test]
fn one_answer_that_tells_of_another_drill_takes_no_lock_away() {
    let (plan, finished, after) = touched(SHOP, |name, request, number| {
        let looks = name == "GetParameter" && !request.contains("lock:");
        if looks && number.is_multiple_of(2) { Touch::Rename } else { Touch::Nothing }
    });
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
    assert_eq!(lock(&after), None);
}

#[test]
fn a_drill_that_loses_its_lock_is_stopped_and_reverted() {
    // A drill that creates its lock looks at it first when it renews.
    let (before, plan, finished, after) =
        meddled((BURST, SHOP), LOCKED, ("GetParameter", 0), async |aws: Aws| {
            let delete = aws.ssm.delete_parameter().name("/firedrill/lock");
            delete.send().await.expect("it is there");
        });
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Stopped, "{:?}", judgement.reasons);
    assert!(judgement.reasons[0].contains("somebody deleted"), "{:?}", judgement.reasons);
    assert_eq!(stage::belongings(&after), stage::belongings(&before));
    assert_eq!(lock(&after), None);
}

#[test]
fn a_drill_that_comes_too_late_does_not_take_the_lock_from_its_holder() {
    let (_, plan, finished, after) =
        meddled((BURST, SHOP), LOCKED, ("GetParameter", 0), async |aws: Aws| {
            overwrite(aws, lease("fd-late", "2026-01-05T09:05:00Z")).await;
        });
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Passed, "{:?}", judgement.reasons);
    assert_eq!(lock(&after), None);
}

#[test]
fn a_dry_run_shows_the_targets_and_injects_nothing() {
    let dry = Conduct { lock: true, dry_run: true, no_safety_lever: false };
    for fault in [TEMPLATE, INLINE] {
        let scenario = cut("", fault);
        let environment = network(LATER, "disengaged");
        let (plan, account) = stage::built(&scenario, &environment).expect("in order");
        let (before, stop) = (account.clone(), StopSwitch::default());
        let (sink, look) = (stage::unheard(), Emulator::account);
        let (finished, after) = rehearse_as(dry, &plan, account, &stop, sink, |inner| inner, look);
        let timeline = &finished.timeline;
        assert_eq!(readiness(timeline), Outcome::Passed, "{}", stage::tail(timeline));
        assert_ne!(judge(&plan, timeline).outcome, Outcome::Passed, "nothing is proven by it");
        let told = |words: &str| timeline.iter().any(|entry| entry.to_line().contains(words));
        assert!(
            told("targets of fault cut: 2 resources (arn:aws:ec2:"),
            "{}",
            stage::tail(timeline)
        );
        let guard = |entry: &Entry| {
            !matches!(
                entry.kind,
                EntryKind::Intent { purpose: Purpose::Inject | Purpose::Listen, .. }
            )
        };
        assert!(timeline.iter().all(guard), "{}", stage::tail(timeline));
        assert_eq!(stage::belongings(&after), stage::belongings(&before));
        assert_eq!(lock(&after), None);
    }
}

#[test]
fn an_experiment_whose_actions_have_no_targets_is_ready_and_breaks_no_limit() {
    let dry = Conduct { lock: false, dry_run: true, no_safety_lever: false };
    let file = crate::support::root().join("scenarios/bad-deployment-rolls-back.yaml");
    let (mut plan, account) = stage::prepared(&file);
    let (sink, look) = (stage::unheard(), Emulator::account);
    let stop = StopSwitch::default();
    let (finished, _) = rehearse_as(dry, &plan, account.clone(), &stop, sink, |inner| inner, look);
    let timeline = &finished.timeline;
    assert_eq!(readiness(timeline), Outcome::Passed, "{}", stage::tail(timeline));
    let told = |words: &str| timeline.iter().any(|entry| entry.to_line().contains(words));
    assert!(told("targets of fault bad-deployment: its actions have none"));
    plan.guardrails.max_targets = Some(1);
    let over = stage::drill(&plan, account, &stop, stage::unheard());
    assert_eq!(judge(&plan, &over.finished.timeline).outcome, Outcome::Passed);
}
