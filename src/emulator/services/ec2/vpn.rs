//! Site-to-site VPN: connections with two tunnels, and the gateways at their ends.
//!
//! Main types: [`VpnConnection`], [`Gateway`]. Invariant: a tunnel is down exactly while a fault says so.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use super::network::no_such;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

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
    #[expect(dead_code, reason = "the tunnels of the emulated account carry no traffic to tune")]
    options: Option<Value>,
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

/// One end of a VPN: AWS's (a virtual private gateway) or the customer's.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    pub(super) tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateVpnGateway {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    amazon_side_asn: Option<i64>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_vpn_gateway(account: &mut Account, input: CreateVpnGateway) -> Answer {
    let id = format!("vgw-{}", account.ids.hex(17));
    let tags = filter::tags_for(&input.tag_specifications, "vpn-gateway");
    let gateway = json!({
        "VpnGatewayId": id,
        "Type": input.kind,
        "AmazonSideAsn": input.amazon_side_asn.unwrap_or(64_512),
        "State": "available",
        "VpcAttachments": [],
        "Tags": render_tags(&tags),
    });
    account.services.ec2.gateways.insert(id, Gateway { tags });
    Ok(json!({"VpnGateway": gateway}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateCustomerGateway {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    bgp_asn: Option<i64>,
    #[serde(default)]
    ip_address: Option<String>,
    #[serde(default)]
    device_name: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_customer_gateway(
    account: &mut Account,
    input: CreateCustomerGateway,
) -> Answer {
    let id = format!("cgw-{}", account.ids.hex(17));
    let tags = filter::tags_for(&input.tag_specifications, "customer-gateway");
    let gateway = json!({
        "CustomerGatewayId": id,
        "Type": input.kind,
        "BgpAsn": input.bgp_asn.unwrap_or(65_000).to_string(),
        "IpAddress": input.ip_address,
        "DeviceName": input.device_name,
        "State": "available",
        "Tags": render_tags(&tags),
    });
    account.services.ec2.gateways.insert(id, Gateway { tags });
    Ok(json!({"CustomerGateway": gateway}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteVpnGateway {
    vpn_gateway_id: String,
}

pub(super) fn delete_vpn_gateway(account: &mut Account, input: DeleteVpnGateway) -> Answer {
    let id = input.vpn_gateway_id;
    match account.services.ec2.gateways.shift_remove(&id) {
        Some(_) => Ok(json!({"Return": true})),
        None => Err(no_such("vpnGateway", "InvalidVpnGatewayID", &id)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteCustomerGateway {
    customer_gateway_id: String,
}

pub(super) fn delete_customer_gateway(
    account: &mut Account,
    input: DeleteCustomerGateway,
) -> Answer {
    let id = input.customer_gateway_id;
    match account.services.ec2.gateways.shift_remove(&id) {
        Some(_) => Ok(json!({"Return": true})),
        None => Err(no_such("customerGateway", "InvalidCustomerGatewayID", &id)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteVpnConnection {
    vpn_connection_id: String,
}

pub(super) fn delete_vpn_connection(account: &mut Account, input: DeleteVpnConnection) -> Answer {
    let id = input.vpn_connection_id;
    match account.services.ec2.vpn_connections.shift_remove(&id) {
        Some(_) => Ok(json!({"Return": true})),
        None => Err(no_such("vpnConnection", "InvalidVpnConnectionID", &id)),
    }
}
