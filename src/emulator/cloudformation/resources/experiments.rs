//! `AWS::FIS::ExperimentTemplate`.
//!
//! Main item: [`EXPERIMENT_TEMPLATE`]. Invariant: names of targets and actions, and their parameters,
//! are the author's own and keep their spelling.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-fis-experimenttemplate.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TEXTS, is, text};
use super::{Built, ResourceType, Spelling, text_at};
use crate::emulator::services::Service;

const TEXT_MAP: Shape = Shape::Map(&Shape::Text);

const TARGET: &[Property] = &[
    is("Filters", Shape::List(&Shape::Fields(&[text("Path"), is("Values", TEXTS)]))),
    is("Parameters", TEXT_MAP),
    is("ResourceArns", TEXTS),
    is("ResourceTags", TEXT_MAP),
    text("ResourceType"),
    text("SelectionMode"),
];

const ACTION: &[Property] = &[
    text("ActionId"),
    text("Description"),
    is("Parameters", TEXT_MAP),
    is("StartAfter", TEXTS),
    is("Targets", TEXT_MAP),
];

const LOGS: &[Property] = &[
    is("CloudWatchLogsConfiguration", Shape::Fields(&[text("LogGroupArn")])),
    is("LogSchemaVersion", Shape::Integer),
    is("S3Configuration", Shape::Fields(&[text("BucketName"), text("Prefix")])),
];

/// An experiment template.
pub(super) const EXPERIMENT_TEMPLATE: ResourceType = ResourceType {
    name: "AWS::FIS::ExperimentTemplate",
    properties: &[
        is("Actions", Shape::Map(&Shape::Fields(ACTION))),
        text("Description"),
        is(
            "ExperimentOptions",
            Shape::Fields(&[text("AccountTargeting"), text("EmptyTargetResolutionMode")]),
        ),
        is("ExperimentReportConfiguration", Shape::Json),
        is("LogConfiguration", Shape::Fields(LOGS)),
        text("RoleArn"),
        is("StopConditions", Shape::List(&Shape::Fields(&[text("Source"), text("Value")]))),
        is("Tags", TEXT_MAP),
        is("Targets", Shape::Map(&Shape::Fields(TARGET))),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let token = Value::from(maker.generated(64));
        inputs.input.insert("clientToken".to_owned(), token);
        let answer = maker.call(Service::Fis, "CreateExperimentTemplate", inputs.input)?;
        let id = text_at(&answer, &["experimentTemplate", "id"]).unwrap_or_default();
        maker.undo(Service::Fis, "DeleteExperimentTemplate", json!({ "id": id }));
        Ok(Built::new(id.clone()).with("Id", id))
    },
};
