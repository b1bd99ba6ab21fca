//! Guardrails: what keeps a drill from beginning, and what ends it, on accounts that misbehave on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use firedrill::aws::Aws;
use firedrill::clock::Clock;
use firedrill::commands::drill::{Finished, emulated_config, rehearse_through};
use firedrill::commands::prepare::epoch;
use firedrill::emulator::Account;
use firedrill::judge::{Outcome, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;

use crate::stage;

/// Somebody else's calls, made just before the drill's first call of one operation.
#[derive(Clone)]
struct Meddler<F> {
    inner: SharedHttpClient,
    operation: &'static str,
    done: Arc<AtomicBool>,
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
        if !named || self.meddler.done.swap(true, Ordering::SeqCst) {
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

/// Drills while somebody else makes calls of their own just before the first `operation`.
fn meddled<F, D>(
    scenario: &str,
    environment: &str,
    operation: &'static str,
    calls: F,
) -> (Account, Plan, Finished, Account)
where
    F: Fn(Aws) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let (plan, account) = stage::built(scenario, environment).expect("in order");
    let before = account.clone();
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let between = move |inner| {
        SharedHttpClient::new(Meddler { inner, operation, done, calls: calls.clone() })
    };
    let (finished, after) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    assert!(seen.load(Ordering::SeqCst), "{operation} was never called");
    (before, plan, finished, after)
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
";

async fn set(aws: &Aws, state: &str) {
    let call = aws.cloudwatch.set_alarm_state().alarm_name("critical").state_reason("by hand");
    call.state_value(state.into()).send().await.expect("the alarm is there");
}

#[test]
fn a_stop_condition_that_flaps_between_two_looks_still_stops_the_drill() {
    let (before, plan, finished, after) =
        meddled(BURST, SHOP, "PutMetricData", async |aws: Aws| {
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
            "the experiments would touch 2 resources, and the guardrails allow 1",
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
