//! `firedrill emulate`: the emulated account as an endpoint of this machine.
//!
//! Main function: [`run`]. Invariants: it listens on loopback only; the line on standard output is printed
//! when requests are answered, and not before.

use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::interrupt::Signals;
use super::output::say;
use super::prepare::Workshop;
use crate::cli::Exit;
use crate::clock::Clock;
use crate::diagnostic::Severity;
use crate::emulator::served::Server;
use crate::emulator::transport::Emulator;
use crate::emulator::{Account, Estate, Identity};

/// Serves an emulated account over HTTP on this machine.
///
/// Any AWS client can talk to it: point AWS_ENDPOINT_URL at it and give it any credentials. The line that
/// it prints does both. What it supports is what a rehearsal's account supports
/// (`firedrill emulator --coverage`); anything else is refused by name. It listens on 127.0.0.1 alone, and
/// Ctrl-C ends it; everything in it is gone then.
///
/// `firedrill run --endpoint-url URL --yes` drills on it the way it drills on a real account, in real time.
///
/// With --speed N, N seconds pass in the account for each of ours, so that alarms and runbooks need not be
/// waited for. Its clock then runs ahead of ours. A drill compares the two: what it waits for arrives early,
/// but a window in which something must not happen, or must last, only closes when our own clock gets
/// there, and a fault whose start only our clock knows (put_events, put_metric_data) seems to be long over
/// when its effect comes. So use --speed to try things out and for tests that crash a drill; a verdict on
/// deadlines is only worth something at speed 1.
///
/// `GET URL/_firedrill/account` is no part of AWS: it shows, as JSON, the account's time, the states of its
/// alarms, and all that a drill could leave behind in it.
#[derive(Debug, Clone, clap::Args)]
pub struct EmulateArgs {
    /// The environment file: what stands in the account. Without one it is empty, account 111122223333 in
    /// eu-west-1. Further ones are further accounts or regions, side by side: any credentials are the first
    /// one's, those of an assumed role belong to the role's account, as on AWS.
    #[arg(value_name = "ENVIRONMENT")]
    pub environments: Vec<PathBuf>,

    /// The port; 0 lets the system choose one.
    #[arg(long, value_name = "PORT", default_value_t = 4566)]
    pub port: u16,

    /// How many of the account's seconds pass in one of ours, from 1 to 3600.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub speed: u32,

    /// The seed of everything that is left to chance in the account.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Runs the verb.
pub fn run(arguments: &EmulateArgs) -> Exit {
    let clock = Clock::system();
    let speed = NonZeroU32::new(arguments.speed).unwrap_or(NonZeroU32::MIN);
    let Some(accounts) = accounts(arguments, &clock) else { return Exit::Usage };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime
        .and_then(|runtime| runtime.block_on(serve(arguments, accounts, clock.at_speed(speed))));
    match served {
        Ok(()) => Exit::Passed,
        Err(error) => {
            say(&format!(
                "error: port {} can't be served: {error}\n  give another one with --port, or 0 to \
                 let the system choose",
                arguments.port
            ));
            Exit::Usage
        }
    }
}

/// The accounts as they stand now; nothing when an environment is broken, which is then told.
fn accounts(arguments: &EmulateArgs, clock: &Clock) -> Option<Estate> {
    if arguments.environments.is_empty() {
        let identity = Identity {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        };
        return Some(Account::new(identity, clock.now(), arguments.seed).into());
    }
    let mut workshop = Workshop::new(arguments.seed).standing_at(clock.now());
    let mut stages = Vec::new();
    for path in &arguments.environments {
        stages.push(workshop.environment(path));
    }
    let told: String =
        workshop.told(Severity::Warning).map(|found| workshop.render(found)).collect();
    say(&told);
    let Some(stages) = stages.into_iter().collect::<Option<Vec<_>>>() else {
        say("nothing is served: mend the errors above first");
        return None;
    };
    let accounts: Vec<Account> = stages.iter().map(|stage| stage.account.clone()).collect();
    for (index, one) in accounts.iter().enumerate() {
        if accounts[..index].iter().any(|other| other.identity() == one.identity()) {
            let Identity { account, region, .. } = one.identity();
            say(&format!(
                "error: two environments are account {account} in {region}\n  give each an account or a \
                 region of its own"
            ));
            return None;
        }
    }
    let mut accounts = accounts.into_iter();
    let home = accounts.next()?;
    let mut estate = Estate::new(home, accounts.collect());
    if arguments.environments.len() > 1 {
        estate.reseed(arguments.seed);
    }
    Some(estate)
}

/// Serves until a signal comes.
async fn serve(arguments: &EmulateArgs, accounts: Estate, clock: Clock) -> io::Result<()> {
    let identity = accounts.home().identity().clone();
    let mut others = String::new();
    for one in accounts.accounts()[1..].iter().map(Account::identity) {
        others.extend([", with account ", &one.account, " in ", &one.region, " beside it"]);
    }
    let (emulator, _wakeups) = Emulator::new(accounts, clock);
    let server = Server::bind(emulator, arguments.port).await?;
    let url = format!("http://{}", server.address()?);
    let mut signals = Signals::arm()
        .ok_or_else(|| io::Error::other("interrupts can't be listened for on this machine"))?;
    let pace = match arguments.speed {
        1 => "in real time".to_owned(),
        speed => format!("at {speed} times the real speed"),
    };
    say(&format!(
        "account {} in {} is served at {url} {pace}{others}; Ctrl-C ends it",
        identity.account, identity.region
    ));
    announce(&url, &identity.region)?;
    tokio::select! {
        never = server.serve() => match never {},
        _signal = signals.next() => Ok(()),
    }
}

/// The line for a shell: where the account is, and credentials that it takes. Older clients read the
/// region from the second variable only.
fn announce(url: &str, region: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let line = format!(
        "export AWS_ENDPOINT_URL={url} AWS_REGION={region} AWS_DEFAULT_REGION={region} \
         AWS_ACCESS_KEY_ID=AKIAFIREDRILLEMULATE AWS_SECRET_ACCESS_KEY=emulated"
    );
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Whoever started it needs no line: it serves all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
