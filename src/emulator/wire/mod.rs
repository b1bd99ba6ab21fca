//! The wire protocols: a signed HTTP request becomes a service operation with a JSON input, and its
//! answer becomes the bytes that the real SDK parses.
//!
//! Main types: [`Request`], [`Response`]. One file per protocol. Invariant: the wire knows shapes, never
//! behaviour; whatever it can't read is an AWS-shaped error in the protocol of the request.

mod cbor;
mod json;
mod query;
mod rest;

use serde_json::Value;

use super::account::Account;
use super::error::{Answer, ServiceError};
use super::services::Service;

/// The largest request body that is read, in bytes: well above AWS's own limits.
const MAX_BODY: usize = 8 * 1024 * 1024;

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
}

impl Request {
    /// A header's value; the name in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The service that the request was signed for.
    fn signed_for(&self) -> Option<&str> {
        self.scope()?.split('/').nth(3)
    }

    /// The access key that the request was signed with.
    fn access_key(&self) -> &str {
        self.scope().and_then(|scope| scope.split('/').next()).unwrap_or_default()
    }

    /// The signature's scope: access key, date, region, service.
    fn scope(&self) -> Option<&str> {
        let authorization = self.header("authorization")?;
        authorization.split("Credential=").nth(1)?.split(',').next()
    }
}

/// The service and protocol behind a signing name.
fn endpoint(signing_name: &str) -> Option<(Service, Protocol)> {
    const JSON_1_0: Protocol = Protocol::Json("application/x-amz-json-1.0");
    const JSON_1_1: Protocol = Protocol::Json("application/x-amz-json-1.1");
    match signing_name {
        "monitoring" => Some((Service::CloudWatch, Protocol::Cbor)),
        "events" => Some((Service::Events, JSON_1_1)),
        "ssm" => Some((Service::Ssm, JSON_1_1)),
        "codedeploy" => Some((Service::CodeDeploy, JSON_1_1)),
        "sqs" => Some((Service::Sqs, JSON_1_0)),
        "fis" => Some((Service::Fis, Protocol::Rest(rest::FIS))),
        "ssm-incidents" => Some((Service::Incidents, Protocol::Rest(rest::INCIDENTS))),
        "states" => Some((Service::StepFunctions, JSON_1_0)),
        "sns" => Some((Service::Sns, Protocol::Query("http://sns.amazonaws.com/doc/2010-03-31/"))),
        "sts" => Some((Service::Sts, Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/"))),
        _ => None,
    }
}

/// Answers one request out of the account.
pub(crate) fn answer(account: &mut Account, request: &Request) -> Response {
    let Some(signing_name) = request.signed_for() else {
        let error = ServiceError {
            status: 403,
            ..ServiceError::new("MissingAuthenticationToken", "the request is not signed")
        };
        return json::refuse(&error, "application/json");
    };
    let Some((service, protocol)) = endpoint(signing_name) else {
        let error = ServiceError::unsupported(format_args!("the service `{signing_name}`"));
        return json::refuse(&error, "application/json");
    };
    let request_id = account.ids.uuid();
    let read = if request.body.len() > MAX_BODY {
        Err(ServiceError::new("RequestEntityTooLarge", "the request body is too large"))
    } else {
        read(protocol, request)
    };
    let (name, answer) = match read {
        Ok(operation) => {
            let key = request.access_key();
            let answer = account.call_signed(key, service, &operation.name, operation.input);
            (operation.name, answer)
        }
        Err(error) => (String::new(), Err(error)),
    };
    let mut response = write(protocol, service, &name, &request_id, answer);
    response.headers.push(("x-amzn-requestid", request_id));
    let date = account.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers.push(("date", date));
    response
}

fn read(protocol: Protocol, request: &Request) -> Result<Operation, ServiceError> {
    match protocol {
        Protocol::Cbor => cbor::read(request),
        Protocol::Json(_) => json::read(request),
        Protocol::Rest(routes) => rest::read(routes, request),
        Protocol::Query(_) => query::read(request),
    }
}

fn write(
    protocol: Protocol,
    service: Service,
    operation: &str,
    request_id: &str,
    answer: Answer,
) -> Response {
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
            Ok(output) => query::write(service, operation, namespace, request_id, &output),
            Err(error) => query::refuse(&error, namespace, request_id),
        },
    }
}

/// Decodes percent-encoding; bytes that are not UTF-8 are replaced.
fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
