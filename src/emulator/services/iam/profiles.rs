//! Instance profiles: the containers in which EC2 takes a role.
//!
//! Main type: [`Profile`]. Invariant: a profile holds at most one role, which exists.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, check_name, exists, missing, role, show_role};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// An instance profile.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    id: String,
    arn: String,
    path: String,
    created: Timestamp,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateProfile {
    instance_profile_name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProfileOnly {
    instance_profile_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProfileAndRole {
    instance_profile_name: String,
    role_name: String,
}

/// `CreateInstanceProfile`.
pub(super) fn create(account: &mut Account, input: CreateProfile) -> Answer {
    let name = input.instance_profile_name;
    check_name(&name, 128)?;
    if account.services.iam.profiles.contains_key(&name) {
        return Err(exists("Instance Profile", &name));
    }
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let profile = Profile {
        id: format!("AIPA{}", account.ids.upper(17)),
        arn: account.identity.global_arn("iam", &format!("instance-profile{path}{name}")),
        path,
        created: account.now(),
        role: None,
    };
    let shown = show(account, &name, &profile);
    account.services.iam.profiles.insert(name, profile);
    Ok(json!({ "InstanceProfile": shown }))
}

/// `GetInstanceProfile`.
pub(super) fn get(account: &mut Account, input: ProfileOnly) -> Answer {
    let name = input.instance_profile_name;
    let profiles = &account.services.iam.profiles;
    let profile = profiles.get(&name).ok_or_else(|| missing("instance profile", &name))?;
    Ok(json!({ "InstanceProfile": show(account, &name, profile) }))
}

fn show(account: &Account, name: &str, profile: &Profile) -> Value {
    let held = profile.role.as_ref().and_then(|name| role(account, name).ok());
    let roles: Vec<Value> = held.map(show_role).into_iter().collect();
    json!({
        "Path": profile.path,
        "InstanceProfileName": name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": epoch_seconds(profile.created),
        "Roles": roles,
    })
}

/// `DeleteInstanceProfile`: not while it holds a role.
pub(super) fn delete(account: &mut Account, input: ProfileOnly) -> Answer {
    let name = input.instance_profile_name;
    if find(&mut account.services.iam.profiles, &name)?.role.is_some() {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new(
                "DeleteConflict",
                "Cannot delete entity, must remove roles from instance profile first.",
            )
        });
    }
    account.services.iam.profiles.shift_remove(&name);
    Ok(json!({}))
}

/// `AddRoleToInstanceProfile`.
pub(super) fn add_role(account: &mut Account, input: ProfileAndRole) -> Answer {
    role(account, &input.role_name)?;
    let profile = find(&mut account.services.iam.profiles, &input.instance_profile_name)?;
    if profile.role.is_some() {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new(
                "LimitExceeded",
                "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
            )
        });
    }
    profile.role = Some(input.role_name);
    Ok(json!({}))
}

/// `RemoveRoleFromInstanceProfile`.
pub(super) fn remove_role(account: &mut Account, input: ProfileAndRole) -> Answer {
    let profile = find(&mut account.services.iam.profiles, &input.instance_profile_name)?;
    if profile.role.as_ref() != Some(&input.role_name) {
        return Err(missing("role", &input.role_name));
    }
    profile.role = None;
    Ok(json!({}))
}

fn find<'a>(
    profiles: &'a mut IndexMap<String, Profile>,
    name: &str,
) -> Result<&'a mut Profile, ServiceError> {
    profiles.get_mut(name).ok_or_else(|| missing("instance profile", name))
}
