//! What an alarm did between two looks is in its history: a flap that no look showed, and more changes than
//! one page holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture};
use firedrill::commands::drill::{Finished, rehearse_paced};
use firedrill::emulator::Account;
use firedrill::judge::{VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::Conduct;
use firedrill::timeline::EntryKind;

use crate::between::{between, refuse};
use crate::stage;

/// An alarm that is evaluated every ten seconds, and forgets what it saw ten seconds later.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 10, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

/// Values that ring the alarm, and ten seconds later others that calm it.
fn flapping(again: &str, expect: &str) -> (Plan, Account) {
    let scenario = format!(
        "version: 1\nname: flap\nguardrails: {{max_duration: 2h}}\nfaults:\n  \
         - {{id: high, put_metric_data: {{namespace: Shop, metric: Errors, value: 60{again}}}, at: 2m 28s}}\n  \
         - {{id: low, put_metric_data: {{namespace: Shop, metric: Errors, value: 1{again}}}, at: 2m 38s}}\n\
         expect:\n  - {expect}\n"
    );
    stage::built(&scenario, ENVIRONMENT).expect("in order")
}

/// What was seen of the alarm after the watch began.
fn changes(finished: &Finished) -> BTreeSet<String> {
    let seen = finished.timeline.iter().filter_map(|entry| {
        let EntryKind::Observation(seen) = &entry.kind else { return None };
        seen.evidence.contains_key("from").then(|| format!("{} {}", seen.occurred_at, seen.summary))
    });
    seen.collect()
}

/// Nothing rings here: the account has no rules.
fn without_rules(name: &str) -> bool {
    name == "PutRule"
}

#[test]
fn a_flap_that_no_look_showed_is_read_from_the_history() {
    let (plan, account) = flapping("", "{id: rang, alarm: {name: errors}, within: 40m}");
    let shown = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&shown);
    let (finished, _) = rehearse_paced(Conduct::default(), &plan, account, |inner| {
        between(inner, move |name, request, inner| {
            if without_rules(name) {
                return refuse(&request, 400, "UnknownOperationException");
            }
            let (looks, counter) = (name == "DescribeAlarms", Arc::clone(&counter));
            HttpConnectorFuture::new(async move {
                let response = inner.call(request).await?;
                let body = response.body().bytes().expect("it is in memory");
                if looks && body.windows(6).any(|piece| piece == b"\x65ALARM") {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                Ok(response)
            })
        })
    });
    assert_eq!(
        shown.load(Ordering::SeqCst),
        0,
        "a look showed it: {}",
        stage::tail(&finished.timeline)
    );
    assert_eq!(changes(&finished).len(), 2, "{}", stage::tail(&finished.timeline));
    assert_eq!(judge(&plan, &finished.timeline).verdicts[0].verdict, VerdictKind::Met);
}

#[test]
fn more_changes_than_a_page_holds_are_read_page_by_page() {
    let (plan, account) = flapping(
        ", every: 40s, duration: 70m",
        "{id: calm, never: {alarm: {name: errors}, more_than: 500}, for: 75m}",
    );
    let drilled = |blind: bool| {
        let (looks, pages) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&pages);
        let (finished, _) = rehearse_paced(Conduct::default(), &plan, account.clone(), |inner| {
            between(inner, move |name, request, inner| {
                // Two looks go well, the preflight's and the observer's first; then none for long.
                let missed = name == "DescribeAlarms"
                    && (3..93).contains(&looks.fetch_add(1, Ordering::SeqCst));
                if without_rules(name) {
                    return refuse(&request, 400, "UnknownOperationException");
                }
                if blind && missed {
                    return refuse(&request, 400, "ThrottlingException");
                }
                let body = request.body().bytes().unwrap_or_default();
                if body.windows(9).any(|piece| piece == b"NextToken") {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                inner.call(request)
            })
        });
        (finished, pages.load(Ordering::SeqCst))
    };
    let (fair, _) = drilled(false);
    let (blinded, pages) = drilled(true);
    let seen = changes(&fair);
    assert!(seen.len() > 100, "{}: {}", seen.len(), stage::tail(&fair.timeline));
    assert_eq!(changes(&blinded), seen);
    assert!(pages > 0, "no second page was asked for");
}
