//! The actions that the emulated FIS has, with the parameters and targets that AWS documents for them.
//!
//! Main type: [`Spec`]; the table is [`CATALOG`]. Invariant: an action that is not in the table is refused
//! when a template is created, by its name; `ListActions` is rendered from the same table.
//! <https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html>.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::duration;
use crate::emulator::account::Account;

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wait,
    StopInstances,
    TerminateInstances,
    RebootInstances,
    SendCommand,
    StartAutomation,
    InternalError,
    ThrottleError,
    UnavailableError,
    DisruptConnectivity,
    AddDelay,
    InvocationError,
    AssertAlarmState,
}

/// One action of the catalog.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) id: &'static str,
    description: &'static str,
    /// The key under which its target is named, and the resource type that it takes.
    pub(super) target: Option<(&'static str, &'static str)>,
    parameters: &'static [Parameter],
}

/// One parameter of an action.
#[derive(Debug)]
struct Parameter {
    name: &'static str,
    is_required: bool,
    form: Form,
}

/// What a parameter's text must be.
#[derive(Debug)]
enum Form {
    Text,
    Duration,
    /// A number in this range, both ends included.
    Number(i64, i64),
    OneOf(&'static [&'static str]),
    /// A JSON object.
    Object,
    /// Up to five alarm ARNs.
    Alarms,
    /// Words of this list, separated by commas.
    Words(&'static [&'static str]),
}

const fn required(name: &'static str, form: Form) -> Parameter {
    Parameter { name, is_required: true, form }
}

const fn optional(name: &'static str, form: Form) -> Parameter {
    Parameter { name, is_required: false, form }
}

/// What the three `inject-api-*` actions take. FIS also accepts `kinesis`, which this account does not have.
const API_ERROR: &[Parameter] = &[
    required("duration", Form::Duration),
    required("service", Form::OneOf(&["ec2"])),
    required("percentage", Form::Number(1, 100)),
    required("operations", Form::Text),
];

/// AWS also disturbs a share of the invocations; here a disturbed function fails or waits each time.
const EVERY_INVOCATION: Form = Form::OneOf(&["100"]);

const INSTANCES: Option<(&str, &str)> = Some(("Instances", "aws:ec2:instance"));
const ROLES: Option<(&str, &str)> = Some(("Roles", "aws:iam:role"));
const FUNCTIONS: Option<(&str, &str)> = Some(("Functions", "aws:lambda:function"));

/// Every action of the emulated FIS.
pub(super) const CATALOG: &[Spec] = &[
    Spec {
        kind: Kind::AssertAlarmState,
        id: "aws:cloudwatch:assert-alarm-state",
        description: "Asserts that alarms are in expected states.",
        target: None,
        parameters: &[
            required("alarmArns", Form::Alarms),
            required("alarmStates", Form::Words(&["OK", "ALARM", "INSUFFICIENT_DATA"])),
        ],
    },
    Spec {
        kind: Kind::RebootInstances,
        id: "aws:ec2:reboot-instances",
        description: "Reboot the specified EC2 instances.",
        target: INSTANCES,
        parameters: &[],
    },
    Spec {
        kind: Kind::StopInstances,
        id: "aws:ec2:stop-instances",
        description: "Stop the specified EC2 instances.",
        target: INSTANCES,
        parameters: &[
            optional("startInstancesAfterDuration", Form::Duration),
            optional("completeIfInstancesTerminated", Form::OneOf(&["true", "false"])),
        ],
    },
    Spec {
        kind: Kind::TerminateInstances,
        id: "aws:ec2:terminate-instances",
        description: "Terminate the specified EC2 instances.",
        target: INSTANCES,
        parameters: &[],
    },
    Spec {
        kind: Kind::InternalError,
        id: "aws:fis:inject-api-internal-error",
        description: "Cause an AWS service to return internal error responses for specific callers and operations.",
        target: ROLES,
        parameters: API_ERROR,
    },
    Spec {
        kind: Kind::ThrottleError,
        id: "aws:fis:inject-api-throttle-error",
        description: "Cause an AWS service to return throttled responses for specific callers and operations.",
        target: ROLES,
        parameters: API_ERROR,
    },
    Spec {
        kind: Kind::UnavailableError,
        id: "aws:fis:inject-api-unavailable-error",
        description: "Cause an AWS service to return unavailable error responses for specific callers and operations.",
        target: ROLES,
        parameters: API_ERROR,
    },
    Spec {
        kind: Kind::Wait,
        id: "aws:fis:wait",
        description: "Wait for the specified duration. Stop condition monitoring will continue during this time.",
        target: None,
        parameters: &[required("duration", Form::Duration)],
    },
    Spec {
        kind: Kind::AddDelay,
        id: "aws:lambda:invocation-add-delay",
        description: "Delay the start of function invocations.",
        target: FUNCTIONS,
        parameters: &[
            required("duration", Form::Duration),
            optional("invocationPercentage", EVERY_INVOCATION),
            optional("startupDelayMilliseconds", Form::Number(0, 900_000)),
        ],
    },
    Spec {
        kind: Kind::InvocationError,
        id: "aws:lambda:invocation-error",
        description: "Mark function invocations as failed.",
        target: FUNCTIONS,
        parameters: &[
            required("duration", Form::Duration),
            optional("invocationPercentage", EVERY_INVOCATION),
            required("preventExecution", Form::OneOf(&["true", "false"])),
        ],
    },
    Spec {
        kind: Kind::DisruptConnectivity,
        id: "aws:network:disrupt-connectivity",
        description: "Block connectivity to and from the specified subnets.",
        target: Some(("Subnets", "aws:ec2:subnet")),
        parameters: &[
            required("duration", Form::Duration),
            required(
                "scope",
                Form::OneOf(&["all", "availability-zone", "dynamodb", "s3", "s3express", "vpc"]),
            ),
        ],
    },
    Spec {
        kind: Kind::SendCommand,
        id: "aws:ssm:send-command",
        description: "Run the specified SSM document.",
        target: INSTANCES,
        parameters: &[
            required("documentArn", Form::Text),
            optional("documentVersion", Form::Text),
            optional("documentParameters", Form::Object),
            required("duration", Form::Duration),
        ],
    },
    Spec {
        kind: Kind::StartAutomation,
        id: "aws:ssm:start-automation-execution",
        description: "Start an automation runbook.",
        target: None,
        parameters: &[
            required("documentArn", Form::Text),
            optional("documentVersion", Form::Text),
            optional("documentParameters", Form::Object),
            required("maxDuration", Form::Duration),
        ],
    },
];

/// The action with this id.
pub(super) fn find(id: &str) -> Option<&'static Spec> {
    CATALOG.iter().find(|spec| spec.id == id)
}

/// How many alarms one `assert-alarm-state` takes.
const MOST_ALARMS: usize = 5;

impl Spec {
    /// Checks the parameters of an action; the error is a sentence.
    pub(super) fn check(&self, given: &IndexMap<String, String>) -> Result<(), String> {
        for (name, text) in given {
            let Some(parameter) = self.parameters.iter().find(|known| known.name == name) else {
                return Err(format!("the parameter `{name}` is not known to {}", self.id));
            };
            parameter.form.check(text).map_err(|why| format!("the parameter `{name}`: {why}"))?;
        }
        let missing = |known: &&Parameter| known.is_required && !given.contains_key(known.name);
        match self.parameters.iter().find(missing) {
            Some(missing) => {
                Err(format!("the parameter `{}` of {} is required", missing.name, self.id))
            }
            None => Ok(()),
        }
    }

    /// The action as `GetAction` answers it.
    pub(super) fn render(&self, account: &Account) -> Value {
        let mut rendered = self.summary(account);
        let parameters: Map<String, Value> = self
            .parameters
            .iter()
            .map(|one| (one.name.to_owned(), json!({"required": one.is_required})))
            .collect();
        rendered["parameters"] = Value::Object(parameters);
        rendered
    }

    /// The action as `ListActions` answers it.
    pub(super) fn summary(&self, account: &Account) -> Value {
        let targets: Map<String, Value> = self
            .target
            .iter()
            .map(|(key, kind)| ((*key).to_owned(), json!({"resourceType": kind})))
            .collect();
        json!({
            "id": self.id,
            "arn": account.identity().arn("fis", &format!("action/{}", self.id)),
            "description": self.description,
            "targets": targets,
            "tags": {},
        })
    }
}

impl Form {
    fn check(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Text if text.is_empty() => Err("it is empty".to_owned()),
            Self::Text => Ok(()),
            Self::Duration => duration::parse(text).map(drop),
            Self::Number(least, most) => match text.parse::<i64>() {
                Ok(number) if (*least..=*most).contains(&number) => Ok(()),
                Ok(_) | Err(_) => Err(format!("`{text}` is not a number from {least} to {most}")),
            },
            Self::OneOf(words) => {
                if words.contains(&text) {
                    return Ok(());
                }
                Err(format!("`{text}` is not supported; it may be {}", words.join(", ")))
            }
            Self::Object => match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(_) => Ok(()),
                Err(_) => Err("it is not a JSON object".to_owned()),
            },
            Self::Alarms => {
                let alarms = words(text);
                if alarms.len() > MOST_ALARMS || alarms.iter().any(|arn| !arn.contains(":alarm:")) {
                    return Err(format!("it is not a list of one to {MOST_ALARMS} alarm ARNs"));
                }
                Ok(())
            }
            Self::Words(known) => match words(text).iter().find(|word| !known.contains(word)) {
                Some(word) => Err(format!("`{word}` is not one of {}", known.join(", "))),
                None => Ok(()),
            },
        }
    }
}

/// The words of a list that is separated by commas.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}
