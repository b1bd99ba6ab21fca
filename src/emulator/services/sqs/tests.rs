//! Tests of the queues: what a receiver sees, and when.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;
use crate::wakeup::Topic;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7)
}

fn call(account: &mut Account, operation: &str, input: Value) -> Value {
    account.call(Service::Sqs, operation, input).expect(operation)
}

fn queue(account: &mut Account, name: &str, attributes: Value) -> String {
    let input = json!({"QueueName": name, "Attributes": attributes});
    call(account, "CreateQueue", input)["QueueUrl"].as_str().expect("a URL").to_owned()
}

fn bodies(answer: &Value) -> Vec<&str> {
    let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    messages.iter().filter_map(|message| message["Body"].as_str()).collect()
}

#[test]
fn a_received_message_is_hidden_until_its_visibility_timeout_is_over() {
    let mut account = account();
    let url = queue(&mut account, "oncall", json!({}));
    call(&mut account, "SendMessage", json!({"QueueUrl": url, "MessageBody": "one"}));
    let receive = json!({"QueueUrl": url, "VisibilityTimeout": 20, "AttributeNames": ["All"]});
    let first = call(&mut account, "ReceiveMessage", receive.clone());
    assert_eq!(bodies(&first), ["one"]);
    assert_eq!(first["Messages"][0]["Attributes"]["SentTimestamp"], "1772442000000");
    assert_eq!(call(&mut account, "ReceiveMessage", receive.clone()), json!({}));
    account.take_changes();
    account.advance(account.now() + SignedDuration::from_secs(20));
    assert_eq!(account.take_changes(), [Topic::Messages, Topic::Queues]);
    let again = call(&mut account, "ReceiveMessage", receive);
    assert_eq!(again["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "2");
    let handle = again["Messages"][0]["ReceiptHandle"].clone();
    call(&mut account, "DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle}));
    account.advance(account.now() + SignedDuration::from_secs(60));
    assert_eq!(call(&mut account, "ReceiveMessage", json!({"QueueUrl": url})), json!({}));
}

#[test]
fn a_delayed_message_rings_when_it_becomes_visible_and_not_before() {
    let mut account = account();
    let url = queue(&mut account, "later", json!({"DelaySeconds": "5"}));
    account.take_changes();
    call(&mut account, "SendMessage", json!({"QueueUrl": url, "MessageBody": "soon"}));
    assert_eq!(account.take_changes(), [Topic::Queues]);
    assert_eq!(call(&mut account, "ReceiveMessage", json!({"QueueUrl": url})), json!({}));
    account.advance(account.now() + SignedDuration::from_secs(5));
    assert_eq!(account.take_changes(), [Topic::Messages, Topic::Queues]);
    let answer = call(&mut account, "ReceiveMessage", json!({"QueueUrl": url}));
    assert_eq!(bodies(&answer), ["soon"]);
}

#[test]
fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let mut account = account();
    let dead = queue(&mut account, "dead", json!({}));
    let redrive =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:dead","maxReceiveCount":2}"#;
    let url = queue(&mut account, "work", json!({"RedrivePolicy": redrive}));
    call(&mut account, "SendMessage", json!({"QueueUrl": url, "MessageBody": "poison"}));
    let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0});
    assert_eq!(bodies(&call(&mut account, "ReceiveMessage", receive.clone())), ["poison"]);
    assert_eq!(bodies(&call(&mut account, "ReceiveMessage", receive.clone())), ["poison"]);
    assert_eq!(call(&mut account, "ReceiveMessage", receive), json!({}));
    assert_eq!(
        bodies(&call(&mut account, "ReceiveMessage", json!({"QueueUrl": dead}))),
        ["poison"]
    );
}

#[test]
fn a_batch_reports_each_entry_by_itself() {
    let mut account = account();
    let url = queue(&mut account, "oncall", json!({}));
    let entries = json!([{"Id": "a", "MessageBody": "one"}, {"Id": "b", "MessageBody": ""}]);
    let input = json!({"QueueUrl": url, "Entries": entries});
    let answer = call(&mut account, "SendMessageBatch", input);
    assert_eq!(answer["Successful"][0]["Id"], "a");
    assert_eq!(answer["Failed"][0]["Code"], "MissingParameter");
}

#[test]
fn what_is_not_emulated_is_refused_by_name() {
    let mut account = account();
    let table = [
        (json!({"QueueName": "orders.fifo"}), "FIFO"),
        (json!({"QueueName": "q", "Attributes": {"Paint": "red"}}), "Paint"),
        (json!({"QueueName": "q", "Colour": "red"}), "Colour"),
    ];
    for (input, named) in table {
        let error = account.call(Service::Sqs, "CreateQueue", input).expect_err(named);
        assert_eq!(error.code, "NotImplemented");
        assert!(error.message.contains(named), "{}", error.message);
    }
}

#[test]
fn a_queue_that_is_not_there_is_an_error() {
    let mut account = account();
    let input = json!({"QueueUrl": "https://sqs/1/none", "MessageBody": "x"});
    let error = account.call(Service::Sqs, "SendMessage", input).expect_err("no queue");
    assert_eq!(error.code, "QueueDoesNotExist");
}
