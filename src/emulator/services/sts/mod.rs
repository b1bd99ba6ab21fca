//! AWS Security Token Service: who is calling, and credentials of a role.
//!
//! Main functions: `get_caller_identity`, `assume_role`. Invariant: whoever signs with the credentials of a
//! role may do what the role's policies say, and nothing once they have expired.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Service;
use super::iam::users;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::Caller;

/// The service keeps nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {}

/// What the service has on the agenda: nothing.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "GetCallerIdentity": GetCallerIdentity => get_caller_identity,
    "AssumeRole": AssumeRole => assume_role,
];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetCallerIdentity {}

/// Whoever calls from outside is the account's administrator, unless the access key is somebody's own.
fn get_caller_identity(account: &mut Account, input: GetCallerIdentity) -> Answer {
    let GetCallerIdentity {} = input;
    Ok(json!({
        "Account": account.identity().account,
        "Arn": own_arn(account),
        "UserId": "AIDAFIREDRILLEXAMPLE1",
    }))
}

fn own_arn(account: &Account) -> String {
    match account.caller() {
        Caller::Administrator => account.identity().global_arn("iam", "user/firedrill"),
        Caller::Service { .. }
        | Caller::Role { .. }
        | Caller::User { .. }
        | Caller::Session { .. } => account.caller_arn(),
    }
}

/// Who somebody is that calls from outside, as another account's policies name them.
pub(crate) fn arn_of(account: &Account, caller: &Caller) -> String {
    match caller {
        Caller::Administrator => account.identity().global_arn("iam", "user/firedrill"),
        Caller::User { arn } | Caller::Role { arn, .. } => arn.clone(),
        Caller::Session { role, .. } => role.clone(),
        Caller::Service { source_arn, .. } => source_arn.clone(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    #[serde(default)]
    duration_seconds: Option<i64>,
    #[serde(default)]
    external_id: Option<String>,
}

/// A session lasts an hour where nothing else is asked for:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
const SESSION_SECONDS: i64 = 3600;

fn assume_role(account: &mut Account, input: AssumeRole) -> Answer {
    let Some((_, path)) = input.role_arn.split_once(":role/") else {
        return Err(ServiceError::validation(format!("{} is invalid", input.role_arn)));
    };
    let seconds = input.duration_seconds.unwrap_or(SESSION_SECONDS);
    if !(900..=43_200).contains(&seconds) {
        return Err(ServiceError::validation(format!(
            "DurationSeconds {seconds} is not between 900 and 43200"
        )));
    }
    // What a trust policy says about an external id is not looked at for the administrator.
    drop(input.external_id);
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let known = account.call(Service::Iam, "GetRole", json!({"RoleName": name}));
    if known.is_err() {
        let caller = own_arn(account);
        return Err(ServiceError::access_denied(&caller, "sts:AssumeRole", &input.role_arn));
    }
    let session = input.role_session_name;
    let expires = account.now() + SignedDuration::from_secs(seconds);
    let id = format!("AROA{}", account.ids.upper(17));
    let arn = {
        let identity = account.identity();
        let resource = format!("assumed-role/{name}/{session}");
        format!("arn:{}:sts::{}:{resource}", identity.partition, identity.account)
    };
    let credentials = credentials(account, epoch_seconds(expires));
    let key = credentials["AccessKeyId"].as_str().unwrap_or_default();
    users::remember(account, key, &input.role_arn, &session, expires);
    Ok(json!({
        "Credentials": credentials,
        "AssumedRoleUser": {"AssumedRoleId": format!("{id}:{session}"), "Arn": arn},
    }))
}

fn credentials(account: &mut Account, expiration: Value) -> Value {
    json!({
        "AccessKeyId": format!("ASIA{}", account.ids.upper(16)),
        "SecretAccessKey": account.ids.alphanumeric(40),
        "SessionToken": account.ids.alphanumeric(64),
        "Expiration": expiration,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::account::Identity;

    fn account() -> Account {
        let identity = Identity {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        };
        Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 1)
    }

    #[test]
    fn the_caller_is_told_the_account() {
        let answer = account().call(Service::Sts, "GetCallerIdentity", Value::Null).unwrap();
        assert_eq!(answer["Account"], "111122223333");
    }

    #[test]
    fn a_role_that_does_not_exist_can_not_be_assumed() {
        let input = json!({"RoleArn": "arn:aws:iam::111122223333:role/nobody",
            "RoleSessionName": "drill"});
        let error = account().call(Service::Sts, "AssumeRole", input).unwrap_err();
        assert_eq!(error.code, "AccessDeniedException");
    }

    #[test]
    fn a_role_that_exists_gives_a_session() {
        let mut account = account();
        let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
        let role = json!({"RoleName": "drill", "AssumeRolePolicyDocument": trust});
        account.call(Service::Iam, "CreateRole", role).unwrap();
        let input = json!({"RoleArn": "arn:aws:iam::111122223333:role/drill",
            "RoleSessionName": "one"});
        let answer = account.call(Service::Sts, "AssumeRole", input).unwrap();
        let arn = "arn:aws:sts::111122223333:assumed-role/drill/one";
        assert_eq!(answer["AssumedRoleUser"]["Arn"], arn);
    }
}
