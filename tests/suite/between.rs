//! Something that stands between the SDK and the emulated account: it sees each call's name and request,
//! and may pass it, answer it itself, or change what comes back.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// What becomes of one call, by its operation's name.
type Act =
    dyn Fn(&str, HttpRequest, SharedHttpConnector) -> HttpConnectorFuture + Send + Sync + 'static;

/// The client that acts on each call.
#[derive(Clone)]
struct Between {
    inner: SharedHttpClient,
    act: Arc<Act>,
}

impl fmt::Debug for Between {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Between").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Connection {
    inner: SharedHttpConnector,
    between: Between,
}

impl HttpClient for Between {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connection { inner, between: self.clone() })
    }
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let name = operation(&request);
        (self.between.act)(&name, request, self.inner.clone())
    }
}

/// Puts `act` between the SDK and the account.
pub(crate) fn between(
    inner: SharedHttpClient,
    act: impl Fn(&str, HttpRequest, SharedHttpConnector) -> HttpConnectorFuture + Send + Sync + 'static,
) -> SharedHttpClient {
    SharedHttpClient::new(Between { inner, act: Arc::new(act) })
}

/// The operation of a request in any protocol but REST, whose path it then is.
pub(crate) fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    if let Some(action) = body.split('&').find_map(|pair| pair.strip_prefix("Action=")) {
        return action.to_owned();
    }
    let path = request.uri().split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// An error of AWS in the request's own protocol.
pub(crate) fn refuse(request: &HttpRequest, status: u16, code: &str) -> HttpConnectorFuture {
    let words = if request.headers().get("smithy-protocol") == Some("rpc-v2-cbor") {
        let pairs = [("__type", code), ("message", "by the test")];
        minicbor::to_vec(std::collections::BTreeMap::from(pairs)).expect("two texts")
    } else {
        format!(r#"{{"__type":"{code}","message":"by the test"}}"#).into_bytes()
    };
    let status = StatusCode::try_from(status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(words));
    response.headers_mut().insert("x-amzn-errortype", code.to_owned());
    response.headers_mut().insert("x-amzn-query-error", format!("{code};Sender"));
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    HttpConnectorFuture::ready(Ok(response))
}
