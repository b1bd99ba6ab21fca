//! Every way of not seeing makes an expectation inconclusive, with the reason: never met, never missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use firedrill::commands::drill::{Finished, rehearse, rehearse_through};
use firedrill::emulator::EvaluationState;
use firedrill::judge::{Judgement, Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::scenario::{self, Values};
use jiff::SignedDuration;

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

#[test]
fn an_alarm_that_cloudwatch_can_not_evaluate() {
    let states = [
        EvaluationState::PartialData,
        EvaluationState::EvaluationError,
        EvaluationState::EvaluationFailure,
    ];
    for state in states {
        let (plan, mut account) = stage::built(SCENARIO, ENVIRONMENT).expect("in order");
        let (after, lasting) = (SignedDuration::from_secs(30), SignedDuration::from_mins(20));
        account.impair_alarm("errors", state, after, lasting);
        let finished = rehearse(&plan, account, &StopSwitch::default(), stage::unheard());
        assert_blind(&plan, &finished, &["could not look", "alarm `errors`", state.as_str()]);
    }
}

#[test]
fn an_alarm_that_can_be_evaluated_again_is_read_again() {
    let (plan, mut account) = stage::built(SCENARIO, ENVIRONMENT).expect("in order");
    let (after, lasting) = (SignedDuration::from_secs(30), SignedDuration::from_secs(60));
    account.impair_alarm("errors", EvaluationState::PartialData, after, lasting);
    let finished = rehearse(&plan, account, &StopSwitch::default(), stage::unheard());
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.verdicts[0].verdict, VerdictKind::Met, "{judgement:?}");
}

#[test]
fn a_stop_condition_that_can_not_be_evaluated_stops_the_drill() {
    let guarded = SCENARIO.replacen("faults:", "stop_conditions: [{alarm: guard}]\nfaults:", 1);
    let guard =
        ENVIRONMENT.replace("Errors:\n    Type", "Guard:\n    Type").replace(": errors", ": guard");
    let guard = guard.split("resources:\n").nth(1).expect("it has resources");
    let (plan, mut account) =
        stage::built(&guarded, &format!("{ENVIRONMENT}{guard}")).expect("in order");
    let (after, lasting) = (SignedDuration::from_secs(10), SignedDuration::from_mins(20));
    account.impair_alarm("guard", EvaluationState::EvaluationError, after, lasting);
    let finished = rehearse(&plan, account, &StopSwitch::default(), stage::unheard());
    let judgement = judge(&plan, &finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Stopped, "{judgement:?}");
    assert!(judgement.reasons[0].contains("EVALUATION_ERROR"), "{:?}", judgement.reasons);
}

#[test]
fn a_history_with_more_pages_than_are_read() {
    let pages = AtomicUsize::new(0);
    let (plan, finished) = drilled("DescribeAlarmHistory", 0, move |_| {
        let token = format!("page {}", pages.fetch_add(1, Ordering::SeqCst));
        let mut body = minicbor::Encoder::new(Vec::new());
        let written = body.map(2).and_then(|body| body.str("AlarmHistoryItems")?.array(0));
        let written = written.and_then(|body| body.str("NextToken")?.str(&token));
        written.expect("a vector grows");
        let status = StatusCode::try_from(200).expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(body.into_writer()));
        response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
        HttpConnectorFuture::ready(Ok(response))
    });
    let words = ["could not look", "the history of alarm `errors` is not whole", "more pages"];
    assert_blind(&plan, &finished, &words);
}

const RULE_ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Queue: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::Events::Rule
    Properties:
      Name: orders
      EventPattern: {source: [shop]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]
"#;

const RULE_SCENARIO: &str = r"
version: 1
name: an-order
environment: environment.yaml
faults:
  - id: order
    put_events: {entries: [{source: bank, detail-type: Order, detail: {id: 1}}]}
expect:
  - id: matched
    rule: {name: orders, state: matched}
    within: 1m
";

#[test]
fn metrics_of_which_cloudwatch_holds_a_part_back() {
    let (plan, account) = stage::built(RULE_SCENARIO, RULE_ENVIRONMENT).expect("in order");
    let (whole, _) =
        rehearse_through(&plan, account.clone(), &StopSwitch::default(), |inner| inner);
    let judged = judge(&plan, &whole.timeline);
    assert_eq!(judged.verdicts[0].verdict, VerdictKind::Missed, "the rule does not match");
    let seen = AtomicUsize::new(0);
    let (partly, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |name, request, connector| {
            if name != "GetMetricData" || seen.fetch_add(1, Ordering::SeqCst) == 0 {
                return connector.call(request);
            }
            HttpConnectorFuture::new(async move {
                let mut response = connector.call(request).await?;
                let body = response.body().bytes().expect("it is in memory").to_vec();
                let (whole, part) = (b"\x68Complete".as_slice(), b"\x6bPartialData".as_slice());
                let at = body.windows(whole.len()).position(|piece| piece == whole);
                let at = at.expect("the answer has a status");
                let partly = [&body[..at], part, &body[at + whole.len()..]].concat();
                *response.body_mut() = SdkBody::from(partly);
                Ok(response)
            })
        })
    });
    let words = ["could not look", "rule `orders`: the values are not whole", "PartialData"];
    assert_blind(&plan, &partly, &words);
}

#[test]
fn a_correlation_that_an_alarm_never_has_is_warned_of() {
    let warned = |correlation: &str| {
        let text = SCENARIO.trim_end().to_owned() + &format!("\n    correlation: {correlation}\n");
        let loaded = scenario::load("x.yaml", text.as_bytes(), &Values::default());
        let found = loaded.check(None);
        found.iter().any(|found| found.code == "correlation-never-had")
    };
    assert!(!warned("window"));
    assert!(warned("marker"));
    assert!(warned("exact"));
    let (mut plan, account) = stage::built(SCENARIO, ENVIRONMENT).expect("in order");
    plan.expectations[0].correlation = firedrill::scenario::types::Correlation::Exact;
    let finished = rehearse(&plan, account, &StopSwitch::default(), stage::unheard());
    let verdict = judge(&plan, &finished.timeline).verdicts.remove(0);
    assert_eq!(verdict.verdict, VerdictKind::Missed, "that is why: {verdict:?}");
}
