//! The process is killed at each intent and at each receipt of each shipped scenario; `firedrill revert`
//! then leaves the account as it was.
//!
//! A proxy stands between the real process and a served account, and kills the process around its Nth
//! changing request: before the request is made (its intent is on disk), when it is made and not answered
//! (no receipt), and when the process asks for the next thing (the receipt is on disk). What is compared
//! is what a drill may leave behind ([`belongings`]) and which alarms still show a state that it set by
//! hand. Histories, metrics, and what executions and experiments did before they were stopped remain.
//!
//! By default some of the points are tried, evenly spread; `FIREDRILL_CRASHES=all` tries all, as the gate
//! does.

mod changing;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use firedrill::clock::Clock;
use firedrill::commands::prepare::Workshop;
use firedrill::emulator::Estate;
use firedrill::emulator::belongings::{self, alarm_states};
use firedrill::emulator::served::Server;
use firedrill::emulator::services::Service;
use firedrill::emulator::transport::Emulator;
use firedrill::scenario::Values;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::served::reaching;
use crate::support::{Said, root, said, scenarios, scratch};
use changing::{changing, missed};

/// How fast the served accounts' clocks run, so that experiments start and stop at once.
const SPEED: u32 = 20;

/// How many processes run side by side: they mostly wait.
const SIDE_BY_SIDE: usize = 24;

/// How many points are tried unless all are asked for.
const SPREAD: usize = 24;

/// How many events an archive holds: a replay of them takes a minute by the clock on the wall.
const REPLAYED: usize = 12_000;

/// No drill of these tests takes this long, by the clock on the wall.
const PATIENCE: Duration = Duration::from_mins(4);

/// A served account inside this process.
struct Served {
    url: String,
    emulator: Emulator,
    _stop: tokio::sync::oneshot::Sender<()>,
}

fn serve(accounts: &Estate) -> Served {
    let mut accounts = accounts.clone();
    let (told, heard) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::system();
            accounts.advance(clock.now());
            let clock = clock.at_speed(NonZeroU32::new(SPEED).unwrap());
            let (emulator, _wakeups) = Emulator::new(accounts, clock);
            let server = Server::bind(emulator.clone(), 0).await.expect("there is a port");
            let url = format!("http://{}", server.address().expect("it is bound"));
            told.send((url, emulator)).expect("the test waits");
            tokio::select! {
                never = server.serve() => match never {},
                _ended = stopped => {}
            }
        });
    });
    let (url, emulator) = heard.recv().expect("it serves");
    Served { url, emulator, _stop: stop }
}

/// When the process is killed, relative to a changing request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Its intent is on disk, and the call is not made.
    Announced,
    /// The call is made, and not answered.
    Made,
    /// It was answered, and the next request comes: its receipt is on disk.
    Receipted,
    /// It is the first that takes something back, whatever its number, and is not made.
    TakesBack,
}

/// What the proxy of one drill shares among its connections.
struct Proxy {
    server: String,
    kill_at: Option<(usize, Moment)>,
    /// The changing requests so far.
    seen: Mutex<Vec<String>>,
    answered: AtomicUsize,
    process: Mutex<Option<Child>>,
}

impl Proxy {
    fn start(server: &str, kill_at: Option<(usize, Moment)>) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let proxy = Arc::new(Self {
            server: server.strip_prefix("http://").expect("a URL").to_owned(),
            kill_at,
            seen: Mutex::default(),
            answered: AtomicUsize::new(0),
            process: Mutex::default(),
        });
        let shared = Arc::clone(&proxy);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let proxy = Arc::clone(&shared);
                thread::spawn(move || proxy.converse(&stream));
            }
        });
        (proxy, url)
    }

    fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap().as_mut() {
            // It may be over already.
            let _gone = process.kill();
        }
    }

    /// Passes one connection's requests on until it ends, or the process is killed.
    fn converse(&self, client: &TcpStream) -> Option<()> {
        let server = TcpStream::connect(&self.server).ok()?;
        let (mut from_client, mut from_server) = (BufReader::new(client), BufReader::new(&server));
        loop {
            let request = message(&mut from_client)?;
            let answered = self.answered.load(Ordering::SeqCst);
            if self.kill_at == Some((answered, Moment::Receipted)) && answered > 0 {
                self.kill();
                return None;
            }
            let operation = changing(&request);
            let back = operation.as_deref().is_some_and(takes_back);
            if back && self.kill_at.is_some_and(|(_, moment)| moment == Moment::TakesBack) {
                self.kill();
                return None;
            }
            let number = operation.map(|operation| {
                let mut seen = self.seen.lock().unwrap();
                seen.push(operation);
                seen.len()
            });
            if self.kill_at.is_some() && number.map(|n| (n, Moment::Announced)) == self.kill_at {
                self.kill();
                return None;
            }
            (&server).write_all(&request).ok()?;
            let answer = message(&mut from_server)?;
            if self.kill_at.is_some() && number.map(|n| (n, Moment::Made)) == self.kill_at {
                self.kill();
                return None;
            }
            { client }.write_all(&answer).ok()?;
            if let Some(number) = number {
                self.answered.store(number, Ordering::SeqCst);
            }
        }
    }
}

/// Nothing is cancelled, deleted or stopped before everything is injected.
fn takes_back(operation: &str) -> bool {
    ["Archive", "Cancel", "Delete", "DELETE", "Stop"].iter().any(|verb| operation.starts_with(verb))
}

/// Reads one HTTP message, its body included, as the bytes that it is.
pub(crate) fn message(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let start = bytes.len();
        if from.read_until(b'\n', &mut bytes).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(&mut bytes[start..]).ok()?;
    Some(bytes)
}

/// One scenario, as it is drilled here: late faults come early, so that a crash need not be waited for.
struct Subject {
    name: String,
    text: String,
    accounts: Estate,
}

fn subjects() -> Vec<Subject> {
    let mut files = scenarios("scenarios");
    for name in ["every-fault", "findings-and-replays"] {
        files.push(root().join("tests/data").join(name).join("scenario.yaml"));
    }
    files.iter().map(|file| subject(file)).collect()
}

fn subject(file: &Path) -> Subject {
    let text = fs::read_to_string(file).expect("it is shipped");
    let mut delay = 0;
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("    at: ") {
            Some(_) => {
                delay += 1;
                format!("    at: {delay}s")
            }
            None => line.to_owned(),
        })
        .collect();
    let now = Clock::system().now();
    let replays = text.contains("start_replay:");
    // An archive holds events after ten minutes.
    let stands = if replays { now - SignedDuration::from_mins(15) } else { now };
    // Warmed up until now: an account that had to catch up with months would take minutes.
    let mut workshop = Workshop::new(0).standing_at(stands);
    let values = Values { run_id: "fd-0000000000".to_owned(), ..Values::default() };
    let prepared = workshop.prepare(file, &values, true);
    let prepared = prepared.unwrap_or_else(|| panic!("{}: not in order", file.display()));
    let mut accounts = prepared.estate().expect("it has an environment");
    if replays {
        archive_events(&mut accounts);
        accounts.advance(now);
    }
    // Rehearsed from another folder, it has no use for its environments' relative paths.
    Subject { name: prepared.scenario.name, text: lines.join("\n") + "\n", accounts }
}

/// Events for an archive: so many that nobody sees the end of their replay.
fn archive_events(accounts: &mut Estate) {
    let event = json!({
        "Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": "shop",
    });
    for _ in 0..REPLAYED / 10 {
        let entries = vec![event.clone(); 10];
        let put =
            accounts.home_mut().call(Service::Events, "PutEvents", json!({ "Entries": entries }));
        put.expect("the bus is there");
    }
}

/// A drill that is over, one way or the other.
struct Crashed {
    folder: tempfile::TempDir,
    reports: PathBuf,
    served: Served,
    requests: Vec<String>,
}

/// Drills against a fresh copy of the account. Once every fault was tried, the process is interrupted, so
/// that it reverts; it is killed where the proxy is told to.
fn drill(subject: &Subject, kill_at: Option<(usize, Moment)>) -> Crashed {
    let served = serve(&subject.accounts);
    let (proxy, url) = Proxy::start(&served.url, kill_at);
    let folder = scratch();
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, &subject.text).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.path().join("reports"));
    let shown = reports.display().to_string();
    let arguments =
        ["run", &file, "--yes", "--reports", &shown, "--run-id", "r", "--format", "json"];
    let mut process = reaching(&arguments, &url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let out = process.stdout.take().expect("it is piped");
    let id = process.id().to_string();
    *proxy.process.lock().unwrap() = Some(process);
    let faults = faults(&subject.text);
    let reader = thread::spawn(move || interrupt_when_injected(out, faults, &id));
    let begun = crate::stage::now();
    while !reader.is_finished() {
        assert!(begun.elapsed() < PATIENCE, "{}: it hangs at {kill_at:?}", subject.name);
        thread::sleep(Duration::from_millis(20));
    }
    let mut process = proxy.process.lock().unwrap().take().expect("it was started");
    let status = process.wait().expect("it ends");
    let requests = proxy.seen.lock().unwrap().clone();
    if kill_at.is_none() {
        assert_eq!(status.code(), Some(4), "{}: interrupted and reverted", subject.name);
    }
    Crashed { folder, reports, served, requests }
}

/// How many faults a scenario has.
fn faults(text: &str) -> usize {
    let after = text.split_once("\nfaults:\n").expect("it has faults").1;
    let section = after.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    section.filter(|line| line.starts_with("  - ")).count()
}

/// Reads the timeline as it happens, to its end; interrupts the process when every fault was tried.
fn interrupt_when_injected(out: impl Read, faults: usize, id: &str) {
    let mut tried = BTreeSet::new();
    let mut interrupted = false;
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let Ok(entry) = serde_json::from_str::<Value>(&line) else { continue };
        if matches!(entry["entry"].as_str(), Some("fault_started" | "fault_failed")) {
            tried.insert(entry["fault"].as_str().unwrap_or_default().to_owned());
        }
        if !interrupted && tried.len() == faults {
            interrupted = true;
            // The process may be gone by now.
            let _sent = Command::new("kill").args(["-INT", id]).stderr(Stdio::null()).status();
        }
    }
}

impl Crashed {
    fn revert(&self) -> Said {
        let run = self.reports.join("r").display().to_string();
        said(&reaching(&["revert", &run], &self.served.url).output().expect("the binary starts"))
    }

    fn timeline(&self, subject: &Subject) -> String {
        let file = self.reports.join("r").join(&subject.name).join("timeline.jsonl");
        fs::read_to_string(file).unwrap_or_default()
    }

    /// Alarms that still show a state which the drill set by hand.
    fn set_by_hand(&self, subject: &Subject) -> Vec<String> {
        let timeline = self.timeline(subject);
        let first: Value =
            timeline.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap();
        let run_id = first["run_id"].as_str().expect("the drill's id").to_owned();
        let estate = self.served.emulator.estate();
        let states: Vec<Value> = estate.accounts().iter().map(alarm_states).collect();
        let all = states.iter().flat_map(|states| states.as_object().unwrap());
        let ours = all.filter(|(_, alarm)| {
            let reason = alarm["reason"].as_str().unwrap_or_default();
            reason.contains(&run_id) && !reason.contains("set back")
        });
        ours.map(|(name, alarm)| format!("{name}: {alarm}")).collect()
    }
}

/// What stands in each of the accounts.
fn belongings(accounts: &Estate) -> Vec<Value> {
    accounts.accounts().iter().map(belongings::belongings).collect()
}

/// Kills one drill at one point, reverts it, and holds the account against how it was. False where this
/// drill had no such point: an experiment may have ended before it was stopped.
fn crash_and_revert(subject: &Subject, number: usize, moment: Moment) -> bool {
    let crashed = drill(subject, Some((number, moment)));
    let words = format!(
        "{}, killed at changing request {number}, {moment:?}: {:?}",
        subject.name, crashed.requests
    );
    if crashed.requests.len() < number {
        let after = crashed.served.emulator.estate();
        assert_eq!(belongings(&after), belongings(&subject.accounts), "{words}");
        return false;
    }
    let reverted = crashed.revert();
    let told = || format!("{words}\n{}\n{}", reverted.err, crashed.timeline(subject));
    assert_eq!(reverted.code, 0, "{}", told());
    let after = crashed.served.emulator.estate();
    assert_eq!(belongings(&after), belongings(&subject.accounts), "{}", told());
    assert_eq!(crashed.set_by_hand(subject), Vec::<String>::new(), "{}", told());
    let calls = crashed.served.emulator.calls();
    let timeline = crashed.timeline(subject);
    let again = crashed.revert();
    assert_eq!(again.code, 0, "{words}: {}", again.err);
    assert!(again.err.contains("nothing is left"), "{words}: {}", again.err);
    assert_eq!(crashed.served.emulator.calls(), calls, "a second revert asks nothing: {words}");
    assert_eq!(crashed.timeline(subject), timeline, "and writes nothing: {words}");
    let last: Vec<&str> = timeline.lines().rev().take(2).collect();
    assert!(last[0].contains("\"drill_ended\""), "{}", told());
    assert!(timeline.contains("\"entry\":\"reverted\",\"left\":[]"), "{}", told());
    let run = crashed.reports.join("r").display().to_string();
    let report = crate::support::firedrill(&["report", &run]);
    assert_eq!(report.code, 0, "{words}: {}", report.err);
    assert!(crashed.folder.path().join("reports/r/report.md").is_file(), "{words}");
    true
}

/// Every n-th of the points, evenly, so that about so many are left.
fn spread<T: Copy>(points: &[T], most: usize) -> Vec<T> {
    if std::env::var_os("FIREDRILL_CRASHES").is_some_and(|value| value == "all") {
        return points.to_vec();
    }
    let every = points.len().div_ceil(most).max(1);
    points.iter().step_by(every).copied().collect()
}

/// Does it for each item, several side by side; the first panic is the test's.
fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(item);
                }
            });
        }
    });
}

#[test]
fn a_drill_that_is_killed_at_any_intent_or_receipt_is_reverted_from_its_timeline_alone() {
    let subjects = subjects();
    let lengths = Mutex::new(vec![0; subjects.len()]);
    let indices: Vec<usize> = (0..subjects.len()).collect();
    side_by_side(&indices, |&index| {
        let subject = &subjects[index];
        let undisturbed = drill(subject, None);
        let after = undisturbed.served.emulator.estate();
        assert_eq!(belongings(&after), belongings(&subject.accounts), "{}", subject.name);
        let missed = missed(&undisturbed.timeline(subject), &undisturbed.requests);
        assert_eq!(missed, Vec::<String>::new(), "{}: nobody is killed there", subject.name);
        lengths.lock().unwrap()[index] = undisturbed.requests.len();
    });
    let lengths = lengths.into_inner().unwrap();
    let points: Vec<(usize, usize, Moment)> = indices
        .iter()
        .flat_map(|&index| (1..=lengths[index]).map(move |number| (index, number)))
        .flat_map(|(index, number)| {
            [Moment::Announced, Moment::Made, Moment::Receipted]
                .map(|moment| (index, number, moment))
        })
        .collect();
    assert!(points.len() > 150, "the drills change things: {lengths:?}");
    let tried = spread(&points, SPREAD);
    let killed = AtomicUsize::new(0);
    side_by_side(&tried, |&(index, number, moment)| {
        if crash_and_revert(&subjects[index], number, moment) {
            killed.fetch_add(1, Ordering::SeqCst);
        }
    });
    let killed = killed.into_inner();
    assert!(killed * 10 >= tried.len() * 9, "only {killed} of {} were killed", tried.len());
    eprintln!("killed {killed} of {} points: {lengths:?}", points.len());
}

/// What the process check of the account says of it.
fn reviewed(crashed: &Crashed) -> String {
    let mut account = crashed.served.emulator.account();
    let input = serde_json::json!({"ConfigRuleName": "reviewed"});
    let answer = account.call(Service::Config, "GetComplianceDetailsByConfigRule", input);
    let answer = answer.expect("an administrator may ask");
    answer["EvaluationResults"][0]["ComplianceType"].as_str().expect("a state").to_owned()
}

#[test]
fn what_carries_a_drills_id_is_taken_back_although_its_timeline_is_lost() {
    let subject = subject(&root().join("tests/data/every-fault/scenario.yaml"));
    let crashed = drill(&subject, Some((0, Moment::TakesBack)));
    let left = belongings::belongings(&crashed.served.emulator.account());
    let before = belongings::belongings(subject.accounts.home());
    for kind in ["queues", "rules", "subscriptions", "running_experiments", "templates"] {
        assert_ne!(left[kind], before[kind], "{kind} are left behind");
    }
    for kind in ["runbooks", "commands", "executions"] {
        assert_ne!(left["started"][kind], Value::Array(Vec::new()), "{kind} still run");
    }
    assert_eq!(reviewed(&crashed), "NON_COMPLIANT");
    for kind in ["locks", "log_streams", "process_checks"] {
        assert_ne!(left[kind], before[kind], "{kind} are left behind");
    }
    let timeline = crashed.timeline(&subject);
    let begun: Value = serde_json::from_str(timeline.lines().next().unwrap()).unwrap();
    let id = begun["run_id"].as_str().expect("the drill's id");
    fs::remove_dir_all(crashed.reports.join("r")).expect("it is there");
    let reports = crashed.reports.display().to_string();
    let sweep = |more: &[&str]| {
        let arguments = [&["revert", "--sweep", id, "--reports", &reports], more].concat();
        said(&reaching(&arguments, &crashed.served.url).output().expect("the binary starts"))
    };
    // The lock is that of a drill which may still run, as far as anybody can know.
    let refused = sweep(&[]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains("may still run"), "{}", refused.err);
    assert_eq!(belongings::belongings(&crashed.served.emulator.account()), left);
    let swept = || sweep(&["--break-lock"]);
    let said = swept();
    assert_eq!(said.code, 0, "{}", said.err);
    // Not looked for are the rule that a fault disabled, which carries no id, and a line's stream.
    let mut after = belongings::belongings(&crashed.served.emulator.account());
    assert_eq!(after["log_streams"], left["log_streams"]);
    after["log_streams"] = before["log_streams"].clone();
    let after = after.to_string();
    assert_eq!(after.replace("DISABLED", "ENABLED"), before.to_string(), "{}", said.err);
    assert!(said.err.contains("a rule that a fault disabled"), "{}", said.err);
    assert_eq!(reviewed(&crashed), "NOT_APPLICABLE", "{}", said.err);
    let again = swept();
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("0 of what carried"), "{}", again.err);
}

#[test]
fn findings_and_replays_that_are_left_behind_are_seen_and_taken_back() {
    let subject = subject(&root().join("tests/data/findings-and-replays/scenario.yaml"));
    let crashed = drill(&subject, Some((0, Moment::TakesBack)));
    let left = belongings::belongings(&crashed.served.emulator.account());
    let findings = &left["findings"];
    for found in [&findings["guardduty"], &findings["securityhub"], &left["started"]["replays"]] {
        assert_ne!(found, &Value::Array(Vec::new()), "{left}");
    }
    let reverted = crashed.revert();
    assert_eq!(reverted.code, 0, "{}", reverted.err);
    let after = belongings::belongings(&crashed.served.emulator.account());
    assert_eq!(after, belongings::belongings(subject.accounts.home()), "{}", reverted.err);
}
