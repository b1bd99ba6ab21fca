//! Auto Scaling groups, launch configurations and scaling policies.
//!
//! Main items: the [`ResourceType`]s. Invariant: members are those of the Auto Scaling API under the same
//! names, save where CloudFormation has lists and the API has text.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_AutoScaling.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TEXTS, accepted, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const LAUNCH_TEMPLATE: Shape =
    Shape::Fields(&[text("LaunchTemplateId"), text("LaunchTemplateName"), text("Version")]);

const TAG: &[Property] = &[text("Key"), is("PropagateAtLaunch", Shape::Boolean), text("Value")];

const NOTIFICATION: &[Property] =
    &[is("NotificationTypes", TEXTS), named("TopicARN", "TopicARN", Shape::Text)];

/// A group.
pub(super) const GROUP: ResourceType = ResourceType {
    name: "AWS::AutoScaling::AutoScalingGroup",
    properties: &[
        text("AutoScalingGroupName"),
        accepted("AvailabilityZoneDistribution"),
        is("AvailabilityZones", TEXTS),
        is("CapacityRebalance", Shape::Boolean),
        text("Context"),
        named("Cooldown", "DefaultCooldown", Shape::Integer),
        is("DefaultInstanceWarmup", Shape::Integer),
        is("DesiredCapacity", Shape::Integer),
        text("DesiredCapacityType"),
        is("HealthCheckGracePeriod", Shape::Integer),
        text("HealthCheckType"),
        text("InstanceId"),
        accepted("InstanceMaintenancePolicy"),
        text("LaunchConfigurationName"),
        is("LaunchTemplate", LAUNCH_TEMPLATE),
        is("LifecycleHookSpecificationList", Shape::Json),
        is("LoadBalancerNames", TEXTS),
        is("MaxInstanceLifetime", Shape::Integer),
        is("MaxSize", Shape::Integer),
        accepted("MetricsCollection"),
        is("MinSize", Shape::Integer),
        is("MixedInstancesPolicy", Shape::Json),
        is("NewInstancesProtectedFromScaleIn", Shape::Boolean),
        own("NotificationConfiguration", Shape::Fields(NOTIFICATION)),
        own("NotificationConfigurations", Shape::List(&Shape::Fields(NOTIFICATION))),
        text("PlacementGroup"),
        text("ServiceLinkedRoleARN"),
        is("Tags", Shape::List(&Shape::Fields(TAG))),
        is("TargetGroupARNs", TEXTS),
        is("TerminationPolicies", TEXTS),
        is("TrafficSources", Shape::Json),
        own("VPCZoneIdentifier", TEXTS),
    ],
    spelling: Spelling::Pascal,
    create: create_group,
};

fn create_group(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "AutoScalingGroupName", 255);
    let subnets = inputs.take_list("VPCZoneIdentifier");
    if !subnets.is_empty() {
        let subnets: Vec<&str> = subnets.iter().filter_map(Value::as_str).collect();
        inputs.input.insert("VPCZoneIdentifier".to_owned(), Value::from(subnets.join(",")));
    }
    let mut notifications = inputs.take_list("NotificationConfigurations");
    notifications.extend(inputs.take("NotificationConfiguration"));
    maker.call(Service::AutoScaling, "CreateAutoScalingGroup", inputs.input)?;
    let undo = json!({ "AutoScalingGroupName": name, "ForceDelete": true });
    maker.undo(Service::AutoScaling, "DeleteAutoScalingGroup", undo);
    for mut notification in notifications {
        notification["AutoScalingGroupName"] = Value::from(name.clone());
        maker.also(Service::AutoScaling, "PutNotificationConfiguration", notification);
    }
    let arn = group_arn(maker, &name);
    Ok(Built::new(name).with("AutoScalingGroupARN", arn))
}

/// The group's ARN holds an id that only the service knows.
fn group_arn(maker: &mut Maker<'_>, name: &str) -> String {
    let input = json!({ "AutoScalingGroupNames": [name] });
    maker
        .account
        .call(Service::AutoScaling, "DescribeAutoScalingGroups", input)
        .ok()
        .and_then(|answer| text_at(&answer["AutoScalingGroups"][0], &["AutoScalingGroupARN"]))
        .unwrap_or_else(|| {
            maker.arn("autoscaling", &format!("autoScalingGroup:*:autoScalingGroupName/{name}"))
        })
}

/// A launch configuration.
pub(super) const LAUNCH_CONFIGURATION: ResourceType = ResourceType {
    name: "AWS::AutoScaling::LaunchConfiguration",
    properties: &[
        is("AssociatePublicIpAddress", Shape::Boolean),
        is("BlockDeviceMappings", Shape::Json),
        is("EbsOptimized", Shape::Boolean),
        text("IamInstanceProfile"),
        text("ImageId"),
        text("InstanceId"),
        own("InstanceMonitoring", Shape::Boolean),
        text("InstanceType"),
        text("KeyName"),
        text("LaunchConfigurationName"),
        accepted("MetadataOptions"),
        text("PlacementTenancy"),
        is("SecurityGroups", TEXTS),
        text("SpotPrice"),
        text("UserData"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "LaunchConfigurationName", 255);
        if let Some(detailed) = inputs.take("InstanceMonitoring") {
            inputs.input.insert("InstanceMonitoring".to_owned(), json!({ "Enabled": detailed }));
        }
        maker.call(Service::AutoScaling, "CreateLaunchConfiguration", inputs.input)?;
        let undo = json!({ "LaunchConfigurationName": name });
        maker.undo(Service::AutoScaling, "DeleteLaunchConfiguration", undo);
        Ok(Built::new(name))
    },
};

const STEP: &[Property] = &[
    is("MetricIntervalLowerBound", Shape::Number),
    is("MetricIntervalUpperBound", Shape::Number),
    is("ScalingAdjustment", Shape::Integer),
];

/// A scaling policy.
pub(super) const POLICY: ResourceType = ResourceType {
    name: "AWS::AutoScaling::ScalingPolicy",
    properties: &[
        text("AdjustmentType"),
        text("AutoScalingGroupName"),
        is("Cooldown", Shape::Integer),
        is("EstimatedInstanceWarmup", Shape::Integer),
        text("MetricAggregationType"),
        is("MinAdjustmentMagnitude", Shape::Integer),
        text("PolicyType"),
        is("PredictiveScalingConfiguration", Shape::Json),
        is("ScalingAdjustment", Shape::Integer),
        is("StepAdjustments", Shape::List(&Shape::Fields(STEP))),
        is("TargetTrackingConfiguration", Shape::Json),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.generated(255);
        inputs.input.insert("PolicyName".to_owned(), Value::from(name.clone()));
        let group = inputs.input.get("AutoScalingGroupName").cloned().unwrap_or_default();
        let answer = maker.call(Service::AutoScaling, "PutScalingPolicy", inputs.input)?;
        let undo = json!({ "AutoScalingGroupName": group, "PolicyName": name });
        maker.undo(Service::AutoScaling, "DeletePolicy", undo);
        let arn = text_at(&answer, &["PolicyARN"]).unwrap_or_default();
        Ok(Built::new(arn.clone()).with("Arn", arn).with("PolicyName", name))
    },
};
