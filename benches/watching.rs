//! What watching costs: API calls a minute against the number of expectations and of drills, in virtual
//! time, at the cadence that a real account is looked at.
//!
//! `cargo bench --bench watching`. The figures are counts and not times, so they are the same on every
//! machine.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use firedrill::commands::drill::rehearse_together;
use firedrill::commands::prepare::epoch;
use firedrill::emulator::Account;
use firedrill::emulator::environment::Environment;
use firedrill::emulator::services::Service;
use firedrill::judge::{VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::scenario::{self, Values};
use firedrill::timeline::EntryKind;
use jiff::SignedDuration;
use serde_json::json;

/// No drill has more expectations than this; more are watched by more drills.
const MOST_A_DRILL: usize = 250;

/// How long each expectation is watched.
const MINUTES: u32 = 20;

fn main() {
    println!("Calls a minute while alarms are watched for {MINUTES} minutes:\n");
    println!(
        "| expectations | alarms | drills | all calls | DescribeAlarms | DescribeAlarmHistory |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for (expectations, alarms) in [(10, 10), (100, 10), (100, 100), (1_000, 100), (1_000, 1_000)] {
        tell(expectations, alarms, expectations.div_ceil(MOST_A_DRILL));
    }
    for drills in [1, 10, 50] {
        tell(drills * 10, 10, drills);
    }
}

fn tell(expectations: usize, alarms: usize, drills: usize) {
    let account = account(alarms);
    let of_each = expectations / drills;
    let plans: Vec<Plan> =
        (0..drills).map(|drill| plan(drill, drill * of_each, of_each, alarms)).collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (plan, finished) in plans.iter().zip(rehearse_together(&plans, account)) {
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
    let a_minute = |count: u64| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = count as f64;
        format!("{:.1}", count / f64::from(MINUTES))
    };
    let of = |action: &str| a_minute(counts.get(action).copied().unwrap_or_default());
    println!(
        "| {expectations} | {alarms} | {drills} | {} | {} | {} |",
        a_minute(counts.values().sum()),
        of("cloudwatch:DescribeAlarms"),
        of("cloudwatch:DescribeAlarmHistory"),
    );
}

/// An account with this many quiet alarms; an environment holds 500 resources, so they are made by calls.
fn account(alarms: usize) -> Account {
    let text = "version: 1\naccount: \"111122223333\"\nregion: eu-west-1\nresources:\n  \
                Pager: {Type: AWS::SNS::Topic}\n";
    let read = |_: &std::path::Path| Ok(text.as_bytes().to_vec());
    let (environment, _) = Environment::load("environment.yaml".as_ref(), &read);
    let (mut account, _) = environment.expect("it is in order").account(epoch(), 0);
    for number in 0..alarms {
        let alarm = json!({
            "AlarmName": format!("a{number}"), "Namespace": "Shop", "MetricName": "Errors",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 50.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
        });
        account.call(Service::CloudWatch, "PutMetricAlarm", alarm).expect("an alarm");
    }
    let warm = account.now() + SignedDuration::from_mins(5);
    account.advance(warm);
    account
}

/// A drill that watches that its alarms stay quiet.
fn plan(drill: usize, first: usize, expectations: usize, alarms: usize) -> Plan {
    let mut text = format!(
        "version: 1\nname: quiet-{drill}\nfaults:\n  - id: one\n    put_metric_data: \
         {{namespace: Shop, metric: Errors, value: 1}}\nexpect:\n"
    );
    for number in first..first + expectations {
        writeln!(
            text,
            "  - {{id: e{number}, never: {{alarm: {{name: a{}}}}}, for: {MINUTES}m}}",
            number % alarms
        )
        .expect("a text grows");
    }
    let loaded = scenario::load("quiet.yaml", text.as_bytes(), &Values::default());
    let scenario = loaded.scenario.expect("it is in order");
    Plan::new(&scenario, "quiet.yaml", &format!("fd-{drill}")).expect("it is planned")
}
