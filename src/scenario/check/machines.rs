//! Rules about what faults start and run: runbooks, commands, executions, functions.

use std::time::Duration as Length;

use indexmap::IndexMap;
use serde_json::Value;

use super::Check;
use super::whole::positive;
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::{Duration, Fault, SsmCommandFault};

/// The least delivery timeout of a command, and the most instances that it names:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>.
const LEAST_DELIVERY: Length = Length::from_secs(30);
const MOST_INSTANCES: usize = 50;

pub(super) fn check(check: &mut Check<'_>, fault: &Fault, path: &str) {
    if let Some(start) = &fault.ssm_automation {
        parameters(check, &start.parameters, &format!("{path}/ssm_automation/parameters"));
    }
    if let Some(send) = &fault.ssm_command {
        command(check, send, &format!("{path}/ssm_command"));
    }
    if let Some(start) = &fault.start_execution {
        json(check, &start.input, &format!("{path}/start_execution/input"), "input");
    }
    if let Some(invoke) = &fault.invoke {
        json(check, &invoke.payload, &format!("{path}/invoke/payload"), "payload");
    }
}

/// The parameters of a document are text or lists of text; numbers and flags are taken as their text.
fn parameters(check: &mut Check<'_>, parameters: &IndexMap<String, Value>, path: &str) {
    let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    for (name, value) in parameters {
        let fine = match value {
            Value::Array(items) => items.iter().all(plain),
            // A map parameter (`StringMap`) is one JSON object.
            Value::Object(_) => true,
            one => plain(one),
        };
        if !fine {
            let message = format!("the parameter `{}` is neither text nor a list", shortened(name));
            let hint = "parameters of documents are text or lists of text".to_owned();
            check.error(code::BAD_PARAMETER, &format!("{path}/{name}"), message, hint);
        }
    }
}

fn command(check: &mut Check<'_>, send: &SsmCommandFault, path: &str) {
    parameters(check, &send.parameters, &format!("{path}/parameters"));
    if send.instances.is_empty() == send.targets.is_empty() {
        let message = "a command goes either to `instances` or to `targets`".to_owned();
        let hint = "such as `targets: [{key: \"tag:Service\", values: [checkout]}]`".to_owned();
        check.error(code::BAD_COMMAND, path, message, hint);
    }
    if send.instances.len() > MOST_INSTANCES {
        let message = format!("a command names at most {MOST_INSTANCES} instances");
        let hint = "use `targets`".to_owned();
        check.error(code::BAD_COMMAND, &format!("{path}/instances"), message, hint);
    }
    for (index, target) in send.targets.iter().enumerate() {
        if target.key.is_empty() || target.values.is_empty() {
            let message = "a target has a key and at least one value".to_owned();
            let hint = "such as `{key: \"tag:Service\", values: [checkout]}`".to_owned();
            check.error(code::BAD_COMMAND, &format!("{path}/targets/{index}"), message, hint);
        }
    }
    let short = |timeout: &Duration| timeout.0 < LEAST_DELIVERY;
    if send.delivery_timeout.as_ref().is_some_and(short) {
        let message = "a command's delivery timeout is at least 30s".to_owned();
        let hint = "SendCommand refuses a shorter one".to_owned();
        check.error(code::BAD_COMMAND, &format!("{path}/delivery_timeout"), message, hint);
    }
    positive(check, &format!("{path}/execution_timeout"), send.execution_timeout);
    if send.execution_timeout.is_some() && send.parameters.contains_key("executionTimeout") {
        let message = "the execution timeout stands twice".to_owned();
        let hint = "remove the parameter `executionTimeout`".to_owned();
        check.error(code::BAD_COMMAND, &format!("{path}/execution_timeout"), message, hint);
    }
}

/// The largest input of an execution and payload of an event, in bytes, which is what SQS and
/// EventBridge take too: <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const LARGEST: usize = 256 * 1024;

fn json(check: &mut Check<'_>, value: &Value, path: &str, what: &str) {
    let size = value.to_string().len();
    if size > LARGEST {
        let message = format!("the {what} has {size} bytes; at most {LARGEST} are taken");
        let hint = "put the bulk into S3 and refer to it".to_owned();
        check.error(code::EVENT_TOO_LARGE, path, message, hint);
    }
}
