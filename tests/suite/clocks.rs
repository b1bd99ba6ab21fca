//! Drills whose clock is not AWS's: the difference is measured, told, and taken out of what is judged.

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture};
use firedrill::commands::drill::{Finished, rehearse_through};
use firedrill::judge::{VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::report::tree::Drill;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::between::between;
use crate::stage;

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Orders: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
"#;

const SCENARIO: &str = r"
version: 1
name: an-event-arrives
environment: environment.yaml
faults:
  - id: order
    put_events: {bus: orders, entries: [{source: shop, detail-type: Order, detail: {id: 1}}]}
expect:
  - id: arrived
    event: {bus: orders, pattern: {source: [shop]}}
    within: 30s
";

/// Drills with an AWS whose answers are dated `ahead` of our clock.
fn drilled(ahead: SignedDuration) -> (Plan, Finished) {
    drilled_in(SCENARIO, ahead)
}

fn drilled_in(scenario: &str, ahead: SignedDuration) -> (Plan, Finished) {
    let (plan, account) = stage::built(scenario, ENVIRONMENT).expect("in order");
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), |inner| {
        between(inner, move |_, request, connector| {
            HttpConnectorFuture::new(async move {
                let mut response = connector.call(request).await?;
                let date = response.headers().get("date").expect("the account dates its answers");
                let read = rfc2822::parse(date).expect("a date").timestamp() + ahead;
                let shifted = read.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                response.headers_mut().insert("date", shifted);
                Ok(response)
            })
        })
    });
    (plan, finished)
}

fn fault(timeline: &[Entry]) -> (Timestamp, SignedDuration) {
    let found = timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultStarted { occurred_at, uncertain_ms, .. } => {
            let uncertain = i64::try_from(*uncertain_ms).expect("small");
            Some((*occurred_at, SignedDuration::from_millis(uncertain)))
        }
        _ => None,
    });
    found.expect("the fault took effect")
}

#[test]
fn the_start_of_a_fault_that_aws_does_not_date_is_corrected_by_the_skew() {
    let (_, straight) = drilled(SignedDuration::ZERO);
    let (truly, uncertain) = fault(&straight.timeline);
    assert!(uncertain <= SignedDuration::from_secs(1), "{uncertain}");
    for ahead in [-90, -7, 7, 90].map(SignedDuration::from_secs) {
        let (_, skewed) = drilled(ahead);
        let (at, uncertain) = fault(&skewed.timeline);
        let error = (at - ahead).duration_since(truly).abs();
        assert!(error <= uncertain, "{ahead}: off by {error}, told {uncertain}");
        assert!(uncertain <= SignedDuration::from_secs(1), "{uncertain}");
    }
}

#[test]
fn a_look_reaches_no_further_than_awss_clock() {
    for ahead in [-90, -20, 0, 20].map(SignedDuration::from_secs) {
        let quiet = "  - {id: quiet, never: {event: {bus: orders, pattern: {source: [shop.x]}}}, for: 5m}\n";
        let (plan, over) = drilled_in(&format!("{SCENARIO}{quiet}"), ahead);
        let mut looks = 0;
        for entry in &over.timeline {
            if let EntryKind::Looked { through, .. } = &entry.kind {
                looks += 1;
                let aws_s = entry.at + ahead.min(SignedDuration::ZERO);
                assert!(*through <= aws_s, "{ahead}: {through} at {}", entry.at);
                // What is on its way to the queue takes up to five seconds.
                let least = aws_s - SignedDuration::from_secs(7);
                assert!(*through >= least, "{ahead}: {through} at {}", entry.at);
            }
        }
        assert!(looks > 0, "{:#?}", over.timeline);
        let verdicts = judge(&plan, &over.timeline).verdicts;
        let quiet = verdicts.iter().find(|one| one.expectation == "quiet");
        assert_eq!(quiet.map(|one| one.verdict), Some(VerdictKind::Met), "{ahead}");
    }
}

#[test]
fn the_report_tells_the_skew_and_warns_of_a_clock_that_is_far_off() {
    let (plan, finished) = drilled(SignedDuration::from_secs(-42));
    let told = Drill::new(&plan, &finished.timeline);
    let clock = told.clocks.first().expect("it was measured");
    assert!((clock.offset + SignedDuration::from_secs(42)).abs() <= clock.uncertainty, "{clock:?}");
    assert!(clock.is_off());
    let words = firedrill::report::console::drill(&told, "x");
    assert!(words.contains("our clock is 41.75s ahead of AWS's"), "{words}");
    let (plan, finished) = drilled(SignedDuration::ZERO);
    let told = Drill::new(&plan, &finished.timeline);
    assert!(!told.clocks.first().expect("it was measured").is_off());
}

#[test]
fn the_calls_of_a_drill_are_counted_by_their_action() {
    let (plan, finished) = drilled(SignedDuration::ZERO);
    let told = Drill::new(&plan, &finished.timeline);
    assert_eq!(told.calls.values().sum::<u64>(), finished.calls.expect("it was emulated"));
    assert_eq!(told.calls["events:PutEvents"], 1);
    assert_eq!(told.calls["sqs:CreateQueue"], 1);
    let (_, again) = drilled(SignedDuration::ZERO);
    assert_eq!(finished.timeline, again.timeline);
}
