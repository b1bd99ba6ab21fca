//! FIS experiments as they are now.
//!
//! Main functions: [`get`] and [`ended`]. Source:
//! <https://docs.aws.amazon.com/fis/latest/APIReference/API_GetExperiment.html>.

use aws_sdk_fis::types::{Experiment, ExperimentStatus};
use jiff::Timestamp;

use super::asked_for::the_one;
use super::{Aws, CallError, timestamp};

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
        (status.as_str().to_owned(), state.reason().map(str::to_owned), at)
    })
}
