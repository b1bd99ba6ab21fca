//! FIS experiments as they are now.
//!
//! Main functions: [`get`], [`ended`], [`passed`] and [`lever`]. Source:
//! <https://docs.aws.amazon.com/fis/latest/APIReference/API_GetExperiment.html>.

use aws_sdk_fis::types::{Experiment, ExperimentStatus, SafetyLeverStatus};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;

use super::asked_for::the_one;
use super::{Aws, CallError, CallErrorKind, timestamp};

/// The only safety lever of an account and region.
const LEVER: &str = "default";

/// The safety lever of an account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lever {
    /// Experiments may run.
    Disengaged,
    /// None may run, for this reason.
    Engaged(String),
    /// The server has no such thing: it does not know the operation, or has no such page. AWS itself never
    /// answers so.
    Absent(CallError),
}

/// Looks at the safety lever.
///
/// Source: <https://docs.aws.amazon.com/fis/latest/APIReference/API_GetSafetyLever.html>.
pub(crate) async fn lever(aws: &Aws) -> Result<Lever, CallError> {
    let answer = match aws.fis.get_safety_lever().id(LEVER).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failed = CallError::of("fis:GetSafetyLever", &error);
            let absent = failed.kind == CallErrorKind::Unsupported || is_no_page(&error);
            return if absent { Ok(Lever::Absent(failed)) } else { Err(failed) };
        }
    };
    let state = answer.safety_lever().and_then(|lever| lever.state());
    if state.and_then(|state| state.status()) == Some(&SafetyLeverStatus::Disengaged) {
        return Ok(Lever::Disengaged);
    }
    let reason = state.and_then(|state| state.reason()).unwrap_or("no reason is given");
    Ok(Lever::Engaged(reason.to_owned()))
}

/// Whether a web server says that it has no such page or takes no such request, which no service of AWS does
/// without a code of its own.
fn is_no_page<E: ProvideErrorMetadata>(
    error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
) -> bool {
    let SdkError::ServiceError(service) = error else { return false };
    service.err().code().is_none() && matches!(service.raw().status().as_u16(), 404 | 405)
}

/// The experiment as it is now.
pub(crate) async fn get(aws: &Aws, id: &str) -> Result<Experiment, CallError> {
    let answer = aws
        .fis
        .get_experiment()
        .id(id)
        .send()
        .await
        .map_err(|error| CallError::of("fis:GetExperiment", &error))?;
    the_one("fis:GetExperiment", id, answer.experiment, aws_sdk_fis::types::Experiment::id)
}

/// The final state of an experiment, with AWS's reason and time.
pub(crate) fn ended(
    experiment: &Experiment,
) -> Option<(String, Option<String>, Option<Timestamp>)> {
    let state = experiment.state()?;
    let status = state.status()?;
    matches!(
        status,
        ExperimentStatus::Completed
            | ExperimentStatus::Stopped
            | ExperimentStatus::Failed
            | ExperimentStatus::Cancelled
    )
    .then(|| {
        let at = experiment.end_time().and_then(timestamp);
        (status.as_str().to_owned(), state.reason().map(|reason| told(experiment, reason)), at)
    })
}

/// A state that an experiment has surely been in, by the times that FIS gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) state: &'static str,
    /// The earliest that it can have begun.
    pub(crate) from: Timestamp,
    /// The latest.
    pub(crate) to: Timestamp,
}

/// The states on the way that FIS dates, whether the experiment is still in one of them or not: it initiates
/// from its start on, and runs once an action has begun.
pub(crate) fn passed(experiment: &Experiment) -> Vec<Passed> {
    let Some(started) = experiment.start_time().and_then(timestamp) else { return Vec::new() };
    let actions = experiment.actions().into_iter().flat_map(|actions| actions.values());
    let acted = actions.filter_map(|action| timestamp(action.start_time()?)).min();
    let acted = acted.map(|at| at.max(started));
    let initiating = Passed { state: "initiating", from: started, to: acted.unwrap_or(started) };
    let running = acted.map(|at| Passed { state: "running", from: at, to: at });
    std::iter::once(initiating).chain(running).collect()
}

/// FIS's reason. Where that is a stop condition, FIS does not say which: the alarms that it watches are told,
/// too.
fn told(experiment: &Experiment, reason: &str) -> String {
    let conditions = experiment.stop_conditions().iter().filter_map(|one| one.value());
    let alarms: Vec<&str> = conditions.map(alarm_name).collect();
    if alarms.is_empty() || !reason.to_lowercase().contains("stop condition") {
        return reason.to_owned();
    }
    format!("{reason} It watches {}.", alarms.join(", "))
}

/// The name in an alarm's ARN, `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`. A name may have colons.
pub(crate) fn alarm_name(arn: &str) -> &str {
    arn.splitn(7, ':').nth(6).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use aws_sdk_fis::types::ExperimentAction;

    use super::*;
    use crate::aws::date_time;

    #[test]
    fn what_fis_dates_was_passed_and_nothing_else() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let action = |second| ExperimentAction::builder().start_time(date_time(at(second))).build();
        let created = Experiment::builder().creation_time(date_time(at(1))).build();
        assert_eq!(passed(&created), []);
        let failed = Experiment::builder().start_time(date_time(at(2))).build();
        let initiating = |to| Passed { state: "initiating", from: at(2), to: at(to) };
        assert_eq!(passed(&failed), [initiating(2)], "no action began: it did not run");
        let over = Experiment::builder()
            .start_time(date_time(at(2)))
            .actions("later", action(9))
            .actions("skipped", ExperimentAction::builder().build())
            .actions("first", action(6))
            .build();
        let running = Passed { state: "running", from: at(6), to: at(6) };
        assert_eq!(passed(&over), [initiating(6), running]);
    }
}
