//! What finds trouble: GuardDuty's detector and Security Hub.
//!
//! Main items: the [`ResourceType`]s. Sources:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_GuardDuty.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecurityHub.html>.

use serde_json::json;

use super::shape::{Shape, TAG_MAP, accepted, is, text};
use super::{Built, ResourceType, Spelling, text_at};
use crate::emulator::services::Service;

/// A detector.
pub(super) const DETECTOR: ResourceType = ResourceType {
    name: "AWS::GuardDuty::Detector",
    properties: &[
        accepted("DataSources"),
        is("Enable", Shape::Boolean),
        accepted("Features"),
        text("FindingPublishingFrequency"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Camel,
    create: |maker, inputs| {
        let answer = maker.call(Service::GuardDuty, "CreateDetector", inputs.input)?;
        let id = text_at(&answer, &["detectorId"]).unwrap_or_default();
        maker.undo(Service::GuardDuty, "DeleteDetector", json!({"detectorId": id}));
        Ok(Built::new(id.clone()).with("Id", id))
    },
};

/// The hub of an account.
pub(super) const HUB: ResourceType = ResourceType {
    name: "AWS::SecurityHub::Hub",
    properties: &[
        accepted("AutoEnableControls"),
        accepted("ControlFindingGenerator"),
        accepted("EnableDefaultStandards"),
        accepted("Tags"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        maker.call(Service::SecurityHub, "EnableSecurityHub", inputs.input)?;
        maker.undo(Service::SecurityHub, "DisableSecurityHub", json!({}));
        let arn = maker.arn("securityhub", "hub/default");
        Ok(Built::new(arn.clone()).with("ARN", arn))
    },
};
