//! Tests of authorization: which caller may make which call.

use serde_json::{Value, json};

use super::{Caller, authorize, unevaluated};
use crate::emulator::account::{Account, Identity};
use crate::emulator::error::ServiceError;
use crate::emulator::services::{Service, iam};

const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/page";
const RUNNER: &str = "arn:aws:iam::111122223333:role/runner";

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7)
}

fn call(account: &mut Account, service: Service, operation: &str, input: Value) {
    account.call(service, operation, input).expect(operation);
}

/// The role `runner`, which Systems Manager may assume under this condition, with this inline statement.
fn runner(condition: &Value, statement: &Value) -> Account {
    let mut account = account();
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ssm.amazonaws.com"}, "Condition": condition}});
    let input = json!({"RoleName": "runner", "AssumeRolePolicyDocument": trust});
    call(&mut account, Service::Iam, "CreateRole", input);
    let document = json!({ "Statement": statement });
    let input = json!({"RoleName": "runner", "PolicyName": "p", "PolicyDocument": document});
    call(&mut account, Service::Iam, "PutRolePolicy", input);
    account
}

fn as_runner(
    account: &Account,
    service: Service,
    operation: &str,
    input: &Value,
) -> Result<(), ServiceError> {
    let caller = Caller::Role { arn: RUNNER.to_owned(), assumed_by: "ssm.amazonaws.com" };
    authorize(account, &caller, service, operation, input)
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn a_role_may_do_what_its_policies_name() {
    let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1";
    let document = "arn:aws:ssm:*:*:automation-definition/Fix:*";
    let table = [
        (
            "ec2:StopInstances",
            instance,
            Service::Ec2,
            "StopInstances",
            json!({"InstanceIds": ["i-1"]}),
            true,
        ),
        (
            "ec2:StopInstances",
            instance,
            Service::Ec2,
            "StopInstances",
            json!({"InstanceIds": ["i-1", "i-2"]}),
            false,
        ),
        (
            "ec2:StopInstances",
            "*",
            Service::Ec2,
            "TerminateInstances",
            json!({"InstanceIds": ["i-1"]}),
            false,
        ),
        ("ec2:Describe*", "*", Service::Ec2, "DescribeInstances", json!({}), true),
        (
            "lambda:InvokeFunction",
            "*",
            Service::Lambda,
            "Invoke",
            json!({"FunctionName": "f"}),
            true,
        ),
        ("lambda:Invoke", "*", Service::Lambda, "Invoke", json!({"FunctionName": "f"}), false),
        (
            "sqs:SendMessage",
            "arn:aws:sqs:*:*:in",
            Service::Sqs,
            "SendMessageBatch",
            json!({"QueueUrl": "https://sqs/1/in"}),
            true,
        ),
        (
            "ssm:StartAutomationExecution",
            document,
            Service::Ssm,
            "StartAutomationExecution",
            json!({"DocumentName": "Fix"}),
            true,
        ),
        (
            "ssm:StartAutomationExecution",
            document,
            Service::Ssm,
            "StartAutomationExecution",
            json!({"DocumentName": "Other"}),
            false,
        ),
        (
            "ssm:StartAutomationExecution",
            "arn:aws:ssm:*::automation-definition/AWS-*",
            Service::Ssm,
            "StartAutomationExecution",
            json!({"DocumentName": "AWS-StopEC2Instance"}),
            true,
        ),
        (
            "events:PutEvents",
            "arn:aws:events:*:*:event-bus/orders",
            Service::Events,
            "PutEvents",
            json!({"Entries": [{"EventBusName": "orders"}]}),
            true,
        ),
        (
            "events:PutEvents",
            "arn:aws:events:*:*:event-bus/orders",
            Service::Events,
            "PutEvents",
            json!({"Entries": [{"EventBusName": "orders"}, {}]}),
            false,
        ),
    ];
    for (action, resource, service, operation, input, allowed) in table {
        let account = runner(&json!({}), &allow(action, resource));
        let answer = as_runner(&account, service, operation, &input);
        assert_eq!(answer.is_ok(), allowed, "{action} on {resource}: {operation} {input}");
    }
}

#[test]
fn a_refusal_names_principal_action_and_resource() {
    let account = runner(&json!({}), &allow("sqs:*", "*"));
    let topic = "arn:aws:sns:eu-west-1:111122223333:oncall";
    let error = as_runner(&account, Service::Sns, "Publish", &json!({"TopicArn": topic}))
        .expect_err("refused");
    for named in [RUNNER, "sns:Publish", topic, "no identity-based policy allows"] {
        assert!(error.message.contains(named), "{}", error.message);
    }
}

#[test]
fn an_explicit_deny_wins() {
    let deny = json!({"Effect": "Deny", "Action": "sns:*", "Resource": "*"});
    let account = runner(&json!({}), &json!([allow("*", "*"), deny]));
    let error = as_runner(&account, Service::Sns, "Publish", &json!({"TopicArn": "t"}))
        .expect_err("refused");
    assert!(error.message.contains("explicit deny"));
    assert!(as_runner(&account, Service::Sqs, "SendMessage", &json!({"QueueUrl": "q"})).is_ok());
}

#[test]
fn only_who_is_trusted_may_assume_a_role_of_this_account() {
    let everything = allow("*", "*");
    let own = "arn:aws:ssm:*:111122223333:automation-execution/*";
    let table = [
        (json!({}), true),
        (json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}), true),
        (json!({"StringEquals": {"aws:SourceAccount": "444455556666"}}), false),
        (json!({"ArnLike": {"aws:SourceArn": own}}), true),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:ssm:us-east-1:111122223333:*"}}), false),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:fis:*:111122223333:experiment/*"}}), false),
        (json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), false),
    ];
    for (condition, trusted) in table {
        let account = runner(&condition, &everything);
        let answer = as_runner(&account, Service::Sqs, "ListQueues", &json!({}));
        assert_eq!(answer.is_ok(), trusted, "{condition}");
    }
    let mut account = runner(&json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), &everything);
    iam::set_organization(&mut account, "o-1");
    assert!(as_runner(&account, Service::Sqs, "ListQueues", &json!({})).is_ok());
    for (arn, assumed_by) in [
        (RUNNER, "events.amazonaws.com"),
        ("arn:aws:iam::111122223333:role/none", "ssm.amazonaws.com"),
        ("arn:aws:iam::444455556666:role/runner", "ssm.amazonaws.com"),
    ] {
        let caller = Caller::Role { arn: arn.to_owned(), assumed_by };
        let error = authorize(&account, &caller, Service::Sqs, "ListQueues", &json!({}))
            .expect_err("not trusted");
        assert!(error.message.contains("sts:AssumeRole"), "{}", error.message);
    }
}

#[test]
fn handing_a_role_to_automation_needs_pass_role() {
    let start = json!({"DocumentName": "Fix",
        "Parameters": {"AutomationAssumeRole": ["arn:aws:iam::111122223333:role/fixer"]}});
    let may_start = allow("ssm:StartAutomationExecution", "*");
    let account = runner(&json!({}), &may_start);
    let error =
        as_runner(&account, Service::Ssm, "StartAutomationExecution", &start).expect_err("refused");
    assert!(error.message.contains("iam:PassRole"), "{}", error.message);
    let pass = json!({"Effect": "Allow", "Action": "iam:PassRole",
        "Resource": "arn:aws:iam::111122223333:role/fix*",
        "Condition": {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}}});
    let account = runner(&json!({}), &json!([may_start, pass]));
    assert!(as_runner(&account, Service::Ssm, "StartAutomationExecution", &start).is_ok());
}

#[test]
fn an_aws_managed_policy_allows_and_is_listed_as_unread() {
    let mut account = runner(&json!({}), &allow("sqs:*", "*"));
    let topic = json!({"TopicArn": "t"});
    assert!(as_runner(&account, Service::Sns, "Publish", &topic).is_err());
    let managed = "arn:aws:iam::aws:policy/AmazonSNSFullAccess";
    let input = json!({"RoleName": "runner", "PolicyArn": managed});
    call(&mut account, Service::Iam, "AttachRolePolicy", input);
    assert!(as_runner(&account, Service::Sns, "Publish", &topic).is_ok());
    assert_eq!(unevaluated(&account), [managed]);
}

#[test]
fn a_boundary_takes_away_what_it_does_not_allow() {
    let mut account = account();
    let document = json!({"Statement": allow("sqs:*", "*")});
    let input = json!({"PolicyName": "bounds", "PolicyDocument": document});
    call(&mut account, Service::Iam, "CreatePolicy", input);
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ssm.amazonaws.com"}}});
    let input = json!({"RoleName": "runner", "AssumeRolePolicyDocument": trust,
        "PermissionsBoundary": "arn:aws:iam::111122223333:policy/bounds"});
    call(&mut account, Service::Iam, "CreateRole", input);
    let document = json!({"Statement": allow("*", "*")});
    let input = json!({"RoleName": "runner", "PolicyName": "p", "PolicyDocument": document});
    call(&mut account, Service::Iam, "PutRolePolicy", input);
    assert!(as_runner(&account, Service::Sqs, "ListQueues", &json!({})).is_ok());
    assert!(as_runner(&account, Service::Sns, "ListTopics", &json!({})).is_err());
}

#[test]
fn a_service_needs_the_resources_own_policy_and_a_key_that_lets_it_in() {
    let mut account = account();
    let send = |account: &Account| {
        let caller =
            Caller::Service { principal: "events.amazonaws.com", source_arn: RULE.to_owned() };
        let input = json!({"QueueUrl": "in", "MessageBody": "x"});
        authorize(account, &caller, Service::Sqs, "SendMessage", &input)
    };
    // A queue that is not there is not a question of permission.
    assert!(send(&account).is_ok());
    call(&mut account, Service::Sqs, "CreateQueue", json!({"QueueName": "in"}));
    assert_eq!(send(&account).expect_err("no policy").code, "AccessDeniedException");
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
        "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}}}});
    let set = |account: &mut Account, attributes: Value| {
        let input = json!({"QueueUrl": "in", "Attributes": attributes});
        call(account, Service::Sqs, "SetQueueAttributes", input);
    };
    set(&mut account, json!({"Policy": policy.to_string()}));
    assert!(send(&account).is_ok());
    set(&mut account, json!({"KmsMasterKeyId": "alias/aws/sqs"}));
    assert!(send(&account).expect_err("AWS's key").message.contains("kms:GenerateDataKey"));
    set(&mut account, json!({"KmsMasterKeyId": "alias/ours"}));
    assert!(send(&account).is_ok());
    assert!(unevaluated(&account)[0].contains("alias/ours"));
}
