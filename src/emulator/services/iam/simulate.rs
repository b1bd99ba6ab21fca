//! `SimulatePrincipalPolicy`: what a user or a role could do, asked of the evaluator that decides calls.
//!
//! Main function: [`simulate`]. Invariant: the answer is that of the same code that refuses a call, for
//! identity policies alone, as on AWS unless a resource policy is given (which is not supported here).
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::missing;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::policy::{self, document::Decision};

/// The most pairs of action and resource that one call evaluates.
const MOST_RESULTS: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Simulate {
    policy_source_arn: String,
    action_names: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    resource_arns: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    context_entries: Vec<ContextEntry>,
}

/// A list; a form writes an empty one as an empty text.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        List(Vec<T>),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::List(items) => Ok(items),
        Written::Text(text) if text.is_empty() => Ok(Vec::new()),
        Written::Text(text) => Err(serde::de::Error::custom(format!("`{text}` is no list"))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ContextEntry {
    context_key_name: String,
    context_key_values: Vec<String>,
    #[serde(rename = "ContextKeyType")]
    _kind: String,
}

/// Decides every action on every resource; without resources, on `*`.
pub(super) fn simulate(account: &mut Account, input: Simulate) -> Answer {
    let resources =
        if input.resource_arns.is_empty() { vec!["*".to_owned()] } else { input.resource_arns };
    if input.action_names.len().saturating_mul(resources.len()) > MOST_RESULTS {
        let message = format!("more than {MOST_RESULTS} results are not given");
        return Err(ServiceError::new("InvalidInput", message));
    }
    let mut keys = Vec::new();
    for entry in &input.context_entries {
        let [value] = entry.context_key_values.as_slice() else {
            let what = "several values of a context key in SimulatePrincipalPolicy";
            return Err(ServiceError::unsupported(what));
        };
        keys.push((entry.context_key_name.as_str(), value.as_str()));
    }
    let mut results = Vec::new();
    for action in &input.action_names {
        for resource in &resources {
            let source = &input.policy_source_arn;
            let decision = policy::ask_principal(account, source, action, resource, &keys)
                .ok_or_else(|| missing("principal", source))?;
            results.push(result(action, resource, &decision));
        }
    }
    Ok(json!({ "EvaluationResults": results, "IsTruncated": false }))
}

fn result(action: &str, resource: &str, decision: &Decision) -> Value {
    let (word, missing) = match decision {
        Decision::Allowed => ("allowed", Vec::new()),
        Decision::Denied => ("explicitDeny", Vec::new()),
        Decision::Silent(unknown) => ("implicitDeny", unknown.clone()),
    };
    json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": word,
        "MatchedStatements": [],
        "MissingContextValues": missing,
    })
}
