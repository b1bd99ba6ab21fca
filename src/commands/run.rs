//! `firedrill run`: load, check, drill, judge, report.
//!
//! Main function: [`run`]. Invariants: nothing is touched unless every selected scenario is in order and
//! the report folder can be written; drills may run side by side but are reported in the order of the
//! files; the exit code is that of the worst drill.

pub(super) mod dry_run;

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use indexmap::IndexMap;

use super::drill;
use super::drill_id::Nonce;
use super::interrupt::{Changes, Interrupts};
use super::output::{Lines, Live, say};
use super::outside;
use super::prepare::{Prepared, Stage, Workshop, epoch, no_environment};
use super::real::{self, RealArgs};
use super::report::{PLAN_FILE, RUN_FILE, ReportError, TIMELINE_FILE, write, write_json};
use super::values::{parse_var, values};
use crate::cli::Exit;
use crate::clock::Clock;
use crate::diagnostic::Severity;
use crate::emulator::Estate;
use crate::judge::{self, Outcome};
use crate::plan::Plan;
use crate::recorder::Sink;
use crate::report::{self, Report, RunInfo};
use crate::runner::{Conduct, StopSwitch};
use crate::scenario::{self, Values};
use crate::timeline::{Entry, StopReason, Target, TargetKind};

/// Runs scenarios and writes their reports.
///
/// Each scenario is checked, its steady state is looked at, its faults are injected, everything that it
/// expects is observed until its deadline, and whatever was injected is reverted. Reports go to
/// `reports/RUN/`: junit.xml, report.md, report.json, mttr.md, and one timeline.jsonl per drill.
///
/// By default the target is an account that is emulated inside the process, in virtual time. A rehearsal
/// there proves the wiring of the response: detection, routing, runbook, rollback and time.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// Scenario files, or folders whose .yaml and .yml files are taken (not those in folders below).
    #[arg(default_value = "scenarios/", value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Where to drill; default: emulator, and the server where --endpoint-url names one.
    #[arg(long, value_enum, help_heading = "Target")]
    pub target: Option<TargetArg>,

    /// How to reach a real account.
    #[command(flatten)]
    pub real: RealArgs,

    /// Let other drills run in the same account and region at the same time.
    ///
    /// A drill on a real account holds a lock there while it runs: the SSM parameter /firedrill/lock.
    #[arg(long, help_heading = "Target")]
    pub no_lock: bool,

    /// The server of --endpoint-url is known to have no safety lever of FIS.
    ///
    /// Experiments run there although nobody can look at the lever. A lever that is there is respected all
    /// the same, and AWS always has one.
    #[arg(long, requires = "endpoint_url", help_heading = "Target")]
    pub no_safety_lever: bool,

    /// Only scenarios whose name contains this text; may be given more than once.
    #[arg(long, value_name = "TEXT", help_heading = "Selection")]
    pub filter: Vec<String>,

    /// Only scenarios with this tag; may be given more than once.
    #[arg(long, value_name = "TAG", help_heading = "Selection")]
    pub tag: Vec<String>,

    /// A value for `${var.NAME}`, as NAME=VALUE; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_var, help_heading = "Selection")]
    pub var: Vec<(String, String)>,

    /// How many drills run side by side on the emulated account; default: one per core.
    #[arg(long, short, value_name = "N", help_heading = "Running")]
    pub jobs: Option<NonZeroUsize>,

    /// Run each scenario this many times, each time with another seed.
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Running")]
    pub repeat: NonZeroUsize,

    /// The seed of everything that is left to chance on the emulated account.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Running")]
    pub seed: u64,

    /// Let scenarios run local programs: the `command` faults.
    #[arg(long, help_heading = "Running")]
    pub allow_commands: bool,

    /// Let rehearsals send requests: those of `http` faults and expectations.
    #[arg(long, help_heading = "Running")]
    pub allow_http: bool,
    /// Look at everything and inject nothing.
    ///
    /// Preconditions, guardrails and steady state are looked at. FIS experiments are run with their actions
    /// skipped, which shows what they would touch. Nothing is proven by it: no verdict, no reports.
    #[arg(long, help_heading = "Running")]
    pub dry_run: bool,

    /// Start no further drill once one has not passed.
    #[arg(long, help_heading = "Running")]
    pub fail_fast: bool,

    /// The folder for reports; each run gets a folder of its own in it.
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Reports")]
    pub reports: PathBuf,

    /// The name of this run, and of its folder; default: the date and time.
    #[arg(long, value_name = "NAME", value_parser = run_name, help_heading = "Reports")]
    pub run_id: Option<String>,

    /// What goes to standard output: nothing, or the timelines as they happen, one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Reports")]
    pub format: Format,
}

/// Where to drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TargetArg {
    /// The account that is emulated inside the process: a rehearsal.
    Emulator,
    /// The account of the standard AWS credential chain.
    Aws,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Nothing: people read standard error.
    Human,
    /// The timelines as JSON Lines, each entry with its drill's name.
    Json,
}

/// A run's name is a folder's name as well, so it holds nothing that a path would understand.
fn run_name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text.is_empty() || text.len() > 80 || text.starts_with('.') || !text.chars().all(plain) {
        return Err("use letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(text.to_owned())
}

/// The last line after errors that keep a run from beginning.
const MEND_FIRST: &str = "nothing was run and nothing was touched: mend the errors above first";

/// Why a run did not begin, in words with the way out.
pub(super) struct Refusal(pub(super) String);

/// Runs the verb.
pub fn run(arguments: &RunArgs) -> Exit {
    match Run::prepare(arguments) {
        Ok(run) => run.perform(),
        Err(Refusal(words)) => {
            say(&words);
            Exit::Usage
        }
    }
}

/// One drill that is going to run.
struct Job {
    /// The folder of its files inside the run's; also its name in the JSON stream.
    name: String,
    plan: Plan,
    stage: Option<Arc<Stage>>,
    /// The emulated accounts of the plan's other targets.
    targets: IndexMap<String, Arc<Stage>>,
    seed: u64,
}

/// A run that may begin: everything is loaded, checked and planned.
struct Run<'a> {
    arguments: &'a RunArgs,
    id: String,
    folder: PathBuf,
    jobs: Vec<Job>,
    accounts: Option<real::Accounts>,
    clock: Clock,
}

impl<'a> Run<'a> {
    fn prepare(arguments: &'a RunArgs) -> Result<Self, Refusal> {
        let clock = Clock::system();
        let id = arguments.run_id.clone().unwrap_or_else(|| free_name(&arguments.reports, &clock));
        let emulated = arguments.real.is_emulated(arguments.target)?;
        let mut workshop = Workshop::new(arguments.seed);
        let values = values(&arguments.var, &id);
        let mut prepared = Vec::new();
        for file in &workshop.find(&arguments.paths) {
            let one = workshop.prepare(file, &values, emulated);
            if let Some(one) = one.as_ref().filter(|one| emulated && one.stage.is_none()) {
                workshop.diagnostics.push(no_environment(&one.file));
            }
            prepared.extend(one);
        }
        workshop.tell_unused(&values);
        let told: String =
            workshop.told(Severity::Warning).map(|found| workshop.render(found)).collect();
        // Each rendering ends with a line feed of its own: what follows stands one blank line below.
        say(&told);
        if workshop.told(Severity::Error).next().is_some() {
            return Err(Refusal(MEND_FIRST.to_owned()));
        }
        prepared.retain(|one| is_selected(arguments, one));
        if prepared.is_empty() {
            let words = "no scenario is selected, so nothing would be proven\n  \
                         look at --filter, --tag and the paths";
            return Err(Refusal(words.to_owned()));
        }
        outside::allow(arguments, &prepared, emulated)?;
        let nonce = Nonce::of_run(emulated);
        let jobs = plan_jobs(arguments, (&id, nonce), &prepared, values)?;
        let plans: Vec<&Plan> = jobs.iter().map(|job| &job.plan).collect();
        if arguments.no_safety_lever {
            real::is_no_aws(&arguments.real)?;
        }
        let accounts = if emulated { None } else { Some(real::connect(&arguments.real, &plans)?) };
        if let Some(accounts) = &accounts {
            real::confirm(arguments, accounts, plans.into_iter())?;
        }
        let folder = make_folder(&arguments.reports, &id)?;
        Ok(Self { arguments, id, folder, jobs, accounts, clock })
    }

    /// Runs every job and writes the reports.
    fn perform(self) -> Exit {
        let names: Vec<String> = self.jobs.iter().map(|job| job.name.clone()).collect();
        let mut info = self.info(names);
        // Written first too: what a crash leaves behind still says what it was.
        if let Err(error) = write_json(&self.folder.join(RUN_FILE), &info) {
            say(&format!("error: {error}\n  nothing was touched"));
            return Exit::Usage;
        }
        let live = Live::new(self.jobs.len(), self.accounts.is_some());
        let interrupts = Interrupts::listen(self.way_out(), live.clone());
        let finished = self.run_jobs(&interrupts, &live);
        live.finish();
        let (names, done): (Vec<String>, Vec<(Plan, Vec<Entry>)>) = self
            .jobs
            .iter()
            .zip(finished)
            .filter_map(|(job, timeline)| Some((job.name.clone(), (job.plan.clone(), timeline?))))
            .unzip();
        let left_out = self.jobs.len() - done.len();
        info.drills = names;
        info.ended = match self.accounts {
            Some(_) => Some(self.clock.now()),
            None => done.iter().filter_map(|(_, timeline)| Some(timeline.last()?.at)).max(),
        };
        if self.arguments.dry_run {
            return self.end_dry(&info.drills, &done, left_out);
        }
        self.tell(&Report::new(info, done), left_out)
    }

    /// Tells the result, writes the reports, and says how the process ends.
    fn tell(&self, report: &Report, left_out: usize) -> Exit {
        say(report::console::summary(report).trim_end());
        if left_out > 0 {
            say(&format!("{left_out} of {} drills were not started", self.jobs.len()));
        }
        let exit = Exit::from(report.totals.outcome);
        if exit == Exit::Unreverted {
            say(&self.way_out().unwrap_or_default());
        }
        match self.write(report) {
            Ok(()) => {
                say(&format!("reports: {}", self.folder.display()));
                exit
            }
            Err(error) => {
                say(&format!("error: {error}\n  {}", error.hint()));
                // Without its reports a run proves nothing to anybody.
                if exit == Exit::Passed { Exit::Inconclusive } else { exit }
            }
        }
    }

    /// How to take back what drills leave behind. A rehearsal leaves nothing in an account; what its requests
    /// and programs did is left outside.
    fn way_out(&self) -> Option<String> {
        let plans = self.jobs.iter().map(|job| &job.plan);
        outside::way_out(&self.folder, plans, self.accounts.is_none())
    }

    /// What is known of the run before it begins.
    fn info(&self, drills: Vec<String>) -> RunInfo {
        RunInfo {
            id: self.id.clone(),
            started: self.started(),
            ended: None,
            target: self.target(),
            versions: versions(),
            seed: self.accounts.is_none().then_some(self.arguments.seed),
            drills,
        }
    }

    /// The drill's own beginning: virtual on the emulated account, so that reports can be compared.
    fn started(&self) -> jiff::Timestamp {
        if self.accounts.is_some() { self.clock.now() } else { epoch() }
    }

    fn target(&self) -> Target {
        match (&self.accounts, self.jobs.first().and_then(|job| job.stage.as_ref())) {
            (Some(accounts), _) => accounts.target(),
            (None, Some(stage)) => {
                let identity = stage.account.identity();
                Target {
                    account: identity.account.clone(),
                    region: identity.region.clone(),
                    kind: TargetKind::Emulator,
                }
            }
            (None, None) => unreachable!("a drill without a real account has an emulated one"),
        }
    }

    /// Runs the jobs on as many threads as wanted; answers each job's timeline, in order.
    fn run_jobs(&self, interrupts: &Interrupts, live: &Live) -> Vec<Option<Vec<Entry>>> {
        let threads = if self.accounts.is_some() {
            1
        } else {
            let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            self.arguments.jobs.map_or(cores, NonZeroUsize::get).min(self.jobs.len())
        };
        let next = AtomicUsize::new(0);
        let give_up = AtomicBool::new(false);
        let finished: Mutex<Vec<Option<Vec<Entry>>>> = Mutex::new(vec![None; self.jobs.len()]);
        let lines = Lines::new(self.jobs.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                let thread = thread::Builder::new().stack_size(drill::STACK);
                let spawned = thread.spawn_scoped(scope, || {
                    loop {
                        let index = next.fetch_add(1, Ordering::SeqCst);
                        let stop_here = give_up.load(Ordering::SeqCst) || interrupts.pressed();
                        let Some(job) = self.jobs.get(index).filter(|_| !stop_here) else { break };
                        let timeline = self.run_job(job, interrupts, live);
                        let (outcome, told) = self.told(job, &timeline);
                        if self.arguments.fail_fast && outcome != Outcome::Passed {
                            give_up.store(true, Ordering::SeqCst);
                        }
                        lines.tell(index, told, live);
                        finished.lock().expect("no job panics while it is stored")[index] =
                            Some(timeline);
                    }
                });
                spawned.expect("a machine that runs us can run one more thread");
            }
        });
        finished.into_inner().expect("no job panics while it is stored")
    }

    /// What came of a drill, and the words for it.
    fn told(&self, job: &Job, timeline: &[Entry]) -> (Outcome, String) {
        if self.arguments.dry_run {
            let words = dry_run::words(&job.plan, &job.name, timeline);
            return (judge::readiness(timeline), words);
        }
        let told = report::tree::Drill::new(&job.plan, timeline);
        (told.outcome, report::console::drill(&told, &job.name))
    }

    /// Ends a dry run: the words of each drill beside its timeline, and no report.
    fn end_dry(&self, names: &[String], done: &[(Plan, Vec<Entry>)], left_out: usize) -> Exit {
        let mut worst = Outcome::Passed;
        let mut written = Ok(());
        for (name, (plan, timeline)) in names.iter().zip(done) {
            worst = worst.max(judge::readiness(timeline));
            let file = self.folder.join(name).join(dry_run::FILE);
            written = written.and(fs::write(file, dry_run::words(plan, name, timeline)));
        }
        if left_out > 0 {
            say(&format!("{left_out} of {} drills were not looked at", self.jobs.len()));
            worst = worst.max(Outcome::Inconclusive);
        }
        match written {
            Ok(()) => say(&format!("dry run: {}", self.folder.display())),
            Err(error) => say(&format!("error: {}: {error}", self.folder.display())),
        }
        Exit::from(worst)
    }

    fn conduct(&self) -> Conduct {
        // An emulated account is this drill's own: there is nobody to keep out.
        let lock = self.accounts.is_some() && !self.arguments.no_lock;
        let RunArgs { dry_run, no_safety_lever, .. } = *self.arguments;
        Conduct { lock, dry_run, no_safety_lever }
    }

    fn run_job(&self, job: &Job, interrupts: &Interrupts, live: &Live) -> Vec<Entry> {
        let stop = StopSwitch::default();
        let changes = Changes::default();
        let _registered = interrupts.register(&stop, &job.name, &changes);
        let sink = match self.sink(job, live, changes) {
            Ok(sink) => sink,
            Err(error) => {
                // Without a record nothing may be injected: the drill ends before it begins.
                stop.press(
                    StopReason::Guardrail,
                    format!("the timeline can't be written: {error}"),
                );
                Box::new(move |_: &Entry| Err(io::Error::other(error.to_string())))
            }
        };
        let finished = match (&self.accounts, &job.stage) {
            (Some(accounts), _) => accounts.drill(self.conduct(), &job.plan, &stop, sink),
            (None, Some(stage)) => {
                let accounts = copy(stage, &job.targets, job.seed);
                let conduct = self.conduct();
                drill::rehearse_as(conduct, &job.plan, accounts, &stop, sink, |all| all, |_| ()).0
            }
            (None, None) => unreachable!("a drill without a real account has an emulated one"),
        };
        if let Some(failure) = finished.failure {
            live.line(&format!("{}: the timeline can't be written: {failure}", job.name));
        }
        finished.timeline
    }

    /// Where a drill's entries go: its file, standard output if asked for, and the live view.
    fn sink(&self, job: &Job, live: &Live, changes: Changes) -> io::Result<Sink> {
        let folder = self.folder.join(&job.name);
        fs::create_dir_all(&folder)?;
        write_json(&folder.join(PLAN_FILE), &job.plan).map_err(io::Error::other)?;
        let mut file = super::output::TimelineFile::create(
            &folder.join(TIMELINE_FILE),
            self.accounts.is_some(),
        )?;
        let record = folder.join(TIMELINE_FILE);
        let mut stream = (self.arguments.format == Format::Json).then(|| job.name.clone());
        let mut view = live.drill(&job.name);
        Ok(Box::new(move |entry: &Entry| {
            changes.note(entry);
            file.append(entry)?;
            if let Some(name) = &stream {
                match super::output::stream(name, entry) {
                    // The reader has seen enough; the record itself is the file.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => stream = None,
                    Err(error) => {
                        say(&format!(
                            "{name}: standard output can't be written: {error}\n  the drill goes on; \
                             its record is {}",
                            record.display()
                        ));
                        stream = None;
                    }
                    Ok(()) => {}
                }
            }
            view.show(entry);
            Ok(())
        }))
    }

    fn write(&self, report: &Report) -> Result<(), ReportError> {
        write_json(&self.folder.join(RUN_FILE), &report.run)?;
        write(&self.folder, report)?;
        Ok(())
    }
}

fn is_selected(arguments: &RunArgs, one: &Prepared) -> bool {
    let name = &one.scenario.name;
    let named = arguments.filter.is_empty()
        || arguments.filter.iter().any(|text| name.contains(text.as_str()));
    let tagged =
        arguments.tag.is_empty() || arguments.tag.iter().any(|tag| one.scenario.tags.contains(tag));
    named && tagged
}

/// Plans every drill of the run. The run id of each goes into its scenario, so it is loaded again.
fn plan_jobs(
    arguments: &RunArgs,
    (run, nonce): (&str, Nonce),
    prepared: &[Prepared],
    values: Values,
) -> Result<Vec<Job>, Refusal> {
    let mut jobs = Vec::new();
    let mut values = values;
    for repeat in 0..arguments.repeat.get() {
        for one in prepared {
            let name = match arguments.repeat.get() {
                1 => one.scenario.name.clone(),
                _ => format!("{}-{}", one.scenario.name, repeat + 1),
            };
            values.run_id = nonce.drill_id(run, &name, arguments.seed);
            let loaded = scenario::load(&one.file, &one.bytes, &values);
            let scenario = loaded.scenario.as_ref().unwrap_or(&one.scenario);
            let plan = Plan::new(scenario, &one.file, &values.run_id).map_err(|error| {
                Refusal(format!("{}: the scenario can't be planned: {error}", one.file))
            })?;
            let seed = arguments.seed.wrapping_add(repeat as u64);
            if jobs.iter().any(|job: &Job| job.name == name) {
                let words = format!("{}: another scenario is called `{name}` too", one.file);
                return Err(Refusal(words));
            }
            let (stage, targets) = (one.stage.clone(), one.targets.clone());
            jobs.push(Job { name, plan, stage, targets, seed });
        }
    }
    Ok(jobs)
}

/// A copy of the accounts for one drill, with chance of its own.
fn copy(home: &Stage, targets: &IndexMap<String, Arc<Stage>>, seed: u64) -> Estate {
    let others = targets.values().map(|stage| stage.account.clone()).collect();
    let mut copy = Estate::new(home.account.clone(), others);
    copy.reseed(seed);
    copy
}

/// The time of day, and a number where a run of this very second has taken it.
fn free_name(reports: &Path, clock: &Clock) -> String {
    let time = clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let numbered = (2..100).map(|number| format!("{time}-{number}"));
    let mut names = std::iter::once(time.clone()).chain(numbered);
    names.find(|name| !reports.join(name).exists()).unwrap_or(time)
}

/// Makes the run's folder, before anything is injected; an earlier run's is not written over.
fn make_folder(reports: &Path, id: &str) -> Result<PathBuf, Refusal> {
    let folder = reports.join(id);
    let refuse = |error: io::Error| {
        Refusal(format!(
            "the report folder {} can't be made: {error}\n  \
             nothing was touched; give another one with --reports or --run-id",
            folder.display()
        ))
    };
    fs::create_dir_all(reports).map_err(refuse)?;
    fs::create_dir(&folder).map_err(refuse)?;
    Ok(folder)
}

fn versions() -> IndexMap<String, String> {
    let versions = [("firedrill", env!("CARGO_PKG_VERSION")), ("scenario language", "1")];
    versions.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}
