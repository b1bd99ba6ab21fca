//! The wire protocols: a signed HTTP request becomes a service operation with a JSON input, and its
//! answer becomes the bytes that the real SDK parses.
//!
//! Main types: [`Request`], [`Response`]. One file per protocol. Invariant: the wire knows shapes, never
//! behaviour; whatever it can't read is an AWS-shaped error in the protocol of the request.

mod cbor;
mod json;
mod lambda;
mod query;
mod rest;

use serde_json::Value;

use super::account::Account;
use super::error::{Answer, ServiceError};
use super::services::Service;

/// The largest request body that is read, in bytes: well above AWS's own limits.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;

/// An HTTP request as it leaves the SDK.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, percent-encoded.
    pub(crate) path: String,
    /// The query string without `?`.
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An HTTP response for the SDK.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request's operation and input, once the protocol has read it.
struct Operation {
    name: String,
    input: Value,
}

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// rpc-v2-cbor.
    Cbor,
    /// awsJson1.0 and 1.1; the text is the content type.
    Json(&'static str),
    /// restJson1; the routes tell the operations apart.
    Rest(rest::Routes),
    /// awsQuery: a form in, XML out; the text is the XML namespace.
    Query(&'static str),
    /// restJson1 with payloads as bodies.
    Lambda,
}

impl Request {
    /// A header's value; the name in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the request was signed for; nothing for a request without a signature.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>.
    fn scope(&self) -> Option<Scope<'_>> {
        let authorization = self.header("authorization")?;
        let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
        let mut parts = scope.trim().split('/');
        let (access_key, _date) = (parts.next()?, parts.next()?);
        Some(Scope { access_key, region: parts.next()?, service: parts.next()? })
    }

    /// The access key that signed it, and the region that it is meant for; empty without a signature.
    pub(crate) fn signer(&self) -> (&str, &str) {
        self.scope().map_or(("", ""), |scope| (scope.access_key, scope.region))
    }

    /// Whether the body is an HTML form, as awsQuery sends it.
    fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.starts_with("application/x-www-form-urlencoded")
    }
}

/// The parts of a signature's credential scope that say who sends a request, and where to.
struct Scope<'a> {
    access_key: &'a str,
    region: &'a str,
    service: &'a str,
}

/// The service behind a signing name, and how this request speaks to it.
fn endpoint(signing_name: &str, request: &Request) -> Option<(Service, Protocol)> {
    const JSON_1_0: Protocol = Protocol::Json("application/x-amz-json-1.0");
    const JSON_1_1: Protocol = Protocol::Json("application/x-amz-json-1.1");
    match signing_name {
        // CloudWatch speaks three protocols, and clients choose.
        "monitoring" => {
            let protocol = if request.path.contains("/operation/") {
                Protocol::Cbor
            } else if request.header("x-amz-target").is_some() {
                JSON_1_0
            } else {
                Protocol::Query("http://monitoring.amazonaws.com/doc/2010-08-01/")
            };
            Some((Service::CloudWatch, protocol))
        }
        "events" => Some((Service::Events, JSON_1_1)),
        "ssm" => Some((Service::Ssm, JSON_1_1)),
        "logs" => Some((Service::Logs, JSON_1_1)),
        "codedeploy" => Some((Service::CodeDeploy, JSON_1_1)),
        "ecs" => Some((Service::Ecs, JSON_1_1)),
        "sqs" => Some((Service::Sqs, JSON_1_0)),
        "fis" => Some((Service::Fis, Protocol::Rest(rest::FIS))),
        "config" => Some((Service::Config, JSON_1_1)),
        "cloudtrail" => Some((Service::CloudTrail, JSON_1_1)),
        "servicequotas" => Some((Service::Quotas, JSON_1_1)),
        "guardduty" => Some((Service::GuardDuty, Protocol::Rest(rest::GUARDDUTY))),
        "securityhub" => Some((Service::SecurityHub, Protocol::Rest(rest::SECURITY_HUB))),
        "ssm-incidents" => Some((Service::Incidents, Protocol::Rest(rest::INCIDENTS))),
        "states" => Some((Service::StepFunctions, JSON_1_0)),
        "lambda" => Some((Service::Lambda, Protocol::Lambda)),
        "appconfig" => Some((Service::AppConfig, Protocol::Rest(rest::APPCONFIG))),
        "sns" => Some((Service::Sns, Protocol::Query("http://sns.amazonaws.com/doc/2010-03-31/"))),
        "cloudformation" => Some((
            Service::CloudFormation,
            Protocol::Query("http://cloudformation.amazonaws.com/doc/2010-05-15/"),
        )),
        "iam" => Some((Service::Iam, Protocol::Query("https://iam.amazonaws.com/doc/2010-05-08/"))),
        "sts" => Some((Service::Sts, Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/"))),
        _ => None,
    }
}

/// The protocol for an answer to a request whose service is not known.
fn guess(request: &Request) -> Protocol {
    if request.is_form() { Protocol::Query("") } else { Protocol::Json("application/json") }
}

/// Answers one request out of the account.
pub(crate) fn answer(account: &mut Account, request: &Request) -> Response {
    answer_by(account, request, |account, key, service, operation, input| {
        account.call_signed(key, service, operation, input)
    })
}

/// Answers one request by what makes its call: account, access key, service, operation and input.
pub(crate) fn answer_by(
    account: &mut Account,
    request: &Request,
    make: impl FnOnce(&mut Account, &str, Service, &str, Value) -> Answer,
) -> Response {
    let request_id = account.ids.uuid();
    let response = match route(account, request) {
        Ok((service, protocol)) => {
            let (name, answer) = call(account, service, protocol, request, make);
            write(protocol, &name, &request_id, answer)
        }
        Err((protocol, error)) => write(protocol, "", &request_id, Err(error)),
    };
    signed_off(account, response, request_id)
}

/// The role that a request wants to assume; nothing for any other request.
pub(crate) fn role_to_assume(request: &Request) -> Option<String> {
    let service = request.scope()?.service;
    if service != "sts" || request.body.len() > MAX_BODY {
        return None;
    }
    let operation = query::read(request).ok().filter(|read| read.name == "AssumeRole")?;
    operation.input["RoleArn"].as_str().map(str::to_owned)
}

/// Refuses a request that could not be read whole, in its own protocol.
pub(crate) fn refuse(account: &mut Account, request: &Request, error: ServiceError) -> Response {
    let request_id = account.ids.uuid();
    let protocol = match route(account, request) {
        Ok((_, protocol)) | Err((protocol, _)) => protocol,
    };
    let response = write(protocol, "", &request_id, Err(error));
    signed_off(account, response, request_id)
}

/// The headers of every answer: which request it was, and the account's own time.
fn signed_off(account: &Account, mut response: Response, request_id: String) -> Response {
    response.headers.push(("x-amzn-requestid", request_id));
    let date = account.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers.push(("date", date));
    response
}

/// Where a request is meant to go; or why it can't, in the protocol in which that is to be said.
fn route(
    account: &Account,
    request: &Request,
) -> Result<(Service, Protocol), (Protocol, ServiceError)> {
    let Some(scope) = request.scope() else {
        let error = ServiceError::new("MissingAuthenticationToken", "the request is not signed");
        return Err((guess(request), ServiceError { status: 403, ..error }));
    };
    let Some((service, protocol)) = endpoint(scope.service, request) else {
        let error = ServiceError::unsupported(format_args!("the service `{}`", scope.service));
        return Err((guess(request), error));
    };
    let here = &account.identity().region;
    // IAM is global: its requests are signed for the partition's first region.
    if scope.region != here && service != Service::Iam {
        return Err((protocol, elsewhere(protocol, scope.region, here)));
    }
    Ok((service, protocol))
}

/// The refusal of a request that is signed for another region.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>.
fn elsewhere(protocol: Protocol, region: &str, here: &str) -> ServiceError {
    let code = match protocol {
        Protocol::Query(_) => "SignatureDoesNotMatch",
        Protocol::Cbor | Protocol::Json(_) | Protocol::Rest(_) | Protocol::Lambda => {
            "InvalidSignatureException"
        }
    };
    let message = format!(
        "Credential should be scoped to a valid region, not '{region}': this account is emulated in {here}"
    );
    ServiceError { status: 403, ..ServiceError::new(code, message) }
}

/// The refusal of a body beyond [`MAX_BODY`].
pub(crate) fn too_large() -> ServiceError {
    let message = format!("the request body is larger than {MAX_BODY} bytes");
    ServiceError { status: 413, ..ServiceError::new("RequestEntityTooLarge", message) }
}

/// Reads the request and makes its call; answers the operation's name as well.
fn call(
    account: &mut Account,
    service: Service,
    protocol: Protocol,
    request: &Request,
    make: impl FnOnce(&mut Account, &str, Service, &str, Value) -> Answer,
) -> (String, Answer) {
    if request.body.len() > MAX_BODY {
        return (String::new(), Err(too_large()));
    }
    match read(protocol, request) {
        Ok(operation) => {
            let key = request.scope().map(|scope| scope.access_key).unwrap_or_default();
            let answer = make(account, key, service, &operation.name, operation.input);
            (operation.name, answer)
        }
        Err(error) => (String::new(), Err(error)),
    }
}

fn read(protocol: Protocol, request: &Request) -> Result<Operation, ServiceError> {
    match protocol {
        Protocol::Cbor => cbor::read(request),
        Protocol::Json(_) => json::read(request),
        Protocol::Rest(routes) => rest::read(routes, request),
        Protocol::Query(_) => query::read(request),
        Protocol::Lambda => lambda::read(request),
    }
}

fn write(protocol: Protocol, operation: &str, request_id: &str, answer: Answer) -> Response {
    match protocol {
        Protocol::Cbor => match answer {
            Ok(output) => cbor::write(&output),
            Err(error) => cbor::refuse(&error),
        },
        Protocol::Json(content_type) => match answer {
            Ok(output) => json::write(&output, content_type),
            Err(error) => json::refuse(&error, content_type),
        },
        Protocol::Rest(_) => match answer {
            Ok(output) => json::write(&output, "application/json"),
            Err(error) => json::refuse(&error, "application/json"),
        },
        Protocol::Query(namespace) => match answer {
            Ok(output) => query::write(operation, namespace, request_id, &output),
            Err(error) => query::refuse(&error, namespace, request_id),
        },
        Protocol::Lambda => lambda::write(operation, answer),
    }
}

/// Decodes percent-encoding; bytes that are not UTF-8 are replaced.
fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;
