//! ECS clusters, task definitions and services.
//!
//! Main items: the [`ResourceType`]s. Invariant: a service's first deployment begins with its stack; unlike
//! CloudFormation, what comes after it in the template does not wait for that deployment.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TEXTS, accepted, is, named, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const SERVICE: Service = Service::Ecs;

/// `[{Key, Value}]`, which this API spells in lower case.
const TAGS: Shape = Shape::List(&Shape::Fields(&[text("Key"), text("Value")]));

const PAIRS: Shape = Shape::List(&Shape::Fields(&[text("Name"), text("Value")]));

const CAPACITY: Shape = Shape::List(&Shape::Fields(&[
    is("Base", Shape::Integer),
    text("CapacityProvider"),
    is("Weight", Shape::Integer),
]));

/// A cluster.
pub(super) const CLUSTER: ResourceType = ResourceType {
    name: "AWS::ECS::Cluster",
    properties: &[
        is("CapacityProviders", TEXTS),
        text("ClusterName"),
        named("ClusterSettings", "settings", PAIRS),
        accepted("Configuration"),
        is("DefaultCapacityProviderStrategy", CAPACITY),
        is("ServiceConnectDefaults", Shape::Fields(&[text("Namespace")])),
        is("Tags", TAGS),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "clusterName", 255);
        let answer = maker.call(SERVICE, "CreateCluster", inputs.input)?;
        maker.undo(SERVICE, "DeleteCluster", json!({ "cluster": name }));
        let arn = text_at(&answer, &["cluster", "clusterArn"]).unwrap_or_default();
        Ok(Built::new(name).with("Arn", arn))
    },
};

const SECRETS: Shape = Shape::List(&Shape::Fields(&[text("Name"), text("ValueFrom")]));

const LOGS: &[Property] =
    &[text("LogDriver"), is("Options", Shape::Map(&Shape::Text)), is("SecretOptions", SECRETS)];

const HEALTH: &[Property] = &[
    is("Command", TEXTS),
    is("Interval", Shape::Integer),
    is("Retries", Shape::Integer),
    is("StartPeriod", Shape::Integer),
    is("Timeout", Shape::Integer),
];

const PORT: &[Property] = &[
    text("AppProtocol"),
    is("ContainerPort", Shape::Integer),
    text("ContainerPortRange"),
    is("HostPort", Shape::Integer),
    text("Name"),
    text("Protocol"),
];

const CONTAINER: &[Property] = &[
    is("Command", TEXTS),
    is("Cpu", Shape::Integer),
    accepted("CredentialSpecs"),
    is("DependsOn", Shape::List(&Shape::Fields(&[text("Condition"), text("ContainerName")]))),
    is("DisableNetworking", Shape::Boolean),
    is("DnsSearchDomains", TEXTS),
    is("DnsServers", TEXTS),
    is("DockerLabels", Shape::Map(&Shape::Text)),
    is("DockerSecurityOptions", TEXTS),
    is("EntryPoint", TEXTS),
    is("Environment", PAIRS),
    is("EnvironmentFiles", Shape::List(&Shape::Fields(&[text("Type"), text("Value")]))),
    is("Essential", Shape::Boolean),
    is("ExtraHosts", Shape::List(&Shape::Fields(&[text("Hostname"), text("IpAddress")]))),
    is(
        "FirelensConfiguration",
        Shape::Fields(&[is("Options", Shape::Map(&Shape::Text)), text("Type")]),
    ),
    is("HealthCheck", Shape::Fields(HEALTH)),
    text("Hostname"),
    text("Image"),
    is("Interactive", Shape::Boolean),
    is("Links", TEXTS),
    accepted("LinuxParameters"),
    is("LogConfiguration", Shape::Fields(LOGS)),
    is("Memory", Shape::Integer),
    is("MemoryReservation", Shape::Integer),
    is(
        "MountPoints",
        Shape::List(&Shape::Fields(&[
            text("ContainerPath"),
            is("ReadOnly", Shape::Boolean),
            text("SourceVolume"),
        ])),
    ),
    text("Name"),
    is("PortMappings", Shape::List(&Shape::Fields(PORT))),
    is("Privileged", Shape::Boolean),
    is("PseudoTerminal", Shape::Boolean),
    is("ReadonlyRootFilesystem", Shape::Boolean),
    is("RepositoryCredentials", Shape::Fields(&[text("CredentialsParameter")])),
    is("ResourceRequirements", Shape::List(&Shape::Fields(&[text("Type"), text("Value")]))),
    accepted("RestartPolicy"),
    is("Secrets", SECRETS),
    is("StartTimeout", Shape::Integer),
    is("StopTimeout", Shape::Integer),
    is("SystemControls", Shape::List(&Shape::Fields(&[text("Namespace"), text("Value")]))),
    is(
        "Ulimits",
        Shape::List(&Shape::Fields(&[
            is("HardLimit", Shape::Integer),
            text("Name"),
            is("SoftLimit", Shape::Integer),
        ])),
    ),
    text("User"),
    text("VersionConsistency"),
    is(
        "VolumesFrom",
        Shape::List(&Shape::Fields(&[is("ReadOnly", Shape::Boolean), text("SourceContainer")])),
    ),
    text("WorkingDirectory"),
];

const PLACEMENT: Shape = Shape::List(&Shape::Fields(&[text("Expression"), text("Type")]));

/// A task definition; its reference is the ARN of its revision.
pub(super) const TASK_DEFINITION: ResourceType = ResourceType {
    name: "AWS::ECS::TaskDefinition",
    properties: &[
        is("ContainerDefinitions", Shape::List(&Shape::Fields(CONTAINER))),
        text("Cpu"),
        is("EnableFaultInjection", Shape::Boolean),
        is("EphemeralStorage", Shape::Fields(&[named("SizeInGiB", "sizeInGiB", Shape::Integer)])),
        text("ExecutionRoleArn"),
        text("Family"),
        text("IpcMode"),
        text("Memory"),
        text("NetworkMode"),
        text("PidMode"),
        is("PlacementConstraints", PLACEMENT),
        accepted("ProxyConfiguration"),
        is("RequiresCompatibilities", TEXTS),
        is(
            "RuntimePlatform",
            Shape::Fields(&[text("CpuArchitecture"), text("OperatingSystemFamily")]),
        ),
        is("Tags", TAGS),
        text("TaskRoleArn"),
        accepted("Volumes"),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        maker.name(&mut inputs.input, "family", 255);
        let answer = maker.call(SERVICE, "RegisterTaskDefinition", inputs.input)?;
        let arn = text_at(&answer, &["taskDefinition", "taskDefinitionArn"]).unwrap_or_default();
        maker.undo(SERVICE, "DeregisterTaskDefinition", json!({ "taskDefinition": arn }));
        Ok(Built::new(arn.clone()).with("TaskDefinitionArn", arn))
    },
};

const SWITCH: &[Property] = &[is("Enable", Shape::Boolean), is("Rollback", Shape::Boolean)];

const ALARMS: &[Property] =
    &[is("AlarmNames", TEXTS), is("Enable", Shape::Boolean), is("Rollback", Shape::Boolean)];

const DEPLOYMENT: &[Property] = &[
    is("Alarms", Shape::Fields(ALARMS)),
    is("BakeTimeInMinutes", Shape::Integer),
    is("CanaryConfiguration", Shape::Json),
    is("DeploymentCircuitBreaker", Shape::Fields(SWITCH)),
    is("LifecycleHooks", Shape::Json),
    is("LinearConfiguration", Shape::Json),
    is("MaximumPercent", Shape::Integer),
    is("MinimumHealthyPercent", Shape::Integer),
    text("Strategy"),
];

const LOAD_BALANCER: &[Property] = &[
    accepted("AdvancedConfiguration"),
    text("ContainerName"),
    is("ContainerPort", Shape::Integer),
    text("LoadBalancerName"),
    text("TargetGroupArn"),
];

const REGISTRY: &[Property] = &[
    text("ContainerName"),
    is("ContainerPort", Shape::Integer),
    is("Port", Shape::Integer),
    text("RegistryArn"),
];

const NETWORK: &[Property] = &[is(
    "AwsvpcConfiguration",
    Shape::Fields(&[text("AssignPublicIp"), is("SecurityGroups", TEXTS), is("Subnets", TEXTS)]),
)];

/// A service; its reference is its ARN.
pub(super) const ECS_SERVICE: ResourceType = ResourceType {
    name: "AWS::ECS::Service",
    properties: &[
        text("AvailabilityZoneRebalancing"),
        is("CapacityProviderStrategy", CAPACITY),
        text("Cluster"),
        is("DeploymentConfiguration", Shape::Fields(DEPLOYMENT)),
        is("DeploymentController", Shape::Fields(&[text("Type")])),
        is("DesiredCount", Shape::Integer),
        is("EnableECSManagedTags", Shape::Boolean),
        is("EnableExecuteCommand", Shape::Boolean),
        accepted("ForceNewDeployment"),
        is("HealthCheckGracePeriodSeconds", Shape::Integer),
        text("LaunchType"),
        is("LoadBalancers", Shape::List(&Shape::Fields(LOAD_BALANCER))),
        is("NetworkConfiguration", Shape::Fields(NETWORK)),
        is("PlacementConstraints", PLACEMENT),
        named(
            "PlacementStrategies",
            "placementStrategy",
            Shape::List(&Shape::Fields(&[text("Field"), text("Type")])),
        ),
        text("PlatformVersion"),
        text("PropagateTags"),
        text("Role"),
        text("SchedulingStrategy"),
        accepted("ServiceConnectConfiguration"),
        text("ServiceName"),
        is("ServiceRegistries", Shape::List(&Shape::Fields(REGISTRY))),
        is("Tags", TAGS),
        text("TaskDefinition"),
        accepted("VolumeConfigurations"),
        accepted("VpcLatticeConfigurations"),
    ],
    spelling: Spelling::Camel,
    create: create_service,
};

fn create_service(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "serviceName", 255);
    if !inputs.input.contains_key("taskDefinition") {
        return Err(maker.missing("TaskDefinition"));
    }
    let cluster = inputs.input.get("cluster").cloned().unwrap_or_else(|| Value::from("default"));
    // "If a desiredCount is not specified, a default value of 1 is used."
    inputs.input.entry("desiredCount").or_insert_with(|| Value::from(1));
    let answer = maker.call(SERVICE, "CreateService", inputs.input)?;
    let undo = json!({ "cluster": cluster, "service": name, "force": true });
    maker.undo(SERVICE, "DeleteService", undo);
    let arn = text_at(&answer, &["service", "serviceArn"]).unwrap_or_default();
    Ok(Built::new(arn.clone()).with("Name", name).with("ServiceArn", arn))
}
