//! Tests of buses, rules and delivery.

mod delivery;
mod routing;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::error::ServiceError;
use crate::emulator::services::Service;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:inbox";
const DEAD: &str = "arn:aws:sqs:eu-west-1:111122223333:dead";

/// An account with two queues, `inbox` and `dead`, that let `EventBridge` in.
fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let now = "2026-03-02T09:00:10Z".parse().expect("a timestamp");
    let mut account = Account::new(identity, now, 7);
    for name in ["inbox", "dead"] {
        let policy = json!({"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
            "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*"}});
        let input = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}});
        account.call(Service::Sqs, "CreateQueue", input).expect("a queue");
    }
    account
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::Events, operation, input).expect(operation)
}

fn refused(account: &mut Account, operation: &str, input: Value) -> ServiceError {
    account.call(Service::Events, operation, input).expect_err(operation)
}

/// A rule on everything from `app`, with one target.
fn rule(account: &mut Account, name: &str, target: Value) -> String {
    let pattern = json!({"source": ["app"]}).to_string();
    let input = json!({"Name": name, "EventPattern": pattern});
    let arn = call(account, "PutRule", input)["RuleArn"].clone();
    call(account, "PutTargets", json!({"Rule": name, "Targets": [target]}));
    arn.as_str().expect("an ARN").to_owned()
}

fn put(account: &mut Account, bus: &str, detail: &Value) -> String {
    let entry = json!({"Source": "app", "DetailType": "test", "Detail": detail.to_string(),
        "EventBusName": bus});
    let answer = call(account, "PutEvents", json!({"Entries": [entry]}));
    answer["Entries"][0]["EventId"].as_str().expect("an id").to_owned()
}

fn wait(account: &mut Account, seconds: i64) {
    account.advance(account.now() + SignedDuration::from_secs(seconds));
}

/// The messages of a queue, which stay there.
fn messages(account: &mut Account, queue: &str) -> Vec<Value> {
    let input = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0,
        "MessageAttributeNames": ["All"], "AttributeNames": ["All"]});
    let answer = account.call(Service::Sqs, "ReceiveMessage", input).expect("an answer");
    answer["Messages"].as_array().cloned().unwrap_or_default()
}

fn bodies(account: &mut Account, queue: &str) -> Vec<String> {
    let all = messages(account, queue);
    all.iter().map(|it| it["Body"].as_str().expect("a body").to_owned()).collect()
}

/// The sum of an `AWS/Events` metric of a rule over all that was published.
fn sum(account: &mut Account, dimensions: &[(&str, &str)], metric: &str) -> f64 {
    let dimensions: Vec<Value> =
        dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let now = account.now();
    let input = json!({"Namespace": "AWS/Events", "MetricName": metric, "Dimensions": dimensions,
        "StartTime": now.as_second() - 7200, "EndTime": now.as_second() + 60, "Period": 60,
        "Statistics": ["Sum"]});
    let answer = account.call(Service::CloudWatch, "GetMetricStatistics", input).expect("points");
    let points = answer["Datapoints"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point["Sum"].as_f64().expect("a sum")).sum()
}

/// A role that `EventBridge` may assume and that may do these actions on anything.
fn role(account: &mut Account, name: &str, actions: &Value) -> String {
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "events.amazonaws.com"}}});
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
    let answer = account.call(Service::Iam, "CreateRole", input).expect("a role");
    let document = json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
    let input = json!({"RoleName": name, "PolicyName": "p", "PolicyDocument": document});
    account.call(Service::Iam, "PutRolePolicy", input).expect("a policy");
    answer["Role"]["Arn"].as_str().expect("an ARN").to_owned()
}
