//! What plans look like, and that everything that a scenario leaves out is decided.

use jiff::SignedDuration;

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
    insta::assert_snapshot!(text::render(&plan(VPN)), @r"
    vpn-tunnel-down (x.yaml)
      A VPN tunnel drops; the on-call is paged and the troubleshooting runbook runs
      hypothesis: The status alarm fires within two minutes.

    Before anything is injected
      account   111122223333
      region    eu-west-1
      steady    alarm vpn-status is OK
      stops if  alarm checkout-errors-critical is in ALARM, then and until the end

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
                        never more than 1 times for 10m from tunnel-down; judged by +11m (act)

    Recovery
      recovery-1  alarm vpn-status is OK
                    within 20m of tunnel-down, and holds for 2m; judged by +24m (recover)

    Calls, in order
      preflight  sts:GetCallerIdentity              guardrails
                 cloudwatch:DescribeAlarms          steady state of vpn-status, stop condition checkout-errors-critical, detected, recovery-1
                 fis:ListExperimentTemplates        tunnel-down
                 sns:GetTopicAttributes             paged, no-second-page
                 ssm:DescribeDocument               diagnosed
      listen     sqs:CreateQueue                    paged, no-second-page
                 sqs:TagQueue                       paged, no-second-page
                 sns:Subscribe                      paged, no-second-page
      inject     fis:StartExperiment                tunnel-down
                 fis:TagResource                    tunnel-down
      observe    cloudwatch:DescribeAlarms          stop condition checkout-errors-critical
                 fis:GetExperiment                  tunnel-down
                 cloudwatch:DescribeAlarmHistory    detected, recovery-1
                 sqs:ReceiveMessage                 paged, no-second-page
                 ssm:DescribeAutomationExecutions   diagnosed
                 ssm:GetAutomationExecution         diagnosed
      revert     sns:ListSubscriptionsByTopic       no-second-page, paged
                 sns:Unsubscribe                    no-second-page, paged
                 sqs:GetQueueUrl                    no-second-page, paged
                 sqs:DeleteQueue                    no-second-page, paged
                 fis:StopExperiment                 tunnel-down
                 fis:ListExperiments                tunnel-down

    Blast radius
      changes   the targets of the experiment template vpn-tunnel-outage
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
          "Sid": "CloudwatchFisSnsSsmStsAnyResource",
          "Effect": "Allow",
          "Action": [
            "cloudwatch:DescribeAlarmHistory",
            "cloudwatch:DescribeAlarms",
            "fis:ListExperimentTemplates",
            "fis:ListExperiments",
            "sns:Unsubscribe",
            "ssm:DescribeAutomationExecutions",
            "sts:GetCallerIdentity"
          ],
          "Resource": [
            "*"
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
            "sqs:DeleteQueue",
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
            "ssm:DescribeDocument"
          ],
          "Resource": [
            "arn:aws:ssm:eu-west-1:111122223333:document/Diagnose-Vpn"
          ]
        },
        {
          "Sid": "Ssm2",
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
