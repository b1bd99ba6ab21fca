//! Where an execution goes: failures, branches, sleeps, people, cancellation, time limits.

use serde_json::json;

use super::{account, execution, pass, run, ssm, start, started, statuses};
use crate::emulator::services::Service;

#[test]
fn on_failure_and_is_critical_decide_how_an_execution_ends() {
    let failing = "{Service: ssm, Api: GetParameter, Name: /missing}";
    let table = [
        ("onFailure: Abort", "Failed", vec!["fail Failed", "next Pending", "last Pending"]),
        ("onFailure: Continue", "Success", vec!["fail Failed", "next Success", "last Success"]),
        (
            "{onFailure: Continue, isCritical: true}",
            "Failed",
            vec!["fail Failed", "next Success", "last Success"],
        ),
        ("onFailure: step:last", "Failed", vec!["fail Failed", "next Pending", "last Success"]),
        (
            "{onFailure: step:last, isCritical: false}",
            "Success",
            vec!["fail Failed", "next Pending", "last Success"],
        ),
        (
            "{onFailure: Continue, nextStep: last}",
            "Success",
            vec!["fail Failed", "next Pending", "last Success"],
        ),
        (
            "{onFailure: Continue, isEnd: true}",
            "Success",
            vec!["fail Failed", "next Pending", "last Pending"],
        ),
    ];
    for (settings, status, expected) in table {
        let settings = settings.trim_start_matches('{').trim_end_matches('}');
        let content = format!(
            "schemaVersion: '0.3'\nmainSteps:\n\
             - {{name: fail, action: 'aws:executeAwsApi', inputs: {failing}, {settings}}}\n\
             - {{name: next, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}\n\
             - {{name: last, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}\n"
        );
        let execution = run(&content, &json!({}));
        assert_eq!(execution["AutomationExecutionStatus"], status, "{settings}");
        assert_eq!(statuses(&execution), expected, "{settings}");
    }
}

#[test]
fn a_branch_goes_where_the_first_true_choice_leads() {
    let content = r#"
schemaVersion: "0.3"
parameters: {Os: {type: String}, Size: {type: Integer, default: 1}}
mainSteps:
  - name: choose
    action: aws:branch
    inputs:
      Choices:
        - {NextStep: windows, Variable: "{{ Os }}", EqualsIgnoreCase: windows}
        - NextStep: linux
          And:
            - {Variable: "{{ Os }}", StringEquals: Linux}
            - {Not: {Variable: "{{ Size }}", NumericGreater: 2}}
      Default: other
  - {name: windows, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
  - {name: linux, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
  - {name: other, action: aws:sleep, isEnd: true, inputs: {Duration: PT1S}}
"#;
    let table = [
        (json!({"Os": ["WINDOWS"]}), "windows"),
        (json!({"Os": ["Linux"]}), "linux"),
        (json!({"Os": ["Linux"], "Size": ["3"]}), "other"),
    ];
    for (parameters, taken) in table {
        let execution = run(content, &parameters);
        let ran: Vec<String> =
            statuses(&execution).into_iter().filter(|step| step.ends_with("Success")).collect();
        assert_eq!(ran, ["choose Success".to_owned(), format!("{taken} Success")]);
    }
}

#[test]
fn a_sleep_lasts_as_long_as_it_says() {
    let mut account = account();
    let content = r#"{"schemaVersion": "0.3", "mainSteps": [
        {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1M30S"}},
        {"name": "until", "action": "aws:sleep", "inputs": {"Timestamp": "2026-01-05T10:05:00Z"}}]}"#;
    let id = started(&mut account, content, &json!({}));
    pass(&mut account, 299);
    assert_eq!(execution(&mut account, &id)["CurrentStepName"], "until");
    pass(&mut account, 1);
    let execution = execution(&mut account, &id);
    assert_eq!(execution["AutomationExecutionStatus"], "Success");
    assert_eq!(execution["StepExecutions"][0]["ExecutionEndTime"], json!(1_767_607_291.0));
}

const APPROVAL: &str = r#"
schemaVersion: "0.3"
mainSteps:
  - name: ask
    action: aws:approve
    inputs: {Message: May I, MinRequiredApprovals: 2, Approvers: [ann, bob]}
  - {name: act, action: aws:sleep, inputs: {Duration: PT1S}}
"#;

#[test]
fn an_approval_waits_for_as_many_people_as_it_needs() {
    let mut account = account();
    let id = started(&mut account, APPROVAL, &json!({}));
    pass(&mut account, 3600);
    let waiting = execution(&mut account, &id);
    assert_eq!(waiting["AutomationExecutionStatus"], "Waiting");
    assert_eq!(statuses(&waiting), ["ask Waiting", "act Pending"]);
    let yes = json!({"AutomationExecutionId": id, "SignalType": "Approve"});
    ssm(&mut account, "SendAutomationSignal", yes.clone());
    assert_eq!(execution(&mut account, &id)["AutomationExecutionStatus"], "Waiting");
    ssm(&mut account, "SendAutomationSignal", yes.clone());
    pass(&mut account, 5);
    let done = execution(&mut account, &id);
    assert_eq!(statuses(&done), ["ask Success", "act Success"]);
    assert_eq!(
        done["StepExecutions"][0]["Outputs"],
        json!({"ApprovalStatus": ["Approved"],
            "ApproverDecisions": ["{\"ann\":\"Approved\"}", "{\"bob\":\"Approved\"}"]})
    );
    let late = account.call(Service::Ssm, "SendAutomationSignal", yes).unwrap_err();
    assert_eq!(late.code, "InvalidAutomationSignalException");
}

#[test]
fn a_rejection_fails_and_silence_times_out() {
    let mut account = account();
    let id = started(&mut account, APPROVAL, &json!({}));
    pass(&mut account, 60);
    let no = json!({"AutomationExecutionId": id, "SignalType": "Reject"});
    ssm(&mut account, "SendAutomationSignal", no);
    let rejected = execution(&mut account, &id);
    assert_eq!(rejected["AutomationExecutionStatus"], "Failed");
    assert_eq!(rejected["StepExecutions"][0]["Outputs"]["ApprovalStatus"], json!(["Rejected"]));

    let id = start(&mut account, "Runbook", &json!({}));
    pass(&mut account, 8 * 24 * 3600);
    let silent = execution(&mut account, &id);
    assert_eq!(silent["AutomationExecutionStatus"], "TimedOut");
    assert_eq!(silent["StepExecutions"][0]["StepStatus"], "TimedOut");
    assert_eq!(silent["StepExecutions"][0]["TimeoutSeconds"], 604_800);
    assert_eq!(account.next_due(), None, "an execution that ended leaves nothing on the agenda");
}
