//! Deployments and rollbacks: exactly one service, and states that the service has.
//!
//! Main function: [`check`]. Invariant: what passes has a plan.

use super::Check;
use super::expectations::Placed;
use crate::scenario::rules::code;
use crate::scenario::suggest::{hint_for, list, one_of, shortened};
use crate::scenario::types::DeploymentExpectation;

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>; those that have a
/// time of their own.
const CODEDEPLOY: &[&str] = &["Created", "InProgress", "Succeeded", "Failed", "Stopped"];

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>.
const CLOUDFORMATION: &[&str] = &[
    "CREATE_IN_PROGRESS",
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "DELETE_IN_PROGRESS",
    "DELETE_COMPLETE",
    "DELETE_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
];

/// <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_GetDeployment.html>.
const APPCONFIG: &[&str] =
    &["DEPLOYING", "BAKING", "COMPLETE", "ROLLING_BACK", "ROLLED_BACK", "REVERTED"];

/// <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_DeploymentEvent.html>.
const TRIGGERS: &[&str] = &["CLOUDWATCH_ALARM", "USER", "APPCONFIG", "INTERNAL_ERROR"];

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>; those that have a
/// time of their own.
const ECS: &[&str] = &[
    "PENDING",
    "IN_PROGRESS",
    "SUCCESSFUL",
    "STOPPED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
];

pub(super) fn check(check: &mut Check<'_>, placed: &Placed<'_>) {
    let kinds = placed.kinds();
    if let Some(rollback) = kinds.rollback {
        let services = present([
            rollback.codedeploy.is_some(),
            rollback.cloudformation.is_some(),
            rollback.appconfig.is_some(),
            rollback.ecs.is_some(),
        ]);
        one_service(check, &format!("{}/rollback", placed.kinds_path()), "rollback", &services);
        let trigger = rollback.appconfig.as_ref().and_then(|one| one.triggered_by.as_deref());
        if let Some(trigger) = trigger.filter(|trigger| !TRIGGERS.contains(trigger)) {
            let message =
                format!("AppConfig says of nothing that `{}` triggered it", shortened(trigger));
            let hint = hint_for(trigger, TRIGGERS.iter().copied());
            let hint = hint.unwrap_or_else(|| format!("one of {}", list(TRIGGERS)));
            let path = format!("{}/rollback/appconfig/triggered_by", placed.kinds_path());
            check.error(code::UNKNOWN_STATE, &path, message, hint);
        }
    }
    if let Some(deployment) = kinds.deployment {
        let path = format!("{}/deployment", placed.kinds_path());
        let services = present([
            deployment.codedeploy.is_some(),
            deployment.cloudformation.is_some(),
            deployment.appconfig.is_some(),
            deployment.ecs.is_some(),
        ]);
        one_service(check, &path, "deployment", &services);
        state(check, &path, deployment);
    }
}

fn present(which: [bool; 4]) -> Vec<&'static str> {
    let named = crate::scenario::schema::DEPLOYERS.iter().zip(which);
    named.filter_map(|(name, present)| present.then_some(*name)).collect()
}

fn one_service(check: &mut Check<'_>, path: &str, thing: &str, services: &[&'static str]) {
    if services.is_empty() {
        let message = format!("the {thing} names no service");
        let hint = format!("add {}", one_of(crate::scenario::schema::DEPLOYERS));
        check.error(code::NOT_ONE_KIND, path, message, hint);
    } else if services.len() > 1 {
        let message = format!("the {thing} names {} services: {}", services.len(), list(services));
        let hint = "make them expectations of their own".to_owned();
        check.error_at_key(code::NOT_ONE_KIND, &format!("{path}/{}", services[1]), message, hint);
    }
}

fn state(check: &mut Check<'_>, path: &str, deployment: &DeploymentExpectation) {
    let Some(wanted) = deployment.state.as_deref() else { return };
    let (service, states) = if deployment.codedeploy.is_some() {
        ("CodeDeploy deployment", CODEDEPLOY)
    } else if deployment.cloudformation.is_some() {
        ("stack", CLOUDFORMATION)
    } else if deployment.appconfig.is_some() {
        ("AppConfig deployment", APPCONFIG)
    } else {
        ("ECS service deployment", ECS)
    };
    if !states.contains(&wanted) {
        let message = format!("`{}` is not a state of a {service}", shortened(wanted));
        let hint = hint_for(wanted, states.iter().copied());
        let hint = hint.unwrap_or_else(|| format!("one of {}", list(states)));
        check.error(code::UNKNOWN_STATE, &format!("{path}/state"), message, hint);
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Values, load};

    /// The codes of what is wrong with an expectation.
    fn codes(expectation: &str) -> Vec<String> {
        let text = format!(
            "version: 1\nname: a\nfaults:\n  - set_alarm_state: {{alarm: a}}\nexpect:\n  - {expectation}\n    within: 1m\n"
        );
        let found = load("a.yaml", text.as_bytes(), &Values::default()).check(None);
        found.into_iter().map(|one| one.code).filter(|code| *code != "no-guardrails").collect()
    }

    #[test]
    fn a_deployment_names_one_service_and_a_state_of_it() {
        let none: [&str; 0] = [];
        assert_eq!(codes("deployment: {ecs: {cluster: c, service: s}}"), none);
        assert_eq!(codes("deployment: {}"), ["not-one-kind"]);
        let two = "deployment: {ecs: {cluster: c, service: s}, cloudformation: {stack: s}}";
        assert_eq!(codes(two), ["not-one-kind"]);
        let state = "deployment: {cloudformation: {stack: s}, state: UPDATE_COMPLET}";
        assert_eq!(codes(state), ["unknown-state"]);
        let trigger =
            "rollback: {appconfig: {application: a, environment: e, triggered_by: alarm}}";
        assert_eq!(codes(trigger), ["unknown-state"]);
    }
}
