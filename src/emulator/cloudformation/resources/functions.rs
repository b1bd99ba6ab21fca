//! Lambda functions, who may invoke them, and what happens to asynchronous invocations.
//!
//! Main items: the [`ResourceType`]s. Invariant: code is never run. What a function does is declared in
//! the environment under `functions:`.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html>

use base64::Engine as _;
use serde_json::{Value, json};

use super::shape::{Property, Shape, TAG_MAP, TEXTS, accepted, is, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const CODE: &[Property] = &[
    text("ImageUri"),
    text("S3Bucket"),
    text("S3Key"),
    text("S3ObjectVersion"),
    text("SourceKMSKeyArn"),
    text("ZipFile"),
];

const DESTINATION: Shape = Shape::Fields(&[text("Destination")]);

/// A function.
pub(super) const FUNCTION: ResourceType = ResourceType {
    name: "AWS::Lambda::Function",
    properties: &[
        is("Architectures", TEXTS),
        own("Code", Shape::Fields(CODE)),
        accepted("CodeSigningConfigArn"),
        is("DeadLetterConfig", Shape::Fields(&[text("TargetArn")])),
        text("Description"),
        is("Environment", Shape::Fields(&[is("Variables", Shape::Map(&Shape::Text))])),
        accepted("EphemeralStorage"),
        accepted("FileSystemConfigs"),
        text("FunctionName"),
        text("Handler"),
        accepted("ImageConfig"),
        accepted("KmsKeyArn"),
        is("Layers", TEXTS),
        accepted("LoggingConfig"),
        is("MemorySize", Shape::Integer),
        text("PackageType"),
        own("ReservedConcurrentExecutions", Shape::Integer),
        text("Role"),
        text("Runtime"),
        accepted("RuntimeManagementConfig"),
        accepted("SnapStart"),
        is("Tags", TAG_MAP),
        is("Timeout", Shape::Integer),
        is("TracingConfig", Shape::Fields(&[text("Mode")])),
        accepted("VpcConfig"),
    ],
    spelling: Spelling::Pascal,
    create: create_function,
};

fn create_function(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "FunctionName", 64);
    if let Some(mut code) = inputs.take("Code") {
        // A template holds source text; the API takes a zip file, as a blob.
        if let Some(source) = code["ZipFile"].as_str() {
            let blob = base64::engine::general_purpose::STANDARD.encode(source);
            code["ZipFile"] = Value::from(blob);
        }
        inputs.input.insert("Code".to_owned(), code);
    }
    if inputs.take("ReservedConcurrentExecutions").is_some() {
        let why = "is not emulated: invocations are never throttled by concurrency";
        maker.without_effect("ReservedConcurrentExecutions", why);
    }
    let answer = maker.call(Service::Lambda, "CreateFunction", inputs.input)?;
    maker.undo(Service::Lambda, "DeleteFunction", json!({ "FunctionName": name }));
    let arn = text_at(&answer, &["FunctionArn"])
        .unwrap_or_else(|| maker.arn("lambda", &format!("function:{name}")));
    Ok(Built::new(name).with("Arn", arn))
}

/// A statement of a function's policy.
pub(super) const PERMISSION: ResourceType = ResourceType {
    name: "AWS::Lambda::Permission",
    properties: &[
        text("Action"),
        text("EventSourceToken"),
        text("FunctionName"),
        text("FunctionUrlAuthType"),
        is("InvokedViaFunctionUrl", Shape::Boolean),
        text("Principal"),
        text("PrincipalOrgID"),
        text("SourceAccount"),
        text("SourceArn"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let id = maker.generated(100);
        inputs.input.insert("StatementId".to_owned(), Value::from(id.clone()));
        let Some(function) = inputs.input.get("FunctionName").cloned() else {
            return Err(maker.missing("FunctionName"));
        };
        maker.call(Service::Lambda, "AddPermission", inputs.input)?;
        let undo = json!({ "FunctionName": function, "StatementId": id });
        maker.undo(Service::Lambda, "RemovePermission", undo);
        Ok(Built::new(id.clone()).with("Id", id))
    },
};

/// Retries and destinations of a function's asynchronous invocations.
pub(super) const EVENT_INVOKE_CONFIG: ResourceType = ResourceType {
    name: "AWS::Lambda::EventInvokeConfig",
    properties: &[
        is(
            "DestinationConfig",
            Shape::Fields(&[is("OnFailure", DESTINATION), is("OnSuccess", DESTINATION)]),
        ),
        text("FunctionName"),
        is("MaximumEventAgeInSeconds", Shape::Integer),
        is("MaximumRetryAttempts", Shape::Integer),
        text("Qualifier"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, inputs| {
        let undo: serde_json::Map<String, Value> = inputs
            .input
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "FunctionName" | "Qualifier"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        maker.call(Service::Lambda, "PutFunctionEventInvokeConfig", inputs.input)?;
        maker.undo(Service::Lambda, "DeleteFunctionEventInvokeConfig", Value::Object(undo));
        Ok(Built::new(maker.generated(255)))
    },
};
