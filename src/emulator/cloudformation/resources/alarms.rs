//! `AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm`.
//!
//! Main items: [`ALARM`] and [`COMPOSITE_ALARM`]. Invariant: the properties are the members of
//! `PutMetricAlarm` and `PutCompositeAlarm` under the same names.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>

use serde_json::json;

use super::shape::{Property, Shape, TAG_LIST, TEXTS, is, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped};
use crate::emulator::services::Service;

const DIMENSIONS: Shape = Shape::List(&Shape::Fields(&[text("Name"), text("Value")]));

const METRIC: &[Property] = &[text("Namespace"), text("MetricName"), is("Dimensions", DIMENSIONS)];

const METRIC_STAT: &[Property] = &[
    is("Metric", Shape::Fields(METRIC)),
    is("Period", Shape::Integer),
    text("Stat"),
    text("Unit"),
];

const METRICS: Shape = Shape::List(&Shape::Fields(&[
    text("Id"),
    is("MetricStat", Shape::Fields(METRIC_STAT)),
    text("Expression"),
    text("Label"),
    is("ReturnData", Shape::Boolean),
    is("Period", Shape::Integer),
    text("AccountId"),
]));

/// A metric alarm.
pub(super) const ALARM: ResourceType = ResourceType {
    name: "AWS::CloudWatch::Alarm",
    properties: &[
        is("ActionsEnabled", Shape::Boolean),
        is("AlarmActions", TEXTS),
        text("AlarmDescription"),
        text("AlarmName"),
        text("ComparisonOperator"),
        is("DatapointsToAlarm", Shape::Integer),
        is("Dimensions", DIMENSIONS),
        text("EvaluateLowSampleCountPercentile"),
        is("EvaluationPeriods", Shape::Integer),
        text("ExtendedStatistic"),
        is("InsufficientDataActions", TEXTS),
        text("MetricName"),
        is("Metrics", METRICS),
        text("Namespace"),
        is("OKActions", TEXTS),
        is("Period", Shape::Integer),
        text("Statistic"),
        is("Tags", TAG_LIST),
        is("Threshold", Shape::Number),
        text("ThresholdMetricId"),
        text("TreatMissingData"),
        text("Unit"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| put(maker, inputs, "PutMetricAlarm"),
};

/// A composite alarm.
pub(super) const COMPOSITE_ALARM: ResourceType = ResourceType {
    name: "AWS::CloudWatch::CompositeAlarm",
    properties: &[
        is("ActionsEnabled", Shape::Boolean),
        text("ActionsSuppressor"),
        is("ActionsSuppressorExtensionPeriod", Shape::Integer),
        is("ActionsSuppressorWaitPeriod", Shape::Integer),
        is("AlarmActions", TEXTS),
        text("AlarmDescription"),
        text("AlarmName"),
        text("AlarmRule"),
        is("InsufficientDataActions", TEXTS),
        is("OKActions", TEXTS),
        is("Tags", TAG_LIST),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| put(maker, inputs, "PutCompositeAlarm"),
};

fn put(
    maker: &mut Maker<'_>,
    mut inputs: Inputs,
    operation: &'static str,
) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "AlarmName", 255);
    maker.call(Service::CloudWatch, operation, inputs.input)?;
    maker.undo(Service::CloudWatch, "DeleteAlarms", json!({ "AlarmNames": [name] }));
    let arn = maker.arn("cloudwatch", &format!("alarm:{name}"));
    Ok(Built::new(name).with("Arn", arn))
}
