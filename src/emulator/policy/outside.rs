//! Callers from outside the account: who signed, and whether their policies let them.
//!
//! Main functions: [`caller_of`], [`authorize`], [`ask_principal`]. Invariant: a user or a session may do
//! what its own policies allow, on every resource that the call needs, and nothing else; an explicit deny
//! wins. Resource policies that would let a user of the same account in are not asked, so a policy that is
//! enough here is enough on AWS.

use serde_json::Value;

use super::document::{self, Context, Decision, Principal, Request};
use super::{ASSUME_ROLE, Caller, account_of, common, needs, permitted, settle};
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::services::iam::users::{self, Signer};
use crate::emulator::services::{Service, events, iam};

/// On whose behalf a request that was signed with this access key is made.
///
/// # Errors
/// The key belongs to a session that has expired.
pub(crate) fn caller_of(account: &Account, access_key: &str) -> Result<Caller, ServiceError> {
    match users::signer(account, access_key) {
        Signer::Anybody => Ok(Caller::Administrator),
        Signer::User(arn) => Ok(Caller::User { arn }),
        Signer::Session { role, name } => Ok(Caller::Session { role, name }),
        Signer::Expired => Err(ServiceError {
            status: 403,
            ..ServiceError::new(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )
        }),
    }
}

/// Whether a user or a session may make this call; the refusal names principal, action and resource.
pub(super) fn authorize(
    account: &Account,
    caller: &Caller,
    service: Service,
    operation: &str,
    input: &Value,
) -> Result<(), ServiceError> {
    let (principal, shown) = match caller {
        Caller::User { arn } => (arn.as_str(), arn.clone()),
        Caller::Session { role, name } => {
            let short = role.rsplit('/').next().unwrap_or(role);
            let session = format!("assumed-role/{short}/{name}");
            (role.as_str(), account.identity.global_arn("sts", &session))
        }
        Caller::Administrator | Caller::Service { .. } | Caller::Role { .. } => return Ok(()),
    };
    let refused = |error: ServiceError| ServiceError { code: refusal(service).to_owned(), ..error };
    for need in needs::of(account, service, operation, input) {
        let decisions = need.any_of.iter().map(|resource| {
            ask(account, principal, &need.action, resource.as_deref(), &need.keys)
                .unwrap_or(Decision::Silent(Vec::new()))
        });
        let decision = decisions.reduce(Decision::and).unwrap_or(Decision::Silent(Vec::new()));
        let resource = need.any_of.first().cloned().flatten().unwrap_or_else(|| "*".to_owned());
        settle(decision, &shown, &need.action, &resource, "identity-based").map_err(refused)?;
    }
    if (service, operation) == (Service::Sts, "AssumeRole") {
        trusted(account, principal, &shown, input).map_err(refused)?;
    }
    Ok(())
}

/// A role's own trust policy has to name who assumes it.
fn trusted(
    account: &Account,
    principal: &str,
    shown: &str,
    input: &Value,
) -> Result<(), ServiceError> {
    let arn = input["RoleArn"].as_str().unwrap_or_default();
    // A role that is not there is refused by the operation itself.
    let Some(role) = iam::role_by_arn(account, arn) else { return Ok(()) };
    let mut context = common(account).with("aws:PrincipalArn", principal);
    if let Some(id) = input["ExternalId"].as_str() {
        context = context.with("sts:ExternalId", id);
    }
    let request = Request {
        principals: &[Principal::Aws(principal)],
        action: ASSUME_ROLE,
        resource: None,
        context: &context,
    };
    settle(document::evaluate(role.trust(), &request), shown, ASSUME_ROLE, arn, "trust")
}

/// Whether a role of this account lets somebody of another account assume it.
pub(crate) fn trusts(
    account: &Account,
    visitor: &str,
    organization: Option<&str>,
    input: &Value,
) -> Result<(), ServiceError> {
    let arn = input["RoleArn"].as_str().unwrap_or_default();
    let refused = |error: ServiceError| ServiceError { code: "AccessDenied".to_owned(), ..error };
    let Some(role) = iam::role_by_arn(account, arn) else {
        // AWS does not tell strangers whether there is such a role.
        return Err(refused(ServiceError::access_denied(visitor, ASSUME_ROLE, arn)));
    };
    let mut context = Context::default()
        .with("aws:SecureTransport", "true")
        .with("aws:RequestedRegion", &account.identity.region)
        .with("aws:PrincipalArn", visitor)
        .with("aws:PrincipalAccount", account_of(visitor).unwrap_or_default());
    if let Some(id) = organization {
        context = context.with("aws:PrincipalOrgID", id);
    }
    if let Some(id) = input["ExternalId"].as_str() {
        context = context.with("sts:ExternalId", id);
    }
    let request = Request {
        principals: &[Principal::Aws(visitor)],
        action: ASSUME_ROLE,
        resource: None,
        context: &context,
    };
    let decision = document::evaluate(role.trust(), &request);
    settle(decision, visitor, ASSUME_ROLE, arn, "trust").map_err(refused)
}

/// Whether the policy of another account's bus lets this account's administrator put events there.
pub(crate) fn admits_account(account: &Account, bus: &str) -> Result<(), ServiceError> {
    let Some((arn, policy)) = events::bus_policy(account, bus) else { return Ok(()) };
    // In another region of the same account nobody else is asked.
    if account_of(arn) == Some(account.identity.account.as_str()) {
        return Ok(());
    }
    let principal = account.identity.global_arn("iam", "user/firedrill");
    let context = common(account)
        .with("aws:PrincipalArn", &principal)
        .with("aws:PrincipalAccount", &account.identity.account);
    let action = "events:PutEvents";
    let request = Request {
        principals: &[Principal::Aws(&principal)],
        action,
        resource: Some(arn),
        context: &context,
    };
    let decision =
        policy.map_or(Decision::Silent(Vec::new()), |policy| document::evaluate(policy, &request));
    settle(decision, &principal, action, arn, "resource-based")
}

/// What the policies of a principal say about an action on a resource; nothing where there is no such
/// user or role.
pub(crate) fn ask_principal(
    account: &Account,
    principal: &str,
    action: &str,
    resource: &str,
    keys: &[(&str, &str)],
) -> Option<Decision> {
    let keys: Vec<(String, String)> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ask(account, principal, action, Some(resource), &keys)
}

fn ask(
    account: &Account,
    principal: &str,
    action: &str,
    resource: Option<&str>,
    keys: &[(String, String)],
) -> Option<Decision> {
    let user = users::by_arn(account, principal).map(users::User::held);
    let role = || iam::role_by_arn(account, principal).map(iam::Role::held);
    let Some(held) = user.or_else(role) else {
        // Whoever calls from outside without being anybody's own is the administrator.
        let is_administrator = principal == account.identity().global_arn("iam", "user/firedrill");
        return is_administrator.then_some(Decision::Allowed);
    };
    let mut context: Context = common(account)
        .with("aws:PrincipalArn", principal)
        .with("aws:PrincipalAccount", account_of(principal).unwrap_or_default());
    for (key, value) in keys {
        context = context.with(key, value);
    }
    Some(permitted(account, &held, action, resource, &context))
}

/// The code with which a service refuses: the older protocols have their own.
fn refusal(service: Service) -> &'static str {
    match service {
        Service::Sns => "AuthorizationError",
        Service::Ec2 => "UnauthorizedOperation",
        Service::CloudWatch
        | Service::AutoScaling
        | Service::Iam
        | Service::Sts
        | Service::CloudFormation => "AccessDenied",
        Service::Events
        | Service::Ssm
        | Service::Fis
        | Service::CodeDeploy
        | Service::Sqs
        | Service::Lambda
        | Service::Incidents
        | Service::Logs
        | Service::StepFunctions
        | Service::GuardDuty
        | Service::SecurityHub
        | Service::CloudTrail
        | Service::Quotas
        | Service::Config
        | Service::AppConfig
        | Service::Ecs => "AccessDeniedException",
    }
}
