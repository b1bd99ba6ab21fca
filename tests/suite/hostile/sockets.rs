//! Bad weather on real sockets: the whole binary, its real HTTP client, and a served account in real time.
//!
//! A proxy on loopback closes connections, cuts answers off, delays them, answers 500 and changes bytes, its
//! heads among them. Which request meets which trouble follows from a seed and the order of the requests;
//! their order is the network's, so a seed makes a kind of weather, and not the same drill to the byte. What
//! may be said is known all the same: nothing but the truth, or that it could not be seen. Set
//! `FIREDRILL_HOSTILE_SOCKETS` for more drills, and `FIREDRILL_HOSTILE_SOCKET_SEED` for one weather again.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use crate::crashes::message;
use crate::served::{reaching, serve};
use crate::stage;
use crate::support::{said, scratch};

/// How many drills there are unless the environment says more.
const DRILLS: u64 = 20;

/// How many go on at a time: they mostly wait.
const SIDE_BY_SIDE: usize = 21;

/// By the clock on the wall: a drill that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(5);

const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  PagerPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Pager]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sns:Publish", Resource: "*"}
  Shop: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Placed:
    Type: AWS::Events::Rule
    DependsOn: Shop
    Properties:
      Name: placed
      EventBusName: shop
      EventPattern: {source: [shop.orders]}
      Targets: [{Id: pager, Arn: !Ref Pager}]
  Idle:
    Type: AWS::Events::Rule
    DependsOn: Shop
    Properties: {Name: idle, EventBusName: shop, EventPattern: {source: [shop.idle]}}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop/log}}
"#;

/// Everything here is quick, and what is never there is known to be missed soon.
const SCENARIO: &str = r#"
version: 1
name: sockets
grace: 5s
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - {id: order, put_events: {bus: shop, entries: [{source: shop.orders, detail-type: Placed, detail: {}}]}}
  - {id: "off", disable_rule: {name: idle, bus: shop}}
  - {id: line, log_line: {group: /shop/log, message: ERROR}}
expect:
  - {id: seen, event: {bus: shop, pattern: {source: [shop.orders]}}, after: order, within: 30s}
  - {id: told, notification: {topic: pager}, after: order, within: 30s}
  - {id: nothing, event: {bus: shop, pattern: {source: [shop.nothing]}}, after: order, within: 10s}
  - {id: once, never: {notification: {topic: pager}, more_than: 1}, after: order, for: 10s}
"#;

/// What fair weather finds.
const TRUTH: [(&str, &str); 4] =
    [("seen", "met"), ("told", "met"), ("nothing", "missed"), ("once", "met")];

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// The connection is closed before the account hears of it.
    Dropped,
    /// The account answers, and the connection is closed.
    Unanswered,
    /// A part of the answer comes through.
    Truncated,
    /// Some bytes of the answer, of its head as well, are others.
    Garbled,
    /// A page of HTML instead of an answer.
    ServerError,
    /// The answer takes so many milliseconds more.
    Delayed(u64),
}

const ALL: [Trouble; 6] = [
    Trouble::Dropped,
    Trouble::Unanswered,
    Trouble::Truncated,
    Trouble::Garbled,
    Trouble::ServerError,
    Trouble::Delayed(0),
];

/// The network of one drill.
struct Weather {
    server: String,
    rng: Mutex<Rng>,
    percent: u8,
    kinds: Vec<Trouble>,
    log: Mutex<Vec<String>>,
}

impl Weather {
    /// Without a seed, fair weather.
    fn start(server: &str, seed: Option<u64>) -> (Arc<Self>, String) {
        let mut rng = Rng::with_seed(seed.unwrap_or_default());
        let percent = [2, 5, 10, 20, 30][rng.usize(..5)];
        let kinds = if rng.bool() { ALL.to_vec() } else { vec![ALL[rng.usize(..ALL.len())]] };
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let weather = Arc::new(Self {
            server: server.strip_prefix("http://").expect("a URL").to_owned(),
            rng: Mutex::new(rng),
            percent: if seed.is_some() { percent } else { 0 },
            kinds,
            log: Mutex::default(),
        });
        let shared = Arc::clone(&weather);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let weather = Arc::clone(&shared);
                thread::spawn(move || {
                    // Whoever is cut off connects again.
                    let _over = weather.converse(&stream);
                    let _closed = stream.shutdown(Shutdown::Both);
                });
            }
        });
        (weather, url)
    }

    fn trouble(&self, request: &[u8]) -> Option<Trouble> {
        let mut rng = self.rng.lock().expect("no panic");
        if rng.u8(..100) >= self.percent {
            return None;
        }
        let trouble = match self.kinds[rng.usize(..self.kinds.len())] {
            Trouble::Delayed(_) => Trouble::Delayed(rng.u64(100..4_000)),
            other => other,
        };
        let text = String::from_utf8_lossy(request);
        let target = text.lines().find_map(|line| line.strip_prefix("x-amz-target: "));
        let called = target.or_else(|| text.lines().next()).unwrap_or_default();
        self.log.lock().expect("no panic").push(format!("{called}: {trouble:?}"));
        Some(trouble)
    }

    /// Passes one connection's requests on until it ends, or trouble ends it.
    fn converse(&self, mut client: &TcpStream) -> Option<()> {
        let server = TcpStream::connect(&self.server).ok()?;
        let (mut from_client, mut from_server) = (BufReader::new(client), BufReader::new(&server));
        loop {
            let request = message(&mut from_client)?;
            let trouble = self.trouble(&request);
            match trouble {
                Some(Trouble::Dropped) => return None,
                Some(Trouble::ServerError) => {
                    let page = "<html><body>Internal Server Error</body></html>";
                    let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html";
                    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
                    client.write_all(answer.as_bytes()).ok()?;
                    continue;
                }
                Some(_) | None => {}
            }
            (&server).write_all(&request).ok()?;
            let mut answer = message(&mut from_server)?;
            match trouble {
                Some(Trouble::Unanswered) => return None,
                Some(Trouble::Delayed(millis)) => thread::sleep(Duration::from_millis(millis)),
                Some(Trouble::Truncated) => {
                    let length = self.rng.lock().expect("no panic").usize(..answer.len());
                    client.write_all(&answer[..length]).ok()?;
                    return None;
                }
                Some(Trouble::Garbled) => {
                    let mut rng = self.rng.lock().expect("no panic").fork();
                    for _ in 0..rng.usize(1..4) {
                        let at = rng.usize(..answer.len());
                        answer[at] = rng.u8(..);
                    }
                    client.write_all(&answer).ok()?;
                    return None;
                }
                Some(Trouble::Dropped | Trouble::ServerError) | None => {}
            }
            client.write_all(&answer).ok()?;
        }
    }
}

/// Runs the binary to its end; nothing when it does not end.
fn run(folder: &Path, url: &str) -> Option<i32> {
    let (file, reports) = (folder.join("scenario.yaml"), folder.join("reports"));
    fs::write(&file, SCENARIO).expect("there is room");
    let (file, reports) = (file.display().to_string(), reports.display().to_string());
    let arguments = ["run", &file, "--yes", "--reports", &reports, "--run-id", "r"];
    let said = File::create(folder.join("said")).expect("there is room");
    let mut process = reaching(&arguments, url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("the binary starts");
    let began = stage::now();
    loop {
        if let Some(status) = process.try_wait().expect("it is ours") {
            return Some(status.code().unwrap_or(-1));
        }
        if began.elapsed() > PATIENCE {
            process.kill().expect("it is ours");
            process.wait().expect("it is ours");
            return None;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The outcome of one drill, and what is wrong with it; empty when nothing is.
fn wrong(seed: Option<u64>) -> (String, String) {
    let folder = scratch();
    let environment = folder.path().join("environment.yaml");
    fs::write(&environment, ENVIRONMENT).expect("there is room");
    let served = serve(&[&environment.display().to_string()]);
    let before = served.account()["belongings"].clone();
    let (weather, url) = Weather::start(&served.url, seed);
    let Some(code) = run(folder.path(), &url) else {
        return ("hangs".to_owned(), format!("seed {seed:?}: it hangs\n"));
    };
    let run = folder.path().join("reports/r");
    let after = served.account()["belongings"].clone();
    let mut words = Vec::new();
    let report = fs::read_to_string(run.join("report.json")).unwrap_or_default();
    let report: Value = serde_json::from_str(&report).unwrap_or_default();
    let drill = &report["drills"][0];
    let outcome = drill["outcome"].as_str().unwrap_or("refused").to_owned();
    for (id, truth) in TRUTH {
        let all = drill["expectations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let one = all.iter().map(|one| &one["verdict"]).find(|one| one["expectation"] == id);
        // A drill that never began has no verdicts.
        let Some(one) = one else {
            if seed.is_none() || !drill.is_null() {
                words.push(format!("`{id}` has no verdict"));
            }
            continue;
        };
        let verdict = one["verdict"].as_str().unwrap_or_default();
        let honest = [truth, "inconclusive", "skipped"].contains(&verdict);
        if !honest || (seed.is_none() && verdict != truth) {
            words.push(format!("`{id}` is {verdict} and in truth {truth}: {}", one["reason"]));
        }
    }
    if after != before && outcome != "unreverted" {
        words.push(format!("something is left, and it is {outcome}:\n{before}\n{after}"));
    }
    if run.is_dir() {
        let run = run.display().to_string();
        let reverted = said(&reaching(&["revert", &run], &served.url).output().expect("it starts"));
        if reverted.code != 0 || served.account()["belongings"] != before {
            words.push(format!("a revert leaves something: {}", reverted.err));
        }
    }
    if !words.is_empty() {
        let said = fs::read_to_string(folder.path().join("said")).unwrap_or_default();
        let log = weather.log.lock().expect("no panic").join("\n");
        let timeline = fs::read_to_string(run.join("sockets/timeline.jsonl")).unwrap_or_default();
        words.insert(0, format!("seed {seed:?}, exit code {code}:"));
        words.push(format!("{said}\nthe weather:\n{log}\n{timeline}"));
    }
    (outcome, words.join("\n"))
}

#[test]
fn no_weather_on_the_sockets_makes_a_drill_say_what_is_not_so() {
    let drills = super::number("FIREDRILL_HOSTILE_SOCKETS").unwrap_or(DRILLS);
    let seeds: Vec<Option<u64>> = match super::number("FIREDRILL_HOSTILE_SOCKET_SEED") {
        Some(seed) => vec![Some(seed)],
        None => std::iter::once(None).chain((0..drills).map(Some)).collect(),
    };
    let next = AtomicUsize::new(0);
    let (failures, outcomes) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let began = stage::now();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(seeds.len()) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (outcome, words) = wrong(*seed);
                    outcomes.lock().expect("no panic").push(outcome);
                    if !words.is_empty() {
                        failures.lock().expect("no panic").push(words);
                    }
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no panic");
    outcomes.sort();
    let seconds = began.elapsed().as_secs();
    eprintln!("{} drills on sockets in {seconds} s: {outcomes:?}", seeds.len());
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} lie\n{}", failures.len(), failures.join("\n"));
}
