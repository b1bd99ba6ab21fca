//! One thing by its id, and that it is the one which was asked for: an answer about another would be read as
//! news of this one.
//!
//! Main functions: [`automation_execution`] and [`deployment`], over [`the_one`]. Invariant: what is handed
//! on carries the id that was asked for.

use aws_sdk_codedeploy::types::DeploymentInfo;
use aws_sdk_ssm::types::AutomationExecution;

use super::{Aws, CallError};

/// The thing in an answer, if it is there and has the id.
pub(crate) fn the_one<T>(
    operation: &'static str,
    id: &str,
    found: Option<T>,
    id_of: impl Fn(&T) -> Option<&str>,
) -> Result<T, CallError> {
    let found = found.ok_or_else(|| CallError::unusable(operation, "is empty"))?;
    match id_of(&found) {
        Some(same) if same == id => Ok(found),
        Some(other) => {
            let why = format!("is about {other}, and {id} was asked for");
            Err(CallError::unusable(operation, &why))
        }
        None => Err(CallError::unusable(operation, "does not say what it is about")),
    }
}

/// A runbook's execution as it is now.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetAutomationExecution.html>.
pub(crate) async fn automation_execution(
    aws: &Aws,
    id: &str,
) -> Result<AutomationExecution, CallError> {
    let operation = "ssm:GetAutomationExecution";
    let sent = aws.ssm.get_automation_execution().automation_execution_id(id).send().await;
    let found = sent.map_err(|error| CallError::of(operation, &error))?.automation_execution;
    the_one(operation, id, found, aws_sdk_ssm::types::AutomationExecution::automation_execution_id)
}

/// A CodeDeploy deployment as it is now.
///
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html>.
pub(crate) async fn deployment(aws: &Aws, id: &str) -> Result<DeploymentInfo, CallError> {
    let operation = "codedeploy:GetDeployment";
    let sent = aws.codedeploy.get_deployment().deployment_id(id).send().await;
    let found = sent.map_err(|error| CallError::of(operation, &error))?.deployment_info;
    the_one(operation, id, found, aws_sdk_codedeploy::types::DeploymentInfo::deployment_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_about_another_is_no_answer() {
        let found = |id: Option<&'static str>| the_one("a:Get", "x", id, |id| Some(*id));
        assert_eq!(found(Some("x")).expect("it is the one"), "x");
        let words = |id| found(id).unwrap_err().to_string();
        assert_eq!(words(Some("y")), "a:Get: the answer is about y, and x was asked for");
        assert_eq!(words(None), "a:Get: the answer is empty");
        let nameless = the_one("a:Get", "x", Some(1), |_| None).unwrap_err();
        assert_eq!(nameless.to_string(), "a:Get: the answer does not say what it is about");
    }
}
