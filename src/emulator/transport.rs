//! The account under the real SDK: requests go to the account instead of to a socket.
//!
//! Main type: [`Emulator`], which is the SDK's `HttpClient` and lets the account live in the runtime's
//! (virtual) time. This is the emulator's only async edge. Invariant: the account's clock is never ahead
//! of ours, and every change rings the bell after it happened.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use tokio::sync::Notify;

use super::account::Account;
use super::estate::Estate;
use super::{long_poll, wire};
use crate::clock::Clock;
use crate::wakeup::{Bell, Wakeups};

/// One emulated account that lives in the runtime's time and answers the SDK.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Inner>,
}

struct Inner {
    estate: Mutex<Estate>,
    clock: Clock,
    bell: Bell,
    /// Rung when a call may have put something earlier onto the agenda.
    rescheduled: Notify,
    calls: AtomicU64,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Emulator").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Puts an account, or several side by side, under a clock. The clock must not be behind them.
    pub fn new(accounts: impl Into<Estate>, clock: Clock) -> (Self, Wakeups) {
        let (bell, wakeups) = Bell::new();
        let inner = Inner {
            estate: Mutex::new(accounts.into()),
            clock,
            bell,
            rescheduled: Notify::new(),
            calls: AtomicU64::new(0),
        };
        (Self { inner: Arc::new(inner) }, wakeups)
    }

    /// How many API calls the account has answered.
    pub fn calls(&self) -> u64 {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// A copy of the (home) account as it is now.
    pub fn account(&self) -> Account {
        self.lock().home().clone()
    }

    /// A copy of all accounts as they are now.
    pub fn estate(&self) -> Estate {
        self.lock().clone()
    }

    /// Lets the account live: whatever is due happens when our clock reaches it. Never returns.
    pub async fn live(&self) {
        loop {
            let next = self.lock().next_due();
            let due = async {
                match next {
                    Some(at) => self.inner.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.inner.rescheduled.notified() => {}
                () = due => self.advance(),
            }
        }
    }

    fn advance(&self) {
        let changes = {
            let mut estate = self.lock();
            estate.advance(self.inner.clock.now());
            estate.take_changes()
        };
        self.inner.bell.ring(&changes);
    }

    fn lock(&self) -> MutexGuard<'_, Estate> {
        self.inner.estate.lock().expect("no call panics while it holds the account")
    }

    /// Hears every change from here on.
    pub(super) fn wakeups(&self) -> Wakeups {
        self.inner.bell.listen()
    }

    /// Answers one request, at the present moment of the account's clock.
    pub(crate) fn answer(&self, request: &wire::Request) -> wire::Response {
        self.count();
        self.ask(request)
    }

    /// One more call is answered.
    pub(super) fn count(&self) {
        self.inner.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// What the account answers now; whoever waits for an answer asks more than once.
    pub(super) fn ask(&self, request: &wire::Request) -> wire::Response {
        self.step(|estate| estate.answer(request))
    }

    /// Does something with the (home) account at the present moment of its clock.
    pub(crate) fn now<T>(&self, what: impl FnOnce(&mut Account) -> T) -> T {
        self.step(|estate| what(estate.home_mut()))
    }

    /// A copy of all accounts at the present moment of their clock.
    pub(crate) fn estate_now(&self) -> Estate {
        self.step(|estate| estate.clone())
    }

    fn step<T>(&self, what: impl FnOnce(&mut Estate) -> T) -> T {
        let (done, changes) = {
            let mut estate = self.lock();
            estate.advance(self.inner.clock.now());
            let done = what(&mut estate);
            (done, estate.take_changes())
        };
        self.inner.bell.ring(&changes);
        self.inner.rescheduled.notify_one();
        done
    }
}

impl HttpConnector for Emulator {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = read_request(&request);
        let Some(wait) = long_poll::asked_for(&request) else {
            return HttpConnectorFuture::ready(write_response(self.answer(&request)));
        };
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            write_response(long_poll::answer(&this, &request, wait).await)
        })
    }
}

impl HttpClient for Emulator {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn read_request(request: &HttpRequest) -> wire::Request {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let uri: http::Uri = request.uri().parse().unwrap_or_default();
    wire::Request {
        method: request.method().to_owned(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}

fn write_response(response: wire::Response) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(response.status)
        .map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut sdk = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        sdk.headers_mut().insert(name, value);
    }
    Ok(sdk)
}
