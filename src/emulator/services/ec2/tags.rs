//! Tags of any resource that has an id.
//!
//! Main function: [`create_tags`]. Invariant: a tag is kept with its resource, nowhere else.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{Filter, Tag, Tags, passes};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeTags {
    resources: Vec<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create_tags(account: &mut Account, input: ChangeTags) -> Answer {
    let ChangeTags { resources, tags } = input;
    for resource in &resources {
        let kept = tags_of(account, resource)?;
        for tag in &tags {
            kept.insert(tag.key.clone(), tag.value.clone());
        }
    }
    Ok(json!({}))
}

pub(super) fn delete_tags(account: &mut Account, input: ChangeTags) -> Answer {
    let ChangeTags { resources, tags } = input;
    for resource in &resources {
        let kept = tags_of(account, resource)?;
        if tags.is_empty() {
            kept.clear();
        }
        for tag in &tags {
            kept.shift_remove(&tag.key);
        }
    }
    Ok(json!({}))
}

/// The tags of the resource with this id.
fn tags_of<'a>(account: &'a mut Account, id: &str) -> Result<&'a mut Tags, ServiceError> {
    let state = &mut account.services.ec2;
    let prefix = id.split_once('-').map_or(id, |(prefix, _)| prefix);
    let found = match prefix {
        "i" => state.instances.get_mut(id).map(|found| &mut found.tags),
        "sg" => state.groups.get_mut(id).map(|found| &mut found.tags),
        "vol" => state.volumes.get_mut(id).map(|found| &mut found.tags),
        "snap" => state.snapshots.get_mut(id).map(|found| &mut found.tags),
        "vpc" => state.vpcs.get_mut(id).map(|found| &mut found.tags),
        "subnet" => state.subnets.get_mut(id).map(|found| &mut found.tags),
        "vpn" => state.vpn_connections.get_mut(id).map(|found| &mut found.tags),
        "vgw" | "cgw" => state.gateways.get_mut(id).map(|found| &mut found.tags),
        "lt" => state.launch_templates.get_mut(id).map(|found| &mut found.tags),
        _ => {
            return Err(ServiceError::unsupported(format_args!("tags on the resource `{id}`")));
        }
    };
    found.ok_or_else(|| {
        ServiceError::new("InvalidID", format!("The ID '{id}' is not valid: it does not exist"))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeTags {
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_tags(account: &mut Account, input: DescribeTags) -> Answer {
    let DescribeTags { filters } = input;
    let mut found = Vec::new();
    for (kind, id, tags) in tagged(account) {
        for (key, value) in tags {
            let one = Tags::from_iter([(key.clone(), value.clone())]);
            let wanted = passes(&filters, &one, |name| match name {
                "resource-id" => Some(vec![id.to_owned()]),
                "resource-type" => Some(vec![kind.to_owned()]),
                "key" => Some(vec![key.clone()]),
                "value" => Some(vec![value.clone()]),
                _ => None,
            })?;
            if wanted {
                found.push(render(kind, id, key, value));
            }
        }
    }
    Ok(json!({"Tags": found}))
}

fn render(kind: &str, id: &str, key: &str, value: &str) -> Value {
    json!({"ResourceType": kind, "ResourceId": id, "Key": key, "Value": value})
}

/// Every resource that can carry tags: its type, its id, its tags.
fn tagged(account: &Account) -> impl Iterator<Item = (&'static str, &str, &Tags)> {
    let state = &account.services.ec2;
    let instances = state.instances.iter().map(|(id, one)| ("instance", id.as_str(), &one.tags));
    let groups = state.groups.iter().map(|(id, one)| ("security-group", id.as_str(), &one.tags));
    let volumes = state.volumes.iter().map(|(id, one)| ("volume", id.as_str(), &one.tags));
    let snapshots = state.snapshots.iter().map(|(id, one)| ("snapshot", id.as_str(), &one.tags));
    let networks = state.vpcs.iter().map(|(id, one)| ("vpc", id.as_str(), &one.tags));
    let subnets = state.subnets.iter().map(|(id, one)| ("subnet", id.as_str(), &one.tags));
    let vpns =
        state.vpn_connections.iter().map(|(id, one)| ("vpn-connection", id.as_str(), &one.tags));
    let templates =
        state.launch_templates.iter().map(|(id, one)| ("launch-template", id.as_str(), &one.tags));
    instances
        .chain(groups)
        .chain(volumes)
        .chain(snapshots)
        .chain(networks)
        .chain(subnets)
        .chain(vpns)
        .chain(templates)
}
