//! Long polling of SQS, which is the one call of an account that waits: `ReceiveMessage` with
//! `WaitTimeSeconds` is answered when a message comes, or empty when the time is up.
//!
//! Main function: [`answer`]. It stands at the account's edge, because the account itself knows no waiting.
//! Invariant: what is answered is what the account answers at that moment, and a message is given out once.
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::transport::Emulator;
use super::wire;
use crate::wakeup::Topic;

/// The longest that SQS waits.
pub(super) const LONGEST: u8 = 20;

/// How long a request asks to wait for its answer; nothing for any other call.
pub(super) fn asked_for(request: &wire::Request) -> Option<Duration> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Receive {
        wait_time_seconds: Option<u8>,
    }
    let target = request.headers.iter().find(|(name, _)| name == "x-amz-target")?;
    let asked = (target.1 == "AmazonSQS.ReceiveMessage").then_some(&request.body)?;
    let receive: Receive = serde_json::from_slice(asked).ok()?;
    let seconds = receive.wait_time_seconds.filter(|seconds| (1..=LONGEST).contains(seconds))?;
    Some(Duration::from_secs(seconds.into()))
}

/// Answers a request that may wait this long.
pub(super) async fn answer(
    emulator: &Emulator,
    request: &wire::Request,
    wait: Duration,
) -> wire::Response {
    let until = Instant::now() + wait;
    let mut wakeups = emulator.wakeups();
    emulator.count();
    loop {
        let mark = wakeups.mark(Topic::Messages);
        let response = emulator.ask(request);
        if Instant::now() >= until || !is_empty(&response) {
            return response;
        }
        tokio::select! {
            biased;
            () = wakeups.after(Topic::Messages, mark) => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Whether it is a good answer without messages.
fn is_empty(response: &wire::Response) -> bool {
    response.status == 200 && response.body == b"{}"
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::emulator::account::{Account, Identity};
    use crate::emulator::services::Service;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox";

    fn emulator(clock: Clock) -> Emulator {
        let identity = Identity {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        };
        let mut account = Account::new(identity, clock.now(), 0);
        account.call(Service::Sqs, "CreateQueue", json!({"QueueName": "inbox"})).expect("made");
        Emulator::new(account, clock).0
    }

    fn receive(wait: u8) -> wire::Request {
        let headers = [
            ("x-amz-target", "AmazonSQS.ReceiveMessage"),
            ("content-type", "application/x-amz-json-1.0"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIA/20260105/eu-west-1/sqs/aws4_request",
            ),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        wire::Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: headers.to_vec(),
            body: json!({"QueueUrl": URL, "WaitTimeSeconds": wait}).to_string().into_bytes(),
            ..wire::Request::default()
        }
    }

    fn clock() -> Clock {
        Clock::starting_at(Timestamp::from_second(1_767_603_600).expect("in range"))
    }

    async fn answered(emulator: &Emulator, wait: u8) -> String {
        let request = receive(wait);
        let wait = asked_for(&request).expect("it asks to wait");
        let response = answer(emulator, &request, wait).await;
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
        String::from_utf8(response.body).expect("JSON")
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_queue_is_told_when_the_time_is_up() {
        let clock = clock();
        let begun = clock.now();
        assert_eq!(answered(&emulator(clock), 20).await, "{}");
        assert_eq!(clock.now().duration_since(begun), SignedDuration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_given_out_the_moment_that_it_comes() {
        let clock = clock();
        let (begun, emulator) = (clock.now(), emulator(clock));
        let send = async {
            clock.sleep_until(begun + SignedDuration::from_secs(7)).await;
            emulator.now(|account| {
                let message = json!({"QueueUrl": URL, "MessageBody": "hello"});
                account.call(Service::Sqs, "SendMessage", message).expect("sent")
            });
        };
        let (answer, ()) = tokio::join!(answered(&emulator, 20), send);
        assert!(answer.contains("hello"), "{answer}");
        assert_eq!(clock.now().duration_since(begun), SignedDuration::from_secs(7));
    }

    #[test]
    fn only_a_receive_that_says_so_waits() {
        assert_eq!(asked_for(&receive(3)), Some(Duration::from_secs(3)));
        assert_eq!(asked_for(&receive(0)), None);
        assert_eq!(asked_for(&receive(21)), None, "SQS refuses it");
        assert_eq!(asked_for(&wire::Request::default()), None);
    }
}
