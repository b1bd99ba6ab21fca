//! The served account as a process: the real-account path against it, and what it makes of bad callers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Said, command, root, said, scratch};

/// A served account, and the process behind it.
pub(crate) struct Served {
    pub(crate) url: String,
    process: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; both is fine, and the test has its verdict.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Starts a served account on a port that the system chooses.
pub(crate) fn serve(arguments: &[&str]) -> Served {
    let all = [&["emulate", "--port", "0"], arguments].concat();
    let mut process = command(&all)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let mut out = BufReader::new(process.stdout.take().expect("it is piped"));
    out.read_line(&mut line).expect("it says where it is");
    let (_, rest) = line.split_once("AWS_ENDPOINT_URL=").unwrap_or_else(|| panic!("{line:?}"));
    let url = rest.split(' ').next().expect("a word").to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{line}");
    Served { url, process }
}

impl Served {
    /// Sends bytes as they are and answers what comes back until the connection is closed.
    fn raw(&self, bytes: &[u8]) -> String {
        let address = self.url.strip_prefix("http://").expect("a URL");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        // It may refuse before it has read everything, and then says why.
        let _refused = stream.write_all(bytes);
        let mut text = Vec::new();
        let _reset = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What the account shows of itself.
    pub(crate) fn account(&self) -> Value {
        let text =
            self.raw(b"GET /_firedrill/account HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let (_, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// The binary with what reaches an endpoint, and no other credentials or configuration.
pub(crate) fn reaching(arguments: &[&str], url: &str) -> Command {
    let mut command = with_credentials(arguments);
    command.args(["--endpoint-url", url, "--region", "eu-west-1"]);
    command
}

/// The binary with credentials in its environment, and nothing else that says where to go.
pub(crate) fn with_credentials(arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "AWS_REGION"] {
        command.env_remove(name);
    }
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Drills a scenario that stands in a text against a served account.
fn drill(scenario: &str, folder: &Path, url: &str) -> Said {
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.join("reports"));
    let reports = reports.display().to_string();
    let arguments = ["run", &file, "--yes", "--reports", &reports, "--run-id", "r"];
    said(&reaching(&arguments, url).output().expect("the binary starts"))
}

const BY_HAND: &str = r#"
version: 1
name: by-hand
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
steady_state:
  - alarm: {name: errors, state: OK}
faults:
  - id: by-hand
    set_alarm_state: {alarm: errors}
expect:
  - {id: detected, alarm: {name: errors}, within: 20s}
"#;

#[test]
fn a_drill_through_the_real_account_path_passes_in_real_time_and_leaves_nothing() {
    let served = serve(&["tests/data/exits/environments/shop.yaml"]);
    let before = served.account();
    let folder = scratch();
    let said = drill(BY_HAND, folder.path(), &served.url);
    assert_eq!(said.code, 0, "{}", said.err);
    let report = fs::read_to_string(folder.path().join("reports/r/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["run"]["target"]["kind"], "endpoint");
    assert_eq!(report["drills"][0]["expectations"][0]["verdict"]["verdict"], "met");
    let after = served.account();
    assert_eq!(after["belongings"], before["belongings"]);
    let now = |shown: &Value| shown["now"].as_str().expect("a time").to_owned();
    assert!(now(&after) > now(&before), "its clock runs");
}

const CUT: &str = r#"
version: 1
name: cut
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - id: cut
    fis: {template: cut}
    effect: unreachable
expect:
  - {id: unreachable, alarm: {name: reachable}, within: 4m}
recovery:
  - {id: back, alarm: {name: reachable, state: OK}, within: 20m}
"#;

#[test]
fn an_account_that_runs_faster_than_our_clock_answers_within_seconds_what_takes_minutes() {
    let served = serve(&["tests/data/every-fault/environment.yaml", "--speed", "120"]);
    let begun = crate::stage::now();
    let folder = scratch();
    let said = drill(CUT, folder.path(), &served.url);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    let report = fs::read_to_string(folder.path().join("reports/r/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    let verdict = &report["drills"][0]["expectations"][0]["verdict"];
    let latency = verdict["latency_ms"].as_i64().unwrap_or_else(|| panic!("{verdict:#}"));
    assert!((20_000..240_000).contains(&latency), "by the account's clock: {verdict:#}");
}

#[test]
fn what_guardrails_do_not_name_is_not_drilled_on_a_served_account() {
    let served = serve(&[]);
    let folder = scratch();
    let elsewhere = BY_HAND.replace("111122223333", "444455556666");
    let said = drill(&elsewhere, folder.path(), &served.url);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("guardrails"), "{}", said.err);
    assert_eq!(served.account()["belongings"]["queues"], Value::Array(Vec::new()));
}

#[test]
fn a_region_that_the_account_is_not_in_is_refused_with_the_way_out() {
    let served = serve(&[]);
    let folder = scratch();
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, BY_HAND.replace("eu-west-1", "us-east-1")).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.path().join("reports"));
    let reports = reports.display().to_string();
    let mut command = command(&["run", &file, "--yes", "--reports", &reports]);
    command.args(["--endpoint-url", &served.url, "--region", "us-east-1"]);
    command.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "a");
    let said = said(&command.output().expect("the binary starts"));
    assert_eq!(said.code, 2, "{}", said.err);
    // AWS repeats the request in such a message, so its words are left out and the way out is ours.
    assert!(said.err.contains("SignatureDoesNotMatch"), "{}", said.err);
    assert!(said.err.contains("the endpoint is of another region"), "{}", said.err);
}

#[test]
fn bad_callers_are_cut_off_and_the_account_goes_on() {
    let served = serve(&[]);
    let unsigned =
        served.raw(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(unsigned.starts_with("HTTP/1.1 403 "), "{unsigned}");
    assert!(unsigned.contains("MissingAuthenticationToken"), "{unsigned}");
    for header in ["x-amzn-requestid: ", "date: "] {
        assert!(unsigned.contains(header), "{unsigned}");
    }
    assert!(served.raw(b"NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=A/20260105/eu-west-1/sqs/aws4_request, \
                  SignedHeaders=host, Signature=00";
    let address = served.url.strip_prefix("http://").expect("a URL");
    let mut gone = TcpStream::connect(address).expect("it listens");
    let cut_short =
        format!("POST / HTTP/1.1\r\nhost: x\r\n{signed}\r\ncontent-length: 100\r\n\r\n{{");
    gone.write_all(cut_short.as_bytes()).expect("it is taken");
    drop(gone);
    let large = 9 * 1024 * 1024;
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\n{signed}\r\nconnection: close\r\ncontent-length: {large}\r\n\r\n"
    );
    let too_large = [head.into_bytes(), vec![b' '; large]].concat();
    let answer = served.raw(&too_large);
    // The refusal may be lost with the connection; what matters is that it is no success.
    assert!(!answer.contains(" 200 "), "{answer}");
    let headers: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = served.raw(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(served.account()["account"], "111122223333", "it goes on");
}

#[test]
fn a_port_that_is_taken_is_told_with_the_way_out() {
    let served = serve(&[]);
    let port = served.url.rsplit(':').next().expect("a port");
    let said = crate::support::firedrill(&["emulate", "--port", port]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--port"), "{}", said.err);
    let missing = root().join("no-such-environment.yaml").display().to_string();
    let said = crate::support::firedrill(&["emulate", &missing, "--port", "0"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("nothing is served"), "{}", said.err);
}

/// Makes plain calls of the SDK, as anybody's program makes them.
pub(crate) fn sdk<T>(served: &Served, calls: impl AsyncFnOnce(firedrill::aws::Aws) -> T) -> T {
    sdk_at(&served.url, "AKIAEXAMPLE", calls)
}

/// The same at any server, with this access key.
pub(crate) fn sdk_at<T>(
    url: &str,
    key: &str,
    calls: impl AsyncFnOnce(firedrill::aws::Aws) -> T,
) -> T {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let credentials = Credentials::from_keys(key, "x", None);
    let config = aws_types::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build();
    runtime.block_on(calls(firedrill::aws::Aws::new(&config)))
}

#[test]
fn the_sdk_reaches_a_served_account_over_http() {
    let served = serve(&["tests/data/exits/environments/shop.yaml"]);
    sdk(&served, async |aws| {
        assert_eq!(aws.identity().await.expect("it answers").account, "111122223333");
        let queue = aws.sqs.create_queue().queue_name("mine").send().await.expect("it is made");
        let url = queue.queue_url().expect("it has a URL").to_owned();
        aws.sqs.send_message().queue_url(&url).message_body("hello").send().await.expect("sent");
        let got = aws.sqs.receive_message().queue_url(&url).send().await.expect("received");
        assert_eq!(got.messages()[0].body(), Some("hello"));
        let alarms = aws.cloudwatch.describe_alarms().send().await.expect("told");
        assert_eq!(alarms.metric_alarms().len(), 2);
        let topics = aws.sns.list_topics().send().await.expect("told");
        assert_eq!(topics.topics().len(), 1);
        assert!(aws.fis.get_experiment().id("EXPnone").send().await.is_err());
    });
    assert_eq!(served.account()["belongings"]["queues"].as_array().map(Vec::len), Some(1));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_served_account_with_exit_code_0() {
    for name in ["-INT", "-TERM"] {
        let mut served = serve(&[]);
        let id = served.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("there is a kill");
        assert!(sent.success());
        assert_eq!(served.process.wait().expect("it ends").code(), Some(0), "{name}");
    }
}
