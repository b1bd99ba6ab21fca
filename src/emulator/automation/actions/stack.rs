//! `aws:createStack` and `aws:deleteStack`.
//!
//! Main functions: [`create`] and [`delete`]. Invariant: the template is really loaded, by the same code
//! that loads an environment's templates; what it can't load fails the step with the template's error.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-createstack.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Progress, StepCall, inputs};
use crate::emulator::account::Account;
use crate::emulator::automation::execution::{Failure, Stage};
use crate::emulator::automation::references::text;
use crate::emulator::cloudformation::{create_stack, delete_stack};
use crate::emulator::error::ServiceError;
use crate::emulator::timing;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    stack_name: String,
    #[serde(default)]
    template_body: Option<Value>,
    #[serde(default, rename = "TemplateURL")]
    template_url: Option<String>,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    #[expect(dead_code, reason = "the emulated account grants every capability")]
    capabilities: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "a stack is created at once or not at all")]
    timeout_in_minutes: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "a stack is created at once or not at all")]
    on_failure: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "a stack is created at once or not at all")]
    disable_rollback: Option<Value>,
    #[serde(default)]
    #[expect(dead_code, reason = "an attempt that failed has created nothing")]
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameter {
    parameter_key: String,
    parameter_value: Value,
}

/// `aws:createStack`.
pub(super) fn create(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Create = inputs(call)?;
    let body = match (input.template_body, input.template_url) {
        (Some(Value::String(text)), None) => text,
        (Some(tree), None) => tree.to_string(),
        (None, Some(url)) => {
            return Err(refused(
                "CreateStack",
                &ServiceError::unsupported(format_args!("TemplateURL ({url}) of aws:createStack")),
            ));
        }
        _ => return Err(Failure::input("aws:createStack needs a TemplateBody or a TemplateURL")),
    };
    let parameters: Vec<(String, String)> = input
        .parameters
        .into_iter()
        .map(|parameter| (parameter.parameter_key, text(&parameter.parameter_value)))
        .collect();
    match create_stack(account, &input.stack_name, &body, &parameters) {
        Ok(id) => {
            let outputs = IndexMap::from([
                ("StackId".to_owned(), json!(id)),
                ("StackStatus".to_owned(), json!("CREATE_COMPLETE")),
                ("StackStatusReason".to_owned(), json!("")),
            ]);
            Ok(Progress::success(timing::AUTOMATION_STACK_STEP, outputs))
        }
        Err(error) => Ok(Progress::failure(refused("CreateStack", &error))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    stack_name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "an attempt that failed has deleted nothing")]
    client_request_token: Option<String>,
}

/// `aws:deleteStack`.
pub(super) fn delete(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let input: Delete = inputs(call)?;
    match delete_stack(account, &input.stack_name) {
        Ok(()) => Ok(Progress::success(timing::AUTOMATION_STACK_STEP, IndexMap::new())),
        Err(error) => Ok(Progress::failure(refused("DeleteStack", &error))),
    }
}

fn refused(operation: &str, error: &ServiceError) -> Failure {
    let reason = format!(
        "Get Exception from {operation} API of cloudformation Service. Exception Message from \
         {operation} API: [{} (Service: AmazonCloudFormation; Status Code: {}; Error Code: {})]",
        error.message, error.status, error.code
    );
    Failure::new(Stage::Invocation, reason)
}
