//! Real accounts and AWS-compatible endpoints: connect, and refuse what the guardrails do not name.
//!
//! Main functions: [`connect`] and [`Account::drill`]. Invariant: no drill runs on an account or in a
//! region that its scenario's guardrails do not name, as the caller identity itself shows them.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::drill::{self, Finished};
use super::prepare::Prepared;
use super::run::{Refusal, RunArgs, TargetArg};
use crate::aws::{Aws, RuleFound};
use crate::plan::Plan;
use crate::recorder::Sink;
use crate::runner::StopSwitch;
use crate::timeline::{Target, TargetKind};

/// No call may take longer than this, retries included.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How to reach a real account.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RealArgs {
    /// The URL of an AWS-compatible server; implies a real-time drill against it.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub endpoint_url: Option<String>,

    /// The profile of the AWS configuration files.
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub profile: Option<String>,

    /// The region; default: that of the profile or of AWS_REGION.
    #[arg(long, value_name = "REGION", help_heading = "Target")]
    pub region: Option<String>,

    /// Really inject on the account that the credentials belong to.
    #[arg(long, help_heading = "Target")]
    pub yes: bool,
}

/// Whether these arguments mean the emulated account.
pub(super) fn is_emulated(arguments: &RunArgs) -> bool {
    arguments.target == TargetArg::Emulator && arguments.real.endpoint_url.is_none()
}

/// A real account that every selected scenario may be drilled on.
#[derive(Debug)]
pub(super) struct Account {
    config: SdkConfig,
    target: Target,
    partition: String,
}

/// Connects, asks who we are, and holds every scenario's guardrails against it.
pub(super) fn connect(arguments: &RunArgs, scenarios: &[Prepared]) -> Result<Account, Refusal> {
    let account = runtime()?.block_on(identify(arguments))?;
    for one in scenarios {
        let guardrails = &one.scenario.guardrails;
        let Target { account, region, .. } = &account.target;
        if !guardrails.accounts.contains(account) || !guardrails.regions.contains(region) {
            return Err(Refusal(format!(
                "{}: these credentials belong to account {account} in {region}, which the scenario's \
                 guardrails do not name\n  add them under `guardrails: {{accounts: […], regions: […]}}` \
                 if a drill there is meant; nothing was touched",
                one.file
            )));
        }
    }
    if !arguments.real.yes {
        let Target { account, region, .. } = &account.target;
        return Err(Refusal(format!(
            "this would inject faults into account {account} in {region}: add --yes if that is meant\n  \
             `firedrill plan` shows what each scenario would do; nothing was touched"
        )));
    }
    Ok(account)
}

fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal(format!("no runtime for network calls: {error}")))
}

/// Reads one rule. Nothing is changed, so no guardrail is asked and nobody's identity is.
pub(super) fn rule(reach: &RealArgs, bus: &str, name: &str) -> Result<RuleFound, Refusal> {
    runtime()?.block_on(async {
        let (config, region) = configure(reach).await?;
        Aws::new(&config).rule(bus, name).await.map_err(|error| {
            Refusal(format!(
                "rule `{name}` on bus `{bus}` in {region} can't be read: {error}\n  {}",
                error.hint()
            ))
        })
    })
}

/// The configuration of the standard chain, and its region.
async fn configure(real: &RealArgs) -> Result<(SdkConfig, String), Refusal> {
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .sleep_impl(TokioSleep::new())
        .timeout_config(timeouts);
    if let Some(region) = &real.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &real.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &real.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        let words = "no region is configured\n  give one with --region or AWS_REGION";
        return Err(Refusal(words.to_owned()));
    };
    Ok((config, region))
}

async fn identify(arguments: &RunArgs) -> Result<Account, Refusal> {
    let real = &arguments.real;
    let (config, region) = configure(real).await?;
    let identity = Aws::new(&config).identity().await.map_err(|error| {
        Refusal(format!(
            "the caller identity can't be read: {error}\n  {}; nothing was touched",
            error.hint()
        ))
    })?;
    let partition = identity.arn.split(':').nth(1).unwrap_or("aws").to_owned();
    let kind = if real.endpoint_url.is_some() { TargetKind::Endpoint } else { TargetKind::Aws };
    Ok(Account { config, target: Target { account: identity.account, region, kind }, partition })
}

impl Account {
    /// Where this is.
    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }

    /// Runs one drill here, in real time.
    pub(super) fn drill(&self, plan: &Plan, stop: &StopSwitch, sink: Sink) -> Finished {
        match runtime() {
            Ok(runtime) => runtime.block_on(drill::perform(
                plan,
                &self.config,
                self.target.clone(),
                self.partition.clone(),
                stop,
                sink,
            )),
            Err(Refusal(words)) => {
                Finished { timeline: Vec::new(), calls: None, failure: Some(words) }
            }
        }
    }
}
