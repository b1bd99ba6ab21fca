//! IAM: roles with their trust policies, users with their access keys, inline and managed policies.
//!
//! Main type: [`State`]. Invariant: policy documents are kept parsed, so a malformed one is refused when
//! it is written and never when it is evaluated. The evaluation itself is in [`crate::emulator::policy`].
//! The text of AWS-managed policies is not here; they are remembered by ARN and count as allowing.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod profiles;
mod simulate;
pub(crate) mod users;

use std::collections::BTreeSet;

use indexmap::IndexMap;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::policy::document;

/// The roles and the customer-managed policies of the account.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    roles: IndexMap<String, Role>,
    /// Customer-managed policies by ARN.
    policies: IndexMap<String, Managed>,
    profiles: IndexMap<String, profiles::Profile>,
    users: users::Users,
    organization: Option<String>,
}

/// A role, as the policy evaluator sees it.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    name: String,
    id: String,
    arn: String,
    path: String,
    created: Timestamp,
    trust: Value,
    inline: IndexMap<String, Value>,
    attached: Vec<String>,
    boundary: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Debug, Clone)]
struct Managed {
    name: String,
    id: String,
    path: String,
    created: Timestamp,
    document: Value,
}

/// What the service has on the agenda: nothing; changes take effect at once.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateRole": CreateRole => create_role,
    "GetRole": RoleOnly => get_role,
    "ListRoles": ListRoles => list_roles,
    "DeleteRole": RoleOnly => delete_role,
    "UpdateAssumeRolePolicy": UpdateTrust => update_trust,
    "PutRolePolicy": PutRolePolicy => put_role_policy,
    "GetRolePolicy": RolePolicy => get_role_policy,
    "DeleteRolePolicy": RolePolicy => delete_role_policy,
    "ListRolePolicies": RoleOnly => list_role_policies,
    "AttachRolePolicy": AttachRolePolicy => attach_role_policy,
    "DetachRolePolicy": AttachRolePolicy => detach_role_policy,
    "ListAttachedRolePolicies": RoleOnly => list_attached_role_policies,
    "CreatePolicy": CreatePolicy => create_policy,
    "GetPolicy": PolicyOnly => get_policy,
    "DeletePolicy": PolicyOnly => delete_policy,
    "CreateInstanceProfile": profiles::CreateProfile => profiles::create,
    "GetInstanceProfile": profiles::ProfileOnly => profiles::get,
    "DeleteInstanceProfile": profiles::ProfileOnly => profiles::delete,
    "AddRoleToInstanceProfile": profiles::ProfileAndRole => profiles::add_role,
    "RemoveRoleFromInstanceProfile": profiles::ProfileAndRole => profiles::remove_role,
    "CreateUser": users::CreateUser => users::create,
    "GetUser": users::UserOnly => users::get,
    "DeleteUser": users::UserOnly => users::delete,
    "PutUserPolicy": users::PutUserPolicy => users::put_policy,
    "GetUserPolicy": users::UserPolicy => users::get_policy,
    "DeleteUserPolicy": users::UserPolicy => users::delete_policy,
    "AttachUserPolicy": users::AttachUserPolicy => users::attach_policy,
    "DetachUserPolicy": users::AttachUserPolicy => users::detach_policy,
    "CreateAccessKey": users::UserOnly => users::create_key,
    "ListAccessKeys": users::UserOnly => users::list_keys,
    "DeleteAccessKey": users::DeleteKey => users::delete_key,
    "SimulatePrincipalPolicy": simulate::Simulate => simulate::simulate,
];

/// Sets up what every account has: no role.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}

impl Role {
    /// Who may assume the role.
    pub(crate) fn trust(&self) -> &Value {
        &self.trust
    }

    /// The policies that decide what the role may do.
    pub(crate) fn held(&self) -> Held<'_> {
        Held {
            inline: self.inline.values().collect(),
            attached: &self.attached,
            boundary: self.boundary.as_deref(),
        }
    }
}

/// The policies that decide what a user or a role may do.
#[derive(Debug, Clone)]
pub(crate) struct Held<'a> {
    /// The inline policies' documents.
    pub(crate) inline: Vec<&'a Value>,
    /// The ARNs of the managed policies that are attached.
    pub(crate) attached: &'a [String],
    /// The ARN of the policy that bounds the permissions.
    pub(crate) boundary: Option<&'a str>,
}

/// The role that has this ARN, if this account has it.
pub(crate) fn role_by_arn<'a>(account: &'a Account, arn: &str) -> Option<&'a Role> {
    account.services.iam.roles.get(name_of(arn)).filter(|role| role.arn == arn)
}

/// The document of a customer-managed policy.
pub(crate) fn managed_policy<'a>(account: &'a Account, arn: &str) -> Option<&'a Value> {
    account.services.iam.policies.get(arn).map(|managed| &managed.document)
}

/// Whether AWS itself keeps this policy (its account field is `aws`).
pub(crate) fn is_aws_managed(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

/// The AWS-managed policies that roles of the account rely on, each once, sorted.
pub(crate) fn aws_managed_in_use(account: &Account) -> BTreeSet<&str> {
    let attached = account.services.iam.roles.values().flat_map(|role| &role.attached);
    attached.map(String::as_str).filter(|arn| is_aws_managed(arn)).collect()
}

/// The organization that the account belongs to (`aws:PrincipalOrgID`), where the environment says.
pub(crate) fn organization(account: &Account) -> Option<&str> {
    account.services.iam.organization.as_deref()
}

/// Puts the account into an organization, such as `o-a1b2c3d4e5`.
pub(crate) fn set_organization(account: &mut Account, id: &str) {
    account.services.iam.organization = Some(id.to_owned());
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

impl Tag {
    fn show(&self) -> Value {
        json!({ "Key": self.key, "Value": self.value })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateRole {
    role_name: String,
    assume_role_policy_document: Value,
    #[serde(default)]
    path: Option<String>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "MaxSessionDuration")]
    _max_session_duration: Option<Value>,
    #[serde(default)]
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RoleOnly {
    role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListRoles {
    #[serde(default)]
    path_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateTrust {
    role_name: String,
    policy_document: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RolePolicy {
    role_name: String,
    policy_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttachRolePolicy {
    role_name: String,
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreatePolicy {
    policy_name: String,
    policy_document: Value,
    #[serde(default)]
    path: Option<String>,
    #[serde(default, rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyOnly {
    policy_arn: String,
}

fn create_role(account: &mut Account, input: CreateRole) -> Answer {
    let name = input.role_name;
    check_name(&name, 64)?;
    if account.services.iam.roles.contains_key(&name) {
        return Err(exists("Role", &name));
    }
    let trust = read(&input.assume_role_policy_document)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let role = Role {
        id: format!("AROA{}", account.ids.upper(17)),
        arn: account.identity.global_arn("iam", &format!("role{path}{name}")),
        name: name.clone(),
        path,
        created: account.now(),
        trust,
        inline: IndexMap::new(),
        attached: Vec::new(),
        boundary: input.permissions_boundary,
        tags: input.tags,
    };
    let answer = json!({ "Role": show_role(&role) });
    account.services.iam.roles.insert(name, role);
    Ok(answer)
}

fn get_role(account: &mut Account, input: RoleOnly) -> Answer {
    Ok(json!({ "Role": show_role(role(account, &input.role_name)?) }))
}

fn list_roles(account: &mut Account, input: ListRoles) -> Answer {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let roles = account.services.iam.roles.values();
    let shown: Vec<Value> =
        roles.filter(|role| role.path.starts_with(&prefix)).map(show_role).collect();
    Ok(json!({ "Roles": shown, "IsTruncated": false }))
}

fn delete_role(account: &mut Account, input: RoleOnly) -> Answer {
    let found = role(account, &input.role_name)?;
    if !found.inline.is_empty() || !found.attached.is_empty() {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new(
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
            )
        });
    }
    account.services.iam.roles.shift_remove(&input.role_name);
    Ok(json!({}))
}

fn update_trust(account: &mut Account, input: UpdateTrust) -> Answer {
    let trust = read(&input.policy_document)?;
    role_mut(account, &input.role_name)?.trust = trust;
    Ok(json!({}))
}

fn put_role_policy(account: &mut Account, input: PutRolePolicy) -> Answer {
    let document = read(&input.policy_document)?;
    role_mut(account, &input.role_name)?.inline.insert(input.policy_name, document);
    Ok(json!({}))
}

fn get_role_policy(account: &mut Account, input: RolePolicy) -> Answer {
    let found = role(account, &input.role_name)?;
    let document = found
        .inline
        .get(&input.policy_name)
        .ok_or_else(|| missing("role policy", &input.policy_name))?;
    Ok(json!({
        "RoleName": input.role_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": encoded(document),
    }))
}

fn delete_role_policy(account: &mut Account, input: RolePolicy) -> Answer {
    let inline = &mut role_mut(account, &input.role_name)?.inline;
    match inline.shift_remove(&input.policy_name) {
        Some(_) => Ok(json!({})),
        None => Err(missing("role policy", &input.policy_name)),
    }
}

fn list_role_policies(account: &mut Account, input: RoleOnly) -> Answer {
    let names: Vec<&String> = role(account, &input.role_name)?.inline.keys().collect();
    Ok(json!({ "PolicyNames": names, "IsTruncated": false }))
}

fn attach_role_policy(account: &mut Account, input: AttachRolePolicy) -> Answer {
    let arn = input.policy_arn;
    if !is_aws_managed(&arn) && managed_policy(account, &arn).is_none() {
        return Err(missing("policy", &arn));
    }
    let attached = &mut role_mut(account, &input.role_name)?.attached;
    if !attached.contains(&arn) {
        attached.push(arn);
    }
    Ok(json!({}))
}

fn detach_role_policy(account: &mut Account, input: AttachRolePolicy) -> Answer {
    let attached = &mut role_mut(account, &input.role_name)?.attached;
    let before = attached.len();
    attached.retain(|arn| *arn != input.policy_arn);
    if attached.len() == before {
        return Err(missing("policy", &input.policy_arn));
    }
    Ok(json!({}))
}

fn list_attached_role_policies(account: &mut Account, input: RoleOnly) -> Answer {
    let attached: Vec<Value> = role(account, &input.role_name)?
        .attached
        .iter()
        .map(|arn| json!({ "PolicyName": name_of(arn), "PolicyArn": arn }))
        .collect();
    Ok(json!({ "AttachedPolicies": attached, "IsTruncated": false }))
}

fn create_policy(account: &mut Account, input: CreatePolicy) -> Answer {
    check_name(&input.policy_name, 128)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let arn = account.identity.global_arn("iam", &format!("policy{path}{}", input.policy_name));
    if account.services.iam.policies.contains_key(&arn) {
        return Err(exists("Policy", &input.policy_name));
    }
    let managed = Managed {
        name: input.policy_name,
        id: format!("ANPA{}", account.ids.upper(17)),
        path,
        created: account.now(),
        document: read(&input.policy_document)?,
    };
    let answer = json!({ "Policy": show_policy(account, &arn, &managed) });
    account.services.iam.policies.insert(arn, managed);
    Ok(answer)
}

fn get_policy(account: &mut Account, input: PolicyOnly) -> Answer {
    let arn = input.policy_arn;
    let managed = account.services.iam.policies.get(&arn).ok_or_else(|| missing("policy", &arn))?;
    Ok(json!({ "Policy": show_policy(account, &arn, managed) }))
}

fn delete_policy(account: &mut Account, input: PolicyOnly) -> Answer {
    let arn = input.policy_arn;
    if account.services.iam.roles.values().any(|role| role.attached.contains(&arn)) {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new("DeleteConflict", "Cannot delete a policy attached to entities.")
        });
    }
    match account.services.iam.policies.shift_remove(&arn) {
        Some(_) => Ok(json!({})),
        None => Err(missing("policy", &arn)),
    }
}

fn show_role(role: &Role) -> Value {
    let mut shown = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": epoch_seconds(role.created),
        "AssumeRolePolicyDocument": encoded(&role.trust),
    });
    if !role.tags.is_empty() {
        shown["Tags"] = role.tags.iter().map(Tag::show).collect();
    }
    shown
}

fn show_policy(account: &Account, arn: &str, managed: &Managed) -> Value {
    let roles = account.services.iam.roles.values();
    let attachments = roles.filter(|role| role.attached.iter().any(|held| held == arn)).count();
    json!({
        "PolicyName": managed.name,
        "PolicyId": managed.id,
        "Arn": arn,
        "Path": managed.path,
        "DefaultVersionId": "v1",
        "AttachmentCount": attachments,
        "IsAttachable": true,
        "CreateDate": epoch_seconds(managed.created),
    })
}

/// IAM answers policy documents percent-encoded, as RFC 3986 has it.
fn encoded(document: &Value) -> String {
    utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string()
}

fn read(policy: &Value) -> Result<Value, ServiceError> {
    document::read(policy).map_err(|why| ServiceError::new("MalformedPolicyDocument", why))
}

fn check_name(name: &str, most: usize) -> Result<(), ServiceError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > most || !name.chars().all(legal) {
        return Err(ServiceError::new("ValidationError", format!("The name {name:?} is invalid.")));
    }
    Ok(())
}

fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn role<'a>(account: &'a Account, name: &str) -> Result<&'a Role, ServiceError> {
    account.services.iam.roles.get(name).ok_or_else(|| no_role(name))
}

fn role_mut<'a>(account: &'a mut Account, name: &str) -> Result<&'a mut Role, ServiceError> {
    account.services.iam.roles.get_mut(name).ok_or_else(|| no_role(name))
}

fn no_role(name: &str) -> ServiceError {
    missing("role with name", name)
}

fn missing(kind: &str, name: &str) -> ServiceError {
    ServiceError {
        status: 404,
        ..ServiceError::new("NoSuchEntity", format!("The {kind} {name} cannot be found."))
    }
}

fn exists(kind: &str, name: &str) -> ServiceError {
    ServiceError {
        status: 409,
        ..ServiceError::new(
            "EntityAlreadyExists",
            format!("{kind} with name {name} already exists."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::account::Identity;
    use crate::emulator::services::Service;

    fn account() -> Account {
        let identity = Identity {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        };
        Account::new(identity, "2026-03-02T09:00:00Z".parse().expect("a timestamp"), 7)
    }

    fn trust() -> Value {
        json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "events.amazonaws.com"}}})
    }

    #[test]
    fn a_role_is_found_by_the_arn_that_carries_its_path() {
        let mut account = account();
        let input = json!({"RoleName": "runner", "Path": "/ops/",
            "AssumeRolePolicyDocument": trust().to_string()});
        let answer = account.call(Service::Iam, "CreateRole", input).expect("a role");
        let arn = "arn:aws:iam::111122223333:role/ops/runner";
        assert_eq!(answer["Role"]["Arn"], arn);
        assert!(role_by_arn(&account, arn).is_some());
        assert!(role_by_arn(&account, "arn:aws:iam::111122223333:role/runner").is_none());
        assert!(role_by_arn(&account, "arn:aws:iam::444455556666:role/ops/runner").is_none());
    }

    #[test]
    fn a_malformed_trust_policy_is_refused() {
        let mut account = account();
        let input = json!({"RoleName": "runner", "AssumeRolePolicyDocument": "{"});
        let error = account.call(Service::Iam, "CreateRole", input).expect_err("malformed");
        assert_eq!(error.code, "MalformedPolicyDocument");
    }

    #[test]
    fn a_customer_policy_must_exist_and_an_aws_policy_is_remembered() {
        let mut account = account();
        let input = json!({"RoleName": "runner", "AssumeRolePolicyDocument": trust()});
        account.call(Service::Iam, "CreateRole", input).expect("a role");
        let attach = |account: &mut Account, arn: &str| {
            let input = json!({"RoleName": "runner", "PolicyArn": arn});
            account.call(Service::Iam, "AttachRolePolicy", input)
        };
        let own = "arn:aws:iam::111122223333:policy/none";
        assert_eq!(attach(&mut account, own).expect_err("none").code, "NoSuchEntity");
        let aws = "arn:aws:iam::aws:policy/service-role/AmazonSSMAutomationRole";
        attach(&mut account, aws).expect("attached");
        assert_eq!(aws_managed_in_use(&account).into_iter().collect::<Vec<_>>(), [aws]);
    }
}
