//! Resource types: how CloudFormation's properties become API calls.
//!
//! Main types: [`ResourceType`] (one row of the table) and [`Maker`] (makes one resource). Invariants:
//! the tables are complete as far as AWS documents them, whatever the services support today; a
//! property that no table has, or that the service behind it does not know, is a note and is left out;
//! any other refusal of a service is an error on the resource's line.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html>

mod alarms;
mod compute;
mod configurations;
mod containers;
mod deployments;
mod events;
mod experiments;
mod findings;
mod functions;
mod identities;
mod incidents;
mod logs;
mod machines;
mod messages;
mod network;
mod rules;
mod scaling;
mod shape;
mod systems;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::findings::{Findings, did_you_mean};
use super::node::Node;
use super::stack::{Call, physical_name};
use super::template::Resource;
use crate::diagnostic::Span;
use crate::emulator::account::Account;
use crate::emulator::error::ServiceError;
use crate::emulator::services::{self, Service};

pub(crate) use shape::{Place, Property};

/// One resource type.
pub(crate) struct ResourceType {
    /// Such as `AWS::SNS::Topic`.
    pub(crate) name: &'static str,
    /// What it understands.
    pub(crate) properties: &'static [Property],
    /// How its API spells member names.
    pub(crate) spelling: Spelling,
    /// Makes one.
    pub(crate) create: fn(&mut Maker<'_>, Inputs) -> Result<Built, Stopped>,
}

/// How an API spells the names that CloudFormation spells `LikeThis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `LikeThis`.
    Pascal,
    /// `likeThis`.
    Camel,
}

/// Every resource type that is understood.
pub(crate) const TYPES: &[&ResourceType] = &[
    &alarms::ALARM,
    &alarms::COMPOSITE_ALARM,
    &events::RULE,
    &events::EVENT_BUS,
    &events::EVENT_BUS_POLICY,
    &events::ARCHIVE,
    &messages::TOPIC,
    &messages::SUBSCRIPTION,
    &messages::TOPIC_POLICY,
    &messages::QUEUE,
    &messages::QUEUE_POLICY,
    &functions::FUNCTION,
    &functions::PERMISSION,
    &functions::EVENT_INVOKE_CONFIG,
    &identities::ROLE,
    &identities::POLICY,
    &identities::MANAGED_POLICY,
    &identities::INSTANCE_PROFILE,
    &systems::DOCUMENT,
    &systems::PARAMETER,
    &incidents::RESPONSE_PLAN,
    &incidents::REPLICATION_SET,
    &incidents::SLACK_CHANNEL,
    &experiments::EXPERIMENT_TEMPLATE,
    &deployments::APPLICATION,
    &deployments::DEPLOYMENT_GROUP,
    &deployments::DEPLOYMENT_CONFIG,
    &compute::INSTANCE,
    &compute::LAUNCH_TEMPLATE,
    &compute::VOLUME,
    &network::SECURITY_GROUP,
    &network::VPC,
    &network::SUBNET,
    &network::VPN_CONNECTION,
    &network::VPN_GATEWAY,
    &network::CUSTOMER_GATEWAY,
    &scaling::GROUP,
    &scaling::LAUNCH_CONFIGURATION,
    &scaling::POLICY,
    &logs::LOG_GROUP,
    &logs::METRIC_FILTER,
    &logs::RESOURCE_POLICY,
    &logs::DELIVERY_SOURCE,
    &logs::DELIVERY_DESTINATION,
    &logs::DELIVERY,
    &findings::DETECTOR,
    &findings::HUB,
    &rules::CONFIG_RULE,
    &machines::STATE_MACHINE,
    &configurations::APPLICATION,
    &configurations::ENVIRONMENT,
    &configurations::PROFILE,
    &configurations::VERSION,
    &configurations::STRATEGY,
    &configurations::DEPLOYMENT,
    &containers::CLUSTER,
    &containers::TASK_DEFINITION,
    &containers::ECS_SERVICE,
];

/// The resource type of this name.
pub(crate) fn find(name: &str) -> Option<&'static ResourceType> {
    TYPES.iter().copied().find(|kind| kind.name == name)
}

/// The resource was not made; why was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Resource types whose `Ref` is an ARN, so that a stand-in has that shape too.
const REFERRED_BY_ARN: &[&str] = &[
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::Batch::JobQueue",
    "AWS::CertificateManager::Certificate",
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::CloudFormation::Stack",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::SecretsManager::Secret",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SSMContacts::Contact",
    "AWS::SSMIncidents::ReplicationSet",
    "AWS::SSMIncidents::ResponsePlan",
    "AWS::StepFunctions::StateMachine",
];

/// Whether `Ref` to a resource of this type returns an ARN.
pub(super) fn is_referred_by_arn(type_name: &str) -> bool {
    REFERRED_BY_ARN.contains(&type_name)
}

/// A resource's properties in the form that its API wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// The main call's input.
    pub(super) input: Map<String, Value>,
    /// Properties that belong to other calls, under their CloudFormation names.
    pub(super) own: Map<String, Value>,
}

impl Inputs {
    /// A property that belongs to another call.
    fn take(&mut self, property: &str) -> Option<Value> {
        self.own.remove(property)
    }

    /// A property that belongs to another call and is a list.
    fn take_list(&mut self, property: &str) -> Vec<Value> {
        match self.own.remove(property) {
            Some(Value::Array(items)) => items,
            Some(_) | None => Vec::new(),
        }
    }

    /// A property that belongs to another call and is text.
    fn take_text(&mut self, property: &str) -> Option<String> {
        match self.own.remove(property) {
            Some(Value::String(text)) => Some(text),
            Some(_) | None => None,
        }
    }
}

/// What a resource's functions return.
pub(crate) struct Built {
    pub(super) reference: String,
    pub(super) attributes: BTreeMap<&'static str, Value>,
    pub(super) emulated: bool,
}

impl Built {
    fn new(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), attributes: BTreeMap::new(), emulated: true }
    }

    fn with(mut self, attribute: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute, value.into());
        self
    }
}

/// Makes one resource.
pub(crate) struct Maker<'a> {
    account: &'a mut Account,
    findings: &'a mut Findings,
    stack: &'a str,
    logical_id: &'a str,
    resource: &'a Resource,
    /// Where each member of an input was written.
    places: HashMap<String, Span>,
    undo: Vec<Call>,
    refused: bool,
}

impl<'a> Maker<'a> {
    /// A maker for one resource of one stack.
    pub(super) fn new(
        account: &'a mut Account,
        findings: &'a mut Findings,
        stack: &'a str,
        logical_id: &'a str,
        resource: &'a Resource,
    ) -> Self {
        Self {
            account,
            findings,
            stack,
            logical_id,
            resource,
            places: HashMap::new(),
            undo: Vec::new(),
            refused: false,
        }
    }

    /// The calls that remove the resource, newest first, and whether a service refused something.
    pub(super) fn finish(mut self) -> (Vec<Call>, bool) {
        self.undo.reverse();
        (self.undo, self.refused)
    }

    /// Reads the properties by the type's table.
    pub(super) fn read(&mut self, kind: &ResourceType, properties: Option<&Node>) -> Inputs {
        let mut inputs = Inputs::default();
        let Some(properties) = properties else { return inputs };
        let mut reader = shape::Reader {
            type_name: kind.name,
            spelling: kind.spelling,
            findings: &mut *self.findings,
            places: &mut self.places,
        };
        reader.properties(properties, kind.properties, &mut inputs);
        inputs
    }

    /// Makes one call; what the service does not know of the input is noted and left out.
    fn call(
        &mut self,
        service: Service,
        operation: &'static str,
        mut input: Map<String, Value>,
    ) -> Result<Value, Stopped> {
        const MAX_RETRIES: usize = 32;
        let Some(entry) =
            services::operations(service).iter().find(|entry| entry.name == operation)
        else {
            let message = format!(
                "{}: the emulated {} does not have {operation}; this part is left out",
                self.resource.type_name,
                service.title()
            );
            self.findings.note("not-emulated-operation", self.resource.type_span, message);
            return Err(Stopped);
        };
        let known = (entry.parameters)();
        let unknown: Vec<String> =
            input.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            self.left_out(&name, operation);
            input.shift_remove(&name);
        }
        for _ in 0..MAX_RETRIES {
            let error = match self.account.call(service, operation, Value::Object(input.clone())) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(name) = leave_out(&error, &mut input) else {
                return Err(self.refuse(operation, &error));
            };
            self.left_out(&name, operation);
        }
        Err(Stopped)
    }

    /// Makes a call beside the main one: a refusal is reported and the resource stands without it.
    fn also(&mut self, service: Service, operation: &'static str, input: Value) -> Option<Value> {
        let Value::Object(input) = input else { return None };
        self.call(service, operation, input).ok()
    }

    /// Remembers how to take back what was just made.
    fn undo(&mut self, service: Service, operation: &'static str, input: Value) {
        self.undo.push(Call { service, operation, input });
    }

    fn refuse(&mut self, operation: &str, error: &ServiceError) -> Stopped {
        let (type_name, id) = (&self.resource.type_name, self.logical_id);
        let span = self.resource.span;
        if error.code == NOT_EMULATED {
            let message = format!("{type_name} `{id}`: {operation}: {}", error.message);
            let hint = "the drill goes on without this part; what refers to it gets a stand-in";
            self.findings.warning("not-emulated-resource", span, message, hint);
        } else {
            self.refused = true;
            let message = format!("{type_name} `{id}`: {operation} was refused: {error}");
            self.findings.error("resource-refused", span, message, None);
        }
        Stopped
    }

    fn left_out(&mut self, member: &str, operation: &str) {
        let span = self.places.get(member).copied().unwrap_or(self.resource.type_span);
        let message = format!(
            "{}: the emulated {operation} does not have `{member}`; it is left out",
            self.resource.type_name
        );
        self.findings.note("not-emulated-property", span, message);
    }

    /// Reports a property that is missing.
    fn missing(&mut self, property: &str) -> Stopped {
        self.refused = true;
        let message = format!(
            "{} `{}` needs the property `{property}`",
            self.resource.type_name, self.logical_id
        );
        self.findings.error("missing-property", self.resource.span, message, None);
        Stopped
    }

    /// Reports a property that has no effect here.
    fn without_effect(&mut self, property: &str, why: &str) {
        let span = self.places.get(property).copied().unwrap_or(self.resource.type_span);
        let message = format!("{}: `{property}` {why}", self.resource.type_name);
        self.findings.note("not-emulated-property", span, message);
    }

    /// The name that was given under `member`, or a generated one, which is then put there.
    fn name(&self, input: &mut Map<String, Value>, member: &str, max: usize) -> String {
        if let Some(name) = input.get(member).and_then(Value::as_str) {
            return name.to_owned();
        }
        let name = self.generated(max);
        input.insert(member.to_owned(), Value::from(name.clone()));
        name
    }

    /// A generated physical name.
    fn generated(&self, max: usize) -> String {
        physical_name(self.stack, self.logical_id, max)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        self.account.identity().arn(service, resource)
    }

    fn global_arn(&self, service: &str, resource: &str) -> String {
        self.account.identity().global_arn(service, resource)
    }
}

/// The code of a refusal of what the emulator does not have.
const NOT_EMULATED: &str = "NotImplemented";

/// Takes out of an input what a service refused because it does not emulate it, and names it: a member,
/// or one item of a list of text (an alarm's action).
fn leave_out(error: &ServiceError, input: &mut Map<String, Value>) -> Option<String> {
    if error.code != NOT_EMULATED {
        return None;
    }
    if let Some(name) = unknown_member(&error.message, input) {
        return remove_everywhere(input, &name).then_some(name);
    }
    for value in input.values_mut() {
        let Value::Array(items) = value else { continue };
        let refused = |item: &Value| item.as_str().is_some_and(|item| error.message.contains(item));
        if let Some(at) = items.iter().position(refused) {
            return items.remove(at).as_str().map(str::to_owned);
        }
    }
    None
}

/// The member that a refusal names: a parameter, or (SNS, SQS) an attribute.
fn unknown_member(message: &str, input: &Map<String, Value>) -> Option<String> {
    if let Some((_, rest)) = message.split_once("the parameter `") {
        return rest.split_once('`').map(|(name, _)| name.to_owned());
    }
    let attributes = input.get("Attributes")?.as_object()?;
    let words = message.split(|character: char| !character.is_ascii_alphanumeric());
    words.into_iter().find(|word| attributes.contains_key(*word)).map(str::to_owned)
}

/// Removes a member wherever it stands; whether it was there at all.
fn remove_everywhere(members: &mut Map<String, Value>, name: &str) -> bool {
    let mut found = members.shift_remove(name).is_some();
    for value in members.values_mut() {
        found |= remove_inside(value, name);
    }
    found
}

fn remove_inside(value: &mut Value, name: &str) -> bool {
    match value {
        Value::Object(members) => remove_everywhere(members, name),
        Value::Array(items) => {
            let mut found = false;
            for item in items {
                found |= remove_inside(item, name);
            }
            found
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A text member of an answer, by its path.
fn text_at(answer: &Value, path: &[&str]) -> Option<String> {
    let mut at = answer;
    for step in path {
        at = at.get(step)?;
    }
    at.as_str().map(str::to_owned)
}

/// The hint for a property that a type does not have.
fn similar_property(name: &str, table: &[Property]) -> Option<String> {
    did_you_mean(name, table.iter().map(|property| property.name))
}
