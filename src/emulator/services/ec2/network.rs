//! Networks: VPCs, subnets and site-to-site VPN connections, in the part that templates and runbooks need.
//!
//! Main types: [`Vpc`], [`Subnet`], [`VpnConnection`]. Invariant: a subnet belongs to a VPC that exists.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::groups;
use crate::emulator::account::{Account, epoch_seconds};
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

/// A site-to-site VPN connection with its two tunnels.
#[derive(Debug, Clone)]
pub(super) struct VpnConnection {
    id: String,
    customer_gateway: String,
    gateway: Option<String>,
    transit_gateway: Option<String>,
    created: jiff::Timestamp,
    pub(super) tags: Tags,
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
pub(super) struct CreateVpnConnection {
    customer_gateway_id: String,
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    vpn_gateway_id: Option<String>,
    #[serde(default)]
    transit_gateway_id: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_vpn_connection(account: &mut Account, input: CreateVpnConnection) -> Answer {
    if input.kind != "ipsec.1" {
        return Err(ServiceError::new(
            "InvalidParameterValue",
            format!("Value ({}) for parameter type is invalid.", input.kind),
        ));
    }
    let id = format!("vpn-{}", account.ids.hex(17));
    let connection = VpnConnection {
        id: id.clone(),
        customer_gateway: input.customer_gateway_id,
        gateway: input.vpn_gateway_id,
        transit_gateway: input.transit_gateway_id,
        created: account.now(),
        tags: filter::tags_for(&input.tag_specifications, "vpn-connection"),
    };
    let answer = render_vpn(account, &connection);
    account.services.ec2.vpn_connections.insert(id, connection);
    Ok(json!({"VpnConnection": answer}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeVpnConnections {
    #[serde(default)]
    vpn_connection_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_vpn_connections(
    account: &mut Account,
    input: DescribeVpnConnections,
) -> Answer {
    let DescribeVpnConnections { vpn_connection_ids: ids, filters } = input;
    let connections = &account.services.ec2.vpn_connections;
    if let Some(id) = ids.iter().find(|id| !connections.contains_key(*id)) {
        return Err(no_such("vpnConnection", "InvalidVpnConnectionID", id));
    }
    let mut found = Vec::new();
    for connection in connections.values() {
        let wanted = passes(&filters, &connection.tags, |name| match name {
            "vpn-connection-id" => Some(vec![connection.id.clone()]),
            "customer-gateway-id" => Some(vec![connection.customer_gateway.clone()]),
            "vpn-gateway-id" => Some(connection.gateway.iter().cloned().collect()),
            "transit-gateway-id" => Some(connection.transit_gateway.iter().cloned().collect()),
            "state" => Some(vec!["available".to_owned()]),
            "type" => Some(vec!["ipsec.1".to_owned()]),
            _ => None,
        })?;
        if wanted && (ids.is_empty() || ids.contains(&connection.id)) {
            found.push(render_vpn(account, connection));
        }
    }
    Ok(json!({"VpnConnections": found}))
}

/// The two tunnels are documentation addresses: nothing routes to them.
const TUNNEL_ADDRESSES: [&str; 2] = ["203.0.113.17", "203.0.113.83"];

/// Whether a fault says that this connection's tunnels are down: a `fis-action` whose target names it.
fn is_disrupted(account: &Account, connection: &str) -> bool {
    account.facts.iter().any(|fact| {
        fact.kind == "fis-action"
            && fact.attributes.get("target").is_some_and(|target| target.ends_with(connection))
    })
}

fn render_vpn(account: &Account, connection: &VpnConnection) -> Value {
    let status = if is_disrupted(account, &connection.id) { "DOWN" } else { "UP" };
    let telemetry: Vec<Value> = TUNNEL_ADDRESSES
        .iter()
        .map(|address| {
            json!({
                "OutsideIpAddress": address,
                "Status": status,
                "StatusMessage": if status == "UP" { "" } else { "IPSEC IS DOWN" },
                "AcceptedRouteCount": u8::from(status == "UP"),
                "LastStatusChange": epoch_seconds(connection.created),
            })
        })
        .collect();
    json!({
        "VpnConnectionId": connection.id,
        "CustomerGatewayId": connection.customer_gateway,
        "VpnGatewayId": connection.gateway,
        "TransitGatewayId": connection.transit_gateway,
        "Type": "ipsec.1",
        "State": "available",
        "Category": "VPN",
        "VgwTelemetry": telemetry,
        "Tags": render_tags(&connection.tags),
    })
}
