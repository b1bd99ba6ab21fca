//! Every way of not seeing makes an expectation inconclusive, with the reason: never met, never missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::judge::{Judgement, Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;

use crate::between::{between, refuse};
use crate::stage;

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: errors
      Namespace: Shop
      MetricName: Errors
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 50
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
"#;

const SCENARIO: &str = r"
version: 1
name: errors-rise
environment: environment.yaml
faults:
  - id: errors
    put_metric_data: {namespace: Shop, metric: Errors, value: 90, every: 30s, duration: 5m}
expect:
  - id: detected
    alarm: {name: errors}
    within: 3m
";

/// Drills while calls of `operation` are answered by `answer` from the `after`-th on.
fn drilled(
    operation: &'static str,
    after: usize,
    answer: impl Fn(&HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
) -> (Plan, Finished) {
    let (plan, account) = stage::built(SCENARIO, ENVIRONMENT).expect("in order");
    let seen = Arc::new(AtomicUsize::new(0));
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |name, request, connector| {
            if name == operation && seen.fetch_add(1, Ordering::SeqCst) >= after {
                return answer(&request);
            }
            connector.call(request)
        })
    });
    (plan, finished)
}

fn assert_blind(plan: &Plan, finished: &Finished, words: &[&str]) -> Judgement {
    let judgement = judge(plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Inconclusive, "{judgement:?}");
    let verdict = &judgement.verdicts[0];
    assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?}");
    for word in words {
        assert!(verdict.reason.contains(word), "{word} is not in: {}", verdict.reason);
    }
    judgement
}

#[test]
fn throttled_beyond_the_deadline() {
    // The first two looks are the preflight's and the observer's own first one.
    let (plan, finished) =
        drilled("DescribeAlarms", 2, |request| refuse(request, 400, "ThrottlingException"));
    let words = ["could not look", "cloudwatch:DescribeAlarms", "ThrottlingException", "quota"];
    assert_blind(&plan, &finished, &words);
}

#[test]
fn denied_names_the_action_to_allow() {
    let (plan, finished) =
        drilled("DescribeAlarmHistory", 0, |request| refuse(request, 403, "AccessDenied"));
    let words = ["could not look", "allow the action `cloudwatch:DescribeAlarmHistory`"];
    assert_blind(&plan, &finished, &words);
}

#[test]
fn an_endpoint_that_is_not_there() {
    let (plan, finished) = drilled("DescribeAlarms", 2, |_| {
        let error = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "nobody listens");
        let error = aws_smithy_runtime_api::client::result::ConnectorError::io(error.into());
        HttpConnectorFuture::ready(Err(error))
    });
    let words = ["could not look", "nobody listens", "check the network"];
    assert_blind(&plan, &finished, &words);
}
