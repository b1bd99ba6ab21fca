//! A network between the SDK and the account that does what networks do: it throttles, delays, drops,
//! truncates, garbles, answers 500 or something that was meant for somebody else.
//!
//! Main type: [`Weather`]. Invariant: what it does follows from its seed and the order of the calls alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fastrand::Rng;

/// How many answers are kept to be given to somebody else.
const KEPT: usize = 8;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused: too many calls.
    Throttled,
    /// It takes this many seconds more.
    Delayed(u64),
    /// It never reaches the account.
    Dropped,
    /// It reaches the account, and the answer is lost.
    Unanswered,
    /// It reaches the account, and nothing is ever heard of it.
    Silent,
    /// The answer is cut off.
    Truncated,
    /// Some bytes of the answer are others.
    Garbled,
    /// A page of HTML instead of an answer.
    ServerError,
    /// A status without a body.
    Empty,
    /// An answer that was meant for another call.
    Mistaken,
    /// The server says that it has no such operation.
    Lacking,
}

const ALL: [Trouble; 11] = [
    Trouble::Throttled,
    Trouble::Delayed(0),
    Trouble::Dropped,
    Trouble::Unanswered,
    Trouble::Silent,
    Trouble::Truncated,
    Trouble::Garbled,
    Trouble::ServerError,
    Trouble::Empty,
    Trouble::Mistaken,
    Trouble::Lacking,
];

/// An answer as it can be given again, and the request that it was for.
#[derive(Debug, Clone)]
struct Answer {
    request: String,
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn of(request: String, response: &HttpResponse) -> Self {
        let headers = response.headers().iter();
        Self {
            request,
            status: response.status(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: response.body().bytes().unwrap_or_default().to_vec(),
        }
    }

    fn response(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status, SdkBody::from(self.body));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// How many calls of a hundred meet trouble.
    percent: u8,
    /// The troubles that may occur.
    kinds: Vec<Trouble>,
    answers: VecDeque<Answer>,
    /// What happened, for the words of a failure.
    log: Vec<(String, Trouble)>,
}

/// The network.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    inner: Option<SharedHttpClient>,
    state: Arc<Mutex<State>>,
}

impl Weather {
    /// From calm to storm, of one kind of trouble or of all, as the seed has it.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let percent = [2, 5, 10, 20, 40, 70][rng.usize(..6)];
        let kinds = if rng.bool() { ALL.to_vec() } else { vec![ALL[rng.usize(..ALL.len())]] };
        let state = State { rng, percent, kinds, answers: VecDeque::new(), log: Vec::new() };
        Self { inner: None, state: Arc::new(Mutex::new(state)) }
    }

    /// Puts it in front of an account.
    pub(crate) fn over(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Self { inner: Some(inner), state: Arc::clone(&self.state) })
    }

    /// What it did, call by call.
    pub(crate) fn log(&self) -> String {
        let state = self.state.lock().expect("no call panics");
        state.log.iter().map(|(call, trouble)| format!("{call}: {trouble:?}\n")).collect()
    }
}

impl State {
    fn trouble(&mut self, call: &str) -> Option<Trouble> {
        if self.rng.u8(..100) >= self.percent {
            return None;
        }
        let trouble = match self.kinds[self.rng.usize(..self.kinds.len())] {
            Trouble::Delayed(_) => Trouble::Delayed(self.rng.u64(1..20)),
            other => other,
        };
        self.log.push((call.to_owned(), trouble));
        Some(trouble)
    }

    fn keep(&mut self, answer: Answer) {
        if self.answers.len() == KEPT {
            self.answers.pop_front();
        }
        self.answers.push_back(answer);
    }

    /// The answer to another request, where there was one.
    fn another(&mut self, answer: Answer) -> Answer {
        let others = self.answers.iter().filter(|other| other.request != answer.request);
        let others: Vec<Answer> = others.cloned().collect();
        let count = others.len();
        if count == 0 { answer } else { others[self.rng.usize(..count)].clone() }
    }

    fn truncate(&mut self, answer: &mut Answer) {
        let length = answer.body.len();
        if length > 0 {
            answer.body.truncate(self.rng.usize(..length));
        }
        answer.headers.retain(|(name, _)| name != "content-length");
    }

    fn garble(&mut self, answer: &mut Answer) {
        for _ in 0..self.rng.usize(1..4) {
            if !answer.body.is_empty() {
                let at = self.rng.usize(..answer.body.len());
                answer.body[at] = self.rng.u8(..);
            }
        }
    }
}

/// One connection through the weather.
#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    state: Arc<Mutex<State>>,
}

impl HttpClient for Weather {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let client = self.inner.as_ref().expect("it stands in front of an account");
        let inner = client.http_connector(settings, components);
        SharedHttpConnector::new(Line { inner, state: Arc::clone(&self.state) })
    }
}

fn plain(status: u16, body: &str) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("a status");
    HttpResponse::new(status, SdkBody::from(body))
}

/// A refusal that every protocol of the SDK can read.
fn refused(code: &str) -> HttpResponse {
    let words = format!(r#"{{"__type":"{code}","message":"by the weather"}}"#);
    let mut response = plain(400, &words);
    response.headers_mut().insert("x-amzn-errortype", code.to_owned());
    response.headers_mut().insert("x-amzn-query-error", format!("{code};Sender"));
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    response
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection was reset".into())
}

/// What is called, for the log.
fn named(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    if !target.is_empty() {
        return target.to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let path = request.uri().rsplit_once("amazonaws.com").map_or("", |(_, path)| path);
    action.map_or_else(|| format!("{} {path}", request.method()), str::to_owned)
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let trouble = self.state.lock().expect("no call panics").trouble(&named(&request));
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let asked = format!("{} {} {body}", named(&request), request.uri());
        let state = Arc::clone(&self.state);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            match trouble {
                Some(Trouble::Throttled) => return Ok(refused("ThrottlingException")),
                Some(Trouble::Lacking) => return Ok(refused("UnknownOperationException")),
                Some(Trouble::Dropped) => return Err(lost()),
                Some(Trouble::ServerError) => {
                    return Ok(plain(500, "<html><body>Internal Server Error</body></html>"));
                }
                Some(Trouble::Empty) => return Ok(plain(400, "")),
                Some(Trouble::Delayed(seconds)) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                Some(
                    Trouble::Unanswered
                    | Trouble::Silent
                    | Trouble::Truncated
                    | Trouble::Garbled
                    | Trouble::Mistaken,
                )
                | None => {}
            }
            let response = inner.call(request).await?;
            let mut answer = Answer::of(asked, &response);
            match trouble {
                Some(Trouble::Unanswered) => return Err(lost()),
                Some(Trouble::Silent) => std::future::pending().await,
                Some(Trouble::Delayed(seconds)) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                Some(
                    Trouble::Truncated
                    | Trouble::Garbled
                    | Trouble::Mistaken
                    | Trouble::Throttled
                    | Trouble::Dropped
                    | Trouble::ServerError
                    | Trouble::Empty
                    | Trouble::Lacking,
                )
                | None => {}
            }
            let mut state = state.lock().expect("no call panics");
            let mine = answer.clone();
            match trouble {
                Some(Trouble::Truncated) => state.truncate(&mut answer),
                Some(Trouble::Garbled) => state.garble(&mut answer),
                Some(Trouble::Mistaken) => answer = state.another(answer),
                Some(_) | None => {}
            }
            state.keep(mine);
            Ok(answer.response())
        })
    }
}
