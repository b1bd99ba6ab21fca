//! IAM: who may do what, in the part that delivery and runbooks depend on.
//!
//! Main types: [`Caller`] and [`authorize`]. Invariant: a call of a service or of a role succeeds only
//! if a policy that stands in the account says so; an explicit deny wins. Two limits are named and not
//! hidden: AWS-managed policies, whose text is not here, count as allowing ([`unevaluated`] lists them),
//! and a call whose resource the emulator can't name from its input is allowed by any resource.

pub(crate) mod document;
mod needs;
mod outside;
mod resources;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::document::{Context, Decision, Principal, Request};
use super::account::Account;
use super::error::ServiceError;
use super::services::{Service, iam, sns, sqs};

pub(crate) use outside::{admits_account, ask_principal, caller_of, trusts};

/// On whose behalf a call is made inside the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The account's administrator: nothing is refused.
    Administrator,
    /// An AWS service on behalf of one resource: resource policies decide.
    Service {
        /// The service principal, such as `events.amazonaws.com`.
        principal: &'static str,
        /// The resource on whose behalf it acts (a rule's or an alarm's ARN).
        source_arn: String,
    },
    /// A role that a service assumed: the role's trust policy and its permission policies decide.
    Role {
        /// The role's ARN.
        arn: String,
        /// The service principal that assumed it, such as `ssm.amazonaws.com`.
        assumed_by: &'static str,
    },
    /// An IAM user who calls from outside: the user's policies decide.
    User {
        /// The user's ARN.
        arn: String,
    },
    /// A role that somebody assumed from outside: the role's policies decide.
    Session {
        /// The role's ARN.
        role: String,
        /// The session's name.
        name: String,
    },
}

/// Whether the caller may make this call; the refusal names principal, action and resource.
pub(crate) fn authorize(
    account: &Account,
    caller: &Caller,
    service: Service,
    operation: &str,
    input: &Value,
) -> Result<(), ServiceError> {
    let action = resources::action(service, operation);
    match caller {
        Caller::Administrator => Ok(()),
        Caller::Service { principal, source_arn } => {
            authorize_service(account, principal, source_arn, &action, service, input)
        }
        Caller::Role { arn, assumed_by } => {
            let role = assume(account, arn, assumed_by)?;
            authorize_role(account, role, arn, &action, service, input)?;
            pass_role(account, role, arn, service, operation, input)
        }
        Caller::User { .. } | Caller::Session { .. } => {
            outside::authorize(account, caller, service, operation, input)
        }
    }
}

/// Whether a role stands in this account and lets the service assume it.
pub(crate) fn may_assume(account: &Account, arn: &str, assumed_by: &str) -> bool {
    assume(account, arn, assumed_by).is_ok()
}

/// What the emulator could not read and takes as allowing: AWS-managed policies, and the key policies of
/// customers' own keys on queues and topics.
pub(crate) fn unevaluated(account: &Account) -> Vec<String> {
    let policies = iam::aws_managed_in_use(account).into_iter().map(str::to_owned);
    let keys = sqs::keys(account).chain(sns::keys(account));
    let keys = keys
        .filter(|(_, key)| !is_aws_key(key))
        .map(|(resource, key)| format!("the policy of the key {key} on {resource}"));
    policies.chain(keys).collect()
}

/// Keys such as `alias/aws/sqs` belong to AWS, and nobody can let a service use them.
fn is_aws_key(key: &str) -> bool {
    key.contains("alias/aws/")
}

/// A service can't write to what an AWS-managed key encrypts: a well-known way to lose every message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html>).
fn check_key(
    account: &Account,
    principal: &str,
    service: Service,
    input: &Value,
) -> Result<(), ServiceError> {
    let name = |key: &str| input.get(key).and_then(Value::as_str);
    let key = match service {
        Service::Sqs => name("QueueUrl").and_then(|queue| sqs::queue_key(account, queue)),
        Service::Sns => name("TopicArn").and_then(|topic| sns::topic_key(account, topic)),
        _ => None,
    };
    match key {
        Some(key) if is_aws_key(key) => {
            Err(ServiceError::access_denied(principal, "kms:GenerateDataKey", key))
        }
        Some(_) | None => Ok(()),
    }
}

/// The refusal of an assumed role starts with this operation; callers tell it from other refusals by it.
pub(crate) const ASSUME_ROLE: &str = "sts:AssumeRole";

fn authorize_service(
    account: &Account,
    principal: &str,
    source_arn: &str,
    action: &str,
    service: Service,
    input: &Value,
) -> Result<(), ServiceError> {
    let Some(guard) = resources::guard(account, service, action, input) else {
        return Ok(());
    };
    let owner = account_of(source_arn).unwrap_or(&account.identity.account);
    let mut context = common(account)
        .with("aws:SourceArn", source_arn)
        .with("aws:SourceAccount", owner)
        .with("aws:PrincipalAccount", owner);
    // CloudWatch publishes with the owner's account, which is why an alarm may use a topic that still
    // has its default policy and a rule may not.
    if principal == "cloudwatch.amazonaws.com" {
        context = context.with("aws:SourceOwner", owner);
    }
    // A bus is sent to on behalf of the sender's account, so its policy may name that account too.
    let named = [Principal::Service(principal), Principal::Aws(owner)];
    let principals = if service == Service::Events { &named[..] } else { &named[..1] };
    let request = Request { principals, action, resource: Some(&guard.arn), context: &context };
    settle(guard.ask(&request), principal, action, &guard.arn, "resource-based")?;
    check_key(account, principal, service, input)
}

/// The role, if it stands in this account and lets the service assume it.
fn assume<'a>(
    account: &'a Account,
    arn: &str,
    assumed_by: &str,
) -> Result<&'a iam::Role, ServiceError> {
    let refused = || ServiceError::access_denied(assumed_by, ASSUME_ROLE, arn);
    let role = iam::role_by_arn(account, arn).ok_or_else(refused)?;
    let identity = &account.identity;
    let service = assumed_by.split('.').next().unwrap_or(assumed_by);
    let source =
        format!("arn:{}:{service}:{}:{}", identity.partition, identity.region, identity.account);
    let context =
        common(account).with("aws:SourceAccount", &identity.account).with_source_in(source);
    let request = Request {
        principals: &[Principal::Service(assumed_by)],
        action: ASSUME_ROLE,
        resource: None,
        context: &context,
    };
    let decision = document::evaluate(role.trust(), &request);
    settle(decision, assumed_by, ASSUME_ROLE, arn, "trust")?;
    Ok(role)
}

fn authorize_role(
    account: &Account,
    role: &iam::Role,
    arn: &str,
    action: &str,
    service: Service,
    input: &Value,
) -> Result<(), ServiceError> {
    let context = common(account)
        .with("aws:PrincipalArn", arn)
        .with("aws:PrincipalAccount", &account.identity.account);
    for candidates in resources::needed(account, service, action, input) {
        let decision = candidates
            .iter()
            .map(|resource| permitted(account, &role.held(), action, resource.as_deref(), &context))
            .reduce(Decision::and)
            .unwrap_or(Decision::Silent(Vec::new()));
        let shown = candidates.first().cloned().flatten().unwrap_or_else(|| "*".to_owned());
        settle(decision, arn, action, &shown, "identity-based")?;
    }
    // Somebody else's resource also has to let us in.
    let Some(guard) = resources::guard(account, service, action, input) else {
        return Ok(());
    };
    if account_of(&guard.arn) == Some(account.identity.account.as_str()) {
        return Ok(());
    }
    let request = Request {
        principals: &[Principal::Aws(arn)],
        action,
        resource: Some(&guard.arn),
        context: &context,
    };
    settle(guard.ask(&request), arn, action, &guard.arn, "resource-based")
}

/// Handing a role to a service needs `iam:PassRole` on that role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>).
fn pass_role(
    account: &Account,
    role: &iam::Role,
    arn: &str,
    service: Service,
    operation: &str,
    input: &Value,
) -> Result<(), ServiceError> {
    for (passed, to) in resources::passed_roles(service, operation, input) {
        let context = common(account).with("iam:PassedToService", to);
        let decision = permitted(account, &role.held(), "iam:PassRole", Some(passed), &context);
        settle(decision, arn, "iam:PassRole", passed, "identity-based")?;
    }
    Ok(())
}

/// What the policies of a user or a role say about one resource.
fn permitted(
    account: &Account,
    held: &iam::Held<'_>,
    action: &str,
    resource: Option<&str>,
    context: &Context,
) -> Decision {
    let request = Request { principals: &[], action, resource, context };
    let mut decision = Decision::Silent(Vec::new());
    for policy in &held.inline {
        decision = decision.and(document::evaluate(policy, &request));
    }
    for arn in held.attached {
        let said = match iam::managed_policy(account, arn) {
            Some(policy) => document::evaluate(policy, &request),
            None if iam::is_aws_managed(arn) => Decision::Allowed,
            None => Decision::Silent(Vec::new()),
        };
        decision = decision.and(said);
    }
    // A boundary allows nothing by itself; what it does not allow, nothing else can.
    match held.boundary.and_then(|arn| iam::managed_policy(account, arn)) {
        Some(boundary) => match (document::evaluate(boundary, &request), decision) {
            (Decision::Allowed, decision) => decision,
            (refused, _) => refused,
        },
        None => decision,
    }
}

fn common(account: &Account) -> Context {
    let context = Context::default()
        .with("aws:SecureTransport", "true")
        .with("aws:RequestedRegion", &account.identity.region);
    match iam::organization(account) {
        Some(id) => context.with("aws:PrincipalOrgID", id),
        None => context,
    }
}

/// Turns a decision into AWS's wording of a refusal.
fn settle(
    decision: Decision,
    principal: &str,
    action: &str,
    resource: &str,
    kind: &str,
) -> Result<(), ServiceError> {
    let mut refusal = ServiceError::access_denied(principal, action, resource);
    let why = match decision {
        Decision::Allowed => return Ok(()),
        Decision::Denied => format!(" with an explicit deny in a {kind} policy"),
        Decision::Silent(unknown) if unknown.is_empty() => {
            format!(" because no {kind} policy allows the {action} action")
        }
        Decision::Silent(unknown) => format!(
            " because no {kind} policy allows the {action} action (conditions that the emulated account does not evaluate: {})",
            unknown.join(", ")
        ),
    };
    refusal.message.push_str(&why);
    Err(refusal)
}

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}
