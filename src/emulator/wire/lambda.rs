//! restJson1 as Lambda speaks it: payloads are bodies as they are, and what belongs to them is in headers.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use serde_json::{Map, Value, json};

use super::{Operation, Request, Response, json as wire, percent_decode};
use crate::emulator::error::{Answer, ServiceError};

/// What stands before a function's name.
const FUNCTIONS: &str = "/2015-03-31/functions/";

/// Reads operation and input.
pub(super) fn read(request: &Request) -> Result<Operation, ServiceError> {
    let refused =
        || ServiceError::unsupported(format_args!("lambda: {} {}", request.method, request.path));
    let rest = request.path.strip_prefix(FUNCTIONS).ok_or_else(refused)?;
    let mut parts = rest.split('/');
    let name = percent_decode(parts.next().unwrap_or_default());
    let tail: Vec<&str> = parts.collect();
    let mut input = Map::new();
    for pair in request.query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "Qualifier" | "Marker" => {
                input.insert(key.to_owned(), percent_decode(value).into());
            }
            "MaxItems" => {
                input
                    .insert(key.to_owned(), value.parse::<u64>().map_or(json!(value), Value::from));
            }
            _ => {}
        }
    }
    let operation = match (request.method.as_str(), name.is_empty(), tail.as_slice()) {
        ("POST", false, ["invocations"]) => {
            for (header, member) in [
                ("x-amz-invocation-type", "InvocationType"),
                ("x-amz-log-type", "LogType"),
                ("x-amz-client-context", "ClientContext"),
            ] {
                if let Some(value) = request.header(header) {
                    input.insert(member.to_owned(), value.into());
                }
            }
            let payload = String::from_utf8_lossy(&request.body).into_owned();
            input.insert("Payload".to_owned(), payload.into());
            "Invoke"
        }
        ("GET", false, ["configuration"]) => "GetFunctionConfiguration",
        ("GET", false, []) => "GetFunction",
        ("GET", true, []) => "ListFunctions",
        _ => return Err(refused()),
    };
    if !name.is_empty() {
        input.insert("FunctionName".to_owned(), name.into());
    }
    Ok(Operation { name: operation.to_owned(), input: Value::Object(input) })
}

/// Writes an answer: that of an invocation is its payload, with its status and its headers.
pub(super) fn write(operation: &str, answer: Answer) -> Response {
    let output = match answer {
        Ok(output) if operation == "Invoke" => output,
        Ok(output) => return wire::write(&output, "application/json"),
        Err(error) => return wire::refuse(&error, "application/json"),
    };
    let status = output["StatusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let mut headers = vec![("content-type", "application/json".to_owned())];
    for (member, header) in
        [("FunctionError", "x-amz-function-error"), ("ExecutedVersion", "x-amz-executed-version")]
    {
        if let Some(value) = output[member].as_str() {
            headers.push((header, value.to_owned()));
        }
    }
    let body = output["Payload"].as_str().unwrap_or_default().as_bytes().to_vec();
    Response { status: status.unwrap_or(200), headers, body }
}
