//! One local program, in a process group of its own, until its end, its timeout, or the drill's end.
//!
//! Main functions: [`spawn`] and [`end_marked`]. Invariants: the program gets the environment that it is
//! given and the few variables without which nothing runs, no terminal and no input; all of it carries a
//! mark in its environment, so that what it left behind can be found and ended, by another process too;
//! what it writes is read to the end and kept up to a limit.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::values::{from_environment, resolve};
use crate::aws::secrets;
use crate::clock::Clock;
use crate::scenario::types::CommandRun;

/// The variable that marks everything that a drill's program started.
const MARK: &str = "FIREDRILL_TOKEN";

/// What a program keeps of our environment; everything else it has to be given.
const INHERITED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// How much of what a program writes is kept, in bytes of each stream; the end of it.
const KEPT: usize = 2048;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How often what carries a mark is told to end, until nothing of it is left.
const MOST_ROUNDS: u32 = 100;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Whether it ended by itself, with success.
    pub(crate) success: bool,
    /// `exit code 3`, `killed after its timeout of 30s`.
    pub(crate) how: String,
    /// The end of what it wrote, without secrets.
    pub(crate) output: String,
}

impl Ended {
    /// How it ended, and what it wrote last.
    pub(crate) fn words(&self) -> String {
        if self.output.is_empty() {
            return self.how.clone();
        }
        format!("{}: {}", self.how, self.output)
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    token: String,
    timeout: Duration,
    stop: Arc<AtomicBool>,
}

/// Starts a program; the error says why it can't be started.
pub(crate) fn spawn(run: &CommandRun, token: &str) -> Result<Running, String> {
    if !super::may_run_commands() {
        return Err("local programs run only with --allow-commands".to_owned());
    }
    let mut command = Command::new(&run.program);
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in &run.env {
        command.env(name, resolve(value, from_environment)?);
    }
    for argument in &run.args {
        command.arg(resolve(argument, from_environment)?);
    }
    command.env(MARK, token).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command
        .spawn()
        .map_err(|error| format!("the program `{}` can't be started: {error}", run.program))?;
    Ok(Running { child, token: token.to_owned(), timeout: run.timeout.0, stop: Arc::default() })
}

/// Whether a program is there and executable; the error says why it can't be started. It is not run. `path`
/// is the search path that it is given; without one it has ours.
pub(crate) fn can_start(program: &str, path: Option<&str>) -> Result<(), String> {
    let cannot = |why: String| Err(format!("the program `{program}` can't be started: {why}"));
    if program.contains('/') {
        return match std::fs::metadata(program) {
            Ok(found) if is_program(&found) => Ok(()),
            Ok(_) => cannot("it is no executable file".to_owned()),
            Err(error) => cannot(error.to_string()),
        };
    }
    let path = match path {
        Some(path) => match resolve(path, from_environment) {
            Ok(path) => path.into(),
            Err(why) => return cannot(why),
        },
        None => std::env::var_os("PATH").unwrap_or_default(),
    };
    let is_there = |folder: std::path::PathBuf| {
        std::fs::metadata(folder.join(program)).is_ok_and(|found| is_program(&found))
    };
    if std::env::split_paths(&path).any(is_there) {
        return Ok(());
    }
    cannot("no folder of PATH has it".to_owned())
}

fn is_program(found: &std::fs::Metadata) -> bool {
    found.is_file() && found.permissions().mode() & 0o111 != 0
}

impl Running {
    /// The process id, which is the group's too.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the program when it is set.
    pub(crate) fn stop_switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Waits for the end on a thread of its own. Whatever the program leaves running is ended with it.
    pub(crate) async fn wait(self) -> Result<Ended, String> {
        let ended = tokio::task::spawn_blocking(move || self.wait_here()).await;
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn wait_here(mut self) -> io::Result<Ended> {
        let streams = (self.child.stdout.take(), self.child.stderr.take());
        let readers = (streams.0.map(keep_reading), streams.1.map(keep_reading));
        let clock = Clock::system();
        let begun = clock.now();
        let (mut timed_out, mut stopped) = (false, false);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            let lasted = Duration::try_from(clock.now().duration_since(begun)).unwrap_or_default();
            timed_out = lasted >= self.timeout;
            stopped = self.stop.load(Ordering::SeqCst);
            if timed_out || stopped {
                signal_group(self.child.id());
                let _killed = self.child.kill();
                break self.child.wait()?;
            }
            thread::sleep(LOOK);
        };
        // Its children may outlive it, in its group or out of it.
        signal_group(self.child.id());
        let _best_effort = end_marked(&self.token);
        let timeout = humantime::format_duration(self.timeout);
        let how = match status.code() {
            _ if timed_out => format!("killed after its timeout of {timeout}"),
            _ if stopped => "killed, because the drill is over".to_owned(),
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        };
        let read = |reader: Option<Reader>| reader.map(Reader::kept).unwrap_or_default();
        let written = format!("{} {}", read(readers.0), read(readers.1));
        Ok(Ended {
            success: status.success() && !timed_out && !stopped,
            how,
            output: secrets::scrub(written.trim()).into_owned(),
        })
    }
}

/// The last of what was written to a stream.
struct Reader {
    kept: Arc<Mutex<Vec<u8>>>,
    done: mpsc::Receiver<()>,
}

impl Reader {
    /// What is there at the end. A process that nobody may end can hold the stream open for ever, so the
    /// end is waited for only a little.
    fn kept(self) -> String {
        let _at_the_end = self.done.recv_timeout(Duration::from_secs(1));
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
    }
}

/// Reads a stream to its end and keeps the last of it, so that a program never waits for a reader.
fn keep_reading(mut stream: impl Read + Send + 'static) -> Reader {
    let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (ended, done) = mpsc::channel();
    let own = Arc::clone(&kept);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 {
                break;
            }
            let mut kept = own.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..count]);
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus);
        }
        // Nobody may be waiting any more.
        let _unheard = ended.send(());
    });
    Reader { kept, done }
}

/// Ends every process of a group. The shell's own `kill` does it: signals need unsafe code otherwise.
fn signal_group(group: u32) {
    kill(&format!("-{group}"));
}

fn kill(target: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -9 \"$1\" 2>/dev/null", "sh", target]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Nothing there any more is what was wanted.
    let _gone = command.status();
}

/// Ends every process that carries this mark, wherever it has gone, and reads back that none is left.
///
/// # Errors
/// Processes can't be looked for here, or some don't end.
pub(crate) fn end_marked(token: &str) -> Result<(), String> {
    for _ in 0..MOST_ROUNDS {
        let found = marked(token)?;
        if found.is_empty() {
            return Ok(());
        }
        for process in found {
            kill(&process);
        }
        thread::sleep(LOOK);
    }
    Err(format!("processes with {MARK}={token} in their environment don't end"))
}

/// The ids of the processes that carry a mark; one that has ended and is not yet collected has none.
fn marked(token: &str) -> Result<Vec<String>, String> {
    let wanted = format!("{MARK}={token}");
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc")
        .map_err(|error| format!("processes can't be looked for, /proc can't be read: {error}"))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Another user's process can't be read, and is not ours.
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes()) {
            found.push(name);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn shell(script: &str, timeout: u64) -> CommandRun {
        CommandRun {
            program: "/bin/sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: IndexMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            timeout: crate::scenario::types::Duration(Duration::from_millis(timeout)),
        }
    }

    fn run(script: &str, timeout: u64, token: &str) -> Ended {
        super::super::allow_commands();
        spawn(&shell(script, timeout), token).unwrap().wait_here().unwrap()
    }

    #[test]
    fn a_program_gets_its_environment_and_its_end_is_told() {
        let ended = run("echo $GREETING $FIREDRILL_TOKEN; exit 3", 5_000, "t-env");
        assert_eq!(ended.words(), "exit code 3: hello t-env");
        assert!(!ended.success);
        assert!(run("test -z \"$CARGO_MANIFEST_DIR\"", 5_000, "t-bare").success);
        let missing = CommandRun { program: "/no/such/program".to_owned(), ..shell("", 1) };
        let error = spawn(&missing, "t-none").unwrap_err();
        assert!(error.contains("/no/such/program"), "{error}");
    }

    #[test]
    fn a_program_that_can_not_be_started_is_known_before() {
        assert_eq!(can_start("/bin/sh", None), Ok(()));
        assert_eq!(can_start("sh", Some("/no/such/folder:/bin")), Ok(()));
        for (program, path, why) in [
            ("/no/such/program", None, "No such file"),
            ("/etc/passwd", None, "no executable file"),
            ("/bin", None, "no executable file"),
            ("sh", Some("/no/such/folder"), "no folder of PATH"),
            ("no-such-program", None, "no folder of PATH"),
        ] {
            let told = can_start(program, path).unwrap_err();
            assert!(told.contains(program) && told.contains(why), "{told}");
        }
    }

    #[test]
    fn what_a_program_started_ends_with_it_and_with_its_timeout() {
        // One child in the group, and one that has left it.
        let script = "sleep 60 & setsid sleep 61 & echo begun";
        assert!(run(script, 20_000, "t-children").success);
        assert_eq!(marked("t-children").unwrap(), Vec::<String>::new());
        let ended = run("echo begun; sleep 60", 300, "t-timeout");
        assert_eq!(ended.words(), "killed after its timeout of 300ms: begun");
        assert_eq!(marked("t-timeout").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_program_that_writes_without_end_is_read_and_little_is_kept() {
        let ended = run("yes 0123456789 | head -c 3000000; echo last", 20_000, "t-noise");
        assert!(ended.success && ended.output.ends_with("last"), "{}", ended.how);
        assert!(ended.output.len() <= 2 * KEPT);
    }
}
