//! Real accounts and AWS-compatible endpoints: connect, and refuse what the guardrails do not name.
//!
//! Main functions: [`connect`], [`mod@confirm`] and [`Account::drill`]. Invariant: no drill runs on an account or in a
//! region that its scenario's guardrails do not name, as the caller identity itself shows them.

mod confirm;
pub(in crate::commands) mod reach;

use aws_types::SdkConfig;

use self::reach::{Reach, Secret, configuration};
use super::drill::{self, Finished};
use super::output::say;
use super::prepare::Prepared;
use super::run::{Refusal, RunArgs, TargetArg};
use crate::aws::{Aws, RuleFound};
use crate::context::Place;
use crate::plan::Plan;
use crate::recorder::Sink;
use crate::runner::{Conduct, StopSwitch};
use crate::timeline::{Target, TargetKind};

pub(super) use confirm::confirm;

/// How to reach a real account.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RealArgs {
    /// The URL of an AWS-compatible server; implies a real-time drill against it.
    #[arg(long, value_name = "URL", value_parser = reach::endpoint_url, help_heading = "Target")]
    pub endpoint_url: Option<String>,

    /// The profile of the AWS configuration files; it goes before credentials in the environment.
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub profile: Option<String>,

    /// The region; default: that of AWS_REGION or of the profile.
    #[arg(long, value_name = "REGION", help_heading = "Target")]
    pub region: Option<String>,

    /// The role to assume with these credentials; everything is then done as that role.
    #[arg(long, value_name = "ARN", value_parser = reach::role_arn, help_heading = "Target")]
    pub role_arn: Option<String>,

    /// The external id that the role's trust policy asks for.
    #[arg(long, value_name = "ID", requires = "role_arn", help_heading = "Target")]
    pub external_id: Option<Secret>,

    /// Do not ask: really inject on the account that the credentials belong to.
    #[arg(long, help_heading = "Target")]
    pub yes: bool,
}

impl RealArgs {
    /// How the account is reached.
    pub(super) fn reach(&self) -> Reach {
        Reach {
            profile: self.profile.clone(),
            region: self.region.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }
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
    /// Who we are there.
    caller: String,
}

/// Connects, asks who we are, and holds every scenario's guardrails against it.
pub(super) fn connect(arguments: &RunArgs, scenarios: &[Prepared]) -> Result<Account, Refusal> {
    if let Some(one) = scenarios.iter().find(|one| !one.scenario.targets.is_empty()) {
        return Err(Refusal(format!(
            "{}: a scenario with `targets` is only rehearsed\n  \
             leave --target aws and --endpoint-url out, or leave the scenario out with --filter",
            one.file
        )));
    }
    let runtime = runtime()?;
    let config = runtime.block_on(configuration(&arguments.real.reach()))?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    // The region is known without a call, and one that nobody named may not even be there to answer.
    for one in scenarios {
        if !one.scenario.guardrails.regions.contains(&region) {
            return Err(outside(one, &format!("this run would be in the region {region}")));
        }
    }
    let account = runtime.block_on(identify(&arguments.real, config, region))?;
    for one in scenarios {
        let Target { account, region, .. } = &account.target;
        if !one.scenario.guardrails.accounts.contains(account) {
            let what = format!("these credentials belong to account {account} in {region}");
            return Err(outside(one, &what));
        }
    }
    Ok(account)
}

/// Connects and asks who we are, to take changes back: what was changed was inside the guardrails.
pub(super) fn reconnect(real: &RealArgs) -> Result<Account, Refusal> {
    let runtime = runtime()?;
    let config = runtime.block_on(configuration(&real.reach()))?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    runtime.block_on(identify(real, config, region))
}

fn outside(one: &Prepared, what: &str) -> Refusal {
    let named = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let guardrails = &one.scenario.guardrails;
    Refusal(format!(
        "{}: {what}, which the scenario's guardrails do not name\n  \
         they name the accounts {} and the regions {}: check --profile, --role-arn and --region, or \
         add what is missing under `guardrails: {{accounts: […], regions: […]}}` if a drill there is \
         meant; nothing was touched",
        one.file,
        named(&guardrails.accounts),
        named(&guardrails.regions),
    ))
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal(format!("no runtime for network calls: {error}")))
}

/// Reads one rule. Nothing is changed, so no guardrail is asked and nobody's identity is.
pub(super) fn rule(reach: &RealArgs, bus: &str, name: &str) -> Result<RuleFound, Refusal> {
    runtime()?.block_on(async {
        let config = configuration(&reach.reach()).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Aws::new(&config).rule(bus, name).await.map_err(|error| {
            Refusal(format!(
                "rule `{name}` on bus `{bus}` in {region} can't be read: {error}\n  {}",
                error.hint()
            ))
        })
    })
}

/// Looks at an account, however it is reached. Nothing is changed, so nobody is asked.
pub(super) fn visit<T>(
    real: &RealArgs,
    look: impl AsyncFnOnce(SdkConfig, TargetKind) -> T,
) -> Result<T, Refusal> {
    let kind = if real.endpoint_url.is_some() { TargetKind::Endpoint } else { TargetKind::Aws };
    runtime()?.block_on(async {
        let config = configuration(&real.reach()).await?;
        Ok(look(config, kind).await)
    })
}

async fn identify(real: &RealArgs, config: SdkConfig, region: String) -> Result<Account, Refusal> {
    let profile = real.profile.as_ref();
    let with = profile.map(|name| format!(" with the profile `{name}`")).unwrap_or_default();
    let identity = Aws::new(&config).identity().await.map_err(|error| {
        Refusal(format!(
            "the caller identity can't be read{with}: {error}\n  {}; nothing was touched",
            error.hint()
        ))
    })?;
    let partition = identity.arn.split(':').nth(1).unwrap_or("aws").to_owned();
    let endpoint = real.endpoint_url.is_some();
    let kind = if endpoint { TargetKind::Endpoint } else { TargetKind::Aws };
    let target = Target { account: identity.account, region, kind };
    Ok(Account { config, target, partition, caller: identity.arn })
}

impl Account {
    /// Where this is.
    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }

    /// This account as a place, by its target's name; nothing for the home target.
    pub(super) fn place(&self, name: Option<String>) -> Place {
        Place {
            name,
            aws: Aws::new(&self.config),
            target: self.target.clone(),
            partition: self.partition.clone(),
        }
    }

    /// Runs one drill here, in real time.
    pub(super) fn drill(
        &self,
        conduct: Conduct,
        plan: &Plan,
        stop: &StopSwitch,
        sink: Sink,
    ) -> Finished {
        match runtime() {
            Ok(runtime) => runtime.block_on(drill::perform(
                conduct,
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
