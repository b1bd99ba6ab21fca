//! Systems Manager documents and parameters.
//!
//! Main items: [`DOCUMENT`] and [`PARAMETER`]. Invariant: a document's content reaches SSM as text,
//! whether the template holds it as text or as an object.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SSM.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TAG_LIST, TEXTS, accepted, is, text};
use super::{Built, ResourceType, Spelling};
use crate::emulator::services::Service;

const ATTACHMENT: &[Property] = &[text("Key"), text("Name"), is("Values", TEXTS)];

/// A document: an Automation runbook or a command.
pub(super) const DOCUMENT: ResourceType = ResourceType {
    name: "AWS::SSM::Document",
    properties: &[
        is("Attachments", Shape::List(&Shape::Fields(ATTACHMENT))),
        is("Content", Shape::JsonText),
        text("DocumentFormat"),
        text("DocumentType"),
        text("Name"),
        is("Requires", Shape::List(&Shape::Fields(&[text("Name"), text("Version")]))),
        is("Tags", TAG_LIST),
        text("TargetType"),
        accepted("UpdateMethod"),
        text("VersionName"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "Name", 128);
        maker.call(Service::Ssm, "CreateDocument", inputs.input)?;
        maker.undo(Service::Ssm, "DeleteDocument", json!({ "Name": name }));
        Ok(Built::new(name))
    },
};

/// A parameter of Parameter Store.
pub(super) const PARAMETER: ResourceType = ResourceType {
    name: "AWS::SSM::Parameter",
    properties: &[
        text("AllowedPattern"),
        text("DataType"),
        text("Description"),
        text("Name"),
        text("Policies"),
        is("Tags", Shape::PairList),
        text("Tier"),
        text("Type"),
        text("Value"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "Name", 1011);
        let kind = inputs.input.get("Type").cloned().unwrap_or_else(|| Value::from("String"));
        let value = inputs.input.get("Value").cloned().unwrap_or_default();
        maker.call(Service::Ssm, "PutParameter", inputs.input)?;
        maker.undo(Service::Ssm, "DeleteParameter", json!({ "Name": name }));
        Ok(Built::new(name).with("Type", kind).with("Value", value))
    },
};
