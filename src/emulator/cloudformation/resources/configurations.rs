//! AppConfig applications, environments, configuration profiles, hosted versions, deployment strategies and
//! deployments.
//!
//! Main items: the [`ResourceType`]s. Invariant: a deployment that a template holds starts with the stack, as
//! it does on AWS.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_AppConfig.html>

use serde_json::{Map, Value, json};

use super::shape::{Property, Shape, TAG_MAP, accepted, is, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const SERVICE: Service = Service::AppConfig;

/// An application.
pub(super) const APPLICATION: ResourceType = ResourceType {
    name: "AWS::AppConfig::Application",
    properties: &[text("Description"), text("Name"), is("Tags", TAG_MAP)],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let id = made(maker, "CreateApplication", inputs.input)?;
        maker.undo(SERVICE, "DeleteApplication", json!({ "ApplicationId": id }));
        Ok(Built::new(id.clone()).with("ApplicationId", id))
    },
};

const MONITOR: &[Property] = &[text("AlarmArn"), text("AlarmRoleArn")];

/// An environment.
pub(super) const ENVIRONMENT: ResourceType = ResourceType {
    name: "AWS::AppConfig::Environment",
    properties: &[
        text("ApplicationId"),
        accepted("DeletionProtectionCheck"),
        text("Description"),
        is("Monitors", Shape::List(&Shape::Fields(MONITOR))),
        text("Name"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let application = inputs.input.get("ApplicationId").cloned();
        let id = made(maker, "CreateEnvironment", inputs.input)?;
        let undo = json!({ "ApplicationId": application, "EnvironmentId": id });
        maker.undo(SERVICE, "DeleteEnvironment", undo);
        Ok(Built::new(id.clone()).with("EnvironmentId", id))
    },
};

/// A configuration profile.
pub(super) const PROFILE: ResourceType = ResourceType {
    name: "AWS::AppConfig::ConfigurationProfile",
    properties: &[
        text("ApplicationId"),
        accepted("DeletionProtectionCheck"),
        text("Description"),
        text("KmsKeyIdentifier"),
        text("LocationUri"),
        text("Name"),
        text("RetrievalRoleArn"),
        is("Tags", TAG_MAP),
        text("Type"),
        is("Validators", Shape::Json),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let application = inputs.input.get("ApplicationId").cloned();
        let id = made(maker, "CreateConfigurationProfile", inputs.input)?;
        let undo = json!({ "ApplicationId": application, "ConfigurationProfileId": id });
        maker.undo(SERVICE, "DeleteConfigurationProfile", undo);
        Ok(Built::new(id.clone()).with("ConfigurationProfileId", id))
    },
};

/// A version in the hosted store; its reference is the version's number.
pub(super) const VERSION: ResourceType = ResourceType {
    name: "AWS::AppConfig::HostedConfigurationVersion",
    properties: &[
        text("ApplicationId"),
        text("ConfigurationProfileId"),
        is("Content", Shape::JsonText),
        text("ContentType"),
        text("Description"),
        accepted("LatestVersionNumber"),
        text("VersionLabel"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let answer = maker.call(SERVICE, "CreateHostedConfigurationVersion", inputs.input)?;
        let number = answer["VersionNumber"].to_string();
        Ok(Built::new(number.clone()).with("VersionNumber", number))
    },
};

/// A deployment strategy.
pub(super) const STRATEGY: ResourceType = ResourceType {
    name: "AWS::AppConfig::DeploymentStrategy",
    properties: &[
        is("DeploymentDurationInMinutes", Shape::Integer),
        text("Description"),
        is("FinalBakeTimeInMinutes", Shape::Integer),
        is("GrowthFactor", Shape::Number),
        text("GrowthType"),
        text("Name"),
        text("ReplicateTo"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let id = made(maker, "CreateDeploymentStrategy", inputs.input)?;
        let undo = json!({ "DeploymentStrategyId": id });
        maker.undo(SERVICE, "DeleteDeploymentStrategy", undo);
        Ok(Built::new(id.clone()).with("Id", id))
    },
};

/// A deployment; its reference is its number.
pub(super) const DEPLOYMENT: ResourceType = ResourceType {
    name: "AWS::AppConfig::Deployment",
    properties: &[
        text("ApplicationId"),
        text("ConfigurationProfileId"),
        text("ConfigurationVersion"),
        text("DeploymentStrategyId"),
        text("Description"),
        is("DynamicExtensionParameters", Shape::Json),
        text("EnvironmentId"),
        text("KmsKeyIdentifier"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Pascal,
    create: start,
};

fn start(maker: &mut Maker<'_>, inputs: Inputs) -> Result<Built, Stopped> {
    let answer = maker.call(SERVICE, "StartDeployment", inputs.input)?;
    let number = answer["DeploymentNumber"].to_string();
    Ok(Built::new(number.clone()).with("DeploymentNumber", number))
}

/// Makes one thing and answers its id.
fn made(
    maker: &mut Maker<'_>,
    operation: &'static str,
    input: Map<String, Value>,
) -> Result<String, Stopped> {
    let answer = maker.call(SERVICE, operation, input)?;
    Ok(text_at(&answer, &["Id"]).unwrap_or_default())
}
