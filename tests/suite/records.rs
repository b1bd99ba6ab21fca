//! Drills over what AWS writes down about trouble: OpsItems and incidents, read back from the account.

use firedrill::commands::drill::rehearse_through;
use firedrill::judge::{Judgement, Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, Observation};

use crate::blindness::{deny_after, deny_for};
use crate::stage;

/// An alarm that opens an incident, and a rule whose runbook opens an OpsItem and resolves it later.
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
        Statement:
          Effect: Allow
          Principal: {Service: [ssm.amazonaws.com, ssm-incidents.amazonaws.com, events.amazonaws.com]}
          Action: "sts:AssumeRole"
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Open:
    Type: AWS::SSM::Document
    Properties:
      Name: Open-And-Resolve
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        parameters: {Order: {type: String}}
        mainSteps:
          - name: open
            action: aws:executeAwsApi
            inputs:
              Service: ssm
              Api: CreateOpsItem
              Title: "Order {{ Order }} is stuck"
              Description: Look at it.
              Source: shop
              Severity: "2"
              OperationalData: {order: {Type: SearchableString, Value: "{{ Order }}"}}
            outputs: [{Name: Id, Selector: $.OpsItemId, Type: String}]
          - {name: wait, action: "aws:sleep", inputs: {Duration: PT2M}}
          - name: resolve
            action: aws:executeAwsApi
            inputs: {Service: ssm, Api: UpdateOpsItem, OpsItemId: "{{ open.Id }}", Status: Resolved}
  Note:
    Type: AWS::SSM::Document
    Properties:
      Name: Note-It
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps: [{name: rest, action: "aws:sleep", inputs: {Duration: PT10S}}]
  Stuck:
    Type: AWS::Events::Rule
    Properties:
      Name: stuck
      EventPattern: {source: [shop.orders]}
      Targets:
        - Id: open
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Open}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
          InputTransformer: {InputPathsMap: {order: $.detail.order}, InputTemplate: '{"Order": ["<order>"]}'}
  Plan:
    Type: AWS::SSMIncidents::ResponsePlan
    Properties:
      Name: shop-down
      IncidentTemplate: {Title: Shop is down, Impact: 2}
      Actions: [{SsmAutomation: {DocumentName: !Ref Note, RoleArn: !GetAtt Role.Arn}}]
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: errors
      Namespace: Shop
      MetricName: Errors
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 50
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!GetAtt Plan.Arn]
signals:
  - {metric: {namespace: Shop, name: Errors}, every: 1m, baseline: 1}
"#;

const OPS_ITEMS: &str = r#"
version: 1
name: ops-items
environment: environment.yaml
faults:
  - id: order
    put_events:
      entries: [{source: shop.orders, detail-type: OrderStuck, detail: {order: "A-17 ${run.id}"}}]
expect:
  - id: opened
    ops_item: {title: "Order A-17 * is stuck", source: shop, severity: 2, operational_data: {order: "A-17*"}}
    within: 30s
    correlation: marker
  - id: resolved
    ops_item: {title: "Order *", status: Resolved}
    after: opened
    within: 3m
  - id: grave
    ops_item: {source: shop, severity: 1}
    within: 1m
  - id: of-another-source
    ops_item: {source: EC2}
    within: 1m
  - id: no-second
    never: {ops_item: {source: shop}, more_than: 1}
    for: 4m
  - id: none-at-all
    never: {ops_item: {}}
    for: 4m
"#;

const INCIDENTS: &str = r"
version: 1
name: incidents
environment: environment.yaml
faults:
  - id: errors
    put_metric_data: {namespace: Shop, metric: Errors, value: 90, every: 30s, duration: 3m}
expect:
  - id: opened
    incident: {title: Shop *, response_plan: shop-down, impact: 2, status: OPEN}
    within: 3m
  - id: with-runbook
    incident: {runbook: Note-It}
    after: opened
    within: 30s
  - id: other-runbook
    incident: {runbook: Call-Somebody}
    after: opened
    within: 30s
  - id: graver
    incident: {impact: 1}
    after: opened
    within: 30s
  - id: closed
    incident: {status: RESOLVED}
    after: opened
    within: 30s
  - id: no-second
    never: {incident: {response_plan: shop-down}, more_than: 1}
    for: 5m
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

fn observations<'t>(timeline: &'t [Entry], id: &str) -> Vec<&'t Observation> {
    let all = timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Observation(seen) if seen.expectation == id => Some(seen),
        _ => None,
    });
    all.collect()
}

#[test]
fn an_ops_item_is_read_back_with_the_moment_of_its_creation_and_of_its_resolution() {
    let (judgement, timeline) = drilled(OPS_ITEMS, "NoSuchOperation", 0);
    for id in ["opened", "resolved", "no-second"] {
        assert_eq!(of(&judgement, id).verdict, VerdictKind::Met, "{:?}", of(&judgement, id));
    }
    let opened = observations(&timeline, "opened");
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!(opened[0].resolution_ms, 0);
    assert_eq!(opened[0].evidence["severity"], "2");
    let resolved = observations(&timeline, "resolved");
    let [stood, done] = resolved.as_slice() else { panic!("{resolved:?}") };
    assert!(!stood.holds && stood.summary.ends_with("is Open, but not Resolved"), "{stood:?}");
    assert!(done.holds && done.resolution_ms == 0, "{done:?}");
    let lasted = done.occurred_at.duration_since(opened[0].occurred_at);
    assert_eq!(lasted.as_secs(), 121, "the runbook sleeps for two minutes in between");
}

#[test]
fn an_ops_item_that_differs_is_the_nearest_and_not_the_one() {
    let (judgement, _) = drilled(OPS_ITEMS, "NoSuchOperation", 0);
    let grave = of(&judgement, "grave");
    assert_eq!(grave.verdict, VerdictKind::Missed);
    assert!(grave.reason.contains("its severity is 2 and not 1"), "{}", grave.reason);
    let other = of(&judgement, "of-another-source");
    assert_eq!(other.verdict, VerdictKind::Missed);
    assert!(!other.reason.contains("nearest"), "{}", other.reason);
    assert_eq!(of(&judgement, "none-at-all").verdict, VerdictKind::Violated);
}

#[test]
fn an_incident_is_read_back_with_its_plan_its_impact_and_its_runbook() {
    let (judgement, timeline) = drilled(INCIDENTS, "NoSuchOperation", 0);
    for id in ["opened", "with-runbook", "no-second"] {
        assert_eq!(of(&judgement, id).verdict, VerdictKind::Met, "{:?}", of(&judgement, id));
    }
    let opened = observations(&timeline, "opened");
    assert_eq!(opened[0].evidence["response plan"], "shop-down");
    let ran = observations(&timeline, "with-runbook").into_iter().find(|seen| seen.holds);
    let ran = ran.expect("it was seen with its runbook");
    assert!(ran.occurred_at > opened[0].occurred_at && ran.resolution_ms == 0, "{ran:?}");
    for (id, words) in [
        ("other-runbook", "it started Note-It and not Call-Somebody"),
        ("graver", "not impact 1"),
        ("closed", "not RESOLVED"),
    ] {
        let verdict = of(&judgement, id);
        assert_eq!(verdict.verdict, VerdictKind::Missed, "{verdict:?}");
        assert!(verdict.reason.contains(words), "{}", verdict.reason);
    }
}

#[test]
fn items_and_incidents_that_can_not_be_listed_are_inconclusive_and_never_absent() {
    for (scenario, denied, action) in [
        (OPS_ITEMS, "DescribeOpsItems", "ssm:DescribeOpsItems"),
        (INCIDENTS, "listIncidentRecords", "ssm-incidents:ListIncidentRecords"),
    ] {
        let (judgement, _) = drilled(scenario, denied, 1);
        for verdict in &judgement.verdicts {
            let kind = verdict.verdict;
            assert!(
                matches!(kind, VerdictKind::Inconclusive | VerdictKind::Skipped),
                "{verdict:?}"
            );
        }
        let first = of(&judgement, "opened");
        assert!(first.reason.contains(action), "{}", first.reason);
    }
}

/// Looks that fail, five seconds apart, from the first change on: five minutes.
const BLIND: usize = 60;

#[test]
fn an_ops_item_that_was_resolved_and_opened_again_while_nobody_could_look_is_no_absence() {
    use VerdictKind::{Inconclusive, Met, Violated};

    let resolve = "inputs: {Service: ssm, Api: UpdateOpsItem, OpsItemId: \"{{ open.Id }}\", Status: Resolved}\n";
    let again = "          - {name: rest, action: \"aws:sleep\", inputs: {Duration: PT1M}}\n          - name: reopen\n            \
                 action: aws:executeAwsApi\n            \
                 inputs: {Service: ssm, Api: UpdateOpsItem, OpsItemId: \"{{ open.Id }}\", Status: Open}\n";
    assert!(ENVIRONMENT.contains(resolve));
    let environment = ENVIRONMENT.replace(resolve, &format!("{resolve}{again}"));
    let (head, _) = OPS_ITEMS.split_once("expect:").expect("it expects");
    let scenario = format!(
        "{head}expect:\n  - {{id: appeared, ops_item: {{title: Order *}}, within: 30s}}\n  \
         - {{id: was-open, ops_item: {{title: Order *, status: Open}}, within: 30s}}\n  \
         - {{id: resolved, ops_item: {{title: Order *, status: Resolved}}, within: 4m}}\n  \
         - {{id: never-resolved, never: {{ops_item: {{title: Order *, status: Resolved}}}}, for: 4m}}\n  \
         - {{id: never-another, never: {{ops_item: {{title: Parcel *}}}}, for: 4m}}\n"
    );
    let kinds = |count| {
        let (plan, account) = stage::built(&scenario, &environment).expect("in order");
        let between = |inner| deny_for(1, count, "DescribeOpsItems", inner);
        let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), between);
        let judgement = judge(&plan, &finished.timeline);
        judgement.verdicts.iter().map(|one| one.verdict).collect::<Vec<_>>()
    };
    assert_eq!(kinds(0), [Met, Met, Met, Violated, Met]);
    assert_eq!(kinds(BLIND), [Met, Met, Inconclusive, Inconclusive, Met]);
}

#[test]
fn an_incidents_impact_while_nobody_could_look_is_not_known_and_its_opening_is() {
    let (plan, account) = stage::built(INCIDENTS, ENVIRONMENT).expect("in order");
    let between = |inner| deny_for(1, BLIND, "listIncidentRecords", inner);
    let (finished, _) = rehearse_through(&plan, account, &StopSwitch::default(), between);
    let judgement = judge(&plan, &finished.timeline);
    for (id, expected) in [
        ("opened", VerdictKind::Met),
        ("with-runbook", VerdictKind::Met),
        ("other-runbook", VerdictKind::Missed),
        ("graver", VerdictKind::Inconclusive),
    ] {
        assert_eq!(of(&judgement, id).verdict, expected, "{:?}", of(&judgement, id));
    }
}
