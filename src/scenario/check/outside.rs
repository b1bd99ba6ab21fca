//! Rules about requests, programs, and what is looked for in JSON.

use std::time::Duration as Length;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::Check;
use super::expectations::all;
use super::whole::positive;
use crate::scenario::inventory::short_name;
use crate::scenario::rules::code;
use crate::scenario::suggest::{hint_for, shortened};
use crate::scenario::types::{Duration, Fault, HttpExpectation, JsonPredicate};

/// The longest that an answer may take and the distance between two looks, and the least of the latter.
const LONGEST: Length = Length::from_mins(1);
const LEAST_EVERY: Length = Length::from_secs(1);

/// The statuses of an execution:
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>.
const EXECUTION_STATUSES: &[&str] =
    &["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];

/// Headers that carry a secret.
const SECRET_HEADERS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

/// What every request has.
struct Request<'a> {
    url: &'a str,
    method: Option<&'a String>,
    headers: &'a IndexMap<String, String>,
    status: Option<u16>,
    timeout: Option<Duration>,
}

/// The faults that reach outside.
pub(super) fn fault(check: &mut Check<'_>, fault: &Fault, path: &str) {
    if let Some(http) = &fault.http {
        let path = format!("{path}/http");
        let one = Request {
            url: &http.url,
            method: http.method.as_ref(),
            headers: &http.headers,
            status: http.status,
            timeout: http.timeout,
        };
        request(check, &one, &path);
        if let Some(back) = &http.revert {
            let one = Request {
                url: &back.url,
                method: back.method.as_ref(),
                headers: &back.headers,
                status: back.status,
                timeout: back.timeout,
            };
            request(check, &one, &format!("{path}/revert"));
        }
    }
    if let Some(command) = &fault.command {
        let path = format!("{path}/command");
        program(check, &command.program, command.timeout, &path);
        if let Some(back) = &command.revert {
            program(check, &back.program, back.timeout, &format!("{path}/revert"));
        }
    }
}

/// The expectations on executions and URLs.
pub(super) fn expectations(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        let kinds = placed.kinds();
        if let Some(wanted) = kinds.execution {
            let path = format!("{}/execution", placed.kinds_path());
            if !EXECUTION_STATUSES.contains(&wanted.status.as_str()) {
                let message =
                    format!("`{}` is not a status of an execution", shortened(&wanted.status));
                let hint = hint_for(&wanted.status, EXECUTION_STATUSES.iter().copied());
                check.error(code::UNKNOWN_STATUS, &format!("{path}/status"), message, hint);
            }
            for (part, predicate) in [("input", &wanted.input), ("output", &wanted.output)] {
                if let Some(one) = predicate {
                    predicate_rules(check, one, &format!("{path}/{part}"));
                }
            }
            known_machine(check, &wanted.state_machine, &format!("{path}/state_machine"));
        }
        if let Some(wanted) = kinds.http {
            answer(check, wanted, &format!("{}/http", placed.kinds_path()));
        }
    }
}

fn known_machine(check: &mut Check<'_>, wanted: &str, path: &str) {
    let Some(inventory) = check.inventory else { return };
    let name = short_name(wanted);
    let names = inventory.state_machines.iter().map(String::as_str);
    if !names.clone().any(|known| known == name) {
        let message = format!("the environment has no state machine `{}`", shortened(wanted));
        let hint = hint_for(name, names);
        check.error(code::UNKNOWN_RESOURCE, path, message, hint);
    }
}

fn answer(check: &mut Check<'_>, wanted: &HttpExpectation, path: &str) {
    let one = Request {
        url: &wanted.url,
        method: wanted.method.as_ref(),
        headers: &wanted.headers,
        status: wanted.status,
        timeout: wanted.timeout,
    };
    request(check, &one, path);
    let (equals, matches) = (wanted.equals.as_ref(), wanted.matches.as_ref());
    asked(check, &wanted.path, equals, matches, wanted.exists, path);
    if let Some(time) = &wanted.time {
        json_path(check, time, &format!("{path}/time"));
    }
    if wanted.every.is_some_and(|every| every.0 < LEAST_EVERY || every.0 > LONGEST) {
        let message = "a URL is looked at every 1s to 1m".to_owned();
        let hint = "a look that comes later than that could not tell late from missed".to_owned();
        check.error(code::BAD_REQUEST, &format!("{path}/every"), message, hint);
    }
}

fn predicate_rules(check: &mut Check<'_>, one: &JsonPredicate, path: &str) {
    asked(check, &one.path, one.equals.as_ref(), one.matches.as_ref(), one.exists, path);
}

fn asked(
    check: &mut Check<'_>,
    json: &str,
    equals: Option<&Value>,
    matches: Option<&String>,
    exists: Option<bool>,
    path: &str,
) {
    json_path(check, json, &format!("{path}/path"));
    let ways = [equals.is_some(), matches.is_some(), exists.is_some()];
    if ways.into_iter().filter(|there| *there).count() > 1 {
        let message = "only one of `equals`, `matches` and `exists` can be asked".to_owned();
        let hint = "make them expectations of their own".to_owned();
        check.error(code::BAD_PREDICATE, path, message, hint);
    }
    if let Some(pattern) = matches
        && let Err(error) = Regex::new(pattern)
    {
        let words = error.to_string();
        let why = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message = format!("`{}` is no regular expression: {why}", shortened(pattern));
        check.error(code::BAD_PREDICATE, &format!("{path}/matches"), message, None);
    }
}

fn json_path(check: &mut Check<'_>, text: &str, path: &str) {
    if let Err(error) = JsonPath::parse(text) {
        let message = format!("`{}` is not a JSONPath: {error}", shortened(text));
        let hint = "such as `$.tickets[0].state` or `$['short name']`".to_owned();
        check.error(code::BAD_PREDICATE, path, message, hint);
    }
}

fn request(check: &mut Check<'_>, request: &Request<'_>, path: &str) {
    url(check, request.url, &format!("{path}/url"));
    if let Some(method) = request.method
        && (method.is_empty() || !method.bytes().all(|letter| letter.is_ascii_alphabetic()))
    {
        let message = format!("`{}` is not a method", shortened(method));
        let hint = "such as `POST` or `DELETE`".to_owned();
        check.error(code::BAD_REQUEST, &format!("{path}/method"), message, hint);
    }
    if request.status.is_some_and(|status| !(100..600).contains(&status)) {
        let message = "a status is a number from 100 to 599".to_owned();
        check.error(code::BAD_REQUEST, &format!("{path}/status"), message, None);
    }
    positive(check, &format!("{path}/timeout"), request.timeout);
    if request.timeout.is_some_and(|timeout| timeout.0 > LONGEST) {
        let message = "an answer may take a minute at most".to_owned();
        check.error(code::BAD_REQUEST, &format!("{path}/timeout"), message, None);
    }
    for (name, value) in request.headers {
        let place = format!("{path}/headers/{name}");
        let legal = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !legal || value.contains(['\r', '\n']) {
            let message = format!("`{}` is not a header", shortened(name));
            check.error(code::BAD_REQUEST, &place, message, None);
        }
        let secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        if secret && !value.contains("${env.") {
            let message =
                format!("the header `{}` holds its secret as plain text", shortened(name));
            let hint =
                "write `${env.NAME}`: it is put in when the request is sent, and never shown";
            check.warning(code::PLAIN_SECRET, &place, message, hint.to_owned());
        }
    }
}

fn url(check: &mut Check<'_>, written: &str, path: &str) {
    // A value that is not there yet stands for any text.
    let mut text = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('x');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let whole = written.trim_start().starts_with("${");
    let parsed: Option<http::Uri> = text.parse().ok();
    let fine = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if !fine && !whole {
        let message = format!("`{}` is not a URL", shortened(written));
        let hint = "such as `https://tickets.example.com/api/incidents?run=${run.id}`".to_owned();
        check.error(code::BAD_REQUEST, path, message, hint);
        return;
    }
    let authority = text.split("://").nth(1).unwrap_or_default();
    if authority.split(['/', '?', '#']).next().unwrap_or_default().contains('@') {
        let message = "the URL holds a user or a password".to_owned();
        let hint = "use the header `Authorization: Basic ${env.NAME}`".to_owned();
        check.error(code::BAD_REQUEST, path, message, hint);
    }
}

fn program(check: &mut Check<'_>, program: &str, timeout: Option<Duration>, path: &str) {
    if program.trim().is_empty() {
        let message = "the program has no name".to_owned();
        let hint = "a name on the PATH, or a path; arguments stand in `args`".to_owned();
        check.error(code::BAD_COMMAND, &format!("{path}/program"), message, hint);
    } else if program.contains(char::is_whitespace) && !program.contains('/') {
        let message = format!("`{}` is a command line, not a program", shortened(program));
        let hint = "no shell reads it: write its words under `args`".to_owned();
        check.error(code::BAD_COMMAND, &format!("{path}/program"), message, hint);
    }
    positive(check, &format!("{path}/timeout"), timeout);
}
