//! Steps that run again, and runbooks that run runbooks.

use serde_json::json;

use super::{account, create, execution, masked, pass, run, ssm, start, statuses};

#[test]
fn a_loop_over_a_list_runs_its_steps_once_for_each_item() {
    let execution = run(
        r#"
schemaVersion: "0.3"
parameters: {Names: {type: StringList}}
mainSteps:
  - name: each
    action: aws:loop
    inputs:
      Iterators: "{{ Names }}"
      IteratorDataType: String
      Steps:
        - name: put
          action: aws:executeAwsApi
          inputs:
            Service: ssm
            Api: PutParameter
            Name: "{{ each.CurrentIteratorValue }}"
            Value: "{{ each.CurrentIteration }} of {{ each.CurrentIteratorValue }}"
            Type: String
        - {name: rest, action: aws:sleep, inputs: {Duration: PT10S}}
  - name: read
    action: aws:executeAwsApi
    inputs: {Service: ssm, Api: GetParameters, Names: "{{ Names }}"}
    outputs: [{Name: Values, Selector: "$.Parameters[*].Value", Type: StringList}]
"#,
        &json!({"Names": ["a", "b"]}),
    );
    assert_eq!(
        statuses(&execution),
        [
            "each Success",
            "read Success",
            "put Success",
            "rest Success",
            "put Success",
            "rest Success"
        ]
    );
    assert_eq!(execution["StepExecutions"][1]["Outputs"]["Values"], json!(["1 of a", "2 of b"]));
    let owner = &execution["StepExecutions"][0]["StepExecutionId"];
    assert_eq!(
        execution["StepExecutions"][4]["ParentStepDetails"],
        json!({"StepExecutionId": owner, "StepName": "each", "Action": "aws:loop", "Iteration": 2,
            "IteratorValue": "b"})
    );
    let took = execution["ExecutionEndTime"].as_f64().unwrap()
        - execution["ExecutionStartTime"].as_f64().unwrap();
    assert!((took - 24.0).abs() < 0.01, "1 to start, 2 x (1 + 10), 1 to read: {took}");
}

#[test]
fn a_loop_with_a_condition_runs_while_it_holds_and_no_longer_than_allowed() {
    let content = |limit: u32| {
        format!(
            r#"
schemaVersion: "0.3"
mainSteps:
  - name: again
    action: aws:loop
    inputs:
      MaxIterations: {limit}
      LoopCondition: {{Variable: "{{{{ put.Version }}}}", NumericLesser: 3}}
      Steps:
        - name: put
          action: aws:executeAwsApi
          inputs: {{Service: ssm, Api: PutParameter, Name: n, Value: v, Type: String, Overwrite: true}}
          outputs: [{{Name: Version, Selector: $.Version, Type: Integer}}]
"#
        )
    };
    for (limit, rounds) in [(10, 3), (2, 2)] {
        let execution = run(&content(limit), &json!({}));
        assert_eq!(execution["AutomationExecutionStatus"], "Success");
        assert_eq!(execution["StepExecutions"].as_array().unwrap().len(), 1 + rounds, "{limit}");
    }
}

#[test]
fn a_failing_step_inside_a_loop_fails_the_loop() {
    let execution = run(
        r#"
schemaVersion: "0.3"
mainSteps:
  - name: each
    action: aws:loop
    inputs:
      Iterators: [a, b]
      Steps:
        - name: read
          action: aws:executeAwsApi
          inputs: {Service: ssm, Api: GetParameter, Name: missing}
"#,
        &json!({}),
    );
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    assert_eq!(statuses(&execution), ["each Failed", "read Failed"]);
}

const CHILD: &str = r#"
schemaVersion: "0.3"
parameters: {Name: {type: String}}
mainSteps:
  - name: read
    action: aws:executeAwsApi
    inputs: {Service: ssm, Api: GetParameter, Name: "{{ Name }}"}
    outputs: [{Name: Value, Selector: $.Parameter.Value}]
outputs: [read.Value]
"#;

const PARENT: &str = r#"
schemaVersion: "0.3"
mainSteps:
  - name: delegate
    action: aws:executeAutomation
    inputs: {DocumentName: Child, RuntimeParameters: {Name: [color]}}
outputs: [delegate.Output]
"#;

#[test]
fn a_runbook_waits_for_the_runbook_that_it_starts_and_takes_over_its_end() {
    let mut account = account();
    create(&mut account, "Child", CHILD);
    create(&mut account, "Parent", PARENT);
    let failed = start(&mut account, "Parent", &json!({}));
    pass(&mut account, 60);
    let failed = execution(&mut account, &failed);
    assert_eq!(failed["AutomationExecutionStatus"], "Failed");
    let message = failed["FailureMessage"].as_str().unwrap();
    assert!(message.contains("(ParameterNotFound) when calling the GetParameter"), "{message}");

    let put = json!({"Name": "color", "Value": "blue", "Type": "String"});
    ssm(&mut account, "PutParameter", put);
    let parent = start(&mut account, "Parent", &json!({}));
    pass(&mut account, 60);
    let done = execution(&mut account, &parent);
    assert_eq!(done["Outputs"], json!({"delegate.Output": ["blue"]}));
    let filter = json!({"Filters": [{"Key": "ParentExecutionId", "Values": [parent]}]});
    let children = ssm(&mut account, "DescribeAutomationExecutions", filter);
    insta::assert_json_snapshot!(masked(&children), @r##"
    {
      "AutomationExecutionMetadataList": [
        {
          "AutomationExecutionId": "id-1",
          "DocumentName": "Child",
          "DocumentVersion": "1",
          "AutomationExecutionStatus": "Success",
          "ExecutionStartTime": 1767607261.0,
          "ExecutionEndTime": 1767607263.0,
          "ExecutedBy": "arn:aws:iam::111122223333:root",
          "Mode": "Auto",
          "ParentAutomationExecutionId": "id-2",
          "Outputs": {
            "read.Value": [
              "blue"
            ]
          },
          "Targets": [],
          "AutomationType": "Local"
        }
      ]
    }
    "##);
}

#[test]
fn a_runbook_that_starts_itself_ends() {
    let mut account = account();
    create(&mut account, "Child", &PARENT.replace("{Name: [color]}", "{}"));
    let id = start(&mut account, "Child", &json!({}));
    pass(&mut account, 600);
    let execution = execution(&mut account, &id);
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    let message = execution["FailureMessage"].as_str().unwrap();
    assert!(message.contains("nested deeper than 10"), "{message}");
}
