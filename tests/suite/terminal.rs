//! The question before a real account is touched, asked on a real terminal and answered at its keyboard.
//!
//! Main type: [`Terminal`], a pseudo terminal with the real binary on it, which leads the terminal's session as
//! a program does that a shell started: Ctrl-C reaches it as a signal and Ctrl-D as the end of its input.

use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::served::{Served, reaching, serve};
use crate::support::scratch;

/// Where the process of [`the_process_on_the_terminal`] finds its terminal and what it is to become.
const TERMINAL: &str = "FIREDRILL_TEST_TERMINAL";
const BECOMES: &str = "FIREDRILL_TEST_BECOMES";

/// How long anything may take to show up, or to end.
const PATIENCE: Duration = Duration::from_mins(1);

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// The binary on a terminal of its own.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    process: Child,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended by itself, but where a test failed.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Terminal {
    /// Starts a command with all of its input and output on a new terminal.
    fn start(command: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let master = master.expect("the system has a terminal left");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        // Held until the process has its own: a terminal that nobody has opened looks like one hung up.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let held = rustix::fs::open(&name, flags, Mode::empty()).expect("it is there");
        let words: Vec<&str> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().expect("the tests' words are UTF-8"))
            .collect();
        let mut leader = Command::new(env::current_exe().expect("we run"));
        leader
            .args(["--exact", "terminal::the_process_on_the_terminal"])
            .args(["--ignored", "--nocapture", "--test-threads", "1"])
            .env(TERMINAL, std::ffi::OsStr::from_bytes(name.to_bytes()))
            .env(BECOMES, serde_json::to_string(&words).expect("it is text"))
            .env("TERM", "xterm")
            .current_dir(command.get_current_dir().expect("it has a folder"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        let process = leader.spawn().expect("the suite starts once more");
        let keyboard = File::from(master);
        let mut glass = keyboard.try_clone().expect("there are file descriptors");
        let (shows, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that its last process has left answers with an error.
            while let Ok(read @ 1..) = glass.read(&mut bytes) {
                if shows.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
            drop(held);
        });
        Self { keyboard, screen, shown: String::new(), process }
    }

    /// Reads what is shown until these words stand there.
    #[track_caller]
    fn until(&mut self, words: &str) {
        while !self.shown.contains(words) {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.show(&bytes),
                Err(error) => panic!("{words:?} is not shown ({error}): {}", self.shown),
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        self.shown.push_str(&String::from_utf8_lossy(bytes).replace('\r', ""));
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("somebody has the terminal");
    }

    /// Closes the terminal, as a window that is shut or a connection that is lost does, and waits for the end.
    #[track_caller]
    fn closed(mut self) -> ExitStatus {
        // Whoever reads the screen holds the terminal as well, until there is nobody to tell.
        let (_, nothing) = mpsc::channel();
        self.screen = nothing;
        // The echo wakes it.
        self.keys("x");
        self.keyboard = File::open("/dev/null").expect("it is there");
        let begun = crate::stage::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("it is our child") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.shown);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end, and answers with all that was shown.
    #[track_caller]
    fn ended(mut self) -> (ExitStatus, String) {
        let begun = crate::stage::now();
        let status = loop {
            match self.screen.recv_timeout(Duration::from_millis(50)) {
                Ok(bytes) => self.show(&bytes),
                // Both mean that nothing more is shown for now: is it because it ended?
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if let Some(status) = self.process.try_wait().expect("it is our child") {
                        break status;
                    }
                }
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.shown);
        };
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(50)) {
            self.show(&bytes);
        }
        (status, std::mem::take(&mut self.shown))
    }
}

/// Leads a new session on the terminal that a test opened, and becomes what the test wants to see there.
///
/// Between the start of a process and its program there is no place for safe code, so it is a process of this
/// suite that does it and then becomes the other.
#[test]
#[ignore = "no test: what the other tests here start on their terminals"]
fn the_process_on_the_terminal() {
    let (Some(path), Ok(words)) = (env::var_os(TERMINAL), env::var(BECOMES)) else { return };
    rustix::process::setsid().expect("a new process leads no group");
    let terminal = File::options().read(true).write(true).open(path).expect("it is there");
    rustix::process::ioctl_tiocsctty(&terminal).expect("nobody else's session has it");
    let words: Vec<String> = serde_json::from_str(&words).expect("a test wrote it");
    let mut becomes = Command::new(&words[0]);
    becomes.args(&words[1..]).env_remove(TERMINAL).env_remove(BECOMES);
    becomes.stdin(terminal.try_clone().expect("there are file descriptors"));
    becomes.stdout(terminal.try_clone().expect("there are file descriptors"));
    panic!("{}", becomes.stderr(terminal).exec());
}

const QUESTION: &str = "Type the account id or `yes` to inject this into 111122223333: ";

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

fn shop() -> Served {
    serve(&["tests/data/exits/environments/shop.yaml"])
}

/// What a drill could have changed in the account.
fn state(served: &Served) -> (Value, Value) {
    let shown = served.account();
    (shown["belongings"].clone(), shown["alarm_states"]["errors"].clone())
}

/// Starts a drill on the served account, without `--yes`.
fn started(folder: &Path, url: &str) -> Terminal {
    started_with(folder, url, BY_HAND)
}

fn started_with(folder: &Path, url: &str, scenario: &str) -> Terminal {
    let file = folder.join("scenario.yaml");
    std::fs::write(&file, scenario).expect("there is room");
    let (file, reports) = (file.display().to_string(), folder.join("reports"));
    let reports = reports.display().to_string();
    let arguments = ["run", &file, "--reports", &reports, "--run-id", "r"];
    Terminal::start(&reaching(&arguments, url))
}

#[test]
fn what_will_be_done_is_shown_before_the_question_and_the_right_answer_goes_on() {
    let served = shop();
    for answer in ["111122223333\n", "yes\n"] {
        let folder = scratch();
        let before = state(&served);
        let mut terminal = started(folder.path(), &served.url);
        terminal.until(QUESTION);
        let (told, _) = terminal.shown.split_once(QUESTION).expect("it is shown");
        let mut place = 0;
        for words in [
            "account 111122223333 in eu-west-1, as arn:aws:",
            "Inject\n  by-hand  +0s  alarm errors set to ALARM",
            "Blast radius",
        ] {
            let found = told[place..].find(words);
            place += found.unwrap_or_else(|| panic!("{words}, in this order: {told}"));
        }
        assert_eq!(state(&served), before, "nothing is done before the answer");
        assert!(!folder.path().join("reports").exists(), "nothing is written before the answer");
        terminal.keys(answer);
        let (status, shown) = terminal.ended();
        assert_eq!(status.code(), Some(0), "{shown}");
        assert!(shown.contains("passed"), "{shown}");
        assert!(folder.path().join("reports/r/report.json").is_file(), "{shown}");
        assert_eq!(state(&served).0, before.0, "nothing is left");
    }
}

#[test]
fn any_other_answer_and_the_end_of_input_stop_before_anything_is_touched() {
    let served = shop();
    let before = state(&served);
    for answer in ["no\n", "y\n", "\n", "999999999999\n", "yes, please\n", CTRL_D] {
        let folder = scratch();
        let mut terminal = started(folder.path(), &served.url);
        terminal.until(QUESTION);
        terminal.keys(answer);
        let (status, shown) = terminal.ended();
        assert_eq!(status.code(), Some(2), "{answer:?}: {shown}");
        let words = "not confirmed: nothing was run and nothing was touched";
        assert!(shown.contains(words), "{answer:?}: {shown}");
        assert!(!folder.path().join("reports").exists(), "{answer:?}: {shown}");
        assert_eq!(state(&served), before, "{answer:?}");
    }
}

#[test]
fn ctrl_c_at_the_question_ends_it_before_anything_is_touched() {
    let served = shop();
    let before = state(&served);
    let folder = scratch();
    let mut terminal = started(folder.path(), &served.url);
    terminal.until(QUESTION);
    terminal.keys(CTRL_C);
    let (status, shown) = terminal.ended();
    assert_eq!(status.signal(), Some(rustix::process::Signal::INT.as_raw()), "{shown}");
    assert!(!folder.path().join("reports").exists(), "{shown}");
    assert_eq!(state(&served), before);
}

#[test]
fn a_terminal_that_is_closed_at_the_question_ends_it_before_anything_is_touched() {
    let served = shop();
    let before = state(&served);
    let folder = scratch();
    let mut terminal = started(folder.path(), &served.url);
    terminal.until(QUESTION);
    let status = terminal.closed();
    assert_ne!(status.code(), Some(0), "{status:?}");
    assert!(!folder.path().join("reports").exists(), "{status:?}");
    assert_eq!(state(&served), before);
}

/// What it waits for does not come.
fn endless() -> String {
    BY_HAND.replace(
        "alarm: {name: errors}, within: 20s",
        "alarm: {name: errors, state: INSUFFICIENT_DATA}, within: 9m",
    )
}

fn timeline(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("reports/r/by-hand/timeline.jsonl")).unwrap_or_default()
}

/// Confirms the drill, and waits until its fault took effect.
#[track_caller]
fn under_way(folder: &Path, url: &str) -> Terminal {
    let mut terminal = started_with(folder, url, &endless());
    terminal.until(QUESTION);
    terminal.keys("yes\n");
    let begun = crate::stage::now();
    while !timeline(folder).contains("\"fault_started\"") {
        assert!(begun.elapsed() < PATIENCE, "{}", timeline(folder));
        thread::sleep(Duration::from_millis(20));
    }
    terminal
}

#[test]
fn a_terminal_that_is_closed_during_a_drill_ends_the_drill_and_everything_is_reverted() {
    let served = shop();
    let before = state(&served);
    let folder = scratch();
    let status = under_way(folder.path(), &served.url).closed();
    let timeline = timeline(folder.path());
    assert_eq!(status.code(), Some(4), "{status:?}: {timeline}");
    let last: Vec<Value> =
        timeline.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
    let reverted = last.iter().find(|entry| entry["entry"] == "reverted").expect("it is reverted");
    assert_eq!(reverted["left"], Value::Array(Vec::new()), "{timeline}");
    assert_eq!(last.last().expect("an entry")["entry"], "drill_ended", "{timeline}");
    let after = state(&served);
    assert_eq!(after.0, before.0);
    assert_eq!(after.1["state"], before.1["state"], "{after:?}");
    assert!(folder.path().join("reports/r/junit.xml").is_file(), "what ran is reported");
}

/// A way to the served account that can be cut: what is sent after that is never answered.
fn line_to(url: &str, cut: &Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let line = format!("http://{}", listener.local_addr().expect("it has one"));
    let (address, cut) = (url.replace("http://", ""), Arc::clone(cut));
    thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let called = TcpStream::connect(&address).expect("it is served");
            let ends = |one: &TcpStream| one.try_clone().expect("there are file descriptors");
            let (there, back) = ((ends(&caller), ends(&called)), (called, caller));
            for (mut from, mut to) in [there, back] {
                let cut = Arc::clone(&cut);
                thread::spawn(move || {
                    let mut bytes = [0; 8192];
                    while let Ok(read @ 1..) = from.read(&mut bytes) {
                        if !cut.load(Ordering::SeqCst) && to.write_all(&bytes[..read]).is_err() {
                            break;
                        }
                    }
                    let _gone = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    line
}

#[test]
fn the_second_ctrl_c_names_what_is_left_and_the_third_leaves_it_with_exit_code_5() {
    let served = shop();
    let before = state(&served);
    let folder = scratch();
    let cut = Arc::<AtomicBool>::default();
    let mut terminal = under_way(folder.path(), &line_to(&served.url, &cut));
    cut.store(true, Ordering::SeqCst);
    terminal.keys(CTRL_C);
    terminal.until("interrupt: ending the drills and reverting (by-hand)");
    terminal.keys(CTRL_C);
    let second = "interrupt again: still reverting; a third one gives up and leaves this behind";
    terminal.until(second);
    terminal.until("takes back what is left");
    let (_, left) = terminal.shown.split_once(second).expect("it is shown");
    for words in
        ["by-hand: alarm", "`errors`", "by-hand: queue `firedrill-fd-", "`firedrill revert "]
    {
        assert!(left.contains(words), "{words}: {left}");
    }
    let begun = crate::stage::now();
    terminal.keys(CTRL_C);
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(5), "{shown}");
    assert!(begun.elapsed() < Duration::from_secs(5), "at once, not after {:?}", begun.elapsed());
    let third = "interrupt for the third time: giving up; a fault may still be active";
    let (_, left) = shown.split_once(third).unwrap_or_else(|| panic!("{shown}"));
    assert!(left.contains("by-hand: alarm") && left.contains("`firedrill revert "), "{left}");
    // It said so, and so it is: the alarm is as it was set, until it is taken back.
    assert_ne!(state(&served).1["state"], before.1["state"]);
    let run = folder.path().join("reports/r").display().to_string();
    let revert = reaching(&["revert", &run], &served.url).output().expect("the binary starts");
    let said = crate::support::said(&revert);
    assert_eq!(said.code, 0, "{}", said.err);
    let after = state(&served);
    assert_eq!((&after.0, &after.1["state"]), (&before.0, &before.1["state"]));
}
