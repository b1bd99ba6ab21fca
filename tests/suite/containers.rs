//! Drills of ECS deployments on the emulated account: one that its alarm takes back, one that the circuit
//! breaker takes back, one that nothing is wrong with, and one that was on the way before the drill.

use std::fs;

use firedrill::judge::{Outcome, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;

use crate::stage;

/// A service of two tasks under an alarm and the circuit breaker, and what a drill needs to deploy to it.
///
/// The tasks of `web:2` run and make errors, those of `web:3` don't start, and `web:4` is fine.
pub(crate) const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: shop-errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 50, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
  Cluster:
    Type: AWS::ECS::Cluster
    Properties: {ClusterName: shop, Tags: [{Key: team, Value: web}]}
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:41", PortMappings: [{ContainerPort: 80}]}]}
  Errs:
    Type: AWS::ECS::TaskDefinition
    DependsOn: Web
    Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:42-errs"}]}
  Gone:
    Type: AWS::ECS::TaskDefinition
    DependsOn: Errs
    Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:42-gone"}]}
  Fine:
    Type: AWS::ECS::TaskDefinition
    DependsOn: Gone
    Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:42"}]}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Web
      DesiredCount: 2
      LaunchType: FARGATE
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-0123456789abcdef0]}}
      DeploymentConfiguration:
        DeploymentCircuitBreaker: {Enable: true, Rollback: true}
        Alarms: {AlarmNames: [!Ref Errors], Enable: true, Rollback: true}
  RunbookRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: ssm.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: deploy
          PolicyDocument: {Statement: {Effect: Allow, Action: "ecs:UpdateService", Resource: !Ref Service}}
  Deploy:
    Type: AWS::SSM::Document
    Properties:
      Name: Deploy
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt RunbookRole.Arn
        parameters: {TaskDefinition: {type: String}}
        mainSteps:
          - name: deploy
            action: aws:executeAwsApi
            isEnd: true
            inputs: {Service: ecs, Api: UpdateService, cluster: shop, service: web, taskDefinition: "{{ TaskDefinition }}"}
  DrillRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: fis.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: start
          PolicyDocument:
            Statement:
              Effect: Allow
              Action: ["ssm:StartAutomationExecution", "ssm:GetAutomationExecution", "ssm:StopAutomationExecution"]
              Resource: "*"
  Release:
    Type: AWS::FIS::ExperimentTemplate
    Properties:
      Description: Deploys a release.
      RoleArn: !GetAtt DrillRole.Arn
      Tags: {Name: release}
      StopConditions: [{Source: none}]
      Targets: {}
      Actions:
        deploy:
          ActionId: aws:ssm:start-automation-execution
          Parameters:
            documentArn: !Sub "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/${Deploy}"
            documentParameters: '{"TaskDefinition": "web:2"}'
            maxDuration: PT5M
signals:
  - metric: {namespace: Shop, name: Errors}
    every: 1m
    baseline: 2
    effects:
      - while: {fact: tasks, service: web, task-definition: "web:2"}
        after: 20s
        value: 150
tasks:
  - task_definition: web:3
    fails: "CannotPullContainerError: web:42-gone: not found"
"#;

/// A release whose errors raise the alarm that takes it back.
pub(crate) const SCENARIO: &str = r#"
version: 1
name: containers
environment: environment.yaml
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
steady_state:
  - alarm: {name: shop-errors, state: OK}
faults:
  - id: release
    fis: {template: release}
expect:
  - id: errors
    alarm: {name: shop-errors, state: ALARM}
    within: 4m
  - id: rolling-back
    deployment: {ecs: {cluster: shop, service: web}, state: ROLLBACK_IN_PROGRESS}
    after: errors
    within: 30s
  - id: told
    event:
      pattern:
        source: [aws.ecs]
        detail-type: [ECS Deployment State Change]
        detail: {eventName: [SERVICE_DEPLOYMENT_FAILED], reason: ["ECS deployment failed: alarm detected."]}
    after: errors
    within: 30s
  - id: rolled-back
    rollback: {ecs: {cluster: shop, service: web}}
    after: errors
    within: 3m
  - id: never-out
    never: {deployment: {ecs: {cluster: shop, service: web}, state: SUCCESSFUL}}
    for: 10m
recovery:
  - id: quiet
    alarm: {name: shop-errors, state: OK}
    within: 10m
"#;

const RELEASES: &str = r#"{"TaskDefinition": "web:2"}"#;

/// The outcome, the verdicts, and the words of the timeline.
fn drilled(scenario: &str, environment: &str) -> (Outcome, Vec<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("environment.yaml"), environment).expect("it can be written");
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, scenario).expect("it can be written");
    let (plan, account): (Plan, _) = stage::prepared(&file);
    let over = stage::drill(&plan, account.clone(), &StopSwitch::default(), stage::unheard());
    stage::assert_clean(&account, &over, "an ECS deployment");
    let judged = judge(&plan, &over.finished.timeline);
    let verdicts = judged.verdicts.iter();
    let told = verdicts.map(|one| format!("{} {:?}", one.expectation, one.verdict).to_lowercase());
    (judged.outcome, told.collect(), format!("{:#?}", over.finished.timeline))
}

/// The shipped expectations with others in their place.
fn expecting(expectations: &str) -> String {
    let (head, _) = SCENARIO.split_once("expect:").expect("it expects something");
    format!("{head}expect:\n{expectations}")
}

#[test]
fn a_release_with_errors_is_taken_back_by_its_alarm() {
    let (outcome, told, words) = drilled(SCENARIO, ENVIRONMENT);
    assert_eq!(outcome, Outcome::Passed, "{told:?} {words}");
    assert!(words.contains("is ROLLBACK_SUCCESSFUL, by alarm shop-errors"), "{words}");
    assert!(words.contains("rolled back because of the alarm(s) [shop-errors]"), "{words}");
}

#[test]
fn a_rollback_after_its_deadline_is_late_and_says_by_how_much() {
    let hurried = SCENARIO.replace("within: 3m", "within: 40s");
    let (outcome, told, _) = drilled(&hurried, ENVIRONMENT);
    assert_eq!(outcome, Outcome::Failed);
    assert!(told.contains(&"rolled-back late".to_owned()), "{told:?}");
    assert!(told.contains(&"rolling-back met".to_owned()), "{told:?}");
}

#[test]
fn a_release_whose_tasks_do_not_start_is_taken_back_by_the_circuit_breaker() {
    let environment = ENVIRONMENT.replace(RELEASES, r#"{"TaskDefinition": "web:3"}"#);
    let scenario = expecting(
        "  - {id: rolled-back, rollback: {ecs: {cluster: shop, service: web}}, within: 3m}\n  \
         - {id: quiet, never: {alarm: {name: shop-errors}}, for: 5m}\n  \
         - {id: told, event: {pattern: {source: [aws.ecs], detail: {reason: [\"ECS deployment circuit breaker: tasks \
         failed to start.\"]}}}, within: 2m}\n",
    );
    let (outcome, told, words) = drilled(&scenario, &environment);
    assert_eq!(outcome, Outcome::Passed, "{told:?} {words}");
    assert!(words.contains("is ROLLBACK_SUCCESSFUL, by circuit breaker"), "{words}");
}

#[test]
fn a_release_that_nothing_is_wrong_with_is_never_taken_back() {
    let environment = ENVIRONMENT.replace(RELEASES, r#"{"TaskDefinition": "web:4"}"#);
    let scenario = expecting(
        "  - {id: out, deployment: {ecs: {cluster: shop, service: web}}, within: 5m}\n  \
         - {id: rolled-back, rollback: {ecs: {cluster: shop, service: web}}, within: 6m}\n",
    );
    let (outcome, told, words) = drilled(&scenario, &environment);
    assert_eq!(outcome, Outcome::Failed, "{words}");
    assert_eq!(told[..2], ["out met", "rolled-back missed"], "{words}");
}

#[test]
fn a_deployment_that_was_on_the_way_before_the_drill_is_taken_back_in_it() {
    let before = "\nsetup:\n  - {at: -1m, service: ecs, operation: UpdateService, input: {cluster: shop, \
        service: web, taskDefinition: \"web:4\"}}\n";
    let scenario = expecting(
        "  - {id: rolled-back, rollback: {ecs: {cluster: shop, service: web}}, within: 3m}\n  \
         - {id: begun, deployment: {ecs: {cluster: shop, service: web}, state: IN_PROGRESS}, within: 3m}\n",
    );
    let scenario =
        scenario.replace("fis: {template: release}", "set_alarm_state: {alarm: shop-errors}");
    let (_, told, words) = drilled(&scenario, &format!("{ENVIRONMENT}{before}"));
    // It began before the watch, and what it reached before is nothing that the drill brought about.
    assert_eq!(told[..2], ["rolled-back met", "begun missed"], "{words}");
}
