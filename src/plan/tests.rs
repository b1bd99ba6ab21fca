//! What plans look like, and that everything that a scenario leaves out is decided.

pub(crate) mod deployments;
pub(crate) mod guardrails;
pub(crate) mod messages;
pub(crate) mod readings;

use jiff::SignedDuration;

use super::Stage::{Act, Detect, Mitigate, Recover};
use super::*;
use crate::scenario::{Values, load};

fn plan(text: &str) -> Plan {
    let loaded = load("x.yaml", text.as_bytes(), &Values::default());
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    Plan::new(&scenario, "x.yaml", "run-1").unwrap()
}

const VPN: &str = crate::scenario::VPN_EXAMPLE;

#[test]
fn the_dry_run_tells_everything_that_will_happen() {
    insta::assert_snapshot!(text::render(&plan(VPN)), @"
    vpn-tunnel-down (x.yaml)
      A VPN tunnel drops; the on-call is paged and the troubleshooting runbook runs
      hypothesis: The status alarm fires within two minutes.

    Before anything is injected
      account   111122223333
      region    eu-west-1
      steady    alarm vpn-status is OK
      stops if  alarm checkout-errors-critical is in ALARM, then and until the end
      lock      no other drill in the account and region
      lever     the safety lever of FIS is disengaged

    Inject
      tunnel-down  +0s  FIS experiment from vpn-tunnel-outage

    Expect
      detected        alarm vpn-status is ALARM
                        within 2m of tunnel-down; judged by +4m (detect)
      paged           message on oncall
                        within 30s of detected; judged by +5m 30s (act)
      diagnosed       runbook Diagnose-Vpn is Success, through describe-tunnels
                        within 5m of detected; judged by +10m (act)
      no-second-page  message on oncall
                        at most once for 10m from tunnel-down; judged by +11m (act)

    Recovery
      recovery-1  alarm vpn-status is OK
                    within 20m of tunnel-down, and holds for 2m; judged by +24m (recover)

    Calls and what they need, in order
      preflight  sts:GetCallerIdentity              guardrails
                 cloudwatch:DescribeAlarms          steady state of vpn-status, stop condition checkout-errors-critical, detected, recovery-1
                 ssm:PutParameter                   lock
                 fis:GetSafetyLever                 tunnel-down
                 fis:ListExperimentTemplates        tunnel-down
                 cloudwatch:ListAlarmMuteRules      detected
                 sns:GetTopicAttributes             paged, no-second-page
                 ssm:DescribeDocument               diagnosed
      listen     sqs:CreateQueue                    wake-ups, paged, no-second-page
                 sqs:TagQueue                       wake-ups, paged, no-second-page
                 events:PutRule                     wake-ups
                 events:TagResource                 wake-ups
                 events:PutTargets                  wake-ups
                 sns:Subscribe                      paged, no-second-page
      inject     fis:StartExperiment                tunnel-down
                 fis:TagResource                    tunnel-down
      observe    cloudwatch:DescribeAlarms          stop condition checkout-errors-critical
                 cloudwatch:DescribeAlarmHistory    stop condition checkout-errors-critical, detected, recovery-1
                 sqs:ReceiveMessage                 wake-ups, paged, no-second-page
                 fis:GetExperiment                  tunnel-down
                 sqs:DeleteMessage                  paged, no-second-page
                 sqs:GetQueueAttributes             paged, no-second-page
                 sns:ListSubscriptionsByTopic       paged, no-second-page
                 sns:GetSubscriptionAttributes      paged, no-second-page
                 ssm:DescribeAutomationExecutions   diagnosed
                 ssm:GetAutomationExecution         diagnosed
      revert     sns:ListSubscriptionsByTopic       no-second-page, paged
                 sns:Unsubscribe                    no-second-page, paged
                 sqs:GetQueueUrl                    no-second-page, paged, wake-ups
                 sqs:DeleteQueue                    no-second-page, paged, wake-ups
                 fis:StopExperiment                 tunnel-down
                 fis:ListExperiments                tunnel-down
                 events:DescribeRule                wake-ups
                 events:RemoveTargets               wake-ups
                 events:DeleteRule                  wake-ups
                 ssm:DeleteParameter                lock
                 ssm:GetParameter                   lock

    Cadence on a real account
      looks     every 5s while a window closes within 2m, every 10s within 10m, else every 30s,
                and when an event on the default bus tells of a change, where AWS has one
      budget    2 DescribeAlarms a second of the account's 9; 1 call a second of a service
                whose quota AWS does not publish; undoing has a share of its own

    Blast radius
      changes   the targets of the experiment template vpn-tunnel-outage
      listens   event bus default, to look when something changes
      listens   topic oncall
      creates   queue and rules named firedrill-run-1…, deleted at the end
      ends      when all is judged, at the latest +24m
      limit     stopped and reverted after 30m (guardrails.max_duration)
    ");
}

#[test]
fn the_policy_is_as_narrow_as_the_plan_allows() {
    let policy = serde_json::to_string_pretty(&iam::policy(&plan(VPN))).unwrap();
    insta::assert_snapshot!(policy, @r#"
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "CloudwatchFisSnsSsmAnyResource",
          "Effect": "Allow",
          "Action": [
            "cloudwatch:DescribeAlarmHistory",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListAlarmMuteRules",
            "fis:ListExperimentTemplates",
            "fis:ListExperiments",
            "sns:GetSubscriptionAttributes",
            "sns:Unsubscribe",
            "ssm:DescribeAutomationExecutions"
          ],
          "Resource": [
            "*"
          ]
        },
        {
          "Sid": "Events",
          "Effect": "Allow",
          "Action": [
            "events:DeleteRule",
            "events:DescribeRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource"
          ],
          "Resource": [
            "arn:aws:events:eu-west-1:111122223333:rule/firedrill-*"
          ]
        },
        {
          "Sid": "Fis",
          "Effect": "Allow",
          "Action": [
            "fis:GetExperiment",
            "fis:StopExperiment",
            "fis:TagResource"
          ],
          "Resource": [
            "arn:aws:fis:eu-west-1:111122223333:experiment/*"
          ]
        },
        {
          "Sid": "Fis2",
          "Effect": "Allow",
          "Action": [
            "fis:GetSafetyLever"
          ],
          "Resource": [
            "arn:aws:fis:eu-west-1:111122223333:safety-lever/default"
          ]
        },
        {
          "Sid": "Fis3",
          "Effect": "Allow",
          "Action": [
            "fis:StartExperiment"
          ],
          "Resource": [
            "arn:aws:fis:eu-west-1:111122223333:experiment-template/*",
            "arn:aws:fis:eu-west-1:111122223333:experiment/*"
          ]
        },
        {
          "Sid": "Sns",
          "Effect": "Allow",
          "Action": [
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:Subscribe"
          ],
          "Resource": [
            "arn:aws:sns:eu-west-1:111122223333:oncall"
          ]
        },
        {
          "Sid": "Sqs",
          "Effect": "Allow",
          "Action": [
            "sqs:CreateQueue",
            "sqs:DeleteMessage",
            "sqs:DeleteQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
            "sqs:TagQueue"
          ],
          "Resource": [
            "arn:aws:sqs:eu-west-1:111122223333:firedrill-*"
          ]
        },
        {
          "Sid": "Ssm",
          "Effect": "Allow",
          "Action": [
            "ssm:DeleteParameter",
            "ssm:GetParameter",
            "ssm:PutParameter"
          ],
          "Resource": [
            "arn:aws:ssm:eu-west-1:111122223333:parameter/firedrill/lock"
          ]
        },
        {
          "Sid": "Ssm2",
          "Effect": "Allow",
          "Action": [
            "ssm:DescribeDocument"
          ],
          "Resource": [
            "arn:aws:ssm:eu-west-1:111122223333:document/Diagnose-Vpn"
          ]
        },
        {
          "Sid": "Ssm3",
          "Effect": "Allow",
          "Action": [
            "ssm:GetAutomationExecution"
          ],
          "Resource": [
            "arn:aws:ssm:eu-west-1:111122223333:automation-execution/*"
          ]
        }
      ]
    }
    "#);
}

/// Every kind of fault and of expectation, with as little as each can be written with.
pub(crate) const EVERYTHING: &str = r#"
version: 1
name: everything
faults:
  - at: 90s
    put_events: {bus: orders, entries: [{source: my.app, detail-type: Failed}]}
  - set_alarm_state: {alarm: cpu, reason: by hand}
  - id: load
    after: fault-2
    at: 10s
    effect: expect-1
    put_metric_data: {namespace: App, metric: m, value: 9, duration: 150s}
  - id: stress
    after: load
    fis:
      inline:
        description: d
        roleArn: arn:aws:iam::111122223333:role/fis
        targets: {web: {resourceType: "aws:ec2:instance", resourceTags: {app: web}, selectionMode: COUNT(1)}}
        actions: {stop: {actionId: "aws:ec2:stop-instances", targets: {Instances: web}}}
        stopConditions: [{source: none}]
  - id: known
    fis: {template: EXT1a2b3c4d5e6f7}
expect:
  - alarm: {name: cpu}
    within: 1m
  - rule: {name: r, bus: orders}
    within: 1m
    after: expect-1
    count: 2
  - runbook: {document: Diagnose}
    within: 1m
  - rollback: {codedeploy: {application: shop, group: blue}}
    within: 1m
  - event: {pattern: {source: [my.app]}}
    within: 1m
    correlation: exact
  - notification: {topic: "arn:aws:sns:eu-west-1:111122223333:oncall"}
    within: 1m
  - experiment: {state: stopped}
    within: 1m
  - experiment: {state: running, fault: known}
    within: 1m
    after: known
  - never: {rule: {name: quiet}}
    for: 3m
recovery:
  - alarm: {name: cpu}
    within: 5m
    sustain: 1m
"#;

/// What AWS writes down about trouble: beside [`EVERYTHING`], so that each stays a page.
pub(crate) const RECORDS: &str = r#"
version: 1
name: records
guardrails: {accounts: ["111122223333"], regions: [eu-west-1, us-gov-west-1]}
faults:
  - put_events: {entries: [{source: my.app, detail-type: Failed}]}
  - guardduty_sample_findings: {types: ["CryptoCurrency:EC2/BitcoinTool.B"]}
  - securityhub_findings: {findings: [{title: A port is open, severity: low}]}
expect:
  - ops_item: {title: "* is lost", source: EC2, severity: 2, status: Open, operational_data: {"/aws/resources": "*i-*"}}
    within: 1m
  - incident: {title: "VPN *", response_plan: vpn-down, impact: 3, status: RESOLVED, runbook: Diagnose}
    within: 1m
  - never: {incident: {}, more_than: 1}
    for: 1m
  - finding: {source: guardduty, type: "CryptoCurrency:*", severity: high, record: ACTIVE}
    within: 1m
  - never: {finding: {source: securityhub, title: "* is open", workflow: NEW}}
    for: 1m
"#;

#[test]
fn records_are_planned_with_their_words_their_calls_and_their_policy() {
    let plan = plan(RECORDS);
    let stages: Vec<Stage> = plan.expectations.iter().map(|one| one.stage).collect();
    assert_eq!(stages, [Act, Act, Act, Detect, Act]);
    insta::assert_snapshot!("records", text::render(&plan));
    let policy = serde_json::to_string_pretty(&iam::policy(&plan)).unwrap();
    insta::assert_snapshot!("records-policy", policy);
}

#[test]
fn everything_that_a_scenario_leaves_out_is_decided() {
    let plan = plan(EVERYTHING);
    let faults: Vec<&str> = plan.faults.iter().map(|fault| fault.id.as_str()).collect();
    assert_eq!(faults, ["fault-2", "known", "load", "stress", "fault-1"]);
    let ids: Vec<&str> = plan.expectations.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids[..2], ["expect-1", "expect-2"]);
    assert_eq!(ids[9], "recovery-1");
    let first = &plan.expectations[0];
    assert_eq!(first.anchor, Anchor::Fault("fault-2".to_owned()));
    let alarm = |one: &PlannedExpectation| match &one.kind {
        Kind::Alarm { state, .. } => *state,
        other => panic!("{other:?} is no alarm"),
    };
    assert_eq!(alarm(first), StateValue::Alarm);
    assert_eq!(alarm(&plan.expectations[9]), StateValue::Ok);
    let stages: Vec<Stage> = plan.expectations.iter().map(|one| one.stage).collect();
    assert_eq!(stages, [Detect, Act, Act, Mitigate, Act, Act, Mitigate, Act, Act, Recover]);
    assert_eq!(plan.expectations[0].correlation, Correlation::Window);
    assert_eq!(plan.expectations[4].correlation, Correlation::Exact);
    assert_eq!(plan.grace, SignedDuration::from_mins(1));
    let stopped = &plan.expectations[6].kind;
    assert_eq!(*stopped, Kind::Experiment { fault: "stress".into(), state: "stopped".into() });
}

#[test]
fn the_run_id_marks_what_a_run_changes() {
    let plan = plan(EVERYTHING);
    let action = |id: &str| &plan.faults.iter().find(|fault| fault.id == id).unwrap().action;
    let FaultAction::SetAlarmState { reason, .. } = action("fault-2") else { panic!() };
    assert_eq!(reason, "by hand [firedrill:run=run-1]");
    let FaultAction::FisInline { template } = action("stress") else { panic!() };
    assert_eq!(template["tags"]["firedrill:run"], "run-1");
}

#[test]
fn a_long_reason_is_cut_before_the_run_id_and_not_after() {
    let text = EVERYTHING.replace("by hand", &"x".repeat(2000));
    let FaultAction::SetAlarmState { reason, .. } = &plan(&text).faults[0].action else { panic!() };
    assert_eq!(reason.chars().count(), 1023);
    assert!(reason.ends_with("[firedrill:run=run-1]"));
}

#[test]
fn datapoints_cover_the_duration_and_there_is_at_least_one() {
    for (keys, expected) in [
        ("duration: 150s", 3),
        ("duration: 2m", 2),
        ("duration: 150s, every: 10s", 15),
        ("every: 10s", 1),
        ("unit: Count", 1),
    ] {
        let plan = plan(&EVERYTHING.replace("duration: 150s", keys));
        let found = plan.faults.iter().find_map(|fault| match fault.action {
            FaultAction::PutMetricData { datapoints, .. } => Some(datapoints),
            _ => None,
        });
        assert_eq!(found, Some(expected), "{keys}");
    }
}

#[test]
fn the_worst_case_follows_the_chain_through_effects_and_grace() {
    let plan = plan(EVERYTHING);
    let schedule = plan.schedule().unwrap();
    let minutes = SignedDuration::from_mins;
    let seconds = SignedDuration::from_secs;
    assert_eq!(schedule.faults["fault-2"], seconds(0));
    assert_eq!(schedule.faults["load"], seconds(10));
    // `stress` waits for the effect of `load` (expect-1 by 1m, and its grace), and FIS takes its time.
    assert_eq!(schedule.faults["stress"], minutes(3));
    let second = schedule.windows["expect-2"];
    assert_eq!(
        (second.opens, second.deadline, second.closes),
        (minutes(2), minutes(3), minutes(4))
    );
    // A never has no grace; a sustained state is watched after its grace.
    assert_eq!(schedule.windows["expect-9"].closes, minutes(3));
    assert_eq!(schedule.windows["recovery-1"].closes, minutes(7));
    assert_eq!(schedule.end, minutes(7));
    assert_eq!(plan.max_duration, minutes(7) + MARGIN);
}

#[test]
fn a_guardrail_is_the_limit_where_there_is_one() {
    assert_eq!(plan(VPN).max_duration, SignedDuration::from_mins(30));
}

#[test]
fn a_plan_survives_its_json() {
    let plan = plan(EVERYTHING);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn what_the_check_refuses_has_no_plan_and_does_not_panic() {
    use Unplannable as U;
    let planned = |from: &str, to: &str| {
        assert!(EVERYTHING.contains(from), "{from}");
        let text = EVERYTHING.replace(from, to);
        let loaded = load("x.yaml", text.as_bytes(), &Values::default());
        Plan::new(&loaded.scenario.unwrap(), "x.yaml", "run-1").unwrap_err()
    };
    let unknown =
        |id: &str, target: &str| U::UnknownReference { id: id.into(), target: target.into() };
    assert_eq!(planned("after: expect-1", "after: nobody"), unknown("expect-2", "nobody"));
    assert_eq!(planned("after: load", "after: expect-2"), unknown("stress", "expect-2"));
    assert_eq!(planned("id: stress", "id: load"), U::DuplicateId { id: "load".into() });
    assert_eq!(planned("    for: 3m\n", ""), U::Missing { id: "expect-9".into(), key: "for" });
    assert_eq!(planned("{rule: {name: quiet}}", "{}"), U::NotOneKind { id: "expect-9".into() });
    assert_eq!(planned("after: fault-2", "after: stress"), U::Cycle { id: "load".into() });
    assert!(matches!(planned("after: expect-1", "after: expect-2"), U::Cycle { .. }));
    let loaded = load("x.yaml", b"version: 1\nname: a\n", &Values::default());
    assert_eq!(Plan::new(&loaded.scenario.unwrap(), "x", "r"), Err(U::NoFault));
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one snapshot")]
fn the_dry_run_of_everything_names_everything() {
    insta::assert_snapshot!(text::render(&plan(EVERYTHING)), @r#"
    everything (x.yaml)

    Before anything is injected
      account   none: only a rehearsal runs
      region    none: only a rehearsal runs
      lock      no other drill in the account and region
      lever     the safety lever of FIS is disengaged

    Inject
      fault-2  +0s  alarm cpu set to ALARM
      known    +0s  FIS experiment from EXT1a2b3c4d5e6f7
      load     10s after fault-2  3 datapoint(s) of App m = 9, one every 1m
               its effect is proved by expect-1
      stress   after load  FIS experiment of its own: aws:ec2:stop-instances
      fault-1  +1m 30s  1 event(s) on orders: my.app/Failed

    Expect
      expect-1  alarm cpu is ALARM
                  within 1m of fault-2; judged by +2m (detect)
      expect-2  rule r on orders invoked its target
                  2 times within 1m of expect-1; judged by +4m (act)
      expect-3  runbook Diagnose is Success
                  within 1m of fault-2; judged by +2m (act)
      expect-4  CodeDeploy rolls shop/blue back
                  within 1m of fault-2; judged by +2m (mitigate)
      expect-5  event on default matching {"source":["my.app"]}
                  within 1m of fault-2; judged by +2m (act)
                  only if it is ours by exact or better
      expect-6  message on arn:aws:sns:eu-west-1:111122223333:oncall
                  within 1m of fault-2; judged by +2m (act)
      expect-7  experiment of stress is stopped
                  within 1m of fault-2; judged by +2m (mitigate)
      expect-8  experiment of known is running
                  within 1m of known; judged by +3m (act)
      expect-9  rule quiet invoked its target
                  never for 3m from fault-2; judged by +3m (act)

    Recovery
      recovery-1  alarm cpu is OK
                    within 5m of fault-2, and holds for 1m; judged by +7m (recover)

    Calls and what they need, in order
      preflight  sts:GetCallerIdentity              guardrails
                 ssm:PutParameter                   lock
                 fis:GetSafetyLever                 known, stress
                 cloudwatch:DescribeAlarms          fault-2, expect-1, recovery-1
                 fis:ListExperimentTemplates        known
                 events:DescribeEventBus            fault-1, expect-5
                 cloudwatch:ListAlarmMuteRules      expect-1
                 events:DescribeRule                expect-2, expect-9
                 events:ListTargetsByRule           expect-2
                 ssm:DescribeDocument               expect-3
                 codedeploy:GetDeploymentGroup      expect-4
                 sns:GetTopicAttributes             expect-6
      listen     sqs:CreateQueue                    wake-ups, expect-2, expect-5, expect-6, expect-9
                 sqs:TagQueue                       wake-ups, expect-2, expect-5, expect-6, expect-9
                 events:PutRule                     wake-ups, expect-2, expect-5, expect-9
                 events:TagResource                 wake-ups, expect-2, expect-5, expect-9
                 events:PutTargets                  wake-ups, expect-2, expect-5, expect-9
                 sns:Subscribe                      expect-6
      inject     cloudwatch:SetAlarmState           fault-2
                 cloudwatch:DescribeAlarmHistory    fault-2
                 fis:StartExperiment                known, stress
                 fis:TagResource                    known, stress
                 cloudwatch:PutMetricData           load
                 fis:CreateExperimentTemplate       stress
                 iam:PassRole                       stress
                 events:PutEvents                   fault-1
      observe    sqs:ReceiveMessage                 wake-ups, expect-2, expect-5, expect-6, expect-9
                 fis:GetExperiment                  known, stress, expect-7, expect-8
                 cloudwatch:DescribeAlarmHistory    expect-1, recovery-1
                 events:DescribeEventBus            expect-2, expect-9
                 logs:DescribeDeliverySources       expect-2, expect-9
                 logs:DescribeDeliveries            expect-2, expect-9
                 logs:DescribeDeliveryDestinations  expect-2, expect-9
                 logs:FilterLogEvents               expect-2, expect-9
                 sqs:DeleteMessage                  expect-2, expect-5, expect-6, expect-9
                 sqs:GetQueueAttributes             expect-2, expect-5, expect-6, expect-9
                 events:DescribeRule                expect-2, expect-5, expect-9
                 events:ListTargetsByRule           expect-2, expect-5, expect-9
                 cloudwatch:GetMetricData           expect-2, expect-9
                 ssm:DescribeAutomationExecutions   expect-3
                 ssm:GetAutomationExecution         expect-3
                 codedeploy:ListDeployments         expect-4
                 codedeploy:GetDeployment           expect-4
                 sns:ListSubscriptionsByTopic       expect-6
                 sns:GetSubscriptionAttributes      expect-6
      revert     events:DescribeRule                expect-9, expect-5, expect-2, wake-ups
                 events:RemoveTargets               expect-9, expect-5, expect-2, wake-ups
                 events:DeleteRule                  expect-9, expect-5, expect-2, wake-ups
                 sqs:GetQueueUrl                    expect-9, expect-6, expect-5, expect-2, wake-ups
                 sqs:DeleteQueue                    expect-9, expect-6, expect-5, expect-2, wake-ups
                 sns:ListSubscriptionsByTopic       expect-6
                 sns:Unsubscribe                    expect-6
                 fis:DeleteExperimentTemplate       stress
                 fis:ListExperimentTemplates        stress
                 fis:StopExperiment                 stress, known
                 fis:ListExperiments                stress, known
                 cloudwatch:SetAlarmState           fault-2
                 ssm:DeleteParameter                lock
                 ssm:GetParameter                   lock

    Cadence on a real account
      looks     every 5s while a window closes within 2m, every 10s within 10m, else every 30s,
                and when an event on the default bus tells of a change, where AWS has one
      budget    2 DescribeAlarms a second of the account's 9; 1 call a second of a service
                whose quota AWS does not publish; undoing has a share of its own

    Blast radius
      changes   alarm cpu, and whatever its actions start
      changes   aws:ec2:instance tagged app=web (COUNT(1), target web)
      changes   event bus orders, and whatever its rules start
      changes   metric App m, and the alarms on it
      changes   the targets of the experiment template EXT1a2b3c4d5e6f7
      listens   event bus default
      listens   event bus default, to look when something changes
      listens   event bus orders
      listens   topic arn:aws:sns:eu-west-1:111122223333:oncall
      creates   queue and rules named firedrill-run-1…, deleted at the end
      ends      when all is judged, at the latest +7m
      limit     stopped and reverted after 12m (that, and 5m to arm and revert)
    "#);
}

#[test]
fn without_guardrails_the_policy_names_any_account_and_region() {
    let policy = iam::policy(&plan(EVERYTHING)).to_string();
    assert!(policy.contains("arn:aws:cloudwatch:*:*:alarm:cpu"), "{policy}");
    assert!(policy.contains("arn:aws:sns:eu-west-1:111122223333:oncall"));
    assert!(policy.contains(r#""iam:PassedToService":"fis.amazonaws.com""#));
    assert!(policy.contains(r#""cloudwatch:namespace":"App""#));
    assert!(policy.contains("arn:aws:events:*:*:rule/orders/firedrill-*"));
    assert!(policy.contains("arn:aws:events:*:*:rule/quiet"));
    assert!(policy.contains("arn:aws:fis:*:*:action/aws:ec2:stop-instances"));
    assert!(policy.contains("arn:aws:fis:*:*:experiment-template/EXT1a2b3c4d5e6f7"));
}

#[test]
fn partitions_follow_the_region() {
    for (region, start) in [("cn-north-1", "arn:aws-cn:"), ("us-gov-west-1", "arn:aws-us-gov:")] {
        let policy = iam::policy(&plan(&VPN.replace("eu-west-1", region))).to_string();
        assert!(policy.contains(start), "{policy}");
    }
}

#[test]
fn the_plan_and_the_check_count_alike() {
    let part = "  - {rule: {name: r}, within: 1m}\n";
    let text = |count: usize| {
        let list = part.repeat(count);
        format!("version: 1\nname: a\nfaults:\n  - set_alarm_state: {{alarm: a}}\nexpect:\n{list}")
    };
    for (count, fits) in [(MAX_PARTS - 1, true), (MAX_PARTS, false)] {
        let loaded = load("x.yaml", text(count).as_bytes(), &Values::default());
        let checked = loaded.check(None).iter().any(|one| one.code == "too-many");
        let planned = Plan::new(loaded.scenario.as_ref().unwrap(), "x.yaml", "run-1");
        assert_eq!((!checked, planned.is_ok()), (fits, fits), "{count}");
    }
}
