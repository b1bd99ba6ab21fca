//! Security groups: what a quarantine runbook creates and puts an instance into.
//!
//! Main type: [`SecurityGroup`]. Invariant: a rule is kept once; authorizing it again is the error that
//! AWS answers (`InvalidPermission.Duplicate`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::network::{self, no_such};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::config;

/// A security group and its rules.
#[derive(Debug, Clone)]
pub(super) struct SecurityGroup {
    id: String,
    pub(super) name: String,
    description: String,
    vpc: String,
    ingress: Vec<Permission>,
    egress: Vec<Permission>,
    pub(super) tags: Tags,
}

/// One rule: a protocol, ports and who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Permission {
    ip_protocol: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    #[serde(default)]
    ip_ranges: Vec<IpRange>,
    #[serde(default)]
    ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    user_id_group_pairs: Vec<GroupPair>,
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IpRange {
    cidr_ip: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ipv6Range {
    cidr_ipv6: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GroupPair {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PrefixListId {
    prefix_list_id: String,
}

/// The rule that lets everything out, which every new group has.
fn all_out() -> Permission {
    Permission {
        ip_protocol: "-1".to_owned(),
        from_port: None,
        to_port: None,
        ip_ranges: vec![IpRange { cidr_ip: "0.0.0.0/0".to_owned(), description: None }],
        ipv6_ranges: Vec::new(),
        user_id_group_pairs: Vec::new(),
        prefix_list_ids: Vec::new(),
    }
}

/// Adds the `default` group that every VPC has.
pub(super) fn add_default(account: &mut Account, vpc: &str) {
    let description = "default VPC security group".to_owned();
    add(account, "default".to_owned(), description, vpc.to_owned(), Tags::new());
}

/// The `default` group of a VPC.
pub(super) fn default_of(account: &Account, vpc: &str) -> Option<String> {
    let mut groups = account.services.ec2.groups.values();
    groups.find(|group| group.vpc == vpc && group.name == "default").map(|group| group.id.clone())
}

/// The groups of an instance as `DescribeInstances` answers them; an unknown id is an error.
pub(super) fn check(account: &Account, ids: &[String]) -> Result<(), ServiceError> {
    match ids.iter().find(|id| !account.services.ec2.groups.contains_key(*id)) {
        Some(id) => Err(not_found(id)),
        None => Ok(()),
    }
}

/// The default group goes with its VPC.
pub(super) fn remove_default(account: &mut Account, vpc: &str) {
    account.services.ec2.groups.retain(|_, group| group.vpc != vpc || group.name != "default");
}

/// The ids of the groups with these names in a VPC; an unknown name is an error.
pub(super) fn by_name(
    account: &Account,
    vpc: &str,
    names: &[String],
) -> Result<Vec<String>, ServiceError> {
    let groups = &account.services.ec2.groups;
    names
        .iter()
        .map(|name| {
            let mut found = groups.values();
            // Templates also write ids where names are asked for, and AWS lets them.
            let group = found.find(|one| one.vpc == vpc && (one.name == *name || one.id == *name));
            group.map(|group| group.id.clone()).ok_or_else(|| not_found(name))
        })
        .collect()
}

/// The name of a group, for an instance's description.
pub(super) fn name_of<'a>(account: &'a Account, id: &str) -> &'a str {
    account.services.ec2.groups.get(id).map_or("", |group| &group.name)
}

fn not_found(id: &str) -> ServiceError {
    no_such("security group", "InvalidGroup", id)
}

fn add(
    account: &mut Account,
    name: String,
    description: String,
    vpc: String,
    tags: Tags,
) -> String {
    let id = format!("sg-{}", account.ids.hex(17));
    let group = SecurityGroup {
        id: id.clone(),
        name,
        description,
        vpc,
        ingress: Vec::new(),
        egress: vec![all_out()],
        tags,
    };
    account.services.ec2.groups.insert(id.clone(), group);
    id
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateSecurityGroup {
    group_name: String,
    description: String,
    #[serde(default)]
    vpc_id: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_security_group(account: &mut Account, input: CreateSecurityGroup) -> Answer {
    let Some(vpc) = input.vpc_id.or_else(|| network::default_vpc(account)) else {
        return Err(ServiceError::new("VPCIdNotSpecified", "No default VPC for this user"));
    };
    if !account.services.ec2.vpcs.contains_key(&vpc) {
        return Err(no_such("vpc", "InvalidVpcID", &vpc));
    }
    let mut groups = account.services.ec2.groups.values();
    if groups.any(|group| group.vpc == vpc && group.name == input.group_name) {
        return Err(ServiceError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{}' already exists for VPC '{vpc}'", input.group_name),
        ));
    }
    let tags = filter::tags_for(&input.tag_specifications, "security-group");
    let tagged = render_tags(&tags);
    let id = add(account, input.group_name, input.description, vpc, tags);
    Ok(json!({"GroupId": id, "Tags": tagged}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSecurityGroups {
    #[serde(default)]
    group_ids: Vec<String>,
    #[serde(default)]
    group_names: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_security_groups(
    account: &mut Account,
    input: DescribeSecurityGroups,
) -> Answer {
    let DescribeSecurityGroups { group_ids, group_names, filters } = input;
    check(account, &group_ids)?;
    let mut found = Vec::new();
    for group in account.services.ec2.groups.values() {
        let wanted = passes(&filters, &group.tags, |name| match name {
            "group-id" => Some(vec![group.id.clone()]),
            "group-name" => Some(vec![group.name.clone()]),
            "vpc-id" => Some(vec![group.vpc.clone()]),
            "description" => Some(vec![group.description.clone()]),
            _ => None,
        })?;
        let named = (group_ids.is_empty() || group_ids.contains(&group.id))
            && (group_names.is_empty() || group_names.contains(&group.name));
        if wanted && named {
            found.push(render(account, group));
        }
    }
    Ok(json!({"SecurityGroups": found}))
}

fn render(account: &Account, group: &SecurityGroup) -> Value {
    json!({
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc,
        "OwnerId": account.identity().account,
        "IpPermissions": group.ingress,
        "IpPermissionsEgress": group.egress,
        "Tags": render_tags(&group.tags),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteSecurityGroup {
    group_id: String,
}

pub(super) fn delete_security_group(account: &mut Account, input: DeleteSecurityGroup) -> Answer {
    let DeleteSecurityGroup { group_id } = input;
    let used = super::instances(account).any(|instance| instance.groups.contains(&group_id));
    if used {
        return Err(ServiceError::new(
            "DependencyViolation",
            format!("resource {group_id} has a dependent object"),
        ));
    }
    match account.services.ec2.groups.shift_remove(&group_id) {
        Some(group) => Ok(json!({"Return": true, "GroupId": group.id})),
        None => Err(not_found(&group_id)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeRules {
    group_id: String,
    #[serde(default)]
    ip_permissions: Vec<Permission>,
    // The short form of one rule.
    #[serde(default)]
    ip_protocol: Option<String>,
    #[serde(default)]
    from_port: Option<i32>,
    #[serde(default)]
    to_port: Option<i32>,
    #[serde(default)]
    cidr_ip: Option<String>,
}

impl ChangeRules {
    fn permissions(&self) -> Vec<Permission> {
        let mut permissions = self.ip_permissions.clone();
        if let Some(protocol) = &self.ip_protocol {
            let cidr = self.cidr_ip.clone();
            permissions.push(Permission {
                ip_protocol: protocol.clone(),
                from_port: self.from_port,
                to_port: self.to_port,
                ip_ranges: cidr
                    .map(|cidr_ip| IpRange { cidr_ip, description: None })
                    .into_iter()
                    .collect(),
                ipv6_ranges: Vec::new(),
                user_id_group_pairs: Vec::new(),
                prefix_list_ids: Vec::new(),
            });
        }
        permissions
    }
}

/// Which of a group's two lists of rules.
#[derive(Debug, Clone, Copy)]
enum Direction {
    In,
    Out,
}

pub(super) fn authorize_ingress(account: &mut Account, input: ChangeRules) -> Answer {
    authorize(account, &input, Direction::In)
}

pub(super) fn authorize_egress(account: &mut Account, input: ChangeRules) -> Answer {
    authorize(account, &input, Direction::Out)
}

pub(super) fn revoke_ingress(account: &mut Account, input: ChangeRules) -> Answer {
    revoke(account, &input, Direction::In)
}

pub(super) fn revoke_egress(account: &mut Account, input: ChangeRules) -> Answer {
    revoke(account, &input, Direction::Out)
}

fn rules<'a>(
    account: &'a mut Account,
    group: &str,
    direction: Direction,
) -> Result<&'a mut Vec<Permission>, ServiceError> {
    let found = account.services.ec2.groups.get_mut(group).ok_or_else(|| not_found(group))?;
    Ok(match direction {
        Direction::In => &mut found.ingress,
        Direction::Out => &mut found.egress,
    })
}

fn authorize(account: &mut Account, input: &ChangeRules, direction: Direction) -> Answer {
    let rules = rules(account, &input.group_id, direction)?;
    for permission in input.permissions() {
        if rules.contains(&permission) {
            return Err(ServiceError::new(
                "InvalidPermission.Duplicate",
                "the specified rule already exists",
            ));
        }
        rules.push(permission);
    }
    config::group_changed(account);
    Ok(json!({"Return": true}))
}

fn revoke(account: &mut Account, input: &ChangeRules, direction: Direction) -> Answer {
    let rules = rules(account, &input.group_id, direction)?;
    for permission in input.permissions() {
        let before = rules.len();
        rules.retain(|rule| !same_rule(rule, &permission));
        if rules.len() == before {
            return Err(ServiceError::new(
                "InvalidPermission.NotFound",
                "The specified rule does not exist in this security group.",
            ));
        }
    }
    config::group_changed(account);
    Ok(json!({"Return": true}))
}

/// Whether two rules are the same; descriptions don't count.
fn same_rule(left: &Permission, right: &Permission) -> bool {
    let plain = |permission: &Permission| {
        let mut permission = permission.clone();
        permission.ip_ranges.iter_mut().for_each(|range| range.description = None);
        permission.ipv6_ranges.iter_mut().for_each(|range| range.description = None);
        permission.user_id_group_pairs.iter_mut().for_each(|pair| pair.description = None);
        permission
    };
    plain(left) == plain(right)
}
