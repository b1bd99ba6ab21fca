//! Requests and local programs: only where they are allowed, taken back at the end, and without a secret in
//! anything that is written.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{command, said, scratch, tree};

const SECRET: &str = "tok-5up3r-s3cr3t-77";

/// A ticket system: POST opens a ticket, DELETE closes it, GET lists them. It keeps what it was asked.
struct Tickets {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn tickets(list: &'static str) -> Tickets {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&asked);
    thread::spawn(move || {
        let mut open = false;
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let (mut first, mut authorization, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut first).expect("a request line");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a header");
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if lower.starts_with("authorization:") {
                    line["authorization:".len()..].trim().clone_into(&mut authorization);
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            let body = String::from_utf8_lossy(&body).into_owned();
            let method = first.split(' ').next().unwrap_or_default().to_owned();
            heard.lock().expect("nobody panics").push(format!("{method} {authorization} {body}"));
            match method.as_str() {
                "POST" => open = true,
                "DELETE" => open = false,
                _ => {}
            }
            let answer = match (method.as_str(), open) {
                ("GET", true) => list.to_owned(),
                ("GET", false) => "{\"tickets\": []}".to_owned(),
                _ => format!("{{\"seen\": \"{authorization}\"}}"),
            };
            let mut text = String::new();
            let size = answer.len();
            write!(
                text,
                "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{answer}"
            )
            .expect("written");
            // A client that has gone has seen enough.
            let _sent = stream.write_all(text.as_bytes());
        }
    });
    Tickets { url, asked }
}

const ENVIRONMENT: &str = "version: 1\naccount: \"111122223333\"\nregion: eu-west-1\n";

fn write(folder: &Path, scenario: &str) -> String {
    std::fs::write(folder.join("environment.yaml"), ENVIRONMENT).expect("written");
    let file = folder.join("outside.yaml");
    let guardrails = "guardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}";
    let head = format!("version: 1\nname: outside\nenvironment: environment.yaml\n{guardrails}\n");
    std::fs::write(&file, head + scenario).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

fn run(folder: &Path, file: &str, flags: &[&str]) -> crate::support::Said {
    let reports = folder.join("reports");
    // Of the drill's id, which marks a program's processes: two drills of one id would end each other's.
    let path = folder.to_string_lossy();
    let seed = path.bytes().fold(7_u32, |seed, byte| seed.wrapping_mul(31) ^ u32::from(byte));
    let seed = seed.to_string();
    let mut arguments = vec!["run", file, "--run-id", "now", "--seed", &seed, "--reports"];
    arguments.push(reports.to_str().expect("UTF-8"));
    arguments.extend(flags);
    said(&command(&arguments).env("TICKET_TOKEN", SECRET).output().expect("it starts"))
}

fn ticket_scenario(url: &str, path: &str) -> String {
    format!(
        r#"faults:
  - id: break
    http:
      url: {url}/break
      headers: {{Authorization: "Bearer ${{env.TICKET_TOKEN}}"}}
      body: {{run: "${{run.id}}"}}
      revert: {{method: delete, url: "{url}/break", headers: {{Authorization: "Bearer ${{env.TICKET_TOKEN}}"}}}}
expect:
  - id: ticket
    http:
      url: {url}/tickets?run=${{run.id}}
      headers: {{Authorization: "Bearer ${{env.TICKET_TOKEN}}"}}
      path: {path}
      matches: "^INC"
      every: 15s
    within: 1m
    correlation: marker
"#
    )
}

#[test]
fn a_ticket_is_seen_the_fault_is_taken_back_and_no_secret_is_written_down() {
    let folder = scratch();
    let server = tickets(r#"{"tickets": [{"n": "INC7"}, {"n": "TASK1"}]}"#);
    let file = write(folder.path(), &ticket_scenario(&server.url, "$.tickets[*].n"));
    let said = run(folder.path(), &file, &["--allow-http", "--format", "json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let asked = server.asked.lock().expect("nobody panics").clone();
    assert!(asked.iter().all(|one| one.contains(&format!("Bearer {SECRET}"))), "{asked:?}");
    let methods: Vec<&str> = asked.iter().filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(methods.iter().filter(|one| **one == "POST").count(), 1, "{methods:?}");
    assert_eq!(methods.iter().filter(|one| **one == "DELETE").count(), 1, "{methods:?}");
    assert_eq!(methods.first(), Some(&"GET"), "what is there before is known: {methods:?}");
    for (name, bytes) in tree(folder.path()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
    assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET));
    let timeline =
        std::fs::read_to_string(folder.path().join("reports/now/outside/timeline.jsonl"));
    let timeline = timeline.expect("it is written");
    assert!(timeline.contains("${env.TICKET_TOKEN}"), "{timeline}");
    assert!(timeline.contains("INC7") && !timeline.contains("\"value\":\"TASK1\""), "{timeline}");
}

#[test]
fn a_rehearsal_reaches_nobody_unless_it_is_told_to() {
    let folder = scratch();
    let server = tickets("{}");
    let file = write(folder.path(), &ticket_scenario(&server.url, "$.tickets[*].n"));
    let refused = run(folder.path(), &file, &[]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.err.contains("--allow-http") && refused.err.contains("`break`"),
        "{}",
        refused.err
    );
    assert!(server.asked.lock().expect("nobody panics").is_empty());
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn an_answer_that_is_no_json_is_blindness_and_neither_met_nor_missed() {
    let folder = scratch();
    let server = tickets("<html>sign in</html>");
    let file = write(folder.path(), &ticket_scenario(&server.url, "$.tickets[*].n"));
    let blind = run(folder.path(), &file, &["--allow-http"]);
    assert_eq!(blind.code, 6, "{}", blind.err);
    assert!(blind.err.contains("the answer is not JSON"), "{}", blind.err);
}

#[test]
fn a_url_that_nobody_answers_is_found_before_anything_is_injected() {
    let folder = scratch();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let file = write(folder.path(), &ticket_scenario(&format!("http://{free}"), "$.tickets[*].n"));
    let unreachable = run(folder.path(), &file, &["--allow-http"]);
    assert_eq!(unreachable.code, 6, "{}", unreachable.err);
    assert!(unreachable.err.contains("nothing was injected"), "{}", unreachable.err);
}

fn program_scenario(program: &str, revert: &str) -> String {
    format!(
        "faults:\n  - id: break\n    command: {{program: /bin/sh, args: [-c, {program:?}]{revert}}}\n  \
         - {{id: event, put_events: {{entries: [{{source: my.app, detail-type: Done, detail: {{}}}}]}}}}\n\
         expect:\n  - {{id: seen, event: {{pattern: {{source: [my.app]}}}}, after: event, within: 1m}}\n"
    )
}

#[test]
fn a_local_program_runs_only_when_it_is_allowed_and_is_taken_back() {
    let folder = scratch();
    let mark = folder.path().join("broken");
    let mark = mark.to_str().expect("UTF-8");
    let back = format!(", revert: {{program: rm, args: [{mark:?}]}}");
    let program = format!("echo broke it; touch {mark}; touch {mark}-once");
    let file = write(folder.path(), &program_scenario(&program, &back));
    let refused = run(folder.path(), &file, &[]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("--allow-commands"), "{}", refused.err);
    assert!(!Path::new(&format!("{mark}-once")).exists());
    let ran = run(folder.path(), &file, &["--allow-commands"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(Path::new(&format!("{mark}-once")).exists());
    assert!(!Path::new(mark).exists(), "the revert took it away");
    let timeline =
        std::fs::read_to_string(folder.path().join("reports/now/outside/timeline.jsonl"));
    assert!(timeline.expect("it is written").contains("exit code 0: broke it"));
}

#[test]
fn a_program_that_fails_is_a_failed_fault_and_a_revert_that_fails_is_told() {
    let folder = scratch();
    let file = write(folder.path(), &program_scenario("echo no such host >&2; exit 4", ""));
    let failed = run(folder.path(), &file, &["--allow-commands"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert!(failed.err.contains("exit code 4: no such host"), "{}", failed.err);
    let folder = scratch();
    let file = write(folder.path(), &program_scenario("true", ", revert: {program: \"false\"}"));
    let left = run(folder.path(), &file, &["--allow-commands"]);
    assert_eq!(left.code, 5, "{}", left.err);
    assert!(left.err.contains("`false` has not succeeded"), "{}", left.err);
    assert!(left.err.contains("reports/now --allow-commands`"), "the way out: {}", left.err);
}

/// A request breaks something, and then a program that breaks something else kills whoever started it.
fn killing_scenario(folder: &Path, url: &str) -> (String, PathBuf) {
    let mark = folder.join("broken");
    let broken = mark.to_str().expect("UTF-8");
    let program = format!("touch {broken}; kill -9 $PPID");
    let scenario = format!(
        "faults:\n  - id: ticket\n    http: {{url: {url}/break, revert: {{method: delete, url: {url}/break, \
         headers: {{Authorization: \"Bearer ${{env.TICKET_TOKEN}}\"}}}}}}\n  \
         - id: break\n    after: ticket\n    command: {{program: /bin/sh, args: [-c, {program:?}], \
         revert: {{program: rm, args: [{broken:?}]}}}}\n\
         expect:\n  - {{id: seen, event: {{pattern: {{source: [my.app]}}}}, within: 1m}}\n"
    );
    (write(folder, &scenario), mark)
}

/// Undoes what the drill in a folder left behind.
fn undo(folder: &Path, flags: &[&str]) -> crate::support::Said {
    let dir = folder.join("reports/now");
    let all = [&["revert", dir.to_str().expect("UTF-8")], flags].concat();
    let mut command = command(&all);
    command.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "a");
    said(&command.env("TICKET_TOKEN", SECRET).output().expect("it starts"))
}

fn deleted(server: &Tickets) -> usize {
    let asked = server.asked.lock().expect("nobody panics");
    asked.iter().filter(|one| one.starts_with("DELETE")).count()
}

#[test]
fn what_a_killed_rehearsal_did_outside_is_taken_back_with_the_flags_that_let_it_be_done() {
    let folder = scratch();
    let server = tickets("{}");
    let (file, mark) = killing_scenario(folder.path(), &server.url);
    let killed = run(folder.path(), &file, &["--allow-commands", "--allow-http"]);
    assert_eq!(killed.code, -1, "it was killed: {}", killed.err);
    assert!(mark.exists());
    let refused = undo(folder.path(), &[]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    for flag in ["add --allow-commands", "add --allow-http"] {
        assert!(refused.err.contains(flag), "{}", refused.err);
    }
    assert!(mark.exists() && deleted(&server) == 0, "{}", refused.err);
    let half = undo(folder.path(), &["--allow-http"]);
    assert_eq!(half.code, 5, "{}", half.err);
    assert!(!half.err.contains("--allow-http"), "{}", half.err);
    assert!(half.err.contains("`rm "), "the program is named: {}", half.err);
    assert!(mark.exists() && deleted(&server) == 1, "{}", half.err);
    let whole = undo(folder.path(), &["--allow-commands"]);
    assert_eq!(whole.code, 0, "what is done is not asked for again: {}", whole.err);
    assert!(whole.err.contains("reverted, nothing is left"), "{}", whole.err);
    assert!(!mark.exists() && deleted(&server) == 1, "{}", whole.err);
    let again = undo(folder.path(), &["--allow-commands", "--allow-http"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("nothing is left") && !again.err.contains("reverted,"));
    assert_eq!(deleted(&server), 1);
    let timeline = folder.path().join("reports/now/outside/timeline.jsonl");
    let timeline = std::fs::read_to_string(timeline).expect("it is written");
    assert!(!timeline.contains(SECRET), "{timeline}");
}

#[test]
fn what_a_killed_drill_on_an_account_did_outside_is_taken_back_and_a_program_only_with_the_flag() {
    let account = crate::served::serve(&[]);
    let folder = scratch();
    let server = tickets("{}");
    let (file, mark) = killing_scenario(folder.path(), &server.url);
    let reach = ["--endpoint-url", &account.url, "--region", "eu-west-1"];
    let reports = folder.path().join("reports");
    let reports = reports.to_str().expect("UTF-8");
    let how = ["--yes", "--allow-commands", "--run-id", "now", "--reports", reports];
    let mut drill = command(&[&["run", &file], &how[..], &reach].concat());
    drill.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "a");
    let killed = said(&drill.env("TICKET_TOKEN", SECRET).output().expect("it starts"));
    assert_eq!(killed.code, -1, "it was killed: {}", killed.err);
    assert!(mark.exists());
    let refused = undo(folder.path(), &reach);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains("add --allow-commands"), "{}", refused.err);
    assert!(mark.exists(), "{}", refused.err);
    assert_eq!(deleted(&server), 1, "a drill there sends its requests without a flag");
    assert_eq!(account.account()["belongings"]["queues"].as_array().map(Vec::len), Some(0));
    let whole = undo(folder.path(), &[&["--allow-commands"], &reach[..]].concat());
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert!(!mark.exists() && deleted(&server) == 1, "{}", whole.err);
    let again = undo(folder.path(), &reach);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("nothing is left"), "{}", again.err);
}
