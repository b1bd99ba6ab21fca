//! CodeDeploy applications, deployment groups and deployment configurations.
//!
//! Main items: the [`ResourceType`]s. Invariant: a group's `Deployment` property starts a deployment, as
//! it does on AWS.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CodeDeploy.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TAG_LIST, TEXTS, exactly, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped};
use crate::emulator::services::Service;

/// An application.
pub(super) const APPLICATION: ResourceType = ResourceType {
    name: "AWS::CodeDeploy::Application",
    properties: &[text("ApplicationName"), text("ComputePlatform"), is("Tags", TAG_LIST)],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "applicationName", 100);
        maker.call(Service::CodeDeploy, "CreateApplication", inputs.input)?;
        let undo = json!({ "applicationName": name });
        maker.undo(Service::CodeDeploy, "DeleteApplication", undo);
        Ok(Built::new(name))
    },
};

/// A deployment configuration.
pub(super) const DEPLOYMENT_CONFIG: ResourceType = ResourceType {
    name: "AWS::CodeDeploy::DeploymentConfig",
    properties: &[
        text("ComputePlatform"),
        text("DeploymentConfigName"),
        is("MinimumHealthyHosts", Shape::Fields(&[text("Type"), is("Value", Shape::Integer)])),
        is("TrafficRoutingConfig", Shape::Fields(TRAFFIC)),
        is("ZonalConfig", Shape::Json),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "deploymentConfigName", 100);
        maker.call(Service::CodeDeploy, "CreateDeploymentConfig", inputs.input)?;
        let undo = json!({ "deploymentConfigName": name });
        maker.undo(Service::CodeDeploy, "DeleteDeploymentConfig", undo);
        Ok(Built::new(name))
    },
};

const TRAFFIC: &[Property] = &[
    is("TimeBasedCanary", Shape::Fields(STEPS_OF_CANARY)),
    is("TimeBasedLinear", Shape::Fields(STEPS_OF_LINEAR)),
    text("Type"),
];

const STEPS_OF_CANARY: &[Property] =
    &[is("CanaryInterval", Shape::Integer), is("CanaryPercentage", Shape::Integer)];

const STEPS_OF_LINEAR: &[Property] =
    &[is("LinearInterval", Shape::Integer), is("LinearPercentage", Shape::Integer)];

const TAG_FILTER: &[Property] =
    &[exactly("Key", Shape::Text), exactly("Type", Shape::Text), exactly("Value", Shape::Text)];

const TAG_FILTERS: Shape = Shape::List(&Shape::Fields(TAG_FILTER));

const ALARMS: &[Property] = &[
    is("Alarms", Shape::List(&Shape::Fields(&[text("Name")]))),
    is("Enabled", Shape::Boolean),
    is("IgnorePollAlarmFailure", Shape::Boolean),
];

const ROLLBACK: &[Property] = &[is("Enabled", Shape::Boolean), is("Events", TEXTS)];

const REVISION: &[Property] = &[
    is("GitHubLocation", Shape::Fields(&[text("CommitId"), text("Repository")])),
    text("RevisionType"),
    is(
        "S3Location",
        Shape::Fields(&[
            text("Bucket"),
            text("BundleType"),
            named("ETag", "eTag", Shape::Text),
            text("Key"),
            text("Version"),
        ]),
    ),
];

const DEPLOYMENT: &[Property] = &[
    text("Description"),
    is("IgnoreApplicationStopFailures", Shape::Boolean),
    is("Revision", Shape::Fields(REVISION)),
];

const TRIGGER: &[Property] =
    &[is("TriggerEvents", TEXTS), text("TriggerName"), text("TriggerTargetArn")];

const NAMES: Shape = Shape::List(&Shape::Fields(&[text("Name")]));

const LOAD_BALANCER: &[Property] = &[
    is("ElbInfoList", NAMES),
    is("TargetGroupInfoList", NAMES),
    is("TargetGroupPairInfoList", Shape::Json),
];

/// A deployment group.
pub(super) const DEPLOYMENT_GROUP: ResourceType = ResourceType {
    name: "AWS::CodeDeploy::DeploymentGroup",
    properties: &[
        is("AlarmConfiguration", Shape::Fields(ALARMS)),
        text("ApplicationName"),
        is("AutoRollbackConfiguration", Shape::Fields(ROLLBACK)),
        is("AutoScalingGroups", TEXTS),
        is("BlueGreenDeploymentConfiguration", Shape::Json),
        own("Deployment", Shape::Fields(DEPLOYMENT)),
        text("DeploymentConfigName"),
        text("DeploymentGroupName"),
        is("DeploymentStyle", Shape::Fields(&[text("DeploymentOption"), text("DeploymentType")])),
        is("Ec2TagFilters", TAG_FILTERS),
        is("Ec2TagSet", Shape::Json),
        named(
            "ECSServices",
            "ecsServices",
            Shape::List(&Shape::Fields(&[text("ClusterName"), text("ServiceName")])),
        ),
        is("LoadBalancerInfo", Shape::Fields(LOAD_BALANCER)),
        is("OnPremisesInstanceTagFilters", TAG_FILTERS),
        is("OnPremisesTagSet", Shape::Json),
        text("OutdatedInstancesStrategy"),
        text("ServiceRoleArn"),
        is("Tags", TAG_LIST),
        is("TerminationHookEnabled", Shape::Boolean),
        is("TriggerConfigurations", Shape::List(&Shape::Fields(TRIGGER))),
    ],
    spelling: Spelling::Camel,
    create: create_group,
};

fn create_group(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "deploymentGroupName", 100);
    let Some(application) = inputs.input.get("applicationName").cloned() else {
        return Err(maker.missing("ApplicationName"));
    };
    let deployment = inputs.take("Deployment");
    maker.call(Service::CodeDeploy, "CreateDeploymentGroup", inputs.input)?;
    let which = json!({ "applicationName": application, "deploymentGroupName": name });
    maker.undo(Service::CodeDeploy, "DeleteDeploymentGroup", which.clone());
    if let (Some(Value::Object(mut deployment)), Value::Object(which)) = (deployment, which) {
        deployment.extend(which);
        maker.also(Service::CodeDeploy, "CreateDeployment", Value::Object(deployment));
    }
    Ok(Built::new(name))
}
