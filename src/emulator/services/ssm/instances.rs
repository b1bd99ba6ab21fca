//! Managed instances: the account's EC2 instances as Systems Manager sees them.
//!
//! Main functions: [`instances_of`] (out of `DescribeInstances`), [`describe`]. Invariant: instances
//! belong to the `ec2` service; this module only asks for them.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::documents::Filter;
use super::paging;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::Service;

/// An instance in an answer of `DescribeInstances`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instance<'a> {
    pub(crate) id: &'a str,
    pub(crate) state: &'a str,
    shape: &'a Value,
}

impl Instance<'_> {
    /// Whether it has a tag of this key, with one of these values where any are given.
    pub(super) fn has_tag(&self, key: &str, values: &[String]) -> bool {
        let tags = self.shape["Tags"].as_array().into_iter().flatten();
        tags.filter(|tag| tag["Key"] == key).any(|tag| {
            values.is_empty() || values.iter().any(|value| tag["Value"] == value.as_str())
        })
    }

    fn platform(&self) -> &'static str {
        match self.shape["Platform"].as_str() {
            Some(platform) if platform.eq_ignore_ascii_case("windows") => "Windows",
            _ => "Linux",
        }
    }
}

/// The instances in an answer of `DescribeInstances`.
pub(crate) fn instances_of(response: &Value) -> impl Iterator<Item = Instance<'_>> {
    response["Reservations"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|reservation| reservation["Instances"].as_array().into_iter().flatten())
        .filter_map(|shape| {
            Some(Instance {
                id: shape["InstanceId"].as_str()?,
                state: shape["State"]["Name"].as_str()?,
                shape,
            })
        })
}

/// Every instance of the account, as `DescribeInstances` answers.
pub(super) fn all(account: &mut Account) -> Answer {
    account.call(Service::Ec2, "DescribeInstances", json!({}))
}

/// The input of `DescribeInstanceInformation`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    instance_information_filter_list: Vec<OldFilter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldFilter {
    key: String,
    #[serde(rename = "valueSet")]
    value_set: Vec<String>,
}

/// `DescribeInstanceInformation`: the running instances are online, stopped ones have lost connection.
pub(super) fn describe(account: &mut Account, input: Describe) -> Answer {
    let response = all(account)?;
    let mut filters = input.filters;
    filters.extend(
        input
            .instance_information_filter_list
            .into_iter()
            .map(|filter| Filter { key: filter.key, values: filter.value_set }),
    );
    let mut items = Vec::new();
    for instance in instances_of(&response) {
        if instance.state == "terminated" {
            continue;
        }
        let ping = if instance.state == "running" { "Online" } else { "ConnectionLost" };
        let mut fits = true;
        for filter in &filters {
            let is = |text: &str| filter.values.iter().any(|value| value == text);
            fits &= match filter.key.as_str() {
                "InstanceIds" => is(instance.id),
                "PingStatus" => is(ping),
                "PlatformTypes" => is(instance.platform()),
                "ResourceType" => is("EC2Instance") || is("ManagedInstance"),
                "tag-key" => filter.values.iter().any(|key| instance.has_tag(key, &[])),
                other => match other.strip_prefix("tag:") {
                    Some(key) => instance.has_tag(key, &filter.values),
                    None => {
                        return Err(ServiceError::unsupported(format_args!(
                            "the filter key {other} of DescribeInstanceInformation"
                        )));
                    }
                },
            };
        }
        if fits {
            items.push(json!({
                "InstanceId": instance.id,
                "PingStatus": ping,
                "LastPingDateTime": epoch_seconds(account.now()),
                "PlatformType": instance.platform(),
                "ResourceType": "EC2Instance",
            }));
        }
    }
    paging::answer("InstanceInformationList", items, input.max_results, input.next_token.as_deref())
}
