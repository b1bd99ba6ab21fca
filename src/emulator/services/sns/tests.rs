//! Tests of topics: who hears what, and who may publish.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:oncall";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:inbox";

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let mut account =
        Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7);
    call(&mut account, "CreateTopic", json!({"Name": "oncall"}));
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
        "Principal": {"Service": "sns.amazonaws.com"}, "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}}}});
    let attributes = json!({"Policy": policy.to_string()});
    let input = json!({"QueueName": "inbox", "Attributes": attributes});
    account.call(Service::Sqs, "CreateQueue", input).expect("a queue");
    account
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::Sns, operation, input).expect(operation)
}

fn subscribe(account: &mut Account, attributes: Value) -> String {
    let input = json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE,
        "Attributes": attributes});
    call(account, "Subscribe", input)["SubscriptionArn"].as_str().expect("an ARN").to_owned()
}

fn received(account: &mut Account) -> Vec<Value> {
    account.advance(account.now() + SignedDuration::from_secs(1));
    let input = json!({"QueueUrl": "https://sqs/1/inbox", "MaxNumberOfMessages": 10,
        "MessageAttributeNames": ["All"]});
    let answer = account.call(Service::Sqs, "ReceiveMessage", input).expect("an answer");
    answer["Messages"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_queue_receives_the_documented_envelope() {
    let mut account = account();
    subscribe(&mut account, json!({}));
    let answer = call(
        &mut account,
        "Publish",
        json!({"TopicArn": TOPIC, "Subject": "ALARM: vpn", "Message": "down",
            "MessageAttributes": {"severity": {"DataType": "String", "StringValue": "2"}}}),
    );
    let messages = received(&mut account);
    let body: Value =
        serde_json::from_str(messages[0]["Body"].as_str().expect("a body")).expect("JSON");
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    let expected = [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ];
    assert_eq!(keys, expected);
    assert_eq!(body["MessageId"], answer["MessageId"]);
    assert_eq!(body["Timestamp"], "2026-03-02T09:00:00.000Z");
    assert_eq!(body["MessageAttributes"]["severity"], json!({"Type": "String", "Value": "2"}));
}

#[test]
fn raw_delivery_hands_over_text_and_attributes_as_they_are() {
    let mut account = account();
    subscribe(&mut account, json!({"RawMessageDelivery": "true"}));
    let attributes = json!({"severity": {"DataType": "Number", "StringValue": "2"}});
    let input = json!({"TopicArn": TOPIC, "Message": "down", "MessageAttributes": attributes});
    call(&mut account, "Publish", input);
    let messages = received(&mut account);
    assert_eq!(messages[0]["Body"], "down");
    assert_eq!(messages[0]["MessageAttributes"]["severity"]["StringValue"], "2");
}

#[test]
fn a_filter_policy_lets_only_its_own_messages_pass() {
    let mut account = account();
    let attributes =
        json!({"FilterPolicy": "{\"severity\":[\"high\"]}", "RawMessageDelivery": "true"});
    subscribe(&mut account, attributes);
    for severity in ["low", "high"] {
        let attribute = json!({"severity": {"DataType": "String", "StringValue": severity}});
        let input = json!({"TopicArn": TOPIC, "Message": severity, "MessageAttributes": attribute});
        call(&mut account, "Publish", input);
    }
    call(&mut account, "Publish", json!({"TopicArn": TOPIC, "Message": "no attributes"}));
    let bodies: Vec<Value> =
        received(&mut account).iter().map(|message| message["Body"].clone()).collect();
    assert_eq!(bodies, ["high"]);
}

#[test]
fn a_structured_message_has_a_text_for_each_protocol_and_needs_a_default() {
    let mut account = account();
    subscribe(&mut account, json!({"RawMessageDelivery": "true"}));
    let text = json!({"default": "to all", "sqs": "to queues"}).to_string();
    let input = json!({"TopicArn": TOPIC, "Message": text, "MessageStructure": "json"});
    call(&mut account, "Publish", input);
    assert_eq!(received(&mut account)[0]["Body"], "to queues");
    let input = json!({"TopicArn": TOPIC, "Message": "{}", "MessageStructure": "json"});
    let error = account.call(Service::Sns, "Publish", input).expect_err("no default");
    assert_eq!(error.code, "InvalidParameter");
}

#[test]
fn a_queue_whose_policy_does_not_name_the_topic_hears_nothing() {
    let mut account = account();
    let subscription = subscribe(&mut account, json!({}));
    let input = json!({"QueueUrl": "https://sqs/1/inbox", "Attributes": {"Policy": ""}});
    account.call(Service::Sqs, "SetQueueAttributes", input).expect("set");
    call(&mut account, "Publish", json!({"TopicArn": TOPIC, "Message": "down"}));
    assert!(received(&mut account).is_empty());
    assert_eq!(account.services.sns.subscriptions[&subscription].failed, 1);
}

#[test]
fn the_default_policy_lets_an_alarm_publish_and_no_rule() {
    let account = &mut account();
    let publish = |account: &mut Account, principal: &'static str, source: &str| {
        let caller = Caller::Service { principal, source_arn: source.to_owned() };
        let input = json!({"TopicArn": TOPIC, "Message": "down"});
        account.call_as(&caller, Service::Sns, "Publish", input)
    };
    let alarm = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:vpn";
    let rule = "arn:aws:events:eu-west-1:111122223333:rule/page";
    assert!(publish(account, "cloudwatch.amazonaws.com", alarm).is_ok());
    let refused = publish(account, "events.amazonaws.com", rule).expect_err("refused");
    assert_eq!(refused.code, "AccessDeniedException");
    // A policy that only names EventBridge locks the alarm out: a well-known way to lose pages.
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "sns:Publish",
        "Principal": {"Service": "events.amazonaws.com"}, "Resource": TOPIC}});
    let input = json!({"TopicArn": TOPIC, "AttributeName": "Policy",
        "AttributeValue": policy.to_string()});
    call(account, "SetTopicAttributes", input);
    assert!(publish(account, "events.amazonaws.com", rule).is_ok());
    assert!(publish(account, "cloudwatch.amazonaws.com", alarm).is_err());
}

#[test]
fn email_stays_pending_and_is_not_delivered_to() {
    let mut account = account();
    let input = json!({"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b.example",
        "ReturnSubscriptionArn": true});
    let arn = call(&mut account, "Subscribe", input)["SubscriptionArn"].clone();
    call(&mut account, "Publish", json!({"TopicArn": TOPIC, "Message": "down"}));
    account.advance(account.now() + SignedDuration::from_secs(1));
    let held = &account.services.sns.subscriptions[arn.as_str().expect("an ARN")];
    assert_eq!((held.confirmed, held.delivered), (false, 0));
    let input = json!({"TopicArn": TOPIC, "Protocol": "sms", "Endpoint": "+1"});
    let error = account.call(Service::Sns, "Subscribe", input).expect_err("refused");
    assert!(error.message.contains("sms"));
}
