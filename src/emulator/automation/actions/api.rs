//! The actions that call any API: `aws:executeAwsApi` and the two that look at a property.
//!
//! Main functions: [`execute`], [`assert_property`], [`wait_for_property`]. Invariant: the call goes to
//! the account's own service, with the step's own permissions; its refusal is the step's failure.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-aws-apis-calling.html>.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{Progress, StepCall, failure_type};
use crate::emulator::account::Account;
use crate::emulator::automation::execution::{Failure, Stage, Success};
use crate::emulator::automation::references::text;
use crate::emulator::automation::selector::Selector;
use crate::emulator::services::Service;
use crate::emulator::timing;

/// `aws:executeAwsApi`.
pub(super) fn execute(account: &mut Account, call: &StepCall) -> Progress {
    let result = make_call(account, call, &[]).map(|response| {
        let mut outputs = IndexMap::new();
        outputs.insert("OutputPayload".to_owned(), response.clone());
        Success { outputs, response: Some(response), ..Success::default() }
    });
    Progress::Done { after: timing::AUTOMATION_API_STEP, result }
}

/// `aws:assertAwsResourceProperty`.
pub(super) fn assert_property(account: &mut Account, call: &StepCall) -> Result<Progress, Failure> {
    let wanted = Wanted::read(call)?;
    let found = match make_call(account, call, &["PropertySelector", "DesiredValues"]) {
        Ok(response) => wanted.look(&response),
        Err(failure) => return Ok(Progress::failure(failure)),
    };
    Ok(match found {
        Ok(()) => Progress::success(timing::AUTOMATION_API_STEP, IndexMap::new()),
        Err(seen) => Progress::failure(Failure::new(
            Stage::PostVerification,
            format!(
                "Property value from the API output is not in desired values. Property value: \
                 {seen}. Desired values: {}",
                wanted.text()
            ),
        )),
    })
}

/// `aws:waitForAwsResourceProperty`: looks again until the property is as desired.
pub(super) fn wait_for_property(
    account: &mut Account,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let wanted = Wanted::read(call)?;
    let response = make_call(account, call, &["PropertySelector", "DesiredValues"])?;
    Ok(match wanted.look(&response) {
        Ok(()) => Progress::success(timing::AUTOMATION_API_STEP, IndexMap::new()),
        Err(_) => Progress::Poll { after: timing::AUTOMATION_POLL },
    })
}

/// The property that is looked at, and what it should be.
struct Wanted {
    selector: Selector,
    values: Vec<String>,
}

impl Wanted {
    fn read(call: &StepCall) -> Result<Self, Failure> {
        let selector = call
            .inputs
            .get("PropertySelector")
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::input("PropertySelector is missing"))?;
        let selector = Selector::parse(selector).map_err(Failure::input)?;
        let values = match call.inputs.get("DesiredValues") {
            Some(Value::Array(values)) if !values.is_empty() => values.iter().map(text).collect(),
            Some(value @ Value::String(_)) => vec![text(value)],
            _ => return Err(Failure::input("DesiredValues must be a list of at least one value")),
        };
        Ok(Self { selector, values })
    }

    /// Every value that the selector finds must be one of the desired; the error is what was seen.
    fn look(&self, response: &Value) -> Result<(), String> {
        let seen: Vec<String> = self
            .selector
            .all(response)
            .iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().map(text).collect(),
                other => vec![text(other)],
            })
            .collect();
        if !seen.is_empty() && seen.iter().all(|value| self.values.contains(value)) {
            Ok(())
        } else {
            Err(format!("[{}]", seen.join(", ")))
        }
    }

    fn text(&self) -> String {
        format!("[{}]", self.values.join(", "))
    }
}

/// Makes the call that `Service` and `Api` name; the other inputs are its parameters.
fn make_call(account: &mut Account, call: &StepCall, own: &[&str]) -> Result<Value, Failure> {
    let name = |key: &str| {
        call.inputs
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::input(format!("{key} is missing")))
    };
    let (service_name, api) = (name("Service")?, operation_name(name("Api")?));
    let Some(service) = Service::from_prefix(service_name) else {
        return Err(Failure::new(
            Stage::Invocation,
            format!("The emulated account does not support the service {service_name} ({api})"),
        ));
    };
    let input: Map<String, Value> = call
        .inputs
        .iter()
        .filter(|(key, _)| !["Service", "Api"].contains(&key.as_str()))
        .filter(|(key, _)| !own.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    account.call_as(&call.caller, service, &api, Value::Object(input)).map_err(|error| {
        let reason = format!(
            "An error occurred ({}) when calling the {api} operation: {}",
            error.code, error.message
        );
        Failure { kind: failure_type(&error), ..Failure::new(Stage::Invocation, reason) }
    })
}

/// The API's own spelling: runbooks also write `describe_instances` and `describeInstances`.
fn operation_name(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    let mut upper = true;
    for c in written.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            name.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            name.push(c);
        }
    }
    name
}
