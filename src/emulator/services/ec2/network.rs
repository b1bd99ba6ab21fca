//! Networks: VPCs and their subnets, in the part that templates and runbooks need.
//!
//! Main types: [`Vpc`], [`Subnet`]. Invariant: a subnet belongs to a VPC that exists.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::groups;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// A virtual network.
#[derive(Debug, Clone)]
pub(super) struct Vpc {
    id: String,
    cidr: String,
    is_default: bool,
    pub(super) tags: Tags,
}

/// A part of a VPC in one Availability Zone.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    cidr: String,
    is_default: bool,
    pub(crate) tags: Tags,
}

impl Subnet {
    /// The subnet as `DescribeSubnets` answers it.
    pub(crate) fn render(&self, account: &Account) -> Value {
        let identity = account.identity();
        json!({
            "SubnetId": self.id,
            "SubnetArn": identity.arn("ec2", &format!("subnet/{}", self.id)),
            "VpcId": self.vpc,
            "AvailabilityZone": self.zone,
            "CidrBlock": self.cidr,
            "DefaultForAz": self.is_default,
            "State": "available",
            "OwnerId": identity.account,
            "Tags": render_tags(&self.tags),
        })
    }
}

/// The zones in which the default VPC has subnets.
const DEFAULT_ZONES: [&str; 3] = ["a", "b", "c"];

pub(super) fn open(account: &mut Account) {
    let vpc = add_vpc(account, "172.31.0.0/16".to_owned(), true, Tags::new());
    for (index, letter) in DEFAULT_ZONES.iter().enumerate() {
        let zone = format!("{}{letter}", account.identity.region);
        let cidr = format!("172.31.{}.0/20", index * 16);
        add_subnet(account, vpc.clone(), zone, cidr, true, Tags::new());
    }
}

/// The subnet of an instance: the one asked for, else the default one of the zone, else of the first zone.
pub(super) fn place(
    account: &Account,
    subnet: Option<&str>,
    zone: Option<&str>,
) -> Result<Subnet, ServiceError> {
    let subnets = &account.services.ec2.subnets;
    if let Some(id) = subnet {
        return subnets.get(id).cloned().ok_or_else(|| no_such("subnet", "InvalidSubnetID", id));
    }
    subnets
        .values()
        .find(|subnet| subnet.is_default && zone.is_none_or(|zone| subnet.zone == zone))
        .cloned()
        .ok_or_else(|| {
            ServiceError::new(
                "InvalidParameterValue",
                format!("Invalid availability zone: [{}]", zone.unwrap_or_default()),
            )
        })
}

/// EC2's error for an id that names nothing: `InvalidXxxID.NotFound`.
pub(super) fn no_such(what: &str, code: &str, id: &str) -> ServiceError {
    ServiceError::new(&format!("{code}.NotFound"), format!("The {what} ID '{id}' does not exist"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateVpc {
    cidr_block: String,
    #[serde(default)]
    #[expect(dead_code, reason = "no hardware is shared or dedicated here")]
    instance_tenancy: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_vpc(account: &mut Account, input: CreateVpc) -> Answer {
    let tags = filter::tags_for(&input.tag_specifications, "vpc");
    let id = add_vpc(account, input.cidr_block, false, tags);
    Ok(json!({"Vpc": render_vpc(account, &account.services.ec2.vpcs[&id])}))
}

fn add_vpc(account: &mut Account, cidr: String, is_default: bool, tags: Tags) -> String {
    let id = format!("vpc-{}", account.ids.hex(17));
    let vpc = Vpc { id: id.clone(), cidr, is_default, tags };
    account.services.ec2.vpcs.insert(id.clone(), vpc);
    groups::add_default(account, &id);
    id
}

/// The default VPC's id.
pub(super) fn default_vpc(account: &Account) -> Option<String> {
    account.services.ec2.vpcs.values().find(|vpc| vpc.is_default).map(|vpc| vpc.id.clone())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeVpcs {
    #[serde(default)]
    vpc_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_vpcs(account: &mut Account, input: DescribeVpcs) -> Answer {
    let DescribeVpcs { vpc_ids, filters } = input;
    let vpcs = &account.services.ec2.vpcs;
    if let Some(id) = vpc_ids.iter().find(|id| !vpcs.contains_key(*id)) {
        return Err(no_such("vpc", "InvalidVpcID", id));
    }
    let mut found = Vec::new();
    for vpc in vpcs.values() {
        let wanted = passes(&filters, &vpc.tags, |name| match name {
            "vpc-id" => Some(vec![vpc.id.clone()]),
            "cidr" | "cidr-block-association.cidr-block" => Some(vec![vpc.cidr.clone()]),
            "is-default" | "isDefault" => Some(vec![vpc.is_default.to_string()]),
            "state" => Some(vec!["available".to_owned()]),
            _ => None,
        })?;
        if wanted && (vpc_ids.is_empty() || vpc_ids.contains(&vpc.id)) {
            found.push(render_vpc(account, vpc));
        }
    }
    Ok(json!({"Vpcs": found}))
}

fn render_vpc(account: &Account, vpc: &Vpc) -> Value {
    json!({
        "VpcId": vpc.id,
        "CidrBlock": vpc.cidr,
        "IsDefault": vpc.is_default,
        "State": "available",
        "OwnerId": account.identity().account,
        "Tags": render_tags(&vpc.tags),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateSubnet {
    vpc_id: String,
    cidr_block: String,
    #[serde(default)]
    availability_zone: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_subnet(account: &mut Account, input: CreateSubnet) -> Answer {
    if !account.services.ec2.vpcs.contains_key(&input.vpc_id) {
        return Err(no_such("vpc", "InvalidVpcID", &input.vpc_id));
    }
    let zone = input.availability_zone.unwrap_or_else(|| format!("{}a", account.identity.region));
    let tags = filter::tags_for(&input.tag_specifications, "subnet");
    let id = add_subnet(account, input.vpc_id, zone, input.cidr_block, false, tags);
    Ok(json!({"Subnet": account.services.ec2.subnets[&id].render(account)}))
}

fn add_subnet(
    account: &mut Account,
    vpc: String,
    zone: String,
    cidr: String,
    is_default: bool,
    tags: Tags,
) -> String {
    let id = format!("subnet-{}", account.ids.hex(17));
    let subnet = Subnet { id: id.clone(), vpc, zone, cidr, is_default, tags };
    account.services.ec2.subnets.insert(id.clone(), subnet);
    id
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSubnets {
    #[serde(default)]
    subnet_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_subnets(account: &mut Account, input: DescribeSubnets) -> Answer {
    let DescribeSubnets { subnet_ids, filters } = input;
    let subnets = &account.services.ec2.subnets;
    if let Some(id) = subnet_ids.iter().find(|id| !subnets.contains_key(*id)) {
        return Err(no_such("subnet", "InvalidSubnetID", id));
    }
    let mut found = Vec::new();
    for subnet in subnets.values() {
        let wanted = passes(&filters, &subnet.tags, |name| match name {
            "subnet-id" => Some(vec![subnet.id.clone()]),
            "vpc-id" => Some(vec![subnet.vpc.clone()]),
            "availability-zone" | "availabilityZone" => Some(vec![subnet.zone.clone()]),
            "default-for-az" | "defaultForAz" => Some(vec![subnet.is_default.to_string()]),
            "state" => Some(vec!["available".to_owned()]),
            _ => None,
        })?;
        if wanted && (subnet_ids.is_empty() || subnet_ids.contains(&subnet.id)) {
            found.push(subnet.render(account));
        }
    }
    Ok(json!({"Subnets": found}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteSubnet {
    subnet_id: String,
}

pub(super) fn delete_subnet(account: &mut Account, input: DeleteSubnet) -> Answer {
    let DeleteSubnet { subnet_id } = input;
    if super::instances(account).any(|one| one.subnet == subnet_id && !one.state.is_gone()) {
        return Err(in_use("subnet", &subnet_id));
    }
    match account.services.ec2.subnets.shift_remove(&subnet_id) {
        Some(_) => Ok(json!({"Return": true})),
        None => Err(no_such("subnet", "InvalidSubnetID", &subnet_id)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteVpc {
    vpc_id: String,
}

/// Deletes a VPC without subnets; its default security group goes with it.
pub(super) fn delete_vpc(account: &mut Account, input: DeleteVpc) -> Answer {
    let DeleteVpc { vpc_id } = input;
    if super::subnets(account).any(|subnet| subnet.vpc == vpc_id) {
        return Err(in_use("vpc", &vpc_id));
    }
    match account.services.ec2.vpcs.shift_remove(&vpc_id) {
        Some(_) => {
            groups::remove_default(account, &vpc_id);
            Ok(json!({"Return": true}))
        }
        None => Err(no_such("vpc", "InvalidVpcID", &vpc_id)),
    }
}

fn in_use(what: &str, id: &str) -> ServiceError {
    ServiceError::new(
        "DependencyViolation",
        format!("The {what} '{id}' has dependencies and cannot be deleted."),
    )
}
