//! The one door that every call to an account goes through: it keeps the budget, counts, and reads
//! AWS's clock.
//!
//! Main type: [`Gate`], which wraps the SDK's HTTP client, so that retries are counted and budgeted like
//! first attempts. One gate serves one account and region, whoever calls. Invariants: no call passes
//! without a place in its budget; what takes a change back has a share of its own ([`undoing`]) and is
//! never refused a place; waiting is tokio's time, so a rehearsal waits virtually.

mod answers;
pub(crate) mod budget;
mod skew;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SdkConfig;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::clock::Clock;
use budget::{Buckets, Share};
pub use skew::Skew;

/// How long a call waits for its place before it is refused: well inside the time that a call has.
const MOST_WAIT: Duration = Duration::from_secs(15);

/// What takes a change back waits for its own share alone, and is never refused.
const UNDO_WAITS: Duration = Duration::from_hours(24);

/// The header that carries the call's name from the SDK's operation to the gate. It is added after the
/// signature and taken off before anything is sent.
const NAME_HEADER: &str = "x-firedrill-call";

/// How many calls of each action were made, by the action's name as IAM spells it.
pub type Counts = BTreeMap<String, u64>;

tokio::task_local! {
    static SHARE: Share;
    static TALLY: Tally;
}

/// Does what takes a change back: its calls have a share of their own, so that no look holds them up.
pub async fn undoing<T>(work: impl Future<Output = T>) -> T {
    SHARE.scope(Share::Undo, Box::pin(work)).await
}

/// Whether this is part of what takes a change back.
pub(crate) fn is_undoing() -> bool {
    SHARE.try_with(|share| *share == Share::Undo).unwrap_or(false)
}

/// Counts the calls that some work makes.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

impl Tally {
    /// Does the work and counts its calls, retries included.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        TALLY.scope(self.clone(), Box::pin(work)).await
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn count(&self, action: &str) {
        *self.lock().entry(action.to_owned()).or_default() += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("nobody panics while they count")
    }
}

/// The budget for an API is used up, and its next place is too far away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "firedrill's own budget for {budget} is used up for {} s more: more is asked of it than it may call",
    wait.as_secs()
)]
pub(crate) struct OverBudget {
    budget: String,
    wait: Duration,
}

/// The door of one account and region.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    buckets: Mutex<Buckets>,
    samples: Mutex<skew::Samples>,
    all: Tally,
}

impl Gate {
    /// The configuration with its HTTP client behind this gate.
    pub(crate) fn guard(&self, config: &SdkConfig) -> SdkConfig {
        match config.http_client() {
            Some(inner) => config
                .to_builder()
                .http_client(SharedHttpClient::new(Door { inner, gate: self.clone() }))
                .build(),
            None => config.clone(),
        }
    }

    /// How many calls went through, by action.
    pub fn counts(&self) -> Counts {
        self.0.all.counts()
    }

    /// How far this clock is from AWS's; nothing before the first answer.
    pub fn skew(&self, clock: &Clock) -> Option<Skew> {
        self.0.samples.lock().expect("nobody panics while they note").skew(clock)
    }

    /// By how much our clock may be ahead of AWS's; nothing where the two can't be told apart.
    pub(crate) fn ahead(&self, clock: &Clock) -> SignedDuration {
        self.skew(clock).map(|skew| skew.ahead()).unwrap_or_default()
    }

    fn reserve(&self, action: &str) -> Result<Duration, OverBudget> {
        let share = if is_undoing() { Share::Undo } else { Share::Work };
        let most = match share {
            Share::Undo => UNDO_WAITS,
            Share::Work => MOST_WAIT,
        };
        let now = Instant::now();
        let reserved = self.buckets().reserve(action, share, now, most);
        reserved.map_err(|wait| OverBudget { budget: budget::of(action).0.to_owned(), wait })
    }

    fn count(&self, action: &str) {
        self.0.all.count(action);
        // What runs outside of any drill is counted by the gate alone.
        let _outside = TALLY.try_with(|tally| tally.count(action));
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.0.buckets.lock().expect("nobody panics while they reserve")
    }
}

/// Tells the gate what the SDK is about to call, and what AWS said to it.
impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "firedrill gate"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let action = format!("{}:{}", prefix(metadata.service()), metadata.name());
            context.request_mut().headers_mut().insert(NAME_HEADER, action);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(());
        }
        let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let headers = response.headers();
        let told = [headers.get("x-amzn-errortype"), headers.get("x-amzn-query-error")];
        let mut told = told.into_iter().flatten().chain([&*body]);
        let throttled = status.as_u16() == 429
            || told.any(|text| super::THROTTLED.iter().any(|code| text.contains(code)));
        if let Some(metadata) = config.load::<Metadata>().filter(|_| throttled) {
            let action = format!("{}:{}", prefix(metadata.service()), metadata.name());
            self.buckets().slow(&action, Instant::now());
        }
        Ok(())
    }
}

/// A service's prefix in IAM, from its name in the SDK.
fn prefix(service: &str) -> String {
    // The SDK's names have spaces in them: `CloudWatch Logs`, `SSM Incidents`.
    let service: String = service.split_whitespace().collect();
    match service.as_str() {
        "CloudWatchLogs" => "logs".to_owned(),
        "ConfigService" => "config".to_owned(),
        "EventBridge" => "events".to_owned(),
        "SFN" => "states".to_owned(),
        "SSMIncidents" => "ssm-incidents".to_owned(),
        other => other.to_lowercase(),
    }
}

/// The HTTP client behind the gate.
#[derive(Debug, Clone)]
struct Door {
    inner: SharedHttpClient,
    gate: Gate,
}

impl HttpClient for Door {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Passage { inner, gate: self.gate.clone() })
    }
}

/// One connection behind the gate.
#[derive(Debug, Clone)]
struct Passage {
    inner: SharedHttpConnector,
    gate: Gate,
}

impl HttpConnector for Passage {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let named = request.headers_mut().remove(NAME_HEADER);
        let action = named.unwrap_or_else(|| by_request(&request));
        // Here and not in the future: the place and the share are those of whoever asks now.
        let wait = match self.gate.reserve(&action) {
            Ok(wait) => wait,
            Err(refused) => {
                let error = ConnectorError::other(Box::new(refused), None);
                return HttpConnectorFuture::ready(Err(error));
            }
        };
        self.gate.count(&action);
        let Self { inner, gate } = self.clone();
        HttpConnectorFuture::new(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let sent = Instant::now();
            let response = inner.call(request).await?;
            if let Some(date) = response.headers().get("date") {
                let mut samples = gate.0.samples.lock().expect("nobody panics while they note");
                samples.note(date, sent, Instant::now());
            }
            answers::fits(&action, &response)
                .map_err(|mistaken| ConnectorError::other(Box::new(mistaken), None))?;
            Ok(response)
        })
    }
}

/// The name of a call whose client was made without the gate's interceptor, as far as the request says it.
fn by_request(request: &HttpRequest) -> String {
    let signed = request.headers().get("authorization").unwrap_or_default();
    let service = signed.split('/').nth(3).unwrap_or("unknown");
    let service = if service == "monitoring" { "cloudwatch" } else { service };
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().filter(|name| !name.is_empty());
    let path = request.uri().rsplit('/').next().unwrap_or_default();
    format!("{service}:{}", operation.unwrap_or(path))
}

/// Our own refusal among the causes of an error.
pub(crate) fn over_budget<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e OverBudget> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
