//! What watching costs: the calls of a drill are bounded by time, not by what is expected or by how many
//! drill beside it.

use std::collections::BTreeMap;

use firedrill::commands::drill::{Finished, rehearse_together};
use firedrill::judge::{VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::timeline::EntryKind;

use crate::stage;

/// An environment with this many quiet alarms.
fn environment(alarms: usize) -> String {
    let alarm = |number| {
        format!(
            "  A{number}:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      AlarmName: a{number}\n      \
             Namespace: Shop\n      MetricName: Errors\n      Statistic: Sum\n      Period: 60\n      \
             EvaluationPeriods: 1\n      Threshold: 50\n      \
             ComparisonOperator: GreaterThanThreshold\n      TreatMissingData: notBreaching\n"
        )
    };
    let alarms: String = (0..alarms).map(alarm).collect();
    format!("version: 1\naccount: \"111122223333\"\nregion: eu-west-1\nresources:\n{alarms}")
}

/// Drills that watch for ten minutes that their alarms stay quiet; every alarm is watched by one of them.
fn watched(drills: usize, expectations: usize, alarms: usize) -> Vec<(Plan, Finished)> {
    let text = environment(alarms);
    let mut account = None;
    let plans: Vec<Plan> = (0..drills)
        .map(|drill| {
            let first = drill * expectations;
            let expected: String = (first..first + expectations)
                .map(|number| {
                    let alarm = number % alarms;
                    format!("  - {{id: e{number}, never: {{alarm: {{name: a{alarm}}}}}, for: 10m}}\n")
                })
                .collect();
            let scenario = format!(
                "version: 1\nname: quiet-{drill}\nenvironment: environment.yaml\nfaults:\n  - id: one\n    \
                 put_metric_data: {{namespace: Shop, metric: Errors, value: 1}}\nexpect:\n{expected}"
            );
            let (plan, built) = stage::built(&scenario, &text).expect("in order");
            account.get_or_insert(built);
            plan
        })
        .collect();
    let finished = rehearse_together(&plans, account.expect("there is a drill"));
    plans.into_iter().zip(finished).collect()
}

/// How many calls of each action all of them made; every expectation was seen throughout.
fn counted(watched: &[(Plan, Finished)]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (plan, finished) in watched {
        for verdict in judge(plan, &finished.timeline).verdicts {
            assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?}");
        }
        for entry in &finished.timeline {
            if let EntryKind::Calls { counts: of_drill } = &entry.kind {
                for (action, count) in of_drill {
                    *counts.entry(action.clone()).or_default() += count;
                }
            }
        }
    }
    counts
}

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";

#[test]
fn a_hundred_expectations_cost_what_ten_cost() {
    let ten = counted(&watched(1, 10, 100));
    let hundred = counted(&watched(1, 100, 100));
    assert_eq!(ten, hundred);
    // Eight minutes at ten seconds and two at five, the preflight, the first look and the settling.
    assert!((70..=85).contains(&ten[DESCRIBE]), "{ten:?}");
}

#[test]
fn ten_drills_look_with_the_calls_of_one() {
    let one = counted(&watched(1, 10, 10));
    let ten = counted(&watched(10, 10, 10));
    assert_eq!(one[DESCRIBE], ten[DESCRIBE]);
    assert_eq!(ten["cloudwatch:PutMetricData"], 10);
}

#[test]
fn more_alarms_than_one_call_names_cost_a_call_a_hundred() {
    let hundred = counted(&watched(1, 100, 100))[DESCRIBE];
    let three_hundred = counted(&watched(2, 150, 300))[DESCRIBE];
    assert_eq!(three_hundred, 3 * hundred);
}
