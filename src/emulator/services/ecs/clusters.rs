//! Clusters: a name that services belong to.
//!
//! Main type: [`Cluster`]. Invariant: a cluster with services can't be deleted.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Which;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// The cluster where none is named; it is there once it was created.
const DEFAULT: &str = "default";

/// A cluster.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) name: String,
    /// What it was given, answered as it is.
    given: Vec<(&'static str, Value)>,
}

/// A caller's fault in the words of ECS.
pub(super) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterException", message)
}

/// The last part of a name or an ARN.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A cluster's ARN.
pub(super) fn arn(account: &Account, name: &str) -> String {
    account.identity().arn("ecs", &format!("cluster/{name}"))
}

/// The name of a cluster that is there, by name, ARN or default.
pub(super) fn find(account: &Account, named: Option<&str>) -> Result<String, ServiceError> {
    let name = short(named.unwrap_or(DEFAULT));
    match account.services.ecs.clusters.get(name) {
        Some(cluster) => Ok(cluster.name.clone()),
        None => Err(ServiceError::new("ClusterNotFoundException", "Cluster not found.")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateCluster {
    #[serde(default)]
    cluster_name: Option<String>,
    #[serde(default)]
    settings: Option<Value>,
    #[serde(default)]
    configuration: Option<Value>,
    #[serde(default)]
    capacity_providers: Option<Value>,
    #[serde(default)]
    default_capacity_provider_strategy: Option<Value>,
    #[serde(default)]
    service_connect_defaults: Option<Value>,
    #[serde(default)]
    tags: Option<Value>,
}

/// Creating what is there already answers it, as on AWS.
pub(super) fn create(account: &mut Account, input: CreateCluster) -> Answer {
    let name = input.cluster_name.unwrap_or_else(|| DEFAULT.to_owned());
    if name.is_empty() || name.contains(['/', ':']) {
        return Err(invalid("The clusterName is not valid."));
    }
    let given = [
        ("settings", input.settings),
        ("configuration", input.configuration),
        ("capacityProviders", input.capacity_providers),
        ("defaultCapacityProviderStrategy", input.default_capacity_provider_strategy),
        ("serviceConnectDefaults", input.service_connect_defaults),
        ("tags", input.tags),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let new = Cluster { name: name.clone(), given };
    let cluster = account.services.ecs.clusters.entry(name).or_insert(new).clone();
    Ok(json!({"cluster": render(account, &cluster, "ACTIVE")}))
}

fn render(account: &Account, cluster: &Cluster, status: &str) -> Value {
    let services = account.services.ecs.services.iter();
    let services = services.filter(|((name, _), service)| *name == cluster.name && service.active);
    let (mut count, mut running, mut pending) = (0_u32, 0, 0);
    for (_, service) in services {
        count += 1;
        running += service.running();
        pending += service.pending();
    }
    let mut shown = json!({
        "clusterArn": arn(account, &cluster.name),
        "clusterName": cluster.name,
        "status": status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": count,
    });
    for (name, value) in &cluster.given {
        shown[*name] = value.clone();
    }
    shown
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeClusters {
    #[serde(default)]
    clusters: Vec<String>,
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

pub(super) fn describe(account: &mut Account, input: DescribeClusters) -> Answer {
    let mut names = input.clusters;
    if names.is_empty() {
        names.push(DEFAULT.to_owned());
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in &names {
        match account.services.ecs.clusters.get(short(name)) {
            Some(cluster) => found.push(render(account, cluster, "ACTIVE")),
            None => failures.push(missing(&arn(account, short(name)))),
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

/// What a describing call says of a thing that is not there:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>.
pub(super) fn missing(arn: &str) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListClusters {}

pub(super) fn list(account: &mut Account, input: ListClusters) -> Answer {
    let ListClusters {} = input;
    let names = account.services.ecs.clusters.keys();
    let arns: Vec<String> = names.map(|name| arn(account, name)).collect();
    Ok(json!({"clusterArns": arns}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteCluster {
    cluster: String,
}

pub(super) fn delete(account: &mut Account, input: DeleteCluster) -> Answer {
    let name = find(account, Some(&input.cluster))?;
    let in_use =
        |(which, service): (&Which, &super::services::Service)| which.0 == name && service.active;
    if account.services.ecs.services.iter().any(in_use) {
        return Err(ServiceError::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    let cluster = account.services.ecs.clusters.shift_remove(&name).expect("it was just found");
    Ok(json!({"cluster": render(account, &cluster, "INACTIVE")}))
}
