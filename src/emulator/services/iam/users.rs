//! IAM users with their policies and access keys, and who it is that signs with a key.
//!
//! Main types: [`User`] and [`Signer`]. Invariant: a key that the account handed out stands for its owner
//! alone; any other key stands for whoever the environment says calls from outside, the administrator
//! where it says nothing. Sources: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html>.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Held, Tag, check_name, encoded, exists, is_aws_managed, managed_policy, missing, read,
};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// The most access keys that a user may have.
const MOST_KEYS: usize = 2;

/// The most sessions of roles that are remembered; the oldest are forgotten first.
const MOST_SESSIONS: usize = 1000;

/// The users of the account, its sessions, and who calls from outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    by_name: IndexMap<String, User>,
    /// Sessions of roles, by access key.
    sessions: IndexMap<String, Session>,
    /// The user whom every key means that the account did not hand out.
    outside: Option<String>,
}

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    name: String,
    id: String,
    arn: String,
    path: String,
    created: Timestamp,
    inline: IndexMap<String, Value>,
    attached: Vec<String>,
    boundary: Option<String>,
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    id: String,
    created: Timestamp,
}

#[derive(Debug, Clone)]
struct Session {
    role: String,
    name: String,
    expires: Timestamp,
}

/// Who signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Nobody said who calls from outside: the administrator.
    Anybody,
    /// The user with this ARN.
    User(String),
    /// A session of a role, by the role's ARN and the session's name.
    Session { role: String, name: String },
    /// A session that is over.
    Expired,
}

impl User {
    /// The policies that decide what the user may do.
    pub(crate) fn held(&self) -> Held<'_> {
        Held {
            inline: self.inline.values().collect(),
            attached: &self.attached,
            boundary: self.boundary.as_deref(),
        }
    }
}

/// The user that has this ARN, if this account has it.
pub(crate) fn by_arn<'a>(account: &'a Account, arn: &str) -> Option<&'a User> {
    account.services.iam.users.by_name.values().find(|user| user.arn == arn)
}

/// Who signs with this access key.
pub(crate) fn signer(account: &Account, key: &str) -> Signer {
    let users = &account.services.iam.users;
    if let Some(session) = users.sessions.get(key) {
        let Session { role, name, expires } = session;
        return if *expires <= account.now() {
            Signer::Expired
        } else {
            Signer::Session { role: role.clone(), name: name.clone() }
        };
    }
    let owner = users.by_name.values().find(|user| user.keys.iter().any(|held| held.id == key));
    let owner = owner.or_else(|| users.by_name.get(users.outside.as_deref()?));
    owner.map_or(Signer::Anybody, |user| Signer::User(user.arn.clone()))
}

/// Remembers a session of a role until it is over.
pub(crate) fn remember(account: &mut Account, key: &str, role: &str, name: &str, until: Timestamp) {
    let session = Session { role: role.to_owned(), name: name.to_owned(), expires: until };
    let sessions = &mut account.services.iam.users.sessions;
    while sessions.len() >= MOST_SESSIONS {
        sessions.shift_remove_index(0);
    }
    sessions.insert(key.to_owned(), session);
}

/// Makes everybody who calls from outside the user `name`, with these policies and no others.
///
/// # Errors
/// A policy is malformed, or the name is none.
pub(crate) fn restrict(
    account: &mut Account,
    name: &str,
    policies: &[Value],
) -> Result<(), ServiceError> {
    check_name(name, 64)?;
    let documents = policies.iter().map(read).collect::<Result<Vec<Value>, _>>()?;
    let mut user = new_user(account, name, "/", None);
    let named = |(index, document)| (format!("policy-{index}"), document);
    user.inline = documents.into_iter().enumerate().map(named).collect();
    let users = &mut account.services.iam.users;
    users.by_name.insert(name.to_owned(), user);
    users.outside = Some(name.to_owned());
    Ok(())
}

fn new_user(account: &mut Account, name: &str, path: &str, boundary: Option<String>) -> User {
    User {
        name: name.to_owned(),
        id: format!("AIDA{}", account.ids.upper(17)),
        arn: account.identity.global_arn("iam", &format!("user{path}{name}")),
        path: path.to_owned(),
        created: account.now(),
        inline: IndexMap::new(),
        attached: Vec::new(),
        boundary,
        keys: Vec::new(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateUser {
    user_name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    permissions_boundary: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UserOnly {
    user_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutUserPolicy {
    user_name: String,
    policy_name: String,
    policy_document: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UserPolicy {
    user_name: String,
    policy_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AttachUserPolicy {
    user_name: String,
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteKey {
    user_name: String,
    access_key_id: String,
}

/// `CreateUser`.
pub(super) fn create(account: &mut Account, input: CreateUser) -> Answer {
    let name = input.user_name;
    check_name(&name, 64)?;
    if account.services.iam.users.by_name.contains_key(&name) {
        return Err(exists("User", &name));
    }
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let user = new_user(account, &name, &path, input.permissions_boundary);
    let answer = json!({ "User": show(&user) });
    account.services.iam.users.by_name.insert(name, user);
    Ok(answer)
}

/// `GetUser`.
pub(super) fn get(account: &mut Account, input: UserOnly) -> Answer {
    Ok(json!({ "User": show(user(account, &input.user_name)?) }))
}

/// `DeleteUser`.
pub(super) fn delete(account: &mut Account, input: UserOnly) -> Answer {
    let found = user(account, &input.user_name)?;
    if !(found.inline.is_empty() && found.attached.is_empty() && found.keys.is_empty()) {
        let message = "Cannot delete entity, must delete its policies and access keys first.";
        return Err(ServiceError { status: 409, ..ServiceError::new("DeleteConflict", message) });
    }
    account.services.iam.users.by_name.shift_remove(&input.user_name);
    Ok(json!({}))
}

/// `PutUserPolicy`.
pub(super) fn put_policy(account: &mut Account, input: PutUserPolicy) -> Answer {
    let document = read(&input.policy_document)?;
    user_mut(account, &input.user_name)?.inline.insert(input.policy_name, document);
    Ok(json!({}))
}

/// `GetUserPolicy`.
pub(super) fn get_policy(account: &mut Account, input: UserPolicy) -> Answer {
    let found = user(account, &input.user_name)?.inline.get(&input.policy_name);
    let document = found.ok_or_else(|| missing("user policy", &input.policy_name))?;
    Ok(json!({
        "UserName": input.user_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": encoded(document),
    }))
}

/// `DeleteUserPolicy`.
pub(super) fn delete_policy(account: &mut Account, input: UserPolicy) -> Answer {
    let inline = &mut user_mut(account, &input.user_name)?.inline;
    match inline.shift_remove(&input.policy_name) {
        Some(_) => Ok(json!({})),
        None => Err(missing("user policy", &input.policy_name)),
    }
}

/// `AttachUserPolicy`.
pub(super) fn attach_policy(account: &mut Account, input: AttachUserPolicy) -> Answer {
    let arn = input.policy_arn;
    if !is_aws_managed(&arn) && managed_policy(account, &arn).is_none() {
        return Err(missing("policy", &arn));
    }
    let attached = &mut user_mut(account, &input.user_name)?.attached;
    if !attached.contains(&arn) {
        attached.push(arn);
    }
    Ok(json!({}))
}

/// `DetachUserPolicy`.
pub(super) fn detach_policy(account: &mut Account, input: AttachUserPolicy) -> Answer {
    let attached = &mut user_mut(account, &input.user_name)?.attached;
    let before = attached.len();
    attached.retain(|arn| *arn != input.policy_arn);
    if attached.len() == before {
        return Err(missing("policy", &input.policy_arn));
    }
    Ok(json!({}))
}

/// `CreateAccessKey`: whoever signs with it is the user.
pub(super) fn create_key(account: &mut Account, input: UserOnly) -> Answer {
    if user(account, &input.user_name)?.keys.len() >= MOST_KEYS {
        let message = format!("Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}");
        return Err(ServiceError { status: 409, ..ServiceError::new("LimitExceeded", message) });
    }
    let key = Key { id: format!("AKIA{}", account.ids.upper(16)), created: account.now() };
    let answer = json!({ "AccessKey": {
        "UserName": input.user_name,
        "AccessKeyId": key.id,
        "Status": "Active",
        "SecretAccessKey": account.ids.alphanumeric(40),
        "CreateDate": epoch_seconds(key.created),
    }});
    user_mut(account, &input.user_name)?.keys.push(key);
    Ok(answer)
}

/// `ListAccessKeys`.
pub(super) fn list_keys(account: &mut Account, input: UserOnly) -> Answer {
    let found = user(account, &input.user_name)?;
    let show = |key: &Key| {
        json!({"UserName": found.name, "AccessKeyId": key.id, "Status": "Active",
            "CreateDate": epoch_seconds(key.created)})
    };
    let keys: Vec<Value> = found.keys.iter().map(show).collect();
    Ok(json!({ "AccessKeyMetadata": keys, "IsTruncated": false }))
}

/// `DeleteAccessKey`.
pub(super) fn delete_key(account: &mut Account, input: DeleteKey) -> Answer {
    let keys = &mut user_mut(account, &input.user_name)?.keys;
    let before = keys.len();
    keys.retain(|key| key.id != input.access_key_id);
    if keys.len() == before {
        return Err(missing("Access Key with id", &input.access_key_id));
    }
    Ok(json!({}))
}

fn show(user: &User) -> Value {
    json!({
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": epoch_seconds(user.created),
    })
}

fn user<'a>(account: &'a Account, name: &str) -> Result<&'a User, ServiceError> {
    let found = account.services.iam.users.by_name.get(name);
    found.ok_or_else(|| missing("user with name", name))
}

fn user_mut<'a>(account: &'a mut Account, name: &str) -> Result<&'a mut User, ServiceError> {
    let found = account.services.iam.users.by_name.get_mut(name);
    found.ok_or_else(|| missing("user with name", name))
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

    fn call(account: &mut Account, operation: &str, input: Value) -> Value {
        account.call(Service::Iam, operation, input).expect(operation)
    }

    /// The user `drill` with a policy on one topic, and the user's access key.
    fn drill(account: &mut Account, statements: &Value) -> String {
        call(account, "CreateUser", json!({"UserName": "drill"}));
        let document = json!({ "Statement": statements });
        let input = json!({"UserName": "drill", "PolicyName": "p", "PolicyDocument": document});
        call(account, "PutUserPolicy", input);
        let key = call(account, "CreateAccessKey", json!({"UserName": "drill"}));
        key["AccessKey"]["AccessKeyId"].as_str().expect("an id").to_owned()
    }

    const PAGER: &str = "arn:aws:sns:eu-west-1:111122223333:pager";

    #[test]
    fn whoever_signs_with_a_users_key_may_do_what_the_users_policies_allow() {
        let mut account = account();
        account.call(Service::Sns, "CreateTopic", json!({"Name": "pager"})).expect("a topic");
        let allow = json!({"Effect": "Allow", "Action": "sns:Publish", "Resource": PAGER});
        let key = drill(&mut account, &allow);
        let publish = json!({"TopicArn": PAGER, "Message": "m"});
        account.call_signed(&key, Service::Sns, "Publish", publish.clone()).expect("it is allowed");
        let delete = json!({"TopicArn": PAGER});
        let error = account.call_signed(&key, Service::Sns, "DeleteTopic", delete).unwrap_err();
        assert_eq!(error.code, "AuthorizationError");
        assert!(error.message.contains("user/drill is not authorized"), "{}", error.message);
        // A key that nobody handed out is the administrator's, until callers are restricted.
        account.call_signed("AKIAOTHER", Service::Sns, "Publish", publish.clone()).expect("any");
        account.restrict_callers(&json!({"Statement": []})).expect("a policy");
        account.call_signed("AKIAOTHER", Service::Sns, "Publish", publish).unwrap_err();
    }

    #[test]
    fn the_simulator_answers_as_the_account_decides() {
        let mut account = account();
        let statements = json!([
            {"Effect": "Allow", "Action": "sns:*", "Resource": PAGER},
            {"Effect": "Deny", "Action": "sns:DeleteTopic", "Resource": "*"},
            {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*",
                "Condition": {"StringEquals": {"cloudwatch:namespace": "Shop"}}},
        ]);
        drill(&mut account, &statements);
        let arn = "arn:aws:iam::111122223333:user/drill";
        let mut ask = |actions: &[&str], resource: &str, context: Value| {
            let input = json!({"PolicySourceArn": arn, "ActionNames": actions,
                "ResourceArns": [resource], "ContextEntries": context});
            let answer = call(&mut account, "SimulatePrincipalPolicy", input);
            let results = answer["EvaluationResults"].as_array().expect("results").clone();
            results.into_iter().map(|one| one["EvalDecision"].clone()).collect::<Vec<_>>()
        };
        let told = ask(&["sns:Publish", "sns:DeleteTopic", "sqs:SendMessage"], PAGER, json!([]));
        assert_eq!(told, ["allowed", "explicitDeny", "implicitDeny"]);
        let namespace = |name: &str| {
            json!([{"ContextKeyName": "cloudwatch:namespace", "ContextKeyValues": [name],
                "ContextKeyType": "string"}])
        };
        let put = ["cloudwatch:PutMetricData"];
        assert_eq!(ask(&put, "*", namespace("Shop")), ["allowed"]);
        assert_eq!(ask(&put, "*", namespace("Other")), ["implicitDeny"]);
    }

    #[test]
    fn a_session_is_its_role_until_it_expires() {
        let mut account = account();
        let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}});
        let role = json!({"RoleName": "drills", "AssumeRolePolicyDocument": trust});
        call(&mut account, "CreateRole", role);
        let arn = "arn:aws:iam::111122223333:role/drills";
        let key = drill(
            &mut account,
            &json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}),
        );
        let input = json!({"RoleArn": arn, "RoleSessionName": "one", "DurationSeconds": 900});
        let answer =
            account.call_signed(&key, Service::Sts, "AssumeRole", input).expect("a session");
        let session = answer["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
        let who = account.call_signed(&session, Service::Sts, "GetCallerIdentity", Value::Null);
        let who = who.expect("everybody may ask");
        assert_eq!(who["Arn"], "arn:aws:sts::111122223333:assumed-role/drills/one");
        account.call_signed(&session, Service::Sns, "ListTopics", Value::Null).unwrap_err();
        account.advance(account.now() + jiff::SignedDuration::from_secs(900));
        let error = account
            .call_signed(&session, Service::Sts, "GetCallerIdentity", Value::Null)
            .unwrap_err();
        assert_eq!(error.code, "ExpiredTokenException");
    }
}
