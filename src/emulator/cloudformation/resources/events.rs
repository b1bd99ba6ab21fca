//! EventBridge: rules with their targets, buses, bus policies, archives.
//!
//! Main items: the [`ResourceType`]s. Invariant: a target that EventBridge refuses is an error on the
//! rule's line, although `PutTargets` itself answers success with a list of failed entries.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html>

use serde_json::{Map, Value, json};

use super::shape::{Property, Shape, TAG_LIST, TEXTS, is, named, own, text};
use super::{Built, Inputs, Maker, ResourceType, Spelling, Stopped, text_at};
use crate::emulator::services::Service;

const DEAD_LETTERS: Shape = Shape::Fields(&[text("Arn")]);

const INPUT_TRANSFORMER: &[Property] =
    &[is("InputPathsMap", Shape::Map(&Shape::Text)), text("InputTemplate")];

const RUN_COMMAND: &[Property] =
    &[is("RunCommandTargets", Shape::List(&Shape::Fields(&[text("Key"), is("Values", TEXTS)])))];

const HTTP: &[Property] = &[
    is("PathParameterValues", TEXTS),
    is("HeaderParameters", Shape::Map(&Shape::Text)),
    is("QueryStringParameters", Shape::Map(&Shape::Text)),
];

const RETRY: &[Property] =
    &[is("MaximumRetryAttempts", Shape::Integer), is("MaximumEventAgeInSeconds", Shape::Integer)];

const TARGET: &[Property] = &[
    text("Id"),
    text("Arn"),
    text("RoleArn"),
    text("Input"),
    text("InputPath"),
    is("InputTransformer", Shape::Fields(INPUT_TRANSFORMER)),
    is("RunCommandParameters", Shape::Fields(RUN_COMMAND)),
    is("SqsParameters", Shape::Fields(&[text("MessageGroupId")])),
    is("HttpParameters", Shape::Fields(HTTP)),
    is("DeadLetterConfig", DEAD_LETTERS),
    is("RetryPolicy", Shape::Fields(RETRY)),
    is("KinesisParameters", Shape::Fields(&[text("PartitionKeyPath")])),
    is("AppSyncParameters", Shape::Fields(&[text("GraphQLOperation")])),
    is("EcsParameters", Shape::Json),
    is("BatchParameters", Shape::Json),
    is("RedshiftDataParameters", Shape::Json),
    is("SageMakerPipelineParameters", Shape::Json),
];

/// A rule and its targets.
pub(super) const RULE: ResourceType = ResourceType {
    name: "AWS::Events::Rule",
    properties: &[
        text("Description"),
        text("EventBusName"),
        is("EventPattern", Shape::JsonText),
        text("Name"),
        text("RoleArn"),
        text("ScheduleExpression"),
        text("State"),
        is("Tags", TAG_LIST),
        own("Targets", Shape::List(&Shape::Fields(TARGET))),
    ],
    spelling: Spelling::Pascal,
    create: put_rule,
};

fn put_rule(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let name = maker.name(&mut inputs.input, "Name", 64);
    let targets = inputs.take_list("Targets");
    let bus = inputs.input.get("EventBusName").and_then(Value::as_str).map(str::to_owned);
    let answer = maker.call(Service::Events, "PutRule", inputs.input)?;
    let mut on_bus = Map::new();
    on_bus.insert("Rule".to_owned(), Value::from(name.clone()));
    if let Some(bus) = &bus {
        on_bus.insert("EventBusName".to_owned(), Value::from(bus.clone()));
    }
    let mut remove = on_bus.clone();
    remove.shift_remove("Rule");
    remove.insert("Name".to_owned(), Value::from(name.clone()));
    maker.undo(Service::Events, "DeleteRule", Value::Object(remove));
    for target in targets {
        put_target(maker, &on_bus, &target);
    }
    // A bus may be named by its ARN; `Ref` shows its name, and only if it is not the default bus.
    let bus = bus.map(|bus| bus.rsplit('/').next().unwrap_or_default().to_owned());
    let (reference, path) = match bus.filter(|bus| bus != "default") {
        Some(bus) => (format!("{bus}|{name}"), format!("rule/{bus}/{name}")),
        None => (name.clone(), format!("rule/{name}")),
    };
    let arn = text_at(&answer, &["RuleArn"]).unwrap_or_else(|| maker.arn("events", &path));
    Ok(Built::new(reference).with("Arn", arn))
}

/// Each target by itself, so that one that is refused does not take the others with it.
fn put_target(maker: &mut Maker<'_>, on_bus: &Map<String, Value>, target: &Value) {
    let id = target.get("Id").cloned().unwrap_or_default();
    let mut input = on_bus.clone();
    input.insert("Targets".to_owned(), json!([target]));
    let Some(answer) = maker.also(Service::Events, "PutTargets", Value::Object(input)) else {
        return;
    };
    for failed in answer["FailedEntries"].as_array().into_iter().flatten() {
        let message = format!("the target {id} was refused: {}", failed["ErrorMessage"]);
        maker.findings.error("resource-refused", maker.resource.span, message, None);
    }
    let mut remove = on_bus.clone();
    remove.insert("Ids".to_owned(), json!([id]));
    maker.undo(Service::Events, "RemoveTargets", Value::Object(remove));
}

/// An event bus.
pub(super) const EVENT_BUS: ResourceType = ResourceType {
    name: "AWS::Events::EventBus",
    properties: &[
        is("DeadLetterConfig", DEAD_LETTERS),
        text("Description"),
        text("EventSourceName"),
        text("KmsKeyIdentifier"),
        is("LogConfig", Shape::Fields(&[text("IncludeDetail"), text("Level")])),
        text("Name"),
        own("Policy", Shape::JsonText),
        is("Tags", TAG_LIST),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "Name", 256);
        let policy = inputs.take_text("Policy");
        let answer = maker.call(Service::Events, "CreateEventBus", inputs.input)?;
        maker.undo(Service::Events, "DeleteEventBus", json!({ "Name": name }));
        if let Some(policy) = policy {
            let input = json!({ "EventBusName": name, "Policy": policy });
            maker.also(Service::Events, "PutPermission", input);
        }
        let arn = text_at(&answer, &["EventBusArn"])
            .unwrap_or_else(|| maker.arn("events", &format!("event-bus/{name}")));
        Ok(Built::new(name.clone()).with("Arn", arn).with("Name", name))
    },
};

/// A statement of an event bus's policy.
pub(super) const EVENT_BUS_POLICY: ResourceType = ResourceType {
    name: "AWS::Events::EventBusPolicy",
    properties: &[
        text("Action"),
        is("Condition", Shape::Fields(&[text("Key"), text("Type"), text("Value")])),
        text("EventBusName"),
        text("Principal"),
        own("Statement", Shape::Json),
        text("StatementId"),
    ],
    spelling: Spelling::Pascal,
    create: put_bus_policy,
};

fn put_bus_policy(maker: &mut Maker<'_>, mut inputs: Inputs) -> Result<Built, Stopped> {
    let bus = inputs.input.get("EventBusName").and_then(Value::as_str).unwrap_or("default");
    let bus = bus.to_owned();
    let Some(id) = inputs.input.get("StatementId").and_then(Value::as_str).map(str::to_owned)
    else {
        return Err(maker.missing("StatementId"));
    };
    let statement = inputs.take("Statement");
    let input = match statement {
        Some(statement) => {
            // The API takes a whole policy, so the statement joins those that are there.
            let policy = with_statement(maker, &bus, &id, statement);
            let mut input = Map::new();
            input.insert("EventBusName".to_owned(), Value::from(bus.clone()));
            input.insert("Policy".to_owned(), Value::from(policy));
            input
        }
        None => inputs.input,
    };
    maker.call(Service::Events, "PutPermission", input)?;
    let undo = json!({ "EventBusName": bus, "StatementId": id });
    maker.undo(Service::Events, "RemovePermission", undo);
    Ok(Built::new(format!("{bus}|{id}")))
}

fn with_statement(maker: &mut Maker<'_>, bus: &str, id: &str, mut statement: Value) -> String {
    if let Value::Object(members) = &mut statement {
        members.insert("Sid".to_owned(), Value::from(id));
    }
    let there = maker
        .account
        .call(Service::Events, "DescribeEventBus", json!({ "Name": bus }))
        .ok()
        .and_then(|answer| text_at(&answer, &["Policy"]))
        .and_then(|policy| serde_json::from_str::<Value>(&policy).ok());
    let mut statements = match there.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(single @ Value::Object(_)) => vec![single],
        Some(_) | None => Vec::new(),
    };
    statements.retain(|statement| statement["Sid"] != id);
    statements.push(statement);
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// An archive of a bus's events.
pub(super) const ARCHIVE: ResourceType = ResourceType {
    name: "AWS::Events::Archive",
    properties: &[
        text("ArchiveName"),
        text("Description"),
        is("EventPattern", Shape::JsonText),
        text("KmsKeyIdentifier"),
        is("RetentionDays", Shape::Integer),
        named("SourceArn", "EventSourceArn", Shape::Text),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "ArchiveName", 48);
        let answer = maker.call(Service::Events, "CreateArchive", inputs.input)?;
        maker.undo(Service::Events, "DeleteArchive", json!({ "ArchiveName": name }));
        let arn = text_at(&answer, &["ArchiveArn"])
            .unwrap_or_else(|| maker.arn("events", &format!("archive/{name}")));
        Ok(Built::new(name.clone()).with("Arn", arn).with("ArchiveName", name))
    },
};
