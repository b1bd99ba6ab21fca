//! Evidence for a rule from its bus's own logs: exact where they show it, and by the metrics where they don't.

use std::fmt::Write as _;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::judge::{Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::scenario::types::Correlation;
use firedrill::timeline::{EntryKind, Observation};

use crate::between::{between, refuse};
use crate::stage;

/// A bus that logs, as a team's own template has it.
pub(crate) const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders, LogConfig: {Level: LEVEL, IncludeDetail: NONE}}}
  Steps: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/vendedlogs/events/event-bus/orders}}
  Told:
    Type: AWS::Logs::DeliverySource
    Properties: {Name: orders-info, ResourceArn: !GetAtt Bus.Arn, LogType: INFO_LOGS}
  Failed:
    Type: AWS::Logs::DeliverySource
    Properties: {Name: orders-error, ResourceArn: !GetAtt Bus.Arn, LogType: ERROR_LOGS}
  Where:
    Type: AWS::Logs::DeliveryDestination
    Properties: {Name: orders, DestinationResourceArn: !GetAtt Steps.Arn}
  One: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: !Ref Told, DeliveryDestinationArn: !GetAtt Where.Arn}}
  Two: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: !Ref Failed, DeliveryDestinationArn: !GetAtt Where.Arn}}
  Inbox: {Type: AWS::SQS::Queue, Properties: {QueueName: inbox}}
  InboxPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Inbox]
      PolicyDocument:
        Statement: {Effect: EFFECT, Principal: {Service: events.amazonaws.com}, Action: "sqs:SendMessage", Resource: !GetAtt Inbox.Arn}
  Large:
    Type: AWS::Events::Rule
    Properties: {Name: large, EventBusName: !Ref Bus, EventPattern: {source: [shop]}, Targets: [{Id: inbox, Arn: !GetAtt Inbox.Arn}]}
"#;

const SCENARIO: &str = r"
version: 1
name: an-order
faults:
  - id: orders
    put_events:
      bus: orders
      entries:
        - {source: shop, detail-type: Order, detail: {id: 1}}
        - {source: shop, detail-type: Order, detail: {id: 2}}
expect:
  - {id: matched, rule: {name: large, bus: orders, state: matched}, within: 1m}
  - {id: invoked, rule: {name: large, bus: orders, state: invoked}, within: 1m}
  - {id: not-thrice, never: {rule: {name: large, bus: orders, state: invoked}, more_than: 2}, for: 2m}
";

fn drilled(
    level: &str,
    effect: &str,
    refused: Option<(&'static str, &'static str)>,
) -> (Plan, Finished) {
    let environment = ENVIRONMENT.replace("LEVEL", level).replace("EFFECT", effect);
    let (plan, account) = stage::built(SCENARIO, &environment).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |name, request, inner| match refused {
            Some((refused, code)) if refused == name => refuse(&request, 400, code),
            _ => inner.call(request),
        })
    });
    (plan, finished)
}

fn seen<'f>(finished: &'f Finished, expectation: &str) -> Vec<&'f Observation> {
    let seen = finished.timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Observation(seen) if seen.expectation == expectation => Some(seen),
        _ => None,
    });
    seen.collect()
}

const BY_LOGS: &str = "the bus's logs, by the event's id";

#[test]
fn a_bus_that_logs_shows_exactly_which_event_its_rule_acted_on() {
    let (plan, finished) = drilled("INFO", "Allow", None);
    let judged = judge(&plan, &finished.timeline);
    assert_eq!(judged.outcome, Outcome::Passed, "{}", stage::tail(&finished.timeline));
    for expectation in ["matched", "invoked"] {
        let seen = seen(&finished, expectation);
        assert_eq!(seen.len(), 2, "{}", stage::tail(&finished.timeline));
        for one in seen {
            assert_eq!(one.evidence["seen by"], BY_LOGS);
            assert_eq!((one.correlation, one.resolution_ms), (Correlation::Exact, 0), "{one:?}");
            // Seconds after it happened, and not minutes, as by the metrics.
            let after = one.seen_at.duration_since(one.occurred_at);
            assert!(after.as_secs() <= 10, "{after:?}");
        }
    }
}

#[test]
fn a_rule_that_matched_and_could_not_deliver_is_told_so() {
    let (plan, finished) = drilled("INFO", "Deny", None);
    let judged = judge(&plan, &finished.timeline);
    assert_eq!(judged.verdicts[0].verdict, VerdictKind::Met);
    assert_eq!(judged.verdicts[1].verdict, VerdictKind::Missed, "{:?}", judged.verdicts[1]);
    let seen = seen(&finished, "invoked");
    assert!(seen.iter().all(|one| !one.holds), "{seen:?}");
    assert!(seen[0].summary.contains("matched, and its target was not invoked"), "{seen:?}");
}

#[test]
fn what_the_logs_do_not_show_the_metrics_do() {
    // A bus that logs failures alone, one that logs nothing, and a server that knows of no bus logs.
    let unknown = Some(("DescribeDeliverySources", "UnknownOperationException"));
    for (level, refused) in [("ERROR", None), ("OFF", None), ("INFO", unknown)] {
        let (plan, finished) = drilled(level, "Allow", refused);
        assert_eq!(judge(&plan, &finished.timeline).outcome, Outcome::Passed, "{level}");
        let seen = seen(&finished, "invoked");
        assert_eq!(seen.len(), 2, "{level}");
        assert!(seen.iter().all(|one| one.evidence["seen by"].contains("metric")), "{seen:?}");
    }
}

#[test]
fn records_that_never_arrive_are_no_absence() {
    let empty = Some(("FilterLogEvents", "ResourceNotFoundException"));
    let (plan, finished) = drilled("INFO", "Allow", empty);
    assert_eq!(judge(&plan, &finished.timeline).outcome, Outcome::Inconclusive);
    let lost = ENVIRONMENT.replace("LEVEL", "INFO").replace("EFFECT", "Allow");
    // Nothing delivers what the bus logs of a success.
    let lost = lost.replace("LogType: INFO_LOGS", "LogType: TRACE_LOGS");
    let (plan, account) = stage::built(SCENARIO, &lost).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| inner);
    assert_eq!(
        judge(&plan, &finished.timeline).outcome,
        Outcome::Passed,
        "{}",
        stage::tail(&finished.timeline)
    );
    let seen = seen(&finished, "invoked");
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.evidence["seen by"].contains("metric")), "{seen:?}");
}

#[test]
fn who_may_not_ask_where_a_bus_logs_is_blind() {
    let (plan, finished) =
        drilled("INFO", "Allow", Some(("DescribeDeliveries", "AccessDeniedException")));
    let judged = judge(&plan, &finished.timeline);
    assert_eq!(judged.outcome, Outcome::Inconclusive, "{judged:?}");
    assert!(format!("{judged:?}").contains("logs:DescribeDeliveries"), "{judged:?}");
}

/// A search that finds at most this many records on a page, as one of a large group may.
fn on_short_pages(mut request: HttpRequest, records: usize) -> HttpRequest {
    let body = request.body().bytes().expect("it is in memory");
    let mut search: serde_json::Value = serde_json::from_slice(body).expect("it is JSON");
    search["limit"] = records.into();
    *request.body_mut() = SdkBody::from(search.to_string());
    request
}

#[test]
fn a_bus_that_logs_more_than_a_look_reads_is_read_on_and_no_blind_spot() {
    let mut scenario =
        String::from("version: 1\nname: many-orders\nguardrails: {max_duration: 1h}\nfaults:\n");
    let (faults, of_each) = (20, 7);
    for number in 0..faults {
        let entries: String =
            (0..of_each).map(|_| "{source: shop, detail-type: Order, detail: {id: 1}}, ").collect();
        writeln!(
            scenario,
            "  - {{id: f{number}, at: {}s, put_events: {{bus: orders, entries: [{entries}]}}}}",
            number * 60
        )
        .expect("a text grows");
    }
    let all = faults * of_each;
    write!(
        scenario,
        "expect:\n  - {{id: invoked, rule: {{name: large, bus: orders}}, count: {all}, within: 30m}}\n  \
         - {{id: no-more, never: {{rule: {{name: large, bus: orders}}, more_than: {all}}}, for: 30m}}\n"
    )
    .expect("a text grows");
    let environment = ENVIRONMENT.replace("LEVEL", "INFO").replace("EFFECT", "Allow");
    let (plan, account) = stage::built(&scenario, &environment).expect("in order");
    // Twenty pages are a quarter of what is logged, and more than the four minutes that are read twice.
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, |name, request, inner| match name {
            "FilterLogEvents" => inner.call(on_short_pages(request, 5)),
            _ => inner.call(request),
        })
    });
    let judged = judge(&plan, &finished.timeline);
    assert_eq!(judged.outcome, Outcome::Passed, "{:?}", judged.verdicts);
    let seen = seen(&finished, "invoked");
    let by_logs = seen.iter().filter(|one| one.evidence["seen by"] == BY_LOGS).count();
    assert_eq!((seen.len(), by_logs), (all, all));
}
