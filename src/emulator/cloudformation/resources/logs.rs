//! CloudWatch Logs: log groups, and who may write to them.
//!
//! Main items: [`LOG_GROUP`], [`METRIC_FILTER`] and [`RESOURCE_POLICY`].
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Logs.html>

use serde_json::json;

use super::shape::{Property, Shape, TAG_MAP, accepted, is, own, text};
use super::{Built, ResourceType, Spelling};
use crate::emulator::services::Service;

/// A log group.
pub(super) const LOG_GROUP: ResourceType = ResourceType {
    name: "AWS::Logs::LogGroup",
    properties: &[
        accepted("DataProtectionPolicy"),
        accepted("DeletionProtectionEnabled"),
        accepted("FieldIndexPolicies"),
        text("KmsKeyId"),
        text("LogGroupClass"),
        text("LogGroupName"),
        own("RetentionInDays", Shape::Integer),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "logGroupName", 512);
        maker.call(Service::Logs, "CreateLogGroup", inputs.input)?;
        maker.undo(Service::Logs, "DeleteLogGroup", json!({ "logGroupName": name }));
        if let Some(days) = inputs.own.shift_remove("RetentionInDays") {
            let input = json!({ "logGroupName": name, "retentionInDays": days });
            maker.also(Service::Logs, "PutRetentionPolicy", input);
        }
        let arn = maker.arn("logs", &format!("log-group:{name}:*"));
        Ok(Built::new(name).with("Arn", arn))
    },
};

const TRANSFORMATION: &[Property] = &[
    is("DefaultValue", Shape::Number),
    text("MetricName"),
    text("MetricNamespace"),
    text("MetricValue"),
    text("Unit"),
];

/// A metric filter.
pub(super) const METRIC_FILTER: ResourceType = ResourceType {
    name: "AWS::Logs::MetricFilter",
    properties: &[
        text("FilterName"),
        text("FilterPattern"),
        text("LogGroupName"),
        is("MetricTransformations", Shape::List(&Shape::Fields(TRANSFORMATION))),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "filterName", 512);
        let group = inputs.input.get("logGroupName").cloned().unwrap_or_default();
        maker.call(Service::Logs, "PutMetricFilter", inputs.input)?;
        let undo = json!({ "logGroupName": group, "filterName": name });
        maker.undo(Service::Logs, "DeleteMetricFilter", undo);
        Ok(Built::new(name))
    },
};

/// A resource policy.
pub(super) const RESOURCE_POLICY: ResourceType = ResourceType {
    name: "AWS::Logs::ResourcePolicy",
    properties: &[is("PolicyDocument", Shape::JsonText), text("PolicyName")],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "policyName", 255);
        maker.call(Service::Logs, "PutResourcePolicy", inputs.input)?;
        maker.undo(Service::Logs, "DeleteResourcePolicy", json!({ "policyName": name }));
        Ok(Built::new(name))
    },
};
