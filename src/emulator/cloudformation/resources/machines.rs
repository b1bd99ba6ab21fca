//! Step Functions state machines.
//!
//! Main item: [`STATE_MACHINE`]. Invariant: a definition reaches Step Functions as text, whether the
//! template holds it as text or as an object, with its substitutions made.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html>

use serde_json::{Value, json};

use super::shape::{Shape, accepted, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

/// A state machine.
pub(super) const STATE_MACHINE: ResourceType = ResourceType {
    name: "AWS::StepFunctions::StateMachine",
    properties: &[
        own("Definition", Shape::JsonText),
        own("DefinitionS3Location", Shape::Json),
        own("DefinitionString", Shape::Text),
        own("DefinitionSubstitutions", Shape::Map(&Shape::Json)),
        accepted("EncryptionConfiguration"),
        accepted("LoggingConfiguration"),
        text("RoleArn"),
        own("StateMachineName", Shape::Text),
        own("StateMachineType", Shape::Text),
        accepted("Tags"),
        accepted("TracingConfiguration"),
    ],
    spelling: Spelling::Camel,
    create,
};

fn create(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = inputs.take_text("StateMachineName").unwrap_or_else(|| maker.generated(80));
    inputs.input.insert("name".to_owned(), name.clone().into());
    if let Some(kind) = inputs.take_text("StateMachineType") {
        inputs.input.insert("type".to_owned(), kind.into());
    }
    if inputs.take("DefinitionS3Location").is_some() {
        let why =
            "is not emulated: nothing is read from S3; write the definition into the template";
        maker.without_effect("DefinitionS3Location", why);
    }
    let text = inputs.take_text("DefinitionString").or_else(|| inputs.take_text("Definition"));
    let Some(mut definition) = text else {
        return Err(maker.missing("DefinitionString"));
    };
    if let Some(Value::Object(substitutions)) = inputs.take("DefinitionSubstitutions") {
        for (name, value) in substitutions {
            let value = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            definition = definition.replace(&format!("${{{name}}}"), &value);
        }
    }
    inputs.input.insert("definition".to_owned(), definition.into());
    let answer = maker.call(Service::StepFunctions, "CreateStateMachine", inputs.input)?;
    let arn = text_at(&answer, &["stateMachineArn"])
        .unwrap_or_else(|| maker.arn("states", &format!("stateMachine:{name}")));
    maker.undo(Service::StepFunctions, "DeleteStateMachine", json!({ "stateMachineArn": arn }));
    Ok(Built::new(arn.clone()).with("Arn", arn).with("Name", name))
}
