//! What was over before a look could show it: a status that was surely passed is told with AWS's own time,
//! and one that may have been passed is never called missed. All at the pace of a real account.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpConnector as _, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use firedrill::commands::drill::{Finished, rehearse_paced};
use firedrill::judge::{Judgement, Verdict, VerdictKind, judge};
use firedrill::runner::Conduct;
use firedrill::timeline::{EntryKind, Observation};

use crate::between::{between, refuse};
use crate::stage;

/// A rule that starts a state machine and two runbooks, each of which is over within seconds.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: starter
      AssumeRolePolicyDocument:
        Statement:
          Effect: Allow
          Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com, states.amazonaws.com, fis.amazonaws.com]}
          Action: "sts:AssumeRole"
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  Sweep:
    Type: AWS::SSM::Document
    Properties:
      Name: Sweep
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps:
          - {name: rest, action: "aws:sleep", inputs: {Duration: PT1S}}
          - {name: last, action: "aws:sleep", inputs: {Duration: PT1S}}
  Ask:
    Type: AWS::SSM::Document
    Properties:
      Name: Ask
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        mainSteps:
          - name: may-i
            action: aws:approve
            timeoutSeconds: 1
            onFailure: Continue
            inputs: {NotificationArn: !Ref Pager, Message: May I?, Approvers: [!GetAtt Role.Arn]}
          - {name: rest, action: "aws:sleep", inputs: {Duration: PT1S}}
  Triage:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: triage
      RoleArn: !GetAtt Role.Arn
      DefinitionString: '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
  Web:
    Type: AWS::EC2::Instance
    Properties: {ImageId: ami-0123456789abcdef0, InstanceType: t3.micro, Tags: [{Key: Name, Value: web}]}
  Orders:
    Type: AWS::Events::Rule
    Properties:
      Name: orders
      EventPattern: {source: [shop]}
      Targets:
        - {Id: triage, Arn: !Ref Triage, RoleArn: !GetAtt Role.Arn}
        - Id: sweep
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Sweep}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
        - Id: ask
          Arn: !Sub "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:automation-definition/${Ask}:$DEFAULT"
          RoleArn: !GetAtt Role.Arn
"#;

const ORDER: &str =
    "put_events: {entries: [{source: shop, detail-type: Order, detail: {order: A-17}}]}";

/// Drills at the pace of a real account, with one fault and these expectations.
fn drilled(fault: &str, expected: &str) -> (Judgement, Finished) {
    drilled_through(fault, expected, |_, request, inner| inner.call(request))
}

/// The same, with something between the drill and the account.
fn drilled_through(
    fault: &str,
    expected: &str,
    act: impl Fn(&str, HttpRequest, SharedHttpConnector) -> HttpConnectorFuture + Send + Sync + 'static,
) -> (Judgement, Finished) {
    let scenario = format!(
        "version: 1\nname: quick\nenvironment: environment.yaml\nfaults:\n  - id: fault\n    {fault}\nexpect:\n{expected}"
    );
    let (plan, account) = stage::built(&scenario, ENVIRONMENT).expect("in order");
    let (finished, _) =
        rehearse_paced(Conduct::default(), &plan, account, |inner| between(inner, act));
    (judge(&plan, &finished.timeline), finished)
}

fn verdict<'a>(judgement: &'a Judgement, id: &str) -> &'a Verdict {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged")
}

/// What was seen for an expectation, in the order of the record.
fn seen<'a>(finished: &'a Finished, id: &str) -> Vec<&'a Observation> {
    let seen = finished.timeline.iter().filter_map(|entry| {
        let EntryKind::Observation(seen) = &entry.kind else { return None };
        (seen.expectation == id).then_some(seen)
    });
    seen.collect()
}

#[test]
fn an_execution_that_is_over_at_the_first_look_was_running_from_its_start() {
    let (judgement, finished) = drilled(
        ORDER,
        "  - {id: runs, execution: {state_machine: triage, status: RUNNING, input: {path: $.detail.order, equals: A-17}}, within: 1m}\n  \
         - {id: of-another, execution: {state_machine: triage, status: RUNNING, input: {path: $.detail.order, equals: B-1}}, within: 1m}\n  \
         - {id: runs-on, execution: {state_machine: triage, status: RUNNING}, within: 1m, sustain: 30s}\n  \
         - {id: done, execution: {state_machine: triage}, within: 1m}\n",
    );
    let runs = verdict(&judgement, "runs");
    assert_eq!(runs.verdict, VerdictKind::Met, "{runs:?}");
    let told = seen(&finished, "runs")[0];
    assert_eq!(told.evidence["status"], "RUNNING");
    assert_eq!(told.evidence["began"], told.occurred_at.to_string());
    assert_eq!(verdict(&judgement, "of-another").verdict, VerdictKind::Missed);
    assert_eq!(verdict(&judgement, "runs-on").verdict, VerdictKind::Violated, "it ended at once");
    assert_eq!(verdict(&judgement, "done").verdict, VerdictKind::Met);
}

#[test]
fn a_runbook_that_is_over_at_the_first_look_was_in_progress_from_its_start() {
    let (judgement, finished) = drilled(
        ORDER,
        "  - {id: runs, runbook: {document: Sweep, status: InProgress}, within: 1m}\n  \
         - {id: runs-on, runbook: {document: Sweep, status: InProgress}, within: 1m, sustain: 30s}\n  \
         - {id: done, runbook: {document: Sweep}, within: 1m}\n",
    );
    let runs = verdict(&judgement, "runs");
    assert_eq!(runs.verdict, VerdictKind::Met, "{runs:?}");
    let (began, over) = (seen(&finished, "runs")[0], seen(&finished, "done")[0]);
    assert_eq!(began.evidence["status"], "InProgress");
    assert!(began.occurred_at < over.occurred_at);
    assert_eq!(verdict(&judgement, "runs-on").verdict, VerdictKind::Violated, "it ended at once");
    assert_eq!(verdict(&judgement, "done").verdict, VerdictKind::Met);
}

#[test]
fn a_runbook_that_waited_between_two_looks_is_not_called_one_that_did_not_wait() {
    let (judgement, _) = drilled(
        ORDER,
        "  - {id: waits, runbook: {document: Ask, status: Waiting}, within: 1m}\n  \
         - {id: never-waits, never: {runbook: {document: Ask, status: Waiting}}, for: 1m}\n  \
         - {id: has-no-wait, runbook: {document: Sweep, status: Waiting}, within: 1m}\n  \
         - {id: was-scheduled, runbook: {document: Sweep, status: Scheduled}, within: 1m}\n  \
         - {id: done, runbook: {document: Ask, status: Success}, within: 1m}\n",
    );
    for id in ["waits", "never-waits", "was-scheduled"] {
        let unsure = verdict(&judgement, id);
        assert_eq!(unsure.verdict, VerdictKind::Inconclusive, "{unsure:?}");
        assert!(unsure.reason.contains("no look"), "{unsure:?}");
    }
    assert!(verdict(&judgement, "waits").reason.contains("step may-i"), "{judgement:?}");
    assert_eq!(verdict(&judgement, "has-no-wait").verdict, VerdictKind::Missed);
    assert_eq!(verdict(&judgement, "done").verdict, VerdictKind::Met, "{judgement:?}");
}

const REBOOT: &str = r#"fis:
      inline:
        description: Boots an instance again.
        roleArn: "arn:aws:iam::111122223333:role/starter"
        stopConditions: [{source: none}]
        targets: {web: {resourceType: "aws:ec2:instance", resourceTags: {Name: web}, selectionMode: ALL}}
        actions: {boot: {actionId: "aws:ec2:reboot-instances", targets: {Instances: web}}}"#;

#[test]
fn an_experiment_that_is_over_at_the_first_look_initiated_and_ran() {
    let looks = AtomicUsize::new(0);
    let (judgement, finished) = drilled_through(
        REBOOT,
        "  - {id: initiates, experiment: {state: initiating}, within: 1m}\n  \
         - {id: runs, experiment: {state: running}, within: 1m}\n  \
         - {id: runs-on, experiment: {state: running}, within: 1m, sustain: 30s}\n  \
         - {id: stops, experiment: {state: stopping}, within: 1m}\n  \
         - {id: over, experiment: {state: completed}, within: 1m}\n",
        move |name, request, inner| {
            let looks_at_it = name.starts_with("EXP") && request.method() == "GET";
            // So long that it is over.
            if looks_at_it && looks.fetch_add(1, Ordering::SeqCst) < 3 {
                return refuse(&request, 403, "AccessDeniedException");
            }
            inner.call(request)
        },
    );
    let told = stage::tail(&finished.timeline);
    for id in ["initiates", "runs", "over"] {
        let passed = verdict(&judgement, id);
        assert_eq!(passed.verdict, VerdictKind::Met, "{passed:?} {told}");
    }
    let states =
        |id| seen(&finished, id).iter().map(|one| &*one.evidence["state"]).collect::<Vec<_>>();
    assert_eq!(states("runs"), ["running", "completed"], "{told}");
    assert_eq!(verdict(&judgement, "runs-on").verdict, VerdictKind::Violated);
    assert_eq!(verdict(&judgement, "stops").verdict, VerdictKind::Missed);
}

/// What AWS answers about an execution whose steps are more than it lists: here one.
fn cut_off(request: HttpRequest, inner: &SharedHttpConnector) -> HttpConnectorFuture {
    let answer = inner.call(request);
    HttpConnectorFuture::new(async move {
        let mut response = answer.await?;
        let body = response.body().bytes().expect("it is in memory");
        let mut body: serde_json::Value = serde_json::from_slice(body).expect("it is JSON");
        let execution = &mut body["AutomationExecution"];
        let steps = execution["StepExecutions"].as_array_mut().expect("a list");
        let cut = steps.len() > 1;
        steps.truncate(1);
        execution["StepExecutionsTruncated"] = cut.into();
        *response.body_mut() = SdkBody::from(body.to_string());
        Ok(response)
    })
}

#[test]
fn a_step_behind_the_end_of_a_list_that_was_cut_off_is_not_called_one_that_did_not_run() {
    let (judgement, _) = drilled_through(
        ORDER,
        "  - {id: done, runbook: {document: Sweep}, within: 1m}\n  \
         - {id: listed, runbook: {document: Sweep, steps: [rest]}, within: 1m}\n  \
         - {id: behind, runbook: {document: Sweep, steps: [rest, last]}, within: 1m}\n  \
         - {id: never-behind, never: {runbook: {document: Sweep, steps: [last]}}, for: 1m}\n  \
         - {id: failed, runbook: {document: Sweep, status: Failed, steps: [last]}, within: 1m}\n",
        |name, request, inner| match name {
            "GetAutomationExecution" => cut_off(request, &inner),
            _ => inner.call(request),
        },
    );
    for id in ["done", "listed"] {
        assert_eq!(verdict(&judgement, id).verdict, VerdictKind::Met, "{judgement:?}");
    }
    for id in ["behind", "never-behind"] {
        let unsure = verdict(&judgement, id);
        assert_eq!(unsure.verdict, VerdictKind::Inconclusive, "{unsure:?}");
        assert!(unsure.reason.contains("AWS cut the steps of execution"), "{unsure:?}");
        assert!(unsure.reason.contains("step last"), "{unsure:?}");
    }
    assert_eq!(verdict(&judgement, "failed").verdict, VerdictKind::Missed);
}
