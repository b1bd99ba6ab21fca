//! AWS Config: rules. What records the resources is taken as given.
//!
//! Main item: the [`ResourceType`]. Source:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-config-configrule.html>.

use serde_json::{Map, Value, json};

use super::shape::{Shape, TEXTS, accepted, is, text};
use super::{Built, ResourceType, Spelling, text_at};
use crate::emulator::services::Service;

const SOURCE: Shape = Shape::Fields(&[text("Owner"), text("SourceIdentifier")]);

const SCOPE: Shape = Shape::Fields(&[is("ComplianceResourceTypes", TEXTS)]);

/// A rule; one that is not emulated is refused by its identifier.
pub(super) const CONFIG_RULE: ResourceType = ResourceType {
    name: "AWS::Config::ConfigRule",
    properties: &[
        accepted("Compliance"),
        text("ConfigRuleName"),
        text("Description"),
        accepted("EvaluationModes"),
        accepted("MaximumExecutionFrequency"),
        is("Scope", SCOPE),
        is("Source", SOURCE),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "ConfigRuleName", 128);
        let rule = Map::from_iter([("ConfigRule".to_owned(), Value::Object(inputs.input))]);
        maker.call(Service::Config, "PutConfigRule", rule)?;
        maker.undo(Service::Config, "DeleteConfigRule", json!({"ConfigRuleName": name}));
        let names = Map::from_iter([("ConfigRuleNames".to_owned(), json!([name]))]);
        let found = maker.call(Service::Config, "DescribeConfigRules", names)?;
        let at = |key: &str| text_at(&found["ConfigRules"][0], &[key]).unwrap_or_default();
        let (arn, id) = (at("ConfigRuleArn"), at("ConfigRuleId"));
        Ok(Built::new(name).with("Arn", arn).with("ConfigRuleId", id))
    },
};
