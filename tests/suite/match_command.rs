//! `firedrill match` as its users meet it: answers, exit codes, streams, and input of every bad kind.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::now;
use crate::support::{Said, command, firedrill, said, scratch, shared};

/// However bad the input is, it is told within this time, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const ENVIRONMENT: &str = r#"version: 1
account: "111122223333"
region: eu-west-1

resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  Stopped:
    Type: AWS::Events::Rule
    Properties:
      Name: instance-stopped
      EventPattern: {source: [aws.ec2], detail: {state: [stopped]}}
      Targets: [{Id: pager, Arn: !Ref Topic}]
  Ended:
    Type: AWS::Events::Rule
    Properties:
      Name: instance-ended
      EventPattern: {source: [aws.ec2], detail-type: [Ended], detail: {state: [terminated]}}
      Targets: [{Id: pager, Arn: !Ref Topic}]
  Off:
    Type: AWS::Events::Rule
    Properties:
      Name: switched-off
      State: DISABLED
      EventPattern: {source: [{prefix: aws.}]}
      Targets: [{Id: pager, Arn: !Ref Topic}]
  Nightly:
    Type: AWS::Events::Rule
    Properties:
      Name: nightly
      ScheduleExpression: rate(1 day)
      Targets: [{Id: pager, Arn: !Ref Topic}]
  Large:
    Type: AWS::Events::Rule
    Properties:
      Name: large-orders
      EventBusName: !Ref Bus
      EventPattern: {$or: [{source: [shop]}, {detail: {amount: [{numeric: [">=", 1000]}]}}]}
      Targets: [{Id: pager, Arn: !Ref Topic}]
"#;

const EVENT: &str = r#"{"source":"aws.ec2","detail-type":"State","detail":{"state":"stopped"}}"#;

/// A folder with a pattern, an event and an environment.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(scratch());
        stage.write("event.json", EVENT.as_bytes());
        stage.write("pattern.json", br#"{"source":["aws.ec2"]}"#);
        stage.write("environment.yaml", ENVIRONMENT.as_bytes());
        stage
    }

    fn with(file: &str, content: &[u8]) -> Self {
        let stage = Self::new();
        stage.write(file, content);
        stage
    }

    fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.0.path().join(file), content).expect("there is room");
    }

    fn call(&self, arguments: &[&str]) -> Said {
        let output = command(&[&["match"], arguments].concat())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output();
        said(&output.expect("the binary starts"))
    }

    /// Asks whether the pattern's file matches the event's.
    fn ask(&self) -> Said {
        self.call(&["--pattern", "pattern.json", "--event", "event.json"])
    }
}

/// Everything that was said, for a snapshot.
fn shown(said: &Said) -> String {
    format!("exit code {}\n--- out\n{}--- err\n{}", said.code, said.out, said.err)
}

/// Runs with words on standard input.
fn fed(folder: &Path, arguments: &[&str], input: &[u8]) -> Said {
    let mut child = command(&[&["match"], arguments].concat())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    // A reader that has seen enough closes the pipe.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it wrote");
    said(&output)
}

fn lines(questions: &str) -> (i32, Vec<Value>) {
    let said = fed(scratch().path(), &["--jsonl", "-"], questions.as_bytes());
    assert_eq!(said.err, "");
    let answers = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (said.code, answers.collect())
}

#[test]
fn a_match_is_one_word_and_exit_code_0() {
    let said = Stage::new().ask();
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "match\n", ""));
}

#[test]
fn a_miss_names_each_field_with_its_value_and_the_matcher_that_refused_it() {
    let pattern = br#"{"source":["aws.s3",{"prefix":"my."}],"detail":{"state":["stopped"],"n":[1]},
        "account":[{"exists":false}]}"#;
    let stage = Stage::with("pattern.json", pattern);
    insta::assert_snapshot!("miss", shown(&stage.ask()));
    let arguments = ["--pattern", "pattern.json", "--event", "event.json", "--format", "json"];
    insta::assert_snapshot!("miss-json", shown(&stage.call(&arguments)));
    stage.write("pattern.json", br#"{"$or":[{"source":["a"],"detail-type":["b"]},{"time":[1]}]}"#);
    insta::assert_snapshot!("miss-or", shown(&stage.ask()));
}

#[test]
fn either_text_can_come_from_standard_input_but_not_both() {
    let stage = Stage::new();
    let folder = stage.0.path();
    let said = fed(folder, &["--pattern", "pattern.json", "--event", "-"], EVENT.as_bytes());
    assert_eq!((said.code, said.out.as_str()), (0, "match\n"), "{}", said.err);
    let said = fed(folder, &["--pattern", "-", "--event", "event.json"], b"{\"source\":[\"b\"]}");
    assert_eq!(said.code, 1, "{}", said.err);
    let said = fed(folder, &["--pattern", "-", "--event", "-"], b"{}");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("only one of --pattern and --event"), "{}", said.err);
}

#[test]
fn a_refused_pattern_is_told_in_the_words_of_the_service_with_the_place() {
    let stage = Stage::with("pattern.json", b"{\n  \"source\": [\"a\"],\n  \"detail\": {}\n}");
    insta::assert_snapshot!("refused-pattern", shown(&stage.ask()));
}

#[test]
fn an_event_without_an_envelope_is_an_event_and_noted() {
    let stage = Stage::with("event.json", b"{\"state\":\"stopped\"}");
    stage.write("pattern.json", b"{\"state\":[\"stopped\"]}");
    let said = stage.ask();
    assert_eq!((said.code, said.out.as_str()), (0, "match\n"));
    assert_eq!(
        said.err,
        "note: event.json: the event has no `source` and no `detail-type` and no `detail`, \
         which every event on a bus has\n"
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_text() {
    let stage = Stage::with("event.json", format!("\u{feff}{EVENT}").as_bytes());
    assert_eq!(stage.ask().code, 0);
}

#[test]
fn a_rule_of_an_environment_is_asked_by_its_name() {
    let stage = Stage::new();
    let ask = |rule: &str, more: &[&str]| {
        let named = ["--environment", "environment.yaml", "--event", "event.json"];
        stage.call(&[&["--pattern", rule], &named[..], more].concat())
    };
    assert_eq!(ask("instance-stopped", &[]).code, 0);
    let said = ask("large-orders", &["--bus", "orders"]);
    assert_eq!(said.code, 1, "{}", said.err);
    let table = [
        ("rule-disabled", ask("switched-off", &[])),
        ("rule-on-a-schedule", ask("nightly", &[])),
        ("rule-misspelt", ask("instance-stoped", &[])),
        ("rule-on-another-bus", ask("large-orders", &[])),
        ("rule-on-no-bus", ask("large-orders", &["--bus", "order"])),
    ];
    for (name, said) in table {
        insta::assert_snapshot!(name, shown(&said));
    }
}

#[test]
fn every_rule_of_an_environment_is_listed_with_its_answer() {
    let stage = Stage::new();
    let every = ["--environment", "environment.yaml", "--event", "event.json"];
    insta::assert_snapshot!("every-rule", shown(&stage.call(&every)));
    let json = [&every[..], &["--format", "json"]].concat();
    insta::assert_snapshot!("every-rule-json", shown(&stage.call(&json)));
    let orders = stage.call(&[&every[..], &["--bus", "orders"]].concat());
    assert_eq!((orders.code, orders.out.lines().count()), (1, 2), "{}", orders.out);
}

#[test]
fn a_broken_environment_is_told_with_its_place() {
    let stage = Stage::with("environment.yaml", b"version: 1\nresorces: {}\n");
    let said = stage.call(&["--environment", "environment.yaml", "--event", "event.json"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("environment.yaml:2"), "{}", said.err);
    let said = stage.call(&["--environment", "nowhere.yaml", "--event", "event.json"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("nowhere.yaml"), "{}", said.err);
}

#[test]
fn arguments_that_contradict_each_other_are_refused() {
    let stage = Stage::new();
    let event = ["--event", "event.json"];
    let table: [&[&str]; 8] = [
        &[],
        &["--pattern", "pattern.json"],
        &event,
        &["--jsonl", "-", "--event", "event.json"],
        &["--pattern", "pattern.json", "--bus", "orders", "--event", "event.json"],
        &["--pattern", "pattern.json", "--region", "eu-west-1", "--event", "event.json"],
        &["--environment", "environment.yaml", "--target", "aws", "--event", "event.json"],
        &["--target", "aws", "--event", "event.json"],
    ];
    for arguments in table {
        let said = stage.call(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.starts_with("error: "), "{arguments:?}: {}", said.err);
    }
}

/// An endpoint that answers one request, and says what it was asked.
fn endpoint(status: &'static str, answer: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        while !request.ends_with(b"}") {
            let count = stream.read(&mut piece).expect("it is sent");
            assert!(count > 0, "the request ends before its body does");
            request.extend_from_slice(&piece[..count]);
        }
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + &answer).as_bytes()).expect("it is read");
        String::from_utf8_lossy(&request).into_owned()
    });
    (url, asked)
}

fn from_endpoint(url: &str) -> Said {
    let stage = Stage::new();
    let arguments = [
        "match",
        "--pattern",
        "tunnel",
        "--bus",
        "ops",
        "--event",
        "event.json",
        "--endpoint-url",
        url,
        "--region",
        "eu-west-1",
    ];
    let mut command = command(&arguments);
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"] {
        command.env_remove(name);
    }
    let output = command
        .current_dir(stage.0.path())
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output();
    said(&output.expect("the binary starts"))
}

#[test]
fn a_rule_of_an_account_is_read_with_one_call_and_asked() {
    let rule =
        json!({"Name": "tunnel", "State": "DISABLED", "EventPattern": "{\"source\":[\"x\"]}"});
    let (url, asked) = endpoint("200 OK", rule.to_string());
    let said = from_endpoint(&url);
    insta::assert_snapshot!("rule-of-an-account", shown(&said));
    let asked = asked.join().expect("it was asked");
    assert!(asked.to_lowercase().contains("x-amz-target: awsevents.describerule"), "{asked}");
    assert!(asked.ends_with(r#"{"Name":"tunnel","EventBusName":"ops"}"#), "{asked}");
}

#[test]
fn a_rule_that_an_account_does_not_have_is_told() {
    let refusal = json!({"__type": "ResourceNotFoundException", "message": "Rule tunnel is not."});
    let (url, _) = endpoint("400 Bad Request", refusal.to_string());
    insta::assert_snapshot!("rule-of-an-account-missing", shown(&from_endpoint(&url)));
}

#[test]
fn questions_are_answered_line_by_line_in_order() {
    let questions = r#"{"pattern":{"a":[1]},"event":{"a":1}}
{"pattern":"{\"a\":[1]}","event":"{\"a\":2}","id":7}
{"pattern":{"a":1},"event":{}}
{"pattern":{"a":[1]},"event":"[]"}
{"pattern":{"a":[1]},"event":[]}
{"pattern":{"a":[1]}}

nonsense
{"pattern":{"a":[1]},"pattern":{"a":[2]},"event":{}}
{"pattern":{"a":[1]},"event":{"a":2,"a":1.0}}"#;
    let said = fed(scratch().path(), &["--jsonl", "-"], questions.as_bytes());
    insta::assert_snapshot!("lines", shown(&said));
}

#[test]
fn the_text_of_an_object_counts_as_it_is_written() {
    let (code, answers) = lines(
        "{\"pattern\":{\"a\":[300]},\"event\":{\"a\":3.0e2}}\n\
         {\"pattern\":{\"a\":[\"x\"]},\"event\":{\"a\":\"x\",\"a\":\"y\"}}\n\
         {\"pattern\":{\"a\":[\"x\"]},\"event\":{\"\\u0061\":\"\\u0078\"}}\n\
         {\"pattern\":{\"a\":[9007199254740993]},\"event\":{\"a\":9007199254740992}}\n",
    );
    assert_eq!(code, 0);
    let matched: Vec<bool> = answers.iter().map(|one| one["match"] == true).collect();
    assert_eq!(matched, [true, true, true, false], "{answers:?}");
}

#[test]
fn a_line_is_answered_before_the_next_is_waited_for() {
    let mut child = command(&["match", "--jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = child.stdout.take().expect("it is piped");
    for _ in 0..3 {
        stdin.write_all(b"{\"pattern\":{\"a\":[1]},\"event\":{\"a\":1}}\n").expect("it reads");
        let mut answer = [0; 15];
        stdout.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"{\"match\":true}\n");
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn questions_that_can_not_be_read_are_told() {
    let stage = Stage::new();
    for file in ["nowhere.jsonl", "."] {
        let said = stage.call(&["--jsonl", file]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        assert!(said.err.contains("the questions can't be read"), "{}", said.err);
    }
}

#[test]
fn a_reader_of_answers_that_has_seen_enough_is_no_failure() {
    let stage = Stage::new();
    let question = "{\"pattern\":{\"a\":[1]},\"event\":{\"a\":1}}\n".repeat(100_000);
    stage.write("questions.jsonl", question.as_bytes());
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    drop(reader);
    let file = stage.0.path().join("questions.jsonl").display().to_string();
    let output = command(&["match", "--jsonl", &file]).stdout(writer).output();
    let said = said(&output.expect("it starts"));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

/// The vectors of one file and the answers to them, line by line.
fn vectors(file: &str) -> Vec<(Value, Value)> {
    let Some(shared) = shared() else { return Vec::new() };
    let text = fs::read_to_string(shared.join("vectors").join(file)).expect("it is there");
    let vectors = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let vectors: Vec<Value> = vectors.collect();
    let mut questions = String::new();
    for vector in &vectors {
        let event = vector.get("event").cloned().unwrap_or_else(|| "{}".into());
        let question = json!({"pattern": vector["pattern"], "event": event});
        writeln!(questions, "{question}").expect("a string takes any text");
    }
    let (code, answers) = lines(&questions);
    assert_eq!((code, answers.len()), (0, vectors.len()));
    vectors.into_iter().zip(answers).collect()
}

#[test]
fn every_vector_is_answered_as_the_service_answers_it() {
    let files =
        ["localstack_aws_validated.jsonl", "gopherstack_tests.jsonl", "random_patterns.jsonl"];
    for (vector, answer) in files.into_iter().flat_map(vectors) {
        let right = match &vector["expected"] {
            Value::Bool(expected) => answer["match"] == *expected,
            _ => vector
                .get("error")
                .map_or(answer["error"].is_string(), |error| answer["error"] == *error),
        };
        assert!(right, "{answer} for {vector}");
    }
    for (vector, answer) in vectors("complexity.jsonl") {
        let refused = answer["error"].as_str().is_some_and(|error| error.contains("too complex"));
        assert_eq!(refused, vector["accepted"] == false, "{answer} for {vector}");
    }
}

/// A pattern that nobody should be asked to answer.
fn hopeless() -> Vec<(&'static str, Vec<u8>)> {
    let alternatives = vec!["{\"a\":[1]}"; 10_000].join(",");
    let nested = [b"{\"a\":".repeat(10_000), b"[1]".to_vec(), b"}".repeat(10_000)].concat();
    let values = vec!["1"; 10_000].join(",");
    vec![
        ("empty", Vec::new()),
        ("100 MB", [b"{\"a\":[\"".to_vec(), vec![b'x'; 100_000_000], b"\"]}".to_vec()].concat()),
        ("nested 10,000 deep", nested),
        ("brackets 10,000 deep", b"[".repeat(10_000)),
        ("10,000 alternatives", format!("{{\"$or\":[{alternatives}]}}").into_bytes()),
        ("10,000 values", format!("{{\"a\":[{values}]}}").into_bytes()),
        ("invalid UTF-8", b"{\"a\":[\"\xff\"]}".to_vec()),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect()),
        ("no JSON", b"source: [aws.ec2]\n".to_vec()),
        ("zero bytes", vec![0; 100]),
        ("cut off", b"{\"a\":[".to_vec()),
    ]
}

/// Told with exit code 2, within the time, in few words and without a panic.
fn told(said: &Said, begun: Duration, words: &str) {
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{words}: {}", said.err);
    assert!(said.err.starts_with("error: "), "{words}: {}", said.err);
    assert!(!said.err.contains("panicked"), "{words}: {}", said.err);
    assert!(said.err.len() < 10_000, "{words}: {} bytes of words", said.err.len());
    assert!(begun < PATIENCE, "{words}: {begun:?}");
}

#[test]
fn a_hopeless_pattern_is_told_in_time() {
    for (words, content) in hopeless() {
        let stage = Stage::with("pattern.json", &content);
        let begun = now();
        told(&stage.ask(), begun.elapsed(), words);
    }
}

#[test]
fn a_hopeless_event_is_told_in_time() {
    for (words, content) in hopeless() {
        // Values and alternatives are no trouble in an event.
        if words.starts_with("10,000") {
            continue;
        }
        let stage = Stage::with("event.json", &content);
        let begun = now();
        told(&stage.ask(), begun.elapsed(), words);
        let begun = now();
        let every = ["--environment", "environment.yaml", "--event", "event.json"];
        told(&stage.call(&every), begun.elapsed(), words);
    }
    let stage = Stage::with("event.json", b"[1]");
    told(&stage.ask(), Duration::ZERO, "a list");
}

#[test]
fn a_hopeless_line_is_an_error_line_and_the_next_is_answered() {
    let sound = b"{\"pattern\":{\"a\":[1]},\"event\":{\"a\":1}}\n";
    for (words, content) in hopeless() {
        let inside =
            [b"{\"pattern\":".to_vec(), content.clone(), b",\"event\":{}}".to_vec()].concat();
        for line in [content, inside] {
            let line: Vec<u8> =
                line.into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
            let stage = Stage::new();
            stage.write("questions.jsonl", &[&line[..], b"\n", sound].concat());
            let begun = now();
            let said = stage.call(&["--jsonl", "questions.jsonl"]);
            assert!(begun.elapsed() < PATIENCE, "{words}: {:?}", begun.elapsed());
            let answers: Vec<&str> = said.out.lines().collect();
            assert_eq!((said.code, said.err.as_str(), answers.len()), (0, "", 2), "{words}");
            assert!(answers[0].starts_with("{\"error\":"), "{words}: {}", answers[0]);
            assert_eq!(answers[1], "{\"match\":true}", "{words}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_not_read_for_ever() {
    let stage = Stage::new();
    for arguments in [
        ["--pattern", "/dev/zero", "--event", "event.json"],
        ["--pattern", "pattern.json", "--event", "/dev/zero"],
    ] {
        let begun = now();
        told(&stage.call(&arguments), begun.elapsed(), "/dev/zero");
    }
}

#[test]
fn what_stands_in_an_event_does_not_reach_the_terminal_as_an_order() {
    let stage =
        Stage::with("event.json", b"{\"a\\u001b[31m\":\"\\u001b[2J\\u009b\",\"source\":\"\x7f\"}");
    stage.write("pattern.json", b"{\"source\":[\"b\"],\"a\\u001b[31m\":[\"x\"]}");
    let said = stage.ask();
    assert_eq!(said.code, 1);
    let obeyed = |letter: char| letter.is_control() && letter != '\n';
    assert!(!said.out.contains(obeyed) && !said.err.contains(obeyed), "{:?}", said.out);
}

#[test]
fn a_long_value_is_cut_in_the_answer() {
    let event = format!("{{\"source\":\"{}\"}}", "x".repeat(5_000_000));
    let stage = Stage::with("event.json", event.as_bytes());
    let said = stage.ask();
    assert_eq!(said.code, 1);
    assert!(said.out.len() < 1_000, "{} bytes", said.out.len());
}

#[test]
fn the_verb_answers_through_the_suites_own_door_as_well() {
    let said = firedrill(&["help", "match"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("--jsonl"), "{}", said.out);
}
