//! What watching costs: API calls a minute against the number of expectations and of drills, in virtual
//! time, at the cadence that a real account is looked at.
//!
//! `cargo bench --bench watching [WHAT]…`, where WHAT is the beginning of a table's title. The figures are
//! counts and not times, so they are the same on every machine and in every profile.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use firedrill::commands::drill::{Finished, rehearse_together};
use firedrill::commands::prepare::epoch;
use firedrill::emulator::Account;
use firedrill::emulator::environment::Environment;
use firedrill::emulator::services::Service;
use firedrill::judge::{VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::scenario::{self, Values};
use firedrill::timeline::EntryKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// No drill has more expectations than this; more are watched by more drills.
const MOST_A_DRILL: usize = 250;

/// How long each expectation is watched.
const MINUTES: u32 = 20;

/// Something that drills watch.
struct Watched {
    title: &'static str,
    /// What it is that stays quiet: the expectation's kind, for the thing with this number.
    expects: fn(usize) -> String,
    /// Makes one thing in the account.
    make: fn(&mut Account, usize),
    /// The calls that look at it again and again.
    looks: &'static [&'static str],
    /// How many things one of these calls is about, and so why a figure grows.
    grows: &'static str,
    /// Expectations and things of the rows that one to four drills watch.
    rows: &'static [(usize, usize)],
    /// How many drills watch ten things each, in the last rows.
    drills: &'static [usize],
}

const EACH: &[(usize, usize)] = &[(10, 10), (100, 10), (1_000, 10), (100, 100), (1_000, 100)];

const ALL: &[Watched] = &[
    Watched {
        title: "alarms",
        expects: |thing| format!("alarm: {{name: a{thing}}}"),
        make: alarm,
        looks: &["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"],
        grows: "DescribeAlarms names 100 alarms, so that 1,000 take 10 calls a look",
        rows: &[(10, 10), (100, 10), (1_000, 10), (100, 100), (1_000, 100), (1_000, 1_000)],
        drills: &[10, 50],
    },
    Watched {
        title: "rules, by their metrics",
        expects: |thing| format!("rule: {{name: r{thing}}}"),
        make: |account, thing| rule(account, "default", thing),
        looks: &["cloudwatch:GetMetricData"],
        grows: "GetMetricData asks for 500 metrics. Around the looks each rule is described twice, before \
                the drill and before it listens",
        rows: EACH,
        drills: &[10, 50],
    },
    Watched {
        title: "rules, by their bus's logs",
        expects: |thing| format!("rule: {{name: r{thing}, bus: orders}}"),
        make: |account, thing| rule(account, "orders", thing),
        looks: &["cloudwatch:GetMetricData", "logs:FilterLogEvents"],
        grows: "FilterLogEvents reads one log group, whichever rules it tells of; GetMetricData tells what \
                the logs lack. Each drill asks once where the bus logs, with a budget of a call a second",
        rows: EACH,
        drills: &[10],
    },
    Watched {
        title: "runbooks",
        expects: |thing| format!("runbook: {{document: Repair-{thing}}}"),
        make: document,
        looks: &["ssm:DescribeAutomationExecutions", "ssm:GetAutomationExecution"],
        grows: "up to 3 documents are listed one by one, more by one list. Around the looks each document \
                is described once",
        rows: &[(3, 3), (10, 10), (100, 10), (1_000, 10), (100, 100)],
        drills: &[10, 50],
    },
    Watched {
        title: "deployments of CodeDeploy",
        expects: |thing| {
            format!("rollback: {{codedeploy: {{application: shop, group: g{thing}}}}}")
        },
        make: group,
        looks: &["codedeploy:ListDeployments", "codedeploy:GetDeployment"],
        grows: "ListDeployments lists one deployment group; the budget is 60 calls a minute, so that fifty \
                drills that begin at once can't all look in time, and don't begin",
        rows: &[(1, 1), (100, 1), (10, 10), (100, 10), (1_000, 10)],
        drills: &[10],
    },
    Watched {
        title: "metrics",
        expects: |thing| {
            format!(
                "metric: {{namespace: Shop, name: M{thing}, statistic: Sum, missing: ignore, \
                 threshold: '> 1'}}"
            )
        },
        make: |_, _| {},
        looks: &["cloudwatch:GetMetricData"],
        grows: "GetMetricData asks for 500 metrics, so that 1,000 take 2 calls a look",
        rows: &[(10, 10), (100, 10), (1_000, 10), (100, 100), (1_000, 100), (1_000, 1_000)],
        drills: &[10, 50],
    },
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    println!(
        "Calls while what is expected is watched for {MINUTES} minutes. \"Looks\" are the calls that"
    );
    println!(
        "look at it, \"queues\" the long polls of the queue of each drill, and \"around\" all others,"
    );
    println!("in total: what is made and looked at before, and taken away after.");
    for watched in ALL {
        let title = watched.title;
        if !wanted.is_empty() && !wanted.iter().any(|wanted| title.starts_with(wanted.as_str())) {
            continue;
        }
        println!("\n{title}: {}.\n", watched.grows);
        println!("| expectations | of | drills | looks a minute | queues a minute | around |");
        println!("|---:|---:|---:|---:|---:|---:|");
        for (expectations, things) in watched.rows {
            tell(watched, *expectations, *things, expectations.div_ceil(MOST_A_DRILL));
        }
        for drills in watched.drills {
            tell(watched, drills * 10, 10, *drills);
        }
    }
}

fn tell(watched: &Watched, expectations: usize, things: usize, drills: usize) {
    let account = account(watched, things);
    let of_each = expectations / drills;
    let plan = |drill: usize| plan(watched, drill, (drill * of_each, of_each), things);
    let plans: Vec<Plan> = (0..drills).map(plan).collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut longest = SignedDuration::ZERO;
    for (plan, finished) in plans.iter().zip(rehearse_together(&plans, account)) {
        for verdict in judge(plan, &finished.timeline).verdicts {
            assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?}");
        }
        longest = longest.max(watching(&finished));
        for entry in &finished.timeline {
            if let EntryKind::Calls { counts: of_drill } = &entry.kind {
                for (action, count) in of_drill {
                    *counts.entry(action.clone()).or_default() += count;
                }
            }
        }
    }
    let of =
        |actions: &[&str]| -> u64 { actions.iter().filter_map(|action| counts.get(*action)).sum() };
    let (looks, queues) = (of(watched.looks), of(&["sqs:ReceiveMessage"]));
    let a_minute = |count: u64| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = count as f64;
        format!("{:.1}", count * 60.0 / longest.as_secs_f64())
    };
    println!(
        "| {expectations} | {things} | {drills} | {} | {} | {} |",
        a_minute(looks),
        a_minute(queues),
        counts.values().sum::<u64>() - looks - queues,
    );
}

/// For how long a drill looked.
fn watching(over: &Finished) -> SignedDuration {
    let at = |wanted: fn(&EntryKind) -> bool| -> Timestamp {
        let entry = over.timeline.iter().find(|entry| wanted(&entry.kind));
        entry.expect("the drill went its way").at
    };
    let from = at(|kind| matches!(kind, EntryKind::ObserverArmed { .. }));
    at(|kind| matches!(kind, EntryKind::Reverting)).duration_since(from)
}

/// A bus that logs what its rules do, where rules on it have a place; nothing else that is watched.
const ENVIRONMENT: &str = r"
version: 1
account: '111122223333'
region: eu-west-1
resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders, LogConfig: {Level: INFO, IncludeDetail: NONE}}}
  Steps: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/vendedlogs/events/event-bus/orders}}
  Told:
    Type: AWS::Logs::DeliverySource
    Properties: {Name: orders, ResourceArn: !GetAtt Bus.Arn, LogType: INFO_LOGS}
  Where:
    Type: AWS::Logs::DeliveryDestination
    Properties: {Name: orders, DestinationResourceArn: !GetAtt Steps.Arn}
  Delivery: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: !Ref Told, DeliveryDestinationArn: !GetAtt Where.Arn}}
  App: {Type: AWS::CodeDeploy::Application, Properties: {ApplicationName: shop}}
";

/// An account with this many quiet things; an environment holds 500 resources, so they are made by calls.
fn account(watched: &Watched, things: usize) -> Account {
    let read = |_: &std::path::Path| Ok(ENVIRONMENT.as_bytes().to_vec());
    let (environment, _) = Environment::load("environment.yaml".as_ref(), &read);
    let (mut account, _) = environment.expect("it is in order").account(epoch(), 0);
    for thing in 0..things {
        (watched.make)(&mut account, thing);
    }
    let warm = account.now() + SignedDuration::from_mins(5);
    account.advance(warm);
    account
}

fn call(account: &mut Account, service: Service, operation: &str, input: Value) {
    account.call(service, operation, input).expect("it is made");
}

fn alarm(account: &mut Account, thing: usize) {
    let alarm = json!({
        "AlarmName": format!("a{thing}"), "Namespace": "Shop", "MetricName": "Errors",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 50.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    call(account, Service::CloudWatch, "PutMetricAlarm", alarm);
}

fn rule(account: &mut Account, bus: &str, thing: usize) {
    let rule = json!({
        "Name": format!("r{thing}"), "EventBusName": bus,
        "EventPattern": r#"{"source":["shop"]}"#,
    });
    call(account, Service::Events, "PutRule", rule);
}

fn document(account: &mut Account, thing: usize) {
    let steps = json!({
        "schemaVersion": "0.3",
        "mainSteps": [{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
    });
    let document = json!({
        "Name": format!("Repair-{thing}"), "DocumentType": "Automation", "Content": steps.to_string(),
    });
    call(account, Service::Ssm, "CreateDocument", document);
}

fn group(account: &mut Account, thing: usize) {
    let group = json!({
        "applicationName": "shop", "deploymentGroupName": format!("g{thing}"),
        "serviceRoleArn": "arn:aws:iam::111122223333:role/deploy",
    });
    call(account, Service::CodeDeploy, "CreateDeploymentGroup", group);
}

/// A drill that watches that its things stay quiet.
fn plan(watched: &Watched, drill: usize, (first, count): (usize, usize), things: usize) -> Plan {
    let mut text = format!(
        "version: 1\nname: quiet-{drill}\nfaults:\n  - id: one\n    put_metric_data: \
         {{namespace: Shop, metric: Errors, value: 1}}\nexpect:\n"
    );
    for number in first..first + count {
        let expected = (watched.expects)(number % things);
        writeln!(text, "  - {{id: e{number}, never: {{{expected}}}, for: {MINUTES}m}}")
            .expect("a text grows");
    }
    let loaded = scenario::load("quiet.yaml", text.as_bytes(), &Values::default());
    let scenario = loaded.scenario.expect("it is in order");
    Plan::new(&scenario, "quiet.yaml", &format!("fd-{drill}")).expect("it is planned")
}
