//! What rules check, and when.
//!
//! Main functions: [`evaluate`] and [`group_changed`]. Invariant: a resource that is gone has no result.

use serde_json::{Value, json};

use super::{Check, Evaluation, ask, keep};
use crate::emulator::account::Account;
use crate::emulator::services::Service;
use crate::emulator::timing;
use crate::wakeup::Topic;

pub(super) const GROUP: &str = "AWS::EC2::SecurityGroup";

/// A security group changed: Config records that after a while, and rules about groups are evaluated.
pub(crate) fn group_changed(account: &mut Account) {
    let rules = account.services.config.rules.iter();
    let about = rules.filter(|(_, rule)| rule.check == Check::RestrictedSsh);
    let names: Vec<String> = about.map(|(name, _)| name.clone()).collect();
    for name in names {
        ask(account, &name, timing::CONFIG_RECORDS);
    }
}

/// Evaluates a rule on every resource that it is about.
pub(super) fn evaluate(account: &mut Account, name: &str) {
    let now = account.now();
    let Some(rule) = account.services.config.rules.get_mut(name) else { return };
    rule.pending = false;
    rule.invoked = Some(now);
    rule.evaluated = Some(now);
    match rule.check {
        Check::Process => return,
        Check::RestrictedSsh => {}
    }
    let Ok(answer) = account.call(Service::Ec2, "DescribeSecurityGroups", json!({})) else {
        return;
    };
    let groups = answer["SecurityGroups"].as_array().cloned().unwrap_or_default();
    let there: Vec<String> =
        groups.iter().filter_map(|group| group["GroupId"].as_str().map(str::to_owned)).collect();
    if let Some(rule) = account.services.config.rules.get_mut(name) {
        rule.results.retain(|(_, id), _| there.contains(id));
    }
    for group in &groups {
        let id = group["GroupId"].as_str().unwrap_or_default().to_owned();
        let compliance = if is_open(group) { "NON_COMPLIANT" } else { "COMPLIANT" }.to_owned();
        let evaluation =
            Evaluation { compliance, annotation: None, ordered: now, invoked: now, recorded: now };
        keep(account, name, (GROUP.to_owned(), id), evaluation);
    }
    account.touch(Topic::Compliance);
}

/// Whether everybody may reach port 22 through a group.
fn is_open(group: &Value) -> bool {
    let permissions = group["IpPermissions"].as_array().map(Vec::as_slice).unwrap_or_default();
    permissions.iter().any(|permission| {
        let protocol = permission["IpProtocol"].as_str().unwrap_or_default();
        let from = permission["FromPort"].as_i64().unwrap_or(0);
        let to = permission["ToPort"].as_i64().unwrap_or(65_535);
        let reaches = protocol == "-1" || (protocol == "tcp" && from <= 22 && 22 <= to);
        let all = |ranges: &Value, member: &str, whole: &str| {
            let ranges = ranges.as_array().map(Vec::as_slice).unwrap_or_default();
            ranges.iter().any(|range| range[member] == whole)
        };
        reaches
            && (all(&permission["IpRanges"], "CidrIp", "0.0.0.0/0")
                || all(&permission["Ipv6Ranges"], "CidrIpv6", "::/0"))
    })
}
