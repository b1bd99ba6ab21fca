//! EC2 networks: security groups, VPCs, subnets and the ends of a VPN.
//!
//! Main items: the [`ResourceType`]s. Invariant: members are spelled as the EC2 API names them; a
//! security group's rules are put in by calls of their own, in the order in which they are written.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EC2.html>

use serde_json::{Map, Value, json};

use super::compute::tag_on_creation;
use super::shape::{Property, Shape, TAG_LIST, accepted, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const RULE: &[Property] = &[
    text("CidrIp"),
    text("CidrIpv6"),
    text("Description"),
    text("DestinationPrefixListId"),
    text("DestinationSecurityGroupId"),
    is("FromPort", Shape::Integer),
    text("IpProtocol"),
    text("SourcePrefixListId"),
    text("SourceSecurityGroupId"),
    text("SourceSecurityGroupName"),
    text("SourceSecurityGroupOwnerId"),
    is("ToPort", Shape::Integer),
];

/// A security group with its rules.
pub(super) const SECURITY_GROUP: ResourceType = ResourceType {
    name: "AWS::EC2::SecurityGroup",
    properties: &[
        named("GroupDescription", "Description", Shape::Text),
        text("GroupName"),
        own("SecurityGroupEgress", Shape::List(&Shape::Fields(RULE))),
        own("SecurityGroupIngress", Shape::List(&Shape::Fields(RULE))),
        own("Tags", TAG_LIST),
        text("VpcId"),
    ],
    spelling: Spelling::Pascal,
    create: create_security_group,
};

fn create_security_group(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    tag_on_creation(&mut inputs, "security-group");
    maker.name(&mut inputs.input, "GroupName", 255);
    let vpc = inputs.input.get("VpcId").cloned();
    let ingress = inputs.take_list("SecurityGroupIngress");
    let egress = inputs.take_list("SecurityGroupEgress");
    let answer = maker.call(Service::Ec2, "CreateSecurityGroup", inputs.input)?;
    let id = text_at(&answer, &["GroupId"]).unwrap_or_default();
    maker.undo(Service::Ec2, "DeleteSecurityGroup", json!({ "GroupId": id }));
    for (operation, rules) in
        [("AuthorizeSecurityGroupIngress", ingress), ("AuthorizeSecurityGroupEgress", egress)]
    {
        if !rules.is_empty() {
            let permissions: Vec<Value> = rules.iter().map(permission).collect();
            let input = json!({ "GroupId": id, "IpPermissions": permissions });
            maker.also(Service::Ec2, operation, input);
        }
    }
    let built = Built::new(id.clone()).with("GroupId", id.clone()).with("Id", id);
    Ok(match vpc {
        Some(vpc) => built.with("VpcId", vpc),
        None => built,
    })
}

/// A rule in the form in which the API takes it.
fn permission(rule: &Value) -> Value {
    let mut permission = Map::new();
    for member in ["IpProtocol", "FromPort", "ToPort"] {
        if let Some(value) = rule.get(member) {
            permission.insert(member.to_owned(), value.clone());
        }
    }
    for (property, ranges, member) in [
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("SourceSecurityGroupName", "UserIdGroupPairs", "GroupName"),
        ("SourcePrefixListId", "PrefixListIds", "PrefixListId"),
        ("DestinationPrefixListId", "PrefixListIds", "PrefixListId"),
    ] {
        let Some(value) = rule.get(property) else { continue };
        let mut range = json!({ member: value });
        if let Some(description) = rule.get("Description") {
            range["Description"] = description.clone();
        }
        permission.insert(ranges.to_owned(), json!([range]));
    }
    Value::Object(permission)
}

/// A virtual private cloud.
pub(super) const VPC: ResourceType = ResourceType {
    name: "AWS::EC2::VPC",
    properties: &[
        text("CidrBlock"),
        accepted("EnableDnsHostnames"),
        accepted("EnableDnsSupport"),
        text("InstanceTenancy"),
        text("Ipv4IpamPoolId"),
        is("Ipv4NetmaskLength", Shape::Integer),
        own("Tags", TAG_LIST),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "vpc");
        let block = inputs.input.get("CidrBlock").cloned().unwrap_or_default();
        let answer = maker.call(Service::Ec2, "CreateVpc", inputs.input)?;
        let id = text_at(&answer, &["Vpc", "VpcId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteVpc", json!({ "VpcId": id }));
        Ok(Built::new(id.clone()).with("VpcId", id).with("CidrBlock", block))
    },
};

/// A subnet.
pub(super) const SUBNET: ResourceType = ResourceType {
    name: "AWS::EC2::Subnet",
    properties: &[
        accepted("AssignIpv6AddressOnCreation"),
        text("AvailabilityZone"),
        text("AvailabilityZoneId"),
        text("CidrBlock"),
        text("Ipv6CidrBlock"),
        accepted("MapPublicIpOnLaunch"),
        accepted("PrivateDnsNameOptionsOnLaunch"),
        own("Tags", TAG_LIST),
        text("VpcId"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "subnet");
        let vpc = inputs.input.get("VpcId").cloned().unwrap_or_default();
        let block = inputs.input.get("CidrBlock").cloned().unwrap_or_default();
        let answer = maker.call(Service::Ec2, "CreateSubnet", inputs.input)?;
        let id = text_at(&answer, &["Subnet", "SubnetId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteSubnet", json!({ "SubnetId": id }));
        let zone = text_at(&answer, &["Subnet", "AvailabilityZone"]).unwrap_or_default();
        Ok(Built::new(id.clone())
            .with("SubnetId", id)
            .with("AvailabilityZone", zone)
            .with("VpcId", vpc)
            .with("CidrBlock", block))
    },
};

const TUNNEL: &[Property] = &[
    text("PreSharedKey"),
    text("TunnelInsideCidr"),
    text("TunnelInsideIpv6Cidr"),
    text("DPDTimeoutAction"),
    is("DPDTimeoutSeconds", Shape::Integer),
    text("StartupAction"),
];

/// A VPN connection with its two tunnels.
pub(super) const VPN_CONNECTION: ResourceType = ResourceType {
    name: "AWS::EC2::VPNConnection",
    properties: &[
        text("CustomerGatewayId"),
        own("EnableAcceleration", Shape::Boolean),
        own("StaticRoutesOnly", Shape::Boolean),
        own("Tags", TAG_LIST),
        text("TransitGatewayId"),
        text("Type"),
        text("VpnGatewayId"),
        own("VpnTunnelOptionsSpecifications", Shape::List(&Shape::Fields(TUNNEL))),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "vpn-connection");
        let mut options = Map::new();
        for (property, member) in [
            ("EnableAcceleration", "EnableAcceleration"),
            ("StaticRoutesOnly", "StaticRoutesOnly"),
            ("VpnTunnelOptionsSpecifications", "TunnelOptions"),
        ] {
            if let Some(value) = inputs.take(property) {
                options.insert(member.to_owned(), value);
            }
        }
        if !options.is_empty() {
            inputs.input.insert("Options".to_owned(), Value::Object(options));
        }
        let answer = maker.call(Service::Ec2, "CreateVpnConnection", inputs.input)?;
        let id = text_at(&answer, &["VpnConnection", "VpnConnectionId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteVpnConnection", json!({ "VpnConnectionId": id }));
        Ok(Built::new(id.clone()).with("VpnConnectionId", id))
    },
};

/// The AWS end of a VPN.
pub(super) const VPN_GATEWAY: ResourceType = ResourceType {
    name: "AWS::EC2::VPNGateway",
    properties: &[is("AmazonSideAsn", Shape::Integer), own("Tags", TAG_LIST), text("Type")],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "vpn-gateway");
        let answer = maker.call(Service::Ec2, "CreateVpnGateway", inputs.input)?;
        let id = text_at(&answer, &["VpnGateway", "VpnGatewayId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteVpnGateway", json!({ "VpnGatewayId": id }));
        Ok(Built::new(id.clone()).with("VPNGatewayId", id))
    },
};

/// The customer's end of a VPN.
pub(super) const CUSTOMER_GATEWAY: ResourceType = ResourceType {
    name: "AWS::EC2::CustomerGateway",
    properties: &[
        is("BgpAsn", Shape::Integer),
        is("BgpAsnExtended", Shape::Integer),
        text("CertificateArn"),
        text("DeviceName"),
        text("IpAddress"),
        own("Tags", TAG_LIST),
        text("Type"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        tag_on_creation(&mut inputs, "customer-gateway");
        let answer = maker.call(Service::Ec2, "CreateCustomerGateway", inputs.input)?;
        let id = text_at(&answer, &["CustomerGateway", "CustomerGatewayId"]).unwrap_or_default();
        maker.undo(Service::Ec2, "DeleteCustomerGateway", json!({ "CustomerGatewayId": id }));
        Ok(Built::new(id.clone()).with("CustomerGatewayId", id))
    },
};
