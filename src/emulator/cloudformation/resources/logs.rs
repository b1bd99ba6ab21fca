//! CloudWatch Logs: log groups, and who may write to them.
//!
//! Main items: [`LOG_GROUP`], [`METRIC_FILTER`], [`RESOURCE_POLICY`] and [`DELIVERY`].
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

/// What a resource logs.
pub(super) const DELIVERY_SOURCE: ResourceType = ResourceType {
    name: "AWS::Logs::DeliverySource",
    properties: &[text("LogType"), text("Name"), text("ResourceArn"), is("Tags", TAG_MAP)],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "name", 60);
        maker.call(Service::Logs, "PutDeliverySource", inputs.input)?;
        maker.undo(Service::Logs, "DeleteDeliverySource", json!({ "name": name }));
        let arn = maker.arn("logs", &format!("delivery-source:{name}"));
        Ok(Built::new(name).with("Arn", arn))
    },
};

/// Where logs are delivered to.
pub(super) const DELIVERY_DESTINATION: ResourceType = ResourceType {
    name: "AWS::Logs::DeliveryDestination",
    properties: &[
        accepted("DeliveryDestinationPolicy"),
        text("DeliveryDestinationType"),
        own("DestinationResourceArn", Shape::Text),
        text("Name"),
        text("OutputFormat"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "name", 60);
        let group = inputs.take_text("DestinationResourceArn").unwrap_or_default();
        let configuration = json!({ "destinationResourceArn": group });
        inputs.input.insert("deliveryDestinationConfiguration".to_owned(), configuration);
        maker.call(Service::Logs, "PutDeliveryDestination", inputs.input)?;
        maker.undo(Service::Logs, "DeleteDeliveryDestination", json!({ "name": name }));
        let arn = maker.arn("logs", &format!("delivery-destination:{name}"));
        Ok(Built::new(name).with("Arn", arn))
    },
};

/// A source and a destination, put together.
pub(super) const DELIVERY: ResourceType = ResourceType {
    name: "AWS::Logs::Delivery",
    properties: &[text("DeliveryDestinationArn"), text("DeliverySourceName"), is("Tags", TAG_MAP)],
    spelling: Spelling::Camel,
    create: |maker, inputs| {
        let answer = maker.call(Service::Logs, "CreateDelivery", inputs.input)?;
        let id = answer["delivery"]["id"].as_str().unwrap_or_default().to_owned();
        maker.undo(Service::Logs, "DeleteDelivery", json!({ "id": id }));
        let arn = maker.arn("logs", &format!("delivery:{id}"));
        Ok(Built::new(id.clone()).with("DeliveryId", id).with("Arn", arn))
    },
};
