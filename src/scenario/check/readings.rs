//! Rules about what is read from an account's own records of itself: its API calls.
//!
//! Main function: [`check`]. Invariant: what CloudTrail would never show is refused before anything runs.

use super::Check;
use super::expectations::{Kinds, all};
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::ApiCallExpectation;

pub(super) fn check(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        let kinds = Kinds::of(&placed);
        let path = &kinds.path;
        if let Some(call) = kinds.api_call {
            api_call(check, call, &format!("{path}/api_call"));
        }
    }
}

/// An operation is a name as in the API, not an IAM action.
fn api_call(check: &mut Check<'_>, call: &ApiCallExpectation, path: &str) {
    let name = call.name.as_str();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain && name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return;
    }
    let message = format!("`{}` is not the name of an operation", shortened(name));
    let hint = match name.split_once(':') {
        Some((source, name)) => format!("write `{{name: {name}, source: {source}}}`"),
        None => "as the API has it, such as `TerminateInstances`".to_owned(),
    };
    check.error(code::BAD_API_CALL, &format!("{path}/name"), message, hint);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, told};

    fn codes(kind: &str) -> Vec<String> {
        let text = BASE.replace("notification: {topic: oncall}", kind);
        told(&text, None).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn an_api_call_is_named_as_the_api_has_it() {
        let none = Vec::<String>::new();
        assert_eq!(codes("api_call: {name: CreateOpsItem, source: ssm, user: \"a*\"}"), none);
        assert_eq!(codes("api_call: {name: \"ssm:CreateOpsItem\"}"), ["bad-api-call"]);
        assert_eq!(codes("api_call: {name: \"Create*\"}"), ["bad-api-call"]);
        assert_eq!(codes("api_call: {name: createOpsItem}"), ["bad-api-call"]);
    }
}
