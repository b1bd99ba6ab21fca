//! State machines as their users see them: through the API, in the account's own time.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::error::ServiceError;
use crate::emulator::services::{Service, lambda};

const ROLE: &str = "arn:aws:iam::111122223333:role/machine";

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account = Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 0);
    let trust = json!({
        "Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    });
    let create = json!({"RoleName": "machine", "AssumeRolePolicyDocument": trust.to_string()});
    account.call(Service::Iam, "CreateRole", create).unwrap();
    let allow = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let put =
        json!({"RoleName": "machine", "PolicyName": "all", "PolicyDocument": allow.to_string()});
    account.call(Service::Iam, "PutRolePolicy", put).unwrap();
    account
}

fn states(account: &mut Account, operation: &str, input: Value) -> Result<Value, ServiceError> {
    account.call(Service::StepFunctions, operation, input)
}

fn create(account: &mut Account, definition: &Value) -> Result<String, ServiceError> {
    let input = json!({"name": "m", "definition": definition.to_string(), "roleArn": ROLE});
    let answer = states(account, "CreateStateMachine", input)?;
    Ok(answer["stateMachineArn"].as_str().unwrap().to_owned())
}

fn start(account: &mut Account, machine: &str, input: &Value) -> String {
    let input = json!({"stateMachineArn": machine, "input": input.to_string()});
    let answer = states(account, "StartExecution", input).unwrap();
    answer["executionArn"].as_str().unwrap().to_owned()
}

fn describe(account: &mut Account, execution: &str) -> Value {
    states(account, "DescribeExecution", json!({"executionArn": execution})).unwrap()
}

fn pass_time(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

/// Runs a machine to its end; answers the execution's description.
fn run(account: &mut Account, definition: &Value, input: &Value) -> Value {
    let machine = create(account, definition).unwrap_or_else(|error| panic!("{error}"));
    let execution = start(account, &machine, input);
    pass_time(account, 3600);
    describe(account, &execution)
}

fn output(described: &Value) -> Value {
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    serde_json::from_str(described["output"].as_str().unwrap()).unwrap()
}

fn history(account: &mut Account, execution: &Value) -> Vec<String> {
    let input = json!({"executionArn": execution["executionArn"]});
    let answer = states(account, "GetExecutionHistory", input).unwrap();
    let events = answer["events"].as_array().unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["id"], index + 1);
        assert!(event["previousEventId"].as_u64() <= Some(index as u64));
    }
    events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn data_flows_through_paths_parameters_and_results() {
    let mut account = account();
    let definition = json!({
        "StartAt": "Make",
        "States": {
            "Make": {
                "Type": "Pass", "InputPath": "$.order", "ResultPath": "$.made", "Next": "Pick",
                "Parameters": {
                    "id.$": "$.id", "name.$": "States.Format('order-{}', $.id)", "fixed": [1, {"n.$": "$.id"}],
                    "run.$": "$$.Execution.Name", "state.$": "$$.State.Name"
                }
            },
            "Pick": {"Type": "Pass", "OutputPath": "$.made", "End": true}
        }
    });
    let described = run(&mut account, &definition, &json!({"order": {"id": 7}}));
    let name = &described["name"];
    assert_eq!(
        output(&described),
        json!({"id": 7, "name": "order-7", "fixed": [1, {"n": 7}], "run": name, "state": "Make"})
    );
    assert_eq!(
        history(&mut account, &described),
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn choices_go_where_their_rule_says_and_waits_take_their_time() {
    let mut account = account();
    let definition = json!({
        "StartAt": "Look",
        "States": {
            "Look": {
                "Type": "Choice", "Default": "No",
                "Choices": [{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Wait"}]
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.n", "Next": "Yes"},
            "Yes": {"Type": "Succeed"},
            "No": {"Type": "Fail", "Error": "TooSmall", "CausePath": "$.why"}
        }
    });
    let machine = create(&mut account, &definition).unwrap();
    let execution = start(&mut account, &machine, &json!({"n": 60}));
    pass_time(&mut account, 59);
    assert_eq!(describe(&mut account, &execution)["status"], "RUNNING");
    pass_time(&mut account, 2);
    assert_eq!(output(&describe(&mut account, &execution)), json!({"n": 60}));
    let execution = start(&mut account, &machine, &json!({"n": 1, "why": "1 is small"}));
    pass_time(&mut account, 1);
    let described = describe(&mut account, &execution);
    assert_eq!(
        (&described["status"], &described["error"], &described["cause"]),
        (&json!("FAILED"), &json!("TooSmall"), &json!("1 is small"))
    );
}

#[test]
fn a_function_is_retried_then_caught_and_its_answer_is_used() {
    let mut account = account();
    let behaviour = json!({
        "duration": "2s", "fails": {"error": "Flaky", "message": "not now", "first": 2},
        "returns": {"ok": true}
    });
    let behaviour = serde_json::from_value(behaviour).unwrap();
    lambda::declare(&mut account, "worker", behaviour).unwrap();
    let task = |most: u32| {
        json!({
            "StartAt": "Work",
            "States": {
                "Work": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": "worker", "Payload": {"n.$": "$.n"}},
                    "ResultSelector": {"answer.$": "$.Payload.ok"}, "ResultPath": "$.work",
                    "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 10, "MaxAttempts": most, "BackoffRate": 2}],
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.fault", "Next": "Sorry"}],
                    "End": true
                },
                "Sorry": {"Type": "Pass", "End": true}
            }
        })
    };
    let caught = run(&mut account.clone(), &task(1), &json!({"n": 1}));
    let fault = output(&caught)["fault"].clone();
    assert_eq!(fault["Error"], "Flaky");
    assert!(fault["Cause"].as_str().unwrap().contains("not now"));
    let machine = create(&mut account, &task(3)).unwrap();
    let execution = start(&mut account, &machine, &json!({"n": 1}));
    // Three times two seconds of work, and waits of ten and twenty seconds between them.
    pass_time(&mut account, 35);
    assert_eq!(describe(&mut account, &execution)["status"], "RUNNING");
    pass_time(&mut account, 2);
    let described = describe(&mut account, &execution);
    assert_eq!(output(&described), json!({"n": 1, "work": {"answer": true}}));
    let told = history(&mut account, &described);
    assert_eq!(told.iter().filter(|kind| *kind == "TaskFailed").count(), 2);
    assert_eq!(told.iter().filter(|kind| *kind == "TaskStateEntered").count(), 1);
}

#[test]
fn tasks_call_the_accounts_services_as_the_machines_role() {
    let mut account = account();
    account.call(Service::Sqs, "CreateQueue", json!({"QueueName": "q"})).unwrap();
    let url = account.call(Service::Sqs, "GetQueueUrl", json!({"QueueName": "q"})).unwrap();
    let definition = json!({
        "StartAt": "Send",
        "States": {
            "Send": {
                "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "ResultPath": null, "Next": "Put",
                "Parameters": {"QueueUrl": url["QueueUrl"], "MessageBody": {"n.$": "$.n"}}
            },
            "Put": {
                "Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "ResultPath": null, "Next": "List",
                "Parameters": {"Entries": [{"Source": "my.app", "DetailType": "Done", "Detail": {"n": 1}}]}
            },
            "List": {
                "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:fis:listExperimentTemplates",
                "Parameters": {"MaxResults": 5}, "End": true
            }
        }
    });
    let described = run(&mut account, &definition, &json!({"n": 5}));
    assert_eq!(output(&described), json!({"ExperimentTemplates": []}));
    let receive = json!({"QueueUrl": url["QueueUrl"]});
    let received = account.call(Service::Sqs, "ReceiveMessage", receive).unwrap();
    assert_eq!(received["Messages"][0]["Body"], "{\"n\":5}");

    let denied = json!({"RoleName": "machine", "PolicyName": "all"});
    account.call(Service::Iam, "DeleteRolePolicy", denied).unwrap();
    let execution =
        start(&mut account, described["stateMachineArn"].as_str().unwrap(), &json!({"n": 1}));
    pass_time(&mut account, 5);
    let described = describe(&mut account, &execution);
    assert_eq!(described["error"], "SQS.AccessDeniedException");
    assert!(described["cause"].as_str().unwrap().contains("sqs:SendMessage"), "{described}");
}

#[test]
fn branches_run_side_by_side_and_one_failure_fails_them_all() {
    let mut account = account();
    let wait = |seconds: u32, then: Value| json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "Next": "T"}, "T": then}});
    let fork = |second: Value| {
        json!({
            "StartAt": "Both",
            "States": {
                "Both": {
                    "Type": "Parallel", "End": true,
                    "Branches": [wait(30, json!({"Type": "Pass", "Result": "slow", "End": true})), wait(10, second)],
                    "Catch": [{"ErrorEquals": ["Broken"], "Next": "Caught"}]
                },
                "Caught": {"Type": "Pass", "End": true}
            }
        })
    };
    let fine = run(
        &mut account.clone(),
        &fork(json!({"Type": "Pass", "Result": "fast", "End": true})),
        &json!({}),
    );
    assert_eq!(output(&fine), json!(["slow", "fast"]));
    let lasted = fine["stopDate"].as_f64().unwrap() - fine["startDate"].as_f64().unwrap();
    assert!((30.0..31.0).contains(&lasted), "{lasted}");
    let failing = fork(json!({"Type": "Fail", "Error": "Broken", "Cause": "why"}));
    let caught = run(&mut account, &failing, &json!({}));
    assert_eq!(output(&caught), json!({"Error": "Broken", "Cause": "why"}));
    let lasted = caught["stopDate"].as_f64().unwrap() - caught["startDate"].as_f64().unwrap();
    assert!((10.0..11.0).contains(&lasted), "{lasted}");
}

#[test]
fn a_map_runs_each_item_and_no_more_at_once_than_it_may() {
    let mut account = account();
    let definition = json!({
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": true,
                "ItemSelector": {"at.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value", "of.$": "$.of"},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Wait",
                    "States": {"Wait": {"Type": "Wait", "Seconds": 10, "End": true}}
                }
            }
        }
    });
    let machine = create(&mut account, &definition).unwrap();
    let execution = start(&mut account, &machine, &json!({"of": "x", "items": ["a", "b", "c"]}));
    pass_time(&mut account, 19);
    assert_eq!(describe(&mut account, &execution)["status"], "RUNNING");
    pass_time(&mut account, 3);
    let described = describe(&mut account, &execution);
    let item = |at: u32, item: &str| json!({"at": at, "item": item, "of": "x"});
    assert_eq!(output(&described), json!([item(0, "a"), item(1, "b"), item(2, "c")]));
    let empty = start(&mut account, &machine, &json!({"of": "x", "items": []}));
    pass_time(&mut account, 1);
    assert_eq!(output(&describe(&mut account, &empty)), json!([]));
}

#[test]
fn an_execution_waits_for_one_that_it_starts() {
    let mut account = account();
    let child = json!({
        "name": "child", "roleArn": ROLE,
        "definition": json!({
            "StartAt": "W",
            "States": {"W": {"Type": "Wait", "Seconds": 20, "Next": "C"},
                "C": {"Type": "Choice", "Default": "F", "Choices": [{"Variable": "$.ok", "BooleanEquals": true, "Next": "S"}]},
                "S": {"Type": "Succeed"}, "F": {"Type": "Fail", "Error": "Child"}}
        }).to_string()
    });
    let child = states(&mut account, "CreateStateMachine", child).unwrap();
    let parent = json!({
        "StartAt": "Start",
        "States": {"Start": {
            "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
            "Parameters": {"StateMachineArn": child["stateMachineArn"], "Input": {"ok.$": "$.ok"}},
            "OutputPath": "$.Output"
        }}
    });
    let fine = run(&mut account, &parent, &json!({"ok": true}));
    assert_eq!(output(&fine), json!({"ok": true}));
    let machine = fine["stateMachineArn"].as_str().unwrap().to_owned();
    let execution = start(&mut account, &machine, &json!({"ok": false}));
    pass_time(&mut account, 60);
    assert_eq!(describe(&mut account, &execution)["error"], "States.TaskFailed");
}

#[test]
fn timeouts_stops_and_names_behave_as_documented() {
    let mut account = account();
    let definition = json!({
        "TimeoutSeconds": 30, "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 300, "End": true}}
    });
    let described = run(&mut account, &definition, &json!({}));
    assert_eq!(
        (&described["status"], &described["error"]),
        (&json!("TIMED_OUT"), &json!("States.Timeout"))
    );
    let machine = described["stateMachineArn"].clone();

    let named = json!({"stateMachineArn": machine, "name": "once", "input": "{}"});
    let first = states(&mut account, "StartExecution", named.clone()).unwrap();
    assert_eq!(states(&mut account, "StartExecution", named.clone()).unwrap(), first);
    let other = json!({"stateMachineArn": machine, "name": "once", "input": "{\"a\":1}"});
    assert_eq!(
        states(&mut account, "StartExecution", other).unwrap_err().code,
        "ExecutionAlreadyExists"
    );
    let stop = json!({"executionArn": first["executionArn"], "error": "Drill", "cause": "over"});
    states(&mut account, "StopExecution", stop).unwrap();
    let stopped = describe(&mut account, first["executionArn"].as_str().unwrap());
    assert_eq!((&stopped["status"], &stopped["error"]), (&json!("ABORTED"), &json!("Drill")));
    assert_eq!(
        states(&mut account, "StartExecution", named).unwrap_err().code,
        "ExecutionAlreadyExists"
    );
    pass_time(&mut account, 60);
    assert_eq!(describe(&mut account, first["executionArn"].as_str().unwrap()), stopped);

    let list = json!({"stateMachineArn": machine, "maxResults": 1});
    let page = states(&mut account, "ListExecutions", list).unwrap();
    assert_eq!(page["executions"][0]["name"], "once");
    assert!(page["nextToken"].is_string());
    let list = json!({"stateMachineArn": machine, "statusFilter": "TIMED_OUT"});
    let timed_out = states(&mut account, "ListExecutions", list).unwrap();
    assert_eq!(timed_out["executions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_loop_without_an_end_ends_when_its_history_is_full() {
    let mut account = account();
    let definition = json!({
        "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    });
    let described = run(&mut account, &definition, &json!({}));
    assert_eq!(described["error"], "States.Runtime");
    assert!(described["cause"].as_str().unwrap().contains("25000"));
}

#[test]
fn what_can_not_run_is_refused_by_name_when_the_machine_is_created() {
    let mut account = account();
    let state = |state: Value| json!({"StartAt": "A", "States": {"A": state}});
    for (definition, words) in [
        (json!({"StartAt": "A", "States": {}}), "there is no state `A`"),
        (state(json!({"Type": "Pass"})), "exactly one of Next and End"),
        (state(json!({"Type": "Pass", "Next": "B"})), "there is no state `B`"),
        (state(json!({"Type": "Dance", "End": true})), "`Dance` is no type of state"),
        (
            state(json!({"Type": "Pass", "End": true, "Assign": {}})),
            "does not support the field `Assign`",
        ),
        (
            state(json!({"Type": "Pass", "End": true, "QueryLanguage": "JSONata"})),
            "does not support the QueryLanguage JSONata",
        ),
        (state(json!({"Type": "Pass", "End": true, "InputPath": "order"})), "InputPath"),
        (
            state(
                json!({"Type": "Pass", "End": true, "Parameters": {"a.$": "States.Hash($.a, 'MD5')"}}),
            ),
            "does not support the function `States.Hash`",
        ),
        (
            state(
                json!({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}),
            ),
            "does not support the task resource arn:aws:states:::ecs:runTask.sync",
        ),
        (
            state(
                json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true}),
            ),
            "waitForTaskToken",
        ),
        (
            state(
                json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:danceInstances", "End": true}),
            ),
            "danceInstances",
        ),
        (
            json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}}}),
            "the state is not reachable",
        ),
    ] {
        let error = create(&mut account, &definition).expect_err("it is refused");
        assert!(error.message.contains(words), "{error}\n{words}");
    }
    let express = json!({"name": "e", "definition": "{}", "roleArn": ROLE, "type": "EXPRESS"});
    let error = states(&mut account, "CreateStateMachine", express).unwrap_err();
    assert!(error.message.contains("state machines of type EXPRESS"), "{error}");
    let definition = state(json!({"Type": "Succeed"})).to_string();
    let foreign = json!({"name": "f", "definition": definition, "roleArn": "arn:aws:iam::111122223333:role/none"});
    let error = states(&mut account, "CreateStateMachine", foreign).unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
}

#[test]
fn a_rule_starts_an_execution_and_the_bus_tells_of_its_end() {
    let mut account = account();
    let machine =
        create(&mut account, &json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}))
            .unwrap();
    let trust = json!({
        "Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    });
    let create_role = json!({"RoleName": "rule", "AssumeRolePolicyDocument": trust.to_string()});
    account.call(Service::Iam, "CreateRole", create_role).unwrap();
    let allow = json!({"Statement": {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}});
    let put =
        json!({"RoleName": "rule", "PolicyName": "start", "PolicyDocument": allow.to_string()});
    account.call(Service::Iam, "PutRolePolicy", put).unwrap();
    account.call(Service::Sqs, "CreateQueue", json!({"QueueName": "seen"})).unwrap();
    let url = account.call(Service::Sqs, "GetQueueUrl", json!({"QueueName": "seen"})).unwrap();
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}});
    let open = json!({"QueueUrl": url["QueueUrl"], "Attributes": {"Policy": policy.to_string()}});
    account.call(Service::Sqs, "SetQueueAttributes", open).unwrap();
    for (rule, pattern, target) in [
        (
            "begin",
            json!({"source": ["my.app"]}),
            json!({"Id": "m", "Arn": machine, "RoleArn": "arn:aws:iam::111122223333:role/rule"}),
        ),
        (
            "end",
            json!({"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}}),
            json!({"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:111122223333:seen"}),
        ),
    ] {
        let put = json!({"Name": rule, "EventPattern": pattern.to_string()});
        account.call(Service::Events, "PutRule", put).unwrap();
        let put = json!({"Rule": rule, "Targets": [target]});
        account.call(Service::Events, "PutTargets", put).unwrap();
    }
    let put =
        json!({"Entries": [{"Source": "my.app", "DetailType": "Order", "Detail": "{\"id\":1}"}]});
    let event = account.call(Service::Events, "PutEvents", put).unwrap();
    let event = event["Entries"][0]["EventId"].as_str().unwrap().to_owned();
    pass_time(&mut account, 10);
    let listed =
        states(&mut account, "ListExecutions", json!({"stateMachineArn": machine})).unwrap();
    let name = listed["executions"][0]["name"].as_str().unwrap();
    assert!(name.starts_with(&event), "{name}");
    let received =
        account.call(Service::Sqs, "ReceiveMessage", json!({"QueueUrl": url["QueueUrl"]})).unwrap();
    let told: Value =
        serde_json::from_str(received["Messages"][0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(told["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(told["detail"]["name"], *name);
    assert!(told["detail"]["input"].as_str().unwrap().contains(&event));
    let input = json!({
        "MetricDataQueries": [{"Id": "q", "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {
            "Namespace": "AWS/States", "MetricName": "ExecutionsSucceeded",
            "Dimensions": [{"Name": "StateMachineArn", "Value": machine}]}}}],
        "StartTime": 1_767_603_600, "EndTime": 1_767_607_200
    });
    pass_time(&mut account, 120);
    let metric = account.call(Service::CloudWatch, "GetMetricData", input).unwrap();
    assert_eq!(metric["MetricDataResults"][0]["Values"], json!([1.0]));
}
