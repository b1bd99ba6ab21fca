//! The way to a real account when something is wrong with it, through the real binary: one clear message
//! with the way out before anything is touched, and never a secret in what is written.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use crate::served::{reaching, serve, with_credentials};
use crate::support::{Said, firedrill, said, scratch, tree};

const KEY: &str = "SECRETkeyOfTheCaller/0123456789abcdefghi";
const TOKEN: &str = "SECRETtokenOfTheSession//////////wEaCXVzLWVhc3QtMSJ=";
const EXTERNAL_ID: &str = "SECRET-external-id";
const ROLE_KEY: &str = "SECRETkeyOfTheRole+0123456789abcdefghijk";
const ROLE_TOKEN: &str = "SECRETtokenOfTheRole//////////wEaCXVzLWVhc3QtMSJ=";

/// What nobody may ever read in an output.
const SECRETS: [&str; 5] = [KEY, TOKEN, EXTERNAL_ID, ROLE_KEY, ROLE_TOKEN];

const ROLE: &str = "arn:aws:iam::111122223333:role/drill";

const SCENARIO: &str = r#"
version: 1
name: guarded
guardrails: {accounts: ["111122223333"], regions: [eu-west-1], change_calendar: freeze}
stop_conditions: [{alarm: critical}]
faults:
  - {id: cut, fis: {template: cut}}
expect:
  - {id: detected, alarm: {name: reachable}, within: 10s}
  - {id: told, notification: {topic: pager}, within: 10s}
"#;

/// A server that answers as `answer` says: a status and a body for a request's text. It lives as long as
/// the test.
pub(crate) fn server(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve_one(stream, &*answer));
        }
    });
    url
}

/// Answers one request, and closes the connection.
fn serve_one(mut stream: TcpStream, answer: &dyn Fn(&str) -> (u16, String)) {
    let (mut request, mut piece) = (Vec::new(), [0; 8192]);
    let whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            })
            .unwrap_or(0);
        (body.len() >= length).then(|| text.to_string())
    };
    let text = loop {
        if let Some(text) = whole(&request) {
            break text;
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
            _ => return,
        }
    };
    let (status, body) = answer(&text);
    let kind = if body.starts_with('<') { "text/xml" } else { "application/x-amz-json-1.1" };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // A caller that has gone away needs no answer.
    let _gone = stream.write_all((head + &body).as_bytes());
}

/// An error of STS that repeats the request, as the worst server might.
fn sts_error(code: &str, request: &str) -> (u16, String) {
    let echo = request.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no: {echo}</Message>\
         </Error><RequestId>r</RequestId></ErrorResponse>"
    );
    (403, body)
}

fn identity(account: &str) -> (u16, String) {
    let body = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/me</Arn>\
         <UserId>u</UserId><Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    (200, body)
}

fn assumed() -> (u16, String) {
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::111122223333:\
         assumed-role/drill/firedrill</Arn><AssumedRoleId>A:firedrill</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>{ROLE_KEY}</SecretAccessKey>\
         <SessionToken>{ROLE_TOKEN}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
    );
    (200, body)
}

/// An error of a service that repeats the request; the code is for every protocol.
fn echo(code: &str, request: &str) -> (u16, String) {
    (400, serde_json::json!({"__type": code, "message": format!("no: {request}")}).to_string())
}

/// The binary on its way to an endpoint with secrets that can be recognised, and a scenario in a folder.
fn run(folder: &Path, url: &str, scenario: &str, more: &[&str]) -> Command {
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.join("reports"));
    let reports = reports.display().to_string();
    let arguments = [&["run", &file, "--reports", &reports, "--run-id", "r"], more].concat();
    let mut command = reaching(&arguments, url);
    command.env("AWS_SECRET_ACCESS_KEY", KEY).env("AWS_SESSION_TOKEN", TOKEN);
    command.env("AWS_MAX_ATTEMPTS", "1");
    command
}

/// What was said; every byte of it and of the reports is free of secrets.
#[track_caller]
fn clean(folder: &Path, command: &mut Command) -> Said {
    let output = command.output().expect("the binary starts");
    let mut written = tree(folder);
    written.push(("standard output".to_owned(), output.stdout.clone()));
    written.push(("standard error".to_owned(), output.stderr.clone()));
    for (name, bytes) in written {
        let text = String::from_utf8_lossy(&bytes);
        for secret in SECRETS {
            let encoded = secret.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
            // The test's own configuration files hold secrets.
            let own = name == "config";
            assert!(own || !text.contains(secret), "{name} holds {secret}: {text}");
            assert!(own || !text.contains(&encoded), "{name} holds {encoded}: {text}");
        }
    }
    said(&output)
}

/// Nothing was run: exit code 2, these words, and no report folder.
#[track_caller]
fn refused(folder: &Path, command: &mut Command, words: &[&str]) {
    let said = clean(folder, command);
    assert_eq!(said.code, 2, "{}", said.err);
    for words in words.iter().chain(&["nothing was touched"]) {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(!folder.join("reports").exists(), "{}", said.err);
}

#[test]
fn expired_and_unknown_credentials_are_told_with_the_way_out() {
    for (code, words) in [
        ("ExpiredToken", "the credentials have expired: sign in again"),
        ("InvalidClientTokenId", "AWS does not know these credentials"),
        ("SignatureDoesNotMatch", "the request's signature is not accepted"),
        ("AccessDenied", "allow the action `sts:GetCallerIdentity`"),
    ] {
        let url = server(move |request| sts_error(code, request));
        let folder = scratch();
        let mut command = run(folder.path(), &url, SCENARIO, &["--yes"]);
        refused(folder.path(), &mut command, &[code, words]);
    }
}

#[test]
fn missing_credentials_are_told_with_the_way_out() {
    let url = server(|request| sts_error("Unexpected", request));
    let folder = scratch();
    let mut command = run(folder.path(), &url, SCENARIO, &["--yes"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    refused(folder.path(), &mut command, &["there are no credentials", "aws sso login"]);
    // A profile that is named is the only source, even beside credentials in the environment.
    let mut command = run(folder.path(), &url, SCENARIO, &["--yes", "--profile", "stagign"]);
    let words = "there is no profile `stagign`";
    refused(folder.path(), &mut command, &[words, "~/.aws/config"]);
    let role = ["--yes", "--profile", "stagign", "--role-arn", ROLE];
    refused(folder.path(), &mut run(folder.path(), &url, SCENARIO, &role), &[words]);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    drop(listener);
    let folder = scratch();
    let mut command = run(folder.path(), &url, SCENARIO, &["--yes"]);
    refused(folder.path(), &mut command, &["check the network, the region, the endpoint"]);
}

#[test]
fn the_wrong_account_and_the_wrong_region_are_told() {
    let url = server(|_| identity("999988887777"));
    let folder = scratch();
    let mut command = run(folder.path(), &url, SCENARIO, &["--yes"]);
    let words = ["belong to account 999988887777", "accounts 111122223333", "--profile"];
    refused(folder.path(), &mut command, &words);
    // The region is known before any call.
    let url = server(|_| panic!("nobody is asked"));
    let elsewhere = SCENARIO.replace("eu-west-1", "eu-central-1");
    let mut command = run(folder.path(), &url, &elsewhere, &["--yes"]);
    refused(folder.path(), &mut command, &["in the region eu-west-1", "regions eu-central-1"]);
}

#[test]
fn a_scenario_without_guardrails_is_told_what_to_add() {
    let folder = scratch();
    let url = server(|_| panic!("nobody is asked"));
    let guarded = SCENARIO.lines().filter(|line| !line.starts_with("guardrails:"));
    let open: String = guarded.flat_map(|line| [line, "\n"]).collect();
    let mut command = run(folder.path(), &url, &open, &["--yes"]);
    let words =
        ["has no `guardrails:`", "      regions: [eu-west-1]", "aws sts get-caller-identity"];
    refused(folder.path(), &mut command, &words);
}

#[test]
fn a_role_that_can_not_be_assumed_is_told() {
    let url = server(|request| sts_error("AccessDenied", request));
    let folder = scratch();
    let role = ["--yes", "--role-arn", ROLE, "--external-id", EXTERNAL_ID];
    let mut command = run(folder.path(), &url, SCENARIO, &role);
    let words = ["the role can't be assumed", "AccessDenied", "trust policy"];
    refused(folder.path(), &mut command, &words);
    for (wrong, words) in [
        (&["--role-arn", "drill"][..], "the role's whole ARN"),
        (&["--external-id", EXTERNAL_ID][..], "--role-arn"),
        (&["--endpoint-url", "localhost:1"][..], "http://127.0.0.1:4566"),
    ] {
        let said = clean(folder.path(), &mut crate::support::command(&[&["run"], wrong].concat()));
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains(words), "{wrong:?}: {}", said.err);
    }
}

#[test]
fn without_a_terminal_nothing_is_injected_unless_told() {
    let url = server(|_| identity("111122223333"));
    let folder = scratch();
    let mut command = run(folder.path(), &url, SCENARIO, &[]);
    let words = [
        "account 111122223333 in eu-west-1, as arn:aws:iam::111122223333:user/me",
        "Blast radius",
        "the targets of the experiment template cut",
        "add --yes if that is meant",
    ];
    refused(folder.path(), &mut command, &words);
}

/// Every call is refused with words that repeat what was sent: secrets and all.
#[test]
fn no_server_gets_a_secret_into_an_output() {
    for code in ["AccessDeniedException", "ValidationException", "ExpiredTokenException"] {
        for assume in [false, true] {
            let url = server(move |request| {
                if request.contains("Action=AssumeRole") {
                    assumed()
                } else if request.contains("Action=GetCallerIdentity") {
                    identity("111122223333")
                } else {
                    echo(code, request)
                }
            });
            let folder = scratch();
            let role =
                ["--yes", "--format", "json", "--role-arn", ROLE, "--external-id", EXTERNAL_ID];
            let more = if assume { &role[..] } else { &role[..3] };
            let said = clean(folder.path(), &mut run(folder.path(), &url, SCENARIO, more));
            assert_eq!(said.code, 6, "{}", said.err);
            let timeline =
                fs::read_to_string(folder.path().join("reports/r/guarded/timeline.jsonl"));
            let timeline = timeline.expect("it is written");
            // The words came through, and what was secret in them did not.
            assert!(timeline.contains("no: POST"), "{timeline}");
            assert!(timeline.contains("[redacted]"), "{timeline}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_a_credential_process_writes_is_never_repeated() {
    let url = server(|_| identity("111122223333"));
    for script in [
        format!("echo '{{\"Version\": 1, \"SecretAccessKey\": \"{KEY}'"),
        format!("echo '{KEY}' >&2; exit 1"),
        format!("echo '{{\"Version\": 7, \"SessionToken\": \"{TOKEN}\"}}'"),
        format!("echo '{TOKEN}'"),
    ] {
        let folder = scratch();
        let config = folder.path().join("config");
        let tool = folder.path().join("tool");
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).expect("there is room");
        let line = format!("[profile tool]\ncredential_process = sh {}\n", tool.display());
        fs::write(&config, line).expect("there is room");
        let reports = scratch();
        let mut command = run(reports.path(), &url, SCENARIO, &["--yes", "--profile", "tool"]);
        command.env("AWS_CONFIG_FILE", &config);
        refused(reports.path(), &mut command, &["the credentials can't be had"]);
    }
}

#[cfg(unix)]
#[test]
fn credentials_of_a_process_and_of_a_profile_work() {
    let served = serve(&["tests/data/exits/environments/shop.yaml"]);
    let folder = scratch();
    let config = scratch();
    let file = config.path().join("config");
    let json = format!(
        "{{\"Version\": 1, \"AccessKeyId\": \"AKIAEXAMPLE\", \"SecretAccessKey\": \"{KEY}\", \"SessionToken\": \"{TOKEN}\"}}"
    );
    let tool = config.path().join("tool");
    fs::write(&tool, format!("echo '{json}'\n")).expect("there is room");
    let text = format!("[profile tool]\ncredential_process = sh {}\n", tool.display());
    fs::write(&file, text).expect("there is room");
    let scenario = "version: 1\nname: looks\nguardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n\
                    faults: [{id: by-hand, set_alarm_state: {alarm: errors}}]\n\
                    expect: [{id: detected, alarm: {name: errors}, within: 20s}]\n";
    let more = ["--dry-run", "--profile", "tool"];
    let mut command = run(folder.path(), &served.url, scenario, &more);
    command.env("AWS_CONFIG_FILE", &file);
    let said = clean(folder.path(), &mut command);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("dry run of looks: ready"), "{}", said.err);
    assert!(said.err.contains("nothing was injected"), "{}", said.err);
}

#[test]
fn a_slip_in_the_name_of_an_alarm_or_a_template_is_told_with_what_was_meant() {
    let served = serve(&["tests/data/every-fault/environment.yaml"]);
    let before = served.account();
    let folder = scratch();
    let scenario = "version: 1\nname: slips\nguardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n\
                    faults: [{id: cut, fis: {template: cutt}}]\n\
                    expect: [{id: detected, alarm: {name: reachabel}, within: 20s}]\n";
    let said = clean(folder.path(), &mut run(folder.path(), &served.url, scenario, &["--yes"]));
    assert_eq!(said.code, 3, "{}", said.err);
    let report = fs::read_to_string(folder.path().join("reports/r/report.md")).expect("a report");
    for words in ["alarm `reachabel` does not exist", "the Name tag `cutt`"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let timeline = fs::read_to_string(folder.path().join("reports/r/slips/timeline.jsonl"));
    let timeline = timeline.expect("it is written");
    for words in ["did you mean `reachable`?", "did you mean `cut`?"] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
    assert!(!timeline.contains("\"entry\":\"intent\""), "nothing was touched: {timeline}");
    assert_eq!(served.account()["belongings"], before["belongings"]);
}

#[test]
fn flags_that_mean_two_targets_are_refused_and_never_rehearsed() {
    let scenario = "scenarios/vpn-tunnel-down.yaml";
    let folder = scratch();
    let reports = folder.path().join("reports").display().to_string();
    let run = |more: &[&str]| {
        let arguments = [&["run", scenario, "--yes", "--reports", &reports], more].concat();
        firedrill(&arguments)
    };
    let role = "arn:aws:iam::111122223333:role/drill";
    for more in [["--profile", "prod"], ["--role-arn", role], ["--region", "eu-west-1"]] {
        let told = run(&more);
        assert_eq!(told.code, 2, "{}", told.err);
        let words = format!("{} says how a real account is reached", more[0]);
        assert!(told.err.contains(&words), "{}", told.err);
        let told = firedrill(&[&["doctor", scenario], more.as_slice()].concat());
        assert_eq!((told.code, told.err.contains(&words)), (2, true), "{}", told.err);
    }
    let told = run(&["--target", "emulator", "--endpoint-url", "http://127.0.0.1:1"]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("leave one of them out; nothing was touched"), "{}", told.err);
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn an_endpoint_in_the_environment_is_no_aws_account() {
    let served = serve(&["tests/data/every-fault/environment.yaml", "--speed", "60"]);
    let folder = scratch();
    let scenario = "version: 1\nname: looks\nguardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n\
                    faults: [{id: cut, fis: {template: cut}}]\n\
                    expect: [{id: detected, alarm: {name: reachable}, within: 20s}]\n";
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, scenario).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.path().display().to_string());
    let place = ["--target", "aws", "--region", "eu-west-1"];
    let named = ["--reports", &reports, "--run-id", "r"];
    let mut command =
        with_credentials(&[&["run", &file, "--dry-run"], &place[..], &named[..]].concat());
    command.env("AWS_ENDPOINT_URL", &served.url);
    let told = said(&command.output().expect("the binary starts"));
    let timeline = fs::read_to_string(folder.path().join("r/looks/timeline.jsonl"));
    let timeline = timeline.unwrap_or_else(|error| panic!("{error}: {}", told.err));
    assert!(timeline.contains("\"kind\":\"endpoint\""), "{timeline}");
}

#[test]
fn a_dry_run_on_an_endpoint_shows_the_targets_and_leaves_nothing() {
    let served = serve(&["tests/data/every-fault/environment.yaml", "--speed", "60"]);
    let before = served.account();
    let folder = scratch();
    let scenario = "version: 1\nname: cuts\nguardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n\
                    steady_state: [{alarm: {name: reachable}}]\n\
                    faults: [{id: cut, fis: {template: cut}}]\n\
                    expect: [{id: detected, alarm: {name: reachable}, within: 20s}]\n";
    let said = clean(folder.path(), &mut run(folder.path(), &served.url, scenario, &["--dry-run"]));
    assert_eq!(said.code, 0, "{}", said.err);
    for words in
        ["dry run of cuts: ready", "1 resource (arn:aws:ec2:", "would", "nothing is proven"]
    {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(!folder.path().join("reports/r/report.json").exists());
    assert_eq!(served.account()["belongings"], before["belongings"]);
    let report = || {
        let run = folder.path().join("reports/r").display().to_string();
        firedrill(&["report", &run])
    };
    let told = report();
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("cuts/dry-run.txt`"), "{}", told.err);
    // What a kill leaves behind: its words are not written yet, whatever of its record is.
    let drill = folder.path().join("reports/r/cuts");
    fs::remove_file(drill.join("dry-run.txt")).expect("it was written");
    let timeline = fs::read_to_string(drill.join("timeline.jsonl")).expect("it was written");
    let lines = timeline.split_inclusive('\n').count();
    for kept in [1, lines / 2, lines] {
        let text: String = timeline.split_inclusive('\n').take(kept).collect();
        fs::write(drill.join("timeline.jsonl"), text + "{\"at\":\"20").expect("there is room");
        let told = report();
        assert_eq!(told.code, 2, "{}", told.err);
        assert!(told.err.contains("dry run that was gone before its end"), "{}", told.err);
        assert!(told.err.contains("`firedrill revert` takes back"), "{}", told.err);
    }
    assert!(!folder.path().join("reports/r/report.json").exists());
}

/// A server with one experiment template; `lever` is what it answers to who asks for the safety lever.
fn server_with_fis(lever: (u16, &'static str)) -> String {
    server(move |request| {
        let line = request.lines().next().unwrap_or_default();
        if line.contains("/safetyLevers/") {
            (lever.0, lever.1.to_owned())
        } else if line.starts_with("GET /experimentTemplates") {
            (200, r#"{"experimentTemplates":[{"id":"EXT1","tags":{"Name":"cut"}}]}"#.to_owned())
        } else if request.contains("Action=GetCallerIdentity") {
            identity("111122223333")
        } else {
            (404, "<html>there is no such page</html>".to_owned())
        }
    })
}

#[test]
fn only_a_server_that_is_known_to_lack_the_safety_lever_is_drilled_on_without_it() {
    const PAGE: &str = "<html>there is no such page</html>";
    const ENGAGED: &str =
        r#"{"safetyLever":{"id":"default","state":{"status":"engaged","reason":"a freeze"}}}"#;
    const DENIED: &str = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let scenario = "version: 1\nname: cuts\nguardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n\
                    faults: [{id: cut, fis: {template: cut}}]\n\
                    expect: [{id: runs, experiment: {state: running}, within: 20s}]\n";
    let drilled = |lever, more: &[&str]| {
        let folder = scratch();
        let more = [&["--yes"], more].concat();
        clean(folder.path(), &mut run(folder.path(), &server_with_fis(lever), scenario, &more))
    };
    let flag = ["--no-safety-lever"];
    let unseen = drilled((404, PAGE), &[]);
    assert_eq!(unseen.code, 6, "{}", unseen.err);
    for words in ["fis:GetSafetyLever", "status 404", "say so by --no-safety-lever"] {
        assert!(unseen.err.contains(words), "{words}: {}", unseen.err);
    }
    // With the flag the drill goes on, to what this server lacks next: whether it made the lock, it can't say.
    let taken = drilled((404, PAGE), &flag);
    assert_eq!(taken.code, 5, "{}", taken.err);
    assert!(!taken.err.contains("fis:GetSafetyLever"), "{}", taken.err);
    for words in ["--no-safety-lever: experiments run even if", "ssm:PutParameter"] {
        assert!(taken.err.contains(words), "{words}: {}", taken.err);
    }
    // What the server does say about its lever counts, whatever the flag says.
    let engaged = drilled((200, ENGAGED), &flag);
    assert!(engaged.err.contains("is engaged: a freeze"), "{}", engaged.err);
    for unknown in [(403, DENIED), (403, PAGE), (500, PAGE)] {
        let blind = drilled(unknown, &flag);
        assert_eq!(blind.code, 6, "{}", blind.err);
        assert!(
            blind.err.contains("preflight: safety lever of FIS: fis:GetSafetyLever"),
            "{}",
            blind.err
        );
    }
    let folder = scratch();
    let mut on_aws =
        run(folder.path(), "https://fis.eu-west-1.amazonaws.com", scenario, &["--yes", flag[0]]);
    refused(folder.path(), &mut on_aws, &["is AWS itself", "leave --no-safety-lever out"]);
}
