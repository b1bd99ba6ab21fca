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
