//! Amazon EC2, the part that incident automation touches: instances and their life, security groups,
//! volumes and snapshots, tags, launch templates, networks and VPN connections.
//!
//! Main type: [`State`]. Inputs and outputs are the query API's shapes in JSON, as `aws:executeAwsApi`
//! uses them. Invariants: an instance changes its state only in `instances`, which announces each
//! change (an event, the fact `instance`, the Auto Scaling group); at most one change is on its way.
#![expect(clippy::struct_field_names, reason = "the members of an AWS shape keep AWS's names")]
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

pub(crate) mod filter;
mod groups;
pub(crate) mod instances;
mod launch;
mod network;
mod storage;
mod tags;
mod templates;
mod vpn;

use indexmap::IndexMap;

use crate::emulator::account::Account;
use crate::emulator::operation::{Operation, operations};

pub(crate) use instances::{Instance, InstanceState, arn as instance_arn, instance, instances};
pub(crate) use network::Subnet;

/// The state of the service; everything in the order of its creation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    instances: IndexMap<String, Instance>,
    groups: IndexMap<String, groups::SecurityGroup>,
    volumes: IndexMap<String, storage::Volume>,
    snapshots: IndexMap<String, storage::Snapshot>,
    vpcs: IndexMap<String, network::Vpc>,
    subnets: IndexMap<String, Subnet>,
    vpn_connections: IndexMap<String, vpn::VpnConnection>,
    gateways: IndexMap<String, vpn::Gateway>,
    launch_templates: IndexMap<String, templates::LaunchTemplate>,
    /// How many instances were ever launched: gives each its private address.
    launched: u32,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An instance arrives in the state that it was changing to.
    Arrives(String, InstanceState),
    /// A snapshot is complete.
    SnapshotCompletes(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "RunInstances": launch::RunInstances => launch::run_instances,
    "DescribeInstances": instances::DescribeInstances => instances::describe_instances,
    "DescribeInstanceStatus": instances::DescribeInstanceStatus => instances::describe_instance_status,
    "StartInstances": instances::InstanceIds => instances::start_instances,
    "StopInstances": instances::StopInstances => instances::stop_instances,
    "RebootInstances": instances::InstanceIds => instances::reboot_instances,
    "TerminateInstances": instances::InstanceIds => instances::terminate_instances,
    "ModifyInstanceAttribute": instances::ModifyInstanceAttribute => instances::modify_instance_attribute,
    "CreateSecurityGroup": groups::CreateSecurityGroup => groups::create_security_group,
    "DescribeSecurityGroups": groups::DescribeSecurityGroups => groups::describe_security_groups,
    "DeleteSecurityGroup": groups::DeleteSecurityGroup => groups::delete_security_group,
    "AuthorizeSecurityGroupIngress": groups::ChangeRules => groups::authorize_ingress,
    "AuthorizeSecurityGroupEgress": groups::ChangeRules => groups::authorize_egress,
    "RevokeSecurityGroupIngress": groups::ChangeRules => groups::revoke_ingress,
    "RevokeSecurityGroupEgress": groups::ChangeRules => groups::revoke_egress,
    "DescribeVolumes": storage::DescribeVolumes => storage::describe_volumes,
    "CreateSnapshot": storage::CreateSnapshot => storage::create_snapshot,
    "DescribeSnapshots": storage::DescribeSnapshots => storage::describe_snapshots,
    "CreateTags": tags::ChangeTags => tags::create_tags,
    "DeleteTags": tags::ChangeTags => tags::delete_tags,
    "DescribeTags": tags::DescribeTags => tags::describe_tags,
    "CreateVpc": network::CreateVpc => network::create_vpc,
    "DescribeVpcs": network::DescribeVpcs => network::describe_vpcs,
    "CreateSubnet": network::CreateSubnet => network::create_subnet,
    "DescribeSubnets": network::DescribeSubnets => network::describe_subnets,
    "CreateVpnConnection": vpn::CreateVpnConnection => vpn::create_vpn_connection,
    "DescribeVpnConnections": vpn::DescribeVpnConnections => vpn::describe_vpn_connections,
    "DeleteVpnConnection": vpn::DeleteVpnConnection => vpn::delete_vpn_connection,
    "CreateVpnGateway": vpn::CreateVpnGateway => vpn::create_vpn_gateway,
    "DeleteVpnGateway": vpn::DeleteVpnGateway => vpn::delete_vpn_gateway,
    "CreateCustomerGateway": vpn::CreateCustomerGateway => vpn::create_customer_gateway,
    "DeleteCustomerGateway": vpn::DeleteCustomerGateway => vpn::delete_customer_gateway,
    "DeleteVpc": network::DeleteVpc => network::delete_vpc,
    "DeleteSubnet": network::DeleteSubnet => network::delete_subnet,
    "DeleteLaunchTemplate": templates::DeleteLaunchTemplate => templates::delete_launch_template,
    "CreateVolume": storage::CreateVolume => storage::create_volume,
    "AttachVolume": storage::AttachVolume => storage::attach_volume,
    "DeleteVolume": storage::DeleteVolume => storage::delete_volume,
    "CreateLaunchTemplate": templates::CreateLaunchTemplate => templates::create_launch_template,
    "CreateLaunchTemplateVersion": templates::CreateLaunchTemplateVersion => templates::create_launch_template_version,
    "DescribeLaunchTemplates": templates::DescribeLaunchTemplates => templates::describe_launch_templates,
    "DescribeLaunchTemplateVersions": templates::DescribeLaunchTemplateVersions => templates::describe_launch_template_versions,
];

/// Sets up what every account has: the default VPC with a subnet in each zone, and its security group.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html>.
pub(crate) fn open(account: &mut Account) {
    network::open(account);
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Arrives(instance, state) => instances::arrive(account, &instance, state),
        Due::SnapshotCompletes(snapshot) => storage::snapshot_completes(account, &snapshot),
    }
}

/// The subnets of the account.
pub(crate) fn subnets(account: &Account) -> impl Iterator<Item = &Subnet> {
    account.services.ec2.subnets.values()
}

#[cfg(test)]
mod tests;
