//! Drills over what an account writes down about itself, late: API calls in CloudTrail's event history,
//! the values of metrics, and the results of Config's rules.

use firedrill::commands::drill::rehearse_through;
use firedrill::emulator::services::Service;
use firedrill::judge::{Judgement, Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::scenario::types::Correlation;
use firedrill::timeline::{Entry, EntryKind};
use jiff::SignedDuration;
use serde_json::json;

use crate::blindness::{deny_after, deny_for};
use crate::stage;

/// A rule whose runbook opens an OpsItem with a call of its own.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: runbook
      AssumeRolePolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com]}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Open:
    Type: AWS::SSM::Document
    Properties:
      Name: Open-OpsItem
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps:
          - name: open
            action: aws:executeAwsApi
            inputs: {Service: ssm, Api: CreateOpsItem, Title: "Order A-17 is stuck", Description: Look., Source: shop}
  Stuck:
    Type: AWS::Events::Rule
    Properties:
      Name: stuck
      EventPattern: {source: [shop.orders]}
      Targets:
        - Id: open
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Open}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
"#;

const API_CALLS: &str = r"
version: 1
name: api-calls
environment: environment.yaml
faults:
  - id: order
    put_events: {entries: [{source: shop.orders, detail-type: OrderStuck, detail: {}}]}
expect:
  - {id: called, api_call: {name: CreateOpsItem, source: ssm}, within: 1m}
  - {id: by-somebody-else, api_call: {name: CreateOpsItem, source: ssm, user: alice}, within: 1m}
  - {id: of-another-service, api_call: {name: CreateOpsItem, source: ec2}, within: 1m}
  - {id: failed, api_call: {name: CreateOpsItem, source: ssm, error: AccessDenied*}, within: 1m}
  - {id: started, api_call: {name: StartAutomationExecution, source: ssm, resource: Open-OpsItem}, within: 1m}
  - {id: never-two, never: {api_call: {name: CreateOpsItem, source: ssm}, more_than: 1}, for: 5m}
  - {id: never-any, never: {api_call: {name: CreateOpsItem, source: ssm}}, for: 5m}
";

fn drilled(scenario: &str, denied: &'static str, after: usize) -> (Judgement, Vec<Entry>) {
    let (plan, account) = stage::built(scenario, ENVIRONMENT).expect("in order");
    let before = account.clone();
    let between = |inner| deny_after(after, denied, inner);
    let (finished, account) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    assert_eq!(stage::belongings(&account), stage::belongings(&before));
    (judge(&plan, &finished.timeline), finished.timeline)
}

fn of<'j>(judgement: &'j Judgement, id: &str) -> &'j Verdict {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged")
}

/// How long the injection was ago when the drill was over.
fn lasted(timeline: &[Entry]) -> SignedDuration {
    let started =
        timeline.iter().find(|entry| matches!(entry.kind, EntryKind::FaultStarted { .. }));
    let (first, last) = (started.expect("injected"), timeline.last().expect("it ended"));
    last.at.duration_since(first.at)
}

#[test]
fn an_api_call_is_seen_minutes_later_with_the_moment_at_which_it_was_made() {
    let (judgement, timeline) = drilled(API_CALLS, "NoSuchOperation", 0);
    for id in ["called", "started", "never-two"] {
        assert_eq!(of(&judgement, id).verdict, VerdictKind::Met, "{:?}", of(&judgement, id));
    }
    assert_eq!(of(&judgement, "never-any").verdict, VerdictKind::Violated);
    let seen = of(&judgement, "called").observation.as_ref().expect("it was seen");
    assert_eq!(seen.resolution_ms, 1000, "events have whole seconds");
    let late = seen.seen_at.duration_since(seen.occurred_at);
    assert!(late >= SignedDuration::from_mins(5), "{late}");
    assert_eq!(seen.summary, "ssm called ssm.amazonaws.com CreateOpsItem");
    assert!(lasted(&timeline) > SignedDuration::from_mins(20), "a never is judged that much later");
}

#[test]
fn an_api_call_is_missed_only_once_the_history_must_show_it() {
    let (judgement, timeline) = drilled(API_CALLS, "NoSuchOperation", 0);
    for (id, words) in [
        ("by-somebody-else", "not by alice"),
        ("failed", "not with the error AccessDenied*"),
        ("of-another-service", "as CloudTrail shows it 15 minutes later"),
    ] {
        let verdict = of(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Missed, "{verdict:?}");
        assert!(verdict.reason.contains(words), "{}", verdict.reason);
    }
    assert!(lasted(&timeline) > SignedDuration::from_mins(20));
}

#[test]
fn a_history_that_can_not_be_read_is_inconclusive() {
    let (judgement, _) = drilled(API_CALLS, "LookupEvents", 2);
    for verdict in &judgement.verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?}");
        assert!(verdict.reason.contains("cloudtrail:LookupEvents"), "{}", verdict.reason);
    }
}

#[test]
fn calls_that_another_regions_history_shows_are_never_called_absent() {
    let scenario = "version: 1\nname: elsewhere\nenvironment: environment.yaml\nfaults:\n  - put_events: {entries: \
        [{source: shop.orders, detail-type: OrderStuck, detail: {}}]}\nexpect:\n  - {never: {api_call: {name: \
        DeleteRole, source: iam}}, for: 1m}\n";
    let (judgement, timeline) = drilled(scenario, "NoSuchOperation", 0);
    assert_ne!(judgement.verdicts[0].verdict, VerdictKind::Met, "{}", stage::tail(&timeline));
    let words = format!("{timeline:?}");
    assert!(words.contains("shows the calls of iam.amazonaws.com in us-east-1 alone"), "{words}");
    assert!(!words.contains("FaultStarted"), "nothing is injected that nobody would see");
}

#[test]
fn a_call_of_whichever_service_counts_where_it_is_seen_and_is_no_absence_where_it_is_not() {
    let expected = "expect:\n  - {id: seen, api_call: {name: CreateOpsItem}, within: 1m}\n  \
        - {id: unseen, api_call: {name: DeleteRole}, within: 1m}\n  \
        - {id: assumed, api_call: {name: AssumeRoleWithSAML, source: sts}, within: 1m}\n  \
        - {id: never-seen, never: {api_call: {name: DeleteRole}}, for: 1m}\n  \
        - {id: never-one, never: {api_call: {name: CreateOpsItem}}, for: 1m}\n  \
        - {id: other, never: {api_call: {name: DeleteRole, source: ec2}}, for: 1m}\n";
    let (begins, _) = API_CALLS.split_once("expect:").expect("it expects");
    let (judgement, timeline) = drilled(&format!("{begins}{expected}"), "NoSuchOperation", 0);
    let verdicts = [
        ("seen", VerdictKind::Met),
        ("unseen", VerdictKind::Inconclusive),
        ("assumed", VerdictKind::Inconclusive),
        ("never-seen", VerdictKind::Inconclusive),
        ("never-one", VerdictKind::Violated),
        ("other", VerdictKind::Met),
    ];
    for (id, verdict) in verdicts {
        assert_eq!(of(&judgement, id).verdict, verdict, "{id}: {}", stage::tail(&timeline));
    }
    assert!(of(&judgement, "unseen").reason.contains("name its `source`"), "{judgement:?}");
    assert!(of(&judgement, "never-seen").reason.contains("us-east-1"), "{judgement:?}");
    assert!(of(&judgement, "assumed").reason.contains("global endpoint"), "{judgement:?}");
}

/// Errors and requests, one of each a minute, and a metric that nobody writes by itself.
const METRICS: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
signals:
  - {metric: {namespace: Shop, name: Errors}, every: 1m, baseline: 1}
  - {metric: {namespace: Shop, name: Requests}, every: 1m, baseline: 100}
"#;

const THRESHOLDS: &str = r#"
version: 1
name: thresholds
environment: environment.yaml
faults:
  - id: errors
    put_metric_data: {namespace: Shop, metric: Errors, value: 80, every: 1m, duration: 4m}
  - id: once
    at: 30s
    put_metric_data: {namespace: Shop, metric: Rare, value: 7, every: 1m, duration: 1m}
expect:
  - {id: many, metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: "> 50"}, within: 3m}
  - id: share
    metric:
      expression: "100 * errors / requests"
      metrics:
        errors: {namespace: Shop, name: Errors, statistic: Maximum}
        requests: {namespace: Shop, name: Requests, statistic: Maximum}
      threshold: ">= 80"
    within: 3m
  - {id: too-many, metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: "> 90"}, within: 3m}
  - {id: never-half, never: {metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: "> 50"}}, for: 5m}
  - {id: never-grave, never: {metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: ">= 81"}}, for: 5m}
  - {id: slow, metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: "> 50", period: 5m}, within: 9m}
  - {id: rare, metric: {namespace: Shop, name: Rare, statistic: Sum, threshold: "> 5"}, within: 3m}
  - {id: never-rare, never: {metric: {namespace: Shop, name: Rare, statistic: Sum, threshold: "> 8"}}, for: 5m}
  - id: never-rare-ignored
    never: {metric: {namespace: Shop, name: Rare, statistic: Sum, threshold: "> 8", missing: ignore}}
    for: 5m
recovery:
  - {id: calm, metric: {namespace: Shop, name: Errors, statistic: Maximum, threshold: "<= 1"}, within: 12m, sustain: 2m}
"#;

fn metered(denied: &'static str, after: usize) -> (Judgement, Vec<Entry>) {
    let (plan, account) = stage::built(THRESHOLDS, METRICS).expect("in order");
    let between = |inner| deny_after(after, denied, inner);
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    (judge(&plan, &finished.timeline), finished.timeline)
}

#[test]
fn a_metric_and_an_expression_are_met_in_the_first_whole_period_that_fulfils_them() {
    let (judgement, timeline) = metered("NoSuchOperation", 0);
    for id in ["many", "share", "slow", "rare", "never-grave", "calm"] {
        let verdict = of(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?} {}", stage::tail(&timeline));
    }
    let many = of(&judgement, "many").observation.as_ref().expect("it was seen");
    assert_eq!(many.resolution_ms, 60_000, "the period");
    assert_eq!(many.summary, "Maximum of Errors in Shop was 80, > 50");
    assert_eq!(many.occurred_at.as_second() % 60, 0, "AWS's own time of the period");
    let settled = many.seen_at.duration_since(many.occurred_at);
    assert!(settled >= SignedDuration::from_mins(4), "only once its data must be there: {settled}");
    assert_eq!(
        of(&judgement, "slow").observation.as_ref().map(|one| one.resolution_ms),
        Some(300_000)
    );
    assert_eq!(of(&judgement, "too-many").verdict, VerdictKind::Missed);
    assert_eq!(of(&judgement, "never-half").verdict, VerdictKind::Violated);
}

#[test]
fn a_period_without_a_value_is_a_blind_spot_unless_the_scenario_says_otherwise() {
    let (judgement, _) = metered("NoSuchOperation", 0);
    let blind = of(&judgement, "never-rare");
    assert_eq!(blind.verdict, VerdictKind::Inconclusive, "{blind:?}");
    assert!(blind.reason.contains("no value for the period from"), "{}", blind.reason);
    assert_eq!(of(&judgement, "never-rare-ignored").verdict, VerdictKind::Met);
}

#[test]
fn metrics_that_can_not_be_read_are_inconclusive() {
    let (judgement, timeline) = metered("GetMetricData", 2);
    for verdict in &judgement.verdicts {
        let told = stage::tail(&timeline);
        assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?} {told}");
        assert!(verdict.reason.contains("cloudwatch:GetMetricData"), "{}", verdict.reason);
    }
}

/// A process check, and a rule that evaluates by itself.
const RULES: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Reviewed:
    Type: AWS::Config::ConfigRule
    Properties: {ConfigRuleName: reviewed, Source: {Owner: AWS, SourceIdentifier: AWS_CONFIG_PROCESS_CHECK}}
  Ssh:
    Type: AWS::Config::ConfigRule
    Properties: {ConfigRuleName: restricted-ssh, Source: {Owner: AWS, SourceIdentifier: INCOMING_SSH_DISABLED}}
"#;

const TOLD: &str = r"
version: 1
name: told
environment: environment.yaml
faults:
  - id: told
    config_evaluation: {rule: reviewed, compliance: NON_COMPLIANT, annotation: The review is late.}
  - id: evaluated
    config_evaluation: {rule: restricted-ssh}
expect:
  - {id: broken, compliance: {rule: reviewed}, within: 1m}
  - {id: routed, event: {pattern: {source: [aws.config], detail: {configRuleName: [reviewed]}}}, within: 1m}
  - {id: of-another, compliance: {rule: reviewed, resource: sg-1}, within: 1m}
  - {id: never-open, never: {compliance: {rule: restricted-ssh}}, for: 3m}
recovery:
  - {id: reviewed-again, compliance: {rule: reviewed}, within: 2m}
";

#[test]
fn a_process_check_that_is_told_is_seen_with_configs_own_time_and_set_back() {
    let (plan, account) = stage::built(TOLD, RULES).expect("in order");
    let (finished, mut account) =
        rehearse_through(&plan, account, &StopSwitch::default(), |inner| inner);
    let (judgement, timeline) = (judge(&plan, &finished.timeline), finished.timeline);
    for id in ["broken", "routed", "never-open"] {
        let verdict = of(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?} {}", stage::tail(&timeline));
    }
    let seen = of(&judgement, "broken").observation.as_ref().expect("it was seen");
    assert_eq!(seen.resolution_ms, 0, "{seen:?}");
    assert_eq!(seen.correlation, Correlation::Marker, "the annotation carries the run's id");
    for id in ["of-another", "reviewed-again"] {
        assert_eq!(of(&judgement, id).verdict, VerdictKind::Missed, "{:?}", of(&judgement, id));
    }
    let asked = json!({"ConfigRuleName": "reviewed"});
    let told = account.call(Service::Config, "GetComplianceDetailsByConfigRule", asked);
    let told = &told.expect("the rule is there")["EvaluationResults"][0];
    assert_eq!(told["ComplianceType"], "NOT_APPLICABLE", "as before it was ever told: {told}");
}

#[test]
fn a_rule_that_evaluates_by_itself_can_not_be_told_and_nothing_is_injected() {
    let told = TOLD.replace(
        "config_evaluation: {rule: restricted-ssh}",
        "config_evaluation: {rule: restricted-ssh, compliance: NON_COMPLIANT}",
    );
    let (plan, account) = stage::built(&told, RULES).expect("in order");
    let over = stage::drill(&plan, account, &StopSwitch::default(), stage::unheard());
    let judgement = judge(&plan, &over.finished.timeline);
    assert!(judgement.reasons[0].contains("is no process check"), "{:?}", judgement.reasons);
    let touched = |entry: &Entry| matches!(entry.kind, EntryKind::Intent { .. });
    assert!(!over.finished.timeline.iter().any(touched));
}

#[test]
fn compliance_that_can_not_be_read_is_inconclusive() {
    let (plan, account) = stage::built(TOLD, RULES).expect("in order");
    let between = |inner| deny_after(4, "GetComplianceDetailsByConfigRule", inner);
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    let judgement = judge(&plan, &finished.timeline);
    let verdict = of(&judgement, "never-open");
    assert_eq!(verdict.verdict, VerdictKind::Inconclusive, "{verdict:?}");
}

/// Who answers a broken process check: a minute later the check is told that all is well.
const MENDED: &str = r#"  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: mender
      AssumeRolePolicyDocument:
        Statement:
          Effect: Allow
          Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com]}
          Action: "sts:AssumeRole"
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Mend:
    Type: AWS::SSM::Document
    Properties:
      Name: Mend
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps:
          - {name: rest, action: "aws:sleep", inputs: {Duration: PT1M}}
          - name: tell
            action: aws:executeAwsApi
            inputs:
              Service: config
              Api: PutExternalEvaluation
              ConfigRuleName: reviewed
              ExternalEvaluation:
                ComplianceResourceType: AWS::::Account
                ComplianceResourceId: "111122223333"
                ComplianceType: COMPLIANT
                OrderingTimestamp: 1767603690
  Broken:
    Type: AWS::Events::Rule
    Properties:
      Name: broken
      EventPattern: {source: [aws.config], detail: {newEvaluationResult: {complianceType: [NON_COMPLIANT]}}}
      Targets:
        - Id: mend
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Mend}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
"#;

#[test]
fn a_rule_that_broke_and_was_mended_while_nobody_could_look_is_neither_missed_nor_fine() {
    use VerdictKind::{Inconclusive, Met, Violated};

    let (head, _) = TOLD.split_once("  - id: evaluated").expect("it evaluates");
    let scenario = format!(
        "{head}expect:\n  - {{id: broken, compliance: {{rule: reviewed}}, within: 3m}}\n  \
         - {{id: never-broken, never: {{compliance: {{rule: reviewed}}}}, for: 3m}}\n  \
         - {{id: fine, compliance: {{rule: reviewed, state: COMPLIANT}}, within: 4m}}\n"
    );
    let (plan, account) = stage::built(&scenario, &format!("{RULES}{MENDED}")).expect("in order");
    let kinds = |after, count| {
        let between = |inner| deny_for(after, count, "GetComplianceDetailsByConfigRule", inner);
        let stop = StopSwitch::default();
        let (finished, _) = rehearse_through(&plan, account.clone(), &stop, between);
        let judgement = judge(&plan, &finished.timeline);
        let kinds = judgement.verdicts.iter().map(|one| one.verdict).collect::<Vec<_>>();
        (kinds, stage::tail(&finished.timeline))
    };
    let (seen, told) = kinds(0, 0);
    assert_eq!(seen, [Met, Violated, Met], "{told}");
    // The first looks are the observer's and the fault's own.
    let (unseen, told) = kinds(2, 48);
    assert_eq!(unseen, [Inconclusive, Inconclusive, Met], "{told}");
}
