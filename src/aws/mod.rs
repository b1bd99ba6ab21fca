//! The clients of one account and region, and one error type for every call.
//!
//! Main types: [`Aws`] and [`CallError`]. The error knows what a caller must decide on: throttled, denied,
//! not found, unreachable; and it names the way out. Invariant: nothing here knows whether the account is
//! real or emulated.

pub(crate) mod alarms;
pub(crate) mod asked_for;
pub(crate) mod automations;
pub(crate) mod bus_logs;
pub(crate) mod configurations;
mod credentials;
pub(crate) mod deployments;
pub(crate) mod endpoints;
pub(crate) mod existing;
pub(crate) mod experiments;
pub(crate) mod findings;
pub mod gate;
pub(crate) mod history;
pub(crate) mod metrics;
pub(crate) mod once;
pub mod permissions;
pub(crate) mod queues;
pub mod quotas;
pub(crate) mod rules;
pub mod secrets;
mod shared;
pub(crate) mod subscriptions;
pub(crate) mod trail;

use std::any::Any;
use std::borrow::Cow;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;

pub use gate::{Gate, Skew, Tally};

/// No call may take longer than this, retries included.
pub(crate) const CALL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The clients of one account and region. Clones share the gate: its budget, its counts, its clock.
#[derive(Debug, Clone)]
pub struct Aws {
    /// What every call goes through.
    pub gate: Gate,
    /// The readers that all who look here share.
    pub(crate) readers: Readers,
    /// Service Quotas.
    pub quotas: aws_sdk_servicequotas::Client,
    /// CloudTrail.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    /// AWS Config.
    pub config: aws_sdk_config::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// `CodeDeploy`.
    pub codedeploy: aws_sdk_codedeploy::Client,
    /// `EventBridge`.
    pub events: aws_sdk_eventbridge::Client,
    /// Fault Injection Service.
    pub fis: aws_sdk_fis::Client,
    /// GuardDuty.
    pub guardduty: aws_sdk_guardduty::Client,
    /// Incident Manager.
    pub incidents: aws_sdk_ssmincidents::Client,
    /// Security Hub.
    pub securityhub: aws_sdk_securityhub::Client,
    /// `CloudWatch` Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Simple Notification Service.
    pub sns: aws_sdk_sns::Client,
    /// Simple Queue Service.
    pub sqs: aws_sdk_sqs::Client,
    /// Systems Manager.
    pub ssm: aws_sdk_ssm::Client,
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// AppConfig.
    pub appconfig: aws_sdk_appconfig::Client,
    /// `CloudFormation`.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// Elastic Container Service.
    pub ecs: aws_sdk_ecs::Client,
    /// Identity and Access Management.
    pub iam: aws_sdk_iam::Client,
}

/// What many read at once, and how long they wait for each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readers {
    moment: Duration,
    alarms: alarms::Reader,
    histories: history::Reader,
    automations: automations::Reader,
    executions: automations::WholeReader,
    metrics: metrics::Reader,
    deployments: deployments::Reader,
    groups: deployments::GroupReader,
    group_deployments: deployments::OneReader,
    rules: rules::Reader,
    existing: existing::Reader,
    bus_logs: bus_logs::WhereReader,
    bus_steps: bus_logs::Reader,
    trails: trail::Reader,
}

/// Who the credentials belong to, and where the calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account id.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

/// A rule, as far as an event meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFound {
    /// The event pattern's text; a rule on a schedule has none.
    pub pattern: Option<String>,
    /// Whether the rule is enabled.
    pub enabled: bool,
}

/// A client whose calls the gate knows by name.
macro_rules! client {
    ($sdk:ident, $config:expr, $gate:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($config).interceptor($gate.clone()).build(),
        )
    };
}

impl Aws {
    /// Makes the clients; no call is made.
    pub fn new(config: &SdkConfig) -> Self {
        let gate = Gate::default();
        let config = &gate.guard(config);
        Self {
            quotas: client!(aws_sdk_servicequotas, config, gate),
            cloudtrail: client!(aws_sdk_cloudtrail, config, gate),
            config: client!(aws_sdk_config, config, gate),
            cloudwatch: client!(aws_sdk_cloudwatch, config, gate),
            codedeploy: client!(aws_sdk_codedeploy, config, gate),
            events: client!(aws_sdk_eventbridge, config, gate),
            fis: client!(aws_sdk_fis, config, gate),
            guardduty: client!(aws_sdk_guardduty, config, gate),
            incidents: client!(aws_sdk_ssmincidents, config, gate),
            securityhub: client!(aws_sdk_securityhub, config, gate),
            logs: client!(aws_sdk_cloudwatchlogs, config, gate),
            sns: client!(aws_sdk_sns, config, gate),
            sqs: client!(aws_sdk_sqs, config, gate),
            ssm: client!(aws_sdk_ssm, config, gate),
            sts: client!(aws_sdk_sts, config, gate),
            lambda: client!(aws_sdk_lambda, config, gate),
            sfn: client!(aws_sdk_sfn, config, gate),
            appconfig: client!(aws_sdk_appconfig, config, gate),
            cloudformation: client!(aws_sdk_cloudformation, config, gate),
            ecs: client!(aws_sdk_ecs, config, gate),
            iam: client!(aws_sdk_iam, config, gate),
            gate,
            readers: Readers::default(),
        }
    }

    /// Who asks within this moment is served by one call; without one, who asks in the same instant.
    #[must_use]
    pub fn gathering_for(mut self, moment: Duration) -> Self {
        self.readers.moment = moment;
        self
    }

    /// Whose credentials these are.
    ///
    /// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
    pub async fn identity(&self) -> Result<Identity, CallError> {
        let answer = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| CallError::of("sts:GetCallerIdentity", &error))?;
        Ok(Identity {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }

    /// One rule of a bus (by name or ARN).
    ///
    /// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html>.
    pub async fn rule(&self, bus: &str, name: &str) -> Result<RuleFound, CallError> {
        rules::rule(self, bus, name).await
    }
}

/// What kind of failure a call met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// AWS asked us to slow down.
    Throttled,
    /// The caller may not do this.
    Denied,
    /// The thing is not there.
    NotFound,
    /// No answer came, or none that can be read.
    Unreachable,
    /// The server does not have what was asked of it, and says so: asking again changes nothing.
    Unsupported,
    /// AWS refused the request for another reason.
    Refused,
}

/// A call that failed, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct CallError {
    /// What to decide on.
    pub kind: CallErrorKind,
    /// The IAM action, such as `cloudwatch:DescribeAlarms`.
    pub operation: &'static str,
    /// AWS's error code, where one came.
    pub code: Option<String>,
    /// What went wrong.
    pub message: String,
}

impl CallError {
    /// An answer that can't be used, and why.
    pub(crate) fn unusable(operation: &'static str, why: &str) -> Self {
        let (kind, message) = (CallErrorKind::Unreachable, format!("the answer {why}"));
        Self { kind, operation, code: None, message }
    }

    /// Reads an SDK error.
    pub fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().map(str::to_owned);
                let text = match service.err().message() {
                    Some(text) => Cow::Borrowed(text),
                    None => Cow::Owned(no_message(code.is_none(), service.raw())),
                };
                let text = match code.as_deref() {
                    // AWS repeats the request here, with its session token in it.
                    Some(code) if credentials::may_repeat_the_request(code) => {
                        "the request's signature is not accepted".into()
                    }
                    Some(_) | None => secrets::scrub(&text),
                };
                let message = match &code {
                    Some(code) => format!("{code}: {text}"),
                    None => text.into_owned(),
                };
                let kind = if is_lacking(code.as_deref(), &message, status_of(service.raw())) {
                    CallErrorKind::Unsupported
                } else {
                    code.as_deref().map_or(CallErrorKind::Unreachable, kind_of)
                };
                Self { kind, operation, code, message }
            }
            SdkError::ResponseError(answer) => Self {
                kind: match status_of(answer.raw()) {
                    Some(NOT_IMPLEMENTED) => CallErrorKind::Unsupported,
                    Some(_) | None => CallErrorKind::Unreachable,
                },
                operation,
                code: None,
                message: secrets::scrub(&unreadable(error, answer.raw())).into_owned(),
            },
            SdkError::ConstructionFailure(_)
            | SdkError::TimeoutError(_)
            | SdkError::DispatchFailure(_)
            | _ => match (gate::over_budget(error), credentials::missing(error)) {
                (Some(refused), _) => {
                    let message = refused.to_string();
                    Self { kind: CallErrorKind::Throttled, operation, code: None, message }
                }
                (None, Some((code, message))) => {
                    let code = Some(code.to_owned());
                    Self { kind: CallErrorKind::Denied, operation, code, message }
                }
                (None, None) => Self {
                    kind: CallErrorKind::Unreachable,
                    operation,
                    code: None,
                    message: secrets::scrub(&chain(error)).into_owned(),
                },
            },
        }
    }

    /// The way out, for a person.
    pub fn hint(&self) -> String {
        if let Some(way_out) = self.code.as_deref().and_then(credentials::way_out) {
            return way_out.to_owned();
        }
        match self.kind {
            CallErrorKind::Throttled => {
                "something else uses up this API's quota; run fewer drills at a time".to_owned()
            }
            CallErrorKind::Denied => {
                format!("allow the action `{}` to this caller", self.operation)
            }
            CallErrorKind::NotFound => "check the name, the region and the account".to_owned(),
            CallErrorKind::Unreachable => {
                "check the network, the region, the endpoint and the credentials".to_owned()
            }
            CallErrorKind::Unsupported => format!(
                "this server does not have `{}`; drill without what needs it, or where it is",
                self.operation
            ),
            CallErrorKind::Refused => "see AWS's message".to_owned(),
        }
    }

    /// Whether the thing is simply not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == CallErrorKind::NotFound
    }
}

/// Words for an error without a message. Where there is no code either, no service of AWS has answered, but
/// a proxy or another server: its status and kind of content say more than that.
fn no_message(is_foreign: bool, raw: &dyn Any) -> String {
    let words = "the service gave no message";
    match raw.downcast_ref::<HttpResponse>() {
        Some(answer) if is_foreign => format!("{words} ({})", told_by_its_head(answer)),
        Some(_) | None => words.to_owned(),
    }
}

/// Words for an answer that can't be read.
fn unreadable(error: &(dyn std::error::Error + 'static), raw: &dyn Any) -> String {
    let words = chain(error);
    match raw.downcast_ref::<HttpResponse>() {
        Some(answer) => format!("{words} ({})", told_by_its_head(answer)),
        None => words,
    }
}

fn told_by_its_head(answer: &HttpResponse) -> String {
    let status = answer.status().as_u16();
    let content = answer.headers().get("content-type").unwrap_or("none");
    let content: String = content.chars().take(100).collect();
    format!("status {status}, content type {content}")
}

fn status_of(raw: &dyn Any) -> Option<u16> {
    Some(raw.downcast_ref::<HttpResponse>()?.status().as_u16())
}

/// "Not Implemented": <https://www.rfc-editor.org/rfc/rfc9110#name-501-not-implemented>.
const NOT_IMPLEMENTED: u16 = 501;

/// The codes with which AWS says that there is no such operation.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
/// (`InvalidAction`), <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
/// (`UnknownOperationException`).
pub(crate) const NO_SUCH_OPERATION: &[&str] =
    &["InvalidAction", "UnknownOperation", "UnknownOperationException", "NotImplemented"];

/// Whether an answer says that the server lacks what was asked. It must say so in as many words: a page of a
/// proxy, or an answer that was damaged on its way, says nothing.
fn is_lacking(code: Option<&str>, message: &str, status: Option<u16>) -> bool {
    let says_so = || {
        let message = message.to_lowercase();
        ["not implemented", "not been implemented", "not yet been implemented"]
            .iter()
            .any(|words| message.contains(words))
    };
    match code {
        Some(code) if NO_SUCH_OPERATION.contains(&code) => true,
        Some(code) => {
            status == Some(NOT_IMPLEMENTED) || (code.starts_with("Internal") && says_so())
        }
        None => status == Some(NOT_IMPLEMENTED),
    }
}

/// The error codes with which AWS asks to slow down: those that the SDK itself retries.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "PriorRequestNotComplete",
];

/// Sorts AWS's error codes.
fn kind_of(code: &str) -> CallErrorKind {
    if THROTTLED.contains(&code) {
        CallErrorKind::Throttled
    } else if code.contains("AccessDenied")
        || code.contains("NotAuthorized")
        || code.contains("Unauthorized")
        || code.contains("AuthorizationError")
        || code == "OptInRequired"
        || credentials::way_out(code).is_some()
    {
        CallErrorKind::Denied
    } else if code.contains("NotFound")
        || code.contains("NoSuch")
        || code.contains("DoesNotExist")
        || code.contains("NonExistent")
        || code == "InvalidDocument"
    {
        CallErrorKind::NotFound
    } else if code.contains("InternalFailure")
        || code.contains("InternalServer")
        || code.contains("InternalError")
        || code == "ServiceUnavailable"
    {
        CallErrorKind::Unreachable
    } else {
        CallErrorKind::Refused
    }
}

/// An error and its causes, joined: the SDK's own Display says little.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// The SDK's timestamp as ours, in whole milliseconds.
pub fn timestamp(at: &aws_smithy_types::DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

/// Our timestamp as the SDK's.
pub fn date_time(at: jiff::Timestamp) -> aws_smithy_types::DateTime {
    aws_smithy_types::DateTime::from_millis(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn told(error: ErrorMetadata, content_type: Option<&'static str>) -> String {
        let status = StatusCode::try_from(404).expect("a status");
        let mut answer = HttpResponse::new(status, SdkBody::from("<!doctype html>"));
        if let Some(content_type) = content_type {
            answer.headers_mut().insert("content-type", content_type);
        }
        let error = SdkError::service_error(GetCallerIdentityError::generic(error), answer);
        CallError::of("sts:GetCallerIdentity", &error).to_string()
    }

    #[test]
    fn a_thing_that_is_not_there_is_told_by_many_codes() {
        for code in [
            "ResourceNotFound",
            "ResourceNotFoundException",
            "NotFound",
            "NotFoundException",
            "NoSuchConfigRuleException",
            "NoSuchConfigurationRecorderException",
            "NoSuchEntity",
            "NoSuchResourceException",
            "StateMachineDoesNotExist",
            "ExecutionDoesNotExist",
            "DeploymentGroupDoesNotExistException",
            "DoesNotExistException",
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
            "ClusterNotFoundException",
            "ParameterNotFound",
            "InvalidDocument",
        ] {
            assert_eq!(kind_of(code), CallErrorKind::NotFound, "{code}");
        }
        for code in ["ValidationException", "InvalidAccessException", "BadRequestException"] {
            assert_eq!(kind_of(code), CallErrorKind::Refused, "{code}");
        }
    }

    #[test]
    fn only_who_says_so_lacks_an_operation() {
        let lacking = [
            (Some("InvalidAction"), "Unknown action: DescribeOpsItems", 400),
            (Some("UnknownOperationException"), "", 404),
            (Some("NotImplemented"), "the emulated account does not support x", 501),
            (Some("InternalFailure"), "API for service 'x' has not yet been implemented", 500),
            (Some("InternalFailure"), "No moto route for service x", 501),
            (None, "the service gave no message", 501),
        ];
        let others = [
            (Some("InternalFailure"), "try again", 500),
            (Some("ValidationException"), "not implemented is no value of x", 400),
            (Some("AccessDeniedException"), "", 403),
            // What a proxy may answer, and a server that has no such page.
            (None, "the service gave no message", 404),
            (None, "not implemented", 500),
        ];
        for (code, message, status) in lacking {
            assert!(is_lacking(code, message, Some(status)), "{code:?} {message} {status}");
        }
        for (code, message, status) in others {
            assert!(!is_lacking(code, message, Some(status)), "{code:?} {message} {status}");
        }
    }

    #[test]
    fn an_answer_that_is_no_error_of_aws_is_told_by_its_status_and_content() {
        let nothing = || ErrorMetadata::builder().build();
        assert_eq!(
            told(nothing(), Some("text/html")),
            "sts:GetCallerIdentity: the service gave no message (status 404, content type text/html)"
        );
        assert_eq!(
            told(nothing(), None),
            "sts:GetCallerIdentity: the service gave no message (status 404, content type none)"
        );
        let coded = ErrorMetadata::builder().code("Odd").build();
        assert_eq!(
            told(coded, Some("text/html")),
            "sts:GetCallerIdentity: Odd: the service gave no message"
        );
    }
}
