//! Requests and programs, resolved: defaults filled in, nothing left to choose.
//!
//! Main functions: [`http()`], [`command`], [`execution`], [`answer`]. Invariant: `${env.NAME}` stands in a
//! request as it is written; only what sends it knows its value.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::Value;

use super::machines::token;
use super::predicate::Predicate;
use super::resolve::signed;
use super::{FaultAction, Kind};
use crate::scenario::types::{
    CommandFault, CommandRevert, CommandRun, Duration, ExecutionExpectation, HttpCall,
    HttpExpectation, HttpFault, HttpRevert, JsonPredicate,
};

/// How long an answer and a program may take where the scenario does not say, and how often a URL is
/// looked at.
const ANSWER: Duration = Duration(std::time::Duration::from_secs(10));
const PROGRAM: Duration = Duration(std::time::Duration::from_mins(1));
const EVERY: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn http(written: &HttpFault) -> FaultAction {
    let request =
        call(&written.url, written.method.as_ref(), "POST", &written.headers, &written.body);
    FaultAction::Http {
        request: within(request, written.status, written.timeout),
        revert: written.revert.as_ref().map(revert),
    }
}

fn revert(written: &HttpRevert) -> HttpCall {
    let request =
        call(&written.url, written.method.as_ref(), "POST", &written.headers, &written.body);
    within(request, written.status, written.timeout)
}

fn call(
    url: &str,
    method: Option<&String>,
    natural: &str,
    headers: &IndexMap<String, String>,
    body: &Value,
) -> HttpCall {
    let mut headers = headers.clone();
    let body = match body {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        json => {
            if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
                headers.insert("content-type".to_owned(), "application/json".to_owned());
            }
            Some(json.to_string())
        }
    };
    let method = method.map_or_else(|| natural.to_owned(), |method| method.to_ascii_uppercase());
    HttpCall { method, url: url.to_owned(), headers, body, status: None, timeout: ANSWER }
}

fn within(request: HttpCall, status: Option<u16>, timeout: Option<Duration>) -> HttpCall {
    HttpCall { status, timeout: timeout.unwrap_or(request.timeout), ..request }
}

pub(super) fn command(written: &CommandFault, fault: &str, run_id: &str) -> FaultAction {
    let back = |written: &CommandRevert| {
        program(&written.program, &written.args, &written.env, written.timeout)
    };
    FaultAction::Command {
        run: program(&written.program, &written.args, &written.env, written.timeout),
        revert: written.revert.as_ref().map(back),
        token: token(run_id, fault),
    }
}

fn program(
    program: &str,
    args: &[String],
    env: &IndexMap<String, String>,
    timeout: Option<Duration>,
) -> CommandRun {
    CommandRun {
        program: program.to_owned(),
        args: args.to_vec(),
        env: env.clone(),
        timeout: timeout.unwrap_or(PROGRAM),
    }
}

/// What an execution must be; nothing where a predicate asks in several ways.
pub(super) fn execution(written: &ExecutionExpectation) -> Option<Kind> {
    let read = |one: &JsonPredicate| {
        Predicate::new(&one.path, one.equals.as_ref(), one.matches.as_ref(), one.exists)
    };
    let both = |one: &Option<JsonPredicate>| match one {
        Some(one) => read(one).map(Some),
        None => Some(None),
    };
    Some(Kind::Execution {
        state_machine: written.state_machine.clone(),
        status: written.status.clone(),
        input: both(&written.input)?,
        output: both(&written.output)?,
    })
}

/// What a URL must answer; nothing where the predicate asks in several ways.
pub(super) fn answer(written: &HttpExpectation) -> Option<Kind> {
    let request =
        call(&written.url, written.method.as_ref(), "GET", &written.headers, &written.body);
    let (equals, matches) = (written.equals.as_ref(), written.matches.as_ref());
    Some(Kind::Http {
        request: within(request, written.status, written.timeout),
        predicate: Predicate::new(&written.path, equals, matches, written.exists)?,
        time: written.time.clone(),
        every: written.every.map_or(EVERY, signed),
    })
}
