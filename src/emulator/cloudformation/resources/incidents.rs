//! Incident Manager's response plans and replication set, and the chat channel that is told.
//!
//! Main items: the [`ResourceType`]s. Invariant: a chat channel is what it is on AWS, an HTTPS
//! subscription of the chat service to its topics; nobody reads it here.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SSMIncidents.html>

use serde_json::{Value, json};

use super::shape::{Property, Shape, TAG_MAP, TEXTS, accepted, is, own, text};
use super::{Built, ResourceType, Spelling, text_at};
use crate::emulator::services::Service;

/// Where Amazon Q Developer in chat applications (formerly AWS Chatbot) takes a topic's messages.
///
/// <https://docs.aws.amazon.com/chatbot/latest/adminguide/related-services.html>
const CHAT_ENDPOINT: &str = "https://global.sns-api.chatbot.amazonaws.com";

const INCIDENT_TEMPLATE: &[Property] = &[
    text("DedupeString"),
    is("Impact", Shape::Integer),
    is("IncidentTags", TAG_MAP),
    is("NotificationTargets", Shape::List(&Shape::Fields(&[text("SnsTopicArn")]))),
    text("Summary"),
    text("Title"),
];

const AUTOMATION: &[Property] = &[
    text("DocumentName"),
    text("DocumentVersion"),
    is(
        "DynamicParameters",
        Shape::Pairs { key: "Key", value: "Value", shape: &Shape::Fields(&[text("Variable")]) },
    ),
    is("Parameters", Shape::Pairs { key: "Key", value: "Values", shape: &TEXTS }),
    text("RoleArn"),
    text("TargetAccount"),
];

/// A response plan.
pub(super) const RESPONSE_PLAN: ResourceType = ResourceType {
    name: "AWS::SSMIncidents::ResponsePlan",
    properties: &[
        is(
            "Actions",
            Shape::List(&Shape::Fields(&[is("SsmAutomation", Shape::Fields(AUTOMATION))])),
        ),
        is("ChatChannel", Shape::Fields(&[is("ChatbotSns", TEXTS)])),
        text("DisplayName"),
        is("Engagements", TEXTS),
        is("IncidentTemplate", Shape::Fields(INCIDENT_TEMPLATE)),
        accepted("Integrations"),
        text("Name"),
        is("Tags", TAG_MAP),
    ],
    spelling: Spelling::Camel,
    create: |maker, mut inputs| {
        let name = maker.name(&mut inputs.input, "name", 200);
        let answer = maker.call(Service::Incidents, "CreateResponsePlan", inputs.input)?;
        let arn = text_at(&answer, &["arn"])
            .unwrap_or_else(|| maker.global_arn("ssm-incidents", &format!("response-plan/{name}")));
        maker.undo(Service::Incidents, "DeleteResponsePlan", json!({ "arn": arn }));
        Ok(Built::new(arn.clone()).with("Arn", arn))
    },
};

/// The replication set, which every emulated account has.
pub(super) const REPLICATION_SET: ResourceType = ResourceType {
    name: "AWS::SSMIncidents::ReplicationSet",
    properties: &[accepted("DeletionProtected"), accepted("Regions"), accepted("Tags")],
    spelling: Spelling::Camel,
    create: |maker, _inputs| {
        let id = maker.account.ids.uuid();
        let arn = maker.global_arn("ssm-incidents", &format!("replication-set/{id}"));
        Ok(Built::new(arn.clone()).with("Arn", arn))
    },
};

/// A Slack channel that hears of its topics' messages.
pub(super) const SLACK_CHANNEL: ResourceType = ResourceType {
    name: "AWS::Chatbot::SlackChannelConfiguration",
    properties: &[
        own("ConfigurationName", Shape::Text),
        accepted("CustomizationResourceArns"),
        accepted("GuardrailPolicies"),
        accepted("IamRoleArn"),
        accepted("LoggingLevel"),
        accepted("SlackChannelId"),
        accepted("SlackWorkspaceId"),
        own("SnsTopicArns", TEXTS),
        accepted("Tags"),
        accepted("UserRoleRequired"),
    ],
    spelling: Spelling::Pascal,
    create: |maker, mut inputs| {
        let Some(name) = inputs.take_text("ConfigurationName") else {
            return Err(maker.missing("ConfigurationName"));
        };
        for topic in inputs.take_list("SnsTopicArns") {
            let input = json!({
                "TopicArn": topic,
                "Protocol": "https",
                "Endpoint": CHAT_ENDPOINT,
                "ReturnSubscriptionArn": true,
            });
            let answer = maker.also(Service::Sns, "Subscribe", input);
            if let Some(arn) = answer.and_then(|answer| text_at(&answer, &["SubscriptionArn"])) {
                maker.undo(Service::Sns, "Unsubscribe", json!({ "SubscriptionArn": arn }));
            }
        }
        let path = format!("chat-configuration/slack-channel/{name}");
        let arn = maker.global_arn("chatbot", &path);
        Ok(Built::new(arn.clone()).with("Arn", Value::from(arn)))
    },
};
