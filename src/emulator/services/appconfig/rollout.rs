//! The life of a deployment: it grows, bakes, and is complete, or an alarm takes it back.
//!
//! Main functions: [`begin`], [`polls`] and [`roll_back`]. Invariant: monitors count only while the
//! deployment grows or bakes. Sources:
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/monitoring-deployments.html> (an alarm in ALARM or
//! INSUFFICIENT_DATA takes it back),
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-deployment-strategy.html>.

use jiff::SignedDuration;
use serde_json::json;

use super::deployments::{Deployment, DeploymentState, LogEntry};
use super::things::{Growth, Strategy};
use super::{Due, Which};
use crate::emulator::account::Account;
use crate::emulator::facts::Fact;
use crate::emulator::policy::{self, Caller};
use crate::emulator::services::{Service, cloudwatch};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The service principal that assumes a monitor's role.
const PRINCIPAL: &str = "appconfig.amazonaws.com";

pub(super) fn deployment<'a>(account: &'a Account, which: &Which) -> Option<&'a Deployment> {
    let environment = account.services.appconfig.environments.get(&which.0)?;
    environment.deployments.iter().find(|one| one.number == which.1)
}

fn deployment_mut<'a>(account: &'a mut Account, which: &Which) -> Option<&'a mut Deployment> {
    let environment = account.services.appconfig.environments.get_mut(&which.0)?;
    environment.deployments.iter_mut().find(|one| one.number == which.1)
}

fn log(
    account: &mut Account,
    which: &Which,
    kind: &'static str,
    triggered_by: &'static str,
    description: String,
) {
    let at = account.now();
    if let Some(found) = deployment_mut(account, which) {
        found.log.push(LogEntry { kind, triggered_by, description, at });
    }
    account.touch(Topic::Deployments);
}

impl Strategy {
    /// The share after this many steps, in percent.
    fn share(&self, steps: u32) -> f64 {
        let share = match self.growth {
            Growth::Linear => self.factor * f64::from(steps),
            // `GrowthFactor * (2^N)` for the Nth step, counted from zero.
            Growth::Exponential => {
                self.factor * 2_f64.powi(i32::try_from(steps).unwrap_or(i32::MAX) - 1)
            }
        };
        share.min(100.0)
    }

    /// How many steps there are until all targets have the version; the time is divided evenly.
    fn steps(&self) -> u32 {
        // A factor is at least one percent, so a hundred steps are always enough.
        (1..=100).find(|steps| self.share(*steps) >= 100.0).unwrap_or(100)
    }

    fn interval(&self) -> SignedDuration {
        let all = SignedDuration::from_mins(i64::from(self.minutes));
        all / i32::try_from(self.steps()).unwrap_or(1)
    }
}

/// The deployment was started: its first share gets the version at once.
pub(super) fn begin(account: &mut Account, which: &Which) {
    log(account, which, "DEPLOYMENT_STARTED", "USER", "Deployment started".to_owned());
    begin_fact(account, which);
    let Some(found) = deployment(account, which) else { return };
    let grows_for = SignedDuration::from_mins(i64::from(found.strategy.minutes));
    grows(account, which);
    account.schedule_in(grows_for, Due::Bakes(which.clone()));
    polls(account, which);
}

/// While a version is deployed or serves, that is a fact.
fn begin_fact(account: &mut Account, which: &Which) {
    let Some(found) = deployment(account, which) else { return };
    let state = &account.services.appconfig;
    let name = |id: &String| state.applications.get(id).map(|one| one.name.clone());
    let application = name(&found.application).unwrap_or_default();
    let environment = state.environments.get(&which.0).map(|one| one.name.clone());
    let attributes = [
        ("application", application.as_str()),
        ("environment", environment.as_deref().unwrap_or_default()),
        ("profile", found.profile_name.as_str()),
        ("version", found.version.as_str()),
    ];
    let fact = account.facts.begin(Fact::new("configuration", attributes));
    if let Some(found) = deployment_mut(account, which) {
        found.fact = Some(fact);
    }
}

/// The next share of the targets gets the version.
pub(super) fn grows(account: &mut Account, which: &Which) {
    let Some(found) = deployment_mut(account, which) else { return };
    if found.state != DeploymentState::Deploying || found.percentage >= 100.0 {
        return;
    }
    found.steps += 1;
    found.percentage = found.strategy.share(found.steps);
    let (share, interval) = (found.percentage, found.strategy.interval());
    let text = format!("Configuration available to {share:.2}% of clients");
    log(account, which, "PERCENTAGE_UPDATED", "APPCONFIG", text);
    if share < 100.0 {
        account.schedule_in(interval, Due::Grows(which.clone()));
    }
}

/// The time to grow is over.
pub(super) fn bakes(account: &mut Account, which: &Which) {
    let Some(found) = deployment_mut(account, which) else { return };
    if found.state != DeploymentState::Deploying {
        return;
    }
    found.state = DeploymentState::Baking;
    let minutes = found.strategy.bake_minutes;
    let text = format!("Deployment bake time has started and lasts {minutes} minute(s)");
    log(account, which, "BAKE_TIME_STARTED", "APPCONFIG", text);
    let bake = SignedDuration::from_mins(i64::from(minutes));
    account.schedule_in(bake, Due::Completes(which.clone()));
}

/// The bake time is over, and no monitor had anything to say.
pub(super) fn completes(account: &mut Account, which: &Which) {
    let now = account.now();
    let Some(found) = deployment_mut(account, which) else { return };
    if found.state != DeploymentState::Baking {
        return;
    }
    found.state = DeploymentState::Complete;
    found.completed = Some(now);
    log(account, which, "DEPLOYMENT_COMPLETED", "APPCONFIG", "Deployment completed".to_owned());
    replaced(account, which);
}

/// What was deployed before serves no more.
fn replaced(account: &mut Account, which: &Which) {
    let Some(latest) = deployment(account, which) else { return };
    let profile = latest.profile.clone();
    let Some(environment) = account.services.appconfig.environments.get_mut(&which.0) else {
        return;
    };
    let earlier = environment
        .deployments
        .iter_mut()
        .filter(|one| one.number < which.1 && one.profile == profile)
        .filter_map(|one| one.fact.take());
    for fact in earlier.collect::<Vec<_>>() {
        account.facts.end(fact);
    }
}

/// Looks at the monitors, and again later.
pub(super) fn polls(account: &mut Account, which: &Which) {
    let goes_on = deployment(account, which).is_some_and(Deployment::goes_on);
    if !goes_on {
        return;
    }
    match alarming(account, which) {
        Some(alarm) => {
            let text = format!("Rollback initiated by CloudWatch alarm: {alarm}");
            roll_back(account, which, "CLOUDWATCH_ALARM", text);
        }
        None => {
            account.schedule_in(timing::CONFIGURATION_ALARM_POLL, Due::Polls(which.clone()));
        }
    }
}

/// The first monitor whose alarm takes the deployment back.
///
/// An alarm that can't be looked at (it is gone, or the role may not) takes nothing back: AWS documents no
/// other answer. Neither does one whose actions are disabled, as it documents.
fn alarming(account: &Account, which: &Which) -> Option<String> {
    let environment = account.services.appconfig.environments.get(&which.0)?;
    let bad = environment.monitors.iter().find(|monitor| {
        let name = monitor.alarm_arn.rsplit(':').next().unwrap_or_default();
        let input = json!({"AlarmNames": [name]});
        let caller = monitor
            .alarm_role_arn
            .as_ref()
            .map(|role| Caller::Role { arn: role.clone(), assumed_by: PRINCIPAL });
        let may_look = caller.is_none_or(|caller| {
            policy::authorize(account, &caller, Service::CloudWatch, "DescribeAlarms", &input)
                .is_ok()
        });
        let state = cloudwatch::alarm_state(account, name);
        may_look
            && cloudwatch::actions_enabled(account, name)
            && matches!(state, Some("ALARM" | "INSUFFICIENT_DATA"))
    });
    bad.map(|monitor| monitor.alarm_arn.clone())
}

/// Takes a deployment back.
pub(super) fn roll_back(
    account: &mut Account,
    which: &Which,
    triggered_by: &'static str,
    description: String,
) {
    let Some(found) = deployment_mut(account, which) else { return };
    found.state = DeploymentState::RollingBack;
    log(account, which, "ROLLBACK_STARTED", triggered_by, description);
    account.schedule_in(timing::CONFIGURATION_ROLLBACK, Due::IsBack(which.clone()));
}

/// All targets have the previous version again.
pub(super) fn is_back(account: &mut Account, which: &Which) {
    let now = account.now();
    let Some(found) = deployment_mut(account, which) else { return };
    found.state = DeploymentState::RolledBack;
    found.completed = Some(now);
    found.percentage = 0.0;
    let fact = found.fact.take();
    let started = found.log.iter().rev().find(|entry| entry.kind == "ROLLBACK_STARTED");
    let triggered_by = started.map_or("APPCONFIG", |entry| entry.triggered_by);
    if let Some(fact) = fact {
        account.facts.end(fact);
    }
    log(account, which, "ROLLBACK_COMPLETED", triggered_by, "Rollback completed".to_owned());
}
