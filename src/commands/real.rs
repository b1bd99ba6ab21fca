//! Real accounts and AWS-compatible endpoints: connect, and refuse what the guardrails do not name.
//!
//! Main functions: [`connect`], [`mod@confirm`] and [`Accounts::drill`]. Invariants: no drill runs on an account
//! or in a region that its scenario's guardrails do not name, as the caller identity itself shows them, at
//! each of its targets; all drills of a run share the clients and the runtime.

mod confirm;
pub(in crate::commands) mod reach;

use aws_types::SdkConfig;
use tokio::runtime::Runtime;

use self::reach::{Reach, Secret, configuration};
use super::drill::{self, Finished, MOMENT};
use super::output::say;
use super::run::{Refusal, RunArgs, TargetArg};
use crate::aws::endpoints::is_aws;
use crate::aws::{Aws, Identity, RuleFound};
use crate::context::{Place, Places};
use crate::plan::{Plan, PlannedTarget};
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

    /// Do not ask: `run` really injects on the account that the credentials belong to. The other verbs do not
    /// ask anyway.
    #[arg(long, help_heading = "Target")]
    pub yes: bool,
}

impl RealArgs {
    /// Whether these arguments and this target mean the emulated account.
    ///
    /// # Errors
    /// They mean both: whoever named a profile and forgot the target must not take a rehearsal for a drill.
    pub(super) fn is_emulated(&self, target: Option<TargetArg>) -> Result<bool, Refusal> {
        let stray = [
            ("--profile", self.profile.is_some()),
            ("--region", self.region.is_some()),
            ("--role-arn", self.role_arn.is_some()),
        ];
        match (target, &self.endpoint_url) {
            (Some(TargetArg::Aws), _) | (None, Some(_)) => Ok(false),
            (Some(TargetArg::Emulator), Some(_)) => Err(Refusal(
                "--target emulator is the embedded account, and --endpoint-url names a server\n  \
                 leave one of them out; nothing was touched"
                    .to_owned(),
            )),
            (Some(TargetArg::Emulator) | None, None) => {
                match stray.iter().find(|(_, is_given)| *is_given) {
                    None => Ok(true),
                    Some((flag, _)) => Err(Refusal(format!(
                        "{flag} says how a real account is reached, and this would be a rehearsal on the \
                         embedded account\n  add --target aws (or --endpoint-url URL), or leave {flag} out; \
                         nothing was touched"
                    ))),
                }
            }
        }
    }

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

/// A real account and region that is reached: the clients, which all who use it share.
#[derive(Debug)]
pub(super) struct Account {
    config: SdkConfig,
    aws: Aws,
    target: Target,
    partition: String,
    /// Who we are there.
    caller: String,
}

/// Everything that a run reaches. Connections live in the runtime that they were made in, so there is one for
/// the whole run.
#[derive(Debug)]
pub(super) struct Accounts {
    runtime: Runtime,
    home: Account,
    /// The plans' other targets, each as its plan has it.
    others: Vec<(PlannedTarget, Account)>,
}

/// Connects to every place of these plans, asks who we are there, and holds the guardrails of each plan
/// against it.
pub(super) fn connect(real: &RealArgs, plans: &[&Plan]) -> Result<Accounts, Refusal> {
    let runtime = runtime()?;
    let config = runtime.block_on(configuration(&real.reach()))?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    // Regions are known without a call, and one that nobody named may not even be there to answer.
    for plan in plans {
        if !plan.guardrails.regions.contains(&region) {
            let what = format!("this run would be in the region {region}");
            return Err(outside(plan, &what, (None, &region)));
        }
        for (name, target) in &plan.targets {
            may_be_there(plan, name, target)?;
        }
    }
    let home = runtime.block_on(identify(real, config, region))?;
    for plan in plans {
        let Target { account, region, .. } = &home.target;
        if !plan.guardrails.accounts.contains(account) {
            let what = format!("these credentials belong to account {account} in {region}");
            return Err(outside(plan, &what, (Some(account), region)));
        }
    }
    let mut others: Vec<(PlannedTarget, Account)> = Vec::new();
    for plan in plans {
        for (name, target) in &plan.targets {
            if others.iter().any(|(known, _)| known == target) {
                continue;
            }
            let reached =
                runtime.block_on(reach(real, &home, target)).map_err(|Refusal(words)| {
                    Refusal(format!("{}: target `{name}`: {words}", plan.scenario.file))
                })?;
            others.push((target.clone(), reached));
        }
    }
    Ok(Accounts { runtime, home, others })
}

/// Refuses to take the word of the command line for what AWS has: its servers have the safety lever of FIS.
pub(super) fn is_no_aws(real: &RealArgs) -> Result<(), Refusal> {
    let url = real.endpoint_url.as_deref().unwrap_or_default();
    if reach::is_of_aws(url) {
        return Err(Refusal(format!(
            "{url} is AWS itself, which has the safety lever of FIS\n  \
             leave --no-safety-lever out; nothing was touched"
        )));
    }
    Ok(())
}

/// Holds a plan's guardrails against a target, as far as its words go.
fn may_be_there(plan: &Plan, name: &str, target: &PlannedTarget) -> Result<(), Refusal> {
    let PlannedTarget { account, region, .. } = target;
    let guardrails = &plan.guardrails;
    if guardrails.accounts.contains(account) && guardrails.regions.contains(region) {
        return Ok(());
    }
    let what = format!("the target `{name}` is account {account} in {region}");
    Err(outside(plan, &what, (Some(account), region)))
}

/// Connects to another target and asks who we are there; refuses any other account than it names.
async fn reach(
    real: &RealArgs,
    home: &Account,
    target: &PlannedTarget,
) -> Result<Account, Refusal> {
    let PlannedTarget { account, region, .. } = target;
    if *account == home.target.account && *region == home.target.region {
        return Err(Refusal(format!(
            "account {account} in {region} is where this run is at home\n  \
             leave the target out, or use other credentials or another --region; nothing was touched"
        )));
    }
    let config = reach::elsewhere(&home.config, target, real.endpoint_url.as_ref()).await?;
    let with = match (&target.role, &target.profile) {
        (_, Some(profile)) => format!(" with the profile `{profile}`"),
        (Some(role), None) => format!(" as {role}"),
        (None, None) => String::new(),
    };
    let reached = look_in(config, region.clone(), &with).await?;
    if reached.target.account != *account {
        return Err(Refusal(format!(
            "the scenario names account {account}, and the caller there is {}\n  \
             check the target's `account`, and its `role` or `profile`; nothing was touched",
            reached.caller
        )));
    }
    Ok(reached)
}

/// Connects and asks who we are, to take changes back: what was changed was inside the guardrails.
pub(super) fn reconnect(real: &RealArgs) -> Result<Accounts, Refusal> {
    let runtime = runtime()?;
    let config = runtime.block_on(configuration(&real.reach()))?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let home = runtime.block_on(identify(real, config, region))?;
    Ok(Accounts { runtime, home, others: Vec::new() })
}

/// Refuses a place that the guardrails do not name: its account, where that is known, and its region.
fn outside(plan: &Plan, what: &str, (account, region): (Option<&String>, &str)) -> Refusal {
    if plan.guardrails.accounts.is_empty() && plan.guardrails.regions.is_empty() {
        return Refusal(unguarded(plan, what, account, region));
    }
    let named = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let guardrails = &plan.guardrails;
    Refusal(format!(
        "{}: {what}, which the scenario's guardrails do not name\n  \
         they name the accounts {} and the regions {}: check --profile, --role-arn and --region, or \
         add what is missing under `guardrails: {{accounts: […], regions: […]}}` if a drill there is \
         meant; nothing was touched",
        plan.scenario.file,
        named(&guardrails.accounts),
        named(&guardrails.regions),
    ))
}

/// The refusal of a scenario that names no place at all, with the lines to add.
fn unguarded(plan: &Plan, what: &str, account: Option<&String>, region: &str) -> String {
    let (account, how) = match account {
        Some(account) => (account.as_str(), ""),
        None => ("YOUR ACCOUNT", "; `aws sts get-caller-identity` shows the account"),
    };
    format!(
        "{}: {what}, and the scenario has no `guardrails:` that name accounts and regions: without them only a \
         rehearsal runs\n  if a drill there is meant, add{how}:\n    guardrails:\n      accounts: \
         [\"{account}\"]\n      regions: [{region}]\n  nothing was touched",
        plan.scenario.file
    )
}

pub(super) fn runtime() -> Result<Runtime, Refusal> {
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

/// Looks at every place of a plan, however it is reached. Nothing is changed, so nobody is asked; who we are
/// is not known yet.
pub(super) fn visit<T>(
    real: &RealArgs,
    plan: &Plan,
    look: impl AsyncFnOnce(Places) -> T,
) -> Result<T, Refusal> {
    runtime()?.block_on(async {
        let config = configuration(&real.reach()).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let aws = Aws::new(&config);
        // Only ARNs need the account; a caller that can't be identified is what the look tells first.
        let identity = aws.identity().await.ok();
        let account = identity.as_ref().map(|one| one.account.clone()).unwrap_or_default();
        let partition = identity.as_ref().map_or("aws", partition_of).to_owned();
        let kind = kind(&config);
        let target = Target { account, region, kind };
        let home = Place { name: None, aws, target, partition: partition.clone() };
        let mut others = Vec::new();
        for (name, target) in &plan.targets {
            let config = reach::elsewhere(&config, target, real.endpoint_url.as_ref()).await?;
            let PlannedTarget { account, region, .. } = target.clone();
            others.push(Place {
                name: Some(name.clone()),
                aws: Aws::new(&config),
                target: Target { account, region, kind },
                partition: partition.clone(),
            });
        }
        Ok(look(Places::new(home, others)).await)
    })
}

/// What answers there: whoever names an endpoint, be it in the environment, means another server than AWS's.
fn kind(config: &SdkConfig) -> TargetKind {
    if is_aws(config) { TargetKind::Aws } else { TargetKind::Endpoint }
}

fn partition_of(identity: &Identity) -> &str {
    identity.arn.split(':').nth(1).unwrap_or("aws")
}

async fn identify(real: &RealArgs, config: SdkConfig, region: String) -> Result<Account, Refusal> {
    let profile = real.profile.as_ref();
    let with = profile.map(|name| format!(" with the profile `{name}`")).unwrap_or_default();
    look_in(config, region, &with).await
}

/// Asks who we are.
async fn look_in(config: SdkConfig, region: String, with: &str) -> Result<Account, Refusal> {
    let aws = Aws::new(&config).gathering_for(MOMENT);
    let identity = aws.identity().await.map_err(|error| {
        Refusal(format!(
            "the caller identity can't be read{with}: {error}\n  {}; nothing was touched",
            error.hint()
        ))
    })?;
    let partition = partition_of(&identity).to_owned();
    let target = Target { account: identity.account, region, kind: kind(&config) };
    Ok(Account { config, aws, target, partition, caller: identity.arn })
}

impl Account {
    /// This account as a place, by its target's name; nothing for the home target.
    fn place(&self, name: Option<String>) -> Place {
        Place {
            name,
            aws: self.aws.clone(),
            target: self.target.clone(),
            partition: self.partition.clone(),
        }
    }
}

impl Accounts {
    /// Where the run is at home.
    pub(super) fn target(&self) -> Target {
        self.home.target.clone()
    }

    /// The runtime that everything here is called on.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The home account as a place.
    pub(super) fn home(&self) -> Place {
        self.home.place(None)
    }

    /// Connects to another target of a drill that is to be taken back.
    pub(super) fn reach(
        &self,
        real: &RealArgs,
        name: &str,
        target: &PlannedTarget,
    ) -> Result<Place, Refusal> {
        let reached = self.runtime.block_on(reach(real, &self.home, target))?;
        Ok(reached.place(Some(name.to_owned())))
    }

    /// The account of a plan's target.
    fn of(&self, target: &PlannedTarget) -> Option<&Account> {
        self.others.iter().find(|(known, _)| known == target).map(|(_, account)| account)
    }

    /// The places of a plan. A target that was not connected to is none, and the drill's own preflight says so.
    fn places(&self, plan: &Plan) -> Places {
        let place = |(name, target)| Some(self.of(target)?.place(Some(String::clone(name))));
        Places::new(self.home(), plan.targets.iter().filter_map(place).collect())
    }

    /// Runs one drill here, in real time.
    pub(super) fn drill(
        &self,
        conduct: Conduct,
        plan: &Plan,
        stop: &StopSwitch,
        sink: Sink,
    ) -> Finished {
        let places = self.places(plan);
        self.runtime.block_on(drill::perform(conduct, plan, &places, stop, sink))
    }
}
