//! Documents, commands, items and parameters, as their callers see them.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::facts::Fact;
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T10:00:00Z".parse().unwrap(), 7)
}

fn ssm(account: &mut Account, operation: &str, input: Value) -> Value {
    account
        .call(Service::Ssm, operation, input)
        .unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn refusal(account: &mut Account, operation: &str, input: Value) -> (String, String) {
    let error = account.call(Service::Ssm, operation, input).unwrap_err();
    (error.code, error.message)
}

fn pass(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

const RUNBOOK: &str = r#"{"schemaVersion": "0.3", "description": "Naps",
    "parameters": {"For": {"type": "String", "default": "PT1S", "description": "How long"}},
    "mainSteps": [{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "{{ For }}"}}]}"#;

fn runbook(account: &mut Account, name: &str) {
    let input = json!({"Name": name, "DocumentType": "Automation", "Content": RUNBOOK});
    ssm(account, "CreateDocument", input);
}

/// An instance that runs, with a tag.
fn instance(account: &mut Account, stage: &str) -> String {
    let tags = json!([{"ResourceType": "instance", "Tags": [{"Key": "Stage", "Value": stage}]}]);
    let input = json!({"ImageId": "ami-1", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "TagSpecifications": tags});
    let answer = account.call(Service::Ec2, "RunInstances", input).unwrap();
    pass(account, 600);
    answer["Instances"][0]["InstanceId"].as_str().unwrap().to_owned()
}

#[test]
fn a_document_is_described_listed_read_and_deleted() {
    let mut account = account();
    runbook(&mut account, "Nap");
    let document = ssm(&mut account, "DescribeDocument", json!({"Name": "Nap"}));
    insta::assert_json_snapshot!(document, @r##"
    {
      "Document": {
        "Name": "Nap",
        "Owner": "111122223333",
        "CreatedDate": 1767607200.0,
        "Status": "Active",
        "DocumentVersion": "1",
        "Description": "Naps",
        "Parameters": [
          {
            "Name": "For",
            "Type": "String",
            "Description": "How long",
            "DefaultValue": "PT1S"
          }
        ],
        "PlatformTypes": [
          "Windows",
          "Linux",
          "MacOS"
        ],
        "DocumentType": "Automation",
        "SchemaVersion": "0.3",
        "LatestVersion": "1",
        "DefaultVersion": "1",
        "DocumentFormat": "JSON",
        "Tags": []
      }
    }
    "##);
    let filter = json!({"Filters": [{"Key": "DocumentType", "Values": ["Automation"]}]});
    let listed = ssm(&mut account, "ListDocuments", filter);
    assert_eq!(listed["DocumentIdentifiers"][0]["Name"], "Nap");
    assert_eq!(ssm(&mut account, "GetDocument", json!({"Name": "Nap"}))["Content"], RUNBOOK);
    ssm(&mut account, "DeleteDocument", json!({"Name": "Nap"}));
    let (code, _) = refusal(&mut account, "GetDocument", json!({"Name": "Nap"}));
    assert_eq!(code, "InvalidDocument");
}

#[test]
fn a_document_that_can_not_work_is_refused_with_the_reason() {
    let step = |step: Value| json!({"schemaVersion": "0.3", "mainSteps": [step]}).to_string();
    let table = [
        ("{not json".to_owned(), "JSON not well-formed"),
        (json!({"schemaVersion": "2.2", "mainSteps": []}).to_string(), "must be 0.3, not 2.2"),
        (json!({"schemaVersion": "0.3", "mainSteps": []}).to_string(), "at least one step"),
        (step(json!({"name": "a", "action": "sleep"})), "sleep is not an Automation action"),
        (step(json!({"name": "a", "action": "aws:sleep", "nextStep": "b"})), "leads to b"),
        (step(json!({"name": "a", "action": "aws:sleep", "onFailure": "Retry"})), "onFailure"),
        (
            step(json!({"name": "a", "action": "aws:sleep", "inputs": {"Duration": "{{ X }}"}})),
            "{{ X }} is neither a parameter nor a step's output",
        ),
        (
            step(json!({"name": "a", "action": "aws:branch", "inputs": {"Choices":
                [{"NextStep": "a", "Variable": "x", "Like": "y"}]}})),
            "the operation Like is not supported",
        ),
        (
            step(json!({"name": "a", "action": "aws:executeAwsApi",
                "outputs": [{"Name": "x", "Selector": "$.[", "Type": "String"}]})),
            "the selector $.[ can't be read",
        ),
        (
            step(json!({"name": "a", "action": "aws:sleep", "retries": 3})),
            "unknown field `retries`",
        ),
    ];
    let mut account = account();
    for (content, reason) in table {
        let input = json!({"Name": "Bad", "DocumentType": "Automation", "Content": content});
        let (code, message) = refusal(&mut account, "CreateDocument", input);
        assert_eq!(code, "InvalidDocumentContent", "{content}");
        assert!(message.contains(reason), "{message}");
    }
    let reserved = json!({"Name": "AWS-Mine", "DocumentType": "Automation", "Content": RUNBOOK});
    let (_, message) = refusal(&mut account, "CreateDocument", reserved);
    assert!(message.contains("reserved"), "{message}");
}

#[test]
fn an_execution_starts_by_name_or_arn_once_per_token_and_what_is_wrong_is_refused() {
    let mut account = account();
    runbook(&mut account, "Nap");
    for name in [
        "Nap",
        "arn:aws:ssm:eu-west-1:111122223333:document/Nap",
        "arn:aws:ssm:eu-west-1:111122223333:automation-definition/Nap:$DEFAULT",
    ] {
        ssm(&mut account, "StartAutomationExecution", json!({"DocumentName": name}));
    }
    let once = json!({"DocumentName": "Nap", "ClientToken": "token"});
    let first = ssm(&mut account, "StartAutomationExecution", once.clone());
    assert_eq!(ssm(&mut account, "StartAutomationExecution", once), first);
    let table = [
        (json!({"DocumentName": "None"}), "AutomationDefinitionNotFoundException", "None"),
        (
            json!({"DocumentName": "AWS-ASGEnterStandby"}),
            "AutomationDefinitionNotFoundException",
            "does not have this AWS-owned document",
        ),
        (
            json!({"DocumentName": "Nap", "DocumentVersion": "7"}),
            "AutomationDefinitionVersionNotFoundException",
            "7",
        ),
        (
            json!({"DocumentName": "Nap", "Parameters": {"Until": ["x"]}}),
            "InvalidAutomationExecutionParametersException",
            "[Until]",
        ),
        (json!({"DocumentName": "Nap", "MaxErrors": "1"}), "NotImplemented", "`MaxErrors`"),
        (json!({"DocumentName": "Nap", "Mode": "Interactive"}), "NotImplemented", "Interactive"),
    ];
    for (input, code, words) in table {
        let (found, message) = refusal(&mut account, "StartAutomationExecution", input);
        assert_eq!(found, code);
        assert!(message.contains(words), "{message}");
    }
    let input = json!({"AutomationExecutionId": "none"});
    let (code, _) = refusal(&mut account, "GetAutomationExecution", input);
    assert_eq!(code, "AutomationExecutionNotFoundException");
}

#[test]
fn executions_are_found_by_the_documented_filters_newest_first() {
    let mut account = account();
    runbook(&mut account, "Nap");
    runbook(&mut account, "Other");
    let start = |account: &mut Account, name: &str, parameters: Value| {
        let input = json!({"DocumentName": name, "Parameters": parameters,
            "Tags": [{"Key": "run", "Value": "1"}]});
        let answer = ssm(account, "StartAutomationExecution", input);
        answer["AutomationExecutionId"].as_str().unwrap().to_owned()
    };
    let first = start(&mut account, "Nap", json!({}));
    pass(&mut account, 60);
    let second = start(&mut account, "Nap", json!({"For": ["PT10M"]}));
    let other = start(&mut account, "Other", json!({"For": ["soon"]}));
    pass(&mut account, 60);
    let mut found = |filters: Value| -> Vec<String> {
        let input = json!({"Filters": filters, "MaxResults": 1});
        let (mut ids, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut input = input.clone();
            if !token.is_null() {
                input["NextToken"] = token.take();
            }
            let mut page = ssm(&mut account, "DescribeAutomationExecutions", input);
            for one in page["AutomationExecutionMetadataList"].as_array().unwrap() {
                ids.push(one["AutomationExecutionId"].as_str().unwrap().to_owned());
            }
            token = page["NextToken"].take();
            if token.is_null() {
                return ids;
            }
        }
    };
    let by = |key: &str, value: &str| json!([{"Key": key, "Values": [value]}]);
    assert_eq!(found(json!([])), [&*other, &second, &first]);
    assert_eq!(found(by("DocumentNamePrefix", "Na")), [&*second, &first]);
    assert_eq!(found(by("ExecutionStatus", "InProgress")), [&*second]);
    assert_eq!(found(by("ExecutionStatus", "Failed")), [&*other]);
    assert_eq!(found(by("CurrentAction", "aws:sleep")), [&*second]);
    assert_eq!(found(by("StartTimeAfter", "2026-01-05T10:00:30Z")), [&*other, &second]);
    assert_eq!(found(by("StartTimeBefore", "2026-01-05T10:00:30Z")), [&*first]);
    assert_eq!(found(by("TagKey", "run")).len(), 3);
    assert_eq!(found(by("ExecutionId", &first)), [&*first]);
    let bad = json!({"Filters": by("Color", "red")});
    assert_eq!(refusal(&mut account, "DescribeAutomationExecutions", bad).0, "InvalidFilterKey");
    let steps = json!({"AutomationExecutionId": first,
        "Filters": [{"Key": "StepExecutionStatus", "Values": ["Success"]}]});
    let steps = ssm(&mut account, "DescribeAutomationStepExecutions", steps);
    assert_eq!(steps["StepExecutions"][0]["StepName"], "nap");
}

#[test]
fn an_execution_knows_the_role_that_started_it() {
    let mut account = account();
    runbook(&mut account, "Nap");
    let caller = Caller::Role {
        arn: "arn:aws:iam::111122223333:role/rules".to_owned(),
        assumed_by: "events.amazonaws.com",
    };
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
    let create = json!({"RoleName": "rules", "AssumeRolePolicyDocument": trust});
    account.call(Service::Iam, "CreateRole", create).unwrap();
    let allow = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "ssm:StartAutomationExecution", "Resource": "*"}]}"#;
    let put = json!({"RoleName": "rules", "PolicyName": "start", "PolicyDocument": allow});
    account.call(Service::Iam, "PutRolePolicy", put).unwrap();
    let input = json!({"DocumentName": "Nap"});
    let answer = account
        .call_as(&caller, Service::Ssm, "StartAutomationExecution", input)
        .expect("the role may start runbooks");
    let input = json!({"AutomationExecutionId": answer["AutomationExecutionId"]});
    let execution = ssm(&mut account, "GetAutomationExecution", input);
    assert_eq!(
        execution["AutomationExecution"]["ExecutedBy"],
        "arn:aws:sts::111122223333:assumed-role/rules/events"
    );
}

#[test]
fn a_command_goes_to_the_tagged_instances_and_its_invocations_tell_how_it_went() {
    let mut account = account();
    let test = instance(&mut account, "Test");
    instance(&mut account, "Live");
    let sent = json!({"DocumentName": "AWSFIS-Run-CPU-Stress",
        "Targets": [{"Key": "tag:Stage", "Values": ["Test"]}],
        "Parameters": {"DurationSeconds": ["120"]}, "Comment": "drill"});
    let sent = ssm(&mut account, "SendCommand", sent);
    let id = sent["Command"]["CommandId"].clone();
    assert_eq!(sent["Command"]["TargetCount"], 1);
    pass(&mut account, 1);
    let stress =
        Fact::new("command", [("document", "AWSFIS-Run-CPU-Stress"), ("instance", test.as_str())]);
    let commands: Vec<Fact> =
        account.facts.iter().filter(|fact| fact.kind == "command").cloned().collect();
    assert_eq!(commands, [stress]);
    let ask = json!({"CommandId": id, "InstanceId": test});
    let running = ssm(&mut account, "GetCommandInvocation", ask.clone());
    assert_eq!((&running["Status"], &running["ResponseCode"]), (&json!("InProgress"), &json!(-1)));
    pass(&mut account, 120);
    let mut done = ssm(&mut account, "GetCommandInvocation", ask);
    done["CommandId"].take();
    done["InstanceId"].take();
    insta::assert_json_snapshot!(done, @r##"
    {
      "CommandId": null,
      "InstanceId": null,
      "Comment": "drill",
      "DocumentName": "AWSFIS-Run-CPU-Stress",
      "DocumentVersion": "$DEFAULT",
      "PluginName": "aws:runShellScript",
      "ResponseCode": 0,
      "ExecutionStartDateTime": "2026-01-05T10:20:01Z",
      "ExecutionElapsedTime": "PT2M",
      "ExecutionEndDateTime": "2026-01-05T10:22:01Z",
      "Status": "Success",
      "StatusDetails": "Success",
      "StandardOutputContent": "",
      "StandardOutputUrl": "",
      "StandardErrorContent": "",
      "StandardErrorUrl": ""
    }
    "##);
    assert_eq!(account.facts.iter().filter(|fact| fact.kind == "command").count(), 0);
    let listed =
        ssm(&mut account, "ListCommandInvocations", json!({"CommandId": id, "Details": true}));
    assert_eq!(listed["CommandInvocations"][0]["CommandPlugins"][0]["ResponseCode"], 0);
    let filter = json!({"Filters": [{"key": "Status", "value": "Success"}]});
    assert_eq!(ssm(&mut account, "ListCommands", filter)["Commands"][0]["CommandId"], id);
}

#[test]
fn a_command_is_cancelled_and_what_nobody_can_run_is_refused() {
    let mut account = account();
    let id = instance(&mut account, "Test");
    let send = |document: &str, instance: &str, parameters: Value| json!({"DocumentName": document, "InstanceIds": [instance], "Parameters": parameters});
    let shell = json!({"commands": ["sleep 60"], "executionTimeout": ["2"]});
    let command = ssm(&mut account, "SendCommand", send("AWS-RunShellScript", &id, shell));
    pass(&mut account, 10);
    let ask = json!({"CommandId": command["Command"]["CommandId"], "InstanceId": id});
    assert_eq!(ssm(&mut account, "GetCommandInvocation", ask)["Status"], "TimedOut");

    let shell = json!({"commands": ["sleep 60"]});
    let command = ssm(&mut account, "SendCommand", send("AWS-RunShellScript", &id, shell.clone()));
    let command = command["Command"]["CommandId"].clone();
    pass(&mut account, 2);
    ssm(&mut account, "CancelCommand", json!({"CommandId": command}));
    pass(&mut account, 2);
    let ask = json!({"CommandId": command, "InstanceId": id});
    assert_eq!(ssm(&mut account, "GetCommandInvocation", ask)["Status"], "Cancelled");
    assert_eq!(account.facts.iter().filter(|fact| fact.kind == "command").count(), 0);

    let table = [
        (send("AWS-RunShellScript", "i-00000000", shell.clone()), "InvalidInstanceId"),
        (send("AWS-RunNothing", &id, shell), "InvalidDocument"),
        (send("AWS-RunShellScript", &id, json!({})), "InvalidParameters"),
        (
            json!({"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["x"]}}),
            "ValidationException",
        ),
    ];
    for (input, code) in table {
        assert_eq!(refusal(&mut account, "SendCommand", input).0, code);
    }
}

#[test]
fn a_command_on_an_instance_that_goes_away_runs_into_its_time_limits() {
    let mut account = account();
    let table = [
        // Terminated while the command runs: nobody says how it ended.
        (1, "Execution Timed Out", json!({"commands": ["x"], "executionTimeout": ["900"]}), 902),
        // Terminated before the command arrives: nobody takes it.
        (0, "Delivery Timed Out", json!({"commands": ["x"]}), 3601),
    ];
    for (after, details, parameters, at_most) in table {
        let id = instance(&mut account, "Test");
        let send = json!({"DocumentName": "AWS-RunShellScript", "InstanceIds": [id],
            "Parameters": parameters});
        let command = ssm(&mut account, "SendCommand", send)["Command"]["CommandId"].clone();
        pass(&mut account, after);
        let terminate = json!({"InstanceIds": [id]});
        account.call(Service::Ec2, "TerminateInstances", terminate).unwrap();
        pass(&mut account, 60);
        let ask = json!({"CommandId": command, "InstanceId": id});
        let status = &ssm(&mut account, "GetCommandInvocation", ask.clone())["Status"];
        assert!(["InProgress", "Pending"].contains(&status.as_str().unwrap()), "{status}");
        pass(&mut account, at_most);
        let done = ssm(&mut account, "GetCommandInvocation", ask);
        assert_eq!(
            (&done["Status"], &done["StatusDetails"]),
            (&json!("TimedOut"), &json!(details))
        );
    }
    assert_eq!(account.facts.iter().filter(|fact| fact.kind == "command").count(), 0);
}

#[test]
fn the_accounts_own_command_documents_check_their_parameters() {
    let mut account = account();
    let id = instance(&mut account, "Test");
    let content = r#"{"schemaVersion": "2.2", "parameters": {"Path": {"type": "String"}},
        "mainSteps": [{"name": "run", "action": "aws:runShellScript", "inputs": {}}]}"#;
    ssm(&mut account, "CreateDocument", json!({"Name": "Clean", "Content": content}));
    let send = |parameters: Value| json!({"DocumentName": "Clean", "InstanceIds": [id], "Parameters": parameters});
    assert_eq!(refusal(&mut account, "SendCommand", send(json!({}))).0, "InvalidParameters");
    let (_, message) = refusal(&mut account, "SendCommand", send(json!({"Depth": ["1"]})));
    assert_eq!(message, "Document Clean does not support parameter Depth");
    ssm(&mut account, "SendCommand", send(json!({"Path": ["/tmp"]})));
}

#[test]
fn an_ops_item_is_opened_once_per_dedup_string_found_and_resolved() {
    let mut account = account();
    let dedup = json!({"/aws/dedup": {"Type": "SearchableString", "Value": r#"{"dedupString":"a"}"#},
        "/aws/resources": {"Type": "SearchableString", "Value": r#"[{"arn":"arn:x:i-1"}]"#}});
    let new = json!({"Title": "Lost", "Description": "An instance is gone", "Source": "EC2",
        "Severity": "2", "Priority": 1, "OperationalData": dedup});
    let id = ssm(&mut account, "CreateOpsItem", new.clone())["OpsItemId"].clone();
    let error = account.call(Service::Ssm, "CreateOpsItem", new.clone()).unwrap_err();
    assert_eq!(error.code, "OpsItemAlreadyExistsException");
    assert_eq!(error.details, Some(json!({"OpsItemId": id})));
    let found = |account: &mut Account, key: &str, value: &str, operator: &str| {
        let filter = json!([{"Key": key, "Values": [value], "Operator": operator}]);
        let answer = ssm(account, "DescribeOpsItems", json!({"OpsItemFilters": filter}));
        answer["OpsItemSummaries"].as_array().unwrap().len()
    };
    let table = [
        ("Status", "Open", "Equal", 1),
        ("Status", "Resolved", "Equal", 0),
        ("Title", "os", "Contains", 1),
        ("ResourceId", "i-1", "Contains", 1),
        ("Priority", "1", "Equal", 1),
        ("CreatedTime", "2026-01-05T09:00:00Z", "GreaterThan", 1),
        ("OperationalDataKey", "/aws/dedup", "Equal", 1),
    ];
    for (key, value, operator, count) in table {
        assert_eq!(found(&mut account, key, value, operator), count, "{key}");
    }
    pass(&mut account, 30);
    ssm(&mut account, "UpdateOpsItem", json!({"OpsItemId": id, "Status": "Resolved"}));
    let item = ssm(&mut account, "GetOpsItem", json!({"OpsItemId": id}));
    assert_eq!(
        (&item["OpsItem"]["Status"], &item["OpsItem"]["Version"]),
        (&json!("Resolved"), &json!("2"))
    );
    ssm(&mut account, "CreateOpsItem", new);
    assert_eq!(found(&mut account, "Status", "Open", "Equal"), 1, "a resolved one is no duplicate");
}

#[test]
fn parameters_are_put_read_by_name_and_path_and_deleted() {
    let mut account = account();
    for (name, value) in [("/app/a", "1"), ("/app/b", "2"), ("/app/deep/c", "3"), ("plain", "4")] {
        ssm(&mut account, "PutParameter", json!({"Name": name, "Value": value, "Type": "String"}));
    }
    let again = json!({"Name": "plain", "Value": "5", "Type": "String"});
    assert_eq!(refusal(&mut account, "PutParameter", again).0, "ParameterAlreadyExists");
    let over = json!({"Name": "plain", "Value": "5", "Overwrite": true});
    assert_eq!(ssm(&mut account, "PutParameter", over)["Version"], 2);
    let values = |answer: Value| -> Vec<String> {
        let found = answer["Parameters"].as_array().unwrap().iter();
        found.map(|one| one["Value"].as_str().unwrap().to_owned()).collect()
    };
    let by_path = |recursive: bool| json!({"Path": "/app", "Recursive": recursive});
    assert_eq!(values(ssm(&mut account, "GetParametersByPath", by_path(false))), ["1", "2"]);
    assert_eq!(values(ssm(&mut account, "GetParametersByPath", by_path(true))), ["1", "2", "3"]);
    let many = ssm(&mut account, "GetParameters", json!({"Names": ["plain:2", "/app/b", "no"]}));
    assert_eq!(many["InvalidParameters"], json!(["no"]));
    assert_eq!(values(many), ["5", "2"]);
    let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/app/a";
    assert_eq!(ssm(&mut account, "GetParameter", json!({"Name": arn}))["Parameter"]["Value"], "1");
    ssm(&mut account, "DeleteParameter", json!({"Name": "plain"}));
    assert_eq!(
        refusal(&mut account, "GetParameter", json!({"Name": "plain"})).0,
        "ParameterNotFound"
    );
}

#[test]
fn what_is_not_emulated_is_refused_by_name() {
    let mut account = account();
    let (code, message) = refusal(&mut account, "CreateMaintenanceWindow", json!({}));
    assert_eq!(code, "NotImplemented");
    assert!(message.contains("ssm:CreateMaintenanceWindow"), "{message}");
}

#[test]
fn managed_instances_are_the_instances_of_the_account() {
    let mut account = account();
    let id = instance(&mut account, "Test");
    let filter = json!({"Filters": [{"Key": "tag:Stage", "Values": ["Test"]}]});
    let answer = ssm(&mut account, "DescribeInstanceInformation", filter);
    assert_eq!(answer["InstanceInformationList"][0]["InstanceId"], id.as_str());
    assert_eq!(answer["InstanceInformationList"][0]["PingStatus"], "Online");
}
