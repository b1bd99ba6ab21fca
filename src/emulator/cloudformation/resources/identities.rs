//! IAM roles, policies and instance profiles.
//!
//! Main items: the [`ResourceType`]s. Invariant: policies reach IAM as the JSON text that its API takes.
//! Users and groups are not emulated: nothing that a drill reaches acts as one.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TAG_LIST, TEXTS, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const INLINE_POLICY: &[Property] = &[is("PolicyDocument", Shape::JsonText), text("PolicyName")];

/// A role with its inline and managed policies.
pub(super) const ROLE: ResourceType = ResourceType {
    name: "AWS::IAM::Role",
    properties: &[
        is("AssumeRolePolicyDocument", Shape::JsonText),
        text("Description"),
        own("ManagedPolicyArns", TEXTS),
        is("MaxSessionDuration", Shape::Integer),
        text("Path"),
        text("PermissionsBoundary"),
        own("Policies", Shape::List(&Shape::Fields(INLINE_POLICY))),
        text("RoleName"),
        is("Tags", TAG_LIST),
    ],
    spelling: Spelling::Pascal,
    create: create_role,
};

fn create_role(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "RoleName", 64);
    let path = inputs.input.get("Path").and_then(Value::as_str).unwrap_or("/").to_owned();
    let managed = inputs.take_list("ManagedPolicyArns");
    let inline = inputs.take_list("Policies");
    let answer = maker.call(Service::Iam, "CreateRole", inputs.input)?;
    maker.undo(Service::Iam, "DeleteRole", json!({ "RoleName": name }));
    for arn in managed {
        attach(maker, &Value::from(name.clone()), &arn);
    }
    for mut policy in inline {
        policy["RoleName"] = Value::from(name.clone());
        put_inline(maker, policy);
    }
    let arn = text_at(&answer, &["Role", "Arn"])
        .unwrap_or_else(|| maker.global_arn("iam", &format!("role{path}{name}")));
    let id = text_at(&answer, &["Role", "RoleId"]).unwrap_or_else(|| maker.generated(21));
    Ok(Built::new(name).with("Arn", arn).with("RoleId", id))
}

fn attach(maker: &mut Maker<'_>, role: &Value, policy: &Value) {
    let input = json!({ "RoleName": role, "PolicyArn": policy });
    if maker.also(Service::Iam, "AttachRolePolicy", input.clone()).is_some() {
        maker.undo(Service::Iam, "DetachRolePolicy", input);
    }
}

fn put_inline(maker: &mut Maker<'_>, policy: Value) {
    let undo = json!({ "RoleName": policy["RoleName"], "PolicyName": policy["PolicyName"] });
    if maker.also(Service::Iam, "PutRolePolicy", policy).is_some() {
        maker.undo(Service::Iam, "DeleteRolePolicy", undo);
    }
}

/// Users and groups that a policy names.
fn without_people(maker: &mut Maker<'_>, inputs: &mut Inputs) {
    for property in ["Groups", "Users"] {
        if !inputs.take_list(property).is_empty() {
            maker.without_effect(property, "is left out: users and groups are not emulated");
        }
    }
}

/// An inline policy of one or more roles.
pub(super) const POLICY: ResourceType = ResourceType {
    name: "AWS::IAM::Policy",
    properties: &[
        own("Groups", TEXTS),
        is("PolicyDocument", Shape::JsonText),
        text("PolicyName"),
        own("Roles", TEXTS),
        own("Users", TEXTS),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let roles = inputs.take_list("Roles");
        without_people(maker, &mut inputs);
        for role in roles {
            let mut policy = Value::Object(inputs.input.clone());
            policy["RoleName"] = role;
            put_inline(maker, policy);
        }
        let id = maker.generated(128);
        Ok(Built::new(id.clone()).with("Id", id))
    },
};

/// A managed policy.
pub(super) const MANAGED_POLICY: ResourceType = ResourceType {
    name: "AWS::IAM::ManagedPolicy",
    properties: &[
        text("Description"),
        own("Groups", TEXTS),
        named("ManagedPolicyName", "PolicyName", Shape::Text),
        text("Path"),
        is("PolicyDocument", Shape::JsonText),
        own("Roles", TEXTS),
        own("Users", TEXTS),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "PolicyName", 128);
        let path = inputs.input.get("Path").and_then(Value::as_str).unwrap_or("/").to_owned();
        let roles = inputs.take_list("Roles");
        without_people(maker, &mut inputs);
        let answer = maker.call(Service::Iam, "CreatePolicy", inputs.input)?;
        let arn = text_at(&answer, &["Policy", "Arn"])
            .unwrap_or_else(|| maker.global_arn("iam", &format!("policy{path}{name}")));
        maker.undo(Service::Iam, "DeletePolicy", json!({ "PolicyArn": arn }));
        for role in roles {
            attach(maker, &role, &Value::from(arn.clone()));
        }
        Ok(Built::new(arn.clone()).with("PolicyArn", arn))
    },
};

/// A role as an instance carries it.
pub(super) const INSTANCE_PROFILE: ResourceType = ResourceType {
    name: "AWS::IAM::InstanceProfile",
    properties: &[text("InstanceProfileName"), text("Path"), own("Roles", TEXTS)],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "InstanceProfileName", 128);
        let path = inputs.input.get("Path").and_then(Value::as_str).unwrap_or("/").to_owned();
        let roles = inputs.take_list("Roles");
        let answer = maker.call(Service::Iam, "CreateInstanceProfile", inputs.input)?;
        let undo = json!({ "InstanceProfileName": name });
        maker.undo(Service::Iam, "DeleteInstanceProfile", undo);
        for role in roles {
            let input = json!({ "InstanceProfileName": name, "RoleName": role });
            if maker.also(Service::Iam, "AddRoleToInstanceProfile", input.clone()).is_some() {
                maker.undo(Service::Iam, "RemoveRoleFromInstanceProfile", input);
            }
        }
        let arn = text_at(&answer, &["InstanceProfile", "Arn"])
            .unwrap_or_else(|| maker.global_arn("iam", &format!("instance-profile{path}{name}")));
        Ok(Built::new(name).with("Arn", arn))
    },
};
