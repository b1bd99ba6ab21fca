//! Why there are no credentials, in words with the way out and without secrets.
//!
//! Main functions: [`missing`], which finds the credential chain's own error below a failed call, and
//! [`way_out`]. Invariant: what a `credential_process` wrote, or what a service said that was asked with a
//! token, is never repeated, to standard error or not: it may be a secret.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::{CallError, chain};

/// The codes that this module gives; AWS has none for a call that was not made.
pub(super) const NOT_FOUND: &str = "CredentialsNotFound";
pub(super) const UNUSABLE: &str = "CredentialsUnusable";
pub(super) const ROLE_REFUSED: &str = "RoleNotAssumed";

/// What the SDK writes before the output of a `credential_process`.
const PROCESS: [&str; 2] = [" Stderr: ", "could not parse response: "];

/// Why no credentials were there for a call that failed: a code and words. Nothing for another failure.
pub(super) fn missing(error: &(dyn Error + 'static)) -> Option<(&'static str, String)> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<CredentialsError>() {
            return Some(words(found));
        }
        next = cause.source();
    }
    None
}

fn words(error: &CredentialsError) -> (&'static str, String) {
    if let Some(refused) = role_refused(error) {
        return (ROLE_REFUSED, format!("the role can't be assumed: {refused}"));
    }
    let detail = error.source().map(|source| without_output(&chain(source)));
    let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            (NOT_FOUND, format!("there are no credentials{detail}"))
        }
        CredentialsError::ProviderTimedOut(late) => {
            let seconds = late.timeout_duration().as_secs();
            (UNUSABLE, format!("the credentials did not come within {seconds} s"))
        }
        CredentialsError::InvalidConfiguration(_) => {
            (UNUSABLE, format!("the AWS configuration can't be used{detail}"))
        }
        CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_) | _ => {
            (UNUSABLE, format!("the credentials can't be had{detail}"))
        }
    }
}

/// The refusal of STS, where a role was to be assumed.
fn role_refused(error: &CredentialsError) -> Option<CallError> {
    let source = error.source()?;
    let sts = source.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>()?;
    Some(CallError::of("sts:AssumeRole", sts))
}

/// What the SDK writes before the refusal of a service that gives credentials.
const SERVICE: &str = "service error: ";

/// The words without what a `credential_process` wrote, and without those of a service that was asked with a
/// token in the request: it may repeat the token.
fn without_output(text: &str) -> String {
    for mark in PROCESS {
        if let Some((before, _)) = text.split_once(mark) {
            let before = before.trim_end_matches([' ', '.', ',']);
            return format!("{before} (its output is not repeated here: it may be a secret)");
        }
    }
    if let Some((before, told)) = text.split_once(SERVICE) {
        let code = told.split([':', '\n']).next().unwrap_or_default();
        return format!(
            "{before}{SERVICE}{code} (its words are not repeated here: they may hold a token)"
        );
    }
    text.to_owned()
}

/// The way out of a failure that is about credentials, by its code; nothing for other codes.
pub(super) fn way_out(code: &str) -> Option<&'static str> {
    match code {
        NOT_FOUND => Some(
            "sign in (`aws sso login`), name a profile with --profile or AWS_PROFILE, or set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        UNUSABLE => Some(
            "sign in again (`aws sso login --profile NAME`), or mend the profile; \
             `aws sts get-caller-identity` shows whether it works",
        ),
        ROLE_REFUSED => Some(
            "check --role-arn and --external-id, the role's trust policy, and that this caller may \
             sts:AssumeRole it",
        ),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            Some("the credentials have expired: sign in again (`aws sso login`), and run again")
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Some(
            "AWS does not know these credentials: check the profile, the key and the session \
                 token, and that they are of this partition",
        ),
        "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "RequestTimeTooSkewed" => Some(
            "the secret key does not belong to the key id, the endpoint is of another region, or \
                 this machine's clock is wrong",
        ),
        _ => None,
    }
}

/// Whether AWS's words for this code may repeat the signed request, headers and token included.
pub(super) fn may_repeat_the_request(code: &str) -> bool {
    matches!(
        code,
        "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_credential_process_is_not_repeated() {
        for text in [
            "Error retrieving credentials: external process exited with code 1. Stderr: hunter2",
            "Error retrieving credentials from external process, could not parse response: hunter2",
        ] {
            let error = CredentialsError::provider_error(text);
            let (code, words) = missing(&error).expect("it is about credentials");
            assert_eq!(code, UNUSABLE);
            assert!(!words.contains("hunter2"), "{words}");
            assert!(words.contains("its output is not repeated"), "{words}");
        }
    }

    #[test]
    fn a_failure_of_another_kind_is_not_about_credentials() {
        assert_eq!(missing(&std::io::Error::other("no route")), None);
        assert_eq!(way_out("ThrottlingException"), None);
    }
}
