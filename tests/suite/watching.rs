//! What watching costs: the calls of a drill are bounded by time, not by what is expected or by how many
//! drill beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use firedrill::commands::drill::{Finished, rehearse_paced, rehearse_together};
use firedrill::emulator::Account;
use firedrill::judge::{Outcome, VerdictKind, judge};
use firedrill::plan::{Becomes, Kind, Plan, Release};
use firedrill::runner::Conduct;
use firedrill::timeline::EntryKind;

use crate::between::{between, refuse};
use crate::stage;
use crate::support::root;

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

/// A drill whose alarm rings a while after its fault, far from every deadline.
fn slow_alarm() -> (Plan, Account) {
    let scenario = "version: 1\nname: slow-alarm\nguardrails: {max_duration: 2h}\nfaults:\n  - id: one\n    \
        put_metric_data: {namespace: Shop, metric: Errors, value: 60, every: 1m, duration: 20m}\n    at: 3m\nexpect:\n  \
        - {id: rang, alarm: {name: a0, state: ALARM}, within: 40m}\n  \
        - {id: quiet, never: {alarm: {name: a1}}, for: 40m}\n";
    stage::built(scenario, &environment(2)).expect("in order")
}

/// How long after it occurred the alarm's change was seen, in seconds, and the drill's calls.
fn seen_after(over: &Finished) -> (f64, BTreeMap<String, u64>) {
    let seen = over.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::Observation(seen)
            if seen.expectation == "rang"
                && seen.resolution_ms == 0
                && seen.evidence.contains_key("from") =>
        {
            Some(seen.seen_at.duration_since(seen.occurred_at).as_secs_f64())
        }
        _ => None,
    });
    (seen.expect("it was seen"), calls_of(over))
}

/// How many calls of each action a drill made.
fn calls_of(over: &Finished) -> BTreeMap<String, u64> {
    let calls = over.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::Calls { counts } => Some(counts.clone().into_iter().collect()),
        _ => None,
    });
    calls.expect("they are counted")
}

#[test]
fn an_alarm_is_seen_within_seconds_though_looks_are_far_between() {
    let (plan, account) = slow_alarm();
    let (over, after) = rehearse_paced(Conduct::default(), &plan, account.clone(), |inner| inner);
    let (woken, calls) = seen_after(&over);
    assert!(woken <= 4.0, "{woken} s: {}", stage::tail(&over.timeline));
    // Long polls one after the other: three a minute, and one more for each message.
    let minutes = u64::try_from(
        over.timeline.last().unwrap().at.duration_since(over.timeline[0].at).as_mins(),
    )
    .unwrap();
    let receives = calls["sqs:ReceiveMessage"];
    assert!((3 * minutes..=3 * minutes + 8).contains(&receives), "{receives} in {minutes} minutes");
    assert_eq!(calls.get("sqs:DeleteMessageBatch"), None, "{calls:?}");
    assert_eq!(stage::belongings(&after), stage::belongings(&account));

    // An account without rules: the receipt says so, and the drill goes on at the cadence.
    let (over, after) = rehearse_paced(Conduct::default(), &plan, account.clone(), |inner| {
        between(inner, |name, request, inner| match name {
            "PutRule" => refuse(&request, 400, "UnknownOperationException"),
            _ => inner.call(request),
        })
    });
    let (at_the_cadence, _) = seen_after(&over);
    assert!(at_the_cadence > 4.0 && at_the_cadence <= 31.0, "{at_the_cadence} s");
    assert_eq!(judge(&plan, &over.timeline).verdicts[0].verdict, VerdictKind::Met);
    assert!(over.timeline.iter().any(|entry| matches!(&entry.kind,
        EntryKind::Receipt { error: Some(error), .. } if error.contains("events:PutRule"))));
    assert_eq!(stage::belongings(&after), stage::belongings(&account));
}

#[test]
fn a_drill_that_may_not_be_woken_is_refused() {
    let (plan, account) = slow_alarm();
    let (over, _) = rehearse_paced(Conduct::default(), &plan, account, |inner| {
        between(inner, |name, request, inner| match name {
            "PutRule" => refuse(&request, 400, "AccessDeniedException"),
            _ => inner.call(request),
        })
    });
    assert_eq!(judge(&plan, &over.timeline).outcome, Outcome::Inconclusive);
    let words = stage::tail(&over.timeline);
    assert!(
        words.contains("listeners could not be set up") && words.contains("events:PutRule"),
        "{words}"
    );
}

/// What several kinds of expectations look at: rules of one pattern, and runbooks.
fn machinery(rules: usize, runbooks: usize) -> String {
    let mut text = environment(1);
    for number in 0..rules {
        writeln!(
            text,
            "  R{number}: {{Type: AWS::Events::Rule, Properties: {{Name: r{number}, EventPattern: {{source: [shop]}}, \
             Targets: [{{Id: inbox, Arn: !GetAtt Inbox.Arn}}]}}}}"
        )
        .expect("a text grows");
    }
    text.push_str("  Inbox: {Type: AWS::SQS::Queue, Properties: {QueueName: inbox}}\n");
    for number in 0..runbooks {
        writeln!(
            text,
            "  D{number}:\n    Type: AWS::SSM::Document\n    Properties:\n      Name: Repair-{number}\n      \
             DocumentType: Automation\n      Content: {{schemaVersion: \"0.3\", mainSteps: [{{name: nap, action: \
             \"aws:sleep\", inputs: {{Duration: PT1S}}}}]}}"
        )
        .expect("a text grows");
    }
    text
}

/// The calls of drills that all watch for ten minutes that nothing of this happens.
fn quiet(drills: usize, expected: &[String], environment: &str) -> BTreeMap<String, u64> {
    quiet_each(&vec![expected.to_vec(); drills], environment, 10)
}

/// The calls of drills that watch for so many minutes, each that nothing of its own happens.
fn quiet_each(drills: &[Vec<String>], environment: &str, minutes: u32) -> BTreeMap<String, u64> {
    let mut account = None;
    let planned = |(drill, expected): (usize, &Vec<String>)| {
        let expected: String = expected
            .iter()
            .enumerate()
            .map(|(number, what)| {
                format!("  - {{id: e{number}, never: {{{what}}}, for: {minutes}m}}\n")
            })
            .collect();
        let scenario = format!(
            "version: 1\nname: quiet-{drill}\nfaults:\n  - id: one\n    \
             put_metric_data: {{namespace: Shop, metric: Other, value: 1}}\nexpect:\n{expected}"
        );
        let (plan, built) = stage::built(&scenario, environment).expect("in order");
        account.get_or_insert(built);
        Plan { run_id: format!("fd-{drill}"), ..plan }
    };
    let plans: Vec<Plan> = drills.iter().enumerate().map(planned).collect();
    let finished = rehearse_together(&plans, account.expect("there is a drill"));
    counted(&plans.into_iter().zip(finished).collect::<Vec<_>>())
}

#[test]
fn many_runbooks_are_watched_with_the_calls_of_one() {
    let environment = machinery(0, 40);
    let runbooks = |count: usize| -> Vec<String> {
        let of = |number: usize| format!("runbook: {{document: Repair-{}}}", number % 40);
        (0..count).map(of).collect()
    };
    let of = |drills, expectations| quiet(drills, &runbooks(expectations), &environment);
    let (one, many, drills) = (of(1, 1), of(1, 200), of(5, 200));
    let lists = "ssm:DescribeAutomationExecutions";
    assert_eq!(many[lists], one[lists], "{many:?}");
    // Drills that begin side by side are armed one after the other: their first looks are their own.
    assert!(drills[lists] <= one[lists] + 5 * 4, "{drills:?}");
    assert_eq!(many.get("ssm:GetAutomationExecution"), None);
}

#[test]
fn many_expectations_of_rules_cost_a_look_at_each_rule_and_one_look_at_their_metrics() {
    let environment = machinery(40, 0);
    let rules = |count: usize| -> Vec<String> {
        (0..count).map(|number| format!("rule: {{name: r{}}}", number % 40)).collect()
    };
    let of = |drills, expectations| quiet(drills, &rules(expectations), &environment);
    let (few, many, drills) = (of(1, 40), of(1, 200), of(5, 200));
    assert_eq!(few, many);
    // Before anything is made, before it is listened to, and each drill whether its own rule stands, and
    // whether it is gone.
    let reads = |counts: &BTreeMap<String, u64>| counts["events:DescribeRule"];
    assert_eq!((reads(&many), reads(&drills)), (2 * 40 + 2, 2 * 40 + 2 * 5));
    // All of one pattern: one rule of the drill's own brings the events of all.
    assert_eq!((many["events:PutRule"], drills["events:PutRule"]), (1, 5));
    let values = "cloudwatch:GetMetricData";
    // What takes longer to set up begins to look at another part of the ten seconds.
    assert!(of(1, 1)[values].abs_diff(many[values]) <= 1, "{many:?}");
    // Drills that begin side by side are armed one after the other: each has a first and a last look of
    // its own.
    assert!(drills[values] <= many[values] + 2 * 5, "{drills:?}");
}

/// That many expectations of metrics, which are of that many metrics.
fn metrics(count: usize, metrics: usize, of: &str) -> Vec<String> {
    let metric = |number| {
        let name = format!("{of}{}", number % metrics);
        format!(
            "metric: {{namespace: Shop, name: {name}, statistic: Sum, missing: ignore, threshold: '> 1'}}"
        )
    };
    (0..count).map(metric).collect()
}

/// How often drills that each expect this for a minute ask for values.
fn asked(drills: &[Vec<String>]) -> u64 {
    quiet_each(drills, &environment(1), 1)["cloudwatch:GetMetricData"]
}

#[test]
fn metrics_are_asked_for_by_five_hundred_and_each_once() {
    let one = asked(&[metrics(1, 1, "m")]);
    assert_eq!(asked(&[metrics(490, 490, "m")]), one);
    assert_eq!(asked(&vec![metrics(300, 300, "m"); 2]), one);
    assert_eq!(asked(&[metrics(300, 300, "m"), metrics(300, 300, "n")]), 2 * one);
}

/// Deployment groups of CodeDeploy to which nothing is deployed.
fn groups(count: usize) -> String {
    let mut text = environment(1);
    text.push_str(
        "  App: {Type: AWS::CodeDeploy::Application, Properties: {ApplicationName: shop}}\n",
    );
    for number in 0..count {
        writeln!(
            text,
            "  G{number}:\n    Type: AWS::CodeDeploy::DeploymentGroup\n    Properties: {{ApplicationName: !Ref App, \
             DeploymentGroupName: g{number}, ServiceRoleArn: \"arn:aws:iam::111122223333:role/deploy\"}}"
        )
        .expect("a text grows");
    }
    text
}

#[test]
fn what_a_group_deploys_is_listed_once_for_everything_that_is_expected_of_it() {
    let environment = groups(5);
    let deployments = |count: usize| -> Vec<String> {
        let of = |number: usize| {
            let group = format!("codedeploy: {{application: shop, group: g{}}}", number % 5);
            match number / 5 % 2 {
                0 => format!("rollback: {{{group}}}"),
                _ => format!("deployment: {{{group}, state: Failed}}"),
            }
        };
        (0..count).map(of).collect()
    };
    let of = |drills, expectations| quiet(drills, &deployments(expectations), &environment);
    let (few, many, drills) = (of(1, 10), of(1, 200), of(4, 200));
    assert_eq!(few, many);
    let lists = "codedeploy:ListDeployments";
    assert!(drills[lists] <= many[lists] + 4 * 2 * 5, "{drills:?}");
}

#[test]
fn a_deployment_is_read_once_for_everything_that_is_expected_of_it() {
    let file = root().join("scenarios/bad-deployment-rolls-back.yaml");
    let (plan, account) = stage::prepared(&file);
    let counts = |plan: &Plan| {
        let drills = rehearse_together(std::slice::from_ref(plan), account.clone());
        assert_eq!(judge(plan, &drills[0].timeline).outcome, Outcome::Passed);
        calls_of(&drills[0])
    };
    let alone = counts(&plan);
    let mut crowd = plan.clone();
    let rollback =
        plan.expectations.iter().find(|one| one.id == "rolled-back").expect("it is there");
    for number in 0..4 {
        let release = Release::CodeDeploy {
            application: "checkout".to_owned(),
            group: "production".to_owned(),
        };
        let becomes = Becomes::State { state: "Succeeded".to_owned() };
        let mut one = rollback.clone();
        one.id = format!("more-{number}");
        if number > 0 {
            one.kind = Kind::Deployment { release, becomes };
        }
        crowd.expectations.push(one);
    }
    let crowded = counts(&crowd);
    let (lists, reads) = ("codedeploy:ListDeployments", "codedeploy:GetDeployment");
    // What was on the way before is asked for once.
    assert_eq!(alone[lists] + 1, crowded[lists]);
    assert_eq!(alone[reads], crowded[reads]);
}

#[test]
fn the_logs_of_a_bus_are_read_once_for_all_that_is_expected_of_its_rules() {
    let environment =
        crate::bus_logs::ENVIRONMENT.replace("LEVEL", "INFO").replace("EFFECT", "Allow");
    let expected = |count| vec!["rule: {name: large, bus: orders}".to_owned(); count];
    let of = |drills, expectations| quiet(drills, &expected(expectations), &environment);
    let (one, many, drills) = (of(1, 1), of(1, 100), of(5, 100));
    assert_eq!(one, many);
    let (reads, asks) = ("logs:FilterLogEvents", "logs:DescribeDeliverySources");
    assert!(drills[reads] <= one[reads] + 2 * 5, "{drills:?}");
    // Where the bus logs is found out by each drill, or together.
    assert!(drills[asks] <= 5, "{drills:?}");
}
