//! One HTTP request, over the SDK's own connector and its TLS.
//!
//! Main function: [`send`]. Invariants: a request is sent once and no redirect is followed; the answer is
//! read up to a limit, inside the request's timeout; an error names the request as it is written, without
//! its secrets.

use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};

use super::values::{from_environment, resolve};
use crate::aws::{CallError, CallErrorKind, secrets};
use crate::scenario::types::HttpCall;

/// What a request is called in the record.
pub(crate) const OPERATION: &str = "http:request";

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// How much of an answer stands in an error, in characters.
const EXCERPT: usize = 200;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The beginning of the answer, without secrets.
    pub(crate) fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let clean = secrets::scrub(&text);
        clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect()
    }
}

/// A request with its values in it.
struct Resolved {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    timeout: Duration,
}

/// Sends a request once. The error says why there is no answer that was wanted: a status that was not
/// wanted is one too.
pub(crate) async fn send(call: &HttpCall) -> Result<Answer, CallError> {
    let about = format!("{} {}", call.method, call.url);
    let failed = |message: String| CallError {
        kind: CallErrorKind::Unreachable,
        operation: OPERATION,
        code: None,
        message: format!("{about} failed: {}", secrets::scrub(&message)),
    };
    let resolved = resolved(call).map_err(failed)?;
    let sent = tokio::task::spawn_blocking(move || blocking(resolved)).await;
    let answer = sent.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    let wanted = match call.status {
        Some(status) => answer.status == status,
        None => (200..300).contains(&answer.status),
    };
    if wanted {
        return Ok(answer);
    }
    let (kind, code) = match answer.status {
        401 | 403 => (CallErrorKind::Denied, "Status"),
        404 | 410 => (CallErrorKind::NotFound, "Status"),
        429 => (CallErrorKind::Throttled, "Status"),
        400..500 => (CallErrorKind::Refused, "Status"),
        // The server may have done it all the same: not a word that says that it was refused.
        _ => (CallErrorKind::Unreachable, "the answer has the status "),
    };
    let message =
        format!("{code}{}: {about} was answered with: {}", answer.status, answer.excerpt());
    Err(CallError { kind, operation: OPERATION, code: None, message })
}

fn resolved(call: &HttpCall) -> Result<Resolved, String> {
    let fill = |text: &str| resolve(text, from_environment);
    let mut headers = Vec::new();
    for (name, value) in &call.headers {
        headers.push((name.to_ascii_lowercase(), fill(value)?));
    }
    Ok(Resolved {
        method: call.method.clone(),
        url: fill(&call.url)?,
        headers,
        body: call.body.as_deref().map(fill).transpose()?,
        timeout: call.timeout.0,
    })
}

/// On a thread of its own, in real time.
fn blocking(request: Resolved) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let timeout = request.timeout;
    runtime.block_on(async {
        match tokio::time::timeout(timeout, exchange(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                Err(format!("no answer within {}", humantime::format_duration(timeout)))
            }
        }
    })
}

async fn exchange(request: Resolved) -> Result<Answer, String> {
    let connector = Connector::builder()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build();
    let body = request.body.map_or_else(SdkBody::empty, SdkBody::from);
    let length = body.content_length().filter(|length| *length > 0);
    let mut sent = HttpRequest::new(body);
    sent.set_method(&request.method).map_err(|error| error.to_string())?;
    sent.set_uri(request.url).map_err(|error| error.to_string())?;
    let headers = sent.headers_mut();
    headers.insert("user-agent", concat!("firedrill/", env!("CARGO_PKG_VERSION")));
    if let Some(length) = length {
        headers.insert("content-length", length.to_string());
    }
    for (name, value) in request.headers {
        headers.try_insert(name, value).map_err(|error| format!("a header: {error}"))?;
    }
    let answer = connector.call(sent).await.map_err(|error| chain(&error))?;
    let status = answer.status().as_u16();
    let read = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
    let body = read.map_err(|error| format!("the answer can't be read: {}", chain(&*error)))?;
    Ok(Answer { status, body: body.to_bytes().to_vec() })
}

/// An error and its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
