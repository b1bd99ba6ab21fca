//! Subscriptions of SNS topics: who hears, in which form, and with which filter.
//!
//! Main type: [`Subscription`]. Invariant: only a confirmed subscription is delivered to; email stays
//! pending, because nobody clicks the link here.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{invalid, topic};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::events::matcher::EventPattern;

/// One subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) topic: String,
    pub(super) protocol: Protocol,
    pub(super) endpoint: String,
    pub(super) confirmed: bool,
    pub(super) raw: bool,
    pub(super) filter: Option<Filter>,
    pub(super) dead_letter: Option<String>,
    /// How many messages were handed over.
    pub(super) delivered: u64,
    /// How many were refused by the endpoint.
    pub(super) failed: u64,
}

/// How a subscription is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Sqs,
    Lambda,
    /// Email, plain or JSON: a person, who never confirms here.
    Email,
    EmailJson,
    /// A web endpoint, such as a chat channel's.
    Http,
    Https,
}

impl Protocol {
    fn parse(text: &str) -> Result<Self, ServiceError> {
        Ok(match text {
            "sqs" => Self::Sqs,
            "lambda" => Self::Lambda,
            "email" => Self::Email,
            "email-json" => Self::EmailJson,
            "http" => Self::Http,
            "https" => Self::Https,
            other => {
                return Err(ServiceError::unsupported(format_args!(
                    "subscriptions of the protocol {other:?}"
                )));
            }
        })
    }

    /// The name that the API uses, also the key of a `MessageStructure: json` message.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Lambda => "lambda",
            Self::Email => "email",
            Self::EmailJson => "email-json",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A filter policy, and what it looks at.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    text: String,
    pattern: EventPattern,
    pub(super) on_body: bool,
}

impl Filter {
    /// Whether the filter lets this JSON text pass.
    pub(super) fn passes(&self, json_text: &str) -> bool {
        self.pattern.matches(json_text)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Subscribe {
    topic_arn: String,
    protocol: String,
    endpoint: String,
    #[serde(default)]
    attributes: IndexMap<String, String>,
    #[serde(default)]
    return_subscription_arn: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SubscriptionOnly {
    subscription_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListByTopic {
    topic_arn: String,
    #[serde(default, rename = "NextToken")]
    _next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetAttributes {
    subscription_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

/// `Subscribe`: the same endpoint twice answers the subscription that is there.
pub(super) fn subscribe(account: &mut Account, input: Subscribe) -> Answer {
    topic(account, &input.topic_arn)?;
    let protocol = Protocol::parse(&input.protocol)?;
    let existing = account.services.sns.subscriptions.iter().find(|(_, held)| {
        held.topic == input.topic_arn
            && held.protocol == protocol
            && held.endpoint == input.endpoint
    });
    let arn = if let Some((arn, _)) = existing {
        arn.clone()
    } else {
        let service = match protocol {
            Protocol::Sqs => Some("sqs"),
            Protocol::Lambda => Some("lambda"),
            Protocol::Email | Protocol::EmailJson | Protocol::Http | Protocol::Https => None,
        };
        if service.is_some_and(|service| input.endpoint.split(':').nth(2) != Some(service)) {
            return Err(invalid(format!("Invalid parameter: {} endpoint ARN", protocol.name())));
        }
        let mut subscription = Subscription {
            topic: input.topic_arn.clone(),
            protocol,
            endpoint: input.endpoint,
            confirmed: !matches!(protocol, Protocol::Email | Protocol::EmailJson),
            raw: false,
            filter: None,
            dead_letter: None,
            delivered: 0,
            failed: 0,
        };
        // The scope decides how the policy is read, so it comes first whatever the order was.
        let (scope, rest): (Vec<_>, Vec<_>) =
            input.attributes.iter().partition(|(name, _)| *name == "FilterPolicyScope");
        let on_body = scope.iter().any(|(_, value)| *value == "MessageBody");
        for (name, value) in rest {
            set(&mut subscription, name, value)?;
        }
        if let Some(filter) = &mut subscription.filter {
            filter.on_body = on_body;
        }
        let arn = format!("{}:{}", input.topic_arn, account.ids.uuid());
        account.services.sns.subscriptions.insert(arn.clone(), subscription);
        arn
    };
    let confirmed = account.services.sns.subscriptions[&arn].confirmed;
    let shown = if confirmed || input.return_subscription_arn {
        arn
    } else {
        "pending confirmation".to_owned()
    };
    Ok(json!({ "SubscriptionArn": shown }))
}

fn set(subscription: &mut Subscription, name: &str, value: &str) -> Result<(), ServiceError> {
    match name {
        "RawMessageDelivery" => {
            subscription.raw = value.eq_ignore_ascii_case("true");
        }
        "FilterPolicy" if value.is_empty() || value == "{}" => subscription.filter = None,
        "FilterPolicy" => {
            let pattern = EventPattern::parse(value)
                .map_err(|why| invalid(format!("Invalid parameter: FilterPolicy: {why}")))?;
            let on_body = subscription.filter.as_ref().is_some_and(|filter| filter.on_body);
            subscription.filter = Some(Filter { text: value.to_owned(), pattern, on_body });
        }
        "FilterPolicyScope" => {
            if let Some(filter) = &mut subscription.filter {
                filter.on_body = value == "MessageBody";
            }
        }
        "RedrivePolicy" => {
            let policy: Value = serde_json::from_str(value)
                .map_err(|_| invalid("Invalid parameter: RedrivePolicy: failed to parse JSON."))?;
            subscription.dead_letter = policy["deadLetterTargetArn"].as_str().map(str::to_owned);
        }
        other => {
            return Err(ServiceError::unsupported(format_args!(
                "the subscription attribute {other}"
            )));
        }
    }
    Ok(())
}

/// `SetSubscriptionAttributes`.
pub(super) fn set_attributes(account: &mut Account, input: SetAttributes) -> Answer {
    let subscription = account
        .services
        .sns
        .subscriptions
        .get_mut(&input.subscription_arn)
        .ok_or_else(no_subscription)?;
    set(subscription, &input.attribute_name, &input.attribute_value)?;
    Ok(json!({}))
}

/// `GetSubscriptionAttributes`.
pub(super) fn get_attributes(account: &mut Account, input: SubscriptionOnly) -> Answer {
    let arn = input.subscription_arn;
    let held = account.services.sns.subscriptions.get(&arn).ok_or_else(no_subscription)?;
    let mut attributes = json!({
        "SubscriptionArn": arn,
        "TopicArn": held.topic,
        "Owner": account.identity.account,
        "Protocol": held.protocol.name(),
        "Endpoint": held.endpoint,
        "PendingConfirmation": (!held.confirmed).to_string(),
        "RawMessageDelivery": held.raw.to_string(),
    });
    if let Some(filter) = &held.filter {
        attributes["FilterPolicy"] = filter.text.as_str().into();
        let scope = if filter.on_body { "MessageBody" } else { "MessageAttributes" };
        attributes["FilterPolicyScope"] = scope.into();
    }
    Ok(json!({ "Attributes": attributes }))
}

/// `Unsubscribe`: taking away what is not there is no error, as on AWS.
pub(super) fn unsubscribe(account: &mut Account, input: SubscriptionOnly) -> Answer {
    account.services.sns.subscriptions.shift_remove(&input.subscription_arn);
    Ok(json!({}))
}

/// `ListSubscriptions`, on one page.
pub(super) fn list(account: &mut Account, _input: super::ListTopics) -> Answer {
    Ok(json!({ "Subscriptions": shown(account, |_| true) }))
}

/// `ListSubscriptionsByTopic`, on one page.
pub(super) fn list_by_topic(account: &mut Account, input: ListByTopic) -> Answer {
    topic(account, &input.topic_arn)?;
    Ok(json!({ "Subscriptions": shown(account, |held| held.topic == input.topic_arn) }))
}

/// The subscriptions that are wanted, as lists show them.
fn shown(account: &Account, wanted: impl Fn(&Subscription) -> bool) -> Vec<Value> {
    let owner = &account.identity.account;
    let held = account.services.sns.subscriptions.iter().filter(|(_, held)| wanted(held));
    held.map(|(arn, held)| {
        let arn = if held.confirmed { arn.as_str() } else { "PendingConfirmation" };
        json!({
            "SubscriptionArn": arn,
            "Owner": owner,
            "Protocol": held.protocol.name(),
            "Endpoint": held.endpoint,
            "TopicArn": held.topic,
        })
    })
    .collect()
}

fn no_subscription() -> ServiceError {
    ServiceError { status: 404, ..ServiceError::new("NotFound", "Subscription does not exist") }
}
