//! Runs one planned drill on an account: the runtime, the clock, the clients and the recorder around the
//! runner.
//!
//! Main functions: [`rehearse`] (virtual time, the emulated account) and [`perform`] (real time, a real
//! account or endpoint). Both end in the same [`runner::run`]; only the account under the SDK and the
//! clock differ.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures_util::future::join_all;

use crate::aws::{Aws, CALL_TIMEOUT};
use crate::clock::Clock;
use crate::context::{Place, Places};
use crate::emulator::estate::{self, Estate};
use crate::emulator::transport::Emulator;
use crate::emulator::{Account, Identity};
use crate::plan::Plan;
use crate::recorder::{Recorder, Sink};
use crate::runner::{self, Conduct, Drill, StopSwitch};
use crate::timeline::{Entry, Target, TargetKind};
use crate::wakeup::Pace;

/// How long a real account may take until a new rule delivers ("allow a short period of time").
const SETTLE: Duration = Duration::from_secs(10);

/// Who asks a real account within this moment is served by one call.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

/// The name of our session where a role is assumed.
const SESSION_NAME: &str = "firedrill";

/// The stack of a thread that drills, in bytes. The SDK reads a finding of Security Hub in functions whose
/// frames are megabytes in a debug build: a resource's details alone are 31 KB, many times over.
pub const STACK: usize = 32 * 1024 * 1024;

/// A drill that is over.
#[derive(Debug)]
pub struct Finished {
    /// The timeline.
    pub timeline: Vec<Entry>,
    /// How many API calls the emulated account answered; nothing on a real one.
    pub calls: Option<u64>,
    /// Why the timeline could not be written whole, if it could not.
    pub failure: Option<String>,
}

/// A runtime whose clock jumps to the next moment that anybody waits for, when nobody has anything to do.
pub(super) fn virtual_time() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing that could be missing")
}

/// The SDK's configuration for an emulated account.
pub fn emulated_config(
    emulator: &(impl HttpClient + Clone + 'static),
    region: &str,
    clock: Clock,
) -> SdkConfig {
    let credentials = Credentials::from_keys("AKIAFIREDRILLEMULATE", "emulated", None);
    // Credentials are asked for anew when they expire, and not at a random moment before that: two
    // rehearsals are equal to the byte.
    let identities = IdentityCache::lazy().buffer_time(Duration::ZERO).build();
    SdkConfig::builder()
        .identity_cache(identities)
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(emulator.clone())
        .time_source(clock)
        .sleep_impl(TokioSleep::new())
        // Back-off without jitter: two rehearsals are equal to the byte.
        .retry_config(RetryConfig::standard().with_use_static_exponential_base(true))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// Drills on a copy of an emulated account, or of several side by side, in virtual time.
pub fn rehearse(
    plan: &Plan,
    accounts: impl Into<Estate>,
    stop: &StopSwitch,
    sink: Sink,
) -> Finished {
    rehearse_and(plan, accounts, stop, sink, |_| ()).0
}

/// Drills like [`rehearse`], through something that stands between the SDK and the account: a test that
/// denies, throttles or loses calls.
pub fn rehearse_through(
    plan: &Plan,
    accounts: impl Into<Estate>,
    stop: &StopSwitch,
    between: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
) -> (Finished, Account) {
    let sink: Sink = Box::new(|_| Ok(()));
    // What stands between may never answer, as a real network may.
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let (conduct, accounts) = (Conduct::default(), accounts.into());
    rehearse_on(conduct, plan, accounts, stop, sink, (between, timeouts), Emulator::account)
}

/// Drills like [`rehearse`], and looks at the emulated account as the drill left it.
///
/// # Panics
/// Never: a runtime without I/O needs nothing that could be missing.
pub fn rehearse_and<T>(
    plan: &Plan,
    accounts: impl Into<Estate>,
    stop: &StopSwitch,
    sink: Sink,
    look: impl FnOnce(&Emulator) -> T,
) -> (Finished, T) {
    rehearse_as(Conduct::default(), plan, accounts, stop, sink, |client| client, look)
}

/// Drills like [`rehearse_and`] and [`rehearse_through`], and goes about it as told: a dry run, or with the
/// lock that keeps other drills out of an account.
///
/// # Panics
/// Never: a runtime without I/O needs nothing that could be missing.
pub fn rehearse_as<T>(
    conduct: Conduct,
    plan: &Plan,
    accounts: impl Into<Estate>,
    stop: &StopSwitch,
    sink: Sink,
    between: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
    look: impl FnOnce(&Emulator) -> T,
) -> (Finished, T) {
    let between = (between, TimeoutConfig::disabled());
    rehearse_on(conduct, plan, accounts.into(), stop, sink, between, look)
}

fn rehearse_on<T>(
    conduct: Conduct,
    plan: &Plan,
    accounts: Estate,
    stop: &StopSwitch,
    sink: Sink,
    (between, timeouts): (impl FnOnce(SharedHttpClient) -> SharedHttpClient, TimeoutConfig),
    look: impl FnOnce(&Emulator) -> T,
) -> (Finished, T) {
    virtual_time().block_on(async {
        let clock = Clock::starting_at(accounts.now());
        let identities = accounts.identities();
        let (emulator, wakeups) = Emulator::new(accounts, clock);
        let client = between(SharedHttpClient::new(emulator.clone()));
        let config = |region: &str| {
            let config = emulated_config(&client, region, clock).into_builder();
            config.timeout_config(timeouts.clone()).build()
        };
        let places = emulated_places(plan, &identities, config).await;
        let recorder = Recorder::new(clock, sink);
        let (pace, urgency) = Pace::on_change(wakeups);
        let drill = Drill {
            plan,
            places: &places,
            recorder: &recorder,
            pace: &pace,
            urgency: &urgency,
            stop,
            settle: Duration::ZERO,
            conduct,
        };
        tokio::select! {
            biased;
            // On the heap: the state of a whole drill would make every future around it as large.
            () = Box::pin(runner::run(drill)) => {}
            () = emulator.live() => {}
        }
        let calls = Some(emulator.calls());
        let failure = recorder.failure();
        let looked = look(&emulator);
        (Finished { timeline: recorder.into_entries(), calls, failure }, looked)
    })
}

/// Drills side by side on one emulated account, at the cadence of a real one: nobody rings when something
/// changed, but who reads a drill's own queue. What it costs to watch a real account is measured with this.
///
/// # Panics
/// Never: a runtime without I/O needs nothing that could be missing.
pub fn rehearse_together(plans: &[Plan], account: Account) -> Vec<Finished> {
    virtual_time().block_on(async {
        let clock = Clock::starting_at(account.now());
        let identity = account.identity().clone();
        let (emulator, _rings) = Emulator::new(account, clock);
        let config = emulated_config(&emulator, &identity.region, clock);
        let target = Target {
            account: identity.account,
            region: identity.region,
            kind: TargetKind::Emulator,
        };
        let aws = Aws::new(&config).gathering_for(MOMENT);
        let home = Place { name: None, aws, target, partition: identity.partition };
        let places = Places::new(home, Vec::new());
        let drills = plans.iter().map(|plan| paced(Conduct::default(), plan, &places, clock));
        tokio::select! {
            biased;
            finished = join_all(drills) => finished,
            () = emulator.live() => unreachable!("the account lives on"),
        }
    })
}

/// Drills like [`rehearse_as`] in virtual time, but at the cadence of a real account, and with whatever a
/// real run makes to be woken.
///
/// # Panics
/// Never: a runtime without I/O needs nothing that could be missing.
pub fn rehearse_paced(
    conduct: Conduct,
    plan: &Plan,
    accounts: impl Into<Estate>,
    between: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
) -> (Finished, Account) {
    let accounts = accounts.into();
    virtual_time().block_on(async {
        let clock = Clock::starting_at(accounts.now());
        let identities = accounts.identities();
        let (emulator, _rings) = Emulator::new(accounts, clock);
        let client = between(SharedHttpClient::new(emulator.clone()));
        let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
        let config = |region: &str| {
            let config = emulated_config(&client, region, clock).into_builder();
            config.timeout_config(timeouts.clone()).build()
        };
        let places = emulated_places(plan, &identities, config).await;
        let finished = tokio::select! {
            biased;
            finished = paced(conduct, plan, &places, clock) => finished,
            () = emulator.live() => unreachable!("the account lives on"),
        };
        (finished, emulator.account())
    })
}

/// One drill at the cadence of a real account.
async fn paced(conduct: Conduct, plan: &Plan, places: &Places, clock: Clock) -> Finished {
    let recorder = Recorder::new(clock, Box::new(|_| Ok(())));
    let (pace, urgency) = Pace::paced();
    let drill = Drill {
        plan,
        places,
        recorder: &recorder,
        pace: &pace,
        urgency: &urgency,
        stop: &StopSwitch::default(),
        settle: SETTLE,
        conduct,
    };
    // On the heap, as in [`perform`].
    Box::pin(runner::run(drill)).await;
    let failure = recorder.failure();
    Finished { timeline: recorder.into_entries(), calls: None, failure }
}

/// The places of a rehearsal: the first account is home, and each target of the plan is the account that
/// it says, if that one is there. A role is assumed as on AWS; without one, the caller is the account's own
/// administrator. `config_in` makes the administrator's configuration for a region.
///
/// # Panics
/// There is no account at all.
pub async fn emulated_places(
    plan: &Plan,
    identities: &[Identity],
    config_in: impl Fn(&str) -> SdkConfig,
) -> Places {
    let place = |name: Option<&String>, identity: &Identity, config: &SdkConfig| Place {
        name: name.cloned(),
        aws: Aws::new(config),
        target: Target {
            account: identity.account.clone(),
            region: identity.region.clone(),
            kind: TargetKind::Emulator,
        },
        partition: identity.partition.clone(),
    };
    let (home, others) = identities.split_first().expect("an estate has its home account");
    let config = config_in(&home.region);
    let home = place(None, home, &config);
    let mut reached = Vec::new();
    for (name, target) in &plan.targets {
        let there = others.iter().find(|identity| {
            identity.account == target.account && identity.region == target.region
        });
        let Some(identity) = there else { continue };
        let provider = if let Some(role) = &target.role {
            let role = AssumeRoleProvider::builder(role).configure(&config);
            let role = match &target.external_id {
                Some(id) => role.external_id(id.expose()),
                None => role,
            };
            SharedCredentialsProvider::new(role.session_name(SESSION_NAME).build().await)
        } else {
            let key = estate::access_key(&target.account);
            SharedCredentialsProvider::new(Credentials::from_keys(key, "emulated", None))
        };
        let config = config_in(&identity.region);
        let config = config.into_builder().credentials_provider(provider).build();
        reached.push(place(Some(name), identity, &config));
    }
    Places::new(home, reached)
}

/// Drills on real accounts or an AWS-compatible endpoint, in real time. Drills that are given the same
/// clients share their budgets, what is known of AWS's clock, and the readers.
pub async fn perform(
    conduct: Conduct,
    plan: &Plan,
    places: &Places,
    stop: &StopSwitch,
    sink: Sink,
) -> Finished {
    let recorder = Recorder::new(Clock::system(), sink);
    let (pace, urgency) = Pace::paced();
    let drill = Drill {
        plan,
        places,
        recorder: &recorder,
        pace: &pace,
        urgency: &urgency,
        stop,
        settle: SETTLE,
        conduct,
    };
    // On the heap: the state of a whole drill would make every future around it as large.
    Box::pin(runner::run(drill)).await;
    let failure = recorder.failure();
    Finished { timeline: recorder.into_entries(), calls: None, failure }
}
