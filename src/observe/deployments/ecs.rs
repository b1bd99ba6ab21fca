//! The deployments of one ECS service.
//!
//! Main function: [`look`]. Invariant: a deployment that was on the way when the watch began is looked at too,
//! because a rollback is a part of the deployment that it takes back. Source:
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>.

use aws_sdk_ecs::types::{
    CreatedAt, ServiceDeployment, ServiceDeploymentBrief, ServiceDeploymentRollbackMonitorsStatus,
    ServiceDeploymentStatus,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::deployments::Reached;
use crate::aws::{Aws, CallError, date_time, timestamp};

/// The most deployments that one DescribeServiceDeployments takes.
const BATCH: usize = 20;

/// The most deployments that one page of `ListServiceDeployments` holds.
const PAGE: i32 = 100;

/// How long before the watch a deployment may have been created and still be on the way: its tasks are
/// drained, and the service may bake for a day. AWS keeps ninety days, which nobody wants to list.
const ON_THE_WAY: SignedDuration = SignedDuration::from_hours(48);

pub(super) async fn look(
    aws: &Aws,
    since: Timestamp,
    cluster: &str,
    service: &str,
) -> Result<Vec<Reached>, CallError> {
    let created = CreatedAt::builder().after(date_time(since - ON_THE_WAY)).build();
    let mut arns = Vec::new();
    let mut next = None;
    loop {
        let answer = aws
            .ecs
            .list_service_deployments()
            .cluster(cluster)
            .service(service)
            .created_at(created.clone())
            .max_results(PAGE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| CallError::of("ecs:ListServiceDeployments", &error))?;
        let found = answer.service_deployments.unwrap_or_default();
        let news = found.into_iter().filter(|one| !was_over(one, since));
        arns.extend(news.filter_map(|one| one.service_deployment_arn));
        next = answer.next_token;
        if next.is_none() {
            break;
        }
    }
    let mut reached = Vec::new();
    for batch in arns.chunks(BATCH) {
        let answer = aws
            .ecs
            .describe_service_deployments()
            .set_service_deployment_arns(Some(batch.to_vec()))
            .send()
            .await
            .map_err(|error| CallError::of("ecs:DescribeServiceDeployments", &error))?;
        for deployment in answer.service_deployments() {
            add(deployment, &mut reached);
        }
    }
    Ok(reached)
}

/// Whether a deployment had ended before the watch began.
fn was_over(brief: &ServiceDeploymentBrief, since: Timestamp) -> bool {
    brief.finished_at().and_then(timestamp).is_some_and(|over| over < since)
}

fn add(deployment: &ServiceDeployment, reached: &mut Vec<Reached>) {
    let arn = deployment.service_deployment_arn().unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let rollback = deployment.rollback();
    let why = rollback.and_then(|rollback| rollback.reason());
    let reason = why.or(deployment.status_reason()).unwrap_or_default();
    let mut entered = |state: &str, at: Option<&aws_smithy_types::DateTime>, is_final: bool| {
        let Some(at) = at.and_then(timestamp) else { return };
        reached.push(Reached {
            deployment: format!("service deployment {id}"),
            state: state.to_owned(),
            at,
            rolled_back: state == "ROLLBACK_SUCCESSFUL",
            is_final,
            triggered_by: trigger(deployment),
            reason: if is_final { reason.to_owned() } else { String::new() },
        });
    };
    entered("PENDING", deployment.created_at(), false);
    entered("IN_PROGRESS", deployment.started_at(), false);
    entered("ROLLBACK_IN_PROGRESS", rollback.and_then(|rollback| rollback.started_at()), false);
    let Some(status) = deployment.status() else { return };
    let ended = deployment.finished_at().or(deployment.updated_at());
    match status {
        ServiceDeploymentStatus::Successful
        | ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackFailed => entered(status.as_str(), ended, true),
        ServiceDeploymentStatus::Stopped => {
            entered(status.as_str(), deployment.stopped_at().or(ended), true);
        }
        // The others are told above by their own times, or are on the way.
        _ => {}
    }
}

/// What ECS's own monitors say: the alarms that fired, or the circuit breaker.
fn trigger(deployment: &ServiceDeployment) -> String {
    let alarms = deployment.alarms().map(|alarms| alarms.triggered_alarm_names().join(" "));
    if let Some(names) = alarms.filter(|names| !names.is_empty()) {
        return format!("alarm {names}");
    }
    let breaker = deployment.deployment_circuit_breaker().and_then(|breaker| breaker.status());
    match breaker.map(ServiceDeploymentRollbackMonitorsStatus::as_str) {
        Some("TRIGGERED") => "circuit breaker".to_owned(),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{Rollback, ServiceDeploymentAlarms, ServiceDeploymentCircuitBreaker};
    use aws_smithy_types::DateTime;

    use super::*;

    fn deployment(status: ServiceDeploymentStatus) -> ServiceDeployment {
        let rollback = Rollback::builder()
            .reason("Service deployment rolled back because of the alarm(s) [errors].")
            .started_at(DateTime::from_secs(120))
            .build();
        let alarms = ServiceDeploymentAlarms::builder().triggered_alarm_names("errors").build();
        ServiceDeployment::builder()
            .service_deployment_arn("arn:aws:ecs:eu-west-1:111122223333:service-deployment/c/s/abc")
            .created_at(DateTime::from_secs(10))
            .started_at(DateTime::from_secs(20))
            .finished_at(DateTime::from_secs(180))
            .status(status)
            .rollback(rollback)
            .alarms(alarms)
            .build()
    }

    #[test]
    fn a_rollback_is_told_with_its_steps_its_alarm_and_its_reason() {
        let mut reached = Vec::new();
        add(&deployment(ServiceDeploymentStatus::RollbackSuccessful), &mut reached);
        let told: Vec<(&str, i64, bool)> = reached
            .iter()
            .map(|one| (one.state.as_str(), one.at.as_second(), one.rolled_back))
            .collect();
        let expected = [
            ("PENDING", 10, false),
            ("IN_PROGRESS", 20, false),
            ("ROLLBACK_IN_PROGRESS", 120, false),
            ("ROLLBACK_SUCCESSFUL", 180, true),
        ];
        assert_eq!(told, expected);
        let last = reached.last().unwrap();
        assert_eq!(
            (last.deployment.as_str(), last.triggered_by.as_str()),
            ("service deployment abc", "alarm errors")
        );
        assert!(last.reason.contains("[errors]"));
    }

    #[test]
    fn a_rollback_that_failed_or_is_on_the_way_is_none() {
        for status in
            [ServiceDeploymentStatus::RollbackFailed, ServiceDeploymentStatus::RollbackInProgress]
        {
            let mut reached = Vec::new();
            add(&deployment(status), &mut reached);
            assert!(reached.iter().all(|one| !one.rolled_back));
        }
    }

    #[test]
    fn only_what_ended_before_the_watch_is_left_out() {
        let since = Timestamp::from_second(100).unwrap();
        let ended = |at: Option<i64>| {
            let at = at.map(DateTime::from_secs);
            was_over(&ServiceDeploymentBrief::builder().set_finished_at(at).build(), since)
        };
        assert_eq!([ended(None), ended(Some(99)), ended(Some(100))], [false, true, false]);
    }

    #[test]
    fn a_circuit_breaker_that_tripped_is_named() {
        let breaker = ServiceDeploymentCircuitBreaker::builder().status("TRIGGERED".into()).build();
        let one = ServiceDeployment::builder().deployment_circuit_breaker(breaker).build();
        assert_eq!(trigger(&one), "circuit breaker");
    }
}
