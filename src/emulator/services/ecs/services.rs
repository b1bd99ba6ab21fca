//! Services as the API shows them.
//!
//! Main type: [`Service`]. Invariant: what a service should be is here; how it comes to be so is the
//! matter of `rollout` and `scheduler`.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clusters::{self, invalid, missing, short};
use super::configuration::Configuration;
use super::scheduler::{self, Run};
use super::{Which, definitions, rollout};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// How many of its messages a service keeps:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html>.
const MOST_MESSAGES: usize = 100;

/// How many services one `DescribeServices` answers:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>.
const MOST_DESCRIBED: usize = 10;

/// How many tasks a service runs at most:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>.
const MOST_TASKS: u32 = 5_000;

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) arn: String,
    pub(super) which: Which,
    pub(super) created: Timestamp,
    pub(super) active: bool,
    pub(super) desired: u32,
    /// The ARN of the task definition that it was last told to run, or went back to.
    pub(super) definition: String,
    pub(super) configuration: Configuration,
    /// What has no effect here; answered as it was given.
    pub(super) given: IndexMap<&'static str, Value>,
    /// The service revision that the scheduler brings about.
    pub(super) goal: Option<String>,
    /// A deployment failed and was not rolled back: no task is started any more.
    pub(super) halted: bool,
    /// That the service has what it wants was said.
    pub(super) settled: bool,
    /// The tasks, by service revision, oldest first.
    pub(super) runs: Vec<Run>,
    /// The deployment that began last.
    pub(super) current: Option<String>,
    /// What the last deployment that succeeded came to.
    pub(super) good: Option<Good>,
    messages: Vec<(String, Timestamp, String)>,
}

/// Where a rollback goes back to.
#[derive(Debug, Clone)]
pub(super) struct Good {
    /// The ARN of the service revision.
    pub(super) revision: String,
    /// The id of its rollout, such as `ecs-svc/1234567890123456789`.
    pub(super) id: String,
}

impl Service {
    /// How many tasks run.
    pub(super) fn running(&self) -> u32 {
        self.runs.iter().map(|run| run.running + run.healthy).sum()
    }

    /// How many tasks were launched and don't run yet.
    pub(super) fn pending(&self) -> u32 {
        self.runs.iter().map(|run| run.pending).sum()
    }

    /// The tasks of a service revision.
    pub(super) fn run(&self, revision: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.revision == revision)
    }

    /// The tasks of a service revision, to be changed.
    pub(super) fn run_mut(&mut self, revision: &str) -> Option<&mut Run> {
        self.runs.iter_mut().find(|run| run.revision == revision)
    }

    fn render(&self, account: &Account) -> Value {
        let goal = self.goal.as_ref();
        let runs = self.runs.iter().rev();
        let shown = runs.map(|run| run.render(self.desired, goal == Some(&run.revision)));
        let messages = self.messages.iter().rev().map(|(id, at, message)| {
            json!({"id": id, "createdAt": epoch_seconds(*at), "message": message})
        });
        let mut whole = json!({
            "serviceArn": self.arn,
            "serviceName": self.which.1,
            "clusterArn": clusters::arn(account, &self.which.0),
            "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "desiredCount": self.desired,
            "runningCount": self.running(),
            "pendingCount": self.pending(),
            "taskDefinition": self.definition,
            "deploymentConfiguration": self.configuration,
            "deployments": shown.collect::<Vec<_>>(),
            "events": messages.collect::<Vec<_>>(),
            "createdAt": epoch_seconds(self.created),
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "currentServiceDeployment": self.current,
        });
        for (name, value) in &self.given {
            whole[*name] = value.clone();
        }
        whole
    }
}

/// A service to be changed.
pub(super) fn service_mut<'a>(account: &'a mut Account, which: &Which) -> Option<&'a mut Service> {
    account.services.ecs.services.get_mut(which)
}

/// Adds one of the messages that `DescribeServices` shows.
pub(super) fn say(account: &mut Account, which: &Which, message: &str) {
    let (id, now) = (account.ids.uuid(), account.now());
    let Some(service) = service_mut(account, which) else { return };
    service.messages.push((id, now, format!("(service {}) {message}", which.1)));
    if service.messages.len() > MOST_MESSAGES {
        service.messages.remove(0);
    }
}

/// Which service is meant: a name or an ARN, in a cluster that is there.
pub(super) fn which(
    account: &Account,
    cluster: Option<&str>,
    service: &str,
) -> Result<Which, ServiceError> {
    Ok((clusters::find(account, cluster)?, short(service).to_owned()))
}

/// A service that is there and active.
pub(super) fn active<'a>(account: &'a Account, which: &Which) -> Result<&'a Service, ServiceError> {
    let Some(found) = account.services.ecs.services.get(which) else {
        return Err(ServiceError::new("ServiceNotFoundException", "Service not found."));
    };
    if found.active {
        Ok(found)
    } else {
        Err(ServiceError::new("ServiceNotActiveException", "Service was not ACTIVE."))
    }
}

/// What people may say of a service that a rollout does not heed; the names are the API's own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateService {
    #[serde(default)]
    cluster: Option<String>,
    service_name: String,
    #[serde(default)]
    task_definition: Option<String>,
    #[serde(default)]
    desired_count: Option<u32>,
    #[serde(default)]
    deployment_configuration: Option<Configuration>,
    #[serde(default)]
    deployment_controller: Option<Value>,
    #[serde(default)]
    scheduling_strategy: Option<String>,
    #[serde(default, rename = "clientToken")]
    _client_token: Option<String>,
    #[serde(default)]
    launch_type: Option<Value>,
    #[serde(default)]
    capacity_provider_strategy: Option<Value>,
    #[serde(default)]
    platform_version: Option<Value>,
    #[serde(default)]
    role: Option<Value>,
    #[serde(default)]
    load_balancers: Option<Value>,
    #[serde(default)]
    service_registries: Option<Value>,
    #[serde(default)]
    network_configuration: Option<Value>,
    #[serde(default)]
    placement_constraints: Option<Value>,
    #[serde(default)]
    placement_strategy: Option<Value>,
    #[serde(default)]
    health_check_grace_period_seconds: Option<Value>,
    #[serde(default)]
    availability_zone_rebalancing: Option<Value>,
    #[serde(default)]
    propagate_tags: Option<Value>,
    #[serde(default)]
    enable_execute_command: Option<Value>,
    #[serde(default, rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<Value>,
    #[serde(default)]
    tags: Option<Value>,
}

/// Only ECS itself deploys, and only services of replicas.
fn check_kind(controller: Option<&Value>, scheduling: Option<&str>) -> Result<(), ServiceError> {
    let controller = controller.and_then(|one| one["type"].as_str());
    if let Some(other) = controller.filter(|kind| *kind != "ECS") {
        return Err(ServiceError::unsupported(format_args!(
            "ECS services with the deployment controller {other}"
        )));
    }
    match scheduling {
        None | Some("REPLICA") => Ok(()),
        Some(other) => Err(ServiceError::unsupported(format_args!(
            "ECS services with the scheduling strategy {other}"
        ))),
    }
}

fn check_count(desired: u32) -> Result<(), ServiceError> {
    if desired > MOST_TASKS {
        return Err(invalid(format!("desiredCount is at most {MOST_TASKS}.")));
    }
    Ok(())
}

/// `CreateService`: the service's first deployment begins.
pub(super) fn create(account: &mut Account, input: CreateService) -> Answer {
    check_kind(input.deployment_controller.as_ref(), input.scheduling_strategy.as_deref())?;
    let which = which(account, input.cluster.as_deref(), &input.service_name)?;
    if input.service_name.is_empty() || input.service_name.contains([':', '/']) {
        return Err(invalid("The serviceName is not valid."));
    }
    if account.services.ecs.services.get(&which).is_some_and(|there| there.active) {
        return Err(invalid("Creation of service was not idempotent."));
    }
    let named = input.task_definition.ok_or_else(|| invalid("TaskDefinition can not be blank."))?;
    let definition = definitions::usable(account, &named)?;
    let desired = input.desired_count.ok_or_else(|| invalid("desiredCount can not be null."))?;
    check_count(desired)?;
    let configuration = input.deployment_configuration.unwrap_or_default().completed();
    configuration.check()?;
    let given = [
        ("launchType", input.launch_type),
        ("capacityProviderStrategy", input.capacity_provider_strategy),
        ("platformVersion", input.platform_version),
        ("roleArn", input.role),
        ("loadBalancers", input.load_balancers),
        ("serviceRegistries", input.service_registries),
        ("networkConfiguration", input.network_configuration),
        ("placementConstraints", input.placement_constraints),
        ("placementStrategy", input.placement_strategy),
        ("healthCheckGracePeriodSeconds", input.health_check_grace_period_seconds),
        ("availabilityZoneRebalancing", input.availability_zone_rebalancing),
        ("propagateTags", input.propagate_tags),
        ("enableExecuteCommand", input.enable_execute_command),
        ("enableECSManagedTags", input.enable_ecs_managed_tags),
        ("tags", input.tags),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let arn = account.identity().arn("ecs", &format!("service/{}/{}", which.0, which.1));
    let service = Service {
        arn,
        which: which.clone(),
        created: account.now(),
        active: true,
        desired,
        definition,
        configuration,
        given,
        goal: None,
        halted: false,
        settled: false,
        runs: Vec::new(),
        current: None,
        good: None,
        messages: Vec::new(),
    };
    account.services.ecs.services.insert(which.clone(), service);
    rollout::create(account, &which);
    Ok(json!({"service": shown(account, &which)}))
}

fn shown(account: &Account, which: &Which) -> Value {
    account.services.ecs.services[which].render(account)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateService {
    #[serde(default)]
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    task_definition: Option<String>,
    #[serde(default)]
    desired_count: Option<u32>,
    #[serde(default)]
    deployment_configuration: Option<Configuration>,
    #[serde(default)]
    force_new_deployment: bool,
    #[serde(default)]
    capacity_provider_strategy: Option<Value>,
    #[serde(default)]
    platform_version: Option<Value>,
    #[serde(default)]
    load_balancers: Option<Value>,
    #[serde(default)]
    service_registries: Option<Value>,
    #[serde(default)]
    network_configuration: Option<Value>,
    #[serde(default)]
    placement_constraints: Option<Value>,
    #[serde(default)]
    placement_strategy: Option<Value>,
    #[serde(default)]
    health_check_grace_period_seconds: Option<Value>,
    #[serde(default)]
    enable_execute_command: Option<Value>,
}

/// `UpdateService`: another task definition, network or load balancer is deployed; a count is only scaled
/// to. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>.
pub(super) fn update(account: &mut Account, input: UpdateService) -> Answer {
    let which = which(account, input.cluster.as_deref(), &input.service)?;
    let mut changed = active(account, &which)?.clone();
    let mut deploys = input.force_new_deployment;
    if let Some(named) = &input.task_definition {
        let definition = definitions::usable(account, named)?;
        deploys |= definition != changed.definition;
        changed.definition = definition;
    }
    if let Some(desired) = input.desired_count {
        check_count(desired)?;
        changed.desired = desired;
    }
    if let Some(configuration) = input.deployment_configuration {
        changed.configuration = changed.configuration.changed_by(configuration);
        changed.configuration.check()?;
    }
    let deployed = [
        ("capacityProviderStrategy", input.capacity_provider_strategy),
        ("platformVersion", input.platform_version),
        ("loadBalancers", input.load_balancers),
        ("serviceRegistries", input.service_registries),
        ("networkConfiguration", input.network_configuration),
    ];
    for (name, value) in deployed {
        let Some(value) = value else { continue };
        deploys |= changed.given.get(name) != Some(&value);
        changed.given.insert(name, value);
    }
    let kept = [
        ("placementConstraints", input.placement_constraints),
        ("placementStrategy", input.placement_strategy),
        ("healthCheckGracePeriodSeconds", input.health_check_grace_period_seconds),
        ("enableExecuteCommand", input.enable_execute_command),
    ];
    for (name, value) in kept {
        changed.given.extend(value.map(|value| (name, value)));
    }
    changed.settled &= !deploys;
    account.services.ecs.services.insert(which.clone(), changed);
    if deploys {
        rollout::create(account, &which);
    } else {
        scheduler::act(account, &which);
    }
    Ok(json!({"service": shown(account, &which)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeServices {
    #[serde(default)]
    cluster: Option<String>,
    services: Vec<String>,
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

pub(super) fn describe(account: &mut Account, input: DescribeServices) -> Answer {
    if input.services.is_empty() || input.services.len() > MOST_DESCRIBED {
        return Err(invalid(format!("services takes 1 to {MOST_DESCRIBED} names.")));
    }
    let cluster = clusters::find(account, input.cluster.as_deref())?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in &input.services {
        let which = (cluster.clone(), short(name).to_owned());
        if let Some(service) = account.services.ecs.services.get(&which) {
            found.push(service.render(account));
        } else {
            let resource = format!("service/{}/{}", which.0, which.1);
            failures.push(missing(&account.identity().arn("ecs", &resource)));
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListServices {
    #[serde(default)]
    cluster: Option<String>,
}

pub(super) fn list(account: &mut Account, input: ListServices) -> Answer {
    let cluster = clusters::find(account, input.cluster.as_deref())?;
    let services = account.services.ecs.services.values();
    let arns: Vec<&String> = services
        .filter(|service| service.active && service.which.0 == cluster)
        .map(|service| &service.arn)
        .collect();
    Ok(json!({"serviceArns": arns}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteService {
    #[serde(default)]
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    force: bool,
}

/// `DeleteService`: its deployments go with it.
pub(super) fn delete(account: &mut Account, input: DeleteService) -> Answer {
    let which = which(account, input.cluster.as_deref(), &input.service)?;
    let found = active(account, &which)?;
    if found.desired > 0 && !input.force {
        return Err(invalid("The service cannot be stopped while it is scaled above 0."));
    }
    let state = &mut account.services.ecs;
    state.deployments.retain(|_, deployment| deployment.which != which);
    state.revisions.retain(|_, revision| revision.which != which);
    let service = state.services.get_mut(&which).expect("it was just found");
    service.active = false;
    service.desired = 0;
    service.goal = None;
    service.current = None;
    let facts: Vec<_> = service.runs.drain(..).filter_map(|run| run.fact).collect();
    for fact in facts {
        account.facts.end(fact);
    }
    Ok(json!({"service": shown(account, &which)}))
}
