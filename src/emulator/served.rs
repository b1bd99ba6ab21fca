//! The account over HTTP/1.1 on loopback: for whole processes, crash tests and other people's clients.
//!
//! Main type: [`Server`]. Every request goes through the same wire as in a rehearsal. Invariants: nobody but
//! this machine can reach it; whoever sends too much or too slowly is cut off, and hurts nobody else; an
//! answer is dated by the account's clock.
//!
//! What is HTTP but no AWS request gets an AWS-shaped error; what is not HTTP at all gets a bare
//! `400 Bad Request`. `GET /_firedrill/account` is no part of AWS: it shows what stands in the account that
//! a drill could leave behind ([`belongings`]), so that a test can compare before and after.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::account::Account;
use super::belongings::{alarm_states, belongings};
use super::error::ServiceError;
use super::transport::Emulator;
use super::{long_poll, wire};

/// How many connections are open at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The most bytes that a request's head may have.
const MAX_HEAD: usize = 64 * 1024;

/// For how long a connection may be idle, and how long a request's head and its body may each take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to rest when no connection can be accepted (the process has too many files open).
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The path of what is no part of AWS.
const CONTROL: &str = "/_firedrill/account";

/// An emulated account behind a port of this machine.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    emulator: Emulator,
}

impl Server {
    /// Takes a port on loopback; 0 lets the system choose.
    ///
    /// # Errors
    /// The port is taken or may not be used.
    pub async fn bind(emulator: Emulator, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Self { listener, emulator })
    }

    /// Where it is reached.
    ///
    /// # Errors
    /// The system does not know the socket any more.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests, and lets the account live, until this is dropped.
    pub async fn serve(self) -> Infallible {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        let emulator = self.emulator.clone();
        let life = emulator.live();
        tokio::pin!(life);
        loop {
            let accepted = async {
                let permit = Arc::clone(&room).acquire_owned().await;
                let permit = permit.expect("the semaphore is never closed");
                (permit, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut life => unreachable!("an account lives for ever"),
                Some(_ended) = connections.join_next() => {}
                (permit, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let emulator = self.emulator.clone();
                        connections.spawn(async move {
                            converse(stream, emulator).await;
                            drop(permit);
                        });
                    }
                    Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
                },
            }
        }
    }
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, emulator: Emulator) {
    // Small answers must not wait for more to send; without it they are only slower.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let emulator = emulator.clone();
        async move { respond(&emulator, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away in the middle is no concern of the account's.
    let _gone = connection.await;
}

type HttpResponse = hyper::Response<Full<Bytes>>;

/// Answers one request; an error closes the connection.
async fn respond(
    emulator: &Emulator,
    request: hyper::Request<Incoming>,
) -> Result<HttpResponse, io::Error> {
    let (head, body) = request.into_parts();
    if head.uri.path() == CONTROL {
        return Ok(control(emulator));
    }
    let mut request = wire::Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body: Vec::new(),
    };
    let refuse = |request: &wire::Request, error: ServiceError| {
        write(emulator.now(|account| wire::refuse(account, request, error)))
    };
    match tokio::time::timeout(PATIENCE, Limited::new(body, wire::MAX_BODY).collect()).await {
        Ok(Ok(whole)) => {
            request.body = whole.to_bytes().into();
            let answer = match long_poll::asked_for(&request) {
                Some(wait) => long_poll::answer(emulator, &request, wait).await,
                None => emulator.answer(&request),
            };
            Ok(write(answer))
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(refuse(&request, wire::too_large())),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_elapsed) => {
            let error = ServiceError::new("RequestTimeout", "the request body did not arrive");
            Ok(refuse(&request, ServiceError { status: 408, ..error }))
        }
    }
}

fn write(response: wire::Response) -> HttpResponse {
    let mut built = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers {
        built = built.header(name, value);
    }
    built.body(Full::new(response.body.into())).unwrap_or_else(|error| {
        let mut refusal = hyper::Response::new(Full::new(error.to_string().into()));
        *refusal.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        refusal
    })
}

/// What stands in the account, its time and its place, as JSON.
fn control(emulator: &Emulator) -> HttpResponse {
    // Looking goes on on a copy, so that nobody waits for it.
    let accounts = emulator.estate_now();
    let show = |account: &Account| {
        let identity = account.identity();
        json!({
            "account": identity.account,
            "region": identity.region,
            "now": account.now(),
            "belongings": belongings(account),
            "alarm_states": alarm_states(account),
        })
    };
    let mut shown = show(accounts.home());
    if let [_, others @ ..] = accounts.accounts()
        && !others.is_empty()
    {
        shown["others"] = others.iter().map(show).collect();
    }
    write(wire::Response {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: format!("{shown:#}\n").into_bytes(),
    })
}
